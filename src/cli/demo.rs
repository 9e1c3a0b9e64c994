//! `saphan demo`: the main job on the samples, from nothing: four agencies in, one honest count out.
//!
//! Uses the very use cases of the other commands, on a store in a temporary folder that goes away at the end.

mod secured;

use super::terminal::say;
use super::{publish, submit, summary};
use crate::app::App;
use crate::app::intake::FileTerms;
use crate::config::{Database, Place, Settings};
use crate::domain::enrolment::SubmissionMode;
use crate::domain::principal::{Principal, Scope};
use crate::domain::round::Round;
use crate::domain::text::Lang;
use anyhow::{Context, anyhow};
use clap::Args;
use std::net::{Ipv4Addr, TcpListener};
use std::path::Path;
use std::process::ExitCode;

/// The samples' round.
const ROUND: &str = "2026-06-10";

/// Mapping, file name, bytes: as the agencies really send them, with generated identities.
const SAMPLES: [(&str, &str, &[u8]); 5] = [
    ("moe/schools", "schools.csv", include_bytes!("../../tests/fixtures/agencies/2026-06-10/schools.csv")),
    ("obec/enrolments", "obec.csv", include_bytes!("../../tests/fixtures/agencies/2026-06-10/obec.csv")),
    ("ovec/enrolments", "ovec.xml", include_bytes!("../../tests/fixtures/agencies/2026-06-10/ovec.xml")),
    ("dole/enrolments", "dole.json", include_bytes!("../../tests/fixtures/agencies/2026-06-10/dole.json")),
    ("opec/enrolments", "opec.xlsx", include_bytes!("../../tests/fixtures/agencies/2026-06-10/opec.xlsx")),
];

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  saphan demo\n  saphan demo --once --lang th\n  saphan demo --tls")]
pub struct Arguments {
    /// End after the report instead of serving
    #[arg(long)]
    once: bool,
    /// Over mutual TLS, with certificates made for it; shows what is refused
    #[arg(long)]
    tls: bool,
}

pub fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let folder = tempfile::tempdir().context("no room for a temporary folder")?;
    let mut settings = super::settings()?;
    settings.home = folder.path().join("var");
    settings.database = Database::Sqlite(settings.home.join("saphan.db"));
    settings.objects = Place::Folder(settings.home.clone());
    settings.pickups.clear();
    settings.tls = None;
    crate::telemetry::init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    if arguments.tls {
        return runtime.block_on(secured::run(settings, folder.path(), arguments.once, lang));
    }
    runtime.block_on(async {
        let app = crate::startup::open(&settings).await?;
        report(&app, folder.path(), lang).await?;
        if arguments.once {
            return Ok(ExitCode::SUCCESS);
        }
        keep_serving(app, &settings).await?;
        Ok(ExitCode::SUCCESS)
    })
}

async fn report(app: &App, folder: &Path, lang: Lang) -> anyhow::Result<()> {
    let round = Round::parse(ROUND)?;
    for (mapping, name, bytes) in SAMPLES {
        let path = folder.join(name);
        std::fs::write(&path, bytes).context("no room for the samples")?;
        let terms = FileTerms {
            mapping: mapping.to_owned(),
            round,
            mode: SubmissionMode::Replace,
            idempotency_key: None,
            signature: None,
        };
        let (view, rate) = submit::submit_file(app, &path, terms).await?;
        let receipt = view.receipt.ok_or_else(|| anyhow!("{name} was not taken"))?;
        say!("{}", summary::receipt(name, &receipt, Some(rate), None, lang));
    }
    counted(app, round, lang).await
}

/// The count of what was sent, and the open data of it.
async fn counted(app: &App, round: Round, lang: Lang) -> anyhow::Result<()> {
    let counted = app.count(&Principal::Operator, round).await?;
    say!("{}", super::count::report(app, &counted.report(super::count::CASES_SHOWN)?, lang));
    let published = app.publish(&Principal::Operator, None).await?;
    say!("{}\n{}", if lang == Lang::Th { "ข้อมูลเปิด" } else { "open data" }, publish::text(&published));
    Ok(())
}

async fn keep_serving(app: App, settings: &Settings) -> anyhow::Result<()> {
    let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).context("no free port")?;
    let address = format!("http://{}", listener.local_addr()?);
    let issued = app
        .add_client(
            &Principal::Operator,
            "demo",
            None,
            vec![Scope::MinistryRead, Scope::CountRun, Scope::OpendataPublish],
        )
        .await?;
    say!("Saphan serves until you stop it (Ctrl-C):");
    say!("  start page   {address}/");
    say!("  API          {address}/docs");
    say!("  open data    {address}/data/count-summary");
    say!("               {address}/data/learners-by-area");
    say!("  standards    {address}/standards/enrolment/1");
    say!("\nThe ministry's token for this demo (read everything, run counts):\n  {}", issued.token);
    say!("  curl -H 'Authorization: Bearer {}' {address}/v1/counts/{ROUND}", issued.token);
    crate::startup::serve(app, settings, listener, std::time::Duration::ZERO).await
}
