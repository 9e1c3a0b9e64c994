//! Many small submissions, one after another, as the API takes them: kept, mapped, stored, committed.
//!
//! Owns what a submission costs beside its rows, and so what its entries in the journal cost: run by turns with a build of
//! `--features bench-without-journal`. Making the home and sending the register stand outside the clock.

use super::Done;
use anyhow::{Context, bail};
use saphan::app::App;
use saphan::app::intake::FileTerms;
use saphan::config::Settings;
use saphan::domain::enrolment::SubmissionMode;
use saphan::domain::principal::Principal;
use std::collections::BTreeMap;
use std::path::Path;
use std::time::{Duration, Instant};

const ROWS_IN_FILE: usize = 7;
const FILES: usize = 500;
/// Before the clock starts: the first ones open connections and prepare statements.
const FILES_BEFORE: usize = 20;

pub fn submit(file: &Path, schools: &Path, home: &str) -> anyhow::Result<Done> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(run(file, schools, home))
}

#[expect(clippy::disallowed_methods, reason = "files that the bench made itself")]
async fn run(file: &Path, schools: &Path, home: &str) -> anyhow::Result<Done> {
    let given = BTreeMap::from([("SAPHAN_HOME".to_owned(), home.to_owned())]);
    let app = saphan::startup::open(&Settings::parse(None, &given)?).await?;
    send(&app, "moe/schools", &std::fs::read(schools)?).await?;
    let text = std::fs::read(file).context("the file")?;
    let mut lines = text.split_inclusive(|byte| *byte == b'\n');
    let head = lines.next().context("a head")?;
    let rows: Vec<&[u8]> = lines.collect();
    let files = rows.chunks(ROWS_IN_FILE).take(FILES_BEFORE + FILES).map(|rows| [head, &rows.concat()].concat());
    let mut done = Done { rows: 0, refused: 0, bytes: 0, time: Duration::ZERO };
    for (at, file) in files.enumerate() {
        let begun = Instant::now();
        send(&app, "obec/enrolments", &file).await?;
        if at >= FILES_BEFORE {
            done.time += begun.elapsed();
            (done.rows, done.bytes) = (done.rows + 1, done.bytes + file.len() as u64);
        }
    }
    if done.rows != FILES as u64 {
        bail!("{} files instead of {FILES}: too few rows", done.rows);
    }
    Ok(done)
}

async fn send(app: &App, mapping: &str, bytes: &[u8]) -> anyhow::Result<()> {
    let terms = FileTerms {
        mapping: mapping.to_owned(),
        round: "2026-06-10".parse()?,
        mode: SubmissionMode::Replace,
        idempotency_key: None,
        signature: None,
    };
    let mut intake = app.begin_intake(&Principal::Operator, terms)?;
    intake.write(bytes)?;
    let kept = app.keep(intake).await?;
    let view = app.process(&kept.id, None).await?;
    view.receipt.map(drop).with_context(|| format!("the submission is {}", view.state))
}
