//! The grammar of CSV: where a record ends, where a cell ends, what a quote means where.
//!
//! Owns the one grammar that splitter, header and parser share, so that they count the same rows. A
//! quote opens a quoted cell only as its first byte; elsewhere it is a letter. Refuses to join what
//! stands after a closing quote to the cell: it reports it, because the value would be a guess.

use memchr::{memchr, memchr2};

pub(crate) const QUOTE: u8 = b'"';

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Dialect {
    pub(crate) delimiter: u8,
    /// `\n`, or `\r` in files that have no `\n` at all.
    pub(crate) newline: u8,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum RecordEnd {
    /// The next record starts here.
    At(usize),
    /// The bytes end inside the record.
    Open { in_quotes: bool },
}

/// Finds the end of the record that starts at `start`.
pub(crate) fn record_end(bytes: &[u8], start: usize, dialect: Dialect) -> RecordEnd {
    let mut at = start;
    loop {
        let Some(found) = memchr2(QUOTE, dialect.newline, &bytes[at..]) else {
            return RecordEnd::Open { in_quotes: false };
        };
        let found = at + found;
        if bytes[found] == dialect.newline {
            return RecordEnd::At(found + 1);
        }
        at = found + 1;
        if found == start || bytes[found - 1] == dialect.delimiter {
            match quote_end(bytes, at) {
                Some((close, _)) => at = close + 1,
                None => return RecordEnd::Open { in_quotes: true },
            }
        }
    }
}

/// The closing quote of a cell whose text starts at `at`, and whether it has doubled quotes.
fn quote_end(bytes: &[u8], mut at: usize) -> Option<(usize, bool)> {
    let mut is_doubled = false;
    loop {
        let close = at + memchr(QUOTE, bytes.get(at..)?)?;
        if bytes.get(close + 1) != Some(&QUOTE) {
            return Some((close, is_doubled));
        }
        is_doubled = true;
        at = close + 2;
    }
}

/// Whether nothing stands in the record at `start`: no byte but delimiters and spaces up to its end.
#[inline]
pub(crate) fn is_blank(bytes: &[u8], start: usize, dialect: Dialect) -> bool {
    for byte in &bytes[start..] {
        if *byte == dialect.newline {
            return true;
        }
        if *byte != dialect.delimiter && !matches!(*byte, b' ' | b'\t' | b'\r' | b'\n') {
            return false;
        }
    }
    true
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Cell {
    pub(crate) start: usize,
    pub(crate) end: usize,
    /// `""` stands in it for one quote.
    pub(crate) is_doubled: bool,
    /// Something stands between the closing quote and the end of the cell.
    pub(crate) has_tail: bool,
    /// Where the next cell starts, or the next record.
    pub(crate) next: usize,
    pub(crate) is_last: bool,
}

/// The cell that starts at `start` of a whole record (`bytes` may go on with others).
pub(crate) fn cell(bytes: &[u8], start: usize, dialect: Dialect) -> Cell {
    let quoted = (bytes.get(start) == Some(&QUOTE)).then(|| quote_end(bytes, start + 1)).flatten();
    let from = quoted.map_or(start, |(close, _)| close + 1);
    let (stop, is_last) = match memchr2(dialect.delimiter, dialect.newline, &bytes[from..]) {
        Some(found) => (from + found, bytes[from + found] == dialect.newline),
        None => (bytes.len(), true),
    };
    let next = (stop + 1).min(bytes.len());
    let end = if is_last { strip_return(bytes, from, stop) } else { stop };
    match quoted {
        Some((close, is_doubled)) => {
            let has_tail = bytes[from..end].iter().any(|byte| !matches!(byte, b' ' | b'\t'));
            Cell { start: start + 1, end: close, is_doubled, has_tail, next, is_last }
        }
        None => Cell { start, end, is_doubled: false, has_tail: false, next, is_last },
    }
}

/// Whether a spreadsheet could take the cell for a formula, or does so behind apostrophes. A dash alone is none: it is
/// the commonest word for nothing.
pub(crate) fn starts_formula(cell: &[u8]) -> bool {
    let bare = &cell[cell.iter().take_while(|byte| **byte == b'\'').count()..];
    matches!(bare.first(), Some(b'=' | b'+' | b'-' | b'@' | b'\t' | b'\r')) && bare != b"-"
}

/// Whether the cell bears the apostrophe we put before formulas in files we give back. Only in such files is it ours.
pub(crate) fn is_guarded(cell: &[u8]) -> bool {
    cell.first() == Some(&b'\'') && starts_formula(&cell[1..])
}

/// The end of a record's text without the `\r` of its `\r\n`.
#[inline]
pub(crate) fn strip_return(bytes: &[u8], start: usize, end: usize) -> usize {
    if end > start && bytes[end - 1] == b'\r' { end - 1 } else { end }
}

#[cfg(test)]
mod tests {
    use super::*;

    const COMMA: Dialect = Dialect { delimiter: b',', newline: b'\n' };

    fn cells(record: &str) -> Vec<String> {
        let (bytes, mut at, mut found) = (record.as_bytes(), 0, Vec::new());
        loop {
            let cell = cell(bytes, at, COMMA);
            let text = &record[cell.start..cell.end];
            found.push(if cell.is_doubled { text.replace("\"\"", "\"") } else { text.to_owned() });
            at = cell.next;
            if cell.is_last {
                return found;
            }
        }
    }

    #[test]
    fn quotes_mean_something_only_at_the_start_of_a_cell() {
        assert_eq!(cells("a,\"b,\"\"c\"\"\r\nd\",e\"f,\r\n"), ["a", "b,\"c\"\r\nd", "e\"f", ""]);
        assert_eq!(cells("5\" pipe,x"), ["5\" pipe", "x"]);
        assert!(cell(b"\"a\"b,c", 0, COMMA).has_tail);
        assert!(!cell(b"\"a\" \r\n", 0, COMMA).has_tail);
    }

    #[test]
    fn a_record_ends_outside_quotes_only() {
        assert_eq!(record_end(b"a,\"b\nc\"\nd", 0, COMMA), RecordEnd::At(8));
        assert_eq!(record_end(b"a,b\"\nc\"\nd", 0, COMMA), RecordEnd::At(5));
        assert_eq!(record_end(b"a,\"b\nc", 0, COMMA), RecordEnd::Open { in_quotes: true });
        assert_eq!(record_end(b"a,b", 0, COMMA), RecordEnd::Open { in_quotes: false });
    }

    #[test]
    fn formulas_are_known_with_and_without_apostrophes() {
        for (cell, starts, guarded) in [
            ("=1+1", true, false),
            ("'=1+1", true, true),
            ("''@x", true, true),
            ("+66", true, false),
            ("-5", true, false),
            ("-", false, false),
            ("'-", false, false),
            ("'a", false, false),
            ("", false, false),
        ] {
            assert_eq!((starts_formula(cell.as_bytes()), is_guarded(cell.as_bytes())), (starts, guarded), "{cell}");
        }
    }

    #[test]
    fn blank_records_have_only_delimiters_and_spaces() {
        assert!(is_blank(b",, ,\r\nx", 0, COMMA));
        assert!(!is_blank(b",,x", 0, COMMA));
        assert!(!is_blank(b"\"\",\n", 0, COMMA));
    }
}
