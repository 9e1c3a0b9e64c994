//! Cuts JSON and NDJSON into blocks of whole records, on one thread, and keeps what stands around them.
//!
//! Owns the reader's half of JSON: the array of records by its pointer, the envelope before and after.
//! Refuses a file that is not one whole document: it says the byte where it breaks off.

use super::charset::{self, Charset, Verdict, decode_piece};
use super::json_envelope::{EnvelopePlan, written};
use super::json_scan::{Locate, Scan, locate, pointer, skip_space, value_end};
use super::notices::Notices;
use super::stream::{self, ByteStream, Bytes, Position};
use super::{Block, BlockSource, DecodeError, Detail, Limits, SourceSpec};
use crate::domain::rule::{
    COL_MISSING, FMT_EMPTY, FMT_MALFORMED, FMT_TRUNCATED, LIM_DEPTH, LIM_RECORD, LIM_ROWS, RuleCode,
};
use memchr::memchr_iter;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Expect {
    ValueOrEnd,
    Value,
    CommaOrEnd,
    /// The array is closed and the rest of the document read.
    Nothing,
}

pub(crate) struct JsonSource {
    reader: Bytes,
    position: Position,
    limits: Limits,
    charset: Charset,
    tokens: Vec<String>,
    around: EnvelopePlan,
    pub(crate) notices: Notices,
    /// What stands before the array's bracket, and after its closing one.
    pub(crate) prefix: Vec<u8>,
    pub(crate) suffix: Vec<u8>,
    carry: Vec<u8>,
    /// Where `carry` stands in the document's bytes.
    offset: u64,
    expect: Expect,
    is_ended: bool,
    next_row: u64,
}

impl JsonSource {
    /// Reads up to the array of records.
    pub(crate) fn open(
        stream: ByteStream,
        verdict: Verdict,
        spec: &SourceSpec,
        limits: &Limits,
    ) -> Result<JsonSource, DecodeError> {
        let position = stream.position.clone();
        let mut source = JsonSource {
            reader: charset::record_stream(stream.reader, verdict)?,
            position,
            limits: limits.clone(),
            charset: verdict.charset,
            tokens: pointer(spec.records.as_deref().unwrap_or("")),
            around: EnvelopePlan::new(spec),
            notices: Notices::default(),
            prefix: Vec::new(),
            suffix: Vec::new(),
            carry: Vec::new(),
            offset: 0,
            expect: Expect::ValueOrEnd,
            is_ended: false,
            next_row: 1,
        };
        source.find_array()?;
        Ok(source)
    }

    fn find_array(&mut self) -> Result<(), DecodeError> {
        let mut want = 64 << 10;
        loop {
            self.is_ended = !stream::read_more(&mut self.reader, &mut self.carry, want)?;
            match locate(&self.carry, &self.tokens, self.limits.depth_max) {
                Locate::Found(at) => {
                    let rest = self.carry.split_off(at + 1);
                    self.carry.truncate(at);
                    self.prefix = std::mem::replace(&mut self.carry, rest);
                    self.offset = at as u64 + 1;
                    return Ok(());
                }
                Locate::More if self.is_ended && self.carry.trim_ascii().is_empty() => {
                    return Err(DecodeError::refused(FMT_EMPTY, "file", Detail::NothingInIt));
                }
                Locate::More if self.is_ended => {
                    return Err(self.at(FMT_TRUNCATED, self.carry.len(), Detail::EndsHere));
                }
                Locate::More if self.carry.len() > self.limits.envelope_bytes_max => {
                    let detail = Detail::NoRecordsWithin(self.limits.envelope_bytes_max);
                    return Err(self.at(LIM_RECORD, 0, detail));
                }
                Locate::More => want = self.carry.len(),
                Locate::TooDeep => return Err(self.too_deep(0)),
                Locate::Bad(at) => return Err(self.at(FMT_MALFORMED, at, Detail::NotJson)),
                Locate::NotThere if self.tokens.is_empty() => {
                    return Err(self.at(FMT_MALFORMED, 0, Detail::ListExpected));
                }
                Locate::NotThere => {
                    let detail = Detail::NoListAt(written(&self.tokens));
                    return Err(DecodeError::refused(COL_MISSING, "file", detail));
                }
            }
        }
    }

    fn at(&self, rule: RuleCode, at: usize, detail: Detail) -> DecodeError {
        DecodeError::refused(rule, format!("byte {}", self.offset + at as u64), detail)
    }

    fn too_deep(&self, at: usize) -> DecodeError {
        self.at(LIM_DEPTH, at, Detail::Deeper(self.limits.depth_max))
    }

    /// Takes whole elements from `bytes` on; says where the next one starts.
    fn cut(&mut self, bytes: &[u8], mut at: usize, records: &mut Vec<(u32, u32)>) -> Result<usize, DecodeError> {
        let depth_max = self.limits.depth_max.saturating_sub(self.tokens.len() + 1);
        loop {
            at = skip_space(bytes, at);
            let Some(byte) = bytes.get(at) else { return Ok(at) };
            match (self.expect, byte) {
                (Expect::Nothing, _) => return Ok(at),
                (Expect::ValueOrEnd | Expect::CommaOrEnd, b']') => {
                    self.expect = Expect::Nothing;
                    return Ok(at + 1);
                }
                (Expect::CommaOrEnd, b',') => {
                    self.expect = Expect::Value;
                    at += 1;
                }
                (Expect::CommaOrEnd, _) => return Err(self.at(FMT_MALFORMED, at, Detail::CommaBelongs)),
                _ => match value_end(bytes, at, depth_max) {
                    Scan::End(end) => {
                        if end - at > self.limits.record_bytes_max {
                            return Err(self.too_long(records.len()));
                        }
                        records.push((at as u32, end as u32));
                        self.expect = Expect::CommaOrEnd;
                        at = end;
                    }
                    Scan::More => return Ok(at),
                    Scan::TooDeep => return Err(self.too_deep(at)),
                    Scan::Bad(at) => return Err(self.at(FMT_MALFORMED, at, Detail::RecordBelongs)),
                },
            }
        }
    }

    fn too_long(&self, before: usize) -> DecodeError {
        let row = self.next_row + before as u64;
        let detail = Detail::LongerThan(self.limits.record_bytes_max as u64);
        DecodeError::refused(LIM_RECORD, format!("row {row}"), detail)
    }

    /// Reads what stands after the array and judges the envelope as one document.
    fn read_suffix(&mut self) -> Result<(), DecodeError> {
        self.suffix.append(&mut self.carry);
        while !self.is_ended {
            self.is_ended = !stream::read_more(&mut self.reader, &mut self.suffix, 64 << 10)?;
            if self.suffix.len() > self.limits.envelope_bytes_max {
                let detail = Detail::EnvelopeAfter(self.limits.envelope_bytes_max);
                return Err(self.at(LIM_RECORD, 0, detail));
            }
        }
        let text = self.envelope_text();
        let envelope = self.envelope(&text)?;
        let at = if self.tokens.is_empty() { Some(&envelope) } else { envelope.pointer(&written(&self.tokens)) };
        if !at.and_then(serde_json::Value::as_array).is_some_and(Vec::is_empty) {
            return Err(self.at(FMT_MALFORMED, 0, Detail::RecordsTwice));
        }
        let judged = self.around.judge(&text, &self.notices);
        judged.map_err(|twice| self.at(FMT_MALFORMED, 0, Detail::Twice(twice)))
    }

    fn envelope_text(&self) -> String {
        let mut text = decode_piece(&self.prefix, self.charset).into_owned();
        text.push_str("[]");
        text.push_str(&decode_piece(&self.suffix, self.charset));
        text
    }

    fn envelope(&self, text: &str) -> Result<serde_json::Value, DecodeError> {
        serde_json::from_str(text).map_err(|error| {
            let (rule, detail) = if error.is_eof() {
                (FMT_TRUNCATED, Detail::BracketsOpen)
            } else {
                (FMT_MALFORMED, Detail::EnvelopeNotJson)
            };
            self.at(rule, 0, detail)
        })
    }

    /// The document's values as far as they stand before the records: none when one is missing there.
    pub(crate) fn head_values(&self, pointers: &[String]) -> Option<Vec<Option<String>>> {
        let closed = format!("{}[]{}", decode_piece(&self.prefix, self.charset), "}".repeat(self.tokens.len()));
        let envelope = serde_json::from_str(&closed).ok()?;
        let values = values(&envelope, pointers);
        values.iter().all(Option::is_some).then_some(values)
    }

    /// The document's values wherever they stand; reads the file to its end.
    pub(crate) fn all_values(mut self, pointers: &[String]) -> Result<Vec<Option<String>>, DecodeError> {
        let mut block = Block::default();
        while self.next(&mut block)? {}
        Ok(values(&self.envelope(&self.envelope_text())?, pointers))
    }
}

fn values(envelope: &serde_json::Value, pointers: &[String]) -> Vec<Option<String>> {
    use serde_json::Value;
    let value = |text: &String| match envelope.pointer(&written(&pointer(text)))? {
        Value::String(text) => Some(text.clone()),
        Value::Number(number) => Some(number.to_string()),
        Value::Bool(flag) => Some(flag.to_string()),
        Value::Null | Value::Array(_) | Value::Object(_) => None,
    };
    pointers.iter().map(value).collect()
}

fn refuse_rows(next_row: u64, limits: &Limits) -> Result<(), DecodeError> {
    if next_row - 1 <= limits.rows_max {
        return Ok(());
    }
    let place = format!("row {}", limits.rows_max + 1);
    Err(DecodeError::refused(LIM_ROWS, place, Detail::MoreRows(limits.rows_max)))
}

impl BlockSource for JsonSource {
    fn next(&mut self, block: &mut Block) -> Result<bool, DecodeError> {
        block.clear(self.next_row);
        if self.expect == Expect::Nothing {
            return Ok(false);
        }
        block.bytes.append(&mut self.carry);
        let (mut want, mut at) = (self.limits.block_bytes.max(16), 0);
        loop {
            if block.bytes.len() < want && !self.is_ended {
                let missing = want - block.bytes.len();
                self.is_ended = !stream::read_more(&mut self.reader, &mut block.bytes, missing)?;
            }
            at = self.cut(&block.bytes, at, &mut block.records)?;
            if !block.records.is_empty() || self.expect == Expect::Nothing {
                break;
            }
            if self.is_ended {
                return Err(self.at(FMT_TRUNCATED, block.bytes.len(), Detail::EndsInList));
            }
            if block.bytes.len() - at > self.limits.record_bytes_max {
                return Err(self.too_long(0));
            }
            want = block.bytes.len() * 2;
        }
        self.carry.extend_from_slice(&block.bytes[at..]);
        block.bytes.truncate(at);
        self.offset += at as u64;
        block.rows = block.records.len() as u32;
        self.next_row += u64::from(block.rows);
        refuse_rows(self.next_row, &self.limits)?;
        if self.expect == Expect::Nothing {
            self.read_suffix()?;
        }
        Ok(block.rows > 0)
    }

    fn position(&self) -> u64 {
        self.position.get()
    }
}

/// One record a line.
pub(crate) struct LineSource {
    reader: Bytes,
    position: Position,
    limits: Limits,
    carry: Vec<u8>,
    is_ended: bool,
    next_row: u64,
}

impl LineSource {
    pub(crate) fn open(stream: ByteStream, verdict: Verdict, limits: &Limits) -> Result<LineSource, DecodeError> {
        Ok(LineSource {
            position: stream.position.clone(),
            reader: charset::record_stream(stream.reader, verdict)?,
            limits: limits.clone(),
            carry: Vec::new(),
            is_ended: false,
            next_row: 1,
        })
    }

    fn take(&self, bytes: &[u8], start: usize, end: usize, records: &mut Vec<(u32, u32)>) -> Result<(), DecodeError> {
        if end - start > self.limits.record_bytes_max {
            let detail = Detail::LongerThan(self.limits.record_bytes_max as u64);
            let row = self.next_row + records.len() as u64;
            return Err(DecodeError::refused(LIM_RECORD, format!("row {row}"), detail));
        }
        if !bytes[start..end].trim_ascii().is_empty() {
            records.push((start as u32, end as u32));
        }
        Ok(())
    }
}

impl BlockSource for LineSource {
    fn next(&mut self, block: &mut Block) -> Result<bool, DecodeError> {
        block.clear(self.next_row);
        block.bytes.append(&mut self.carry);
        let mut want = self.limits.block_bytes.max(16);
        while block.records.is_empty() {
            if block.bytes.len() < want && !self.is_ended {
                let missing = want - block.bytes.len();
                self.is_ended = !stream::read_more(&mut self.reader, &mut block.bytes, missing)?;
            }
            let mut at = 0;
            for newline in memchr_iter(b'\n', &block.bytes) {
                self.take(&block.bytes, at, newline, &mut block.records)?;
                at = newline + 1;
            }
            if self.is_ended {
                self.take(&block.bytes, at, block.bytes.len(), &mut block.records)?;
                at = block.bytes.len();
            } else if block.bytes.len() - at > self.limits.record_bytes_max {
                self.take(&block.bytes, at, block.bytes.len(), &mut block.records)?;
            }
            if block.records.is_empty() && self.is_ended {
                return Ok(false);
            }
            if block.records.is_empty() {
                block.bytes.drain(..at);
                want = block.bytes.len() + self.limits.block_bytes.max(16);
            } else {
                self.carry.extend_from_slice(&block.bytes[at..]);
                block.bytes.truncate(at);
            }
        }
        block.rows = block.records.len() as u32;
        self.next_row += u64::from(block.rows);
        refuse_rows(self.next_row, &self.limits)?;
        Ok(true)
    }

    fn position(&self) -> u64 {
        self.position.get()
    }
}
