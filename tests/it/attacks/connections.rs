//! Requests that are two at once, heads that are too much, and senders that never end.

use super::super::harness::Gateway;
use super::{others_are_served, told};
use reqwest::Method;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

fn connect(gateway: &Gateway) -> TcpStream {
    let stream = TcpStream::connect(gateway.url.trim_start_matches("http://")).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(50))).unwrap();
    stream
}

/// Everything the server says until it hangs up.
fn answers(mut stream: TcpStream) -> String {
    let mut all = Vec::new();
    let _ = stream.read_to_end(&mut all);
    String::from_utf8_lossy(&all).into_owned()
}

#[tokio::test]
async fn a_request_whose_end_is_in_doubt_is_no_request() {
    let gateway = Gateway::start();
    let inner = "GET /healthz?smuggled HTTP/1.1\r\nhost: x\r\n\r\n";
    let (length, chunk) = (inner.len(), format!("0\r\n\r\n{inner}"));
    for (what, head, body) in [
        ("both", format!("content-length: {}\r\ntransfer-encoding: chunked\r\n", chunk.len()), chunk.as_str()),
        ("both, the other way", "transfer-encoding: chunked\r\ncontent-length: 4\r\n".into(), chunk.as_str()),
        ("two lengths", format!("content-length: 0\r\ncontent-length: {length}\r\n"), inner),
        ("lengths in a list", format!("content-length: 0, {length}\r\n"), inner),
        ("a signed length", format!("content-length: +{length}\r\n"), inner),
        ("a length that is none", "content-length: 0x10\r\n".into(), inner),
        ("chunked, but not last", "transfer-encoding: chunked, identity\r\n".into(), chunk.as_str()),
        ("two codings", "transfer-encoding: chunked\r\ntransfer-encoding: identity\r\n".into(), chunk.as_str()),
        ("another spelling", "transfer-encoding: xchunked\r\n".into(), chunk.as_str()),
        ("a space before the colon", format!("transfer-encoding : chunked\r\ncontent-length: {length}\r\n"), inner),
        ("a folded line", format!("x: a\r\n content-length: {length}\r\n"), inner),
    ] {
        let mut stream = connect(&gateway);
        let request = format!("POST /oauth/token HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}\r\n{body}");
        stream.write_all(request.as_bytes()).unwrap();
        let said = answers(stream);
        assert!(said.starts_with("HTTP/1.1 400"), "{what}: {said}");
        assert_eq!(said.matches("HTTP/1.1 ").count(), 1, "{what}: {said}");
    }
    others_are_served(&gateway).await;
}

#[tokio::test]
async fn a_head_that_is_too_much_is_refused() {
    let gateway = Gateway::start();
    let wide = gateway.request(Method::GET, "/v1/submissions").header("x-filler", "a".repeat(40_000));
    assert_eq!(told(wide.send().await.unwrap()).await, (431, "headers-too-large".to_owned()));
    let long = gateway.get(&format!("/v1/submissions?cursor={}", "a".repeat(9_000))).await;
    assert_eq!(told(long).await, (414, "uri-too-long".to_owned()));
    for (what, head) in [
        ("many", (0..300).fold(String::new(), |head, at| head + &format!("x-{at}: y\r\n"))),
        ("without end", format!("x: {}\r\n", "a".repeat(300_000))),
        ("a NUL", "x: a\0b\r\n".into()),
        ("a lone line feed", "x: a\n\rb: c\r\n".into()),
        ("a name with a space", "x y: z\r\n".into()),
    ] {
        let mut stream = connect(&gateway);
        // It may hang up before it has heard everything.
        let _ =
            stream.write_all(format!("GET /healthz HTTP/1.1\r\nhost: x\r\nconnection: close\r\n{head}\r\n").as_bytes());
        let said = answers(stream);
        assert!(said.is_empty() || said.starts_with("HTTP/1.1 4"), "{what}: {said}");
    }
    others_are_served(&gateway).await;
}

#[tokio::test]
async fn senders_that_trickle_are_cut_off_while_others_are_served() {
    let gateway = Gateway::start_with(&[("SAPHAN_REQUEST_SECONDS_MAX", "2")]);
    let heads: Vec<TcpStream> = (0..150)
        .map(|_| {
            let mut stream = connect(&gateway);
            stream.write_all(b"GET /healthz HTTP/1.1\r\nhost: x\r\nx-slow: ").unwrap();
            stream
        })
        .collect();
    let (_, dole) = super::known(&gateway, "dole").await;
    let bodies: Vec<TcpStream> = (0..20)
        .map(|_| {
            let mut stream = connect(&gateway);
            let head = format!(
                "POST /v1/submissions?mapping=dole/enrolments&round=2026-06-10 HTTP/1.1\r\nhost: x\r\n\
                 authorization: Bearer {dole}\r\ncontent-length: 100000\r\n\r\n{{"
            );
            stream.write_all(head.as_bytes()).unwrap();
            stream
        })
        .collect();
    others_are_served(&gateway).await;
    let ended = tokio::task::spawn_blocking(move || {
        let bodies: Vec<String> = bodies.into_iter().map(answers).collect();
        (heads.into_iter().map(answers).collect::<Vec<_>>(), bodies)
    });
    let (heads, bodies) = ended.await.unwrap();
    assert!(heads.iter().all(|said| said.is_empty() || said.starts_with("HTTP/1.1 408")), "{heads:?}");
    assert!(
        bodies.iter().all(|said| said.starts_with("HTTP/1.1 408") && said.contains("\"request-timeout\"")),
        "{bodies:?}"
    );
    assert!(gateway.kept().is_empty(), "nothing of them is kept");
    others_are_served(&gateway).await;
}
