//! The steps `be_year` and `term`: academic year and term in the forms schools write them.
//!
//! Owns `2/2568`, `2568/2`, `68/2`, `S/2568`, `ภาคเรียนที่ 2 ปีการศึกษา 2568`. Refuses a pair of which neither
//! part can be only a year (`1/2`). The summer term is 3: a decision of this project, not of a source.

use super::digits::{fold, is_dash};
use super::outcome::{Fault, Outcome};
use crate::domain::round::BE_OFFSET;
use crate::domain::rule;

const BYTES_MAX: usize = 200;
const SUMMER_TERM: i64 = 3;
/// Academic years a record can speak of, Buddhist era.
const YEARS: std::ops::RangeInclusive<i64> = 2400..=2700;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct YearAndTerm {
    year: Option<i64>,
    term: Option<i64>,
}

/// Words around the numbers. Longest first; case does not matter.
const WORDS: [&str; 17] = [
    "ปีการศึกษาที่",
    "ปีการศึกษา",
    "ภาคการศึกษาที่",
    "ภาคการศึกษา",
    "ภาคเรียนที่",
    "ภาคเรียน",
    "เทอมที่",
    "เทอม",
    "ภาคที่",
    "ภาค",
    "พ.ศ.",
    "พ.ศ",
    "พศ",
    "ปี",
    "ที่",
    "semester",
    "term",
];
const SUMMER: [&str; 4] = ["ฤดูร้อน", "ซัมเมอร์", "summer", "s"];

/// A Buddhist-era year of four digits, from two or four; a year under 2400 is common era.
pub fn be_year(text: &str) -> Outcome<i64> {
    match read(text) {
        Ok(YearAndTerm { year: Some(year), .. }) => Outcome::Value(year),
        Ok(_) => Outcome::Refused(Fault::new(rule::DATE_UNREADABLE)),
        Err(Some(fault)) => Outcome::Refused(fault),
        Err(None) => Outcome::Absent,
    }
}

/// A term 1 to 3.
pub fn term(text: &str) -> Outcome<i64> {
    match read(text) {
        Ok(YearAndTerm { term: Some(term), .. }) => Outcome::Value(term),
        Ok(_) => Outcome::Refused(Fault::new(rule::NUM_UNREADABLE)),
        Err(Some(fault)) => Outcome::Refused(fault),
        Err(None) => Outcome::Absent,
    }
}

/// `Err(None)`: nothing was said.
fn read(text: &str) -> Result<YearAndTerm, Option<Fault>> {
    let unreadable = Some(Fault::new(rule::DATE_UNREADABLE));
    if text.len() > BYTES_MAX {
        return Err(unreadable);
    }
    let mut rest = fold(text).to_lowercase();
    if rest.trim().is_empty() {
        return Err(None);
    }
    for word in WORDS {
        rest = rest.replace(word, " ");
    }
    let parts: Vec<&str> = rest
        .split(|c: char| c.is_whitespace() || c == '/' || c == ',' || is_dash(c))
        .filter(|p| !p.is_empty())
        .collect();
    match parts.as_slice() {
        [one] => match number(one)? {
            Number::Summer => Ok(YearAndTerm { year: None, term: Some(SUMMER_TERM) }),
            Number::Digits(value, 1) => Ok(YearAndTerm { year: None, term: Some(term_number(value)?) }),
            Number::Digits(value, width) => Ok(YearAndTerm { year: Some(year_number(value, width)?), term: None }),
        },
        [one, two] => match (number(one)?, number(two)?) {
            (Number::Summer, Number::Digits(value, width)) | (Number::Digits(value, width), Number::Summer) => {
                Ok(YearAndTerm { year: Some(year_number(value, width)?), term: Some(SUMMER_TERM) })
            }
            (Number::Digits(a, wide_a), Number::Digits(b, wide_b)) => pair((a, wide_a), (b, wide_b)),
            _ => Err(unreadable),
        },
        _ => Err(unreadable),
    }
}

enum Number {
    Summer,
    Digits(i64, usize),
}

fn number(text: &str) -> Result<Number, Option<Fault>> {
    if SUMMER.contains(&text) {
        return Ok(Number::Summer);
    }
    let text = super::digits::without_zero_fraction(text).trim_matches('.');
    let width = text.len();
    match text.parse() {
        Ok(value) if (1..=4).contains(&width) && text.bytes().all(|b| b.is_ascii_digit()) => {
            Ok(Number::Digits(value, width))
        }
        _ => Err(Some(Fault::new(rule::DATE_UNREADABLE))),
    }
}

/// Which is the year: the one of four digits; else the one of two digits beside one of one digit.
fn pair(a: (i64, usize), b: (i64, usize)) -> Result<YearAndTerm, Option<Fault>> {
    let ((year, width), (term, _)) = match (a, b) {
        ((_, 4), (_, 1 | 2)) => (a, b),
        ((_, 1 | 2), (_, 4)) => (b, a),
        ((_, 2), (_, 1)) => (a, b),
        ((_, 1), (_, 2)) => (b, a),
        // `01/69`: the part that can be no term is the year.
        ((x, 2), (y, 2)) if (1..=3).contains(&x) != (1..=3).contains(&y) => {
            if (1..=3).contains(&x) {
                (b, a)
            } else {
                (a, b)
            }
        }
        _ => return Err(Some(Fault::new(rule::DATE_AMBIGUOUS))),
    };
    Ok(YearAndTerm { year: Some(year_number(year, width)?), term: Some(term_number(term)?) })
}

fn term_number(value: i64) -> Result<i64, Option<Fault>> {
    if (1..=SUMMER_TERM).contains(&value) { Ok(value) } else { Err(Some(Fault::new(rule::NUM_RANGE))) }
}

fn year_number(value: i64, width: usize) -> Result<i64, Option<Fault>> {
    let year = match width {
        2 => 2500 + value,
        4 if value < *YEARS.start() => value + i64::from(BE_OFFSET),
        4 => value,
        _ => return Err(Some(Fault::new(rule::DATE_UNREADABLE))),
    };
    if YEARS.contains(&year) { Ok(year) } else { Err(Some(Fault::new(rule::DATE_YEAR_RANGE))) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn years_and_terms_in_every_form() {
        for (text, year, number) in [
            ("2/2568", 2568, 2),
            ("2568/2", 2568, 2),
            ("68/2", 2568, 2),
            ("1/69", 2569, 1),
            ("01/69", 2569, 1),
            ("S/2568", 2568, 3),
            ("2568-2", 2568, 2),
            ("ภาคเรียนที่ 2/2568", 2568, 2),
            ("ภาคเรียนที่ ๒ ปีการศึกษา ๒๕๖๘", 2568, 2),
            ("เทอม 1/2569", 2569, 1),
            ("ภาคฤดูร้อน 2568", 2568, 3),
            ("summer/2568", 2568, 3),
            ("Semester 1/2026", 2569, 1),
        ] {
            assert_eq!((be_year(text), term(text)), (Outcome::Value(year), Outcome::Value(number)), "{text}");
        }
        for (text, year) in [
            ("2568", 2568),
            ("68", 2568),
            ("พ.ศ.2568", 2568),
            ("ปีการศึกษา 2568", 2568),
            ("2025", 2568),
            ("2568.0", 2568),
        ] {
            assert_eq!(be_year(text), Outcome::Value(year), "{text}");
            assert!(matches!(term(text), Outcome::Refused(_)), "{text}");
        }
        for (text, number) in [("1", 1), ("ภาคเรียนที่ 2", 2), ("เทอม ๑", 1), ("S", 3), ("2.0", 2)]
        {
            assert_eq!(term(text), Outcome::Value(number), "{text}");
        }
    }

    #[test]
    fn what_can_be_read_twice_or_not_at_all_is_refused() {
        for text in ["1/2", "01/02", "4/2568", "2/3098", "1/2568/3", "ป.1", "ปีการศึกษา"] {
            assert!(matches!(term(text), Outcome::Refused(_)), "{text}");
        }
        assert_eq!(be_year(""), Outcome::Absent);
        assert!(matches!(be_year("3098"), Outcome::Refused(Fault { rule: rule::DATE_YEAR_RANGE, .. })));
    }
}
