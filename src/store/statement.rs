//! Everything agencies said about one learner, in force or not; and its erasure.
//!
//! Owns that nothing of a learner is left of the submissions named: rows, sealed records, entries of rolls, in the transaction of the
//! decision. What was erased is kept as a number. No index leads to a learner (it would cost every large file a fifth of its
//! time): finding one reads the table of rows once, which is for requests of persons, not for every day.

use super::commit::turn_of;
use super::engine::{Row, Tx, query, query_scalar};
use super::roll::Roll;
use super::row::{agency_from, count_from, round_from, row_of, time_from};
use super::subject::{self, RequestDecision};
use super::{JournalEntry, Store, StoreError, journal};
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::KeyedHash;
use crate::domain::ids::SubjectRequestId;
use crate::domain::retention::DataClass;
use crate::domain::round::Round;
use jiff::Timestamp;
use std::collections::{BTreeMap, BTreeSet};

/// One row of one file about the learner.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Statement {
    record: i64,
    holding: i64,
    /// Store key of the submission.
    pub submission_key: i64,
    /// Data row of the file.
    pub row: u64,
    pub round: Round,
    pub agency: AgencyCode,
    pub school_id: String,
    /// It counts: its holding is in force, and no later delta hides it.
    pub in_force: bool,
}

/// What was erased of a submission.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Erased {
    pub class: String,
    /// None: by the clock.
    pub request: Option<String>,
    pub rows: u64,
    pub at: Timestamp,
}

const OF_LEARNER: &str = "SELECT e.record, e.holding, h.submission, h.round, h.agency, h.school_id, h.in_force, x.by_submission \
    FROM enrolment e JOIN holding h ON h.id = e.holding \
    LEFT JOIN superseded x ON x.record = e.record AND x.learner = e.learner \
    WHERE e.learner = $1 ORDER BY e.record LIMIT $2";
const ENROLMENT_ERASE: &str = "DELETE FROM enrolment WHERE record = $1 AND learner = $2";
const VAULT_ERASE: &str = "DELETE FROM vault_record WHERE record = $1";
const SUPERSEDED_ERASE: &str = "DELETE FROM superseded WHERE record = $1 AND learner = $2";
const ROLLS: &str = "SELECT id, data FROM roll WHERE holding = $1 ORDER BY id";
const NEW_ROLL: &str = "UPDATE roll SET entries = $2, data = $3 WHERE id = $1";
pub(super) const REMEMBER: &str = "INSERT INTO erasure (submission, class, request, row_count, at) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (submission, class, request) DO NOTHING";
const OF_SUBMISSION: &str =
    "SELECT class, request, row_count, at FROM erasure WHERE submission = $1 ORDER BY at, class, request";
const OF_ROUND: &str = "SELECT CAST(coalesce(sum(e.row_count), 0) AS BIGINT) FROM erasure e \
    JOIN submission s ON s.seq = e.submission WHERE s.round = $1 AND e.class = 'identities'";
const IS_COUNTED: &str = "SELECT count(*) FROM count_run WHERE round = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    OF_LEARNER,
    ENROLMENT_ERASE,
    VAULT_ERASE,
    SUPERSEDED_ERASE,
    ROLLS,
    NEW_ROLL,
    REMEMBER,
    OF_SUBMISSION,
    OF_ROUND,
    IS_COUNTED,
];

fn from_row(found: &Row) -> Result<Statement, StoreError> {
    let record = found.try_get("record")?;
    let is_hidden = found.try_get::<Option<i64>>("by_submission")?.is_some();
    Ok(Statement {
        record,
        holding: found.try_get("holding")?,
        submission_key: found.try_get("submission")?,
        row: row_of(record),
        round: round_from(found.try_get("round")?, "holding.round")?,
        agency: agency_from(found.try_get("agency")?, "holding.agency")?,
        school_id: found.try_get("school_id")?,
        in_force: found.try_get::<i64>("in_force")? == 1 && !is_hidden,
    })
}

impl Store {
    /// In the order in which they came, staged ones too.
    pub async fn statements_about(&self, learner: &KeyedHash, limit: u32) -> Result<Vec<Statement>, StoreError> {
        let asked = query(OF_LEARNER).bind(learner.to_vec()).bind(limit);
        asked.fetch_all(&self.read).await?.iter().map(from_row).collect()
    }

    /// Erases these rows of a learner with the decision that says so. Nothing of it is done where the request changed.
    ///
    /// Errors: `RequestChanged`.
    pub async fn erase_statements(
        &self,
        learner: &KeyedHash,
        statements: &[Statement],
        request: (&SubjectRequestId, i64),
        decision: &RequestDecision,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        subject::decide(&mut tx, request.0, request.1, decision, entry.at).await?;
        let rounds: BTreeSet<Round> = statements.iter().map(|one| one.round).collect();
        for round in rounds {
            // Who commits a file of the round changes the same rolls.
            tx.take_turn(&turn_of(round)).await?;
        }
        let mut rows: BTreeMap<i64, i64> = BTreeMap::new();
        for one in statements {
            query(ENROLMENT_ERASE).bind(one.record).bind(learner.to_vec()).execute(&mut tx).await?;
            query(VAULT_ERASE).bind(one.record).execute(&mut tx).await?;
            query(SUPERSEDED_ERASE).bind(one.record).bind(learner.to_vec()).execute(&mut tx).await?;
            *rows.entry(one.submission_key).or_default() += 1;
        }
        let holdings: BTreeSet<i64> = statements.iter().map(|one| one.holding).collect();
        for holding in holdings {
            leave_rolls(&mut tx, holding, learner).await?;
        }
        for (submission, rows) in rows {
            query(REMEMBER)
                .bind(submission)
                .bind(DataClass::Identities.as_str())
                .bind(request.0.as_str())
                .bind(rows)
                .bind(entry.at.to_string())
                .execute(&mut tx)
                .await?;
        }
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// What was erased of a submission, oldest first.
    pub async fn erased_of(&self, submission: i64) -> Result<Vec<Erased>, StoreError> {
        let rows = query(OF_SUBMISSION).bind(submission).fetch_all(&self.read).await?;
        let erased = |found: &Row| {
            let request: String = found.try_get("request")?;
            Ok(Erased {
                class: found.try_get("class")?,
                request: Some(request).filter(|request| !request.is_empty()),
                rows: count_from(found.try_get("row_count")?, "erasure.row_count")?,
                at: time_from(found.try_get("at")?, "erasure.at")?,
            })
        };
        rows.iter().map(erased).collect()
    }

    /// Rows that were erased of files of a round.
    pub async fn erased_in(&self, round: Round) -> Result<u64, StoreError> {
        count_from(query_scalar(OF_ROUND).bind(round.to_string()).fetch_one(&self.read).await?, "erasure")
    }

    pub async fn is_counted(&self, round: Round) -> Result<bool, StoreError> {
        let runs: i64 = query_scalar(IS_COUNTED).bind(round.to_string()).fetch_one(&self.read).await?;
        Ok(runs > 0)
    }
}

async fn leave_rolls(tx: &mut Tx, holding: i64, learner: &KeyedHash) -> Result<(), StoreError> {
    for part in query(ROLLS).bind(holding).fetch_all(&mut *tx).await? {
        let roll = Roll::parse(part.try_get("data")?)?;
        let before = roll.entries().len();
        let (left, data) = roll.retain(|entry| entry.learner() != *learner);
        if (left as usize) < before {
            let id: i64 = part.try_get("id")?;
            query(NEW_ROLL).bind(id).bind(left).bind(data).execute(&mut *tx).await?;
        }
    }
    Ok(())
}
