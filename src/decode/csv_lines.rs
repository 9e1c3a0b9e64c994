//! Line ends of a CSV file: which of the three kinds it uses, and whether it mixes them.
//!
//! Owns the choice of the line end, made over the head of the file and outside quotes. A carriage return
//! alone is a line end of old programs, or dirt in a cell: where it stands beside line feeds, rows would hang
//! together, and a person's row could be taken for part of the header. So that is told apart and refused.

use super::csv_cells::QUOTE;
use memchr::memchr3_iter;

/// Line ends outside quotes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) struct LineEnds {
    /// `\n`, with `\r` before it or not.
    pub(crate) feeds: u64,
    /// `\r` without `\n` after it.
    pub(crate) returns: u64,
    /// Where the first of those stands.
    first_return: Option<usize>,
}

impl LineEnds {
    /// Counts in bytes that begin outside quotes. A quote counts only where a cell can begin.
    pub(crate) fn of(bytes: &[u8]) -> LineEnds {
        let (mut ends, mut in_quotes) = (LineEnds::default(), false);
        for at in memchr3_iter(QUOTE, b'\r', b'\n', bytes) {
            match bytes[at] {
                QUOTE if in_quotes => in_quotes = false,
                // The second of two quotes inside a cell opens it again.
                QUOTE => {
                    in_quotes = at == 0 || matches!(bytes[at - 1], QUOTE | b',' | b';' | b'\t' | b'|' | b'\r' | b'\n')
                }
                _ if in_quotes => {}
                b'\n' => ends.feeds += 1,
                _ if bytes.get(at + 1) == Some(&b'\n') => {}
                // The last byte may be half of a pair.
                _ if at + 1 == bytes.len() && ends.feeds > 0 => {}
                _ => {
                    ends.returns += 1;
                    ends.first_return.get_or_insert(at);
                }
            }
        }
        ends
    }

    pub(crate) fn newline(&self) -> u8 {
        if self.feeds == 0 && self.returns > 0 { b'\r' } else { b'\n' }
    }

    /// Whether both kinds stand in the bytes, the lone return before `end`.
    pub(crate) fn are_mixed_before(&self, end: usize) -> bool {
        self.feeds > 0 && self.first_return.is_some_and(|first| first < end)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counted(text: &str) -> (u64, u64, u8) {
        let ends = LineEnds::of(text.as_bytes());
        (ends.feeds, ends.returns, ends.newline())
    }

    #[test]
    fn ends_are_counted_outside_quotes_only() {
        assert_eq!(counted("a,b\r\n1,2\r\n"), (2, 0, b'\n'));
        assert_eq!(counted("a,b\r1,2\r"), (0, 2, b'\r'));
        assert_eq!(counted("a,b\r\"x\ny\",2\r"), (0, 2, b'\r'));
        assert_eq!(counted("a,b\n\"x\r\"\"y\r\",2\n"), (2, 0, b'\n'));
        assert_eq!(counted("a,b\n5\" pipe,2\r3,4\n"), (2, 1, b'\n'));
        assert_eq!(counted("a,b\n1,2\r"), (1, 0, b'\n'));
    }
}
