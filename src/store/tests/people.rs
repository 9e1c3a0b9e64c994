//! People, their sessions and wrong tries: what ends when, what serves once, what two at the same time come to.

use super::*;
use crate::domain::ids::{PersonId, SessionId};
use jiff::SignedDuration;

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + seconds).unwrap()
}

async fn person(bench: &Bench, login: &str) -> PersonId {
    let id = PersonId::from_uuid(uuid::Uuid::now_v7());
    let subject = Subject { issuer: "https://id.example".into(), subject: hash(login) };
    let new = NewPerson {
        id: id.clone(),
        login: Some(hash(login)),
        sealed: b"sealed".to_vec(),
        agency: Some(obec()),
        roles: vec![Scope::AgencySubmit],
        invite: Some(Invite { hash: format!("i-{login}"), until: at(100) }),
        subject: Some(subject),
        made_at: at(0),
    };
    bench.store.add_person(&new, &entry("person.add")).await.unwrap();
    id
}

fn session(person: &PersonId, secret: &str, generation: i64) -> NewSession {
    NewSession {
        hash: secret.into(),
        id: SessionId::from_uuid(uuid::Uuid::now_v7()),
        person: person.clone(),
        generation,
        stage: Stage::In,
        how: How::Password,
        at: at(0),
        ends_at: at(1_000),
    }
}

on_both!(a_person_is_found_by_what_is_known_of_them_and_by_nothing_else);
async fn a_person_is_found_by_what_is_known_of_them_and_by_nothing_else(bench: Bench) {
    let store = &bench.store;
    let id = person(&bench, "anna").await;
    let found = store.person(&id).await.unwrap().unwrap();
    assert_eq!(
        (found.agency, &*found.roles, &*found.sealed),
        (Some(obec()), &[Scope::AgencySubmit][..], &b"sealed"[..])
    );
    assert_eq!((found.password.clone(), found.totp.clone(), found.generation), (None, None, 0));
    assert_eq!(store.person_by_login(hash("anna")).await.unwrap(), Some(found.clone()));
    assert_eq!(store.person_by_login(hash("boon")).await.unwrap(), None);
    assert_eq!(store.person_by_invite("i-anna", at(99)).await.unwrap(), Some(found.clone()));
    assert_eq!(store.person_by_invite("i-anna", at(100)).await.unwrap(), None, "its time is over");
    let subject = |issuer: &str| Subject { issuer: issuer.into(), subject: hash("anna") };
    assert!(store.person_by_subject(&subject("https://id.example")).await.unwrap().is_some());
    assert!(store.person_by_subject(&subject("https://other.example")).await.unwrap().is_none());
    assert_eq!(store.subjects_of(&id).await.unwrap(), [subject("https://id.example")]);

    let again = NewPerson {
        id: PersonId::from_uuid(uuid::Uuid::now_v7()),
        login: Some(hash("anna")),
        sealed: b"x".to_vec(),
        agency: None,
        roles: vec![],
        invite: None,
        subject: None,
        made_at: at(0),
    };
    let refused = store.add_person(&again, &entry("x")).await;
    assert!(matches!(refused, Err(StoreError::PersonExists)), "{refused:?}");
    let linked = NewPerson { login: None, subject: Some(subject("https://id.example")), ..again.clone() };
    let refused = store.add_person(&linked, &entry("x")).await;
    assert!(matches!(refused, Err(StoreError::SubjectTaken)), "{refused:?}");
    assert_eq!(store.people().await.unwrap().len(), 1, "nothing of it stayed");
    // Any number of people without a sign-in name.
    store.add_person(&NewPerson { login: None, ..again.clone() }, &entry("x")).await.unwrap();
    let id = PersonId::from_uuid(uuid::Uuid::now_v7());
    store.add_person(&NewPerson { login: None, id, ..again }, &entry("x")).await.unwrap();
}

on_both!(a_session_ends_by_time_by_its_person_and_by_a_newer_generation);
async fn a_session_ends_by_time_by_its_person_and_by_a_newer_generation(bench: Bench) {
    let store = &bench.store;
    // Another gateway over the same store.
    let other = Store::open(&bench.database).await.unwrap();
    let id = person(&bench, "anna").await;
    let is_there =
        async |secret: &str, now: i64| other.session(secret, at(now), at(now - 100)).await.unwrap().is_some();
    store.sign_in(None, &session(&id, "s1", 0), None, &entry("person.sign-in")).await.unwrap();
    assert!(is_there("s1", 99).await && !is_there("s2", 0).await);
    assert!(!is_there("s1", 100).await, "idle");
    store.session_seen("s1", at(90)).await.unwrap();
    assert!(is_there("s1", 189).await);
    store.session_seen("s1", at(950)).await.unwrap();
    assert!(is_there("s1", 999).await && !is_there("s1", 1_000).await, "at its end, however busy");

    // Signing in again ends the one before in the same browser.
    store.sign_in(Some("s1"), &session(&id, "s2", 0), None, &entry("person.sign-in")).await.unwrap();
    store.sign_in(None, &session(&id, "s3", 0), None, &entry("person.sign-in")).await.unwrap();
    assert!(!is_there("s1", 1).await && is_there("s2", 1).await);
    let own = store.sessions_of(&id, at(1), at(-99)).await.unwrap();
    assert_eq!(own.len(), 2);
    assert!(store.end_session_of(&id, &own[0].id, &entry("x")).await.unwrap());
    assert!(!store.end_session_of(&id, &own[0].id, &entry("x")).await.unwrap());
    assert_eq!(store.sessions_of(&id, at(1), at(-99)).await.unwrap().len(), 1);

    store.end_all_sessions(&id, &entry("x")).await.unwrap();
    assert!(!is_there("s2", 1).await && !is_there("s3", 1).await);
    // Somebody who proved who they are before that comes too late.
    let late = store.sign_in(None, &session(&id, "s4", 0), None, &entry("x")).await;
    assert!(matches!(late, Err(StoreError::NoSuchPerson)), "{late:?}");
    store.sign_in(None, &session(&id, "s5", 1), None, &entry("x")).await.unwrap();
    store.set_roles(&id, &[Scope::CountRun], None, &entry("x")).await.unwrap();
    let (_, seen) = other.session("s5", at(1), at(0 - 99)).await.unwrap().unwrap();
    assert_eq!((seen.roles, seen.agency), (vec![Scope::CountRun], None), "with the next request");
    store.disable_person(&id, &entry("person.disable")).await.unwrap();
    assert!(!is_there("s5", 1).await);
    assert!(store.person_by_login(hash("anna")).await.unwrap().is_none());
    assert!(store.person_by_invite("i-anna", at(1)).await.unwrap().is_none());
    let again = store.disable_person(&id, &entry("x")).await;
    assert!(matches!(again, Err(StoreError::NoSuchPerson)));
    store.enable_person(&id, &entry("x")).await.unwrap();
    assert!(!is_there("s5", 1).await, "what ended does not come back");
}

on_both!(a_code_serves_once_at_whichever_gateway);
async fn a_code_serves_once_at_whichever_gateway(bench: Bench) {
    let id = person(&bench, "anna").await;
    let other = Store::open(&bench.database).await.unwrap();
    let (one, two) = (session(&id, "s1", 0), session(&id, "s2", 0));
    let (entry_one, entry_two) = (entry("x"), entry("x"));
    let (first, second) = tokio::join!(
        bench.store.sign_in(None, &one, Some(59_000_000), &entry_one),
        other.sign_in(None, &two, Some(59_000_000), &entry_two),
    );
    let used = |outcome: &Result<(), StoreError>| matches!(outcome, Err(StoreError::CodeUsed));
    assert!(first.is_ok() && used(&second) || used(&first) && second.is_ok(), "{first:?} {second:?}");
    let earlier = other.sign_in(None, &session(&id, "s3", 0), Some(58_999_999), &entry("x")).await;
    assert!(used(&earlier), "nor does an earlier one");
    other.sign_in(None, &session(&id, "s4", 0), Some(59_000_001), &entry("x")).await.unwrap();
}

on_both!(an_account_is_started_once_and_only_as_it_was_read);
async fn an_account_is_started_once_and_only_as_it_was_read(bench: Bench) {
    let store = &bench.store;
    let id = person(&bench, "anna").await;
    let early = store.person_started(&id, 0, "hash", 7, &entry("x")).await;
    assert!(matches!(early, Err(StoreError::NoSuchPerson)), "no authenticator was set up");
    store.enrol_totp(&id, b"sealed totp").await.unwrap();
    store.person_started(&id, 0, "hash", 7, &entry("x")).await.unwrap();
    let found = store.person(&id).await.unwrap().unwrap();
    assert_eq!((found.password.as_deref(), found.totp.as_deref()), (Some("hash"), Some(&b"sealed totp"[..])));
    assert_eq!((found.totp_next, found.totp_step, found.generation, found.invite_until), (None, 7, 1, None));
    assert!(store.person_started(&id, 0, "other", 8, &entry("x")).await.is_err(), "the second of two");
    assert!(store.person_by_invite("i-anna", at(1)).await.unwrap().is_none(), "the one-time code is used");
    assert!(store.set_password(&id, 0, "late", &entry("x")).await.is_err());
    store.set_password(&id, 1, "new", &entry("x")).await.unwrap();
    store.reset_person(&id, &Invite { hash: "i2".into(), until: at(50) }, &entry("x")).await.unwrap();
    let found = store.person_by_invite("i2", at(1)).await.unwrap().unwrap();
    assert_eq!((found.password, found.totp, found.totp_step, found.generation), (None, None, 0, 3));
}

fn mark(name: &str, free: i64) -> TryMark {
    TryMark { mark: hash(name), free }
}

on_both!(wrong_tries_wait_longer_and_longer_and_one_begins_it_in_the_journal);
async fn wrong_tries_wait_longer_and_longer_and_one_begins_it_in_the_journal(bench: Bench) {
    let store = &bench.store;
    let (account, source) = (mark("account", 3), mark("source", 100));
    let both = [account, source];
    let (mut now, mut waits) = (0, Vec::new());
    for _ in 0..8 {
        let waited = store.begin_try(&both, at(now), &entry("person.sign-in-slowed")).await.unwrap();
        if let Some(until) = waited {
            waits.push(until.as_second() - at(now).as_second());
            // What had to wait did not count: the same answer again.
            assert_eq!(store.begin_try(&both, at(now), &entry("x")).await.unwrap(), Some(until));
            now = until.as_second() - at(0).as_second();
        }
    }
    assert_eq!(waits, [1, 2, 4], "three are free, then each one more waits");
    let slowed = store.journal(0, 100).await.unwrap();
    assert_eq!(slowed.iter().filter(|told| told.entry.act == "person.sign-in-slowed").count(), 1);
    // Another account from the same source is not held up; the source has counted along.
    let third = [mark("third", 3), source];
    assert_eq!(store.begin_try(&third, at(now), &entry("x")).await.unwrap(), None);
    store.end_try(&[source], &[account], at(now)).await.unwrap();
    assert_eq!(store.begin_try(&both, at(now), &entry("x")).await.unwrap(), None, "who was right begins anew");
    // A day without a failure is forgotten.
    let later = at(now) + SignedDuration::from_hours(25);
    for _ in 0..3 {
        assert_eq!(store.begin_try(&[mark("third", 3)], later, &entry("x")).await.unwrap(), None);
    }
}

on_both!(many_tries_at_the_same_time_are_counted_one_after_another);
async fn many_tries_at_the_same_time_are_counted_one_after_another(bench: Bench) {
    let other = Store::open(&bench.database).await.unwrap();
    let tries = (0..12).map(|number| {
        let store = if number % 2 == 0 { bench.store.clone() } else { other.clone() };
        async move { store.begin_try(&[mark("account", 3)], at(0), &entry("x")).await.unwrap().is_none() }
    });
    let let_in = futures_util::future::join_all(tries).await.into_iter().filter(|is_in| *is_in).count();
    assert_eq!(let_in, 3, "the third begins the wait, and nobody slips in beside it");
}

on_both!(a_sign_in_at_a_provider_is_taken_up_once_by_its_browser_until_its_end);
async fn a_sign_in_at_a_provider_is_taken_up_once_by_its_browser_until_its_end(bench: Bench) {
    let (store, other) = (&bench.store, Store::open(&bench.database).await.unwrap());
    let flow = |state: &str, until: i64| SsoFlow {
        state: state.into(),
        browser: "browser".into(),
        sealed: b"sealed".to_vec(),
        until: at(until),
    };
    store.begin_sso(&flow("one", 600), at(0)).await.unwrap();
    store.begin_sso(&flow("two", 600), at(0)).await.unwrap();
    assert_eq!(other.take_sso("one", "another browser", at(1)).await.unwrap(), None, "and it is not used up by that");
    assert_eq!(other.take_sso("two", "browser", at(600)).await.unwrap(), None, "its time is over");
    let both =
        futures_util::future::join(store.take_sso("one", "browser", at(1)), other.take_sso("one", "browser", at(1)));
    let (first, second) = both.await;
    let taken: Vec<_> = [first.unwrap(), second.unwrap()].into_iter().flatten().collect();
    assert_eq!(taken, [b"sealed".to_vec()], "one of two");
    store.begin_sso(&flow("three", 1_200), at(600)).await.unwrap();
    assert_eq!(store.take_sso("two", "browser", at(1)).await.unwrap(), None, "what is over is cleared away");
}
