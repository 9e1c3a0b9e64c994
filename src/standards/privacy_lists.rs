//! Two lists of the data-protection officer, compiled: how long what is kept, and the grounds of decisions.
//!
//! Refuses a list that leaves out a class, keeps traffic data shorter than the law wants, lets the journal end, or names a ground
//! without both languages. All faults are reported together, each with its line and column.

use crate::domain::retention::{ClassPolicy, DataClass, ErasedBy, Period, RetentionPolicy};
use crate::domain::subject::{DecisionGround, Outcome, RequestKind, SUBSIDY_EVIDENCE};
use crate::domain::text::Bilingual;
use serde::Deserialize;
use serde_saphyr::Spanned;

/// Longest document, in bytes.
const BYTES_MAX: usize = 256 << 10;
/// Computer Crime Act B.E. 2550, s. 26.
const TRAFFIC_DAYS_MIN: u32 = 90;
const DAYS_MAX: u32 = 36_500;
const OPEN_DAYS: std::ops::RangeInclusive<u32> = 30..=1_830;

/// One fault with its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ListFault {
    pub line: Option<u32>,
    pub column: Option<u32>,
    pub message: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawPolicy {
    round_open_days: Spanned<u32>,
    classes: Vec<Spanned<RawClass>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawClass {
    class: Spanned<String>,
    days: Spanned<RawDays>,
    erased_by: Spanned<String>,
    title: Spanned<Bilingual>,
    what: Spanned<Bilingual>,
    ground: Spanned<Bilingual>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawDays {
    Number(u32),
    Word(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawGround {
    ground: Spanned<String>,
    outcome: Spanned<String>,
    kinds: Vec<Spanned<String>>,
    title: Spanned<Bilingual>,
    act: Spanned<Bilingual>,
}

#[derive(Default)]
struct Faults(Vec<ListFault>);

impl Faults {
    fn at<T>(&mut self, place: &Spanned<T>, message: impl Into<String>) {
        let (line, column) = (u32::try_from(place.defined.line()).ok(), u32::try_from(place.defined.column()).ok());
        self.0.push(ListFault { line, column, message: message.into() });
    }

    fn of_all(&mut self, message: impl Into<String>) {
        self.0.push(ListFault { line: None, column: None, message: message.into() });
    }

    fn both(&mut self, what: &str, text: &Spanned<Bilingual>) {
        if text.value.th.trim().is_empty() || text.value.en.trim().is_empty() {
            self.at(text, format!("{what}: both languages are needed"));
        }
    }
}

fn parse<T: for<'a> Deserialize<'a>>(text: &str) -> Result<T, Vec<ListFault>> {
    let fault = |line, column, message| vec![ListFault { line, column, message }];
    if text.len() > BYTES_MAX {
        return Err(fault(None, None, format!("longer than {BYTES_MAX} bytes")));
    }
    serde_saphyr::from_str(text).map_err(|error| {
        let at = error.location();
        let number = |number: u64| u32::try_from(number).ok();
        let (line, column) = (at.and_then(|at| number(at.line())), at.and_then(|at| number(at.column())));
        fault(line, column, error.without_snippet().to_string())
    })
}

/// `schemas/retention.yaml`.
pub fn retention(text: &str) -> Result<RetentionPolicy, Vec<ListFault>> {
    let raw: RawPolicy = parse(text)?;
    let mut faults = Faults::default();
    if !OPEN_DAYS.contains(&raw.round_open_days.value) {
        faults.at(&raw.round_open_days, format!("round_open_days: from {} to {}", OPEN_DAYS.start(), OPEN_DAYS.end()));
    }
    let mut classes: Vec<ClassPolicy> = Vec::new();
    for raw in raw.classes {
        let raw = raw.value;
        let Some(class) = DataClass::parse(&raw.class.value) else {
            let known: Vec<&str> = DataClass::ALL.iter().map(|class| class.as_str()).collect();
            faults.at(&raw.class, format!("there is no class {}; there are: {}", raw.class.value, known.join(", ")));
            continue;
        };
        if classes.iter().any(|known| known.class == class) {
            faults.at(&raw.class, format!("the class {} stands twice", class.as_str()));
        }
        for (what, text) in [("title", &raw.title), ("what", &raw.what), ("ground", &raw.ground)] {
            faults.both(what, text);
        }
        let erased_by = match raw.erased_by.value.as_str() {
            "operator" => ErasedBy::Operator,
            "gateway" => ErasedBy::Gateway,
            _ => {
                faults.at(&raw.erased_by, "erased_by: gateway or operator");
                ErasedBy::Gateway
            }
        };
        if (erased_by == ErasedBy::Operator) != (class == DataClass::RequestLog) {
            faults.at(&raw.erased_by, format!("erased_by: {} is not the other's to erase", class.as_str()));
        }
        if let Some(period) = period(class, &raw.days, &mut faults) {
            let (title, what, ground) = (raw.title.value, raw.what.value, raw.ground.value);
            classes.push(ClassPolicy { class, period, erased_by, title, what, ground });
        }
    }
    if faults.0.is_empty() {
        let missing = DataClass::ALL.iter().filter(|class| !classes.iter().any(|known| known.class == **class));
        missing.for_each(|class| faults.of_all(format!("the class {} is missing", class.as_str())));
    }
    classes.sort_by_key(|one| one.class);
    if faults.0.is_empty() {
        Ok(RetentionPolicy { round_open_days: raw.round_open_days.value, classes })
    } else {
        Err(faults.0)
    }
}

fn period(class: DataClass, raw: &Spanned<RawDays>, faults: &mut Faults) -> Option<Period> {
    let wanted = match class {
        DataClass::AccessLog => Some(("purpose", Period::ByPurpose)),
        DataClass::Journal => Some(("forever", Period::Forever)),
        _ => None,
    };
    match (&raw.value, wanted) {
        (RawDays::Word(word), Some((name, period))) if word == name => Some(period),
        (_, Some((name, _))) => {
            faults.at(raw, format!("days: {} takes `{name}` and nothing else", class.as_str()));
            None
        }
        (RawDays::Number(days), None) => {
            let least = if class.is_traffic() { TRAFFIC_DAYS_MIN } else { 1 };
            if !(least..=DAYS_MAX).contains(days) {
                faults.at(raw, format!("days: {} is kept from {least} to {DAYS_MAX} days", class.as_str()));
            }
            Some(Period::Days(*days))
        }
        (RawDays::Word(_), None) => {
            faults.at(raw, format!("days: {} takes a number of days", class.as_str()));
            None
        }
    }
}

/// `schemas/subject_grounds.yaml`, in its own order.
pub fn grounds(text: &str) -> Result<Vec<DecisionGround>, Vec<ListFault>> {
    let raw: Vec<RawGround> = parse(text)?;
    let mut faults = Faults::default();
    let mut all: Vec<DecisionGround> = Vec::new();
    for raw in raw {
        let code = raw.ground.value.clone();
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
        if code.len() > 40 || !code.split('-').all(is_word) {
            faults.at(&raw.ground, "a ground is named by lower-case letters and hyphens, 40 at most");
        } else if all.iter().any(|known| known.code == code) {
            faults.at(&raw.ground, format!("the ground {code} stands twice"));
        }
        let outcome = Outcome::parse(&raw.outcome.value).filter(|outcome| *outcome != Outcome::Withdraw);
        if outcome.is_none() {
            faults.at(&raw.outcome, "outcome: refuse or fulfil");
        }
        let mut kinds = Vec::new();
        for kind in &raw.kinds {
            match RequestKind::parse(&kind.value) {
                Some(known) => kinds.push(known),
                None => faults.at(kind, "kinds: access, correction, erasure or objection"),
            }
        }
        if kinds.is_empty() {
            faults.at(&raw.ground, format!("the ground {code} is for no kind of request"));
        }
        faults.both("title", &raw.title);
        faults.both("act", &raw.act);
        if let Some(outcome) = outcome {
            all.push(DecisionGround { code, outcome, kinds, title: raw.title.value, act: raw.act.value });
        }
    }
    if faults.0.is_empty() && !all.iter().any(|known| known.code == SUBSIDY_EVIDENCE) {
        faults.of_all(format!("the ground {SUBSIDY_EVIDENCE} is missing: the gateway itself names it"));
    }
    if faults.0.is_empty() { Ok(all) } else { Err(faults.0) }
}

#[cfg(test)]
mod tests {
    use super::*;

    const RETENTION: &str = include_str!("../../schemas/retention.yaml");
    const GROUNDS: &str = include_str!("../../schemas/subject_grounds.yaml");

    fn faults(from: &str, to: &str) -> Vec<String> {
        assert!(RETENTION.contains(from), "{from}");
        let said = |fault: ListFault| {
            let place =
                fault.line.zip(fault.column).map_or(String::new(), |(line, column)| format!("{line}:{column} "));
            format!("{place}{}", fault.message)
        };
        retention(&RETENTION.replacen(from, to, 1)).unwrap_err().into_iter().map(said).collect()
    }

    #[test]
    fn the_published_lists_have_every_class_and_a_ground_for_every_kind() {
        let policy = retention(RETENTION).unwrap();
        let classes: Vec<DataClass> = policy.classes.iter().map(|one| one.class).collect();
        assert_eq!(classes, DataClass::ALL);
        assert_eq!(policy.period(DataClass::AccessLog), Period::ByPurpose);
        let grounds = grounds(GROUNDS).unwrap();
        for kind in RequestKind::ALL {
            assert!(grounds.iter().any(|one| one.outcome == Outcome::Refuse && one.kinds.contains(kind)), "{kind:?}");
        }
    }

    #[test]
    fn a_list_that_keeps_too_short_or_leaves_out_is_refused_with_the_place() {
        assert_eq!(faults("days: 90\n", "days: 89\n"), ["58:11 days: request-log is kept from 90 to 36500 days"]);
        assert_eq!(faults("days: forever", "days: 3650"), ["64:11 days: journal takes `forever` and nothing else"]);
        assert_eq!(faults("days: purpose", "days: 30"), ["28:11 days: access-log takes `purpose` and nothing else"]);
        assert_eq!(
            faults("class: findings", "class: finding")[0].split(';').next(),
            Some("21:12 there is no class finding")
        );
        assert_eq!(faults("round_open_days: 180", "round_open_days: 3"), ["7:18 round_open_days: from 30 to 1830"]);
        assert_eq!(faults("en: \"The journal\"", "en: ''"), ["66:12 title: both languages are needed"]);
        let cut = RETENTION.split("  - class: journal").next().unwrap();
        assert_eq!(retention(cut).unwrap_err()[0].message, "the class journal is missing");
        assert!(faults("days: 730", "dayz: 730")[0].contains("dayz"));
    }

    #[test]
    fn a_ground_says_what_it_is_for() {
        let said = |from: &str, to: &str| grounds(&GROUNDS.replacen(from, to, 1)).unwrap_err().remove(0).message;
        assert_eq!(said("\n  outcome: refuse", "\n  outcome: withdraw"), "outcome: refuse or fulfil");
        assert_eq!(said("kinds: [access]", "kinds: [reading]"), "kinds: access, correction, erasure or objection");
        assert_eq!(said("harms-others", "law-or-court-order"), "the ground law-or-court-order stands twice");
        assert!(said("subsidy-evidence", "subsidy").contains("is missing"));
    }
}
