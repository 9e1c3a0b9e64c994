//! One field of a standard, as the hot path needs it: type, bounds, what to do outside them.

use crate::domain::text::Bilingual;
use crate::domain::value::Decimal;
use jiff::civil::Date;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub struct Field {
    pub name: Arc<str>,
    pub field_type: FieldType,
    pub required: bool,
    pub sensitivity: Sensitivity,
    pub label: Bilingual,
    pub definition: Bilingual,
    pub unit: Option<String>,
    /// Element name in the ministry's exchange standard, where one exists (`StudentNameThai`).
    pub element: Option<String>,
    pub out_of_bounds: OutOfBounds,
    /// What is taken, in short, for findings: `P1…P6, M1…M6` or `5–200`.
    pub allowed: Option<Arc<Bilingual>>,
}

#[derive(Debug, Clone, PartialEq)]
pub enum FieldType {
    LearnerId,
    /// Longest text in characters; `name`: Thai name rules (no digits) apply as warnings.
    Text {
        chars_max: usize,
        name: bool,
    },
    /// Name of the code list.
    Code(Arc<str>),
    /// Bounds; `max_is_count_day`: no later than the round's count day.
    Date {
        min: Option<Date>,
        max_is_count_day: bool,
    },
    Integer {
        min: Option<i64>,
        max: Option<i64>,
    },
    Decimal {
        min: Option<Decimal>,
        max: Option<Decimal>,
    },
    Boolean,
}

/// What a value outside the bounds does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OutOfBounds {
    Refuse,
    /// Warning; the value is kept out of the record.
    KeepOut,
}

/// Personal Data Protection Act B.E. 2562, sections 6 and 26.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Sensitivity {
    Public,
    Personal,
    /// Section 26: ethnicity, religion, health, disability.
    Sensitive,
}

impl Field {
    /// Does a value of this field identify somebody? Then findings show it masked.
    pub fn identifies(&self) -> bool {
        self.sensitivity != Sensitivity::Public
    }
}
