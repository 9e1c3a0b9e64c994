//! Refused rows back in the sender's own layout, with the reason and the remedy beside each.
//!
//! Owns the second pass over the input, in step with the refused rows. Head, encoding, delimiter and line
//! ends are the sender's; the sender's own cells go back byte for byte, so that the corrected file can be
//! sent again with the same mapping (what we add bears a name of ours, which decoding ignores).
//! No cell of a file we give back can run as a formula: in CSV an apostrophe stands before such cells, the
//! sender's own too, and decoding takes it off where the file bears our columns; in a workbook they are texts.
//! Refuses refused rows out of order: it holds one record, not the file.

mod csv;
mod json;
mod text;
mod xlsx;
mod xml;

use crate::decode::charset::{self, Verdict};
use crate::decode::stream::{self, ByteStream};
use crate::decode::{self, DecodeError, Format, Input, Limits, SourceSpec};
use std::io::{self, Write};
use std::sync::Arc;
use text::Encoded;

/// Names of the columns we add, after the sender's: row in the file, rule codes, reasons and remedies.
pub const COLUMNS: [&str; 3] = ["_saphan_แถว", "_saphan_รหัสกฎ", "_saphan_เหตุผลและวิธีแก้"];
/// The member we add to a refused JSON record.
pub const MEMBER: &str = "_saphan";

/// Why one row was refused, in words for its sender.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct RefusedRow {
    /// Number of the data row in the input, from 1.
    pub row: u64,
    pub reasons_th: String,
    pub reasons_en: String,
    /// Rule codes, separated by spaces.
    pub rules: String,
}

#[derive(Debug, thiserror::Error)]
pub enum SendbackError {
    #[error("the input could not be read a second time")]
    Input(#[from] DecodeError),
    #[error("the refused rows could not be written")]
    Output(#[from] io::Error),
    #[error("the workbook of refused rows could not be made")]
    Workbook(#[from] rust_xlsxwriter::XlsxError),
    #[error("refused row {row} came after row {after}")]
    Order { row: u64, after: u64 },
    #[error("row {row} was refused, but the input has {rows} rows")]
    NoSuchRow { row: u64, rows: u64 },
}

/// The refused rows, asked for row by row.
struct Refusals<'a> {
    rows: &'a mut dyn Iterator<Item = RefusedRow>,
    next: Option<RefusedRow>,
    written: u64,
}

impl<'a> Refusals<'a> {
    fn new(rows: &'a mut dyn Iterator<Item = RefusedRow>) -> Self {
        let next = rows.next();
        Refusals { rows, next, written: 0 }
    }

    /// Why this row was refused, if it was. Rows are asked for in order.
    fn take(&mut self, row: u64) -> Result<Option<RefusedRow>, SendbackError> {
        match &self.next {
            Some(next) if next.row == row => {}
            Some(next) if next.row < row => return Err(SendbackError::Order { row: next.row, after: row - 1 }),
            _ => return Ok(None),
        }
        self.written += 1;
        Ok(std::mem::replace(&mut self.next, self.rows.next()))
    }

    /// Whether no more rows are refused: the rest of the input need not be searched.
    fn is_done(&self) -> bool {
        self.next.is_none()
    }

    fn finish(self, rows: u64) -> Result<u64, SendbackError> {
        match self.next {
            Some(next) => Err(SendbackError::NoSuchRow { row: next.row, rows }),
            None => Ok(self.written),
        }
    }
}

/// A file as it was sent, and what its first reading said of it.
#[derive(Clone, Copy)]
pub struct Sent<'a> {
    pub input: &'a Arc<dyn Input>,
    pub spec: &'a SourceSpec,
    pub limits: &'a Limits,
    /// As its receipt says; another word is no harm: the whole file is looked at once more.
    pub encoding: &'a str,
}

impl Sent<'_> {
    /// The input once more from its start, and a writer in its encoding.
    fn again<'o>(&self, out: &'o mut dyn Write) -> Result<(ByteStream, Verdict, Encoded<'o>), SendbackError> {
        let (stream, verdict) = match charset::known(self.input, self.encoding, self.limits)? {
            Some(verdict) => (stream::open_stream(self.input, self.limits)?, verdict),
            None => decode::decided(self.input, self.spec, self.limits, 1)?,
        };
        Ok((stream, verdict, Encoded::new(out, verdict)?))
    }
}

/// Writes the refused rows of a file, which come in the order of the file; says how many.
pub fn write_refused(
    sent: &Sent<'_>,
    refused: &mut dyn Iterator<Item = RefusedRow>,
    out: &mut dyn Write,
) -> Result<u64, SendbackError> {
    let refusals = Refusals::new(refused);
    match sent.spec.format {
        Format::Csv => csv::write(sent, refusals, out),
        Format::Json => json::write_document(sent, refusals, out),
        Format::Ndjson => json::write_lines(sent, refusals, out),
        Format::Xml => xml::write(sent, refusals, out),
        Format::Xlsx => xlsx::write(sent, refusals, out),
    }
}

#[cfg(test)]
mod tests;
