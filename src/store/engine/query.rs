//! A statement with its values, on its way to either engine.
//!
//! Refuses SQL that is made at run time: texts are constants, values go in as parameters only. The type of every value is
//! known, also that of a NULL: PostgreSQL asks for it.

use super::{On, Pool, Row, Tx};
use crate::store::StoreError;
use futures_util::stream::{BoxStream, StreamExt, TryStreamExt};
use sqlx::postgres::PgArguments;
use sqlx::sqlite::SqliteArguments;
use sqlx::{Arguments, Encode, Postgres, Sqlite, Type};

/// A statement as each engine has it; nearly always the same text.
#[derive(Debug, Clone, Copy)]
pub(in crate::store) struct Sql {
    pub(in crate::store) sqlite: &'static str,
    pub(in crate::store) postgres: &'static str,
}

impl From<&'static str> for Sql {
    fn from(text: &'static str) -> Self {
        Sql { sqlite: text, postgres: text }
    }
}

/// A value that a statement takes.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::store) enum Value {
    Int(Option<i64>),
    Real(Option<f64>),
    Text(Option<String>),
    Bytes(Option<Vec<u8>>),
}

macro_rules! values {
    ($($from:ty => $kind:ident($convert:expr),)*) => {
        $(
            impl From<$from> for Value {
                fn from(value: $from) -> Self {
                    Value::$kind(Some($convert(value)))
                }
            }

            impl From<Option<$from>> for Value {
                fn from(value: Option<$from>) -> Self {
                    Value::$kind(value.map($convert))
                }
            }
        )*
    };
}
values! {
    i64 => Int(std::convert::identity),
    u32 => Int(i64::from),
    f64 => Real(std::convert::identity),
    String => Text(std::convert::identity),
    &str => Text(str::to_owned),
    &String => Text(String::clone),
    Vec<u8> => Bytes(std::convert::identity),
}

pub(in crate::store) struct Query {
    sql: Sql,
    values: Vec<Value>,
}

/// What one column of one row says, or a single value.
pub(in crate::store) struct Scalar(Query);

pub(in crate::store) fn query(sql: impl Into<Sql>) -> Query {
    Query { sql: sql.into(), values: Vec::new() }
}

/// For statements that answer one column.
pub(in crate::store) fn query_scalar(sql: impl Into<Sql>) -> Scalar {
    Scalar(query(sql))
}

fn arguments<A: Arguments>(values: Vec<Value>) -> Result<A, sqlx::Error>
where
    Option<i64>: for<'t> Encode<'t, A::Database> + Type<A::Database>,
    Option<f64>: for<'t> Encode<'t, A::Database> + Type<A::Database>,
    Option<String>: for<'t> Encode<'t, A::Database> + Type<A::Database>,
    Option<Vec<u8>>: for<'t> Encode<'t, A::Database> + Type<A::Database>,
{
    let mut arguments = A::default();
    for value in values {
        match value {
            Value::Int(number) => arguments.add(number),
            Value::Real(number) => arguments.add(number),
            Value::Text(text) => arguments.add(text),
            Value::Bytes(bytes) => arguments.add(bytes),
        }
        .map_err(sqlx::Error::Encode)?;
    }
    Ok(arguments)
}

/// Runs one method of the drivers' queries on whichever executor it is.
macro_rules! dispatch {
    ($query:expr, $on:expr, $method:ident) => {{
        let query: Query = $query;
        match $on.into() {
            On::Pool(Pool::Sqlite(pool)) => query.sqlite()?.$method(pool).await?.into(),
            On::Pool(Pool::Postgres(pool)) => query.postgres()?.$method(&mut *pool.acquire().await?).await?.into(),
            On::Tx(Tx::Sqlite(tx)) => query.sqlite()?.$method(&mut **tx).await?.into(),
            On::Tx(Tx::Postgres(tx)) => query.postgres()?.$method(&mut **tx).await?.into(),
        }
    }};
}

/// How many rows a statement changed.
pub(in crate::store) struct Done(u64);

impl Done {
    pub(in crate::store) fn rows_affected(&self) -> u64 {
        self.0
    }
}

impl From<sqlx::sqlite::SqliteQueryResult> for Done {
    fn from(done: sqlx::sqlite::SqliteQueryResult) -> Self {
        Done(done.rows_affected())
    }
}

impl From<sqlx::postgres::PgQueryResult> for Done {
    fn from(done: sqlx::postgres::PgQueryResult) -> Self {
        Done(done.rows_affected())
    }
}

impl Query {
    pub(in crate::store) fn bind(mut self, value: impl Into<Value>) -> Self {
        self.values.push(value.into());
        self
    }

    fn sqlite(self) -> Result<sqlx::query::Query<'static, Sqlite, SqliteArguments>, sqlx::Error> {
        Ok(sqlx::query_with(self.sql.sqlite, arguments::<SqliteArguments>(self.values)?))
    }

    fn postgres(self) -> Result<sqlx::query::Query<'static, Postgres, PgArguments>, sqlx::Error> {
        Ok(sqlx::query_with(self.sql.postgres, arguments::<PgArguments>(self.values)?))
    }

    pub(in crate::store) async fn execute(self, on: impl Into<On<'_>>) -> Result<Done, StoreError> {
        Ok(dispatch!(self, on, execute))
    }

    pub(in crate::store) async fn fetch_one(self, on: impl Into<On<'_>>) -> Result<Row, StoreError> {
        Ok(dispatch!(self, on, fetch_one))
    }

    pub(in crate::store) async fn fetch_optional(self, on: impl Into<On<'_>>) -> Result<Option<Row>, StoreError> {
        let found: Found<Option<Row>> = dispatch!(self, on, fetch_optional);
        Ok(found.0)
    }

    pub(in crate::store) async fn fetch_all(self, on: impl Into<On<'_>>) -> Result<Vec<Row>, StoreError> {
        let found: Found<Vec<Row>> = dispatch!(self, on, fetch_all);
        Ok(found.0)
    }

    /// Row by row, for any number of them.
    pub(in crate::store) fn fetch(self, tx: &mut Tx) -> Result<BoxStream<'_, Result<Row, sqlx::Error>>, StoreError> {
        Ok(match tx {
            Tx::Sqlite(tx) => self.sqlite()?.fetch(&mut **tx).map_ok(Row::Sqlite).boxed(),
            Tx::Postgres(tx) => self.postgres()?.fetch(&mut **tx).map_ok(Row::Postgres).boxed(),
        })
    }
}

/// Rows of either driver as ours.
struct Found<T>(T);

impl<R: Into<Row>> From<Option<R>> for Found<Option<Row>> {
    fn from(row: Option<R>) -> Self {
        Found(row.map(Into::into))
    }
}

impl<R: Into<Row>> From<Vec<R>> for Found<Vec<Row>> {
    fn from(rows: Vec<R>) -> Self {
        Found(rows.into_iter().map(Into::into).collect())
    }
}

impl Scalar {
    pub(in crate::store) fn bind(self, value: impl Into<Value>) -> Self {
        Scalar(self.0.bind(value))
    }

    pub(in crate::store) async fn fetch_one<T: for<'r> super::row::Column<'r>>(
        self,
        on: impl Into<On<'_>>,
    ) -> Result<T, StoreError> {
        Ok(self.0.fetch_one(on).await?.try_get(0)?)
    }

    pub(in crate::store) async fn fetch_optional<T: for<'r> super::row::Column<'r>>(
        self,
        on: impl Into<On<'_>>,
    ) -> Result<Option<T>, StoreError> {
        let found = self.0.fetch_optional(on).await?;
        Ok(found.map(|row| row.try_get(0)).transpose()?)
    }

    pub(in crate::store) async fn fetch_all<T: for<'r> super::row::Column<'r>>(
        self,
        on: impl Into<On<'_>>,
    ) -> Result<Vec<T>, StoreError> {
        let rows = self.0.fetch_all(on).await?;
        Ok(rows.iter().map(|row| row.try_get(0)).collect::<Result<_, _>>()?)
    }
}
