//! The steps `integer` and `decimal`: exact numbers, whatever digits and separators they were written with.
//!
//! Owns thousands separators, the decimal comma, unit suffixes and the 15 significant digits a
//! spreadsheet keeps. Refuses scientific notation and every text with two readings; a decimal point that
//! seems lost is never put back.

use super::digits::{fold, is_dash, is_scientific, unwrap_sheet_text};
use super::outcome::{Fault, Outcome};
use crate::domain::rule;
use crate::domain::value::Decimal;

/// Longest text that may still be a number, in bytes.
const BYTES_MAX: usize = 120;
/// A spreadsheet's numbers carry no more significant digits; what follows is noise of binary fractions.
const SHEET_DIGITS: usize = 15;
/// Words that may follow a number without changing it. Longest first. Units that would change it (กรัม, เมตร)
/// are not here: then the number is refused.
const UNITS: [&str; 24] = [
    "กิโลกรัม",
    "เซนติเมตร",
    "เซ็นติเมตร",
    "หน่วยกิต",
    "ตารางวา",
    "ก.ก.",
    "กก.",
    "กก",
    "ซ.ม.",
    "ซม.",
    "ซม",
    "บาท",
    "คน",
    "ปี",
    "ไร่",
    "ห้อง",
    "kgs",
    "kg.",
    "kg",
    "cm.",
    "cm",
    "THB",
    "฿",
    "%",
];

/// A whole number; `45.0` is one, `45.5` is not.
pub fn integer(text: &str) -> Outcome<i64> {
    if let Ok(value) = text.parse::<i64>() {
        return Outcome::Value(value);
    }
    match decimal(text) {
        Outcome::Value(value) if value.scale() == 0 => Outcome::Value(value.mantissa()),
        Outcome::Value(_) => Outcome::Refused(Fault::new(rule::NUM_PRECISION)),
        Outcome::Absent => Outcome::Absent,
        Outcome::Warned(_, fault) | Outcome::Refused(fault) => Outcome::Refused(fault),
    }
}

/// An exact decimal of at most nine places.
#[inline]
pub fn decimal(text: &str) -> Outcome<Decimal> {
    match Decimal::parse(text) {
        Some(value) => Outcome::Value(value),
        None => repaired(text),
    }
}

#[cold]
fn repaired(text: &str) -> Outcome<Decimal> {
    let unreadable = || Outcome::Refused(Fault::new(rule::NUM_UNREADABLE));
    if text.len() > BYTES_MAX {
        return unreadable();
    }
    let folded = fold(text);
    let inner = without_unit(unwrap_sheet_text(&folded));
    if inner.is_empty() {
        return if text.trim().is_empty() { Outcome::Absent } else { unreadable() };
    }
    if is_scientific(inner) {
        return unreadable();
    }
    let (negative, digits) = match inner.chars().next() {
        Some('+') => (false, inner.get(1..).unwrap_or("")),
        Some(sign) if is_dash(sign) => (true, inner.get(sign.len_utf8()..).unwrap_or("")),
        _ => (false, inner),
    };
    let Some(plain) = plain(digits.trim_start()) else { return unreadable() };
    let plain = without_binary_noise(&plain);
    match Decimal::parse(&plain) {
        Some(value) if negative => Outcome::Value(Decimal::new(-value.mantissa(), value.scale())),
        Some(value) => Outcome::Value(value),
        None => Outcome::Refused(Fault::new(rule::NUM_PRECISION)),
    }
}

fn without_unit(text: &str) -> &str {
    let cut = UNITS.iter().find_map(|unit| {
        let at = text.len().checked_sub(unit.len())?;
        let tail = text.get(at..)?;
        tail.eq_ignore_ascii_case(unit).then(|| text.get(..at).unwrap_or("").trim_end())
    });
    let text = cut.unwrap_or(text);
    text.strip_prefix('฿').map_or(text, str::trim_start)
}

/// `whole.fraction` in ASCII. A comma before exactly three digits separates thousands, else it is the point.
fn plain(text: &str) -> Option<String> {
    let (whole, fraction) = match (text.split_once('.'), text.contains(',')) {
        (Some((whole, fraction)), _) => (grouped(whole)?, fraction),
        (None, false) => (text.to_owned(), ""),
        (None, true) => match grouped(text) {
            Some(whole) => (whole, ""),
            None => {
                let (whole, fraction) = text.split_once(',')?;
                (whole.to_owned(), fraction)
            }
        },
    };
    let digits = |part: &str| part.bytes().all(|b| b.is_ascii_digit());
    if !digits(&whole) || !digits(fraction) || whole.is_empty() && fraction.is_empty() {
        return None;
    }
    let whole = if whole.is_empty() { "0" } else { &whole };
    Some(if fraction.is_empty() { whole.to_owned() } else { format!("{whole}.{fraction}") })
}

/// The digits of `1,700` or `1700`; `None` where the groups are not thousands.
fn grouped(text: &str) -> Option<String> {
    if !text.contains(',') {
        return Some(text.to_owned());
    }
    let mut groups = text.split(',');
    let first = groups.next()?;
    let head_ok = (1..=3).contains(&first.len()) && !first.starts_with('0');
    (head_ok && groups.all(|group| group.len() == 3)).then(|| text.replace(',', ""))
}

/// 58.699999999999996 is 58.7 in the cell: beyond 15 significant digits there is only binary noise.
fn without_binary_noise(text: &str) -> String {
    let Some((whole, fraction)) = text.split_once('.') else { return text.to_owned() };
    let significant = whole.trim_start_matches('0').len() + fraction.len();
    if significant <= SHEET_DIGITS || whole.len() >= SHEET_DIGITS {
        return text.to_owned();
    }
    let keep = SHEET_DIGITS - whole.trim_start_matches('0').len();
    let rounds_up = fraction.as_bytes().get(keep).is_some_and(|digit| *digit >= b'5');
    let kept = format!("{whole}{}", fraction.get(..keep.min(fraction.len())).unwrap_or(""));
    let Ok(value) = kept.parse::<u128>() else { return text.to_owned() };
    let scale = keep.min(fraction.len());
    let shown = format!("{:0width$}", value + u128::from(rounds_up), width = scale + 1);
    let (whole, fraction) = shown.split_at(shown.len() - scale);
    format!("{whole}.{fraction}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shown(text: &str) -> String {
        match decimal(text) {
            Outcome::Value(value) => value.to_string(),
            Outcome::Absent => "-".into(),
            Outcome::Warned(_, fault) | Outcome::Refused(fault) => fault.rule.to_string(),
        }
    }

    #[test]
    fn numbers_in_every_dress() {
        for (text, out) in [
            ("45.5", "45.5"),
            ("๔๕.๕", "45.5"),
            ("４５．５", "45.5"),
            ("3,50", "3.5"),
            ("3,5", "3.5"),
            ("1,700", "1700"),
            ("1,234,567.50", "1234567.5"),
            ("๑,๗๐๐ บาท", "1700"),
            ("฿1,700.00", "1700"),
            ("45.5 กก.", "45.5"),
            ("45.5กิโลกรัม", "45.5"),
            ("175 CM", "175"),
            ("-3", "-3"),
            ("−3.5", "-3.5"),
            ("+3", "3"),
            (".5", "0.5"),
            ("5.", "5"),
            ("0,500", "0.5"),
            ("'45", "45"),
            ("58.699999999999996", "58.7"),
            ("0.30000000000000004", "0.3"),
            ("99.99999999999999999", "100"),
        ] {
            assert_eq!(shown(text), out, "{text}");
        }
    }

    #[test]
    fn what_has_two_readings_is_refused() {
        for text in
            ["1,2,3", "12,34,567", "1.2.3", "4.5E+1", "1 700", "สี่สิบ", "45 กรัม", "1.75 ม.", "45-50", "--3", "1,234,5"]
        {
            assert_eq!(shown(text), "SPH-NUM-001", "{text}");
        }
        assert_eq!(shown("3.1234567891"), "SPH-NUM-004");
        assert_eq!(integer("45.0"), Outcome::Value(45));
        assert_eq!(integer("๒,๕๖๙"), Outcome::Value(2569));
        assert_eq!(integer("45.5"), Outcome::Refused(Fault::new(rule::NUM_PRECISION)));
        assert_eq!(integer(""), Outcome::Absent);
    }

    proptest! {
        #[test]
        fn separators_change_nothing(value in 0u64..1_000_000_000, cents in 0u8..100) {
            let plain = format!("{value}.{cents:02}");
            let digits = value.to_string();
            let grouped: Vec<&str> = digits.as_bytes().rchunks(3).rev().map(|c| std::str::from_utf8(c).unwrap()).collect();
            let printed = format!("{}.{cents:02} บาท", grouped.join(","));
            prop_assert_eq!(decimal(&printed), decimal(&plain));
        }

        #[test]
        fn no_text_makes_it_panic(text in "[0-9.,๐-๙ +-]{0,40}|\\PC{0,30}") {
            let _ = (decimal(&text), integer(&text));
        }
    }
}
