//! What identifies a person stays in the vault: everything the gateway writes or says is searched for every number, name and
//! birth date of the samples, in every spelling it could leak in.

use super::harness::cli::Saphan;
use super::harness::database::Reader;
use super::harness::identities::{FILES, Identities, words};
use super::harness::process::{Running, client, token, with_register};
use super::harness::{Gateway, ROUND, sample};
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::io::Write;
use std::path::Path;
use std::process::Stdio;

#[tokio::test]
async fn no_identity_reaches_the_home_the_store_the_terminal_or_the_log() {
    let identities = Identities::of_samples();
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
    identities.assert_none_in(&said, "what was said on the terminal");
    identities.assert_none_below(folder.path());
    if let Some(rows) = Reader::open(saphan.home()).await.all_rows().await {
        assert!(rows.len() > 100_000, "there is something to search");
        identities.assert_none_in(&rows, "the tables");
    }
}

#[tokio::test]
async fn no_identity_is_in_any_answer_but_records_and_the_senders_own_rows() {
    let identities = Identities::of_samples();
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
    identities.assert_none_in(&answers, "the answers");
}

/// A gateway in a process of its own, its clients, and everything it answers.
struct Session {
    running: Running,
    http: reqwest::Client,
    token: String,
    answers: Vec<u8>,
}

impl Session {
    fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.http.request(method, format!("{}{path}", self.running.url)).bearer_auth(&self.token)
    }

    /// Head and body are both kept.
    async fn take(&mut self, request: RequestBuilder) -> (u16, String) {
        let response = request.send().await.unwrap();
        let status = response.status().as_u16();
        self.answers.extend(format!("{:?}", response.headers()).into_bytes());
        let text = response.text().await.unwrap();
        self.answers.extend(text.as_bytes());
        (status, text)
    }

    /// Wherever somebody may put a number or a name by mistake. None of it is done.
    async fn misplace(&mut self, word: &str) {
        for path in [
            format!("/v1/submissions/{word}"),
            format!("/v1/records/enrolments?round={ROUND}&agency=dole&school={word}"),
            format!("/v1/records/enrolments?round={word}"),
            format!("/v1/records/enrolments?learner_id={word}"),
            format!("/v1/counts/{word}"),
            format!("/v1/codelists/{word}"),
            format!("/v1/mappings/dole/{word}"),
            format!("/rules/{word}"),
            format!("/problems/{word}"),
            format!("/data/{word}"),
            format!("/v1/purposes?{word}=1"),
            format!("/{word}"),
        ] {
            for accept in ["application/json", "text/html"] {
                let request = self.request(Method::GET, &path).header("accept", accept);
                let (status, _) = self.take(request).await;
                assert!((400..500).contains(&status), "{path}: {status}");
            }
        }
        let sending = |mapping: &str, round: &str| format!("/v1/submissions?mapping={mapping}&round={round}");
        for path in [sending(word, ROUND), sending("dole/enrolments", word), format!("/v1/uploads?mapping={word}")] {
            let request = self.request(Method::POST, &path).header("upload-length", "10").body(word.to_owned());
            assert!((400..500).contains(&self.take(request).await.0), "{path}");
        }
        let body = json!({ "learner_id": word }).to_string();
        for request in [
            self.request(Method::POST, "/v1/subjects/access-log").body(body),
            self.request(Method::POST, "/oauth/token").form(&[("grant_type", word), ("scope", word)]),
            self.http
                .post(format!("{}/oauth/token", self.running.url))
                .basic_auth(word, Some(word))
                .form(&[("grant_type", "client_credentials"), ("scope", word)]),
            self.http.get(format!("{}/v1/submissions", self.running.url)).bearer_auth(word.replace(' ', "")),
        ] {
            assert!((400..500).contains(&self.take(request).await.0));
        }
        if word.is_ascii() {
            for path in
                [sending("dole/enrolments", ROUND), format!("/v1/uploads?mapping=dole/enrolments&round={ROUND}")]
            {
                let request = self.request(Method::POST, &path).header("idempotency-key", word).body("{}");
                let (status, text) = self.take(request.header("upload-length", "10")).await;
                assert_ne!(status, 400, "{path}: {text}");
            }
            let request = self.request(Method::GET, "/v1/submissions").header("x-request-id", word);
            let request = request.header("traceparent", word).header("user-agent", word);
            assert_eq!(self.take(request).await.0, 200);
        }
    }
}

/// A request of access and one to correct a name, with the number and the name in them; what the commands said.
fn ask(saphan: &Saphan, number: &str, name: &str) -> Vec<Vec<u8>> {
    let elsewhere = tempfile::tempdir().unwrap();
    let says = elsewhere.path().join("says.txt");
    std::fs::write(&says, name).unwrap();
    let says = says.to_str().unwrap();
    let new = ["subject", "request", "--reference", "DPO-1", "--kind"];
    let correction = ["correction", "--agency", "dole", "--field", "given_name", "--says", says];
    let mut said = Vec::new();
    for (arguments, input) in [
        ([&new[..], &["access"]].concat(), number),
        ([&new[..], &correction].concat(), number),
        (vec!["subject", "list"], ""),
        (vec!["subject", "list", "--json"], ""),
    ] {
        let mut command = saphan.command(&arguments);
        command.env("SAPHAN_LOG", "trace").stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
        said.extend([output.stdout, output.stderr]);
    }
    said
}

#[tokio::test]
async fn no_identity_reaches_the_log_the_answers_or_the_store_of_a_gateway_wherever_somebody_puts_it() {
    let identities = Identities::of_samples();
    let folder = tempfile::tempdir().unwrap();
    let saphan = with_register(folder.path());
    let dole = token(&saphan, &["--agency", "dole", "--scope", "agency.submit"]);
    let running = Running::start(&saphan, &[("SAPHAN_LOG", "trace")]);
    let mut session = Session { running, http: client(), token: dole, answers: Vec::new() };

    let sending = format!("/v1/submissions?mapping=dole/enrolments&round={ROUND}");
    let (status, text) = session.take(session.request(Method::POST, &sending).body(sample("dole.json"))).await;
    assert_eq!(status, 201, "{text}");
    let id = serde_json::from_str::<Value>(&text).unwrap()["id"].as_str().unwrap().to_owned();
    for what in ["", "/refused?format=json&limit=500"] {
        let path = format!("/v1/submissions/{id}{what}");
        assert_eq!(session.take(session.request(Method::GET, &path)).await.0, 200);
    }
    // What holds identities on purpose is read, and not kept here: the log and the store hear of it.
    let records = format!("/v1/records/enrolments?round={ROUND}&limit=1000");
    for path in [&records, &format!("/v1/submissions/{id}/accepted"), &format!("/v1/submissions/{id}/refused")] {
        let read = session.request(Method::GET, path).send().await.unwrap();
        assert_eq!(read.status(), 200, "{path}");
        assert!(read.bytes().await.unwrap().len() > 1_000);
    }
    let file = sample("dole.json");
    let begin = session.request(Method::POST, &format!("/v1/uploads?mapping=dole/enrolments&round={ROUND}"));
    let (status, text) = session.take(begin.header("upload-length", file.len().to_string())).await;
    assert_eq!(status, 201, "{text}");
    let upload = serde_json::from_str::<Value>(&text).unwrap()["id"].as_str().unwrap().to_owned();
    let piece = session.request(Method::PATCH, &format!("/v1/uploads/{upload}")).header("upload-offset", "0");
    let piece = piece.header("tus-resumable", "1.0.0").header("content-type", "application/offset+octet-stream");
    session.take(piece.body(file[..file.len() / 2].to_vec())).await;

    let words = words();
    let of = |wanted: fn(&str) -> bool| words.iter().find(|word| wanted(word)).unwrap().clone();
    let accepted = String::from_utf8(sample("dole.json.expected.ndjson")).unwrap();
    let ids = accepted.lines().map(|line| serde_json::from_str::<Value>(line).unwrap()["learner_id"].clone());
    let mut ids = ids.map(|id| id.as_str().unwrap().to_owned());
    let number = ids.find(|id| id.bytes().all(|byte| byte.is_ascii_digit())).unwrap();
    let dashed = of(|word| word.len() == 17 && word.is_ascii());
    let name = of(|word| !word.is_ascii() && word.contains(' ') && !word.contains("  "));
    for word in [&number, &dashed, &name] {
        session.misplace(word).await;
    }
    for words in ask(&saphan, &number, &name) {
        session.answers.extend(words);
    }
    // The person's words are for the agency; the log and the store hear of the reading.
    let read = session.request(Method::GET, "/v1/subjects/corrections").send().await.unwrap();
    assert!(read.text().await.unwrap().contains(&name));
    assert_eq!(session.take(session.request(Method::GET, "/metrics")).await.0, 200);
    let counted = saphan.run(&["count", "--round", ROUND, "--json"]);
    assert!(matches!(counted.code, 0 | 2), "{}", counted.stderr);
    session.answers.extend(counted.stdout.into_bytes());
    session.answers.extend(saphan.run(&["journal", "export"]).stdout.into_bytes());

    // While it runs: what is written and not yet moved to its place is looked at too.
    identities.assert_none_below(folder.path());
    if let Some(rows) = Reader::open(saphan.home()).await.all_rows().await {
        identities.assert_none_in(&rows, "the tables");
    }
    let Session { running, answers, .. } = session;
    identities.assert_none_in(&answers, "the answers");
    let said = running.said();
    assert!(said.len() > 10_000, "there is something to search");
    identities.assert_none_in(&said, "the log");
}
