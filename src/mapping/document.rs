//! The mapping document as administrators write it: YAML to a typed tree, every fault with its place.
//!
//! Owns the grammar of `docs/mapping.md`: keys, their shapes, what may stand together. Knows no
//! standard and no code list; whether the words mean something is `compile`'s question.

use super::fault::{Faults, MappingFault, did_you_mean};
use super::node::{self, Node, NodeValue};

/// Line and column, from 1.
pub type At = (u32, u32);

#[derive(Debug, Clone)]
pub struct Located<T> {
    pub at: At,
    pub value: T,
}

#[derive(Debug, Clone)]
pub struct Document {
    pub mapping: Located<String>,
    pub version: Located<u32>,
    pub standard: Located<String>,
    pub source: SourceDocument,
    pub fields: Vec<FieldDocument>,
    pub ignore: Vec<Located<Ignored>>,
}

#[derive(Debug, Clone, Default)]
pub struct SourceDocument {
    pub at: At,
    pub format: Option<Located<String>>,
    pub encodings: Vec<Located<String>>,
    pub delimiter: Option<Located<String>>,
    pub header_row: Option<Located<u32>>,
    pub sheet: Option<Located<String>>,
    pub records: Option<Located<String>>,
    pub namespaces: Vec<(Located<String>, Located<String>)>,
}

#[derive(Debug, Clone)]
pub struct FieldDocument {
    pub name: Located<String>,
    pub expression: Expression,
}

/// Where a field's value comes from and what is done to it.
#[derive(Debug, Clone)]
pub enum Expression {
    Take(Box<Take>),
    When(Box<When>),
}

#[derive(Debug, Clone)]
pub struct Take {
    pub at: At,
    pub input: InputDocument,
    pub steps: Vec<StepDocument>,
    pub default: Option<Located<String>>,
    pub empty_if: Vec<Located<String>>,
}

#[derive(Debug, Clone)]
pub struct When {
    pub subject: Subject,
    pub test: Test,
    pub then: Expression,
    pub otherwise: Option<Expression>,
}

#[derive(Debug, Clone)]
pub enum Subject {
    Column(Located<Reference>),
    Field(Located<String>),
}

#[derive(Debug, Clone)]
pub enum Test {
    Equals(String),
    In(Vec<String>),
    Present(bool),
}

#[derive(Debug, Clone)]
pub enum InputDocument {
    From(Located<Reference>),
    First(Vec<Located<Reference>>),
    Join { parts: Vec<Located<Reference>>, with: String },
    Const(Located<String>),
    Param(Located<String>),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Reference {
    Name(String),
    Position(u32),
    Document(String),
}

impl Expression {
    /// Every place of the file it takes a value from or looks at.
    pub fn references<'e>(&'e self, out: &mut Vec<&'e Located<Reference>>) {
        match self {
            Expression::Take(take) => match &take.input {
                InputDocument::From(reference) => out.push(reference),
                InputDocument::First(references) | InputDocument::Join { parts: references, .. } => {
                    out.extend(references);
                }
                InputDocument::Const(_) | InputDocument::Param(_) => {}
            },
            Expression::When(when) => {
                if let Subject::Column(reference) = &when.subject {
                    out.push(reference);
                }
                when.then.references(out);
                if let Some(otherwise) = &when.otherwise {
                    otherwise.references(out);
                }
            }
        }
    }
}

/// One step: its name and its argument, still a node.
#[derive(Debug, Clone)]
pub struct StepDocument {
    pub name: Located<String>,
    pub argument: Option<Node>,
}

/// What a mapping knows and does not want.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Ignored {
    /// A column, or a pointer or path relative to the record.
    Name(String),
    /// A value, object or element outside the records.
    Document(String),
    /// A further sheet of a workbook.
    Sheet(String),
}

impl Ignored {
    pub fn name(&self) -> &str {
        match self {
            Ignored::Name(name) | Ignored::Document(name) | Ignored::Sheet(name) => name,
        }
    }
}

const TOP_KEYS: &[&str] = &["mapping", "version", "standard", "source", "fields", "ignore", "note"];
const SOURCE_KEYS: &[&str] = &["format", "encoding", "delimiter", "header", "records", "namespaces"];
const FIELD_KEYS: &[&str] =
    &["from", "first", "join", "with", "const", "param", "do", "default", "empty_if", "when", "then", "else"];

/// Reads the whole document. Answers it with the faults found so far, for the compiler to add its own.
///
/// Errors: not YAML, or too little of a mapping to go on with.
pub fn read(text: &str) -> Result<(Document, Faults), Vec<MappingFault>> {
    let mut reader = Reader { faults: Faults::default() };
    let root = match node::read(text) {
        Ok(root) => root,
        Err((line, column, message)) => return Err(vec![MappingFault { line, column, message }]),
    };
    let document = reader.document(&root);
    match document {
        Some(document) => Ok((document, reader.faults)),
        None => {
            if reader.faults.is_empty() {
                reader.faults.say((1, 1), "not a mapping document");
            }
            Err(reader.faults.into_sorted())
        }
    }
}

/// One step on its own, as `saphan try --step` takes it.
pub fn read_step(text: &str) -> Result<StepDocument, MappingFault> {
    let node = node::read(text).map_err(|(line, column, message)| MappingFault { line, column, message })?;
    let mut reader = Reader { faults: Faults::default() };
    let step = reader.step(&node, "the command");
    step.ok_or_else(|| {
        let unknown = MappingFault { line: 1, column: 1, message: String::from("not a step") };
        reader.faults.into_sorted().into_iter().next().unwrap_or(unknown)
    })
}

struct Reader {
    faults: Faults,
}

fn at(node: &Node) -> At {
    (node.line, node.column)
}

impl Reader {
    fn map<'n>(&mut self, node: &'n Node, what: &str, known: &[&str]) -> Vec<(Located<String>, &'n Node)> {
        let NodeValue::Map(entries) = &node.value else {
            self.faults.say(at(node), format!("{what} must be a block of keys, not {}", node.kind()));
            return Vec::new();
        };
        let mut out = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let Some(word) = key.scalar() else {
                self.faults.say(at(key), format!("a key of {what} must be a word"));
                continue;
            };
            if !known.is_empty() && !known.contains(&word.as_str()) {
                let hint = did_you_mean(&word, known.iter().copied());
                self.faults.say(at(key), format!("\"{word}\" is not a key of {what}{hint}"));
                continue;
            }
            out.push((Located { at: at(key), value: word }, value));
        }
        out
    }

    fn text(&mut self, node: &Node, what: &str) -> Option<Located<String>> {
        let text = node.scalar();
        if text.is_none() {
            self.faults.say(at(node), format!("{what} must be a single value, not {}", node.kind()));
        }
        text.map(|value| Located { at: at(node), value })
    }

    fn texts(&mut self, node: &Node, what: &str) -> Vec<Located<String>> {
        match &node.value {
            NodeValue::List(items) => items.iter().filter_map(|item| self.text(item, what)).collect(),
            _ => self.text(node, what).into_iter().collect(),
        }
    }

    fn number(&mut self, node: &Node, what: &str) -> Option<Located<u32>> {
        match node.scalar().and_then(|text| text.parse::<u32>().ok()).filter(|n| *n > 0) {
            Some(value) => Some(Located { at: at(node), value }),
            None => {
                self.faults.say(at(node), format!("{what} must be a whole number from 1"));
                None
            }
        }
    }

    fn document(&mut self, root: &Node) -> Option<Document> {
        let (mut mapping, mut version, mut standard, mut source) = (None, None, None, None);
        let (mut fields, mut ignore, mut fields_seen) = (Vec::new(), Vec::new(), false);
        for (key, value) in self.map(root, "a mapping", TOP_KEYS) {
            match key.value.as_str() {
                "mapping" => mapping = self.text(value, "mapping"),
                "version" => version = self.number(value, "version"),
                "standard" => standard = self.text(value, "standard"),
                "source" => source = Some(self.source(value)),
                "fields" => {
                    fields_seen = true;
                    fields = self.fields(value);
                }
                "ignore" => ignore = self.ignored(value),
                _ => {}
            }
        }
        for (missing, key) in [
            (mapping.is_none(), "mapping"),
            (version.is_none(), "version"),
            (standard.is_none(), "standard"),
            (source.is_none(), "source"),
            (!fields_seen, "fields"),
        ] {
            if missing {
                self.faults.say(at(root), format!("the key \"{key}\" is missing or unreadable"));
            }
        }
        Some(Document { mapping: mapping?, version: version?, standard: standard?, source: source?, fields, ignore })
    }

    fn ignored(&mut self, node: &Node) -> Vec<Located<Ignored>> {
        let items = match &node.value {
            NodeValue::List(items) => items.as_slice(),
            _ => std::slice::from_ref(node),
        };
        let mut ignored = Vec::with_capacity(items.len());
        for item in items {
            if let NodeValue::Map(_) = item.value {
                for (key, value) in self.map(item, "an entry of ignore", &["document", "sheet"]) {
                    let Some(text) = self.text(value, &key.value) else { continue };
                    let value =
                        if key.value == "sheet" { Ignored::Sheet(text.value) } else { Ignored::Document(text.value) };
                    ignored.push(Located { at: text.at, value });
                }
            } else if let Some(text) = self.text(item, "ignore") {
                ignored.push(Located { at: text.at, value: Ignored::Name(text.value) });
            }
        }
        ignored
    }

    fn source(&mut self, node: &Node) -> SourceDocument {
        let mut source = SourceDocument { at: at(node), ..SourceDocument::default() };
        for (key, value) in self.map(node, "source", SOURCE_KEYS) {
            match key.value.as_str() {
                "format" => source.format = self.text(value, "format"),
                "encoding" => source.encodings = self.texts(value, "encoding"),
                "delimiter" => source.delimiter = self.text(value, "delimiter"),
                "records" => source.records = self.text(value, "records"),
                "header" => {
                    for (key, value) in self.map(value, "header", &["row", "sheet"]) {
                        match key.value.as_str() {
                            "row" => source.header_row = self.number(value, "header row"),
                            _ => source.sheet = self.text(value, "sheet"),
                        }
                    }
                }
                "namespaces" => {
                    for (prefix, value) in self.map(value, "namespaces", &[]) {
                        if let Some(uri) = self.text(value, "a namespace") {
                            source.namespaces.push((prefix, uri));
                        }
                    }
                }
                _ => {}
            }
        }
        source
    }

    fn fields(&mut self, node: &Node) -> Vec<FieldDocument> {
        let entries = self.map(node, "fields", &[]);
        entries
            .into_iter()
            .filter_map(|(name, value)| {
                let expression = self.expression(value, &name.value)?;
                Some(FieldDocument { name, expression })
            })
            .collect()
    }

    fn expression(&mut self, node: &Node, field: &str) -> Option<Expression> {
        let what = format!("the field {field}");
        let entries = self.map(node, &what, FIELD_KEYS);
        let get = |key: &str| entries.iter().find(|(name, _)| name.value == key).map(|(_, value)| *value);
        if let Some(condition) = get("when") {
            return self.when(node, condition, get("then"), get("else"), field);
        }
        for key in ["then", "else"] {
            if let Some(value) = get(key) {
                self.faults.say(at(value), format!("\"{key}\" of {what} needs a \"when\""));
            }
        }
        let inputs: Vec<&str> =
            ["from", "first", "join", "const", "param"].into_iter().filter(|key| get(key).is_some()).collect();
        if inputs.len() != 1 {
            let message = if inputs.is_empty() {
                format!("{what} says no source: one of from, first, join, const, param")
            } else {
                format!("{what} says more than one source: {}", inputs.join(", "))
            };
            self.faults.say(at(node), message);
            return None;
        }
        let input = self.input(inputs[0], get(inputs[0])?, get("with"), &what)?;
        let steps = get("do").map_or(Vec::new(), |value| self.steps(value, &what));
        let default = get("default").and_then(|value| self.text(value, "default"));
        let empty_if = get("empty_if").map_or(Vec::new(), |value| self.texts(value, "empty_if"));
        Some(Expression::Take(Box::new(Take { at: at(node), input, steps, default, empty_if })))
    }

    fn input(&mut self, key: &str, value: &Node, with: Option<&Node>, what: &str) -> Option<InputDocument> {
        if with.is_some() && key != "join" {
            self.faults.say(at(value), format!("\"with\" of {what} needs a \"join\""));
        }
        Some(match key {
            "from" => InputDocument::From(self.reference(value, what)?),
            "first" => InputDocument::First(self.references(value, what)),
            "join" => InputDocument::Join {
                parts: self.references(value, what),
                with: with.and_then(|node| self.text(node, "with")).map_or(String::from(" "), |text| text.value),
            },
            "const" => InputDocument::Const(self.text(value, "const")?),
            _ => InputDocument::Param(self.text(value, "param")?),
        })
    }

    fn references(&mut self, node: &Node, what: &str) -> Vec<Located<Reference>> {
        match &node.value {
            NodeValue::List(items) if !items.is_empty() => {
                items.iter().filter_map(|item| self.reference(item, what)).collect()
            }
            _ => {
                self.faults.say(at(node), format!("{what} needs a list of columns here"));
                Vec::new()
            }
        }
    }

    fn reference(&mut self, node: &Node, what: &str) -> Option<Located<Reference>> {
        if let NodeValue::Map(_) = node.value {
            let entries = self.map(node, &format!("\"from\" of {what}"), &["position", "document"]);
            let (key, value) = entries.first()?;
            let reference = match key.value.as_str() {
                "position" => Reference::Position(self.number(value, "position")?.value),
                _ => Reference::Document(self.text(value, "document")?.value),
            };
            return Some(Located { at: at(node), value: reference });
        }
        let text = self.text(node, &format!("the source of {what}"))?;
        Some(Located { at: text.at, value: Reference::Name(text.value) })
    }

    fn steps(&mut self, node: &Node, what: &str) -> Vec<StepDocument> {
        match &node.value {
            NodeValue::List(items) => items.iter().filter_map(|item| self.step(item, what)).collect(),
            _ => self.step(node, what).into_iter().collect(),
        }
    }

    fn step(&mut self, node: &Node, what: &str) -> Option<StepDocument> {
        if let NodeValue::Map(entries) = &node.value {
            let [(key, argument)] = entries.as_slice() else {
                self.faults.say(at(node), format!("a step of {what} is one word, or one word and its argument"));
                return None;
            };
            let name = self.text(key, "a step")?;
            return Some(StepDocument { name, argument: Some(argument.clone()) });
        }
        let name = self.text(node, &format!("a step of {what}"))?;
        Some(StepDocument { name, argument: None })
    }

    fn when(
        &mut self,
        node: &Node,
        condition: &Node,
        then: Option<&Node>,
        otherwise: Option<&Node>,
        field: &str,
    ) -> Option<Expression> {
        let what = format!("\"when\" of the field {field}");
        let entries = self.map(condition, &what, &["column", "field", "equals", "in", "present"]);
        let (mut subject, mut test) = (None, None);
        for (key, value) in entries {
            match key.value.as_str() {
                "column" => subject = self.reference(value, &what).map(Subject::Column),
                "field" => subject = self.text(value, "field").map(Subject::Field),
                "equals" => test = self.text(value, "equals").map(|text| Test::Equals(text.value)),
                "in" => {
                    let words = self.texts(value, "in").into_iter().map(|text| text.value).collect();
                    test = Some(Test::In(words));
                }
                _ => match value.value {
                    NodeValue::Bool(present) => test = Some(Test::Present(present)),
                    _ => self.faults.say(at(value), "present must be true or false"),
                },
            }
        }
        if subject.is_none() {
            self.faults.say(at(condition), format!("{what} names neither a column nor a field"));
        }
        if test.is_none() {
            self.faults.say(at(condition), format!("{what} has no test: equals, in or present"));
        }
        let Some(then) = then else {
            self.faults.say(at(node), format!("{what} needs a \"then\""));
            return None;
        };
        let then = self.expression(then, field)?;
        let otherwise = match otherwise {
            Some(node) => Some(self.expression(node, field)?),
            None => None,
        };
        Some(Expression::When(Box::new(When { subject: subject?, test: test?, then, otherwise })))
    }
}
