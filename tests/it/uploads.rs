//! Files in pieces: what was acknowledged stays, whatever breaks; what is whole is taken once.

use super::harness::process::{self, Running, crash_seed, token, until, with_register};
use super::harness::{Gateway, ROUND, header, sample};
use reqwest::{Client, Method, RequestBuilder, Response};
use serde_json::Value;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::path::Path;
use std::time::Duration;

const TO_DOLE: &str = "/v1/uploads?mapping=dole/enrolments&round=2026-06-10";
const KILLS: u64 = 4;
const PIECE: &str = "application/offset+octet-stream";

fn sha256(bytes: &[u8]) -> String {
    saphan::vault::sha256_hex(bytes)
}

fn piece(request: RequestBuilder, offset: usize, bytes: &[u8]) -> RequestBuilder {
    request
        .header("tus-resumable", "1.0.0")
        .header("content-type", PIECE)
        .header("upload-offset", offset.to_string())
        .body(bytes.to_vec())
}

async fn begin(gateway: &Gateway, client: &str, path: &str, bytes: usize) -> Response {
    let request = gateway.by(client, Method::POST, path).header("tus-resumable", "1.0.0");
    request.header("upload-length", bytes.to_string()).send().await.unwrap()
}

/// Opens an upload of `dole`; its address.
async fn begun(gateway: &Gateway, bytes: usize) -> String {
    let response = begin(gateway, "dole", TO_DOLE, bytes).await;
    assert_eq!(response.status(), 201);
    header(&response, "location").to_owned()
}

async fn append(gateway: &Gateway, path: &str, offset: usize, bytes: &[u8]) -> Response {
    piece(gateway.by("dole", Method::PATCH, path), offset, bytes).send().await.unwrap()
}

async fn offset(gateway: &Gateway, path: &str) -> String {
    let head = gateway.by("dole", Method::HEAD, path).header("tus-resumable", "1.0.0").send().await.unwrap();
    assert_eq!((head.status().as_u16(), header(&head, "cache-control")), (200, "no-store"));
    header(&head, "upload-offset").to_owned()
}

async fn detail(response: Response) -> String {
    let problem: Value = response.json().await.unwrap();
    problem["detail"].as_str().unwrap().to_owned()
}

async fn committed(gateway: &Gateway, id: &str) -> Value {
    for _ in 0..600 {
        let path = format!("/v1/submissions/{id}");
        let seen: Value = gateway.by("dole", Method::GET, &path).send().await.unwrap().json().await.unwrap();
        if seen["state"] == "committed" {
            return seen;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    panic!("{id} is never committed");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_in_pieces_becomes_one_submission_with_the_bytes_that_were_sent() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let file = sample("dole.json");
    let spoken = gateway.request(Method::OPTIONS, "/v1/uploads").send().await.unwrap();
    assert_eq!(spoken.status(), 204);
    assert_eq!(header(&spoken, "tus-version"), "1.0.0");
    assert_eq!(header(&spoken, "tus-extension"), "creation,expiration,termination,checksum");
    assert_eq!(header(&spoken, "tus-max-size"), (8_u64 << 30).to_string());

    // The file's name may be a person's: it is neither refused nor kept.
    let request = gateway.by("dole", Method::POST, TO_DOLE).header("tus-resumable", "1.0.0");
    let request = request.header("upload-metadata", "filename c29tY2hhaS1wZXJzb24=");
    let response = request.header("upload-length", file.len().to_string()).send().await.unwrap();
    assert_eq!((response.status().as_u16(), header(&response, "tus-resumable")), (201, "1.0.0"));
    assert!(header(&response, "upload-expires").ends_with(" GMT"));
    let path = header(&response, "location").to_owned();
    assert_eq!(offset(&gateway, &path).await, "0");

    let first = append(&gateway, &path, 0, &file[..10_000]).await;
    assert_eq!((first.status().as_u16(), header(&first, "upload-offset")), (204, "10000"));
    assert_eq!(header(&first, "saphan-submission"), "");
    // Sealed where it lies.
    let folder = gateway.home().join("uploads").join(path.rsplit('/').next().unwrap());
    let parts: Vec<Vec<u8>> =
        std::fs::read_dir(&folder).unwrap().map(|part| std::fs::read(part.unwrap().path()).unwrap()).collect();
    assert_eq!(parts.len(), 1);
    assert!(parts[0].starts_with(b"SPHF") && !parts[0].windows(20).any(|bytes| bytes == &file[..20]));

    // Another gateway over the same home takes the next piece.
    let other = gateway.beside();
    let request = other.request(Method::PATCH, &path).headers(authorised(&gateway));
    let second = piece(request, 10_000, &file[10_000..30_000]).send().await.unwrap();
    assert_eq!((second.status().as_u16(), header(&second, "upload-offset")), (204, "30000"));

    // A client that knows only POST says what it means.
    let request = gateway.by("dole", Method::POST, &path).header("x-http-method-override", "PATCH");
    let last = piece(request, 30_000, &file[30_000..]).send().await.unwrap();
    assert_eq!((last.status().as_u16(), header(&last, "upload-offset")), (204, file.len().to_string().as_str()));
    let id = header(&last, "saphan-submission").to_owned();
    let done = committed(&gateway, &id).await;
    assert_eq!(done["receipt"]["sha256"], sha256(&file));
    assert_eq!(done["receipt"]["received"], 420);
    assert!(!folder.exists(), "the pieces are needed no more");
    let seen: Value = gateway.by("dole", Method::GET, &path).send().await.unwrap().json().await.unwrap();
    assert_eq!((&seen["submission"], &seen["received"]), (&Value::from(id), &Value::from(file.len())));
    let more = append(&gateway, &path, file.len(), b"x").await;
    assert_eq!(more.status(), 413, "it is whole");
}

/// The token of `dole` as another gateway over the same store takes it.
fn authorised(gateway: &Gateway) -> reqwest::header::HeaderMap {
    let request = gateway.by("dole", Method::GET, "/").build().unwrap();
    let mut headers = reqwest::header::HeaderMap::new();
    headers.insert("authorization", request.headers()["authorization"].clone());
    headers
}

#[tokio::test]
async fn what_is_wrong_with_a_piece_is_said_and_what_was_there_stays() {
    let gateway = Gateway::start_with(&[("SAPHAN_FILE_BYTES_MAX", "40000")]);
    let path = begun(&gateway, 1_000).await;
    assert_eq!(append(&gateway, &path, 0, &[b'a'; 400]).await.status(), 204);
    let request = gateway.by("dole", Method::PATCH, &path).header("accept-language", "en");
    let wrong = piece(request, 300, &[b'a'; 10]).send().await.unwrap();
    assert_eq!((wrong.status().as_u16(), header(&wrong, "tus-resumable")), (409, "1.0.0"));
    assert!(detail(wrong).await.contains("from byte 400 on"));
    assert_eq!(append(&gateway, &path, 400, &[b'a'; 601]).await.status(), 413, "longer than was said");
    let streamed = futures_util::stream::iter((0..4).map(|_| Ok::<_, std::io::Error>(vec![b'a'; 200])));
    let request = gateway.by("dole", Method::PATCH, &path).header("content-type", PIECE).header("upload-offset", "400");
    let streamed = request.body(reqwest::Body::wrap_stream(streamed)).send().await.unwrap();
    assert_eq!(streamed.status(), 413);
    let at: usize = offset(&gateway, &path).await.parse().unwrap();
    assert!((400..=1_000).contains(&at), "{at}");

    let path = begun(&gateway, 1_000).await;
    let typed = gateway.by("dole", Method::PATCH, &path).header("upload-offset", "0").body("x").send().await.unwrap();
    assert_eq!(typed.status(), 415);
    for (name, value, status) in [
        ("upload-offset", "-1", 400),
        ("tus-resumable", "0.2.2", 412),
        ("upload-checksum", "md5 AAAA", 400),
        // Of other bytes.
        ("upload-checksum", "sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=", 460),
    ] {
        let mut request = piece(gateway.by("dole", Method::PATCH, &path), 0, b"ten bytes.").build().unwrap();
        request.headers_mut().insert(name, value.parse().unwrap());
        let response = Client::new().execute(request).await.unwrap();
        assert_eq!(response.status(), status, "{name}: {value}");
        assert_eq!(header(&response, "content-type"), "application/problem+json");
    }
    assert_eq!(offset(&gateway, &path).await, "0", "nothing of all that counts");
    let right = saphan::vault::sha256(b"ten bytes.");
    let right = format!("sha256 {}", data_encoding::BASE64.encode(&right));
    let request = piece(gateway.by("dole", Method::PATCH, &path), 0, b"ten bytes.").header("upload-checksum", right);
    assert_eq!(request.send().await.unwrap().status(), 204);
    assert_eq!(offset(&gateway, &path).await, "10");

    let (one, two) = tokio::join!(append(&gateway, &path, 10, b"first"), append(&gateway, &path, 10, b"other"));
    let mut both = [one.status().as_u16(), two.status().as_u16()];
    both.sort_unstable();
    assert_eq!(both, [204, 409], "one of two who come together");
    assert_eq!(offset(&gateway, &path).await, "15");

    assert_eq!(begin(&gateway, "dole", TO_DOLE, 40_001).await.status(), 413);
    assert_eq!(begin(&gateway, "dole", TO_DOLE, 0).await.status(), 400);
    let lengthless = gateway.by("dole", Method::POST, TO_DOLE).send().await.unwrap();
    assert_eq!(lengthless.status(), 400);
    let misspelt = begin(&gateway, "dole", "/v1/uploads?maping=dole/enrolments&round=2026-06-10", 10).await;
    assert_eq!(misspelt.status(), 400);
}

#[tokio::test]
async fn an_upload_is_seen_by_its_client_alone_bounded_and_gone_when_it_is_given_up() {
    let gateway = Gateway::start();
    let path = begun(&gateway, 1_000).await;
    append(&gateway, &path, 0, &[b'a'; 400]).await;
    for method in [Method::HEAD, Method::GET, Method::PATCH, Method::DELETE] {
        for other in ["obec", "ministry"] {
            let request = piece(gateway.by(other, method.clone(), &path), 400, b"x");
            assert_eq!(request.send().await.unwrap().status(), 404, "{method} by {other}");
        }
        let anonymous = gateway.request(method.clone(), &path).send().await.unwrap();
        assert_eq!(anonymous.status(), 401, "{method}");
    }
    assert_eq!(offset(&gateway, &path).await, "400");
    for _ in 1..saphan::app::uploads::OPEN_MAX {
        begun(&gateway, 10).await;
    }
    let refused = begin(&gateway, "dole", TO_DOLE, 10).await;
    assert_eq!((refused.status().as_u16(), header(&refused, "retry-after")), (429, "60"));
    let gone = gateway.by("dole", Method::DELETE, &path).send().await.unwrap();
    assert_eq!(gone.status(), 204);
    assert_eq!(gateway.by("dole", Method::HEAD, &path).send().await.unwrap().status(), 404);
    assert!(!gateway.home().join("uploads").join(path.rsplit('/').next().unwrap()).exists());
    begun(&gateway, 10).await;
}

#[tokio::test]
async fn an_upload_that_nobody_goes_on_with_expires_with_its_bytes() {
    let gateway = Gateway::start_with(&[("SAPHAN_UPLOAD_IDLE_SECONDS_MAX", "1")]);
    let path = begun(&gateway, 1_000).await;
    append(&gateway, &path, 0, &[b'a'; 400]).await;
    let folder = gateway.home().join("uploads").join(path.rsplit('/').next().unwrap());
    assert!(folder.exists());
    tokio::time::sleep(Duration::from_millis(2_100)).await;
    assert_eq!(append(&gateway, &path, 400, b"x").await.status(), 404);
    gateway.app.expire_uploads().await.unwrap();
    assert!(!folder.exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_crash_leaves_whole_is_taken_by_whoever_looks_next_and_once() {
    // No worker here, and the last request never came to its end: the bytes are there, the submission is not.
    let gateway = Gateway::start_overloaded();
    let file = sample("dole.json");
    let path = begun(&gateway, file.len()).await;
    let id = path.rsplit('/').next().unwrap().to_owned();
    let upload = saphan::domain::ids::UploadId::parse(&id).unwrap();
    let store = gateway.another_store().await;
    let held = store.claim_upload(&upload).await.unwrap().unwrap();
    let all_there = async {
        while offset(&gateway, &path).await != file.len().to_string() {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::select! {
        answer = append(&gateway, &path, 0, &file) => panic!("another one puts it together: {}", answer.status()),
        () = all_there => {}
    }
    held.close().await.unwrap();
    let (one, two) = tokio::join!(gateway.app.finish_uploads(), gateway.app.finish_upload(&upload));
    one.unwrap();
    let submission = two.unwrap().expect("it is whole");
    gateway.app.finish_uploads().await.unwrap();
    let list: Value = gateway.by("dole", Method::GET, "/v1/submissions").send().await.unwrap().json().await.unwrap();
    assert_eq!(list["submissions"].as_array().unwrap().len(), 1, "{list}");
    assert_eq!(list["submissions"][0]["id"], submission.as_str());
    assert_eq!(list["submissions"][0]["bytes"], file.len());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_upload_that_is_given_up_while_it_is_put_together_waits_for_that_and_answers_in_order() {
    let gateway = Gateway::start();
    let path = begun(&gateway, 1_000).await;
    append(&gateway, &path, 0, &[b'a'; 400]).await;
    let upload = saphan::domain::ids::UploadId::parse(path.rsplit('/').next().unwrap()).unwrap();
    let store = gateway.another_store().await;
    let held = store.claim_upload(&upload).await.unwrap().unwrap();
    let gone = gateway.by("dole", Method::DELETE, &path).send();
    tokio::pin!(gone);
    tokio::select! {
        answer = &mut gone => panic!("another one puts it together: {}", answer.unwrap().status()),
        () = tokio::time::sleep(Duration::from_millis(300)) => {}
    }
    assert_eq!(offset(&gateway, &path).await, "400", "whole as long as another reads it");
    held.close().await.unwrap();
    assert_eq!(gone.await.unwrap().status(), 204);
    assert_eq!(gateway.by("dole", Method::HEAD, &path).send().await.unwrap().status(), 404);
    assert_eq!(gateway.app.finish_upload(&upload).await.unwrap(), None);
}

#[tokio::test]
async fn an_idempotency_key_holds_for_uploads_too() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let file = sample("dole.json");
    let to = "/v1/submissions?mapping=dole/enrolments&round=2026-06-10";
    let request = gateway.by("dole", Method::POST, to).header("idempotency-key", "round-1").body(file.clone());
    let sent: Value = request.send().await.unwrap().json().await.unwrap();
    for (bytes, status) in [(&file[..], 204), (&file[..100], 409)] {
        let request = gateway.by("dole", Method::POST, TO_DOLE).header("idempotency-key", "round-1");
        let opened = request.header("upload-length", bytes.len().to_string()).send().await.unwrap();
        let last = append(&gateway, header(&opened, "location"), 0, bytes).await;
        assert_eq!(last.status(), status);
        if status == 204 {
            assert_eq!(header(&last, "saphan-submission"), sent["id"].as_str().unwrap());
        }
    }
}

/// Sends a file by tuspy, the protocol's own client for Python: half of it, and the rest as another process would.
const TUSPY: &str = r#"
import sys
from tusclient.client import TusClient
url, token, path = sys.argv[1:]
client = TusClient(url, headers={"Authorization": "Bearer " + token})
first = client.uploader(path, chunk_size=20_000, metadata={"filename": "somebody.json"}, upload_checksum=True)
first.upload(stop_at=40_000)
second = client.uploader(path, chunk_size=30_000, url=first.url)
assert second.offset == 40_000, second.offset
second.upload()
print(second.url)
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_published_client_sends_in_pieces_with_checksums_and_goes_on_where_it_was() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/clients/bin/python");
    assert!(python.exists(), "the clients are not installed: run scripts/install.sh test");
    let file = gateway.home().join("dole.json");
    std::fs::write(&file, sample("dole.json")).unwrap();
    let headers = authorised(&gateway);
    let token = headers["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    let url = format!("{}{TO_DOLE}", gateway.url);
    let ran = tokio::task::spawn_blocking(move || {
        std::process::Command::new(python).args(["-c", TUSPY, &url, &token]).arg(file).env("no_proxy", "*").output()
    });
    let ran = ran.await.unwrap().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    let url = String::from_utf8(ran.stdout).unwrap();
    let path = url.trim().strip_prefix(&gateway.url).unwrap();
    let seen: Value = gateway.by("dole", Method::GET, path).send().await.unwrap().json().await.unwrap();
    let done = committed(&gateway, seen["submission"].as_str().unwrap()).await;
    assert_eq!(done["receipt"]["sha256"], sha256(&sample("dole.json")));
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_again_and_again_while_bytes_come_in_it_goes_on_where_it_was_until_all_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = with_register(folder.path());
    let obec = token(&saphan, &["--agency", "obec", "--scope", "agency.submit"]);
    let client = process::client();
    // The same rows over and over: some megabytes.
    let (head, rows) = {
        let file = sample("obec.csv");
        let at = file.iter().position(|byte| *byte == b'\n').unwrap() + 1;
        (file[..at].to_vec(), file[at..].to_vec())
    };
    let file = [head, rows.repeat(12)].concat();
    let seed = crash_seed();
    let mut running = Running::start(&saphan, &[]);
    let opened = client
        .post(format!("{}/v1/uploads?mapping=obec/enrolments&round={ROUND}", running.url))
        .bearer_auth(&obec)
        .header("upload-length", file.len().to_string())
        .send()
        .await
        .unwrap();
    let path = header(&opened, "location").to_owned();
    let at = async |url: &str| -> usize {
        let head = client.head(format!("{url}{path}")).bearer_auth(&obec).send().await.unwrap();
        header(&head, "upload-offset").parse().unwrap()
    };
    let (mut acknowledged, mut kills) = (0, 0_u64);
    let id = loop {
        let from = at(&running.url).await;
        assert!(from >= acknowledged, "what was acknowledged stays: {from} after {acknowledged}");
        // A slow line, so that the kill falls into the middle of it; the last time nobody is killed.
        let bytes: Vec<_> =
            file[from..].chunks(64 << 10).map(|bytes| Ok::<_, std::io::Error>(bytes.to_vec())).collect();
        let body = futures_util::stream::unfold(bytes.into_iter(), |mut rest| async move {
            tokio::time::sleep(Duration::from_millis(20)).await;
            rest.next().map(|bytes| (bytes, rest))
        });
        let request = client
            .patch(format!("{}{path}", running.url))
            .bearer_auth(&obec)
            .header("content-type", PIECE)
            .header("upload-offset", from.to_string())
            .body(reqwest::Body::wrap_stream(body));
        if kills < KILLS {
            let moment = BuildHasherDefault::<DefaultHasher>::default().hash_one((seed, kills));
            let (seen, _) = tokio::join!(
                async {
                    // Some of it counts, and more is on its way.
                    let mut seen = from;
                    while seen == from && from < file.len() {
                        tokio::time::sleep(Duration::from_millis(10)).await;
                        seen = at(&running.url).await;
                    }
                    tokio::time::sleep(Duration::from_millis(moment % 400)).await;
                    running.kill();
                    seen
                },
                request.send()
            );
            acknowledged = seen;
            kills += 1;
            running = Running::start(&saphan, &[]);
            continue;
        }
        let done = request.send().await.unwrap();
        assert_eq!(done.status(), 204);
        break header(&done, "saphan-submission").to_owned();
    };
    let url = format!("{}/v1/submissions/{id}", running.url);
    let ended = until(&client, &obec, &url, |seen| seen["state"] == "committed").await;
    assert_eq!(ended["receipt"]["sha256"], sha256(&file), "byte for byte");
}
