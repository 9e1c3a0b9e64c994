//! Rules of a Thai name that can only be said, never repaired: digits or Latin letters inside it.

use super::outcome::Fault;
use super::thai::is_thai;
use crate::domain::rule;

/// A warning where digits or Latin letters stand in a name written in Thai. Names wholly in Latin are no fault.
#[inline]
pub fn check_name(name: &str) -> Option<Fault> {
    // Thai text without any letter or digit of another script is the common case, settled by one pass over its bytes.
    // Bytes below E0 open the Latin letters with marks, EF the full-width ones, B9 90 to B9 99 the Thai digits.
    // Folded without an early end, over the bytes and over the bytes beside them, so that many are looked at at once.
    let bytes = name.as_bytes();
    let foreign = bytes
        .iter()
        .fold(false, |seen, byte| seen | byte.is_ascii_alphanumeric() | (0xC3..=0xC9).contains(byte) | (*byte == 0xEF));
    let pairs = bytes.iter().zip(bytes.get(1..).unwrap_or_default());
    let thai_digit = pairs.fold(false, |seen, (one, two)| seen | ((*one == 0xB9) & (0x90..=0x99).contains(two)));
    if !(foreign | thai_digit) {
        return None;
    }
    let odd = |c: char| is_thai_digit(c) || c.is_ascii_alphanumeric() || is_wide(c) || matches!(c, 'À'..='ɏ');
    let thai_letter = |c: char| is_thai(c) && !is_thai_digit(c);
    let only_digits = !name.chars().any(thai_letter) && name.chars().any(|c| c.is_ascii_digit() || is_thai_digit(c));
    (only_digits || name.chars().any(thai_letter) && name.chars().any(odd))
        .then(|| Fault::new(rule::TEXT_DIGIT_IN_NAME))
}

fn is_thai_digit(c: char) -> bool {
    matches!(c, '๐'..='๙')
}

fn is_wide(c: char) -> bool {
    matches!(c, '\u{FF10}'..='\u{FF19}' | '\u{FF21}'..='\u{FF3A}' | '\u{FF41}'..='\u{FF5A}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn foreign_signs_in_a_thai_name_are_said() {
        for name in ["ทดส0บ", "สมchาย", "๐อม", "ทดสอบ๒", "ทดส０บ", "12345"] {
            assert!(check_name(name).is_some(), "{name}");
        }
        for name in ["ทดสอบ ระบบ", "ณ อยุธยา", "John Smith", "José", "อับดุล-อาซิซ", "ทดสอบ (เล็ก)", ""]
        {
            assert!(check_name(name).is_none(), "{name}");
        }
    }
}
