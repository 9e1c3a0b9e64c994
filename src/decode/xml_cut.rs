//! Borders of XML records in bytes: where the next one ends, without parsing it.
//!
//! Owns the search for records that follow each other plainly: `<name …>…</name>` or `<name …/>` with nothing but
//! blanks between. In well-formed XML `<` stands in no text and no attribute, so an end tag found is one,
//! unless a comment, CDATA or processing instruction holds it. Refuses to cut where one of these, an
//! element of the same name inside, or anything else stands: that is left to the walk.

use memchr::{memchr, memchr3, memmem};

pub(crate) struct Cutter {
    /// `<name`
    start: memmem::Finder<'static>,
    /// `</name`
    end: memmem::Finder<'static>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Stop {
    /// The bytes end inside a record, or between two.
    More,
    /// What follows is no plain record.
    Other,
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Cut {
    /// Past the last whole record; what stands between it and the next is not passed over.
    pub(crate) end: usize,
    pub(crate) rows: u32,
    pub(crate) stop: Stop,
}

impl Cutter {
    /// `name`: of the record's element, as written.
    pub(crate) fn new(name: &str) -> Self {
        let finder = |text: String| memmem::Finder::new(text.as_bytes()).into_owned();
        Cutter { start: finder(format!("<{name}")), end: finder(format!("</{name}")) }
    }

    /// Counts whole records from the start of `bytes`. A record longer than allowed is left to the walk.
    pub(crate) fn cut(&self, bytes: &[u8], record_bytes_max: usize) -> Cut {
        let mut cut = Cut { end: 0, rows: 0, stop: Stop::More };
        loop {
            match self.record_end(bytes, cut.end) {
                Ok(end) if end - cut.end <= record_bytes_max => {
                    cut.end = end;
                    cut.rows += 1;
                }
                Ok(_) => return Cut { stop: Stop::Other, ..cut },
                Err(stop) => return Cut { stop, ..cut },
            }
        }
    }

    /// Where the record ends that follows at `from` after blanks.
    fn record_end(&self, bytes: &[u8], from: usize) -> Result<usize, Stop> {
        let start = skip_blanks(bytes, from);
        let rest = &bytes[start..];
        let name = self.start.needle();
        if rest.len() <= name.len() {
            return Err(if name.starts_with(rest) || rest == name { Stop::More } else { Stop::Other });
        }
        if !rest.starts_with(name) || !ends_name(rest[name.len()]) {
            return Err(Stop::Other);
        }
        let (inside, is_empty) = tag_end(bytes, start + name.len()).ok_or(Stop::More)?;
        if is_empty {
            return Ok(inside);
        }
        let end = self.end_tag(bytes, inside).ok_or(Stop::More)?;
        if !self.is_plain(&bytes[inside..end]) {
            return Err(Stop::Other);
        }
        let close = skip_blanks(bytes, end + self.end.needle().len());
        match bytes.get(close) {
            Some(b'>') => Ok(close + 1),
            Some(_) => Err(Stop::Other),
            None => Err(Stop::More),
        }
    }

    /// Where the next end tag of this very name begins; none: not in these bytes.
    fn end_tag(&self, bytes: &[u8], mut from: usize) -> Option<usize> {
        loop {
            let end = from + self.end.find(bytes.get(from..)?)?;
            from = end + self.end.needle().len();
            if ends_name(*bytes.get(from)?) {
                return Some(end);
            }
        }
    }

    /// No comment, CDATA, instruction, and no element of the record's own name.
    fn is_plain(&self, inside: &[u8]) -> bool {
        let mut at = 0;
        while let Some(found) = inside.get(at..).and_then(|rest| memchr(b'<', rest)) {
            at += found;
            let is_same = match inside[at..].strip_prefix(self.start.needle()) {
                Some([after, ..]) => ends_name(*after),
                Some([]) => true,
                None => false,
            };
            if is_same || matches!(inside.get(at + 1), Some(b'!' | b'?')) {
                return false;
            }
            at += 1;
        }
        true
    }
}

/// Past the `>` of the start tag in which `at` stands, and whether the element is empty (`/>`).
fn tag_end(bytes: &[u8], mut at: usize) -> Option<(usize, bool)> {
    loop {
        at += memchr3(b'>', b'"', b'\'', bytes.get(at..)?)?;
        match bytes[at] {
            b'>' => return Some((at + 1, bytes[at - 1] == b'/')),
            quote => at += 2 + memchr(quote, bytes.get(at + 1..)?)?,
        }
    }
}

fn skip_blanks(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

fn ends_name(byte: u8) -> bool {
    matches!(byte, b' ' | b'\t' | b'\r' | b'\n' | b'>' | b'/')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cut(text: &str) -> (usize, u32, Stop) {
        let cut = Cutter::new("e").cut(text.as_bytes(), 100);
        (cut.end, cut.rows, cut.stop)
    }

    #[test]
    fn plain_records_are_cut_and_nothing_else() {
        assert_eq!(cut("<e>1</e> <e a='>'/>\n<e></e >"), (28, 3, Stop::More));
        assert_eq!(cut("<e>1</e></list>"), (8, 1, Stop::Other));
        assert_eq!(cut("<e>1</e> <f/>"), (8, 1, Stop::Other));
        assert_eq!(cut("<e>1</e><ee/>"), (8, 1, Stop::Other));
        assert_eq!(cut("<e>1</e>text"), (8, 1, Stop::Other));
        assert_eq!(cut("<e>1</e><e>2</"), (8, 1, Stop::More));
        assert_eq!(cut("<e>1</e><"), (8, 1, Stop::More));
        assert_eq!(cut("<e a=\"</e>"), (0, 0, Stop::More));
        for odd in ["<!-- </e> -->", "<![CDATA[</e>]]>", "<?x </e>?>", "<e>2</e>", "<e/>"] {
            assert_eq!(cut(&format!("<e>{odd}</e>")), (0, 0, Stop::Other), "{odd}");
        }
        assert_eq!(cut("<e><e2>1</e2></e>"), (17, 1, Stop::More));
        assert_eq!(cut(&format!("<e>{}</e>", "x".repeat(100))), (0, 0, Stop::Other));
    }
}
