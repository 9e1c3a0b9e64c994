//! Rolls of rows that a version without them stored: written once, when the store is opened.
//!
//! Refuses to be half done: all of it is one transaction, and what says that it was done stands in it.

use super::{NewEntry, RollBook, write};
use crate::store::dialect::not_superseded;
use crate::store::engine::{query, query_scalar};
use crate::store::row::{hash_from, row_of};
use crate::store::{META_ADD, META_GET, Store, StoreError};
use futures_util::TryStreamExt;

const DONE: &str = "rolls";
const ROWS: &str = concat!(
    "SELECT e.holding, e.record, e.learner, e.content, e.person, e.id_kind, e.grade, e.sex, e.status, e.age \
     FROM enrolment e WHERE ",
    not_superseded!(),
    " ORDER BY e.holding, e.record"
);

#[cfg(test)]
pub(in crate::store) const STATEMENTS: &[&str] = &[ROWS];

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
        let mut rows = query(ROWS).fetch(&mut reading)?;
        while let Some(found) = rows.try_next().await? {
            let entry = NewEntry {
                learner: hash_from(&found, "learner")?,
                content: hash_from(&found, "content")?,
                person: hash_from(&found, "person")?,
                row: row_of(found.try_get("record")?),
                kind: found.try_get("id_kind")?,
                age: u8::try_from(found.try_get::<i64>("age")?).map_err(|_| StoreError::Unreadable("enrolment.age"))?,
                grade: found.try_get::<&str>("grade")?.into(),
                sex: found.try_get::<&str>("sex")?.into(),
                status: found.try_get::<Option<&str>>("status")?.map(Into::into),
            };
            book.add(&found.try_get("holding")?, entry)?;
            if book.is_full() {
                write(&mut tx, book.take(|holding| Some(*holding))?).await?;
            }
        }
        write(&mut tx, book.take(|holding| Some(*holding))?).await?;
        query(META_ADD).bind(DONE).bind("1").execute(&mut tx).await?;
    }
    Ok(tx.commit().await?)
}
