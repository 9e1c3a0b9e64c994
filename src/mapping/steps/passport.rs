//! Passport numbers: upper case, without blanks and dashes.
//!
//! Owns the shape only: no country's check digit is known to the field. Refuses whatever is not 5 to
//! 20 Latin letters and digits with at least one digit.

use super::digits::{fold, is_dash, unwrap_sheet_text};
use super::outcome::{Fault, Outcome};
use crate::domain::learner_id::LearnerId;
use crate::domain::rule;

/// Longest text looked at, in bytes.
const BYTES_MAX: usize = 200;

/// The number with case, blanks and dashes repaired; `None` where other characters stand in it.
pub(super) fn bare_number(text: &str) -> Option<String> {
    if text.len() > BYTES_MAX {
        return None;
    }
    let folded = fold(text);
    let joined: String = unwrap_sheet_text(&folded).chars().filter(|c| !is_dash(*c) && !c.is_whitespace()).collect();
    joined.bytes().all(|b| b.is_ascii_alphanumeric()).then(|| joined.to_ascii_uppercase())
}

/// The number alone, without the `P:` mark of `learner_id`.
pub fn passport(text: &str) -> Outcome<String> {
    if super::digits::is_scientific(unwrap_sheet_text(&fold(text))) {
        return Outcome::Refused(Fault::new(rule::ID_SCIENTIFIC));
    }
    match bare_number(text.strip_prefix("P:").unwrap_or(text)) {
        Some(number) if number.is_empty() => Outcome::Absent,
        Some(number) if LearnerId::passport(&number).is_ok() => Outcome::Value(number),
        _ => Outcome::Refused(Fault::new(rule::ID_PASSPORT)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn passports_lose_blanks_and_gain_capitals() {
        for text in ["aa 1234567", "AA-1234567", "ａａ１２３４５６７", "P:AA1234567"] {
            assert_eq!(passport(text), Outcome::Value("AA1234567".into()), "{text}");
        }
        for text in ["AA", "ABCDEFG", "ก1234567", "AA/1234567"] {
            assert_eq!(passport(text), Outcome::Refused(Fault::new(rule::ID_PASSPORT)), "{text}");
        }
    }
}
