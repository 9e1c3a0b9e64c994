//! Service levels: reports of requests and files that were counted by hand, over several gateways, and months that are closed once.

use super::agreements::{Table, client_id, day, wish};
use super::harness::cli::Saphan;
use super::harness::{Gateway, sample};
use super::receipts::read_by_another;
use jiff::ToSpan;
use jiff::civil::Date;
use reqwest::Method;
use saphan::app::service::ServiceView;
use saphan::domain::day::day_in_thailand;
use saphan::domain::ids::AgreementId;
use saphan::domain::principal::Principal;
use saphan::domain::round::Round;
use saphan::domain::service::{Month, start_of};
use serde_json::{Value, json};
use std::path::Path;

const OPERATOR: Principal = Principal::Operator;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let (path, name) = (entry.as_ref().unwrap().path(), entry.unwrap().file_name());
        let to = to.join(name);
        if path.is_dir() {
            copy(&path, &to);
        } else {
            std::fs::copy(&path, &to).unwrap();
        }
    }
}

/// The last round whose count day is not after this day.
fn last_round(today: Date) -> Round {
    let mut day = today;
    loop {
        let round = Round::next_from(day);
        if round.count_day() <= today {
            return round;
        }
        day = day.checked_sub(30.days()).unwrap();
    }
}

/// Schemas in which the last round is due tomorrow.
fn schemas_due(round: Round, due: Date) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas"), folder.path());
    let text = format!("days_after_count_day: 30\nrounds:\n- {{round: {round}, due: {due}}}\n");
    std::fs::write(folder.path().join("rounds/due-days.yaml"), text).unwrap();
    folder
}

async fn report(gateway: &Gateway, id: &str, month: Month) -> ServiceView {
    gateway.app.service_report(&OPERATOR, &AgreementId::parse(id).unwrap(), month).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_report_says_what_was_counted_by_hand_and_a_closed_month_does_not_change() {
    let today = day_in_thailand(jiff::Timestamp::now());
    let (round, due) = (last_round(today), today.tomorrow().unwrap());
    let schemas = schemas_due(round, due);
    let settings = [("SAPHAN_SCHEMAS", schemas.path().to_str().unwrap())];
    let one = Gateway::start_with(&settings);
    one.send_register().await;
    let table = Table::new(&one).await;
    let mut wish = wish(&one, &table.officer).await;
    wish["from"] = json!(round.to_string());
    wish["service"] = json!({
        "availability_bp": 9_000, "read_p95_ms": 600_000, "submit_p95_ms": 600_000, "freshness_days": 1,
        "on_time_bp": 10_000, "first_time_bp": 9_999,
    });
    let id = table.agree(&one, wish).await;
    let (two, full) = (one.beside_with(&settings, false), one.beside_with(&settings, true));

    // Counted by hand: of the covered client 7 that read and 3 that send, one of them failed; others are nobody's business here.
    let path = format!("/v1/submissions?mapping=obec/enrolments&round={round}");
    let send = async |gateway: &Gateway, file: Vec<u8>| {
        gateway.by_one_of(&one, "obec", Method::POST, &path).body(file).send().await.unwrap()
    };
    let sent = send(&one, sample("obec.csv")).await;
    assert_eq!(sent.status(), 201, "{}", sent.text().await.unwrap());
    let receipt: Value = sent.json::<Value>().await.unwrap()["receipt"].clone();
    assert_eq!(send(&two, sample("obec.csv")).await.status(), 201, "again: not the round's first file");
    assert_eq!(send(&full, b"x".to_vec()).await.status(), 503);
    for (gateway, path, status) in [
        (&one, "/v1/submissions", 200),
        (&one, "/v1/submissions?limit=1", 200),
        (&one, "/v1/submissions?limit=x", 400),
        (&one, "/v1/submissions/sub_x", 404),
        (&two, "/v1/submissions", 200),
        (&two, "/v1/records/enrolments?round=2026-06-10&agency=dole", 403),
        (&full, "/v1/submissions", 200),
    ] {
        let response = gateway.by_one_of(&one, "obec", Method::GET, path).send().await.unwrap();
        assert_eq!(response.status().as_u16(), status, "{path}");
    }
    for (client, path) in [("dole", "/v1/submissions"), ("ministry", "/v1/submissions"), ("obec", "/healthz")] {
        one.by(client, Method::GET, path).send().await.unwrap();
    }
    for gateway in [&one, &two, &full, &one] {
        gateway.app.flush_service().await.unwrap();
    }

    let month = Month::of(day_in_thailand(one.now()));
    let path = format!("/v1/agreements/{id}/service?month={month}");
    let seen = table.officer.call(&two, Method::GET, &path, json!(null)).await;
    assert_eq!(seen.status, 200, "{}", seen.text);
    let requests = seen.body["requests"].as_array().unwrap();
    let counts: Vec<_> =
        requests.iter().map(|of| (of["class"].as_str().unwrap(), &of["answered"], &of["failed"])).collect();
    assert_eq!(counts, [("read", &7.into(), &0.into()), ("submit", &3.into(), &1.into())], "{}", seen.text);
    for of in requests {
        let [p50, p95, p99] = ["p50_ms", "p95_ms", "p99_ms"].map(|name| of[name].as_u64().unwrap());
        assert!(0 < p50 && p50 <= p95 && p95 <= p99, "{of}");
    }
    assert_eq!(seen.body["availability_bp"], 9_000, "9 of 10");
    assert!(seen.body["gateway_bp"].as_u64().is_none_or(|share| share <= 10_000));
    assert_eq!(seen.body["data_sets"][0]["mapping"], "obec/enrolments");
    assert!(seen.body["data_sets"][0]["age_days"].as_u64().unwrap() <= 1);
    let first = &seen.body["first"];
    assert_eq!((&first["files"], &first["rows_received"]), (&1.into(), &receipt["received"]));
    assert_eq!(first["rows_accepted"], receipt["accepted"]);
    let kept = |body: &Value, name: &str| {
        let promise = body["promises"].as_array().unwrap().iter().find(|one| one["name"] == name).unwrap();
        promise["is_kept"].as_bool()
    };
    assert_eq!(seen.body["rounds"], json!([]), "not due yet");
    assert_eq!(kept(&seen.body, "on_time_bp"), None);
    for (name, is_kept) in
        [("availability_bp", true), ("read_p95_ms", true), ("freshness_days", true), ("first_time_bp", false)]
    {
        assert_eq!(kept(&seen.body, name), Some(is_kept), "{name}: {}", seen.text);
    }
    let early = table.officer.call(&two, Method::GET, &path.replace("service?", "service.jws?"), json!(null)).await;
    assert_eq!(early.status, 409);
    let none = table.officer.call(&two, Method::GET, &path.replace(&month.to_string(), "2020-01"), json!(null)).await;
    assert_eq!(none.status, 404, "{}", none.text);

    let saphan = Saphan::over(one.home());
    let told = |lang: &str| {
        let arguments = ["agreement", "report", "--month", &month.to_string(), "--agency", "obec", "--lang", lang];
        let output = saphan.command(&arguments).env("SAPHAN_SCHEMAS", schemas.path()).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "a promise is not kept: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    };
    let english = told("en");
    for words in ["not closed yet", "90.00 %", "7 answered · 0 failed", "3 answered · 1 failed", "✗ first_time_bp"]
    {
        assert!(english.contains(words), "{words}: {english}");
    }
    assert!(told("th").contains("ยังไม่ปิดเดือน"));

    // The month of the due day is over at all gateways: one of them closes it, once, and what is counted later does not change it.
    let due_month = Month::of(due);
    let after = start_of(due_month.last().tomorrow().unwrap()).as_second() + 7_200;
    for gateway in [&one, &two] {
        gateway.advance(after - gateway.now().as_second());
    }
    let (first, second) = tokio::join!(one.app.close_service_months(), two.app.close_service_months());
    let closed = first.unwrap() + second.unwrap();
    assert!(closed >= 1);
    assert_eq!(one.app.close_service_months().await.unwrap() + two.app.close_service_months().await.unwrap(), 0);
    let before = report(&one, &id, due_month).await;
    assert!(before.closed_at.is_some());
    let rounds: Vec<_> = before.report.rounds.iter().map(|of| (of.round.as_str(), of.is_on_time)).collect();
    assert_eq!(rounds, [(round.to_string().as_str(), true)]);
    assert_eq!(before.report.on_time_bp, Some(10_000));
    one.by("obec", Method::GET, "/v1/submissions").send().await.unwrap();
    one.app.flush_service().await.unwrap();
    assert_eq!(report(&two, &id, due_month).await.report, before.report);
    let agreement = AgreementId::parse(&id).unwrap();
    let signed = two.app.signed_service_report(&OPERATOR, &agreement, due_month).await.unwrap();
    let read = read_by_another(&one, &signed).await;
    assert_eq!((&read["header"]["typ"], &read["claims"]["sub"]), (&"saphan-service+jwt".into(), &id.as_str().into()));
    assert_eq!(read["claims"]["report"], serde_json::to_value(&before.report).unwrap());
    let told = one.another_store().await.journal(0, 10_000).await.unwrap();
    assert_eq!(told.iter().filter(|told| told.entry.act == "service.close").count() as u64, closed);
}

#[tokio::test]
async fn a_client_that_no_agreement_of_the_agency_covers_is_in_no_report() {
    let gateway = Gateway::start();
    let table = Table::new(&gateway).await;
    let id = table.agree(&gateway, wish(&gateway, &table.officer).await).await;
    for client in ["dole", "ovec", "ministry"] {
        gateway.by(client, Method::GET, "/v1/submissions").send().await.unwrap();
    }
    gateway.app.flush_service().await.unwrap();
    let found = report(&gateway, &id, Month::of(day_in_thailand(gateway.now()))).await.report;
    assert_eq!((found.requests.len(), found.availability_bp), (0, None));
    assert_eq!((found.data_sets[0].age_days, found.first_time_bp), (None, None), "nothing was ever sent");
    assert!(found.promises.iter().all(|one| one.is_kept.is_none()), "{found:?}");
    assert_eq!(found.from, day(&gateway, 0));
    assert!(!serde_json::to_string(&found).unwrap().contains(client_id(&gateway, "obec").await.as_str()));
}
