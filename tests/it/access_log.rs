//! Who looked at whom: every door that opens a person's record writes it down first, and the person is told.

use super::harness::browser::Browser;
use super::harness::cli::Saphan;
use super::harness::people::{Person, browser_of};
use super::harness::{Gateway, ROUND, sample};
use reqwest::Method;
use saphan::app::access::AccessLog;
use saphan::domain::learner_id::LearnerId;
use saphan::domain::principal::{Principal, Scope};
use serde_json::{Value, json};
use std::io::Write;
use std::process::Stdio;

/// Purposes of the looks at one person, newest first.
async fn purposes(gateway: &Gateway, number: &str) -> Vec<String> {
    report(gateway, number).await.looks.into_iter().map(|look| look.purpose).collect()
}

async fn report(gateway: &Gateway, number: &str) -> AccessLog {
    let person = LearnerId::parse(number).unwrap();
    gateway.app.access_log(&Principal::Operator, &person, None, 100).await.unwrap()
}

/// The register and the file of `dole`; answers the submission's id.
async fn sent(gateway: &Gateway) -> String {
    gateway.send_register().await;
    let sent: Value = gateway.send("dole", "dole/enrolments", sample("dole.json")).await.json().await.unwrap();
    sent["id"].as_str().unwrap().to_owned()
}

async fn read(gateway: &Gateway, client: &str, path: &str) -> String {
    let request = gateway.by(client, Method::GET, path).header("x-request-id", "req_the-look");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200, "{path}");
    response.text().await.unwrap()
}

#[tokio::test]
async fn everybody_whose_record_is_read_can_be_told_who_read_it_and_what_for() {
    let gateway = Gateway::start();
    let id = sent(&gateway).await;
    let page = format!("/v1/records/enrolments?round={ROUND}&agency=dole&limit=2");
    let page: Value = serde_json::from_str(&read(&gateway, "dole", &page).await).unwrap();
    let number = |at: usize| page["records"][at]["record"]["learner_id"].as_str().unwrap().to_owned();
    let looks = report(&gateway, &number(0)).await.looks;
    assert_eq!(looks.len(), 1);
    let look = &looks[0];
    assert_eq!((look.purpose.as_str(), look.request.as_deref()), ("own-records", Some("req_the-look")));
    assert!(look.actor.starts_with("cli_") && look.source.contains(ROUND), "{look:?}");
    assert!(look.fields.iter().any(|field| field == "birth_date"));

    let file = read(&gateway, "ministry", &format!("/v1/submissions/{id}/accepted")).await;
    let last: Value = serde_json::from_str(file.lines().last().unwrap()).unwrap();
    let last = last["learner_id"].as_str().unwrap();
    assert_eq!(purposes(&gateway, last).await, ["oversight"], "whoever is opened late in a file is written down too");
    assert_eq!(report(&gateway, last).await.looks[1].source, id);
    assert_eq!(purposes(&gateway, &number(1)).await, ["oversight", "own-records"]);
    assert_eq!(
        purposes(&gateway, &number(1)).await,
        ["subject-request", "oversight", "own-records"],
        "the report before this one was a look too"
    );
    let told = gateway.another_store().await.journal(0, 1_000).await.unwrap();
    let told: Vec<_> = told.iter().filter(|told| told.entry.act == "subject.access-log").collect();
    assert!(told.len() >= 4 && told.iter().all(|told| told.entry.object.starts_with("lok_")));
}

#[tokio::test]
async fn a_count_writes_down_whose_numbers_its_findings_opened_and_nobody_elses() {
    let gateway = Gateway::start();
    sent(&gateway).await;
    for (client, file) in [("obec", "obec.csv"), ("ovec", "ovec.xml"), ("opec", "opec.xlsx")] {
        let mapping = format!("{client}/enrolments");
        assert!(gateway.send(client, &mapping, sample(file)).await.status().is_success());
    }
    let before = gateway.another_store().await.journal_end().await.unwrap();
    let counted = gateway.by("count", Method::POST, &format!("/v1/counts/{ROUND}")).send().await.unwrap();
    assert_eq!(counted.status(), 201);
    let told = gateway.another_store().await.journal(before, 100).await.unwrap();
    let acts: Vec<_> = told.iter().map(|told| told.entry.act.as_str()).collect();
    assert_eq!(acts, ["identities.open", "count.run"]);
    let (mut opened, mut others) = (0_u64, 0_u64);
    for line in String::from_utf8(sample("dole.json.expected.ndjson")).unwrap().lines().take(400) {
        let record: Value = serde_json::from_str(line).unwrap();
        let looks = report(&gateway, record["learner_id"].as_str().unwrap()).await.looks;
        let looks: Vec<_> = looks.iter().filter(|look| look.purpose == "count-evidence").collect();
        match looks[..] {
            [] => others += 1,
            [look] => {
                assert_eq!((&*look.fields, &*look.source), (&["learner_id".to_owned()][..], ROUND));
                opened += 1;
            }
            _ => panic!("{looks:?}"),
        }
    }
    assert!(opened > 0 && others > opened, "{opened} of {}", opened + others);
}

async fn ask(gateway: &Gateway, browser: &Browser, body: &str) -> (u16, String) {
    let request =
        browser.request(gateway, Method::POST, "/v1/subjects/access-log").header("accept", "application/json");
    let request = request.header("x-saphan-form", &browser.token).header("content-type", "application/json");
    let response = request.body(body.to_owned()).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

#[tokio::test]
async fn the_report_is_the_data_protection_officers_and_an_answer_never_repeats_the_number() {
    let gateway = Gateway::start();
    let id = sent(&gateway).await;
    let file = read(&gateway, "dole", &format!("/v1/submissions/{id}/accepted")).await;
    let first: Value = serde_json::from_str(file.lines().next().unwrap()).unwrap();
    let number = first["learner_id"].as_str().unwrap();
    let body = json!({ "learner_id": number }).to_string();
    let officer = Person::new(&gateway, "officer", None, &[Scope::PrivacyOfficer]).await;
    let mut browser = browser_of(&gateway, &officer).await;
    browser.get(&gateway, "/console").await;
    let (status, text) = ask(&gateway, &browser, &body).await;
    assert_eq!(status, 200, "{text}");
    let found: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((&found["looks"][0]["purpose"], &found["looks"][0]["source"]), (&"own-records".into(), &id.into()));
    assert!(found["looks"][0]["purpose_title"]["th"].is_string() && !text.contains(number));
    let (_, again) = ask(&gateway, &browser, &body).await;
    let again: Value = serde_json::from_str(&again).unwrap();
    assert_eq!(again["looks"][0]["who"], officer.id.as_str());
    let one = json!({ "learner_id": number, "limit": 1 }).to_string();
    let page: Value = serde_json::from_str(&ask(&gateway, &browser, &one).await.1).unwrap();
    let next = json!({ "learner_id": number, "limit": 1, "before": page["next"] }).to_string();
    let next: Value = serde_json::from_str(&ask(&gateway, &browser, &next).await.1).unwrap();
    assert_eq!(next["looks"][0]["id"], again["looks"][0]["id"]);

    let wrong = format!("{}{}", &number[..12], (number.as_bytes()[12] - b'0' + 1) % 10);
    for (body, number) in [
        (json!({ "learner_id": wrong }).to_string(), wrong.as_str()),
        (format!("{{\"learner_id\": {number}}}"), number),
        (json!({ number: number }).to_string(), number),
        (format!("{number} is no JSON"), number),
        (json!({ "learner_id": number, "limit": 0 }).to_string(), number),
    ] {
        let (status, text) = ask(&gateway, &browser, &body).await;
        assert_eq!(status, 400, "{text}");
        assert!(!text.contains(number), "{text}");
    }
    let (status, _) = ask(&gateway, &browser, &"x".repeat(5_000)).await;
    assert_eq!(status, 413);
    let client = gateway.by("ministry", Method::POST, "/v1/subjects/access-log").body(body).send().await.unwrap();
    assert_eq!(client.status(), 403);
}

#[tokio::test]
async fn the_command_reads_the_number_from_its_input_and_reports_in_both_languages() {
    let gateway = Gateway::start();
    let id = sent(&gateway).await;
    let file = read(&gateway, "dole", &format!("/v1/submissions/{id}/accepted")).await;
    let first: Value = serde_json::from_str(file.lines().next().unwrap()).unwrap();
    let number = first["learner_id"].as_str().unwrap();
    let saphan = Saphan::over(gateway.home());
    let run = |arguments: &[&str], input: &str| {
        let mut command = saphan.command(arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
        let output = child.wait_with_output().unwrap();
        let text = String::from_utf8([output.stdout, output.stderr].concat()).unwrap();
        assert!(!text.contains(number), "{text}");
        (output.status.code(), text)
    };
    let (code, text) = run(&["subject", "log", "--lang", "en"], &format!("{number}\n"));
    assert_eq!(code, Some(0), "{text}");
    for words in ["An agency checks the records it sent itself", "section 24 (4)", "birth_date", &id, "1 looks"] {
        assert!(text.contains(words), "{words}: {text}");
    }
    let (_, text) = run(&["subject", "log", "--lang", "th"], number);
    for words in ["หน่วยงานตรวจสอบข้อมูลผู้เรียนที่ตนส่ง", "คำขอใช้สิทธิของเจ้าของข้อมูล", "มาตรา 24 (4)", "รวม 2 ครั้ง"]
    {
        assert!(text.contains(words), "{words}: {text}");
    }
    let (_, json) = run(&["subject", "log", "--json"], number);
    assert_eq!(json.lines().count(), 3);
    let (code, _) = run(&["subject", "log"], "not a number\n");
    assert_eq!(code, Some(1));
}
