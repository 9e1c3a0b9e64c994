//! Who works on a submission: one process at a time, by a lock that dies with its process.
//!
//! Owns the difference between "left unfinished by a crash" and "another process is at it": gateways, workers and command
//! lines share one store. Whoever shares the store shares the locks: on SQLite they are files beside its own, on
//! PostgreSQL rows that an open transaction holds. Duties that one of the gateways does for all are claimed in the same way.

use super::engine::Tx;
use super::postgres::LastingPool;
use super::{Store, StoreError, postgres, sqlite};
use crate::domain::ids::{SubmissionId, UploadId};
use std::path::PathBuf;

/// Where the locks of this store are.
#[derive(Debug, Clone)]
pub(super) enum Claims {
    /// A folder of files.
    Files(PathBuf),
    /// Connections of their own: one is held as long as a submission is worked on, while the work needs others.
    Rows(LastingPool),
}

impl Claims {
    pub(super) async fn close(&self) {
        if let Claims::Rows(pool) = self {
            pool.close().await;
        }
    }
}

/// Held while a submission is worked on. Dropped without [`Claim::close`], it is free for the next who asks.
pub struct Claim(Held);

enum Held {
    File(sqlite::FileClaim),
    Row { tx: Tx, submission: i64 },
    Turn(Tx),
}

/// What one gateway does for all that share the store.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Duty {
    /// Looking into the places where files are dropped.
    Pickup,
    /// Clearing away what nobody acknowledged.
    Sweep,
    /// Signing where the journal is.
    Checkpoint,
    /// Sealing anew what lies under an older data key.
    Reseal,
    /// Making open data of the counts.
    Publish,
    /// Closing months of service reports.
    ServiceMonth,
    /// Erasing what is over by rule.
    Retention,
}

impl Duty {
    fn name(self) -> &'static str {
        match self {
            Duty::Pickup => "duty_pickup",
            Duty::Sweep => "duty_sweep",
            Duty::Checkpoint => "duty_checkpoint",
            Duty::Reseal => "duty_reseal",
            Duty::Publish => "duty_publish",
            Duty::ServiceMonth => "duty_service_month",
            Duty::Retention => "duty_retention",
        }
    }
}

/// Held while a duty is done. Dropped without [`OnDuty::end`], it is free a little later.
pub struct OnDuty(HeldDuty);

enum HeldDuty {
    /// Its file stays, because removing it under a waiting process would let two hold "the" lock.
    File(sqlite::FileClaim),
    /// An open transaction with the turn of that name.
    Turn(Tx),
}

impl OnDuty {
    /// Free for the next who asks.
    pub async fn end(self) -> Result<(), StoreError> {
        match self.0 {
            HeldDuty::File(file) => drop(file),
            HeldDuty::Turn(tx) => tx.commit().await?,
        }
        Ok(())
    }
}

impl Store {
    /// None: another process, or another task of this one, is at it.
    pub async fn claim_duty(&self, duty: Duty) -> Result<Option<OnDuty>, StoreError> {
        let held = match &self.claims {
            Claims::Files(folder) => sqlite::FileClaim::take(folder, duty.name())?.map(HeldDuty::File),
            Claims::Rows(pool) => postgres::claim_turn(pool, duty.name()).await?.map(HeldDuty::Turn),
        };
        Ok(held.map(OnDuty))
    }

    /// None: another process, or another task of this one, holds it.
    ///
    /// Errors: `NoSuchSubmission`.
    pub async fn claim(&self, id: &SubmissionId) -> Result<Option<Claim>, StoreError> {
        let submission = self.submission(id).await?.ok_or(StoreError::NoSuchSubmission)?.seq;
        let held = match &self.claims {
            Claims::Files(folder) => sqlite::FileClaim::take(folder, id.as_str())?.map(Held::File),
            Claims::Rows(pool) => postgres::claim_row(pool, submission).await?.map(|tx| Held::Row { tx, submission }),
        };
        Ok(held.map(Claim))
    }

    /// The same for an upload that is whole: one process puts its pieces together.
    pub async fn claim_upload(&self, id: &UploadId) -> Result<Option<Claim>, StoreError> {
        let held = match &self.claims {
            Claims::Files(folder) => sqlite::FileClaim::take(folder, id.as_str())?.map(Held::File),
            Claims::Rows(pool) => postgres::claim_turn(pool, id.as_str()).await?.map(Held::Turn),
        };
        Ok(held.map(Claim))
    }
}

impl Claim {
    /// The submission is at its end: whoever waits for the lock will see that.
    pub async fn close(self) -> Result<(), StoreError> {
        match self.0 {
            Held::File(file) => file.close(),
            Held::Row { tx, submission } => postgres::release_row(tx, submission).await,
            Held::Turn(tx) => Ok(tx.commit().await?),
        }
    }
}
