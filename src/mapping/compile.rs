//! From the document to the plan: every name resolved, every type agreed, all faults together.
//!
//! Owns the promise that a mapping which could fail silently can't be activated: unknown field,
//! missing required field, wrong type, unknown list or code, a source named twice in `ignore`.

use super::document::{self, Document, InputDocument, Located, Reference};
use super::fault::{Faults, MappingFault, did_you_mean};
use super::plan::{Constant, Expression, FieldPlan, Flow, Input, Mapping, Subject, Take, Test};
use super::steps::name_part::TitleWords;
use crate::decode::spec::Encoding;
use crate::decode::{Format, SourceSpec, Wanted};
use crate::domain::value::Decimal;
use crate::standards::{FieldType, Library, Standard};
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

/// Reads files that stand beside the mapping: `tables/grade.csv` → its text.
pub type Tables<'t> = &'t dyn Fn(&str) -> Option<String>;

/// Checks and compiles one mapping document.
///
/// Errors: every fault of the document, in its order, with line and column.
pub fn compile(text: &str, tables: Tables<'_>, library: &Library) -> Result<Mapping, Vec<MappingFault>> {
    let (document, faults) = document::read(text)?;
    let mut compiler = Compiler::new(library, tables);
    compiler.faults = faults;
    let mapping = compiler.mapping(&document);
    match mapping {
        Some(mapping) if compiler.faults.is_empty() => Ok(mapping),
        _ => Err(compiler.faults.into_sorted()),
    }
}

/// One step as written in a mapping, on its own: `learner_id`, `date: d/m/be`, `{ code: grade }`.
pub(super) fn step_of(text: &str, library: &Library) -> Result<super::plan::Step, MappingFault> {
    let step = document::read_step(text)?;
    let mut compiler = Compiler::new(library, &|_| None);
    let compiled = compiler.step(&step);
    compiled.ok_or_else(|| {
        let at = step.name.at;
        let unknown = MappingFault { line: at.0, column: at.1, message: String::from("not a step") };
        compiler.faults.into_sorted().into_iter().next().unwrap_or(unknown)
    })
}

pub(super) struct Compiler<'c> {
    pub(super) faults: Faults,
    pub(super) library: &'c Library,
    pub(super) tables: Tables<'c>,
    titles: Option<Arc<TitleWords>>,
    wanted: Vec<Wanted>,
    slots: HashMap<Wanted, usize>,
    documents: Vec<String>,
    prior_fields: Vec<usize>,
}

impl<'c> Compiler<'c> {
    fn new(library: &'c Library, tables: Tables<'c>) -> Self {
        Compiler {
            faults: Faults::default(),
            library,
            tables,
            titles: None,
            wanted: Vec::new(),
            slots: HashMap::new(),
            documents: Vec::new(),
            prior_fields: Vec::new(),
        }
    }

    fn mapping(&mut self, document: &Document) -> Option<Mapping> {
        self.check_name(&document.mapping);
        let Some(standard) = self.library.standard(&document.standard.value).cloned() else {
            let hint = did_you_mean(&document.standard.value, self.library.standards().map(|s| s.id()));
            self.faults.say(document.standard.at, format!("no standard \"{}\"{hint}", document.standard.value));
            return None;
        };
        let mut fields = Vec::with_capacity(document.fields.len());
        for field in &document.fields {
            let Some(target) = standard.field_index(&field.name.value) else {
                let hint = did_you_mean(&field.name.value, standard.fields.iter().map(|f| &*f.name));
                self.faults
                    .say(field.name.at, format!("\"{}\" is not a field of {}{hint}", field.name.value, standard.id()));
                continue;
            };
            if let Some(expression) = self.expression(&field.expression, &standard, target) {
                let column = self.column_label(&expression);
                fields.push(FieldPlan { target, column, expression });
            }
            self.prior_fields.push(target);
        }
        let unfilled = self.check_required(&standard, document);
        let spec = self.source(document)?;
        let slot_needed = needed_slots(&standard, &fields, spec.wanted.len());
        let lists = standard
            .fields
            .iter()
            .map(|field| match &field.field_type {
                FieldType::Code(name) => self.library.list(name).cloned(),
                _ => None,
            })
            .collect();
        Some(Mapping {
            name: document.mapping.value.clone(),
            version: document.version.value,
            standard,
            spec,
            fields,
            lists,
            slot_needed,
            unfilled,
        })
    }

    fn check_name(&mut self, name: &Located<String>) {
        let word = |part: &str| {
            !part.is_empty() && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'-')
        };
        match name.value.split_once('/') {
            Some((agency, dataset)) if word(agency) && word(dataset) => {}
            _ => self.faults.say(name.at, format!("\"{}\" is not <agency>/<dataset> in small letters", name.value)),
        }
    }

    fn check_required(&mut self, standard: &Standard, document: &Document) -> Vec<Arc<str>> {
        let mut unfilled = Vec::new();
        for field in &standard.fields {
            if document.fields.iter().any(|mapped| mapped.name.value == *field.name) {
                continue;
            }
            if field.required {
                self.faults.say(
                    document.mapping.at,
                    format!(
                        "the field {} is required by {} and the mapping does not fill it",
                        field.name,
                        standard.id()
                    ),
                );
            } else {
                unfilled.push(field.name.clone());
            }
        }
        unfilled
    }

    fn expression(
        &mut self,
        expression: &document::Expression,
        standard: &Standard,
        target: usize,
    ) -> Option<Expression> {
        match expression {
            document::Expression::Take(take) => self.take(take, standard, target).map(Expression::Take),
            document::Expression::When(when) => {
                let subject = match &when.subject {
                    document::Subject::Column(reference) => match &reference.value {
                        Reference::Document(_) => {
                            self.faults.say(reference.at, "a when looks at a column or a field, not at the document");
                            return None;
                        }
                        _ => Subject::Slot(self.slot(&reference.value)),
                    },
                    document::Subject::Field(name) => match standard.field_index(&name.value) {
                        Some(at) if self.prior_fields.contains(&at) => Subject::Field(at),
                        _ => {
                            self.faults
                                .say(name.at, format!("\"{}\" is not a field that stands earlier here", name.value));
                            return None;
                        }
                    },
                };
                let test = match &when.test {
                    document::Test::Equals(text) => Test::Equals(text.as_str().into()),
                    document::Test::In(texts) => Test::In(texts.iter().map(|text| text.as_str().into()).collect()),
                    document::Test::Present(present) => Test::Present(*present),
                };
                let then = Box::new(self.expression(&when.then, standard, target)?);
                let otherwise = match &when.otherwise {
                    Some(otherwise) => Some(Box::new(self.expression(otherwise, standard, target)?)),
                    None => None,
                };
                Some(Expression::When { subject, test, then, otherwise })
            }
        }
    }

    fn take(&mut self, take: &document::Take, standard: &Standard, target: usize) -> Option<Take> {
        let field = &standard.fields[target];
        let steps: Vec<_> = take.steps.iter().filter_map(|step| self.step(step)).collect();
        let whole = steps.len() == take.steps.len();
        let (input, mut flow) = match &take.input {
            InputDocument::From(reference) => (self.input_of(&reference.value), Flow::Text),
            InputDocument::First(references) => {
                let slots = self.slots_of(references);
                (Input::First(slots), Flow::Text)
            }
            InputDocument::Join { parts, with } => {
                let keep_empty = matches!(steps.first(), Some(super::plan::Step::Place(_)));
                let slots = self.slots_of(parts);
                (Input::Join { slots, with: with.as_str().into(), keep_empty }, Flow::Text)
            }
            InputDocument::Const(text) => {
                let constant = self.constant(text, &field.field_type)?;
                (Input::Constant(constant), flow_of(&field.field_type))
            }
            InputDocument::Param(name) => match name.value.as_str() {
                "academic_year" => (Input::AcademicYear, Flow::Whole),
                "term" => (Input::Term, Flow::Whole),
                other => {
                    let hint = did_you_mean(other, ["academic_year", "term"].into_iter());
                    self.faults.say(name.at, format!("a submission has no parameter \"{other}\"{hint}"));
                    return None;
                }
            },
        };
        for (step, place) in steps.iter().zip(&take.steps) {
            if flow != Flow::Text {
                self.faults.say(
                    place.name.at,
                    format!("the step {} needs text, but here comes {}", place.name.value, flow.word()),
                );
                return None;
            }
            flow = step.output();
        }
        if whole {
            self.check_type(take, &steps, flow, &field.field_type, &field.name);
        }
        let default = match &take.default {
            Some(text) => Some(self.constant(text, &field.field_type)?),
            None => None,
        };
        let empty_if = take.empty_if.iter().map(|text| text.value.as_str().into()).collect();
        whole.then_some(Take { input, steps, default, empty_if })
    }

    /// The last step's output must be the field's type, and the list the field's list.
    fn check_type(
        &mut self,
        take: &document::Take,
        steps: &[super::plan::Step],
        flow: Flow,
        field_type: &FieldType,
        field: &str,
    ) {
        let expected = flow_of(field_type);
        if flow != expected && !(flow == Flow::Whole && expected == Flow::Number) {
            let at = take.steps.last().map_or(take.at, |step| step.name.at);
            let advice = match field_type {
                FieldType::Code(list) => format!("; end with {{ code: {list} }}"),
                FieldType::Date { .. } => String::from("; end with { date: PATTERN }"),
                FieldType::LearnerId => String::from("; end with learner_id"),
                FieldType::Decimal { .. } => String::from("; end with decimal"),
                FieldType::Integer { .. } => String::from("; end with integer"),
                FieldType::Boolean => String::from("; end with { boolean: { true: [..], false: [..] } }"),
                FieldType::Text { .. } => String::new(),
            };
            self.faults
                .say(at, format!("the field {field} is {}, but here comes {}{advice}", expected.word(), flow.word()));
            return;
        }
        if let FieldType::Code(list) = field_type {
            let given = match steps.last() {
                Some(super::plan::Step::Code(given)) => given.name().to_owned(),
                Some(super::plan::Step::School) => String::from("school"),
                Some(super::plan::Step::Place(_)) => String::from("subdistrict"),
                _ => return,
            };
            if given != **list {
                let at = take.steps.last().map_or(take.at, |step| step.name.at);
                self.faults.say(at, format!("the field {field} takes the list {list}, not {given}"));
            }
        }
    }

    pub(super) fn constant(&mut self, text: &Located<String>, field_type: &FieldType) -> Option<Constant> {
        let value = text.value.as_str();
        let constant = match field_type {
            FieldType::Text { .. } => Some(Constant::Text(value.into())),
            FieldType::Code(list) => self.library.list(list).and_then(|list| list.find(value)).map(Constant::Code),
            FieldType::Date { .. } => value.parse().ok().map(Constant::Date),
            FieldType::Integer { .. } => value.parse().ok().map(Constant::Integer),
            FieldType::Decimal { .. } => Decimal::parse(value).map(Constant::Decimal),
            FieldType::Boolean => value.parse().ok().map(Constant::Boolean),
            FieldType::LearnerId => None,
        };
        if constant.is_none() {
            let what = match field_type {
                FieldType::Code(list) => format!("a code of the list {list}"),
                other => flow_of(other).word().to_owned(),
            };
            self.faults.say(text.at, format!("\"{value}\" is not {what}"));
        }
        constant
    }

    fn input_of(&mut self, reference: &Reference) -> Input {
        match reference {
            Reference::Document(path) => {
                let at = self.documents.iter().position(|known| known == path).unwrap_or_else(|| {
                    self.documents.push(path.clone());
                    self.documents.len() - 1
                });
                Input::Document(at)
            }
            _ => Input::Slot(self.slot(reference)),
        }
    }

    fn slots_of(&mut self, references: &[Located<Reference>]) -> Vec<usize> {
        let mut slots = Vec::with_capacity(references.len());
        for reference in references {
            if let Reference::Document(_) = reference.value {
                self.faults.say(reference.at, "a value of the whole document can't stand in a list of columns");
                continue;
            }
            slots.push(self.slot(&reference.value));
        }
        slots
    }

    fn slot(&mut self, reference: &Reference) -> usize {
        let wanted = match reference {
            Reference::Name(name) | Reference::Document(name) => Wanted::Name(name.clone()),
            Reference::Position(at) => Wanted::Position(*at),
        };
        *self.slots.entry(wanted.clone()).or_insert_with(|| {
            self.wanted.push(wanted);
            self.wanted.len() - 1
        })
    }

    fn column_label(&self, expression: &Expression) -> Arc<str> {
        let name = |slot: &usize| match &self.wanted[*slot] {
            Wanted::Name(name) => name.clone(),
            Wanted::Position(at) => format!("#{at}"),
        };
        match expression {
            Expression::Take(take) => match &take.input {
                Input::Slot(slot) => name(slot).into(),
                Input::First(slots) | Input::Join { slots, .. } => {
                    slots.iter().map(name).collect::<Vec<_>>().join(" + ").into()
                }
                Input::Document(at) => self.documents[*at].as_str().into(),
                Input::Constant(_) | Input::AcademicYear | Input::Term => "".into(),
            },
            Expression::When { then, .. } => self.column_label(then),
            Expression::Nothing => "".into(),
        }
    }

    pub(super) fn titles(&mut self, at: (u32, u32)) -> Option<Arc<TitleWords>> {
        if self.titles.is_none() {
            match self.library.list("title") {
                Some(list) => self.titles = Some(Arc::new(TitleWords::from_list(list))),
                None => self.faults.say(at, "name_part needs the code list title, which is not there"),
            }
        }
        self.titles.clone()
    }

    fn source(&mut self, document: &Document) -> Option<SourceSpec> {
        let source = &document.source;
        let Some(format) = &source.format else {
            self.faults.say(source.at, "source has no format: csv, json, ndjson, xml or xlsx");
            return None;
        };
        let Some(kind) = Format::parse(&format.value) else {
            let hint = did_you_mean(&format.value, ["csv", "json", "ndjson", "xml", "xlsx"].into_iter());
            self.faults.say(format.at, format!("\"{}\" is not a format{hint}", format.value));
            return None;
        };
        let mut encodings = Vec::new();
        for encoding in &source.encodings {
            match encoding.value.to_ascii_lowercase().as_str() {
                "utf-8" => encodings.push(Encoding::Utf8),
                "windows-874" | "tis-620" | "cp874" => encodings.push(Encoding::Windows874),
                "utf-16" => encodings.push(Encoding::Utf16),
                other => {
                    let hint = did_you_mean(other, ["utf-8", "windows-874", "utf-16"].into_iter());
                    self.faults.say(encoding.at, format!("\"{other}\" is not an encoding we read{hint}"));
                }
            }
        }
        if encodings.is_empty() {
            encodings = vec![Encoding::Utf8, Encoding::Utf16];
        }
        if source.records.is_none() && matches!(kind, Format::Json | Format::Xml) {
            self.faults.say(source.at, "json and xml need \"records\": where in the file the records are");
        }
        let delimiter = match source.delimiter.as_ref().map(|text| (text.at, text.value.as_bytes())) {
            None => b',',
            Some((_, b"\\t" | b"tab")) => b'\t',
            Some((_, [one])) if one.is_ascii() && *one != b'"' && *one != b'\n' => *one,
            Some((at, _)) => {
                self.faults.say(at, "a delimiter is one character such as \",\" or \";\", or tab");
                b','
            }
        };
        self.check_ignored(document);
        let namespaces: BTreeMap<String, String> =
            source.namespaces.iter().map(|(prefix, uri)| (prefix.value.clone(), uri.value.clone())).collect();
        Some(SourceSpec {
            format: kind,
            encodings,
            delimiter,
            header_row: source.header_row.as_ref().map(|row| row.value),
            sheet: source.sheet.as_ref().map(|sheet| sheet.value.clone()),
            records: source.records.as_ref().map(|records| records.value.clone()),
            namespaces,
            wanted: std::mem::take(&mut self.wanted),
            ignore: document.ignore.iter().map(|name| name.value.clone()).collect(),
            document: std::mem::take(&mut self.documents),
        })
    }

    fn check_ignored(&mut self, document: &Document) {
        let mut seen: HashMap<&str, ()> = HashMap::new();
        for name in &document.ignore {
            if self.slots.contains_key(&Wanted::Name(name.value.clone())) {
                self.faults.say(name.at, format!("\"{}\" is both mapped and ignored", name.value));
            }
            if seen.insert(&name.value, ()).is_some() {
                self.faults.say(name.at, format!("\"{}\" is ignored twice", name.value));
            }
        }
    }
}

pub(super) fn flow_of(field_type: &FieldType) -> Flow {
    match field_type {
        FieldType::LearnerId => Flow::LearnerId,
        FieldType::Text { .. } => Flow::Text,
        FieldType::Code(_) => Flow::Code,
        FieldType::Date { .. } => Flow::Date,
        FieldType::Integer { .. } => Flow::Whole,
        FieldType::Decimal { .. } => Flow::Number,
        FieldType::Boolean => Flow::YesNo,
    }
}

/// Slots without which a required field can never be filled: their absence refuses the file.
fn needed_slots(standard: &Standard, fields: &[FieldPlan], width: usize) -> Vec<bool> {
    let mut needed = vec![false; width];
    for field in fields {
        if !standard.fields[field.target].required {
            continue;
        }
        if let Expression::Take(Take { input, default: None, .. }) = &field.expression {
            match input {
                Input::Slot(slot) => needed[*slot] = true,
                Input::Join { slots, .. } | Input::First(slots) if slots.len() == 1 => needed[slots[0]] = true,
                _ => {}
            }
        }
    }
    needed
}
