//! The walk through an XML document: to its records, through each, and past what stands around them.
//!
//! Owns what an element means where it stands. The same walk is used on a stream and on a block of whole records,
//! so that cutting a file changes nothing. Refuses records off their path, a wanted element given twice or
//! with elements inside (either value would be a guess), and ends that are not those of what is open.

use super::charset::is_broken;
use super::xml::XmlPlan;
use super::xml_names::{OWN_NAMESPACE, Scope};
use super::xml_reader::entity;
use super::{DecodeError, Detail, RowBatch};
use crate::domain::rule::{
    COL_MISSING, ENC_BROKEN_BYTE, FMT_MALFORMED, FMT_NESTED_VALUE, FMT_NUL, LIM_CELL, LIM_DEPTH, LIM_RECORD, LIM_ROWS,
    RuleCode,
};
use quick_xml::events::{BytesStart, Event};

/// An open element of a record.
#[derive(Debug, Clone)]
struct Frame {
    /// Its node of the tree; none: unknown, or under something ignored.
    node: Option<usize>,
    /// Neither it nor what lies under it is of interest.
    is_ignored: bool,
    has_child: bool,
    /// Where among its children the next one is looked for first.
    hint: usize,
    /// What to call it, if it is unknown.
    path: Option<String>,
}

/// An open element outside records.
#[derive(Debug, Clone)]
struct Head {
    /// Its node of the document's tree; none: unknown, or under something ignored.
    node: Option<usize>,
    /// As written: a reader that goes on in the middle of a document can't check it.
    name: Box<str>,
}

/// Where the reader stands.
#[derive(Debug, Clone)]
pub(crate) struct Walk {
    scope: Scope,
    /// Open elements, and how many of them from the root on lie on the way to the records.
    depth: usize,
    matched: usize,
    has_root: bool,
    /// Elements open inside the record, the record first.
    frames: Vec<Frame>,
    /// Elements open outside records.
    head: Vec<Head>,
    document: Vec<Option<String>>,
    text: String,
    record_at: u64,
    next_row: u64,
    /// As the last record's element was written, prefix and all.
    record_name: String,
    /// Bytes may stand here that make a value faulty: look at each.
    is_suspect: bool,
}

impl Walk {
    pub(crate) fn new(documents: usize) -> Self {
        Walk {
            scope: Scope::default(),
            depth: 0,
            matched: 0,
            has_root: false,
            frames: Vec::new(),
            head: Vec::new(),
            document: vec![None; documents],
            text: String::new(),
            record_at: 0,
            next_row: 1,
            record_name: String::new(),
            is_suspect: true,
        }
    }

    pub(crate) fn document(&self) -> &[Option<String>] {
        &self.document
    }

    /// Number of the next record, from 1.
    pub(crate) fn next_row(&self) -> u64 {
        self.next_row
    }

    pub(crate) fn set_next_row(&mut self, row: u64) {
        self.next_row = row;
    }

    /// Whether a value of what follows may hold a broken byte or NUL.
    pub(crate) fn suspect(&mut self, is_suspect: bool) {
        self.is_suspect = is_suspect;
    }

    pub(crate) fn is_in_record(&self) -> bool {
        !self.frames.is_empty()
    }

    pub(crate) fn is_outside(&self) -> bool {
        self.depth == 0
    }

    /// The name by which the next record is looked for, if the walk stands where records follow each other.
    pub(crate) fn record_name(&self, plan: &XmlPlan) -> Option<&str> {
        let is_among = self.frames.is_empty() && self.matched == self.depth && self.depth + 1 == plan.path.0.len();
        (is_among && !self.record_name.is_empty()).then_some(self.record_name.as_str())
    }

    pub(crate) fn event(
        &mut self,
        event: Event,
        plan: &XmlPlan,
        at: u64,
        out: &mut RowBatch,
    ) -> Result<(), DecodeError> {
        match event {
            Event::Start(element) => self.start(&element, plan, at, out)?,
            Event::End(element) => self.end(element.name().0, plan, at, out)?,
            Event::Text(text) if self.depth == 0 && has_words(&text) => {
                let (at, detail) = if self.has_root { (at, Detail::NotWellFormed) } else { (0, Detail::NotXml) };
                return Err(DecodeError::refused(FMT_MALFORMED, place(at), detail));
            }
            Event::Text(text) if self.is_collecting(plan) => self.text.push_str(&text),
            Event::CData(text) if self.is_collecting(plan) => self.text.push_str(&text),
            Event::GeneralRef(reference) if self.is_collecting(plan) => match entity(&reference) {
                Some(letters) => letters.push_to(&mut self.text),
                None if self.frames.is_empty() => {}
                None => out.fault(FMT_MALFORMED, None, Some(Detail::DtdEntity)),
            },
            _ => {}
        }
        if !self.frames.is_empty() && at - self.record_at > plan.limits.record_bytes_max as u64 {
            let detail = Detail::LongerThan(plan.limits.record_bytes_max as u64);
            return Err(DecodeError::refused(LIM_RECORD, format!("row {}", self.next_row - 1), detail));
        }
        Ok(())
    }

    fn is_collecting(&self, plan: &XmlPlan) -> bool {
        match (self.frames.last(), self.head.last()) {
            (Some(frame), _) => frame.node.is_some_and(|node| !plan.record.nodes[node].slots.is_empty()),
            (None, Some(Head { node: Some(node), .. })) => !plan.document.nodes[*node].slots.is_empty(),
            _ => false,
        }
    }

    fn start(&mut self, element: &BytesStart, plan: &XmlPlan, at: u64, out: &mut RowBatch) -> Result<(), DecodeError> {
        self.depth += 1;
        if self.depth > plan.limits.depth_max {
            let detail = Detail::Deeper(plan.limits.depth_max);
            return Err(DecodeError::refused(LIM_DEPTH, place(at), detail));
        }
        self.scope.enter(element, self.depth, &plan.namespaces);
        let name = element.name();
        let (namespace, local) = self.scope.element(name.0);
        self.text.clear();
        if !self.frames.is_empty() {
            self.inner_start(element, (namespace, local), plan, out);
            return Ok(());
        }
        let is_on_way = self.matched + 1 == self.depth
            && plan.path.0.get(self.matched).is_some_and(|step| step.is(namespace, local));
        if self.depth == 1 && std::mem::replace(&mut self.has_root, true) {
            let detail = Detail::SecondRoot(name.0.to_owned());
            return Err(DecodeError::refused(FMT_MALFORMED, place(at), detail));
        }
        if is_on_way {
            self.matched += 1;
        } else if self.depth == 1 {
            return Err(wrong_root(name.0, plan, namespace));
        } else if plan.path.0.last().is_some_and(|record| record.local.eq_ignore_ascii_case(local)) {
            // Spelt a little differently or one level off: passed over, its learner would vanish without a word.
            let detail = Detail::RecordOffPath(name.0.to_owned(), plan.records());
            return Err(DecodeError::refused(FMT_MALFORMED, place(at), detail));
        }
        if self.matched == plan.path.0.len() && is_on_way {
            self.record_start(element, plan, at, out)?;
        } else {
            self.head_start(element, (namespace, local), plan, at, out)?;
        }
        Ok(())
    }

    fn record_start(
        &mut self,
        element: &BytesStart,
        plan: &XmlPlan,
        at: u64,
        out: &mut RowBatch,
    ) -> Result<(), DecodeError> {
        if self.next_row > plan.limits.rows_max {
            let detail = Detail::MoreRows(plan.limits.rows_max);
            return Err(DecodeError::refused(LIM_ROWS, format!("row {}", self.next_row), detail));
        }
        self.next_row += 1;
        self.record_at = at;
        if self.record_name != element.name().0 {
            self.record_name = element.name().0.to_owned();
        }
        out.begin_row();
        self.frames.push(Frame { node: Some(0), is_ignored: false, has_child: false, hint: 0, path: None });
        self.attributes(element, 0, plan, out);
        Ok(())
    }

    fn head_start(
        &mut self,
        element: &BytesStart,
        name: (u32, &str),
        plan: &XmlPlan,
        at: u64,
        out: &mut RowBatch,
    ) -> Result<(), DecodeError> {
        let parent = self.head.last().map(|head| head.node);
        let node = match parent {
            None => Some(0),
            Some(parent) => parent.and_then(|parent| plan.document.child(parent, name.0, name.1)),
        };
        self.head.push(Head { node, name: element.name().0.into() });
        let Some(node) = node else {
            // Only the topmost of what is unknown; what lies under something ignored is ignored.
            let parent = parent.flatten().map(|parent| &plan.document.nodes[parent]);
            if let Some(parent) = parent.filter(|parent| !parent.is_ignored && name.0 != OWN_NAMESPACE) {
                let written = plan.namespaces.written(name.0, name.1);
                let path = if parent.path.is_empty() { written } else { format!("{}/{written}", parent.path) };
                out.unknown_name(&path);
            }
            return Ok(());
        };
        for attribute in element.attributes().with_checks(false).flatten() {
            let (namespace, local) = self.scope.attribute(attribute.key.0);
            let Some(leaf) = plan.document.attribute(node, namespace, local) else {
                let known = &plan.document.nodes[node];
                if !known.is_ignored && !is_declaration(attribute.key.0) {
                    out.unknown_name(&attribute_path(&known.path, &plan.namespaces.written(namespace, local)));
                }
                continue;
            };
            let Ok(value) = quick_xml::escape::unescape(&attribute.value) else { continue };
            self.say_document(&leaf.slots, &value, at)?;
        }
        Ok(())
    }

    /// Takes a value of the whole document. Errors: it was said before, and differently.
    fn say_document(&mut self, slots: &[u32], value: &str, at: u64) -> Result<(), DecodeError> {
        for slot in slots {
            let said = self.document[*slot as usize].get_or_insert_with(|| value.to_owned());
            if *said != value {
                return Err(DecodeError::refused(FMT_MALFORMED, place(at), Detail::DocumentTwice));
            }
        }
        Ok(())
    }

    fn inner_start(&mut self, element: &BytesStart, name: (u32, &str), plan: &XmlPlan, out: &mut RowBatch) {
        let Some(parent) = self.frames.last_mut() else { return };
        parent.has_child = true;
        let is_ignored = parent.is_ignored || name.0 == OWN_NAMESPACE;
        let node = parent.node.filter(|_| !is_ignored);
        let node = node.and_then(|node| plan.record.next_child(node, &mut parent.hint, name.0, name.1));
        let is_ignored = is_ignored || node.is_some_and(|node| plan.record.nodes[node].is_ignored);
        let is_unknown = node.is_none() && !is_ignored;
        if is_unknown && plan.path.0.last().is_some_and(|record| record.is(name.0, name.1)) {
            // A record swallowed by the one around it would be a learner lost without a word.
            let written = plan.namespaces.written(name.0, name.1);
            out.fault(FMT_MALFORMED, None, Some(Detail::RecordOffPath(written, plan.records())));
        }
        let path = is_unknown.then(|| {
            let parent = parent.path.as_deref().or(parent.node.map(|node| plan.record.nodes[node].path.as_str()));
            let written = plan.namespaces.written(name.0, name.1);
            parent.filter(|parent| !parent.is_empty()).map_or(written.clone(), |parent| format!("{parent}/{written}"))
        });
        if let Some(node) = node
            && plan.record.nodes[node].slots.iter().any(|slot| out.is_set(*slot as usize))
        {
            fault(out, FMT_NESTED_VALUE, &plan.record.nodes[node].slots, Detail::GivenMoreThanOnce);
        }
        self.frames.push(Frame { node, is_ignored, has_child: false, hint: 0, path });
        if let Some(node) = node {
            self.attributes(element, node, plan, out);
        } else if !is_ignored {
            self.unknown_attributes(element, plan, out);
        }
    }

    fn attributes(&mut self, element: &BytesStart, node: usize, plan: &XmlPlan, out: &mut RowBatch) {
        if element.attributes_raw().is_empty() {
            return;
        }
        let is_ignored = plan.record.nodes[node].is_ignored;
        for attribute in element.attributes().with_checks(false) {
            let Ok(attribute) = attribute else {
                out.fault(FMT_MALFORMED, None, Some(Detail::BadAttribute));
                return;
            };
            let (namespace, local) = self.scope.attribute(attribute.key.0);
            match plan.record.attribute(node, namespace, local) {
                Some(leaf) => match quick_xml::escape::unescape(&attribute.value) {
                    Ok(value) => fill(plan, &leaf.slots, &value, self.is_suspect, out),
                    Err(_) => fault(out, FMT_MALFORMED, &leaf.slots, Detail::DtdEntity),
                },
                None if is_ignored || is_declaration(attribute.key.0) => {}
                None => out.unknown_name(&attribute_path(&plan.record.nodes[node].path, attribute.key.0)),
            }
        }
    }

    fn unknown_attributes(&mut self, element: &BytesStart, plan: &XmlPlan, out: &mut RowBatch) {
        if element.attributes_raw().trim().is_empty() {
            return;
        }
        let Some(path) = self.frames.last().and_then(|frame| frame.path.as_deref()) else { return };
        for attribute in element.attributes().with_checks(false).flatten() {
            let (namespace, local) = self.scope.attribute(attribute.key.0);
            if !is_declaration(attribute.key.0) {
                out.unknown_name(&attribute_path(path, &plan.namespaces.written(namespace, local)));
            }
        }
    }

    fn end(&mut self, name: &str, plan: &XmlPlan, at: u64, out: &mut RowBatch) -> Result<(), DecodeError> {
        if self.depth == 0 {
            return Err(DecodeError::refused(FMT_MALFORMED, place(at), Detail::EndWithoutStart));
        }
        match self.frames.pop() {
            Some(frame) => inner_end(&frame, &self.text, self.is_suspect, plan, out),
            None => {
                let head = self.head.pop();
                if head.as_ref().is_some_and(|head| *head.name != *name) {
                    return Err(DecodeError::refused(FMT_MALFORMED, place(at), Detail::NotWellFormed));
                }
                if let Some(node) = head.and_then(|head| head.node) {
                    let text = std::mem::take(&mut self.text);
                    self.say_document(&plan.document.nodes[node].slots, &text, at)?;
                }
            }
        }
        self.text.clear();
        self.scope.leave(self.depth);
        self.depth -= 1;
        self.matched = self.matched.min(self.depth);
        Ok(())
    }
}

fn inner_end(frame: &Frame, text: &str, is_suspect: bool, plan: &XmlPlan, out: &mut RowBatch) {
    let Some(node) = frame.node else {
        if let Some(path) = frame.path.as_deref().filter(|_| !frame.has_child) {
            out.unknown_name(path);
        }
        return;
    };
    let slots = &plan.record.nodes[node].slots;
    if slots.is_empty() {
        return;
    }
    if frame.has_child {
        fault(out, FMT_NESTED_VALUE, slots, Detail::ElementsInValue);
    } else if !slots.iter().any(|slot| out.is_set(*slot as usize)) {
        fill(plan, slots, text, is_suspect, out);
    }
}

fn fill(plan: &XmlPlan, slots: &[u32], value: &str, is_suspect: bool, out: &mut RowBatch) {
    if value.len() > plan.limits.cell_bytes_max {
        return fault(out, LIM_CELL, slots, Detail::CellLongerThan(String::new(), plan.limits.cell_bytes_max));
    }
    if slots.iter().any(|slot| out.is_set(*slot as usize)) {
        return fault(out, FMT_NESTED_VALUE, slots, Detail::GivenMoreThanOnce);
    }
    for slot in slots {
        out.set(*slot as usize, value);
    }
    if !is_suspect {
        return;
    }
    if !value.is_ascii() && is_broken(value, plan.charset) {
        out.fault(ENC_BROKEN_BYTE, slots.first().copied(), None);
    } else if memchr::memchr(0, value.as_bytes()).is_some() {
        out.fault(FMT_NUL, slots.first().copied(), None);
    }
}

fn fault(out: &mut RowBatch, rule: RuleCode, slots: &[u32], detail: Detail) {
    if let Some(slot) = slots.first() {
        out.fault(rule, Some(*slot), Some(detail));
    }
}

fn attribute_path(parent: &str, name: &str) -> String {
    if parent.is_empty() { format!("@{name}") } else { format!("{parent}/@{name}") }
}

/// Declarations and hints to schema processors are no data.
fn is_declaration(name: &str) -> bool {
    name.starts_with("xmlns") || name.starts_with("xsi:") || name.starts_with("xml:")
}

fn wrong_root(name: &str, plan: &XmlPlan, namespace: u32) -> DecodeError {
    let expected = plan.path.0.first().map(|step| plan.namespaces.written(step.namespace, &step.local));
    let expected = expected.unwrap_or_default();
    let found = plan.path.0.first().is_some_and(|step| step.namespace != namespace && name.ends_with(&*step.local));
    let detail = match found {
        true => Detail::OtherNamespace(name.to_owned(), expected),
        false => Detail::OtherRoot(name.to_owned(), expected),
    };
    DecodeError::refused(COL_MISSING, "byte 0", detail)
}

/// Anything but blanks and a byte-order mark.
fn has_words(text: &str) -> bool {
    !text.trim_matches(['\u{feff}', ' ', '\t', '\r', '\n']).is_empty()
}

fn place(at: u64) -> String {
    format!("byte {at}")
}
