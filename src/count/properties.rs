//! Properties of the whole count, tried on small random rounds. Test code only.

use super::Standing;
use super::audit::{Audit, AuditError, Outcome};
use super::case::cases;
use super::headcount::Intake;
use super::manifest::{Difference, Input, ListVersion, Manifest, Sha256};
use super::register::Register;
use super::report::{CASES_DEFAULT, CountReport};
use super::samples::{own_rules, place, school};
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::{KeyedHash, Place, School};
use crate::domain::headcount::{Headcounts, Tally};
use crate::domain::learner_id::{LearnerId, check_digit};
use crate::domain::round::Round;
use jiff::civil::date;
use proptest::prelude::*;
use std::collections::BTreeMap;

const SCHOOLS: [(&str, &str, &str); 7] = [
    ("10", "1020000001", "open"),
    ("10", "1020000002", "open"),
    ("10", "1020000099", "closed"),
    ("11", "1120000001", "open"),
    ("12", "1220000001", "open"),
    ("13", "1320000001", "open"),
    ("13", "1320000777", "unknown"),
];
const GRADES: [&str; 5] = ["P1", "M4", "M5", "VC1", "NFE3"];

/// Stands for SHA-256 here: any function that tells texts apart.
fn digest(bytes: &[u8]) -> [u8; 32] {
    let mut out = [0; 32];
    for (at, chunk) in out.chunks_mut(8).enumerate() {
        let seed = 0xcbf2_9ce4_8422_2325_u64 ^ (at as u64 + 1);
        let hash = bytes.iter().fold(seed, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3));
        chunk.copy_from_slice(&hash.to_be_bytes());
    }
    out
}

#[derive(Default)]
struct Digest(Vec<u8>);

impl Sha256 for Digest {
    fn update(&mut self, bytes: &[u8]) {
        self.0.extend(bytes);
    }

    fn finish(self) -> [u8; 32] {
        digest(&self.0)
    }
}

fn add(tally: &mut Tally, place: &Place, learners: u32) {
    let school = tally.school(place.agency, &place.school_id);
    let group = tally.group(&place.grade, &place.sex, place.status.as_deref());
    tally.add(school, group, learners);
}

fn citizen(learner: u8) -> LearnerId {
    let body = format!("199{learner:09}");
    LearnerId::citizen(&format!("{body}{}", char::from(check_digit(body.as_bytes())))).unwrap()
}

/// A keyed hash under a key: another key gives another hash and another order.
fn keyed(key: u8, what: u8) -> KeyedHash {
    let mut hash = [key ^ what.wrapping_mul(151); 16];
    hash[15] = what;
    hash
}

fn a_place() -> impl Strategy<Value = Place> {
    let day = prop::option::of((2020_i16..2027, 1_i8..=12));
    let who = (0_u8..12, 0_u8..3, 0_u8..3);
    let at = (0..SCHOOLS.len(), 0..GRADES.len(), any::<bool>());
    let how = (prop::bool::weighted(0.15), prop::bool::weighted(0.4), 3_u8..40, 1_u64..500);
    (who, at, how, day).prop_map(|((who, name, birth), (at, grade, female), (left, dual, age, row), entry)| Place {
        learner: [who; 16],
        name: [name; 16],
        birth: [birth; 16],
        person: [name * 3 + birth; 16],
        sex: if female { "F".into() } else { "M".into() },
        status: left.then(|| "graduated".into()),
        dual_programme: dual,
        age_years: age,
        entry_date: entry.map(|(year, month)| date(year, month, 1)),
        row,
        ..place(SCHOOLS[at].0, SCHOOLS[at].1, GRADES[grade])
    })
}

/// A round: no two places are the same row.
fn some_places(at_most: usize) -> impl Strategy<Value = Vec<Place>> {
    prop::collection::vec(a_place(), 0..at_most).prop_map(|mut places| {
        for (row, place) in places.iter_mut().enumerate() {
            place.row += 1000 * row as u64;
        }
        places
    })
}

fn register() -> Register {
    let schools: Vec<School> = SCHOOLS
        .iter()
        .filter(|(_, _, status)| *status != "unknown")
        .map(|(agency, id, status)| school(id, AgencyCode::parse(agency).unwrap(), status))
        .collect();
    Register::on(date(2026, 6, 10), &schools)
}

fn groups(places: &[Place], key: fn(&Place) -> KeyedHash) -> Vec<Vec<Place>> {
    let mut groups: BTreeMap<KeyedHash, Vec<Place>> = BTreeMap::new();
    for place in places {
        groups.entry(key(place)).or_default().push(place.clone());
    }
    groups.into_values().filter(|group| group.len() > 1).collect()
}

/// Counts the round as a gateway with that key would, the places in the order given.
fn count(places: &[Place], key: u8) -> Result<(Outcome, CountReport), AuditError> {
    let places: Vec<Place> = places
        .iter()
        .map(|place| Place {
            learner: keyed(key, place.learner[0]),
            name: keyed(key, place.name[0]),
            birth: keyed(key, place.birth[0]),
            person: keyed(key, place.person[0]),
            ..place.clone()
        })
        .collect();
    let (rules, register) = (own_rules(), register());
    let mut audit = Audit::new(Round::parse("2026-06-10").unwrap(), &rules, &register);
    let mut sent: BTreeMap<AgencyCode, u64> = BTreeMap::new();
    let mut tally = Tally::default();
    for place in &places {
        *sent.entry(place.agency).or_default() += 1;
        add(&mut tally, place, 1);
        audit.age(place);
    }
    for (agency, rows) in sent {
        audit.intake(Intake { agency, received: rows + 3, refused: 2 });
    }
    for group in groups(&places, |place| place.learner) {
        audit.learner(&group)?;
    }
    for group in groups(&places, |place| place.person) {
        audit.person(&group)?;
    }
    let outcome = audit.finish(tally.finish())?;
    let input = |sha256: &str| Input {
        sha256: sha256.into(),
        agency: AgencyCode::parse("10").unwrap(),
        mapping: "obec/enrolments@1".into(),
        standard: "enrolment/1".into(),
        rows: 9,
        refused: 2,
    };
    let mut inputs = vec![input("aa"), input("bb"), input("cc")];
    if key % 2 == 1 {
        inputs.reverse();
    }
    let lists = vec![ListVersion { name: "grade".into(), version: "1".into() }];
    let open = |hash: &KeyedHash| Some(citizen(hash[15]));
    let cases = cases(&outcome, &open).unwrap();
    let manifest = Manifest::build::<Digest>(&outcome, &cases, &rules, inputs, lists);
    let report = CountReport::build(&outcome, &cases, manifest.clone(), CASES_DEFAULT);
    let written = CountReport::to_write(&outcome, &cases, manifest, CASES_DEFAULT);
    assert_eq!(serde_json::to_string(&written).unwrap(), serde_json::to_string(&report).unwrap());
    drop(cases);
    Ok((outcome, report))
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(192))]

    #[test]
    fn order_and_keys_change_nothing((places, shuffled) in some_places(40)
        .prop_flat_map(|places| (Just(places.clone()), Just(places).prop_shuffle())), key in 1_u8..200) {
        let (_, one) = count(&places, 0).unwrap();
        let (_, two) = count(&shuffled, key).unwrap();
        prop_assert_eq!(one.manifest.to_bytes().unwrap(), two.manifest.to_bytes().unwrap());
        prop_assert_eq!(&one, &two);
        prop_assert_eq!(serde_json::to_vec(&one).unwrap(), serde_json::to_vec(&two).unwrap());
    }

    #[test]
    fn the_row_numbers_are_no_part_of_the_result(places in some_places(40)) {
        let moved: Vec<Place> = places.iter().map(|place| Place { row: 100_000 - place.row, ..place.clone() }).collect();
        let (one, two) = (count(&places, 0).unwrap().1, count(&moved, 0).unwrap().1);
        prop_assert_eq!(one.manifest.differences(&two.manifest), []);
    }

    #[test]
    fn every_accepted_place_ends_in_one_column(places in some_places(60)) {
        let (outcome, report) = count(&places, 5).unwrap();
        for of in &report.agencies {
            prop_assert_eq!(of.accepted, of.payable + of.duplicate + of.disputed + of.closed + of.not_studying);
            prop_assert_eq!(of.received, of.invalid + of.superseded + of.accepted);
            prop_assert!(of.duplicate_permitted <= of.duplicate);
        }
        let accepted: u64 = report.agencies.iter().map(|of| of.accepted).sum();
        prop_assert_eq!(accepted, places.len() as u64);
        let payable: u64 = report.agencies.iter().map(|of| of.payable).sum();
        prop_assert_eq!(payable, report.payable.total);
        prop_assert_eq!(payable, report.payable.by_school.0.total());
        // Counted directly: an open, counted learner is paid once unless the number is disputed.
        let mut learners: BTreeMap<u8, Vec<&Place>> = BTreeMap::new();
        for place in places.iter().filter(|place| place.status.is_none()) {
            learners.entry(place.learner[0]).or_default().push(place);
        }
        let open = |place: &&Place| register().state(&place.school_id) == super::SchoolState::Open;
        let paid = learners.values().filter(|places| {
            let pairs = places.iter().flat_map(|a| places.iter().map(move |b| (a, b)));
            let shared = pairs.into_iter().any(|(a, b)| a.name != b.name && a.birth != b.birth);
            !shared && places.iter().any(open)
        }).count();
        prop_assert_eq!(payable, paid as u64);
        for one in &outcome.decisions {
            prop_assert!(one.places.iter().filter(|place| place.standing == Standing::Payable).count() <= 1);
        }
    }

    #[test]
    fn findings_count_learners_once_per_rule(places in some_places(60)) {
        let (outcome, report) = count(&places, 5).unwrap();
        let counted = |place: &&Place| place.status.is_none();
        let mut closed: Vec<u8> = places.iter().filter(counted)
            .filter(|place| register().state(&place.school_id) != super::SchoolState::Open)
            .map(|place| place.learner[0]).collect();
        closed.sort();
        closed.dedup();
        prop_assert_eq!(report.findings["CNT-CLOSED"], closed.len() as u64);
        let mut aged: Vec<u8> = places.iter().filter(counted)
            .filter(|place| !own_rules().ages.possible(&place.grade, place.age_years, date(2026, 6, 10)))
            .map(|place| place.learner[0]).collect();
        aged.sort();
        aged.dedup();
        prop_assert_eq!(report.findings["CNT-AGE"], aged.len() as u64);
        let decided: u64 = ["CNT-ID-SHARED", "CNT-DUP-AGENCY", "CNT-DUP-SCHOOL", "CNT-DUP-ROW", "CNT-DUAL-OK"]
            .iter().map(|rule| report.findings[*rule]).sum();
        prop_assert_eq!(decided, outcome.decisions.len() as u64);
        prop_assert_eq!(report.findings.len(), 8);
    }

    #[test]
    fn no_plain_number_and_no_keyed_hash_is_written(places in some_places(30)) {
        let (_, report) = count(&places, 5).unwrap();
        let json = serde_json::to_string(&report).unwrap();
        for learner in 0..12 {
            prop_assert!(!json.contains(citizen(learner).as_str()));
            prop_assert!(!json.contains(&data_encoding::HEXLOWER.encode(&keyed(5, learner))));
        }
        let back: CountReport = serde_json::from_str(&json).unwrap();
        prop_assert_eq!(back, report);
    }
}

#[test]
fn one_person_under_two_numbers_is_a_warning_and_both_are_paid() {
    let one = place("10", "1020000001", "M4");
    let two = Place { learner: [2; 16], ..place("12", "1220000001", "NFE3") };
    let (outcome, report) = count(&[one, two], 0).unwrap();
    assert_eq!((report.findings["CNT-ID-TWO"], report.payable.total), (1, 2));
    assert_eq!(outcome.identities_needed().len(), 2);
    let case = &report.cases[0];
    assert_eq!((case.others_masked.len(), case.places.len(), case.provisional), (1, 2, false));
    assert!(case.places.iter().all(|place| place.payable));
}

#[test]
fn groups_that_are_not_groups_are_refused() {
    let (rules, register) = (own_rules(), register());
    let fresh = || Audit::new(Round::parse("2569/1").unwrap(), &rules, &register);
    let one = place("10", "1020000001", "M4");
    let two = Place { learner: [2; 16], person: [2; 16], ..one.clone() };
    assert_eq!(fresh().learner(&[one.clone(), two.clone()]), Err(AuditError::MixedLearners));
    assert_eq!(fresh().person(&[one.clone(), two]), Err(AuditError::MixedPersons));
    let mut audit = fresh();
    audit.learner(&[one.clone(), one.clone()]).unwrap();
    assert_eq!(audit.learner(std::slice::from_ref(&one)), Err(AuditError::LearnerTwice));
    let agency = one.agency;
    assert_eq!(audit.finish(Headcounts::default()).unwrap_err(), AuditError::NotInHeadcount { agency });
    let mut audit = fresh();
    let mut tally = Tally::default();
    add(&mut tally, &one, 2);
    audit.intake(Intake { agency, received: 2, refused: 1 });
    assert_eq!(audit.finish(tally.finish()).unwrap_err(), AuditError::MoreHeldThanReceived { agency });
}

#[test]
fn a_manifest_reads_back_and_says_what_differs() {
    let (_, one) = count(&[place("10", "1020000001", "M4")], 0).unwrap();
    let (_, two) = count(&[place("10", "1020000001", "M5")], 0).unwrap();
    let bytes = one.manifest.to_bytes().unwrap();
    assert_eq!(Manifest::parse(&bytes).unwrap(), one.manifest);
    assert_eq!(one.manifest.differences(&two.manifest), [Difference::Result]);
    assert!(Manifest::parse(b"{}").is_err());
    let text = String::from_utf8(bytes).unwrap().replace("manifest/1", "manifest/9");
    assert!(matches!(Manifest::parse(text.as_bytes()), Err(super::ManifestError::Format)));
}
