//! How much a client may ask for: a burst at once, and a sustained amount in a time.
//!
//! Owns the names of the policies (they stand in the settings, with the clients, in the fields `RateLimit` and in problems)
//! and the words of an allowance: `600/min burst 100`, `64 GiB/h burst 16 GiB`, `none`. Decides nothing: that is `limit`'s.

use std::collections::BTreeMap;
use std::fmt;

/// What a request is for. Each class has policies of its own, so that reading never waits for sending.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Class {
    /// Files, and pieces of files.
    Submit,
    /// Questions about one person.
    Lookup,
    /// Everything else a client asks.
    Read,
    /// Whatever is asked without a token.
    Open,
}

impl Class {
    /// In the order in which they are shown.
    pub fn policies(self) -> &'static [Policy] {
        match self {
            Class::Submit => &[Policy::Submit, Policy::SubmitBytes, Policy::SubmitRecords],
            Class::Lookup => &[Policy::Lookup],
            Class::Read => &[Policy::Read],
            Class::Open => &[Policy::Open],
        }
    }

    pub fn as_str(self) -> &'static str {
        match self {
            Class::Submit => "submit",
            Class::Lookup => "lookup",
            Class::Read => "read",
            Class::Open => "open",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Unit {
    Requests,
    /// Counted in whole KiB; a begun one counts.
    Bytes,
    Records,
}

/// One limit, by name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Policy {
    Submit,
    SubmitBytes,
    SubmitRecords,
    Lookup,
    Read,
    Open,
}

impl Policy {
    pub const ALL: [Policy; 6] =
        [Policy::Submit, Policy::SubmitBytes, Policy::SubmitRecords, Policy::Lookup, Policy::Read, Policy::Open];

    pub fn as_str(self) -> &'static str {
        match self {
            Policy::Submit => "submit",
            Policy::SubmitBytes => "submit-bytes",
            Policy::SubmitRecords => "submit-records",
            Policy::Lookup => "lookup",
            Policy::Read => "read",
            Policy::Open => "open",
        }
    }

    pub fn parse(text: &str) -> Option<Policy> {
        Policy::ALL.into_iter().find(|policy| policy.as_str() == text)
    }

    /// Those that a client may have its own of.
    pub fn of_clients() -> impl Iterator<Item = Policy> {
        Policy::ALL.into_iter().filter(|policy| *policy != Policy::Open)
    }

    pub fn class(self) -> Class {
        match self {
            Policy::Submit | Policy::SubmitBytes | Policy::SubmitRecords => Class::Submit,
            Policy::Lookup => Class::Lookup,
            Policy::Read => Class::Read,
            Policy::Open => Class::Open,
        }
    }

    pub fn unit(self) -> Unit {
        match self {
            Policy::SubmitBytes => Unit::Bytes,
            Policy::SubmitRecords => Unit::Records,
            _ => Unit::Requests,
        }
    }

    /// Units that are counted as one.
    pub fn grain(self) -> u64 {
        if self.unit() == Unit::Bytes { KIB } else { 1 }
    }
}

const KIB: u64 = 1 << 10;
const SIZES: [(&str, u64); 4] = [("KiB", KIB), ("MiB", KIB << 10), ("GiB", KIB << 20), ("TiB", KIB << 30)];
/// A name, its other names, and its seconds.
const PERIODS: [(&str, &[&str], u32); 4] =
    [("s", &["sec", "second"], 1), ("min", &["m", "minute"], 60), ("h", &["hour"], 3_600), ("day", &["d"], 86_400)];
/// Grains of a burst or of a sustained amount.
const GRAINS_MAX: u64 = u32::MAX as u64;
/// Grains that come back in a second: time is counted in whole nanoseconds, and a grain takes some of them.
const GRAINS_PER_S_MAX: u64 = 10_000_000;
/// An empty quota is full again within this time.
const FULL_AGAIN_S_MAX: u64 = 31 * 86_400;

/// A burst, filled again at a steady rate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Quota {
    policy: Policy,
    burst: u32,
    sustained: u32,
    period_s: u32,
}

impl Quota {
    pub fn policy(&self) -> Policy {
        self.policy
    }

    /// Grains at once.
    pub fn burst(&self) -> u32 {
        self.burst
    }

    /// Time in which one grain comes back.
    pub fn interval_ns(&self) -> u64 {
        u64::from(self.period_s) * 1_000_000_000 / u64::from(self.sustained)
    }

    /// Time in which the whole burst comes back.
    pub fn window_ns(&self) -> u64 {
        self.interval_ns() * u64::from(self.burst)
    }
}

/// What a policy allows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Allowance {
    Unlimited,
    Quota(Quota),
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnAllowance {
    #[error("`{0}` is not a limit such as `600/min burst 100`, `64 GiB/h burst 16 GiB` or `none`")]
    Form(String),
    #[error("`{0}` is too much or too little: amounts go from 1 to {GRAINS_MAX} (bytes: from 1 KiB to 4095 GiB)")]
    Amount(String),
    #[error("`{0}` comes back faster than can be counted (10,000,000 a second; bytes: 9 GiB a second): write `none`")]
    TooFast(String),
    #[error("`{0}` would take longer than 31 days to fill its burst: lower the burst, or raise what is sustained")]
    TooSlow(String),
}

impl Allowance {
    /// `SUSTAINED/PERIOD`, and `burst BURST` if it is not the same amount. The period is `s`, `min`, `h` or `day`.
    pub fn parse(policy: Policy, text: &str) -> Result<Allowance, NotAnAllowance> {
        let form = || NotAnAllowance::Form(text.to_owned());
        let trimmed = text.trim();
        if trimmed == "none" {
            return Ok(Allowance::Unlimited);
        }
        let (rate, burst) = match trimmed.split_once(" burst ") {
            Some((rate, burst)) => (rate, Some(burst)),
            None => (trimmed, None),
        };
        let (sustained, period) = rate.split_once('/').ok_or_else(form)?;
        let period = period.trim();
        let is_it = |(name, others, _): &&(&str, &[&str], u32)| *name == period || others.contains(&period);
        let period_s = PERIODS.iter().find(is_it).ok_or_else(form)?.2;
        let amount = |part: &str| {
            let units = units(policy, part.trim()).ok_or_else(form)?;
            let grains = units.div_ceil(policy.grain());
            let fit = (1..=GRAINS_MAX).contains(&grains);
            u32::try_from(grains).ok().filter(|_| fit).ok_or_else(|| NotAnAllowance::Amount(text.to_owned()))
        };
        let sustained = amount(sustained)?;
        let burst = burst.map_or(Ok(sustained), amount)?;
        let quota = Quota { policy, burst, sustained, period_s };
        if u64::from(sustained) > GRAINS_PER_S_MAX * u64::from(period_s) {
            return Err(NotAnAllowance::TooFast(text.to_owned()));
        }
        if u64::from(burst) * u64::from(period_s) > FULL_AGAIN_S_MAX * u64::from(sustained) {
            return Err(NotAnAllowance::TooSlow(text.to_owned()));
        }
        Ok(Allowance::Quota(quota))
    }

    pub fn quota(self) -> Option<Quota> {
        match self {
            Allowance::Unlimited => None,
            Allowance::Quota(quota) => Some(quota),
        }
    }
}

fn units(policy: Policy, text: &str) -> Option<u64> {
    let at = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '_' | ','))).unwrap_or(text.len());
    let (digits, unit) = text.split_at(at);
    let factor = match unit.trim() {
        "" => 1,
        unit if policy.unit() == Unit::Bytes => SIZES.iter().find(|(name, _)| name.eq_ignore_ascii_case(unit))?.1,
        _ => return None,
    };
    digits.replace(['_', ','], "").parse::<u64>().ok()?.checked_mul(factor)
}

impl fmt::Display for Quota {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let period = PERIODS.iter().find(|(_, _, seconds)| *seconds == self.period_s).map_or("", |(name, _, _)| *name);
        let shown = |grains: u32| shown(self.policy, u64::from(grains) * self.policy.grain());
        write!(f, "{}/{period} burst {}", shown(self.sustained), shown(self.burst))
    }
}

impl fmt::Display for Allowance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Allowance::Unlimited => f.write_str("none"),
            Allowance::Quota(quota) => quota.fmt(f),
        }
    }
}

fn shown(policy: Policy, units: u64) -> String {
    if policy.unit() != Unit::Bytes {
        return units.to_string();
    }
    let fitting = SIZES.iter().rev().find(|(_, size)| units.is_multiple_of(*size));
    fitting.map_or_else(|| units.to_string(), |(name, size)| format!("{} {name}", units / size))
}

/// The policies in which a client differs from the others.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Overrides(BTreeMap<Policy, Allowance>);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NotAnOverride {
    #[error("`{0}` names no limit: write NAME=LIMIT with one of submit, submit-bytes, submit-records, lookup, read")]
    Name(String),
    #[error("`{0}` stands twice: give each limit once")]
    Twice(&'static str),
    #[error(transparent)]
    Allowance(#[from] NotAnAllowance),
}

impl Overrides {
    pub fn get(&self, policy: Policy) -> Option<Allowance> {
        self.0.get(&policy).copied()
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub fn iter(&self) -> impl Iterator<Item = (Policy, Allowance)> {
        self.0.iter().map(|(policy, allowance)| (*policy, *allowance))
    }

    /// Each as in [`Overrides::change`]; none of them twice.
    pub fn change_all(&mut self, texts: &[String]) -> Result<(), NotAnOverride> {
        let named = |text: &String| text.split_once('=').map(|(name, _)| name.trim().to_owned());
        let names: Vec<String> = texts.iter().filter_map(named).collect();
        let is_twice = |policy: &Policy| names.iter().filter(|name| *name == policy.as_str()).count() > 1;
        if let Some(policy) = Policy::of_clients().find(is_twice) {
            return Err(NotAnOverride::Twice(policy.as_str()));
        }
        texts.iter().try_for_each(|text| self.change(text))
    }

    /// `read=600/min burst 100`, or `read=default` for what all others have.
    pub fn change(&mut self, text: &str) -> Result<(), NotAnOverride> {
        let name = || NotAnOverride::Name(text.to_owned());
        let (policy, allowance) = text.split_once('=').ok_or_else(name)?;
        let policy = Policy::of_clients().find(|own| own.as_str() == policy.trim()).ok_or_else(name)?;
        if allowance.trim() == "default" {
            self.0.remove(&policy);
        } else {
            self.0.insert(policy, Allowance::parse(policy, allowance)?);
        }
        Ok(())
    }
}

/// `read=600/min burst 100; submit=none`
impl fmt::Display for Overrides {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (policy, allowance)) in self.iter().enumerate() {
            write!(f, "{}{}={allowance}", if at > 0 { "; " } else { "" }, policy.as_str())?;
        }
        Ok(())
    }
}

impl std::str::FromStr for Overrides {
    type Err = NotAnOverride;

    fn from_str(text: &str) -> Result<Self, NotAnOverride> {
        let mut overrides = Overrides::default();
        for part in text.split(';').filter(|part| !part.trim().is_empty()) {
            overrides.change(part)?;
        }
        Ok(overrides)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn quota(policy: Policy, text: &str) -> Quota {
        Allowance::parse(policy, text).unwrap().quota().unwrap()
    }

    #[test]
    fn an_allowance_is_a_rate_and_a_burst_and_is_shown_as_it_is_written() {
        for (policy, text, shown) in [
            (Policy::Submit, "600/min burst 100", "600/min burst 100"),
            (Policy::Read, " 1,200 / minute ", "1200/min burst 1200"),
            (Policy::SubmitBytes, "64 GiB/h burst 16 gib", "64 GiB/h burst 16 GiB"),
            (Policy::SubmitBytes, "1/s burst 1025", "1 KiB/s burst 2 KiB"),
            (Policy::SubmitRecords, "5/day", "5/day burst 5"),
        ] {
            let quota = quota(policy, text);
            assert_eq!(quota.to_string(), shown, "{text}");
            assert_eq!(Allowance::parse(policy, shown), Ok(Allowance::Quota(quota)));
        }
        assert_eq!(Allowance::parse(Policy::Read, "none"), Ok(Allowance::Unlimited));
        let read = quota(Policy::Read, "600/min burst 10");
        assert_eq!((read.interval_ns(), read.window_ns(), read.burst()), (100_000_000, 1_000_000_000, 10));
    }

    #[test]
    fn what_is_no_allowance_is_refused_with_its_cause() {
        use NotAnAllowance::{Amount, Form, TooFast, TooSlow};
        for (policy, text) in [
            (Policy::Read, ""),
            (Policy::Read, "600"),
            (Policy::Read, "600/week"),
            (Policy::Read, "6 KiB/s"),
            (Policy::Read, "-1/s"),
            (Policy::Read, "6/s burst"),
            (Policy::SubmitBytes, "6 parsec/s"),
            (Policy::SubmitBytes, "99999999999 GiB/s"),
        ] {
            assert_eq!(Allowance::parse(policy, text), Err(Form(text.into())), "{text}");
        }
        for text in ["0/s", "5/s burst 0", "4294967296/s"] {
            assert_eq!(Allowance::parse(Policy::Read, text), Err(Amount(text.into())), "{text}");
        }
        let fast = "10000001/s";
        assert_eq!(Allowance::parse(Policy::Read, fast), Err(TooFast(fast.into())));
        assert!(quota(Policy::SubmitBytes, "9 GiB/s").interval_ns() > 100);
        let slow = "1/day burst 32";
        assert_eq!(Allowance::parse(Policy::Read, slow), Err(TooSlow(slow.into())));
        assert!(Allowance::parse(Policy::Read, "1/day burst 31").is_ok());
    }

    #[test]
    fn overrides_are_written_and_read_again() {
        let mut overrides: Overrides = "".parse().unwrap();
        assert!(overrides.is_empty());
        overrides.change("submit=none").unwrap();
        overrides.change("read = 600/min burst 100").unwrap();
        assert_eq!(overrides.to_string(), "submit=none; read=600/min burst 100");
        assert_eq!(overrides.to_string().parse(), Ok(overrides.clone()));
        assert_eq!(overrides.get(Policy::Submit), Some(Allowance::Unlimited));
        overrides.change("submit=default").unwrap();
        assert_eq!(overrides.get(Policy::Submit), None);
        for bad in ["read", "open=1/s", "reed=1/s", "=1/s"] {
            assert_eq!(overrides.change(bad), Err(NotAnOverride::Name(bad.into())), "{bad}");
        }
        assert!(matches!(overrides.change("read=much"), Err(NotAnOverride::Allowance(_))));
        assert_eq!(overrides.to_string(), "read=600/min burst 100");
    }
}
