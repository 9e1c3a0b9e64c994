//! Sealed records in force: pages of a school or an agency, and single ones for the count's evidence.
//!
//! Returns sealed bytes only; opening them is the vault's work, on purpose and journalled.

use super::dialect::{both, json_numbers};
use super::engine::{Sql, Tx, query};
use super::roll::Roll;
use super::row::{record_key, record_range, row_of, submission_of};
use super::{Store, StoreError};
use crate::domain::agency::AgencyCode;
use crate::domain::round::Round;
use std::collections::HashMap;
use std::sync::Arc;

/// Where a page ended: bring it back to go on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RecordCursor {
    holding: i64,
    record: i64,
}

impl RecordCursor {
    /// Opaque text for clients: two numbers that say nothing of any person.
    pub fn to_text(&self) -> String {
        format!("{:x}-{:x}", self.holding, self.record)
    }

    pub fn parse(text: &str) -> Option<Self> {
        let (holding, record) = text.split_once('-')?;
        let number = |digits: &str| {
            let plain = digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
            i64::from_str_radix(digits, 16).ok().filter(|_| plain)
        };
        Some(RecordCursor { holding: number(holding)?, record: number(record)? })
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedRecord {
    /// Store key of the submission.
    pub submission_key: i64,
    /// `sub_…`.
    pub submission_id: Arc<str>,
    pub row: u64,
    pub school_id: Arc<str>,
    pub sealed: Vec<u8>,
    /// Bring this back to read on after this record.
    pub cursor: RecordCursor,
}

const HOLDINGS: &str = "SELECT h.id, h.submission, h.school_id, s.id AS submission_id FROM holding h \
    JOIN submission s ON s.seq = h.submission \
    WHERE h.round = $1 AND h.agency = $2 AND ($3 = '' OR h.school_id = $3) AND h.in_force = 1 AND h.id >= $4 \
    ORDER BY h.id LIMIT $5";
const ROLLS: &str = "SELECT data FROM roll WHERE holding = $1";
macro_rules! sealed {
    ($engine:ident) => {
        concat!("SELECT record, sealed FROM vault_record WHERE record IN ", json_numbers!($engine), " ORDER BY record")
    };
}
const SEALED: Sql = both!(sealed);
const OF_SUBMISSION: &str =
    "SELECT record, sealed FROM vault_record WHERE record > $1 AND record <= $2 ORDER BY record LIMIT $3";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[HOLDINGS, ROLLS, OF_SUBMISSION];
#[cfg(test)]
pub(super) const IN_DIALECT: &[Sql] = &[SEALED];

/// Sealed records fetched with one statement: some MB.
const RECORDS_A_STEP: usize = 2_048;
/// Holdings looked up at once while a page fills.
const HOLDINGS_A_STEP: u32 = 64;

impl Store {
    /// Records in force of one agency (or one of its schools) in a round, in a stable order.
    pub async fn records(
        &self,
        round: Round,
        agency: AgencyCode,
        school: Option<&str>,
        after: Option<RecordCursor>,
        limit: u32,
    ) -> Result<Vec<SealedRecord>, StoreError> {
        let mut read = self.read.snapshot().await?;
        let mut page = Vec::new();
        let mut from = after.map_or(0, |cursor| cursor.holding);
        loop {
            let holdings = query(HOLDINGS)
                .bind(round.to_string())
                .bind(agency.as_str())
                .bind(school.unwrap_or(""))
                .bind(from)
                .bind(HOLDINGS_A_STEP)
                .fetch_all(&mut read)
                .await?;
            for found in &holdings {
                let holding: i64 = found.try_get("id")?;
                let school_id: Arc<str> = found.try_get::<&str>("school_id")?.into();
                let submission_id: Arc<str> = found.try_get::<&str>("submission_id")?.into();
                let after = after.filter(|cursor| cursor.holding == holding).map_or(0, |cursor| cursor.record);
                let room = limit - page.len() as u32;
                let records = visible(&mut read, holding, found.try_get("submission")?).await?;
                let records = records.into_iter().filter(|record| *record > after).take(room as usize).collect();
                for (record, sealed) in sealed(&mut read, records).await? {
                    page.push(SealedRecord {
                        submission_key: submission_of(record),
                        submission_id: Arc::clone(&submission_id),
                        row: row_of(record),
                        school_id: Arc::clone(&school_id),
                        sealed,
                        cursor: RecordCursor { holding, record },
                    });
                }
                if page.len() as u32 >= limit {
                    return Ok(page);
                }
                from = holding + 1;
            }
            if (holdings.len() as u32) < HOLDINGS_A_STEP {
                return Ok(page);
            }
        }
    }

    /// Row numbers and sealed records of one submission after row `after`, in row order, in force or not.
    pub async fn records_of(
        &self,
        submission_key: i64,
        after: u64,
        limit: u32,
    ) -> Result<Vec<(u64, Vec<u8>)>, StoreError> {
        let rows = query(OF_SUBMISSION)
            .bind(record_key(submission_key, after)?)
            .bind(record_range(submission_key).1)
            .bind(limit)
            .fetch_all(&self.read)
            .await?;
        rows.iter().map(|found| Ok((row_of(found.try_get("record")?), found.try_get("sealed")?))).collect()
    }

    /// Sealed records of rows by submission key and row, in force or not; what is not there is left out.
    pub async fn open_records(&self, rows: &[(i64, u64)]) -> Result<HashMap<(i64, u64), Vec<u8>>, StoreError> {
        let mut found = HashMap::with_capacity(rows.len());
        let mut read = self.read.snapshot().await?;
        for step in rows.chunks(RECORDS_A_STEP) {
            let records = step.iter().map(|(submission, row)| record_key(*submission, *row));
            for (record, sealed) in sealed(&mut read, records.collect::<Result<_, _>>()?).await? {
                found.insert((submission_of(record), row_of(record)), sealed);
            }
        }
        Ok(found)
    }
}

/// Records of a holding that nothing hides, in order.
async fn visible(read: &mut Tx, holding: i64, submission: i64) -> Result<Vec<i64>, StoreError> {
    let mut records = Vec::new();
    for found in query(ROLLS).bind(holding).fetch_all(read).await? {
        let roll = Roll::parse(found.try_get("data")?)?;
        for entry in roll.entries() {
            records.push(record_key(submission, u64::from(entry.row()))?);
        }
    }
    records.sort_unstable();
    Ok(records)
}

async fn sealed(read: &mut Tx, records: Vec<i64>) -> Result<Vec<(i64, Vec<u8>)>, StoreError> {
    let json = serde_json::to_string(&records).map_err(|_| StoreError::Unreadable("question"))?;
    let rows = query(SEALED).bind(json).fetch_all(read).await?;
    rows.iter().map(|found| Ok((found.try_get("record")?, found.try_get("sealed")?))).collect()
}
