//! Parses blocks of CSV records into slots; any number of workers at once.
//!
//! Owns the worker's half of CSV. A block is scanned as bytes and only wanted cells become text, so a
//! file of 36 columns costs what its wanted columns cost. Refuses no row silently: every record of
//! the block becomes a row, faulty ones with their fault.
#![expect(
    clippy::disallowed_methods,
    reason = "broken bytes become U+FFFD here, which the caller turns into a finding"
)]

use super::charset::{Charset, Verdict, is_undefined_874};
use super::csv_cells::{Dialect, QUOTE, cell, is_blank, is_guarded, strip_return};
use super::csv_lines::LineEnds;
use super::csv_mask::Marks;
use super::header::{ColumnPlan, NO_SLOT};
use super::thai_bytes::Letters;
use super::{Block, BlockParser, BlockWorker, DecodeError, Detail, Limits, RowBatch};
use crate::domain::rule::{ENC_BROKEN_BYTE, FMT_LINE_ENDS, FMT_NUL, FMT_QUOTE, FMT_RAGGED, LIM_CELL};
use memchr::{memchr, memmem};
use std::sync::Arc;

#[derive(Debug)]
pub(crate) struct CsvPlan {
    pub(crate) dialect: Dialect,
    pub(crate) columns: ColumnPlan,
    /// Column and slot of each wanted cell.
    wanted: Vec<(u32, u32)>,
    /// A cell fills one slot, with the text that stands in it.
    is_plain: bool,
    pub(crate) verdict: Verdict,
    pub(crate) cell_bytes_max: usize,
}

impl CsvPlan {
    pub(crate) fn new(dialect: Dialect, columns: ColumnPlan, verdict: Verdict, limits: &Limits) -> Self {
        let slots = columns.slots.iter().enumerate().filter(|(_, slot)| **slot != NO_SLOT);
        let wanted = slots.map(|(column, slot)| (column as u32, *slot)).collect();
        let is_plain = columns.also.is_empty() && !columns.is_returned;
        CsvPlan { dialect, columns, wanted, is_plain, verdict, cell_bytes_max: limits.cell_bytes_max }
    }
}

pub(crate) struct CsvParser(pub(crate) Arc<CsvPlan>);

impl BlockParser for CsvParser {
    fn worker(&self) -> Box<dyn BlockWorker> {
        Box::new(CsvWorker { plan: self.0.clone(), text: Vec::new(), marks: Marks::default() })
    }
}

struct CsvWorker {
    plan: Arc<CsvPlan>,
    /// Text of a windows-874 block's wanted cells.
    text: Vec<u8>,
    marks: Marks,
}

impl BlockWorker for CsvWorker {
    fn parse(&mut self, block: &mut Block, out: &mut RowBatch) -> Result<(), DecodeError> {
        if let Some(batch) = &mut block.batch {
            std::mem::swap(batch, out);
            return Ok(());
        }
        out.clear(block.first_row);
        let is_one_byte = self.plan.verdict.charset == Charset::Windows874;
        if !is_one_byte {
            match simdutf8::basic::from_utf8(&block.bytes) {
                Ok(text) => out.text_mut().push_str(text),
                Err(_) => {
                    let text = String::from_utf8_lossy(&block.bytes);
                    out.text_mut().push_str(&text);
                    block.bytes = text.into_owned().into_bytes();
                }
            }
        }
        self.text.clear();
        let letters = if is_one_byte { Some(Letters::new(&mut self.text, block.bytes.len())) } else { None };
        let mut rows = Rows::new(&self.plan, &block.bytes, letters, out);
        if memchr(QUOTE, &block.bytes).is_some() {
            rows.quoted();
        } else {
            rows.plain(&mut self.marks);
        }
        if let Some((row, several)) = rows.several {
            let (rule, detail) = match several {
                Several::InQuotes => (FMT_QUOTE, Detail::QuoteMeetsAnother),
                Several::ByReturns => (FMT_LINE_ENDS, Detail::ReturnsInRow),
            };
            return Err(DecodeError::refused(rule, format!("row {row}"), detail));
        }
        if let Some(len) = rows.letters.take().map(Letters::finish) {
            let decoded = &self.text[..len];
            // The table yields nothing but UTF-8; were it wrong, the replacement character would say so.
            match simdutf8::basic::from_utf8(decoded) {
                Ok(text) => out.text_mut().push_str(text),
                Err(_) => out.text_mut().push_str(&String::from_utf8_lossy(decoded)),
            }
        }
        Ok(())
    }
}

/// In narrower files a comma or two inside a quoted text say nothing.
const COLUMNS_TOLD_MIN: usize = 4;

/// How one row came to hold several.
#[derive(Debug, Clone, Copy)]
enum Several {
    InQuotes,
    ByReturns,
}

/// The rows of one block while they are found.
struct Rows<'a> {
    plan: &'a CsvPlan,
    bytes: &'a [u8],
    letters: Option<Letters<'a>>,
    out: &'a mut RowBatch,
    /// Some byte of the block is one that makes a row faulty: look at each.
    is_suspect: bool,
    row_start: usize,
    column: usize,
    has_extra: bool,
    has_tail: bool,
    /// The first row that holds whole rows.
    several: Option<(u64, Several)>,
    too_long: Option<u32>,
    broken: Option<Option<u32>>,
}

impl<'a> Rows<'a> {
    fn new(plan: &'a CsvPlan, bytes: &'a [u8], letters: Option<Letters<'a>>, out: &'a mut RowBatch) -> Self {
        let is_suspect = memchr(0, bytes).is_some() || has_broken(bytes, plan.verdict.charset);
        Rows {
            plan,
            bytes,
            letters,
            out,
            is_suspect,
            row_start: 0,
            column: 0,
            has_extra: false,
            has_tail: false,
            several: None,
            too_long: None,
            broken: None,
        }
    }

    /// A block without a quote: every delimiter and newline is one.
    fn plain(&mut self, marks: &mut Marks) {
        let (bytes, dialect) = (self.bytes, self.plan.dialect);
        marks.find(bytes, dialect.delimiter, dialect.newline);
        if bytes.last() != Some(&dialect.newline) {
            marks.newlines.push(marks.at.len() as u32);
            marks.at.push(bytes.len() as u32);
        }
        let (mut start, mut first) = (0, 0);
        for newline in &marks.newlines {
            let last = *newline as usize;
            if let Some(ends) = marks.at.get(first..=last) {
                if start < bytes.len() && !is_blank(bytes, start, dialect) {
                    self.plain_row(start, ends);
                }
                start = ends.last().map_or(bytes.len(), |end| *end as usize + 1);
            }
            first = last + 1;
        }
    }

    /// `ends`: where each cell ends, the last one at the newline.
    fn plain_row(&mut self, start: usize, ends: &[u32]) {
        self.begin(start);
        let stop = ends.last().map_or(start, |end| *end as usize);
        let end = strip_return(self.bytes, start, stop);
        let is_regular = ends.len() == self.plan.columns.slots.len() && end - start <= self.plan.cell_bytes_max;
        if is_regular && !self.is_suspect && self.plan.is_plain {
            return self.regular_row(start, ends, end);
        }
        let mut from = start;
        for to in ends {
            self.cell(from, (*to as usize).min(end.max(from)), false);
            from = *to as usize + 1;
        }
        self.end(stop);
    }

    /// Every column is there, no cell is too long and no byte of the block is suspect: nothing can be wrong with the
    /// row, and only wanted cells are looked at.
    fn regular_row(&mut self, start: usize, ends: &[u32], end: usize) {
        let cell = |column: usize| {
            let from = column.checked_sub(1).map_or(start, |before| ends[before] as usize + 1);
            (from, (ends[column] as usize).min(end))
        };
        let wanted = self.plan.wanted.iter().map(|(column, slot)| (*slot as usize, cell(*column as usize)));
        match &mut self.letters {
            None => self.out.set_spans_ahead(wanted.map(|(slot, (from, to))| (slot, from, to - from))),
            Some(letters) => {
                let bytes = self.bytes;
                self.out.set_spans_ahead(wanted.map(|(slot, (from, to))| {
                    let (at, len) = letters.push(&bytes[from..to]);
                    (slot, at, len)
                }));
            }
        }
    }

    fn quoted(&mut self) {
        let (bytes, dialect) = (self.bytes, self.plan.dialect);
        let mut at = 0;
        while at < bytes.len() {
            if is_blank(bytes, at, dialect) {
                at = memchr(dialect.newline, &bytes[at..]).map_or(bytes.len(), |found| at + found + 1);
                continue;
            }
            self.begin(at);
            loop {
                let cell = cell(bytes, at, dialect);
                self.has_tail |= cell.has_tail;
                if self.several.is_none() && self.holds_a_row(cell.start, cell.end) {
                    self.several = Some((self.row_number(), Several::InQuotes));
                }
                self.cell(cell.start, cell.end, cell.is_doubled);
                at = cell.next;
                if cell.is_last {
                    break;
                }
            }
            self.end(at);
        }
    }

    /// Does a quoted cell hold what looks like whole rows? Then its quote met another one further on by chance.
    fn holds_a_row(&self, start: usize, end: usize) -> bool {
        let (dialect, columns) = (self.plan.dialect, self.plan.columns.columns_min);
        let Some(inside) = self.bytes.get(start..end) else { return false };
        if columns < COLUMNS_TOLD_MIN || memchr(dialect.newline, inside).is_none() {
            return false;
        }
        inside.iter().filter(|byte| **byte == dialect.delimiter).count() + 1 >= columns
    }

    /// Do several rows hang together because they end with CR alone?
    fn holds_returns(&self, cells: usize, end: usize) -> bool {
        let columns = self.plan.columns.columns_min;
        if columns < 2 || cells < columns * 2 - 1 || self.plan.dialect.newline == b'\r' {
            return false;
        }
        LineEnds::of(self.bytes[self.row_start..end].trim_ascii_end()).returns > 0
    }

    fn row_number(&self) -> u64 {
        self.out.first_row() + self.out.rows() as u64 - 1
    }

    #[inline]
    fn begin(&mut self, start: usize) {
        self.out.begin_row();
        self.row_start = start;
    }

    #[inline]
    fn cell(&mut self, start: usize, end: usize, is_doubled: bool) {
        let column = self.column;
        self.column += 1;
        let Some(&slot) = self.plan.columns.slots.get(column) else {
            self.has_extra |= self.bytes[start..end].iter().any(|byte| *byte != b' ');
            return;
        };
        if end - start > self.plan.cell_bytes_max {
            self.too_long = Some(slot);
        }
        if self.is_suspect && self.broken != Some(Some(slot)) {
            self.suspect(start, end, slot);
        }
        if slot != NO_SLOT {
            let guard = self.plan.columns.is_returned && is_guarded(&self.bytes[start..end]);
            let start = start + usize::from(guard);
            self.fill(slot as usize, start, end, is_doubled);
            if !self.plan.columns.also.is_empty() {
                self.fill_also(column, start, end, is_doubled);
            }
        }
    }

    #[inline]
    fn fill(&mut self, slot: usize, start: usize, end: usize, is_doubled: bool) {
        let raw = &self.bytes[start..end];
        match &mut self.letters {
            Some(letters) if is_doubled => {
                let (at, len) = letters.push(&undouble(raw));
                self.out.set_span_ahead(slot, at, len);
            }
            Some(letters) => {
                let (at, len) = letters.push(raw);
                self.out.set_span_ahead(slot, at, len);
            }
            None if is_doubled => {
                let text = String::from_utf8_lossy(raw).replace("\"\"", "\"");
                self.out.set(slot, &text);
            }
            None => self.out.set_span_ahead(slot, start, end - start),
        }
    }

    fn fill_also(&mut self, column: usize, start: usize, end: usize, is_doubled: bool) {
        let plan = self.plan;
        for (_, slot) in plan.columns.also.iter().filter(|(also, _)| *also as usize == column) {
            self.fill(*slot as usize, start, end, is_doubled);
        }
    }

    fn suspect(&mut self, start: usize, end: usize, slot: u32) {
        if has_broken(&self.bytes[start..end], self.plan.verdict.charset) {
            let slot = (slot != NO_SLOT).then_some(slot);
            self.broken = Some(self.broken.flatten().or(slot));
        }
    }

    #[inline]
    fn end(&mut self, end: usize) {
        let cells = self.column;
        self.column = 0;
        if cells < self.plan.columns.columns_min || self.has_extra || self.has_tail || self.too_long.is_some() {
            self.faults(cells, end);
        }
        if self.is_suspect {
            self.suspect_row(end);
        }
    }

    fn faults(&mut self, cells: usize, end: usize) {
        let columns = self.plan.columns.columns_min;
        if self.several.is_none() && self.holds_returns(cells, end) {
            self.several = Some((self.row_number(), Several::ByReturns));
        }
        if std::mem::take(&mut self.has_tail) {
            self.out.fault(FMT_QUOTE, None, Some(Detail::TextAfterQuote));
        }
        if std::mem::take(&mut self.has_extra) || cells < columns {
            self.out.fault(FMT_RAGGED, None, Some(Detail::Cells(cells, columns)));
        }
        if let Some(slot) = self.too_long.take() {
            let detail = Detail::CellLongerThan(String::new(), self.plan.cell_bytes_max);
            self.out.fault(LIM_CELL, (slot != NO_SLOT).then_some(slot), Some(detail));
        }
    }

    fn suspect_row(&mut self, end: usize) {
        let row = &self.bytes[self.row_start..end];
        if memchr(0, row).is_some() {
            self.out.fault(FMT_NUL, None, None);
        }
        let broken = self.broken.take();
        if broken.is_some() || has_broken(row, self.plan.verdict.charset) {
            self.out.fault(ENC_BROKEN_BYTE, broken.flatten(), None);
        }
    }
}

/// Whether any byte means nothing in the encoding.
fn has_broken(bytes: &[u8], charset: Charset) -> bool {
    match charset {
        Charset::Windows874 => bytes.chunks(256).any(|run| {
            // Without an early exit the compiler makes vector code of it.
            run.iter().fold(false, |found, byte| found | is_undefined_874(*byte))
        }),
        _ => memmem::find(bytes, "\u{fffd}".as_bytes()).is_some(),
    }
}

fn undouble(raw: &[u8]) -> Vec<u8> {
    let mut out = Vec::with_capacity(raw.len());
    let mut rest = raw;
    while let Some(at) = memmem::find(rest, b"\"\"") {
        out.extend_from_slice(&rest[..=at]);
        rest = &rest[at + 2..];
    }
    out.extend_from_slice(rest);
    out
}

#[cfg(test)]
#[path = "csv_tests.rs"]
mod tests;
