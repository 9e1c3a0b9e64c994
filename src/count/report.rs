//! The report of a count, as JSON and as what a terminal or page shows.
//!
//! Owns the shape promised to users (`saphan count --json`, `GET /counts/{round}`). Refuses identities:
//! a learner appears masked only, and keyed hashes never appear.

use super::audit::Outcome;
use super::case::{Case, Identities, IdentityMissing, cases, gravity};
use super::decision::{Basis, Standing, severity};
use super::headcount::{AgencyTotals, ClosedSchool};
use super::manifest::Manifest;
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::HeadcountKey;
use crate::domain::finding::Severity;
use crate::domain::round::Round;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::sync::Arc;

/// Cases a report lists unless told otherwise.
pub const CASES_DEFAULT: usize = 200;

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountReport {
    pub round: Round,
    /// Code → learners concerned (CNT-ID-TWO: persons). Every code of the count is there, with 0 if nothing was found.
    pub findings: BTreeMap<String, u64>,
    pub agencies: Vec<AgencyTotals>,
    pub payable: Payable,
    /// Schools that can't be paid.
    pub closed_schools: Vec<ClosedSchool>,
    /// Gravest first.
    pub cases: Vec<CaseLine>,
    pub cases_not_listed: u64,
    pub manifest: Manifest,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payable {
    /// Learners.
    pub total: u64,
    pub by_school: Vec<SchoolPayable>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SchoolPayable {
    pub agency: AgencyCode,
    pub school_id: Arc<str>,
    pub total: u64,
    pub cells: Vec<CellPayable>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CellPayable {
    pub grade: Arc<str>,
    pub sex: Arc<str>,
    pub learners: u64,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CaseLine {
    pub rule: String,
    pub severity: Severity,
    pub learner_masked: String,
    /// CNT-ID-TWO: the other numbers the same person may bear.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub others_masked: Vec<String>,
    /// Lesser overlaps among the same places.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also: Vec<String>,
    /// Why the paid place is paid.
    pub basis: Basis,
    pub provisional: bool,
    pub places: Vec<PlaceLine>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlaceLine {
    pub agency: AgencyCode,
    pub school_id: Arc<str>,
    pub grade: Arc<str>,
    pub sex: Arc<str>,
    /// Data row in the agency's file, from 1. None: shown to another agency, to whom that file is not open.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub row: Option<u64>,
    pub standing: Standing,
    pub payable: bool,
    pub provisional: bool,
}

impl CountReport {
    /// Lists at most `cases_max` cases; how many more there are is said.
    pub fn build(
        outcome: &Outcome,
        identities: &Identities,
        manifest: Manifest,
        cases_max: usize,
    ) -> Result<CountReport, IdentityMissing> {
        let mut all = cases(outcome, identities)?;
        // Stable: within one rule the order by plain number stays.
        all.sort_by_key(|case| gravity(case.rule));
        let cases_not_listed = all.len().saturating_sub(cases_max) as u64;
        Ok(CountReport {
            round: outcome.round,
            findings: outcome.findings.iter().map(|(rule, learners)| (rule.to_string(), *learners)).collect(),
            agencies: outcome.headcount.agencies.clone(),
            payable: payable(&outcome.headcount.payable),
            closed_schools: outcome.headcount.closed.clone(),
            cases: all.iter().take(cases_max).map(line).collect(),
            cases_not_listed,
            manifest,
        })
    }
}

fn payable(cells: &BTreeMap<HeadcountKey, u64>) -> Payable {
    let mut by_school: Vec<SchoolPayable> = Vec::new();
    for (cell, learners) in cells {
        let of = CellPayable { grade: cell.grade.clone(), sex: cell.sex.clone(), learners: *learners };
        match by_school.last_mut() {
            Some(school) if school.agency == cell.agency && school.school_id == cell.school_id => {
                school.total += learners;
                school.cells.push(of);
            }
            _ => by_school.push(SchoolPayable {
                agency: cell.agency,
                school_id: cell.school_id.clone(),
                total: *learners,
                cells: vec![of],
            }),
        }
    }
    Payable { total: cells.values().sum(), by_school }
}

fn line(case: &Case) -> CaseLine {
    let mut masked = case.learners.iter().map(|id| id.masked());
    CaseLine {
        rule: case.rule.to_string(),
        severity: severity(case.rule),
        learner_masked: masked.next().unwrap_or_default(),
        others_masked: masked.collect(),
        also: case.also.iter().map(ToString::to_string).collect(),
        basis: case.basis.clone(),
        provisional: case.places.iter().any(|(_, place)| place.provisional),
        places: case
            .places
            .iter()
            .map(|(_, place)| PlaceLine {
                agency: place.cell.agency,
                school_id: place.cell.school_id.clone(),
                grade: place.cell.grade.clone(),
                sex: place.cell.sex.clone(),
                row: Some(place.row),
                standing: place.standing,
                payable: place.standing == Standing::Payable,
                provisional: place.provisional,
            })
            .collect(),
    }
}
