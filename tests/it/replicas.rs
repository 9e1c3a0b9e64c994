//! Several gateways over one store: what one leaves another goes on with, anybody can look and cancel, and stopping them
//! one after another under load loses nothing.

use super::harness::database::Reader;
use super::harness::process::{self, Running, get, token, until, with_register};
use super::harness::{Gateway, sample};
use reqwest::{Client, Method};
use serde_json::Value;
use std::cell::Cell;
use std::path::Path;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

pub const TO_OBEC: &str = "/v1/submissions?mapping=obec/enrolments&round=2026-06-10";
/// Files from here on are large, so that nobody waits for them.
const LARGE: (&str, &str) = ("SAPHAN_SMALL_SUBMISSION_BYTES", "500000");

/// The sample's rows so often that the work takes some seconds; the number of rows.
pub fn long_file(times: usize) -> (Vec<u8>, u64) {
    let file = sample("obec.csv");
    let at = file.iter().position(|byte| *byte == b'\n').unwrap() + 1;
    let rows = file[at..].iter().filter(|byte| **byte == b'\n').count();
    ([&file[..at], &file[at..].repeat(times)].concat(), (rows * times) as u64)
}

async fn send(client: &Client, token: &str, url: &str, file: Vec<u8>) -> String {
    let response = client.post(format!("{url}{TO_OBEC}")).bearer_auth(token).body(file).send().await.unwrap();
    assert_eq!(response.status(), 202);
    response.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned()
}

/// What the receipt says, what is in force, and how often the work began.
async fn whole(home: &Path, ended: &Value) -> i64 {
    let mut reader = Reader::open(home).await;
    let force =
        reader.number("SELECT count(*) FROM enrolment e JOIN holding h ON h.id = e.holding WHERE h.in_force = 1").await;
    assert_eq!(force, ended["receipt"]["accepted"].as_i64().unwrap());
    let refused = reader.number("SELECT count(*) FROM refused_row").await;
    assert_eq!(refused, ended["receipt"]["refused"].as_i64().unwrap());
    reader.number("SELECT max(turns) FROM submission").await
}

fn is_under_way(seen: &Value) -> bool {
    seen["state"] == "processing" && seen["progress"]["rows"].as_u64() > Some(0)
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_dead_gateway_worked_on_is_taken_up_by_another_after_the_last_row_it_staged() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = with_register(folder.path());
    let obec = token(&saphan, &["--agency", "obec", "--scope", "agency.submit"]);
    let (one, two) = (Running::start(&saphan, &[LARGE]), Running::start(&saphan, &[LARGE]));
    let client = process::client();
    let (file, rows) = long_file(30);
    let id = send(&client, &obec, &one.url, file).await;
    let url = format!("{}/v1/submissions/{id}", two.url);
    // Seen by the one that does not work on it.
    let seen = until(&client, &obec, &url, is_under_way).await;
    assert!(seen["progress"]["rows"].as_u64().unwrap() < rows, "{seen}");
    assert!(seen["progress"]["bytes_read"].as_u64().unwrap() > 0);
    one.kill();
    let done = Cell::new(seen["progress"]["rows"].as_u64().unwrap());
    let ended = until(&client, &obec, &url, |seen| {
        if let Some(rows) = seen["progress"]["rows"].as_u64() {
            assert!(rows >= done.get(), "it goes on after what was staged: {rows} after {}", done.get());
            done.set(rows);
        }
        seen["state"] == "committed"
    })
    .await;
    assert_eq!(ended["receipt"]["received"], rows);
    assert_eq!(whole(saphan.home(), &ended).await, 2, "it was begun twice");
    let mut reader = Reader::open(saphan.home()).await;
    assert_eq!(reader.number("SELECT max(tries) FROM submission").await, 2, "a crash counts as a try");
    drop(two);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gateway_that_is_asked_to_stop_gives_its_work_back_and_another_goes_on_with_it() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = with_register(folder.path());
    let obec = token(&saphan, &["--agency", "obec", "--scope", "agency.submit"]);
    let settings = [LARGE, ("SAPHAN_DRAIN_SECONDS", "1")];
    let (one, two) = (Running::start(&saphan, &settings), Running::start(&saphan, &settings));
    let client = process::client();
    let (file, rows) = long_file(30);
    let id = send(&client, &obec, &one.url, file).await;
    let url = format!("{}/v1/submissions/{id}", two.url);
    until(&client, &obec, &url, is_under_way).await;
    one.ask_to_stop();
    // It says so at once, and still answers.
    let ready = format!("{}/readyz", one.url);
    let refused = loop {
        let answer = client.get(&ready).send().await.unwrap();
        if answer.status() != 200 {
            break answer;
        }
        tokio::time::sleep(Duration::from_millis(5)).await;
    };
    assert_eq!(refused.status(), 503);
    assert_eq!(refused.headers()["connection"], "close");
    assert_eq!(client.get(format!("{}/healthz", one.url)).send().await.unwrap().status(), 200);
    assert!(one.ended().await.success());
    let ended = until(&client, &obec, &url, |seen| seen["state"] == "committed").await;
    assert_eq!(ended["receipt"]["received"], rows);
    assert_eq!(whole(saphan.home(), &ended).await, 2);
    let mut reader = Reader::open(saphan.home()).await;
    assert_eq!(reader.number("SELECT max(tries) FROM submission").await, 1, "giving back is no try");
    drop(two);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_submission_is_cancelled_at_any_gateway_and_the_same_file_is_then_taken_anew() {
    let one = Gateway::start_with(&[LARGE]);
    one.send_register().await;
    let two = one.beside();
    let (file, rows) = long_file(30);
    let sent = one.by("obec", Method::POST, TO_OBEC).header("idempotency-key", "k-1").body(file.clone());
    let sent: Value = sent.send().await.unwrap().json().await.unwrap();
    let path = format!("/v1/submissions/{}", sent["id"].as_str().unwrap());
    let look = async |gateway: &Gateway, client: &str, path: &str| -> Value {
        gateway.by(client, Method::GET, path).send().await.unwrap().json().await.unwrap()
    };
    while !is_under_way(&look(&one, "obec", &path).await) {
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let cancel = format!("{path}/cancel");
    assert_eq!(two.by("dole", Method::POST, &cancel).send().await.unwrap().status(), 404);
    assert_eq!(two.by("ministry", Method::POST, &cancel).send().await.unwrap().status(), 403, "it may only read");
    let cancelled = two.by("obec", Method::POST, &cancel).send().await.unwrap();
    assert_eq!(cancelled.status(), 200);
    assert_eq!(cancelled.json::<Value>().await.unwrap()["state"], "cancelled");
    let again = two.by("obec", Method::POST, &cancel).send().await.unwrap();
    assert_eq!(again.status(), 409, "it is at its end");
    // Its rows go, wherever they were staged.
    let mut reader = Reader::open(one.home()).await;
    while reader.number("SELECT count(*) FROM submission WHERE state = 'cancelled' AND finished_at IS NULL").await > 0 {
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    for left in ["SELECT count(*) FROM enrolment", "SELECT count(*) FROM refused_row", "SELECT count(*) FROM holding"] {
        assert_eq!(reader.number(left).await, 0, "{left}");
    }
    let told = "SELECT count(*) FROM journal WHERE act = 'submission.cancel'";
    assert_eq!(reader.number(told).await, 1);
    assert_eq!(look(&one, "obec", &path).await["state"], "cancelled");
    let events = one.by("obec", Method::GET, &format!("{path}/events")).send().await.unwrap().text().await.unwrap();
    assert!(events.starts_with("event: end\ndata: {\"state\":\"cancelled\""), "{events}");

    let same_key = one.by("obec", Method::POST, TO_OBEC).header("idempotency-key", "k-1").body(file.clone());
    assert_eq!(same_key.send().await.unwrap().status(), 409, "its key stays with what was cancelled");
    let anew = one.by("obec", Method::POST, TO_OBEC).body(file).send().await.unwrap();
    let path = format!("/v1/submissions/{}", anew.json::<Value>().await.unwrap()["id"].as_str().unwrap());
    let ended = loop {
        let seen = look(&two, "obec", &path).await;
        if seen["state"] == "committed" {
            break seen;
        }
        assert!(matches!(seen["state"].as_str(), Some("received" | "processing")), "{seen}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    };
    assert_eq!((&ended["duplicate_of"], &ended["received"]), (&Value::Null, &rows.into()));
    let late = one.by("obec", Method::POST, &format!("{path}/cancel")).send().await.unwrap();
    assert_eq!(late.status(), 409, "what is in force is not taken back");
    let told: Value = late.json().await.unwrap();
    assert!(told["detail"].as_str().unwrap().contains("committed"), "it says why: {told}");
}

/// As a load balancer: those that say they are ready, one after another.
struct Balancer {
    ready: Mutex<Vec<String>>,
    next: AtomicUsize,
}

impl Balancer {
    fn next(&self) -> String {
        let ready = self.ready.lock().unwrap();
        let turn = self.next.fetch_add(1, Ordering::Relaxed);
        ready.get(turn % ready.len().max(1)).expect("one of them is always ready").clone()
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn restarted_one_after_another_under_load_they_lose_no_request() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = with_register(folder.path());
    let obec = token(&saphan, &["--agency", "obec", "--scope", "agency.submit"]);
    let settings = [("SAPHAN_DRAIN_SECONDS", "2")];
    let start = || Running::start(&saphan, &settings);
    let mut replicas = [Some(start()), Some(start())];
    let urls = Arc::new(Mutex::new(replicas.iter().flatten().map(|one| one.url.clone()).collect::<Vec<_>>()));
    let balancer = Arc::new(Balancer { ready: Mutex::new(urls.lock().unwrap().clone()), next: AtomicUsize::new(0) });
    let over = Arc::new(AtomicBool::new(false));
    let checks = {
        let (urls, balancer, over, client) = (urls.clone(), balancer.clone(), over.clone(), process::client());
        tokio::spawn(async move {
            while !over.load(Ordering::Relaxed) {
                let all = urls.lock().unwrap().clone();
                let mut ready = Vec::new();
                for url in all {
                    let answer = client.get(format!("{url}/readyz")).send().await;
                    if answer.is_ok_and(|answer| answer.status() == 200) {
                        ready.push(url);
                    }
                }
                *balancer.ready.lock().unwrap() = ready;
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        })
    };
    let lines: Vec<Vec<u8>> =
        sample("obec.csv").split_inclusive(|b| *b == b'\n').take(60).map(<[u8]>::to_vec).collect();
    let senders: Vec<_> = (0..3_usize)
        .map(|number| {
            let (balancer, over, obec, lines) = (balancer.clone(), over.clone(), obec.clone(), lines.clone());
            let client = process::client();
            tokio::spawn(async move {
                let (mut acknowledged, mut read) = (Vec::new(), 0);
                while !over.load(Ordering::Relaxed) {
                    // Each its own rows.
                    let left_out = 1 + number * 15 + acknowledged.len() % 15;
                    let body = [&lines[..left_out], &lines[left_out + 1..]].concat().concat();
                    let to = format!("{}{TO_OBEC}", balancer.next());
                    let sent = client.post(&to).bearer_auth(&obec).body(body).send().await;
                    let sent = sent.unwrap_or_else(|error| panic!("a file was lost: {error:?}"));
                    assert_eq!(sent.status(), 201);
                    let sent: Value = sent.json().await.unwrap();
                    let from = format!("{}/v1/submissions/{}", balancer.next(), sent["id"].as_str().unwrap());
                    let seen = client.get(&from).bearer_auth(&obec).send().await;
                    let seen = seen.unwrap_or_else(|error| panic!("a question was lost: {error:?}"));
                    assert_eq!(seen.status(), 200);
                    read += 1;
                    acknowledged.push(sent["id"].clone());
                }
                (acknowledged, read)
            })
        })
        .collect();
    for _ in 0..2 {
        for (at, slot) in replicas.iter_mut().enumerate() {
            // As the guide says: the next one when both are ready.
            while balancer.ready.lock().unwrap().len() < 2 {
                tokio::time::sleep(Duration::from_millis(10)).await;
            }
            tokio::time::sleep(Duration::from_millis(300)).await;
            let stopping = slot.take().unwrap();
            stopping.ask_to_stop();
            assert!(stopping.ended().await.success());
            let started = start();
            urls.lock().unwrap()[at] = started.url.clone();
            *slot = Some(started);
        }
    }
    tokio::time::sleep(Duration::from_millis(300)).await;
    over.store(true, Ordering::Relaxed);
    checks.await.unwrap();
    let mut acknowledged = Vec::new();
    for sender in senders {
        let (ids, read) = sender.await.unwrap();
        assert!(read > 3 && ids.len() == read, "there was load: {read}");
        acknowledged.extend(ids);
    }
    let client = process::client();
    let home = saphan.home();
    for id in &acknowledged {
        let url = format!("{}/v1/submissions/{}", replicas[0].as_ref().unwrap().url, id.as_str().unwrap());
        let seen = get(&client, &obec, &url).await;
        assert_eq!(seen["state"], "committed", "{seen}");
    }
    let mut reader = Reader::open(home).await;
    let kept = reader.number("SELECT count(*) FROM submission WHERE mapping = 'obec/enrolments'").await;
    assert_eq!(kept, acknowledged.len() as i64, "each once");
}
