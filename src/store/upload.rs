//! Uploads: files on their way in by pieces, until they are whole and become submissions.
//!
//! Owns which bytes are there: a piece counts from the moment its row is written, and only if nobody moved the end of the
//! upload meanwhile. So any gateway may take the next piece, two who bring one at the same time can't both be taken, and no
//! lock is held while bytes come in. Refuses more open uploads of one client than it is told.

use super::engine::{Row, query, query_scalar};
use super::journal::{self, JournalEntry};
use super::row::{count_from, count_to, round_from, time_from};
use super::{Store, StoreError};
use crate::domain::enrolment::SubmissionMode;
use crate::domain::ids::{ClientId, SubmissionId, UploadId};
use crate::domain::round::Round;
use jiff::Timestamp;

#[derive(Debug, Clone, PartialEq)]
pub struct NewUpload {
    pub id: UploadId,
    pub client: ClientId,
    /// Name without version.
    pub mapping: String,
    pub round: Round,
    pub mode: SubmissionMode,
    pub idempotency_key: Option<String>,
    /// Of the whole file.
    pub bytes: u64,
    pub begun_at: Timestamp,
    /// A detached JWS over the whole file, checked when it is whole.
    pub signature: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Upload {
    pub new: NewUpload,
    /// Bytes that are there, from the first.
    pub received: u64,
    pub parts: u64,
    /// When the last bytes came.
    pub touched_at: Timestamp,
    /// What it became.
    pub submission: Option<SubmissionId>,
}

/// A piece on disk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UploadPart {
    pub first_byte: u64,
    pub bytes: u64,
    /// In the upload's folder.
    pub file: String,
}

macro_rules! columns {
    () => {
        "id, client, mapping, round, mode, idempotency_key, bytes, received, parts, begun_at, touched_at, submission, signature"
    };
}

const INSERT: &str = "INSERT INTO upload (id, client, mapping, round, mode, idempotency_key, bytes, begun_at, touched_at, signature) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9)";
const OPEN: &str = "SELECT count(*) FROM upload WHERE client = $1 AND submission IS NULL";
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM upload WHERE id = $1");
const WHOLE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM upload WHERE received = bytes AND submission IS NULL AND id > $1 ORDER BY id LIMIT $2"
);
const IDLE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM upload WHERE touched_at <= $1 AND (received < bytes OR submission IS NOT NULL) \
      ORDER BY touched_at, id LIMIT $2"
);
const GROW: &str = "UPDATE upload SET received = $3, parts = parts + $4, touched_at = $5 \
    WHERE id = $1 AND received = $2 AND submission IS NULL";
const PART_INSERT: &str = "INSERT INTO upload_part (upload, first_byte, bytes, file) VALUES ($1, $2, $3, $4)";
const PARTS: &str = "SELECT first_byte, bytes, file FROM upload_part WHERE upload = $1 ORDER BY first_byte";
const PARTS_DISCARD: &str = "DELETE FROM upload_part WHERE upload = $1";
const BECAME: &str = "UPDATE upload SET submission = $2, touched_at = $3 WHERE id = $1";
const DISCARD: &str = "DELETE FROM upload WHERE id = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[INSERT, OPEN, BY_ID, WHOLE, IDLE, GROW, PART_INSERT, PARTS, PARTS_DISCARD, BECAME, DISCARD];

fn from_row(found: &Row) -> Result<Upload, StoreError> {
    let text = |column: &'static str| found.try_get::<&str>(column);
    let submission: Option<&str> = found.try_get("submission")?;
    Ok(Upload {
        received: count_from(found.try_get("received")?, "upload.received")?,
        parts: count_from(found.try_get("parts")?, "upload.parts")?,
        touched_at: time_from(text("touched_at")?, "upload.touched_at")?,
        submission: submission
            .map(|id| SubmissionId::parse(id).map_err(|_| StoreError::Unreadable("upload.submission")))
            .transpose()?,
        new: NewUpload {
            id: UploadId::parse(text("id")?).map_err(|_| StoreError::Unreadable("upload.id"))?,
            client: ClientId::parse(text("client")?).map_err(|_| StoreError::Unreadable("upload.client"))?,
            mapping: text("mapping")?.to_owned(),
            round: round_from(text("round")?, "upload.round")?,
            mode: SubmissionMode::parse(text("mode")?).ok_or(StoreError::Unreadable("upload.mode"))?,
            idempotency_key: found.try_get("idempotency_key")?,
            bytes: count_from(found.try_get("bytes")?, "upload.bytes")?,
            begun_at: time_from(text("begun_at")?, "upload.begun_at")?,
            signature: found.try_get("signature")?,
        },
    })
}

impl Store {
    /// False: the client has `open_max` uploads open already.
    pub async fn begin_upload(&self, new: &NewUpload, open_max: u64, entry: &JournalEntry) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        tx.take_turn(&format!("uploads {}", new.client)).await?;
        let open = query_scalar(OPEN).bind(new.client.as_str()).fetch_one(&mut tx).await?;
        if count_from(open, "upload")? >= open_max {
            return Ok(false);
        }
        query(INSERT)
            .bind(new.id.as_str())
            .bind(new.client.as_str())
            .bind(&new.mapping)
            .bind(new.round.to_string())
            .bind(new.mode.as_str())
            .bind(new.idempotency_key.as_deref())
            .bind(count_to(new.bytes, "upload.bytes")?)
            .bind(new.begun_at.to_string())
            .bind(new.signature.as_deref())
            .execute(&mut tx)
            .await?;
        journal::append(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub async fn upload(&self, id: &UploadId) -> Result<Option<Upload>, StoreError> {
        let found = query(BY_ID).bind(id.as_str()).fetch_optional(&self.read).await?;
        found.as_ref().map(from_row).transpose()
    }

    /// Pieces that follow one another, the first at the upload's end, count from now on. False: the end is no longer
    /// there, because somebody else went on, or the upload is no longer open.
    pub async fn grow_upload(&self, id: &UploadId, parts: &[UploadPart], at: Timestamp) -> Result<bool, StoreError> {
        let (Some(first), Some(last)) = (parts.first(), parts.last()) else { return Ok(true) };
        let mut tx = self.begin().await?;
        let grown = query(GROW)
            .bind(id.as_str())
            .bind(count_to(first.first_byte, "upload.received")?)
            .bind(count_to(last.first_byte + last.bytes, "upload.received")?)
            .bind(count_to(parts.len() as u64, "upload.parts")?)
            .bind(at.to_string())
            .execute(&mut tx)
            .await?;
        if grown.rows_affected() == 0 {
            return Ok(false);
        }
        for part in parts {
            query(PART_INSERT)
                .bind(id.as_str())
                .bind(count_to(part.first_byte, "upload_part.first_byte")?)
                .bind(count_to(part.bytes, "upload_part.bytes")?)
                .bind(&part.file)
                .execute(&mut tx)
                .await?;
        }
        tx.commit().await?;
        Ok(true)
    }

    /// In their order.
    pub async fn upload_parts(&self, id: &UploadId) -> Result<Vec<UploadPart>, StoreError> {
        let rows = query(PARTS).bind(id.as_str()).fetch_all(&self.read).await?;
        rows.iter()
            .map(|found| {
                Ok(UploadPart {
                    first_byte: count_from(found.try_get("first_byte")?, "upload_part.first_byte")?,
                    bytes: count_from(found.try_get("bytes")?, "upload_part.bytes")?,
                    file: found.try_get("file")?,
                })
            })
            .collect()
    }

    /// Whole, and not a submission yet, in the order of their names, which is that of their beginning. `after`: the last one seen.
    pub async fn whole_uploads(&self, after: Option<&UploadId>, limit: u32) -> Result<Vec<Upload>, StoreError> {
        query(WHOLE)
            .bind(after.map_or("", UploadId::as_str))
            .bind(limit)
            .fetch_all(&self.read)
            .await?
            .iter()
            .map(from_row)
            .collect()
    }

    /// Those that nothing came for since then. One that is whole and could not be taken yet stays: nothing of it is missing.
    pub async fn idle_uploads(&self, since: Timestamp, limit: u32) -> Result<Vec<Upload>, StoreError> {
        query(IDLE).bind(since.to_string()).bind(limit).fetch_all(&self.read).await?.iter().map(from_row).collect()
    }

    /// Its bytes are a submission's now; the pieces are needed no more.
    pub async fn upload_became(
        &self,
        id: &UploadId,
        submission: &SubmissionId,
        at: Timestamp,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query(BECAME).bind(id.as_str()).bind(submission.as_str()).bind(at.to_string()).execute(&mut tx).await?;
        query(PARTS_DISCARD).bind(id.as_str()).execute(&mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// `entry`: none for one that expired by itself.
    pub async fn discard_upload(&self, id: &UploadId, entry: Option<&JournalEntry>) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        // Its pieces go with it.
        let gone = query(DISCARD).bind(id.as_str()).execute(&mut tx).await?;
        if let Some(entry) = entry.filter(|_| gone.rows_affected() > 0) {
            journal::append(&mut tx, entry).await?;
        }
        Ok(tx.commit().await?)
    }
}
