//! Addresses and parameters that mean one thing to a proxy and another to a server.

use super::super::harness::{Gateway, sample};
use super::{others_are_served, told};
use reqwest::Method;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

/// As it stands, because a client library would tidy it up.
fn raw(gateway: &Gateway, target: &str, token: &str) -> String {
    let mut stream = TcpStream::connect(gateway.url.trim_start_matches("http://")).unwrap();
    let head =
        format!("GET {target} HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {token}\r\nconnection: close\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn no_spelling_of_an_address_leads_around_the_rights_or_out_of_the_routes() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let sent: Value = gateway.send("dole", "dole/enrolments", sample("dole.json")).await.json().await.unwrap();
    let id = sent["id"].as_str().unwrap().to_owned();
    let (_, obec) = super::known(&gateway, "obec").await;
    for target in [
        format!("//v1/submissions/{id}"),
        format!("/v1//submissions/{id}"),
        format!("/v1/submissions//{id}"),
        format!("/v1/submissions/{id}/"),
        format!("/v1/submissions/./{id}"),
        format!("/v1/codelists/../submissions/{id}"),
        format!("/v1/codelists/%2e%2e/submissions/{id}"),
        format!("/v1/codelists/..%2fsubmissions/{id}"),
        format!("/v1/codelists/%252e%252e/submissions/{id}"),
        format!("/V1/Submissions/{id}"),
        format!("/v1/submissions%2f{id}"),
        format!("/v1/submissions%2F{id}%2faccepted"),
        format!("/v1/submissions/{id}%00"),
        format!("/v1/submissions/{id};jsessionid=1"),
        format!("/v1/submissions/{id}%20"),
        format!("/v1/submissions/{id}%0d%0aset-cookie:x=1"),
        format!("/v1/submissions/{}", id.to_uppercase()),
        format!("/v1/%73ubmissions/{id}"),
        format!("http://127.0.0.1/v1/submissions/{id}"),
        "/v1/codelists/..%2f..%2f..%2fetc%2fpasswd".into(),
        "/v1/mappings/..%2f..%2fCargo.toml/x".into(),
        "/v1/mappings/%2e%2e/%2e%2e".into(),
        "/v1/standards/..%2f..%2f/1".into(),
        "/data/..%2f..%2fsaphan.db".into(),
        "/data/%2e%2e%2fkeys.csv".into(),
        "/data/count-summary.csv%00.json".into(),
        "/docs/..%2f..%2f..%2fetc/passwd".into(),
        "/docs/../../../etc/passwd".into(),
        "/static/..%2f..%2fetc%2fpasswd".into(),
        "/rules/..%5c..%5cx".into(),
        "/problems/%c0%ae%c0%ae/x".into(),
        "/%ff%fe".into(),
    ] {
        let answer = raw(&gateway, &target, &obec);
        let status: u16 = answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        assert!((400..500).contains(&status), "{target}: {answer}");
        let (head, body) = answer.split_once("\r\n\r\n").unwrap();
        assert!(
            !body.contains("root:") && !body.contains("[package]") && !body.contains("sha256"),
            "{target}: {answer}"
        );
        assert!(!head.to_lowercase().contains("set-cookie"), "{target}: {head}");
        assert!(status != 404 || body.contains("\"code\":\"not-found\""), "{target}: {answer}");
    }
    others_are_served(&gateway).await;
}

#[tokio::test]
async fn a_parameter_given_twice_is_nobodys_choice() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    for path in [
        "/v1/records/enrolments?round=2026-06-10&agency=dole&agency=obec",
        "/v1/records/enrolments?round=2026-06-10&agency=dole&%61gency=obec",
        "/v1/records/enrolments?round=2026-06-10&agency[]=obec",
        "/v1/records/enrolments?round=2026-06-10&AGENCY=obec",
        "/v1/records/enrolments?round=2026-06-10&agency=dole,obec",
        "/v1/records/enrolments?round=2026-06-10;agency=obec",
        "/v1/records/enrolments?round=2026-06-10&agency=dole%00",
        "/v1/submissions?limit=1&limit=200",
        "/v1/submissions?limit=1%26limit=200",
    ] {
        let answer = gateway.by("dole", Method::GET, path).send().await.unwrap();
        assert_eq!(told(answer).await, (400, "query-invalid".to_owned()), "{path}");
    }
    let twice = gateway
        .by("dole", Method::POST, "/v1/submissions?mapping=dole/enrolments&round=2026-06-10")
        .header("idempotency-key", "one")
        .header("idempotency-key", "two")
        .body(sample("dole.json"));
    assert_eq!(told(twice.send().await.unwrap()).await, (400, "bad-request".to_owned()));
    // A member given twice in a file: the record is refused, not guessed.
    let file = String::from_utf8(sample("dole.json")).unwrap();
    let bent = file.replacen("\"cardid\"", "\"level\":\"3\",\"cardid\"", 1);
    let before: Value = gateway.send("dole", "dole/enrolments", file.into_bytes()).await.json().await.unwrap();
    let after: Value = gateway.send("dole", "dole/enrolments", bent.into_bytes()).await.json().await.unwrap();
    assert_eq!(after["refused"].as_u64(), before["refused"].as_u64().map(|refused| refused + 1), "{after}");
    others_are_served(&gateway).await;
}
