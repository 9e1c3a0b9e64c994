//! One field of a mapping: where its value comes from, through which steps, and whether it ends as its type.
//!
//! Owns the agreement of types along the steps. Refuses steps after a value that is no text any more, a
//! result of another type than the field's, a code of another list, and a constant the field can't hold.

use super::compile::Compiler;
use super::document::{self, InputDocument, Located, Reference};
use super::fault::did_you_mean;
use super::plan::{Constant, Expression, Flow, Input, Subject, Take, Test};
use crate::domain::value::Decimal;
use crate::standards::{FieldType, Standard};

impl Compiler<'_> {
    pub(super) fn expression(
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
}

fn flow_of(field_type: &FieldType) -> Flow {
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
