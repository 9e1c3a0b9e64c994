//! Telephone numbers of Thailand: nine digits fixed, ten mobile, one or several in a cell.
//!
//! Owns separators, the country code 66 and the split of a list. Refuses other lengths; a lost leading
//! zero is only suggested, and an extension is not dropped in silence.

use super::digits::{fold, is_dash, is_scientific, unwrap_sheet_text, without_zero_fraction};
use super::outcome::{Fault, Outcome};
use crate::domain::rule;

const BYTES_MAX: usize = 300;
const NUMBERS_MAX: usize = 5;

/// One to five numbers, digits only.
pub fn phones(text: &str) -> Outcome<Vec<String>> {
    if text.len() > BYTES_MAX {
        return Outcome::Refused(Fault::new(rule::ID_LENGTH));
    }
    let folded = fold(text).replace("หรือ", ",").replace("และ", ",");
    if is_scientific(unwrap_sheet_text(&folded)) {
        return Outcome::Refused(Fault::new(rule::ID_SCIENTIFIC));
    }
    let mut numbers = Vec::new();
    for part in folded.split([',', ';', '/', '\n', '|']) {
        match number(part) {
            Outcome::Value(number) if numbers.len() < NUMBERS_MAX => numbers.push(number),
            Outcome::Value(_) => return Outcome::Refused(Fault::new(rule::ID_LENGTH)),
            Outcome::Absent => {}
            Outcome::Warned(_, fault) | Outcome::Refused(fault) => return Outcome::Refused(fault),
        }
    }
    if numbers.is_empty() { Outcome::Absent } else { Outcome::Value(numbers) }
}

fn number(text: &str) -> Outcome<String> {
    let text = without_zero_fraction(unwrap_sheet_text(text));
    let text = ["โทรศัพท์", "โทร.", "โทร", "มือถือ", "tel.", "Tel.", "tel", "Tel", "TEL"]
        .iter()
        .find_map(|word| text.strip_prefix(word))
        .unwrap_or(text);
    let plus = text.trim_start().starts_with('+');
    let mut digits = String::new();
    for c in text.chars() {
        match c {
            '0'..='9' => digits.push(c),
            '.' | '(' | ')' | '+' | ':' => {}
            _ if is_dash(c) || c.is_whitespace() => {}
            _ => return Outcome::Refused(Fault::new(rule::ID_NON_DIGIT)),
        }
    }
    if let Some(rest) = digits.strip_prefix("66").filter(|rest| plus || rest.len() == 9) {
        digits = format!("0{}", rest.strip_prefix('0').unwrap_or(rest));
    }
    let bytes = digits.as_bytes();
    match (bytes.len(), bytes.first(), bytes.get(1)) {
        (0, _, _) => Outcome::Absent,
        (10, Some(b'0'), Some(b'6' | b'8' | b'9')) | (9, Some(b'0'), Some(b'2'..=b'7')) => Outcome::Value(digits),
        (9, Some(b'6' | b'8' | b'9'), _) | (8, Some(b'2'..=b'7'), _) => {
            Outcome::Refused(Fault::suggest(rule::ID_ZERO_LOST, format!("0{digits}")))
        }
        _ => Outcome::Refused(Fault::new(rule::ID_LENGTH)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_in_every_dress() {
        for (text, out) in [
            ("081-234-5678", vec!["0812345678"]),
            ("๐๘๑๒๓๔๕๖๗๘", vec!["0812345678"]),
            ("+66 81 234 5678", vec!["0812345678"]),
            ("+66 (0)81 234 5678", vec!["0812345678"]),
            ("66812345678", vec!["0812345678"]),
            ("0-2281-9809", vec!["022819809"]),
            ("โทร. 02 281 9809", vec!["022819809"]),
            ("0812345678, 0898765432", vec!["0812345678", "0898765432"]),
            ("0812345678 / 02-281-9809", vec!["0812345678", "022819809"]),
        ] {
            assert_eq!(phones(text), Outcome::Value(out.iter().map(|s| (*s).to_owned()).collect()), "{text}");
        }
        assert_eq!(phones("812345678"), Outcome::Refused(Fault::suggest(rule::ID_ZERO_LOST, "0812345678")));
        assert_eq!(phones("22819809"), Outcome::Refused(Fault::suggest(rule::ID_ZERO_LOST, "022819809")));
        assert_eq!(phones("081234567"), Outcome::Refused(Fault::new(rule::ID_LENGTH)));
        assert_eq!(phones("02-281-9809 ต่อ 12"), Outcome::Refused(Fault::new(rule::ID_NON_DIGIT)));
        assert_eq!(phones(" - "), Outcome::Absent);
    }
}
