//! Which learner statuses stand for a place on the count day.
//!
//! Owns the difference between "on the register" and "gone". No status means studying. A status this table
//! does not know counts as a place, so that it is seen and not silently lost; [`Statuses::unlisted`] lets the
//! start-up refuse a code list that this table has not been told about.

use super::table::{RowReader, TableCause, TableFault, read_rows};
use crate::standards::CodeList;
use std::collections::BTreeMap;
use std::sync::Arc;

pub const NAME: &str = "statuses.csv";
const COLUMNS: &[&str] = &["status_code", "counts", "note"];

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Statuses {
    counts: BTreeMap<Arc<str>, bool>,
}

impl Statuses {
    pub fn parse(text: &str, faults: &mut Vec<TableFault>) -> Statuses {
        let rows = read_rows(NAME, COLUMNS, text, faults, read_status);
        let mut counts = BTreeMap::new();
        let mut lines: BTreeMap<Arc<str>, u64> = BTreeMap::new();
        for (line, (code, counted)) in rows {
            if let Some(first) = lines.get(&code) {
                let cause = TableCause::Overlap(code.to_string(), *first);
                faults.push(TableFault { table: NAME, line, cause });
            }
            lines.insert(code.clone(), line);
            counts.insert(code, counted);
        }
        Statuses { counts }
    }

    pub fn counts(&self, status: Option<&str>) -> bool {
        status.is_none_or(|code| self.counts.get(code).copied().unwrap_or(true))
    }

    /// Codes of the list that this table says nothing about.
    pub fn unlisted<'l>(&self, list: &'l CodeList) -> Vec<&'l str> {
        list.entries().iter().map(|entry| &*entry.code).filter(|code| !self.counts.contains_key(*code)).collect()
    }
}

fn read_status(row: &mut RowReader) -> Option<(Arc<str>, bool)> {
    let code = row.required("status_code");
    let counts = row.choice("counts", &[("yes", true), ("no", false)], "yes or no");
    Some((code?.into(), counts?))
}
