//! A whole round over HTTP: records page by page, the count, and its manifest.

use super::harness::{Gateway, ROUND, header, sample};
use reqwest::Method;
use serde_json::Value;
use std::collections::BTreeSet;

#[tokio::test]
async fn records_come_page_by_page_each_once_and_only_to_who_may_read_them() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    assert_eq!(gateway.send("dole", "dole/enrolments", sample("dole.json")).await.status(), 201);
    let (mut rows, mut cursor) = (BTreeSet::new(), String::new());
    let mut pages = 0;
    loop {
        let path = format!("/v1/records/enrolments?round={ROUND}&limit=100{cursor}");
        let response = gateway.by("dole", Method::GET, &path).send().await.unwrap();
        assert_eq!(response.status(), 200);
        let tag = header(&response, "etag").to_owned();
        let again = gateway.by("dole", Method::GET, &path).header("if-none-match", &tag).send().await.unwrap();
        assert_eq!(again.status(), 304);
        let page: Value = response.json().await.unwrap();
        for line in page["records"].as_array().unwrap() {
            assert!(rows.insert(line["row"].as_u64().unwrap()), "row {} came twice", line["row"]);
            assert_eq!(line["record"]["agency"], "12");
        }
        pages += 1;
        match page["next"].as_str() {
            Some(next) => cursor = format!("&cursor={next}"),
            None => break,
        }
    }
    assert_eq!(rows.len(), 412, "every accepted row of the file");
    assert!(pages >= 5);
    for round in ["2569-1", "2569/1", "2569%2F1"] {
        let path = format!("/v1/records/enrolments?round={round}&limit=1");
        let page: Value = gateway.by("dole", Method::GET, &path).send().await.unwrap().json().await.unwrap();
        assert_eq!(page["records"].as_array().map(Vec::len), Some(1), "{round}: {page}");
    }
    let by_ministry = format!("/v1/records/enrolments?round={ROUND}&agency=dole&limit=1");
    let page: Value = gateway.by("ministry", Method::GET, &by_ministry).send().await.unwrap().json().await.unwrap();
    assert_eq!(page["records"].as_array().unwrap().len(), 1);
    let unsaid =
        gateway.by("ministry", Method::GET, &format!("/v1/records/enrolments?round={ROUND}")).send().await.unwrap();
    assert_eq!(unsaid.status(), 400, "the ministry has no agency of its own");
}

#[tokio::test]
async fn a_count_is_run_read_and_proven() {
    let gateway = Gateway::start();
    let path = format!("/v1/counts/{ROUND}");
    assert_eq!(gateway.by("count", Method::GET, &path).send().await.unwrap().status(), 404, "nothing counted yet");
    gateway.send_register().await;
    for (client, file) in [("dole", "dole.json"), ("ovec", "ovec.xml")] {
        assert_eq!(gateway.send(client, &format!("{client}/enrolments"), sample(file)).await.status(), 201);
    }
    let run = gateway.by("count", Method::POST, &path).send().await.unwrap();
    assert_eq!(run.status(), 201);
    let report: Value = run.json().await.unwrap();
    assert_eq!(report["round"], ROUND);
    let read: Value =
        gateway.by("ministry", Method::GET, "/v1/counts/2569-1").send().await.unwrap().json().await.unwrap();
    assert_eq!(read, report, "year and term name the same round");
    let encoded = gateway.by("ministry", Method::GET, "/v1/counts/2569%2F1").send().await.unwrap();
    assert_eq!(encoded.json::<Value>().await.unwrap(), report, "also with the slash encoded");
    let narrow: Value =
        gateway.by("dole", Method::GET, &format!("{path}?cases=0")).send().await.unwrap().json().await.unwrap();
    assert_eq!(narrow["agencies"].as_array().unwrap().len(), 1, "an agency sees its own");
    assert_eq!(narrow["cases"], serde_json::json!([]));
    let narrow: Value = gateway.by("dole", Method::GET, &path).send().await.unwrap().json().await.unwrap();
    let places = narrow["cases"].as_array().unwrap().iter().flat_map(|case| case["places"].as_array().unwrap());
    let (own, other): (Vec<_>, Vec<_>) = places.partition(|place| place["agency"] == "12");
    assert!(!own.is_empty() && own.iter().all(|place| place["row"].is_u64()), "its own rows: {own:?}");
    assert!(!other.is_empty() && other.iter().all(|place| place["row"].is_null()), "not another file's: {other:?}");

    let response = gateway.by("count", Method::GET, &format!("{path}/manifest")).send().await.unwrap();
    assert_eq!(response.status(), 200);
    let link = header(&response, "link").to_owned();
    let seal = link.split_once('<').and_then(|(_, rest)| rest.split_once('>')).expect("names its signature").0;
    let manifest = response.bytes().await.unwrap();
    assert_eq!(seal, format!("{path}/manifest?part=seal"));
    let response = gateway.by("count", Method::GET, seal).send().await.unwrap();
    let seal: saphan::app::counting::ManifestSeal = response.json().await.unwrap();
    let keys: Value = gateway.get("/.well-known/jwks.json").await.json().await.unwrap();
    assert_eq!(keys["keys"][0], seal.key);
    let operator = saphan::domain::principal::Principal::Operator;
    let verified = gateway.app.verify_count(&operator, &manifest, Some(&seal)).await.unwrap();
    assert_eq!((verified.signature_valid, verified.differences.len()), (Some(true), 0));
    assert_eq!(gateway.by("count", Method::GET, "/v1/counts/2026-06-11").send().await.unwrap().status(), 404);
}

#[tokio::test]
async fn a_round_without_data_is_not_counted_and_the_answer_names_those_with_data() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let operator = saphan::domain::principal::Principal::Operator;
    let nothing = gateway.app.publish(&operator, None).await.unwrap_err();
    assert!(nothing.told().unwrap().en.contains("saphan count --round"), "{nothing}");
    assert_eq!(gateway.send("dole", "dole/enrolments", sample("dole.json")).await.status(), 201);
    let empty = gateway.by("count", Method::POST, "/v1/counts/2026-11-10").header("accept-language", "en");
    let empty = empty.send().await.unwrap();
    assert_eq!(empty.status(), 409);
    let told: Value = empty.json().await.unwrap();
    let detail = told["detail"].as_str().unwrap();
    assert!(detail.contains("2026-11-10") && detail.contains("2026-06-10 (2569/1)"), "{told}");
    let read = gateway.by("count", Method::GET, "/v1/counts/2026-11-10").send().await.unwrap();
    assert_eq!(read.status(), 404, "no empty count is kept");
    let nothing = gateway.app.publish(&operator, None).await.unwrap_err();
    assert!(nothing.told().unwrap().th.contains("2026-06-10 (2569/1)"), "data, but no count: {nothing}");
}

#[test]
fn the_commands_fail_on_a_round_without_data_and_say_what_to_do_in_the_readers_language() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = super::harness::cli::Saphan::new(folder.path());
    for (arguments, lang, words) in [
        (
            &["count", "--round", "2569/1", "--json"][..],
            "en",
            "No data have been accepted for any round yet, so 2026-06-10 was not counted",
        ),
        (&["count", "--round", "2569/1"], "th", "ยังไม่มีข้อมูลที่รับไว้ในรอบใดเลย จึงไม่ได้นับรอบ 2026-06-10"),
        (&["publish"], "th", "ยังไม่มีผลการนับที่เผยแพร่ได้"),
    ] {
        let ran = saphan.run(&[&["--lang", lang], arguments].concat());
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{arguments:?}");
        assert!(ran.stderr.contains(words), "{}", ran.stderr);
    }
}
