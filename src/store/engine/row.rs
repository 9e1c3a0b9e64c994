//! A row of either engine, read by the name (or place) of its columns.
//!
//! Refuses to read a column as something it is not. The one ease it grants: an integer column may be narrower than the
//! number it is read as, because PostgreSQL stores small numbers small.

use sqlx::ColumnIndex;
use sqlx::Row as _;
use sqlx::postgres::PgRow;
use sqlx::sqlite::SqliteRow;
use sqlx::{TypeInfo, ValueRef};

pub(in crate::store) enum Row {
    Sqlite(SqliteRow),
    Postgres(PgRow),
}

impl From<SqliteRow> for Row {
    fn from(row: SqliteRow) -> Self {
        Row::Sqlite(row)
    }
}

impl From<PgRow> for Row {
    fn from(row: PgRow) -> Self {
        Row::Postgres(row)
    }
}

impl Row {
    pub(in crate::store) fn try_get<'r, T: Column<'r>>(&'r self, at: impl Place) -> Result<T, sqlx::Error> {
        match self {
            Row::Sqlite(row) => T::from_sqlite(row, at),
            Row::Postgres(row) => T::from_postgres(row, at),
        }
    }
}

/// A column's name or its number from 0.
pub(in crate::store) trait Place: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + Copy {}

impl<P: ColumnIndex<SqliteRow> + ColumnIndex<PgRow> + Copy> Place for P {}

/// What a column can be read as.
pub(in crate::store) trait Column<'r>: Sized {
    fn from_sqlite(row: &'r SqliteRow, at: impl Place) -> Result<Self, sqlx::Error>;
    fn from_postgres(row: &'r PgRow, at: impl Place) -> Result<Self, sqlx::Error>;
}

macro_rules! columns {
    ($($kind:ty),*) => {
        $(
            impl<'r> Column<'r> for $kind {
                fn from_sqlite(row: &'r SqliteRow, at: impl Place) -> Result<Self, sqlx::Error> {
                    row.try_get(at)
                }

                fn from_postgres(row: &'r PgRow, at: impl Place) -> Result<Self, sqlx::Error> {
                    row.try_get(at)
                }
            }
        )*
    };
}
columns!(bool, f64, String, &'r str, Vec<u8>, &'r [u8]);
columns!(Option<f64>, Option<String>, Option<&'r str>, Option<Vec<u8>>);

impl<'r> Column<'r> for Option<i64> {
    fn from_sqlite(row: &'r SqliteRow, at: impl Place) -> Result<Self, sqlx::Error> {
        row.try_get(at)
    }

    fn from_postgres(row: &'r PgRow, at: impl Place) -> Result<Self, sqlx::Error> {
        let kind = row.try_get_raw(at)?.type_info().into_owned();
        match kind.name() {
            "INT2" => Ok(row.try_get::<Option<i16>, _>(at)?.map(i64::from)),
            "INT4" => Ok(row.try_get::<Option<i32>, _>(at)?.map(i64::from)),
            _ => row.try_get(at),
        }
    }
}

fn not_null<T>(value: Option<T>) -> Result<T, sqlx::Error> {
    value.ok_or_else(|| sqlx::Error::Decode("an empty column where a number must be".into()))
}

impl<'r> Column<'r> for i64 {
    fn from_sqlite(row: &'r SqliteRow, at: impl Place) -> Result<Self, sqlx::Error> {
        row.try_get(at)
    }

    fn from_postgres(row: &'r PgRow, at: impl Place) -> Result<Self, sqlx::Error> {
        not_null(Option::<i64>::from_postgres(row, at)?)
    }
}

impl<'r> Column<'r> for u32 {
    fn from_sqlite(row: &'r SqliteRow, at: impl Place) -> Result<Self, sqlx::Error> {
        row.try_get(at)
    }

    fn from_postgres(row: &'r PgRow, at: impl Place) -> Result<Self, sqlx::Error> {
        u32::try_from(i64::from_postgres(row, at)?).map_err(|error| sqlx::Error::Decode(error.into()))
    }
}
