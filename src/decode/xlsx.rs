//! XLSX sheets into slots while they are read.
//!
//! Owns titles, header, document cells and the laying of sparse rows over the plan. Memory is one row, one
//! block and the workbook's table of shared texts. A row's number counts data rows; rows in which nothing
//! stands have none, and are counted apart. Refuses cells with text outside the header's columns.

use super::header::{self, ColumnPlan, HEADER_ROWS_MAX, NO_SLOT};
use super::stream::Position;
use super::xlsx_package::Package;
use super::xlsx_shared::{SharedTexts, Workbook};
use super::xlsx_sheet::{Row, SheetReader, column};
use super::{Block, BlockSource, DecodeError, Detail, Input, Limits, RowBatch, SourceSpec};
use crate::domain::rule::{
    ENC_BROKEN_BYTE, FMT_EMPTY, FMT_MALFORMED, FMT_NUL, FMT_RAGGED, LIM_CELL, LIM_COLUMNS, LIM_RECORD, LIM_ROWS,
};
use std::collections::VecDeque;
use std::sync::Arc;

const BLOCK_ROWS: usize = 4096;
const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// A sheet opened at its first data row.
pub(crate) struct Sheet {
    pub(crate) name: String,
    package: Package,
    shared: Arc<SharedTexts>,
    /// Name and part of the other sheets that are not hidden.
    others: Vec<(String, String)>,
    reader: SheetReader,
    position: Position,
    /// Rows read to find the header, with data.
    waiting: VecDeque<Row>,
    /// The rows above the header, and the header.
    pub(crate) head: Vec<Row>,
    pub(crate) columns: ColumnPlan,
    pub(crate) blank: u64,
}

impl Sheet {
    pub(crate) fn open(input: &Arc<dyn Input>, spec: &SourceSpec, limits: &Limits) -> Result<Sheet, DecodeError> {
        refuse_gzip(input)?;
        let package = Package::open(input, limits)?;
        let workbook = Workbook::read(&package, spec.sheet.as_deref(), limits)?;
        let shared = match &workbook.shared_part {
            Some(part) => SharedTexts::read(&package, part, limits)?,
            None => SharedTexts::default(),
        };
        let shared = Arc::new(shared);
        let position = Position::default();
        let part = package.part(&workbook.sheet_part, position.clone())?;
        let mut reader = SheetReader::new(part, shared.clone(), &workbook.sheet_name, limits);
        let mut rows = read_head(&mut reader, limits)?;
        let texts = head_texts(&rows, limits)?;
        let at = header::find_row(&texts, spec)?;
        let columns = header::plan(&texts[at], at + 1, spec, limits)?;
        let header_row = at as u32 + 1;
        let split = rows.iter().position(|row| row.number > header_row).unwrap_or(rows.len());
        let waiting = rows.split_off(split).into();
        let others = workbook.others;
        let name = workbook.sheet_name;
        Ok(Sheet { name, package, shared, others, reader, position, waiting, head: rows, columns, blank: 0 })
    }

    /// Names of the other sheets in which something stands. One that can't be read is named too: nobody knows what is
    /// in it.
    pub(crate) fn unread(&self, spec: &SourceSpec, limits: &Limits) -> Vec<String> {
        let is_ignored = |name: &str| spec.ignore_sheets.iter().any(|ignored| ignored.trim() == name.trim());
        let others = self.others.iter().filter(|(name, _)| !is_ignored(name));
        others.filter(|(name, part)| self.holds_data(name, part, limits)).map(|(name, _)| name.clone()).collect()
    }

    fn holds_data(&self, name: &str, part: &str, limits: &Limits) -> bool {
        let Ok(part) = self.package.part(part, Position::default()) else { return true };
        let mut reader = SheetReader::new(part, self.shared.clone(), name, limits);
        let mut row = Row::default();
        loop {
            match reader.next(&mut row) {
                Ok(true) if row.is_blank() => {}
                Ok(false) => return false,
                Ok(true) | Err(_) => return true,
            }
        }
    }

    /// The next data row; false after the last.
    pub(crate) fn next(&mut self, row: &mut Row) -> Result<bool, DecodeError> {
        loop {
            match self.waiting.pop_front() {
                Some(waiting) => *row = waiting,
                None if self.reader.next(row)? => {}
                None => return Ok(false),
            }
            if !row.is_blank() {
                return Ok(true);
            }
            self.blank += 1;
        }
    }

    /// The text of a cell (`A2`) in the rows above the header.
    fn head_cell(&self, reference: &str) -> Option<String> {
        let number: u32 = reference.trim_start_matches(|letter: char| letter.is_ascii_alphabetic()).parse().ok()?;
        let column = column(reference)?;
        let row = self.head.iter().find(|row| row.number == number)?;
        row.cells.iter().find(|cell| cell.column == column).map(|cell| row.get(cell).to_owned())
    }
}

fn refuse_gzip(input: &Arc<dyn Input>) -> Result<(), DecodeError> {
    let mut magic = [0; 2];
    super::stream::read_full(&mut input.open()?, &mut magic)?;
    if magic == GZIP_MAGIC {
        return Err(DecodeError::refused(FMT_MALFORMED, "byte 0", Detail::WorkbookInGzip));
    }
    Ok(())
}

fn read_head(reader: &mut SheetReader, limits: &Limits) -> Result<Vec<Row>, DecodeError> {
    let (mut rows, mut bytes) = (Vec::new(), 0);
    let mut row = Row::default();
    while reader.next(&mut row)? {
        bytes += row.text.len();
        if bytes > limits.envelope_bytes_max {
            let detail = Detail::HeadLongerThan(limits.envelope_bytes_max);
            return Err(DecodeError::refused(LIM_RECORD, format!("row {}", row.number), detail));
        }
        let is_enough = row.number as usize >= HEADER_ROWS_MAX;
        rows.push(std::mem::take(&mut row));
        if is_enough {
            break;
        }
    }
    if rows.is_empty() {
        return Err(DecodeError::refused(FMT_EMPTY, "sheet", Detail::NothingInIt));
    }
    Ok(rows)
}

/// The first rows by their number in the sheet, those left out as empty ones.
fn head_texts(rows: &[Row], limits: &Limits) -> Result<Vec<Vec<String>>, DecodeError> {
    let mut texts: Vec<Vec<String>> = Vec::new();
    for row in rows.iter().filter(|row| row.number as usize <= HEADER_ROWS_MAX) {
        let widest = row.cells.iter().filter(|cell| !row.get(cell).trim().is_empty()).map(|cell| cell.column).max();
        if widest.is_some_and(|column| column as usize >= limits.columns_max) {
            let detail = Detail::MoreColumns(limits.columns_max);
            return Err(DecodeError::refused(LIM_COLUMNS, format!("row {}", row.number), detail));
        }
        texts.resize(row.number as usize - 1, Vec::new());
        texts.push(row.texts());
    }
    Ok(texts)
}

pub(crate) struct XlsxSource {
    sheet: Sheet,
    width: usize,
    limits: Limits,
    next_row: u64,
}

impl XlsxSource {
    pub(crate) fn new(sheet: Sheet, spec: &SourceSpec, limits: &Limits) -> Self {
        XlsxSource { sheet, width: spec.wanted.len(), limits: limits.clone(), next_row: 1 }
    }

    pub(crate) fn document(&self, spec: &SourceSpec) -> Vec<Option<String>> {
        spec.document.iter().map(|reference| self.sheet.head_cell(reference)).collect()
    }

    fn push(&self, row: &Row, out: &mut RowBatch) {
        out.begin_row();
        let columns = &self.sheet.columns;
        let mut extra = None;
        for cell in &row.cells {
            let text = row.get(cell);
            let Some(slot) = columns.slots.get(cell.column as usize) else {
                if !text.trim().is_empty() {
                    extra = Some(cell.column + 1);
                }
                continue;
            };
            let is_wanted = *slot != NO_SLOT;
            if text.len() > self.limits.cell_bytes_max {
                let detail = Detail::CellLongerThan(String::new(), self.limits.cell_bytes_max);
                out.fault(LIM_CELL, is_wanted.then_some(*slot), Some(detail));
                continue;
            }
            if is_wanted {
                out.set(*slot as usize, text);
                for (_, also) in columns.also.iter().filter(|(column, _)| *column == cell.column) {
                    out.set(*also as usize, text);
                }
            }
            if text.contains('\u{fffd}') {
                out.fault(ENC_BROKEN_BYTE, is_wanted.then_some(*slot), None);
            } else if text.contains('\0') {
                out.fault(FMT_NUL, is_wanted.then_some(*slot), None);
            }
        }
        if let Some(column) = extra {
            let detail = Detail::CellBeyond(column, columns.columns_min);
            out.fault(FMT_RAGGED, None, Some(detail));
        }
    }
}

impl BlockSource for XlsxSource {
    fn next(&mut self, block: &mut Block) -> Result<bool, DecodeError> {
        block.clear(self.next_row);
        let mut batch = block.batch.take().unwrap_or_else(|| RowBatch::new(self.width));
        batch.clear(self.next_row);
        let mut row = Row::default();
        while batch.rows() < BLOCK_ROWS && batch.text_bytes() < self.limits.block_bytes && self.sheet.next(&mut row)? {
            if self.next_row > self.limits.rows_max {
                let detail = Detail::MoreRows(self.limits.rows_max);
                return Err(DecodeError::refused(LIM_ROWS, format!("row {}", self.next_row), detail));
            }
            self.push(&row, &mut batch);
            self.next_row += 1;
        }
        block.rows = batch.rows() as u32;
        block.batch = Some(batch);
        Ok(block.rows > 0)
    }

    fn position(&self) -> u64 {
        self.sheet.position.get()
    }

    fn blank_rows(&self) -> u64 {
        self.sheet.blank
    }
}

#[cfg(test)]
#[path = "xlsx_tests.rs"]
mod tests;
