//! Rows of raw slots: one text buffer and a table of spans, reused from block to block.
//!
//! Owns the meeting point of decoders and mapping. Holds no canonical meaning: a slot is text as the
//! sender wrote it, or absent. Never a tree.

use super::Detail;
use crate::domain::rule::RuleCode;
use crate::domain::text::Bilingual;
use std::sync::Arc;

/// Distinct unknown names one batch remembers; more are of no help to anybody.
pub const UNKNOWN_NAMES_MAX: usize = 64;

/// Of one unknown name as it is shown.
const NAME_CHARS_MAX: usize = 80;

#[derive(Debug, Clone, Copy)]
struct Cell {
    start: u32,
    /// `u32::MAX`: absent.
    len: u32,
}

#[derive(Debug)]
pub struct RowBatch {
    first_row: u64,
    width: usize,
    text: String,
    cells: Vec<Cell>,
    faults: Vec<RowFault>,
    unknown: Vec<Box<str>>,
}

/// One thing wrong with one row before it could be mapped. Its row is refused.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RowFault {
    /// Position in the batch, from 0. Faults stand in row order.
    pub row: u32,
    pub rule: RuleCode,
    /// The slot concerned, where it is one.
    pub slot: Option<u32>,
    /// Said of the row: `37 cells, the header has 36`. Never a value.
    pub detail: Option<Arc<Bilingual>>,
}

impl RowBatch {
    /// `width`: number of wanted slots in a row.
    pub fn new(width: usize) -> Self {
        RowBatch {
            first_row: 1,
            width,
            text: String::new(),
            cells: Vec::new(),
            faults: Vec::new(),
            unknown: Vec::new(),
        }
    }

    pub fn clear(&mut self, first_row: u64) {
        self.first_row = first_row;
        self.text.clear();
        self.cells.clear();
        self.faults.clear();
        self.unknown.clear();
    }

    pub fn width(&self) -> usize {
        self.width
    }

    /// Number of the first data row, from 1.
    pub fn first_row(&self) -> u64 {
        self.first_row
    }

    pub fn rows(&self) -> usize {
        self.cells.len() / self.width.max(1)
    }

    /// Opens a row with every slot absent; fill it with [`RowBatch::set`].
    pub fn begin_row(&mut self) {
        self.cells.resize(self.cells.len() + self.width, Cell { start: 0, len: u32::MAX });
    }

    /// Sets a slot of the row opened last.
    pub fn set(&mut self, slot: usize, value: &str) {
        let start = self.text.len();
        self.text.push_str(value);
        self.set_span(slot, start, value.len());
    }

    /// The text buffer itself, for decoders that write a whole record (or block) at once and then point into it.
    pub fn text_mut(&mut self) -> &mut String {
        &mut self.text
    }

    /// Points a slot of the row opened last at text already in the buffer.
    ///
    /// The span must lie on character borders of the buffer; blocks are far below 4 GiB.
    pub fn set_span(&mut self, slot: usize, start: usize, len: usize) {
        debug_assert!(slot < self.width && start + len <= self.text.len());
        let at = self.cells.len() - self.width + slot;
        self.cells[at] = Cell { start: start as u32, len: len as u32 };
    }

    /// As [`RowBatch::set_span`], for text that the decoder puts into the buffer before it hands the batch on.
    #[inline]
    pub fn set_span_ahead(&mut self, slot: usize, start: usize, len: usize) {
        let at = self.cells.len() - self.width + slot;
        self.cells[at] = Cell { start: start as u32, len: len as u32 };
    }

    /// As [`RowBatch::set_span_ahead`] for many slots of the row opened last: slot, start, length.
    #[inline]
    pub fn set_spans_ahead(&mut self, spans: impl Iterator<Item = (usize, usize, usize)>) {
        let from = self.cells.len() - self.width;
        let row = &mut self.cells[from..];
        for (slot, start, len) in spans {
            row[slot] = Cell { start: start as u32, len: len as u32 };
        }
    }

    /// Length of the text buffer.
    pub fn text_bytes(&self) -> usize {
        self.text.len()
    }

    /// Whether the slot of the row opened last has been set.
    pub fn is_set(&self, slot: usize) -> bool {
        self.cells[self.cells.len() - self.width + slot].len != u32::MAX
    }

    /// Whether any slot of any row was given.
    pub fn is_any_set(&self) -> bool {
        self.cells.iter().any(|cell| cell.len != u32::MAX)
    }

    /// The slot's text, or nothing where the sender gave none.
    #[inline]
    pub fn get(&self, row: usize, slot: usize) -> Option<&str> {
        let cell = self.cells[row * self.width + slot];
        if cell.len == u32::MAX {
            return None;
        }
        self.text.get(cell.start as usize..cell.start as usize + cell.len as usize)
    }

    /// Says a fault of the row opened last.
    pub fn fault(&mut self, rule: RuleCode, slot: Option<u32>, detail: Option<Detail>) {
        let row = self.rows().saturating_sub(1) as u32;
        let detail = detail.map(|detail| Arc::new(detail.said()));
        self.faults.push(RowFault { row, rule, slot, detail });
    }

    pub fn faults(&self) -> &[RowFault] {
        &self.faults
    }

    /// Remembers a name met in a record that nobody mapped or ignored.
    pub fn unknown_name(&mut self, name: &str) {
        if self.unknown.len() >= UNKNOWN_NAMES_MAX || self.unknown.iter().any(|known| **known == *name) {
            return;
        }
        // A member that bears a person's number for its name is not repeated.
        let telling = super::header::is_telling(name);
        let shown: String =
            if telling { "(a name with digits)".into() } else { name.chars().take(NAME_CHARS_MAX).collect() };
        if !self.unknown.iter().any(|known| **known == *shown) {
            self.unknown.push(shown.into());
        }
    }

    pub fn unknown_names(&self) -> &[Box<str>] {
        &self.unknown
    }
}
