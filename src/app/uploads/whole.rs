//! An upload that is whole: its parts put together become a submission, once, whoever does it and however often it is begun.
//!
//! Owns that: one process does it at a time, under the upload's lock, and the submission's name follows from the upload's. So
//! a gateway that dies over it leaves nothing that another can't end, and the file is never taken twice. Also ends uploads
//! that nobody goes on with.

use super::AT_ONCE;
use crate::app::intake::{FileTerms, Intake, Kept};
use crate::app::{App, AppError};
use crate::domain::agency::AgencyCode;
use crate::domain::ids::{SubmissionId, UploadId};
use crate::domain::principal::{Principal, Scope};
use crate::store::{Claim, JournalEntry, Upload, UploadPart};
use crate::vault::DetachedJws;
use jiff::Timestamp;
use std::io::Read;
use std::time::Duration;

/// Between two looks at an upload that another process puts together.
const CLAIMED_WAIT: Duration = Duration::from_millis(100);
/// Plain bytes held at once.
const COPIED_BYTES: usize = 1 << 20;

impl App {
    /// The submission that an upload became; if it is whole, it becomes one now. None: bytes are missing.
    pub async fn finish_upload(&self, id: &UploadId) -> Result<Option<SubmissionId>, AppError> {
        loop {
            let Some(upload) = self.store.upload(id).await? else { return Ok(None) };
            if upload.submission.is_some() || upload.received < upload.new.bytes {
                return Ok(upload.submission);
            }
            let Some(claim) = self.store.claim_upload(id).await? else {
                tokio::time::sleep(CLAIMED_WAIT).await;
                continue;
            };
            let outcome = self.become_submission(&upload).await;
            give_back(id, claim).await;
            return outcome;
        }
    }

    /// Takes an upload away with its bytes, when nobody is putting it together.
    pub(super) async fn discard_claimed(&self, id: &UploadId, entry: &JournalEntry) -> Result<(), AppError> {
        let claim = loop {
            match self.store.claim_upload(id).await? {
                Some(claim) => break claim,
                None => tokio::time::sleep(CLAIMED_WAIT).await,
            }
        };
        let outcome = self.store.discard_upload(id, Some(entry)).await;
        give_back(id, claim).await;
        outcome?;
        self.remove_parts(id).await
    }

    /// Ends what others left: uploads that are whole and no submission yet.
    pub async fn finish_uploads(&self) -> Result<(), AppError> {
        let mut seen: Option<UploadId> = None;
        loop {
            // Over all of them: some that can't be taken now (their mapping is gone) hold up nobody's who came later.
            let some = self.store.whole_uploads(seen.as_ref(), AT_ONCE).await?;
            for upload in &some {
                if let Err(error) = self.finish_upload(&upload.new.id).await {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(upload = %upload.new.id, error, "an upload that is whole could not be taken; it will be tried again");
                }
            }
            match some.last() {
                Some(last) if some.len() == AT_ONCE as usize => seen = Some(last.new.id.clone()),
                _ => return Ok(()),
            }
        }
    }

    /// Gives up the uploads that nothing came for too long, with their bytes.
    pub async fn expire_uploads(&self) -> Result<(), AppError> {
        let since = Timestamp::now().saturating_sub(self.idle_max()).unwrap_or(Timestamp::MIN);
        for upload in self.store.idle_uploads(since, AT_ONCE).await? {
            self.store.discard_upload(&upload.new.id, None).await?;
            self.remove_parts(&upload.new.id).await?;
        }
        Ok(())
    }

    /// Under the upload's lock. None: it was given up in between.
    async fn become_submission(&self, upload: &Upload) -> Result<Option<SubmissionId>, AppError> {
        let id = &upload.new.id;
        match self.store.upload(id).await? {
            None => return Ok(None),
            Some(Upload { submission: Some(now), .. }) => return Ok(Some(now)),
            Some(_) => {}
        }
        let own = self.submission_of(id)?;
        let submission = match self.store.submission(&own).await? {
            Some(_) => own,
            None => match self.keep_whole(upload, own).await {
                Ok(kept) => kept.id,
                Err(error @ (AppError::IdempotencyKeyReused | AppError::Denied(_) | AppError::Signature(_))) => {
                    // It can never be taken.
                    self.store.discard_upload(id, None).await?;
                    self.remove_parts(id).await?;
                    return Err(error);
                }
                Err(error) => return Err(error),
            },
        };
        self.store.upload_became(id, &submission, Timestamp::now()).await?;
        self.remove_parts(id).await?;
        Ok(Some(submission))
    }

    async fn keep_whole(&self, upload: &Upload, own: SubmissionId) -> Result<Kept, AppError> {
        let terms = FileTerms {
            mapping: upload.new.mapping.clone(),
            round: upload.new.round,
            mode: upload.new.mode,
            idempotency_key: upload.new.idempotency_key.clone(),
            signature: upload.new.signature.as_deref().and_then(DetachedJws::parse),
        };
        // Every one of its bytes was sent by a client that might send it.
        let principal = Principal::Client {
            id: upload.new.client.clone(),
            name: String::new(),
            agency: upload.new.mapping.split('/').next().and_then(|slug| AgencyCode::parse(slug).ok()),
            scopes: vec![Scope::AgencySubmit, Scope::RegisterSubmit],
            within: None,
        };
        let parts = self.store.upload_parts(&upload.new.id).await?;
        let (app, upload) = (self.clone(), upload.clone());
        let copy = move || {
            let mut intake = app.begin_intake_as(own, &principal, terms)?;
            let mut at = 0;
            for part in &parts {
                if part.first_byte != at {
                    return Err(super::UploadError::Torn.into());
                }
                app.copy_part(&upload, part, &mut intake)?;
                at += part.bytes;
            }
            if at == upload.new.bytes { Ok(intake) } else { Err(AppError::from(super::UploadError::Torn)) }
        };
        let intake = tokio::task::spawn_blocking(copy).await.map_err(|_| AppError::Worker)??;
        self.keep(intake).await
    }

    fn copy_part(&self, upload: &Upload, part: &UploadPart, intake: &mut Intake) -> Result<(), AppError> {
        let mut reader = self.open_part(&upload.new.id, part)?;
        if reader.len() != part.bytes {
            return Err(super::UploadError::Torn.into());
        }
        let mut buffer = vec![0; COPIED_BYTES];
        loop {
            let read = reader.read(&mut buffer).map_err(AppError::Kept)?;
            if read == 0 {
                return Ok(());
            }
            intake.write(&buffer[..read])?;
        }
    }

    fn submission_of(&self, id: &UploadId) -> Result<SubmissionId, AppError> {
        let hex = id.as_str().trim_start_matches("upl_");
        SubmissionId::parse(&format!("sub_{hex}")).map_err(|_| AppError::Worker)
    }
}

async fn give_back(id: &UploadId, claim: Claim) {
    // What is done is done; a lock that stays behind holds nobody up.
    if let Err(error) = claim.close().await {
        let error: &dyn std::error::Error = &error;
        tracing::warn!(upload = %id, error, "a claim could not be given back in order");
    }
}
