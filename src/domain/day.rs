//! The day it is in Thailand: terms, due days and periods begin and end with it.
//!
//! Owns the zone (UTC+7, without summer time since 1920). Refuses clocks: the moment is given.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};

pub fn day_in_thailand(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::fixed(Offset::constant(7))).date()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_day_begins_seven_hours_before_it_does_in_greenwich() {
        let at = |text: &str| day_in_thailand(text.parse().unwrap()).to_string();
        assert_eq!([at("2026-06-09T16:59:59Z"), at("2026-06-09T17:00:00Z")], ["2026-06-09", "2026-06-10"]);
    }
}
