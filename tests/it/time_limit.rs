//! A file whose work takes longer than it may is refused as a whole, with nothing of it left in the store.

use super::harness::cli::Saphan;
use super::harness::database::Reader;
use super::harness::{Gateway, ROUND, sample};
use saphan::app::intake::FileTerms;
use saphan::app::submissions::{SubmissionView, Watcher};
use saphan::app::{App, Pace};
use saphan::domain::enrolment::SubmissionMode;
use saphan::domain::principal::Principal;
use saphan::domain::round::Round;
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

async fn submit(app: &App, mapping: &str, file: &str, watcher: Option<Watcher>) -> SubmissionView {
    let terms = FileTerms {
        mapping: mapping.to_owned(),
        round: ROUND.parse::<Round>().unwrap(),
        mode: SubmissionMode::Replace,
        idempotency_key: None,
        signature: None,
    };
    let mut intake = app.begin_intake(&Principal::Operator, terms).unwrap();
    intake.write(&sample(file)).unwrap();
    let kept = app.keep(intake).await.unwrap();
    app.process(&kept.id, watcher).await.unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_whose_time_is_up_is_refused_and_leaves_nothing_behind() {
    let gateway = Gateway::start_overloaded();
    let app = &gateway.app;
    let hurried = |seconds| (**app).clone().with_pace(Pace { work_seconds_max: seconds, ..app.pace() });
    let refused = |view: SubmissionView, seconds: u64| {
        assert_eq!(view.state, "refused");
        let refusal = view.refusal.unwrap();
        assert_eq!(refusal.rule, "SPH-LIM-009");
        assert_eq!(refusal.detail, format!("longer than {seconds} seconds"));
        assert!(refusal.message.th.contains(&format!("นานเกิน {seconds} วินาที")), "{}", refusal.message.th);
        assert!(refusal.hint.en.contains("SAPHAN_WORK_SECONDS_MAX"), "{}", refusal.hint.en);
    };

    refused(submit(&hurried(0), "moe/schools", "schools.csv", None).await, 0);
    assert_eq!(Reader::open(gateway.home()).await.number("SELECT count(*) FROM school").await, 0);
    assert_eq!(submit(app, "moe/schools", "schools.csv", None).await.state, "committed");

    // Whoever looks on holds the first block longer than the whole file may take; the second comes too late.
    let slow: Watcher = Arc::new(|_, _| std::thread::sleep(Duration::from_millis(1_100)));
    refused(submit(&hurried(1), "obec/enrolments", "obec.csv", Some(slow)).await, 1);
    let mut reader = Reader::open(gateway.home()).await;
    assert_eq!(reader.number("SELECT count(*) FROM enrolment").await, 0);
    assert_eq!(reader.number("SELECT count(*) FROM vault_record").await, 0);
    assert_eq!(reader.number("SELECT count(*) FROM refused_row").await, 0);

    // It is kept and at its end; the same file is taken when there is time.
    let again = submit(app, "obec/enrolments", "obec.csv", None).await;
    assert_eq!((again.state.as_str(), again.receipt.unwrap().duplicate_of), ("committed", None));
}

#[test]
fn map_ends_a_file_whose_time_is_up_and_leaves_no_record() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name).to_str().unwrap().to_owned();
    let (accepted, report) = (path("accepted"), path("report"));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agencies/2026-06-10/dole.json");
    let run = Saphan::new(folder.path()).run(&[
        "map",
        "--lang",
        "th",
        "--mapping",
        "dole/enrolments",
        "--round",
        ROUND,
        "--seconds-max",
        "0",
        "--accepted",
        &accepted,
        "--report",
        &report,
        file.to_str().unwrap(),
    ]);
    assert_eq!(run.code, 1);
    assert!(run.stderr.contains("SPH-LIM-009") && run.stderr.contains("นานเกิน 0 วินาที"), "{}", run.stderr);
    assert_eq!(std::fs::read(&accepted).unwrap(), b"");
    let report: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
    assert_eq!(report["refusal"]["rule"], "SPH-LIM-009");
}
