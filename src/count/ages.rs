//! Ages that are possible in a grade, in whole years on the count day.
//!
//! Owns the bounds and their dates. They are generous on purpose: the finding says "impossible", never
//! "unusual", and it never stops a payment. A grade without a row has no bounds.

use super::table::{RowReader, TableCause, TableFault, Validity, read_rows};
use jiff::civil::Date;
use std::sync::Arc;

pub const NAME: &str = "ages.csv";
const COLUMNS: &[&str] = &["grade", "age_min", "age_max", "valid_from", "valid_to", "status"];

/// Bounds of one grade; both ends are possible ages.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AgeBounds {
    pub grade: Arc<str>,
    pub age_min: u8,
    pub age_max: u8,
    pub validity: Validity,
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Ages {
    bounds: Vec<AgeBounds>,
}

impl Ages {
    pub fn parse(text: &str, faults: &mut Vec<TableFault>) -> Ages {
        let rows = read_rows(NAME, COLUMNS, text, faults, read_bounds);
        for (at, (line, bounds)) in rows.iter().enumerate() {
            let clash =
                |earlier: &AgeBounds| earlier.grade == bounds.grade && earlier.validity.overlaps(&bounds.validity);
            if let Some((first, _)) = rows[..at].iter().find(|(_, earlier)| clash(earlier)) {
                let cause = TableCause::Overlap(bounds.grade.to_string(), *first);
                faults.push(TableFault { table: NAME, line: *line, cause });
            }
        }
        Ages { bounds: rows.into_iter().map(|(_, bounds)| bounds).collect() }
    }

    /// Bounds in force on that day, in the order of the table: what a store can filter by.
    pub fn on(&self, day: Date) -> impl Iterator<Item = &AgeBounds> {
        self.bounds.iter().filter(move |bounds| bounds.validity.holds_on(day))
    }

    pub fn possible(&self, grade: &str, age_years: u8, day: Date) -> bool {
        self.on(day)
            .find(|bounds| &*bounds.grade == grade)
            .is_none_or(|bounds| (bounds.age_min..=bounds.age_max).contains(&age_years))
    }
}

fn read_bounds(row: &mut RowReader) -> Option<AgeBounds> {
    let grade = row.required("grade");
    let age_min = row.number("age_min");
    let age_max = row.number("age_max");
    let validity = row.validity();
    let (age_min, age_max) = (age_min?, age_max?);
    if age_min > age_max {
        row.fault(TableCause::Ages(age_min, age_max));
        return None;
    }
    Some(AgeBounds { grade: grade?.into(), age_min, age_max, validity: validity? })
}
