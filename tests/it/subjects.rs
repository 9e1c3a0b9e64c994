//! What persons ask about their own data: recorded, answered with everything held, corrected by the agency, erased where it may be.

use super::harness::browser::Browser;
use super::harness::cli::Saphan;
use super::harness::database::Reader;
use super::harness::people::{Person, browser_of};
use super::harness::{Gateway, ROUND, header, sample};
use jiff::Timestamp;
use reqwest::{Method, Response};
use saphan::app::AppError;
use saphan::app::subjects::{DecisionForm, RequestForm, SubjectError};
use saphan::domain::ids::SubjectRequestId;
use saphan::domain::learner_id::LearnerId;
use saphan::domain::principal::{Principal, Scope};
use saphan::domain::round::Round;
use saphan::domain::subject::{Outcome, Reference, RequestKind, RequestState};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;

const OPERATOR: Principal = Principal::Operator;

/// The register and the file of `dole`, a month after the count day.
async fn sent() -> (Gateway, String) {
    let gateway = Gateway::start();
    set_clock(&gateway, "2026-07-10T03:00:00Z");
    gateway.send_register().await;
    let sent: Value = gateway.send("dole", "dole/enrolments", sample("dole.json")).await.json().await.unwrap();
    let id = sent["id"].as_str().unwrap().to_owned();
    (gateway, id)
}

fn set_clock(gateway: &Gateway, at: &str) {
    let at: Timestamp = at.parse().unwrap();
    gateway.advance(at.as_second() - gateway.now().as_second());
}

/// A record of `dole` whose number stands in its file once.
fn somebody() -> Value {
    let lines = String::from_utf8(sample("dole.json.expected.ndjson")).unwrap();
    let records: Vec<Value> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let is_once = |of: &&Value| records.iter().filter(|one| one["learner_id"] == of["learner_id"]).count() == 1;
    records.iter().find(is_once).unwrap().clone()
}

fn number(of: &Value) -> String {
    of["learner_id"].as_str().unwrap().to_owned()
}

struct Officer {
    browser: Browser,
}

impl Officer {
    async fn new(gateway: &Gateway, name: &str) -> Officer {
        let person = Person::new(gateway, name, None, &[Scope::PrivacyOfficer]).await;
        let mut browser = browser_of(gateway, &person).await;
        browser.get(gateway, "/console").await;
        Officer { browser }
    }

    async fn ask(&self, gateway: &Gateway, method: Method, path: &str, tag: Option<&str>, body: &Value) -> Response {
        let request = self.browser.request(gateway, method.clone(), path).header("accept", "application/json");
        let mut request = request.header("x-saphan-form", &self.browser.token);
        if let Some(tag) = tag {
            request = request.header("if-match", tag);
        }
        let request = if method == Method::POST { request.body(body.to_string()) } else { request };
        request.send().await.unwrap()
    }

    async fn record(&self, gateway: &Gateway, body: &Value) -> (String, String) {
        let response = self.ask(gateway, Method::POST, "/v1/subjects/requests", None, body).await;
        let (status, tag) = (response.status().as_u16(), header(&response, "etag").to_owned());
        let location = header(&response, "location").to_owned();
        let text = response.text().await.unwrap();
        assert_eq!(status, 201, "{text}");
        assert!(!text.contains(body["learner_id"].as_str().unwrap()), "{text}");
        (location, tag)
    }

    async fn decide(&self, gateway: &Gateway, path: &str, tag: Option<&str>, body: Value) -> (u16, Value) {
        let response = self.ask(gateway, Method::POST, &format!("{path}/decision"), tag, &body).await;
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn get(&self, gateway: &Gateway, path: &str) -> Value {
        let response = self.ask(gateway, Method::GET, path, None, &Value::Null).await;
        assert_eq!(response.status(), 200, "{path}");
        response.json().await.unwrap()
    }
}

fn asked(kind: &str, number: &str) -> Value {
    json!({ "kind": kind, "learner_id": number, "reference": "ศธ 04001/12", "received_on": "2026-07-10" })
}

async fn numbers(gateway: &Gateway) -> (i64, i64, i64) {
    let mut reader = Reader::open(gateway.home()).await;
    (
        reader.number("SELECT count(*) FROM enrolment").await,
        reader.number("SELECT count(*) FROM vault_record").await,
        reader.number("SELECT CAST(coalesce(sum(entries), 0) AS BIGINT) FROM roll").await,
    )
}

async fn acts(gateway: &Gateway, object: &str) -> Vec<String> {
    let told = gateway.another_store().await.journal(0, 1_000).await.unwrap();
    told.into_iter().filter(|told| told.entry.object == object).map(|told| told.entry.act).collect()
}

#[tokio::test]
async fn a_request_is_decided_once_by_the_officer_who_saw_it_as_it_is() {
    let (gateway, _) = sent().await;
    let number = number(&somebody());
    let (anna, boon) = (Officer::new(&gateway, "anna").await, Officer::new(&gateway, "boon").await);
    let (path, tag) = anna.record(&gateway, &asked("access", &number)).await;
    let list = anna.get(&gateway, "/v1/subjects/requests?state=open").await;
    let one = &list["requests"][0];
    assert_eq!(
        (&one["due_on"], &one["days_left"], &one["reference"]),
        (&"2026-08-09".into(), &30.into(), &"ศธ 04001/12".into())
    );
    assert_eq!(anna.get(&gateway, "/v1/subjects/requests?due=soon").await["requests"], json!([]));
    let opened = boon.get(&gateway, &path).await;
    assert!(opened["learner_masked"].as_str().unwrap().contains("XX"), "{opened}");
    assert!(![list.to_string(), opened.to_string()].iter().any(|text| text.contains(&number)));

    let (status, _) = anna.decide(&gateway, &path, None, json!({ "outcome": "fulfil" })).await;
    assert_eq!(status, 428);
    let (status, problem) = anna.decide(&gateway, &path, Some(&tag), json!({ "outcome": "refuse" })).await;
    assert_eq!(status, 400);
    assert!(problem["detail"].as_str().unwrap().contains("harms-others"), "{problem}");
    let refusal = json!({ "outcome": "refuse", "ground": "harms-others" });
    let (status, decided) = boon.decide(&gateway, &path, Some(&tag), refusal).await;
    assert_eq!((status, &decided["state"], &decided["ground"]), (200, &"refused".into(), &"harms-others".into()));
    let (status, _) = anna.decide(&gateway, &path, Some(&tag), json!({ "outcome": "fulfil" })).await;
    assert_eq!(status, 412, "anna has not seen what boon decided");
    let (status, _) = anna.decide(&gateway, &path, Some("\"2\""), json!({ "outcome": "fulfil" })).await;
    assert_eq!(status, 409);
    let id = path.rsplit('/').next().unwrap();
    assert_eq!(acts(&gateway, id).await, ["subject.request", "subject.open", "subject.decide"]);
    let person = LearnerId::parse(&number).unwrap();
    let looks = gateway.app.access_log(&OPERATOR, &person, None, 100).await.unwrap().looks;
    assert!(looks.iter().any(|look| look.source == id && look.fields == ["learner_id"]), "{looks:?}");

    for (name, value) in
        [("reference", &*number), ("learner_id", "1999900000014"), ("received_on", "2026-07-11"), ("kind", "x")]
    {
        let mut wrong = asked("access", &number);
        wrong[name] = value.into();
        let response = anna.ask(&gateway, Method::POST, "/v1/subjects/requests", None, &wrong).await;
        assert_eq!(response.status(), 400, "{name}");
        assert!(!response.text().await.unwrap().contains(value) || value == "x", "{name}");
    }
    // The page for the officer, and for nobody else.
    let (_, _) = anna.record(&gateway, &asked("access", &number)).await;
    let mut browser = anna.browser.clone();
    let page = browser.get(&gateway, "/console/requests?lang=th").await;
    for words in ["ขอเข้าถึงข้อมูล", "9 ส.ค. 2569", "ศธ 04001/12"] {
        assert!(page.text.contains(words), "{words}: {}", page.text);
    }
    assert!(!page.text.contains(&number) && !page.text.contains("<script"));
    let auditor = Person::new(&gateway, "auditor", None, &[Scope::Auditor]).await;
    let mut other = browser_of(&gateway, &auditor).await;
    assert_eq!(other.get(&gateway, "/console/requests").await.status, 403);
    assert!(!other.get(&gateway, "/console").await.text.contains("/console/requests"));
    // A month later it is told without anybody's name.
    let (_, _) = anna.record(&gateway, &asked("objection", &number)).await;
    gateway.advance(31 * 86_400);
    let metrics = gateway.get("/metrics").await.text().await.unwrap();
    for line in [r#"saphan_subject_requests{due="any"} 2"#, r#"saphan_subject_requests{due="overdue"} 2"#] {
        assert!(metrics.lines().any(|one| one == line), "{line}: {metrics}");
    }
}

#[tokio::test]
async fn who_asks_for_access_is_given_everything_that_is_held_with_who_looked() {
    let (gateway, submission) = sent().await;
    let record = somebody();
    let number = number(&record);
    let read = gateway.by("ministry", Method::GET, &format!("/v1/submissions/{submission}/accepted")).send().await;
    assert!(read.unwrap().text().await.unwrap().contains(&number));
    let officer = Officer::new(&gateway, "officer").await;
    let (path, _) = officer.record(&gateway, &asked("access", &number)).await;
    let response = officer.ask(&gateway, Method::POST, &format!("{path}/export"), None, &Value::Null).await;
    assert_eq!((response.status().as_u16(), header(&response, "cache-control")), (200, "no-store"));
    let all: Value = response.json().await.unwrap();
    let statement = &all["statements"][0];
    assert_eq!(all["statements"].as_array().unwrap().len(), 1);
    assert_eq!(
        (&statement["submission"], &statement["round"], &statement["mapping"], &statement["in_force"]),
        (&submission.clone().into(), &ROUND.into(), &"dole/enrolments@1".into(), &true.into())
    );
    for (name, value) in record.as_object().unwrap().iter().filter(|(name, _)| *name != "_row") {
        let told = &statement["record"][name];
        let is_same = told == value || told.as_f64().is_some_and(|told| Some(told) == value.as_f64());
        assert!(is_same, "{name}: {told}, not {value}");
        assert!(all["labels"][name]["th"].is_string() && all["labels"][name]["en"].is_string(), "{name}");
    }
    let looks = all["access_log"].as_array().unwrap();
    assert!(looks.iter().any(|look| look["purpose"] == "oversight" && look["source"] == submission.as_str()));
    assert_eq!((&all["access_log_complete"], &all["requests"][0]["kind"]), (&true.into(), &"access".into()));
    assert!(all["purposes"].as_array().unwrap().iter().any(|purpose| purpose["code"] == "oversight"));
    let id = path.rsplit('/').next().unwrap();
    assert_eq!(acts(&gateway, id).await, ["subject.request", "subject.export"]);
    let told = gateway.another_store().await.journal(0, 1_000).await.unwrap();
    let export = told.iter().find(|told| told.entry.act == "subject.export").unwrap();
    assert!(!export.entry.detail.to_string().contains(&number));
    // Somebody of whom nothing is held.
    let (path, _) = officer.record(&gateway, &asked("access", "1999900000013")).await;
    let response = officer.ask(&gateway, Method::POST, &format!("{path}/export"), None, &Value::Null).await;
    assert_eq!(response.json::<Value>().await.unwrap()["statements"], json!([]));
    let (path, _) = officer.record(&gateway, &asked("erasure", &number)).await;
    let response = officer.ask(&gateway, Method::POST, &format!("{path}/export"), None, &Value::Null).await;
    assert_eq!(response.status(), 409);
}

#[tokio::test]
async fn a_correction_is_the_agencys_and_done_when_its_next_file_says_so() {
    let (gateway, submission) = sent().await;
    let record = somebody();
    let number = number(&record);
    let officer = Officer::new(&gateway, "officer").await;
    let mut wanted = asked("correction", &number);
    let refused = officer.ask(&gateway, Method::POST, "/v1/subjects/requests", None, &wanted).await;
    assert_eq!(refused.status(), 400, "whose statement, and what of it?");
    wanted["agency"] = "obec".into();
    wanted["fields"] = json!(["given_name"]);
    wanted["says"] = "ชื่อสะกดผิด".into();
    let refused = officer.ask(&gateway, Method::POST, "/v1/subjects/requests", None, &wanted).await;
    assert_eq!(refused.status(), 409, "obec says nothing of this person");
    wanted["agency"] = "dole".into();
    let (path, _) = officer.record(&gateway, &wanted).await;
    let (second, _) = officer.record(&gateway, &wanted).await;

    let list = async |client: &str| -> Value {
        let response = gateway.by(client, Method::GET, "/v1/subjects/corrections").send().await.unwrap();
        assert_eq!(response.status(), 200);
        response.json().await.unwrap()
    };
    assert_eq!(list("obec").await["corrections"], json!([]));
    let seen = list("dole").await;
    let one = &seen["corrections"][0];
    assert_eq!((&one["says"], &one["fields"]), (&"ชื่อสะกดผิด".into(), &json!(["given_name"])));
    assert_eq!((&one["places"][0]["submission"], &one["places"][0]["row"]), (&submission.into(), &record["_row"]));
    assert!(!seen.to_string().contains(&number) && one["learner_masked"].as_str().unwrap().contains("XX"));
    let answer = |client: &str, path: &str, tag: &str, body: Value| {
        let path = path.replace("/requests/", "/corrections/") + "/answer";
        gateway.by(client, Method::POST, &path).header("if-match", tag).body(body.to_string()).send()
    };
    let stands = json!({ "answer": "stands", "says": "ตรงกับสูติบัตร" });
    assert_eq!(answer("obec", &second, "\"1\"", stands.clone()).await.unwrap().status(), 404);
    assert_eq!(answer("dole", &second, "\"7\"", stands.clone()).await.unwrap().status(), 412);
    assert_eq!(answer("dole", &second, "\"1\"", stands).await.unwrap().status(), 204);
    let opened = officer.get(&gateway, &second).await;
    assert_eq!((&opened["state"], &opened["answer"]["says"]), (&"open".into(), &"ตรงกับสูติบัตร".into()));
    let refusal = json!({ "outcome": "refuse", "ground": "found-correct" });
    assert_eq!(officer.decide(&gateway, &second, Some("\"2\""), refusal).await.0, 200);

    // The same again changes nothing; another name does.
    let again: Value = gateway.send("dole", "dole/enrolments", sample("dole.json")).await.json().await.unwrap();
    assert!(again["receipt"]["duplicate_of"].is_string());
    assert_eq!(gateway.app.settle_corrections().await.unwrap(), 0);
    let text = String::from_utf8(sample("dole.json")).unwrap();
    let name = record["given_name"].as_str().unwrap();
    let at = text.find(&number).unwrap();
    let from = text[at..].find(name).unwrap() + at;
    let other = format!("{}สมหมาย{}", &text[..from], &text[from + name.len()..]);
    let resent = gateway.send("dole", "dole/enrolments", other.into_bytes()).await;
    assert_eq!(resent.status(), 201);
    let settled = officer.get(&gateway, &path).await;
    assert_eq!((&settled["state"], &settled["outcome"]["corrected_by"]), (&"fulfilled".into(), &"submission".into()));
    assert_eq!(list("dole").await["corrections"], json!([]));
    let (third, _) = officer.record(&gateway, &wanted).await;
    let corrected = json!({ "answer": "corrected", "says": "แก้ที่ต้นทางแล้ว" });
    assert_eq!(answer("dole", &third, "\"1\"", corrected.clone()).await.unwrap().status(), 204);
    assert_eq!(answer("dole", &third, "\"2\"", corrected).await.unwrap().status(), 409);
    assert_eq!(officer.get(&gateway, &third).await["outcome"]["corrected_by"], "answer");
}

async fn erasure(gateway: &Gateway, number: &str) -> SubjectRequestId {
    let form = RequestForm {
        kind: RequestKind::Erasure,
        person: LearnerId::parse(number).unwrap(),
        reference: Reference::parse("DPO-1").unwrap(),
        received_on: gateway.app.today(),
        says: None,
        agency: None,
        fields: Vec::new(),
    };
    gateway.app.record_request(&OPERATOR, form).await.unwrap().id
}

async fn erase(gateway: &Gateway, id: &SubjectRequestId) -> Result<Value, SubjectError> {
    let form = DecisionForm { outcome: Outcome::Fulfil, ground: Some("unlawful".into()) };
    match gateway.app.decide_request(&OPERATOR, id, 1, &form).await {
        Ok(view) => {
            assert_eq!(view.state, RequestState::Fulfilled);
            Ok(view.outcome.unwrap())
        }
        Err(AppError::Subject(fault)) => Err(fault),
        Err(error) => panic!("{error:?}"),
    }
}

#[tokio::test]
async fn evidence_of_subsidies_stays_and_everything_else_of_the_person_goes() {
    let (gateway, submission) = sent().await;
    let record = somebody();
    let number = number(&record);
    let id = erasure(&gateway, &number).await;
    let before = numbers(&gateway).await;
    let kept = erase(&gateway, &id).await.unwrap_err();
    assert_eq!(kept, SubjectError::AllKept { until: "2036-06-07".parse().unwrap() }, "the round is open");
    assert_eq!(numbers(&gateway).await, before);

    // The round is closed, and nobody counted it: it is no evidence.
    set_clock(&gateway, "2027-03-01T03:00:00Z");
    let said = erase(&gateway, &id).await.unwrap();
    assert_eq!((&said["erased"][0]["submission"], &said["erased"][0]["rows"]), (&submission.clone().into(), &1.into()));
    assert!(said["files_until"][0]["until"].is_string(), "the received file still holds the person: {said}");
    let after = numbers(&gateway).await;
    assert_eq!(after, (before.0 - 1, before.1 - 1, before.2 - 1));
    let page = format!("/v1/records/enrolments?round={ROUND}&agency=dole&limit=1000");
    let page = gateway.by("dole", Method::GET, &page).send().await.unwrap().text().await.unwrap();
    assert!(!page.contains(&number) && page.contains("learner_id"));
    // The file reads to its end, without the person.
    let path = format!("/v1/submissions/{submission}/accepted");
    let file = gateway.by("dole", Method::GET, &path).send().await.unwrap().text().await.unwrap();
    assert_eq!(file.lines().count() as i64, after.0);
    assert!(!file.contains(&number));
    let counted = gateway.app.count(&OPERATOR, Round::parse(ROUND).unwrap()).await.unwrap();
    let report = counted.report(10).unwrap();
    assert_eq!(report.erased_rows, 1, "the count says what it lacks");
    let last = gateway.app.last_count(&OPERATOR, Round::parse(ROUND).unwrap()).await.unwrap();
    assert_eq!(last.erased_rows, 1);

    // Counted now: of another person it is evidence, until its time is over.
    let lines = String::from_utf8(sample("dole.json.expected.ndjson")).unwrap();
    let other: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    let other = self::number(&other);
    let second = erasure(&gateway, &other).await;
    assert!(matches!(erase(&gateway, &second).await, Err(SubjectError::AllKept { .. })));
    set_clock(&gateway, "2036-07-01T03:00:00Z");
    assert_eq!(erase(&gateway, &second).await.unwrap()["kept"], json!([]));
    let (manifest, seal) = (counted.manifest, counted.seal);
    let verified = gateway.app.verify_count(&OPERATOR, &manifest, Some(&seal)).await.unwrap();
    assert_eq!((verified.signature_valid, verified.erased_rows), (Some(true), 2));
    assert!(!verified.differences.is_empty());
    let verified = gateway.app.verify_journal(&OPERATOR, None).await.unwrap();
    assert!(verified.holds);
    // What was erased stays so when the same file comes again.
    let again: Value = gateway.send("dole", "dole/enrolments", sample("dole.json")).await.json().await.unwrap();
    assert!(again["receipt"]["duplicate_of"].is_string(), "{again}");
    assert_eq!(numbers(&gateway).await.0, after.0 - 1);
}

#[tokio::test]
async fn the_commands_do_the_same_and_never_repeat_the_number() {
    let (gateway, _) = sent().await;
    let number = number(&somebody());
    let saphan = Saphan::over(gateway.home());
    let run = |arguments: &[&str], input: &str| {
        let mut command = saphan.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        (output.status.code(), String::from_utf8([output.stdout, output.stderr].concat()).unwrap())
    };
    // Long ago, so that its day is past whenever this runs.
    let new = ["subject", "request", "--kind", "access", "--reference", "ศธ 1/2", "--received", "2020-01-01", "--json"];
    let (code, text) = run(&new, "");
    assert_eq!((code, text.contains("standard input")), (Some(1), true), "{text}");
    let (code, text) = run(&[&new[..6], &["--json"]].concat(), &number);
    assert_eq!(code, Some(0), "{text}");
    let recorded: Value = serde_json::from_str(&text).unwrap();
    let id = recorded["id"].as_str().unwrap();
    for (arguments, words) in [
        (&["subject", "list", "--lang", "th"][..], "ขอเข้าถึง"),
        (&["subject", "list", "--state", "open", "--json"], id),
        (&["subject", "show", id, "--lang", "en"], "number: "),
    ] {
        let (code, text) = run(arguments, "");
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains(words) && !text.contains(&number), "{arguments:?}: {text}");
    }
    let (code, text) = run(&["subject", "export", id], "");
    let all: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((code, &all["statements"][0]["record"]["learner_id"]), (Some(0), &number.as_str().into()));
    let mut store = Reader::open_to_change(gateway.home()).await;
    store.change("UPDATE subject_request SET due_on = '2020-01-31'").await.unwrap();
    let (code, text) = run(&["doctor", "--lang", "en"], "");
    assert!(text.contains("1 requests of persons are past their day"), "{code:?} {text}");
    let (_, text) = run(&["subject", "list", "--due", "--lang", "en"], "");
    assert!(text.contains("overdue by"), "{text}");
    let (code, text) = run(&["subject", "decide", id, "--outcome", "refuse", "--lang", "en"], "");
    assert!(code == Some(1) && text.contains("law-or-court-order"), "{text}");
    let (code, text) = run(&["subject", "decide", id, "--outcome", "fulfil", "--lang", "th"], "");
    assert!(code == Some(0) && text.contains("ดำเนินการแล้ว"), "{text}");
}
