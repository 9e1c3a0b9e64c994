//! Sessions of people: what a secret in a browser stands for, at whichever gateway.
//!
//! Owns when one is over: idle too long, at its end, the person disabled, or a newer generation of theirs. The secret is known
//! by its hash only. Refuses a session for a person who is not there, or who changed since they proved who they are.

use super::engine::{Row, Tx, query};
use super::person::{self, Person, from_row as person_from, person_columns};
use super::row::time_from;
use super::{JournalEntry, Store, StoreError, journal};
use crate::domain::ids::{PersonId, SessionId};
use jiff::Timestamp;

/// How far somebody came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    /// Sets up password and authenticator.
    Start,
    /// The password was right; the code is awaited.
    Code,
    /// Signed in.
    In,
}

/// What somebody signed in by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum How {
    Password,
    Sso,
}

impl Stage {
    fn as_str(self) -> &'static str {
        match self {
            Stage::Start => "start",
            Stage::Code => "code",
            Stage::In => "in",
        }
    }

    fn parse(text: &str) -> Option<Stage> {
        [Stage::Start, Stage::Code, Stage::In].into_iter().find(|stage| stage.as_str() == text)
    }
}

impl How {
    pub fn as_str(self) -> &'static str {
        match self {
            How::Password => "password",
            How::Sso => "sso",
        }
    }

    fn parse(text: &str) -> Option<How> {
        [How::Password, How::Sso].into_iter().find(|how| how.as_str() == text)
    }
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewSession {
    /// Of the secret, hexadecimal.
    pub hash: String,
    pub id: SessionId,
    pub person: PersonId,
    /// Of the person, when they proved who they are.
    pub generation: i64,
    pub stage: Stage,
    pub how: How,
    pub at: Timestamp,
    pub ends_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Session {
    pub id: SessionId,
    pub stage: Stage,
    pub how: How,
    pub made_at: Timestamp,
    pub seen_at: Timestamp,
    pub ends_at: Timestamp,
}

const INSERT: &str = "INSERT INTO session (hash, id, person, stage, how, generation, made_at, seen_at, ends_at) \
    SELECT $1, $2, id, $4, $5, generation, $6, $6, $7 FROM person \
    WHERE id = $3 AND generation = $8 AND disabled_at IS NULL";
const FORGET: &str = "DELETE FROM session WHERE ends_at <= $1";
const FIND: &str = concat!(
    "SELECT s.id, s.stage, s.how, s.made_at, s.seen_at, s.ends_at, ",
    person_columns!(),
    " FROM session s JOIN person p ON p.id = s.person WHERE s.hash = $1 AND s.ends_at > $2 AND s.seen_at > $3 \
      AND s.generation = p.generation AND p.disabled_at IS NULL"
);
const SEEN: &str = "UPDATE session SET seen_at = $2 WHERE hash = $1 AND seen_at < $2";
const END: &str = "DELETE FROM session WHERE hash = $1";
const END_ONE: &str = "DELETE FROM session WHERE person = $1 AND id = $2";
const OF_PERSON: &str = "SELECT s.id, s.stage, s.how, s.made_at, s.seen_at, s.ends_at FROM session s \
    JOIN person p ON p.id = s.person WHERE s.person = $1 AND s.stage = 'in' AND s.ends_at > $2 AND s.seen_at > $3 \
    AND s.generation = p.generation ORDER BY s.made_at DESC, s.id";
const SIGNED_IN: &str = "UPDATE person SET signed_in_at = $2 WHERE id = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[INSERT, FORGET, FIND, SEEN, END, END_ONE, OF_PERSON, SIGNED_IN];

fn from_row(found: &Row) -> Result<Session, StoreError> {
    let text = |column: &'static str| found.try_get::<&str>(column);
    Ok(Session {
        id: SessionId::parse(text("id")?).map_err(|_| StoreError::Unreadable("session.id"))?,
        stage: Stage::parse(text("stage")?).ok_or(StoreError::Unreadable("session.stage"))?,
        how: How::parse(text("how")?).ok_or(StoreError::Unreadable("session.how"))?,
        made_at: time_from(text("made_at")?, "session.made_at")?,
        seen_at: time_from(text("seen_at")?, "session.seen_at")?,
        ends_at: time_from(text("ends_at")?, "session.ends_at")?,
    })
}

async fn insert(tx: &mut Tx, new: &NewSession) -> Result<(), StoreError> {
    query(FORGET).bind(new.at.to_string()).execute(&mut *tx).await?;
    let made = query(INSERT)
        .bind(&new.hash)
        .bind(new.id.as_str())
        .bind(new.person.as_str())
        .bind(new.stage.as_str())
        .bind(new.how.as_str())
        .bind(new.at.to_string())
        .bind(new.ends_at.to_string())
        .bind(new.generation)
        .execute(tx)
        .await?;
    if made.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NoSuchPerson) }
}

impl Store {
    /// On the way in: the half of a sign-in, or the beginning of a first start. Nobody is signed in by it.
    ///
    /// Errors: `NoSuchPerson` where the person changed meanwhile.
    pub async fn begin_session(&self, new: &NewSession) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        insert(&mut tx, new).await?;
        Ok(tx.commit().await?)
    }

    /// Signs in: the session before (of this browser) ends, the new one has a secret that nobody knew before. `step`: of the
    /// code that proved it, which serves no second time.
    ///
    /// Errors: `CodeUsed`; `NoSuchPerson` where the person changed meanwhile.
    pub async fn sign_in(
        &self,
        before: Option<&str>,
        new: &NewSession,
        step: Option<i64>,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if let Some(step) = step
            && !person::use_code(&mut tx, &new.person, step, new.generation).await?
        {
            return Err(StoreError::CodeUsed);
        }
        if let Some(before) = before {
            query(END).bind(before).execute(&mut tx).await?;
        }
        insert(&mut tx, new).await?;
        query(SIGNED_IN).bind(new.person.as_str()).bind(new.at.to_string()).execute(&mut tx).await?;
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// None: unknown, or over. `idle_since`: one that was not seen since then is over.
    pub async fn session(
        &self,
        hash: &str,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Option<(Session, Person)>, StoreError> {
        let found = query(FIND)
            .bind(hash)
            .bind(now.to_string())
            .bind(idle_since.to_string())
            .fetch_optional(&self.read)
            .await?;
        found.map(|found| Ok((from_row(&found)?, person_from(&found)?))).transpose()
    }

    /// Not journalled: it happens with requests. Call it now and then, not each time.
    pub async fn session_seen(&self, hash: &str, at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query(SEEN).bind(hash).bind(at.to_string()).execute(&mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// Ends the session of this browser. One that is over already is none to end.
    pub async fn end_session(&self, hash: &str, entry: &JournalEntry) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if query(END).bind(hash).execute(&mut tx).await?.rows_affected() > 0 {
            journal::append(&mut tx, entry).await?;
        }
        Ok(tx.commit().await?)
    }

    /// False: the person has no such session.
    pub async fn end_session_of(
        &self,
        person: &PersonId,
        id: &SessionId,
        entry: &JournalEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let ended = query(END_ONE).bind(person.as_str()).bind(id.as_str()).execute(&mut tx).await?.rows_affected() > 0;
        if ended {
            journal::append(&mut tx, entry).await?;
        }
        tx.commit().await?;
        Ok(ended)
    }

    /// Newest first.
    pub async fn sessions_of(
        &self,
        person: &PersonId,
        now: Timestamp,
        idle_since: Timestamp,
    ) -> Result<Vec<Session>, StoreError> {
        let asked = query(OF_PERSON).bind(person.as_str()).bind(now.to_string()).bind(idle_since.to_string());
        asked.fetch_all(&self.read).await?.iter().map(from_row).collect()
    }
}
