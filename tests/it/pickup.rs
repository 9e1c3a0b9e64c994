//! Dropped files: taken once they are whole, in the client's name, and answered in the place where they were dropped.

use super::harness::cli::Saphan;
use super::harness::objects::{Kind, S3};
use super::harness::{Gateway, sample};
use saphan::app::pickup::{Looked, Pickup};
use saphan::config::{ObjectOptions, PickupRound, PickupSettings, Place};
use saphan::domain::enrolment::SubmissionMode;
use saphan::domain::ids::{ClientId, SubmissionId};
use saphan::domain::principal::Principal;
use saphan::domain::round::Round;
use saphan::objects::Objects;
use saphan::store::Duty;
use serde_json::Value;
use std::ffi::OsStr;
use std::io::Read;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

/// A place and the gateway that looks at it.
struct Drop {
    gateway: Gateway,
    terms: PickupSettings,
    options: ObjectOptions,
    pickup: Pickup,
    place: Objects,
    /// Where the files of the place lie on this machine.
    folder: PathBuf,
    _s3: Option<S3>,
    _folder: tempfile::TempDir,
}

impl Drop {
    async fn start(kind: Kind) -> Drop {
        Drop::start_with(kind, "dole", &[]).await
    }

    async fn start_with(kind: Kind, client: &str, settings: &[(&str, &str)]) -> Drop {
        let gateway = Gateway::start_with(settings);
        gateway.send_register().await;
        let _folder = tempfile::tempdir().unwrap();
        let s3 = (kind == Kind::Bucket).then(S3::start);
        let (from, options, folder) = match &s3 {
            Some(s3) => (S3::place("drop/dole"), s3.options(), s3.file("drop/dole")),
            None => (Place::Folder(_folder.path().into()), ObjectOptions::default(), _folder.path().to_owned()),
        };
        let place = Objects::open(&from, &options).unwrap();
        let terms = PickupSettings {
            from,
            mapping: "dole/enrolments".into(),
            round: PickupRound::Fixed(Round::parse(super::harness::ROUND).unwrap()),
            mode: SubmissionMode::Replace,
            client: client_id(&gateway, client).await,
        };
        let pickup = Pickup::open(&terms, &options).unwrap();
        Drop { gateway, terms, options, pickup, place, folder, _s3: s3, _folder }
    }

    async fn put(&self, name: &str, content: &[u8]) {
        self.place.put_bytes(Path::new(name), content.to_vec()).await.unwrap();
    }

    async fn look(&self) -> Looked {
        self.gateway.app.look(&self.pickup).await.unwrap().unwrap()
    }

    /// Looks until what lies there has been the same twice; works on what was taken.
    async fn look_twice(&self) -> Looked {
        self.look().await;
        let looked = self.look().await;
        for (id, _) in &looked.kept {
            self.gateway.app.process(id, None).await.unwrap();
        }
        looked
    }

    async fn names(&self, folder: &'static str) -> Vec<String> {
        let found = self.place.list(folder, 1_000).await.unwrap();
        let mut names: Vec<String> = found.into_iter().map(|entry| entry.name.into_string().unwrap()).collect();
        names.sort();
        names
    }

    async fn text(&self, key: &str) -> String {
        let (place, key) = (self.place.clone(), PathBuf::from(key));
        let read = move || {
            let mut text = String::new();
            place.reader(&key, None).unwrap().read_to_string(&mut text).map(|_| text)
        };
        tokio::task::spawn_blocking(read).await.unwrap().unwrap()
    }

    async fn submissions(&self) -> usize {
        let client = Principal::Operator;
        let (views, _) = self.gateway.app.submissions(&client, None, 100).await.unwrap();
        views.iter().filter(|view| view.mapping.starts_with("dole/")).count()
    }
}

async fn client_id(gateway: &Gateway, name: &str) -> ClientId {
    let clients = gateway.app.clients(&Principal::Operator).await.unwrap();
    clients.into_iter().find(|client| client.name == name).unwrap().id
}

#[tokio::test]
async fn a_dropped_file_is_taken_once_whole_and_its_answer_is_put_back() {
    for kind in [Kind::Folder, Kind::Bucket] {
        let drop = Drop::start(kind).await;
        drop.put("students.json.part", &sample("dole.json")).await;
        assert_eq!(drop.look_twice().await, Looked::default(), "{kind:?}: it is still being written");
        let part = Path::new("students.json.part");
        let seen = drop.place.stat(part).await.unwrap().unwrap();
        assert!(drop.place.rename(part, Path::new("students.json"), &seen).await.unwrap());
        assert_eq!(drop.look().await, Looked::default(), "{kind:?}: nobody knows yet whether it grows");
        let looked = drop.look().await;
        let (id, bytes) = looked.kept[0].clone();
        assert_eq!((looked.kept.len(), bytes), (1, sample("dole.json").len() as u64));
        assert_eq!(drop.names("taken").await, [id.to_string()]);
        assert_eq!(drop.names("").await, Vec::<String>::new());
        assert_eq!(drop.look().await, Looked::default(), "it has not been worked on");
        assert!(drop.names("answers").await.is_empty());

        let view = drop.gateway.app.process(&id, None).await.unwrap();
        assert_eq!(drop.look().await.answered, 1);
        assert_eq!(drop.names("answers").await, [format!("{id}.receipt.json"), format!("{id}.refused.json")]);
        let answer: Value = serde_json::from_str(&drop.text(&format!("answers/{id}.receipt.json")).await).unwrap();
        let receipt = view.receipt.unwrap();
        assert_eq!((&answer["state"], &answer["receipt"]["received"]), (&"committed".into(), &receipt.received.into()));
        let refused: Value = serde_json::from_str(&drop.text(&format!("answers/{id}.refused.json")).await).unwrap();
        assert!(refused.to_string().contains("SPH-"), "the reasons stand in the sender's own layout");
        assert!(drop.names("waiting").await.is_empty());
        assert_eq!(drop.look().await, Looked::default(), "and then there is no more to do");
        assert_eq!(drop.submissions().await, 1);
    }
}

#[tokio::test]
async fn a_file_that_grows_between_two_looks_is_left_alone() {
    for kind in [Kind::Folder, Kind::Bucket] {
        let drop = Drop::start(kind).await;
        let file = sample("dole.json");
        for part in 1..4 {
            drop.put("students.json", &file[..file.len() * part / 4]).await;
            assert_eq!(drop.look().await, Looked::default(), "{kind:?} {part}");
        }
        drop.put("students.json", &file).await;
        let looked = drop.look_twice().await;
        assert_eq!(looked.kept, [(looked.kept[0].0.clone(), file.len() as u64)]);
    }
}

#[tokio::test]
async fn what_dies_between_keeping_and_moving_is_not_taken_twice() {
    for kind in [Kind::Folder, Kind::Bucket] {
        let drop = Drop::start(kind).await;
        drop.put("students.json", &sample("dole.json")).await;
        let dropped = drop.folder.join("students.json");
        let written = std::fs::metadata(&dropped).unwrap().modified().unwrap();
        let first = drop.look_twice().await.kept[0].0.clone();
        // As if it had died right after the acknowledgement: the file is where and as it was, the mark is not there yet,
        // and the next life of the gateway remembers nothing.
        std::fs::rename(drop.folder.join("taken").join(first.as_str()), &dropped).unwrap();
        // A bucket copies, and a copy is written later.
        std::fs::File::options().write(true).open(&dropped).unwrap().set_modified(written).unwrap();
        drop.place.delete(&Path::new("waiting").join(first.as_str())).await.unwrap();
        let drop = Drop { pickup: Pickup::open(&drop.terms, &drop.options).unwrap(), ..drop };
        let again = drop.look_twice().await;
        assert_eq!(again.kept[0].0, first, "{kind:?}");
        assert_eq!(drop.names("taken").await, [first.to_string()]);
        assert_eq!(drop.submissions().await, 1, "{kind:?}: nothing is taken twice");
        assert_eq!(drop.gateway.kept().len(), 2, "nor kept twice: the register and this");
        drop.look().await;
        assert_eq!(drop.names("answers").await.len(), 2, "and its answer comes all the same");
    }
}

#[tokio::test]
async fn a_move_that_fails_is_done_by_the_next_look() {
    let drop = Drop::start(Kind::Folder).await;
    // Nothing may be moved there.
    std::os::unix::fs::symlink("/", drop.folder.join("taken")).unwrap();
    drop.put("students.json", &sample("dole.json")).await;
    drop.look().await;
    for _ in 0..2 {
        let looked = drop.look().await;
        assert_eq!((looked.kept.len(), looked.troubled), (0, 1), "a link leads out of the place");
    }
    assert_eq!(drop.submissions().await, 1);
    std::fs::remove_file(drop.folder.join("taken")).unwrap();
    assert_eq!(drop.look().await.kept.len(), 1);
    assert_eq!(drop.submissions().await, 1, "the second and third look found what the first had kept");
    assert_eq!(drop.names("taken").await.len(), 1);
}

#[tokio::test]
async fn the_same_file_dropped_again_is_a_second_submission_that_repeats_the_first() {
    let drop = Drop::start(Kind::Folder).await;
    drop.put("students.json", &sample("dole.json")).await;
    let first = drop.look_twice().await.kept[0].0.clone();
    drop.put("students.json", &sample("dole.json")).await;
    let second = drop.look_twice().await.kept[0].0.clone();
    assert_ne!(first, second);
    drop.look().await;
    let answer: Value = serde_json::from_str(&drop.text(&format!("answers/{second}.receipt.json")).await).unwrap();
    assert_eq!(answer["receipt"]["duplicate_of"], first.as_str());
}

#[tokio::test]
async fn what_cannot_be_taken_is_set_aside_with_the_reason_in_both_languages() {
    for kind in [Kind::Folder, Kind::Bucket] {
        let drop = Drop::start_with(kind, "dole", &[("SAPHAN_FILE_BYTES_MAX", "200000")]).await;
        drop.put("big.json", &vec![b' '; 200_001]).await;
        drop.put("picture.jpg", b"no data").await;
        drop.put("small.json.gz", b"no gzip either").await;
        let looked = drop.look_twice().await;
        assert_eq!((looked.kept.len(), looked.failed), (1, 2), "{kind:?}");
        let failed = drop.names("failed").await;
        assert_eq!(failed, ["big.json", "big.json.reason.txt", "picture.jpg", "picture.jpg.reason.txt"]);
        let reason = drop.text("failed/big.json.reason.txt").await;
        assert!(reason.contains("200000 ไบต์") && reason.contains("longer than 200000 bytes"), "{reason}");
        let reason = drop.text("failed/picture.jpg.reason.txt").await;
        assert!(reason.contains("ตั้งชื่อใหม่") && reason.contains("Rename it"), "{reason}");
        // What is refused as a whole has its answer too.
        drop.look().await;
        let answers = drop.names("answers").await;
        assert_eq!(answers.len(), 1, "{answers:?}");
        let answer: Value = serde_json::from_str(&drop.text(&format!("answers/{}", answers[0])).await).unwrap();
        assert_eq!(answer["state"], "refused");
        assert!(answer["refusal"]["rule"].as_str().unwrap().starts_with("SPH-"), "{answer}");

        drop.put("picture.jpg", b"another picture").await;
        assert_eq!(drop.look_twice().await.failed, 1);
        assert_eq!(drop.text("failed/picture.jpg").await, "no data", "{kind:?}: one name, two files: both stay");
        let later: Vec<String> =
            drop.names("failed").await.into_iter().filter(|name| name.contains("-picture")).collect();
        assert_eq!(later.len(), 2, "{later:?}");
        assert_eq!(drop.text(&format!("failed/{}", later[0])).await, "another picture");
        assert_eq!(later[1], format!("{}.reason.txt", later[0]));
    }
}

#[tokio::test]
async fn a_place_has_the_rights_of_its_client_and_no_others() {
    let drop = Drop::start_with(Kind::Folder, "obec", &[]).await;
    drop.put("students.json", &sample("dole.json")).await;
    drop.look().await;
    let denied = drop.gateway.app.look(&drop.pickup).await.unwrap_err();
    assert!(matches!(denied, saphan::app::AppError::Denied(_)), "{denied:?}");
    assert_eq!(drop.names("").await, ["students.json"], "it stays until somebody mends the settings");
    assert!(drop.gateway.kept().len() == 1 && drop.submissions().await == 0);

    // Another agency's answer is not given out for a mark that somebody wrote.
    let sent: Value = drop.gateway.send("dole", "dole/enrolments", sample("dole.json")).await.json().await.unwrap();
    std::fs::remove_file(drop.folder.join("students.json")).unwrap();
    let mark = PathBuf::from(format!("waiting/{}", sent["id"].as_str().unwrap()));
    drop.place.put_bytes(&mark, Vec::new()).await.unwrap();
    assert_eq!(drop.look().await, Looked::default());
    assert!(drop.names("answers").await.is_empty() && drop.names("waiting").await.is_empty());

    let id = drop.terms.client.clone();
    drop.gateway.app.revoke_client(&Principal::Operator, &id).await.unwrap();
    let gone = drop.gateway.app.look(&drop.pickup).await.unwrap_err();
    assert!(matches!(gone, saphan::app::AppError::UnknownClient), "{gone:?}");
}

#[tokio::test]
async fn links_folders_and_names_that_are_no_text_lead_nowhere() {
    let drop = Drop::start(Kind::Folder).await;
    let secret = drop.gateway.home().join("keys/master.key");
    assert!(secret.exists());
    std::os::unix::fs::symlink(&secret, drop.folder.join("keys.csv")).unwrap();
    std::fs::create_dir(drop.folder.join("folder.csv")).unwrap();
    // windows-874, as an old machine writes it.
    let name = OsStr::from_bytes(b"\xb9\xd1\xa1\xe0\xc3\xd5\xc2\xb9.json");
    std::fs::write(drop.folder.join(name), sample("dole.json")).unwrap();
    let looked = drop.look_twice().await;
    assert_eq!((looked.kept.len(), looked.failed), (1, 0));
    assert_eq!(drop.names("taken").await, [looked.kept[0].0.to_string()]);
    assert!(std::fs::symlink_metadata(drop.folder.join("keys.csv")).unwrap().is_symlink(), "not looked through");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_served_gateway_looks_by_itself_at_every_place_of_its_settings() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(folder.path());
    let schools = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("tests/fixtures/agencies")
        .join(super::harness::ROUND)
        .join("schools.csv");
    let schools = schools.to_str().unwrap();
    let ran = saphan.run(&["submit", "--json", "--mapping", "moe/schools", "--round", "2569/1", schools]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    let client = |agency: &str| -> String {
        let scope = ["--agency", agency, "--scope", "agency.submit"];
        let ran = saphan.run(&[&["client", "add", "--json", "--name", agency], &scope[..]].concat());
        serde_json::from_str::<Value>(&ran.stdout).unwrap()["id"].as_str().unwrap().to_owned()
    };
    let mut settings = String::from("pickup:\n");
    let places = [("dole", "dole.json"), ("obec", "obec.csv")].map(|(agency, file)| {
        let place = folder.path().join(agency);
        std::fs::create_dir(&place).unwrap();
        std::fs::write(place.join(file), sample(file)).unwrap();
        settings += &format!(
            "  - from: {}\n    mapping: {agency}/enrolments\n    round: 2569/1\n    client: {}\n",
            place.display(),
            client(agency)
        );
        place
    });
    let config = folder.path().join("saphan.yaml");
    std::fs::write(&config, settings).unwrap();
    let mut command = saphan.command(&["serve", "--config", config.to_str().unwrap()]);
    command.env("SAPHAN_LISTEN", "127.0.0.1:0").env("SAPHAN_PICKUP_SECONDS", "1").env("SAPHAN_LOG", "error");
    let mut served = command.stderr(std::process::Stdio::null()).spawn().unwrap();
    let begun = std::time::Instant::now();
    let answered = |place: &Path| std::fs::read_dir(place.join("answers")).map_or(0, Iterator::count) == 2;
    while !places.iter().all(|place| answered(place)) {
        assert!(begun.elapsed().as_secs() < 60, "a place is never answered");
        assert!(served.try_wait().unwrap().is_none(), "it serves");
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    served.kill().unwrap();
    served.wait().unwrap();
}

#[tokio::test]
async fn one_gateway_looks_at_a_time() {
    let drop = Drop::start(Kind::Folder).await;
    drop.put("students.json", &sample("dole.json")).await;
    let beside = drop.gateway.another_store().await;
    let on_duty = beside.claim_duty(Duty::Pickup).await.unwrap().unwrap();
    assert!(beside.claim_duty(Duty::Sweep).await.unwrap().is_some(), "another duty is free");
    assert_eq!(drop.gateway.app.look(&drop.pickup).await.unwrap(), None);
    core::mem::drop(on_duty);
    // A lock of the database goes with its transaction, a moment after it is let go.
    let looked = loop {
        match drop.gateway.app.look(&drop.pickup).await.unwrap() {
            Some(looked) => break looked,
            None => tokio::task::yield_now().await,
        }
    };
    assert_eq!(looked, Looked::default());
    assert_eq!(drop.look().await.kept.len(), 1);
}

#[tokio::test]
async fn names_of_dropped_files_stay_in_their_place() {
    let drop = Drop::start(Kind::Bucket).await;
    drop.put("somchai-jaidee-1100000000001.json", &sample("dole.json")).await;
    let id: SubmissionId = drop.look_twice().await.kept[0].0.clone();
    drop.look().await;
    let mut all = drop.text(&format!("answers/{id}.receipt.json")).await.into_bytes();
    for file in std::fs::read_dir(drop.gateway.home()).unwrap().flatten().filter(|file| file.path().is_file()) {
        all.extend(std::fs::read(file.path()).unwrap());
    }
    if let Some(rows) = super::harness::database::Reader::open(drop.gateway.home()).await.all_rows().await {
        all.extend(rows);
    }
    assert!(all.len() > 10_000);
    for part in [&b"somchai"[..], b"jaidee", b"1100000000001"] {
        assert!(!all.windows(part.len()).any(|here| here == part), "{}", part.escape_ascii());
    }
}

#[tokio::test]
async fn a_file_for_the_next_count_day_goes_to_the_round_of_the_day_it_was_written() {
    let drop = Drop::start(Kind::Folder).await;
    let terms = PickupSettings { round: PickupRound::Next, ..drop.terms.clone() };
    let drop = Drop { pickup: Pickup::open(&terms, &drop.options).unwrap(), ..drop };
    // Eleven in the evening of 10 June in London is the 11th in Bangkok.
    for (name, written, round) in [
        ("a.json", "2026-06-10T16:59:59Z", "2026-06-10"),
        ("b.json", "2026-06-10T17:00:00Z", "2026-11-10"),
        ("c.json", "2026-12-01T00:00:00Z", "2027-06-10"),
    ] {
        drop.put(name, &sample("dole.json")).await;
        let written: jiff::Timestamp = written.parse().unwrap();
        let file = std::fs::File::options().write(true).open(drop.folder.join(name)).unwrap();
        file.set_modified(written.into()).unwrap();
        let id = drop.look_twice().await.kept[0].0.clone();
        let view = drop.gateway.app.submission(&Principal::Operator, &id).await.unwrap();
        assert_eq!(view.round, round, "{name}");
    }
}
