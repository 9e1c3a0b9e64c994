//! Between table columns and domain types: keys, days, kinds, interned codes.
//!
//! Owns the stored forms. Refuses to guess: what doesn't read back is `StoreError::Unreadable` with its column.

use super::StoreError;
use super::engine::Row;
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::{KeyedHash, Place};
use crate::domain::learner_id::LearnerIdKind;
use crate::domain::round::Round;
use jiff::Timestamp;
use jiff::civil::Date;
use std::collections::HashSet;
use std::sync::Arc;

/// Rows of one submission share the upper half of their keys.
const ROW_BITS: u32 = 32;

/// Store key of one row of one submission.
pub(super) fn record_key(submission: i64, row: u64) -> Result<i64, StoreError> {
    let row = u32::try_from(row).map_err(|_| StoreError::RowNumber)?;
    Ok((submission << ROW_BITS) | i64::from(row))
}

pub(super) fn submission_of(record: i64) -> i64 {
    record >> ROW_BITS
}

pub(super) fn row_of(record: i64) -> u64 {
    (record & i64::from(u32::MAX)) as u64
}

/// First and last possible key of a submission.
pub(super) fn record_range(submission: i64) -> (i64, i64) {
    let first = submission << ROW_BITS;
    (first, first | i64::from(u32::MAX))
}

/// yyyymmdd.
pub(super) fn day_number(day: Date) -> i64 {
    i64::from(day.year()) * 10_000 + i64::from(day.month()) * 100 + i64::from(day.day())
}

pub(super) fn day_from(number: Option<i64>, column: &'static str) -> Result<Option<Date>, StoreError> {
    let Some(number) = number else { return Ok(None) };
    let part = |value: i64| i16::try_from(value).map_err(|_| StoreError::Unreadable(column));
    let (year, month, day) = (part(number / 10_000)?, part(number / 100 % 100)?, part(number % 100)?);
    Date::new(year, month as i8, day as i8).map(Some).map_err(|_| StoreError::Unreadable(column))
}

pub(super) const CITIZEN: i64 = 1;
pub(super) const G_CODE: i64 = 2;
pub(super) const PASSPORT: i64 = 3;

pub(super) fn id_kind_number(kind: LearnerIdKind) -> i64 {
    match kind {
        LearnerIdKind::Citizen => CITIZEN,
        LearnerIdKind::GCode => G_CODE,
        LearnerIdKind::Passport => PASSPORT,
    }
}

fn id_kind_from(number: i64) -> Result<LearnerIdKind, StoreError> {
    match number {
        CITIZEN => Ok(LearnerIdKind::Citizen),
        G_CODE => Ok(LearnerIdKind::GCode),
        PASSPORT => Ok(LearnerIdKind::Passport),
        _ => Err(StoreError::Unreadable("enrolment.id_kind")),
    }
}

pub(super) fn agency_from(text: &str, column: &'static str) -> Result<AgencyCode, StoreError> {
    AgencyCode::parse(text).map_err(|_| StoreError::Unreadable(column))
}

pub(super) fn round_from(text: &str, column: &'static str) -> Result<Round, StoreError> {
    Round::parse(text).map_err(|_| StoreError::Unreadable(column))
}

pub(super) fn time_from(text: &str, column: &'static str) -> Result<Timestamp, StoreError> {
    text.parse().map_err(|_| StoreError::Unreadable(column))
}

pub(super) fn optional_time_from(text: Option<&str>, column: &'static str) -> Result<Option<Timestamp>, StoreError> {
    text.map(|text| time_from(text, column)).transpose()
}

pub(super) fn hash_from(row: &Row, column: &'static str) -> Result<KeyedHash, StoreError> {
    row.try_get::<&[u8]>(column)?.try_into().map_err(|_| StoreError::Unreadable(column))
}

/// Counts are never negative; a negative one is somebody else's writing.
pub(super) fn count_from(number: i64, column: &'static str) -> Result<u64, StoreError> {
    u64::try_from(number).map_err(|_| StoreError::Unreadable(column))
}

pub(super) fn count_to(number: u64, column: &'static str) -> Result<i64, StoreError> {
    i64::try_from(number).map_err(|_| StoreError::Unreadable(column))
}

/// Repeated texts (school codes, grades) once in memory.
#[derive(Default)]
pub(super) struct Interner(HashSet<Arc<str>>);

impl Interner {
    pub(super) fn get(&mut self, text: &str) -> Arc<str> {
        if let Some(known) = self.0.get(text) {
            return Arc::clone(known);
        }
        let new: Arc<str> = text.into();
        self.0.insert(Arc::clone(&new));
        new
    }
}

/// From a row with the columns of `count::PLACE_COLUMNS`.
pub(super) fn place_from(row: &Row, texts: &mut Interner) -> Result<Place, StoreError> {
    let record: i64 = row.try_get("record")?;
    Ok(Place {
        learner: hash_from(row, "learner")?,
        id_kind: id_kind_from(row.try_get("id_kind")?)?,
        name: hash_from(row, "name")?,
        birth: hash_from(row, "birth")?,
        person: hash_from(row, "person")?,
        agency: agency_from(row.try_get("agency")?, "holding.agency")?,
        school_id: texts.get(row.try_get("school_id")?),
        grade: texts.get(row.try_get("grade")?),
        sex: texts.get(row.try_get("sex")?),
        status: row.try_get::<Option<&str>>("status")?.map(|status| texts.get(status)),
        dual_programme: row.try_get::<i64>("dual")? != 0,
        age_years: u8::try_from(row.try_get::<i64>("age")?).map_err(|_| StoreError::Unreadable("enrolment.age"))?,
        entry_date: day_from(row.try_get("entry_date")?, "enrolment.entry_date")?,
        exit_date: day_from(row.try_get("exit_date")?, "enrolment.exit_date")?,
        submission_key: submission_of(record),
        row: row_of(record),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn keys_and_days_come_back() {
        let key = record_key(7, 20_000_000).unwrap();
        assert_eq!((submission_of(key), row_of(key)), (7, 20_000_000));
        let (first, last) = record_range(7);
        assert!(first < key && key < last && last < record_range(8).0);
        assert!(matches!(record_key(7, 1 << 32), Err(StoreError::RowNumber)));
        let day = date(2012, 2, 29);
        assert_eq!(day_from(Some(day_number(day)), "x").unwrap(), Some(day));
        assert!(day_from(Some(20_130_229), "x").is_err());
    }
}
