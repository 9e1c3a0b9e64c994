//! A finding: one thing said of one place in one record, by one rule.
//!
//! Owns the facts of it. The sentences people read are made from the rule catalogue
//! (`standards::catalogue`), late and in both languages. The value is masked when the finding is
//! made, not when it is shown, so no finding can carry an identifier anywhere.

use super::rule::RuleCode;
use super::text::Bilingual;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// Counted only.
    Info,
    /// Accepted, and said.
    Warning,
    /// The record is refused.
    Error,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Finding {
    pub rule: RuleCode,
    pub severity: Severity,
    /// Canonical field, e.g. `grade`.
    pub field: Option<Arc<str>>,
    /// The sender's own column, pointer or path, e.g. `ชั้น`.
    pub column: Option<Arc<str>>,
    /// What stood there, masked where the field identifies somebody, cut to 80 characters.
    pub value: Option<Box<str>>,
    /// What it probably should be; masked by the same rule. Never applied silently.
    pub suggestion: Option<Box<str>>,
    /// What would be taken, in short: `P1…P6, M1…M6`.
    pub allowed: Option<Arc<Bilingual>>,
    /// What else the sentence needs: `37 cells, the header has 36`. Never a value.
    pub detail: Option<Arc<str>>,
    /// The value is common to many rows (a code, not a name or number): causes are grouped by it.
    pub groups_by_value: bool,
}

impl Finding {
    pub fn new(rule: RuleCode, severity: Severity) -> Self {
        Finding {
            rule,
            severity,
            field: None,
            column: None,
            value: None,
            suggestion: None,
            allowed: None,
            detail: None,
            groups_by_value: false,
        }
    }
}

/// Longest value a finding repeats, in characters.
pub const VALUE_CHARS_MAX: usize = 80;

/// Cuts a value for display; a cut value ends in an ellipsis.
pub fn shorten(value: &str) -> Box<str> {
    match value.char_indices().nth(VALUE_CHARS_MAX) {
        None => value.into(),
        Some((at, _)) => format!("{}…", &value[..at]).into_boxed_str(),
    }
}

/// Masks a person's name: the first letters stay, with the marks that stand on them.
pub fn mask_name(name: &str) -> String {
    let keep: String = name.chars().take(2).collect();
    format!("{keep}…")
}
