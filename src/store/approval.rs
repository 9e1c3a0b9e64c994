//! Acts that take two persons or more: proposed, agreed to or refused by others, and done once.
//!
//! Owns that one act is open for one subject, that who proposed it does not decide it (nor with another account of the same
//! subject at a provider), that nobody agrees for two rights, and that it is done once and only if what it is about is still the
//! same. Each step is one transaction with its entry in the journal. Refuses what is past its time.

use super::engine::{On, Row, Tx, query};
use super::person::person_id;
use super::row::{optional_time_from, time_from};
use super::{JournalEntry, Store, StoreError, journal};
use crate::domain::approval::{ApprovalKind, ApprovalState};
use crate::domain::ids::{ApprovalId, PersonId};
use crate::domain::principal::Scope;
use jiff::Timestamp;

#[derive(Debug, Clone, PartialEq)]
pub struct NewApproval {
    pub id: ApprovalId,
    pub kind: ApprovalKind,
    /// E.g. `obec/enrolments`.
    pub subject: String,
    /// Hash of what exactly is to be done, hexadecimal.
    pub what: String,
    pub reason: String,
    pub proposed_by: PersonId,
    pub proposed_at: Timestamp,
    pub until: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Approval {
    pub new: NewApproval,
    pub state: ApprovalState,
    pub decided_by: Option<PersonId>,
    pub decided_at: Option<Timestamp>,
    pub done_at: Option<Timestamp>,
}

/// One person's yes, for one of the rights that an act needs.
#[derive(Debug, Clone, PartialEq)]
pub struct Consent {
    pub right: Scope,
    pub person: PersonId,
    pub at: Timestamp,
}

/// What somebody says to an act.
#[derive(Debug, Clone, Copy)]
pub enum Decision {
    /// For this right.
    Agrees(Scope),
    Refuses,
}

/// How an act stands after somebody decided.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Decided {
    /// Others have to agree as well.
    Open,
    Agreed(Box<NewApproval>),
    Refused(Box<NewApproval>),
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, kind, subject, what, reason, state, proposed_by, proposed_at, until, decided_by, decided_at, done_at \
             FROM approval ",
            $rest
        )
    };
}
const LAPSE: &str = "UPDATE approval SET state = 'void' WHERE kind = $1 AND subject = $2 \
    AND state IN ('proposed', 'approved') AND (until <= $3 OR what <> $4)";
const INSERT: &str = "INSERT INTO approval (id, kind, subject, what, reason, state, proposed_by, proposed_at, until) \
    VALUES ($1, $2, $3, $4, $5, 'proposed', $6, $7, $8)";
const REMEMBER: &str = "INSERT INTO approval_subject (approval, issuer, subject) \
    SELECT $1, issuer, subject FROM person_subject WHERE person = $2";
const SAME_SUBJECT: &str = "SELECT a.issuer, a.subject FROM approval_subject a JOIN person_subject p \
    ON p.issuer = a.issuer AND p.subject = a.subject WHERE a.approval = $1 AND p.person = $2 LIMIT 1";
const BY_ID: &str = select!("WHERE id = $1");
const RECENT: &str = select!("ORDER BY proposed_at DESC, id DESC LIMIT $1");
const DECIDE: &str = "UPDATE approval SET state = $2, decided_by = $3, decided_at = $4 \
    WHERE id = $1 AND state = 'proposed' AND until > $4";
const DONE: &str = "UPDATE approval SET state = 'done', done_at = $4 \
    WHERE kind = $1 AND subject = $2 AND what = $3 AND state = 'approved' AND until > $4";
const AGREED: &str = "SELECT id FROM approval WHERE kind = $1 AND subject = $2 AND what = $3 AND state = 'approved' \
    AND until > $4";

const CONSENT: &str = "INSERT INTO approval_consent (approval, right_name, person, at) \
    SELECT id, $2, $3, $4 FROM approval WHERE id = $1 AND state = 'proposed' AND until > $4";
const CONSENTS: &str =
    "SELECT right_name, person, at FROM approval_consent WHERE approval = $1 ORDER BY at, right_name";
const VOID: &str =
    "UPDATE approval SET state = 'void' WHERE kind = $1 AND subject = $2 AND state IN ('proposed', 'approved')";
const VOID_OF: &str = "UPDATE approval SET state = 'void' WHERE state IN ('proposed', 'approved') AND (proposed_by = $1 \
    OR decided_by = $1 OR id IN (SELECT c.approval FROM approval_consent c WHERE c.person = $1))";
const OPEN: &str = select!("WHERE kind = $1 AND subject = $2 AND state IN ('proposed', 'approved') AND until > $3");

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    LAPSE,
    INSERT,
    REMEMBER,
    SAME_SUBJECT,
    BY_ID,
    RECENT,
    DECIDE,
    DONE,
    CONSENT,
    CONSENTS,
    VOID,
    VOID_OF,
    OPEN,
    AGREED,
];

fn from_row(found: &Row) -> Result<Approval, StoreError> {
    let text = |column: &'static str| found.try_get::<&str>(column);
    let decided_by: Option<&str> = found.try_get("decided_by")?;
    Ok(Approval {
        state: ApprovalState::parse(text("state")?).ok_or(StoreError::Unreadable("approval.state"))?,
        decided_by: decided_by.map(|id| person_id(id, "approval.decided_by")).transpose()?,
        decided_at: optional_time_from(found.try_get("decided_at")?, "approval.decided_at")?,
        done_at: optional_time_from(found.try_get("done_at")?, "approval.done_at")?,
        new: NewApproval {
            id: ApprovalId::parse(text("id")?).map_err(|_| StoreError::Unreadable("approval.id"))?,
            kind: ApprovalKind::parse(text("kind")?).ok_or(StoreError::Unreadable("approval.kind"))?,
            subject: found.try_get("subject")?,
            what: found.try_get("what")?,
            reason: found.try_get("reason")?,
            proposed_by: person_id(text("proposed_by")?, "approval.proposed_by")?,
            proposed_at: time_from(text("proposed_at")?, "approval.proposed_at")?,
            until: time_from(text("until")?, "approval.until")?,
        },
    })
}

/// Those of one act wait for each other.
async fn take_turn(tx: &mut Tx, kind: ApprovalKind, subject: &str) -> Result<(), StoreError> {
    tx.take_turn(&format!("approval {} {subject}", kind.as_str())).await
}

impl Store {
    /// Errors: `ApprovalOpen` where the same is open already. One that is open for something else about the same subject is
    /// void from here on.
    pub async fn propose(&self, new: &NewApproval, entry: &JournalEntry) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        propose(&mut tx, new).await?;
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// In their order.
    pub async fn consents(&self, id: &ApprovalId) -> Result<Vec<Consent>, StoreError> {
        consents(&self.read, id).await
    }

    pub async fn approval(&self, id: &ApprovalId) -> Result<Option<Approval>, StoreError> {
        query(BY_ID).bind(id.as_str()).fetch_optional(&self.read).await?.as_ref().map(from_row).transpose()
    }

    /// Newest first.
    pub async fn approvals(&self, limit: u32) -> Result<Vec<Approval>, StoreError> {
        query(RECENT).bind(limit).fetch_all(&self.read).await?.iter().map(from_row).collect()
    }

    /// Errors: `SamePerson`; `ApprovalClosed` for one that was decided or is past its time.
    pub async fn decide(
        &self,
        id: &ApprovalId,
        by: &PersonId,
        decision: Decision,
        at: Timestamp,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        decide(&mut tx, id, by, decision, at).await?;
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// Did another person agree to exactly this, and is it not done yet?
    pub async fn is_agreed(
        &self,
        kind: ApprovalKind,
        subject: &str,
        what: &str,
        now: Timestamp,
    ) -> Result<bool, StoreError> {
        let found = query(AGREED).bind(kind.as_str()).bind(subject).bind(what).bind(now.to_string());
        Ok(found.fetch_optional(&self.read).await?.is_some())
    }

    /// Uses up the agreement to exactly this, once. Errors: `NotApproved`.
    pub async fn carry_out(
        &self,
        kind: ApprovalKind,
        subject: &str,
        what: &str,
        at: Timestamp,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        carry_out(&mut tx, kind, subject, what, at).await?;
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }
}

/// The same inside the transaction of the act itself, so that neither is without the other.
pub(super) async fn carry_out(
    tx: &mut Tx,
    kind: ApprovalKind,
    subject: &str,
    what: &str,
    at: Timestamp,
) -> Result<(), StoreError> {
    take_turn(tx, kind, subject).await?;
    let done = query(DONE).bind(kind.as_str()).bind(subject).bind(what).bind(at.to_string()).execute(tx).await?;
    if done.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotApproved) }
}

pub(super) async fn propose(tx: &mut Tx, new: &NewApproval) -> Result<(), StoreError> {
    take_turn(tx, new.kind, &new.subject).await?;
    query(LAPSE)
        .bind(new.kind.as_str())
        .bind(&new.subject)
        .bind(new.proposed_at.to_string())
        .bind(&new.what)
        .execute(&mut *tx)
        .await?;
    query(INSERT)
        .bind(new.id.as_str())
        .bind(new.kind.as_str())
        .bind(&new.subject)
        .bind(&new.what)
        .bind(&new.reason)
        .bind(new.proposed_by.as_str())
        .bind(new.proposed_at.to_string())
        .bind(new.until.to_string())
        .execute(&mut *tx)
        .await?;
    query(REMEMBER).bind(new.id.as_str()).bind(new.proposed_by.as_str()).execute(tx).await?;
    Ok(())
}

/// The proposal that is open for a subject.
pub(super) async fn open(
    tx: &mut Tx,
    kind: ApprovalKind,
    subject: &str,
    at: Timestamp,
) -> Result<Option<Approval>, StoreError> {
    let found = query(OPEN).bind(kind.as_str()).bind(subject).bind(at.to_string()).fetch_optional(tx).await?;
    found.as_ref().map(from_row).transpose()
}

/// What it was about changed.
pub(super) async fn void(tx: &mut Tx, kind: ApprovalKind, subject: &str) -> Result<(), StoreError> {
    take_turn(tx, kind, subject).await?;
    query(VOID).bind(kind.as_str()).bind(subject).execute(tx).await.map(drop)
}

async fn consents(on: impl Into<On<'_>>, id: &ApprovalId) -> Result<Vec<Consent>, StoreError> {
    let found = query(CONSENTS).bind(id.as_str()).fetch_all(on).await?;
    let of = |row: &Row| {
        Ok(Consent {
            right: Scope::parse(row.try_get("right_name")?)
                .ok_or(StoreError::Unreadable("approval_consent.right_name"))?,
            person: person_id(row.try_get("person")?, "approval_consent.person")?,
            at: time_from(row.try_get("at")?, "approval_consent.at")?,
        })
    };
    found.iter().map(of).collect()
}

/// Where somebody loses a right, or the account: what is not done yet needs persons who have theirs.
pub(super) async fn void_of(tx: &mut Tx, person: &PersonId) -> Result<(), StoreError> {
    query(VOID_OF).bind(person.as_str()).execute(tx).await.map(drop)
}

pub(super) async fn decide(
    tx: &mut Tx,
    id: &ApprovalId,
    by: &PersonId,
    decision: Decision,
    at: Timestamp,
) -> Result<Decided, StoreError> {
    let found = query(BY_ID).bind(id.as_str()).fetch_optional(&mut *tx).await?;
    let found = found.as_ref().map(from_row).transpose()?.ok_or(StoreError::NoSuchApproval)?;
    take_turn(tx, found.new.kind, &found.new.subject).await?;
    // Another may have decided while this one waited.
    let found = query(BY_ID).bind(id.as_str()).fetch_one(&mut *tx).await.and_then(|row| from_row(&row))?;
    if found.new.proposed_by == *by {
        return Err(StoreError::SamePerson);
    }
    if found.state != ApprovalState::Proposed || found.new.until <= at {
        return Err(StoreError::ApprovalClosed);
    }
    let given = consents(&mut *tx, id).await?;
    let is_same = given.iter().any(|consent| consent.person == *by)
        || query(SAME_SUBJECT).bind(id.as_str()).bind(by.as_str()).fetch_optional(&mut *tx).await?.is_some();
    if is_same {
        return Err(StoreError::SamePerson);
    }
    let state = match decision {
        Decision::Refuses => ApprovalState::Refused,
        Decision::Agrees(right) => {
            let insert = query(CONSENT).bind(id.as_str()).bind(right.as_str()).bind(by.as_str()).bind(at.to_string());
            if insert.execute(&mut *tx).await?.rows_affected() == 0 {
                return Err(StoreError::ApprovalClosed);
            }
            // No other account of theirs agrees for the next right.
            query(REMEMBER).bind(id.as_str()).bind(by.as_str()).execute(&mut *tx).await?;
            let has_all = found
                .new
                .kind
                .decided_by()
                .iter()
                .all(|needed| *needed == right || given.iter().any(|consent| consent.right == *needed));
            if !has_all {
                return Ok(Decided::Open);
            }
            ApprovalState::Approved
        }
    };
    let change = query(DECIDE).bind(id.as_str()).bind(state.as_str()).bind(by.as_str()).bind(at.to_string());
    if change.execute(tx).await?.rows_affected() == 0 {
        return Err(StoreError::ApprovalClosed);
    }
    let new = Box::new(found.new);
    Ok(if state == ApprovalState::Approved { Decided::Agreed(new) } else { Decided::Refused(new) })
}
