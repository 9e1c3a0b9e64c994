//! What identifies a person stays in the vault: everything the gateway writes or says is searched for every
//! identifier and every full name of the samples.

use super::harness::cli::Saphan;
use super::harness::database::Reader;
use super::harness::{Gateway, ROUND, sample};
use reqwest::Method;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const FILES: [(&str, &str, &str); 4] = [
    ("obec", "obec/enrolments", "obec.csv"),
    ("ovec", "ovec/enrolments", "ovec.xml"),
    ("dole", "dole/enrolments", "dole.json"),
    ("opec", "opec/enrolments", "opec.xlsx"),
];

/// Identifiers and full names of everybody accepted, as bytes.
fn identities() -> BTreeSet<Vec<u8>> {
    let mut all = BTreeSet::new();
    for (_, _, file) in FILES {
        let text = String::from_utf8(sample(&format!("{file}.expected.ndjson"))).unwrap();
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| record[name].as_str().unwrap().to_owned();
            let id = text("learner_id");
            all.insert(format!("{}-{}-{}-{}-{}", &id[..1], &id[1..5], &id[5..10], &id[10..12], &id[12..]).into_bytes());
            all.insert(id.into_bytes());
            all.insert(format!("{} {}", text("given_name"), text("family_name")).into_bytes());
        }
    }
    all
}

/// Every identity found in `bytes`, by windows of the lengths that occur.
fn found_in(bytes: &[u8], identities: &BTreeSet<Vec<u8>>) -> Vec<String> {
    let mut found = Vec::new();
    for (length, of_length) in by_length(identities) {
        // Most windows can be told by their first two bytes.
        let start = |bytes: &[u8]| usize::from(u16::from_le_bytes([bytes[0], bytes[1]]));
        let mut starts = vec![false; 1 << 16];
        of_length.iter().for_each(|identity| starts[start(identity)] = true);
        let windows = bytes.windows(length).filter(|window| starts[start(window)] && of_length.contains(window));
        found.extend(windows.map(|window| String::from_utf8_lossy(window).into_owned()));
    }
    found
}

fn by_length(identities: &BTreeSet<Vec<u8>>) -> BTreeMap<usize, BTreeSet<&[u8]>> {
    let mut all: BTreeMap<usize, BTreeSet<&[u8]>> = BTreeMap::new();
    for identity in identities {
        all.entry(identity.len()).or_default().insert(identity);
    }
    all
}

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, out) } else { out.push(path) }
    }
}

#[test]
fn the_search_itself_finds_an_identity() {
    let identities = identities();
    let one = identities.iter().next().unwrap();
    let hay = [b"xx".as_slice(), one, b"yy"].concat();
    assert_eq!(found_in(&hay, &identities).len(), 1);
}

#[tokio::test]
async fn no_identity_reaches_the_home_the_store_the_terminal_or_the_log() {
    let identities = identities();
    let folder = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(folder.path());
    let samples = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agencies").join(ROUND);
    let mut said = Vec::new();
    let mut run = |arguments: &[&str]| {
        let output = saphan.command(arguments).env("SAPHAN_LOG", "trace").output().unwrap();
        assert!(matches!(output.status.code(), Some(0 | 2)), "{arguments:?}");
        said.extend(output.stdout);
        said.extend(output.stderr);
    };
    run(&["submit", "--mapping", "moe/schools", "--round", ROUND, samples.join("schools.csv").to_str().unwrap()]);
    for (_, mapping, file) in FILES {
        run(&["submit", "--mapping", mapping, "--round", ROUND, samples.join(file).to_str().unwrap()]);
    }
    run(&["count", "--round", ROUND, "--json"]);
    run(&["count", "--round", ROUND, "--manifest", folder.path().join("manifest.json").to_str().unwrap()]);
    run(&["publish", "--out", folder.path().join("open").to_str().unwrap()]);
    assert_eq!(found_in(&said, &identities), Vec::<String>::new(), "on the terminal");
    let mut written = Vec::new();
    files(folder.path(), &mut written);
    assert!(written.len() > 10, "{written:?}");
    for path in written {
        let found = found_in(&std::fs::read(&path).unwrap(), &identities);
        assert_eq!(found, Vec::<String>::new(), "in {}", path.display());
    }
    if let Some(rows) = Reader::open(saphan.home()).await.all_rows().await {
        assert!(rows.len() > 100_000, "there is something to search");
        assert_eq!(found_in(&rows, &identities), Vec::<String>::new(), "in the tables");
    }
}

#[tokio::test]
async fn no_identity_is_in_any_answer_but_records_and_the_senders_own_rows() {
    let identities = identities();
    let gateway = Gateway::start();
    gateway.send_register().await;
    let mut answers = Vec::new();
    for (client, mapping, file) in FILES {
        let response = gateway.send(client, mapping, sample(file)).await;
        let view = response.bytes().await.unwrap();
        let id = serde_json::from_slice::<Value>(&view).unwrap()["id"].as_str().unwrap().to_owned();
        answers.extend(view);
        for path in [format!("/v1/submissions/{id}"), format!("/v1/submissions/{id}/refused?format=json&limit=500")] {
            answers.extend(gateway.by(client, Method::GET, &path).send().await.unwrap().bytes().await.unwrap());
        }
    }
    let counted = gateway.by("count", Method::POST, &format!("/v1/counts/{ROUND}")).send().await.unwrap();
    assert!(counted.status().is_success());
    answers.extend(counted.bytes().await.unwrap());
    for path in ["/v1/submissions", "/metrics", &format!("/v1/counts/{ROUND}"), &format!("/v1/counts/{ROUND}/manifest")]
    {
        answers.extend(gateway.by("ministry", Method::GET, path).send().await.unwrap().bytes().await.unwrap());
    }
    assert!(answers.len() > 100_000, "there is something to search");
    assert_eq!(found_in(&answers, &identities), Vec::<String>::new());
}
