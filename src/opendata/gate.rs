//! The publish gate: everything of a release is right, or there is no release.
//!
//! Owns the order: disclosure control over all datasets together, every format from one row stream, every file
//! read back by another parser, then the hashes. Refuses to write: the caller puts the bytes beside the old release
//! and switches over in one step, so a failure leaves the old release where it was.

use super::disclosure::{DisclosureError, Withheld, withhold};
use super::document::{Dataset, Format};
use super::formats::{FormatError, RowStream, csv_file, json_file};
use super::table::Table;
use serde::Serialize;

/// One dataset to be released.
#[derive(Debug, Clone, Copy)]
pub struct Draft<'d> {
    pub dataset: &'d Dataset,
    pub table: &'d Table,
}

/// SHA-256 (FIPS 180-4), brought by the caller.
pub type Sha256<'h> = dyn Fn(&[u8]) -> [u8; 32] + 'h;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct ReleaseFile {
    /// `learners-by-area.csv`
    pub name: String,
    pub format: Format,
    pub media_type: String,
    #[serde(skip)]
    pub bytes: Vec<u8>,
    pub size_bytes: u64,
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct DatasetRelease {
    pub dataset: String,
    pub version: u32,
    pub rows: u64,
    /// Cells withheld, for their own and others' sake together: apart, the two would help a reader.
    pub cells_withheld: u64,
    pub files: Vec<ReleaseFile>,
}

/// The receipt of a publication, and the files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Release {
    pub datasets: Vec<DatasetRelease>,
}

#[derive(Debug, thiserror::Error)]
pub enum GateFault {
    #[error("dataset {0} stands in the release twice")]
    Twice(String),
    #[error("dataset {dataset} needs {needs} in the same release: their numbers depend on each other")]
    Needs { dataset: String, needs: String },
    #[error("dataset {0} was not made by its document: columns differ")]
    Columns(String),
    #[error("the release gives somebody away or contradicts itself")]
    Disclosure(#[from] DisclosureError),
    #[error("file {file}")]
    Format {
        file: String,
        #[source]
        source: FormatError,
    },
}

/// All or nothing. Datasets whose documents name each other must come together.
pub fn prepare(drafts: &[Draft], sha256: &Sha256) -> Result<Release, GateFault> {
    for (at, draft) in drafts.iter().enumerate() {
        let dataset = draft.dataset;
        if drafts.iter().take(at).any(|other| other.dataset.name == dataset.name) {
            return Err(GateFault::Twice(dataset.name.clone()));
        }
        for needed in dataset.disclosure.totals.iter().filter_map(|total| total.equals.as_ref()) {
            if !drafts.iter().any(|other| other.dataset.name == needed.dataset) {
                return Err(GateFault::Needs { dataset: dataset.name.clone(), needs: needed.dataset.clone() });
            }
        }
        if draft.table.rows().iter().any(|row| row.len() != dataset.columns.len()) {
            return Err(GateFault::Columns(dataset.name.clone()));
        }
    }
    let tables: Vec<(&Dataset, &Table)> = drafts.iter().map(|draft| (draft.dataset, draft.table)).collect();
    let decided = withhold(&tables)?;
    let datasets = drafts.iter().zip(&decided).map(|(draft, decided)| release(draft.dataset, decided, sha256));
    Ok(Release { datasets: datasets.collect::<Result<_, _>>()? })
}

fn release(dataset: &Dataset, decided: &Withheld, sha256: &Sha256) -> Result<DatasetRelease, GateFault> {
    let stream = RowStream::new(dataset, &decided.rows, &decided.withheld);
    let mut files = Vec::new();
    for format in &dataset.formats {
        let name = format!("{}.{}", dataset.name, format.extension());
        let bytes = write(*format, &stream).map_err(|source| GateFault::Format { file: name.clone(), source })?;
        files.push(ReleaseFile {
            media_type: format.media_type().to_owned(),
            format: *format,
            size_bytes: bytes.len() as u64,
            sha256: data_encoding::HEXLOWER.encode(&sha256(&bytes)),
            name,
            bytes,
        });
    }
    Ok(DatasetRelease {
        dataset: dataset.name.clone(),
        version: dataset.version,
        rows: stream.len() as u64,
        cells_withheld: decided.protection.primary + decided.protection.complementary,
        files,
    })
}

fn write(format: Format, stream: &RowStream) -> Result<Vec<u8>, FormatError> {
    match format {
        Format::Csv => {
            let bytes = csv_file::write(stream)?;
            csv_file::read_back(stream, &bytes).map(|()| bytes)
        }
        Format::Json => {
            let bytes = json_file::write(stream)?;
            json_file::read_back(stream, &bytes).map(|()| bytes)
        }
    }
}

#[cfg(test)]
#[path = "gate_tests.rs"]
mod tests;
