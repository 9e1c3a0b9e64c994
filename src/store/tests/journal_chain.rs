//! The journal as a chain: appended by many at once, refused by the database itself to change, chained where it was not yet.

use super::*;
use crate::domain::journal::{Checkpoint, Entry, Walk};
use sqlx::{Connection, Executor};

fn holds(entries: &[Entry]) -> Walk {
    let mut walk = Walk::from_start();
    entries.iter().for_each(|entry| walk.entry(entry).unwrap_or_else(|broken| panic!("{broken:?} at {entry:?}")));
    walk
}

on_both!(each_entry_holds_the_hash_of_the_one_before);
async fn each_entry_holds_the_hash_of_the_one_before(bench: Bench) {
    let mut odd = entry("record.read");
    odd.object = "a \"quoted\" text,\nof two lines \\ ก".into();
    odd.detail = serde_json::json!({ "b": "\u{0001}\"", "a": [1, null, "ข"] });
    for one in [entry("first"), odd.clone(), entry("last")] {
        bench.store.append_journal(&one).await.unwrap();
    }
    let entries = bench.store.journal_entries(0, 10).await.unwrap();
    assert_eq!(holds(&entries).last().map(|(seq, _)| seq), Some(3));
    assert_eq!(bench.store.journal_end().await.unwrap(), 3);
    assert_eq!(bench.store.journal(1, 1).await.unwrap(), [Journalled { seq: 2, entry: odd }]);
    let second = bench.store.journal_following(&entries[0].hash, 9).await.unwrap();
    assert_eq!(second.as_ref(), Some(&entries[1]));
    assert_eq!(bench.store.journal_following(&entries[0].hash, 2).await.unwrap(), None);
    assert_eq!(bench.store.journal_same_before(&entries[1].hash, 3).await.unwrap(), Some(2));
    assert_eq!(bench.store.journal_same_before(&entries[1].hash, 2).await.unwrap(), None);
}

on_both!(gateways_that_append_at_the_same_time_make_one_chain);
async fn gateways_that_append_at_the_same_time_make_one_chain(bench: Bench) {
    let other = Store::open(&bench.database).await.unwrap();
    let append = async |store: &Store, act: &str| {
        for _ in 0..20 {
            store.append_journal(&entry(act)).await.unwrap();
        }
    };
    tokio::join!(append(&bench.store, "a"), append(&other, "b"), append(&bench.store, "c"), append(&other, "d"),);
    let entries = bench.store.journal_entries(0, 1_000).await.unwrap();
    assert_eq!(holds(&entries).last().map(|(seq, _)| seq), Some(80));
    assert!(entries.windows(2).any(|pair| pair[0].act != pair[1].act), "they took turns");
}

on_both!(the_database_itself_refuses_to_change_what_is_written);
async fn the_database_itself_refuses_to_change_what_is_written(bench: Bench) {
    for act in ["a", "b"] {
        bench.store.append_journal(&entry(act)).await.unwrap();
    }
    let newest = Checkpoint {
        seq: 2,
        hash: "00".into(),
        at: "2026-06-10T00:00:00Z".into(),
        kid: "k".into(),
        signature: "s".into(),
    };
    bench.store.add_checkpoint(&newest).await.unwrap();
    // By another gateway at the same moment, and by one that came late: nothing happens.
    bench.store.add_checkpoint(&Checkpoint { kid: "other".into(), ..newest.clone() }).await.unwrap();
    bench.store.add_checkpoint(&Checkpoint { seq: 1, ..newest.clone() }).await.unwrap();
    assert_eq!(bench.store.checkpoints(0, 10).await.unwrap(), std::slice::from_ref(&newest));
    assert_eq!(bench.store.newest_checkpoint().await.unwrap(), Some(newest));

    let entries = bench.store.journal_entries(0, 10).await.unwrap();
    let (sqlite, postgres) = (
        ["INSERT OR REPLACE INTO journal SELECT * FROM journal WHERE seq = 2"].as_slice(),
        ["TRUNCATE journal", "TRUNCATE journal_checkpoint"].as_slice(),
    );
    let on_both = [
        "UPDATE journal SET actor = 'nobody' WHERE seq = 1",
        "UPDATE journal SET hash = NULL WHERE seq = 1",
        "DELETE FROM journal WHERE seq = 2",
        "INSERT INTO journal (seq, at, actor, act, object, detail) VALUES (3, '', '', '', '', '{}')",
        "UPDATE journal_checkpoint SET hash = 'ff'",
        "DELETE FROM journal_checkpoint",
    ];
    let own = if matches!(bench.database, Database::Sqlite(_)) { sqlite } else { postgres };
    for sql in on_both.iter().chain(own) {
        assert!(query(*sql).execute(&bench.store.write).await.is_err(), "{sql}");
    }
    assert_eq!(bench.store.journal_entries(0, 10).await.unwrap(), entries);
    assert_eq!(bench.store.checkpoints(0, 10).await.unwrap().len(), 1);
}

/// As the version before the chain left it.
const BEFORE: &str = "INSERT INTO journal (seq, at, actor, act, object, detail) VALUES \
    (1, '2026-06-10T00:00:00Z', 'operator', 'client.add', 'cli_1', '{\"b\":1,\"a\":2}'), \
    (2, '2026-06-10T00:00:01Z', 'operator', 'client.revoke', 'cli_1', '{}')";

fn older(all: &sqlx::migrate::Migrator) -> sqlx::migrate::Migrator {
    sqlx::migrate::Migrator::with_migrations(all.iter().filter(|one| one.version < 7).cloned().collect())
}

async fn is_chained(database: Database) {
    let store = Store::open(&database).await.unwrap();
    let chained = store.journal_entries(0, 10).await.unwrap();
    assert_eq!(holds(&chained).last().map(|(seq, _)| seq), Some(2));
    assert_eq!(chained[0].detail, r#"{"b":1,"a":2}"#, "as it was written");
    store.append_journal(&entry("next")).await.unwrap();
    store.close().await;
    let again = Store::open(&database).await.unwrap().journal_entries(0, 10).await.unwrap();
    assert_eq!((&again[..2], holds(&again).last().map(|(seq, _)| seq)), (&chained[..], Some(3)));
}

#[tokio::test]
async fn entries_of_a_version_without_hashes_get_theirs_when_the_file_is_opened() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("saphan.db");
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&path).create_if_missing(true);
    let old = sqlx::SqlitePool::connect_with(options).await.unwrap();
    older(&sqlx::migrate!("migrations/sqlite")).run(&old).await.unwrap();
    old.execute(BEFORE).await.unwrap();
    old.close().await;
    is_chained(Database::Sqlite(path)).await;
}

#[tokio::test]
async fn entries_of_a_version_without_hashes_get_theirs_when_the_database_is_opened() {
    let address = server::address(&format!("saphan_test_{}", uuid::Uuid::now_v7().simple()));
    let mut old = sqlx::PgConnection::connect(&address).await.unwrap();
    older(&sqlx::migrate!("migrations/postgres")).run(&mut old).await.unwrap();
    old.execute(BEFORE).await.unwrap();
    is_chained(Database::Postgres(address)).await;
}
