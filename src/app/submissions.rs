//! What becomes of a kept file: decoded, mapped, sealed, stored at one stroke; and its answers afterwards.
//!
//! Owns the order kept → processing → committed or refused, and taking up again what a crash left. The
//! rows of a submission are invisible until its last transaction, so half a submission never shows.

use super::assets::LoadedMapping;
use super::claim::Claim;
use super::refusal::{self, FileRefusal, FindingView};
use super::register::SchoolRenderer;
use super::sealing::{EnrolmentFields, SealedRows, SealingRenderer};
use super::{App, AppError, journal_entry};
use crate::decode::{DecodeError, Detail, Input, ReadSeek};
use crate::domain::enrolment::{School, SubmissionMode};
use crate::domain::ids::SubmissionId;
use crate::domain::principal::{Principal, Scope};
use crate::domain::receipt::Receipt;
use crate::mapping::RunContext;
use crate::pipeline::{self, BlockResult, PipelineError, Run, Summary};
use crate::sendback;
use crate::standards::school_list;
use crate::store::{DuplicateKey, JournalEntry, RefusedRow, State, StoreError, Submission, SubmissionFilter};
use crate::vault::Vault;
use serde::{Deserialize, Serialize};
use std::io;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Between two looks at a submission that another process works on.
const CLAIMED_WAIT: Duration = Duration::from_millis(200);

/// Told of progress: rows done, bytes of the file read.
pub type Watcher = Arc<dyn Fn(u64, u64) + Send + Sync>;

/// A submission as its sender may see it.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub struct SubmissionView {
    pub id: SubmissionId,
    /// `received`, `processing`, `committed`, `refused` or `cancelled`.
    pub state: String,
    pub mapping: String,
    pub round: String,
    pub received_at: String,
    pub bytes: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub receipt: Option<Receipt>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refusal: Option<FileRefusal>,
}

/// A kept, sealed file as the decoder wants it.
struct KeptInput {
    vault: Arc<Vault>,
    path: PathBuf,
    label: Vec<u8>,
    bytes: u64,
}

impl Input for KeptInput {
    fn open(&self) -> io::Result<Box<dyn ReadSeek>> {
        let reader = self.vault.open_sealed(&self.path, &self.label).map_err(io::Error::other)?;
        Ok(Box::new(reader))
    }

    fn len(&self) -> u64 {
        self.bytes
    }
}

impl App {
    /// Processes a kept submission to its end and answers with what became of it. One that is already at its end is
    /// answered as it stands; one that another process works on is waited for.
    pub async fn process(&self, id: &SubmissionId, watcher: Option<Watcher>) -> Result<SubmissionView, AppError> {
        let claim = loop {
            if self.stored(id).await?.state.is_final() {
                return self.view(self.stored(id).await?);
            }
            match Claim::take(&self.home, id)? {
                Some(claim) => break claim,
                None => tokio::time::sleep(CLAIMED_WAIT).await,
            }
        };
        // Another process may have ended it just before the claim.
        let stored = self.stored(id).await?;
        if !stored.state.is_final() {
            self.work(&stored, watcher).await?;
        }
        claim.close();
        self.view(self.stored(id).await?)
    }

    async fn work(&self, stored: &Submission, watcher: Option<Watcher>) -> Result<(), AppError> {
        let loaded = self.assets.mapping(&stored.new.mapping).cloned().ok_or_else(|| AppError::UnknownMapping {
            name: stored.new.mapping.clone(),
            known: self.assets.mappings.keys().cloned().collect(),
        })?;
        let key = DuplicateKey {
            sha256: &stored.new.sha256,
            mapping: &stored.new.mapping,
            mapping_version: stored.new.mapping_version,
            mapping_sha256: &stored.new.mapping_sha256,
            lists_version: &stored.new.lists_version,
            round: stored.new.round,
            mode: stored.new.mode,
        };
        if let Some(earlier) = self.store.find_in_force_duplicate(key).await? {
            let receipt = duplicate_receipt(stored, earlier)?;
            let entry = commit_entry(stored, &receipt);
            self.store.commit_submission(stored.seq, &entry, |_| receipt).await?;
            return Ok(());
        }
        self.store.discard_staged(stored.seq).await?;
        self.store.set_processing(stored.seq).await?;
        let context = self.run_context(stored, &loaded).await?;
        let app = self.clone();
        let runtime = tokio::runtime::Handle::current();
        let job = stored.clone();
        let work = move || app.run_stored(&job, &loaded, context, watcher, &runtime);
        tokio::task::spawn_blocking(work).await.map_err(|_| AppError::Worker)?
    }

    /// Kept submissions that did not reach their end, oldest first.
    pub async fn unfinished(&self) -> Result<Vec<SubmissionId>, AppError> {
        Ok(self.store.unfinished().await?.into_iter().map(|stored| stored.new.id).collect())
    }

    /// Takes up every submission a crash or stop left unfinished, where no other process is at it; answers how many.
    pub async fn recover(&self) -> Result<usize, AppError> {
        self.sweep_kept()?;
        let mut taken_up = 0;
        for stored in self.store.unfinished().await? {
            let Some(claim) = Claim::take(&self.home, &stored.new.id)? else { continue };
            // Another process may have ended it between the list and the claim.
            let stored = self.stored(&stored.new.id).await?;
            if stored.state.is_final() {
                claim.close();
                continue;
            }
            match self.work(&stored, None).await {
                Ok(()) => {
                    claim.close();
                    taken_up += 1;
                }
                Err(error) => {
                    tracing::error!(submission = %stored.new.id, error = &error as &dyn std::error::Error, "a submission could not be taken up again");
                }
            }
        }
        Ok(taken_up)
    }

    async fn run_context(&self, stored: &Submission, loaded: &LoadedMapping) -> Result<RunContext, AppError> {
        let mut context = RunContext { round: stored.new.round, schools: None };
        if &*loaded.mapping.standard.name == "enrolment" {
            let schools = self.store.schools().await?;
            if schools.is_empty() {
                return Err(AppError::NoRegister);
            }
            context.schools = Some(Arc::new(school_list(&schools)));
        }
        Ok(context)
    }

    fn run_stored(
        &self,
        stored: &Submission,
        loaded: &LoadedMapping,
        context: RunContext,
        watcher: Option<Watcher>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), AppError> {
        let outcome = match &*loaded.mapping.standard.name {
            "enrolment" => self.run_enrolments(stored, loaded, &context, watcher, runtime),
            "school" => self.run_schools(stored, loaded, &context, watcher, runtime),
            _ => return Err(AppError::UnsupportedStandard(loaded.mapping.name.clone())),
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(PipelineError::Decode(DecodeError::Refused { rule, place, detail })) => {
                let refusal = FileRefusal::new(rule, &place, &detail, self.assets.library.catalogue());
                let json = serde_json::to_value(&refusal).unwrap_or_default();
                let detail = serde_json::json!({ "rule": refusal.rule });
                let entry = journal_entry(&sender(stored), "submission.refuse", stored.new.id.as_str(), detail);
                runtime.block_on(async {
                    self.store.refuse_submission(stored.seq, &json, &entry).await?;
                    self.store.discard_staged(stored.seq).await
                })?;
                Ok(())
            }
            Err(PipelineError::Decode(DecodeError::Io(error))) => Err(AppError::Kept(error)),
            Err(PipelineError::Keep(error)) => Err(error),
            Err(PipelineError::Worker) => Err(AppError::Worker),
        }
    }

    fn run_enrolments(
        &self,
        stored: &Submission,
        loaded: &LoadedMapping,
        context: &RunContext,
        watcher: Option<Watcher>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), PipelineError<AppError>> {
        let mapping = &loaded.mapping;
        let fields = EnrolmentFields::of(&mapping.standard)
            .ok_or_else(|| PipelineError::Keep(AppError::UnsupportedStandard(mapping.name.clone())))?;
        // Made before the workers start, so that a vault that fails fails the run and not a worker.
        let prototype =
            || SealingRenderer::new(&self.vault, fields.clone(), &stored.new.id, stored.new.round.count_day());
        prototype().map_err(|error| PipelineError::Keep(error.into()))?;
        let mut stager =
            runtime.block_on(self.store.stager(stored.seq)).map_err(|error| PipelineError::Keep(error.into()))?;
        let (mut rows_done, mut rows_staged) = (0, 0);
        let run = Run { mapping, context: context.clone(), limits: &self.limits, threads: self.threads };
        let summary = pipeline::run(
            &run,
            &self.kept(stored),
            || SealingOrFailed(prototype()),
            |result: BlockResult<SealedRows>| {
                if let Some(failure) = result.out.failure {
                    return Err(AppError::Vault(failure));
                }
                rows_staged += result.out.rows.len() as u64;
                runtime.block_on(stager.stage(result.out.rows))?;
                runtime.block_on(stager.stage_refused(self.refused_rows_of(&result.refused, loaded)))?;
                rows_done += result.rows;
                if let Some(watcher) = &watcher {
                    watcher(rows_done, result.position);
                }
                Ok(())
            },
        )?;
        if rows_staged != summary.accepted {
            return Err(PipelineError::Keep(AppError::RowsLost { accepted: summary.accepted, staged: rows_staged }));
        }
        let receipt = self.receipt(summary, loaded, context, stored);
        runtime
            .block_on(async {
                stager.finish().await?;
                let entry = commit_entry(stored, &receipt);
                let finish = |unchanged| Receipt { unchanged, ..receipt };
                self.store.commit_submission(stored.seq, &entry, finish).await
            })
            .map_err(|error| PipelineError::Keep(error.into()))?;
        Ok(())
    }

    fn run_schools(
        &self,
        stored: &Submission,
        loaded: &LoadedMapping,
        context: &RunContext,
        watcher: Option<Watcher>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), PipelineError<AppError>> {
        let mut schools: Vec<School> = Vec::new();
        let mut refused = Vec::new();
        let mut rows_done = 0;
        let run = Run { mapping: &loaded.mapping, context: context.clone(), limits: &self.limits, threads: 1 };
        let standard = loaded.mapping.standard.clone();
        let summary = pipeline::run(
            &run,
            &self.kept(stored),
            || SchoolRenderer::new(&standard),
            |mut result: BlockResult<Vec<School>>| {
                schools.append(&mut result.out);
                refused.extend(self.refused_rows_of(&result.refused, loaded));
                rows_done += result.rows;
                if let Some(watcher) = &watcher {
                    watcher(rows_done, result.position);
                }
                Ok::<(), AppError>(())
            },
        )?;
        if let Some(twice) = school_twice(&schools) {
            return Err(PipelineError::Decode(DecodeError::Refused {
                rule: crate::domain::rule::FMT_MALFORMED,
                place: String::from("rows"),
                detail: Detail::SchoolTwice(twice.to_string()),
            }));
        }
        // A register with refused rows can't replace the whole: the schools it failed to name would vanish.
        if summary.refused > 0 || stored.new.mode == SubmissionMode::Delta {
            let held = runtime.block_on(self.store.schools()).map_err(|error| PipelineError::Keep(error.into()))?;
            schools = overlaid(held, schools);
        }
        let receipt = self.receipt(summary, loaded, context, stored);
        runtime
            .block_on(async {
                let mut stager = self.store.stager(stored.seq).await?;
                stager.stage_refused(refused).await?;
                stager.finish().await?;
                let entry = commit_entry(stored, &receipt);
                self.store.commit_register(stored.seq, &schools, &receipt, &entry).await
            })
            .map_err(|error| PipelineError::Keep(error.into()))?;
        Ok(())
    }

    fn refused_rows_of(&self, rows: &[pipeline::RefusedRow], loaded: &LoadedMapping) -> Vec<RefusedRow> {
        let catalogue = self.assets.library.catalogue();
        rows.iter()
            .map(|row| {
                let views = refusal::views(row, catalogue, &loaded.mapping.standard);
                // A list of plain texts and numbers always serialises.
                RefusedRow { row: row.row, findings: serde_json::to_string(&views).unwrap_or_default() }
            })
            .collect()
    }

    fn receipt(&self, summary: Summary, loaded: &LoadedMapping, context: &RunContext, stored: &Submission) -> Receipt {
        let mut receipt =
            summary.into_receipt(&loaded.mapping, context, self.assets.library.catalogue(), stored.new.sha256.clone());
        receipt.submission = Some(stored.new.id.to_string());
        receipt
    }

    fn kept(&self, stored: &Submission) -> Arc<dyn Input> {
        Arc::new(KeptInput {
            vault: self.vault.clone(),
            path: self.home.join(&stored.new.kept_path),
            label: stored.new.id.as_str().as_bytes().to_vec(),
            bytes: stored.new.bytes,
        })
    }

    async fn stored(&self, id: &SubmissionId) -> Result<Submission, AppError> {
        self.store.submission(id).await?.ok_or(AppError::UnknownSubmission)
    }

    fn view(&self, stored: Submission) -> Result<SubmissionView, AppError> {
        Ok(SubmissionView {
            mapping: format!("{}@{}", stored.new.mapping, stored.new.mapping_version),
            round: stored.new.round.to_string(),
            received_at: stored.new.received_at.to_string(),
            bytes: stored.new.bytes,
            receipt: stored.receipt,
            refusal: match stored.problem {
                Some(json) => {
                    Some(serde_json::from_value(json).map_err(|_| StoreError::Unreadable("submission.problem"))?)
                }
                None => None,
            },
            state: stored.state.as_str().to_owned(),
            id: stored.new.id,
        })
    }

    /// One submission, for its own agency or the ministry. Another agency's is as good as unknown.
    pub async fn submission(&self, principal: &Principal, id: &SubmissionId) -> Result<SubmissionView, AppError> {
        let stored = self.readable(principal, id).await?;
        self.view(stored)
    }

    async fn readable(&self, principal: &Principal, id: &SubmissionId) -> Result<Submission, AppError> {
        if *principal == Principal::Anonymous {
            return Err(crate::domain::principal::Denied::NotAuthenticated.into());
        }
        let stored = self.stored(id).await?;
        let allowed = match stored.new.agency {
            Some(agency) => principal.authorise_read(agency),
            None => principal
                .authorise(Scope::RegisterSubmit, None)
                .or_else(|_| principal.authorise(Scope::MinistryRead, None)),
        };
        // To an outsider "not yours" and "not there" must look the same.
        allowed.map_err(|_| AppError::UnknownSubmission)?;
        Ok(stored)
    }

    /// Submissions a principal may see, newest first.
    pub async fn submissions(
        &self,
        principal: &Principal,
        before: Option<i64>,
        limit: u32,
    ) -> Result<(Vec<SubmissionView>, Option<i64>), AppError> {
        let agency = match principal.authorise(Scope::MinistryRead, None) {
            Ok(_) => None,
            Err(_) => match principal {
                Principal::Client { agency: Some(agency), .. } => {
                    principal.authorise(Scope::AgencySubmit, Some(*agency))?;
                    Some(*agency)
                }
                Principal::Anonymous => return Err(crate::domain::principal::Denied::NotAuthenticated.into()),
                _ => return Err(crate::domain::principal::Denied::Scope(Scope::MinistryRead).into()),
            },
        };
        let rows = self.store.submissions(SubmissionFilter { agency, round: None }, before, limit).await?;
        let next = if rows.len() == limit as usize { rows.last().map(|row| row.seq) } else { None };
        let views = rows.into_iter().map(|row| self.view(row)).collect::<Result<_, _>>()?;
        Ok((views, next))
    }

    /// The findings of refused rows, page by page.
    pub async fn refused_findings(
        &self,
        principal: &Principal,
        id: &SubmissionId,
        after_row: u64,
        limit: u32,
    ) -> Result<Vec<FindingView>, AppError> {
        let stored = self.readable(principal, id).await?;
        let rows = self.store.refused_rows(stored.seq, after_row, limit).await?;
        let mut views = Vec::new();
        for row in &rows {
            views.extend(findings_of(&row.findings)?);
        }
        Ok(views)
    }

    /// Writes the refused rows in the sender's own layout into `out`; answers how many.
    pub async fn send_back<W: io::Write + io::Seek + Send + 'static>(
        &self,
        principal: &Principal,
        id: &SubmissionId,
        mut out: W,
    ) -> Result<(u64, W), AppError> {
        let stored = self.readable(principal, id).await?;
        if stored.state != State::Committed {
            return Err(AppError::NotReady);
        }
        let loaded = self.assets.mapping(&stored.new.mapping).cloned().ok_or(AppError::UnknownSubmission)?;
        let (app, runtime) = (self.clone(), tokio::runtime::Handle::current());
        let work = move || {
            let mut rows = RefusedPages {
                app: &app,
                seq: stored.seq,
                runtime,
                page: Vec::new().into_iter(),
                after: 0,
                done: false,
                failure: None,
            };
            let count =
                sendback::write_refused(&app.kept(&stored), &loaded.mapping.spec, &app.limits, &mut rows, &mut out)?;
            match rows.failure {
                Some(failure) => Err(failure),
                None => Ok((count, out)),
            }
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| AppError::Worker)?
    }
}

/// Findings as they were stored. What can't be read any more is a failure, never an empty list.
fn findings_of(json: &str) -> Result<Vec<FindingView>, AppError> {
    serde_json::from_str(json).map_err(|_| AppError::Store(StoreError::Unreadable("refused_row.findings")))
}

/// A school that two rows name.
fn school_twice(schools: &[School]) -> Option<Arc<str>> {
    let mut seen = std::collections::HashSet::new();
    schools.iter().find(|school| !seen.insert(school.school_id.clone())).map(|school| school.school_id.clone())
}

/// What was held, with the new rows in place of the old ones of the same school.
fn overlaid(held: Vec<School>, new: Vec<School>) -> Vec<School> {
    let mut all: std::collections::BTreeMap<Arc<str>, School> =
        held.into_iter().map(|school| (school.school_id.clone(), school)).collect();
    all.extend(new.into_iter().map(|school| (school.school_id.clone(), school)));
    all.into_values().collect()
}

/// The first receipt again, under the new name, saying what it repeats.
fn duplicate_receipt(stored: &Submission, earlier: Submission) -> Result<Receipt, AppError> {
    let mut receipt = earlier.receipt.ok_or(AppError::NotReady)?;
    receipt.submission = Some(stored.new.id.to_string());
    receipt.unchanged = receipt.accepted;
    receipt.duplicate_of = Some(earlier.new.id.to_string());
    Ok(receipt)
}

/// Who sent it, as the journal names them.
fn sender(stored: &Submission) -> Principal {
    match &stored.new.client {
        Some(id) => {
            Principal::Client { id: id.clone(), name: String::new(), agency: stored.new.agency, scopes: Vec::new() }
        }
        None => Principal::Operator,
    }
}

fn commit_entry(stored: &Submission, receipt: &Receipt) -> JournalEntry {
    let detail = serde_json::json!({
        "received": receipt.received, "accepted": receipt.accepted, "refused": receipt.refused,
        "duplicate_of": receipt.duplicate_of,
    });
    journal_entry(&sender(stored), "submission.commit", stored.new.id.as_str(), detail)
}

/// Refused rows from the store, a page at a time, in row order.
struct RefusedPages<'a> {
    app: &'a App,
    seq: i64,
    runtime: tokio::runtime::Handle,
    page: std::vec::IntoIter<RefusedRow>,
    after: u64,
    done: bool,
    failure: Option<AppError>,
}

impl RefusedPages<'_> {
    fn read_on(&mut self) -> Result<(), AppError> {
        const PAGE: u32 = 2_000;
        let rows = self.runtime.block_on(self.app.store.refused_rows(self.seq, self.after, PAGE))?;
        self.done = rows.len() < PAGE as usize;
        self.page = rows.into_iter();
        Ok(())
    }
}

impl Iterator for RefusedPages<'_> {
    type Item = sendback::RefusedRow;

    /// Ends early on a failure of the store, which stays in `failure`: a file cut short must not pass for whole.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.page.next() {
                self.after = row.row;
                match findings_of(&row.findings) {
                    Ok(views) => return Some(refusal::sendback_row(row.row, &views)),
                    Err(failure) => {
                        self.failure = Some(failure);
                        return None;
                    }
                }
            }
            if self.done {
                return None;
            }
            if let Err(failure) = self.read_on() {
                self.failure = Some(failure);
                return None;
            }
        }
    }
}

/// A worker whose vault could not be opened says so with its first row.
struct SealingOrFailed(Result<SealingRenderer, crate::vault::VaultError>);

impl pipeline::Renderer for SealingOrFailed {
    type Out = SealedRows;

    fn accept(&mut self, row: &crate::validate::Valid<'_, '_>, out: &mut SealedRows) {
        match &mut self.0 {
            Ok(renderer) => renderer.accept(row, out),
            Err(_) => {
                out.failure.get_or_insert(crate::vault::VaultError::Broken);
            }
        }
    }
}
