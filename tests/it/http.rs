//! The gateway's manners over HTTP: problems, ids, headers, languages, pages, OpenAPI.

use super::harness::{Gateway, header};
use reqwest::Method;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;

#[tokio::test]
async fn an_unknown_address_is_a_problem_in_thai_or_english() {
    let gateway = Gateway::start();
    let response = gateway.get("/v1/nothing").await;
    assert_eq!(response.status(), 404);
    assert_eq!(header(&response, "content-type"), "application/problem+json");
    assert_eq!(header(&response, "content-language"), "th");
    let id = header(&response, "x-request-id").to_owned();
    let problem: Value = response.json().await.unwrap();
    assert_eq!(problem["code"], "not-found");
    assert_eq!(problem["status"], 404);
    assert_eq!(problem["title"], "ไม่พบสิ่งที่ขอ");
    assert_eq!(problem["request_id"], id.as_str());

    let english = gateway.request(Method::GET, "/v1/nothing").header("accept-language", "en").send().await.unwrap();
    let english: Value = english.json().await.unwrap();
    assert_eq!(english["title"], "Nothing here");

    let page = gateway.get(problem["type"].as_str().unwrap()).await;
    assert_eq!(page.status(), 200, "the type of a problem leads to its explanation");
}

#[tokio::test]
async fn a_wrong_method_names_the_right_ones() {
    let gateway = Gateway::start();
    for path in ["/healthz", "/problems/not-found", "/"] {
        let response = gateway.request(Method::POST, path).send().await.unwrap();
        assert_eq!(response.status(), 405, "{path}");
        assert!(header(&response, "allow").contains("GET"), "{path}: {:?}", response.headers());
        let problem: Value = response.json().await.unwrap();
        assert_eq!(problem["code"], "method-not-allowed");
    }
}

#[tokio::test]
async fn head_answers_as_get_does_without_the_content() {
    let gateway = Gateway::start();
    for path in ["/healthz", "/readyz", "/openapi.json", "/v1/codelists/grade", "/v1/submissions", "/v1/nothing", "/"] {
        let (get, head) = (gateway.get(path).await, gateway.request(Method::HEAD, path).send().await.unwrap());
        assert_eq!(head.status(), get.status(), "{path}");
        for name in ["content-type", "etag", "content-length", "vary", "www-authenticate"] {
            assert_eq!(header(&head, name), header(&get, name), "{path}: {name}");
        }
        assert!(!header(&head, "x-request-id").is_empty());
        assert_eq!(head.bytes().await.unwrap().len(), 0, "{path}");
    }
    // The connection is whole afterwards: a content where none belongs would be read as the next answer.
    let mut stream = TcpStream::connect(gateway.url.trim_start_matches("http://")).unwrap();
    let twice =
        "HEAD /healthz HTTP/1.1\r\nhost: x\r\n\r\nGET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n";
    stream.write_all(twice.as_bytes()).unwrap();
    let mut answers = String::new();
    stream.read_to_string(&mut answers).unwrap();
    assert_eq!(answers.matches("HTTP/1.1 200").count(), 2, "{answers}");
    assert_eq!(answers.matches("\"status\"").count(), 1, "{answers}");
}

#[tokio::test]
async fn not_ready_is_a_problem_with_the_time_to_wait_and_without_the_cause() {
    let gateway = Gateway::start();
    assert_eq!(gateway.get("/readyz").await.status(), 200);
    gateway.switch_store_off();
    let response = gateway.get("/readyz").await;
    assert_eq!(response.status(), 503);
    assert_eq!(header(&response, "retry-after"), "5");
    let text = response.text().await.unwrap();
    assert!(text.contains("\"code\":\"unavailable\"") && !text.contains("switched off"), "{text}");
    assert_eq!(gateway.get("/healthz").await.status(), 200, "alive all the same");
}

#[tokio::test]
async fn ids_and_traces_come_back_and_unfit_ones_do_not() {
    let gateway = Gateway::start();
    let trace = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
    let kept =
        gateway.request(Method::GET, "/healthz").header("x-request-id", "nightly-0042").header("traceparent", trace);
    let kept = kept.send().await.unwrap();
    assert_eq!(header(&kept, "x-request-id"), "nightly-0042");
    assert_eq!(header(&kept, "traceparent"), trace);
    let replaced =
        gateway.request(Method::GET, "/healthz").header("x-request-id", "1999900000013").send().await.unwrap();
    assert!(header(&replaced, "x-request-id").starts_with("req_"));
}

#[tokio::test]
async fn oversized_addresses_and_headers_are_problems() {
    let gateway = Gateway::start();
    let long = gateway.get(&format!("/healthz?x={}", "a".repeat(9_000))).await;
    assert_eq!(long.status(), 414);
    assert_eq!(header(&long, "content-type"), "application/problem+json");
    let wide = gateway.request(Method::GET, "/healthz").header("x-filler", "a".repeat(40_000)).send().await.unwrap();
    assert_eq!(wide.status(), 431);
    assert_eq!(wide.json::<Value>().await.unwrap()["code"], "headers-too-large");
}

#[tokio::test]
async fn pages_are_thai_by_default_english_by_switch_and_load_nothing_from_elsewhere() {
    let gateway = Gateway::start();
    for path in ["/", "/problems", "/problems/query-invalid"] {
        for (lang, word) in [("th", "ภาษา"), ("en", "Language")] {
            let request = gateway.request(Method::GET, &format!("{path}?lang={lang}")).header("accept", "text/html");
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 200, "{path}");
            let policy = header(&response, "content-security-policy").to_owned();
            assert!(policy.starts_with("default-src 'none'") && !policy.contains("script-src"), "{policy}");
            assert_eq!(header(&response, "x-content-type-options"), "nosniff");
            let html = response.text().await.unwrap();
            assert!(html.contains(&format!("<html lang=\"{lang}\">")) && html.contains(word), "{path} {lang}");
            assert!(!html.contains("http://") && !html.contains("https://") && !html.contains("<script"), "{path}");
        }
    }
    assert_eq!(gateway.request(Method::HEAD, "/").send().await.unwrap().status(), 200);
    assert!(header(&gateway.get("/static/saphan.css").await, "content-type").starts_with("text/css"));
}

#[tokio::test]
async fn the_openapi_document_is_served_and_is_the_one_checked_in() {
    let gateway = Gateway::start();
    let served: Value = gateway.get("/openapi.json").await.json().await.unwrap();
    let made: Value = serde_json::from_str(&saphan::http::openapi::text().unwrap()).unwrap();
    assert_eq!(served, made);
    let kept = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/openapi/saphan.json")).unwrap();
    let same = kept.trim_end() == saphan::http::openapi_json().unwrap();
    assert!(same, "openapi/saphan.json is not what the code says: run `make openapi` and read what changed");
    for (path, item) in served["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let problem = &operation["responses"]["default"]["content"]["application/problem+json"];
            assert!(problem.is_object(), "{method} {path} does not say how it fails");
        }
    }
    let viewer = gateway.get("/docs/").await;
    assert_eq!(viewer.status(), 200);
    assert!(header(&viewer, "content-security-policy").contains("script-src 'self'"));
}

#[test]
fn garbage_instead_of_http_does_not_disturb_the_others() {
    let gateway = Gateway::start();
    let mut stream = TcpStream::connect(gateway.url.trim_start_matches("http://")).unwrap();
    stream.write_all(b"\x16\x03\x01\x00\xff garbage \r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    assert!(answer.starts_with(b"HTTP/1.1 400"), "{:?}", String::from_utf8_lossy(&answer));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    assert_eq!(runtime.block_on(gateway.get("/healthz")).status(), 200);
}
