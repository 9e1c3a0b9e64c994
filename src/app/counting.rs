//! Counting a round: the store's groups to the audit's decisions, the report, and the signed manifest.
//!
//! Owns the feeding of the pure audit, the unsealing of exactly those identities its findings need, and
//! the repetition that proves a manifest. Identities leave here masked, or as a hash.

use super::access::LearnerOnly;
use super::{App, AppError, journal_entry, kept_report, sealing};
use crate::count::report::is_nothing;
use crate::count::{
    Audit, Case, CountReport, Input, Intake, ListVersion, Manifest, Outcome, Register, RuleTexts, Rules, Sha256,
    Sought, cases, manifest,
};
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::KeyedHash;
use crate::domain::ids::SubmissionId;
use crate::domain::learner_id::LearnerId;
use crate::domain::principal::{Denied, Principal, Scope};
use crate::domain::purpose::COUNT_EVIDENCE;
use crate::domain::round::Round;
use crate::store::{CountView, Found, NewCountRun, SubmissionInForce};
use crate::vault::{Sha256Stream, VaultError};
use futures_util::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::sync::Arc;

/// Cases kept with a run, gravest first; how many more there are is said.
const CASES_KEPT: usize = 100_000;

/// Sealed records fetched together: some MB.
const IDENTITIES_A_STEP: usize = 2_048;
/// Steps that are fetched while one is opened: each waits for its records one after another.
const STEPS_AT_ONCE: usize = 3;

/// A finished count with its proof. Its report is made when it is asked for: a national one is eighty megabytes.
pub struct Counted {
    audited: Audited,
    /// The very bytes that are signed; the same content always gives the same bytes.
    pub manifest: Vec<u8>,
    pub seal: ManifestSeal,
}

/// What the audit found, with the plain numbers its findings need.
struct Audited {
    outcome: Outcome,
    identities: HashMap<KeyedHash, LearnerId>,
    manifest: Manifest,
    /// Rows of the round's files that were erased since.
    erased_rows: u64,
    /// Store keys of the submissions it stands on, by agency, in order.
    inputs: Inputs,
    /// Version of the register it stands on.
    register: i64,
}

/// Of a count, as they are kept with it.
pub(super) type Inputs = BTreeMap<AgencyCode, Vec<i64>>;

impl Audited {
    fn cases(&self) -> Result<Vec<Case<'_>>, AppError> {
        Ok(cases(&self.outcome, &|key: &KeyedHash| self.identities.get(key).copied())?)
    }

    fn packed(&self) -> Result<String, AppError> {
        let cases = self.cases()?;
        let report = CountReport::to_write(&self.outcome, &cases, self.manifest.clone(), CASES_KEPT);
        kept_report::pack(&CountReport { erased_rows: self.erased_rows, ..report })
    }
}

impl Counted {
    /// With at most so many cases, gravest first.
    pub fn report(&self, cases_max: usize) -> Result<CountReport, AppError> {
        let Audited { outcome, manifest, .. } = &self.audited;
        let report = CountReport::build(outcome, &self.audited.cases()?, manifest.clone(), cases_max);
        Ok(CountReport { erased_rows: self.audited.erased_rows, ..report })
    }

    /// The report as it is kept, as JSON.
    ///
    /// Errors: what writing says.
    pub fn write_report(&self, out: &mut dyn io::Write) -> Result<io::Result<()>, AppError> {
        let Audited { outcome, manifest, .. } = &self.audited;
        let cases = self.audited.cases()?;
        let report = CountReport::to_write(outcome, &cases, manifest.clone(), CASES_KEPT);
        let report = CountReport { erased_rows: self.audited.erased_rows, ..report };
        Ok(serde_json::to_writer(out, &report).map_err(io::Error::from))
    }
}

impl Sha256 for Sha256Stream {
    fn update(&mut self, bytes: &[u8]) {
        Sha256Stream::update(self, bytes);
    }

    fn finish(self) -> [u8; 32] {
        Sha256Stream::finish(self)
    }
}

/// The signature that goes with a manifest's bytes.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct ManifestSeal {
    /// `ES256` (RFC 7518 §3.4).
    pub alg: String,
    /// base64url of r‖s over the manifest's bytes.
    pub signature: String,
    /// The public half of the signing key, as a JWK (RFC 7517).
    pub key: serde_json::Value,
}

/// What repeating a count said of an old manifest.
#[derive(Debug, Serialize)]
pub struct Verification {
    /// Signed by this gateway, now or with an earlier key of its own, where a signature was given.
    pub signature_valid: Option<bool>,
    /// Empty: the same inputs gave the same result.
    pub differences: Vec<manifest::Difference>,
    /// Rows of the round's files that were erased since: what was counted then can't be counted again.
    #[serde(skip_serializing_if = "is_nothing")]
    pub erased_rows: u64,
}

impl App {
    /// Runs the audit of a round on what is in force now, keeps the run and answers the whole report.
    ///
    /// Errors: nothing is in force for the round; a count of nothing would pass for a result.
    pub async fn count(&self, principal: &Principal, round: Round) -> Result<Counted, AppError> {
        let authorised = principal.authorise(Scope::CountRun, None)?;
        let audited = self.audit(authorised.principal(), round).await?;
        if audited.manifest.inputs.is_empty() && audited.erased_rows > 0 {
            return Err(AppError::RoundErased { round });
        }
        if audited.manifest.inputs.is_empty() {
            return Err(AppError::NothingSubmitted { round, rounds: self.store.rounds_in_force().await? });
        }
        let manifest = audited.manifest.to_bytes()?;
        let (signature, key) = self.vault.sign_as(&manifest)?;
        let key = serde_json::to_value(key).map_err(|_| AppError::Worker)?;
        let seal = ManifestSeal { alg: String::from("ES256"), signature, key };
        let run = NewCountRun {
            round,
            at: Timestamp::now(),
            result: audited.packed()?,
            manifest: String::from_utf8(manifest.clone()).map_err(|_| AppError::Worker)?,
            signature: serde_json::to_string(&seal).map_err(|_| AppError::Worker)?,
            inputs: Some(serde_json::to_string(&audited.inputs).map_err(|_| AppError::Worker)?),
            register: Some(audited.register),
        };
        let result = &audited.manifest.result;
        let detail = serde_json::json!({ "payable": result.payable, "result": result.sha256 });
        let entry = journal_entry(authorised.principal(), "count.run", &round.to_string(), detail);
        self.store.add_count_run(run, &entry).await?;
        Ok(Counted { audited, manifest, seal })
    }

    /// The last count of a round. The ministry sees all; an agency its own cases, totals and schools.
    pub async fn last_count(&self, principal: &Principal, round: Round) -> Result<CountReport, AppError> {
        let own = self.sees_counts_of(principal)?;
        let run = self.store.last_count_run(round).await?.ok_or(AppError::NotCounted)?;
        let mut report: CountReport = kept_report::unpack(&run.run.result)?;
        drop(run);
        if let Some(own) = own {
            narrow(&mut report, own);
        }
        Ok(report)
    }

    /// Whose part of a count the principal may see; none: all of it.
    pub(super) fn sees_counts_of(&self, principal: &Principal) -> Result<Option<AgencyCode>, AppError> {
        let rights = [Scope::CountRun, Scope::CountCertify, Scope::MinistryRead];
        if rights.into_iter().any(|right| principal.authorise(right, None).is_ok()) {
            return Ok(None);
        }
        if *principal == Principal::Anonymous {
            return Err(Denied::NotAuthenticated.into());
        }
        let own = principal.agency();
        principal.authorise(Scope::AgencySubmit, own)?;
        Ok(own)
    }

    /// The manifest of the last count and its signature.
    pub async fn last_manifest(
        &self,
        principal: &Principal,
        round: Round,
    ) -> Result<(Vec<u8>, ManifestSeal), AppError> {
        principal.authorise(Scope::CountRun, None).or_else(|_| principal.authorise(Scope::MinistryRead, None))?;
        let run = self.store.last_count_run(round).await?.ok_or(AppError::NotCounted)?;
        let seal = serde_json::from_str(&run.run.signature).map_err(|_| AppError::NotCounted)?;
        Ok((run.run.manifest.into_bytes(), seal))
    }

    /// Counts again and compares with a manifest written earlier.
    ///
    /// Errors: the bytes are no manifest.
    pub async fn verify_count(
        &self,
        principal: &Principal,
        bytes: &[u8],
        seal: Option<&ManifestSeal>,
    ) -> Result<Verification, AppError> {
        let authorised = principal.authorise(Scope::CountRun, None)?;
        let written = Manifest::parse(bytes)?;
        let signature_valid = match seal {
            Some(seal) => Some(self.vault.verify(bytes, &seal.signature)?),
            None => None,
        };
        let counted = self.audit(authorised.principal(), written.round).await?;
        let erased_rows = counted.erased_rows;
        Ok(Verification { signature_valid, differences: written.differences(&counted.manifest), erased_rows })
    }

    pub(super) fn count_rules(&self) -> Result<Rules, AppError> {
        let texts = RuleTexts {
            dual_programmes: self.count_table("count/dual_programmes.csv")?,
            ages: self.count_table("count/ages.csv")?,
            statuses: self.count_table("count/statuses.csv")?,
        };
        Rules::parse(texts).map_err(|faults| AppError::count_rules(&faults))
    }

    /// A rule table of the count, by its name under `schemas/`.
    pub(super) fn count_table(&self, name: &str) -> Result<&str, AppError> {
        let bytes = self.assets.schema_files.get(name);
        bytes
            .and_then(|bytes| std::str::from_utf8(bytes).ok())
            .ok_or_else(|| AppError::CountRules(format!("schemas/{name} is missing or not UTF-8")))
    }

    async fn audit(&self, principal: &Principal, round: Round) -> Result<Audited, AppError> {
        let rules = self.count_rules()?;
        // Before its schools: one that changes meanwhile is then newer than what is said here.
        let register_version = self.store.register_version().await?.map_or(0, |register| register.version);
        let mut register = Register::default();
        self.store.each_school(|school| register.add(&school, round.count_day())).await?;
        let mut view = self.store.count_view(round).await?;
        let inputs = view.submissions_in_force().await?;
        let outcome = feed(&mut view, round, &rules, &register, &inputs).await?;
        drop(view);
        let identities = self.identities(principal, round, &outcome, &inputs).await?;
        let lists = self
            .assets
            .library
            .lists()
            .map(|list| ListVersion { name: list.name().to_owned(), version: list.version().to_owned() })
            .collect();
        let mut in_force = Inputs::new();
        for input in &inputs {
            if let Some(agency) = input.agency {
                in_force.entry(agency).or_default().push(input.submission_key);
            }
        }
        let inputs = inputs.iter().filter_map(input).collect();
        let cases = cases(&outcome, &|key: &KeyedHash| identities.get(key).copied())?;
        let manifest = Manifest::build::<Sha256Stream>(&outcome, &cases, &rules, inputs, lists);
        drop(cases);
        let erased_rows = self.store.erased_in(round).await?;
        Ok(Audited { outcome, identities, manifest, erased_rows, inputs: in_force, register: register_version })
    }

    /// Opens one sealed record for each learner the findings speak of, and no other; each is in the access log before.
    async fn identities(
        &self,
        principal: &Principal,
        round: Round,
        outcome: &Outcome,
        inputs: &[SubmissionInForce],
    ) -> Result<HashMap<KeyedHash, LearnerId>, AppError> {
        let ids: HashMap<i64, &str> = inputs.iter().map(|input| (input.submission_key, input.id.as_str())).collect();
        let mut sealer = self.vault.sealer()?;
        let mut found = HashMap::new();
        let mut plain = Vec::new();
        let mut needed = outcome.identities_needed();
        // As they lie in the store: in any other order every one of them would be a leap.
        needed.sort_unstable_by_key(|sought| (sought.submission_key, sought.row));
        if needed.is_empty() {
            return Ok(found);
        }
        let look = self.new_look(principal, COUNT_EVIDENCE, round.to_string());
        let detail =
            serde_json::json!({ "round": round.to_string(), "purpose": look.purpose, "learners": needed.len() });
        let entry = journal_entry(principal, "identities.open", look.id.as_str(), detail);
        let look = self.store.begin_look(&look, &[], &entry).await?;
        let fetch = |step: Vec<Sought>| async move {
            let rows: Vec<(i64, u64)> = step.iter().map(|sought| (sought.submission_key, sought.row)).collect();
            Ok::<_, AppError>((self.store.open_records(&rows).await?, step))
        };
        let steps = needed.chunks(IDENTITIES_A_STEP).map(<[Sought]>::to_vec).map(fetch);
        let mut steps = stream::iter(steps).buffered(STEPS_AT_ONCE);
        while let Some((records, step)) = steps.try_next().await? {
            let learners: Vec<KeyedHash> = step.iter().map(|sought| sought.learner).collect();
            self.store.add_to_look(look, &learners).await?;
            for sought in step {
                let broken = || AppError::Vault(VaultError::Broken);
                let id = ids.get(&sought.submission_key).ok_or_else(broken)?;
                let submission = SubmissionId::parse(id).map_err(|_| broken())?;
                let sealed = records.get(&(sought.submission_key, sought.row)).ok_or_else(broken)?;
                plain.clear();
                sealer.unseal(&sealing::record_label(&submission, sought.row), sealed, &mut plain)?;
                let record: LearnerOnly = serde_json::from_slice(&plain).map_err(|_| broken())?;
                found.insert(sought.learner, LearnerId::parse(&record.learner_id).map_err(|_| broken())?);
            }
        }
        Ok(found)
    }
}

async fn feed(
    view: &mut CountView,
    round: Round,
    rules: &Rules,
    register: &Register,
    inputs: &[SubmissionInForce],
) -> Result<Outcome, AppError> {
    let mut audit = Audit::new(round, rules, register);
    for input in inputs {
        if let Some(agency) = input.agency {
            audit.intake(Intake { agency, received: input.received, refused: input.refused });
        }
    }
    let mut census = view.census().await?;
    let places = std::mem::take(&mut census.headcounts);
    let day = round.count_day();
    let impossible: Vec<(Arc<str>, u8)> = std::mem::take(&mut census.grade_ages)
        .into_iter()
        .filter(|pair| !rules.ages.possible(&pair.grade, pair.age_years, day))
        .map(|pair| (pair.grade, pair.age_years))
        .collect();
    view.findings::<AppError>(census, &impossible, |found| {
        match found {
            Found::Learner(places) => audit.learner(places)?,
            Found::Person(places) => audit.person(places)?,
            Found::Aged(place) => audit.age(place),
        }
        Ok(())
    })
    .await?;
    Ok(audit.finish(places)?)
}

fn input(of: &SubmissionInForce) -> Option<Input> {
    Some(Input {
        sha256: of.sha256.clone(),
        agency: of.agency?,
        mapping: format!("{}@{}", of.mapping, of.mapping_version),
        standard: String::from("enrolment/1"),
        rows: of.received,
        refused: of.refused,
    })
}

/// What an agency sees: its own totals and schools, and the cases it is a party of.
fn narrow(report: &mut CountReport, own: AgencyCode) {
    report.agencies.retain(|totals| totals.agency == own);
    report.payable.by_school.retain(own);
    report.payable.total = report.payable.by_school.0.total();
    report.closed_schools.retain(|school| school.agency == own);
    report.cases.retain(|case| case.places.iter().any(|place| place.agency == own));
    // Of the other party's place an agency sees what settling the case needs, not where in that party's file it stands.
    let places = report.cases.iter_mut().flat_map(|case| &mut case.places);
    places.filter(|place| place.agency != own).for_each(|place| place.row = None);
    report.findings.values_mut().for_each(|learners| *learners = 0);
    for case in &report.cases {
        *report.findings.entry(case.rule.clone()).or_default() += 1;
    }
    report.cases_not_listed = 0;
    report.manifest.inputs.retain(|input| input.agency == own);
}
