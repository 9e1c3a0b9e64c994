//! What is decided of one learner with several places: which rule speaks, and which place is paid.
//!
//! Owns the order of gravity and the rule that proposes the paid place. It is a function of the places'
//! content alone: neither the order of submission nor the gateway's keys can change it. Refuses to pay
//! anybody under a number that two people share, until it is corrected.
//!
//! The paid place, first that applies:
//! 1. a permitted pair: the side the table names;
//! 2. the only place whose school is open;
//! 3. places that are one cell of the headcount (school, grade, sex): any of them, nothing depends on it;
//! 4. the latest entry date, if all are known, none lies after the count day and the latest is one cell's;
//! 5. provisional: first by agency code, school code, grade, sex, then row number.

use super::register::{Register, SchoolState};
use super::rules::Rules;
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::{HeadcountKey, KeyedHash, Place};
use crate::domain::finding::Severity;
use crate::domain::rule::{
    CNT_AGE, CNT_CLOSED, CNT_DUAL_OK, CNT_DUP_AGENCY, CNT_DUP_ROW, CNT_DUP_SCHOOL, CNT_ID_SHARED, CNT_ID_TWO, RuleCode,
};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// What a place is worth in the payable headcount.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Standing {
    Payable,
    /// Another place of the learner is paid.
    Duplicate,
    /// Nobody is paid before the number is corrected.
    Disputed,
    /// School closed, or not in the register, on the count day.
    Closed,
}

impl Standing {
    pub fn as_str(&self) -> &'static str {
        match self {
            Standing::Payable => "payable",
            Standing::Duplicate => "duplicate",
            Standing::Disputed => "disputed",
            Standing::Closed => "closed",
        }
    }
}

/// Why this place is the paid one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Basis {
    /// Row of the table of permitted pairs.
    PermittedPair(String),
    OnlyOpenSchool,
    NoOpenSchool,
    SameCell,
    LatestEntry,
    /// The documented order; provisional until somebody decides.
    Order,
    /// A shared number: nobody is paid.
    Disputed,
    /// Every place is paid: the finding is a warning.
    Warning,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecidedPlace {
    pub cell: HeadcountKey,
    /// Where the sealed record is found again. Never part of a report or manifest.
    pub submission_key: i64,
    pub row: u64,
    pub standing: Standing,
    pub provisional: bool,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Decision {
    pub learner: KeyedHash,
    /// The gravest that is true.
    pub rule: RuleCode,
    /// The other overlaps among the places of one person, by code.
    pub also: BTreeSet<RuleCode>,
    pub basis: Basis,
    /// By content.
    pub places: Vec<DecidedPlace>,
}

impl Decision {
    pub fn provisional(&self) -> bool {
        self.places.iter().any(|place| place.provisional)
    }
}

pub fn severity(rule: RuleCode) -> Severity {
    match rule {
        CNT_DUAL_OK => Severity::Info,
        CNT_ID_TWO | CNT_AGE => Severity::Warning,
        _ => Severity::Error,
    }
}

/// The rules of the audit, gravest first: the order of reports.
pub const GRAVITY: [RuleCode; 8] =
    [CNT_ID_SHARED, CNT_DUP_AGENCY, CNT_DUP_SCHOOL, CNT_DUP_ROW, CNT_CLOSED, CNT_ID_TWO, CNT_AGE, CNT_DUAL_OK];

/// What decisions are made by.
#[derive(Debug, Clone, Copy)]
pub struct Bench<'r> {
    pub rules: &'r Rules,
    pub register: &'r Register,
    pub day: Date,
}

impl Bench<'_> {
    pub fn counts(&self, place: &Place) -> bool {
        self.rules.statuses.counts(place.status.as_deref())
    }

    pub fn open(&self, place: &Place) -> bool {
        self.register.state(&place.school_id) == SchoolState::Open
    }
}

/// All places of one learner. None: fewer than two of them count on the day.
pub fn decide(places: &[Place], bench: Bench) -> Option<Decision> {
    let mut places: Vec<&Place> = places.iter().filter(|place| bench.counts(place)).collect();
    places.sort_by(|a, b| content(a).cmp(&content(b)));
    let first = *places.first().filter(|_| places.len() > 1)?;
    let (rule, also, basis, paid) = if shared(&places) {
        (CNT_ID_SHARED, overlaps_within_people(&places), Basis::Disputed, None)
    } else if let Some((permit, paid, unpaid)) = permitted(&places, bench) {
        let paid = if bench.open(paid) { paid } else { unpaid };
        (CNT_DUAL_OK, BTreeSet::new(), Basis::PermittedPair(permit.to_string()), Some(paid))
    } else {
        let all = overlaps(&places);
        let gravest = GRAVITY.into_iter().find(|rule| all.contains(rule)).unwrap_or(CNT_DUP_ROW);
        // Nearly always nothing, and then a new set holds no memory; there are as many as learners with several places.
        let also = all.into_iter().filter(|rule| *rule != gravest).collect();
        let (basis, paid) = propose(&places, bench);
        (gravest, also, basis, paid)
    };
    let provisional = basis == Basis::Order;
    let standing = |place: &Place| match &basis {
        _ if !bench.open(place) => Standing::Closed,
        Basis::Disputed => Standing::Disputed,
        _ if paid.is_some_and(|paid| std::ptr::eq(paid, place)) => Standing::Payable,
        _ => Standing::Duplicate,
    };
    let decided = |place: &&Place| {
        let standing = standing(place);
        // A closed school stays unpaid whoever decides.
        decided(place, standing, provisional && standing != Standing::Closed)
    };
    let places = places.iter().map(decided).collect();
    Some(Decision { learner: first.learner, rule, also, basis, places })
}

pub fn decided(place: &Place, standing: Standing, provisional: bool) -> DecidedPlace {
    DecidedPlace { cell: cell(place), submission_key: place.submission_key, row: place.row, standing, provisional }
}

pub fn cell(place: &Place) -> HeadcountKey {
    HeadcountKey {
        agency: place.agency,
        school_id: place.school_id.clone(),
        grade: place.grade.clone(),
        sex: place.sex.clone(),
    }
}

/// The documented order, then whatever else the place says; the store's key last, where nothing else differs.
fn content(place: &Place) -> impl Ord + '_ {
    let where_to = (place.agency, &place.school_id, &place.grade, &place.sex);
    let what = (place.entry_date, place.exit_date, &place.status, place.dual_programme, place.age_years);
    (where_to, place.row, what, place.submission_key)
}

/// Two places whose names and birth dates both differ. Pairs (name, birth) of which every two share one part
/// all share the same part, so no pair needs comparing: a number typed ten thousand times stays cheap.
fn shared(places: &[&Place]) -> bool {
    let differ = |key: fn(&Place) -> &KeyedHash| places.windows(2).any(|two| key(two[0]) != key(two[1]));
    differ(|place| &place.name) && differ(|place| &place.birth)
}

/// The kinds of overlap there are among these places.
fn overlaps(places: &[&Place]) -> BTreeSet<RuleCode> {
    let mut agencies: BTreeMap<AgencyCode, BTreeMap<&Arc<str>, usize>> = BTreeMap::new();
    for place in places {
        *agencies.entry(place.agency).or_default().entry(&place.school_id).or_default() += 1;
    }
    let mut found = BTreeSet::new();
    if agencies.len() > 1 {
        found.insert(CNT_DUP_AGENCY);
    }
    if agencies.values().any(|schools| schools.len() > 1) {
        found.insert(CNT_DUP_SCHOOL);
    }
    if agencies.values().any(|schools| schools.values().any(|rows| *rows > 1)) {
        found.insert(CNT_DUP_ROW);
    }
    found
}

/// The same, but only between places that agree in name and birth date.
fn overlaps_within_people(places: &[&Place]) -> BTreeSet<RuleCode> {
    let mut people: BTreeMap<(KeyedHash, KeyedHash), Vec<&Place>> = BTreeMap::new();
    for place in places {
        people.entry((place.name, place.birth)).or_default().push(place);
    }
    people.values().flat_map(|places| overlaps(places)).collect()
}

fn permitted<'p, 'r>(places: &[&'p Place], bench: Bench<'r>) -> Option<(&'r Arc<str>, &'p Place, &'p Place)> {
    match places {
        [one, two] => bench.rules.permits.find(one, two, bench.day),
        _ => None,
    }
}

fn propose<'p>(places: &[&'p Place], bench: Bench) -> (Basis, Option<&'p Place>) {
    let open: Vec<&'p Place> = places.iter().copied().filter(|place| bench.open(place)).collect();
    let Some(first) = open.first().copied() else {
        return (Basis::NoOpenSchool, None);
    };
    if open.len() == 1 {
        return (Basis::OnlyOpenSchool, Some(first));
    }
    if open.iter().all(|place| cell(place) == cell(first)) {
        return (Basis::SameCell, Some(first));
    }
    match latest_entry(&open, bench.day) {
        Some(latest) => (Basis::LatestEntry, Some(latest)),
        None => (Basis::Order, Some(first)),
    }
}

/// An unknown date may be the latest, and one after the count day can't be right: then dates decide nothing.
fn latest_entry<'p>(open: &[&'p Place], day: Date) -> Option<&'p Place> {
    let dates: Option<Vec<Date>> = open.iter().map(|place| place.entry_date.filter(|entry| *entry <= day)).collect();
    let latest = dates?.into_iter().max()?;
    let mut at_latest = open.iter().copied().filter(|place| place.entry_date == Some(latest));
    let first = at_latest.next()?;
    at_latest.all(|place| cell(place) == cell(first)).then_some(first)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::count::samples::{own_rules, place, register_of};
    use jiff::civil::date;

    fn judge(places: &[Place]) -> Option<Decision> {
        let rules = own_rules();
        let register = register_of(places.iter().filter(|place| !place.school_id.ends_with("99")));
        decide(places, Bench { rules: &rules, register: &register, day: date(2026, 6, 10) })
    }

    fn standings(decision: &Decision) -> Vec<(&str, &str, bool)> {
        decision
            .places
            .iter()
            .map(|place| (place.cell.agency_text(), place.standing.as_str(), place.provisional))
            .collect()
    }

    trait AgencyText {
        fn agency_text(&self) -> &str;
    }
    impl AgencyText for HeadcountKey {
        fn agency_text(&self) -> &str {
            self.agency.as_str()
        }
    }

    #[test]
    fn two_agencies_are_provisional_without_dates() {
        let decision = judge(&[place("12", "1220000001", "NFE3"), place("10", "1020000001", "M4")]).unwrap();
        assert_eq!((decision.rule, &decision.basis), (CNT_DUP_AGENCY, &Basis::Order));
        assert_eq!(standings(&decision), [("10", "payable", true), ("12", "duplicate", true)]);
    }

    #[test]
    fn the_latest_entry_is_paid_if_all_dates_are_known() {
        let mut old = place("10", "1020000001", "M4");
        let mut new = place("12", "1220000001", "NFE3");
        old.entry_date = Some(date(2024, 5, 16));
        new.entry_date = Some(date(2026, 5, 16));
        let decision = judge(&[old.clone(), new.clone()]).unwrap();
        assert_eq!(decision.basis, Basis::LatestEntry);
        assert_eq!(standings(&decision), [("10", "duplicate", false), ("12", "payable", false)]);

        new.entry_date = None;
        assert_eq!(judge(&[old.clone(), new.clone()]).unwrap().basis, Basis::Order);
        new.entry_date = old.entry_date;
        assert_eq!(judge(&[old.clone(), new.clone()]).unwrap().basis, Basis::Order);
        new.entry_date = Some(date(2026, 6, 11));
        assert_eq!(judge(&[old, new]).unwrap().basis, Basis::Order);
    }

    #[test]
    fn schools_and_rows_of_one_agency() {
        let one = place("10", "1020000001", "P1");
        let decision = judge(&[one.clone(), place("10", "1020000002", "P1")]).unwrap();
        assert_eq!(decision.rule, CNT_DUP_SCHOOL);
        let decision = judge(&[one.clone(), Place { row: 9, ..one.clone() }]).unwrap();
        assert_eq!((decision.rule, &decision.basis), (CNT_DUP_ROW, &Basis::SameCell));
        assert_eq!(standings(&decision), [("10", "payable", false), ("10", "duplicate", false)]);
        let decision = judge(&[one.clone(), Place { grade: "P2".into(), ..one }]).unwrap();
        assert_eq!((decision.rule, &decision.basis), (CNT_DUP_ROW, &Basis::Order));
    }

    #[test]
    fn the_gravest_speaks_and_the_rest_is_kept() {
        let one = place("10", "1020000001", "P1");
        let places =
            [one.clone(), Place { row: 2, ..one }, place("10", "1020000002", "P1"), place("11", "1120000001", "P1")];
        let decision = judge(&places).unwrap();
        assert_eq!(decision.rule, CNT_DUP_AGENCY);
        assert_eq!(decision.also, BTreeSet::from([CNT_DUP_SCHOOL, CNT_DUP_ROW]));
    }

    #[test]
    fn a_declared_dual_programme_is_permitted_and_nothing_beside_it() {
        let school = place("10", "1020000001", "M5");
        let college = Place { dual_programme: true, ..place("13", "1320000001", "VC2") };
        let decision = judge(&[college.clone(), school.clone()]).unwrap();
        assert_eq!(decision.rule, CNT_DUAL_OK);
        assert_eq!(standings(&decision), [("10", "payable", false), ("13", "duplicate", false)]);
        let third = judge(&[college.clone(), school.clone(), place("12", "1220000001", "NFE3")]).unwrap();
        assert_eq!(third.rule, CNT_DUP_AGENCY);
        let undeclared = judge(&[school.clone(), place("13", "1320000001", "VC2")]).unwrap();
        assert_eq!(undeclared.rule, CNT_DUP_AGENCY);
        let closed = judge(&[college, Place { school_id: "1020000099".into(), ..school }]).unwrap();
        assert_eq!(standings(&closed), [("10", "closed", false), ("13", "payable", false)]);
    }

    #[test]
    fn a_shared_number_needs_name_and_birth_to_differ_and_pays_nobody() {
        let one = place("10", "1020000001", "P1");
        let other_name = Place { name: [9; 16], ..place("11", "1120000001", "P1") };
        assert_eq!(judge(&[one.clone(), other_name.clone()]).unwrap().rule, CNT_DUP_AGENCY);
        let other = Place { birth: [9; 16], ..other_name.clone() };
        let decision = judge(&[one.clone(), other.clone()]).unwrap();
        assert_eq!((decision.rule, decision.also.len()), (CNT_ID_SHARED, 0));
        assert_eq!(standings(&decision), [("10", "disputed", false), ("11", "disputed", false)]);
        // The third place shares its name with one and its birth date with the other; the first two still disagree.
        let between = Place { name: [9; 16], ..place("12", "1220000001", "NFE1") };
        let decision = judge(&[one.clone(), other, between]).unwrap();
        assert_eq!(decision.rule, CNT_ID_SHARED);
        // Two who agree are twice in one school beside the stranger.
        let stranger = Place { name: [7; 16], birth: [7; 16], ..place("12", "1220000001", "NFE1") };
        let decision = judge(&[one.clone(), Place { row: 5, ..one }, stranger]).unwrap();
        assert_eq!((decision.rule, decision.also), (CNT_ID_SHARED, BTreeSet::from([CNT_DUP_ROW])));
    }

    #[test]
    fn those_who_left_do_not_count_and_closed_schools_are_never_paid() {
        let left = Place { status: Some("graduated".into()), ..place("11", "1120000001", "P6") };
        assert_eq!(judge(&[place("10", "1020000001", "M1"), left.clone()]), None);
        let closed = place("10", "1020000099", "M1");
        let decision = judge(&[closed.clone(), place("11", "1120000001", "M1"), left]).unwrap();
        assert_eq!((decision.rule, &decision.basis), (CNT_DUP_AGENCY, &Basis::OnlyOpenSchool));
        assert_eq!(standings(&decision), [("10", "closed", false), ("11", "payable", false)]);
        let decision = judge(&[closed.clone(), Place { row: 7, ..closed }]).unwrap();
        assert_eq!((decision.rule, &decision.basis), (CNT_DUP_ROW, &Basis::NoOpenSchool));
    }
}
