//! Who may do what: every operation of the API's document × every kind of caller. An operation without a row fails.

use super::harness::{Gateway, ROUND, sample};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;

/// The columns of the table. `dole` owns the submission that the paths name.
const CALLERS: [Option<&str>; 7] =
    [None, Some("dole"), Some("obec"), Some("ministry"), Some("count"), Some("register"), Some("publish")];

/// 1: allowed (whatever comes of it), else the status of the refusal.
const OPEN: [u16; 7] = [1; 7];

struct Row {
    /// As in the document.
    operation: &'static str,
    /// `{id}` is the submission of `dole`, `{upload}` its upload.
    path: &'static str,
    expected: [u16; 7],
}

const fn row(operation: &'static str, path: &'static str, expected: [u16; 7]) -> Row {
    Row { operation, path, expected }
}

const TABLE: &[Row] = &[
    //                                                                    anon dole obec mini coun regi publ
    row(
        "POST /v1/submissions",
        "/v1/submissions?mapping=dole/enrolments&round=2026-06-10",
        [401, 1, 403, 403, 403, 403, 403],
    ),
    row(
        "POST /v1/submissions",
        "/v1/submissions?mapping=moe/schools&round=2026-06-10",
        [401, 403, 403, 403, 403, 1, 403],
    ),
    row("GET /v1/submissions", "/v1/submissions", [401, 1, 1, 1, 403, 403, 403]),
    row("GET /v1/submissions/{id}", "/v1/submissions/{id}", [401, 1, 404, 1, 404, 404, 404]),
    row("GET /v1/submissions/{id}/refused", "/v1/submissions/{id}/refused", [401, 1, 404, 1, 404, 404, 404]),
    row("GET /v1/submissions/{id}/events", "/v1/submissions/{id}/events", [401, 1, 404, 1, 404, 404, 404]),
    row("GET /v1/submissions/{id}/accepted", "/v1/submissions/{id}/accepted", [401, 1, 404, 1, 404, 404, 404]),
    row("POST /v1/submissions/{id}/cancel", "/v1/submissions/{id}/cancel", [401, 1, 404, 403, 404, 404, 404]),
    row("POST /v1/uploads", "/v1/uploads?mapping=dole/enrolments&round=2026-06-10", [401, 1, 403, 403, 403, 403, 403]),
    row("POST /v1/uploads", "/v1/uploads?mapping=moe/schools&round=2026-06-10", [401, 403, 403, 403, 403, 1, 403]),
    row("OPTIONS /v1/uploads", "/v1/uploads", OPEN),
    row("OPTIONS /v1/uploads/{id}", "/v1/uploads/{upload}", OPEN),
    row("GET /v1/uploads/{id}", "/v1/uploads/{upload}", [401, 1, 404, 404, 404, 404, 404]),
    row("PATCH /v1/uploads/{id}", "/v1/uploads/{upload}", [401, 1, 404, 404, 404, 404, 404]),
    row("DELETE /v1/uploads/{id}", "/v1/uploads/{upload}", [401, 1, 404, 404, 404, 404, 404]),
    row(
        "GET /v1/records/enrolments",
        "/v1/records/enrolments?round=2026-06-10&agency=dole",
        [401, 1, 403, 1, 403, 403, 403],
    ),
    row("GET /v1/counts/{round}", "/v1/counts/2026-06-10", [401, 1, 1, 1, 1, 403, 403]),
    row("POST /v1/counts/{round}", "/v1/counts/2026-06-10", [401, 403, 403, 403, 1, 403, 403]),
    row("GET /v1/counts/{round}/manifest", "/v1/counts/2026-06-10/manifest", [401, 403, 403, 1, 1, 403, 403]),
    row("POST /oauth/token", "/oauth/token", OPEN),
    row("GET /.well-known/oauth-authorization-server", "/.well-known/oauth-authorization-server", OPEN),
    row("GET /v1/standards", "/v1/standards", OPEN),
    row("GET /v1/standards/{name}/{version}", "/v1/standards/enrolment/1", OPEN),
    row("GET /v1/codelists", "/v1/codelists", OPEN),
    row("GET /v1/codelists/{name}", "/v1/codelists/grade", OPEN),
    row("GET /v1/mappings", "/v1/mappings", OPEN),
    row("GET /v1/mappings/{agency}/{dataset}", "/v1/mappings/obec/enrolments", OPEN),
    row("GET /rules", "/rules", OPEN),
    row("GET /rules/{code}", "/rules/SPH-CODE-001", OPEN),
    row("GET /problems", "/problems", OPEN),
    row("GET /problems/{code}", "/problems/not-found", OPEN),
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
    let mut wrong = Vec::new();
    for row in TABLE {
        let method: Method = row.operation.split(' ').next().unwrap().parse().unwrap();
        let path = row.path.replace("{id}", sent["id"].as_str().unwrap());
        let path = path.replace("{upload}", begun["id"].as_str().unwrap());
        for (caller, expected) in CALLERS.iter().zip(row.expected) {
            let request = match caller {
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
