//! Submissions: one row per received file, from its receipt to its end.
//!
//! Owns the states and their order: received → processing → committed, refused or failed; either → cancelled. A try that
//! failed, and work that was given back, lead back to received.

use super::dialect::locked;
use super::engine::{Row, Sql, Tx, query, query_scalar};
use super::journal::{self, JournalEntry};
use super::{Store, StoreError, row};
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::SubmissionMode;
use crate::domain::ids::{SenderId, SubmissionId};
use crate::domain::receipt::Receipt;
use crate::domain::round::Round;
use jiff::Timestamp;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Received,
    Processing,
    Committed,
    Refused,
    Cancelled,
    /// Tried too often: the gateway could not do it.
    Failed,
}

impl State {
    const ALL: [State; 6] =
        [State::Received, State::Processing, State::Committed, State::Refused, State::Cancelled, State::Failed];

    pub fn parse(text: &str) -> Option<State> {
        State::ALL.into_iter().find(|state| state.as_str() == text)
    }

    pub fn as_str(&self) -> &'static str {
        match self {
            State::Received => "received",
            State::Processing => "processing",
            State::Committed => "committed",
            State::Refused => "refused",
            State::Cancelled => "cancelled",
            State::Failed => "failed",
        }
    }

    /// Nothing more happens to it.
    pub fn is_final(&self) -> bool {
        matches!(self, State::Committed | State::Refused | State::Cancelled | State::Failed)
    }
}

/// A file that was received whole and kept, before anything is read from it.
#[derive(Debug, Clone, PartialEq)]
pub struct NewSubmission {
    pub id: SubmissionId,
    /// Name without version: `obec/enrolments`.
    pub mapping: String,
    pub mapping_version: u32,
    pub mapping_sha256: String,
    /// `enrolment/1`.
    pub standard: String,
    /// Version of the code lists and register it is checked against.
    pub lists_version: String,
    pub round: Round,
    /// None: the ministry's own (the school register).
    pub agency: Option<AgencyCode>,
    pub mode: SubmissionMode,
    /// None: the operator at the command line.
    pub client: Option<SenderId>,
    pub idempotency_key: Option<String>,
    /// Of the bytes as received.
    pub sha256: String,
    pub bytes: u64,
    /// Relative to the home folder.
    pub kept_path: String,
    pub received_at: Timestamp,
    /// The sender's own, over the bytes: a detached JWS that was found right.
    pub signature: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Submission {
    /// Store key; never shown.
    pub seq: i64,
    pub new: NewSubmission,
    pub state: State,
    pub finished_at: Option<Timestamp>,
    /// Once committed.
    pub receipt: Option<Receipt>,
    /// Once refused or failed.
    pub problem: Option<serde_json::Value>,
    /// Times that work on it began.
    pub tries: u32,
    /// After a try that failed: when the next may begin.
    pub try_after: Option<Timestamp>,
    /// Times that work on it began, never fewer: the work of an older turn writes nothing more.
    pub turns: i64,
    /// Rows, from the file's first, of which everything is staged.
    pub rows_done: u64,
    /// Of the kept file, at `rows_done`.
    pub bytes_read: u64,
}

/// By what a file is read: known for certain only when the work on it begins.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReadBy {
    pub mapping_version: u32,
    pub mapping_sha256: String,
    pub standard: String,
    pub lists_version: String,
}

impl Submission {
    fn read_by(&self) -> ReadBy {
        ReadBy {
            mapping_version: self.new.mapping_version,
            mapping_sha256: self.new.mapping_sha256.clone(),
            standard: self.new.standard.clone(),
            lists_version: self.new.lists_version.clone(),
        }
    }
}

/// What makes two submissions say the same.
#[derive(Debug, Clone, Copy)]
pub struct DuplicateKey<'a> {
    pub sha256: &'a str,
    pub mapping: &'a str,
    pub mapping_version: u32,
    pub mapping_sha256: &'a str,
    pub lists_version: &'a str,
    pub round: Round,
    pub mode: SubmissionMode,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct SubmissionFilter {
    /// None: all.
    pub agency: Option<AgencyCode>,
    pub round: Option<Round>,
}

macro_rules! columns {
    () => {
        "seq, id, mapping, mapping_version, mapping_sha256, standard, lists_version, round, agency, mode, state, \
         client, idempotency_key, sha256, bytes, kept_path, received_at, finished_at, receipt, problem, \
         tries, try_after, turns, rows_done, bytes_read, signature"
    };
}

const INSERT: &str = "INSERT INTO submission (id, mapping, mapping_version, mapping_sha256, standard, lists_version, \
    round, agency, mode, state, client, idempotency_key, sha256, bytes, kept_path, received_at, signature) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, 'received', $10, $11, $12, $13, $14, $15, $16) RETURNING seq";
const BY_ID: &str = concat!("SELECT ", columns!(), " FROM submission WHERE id = $1");
const BY_SEQ: &str = concat!("SELECT ", columns!(), " FROM submission WHERE seq = $1");
pub(super) const FOR_CHANGE: Sql = locked!("SELECT ", columns!(), " FROM submission WHERE seq = $1");
const BY_IDEMPOTENCY_KEY: &str =
    concat!("SELECT ", columns!(), " FROM submission WHERE client = $1 AND idempotency_key = $2");
const UNFINISHED: &str =
    concat!("SELECT ", columns!(), " FROM submission WHERE state IN ('received', 'processing') ORDER BY seq");
const LIST: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM submission WHERE seq < $1 AND ($2 = '' OR agency = $2) AND ($3 = '' OR round = $3) \
      ORDER BY seq DESC LIMIT $4"
);
// In force and untouched since: all its holdings stand, no delta has hidden one of its rows, and (for `replace`, which
// would take them away again) no delta has added rows to its schools.
const DUPLICATE: &str = concat!(
    "SELECT ",
    columns!(),
    " FROM submission s WHERE s.sha256 = $1 AND s.mapping = $2 AND s.mapping_version = $3 AND s.mapping_sha256 = $4 \
      AND s.lists_version = $5 AND s.round = $6 AND s.mode = $7 AND s.state = 'committed' \
      AND EXISTS (SELECT 1 FROM holding h WHERE h.submission = s.seq) \
      AND NOT EXISTS (SELECT 1 FROM holding h WHERE h.submission = s.seq \
                      AND (h.in_force = 0 OR h.superseded_rows > 0)) \
      AND (s.mode = 'delta' OR NOT EXISTS (SELECT 1 FROM holding h JOIN holding o ON o.round = h.round \
             AND o.agency = h.agency AND o.school_id = h.school_id AND o.in_force = 1 AND o.submission <> h.submission \
           WHERE h.submission = s.seq)) \
      ORDER BY s.seq DESC LIMIT 1"
);
const BEGIN_WORK: &str = "UPDATE submission SET state = 'processing', mapping_version = $2, mapping_sha256 = $3, \
    standard = $4, lists_version = $5, tries = tries + 1, try_after = NULL, turns = turns + 1, rows_done = $6, \
    bytes_read = $7 WHERE seq = $1";
const PUT_OFF: &str = "UPDATE submission SET state = 'received', tries = $2, try_after = $3, rows_done = 0, bytes_read = 0 \
    WHERE seq = $1";
const END: &str = "UPDATE submission SET state = $2, finished_at = $3, problem = $4 WHERE seq = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[INSERT, BY_ID, BY_SEQ, BY_IDEMPOTENCY_KEY, UNFINISHED, LIST, DUPLICATE, BEGIN_WORK, PUT_OFF, END];

#[cfg(test)]
pub(super) const IN_DIALECT: &[Sql] = &[FOR_CHANGE];

pub(super) fn from_row(found: &Row) -> Result<Submission, StoreError> {
    let text = |column: &'static str| found.try_get::<&str>(column);
    let json = |column: &'static str| found.try_get::<Option<&str>>(column);
    let agency = text("agency")?;
    let client = text("client")?;
    let state = text("state")?;
    Ok(Submission {
        seq: found.try_get("seq")?,
        state: State::parse(state).ok_or(StoreError::Unreadable("submission.state"))?,
        finished_at: row::optional_time_from(json("finished_at")?, "submission.finished_at")?,
        receipt: json("receipt")?
            .map(serde_json::from_str)
            .transpose()
            .map_err(|_| StoreError::Unreadable("submission.receipt"))?,
        problem: json("problem")?
            .map(serde_json::from_str)
            .transpose()
            .map_err(|_| StoreError::Unreadable("submission.problem"))?,
        tries: found.try_get("tries")?,
        turns: found.try_get("turns")?,
        rows_done: row::count_from(found.try_get("rows_done")?, "submission.rows_done")?,
        bytes_read: row::count_from(found.try_get("bytes_read")?, "submission.bytes_read")?,
        try_after: row::optional_time_from(json("try_after")?, "submission.try_after")?,
        new: NewSubmission {
            id: SubmissionId::parse(text("id")?).map_err(|_| StoreError::Unreadable("submission.id"))?,
            mapping: text("mapping")?.to_owned(),
            mapping_version: found.try_get("mapping_version")?,
            mapping_sha256: text("mapping_sha256")?.to_owned(),
            standard: text("standard")?.to_owned(),
            lists_version: text("lists_version")?.to_owned(),
            round: row::round_from(text("round")?, "submission.round")?,
            agency: (!agency.is_empty()).then(|| row::agency_from(agency, "submission.agency")).transpose()?,
            mode: SubmissionMode::parse(text("mode")?).ok_or(StoreError::Unreadable("submission.mode"))?,
            client: (!client.is_empty())
                .then(|| SenderId::parse(client).map_err(|_| StoreError::Unreadable("submission.client")))
                .transpose()?,
            idempotency_key: found.try_get("idempotency_key")?,
            sha256: text("sha256")?.to_owned(),
            bytes: row::count_from(found.try_get("bytes")?, "submission.bytes")?,
            kept_path: text("kept_path")?.to_owned(),
            received_at: row::time_from(text("received_at")?, "submission.received_at")?,
            signature: found.try_get("signature")?,
        },
    })
}

/// The submission inside a write transaction, if it is still open to change.
pub(super) async fn open_for_change(tx: &mut Tx, seq: i64) -> Result<Submission, StoreError> {
    let found = query(FOR_CHANGE).bind(seq).fetch_optional(tx).await?;
    let submission = from_row(&found.ok_or(StoreError::NoSuchSubmission)?)?;
    if submission.state.is_final() { Err(StoreError::WrongState(submission.state)) } else { Ok(submission) }
}

impl Store {
    /// Writes down a received file, and its journal entry; returns its store key.
    ///
    /// [`StoreError::IdempotencyKeyUsed`] if another request with the key was quicker: look it up and answer as it was answered.
    pub async fn begin_submission(&self, new: &NewSubmission, entry: &JournalEntry) -> Result<i64, StoreError> {
        let mut tx = self.begin().await?;
        let seq = query_scalar(INSERT)
            .bind(new.id.as_str())
            .bind(&new.mapping)
            .bind(new.mapping_version)
            .bind(&new.mapping_sha256)
            .bind(&new.standard)
            .bind(&new.lists_version)
            .bind(new.round.to_string())
            .bind(new.agency.as_ref().map_or("", |agency| agency.as_str()))
            .bind(new.mode.as_str())
            .bind(new.client.as_ref().map_or("", |client| client.as_str()))
            .bind(new.idempotency_key.as_deref())
            .bind(&new.sha256)
            .bind(i64::try_from(new.bytes).map_err(|_| StoreError::Unreadable("submission.bytes"))?)
            .bind(&new.kept_path)
            .bind(new.received_at.to_string())
            .bind(new.signature.as_deref())
            .fetch_one(&mut tx)
            .await?;
        journal::append(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(seq)
    }

    pub async fn submission(&self, id: &SubmissionId) -> Result<Option<Submission>, StoreError> {
        let found = query(BY_ID).bind(id.as_str()).fetch_optional(&self.read).await?;
        found.as_ref().map(from_row).transpose()
    }

    pub async fn submission_by_seq(&self, seq: i64) -> Result<Option<Submission>, StoreError> {
        let found = query(BY_SEQ).bind(seq).fetch_optional(&self.read).await?;
        found.as_ref().map(from_row).transpose()
    }

    /// The submission this client (none: the operator) sent with this key before. Compare `sha256` and the rest:
    /// a key sent again with something else is the client's mistake.
    pub async fn submission_by_idempotency_key(
        &self,
        client: Option<&SenderId>,
        key: &str,
    ) -> Result<Option<Submission>, StoreError> {
        let client = client.map_or("", |client| client.as_str());
        let found = query(BY_IDEMPOTENCY_KEY).bind(client).bind(key).fetch_optional(&self.read).await?;
        found.as_ref().map(from_row).transpose()
    }

    /// An earlier submission of the very same bytes, read by the same mapping and lists, whose rows are all still in
    /// force and which nothing has changed since: committing the bytes again would change nothing.
    pub async fn find_in_force_duplicate(&self, key: DuplicateKey<'_>) -> Result<Option<Submission>, StoreError> {
        let found = query(DUPLICATE)
            .bind(key.sha256)
            .bind(key.mapping)
            .bind(key.mapping_version)
            .bind(key.mapping_sha256)
            .bind(key.lists_version)
            .bind(key.round.to_string())
            .bind(key.mode.as_str())
            .fetch_optional(&self.read)
            .await?;
        found.as_ref().map(from_row).transpose()
    }

    /// Received or broken off in the middle, oldest first: what a worker takes up at its start.
    pub async fn unfinished(&self) -> Result<Vec<Submission>, StoreError> {
        query(UNFINISHED).fetch_all(&self.read).await?.iter().map(from_row).collect()
    }

    /// Newest first, below store key `before` (none: from the newest).
    pub async fn submissions(
        &self,
        filter: SubmissionFilter,
        before: Option<i64>,
        limit: u32,
    ) -> Result<Vec<Submission>, StoreError> {
        query(LIST)
            .bind(before.unwrap_or(i64::MAX))
            .bind(filter.agency.as_ref().map_or("", |agency| agency.as_str()))
            .bind(filter.round.map(|round| round.to_string()).unwrap_or_default())
            .bind(limit)
            .fetch_all(&self.read)
            .await?
            .iter()
            .map(from_row)
            .collect()
    }

    /// Work begins: from now on the submission says by what it is read, which may be newer than at its arrival. Rows that were
    /// staged by something else don't count any more: `rows_done` is 0 then.
    pub async fn begin_work(&self, seq: i64, by: ReadBy) -> Result<Submission, StoreError> {
        let mut tx = self.begin().await?;
        let mut submission = open_for_change(&mut tx, seq).await?;
        if submission.turns == 0 || submission.read_by() != by {
            (submission.rows_done, submission.bytes_read) = (0, 0);
        }
        query(BEGIN_WORK)
            .bind(seq)
            .bind(by.mapping_version)
            .bind(&by.mapping_sha256)
            .bind(&by.standard)
            .bind(&by.lists_version)
            .bind(row::count_to(submission.rows_done, "submission.rows_done")?)
            .bind(row::count_to(submission.bytes_read, "submission.bytes_read")?)
            .execute(&mut tx)
            .await?;
        tx.commit().await?;
        submission.state = State::Processing;
        submission.tries += 1;
        submission.turns += 1;
        submission.try_after = None;
        submission.new.mapping_version = by.mapping_version;
        submission.new.mapping_sha256 = by.mapping_sha256;
        submission.new.standard = by.standard;
        submission.new.lists_version = by.lists_version;
        Ok(submission)
    }

    /// A try failed: the submission is `received` again and may be taken up after that time, from its first row. `tries`:
    /// with this one; `turn`: the one that failed. If another has begun since, this one has nothing to say any more.
    pub async fn put_off(&self, seq: i64, turn: i64, tries: u32, try_after: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if open_for_change(&mut tx, seq).await?.turns > turn {
            return Err(StoreError::Overtaken);
        }
        query(PUT_OFF).bind(seq).bind(tries).bind(try_after.to_string()).execute(&mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// Ends a submission that could not be read at all; `problem` says why (safe to show). Its staged rows stay
    /// invisible; take them away with [`Store::discard_staged`].
    pub async fn refuse_submission(
        &self,
        seq: i64,
        problem: &serde_json::Value,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        // What a file can't be read for is the same at every turn.
        self.end(seq, None, State::Refused, problem, entry).await
    }

    /// Ends a submission that the gateway could not do however often it tried; its bytes stay kept. `turn`: of the last try.
    /// If another has begun since, this one has nothing to say any more.
    pub async fn fail_submission(
        &self,
        seq: i64,
        turn: i64,
        problem: &serde_json::Value,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        self.end(seq, Some(turn), State::Failed, problem, entry).await
    }

    async fn end(
        &self,
        seq: i64,
        turn: Option<i64>,
        state: State,
        problem: &serde_json::Value,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let turns = open_for_change(&mut tx, seq).await?.turns;
        if turn.is_some_and(|turn| turns > turn) {
            return Err(StoreError::Overtaken);
        }
        query(END)
            .bind(seq)
            .bind(state.as_str())
            .bind(entry.at.to_string())
            .bind(problem.to_string())
            .execute(&mut tx)
            .await?;
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }
}
