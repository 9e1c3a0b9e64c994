//! What persons ask about their own data: one row for each request, and which submissions it holds.
//!
//! Owns that a decision is made once and on what its maker saw: every change names the version it is of. Each is one transaction with
//! its entry in the journal. Refuses plain identities: number, reference and words are sealed together.

use super::engine::{Row, Tx, query, query_scalar};
use super::row::{count_from, optional_time_from, time_from};
use super::{JournalEntry, Store, StoreError, journal};
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::KeyedHash;
use crate::domain::ids::SubjectRequestId;
use crate::domain::subject::{RequestKind, RequestState};
use jiff::Timestamp;
use jiff::civil::Date;

/// What of whose statement is to be put right, and how it stood.
#[derive(Debug, Clone, PartialEq)]
pub struct CorrectionOf {
    pub agency: AgencyCode,
    pub fields: Vec<String>,
    /// Keyed hash of the fields' values.
    pub stood: KeyedHash,
    /// Store key of the newest submission that was looked at.
    pub stood_in: i64,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewSubjectRequest {
    pub id: SubjectRequestId,
    pub kind: RequestKind,
    pub learner: KeyedHash,
    pub sealed: Vec<u8>,
    pub received_on: Date,
    pub due_on: Date,
    pub at: Timestamp,
    pub by: String,
    pub correction: Option<CorrectionOf>,
    /// Store keys of submissions with rows about the person.
    pub holds: Vec<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct SubjectRequest {
    pub seq: i64,
    pub id: SubjectRequestId,
    pub kind: RequestKind,
    pub state: RequestState,
    pub version: i64,
    /// None: the retention of the request's own identity is over.
    pub learner: Option<KeyedHash>,
    pub sealed: Option<Vec<u8>>,
    pub received_on: Date,
    pub due_on: Date,
    pub recorded_at: Timestamp,
    pub recorded_by: String,
    pub decided_at: Option<Timestamp>,
    pub decided_by: Option<String>,
    pub ground: Option<String>,
    pub outcome: Option<serde_json::Value>,
    pub correction: Option<CorrectionOf>,
    pub answered_at: Option<Timestamp>,
    pub answered_by: Option<String>,
}

/// Where a page ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RequestCursor {
    pub due_on: Date,
    pub seq: i64,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct RequestFilter {
    pub state: Option<RequestState>,
    /// Due on this day or before.
    pub due_until: Option<Date>,
    /// Due on this day or later.
    pub due_from: Option<Date>,
    pub agency: Option<AgencyCode>,
}

/// How an open request ends.
#[derive(Debug, Clone, PartialEq)]
pub struct RequestDecision {
    pub state: RequestState,
    pub by: String,
    pub ground: Option<String>,
    pub outcome: Option<serde_json::Value>,
}

/// What an agency answered; sealed with the rest.
#[derive(Debug, Clone, PartialEq)]
pub struct AnswerOf {
    pub sealed: Vec<u8>,
    pub by: String,
}

/// Open requests by how near their day is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Reminders {
    pub open: u64,
    /// Of those, due within the days asked for and not over it.
    pub soon: u64,
    pub overdue: u64,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT seq, id, kind, state, version, learner, sealed, received_on, due_on, recorded_at, recorded_by, decided_at, \
             decided_by, ground, outcome, agency, fields, stood, stood_in, answered_at, answered_by FROM subject_request ",
            $rest
        )
    };
}
const INSERT: &str = "INSERT INTO subject_request (id, kind, state, learner, sealed, received_on, due_on, recorded_at, \
    recorded_by, agency, fields, stood, stood_in) VALUES ($1, $2, 'open', $3, $4, $5, $6, $7, $8, $9, $10, $11, $12)";
const HOLD: &str =
    "INSERT INTO subject_hold (request, submission) VALUES ($1, $2) ON CONFLICT (request, submission) DO NOTHING";
const BY_ID: &str = select!("WHERE id = $1");
const LIST: &str = select!(
    "WHERE ($1 = '' OR state = $1) AND ($2 = '' OR due_on <= $2) AND ($3 = '' OR due_on >= $3) AND ($4 = '' OR agency = $4) \
     AND (due_on > $5 OR (due_on = $5 AND seq > $6)) ORDER BY due_on, seq LIMIT $7"
);
const OF_LEARNER: &str = select!("WHERE learner = $1 ORDER BY seq LIMIT $2");
const DECIDE: &str = "UPDATE subject_request SET state = $3, version = version + 1, decided_at = $4, decided_by = $5, \
    ground = $6, outcome = $7 WHERE id = $1 AND version = $2 AND state = 'open'";
const ANSWER: &str = "UPDATE subject_request SET sealed = $3, answered_at = $4, answered_by = $5 \
    WHERE id = $1 AND version = $2 AND state = 'open'";
const ANSWERED: &str = "UPDATE subject_request SET version = version + 1 WHERE id = $1";
const LOOKED: &str = "UPDATE subject_request SET stood_in = $2 WHERE id = $1 AND stood_in < $2";
const REMIND: &str = "SELECT count(*) AS all_open, \
    CAST(coalesce(sum(CASE WHEN due_on >= $1 AND due_on <= $2 THEN 1 ELSE 0 END), 0) AS BIGINT) AS soon, \
    CAST(coalesce(sum(CASE WHEN due_on < $1 THEN 1 ELSE 0 END), 0) AS BIGINT) AS overdue \
    FROM subject_request WHERE state = 'open'";
const NEWEST_OF_AGENCY: &str =
    "SELECT CAST(coalesce(max(submission), 0) AS BIGINT) FROM holding WHERE agency = $1 AND in_force = 1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[INSERT, HOLD, BY_ID, LIST, OF_LEARNER, DECIDE, ANSWER, ANSWERED, LOOKED, REMIND, NEWEST_OF_AGENCY];

fn day(text: &str, column: &'static str) -> Result<Date, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable(column))
}

fn hash(bytes: &[u8], column: &'static str) -> Result<KeyedHash, StoreError> {
    bytes.try_into().map_err(|_| StoreError::Unreadable(column))
}

fn from_row(found: &Row) -> Result<SubjectRequest, StoreError> {
    let text = |column: &'static str| found.try_get::<&str>(column);
    let maybe = |column: &'static str| found.try_get::<Option<&str>>(column);
    let learner: Option<Vec<u8>> = found.try_get("learner")?;
    let stood: Option<Vec<u8>> = found.try_get("stood")?;
    let correction = match (maybe("agency")?, stood) {
        (Some(agency), Some(stood)) => Some(CorrectionOf {
            agency: AgencyCode::parse(agency).map_err(|_| StoreError::Unreadable("subject_request.agency"))?,
            fields: text("fields")?.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
            stood: hash(&stood, "subject_request.stood")?,
            stood_in: found.try_get("stood_in")?,
        }),
        _ => None,
    };
    let outcome = maybe("outcome")?.map(serde_json::from_str).transpose();
    Ok(SubjectRequest {
        seq: found.try_get("seq")?,
        id: SubjectRequestId::parse(text("id")?).map_err(|_| StoreError::Unreadable("subject_request.id"))?,
        kind: RequestKind::parse(text("kind")?).ok_or(StoreError::Unreadable("subject_request.kind"))?,
        state: RequestState::parse(text("state")?).ok_or(StoreError::Unreadable("subject_request.state"))?,
        version: found.try_get("version")?,
        learner: learner.map(|learner| hash(&learner, "subject_request.learner")).transpose()?,
        sealed: found.try_get("sealed")?,
        received_on: day(text("received_on")?, "subject_request.received_on")?,
        due_on: day(text("due_on")?, "subject_request.due_on")?,
        recorded_at: time_from(text("recorded_at")?, "subject_request.recorded_at")?,
        recorded_by: found.try_get("recorded_by")?,
        decided_at: optional_time_from(maybe("decided_at")?, "subject_request.decided_at")?,
        decided_by: found.try_get("decided_by")?,
        ground: found.try_get("ground")?,
        outcome: outcome.map_err(|_| StoreError::Unreadable("subject_request.outcome"))?,
        correction,
        answered_at: optional_time_from(maybe("answered_at")?, "subject_request.answered_at")?,
        answered_by: found.try_get("answered_by")?,
    })
}

/// Inside the transaction of what the decision does. Errors: `RequestChanged` where it is decided, or not of this version.
pub(super) async fn decide(
    tx: &mut Tx,
    id: &SubjectRequestId,
    version: i64,
    decision: &RequestDecision,
    at: Timestamp,
) -> Result<(), StoreError> {
    let done = query(DECIDE)
        .bind(id.as_str())
        .bind(version)
        .bind(decision.state.as_str())
        .bind(at.to_string())
        .bind(&decision.by)
        .bind(decision.ground.clone())
        .bind(decision.outcome.as_ref().map(ToString::to_string))
        .execute(tx)
        .await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::RequestChanged) }
}

impl Store {
    pub async fn add_subject_request(&self, new: &NewSubjectRequest, entry: &JournalEntry) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let correction = new.correction.as_ref();
        query(INSERT)
            .bind(new.id.as_str())
            .bind(new.kind.as_str())
            .bind(new.learner.to_vec())
            .bind(new.sealed.clone())
            .bind(new.received_on.to_string())
            .bind(new.due_on.to_string())
            .bind(new.at.to_string())
            .bind(&new.by)
            .bind(correction.map(|of| of.agency.as_str()))
            .bind(correction.map_or_else(String::new, |of| of.fields.join(" ")))
            .bind(correction.map(|of| of.stood.to_vec()))
            .bind(correction.map_or(0, |of| of.stood_in))
            .execute(&mut tx)
            .await?;
        for submission in &new.holds {
            query(HOLD).bind(new.id.as_str()).bind(*submission).execute(&mut tx).await?;
        }
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    pub async fn subject_request(&self, id: &SubjectRequestId) -> Result<Option<SubjectRequest>, StoreError> {
        query(BY_ID).bind(id.as_str()).fetch_optional(&self.read).await?.as_ref().map(from_row).transpose()
    }

    /// What is due first stands first.
    pub async fn subject_requests(
        &self,
        filter: RequestFilter,
        after: Option<RequestCursor>,
        limit: u32,
    ) -> Result<Vec<SubjectRequest>, StoreError> {
        let day = |day: Option<Date>| day.map_or_else(String::new, |day| day.to_string());
        let rows = query(LIST)
            .bind(filter.state.map_or("", RequestState::as_str))
            .bind(day(filter.due_until))
            .bind(day(filter.due_from))
            .bind(filter.agency.as_ref().map_or("", AgencyCode::as_str))
            .bind(day(after.map(|after| after.due_on)))
            .bind(after.map_or(0, |after| after.seq))
            .bind(limit)
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(from_row).collect()
    }

    /// What one person asked, oldest first.
    pub async fn subject_requests_of(
        &self,
        learner: &KeyedHash,
        limit: u32,
    ) -> Result<Vec<SubjectRequest>, StoreError> {
        let asked = query(OF_LEARNER).bind(learner.to_vec()).bind(limit);
        asked.fetch_all(&self.read).await?.iter().map(from_row).collect()
    }

    /// Errors: `RequestChanged`.
    pub async fn decide_subject_request(
        &self,
        id: &SubjectRequestId,
        version: i64,
        decision: &RequestDecision,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        decide(&mut tx, id, version, decision, entry.at).await?;
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// What the agency says of a correction; with `decision`, that ends the request. Errors: `RequestChanged`.
    pub async fn answer_correction(
        &self,
        id: &SubjectRequestId,
        version: i64,
        answer: &AnswerOf,
        decision: Option<&RequestDecision>,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let done = query(ANSWER)
            .bind(id.as_str())
            .bind(version)
            .bind(answer.sealed.clone())
            .bind(entry.at.to_string())
            .bind(&answer.by)
            .execute(&mut tx)
            .await?;
        if done.rows_affected() != 1 {
            return Err(StoreError::RequestChanged);
        }
        match decision {
            Some(decision) => decide(&mut tx, id, version, decision, entry.at).await?,
            None => {
                query(ANSWERED).bind(id.as_str()).execute(&mut tx).await?;
            }
        }
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// Up to this submission of its agency a correction was looked after, and is not made.
    pub async fn looked_after_correction(&self, id: &SubjectRequestId, submission: i64) -> Result<(), StoreError> {
        query(LOOKED).bind(id.as_str()).bind(submission).execute(&self.write).await?;
        Ok(())
    }

    /// Store key of the newest submission of an agency of which anything is in force; 0: there is none.
    pub async fn newest_in_force(&self, agency: AgencyCode) -> Result<i64, StoreError> {
        query_scalar(NEWEST_OF_AGENCY).bind(agency.as_str()).fetch_one(&self.read).await
    }

    /// `soon`: the last day that counts as soon.
    pub async fn subject_reminders(&self, today: Date, soon: Date) -> Result<Reminders, StoreError> {
        let found = query(REMIND).bind(today.to_string()).bind(soon.to_string()).fetch_one(&self.read).await?;
        let count = |column: &'static str| count_from(found.try_get(column)?, "subject_request");
        Ok(Reminders { open: count("all_open")?, soon: count("soon")?, overdue: count("overdue")? })
    }
}
