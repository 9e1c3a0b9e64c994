//! The headcount: every place on the count day, and how it ends: paid, twice, disputed, closed, gone.
//!
//! Owns the arithmetic of the totals. Every accepted place ends in exactly one column, so per agency
//! `accepted = payable + duplicate + disputed + closed + not_studying` and
//! `received = invalid + superseded + accepted`. Refuses numbers that do not add up instead of showing them.

use super::audit::AuditError;
use super::decision::{Bench, Decision, Standing};
use super::register::SchoolState;
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::HeadcountKey;
use crate::domain::rule::CNT_DUAL_OK;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// One cell of the places in force, with the learner status they bear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadcountRow {
    pub key: HeadcountKey,
    pub status: Option<Arc<str>>,
    pub places: u64,
}

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

/// The cells and totals under construction.
#[derive(Debug, Default)]
pub struct Heads {
    /// Studying, school open.
    cells: BTreeMap<HeadcountKey, u64>,
    closed: BTreeMap<(AgencyCode, Arc<str>), (SchoolState, u64)>,
    totals: BTreeMap<AgencyCode, AgencyTotals>,
}

/// The finished cells and totals.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Headcount {
    /// Payable learners; cells without any are left out.
    pub payable: BTreeMap<HeadcountKey, u64>,
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

    pub fn add(&mut self, row: HeadcountRow, bench: Bench) {
        let state = bench.register.state(&row.key.school_id);
        let studying = bench.rules.statuses.counts(row.status.as_deref());
        let totals = self.agency(row.key.agency);
        totals.accepted += row.places;
        match state {
            _ if !studying => totals.not_studying += row.places,
            SchoolState::Open => *self.cells.entry(row.key).or_default() += row.places,
            SchoolState::Closed | SchoolState::Unknown => {
                totals.closed += row.places;
                let school = self.closed.entry((row.key.agency, row.key.school_id)).or_insert((state, 0));
                school.1 += row.places;
            }
        }
    }

    pub fn closed_places(&self) -> u64 {
        self.closed.values().map(|(_, places)| places).sum()
    }

    /// Takes what was decided against off the cells, and closes the totals.
    pub fn finish<'d>(mut self, decisions: impl Iterator<Item = &'d Decision>) -> Result<Headcount, AuditError> {
        for decision in decisions {
            for place in &decision.places {
                if matches!(place.standing, Standing::Payable | Standing::Closed) {
                    continue;
                }
                let cell = self.cells.get_mut(&place.cell).filter(|places| **places > 0);
                *cell.ok_or(AuditError::NotInHeadcount { agency: place.cell.agency })? -= 1;
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
        self.cells.retain(|_, places| *places > 0);
        for (cell, places) in &self.cells {
            if let Some(totals) = self.totals.get_mut(&cell.agency) {
                totals.payable += places;
            }
        }
        let closed = self
            .closed
            .into_iter()
            .map(|((agency, school_id), (state, places))| ClosedSchool { agency, school_id, state, places })
            .collect();
        let agencies = self.totals.into_values().map(close).collect::<Result<_, _>>()?;
        Ok(Headcount { payable: self.cells, closed, agencies })
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
