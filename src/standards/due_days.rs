//! By which day the data of a round are to be in force (`schemas/rounds/due-days.yaml`).
//!
//! Refuses a due day that lies before its count day, or a year after it, and a round that stands twice.

use super::library::LibraryFault;
use crate::domain::round::Round;
use jiff::ToSpan;
use jiff::civil::Date;
use serde::Deserialize;
use std::collections::BTreeMap;

const DAYS_MAX: i32 = 365;
pub const PATH: &str = "rounds/due-days.yaml";

#[derive(Debug, Clone, Default)]
pub struct DueDays {
    after: i32,
    rounds: BTreeMap<Date, Date>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    days_after_count_day: i32,
    #[serde(default)]
    rounds: Vec<Other>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Other {
    round: String,
    due: String,
}

impl DueDays {
    pub fn read(text: &str) -> Result<DueDays, Vec<LibraryFault>> {
        let fault = |line: Option<u32>, message: String| LibraryFault { path: PATH.to_owned(), line, message };
        let document: Document = serde_saphyr::from_str(text).map_err(|error| {
            let line = error.location().and_then(|at| u32::try_from(at.line()).ok());
            vec![fault(line, error.without_snippet().to_string())]
        })?;
        let mut faults = Vec::new();
        let after = document.days_after_count_day;
        if !(1..=DAYS_MAX).contains(&after) {
            faults.push(fault(None, format!("days_after_count_day: from 1 to {DAYS_MAX}")));
        }
        let mut rounds = BTreeMap::new();
        for Other { round, due } in &document.rounds {
            let (Ok(of), Ok(day)) = (Round::parse(round), due.parse::<Date>()) else {
                faults
                    .push(fault(None, format!("{round}, {due}: a count day and a day such as 2026-07-20 are needed")));
                continue;
            };
            let count_day = of.count_day();
            if day <= count_day || day > count_day.saturating_add(DAYS_MAX.days()) {
                faults.push(fault(None, format!("{round}: {due} does not lie within {DAYS_MAX} days after it")));
            }
            if rounds.insert(count_day, day).is_some() {
                faults.push(fault(None, format!("{round} stands twice")));
            }
        }
        if faults.is_empty() { Ok(DueDays { after, rounds }) } else { Err(faults) }
    }

    pub fn of(&self, round: Round) -> Date {
        let usual = || round.count_day().saturating_add(self.after.days());
        self.rounds.get(&round.count_day()).copied().unwrap_or_else(usual)
    }

    /// Rounds whose due day lies between two days, in their order.
    pub fn due_between(&self, from: Date, until: Date) -> Vec<(Round, Date)> {
        let mut found = Vec::new();
        // A due day lies within a year after its count day.
        let mut round = Round::next_from(from.saturating_sub((DAYS_MAX + 1).days()));
        while round.count_day() <= until {
            let due = self.of(round);
            if from <= due && due <= until {
                found.push((round, due));
            }
            let next = Round::next_from(round.count_day().saturating_add(1.day()));
            if next.count_day() <= round.count_day() {
                break;
            }
            round = next;
        }
        found
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_round_is_due_some_days_after_its_count_day_or_on_a_day_of_its_own() {
        let days = DueDays::read(include_str!("../../schemas/rounds/due-days.yaml")).unwrap();
        let june = Round::parse("2026-06-10").unwrap();
        assert_eq!(days.of(june), date(2026, 7, 10));
        assert_eq!(days.due_between(date(2026, 7, 1), date(2026, 7, 31)), [(june, date(2026, 7, 10))]);
        assert_eq!(days.due_between(date(2026, 8, 1), date(2026, 11, 30)), []);
        let text = "days_after_count_day: 30\nrounds: [{round: 2026-06-10, due: 2026-08-01}]";
        let days = DueDays::read(text).unwrap();
        assert_eq!(days.due_between(date(2026, 7, 1), date(2026, 12, 31)).len(), 2);
        assert_eq!(days.of(june), date(2026, 8, 1));
    }

    #[test]
    fn a_list_that_makes_no_sense_is_refused_with_every_fault() {
        let text = "days_after_count_day: 0\nrounds:\n- {round: 2026-06-10, due: 2026-06-10}\n- {round: 2569/1, due: 2026-07-01}\n- {round: x, due: y}";
        let told = DueDays::read(text).unwrap_err();
        assert_eq!(told.len(), 4, "{told:?}");
        assert_eq!(DueDays::read("days: 3").unwrap_err().len(), 1);
    }
}
