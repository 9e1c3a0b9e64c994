//! One rule table of the count, as CSV text: its header, its rows with their line numbers, and their faults.
//!
//! Owns the reading that all three tables share. Refuses a header that differs in any way, because a column
//! read under another name would move money; every other fault is collected, so one reading shows them all.

use jiff::civil::Date;

/// Rows one rule table may have.
pub const ROWS_MAX: usize = 10_000;

/// One fault of one table, with the line it stands in (the header is line 1).
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{table} line {line}: {cause}")]
pub struct TableFault {
    pub table: &'static str,
    pub line: u64,
    pub cause: TableCause,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableCause {
    #[error("the header must be «{0}»")]
    Header(String),
    #[error("not readable as CSV")]
    Csv,
    #[error("more than {ROWS_MAX} rows")]
    TooLong,
    #[error("{0} is empty")]
    Empty(&'static str),
    #[error("{column} is «{value}»: expected {expected}")]
    Value { column: &'static str, value: String, expected: &'static str },
    #[error("valid_to lies before valid_from")]
    Backwards,
    #[error("«{0}» stands for the same days in line {1} already")]
    Overlap(String, u64),
    #[error("age_min {0} is above age_max {1}")]
    Ages(u8, u8),
    #[error("both sides are agency {0}")]
    OneAgency(String),
}

/// The days a row is in force; either end may be open.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Validity {
    pub from: Option<Date>,
    pub to: Option<Date>,
}

impl Validity {
    pub fn holds_on(&self, day: Date) -> bool {
        self.from.is_none_or(|from| from <= day) && self.to.is_none_or(|to| day <= to)
    }

    pub fn overlaps(&self, other: &Validity) -> bool {
        let starts_before_end = |a: &Validity, b: &Validity| match (a.from, b.to) {
            (Some(from), Some(to)) => from <= to,
            _ => true,
        };
        starts_before_end(self, other) && starts_before_end(other, self)
    }
}

/// One row under reading: cells by position, faults collected beside it.
pub struct RowReader<'t> {
    table: &'static str,
    columns: &'static [&'static str],
    record: &'t csv::StringRecord,
    pub line: u64,
    faults: &'t mut Vec<TableFault>,
}

impl RowReader<'_> {
    pub fn text(&self, column: &'static str) -> &str {
        let at = self.columns.iter().position(|name| *name == column);
        at.and_then(|at| self.record.get(at)).map_or("", str::trim)
    }

    pub fn fault(&mut self, cause: TableCause) {
        self.faults.push(TableFault { table: self.table, line: self.line, cause });
    }

    pub fn wrong(&mut self, column: &'static str, expected: &'static str) {
        let value: String = self.text(column).chars().take(40).collect();
        self.fault(TableCause::Value { column, value, expected });
    }

    /// The cell, or a fault where it is empty.
    pub fn required(&mut self, column: &'static str) -> Option<String> {
        let text = self.text(column).to_owned();
        if text.is_empty() {
            self.fault(TableCause::Empty(column));
            return None;
        }
        Some(text)
    }

    /// One of the words given, or a fault that names them.
    pub fn choice<T: Copy>(&mut self, column: &'static str, of: &[(&str, T)], expected: &'static str) -> Option<T> {
        let found = of.iter().find(|(word, _)| *word == self.text(column)).map(|(_, value)| *value);
        if found.is_none() {
            self.wrong(column, expected);
        }
        found
    }

    pub fn number(&mut self, column: &'static str) -> Option<u8> {
        let number = self.text(column).parse().ok();
        if number.is_none() {
            self.wrong(column, "a whole number from 0 to 255");
        }
        number
    }

    /// `valid_from` and `valid_to`; empty means open. None: a fault was noted.
    pub fn validity(&mut self) -> Option<Validity> {
        let from = self.date("valid_from");
        let to = self.date("valid_to");
        let (from, to) = (from?, to?);
        if let (Some(first), Some(last)) = (from, to)
            && last < first
        {
            self.fault(TableCause::Backwards);
            return None;
        }
        Some(Validity { from, to })
    }

    fn date(&mut self, column: &'static str) -> Option<Option<Date>> {
        let text = self.text(column);
        if text.is_empty() {
            return Some(None);
        }
        match (text.len(), text.parse::<Date>()) {
            (10, Ok(date)) => Some(Some(date)),
            _ => {
                self.wrong(column, "a date such as 2026-06-10");
                None
            }
        }
    }
}

/// Reads the table row by row. `read` notes its faults and gives none for a row that has any.
pub fn read_rows<T>(
    table: &'static str,
    columns: &'static [&'static str],
    text: &str,
    faults: &mut Vec<TableFault>,
    mut read: impl FnMut(&mut RowReader) -> Option<T>,
) -> Vec<(u64, T)> {
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().has_headers(true).from_reader(text.as_bytes());
    let header = reader.headers().map(|header| header.iter().map(str::trim).eq(columns.iter().copied()));
    if !matches!(header, Ok(true)) {
        faults.push(TableFault { table, line: 1, cause: TableCause::Header(columns.join(",")) });
        return Vec::new();
    }
    let mut rows = Vec::new();
    for record in reader.records() {
        if rows.len() >= ROWS_MAX {
            faults.push(TableFault { table, line: 0, cause: TableCause::TooLong });
            break;
        }
        match record {
            Ok(record) => {
                let line = record.position().map_or(0, csv::Position::line);
                let mut row = RowReader { table, columns, record: &record, line, faults };
                rows.extend(read(&mut row).map(|value| (line, value)));
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                faults.push(TableFault { table, line, cause: TableCause::Csv });
            }
        }
    }
    rows
}
