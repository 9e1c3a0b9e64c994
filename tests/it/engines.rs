//! The same files into SQLite and into PostgreSQL: the same receipts, the same count, the same manifest to the byte.

use crate::Engine;
use crate::harness::cli::{Saphan, generate};
use serde_json::Value;
use std::path::Path;

const ROUND: &str = "2026-06-10";

/// Mapping, file, mode, in the order they are received; some come again, changed.
const SENT: [(&str, &str, &str); 7] = [
    ("moe/schools", "schools.csv", "replace"),
    ("obec/enrolments", "obec.csv", "replace"),
    ("ovec/enrolments", "ovec.xml", "replace"),
    ("dole/enrolments", "dole.json", "replace"),
    ("opec/enrolments", "opec.xlsx", "replace"),
    ("obec/enrolments", "obec-part.csv", "delta"),
    ("obec/enrolments", "obec-part.csv", "replace"),
];

/// Receipts, count and manifest of a whole round.
fn round(saphan: &Saphan, folder: &Path, out: &Path) -> (Vec<Value>, String, Vec<u8>) {
    let receipts = SENT.map(|(mapping, file, mode)| {
        let path = folder.join(file);
        let arguments =
            ["submit", "--json", "--mapping", mapping, "--round", ROUND, "--mode", mode, path.to_str().unwrap()];
        let ran = saphan.run(&arguments);
        assert!(matches!(ran.code, 0 | 2), "{file}: {}", ran.stderr);
        let mut receipt: Value = serde_json::from_str(&ran.stdout).unwrap();
        // Ids are drawn, and rates measured.
        for drawn in ["submission", "rows_per_second"] {
            receipt.as_object_mut().unwrap().remove(drawn);
        }
        receipt
    });
    let counted = saphan.run(&["count", "--round", ROUND, "--json"]);
    assert_eq!(counted.code, 0, "{}", counted.stderr);
    let written = saphan.run(&["count", "--round", ROUND, "--manifest", out.to_str().unwrap()]);
    assert_eq!(written.code, 0, "{}", written.stderr);
    (receipts.to_vec(), counted.stdout, std::fs::read(out).unwrap())
}

#[test]
fn sqlite_and_postgresql_count_the_same_to_the_byte() {
    let files = tempfile::tempdir().unwrap();
    generate(files.path(), 21, 3_000, ROUND, "0.05");
    let obec = std::fs::read(files.path().join("obec.csv")).unwrap();
    let part: Vec<&[u8]> = obec.split_inclusive(|byte| *byte == b'\n').take(200).collect();
    std::fs::write(files.path().join("obec-part.csv"), part.concat()).unwrap();
    let homes = tempfile::tempdir().unwrap();
    let of = |engine: Engine, name: &str| {
        let saphan = Saphan::on(engine, &homes.path().join(name));
        round(&saphan, files.path(), &homes.path().join(format!("{name}.json")))
    };
    let (sqlite, postgres) = (of(Engine::Sqlite, "one"), of(Engine::Postgres, "two"));
    assert_eq!(sqlite.0, postgres.0);
    assert_eq!(sqlite.1, postgres.1);
    assert_eq!(sqlite.2, postgres.2);
    assert!(sqlite.2.len() > 1_000, "there is something to compare");
}

#[test]
fn migrate_says_the_version_and_distributes_nothing_where_there_is_nothing_to_distribute_with() {
    let homes = tempfile::tempdir().unwrap();
    let spread = std::env::var_os("SAPHAN_TEST_DISTRIBUTED").is_some();
    for (engine, name, expected) in [
        (Engine::Sqlite, "one", "no-extension"),
        (Engine::Postgres, "two", if spread { "already" } else { "no-extension" }),
    ] {
        let saphan = Saphan::on(engine, &homes.path().join(name));
        let ran = saphan.run(&["migrate", "--distribute", "--json"]);
        let said: Value = serde_json::from_str(&ran.stdout).unwrap();
        assert_eq!((ran.code, &said["distribution"]), (0, &expected.into()), "{}", ran.stderr);
        let newest = std::fs::read_dir("migrations/sqlite").unwrap().count() as u64;
        assert!(said["version"].as_u64() >= Some(newest), "{said}");
        let again = saphan.run(&["migrate", "--lang", "th"]);
        assert_eq!((again.code, again.stdout.contains("ตารางเป็นรุ่น")), (0, true), "{}", again.stderr);
        // The store is as good as before.
        assert_eq!(saphan.run(&["client", "list"]).code, 0);
    }
}
