//! Grade point averages: 0.00 to 4.00, two places.
//!
//! Owns the one rule for longer fractions: cut after the second place, not rounded, and said. Refuses
//! values above 4; a lost decimal point (`350`) is only suggested.

use super::number::decimal;
use super::outcome::{Fault, Outcome};
use crate::domain::rule;
use crate::domain::value::Decimal;

const PLACES: u8 = 2;
/// 4.00, in hundredths.
const MAX_HUNDREDTHS: i64 = 400;

pub fn gpa(text: &str) -> Outcome<Decimal> {
    let value = match decimal(text) {
        Outcome::Value(value) => value,
        other => return other,
    };
    let unit = 10_i64.pow(u32::from(value.scale()));
    let whole = value.mantissa() / unit;
    if value.mantissa() < 0 {
        return Outcome::Refused(Fault::new(rule::NUM_RANGE));
    }
    let above = whole > 4 || whole == 4 && value.mantissa() % unit != 0;
    if above {
        return Outcome::Refused(match with_point(value) {
            Some(fits) => Fault::suggest(rule::NUM_POINT_LOST, two_places(fits)),
            None => Fault::new(rule::NUM_RANGE),
        });
    }
    if value.scale() > PLACES {
        let cut = value.mantissa() / 10_i64.pow(u32::from(value.scale() - PLACES));
        return Outcome::Warned(Some(Decimal::new(cut, PLACES)), Fault::new(rule::NUM_PRECISION));
    }
    Outcome::Value(value)
}

/// `350` → 3.50, `35` → 3.5: a whole number that fits once its point is back after the first digit.
fn with_point(value: Decimal) -> Option<Decimal> {
    let scale = match (value.scale(), value.mantissa()) {
        (0, 10..=40) => 1,
        (0, 100..=MAX_HUNDREDTHS) => 2,
        _ => return None,
    };
    Some(Decimal::new(value.mantissa(), scale))
}

/// `3.5` → `3.50`; more places than two stay as they are.
pub fn two_places(value: Decimal) -> String {
    match value.scale() {
        0 => format!("{value}.00"),
        1 => format!("{value}0"),
        _ => value.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn averages_keep_two_places_and_their_range() {
        for (text, out) in
            [("3.5", "3.50"), ("3,50", "3.50"), ("4.00", "4.00"), ("๒.๗๕", "2.75"), ("0", "0.00"), ("3.500", "3.50")]
        {
            assert_eq!(gpa(text).map(two_places), Outcome::Value(out.into()), "{text}");
        }
        for (text, suggestion) in [
            ("350", Some("3.50")),
            ("35", Some("3.50")),
            ("400", Some("4.00")),
            ("4.01", None),
            ("455", None),
            ("-1", None),
            ("5", None),
        ] {
            match gpa(text) {
                Outcome::Refused(fault) => assert_eq!(fault.suggestion.as_deref(), suggestion, "{text}"),
                other => panic!("{text}: {other:?}"),
            }
        }
        assert_eq!(
            gpa("3.499999").map(two_places),
            Outcome::Warned(Some("3.49".into()), Fault::new(rule::NUM_PRECISION))
        );
    }
}
