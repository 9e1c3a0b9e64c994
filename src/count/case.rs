//! A case: one finding about one learner, with the plain number at hand.
//!
//! Owns the one order of findings that does not depend on the gateway's keys: by gravity, then plain number.
//! The plain numbers come from the caller, serve to sort, mask and hash, and are never kept.

use super::audit::Outcome;
use super::decision::{Basis, DecidedPlace, Decision, GRAVITY};
use crate::domain::enrolment::{HeadcountKey, KeyedHash};
use crate::domain::learner_id::LearnerId;
use crate::domain::rule::{CNT_AGE, CNT_ID_TWO, RuleCode};
use std::cmp::Ordering;

/// Gives the plain number of a learner, opened by the caller (see `Outcome::identities_needed`).
pub type Identities<'i> = dyn Fn(&KeyedHash) -> Option<LearnerId> + 'i;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the plain number of a learner in the findings was not given")]
pub struct IdentityMissing;

/// Not serialisable on purpose: it holds plain numbers. Places are left where the outcome has them: of a national round there
/// are a hundred thousand cases.
pub struct Case<'o> {
    pub rule: RuleCode,
    /// None: a warning.
    decision: Option<&'o Decision>,
    numbers: Numbers<'o>,
}

/// A number with its places.
type Number<'o> = (LearnerId, &'o [DecidedPlace]);

enum Numbers<'o> {
    One([Number<'o>; 1]),
    /// CNT-ID-TWO: all of the person's, sorted.
    Several(Box<[Number<'o>]>),
}

static WARNING: Basis = Basis::Warning;

impl<'o> Case<'o> {
    fn numbers(&self) -> &[Number<'o>] {
        match &self.numbers {
            Numbers::One(one) => one,
            Numbers::Several(all) => all,
        }
    }

    /// One number, or for CNT-ID-TWO all of the person's, sorted.
    pub fn learners(&self) -> impl Iterator<Item = &LearnerId> {
        self.numbers().iter().map(|(id, _)| id)
    }

    /// By number, then content.
    pub fn places(&self) -> impl Iterator<Item = (&LearnerId, &'o DecidedPlace)> {
        self.numbers().iter().flat_map(|(id, places)| places.iter().map(move |place| (id, place)))
    }

    /// Lesser overlaps among the same places.
    pub fn also(&self) -> impl Iterator<Item = RuleCode> {
        self.decision.into_iter().flat_map(|decision| decision.also.iter().copied())
    }

    pub fn basis(&self) -> &'o Basis {
        self.decision.map_or(&WARNING, |decision| &decision.basis)
    }

    /// Two numbers may be one person twice over (two names, say): then the places decide.
    fn order(&self, other: &Self) -> Ordering {
        gravity(self.rule)
            .cmp(&gravity(other.rule))
            .then_with(|| self.learners().map(LearnerId::as_str).cmp(other.learners().map(LearnerId::as_str)))
            .then_with(|| self.places().map(in_order).cmp(other.places().map(in_order)))
    }
}

fn in_order<'o>((_, place): (&LearnerId, &'o DecidedPlace)) -> (&'o HeadcountKey, u64) {
    (&place.cell, place.row)
}

/// All findings about learners, gravest first, then by plain number.
pub fn cases<'o>(outcome: &'o Outcome, identities: &Identities) -> Result<Vec<Case<'o>>, IdentityMissing> {
    let open = |learner: &KeyedHash| identities(learner).ok_or(IdentityMissing);
    let length = outcome.decisions.len() + outcome.aged.len() + outcome.candidates.len();
    let mut cases = Vec::with_capacity(length);
    for decision in &outcome.decisions {
        let numbers = Numbers::One([(open(&decision.learner)?, &decision.places)]);
        cases.push(Case { rule: decision.rule, decision: Some(decision), numbers });
    }
    for (learner, places) in &outcome.aged {
        let numbers = Numbers::One([(open(learner)?, places)]);
        cases.push(Case { rule: CNT_AGE, decision: None, numbers });
    }
    for candidate in &outcome.candidates {
        let number = |(learner, places): (&KeyedHash, &'o Vec<DecidedPlace>)| Ok((open(learner)?, &**places));
        let mut numbers = candidate.learners.iter().map(number).collect::<Result<Box<[Number<'o>]>, _>>()?;
        numbers.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
        cases.push(Case { rule: CNT_ID_TWO, decision: None, numbers: Numbers::Several(numbers) });
    }
    cases.sort_by(Case::order);
    Ok(cases)
}

/// Position in the order of gravity; 0 is gravest.
pub fn gravity(rule: RuleCode) -> usize {
    GRAVITY.iter().position(|one| *one == rule).unwrap_or(GRAVITY.len())
}
