//! The journal in the hands of somebody who may write to the database: whatever is changed past the gateway is found and named,
//! by `saphan journal verify` and by the script that needs no Saphan.

use super::harness::cli::{Ran, Saphan};
use super::harness::database::Reader;
use super::harness::process::Running;
use saphan::app::App;
use saphan::app::journal::{CheckpointPace, Checkpointing, Verification};
use saphan::config::Settings;
use saphan::domain::journal::{Checkpoint, Entry, Fault};
use saphan::domain::principal::{Principal, Scope};
use saphan::store::Store;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::Command;

const OPERATOR: Principal = Principal::Operator;

/// With the switches for what the database itself refuses turned off.
struct Bench {
    folder: tempfile::TempDir,
    app: App,
    store: Store,
    writer: Reader,
}

impl Bench {
    async fn open() -> Bench {
        let folder = tempfile::tempdir().unwrap();
        let home = folder.path().join("var");
        let mut given = BTreeMap::from([("SAPHAN_HOME".to_owned(), home.display().to_string())]);
        let address = super::harness::database::address(super::ENGINE, &home);
        given.extend(address.map(|address| ("SAPHAN_DATABASE_URL".to_owned(), address)));
        let settings = Settings::parse(None, &given).unwrap();
        let app = saphan::startup::open(&settings).await.unwrap();
        let store = Store::open(&settings.database).await.unwrap();
        let mut writer = Reader::open_to_change(&home).await;
        let unlock = match writer {
            Reader::Sqlite(_) => {
                "DROP TRIGGER journal_insert; DROP TRIGGER journal_update; DROP TRIGGER journal_delete; \
                DROP TRIGGER journal_checkpoint_insert; DROP TRIGGER journal_checkpoint_update; \
                DROP TRIGGER journal_checkpoint_delete"
            }
            Reader::Postgres(_) => {
                "ALTER TABLE journal DISABLE TRIGGER USER; ALTER TABLE journal_checkpoint DISABLE TRIGGER USER"
            }
        };
        writer.change(unlock).await.unwrap();
        Bench { folder, app, store, writer }
    }

    /// Entries 1 to 9, signed at 3 and at 9.
    async fn with_nine_entries() -> Bench {
        let mut bench = Bench::open().await;
        for entries in [3, 6] {
            for _ in 0..entries {
                bench.add_entry().await;
            }
            bench.signed().await;
        }
        let keep = "CREATE TABLE kept_journal AS SELECT * FROM journal; \
            CREATE TABLE kept_checkpoint AS SELECT * FROM journal_checkpoint";
        bench.writer.change(keep).await.unwrap();
        bench
    }

    async fn add_entry(&self) {
        self.app.add_client(&OPERATOR, "x", None, vec![Scope::CountRun]).await.unwrap();
    }

    async fn signed(&self) -> Checkpoint {
        match self.app.checkpoint_journal(&OPERATOR).await.unwrap() {
            Checkpointing::Newest(newest) => newest,
            other => panic!("{other:?}"),
        }
    }

    async fn bring_back(&mut self) {
        let back = "DELETE FROM journal; INSERT INTO journal SELECT * FROM kept_journal; \
            DELETE FROM journal_checkpoint; INSERT INTO journal_checkpoint SELECT * FROM kept_checkpoint";
        self.writer.change(back).await.unwrap();
    }

    async fn verify(&self) -> Verification {
        self.app.verify_journal(&OPERATOR, None).await.unwrap()
    }

    async fn entries(&self) -> Vec<Entry> {
        self.store.journal_entries(i64::MIN, 1_000).await.unwrap()
    }

    /// Hashes made anew from an entry on, as by somebody who knows the form.
    async fn make_anew(&mut self, from: i64, to: i64) {
        let mut entries = self.entries().await;
        for at in (from - 1) as usize..to as usize {
            if at > 0 {
                entries[at].prev = entries[at - 1].hash.clone();
            }
            entries[at].hash = entries[at].own_hash();
            let Entry { seq, prev, hash, .. } = &entries[at];
            let sql = format!("UPDATE journal SET prev = '{prev}', hash = '{hash}' WHERE seq = {seq}");
            self.writer.change(&sql).await.unwrap();
        }
    }

    /// Exit code of the script, and what it printed.
    async fn script(&self, kept: Option<&Path>) -> (Option<i32>, String) {
        let path = self.folder.path().join("export.ndjson");
        let mut text = String::new();
        let keep = |line: &str| {
            text.push_str(line);
            text.push('\n');
            Ok(())
        };
        self.app.export_journal(&OPERATOR, keep).await.unwrap();
        std::fs::write(&path, text).unwrap();
        script(&path, kept)
    }
}

fn script(export: &Path, kept: Option<&Path>) -> (Option<i32>, String) {
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/verify-journal.sh");
    let output = Command::new("sh").arg(script).arg(export).args(kept).output().unwrap();
    let said = [output.stdout, output.stderr].concat();
    (output.status.code(), String::from_utf8(said).unwrap())
}

/// A change of the database, and what has to be said of it.
enum Tampering {
    Sql(&'static str),
    /// The same, and the hashes of these entries made anew.
    Anew(&'static str, i64, i64),
}

use Tampering::{Anew, Sql};

const TAMPERED: [(&str, Tampering, Fault); 15] = [
    ("edited", Sql("UPDATE journal SET actor = 'nobody' WHERE seq = 5"), Fault::Edited { entry: 5 }),
    ("its time", Sql("UPDATE journal SET at = '2026-01-01T00:00:00Z' WHERE seq = 1"), Fault::Edited { entry: 1 }),
    ("a space", Sql("UPDATE journal SET detail = detail || ' ' WHERE seq = 9"), Fault::Edited { entry: 9 }),
    ("its hash", Sql("UPDATE journal SET hash = prev WHERE seq = 4"), Fault::Edited { entry: 4 }),
    ("deleted", Sql("DELETE FROM journal WHERE seq IN (4, 5)"), Fault::Missing { first: 4, last: 5 }),
    (
        "deleted, the rest numbered anew",
        Sql("DELETE FROM journal WHERE seq = 4; UPDATE journal SET seq = -seq WHERE seq > 4; \
            UPDATE journal SET seq = -seq - 1 WHERE seq < 0"),
        Fault::Missing { first: 4, last: 4 },
    ),
    ("cut off", Sql("DELETE FROM journal WHERE seq > 7"), Fault::TailMissing { first: 8, last: 9 }),
    ("all gone", Sql("DELETE FROM journal"), Fault::TailMissing { first: 1, last: 9 }),
    (
        "inserted",
        Sql("UPDATE journal SET seq = -seq WHERE seq > 4; UPDATE journal SET seq = 1 - seq WHERE seq < 0; \
            INSERT INTO journal SELECT 5, at, actor, act, 'cli_x', detail, prev, hash FROM journal WHERE seq = 4"),
        Fault::Inserted { entry: 5 },
    ),
    (
        "inserted and well made",
        Anew(
            "UPDATE journal SET seq = -seq WHERE seq > 4; UPDATE journal SET seq = 1 - seq WHERE seq < 0; \
            INSERT INTO journal SELECT 5, at, actor, act, 'cli_x', detail, prev, hash FROM journal WHERE seq = 4",
            5,
            5,
        ),
        Fault::Inserted { entry: 5 },
    ),
    (
        "reordered",
        Sql("UPDATE journal SET seq = 0 WHERE seq = 5; UPDATE journal SET seq = 5 WHERE seq = 7; \
            UPDATE journal SET seq = 7 WHERE seq = 0"),
        Fault::Reordered { entry: 5, with: 7 },
    ),
    (
        "edited, its own hash made anew",
        Anew("UPDATE journal SET actor = 'nobody' WHERE seq = 5", 5, 5),
        Fault::Rewritten { entry: 5, signed_to: 3 },
    ),
    (
        "edited, all hashes made anew",
        Anew("UPDATE journal SET actor = 'nobody' WHERE seq = 5", 5, 9),
        Fault::CheckpointDiffers { checkpoint: 9, first: 4, last: 9 },
    ),
    (
        "the checkpoint forged to match",
        Anew("UPDATE journal SET actor = 'nobody' WHERE seq = 5", 5, 9),
        Fault::CheckpointForged { checkpoint: 9 },
    ),
    (
        "another key named",
        Sql("UPDATE journal_checkpoint SET kid = 'mine' WHERE seq = 3"),
        Fault::CheckpointForged { checkpoint: 3 },
    ),
];

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_changed_past_the_gateway_is_found_and_named() {
    let mut bench = Bench::with_nine_entries().await;
    let right = Verification { holds: true, entries: 9, checkpoints: 2, signed_to: 9, fault: None };
    assert_eq!(bench.verify().await, right);
    for (name, tampering, fault) in TAMPERED {
        match tampering {
            Sql(sql) => bench.writer.change(sql).await.unwrap(),
            Anew(sql, from, to) => {
                bench.writer.change(sql).await.unwrap();
                bench.make_anew(from, to).await;
            }
        }
        if fault == (Fault::CheckpointForged { checkpoint: 9 }) {
            let forge = "UPDATE journal_checkpoint SET hash = (SELECT hash FROM journal WHERE seq = 9) WHERE seq = 9";
            bench.writer.change(forge).await.unwrap();
        }
        let found = bench.verify().await;
        assert_eq!((found.fault, found.holds), (Some(fault), false), "{name}");
        let refused = bench.app.checkpoint_journal(&OPERATOR).await.unwrap();
        assert_eq!(refused, Checkpointing::Refused(fault), "{name}");
        let (code, said) = bench.script(None).await;
        assert_eq!(code, Some(2), "{name}: {said}");
        bench.bring_back().await;
        assert_eq!(bench.verify().await, right, "{name}: as before");
    }
    let (code, said) = bench.script(None).await;
    assert_eq!((code, said.trim()), (Some(0), "✓ the journal holds: 10 entries, 3 checkpoints, the last of entry 10"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tail_cut_off_with_its_checkpoints_is_missed_by_the_one_kept_elsewhere() {
    let mut bench = Bench::with_nine_entries().await;
    let kept = bench.signed().await;
    assert_eq!(bench.signed().await, kept, "nothing new, nothing signed");
    let file = bench.folder.path().join("kept.ndjson");
    std::fs::write(&file, [bench.app.journal_key(&OPERATOR).unwrap(), kept.line()].join("\n") + "\n").unwrap();
    bench
        .writer
        .change("DELETE FROM journal WHERE seq > 7; DELETE FROM journal_checkpoint WHERE seq > 7")
        .await
        .unwrap();
    let found = bench.verify().await;
    assert_eq!((found.holds, found.entries, found.signed_to), (true, 7, 3), "nothing in the store can tell");
    let found = bench.app.verify_journal(&OPERATOR, Some(&kept)).await.unwrap();
    assert_eq!(found.fault, Some(Fault::TailMissing { first: 8, last: 9 }));
    // Written on and signed anew.
    bench.add_entry().await;
    let (code, said) = bench.script(Some(&file)).await;
    assert_eq!((code, said.contains("up to entry 9")), (Some(2), true), "{said}");
    let found = bench.app.verify_journal(&OPERATOR, Some(&kept)).await.unwrap();
    assert_eq!(found.fault, Some(Fault::CheckpointDiffers { checkpoint: 9, first: 4, last: 9 }));
    // The journal as it was holds against it.
    bench.bring_back().await;
    let found = bench.app.verify_journal(&OPERATOR, Some(&kept)).await.unwrap();
    assert!(found.holds && found.checkpoints == 3, "{found:?}");
    let forged = Checkpoint { seq: 10, ..kept };
    let found = bench.app.verify_journal(&OPERATOR, Some(&forged)).await.unwrap();
    assert_eq!(found.fault, Some(Fault::CheckpointForged { checkpoint: 10 }));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_script_finds_what_was_changed_in_the_export_itself() {
    let bench = Bench::with_nine_entries().await;
    let (code, said) = bench.script(None).await;
    assert_eq!(code, Some(0), "{said}");
    let whole = std::fs::read_to_string(bench.folder.path().join("export.ndjson")).unwrap();
    let lines: Vec<String> = whole.lines().map(str::to_owned).collect();
    let at = lines.iter().position(|line| line.contains(",5,")).unwrap();
    let signed = lines.iter().position(|line| line.starts_with("{\"signature")).unwrap();
    let changed = |change: &dyn Fn(&mut Vec<String>)| {
        let mut copy = lines.clone();
        change(&mut copy);
        let path = bench.folder.path().join("changed.ndjson");
        std::fs::write(&path, copy.join("\n") + "\n").unwrap();
        let (code, said) = script(&path, None);
        assert_eq!(code, Some(2), "{said}");
        said
    };
    assert!(changed(&|l| l[at] = l[at].replace("operator", "nobody")).contains("entry 5 was edited"));
    assert!(changed(&|l| drop(l.remove(at))).contains("entry 5 is missing"));
    assert!(changed(&|l| l.swap(at, at + 1)).contains("entry 5 is missing"));
    assert!(changed(&|l| l.insert(at, l[at - 1].clone())).contains("entry 5 is missing"));
    assert!(changed(&|l| drop(l.drain(1..=9))).contains("entry 1 is missing"));
    assert!(changed(&|l| drop(l.remove(signed - 1))).contains("the checkpoint of entry 3"));
    assert!(changed(&|l| l[signed] = l[signed].replace("T", "t")).contains("not signed"));
    assert!(changed(&|l| l[signed] = l[signed].replace("checkpoint-1", "checkpoint-2")).contains("no checkpoint"));
    assert!(changed(&|l| l.push("{}".into())).contains("none of an export"));
    // With another gateway's key nothing is proven.
    let other = Bench::open().await;
    let key = other.app.journal_key(&OPERATOR).unwrap();
    assert!(changed(&|l| l[0] = key.clone()).contains("not signed with this key"));
    assert_eq!(script(Path::new("/nowhere"), None).0, Some(1));
}

/// The last checkpoint that a command printed, after the key.
fn printed(ran: &Ran) -> Checkpoint {
    let lines: Vec<&str> = ran.stdout.lines().collect();
    assert!(
        ran.code == 0 && lines.len() == 2 && lines[0].contains("BEGIN PUBLIC KEY"),
        "{} {}",
        ran.stdout,
        ran.stderr
    );
    Checkpoint::parse(lines[1]).unwrap()
}

#[tokio::test]
async fn the_commands_say_what_they_found_in_both_languages_and_by_their_codes() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(folder.path());
    let empty = saphan.run(&["journal", "checkpoint"]);
    assert_eq!((empty.code, empty.stdout.as_str()), (1, ""), "{}", empty.stderr);
    assert_eq!(saphan.run(&["client", "add", "--name", "a", "--scope", "count.run"]).code, 0);
    let kept = saphan.run(&["journal", "checkpoint"]);
    assert_eq!(printed(&kept).seq, 1);
    let file = folder.path().join("kept.ndjson");
    std::fs::write(&file, &kept.stdout).unwrap();
    assert_eq!(saphan.run(&["client", "add", "--name", "b", "--scope", "count.run"]).code, 0);
    let verify = ["journal", "verify", "--checkpoint", file.to_str().unwrap()];
    let held = saphan.run(&verify);
    assert_eq!(held.code, 0, "{}", held.stderr);
    assert!(
        held.stdout.contains("2 entries, 2 checkpoints") && held.stdout.contains("the last 1 are"),
        "{}",
        held.stdout
    );
    let export = saphan.run(&["journal", "export"]);
    assert_eq!((export.code, export.stdout.lines().count()), (0, 6), "{}{}", export.stdout, export.stderr);
    let path = folder.path().join("export.ndjson");
    std::fs::write(&path, &export.stdout).unwrap();
    assert_eq!(script(&path, Some(&file)).0, Some(0));

    let mut writer = Reader::open_to_change(saphan.home()).await;
    let refused = writer.change("UPDATE journal SET object = 'x' WHERE seq = 2").await.unwrap_err();
    assert!(refused.to_string().contains("append-only"), "{refused}");
    let unlock = match writer {
        Reader::Sqlite(_) => "DROP TRIGGER journal_update",
        Reader::Postgres(_) => "ALTER TABLE journal DISABLE TRIGGER journal_update",
    };
    writer.change(unlock).await.unwrap();
    writer.change("UPDATE journal SET object = 'x' WHERE seq = 2").await.unwrap();
    let found = saphan.run(&[&verify[..], &["--json"]].concat());
    let said: serde_json::Value = serde_json::from_str(&found.stdout).unwrap();
    assert_eq!((found.code, &said["fault"]["kind"], &said["first_bad"]), (2, &"edited".into(), &2.into()), "{said}");
    let english = saphan.run(&["journal", "verify", "--lang", "en"]);
    assert_eq!((english.code, english.stdout.contains("entry 2 was edited")), (2, true), "{}", english.stdout);
    let thai = saphan.run(&["journal", "verify", "--lang", "th"]);
    assert_eq!((thai.code, thai.stdout.contains("รายการที่ 2 ถูกแก้ไข")), (2, true), "{}", thai.stdout);
    let export = saphan.run(&["journal", "export"]);
    assert_eq!((export.code, export.stderr.contains("entry 2 was edited")), (2, true), "{}", export.stderr);
    assert_eq!(saphan.run(&["journal", "verify", "--checkpoint", "README.md"]).code, 1);
}

#[tokio::test]
async fn a_gateway_that_runs_signs_the_journal_by_itself() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(folder.path());
    assert_eq!(saphan.run(&["client", "add", "--name", "a", "--scope", "count.run"]).code, 0);
    let running = Running::start(&saphan, &[("SAPHAN_CHECKPOINT_ENTRIES", "2")]);
    let mut reader = Reader::open(saphan.home()).await;
    let signed_to = "SELECT coalesce(max(seq), 0) FROM journal_checkpoint";
    until(&mut reader, signed_to, 1).await;
    for name in ["b", "c"] {
        assert_eq!(saphan.run(&["client", "add", "--name", name, "--scope", "count.run"]).code, 0);
    }
    until(&mut reader, signed_to, 3).await;
    drop(running);
    assert_eq!(saphan.run(&["journal", "verify"]).code, 0);
}

async fn until(reader: &mut Reader, sql: &'static str, number: i64) {
    for _ in 0..300 {
        if reader.number(sql).await == number {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(200)).await;
    }
    panic!("{sql} is never {number}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_runs_signs_nothing_over_what_was_changed_since_the_last_checkpoint() {
    let mut bench = Bench::with_nine_entries().await;
    let pace = CheckpointPace { entries: 2, every: jiff::SignedDuration::from_secs(3_600) };
    assert_eq!(bench.app.checkpoint_journal_if_due(pace).await.unwrap(), None, "nothing new");
    bench.add_entry().await;
    assert_eq!(bench.app.checkpoint_journal_if_due(pace).await.unwrap(), None, "too little, too early");
    let at_once = CheckpointPace { every: jiff::SignedDuration::ZERO, ..pace };
    let made = bench.app.checkpoint_journal_if_due(at_once).await.unwrap();
    assert!(matches!(made, Some(Checkpointing::Newest(Checkpoint { seq: 10, .. }))), "{made:?}");
    assert_eq!(bench.app.checkpoint_journal_if_due(at_once).await.unwrap(), None, "nothing new");
    // Somebody changes what is signed already and makes everything after it anew, before the next is due.
    for _ in 0..2 {
        bench.add_entry().await;
    }
    bench.writer.change("UPDATE journal SET actor = 'nobody' WHERE seq = 5").await.unwrap();
    bench.make_anew(5, 12).await;
    let made = bench.app.checkpoint_journal_if_due(pace).await.unwrap();
    let fault = Fault::CheckpointDiffers { checkpoint: 9, first: 4, last: 9 };
    assert_eq!(made, Some(Checkpointing::Refused(fault)), "it would have signed the forgery");
    // What was cut off below the newest checkpoint is a fault too.
    bench.bring_back().await;
    bench.writer.change("DELETE FROM journal WHERE seq = 9").await.unwrap();
    let made = bench.app.checkpoint_journal_if_due(pace).await.unwrap();
    assert_eq!(made, Some(Checkpointing::Refused(Fault::TailMissing { first: 9, last: 9 })));
}
