//! A receipt: what became of one submitted file, and the few root causes of all that was refused.
//!
//! Owns the JSON form promised in the contract with users (`map`, `submit`, API). Source: the
//! lesson of systems whose one cause made thousands of error lines.

use super::finding::{Finding, Severity};
use super::text::Bilingual;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Receipt {
    /// `sub_…`; null where nothing was stored (`saphan map`).
    pub submission: Option<String>,
    /// Name and version: `obec/enrolments@3`.
    pub mapping: String,
    pub standard: String,
    /// The count day, ISO.
    pub round: String,
    pub received: u64,
    pub accepted: u64,
    pub refused: u64,
    /// Accepted rows with at least one warning.
    pub warned: u64,
    /// Accepted rows that say what the store already held.
    pub unchanged: u64,
    /// What was in force before and is not after: learners of the file's schools (or schools of the register) that a
    /// `replace` no longer names. A file that came short is seen by it.
    #[serde(default)]
    pub removed: u64,
    /// An earlier submission of the very same bytes that is still in force.
    pub duplicate_of: Option<String>,
    pub encoding: String,
    pub unmapped_columns: Vec<String>,
    /// Optional columns of the mapping that the file does not have.
    pub missing_columns: Vec<String>,
    /// Of the bytes as received, hexadecimal.
    pub sha256: String,
    /// Most rows first.
    pub causes: Vec<Cause>,
    /// Rows whose cause fell beyond the number of causes kept apart.
    pub causes_not_listed: u64,
}

/// Findings with one root: the same rule at the same field and, for codes, the same value.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Cause {
    pub rule: String,
    pub severity: Severity,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// How many rows it concerns; 0: the file as a whole.
    pub rows: u64,
    /// Number of the first data row concerned, from 1; 0: none.
    pub first_row: u64,
    pub message: Bilingual,
    pub hint: Bilingual,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct CauseKey {
    rule: super::rule::RuleCode,
    field: Option<Arc<str>>,
    value: Option<Box<str>>,
}

/// Counts findings by root cause; keeps at most `CAUSES_MAX` apart, so a hostile file can't fill memory.
#[derive(Debug, Default)]
pub struct CauseTally {
    causes: HashMap<CauseKey, Tallied>,
    not_listed: u64,
}

/// One root cause with an example finding to make the sentence from.
#[derive(Debug, Clone)]
pub struct Tallied {
    pub example: Finding,
    pub rows: u64,
    pub first_row: u64,
}

impl CauseTally {
    pub const CAUSES_MAX: usize = 1_000;

    pub fn add(&mut self, row: u64, finding: &Finding) {
        self.count(row, 1, finding);
    }

    /// Something that concerns the file and no single row.
    pub fn add_of_file(&mut self, finding: &Finding) {
        self.count(0, 0, finding);
    }

    fn count(&mut self, row: u64, rows: u64, finding: &Finding) {
        let key = CauseKey {
            rule: finding.rule,
            field: finding.field.clone(),
            value: if finding.groups_by_value { finding.value.clone() } else { None },
        };
        if let Some(tallied) = self.causes.get_mut(&key) {
            tallied.rows += rows;
            tallied.first_row = tallied.first_row.min(row);
        } else if self.causes.len() < Self::CAUSES_MAX {
            self.causes.insert(key, Tallied { example: finding.clone(), rows, first_row: row });
        } else {
            self.not_listed += rows;
        }
    }

    /// Takes over what another tally counted (workers count apart, one collector adds up).
    pub fn merge(&mut self, other: CauseTally) {
        for (key, tallied) in other.causes {
            if let Some(known) = self.causes.get_mut(&key) {
                known.rows += tallied.rows;
                if tallied.first_row < known.first_row {
                    known.first_row = tallied.first_row;
                    known.example = tallied.example;
                }
            } else if self.causes.len() < Self::CAUSES_MAX {
                self.causes.insert(key, tallied);
            } else {
                self.not_listed += tallied.rows;
            }
        }
        self.not_listed += other.not_listed;
    }

    /// Most rows first; ties by first row, then by rule, so that two runs agree.
    pub fn into_sorted(self) -> (Vec<Tallied>, u64) {
        let mut causes: Vec<Tallied> = self.causes.into_values().collect();
        causes.sort_by(|a, b| {
            (b.rows, a.first_row, a.example.rule, &a.example.field).cmp(&(
                a.rows,
                b.first_row,
                b.example.rule,
                &b.example.field,
            ))
        });
        (causes, self.not_listed)
    }
}
