//! The school register in force, and which registers there were.

use super::engine::{Row, Tx, query, query_scalar};
use super::row::{agency_from, count_from, day_from, day_number, time_from};
use super::{JournalEntry, Store, StoreError, journal};
use crate::domain::enrolment::School;
use futures_util::TryStreamExt;
use jiff::Timestamp;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RegisterVersion {
    /// Rises by one with every register.
    pub version: i64,
    /// Store key of the submission it came in; none: loaded at the command line.
    pub submission: Option<i64>,
    pub schools: u64,
    pub at: Timestamp,
}

const CLEAR: &str = "DELETE FROM school";
const INSERT: &str = "INSERT INTO school (school_id, smis, agency, name_th, name_en, subdistrict, latitude, longitude, \
    status, opened_on, closed_on) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const INSERT_VERSION: &str = "INSERT INTO register_version (version, submission, schools, at) \
    SELECT coalesce(max(version), 0) + 1, $1, $2, $3 FROM register_version";
const VERSION: &str = "SELECT version, submission, schools, at FROM register_version ORDER BY version DESC LIMIT 1";
const ALL: &str = "SELECT school_id, smis, agency, name_th, name_en, subdistrict, latitude, longitude, status, opened_on, \
    closed_on FROM school ORDER BY school_id";
const COUNT: &str = "SELECT count(*) FROM school";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[CLEAR, INSERT, INSERT_VERSION, VERSION, ALL, COUNT];

/// Inside the caller's transaction.
pub(super) async fn replace(
    tx: &mut Tx,
    schools: &[School],
    submission: Option<i64>,
    at: Timestamp,
) -> Result<(), StoreError> {
    tx.take_turn("register").await?;
    query(CLEAR).execute(&mut *tx).await?;
    match tx {
        Tx::Sqlite(_) => insert_each(tx, schools).await?,
        Tx::Postgres(tx) => super::postgres::copy_schools(tx, schools).await?,
    }
    query(INSERT_VERSION).bind(submission).bind(schools.len() as i64).bind(at.to_string()).execute(tx).await?;
    Ok(())
}

async fn insert_each(tx: &mut Tx, schools: &[School]) -> Result<(), StoreError> {
    for school in schools {
        query(INSERT)
            .bind(&*school.school_id)
            .bind(school.smis.as_deref())
            .bind(school.agency.as_str())
            .bind(&school.name_th)
            .bind(school.name_en.as_deref())
            .bind(school.subdistrict.as_deref())
            .bind(school.latitude)
            .bind(school.longitude)
            .bind(&*school.status)
            .bind(school.opened_on.map(day_number))
            .bind(school.closed_on.map(day_number))
            .execute(&mut *tx)
            .await?;
    }
    Ok(())
}

impl Store {
    /// Makes `schools` the register, outside any submission.
    pub async fn replace_register(&self, schools: &[School], entry: &JournalEntry) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        replace(&mut tx, schools, None, entry.at).await?;
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// The register in force, by school code.
    pub async fn schools(&self) -> Result<Vec<School>, StoreError> {
        let mut schools = Vec::new();
        self.each_school(|school| schools.push(school)).await?;
        Ok(schools)
    }

    /// The same school by school, and which register it is. A national one is never held whole for it.
    pub async fn each_school(&self, mut each: impl FnMut(School)) -> Result<Option<RegisterVersion>, StoreError> {
        let mut tx = self.read.snapshot().await?;
        let version = query(VERSION).fetch_optional(&mut tx).await?.map(|found| version_from(&found)).transpose()?;
        let mut rows = query(ALL).fetch(&mut tx)?;
        while let Some(found) = rows.try_next().await? {
            each(school_from(&found)?);
        }
        Ok(version)
    }

    pub async fn school_count(&self) -> Result<u64, StoreError> {
        count_from(query_scalar(COUNT).fetch_one(&self.read).await?, "school")
    }

    /// None: there never was a register.
    pub async fn register_version(&self) -> Result<Option<RegisterVersion>, StoreError> {
        query(VERSION).fetch_optional(&self.read).await?.map(|found| version_from(&found)).transpose()
    }
}

fn version_from(found: &Row) -> Result<RegisterVersion, StoreError> {
    Ok(RegisterVersion {
        version: found.try_get("version")?,
        submission: found.try_get("submission")?,
        schools: count_from(found.try_get("schools")?, "register_version.schools")?,
        at: time_from(found.try_get("at")?, "register_version.at")?,
    })
}

fn school_from(found: &Row) -> Result<School, StoreError> {
    let optional = |column: &str| found.try_get::<Option<&str>>(column);
    Ok(School {
        school_id: found.try_get::<&str>("school_id")?.into(),
        smis: optional("smis")?.map(Arc::from),
        agency: agency_from(found.try_get("agency")?, "school.agency")?,
        name_th: found.try_get("name_th")?,
        name_en: found.try_get("name_en")?,
        subdistrict: optional("subdistrict")?.map(Arc::from),
        latitude: found.try_get("latitude")?,
        longitude: found.try_get("longitude")?,
        status: found.try_get::<&str>("status")?.into(),
        opened_on: day_from(found.try_get("opened_on")?, "school.opened_on")?,
        closed_on: day_from(found.try_get("closed_on")?, "school.closed_on")?,
    })
}
