//! What is erased by rule: found class by class, erased in small transactions, counted afterwards.
//!
//! Owns the conditions under which something is over and free to go: its submission at its end, its round closed, no open request of
//! a person holding it. Who erases asks the same question again when it is done: what is left is told, never assumed. Files are
//! the use case's to erase; here stands which.

use super::commit::turn_of;
use super::dialect::{both, json_numbers};
use super::engine::{Sql, query, query_scalar};
use super::row::{count_from, record_range, round_from, time_from};
use super::stage::{
    DISCARD_ROWS, ENROLMENT_DISCARD, ENROLMENT_STEP, HOLDING_DISCARD, REFUSED_DISCARD, REFUSED_STEP, ROLL_DISCARD,
    VAULT_DISCARD,
};
use super::statement::REMEMBER;
use super::{JournalEntry, Store, StoreError, journal};
use crate::domain::enrolment::KeyedHash;
use crate::domain::ids::RetentionRunId;
use crate::domain::retention::DataClass;
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::BTreeSet;

/// Up to when something of a class is over.
#[derive(Debug, Clone, Copy)]
pub struct Until {
    /// What happened before it.
    pub at: Timestamp,
    /// Of a class that goes by rounds: those counted before it.
    pub day: Date,
    /// Rounds from this day on are open, and nothing of them goes.
    pub open_from: Date,
}

/// A submission of which a class is over and free.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OverSubmission {
    pub seq: i64,
    pub kept_path: String,
    round: String,
    accepted: i64,
    refused: i64,
}

/// What is over: free to go, and held.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct OverCount {
    pub free: u64,
    pub held: u64,
}

/// A signed report as it is kept.
#[derive(Debug, Clone, PartialEq)]
pub struct StoredReport {
    pub seq: i64,
    pub id: String,
    pub at: Timestamp,
    pub jws: String,
}

macro_rules! held {
    () => {
        "EXISTS (SELECT 1 FROM subject_hold h JOIN subject_request r ON r.id = h.request \
         WHERE h.submission = s.seq AND r.state = 'open')"
    };
}
// $1 the moment, $2 the day, $3 the first open round, $4 the class. All four in every one of them.
macro_rules! over {
    ($is_over:literal) => {
        concat!(
            " FROM submission s WHERE s.state IN ('committed', 'refused', 'cancelled', 'failed') \
              AND s.finished_at IS NOT NULL AND s.round < $3 AND ",
            $is_over,
            " AND NOT EXISTS (SELECT 1 FROM erasure e WHERE e.submission = s.seq AND e.class = $4 AND e.request = '')"
        )
    };
}
macro_rules! free {
    ($is_over:literal) => {
        concat!(
            "SELECT s.seq, s.kept_path, s.round, s.accepted_rows, s.refused_rows",
            over!($is_over),
            " AND s.seq > $5 AND NOT ",
            held!(),
            " ORDER BY s.seq LIMIT $6"
        )
    };
}
macro_rules! counted {
    ($is_over:literal) => {
        concat!(
            "SELECT count(*) AS whole, CAST(coalesce(sum(CASE WHEN ",
            held!(),
            " THEN 1 ELSE 0 END), 0) AS BIGINT) AS held",
            over!($is_over)
        )
    };
}
const FILES: &str = free!("s.received_at < $1 AND $2 = $2");
const FILES_COUNT: &str = counted!("s.received_at < $1 AND $2 = $2");
const IDENTITIES: &str = free!("s.round < $2 AND $1 = $1 AND s.state = 'committed' AND s.standard LIKE 'enrolment/%'");
const IDENTITIES_COUNT: &str =
    counted!("s.round < $2 AND $1 = $1 AND s.state = 'committed' AND s.standard LIKE 'enrolment/%'");
const FINDINGS: &str = free!("s.finished_at < $1 AND $2 = $2 AND s.refused_rows > 0");
const FINDINGS_COUNT: &str = counted!("s.finished_at < $1 AND $2 = $2 AND s.refused_rows > 0");

const OUT_OF_FORCE: &str = "UPDATE holding SET in_force = 0 WHERE submission = $1 AND in_force = 1";
const HOLDINGS: &str = "SELECT count(*) FROM holding WHERE submission = $1";
const ERASED_ROWS: &str = "SELECT CAST(coalesce(sum(row_count), 0) AS BIGINT) FROM erasure \
    WHERE submission = $1 AND class = 'identities'";
const SUPERSEDED: &str = "DELETE FROM superseded WHERE record BETWEEN $1 AND $2";

const SESSIONS: &str =
    "DELETE FROM session WHERE hash IN (SELECT hash FROM session WHERE ends_at < $1 ORDER BY ends_at LIMIT $2)";
const SESSIONS_COUNT: &str = "SELECT count(*) FROM session WHERE ends_at < $1";
const TRIES: &str = "DELETE FROM sign_in_tries WHERE mark IN (SELECT mark FROM sign_in_tries WHERE seen_at < $1 ORDER BY seen_at LIMIT $2)";
const TRIES_COUNT: &str = "SELECT count(*) FROM sign_in_tries WHERE seen_at < $1";
const FLOWS: &str =
    "DELETE FROM sso_flow WHERE state IN (SELECT state FROM sso_flow WHERE until < $1 ORDER BY until LIMIT $2)";
const FLOWS_COUNT: &str = "SELECT count(*) FROM sso_flow WHERE until < $1";
const ASSERTIONS: &str =
    "DELETE FROM assertion WHERE hash IN (SELECT hash FROM assertion WHERE until < $1 ORDER BY until LIMIT $2)";
const ASSERTIONS_COUNT: &str = "SELECT count(*) FROM assertion WHERE until < $1";
const REQUESTS: &str = "UPDATE subject_request SET learner = NULL, sealed = NULL, stood = NULL, version = version + 1 \
    WHERE id IN (SELECT id FROM subject_request WHERE state <> 'open' AND decided_at < $1 AND sealed IS NOT NULL \
    ORDER BY seq LIMIT $2)";
const REQUESTS_COUNT: &str =
    "SELECT count(*) FROM subject_request WHERE state <> 'open' AND decided_at < $1 AND sealed IS NOT NULL";
const HOLDS_LEFT: &str =
    "DELETE FROM subject_hold WHERE request IN (SELECT id FROM subject_request WHERE state <> 'open')";

const LOOKS: &str = "SELECT seq FROM look WHERE purpose = $1 AND at < $2 AND seq > $3 ORDER BY seq LIMIT $4";
const LOOKS_COUNT: &str = "SELECT count(*) FROM look WHERE purpose = $1 AND at < $2";
const PURPOSES: &str = "SELECT DISTINCT purpose FROM look ORDER BY purpose";
const OPEN_LEARNERS: &str = "SELECT DISTINCT learner FROM subject_request WHERE state = 'open' AND learner IS NOT NULL";
macro_rules! held_looks {
    ($engine:ident) => {
        concat!("SELECT look FROM access_log WHERE learner = $2 AND look IN ", json_numbers!($engine))
    };
}
// A part of the learners at a time: the table's own order is theirs.
macro_rules! pairs {
    ($engine:ident) => {
        concat!("DELETE FROM access_log WHERE learner >= $2 AND learner < $3 AND look IN ", json_numbers!($engine))
    };
}
macro_rules! looks_erase {
    ($engine:ident) => {
        concat!("DELETE FROM look WHERE seq IN ", json_numbers!($engine))
    };
}
const HELD_LOOKS: Sql = both!(held_looks);
const PAIRS: Sql = both!(pairs);
const LOOKS_ERASE: Sql = both!(looks_erase);

const ADD_REPORT: &str = "INSERT INTO retention_report (id, at, jws) VALUES ($1, $2, $3)";
const REPORTS: &str = "SELECT seq, id, at, jws FROM retention_report WHERE seq < $1 ORDER BY seq DESC LIMIT $2";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    FILES,
    FILES_COUNT,
    IDENTITIES,
    IDENTITIES_COUNT,
    FINDINGS,
    FINDINGS_COUNT,
    OUT_OF_FORCE,
    HOLDINGS,
    ERASED_ROWS,
    SUPERSEDED,
    SESSIONS,
    SESSIONS_COUNT,
    TRIES,
    TRIES_COUNT,
    FLOWS,
    FLOWS_COUNT,
    ASSERTIONS,
    ASSERTIONS_COUNT,
    REQUESTS,
    REQUESTS_COUNT,
    HOLDS_LEFT,
    LOOKS,
    LOOKS_COUNT,
    PURPOSES,
    OPEN_LEARNERS,
    ADD_REPORT,
    REPORTS,
];
#[cfg(test)]
pub(super) const IN_DIALECT: &[Sql] = &[HELD_LOOKS, PAIRS, LOOKS_ERASE];

/// Rows of one small transaction.
const ROWS_A_STEP: u32 = 5_000;
/// Looks erased together.
const LOOKS_A_STEP: u32 = 5_000;
/// Parts of the learners' hashes, each one small transaction.
const PARTS: u8 = 64;

/// What goes by its own time alone: how it is erased and how it is counted.
fn by_time(class: DataClass) -> &'static [(&'static str, &'static str)] {
    match class {
        DataClass::Sessions => &[(SESSIONS, SESSIONS_COUNT)],
        DataClass::SignInTries => &[(TRIES, TRIES_COUNT), (FLOWS, FLOWS_COUNT)],
        DataClass::Assertions => &[(ASSERTIONS, ASSERTIONS_COUNT)],
        DataClass::SubjectRequests => &[(REQUESTS, REQUESTS_COUNT)],
        _ => &[],
    }
}

/// What goes with its submission.
fn by_submission(class: DataClass) -> Option<(&'static str, &'static str)> {
    match class {
        DataClass::ReceivedFiles => Some((FILES, FILES_COUNT)),
        DataClass::Identities => Some((IDENTITIES, IDENTITIES_COUNT)),
        DataClass::Findings => Some((FINDINGS, FINDINGS_COUNT)),
        _ => None,
    }
}

impl Store {
    /// Submissions of which the class is over and free to go, after the one with this key.
    pub async fn over(
        &self,
        class: DataClass,
        until: Until,
        after: i64,
        limit: u32,
    ) -> Result<Vec<OverSubmission>, StoreError> {
        let Some((select, _)) = by_submission(class) else { return Ok(Vec::new()) };
        let rows = query(select)
            .bind(until.at.to_string())
            .bind(until.day.to_string())
            .bind(until.open_from.to_string())
            .bind(class.as_str())
            .bind(after)
            .bind(limit)
            .fetch_all(&self.read)
            .await?;
        rows.iter()
            .map(|found| {
                Ok(OverSubmission {
                    seq: found.try_get("seq")?,
                    kept_path: found.try_get("kept_path")?,
                    round: found.try_get("round")?,
                    accepted: found.try_get("accepted_rows")?,
                    refused: found.try_get("refused_rows")?,
                })
            })
            .collect()
    }

    /// How much of a class is over. Looks are counted by [`Store::looks_over`].
    pub async fn count_over(&self, class: DataClass, until: Until) -> Result<OverCount, StoreError> {
        if let Some((_, count)) = by_submission(class) {
            let found = query(count)
                .bind(until.at.to_string())
                .bind(until.day.to_string())
                .bind(until.open_from.to_string())
                .bind(class.as_str())
                .fetch_one(&self.read)
                .await?;
            let held = count_from(found.try_get("held")?, "erasure")?;
            let whole = count_from(found.try_get("whole")?, "erasure")?;
            return Ok(OverCount { free: whole.saturating_sub(held), held });
        }
        let mut free = 0;
        for (_, count) in by_time(class) {
            let found: i64 = query_scalar(*count).bind(until.at.to_string()).fetch_one(&self.read).await?;
            free += count_from(found, "erasure")?;
        }
        Ok(OverCount { free, held: 0 })
    }

    /// One small step of a class that goes by its own time; answers how many went, 0: nothing is left.
    pub async fn erase_by_time(&self, class: DataClass, until: Until) -> Result<u64, StoreError> {
        let mut gone = 0;
        for (erase, _) in by_time(class) {
            let mut tx = self.begin().await?;
            let step = query(*erase).bind(until.at.to_string()).bind(ROWS_A_STEP).execute(&mut tx).await?;
            gone += step.rows_affected();
            if class == DataClass::SubjectRequests {
                query(HOLDS_LEFT).execute(&mut tx).await?;
            }
            tx.commit().await?;
        }
        Ok(gone)
    }

    /// The file of a submission is gone: said after it is.
    pub async fn remember_erased_file(&self, of: &OverSubmission, at: Timestamp) -> Result<(), StoreError> {
        self.remember(of.seq, DataClass::ReceivedFiles, 0, at).await
    }

    async fn remember(&self, seq: i64, class: DataClass, rows: i64, at: Timestamp) -> Result<(), StoreError> {
        let remember = query(REMEMBER).bind(seq).bind(class.as_str()).bind("").bind(rows).bind(at.to_string());
        remember.execute(&self.write).await.map(drop)
    }

    /// Takes the rows of a submission out of force first, so that no part of them is ever counted, then erases them in small
    /// transactions; done again from where it broke off.
    pub async fn erase_identities(&self, of: &OverSubmission, at: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.take_turn(&turn_of(round_from(&of.round, "submission.round")?)).await?;
        query(OUT_OF_FORCE).bind(of.seq).execute(&mut tx).await?;
        tx.commit().await?;
        self.erase_rows(of.seq, ENROLMENT_STEP, &[ENROLMENT_DISCARD, VAULT_DISCARD]).await?;
        let (first, last) = record_range(of.seq);
        let mut tx = self.begin().await?;
        // What repeats an earlier file has no rows of its own.
        let holdings: i64 = query_scalar(HOLDINGS).bind(of.seq).fetch_one(&mut tx).await?;
        let asked: i64 = query_scalar(ERASED_ROWS).bind(of.seq).fetch_one(&mut tx).await?;
        let rows = if holdings > 0 { of.accepted.saturating_sub(asked) } else { 0 };
        query(SUPERSEDED).bind(first).bind(last).execute(&mut tx).await?;
        query(ROLL_DISCARD).bind(of.seq).execute(&mut tx).await?;
        query(HOLDING_DISCARD).bind(of.seq).execute(&mut tx).await?;
        query(REMEMBER)
            .bind(of.seq)
            .bind(DataClass::Identities.as_str())
            .bind("")
            .bind(rows)
            .bind(at.to_string())
            .execute(&mut tx)
            .await?;
        Ok(tx.commit().await?)
    }

    pub async fn erase_findings(&self, of: &OverSubmission, at: Timestamp) -> Result<(), StoreError> {
        self.erase_rows(of.seq, REFUSED_STEP, &[REFUSED_DISCARD]).await?;
        self.remember(of.seq, DataClass::Findings, of.refused, at).await
    }

    async fn erase_rows(&self, seq: i64, step: &'static str, deletes: &[&'static str]) -> Result<(), StoreError> {
        let (first, last) = record_range(seq);
        loop {
            let mut tx = self.begin().await?;
            let next: Option<i64> =
                query_scalar(step).bind(first).bind(last).bind(DISCARD_ROWS).fetch_optional(&mut tx).await?;
            for delete in deletes {
                query(*delete).bind(first).bind(next.map_or(last, |next| next - 1)).execute(&mut tx).await?;
            }
            tx.commit().await?;
            if next.is_none() {
                return Ok(());
            }
        }
    }

    /// Codes of purposes that anybody looked for.
    pub async fn purposes_of_looks(&self) -> Result<Vec<String>, StoreError> {
        query_scalar(PURPOSES).fetch_all(&self.read).await
    }

    /// Looks for a purpose from before a moment: free to go, and held because an open request is about somebody they opened.
    pub async fn looks_over(&self, purpose: &str, before: Timestamp) -> Result<OverCount, StoreError> {
        let whole: i64 = query_scalar(LOOKS_COUNT).bind(purpose).bind(before.to_string()).fetch_one(&self.read).await?;
        let learners = self.open_learners().await?;
        let (mut held, mut after) = (0, 0);
        while !learners.is_empty() {
            let looks = self.looks_before(purpose, before, after).await?;
            let Some(last) = looks.last() else { break };
            after = *last;
            held += self.held_looks(&looks, &learners).await?.len() as u64;
        }
        Ok(OverCount { free: count_from(whole, "look")?.saturating_sub(held), held })
    }

    /// One step: looks for a purpose, with whom they opened; answers how many went and after which look to go on. None: that
    /// was the last step.
    pub async fn erase_looks(
        &self,
        purpose: &str,
        before: Timestamp,
        after: i64,
    ) -> Result<(u64, Option<i64>), StoreError> {
        let looks = self.looks_before(purpose, before, after).await?;
        let Some(last) = looks.last().copied() else { return Ok((0, None)) };
        let held = self.held_looks(&looks, &self.open_learners().await?).await?;
        let free: Vec<i64> = looks.into_iter().filter(|look| !held.contains(look)).collect();
        if !free.is_empty() {
            let json = serde_json::to_string(&free).map_err(|_| StoreError::Unreadable("question"))?;
            for part in 0..PARTS {
                let (from, to) = bounds(part);
                let mut tx = self.begin().await?;
                query(PAIRS).bind(&json).bind(from).bind(to).execute(&mut tx).await?;
                tx.commit().await?;
            }
            // Last, so that what broke off is found again.
            let mut tx = self.begin().await?;
            query(LOOKS_ERASE).bind(&json).execute(&mut tx).await?;
            tx.commit().await?;
        }
        Ok((free.len() as u64, Some(last)))
    }

    async fn looks_before(&self, purpose: &str, before: Timestamp, after: i64) -> Result<Vec<i64>, StoreError> {
        let asked = query_scalar(LOOKS).bind(purpose).bind(before.to_string()).bind(after).bind(LOOKS_A_STEP);
        asked.fetch_all(&self.read).await
    }

    async fn open_learners(&self) -> Result<Vec<KeyedHash>, StoreError> {
        let found: Vec<Vec<u8>> = query_scalar(OPEN_LEARNERS).fetch_all(&self.read).await?;
        let hash =
            |bytes: Vec<u8>| KeyedHash::try_from(bytes).map_err(|_| StoreError::Unreadable("subject_request.learner"));
        found.into_iter().map(hash).collect()
    }

    async fn held_looks(&self, looks: &[i64], learners: &[KeyedHash]) -> Result<BTreeSet<i64>, StoreError> {
        let json = serde_json::to_string(looks).map_err(|_| StoreError::Unreadable("question"))?;
        let mut held = BTreeSet::new();
        for learner in learners {
            let asked = query_scalar(HELD_LOOKS).bind(&json).bind(learner.to_vec());
            held.extend(asked.fetch_all::<i64>(&self.read).await?);
        }
        Ok(held)
    }

    pub async fn add_retention_report(
        &self,
        id: &RetentionRunId,
        jws: &str,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query(ADD_REPORT).bind(id.as_str()).bind(entry.at.to_string()).bind(jws).execute(&mut tx).await?;
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// Newest first. `before`: the last one of the page before.
    pub async fn retention_reports(&self, before: Option<i64>, limit: u32) -> Result<Vec<StoredReport>, StoreError> {
        let rows = query(REPORTS).bind(before.unwrap_or(i64::MAX)).bind(limit).fetch_all(&self.read).await?;
        rows.iter()
            .map(|found| {
                Ok(StoredReport {
                    seq: found.try_get("seq")?,
                    id: found.try_get("id")?,
                    at: time_from(found.try_get("at")?, "retention_report.at")?,
                    jws: found.try_get("jws")?,
                })
            })
            .collect()
    }
}

/// A part of all hashes: from one, up to and without the other.
fn bounds(part: u8) -> (Vec<u8>, Vec<u8>) {
    let width = u8::MAX / PARTS + 1;
    let to = if part + 1 == PARTS { vec![u8::MAX; 17] } else { vec![(part + 1) * width] };
    (vec![part * width], to)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_parts_are_all_hashes_each_once() {
        for first in 0..=u8::MAX {
            for rest in [0, u8::MAX] {
                let mut hash = vec![rest; 16];
                hash[0] = first;
                let of = (0..PARTS).filter(|part| bounds(*part).0 <= hash && hash < bounds(*part).1).count();
                assert_eq!(of, 1, "{hash:?}");
            }
        }
    }
}
