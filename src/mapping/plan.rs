//! The compiled mapping: expressions over slots, with every name already resolved.
//!
//! Owns what `compile` makes and `mapper` runs. Nothing here can fail at run time for a reason the
//! document could have told: that is what compiling is for.

use super::steps::date::DatePattern;
use super::steps::name_part::TitleWords;
use super::steps::pattern::{Extract, Replace};
use crate::decode::SourceSpec;
use crate::domain::value::{CodeIndex, Decimal};
use crate::standards::{CodeList, FieldType, Places, Standard};
use jiff::civil::Date;
use std::collections::HashMap;
use std::sync::Arc;

/// One checked mapping, ready to run on any number of files.
#[derive(Debug)]
pub struct Mapping {
    /// `obec/enrolments`
    pub name: String,
    pub version: u32,
    pub standard: Arc<Standard>,
    pub spec: SourceSpec,
    pub fields: Vec<FieldPlan>,
    /// For each field of the standard its code list; none for schools, which come with the run.
    pub lists: Vec<Option<Arc<CodeList>>>,
    /// For each wanted slot: a required field has no other source.
    pub slot_needed: Vec<bool>,
    /// Fields the mapping says nothing of, that are optional: listed for completeness.
    pub unfilled: Vec<Arc<str>>,
}

impl Mapping {
    /// Whether a field holds codes of the school register.
    pub fn checks_schools(&self) -> bool {
        self.standard
            .fields
            .iter()
            .any(|field| matches!(&field.field_type, FieldType::Code(list) if &**list == "school"))
    }

    /// `obec/enrolments@3`
    pub fn id(&self) -> String {
        format!("{}@{}", self.name, self.version)
    }

    /// `obec` of `obec/enrolments`.
    pub fn agency_slug(&self) -> &str {
        self.name.split('/').next().unwrap_or("")
    }

    /// What the sender calls a slot: its column, pointer or path.
    pub fn slot_label(&self, slot: usize) -> Option<Arc<str>> {
        self.spec.wanted.get(slot).map(|wanted| match wanted {
            crate::decode::Wanted::Name(name) => name.as_str().into(),
            crate::decode::Wanted::Position(at) => format!("#{at}").into(),
        })
    }
}

#[derive(Debug)]
pub struct FieldPlan {
    /// Position in the standard.
    pub target: usize,
    /// What the sender calls the source, for findings.
    pub column: Arc<str>,
    pub expression: Expression,
}

#[derive(Debug)]
pub enum Expression {
    Take(Take),
    When {
        subject: Subject,
        test: Test,
        then: Box<Expression>,
        otherwise: Option<Box<Expression>>,
    },
    /// No alternative of a `when` applied.
    Nothing,
}

#[derive(Debug)]
pub struct Take {
    pub input: Input,
    pub steps: Vec<Step>,
    pub default: Option<Constant>,
    pub empty_if: Vec<Box<str>>,
}

#[derive(Debug)]
pub enum Input {
    Slot(usize),
    First(Vec<usize>),
    /// `keep_empty`: an absent part still leaves its separator (places need their positions).
    Join {
        slots: Vec<usize>,
        with: Box<str>,
        keep_empty: bool,
    },
    Document(usize),
    Constant(Constant),
    AcademicYear,
    Term,
}

#[derive(Debug)]
pub enum Subject {
    Slot(usize),
    /// Position in the standard of a field that stands earlier in the mapping.
    Field(usize),
}

#[derive(Debug)]
pub enum Test {
    Equals(Box<str>),
    In(Vec<Box<str>>),
    Present(bool),
}

/// A value the document gives, already of the field's type.
#[derive(Debug, Clone)]
pub enum Constant {
    Text(Box<str>),
    Code(CodeIndex),
    Date(Date),
    Integer(i64),
    Decimal(Decimal),
    Boolean(bool),
}

#[derive(Debug)]
pub enum Step {
    Digits,
    LearnerId,
    Integer,
    Decimal,
    Date(DatePattern),
    Code(Arc<CodeList>),
    /// The list of schools comes with the run: it is a register, not a publication.
    School,
    Place(Arc<Places>),
    Table(HashMap<Box<str>, Box<str>>),
    NamePart(NamePart, Arc<TitleWords>),
    GradePart(GradePart),
    BeYear,
    Term,
    Boolean {
        yes: Vec<Box<str>>,
        no: Vec<Box<str>>,
    },
    Replace(Replace),
    Extract(Extract),
    Upper,
    PadLeft {
        width: usize,
        fill: char,
    },
    Substring {
        from: usize,
        len: usize,
    },
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum NamePart {
    Title,
    Given,
    Family,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum GradePart {
    Grade,
    Room,
}

/// What flows between steps; the types administrators see in faults.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Flow {
    Text,
    LearnerId,
    Number,
    Whole,
    Date,
    Code,
    YesNo,
}

impl Flow {
    pub fn word(&self) -> &'static str {
        match self {
            Flow::Text => "text",
            Flow::LearnerId => "a learner's identifier",
            Flow::Number => "a number",
            Flow::Whole => "a whole number",
            Flow::Date => "a date",
            Flow::Code => "a code",
            Flow::YesNo => "yes or no",
        }
    }
}

impl Step {
    pub fn output(&self) -> Flow {
        match self {
            Step::LearnerId => Flow::LearnerId,
            Step::Integer | Step::BeYear | Step::Term => Flow::Whole,
            Step::Decimal => Flow::Number,
            Step::Date(_) => Flow::Date,
            Step::Code(_) | Step::School | Step::Place(_) => Flow::Code,
            Step::Boolean { .. } => Flow::YesNo,
            Step::Digits
            | Step::Table(_)
            | Step::NamePart(..)
            | Step::GradePart(_)
            | Step::Replace(_)
            | Step::Extract(_)
            | Step::Upper
            | Step::PadLeft { .. }
            | Step::Substring { .. } => Flow::Text,
        }
    }
}
