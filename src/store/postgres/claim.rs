//! A claim as a row lock, held by an open transaction that ends with its connection, whatever becomes of the process.
//!
//! A row of its own and not the submission's, because the work changes that one from other connections. Not an advisory
//! lock of the session, because a connection pooler may hand sessions round; a transaction it may not.

use super::LastingPool;
use crate::store::StoreError;
use crate::store::engine::{Tx, query, query_scalar};

pub(super) const ENTER: &str = "INSERT INTO claim (submission) VALUES ($1) ON CONFLICT (submission) DO NOTHING";
pub(super) const TAKE: &str = "SELECT submission FROM claim WHERE submission = $1 FOR UPDATE SKIP LOCKED";
pub(super) const TRY_TURN: &str =
    "SELECT pg_try_advisory_xact_lock(hashtextextended(current_schema() || '/claim ' || $1, 0))";
pub(super) const LEAVE: &str = "DELETE FROM claim WHERE submission = $1";

/// None: somebody holds it.
pub(in crate::store) async fn claim_row(pool: &LastingPool, submission: i64) -> Result<Option<Tx>, StoreError> {
    // Seen by everybody before anybody locks it.
    let mut tx = Tx::Postgres(pool.begin().await?);
    query(ENTER).bind(submission).execute(&mut tx).await?;
    tx.commit().await?;
    let mut tx = Tx::Postgres(pool.begin().await?);
    let taken = query(TAKE).bind(submission).fetch_optional(&mut tx).await?;
    Ok(taken.map(|_| tx))
}

/// The same for what has no row of its own to lock. None: somebody holds it.
pub(in crate::store) async fn claim_turn(pool: &LastingPool, name: &str) -> Result<Option<Tx>, StoreError> {
    let mut tx = Tx::Postgres(pool.begin().await?);
    let taken: bool = query_scalar(TRY_TURN).bind(name).fetch_one(&mut tx).await?;
    Ok(taken.then_some(tx))
}

pub(in crate::store) async fn release_row(mut tx: Tx, submission: i64) -> Result<(), StoreError> {
    query(LEAVE).bind(submission).execute(&mut tx).await?;
    Ok(tx.commit().await?)
}
