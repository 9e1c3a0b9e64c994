//! Refused records of an XML file: same root and head, the sender's own records, one element more.
//!
//! Owns the copy by events. The element we add is in a namespace of ours and comes last in its record;
//! one that came back with the file is left out.
#![expect(clippy::disallowed_methods, reason = "the sender's own bytes go back; what they say was judged before")]

use super::{Refusals, RefusedRow, SendbackError, Sent};
use crate::decode::charset;
use crate::decode::xml_names::{Namespaces, OWN_NAMESPACE, REFUSED_URI, RecordPath, Scope};
use crate::decode::xml_reader::XmlReader;
use quick_xml::Writer;
use quick_xml::escape::escape;
use quick_xml::events::{BytesStart, Event};
use std::io::Write;

/// Where the copy stands.
struct Copy {
    namespaces: Namespaces,
    path: RecordPath,
    scope: Scope,
    depth: usize,
    matched: usize,
    /// Depth of the element of ours that is being left out.
    skipping: Option<usize>,
    row: u64,
    record: Vec<u8>,
}

/// What an event belongs to.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Part {
    Head,
    /// White space between records, or something of ours.
    Nothing,
    Record,
    RecordStart,
    RecordEnd,
}

pub(super) fn write(sent: &Sent<'_>, mut refusals: Refusals, out: &mut dyn Write) -> Result<u64, SendbackError> {
    let (stream, verdict, mut out) = sent.again(out)?;
    let Sent { spec, limits, .. } = *sent;
    let text = charset::text_stream(stream.reader, verdict)?;
    let mut reader = XmlReader::new(text, limits.record_bytes_max, "");
    let namespaces = Namespaces::of(spec);
    let mut copy = Copy {
        path: RecordPath::of(spec, &namespaces),
        namespaces,
        scope: Scope::default(),
        depth: 0,
        matched: 0,
        skipping: None,
        row: 0,
        record: Vec::new(),
    };
    let (mut buffer, mut head) = (Vec::new(), Vec::new());
    loop {
        let event = reader.next(&mut buffer)?;
        if matches!(event, Event::Eof) {
            break;
        }
        match copy.part(&event) {
            Part::Nothing => {}
            Part::Head => {
                head.clear();
                Writer::new(&mut head).write_event(event)?;
                out.text(&String::from_utf8_lossy(&head))?;
            }
            Part::RecordStart | Part::Record => Writer::new(&mut copy.record).write_event(event)?,
            Part::RecordEnd => {
                if let Some(refused) = refusals.take(copy.row)? {
                    copy.record.extend_from_slice(element(&refused).as_bytes());
                    Writer::new(&mut copy.record).write_event(event)?;
                    out.text(&String::from_utf8_lossy(&copy.record))?;
                    out.text("\n")?;
                }
                copy.record.clear();
            }
        }
    }
    refusals.finish(copy.row)
}

impl Copy {
    fn part(&mut self, event: &Event) -> Part {
        match event {
            Event::Start(element) => self.start(element),
            Event::End(_) => self.end(),
            Event::Text(text) if !self.in_record() && self.is_between() && text.trim().is_empty() => Part::Nothing,
            _ if self.skipping.is_some() => Part::Nothing,
            _ if self.in_record() => Part::Record,
            _ => Part::Head,
        }
    }

    fn in_record(&self) -> bool {
        self.matched == self.path.0.len() && self.depth >= self.matched
    }

    /// Directly in the element that holds the records, after the first of them.
    fn is_between(&self) -> bool {
        self.row > 0 && self.depth + 1 == self.path.0.len()
    }

    fn start(&mut self, element: &BytesStart) -> Part {
        let was_in_record = self.in_record();
        self.depth += 1;
        self.scope.enter(element, self.depth, &self.namespaces);
        let name = element.name();
        let (namespace, local) = self.scope.element(name.0);
        if self.skipping.is_some() {
            return Part::Nothing;
        }
        if was_in_record {
            if namespace == OWN_NAMESPACE {
                self.skipping = Some(self.depth);
                return Part::Nothing;
            }
            return Part::Record;
        }
        let is_on_way = self.matched + 1 == self.depth
            && self.path.0.get(self.matched).is_some_and(|step| step.is(namespace, local));
        self.matched += usize::from(is_on_way);
        if is_on_way && self.in_record() {
            self.row += 1;
            return Part::RecordStart;
        }
        Part::Head
    }

    fn end(&mut self) -> Part {
        let part = match (self.skipping, self.in_record()) {
            (Some(depth), _) => {
                if depth == self.depth {
                    self.skipping = None;
                }
                Part::Nothing
            }
            (None, true) if self.depth == self.path.0.len() => Part::RecordEnd,
            (None, true) => Part::Record,
            (None, false) => Part::Head,
        };
        self.scope.leave(self.depth);
        self.depth = self.depth.saturating_sub(1);
        self.matched = self.matched.min(self.depth);
        part
    }
}

fn element(refused: &RefusedRow) -> String {
    format!(
        "<saphan:refused xmlns:saphan=\"{REFUSED_URI}\" row=\"{}\" rules=\"{}\">\
         <saphan:reason xml:lang=\"th\">{}</saphan:reason>\
         <saphan:reason xml:lang=\"en\">{}</saphan:reason></saphan:refused>",
        refused.row,
        escape(refused.rules.as_str()),
        escape(refused.reasons_th.as_str()),
        escape(refused.reasons_en.as_str()),
    )
}
