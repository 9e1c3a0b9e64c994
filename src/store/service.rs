//! What gateways measured: requests by day, client and class, and the minutes in which any was there; and the reports of closed months.
//!
//! Owns that what several gateways measured adds up, whoever writes first: numbers are added by the database, minutes under a turn.
//! A closed report is written once and never changed. Refuses anything of a person: ids of clients, days and numbers.

use super::engine::{Row, Tx, query, query_scalar};
use super::row::{count_from, count_to, time_from};
use super::{JournalEntry, Store, StoreError, journal};
use crate::domain::agency::AgencyCode;
use crate::domain::ids::{AgreementId, ClientId};
use crate::domain::receipt::Receipt;
use crate::domain::round::Round;
use crate::domain::service::{BUCKETS, Minutes, Tally};
use jiff::Timestamp;
use jiff::civil::Date;

/// Requests of one client and class on one day.
#[derive(Debug, Clone, PartialEq)]
pub struct ServiceTally {
    pub day: Date,
    pub client: ClientId,
    pub class: String,
    pub tally: Tally,
}

/// The first file of a round that came to its end.
#[derive(Debug, Clone, PartialEq)]
pub struct FirstFile {
    pub mapping: String,
    /// None: it was refused as a whole.
    pub receipt: Option<Receipt>,
}

/// A month that is closed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClosedReport {
    /// JSON.
    pub report: String,
    /// The same, signed.
    pub jws: String,
    pub closed_at: Timestamp,
}

macro_rules! buckets {
    () => {
        "b01, b02, b03, b04, b05, b06, b07, b08, b09, b10, b11, b12, b13, b14, b15, b16"
    };
}
const ADD: &str = concat!(
    "INSERT INTO service_day (day, client, class, answered, failed, ",
    buckets!(),
    ") VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21) \
     ON CONFLICT (day, client, class) DO UPDATE SET answered = service_day.answered + excluded.answered, \
     failed = service_day.failed + excluded.failed, \
     b01 = service_day.b01 + excluded.b01, b02 = service_day.b02 + excluded.b02, \
     b03 = service_day.b03 + excluded.b03, b04 = service_day.b04 + excluded.b04, \
     b05 = service_day.b05 + excluded.b05, b06 = service_day.b06 + excluded.b06, \
     b07 = service_day.b07 + excluded.b07, b08 = service_day.b08 + excluded.b08, \
     b09 = service_day.b09 + excluded.b09, b10 = service_day.b10 + excluded.b10, \
     b11 = service_day.b11 + excluded.b11, b12 = service_day.b12 + excluded.b12, \
     b13 = service_day.b13 + excluded.b13, b14 = service_day.b14 + excluded.b14, \
     b15 = service_day.b15 + excluded.b15, b16 = service_day.b16 + excluded.b16"
);
const OF_AGREEMENT: &str = concat!(
    "SELECT s.class, s.answered, s.failed, ",
    buckets!(),
    " FROM service_day s JOIN agreement_client g ON g.client = s.client \
     WHERE g.agreement = $1 AND s.day >= $2 AND s.day <= $3 ORDER BY s.class"
);
const MINUTES_OF: &str = "SELECT minutes FROM gateway_day WHERE day = $1";
const MINUTES_SET: &str = "INSERT INTO gateway_day (day, minutes) VALUES ($1, $2) \
    ON CONFLICT (day) DO UPDATE SET minutes = excluded.minutes";
const MINUTES_BETWEEN: &str = "SELECT day, minutes FROM gateway_day WHERE day >= $1 AND day <= $2 ORDER BY day";
const FIRST_DAY: &str = "SELECT min(day) FROM gateway_day";
const LAST_COMMITTED: &str = "SELECT mapping, max(finished_at) AS at FROM submission \
    WHERE agency = $1 AND state = 'committed' AND finished_at < $2 GROUP BY mapping ORDER BY mapping";
const FIRST_COMMITTED: &str = "SELECT mapping, round, min(finished_at) AS at FROM submission \
    WHERE agency = $1 AND state = 'committed' GROUP BY mapping, round ORDER BY mapping, round";
const FIRST_FILES: &str = "SELECT s.mapping, s.receipt FROM submission s WHERE s.agency = $1 AND s.finished_at >= $2 \
    AND s.finished_at < $3 AND s.state IN ('committed', 'refused') AND NOT EXISTS (SELECT 1 FROM submission o \
    WHERE o.agency = s.agency AND o.mapping = s.mapping AND o.round = s.round AND o.state IN ('committed', 'refused') \
    AND o.seq < s.seq) ORDER BY s.seq";
const CLOSE: &str = "INSERT INTO service_report (agreement, month, report, jws, closed_at) VALUES ($1, $2, $3, $4, $5) \
    ON CONFLICT (agreement, month) DO NOTHING";
const CLOSED: &str = "SELECT report, jws, closed_at FROM service_report WHERE agreement = $1 AND month = $2";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    ADD,
    OF_AGREEMENT,
    MINUTES_OF,
    MINUTES_SET,
    MINUTES_BETWEEN,
    FIRST_DAY,
    LAST_COMMITTED,
    FIRST_COMMITTED,
    FIRST_FILES,
    CLOSE,
    CLOSED,
];

const BUCKET_COLUMNS: [&str; BUCKETS] =
    ["b01", "b02", "b03", "b04", "b05", "b06", "b07", "b08", "b09", "b10", "b11", "b12", "b13", "b14", "b15", "b16"];

fn tally_from(found: &Row) -> Result<Tally, StoreError> {
    let number = |column: &'static str| count_from(found.try_get(column)?, "service_day");
    let mut tally = Tally { answered: number("answered")?, failed: number("failed")?, ..Tally::default() };
    for (bucket, column) in tally.buckets.iter_mut().zip(BUCKET_COLUMNS) {
        *bucket = number(column)?;
    }
    Ok(tally)
}

fn day_from(text: &str, column: &'static str) -> Result<Date, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable(column))
}

fn minutes_from(bytes: &[u8]) -> Result<Minutes, StoreError> {
    Minutes::from_bytes(bytes).ok_or(StoreError::Unreadable("gateway_day.minutes"))
}

async fn set_minute(tx: &mut Tx, day: Date, minute: u16) -> Result<(), StoreError> {
    tx.take_turn("gateway minutes").await?;
    let found: Option<Vec<u8>> = query_scalar(MINUTES_OF).bind(day.to_string()).fetch_optional(&mut *tx).await?;
    let mut minutes = found.as_deref().map(minutes_from).transpose()?.unwrap_or_default();
    minutes.set(minute);
    query(MINUTES_SET).bind(day.to_string()).bind(minutes.as_bytes().to_vec()).execute(tx).await.map(drop)
}

impl Store {
    /// Adds what a gateway measured since it last did, and that it is there in this minute: all of it or nothing.
    pub async fn add_service(&self, measured: &[ServiceTally], now: (Date, u16)) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        // First, so that gateways that write at the same moment wait here and not half way.
        set_minute(&mut tx, now.0, now.1).await?;
        for one in measured {
            let mut add = query(ADD)
                .bind(one.day.to_string())
                .bind(one.client.as_str())
                .bind(&one.class)
                .bind(count_to(one.tally.answered, "service_day")?)
                .bind(count_to(one.tally.failed, "service_day")?);
            for bucket in one.tally.buckets {
                add = add.bind(count_to(bucket, "service_day")?);
            }
            add.execute(&mut tx).await?;
        }
        Ok(tx.commit().await?)
    }

    /// Of the agreement's clients, by class.
    pub async fn service_of(
        &self,
        agreement: &AgreementId,
        from: Date,
        until: Date,
    ) -> Result<Vec<(String, Tally)>, StoreError> {
        let rows = query(OF_AGREEMENT).bind(agreement.as_str()).bind(from.to_string()).bind(until.to_string());
        let mut all: Vec<(String, Tally)> = Vec::new();
        for row in rows.fetch_all(&self.read).await? {
            let (class, tally): (String, Tally) = (row.try_get("class")?, tally_from(&row)?);
            match all.last_mut().filter(|(last, _)| *last == class) {
                Some((_, sum)) => sum.merge(&tally),
                None => all.push((class, tally)),
            }
        }
        Ok(all)
    }

    /// By day; and the first day that is known of any gateway.
    pub async fn gateway_minutes(
        &self,
        from: Date,
        until: Date,
    ) -> Result<(Vec<(Date, Minutes)>, Option<Date>), StoreError> {
        let rows = query(MINUTES_BETWEEN).bind(from.to_string()).bind(until.to_string());
        let of =
            |row: &Row| Ok((day_from(row.try_get("day")?, "gateway_day.day")?, minutes_from(row.try_get("minutes")?)?));
        let days = rows.fetch_all(&self.read).await?.iter().map(of).collect::<Result<_, StoreError>>()?;
        let first: Option<String> = query_scalar(FIRST_DAY).fetch_one(&self.read).await?;
        let first = first.map(|day| day_from(&day, "gateway_day.day")).transpose()?;
        Ok((days, first))
    }

    /// When each of the agency's mappings last brought something into force before a moment.
    pub async fn last_committed(
        &self,
        agency: AgencyCode,
        before: Timestamp,
    ) -> Result<Vec<(String, Timestamp)>, StoreError> {
        let rows = query(LAST_COMMITTED).bind(agency.as_str()).bind(before.to_string()).fetch_all(&self.read).await?;
        let of = |row: &Row| Ok((row.try_get("mapping")?, time_from(row.try_get("at")?, "submission.finished_at")?));
        rows.iter().map(of).collect()
    }

    /// When each of the agency's mappings first brought something into force for a round.
    pub async fn first_committed(&self, agency: AgencyCode) -> Result<Vec<(String, Round, Timestamp)>, StoreError> {
        let rows = query(FIRST_COMMITTED).bind(agency.as_str()).fetch_all(&self.read).await?;
        let of = |row: &Row| {
            let round = super::row::round_from(row.try_get("round")?, "submission.round")?;
            Ok((row.try_get("mapping")?, round, time_from(row.try_get("at")?, "submission.finished_at")?))
        };
        rows.iter().map(of).collect()
    }

    /// First files of rounds that came to their end between two moments.
    pub async fn first_files(
        &self,
        agency: AgencyCode,
        from: Timestamp,
        before: Timestamp,
    ) -> Result<Vec<FirstFile>, StoreError> {
        let rows = query(FIRST_FILES).bind(agency.as_str()).bind(from.to_string()).bind(before.to_string());
        let of = |row: &Row| {
            let receipt: Option<&str> = row.try_get("receipt")?;
            let receipt = receipt.map(serde_json::from_str).transpose();
            let receipt = receipt.map_err(|_| StoreError::Unreadable("submission.receipt"))?;
            Ok(FirstFile { mapping: row.try_get("mapping")?, receipt })
        };
        rows.fetch_all(&self.read).await?.iter().map(of).collect()
    }

    /// False: the month was closed before, and stays as it was.
    pub async fn close_service_month(
        &self,
        agreement: &AgreementId,
        month: &str,
        closed: &ClosedReport,
        entry: &JournalEntry,
    ) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let insert = query(CLOSE)
            .bind(agreement.as_str())
            .bind(month)
            .bind(&closed.report)
            .bind(&closed.jws)
            .bind(closed.closed_at.to_string());
        if insert.execute(&mut tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        journal::append(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(true)
    }

    pub async fn closed_service_month(
        &self,
        agreement: &AgreementId,
        month: &str,
    ) -> Result<Option<ClosedReport>, StoreError> {
        let found = query(CLOSED).bind(agreement.as_str()).bind(month).fetch_optional(&self.read).await?;
        let of = |row: Row| {
            Ok(ClosedReport {
                report: row.try_get("report")?,
                jws: row.try_get("jws")?,
                closed_at: time_from(row.try_get("closed_at")?, "service_report.closed_at")?,
            })
        };
        found.map(of).transpose()
    }
}
