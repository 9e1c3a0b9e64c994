//! Keys that follow one another while gateways work: nobody notices, nothing is lost, and a process killed at any moment leaves
//! a state from which the next goes on.

use super::harness::cli::Saphan;
use super::harness::database::Reader;
use super::harness::people::{Person, terms};
use super::harness::process::{self, Running, get, token, with_register};
use super::harness::{Gateway, ROUND, sample};
use super::replicas::TO_OBEC;
use data_encoding::BASE64URL_NOPAD;
use reqwest::{Client, Method};
use saphan::app::keys::Resealed;
use saphan::domain::principal::{Principal, Scope};
use saphan::vault::{ClientKey, Jws, KeyUse};
use serde_json::Value;
use std::io::{BufRead, BufReader, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::{Duration, Instant};

fn keys(saphan: &Saphan) -> Value {
    let ran = saphan.run(&["keys", "list", "--json"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The numbers of the keys of a use in a state.
fn numbers(keys: &Value, r#use: &str, state: &str) -> Vec<u64> {
    let all = keys["keys"].as_array().unwrap().iter();
    all.filter(|key| key["use"] == r#use && key["state"] == state).map(|key| key["id"].as_u64().unwrap()).collect()
}

/// Waits until gateways have sealed everything anew under the current data key; how many records that were.
async fn resealed(saphan: &Saphan) -> u64 {
    let begun = Instant::now();
    loop {
        let listed = keys(saphan);
        let current = listed["keys"].as_array().unwrap().iter().find(|k| k["use"] == "data" && k["state"] == "current");
        let current = current.unwrap();
        if current["reseal_ended_at"].is_string() {
            return current["resealed"].as_u64().unwrap();
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "it never ends: {listed}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
}

/// Records of the store by the number of their data key.
async fn records_under(home: &Path, key: u8) -> i64 {
    let mut reader = Reader::open(home).await;
    let head = match reader {
        Reader::Sqlite(_) => format!("x'0100{key:02x}'"),
        Reader::Postgres(_) => format!("'\\x0100{key:02x}'"),
    };
    reader.number_of(&format!("SELECT count(*) FROM vault_record WHERE substr(sealed, 1, 3) = {head}")).await
}

/// A home of its own over the store of another, with the master key alone.
fn second_home(saphan: &Saphan, folder: &Path) -> Saphan {
    let home = folder.join("second");
    std::fs::DirBuilder::new().mode(0o700).recursive(true).create(home.join("keys")).unwrap();
    std::fs::copy(saphan.home().join("keys/master.key"), home.join("keys/master.key")).unwrap();
    saphan.in_another_home(&home)
}

struct Load {
    urls: [String; 2],
    agency: String,
    id_and_secret: (String, String),
    over: AtomicBool,
    turn: AtomicUsize,
}

impl Load {
    /// One gateway, then the other.
    fn next(&self) -> &str {
        &self.urls[self.turn.fetch_add(1, Ordering::Relaxed) % 2]
    }

    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    async fn token(&self, client: &Client) -> String {
        let (id, secret) = &self.id_and_secret;
        let asked = client.post(format!("{}/oauth/token", self.next())).basic_auth(id, Some(secret));
        let answer = asked.form(&[("grant_type", "client_credentials")]).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        answer.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned()
    }

    /// Files, each its own rows; answers what was acknowledged, with the receipts that were signed for it.
    async fn submit(self: Arc<Self>, number: usize) -> Vec<(String, String)> {
        let (client, mut done) = (process::client(), Vec::new());
        let lines: Vec<Vec<u8>> =
            sample("obec.csv").split_inclusive(|b| *b == b'\n').take(60).map(<[u8]>::to_vec).collect();
        while !self.is_over() {
            let left_out = 1 + number * 25 + done.len() % 25;
            let body = [&lines[..left_out], &lines[left_out + 1..]].concat().concat();
            let to = format!("{}{TO_OBEC}", self.next());
            let sent = client.post(&to).bearer_auth(&self.agency).body(body).send().await.unwrap();
            assert_eq!(sent.status(), 201);
            let id = sent.json::<Value>().await.unwrap()["id"].as_str().unwrap().to_owned();
            let receipt = format!("{}/v1/submissions/{id}/receipt.jws", self.next());
            let signed = client.get(&receipt).bearer_auth(&self.agency).send().await.unwrap();
            assert_eq!(signed.status(), 200);
            done.push((id, signed.text().await.unwrap()));
        }
        done
    }

    /// Access tokens of one gateway, used at the other at once, and one that is as old as the test; pages of records by them.
    async fn read(self: Arc<Self>) -> usize {
        let (client, mut pages) = (process::client(), 0);
        let oldest = self.token(&client).await;
        let page = format!("/v1/records/enrolments?round={ROUND}&agency=dole&limit=50");
        let mut first: Option<Value> = None;
        while !self.is_over() {
            let newest = self.token(&client).await;
            for token in [&newest, &oldest] {
                let answer = client.get(format!("{}{page}", self.next())).bearer_auth(token).send().await.unwrap();
                let status = answer.status();
                let body: Value = answer.json().await.unwrap();
                assert_eq!(status, 200, "{body}");
                assert_eq!(*first.get_or_insert_with(|| body.clone()), body, "the same records all the while");
                pages += 1;
            }
            let list = format!("{}/v1/submissions?limit=20", self.next());
            assert_eq!(client.get(list).bearer_auth(&oldest).send().await.unwrap().status(), 200);
        }
        pages
    }
}

fn client_of(saphan: &Saphan, arguments: &[&str]) -> (String, String) {
    let ran = saphan.run(&[&["client", "add", "--json", "--name", "test"], arguments].concat());
    let said: Value = serde_json::from_str(&ran.stdout).unwrap();
    (said["id"].as_str().unwrap().to_owned(), said["token"].as_str().unwrap().to_owned())
}

fn submit(saphan: &Saphan, mapping: &str, file: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agencies").join(ROUND).join(file);
    let ran = saphan.run(&["submit", "--json", "--mapping", mapping, "--round", ROUND, path.to_str().unwrap()]);
    assert!(matches!(ran.code, 0 | 2), "{}", ran.stderr);
}

fn done(saphan: &Saphan, arguments: &[&str]) -> Value {
    let ran = saphan.run(&[arguments, &["--json"]].concat());
    assert_eq!(ran.code, 0, "{arguments:?}: {}", ran.stderr);
    serde_json::from_str(&ran.stdout).unwrap()
}

/// The id of the published key that a receipt is signed by.
fn signed_by(jwks: &Value, receipt: &str) -> String {
    let head = BASE64URL_NOPAD.decode(receipt.split('.').next().unwrap().as_bytes()).unwrap();
    let head: Value = serde_json::from_slice(&head).unwrap();
    let keys = jwks["keys"].as_array().unwrap();
    let key = keys.iter().find(|key| key["kid"] == head["kid"]).expect("it is published");
    let key = ClientKey::parse(&key.to_string()).unwrap();
    assert!(key.open_compact(&Jws::parse(receipt).unwrap()).unwrap().is_some(), "{head}");
    head["kid"].as_str().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_key_follows_another_under_load_on_two_gateways_and_no_request_fails() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = with_register(folder.path());
    for (mapping, file) in [("dole/enrolments", "dole.json"), ("ovec/enrolments", "ovec.xml")] {
        submit(&saphan, mapping, file);
    }
    let kept = saphan.run(&["journal", "checkpoint"]);
    let kept_file = folder.path().join("kept.ndjson");
    std::fs::write(&kept_file, &kept.stdout).unwrap();

    let second = second_home(&saphan, folder.path());
    let objects = saphan.home().display().to_string();
    let one = Running::start(&saphan, &[("SAPHAN_PUBLIC_URL", "http://saphan.example")]);
    let other = Running::start(
        &second,
        &[("SAPHAN_PUBLIC_URL", "http://saphan.example"), ("SAPHAN_OBJECTS_URL", objects.as_str())],
    );
    let agency = token(&saphan, &["--agency", "obec", "--scope", "agency.submit"]);
    let id_and_secret = client_of(&saphan, &["--scope", "ministry.read"]);
    let load = Arc::new(Load {
        urls: [one.url.clone(), other.url.clone()],
        agency,
        id_and_secret,
        over: AtomicBool::new(false),
        turn: AtomicUsize::new(0),
    });
    let submitters: Vec<_> = (0..2).map(|number| tokio::spawn(load.clone().submit(number))).collect();
    let readers: Vec<_> = (0..2).map(|_| tokio::spawn(load.clone().read())).collect();
    let rotations = || {
        assert_eq!(done(&saphan, &["keys", "rotate", "--signing"])["use"], "signing");
        assert_eq!(done(&second, &["keys", "rotate", "--data"])["id"], 5, "from the other home");
        assert_eq!(done(&saphan, &["keys", "rotate", "--master"])["use"], "master");
    };
    tokio::task::block_in_place(rotations);
    // The other home gets the new master key, as its operator is told.
    let master = saphan.home().join("keys/master.key");
    std::fs::copy(&master, second.home().join("keys/master.key")).unwrap();
    tokio::task::block_in_place(|| done(&saphan, &["keys", "forget", "--master"]));
    let records = resealed(&saphan).await;
    load.over.store(true, Ordering::Relaxed);
    let mut acknowledged = Vec::new();
    for submitter in submitters {
        acknowledged.extend(submitter.await.unwrap());
    }
    for reader in readers {
        assert!(reader.await.unwrap() > 5, "there was load");
    }
    assert!(records > 100 && acknowledged.len() > 4, "{records} {}", acknowledged.len());

    // All of it was taken and can be read, under the new key, at both.
    let client = process::client();
    for (id, _) in &acknowledged {
        let seen = get(&client, &load.agency, &format!("{}/v1/submissions/{id}", load.next())).await;
        assert_eq!(seen["state"], "committed", "{seen}");
    }
    assert_eq!(records_under(saphan.home(), 1).await, 0);
    assert!(records_under(saphan.home(), 5).await > 100);
    // What was signed before is checked by what is published now.
    let jwks: Value =
        client.get(format!("{}/.well-known/jwks.json", other.url)).send().await.unwrap().json().await.unwrap();
    assert_eq!(jwks["keys"].as_array().unwrap().len(), 2);
    let by: Vec<String> = acknowledged.iter().map(|(_, receipt)| signed_by(&jwks, receipt)).collect();
    for key in jwks["keys"].as_array().unwrap() {
        assert!(by.iter().any(|kid| key["kid"] == kid.as_str()), "some were signed by each key");
    }
    for running in [one, other] {
        assert_eq!(client.get(format!("{}/readyz", running.url)).send().await.unwrap().status(), 200);
        assert_eq!(String::from_utf8(running.said()).unwrap(), "", "the log has no error");
    }
    let listed = tokio::task::block_in_place(|| (keys(&saphan), keys(&second)));
    assert_eq!(listed.0, listed.1);
    assert_eq!((numbers(&listed.0, "data", "current"), numbers(&listed.0, "data", "old")), (vec![5], vec![1]));
    assert_eq!(listed.0["masters"].as_array().unwrap().len(), 1);
    let old = listed.0["keys"].as_array().unwrap().iter().find(|key| key["id"] == 1).unwrap();
    assert_eq!((&old["needed"]["records"], &old["needed"]["accounts"]), (&0.into(), &0.into()));
    assert!(old["needed"]["files"].as_u64().unwrap() >= 3, "kept files stay under the key they were written with");
    journal_holds(&saphan, folder.path(), &kept_file);
}

#[tokio::test]
async fn secrets_of_accounts_follow_and_a_gateway_that_has_not_heard_of_a_key_asks_to_try_again() {
    const OPERATOR: Principal = Principal::Operator;
    let one = Gateway::start();
    one.send_register().await;
    assert_eq!(one.send("dole", "dole/enrolments", sample("dole.json")).await.status(), 201);
    let objects = one.home().display().to_string();
    let other = one.beside_in_another_home(&[("SAPHAN_OBJECTS_URL", objects.as_str())]);
    let person = Person::new(&one, "somjai", None, &[Scope::Auditor]).await;
    let invited = one.app.add_person(&OPERATOR, terms("boon", None, &[Scope::Auditor])).await.unwrap();
    let half = one.app.begin_start(&invited.code.unwrap()).await.unwrap();
    let begun = one.app.enrolment(&half).await.unwrap();
    assert_eq!(one.app.begin_rotation(&OPERATOR, KeyUse::Data).await.unwrap(), 4);
    one.app.finish_rotation(&OPERATOR, KeyUse::Data).await.unwrap();
    while one.app.reseal_step().await.unwrap() != Resealed::Ended {}
    assert_eq!(one.app.reseal_step().await.unwrap(), Resealed::Nothing);
    let report = one.app.keys_report(&OPERATOR).await.unwrap();
    let needed = report.keys.iter().find(|key| key.key.id == 1).unwrap().needed.unwrap();
    assert_eq!((needed.records, needed.accounts), (0, 0));
    // The secret of a telephone, and of one that is being set up.
    person.sign_in(&one).await;
    assert_eq!(one.app.enrolment(&half).await.unwrap().secret, begun.secret);
    // The other was cut off all the while: its home has the old keys.
    let page = format!("/v1/records/enrolments?round={ROUND}&agency=dole&limit=10");
    let read = async || other.by_one_of(&one, "dole", Method::GET, &page).send().await.unwrap();
    let refused = read().await;
    assert_eq!((refused.status().as_u16(), refused.headers().contains_key("retry-after")), (503, true));
    assert!(other.app.refresh_keys().await.unwrap());
    assert_eq!(read().await.status(), 200);
}

/// By the gateway's own walk and by the script, with a checkpoint from before the rotation and without one.
fn journal_holds(saphan: &Saphan, folder: &Path, kept: &Path) {
    let verified = saphan.run(&["journal", "verify", "--checkpoint", kept.to_str().unwrap()]);
    assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    let export = folder.join("export.ndjson");
    std::fs::write(&export, saphan.run(&["journal", "export"]).stdout).unwrap();
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("scripts/verify-journal.sh");
    let run = |export: &Path, kept: Option<&Path>| {
        let output = Command::new("sh").arg(&script).arg(export).args(kept).output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    for kept in [None, Some(kept)] {
        let (code, said) = run(&export, kept);
        assert_eq!(code, Some(0), "{said}");
    }
    // A key that nobody vouched for signs nothing for who trusts the kept one.
    let text = std::fs::read_to_string(&export).unwrap();
    let bare: String =
        text.lines().filter(|line| !line.starts_with("{\"vouched")).map(|l| l.to_owned() + "\n").collect();
    let at = text.find("{\"vouched\":\"").unwrap() + 40;
    let other = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
    let bent = [&text[..at], other, &text[at + 1..]].concat();
    for (name, changed) in [("bare", bare), ("bent", bent)] {
        let path = folder.join(name);
        std::fs::write(&path, changed).unwrap();
        let (code, said) = run(&path, Some(kept));
        assert_eq!((code, said.contains("not signed with this key")), (Some(2), true), "{name}: {said}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_count_is_the_same_to_the_byte_after_every_key_was_rotated_and_its_old_signature_holds() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = with_register(folder.path());
    submit(&saphan, "dole/enrolments", "dole.json");
    submit(&saphan, "obec/enrolments", "obec.csv");
    let path = |name: &str| folder.path().join(name).display().to_string();
    let count = |name: &str| {
        let ran = saphan.run(&["count", "--round", ROUND, "--manifest", &path(name)]);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        std::fs::read(path(name)).unwrap()
    };
    let before = count("before.json");
    let running = Running::start(&saphan, &[]);
    let accounts =
        saphan.run(&["user", "add", "--name", "Somchai Jaidee", "--sign-in", "somchai", "--role", "auditor"]);
    assert_eq!(accounts.code, 0, "{}", accounts.stderr);
    tokio::task::block_in_place(|| {
        for which in ["--data", "--signing", "--master"] {
            done(&saphan, &["keys", "rotate", which]);
        }
    });
    resealed(&saphan).await;
    assert_eq!(count("after.json"), before);
    for (name, signature) in [("before.json", "before.json.sig"), ("after.json", "after.json.sig")] {
        let verified = saphan.run(&["count", "verify", &path(name), "--signature", &path(signature), "--json"]);
        assert_eq!(verified.code, 0, "{}{}", verified.stdout, verified.stderr);
    }
    let listed = saphan.run(&["user", "list", "--json"]);
    assert!(listed.stdout.contains("Somchai Jaidee"), "{}{}", listed.stdout, listed.stderr);
    let needed = keys(&saphan)["keys"][0]["needed"].clone();
    assert_eq!((&needed["records"], &needed["accounts"]), (&0.into(), &0.into()), "{needed}");
    drop(running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_rotation_that_is_killed_is_finished_by_a_gateway_and_what_was_sealed_anew_is_not_sealed_twice() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = with_register(folder.path());
    submit(&saphan, "obec/enrolments", "obec.csv");
    let mut reader = Reader::open(saphan.home()).await;
    let records = reader.number("SELECT count(*) FROM vault_record").await;
    assert!(records > 3_000, "many steps: {records}");
    // Killed between the key being known and its use.
    let mut command = saphan.command(&["keys", "rotate", "--data"]);
    let mut rotating = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
    let mut said = BufReader::new(rotating.stderr.take().unwrap()).lines();
    assert!(said.next().unwrap().unwrap().contains("made known"));
    rotating.kill().unwrap();
    rotating.wait().unwrap();
    assert_eq!(numbers(&keys(&saphan), "data", "coming"), [4]);
    // Gateways, each killed in the middle of sealing anew, until it is done.
    let begun = Instant::now();
    let (mut kills, mut last) = (0, 0);
    loop {
        let running = Running::start(&saphan, &[]);
        loop {
            assert!(begun.elapsed() < Duration::from_secs(120), "it never ends");
            let done = reader.number("SELECT coalesce(max(resealed), 0) FROM reseal").await;
            let ended = reader.number("SELECT count(*) FROM reseal WHERE ended_at IS NOT NULL").await;
            assert!(done >= last, "it goes on after what was done");
            if ended == 1 || done > last {
                last = done;
                break;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        if reader.number("SELECT count(*) FROM reseal WHERE ended_at IS NOT NULL").await == 1 {
            drop(running);
            break;
        }
        running.kill();
        kills += 1;
    }
    assert!(kills >= 2, "{kills}");
    assert_eq!(last, records, "each once");
    assert_eq!((records_under(saphan.home(), 4).await, records_under(saphan.home(), 1).await), (records, 0));
    let told = "SELECT count(*) FROM journal WHERE act = 'keys.resealed'";
    assert_eq!(reader.number(told).await, 1);
    // Every one opens where it lies.
    let counted = saphan.run(&["count", "--round", ROUND, "--json"]);
    assert_eq!(counted.code, 0, "{}", counted.stderr);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_new_master_key_killed_at_any_moment_leaves_one_that_opens() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = with_register(folder.path());
    let fingerprint = |listed: &Value| listed["keys"].to_string();
    let before = fingerprint(&keys(&saphan));
    for act in [["rotate", "--master"], ["forget", "--master"]] {
        for milliseconds in [5_u64, 20, 40, 60, 80, 100, 130, 160, 200, 300] {
            let mut command = saphan.command(&["keys", act[0], act[1]]);
            let mut rotating = command.stderr(Stdio::null()).stdout(Stdio::null()).spawn().unwrap();
            tokio::time::sleep(Duration::from_millis(milliseconds)).await;
            // It may be at its end already.
            drop(rotating.kill());
            rotating.wait().unwrap();
            assert_eq!(fingerprint(&keys(&saphan)), before, "{act:?} after {milliseconds} ms");
        }
    }
    done(&saphan, &["keys", "rotate", "--master"]);
    done(&saphan, &["keys", "forget", "--master"]);
    let listed = keys(&saphan);
    assert_eq!((fingerprint(&listed), listed["masters"].as_array().unwrap().len()), (before, 1));
    let again = saphan.run(&["keys", "forget", "--master", "--lang", "th"]);
    assert_eq!((again.code, again.stderr.contains("ดอกเดียว")), (2, true), "{}", again.stderr);
    let left: Vec<_> = std::fs::read_dir(saphan.home().join("keys")).unwrap().map(|e| e.unwrap().file_name()).collect();
    assert!(left.iter().all(|name| name != "master.next"), "{left:?}");
}

/// Brings a folder of keys back from a copy.
fn bring_back(from: &Path, to: &Path) {
    for entry in std::fs::read_dir(from).unwrap() {
        let entry = entry.unwrap();
        std::fs::copy(entry.path(), to.join(entry.file_name())).unwrap();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_copy_of_the_keys_serves_or_says_what_it_lacks() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = with_register(folder.path());
    submit(&saphan, "dole/enrolments", "dole.json");
    let own = saphan.home().join("keys");
    let copy = folder.path().join("copy");
    std::fs::create_dir(&copy).unwrap();
    bring_back(&own, &copy);
    done(&saphan, &["keys", "rotate", "--data"]);
    submit(&saphan, "ovec/enrolments", "ovec.xml");
    let count = ["count", "--round", ROUND, "--json"];
    let before = saphan.run(&count);
    assert_eq!(before.code, 0, "{}", before.stderr);
    // An older keyring: the store has what it lacks.
    bring_back(&copy, &own);
    let counted = saphan.run(&count);
    assert_eq!((counted.code, &counted.stdout), (0, &before.stdout), "{}", counted.stderr);
    // No keyring at all.
    std::fs::remove_file(own.join("keyring.json")).unwrap();
    assert_eq!(saphan.run(&count).stdout, before.stdout);
    // A master key that is no longer the one.
    done(&saphan, &["keys", "rotate", "--master"]);
    done(&saphan, &["keys", "forget", "--master"]);
    let wanted = keys(&saphan)["masters"][0]["id"].as_str().unwrap().to_owned();
    let good = folder.path().join("good.key");
    std::fs::copy(own.join("master.key"), &good).unwrap();
    bring_back(&copy, &own);
    let refused = saphan.run(&count);
    assert_eq!((refused.code, refused.stdout.as_str()), (1, ""));
    assert!(refused.stderr.contains("another master key") && refused.stderr.contains(&wanted), "{}", refused.stderr);
    // And no master key: none is made up.
    std::fs::remove_file(own.join("master.key")).unwrap();
    let refused = saphan.run(&count);
    assert!(refused.code == 1 && refused.stderr.contains("no master key to open it"), "{}", refused.stderr);
    assert!(!own.join("master.key").exists());
    std::fs::copy(good, own.join("master.key")).unwrap();
    assert_eq!(saphan.run(&count).stdout, before.stdout);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_given_master_key_is_followed_by_a_given_one() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(folder.path());
    let (first, next) = (data_encoding::BASE64.encode(&[5; 32]), data_encoding::BASE64.encode(&[6; 32]));
    let run = |master: &str, arguments: &[&str], input: &str| {
        let mut command = saphan.command(arguments);
        command.env("SAPHAN_MASTER_KEY", master).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        // One that doesn't read is done before.
        drop(child.stdin.take().unwrap().write_all(input.as_bytes()));
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    assert_eq!(run(&first, &["client", "list"], "").0, Some(0));
    let (code, said) = run(&first, &["keys", "rotate", "--master"], "");
    assert_eq!((code, said.contains("standard input")), (Some(1), true), "{said}");
    let (code, said) = run(&first, &["keys", "rotate", "--master"], "short");
    assert_eq!((code, said.contains("32 bytes")), (Some(1), true), "{said}");
    let (code, said) = run(&first, &["keys", "rotate", "--master"], &next);
    assert_eq!(code, Some(0), "{said}");
    assert!(!said.contains(&next), "no key is printed");
    assert_eq!(run(&first, &["client", "list"], "").0, Some(0), "both open it");
    let (code, said) = run(&first, &["keys", "forget", "--master"], "");
    assert_eq!((code, said.contains("older master key")), (Some(2), true), "{said}");
    // A gateway that was not given the new one steps aside, and seals nothing that others could not open.
    let added =
        run(&first, &["client", "add", "--json", "--name", "x", "--agency", "obec", "--scope", "agency.submit"], "");
    let added: Value = serde_json::from_str(&added.1).unwrap();
    let running = Running::start(&saphan, &[("SAPHAN_MASTER_KEY", &first)]);
    let client = process::client();
    let ready = async || client.get(format!("{}/readyz", running.url)).send().await.unwrap().status().as_u16();
    assert_eq!(ready().await, 200);
    assert_eq!(run(&next, &["keys", "forget", "--master"], "").0, Some(0));
    let begun = Instant::now();
    while ready().await != 503 {
        assert!(begun.elapsed() < Duration::from_secs(30), "it goes on with the old one");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let sent = client.post(format!("{}{TO_OBEC}", running.url)).bearer_auth(added["token"].as_str().unwrap());
    assert_eq!(sent.body(sample("obec.csv")).send().await.unwrap().status(), 503);
    assert!(String::from_utf8(running.said()).unwrap().contains("can't be taken up"));
    drop(running);
    assert_eq!(run(&first, &["client", "list"], "").0, Some(1));
    assert_eq!(run(&next, &["client", "list"], "").0, Some(0));
    assert!(!saphan.home().join("keys/master.key").exists());
}

#[tokio::test(flavor = "multi_thread")]
async fn an_old_data_key_is_forgotten_when_nothing_needs_it_and_not_before() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(folder.path());
    let short = |arguments: &[&str]| {
        let mut command = saphan.command(arguments);
        command.env("SAPHAN_WORK_SECONDS_MAX", "1").env("SAPHAN_REQUEST_SECONDS_MAX", "1");
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    done(&saphan, &["keys", "rotate", "--data"]);
    let early = saphan.run(&["keys", "forget", "--data", "1"]);
    assert_eq!((early.code, early.stderr.contains("can be forgotten after")), (2, true), "{}", early.stderr);
    let none = saphan.run(&["keys", "forget", "--data", "4"]);
    assert_eq!((none.code, none.stderr.contains("no old data key 4")), (2, true), "{}", none.stderr);
    tokio::time::sleep(Duration::from_secs(12)).await;
    let listed = short(&["keys", "--lang", "en"]);
    assert!(listed.1.contains("saphan keys forget --data 1"), "{}", listed.1);
    let (code, said) = short(&["keys", "forget", "--data", "1"]);
    assert_eq!(code, Some(0), "{said}");
    assert_eq!(numbers(&keys(&saphan), "data", "old"), Vec::<u64>::new());
    // The next is never of a number that was there.
    done(&saphan, &["keys", "rotate", "--data"]);
    assert_eq!(numbers(&keys(&saphan), "data", "current"), [5]);
    let kept = "SELECT count(*) FROM journal WHERE act = 'keys.rotate'";
    assert_eq!(Reader::open(saphan.home()).await.number(kept).await, 5);
}
