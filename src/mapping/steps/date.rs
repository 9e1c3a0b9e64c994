//! The step `date`: any form of a day that can be read in one way only.
//!
//! Owns the eras (a year under 2400 is common era, else Buddhist: subtract 543 *before* the day is
//! judged), spreadsheet serials, month names, time parts. Refuses days no calendar has instead of
//! rolling them over, and years that can be read two ways instead of guessing.
//!
//! The Buddhist year began on 1 April up to 2482, and 2483 had nine months only (Royal Act of
//! 6 September B.E. 2483): January to March of a year up to 2482 lie 542 years back, and those of
//! 2483 never were.

pub use super::date_pattern::{DatePart, DatePattern, PatternFault};
use super::digits::{fold, is_dash, is_scientific, unwrap_sheet_text};
use super::month::{self, Era, Words};
use super::outcome::{Fault, Outcome};
use crate::domain::round::BE_OFFSET;
use crate::domain::rule::{self, RuleCode};
use jiff::ToSpan;
use jiff::civil::Date;

/// Longest text that may still be a date, in bytes.
const BYTES_MAX: usize = 200;
/// First year number that is Buddhist.
const BUDDHIST_FROM: i32 = 2400;
/// Years (common era) a record of the ministry can speak of; the standard's own bounds are narrower.
const YEARS: std::ops::RangeInclusive<i32> = 1800..=2200;
/// The last Buddhist year that began on 1 April.
const APRIL_YEAR_LAST: i32 = 2482;
/// Five-digit serials: 1927-05-18 to 2173-10-13. Smaller numbers in a date cell are rarely dates.
const SERIALS: std::ops::RangeInclusive<i64> = 10_000..=99_999;
/// Serials of days whose year was typed in the Buddhist era and taken for common: 2400-01-01 to 2700-01-01.
const BUDDHIST_SERIALS: std::ops::RangeInclusive<i64> = 182_623..=292_198;

/// `text` is tidied. The pattern settles what the text leaves open.
#[inline]
pub fn date(text: &str, pattern: &DatePattern) -> Outcome<Date> {
    match Groups::of(text.as_bytes()) {
        // `44928.5` goes the other way: its dot is a decimal point.
        Some(groups) if groups.count != 2 => from_groups(&groups, Words::default(), pattern),
        _ => from_words(text, pattern),
    }
}

/// Up to three runs of digits, as they stand.
#[derive(Debug, Clone, Copy, Default)]
struct Groups {
    runs: [(i64, u8); 3],
    count: usize,
}

/// Longest run of digits looked at.
const RUN_MAX: u8 = 10;

impl Groups {
    /// The fast path: ASCII digits with single separators, nothing else.
    #[inline]
    fn of(bytes: &[u8]) -> Option<Groups> {
        let mut groups = Groups::default();
        let mut open = false;
        for byte in bytes {
            match byte {
                b'0'..=b'9' => groups.digit(*byte, &mut open)?,
                b'/' | b'-' | b'.' if open => open = false,
                _ => return None,
            }
        }
        (open && groups.count > 0).then_some(groups)
    }

    #[inline]
    fn digit(&mut self, byte: u8, open: &mut bool) -> Option<()> {
        if !*open {
            self.count += 1;
            *open = true;
        }
        let (value, width) = self.runs.get_mut(self.count.checked_sub(1)?)?;
        *value = *value * 10 + i64::from(byte - b'0');
        *width += 1;
        (*width <= RUN_MAX).then_some(())
    }

    fn all_zero(&self) -> bool {
        self.runs.iter().all(|(value, _)| *value == 0)
    }
}

fn refuse(rule: RuleCode) -> Outcome<Date> {
    Outcome::Refused(Fault::new(rule))
}

#[cold]
fn from_words(text: &str, pattern: &DatePattern) -> Outcome<Date> {
    if text.len() > BYTES_MAX {
        return refuse(rule::DATE_UNREADABLE);
    }
    let folded = fold(text);
    let text = unwrap_sheet_text(&folded);
    if text.is_empty() {
        return Outcome::Absent;
    }
    if is_scientific(text) {
        return refuse(rule::DATE_UNREADABLE);
    }
    let text = match without_time(text) {
        Ok(text) => text,
        Err(fault) => return Outcome::Refused(fault),
    };
    // `44928.0`, `44928.5`: a serial with its time of day.
    if let Some((whole, fraction)) = text.split_once('.')
        && whole.len() == 5
        && whole.bytes().chain(fraction.bytes()).all(|b| b.is_ascii_digit())
        && !fraction.is_empty()
    {
        return whole.parse().map_or(refuse(rule::DATE_UNREADABLE), from_serial);
    }
    let mut groups = Groups::default();
    let mut words = Words::default();
    let mut run = String::new();
    let mut open = false;
    for c in text.chars() {
        match c {
            '0'..='9' => {
                match month::read(&run, words) {
                    Some(read) => words = read,
                    None => return refuse(rule::DATE_UNREADABLE),
                }
                run.clear();
                if groups.digit(c as u8, &mut open).is_none() {
                    return refuse(rule::DATE_UNREADABLE);
                }
            }
            '/' | ',' | '\\' | '(' | ')' | '\'' | '’' => open = false,
            _ if is_dash(c) => open = false,
            _ => {
                open = false;
                run.push(c);
            }
        }
    }
    match month::read(&run, words) {
        Some(read) if groups.count > 0 => from_groups(&groups, read, pattern),
        _ => refuse(rule::DATE_UNREADABLE),
    }
}

/// Cuts the time of day. A time in another zone than Thailand's may belong to another day: refused.
fn without_time(text: &str) -> Result<&str, Fault> {
    let Some(colon) = text.find(':') else {
        return Ok(text.trim_end_matches(|c: char| c == '.' || c.is_whitespace()));
    };
    let head = text.get(..colon).unwrap_or("");
    let day = head.trim_end_matches(|c: char| c.is_ascii_digit());
    if day.len() == head.len() || day.is_empty() {
        return Err(Fault::new(rule::DATE_UNREADABLE));
    }
    let time = text.get(day.len()..).unwrap_or("").trim_end();
    let midnight = time.trim_end_matches(['Z', 'z']).bytes().all(|b| !b.is_ascii_digit() || b == b'0');
    let elsewhere = time.ends_with(['Z', 'z']) || time.contains('+') && !time.contains("+07");
    if elsewhere && !midnight {
        return Err(Fault::new(rule::DATE_AMBIGUOUS));
    }
    Ok(day.trim_end().trim_end_matches(['T', 't']).trim_end())
}

fn from_groups(groups: &Groups, words: Words, pattern: &DatePattern) -> Outcome<Date> {
    if groups.all_zero() {
        return Outcome::Absent;
    }
    let [first, second, third] = groups.runs;
    match (groups.count, words.month) {
        (1, None) => from_one(first, words.era, pattern),
        (1, Some(month)) if first.1 == 4 => partial(first.0, words.era, i64::from(month.number)),
        (2, None) if first.1 == 4 && second.1 <= 2 => partial(first.0, words.era, second.0),
        (2, None) if second.1 == 4 && first.1 <= 2 => partial(second.0, words.era, first.0),
        (2, Some(month)) => {
            let (day, year) = if first.1 >= 3 { (second, first) } else { (first, second) };
            // A Thai month makes 55 Buddhist, but not 2012: only พ.ศ. said outright does.
            assemble(year, (i64::from(month.number), 1), day, words, month.thai, pattern)
        }
        (3, None) => {
            let (year, month, day) = in_order(first, second, third, pattern);
            assemble(year, month, day, words, words.era == Some(Era::Buddhist), pattern)
        }
        _ => refuse(rule::DATE_UNREADABLE),
    }
}

type Run = (i64, u8);

/// (year, month, day). A run of four digits is the year wherever it stands; the rest follows the pattern.
fn in_order(first: Run, second: Run, third: Run, pattern: &DatePattern) -> (Run, Run, Run) {
    let month_first = {
        let place = |part| pattern.order.iter().position(|p| *p == part);
        place(DatePart::Month) < place(DatePart::Day)
    };
    let year_first = pattern.order[0] == DatePart::Year;
    if first.1 >= 3 {
        (first, second, third)
    } else if third.1 >= 3 {
        if month_first && !year_first { (third, first, second) } else { (third, second, first) }
    } else if year_first {
        (first, second, third)
    } else if month_first {
        (third, first, second)
    } else {
        (third, second, first)
    }
}

fn assemble(year: Run, month: Run, day: Run, words: Words, short_is_be: bool, pattern: &DatePattern) -> Outcome<Date> {
    if month.1 > 2 || day.1 > 2 {
        return refuse(rule::DATE_UNREADABLE);
    }
    match year.1 {
        4 => civil(year.0, words.era, month.0, day.0),
        2 if words.era != Some(Era::Common) && (short_is_be || pattern.short_year_is_buddhist) => {
            civil(2500 + year.0, Some(Era::Buddhist), month.0, day.0)
        }
        2 if (1..=12).contains(&month.0) && (1..=31).contains(&day.0) => refuse(rule::DATE_AMBIGUOUS),
        2 => refuse(rule::DATE_IMPOSSIBLE),
        _ => refuse(rule::DATE_UNREADABLE),
    }
}

/// Common-era year of a year number, before the April rule.
fn common_year(year: i64, era: Option<Era>) -> Result<(i32, bool), Fault> {
    let number = i32::try_from(year).map_err(|_| Fault::new(rule::DATE_YEAR_RANGE))?;
    let buddhist = match era {
        Some(Era::Buddhist) => true,
        Some(Era::Common) => false,
        None => number >= BUDDHIST_FROM,
    };
    let common = if buddhist { number - i32::from(BE_OFFSET) } else { number };
    if YEARS.contains(&common) { Ok((common, buddhist)) } else { Err(Fault::new(rule::DATE_YEAR_RANGE)) }
}

fn civil(year: i64, era: Option<Era>, month: i64, day: i64) -> Outcome<Date> {
    let (mut common, buddhist) = match common_year(year, era) {
        Ok(found) => found,
        Err(fault) => return Outcome::Refused(fault),
    };
    if day == 0 || month == 0 {
        return partial(year, era, month);
    }
    let be = common + i32::from(BE_OFFSET);
    if buddhist && (1..=3).contains(&month) {
        if be <= APRIL_YEAR_LAST {
            common += 1;
        } else if be == APRIL_YEAR_LAST + 1 {
            // What was meant is known, but not what was written: said, not taken.
            return match new_date(common, month, day) {
                Some(date) => Outcome::Refused(Fault::suggest(rule::DATE_IMPOSSIBLE, date.to_string())),
                None => refuse(rule::DATE_IMPOSSIBLE),
            };
        }
    }
    new_date(common, month, day).map_or(refuse(rule::DATE_IMPOSSIBLE), Outcome::Value)
}

fn new_date(year: i32, month: i64, day: i64) -> Option<Date> {
    Date::new(i16::try_from(year).ok()?, i8::try_from(month).ok()?, i8::try_from(day).ok()?).ok()
}

/// A year, or year and month: too little for a day; what is known is suggested.
fn partial(year: i64, era: Option<Era>, month: i64) -> Outcome<Date> {
    match common_year(year, era) {
        Err(fault) => Outcome::Refused(fault),
        Ok((common, _)) if month == 0 => Outcome::Refused(Fault::suggest(rule::DATE_PARTIAL, common.to_string())),
        Ok((common, _)) if month <= 12 => {
            Outcome::Refused(Fault::suggest(rule::DATE_PARTIAL, format!("{common}-{month:02}")))
        }
        Ok(_) => refuse(rule::DATE_IMPOSSIBLE),
    }
}

/// One run of digits: `YYYYMMDD`, `ddmmyyyy`, a serial, a year.
fn from_one((value, width): Run, era: Option<Era>, pattern: &DatePattern) -> Outcome<Date> {
    let split = |unit: i64| (value / unit, value % unit);
    match width {
        8 => {
            let (year, month_day) = split(10_000);
            let (day_month, last_year) = split(10_000);
            let readable = |year: i64| common_year(year, era).is_ok();
            let year_first = readable(year) && month_day / 100 <= 12;
            if !year_first && readable(last_year) && (1..=12).contains(&(day_month % 100)) {
                let (head, middle) = (day_month / 100, day_month % 100);
                return civil(last_year, era, middle, head);
            }
            civil(year, era, month_day / 100, month_day % 100)
        }
        6 => from_six(value, pattern),
        4 if common_year(value, era).is_ok() => partial(value, era, 0),
        5 if SERIALS.contains(&value) => from_serial(value),
        1..=4 => refuse(rule::DATE_SERIAL_SUSPECT),
        _ => refuse(rule::DATE_UNREADABLE),
    }
}

/// Six digits: `ddmmyy` and `yymmdd` are two-digit years; a serial of a Buddhist year taken for common.
fn from_six(value: i64, pattern: &DatePattern) -> Outcome<Date> {
    let parts = [(value / 10_000, 2), (value / 100 % 100, 2), (value % 100, 2)];
    if pattern.short_year_is_buddhist {
        let (year, month, day) = in_order(parts[0], parts[1], parts[2], pattern);
        return assemble(year, month, day, Words::default(), true, pattern);
    }
    let middle_is_month = (1..=12).contains(&parts[1].0);
    let reads_as_day = |day: i64| (1..=31).contains(&day);
    if middle_is_month && (reads_as_day(parts[0].0) || reads_as_day(parts[2].0)) {
        return refuse(rule::DATE_AMBIGUOUS);
    }
    if BUDDHIST_SERIALS.contains(&value)
        && let Some(shown) = serial_date(value)
    {
        return civil(i64::from(shown.year()), Some(Era::Buddhist), i64::from(shown.month()), i64::from(shown.day()));
    }
    refuse(rule::DATE_UNREADABLE)
}

fn from_serial(serial: i64) -> Outcome<Date> {
    if !SERIALS.contains(&serial) {
        return refuse(rule::DATE_SERIAL_SUSPECT);
    }
    serial_date(serial).map_or(refuse(rule::DATE_UNREADABLE), Outcome::Value)
}

/// Days of the 1900 system, which counts a 29 February 1900 that never was (serial 60).
fn serial_date(serial: i64) -> Option<Date> {
    let epoch = if serial < 60 { Date::constant(1899, 12, 31) } else { Date::constant(1899, 12, 30) };
    if serial == 60 {
        return None;
    }
    epoch.checked_add(serial.days()).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn auto(text: &str) -> Outcome<Date> {
        date(text, &DatePattern::AUTO)
    }

    fn iso(text: &str) -> String {
        match auto(text) {
            Outcome::Value(date) => date.to_string(),
            Outcome::Absent => "-".into(),
            Outcome::Warned(_, fault) | Outcome::Refused(fault) => {
                format!("{}{}", fault.rule, fault.suggestion.map(|s| format!(":{s}")).unwrap_or_default())
            }
        }
    }

    #[test]
    fn every_unambiguous_form_is_taken() {
        for text in [
            "20/3/2555",
            "20/03/2555",
            "2555-03-20",
            "2012-03-20",
            "20.03.2555",
            "20–03–2555",
            "๒๐/๐๓/๒๕๕๕",
            "20 มีนาคม 2555",
            "20 มี.ค. 2555",
            "20 มี. ค. 55",
            "20มี.ค.55",
            "20-มี.ค.-55",
            "วันอังคารที่ 20 มีนาคม พ.ศ. 2555",
            "20 มีนาคม พุทธศักราช 2555",
            "20 มีนาคม ค.ศ. 2012",
            "20 March 2012",
            "March 20, 2012",
            "20-Mar-2012",
            "20th March 2012",
            "20 มีนาคม 2012",
            "40988",
            "40988.75",
            "40988.0",
            "20032555",
            "20032012",
            "25550320",
            "20120320",
            "20/3/2555 0:00:00",
            "2012-03-20T00:00:00",
            "2012-03-20 13:45",
            "2012-03-20T00:00:00Z",
            "2012-03-20T08:00:00+07:00",
            "20/03/2555 เวลา 10:30 น.",
            "20/03/พ.ศ.2555",
            "239314",
            "'20/03/2555",
            "2555/3/20",
            "20 03 2555",
        ] {
            assert_eq!(iso(text), "2012-03-20", "{text}");
        }
    }

    #[test]
    fn what_is_no_day_or_two_days_is_refused() {
        for (text, out) in [
            ("29/02/2560", "SPH-DATE-001"),
            ("31/02/2562", "SPH-DATE-001"),
            ("31/11/2562", "SPH-DATE-001"),
            ("20/13/2555", "SPH-DATE-001"),
            ("32/01/2555", "SPH-DATE-001"),
            ("20120231", "SPH-DATE-001"),
            ("20/03/3098", "SPH-DATE-002"),
            ("20/03/1469", "SPH-DATE-002"),
            ("20/03/2300", "SPH-DATE-002"),
            ("20 มีนาคม พ.ศ. 2012", "SPH-DATE-002"),
            ("20/03/12", "SPH-DATE-003"),
            ("20-Mar-12", "SPH-DATE-003"),
            ("200312", "SPH-DATE-003"),
            ("2012-03-19T17:00:00Z", "SPH-DATE-003"),
            ("25550000", "SPH-DATE-004:2012"),
            ("25550300", "SPH-DATE-004:2012-03"),
            ("00/03/2555", "SPH-DATE-004:2012-03"),
            ("มีนาคม 2555", "SPH-DATE-004:2012-03"),
            ("03/2555", "SPH-DATE-004:2012-03"),
            ("พ.ศ. 2555", "SPH-DATE-004:2012"),
            ("4", "SPH-DATE-006"),
            ("300", "SPH-DATE-006"),
            ("ทดสอบ", "SPH-DATE-005"),
            ("20 มีนาคม เมษายน 2555", "SPH-DATE-005"),
            ("20/03", "SPH-DATE-005"),
            ("20 มีนาคม", "SPH-DATE-005"),
            ("20/03/255", "SPH-DATE-005"),
            ("4.0988E+4", "SPH-DATE-005"),
            ("00000000", "-"),
            ("0", "-"),
            ("0000-00-00", "-"),
        ] {
            assert_eq!(iso(text), out, "{text}");
        }
    }

    #[test]
    fn the_buddhist_year_began_in_april_up_to_2482() {
        assert_eq!(iso("01/04/2482"), "1939-04-01");
        assert_eq!(iso("31/12/2482"), "1939-12-31");
        assert_eq!(iso("31/03/2482"), "1940-03-31");
        assert_eq!(iso("29/02/2482"), "1940-02-29");
        assert_eq!(iso("01/04/2483"), "1940-04-01");
        assert_eq!(iso("15/02/2483"), "SPH-DATE-001:1940-02-15");
        assert_eq!(iso("01/01/2484"), "1941-01-01");
        assert_eq!(iso("01/01/1940"), "1940-01-01");
    }

    #[test]
    fn the_pattern_settles_order_and_century() {
        let with = |pattern: &str, text: &str| date(text, &DatePattern::parse(pattern).unwrap());
        let day = Outcome::Value(Date::constant(2012, 3, 20));
        assert_eq!(with("m/d/ce", "03/20/2012"), day);
        assert_eq!(with("d/m/be2", "20/03/55"), day);
        assert_eq!(with("be2-m-d", "55-03-20"), day);
        assert_eq!(with("dmbe2", "200355"), day);
        assert_eq!(with("cemd", "20/03/2555"), day);
        assert_eq!(with("d/m/be", "20/03/2012"), day);
        assert_eq!(with("m/d/ce", "20/03/2012"), Outcome::Refused(Fault::new(rule::DATE_IMPOSSIBLE)));
    }

    #[test]
    fn every_day_of_two_centuries_reads_back_in_every_numeric_form() {
        let thai = |text: &str| -> String {
            text.chars().map(|c| c.to_digit(10).and_then(|d| char::from_u32('๐' as u32 + d)).unwrap_or(c)).collect()
        };
        let mut day = Date::constant(1900, 1, 1);
        let last = Date::constant(2100, 12, 31);
        while day <= last {
            let (y, m, d) = (i32::from(day.year()), day.month(), day.day());
            let be = if y <= 1940 && m <= 3 { y + 542 } else { y + 543 };
            for year in [y, be] {
                for text in [
                    format!("{d:02}/{m:02}/{year}"),
                    format!("{d}/{m}/{year}"),
                    format!("{year}-{m:02}-{d:02}"),
                    format!("{year}{m:02}{d:02}"),
                    format!("{d:02}.{m:02}.{year}"),
                    format!("{d:02}{m:02}{year}"),
                    thai(&format!("{d:02}/{m:02}/{year}")),
                ] {
                    assert_eq!(auto(&text), Outcome::Value(day), "{text}");
                }
            }
            day = day.tomorrow().unwrap();
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in "[0-9๐-๙/:.TZ+ -]{0,24}|\\PC{0,30}") {
            let _ = auto(&text);
        }
    }
}
