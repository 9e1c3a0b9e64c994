//! Refused rows of a CSV file as CSV: same head, same bytes, three columns more.
//!
//! Owns the cutting off of our own columns where the file came back from us before, and the apostrophe before
//! cells a spreadsheet would run as formulas. Decoding takes it off again, because the file bears our columns.

use super::text::{Encoded, reasons, safe_cell};
use super::{COLUMNS, Refusals, RefusedRow, SendbackError, Sent};
use crate::decode::csv_cells::{
    Dialect, QUOTE, RecordEnd, cell, is_blank, is_guarded, record_end, starts_formula, strip_return,
};
use crate::decode::header::is_own;
use crate::decode::{Block, BlockSource, csv_split};
use std::borrow::Cow;
use std::io::Write;

/// What every row written needs to know.
struct Layout {
    dialect: Dialect,
    line_end: &'static str,
    /// Columns of the sender, where our own follow them.
    keep: Option<usize>,
    /// The file was given back by us before: what bears an apostrophe of ours is not given another.
    is_returned: bool,
}

pub(super) fn write(sent: &Sent<'_>, mut refusals: Refusals, out: &mut dyn Write) -> Result<u64, SendbackError> {
    let (stream, verdict, mut out) = sent.again(out)?;
    let Sent { spec, limits, .. } = *sent;
    let (mut source, head, head_bytes) = csv_split::open(stream, verdict, spec, limits)?;
    let first_own = head.header.iter().position(|name| is_own(name.trim()));
    let keep = first_own.filter(|first| head.header[*first..].iter().all(|name| is_own(name.trim())));
    let layout = Layout { dialect: head.dialect, line_end: head.line_end, keep, is_returned: first_own.is_some() };
    let (titles, header) = head_bytes.split_at(head.header_at);
    let mut at = 0;
    while at < titles.len() {
        let end = match record_end(titles, at, layout.dialect) {
            RecordEnd::At(end) => end,
            RecordEnd::Open { .. } => titles.len(),
        };
        out.own(&guarded(&titles[at..end], &layout))?;
        at = end;
    }
    write_row(&mut out, header, &layout, COLUMNS.map(str::to_owned), false)?;
    let mut block = Block::default();
    let mut row = 0;
    while !refusals.is_done() && source.next(&mut block)? {
        if block.batch.is_some() {
            // A quote never closed: the rest of the file is one cell, closed here so that the reason can follow.
            row += 1;
            if let Some(refused) = refusals.take(row)? {
                write_row(&mut out, &block.bytes, &layout, cells(&refused), true)?;
            }
            continue;
        }
        let mut at = 0;
        while at < block.bytes.len() {
            let end = match record_end(&block.bytes, at, layout.dialect) {
                RecordEnd::At(end) => end,
                RecordEnd::Open { .. } => block.bytes.len(),
            };
            if !is_blank(&block.bytes[..end], at, layout.dialect) {
                row += 1;
                if let Some(refused) = refusals.take(row)? {
                    write_row(&mut out, &block.bytes[at..end], &layout, cells(&refused), false)?;
                }
            }
            at = end;
        }
    }
    refusals.finish(row)
}

fn cells(refused: &RefusedRow) -> [String; 3] {
    [refused.row.to_string(), refused.rules.clone(), reasons(refused)]
}

fn write_row(
    out: &mut Encoded,
    record: &[u8],
    layout: &Layout,
    added: [String; 3],
    is_unclosed: bool,
) -> Result<(), SendbackError> {
    let dialect = layout.dialect;
    let end = record.strip_suffix(&[dialect.newline]).unwrap_or(record).len();
    let own = &record[..strip_return(record, 0, end)];
    match layout.keep {
        Some(keep) if !is_unclosed => out.own(&guarded(first_cells(own, keep, dialect), layout))?,
        _ => out.own(&guarded(own, layout))?,
    }
    if is_unclosed {
        out.own(&[QUOTE])?;
    }
    for text in added {
        let quoted = safe_cell(&text).replace('"', "\"\"");
        out.own(&[dialect.delimiter])?;
        out.text(&format!("\"{quoted}\""))?;
    }
    out.text(layout.line_end)?;
    Ok(())
}

/// The record with an apostrophe before each cell that a spreadsheet could run.
fn guarded<'r>(record: &'r [u8], layout: &Layout) -> Cow<'r, [u8]> {
    let (mut out, mut taken, mut at) = (Vec::new(), 0, 0);
    loop {
        let cell = cell(record, at, layout.dialect);
        // A quote that is never closed is closed by us: what follows it counts then.
        let text = at + usize::from(record.get(at) == Some(&QUOTE));
        let inside = &record[text..cell.end.max(text)];
        if starts_formula(inside) && !(layout.is_returned && is_guarded(inside)) {
            out.extend_from_slice(&record[taken..text]);
            out.push(b'\'');
            taken = text;
        }
        if cell.is_last {
            break;
        }
        at = cell.next;
    }
    if taken == 0 && out.is_empty() {
        return Cow::Borrowed(record);
    }
    out.extend_from_slice(&record[taken..]);
    Cow::Owned(out)
}

/// The record's bytes up to the end of its cell number `keep`.
fn first_cells(record: &[u8], keep: usize, dialect: Dialect) -> &[u8] {
    let mut at = 0;
    for _ in 0..keep {
        let cell = cell(record, at, dialect);
        if cell.is_last {
            return record;
        }
        at = cell.next;
    }
    // Without the delimiter before our first cell.
    &record[..at.saturating_sub(1)]
}
