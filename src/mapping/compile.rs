//! From the document to the plan: every name resolved, every type agreed, all faults together.
//!
//! Owns the promise that a mapping which could fail silently can't be activated, and what of it concerns the
//! whole: unknown field, missing required field. Single fields are judged in `compile_field`, their steps in
//! `compile_step`, the source in `compile_source`.

use super::document::{self, Document, Located, Reference};
use super::fault::{Faults, MappingFault, did_you_mean};
use super::plan::{Expression, FieldPlan, Input, Mapping, Take};
use super::steps::name_part::TitleWords;
use crate::decode::Wanted;
use crate::standards::{FieldType, Library, Standard};
use std::collections::HashMap;
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
    pub(super) wanted: Vec<Wanted>,
    pub(super) slots: HashMap<Wanted, usize>,
    pub(super) documents: Vec<String>,
    pub(super) prior_fields: Vec<usize>,
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

    pub(super) fn input_of(&mut self, reference: &Reference) -> Input {
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

    pub(super) fn slots_of(&mut self, references: &[Located<Reference>]) -> Vec<usize> {
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

    pub(super) fn slot(&mut self, reference: &Reference) -> usize {
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
