//! The access log: whom a look opened is found by the person, newest first, and with the journal or not at all.

use super::*;
use crate::domain::ids::LookId;

fn look(seconds: i64, purpose: &str) -> Look {
    Look {
        id: LookId::from_uuid(uuid::Uuid::now_v7()),
        at: Timestamp::from_second(1_780_000_000 + seconds).unwrap(),
        actor: "operator".into(),
        purpose: purpose.into(),
        fields: vec!["learner_id".into(), "grade".into()],
        source: "10 2026-06-10".into(),
        request: (seconds > 0).then(|| "req_1".into()),
    }
}

on_both!(a_look_is_found_by_each_person_it_opened_newest_first);
async fn a_look_is_found_by_each_person_it_opened_newest_first(bench: Bench) {
    let store = &bench.store;
    let (anna, boon, chai) = (hash("anna"), hash("boon"), hash("chai"));
    let (first, second) = (look(0, "own-records"), look(1, "oversight"));
    let before = store.journal_end().await.unwrap();
    let key = store.begin_look(&first, &[anna, boon, anna], &entry("records.read")).await.unwrap();
    assert_eq!(store.journal_end().await.unwrap(), before + 1);
    store.begin_look(&second, &[anna], &entry("records.read")).await.unwrap();
    store.add_to_look(key, &[boon, chai]).await.unwrap();
    let seen = |found: Vec<(LookKey, Look)>| found.into_iter().map(|(_, look)| look).collect::<Vec<_>>();
    let of = async |learner: &KeyedHash| seen(store.looks_at(learner, None, 10).await.unwrap());
    assert_eq!(of(&anna).await, [second.clone(), first.clone()]);
    assert_eq!(of(&boon).await, std::slice::from_ref(&first), "once, however often it was opened");
    assert_eq!(of(&chai).await, std::slice::from_ref(&first));
    assert_eq!(of(&hash("dara")).await, []);
    let page = store.looks_at(&anna, None, 1).await.unwrap();
    assert_eq!(seen(store.looks_at(&anna, Some(page[0].0), 10).await.unwrap()), std::slice::from_ref(&first));
    assert!(store.begin_look(&first, &[chai], &entry("x")).await.is_err(), "an id is one look's");
    assert_eq!(store.journal_end().await.unwrap(), before + 2, "what was not written is not in the journal");
}
