//! The rows of one sheet, as they stand in it, one at a time.
//!
//! Owns cells: their place, their kind, their text. A number is written the way people wrote it
//! (`44433`, `58.7`), never with an exponent or a `.0`; dates stay serial numbers, because the same
//! cell style is used for dates and for codes. Refuses a row longer than a record may be.

use super::xlsx_package::PartReader;
use super::xlsx_shared::{SharedTexts, unescape_letters};
use super::xml_reader::{XmlReader, entity};
use super::{DecodeError, Detail, Limits};
use crate::domain::rule::{FMT_MALFORMED, LIM_RECORD};
use quick_xml::events::{BytesStart, Event};
use std::fmt::Write;
use std::sync::Arc;

/// Columns a sheet can have: XFD.
const SHEET_COLUMNS: u32 = 16_384;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    Number,
    Text,
    Boolean,
    Error,
}

#[derive(Debug, Clone, Copy)]
pub(crate) struct Cell {
    /// From 0.
    pub(crate) column: u32,
    pub(crate) kind: Kind,
    pub(crate) start: usize,
    pub(crate) end: usize,
}

/// One row; cells without text are left out.
#[derive(Debug, Clone, Default)]
pub(crate) struct Row {
    /// As the sheet shows it, from 1.
    pub(crate) number: u32,
    pub(crate) text: String,
    pub(crate) cells: Vec<Cell>,
}

impl Row {
    pub(crate) fn get(&self, cell: &Cell) -> &str {
        self.text.get(cell.start..cell.end).unwrap_or_default()
    }

    pub(crate) fn is_blank(&self) -> bool {
        self.text.trim().is_empty()
    }

    /// The texts by column, for heads.
    pub(crate) fn texts(&self) -> Vec<String> {
        let width = self.cells.iter().map(|cell| cell.column as usize + 1).max().unwrap_or(0);
        let mut texts = vec![String::new(); width];
        for cell in &self.cells {
            texts[cell.column as usize] = self.get(cell).to_owned();
        }
        texts
    }
}

pub(crate) struct SheetReader {
    reader: XmlReader<PartReader>,
    shared: Arc<SharedTexts>,
    sheet: String,
    buffer: Vec<u8>,
    value: String,
    last_row: u32,
    record_bytes_max: usize,
    is_ended: bool,
}

/// The cell being read.
struct Open {
    column: u32,
    kind: OpenKind,
    has_value: bool,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum OpenKind {
    Number,
    Shared,
    Text,
    Boolean,
    Error,
}

impl SheetReader {
    pub(crate) fn new(part: PartReader, shared: Arc<SharedTexts>, sheet: &str, limits: &Limits) -> Self {
        SheetReader {
            reader: XmlReader::new(part, limits.record_bytes_max, sheet),
            shared,
            sheet: sheet.to_owned(),
            buffer: Vec::new(),
            value: String::new(),
            last_row: 0,
            record_bytes_max: limits.record_bytes_max,
            is_ended: false,
        }
    }

    /// Reads the next row that is written in the sheet; false after the last.
    pub(crate) fn next(&mut self, row: &mut Row) -> Result<bool, DecodeError> {
        row.text.clear();
        row.cells.clear();
        if self.is_ended {
            return Ok(false);
        }
        let mut buffer = std::mem::take(&mut self.buffer);
        loop {
            match self.reader.next(&mut buffer)? {
                Event::Start(element) if element.local_name().as_ref() == "row" => {
                    let said = number(&element, "r");
                    row.number = said.unwrap_or(self.last_row + 1);
                    if row.number <= self.last_row {
                        return Err(self.malformed(row.number, Detail::RowsOutOfOrder));
                    }
                    self.last_row = row.number;
                    break;
                }
                Event::End(element) if matches!(element.local_name().as_ref(), "sheetData" | "worksheet") => {
                    // What follows is layout, but the part is read to its end: its checksum stands there.
                    self.is_ended = true;
                }
                Event::Eof if self.is_ended => return Ok(false),
                Event::Eof => return Err(self.reader.truncated()),
                _ => {}
            }
        }
        let read = self.cells(row, &mut buffer);
        self.buffer = buffer;
        read.map(|()| true)
    }

    fn cells(&mut self, row: &mut Row, buffer: &mut Vec<u8>) -> Result<(), DecodeError> {
        let start = self.reader.position();
        let (mut open, mut in_value, mut in_phonetic): (Option<Open>, bool, bool) = (None, false, false);
        let mut next_column = 0;
        loop {
            match self.reader.next(buffer)? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "c" => {
                        let cell = self.open_cell(&element, next_column, row.number)?;
                        next_column = cell.column + 1;
                        self.value.clear();
                        open = Some(cell);
                    }
                    "v" | "t" => in_value = true,
                    "rPh" => in_phonetic = true,
                    _ => {}
                },
                Event::End(element) => match element.local_name().as_ref() {
                    "c" => {
                        if let Some(cell) = open.take() {
                            self.close_cell(cell, row)?;
                        }
                    }
                    "v" | "t" => in_value = false,
                    "rPh" => in_phonetic = false,
                    "row" => return Ok(()),
                    _ => {}
                },
                Event::Text(text) if in_value && !in_phonetic => self.push(&text, &mut open),
                Event::CData(text) if in_value && !in_phonetic => self.push(&text, &mut open),
                Event::GeneralRef(reference) if in_value && !in_phonetic => {
                    if let Some(letters) = entity(&reference) {
                        letters.push_to(&mut self.value);
                        self.push("", &mut open);
                    }
                }
                Event::Eof => return Err(self.reader.truncated()),
                _ => {}
            }
            if self.reader.position() - start > self.record_bytes_max as u64 {
                let detail = Detail::LongerThan(self.record_bytes_max as u64);
                return Err(DecodeError::refused(LIM_RECORD, self.place(row.number), detail));
            }
        }
    }

    fn push(&mut self, text: &str, open: &mut Option<Open>) {
        self.value.push_str(text);
        if let Some(cell) = open {
            cell.has_value = true;
        }
    }

    fn open_cell(&self, element: &BytesStart, next_column: u32, row: u32) -> Result<Open, DecodeError> {
        let mut open = Open { column: next_column, kind: OpenKind::Number, has_value: false };
        for attribute in element.attributes().with_checks(false).flatten() {
            match attribute.key.0 {
                "r" => {
                    open.column =
                        column(&attribute.value).ok_or_else(|| self.malformed(row, Detail::CellWithoutPlace))?
                }
                "t" => {
                    open.kind = match &*attribute.value {
                        "s" => OpenKind::Shared,
                        "inlineStr" | "str" | "d" => OpenKind::Text,
                        "b" => OpenKind::Boolean,
                        "e" => OpenKind::Error,
                        _ => OpenKind::Number,
                    }
                }
                _ => {}
            }
        }
        Ok(open)
    }

    fn close_cell(&mut self, cell: Open, row: &mut Row) -> Result<(), DecodeError> {
        if !cell.has_value {
            return Ok(());
        }
        let start = row.text.len();
        let kind = match cell.kind {
            OpenKind::Shared => {
                let index = self.value.trim().parse().ok();
                let Some(text) = index.and_then(|index: usize| self.shared.get(index)) else {
                    return Err(self.malformed(row.number, Detail::SharedTextMissing));
                };
                row.text.push_str(text);
                Kind::Text
            }
            OpenKind::Text => {
                row.text.push_str(&self.value);
                unescape_letters(&mut row.text, start);
                Kind::Text
            }
            OpenKind::Boolean => {
                row.text.push_str(if self.value.trim() == "1" { "TRUE" } else { "FALSE" });
                Kind::Boolean
            }
            OpenKind::Error => {
                row.text.push_str(&self.value);
                Kind::Error
            }
            OpenKind::Number => {
                push_number(&mut row.text, self.value.trim());
                Kind::Number
            }
        };
        if row.text.len() > self.record_bytes_max {
            let detail = Detail::LongerThan(self.record_bytes_max as u64);
            return Err(DecodeError::refused(LIM_RECORD, self.place(row.number), detail));
        }
        row.cells.push(Cell { column: cell.column, kind, start, end: row.text.len() });
        Ok(())
    }

    fn place(&self, row: u32) -> String {
        format!("{} row {row}", self.sheet)
    }

    fn malformed(&self, row: u32, detail: Detail) -> DecodeError {
        DecodeError::refused(FMT_MALFORMED, self.place(row), detail)
    }
}

fn number(element: &BytesStart, name: &str) -> Option<u32> {
    super::xlsx_shared::attribute(element, name)?.parse().ok().filter(|number| *number > 0)
}

/// The column of a reference like `AB12`, from 0.
pub(crate) fn column(reference: &str) -> Option<u32> {
    let letters = reference.bytes().take_while(u8::is_ascii_alphabetic);
    let mut column = 0u32;
    for letter in letters {
        column = column.checked_mul(26)?.checked_add(u32::from(letter.to_ascii_uppercase() - b'A') + 1)?;
        if column > SHEET_COLUMNS {
            return None;
        }
    }
    column.checked_sub(1)
}

/// A number as people write it: whole numbers without point or exponent, others in their shortest form.
fn push_number(text: &mut String, raw: &str) {
    let is_plain = raw.len() <= 15 && !raw.is_empty() && raw.bytes().all(|byte| byte.is_ascii_digit());
    match raw.parse::<f64>() {
        Ok(number) if !is_plain && number.is_finite() => {
            let written = if number.fract() == 0.0 && number.abs() < 1e15 {
                write!(text, "{}", number as i64)
            } else {
                write!(text, "{number}")
            };
            // Writing to a string does not fail.
            let _ = written;
        }
        _ => text.push_str(raw),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_written_as_people_wrote_them() {
        for (raw, expected) in [
            ("44433", "44433"),
            ("58.0", "58"),
            ("1.999900000013E+12", "1999900000013"),
            ("1E3", "1000"),
            ("58.7", "58.7"),
            ("0.1", "0.1"),
            ("-3", "-3"),
            ("00012", "00012"),
            ("nonsense", "nonsense"),
        ] {
            let mut text = String::new();
            push_number(&mut text, raw);
            assert_eq!(text, expected);
        }
    }

    #[test]
    fn references_name_columns() {
        for (reference, expected) in
            [("A1", Some(0)), ("Z9", Some(25)), ("AA1", Some(26)), ("XFD1", Some(16_383)), ("XFE1", None), ("12", None)]
        {
            assert_eq!(column(reference), expected, "{reference}");
        }
    }
}
