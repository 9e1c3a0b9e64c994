//! Service levels: what several gateways measured adds up, and a month is closed once.

use super::*;
use crate::domain::agreement::Terms;
use crate::domain::ids::AgreementId;
use crate::domain::service::Tally;
use jiff::civil::Date;

fn tally(times: &[u64], failed: u64) -> Tally {
    let mut tally = Tally::default();
    times.iter().for_each(|ms| tally.note(false, *ms));
    tally.failed = failed;
    tally
}

fn measured(day: Date, client: &ClientId, class: &str, tally: Tally) -> ServiceTally {
    ServiceTally { day, client: client.clone(), class: class.into(), tally }
}

/// An agreement that covers one client, past the persons who would agree to it.
async fn covering(bench: &Bench, client: &ClientId) -> AgreementId {
    let person = PersonId::from_uuid(uuid::Uuid::now_v7());
    let at = Timestamp::from_second(1_780_000_000).unwrap();
    let new = NewPerson {
        id: person.clone(),
        login: None,
        sealed: b"sealed".to_vec(),
        agency: None,
        roles: Vec::new(),
        invite: None,
        subject: None,
        made_at: at,
    };
    bench.store.add_person(&new, &entry("person.add")).await.unwrap();
    let new = NewClient {
        id: client.clone(),
        name: "export".into(),
        agency: Some(obec()),
        scopes: vec![Scope::AgencySubmit],
        token_hash: client.to_string(),
        created_at: at,
    };
    bench.store.add_client(&new, &entry("client.add")).await.unwrap();
    let terms: Terms = serde_json::from_value(serde_json::json!({
        "agency": "10", "purposes": [], "submits": ["obec/enrolments"], "fields": {}, "clients": [client],
        "from": "2026-10-01", "until": "2027-09-30", "contact": person, "service": {},
    }))
    .unwrap();
    let id = AgreementId::from_uuid(uuid::Uuid::now_v7());
    let request = AgreementRequest { made_by: person, key: None };
    bench
        .store
        .add_agreement(&NewAgreement { id: id.clone(), terms, renews: None, request, at }, &entry("x"))
        .await
        .unwrap();
    let cover = query("INSERT INTO agreement_client (client, agreement) VALUES ($1, $2)");
    cover.bind(client.as_str()).bind(id.as_str()).execute(&bench.store.write).await.unwrap();
    id
}

on_both!(what_several_gateways_measured_adds_up_by_class_within_the_days);
async fn what_several_gateways_measured_adds_up_by_class_within_the_days(bench: Bench) {
    let other = Store::open(&bench.database).await.unwrap();
    let client = ClientId::from_uuid(uuid::Uuid::now_v7());
    let stranger = ClientId::from_uuid(uuid::Uuid::now_v7());
    let agreement = covering(&bench, &client).await;
    let (first, last) = (date(2026, 11, 1), date(2026, 11, 30));
    let ours = [
        measured(first, &client, "read", tally(&[3, 40], 1)),
        measured(last, &client, "submit", tally(&[900], 0)),
        measured(last, &stranger, "read", tally(&[1], 1)),
        measured(date(2026, 12, 1), &client, "read", tally(&[1], 0)),
    ];
    let theirs =
        [measured(first, &client, "read", tally(&[3, 90_000], 0)), measured(last, &client, "read", tally(&[1], 0))];
    let (one, two) = tokio::join!(bench.store.add_service(&ours, (first, 7)), other.add_service(&theirs, (first, 8)));
    one.unwrap();
    two.unwrap();
    other.add_service(&[], (first, 8)).await.unwrap();
    let found = bench.store.service_of(&agreement, first, last).await.unwrap();
    assert_eq!(found, [("read".into(), tally(&[1, 3, 3, 40, 90_000], 1)), ("submit".into(), tally(&[900], 0))]);
    let (days, first_ever) = other.gateway_minutes(first, last).await.unwrap();
    assert_eq!((days.len(), days[0].1.count(), days[0].1.first(), first_ever), (1, 2, Some(7), Some(first)));
    assert_eq!(other.gateway_minutes(last, last).await.unwrap(), (Vec::new(), Some(first)));
}

on_both!(a_month_is_closed_once_with_its_entry_in_the_journal);
async fn a_month_is_closed_once_with_its_entry_in_the_journal(bench: Bench) {
    let agreement = covering(&bench, &ClientId::from_uuid(uuid::Uuid::now_v7())).await;
    let closed = |report: &str| ClosedReport {
        report: report.into(),
        jws: "a.b.c".into(),
        closed_at: Timestamp::from_second(1_780_000_000).unwrap(),
    };
    assert_eq!(bench.store.closed_service_month(&agreement, "2026-11").await.unwrap(), None);
    let close = async |report: &str| {
        bench.store.close_service_month(&agreement, "2026-11", &closed(report), &entry("service.close")).await.unwrap()
    };
    let before = bench.store.journal_end().await.unwrap();
    assert!(close("{}").await);
    assert!(!close("{\"other\": 1}").await);
    assert_eq!(bench.store.journal_end().await.unwrap(), before + 1);
    assert_eq!(bench.store.closed_service_month(&agreement, "2026-11").await.unwrap(), Some(closed("{}")));
}

on_both!(the_agencys_files_say_when_each_round_came_first_and_what_of_it_was_taken);
async fn the_agencys_files_say_when_each_round_came_first_and_what_of_it_was_taken(bench: Bench) {
    let store = &bench.store;
    assert!(store.last_committed(obec(), Timestamp::MAX).await.unwrap().is_empty());
    bench.submit("s1", Replace, vec![held(1, "anna", SCHOOL_A, 1), held(2, "boon", SCHOOL_A, 1)]).await;
    bench.submit("s2", Replace, vec![held(1, "anna", SCHOOL_A, 2)]).await;
    let last = store.last_committed(obec(), Timestamp::MAX).await.unwrap();
    assert_eq!((last.len(), last[0].0.as_str()), (1, "obec/enrolments"));
    assert!(store.last_committed(obec(), Timestamp::UNIX_EPOCH).await.unwrap().is_empty());
    let first = store.first_committed(obec()).await.unwrap();
    assert_eq!((first.len(), first[0].1, first[0].2 <= last[0].1), (1, round(), true));
    let files = store.first_files(obec(), Timestamp::UNIX_EPOCH, Timestamp::MAX).await.unwrap();
    assert_eq!((files.len(), files[0].receipt.as_ref().unwrap().received), (1, 2), "the first file alone");
    assert!(
        store
            .first_files(AgencyCode::parse("dole").unwrap(), Timestamp::UNIX_EPOCH, Timestamp::MAX)
            .await
            .unwrap()
            .is_empty()
    );
}
