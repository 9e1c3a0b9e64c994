//! What is erased by rule: everything that is over and nothing else, in every store and place, with a signed report that holds.

use super::harness::cli::Saphan;
use super::harness::database::Reader;
use super::harness::objects::S3;
use super::harness::{Gateway, ROUND, sample};
use jiff::Timestamp;
use reqwest::Method;
use saphan::app::retention::{ClassReport, RetentionReport};
use saphan::app::subjects::{DecisionForm, RequestForm};
use saphan::domain::learner_id::LearnerId;
use saphan::domain::principal::Principal;
use saphan::domain::round::Round;
use saphan::domain::subject::{Outcome, Reference, RequestKind};
use serde_json::Value;
use std::collections::BTreeMap;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

const OPERATOR: Principal = Principal::Operator;

fn set_clock(gateway: &Gateway, at: &str) {
    let at: Timestamp = at.parse().unwrap();
    gateway.advance(at.as_second() - gateway.now().as_second());
}

async fn run(gateway: &Gateway, is_dry: bool) -> RetentionReport {
    gateway.app.run_retention(&OPERATOR, is_dry).await.unwrap().expect("nobody else is at it")
}

fn of<'r>(report: &'r RetentionReport, class: &str) -> &'r ClassReport {
    report.classes.iter().find(|one| one.class == class).unwrap()
}

/// Erased, held and left, by class; what has none is left out.
fn said(report: &RetentionReport) -> BTreeMap<&str, (u64, u64, u64)> {
    let numbers = |one: &ClassReport| (one.erased, one.held, one.left);
    report.classes.iter().map(|one| (&*one.class, numbers(one))).filter(|(_, of)| *of != (0, 0, 0)).collect()
}

async fn submitted(gateway: &Gateway, client: &str, file: &str) -> String {
    let sent: Value = gateway.send(client, &format!("{client}/enrolments"), sample(file)).await.json().await.unwrap();
    sent["id"].as_str().unwrap().to_owned()
}

async fn status(gateway: &Gateway, client: &str, path: &str) -> u16 {
    gateway.by(client, Method::GET, path).send().await.unwrap().status().as_u16()
}

fn request(gateway: &Gateway, number: &str) -> RequestForm {
    RequestForm {
        kind: RequestKind::Access,
        person: LearnerId::parse(number).unwrap(),
        reference: Reference::parse("DPO-1").unwrap(),
        received_on: gateway.app.today(),
        says: None,
        agency: None,
        fields: Vec::new(),
    }
}

async fn number(gateway: &Gateway, sql: &'static str) -> i64 {
    Reader::open(gateway.home()).await.number(sql).await
}

#[tokio::test]
async fn what_is_over_goes_and_what_a_round_or_a_person_needs_stays() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let (dole, ovec) = (submitted(&gateway, "dole", "dole.json").await, submitted(&gateway, "ovec", "ovec.xml").await);
    let accepted = |id: &str| format!("/v1/submissions/{id}/accepted");
    for (client, id) in [("dole", &dole), ("ovec", &ovec)] {
        let read = gateway.by(client, Method::GET, &accepted(id)).send().await.unwrap();
        assert!(read.text().await.unwrap().lines().count() > 300);
    }
    let counted = gateway.app.count(&OPERATOR, Round::parse(ROUND).unwrap()).await.unwrap();
    drop(counted);
    // Nothing is over yet, whatever the day.
    let early = run(&gateway, false).await;
    assert_eq!(said(&early), BTreeMap::new());
    assert_eq!(
        (of(&early, "request-log").erased_by.as_str(), of(&early, "journal").days.as_str()),
        ("operator", "forever")
    );

    set_clock(&gateway, "2040-01-01T00:00:00Z");
    let line = String::from_utf8(sample("dole.json.expected.ndjson")).unwrap();
    let record: Value = serde_json::from_str(line.lines().next().unwrap()).unwrap();
    let form = request(&gateway, record["learner_id"].as_str().unwrap());
    let asked = gateway.app.record_request(&OPERATOR, form).await.unwrap().id;
    let kept = gateway.kept().len();
    let planned = run(&gateway, true).await;
    assert_eq!((planned.dry_run, gateway.kept().len()), (true, kept), "only said");
    let report = run(&gateway, false).await;
    // The register's file and ovec's; dole's is held by the request, and so are the looks that opened the person.
    let numbers = said(&report);
    assert_eq!(
        (numbers["received-files"], numbers["identities"], numbers["findings"]),
        ((2, 1, 0), (1, 1, 0), (1, 1, 0))
    );
    let (gone, held, left) = numbers["access-log"];
    assert!(gone >= 2 && held == 1 && left == 0, "{numbers:?}");
    for class in ["received-files", "identities", "findings", "access-log"] {
        assert_eq!(of(&planned, class).erased, of(&report, class).erased, "{class}");
    }
    assert_eq!(gateway.kept().len(), kept - 2);
    assert!(gateway.home().join("kept").join(&dole).exists() && !gateway.home().join("kept").join(&ovec).exists());
    assert_eq!(status(&gateway, "dole", &accepted(&dole)).await, 200);
    for path in [
        accepted(&ovec),
        format!("/v1/submissions/{ovec}/refused"),
        format!("/v1/submissions/{ovec}/refused?format=json"),
    ] {
        assert_eq!(status(&gateway, "ovec", &path).await, 410, "{path}");
    }
    let receipt = gateway.by("ovec", Method::GET, &format!("/v1/submissions/{ovec}")).send().await.unwrap();
    assert!(receipt.json::<Value>().await.unwrap()["accepted"].as_u64() > Some(300), "the receipt stays");
    let counted = gateway.app.count(&OPERATOR, Round::parse(ROUND).unwrap()).await.unwrap();
    assert!(counted.report(1).unwrap().erased_rows > 300, "and says what it lacks");

    // Answered, so nothing is held any more.
    let form = DecisionForm { outcome: Outcome::Fulfil, ground: None };
    gateway.app.decide_request(&OPERATOR, &asked, 1, &form).await.unwrap();
    let rest = run(&gateway, false).await;
    assert!(rest.is_done());
    assert_eq!((said(&rest)["received-files"], said(&rest)["identities"]), ((1, 0, 0), (1, 0, 0)));
    for sql in [
        "SELECT count(*) FROM enrolment",
        "SELECT count(*) FROM vault_record",
        "SELECT count(*) FROM roll",
        "SELECT count(*) FROM holding",
        "SELECT count(*) FROM refused_row",
    ] {
        assert_eq!(number(&gateway, sql).await, 0, "{sql}");
    }
    assert_eq!(gateway.kept().len(), 0);
    let round = format!("/v1/counts/{ROUND}");
    let counted = gateway.by("count", Method::POST, &round).send().await.unwrap();
    assert_eq!(counted.status(), 410);
    assert_eq!(status(&gateway, "count", &round).await, 200, "the last count is still told");
    // Two years later nobody knows who asked.
    set_clock(&gateway, "2042-01-02T00:00:00Z");
    assert_eq!(said(&run(&gateway, false).await)["subject-requests"], (1, 0, 0));
    let left = "SELECT count(*) FROM subject_request WHERE sealed IS NOT NULL OR learner IS NOT NULL";
    assert_eq!(number(&gateway, left).await, 0);
    assert_eq!(number(&gateway, "SELECT count(*) FROM subject_request WHERE state = 'fulfilled'").await, 1);
    assert!(gateway.app.verify_journal(&OPERATOR, None).await.unwrap().holds);
}

#[tokio::test]
async fn the_report_is_signed_and_one_that_was_changed_is_not() {
    let gateway = Gateway::start();
    assert!(gateway.app.run_retention_if_due().await.unwrap().is_some());
    assert!(gateway.app.run_retention_if_due().await.unwrap().is_none(), "once a day");
    gateway.advance(86_401);
    let report = gateway.app.run_retention_if_due().await.unwrap().unwrap();
    let (kept, next) = gateway.app.retention_reports(&OPERATOR, None, 1).await.unwrap();
    assert!(kept[0].is_signed && kept[0].report == report && next.is_some());
    let told = gateway.another_store().await.journal(0, 100).await.unwrap();
    let last = &told.last().unwrap().entry;
    assert_eq!((last.act.as_str(), last.object.as_str()), ("retention.run", report.id.as_str()));
    // Its words changed, and the signature left as it was.
    let (head, rest) = kept[0].jws.split_once('.').unwrap();
    let (payload, signature) = rest.split_once('.').unwrap();
    let text = data_encoding::BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap();
    let text = String::from_utf8(text).unwrap().replacen("\"erased\":0", "\"erased\":9", 1);
    let forged = format!("{head}.{}.{signature}", data_encoding::BASE64URL_NOPAD.encode(text.as_bytes()));
    let mut store = Reader::open_to_change(gateway.home()).await;
    store.change(&format!("UPDATE retention_report SET jws = '{forged}' WHERE id = '{}'", report.id)).await.unwrap();
    let (kept, _) = gateway.app.retention_reports(&OPERATOR, None, 1).await.unwrap();
    assert!(!kept[0].is_signed);
    let saphan = Saphan::over(gateway.home());
    let ran = saphan.run(&["retention", "report", "--lang", "th"]);
    assert!(ran.code == 2 && ran.stdout.contains("✗ ลายมือชื่อ"), "{}", ran.stdout);
    let ran = saphan.run(&["retention", "run", "--lang", "en"]);
    assert!(ran.code == 0 && ran.stdout.contains("nothing older is left"), "{}{}", ran.stdout, ran.stderr);
    assert_eq!(saphan.run(&["retention", "report", "--json"]).code, 0);
    let policy: Value = gateway.get("/v1/retention").await.json().await.unwrap();
    assert_eq!(policy["classes"].as_array().unwrap().len(), 10);
}

#[tokio::test]
async fn files_are_erased_in_an_object_store_too() {
    let s3 = S3::start();
    let mut settings = s3.variables();
    settings.push(("SAPHAN_OBJECTS_URL", "s3://saphan-test/gateway/one".to_owned()));
    let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let gateway = Gateway::start_with(&settings);
    gateway.send_register().await;
    let dole = submitted(&gateway, "dole", "dole.json").await;
    let object = s3.file(&format!("gateway/one/kept/{dole}"));
    assert!(object.exists());
    set_clock(&gateway, "2040-01-01T00:00:00Z");
    let report = run(&gateway, false).await;
    assert_eq!(said(&report)["received-files"], (2, 0, 0));
    assert!(!object.exists());
    assert_eq!(s3.objects("gateway/one").list("kept", 10).await.unwrap(), []);
}

#[tokio::test]
async fn a_run_that_was_killed_in_the_middle_is_finished_by_the_next() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let lines: Vec<Vec<u8>> = sample("obec.csv").split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();
    for number in 0..12 {
        let sent = gateway.send("obec", "obec/enrolments", lines[..400 - number].concat()).await;
        assert_eq!(sent.status(), 201);
    }
    // As if all of it had come long ago.
    let mut store = Reader::open_to_change(gateway.home()).await;
    let long_ago = "UPDATE submission SET round = '2010-06-10', received_at = '2010-06-10T00:00:00Z', \
        finished_at = '2010-06-10T00:00:00Z'; UPDATE holding SET round = '2010-06-10'";
    store.change(long_ago).await.unwrap();
    drop(store);
    let saphan = Saphan::over(gateway.home());
    let before = gateway.kept().len();
    assert_eq!(before, 13);
    let mut child = saphan.command(&["retention", "run"]).stdout(Stdio::null()).stderr(Stdio::null()).spawn().unwrap();
    let begun = Instant::now();
    while gateway.kept().len() == before && child.try_wait().unwrap().is_none() {
        assert!(begun.elapsed() < Duration::from_secs(60));
        tokio::time::sleep(Duration::from_millis(1)).await;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    // Nothing of a submission that is half gone is in force.
    let half = "SELECT count(*) FROM holding h WHERE h.in_force = 1 AND NOT EXISTS \
        (SELECT 1 FROM enrolment e WHERE e.holding = h.id)";
    assert_eq!(number(&gateway, half).await, 0);
    let ran = saphan.run(&["retention", "run", "--json"]);
    assert_eq!(ran.code, 0, "{}{}", ran.stdout, ran.stderr);
    let report: Value = serde_json::from_str(&ran.stdout).unwrap();
    assert!(report["classes"].as_array().unwrap().iter().all(|class| class["left"] == 0), "{report}");
    assert_eq!(gateway.kept().len(), 0);
    for sql in ["SELECT count(*) FROM enrolment", "SELECT count(*) FROM vault_record", "SELECT count(*) FROM roll"] {
        assert_eq!(number(&gateway, sql).await, 0, "{sql}");
    }
    let told = "SELECT count(*) FROM erasure WHERE class = 'received-files'";
    assert_eq!(number(&gateway, told).await, 13, "each is said, once");
    let ran = saphan.run(&["journal", "verify"]);
    assert_eq!(ran.code, 0, "{}", ran.stdout);
}

#[test]
fn a_faulty_list_is_refused_with_its_file_line_and_column() {
    let folder = tempfile::tempdir().unwrap();
    let schemas = folder.path().join("schemas");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
    assert!(Command::new("cp").arg("-r").arg(own).arg(&schemas).status().unwrap().success());
    let saphan = Saphan::new(folder.path());
    let check = || saphan.run(&["check", "--schemas", schemas.to_str().unwrap()]);
    assert_eq!(check().code, 0);
    let spoil = |file: &str, from: &str, to: &str, fault: &str| {
        let path = schemas.join(file);
        let text = std::fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{from}");
        std::fs::write(&path, text.replacen(from, to, 1)).unwrap();
        let ran = check();
        assert!(ran.code == 1 && ran.stdout.contains(fault), "{}", ran.stdout);
        std::fs::write(path, text).unwrap();
    };
    spoil(
        "retention.yaml",
        "days: 90\n",
        "days: 30\n",
        "schemas/retention.yaml:58:11: days: request-log is kept from 90",
    );
    spoil(
        "subject_grounds.yaml",
        "kinds: [access]",
        "kinds: [acces]",
        "schemas/subject_grounds.yaml:6:11: kinds: access",
    );
}
