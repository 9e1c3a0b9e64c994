//! The report of a count, as JSON and as what a terminal or page shows.
//!
//! Owns the shape promised to users (`saphan count --json`, `GET /counts/{round}`). Refuses identities:
//! a learner appears masked only, and keyed hashes never appear.

use super::audit::Outcome;
use super::case::Case;
use super::decision::{Basis, DecidedPlace, Standing, severity};
use super::headcount::{AgencyTotals, ClosedSchool};
use super::manifest::Manifest;
use crate::domain::agency::AgencyCode;
use crate::domain::finding::Severity;
use crate::domain::headcount::{HeadcountCell, Headcounts, Tally};
use crate::domain::round::Round;
use serde::de::{Deserializer, SeqAccess, Visitor};
use serde::ser::{SerializeSeq, SerializeStruct, Serializer};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;

/// Cases a report lists unless told otherwise.
pub const CASES_DEFAULT: usize = 200;

/// `Cases`: what stands for the list of them: [`CaseLine`]s, [`CaseLines`] while they are written out, or nothing where nobody
/// asks for them.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct CountReport<Cases = Vec<CaseLine>> {
    pub round: Round,
    /// Code → learners concerned (CNT-ID-TWO: persons). Every code of the count is there, with 0 if nothing was found.
    pub findings: BTreeMap<String, u64>,
    pub agencies: Vec<AgencyTotals>,
    pub payable: Payable,
    /// Schools that can't be paid.
    pub closed_schools: Vec<ClosedSchool>,
    /// Gravest first.
    pub cases: Cases,
    pub cases_not_listed: u64,
    /// Rows of the round's files that were erased since, by rule or because persons asked: they are not counted.
    #[serde(default, skip_serializing_if = "is_nothing")]
    pub erased_rows: u64,
    pub manifest: Manifest,
}

/// Left out of JSON.
pub fn is_nothing(number: &u64) -> bool {
    *number == 0
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payable {
    /// Learners.
    pub total: u64,
    pub by_school: BySchool,
}

/// Payable learners, packed; in JSON a list of [`SchoolPayable`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct BySchool(pub Arc<Headcounts>);

/// One school as it is read; [`SchoolCells`] writes the same.
#[derive(Deserialize)]
struct SchoolPayable {
    agency: AgencyCode,
    school_id: String,
    cells: Vec<CellPayable>,
}

#[derive(Deserialize)]
struct CellPayable {
    grade: Arc<str>,
    sex: Arc<str>,
    learners: u32,
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
    /// Lists at most `cases_max` cases of all there are; how many more there are is said.
    pub fn build(outcome: &Outcome, cases: &[Case], manifest: Manifest, cases_max: usize) -> CountReport {
        CountReport::with(outcome, cases, manifest, cases_max, |listed| listed.iter().map(line).collect())
    }
}

impl<'c, 'o> CountReport<CaseLines<'c, 'o>> {
    /// The same to be written out: no line is made before it is written.
    pub fn to_write(outcome: &Outcome, cases: &'c [Case<'o>], manifest: Manifest, cases_max: usize) -> Self {
        CountReport::with(outcome, cases, manifest, cases_max, CaseLines)
    }
}

impl<Cases> CountReport<Cases> {
    fn with<'c, 'o>(
        outcome: &Outcome,
        cases: &'c [Case<'o>],
        manifest: Manifest,
        cases_max: usize,
        listed: impl FnOnce(&'c [Case<'o>]) -> Cases,
    ) -> Self {
        let (first, more) = cases.split_at(cases_max.min(cases.len()));
        let payable = &outcome.headcount.payable;
        CountReport {
            round: outcome.round,
            findings: outcome.findings.iter().map(|(rule, learners)| (rule.to_string(), *learners)).collect(),
            agencies: outcome.headcount.agencies.clone(),
            payable: Payable { total: payable.total(), by_school: BySchool(Arc::clone(payable)) },
            closed_schools: outcome.headcount.closed.clone(),
            cases: listed(first),
            cases_not_listed: more.len() as u64,
            erased_rows: 0,
            manifest,
        }
    }
}

/// Cases that become [`CaseLine`]s when they are written.
pub struct CaseLines<'c, 'o>(&'c [Case<'o>]);

impl Serialize for CaseLines<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.0.iter().map(line))
    }
}

impl Serialize for BySchool {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut schools = serializer.serialize_seq(None)?;
        for cells in self.0.by_school() {
            schools.serialize_element(&SchoolCells(cells))?;
        }
        schools.end()
    }
}

/// The cells of one school.
struct SchoolCells<I>(I);

impl<'h, I: Iterator<Item = HeadcountCell<'h>> + Clone> Serialize for SchoolCells<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut school = serializer.serialize_struct("school", 4)?;
        // A school without cells is not in the list.
        if let Some(first) = self.0.clone().next() {
            school.serialize_field("agency", &first.agency)?;
            school.serialize_field("school_id", first.school_id)?;
        }
        school.serialize_field("total", &self.0.clone().map(|cell| cell.learners).sum::<u64>())?;
        school.serialize_field("cells", &Cells(self.0.clone()))?;
        school.end()
    }
}

struct Cells<I>(I);

impl<'h, I: Iterator<Item = HeadcountCell<'h>> + Clone> Serialize for Cells<I> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        #[derive(Serialize)]
        struct Cell<'h> {
            grade: &'h str,
            sex: &'h str,
            learners: u64,
        }
        let cell = |cell: HeadcountCell<'h>| {
            let HeadcountCell { group, learners, .. } = cell;
            Cell { grade: &group.grade, sex: &group.sex, learners }
        };
        serializer.collect_seq(self.0.clone().map(cell))
    }
}

impl<'de> Deserialize<'de> for BySchool {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_seq(SchoolsIn)
    }
}

struct SchoolsIn;

impl<'de> Visitor<'de> for SchoolsIn {
    type Value = BySchool;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a list of schools with their payable learners")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut schools: A) -> Result<BySchool, A::Error> {
        let mut tally = Tally::default();
        while let Some(SchoolPayable { agency, school_id, cells }) = schools.next_element()? {
            let school = tally.school(agency, &school_id);
            for CellPayable { grade, sex, learners } in cells {
                let group = tally.group(&grade, &sex, None);
                tally.add(school, group, learners);
            }
        }
        Ok(BySchool(Arc::new(tally.finish())))
    }
}

impl BySchool {
    /// Leaves the other agencies out.
    pub fn retain(&mut self, agency: AgencyCode) {
        let all = Headcounts::clone(&self.0);
        self.0 = Arc::new(all.only(|cell| cell.agency == agency));
    }
}

fn line(case: &Case) -> CaseLine {
    let mut masked = case.learners().map(|id| id.masked());
    CaseLine {
        rule: case.rule.to_string(),
        severity: severity(case.rule),
        learner_masked: masked.next().unwrap_or_default(),
        others_masked: masked.collect(),
        also: case.also().map(|rule| rule.to_string()).collect(),
        basis: case.basis().clone(),
        provisional: case.places().any(|(_, place)| place.provisional),
        places: case.places().map(|(_, place)| place_line(place)).collect(),
    }
}

fn place_line(place: &DecidedPlace) -> PlaceLine {
    PlaceLine {
        agency: place.cell.agency,
        school_id: place.cell.school_id.clone(),
        grade: place.cell.grade.clone(),
        sex: place.cell.sex.clone(),
        row: Some(place.row),
        standing: place.standing,
        payable: place.standing == Standing::Payable,
        provisional: place.provisional,
    }
}
