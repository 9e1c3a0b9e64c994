//! From a proven record to what the store may hold: keyed hashes, the few plain columns, a sealed body.
//!
//! Owns the border of identity: on this side plain values, on the other only hashes and sealed bytes.
//! Runs in the pipeline's workers, each with its own cipher and hash contexts.

use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::{HeldEnrolment, KeyedHash};
use crate::domain::ids::SubmissionId;
use crate::domain::value::Value;
use crate::pipeline::Renderer;
use crate::standards::Standard;
use crate::validate::{Valid, age_on};
use crate::vault::{HashDomain, KeyedHasher, Sealer, Vault, VaultError};
use jiff::civil::Date;
use std::sync::Arc;

/// What a sealed record is bound to: it can't be moved to another submission or row.
pub fn record_label(submission: &SubmissionId, row: u64) -> Vec<u8> {
    let mut label = submission.as_str().as_bytes().to_vec();
    label.extend_from_slice(&row.to_be_bytes());
    label
}

/// By which a learner is known outside the vault.
pub fn learner_key(hasher: &KeyedHasher, learner_id: &str) -> KeyedHash {
    hasher.hash(HashDomain::Learner, &[learner_id.as_bytes()])
}

/// Where the fields of `enrolment/1` stand that the projection needs.
#[derive(Debug, Clone)]
pub struct EnrolmentFields {
    learner_id: usize,
    given_name: usize,
    family_name: usize,
    sex: usize,
    birth_date: usize,
    agency: usize,
    school_id: usize,
    grade: usize,
    status: usize,
    dual_programme: usize,
    entry_date: usize,
    exit_date: usize,
}

impl EnrolmentFields {
    /// None where the standard is not one of enrolments.
    pub fn of(standard: &Standard) -> Option<Self> {
        let at = |name| standard.field_index(name);
        Some(EnrolmentFields {
            learner_id: at("learner_id")?,
            given_name: at("given_name")?,
            family_name: at("family_name")?,
            sex: at("sex")?,
            birth_date: at("birth_date")?,
            agency: at("agency")?,
            school_id: at("school_id")?,
            grade: at("grade")?,
            status: at("status")?,
            dual_programme: at("dual_programme")?,
            entry_date: at("entry_date")?,
            exit_date: at("exit_date")?,
        })
    }
}

/// One per worker.
pub struct SealingRenderer {
    fields: EnrolmentFields,
    count_day: Date,
    hasher: KeyedHasher,
    sealer: Sealer,
    label: Vec<u8>,
    json: Vec<u8>,
    /// The word of the last row, shared: schools and grades repeat.
    words: Words,
}

/// Rows sealed, or the first failure of the vault.
#[derive(Default)]
pub struct SealedRows {
    pub rows: Vec<HeldEnrolment>,
    /// Accepted rows that an earlier try staged.
    pub staged_before: u64,
    pub failure: Option<VaultError>,
}

#[derive(Default)]
struct Words(std::collections::HashSet<Arc<str>>);

impl Words {
    /// Distinct words kept; beyond that a word is simply not shared.
    const MAX: usize = 100_000;

    fn share(&mut self, word: &str) -> Arc<str> {
        if let Some(known) = self.0.get(word) {
            return known.clone();
        }
        let word: Arc<str> = word.into();
        if self.0.len() < Self::MAX {
            self.0.insert(word.clone());
        }
        word
    }
}

impl SealingRenderer {
    pub fn new(
        vault: &Vault,
        fields: EnrolmentFields,
        submission: &SubmissionId,
        count_day: Date,
    ) -> Result<Self, VaultError> {
        Ok(SealingRenderer {
            fields,
            count_day,
            hasher: vault.hasher(),
            sealer: vault.sealer()?,
            label: submission.as_str().as_bytes().to_vec(),
            json: Vec::new(),
            words: Words::default(),
        })
    }

    fn seal(&mut self, row: &Valid<'_, '_>) -> Result<Option<HeldEnrolment>, VaultError> {
        let fields = &self.fields;
        // `enrolment/1` requires these; a row that passed has them.
        let (Some(id), Some(birth), Some(school_id), Some(grade), Some(sex), Some(agency)) = (
            row.learner_id_at(fields.learner_id),
            row.date_at(fields.birth_date),
            row.text_at(fields.school_id),
            row.text_at(fields.grade),
            row.text_at(fields.sex),
            row.text_at(fields.agency).and_then(|code| AgencyCode::parse(code).ok()),
        ) else {
            return Ok(None);
        };
        let given = row.text_at(fields.given_name).unwrap_or("").as_bytes();
        let family = row.text_at(fields.family_name).unwrap_or("").as_bytes();
        let born =
            (i64::from(birth.year()) * 10_000 + i64::from(birth.month()) * 100 + i64::from(birth.day())).to_be_bytes();
        self.json.clear();
        row.write_json(false, &mut self.json);
        let mut sealed = Vec::new();
        let bound = self.label.len();
        self.label.extend_from_slice(&row.row().to_be_bytes());
        let outcome = self.sealer.seal(&self.label, &self.json, &mut sealed);
        self.label.truncate(bound);
        outcome?;
        Ok(Some(HeldEnrolment {
            row: row.row(),
            learner: learner_key(&self.hasher, id.as_str()),
            id_kind: id.kind(),
            name: self.hasher.hash(HashDomain::Name, &[given, family]),
            birth: self.hasher.hash(HashDomain::Birth, &[&born]),
            person: self.hasher.hash(HashDomain::Person, &[given, family, &born, sex.as_bytes()]),
            content: self.hasher.hash(HashDomain::Content, &[&self.json]),
            agency,
            school_id: self.words.share(school_id),
            grade: self.words.share(grade),
            sex: self.words.share(sex),
            status: row.text_at(fields.status).map(|status| self.words.share(status)),
            dual_programme: matches!(row.value_at(fields.dual_programme), Value::Boolean(true)),
            age_years: u8::try_from(age_on(birth, self.count_day)).unwrap_or(0),
            entry_date: row.date_at(fields.entry_date),
            exit_date: row.date_at(fields.exit_date),
            sealed,
        }))
    }
}

impl Renderer for SealingRenderer {
    type Out = SealedRows;

    fn accept(&mut self, row: &Valid<'_, '_>, out: &mut SealedRows) {
        match self.seal(row) {
            Ok(Some(held)) => out.rows.push(held),
            Ok(None) => {}
            Err(failure) => {
                out.failure.get_or_insert(failure);
            }
        }
    }
}
