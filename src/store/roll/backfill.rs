//! Rolls of rows that are stored already: of a version without rolls, once, when the store is opened; and of staged rows, when
//! work goes on that broke off before their rolls were written.
//!
//! Refuses to be half done: the first is one transaction, and what says that it was done stands in it; the second begins by
//! throwing away what there is, so it can be begun again.

use super::{NewEntry, RollBook, write};
use crate::store::dialect::not_superseded;
use crate::store::engine::{Row, query, query_scalar};
use crate::store::row::{hash_from, record_range, row_of};
use crate::store::{META_ADD, META_GET, Store, StoreError};
use futures_util::TryStreamExt;

const DONE: &str = "rolls";
macro_rules! rows {
    () => {
        "SELECT e.holding, e.record, e.learner, e.content, e.person, e.id_kind, e.grade, e.sex, e.status, e.age \
         FROM enrolment e WHERE "
    };
}
const ALL_ROWS: &str = concat!(rows!(), not_superseded!(), " ORDER BY e.holding, e.record");
const STAGED_ROWS: &str = concat!(rows!(), "e.record > $1 AND e.record <= $2 ORDER BY e.record LIMIT $3");
const DISCARD: &str = "DELETE FROM roll WHERE holding IN (SELECT id FROM holding WHERE submission = $1)";

/// Staged rows read at once.
const ROWS_A_STEP: i64 = 8_192;

#[cfg(test)]
pub(in crate::store) const STATEMENTS: &[&str] = &[ALL_ROWS, STAGED_ROWS, DISCARD];

pub(in crate::store) async fn backfill(store: &Store) -> Result<(), StoreError> {
    let done: Option<String> = query_scalar(META_GET).bind(DONE).fetch_optional(&store.read).await?;
    if done.is_some() {
        return Ok(());
    }
    let mut tx = store.begin().await?;
    tx.take_turn(DONE).await?;
    // Another gateway may have done it while this one waited.
    let done: Option<String> = query_scalar(META_GET).bind(DONE).fetch_optional(&mut tx).await?;
    if done.is_none() {
        let mut book = RollBook::<i64>::default();
        let mut reading = store.read.snapshot().await?;
        let mut rows = query(ALL_ROWS).fetch(&mut reading)?;
        while let Some(found) = rows.try_next().await? {
            book.add(&found.try_get("holding")?, entry_from(&found)?)?;
            if book.is_full() {
                write(&mut tx, book.take(|holding| Some(*holding))?).await?;
            }
        }
        write(&mut tx, book.take(|holding| Some(*holding))?).await?;
        query(META_ADD).bind(DONE).bind("1").execute(&mut tx).await?;
    }
    Ok(tx.commit().await?)
}

/// Writes the rolls of a submission's staged rows anew. Only for whoever works on it.
pub(in crate::store) async fn gather_again(store: &Store, seq: i64) -> Result<(), StoreError> {
    query(DISCARD).bind(seq).execute(&store.write).await?;
    let mut book = RollBook::<i64>::default();
    let (mut after, last) = record_range(seq);
    loop {
        let rows = query(STAGED_ROWS).bind(after).bind(last).bind(ROWS_A_STEP).fetch_all(&store.read).await?;
        for found in &rows {
            book.add(&found.try_get("holding")?, entry_from(found)?)?;
            after = found.try_get("record")?;
        }
        let is_last = (rows.len() as i64) < ROWS_A_STEP;
        if book.is_full() || is_last {
            let mut tx = store.begin().await?;
            write(&mut tx, book.take(|holding| Some(*holding))?).await?;
            tx.commit().await?;
        }
        if is_last {
            return Ok(());
        }
    }
}

fn entry_from(found: &Row) -> Result<NewEntry, StoreError> {
    Ok(NewEntry {
        learner: hash_from(found, "learner")?,
        content: hash_from(found, "content")?,
        person: hash_from(found, "person")?,
        row: row_of(found.try_get("record")?),
        kind: found.try_get("id_kind")?,
        age: u8::try_from(found.try_get::<i64>("age")?).map_err(|_| StoreError::Unreadable("enrolment.age"))?,
        grade: found.try_get::<&str>("grade")?.into(),
        sex: found.try_get::<&str>("sex")?.into(),
        status: found.try_get::<Option<&str>>("status")?.map(Into::into),
    })
}
