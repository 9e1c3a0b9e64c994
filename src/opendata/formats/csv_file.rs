//! CSV (RFC 4180) as spreadsheets open it rightly: UTF-8 with a byte order mark, CRLF, formulas made harmless.
//!
//! Owns the file and its reading back. A withheld cell is empty and the last column, `suppressed`, says `true`.
//! Text that a spreadsheet would run as a formula (`=`, `+`, `-`, `@`, tab, line break first) gets an apostrophe before it.

use super::{FormatError, RowStream, Shown, any_withheld};
use crate::opendata::table::Cell;
use std::borrow::Cow;

const BOM: &[u8] = b"\xef\xbb\xbf";
pub const SUPPRESSED: &str = "suppressed";

pub fn write(stream: &RowStream) -> Result<Vec<u8>, FormatError> {
    let mut writer = csv::WriterBuilder::new().terminator(csv::Terminator::CRLF).from_writer(BOM.to_vec());
    writer.write_record(header(stream)).map_err(FormatError::Csv)?;
    for row in stream.rows() {
        writer.write_record(cells(&row).iter().map(|cell| cell.as_bytes())).map_err(FormatError::Csv)?;
    }
    writer.into_inner().map_err(|error| FormatError::Write(error.into_error()))
}

/// Reads the bytes as a stranger would and compares every cell with what was to be shown.
pub fn read_back(stream: &RowStream, bytes: &[u8]) -> Result<(), FormatError> {
    let text = bytes.strip_prefix(BOM).ok_or(FormatError::Header)?;
    let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(text);
    if !reader.headers().map_err(FormatError::Csv)?.iter().eq(header(stream)) {
        return Err(FormatError::Header);
    }
    let mut read = 0;
    let mut expected = stream.rows();
    for record in reader.records() {
        let record = record.map_err(FormatError::Csv)?;
        read += 1;
        let Some(row) = expected.next() else { continue };
        let wanted = cells(&row);
        let names = header(stream);
        let differs = |(at, want): (usize, &Cow<str>)| record.get(at) != Some(want.as_ref());
        if let Some(at) = wanted.iter().enumerate().position(differs) {
            let column = names.get(at).map_or_else(String::new, ToString::to_string);
            return Err(FormatError::Value { row: read, column });
        }
    }
    if read == stream.len() { Ok(()) } else { Err(FormatError::Rows { read, written: stream.len() }) }
}

fn header<'r>(stream: &RowStream<'r>) -> Vec<&'r str> {
    stream.dataset.columns.iter().map(|column| column.name.as_str()).chain([SUPPRESSED]).collect()
}

fn cells<'r>(row: &[(&crate::opendata::document::Column, Shown<'r>)]) -> Vec<Cow<'r, str>> {
    let shown = row.iter().map(|(_, shown)| match shown {
        Shown::Withheld => Cow::Borrowed(""),
        Shown::Cell(Cell::Text(text)) => harmless(text),
        Shown::Cell(Cell::Date(date)) => Cow::Owned(date.to_string()),
        Shown::Cell(Cell::Count(count)) => Cow::Owned(count.to_string()),
    });
    shown.chain([Cow::Borrowed(if any_withheld(row) { "true" } else { "false" })]).collect()
}

fn harmless(text: &str) -> Cow<'_, str> {
    if text.starts_with(['=', '+', '-', '@', '\t', '\r', '\n']) {
        Cow::Owned(format!("'{text}"))
    } else {
        Cow::Borrowed(text)
    }
}
