//! The step `learner_id`: what a keyboard or a spreadsheet did to an identifier is undone, where nothing is lost.
//!
//! Owns the repairs of citizen numbers, G-codes and passport numbers (printed form, dashes, quotes,
//! `="…"`, `.0`, digits of other scripts). Refuses what is destroyed or only probable: scientific
//! notation even if every digit seems there, a lost leading zero, a lost letter G; those are suggested.

use super::digits::{fold_char, is_dash, is_quote, is_scientific, unwrap_sheet_text, without_zero_fraction};
use super::outcome::{Fault, Outcome};
use super::province::is_province;
use crate::domain::learner_id::{LearnerId, LearnerIdError};
use crate::domain::rule::{self, RuleCode};

/// Longest text that may still be an identifier, in characters.
const CHARS_MAX: usize = 64;
/// Two-digit Buddhist years a G-code may bear. Wide on purpose: it only decides between two suggestions.
const G_YEARS: std::ops::RangeInclusive<u8> = 50..=79;

/// Letters of a bare passport number at its start, digits after them, length of the whole.
const PASSPORT_LETTERS_MAX: usize = 3;
const PASSPORT_BARE_CHARS: std::ops::RangeInclusive<usize> = 6..=10;

/// `tidied` is the text after the always-step, `raw` what was received (the tidy text may have lost a mark
/// that tells; today both say the same).
#[inline]
pub fn learner_id(tidied: &str, _raw: &str) -> Outcome<LearnerId> {
    if tidied.len() == 13 && tidied.bytes().all(|b| b.is_ascii_digit()) {
        return citizen(tidied);
    }
    repaired(tidied)
}

fn citizen(digits: &str) -> Outcome<LearnerId> {
    match LearnerId::citizen(digits) {
        Ok(id) => Outcome::Value(id),
        Err(error) => Outcome::Refused(Fault::new(rule_of(error))),
    }
}

/// The rule a broken identifier breaks.
pub fn rule_of(error: LearnerIdError) -> RuleCode {
    match error {
        LearnerIdError::Length => rule::ID_LENGTH,
        LearnerIdError::NonDigit => rule::ID_NON_DIGIT,
        LearnerIdError::FirstDigit => rule::ID_FIRST_DIGIT,
        LearnerIdError::Placeholder => rule::ID_PLACEHOLDER,
        LearnerIdError::CheckDigit => rule::ID_CHECK_DIGIT,
        LearnerIdError::GCode => rule::ID_G_CODE,
        LearnerIdError::Passport => rule::ID_PASSPORT,
    }
}

fn repaired(text: &str) -> Outcome<LearnerId> {
    if text.chars().nth(CHARS_MAX).is_some() {
        return Outcome::Refused(Fault::new(rule::ID_LENGTH));
    }
    let folded: String = text.chars().map(fold_char).collect();
    let inner = unwrap_sheet_text(&folded);
    if is_scientific(inner) {
        return scientific(inner);
    }
    if let Some(number) = passport_mark(inner) {
        return passport(number);
    }
    let joined: String = inner.chars().filter(|c| !is_dash(*c) && !is_quote(*c) && !c.is_whitespace()).collect();
    let joined = without_thousands(without_zero_fraction(&joined));
    match joined.as_bytes() {
        [] => Outcome::Absent,
        [b'G' | b'g', rest @ ..] if !rest.first().is_some_and(u8::is_ascii_alphabetic) => g_code(&joined),
        [first, ..] if first.is_ascii_alphabetic() && fits_bare_passport(&joined) => passport(&joined),
        bytes if bytes.iter().all(u8::is_ascii_digit) => digits_only(&joined),
        _ => not_digits(&joined),
    }
}

/// `1,999,900,000,013`: the separators of a number format, only when every group has its three digits.
fn without_thousands(text: &str) -> std::borrow::Cow<'_, str> {
    let mut groups = text.split(',');
    let digits = |g: &str| !g.is_empty() && g.bytes().all(|b| b.is_ascii_digit());
    let first_ok = groups.next().is_some_and(|g| g.len() <= 3 && digits(g));
    if text.contains(',') && first_ok && groups.all(|g| g.len() == 3 && digits(g)) {
        return text.replace(',', "").into();
    }
    text.into()
}

fn digits_only(digits: &str) -> Outcome<LearnerId> {
    match digits.len() {
        13 => citizen(digits),
        12 if looks_like_g_without_letter(digits) => {
            Outcome::Refused(Fault::suggest(rule::ID_G_LOST, format!("G{digits}")))
        }
        12 => Outcome::Refused(zero_lost(digits).unwrap_or(Fault::new(rule::ID_LENGTH))),
        _ => Outcome::Refused(Fault::new(rule::ID_LENGTH)),
    }
}

/// Twelve digits that are a citizen number once a zero stands in front.
pub fn zero_lost(digits: &str) -> Option<Fault> {
    let whole = format!("0{digits}");
    LearnerId::citizen(&whole).is_ok().then(|| Fault::suggest(rule::ID_ZERO_LOST, whole))
}

fn looks_like_g_without_letter(digits: &str) -> bool {
    let year = digits.get(..2).and_then(|y| y.parse().ok());
    year.is_some_and(|y: u8| G_YEARS.contains(&y)) && digits.get(2..4).is_some_and(is_province)
}

fn scientific(text: &str) -> Outcome<LearnerId> {
    // Even if all digits seem there, the spreadsheet may have rounded: never taken, only suggested.
    let digits: String = text.split(['e', 'E']).next().unwrap_or("").chars().filter(char::is_ascii_digit).collect();
    Outcome::Refused(match LearnerId::citizen(&digits) {
        Ok(_) => Fault::suggest(rule::ID_SCIENTIFIC, digits),
        Err(_) => Fault::new(rule::ID_SCIENTIFIC),
    })
}

fn g_code(text: &str) -> Outcome<LearnerId> {
    let upper = text.to_ascii_uppercase();
    match LearnerId::g_code(&upper) {
        Err(error) => Outcome::Refused(Fault::new(rule_of(error))),
        Ok(id) if upper.get(3..5).is_some_and(is_province) => Outcome::Value(id),
        Ok(id) => Outcome::Warned(Some(id), Fault::suggest(rule::ID_G_PROVINCE, upper)),
    }
}

/// What follows `P:` or `P `, the mark that says "this is a passport number".
fn passport_mark(text: &str) -> Option<&str> {
    let rest = text.strip_prefix(['P', 'p'])?;
    rest.strip_prefix([':', ' ']).map(str::trim_start)
}

fn passport(number: &str) -> Outcome<LearnerId> {
    match super::passport::bare_number(number) {
        None => Outcome::Refused(Fault::new(rule::ID_PASSPORT)),
        Some(number) => match LearnerId::passport(&number) {
            Ok(id) => Outcome::Value(id),
            Err(error) => Outcome::Refused(Fault::new(rule_of(error))),
        },
    }
}

fn fits_bare_passport(text: &str) -> bool {
    let letters = text.bytes().take_while(u8::is_ascii_alphabetic).count();
    let rest = &text.as_bytes()[letters..];
    PASSPORT_BARE_CHARS.contains(&text.len())
        && (1..=PASSPORT_LETTERS_MAX).contains(&letters)
        && rest.len() >= 5
        && rest.iter().all(u8::is_ascii_digit)
}

/// A letter typed for a digit is suggested back when the number is then right.
fn not_digits(text: &str) -> Outcome<LearnerId> {
    let guess: String = text
        .chars()
        .map(|c| match c {
            'l' | 'I' | '|' | 'i' => '1',
            'O' | 'o' => '0',
            other => other,
        })
        .collect();
    Outcome::Refused(match LearnerId::citizen(&guess) {
        Ok(_) => Fault::suggest(rule::ID_NON_DIGIT, guess),
        Err(_) => Fault::new(rule::ID_NON_DIGIT),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn taken(text: &str) -> Option<String> {
        match learner_id(text, text) {
            Outcome::Value(id) => Some(id.as_str().to_owned()),
            _ => None,
        }
    }

    fn refused(text: &str) -> (RuleCode, Option<String>) {
        match learner_id(text, text) {
            Outcome::Refused(fault) => (fault.rule, fault.suggestion),
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn every_dress_of_a_citizen_number_is_taken_off() {
        for text in [
            "1-9999-00000-01-3",
            "1–9999–00000–01–3",
            "1—9999—00000—01—3",
            "1−9999−00000−01−3",
            "1 9999 00000 01 3",
            "๑๙๙๙๙๐๐๐๐๐๐๑๓",
            "๑-๙๙๙๙-๐๐๐๐๐-๐๑-๓",
            "１９９９９００００００１３",
            "'1999900000013",
            "’1999900000013",
            "=\"1999900000013\"",
            "“1999900000013”",
            "1999900000013.0",
            "1999900000013.00",
            "1,999,900,000,013",
            "\t1999900000013\t",
        ] {
            assert_eq!(taken(text).as_deref(), Some("1999900000013"), "{text}");
        }
    }

    #[test]
    fn g_codes_and_passports_are_known_by_their_letters() {
        assert_eq!(taken("g-6442-00000001").as_deref(), Some("G644200000001"));
        assert_eq!(taken("Ｇ๖๔๔๒๐๐๐๐๐๐๐๑").as_deref(), Some("G644200000001"));
        assert_eq!(taken("P:AA1234567").as_deref(), Some("P:AA1234567"));
        assert_eq!(taken("P aa 1234567").as_deref(), Some("P:AA1234567"));
        assert_eq!(taken("AA1234567").as_deref(), Some("P:AA1234567"));
        assert_eq!(taken("GB1234567").as_deref(), Some("P:GB1234567"));
        assert_eq!(refused("G64420000001").0, rule::ID_G_CODE);
        assert!(matches!(
            learner_id("G649900000001", ""),
            Outcome::Warned(Some(_), Fault { rule: rule::ID_G_PROVINCE, .. })
        ));
    }

    #[test]
    fn what_is_lost_is_only_suggested() {
        assert_eq!(refused("644200000001"), (rule::ID_G_LOST, Some("G644200000001".into())));
        assert_eq!(refused("999900000040"), (rule::ID_ZERO_LOST, Some("0999900000040".into())));
        assert_eq!(refused("1.999900000013E+12"), (rule::ID_SCIENTIFIC, Some("1999900000013".into())));
        assert_eq!(refused("1.99990E+12"), (rule::ID_SCIENTIFIC, None));
        assert_eq!(refused("l999900000013"), (rule::ID_NON_DIGIT, Some("1999900000013".into())));
        assert_eq!(refused("19999000000"), (rule::ID_LENGTH, None));
        assert_eq!(refused("1999900000014"), (rule::ID_CHECK_DIGIT, None));
        assert_eq!(refused("1234567"), (rule::ID_LENGTH, None));
        assert_eq!(refused(&"1".repeat(10_000)), (rule::ID_LENGTH, None));
    }

    proptest! {
        #[test]
        fn dressed_equals_plain(body in "[1-8]99[0-9]{9}") {
            let check = crate::domain::learner_id::check_digit(body.as_bytes());
            let plain = format!("{body}{}", char::from(check));
            prop_assume!(LearnerId::citizen(&plain).is_ok());
            let expected = Some(plain.clone());
            let printed = format!("{}-{}-{}-{}-{}", &plain[..1], &plain[1..5], &plain[5..10], &plain[10..12], &plain[12..]);
            let thai: String = plain.chars().map(|c| char::from_u32('๐' as u32 + c.to_digit(10).unwrap()).unwrap()).collect();
            prop_assert_eq!(taken(&printed), expected.clone());
            prop_assert_eq!(taken(&thai), expected.clone());
            prop_assert_eq!(taken(&format!("\u{a0}{plain}\u{a0}")), expected);
        }

        #[test]
        fn no_text_makes_it_panic(text in "\\PC{0,40}") {
            let _ = learner_id(&text, &text);
        }
    }
}
