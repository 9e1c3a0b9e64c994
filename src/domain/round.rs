//! A round (รอบ) and its count day (วันนับ): 10 June for term 1, 10 November for term 2.
//!
//! Source: the ministry's rule that every agency counts on the same days (`docs/standards.md`).
//! Owns the arithmetic between count day, Buddhist academic year and term. Refuses other days,
//! because a round that no agency shares would never meet another's data.

use super::text::Bilingual;
use jiff::civil::{Date, date};
use serde::{Deserialize, Serialize};

/// Years of the Buddhist era are 543 ahead of the common era.
pub const BE_OFFSET: i16 = 543;
/// Of the common era: what is read in one form must be read in the other, because it is kept as a count day.
const YEARS: std::ops::RangeInclusive<i16> = 1900..=2200;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Round {
    count_day: Date,
}

#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum RoundError {
    #[error(
        "a round is a count day as an ISO date (2026-06-10, 2026-11-10) or a Buddhist academic year and term (2569/1 or 2569-1)"
    )]
    Unreadable,
    #[error(
        "{0} is not a count day: rounds are counted on 10 June (term 1) and 10 November (term 2); use {year}-06-10 or {year}-11-10",
        year = .0.year()
    )]
    NotACountDay(Date),
}

impl RoundError {
    /// For people, with what there is to choose.
    pub fn said(&self) -> Bilingual {
        let th = match self {
            RoundError::Unreadable => String::from(
                "รอบเขียนเป็นวันนับตามแบบ ISO (2026-06-10, 2026-11-10) หรือปีการศึกษา พ.ศ. และภาคเรียน (2569/1 หรือ 2569-1)",
            ),
            RoundError::NotACountDay(day) => format!(
                "{day} ไม่ใช่วันนับ วันนับคือ 10 มิถุนายน (ภาคเรียนที่ 1) และ 10 พฤศจิกายน (ภาคเรียนที่ 2) ของทุกปี ใช้ {0}-06-10 หรือ {0}-11-10",
                day.year()
            ),
        };
        Bilingual::new(th, self.to_string())
    }
}

impl Round {
    /// From `2026-06-10`, `2569/1` or, as it stands in addresses, `2569-1`.
    pub fn parse(text: &str) -> Result<Self, RoundError> {
        let hyphened = || text.split_once('-').filter(|(_, term)| term.len() == 1);
        if let Some((year, term)) = text.split_once('/').or_else(hyphened) {
            let year: i16 = year.parse().map_err(|_| RoundError::Unreadable)?;
            let year = year.checked_sub(BE_OFFSET).filter(|year| YEARS.contains(year)).ok_or(RoundError::Unreadable)?;
            let month = match term {
                "1" => 6,
                "2" => 11,
                _ => return Err(RoundError::Unreadable),
            };
            return Ok(Round { count_day: date(year, month, 10) });
        }
        let count_day: Date = text.parse().map_err(|_| RoundError::Unreadable)?;
        // jiff takes more forms than the contract does; only YYYY-MM-DD is a round.
        if text.len() != 10 {
            return Err(RoundError::Unreadable);
        }
        match (count_day.month(), count_day.day()) {
            (6 | 11, 10) if YEARS.contains(&count_day.year()) => Ok(Round { count_day }),
            _ => Err(RoundError::NotACountDay(count_day)),
        }
    }

    /// The round counted on this day, or next after it.
    pub fn next_from(day: Date) -> Self {
        let (year, before) = (day.year(), |month: i8, last: i8| (day.month(), day.day()) <= (month, last));
        let count_day = match () {
            () if before(6, 10) => date(year, 6, 10),
            () if before(11, 10) => date(year, 11, 10),
            () => date(year.saturating_add(1).min(9_999), 6, 10),
        };
        Round { count_day }
    }

    pub fn count_day(&self) -> Date {
        self.count_day
    }

    /// Buddhist academic year. The Thai school year opens in May, so both count days lie in its own year.
    pub fn academic_year(&self) -> i16 {
        self.count_day.year() + BE_OFFSET
    }

    pub fn term(&self) -> i8 {
        if self.count_day.month() == 6 { 1 } else { 2 }
    }
}

impl std::fmt::Display for Round {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}", self.count_day)
    }
}

impl std::str::FromStr for Round {
    type Err = RoundError;
    fn from_str(text: &str) -> Result<Self, RoundError> {
        Round::parse(text)
    }
}

impl TryFrom<String> for Round {
    type Error = RoundError;
    fn try_from(text: String) -> Result<Self, RoundError> {
        Round::parse(&text)
    }
}

impl From<Round> for String {
    fn from(round: Round) -> String {
        round.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_forms_name_the_same_round() {
        assert_eq!(Round::parse("2026-06-10"), Round::parse("2569/1"));
        assert_eq!(Round::parse("2026-11-10"), Round::parse("2569/2"));
        assert_eq!(Round::parse("2569-2"), Round::parse("2569/2"));
        let round = Round::parse("2569/2").unwrap();
        assert_eq!((round.academic_year(), round.term()), (2569, 2));
        assert_eq!(round.to_string(), "2026-11-10");
    }

    #[test]
    fn what_is_read_in_one_form_is_read_in_the_form_it_is_kept_in() {
        for year in 2_300..2_900 {
            for term in [1, 2] {
                if let Ok(round) = Round::parse(&format!("{year}/{term}")) {
                    assert_eq!(Round::parse(&round.to_string()), Ok(round), "{year}/{term}");
                }
            }
        }
    }

    #[test]
    fn the_next_round_is_that_of_the_day_or_after_it() {
        for (day, round) in [
            (date(2026, 1, 1), "2026-06-10"),
            (date(2026, 6, 10), "2026-06-10"),
            (date(2026, 6, 11), "2026-11-10"),
            (date(2026, 11, 10), "2026-11-10"),
            (date(2026, 11, 11), "2027-06-10"),
        ] {
            assert_eq!(Round::next_from(day).to_string(), round, "{day}");
        }
    }

    #[test]
    fn a_day_that_is_no_count_day_is_told_the_two_of_its_year() {
        let said = Round::parse("2026-06-11").unwrap_err().said();
        assert!(said.en.ends_with("use 2026-06-10 or 2026-11-10"), "{}", said.en);
        assert!(said.th.starts_with("2026-06-11 ไม่ใช่วันนับ") && said.th.ends_with("ใช้ 2026-06-10 หรือ 2026-11-10"));
    }

    #[test]
    fn other_days_and_forms_are_refused() {
        for bad in [
            "2026-06-11",
            "2569/3",
            "2569-3",
            "2026-6",
            "-1",
            "2569-1-1",
            "10/06/2569",
            "2026-6-10",
            "",
            "99999/1",
            "2026-06-10T00:00",
            "2442-1",
            "2744/1",
            "2771-2",
            "-32768/1",
        ] {
            assert!(Round::parse(bad).is_err(), "{bad}");
        }
    }
}
