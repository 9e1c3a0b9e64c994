//! One snapshot of a round, for the count: the files it stands on. What it asks of their rows is in `census.rs`.
//!
//! Owns the snapshot: every question of one [`CountView`] sees the same state, whatever is committed meanwhile.

use super::engine::{Tx, query, query_scalar};
use super::row::{agency_from, count_from, round_from};
use super::{Store, StoreError, commit};
use crate::domain::agency::AgencyCode;
use crate::domain::round::Round;

const SUBMISSIONS: &str = "SELECT s.seq, s.id, s.mapping, s.mapping_version, s.mapping_sha256, s.lists_version, s.agency, \
    s.sha256, s.received_rows, s.accepted_rows, s.refused_rows FROM submission s WHERE s.seq IN \
    (SELECT h.submission FROM holding h WHERE h.round = $1 AND h.in_force = 1) ORDER BY s.seq";

const ROUNDS: &str = "SELECT DISTINCT round FROM holding WHERE in_force = 1 ORDER BY round";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[SUBMISSIONS, ROUNDS];
/// A committed file with at least one school in force: an input of the count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionInForce {
    pub submission_key: i64,
    /// `sub_…`.
    pub id: String,
    pub mapping: String,
    pub mapping_version: u32,
    pub mapping_sha256: String,
    pub lists_version: String,
    pub agency: Option<AgencyCode>,
    pub sha256: String,
    /// Rows of the file.
    pub received: u64,
    pub accepted: u64,
    pub refused: u64,
}

/// One snapshot of one round. Holds a reading connection while it lives; keep it short.
pub struct CountView {
    pub(super) tx: Tx,
    pub(super) round: String,
    pub(super) is_distributed: bool,
}

impl Store {
    pub async fn count_view(&self, round: Round) -> Result<CountView, StoreError> {
        // Where rows are spread, a commit is done on the other machines a moment after it can be seen on this one, and has its
        // turn until then.
        let turn = if self.is_distributed {
            let mut turn = self.begin().await?;
            turn.take_turn(&commit::turn_of(round)).await?;
            Some(turn)
        } else {
            None
        };
        let mut tx = self.read.snapshot().await?;
        // It is taken with the first read.
        query(super::META_GET).bind("vault").fetch_optional(&mut tx).await?;
        if let Some(turn) = turn {
            turn.commit().await?;
        }
        Ok(CountView { tx, round: round.to_string(), is_distributed: self.is_distributed })
    }
}

impl Store {
    /// Rounds of which anything is in force, earliest first.
    pub async fn rounds_in_force(&self) -> Result<Vec<Round>, StoreError> {
        let rounds: Vec<String> = query_scalar(ROUNDS).fetch_all(&self.read).await?;
        rounds.iter().map(|round| round_from(round, "holding.round")).collect()
    }
}

impl CountView {
    /// The files the count stands on, in the order they came.
    pub async fn submissions_in_force(&mut self) -> Result<Vec<SubmissionInForce>, StoreError> {
        let rows = query(SUBMISSIONS).bind(self.round.as_str()).fetch_all(&mut self.tx).await?;
        rows.iter()
            .map(|found| {
                let agency: &str = found.try_get("agency")?;
                let count = |column: &'static str| count_from(found.try_get(column)?, column);
                Ok(SubmissionInForce {
                    submission_key: found.try_get("seq")?,
                    id: found.try_get("id")?,
                    mapping: found.try_get("mapping")?,
                    mapping_version: found.try_get("mapping_version")?,
                    mapping_sha256: found.try_get("mapping_sha256")?,
                    lists_version: found.try_get("lists_version")?,
                    agency: (!agency.is_empty()).then(|| agency_from(agency, "submission.agency")).transpose()?,
                    sha256: found.try_get("sha256")?,
                    received: count("received_rows")?,
                    accepted: count("accepted_rows")?,
                    refused: count("refused_rows")?,
                })
            })
            .collect()
    }
}
