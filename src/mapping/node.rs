//! A YAML document as a tree in which every node knows its line and column.
//!
//! Owns the reading of administrators' files without judging them, so that `document` can report all
//! faults at once with their places. Refuses what the YAML budget refuses: depth, size, aliases.

use serde::de::{self, Deserialize, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_saphyr::Spanned;
use std::fmt;

/// Longest mapping document, in bytes.
pub const DOCUMENT_BYTES_MAX: usize = 1 << 20;

#[derive(Debug, Clone)]
pub struct Node {
    pub line: u32,
    pub column: u32,
    pub value: NodeValue,
}

#[derive(Debug, Clone)]
pub enum NodeValue {
    Null,
    Bool(bool),
    Number(String),
    Text(String),
    List(Vec<Node>),
    Map(Vec<(Node, Node)>),
}

impl Node {
    /// The text of a scalar. A bare `Y`, `no` or `true` has none: YAML took it for yes or no, and what the writer
    /// meant is lost.
    pub fn scalar(&self) -> Option<String> {
        match &self.value {
            NodeValue::Number(text) | NodeValue::Text(text) => Some(text.clone()),
            NodeValue::Bool(_) | NodeValue::Null | NodeValue::List(_) | NodeValue::Map(_) => None,
        }
    }

    pub fn kind(&self) -> &'static str {
        match self.value {
            NodeValue::Null => "nothing",
            NodeValue::Bool(_) => "yes or no (write the word in quotes)",
            NodeValue::Number(_) => "a number",
            NodeValue::Text(_) => "text",
            NodeValue::List(_) => "a list",
            NodeValue::Map(_) => "a block of keys",
        }
    }
}

/// The whole document, or where it stops being YAML.
pub fn read(text: &str) -> Result<Node, (u32, u32, String)> {
    if text.len() > DOCUMENT_BYTES_MAX {
        return Err((1, 1, format!("the document is longer than {DOCUMENT_BYTES_MAX} bytes")));
    }
    serde_saphyr::from_str::<Node>(text).map_err(|error| {
        let (line, column) = error.location().map_or((1, 1), |at| (at.line() as u32, at.column() as u32));
        (line, column, error.without_snippet().to_string())
    })
}

impl<'de> Deserialize<'de> for Node {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let spanned = Spanned::<NodeValue>::deserialize(deserializer)?;
        Ok(Node {
            line: spanned.referenced.line() as u32,
            column: spanned.referenced.column() as u32,
            value: spanned.value,
        })
    }
}

impl<'de> Deserialize<'de> for NodeValue {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(AnyNode)
    }
}

struct AnyNode;

impl<'de> Visitor<'de> for AnyNode {
    type Value = NodeValue;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any YAML value")
    }

    fn visit_unit<E: de::Error>(self) -> Result<NodeValue, E> {
        Ok(NodeValue::Null)
    }

    fn visit_none<E: de::Error>(self) -> Result<NodeValue, E> {
        Ok(NodeValue::Null)
    }

    fn visit_some<D: Deserializer<'de>>(self, deserializer: D) -> Result<NodeValue, D::Error> {
        NodeValue::deserialize(deserializer)
    }

    fn visit_bool<E: de::Error>(self, value: bool) -> Result<NodeValue, E> {
        Ok(NodeValue::Bool(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<NodeValue, E> {
        Ok(NodeValue::Number(value.to_string()))
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<NodeValue, E> {
        Ok(NodeValue::Number(value.to_string()))
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<NodeValue, E> {
        Ok(NodeValue::Number(value.to_string()))
    }

    fn visit_str<E: de::Error>(self, value: &str) -> Result<NodeValue, E> {
        Ok(NodeValue::Text(value.to_owned()))
    }

    fn visit_string<E: de::Error>(self, value: String) -> Result<NodeValue, E> {
        Ok(NodeValue::Text(value))
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut access: A) -> Result<NodeValue, A::Error> {
        let mut items = Vec::new();
        while let Some(item) = access.next_element::<Node>()? {
            items.push(item);
        }
        Ok(NodeValue::List(items))
    }

    fn visit_map<A: MapAccess<'de>>(self, mut access: A) -> Result<NodeValue, A::Error> {
        let mut entries = Vec::new();
        while let Some(entry) = access.next_entry::<Node, Node>()? {
            entries.push(entry);
        }
        Ok(NodeValue::Map(entries))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_node_knows_its_place() {
        let node = read("a: 1\nb:\n  - x\n  - { c: \"099\" }\n").unwrap();
        let NodeValue::Map(entries) = node.value else { panic!("a map") };
        assert_eq!((entries[1].0.line, entries[1].0.column), (2, 1));
        let NodeValue::List(items) = &entries[1].1.value else { panic!("a list") };
        assert_eq!(items[1].line, 4);
        let NodeValue::Map(inner) = &items[1].value else { panic!("a map") };
        assert_eq!(inner[0].1.scalar().as_deref(), Some("099"));
    }

    #[test]
    fn what_is_not_yaml_says_where() {
        let (line, _, message) = read("a: 1\nb: [1, 2\n").unwrap_err();
        assert!(line >= 2, "{line} {message}");
        assert!(read("a: 1\na: 2\n").is_err(), "a key twice is a fault");
    }
}
