//! A dataset document: the allow-list of columns, their dictionary, the catalogue fields and the disclosure rules.
//!
//! Owns compiling `schemas/opendata/<dataset>.yaml` with every fault at once. Refuses unknown keys, a column
//! without both languages, a measure without a unit, catalogue values the national catalogue would refuse and
//! disclosure rules that name what is not there.

use super::catalogue;
use crate::domain::text::Bilingual;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Longest document, in bytes.
pub const BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum ColumnType {
    /// Text, never a number, whatever it looks like.
    Code,
    Text,
    /// ISO 8601 date.
    Date,
    Integer,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    Dimension,
    Measure,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Format {
    Csv,
    Json,
}

impl Format {
    pub fn extension(&self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
        }
    }

    pub fn media_type(&self) -> &'static str {
        match self {
            Format::Csv => "text/csv; charset=utf-8; header=present",
            Format::Json => "application/json",
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Column {
    pub name: String,
    #[serde(rename = "type")]
    pub column_type: ColumnType,
    pub role: Role,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub unit: Option<String>,
    pub label: Bilingual,
    pub description: Bilingual,
}

/// A total the reader may know: the measure summed over all rows that agree in the columns of `by`.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct KnownTotal {
    pub measure: String,
    pub by: Vec<String>,
    /// The cell of another dataset that is this total, by the columns of `by`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub equals: Option<CellOf>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct CellOf {
    pub dataset: String,
    pub measure: String,
}

/// Measures of one row of which one is the sum of the others.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct RowSum {
    pub total: String,
    pub parts: Vec<String>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Disclosure {
    /// Cells from 1 to one below it are withheld. 0 is published: nobody stands in it.
    pub threshold: u64,
    /// Measures it applies to.
    pub measures: Vec<String>,
    /// Withhold what a withheld cell could be computed from.
    pub complementary: bool,
    /// Measures that are withheld for another cell's sake only as a last resort.
    #[serde(default)]
    pub keep: Vec<String>,
    #[serde(default)]
    pub totals: Vec<KnownTotal>,
    #[serde(default)]
    pub sums: Vec<RowSum>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Dataset {
    #[serde(rename = "dataset")]
    pub name: String,
    pub version: u32,
    pub title: Bilingual,
    pub description: Bilingual,
    pub licence: String,
    pub formats: Vec<Format>,
    /// Mandatory catalogue fields beyond those said above, by key.
    pub catalogue: BTreeMap<String, Vec<String>>,
    pub columns: Vec<Column>,
    pub disclosure: Disclosure,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DocumentFault {
    #[error("longer than {BYTES_MAX} bytes")]
    TooLong,
    #[error("not readable: {0}")]
    Unreadable(String),
    #[error("dataset name «{0}»: lower-case letters, digits and hyphens only")]
    Name(String),
    #[error("{0}: both languages are needed")]
    OneLanguage(String),
    #[error("no formats, or one of them twice")]
    Formats,
    #[error("column name «{0}»: lower-case letters, digits and underscores only, and not «suppressed»")]
    ColumnName(String),
    #[error("column {0} stands twice")]
    ColumnTwice(String),
    #[error("measure {0} must be an integer with a unit")]
    MeasureWithoutUnit(String),
    #[error("at least one dimension and one measure are needed")]
    NoColumns,
    #[error("mandatory catalogue field {0} is missing")]
    CatalogueMissing(&'static str),
    #[error("catalogue field {0} is not one to give here")]
    CatalogueUnknown(String),
    #[error("catalogue field {key}: «{value}» is not accepted by the national catalogue")]
    CatalogueValue { key: String, value: String },
    #[error("catalogue field {0} takes one value")]
    CatalogueSeveral(String),
    #[error("disclosure: {0} is no measure of this dataset")]
    NoSuchMeasure(String),
    #[error("disclosure: {0} is no dimension of this dataset")]
    NoSuchDimension(String),
    #[error("disclosure: measure {0} counts people and is not protected")]
    Unprotected(String),
    #[error("disclosure: the threshold is at least 2")]
    Threshold,
}

/// Every fault of one document.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} fault(s) in the dataset document, the first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
pub struct DocumentFaults(pub Vec<DocumentFault>);

impl Dataset {
    pub fn parse(text: &str) -> Result<Dataset, DocumentFaults> {
        if text.len() > BYTES_MAX {
            return Err(DocumentFaults(vec![DocumentFault::TooLong]));
        }
        let dataset: Dataset = serde_saphyr::from_str(text)
            .map_err(|error| DocumentFaults(vec![DocumentFault::Unreadable(error.to_string())]))?;
        let faults = dataset.faults();
        if faults.is_empty() { Ok(dataset) } else { Err(DocumentFaults(faults)) }
    }

    pub fn column(&self, name: &str) -> Option<usize> {
        self.columns.iter().position(|column| column.name == name)
    }

    /// All 14 mandatory fields of the national catalogue, in its order.
    pub fn catalogue_fields(&self) -> Vec<(&'static str, Vec<String>)> {
        let said = |key: &str| match key {
            "title" => vec![self.title.th.clone()],
            "notes" => vec![self.description.th.clone()],
            "data_format" => self.formats.iter().map(|format| format.extension().to_ascii_uppercase()).collect(),
            "license_id" => vec![self.licence.clone()],
            _ => self.catalogue.get(key).cloned().unwrap_or_default(),
        };
        catalogue::MANDATORY.iter().map(|field| (field.key, said(field.key))).collect()
    }

    fn faults(&self) -> Vec<DocumentFault> {
        let mut faults = Vec::new();
        let word = |text: &str, extra: u8| {
            !text.is_empty() && text.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == extra)
        };
        if !word(&self.name, b'-') {
            faults.push(DocumentFault::Name(self.name.clone()));
        }
        let mut bilingual = |what: String, text: &Bilingual| {
            if text.th.trim().is_empty() || text.en.trim().is_empty() {
                faults.push(DocumentFault::OneLanguage(what));
            }
        };
        bilingual("title".into(), &self.title);
        bilingual("description".into(), &self.description);
        for column in &self.columns {
            bilingual(format!("label of {}", column.name), &column.label);
            bilingual(format!("description of {}", column.name), &column.description);
        }
        let distinct: BTreeSet<Format> = self.formats.iter().copied().collect();
        if distinct.is_empty() || distinct.len() != self.formats.len() {
            faults.push(DocumentFault::Formats);
        }
        let mut seen = BTreeSet::new();
        for column in &self.columns {
            if !word(&column.name, b'_') || column.name == "suppressed" {
                faults.push(DocumentFault::ColumnName(column.name.clone()));
            }
            if !seen.insert(&column.name) {
                faults.push(DocumentFault::ColumnTwice(column.name.clone()));
            }
            if column.role == Role::Measure && (column.column_type != ColumnType::Integer || column.unit.is_none()) {
                faults.push(DocumentFault::MeasureWithoutUnit(column.name.clone()));
            }
        }
        for role in [Role::Dimension, Role::Measure] {
            if !self.columns.iter().any(|column| column.role == role) {
                faults.push(DocumentFault::NoColumns);
            }
        }
        self.catalogue_faults(&mut faults);
        self.disclosure_faults(&mut faults);
        faults
    }

    fn catalogue_faults(&self, faults: &mut Vec<DocumentFault>) {
        for (key, values) in self.catalogue_fields() {
            let Some(field) = catalogue::find(key) else { continue };
            if values.is_empty() || values.iter().any(|value| value.trim().is_empty()) {
                faults.push(DocumentFault::CatalogueMissing(key));
            }
            if values.len() > 1 && !field.several {
                faults.push(DocumentFault::CatalogueSeveral(key.to_owned()));
            }
            for value in values {
                let email = key != "maintainer_email" || value.split('@').filter(|part| part.len() > 2).count() == 2;
                let chosen = field.choices.is_empty() || field.choices.contains(&value.as_str());
                if !email || !chosen {
                    faults.push(DocumentFault::CatalogueValue { key: key.to_owned(), value });
                }
            }
        }
        for key in self.catalogue.keys() {
            if catalogue::find(key).is_none() || catalogue::DERIVED.contains(&key.as_str()) {
                faults.push(DocumentFault::CatalogueUnknown(key.clone()));
            }
        }
    }

    fn disclosure_faults(&self, faults: &mut Vec<DocumentFault>) {
        let rules = &self.disclosure;
        let has = |name: &str, role| self.columns.iter().any(|column| column.name == name && column.role == role);
        if rules.threshold < 2 {
            faults.push(DocumentFault::Threshold);
        }
        let sums = rules.sums.iter().flat_map(|sum| std::iter::once(&sum.total).chain(&sum.parts));
        let totals = rules.totals.iter().map(|total| &total.measure);
        for name in rules.measures.iter().chain(&rules.keep).chain(sums).chain(totals) {
            if !has(name, Role::Measure) {
                faults.push(DocumentFault::NoSuchMeasure(name.clone()));
            }
        }
        for name in rules.totals.iter().flat_map(|total| &total.by) {
            if !has(name, Role::Dimension) {
                faults.push(DocumentFault::NoSuchDimension(name.clone()));
            }
        }
        for column in self.columns.iter().filter(|column| column.role == Role::Measure) {
            if column.unit.as_deref() == Some("learners") && !rules.measures.contains(&column.name) {
                faults.push(DocumentFault::Unprotected(column.name.clone()));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opendata::samples::{COUNT_SUMMARY, LEARNERS_BY_AREA};

    #[test]
    fn our_own_documents_have_no_fault_and_all_fourteen_fields() {
        for text in [COUNT_SUMMARY, LEARNERS_BY_AREA] {
            let dataset = Dataset::parse(text).unwrap();
            let fields = dataset.catalogue_fields();
            assert_eq!(fields.len(), 14);
            assert!(fields.iter().all(|(_, values)| !values.is_empty()));
        }
    }

    #[test]
    fn all_faults_come_at_once() {
        let text = LEARNERS_BY_AREA
            .replace("dataset: learners-by-area", "dataset: Learners by area")
            .replace("licence: Open Data Common", "licence: mine")
            .replace("[ครึ่งปี]", "[บางครั้ง]")
            .replace("  geo_coverage: [จังหวัด]\n", "  hobby: [x]\n")
            .replace("th: จำนวนผู้เรียน, en: Learners}", "th: จำนวนผู้เรียน, en: ''}")
            .replace("unit: learners, ", "")
            .replace("measures: [learners]", "measures: [pupils]")
            .replace("by: [count_day, province]", "by: [learners]")
            .replace("threshold: 5", "threshold: 1");
        let DocumentFaults(faults) = Dataset::parse(&text).unwrap_err();
        assert_eq!(faults.len(), 10, "{faults:#?}");
        assert!(faults.contains(&DocumentFault::CatalogueMissing("geo_coverage")));
        assert!(faults.contains(&DocumentFault::CatalogueUnknown("hobby".into())));
    }

    #[test]
    fn unknown_keys_and_unprotected_people_are_refused() {
        assert!(Dataset::parse(&LEARNERS_BY_AREA.replace("version: 1", "version: 1\nquery: select *")).is_err());
        let text = LEARNERS_BY_AREA.replace("measures: [learners]", "measures: []");
        let DocumentFaults(faults) = Dataset::parse(&text).unwrap_err();
        assert_eq!(faults, [DocumentFault::Unprotected("learners".into())]);
    }
}
