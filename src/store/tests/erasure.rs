//! Erasure in the store: all of one person and nobody else's, on the version that was decided on; what an open request holds.

use super::*;
use crate::domain::ids::SubjectRequestId;
use crate::domain::subject::{RequestKind, RequestState};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn decision() -> RequestDecision {
    RequestDecision {
        state: RequestState::Fulfilled,
        by: "operator".into(),
        ground: Some("unlawful".into()),
        outcome: None,
    }
}

async fn request(bench: &Bench, learner: &str, holds: Vec<i64>) -> SubjectRequestId {
    let new = NewSubjectRequest {
        id: SubjectRequestId::from_uuid(uuid::Uuid::now_v7()),
        kind: RequestKind::Erasure,
        learner: hash(learner),
        sealed: b"sealed".to_vec(),
        received_on: date(2026, 7, 10),
        due_on: date(2026, 8, 9),
        at: at("2026-07-10T00:00:00Z"),
        by: "operator".into(),
        correction: None,
        holds,
    };
    bench.store.add_subject_request(&new, &entry("subject.request")).await.unwrap();
    new.id
}

async fn count(bench: &Bench, sql: &'static str) -> i64 {
    query_scalar(sql).fetch_one(&bench.store.read).await.unwrap()
}

on_both!(every_statement_of_the_person_goes_hidden_ones_too_and_nobody_elses);
async fn every_statement_of_the_person_goes_hidden_ones_too_and_nobody_elses(bench: Bench) {
    let rows = vec![held(1, "anna", SCHOOL_A, 1), held(2, "boon", SCHOOL_A, 1), held(3, "anna", SCHOOL_B, 1)];
    let (first, _) = bench.submit("s1", Replace, rows).await;
    let (second, _) = bench.submit("s2", Delta, vec![held(1, "anna", SCHOOL_A, 2), held(2, "chai", SCHOOL_A, 1)]).await;
    let of_anna = bench.store.statements_about(&hash("anna"), 10).await.unwrap();
    let told: Vec<_> = of_anna.iter().map(|one| (one.submission_key, one.row, one.in_force)).collect();
    assert_eq!(told, [(first, 1, false), (first, 3, true), (second, 1, true)]);
    let id = request(&bench, "anna", vec![first, second]).await;
    let journal = bench.store.journal_end().await.unwrap();
    let stale = bench.store.erase_statements(&hash("anna"), &of_anna, (&id, 7), &decision(), &entry("x")).await;
    assert!(matches!(stale, Err(StoreError::RequestChanged)), "{stale:?}");
    assert_eq!(bench.store.statements_about(&hash("anna"), 10).await.unwrap(), of_anna, "nothing of it was done");
    assert_eq!(bench.store.journal_end().await.unwrap(), journal);
    bench
        .store
        .erase_statements(&hash("anna"), &of_anna, (&id, 1), &decision(), &entry("subject.erase"))
        .await
        .unwrap();
    assert_eq!(bench.store.statements_about(&hash("anna"), 10).await.unwrap(), []);
    assert_eq!(bench.visible().await, ["sealed boon 1", "sealed chai 1"]);
    assert_eq!(count(&bench, "SELECT count(*) FROM vault_record").await, 2);
    assert_eq!(count(&bench, "SELECT count(*) FROM superseded").await, 0);
    assert_eq!(bench.store.erased_in(round()).await.unwrap(), 3);
    let erased = bench.store.erased_of(first).await.unwrap();
    assert_eq!((erased[0].rows, erased[0].request.as_deref()), (2, Some(id.as_str())));
    let again = bench.store.erase_statements(&hash("boon"), &[], (&id, 2), &decision(), &entry("x")).await;
    assert!(matches!(again, Err(StoreError::RequestChanged)), "decided once");
    // What comes later is a new statement, and hides nothing that is gone.
    bench.submit("s3", Delta, vec![held(1, "anna", SCHOOL_A, 3)]).await;
    assert_eq!(bench.visible().await, ["sealed anna 3", "sealed boon 1", "sealed chai 1"]);
}

on_both!(looks_go_by_their_purpose_but_those_at_somebody_who_asks);
async fn looks_go_by_their_purpose_but_those_at_somebody_who_asks(bench: Bench) {
    let store = &bench.store;
    let look = |purpose: &str, day: &str| Look {
        id: crate::domain::ids::LookId::from_uuid(uuid::Uuid::now_v7()),
        at: at(&format!("{day}T00:00:00Z")),
        actor: "operator".into(),
        purpose: purpose.into(),
        fields: vec![],
        source: "x".into(),
        request: None,
    };
    let (anna, boon) = (hash("anna"), hash("boon"));
    for (purpose, day, learners) in [
        ("oversight", "2020-01-01", vec![anna, boon]),
        ("oversight", "2020-01-02", vec![boon]),
        ("oversight", "2026-01-01", vec![boon]),
        ("own-records", "2020-01-01", vec![boon]),
    ] {
        store.begin_look(&look(purpose, day), &learners, &entry("x")).await.unwrap();
    }
    request(&bench, "anna", vec![]).await;
    assert_eq!(store.purposes_of_looks().await.unwrap(), ["oversight", "own-records"]);
    let before = at("2025-01-01T00:00:00Z");
    let over = store.looks_over("oversight", before).await.unwrap();
    assert_eq!((over.free, over.held), (1, 1));
    let (gone, next) = store.erase_looks("oversight", before, 0).await.unwrap();
    assert_eq!(gone, 1);
    assert_eq!(store.erase_looks("oversight", before, next.unwrap()).await.unwrap(), (0, None));
    assert_eq!(store.looks_over("oversight", before).await.unwrap(), OverCount { free: 0, held: 1 });
    let seen =
        |found: Vec<(LookKey, Look)>| found.into_iter().map(|(_, look)| (look.purpose, look.at)).collect::<Vec<_>>();
    assert_eq!(seen(store.looks_at(&anna, None, 10).await.unwrap()).len(), 1);
    assert_eq!(
        seen(store.looks_at(&boon, None, 10).await.unwrap()),
        [
            ("own-records".to_owned(), at("2020-01-01T00:00:00Z")),
            ("oversight".to_owned(), at("2026-01-01T00:00:00Z")),
            ("oversight".to_owned(), at("2020-01-01T00:00:00Z")),
        ]
    );
    assert_eq!(count(&bench, "SELECT count(*) FROM access_log").await, 4);
}
