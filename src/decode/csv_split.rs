//! Cuts a CSV file into blocks of whole records, on one thread, counting rows as the parser will.
//!
//! Owns the reader's half of CSV. Refuses to hold more than one record beyond a block, and to hand on
//! what follows a quote that is never closed as if it were rows.

use super::batch::RowBatch;
use super::charset::{self, Verdict};
use super::csv_cells::{Dialect, RecordEnd, is_blank, record_end};
use super::csv_head::{self, Head};
use super::stream::{self, ByteStream, Bytes, Position};
use super::{Block, BlockSource, DecodeError, Detail, Limits, SourceSpec};
use crate::domain::rule::{FMT_QUOTE, LIM_RECORD, LIM_ROWS};
use memchr::{memchr, memchr_iter};

pub(crate) struct CsvSource {
    reader: Bytes,
    position: Position,
    dialect: Dialect,
    limits: Limits,
    width: usize,
    /// Bytes read and not yet handed on; they start at a record.
    carry: Vec<u8>,
    is_ended: bool,
    /// A record at the end of the file whose quote is never closed, to be handed on by itself.
    unclosed: Option<Vec<u8>>,
    next_row: u64,
    blank: u64,
}

/// Opens the file at its first data row. The second value is the head, the third its bytes.
pub(crate) fn open(
    stream: ByteStream,
    verdict: Verdict,
    spec: &SourceSpec,
    limits: &Limits,
) -> Result<(CsvSource, Head, Vec<u8>), DecodeError> {
    let position = stream.position.clone();
    let mut reader = charset::record_stream(stream.reader, verdict)?;
    let mut head_bytes = Vec::new();
    let more = stream::read_more(&mut reader, &mut head_bytes, limits.record_bytes_max.saturating_add(1))?;
    let head = csv_head::read(&head_bytes, !more, verdict, spec, limits)?;
    let carry = head_bytes.split_off(head.data_at);
    let source = CsvSource {
        reader,
        position,
        dialect: head.dialect,
        limits: limits.clone(),
        width: spec.wanted.len(),
        carry,
        is_ended: !more,
        unclosed: None,
        next_row: 1,
        blank: 0,
    };
    Ok((source, head, head_bytes))
}

/// What one look over a block found: where its last whole record ends, and the records before.
#[derive(Debug, Default)]
struct Cut {
    end: usize,
    rows: u32,
    blank: u64,
    /// The rest is an open quote.
    in_quotes: bool,
}

impl CsvSource {
    /// Fills the block up to its size, or to the end of one record longer than that.
    fn cut(&mut self, block: &mut Block) -> Result<Cut, DecodeError> {
        let mut want = self.limits.block_bytes.max(1);
        loop {
            if block.bytes.len() < want && !self.is_ended {
                let missing = want - block.bytes.len();
                self.is_ended = !stream::read_more(&mut self.reader, &mut block.bytes, missing)?;
            }
            let cut = self.look(&block.bytes)?;
            if cut.end > 0 || block.bytes.is_empty() || (self.is_ended && cut.in_quotes) {
                return Ok(cut);
            }
            if block.bytes.len() > self.limits.record_bytes_max {
                return Err(self.endless(cut.in_quotes));
            }
            want = (block.bytes.len() * 2).min(self.limits.record_bytes_max.saturating_add(1));
        }
    }

    fn look(&self, bytes: &[u8]) -> Result<Cut, DecodeError> {
        let mut cut = Cut::default();
        if memchr(super::csv_cells::QUOTE, bytes).is_some() {
            while cut.end < bytes.len() {
                match record_end(bytes, cut.end, self.dialect) {
                    RecordEnd::At(end) => self.count(&mut cut, bytes, end)?,
                    RecordEnd::Open { in_quotes: false } if self.is_ended => {
                        self.count(&mut cut, bytes, bytes.len())?
                    }
                    RecordEnd::Open { in_quotes } => {
                        cut.in_quotes = in_quotes;
                        break;
                    }
                }
            }
            return Ok(cut);
        }
        for newline in memchr_iter(self.dialect.newline, bytes) {
            self.count(&mut cut, bytes, newline + 1)?;
        }
        if self.is_ended && cut.end < bytes.len() {
            self.count(&mut cut, bytes, bytes.len())?;
        }
        Ok(cut)
    }

    #[inline]
    fn count(&self, cut: &mut Cut, bytes: &[u8], end: usize) -> Result<(), DecodeError> {
        if is_blank(&bytes[..end], cut.end, self.dialect) {
            cut.blank += 1;
        } else if end - cut.end > self.limits.record_bytes_max {
            return Err(self.too_long(self.next_row + u64::from(cut.rows)));
        } else {
            cut.rows += 1;
        }
        cut.end = end;
        Ok(())
    }

    fn too_long(&self, row: u64) -> DecodeError {
        let detail = Detail::LongerThan(self.limits.record_bytes_max as u64);
        DecodeError::refused(LIM_RECORD, format!("row {row}"), detail)
    }

    fn endless(&self, in_quotes: bool) -> DecodeError {
        if !in_quotes {
            return self.too_long(self.next_row);
        }
        let detail = Detail::QuoteNotClosedWithin(self.limits.record_bytes_max);
        DecodeError::refused(FMT_QUOTE, format!("row {}", self.next_row), detail)
    }

    /// The unclosed record of the last line is one faulty row. One that swallowed further lines refuses the file: a
    /// submission replaces what its schools had, and lines inside a quote would be lost from it.
    fn hand_on_unclosed(&mut self, bytes: Vec<u8>, block: &mut Block) -> Result<(), DecodeError> {
        let lines = memchr_iter(self.dialect.newline, bytes.trim_ascii_end()).count();
        if lines > 0 {
            let detail = Detail::QuoteSwallows(lines);
            return Err(DecodeError::refused(FMT_QUOTE, format!("row {}", self.next_row), detail));
        }
        let mut batch = block.batch.take().unwrap_or_else(|| RowBatch::new(self.width));
        batch.clear(self.next_row);
        batch.begin_row();
        batch.fault(FMT_QUOTE, None, Some(Detail::QuoteNeverClosed));
        block.batch = Some(batch);
        block.bytes = bytes;
        block.rows = 1;
        self.next_row += 1;
        Ok(())
    }
}

impl BlockSource for CsvSource {
    fn next(&mut self, block: &mut Block) -> Result<bool, DecodeError> {
        loop {
            block.clear(self.next_row);
            block.batch = None;
            if let Some(bytes) = self.unclosed.take() {
                self.hand_on_unclosed(bytes, block)?;
                return Ok(true);
            }
            block.bytes.append(&mut self.carry);
            let cut = self.cut(block)?;
            let rest = &block.bytes[cut.end..];
            if self.is_ended && cut.in_quotes {
                self.unclosed = Some(rest.to_vec());
            } else {
                self.carry.extend_from_slice(rest);
            }
            block.bytes.truncate(cut.end);
            self.blank += cut.blank;
            block.rows = cut.rows;
            self.next_row += u64::from(cut.rows);
            if self.next_row - 1 > self.limits.rows_max {
                let detail = Detail::MoreRows(self.limits.rows_max);
                return Err(DecodeError::refused(LIM_ROWS, format!("row {}", self.limits.rows_max + 1), detail));
            }
            if block.rows > 0 {
                return Ok(true);
            }
            if self.is_ended && self.carry.is_empty() && self.unclosed.is_none() {
                return Ok(false);
            }
        }
    }

    fn position(&self) -> u64 {
        self.position.get()
    }

    fn blank_rows(&self) -> u64 {
        self.blank
    }
}
