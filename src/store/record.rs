//! Sealed records in force: pages of a school or an agency, and single ones for the count's evidence.
//!
//! Returns sealed bytes only; opening them is the vault's work, on purpose and journalled.

use super::engine::{query, query_scalar};
use super::row::{record_key, record_range, row_of, submission_of};
use super::{Store, StoreError};
use crate::domain::agency::AgencyCode;
use crate::domain::round::Round;
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
        let number = |digits: &str| i64::from_str_radix(digits, 16).ok().filter(|number| *number >= 0);
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

const HOLDINGS: &str = "SELECT h.id, h.school_id, s.id AS submission_id FROM holding h \
    JOIN submission s ON s.seq = h.submission \
    WHERE h.round = $1 AND h.agency = $2 AND ($3 = '' OR h.school_id = $3) AND h.in_force = 1 AND h.id >= $4 \
    ORDER BY h.id LIMIT $5";
const PAGE: &str = "SELECT e.record, v.sealed FROM enrolment e JOIN vault_record v ON v.record = e.record \
    WHERE e.holding = $1 AND e.record > $2 AND NOT EXISTS (SELECT 1 FROM superseded x WHERE x.record = e.record) \
    ORDER BY e.record LIMIT $3";
const ONE: &str = "SELECT sealed FROM vault_record WHERE record = $1";

const OF_SUBMISSION: &str =
    "SELECT record, sealed FROM vault_record WHERE record > $1 AND record <= $2 ORDER BY record LIMIT $3";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[HOLDINGS, PAGE, ONE, OF_SUBMISSION];

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
                for found in query(PAGE).bind(holding).bind(after).bind(room).fetch_all(&mut read).await? {
                    let record: i64 = found.try_get("record")?;
                    page.push(SealedRecord {
                        submission_key: submission_of(record),
                        submission_id: Arc::clone(&submission_id),
                        row: row_of(record),
                        school_id: Arc::clone(&school_id),
                        sealed: found.try_get("sealed")?,
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

    /// The sealed record of one row, in force or not.
    pub async fn open_record(&self, submission_key: i64, row: u64) -> Result<Option<Vec<u8>>, StoreError> {
        query_scalar(ONE).bind(record_key(submission_key, row)?).fetch_optional(&self.read).await
    }
}
