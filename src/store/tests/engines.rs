//! The two engines held against each other, and what only one of them has.

use super::*;
use crate::store::engine::Sql;
use sqlx::{AssertSqlSafe, Connection, Either, Executor, SqlSafeStr, SqlStr, Statement};
use std::collections::{BTreeMap, BTreeSet};
use std::os::unix::fs::PermissionsExt;

/// Prepares a statement as the engine's own library does; answers how many parameters it takes.
async fn parameters(store: &Store, sql: SqlStr) -> Result<usize, sqlx::Error> {
    let counted =
        |found: Option<Either<usize, usize>>| found.map_or(0, |count| count.either(|left| left, |right| right));
    match &store.write {
        Pool::Sqlite(pool) => {
            let prepared = pool.prepare(sql).await?;
            Ok(counted(prepared.parameters().map(|found| found.map_left(<[_]>::len))))
        }
        Pool::Postgres(pool) => {
            let mut connection = pool.acquire().await?;
            let prepared = connection.prepare(sql).await?;
            Ok(counted(prepared.parameters().map(|found| found.map_left(<[_]>::len))))
        }
    }
}

/// `$1`, `$2` … as written.
fn written(sql: &str) -> usize {
    let numbers = sql.split('$').skip(1).map(|rest| rest.chars().take_while(char::is_ascii_digit).collect::<String>());
    numbers.filter(|number| !number.is_empty()).collect::<BTreeSet<_>>().len()
}

#[tokio::test]
async fn every_statement_prepares_on_both_with_the_parameters_it_was_written_for() {
    let (sqlite, postgres) = (Bench::sqlite().await, Bench::postgres().await);
    let all = statements();
    assert!(all.len() > 50, "{}", all.len());
    for Sql { sqlite: one, postgres: other } in all {
        for (bench, sql) in [(&sqlite, one), (&postgres, other)] {
            match parameters(&bench.store, sql.into_sql_str()).await {
                Ok(count) => assert_eq!(count, written(sql), "{sql}"),
                Err(error) => panic!("{error}\n{sql}"),
            }
        }
        assert_eq!(written(one), written(other), "{one}\n{other}");
    }
    for sql in postgres::statements() {
        assert_eq!(parameters(&postgres.store, sql.into_sql_str()).await.unwrap(), written(sql), "{sql}");
    }
    for sql in sqlite::bulk_statements() {
        let marks = sql.matches('?').count() + written(&sql);
        assert_eq!(parameters(&sqlite.store, AssertSqlSafe(sql).into_sql_str()).await.unwrap(), marks);
    }
}

/// Columns by table, as the engine itself lists them.
async fn columns(bench: &Bench) -> BTreeMap<String, Vec<String>> {
    let sql = Sql {
        sqlite: "SELECT t.name, c.name AS of FROM sqlite_schema t JOIN pragma_table_info(t.name) c WHERE t.type = 'table' \
            ORDER BY t.name, c.cid",
        postgres: "SELECT CAST(table_name AS TEXT) AS name, CAST(column_name AS TEXT) AS of \
            FROM information_schema.columns WHERE table_schema = current_schema() ORDER BY table_name, ordinal_position",
    };
    let mut tables: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for row in query(sql).fetch_all(&bench.store.read).await.unwrap() {
        tables.entry(row.try_get("name").unwrap()).or_default().push(row.try_get("of").unwrap());
    }
    tables.remove("_sqlx_migrations");
    tables
}

#[tokio::test]
async fn both_have_the_same_migrations_tables_and_columns() {
    let (sqlite, postgres) = (Bench::sqlite().await, Bench::postgres().await);
    let numbered = "SELECT version, description FROM _sqlx_migrations ORDER BY version";
    let mut numbers = Vec::new();
    for bench in [&sqlite, &postgres] {
        let rows = query(numbered).fetch_all(&bench.store.read).await.unwrap();
        let of = |row: &engine::Row| (row.try_get::<i64>("version").unwrap(), row.try_get("description").unwrap());
        numbers.push(rows.iter().map(of).collect::<Vec<(i64, String)>>());
    }
    assert_eq!(numbers[0], numbers[1]);
    let mut of_sqlite = columns(&sqlite).await;
    // What PostgreSQL has besides (see its first migration).
    of_sqlite.insert("claim".into(), vec!["submission".into()]);
    of_sqlite.get_mut("vault_record").unwrap().insert(1, "learner".into());
    assert_eq!(of_sqlite, columns(&postgres).await);
}

/// Texts that nothing is ordered or looked up by.
const PROSE: [&str; 23] = [
    "agreement.terms",
    "approval.reason",
    "certification.reopen_reason",
    "certification.totals",
    "client.name",
    "client_key.jwk",
    "count_run.manifest",
    "count_run.result",
    "count_run.signature",
    "journal.detail",
    "keyring.body",
    "meta.value",
    "opendata_release.path",
    "refused_row.findings",
    "retention_report.jws",
    "school.name_en",
    "school.name_th",
    "service_report.jws",
    "service_report.report",
    "subject_request.outcome",
    "submission.kept_path",
    "submission.problem",
    "submission.receipt",
];

#[tokio::test]
async fn texts_sort_by_their_bytes_whatever_the_order_of_the_database() {
    let bench = Bench::postgres().await;
    let others = "SELECT CAST(table_name || '.' || column_name AS TEXT) AS name FROM information_schema.columns \
        WHERE table_schema = current_schema() AND data_type = 'text' AND collation_name IS DISTINCT FROM 'C' \
        AND table_name <> '_sqlx_migrations' ORDER BY 1";
    let others: Vec<String> = query_scalar(others).fetch_all(&bench.store.read).await.unwrap();
    assert_eq!(others.iter().map(String::as_str).collect::<BTreeSet<_>>(), BTreeSet::from(PROSE));
}

#[tokio::test]
async fn what_will_be_spread_by_the_learner_has_no_uniqueness_without_it() {
    let bench = Bench::postgres().await;
    let unique = "SELECT CAST(i.indexrelid::regclass AS TEXT) AS name FROM pg_index i WHERE i.indisunique \
        AND i.indrelid IN ('enrolment'::regclass, 'vault_record'::regclass) AND NOT EXISTS (SELECT 1 FROM pg_attribute a \
        WHERE a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey) AND a.attname = 'learner')";
    let found = query(unique).fetch_all(&bench.store.read).await.unwrap();
    assert_eq!(found.iter().map(|row| row.try_get("name").unwrap()).collect::<Vec<String>>(), Vec::<String>::new());
}

#[tokio::test]
async fn the_file_is_private() {
    let bench = Bench::sqlite().await;
    bench.submit("s1", Replace, vec![held(1, "anna", SCHOOL_A, 1)]).await;
    for name in ["saphan.db", "saphan.db-wal"] {
        let mode = std::fs::metadata(bench.dir.path().join(name)).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "{name}");
    }
}

#[tokio::test]
async fn a_file_locked_by_another_process_says_busy() {
    let bench = Bench::sqlite().await;
    let path = bench.dir.path().join("saphan.db");
    let _held = bench.store.begin().await.unwrap();
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).busy_timeout(std::time::Duration::ZERO);
    let other = sqlx::SqlitePool::connect_with(options).await.unwrap();
    let error = other.begin_with("BEGIN IMMEDIATE").await.unwrap_err();
    assert!(matches!(StoreError::from(error), StoreError::Busy(_)));
}

fn address(bench: &Bench) -> &str {
    match &bench.database {
        Database::Postgres(address) => address,
        Database::Sqlite(_) => panic!("a test of PostgreSQL"),
    }
}

#[tokio::test]
async fn a_row_locked_by_another_gateway_says_busy() {
    let bench = Bench::postgres().await;
    let seq = bench.begin("s1", Replace).await;
    let mut held = bench.store.begin().await.unwrap();
    query("SELECT seq FROM submission WHERE seq = $1 FOR UPDATE").bind(seq).execute(&mut held).await.unwrap();
    let mut other = sqlx::PgConnection::connect(address(&bench)).await.unwrap();
    other.execute("SET lock_timeout = 1").await.unwrap();
    let error = other.execute("UPDATE submission SET state = 'processing'").await.unwrap_err();
    assert!(matches!(StoreError::from(error), StoreError::Busy(_)));
}

#[tokio::test]
async fn a_server_that_is_not_there_is_unreachable_and_worth_another_try() {
    let folder = tempfile::tempdir().unwrap();
    let address = format!("postgres://saphan@{}/saphan", folder.path().display().to_string().replace('/', "%2F"));
    let error = Store::open(&Database::Postgres(address)).await.unwrap_err();
    assert!(matches!(error, StoreError::Unreachable(_)) && error.is_busy(), "{error:?}");
}

/// As on a thread of the server that ends before another: what it opened serves on.
#[test]
fn a_connection_outlives_the_runtime_that_asked_for_it() {
    let lasting = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
    let bench = lasting.block_on(Bench::postgres());
    let read = bench.store.read.clone();
    let asked = std::thread::spawn(move || {
        let own = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        // More than opening the store has left open.
        own.block_on(futures_util::future::join_all((0..6).map(|_| read.snapshot())))
    });
    let opened = asked.join().unwrap();
    lasting.block_on(async {
        for snapshot in opened {
            let count = query_scalar("SELECT count(*) FROM submission");
            let count: i64 = count.fetch_one(&mut snapshot.unwrap()).await.unwrap();
            assert_eq!(count, 0);
        }
    });
}

#[tokio::test]
async fn a_newer_store_is_not_opened() {
    let bench = Bench::postgres().await;
    let newer = "INSERT INTO _sqlx_migrations (version, description, success, checksum, execution_time) \
        VALUES (9999, 'later', true, '', 0)";
    query(newer).execute(&bench.store.write).await.unwrap();
    let error = Store::open(&bench.database).await.unwrap_err();
    assert!(matches!(error, StoreError::Migration(_)), "{error:?}");
}

on_both!(a_claim_is_held_by_one_and_free_when_it_is_dropped);
async fn a_claim_is_held_by_one_and_free_when_it_is_dropped(bench: Bench) {
    let seq = bench.begin("s1", Replace).await;
    let id = bench.store.submission_by_seq(seq).await.unwrap().unwrap().new.id;
    // Another gateway over the same store.
    let other = Store::open(&bench.database).await.unwrap();
    let claim = bench.store.claim(&id).await.unwrap().expect("nobody has it");
    assert!(other.claim(&id).await.unwrap().is_none());
    assert!(bench.store.claim(&id).await.unwrap().is_none(), "nor another task of the same gateway");
    // The work itself goes on beside the claim.
    bench.begin_work(seq).await.unwrap();
    bench.stage(seq, vec![held(1, "anna", SCHOOL_A, 1)]).await;
    drop(claim);
    let claim = loop {
        // Given back by the pool a moment later.
        match other.claim(&id).await.unwrap() {
            Some(claim) => break claim,
            None => tokio::task::yield_now().await,
        }
    };
    assert!(bench.store.claim(&id).await.unwrap().is_none());
    claim.close().await.unwrap();
    let last = bench.store.claim(&id).await.unwrap().expect("given back");
    last.close().await.unwrap();
    let unknown = SubmissionId::from_uuid(uuid::Uuid::now_v7());
    assert!(matches!(bench.store.claim(&unknown).await, Err(StoreError::NoSuchSubmission)));
}

#[tokio::test]
async fn a_claim_ends_with_the_connection_of_its_process() {
    let bench = Bench::postgres().await;
    let seq = bench.begin("s1", Replace).await;
    let id = bench.store.submission_by_seq(seq).await.unwrap().unwrap().new.id;
    let _claim = bench.store.claim(&id).await.unwrap().expect("nobody has it");
    let other = Store::open(&bench.database).await.unwrap();
    let mut operator = sqlx::PgConnection::connect(address(&bench)).await.unwrap();
    let cut_off = "SELECT pg_terminate_backend(l.pid, 10000) FROM pg_locks l \
        WHERE l.relation = 'claim'::regclass AND l.mode = 'RowShareLock'";
    operator.execute(cut_off).await.unwrap();
    assert!(other.claim(&id).await.unwrap().is_some());
}

on_both!(two_gateways_commit_at_the_same_time_as_if_one_after_the_other);
async fn two_gateways_commit_at_the_same_time_as_if_one_after_the_other(bench: Bench) {
    let other = Bench {
        dir: tempfile::tempdir().unwrap(),
        store: Store::open(&bench.database).await.unwrap(),
        database: bench.database.clone(),
    };
    for turn in 0..20 {
        let earlier = bench.begin(&format!("e{turn}"), Replace).await;
        let later = other.begin(&format!("l{turn}"), Replace).await;
        bench.stage(earlier, vec![held(1, "anna", SCHOOL_A, turn), held(2, "boon", SCHOOL_B, turn)]).await;
        other.stage(later, vec![held(1, "chai", SCHOOL_A, turn)]).await;
        let entry = entry("submission.commit");
        let (one, two) = tokio::join!(
            bench.store.commit_submission(earlier, &entry, |change| receipt(2, change)),
            other.store.commit_submission(later, &entry, |change| receipt(1, change)),
        );
        one.unwrap();
        two.unwrap();
        assert_eq!(bench.visible().await, [format!("sealed boon {turn}"), format!("sealed chai {turn}")]);
    }
    let journal = bench.store.journal(0, 1_000).await.unwrap();
    assert_eq!(journal.iter().map(|one| one.seq).collect::<Vec<_>>(), (1..=80).collect::<Vec<i64>>(), "no gap");
}
