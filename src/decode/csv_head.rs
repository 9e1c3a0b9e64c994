//! The head of a CSV file: its delimiter, its line ending, its header row.
//!
//! Owns the choice between the declared delimiter and the one the header shows. It is one choice for
//! the whole file. Refuses a head without end (a line of 200 MB) before it is read further.

use super::charset::{Verdict, decode_piece};
use super::csv_cells::{Dialect, RecordEnd, cell, is_guarded, record_end};
use super::csv_lines::LineEnds;
use super::header::{self, ColumnPlan, HEADER_ROWS_MAX};
use super::{DecodeError, Detail, Limits, SourceSpec};
use crate::domain::rule::{FMT_LINE_ENDS, FMT_QUOTE, LIM_COLUMNS, LIM_RECORD};

/// Tried where the declared delimiter does not show the wanted columns.
const OTHER_DELIMITERS: [u8; 4] = [b';', b'\t', b'|', b','];

pub(crate) struct Head {
    pub(crate) dialect: Dialect,
    pub(crate) columns: ColumnPlan,
    /// Names as they stand in the file, for writing refused rows.
    pub(crate) header: Vec<String>,
    /// Bytes up to the header row.
    pub(crate) header_at: usize,
    /// Bytes up to the first data row.
    pub(crate) data_at: usize,
    /// `\r\n`, `\n` or `\r`.
    pub(crate) line_end: &'static str,
}

/// Reads the head; `bytes` is the beginning of the file, all of it if `is_whole`.
pub(crate) fn read(
    bytes: &[u8],
    is_whole: bool,
    verdict: Verdict,
    spec: &SourceSpec,
    limits: &Limits,
) -> Result<Head, DecodeError> {
    let line_ends = LineEnds::of(bytes);
    let newline = line_ends.newline();
    let declared = Dialect { delimiter: spec.delimiter, newline };
    let mut rows = match Rows::read(bytes, is_whole, declared, verdict, limits) {
        // What looks like one endless row are many that end in another way.
        Err(_) if line_ends.are_mixed_before(bytes.len()) => return Err(mixed(&line_ends)),
        rows => rows?,
    };
    let mut dialect = declared;
    let mut score = rows.score(spec);
    for delimiter in OTHER_DELIMITERS {
        let other = Dialect { delimiter, newline };
        if delimiter == spec.delimiter || score >= 2 || !header::has_names(spec) {
            continue;
        }
        if let Ok(tried) = Rows::read(bytes, is_whole, other, verdict, limits)
            && tried.score(spec) > score
        {
            (score, rows, dialect) = (tried.score(spec), tried, other);
        }
    }
    rows.unguard();
    let row = header::find_row(&rows.cells, spec)?;
    let data_at = rows.ends[row];
    if line_ends.are_mixed_before(data_at) {
        return Err(mixed(&line_ends));
    }
    let header = rows.cells.swap_remove(row);
    let columns = header::plan(&header, row + 1, spec, limits)?;
    let header_at = row.checked_sub(1).map_or(0, |before| rows.ends[before]);
    let line_end = match (newline, bytes[..data_at].ends_with(b"\r\n")) {
        (b'\r', _) => "\r",
        (_, true) => "\r\n",
        _ => "\n",
    };
    Ok(Head { dialect, columns, header, header_at, data_at, line_end })
}

/// The first records of the file, blank ones included: people count rows as they see them.
struct Rows {
    cells: Vec<Vec<String>>,
    ends: Vec<usize>,
}

impl Rows {
    fn read(
        bytes: &[u8],
        is_whole: bool,
        dialect: Dialect,
        verdict: Verdict,
        limits: &Limits,
    ) -> Result<Rows, DecodeError> {
        let mut rows = Rows { cells: Vec::new(), ends: Vec::new() };
        let mut at = 0;
        while at < bytes.len() && rows.cells.len() < HEADER_ROWS_MAX {
            let end = match record_end(bytes, at, dialect) {
                RecordEnd::At(end) => end,
                RecordEnd::Open { in_quotes: false } if is_whole => bytes.len(),
                RecordEnd::Open { .. } if !rows.cells.is_empty() => break,
                RecordEnd::Open { in_quotes } => return Err(endless(&bytes[at..], in_quotes, dialect, limits)),
            };
            rows.cells.push(row_cells(&bytes[at..end], dialect, verdict, limits, rows.cells.len() + 1)?);
            rows.ends.push(end);
            at = end;
        }
        Ok(rows)
    }

    /// Takes our apostrophes off the header of a file we gave back.
    fn unguard(&mut self) {
        for row in self.cells.iter_mut().filter(|row| row.iter().any(|cell| header::is_own(cell.trim()))) {
            for cell in row.iter_mut().filter(|cell| is_guarded(cell.as_bytes())) {
                cell.remove(0);
            }
        }
    }

    fn score(&self, spec: &SourceSpec) -> usize {
        match spec.header_row {
            Some(row) => self.cells.get(row.saturating_sub(1) as usize).map_or(0, |row| header::score(row, spec)),
            None => self.cells.iter().map(|row| header::score(row, spec)).max().unwrap_or(0),
        }
    }
}

fn row_cells(
    record: &[u8],
    dialect: Dialect,
    verdict: Verdict,
    limits: &Limits,
    row: usize,
) -> Result<Vec<String>, DecodeError> {
    let mut cells = Vec::new();
    let mut at = 0;
    loop {
        let cell = cell(record, at, dialect);
        let text = decode_piece(&record[cell.start..cell.end], verdict.charset);
        cells.push(if cell.is_doubled { text.replace("\"\"", "\"") } else { text.into_owned() });
        // Trailing empty cells of a wide sheet are no columns; the plan judges those that have a name.
        if cells.len() > limits.columns_max.saturating_mul(20) {
            return Err(too_many_columns(row, limits));
        }
        at = cell.next;
        if cell.is_last {
            return Ok(cells);
        }
    }
}

fn too_many_columns(row: usize, limits: &Limits) -> DecodeError {
    DecodeError::refused(LIM_COLUMNS, format!("row {row}"), Detail::MoreColumns(limits.columns_max))
}

fn mixed(line_ends: &LineEnds) -> DecodeError {
    let detail = Detail::MixedLineEnds(line_ends.returns, line_ends.feeds);
    DecodeError::refused(FMT_LINE_ENDS, "header", detail)
}

/// The first record does not end within what may be one record.
fn endless(bytes: &[u8], in_quotes: bool, dialect: Dialect, limits: &Limits) -> DecodeError {
    if in_quotes {
        return DecodeError::refused(FMT_QUOTE, "row 1", Detail::QuoteNeverClosed);
    }
    if memchr::memchr_iter(dialect.delimiter, bytes).count() > limits.columns_max {
        return too_many_columns(1, limits);
    }
    DecodeError::refused(LIM_RECORD, "row 1", Detail::LongerThan(limits.record_bytes_max as u64))
}
