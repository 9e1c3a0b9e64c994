//! Acts of two persons: never by one, never twice, never something else than was agreed to.

use super::*;
use crate::domain::approval::{ApprovalKind, ApprovalState};
use crate::domain::ids::{ApprovalId, PersonId};

const KIND: ApprovalKind = ApprovalKind::DatasetPublish;
const YES: Decision = Decision::Agrees(Scope::OpendataPublish);

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + seconds).unwrap()
}

async fn person(bench: &Bench, subject: Option<&str>) -> PersonId {
    let id = PersonId::from_uuid(uuid::Uuid::now_v7());
    let subject = subject.map(|name| Subject { issuer: "https://id.example".into(), subject: hash(name) });
    let new = NewPerson {
        id: id.clone(),
        login: None,
        sealed: b"sealed".to_vec(),
        agency: None,
        roles: vec![Scope::OpendataPublish],
        invite: None,
        subject,
        made_at: at(0),
    };
    bench.store.add_person(&new, &entry("person.add")).await.unwrap();
    id
}

fn proposal(by: &PersonId, what: &str, now: i64) -> NewApproval {
    NewApproval {
        id: ApprovalId::from_uuid(uuid::Uuid::now_v7()),
        kind: KIND,
        subject: "count-summary".into(),
        what: what.into(),
        reason: "ready".into(),
        proposed_by: by.clone(),
        proposed_at: at(now),
        until: at(now + 100),
    }
}

async fn state(bench: &Bench, id: &ApprovalId) -> ApprovalState {
    bench.store.approval(id).await.unwrap().unwrap().state
}

on_both!(an_act_is_agreed_to_by_another_person_and_done_once);
async fn an_act_is_agreed_to_by_another_person_and_done_once(bench: Bench) {
    let store = &bench.store;
    let (anna, boon) = (person(&bench, None).await, person(&bench, None).await);
    let new = proposal(&anna, "w1", 0);
    store.propose(&new, &entry("approval.propose")).await.unwrap();
    let again = store.propose(&proposal(&boon, "w1", 1), &entry("x")).await;
    assert!(matches!(again, Err(StoreError::ApprovalOpen)), "{again:?}");
    let early = store.carry_out(KIND, "count-summary", "w1", at(1), &entry("x")).await;
    assert!(matches!(early, Err(StoreError::NotApproved)), "{early:?}");
    let own = store.decide(&new.id, &anna, YES, at(1), &entry("x")).await;
    assert!(matches!(own, Err(StoreError::SamePerson)), "{own:?}");
    store.decide(&new.id, &boon, YES, at(1), &entry("approval.approve")).await.unwrap();
    let seen = store.approval(&new.id).await.unwrap().unwrap();
    assert_eq!((&seen.new, seen.state, seen.decided_by.as_ref()), (&new, ApprovalState::Approved, Some(&boon)));
    for (subject, what) in [("count-summary", "w2"), ("other", "w1")] {
        let other = store.carry_out(KIND, subject, what, at(2), &entry("x")).await;
        assert!(matches!(other, Err(StoreError::NotApproved)), "something else than was agreed to");
    }
    let before = store.journal_end().await.unwrap();
    store.carry_out(KIND, "count-summary", "w1", at(2), &entry("dataset.publish")).await.unwrap();
    assert_eq!(store.journal_end().await.unwrap(), before + 1);
    assert!(store.carry_out(KIND, "count-summary", "w1", at(2), &entry("x")).await.is_err(), "once");
    assert_eq!(store.journal_end().await.unwrap(), before + 1, "what was not done is not in the journal");
    assert_eq!(state(&bench, &new.id).await, ApprovalState::Done);
    store.propose(&proposal(&anna, "w1", 3), &entry("x")).await.unwrap();
    assert_eq!(store.approvals(10).await.unwrap().len(), 2);
}

on_both!(another_account_of_the_same_person_does_not_decide);
async fn another_account_of_the_same_person_does_not_decide(bench: Bench) {
    let store = &bench.store;
    let first = person(&bench, Some("anna")).await;
    let new = proposal(&first, "w1", 0);
    store.propose(&new, &entry("x")).await.unwrap();
    // The account is given up, and its subject linked to a new one.
    let second = person(&bench, None).await;
    let moved = query("UPDATE person_subject SET person = $1 WHERE person = $2");
    moved.bind(second.as_str()).bind(first.as_str()).execute(&store.write).await.unwrap();
    let own = store.decide(&new.id, &second, YES, at(1), &entry("x")).await;
    assert!(matches!(own, Err(StoreError::SamePerson)), "{own:?}");
    let other = person(&bench, Some("boon")).await;
    store.decide(&new.id, &other, YES, at(1), &entry("x")).await.unwrap();
}

on_both!(what_changed_or_is_past_its_time_is_void);
async fn what_changed_or_is_past_its_time_is_void(bench: Bench) {
    let store = &bench.store;
    let (anna, boon) = (person(&bench, None).await, person(&bench, None).await);
    let first = proposal(&anna, "w1", 0);
    store.propose(&first, &entry("x")).await.unwrap();
    store.decide(&first.id, &boon, YES, at(1), &entry("x")).await.unwrap();
    // The subject changed: what was agreed to is not what is to be done now.
    let second = proposal(&anna, "w2", 2);
    store.propose(&second, &entry("x")).await.unwrap();
    assert_eq!(state(&bench, &first.id).await, ApprovalState::Void);
    assert!(store.carry_out(KIND, "count-summary", "w1", at(3), &entry("x")).await.is_err());
    let late = store.decide(&second.id, &boon, YES, at(102), &entry("x")).await;
    assert!(matches!(late, Err(StoreError::ApprovalClosed)), "{late:?}");
    // A proposal past its time makes room for the same again.
    let third = proposal(&anna, "w2", 103);
    store.propose(&third, &entry("x")).await.unwrap();
    store.decide(&third.id, &boon, YES, at(104), &entry("x")).await.unwrap();
    assert!(
        store.carry_out(KIND, "count-summary", "w2", at(203), &entry("x")).await.is_err(),
        "agreed to, and too late"
    );
    let fourth = proposal(&boon, "w3", 204);
    store.propose(&fourth, &entry("x")).await.unwrap();
    store.decide(&fourth.id, &anna, Decision::Refuses, at(205), &entry("x")).await.unwrap();
    let after = store.decide(&fourth.id, &anna, YES, at(206), &entry("x")).await;
    assert!(matches!(after, Err(StoreError::ApprovalClosed)), "{after:?}");
}

on_both!(of_two_at_the_same_time_one_decides_and_one_carries_out);
async fn of_two_at_the_same_time_one_decides_and_one_carries_out(bench: Bench) {
    let other = Store::open(&bench.database).await.unwrap();
    let (anna, boon, chai) = (person(&bench, None).await, person(&bench, None).await, person(&bench, None).await);
    let (one, two) = (proposal(&anna, "w1", 0), proposal(&boon, "w1", 0));
    let told = entry("x");
    let proposed = tokio::join!(bench.store.propose(&one, &told), other.propose(&two, &told));
    let (id, free) = match proposed {
        (Ok(()), Err(StoreError::ApprovalOpen)) => (one.id, boon),
        (Err(StoreError::ApprovalOpen), Ok(())) => (two.id, anna),
        outcome => panic!("{outcome:?}"),
    };
    let (yes, no) = (YES, YES);
    let decided =
        tokio::join!(bench.store.decide(&id, &chai, yes, at(1), &told), other.decide(&id, &free, no, at(1), &told));
    assert!(
        matches!(decided, (Ok(()), Err(StoreError::ApprovalClosed)) | (Err(StoreError::ApprovalClosed), Ok(()))),
        "{decided:?}"
    );
    let act = async |store: &Store| store.carry_out(KIND, "count-summary", "w1", at(2), &told).await;
    let done = tokio::join!(act(&bench.store), act(&other), act(&bench.store), act(&other));
    let done = [done.0.is_ok(), done.1.is_ok(), done.2.is_ok(), done.3.is_ok()];
    assert_eq!(done.iter().filter(|done| **done).count(), 1, "{done:?}");
}
