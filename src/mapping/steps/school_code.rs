//! Codes of schools: the ministry's ten digits, SMIS eight, percode six, the twenty of non-formal education.
//!
//! Owns the repair of what a spreadsheet did to them. Refuses scientific notation and a code whose first two
//! digits are no agency. Leading zeros are significant in SMIS: a short code is only suggested; percode
//! is padded, because its first two digits are never both zero.

use super::digits::{bare, fold, is_scientific, unwrap_sheet_text};
use super::outcome::{Fault, Outcome};
use super::province::is_province;
use crate::domain::rule::{self, RuleCode};

/// First two digits of ten-digit school codes. Source: ministry GPA file structure, academic year 2559.
const AGENCIES: [&str; 18] =
    ["10", "11", "12", "13", "14", "15", "30", "31", "32", "33", "50", "55", "56", "57", "58", "60", "65", "70"];
const BYTES_MAX: usize = 120;

fn refuse<T>(rule: RuleCode) -> Outcome<T> {
    Outcome::Refused(Fault::new(rule))
}

/// Digits without dashes, quotes and `.0`; the reasons all codes share.
fn digits(text: &str) -> Outcome<String> {
    if text.len() > BYTES_MAX {
        return refuse(rule::ID_LENGTH);
    }
    if is_scientific(unwrap_sheet_text(&fold(text))) {
        return refuse(rule::ID_SCIENTIFIC);
    }
    let digits = bare(text);
    if digits.is_empty() {
        Outcome::Absent
    } else if digits.bytes().all(|b| b.is_ascii_digit()) {
        Outcome::Value(digits)
    } else {
        refuse(rule::ID_NON_DIGIT)
    }
}

fn has_agency(code: &str) -> bool {
    code.get(..2).is_some_and(|agency| AGENCIES.contains(&agency))
}

/// Agency (2), province (2), serial (6).
pub fn school_code(text: &str) -> Outcome<String> {
    match digits(text) {
        Outcome::Value(code) if code.len() != 10 => refuse(rule::ID_LENGTH),
        Outcome::Value(code) if !has_agency(&code) => refuse(rule::ID_AGENCY),
        other => other,
    }
}

/// Eight digits; `100101` is suggested as `00100101`, never taken for it.
pub fn smis(text: &str) -> Outcome<String> {
    match digits(text) {
        Outcome::Value(code) if code.len() == 8 => Outcome::Value(code),
        Outcome::Value(code) if (6..8).contains(&code.len()) => {
            Outcome::Refused(Fault::suggest(rule::ID_ZERO_LOST, format!("{code:0>8}")))
        }
        Outcome::Value(_) => refuse(rule::ID_LENGTH),
        other => other,
    }
}

/// Six digits; one lost zero is put back, since no percode begins with two.
pub fn percode(text: &str) -> Outcome<String> {
    match digits(text) {
        Outcome::Value(code) if (5..=6).contains(&code.len()) => Outcome::Value(format!("{code:0>6}")),
        Outcome::Value(_) => refuse(rule::ID_LENGTH),
        other => other,
    }
}

/// Centre (10) and learner (10) of a non-formal `std_code`.
pub fn nfe_std_code(text: &str) -> Outcome<(String, String)> {
    match digits(text) {
        Outcome::Value(code) if code.len() != 20 => refuse(rule::ID_LENGTH),
        Outcome::Value(code) if !has_agency(&code) => refuse(rule::ID_AGENCY),
        Outcome::Value(code) => {
            let (centre, learner) = code.split_at(10);
            Outcome::Value((centre.to_owned(), learner.to_owned()))
        }
        Outcome::Absent => Outcome::Absent,
        Outcome::Warned(_, fault) | Outcome::Refused(fault) => Outcome::Refused(fault),
    }
}

/// DMC's eight digits (DOPA's six and `00`) or DOPA's own, without the pairs of zeros at the end:
/// `81000000` → `81`, `81010200` → `810102`.
pub fn area_code(text: &str) -> Outcome<String> {
    match digits(text) {
        Outcome::Value(code) => {
            let known_length = matches!(code.len(), 2 | 4 | 6) || code.len() == 8 && code.ends_with("00");
            if !known_length {
                return refuse(rule::ID_LENGTH);
            }
            let mut area = code.as_str();
            while area.len() > 2 && area.ends_with("00") {
                area = area.get(..area.len() - 2).unwrap_or("");
            }
            match area.get(..2) {
                Some(province) if is_province(province) => Outcome::Value(area.to_owned()),
                _ => refuse(rule::CODE_UNKNOWN),
            }
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn school_codes_are_repaired_or_refused_with_the_reason() {
        for text in ["1020080005", "10-20-080005", "๑๐๒๐๐๘๐๐๐๕", "'1020080005", "1020080005.0"] {
            assert_eq!(school_code(text), Outcome::Value("1020080005".into()), "{text}");
        }
        assert_eq!(school_code("1.02E+09"), refuse(rule::ID_SCIENTIFIC));
        assert_eq!(school_code("9920080005"), refuse(rule::ID_AGENCY));
        assert_eq!(school_code("102008000"), refuse(rule::ID_LENGTH));
        assert_eq!(school_code("10200800O5"), refuse(rule::ID_NON_DIGIT));
        assert_eq!(smis("00100101"), Outcome::Value("00100101".into()));
        assert_eq!(smis("100101"), Outcome::Refused(Fault::suggest(rule::ID_ZERO_LOST, "00100101")));
        assert_eq!(percode("80005"), Outcome::Value("080005".into()));
        assert_eq!(percode("8005"), refuse(rule::ID_LENGTH));
        assert_eq!(nfe_std_code("12141200006913000001"), Outcome::Value(("1214120000".into(), "6913000001".into())));
        assert_eq!(nfe_std_code("1.21412E+19"), refuse(rule::ID_SCIENTIFIC));
    }

    #[test]
    fn area_codes_lose_their_empty_levels() {
        for (text, code) in
            [("81000000", "81"), ("81010000", "8101"), ("81010200", "810102"), ("810102", "810102"), ("50", "50")]
        {
            assert_eq!(area_code(text), Outcome::Value(code.into()), "{text}");
        }
        assert_eq!(area_code("99000000"), refuse(rule::CODE_UNKNOWN));
        assert_eq!(area_code("81010201"), refuse(rule::ID_LENGTH));
        assert_eq!(area_code("8"), refuse(rule::ID_LENGTH));
    }
}
