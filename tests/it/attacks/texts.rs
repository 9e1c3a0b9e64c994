//! SQL in every parameter, every header and every text of a file: it is a text and nothing else.

use super::super::harness::database::Reader;
use super::super::harness::{Gateway, ROUND, header, sample};
use super::{OPERATOR, others_are_served};
use reqwest::Method;
use serde_json::Value;

const TEXTS: [&str; 5] = [
    "' OR '1'='1",
    "'; DROP TABLE submission; --",
    "1) UNION SELECT token_hash, 1, 1 FROM client --",
    "\\'; SELECT pg_sleep(30); --",
    "$1",
];

/// As in an address.
fn escaped(text: &str) -> String {
    text.bytes().fold(String::new(), |all, byte| all + &format!("%{byte:02X}"))
}

#[tokio::test]
async fn sql_in_any_parameter_or_header_of_any_operation_is_a_text_like_others() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let sent: Value = gateway.send("dole", "dole/enrolments", sample("dole.json")).await.json().await.unwrap();
    let document: Value = serde_json::from_str(&saphan::http::openapi_json().unwrap()).unwrap();
    let mut asked = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let parameters = operation["parameters"].as_array().cloned().unwrap_or_default();
            for (bad, text) in parameters.iter().flat_map(|bad| TEXTS.iter().map(move |text| (bad, *text))) {
                let (mut address, mut query, mut headers) = (path.clone(), Vec::new(), Vec::new());
                for parameter in &parameters {
                    let name = parameter["name"].as_str().unwrap();
                    let usual = match (name, &parameter["example"]) {
                        ("id", _) if path.contains("submissions") => sent["id"].as_str().unwrap().to_owned(),
                        ("mapping", _) => "dole/enrolments".to_owned(),
                        (_, Value::String(example)) => example.clone(),
                        _ if parameter != bad => continue,
                        _ => String::new(),
                    };
                    let value = if parameter == bad { text.to_owned() } else { usual };
                    match parameter["in"].as_str().unwrap() {
                        "path" => address = address.replace(&format!("{{{name}}}"), &escaped(&value)),
                        "query" => query.push(format!("{name}={}", escaped(&value))),
                        _ => headers.push((name.to_owned(), value)),
                    }
                }
                let method: Method = method.to_uppercase().parse().unwrap();
                let request = gateway.by("dole", method.clone(), &format!("{address}?{}", query.join("&")));
                let request = headers.into_iter().fold(request, |request, (name, value)| request.header(name, value));
                let body = if method == Method::POST { "{}" } else { "" };
                let answer = request.body(body).send().await.unwrap();
                let status = answer.status().as_u16();
                // Headers may be passed over, and OPTIONS tells of the server, not of the thing.
                let may_pass = bad["in"] == "header" || method == Method::OPTIONS;
                assert!(
                    (400..500).contains(&status) || may_pass && status < 500,
                    "{method} {path}, {}: {text}: {status}",
                    bad["name"]
                );
                asked += 1;
            }
        }
    }
    assert!(asked > 150, "{asked}");
    for name in
        ["authorization", "x-request-id", "traceparent", "accept-language", "user-agent", "if-none-match", "host"]
    {
        for text in TEXTS {
            let answer = gateway.by("dole", Method::GET, "/v1/submissions").header(name, text).send().await.unwrap();
            assert!(answer.status().as_u16() < 500, "{name}: {text}");
            assert!(!header(&answer, "x-request-id").contains('\''));
        }
    }
    // Everything is where it was.
    let id = sent["id"].as_str().unwrap();
    let again = gateway.by("dole", Method::GET, &format!("/v1/submissions/{id}")).send().await.unwrap();
    assert_eq!(again.json::<Value>().await.unwrap()["accepted"], sent["accepted"]);
    let clients = gateway.app.clients(&OPERATOR).await.unwrap().len();
    let mut reader = Reader::open(gateway.home()).await;
    assert_eq!(reader.number("SELECT count(*) FROM client").await, clients as i64);
    others_are_served(&gateway).await;
}

/// Puts `text` into every text below, one record each.
fn texts(record: &mut Value, at: &mut usize, wanted: usize, text: &str) {
    match record {
        Value::String(old) => {
            if *at == wanted {
                *old = text.to_owned();
            }
            *at += 1;
        }
        Value::Object(members) => members.values_mut().for_each(|member| texts(member, at, wanted, text)),
        _ => {}
    }
}

#[tokio::test]
async fn sql_in_every_text_of_a_file_is_refused_by_its_rule_or_given_back_as_it_was() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let mut file: Value = serde_json::from_slice(&sample("dole.json")).unwrap();
    let fields = {
        let mut count = 0;
        texts(&mut file["students"][0].clone(), &mut count, usize::MAX, "");
        count
    };
    assert!(fields > 12, "{fields}");
    let records = file["students"].as_array_mut().unwrap();
    for (record, at) in records.iter_mut().zip(0..fields * TEXTS.len()) {
        texts(record, &mut 0, at % fields, TEXTS[at / fields]);
    }
    let all = records.len() as u64;
    let answer = gateway.send("dole", "dole/enrolments", serde_json::to_vec(&file).unwrap()).await;
    let status = answer.status();
    let receipt: Value = answer.json().await.unwrap();
    assert_eq!(status, 201, "{receipt}");
    let (accepted, refused) = (receipt["accepted"].as_u64().unwrap(), receipt["refused"].as_u64().unwrap());
    assert_eq!(accepted + refused, all);
    let path = format!("/v1/submissions/{}/accepted", receipt["id"].as_str().unwrap());
    let lines = gateway.by("dole", Method::GET, &path).send().await.unwrap().text().await.unwrap();
    assert_eq!(lines.lines().count() as u64, accepted);
    let list = format!("/v1/records/enrolments?round={ROUND}&limit=1000");
    let list: Value = gateway.by("dole", Method::GET, &list).send().await.unwrap().json().await.unwrap();
    assert_eq!(list["records"].as_array().unwrap().len() as u64, accepted);
    others_are_served(&gateway).await;
}
