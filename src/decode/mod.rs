//! Bytes to rows of slots, whatever the format: CSV, JSON, NDJSON, XML, XLSX; gzip; four encodings.
//!
//! Owns formats, encodings and every limit on them. Refuses to guess from a sample, to repair values
//! (that is `mapping`), and to touch a file: it is given an [`Input`] it can open again, because the
//! encoding is decided over the whole file before the first row is read.

pub mod batch;
pub mod charset;
mod csv;
pub(crate) mod csv_cells;
mod csv_head;
mod csv_lines;
mod csv_mask;
pub(crate) mod csv_split;
pub mod detail;
pub mod header;
mod input;
mod json;
mod json_envelope;
pub(crate) mod json_scan;
pub(crate) mod json_split;
mod kind;
pub mod limits;
mod notices;
mod open;
mod scan;
pub mod spec;
pub(crate) mod stream;
#[cfg(test)]
pub(crate) mod testing;
mod thai_bytes;
pub(crate) mod xlsx;
mod xlsx_package;
mod xlsx_shared;
pub(crate) mod xlsx_sheet;
pub(crate) mod xml;
mod xml_cut;
pub(crate) mod xml_names;
mod xml_parse;
pub(crate) mod xml_reader;
mod xml_walk;

use crate::domain::rule::RuleCode;
use std::io::{self, Read, Seek};
use std::sync::Arc;

pub use batch::{RowBatch, RowFault};
pub use detail::Detail;
pub use input::MemoryInput;
pub use limits::Limits;
pub use notices::Notices;
pub(crate) use open::decided;
pub use open::open;
pub use spec::{Encoding, Format, SourceSpec, Wanted};

/// Something readable from its start any number of times.
pub trait Input: Send + Sync {
    fn open(&self) -> io::Result<Box<dyn ReadSeek>>;
    /// Bytes as received (compressed, if it came so).
    fn len(&self) -> u64;
    fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

pub trait ReadSeek: Read + Seek + Send {}
impl<T: Read + Seek + Send> ReadSeek for T {}

/// Why a whole file can't be read (on): one rule, the place, and a detail safe to show.
#[derive(Debug, thiserror::Error)]
pub enum DecodeError {
    #[error("{rule} at {place}: {detail}")]
    Refused {
        rule: RuleCode,
        /// Where: `row 12`, `byte 1048576`, `line 3`, `sheet1`; for people.
        place: String,
        /// The limit, the column names missing, …; never a value that identifies anybody.
        detail: Detail,
    },
    #[error("the bytes could not be read")]
    Io(#[source] io::Error),
}

impl DecodeError {
    pub(crate) fn refused(rule: RuleCode, place: impl Into<String>, detail: Detail) -> Self {
        DecodeError::Refused { rule, place: place.into(), detail }
    }

    /// The refusal a reader below wrapped into an I/O error, if it was one.
    pub(crate) fn within(error: &io::Error) -> Option<DecodeError> {
        match error.get_ref()?.downcast_ref::<DecodeError>()? {
            DecodeError::Refused { rule, place, detail } => {
                Some(DecodeError::refused(*rule, place.clone(), detail.clone()))
            }
            DecodeError::Io(_) => None,
        }
    }

    /// So that a limit met inside `Read::read` passes through any reader built on it.
    pub(crate) fn into_io(self) -> io::Error {
        match self {
            DecodeError::Io(error) => error,
            refused => io::Error::other(refused),
        }
    }
}

impl From<io::Error> for DecodeError {
    fn from(error: io::Error) -> Self {
        DecodeError::within(&error).unwrap_or(DecodeError::Io(error))
    }
}

/// An opened file: what its head said, and the two halves of reading on.
pub struct Opened {
    /// `utf-8`, `windows-874`, `utf-16le`, `utf-16be`.
    pub encoding: &'static str,
    pub gzip: bool,
    /// Columns of the header nobody wanted or ignored (CSV, XLSX; for JSON and XML the batches bring them).
    pub unmapped: Vec<String>,
    /// Positions in `SourceSpec::wanted` that the header does not have (CSV, XLSX only).
    pub missing: Vec<usize>,
    /// Values of `SourceSpec::document`, in its order.
    pub document: Vec<Option<String>>,
    /// Complete when the source is read to its end.
    pub notices: Notices,
    pub source: Box<dyn BlockSource>,
    pub parser: Arc<dyn BlockParser>,
}

/// Cuts the input at record borders, in order, on one thread.
pub trait BlockSource: Send {
    /// Fills `block` with whole records; false at the end of the file. Blocks are reused.
    fn next(&mut self, block: &mut Block) -> Result<bool, DecodeError>;
    /// Bytes of the received file read so far, for progress.
    fn position(&self) -> u64;
    /// Rows passed over so far because nothing stood in them; they have no number.
    fn blank_rows(&self) -> u64 {
        0
    }
}

/// Some whole records: either still bytes, to be parsed by any worker, or already rows.
#[derive(Default)]
pub struct Block {
    /// Number of the first data row in it, from 1.
    pub first_row: u64,
    /// How many data rows are in it.
    pub rows: u32,
    pub bytes: Vec<u8>,
    /// JSON and NDJSON: start and end in `bytes` of each record.
    pub records: Vec<(u32, u32)>,
    /// Set by formats whose reader must parse while it reads (XLSX, parts of XML).
    pub batch: Option<RowBatch>,
    /// XML that was cut: where `bytes` begins in the document, and what is open around its records.
    pub(crate) offset: u64,
    pub(crate) around: Option<Arc<xml_walk::Walk>>,
}

impl Block {
    /// Empties it for the next records; buffers stay.
    pub fn clear(&mut self, first_row: u64) {
        self.first_row = first_row;
        self.rows = 0;
        self.bytes.clear();
        self.records.clear();
        self.around = None;
    }
}

/// Makes workers' parsers; shared by all.
pub trait BlockParser: Send + Sync {
    fn worker(&self) -> Box<dyn BlockWorker>;
}

/// Parses one block into rows of slots; kept by one worker, so it may reuse its buffers.
pub trait BlockWorker: Send {
    /// `out` is cleared first. Every row of the block becomes a row of `out`, faulty ones with a fault.
    fn parse(&mut self, block: &mut Block, out: &mut RowBatch) -> Result<(), DecodeError>;
}

#[cfg(test)]
mod hostile_tests;
