//! How well it goes, measured: how many requests were answered, how long that took, and what of it was promised.
//!
//! Owns the arithmetic: a bounded histogram that adds up between gateways and days, the months of a report, and when a promise is
//! kept. Refuses averages, and numbers finer than what was measured: a percentile is the upper bound of its bucket.

use super::agreement::Targets;
use super::day::day_in_thailand;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};

/// Upper bounds of the buckets, in milliseconds; the last one is the longest that a request may take.
pub const BOUNDS_MS: [u32; BUCKETS] =
    [1, 2, 5, 10, 20, 50, 100, 200, 500, 1_000, 2_000, 5_000, 10_000, 30_000, 120_000, 86_400_000];
pub const BUCKETS: usize = 16;

/// Requests of one client, class and day, or of many.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Tally {
    pub answered: u64,
    /// Of them, by a fault of the gateway (5xx).
    pub failed: u64,
    pub buckets: [u64; BUCKETS],
}

impl Tally {
    pub fn note(&mut self, is_failed: bool, elapsed_ms: u64) {
        self.answered += 1;
        self.failed += u64::from(is_failed);
        let at = BOUNDS_MS.iter().position(|bound| elapsed_ms <= u64::from(*bound)).unwrap_or(BUCKETS - 1);
        self.buckets[at] += 1;
    }

    pub fn merge(&mut self, other: &Tally) {
        self.answered += other.answered;
        self.failed += other.failed;
        for (own, more) in self.buckets.iter_mut().zip(other.buckets) {
            *own += more;
        }
    }

    /// So many of 100 requests took no longer; none: there were no requests.
    pub fn percentile_ms(&self, of_hundred: u64) -> Option<u32> {
        let total: u64 = self.buckets.iter().sum();
        let wanted = (total * of_hundred).div_ceil(100).max(1);
        let mut seen = 0;
        let found = self.buckets.iter().position(|bucket| {
            seen += bucket;
            seen >= wanted
        })?;
        Some(BOUNDS_MS[found])
    }

    /// Answered without a fault, in hundredths of a per cent; none: there were no requests.
    pub fn available_bp(&self) -> Option<u32> {
        share_bp(self.answered - self.failed.min(self.answered), self.answered)
    }
}

/// `part` of `whole` in hundredths of a per cent, rounded down: what is short of a promise does not keep it. None: of nothing.
pub fn share_bp(part: u64, whole: u64) -> Option<u32> {
    let share = u128::from(part) * 10_000 / u128::from(whole.max(1));
    (whole > 0).then(|| u32::try_from(share).unwrap_or(10_000))
}

/// A month in Thailand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Month {
    first: Date,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a month is a year and a month of the common era, such as 2026-11")]
pub struct NotAMonth;

impl Month {
    pub fn parse(text: &str) -> Result<Month, NotAMonth> {
        let first = format!("{text}-01").parse::<Date>().ok().filter(|_| text.len() == 7).ok_or(NotAMonth)?;
        if (2_000..=2_200).contains(&first.year()) { Ok(Month { first }) } else { Err(NotAMonth) }
    }

    pub fn of(day: Date) -> Month {
        Month { first: day.first_of_month() }
    }

    pub fn first(self) -> Date {
        self.first
    }

    pub fn last(self) -> Date {
        self.first.last_of_month()
    }

    pub fn before(self) -> Month {
        Month::of(self.first.yesterday().unwrap_or(self.first))
    }
}

impl std::fmt::Display for Month {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:04}-{:02}", self.first.year(), self.first.month())
    }
}

/// The moment a day begins in Thailand.
pub fn start_of(day: Date) -> Timestamp {
    let zone = TimeZone::fixed(Offset::constant(7));
    day.to_zoned(zone).map_or(Timestamp::MIN, |start| start.timestamp())
}

/// The minute of a day in Thailand.
pub fn minute_of(at: Timestamp) -> (Date, u16) {
    let day = day_in_thailand(at);
    let minute = at.duration_since(start_of(day)).as_secs() / 60;
    (day, u16::try_from(minute).unwrap_or(0).min(MINUTES - 1))
}

pub const MINUTES: u16 = 1_440;

/// The minutes of a day in which a gateway was there, one bit each.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Minutes([u8; 180]);

impl Default for Minutes {
    fn default() -> Self {
        Minutes([0; 180])
    }
}

impl Minutes {
    /// None: not such bytes.
    pub fn from_bytes(bytes: &[u8]) -> Option<Minutes> {
        bytes.try_into().ok().map(Minutes)
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    pub fn set(&mut self, minute: u16) {
        if let Some(byte) = self.0.get_mut(usize::from(minute / 8)) {
            *byte |= 1 << (minute % 8);
        }
    }

    pub fn merge(&mut self, other: &Minutes) {
        self.0.iter_mut().zip(other.0).for_each(|(own, more)| *own |= more);
    }

    pub fn first(&self) -> Option<u16> {
        (0..MINUTES).find(|minute| self.0[usize::from(minute / 8)] & (1 << (minute % 8)) != 0)
    }

    pub fn count(&self) -> u64 {
        self.0.iter().map(|byte| u64::from(byte.count_ones())).sum()
    }
}

/// What was measured of one class of requests.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClassReport {
    /// `read`, `submit` or `lookup`.
    pub class: String,
    pub answered: u64,
    pub failed: u64,
    /// Half of the requests, 95 and 99 of 100 took this long at most.
    pub p50_ms: Option<u32>,
    pub p95_ms: Option<u32>,
    pub p99_ms: Option<u32>,
}

impl ClassReport {
    pub fn of(class: &str, tally: &Tally) -> ClassReport {
        ClassReport {
            class: class.to_owned(),
            answered: tally.answered,
            failed: tally.failed,
            p50_ms: tally.percentile_ms(50),
            p95_ms: tally.percentile_ms(95),
            p99_ms: tally.percentile_ms(99),
        }
    }
}

/// How old the newest data of one mapping are.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct FreshReport {
    pub mapping: String,
    pub last_committed_at: Option<String>,
    /// None: nothing was ever committed.
    pub age_days: Option<u32>,
}

/// Rounds whose due day lies in the month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct DueReport {
    pub mapping: String,
    pub round: String,
    pub due: String,
    pub first_committed_at: Option<String>,
    pub is_on_time: bool,
}

/// First files of a round that came to their end in the month.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct FirstReport {
    pub files: u64,
    /// Refused as a whole.
    pub files_refused: u64,
    pub rows_received: u64,
    pub rows_accepted: u64,
}

/// One promise and what became of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Promise {
    /// As in the agreement: `availability_bp`, `read_p95_ms` …
    pub name: String,
    pub promised: u32,
    /// None: nothing to measure it by.
    pub measured: Option<u32>,
    pub is_kept: Option<bool>,
}

/// What was measured for one agreement in one month.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ServiceReport {
    pub agreement: String,
    pub agency: String,
    pub month: String,
    /// First and last day that were measured: of the month, within the term, not after today.
    pub from: String,
    pub until: String,
    /// Requests of its clients answered without a fault of the gateway, in hundredths of a per cent.
    pub availability_bp: Option<u32>,
    /// Minutes in which a gateway was there.
    pub gateway_bp: Option<u32>,
    pub requests: Vec<ClassReport>,
    pub data_sets: Vec<FreshReport>,
    pub rounds: Vec<DueReport>,
    pub on_time_bp: Option<u32>,
    pub first: FirstReport,
    pub first_time_bp: Option<u32>,
    pub promises: Vec<Promise>,
}

const FRESHNESS: &str = "freshness_days";

impl ServiceReport {
    /// Holds what was measured against what was promised.
    pub fn judge(&mut self, targets: &Targets) {
        let p95 = |class: &str| self.requests.iter().find(|one| one.class == class).and_then(|one| one.p95_ms);
        // The oldest data set counts; where one never came there is no age, and the promise is not kept.
        let has_all = self.data_sets.iter().all(|one| one.age_days.is_some());
        let oldest = self.data_sets.iter().filter_map(|one| one.age_days).max().filter(|_| has_all);
        let floors = [
            ("availability_bp", targets.availability_bp, self.availability_bp),
            ("on_time_bp", targets.on_time_bp, self.on_time_bp),
            ("first_time_bp", targets.first_time_bp, self.first_time_bp),
        ];
        let ceilings = [
            ("read_p95_ms", targets.read_p95_ms, p95("read")),
            ("submit_p95_ms", targets.submit_p95_ms, p95("submit")),
            ("lookup_p95_ms", targets.lookup_p95_ms, p95("lookup")),
            (FRESHNESS, targets.freshness_days, oldest),
        ];
        let promise = |name: &str, promised: u32, measured: Option<u32>, is_floor: bool| {
            let is_kept = measured.map(|measured| if is_floor { measured >= promised } else { measured <= promised });
            let is_kept = if name == FRESHNESS && !has_all { Some(false) } else { is_kept };
            Promise { name: name.to_owned(), promised, measured, is_kept }
        };
        let floors = floors.into_iter().map(|one| (one, true));
        let all = floors.chain(ceilings.into_iter().map(|one| (one, false)));
        self.promises = all
            .filter_map(|((name, promised, measured), is_floor)| Some(promise(name, promised?, measured, is_floor)))
            .collect();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_percentile_is_the_bound_of_its_bucket_and_tallies_add_up() {
        let (mut one, mut two) = (Tally::default(), Tally::default());
        for ms in [0, 1, 2, 3, 9] {
            one.note(false, ms);
        }
        for ms in [40, 90, 1_001, 30_001, u64::MAX] {
            two.note(ms > 10_000, ms);
        }
        assert_eq!((one.percentile_ms(50), one.percentile_ms(99)), (Some(2), Some(10)));
        one.merge(&two);
        assert_eq!((one.answered, one.failed, one.buckets.iter().sum::<u64>()), (10, 2, 10));
        assert_eq!([1, 50, 60, 95].map(|of| one.percentile_ms(of)), [Some(1), Some(10), Some(50), Some(86_400_000)]);
        assert_eq!(one.available_bp(), Some(8_000));
        assert_eq!((Tally::default().percentile_ms(95), Tally::default().available_bp()), (None, None));
        assert_eq!(
            (share_bp(2, 3), share_bp(29_999, 30_000)),
            (Some(6_666), Some(9_999)),
            "short of it is short of it"
        );
    }

    #[test]
    fn a_promise_is_kept_at_its_very_number_and_by_nothing_that_never_came() {
        let fresh = |age_days| FreshReport { mapping: "a".into(), last_committed_at: None, age_days };
        let mut report = ServiceReport {
            agreement: String::new(),
            agency: String::new(),
            month: String::new(),
            from: String::new(),
            until: String::new(),
            availability_bp: Some(9_950),
            gateway_bp: None,
            requests: vec![ClassReport { p95_ms: Some(200), ..ClassReport::of("read", &Tally::default()) }],
            data_sets: vec![fresh(Some(3)), fresh(Some(7))],
            rounds: Vec::new(),
            on_time_bp: None,
            first: FirstReport::default(),
            first_time_bp: None,
            promises: Vec::new(),
        };
        let targets = |availability_bp, read_p95_ms, freshness_days| Targets {
            availability_bp: Some(availability_bp),
            read_p95_ms: Some(read_p95_ms),
            freshness_days: Some(freshness_days),
            on_time_bp: Some(1),
            ..Targets::default()
        };
        let mut kept = |targets: Targets| {
            report.judge(&targets);
            report.promises.iter().map(|one| one.is_kept).collect::<Vec<_>>()
        };
        let (yes, no) = (Some(true), Some(false));
        assert_eq!(kept(targets(9_950, 200, 7)), [yes, None, yes, yes]);
        assert_eq!(kept(targets(9_951, 199, 6)), [no, None, no, no]);
        report.data_sets.push(fresh(None));
        report.judge(&targets(9_950, 200, 300));
        assert_eq!((report.promises[3].measured, report.promises[3].is_kept), (None, no));
    }

    #[test]
    fn months_and_minutes_are_those_of_thailand() {
        let month = Month::parse("2026-02").unwrap();
        assert_eq!(
            (month.first(), month.last(), month.to_string()),
            (date(2026, 2, 1), date(2026, 2, 28), "2026-02".into())
        );
        assert_eq!(Month::parse("2026-01").unwrap().before().to_string(), "2025-12");
        for bad in ["2026-13", "2026-1", "26-01", "2569-02x", "2569-02", ""] {
            assert_eq!(Month::parse(bad), Err(NotAMonth), "{bad}");
        }
        assert_eq!(start_of(date(2026, 11, 1)).to_string(), "2026-10-31T17:00:00Z");
        assert_eq!(minute_of("2026-10-31T17:01:30Z".parse().unwrap()), (date(2026, 11, 1), 1));
        assert_eq!(minute_of("2026-10-31T16:59:59Z".parse().unwrap()), (date(2026, 10, 31), 1_439));
    }

    #[test]
    fn minutes_of_gateways_come_together_as_those_in_which_any_was_there() {
        let (mut one, mut two) = (Minutes::default(), Minutes::default());
        assert_eq!(one.first(), None);
        for minute in [5, 6, 1_439] {
            one.set(minute);
        }
        for minute in [6, 7, 1_440] {
            two.set(minute);
        }
        one.merge(&two);
        assert_eq!((one.count(), one.first()), (4, Some(5)));
        assert_eq!(Minutes::from_bytes(one.as_bytes()), Some(one));
        assert_eq!(Minutes::from_bytes(b"x"), None);
    }
}
