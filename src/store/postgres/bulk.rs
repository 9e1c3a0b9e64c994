//! Bulk writing into PostgreSQL: binary COPY, of rows that have their keys already.
//!
//! Straight into the tables: what is staged is seen by nobody until its holdings come into force, so a staging table beside
//! them would only write every row twice. Refuses to lose a row: the server must have taken as many as were sent.

use crate::domain::enrolment::School;
use crate::store::StoreError;
use crate::store::roll::RollPart;
use crate::store::row::{day_number, id_kind_number};
use crate::store::stage::{Batch, Keyed, RefusedRow};
use jiff::civil::Date;
use sqlx::PgConnection;

const COPY_ENROLMENTS: &str = "COPY enrolment (record, holding, id_kind, learner, name, birth, person, content, grade, \
    sex, status, dual, age, entry_date, exit_date) FROM STDIN WITH (FORMAT binary)";
const COPY_SEALED: &str = "COPY vault_record (record, learner, sealed) FROM STDIN WITH (FORMAT binary)";
const COPY_ROLLS: &str = "COPY roll (holding, entries, data) FROM STDIN WITH (FORMAT binary)";
const COPY_REFUSED: &str = "COPY refused_row (record, findings) FROM STDIN WITH (FORMAT binary)";
const COPY_SCHOOLS: &str = "COPY school (school_id, smis, agency, name_th, name_en, subdistrict, latitude, longitude, \
    status, opened_on, closed_on) FROM STDIN WITH (FORMAT binary)";

/// One message of COPY data, bytes.
const MESSAGE_BYTES: usize = 1 << 20;

pub(in crate::store) async fn write(connection: &mut PgConnection, batch: Batch) -> Result<(), StoreError> {
    if !batch.accepted.is_empty() {
        let (mut enrolments, mut sealed) = (CopyData::new(15), CopyData::new(3));
        for keyed in &batch.accepted {
            enrolment(&mut enrolments, keyed)?;
            sealed.row();
            sealed.int8(keyed.record);
            sealed.bytes(&keyed.held.learner)?;
            sealed.bytes(&keyed.held.sealed)?;
        }
        enrolments.send(connection, COPY_ENROLMENTS).await?;
        sealed.send(connection, COPY_SEALED).await?;
    }
    copy_refused(connection, &batch.refused).await
}

fn enrolment(copy: &mut CopyData, Keyed { record, holding, held }: &Keyed) -> Result<(), StoreError> {
    copy.row();
    copy.int8(*record);
    copy.int8(*holding);
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
    copy.day(held.exit_date)
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

async fn copy_refused(connection: &mut PgConnection, refused: &[(i64, RefusedRow)]) -> Result<(), StoreError> {
    if refused.is_empty() {
        return Ok(());
    }
    let mut copy = CopyData::new(2);
    for (record, refused) in refused {
        copy.row();
        copy.int8(*record);
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
    rows: u64,
}

impl CopyData {
    fn new(columns: i16) -> Self {
        let mut bytes = b"PGCOPY\n\xff\r\n\0".to_vec();
        // Neither flags nor a longer header.
        bytes.extend([0; 8]);
        CopyData { bytes, columns, rows: 0 }
    }

    fn row(&mut self) {
        self.rows += 1;
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
        let taken = copy.finish().await?;
        if taken == self.rows { Ok(()) } else { Err(StoreError::Unreadable("copied rows")) }
    }
}
