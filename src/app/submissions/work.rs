//! What becomes of a kept file: decoded, mapped, sealed, stored at one stroke.
//!
//! Owns the order kept → processing → committed or refused, and taking up again what a crash or a stop left; `tries` counts.
//! The rows of a submission are invisible until its last transaction, so half a submission never shows. While the gateway
//! drains, the work on a large file is given back at a record border.

use super::progress::OnBoard;
use super::receipt::{commit_entry, duplicate_receipt, sender};
use super::{ENROLMENT, SubmissionView};
use crate::app::assets::LoadedMapping;
use crate::app::refusal::FileRefusal;
use crate::app::register::InForce;
use crate::app::time_limit::TimeLimit;
use crate::app::{App, AppError, journal_entry};
use crate::decode::DecodeError;
use crate::domain::ids::{SenderId, SubmissionId};
use crate::domain::round::Round;
use crate::domain::rule;
use crate::mapping::RunContext;
use crate::pipeline::PipelineError;
use crate::store::{Due, DueFilter, DuplicateKey, NewSubmission, ReadBy, StoreError, Submission};
use crate::vault::sha256_hex;
use jiff::{SignedDuration, Timestamp};
use std::sync::Arc;
use std::time::Duration;

/// How often the store hears of the progress, and is asked whether the submission was cancelled.
pub(super) const TELL_EVERY: Duration = Duration::from_secs(1);
/// Submissions that are looked for at once.
const DUE_MAX: u32 = 1_000;
/// What came a moment ago is in the queue of the gateway that received it.
const FRESH: SignedDuration = SignedDuration::from_secs(2);

/// Between two looks at a submission that another process works on.
const CLAIMED_WAIT: Duration = Duration::from_millis(200);

/// Told of progress: rows done, bytes of the file read.
pub type Watcher = Arc<dyn Fn(u64, u64) + Send + Sync>;

impl App {
    /// Processes a kept submission to its end and answers with what became of it. One that is already at its end is
    /// answered as it stands; one that another process works on is waited for.
    pub async fn process(&self, id: &SubmissionId, watcher: Option<Watcher>) -> Result<SubmissionView, AppError> {
        loop {
            if let Some(view) = self.try_process(id, watcher.clone()).await? {
                return Ok(view);
            }
            tokio::time::sleep(CLAIMED_WAIT).await;
        }
    }

    /// The same without waiting. None: another process works on it.
    pub async fn try_process(
        &self,
        id: &SubmissionId,
        watcher: Option<Watcher>,
    ) -> Result<Option<SubmissionView>, AppError> {
        let stored = self.stored(id).await?;
        if stored.state.is_final() {
            return Ok(Some(self.view(stored).await?));
        }
        let Some(claim) = self.store.claim(id).await? else { return Ok(None) };
        // Another process may have ended it just before the claim.
        let stored = self.stored(id).await?;
        let was_ended = stored.state.is_final();
        let outcome = if was_ended { Ok(()) } else { self.attempt(&stored, watcher).await };
        // The work is done; a lock that stays behind holds nobody up.
        if let Err(error) = claim.close().await {
            let cause: &dyn std::error::Error = &error;
            tracing::warn!(submission = %id, error = cause, "a claim could not be given back in order");
        }
        outcome?;
        let sender = stored.new.client;
        let view = self.view(self.stored(id).await?).await?;
        if let (false, Some(SenderId::Client(client)), Some(receipt)) = (was_ended, &sender, &view.receipt)
            && receipt.duplicate_of.is_none()
        {
            self.debit_records(client, receipt.received).await;
        }
        Ok(Some(view))
    }

    pub(super) async fn work(&self, stored: &Submission, watcher: Option<Watcher>) -> Result<(), AppError> {
        match self.work_on(stored, watcher).await {
            // Nothing of the file may come into force, whatever stands in it.
            Err(AppError::Store(StoreError::RoundCertified)) => {
                let refusal = FileRefusal::of_rule(rule::REF_CERTIFIED, self.assets.library.catalogue());
                self.refuse(stored, &refusal).await
            }
            outcome => outcome,
        }
    }

    async fn work_on(&self, stored: &Submission, watcher: Option<Watcher>) -> Result<(), AppError> {
        if let Some(agency) = stored.new.agency
            && self.store.is_certified(stored.new.round, agency).await?
        {
            return Err(StoreError::RoundCertified.into());
        }
        let loaded = self.assets.known_mapping(&stored.new.mapping)?.clone();
        let (context, lists_version) = self.run_context(stored.new.round, &loaded).await?;
        let by = ReadBy {
            mapping_version: loaded.mapping.version,
            mapping_sha256: sha256_hex(loaded.text.as_bytes()),
            standard: loaded.mapping.standard.id().to_owned(),
            lists_version,
        };
        let stored = self.store.begin_work(stored.seq, by).await?;
        let duplicate = self.store.find_in_force_duplicate(duplicate_key(&stored.new)).await?;
        // What was staged and is not gone on with must not come into force, neither beside other rows nor with another's receipt.
        if stored.rows_done == 0 || duplicate.is_some() {
            self.store.discard_staged(stored.seq).await?;
        }
        if let Some(earlier) = duplicate {
            let receipt = duplicate_receipt(&stored, earlier)?;
            let entry = commit_entry(&stored, &receipt);
            self.store.commit_submission(stored.seq, &entry, |_| receipt).await?;
            return Ok(());
        }
        let on_board = OnBoard::new(self, &stored.new.id);
        let watcher = Some(on_board.watcher(watcher));
        let app = self.clone();
        let runtime = tokio::runtime::Handle::current();
        let work = move || app.run_stored(&stored, &loaded, context, watcher, &runtime);
        let outcome = tokio::task::spawn_blocking(work).await.map_err(|_| AppError::Worker)?;
        drop(on_board);
        outcome
    }

    /// Kept submissions that did not reach their end and can be worked on now, oldest first. `fresh` ones too: those that came
    /// a moment ago.
    pub async fn unfinished(&self, fresh: bool) -> Result<Vec<Due>, AppError> {
        let now = Timestamp::now();
        let received_until = if fresh { Timestamp::MAX } else { now - FRESH };
        let registered = self.store.school_count().await? > 0;
        Ok(self.store.due(DueFilter { now, received_until, registered, limit: DUE_MAX }).await?)
    }

    /// The gateway stops, and this file takes too long to wait for it.
    pub(super) fn gives_back(&self, stored: &Submission) -> bool {
        self.is_draining() && stored.new.bytes > self.pace.small_submission_bytes
    }

    /// Takes up every submission a crash or stop left unfinished, where no other process is at it; answers how many.
    pub async fn recover(&self) -> Result<usize, AppError> {
        self.sweep_spool()?;
        let mut taken_up = 0;
        for Due { id, .. } in self.unfinished(true).await? {
            match self.try_process(&id, None).await {
                Ok(Some(_)) => taken_up += 1,
                Ok(None) => {}
                Err(error) => {
                    let cause: &dyn std::error::Error = &error;
                    tracing::error!(submission = %id, error = cause, "a submission could not be taken up again");
                }
            }
        }
        Ok(taken_up)
    }

    /// What a file is checked against, and the version it has.
    ///
    /// [`AppError::NoRegister`]: the submission stays as it is until there is one.
    async fn run_context(&self, round: Round, loaded: &LoadedMapping) -> Result<(RunContext, String), AppError> {
        if &*loaded.mapping.standard.name != ENROLMENT {
            return Ok((RunContext { round, schools: None }, self.lists_version().await?));
        }
        let InForce { version, schools } = self.register.in_force(&self.store).await?;
        if schools.is_empty() {
            return Err(AppError::NoRegister);
        }
        Ok((RunContext { round, schools: Some(schools) }, self.lists_version_with(version.as_ref())))
    }

    fn run_stored(
        &self,
        stored: &Submission,
        loaded: &LoadedMapping,
        context: RunContext,
        watcher: Option<Watcher>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), AppError> {
        let limit = TimeLimit::from_now(self.pace.work_seconds_max);
        let format = loaded.mapping.spec.format;
        let outcome = match &*loaded.mapping.standard.name {
            ENROLMENT => self.run_enrolments(stored, loaded, &context, limit, watcher, runtime),
            "school" => self.run_schools(stored, loaded, &context, limit, watcher, runtime),
            _ => return Err(AppError::UnsupportedStandard(loaded.mapping.name.clone())),
        };
        match outcome {
            Ok(()) => Ok(()),
            Err(PipelineError::Decode(DecodeError::Refused { rule, place, detail })) => {
                let refusal = FileRefusal::new(rule, &place, &detail, Some(format), self.assets.library.catalogue());
                runtime.block_on(self.refuse(stored, &refusal))
            }
            Err(PipelineError::Decode(DecodeError::Io(error))) => Err(AppError::Kept(error)),
            Err(PipelineError::Keep(error)) => Err(error),
            Err(PipelineError::Worker) => Err(AppError::Worker),
        }
    }
}

impl App {
    /// Ends a submission as a whole; its bytes stay kept.
    async fn refuse(&self, stored: &Submission, refusal: &FileRefusal) -> Result<(), AppError> {
        let json = serde_json::to_value(refusal).unwrap_or_default();
        let detail = serde_json::json!({ "rule": refusal.rule });
        let entry = journal_entry(&sender(stored), "submission.refuse", stored.new.id.as_str(), detail);
        self.store.refuse_submission(stored.seq, &json, &entry).await?;
        Ok(self.store.discard_staged(stored.seq).await?)
    }
}

fn duplicate_key(of: &NewSubmission) -> DuplicateKey<'_> {
    DuplicateKey {
        sha256: &of.sha256,
        mapping: &of.mapping,
        mapping_version: of.mapping_version,
        mapping_sha256: &of.mapping_sha256,
        lists_version: &of.lists_version,
        round: of.round,
        mode: of.mode,
    }
}
