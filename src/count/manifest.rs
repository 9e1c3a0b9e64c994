//! The manifest of a count: what went in, by which rules, and the hash of what came out.
//!
//! Owns the bytes that two machines must agree on. Nothing in them depends on the order of submission, on the
//! store or on the gateway's keys: inputs stand sorted by their hash, findings by plain number inside the
//! result hash, and keyed hashes and row numbers never enter. Plain numbers go into the hash only.
//! Refuses to hash or sign by itself: the caller brings SHA-256 and signs the bytes.

use super::audit::Outcome;
use super::case::Case;
use super::decision::Basis;
use super::rules::Rules;
use crate::domain::agency::AgencyCode;
use crate::domain::round::Round;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::fmt::{self, Write};

pub const FORMAT: &str = "saphan-count-manifest/1";
/// Longest manifest that is read back, in bytes.
pub const BYTES_MAX: usize = 64 << 20;

/// SHA-256 (FIPS 180-4), brought by the caller; new by default.
pub trait Sha256: Default {
    fn update(&mut self, bytes: &[u8]);
    fn finish(self) -> [u8; 32];
}

/// One submission in force.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Input {
    /// Of the bytes as received, hexadecimal.
    pub sha256: String,
    pub agency: AgencyCode,
    /// `obec/enrolments@3`
    pub mapping: String,
    /// `enrolment/1`
    pub standard: String,
    pub rows: u64,
    pub refused: u64,
}

/// A code list, standard or register the inputs were read by.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ListVersion {
    pub name: String,
    pub version: String,
}

/// A rule table of the count.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TableVersion {
    pub name: String,
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ResultDigest {
    pub findings: BTreeMap<String, u64>,
    /// Learners.
    pub payable: u64,
    /// Lines under the hash.
    pub lines: u64,
    pub sha256: String,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Manifest {
    pub format: String,
    pub round: Round,
    pub inputs: Vec<Input>,
    pub lists: Vec<ListVersion>,
    pub rules: Vec<TableVersion>,
    pub result: ResultDigest,
}

#[derive(Debug, thiserror::Error)]
pub enum ManifestError {
    #[error("a manifest is at most {BYTES_MAX} bytes")]
    TooLong,
    #[error("not a manifest of a count")]
    Unreadable(#[source] serde_json::Error),
    #[error("a manifest of another format: expected {FORMAT}")]
    Format,
}

/// What two manifests disagree in.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Difference {
    Round,
    Inputs,
    Lists,
    Rules,
    Result,
}

impl Manifest {
    /// `cases`: all of the outcome.
    pub fn build<H: Sha256>(
        outcome: &Outcome,
        cases: &[Case],
        rules: &Rules,
        mut inputs: Vec<Input>,
        mut lists: Vec<ListVersion>,
    ) -> Manifest {
        inputs.sort();
        lists.sort();
        lists.dedup();
        let lines = result_lines::<H>(outcome, cases);
        let hex = |bytes: [u8; 32]| data_encoding::HEXLOWER.encode(&bytes);
        let table = |(name, text): (&str, &str)| {
            let mut hash = H::default();
            hash.update(text.as_bytes());
            TableVersion { name: name.to_owned(), sha256: hex(hash.finish()) }
        };
        Manifest {
            format: FORMAT.to_owned(),
            round: outcome.round,
            inputs,
            lists,
            rules: rules.tables().map(table).collect(),
            result: ResultDigest {
                findings: outcome.findings.iter().map(|(rule, learners)| (rule.to_string(), *learners)).collect(),
                payable: outcome.headcount.payable.total(),
                lines: lines.lines,
                sha256: hex(lines.hash.finish()),
            },
        }
    }

    /// The bytes to sign: JSON with fixed order of fields, two blanks of indent, one line break at the end.
    pub fn to_bytes(&self) -> Result<Vec<u8>, ManifestError> {
        let mut bytes = serde_json::to_vec_pretty(self).map_err(ManifestError::Unreadable)?;
        bytes.push(b'\n');
        Ok(bytes)
    }

    pub fn parse(bytes: &[u8]) -> Result<Manifest, ManifestError> {
        if bytes.len() > BYTES_MAX {
            return Err(ManifestError::TooLong);
        }
        let manifest: Manifest = serde_json::from_slice(bytes).map_err(ManifestError::Unreadable)?;
        if manifest.format != FORMAT {
            return Err(ManifestError::Format);
        }
        Ok(manifest)
    }

    /// Empty: the count was repeated with the same result.
    pub fn differences(&self, other: &Manifest) -> Vec<Difference> {
        [
            (self.round == other.round, Difference::Round),
            (self.inputs == other.inputs, Difference::Inputs),
            (self.lists == other.lists, Difference::Lists),
            (self.rules == other.rules, Difference::Rules),
            (self.result == other.result, Difference::Result),
        ]
        .into_iter()
        .filter_map(|(same, what)| (!same).then_some(what))
        .collect()
    }
}

/// The text under the result hash. It holds plain numbers: it goes into the hash only, line by line.
fn result_lines<H: Sha256>(outcome: &Outcome, cases: &[Case]) -> Lines<H> {
    let mut learners: Vec<Box<str>> = cases.iter().map(|case| learner_line(case).into()).collect();
    learners.sort_unstable();
    let mut lines = Lines::default();
    learners.iter().for_each(|line| lines.write(format_args!("{line}")));
    for school in &outcome.headcount.closed {
        let state = school.state.as_str();
        lines.write(format_args!("closed\t{}\t{}\t{state}\t{}", school.agency, school.school_id, school.places));
    }
    for cell in outcome.headcount.payable.cells() {
        let (group, places) = (cell.group, cell.learners);
        lines.write(format_args!(
            "payable\t{}\t{}\t{}\t{}\t{places}",
            cell.agency, cell.school_id, group.grade, group.sex
        ));
    }
    for of in &outcome.headcount.agencies {
        lines.write(format_args!(
            "agency\t{}\t{}\t{}\t{}\t{}\t{}\t{}",
            of.agency, of.accepted, of.not_studying, of.closed, of.duplicate, of.disputed, of.payable
        ));
    }
    lines
}

/// Lines on their way into the hash.
#[derive(Default)]
struct Lines<H> {
    hash: H,
    lines: u64,
    line: String,
}

impl<H: Sha256> Lines<H> {
    fn write(&mut self, text: fmt::Arguments<'_>) {
        self.line.clear();
        // Writing to a String can't fail.
        let _ = writeln!(self.line, "{text}");
        self.hash.update(self.line.as_bytes());
        self.lines += 1;
    }
}

fn learner_line(case: &Case) -> String {
    let join = |parts: Vec<&str>| parts.join(",");
    let basis = case.basis();
    let mut places: Vec<String> = case
        .places()
        .map(|(id, place)| {
            let cell = &place.cell;
            let place_text = format!("{}={}/{}/{}/{}", id.as_str(), cell.agency, cell.school_id, cell.grade, cell.sex);
            // A warning decides nothing: which of two equal rows bears the payment is no part of it.
            match (basis, place.provisional) {
                (Basis::Warning, _) => place_text,
                (_, false) => format!("{place_text}/{}", place.standing.as_str()),
                (_, true) => format!("{place_text}/{}?", place.standing.as_str()),
            }
        })
        .collect();
    // Not in the order of rows: the same content in another file gives the same line.
    places.sort();
    format!(
        "learner\t{}\t{}\t{}\t{}",
        join(case.learners().map(|id| id.as_str()).collect()),
        case.rule,
        join(case.also().map(|rule| rule.as_str()).collect()),
        places.join(";")
    )
}
