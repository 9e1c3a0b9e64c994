//! Parses blocks of whole XML records; any number of workers at once.
//!
//! Owns the worker's half of XML. Each block is walked as if the file had been read up to it, by the walk that
//! reads the file, so a record means the same wherever the file was cut. Borrows names and text from the block.

use super::charset::{Charset, is_broken};
use super::xml::XmlPlan;
use super::xml_walk::Walk;
use super::{Block, BlockParser, BlockWorker, DecodeError, Detail, RowBatch};
use crate::domain::rule::{FMT_DTD, FMT_MALFORMED};
use memchr::{memchr, memmem};
use quick_xml::Reader;
use quick_xml::events::Event;
use std::sync::Arc;

/// Rows come parsed from the source; workers only pass them on.
pub(crate) struct ParsedAlready;

impl BlockParser for ParsedAlready {
    fn worker(&self) -> Box<dyn BlockWorker> {
        Box::new(ParsedAlready)
    }
}

impl BlockWorker for ParsedAlready {
    fn parse(&mut self, block: &mut Block, out: &mut RowBatch) -> Result<(), DecodeError> {
        match &mut block.batch {
            Some(batch) => std::mem::swap(batch, out),
            None => out.clear(block.first_row),
        }
        Ok(())
    }
}

pub(crate) struct XmlParser(pub(crate) Arc<XmlPlan>);

impl BlockParser for XmlParser {
    fn worker(&self) -> Box<dyn BlockWorker> {
        Box::new(XmlWorker { plan: self.0.clone(), begun: None })
    }
}

struct XmlWorker {
    plan: Arc<XmlPlan>,
    /// What was open around the last block's records, and the walk that began there.
    begun: Option<(Arc<Walk>, Walk)>,
}

impl BlockWorker for XmlWorker {
    fn parse(&mut self, block: &mut Block, out: &mut RowBatch) -> Result<(), DecodeError> {
        let Some(around) = &block.around else { return ParsedAlready.parse(block, out) };
        out.clear(block.first_row);
        let begun = self.begun.take().filter(|(known, _)| Arc::ptr_eq(known, around));
        let (around, mut walk) = begun.unwrap_or_else(|| (around.clone(), Walk::clone(around)));
        walk.set_next_row(block.first_row);
        let malformed = |at: u64| DecodeError::refused(FMT_MALFORMED, format!("byte {at}"), Detail::NotWellFormed);
        // The stream behind it yields nothing but UTF-8, and records are cut between letters.
        let text = simdutf8::basic::from_utf8(&block.bytes).map_err(|_| malformed(block.offset))?;
        walk.suspect(is_suspect(text, self.plan.charset));
        let mut reader = Reader::from_str(text);
        reader.config_mut().expand_empty_elements = true;
        loop {
            let event = reader.read_event();
            let at = block.offset + reader.buffer_position();
            match event {
                Ok(Event::Eof) => break,
                Ok(Event::DocType(_)) => return Err(DecodeError::refused(FMT_DTD, format!("byte {at}"), Detail::Dtd)),
                Ok(event) => walk.event(event, &self.plan, at, out)?,
                Err(_) => return Err(malformed(at)),
            }
        }
        if walk.is_in_record() || out.rows() != block.rows as usize {
            return Err(malformed(block.offset));
        }
        self.begun = Some((around, walk));
        Ok(())
    }
}

/// Whether any value of the block may hold what makes it faulty, as it stands or by its number (`&#0;`).
fn is_suspect(text: &str, charset: Charset) -> bool {
    is_broken(text, charset) || memchr(0, text.as_bytes()).is_some() || memmem::find(text.as_bytes(), b"&#").is_some()
}
