//! The database of a home: the file in it, or a schema of its own on the tests' PostgreSQL.

use crate::{Engine, server};
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Executor, PgConnection, SqliteConnection};
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::path::Path;
use std::process::Command;
use std::sync::Mutex;

/// What `SAPHAN_DATABASE_URL` says; none: nothing, which is SQLite.
pub fn address(engine: Engine, home: &Path) -> Option<String> {
    // The same home is the same schema, also for the next process that opens it.
    let mut hasher = DefaultHasher::new();
    home.hash(&mut hasher);
    let address =
        (engine == Engine::Postgres).then(|| server::address(&format!("saphan_test_{:016x}", hasher.finish())));
    if std::env::var_os("SAPHAN_TEST_DISTRIBUTED").is_some() {
        address.iter().for_each(|address| distribute(address));
    }
    address
}

/// A switch for every test on PostgreSQL: see docs/operations.md, "Distributed".
fn distribute(address: &str) {
    static DONE: Mutex<BTreeSet<String>> = Mutex::new(BTreeSet::new());
    let mut done = DONE.lock().unwrap();
    if !done.insert(address.to_owned()) {
        return;
    }
    let mut command = Command::new(env!("CARGO_BIN_EXE_saphan"));
    command.args(["migrate", "--distribute", "--json"]).env("SAPHAN_DATABASE_URL", address);
    let output = command.current_dir(env!("CARGO_MANIFEST_DIR")).output().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!(said["distribution"], "done", "{}", String::from_utf8_lossy(&output.stderr));
}

/// Does harm to a store, as no gateway would.
pub async fn harm(home: &Path, sql: &'static str) {
    match address(super::super::ENGINE, home) {
        Some(address) => drop(PgConnection::connect(&address).await.unwrap().execute(sql).await.unwrap()),
        None => {
            let options = SqliteConnectOptions::new().filename(home.join("saphan.db"));
            options.connect().await.unwrap().execute(sql).await.unwrap();
        }
    }
}

/// Looks into a store from outside.
pub enum Reader {
    Sqlite(SqliteConnection),
    Postgres(PgConnection),
}

impl Reader {
    pub async fn open(home: &Path) -> Self {
        match address(super::super::ENGINE, home) {
            Some(address) => Reader::Postgres(PgConnection::connect(&address).await.unwrap()),
            None => {
                let options = SqliteConnectOptions::new().filename(home.join("saphan.db")).read_only(true);
                Reader::Sqlite(options.connect().await.unwrap())
            }
        }
    }

    /// As somebody with the right to write, past the gateway.
    pub async fn open_to_change(home: &Path) -> Self {
        match address(super::super::ENGINE, home) {
            Some(address) => Reader::Postgres(PgConnection::connect(&address).await.unwrap()),
            None => {
                Reader::Sqlite(SqliteConnectOptions::new().filename(home.join("saphan.db")).connect().await.unwrap())
            }
        }
    }

    /// One or more statements; what the database says against them.
    pub async fn change(&mut self, sql: &str) -> Result<(), sqlx::Error> {
        let sql = sqlx::raw_sql(AssertSqlSafe(sql.to_owned()));
        match self {
            Reader::Sqlite(connection) => sql.execute(connection).await.map(drop),
            Reader::Postgres(connection) => sql.execute(connection).await.map(drop),
        }
    }

    pub async fn number(&mut self, sql: &'static str) -> i64 {
        self.number_of(sql).await
    }

    /// The same for a statement that is made by the test.
    pub async fn number_of(&mut self, sql: &str) -> i64 {
        let sql = AssertSqlSafe(sql.to_owned());
        match self {
            Reader::Sqlite(connection) => sqlx::query_scalar(sql).fetch_one(connection).await.unwrap(),
            Reader::Postgres(connection) => sqlx::query_scalar(sql).fetch_one(connection).await.unwrap(),
        }
    }

    /// Every row of every table as text: bytes once as letters and digits where they are such, once as hexadecimal. None: the
    /// store is a file of the home.
    pub async fn all_rows(&mut self) -> Option<Vec<u8>> {
        let Reader::Postgres(connection) = self else { return None };
        let tables = "SELECT CAST(quote_ident(tablename) AS TEXT) FROM pg_tables WHERE schemaname = current_schema()";
        let tables: Vec<String> = sqlx::query_scalar(tables).fetch_all(&mut *connection).await.unwrap();
        assert!(tables.len() > 15, "{tables:?}");
        let mut all = Vec::new();
        for output in ["escape", "hex"] {
            connection.execute(AssertSqlSafe(format!("SET bytea_output = '{output}'"))).await.unwrap();
            for table in &tables {
                let sql = AssertSqlSafe(format!("SELECT CAST(t AS TEXT) FROM {table} t"));
                let rows: Vec<String> = sqlx::query_scalar(sql).fetch_all(&mut *connection).await.unwrap();
                all.extend(rows.join("\n").into_bytes());
            }
        }
        Some(all)
    }
}
