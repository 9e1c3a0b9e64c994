//! Who looked at whose record, when and for what purpose: one look, and each person that it opened.
//!
//! Owns that a look is written, with its entry in the journal, before anything of it is handed out; persons that a long answer
//! opens later are added before their part of it. Refuses identifiers: a person is a keyed hash, a source an id of ours.

use super::dialect::{both, json_numbers, json_rows};
use super::engine::{Row, Sql, Tx, query, query_scalar};
use super::row::time_from;
use super::{JournalEntry, Store, StoreError, journal};
use crate::domain::enrolment::KeyedHash;
use crate::domain::ids::LookId;
use data_encoding::HEXLOWER;
use jiff::Timestamp;

#[derive(Debug, Clone, PartialEq)]
pub struct Look {
    pub id: LookId,
    pub at: Timestamp,
    /// `operator`, or the id of a client or a person.
    pub actor: String,
    /// Code of the purpose.
    pub purpose: String,
    pub fields: Vec<String>,
    /// What was read.
    pub source: String,
    /// Id of the request; none: it was no request.
    pub request: Option<String>,
}

/// Where a look stands in the store: to add persons to it, and to go on after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LookKey(pub i64);

const INSERT: &str = "INSERT INTO look (id, at, actor, purpose, fields, source, request) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING seq";
macro_rules! opened {
    ($engine:ident) => {
        // Without a condition SQLite takes ON for one of a join.
        concat!(
            "INSERT INTO access_log (learner, look) SELECT i.learner, i.record FROM ",
            json_rows!($engine),
            " i WHERE 1 = 1 ON CONFLICT (learner, look) DO NOTHING"
        )
    };
}
const OPENED: Sql = both!(opened);
const OF_LEARNER: &str = "SELECT look FROM access_log WHERE learner = $1 AND look < $2 ORDER BY look DESC LIMIT $3";
macro_rules! by_keys {
    ($engine:ident) => {
        concat!(
            "SELECT seq, id, at, actor, purpose, fields, source, request FROM look WHERE seq IN ",
            json_numbers!($engine),
            " ORDER BY seq DESC"
        )
    };
}
const BY_KEYS: Sql = both!(by_keys);

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[INSERT, OF_LEARNER];
#[cfg(test)]
pub(super) const IN_DIALECT: &[Sql] = &[OPENED, BY_KEYS];

/// Persons written with one statement.
const PERSONS_A_STEP: usize = 4_096;

fn from_row(found: &Row) -> Result<(LookKey, Look), StoreError> {
    let text = |column: &'static str| found.try_get::<&str>(column);
    let look = Look {
        id: LookId::parse(text("id")?).map_err(|_| StoreError::Unreadable("look.id"))?,
        at: time_from(text("at")?, "look.at")?,
        actor: found.try_get("actor")?,
        purpose: found.try_get("purpose")?,
        fields: text("fields")?.split(' ').filter(|name| !name.is_empty()).map(str::to_owned).collect(),
        source: found.try_get("source")?,
        request: found.try_get("request")?,
    };
    Ok((LookKey(found.try_get("seq")?), look))
}

async fn add(tx: &mut Tx, look: LookKey, learners: &[KeyedHash]) -> Result<(), StoreError> {
    for step in learners.chunks(PERSONS_A_STEP) {
        let rows: Vec<(i64, String)> = step.iter().map(|learner| (look.0, HEXLOWER.encode(learner))).collect();
        let json = serde_json::to_string(&rows).map_err(|_| StoreError::Unreadable("question"))?;
        query(OPENED).bind(json).execute(&mut *tx).await?;
    }
    Ok(())
}

impl Store {
    /// Writes a look and whom it opens so far, in one transaction with its entry in the journal.
    pub async fn begin_look(
        &self,
        look: &Look,
        learners: &[KeyedHash],
        entry: &JournalEntry,
    ) -> Result<LookKey, StoreError> {
        let mut tx = self.begin().await?;
        let insert = query_scalar(INSERT)
            .bind(look.id.as_str())
            .bind(look.at.to_string())
            .bind(&look.actor)
            .bind(&look.purpose)
            .bind(look.fields.join(" "))
            .bind(&look.source)
            .bind(look.request.as_deref());
        let key = LookKey(insert.fetch_one(&mut tx).await?);
        add(&mut tx, key, learners).await?;
        journal::append(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(key)
    }

    /// More persons that the same look opens.
    pub async fn add_to_look(&self, look: LookKey, learners: &[KeyedHash]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        add(&mut tx, look, learners).await?;
        Ok(tx.commit().await?)
    }

    /// Looks at one person, newest first. `before`: the last one of the page before.
    pub async fn looks_at(
        &self,
        learner: &KeyedHash,
        before: Option<LookKey>,
        limit: u32,
    ) -> Result<Vec<(LookKey, Look)>, StoreError> {
        let before = before.map_or(i64::MAX, |key| key.0);
        let keys = query_scalar(OF_LEARNER).bind(learner.to_vec()).bind(before).bind(limit);
        let keys: Vec<i64> = keys.fetch_all(&self.read).await?;
        let json = serde_json::to_string(&keys).map_err(|_| StoreError::Unreadable("question"))?;
        query(BY_KEYS).bind(json).fetch_all(&self.read).await?.iter().map(from_row).collect()
    }
}
