//! When an agency's part of a round may be certified: its open anomalies are few enough.
//!
//! Owns what an open anomaly is and the share that is allowed, which has dates as every rule has. Refuses to call a part of
//! which nothing was claimed good: there is nothing to certify.

use super::headcount::AgencyTotals;
use super::rules::RuleFaults;
use super::table::{RowReader, TableCause, TableFault, Validity, read_rows};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

const NAME: &str = "certification.csv";
const COLUMNS: &[&str] = &["anomaly_percent_max", "valid_from", "valid_to", "status"];
/// Where the table has no row for the day.
const PERCENT_DEFAULT: u8 = 2;

/// The shares that are allowed, by their days.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CertificationRule(Vec<(Validity, u8)>);

/// Places that somebody claims money for, and those of them that are open to question.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Anomalies {
    /// Unpaid because another place is (but for permitted pairs), disputed, or in a school that is closed or unknown.
    pub open: u64,
    /// Places of learners who study on the count day.
    pub claimed: u64,
}

impl Anomalies {
    pub fn of(totals: &AgencyTotals) -> Anomalies {
        let duplicate = totals.duplicate.saturating_sub(totals.duplicate_permitted);
        Anomalies {
            open: duplicate + totals.disputed + totals.closed,
            claimed: totals.accepted.saturating_sub(totals.not_studying),
        }
    }

    /// Is the share at most so many percent? Nothing claimed is no good share.
    pub fn within(self, percent: u8) -> bool {
        self.claimed > 0 && u128::from(self.open) * 100 <= u128::from(percent) * u128::from(self.claimed)
    }
}

impl CertificationRule {
    /// Errors: every fault of the table.
    pub fn parse(text: &str) -> Result<Self, RuleFaults> {
        let mut faults = Vec::new();
        let rows = read_rows(NAME, COLUMNS, text, &mut faults, row);
        for (at, (line, (validity, _))) in rows.iter().enumerate() {
            if let Some((other, _)) = rows[..at].iter().find(|(_, (other, _))| other.overlaps(validity)) {
                let cause = TableCause::Overlap(String::from("anomaly_percent_max"), *other);
                faults.push(TableFault { table: NAME, line: *line, cause });
            }
        }
        if faults.is_empty() {
            Ok(CertificationRule(rows.into_iter().map(|(_, row)| row).collect()))
        } else {
            Err(RuleFaults(faults))
        }
    }

    /// The share that is allowed for a count day.
    pub fn percent_max(&self, day: Date) -> u8 {
        let holds = self.0.iter().find(|(validity, _)| validity.holds_on(day));
        holds.map_or(PERCENT_DEFAULT, |(_, percent)| *percent)
    }
}

fn row(row: &mut RowReader) -> Option<(Validity, u8)> {
    let percent = row.number("anomaly_percent_max");
    let validity = row.validity();
    let percent = percent?;
    if percent > 100 {
        row.wrong("anomaly_percent_max", "a whole number from 0 to 100");
        return None;
    }
    Some((validity?, percent))
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn the_share_of_the_day_is_what_holds() {
        let text = "anomaly_percent_max,valid_from,valid_to,status\n5,,2026-06-30,first year\n1,2026-07-01,,\n";
        let rule = CertificationRule::parse(text).unwrap();
        assert_eq!([date(2026, 6, 10), date(2026, 11, 10)].map(|day| rule.percent_max(day)), [5, 1]);
        let none = CertificationRule::parse("anomaly_percent_max,valid_from,valid_to,status\n").unwrap();
        assert_eq!(none.percent_max(date(2026, 6, 10)), PERCENT_DEFAULT);
    }

    #[test]
    fn every_fault_of_the_table_is_told_at_once() {
        let text = "anomaly_percent_max,valid_from,valid_to,status\n101,,,\nx,,,\n2,,,\n3,2026-01-01,,\n";
        let faults = CertificationRule::parse(text).unwrap_err();
        assert_eq!(faults.0.iter().map(|fault| fault.line).collect::<Vec<_>>(), [2, 3, 5], "{faults:?}");
    }

    #[test]
    fn the_border_itself_is_within() {
        let share = |open, claimed| Anomalies { open, claimed }.within(2);
        assert!(share(2, 100) && share(0, 1) && !share(3, 100) && !share(201, 10_000) && share(200, 10_000));
        assert!(!share(0, 0), "of nothing");
        assert!(!Anomalies { open: u64::MAX, claimed: u64::MAX }.within(2));
    }
}
