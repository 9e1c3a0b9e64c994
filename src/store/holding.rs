//! Keys of a submission's holdings, by agency and school; those of schools that its rows name for the first time are made.

use super::StoreError;
use super::dialect::{both, json_schools};
use super::engine::{Row, Sql, Tx, query};
use super::row::agency_from;
use crate::domain::agency::AgencyCode;
use std::collections::HashMap;
use std::sync::Arc;

const OF_SUBMISSION: &str = "SELECT id, agency, school_id FROM holding WHERE submission = $1";

// In the order in which the file names them: pages of records follow the holdings' numbers.
macro_rules! enter {
    ($engine:ident) => {
        concat!(
            "INSERT INTO holding (submission, agency, school_id, round) \
             SELECT CAST($1 AS BIGINT), i.agency, i.school_id, CAST($3 AS TEXT) FROM ",
            json_schools!($engine),
            " i ORDER BY i.number"
        )
    };
}
// Not `RETURNING`: it doesn't say which answer belongs to which row.
macro_rules! entered {
    ($engine:ident) => {
        concat!(
            "SELECT id, agency, school_id FROM holding WHERE submission = $1 \
             AND (agency, school_id) IN (SELECT i.agency, i.school_id FROM ",
            json_schools!($engine),
            " i)"
        )
    };
}
const ENTER: Sql = both!(enter);
const ENTERED: Sql = both!(entered);

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[OF_SUBMISSION];
#[cfg(test)]
pub(super) const IN_DIALECT: &[Sql] = &[ENTER, ENTERED];

pub(super) type AgencySchool = (AgencyCode, Arc<str>);

#[derive(Debug, Default)]
pub(super) struct Holdings(HashMap<AgencySchool, i64>);

impl Holdings {
    pub(super) async fn of(tx: &mut Tx, seq: i64) -> Result<Holdings, StoreError> {
        Holdings::read(&query(OF_SUBMISSION).bind(seq).fetch_all(tx).await?)
    }

    /// Makes the holdings of schools that the submission has none of yet, and answers them: they count once the transaction is
    /// committed. Each school once.
    pub(super) async fn enter(
        tx: &mut Tx,
        seq: i64,
        round: &str,
        schools: &[AgencySchool],
    ) -> Result<Holdings, StoreError> {
        if schools.is_empty() {
            return Ok(Holdings::default());
        }
        let pairs: Vec<(&str, &str)> = schools.iter().map(|(agency, school)| (agency.as_str(), &**school)).collect();
        let json = serde_json::to_string(&pairs).map_err(|_| StoreError::Unreadable("holding"))?;
        query(ENTER).bind(seq).bind(&json).bind(round).execute(&mut *tx).await?;
        Holdings::read(&query(ENTERED).bind(seq).bind(&json).fetch_all(tx).await?)
    }

    fn read(rows: &[Row]) -> Result<Holdings, StoreError> {
        let mut holdings = HashMap::with_capacity(rows.len());
        for found in rows {
            let agency = agency_from(found.try_get("agency")?, "holding.agency")?;
            holdings.insert((agency, found.try_get::<&str>("school_id")?.into()), found.try_get("id")?);
        }
        Ok(Holdings(holdings))
    }

    pub(super) fn get(&self, school: &AgencySchool) -> Option<i64> {
        self.0.get(school).copied()
    }

    pub(super) fn extend(&mut self, others: Holdings) {
        self.0.extend(others.0);
    }
}
