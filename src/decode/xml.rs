//! XML as blocks of records: streamed to the first ones, then cut into whole records for any worker.
//!
//! Owns the change between walking and cutting. A reader that parses keeps one core busy and the others
//! waiting; so where records follow each other plainly, only their borders are looked for. Whatever else
//! stands there is walked event by event, so the rows are the same either way.

use super::charset::Charset;
use super::stream::{Bytes, Position};
use super::xml_cut::{Cutter, Stop};
use super::xml_names::{Namespaces, RecordPath, Tree};
use super::xml_reader::XmlReader;
use super::xml_walk::Walk;
use super::{Block, BlockSource, DecodeError, Limits, RowBatch, SourceSpec, stream};
use quick_xml::events::Event;
use std::io::{self, Read};
use std::sync::Arc;

/// Rows handed on at once, when they are walked.
const BLOCK_ROWS: usize = 4096;
/// Records walked before the rest of their list is cut: short lists are not worth the change.
const WALKED_FIRST: usize = 32;

/// What a mapping wants of an XML file.
#[derive(Debug)]
pub(crate) struct XmlPlan {
    pub(crate) namespaces: Namespaces,
    pub(crate) path: RecordPath,
    pub(crate) record: Tree,
    pub(crate) document: Tree,
    width: usize,
    pub(crate) charset: Charset,
    pub(crate) limits: Limits,
}

impl XmlPlan {
    pub(crate) fn new(spec: &SourceSpec, charset: Charset, limits: &Limits) -> Self {
        let namespaces = Namespaces::of(spec);
        XmlPlan {
            path: RecordPath::of(spec, &namespaces),
            record: Tree::of_record(spec, &namespaces),
            document: Tree::of_document(spec, &namespaces),
            namespaces,
            width: spec.wanted.len(),
            charset,
            limits: limits.clone(),
        }
    }

    /// Where records stand, as the mapping would write it.
    pub(crate) fn records(&self) -> String {
        let steps = self.path.0.iter().map(|step| self.namespaces.written(step.namespace, &step.local));
        steps.collect::<Vec<_>>().join("/")
    }
}

pub(crate) struct XmlSource {
    way: Way,
    buffer: Vec<u8>,
    position: Position,
    plan: Arc<XmlPlan>,
    walk: Walk,
}

/// How the file is being read.
enum Way {
    Walking(Box<XmlReader<Rest>>),
    Cutting(Box<Cutting>),
    Ended,
}

struct Cutting {
    cutter: Cutter,
    /// What is open around the records, as each worker begins with it.
    around: Arc<Walk>,
    /// Read and not yet handed on.
    carry: Vec<u8>,
    rest: Bytes,
    is_ended: bool,
    /// Where `carry` begins in the document.
    offset: u64,
}

/// What was read ahead, then the rest of the document.
pub(crate) struct Rest {
    ahead: io::Cursor<Vec<u8>>,
    rest: Bytes,
}

impl Read for Rest {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self.ahead.read(buffer)? {
            0 => self.rest.read(buffer),
            read => Ok(read),
        }
    }
}

impl XmlSource {
    pub(crate) fn open(reader: Bytes, position: Position, plan: Arc<XmlPlan>, documents: usize) -> Self {
        let rest = Rest { ahead: io::Cursor::default(), rest: reader };
        let reader = XmlReader::new(rest, plan.limits.record_bytes_max, "");
        let way = Way::Walking(Box::new(reader));
        XmlSource { way, buffer: Vec::new(), position, plan, walk: Walk::new(documents) }
    }

    pub(crate) fn document(&self) -> &[Option<String>] {
        self.walk.document()
    }

    /// The document's values wherever they stand; reads the file to its end.
    pub(crate) fn all_values(mut self) -> Result<Vec<Option<String>>, DecodeError> {
        let mut block = Block::default();
        while self.next(&mut block)? {}
        Ok(self.walk.document().to_vec())
    }

    /// Walks until the block is full or the records that follow can be cut.
    fn walk(&mut self, mut reader: Box<XmlReader<Rest>>, block: &mut Block) -> Result<(), DecodeError> {
        let first_row = self.walk.next_row();
        let mut batch = block.batch.take().unwrap_or_else(|| RowBatch::new(self.plan.width));
        batch.clear(first_row);
        let mut buffer = std::mem::take(&mut self.buffer);
        self.way = loop {
            let event = reader.next(&mut buffer)?;
            if matches!(event, Event::Eof) {
                if !self.walk.is_outside() {
                    return Err(reader.truncated());
                }
                break Way::Ended;
            }
            let is_end = matches!(event, Event::End(_));
            self.walk.event(event, &self.plan, reader.position(), &mut batch)?;
            if !is_end || self.walk.is_in_record() {
                continue;
            }
            if batch.rows() >= WALKED_FIRST
                && let Some(name) = self.walk.record_name(&self.plan)
            {
                break self.cutting(Cutter::new(name), *reader);
            }
            if batch.rows() >= BLOCK_ROWS || batch.text_bytes() >= self.plan.limits.block_bytes {
                break Way::Walking(reader);
            }
        };
        self.buffer = buffer;
        block.rows = batch.rows() as u32;
        block.batch = Some(batch);
        Ok(())
    }

    fn cutting(&self, cutter: Cutter, reader: XmlReader<Rest>) -> Way {
        let offset = reader.position();
        let (mut carry, rest) = reader.into_rest();
        let at = rest.ahead.position() as usize;
        carry.extend_from_slice(rest.ahead.get_ref().get(at..).unwrap_or_default());
        let around = Arc::new(self.walk.clone());
        Way::Cutting(Box::new(Cutting { cutter, around, carry, rest: rest.rest, is_ended: false, offset }))
    }

    /// Cuts whole records into the block; none: something else follows, to be walked.
    fn cut(&mut self, mut cutting: Box<Cutting>, block: &mut Block) -> Result<(), DecodeError> {
        let limits = &self.plan.limits;
        block.batch = None;
        block.offset = cutting.offset;
        block.around = Some(cutting.around.clone());
        std::mem::swap(&mut block.bytes, &mut cutting.carry);
        let mut want = limits.block_bytes.max(1);
        let cut = loop {
            if block.bytes.len() < want && !cutting.is_ended {
                let missing = want - block.bytes.len();
                cutting.is_ended = !stream::read_more(&mut cutting.rest, &mut block.bytes, missing)?;
            }
            let cut = cutting.cutter.cut(&block.bytes, limits.record_bytes_max);
            let can_grow = cut.stop == Stop::More && !cutting.is_ended && block.bytes.len() <= limits.record_bytes_max;
            if cut.rows > 0 || !can_grow {
                break cut;
            }
            want = block.bytes.len() * 2;
        };
        cutting.carry.clear();
        cutting.carry.extend_from_slice(&block.bytes[cut.end..]);
        cutting.offset += cut.end as u64;
        block.bytes.truncate(cut.end);
        block.rows = cut.rows;
        self.walk.set_next_row(block.first_row + u64::from(cut.rows));
        self.way = match cut.rows {
            0 => {
                let Cutting { carry, rest, offset, .. } = *cutting;
                let rest = Rest { ahead: io::Cursor::new(carry), rest };
                Way::Walking(Box::new(XmlReader::resume(rest, limits.record_bytes_max, offset)))
            }
            _ => Way::Cutting(cutting),
        };
        Ok(())
    }
}

impl BlockSource for XmlSource {
    fn next(&mut self, block: &mut Block) -> Result<bool, DecodeError> {
        loop {
            block.clear(self.walk.next_row());
            match std::mem::replace(&mut self.way, Way::Ended) {
                Way::Walking(reader) => self.walk(reader, block)?,
                Way::Cutting(cutting) => {
                    self.cut(cutting, block)?;
                    if block.rows == 0 {
                        continue;
                    }
                }
                Way::Ended => return Ok(false),
            }
            // Names met after the last record must not be lost.
            let has_names = block.batch.as_ref().is_some_and(|batch| !batch.unknown_names().is_empty());
            if block.rows > 0 || has_names || matches!(self.way, Way::Ended) {
                return Ok(block.rows > 0 || has_names);
            }
        }
    }

    fn position(&self) -> u64 {
        self.position.get()
    }
}

#[cfg(test)]
#[path = "xml_tests.rs"]
mod tests;
