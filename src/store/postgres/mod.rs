//! What is particular to PostgreSQL: how it is connected to, and why so; bulk writing, claims and many machines beside it.
//!
//! Refuses a server that is too old, a database that doesn't hold every character, and a line to another machine that
//! anybody could listen in on or answer: there the certificate is checked unless the address says otherwise in so many
//! words (`sslmode=…`).

mod bulk;
mod claim;
mod distribute;
mod lasting;

pub(super) use bulk::{copy_schools, write, write_rolls};
pub(super) use claim::{claim_row, claim_turn, release_row};
pub(super) use distribute::distribute;
pub(super) use lasting::LastingPool;

use super::claim::Claims;
use super::engine::Pool;
use super::{Store, StoreError};
use sqlx::ConnectOptions;
use sqlx::migrate::Migrator;
use sqlx::postgres::{PgConnectOptions, PgConnection, PgPoolOptions, PgSslMode};
use std::str::FromStr;
use std::time::Duration;

static MIGRATOR: Migrator = sqlx::migrate!("migrations/postgres");

/// Major version.
pub(super) const VERSION_MIN: i32 = 15;
/// Connections of one gateway, opened as they are needed.
const READERS_MAX: u32 = 8;
const WRITERS_MAX: u32 = 8;
/// Submissions that one gateway works on at the same time hold one each.
const CLAIMS_MAX: u32 = 32;
/// How long a statement waits for a connection before the caller is told to come again.
const ACQUIRE_TIMEOUT: Duration = Duration::from_secs(15);
/// For every session. A lock is waited for as long as on SQLite. Open transactions hold claims, so idling is no fault; a
/// host that vanished is noticed, so that its claims are freed. Counting sorts and hashes millions of rows.
const SESSION: [(&str, &str); 6] = [
    ("lock_timeout", "30s"),
    ("idle_in_transaction_session_timeout", "0"),
    ("tcp_keepalives_idle", "30"),
    ("tcp_keepalives_interval", "10"),
    ("tcp_keepalives_count", "3"),
    ("work_mem", "64MB"),
];
const VERSION: &str = "SELECT CAST(current_setting('server_version_num') AS integer) / 10000";
const HAS_TABLES: &str = "SELECT to_regclass('_sqlx_migrations') IS NOT NULL";
const ENCODING: &str = "SELECT current_setting('server_encoding')";

pub(super) async fn open(address: &str) -> Result<Store, StoreError> {
    let options = options(address)?;
    let pool = |max| PgPoolOptions::new().max_connections(max).acquire_timeout(ACQUIRE_TIMEOUT);
    // Once by itself first: a pool would try again and again, and then only say that it took too long.
    check(&mut options.connect().await?).await?;
    let write = pool(WRITERS_MAX).connect_with(options.clone()).await?;
    MIGRATOR.run(&write).await.map_err(StoreError::Migration)?;
    let read_only = options.clone().options([("default_transaction_read_only", "on")]);
    let read = pool(READERS_MAX).connect_with(read_only).await?;
    let claims = pool(CLAIMS_MAX).connect_lazy_with(options);
    let (read, write) = (Pool::Postgres(LastingPool::new(read)), Pool::Postgres(LastingPool::new(write)));
    let is_distributed = distribute::is_distributed(read.snapshot().await?).await?;
    Ok(Store { read, write, claims: Claims::Rows(LastingPool::new(claims)), is_distributed })
}

/// How far the tables are, which are only read. None: there are none.
pub(super) async fn look(address: &str) -> Result<Option<i64>, StoreError> {
    let mut connection = options(address)?.connect().await?;
    check(&mut connection).await?;
    let is_there: bool = sqlx::query_scalar(HAS_TABLES).fetch_one(&mut connection).await?;
    if is_there { Ok(sqlx::query_scalar(super::VERSION).fetch_one(&mut connection).await?) } else { Ok(None) }
}

fn options(address: &str) -> Result<PgConnectOptions, StoreError> {
    let options = PgConnectOptions::from_str(address).map_err(|_| StoreError::Address)?;
    let here = options.get_socket().is_some()
        || options.get_host().starts_with('/')
        || ["localhost", "127.0.0.1", "::1", "[::1]"].contains(&options.get_host());
    let options = match options.get_ssl_mode() {
        // Either would go on in plain text when the other side asks for it.
        PgSslMode::Prefer | PgSslMode::Allow if !here => options.ssl_mode(PgSslMode::VerifyFull),
        _ => options,
    };
    let options = match options.get_application_name() {
        Some(_) => options,
        None => options.application_name("saphan"),
    };
    // No statement in a log: values could follow one day.
    Ok(options.options(SESSION).disable_statement_logging())
}

async fn check(connection: &mut PgConnection) -> Result<(), StoreError> {
    let version: i32 = sqlx::query_scalar(VERSION).fetch_one(&mut *connection).await?;
    if version < VERSION_MIN {
        return Err(StoreError::OldServer(version));
    }
    let encoding: String = sqlx::query_scalar(ENCODING).fetch_one(connection).await?;
    if encoding == "UTF8" { Ok(()) } else { Err(StoreError::ServerEncoding(encoding)) }
}

/// What only PostgreSQL runs, for the test that prepares every statement.
#[cfg(test)]
pub(super) fn statements() -> Vec<&'static str> {
    let own = [
        VERSION,
        ENCODING,
        HAS_TABLES,
        super::dialect::TAKE_TURN,
        claim::ENTER,
        claim::TAKE,
        claim::LEAVE,
        claim::TRY_TURN,
    ];
    [&own[..], &super::push_down::STATEMENTS].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_to_another_machine_is_encrypted_and_its_certificate_checked() {
        let mode = |address: &str| options(address).unwrap().get_ssl_mode();
        for far in ["postgres://saphan@db.example/saphan", "postgres://saphan@db.example/saphan?sslmode=prefer"] {
            assert!(matches!(mode(far), PgSslMode::VerifyFull), "{far}");
        }
        assert!(matches!(mode("postgres://saphan@db.example/saphan?sslmode=disable"), PgSslMode::Disable));
        for here in ["postgres://saphan@localhost/saphan", "postgres://saphan@%2Frun%2Fpostgresql/saphan"] {
            assert!(matches!(mode(here), PgSslMode::Prefer), "{here}");
        }
    }

    #[test]
    fn an_address_that_cannot_be_read_is_not_repeated() {
        let error = options("postgres://saphan:secret@db:port/saphan").unwrap_err();
        assert!(matches!(error, StoreError::Address));
        assert!(!format!("{error} {error:?}").contains("secret"));
    }
}
