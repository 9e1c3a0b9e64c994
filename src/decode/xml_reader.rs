//! XML events under limits, for records and for the parts of workbooks.
//!
//! Owns the reader: one event may be no longer than a record, so a text without end costs no memory; a
//! document type is refused where it stands; what is not well-formed is refused with its byte.

use super::{DecodeError, Detail};
use crate::domain::rule::{FMT_DTD, FMT_MALFORMED, FMT_TRUNCATED, LIM_RECORD};
use quick_xml::Reader;
use quick_xml::escape::resolve_predefined_entity;
use quick_xml::events::{BytesRef, Event};
use std::io::{self, BufRead, BufReader, Read};

const READ_BYTES: usize = 128 << 10;

/// A buffered reader that stops when one event takes more than allowed.
struct Limited<R> {
    inner: BufReader<R>,
    since_event: usize,
    bytes_max: usize,
}

impl<R: Read> Read for Limited<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let ready = self.fill_buf()?;
        let take = ready.len().min(buffer.len());
        buffer[..take].copy_from_slice(&ready[..take]);
        self.consume(take);
        Ok(take)
    }
}

impl<R: Read> BufRead for Limited<R> {
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        if self.since_event > self.bytes_max {
            let detail = Detail::ElementLongerThan(self.bytes_max);
            return Err(DecodeError::refused(LIM_RECORD, "", detail).into_io());
        }
        self.inner.fill_buf()
    }

    fn consume(&mut self, bytes: usize) {
        self.since_event += bytes;
        self.inner.consume(bytes);
    }
}

/// Events of one document in UTF-8. Empty elements come as a start and an end.
pub(crate) struct XmlReader<R: Read> {
    reader: Reader<Limited<R>>,
    /// What to call the document in places: nothing, or the part of a workbook.
    part: String,
    /// Bytes of the document before the first one read here.
    base: u64,
}

impl<R: Read> XmlReader<R> {
    pub(crate) fn new(inner: R, event_bytes_max: usize, part: &str) -> Self {
        let inner = BufReader::with_capacity(READ_BYTES, inner);
        let mut reader = Reader::from_reader(Limited { inner, since_event: 0, bytes_max: event_bytes_max });
        reader.config_mut().expand_empty_elements = true;
        XmlReader { reader, part: part.to_owned(), base: 0 }
    }

    /// Goes on in the middle of a document, `base` bytes from its start. Ends of elements that were opened before are
    /// the caller's to check.
    pub(crate) fn resume(inner: R, event_bytes_max: usize, base: u64) -> Self {
        let mut resumed = XmlReader::new(inner, event_bytes_max, "");
        resumed.reader.config_mut().allow_unmatched_ends = true;
        resumed.base = base;
        resumed
    }

    /// What was read ahead, and the rest.
    pub(crate) fn into_rest(self) -> (Vec<u8>, R) {
        let inner = self.reader.into_inner().inner;
        (inner.buffer().to_vec(), inner.into_inner())
    }

    pub(crate) fn position(&self) -> u64 {
        self.base + self.reader.buffer_position()
    }

    pub(crate) fn place(&self) -> String {
        let at = self.position();
        if self.part.is_empty() { format!("byte {at}") } else { format!("{} byte {at}", self.part) }
    }

    pub(crate) fn next<'b>(&mut self, buffer: &'b mut Vec<u8>) -> Result<Event<'b>, DecodeError> {
        self.reader.get_mut().since_event = 0;
        buffer.clear();
        match self.reader.read_event_into(buffer) {
            Ok(Event::DocType(_)) => Err(DecodeError::refused(FMT_DTD, self.place(), Detail::Dtd)),
            Ok(event) => Ok(event),
            Err(error) => Err(self.refuse(error)),
        }
    }

    fn refuse(&self, error: quick_xml::Error) -> DecodeError {
        use quick_xml::Error;
        match error {
            Error::Io(error) => match DecodeError::within(&error) {
                Some(DecodeError::Refused { rule, place, detail }) if place.is_empty() => {
                    DecodeError::refused(rule, self.place(), detail)
                }
                Some(refused) => refused,
                None => DecodeError::Io(io::Error::new(error.kind(), error.to_string())),
            },
            // Of all syntax errors, these are the ends of files in the middle of something.
            Error::Syntax(_) => DecodeError::refused(FMT_TRUNCATED, self.place(), Detail::EndsInTag),
            _ => DecodeError::refused(FMT_MALFORMED, self.place(), Detail::NotWellFormed),
        }
    }

    pub(crate) fn truncated(&self) -> DecodeError {
        DecodeError::refused(FMT_TRUNCATED, self.place(), Detail::ElementsOpen)
    }
}

/// The letter an entity stands for: the five predefined and numeric ones; others need a DTD and are none.
pub(crate) fn entity(reference: &BytesRef) -> Option<EntityText> {
    match reference.resolve_char_ref() {
        Ok(Some(letter)) => Some(EntityText::Letter(letter)),
        Ok(None) => resolve_predefined_entity(reference).map(EntityText::Predefined),
        Err(_) => None,
    }
}

pub(crate) enum EntityText {
    Letter(char),
    Predefined(&'static str),
}

impl EntityText {
    pub(crate) fn push_to(&self, text: &mut String) {
        match self {
            EntityText::Letter(letter) => text.push(*letter),
            EntityText::Predefined(letters) => text.push_str(letters),
        }
    }
}
