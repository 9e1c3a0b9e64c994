//! Agreements: approved by one person for each right and by nobody twice, only as they were proposed, and known to their clients.

use super::*;
use crate::domain::agreement::{Standing, Terms};
use crate::domain::approval::{ApprovalKind, ApprovalState};
use crate::domain::ids::{AgreementId, ApprovalId};

fn at(seconds: i64) -> Timestamp {
    Timestamp::from_second(1_780_000_000 + seconds).unwrap()
}

async fn person(bench: &Bench, subject: Option<&str>) -> PersonId {
    let id = PersonId::from_uuid(uuid::Uuid::now_v7());
    let new = NewPerson {
        id: id.clone(),
        login: None,
        sealed: b"sealed".to_vec(),
        agency: None,
        roles: Vec::new(),
        invite: None,
        subject: subject.map(|name| Subject { issuer: "https://id.example".into(), subject: hash(name) }),
        made_at: at(0),
    };
    bench.store.add_person(&new, &entry("person.add")).await.unwrap();
    id
}

async fn client(bench: &Bench) -> ClientId {
    let id = ClientId::from_uuid(uuid::Uuid::now_v7());
    let new = NewClient {
        id: id.clone(),
        name: "export".into(),
        agency: Some(obec()),
        scopes: vec![Scope::AgencySubmit],
        token_hash: id.to_string(),
        created_at: at(0),
    };
    bench.store.add_client(&new, &entry("client.add")).await.unwrap();
    id
}

fn terms(client: &ClientId, contact: &PersonId, until: &str) -> Terms {
    let json = serde_json::json!({
        "agency": "10", "purposes": ["own-records"], "submits": ["obec/enrolments"], "fields": {},
        "clients": [client], "from": "2026-10-01", "until": until, "contact": contact, "service": {},
    });
    serde_json::from_value(json).unwrap()
}

fn act(of: &AgreementId, by: &PersonId, what: &str, now: i64) -> NewApproval {
    NewApproval {
        id: ApprovalId::from_uuid(uuid::Uuid::now_v7()),
        kind: ApprovalKind::Agreement,
        subject: of.to_string(),
        what: what.into(),
        reason: "we send".into(),
        proposed_by: by.clone(),
        proposed_at: at(now),
        until: at(now + 100),
    }
}

async fn draft(bench: &Bench, terms: &Terms, by: &PersonId) -> AgreementId {
    let id = AgreementId::from_uuid(uuid::Uuid::now_v7());
    let request = AgreementRequest { made_by: by.clone(), key: None };
    let new = NewAgreement { id: id.clone(), terms: terms.clone(), renews: None, request, at: at(0) };
    bench.store.add_agreement(&new, &entry("agreement.draft")).await.unwrap();
    id
}

const ADMIN: Decision = Decision::Agrees(Scope::AccessAdmin);
const OFFICER: Decision = Decision::Agrees(Scope::PrivacyOfficer);

on_both!(an_agreement_takes_one_person_for_each_right_and_covers_its_clients_with_the_last);
async fn an_agreement_takes_one_person_for_each_right_and_covers_its_clients_with_the_last(bench: Bench) {
    let store = &bench.store;
    let (asker, anna, boon) = (person(&bench, None).await, person(&bench, None).await, person(&bench, None).await);
    let client = client(&bench).await;
    let id = draft(&bench, &terms(&client, &asker, "2027-09-30"), &asker).await;
    let new = act(&id, &asker, "w1", 1);
    let told = entry("x");
    assert_eq!(store.propose_agreement(&id, 1, &new, &told).await.unwrap(), new.id);
    let again = act(&id, &asker, "w1", 2);
    assert_eq!(store.propose_agreement(&id, 2, &again, &told).await.unwrap(), new.id, "the one that is open");
    let decide =
        async |by: &PersonId, decision| store.decide_agreement(&new.id, by, decision, at(3), &told, &told).await;
    assert!(matches!(decide(&asker, ADMIN).await, Err(StoreError::SamePerson)));
    assert_eq!(decide(&anna, ADMIN).await.unwrap(), None);
    assert!(matches!(decide(&anna, OFFICER).await, Err(StoreError::SamePerson)), "nobody agrees for two rights");
    assert!(matches!(decide(&boon, ADMIN).await, Err(StoreError::ApprovalClosed)), "that consent was given");
    assert!(!store.client(&client).await.unwrap().unwrap().is_covered);
    let before = store.journal_end().await.unwrap();
    assert_eq!(decide(&boon, OFFICER).await.unwrap(), Some(Standing::Approved));
    assert_eq!(store.journal_end().await.unwrap(), before + 2);
    assert!(store.client(&client).await.unwrap().unwrap().is_covered);
    let found = store.agreements_of_client(&client).await.unwrap();
    assert_eq!((found.len(), &found[0].id, found[0].standing), (1, &id, Standing::Approved));
    assert_eq!(store.approval(&new.id).await.unwrap().unwrap().state, ApprovalState::Done);
    let consents = store.consents(&new.id).await.unwrap();
    assert_eq!(
        consents.iter().map(|one| (&one.person, one.right)).collect::<Vec<_>>(),
        [(&anna, Scope::AccessAdmin), (&boon, Scope::PrivacyOfficer)]
    );
    let late = store.change_agreement(&id, 3, &terms(&client, &asker, "2028-09-30"), &told).await;
    assert!(matches!(late, Err(StoreError::AgreementChanged)), "what is agreed on stays: {late:?}");
    assert!(store.terminate_agreement(&id, &told).await.unwrap());
    assert!(!store.terminate_agreement(&id, &told).await.unwrap(), "once");
    let found = store.agreements_of_client(&client).await.unwrap();
    assert_eq!(found[0].standing, Standing::Terminated);
}

on_both!(what_changed_after_it_was_proposed_is_not_what_is_agreed_to);
async fn what_changed_after_it_was_proposed_is_not_what_is_agreed_to(bench: Bench) {
    let store = &bench.store;
    let (asker, anna) = (person(&bench, None).await, person(&bench, Some("anna")).await);
    let client = client(&bench).await;
    let id = draft(&bench, &terms(&client, &asker, "2027-09-30"), &asker).await;
    let (first, told) = (act(&id, &asker, "w1", 1), entry("x"));
    store.propose_agreement(&id, 1, &first, &told).await.unwrap();
    store.decide_agreement(&first.id, &anna, ADMIN, at(2), &told, &told).await.unwrap();
    let other = terms(&client, &asker, "2028-09-30");
    assert!(matches!(store.change_agreement(&id, 1, &other, &told).await, Err(StoreError::AgreementChanged)));
    store.change_agreement(&id, 2, &other, &told).await.unwrap();
    let found = store.agreement(&id).await.unwrap().unwrap();
    assert_eq!((found.standing, found.version, &found.terms), (Standing::Draft, 3, &other));
    assert_eq!(store.approval(&first.id).await.unwrap().unwrap().state, ApprovalState::Void);
    let boon = person(&bench, None).await;
    let late = store.decide_agreement(&first.id, &boon, OFFICER, at(3), &told, &told).await;
    assert!(matches!(late, Err(StoreError::ApprovalClosed)), "{late:?}");
    let second = act(&id, &asker, "w2", 4);
    store.propose_agreement(&id, 3, &second, &told).await.unwrap();
    store.decide_agreement(&second.id, &anna, ADMIN, at(5), &told, &told).await.unwrap();
    // Another account of the one who agreed, at the same subject of a provider.
    let moved = query("UPDATE person_subject SET person = $1 WHERE person = $2");
    moved.bind(boon.as_str()).bind(anna.as_str()).execute(&store.write).await.unwrap();
    let twice = store.decide_agreement(&second.id, &boon, OFFICER, at(6), &told, &told).await;
    assert!(matches!(twice, Err(StoreError::SamePerson)), "{twice:?}");
    let chai = person(&bench, None).await;
    let refused = store.decide_agreement(&second.id, &chai, Decision::Refuses, at(7), &told, &told).await.unwrap();
    assert_eq!(refused, Some(Standing::Rejected));
    assert!(!store.client(&client).await.unwrap().unwrap().is_covered);
    let filter = AgreementFilter { agency: Some(obec()), standing: Some(Standing::Rejected) };
    assert_eq!(store.agreements(filter, 10).await.unwrap().len(), 1);
}

on_both!(one_request_makes_one_draft);
async fn one_request_makes_one_draft(bench: Bench) {
    let store = &bench.store;
    let asker = person(&bench, None).await;
    let terms = terms(&client(&bench).await, &asker, "2027-09-30");
    let request = AgreementRequest { made_by: asker, key: Some("k".into()) };
    let new = |request: &AgreementRequest| NewAgreement {
        id: AgreementId::from_uuid(uuid::Uuid::now_v7()),
        terms: terms.clone(),
        renews: None,
        request: request.clone(),
        at: at(0),
    };
    let first = new(&request);
    store.add_agreement(&first, &entry("x")).await.unwrap();
    let again = store.add_agreement(&new(&request), &entry("x")).await;
    assert!(matches!(again, Err(StoreError::AgreementRequestUsed)), "{again:?}");
    assert_eq!(store.agreement_by_request(&request).await.unwrap().unwrap().id, first.id);
    for _ in 0..2 {
        let nameless = AgreementRequest { key: None, ..request.clone() };
        store.add_agreement(&new(&nameless), &entry("x")).await.unwrap();
    }
}
