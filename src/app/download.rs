//! Files on their way out: refused rows in the sender's layout, and the published open data.
//!
//! Owns what is read for whom, so that HTTP never opens a file. What is written for one download lies in memory
//! or in a nameless file that ends with it.

use super::publishing::OpenFile;
use super::{App, AppError};
use crate::decode::Format;
use crate::domain::ids::SubmissionId;
use crate::domain::principal::Principal;
use crate::objects::{self, Content};
use crate::opendata::Dataset;
use crate::store::State;
use std::io::{self, Read, Seek, SeekFrom};

/// Refused rows up to this size stay in memory.
const IN_MEMORY_BYTES_MAX: usize = 8 << 20;
/// Largest published file that a page shows rows of.
const PAGE_FILE_BYTES_MAX: u64 = 32 << 20;
/// Rows of a data set that its page shows; the files have all.
pub const ROWS_SHOWN: usize = 200;

/// A file to be sent.
pub struct Download {
    pub media_type: String,
    pub file_name: String,
    /// None: known when it ends.
    pub bytes: Option<u64>,
    pub content: Content,
}

/// A data set with its latest release.
pub struct DatasetPage {
    pub dataset: Dataset,
    /// None: nothing is published yet.
    pub release: Option<OpenFile>,
    /// In the order of the columns; none: the cell is withheld.
    pub rows: Vec<Vec<Option<String>>>,
    pub rows_total: u64,
}

impl App {
    /// The refused rows as the sender would write them, with the reasons beside them. `asked`: the format the caller
    /// expects; there is only the file's own.
    pub async fn refused_file(
        &self,
        principal: &Principal,
        id: &SubmissionId,
        asked: Option<&str>,
    ) -> Result<Download, AppError> {
        let view = self.submission(principal, id).await?;
        let Some(receipt) = &view.receipt else {
            return Err(State::parse(&view.state).map_or(AppError::NotReady, AppError::without_rows));
        };
        let loaded = self
            .assets
            .mapping(&view.mapping)
            .or_else(|| self.assets.mapping(view.mapping.split('@').next().unwrap_or("")));
        let format = loaded.ok_or(AppError::UnknownSubmission)?.mapping.spec.format;
        if asked.is_some_and(|asked| asked != format.as_str()) {
            return Err(AppError::OtherFormat(format.as_str()));
        }
        let (media_type, extension) = media(format, &receipt.encoding);
        let spool = tempfile::spooled_tempfile_in(IN_MEMORY_BYTES_MAX, &self.home);
        let (_, mut file) = self.send_back(principal, id, spool).await?;
        let bytes = file.seek(SeekFrom::End(0)).and_then(|end| file.rewind().map(|()| end)).map_err(AppError::Write)?;
        let file_name = format!("refused-{id}.{extension}");
        Ok(Download { media_type, file_name, bytes: Some(bytes), content: objects::pieces(file) })
    }

    /// A file of the latest release with its content.
    pub async fn published_file(&self, dataset: &str, extension: &str) -> Result<(OpenFile, Download), AppError> {
        let open = self.open_file(dataset, extension).await?;
        let media_type = self
            .datasets()?
            .remove(dataset)
            .and_then(|dataset| dataset.formats.into_iter().find(|format| format.extension() == extension))
            .map_or("application/octet-stream", |format| format.media_type());
        let file = std::fs::File::open(&open.path).map_err(AppError::Kept)?;
        let bytes = file.metadata().map_err(AppError::Kept)?.len();
        let file_name = format!("{dataset}.{extension}");
        let (media_type, bytes) = (media_type.to_owned(), Some(bytes));
        let download = Download { media_type, file_name, bytes, content: objects::pieces(file) };
        Ok((open, download))
    }

    /// What the page of a data set shows.
    pub async fn dataset_page(&self, name: &str) -> Result<DatasetPage, AppError> {
        let dataset = self.datasets()?.remove(name).ok_or_else(|| AppError::UnknownDataset(name.to_owned()))?;
        let release = match self.open_file(name, "json").await {
            Ok(open) => Some(open),
            Err(AppError::UnknownDataset(_)) => None,
            Err(error) => return Err(error),
        };
        let Some(open) = &release else { return Ok(DatasetPage { dataset, release, rows: Vec::new(), rows_total: 0 }) };
        let path = open.path.clone();
        let columns: Vec<String> = dataset.columns.iter().map(|column| column.name.clone()).collect();
        let (rows, rows_total) =
            tokio::task::spawn_blocking(move || first_rows(&path, &columns)).await.map_err(|_| AppError::Worker)??;
        Ok(DatasetPage { dataset, release, rows, rows_total })
    }
}

type Rows = (Vec<Vec<Option<String>>>, u64);

fn first_rows(path: &std::path::Path, columns: &[String]) -> Result<Rows, AppError> {
    let mut text = Vec::new();
    let file = std::fs::File::open(path).map_err(AppError::Kept)?;
    file.take(PAGE_FILE_BYTES_MAX).read_to_end(&mut text).map_err(AppError::Kept)?;
    let read: serde_json::Value =
        serde_json::from_slice(&text).map_err(|error| AppError::Kept(io::Error::other(error)))?;
    let data = read.get("data").and_then(|data| data.as_array()).map_or(&[][..], Vec::as_slice);
    let cell = |row: &serde_json::Value, column: &String| match row.get(column) {
        Some(serde_json::Value::String(text)) => Some(text.clone()),
        Some(serde_json::Value::Null) | None => None,
        Some(number) => Some(number.to_string()),
    };
    let rows =
        data.iter().take(ROWS_SHOWN).map(|row| columns.iter().map(|column| cell(row, column)).collect()).collect();
    Ok((rows, data.len() as u64))
}

fn media(format: Format, encoding: &str) -> (String, &'static str) {
    match format {
        Format::Csv => (format!("text/csv; charset={encoding}"), "csv"),
        Format::Json => (String::from("application/json"), "json"),
        Format::Ndjson => (String::from("application/x-ndjson"), "ndjson"),
        Format::Xml => (format!("application/xml; charset={encoding}"), "xml"),
        Format::Xlsx => (String::from("application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"), "xlsx"),
    }
}
