//! The store on a real SQLite file and on a real PostgreSQL: what is visible when, what is refused, what survives.

/// One test on both engines; the function takes the store to test.
macro_rules! on_both {
    ($name:ident) => {
        mod $name {
            #[tokio::test]
            async fn sqlite() {
                super::$name(super::Bench::sqlite().await).await;
            }

            #[tokio::test]
            async fn postgres() {
                super::$name(super::Bench::postgres().await).await;
            }
        }
    };
}

mod access;
mod agreements;
mod approvals;
#[cfg(feature = "citus-tests")]
mod distributed;
mod engines;
mod erasure;
mod journal_chain;
mod keys;
mod nouns;
mod people;
mod rolls;
#[path = "../../tests/it/server.rs"]
mod server;
mod service;
mod turns;

use super::*;
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::{HeldEnrolment, KeyedHash, Place, School, SubmissionMode};
use crate::domain::ids::{ClientId, PersonId, SenderId, SubmissionId};
use crate::domain::learner_id::LearnerIdKind;
use crate::domain::principal::Scope;
use crate::domain::quota::Overrides;
use crate::domain::receipt::Receipt;
use crate::domain::round::Round;
use jiff::Timestamp;
use jiff::civil::date;
use std::sync::Arc;

struct Bench {
    /// Of the SQLite file; empty on PostgreSQL.
    dir: tempfile::TempDir,
    database: Database,
    store: Store,
}

const SCHOOL_A: &str = "1099000001";
const SCHOOL_B: &str = "1099000002";

fn round() -> Round {
    Round::parse("2026-06-10").unwrap()
}

fn obec() -> AgencyCode {
    AgencyCode::parse("obec").unwrap()
}

fn hash(text: &str) -> KeyedHash {
    let mut hash = [0; 16];
    hash[..text.len()].copy_from_slice(text.as_bytes());
    hash
}

fn entry(act: &str) -> JournalEntry {
    JournalEntry {
        at: Timestamp::from_second(1_780_000_000).unwrap(),
        actor: "operator".into(),
        act: act.into(),
        object: "sub".into(),
        detail: serde_json::json!({"rows": 3}),
    }
}

/// What the second sweep of a count gives, one after another.
struct Asked {
    learners: Vec<Place>,
    persons: Vec<Place>,
    aged: Vec<Place>,
}

async fn asked(view: &mut CountView, census: Census, odd: &[(Arc<str>, u8)]) -> Asked {
    let (mut learners, mut persons, mut aged) = (Vec::new(), Vec::new(), Vec::new());
    view.findings::<StoreError>(census, odd, |found| {
        match found {
            Found::Learner(places) => learners.extend_from_slice(places),
            Found::Person(places) => persons.extend_from_slice(places),
            Found::Aged(place) => aged.push(place.clone()),
        }
        Ok(())
    })
    .await
    .unwrap();
    Asked { learners, persons, aged }
}

/// A learner in a school; `version` changes what the record says.
fn held(row: u64, learner: &str, school: &str, version: u32) -> HeldEnrolment {
    HeldEnrolment {
        row,
        learner: hash(learner),
        id_kind: LearnerIdKind::Citizen,
        name: hash("name"),
        birth: hash("birth"),
        person: hash(&format!("p{learner}")),
        content: hash(&format!("{learner}{}v{version}", &school[6..])),
        agency: obec(),
        school_id: school.into(),
        grade: "P1".into(),
        sex: "F".into(),
        status: None,
        dual_programme: false,
        age_years: 7,
        entry_date: Some(date(2026, 5, 16)),
        exit_date: None,
        sealed: format!("sealed {learner} {version}").into_bytes(),
    }
}

fn receipt(accepted: u64, change: Change) -> Receipt {
    Receipt {
        submission: None,
        mapping: "obec/enrolments@3".into(),
        standard: "enrolment/1".into(),
        round: "2026-06-10".into(),
        received: accepted,
        accepted,
        refused: 0,
        warned: 0,
        unchanged: change.unchanged,
        removed: change.removed,
        duplicate_of: None,
        encoding: "utf-8".into(),
        unmapped_columns: vec![],
        missing_columns: vec![],
        sha256: "00".into(),
        causes: vec![],
        causes_not_listed: 0,
    }
}

impl Bench {
    async fn sqlite() -> Bench {
        let dir = tempfile::tempdir().unwrap();
        Bench::open(Database::Sqlite(dir.path().join("saphan.db")), dir).await
    }

    /// In a schema of its own.
    async fn postgres() -> Bench {
        let schema = format!("saphan_test_{}", uuid::Uuid::now_v7().simple());
        Bench::open(Database::Postgres(server::address(&schema)), tempfile::tempdir().unwrap()).await
    }

    async fn open(database: Database, dir: tempfile::TempDir) -> Bench {
        let mut store = Store::open(&database).await.unwrap();
        // A switch for the whole suite: see docs/operations.md, "Distributed".
        if matches!(database, Database::Postgres(_)) && std::env::var_os("SAPHAN_TEST_DISTRIBUTED").is_some() {
            let done = store.distribute().await.unwrap();
            assert!(matches!(done, Distribution::Done { .. } | Distribution::Already { .. }), "{done:?}");
            store.close().await;
            store = Store::open(&database).await.unwrap();
            assert!(store.is_distributed);
        }
        Bench { store, database, dir }
    }

    /// As after a new start of the process.
    async fn reopen(self) -> Bench {
        self.store.close().await;
        Bench::open(self.database, self.dir).await
    }

    fn new_submission(&self, sha256: &str, mode: SubmissionMode) -> NewSubmission {
        NewSubmission {
            id: SubmissionId::from_uuid(uuid::Uuid::now_v7()),
            mapping: "obec/enrolments".into(),
            mapping_version: 3,
            mapping_sha256: "aa".into(),
            standard: "enrolment/1".into(),
            lists_version: "l1".into(),
            round: round(),
            agency: Some(obec()),
            mode,
            client: None,
            idempotency_key: None,
            signature: None,
            sha256: sha256.into(),
            bytes: 1_200,
            kept_path: "kept/x".into(),
            received_at: Timestamp::from_second(1_780_000_000).unwrap(),
        }
    }

    async fn begin(&self, sha256: &str, mode: SubmissionMode) -> i64 {
        self.store.begin_submission(&self.new_submission(sha256, mode), &entry("submission.receive")).await.unwrap()
    }

    /// As a gateway with newer lists and mapping would begin it.
    async fn begin_work(&self, seq: i64) -> Result<Submission, StoreError> {
        let by = ReadBy {
            mapping_version: 4,
            mapping_sha256: "bb".into(),
            standard: "enrolment/1".into(),
            lists_version: "l2".into(),
        };
        self.store.begin_work(seq, by).await
    }

    async fn stage(&self, seq: i64, rows: Vec<HeldEnrolment>) {
        let mut stager = self.store.stager(seq).await.unwrap();
        stager.stage(rows).await.unwrap();
        stager.finish().await.unwrap();
    }

    /// A whole submission; returns its key and how many rows were unchanged.
    async fn submit(&self, sha256: &str, mode: SubmissionMode, rows: Vec<HeldEnrolment>) -> (i64, u64) {
        let seq = self.begin(sha256, mode).await;
        let count = rows.len() as u64;
        self.stage(seq, rows).await;
        let receipt = self
            .store
            .commit_submission(seq, &entry("submission.commit"), |change| receipt(count, change))
            .await
            .unwrap();
        (seq, receipt.unchanged)
    }

    /// What readers see, as sealed texts, sorted.
    async fn visible(&self) -> Vec<String> {
        let records = self.store.records(round(), obec(), None, None, 1_000).await.unwrap();
        let mut texts: Vec<String> =
            records.into_iter().map(|record| String::from_utf8(record.sealed).unwrap()).collect();
        texts.sort();
        let total = self.store.count_view(round()).await.unwrap().total().await.unwrap();
        assert_eq!(total, texts.len() as u64, "the count sees what the pages show");
        texts
    }

    async fn duplicate(&self, sha256: &str, mode: SubmissionMode) -> Option<i64> {
        let key = DuplicateKey {
            sha256,
            mapping: "obec/enrolments",
            mapping_version: 3,
            mapping_sha256: "aa",
            lists_version: "l1",
            round: round(),
            mode,
        };
        self.store.find_in_force_duplicate(key).await.unwrap().map(|submission| submission.seq)
    }
}

use SubmissionMode::{Delta, Replace};

on_both!(what_is_stored_is_there_again_and_belongs_to_one_keyring);
async fn what_is_stored_is_there_again_and_belongs_to_one_keyring(bench: Bench) {
    bench.submit("s1", Replace, vec![held(1, "anna", SCHOOL_A, 1)]).await;
    let again = bench.reopen().await;
    assert_eq!(again.visible().await, ["sealed anna 1"]);
    again.store.pin_vault("one").await.unwrap();
    again.store.pin_vault("one").await.unwrap();
    assert!(matches!(again.store.pin_vault("two").await, Err(StoreError::OtherVault)));
}

on_both!(a_replacement_replaces_the_schools_in_it_and_no_others);
async fn a_replacement_replaces_the_schools_in_it_and_no_others(bench: Bench) {
    let (_, unchanged) = bench
        .submit(
            "s1",
            Replace,
            vec![held(1, "anna", SCHOOL_A, 1), held(2, "boon", SCHOOL_A, 1), held(3, "chai", SCHOOL_B, 1)],
        )
        .await;
    assert_eq!(unchanged, 0);
    let (_, unchanged) =
        bench.submit("s2", Replace, vec![held(1, "anna", SCHOOL_A, 1), held(2, "dara", SCHOOL_A, 1)]).await;
    assert_eq!(unchanged, 1, "anna says what she said");
    assert_eq!(bench.visible().await, ["sealed anna 1", "sealed chai 1", "sealed dara 1"]);
}

on_both!(another_round_or_agency_is_not_touched);
async fn another_round_or_agency_is_not_touched(bench: Bench) {
    bench.submit("s1", Replace, vec![held(1, "anna", SCHOOL_A, 1)]).await;
    let mut other = held(1, "boon", SCHOOL_A, 1);
    other.agency = AgencyCode::parse("opec").unwrap();
    bench.submit("s2", Replace, vec![other]).await;
    let mut later = bench.new_submission("s3", Replace);
    later.round = Round::parse("2569/2").unwrap();
    let seq = bench.store.begin_submission(&later, &entry("x")).await.unwrap();
    bench.stage(seq, vec![held(1, "anna", SCHOOL_A, 2)]).await;
    bench.store.commit_submission(seq, &entry("x"), |change| receipt(1, change)).await.unwrap();
    let records = bench.store.records(round(), obec(), None, None, 10).await.unwrap();
    assert_eq!(records.len(), 1);
    assert_eq!(records[0].sealed, b"sealed anna 1");
    assert_eq!(bench.store.count_view(round()).await.unwrap().total().await.unwrap(), 2);
}

on_both!(a_delta_hides_the_same_learner_in_the_same_school_only);
async fn a_delta_hides_the_same_learner_in_the_same_school_only(bench: Bench) {
    bench
        .submit(
            "s1",
            Replace,
            vec![
                held(1, "anna", SCHOOL_A, 1),
                held(2, "boon", SCHOOL_A, 1),
                held(3, "anna", SCHOOL_B, 1),
                held(4, "chai", SCHOOL_A, 1),
            ],
        )
        .await;
    let (_, unchanged) = bench
        .submit(
            "s2",
            Delta,
            vec![held(1, "anna", SCHOOL_A, 2), held(2, "chai", SCHOOL_A, 1), held(3, "dara", SCHOOL_A, 1)],
        )
        .await;
    assert_eq!(unchanged, 1, "chai says what he said");
    assert_eq!(
        bench.visible().await,
        ["sealed anna 1", "sealed anna 2", "sealed boon 1", "sealed chai 1", "sealed dara 1"]
    );
    // A second delta over the first, then a replacement over both.
    bench.submit("s3", Delta, vec![held(1, "anna", SCHOOL_A, 3)]).await;
    assert_eq!(
        bench.visible().await,
        ["sealed anna 1", "sealed anna 3", "sealed boon 1", "sealed chai 1", "sealed dara 1"]
    );
    let (_, unchanged) =
        bench.submit("s4", Replace, vec![held(1, "anna", SCHOOL_A, 2), held(2, "boon", SCHOOL_A, 1)]).await;
    assert_eq!(unchanged, 1, "a hidden row is not held");
    assert_eq!(bench.visible().await, ["sealed anna 1", "sealed anna 2", "sealed boon 1"]);
}

on_both!(what_was_received_later_stays_whichever_is_done_first);
async fn what_was_received_later_stays_whichever_is_done_first(bench: Bench) {
    // A large file is received first and done last.
    let first = bench.begin("first", Replace).await;
    bench.submit("later", Replace, vec![held(1, "boon", SCHOOL_A, 2)]).await;
    bench.stage(first, vec![held(1, "anna", SCHOOL_A, 1), held(2, "chai", SCHOOL_B, 1)]).await;
    bench.store.commit_submission(first, &entry("submission.commit"), |change| receipt(2, change)).await.unwrap();
    assert_eq!(bench.visible().await, ["sealed boon 2", "sealed chai 1"], "the later file's school is not overwritten");

    // The same with a later delta: the earlier base comes in under it.
    let base = bench.begin("base", Replace).await;
    bench.submit("delta", Delta, vec![held(1, "dara", SCHOOL_B, 2)]).await;
    bench.stage(base, vec![held(1, "dara", SCHOOL_B, 1), held(2, "ek", SCHOOL_B, 1)]).await;
    bench.store.commit_submission(base, &entry("submission.commit"), |change| receipt(2, change)).await.unwrap();
    assert_eq!(bench.visible().await, ["sealed boon 2", "sealed dara 2", "sealed ek 1"]);
}

on_both!(what_a_crash_leaves_is_seen_by_nobody_and_can_be_thrown_away);
async fn what_a_crash_leaves_is_seen_by_nobody_and_can_be_thrown_away(bench: Bench) {
    bench.submit("s1", Replace, vec![held(1, "anna", SCHOOL_A, 1)]).await;
    let seq = bench.begin("s2", Replace).await;
    bench.begin_work(seq).await.unwrap();
    bench.stage(seq, (1..=3_000).map(|row| held(row, "boon", SCHOOL_A, 1)).collect()).await;
    let mut stager = bench.store.stager(seq).await.unwrap();
    stager.stage_refused([RefusedRow { row: 3_001, findings: "[]".into() }]).await.unwrap();
    stager.finish().await.unwrap();

    let bench = bench.reopen().await;
    assert_eq!(bench.visible().await, ["sealed anna 1"]);
    let unfinished = bench.store.unfinished().await.unwrap();
    assert_eq!(unfinished.iter().map(|s| (s.seq, s.state)).collect::<Vec<_>>(), [(seq, State::Processing)]);
    bench.store.discard_staged(seq).await.unwrap();
    for count in ["SELECT count(*) FROM enrolment", "SELECT count(*) FROM vault_record"] {
        let left: i64 = query_scalar(count).fetch_one(&bench.store.read).await.unwrap();
        assert_eq!(left, 1, "{count}");
    }
    assert!(bench.store.refused_rows(seq, 0, 10).await.unwrap().is_empty());
    // Staged again from the start, it commits as if nothing had been.
    bench.stage(seq, vec![held(1, "boon", SCHOOL_A, 1)]).await;
    bench.store.commit_submission(seq, &entry("x"), |change| receipt(1, change)).await.unwrap();
    assert_eq!(bench.visible().await, ["sealed boon 1"]);
    assert!(matches!(bench.store.discard_staged(seq).await, Err(StoreError::WrongState(State::Committed))));
}

on_both!(a_part_of_the_rows_is_never_put_in_force_for_the_whole);
async fn a_part_of_the_rows_is_never_put_in_force_for_the_whole(bench: Bench) {
    bench.submit("s1", Replace, vec![held(1, "anna", SCHOOL_A, 1)]).await;
    let seq = bench.begin("s2", Replace).await;
    bench.stage(seq, vec![held(1, "boon", SCHOOL_A, 1), held(2, "chai", SCHOOL_A, 1)]).await;
    // Somebody else took the work up and cleared the table, and this one did not notice.
    bench.store.discard_staged(seq).await.unwrap();
    bench.stage(seq, vec![held(3, "dara", SCHOOL_A, 1)]).await;
    let committed = bench.store.commit_submission(seq, &entry("x"), |change| receipt(3, change)).await;
    assert!(matches!(committed, Err(StoreError::RowsMissing { accepted: 3, staged: 1 })));
    assert_eq!(bench.visible().await, ["sealed anna 1"]);
}

on_both!(what_has_ended_does_not_change);
async fn what_has_ended_does_not_change(bench: Bench) {
    let (seq, _) = bench.submit("s1", Replace, vec![held(1, "anna", SCHOOL_A, 1)]).await;
    let problem = serde_json::json!({"code": "SPH-FMT-002"});
    let refused = bench.store.refuse_submission(seq, &problem, &entry("x")).await;
    assert!(matches!(refused, Err(StoreError::WrongState(State::Committed))));
    assert!(matches!(bench.store.stager(seq).await, Err(StoreError::WrongState(_))));
    assert!(matches!(bench.begin_work(seq).await, Err(StoreError::WrongState(_))));
    let again = bench.store.commit_submission(seq, &entry("x"), |change| receipt(1, change)).await;
    assert!(matches!(again, Err(StoreError::WrongState(_))));
    assert!(matches!(bench.begin_work(99).await, Err(StoreError::NoSuchSubmission)));

    let other = bench.begin("s2", Replace).await;
    let mut stager = bench.store.stager(other).await.unwrap();
    bench.store.refuse_submission(other, &problem, &entry("x")).await.unwrap();
    stager.stage([held(1, "boon", SCHOOL_A, 1)]).await.unwrap();
    assert!(matches!(stager.finish().await, Err(StoreError::WrongState(State::Refused))));
    let ended = bench.store.submission_by_seq(other).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.problem), (State::Refused, Some(problem)));
    assert_eq!(bench.visible().await, ["sealed anna 1"]);
}

on_both!(the_same_bytes_are_known_again_while_they_are_in_force);
async fn the_same_bytes_are_known_again_while_they_are_in_force(bench: Bench) {
    let rows = || vec![held(1, "anna", SCHOOL_A, 1), held(2, "boon", SCHOOL_B, 1)];
    let (first, _) = bench.submit("s1", Replace, rows()).await;
    assert_eq!(bench.duplicate("s1", Replace).await, Some(first));
    assert_eq!(bench.duplicate("s2", Replace).await, None);
    assert_eq!(bench.duplicate("s1", Delta).await, None);

    // A later replacement of one of its schools, then the first file again.
    bench.submit("s2", Replace, vec![held(1, "chai", SCHOOL_B, 1)]).await;
    assert_eq!(bench.duplicate("s1", Replace).await, None);
    let (again, unchanged) = bench.submit("s1", Replace, rows()).await;
    assert_eq!(unchanged, 1);
    assert_eq!(bench.duplicate("s1", Replace).await, Some(again));

    // A delta that only adds makes a full file say something else again.
    let (delta, _) = bench.submit("s3", Delta, vec![held(1, "dara", SCHOOL_A, 1)]).await;
    assert_eq!(bench.duplicate("s1", Replace).await, None);
    assert_eq!(bench.duplicate("s3", Delta).await, Some(delta));
    bench.submit("s4", Delta, vec![held(1, "dara", SCHOOL_A, 2)]).await;
    assert_eq!(bench.duplicate("s3", Delta).await, None, "its row is hidden");
}

on_both!(a_submission_says_by_what_it_was_read_not_what_stood_at_its_arrival);
async fn a_submission_says_by_what_it_was_read_not_what_stood_at_its_arrival(bench: Bench) {
    let seq = bench.begin("s1", Replace).await;
    let begun = bench.begin_work(seq).await.unwrap();
    let found = bench.store.submission_by_seq(seq).await.unwrap().unwrap();
    assert_eq!(begun, found);
    assert_eq!((found.state, found.new.mapping_version, &*found.new.lists_version), (State::Processing, 4, "l2"));
    bench.stage(seq, vec![held(1, "anna", SCHOOL_A, 1)]).await;
    bench.store.commit_submission(seq, &entry("x"), |change| receipt(1, change)).await.unwrap();
    assert_eq!(bench.duplicate("s1", Replace).await, None, "with the lists of its arrival it was never read");
}

on_both!(a_replacement_says_how_many_learners_it_no_longer_names);
async fn a_replacement_says_how_many_learners_it_no_longer_names(bench: Bench) {
    let full = || (1..=5).map(|row| held(row, &format!("l{row}"), SCHOOL_A, 1)).collect::<Vec<_>>();
    let removed = async |sha256, mode, rows: Vec<HeldEnrolment>| {
        let seq = bench.begin(sha256, mode).await;
        let count = rows.len() as u64;
        bench.stage(seq, rows).await;
        bench.store.commit_submission(seq, &entry("x"), |change| receipt(count, change)).await.unwrap().removed
    };
    assert_eq!(removed("s1", Replace, full()).await, 0, "nothing was held");
    assert_eq!(removed("s2", Delta, vec![held(1, "l1", SCHOOL_A, 2)]).await, 0, "a delta takes nobody away");
    let mut short = full();
    short.truncate(2);
    assert_eq!(removed("s3", Replace, short).await, 3, "changed or hidden rows of those who stay are not among them");
    assert_eq!(removed("s4", Replace, vec![held(1, "l9", SCHOOL_B, 1)]).await, 0, "other schools are untouched");
    // A file that was received before the one in force takes nothing away.
    let early = bench.begin("early", Replace).await;
    assert_eq!(removed("s5", Replace, full()).await, 0);
    bench.stage(early, vec![held(1, "l1", SCHOOL_A, 3)]).await;
    let late = bench.store.commit_submission(early, &entry("x"), |change| receipt(1, change)).await.unwrap();
    assert_eq!(late.removed, 0);
}

on_both!(tries_are_counted_put_off_and_ended);
async fn tries_are_counted_put_off_and_ended(bench: Bench) {
    let seq = bench.begin("s1", Replace).await;
    assert_eq!(bench.begin_work(seq).await.unwrap().tries, 1);
    // A crash says nothing; the next try counts all the same.
    assert_eq!(bench.begin_work(seq).await.unwrap().tries, 2);
    let later = Timestamp::from_second(1_780_000_120).unwrap();
    bench.store.put_off(seq, 2, 2, later).await.unwrap();
    let found = bench.store.submission_by_seq(seq).await.unwrap().unwrap();
    assert_eq!((found.state, found.tries, found.try_after), (State::Received, 2, Some(later)));
    assert_eq!(bench.store.unfinished().await.unwrap().len(), 1, "whether its time has come is the caller's to say");
    let begun = bench.begin_work(seq).await.unwrap();
    assert_eq!((begun.tries, begun.try_after), (3, None));
    let problem = serde_json::json!({"code": "SPH-LIM-010"});
    let overtaken = bench.store.fail_submission(seq, 2, &problem, &entry("submission.fail")).await;
    assert!(matches!(overtaken, Err(StoreError::Overtaken)), "another works on it since");
    bench.store.fail_submission(seq, 3, &problem, &entry("submission.fail")).await.unwrap();
    let ended = bench.store.submission_by_seq(seq).await.unwrap().unwrap();
    assert_eq!((ended.state, ended.problem), (State::Failed, Some(problem)));
    assert!(bench.store.unfinished().await.unwrap().is_empty());
    assert!(matches!(bench.store.put_off(seq, 4, 4, later).await, Err(StoreError::WrongState(State::Failed))));
    bench.store.discard_staged(seq).await.unwrap();
}

on_both!(staged_or_refused_bytes_are_no_duplicate);
async fn staged_or_refused_bytes_are_no_duplicate(bench: Bench) {
    let seq = bench.begin("s1", Replace).await;
    bench.stage(seq, vec![held(1, "anna", SCHOOL_A, 1)]).await;
    assert_eq!(bench.duplicate("s1", Replace).await, None);
    bench.submit("s2", Replace, vec![]).await;
    assert_eq!(bench.duplicate("s2", Replace).await, None, "a file that held nothing is read again");
}

on_both!(an_idempotency_key_serves_once_a_client);
async fn an_idempotency_key_serves_once_a_client(bench: Bench) {
    let client = SenderId::Client(ClientId::from_uuid(uuid::Uuid::now_v7()));
    let with_key = |client: &SenderId| {
        let mut new = bench.new_submission("s1", Replace);
        new.client = Some(client.clone());
        new.idempotency_key = Some("k1".into());
        new
    };
    let first = with_key(&client);
    let seq = bench.store.begin_submission(&first, &entry("x")).await.unwrap();
    let again = bench.store.begin_submission(&with_key(&client), &entry("x")).await;
    assert!(matches!(again, Err(StoreError::IdempotencyKeyUsed)));
    let found = bench.store.submission_by_idempotency_key(Some(&client), "k1").await.unwrap().unwrap();
    assert_eq!((found.seq, &found.new, found.state), (seq, &first, State::Received));
    assert!(bench.store.submission_by_idempotency_key(None, "k1").await.unwrap().is_none());
    bench
        .store
        .begin_submission(&with_key(&SenderId::Person(PersonId::from_uuid(uuid::Uuid::now_v7()))), &entry("x"))
        .await
        .unwrap();
    // Without a key there is no limit.
    bench.begin("s1", Replace).await;
    bench.begin("s1", Replace).await;
    let same_id = bench.store.begin_submission(&NewSubmission { idempotency_key: None, ..first }, &entry("x")).await;
    assert!(matches!(same_id, Err(StoreError::SubmissionExists)));
    assert_eq!(bench.store.journal(0, 100).await.unwrap().len(), 4, "a refused one leaves no entry");
}

on_both!(readers_see_the_old_state_until_the_new_one_is_whole);
async fn readers_see_the_old_state_until_the_new_one_is_whole(bench: Bench) {
    bench.submit("s1", Replace, vec![held(1, "anna", SCHOOL_A, 1)]).await;
    let mut view = bench.store.count_view(round()).await.unwrap();
    let seq = bench.begin("s2", Replace).await;
    let mut stager = bench.store.stager(seq).await.unwrap();
    for block in 0..4 {
        stager.stage((1..=5_000).map(|row| held(block * 5_000 + row, "boon", SCHOOL_A, 1))).await.unwrap();
        assert_eq!(bench.visible().await, ["sealed anna 1"]);
    }
    stager.finish().await.unwrap();
    let mut transaction = bench.store.begin().await.unwrap();
    query("UPDATE holding SET in_force = 0").execute(&mut transaction).await.unwrap();
    assert_eq!(bench.visible().await, ["sealed anna 1"], "an open write transaction stops no reader");
    transaction.rollback().await.unwrap();
    bench.store.commit_submission(seq, &entry("x"), |change| receipt(20_000, change)).await.unwrap();
    assert_eq!(view.total().await.unwrap(), 1, "a count keeps its snapshot");
    drop(view);
    assert_eq!(bench.store.count_view(round()).await.unwrap().total().await.unwrap(), 20_000);
}
