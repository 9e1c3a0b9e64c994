//! All rule tables of the count together, with the text they were read from.
//!
//! Owns loading: every fault of every table at once, or nothing. Keeps the exact text of each table,
//! because its hash is part of the manifest: whoever repeats the count needs the same rules.

use super::ages::{self, Ages};
use super::permits::{self, Permits};
use super::statuses::{self, Statuses};
use super::table::TableFault;

/// The text of each table, as in `schemas/count/`.
#[derive(Debug, Clone, Copy)]
pub struct RuleTexts<'t> {
    pub dual_programmes: &'t str,
    pub ages: &'t str,
    pub statuses: &'t str,
}

#[derive(Debug, Clone)]
pub struct Rules {
    pub permits: Permits,
    pub ages: Ages,
    pub statuses: Statuses,
    /// File name and text.
    tables: Vec<(&'static str, String)>,
}

/// Every fault of every table.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{} fault(s) in the rule tables of the count, the first: {}", .0.len(), .0.first().map(ToString::to_string).unwrap_or_default())]
pub struct RuleFaults(pub Vec<TableFault>);

impl Rules {
    pub fn parse(texts: RuleTexts) -> Result<Rules, RuleFaults> {
        let mut faults = Vec::new();
        let rules = Rules {
            permits: Permits::parse(texts.dual_programmes, &mut faults),
            ages: Ages::parse(texts.ages, &mut faults),
            statuses: Statuses::parse(texts.statuses, &mut faults),
            tables: vec![
                (ages::NAME, texts.ages.to_owned()),
                (permits::NAME, texts.dual_programmes.to_owned()),
                (statuses::NAME, texts.statuses.to_owned()),
            ],
        };
        if faults.is_empty() { Ok(rules) } else { Err(RuleFaults(faults)) }
    }

    /// File name and exact text of each table, by name.
    pub fn tables(&self) -> impl Iterator<Item = (&str, &str)> {
        self.tables.iter().map(|(name, text)| (*name, text.as_str()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::samples::{own_texts, place};
    use crate::count::table::TableCause;
    use crate::domain::text::Bilingual;
    use crate::standards::{CodeEntry, CodeList};
    use jiff::civil::date;

    #[test]
    fn our_own_tables_have_no_fault() {
        let rules = Rules::parse(own_texts()).unwrap();
        assert_eq!(rules.permits.len(), 2);
        assert_eq!(rules.tables().count(), 3);
    }

    #[test]
    fn all_faults_come_at_once() {
        let dual = "id,agency_a,grades_a,agency_b,grades_b,declared,payable,valid_from,valid_to,label_th,label_en,status\n\
                    ,1x,M4,13,VC1,maybe,c,2026-13-01,,ก,a,s\n\
                    x,13,VC1,13,VC1,both,a,2026-02-01,2026-01-01,,a,s\n";
        let ages = "grade,age_min,age_max,valid_from,valid_to,status\nP1,9,5,,,\nP2,six,400,,,\nP3,1,2,,,\nP3,1,2,,,\n";
        let RuleFaults(faults) =
            Rules::parse(RuleTexts { dual_programmes: dual, ages, statuses: "status,counts\n" }).unwrap_err();
        let lines: Vec<(&str, u64)> = faults.iter().map(|fault| (fault.table, fault.line)).collect();
        assert_eq!(lines.iter().filter(|at| **at == ("dual_programmes.csv", 2)).count(), 5);
        assert_eq!(lines.iter().filter(|at| **at == ("dual_programmes.csv", 3)).count(), 3);
        assert_eq!(lines.iter().filter(|at| **at == ("ages.csv", 3)).count(), 2);
        assert!(faults.iter().any(|fault| fault.cause == TableCause::Ages(9, 5)));
        assert!(faults.iter().any(|fault| fault.cause == TableCause::Overlap("P3".into(), 4)));
        assert!(faults.iter().any(|fault| matches!(&fault.cause, TableCause::Header(_)) && fault.line == 1));
    }

    #[test]
    fn two_permits_for_one_pair_on_one_day_are_a_fault() {
        let header =
            "id,agency_a,grades_a,agency_b,grades_b,declared,payable,valid_from,valid_to,label_th,label_en,status\n";
        let load = |second: &str| {
            let dual = format!("{header}x,10,M4 M5,13,VC1,either,a,2020-01-01,2025-12-31,ก,a,s\n{second}");
            Rules::parse(RuleTexts { dual_programmes: &dual, ..own_texts() }).is_ok()
        };
        assert!(!load("y,13,VC1 VC2,10,M5,either,a,2025-12-31,,ก,a,s\n"));
        assert!(load("y,13,VC1 VC2,10,M5,either,a,2026-01-01,,ก,a,s\n"));
        assert!(load("y,13,VC1 VC2,10,M6,either,a,,,ก,a,s\n"));
    }

    #[test]
    fn a_permit_needs_its_day_its_grades_and_a_declaration() {
        let rules = Rules::parse(own_texts()).unwrap();
        let (school, mut college) = (place("10", "1020000001", "M4"), place("13", "1320000001", "VC1"));
        let day = date(2026, 6, 10);
        assert!(rules.permits.find(&school, &college, day).is_none());
        college.dual_programme = true;
        let (id, paid, unpaid) = rules.permits.find(&college, &school, day).unwrap();
        assert_eq!((&**id, paid, unpaid), ("dual-obec", &school, &college));
        assert!(rules.permits.find(&school, &college, date(2015, 5, 15)).is_none());
        college.grade = "VD1".into();
        assert!(rules.permits.find(&school, &college, day).is_none());
    }

    #[test]
    fn ages_hold_at_both_ends_and_unknown_grades_have_none() {
        let rules = Rules::parse(own_texts()).unwrap();
        let day = date(2026, 6, 10);
        for (grade, age, possible) in
            [("P1", 4, false), ("P1", 5, true), ("P1", 11, true), ("P1", 12, false), ("X9", 200, true)]
        {
            assert_eq!(rules.ages.possible(grade, age, day), possible, "{grade} {age}");
        }
    }

    #[test]
    fn no_status_and_an_unlisted_status_count() {
        let rules = Rules::parse(own_texts()).unwrap();
        assert!(rules.statuses.counts(None));
        assert!(rules.statuses.counts(Some("studying")));
        assert!(rules.statuses.counts(Some("something new")));
        assert!(!rules.statuses.counts(Some("graduated")));
        let entry = |code: &str| CodeEntry {
            code: code.into(),
            label: Bilingual::default(),
            aliases: Vec::new(),
            valid_from: None,
            valid_to: None,
            replaced_by: None,
            parent: None,
            status: "".into(),
        };
        let list = CodeList::new("learner_status", "1", vec![entry("graduated"), entry("on_mars")]).unwrap();
        assert_eq!(rules.statuses.unlisted(&list), ["on_mars"]);
    }
}
