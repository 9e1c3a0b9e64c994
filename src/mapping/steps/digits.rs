//! Digits of other scripts and the marks people put around them.
//!
//! Owns the folding of Thai and full-width digits (and of full-width Latin letters) to ASCII, the
//! kinds of dash a keyboard or word processor produces, and the step `digits`. Refuses nothing by
//! itself: what must be a number is judged by the step that knows the field.

use super::outcome::{Fault, Outcome};
use crate::domain::rule;
use bumpalo::Bump;

/// The ASCII form of a Thai or full-width digit, a full-width Latin letter or sign; others unchanged.
pub fn fold_char(c: char) -> char {
    match c {
        '๐'..='๙' => char::from(b'0' + (c as u32 - '๐' as u32) as u8),
        '\u{FF01}'..='\u{FF5E}' => char::from((c as u32 - 0xFF01 + 0x21) as u8),
        _ => c,
    }
}

/// Every dash that is typed or pasted where a hyphen belongs.
pub fn is_dash(c: char) -> bool {
    matches!(
        c,
        '-' | '\u{00AD}' | '\u{2010}'..='\u{2015}' | '\u{2043}' | '\u{2212}' | '\u{FE58}' | '\u{FE63}' | '\u{FF0D}'
    )
}

/// Quotation marks and apostrophes that a spreadsheet's export leaves around a number.
pub fn is_quote(c: char) -> bool {
    matches!(c, '\'' | '"' | '`' | '´' | '\u{02BC}' | '\u{2018}'..='\u{201F}' | '\u{2032}' | '\u{2033}')
}

/// The text with every digit in ASCII; nothing else changes but full-width letters and signs.
pub fn fold(text: &str) -> String {
    text.chars().map(fold_char).collect()
}

/// `1.23457E+12`: a number the spreadsheet has rounded for display. `text` is folded to ASCII digits.
pub fn is_scientific(text: &str) -> bool {
    let Some((mantissa, exponent)) = text.split_once(['e', 'E']) else { return false };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let (whole, fraction) = mantissa.split_once(['.', ',']).unwrap_or((mantissa, "0"));
    let digits = |part: &str| !part.is_empty() && part.bytes().all(|b| b.is_ascii_digit());
    whole.len() == 1 && digits(whole) && digits(fraction) && digits(exponent) && exponent.len() <= 3
}

/// What a spreadsheet wraps around a number kept as text: `="…"`, apostrophes, quotes, blanks.
/// Expects folded text; gives the inner part.
pub fn unwrap_sheet_text(text: &str) -> &str {
    text.trim().trim_start_matches('=').trim_matches(|c: char| is_quote(c) || c.is_whitespace())
}

/// `10300.0`, `1999900000013.00`: a whole number that went through a floating-point cell.
pub fn without_zero_fraction(text: &str) -> &str {
    match text.split_once('.') {
        Some((whole, zeros)) if !whole.is_empty() && !zeros.is_empty() && zeros.bytes().all(|b| b == b'0') => whole,
        _ => text,
    }
}

/// Folded, unwrapped, without dashes and blanks: the form in which identifiers are compared.
pub fn bare(text: &str) -> String {
    let folded = fold(text);
    let inner = unwrap_sheet_text(&folded);
    let joined: String = inner.chars().filter(|c| !is_dash(*c) && !c.is_whitespace()).collect();
    without_zero_fraction(&joined).to_owned()
}

/// Step `digits`: Thai and full-width digits to ASCII, separators (blanks, dashes, dots, commas,
/// slashes, brackets, sheet quotes) out. Other characters are refused: dropping them would lose something.
pub fn digits<'b>(text: &'b str, bump: &'b Bump) -> Outcome<&'b str> {
    if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) {
        return Outcome::Value(text);
    }
    let folded = fold(text);
    if is_scientific(unwrap_sheet_text(&folded)) {
        return Outcome::Refused(Fault::new(rule::ID_SCIENTIFIC));
    }
    let inner = without_zero_fraction(unwrap_sheet_text(&folded));
    let mut out = bumpalo::collections::String::with_capacity_in(inner.len(), bump);
    for c in inner.chars() {
        match c {
            '0'..='9' => out.push(c),
            '.' | ',' | '/' | '(' | ')' | '_' => {}
            _ if c.is_whitespace() || is_dash(c) => {}
            _ => return Outcome::Refused(Fault::new(rule::NUM_UNREADABLE)),
        }
    }
    if out.is_empty() { Outcome::Absent } else { Outcome::Value(out.into_bump_str()) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_any_script_become_ascii_and_separators_go() {
        let bump = Bump::new();
        for (raw, out) in [("๐๘๑-๒๓๔", "081234"), ("１２３", "123"), ("(02) 281.9809", "022819809"), ("'0012", "0012")]
        {
            assert_eq!(digits(raw, &bump), Outcome::Value(out), "{raw}");
        }
        assert_eq!(digits("--", &bump), Outcome::Absent);
        assert_eq!(digits("12a", &bump), Outcome::Refused(Fault::new(rule::NUM_UNREADABLE)));
        assert_eq!(digits("1.2E+05", &bump), Outcome::Refused(Fault::new(rule::ID_SCIENTIFIC)));
    }

    #[test]
    fn scientific_forms_are_seen_and_ordinary_numbers_are_not() {
        for yes in ["1.23457E+12", "1,02E+09", "2e9", "1.02e09"] {
            assert!(is_scientific(yes), "{yes}");
        }
        for no in ["1999900000013", "12.5", "E12", "1E", "12.3E+4", "ABE1", "1E+2000"] {
            assert!(!is_scientific(no), "{no}");
        }
    }
}
