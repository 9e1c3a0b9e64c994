//! A case: one finding about one learner, with the plain number at hand.
//!
//! Owns the one order of findings that does not depend on the gateway's keys: by plain number, then gravity.
//! The plain numbers come from the caller, serve to sort, mask and hash, and are never kept.

use super::audit::Outcome;
use super::decision::{Basis, DecidedPlace, GRAVITY};
use crate::domain::enrolment::KeyedHash;
use crate::domain::learner_id::LearnerId;
use crate::domain::rule::{CNT_AGE, CNT_ID_TWO, RuleCode};
use std::collections::BTreeSet;

/// Gives the plain number of a learner, opened by the caller (see `Outcome::identities_needed`).
pub type Identities<'i> = dyn Fn(&KeyedHash) -> Option<LearnerId> + 'i;

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the plain number of a learner in the findings was not given")]
pub struct IdentityMissing;

/// Not serialisable on purpose: it holds plain numbers.
pub struct Case<'o> {
    /// One number, or for CNT-ID-TWO all of the person's, sorted.
    pub learners: Vec<LearnerId>,
    pub rule: RuleCode,
    pub also: Vec<RuleCode>,
    pub basis: Basis,
    /// By number, then content.
    pub places: Vec<(LearnerId, &'o DecidedPlace)>,
}

/// All findings about learners, by plain number, then gravity.
pub fn cases<'o>(outcome: &'o Outcome, identities: &Identities) -> Result<Vec<Case<'o>>, IdentityMissing> {
    let open = |learner: &KeyedHash| identities(learner).ok_or(IdentityMissing);
    let one = |learner: &KeyedHash, rule, also: &BTreeSet<RuleCode>, basis, places: &'o [DecidedPlace]| {
        let id = open(learner)?;
        let places = places.iter().map(|place| (id, place)).collect();
        Ok(Case { learners: vec![id], rule, also: also.iter().copied().collect(), basis, places })
    };
    let mut cases = Vec::new();
    for decision in &outcome.decisions {
        cases.push(one(&decision.learner, decision.rule, &decision.also, decision.basis.clone(), &decision.places)?);
    }
    for (learner, places) in &outcome.aged {
        cases.push(one(learner, CNT_AGE, &BTreeSet::new(), Basis::Warning, places)?);
    }
    for candidate in &outcome.candidates {
        let mut numbers = Vec::new();
        for (learner, places) in &candidate.learners {
            numbers.push((open(learner)?, places));
        }
        numbers.sort_by(|a, b| a.0.as_str().cmp(b.0.as_str()));
        let learners = numbers.iter().map(|(id, _)| *id).collect();
        let places = numbers.iter().flat_map(|(id, places)| places.iter().map(|place| (*id, place))).collect();
        cases.push(Case { learners, rule: CNT_ID_TWO, also: Vec::new(), basis: Basis::Warning, places });
    }
    cases.sort_by_cached_key(|case| {
        let ids: Vec<String> = case.learners.iter().map(|id| id.as_str().to_owned()).collect();
        // Two numbers may be one person twice over (two names, say): then the places decide.
        let places: Vec<_> = case.places.iter().map(|(_, place)| (place.cell.clone(), place.row)).collect();
        (ids, gravity(case.rule), places)
    });
    Ok(cases)
}

/// Position in the order of gravity; 0 is gravest.
pub fn gravity(rule: RuleCode) -> usize {
    GRAVITY.iter().position(|one| *one == rule).unwrap_or(GRAVITY.len())
}
