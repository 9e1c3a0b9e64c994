//! Refused rows of a workbook as a workbook: same titles and header, the cells as they were, three columns more.
//!
//! Owns the new sheet. Numbers stay numbers and texts stay texts; formats (colours, date display) are not
//! carried over, so a date that was a number goes back as that number. Written row by row.

use super::text::{reasons, safe_cell};
use super::{COLUMNS, Refusals, SendbackError, Sent};
use crate::decode::header::is_own;
use crate::decode::xlsx::Sheet;
use crate::decode::xlsx_sheet::{Cell, Kind, Row};
use rust_xlsxwriter::{Workbook, Worksheet, XlsxError};
use std::io::Write;

/// What a cell can hold, in UTF-16 units.
const CELL_UNITS_MAX: usize = 32_767;

pub(super) fn write(sent: &Sent<'_>, mut refusals: Refusals, out: &mut dyn Write) -> Result<u64, SendbackError> {
    let mut source = Sheet::open(sent.input, sent.spec, sent.limits)?;
    let mut workbook = Workbook::new();
    let sheet = workbook.add_worksheet_with_constant_memory()?;
    sheet.set_name(&source.name)?;
    let header = source.head.last().cloned().unwrap_or_default();
    let own: Vec<u32> =
        header.cells.iter().filter(|cell| is_own(header.get(cell).trim())).map(|cell| cell.column).collect();
    let width = header.cells.iter().filter(|cell| !own.contains(&cell.column)).map(|cell| cell.column + 1).max();
    let width = width.unwrap_or(0) as u16;
    let mut at = 0;
    for row in &source.head {
        at = row.number.saturating_sub(1);
        write_cells(sheet, at, row, &own)?;
    }
    for (column, name) in (width..).zip(COLUMNS) {
        sheet.write_string(at, column, name)?;
    }
    let (mut row, mut number) = (Row::default(), 0);
    while !refusals.is_done() && source.next(&mut row)? {
        number += 1;
        let Some(refused) = refusals.take(number)? else { continue };
        at += 1;
        write_cells(sheet, at, &row, &own)?;
        // Cells beyond the header's last column keep their place; what we add never covers them.
        let after =
            row.cells.iter().filter(|cell| !own.contains(&cell.column)).map(|cell| cell.column as u16 + 1).max();
        let first = width.max(after.unwrap_or(0));
        sheet.write_number(at, first, refused.row as f64)?;
        sheet.write_string(at, first + 1, cut(&safe_cell(&refused.rules)))?;
        sheet.write_string(at, first + 2, cut(&safe_cell(&reasons(&refused))))?;
    }
    let written = refusals.finish(number)?;
    out.write_all(&workbook.save_to_buffer()?)?;
    Ok(written)
}

fn write_cells(sheet: &mut Worksheet, at: u32, row: &Row, own: &[u32]) -> Result<(), XlsxError> {
    for cell in row.cells.iter().filter(|cell| !own.contains(&cell.column)) {
        write_cell(sheet, at, row, cell)?;
    }
    Ok(())
}

fn write_cell(sheet: &mut Worksheet, at: u32, row: &Row, cell: &Cell) -> Result<(), XlsxError> {
    let (column, text) = (cell.column as u16, row.get(cell));
    match (cell.kind, text.parse::<f64>()) {
        (Kind::Number, Ok(number)) => sheet.write_number(at, column, number)?,
        (Kind::Boolean, _) => sheet.write_boolean(at, column, text == "TRUE")?,
        _ => sheet.write_string(at, column, cut(text))?,
    };
    Ok(())
}

fn cut(text: &str) -> String {
    let mut units = 0;
    text.chars()
        .take_while(|letter| {
            units += letter.len_utf16();
            units <= CELL_UNITS_MAX
        })
        .collect()
}
