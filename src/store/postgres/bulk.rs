//! Bulk writing into PostgreSQL: binary COPY into a staging table of the session, then one merge set by set.
//!
//! The staging table is temporary, so that it costs no log, is this session's alone, and is empty again after every
//! transaction whatever became of it. Refuses to lose a row: the merge must have moved as many as were sent.

use crate::domain::enrolment::{HeldEnrolment, School};
use crate::store::StoreError;
use crate::store::roll::RollPart;
use crate::store::row::{day_number, id_kind_number, record_key};
use crate::store::stage::{Batch, RefusedRow};
use jiff::civil::Date;
use sqlx::{PgConnection, PgTransaction};

pub(super) const STAGING: &str = "CREATE TEMPORARY TABLE IF NOT EXISTS staged_enrolment (\
    record BIGINT NOT NULL CONSTRAINT staged_enrolment_record PRIMARY KEY, \
    agency TEXT COLLATE \"C\" NOT NULL, school_id TEXT COLLATE \"C\" NOT NULL, id_kind SMALLINT NOT NULL, \
    learner BYTEA NOT NULL, name BYTEA NOT NULL, birth BYTEA NOT NULL, person BYTEA NOT NULL, content BYTEA NOT NULL, \
    grade TEXT COLLATE \"C\" NOT NULL, sex TEXT COLLATE \"C\" NOT NULL, status TEXT COLLATE \"C\", dual SMALLINT NOT NULL, \
    age SMALLINT NOT NULL, entry_date INTEGER, exit_date INTEGER, sealed BYTEA NOT NULL) ON COMMIT DELETE ROWS";
const COPY_STAGED: &str = "COPY staged_enrolment (record, agency, school_id, id_kind, learner, name, birth, person, \
    content, grade, sex, status, dual, age, entry_date, exit_date, sealed) FROM STDIN WITH (FORMAT binary)";
const COPY_ROLLS: &str = "COPY roll (holding, entries, data) FROM STDIN WITH (FORMAT binary)";
const COPY_REFUSED: &str = "COPY refused_row (record, findings) FROM STDIN WITH (FORMAT binary)";
const COPY_SCHOOLS: &str = "COPY school (school_id, smis, agency, name_th, name_en, subdistrict, latitude, longitude, \
    status, opened_on, closed_on) FROM STDIN WITH (FORMAT binary)";

// In the order of the file, as on SQLite: pages of records follow the holdings' numbers.
const NEW_HOLDINGS: &str = "INSERT INTO holding (submission, round, agency, school_id) \
    SELECT CAST($1 AS BIGINT), CAST($2 AS TEXT), s.agency, s.school_id FROM staged_enrolment s \
    WHERE NOT EXISTS (SELECT 1 FROM holding h \
      WHERE h.submission = $1 AND h.agency = s.agency AND h.school_id = s.school_id) \
    GROUP BY s.agency, s.school_id ORDER BY min(s.record)";
const MERGE_ENROLMENTS: &str = "INSERT INTO enrolment (record, holding, id_kind, learner, name, birth, person, content, \
    grade, sex, status, dual, age, entry_date, exit_date) \
    SELECT s.record, h.id, s.id_kind, s.learner, s.name, s.birth, s.person, s.content, \
      s.grade, s.sex, s.status, s.dual, s.age, s.entry_date, s.exit_date FROM staged_enrolment s \
    JOIN holding h ON h.submission = $1 AND h.agency = s.agency AND h.school_id = s.school_id";
const MERGE_SEALED: &str =
    "INSERT INTO vault_record (record, learner, sealed) SELECT record, learner, sealed FROM staged_enrolment";

#[cfg(test)]
pub(super) const MERGE: [&str; 3] = [NEW_HOLDINGS, MERGE_ENROLMENTS, MERGE_SEALED];

/// One message of COPY data, bytes.
const MESSAGE_BYTES: usize = 1 << 20;

pub(in crate::store) async fn write(tx: &mut PgTransaction<'_>, batch: Batch) -> Result<(), StoreError> {
    let rows = batch.accepted.len() as u64;
    if rows > 0 {
        let mut copy = CopyData::new(17);
        for held in &batch.accepted {
            staged(&mut copy, record_key(batch.seq, held.row)?, held)?;
        }
        copy.send(tx, COPY_STAGED).await?;
        sqlx::query(NEW_HOLDINGS).bind(batch.seq).bind(&batch.round).execute(&mut **tx).await?;
        let enrolments = sqlx::query(MERGE_ENROLMENTS).bind(batch.seq).execute(&mut **tx).await?.rows_affected();
        let sealed = sqlx::query(MERGE_SEALED).execute(&mut **tx).await?.rows_affected();
        if (enrolments, sealed) != (rows, rows) {
            return Err(StoreError::Unreadable("staged_enrolment"));
        }
    }
    copy_refused(tx, batch.seq, &batch.refused).await
}

fn staged(copy: &mut CopyData, record: i64, held: &HeldEnrolment) -> Result<(), StoreError> {
    copy.row();
    copy.int8(record);
    copy.text(held.agency.as_str())?;
    copy.text(&held.school_id)?;
    copy.int2(id_kind_number(held.id_kind) as i16);
    for hash in [&held.learner, &held.name, &held.birth, &held.person, &held.content] {
        copy.bytes(hash)?;
    }
    copy.text(&held.grade)?;
    copy.text(&held.sex)?;
    copy.optional(held.status.as_deref(), CopyData::text)?;
    copy.int2(i16::from(held.dual_programme));
    copy.int2(i16::from(held.age_years));
    copy.day(held.entry_date)?;
    copy.day(held.exit_date)?;
    copy.bytes(&held.sealed)
}

pub(in crate::store) async fn write_rolls(connection: &mut PgConnection, parts: &[RollPart]) -> Result<(), StoreError> {
    if parts.is_empty() {
        return Ok(());
    }
    let mut copy = CopyData::new(3);
    for part in parts {
        copy.row();
        copy.int8(part.holding);
        copy.int8(i64::from(part.entries));
        copy.bytes(&part.data)?;
    }
    copy.send(connection, COPY_ROLLS).await
}

async fn copy_refused(connection: &mut PgConnection, seq: i64, refused: &[RefusedRow]) -> Result<(), StoreError> {
    if refused.is_empty() {
        return Ok(());
    }
    let mut copy = CopyData::new(2);
    for refused in refused {
        copy.row();
        copy.int8(record_key(seq, refused.row)?);
        copy.text(&refused.findings)?;
    }
    copy.send(connection, COPY_REFUSED).await
}

pub(in crate::store) async fn copy_schools(
    connection: &mut PgConnection,
    schools: &[School],
) -> Result<(), StoreError> {
    let mut copy = CopyData::new(11);
    for school in schools {
        copy.row();
        copy.text(&school.school_id)?;
        copy.optional(school.smis.as_deref(), CopyData::text)?;
        copy.text(school.agency.as_str())?;
        copy.text(&school.name_th)?;
        copy.optional(school.name_en.as_deref(), CopyData::text)?;
        copy.optional(school.subdistrict.as_deref(), CopyData::text)?;
        copy.optional(school.latitude, CopyData::float8)?;
        copy.optional(school.longitude, CopyData::float8)?;
        copy.text(&school.status)?;
        copy.day(school.opened_on)?;
        copy.day(school.closed_on)?;
    }
    copy.send(connection, COPY_SCHOOLS).await
}

/// Rows in COPY's binary format (postgresql.org/docs/15/sql-copy.html, "Binary Format"): every value by its length, big-endian.
struct CopyData {
    bytes: Vec<u8>,
    columns: i16,
}

impl CopyData {
    fn new(columns: i16) -> Self {
        let mut bytes = b"PGCOPY\n\xff\r\n\0".to_vec();
        // Neither flags nor a longer header.
        bytes.extend([0; 8]);
        CopyData { bytes, columns }
    }

    fn row(&mut self) {
        self.bytes.extend(self.columns.to_be_bytes());
    }

    fn bytes(&mut self, value: &[u8]) -> Result<(), StoreError> {
        let length = i32::try_from(value.len()).map_err(|_| StoreError::Unreadable("length"))?;
        self.bytes.extend(length.to_be_bytes());
        self.bytes.extend(value);
        Ok(())
    }

    fn text(&mut self, value: &str) -> Result<(), StoreError> {
        self.bytes(value.as_bytes())
    }

    fn int8(&mut self, value: i64) {
        self.bytes.extend(8_i32.to_be_bytes());
        self.bytes.extend(value.to_be_bytes());
    }

    fn int2(&mut self, value: i16) {
        self.bytes.extend(2_i32.to_be_bytes());
        self.bytes.extend(value.to_be_bytes());
    }

    fn float8(&mut self, value: f64) -> Result<(), StoreError> {
        self.bytes(&value.to_be_bytes())
    }

    /// yyyymmdd; its column is an `INTEGER`.
    fn day(&mut self, value: Option<Date>) -> Result<(), StoreError> {
        self.optional(value, |copy, day| copy.bytes(&(day_number(day) as i32).to_be_bytes()))
    }

    fn optional<T>(
        &mut self,
        value: Option<T>,
        write: impl FnOnce(&mut Self, T) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        match value {
            Some(value) => write(self, value),
            None => {
                self.bytes.extend((-1_i32).to_be_bytes());
                Ok(())
            }
        }
    }

    async fn send(mut self, connection: &mut PgConnection, statement: &'static str) -> Result<(), StoreError> {
        self.bytes.extend((-1_i16).to_be_bytes());
        let mut copy = connection.copy_in_raw(statement).await?;
        for message in self.bytes.chunks(MESSAGE_BYTES) {
            if let Err(error) = copy.send(message).await {
                // The connection takes nothing else before this; what the server said is the error to tell.
                drop(copy.abort("not sent").await);
                return Err(error.into());
            }
        }
        copy.finish().await?;
        Ok(())
    }
}
