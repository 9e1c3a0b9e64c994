//! Kept files in a folder and in an object store: the same answers, and what happens when the store is away.

use super::harness::objects::{Kind, S3};
use super::harness::{Gateway, header, sample};
use reqwest::Method;
use saphan::domain::ids::SubmissionId;
use saphan::objects::{Entry, Objects, ObjectsError};
use serde_json::Value;
use std::io::{Read, Seek, SeekFrom, Write};
use std::path::Path;

const TO_DOLE: &str = "/v1/submissions?mapping=dole/enrolments&round=2026-06-10";
const KEPT_IN: &str = "s3://saphan-test/gateway/one";

/// A gateway that keeps its files there.
struct Bench {
    gateway: Gateway,
    s3: Option<S3>,
}

impl Bench {
    fn start(kind: Kind) -> Bench {
        match kind {
            Kind::Folder => Bench { gateway: Gateway::start(), s3: None },
            Kind::Bucket => {
                let s3 = S3::start();
                let gateway = Gateway::start_with(&pairs(&settings(&s3)));
                Bench { gateway, s3: Some(s3) }
            }
        }
    }

    fn restart(self) -> Bench {
        let settings = self.s3.as_ref().map(settings).unwrap_or_default();
        Bench { gateway: self.gateway.restart_with(&pairs(&settings)), s3: self.s3 }
    }

    fn objects(&self) -> Objects {
        match &self.s3 {
            Some(s3) => s3.objects("gateway/one"),
            None => Objects::folder(self.gateway.home()),
        }
    }

    async fn names(&self, folder: &'static str) -> Vec<String> {
        let found = self.objects().list(folder, 1_000).await.unwrap();
        found.into_iter().map(|entry| entry.name.into_string().unwrap()).collect()
    }
}

fn settings(s3: &S3) -> Vec<(&'static str, String)> {
    let mut settings = s3.variables();
    settings.push(("SAPHAN_OBJECTS_URL", KEPT_IN.to_owned()));
    settings
}

fn pairs<'a>(settings: &'a [(&'static str, String)]) -> Vec<(&'static str, &'a str)> {
    settings.iter().map(|(name, value)| (*name, value.as_str())).collect()
}

async fn receipt(gateway: &Gateway, client: &str, id: &str) -> Value {
    let path = format!("/v1/submissions/{id}");
    gateway.by(client, Method::GET, &path).send().await.unwrap().json().await.unwrap()
}

#[tokio::test]
async fn every_format_is_kept_read_and_given_back_alike_wherever_files_lie() {
    let mut given_back = Vec::new();
    for kind in [Kind::Folder, Kind::Bucket] {
        let bench = Bench::start(kind);
        bench.gateway.send_register().await;
        let mut of_kind = Vec::new();
        for (client, file) in [("obec", "obec.csv"), ("ovec", "ovec.xml"), ("dole", "dole.json"), ("opec", "opec.xlsx")]
        {
            let response = bench.gateway.send(client, &format!("{client}/enrolments"), sample(file)).await;
            assert_eq!(response.status(), 201, "{file} in {kind:?}");
            let sent: Value = response.json().await.unwrap();
            let path = format!("/v1/submissions/{}/refused", sent["id"].as_str().unwrap());
            let refused = bench.gateway.by(client, Method::GET, &path).send().await.unwrap();
            assert_eq!(refused.status(), 200, "{file} in {kind:?}");
            of_kind.push((sent["received"].clone(), sent["refused"].clone(), sent["causes"].clone()));
            // A workbook says when it was made.
            if file != "opec.xlsx" {
                let text = refused.text().await.unwrap();
                assert!(text.len() > 100, "{file} in {kind:?}");
                of_kind.push((text.into(), Value::Null, Value::Null));
            }
        }
        given_back.push(of_kind);
        assert_eq!(bench.names("kept").await.len(), 5, "{kind:?}");
        assert!(bench.names("incoming").await.is_empty(), "every mark is gone");
        if kind == Kind::Bucket {
            assert!(bench.gateway.kept().is_empty(), "nothing is kept on the gateway's own disk");
            let spool = std::fs::read_dir(bench.gateway.home().join("spool")).unwrap();
            assert_eq!(spool.count(), 0);
        }
    }
    assert_eq!(given_back[0], given_back[1]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_that_was_put_under_the_name_of_another_is_not_moved_in_its_place() {
    for kind in [Kind::Folder, Kind::Bucket] {
        let bench = Bench::start(kind);
        let place = bench.objects();
        let (from, to) = (Path::new("drop/learners.csv"), Path::new("gone/one"));
        place.put_bytes(from, b"first".to_vec()).await.unwrap();
        let seen = place.stat(from).await.unwrap().unwrap();
        place.put_bytes(from, b"another one".to_vec()).await.unwrap();
        assert!(!place.rename(from, to, &seen).await.unwrap(), "{kind:?}");
        assert!(place.stat(to).await.unwrap().is_none(), "{kind:?}");
        let now = place.stat(from).await.unwrap().expect("it stays");
        assert_eq!(now.bytes, 11, "{kind:?}");
        assert!(place.rename(from, to, &now).await.unwrap(), "{kind:?}");
        assert!(place.stat(from).await.unwrap().is_none(), "{kind:?}");
        assert_eq!(place.stat(to).await.unwrap().unwrap().bytes, 11, "{kind:?}");
    }
}

#[tokio::test]
async fn a_file_sent_twice_is_kept_once_and_given_back_after_a_restart() {
    for kind in [Kind::Folder, Kind::Bucket] {
        let bench = Bench::start(kind);
        bench.gateway.send_register().await;
        let send = |bench: &Bench| {
            bench
                .gateway
                .by("dole", Method::POST, TO_DOLE)
                .header("idempotency-key", "one")
                .body(sample("dole.json"))
                .send()
        };
        let first: Value = send(&bench).await.unwrap().json().await.unwrap();
        let again: Value = send(&bench).await.unwrap().json().await.unwrap();
        assert_eq!(again, first, "{kind:?}");
        assert_eq!(bench.names("kept").await.len(), 2, "the repeated bytes are not kept twice");
        assert!(bench.names("incoming").await.is_empty());
        let same: Value =
            bench.gateway.send("dole", "dole/enrolments", sample("dole.json")).await.json().await.unwrap();
        assert_eq!(same["duplicate_of"], first["id"], "{kind:?}");

        let bench = bench.restart();
        let path = format!("/v1/submissions/{}/refused", first["id"].as_str().unwrap());
        let refused = bench.gateway.by("dole", Method::GET, &path).send().await.unwrap();
        assert_eq!(refused.status(), 200, "{kind:?}");
        assert!(refused.bytes().await.unwrap().len() > 100);
    }
}

#[tokio::test]
async fn what_lies_in_a_bucket_is_sealed() {
    let bench = Bench::start(Kind::Bucket);
    let file = b"{\"students\": [{\"citizen_id\": \"1100000000001\"}]}".repeat(50);
    bench.gateway.send("dole", "dole/enrolments", file).await;
    let kept = bench.names("kept").await;
    let kept = std::fs::read(bench.s3.as_ref().unwrap().file(&format!("gateway/one/kept/{}", kept[0]))).unwrap();
    assert!(kept.len() > 2_000);
    assert!(!kept.windows(10).any(|part| part == b"1100000000" || part == b"citizen_id"));
}

#[tokio::test]
async fn an_object_store_that_is_away_refuses_new_files_and_costs_the_kept_ones_no_try() {
    let mut bench = Bench::start(Kind::Bucket);
    bench.gateway.send_register().await;
    let sent: Value = bench.gateway.send("ovec", "ovec/enrolments", sample("ovec.xml")).await.json().await.unwrap();
    let refused = format!("/v1/submissions/{}/refused", sent["id"].as_str().unwrap());
    // Kept and not worked on.
    let home_settings = settings(bench.s3.as_ref().unwrap());
    let gateway = bench.gateway.restart_overloaded_with(&pairs(&home_settings));
    let told: Value = gateway.send("dole", "dole/enrolments", sample("dole.json")).await.json().await.unwrap();
    let id = told["submission"].as_str().unwrap().to_owned();
    assert_eq!(gateway.get("/readyz").await.status(), 200);

    bench.s3.as_mut().unwrap().go_away();
    for response in [
        gateway.send("dole", "dole/enrolments", sample("dole.json")).await,
        gateway.by("ovec", Method::GET, &refused).send().await.unwrap(),
    ] {
        assert_eq!(response.status(), 503);
        assert!(!header(&response, "retry-after").is_empty());
        let told: Value = response.json().await.unwrap();
        assert_eq!(told["code"], "unavailable");
        assert!(!told.to_string().contains("127.0.0.1"), "{told}");
    }
    assert!(gateway.app.ready().await.is_err(), "a load balancer sends nobody here");
    let submission = SubmissionId::parse(&id).unwrap();
    for _ in 0..2 {
        let error = gateway.app.process(&submission, None).await.unwrap_err();
        assert!(error.is_away(), "{error:?}");
    }
    let waits = receipt(&gateway, "dole", &id).await;
    assert_eq!((&waits["state"], &waits["waiting"]["reason"]), (&"received".into(), &"retry".into()), "{waits}");
    let message = waits["waiting"]["message"]["en"].as_str().unwrap();
    assert!(message.contains("file store") && !message.contains("of 10"), "no try is counted: {message}");
    assert_eq!(std::fs::read_dir(gateway.home().join("spool")).unwrap().count(), 0, "nothing of it stays behind");

    bench.s3.as_mut().unwrap().come_back();
    gateway.app.process(&submission, None).await.unwrap();
    assert_eq!(receipt(&gateway, "dole", &id).await["state"], "committed");
    assert_eq!(gateway.by("ovec", Method::GET, &refused).send().await.unwrap().status(), 200);
    let list: Value =
        gateway.by("ministry", Method::GET, "/v1/submissions?limit=50").send().await.unwrap().json().await.unwrap();
    assert_eq!(list["submissions"].as_array().unwrap().len(), 3, "what was refused was never entered");
}

/// The next bytes of an upload, to any gateway that `one` stands beside.
async fn append(to: &Gateway, one: &Gateway, path: &str, at: usize, bytes: &[u8]) -> reqwest::Response {
    let request = to.by_one_of(one, "dole", Method::PATCH, path).header("upload-offset", at.to_string());
    request.header("content-type", "application/offset+octet-stream").body(bytes.to_vec()).send().await.unwrap()
}

async fn begin(one: &Gateway, bytes: usize) -> String {
    let path = TO_DOLE.replace("submissions", "uploads");
    let opened = one.by("dole", Method::POST, &path).header("upload-length", bytes.to_string()).send().await.unwrap();
    header(&opened, "location").to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn pieces_that_come_to_gateways_with_nothing_in_common_but_store_and_bucket_become_one_submission() {
    let mut bench = Bench::start(Kind::Bucket);
    bench.gateway.send_register().await;
    let settings = settings(bench.s3.as_ref().unwrap());
    let two = bench.gateway.beside_in_another_home(&pairs(&settings));
    let (one, objects, file) = (&bench.gateway, bench.objects(), sample("dole.json"));
    let path = begin(one, file.len()).await;
    let folder = format!("uploads/{}", path.rsplit('/').next().unwrap());
    let parts = async || objects.list(&folder, 100).await.unwrap().len();
    assert_eq!(append(one, one, &path, 0, &file[..20_000]).await.status(), 204);
    let second = append(&two, one, &path, 20_000, &file[20_000..40_000]).await;
    assert_eq!((second.status().as_u16(), header(&second, "upload-offset")), (204, "40000"));
    assert_eq!(parts().await, 2);
    for part in objects.list(&folder, 100).await.unwrap() {
        let key = format!("gateway/one/{folder}/{}", part.name.to_str().unwrap());
        let lies = std::fs::read(bench.s3.as_ref().unwrap().file(&key)).unwrap();
        assert!(lies.starts_with(b"SPHF") && !lies.windows(20).any(|bytes| bytes == &file[..20]));
    }
    let wrong = two.by_one_of(one, "dole", Method::PATCH, &path).header("upload-offset", "40000");
    let wrong = wrong.header("content-type", "application/offset+octet-stream").body("x");
    let wrong = wrong.header("upload-checksum", "sha256 47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
    assert_eq!(wrong.send().await.unwrap().status(), 460);
    assert_eq!(append(&two, one, &path, 7, b"x").await.status(), 409);
    assert_eq!(parts().await, 2, "what does not count is gone");

    bench.s3.as_mut().unwrap().go_away();
    let away = append(&two, one, &path, 40_000, &file[40_000..]).await;
    assert_eq!((away.status().as_u16(), header(&away, "retry-after").is_empty()), (503, false));
    bench.s3.as_mut().unwrap().come_back();
    let head = two.by_one_of(one, "dole", Method::HEAD, &path).send().await.unwrap();
    assert_eq!(header(&head, "upload-offset"), "40000", "what was acknowledged, and no more");
    let last = append(one, one, &path, 40_000, &file[40_000..]).await;
    assert_eq!(last.status(), 204);
    let sent = receipt(one, "dole", header(&last, "saphan-submission")).await;
    assert_eq!(sent["bytes"], file.len());
    let whole = async || receipt(one, "dole", sent["id"].as_str().unwrap()).await;
    while whole().await["state"] != "committed" {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
    assert_eq!(whole().await["receipt"]["sha256"], saphan::vault::sha256_hex(&file));
    assert_eq!(parts().await, 0, "the pieces are needed no more");
    for gateway in [one, &two] {
        assert!(!gateway.home().join("uploads").exists(), "nothing of it lies in a home");
        let spool = gateway.home().join("spool");
        assert_eq!(std::fs::read_dir(spool).map_or(0, Iterator::count), 0);
    }
}

#[tokio::test]
async fn pieces_go_with_their_upload_and_a_sweep_finds_what_a_crash_left_of_them() {
    for kind in [Kind::Folder, Kind::Bucket] {
        let bench = Bench::start(kind);
        let (one, objects) = (&bench.gateway, bench.objects());
        let (given_up, goes_on) = (begin(one, 1_000).await, begin(one, 1_000).await);
        let unknown = saphan::domain::ids::UploadId::from_uuid(uuid::Uuid::now_v7()).to_string();
        for path in [&given_up, &goes_on] {
            assert_eq!(append(one, one, path, 0, &[b'a'; 400]).await.status(), 204);
        }
        let folders = async || objects.folders("uploads", 100).await.unwrap().len();
        assert_eq!(folders().await, 2, "{kind:?}");
        assert_eq!(one.by("dole", Method::DELETE, &given_up).send().await.unwrap().status(), 204);
        assert_eq!(folders().await, 1, "{kind:?}");
        match objects.path(Path::new("uploads")) {
            Some(folder) => std::fs::create_dir(folder.join(&unknown)).unwrap(),
            None => {
                let key = format!("uploads/{unknown}/part");
                objects.put_bytes(Path::new(&key), b"sealed".to_vec()).await.unwrap();
            }
        }
        assert_eq!(folders().await, 2, "{kind:?}");
        one.app.sweep_uploads().await.unwrap();
        let left = objects.folders("uploads", 100).await.unwrap();
        assert_eq!(left, [goes_on.rsplit('/').next().unwrap()], "{kind:?}");
    }
}

#[tokio::test]
async fn a_workbook_is_not_refused_because_the_object_store_went_away() {
    let mut bench = Bench::start(Kind::Bucket);
    bench.gateway.send_register().await;
    let home_settings = settings(bench.s3.as_ref().unwrap());
    let gateway = bench.gateway.restart_overloaded_with(&pairs(&home_settings));
    for (client, file) in [("opec", "opec.xlsx"), ("ovec", "ovec.xml"), ("obec", "obec.csv")] {
        let told: Value =
            gateway.send(client, &format!("{client}/enrolments"), sample(file)).await.json().await.unwrap();
        let id = SubmissionId::parse(told["submission"].as_str().unwrap()).unwrap();
        bench.s3.as_mut().unwrap().go_away();
        assert!(gateway.app.process(&id, None).await.unwrap_err().is_away(), "{file}");
        bench.s3.as_mut().unwrap().come_back();
        assert_eq!(gateway.app.process(&id, None).await.unwrap().state, "committed", "{file}");
    }
}

#[tokio::test]
async fn only_what_is_marked_old_and_unknown_is_swept() {
    for kind in [Kind::Folder, Kind::Bucket] {
        let bench = Bench::start(kind);
        bench.gateway.send_register().await;
        let known = bench.names("kept").await.pop().unwrap();
        let unknown = SubmissionId::from_uuid(uuid::Uuid::now_v7()).to_string();
        let unmarked = SubmissionId::from_uuid(uuid::Uuid::now_v7()).to_string();
        let objects = bench.objects();
        for key in [
            format!("kept/{unknown}"),
            format!("kept/{unmarked}"),
            format!("incoming/{unknown}"),
            format!("incoming/{known}"),
        ] {
            objects.put_bytes(Path::new(&key), b"sealed".to_vec()).await.unwrap();
        }
        let hour = jiff::SignedDuration::from_hours(1);
        let app = &bench.gateway.app;
        assert_eq!(app.sweep_incoming(jiff::Timestamp::now() - hour).await.unwrap(), 0, "too young");
        assert_eq!(bench.names("kept").await.len(), 3);
        assert_eq!(app.sweep_incoming(jiff::Timestamp::now() + hour).await.unwrap(), 1, "{kind:?}");
        let mut left = bench.names("kept").await;
        left.sort();
        let mut wanted = vec![known, unmarked];
        wanted.sort();
        assert_eq!(left, wanted, "what the store knows stays, and so does what has no mark");
        assert!(bench.names("incoming").await.is_empty());
    }
}

#[tokio::test]
async fn large_objects_go_up_in_parts_and_are_read_from_any_place() {
    let s3 = S3::start();
    let objects = s3.objects("");
    // No two places are alike.
    let content: Vec<u8> = (0_u32..5_500_000).flat_map(u32::to_le_bytes).collect();
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(&content).unwrap();
    let key = Path::new("large");
    objects.put_file(key, file.path()).await.unwrap();
    let entry = objects.stat(key).await.unwrap().unwrap();
    assert_eq!(entry.bytes, content.len() as u64);
    let reading = objects.clone();
    tokio::task::spawn_blocking(move || {
        let mut reader = reading.reader(key, None).unwrap();
        assert_eq!(reader.total_bytes().unwrap(), content.len() as u64);
        let mut whole = Vec::new();
        reader.read_to_end(&mut whole).unwrap();
        assert!(whole == content, "straight through");
        for at in [21_999_990_usize, 0, 11_000_001, 10_999_999, 524_287, 524_288, 21_474_836] {
            reader.seek(SeekFrom::Start(at as u64)).unwrap();
            let mut piece = vec![0; 9];
            reader.read_exact(&mut piece).unwrap();
            assert_eq!(piece, content[at..at + 9], "at {at}");
        }
        assert_eq!(reader.seek(SeekFrom::End(5)).unwrap(), content.len() as u64 + 5);
        assert_eq!(reader.read(&mut [0; 10]).unwrap(), 0);
    })
    .await
    .unwrap();
    let seen = objects.stat(key).await.unwrap().unwrap();
    assert!(objects.rename(key, Path::new("elsewhere/large"), &seen).await.unwrap());
    assert_eq!(objects.stat(key).await.unwrap(), None);
    assert_eq!(objects.list("elsewhere", 10).await.unwrap()[0].bytes, entry.bytes);
    objects.delete(Path::new("elsewhere/large")).await.unwrap();
    objects.delete(Path::new("elsewhere/large")).await.unwrap();
    assert!(objects.list("elsewhere", 10).await.unwrap().is_empty());
}

#[tokio::test]
async fn lists_go_over_their_pages_and_leave_out_what_lies_deeper() {
    let s3 = S3::start();
    let objects = s3.objects("drop/obec");
    for name in 0..1_105 {
        let path = s3.file(&format!("drop/obec/{name:04}.csv"));
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(path, b"x").unwrap();
    }
    objects.put_bytes(Path::new("taken/ไฟล์ ของ.csv"), b"deeper".to_vec()).await.unwrap();
    s3.objects("drop").put_bytes(Path::new("obec-other.csv"), b"beside".to_vec()).await.unwrap();
    assert_eq!(objects.list("", 5_000).await.unwrap().len(), 1_105);
    assert_eq!(objects.list("", 7).await.unwrap().len(), 7);
    let deeper = objects.list("taken", 10).await.unwrap();
    assert_eq!((deeper[0].name.to_str(), deeper[0].bytes), (Some("ไฟล์ ของ.csv"), 6));
}

#[tokio::test]
async fn wrong_credentials_are_the_stores_affair_and_missing_objects_are_not() {
    let s3 = S3::start();
    let seen = Entry { name: "nothing".into(), bytes: 0, modified: std::time::UNIX_EPOCH, version: None };
    let error = s3.objects("").rename(Path::new("nothing"), Path::new("something"), &seen).await.unwrap_err();
    assert!(matches!(error, ObjectsError::Missing), "{error:?}");
    let mut given: std::collections::BTreeMap<String, String> =
        s3.variables().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    given.insert("AWS_SECRET_ACCESS_KEY".to_owned(), "another".to_owned());
    let options = saphan::config::Settings::parse(None, &given).unwrap().object_options;
    let stranger = Objects::open(&S3::place("people"), &options).unwrap();
    let error = stranger.put_bytes(Path::new("สมชาย ใจดี.csv"), b"x".to_vec()).await.unwrap_err();
    assert!(error.is_away(), "{error:?}");
    let said = format!("{error:?} {error}");
    assert!(!said.contains("สมชาย") && !said.contains("127.0.0.1") && !said.contains("%E0"), "{said}");
}
