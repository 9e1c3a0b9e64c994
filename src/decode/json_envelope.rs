//! What stands around the records of a JSON file, held against what the mapping knows of it.
//!
//! Owns the judgement of the envelope: members nobody mapped or ignored are named, a second list of records
//! is named as not read, and a member the mapping takes may stand once only (either value would be a guess).
//! Holds no values; it never sees the records.

use super::SourceSpec;
use super::json_scan::pointer;
use super::notices::Notices;
use serde::de::{Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use std::fmt;

/// The pointers a mapping knows outside the records.
#[derive(Debug)]
pub(crate) struct EnvelopePlan {
    records: Vec<String>,
    documents: Vec<Vec<String>>,
    ignored: Vec<Vec<String>>,
}

/// A value by its shape only.
#[derive(Debug)]
enum Shape {
    Value,
    /// Whether objects or lists stand in it: then it could be records.
    List {
        has_rows: bool,
    },
    Object(Vec<(String, Shape)>),
}

impl EnvelopePlan {
    pub(crate) fn new(spec: &SourceSpec) -> Self {
        let pointers = |texts: &[String]| texts.iter().map(|text| pointer(text)).collect();
        EnvelopePlan {
            records: pointer(spec.records.as_deref().unwrap_or("")),
            documents: pointers(&spec.document),
            ignored: pointers(&spec.ignore_document),
        }
    }

    /// Names what nobody asked for; `envelope` is the document with an empty list in the records' place.
    ///
    /// Errors: the pointer of a member that the mapping takes and that is given twice.
    pub(crate) fn judge(&self, envelope: &str, notices: &Notices) -> Result<(), String> {
        // Whoever calls has read it as JSON before.
        let Ok(shape) = serde_json::from_str::<Shape>(envelope) else { return Ok(()) };
        self.walk(&shape, &mut Vec::new(), notices)
    }

    fn walk(&self, shape: &Shape, path: &mut Vec<String>, notices: &Notices) -> Result<(), String> {
        if *path == self.records || self.documents.contains(path) || self.ignored.contains(path) {
            return Ok(());
        }
        let Shape::Object(members) = shape else {
            self.unknown(shape, path, notices);
            return Ok(());
        };
        if !path.is_empty() && !self.leads_on(path) {
            self.unknown(shape, path, notices);
            return Ok(());
        }
        for (at, (name, member)) in members.iter().enumerate() {
            path.push(name.clone());
            if self.is_taken(path) && members[..at].iter().any(|(before, _)| before == name) {
                return Err(written(path));
            }
            self.walk(member, path, notices)?;
            path.pop();
        }
        Ok(())
    }

    /// Something the mapping knows lies below.
    fn leads_on(&self, path: &[String]) -> bool {
        let known = std::iter::once(&self.records).chain(&self.documents).chain(&self.ignored);
        known.into_iter().any(|known| known.len() > path.len() && known.starts_with(path))
    }

    fn is_taken(&self, path: &[String]) -> bool {
        std::iter::once(&self.records).chain(&self.documents).any(|known| known.starts_with(path))
    }

    fn unknown(&self, shape: &Shape, path: &mut Vec<String>, notices: &Notices) {
        notices.unmapped(&written(path));
        self.lists(shape, path, notices);
    }

    fn lists(&self, shape: &Shape, path: &mut Vec<String>, notices: &Notices) {
        match shape {
            Shape::List { has_rows: true } => notices.unread(&written(path), &written(&self.records)),
            Shape::Object(members) => {
                for (name, member) in members {
                    path.push(name.clone());
                    self.lists(member, path, notices);
                    path.pop();
                }
            }
            Shape::List { has_rows: false } | Shape::Value => {}
        }
    }
}

/// As a JSON Pointer.
pub(crate) fn written(tokens: &[String]) -> String {
    tokens.iter().map(|token| format!("/{}", token.replace('~', "~0").replace('/', "~1"))).collect()
}

impl<'de> Deserialize<'de> for Shape {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyShape)
    }
}

struct AnyShape;

impl<'de> Visitor<'de> for AnyShape {
    type Value = Shape;

    fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Shape, E> {
        Ok(Shape::Value)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Shape, E> {
        Ok(Shape::Value)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Shape, E> {
        Ok(Shape::Value)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Shape, E> {
        Ok(Shape::Value)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Shape, E> {
        Ok(Shape::Value)
    }

    fn visit_str<E>(self, _: &str) -> Result<Shape, E> {
        Ok(Shape::Value)
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut seq: A) -> Result<Shape, A::Error> {
        let mut has_rows = false;
        while let Some(entry) = seq.next_element::<Shape>()? {
            has_rows |= !matches!(entry, Shape::Value);
        }
        Ok(Shape::List { has_rows })
    }

    fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Shape, A::Error> {
        let mut members = Vec::new();
        while let Some(name) = map.next_key::<String>()? {
            members.push((name, map.next_value()?));
        }
        Ok(Shape::Object(members))
    }
}
