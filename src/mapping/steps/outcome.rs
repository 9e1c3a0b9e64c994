//! What can come of a step: a value, nothing, a value with a warning, or a refusal.

use crate::domain::rule::RuleCode;

#[derive(Debug, Clone, PartialEq)]
pub enum Outcome<T> {
    Value(T),
    /// Empty, or one of the ways people write "nothing" (`-`, `ไม่มี`, `N/A`).
    Absent,
    /// Taken (or left out, where `None`) and said.
    Warned(Option<T>, Fault),
    Refused(Fault),
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    pub rule: RuleCode,
    /// What it probably should be, in plain; the finding masks it where it identifies.
    pub suggestion: Option<String>,
}

impl Fault {
    pub fn new(rule: RuleCode) -> Self {
        Fault { rule, suggestion: None }
    }

    pub fn suggest(rule: RuleCode, suggestion: impl Into<String>) -> Self {
        Fault { rule, suggestion: Some(suggestion.into()) }
    }
}

impl<T> Outcome<T> {
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U> {
        match self {
            Outcome::Value(value) => Outcome::Value(f(value)),
            Outcome::Absent => Outcome::Absent,
            Outcome::Warned(value, fault) => Outcome::Warned(value.map(f), fault),
            Outcome::Refused(fault) => Outcome::Refused(fault),
        }
    }
}
