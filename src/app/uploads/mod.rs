//! Uploads: a large file in pieces, each acknowledged byte of it on disk and sealed, until it is whole and becomes a
//! submission as any other.
//!
//! Owns who may see an upload (only the client that began it), how many one client may have open, and how long one that
//! nothing comes for is kept. `piece` takes the bytes, `parts` knows where they lie, `whole` makes the submission. What is
//! there stands in the store, so any gateway over the same store and place of kept files may take the next piece.
//!
//! Refuses to keep anything but the bytes and the terms: a file's name may hold a person's.

mod parts;
mod piece;
mod whole;

pub use crate::vault::Checksum;
pub use piece::Piece;

use super::intake::FileTerms;
use super::{App, AppError, journal_entry};
use crate::domain::ids::{ClientId, SubmissionId, UploadId};
use crate::domain::principal::{Denied, Principal};
use crate::store::{NewUpload, Upload};
use jiff::{SignedDuration, Timestamp};

/// Uploads that one client has open at the same time.
pub const OPEN_MAX: u64 = 16;
/// Pieces of one upload; a file at the limit takes far fewer if they are not cut too small.
pub const PARTS_MAX: u64 = 50_000;
/// Uploads cleared away or finished at one look.
const AT_ONCE: u32 = 100;

/// Why a piece was not taken.
#[derive(Debug, thiserror::Error)]
pub enum UploadError {
    #[error("there is no upload with this id")]
    Unknown,
    #[error("the client has {OPEN_MAX} uploads open")]
    TooMany,
    /// The next byte is another one.
    #[error("the upload goes on at byte {at}")]
    Offset { at: u64 },
    #[error("the upload is in more than {PARTS_MAX} pieces")]
    TooManyParts,
    #[error("the bytes are not those of the checksum")]
    Checksum,
    #[error("an upload of no bytes")]
    Empty,
    #[error("the pieces together are not the upload")]
    Torn,
}

/// An upload as its client may see it.
#[derive(Debug, Clone, PartialEq)]
pub struct UploadView {
    pub id: UploadId,
    pub bytes: u64,
    pub received: u64,
    /// It goes if nothing comes until then.
    pub expires_at: Timestamp,
    pub submission: Option<SubmissionId>,
}

impl App {
    /// Opens an upload of a file of `bytes`. Permission is checked before the first of them.
    pub async fn begin_upload(
        &self,
        principal: &Principal,
        terms: FileTerms,
        bytes: u64,
    ) -> Result<UploadView, AppError> {
        let (authorised, _, mapping) = self.may_send(principal, &terms.mapping)?;
        let Principal::Client { id: client, .. } = authorised.principal() else {
            // A person at a browser sends the file whole.
            return Err(Denied::ClientsOnly.into());
        };
        if bytes == 0 {
            return Err(UploadError::Empty.into());
        }
        if bytes > self.limits.file_bytes_max {
            return Err(AppError::TooLarge { bytes_max: self.limits.file_bytes_max });
        }
        self.expect_signature(principal, terms.signature.as_ref()).await?;
        let new = NewUpload {
            id: UploadId::from_uuid(uuid::Uuid::now_v7()),
            client: client.clone(),
            mapping,
            round: terms.round,
            mode: terms.mode,
            idempotency_key: terms.idempotency_key,
            bytes,
            begun_at: Timestamp::now(),
            signature: terms.signature.map(|jws| jws.as_str().to_owned()),
        };
        let detail = serde_json::json!({ "mapping": new.mapping, "round": new.round.to_string(), "bytes": bytes });
        let entry = journal_entry(authorised.principal(), "upload.begin", new.id.as_str(), detail);
        if !self.store.begin_upload(&new, OPEN_MAX, &entry).await? {
            return Err(UploadError::TooMany.into());
        }
        let touched_at = new.begun_at;
        Ok(self.upload_view(&Upload { new, received: 0, parts: 0, touched_at, submission: None }))
    }

    /// For the client that began it; to any other it is not there.
    pub async fn upload(&self, principal: &Principal, id: &UploadId) -> Result<UploadView, AppError> {
        Ok(self.upload_view(&self.own_upload(principal, id).await?))
    }

    /// Gives up an upload: its bytes go. What became a submission is no longer an upload's to take back; only its trace here goes.
    pub async fn drop_upload(&self, principal: &Principal, id: &UploadId) -> Result<(), AppError> {
        let upload = self.own_upload(principal, id).await?;
        let detail = serde_json::json!({ "received": upload.received });
        let entry = journal_entry(principal, "upload.drop", id.as_str(), detail);
        self.discard_claimed(id, &entry).await
    }

    async fn own_upload(&self, principal: &Principal, id: &UploadId) -> Result<Upload, AppError> {
        let client: &ClientId = match principal {
            Principal::Client { id, .. } => id,
            Principal::Anonymous => return Err(Denied::NotAuthenticated.into()),
            Principal::Operator | Principal::Person { .. } => return Err(UploadError::Unknown.into()),
        };
        let upload = self.store.upload(id).await?;
        let own = upload.filter(|upload| upload.new.client == *client && self.expires(upload) > Timestamp::now());
        own.ok_or(UploadError::Unknown.into())
    }

    fn expires(&self, upload: &Upload) -> Timestamp {
        upload.touched_at.saturating_add(self.idle_max()).unwrap_or(Timestamp::MAX)
    }

    fn idle_max(&self) -> SignedDuration {
        SignedDuration::from_secs(i64::try_from(self.pace.upload_idle_seconds_max).unwrap_or(i64::MAX))
    }

    fn upload_view(&self, upload: &Upload) -> UploadView {
        UploadView {
            id: upload.new.id.clone(),
            bytes: upload.new.bytes,
            received: upload.received,
            expires_at: self.expires(upload),
            submission: upload.submission.clone(),
        }
    }
}
