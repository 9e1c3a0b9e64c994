//! The audit of one round: takes cells and groups in any order, gives one outcome.
//!
//! Owns which learners are concerned by which rule. Refuses groups that are not groups, learners fed twice
//! and groups that the headcount does not know, because each would count somebody wrongly.

use super::decision::{Bench, DecidedPlace, Decision, GRAVITY, Standing, decide, decided};
use super::headcount::{Headcount, Heads, Intake};
use super::register::Register;
use super::rules::Rules;
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::{KeyedHash, Place};
use crate::domain::headcount::Headcounts;
use crate::domain::round::Round;
use crate::domain::rule::{CNT_AGE, CNT_CLOSED, CNT_ID_TWO, RuleCode};
use std::collections::BTreeMap;
use std::collections::btree_map::Entry;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum AuditError {
    #[error("a group of places holds more than one learner")]
    MixedLearners,
    #[error("a group of places holds more than one person")]
    MixedPersons,
    #[error("the same learner was given to the audit twice")]
    LearnerTwice,
    #[error("the same person was given to the audit twice")]
    PersonTwice,
    #[error(
        "agency {agency}: a learner's place is not in the headcount; both must be read from one state of the store"
    )]
    NotInHeadcount { agency: AgencyCode },
    #[error("agency {agency}: more rows are held than were received and not refused")]
    MoreHeldThanReceived { agency: AgencyCode },
}

/// One person under several numbers, perhaps: same name, birth date and sex.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Candidate {
    /// Each number with its places.
    pub learners: BTreeMap<KeyedHash, Vec<DecidedPlace>>,
}

/// Everything the count found.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outcome {
    pub round: Round,
    /// Learners concerned; for CNT-ID-TWO, persons.
    pub findings: BTreeMap<RuleCode, u64>,
    pub decisions: Vec<Decision>,
    pub candidates: Vec<Candidate>,
    /// Learners whose age is impossible, with the places it is impossible for.
    pub aged: BTreeMap<KeyedHash, Vec<DecidedPlace>>,
    pub headcount: Headcount,
}

/// A learner whose plain number the report and the manifest need, and one place where it is sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sought {
    pub learner: KeyedHash,
    pub submission_key: i64,
    pub row: u64,
}

pub struct Audit<'r> {
    round: Round,
    bench: Bench<'r>,
    heads: Heads,
    decisions: BTreeMap<KeyedHash, Option<Decision>>,
    persons: BTreeMap<KeyedHash, Option<Candidate>>,
    aged: BTreeMap<KeyedHash, Vec<DecidedPlace>>,
}

impl<'r> Audit<'r> {
    /// `register` must be of the round's count day.
    pub fn new(round: Round, rules: &'r Rules, register: &'r Register) -> Self {
        Audit {
            round,
            bench: Bench { rules, register, day: round.count_day() },
            heads: Heads::default(),
            decisions: BTreeMap::new(),
            persons: BTreeMap::new(),
            aged: BTreeMap::new(),
        }
    }

    /// Rows an agency sent in its submissions in force; may come in several parts.
    pub fn intake(&mut self, intake: Intake) {
        self.heads.intake(intake);
    }

    /// All places of one learner who has more than one, whatever their status.
    pub fn learner(&mut self, places: &[Place]) -> Result<(), AuditError> {
        let Some(first) = places.first() else { return Ok(()) };
        if places.iter().any(|place| place.learner != first.learner) {
            return Err(AuditError::MixedLearners);
        }
        match self.decisions.entry(first.learner) {
            Entry::Occupied(_) => Err(AuditError::LearnerTwice),
            Entry::Vacant(free) => {
                free.insert(decide(places, self.bench));
                Ok(())
            }
        }
    }

    /// All places of one person (same name, birth date and sex) who stands under more than one number.
    pub fn person(&mut self, places: &[Place]) -> Result<(), AuditError> {
        let Some(first) = places.first() else { return Ok(()) };
        if places.iter().any(|place| place.person != first.person) {
            return Err(AuditError::MixedPersons);
        }
        let Entry::Vacant(free) = self.persons.entry(first.person) else {
            return Err(AuditError::PersonTwice);
        };
        let mut learners: BTreeMap<KeyedHash, Vec<DecidedPlace>> = BTreeMap::new();
        for place in places.iter().filter(|place| self.bench.counts(place)) {
            learners.entry(place.learner).or_insert_with(one_place).push(as_warned(place, self.bench));
        }
        learners.values_mut().for_each(|places| sort(places));
        free.insert((learners.len() > 1).then_some(Candidate { learners }));
        Ok(())
    }

    /// Any place; those whose age is possible are passed over, so a store may filter first or not at all.
    pub fn age(&mut self, place: &Place) {
        let possible = self.bench.rules.ages.possible(&place.grade, place.age_years, self.bench.day);
        if !possible && self.bench.counts(place) {
            self.aged.entry(place.learner).or_insert_with(one_place).push(as_warned(place, self.bench));
        }
    }

    /// `places`: all places in force, counted.
    pub fn finish(self, places: Headcounts) -> Result<Outcome, AuditError> {
        let Audit { round, bench, heads, decisions, persons, mut aged } = self;
        // By learner already.
        let mut decisions: Vec<Decision> = decisions.into_values().flatten().collect();
        decisions.shrink_to_fit();
        let candidates: Vec<Candidate> = persons.into_values().flatten().collect();
        // What the other rules decided of a place is not undone by a warning.
        let known: BTreeMap<(KeyedHash, i64, u64), (Standing, bool)> = decisions
            .iter()
            .flat_map(|decision| {
                decision.places.iter().map(|place| {
                    ((decision.learner, place.submission_key, place.row), (place.standing, place.provisional))
                })
            })
            .collect();
        let settle = |learner: &KeyedHash, places: &mut Vec<DecidedPlace>| {
            for place in places.iter_mut() {
                if let Some((standing, provisional)) = known.get(&(*learner, place.submission_key, place.row)) {
                    (place.standing, place.provisional) = (*standing, *provisional);
                }
            }
            sort(places);
            places.dedup();
        };
        aged.iter_mut().for_each(|(learner, places)| settle(learner, places));
        let mut candidates = candidates;
        for candidate in &mut candidates {
            candidate.learners.iter_mut().for_each(|(learner, places)| settle(learner, places));
        }

        let mut findings: BTreeMap<RuleCode, u64> = GRAVITY.into_iter().map(|rule| (rule, 0)).collect();
        let headcount = heads.finish(places, decisions.iter(), bench)?;
        let mut closed_learners = headcount.closed.iter().map(|school| school.places).sum::<u64>();
        for decision in &decisions {
            *findings.entry(decision.rule).or_default() += 1;
            // The headcount knows places only: a learner claimed by two closed schools is one learner.
            let closed = decision.places.iter().filter(|place| place.standing == Standing::Closed).count() as u64;
            closed_learners = closed_learners.saturating_sub(closed.saturating_sub(1));
        }
        findings.insert(CNT_CLOSED, closed_learners);
        findings.insert(CNT_ID_TWO, candidates.len() as u64);
        findings.insert(CNT_AGE, aged.len() as u64);
        Ok(Outcome { round, findings, decisions, candidates, aged, headcount })
    }
}

fn as_warned(place: &Place, bench: Bench) -> DecidedPlace {
    let standing = if bench.open(place) { Standing::Payable } else { Standing::Closed };
    decided(place, standing, false)
}

/// Room for one place: nearly all of those who are warned of have no more.
fn one_place() -> Vec<DecidedPlace> {
    Vec::with_capacity(1)
}

fn sort(places: &mut [DecidedPlace]) {
    places.sort_by(|a, b| (&a.cell, a.row, a.submission_key).cmp(&(&b.cell, b.row, b.submission_key)));
}

impl Outcome {
    /// Learners whose plain numbers are needed, each once, by keyed hash.
    pub fn identities_needed(&self) -> Vec<Sought> {
        let decided = self.decisions.iter().map(|decision| (decision.learner, &decision.places));
        let aged = self.aged.iter().map(|(learner, places)| (*learner, places));
        let twice = self.candidates.iter().flat_map(|one| one.learners.iter().map(|(key, places)| (*key, places)));
        let mut sought: BTreeMap<KeyedHash, Sought> = BTreeMap::new();
        for (learner, places) in decided.chain(aged).chain(twice) {
            if let Some(place) = places.first() {
                sought.entry(learner).or_insert(Sought {
                    learner,
                    submission_key: place.submission_key,
                    row: place.row,
                });
            }
        }
        sought.into_values().collect()
    }
}
