//! What a mapping tells the decoder: the format, and which source fields are wanted in which slot.
//!
//! Owns the compiled form only; the document administrators write is `mapping::document`.

use std::collections::BTreeMap;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Format {
    Csv,
    Json,
    Ndjson,
    Xml,
    Xlsx,
}

impl Format {
    pub fn parse(text: &str) -> Option<Format> {
        Some(match text {
            "csv" => Format::Csv,
            "json" => Format::Json,
            "ndjson" => Format::Ndjson,
            "xml" => Format::Xml,
            "xlsx" => Format::Xlsx,
            _ => return None,
        })
    }

    pub fn as_str(&self) -> &'static str {
        match self {
            Format::Csv => "csv",
            Format::Json => "json",
            Format::Ndjson => "ndjson",
            Format::Xml => "xml",
            Format::Xlsx => "xlsx",
        }
    }
}

/// One source field and the slot (its position in `SourceSpec::wanted`) it fills.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Wanted {
    /// A column by its header (CSV, XLSX), a JSON Pointer relative to the record (`/address/moo`, or a bare member name
    /// without a slash), or an XML path relative to the record (`v:Name/v:Given`, `@id`, `v:Body/@weight`).
    Name(String),
    /// A column by place, from 1 (CSV, XLSX).
    Position(u32),
}

impl Wanted {
    pub fn name(&self) -> Option<&str> {
        match self {
            Wanted::Name(name) => Some(name),
            Wanted::Position(_) => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Encoding {
    Utf8,
    Windows874,
    Utf16,
}

#[derive(Debug, Clone)]
pub struct SourceSpec {
    pub format: Format,
    /// Allowed, in the order tried on the whole file. A byte-order mark decides by itself.
    pub encodings: Vec<Encoding>,
    /// CSV only; default comma.
    pub delimiter: u8,
    /// Row of the header, from 1 (CSV, XLSX); none: the first row that has all the named columns, within the first 50.
    pub header_row: Option<u32>,
    /// XLSX only; none: the first sheet.
    pub sheet: Option<String>,
    /// JSON Pointer of the array (`/students`), or path of the record element (`v:StudentList/v:Student`, root first).
    pub records: Option<String>,
    /// XML prefixes used in this specification. Files may use other prefixes for the same namespace.
    pub namespaces: BTreeMap<String, String>,
    pub wanted: Vec<Wanted>,
    /// Columns, pointers or paths known and not wanted; a JSON pointer or XML path covers what lies under it.
    pub ignore: Vec<String>,
    /// Values said once for the whole file: JSON Pointer from the root, XML path from the root element
    /// (`@academicYear`, `v:Head/v:Term`), or a cell (`A2`) above the table.
    pub document: Vec<String>,
    /// Known and not wanted outside the records: a JSON Pointer from the root or an XML path from the root element. What
    /// lies under it is covered.
    pub ignore_document: Vec<String>,
    /// XLSX: further sheets known and not wanted.
    pub ignore_sheets: Vec<String>,
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    /// A specification that allows every encoding and wants these names.
    pub(crate) fn spec(format: Format, names: &[&str]) -> SourceSpec {
        SourceSpec {
            format,
            encodings: vec![Encoding::Utf8, Encoding::Windows874, Encoding::Utf16],
            delimiter: b',',
            header_row: None,
            sheet: None,
            records: None,
            namespaces: BTreeMap::new(),
            wanted: names.iter().map(|name| Wanted::Name((*name).to_owned())).collect(),
            ignore: Vec::new(),
            document: Vec::new(),
            ignore_document: Vec::new(),
            ignore_sheets: Vec::new(),
        }
    }
}
