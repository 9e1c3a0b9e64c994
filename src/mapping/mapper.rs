//! Runs a compiled mapping over rows of slots: raw text in, canonical values and findings out.
//!
//! Owns the hot path. Allocates per batch, not per field: text is borrowed from the batch or from a
//! bump arena that lives as long as the batch. Every refusal of a value becomes a finding with field,
//! column, masked value and rule; nothing is dropped without a word.

use super::apply::{Applied, apply};
use super::context::RunContext;
use super::memo::{Memo, Recall};
use super::plan::{Constant, Expression, FieldPlan, Input, Mapping, Step, Subject, Take, Test};
use super::steps::outcome::{Fault, Outcome};
use super::steps::text::Look;
use super::steps::{date, name, text};
use crate::decode::RowBatch;
use crate::domain::finding::{Finding, Severity, mask_name, shorten};
use crate::domain::learner_id::{LearnerId, mask};
use crate::domain::value::{Decimal, Value};
use crate::standards::{CodeList, Codes, Field, FieldType, OutOfBounds};
use bumpalo::Bump;
use std::sync::Arc;

/// A mapping bound to one run of one file.
#[derive(Debug)]
pub struct Mapper<'m> {
    mapping: &'m Mapping,
    context: RunContext,
    /// For each field of the standard its code list, the register's schools included.
    lists: Vec<Option<Codes>>,
    document: Vec<Option<String>>,
    /// For each field of the plan the value that is the same in every row, because the file said it once.
    settled: Vec<Option<Value<'static>>>,
}

/// One row after mapping; reused from row to row within a batch.
#[derive(Debug)]
pub struct MappedRow<'b> {
    /// In the standard's order.
    pub values: Vec<Value<'b>>,
    pub findings: Vec<Finding>,
    tidied: Vec<Tidied<'b>>,
    /// What tidying had to say of this row's slots; nearly always nothing.
    faults: Vec<Fault>,
}

/// Copied freely: several fields may read one slot (a name in one cell).
#[derive(Debug, Clone, Copy, Default)]
enum Tidied<'b> {
    #[default]
    Unread,
    Absent,
    Text(&'b str),
    /// Position in `MappedRow::faults`.
    Warned(Option<&'b str>, u32),
    Refused(u32),
}

/// Where the row being mapped stands, and the arena for what its repairs make.
#[derive(Clone, Copy)]
struct Row<'b> {
    batch: &'b RowBatch,
    at: usize,
    bump: &'b Bump,
}

impl<'b> Row<'b> {
    #[inline]
    fn get(self, slot: usize) -> Option<&'b str> {
        self.batch.get(self.at, slot)
    }
}

/// A value on its way through the steps, or the end of the way.
enum Moving<'b> {
    Absent,
    Text(&'b str),
    Done(Value<'b>),
    Refused(Fault),
}

impl<'b> MappedRow<'b> {
    pub fn new(mapping: &Mapping) -> Self {
        MappedRow {
            values: vec![Value::Absent; mapping.standard.fields.len()],
            findings: Vec::new(),
            tidied: vec![Tidied::Unread; mapping.spec.wanted.len()],
            faults: Vec::new(),
        }
    }

    #[cold]
    fn keep(&mut self, fault: Fault) -> u32 {
        self.faults.push(fault);
        self.faults.len() as u32 - 1
    }

    fn clear(&mut self) {
        self.values.fill(Value::Absent);
        self.findings.clear();
        self.tidied.fill(Tidied::Unread);
        self.faults.clear();
    }
}

impl<'m> Mapper<'m> {
    /// `document`: what the file said once for all its rows, in the order of `SourceSpec::document`.
    pub fn new(mapping: &'m Mapping, context: RunContext, document: Vec<Option<String>>) -> Self {
        let codes = |(list, field): (&Option<Arc<CodeList>>, &Field)| match &field.field_type {
            FieldType::Code(name) if &**name == "school" => context.schools.clone().map(Codes::Schools),
            _ => list.clone().map(Codes::List),
        };
        let lists = mapping.lists.iter().zip(&mapping.standard.fields).map(codes).collect();
        let settled = vec![None; mapping.fields.len()];
        let mut mapper = Mapper { mapping, context, lists, document, settled };
        mapper.settled = mapping.fields.iter().map(|plan| mapper.settle(plan)).collect();
        mapper
    }

    /// The value of a field taken from the file's head. None where it is read row by row: other inputs, and a
    /// value with findings, because every row is to bear them.
    fn settle(&self, plan: &FieldPlan) -> Option<Value<'static>> {
        let Expression::Take(take @ Take { input: Input::Document(_), .. }) = &plan.expression else { return None };
        let (batch, bump) = (RowBatch::new(self.mapping.spec.wanted.len()), Bump::new());
        let mut out = MappedRow::new(self.mapping);
        self.take(take, plan, Row { batch: &batch, at: 0, bump: &bump }, &mut out);
        if !out.findings.is_empty() {
            return None;
        }
        match out.values[plan.target] {
            Value::Date(date) => Some(Value::Date(date)),
            Value::Integer(number) => Some(Value::Integer(number)),
            Value::Code(code) => Some(Value::Code(code)),
            _ => None,
        }
    }

    /// For each field of the standard its code list, for whoever writes the codes out.
    pub fn lists(&self) -> &[Option<Codes>] {
        &self.lists
    }

    pub fn mapping(&self) -> &'m Mapping {
        self.mapping
    }

    pub fn context(&self) -> &RunContext {
        &self.context
    }

    /// Maps row `at` of the batch (from 0) into `out`.
    pub fn map_row<'b>(
        &'b self,
        batch: &'b RowBatch,
        at: usize,
        bump: &'b Bump,
        memo: &mut Memo,
        out: &mut MappedRow<'b>,
    ) {
        out.clear();
        let row = Row { batch, at, bump };
        for (field, (plan, settled)) in self.mapping.fields.iter().zip(&self.settled).enumerate() {
            match settled {
                Some(value) => out.values[plan.target] = *value,
                None => match memo.recall(field, batch, at) {
                    Recall::Known(value) => out.values[plan.target] = value,
                    Recall::Closed => self.evaluate(&plan.expression, plan, row, out),
                    Recall::Missing(missing) => {
                        let said = out.findings.len();
                        self.evaluate(&plan.expression, plan, row, out);
                        if out.findings.len() == said {
                            memo.keep(field, missing, batch, at, &out.values[plan.target]);
                        }
                    }
                },
            }
        }
    }

    /// What one worker remembers of the cells it has seen; for this mapper's rows only.
    pub fn memo(&self) -> Memo {
        Memo::new(&self.mapping.fields)
    }

    /// Puts the field's value where it belongs. Values are not handed up from call to call: a value that was written in halves
    /// and is copied whole right after makes the processor wait, and there are thirty in a row.
    fn evaluate<'b>(&'b self, expression: &'b Expression, plan: &'b FieldPlan, row: Row<'b>, out: &mut MappedRow<'b>) {
        match expression {
            Expression::Take(take) => self.take(take, plan, row, out),
            Expression::When { subject, test, then, otherwise } => {
                let holds = self.holds(subject, test, row, out);
                match (holds, otherwise) {
                    (true, _) => self.evaluate(then, plan, row, out),
                    (false, Some(otherwise)) => self.evaluate(otherwise, plan, row, out),
                    (false, None) => out.values[plan.target] = Value::Absent,
                }
            }
            Expression::Nothing => out.values[plan.target] = Value::Absent,
        }
    }

    fn holds<'b>(&'b self, subject: &Subject, test: &Test, row: Row<'b>, out: &mut MappedRow<'b>) -> bool {
        let word: Option<&str> = match subject {
            Subject::Slot(slot) => match self.tidied(*slot, row, out) {
                Tidied::Text(text) | Tidied::Warned(Some(text), _) => Some(text),
                _ => None,
            },
            Subject::Field(target) => match out.values[*target] {
                Value::Absent => None,
                Value::Text(text) => Some(text),
                Value::Code(code) => self.lists[*target].as_ref().map(|codes| codes.code(code)),
                other => Some(row.bump.alloc_str(&plain(&other))),
            },
        };
        match test {
            Test::Equals(expected) => word == Some(&**expected),
            Test::In(words) => word.is_some_and(|word| words.iter().any(|known| **known == *word)),
            Test::Present(present) => word.is_some() == *present,
        }
    }

    #[inline]
    fn tidied<'b>(&self, slot: usize, row: Row<'b>, out: &mut MappedRow<'b>) -> Tidied<'b> {
        match out.tidied[slot] {
            Tidied::Unread => {}
            known => return known,
        }
        let Some(raw) = row.get(slot) else { return Tidied::Absent };
        match text::look(raw) {
            Look::Tidy => {
                out.tidied[slot] = Tidied::Text(raw);
                Tidied::Text(raw)
            }
            Look::Absent => Tidied::Absent,
            Look::Repair => self.repaired(slot, raw, row, out),
        }
    }

    /// Remembered, so that a fault is kept once.
    #[inline(never)]
    fn repaired<'b>(&self, slot: usize, raw: &'b str, row: Row<'b>, out: &mut MappedRow<'b>) -> Tidied<'b> {
        out.tidied[slot] = match text::tidy(raw, row.bump) {
            Outcome::Value(text) => Tidied::Text(text),
            Outcome::Absent => Tidied::Absent,
            Outcome::Warned(text, fault) => Tidied::Warned(text, out.keep(fault)),
            Outcome::Refused(fault) => Tidied::Refused(out.keep(fault)),
        };
        out.tidied[slot]
    }

    fn take<'b>(&'b self, take: &'b Take, plan: &'b FieldPlan, row: Row<'b>, out: &mut MappedRow<'b>) {
        // The common shapes without the general machinery: a constant, or one clean cell with at most one step that
        // takes it as it is.
        match &take.input {
            Input::Constant(value) => return out.values[plan.target] = constant(value),
            Input::Slot(slot) => {
                if let Tidied::Text(text) = self.tidied(*slot, row, out)
                    && !take.empty_if.iter().any(|word| **word == *text)
                {
                    match take.steps.as_slice() {
                        [] => return out.values[plan.target] = self.text_value(text, plan, out),
                        [step] => {
                            if let Some(value) = self.direct(step, text) {
                                return out.values[plan.target] = value;
                            }
                        }
                        _ => {}
                    }
                }
            }
            _ => {}
        }
        out.values[plan.target] = self.take_in_steps(take, plan, row, out);
    }

    /// What a step makes of text that needs no repair; none: go the long way, which says why.
    #[inline]
    fn direct<'b>(&self, step: &Step, text: &str) -> Option<Value<'b>> {
        match step {
            Step::Code(list) => {
                let code = list.find(text)?;
                list.entry(code).valid_on(self.context.round.count_day()).then_some(Value::Code(code))
            }
            Step::School => self.context.schools.as_ref()?.find(text).map(Value::Code),
            Step::LearnerId => LearnerId::citizen(text).ok().map(Value::LearnerId),
            // Fewer digits than a double holds: the long way gives the very same number.
            Step::Decimal if text.len() <= 12 => Decimal::parse(text).map(Value::Decimal),
            Step::Date(pattern) => match date::date(text, pattern) {
                Outcome::Value(date) => Some(Value::Date(date)),
                _ => None,
            },
            _ => None,
        }
    }

    #[inline(never)]
    fn take_in_steps<'b>(
        &'b self,
        take: &'b Take,
        plan: &'b FieldPlan,
        row: Row<'b>,
        out: &mut MappedRow<'b>,
    ) -> Value<'b> {
        let raw = match &take.input {
            Input::Slot(slot) => row.get(*slot),
            _ => None,
        };
        let mut moving = self.input(take, plan, row, out);
        if let Moving::Text(text) = moving
            && take.empty_if.iter().any(|word| **word == *text)
        {
            moving = Moving::Absent;
        }
        // `ไม่ระบุ` means nothing in a name, but is a code of its own in some lists.
        if let (Moving::Absent, Some(Step::Code(list)), Some(raw)) = (&moving, take.steps.first(), raw)
            && text::is_missing_word(raw.trim())
            && let Some(code) = list.find(raw.trim())
        {
            return Value::Code(code);
        }
        // A finding shows what stood before the step that refused it, not all of a cell of which the step saw a part.
        let mut shown = raw;
        for step in &take.steps {
            moving = match moving {
                Moving::Text(text) => {
                    shown = Some(text);
                    self.step(step, text, raw, plan, row, out)
                }
                other => other,
            };
        }
        let value = match moving {
            Moving::Absent => Value::Absent,
            Moving::Text(text) => self.text_value(text, plan, out),
            Moving::Done(value) => value,
            Moving::Refused(fault) => {
                self.refuse(plan, fault, shown, out);
                return Value::Absent;
            }
        };
        match (&take.default, value) {
            (Some(default), Value::Absent) => constant(default),
            (_, value) => value,
        }
    }

    fn input<'b>(&'b self, take: &'b Take, plan: &'b FieldPlan, row: Row<'b>, out: &mut MappedRow<'b>) -> Moving<'b> {
        match &take.input {
            Input::Slot(slot) => self.read(*slot, plan, row, out),
            Input::First(slots) => {
                for slot in slots {
                    match self.read(*slot, plan, row, out) {
                        Moving::Absent => {}
                        found => return found,
                    }
                }
                Moving::Absent
            }
            Input::Join { slots, with, keep_empty } => {
                let room = slots.iter().map(|slot| row.get(*slot).map_or(0, str::len) + with.len()).sum();
                let mut joined = bumpalo::collections::String::with_capacity_in(room, row.bump);
                let mut any = false;
                for (position, slot) in slots.iter().enumerate() {
                    let part = match self.read(*slot, plan, row, out) {
                        Moving::Text(part) => Some(part),
                        Moving::Refused(fault) => return Moving::Refused(fault),
                        _ => None,
                    };
                    if position > 0 && (*keep_empty || (any && part.is_some())) {
                        joined.push_str(with);
                    }
                    if let Some(part) = part {
                        joined.push_str(part);
                        any = true;
                    }
                }
                if any { Moving::Text(joined.into_bump_str()) } else { Moving::Absent }
            }
            Input::Document(at) => match self.document.get(*at).and_then(Option::as_deref) {
                None => Moving::Absent,
                Some(raw) => match text::tidy(raw, row.bump) {
                    Outcome::Value(text) | Outcome::Warned(Some(text), _) => Moving::Text(text),
                    Outcome::Absent | Outcome::Warned(None, _) => Moving::Absent,
                    Outcome::Refused(fault) => Moving::Refused(fault),
                },
            },
            Input::Constant(value) => Moving::Done(constant(value)),
            Input::AcademicYear => Moving::Done(Value::Integer(i64::from(self.context.round.academic_year()))),
            Input::Term => Moving::Done(Value::Integer(i64::from(self.context.round.term()))),
        }
    }

    #[inline]
    fn read<'b>(&self, slot: usize, plan: &FieldPlan, row: Row<'b>, out: &mut MappedRow<'b>) -> Moving<'b> {
        match self.tidied(slot, row, out) {
            Tidied::Text(text) => Moving::Text(text),
            Tidied::Absent | Tidied::Unread => Moving::Absent,
            Tidied::Warned(text, at) => {
                let fault = out.faults[at as usize].clone();
                self.warn(plan, fault, text, out);
                text.map_or(Moving::Absent, Moving::Text)
            }
            Tidied::Refused(at) => Moving::Refused(out.faults[at as usize].clone()),
        }
    }

    fn step<'b>(
        &'b self,
        step: &'b Step,
        text: &'b str,
        raw: Option<&'b str>,
        plan: &FieldPlan,
        row: Row<'b>,
        out: &mut MappedRow<'b>,
    ) -> Moving<'b> {
        let day = self.context.round.count_day();
        match apply(step, text, raw, day, self.context.schools.as_deref(), row.bump) {
            Applied::Text(text) => Moving::Text(text),
            Applied::Value(Outcome::Value(value)) => Moving::Done(value),
            Applied::Value(Outcome::Absent) => Moving::Absent,
            Applied::Value(Outcome::Warned(value, fault)) => {
                self.warn(plan, fault, Some(text), out);
                value.map_or(Moving::Absent, Moving::Done)
            }
            Applied::Value(Outcome::Refused(fault)) => Moving::Refused(fault),
        }
    }

    #[inline]
    fn text_value<'b>(&self, text: &'b str, plan: &FieldPlan, out: &mut MappedRow<'b>) -> Value<'b> {
        if let FieldType::Text { name: true, .. } = self.field(plan).field_type
            && let Some(fault) = name::check_name(text)
        {
            self.warn(plan, fault, Some(text), out);
        }
        Value::Text(text)
    }

    fn field(&self, plan: &FieldPlan) -> &Field {
        &self.mapping.standard.fields[plan.target]
    }

    fn warn(&self, plan: &FieldPlan, fault: Fault, shown: Option<&str>, out: &mut MappedRow<'_>) {
        let finding = self.finding(plan, fault, shown, Severity::Warning);
        out.findings.push(finding);
    }

    /// A field whose standard says "keep out" loses the value with a warning; any other refuses the record.
    fn refuse(&self, plan: &FieldPlan, fault: Fault, shown: Option<&str>, out: &mut MappedRow<'_>) {
        let severity = match self.field(plan).out_of_bounds {
            OutOfBounds::KeepOut => Severity::Warning,
            OutOfBounds::Refuse => Severity::Error,
        };
        let finding = self.finding(plan, fault, shown, severity);
        out.findings.push(finding);
    }

    #[cold]
    fn finding(&self, plan: &FieldPlan, fault: Fault, shown: Option<&str>, severity: Severity) -> Finding {
        let field = self.field(plan);
        let mut finding = Finding::new(fault.rule, severity);
        finding.field = Some(field.name.clone());
        finding.column = Some(plan.column.clone());
        finding.value = shown.map(|value| masked(field, value));
        finding.suggestion = fault.suggestion.map(|value| masked(field, &value));
        finding.allowed = field.allowed.clone();
        finding.groups_by_value = matches!(field.field_type, FieldType::Code(_));
        finding
    }
}

/// A value as a finding may show it: identifiers and names masked, everything shortened.
pub fn masked(field: &Field, value: &str) -> Box<str> {
    match field.field_type {
        FieldType::LearnerId => mask(value).into(),
        FieldType::Text { .. } if field.identifies() => mask_name(value).into(),
        // Columns that slipped: what stands where a code belongs may be a person's number or whole name.
        FieldType::Code(_) if field.identifies() && tells_a_person(value) => mask(value).into(),
        _ => shorten(value),
    }
}

/// Six digits, or more letters than any word of a list people type.
fn tells_a_person(value: &str) -> bool {
    value.chars().filter(|c| c.is_numeric()).count() >= 6 || value.chars().count() > 40
}

fn constant(value: &Constant) -> Value<'_> {
    match value {
        Constant::Text(text) => Value::Text(text),
        Constant::Code(code) => Value::Code(*code),
        Constant::Date(date) => Value::Date(*date),
        Constant::Integer(number) => Value::Integer(*number),
        Constant::Decimal(number) => Value::Decimal(*number),
        Constant::Boolean(value) => Value::Boolean(*value),
    }
}

fn plain(value: &Value<'_>) -> String {
    match value {
        Value::Absent | Value::Code(_) => String::new(),
        Value::Text(text) => (*text).to_owned(),
        Value::Date(date) => date.to_string(),
        Value::Integer(number) => number.to_string(),
        Value::Decimal(number) => number.to_string(),
        Value::Boolean(value) => value.to_string(),
        Value::LearnerId(id) => id.as_str().to_owned(),
    }
}
