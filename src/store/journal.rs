//! The journal: who did what to which thing. Append-only, each entry chained to the one before by its hash.
//!
//! Refuses identities: `object` is an id of ours, `detail` is small JSON of codes and numbers. Never stops for what somebody
//! changed in it: it appends to whatever stands last, and `saphan journal verify` says what is wrong.

use super::engine::{Row, Tx, query, query_scalar};
use super::{META_ADD, META_GET, Store, StoreError, row};
use crate::domain::journal::{Entry, START};
use jiff::Timestamp;

/// What is about to be written.
#[derive(Debug, Clone, PartialEq)]
pub struct JournalEntry {
    pub at: Timestamp,
    /// `operator` or a client id.
    pub actor: String,
    /// E.g. `submission.commit`.
    pub act: String,
    /// E.g. a submission id.
    pub object: String,
    pub detail: serde_json::Value,
}

/// What was written, with its number.
#[derive(Debug, Clone, PartialEq)]
pub struct Journalled {
    pub seq: i64,
    pub entry: JournalEntry,
}

macro_rules! entries {
    () => {
        "SELECT seq, at, actor, act, object, detail, coalesce(prev, '') AS prev, coalesce(hash, '') AS hash FROM journal "
    };
}
const LAST: &str = "SELECT seq, coalesce(hash, '') AS hash FROM journal ORDER BY seq DESC LIMIT 1";
const APPEND: &str =
    "INSERT INTO journal (seq, at, actor, act, object, detail, prev, hash) VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const READ: &str = concat!(entries!(), "WHERE seq > $1 ORDER BY seq LIMIT $2");
// Only asked when something is wrong: one look at every entry costs less than an index that is never used.
const FOLLOWING: &str = concat!(entries!(), "WHERE prev = $1 AND seq <> $2 ORDER BY seq LIMIT 1");
const SAME_BEFORE: &str = "SELECT seq FROM journal WHERE hash = $1 AND seq < $2 ORDER BY seq LIMIT 1";
const UNCHAINED: &str = concat!(entries!(), "WHERE seq > $1 AND hash IS NULL ORDER BY seq LIMIT $2");
const CHAIN: &str = "UPDATE journal SET prev = $2, hash = $3 WHERE seq = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[LAST, APPEND, READ, FOLLOWING, SAME_BEFORE, UNCHAINED, CHAIN];

/// Of the `meta` entry that says how many entries were there before the chain.
const CHAINED: &str = "journal_chain";
/// Entries chained at once when a store without hashes is opened.
const CHAINED_A_STEP: u32 = 1_000;

/// Inside the transaction of the act it tells of, as its last statement: the numbers rise without a gap in the order in
/// which the acts came to be, so nobody who reads on from a number misses one.
pub(super) async fn append(tx: &mut Tx, entry: &JournalEntry) -> Result<(), StoreError> {
    // For `make bench` only; the program itself refuses to run so (`cli::main`).
    if cfg!(feature = "bench-without-journal") {
        return Ok(());
    }
    tx.take_turn("journal").await?;
    // A statement of its own: PostgreSQL would look before it waits for the turn.
    let (last, prev) = match query(LAST).fetch_optional(&mut *tx).await? {
        Some(last) => (last.try_get("seq")?, last.try_get("hash")?),
        None => (0_i64, START.to_owned()),
    };
    let mut chained = Entry {
        seq: last + 1,
        at: entry.at.to_string(),
        actor: entry.actor.clone(),
        act: entry.act.clone(),
        object: entry.object.clone(),
        detail: entry.detail.to_string(),
        prev,
        hash: String::new(),
    };
    chained.hash = chained.own_hash();
    query(APPEND)
        .bind(chained.seq)
        .bind(chained.at)
        .bind(chained.actor)
        .bind(chained.act)
        .bind(chained.object)
        .bind(chained.detail)
        .bind(chained.prev)
        .bind(chained.hash)
        .execute(tx)
        .await?;
    Ok(())
}

/// Gives the entries of a version without hashes theirs, once, in one transaction.
pub(super) async fn chain(store: &Store) -> Result<(), StoreError> {
    let done: Option<String> = query_scalar(META_GET).bind(CHAINED).fetch_optional(&store.read).await?;
    if done.is_some() {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    tx.take_turn("journal").await?;
    // Another gateway may have done it while this one waited.
    let done: Option<String> = query_scalar(META_GET).bind(CHAINED).fetch_optional(&mut tx).await?;
    if done.is_none() {
        let (mut last, mut prev) = (0, START.to_owned());
        loop {
            let found = query(UNCHAINED).bind(last).bind(CHAINED_A_STEP).fetch_all(&mut tx).await?;
            for row in &found {
                let entry = Entry { prev, ..entry_from(row)? };
                (last, prev) = (entry.seq, entry.own_hash());
                query(CHAIN).bind(last).bind(entry.prev).bind(&prev).execute(&mut tx).await?;
            }
            if found.is_empty() {
                break;
            }
        }
        query(META_ADD).bind(CHAINED).bind(last.to_string()).execute(&mut tx).await?;
    }
    Ok(tx.commit().await?)
}

/// SQLite lets anybody put anything into a column: what is no text can't be what was hashed.
fn entry_from(found: &Row) -> Result<Entry, StoreError> {
    let text = |column: &str| found.try_get(column).unwrap_or_else(|_| String::from("\u{fffd}"));
    Ok(Entry {
        seq: found.try_get("seq")?,
        at: text("at"),
        actor: text("actor"),
        act: text("act"),
        object: text("object"),
        detail: text("detail"),
        prev: text("prev"),
        hash: text("hash"),
    })
}

impl Store {
    /// For acts that change nothing else (a look at a person's record).
    pub async fn append_journal(&self, entry: &JournalEntry) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// Entries after number `after`, oldest first.
    pub async fn journal(&self, after: i64, limit: u32) -> Result<Vec<Journalled>, StoreError> {
        let told = |found: Entry| {
            let detail = serde_json::from_str(&found.detail).map_err(|_| StoreError::Unreadable("journal.detail"))?;
            let at = row::time_from(&found.at, "journal.at")?;
            let entry = JournalEntry { at, actor: found.actor, act: found.act, object: found.object, detail };
            Ok(Journalled { seq: found.seq, entry })
        };
        self.journal_entries(after, limit).await?.into_iter().map(told).collect()
    }

    /// The same as they stand, with their hashes, whatever somebody made of them.
    pub async fn journal_entries(&self, after: i64, limit: u32) -> Result<Vec<Entry>, StoreError> {
        query(READ).bind(after).bind(limit).fetch_all(&self.read).await?.iter().map(entry_from).collect()
    }

    /// Number of the last entry; 0: there is none.
    pub async fn journal_end(&self) -> Result<i64, StoreError> {
        Ok(query_scalar(LAST).fetch_optional(&self.read).await?.unwrap_or(0))
    }

    /// The first entry at another place than `seq` that follows the one with this hash.
    pub async fn journal_following(&self, hash: &str, seq: i64) -> Result<Option<Entry>, StoreError> {
        query(FOLLOWING).bind(hash).bind(seq).fetch_optional(&self.read).await?.as_ref().map(entry_from).transpose()
    }

    /// Number of the first entry before `seq` with the same hash.
    pub async fn journal_same_before(&self, hash: &str, seq: i64) -> Result<Option<i64>, StoreError> {
        query_scalar(SAME_BEFORE).bind(hash).bind(seq).fetch_optional(&self.read).await
    }
}
