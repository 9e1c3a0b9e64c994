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
    pub detail: Option<Arc<Bilingual>>,
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

/// Fields of one row whose values can't be read, from which on its cells probably stand in the wrong columns.
const SHIFTED_FIELDS_MIN: usize = 3;

/// In a row whose cells slipped into other columns, a code's column may hold a person's name: then words found in
/// columns of codes are masked as names are. What has a digit in it is shown, it is no name.
pub fn mask_if_shifted(findings: &mut [Finding]) {
    let mut fields: Vec<Option<&str>> =
        findings.iter().filter(|found| found.value.is_some()).map(|found| found.field.as_deref()).collect();
    fields.sort_unstable();
    fields.dedup();
    if fields.len() < SHIFTED_FIELDS_MIN {
        return;
    }
    for finding in findings.iter_mut().filter(|finding| finding.groups_by_value) {
        if let Some(value) = finding.value.as_deref().filter(|value| !value.chars().any(char::is_numeric)) {
            finding.value = Some(mask_name(value).into());
            finding.groups_by_value = false;
        }
    }
}

/// Masks a person's name: the first letters stay, with the marks that stand on them.
pub fn mask_name(name: &str) -> String {
    let keep: String = name.chars().take(2).collect();
    format!("{keep}…")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rule::{CODE_UNKNOWN, DATE_UNREADABLE, ID_LENGTH};

    fn found(rule: RuleCode, field: &str, value: &str) -> Finding {
        let mut finding = Finding::new(rule, Severity::Error);
        (finding.field, finding.value) = (Some(field.into()), Some(value.into()));
        finding.groups_by_value = rule == CODE_UNKNOWN;
        finding
    }

    #[test]
    fn words_in_columns_of_codes_are_masked_only_where_the_row_slipped() {
        let mut row = vec![found(CODE_UNKNOWN, "sex", "สมชาย"), found(CODE_UNKNOWN, "grade", "ป.7")];
        let before = row.clone();
        mask_if_shifted(&mut row);
        assert_eq!(row, before, "two wrong codes are two wrong codes");
        row.extend([found(DATE_UNREADABLE, "birth_date", "ชาย"), found(ID_LENGTH, "learner_id", "1")]);
        mask_if_shifted(&mut row);
        assert_eq!(row[0].value.as_deref(), Some("สม…"));
        assert_eq!((row[1].value.as_deref(), row[1].groups_by_value), (Some("ป.7"), true));
    }
}
