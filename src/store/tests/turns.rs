//! Uploads, turns and cancelled submissions, on both engines.

use super::*;
use crate::domain::ids::UploadId;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + second).unwrap()
}

fn new_upload(client: &ClientId, bytes: u64) -> NewUpload {
    NewUpload {
        id: UploadId::from_uuid(uuid::Uuid::now_v7()),
        client: client.clone(),
        mapping: "obec/enrolments".into(),
        round: round(),
        mode: Replace,
        idempotency_key: None,
        signature: None,
        bytes,
        begun_at: at(0),
    }
}

fn part(first_byte: u64, bytes: u64) -> UploadPart {
    UploadPart { first_byte, bytes, file: format!("f{first_byte}") }
}

on_both!(an_upload_grows_at_its_end_only_and_by_one_at_a_time);
async fn an_upload_grows_at_its_end_only_and_by_one_at_a_time(bench: Bench) {
    let client = ClientId::from_uuid(uuid::Uuid::now_v7());
    let new = new_upload(&client, 10);
    assert!(bench.store.begin_upload(&new, 1, &entry("upload.begin")).await.unwrap());
    assert!(!bench.store.begin_upload(&new_upload(&client, 5), 1, &entry("upload.begin")).await.unwrap(), "bounded");
    assert!(!bench.store.grow_upload(&new.id, &[part(3, 2)], at(1)).await.unwrap(), "a gap");
    assert!(bench.store.grow_upload(&new.id, &[part(0, 3), part(3, 1)], at(2)).await.unwrap());
    let other = Store::open(&bench.database).await.unwrap();
    let here = [part(4, 6)];
    let there = [UploadPart { file: "other".into(), ..part(4, 6) }];
    let (one, two) =
        tokio::join!(bench.store.grow_upload(&new.id, &here, at(3)), other.grow_upload(&new.id, &there, at(3)));
    let (one, two) = (one.unwrap(), two.unwrap());
    assert!(one != two, "one of the two who came together is taken");
    let parts = bench.store.upload_parts(&new.id).await.unwrap();
    assert_eq!(parts.iter().map(|part| (part.first_byte, part.bytes)).collect::<Vec<_>>(), [(0, 3), (3, 1), (4, 6)]);
    assert_eq!(parts[2].file == "f4", one, "the part that counts is the one that was taken");
    let seen = bench.store.upload(&new.id).await.unwrap().unwrap();
    assert_eq!((seen.received, seen.parts, seen.touched_at, seen.new), (10, 3, at(3), new.clone()));
    assert_eq!(bench.store.whole_uploads(None, 10).await.unwrap().len(), 1);
    assert!(bench.store.whole_uploads(Some(&new.id), 10).await.unwrap().is_empty(), "nothing after it");
    assert!(bench.store.idle_uploads(at(9), 10).await.unwrap().is_empty(), "it is whole, so it waits for its end");

    let claim = bench.store.claim_upload(&new.id).await.unwrap().expect("nobody has it");
    assert!(other.claim_upload(&new.id).await.unwrap().is_none());
    claim.close().await.unwrap();
    other.claim_upload(&new.id).await.unwrap().expect("given back").close().await.unwrap();

    let submission = SubmissionId::from_uuid(uuid::Uuid::now_v7());
    bench.store.upload_became(&new.id, &submission, at(4)).await.unwrap();
    assert_eq!(bench.store.upload(&new.id).await.unwrap().unwrap().submission, Some(submission));
    assert!(bench.store.whole_uploads(None, 10).await.unwrap().is_empty());
    assert!(bench.store.begin_upload(&new_upload(&client, 5), 1, &entry("upload.begin")).await.unwrap(), "room again");
    assert_eq!(bench.store.idle_uploads(at(3), 10).await.unwrap().len(), 1, "the new one");
    assert_eq!(bench.store.idle_uploads(at(4), 10).await.unwrap().len(), 2);
    bench.store.discard_upload(&new.id, Some(&entry("upload.drop"))).await.unwrap();
    assert!(!bench.store.grow_upload(&new.id, &[part(10, 1)], at(5)).await.unwrap(), "gone");
}

on_both!(whoever_lost_the_work_to_another_writes_nothing_more);
async fn whoever_lost_the_work_to_another_writes_nothing_more(bench: Bench) {
    let seq = bench.begin("s1", Replace).await;
    let turn = bench.begin_work(seq).await.unwrap().turns;
    let mut cut_off = bench.store.stager(seq).await.unwrap();
    let reached = Reached { rows: 2, bytes_read: 100 };
    cut_off.stage_block(vec![held(1, "anna", SCHOOL_A, 1)], [refused(2)], reached).await.unwrap();
    cut_off.flush().await.unwrap();
    // Read by the same mapping and lists: what is staged counts.
    let next = bench.begin_work(seq).await.unwrap();
    assert_eq!((next.rows_done, next.bytes_read, next.turns), (2, 100, turn + 1));
    cut_off.stage([held(3, "boon", SCHOOL_A, 1)]).await.unwrap();
    assert!(matches!(cut_off.flush().await, Err(StoreError::Overtaken)));
    assert!(matches!(bench.store.put_back(seq, turn, 0).await, Err(StoreError::Overtaken)));
    // What it learns of its failure late is not the other's.
    assert!(matches!(bench.store.put_off(seq, turn, 1, at(60)).await, Err(StoreError::Overtaken)));
    let seen = bench.store.submission_by_seq(seq).await.unwrap().unwrap();
    assert_eq!((seen.state, seen.rows_done, seen.try_after), (State::Processing, 2, None));
    // It goes on after what is staged, and commits the whole.
    bench.stage(seq, vec![held(3, "chai", SCHOOL_A, 1)]).await;
    bench.store.put_back(seq, next.turns, 0).await.unwrap();
    let seen = bench.store.submission_by_seq(seq).await.unwrap().unwrap();
    assert_eq!((seen.state, seen.tries, seen.rows_done), (State::Received, 0, 2));
    bench.store.commit_submission(seq, &entry("x"), |change| receipt(2, change)).await.unwrap();
    assert_eq!(bench.visible().await, ["sealed anna 1", "sealed chai 1"]);
}

on_both!(rows_staged_by_something_else_do_not_count);
async fn rows_staged_by_something_else_do_not_count(bench: Bench) {
    let seq = bench.begin("s1", Replace).await;
    bench.begin_work(seq).await.unwrap();
    let mut stager = bench.store.stager(seq).await.unwrap();
    let reached = Reached { rows: 1, bytes_read: 50 };
    stager.stage_block(vec![held(1, "anna", SCHOOL_A, 1)], [], reached).await.unwrap();
    stager.finish().await.unwrap();
    let by = ReadBy {
        mapping_version: 4,
        mapping_sha256: "bb".into(),
        standard: "enrolment/1".into(),
        lists_version: "a register came in between".into(),
    };
    assert_eq!(bench.store.begin_work(seq, by.clone()).await.unwrap().rows_done, 0);
    assert_eq!(bench.store.begin_work(seq, by).await.unwrap().rows_done, 0, "nor after another crash");
}

fn refused(row: u64) -> RefusedRow {
    RefusedRow { row, findings: "[]".into() }
}

on_both!(a_cancelled_submission_takes_no_more_rows_and_is_cleared_once);
async fn a_cancelled_submission_takes_no_more_rows_and_is_cleared_once(bench: Bench) {
    let seq = bench.begin("s1", Replace).await;
    bench.begin_work(seq).await.unwrap();
    let mut stager = bench.store.stager(seq).await.unwrap();
    stager.stage([held(1, "anna", SCHOOL_A, 1)]).await.unwrap();
    stager.flush().await.unwrap();
    bench.store.cancel_submission(seq, &entry("submission.cancel")).await.unwrap();
    stager.stage([held(2, "boon", SCHOOL_A, 1)]).await.unwrap();
    assert!(matches!(stager.flush().await, Err(StoreError::WrongState(State::Cancelled))));
    let commit = bench.store.commit_submission(seq, &entry("x"), |change| receipt(1, change)).await;
    assert!(matches!(commit, Err(StoreError::WrongState(State::Cancelled))));
    let again = bench.store.cancel_submission(seq, &entry("submission.cancel")).await;
    assert!(matches!(again, Err(StoreError::WrongState(State::Cancelled))));
    assert_eq!(bench.store.to_clear(10).await.unwrap().iter().map(|one| one.seq).collect::<Vec<_>>(), [seq]);
    bench.store.discard_staged(seq).await.unwrap();
    bench.store.cleared(seq, at(1)).await.unwrap();
    assert!(bench.store.to_clear(10).await.unwrap().is_empty());
    assert!(bench.visible().await.is_empty());
    assert!(bench.store.unfinished().await.unwrap().is_empty());
}

on_both!(work_is_due_when_its_time_has_come_and_its_register_is_there);
async fn work_is_due_when_its_time_has_come_and_its_register_is_there(bench: Bench) {
    let seq = bench.begin("s1", Replace).await;
    let due = async |now: i64, received_until: i64, registered: bool| {
        let (now, received_until) = (at(now), at(received_until));
        bench.store.due(DueFilter { now, received_until, registered, limit: 10 }).await.unwrap().len()
    };
    assert_eq!(due(10, 10, true).await, 1);
    assert_eq!(due(10, -1, true).await, 0, "it came a moment ago");
    assert_eq!(due(10, 10, false).await, 0, "there is no register");
    bench.begin_work(seq).await.unwrap();
    assert_eq!(due(10, 10, true).await, 1, "left in the middle, for all the store knows");
    bench.store.put_off(seq, 1, 1, at(60)).await.unwrap();
    assert_eq!((due(59, 59, true).await, due(60, 60, true).await), (0, 1));
    bench.store.cancel_submission(seq, &entry("x")).await.unwrap();
    assert_eq!(due(60, 60, true).await, 0);
}
