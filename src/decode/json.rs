//! Parses blocks of JSON records straight into slots: no tree, no copy of values that need none.
//!
//! Owns the worker's half of JSON and NDJSON. A small trie of the wanted pointers is walked along with
//! the text; everything else is skipped unread. Numbers keep their own text (`58.0`, twenty digits).
//! Refuses a list or object where one value belongs, and a member given twice: either value would be a guess.

use super::charset::{Charset, Verdict, decode_piece, is_broken};
use super::header::is_own;
use super::json_scan::{self, Scan, pointer};
use super::{Block, BlockParser, BlockWorker, DecodeError, Detail, Limits, RowBatch, SourceSpec, Wanted};
use crate::domain::rule::{ENC_BROKEN_BYTE, FMT_MALFORMED, FMT_NESTED_VALUE, FMT_NUL, LIM_CELL, LIM_DEPTH, RuleCode};
use serde::de::{DeserializeSeed, Deserializer, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::fmt;
use std::sync::Arc;

#[derive(Debug, Default)]
struct Node {
    /// As the mapping would write it: a bare name, or a pointer.
    path: String,
    children: Vec<(Box<str>, usize)>,
    slots: Vec<u32>,
    is_ignored: bool,
}

/// The wanted and ignored pointers.
#[derive(Debug)]
pub(crate) struct JsonPlan {
    nodes: Vec<Node>,
    charset: Charset,
    cell_bytes_max: usize,
    depth_max: usize,
}

impl JsonPlan {
    pub(crate) fn new(spec: &SourceSpec, verdict: Verdict, limits: &Limits) -> Self {
        let mut plan = JsonPlan {
            nodes: vec![Node::default()],
            charset: verdict.charset,
            cell_bytes_max: limits.cell_bytes_max,
            depth_max: limits.depth_max,
        };
        for (slot, wanted) in spec.wanted.iter().enumerate() {
            if let Wanted::Name(name) = wanted {
                let node = plan.node(name);
                plan.nodes[node].slots.push(slot as u32);
            }
        }
        for name in &spec.ignore {
            let node = plan.node(name);
            plan.nodes[node].is_ignored = true;
        }
        plan
    }

    fn node(&mut self, text: &str) -> usize {
        let mut at = 0;
        for token in pointer(text) {
            let found = self.nodes[at].children.iter().find(|(name, _)| **name == *token).map(|(_, child)| *child);
            at = match found {
                Some(child) => child,
                None => {
                    let child = self.nodes.len();
                    let path = self.path(at, &token);
                    self.nodes.push(Node { path, ..Node::default() });
                    self.nodes[at].children.push((token.into(), child));
                    child
                }
            };
        }
        at
    }

    fn path(&self, parent: usize, name: &str) -> String {
        let parent = &self.nodes[parent].path;
        match (parent.is_empty(), parent.starts_with('/')) {
            (true, _) => name.to_owned(),
            (false, true) => format!("{parent}/{name}"),
            (false, false) => format!("/{parent}/{name}"),
        }
    }
}

pub(crate) struct JsonParser(pub(crate) Arc<JsonPlan>);

impl BlockParser for JsonParser {
    fn worker(&self) -> Box<dyn BlockWorker> {
        Box::new(JsonWorker { seen: vec![0; self.0.nodes.len()], stamp: 0, plan: self.0.clone() })
    }
}

struct JsonWorker {
    plan: Arc<JsonPlan>,
    /// By node: the stamp of the record that last had it.
    seen: Vec<u64>,
    stamp: u64,
}

impl BlockWorker for JsonWorker {
    fn parse(&mut self, block: &mut Block, out: &mut RowBatch) -> Result<(), DecodeError> {
        out.clear(block.first_row);
        let whole = match self.plan.charset {
            Charset::Windows874 => None,
            _ => simdutf8::basic::from_utf8(&block.bytes).ok(),
        };
        if let Some(text) = whole {
            out.text_mut().push_str(text);
        }
        let is_suspect = whole.is_none_or(|text| is_broken(text, self.plan.charset));
        for (start, end) in &block.records {
            let (start, end) = (*start as usize, *end as usize);
            out.begin_row();
            match whole.and_then(|text| text.get(start..end)) {
                Some(record) => self.record(record, Some(record.as_ptr() as usize - start), out),
                None => self.record(&decode_piece(&block.bytes[start..end], self.plan.charset), None, out),
            }
            if is_suspect {
                self.suspect(&decode_piece(&block.bytes[start..end], self.plan.charset), out);
            }
        }
        Ok(())
    }
}

impl JsonWorker {
    /// `base`: address of the batch text's twin, where values may be pointed at instead of copied.
    fn record(&mut self, record: &str, base: Option<usize>, out: &mut RowBatch) {
        self.stamp += 1;
        if is_too_deep(record, self.plan.depth_max) {
            out.fault(LIM_DEPTH, None, Some(Detail::Deeper(self.plan.depth_max)));
            return;
        }
        let mut walk = Walk { plan: &self.plan, seen: &mut self.seen, stamp: self.stamp, base, out };
        let mut deserializer = serde_json::Deserializer::from_str(record);
        let result = Object { walk: &mut walk, node: 0 }.deserialize(&mut deserializer);
        if let Err(error) = result.and_then(|()| deserializer.end()) {
            let detail = Detail::NotJsonAt(error.line(), error.column());
            out.fault(FMT_MALFORMED, None, Some(detail));
        }
    }

    fn suspect(&self, record: &str, out: &mut RowBatch) {
        if is_broken(record, self.plan.charset) {
            let row = out.rows() - 1;
            let is_it = |slot: &usize| out.get(row, *slot).is_some_and(|text| is_broken(text, self.plan.charset));
            let slot = (0..out.width()).find(is_it).map(|slot| slot as u32);
            out.fault(ENC_BROKEN_BYTE, slot, None);
        }
    }
}

/// Counts brackets first: the exact scan is for the few records that could be too deep.
fn is_too_deep(record: &str, depth_max: usize) -> bool {
    record.bytes().filter(|byte| matches!(byte, b'{' | b'[')).count() > depth_max
        && json_scan::value_end(record.as_bytes(), json_scan::skip_space(record.as_bytes(), 0), depth_max)
            == Scan::TooDeep
}

struct Walk<'a> {
    plan: &'a JsonPlan,
    seen: &'a mut [u64],
    stamp: u64,
    base: Option<usize>,
    out: &'a mut RowBatch,
}

impl Walk<'_> {
    /// `detail` is given the member and a colon, or nothing.
    fn fault(&mut self, rule: RuleCode, node: usize, detail: impl FnOnce(String) -> Detail) {
        let node = &self.plan.nodes[node];
        let at = if node.path.is_empty() { String::new() } else { format!("{}: ", node.path) };
        self.out.fault(rule, node.slots.first().copied(), Some(detail(at)));
    }

    fn fill(&mut self, node: usize, raw: &str) {
        let plan = self.plan;
        let slots = &plan.nodes[node].slots;
        match raw.as_bytes() {
            [b'n', ..] => {}
            [b'{' | b'[', ..] => self.fault(FMT_NESTED_VALUE, node, Detail::NestedValue),
            _ if raw.len() > plan.cell_bytes_max => {
                self.fault(LIM_CELL, node, |at| Detail::CellLongerThan(at, plan.cell_bytes_max));
            }
            [b'"', inner @ .., b'"'] if memchr::memchr(b'\\', inner).is_some() => {
                match serde_json::from_str::<String>(raw) {
                    Ok(text) => {
                        if text.contains('\0') {
                            self.fault(FMT_NUL, node, Detail::NulInText);
                        }
                        slots.iter().for_each(|slot| self.out.set(*slot as usize, &text));
                    }
                    Err(_) => self.fault(FMT_MALFORMED, node, Detail::BadEscape),
                }
            }
            [b'"', inner @ .., b'"'] => self.point(slots, &raw[1..=inner.len()]),
            _ => self.point(slots, raw),
        }
    }

    fn point(&mut self, slots: &[u32], text: &str) {
        for slot in slots {
            match self.base {
                Some(base) => self.out.set_span(*slot as usize, text.as_ptr() as usize - base, text.len()),
                None => self.out.set(*slot as usize, text),
            }
        }
    }
}

/// An object on the way to wanted values.
struct Object<'w, 'a> {
    walk: &'w mut Walk<'a>,
    node: usize,
}

impl<'de> DeserializeSeed<'de> for Object<'_, '_> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl Object<'_, '_> {
    fn no_object(self) {
        let rule = if self.node == 0 { FMT_MALFORMED } else { FMT_NESTED_VALUE };
        self.walk.fault(rule, self.node, Detail::ObjectBelongs);
    }
}

impl<'de> Visitor<'de> for Object<'_, '_> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<(), A::Error> {
        let mut hint = 0;
        while let Some(found) = map.next_key_seed(Key { walk: self.walk, node: self.node, hint: &mut hint })? {
            let Some(child) = found else {
                map.next_value::<IgnoredAny>()?;
                continue;
            };
            let node = &self.walk.plan.nodes[child];
            if std::mem::replace(&mut self.walk.seen[child], self.walk.stamp) == self.walk.stamp {
                self.walk.fault(FMT_MALFORMED, child, Detail::GivenTwice);
            }
            if !node.slots.is_empty() {
                let raw: &RawValue = map.next_value()?;
                self.walk.fill(child, raw.get());
            } else if node.children.is_empty() {
                map.next_value::<IgnoredAny>()?;
            } else {
                map.next_value_seed(Object { walk: self.walk, node: child })?;
            }
        }
        Ok(())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<(), A::Error> {
        let mut has_any = false;
        while seq.next_element::<IgnoredAny>()?.is_some() {
            has_any = true;
        }
        // Some systems write an empty object as an empty list.
        if has_any || self.node == 0 {
            self.no_object();
        }
        Ok(())
    }

    fn visit_unit<E>(self) -> Result<(), E> {
        if self.node == 0 {
            self.no_object();
        }
        Ok(())
    }

    fn visit_str<E>(self, text: &str) -> Result<(), E> {
        if !text.is_empty() || self.node == 0 {
            self.no_object();
        }
        Ok(())
    }

    fn visit_bool<E>(self, _: bool) -> Result<(), E> {
        self.no_object();
        Ok(())
    }

    fn visit_u64<E>(self, _: u64) -> Result<(), E> {
        self.no_object();
        Ok(())
    }

    fn visit_i64<E>(self, _: i64) -> Result<(), E> {
        self.no_object();
        Ok(())
    }

    fn visit_f64<E>(self, _: f64) -> Result<(), E> {
        self.no_object();
        Ok(())
    }
}

/// A member's name: the node it leads to, or nothing if its value is of no interest.
struct Key<'w, 'a> {
    walk: &'w mut Walk<'a>,
    node: usize,
    /// Members mostly come in one order: the search begins after the last hit.
    hint: &'w mut usize,
}

impl<'de> DeserializeSeed<'de> for Key<'_, '_> {
    type Value = Option<usize>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_str(self)
    }
}

impl<'de> Visitor<'de> for Key<'_, '_> {
    type Value = Option<usize>;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a member's name")
    }

    fn visit_str<E>(self, name: &str) -> Result<Option<usize>, E> {
        let plan = self.walk.plan;
        let children = &plan.nodes[self.node].children;
        let (before, after) = children.split_at((*self.hint).min(children.len()));
        let found = after.iter().chain(before).position(|(child, _)| **child == *name);
        let Some(found) = found.map(|at| (at + before.len()) % children.len().max(1)) else {
            if !is_own(name) && !plan.nodes[self.node].is_ignored {
                self.walk.out.unknown_name(&plan.path(self.node, name));
            }
            return Ok(None);
        };
        *self.hint = found + 1;
        let child = children[found].1;
        let node = &plan.nodes[child];
        let is_wanted = !node.slots.is_empty() || !node.children.is_empty();
        Ok(is_wanted.then_some(child))
    }
}

#[cfg(test)]
#[path = "json_tests.rs"]
mod tests;
