//! The headcount: every place on the count day, and how it ends: paid, twice, disputed, closed, gone.
//!
//! Owns the arithmetic of the totals. Every accepted place ends in exactly one column, so per agency
//! `accepted = payable + duplicate + disputed + closed + not_studying` and
//! `received = invalid + superseded + accepted`. Refuses numbers that do not add up instead of showing them.

use super::audit::AuditError;
use super::decision::{Bench, DecidedPlace, Decision, Standing};
use super::register::SchoolState;
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::HeadcountKey;
use crate::domain::headcount::{HeadcountCell, Headcounts};
use crate::domain::rule::CNT_DUAL_OK;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// What an agency sent, over its submissions in force.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Intake {
    pub agency: AgencyCode,
    pub received: u64,
    pub refused: u64,
}

/// Rows of one agency in the round, by what became of them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgencyTotals {
    pub agency: AgencyCode,
    pub slug: String,
    pub received: u64,
    /// Refused at the gate.
    pub invalid: u64,
    /// Accepted once, replaced by a later submission.
    pub superseded: u64,
    /// In force on the count day.
    pub accepted: u64,
    pub not_studying: u64,
    /// In schools closed or not in the register.
    pub closed: u64,
    /// Not paid because another place of the same learner is.
    pub duplicate: u64,
    /// Of `duplicate`: the unpaid side of permitted pairs.
    pub duplicate_permitted: u64,
    pub disputed: u64,
    pub payable: u64,
}

/// A school that can't be paid, and the places claimed for it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClosedSchool {
    pub agency: AgencyCode,
    pub school_id: Arc<str>,
    pub state: SchoolState,
    pub places: u64,
}

/// The totals under construction.
#[derive(Debug, Default)]
pub struct Heads {
    totals: BTreeMap<AgencyCode, AgencyTotals>,
}

/// The finished cells and totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headcount {
    /// Payable learners; cells without any are left out. Shared with the report.
    pub payable: Arc<Headcounts>,
    pub closed: Vec<ClosedSchool>,
    pub agencies: Vec<AgencyTotals>,
}

impl Heads {
    fn agency(&mut self, agency: AgencyCode) -> &mut AgencyTotals {
        self.totals.entry(agency).or_insert_with(|| AgencyTotals {
            agency,
            slug: agency.slug().to_owned(),
            received: 0,
            invalid: 0,
            superseded: 0,
            accepted: 0,
            not_studying: 0,
            closed: 0,
            duplicate: 0,
            duplicate_permitted: 0,
            disputed: 0,
            payable: 0,
        })
    }

    pub fn intake(&mut self, intake: Intake) {
        let totals = self.agency(intake.agency);
        totals.received += intake.received;
        totals.invalid += intake.refused;
    }

    /// All places in force: the cells that may be paid stay, what is decided against is taken off them, and the totals are
    /// closed.
    pub fn finish<'d>(
        mut self,
        places: Headcounts,
        decisions: impl Iterator<Item = &'d Decision> + Clone,
        bench: Bench,
    ) -> Result<Headcount, AuditError> {
        let mut closed: Vec<ClosedSchool> = Vec::new();
        for school in places.by_school() {
            closed.extend(self.add_school(school, bench));
        }
        let mut payable = places.only(|cell| {
            let studies = bench.rules.statuses.counts(cell.group.status.as_deref());
            studies && bench.register.state(cell.school_id) == SchoolState::Open
        });
        let is_off = |place: &&DecidedPlace| !matches!(place.standing, Standing::Payable | Standing::Closed);
        let off = decisions.clone().flat_map(|decision| &decision.places).filter(is_off);
        let unknown = |cell: &HeadcountKey| AuditError::NotInHeadcount { agency: cell.agency };
        payable.take_off(off.map(|place| &place.cell)).map_err(unknown)?;
        for decision in decisions {
            for place in decision.places.iter().filter(is_off) {
                let totals = self.agency(place.cell.agency);
                match place.standing {
                    Standing::Disputed => totals.disputed += 1,
                    _ => {
                        totals.duplicate += 1;
                        totals.duplicate_permitted += u64::from(decision.rule == CNT_DUAL_OK);
                    }
                }
            }
        }
        for cell in payable.cells() {
            self.agency(cell.agency).payable += cell.learners;
        }
        let agencies = self.totals.into_values().map(close).collect::<Result<_, _>>()?;
        Ok(Headcount { payable: Arc::new(payable), closed, agencies })
    }

    /// One school's places; the answer: what is claimed for it, if it can't be paid.
    fn add_school<'h>(&mut self, cells: impl Iterator<Item = HeadcountCell<'h>>, bench: Bench) -> Option<ClosedSchool> {
        let mut unpaid: Option<ClosedSchool> = None;
        for cell in cells {
            let state = bench.register.state(cell.school_id);
            let totals = self.agency(cell.agency);
            totals.accepted += cell.learners;
            if !bench.rules.statuses.counts(cell.group.status.as_deref()) {
                totals.not_studying += cell.learners;
            } else if state != SchoolState::Open {
                totals.closed += cell.learners;
                let (agency, school_id) = (cell.agency, cell.school_id);
                let new = || ClosedSchool { agency, school_id: school_id.clone(), state, places: 0 };
                unpaid.get_or_insert_with(new).places += cell.learners;
            }
        }
        unpaid
    }
}

fn close(mut totals: AgencyTotals) -> Result<AgencyTotals, AuditError> {
    let agency = totals.agency;
    totals.superseded = totals
        .received
        .checked_sub(totals.invalid)
        .and_then(|taken| taken.checked_sub(totals.accepted))
        .ok_or(AuditError::MoreHeldThanReceived { agency })?;
    Ok(totals)
}
