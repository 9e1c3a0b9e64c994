//! Names and paths of XML: prefixes resolved to namespaces, wanted paths as a tree over them.
//!
//! Owns what a mapping's paths mean, whatever prefixes the file uses. Names are compared by namespace
//! and local name; a name without a prefix is in no namespace. Refuses to match by prefix text.

use super::{SourceSpec, Wanted};
use quick_xml::events::BytesStart;

/// A namespace by number: none, those of the mapping, ours beside refused rows, any other.
pub(crate) type Namespace = u32;
pub(crate) const NO_NAMESPACE: Namespace = 0;
pub(crate) const OWN_NAMESPACE: Namespace = u32::MAX - 1;
const OTHER_NAMESPACE: Namespace = u32::MAX;
/// What we add to refused records; ignored when it comes back.
pub const REFUSED_URI: &str = "urn:saphan:refused:1";

/// The namespaces the mapping names.
#[derive(Debug, Default)]
pub(crate) struct Namespaces {
    /// Prefix and URI; the number is the place + 1.
    known: Vec<(String, String)>,
}

impl Namespaces {
    pub(crate) fn of(spec: &SourceSpec) -> Self {
        Namespaces { known: spec.namespaces.iter().map(|(prefix, uri)| (prefix.clone(), uri.clone())).collect() }
    }

    fn by_uri(&self, uri: &str) -> Namespace {
        match uri {
            "" => NO_NAMESPACE,
            REFUSED_URI => OWN_NAMESPACE,
            _ => self.known.iter().position(|(_, known)| known == uri).map_or(OTHER_NAMESPACE, |at| at as u32 + 1),
        }
    }

    /// A name of the mapping (`v:Student`).
    pub(crate) fn name(&self, text: &str) -> Name {
        match text.split_once(':') {
            None => Name { namespace: NO_NAMESPACE, local: text.into() },
            Some((prefix, local)) => {
                let uri = self.known.iter().find(|(known, _)| known == prefix).map(|(_, uri)| uri.as_str());
                // Two prefixes may stand for one namespace: the number is that of the first.
                Name { namespace: uri.map_or(OTHER_NAMESPACE, |uri| self.by_uri(uri)), local: local.into() }
            }
        }
    }

    /// As the mapping would write it.
    pub(crate) fn written(&self, namespace: Namespace, local: &str) -> String {
        match (namespace as usize).checked_sub(1).and_then(|at| self.known.get(at)) {
            Some((prefix, _)) => format!("{prefix}:{local}"),
            None => local.to_owned(),
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Name {
    pub(crate) namespace: Namespace,
    pub(crate) local: Box<str>,
}

impl Name {
    #[inline]
    pub(crate) fn is(&self, namespace: Namespace, local: &str) -> bool {
        self.namespace == namespace && *self.local == *local
    }
}

#[derive(Debug, Clone)]
struct Binding {
    depth: usize,
    prefix: Box<str>,
    namespace: Namespace,
}

/// The prefixes in force where the reader stands.
#[derive(Debug, Clone, Default)]
pub(crate) struct Scope {
    bindings: Vec<Binding>,
}

impl Scope {
    /// Takes up an element's declarations; `depth` is its own, from 1.
    pub(crate) fn enter(&mut self, element: &BytesStart, depth: usize, namespaces: &Namespaces) {
        let raw = element.attributes_raw().as_bytes();
        if !memchr::memchr_iter(b'x', raw).any(|at| raw[at..].starts_with(b"xmlns")) {
            return;
        }
        for attribute in element.attributes().with_checks(false).flatten() {
            let key = attribute.key.0;
            let prefix = match key.strip_prefix("xmlns") {
                Some("") => "",
                Some(rest) if rest.starts_with(':') => &rest[1..],
                _ => continue,
            };
            let uri = quick_xml::escape::unescape(&attribute.value).unwrap_or_default();
            self.bindings.push(Binding { depth, prefix: prefix.into(), namespace: namespaces.by_uri(uri.trim()) });
        }
    }

    pub(crate) fn leave(&mut self, depth: usize) {
        while self.bindings.last().is_some_and(|binding| binding.depth >= depth) {
            self.bindings.pop();
        }
    }

    /// Namespace and local name of an element.
    #[inline]
    pub(crate) fn element<'n>(&self, name: &'n str) -> (Namespace, &'n str) {
        match split_prefix(name) {
            None => (self.resolve("", NO_NAMESPACE), name),
            Some((prefix, local)) => (self.resolve(prefix, OTHER_NAMESPACE), local),
        }
    }

    /// Namespace and local name of an attribute: the default namespace does not reach it.
    #[inline]
    pub(crate) fn attribute<'n>(&self, name: &'n str) -> (Namespace, &'n str) {
        match split_prefix(name) {
            None => (NO_NAMESPACE, name),
            Some((prefix, local)) => (self.resolve(prefix, OTHER_NAMESPACE), local),
        }
    }

    #[inline]
    fn resolve(&self, prefix: &str, otherwise: Namespace) -> Namespace {
        let found = self.bindings.iter().rev().find(|binding| *binding.prefix == *prefix);
        found.map_or(otherwise, |binding| binding.namespace)
    }
}

/// As `split_once(':')`, which costs more than a name of ten letters.
#[inline]
fn split_prefix(name: &str) -> Option<(&str, &str)> {
    let at = name.bytes().position(|byte| byte == b':')?;
    Some((&name[..at], &name[at + 1..]))
}

/// The way from the root to the records.
#[derive(Debug)]
pub(crate) struct RecordPath(pub(crate) Vec<Name>);

impl RecordPath {
    pub(crate) fn of(spec: &SourceSpec, namespaces: &Namespaces) -> Self {
        let path = spec.records.as_deref().unwrap_or_default();
        RecordPath(path.split('/').filter(|part| !part.is_empty()).map(|part| namespaces.name(part)).collect())
    }
}

#[derive(Debug)]
pub(crate) struct Node {
    pub(crate) name: Name,
    pub(crate) path: String,
    pub(crate) children: Vec<usize>,
    pub(crate) attributes: Vec<Leaf>,
    pub(crate) slots: Vec<u32>,
    pub(crate) is_ignored: bool,
}

#[derive(Debug)]
pub(crate) struct Leaf {
    pub(crate) name: Name,
    pub(crate) slots: Vec<u32>,
}

/// Wanted and ignored paths below one element (the record, or the root).
#[derive(Debug)]
pub(crate) struct Tree {
    pub(crate) nodes: Vec<Node>,
}

impl Tree {
    pub(crate) fn of_record(spec: &SourceSpec, namespaces: &Namespaces) -> Self {
        let names = spec.wanted.iter().enumerate().filter_map(|(slot, wanted)| match wanted {
            Wanted::Name(name) => Some((slot, name.as_str())),
            Wanted::Position(_) => None,
        });
        Tree::new(names, &spec.ignore, namespaces)
    }

    pub(crate) fn of_document(spec: &SourceSpec, namespaces: &Namespaces) -> Self {
        let documents = spec.document.iter().map(String::as_str).enumerate();
        let mut tree = Tree::new(documents, &spec.ignore_document, namespaces);
        // The way to the records is known, though nothing is taken from it.
        let way: Vec<&str> =
            spec.records.as_deref().unwrap_or_default().split('/').filter(|part| !part.is_empty()).collect();
        if let [_root, between @ .., _record] = way.as_slice() {
            tree.element(between, namespaces);
        }
        tree
    }

    fn new<'a>(wanted: impl Iterator<Item = (usize, &'a str)>, ignore: &[String], namespaces: &Namespaces) -> Self {
        let mut tree = Tree { nodes: Vec::new() };
        tree.push(Name { namespace: NO_NAMESPACE, local: "".into() }, String::new());
        for (slot, path) in wanted {
            tree.add(path, Some(slot as u32), namespaces);
        }
        for path in ignore {
            tree.add(path, None, namespaces);
        }
        tree
    }

    fn push(&mut self, name: Name, path: String) -> usize {
        self.nodes.push(Node {
            name,
            path,
            children: Vec::new(),
            attributes: Vec::new(),
            slots: Vec::new(),
            is_ignored: false,
        });
        self.nodes.len() - 1
    }

    /// No slot: the path, and what lies under it, is ignored.
    fn add(&mut self, path: &str, slot: Option<u32>, namespaces: &Namespaces) {
        let parts: Vec<&str> = path.split('/').filter(|part| !part.is_empty()).collect();
        let elements = parts.iter().take_while(|part| !part.starts_with('@')).count();
        let at = self.element(&parts[..elements], namespaces);
        match (parts.get(elements).and_then(|part| part.strip_prefix('@')), slot) {
            (Some(attribute), _) => self.add_attribute(at, namespaces.name(attribute), slot),
            (None, Some(slot)) => self.nodes[at].slots.push(slot),
            (None, None) => self.nodes[at].is_ignored = true,
        }
    }

    /// The node at the end of this path, made where it is not there.
    fn element(&mut self, parts: &[&str], namespaces: &Namespaces) -> usize {
        let mut at = 0;
        for part in parts.iter().copied() {
            let name = namespaces.name(part);
            let found = self.nodes[at].children.iter().find(|child| self.nodes[**child].name == name).copied();
            at = match found {
                Some(child) => child,
                None => {
                    let parent = &self.nodes[at].path;
                    let path = if parent.is_empty() { part.to_owned() } else { format!("{parent}/{part}") };
                    let child = self.push(name, path);
                    self.nodes[at].children.push(child);
                    child
                }
            };
        }
        at
    }

    fn add_attribute(&mut self, node: usize, name: Name, slot: Option<u32>) {
        let attributes = &mut self.nodes[node].attributes;
        match attributes.iter_mut().find(|leaf| leaf.name == name) {
            Some(leaf) => leaf.slots.extend(slot),
            None => attributes.push(Leaf { name, slots: slot.into_iter().collect() }),
        }
    }

    #[inline]
    pub(crate) fn child(&self, node: usize, namespace: Namespace, local: &str) -> Option<usize> {
        self.nodes[node].children.iter().copied().find(|child| self.nodes[*child].name.is(namespace, local))
    }

    /// As [`Tree::child`], for elements in the order they mostly come in: the search begins at `hint`.
    #[inline]
    pub(crate) fn next_child(&self, node: usize, hint: &mut usize, namespace: Namespace, local: &str) -> Option<usize> {
        let children = &self.nodes[node].children;
        let (before, after) = children.split_at((*hint).min(children.len()));
        let is_it = |child: &usize| self.nodes[*child].name.is(namespace, local);
        let found = after.iter().chain(before).position(is_it)?;
        let at = (found + before.len()) % children.len();
        *hint = at + 1;
        Some(children[at])
    }

    #[inline]
    pub(crate) fn attribute(&self, node: usize, namespace: Namespace, local: &str) -> Option<&Leaf> {
        self.nodes[node].attributes.iter().find(|leaf| leaf.name.is(namespace, local))
    }
}
