//! From a step as written to a step ready to run: its name, its argument, its tables.
//!
//! Owns the table of steps of `docs/mapping.md`. A step that is not here does not exist.

use super::compile::Compiler;
use super::document::StepDocument;
use super::fault::did_you_mean;
use super::node::{Node, NodeValue};
use super::plan::{GradePart, NamePart, Step};
use super::steps::date::DatePattern;
use super::steps::pattern::{Extract, Replace};
use std::collections::HashMap;

/// Every step an administrator can write.
pub const STEPS: &[&str] = &[
    "digits",
    "learner_id",
    "integer",
    "decimal",
    "date",
    "code",
    "place",
    "table",
    "name_part",
    "grade_part",
    "be_year",
    "term",
    "boolean",
    "replace",
    "extract",
    "upper",
    "pad_left",
    "substring",
];

/// Rows of a local table; larger lists belong among the code lists.
const TABLE_ROWS_MAX: usize = 10_000;

impl Compiler<'_> {
    pub(super) fn step(&mut self, step: &StepDocument) -> Option<Step> {
        let at = step.name.at;
        let name = step.name.value.as_str();
        if !STEPS.contains(&name) {
            self.faults.say(at, format!("there is no step \"{name}\"{}", did_you_mean(name, STEPS.iter().copied())));
            return None;
        }
        let plain = match name {
            "digits" => Some(Step::Digits),
            "learner_id" => Some(Step::LearnerId),
            "integer" => Some(Step::Integer),
            "decimal" => Some(Step::Decimal),
            "be_year" => Some(Step::BeYear),
            "term" => Some(Step::Term),
            "upper" => Some(Step::Upper),
            _ => None,
        };
        if let Some(plain) = plain {
            if step.argument.is_some() {
                self.faults.say(at, format!("the step {name} takes no argument"));
                return None;
            }
            return Some(plain);
        }
        let Some(argument) = &step.argument else {
            self.faults.say(at, format!("the step {name} needs an argument, as {{ {name}: … }}"));
            return None;
        };
        match name {
            "replace" => self.replace(argument),
            "boolean" => self.boolean(argument),
            "pad_left" | "substring" => self.shape(name, argument),
            _ => self.worded(name, argument),
        }
    }

    fn worded(&mut self, name: &str, argument: &Node) -> Option<Step> {
        let at = (argument.line, argument.column);
        let Some(word) = argument.scalar() else {
            self.faults.say(at, format!("the step {name} takes one word"));
            return None;
        };
        match name {
            "date" => match DatePattern::parse(&word) {
                Ok(pattern) => Some(Step::Date(pattern)),
                Err(fault) => {
                    self.faults.say(at, fault.to_string());
                    None
                }
            },
            "code" if word == "school" => Some(Step::School),
            "code" => {
                let list = self.library.list(&word).cloned();
                if list.is_none() {
                    let hint = did_you_mean(&word, self.library.lists().map(|list| list.name()));
                    self.faults.say(at, format!("there is no code list \"{word}\"{hint}"));
                }
                list.map(Step::Code)
            }
            "place" if word == "subdistrict" => Some(Step::Place(self.library.places().clone())),
            "place" => {
                self.faults.say(at, "place finds a subdistrict: { place: subdistrict }");
                None
            }
            "table" => self.table(&word, at),
            "name_part" => {
                let part = match word.as_str() {
                    "title" => NamePart::Title,
                    "given" => NamePart::Given,
                    "family" => NamePart::Family,
                    other => {
                        self.faults.say(at, format!("\"{other}\" is not a part of a name: title, given or family"));
                        return None;
                    }
                };
                Some(Step::NamePart(part, self.titles(at)?))
            }
            "grade_part" => match word.as_str() {
                "grade" => Some(Step::GradePart(GradePart::Grade)),
                "room" => Some(Step::GradePart(GradePart::Room)),
                other => {
                    self.faults.say(at, format!("\"{other}\" is not a part of a class: grade or room"));
                    None
                }
            },
            _ => match Extract::new(&word) {
                Ok(extract) => Some(Step::Extract(extract)),
                Err(fault) => {
                    self.faults.say(at, fault.to_string());
                    None
                }
            },
        }
    }

    fn table(&mut self, path: &str, at: (u32, u32)) -> Option<Step> {
        let Some(text) = (self.tables)(path) else {
            self.faults.say(at, format!("the table {path} does not stand beside the mapping"));
            return None;
        };
        let mut rows: HashMap<Box<str>, Box<str>> = HashMap::new();
        let mut reader =
            csv::ReaderBuilder::new().has_headers(true).from_reader(text.trim_start_matches('\u{feff}').as_bytes());
        for (number, record) in reader.records().enumerate() {
            // The header is line 1.
            let line = number + 2;
            match record {
                Ok(record) if record.len() == 2 => {
                    if rows.insert(record[0].trim().into(), record[1].trim().into()).is_some() {
                        self.faults.say(at, format!("{path} line {line}: \"{}\" stands twice", record[0].trim()));
                    }
                }
                Ok(record) => {
                    self.faults.say(at, format!("{path} line {line}: {} columns, a table has two", record.len()));
                }
                Err(_) => self.faults.say(at, format!("{path} line {line}: not readable as CSV")),
            }
            if rows.len() > TABLE_ROWS_MAX {
                self.faults.say(at, format!("{path} has more than {TABLE_ROWS_MAX} rows"));
                return None;
            }
        }
        Some(Step::Table(rows))
    }

    fn replace(&mut self, argument: &Node) -> Option<Step> {
        let at = (argument.line, argument.column);
        let NodeValue::List(items) = &argument.value else {
            self.faults.say(at, "replace takes two texts: { replace: [pattern, with] }");
            return None;
        };
        let texts: Vec<String> = items.iter().filter_map(Node::scalar).collect();
        let [find, with] = texts.as_slice() else {
            self.faults.say(at, "replace takes two texts: { replace: [pattern, with] }");
            return None;
        };
        match Replace::new(find, with) {
            Ok(replace) => Some(Step::Replace(replace)),
            Err(fault) => {
                self.faults.say(at, fault.to_string());
                None
            }
        }
    }

    fn boolean(&mut self, argument: &Node) -> Option<Step> {
        let at = (argument.line, argument.column);
        let (mut yes, mut no) = (Vec::new(), Vec::new());
        if let NodeValue::Map(entries) = &argument.value {
            for (key, value) in entries {
                let items = match &value.value {
                    NodeValue::List(items) => items.as_slice(),
                    _ => std::slice::from_ref(value),
                };
                let mut words: Vec<Box<str>> = Vec::with_capacity(items.len());
                for item in items {
                    match item.scalar() {
                        Some(word) => words.push(word.into()),
                        None => {
                            self.faults.say((item.line, item.column), format!("a word is needed, not {}", item.kind()))
                        }
                    }
                }
                match (&key.value, key.scalar().as_deref()) {
                    (NodeValue::Bool(true), _) | (_, Some("true")) => yes = words,
                    (NodeValue::Bool(false), _) | (_, Some("false")) => no = words,
                    _ => self.faults.say((key.line, key.column), "boolean has the keys true and false"),
                }
            }
        }
        if yes.is_empty() || no.is_empty() {
            self.faults.say(at, "boolean needs the words for both: { boolean: { true: [Y], false: [N] } }");
            return None;
        }
        if let Some(word) = yes.iter().find(|word| no.contains(word)) {
            self.faults.say(at, format!("\"{word}\" can't mean both true and false"));
            return None;
        }
        Some(Step::Boolean { yes, no })
    }

    fn shape(&mut self, name: &str, argument: &Node) -> Option<Step> {
        let at = (argument.line, argument.column);
        let parts: Vec<String> = match &argument.value {
            NodeValue::List(items) => items.iter().filter_map(Node::scalar).collect(),
            _ => Vec::new(),
        };
        let step = match parts.as_slice() {
            [width, fill] if name == "pad_left" => {
                let mut chars = fill.chars();
                match (width.parse::<usize>(), chars.next(), chars.next()) {
                    (Ok(width @ 1..=100), Some(fill), None) => Some(Step::PadLeft { width, fill }),
                    _ => None,
                }
            }
            [from, len] if name == "substring" => match (from.parse::<usize>(), len.parse::<usize>()) {
                (Ok(from @ 0..=10_000), Ok(len @ 1..=10_000)) => Some(Step::Substring { from, len }),
                _ => None,
            },
            _ => None,
        };
        if step.is_none() {
            let form = if name == "pad_left" { "[width, one character]" } else { "[from, length], counted from 0" };
            self.faults.say(at, format!("{name} takes {form}"));
        }
        step
    }
}
