//! Two database engines behind one face: pools, transactions, statements and rows of either.
//!
//! Owns the only places where the store asks which engine it has. The nouns write `query(SQL).bind(…)` as with `sqlx`
//! itself and never see the difference; what a statement says differently stands in `dialect.rs`, what is done
//! differently in `sqlite/` and `postgres/`.
//!
//! Why not `sqlx::Any`: it copies every row into values of its own, knows no `COPY`, and guesses the type of a NULL.

mod query;
mod row;

pub(super) use query::{Query, Sql, query, query_scalar};
pub(super) use row::Row;

use super::StoreError;
use super::postgres::LastingPool;
use sqlx::{PgTransaction, SqlitePool, SqliteTransaction};

#[derive(Debug, Clone)]
pub(super) enum Pool {
    Sqlite(SqlitePool),
    Postgres(LastingPool),
}

/// Dropped without [`Tx::commit`], it is rolled back.
pub(super) enum Tx {
    Sqlite(SqliteTransaction<'static>),
    Postgres(PgTransaction<'static>),
}

/// Where a statement runs.
pub(super) enum On<'c> {
    Pool(&'c Pool),
    Tx(&'c mut Tx),
}

impl<'c> From<&'c Pool> for On<'c> {
    fn from(pool: &'c Pool) -> Self {
        On::Pool(pool)
    }
}

impl<'c> From<&'c mut Tx> for On<'c> {
    fn from(tx: &'c mut Tx) -> Self {
        On::Tx(tx)
    }
}

impl Pool {
    /// To change something. SQLite takes its write lock at once, so that it can't fail half-way for another writer;
    /// PostgreSQL locks row by row, and [`Tx::take_turn`] stands for the rest.
    pub(super) async fn begin(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Pool::Sqlite(pool) => Tx::Sqlite(pool.begin_with("BEGIN IMMEDIATE").await?),
            Pool::Postgres(pool) => Tx::Postgres(pool.begin().await?),
        })
    }

    /// To read several times from one state. The state is that of the first statement.
    pub(super) async fn snapshot(&self) -> Result<Tx, StoreError> {
        Ok(match self {
            Pool::Sqlite(pool) => Tx::Sqlite(pool.begin().await?),
            Pool::Postgres(pool) => {
                Tx::Postgres(pool.begin_with("BEGIN ISOLATION LEVEL REPEATABLE READ, READ ONLY").await?)
            }
        })
    }

    pub(super) async fn close(&self) {
        match self {
            Pool::Sqlite(pool) => pool.close().await,
            Pool::Postgres(pool) => pool.close().await,
        }
    }
}

impl Tx {
    /// Waits until no other transaction holds the turn of this name, and holds it to its own end. What only one may do
    /// at a time, it does in the order: row of the submission (or turn of a client's uploads, or turns of tries to sign in), turn of an act of two persons, turn of the round, turn of the register, turn of the journal.
    ///
    /// On SQLite every writing transaction has the only turn there is.
    pub(super) async fn take_turn(&mut self, name: &str) -> Result<(), StoreError> {
        match self {
            Tx::Sqlite(_) => Ok(()),
            Tx::Postgres(_) => query(super::dialect::TAKE_TURN).bind(name).execute(self).await.map(drop),
        }
    }

    pub(super) async fn commit(self) -> Result<(), sqlx::Error> {
        match self {
            Tx::Sqlite(tx) => tx.commit().await?,
            Tx::Postgres(tx) => tx.commit().await?,
        }
        Ok(())
    }

    #[cfg(test)]
    pub(super) async fn rollback(self) -> Result<(), sqlx::Error> {
        match self {
            Tx::Sqlite(tx) => tx.rollback().await?,
            Tx::Postgres(tx) => tx.rollback().await?,
        }
        Ok(())
    }
}
