//! Values that lie sealed under older keys: found page by page, put back sealed anew, counted.
//!
//! Owns that a value is replaced only while it is the very one that was read, and that how far the work is stands in the same
//! transaction. Knows a key by what its values begin with; opening and sealing is the vault's.

use super::dialect::{both, json_numbers};
use super::engine::{Sql, query, query_scalar};
use super::row::{count_from, row_of, submission_of};
use super::submission::State;
use super::{JournalEntry, Store, StoreError, journal};
use crate::domain::ids::{PersonId, SubmissionId};
use jiff::Timestamp;
use std::collections::HashMap;

/// How far the sealing anew under one data key is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ResealProgress {
    /// Store key of the last record that was looked at.
    pub reached: i64,
    pub resealed: u64,
    pub began_at: Timestamp,
    /// None: it goes on.
    pub ended_at: Option<Timestamp>,
}

/// A record under an older key.
#[derive(Debug, Clone)]
pub struct OldSealed {
    pub record: i64,
    learner: Vec<u8>,
    /// None: it is not at its end, and its rows may still be taken back; they are left for later.
    pub submission: Option<SubmissionId>,
    pub row: u64,
    pub sealed: Vec<u8>,
}

/// A sealed value of a person's account.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Secret {
    Details,
    Totp,
    TotpNext,
}

/// What still needs an old key.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, serde::Serialize)]
pub struct Needed {
    /// Sealed records of learners.
    pub records: u64,
    /// Values of people's accounts.
    pub accounts: u64,
    /// Sign-ins under way at the provider of identities.
    pub sign_ins: u64,
    /// Kept files that came while it was current.
    pub files: u64,
    /// Requests of persons about their own data.
    pub requests: u64,
    /// Open uploads that were begun before it was old.
    pub uploads: u64,
}

impl Needed {
    pub fn is_nothing(&self) -> bool {
        *self == Needed::default()
    }
}

/// When a key sealed files; none: from the beginning.
#[derive(Debug, Clone, Copy)]
pub struct InUse {
    pub from: Option<Timestamp>,
    pub until: Timestamp,
}

const OLD: Sql = Sql {
    sqlite: "SELECT record, x'' AS learner, sealed FROM vault_record WHERE record > $1 AND substr(sealed, 1, 3) <> $2 \
        ORDER BY record LIMIT $3",
    postgres: "SELECT record, learner, sealed FROM vault_record WHERE record > $1 AND substr(sealed, 1, 3) <> $2 \
        ORDER BY record LIMIT $3",
};
// The learner names the machine where rows are spread; SQLite has it in `enrolment` only.
const PUT: Sql = Sql {
    sqlite: "UPDATE vault_record SET sealed = $4 WHERE record = $1 AND $2 = x'' AND sealed = $3",
    postgres: "UPDATE vault_record SET sealed = $4 WHERE record = $1 AND learner = $2 AND sealed = $3",
};
macro_rules! submissions {
    ($engine:ident) => {
        concat!("SELECT seq, id, state FROM submission WHERE seq IN ", json_numbers!($engine))
    };
}
const SUBMISSIONS: Sql = both!(submissions);
const RECORDS_UNDER: &str = "SELECT count(*) FROM vault_record WHERE substr(sealed, 1, 3) = $1";
const RECORDS_NOT_UNDER: &str = "SELECT count(*) FROM vault_record WHERE substr(sealed, 1, 3) <> $1";
const ACCOUNTS_UNDER: &str = "SELECT CAST(coalesce(sum(CASE WHEN substr(sealed, 1, 3) = $1 THEN 1 ELSE 0 END \
    + CASE WHEN substr(totp, 1, 3) = $1 THEN 1 ELSE 0 END \
    + CASE WHEN substr(totp_next, 1, 3) = $1 THEN 1 ELSE 0 END), 0) AS BIGINT) FROM person";
const REQUESTS_UNDER: &str = "SELECT count(*) FROM subject_request WHERE substr(sealed, 1, 3) = $1";
const SIGN_INS_UNDER: &str = "SELECT count(*) FROM sso_flow WHERE until > $2 AND substr(sealed, 1, 3) = $1";
const FILES: &str = "SELECT count(*) FROM submission WHERE received_at >= $1 AND received_at < $2";
const UPLOADS: &str = "SELECT count(*) FROM upload u WHERE u.begun_at < $1 \
    AND EXISTS (SELECT 1 FROM upload_part p WHERE p.upload = u.id)";
const PROGRESS: &str = "SELECT reached, resealed, began_at, ended_at FROM reseal WHERE data_key = $1";
const BEGIN: &str = "INSERT INTO reseal (data_key, reached, resealed, began_at) VALUES ($1, 0, 0, $2) ON CONFLICT (data_key) DO NOTHING";
const REACHED: &str = "UPDATE reseal SET reached = $2, resealed = resealed + $3, ended_at = NULL WHERE data_key = $1";
const ENDED: &str = "UPDATE reseal SET ended_at = $2 WHERE data_key = $1 AND ended_at IS NULL";
const PUT_DETAILS: &str = "UPDATE person SET sealed = $3 WHERE id = $1 AND sealed = $2";
const PUT_TOTP: &str = "UPDATE person SET totp = $3 WHERE id = $1 AND totp = $2";
const PUT_TOTP_NEXT: &str = "UPDATE person SET totp_next = $3 WHERE id = $1 AND totp_next = $2";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    RECORDS_UNDER,
    REQUESTS_UNDER,
    RECORDS_NOT_UNDER,
    ACCOUNTS_UNDER,
    SIGN_INS_UNDER,
    FILES,
    UPLOADS,
    PROGRESS,
    BEGIN,
    REACHED,
    ENDED,
    PUT_DETAILS,
    PUT_TOTP,
    PUT_TOTP_NEXT,
];
#[cfg(test)]
pub(super) const IN_DIALECT: &[Sql] = &[OLD, PUT, SUBMISSIONS];

type Head = [u8; 3];

impl Store {
    pub async fn reseal_progress(&self, data_key: u16) -> Result<Option<ResealProgress>, StoreError> {
        let found = query(PROGRESS).bind(i64::from(data_key)).fetch_optional(&self.read).await?;
        let Some(found) = found else { return Ok(None) };
        Ok(Some(ResealProgress {
            reached: found.try_get("reached")?,
            resealed: count_from(found.try_get("resealed")?, "reseal.resealed")?,
            began_at: super::row::time_from(found.try_get("began_at")?, "reseal.began_at")?,
            ended_at: super::row::optional_time_from(found.try_get("ended_at")?, "reseal.ended_at")?,
        }))
    }

    pub async fn begin_reseal(&self, data_key: u16, at: Timestamp) -> Result<(), StoreError> {
        query(BEGIN).bind(i64::from(data_key)).bind(at.to_string()).execute(&self.write).await?;
        Ok(())
    }

    /// Records after `after` that are not sealed under the key of `head`, by their keys.
    pub async fn sealed_under_older(&self, head: Head, after: i64, limit: u32) -> Result<Vec<OldSealed>, StoreError> {
        let rows = query(OLD).bind(after).bind(head.to_vec()).bind(limit).fetch_all(&self.read).await?;
        let mut found = Vec::with_capacity(rows.len());
        for row in &rows {
            let record: i64 = row.try_get("record")?;
            let (learner, sealed) = (row.try_get("learner")?, row.try_get("sealed")?);
            found.push(OldSealed { record, learner, submission: None, row: row_of(record), sealed });
        }
        let mut seqs: Vec<i64> = found.iter().map(|old| submission_of(old.record)).collect();
        seqs.dedup();
        let json = serde_json::to_string(&seqs).map_err(|_| StoreError::Unreadable("question"))?;
        let unsettled = [State::Received, State::Processing, State::Cancelled].map(|state| state.as_str());
        let mut settled = HashMap::new();
        for row in query(SUBMISSIONS).bind(json).fetch_all(&self.read).await? {
            if !unsettled.contains(&row.try_get::<&str>("state")?) {
                let id =
                    SubmissionId::parse(row.try_get("id")?).map_err(|_| StoreError::Unreadable("submission.id"))?;
                settled.insert(row.try_get::<i64>("seq")?, id);
            }
        }
        for old in &mut found {
            old.submission = settled.get(&submission_of(old.record)).cloned();
        }
        Ok(found)
    }

    /// Puts the new bytes in the place of what was read, and says how far the work is: all of it or nothing.
    pub async fn put_resealed(
        &self,
        data_key: u16,
        page: &[(OldSealed, Vec<u8>)],
        reached: i64,
    ) -> Result<(), StoreError> {
        let (mut tx, mut done) = (self.begin().await?, 0);
        for (old, sealed) in page {
            let put = query(PUT).bind(old.record).bind(old.learner.clone()).bind(old.sealed.clone());
            done += put.bind(sealed.clone()).execute(&mut tx).await?.rows_affected();
        }
        let done = i64::try_from(done).map_err(|_| StoreError::Unreadable("reseal.resealed"))?;
        query(REACHED).bind(i64::from(data_key)).bind(reached).bind(done).execute(&mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// Records under any other key than that of `head`.
    pub async fn records_not_under(&self, head: Head) -> Result<u64, StoreError> {
        let left = query_scalar(RECORDS_NOT_UNDER).bind(head.to_vec()).fetch_one(&self.read).await?;
        count_from(left, "vault_record")
    }

    pub async fn end_reseal(&self, data_key: u16, entry: &JournalEntry) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let ended = query(ENDED).bind(i64::from(data_key)).bind(entry.at.to_string()).execute(&mut tx).await?;
        if ended.rows_affected() == 1 {
            journal::append(&mut tx, entry).await?;
        }
        Ok(tx.commit().await?)
    }

    /// False: it changed meanwhile, and is left as it is.
    pub async fn put_resealed_secret(
        &self,
        person: &PersonId,
        secret: Secret,
        before: &[u8],
        after: &[u8],
    ) -> Result<bool, StoreError> {
        let put = query(match secret {
            Secret::Details => PUT_DETAILS,
            Secret::Totp => PUT_TOTP,
            Secret::TotpNext => PUT_TOTP_NEXT,
        });
        let put = put.bind(person.as_str()).bind(before.to_vec()).bind(after.to_vec());
        Ok(put.execute(&self.write).await?.rows_affected() == 1)
    }

    /// What still needs the data key of `head`. The number of files is an upper bound, by when they came.
    pub async fn needs(&self, head: Head, in_use: InUse, now: Timestamp) -> Result<Needed, StoreError> {
        let under = |sql: &'static str| query_scalar(sql).bind(head.to_vec());
        let from = in_use.from.map_or_else(String::new, |from| from.to_string());
        let until = in_use.until.to_string();
        let records = under(RECORDS_UNDER).fetch_one(&self.read).await?;
        let accounts = under(ACCOUNTS_UNDER).fetch_one(&self.read).await?;
        let sign_ins = under(SIGN_INS_UNDER).bind(now.to_string()).fetch_one(&self.read).await?;
        let requests = under(REQUESTS_UNDER).fetch_one(&self.read).await?;
        let files = query_scalar(FILES).bind(from).bind(&until).fetch_one(&self.read).await?;
        let uploads = query_scalar(UPLOADS).bind(&until).fetch_one(&self.read).await?;
        Ok(Needed {
            records: count_from(records, "vault_record")?,
            accounts: count_from(accounts, "person")?,
            sign_ins: count_from(sign_ins, "sso_flow")?,
            files: count_from(files, "submission")?,
            requests: count_from(requests, "subject_request")?,
            uploads: count_from(uploads, "upload")?,
        })
    }
}
