//! Who may do what: every operation of the API's document × every kind of caller. An operation without a row fails.

use super::harness::browser::Browser;
use super::harness::people::{Person, browser_of};
use super::harness::{Gateway, ROUND, sample};
use reqwest::Method;
use saphan::app::approvals::Act;
use saphan::app::subjects::RequestForm;
use saphan::domain::agency::AgencyCode;
use saphan::domain::agreement::Wish;
use saphan::domain::approval::ApprovalKind;
use saphan::domain::day::day_in_thailand;
use saphan::domain::ids::{AgreementId, ApprovalId, SubjectRequestId};
use saphan::domain::learner_id::LearnerId;
use saphan::domain::principal::{Principal, Scope};
use saphan::domain::subject::{Reference, RequestKind};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};

/// The columns of the table. `dole` owns the submission that the paths name. Clients first, then people: two who send for an
/// agency, one of the ministry who counts, an administrator, an auditor and a
/// data-protection officer.
const CALLERS: [Option<&str>; 13] = [
    None,
    Some("dole"),
    Some("obec"),
    Some("ministry"),
    Some("count"),
    Some("register"),
    Some("publish"),
    Some("person dole"),
    Some("person obec"),
    Some("person count"),
    Some("person admin"),
    Some("person auditor"),
    Some("person officer"),
];

/// Name, agency and role of the people.
const PEOPLE: [(&str, Option<&str>, Scope); 6] = [
    ("person dole", Some("dole"), Scope::AgencySubmit),
    ("person obec", Some("obec"), Scope::AgencySubmit),
    ("person count", None, Scope::CountRun),
    ("person admin", None, Scope::AccessAdmin),
    ("person auditor", None, Scope::Auditor),
    ("person officer", None, Scope::PrivacyOfficer),
];

/// 1: allowed (whatever comes of it), else the status of the refusal.
const OPEN: [u16; 13] = [1; 13];

struct Row {
    /// As in the document.
    operation: &'static str,
    /// `{id}` is the submission of `dole`, `{upload}` its upload.
    path: &'static str,
    expected: [u16; 13],
}

const fn row(operation: &'static str, path: &'static str, expected: [u16; 13]) -> Row {
    Row { operation, path, expected }
}

const TABLE: &[Row] = &[
    //                                                                    anon dole obec mini coun regi publ | dole obec coun admi audi offi
    row(
        "POST /v1/submissions",
        "/v1/submissions?mapping=dole/enrolments&round=2026-06-10",
        [401, 1, 403, 403, 403, 403, 403, 1, 403, 403, 403, 403, 403],
    ),
    row(
        "POST /v1/submissions",
        "/v1/submissions?mapping=moe/schools&round=2026-06-10",
        [401, 403, 403, 403, 403, 1, 403, 403, 403, 403, 403, 403, 403],
    ),
    row("GET /v1/submissions", "/v1/submissions", [401, 1, 1, 1, 403, 403, 403, 1, 1, 403, 403, 403, 403]),
    row(
        "GET /v1/submissions/{id}",
        "/v1/submissions/{id}",
        [401, 1, 404, 1, 404, 404, 404, 1, 404, 404, 404, 404, 404],
    ),
    row(
        "GET /v1/submissions/{id}/refused",
        "/v1/submissions/{id}/refused",
        [401, 1, 404, 1, 404, 404, 404, 1, 404, 404, 404, 404, 404],
    ),
    row(
        "GET /v1/submissions/{id}/events",
        "/v1/submissions/{id}/events",
        [401, 1, 404, 1, 404, 404, 404, 1, 404, 404, 404, 404, 404],
    ),
    row(
        "GET /v1/submissions/{id}/accepted",
        "/v1/submissions/{id}/accepted",
        [401, 1, 404, 1, 404, 404, 404, 1, 404, 404, 404, 404, 404],
    ),
    row(
        "POST /v1/submissions/{id}/cancel",
        "/v1/submissions/{id}/cancel",
        [401, 1, 404, 403, 404, 404, 404, 1, 404, 404, 404, 404, 404],
    ),
    row(
        "POST /v1/uploads",
        "/v1/uploads?mapping=dole/enrolments&round=2026-06-10",
        [401, 1, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403],
    ),
    row(
        "POST /v1/uploads",
        "/v1/uploads?mapping=moe/schools&round=2026-06-10",
        [401, 403, 403, 403, 403, 1, 403, 403, 403, 403, 403, 403, 403],
    ),
    row(
        "GET /v1/submissions/{id}/receipt.jws",
        "/v1/submissions/{id}/receipt.jws",
        [401, 1, 404, 1, 404, 404, 404, 1, 404, 404, 404, 404, 404],
    ),
    row("OPTIONS /v1/uploads", "/v1/uploads", OPEN),
    row("OPTIONS /v1/uploads/{id}", "/v1/uploads/{upload}", OPEN),
    row(
        "GET /v1/uploads/{id}",
        "/v1/uploads/{upload}",
        [401, 1, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404],
    ),
    row(
        "PATCH /v1/uploads/{id}",
        "/v1/uploads/{upload}",
        [401, 1, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404],
    ),
    row(
        "DELETE /v1/uploads/{id}",
        "/v1/uploads/{upload}",
        [401, 1, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404, 404],
    ),
    row(
        "GET /v1/records/enrolments",
        "/v1/records/enrolments?round=2026-06-10&agency=dole",
        [401, 1, 403, 1, 403, 403, 403, 1, 403, 403, 403, 403, 403],
    ),
    row("GET /v1/counts/{round}", "/v1/counts/2026-06-10", [401, 1, 1, 1, 1, 403, 403, 1, 1, 1, 403, 403, 403]),
    row(
        "POST /v1/counts/{round}",
        "/v1/counts/2026-06-10",
        [401, 403, 403, 403, 1, 403, 403, 403, 403, 1, 403, 403, 403],
    ),
    row(
        "POST /v1/counts/{round}/certify",
        "/v1/counts/2026-06-10/certify",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403],
    ),
    row(
        "POST /v1/counts/{round}/reopen",
        "/v1/counts/2026-06-10/reopen",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403],
    ),
    row(
        "GET /v1/counts/{round}/certifications",
        "/v1/counts/2026-06-10/certifications",
        [401, 1, 1, 1, 1, 403, 403, 1, 1, 1, 403, 403, 403],
    ),
    row(
        "GET /v1/counts/{round}/certifications/{agency}/changes",
        "/v1/counts/2026-06-10/certifications/dole/changes?from=1",
        [401, 404, 403, 404, 404, 403, 403, 404, 403, 404, 403, 403, 403],
    ),
    row(
        "GET /v1/counts/{round}/manifest",
        "/v1/counts/2026-06-10/manifest",
        [401, 403, 403, 1, 1, 403, 403, 403, 403, 1, 403, 403, 403],
    ),
    row("GET /v1/journal", "/v1/journal", [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 1, 1, 403]),
    // Officers of agencies, who ask for agreements, are none of the callers: they are in tests/it/agreements.rs.
    row("GET /v1/agreements", "/v1/agreements", [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 1, 403, 1]),
    row("POST /v1/agreements", "/v1/agreements", [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403]),
    row(
        "GET /v1/agreements/{id}",
        "/v1/agreements/{agreement}",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 1, 403, 1],
    ),
    row(
        "PUT /v1/agreements/{id}",
        "/v1/agreements/{agreement}",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403],
    ),
    row(
        "POST /v1/agreements/{id}/propose",
        "/v1/agreements/{agreement}/propose",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403],
    ),
    row(
        "POST /v1/agreements/{id}/terminate",
        "/v1/agreements/{agreement}/terminate",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 1, 403, 403],
    ),
    row(
        "POST /v1/agreements/{id}/renew",
        "/v1/agreements/{agreement}/renew",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403],
    ),
    row(
        "GET /v1/agreements/{id}/service",
        // That it is no month is told to those alone who may see the report.
        "/v1/agreements/{agreement}/service?month=x",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 1, 403, 1],
    ),
    row(
        "GET /v1/agreements/{id}/service.jws",
        "/v1/agreements/{agreement}/service.jws",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 1, 403, 1],
    ),
    row("GET /v1/approvals", "/v1/approvals", [401, 403, 403, 403, 403, 403, 403, 1, 1, 1, 1, 1, 1]),
    // What one may neither propose nor decide is not there.
    row(
        "POST /v1/approvals/{id}/approve",
        "/v1/approvals/{approval}/approve",
        [401, 403, 403, 403, 403, 403, 403, 404, 404, 404, 404, 404, 404],
    ),
    row(
        "POST /v1/approvals/{id}/refuse",
        "/v1/approvals/{approval}/refuse",
        [401, 403, 403, 403, 403, 403, 403, 404, 404, 404, 404, 404, 404],
    ),
    row("POST /oauth/token", "/oauth/token", OPEN),
    row("GET /.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server", OPEN),
    row("GET /v1/standards", "/v1/standards", OPEN),
    row("GET /v1/standards/{name}/{version}", "/v1/standards/enrolment/1", OPEN),
    row("GET /v1/codelists", "/v1/codelists", OPEN),
    row("GET /v1/codelists/{name}", "/v1/codelists/grade", OPEN),
    row(
        "POST /v1/subjects/access-log",
        "/v1/subjects/access-log",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 1],
    ),
    row("GET /v1/purposes", "/v1/purposes", OPEN),
    row("GET /v1/subjects/grounds", "/v1/subjects/grounds", OPEN),
    row(
        "POST /v1/subjects/requests",
        "/v1/subjects/requests",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 1],
    ),
    row(
        "GET /v1/subjects/requests",
        "/v1/subjects/requests",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 1],
    ),
    row(
        "GET /v1/subjects/requests/{id}",
        "/v1/subjects/requests/{request}",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 1],
    ),
    row(
        "POST /v1/subjects/requests/{id}/decision",
        "/v1/subjects/requests/{request}/decision",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 1],
    ),
    row(
        "POST /v1/subjects/requests/{id}/export",
        "/v1/subjects/requests/{request}/export",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 1],
    ),
    row(
        "GET /v1/subjects/corrections",
        "/v1/subjects/corrections",
        [401, 1, 1, 403, 403, 403, 403, 1, 1, 403, 403, 403, 403],
    ),
    row(
        "POST /v1/subjects/corrections/{id}/answer",
        "/v1/subjects/corrections/{correction}/answer",
        [401, 1, 404, 403, 403, 403, 403, 1, 404, 403, 403, 403, 403],
    ),
    row("GET /v1/retention", "/v1/retention", OPEN),
    row(
        "GET /v1/retention/reports",
        "/v1/retention/reports",
        [401, 403, 403, 403, 403, 403, 403, 403, 403, 403, 403, 1, 1],
    ),
    row("GET /v1/mappings", "/v1/mappings", OPEN),
    row("GET /v1/mappings/{agency}/{dataset}", "/v1/mappings/obec/enrolments", OPEN),
    row("GET /rules", "/rules", OPEN),
    row("GET /rules/{code}", "/rules/SPH-CODE-001", OPEN),
    row("GET /problems", "/problems", OPEN),
    row("GET /problems/{code}", "/problems/not-found", OPEN),
    row("POST /v1/publications", "/v1/publications", [401, 403, 403, 403, 403, 403, 1, 403, 403, 403, 403, 403, 403]),
    row("GET /data/{dataset}", "/data/count-summary", OPEN),
    row("GET /healthz", "/healthz", OPEN),
    row("GET /readyz", "/readyz", OPEN),
    row("GET /metrics", "/metrics", OPEN),
    row("GET /.well-known/jwks.json", "/.well-known/jwks.json", OPEN),
];

#[tokio::test]
async fn every_operation_lets_in_whom_it_should_and_nobody_else() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let sent: Value = gateway.send("dole", "dole/enrolments", sample("dole.json")).await.json().await.unwrap();
    let counted = gateway.by("count", Method::POST, &format!("/v1/counts/{ROUND}")).send().await.unwrap();
    assert_eq!(counted.status(), 201);
    let begun = gateway
        .by("dole", Method::POST, "/v1/uploads?mapping=dole/enrolments&round=2026-06-10")
        .header("upload-length", "10")
        .send()
        .await
        .unwrap();
    let begun: Value = begun.json().await.unwrap();
    let mut people: BTreeMap<&str, Browser> = BTreeMap::new();
    for (name, agency, role) in PEOPLE {
        let person = Person::new(&gateway, &name.replace(' ', "-"), agency, &[role]).await;
        let mut browser = browser_of(&gateway, &person).await;
        browser.get(&gateway, "/console").await;
        people.insert(name, browser);
    }
    let proposed = approval_of_publishers(&gateway).await;
    let agreed = draft_of_officer(&gateway).await;
    let (asked, correction) = requests_of_persons(&gateway).await;
    let mut wrong = Vec::new();
    for row in TABLE {
        let method: Method = row.operation.split(' ').next().unwrap().parse().unwrap();
        let path = row.path.replace("{id}", sent["id"].as_str().unwrap());
        let path = path.replace("{approval}", proposed.as_str());
        let path = path.replace("{agreement}", agreed.as_str());
        let path = path.replace("{request}", asked.as_str()).replace("{correction}", correction.as_str());
        let path = path.replace("{upload}", begun["id"].as_str().unwrap());
        for (caller, expected) in CALLERS.iter().zip(row.expected) {
            let request = match caller {
                Some(person) if people.contains_key(person) => {
                    let browser = &people[person];
                    let request = browser.request(&gateway, method.clone(), &path);
                    request.header("accept", "application/json").header("x-saphan-form", &browser.token)
                }
                Some(caller) => gateway.by(caller, method.clone(), &path),
                None => gateway.request(method.clone(), &path),
            };
            let request = request.header("upload-length", "1");
            let status =
                request.body(if method == Method::POST { "x" } else { "" }).send().await.unwrap().status().as_u16();
            let allowed = !matches!(status, 401 | 403 | 404 | 405 | 500..);
            if if expected == 1 { !allowed } else { status != expected } {
                wrong.push(format!("{method} {path} by {}: {status}, not {expected}", caller.unwrap_or("anonymous")));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_operation_of_the_document_has_a_row_and_says_whether_it_wants_a_token() {
    let document: Value = serde_json::from_str(&saphan::http::openapi_json().unwrap()).unwrap();
    let mut operations = BTreeSet::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let name = format!("{} {path}", method.to_uppercase());
            let rows: Vec<&Row> = TABLE.iter().filter(|row| row.operation == name).collect();
            let wants_token = operation["security"][0]["token"].is_array();
            for row in rows {
                assert_eq!(wants_token, row.expected != OPEN, "{name}: the document and the table disagree");
            }
            operations.insert(name);
        }
    }
    let ruled: BTreeSet<String> = TABLE.iter().map(|row| row.operation.to_owned()).collect();
    assert_eq!(operations, ruled, "operations of the document (left) and rows of the table (right)");
}

/// Of access, and a correction of what `dole` says.
async fn requests_of_persons(gateway: &Gateway) -> (SubjectRequestId, SubjectRequestId) {
    let sent = String::from_utf8(sample("dole.json.expected.ndjson")).unwrap();
    let record: Value = serde_json::from_str(sent.lines().next().unwrap()).unwrap();
    let access = RequestForm {
        kind: RequestKind::Access,
        person: LearnerId::parse(record["learner_id"].as_str().unwrap()).unwrap(),
        reference: Reference::parse("1/2569").unwrap(),
        received_on: gateway.app.today(),
        says: None,
        agency: None,
        fields: Vec::new(),
    };
    let correction = RequestForm {
        kind: RequestKind::Correction,
        says: Some("x".into()),
        agency: AgencyCode::parse("dole").ok(),
        fields: vec!["given_name".into()],
        ..access.clone()
    };
    let record = async |form| gateway.app.record_request(&Principal::Operator, form).await.unwrap().id;
    (record(access).await, record(correction).await)
}

/// Proposed by somebody who publishes, to another who publishes: none of the callers is.
async fn approval_of_publishers(gateway: &Gateway) -> ApprovalId {
    let publisher = Person::new(gateway, "publisher", None, &[Scope::OpendataPublish]).await;
    let (id, roles) = (publisher.id, vec![Scope::OpendataPublish]);
    let principal = Principal::Person { id, name: String::new(), agency: None, roles };
    let act = Act { kind: ApprovalKind::DatasetPublish, subject: "count-summary", content: b"1" };
    gateway.app.propose(&principal, act, "ready").await.unwrap()
}

/// By an officer of `dole`, who is none of the callers.
async fn draft_of_officer(gateway: &Gateway) -> AgreementId {
    let officer = Person::new(gateway, "dole-officer", Some("dole"), &[Scope::AgencyAgree]).await;
    let (contact, roles) = (officer.id.to_string(), vec![Scope::AgencyAgree]);
    let agency = AgencyCode::parse("dole").ok();
    let principal = Principal::Person { id: officer.id, name: String::new(), agency, roles };
    let clients = gateway.app.clients(&Principal::Operator).await.unwrap();
    let client = clients.into_iter().find(|client| client.name == "dole").unwrap().id;
    let today = day_in_thailand(gateway.now()).to_string();
    let wish = Wish {
        purposes: vec!["own-records".into()],
        submits: vec!["dole/enrolments".into()],
        clients: vec![client.to_string()],
        from: today.clone(),
        until: today,
        contact,
        ..Wish::default()
    };
    gateway.app.draft_agreement(&principal, &wish, None).await.unwrap().stored.id
}

/// Addresses of the console: 1 for everybody, else what nobody is answered. Whoever signed in may use all of them, for the own
/// account; what is of another person is not there. Agreements are for those who may see them (tests/it/agreements.rs).
const CONSOLE: &[(&str, &str, u16)] = &[
    ("get", "/console", 303),
    ("get", "/console/sign-in", 1),
    ("post", "/console/sign-in", 1),
    ("get", "/console/code", 1),
    ("post", "/console/code", 1),
    ("get", "/console/start", 1),
    ("post", "/console/start", 1),
    ("get", "/console/start/account", 1),
    ("post", "/console/start/account", 1),
    ("post", "/console/oidc/start", 1),
    // Where there is no single sign-on.
    ("get", "/console/oidc/callback", 404),
    ("get", "/console/agreements", 401),
    ("get", "/console/agreements/{id}", 401),
    ("post", "/console/agreements/{id}/decide", 401),
    ("post", "/console/agreements/{id}/terminate", 401),
    ("get", "/console/requests", 401),
    ("get", "/console/account", 401),
    ("post", "/console/account/password", 401),
    ("post", "/console/account/sessions/{id}/end", 401),
    ("post", "/console/sign-out", 401),
    ("post", "/console/sign-out-everywhere", 401),
];

#[tokio::test]
async fn every_address_of_the_console_has_a_row_and_tells_nobody_anything_of_people() {
    let ruled: BTreeSet<(&str, &str)> = CONSOLE.iter().map(|(method, path, _)| (*method, *path)).collect();
    let routes: BTreeSet<(&str, &str)> = saphan::http::console::ROUTES.iter().copied().collect();
    assert_eq!(routes, ruled, "addresses of the console (left) and rows of the table (right)");
    let gateway = Gateway::start();
    let person = Person::new(&gateway, "somjai", None, &[]).await;
    let other = Person::new(&gateway, "other", None, &[]).await;
    let mut browser = browser_of(&gateway, &person).await;
    let theirs = browser_of(&gateway, &other).await;
    let of_other = gateway.app.visitor(&theirs.cookies["saphan"]).await.unwrap().unwrap().session;
    for (method, path, nobody) in CONSOLE {
        let path = path.replace("{id}", of_other.as_str());
        let method: Method = method.to_uppercase().parse().unwrap();
        let mut request = gateway.request(method.clone(), &path).header("accept", "text/html");
        if method == Method::POST {
            request = request.form(&[("form", "")]);
        }
        let status = request.send().await.unwrap().status().as_u16();
        match nobody {
            1 => assert!(matches!(status, 200 | 303 | 403), "{method} {path}: {status}"),
            expected => assert_eq!(status, *expected, "{method} {path}"),
        }
    }
    // Another person's session is not ended.
    browser.get(&gateway, "/console/account").await;
    let path = format!("/console/account/sessions/{of_other}/end");
    assert_eq!(browser.post(&gateway, &path, &[]).await.status, 303);
    assert!(gateway.app.visitor(&theirs.cookies["saphan"]).await.unwrap().is_some());
}
