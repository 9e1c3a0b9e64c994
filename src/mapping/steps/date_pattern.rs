//! What a date field normally holds: `d/m/be`, `be-m-d`, `cemd`, `d month_th be2`, `auto`.
//!
//! Owns the little language of the step `date`. Tokens: `d` or `dd`, `m` or `mm`, `month_th`, and one
//! year: `be` (four digits, Buddhist era), `be2` (two digits, Buddhist era), `ce` (four digits, common
//! era), `y` (four digits, era told by the number). Between them `/`, `-`, `.`, a blank, or nothing:
//! without separators each part has its full width (`cemd` is `YYYYMMDD`). Refuses a pattern that
//! lacks a part or has one twice.

/// One part of a date.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatePart {
    Day,
    Month,
    Year,
}

/// Compiled pattern. It settles the order of parts and the century of two-digit years; any other
/// form of the field that can be read in one way only is taken as well.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct DatePattern {
    pub(super) order: [DatePart; 3],
    /// Two-digit years are Buddhist: 55 is 2555.
    pub(super) short_year_is_buddhist: bool,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum PatternFault {
    #[error("«{0}» is no part of a date pattern; parts are d, m, month_th, be, be2, ce, y")]
    UnknownPart(String),
    #[error("the pattern names the {0} twice")]
    Twice(&'static str),
    #[error("the pattern lacks the {0}")]
    Missing(&'static str),
}

/// Longest first: `be2` before `be`, `month_th` before `m`.
const TOKENS: [(&str, DatePart); 10] = [
    ("month_th", DatePart::Month),
    ("be2", DatePart::Year),
    ("be", DatePart::Year),
    ("ce", DatePart::Year),
    ("yyyy", DatePart::Year),
    ("y", DatePart::Year),
    ("dd", DatePart::Day),
    ("d", DatePart::Day),
    ("mm", DatePart::Month),
    ("m", DatePart::Month),
];

impl DatePart {
    fn name(self) -> &'static str {
        match self {
            DatePart::Day => "day",
            DatePart::Month => "month",
            DatePart::Year => "year",
        }
    }
}

impl DatePattern {
    /// Every unambiguous form, day before month.
    pub const AUTO: DatePattern =
        DatePattern { order: [DatePart::Day, DatePart::Month, DatePart::Year], short_year_is_buddhist: false };

    pub fn parse(text: &str) -> Result<DatePattern, PatternFault> {
        let text = text.trim();
        if text == "auto" {
            return Ok(DatePattern::AUTO);
        }
        let mut parts = Vec::new();
        let mut short_year_is_buddhist = false;
        let mut rest = text;
        while !rest.is_empty() {
            if let Some(after) = rest.strip_prefix(['/', '-', '.', ' ']) {
                rest = after;
                continue;
            }
            let Some((token, part)) = TOKENS.iter().find(|(token, _)| rest.starts_with(token)) else {
                return Err(PatternFault::UnknownPart(rest.chars().take(20).collect()));
            };
            if parts.contains(part) {
                return Err(PatternFault::Twice(part.name()));
            }
            short_year_is_buddhist |= *token == "be2";
            parts.push(*part);
            rest = rest.get(token.len()..).unwrap_or("");
        }
        for part in [DatePart::Day, DatePart::Month, DatePart::Year] {
            if !parts.contains(&part) {
                return Err(PatternFault::Missing(part.name()));
            }
        }
        match parts.as_slice() {
            [a, b, c] => Ok(DatePattern { order: [*a, *b, *c], short_year_is_buddhist }),
            _ => Err(PatternFault::Missing("day")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_say_order_and_century() {
        use DatePart::{Day, Month, Year};
        for (text, order, short) in [
            ("d/m/be", [Day, Month, Year], false),
            ("be-m-d", [Year, Month, Day], false),
            ("cemd", [Year, Month, Day], false),
            ("cemmdd", [Year, Month, Day], false),
            ("d month_th be2", [Day, Month, Year], true),
            ("m/d/ce", [Month, Day, Year], false),
            ("auto", [Day, Month, Year], false),
        ] {
            assert_eq!(DatePattern::parse(text), Ok(DatePattern { order, short_year_is_buddhist: short }), "{text}");
        }
        assert_eq!(DatePattern::parse("d/m"), Err(PatternFault::Missing("year")));
        assert_eq!(DatePattern::parse("d/d/be"), Err(PatternFault::Twice("day")));
        assert!(matches!(DatePattern::parse("d/M/be"), Err(PatternFault::UnknownPart(_))));
        assert_eq!(DatePattern::parse(""), Err(PatternFault::Missing("day")));
    }
}
