//! Sending files: receipts, refusals, repetition, limits, and what a broken transfer leaves (nothing).

use super::harness::{Gateway, ROUND, database, header, sample};
use reqwest::Method;
use saphan::app::submissions::progress::ONLOOKERS_MAX;
use saphan::domain::ids::SubmissionId;
use serde_json::Value;
use std::io::{Read, Write};

const TO_DOLE: &str = "/v1/submissions?mapping=dole/enrolments&round=2026-06-10";

async fn problem(response: reqwest::Response) -> Value {
    assert_eq!(header(&response, "content-type"), "application/problem+json");
    response.json().await.unwrap()
}

#[tokio::test]
async fn every_sample_comes_back_with_the_receipt_of_its_truth_and_its_refused_rows_in_its_own_layout() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let truth: Value = serde_json::from_slice(&sample("truth.json")).unwrap();
    for (client, file, media) in [
        ("obec", "obec.csv", "text/csv"),
        ("ovec", "ovec.xml", "application/xml"),
        ("dole", "dole.json", "application/json"),
        ("opec", "opec.xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
    ] {
        let response = gateway.send(client, &format!("{client}/enrolments"), sample(file)).await;
        assert_eq!(response.status(), 201, "{file}");
        let location = header(&response, "location").to_owned();
        let sent: Value = response.json().await.unwrap();
        let (receipt, wanted) = (&sent["receipt"], &truth["files"][file]);
        assert_eq!(sent["state"], "committed");
        assert_eq!(receipt["received"], wanted["rows"], "{file}");
        assert_eq!(
            receipt["refused"].as_u64().unwrap() as usize,
            wanted["refused"].as_array().unwrap().len(),
            "{file}"
        );
        for (member, value) in receipt.as_object().unwrap() {
            assert_eq!(&sent[member], value, "{file}: {member} stands at the top as well");
        }
        let again: Value = gateway.by(client, Method::GET, &location).send().await.unwrap().json().await.unwrap();
        assert_eq!(again, sent, "the receipt stays under its address");

        let refused = gateway.by(client, Method::GET, &format!("{location}/refused")).send().await.unwrap();
        assert_eq!(refused.status(), 200, "{file}");
        assert!(header(&refused, "content-type").starts_with(media), "{file}: {}", header(&refused, "content-type"));
        let disposition = header(&refused, "content-disposition").to_owned();
        assert!(disposition.contains(&format!("refused-{}", sent["id"].as_str().unwrap())), "{disposition}");
        if file == "obec.csv" {
            assert!(header(&refused, "content-type").contains(receipt["encoding"].as_str().unwrap()));
            let bytes = refused.bytes().await.unwrap();
            let lines = bytes.split(|byte| *byte == b'\n').filter(|line| !line.is_empty()).count();
            assert_eq!(lines, 1 + wanted["refused"].as_array().unwrap().len(), "a header and the refused rows");
        }

        let own = file.rsplit_once('.').unwrap().1;
        if own != "json" {
            let path = format!("{location}/refused?format={own}");
            let same = gateway.by(client, Method::GET, &path).send().await.unwrap();
            assert!(header(&same, "content-type").starts_with(media), "{file}: its own format by name");
            let other = if own == "csv" { "xlsx" } else { "csv" };
            let path = format!("{location}/refused?format={other}");
            let other = gateway.by(client, Method::GET, &path).header("accept-language", "en").send().await.unwrap();
            assert_eq!(other.status(), 406);
            let told = problem(other).await;
            assert!(told["detail"].as_str().unwrap().contains(&format!("format={own}")), "{told}");
        }

        let path = format!("{location}/refused?format=json&limit=3");
        let page: Value = gateway.by(client, Method::GET, &path).send().await.unwrap().json().await.unwrap();
        let first_row = &wanted["refused"][0]["row"];
        assert_eq!(page["findings"][0]["row"], *first_row, "{file}");
        assert!(page["next"].as_u64() > first_row.as_u64(), "{file}");
    }
    let list: Value =
        gateway.by("ministry", Method::GET, "/v1/submissions?limit=3").send().await.unwrap().json().await.unwrap();
    assert_eq!(list["submissions"].as_array().unwrap().len(), 3);
    let path = format!("/v1/submissions?limit=3&cursor={}", list["next"].as_str().unwrap());
    let rest: Value = gateway.by("ministry", Method::GET, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!(rest["submissions"].as_array().unwrap().len(), 2);
    assert!(rest.get("next").is_none());
    let own: Value = gateway.by("dole", Method::GET, "/v1/submissions").send().await.unwrap().json().await.unwrap();
    assert_eq!(own["submissions"].as_array().unwrap().len(), 1, "an agency sees its own only");
}

#[tokio::test]
async fn rows_that_the_store_lost_never_come_back_as_a_shorter_file() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let sent: Value = gateway.send("dole", "dole/enrolments", sample("dole.json")).await.json().await.unwrap();
    let path = |rest: &str| format!("/v1/submissions/{}/{rest}", sent["id"].as_str().unwrap());
    let get = async |rest: &str| {
        let response = gateway.by("dole", Method::GET, &path(rest)).send().await.unwrap();
        (response.status().as_u16(), response.bytes().await)
    };
    for rest in ["refused", "accepted"] {
        let (status, body) = get(rest).await;
        assert!(status == 200 && body.is_ok_and(|body| !body.is_empty()), "{rest}");
    }
    for harm in [
        "DELETE FROM refused_row WHERE record = (SELECT max(record) FROM refused_row)",
        "DELETE FROM vault_record WHERE record = (SELECT max(record) FROM vault_record)",
    ] {
        database::harm(gateway.home(), harm).await;
    }
    assert_eq!(get("refused").await.0, 500);
    let (status, body) = get("accepted").await;
    assert!(status == 200 && body.is_err(), "broken off, because the rows are sent as they are read");
}

#[tokio::test]
async fn a_repeated_key_answers_with_the_first_submission_and_never_with_another_file() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let send = |key: &'static str, file: Vec<u8>| {
        gateway.by("dole", Method::POST, TO_DOLE).header("idempotency-key", key).body(file).send()
    };
    let first: Value = send("round-1", sample("dole.json")).await.unwrap().json().await.unwrap();
    let kept = gateway.kept();
    let again = send("round-1", sample("dole.json")).await.unwrap();
    assert_eq!(again.status(), 201);
    assert_eq!(again.json::<Value>().await.unwrap(), first);
    assert_eq!(gateway.kept(), kept, "the repeated bytes are not kept twice");
    let other = send("round-1", b"[]".to_vec()).await.unwrap();
    assert_eq!(other.status(), 409);
    assert_eq!(problem(other).await["code"], "idempotency-key-reused");

    let same_bytes: Value = send("round-2", sample("dole.json")).await.unwrap().json().await.unwrap();
    assert_ne!(same_bytes["id"], first["id"]);
    assert_eq!(same_bytes["receipt"]["duplicate_of"], first["id"], "the same file under another key is recognised");

    let path = |of: &Value, rest: &str| format!("/v1/submissions/{}/refused{rest}", of["id"].as_str().unwrap());
    let mut refused = Vec::new();
    for of in [&first, &same_bytes] {
        for rest in ["?format=json", ""] {
            refused.push(gateway.by("dole", Method::GET, &path(of, rest)).send().await.unwrap().text().await.unwrap());
        }
    }
    assert!(refused[0].contains("SPH-"), "{}", refused[0]);
    assert_eq!(refused[..2], refused[2..], "and its refused rows are those of the first");

    let unfit = gateway.by("dole", Method::POST, TO_DOLE).header("idempotency-key", "two words").body("[]");
    assert_eq!(unfit.send().await.unwrap().status(), 400);
}

#[tokio::test]
async fn a_file_that_cannot_be_read_on_is_a_problem_with_its_rule_and_stays_under_its_id() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let response = gateway.send("dole", "dole/enrolments", b"{\"students\": [".to_vec()).await;
    assert_eq!(response.status(), 422);
    let told = problem(response).await;
    assert_eq!(told["code"], "file-refused");
    let rule = told["refusal"]["rule"].as_str().unwrap();
    assert!(rule.starts_with("SPH-"), "{told}");
    assert_eq!(told["errors"][0]["rule"], rule);
    for lang in ["th", "en"] {
        assert!(!told["refusal"]["message"][lang].as_str().unwrap().is_empty());
    }
    let path = format!("/v1/submissions/{}", told["submission"].as_str().unwrap());
    let kept: Value = gateway.by("dole", Method::GET, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!(kept["state"], "refused");
    assert_eq!(kept["refusal"]["rule"], rule);
    let refused = gateway.by("dole", Method::GET, &format!("{path}/refused")).send().await.unwrap();
    assert_eq!(refused.status(), 409, "there are no rows to give back");
    assert_eq!(gateway.get(&format!("/rules/{rule}")).await.status(), 200, "the rule has its page");
}

#[tokio::test]
async fn a_large_file_or_one_who_asks_for_it_is_answered_at_once_and_processed_behind() {
    let gateway = Gateway::start_with(&[("SAPHAN_SMALL_SUBMISSION_BYTES", "10000")]);
    gateway.send_register().await;
    let large = gateway.send("dole", "dole/enrolments", sample("dole.json")).await;
    assert_eq!(large.status(), 202);
    assert_eq!(header(&large, "preference-applied"), "");
    let location = header(&large, "location").to_owned();
    let receipt = committed(&gateway, "dole", &location).await;
    assert_eq!(receipt["received"], 420);
    let asked =
        gateway.by("dole", Method::POST, TO_DOLE).header("prefer", "respond-async").body("[]").send().await.unwrap();
    assert_eq!(asked.status(), 202);
    assert_eq!(header(&asked, "preference-applied"), "respond-async");
}

#[tokio::test]
async fn what_an_overloaded_gateway_could_not_take_up_is_kept_and_processed_after_a_restart() {
    let gateway = Gateway::start_overloaded();
    let response = gateway.send("register", "moe/schools", sample("schools.csv")).await;
    assert_eq!(response.status(), 503);
    assert!(!header(&response, "retry-after").is_empty());
    let told = problem(response).await;
    let path = format!("/v1/submissions/{}", told["submission"].as_str().unwrap());
    let kept: Value = gateway.by("register", Method::GET, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!(kept["state"], "received");
    let gateway = gateway.restart();
    let taken_up = committed(&gateway, "register", &path).await;
    assert_eq!(taken_up["refused"], 0);
}

/// Waits for the end of a submission; its receipt.
async fn committed(gateway: &Gateway, client: &str, path: &str) -> Value {
    let begun = std::time::Instant::now();
    loop {
        let seen: Value = gateway.by(client, Method::GET, path).send().await.unwrap().json().await.unwrap();
        if seen["state"] == "committed" {
            return seen["receipt"].clone();
        }
        assert!(begun.elapsed().as_secs() < 30, "{seen}");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn without_a_register_a_file_is_kept_and_the_problem_says_what_comes_first() {
    let gateway = Gateway::start();
    let response = gateway.send("dole", "dole/enrolments", sample("dole.json")).await;
    assert_eq!(response.status(), 409);
    let told = problem(response).await;
    assert!(told["detail"].as_str().unwrap().contains("moe/schools"), "{told}");
    let path = format!("/v1/submissions/{}", told["submission"].as_str().unwrap());
    let kept: Value = gateway.by("dole", Method::GET, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!((&kept["state"], &kept["waiting"]["reason"]), (&"received".into(), &"school-register".into()), "{kept}");
    for lang in ["th", "en"] {
        assert!(kept["waiting"]["hint"][lang].as_str().unwrap().contains("moe/schools"), "{kept}");
    }

    // Taken up with the register of then, so that the same file is known again.
    gateway.send_register().await;
    let receipt = committed(&gateway, "dole", &path).await;
    let again = gateway.send("dole", "dole/enrolments", sample("dole.json")).await;
    assert_eq!(again.json::<Value>().await.unwrap()["duplicate_of"], receipt["submission"]);
}

/// A register and one file of `dole` that nobody has worked on; the file's id.
async fn kept_only(gateway: Gateway) -> (Gateway, String) {
    gateway.send_register().await;
    let gateway = gateway.restart_overloaded();
    let told = problem(gateway.send("dole", "dole/enrolments", sample("dole.json")).await).await;
    (gateway, told["submission"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn what_always_fails_is_put_off_longer_and_longer_and_ends_as_failed_with_its_bytes_kept() {
    let (gateway, id) = kept_only(Gateway::start()).await;
    let path = format!("/v1/submissions/{id}");
    std::fs::write(gateway.home().join("kept").join(&id), b"no sealed file any more").unwrap();
    let submission = saphan::domain::ids::SubmissionId::parse(&id).unwrap();
    for tries in 1..saphan::app::submissions::TRIES_MAX {
        assert!(gateway.app.process(&submission, None).await.is_err(), "try {tries}");
        let seen: Value = gateway.by("dole", Method::GET, &path).send().await.unwrap().json().await.unwrap();
        assert_eq!((&seen["state"], &seen["waiting"]["reason"]), (&"received".into(), &"retry".into()), "{seen}");
        assert!(seen["waiting"]["not_before"].as_str() > seen["received_at"].as_str(), "{seen}");
        assert!(gateway.app.unfinished(true).await.unwrap().is_empty(), "it rests");
    }
    gateway.app.process(&submission, None).await.unwrap();
    let ended: Value = gateway.by("dole", Method::GET, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!((&ended["state"], &ended["refusal"]["rule"]), (&"failed".into(), &"SPH-LIM-010".into()), "{ended}");
    assert!(ended["refusal"]["hint"]["th"].as_str().unwrap().contains("ส่งไฟล์เดิมใหม่"), "{ended}");
    assert!(ended.get("waiting").is_none());
    assert_eq!(gateway.kept().len(), 2, "the register's bytes and these");
}

#[tokio::test]
async fn what_another_process_works_on_holds_nobody_up() {
    let (gateway, id) = kept_only(Gateway::start()).await;
    // As another process would.
    let other_process = gateway.another_store().await;
    let held = other_process.claim(&SubmissionId::parse(&id).unwrap()).await.unwrap().unwrap();
    // Every file is large, so that all go one lane with one worker.
    let gateway = gateway.restart_with(&[("SAPHAN_SMALL_SUBMISSION_BYTES", "1")]);
    let response = gateway.send("ovec", "ovec/enrolments", sample("ovec.xml")).await;
    assert_eq!(response.status(), 202);
    let other = header(&response, "location").to_owned();
    committed(&gateway, "ovec", &other).await;
    let path = format!("/v1/submissions/{id}");
    let waits: Value = gateway.by("dole", Method::GET, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!(waits["state"], "received");
    drop(held);
    committed(&gateway, "dole", &path).await;
}

#[tokio::test]
async fn bodies_that_are_too_large_or_wrongly_coded_leave_nothing_behind() {
    let gateway = Gateway::start_with(&[("SAPHAN_FILE_BYTES_MAX", "40000")]);
    let announced = gateway.send("dole", "dole/enrolments", vec![b' '; 60_000]).await;
    assert_eq!(announced.status(), 413);
    assert_eq!(problem(announced).await["code"], "too-large");
    let pieces = futures_util::stream::iter((0..6).map(|_| Ok::<_, std::io::Error>(vec![b' '; 10_000])));
    let streamed =
        gateway.by("dole", Method::POST, TO_DOLE).body(reqwest::Body::wrap_stream(pieces)).send().await.unwrap();
    assert_eq!(streamed.status(), 413);
    let coded =
        gateway.by("dole", Method::POST, TO_DOLE).header("content-encoding", "br").body("x").send().await.unwrap();
    assert_eq!(coded.status(), 415);
    assert_eq!(problem(coded).await["code"], "unsupported-media");
    assert!(gateway.kept().is_empty(), "{:?}", gateway.kept());
}

#[tokio::test]
async fn a_gzip_file_is_taken_as_it_is() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let mut packed = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    packed.write_all(&sample("dole.json")).unwrap();
    let body = packed.finish().unwrap();
    let request = gateway.by("dole", Method::POST, TO_DOLE).header("content-encoding", "gzip").body(body);
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 201);
    assert_eq!(response.json::<Value>().await.unwrap()["receipt"]["received"], 420);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sender_who_hangs_up_half_way_leaves_nothing() {
    let gateway = Gateway::start();
    let request = gateway.by("dole", Method::POST, TO_DOLE).build().unwrap();
    let token = request.headers()["authorization"].to_str().unwrap().to_owned();
    let mut stream = std::net::TcpStream::connect(gateway.url.trim_start_matches("http://")).unwrap();
    let head =
        format!("POST {TO_DOLE} HTTP/1.1\r\nhost: x\r\nauthorization: {token}\r\ncontent-length: 1000000\r\n\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    stream.write_all(&vec![b'['; 400_000]).unwrap();
    stream.shutdown(std::net::Shutdown::Write).unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    drop(stream);
    let begun = std::time::Instant::now();
    while !gateway.kept().is_empty() {
        assert!(begun.elapsed().as_secs() < 10, "{:?}", gateway.kept());
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    let list: Value = gateway.by("dole", Method::GET, "/v1/submissions").send().await.unwrap().json().await.unwrap();
    assert_eq!(list["submissions"], serde_json::json!([]));
}

#[tokio::test]
async fn another_agencys_submission_is_as_good_as_unknown() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let sent: Value = gateway.send("dole", "dole/enrolments", sample("dole.json")).await.json().await.unwrap();
    let path = format!("/v1/submissions/{}", sent["id"].as_str().unwrap());
    let theirs = gateway.by("obec", Method::GET, &path).send().await.unwrap();
    let nobodys =
        gateway.by("obec", Method::GET, &format!("/v1/submissions/sub_{}", "0".repeat(32))).send().await.unwrap();
    assert_eq!((theirs.status().as_u16(), nobodys.status().as_u16()), (404, 404));
    let (theirs, nobodys) = (problem(theirs).await, problem(nobodys).await);
    assert_eq!(theirs["detail"], nobodys["detail"], "the two can't be told apart");
    let cross = gateway.send("obec", "dole/enrolments", sample("dole.json")).await;
    assert_eq!(cross.status(), 403);
}

#[tokio::test]
async fn slips_in_a_request_are_named_all_at_once_in_the_readers_language() {
    let gateway = Gateway::start();
    let path = format!("/v1/submissions?maping=dole/enrolments&round={ROUND}&mode=all");
    let response =
        gateway.by("dole", Method::POST, &path).header("accept-language", "en").body("[]").send().await.unwrap();
    assert_eq!(response.status(), 400);
    let id = header(&response, "x-request-id").to_owned();
    let told = problem(response).await;
    assert_eq!(told["request_id"], id.as_str());
    let pointers: Vec<&str> =
        told["errors"].as_array().unwrap().iter().map(|error| error["pointer"].as_str().unwrap()).collect();
    assert_eq!(pointers, ["/query/maping", "/query/mapping", "/query/mode"]);
    assert_eq!(told["errors"][0]["did_you_mean"], "mapping");

    let unknown = gateway.send("dole", "dole/enrolment", b"[]".to_vec()).await;
    assert_eq!(unknown.status(), 404);
    assert!(problem(unknown).await["detail"].as_str().unwrap().contains("dole/enrolments"), "says which there are");
    let bad_token = gateway.request(Method::GET, "/v1/submissions").bearer_auth("nobody").send().await.unwrap();
    assert_eq!(bad_token.status(), 401);
    assert!(header(&bad_token, "www-authenticate").starts_with("Bearer"));
    let wrong_method = gateway.by("dole", Method::DELETE, "/v1/submissions").send().await.unwrap();
    assert_eq!(wrong_method.status(), 405);
    assert_eq!(header(&wrong_method, "allow"), "GET, HEAD, POST");
}

#[tokio::test]
async fn accepted_rows_come_as_canonical_records_a_line_and_the_reading_is_journalled() {
    let gateway = Gateway::start();
    let register = gateway.send("register", "moe/schools", sample("schools.csv")).await;
    let register = header(&register, "location").to_owned();
    let sent: Value = gateway.send("obec", "obec/enrolments", sample("obec.csv")).await.json().await.unwrap();
    let again: Value = gateway.send("obec", "obec/enrolments", sample("obec.csv")).await.json().await.unwrap();
    assert_eq!(again["duplicate_of"], sent["id"]);
    let mut files = Vec::new();
    for of in [&sent, &again] {
        let path = format!("/v1/submissions/{}/accepted", of["id"].as_str().unwrap());
        let response = gateway.by("obec", Method::GET, &path).send().await.unwrap();
        assert_eq!((response.status().as_u16(), header(&response, "content-type")), (200, "application/x-ndjson"));
        files.push(response.text().await.unwrap());
    }
    assert_eq!(files[0], files[1], "a repeated file has the rows of the first");
    let lines: Vec<Value> = files[0].lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len() as u64, sent["accepted"].as_u64().unwrap());
    let rows: Vec<u64> = lines.iter().map(|line| line["_row"].as_u64().unwrap()).collect();
    assert!(rows.is_sorted_by(|a, b| a < b), "in the file's order");
    assert!(lines.iter().all(|line| line["agency"] == "10" && line["learner_id"].is_string()));
    let of_register = gateway.by("register", Method::GET, &format!("{register}/accepted")).send().await.unwrap();
    assert_eq!(of_register.status(), 409);
}

#[tokio::test]
async fn progress_is_told_as_it_happens_and_the_stream_ends_with_the_submission() {
    let (gateway, id) = kept_only(Gateway::start()).await;
    let path = format!("/v1/submissions/{id}/events");
    let mut watching = gateway.by("dole", Method::GET, &path).send().await.unwrap();
    assert_eq!((watching.status().as_u16(), header(&watching, "content-type")), (200, "text/event-stream"));
    let first = String::from_utf8(watching.chunk().await.unwrap().unwrap().to_vec()).unwrap();
    assert!(first.starts_with("event: progress\ndata: {\"state\":\"received\""), "{first}");
    let submission = saphan::domain::ids::SubmissionId::parse(&id).unwrap();
    gateway.app.process(&submission, None).await.unwrap();
    let rest = watching.text().await.unwrap();
    let (_, last) = rest.rsplit_once("event: end\ndata: ").unwrap_or_else(|| panic!("ends by itself: {rest}"));
    let told: Value = serde_json::from_str(last.trim()).unwrap();
    assert_eq!((&told["state"], &told["rows"]), (&"committed".into(), &420.into()), "{told}");
    let late = gateway.by("dole", Method::GET, &path).send().await.unwrap().text().await.unwrap();
    assert!(late.starts_with("event: end\n"), "at its end there is one event: {late}");
}

#[tokio::test]
async fn those_who_watch_are_bounded_and_a_place_is_free_again_when_one_leaves() {
    let (gateway, id) = kept_only(Gateway::start()).await;
    let path = format!("/v1/submissions/{id}/events");
    let look = || gateway.by("dole", Method::GET, &path).send();
    let watching = futures_util::future::try_join_all((0..ONLOOKERS_MAX).map(|_| look())).await.unwrap();
    assert!(watching.iter().all(|response| response.status() == 200));
    let refused = look().await.unwrap();
    assert_eq!((refused.status().as_u16(), header(&refused, "retry-after")), (503, "30"));
    let problem: Value = refused.json().await.unwrap();
    assert!(problem["detail"].as_str().unwrap().contains("/v1/submissions/"), "{problem}");
    drop(watching);
    for _ in 0..100 {
        if look().await.unwrap().status() == 200 {
            return;
        }
        tokio::time::sleep(std::time::Duration::from_millis(100)).await;
    }
    panic!("nobody's place became free");
}
