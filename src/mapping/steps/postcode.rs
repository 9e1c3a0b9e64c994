//! Postcodes: five digits, the first two a postal province, so none begins with 0.

use super::digits::{bare, fold, is_scientific, unwrap_sheet_text};
use super::outcome::{Fault, Outcome};
use crate::domain::rule;

const BYTES_MAX: usize = 60;

pub fn postcode(text: &str) -> Outcome<String> {
    if text.len() > BYTES_MAX {
        return Outcome::Refused(Fault::new(rule::ID_LENGTH));
    }
    if is_scientific(unwrap_sheet_text(&fold(text))) {
        return Outcome::Refused(Fault::new(rule::ID_SCIENTIFIC));
    }
    let digits = bare(text);
    match digits.as_bytes() {
        [] => Outcome::Absent,
        bytes if !bytes.iter().all(u8::is_ascii_digit) => Outcome::Refused(Fault::new(rule::ID_NON_DIGIT)),
        [b'1'..=b'9', _, _, _, _] => Outcome::Value(digits),
        [_, _, _, _, _] => Outcome::Refused(Fault::new(rule::CODE_UNKNOWN)),
        _ => Outcome::Refused(Fault::new(rule::ID_LENGTH)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn postcodes_are_five_digits() {
        for text in ["10300.0", "๑๐๓๐๐", " 10300 ", "'10300", "10 300"] {
            assert_eq!(postcode(text), Outcome::Value("10300".into()), "{text}");
        }
        assert_eq!(postcode("1030"), Outcome::Refused(Fault::new(rule::ID_LENGTH)));
        assert_eq!(postcode("01030"), Outcome::Refused(Fault::new(rule::CODE_UNKNOWN)));
        assert_eq!(postcode("1O300"), Outcome::Refused(Fault::new(rule::ID_NON_DIGIT)));
    }
}
