//! `saphan agreement`: what was agreed on with agencies, and its end.
//!
//! Asking and agreeing are acts of persons in their own sessions (the console, `/v1/agreements`, `/v1/approvals`); the command line
//! does neither. Taking away needs no second person.

use super::fault::Fault;
use super::service_report;
use super::terminal::{self, say};
use crate::app::App;
use crate::app::agreements::{AgreementView, Sought};
use crate::domain::agency::AgencyCode;
use crate::domain::agreement::Stage;
use crate::domain::ids::AgreementId;
use crate::domain::principal::Principal;
use crate::domain::service::Month;
use crate::domain::text::{Bilingual, Lang};
use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  saphan agreement list --ends-within 60\n  saphan agreement show agr_0190…\n  saphan agreement terminate agr_0190… --reason 'the data went elsewhere'"
)]
pub struct Arguments {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Lists the agreements, newest first
    #[command(
        after_help = "Examples:\n  saphan agreement list\n  saphan agreement list --state in-force --json\n  saphan agreement list --ends-within 30\n\nExit codes: 0 listed, 1 could not run."
    )]
    List {
        /// draft, proposed, rejected, approved, in-force, ended or terminated
        #[arg(long)]
        state: Option<String>,
        /// Those in force with so many days left at most, the first to end first
        #[arg(long, value_name = "DAYS")]
        ends_within: Option<u16>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Shows one
    #[command(after_help = "Examples:\n  saphan agreement show agr_0190…\n  saphan agreement show agr_0190… --json")]
    Show {
        /// As `saphan agreement list` shows it
        id: String,
        #[arg(long)]
        json: bool,
    },
    /// Service levels of a month, held against what was promised
    #[command(
        after_help = "Examples:\n  saphan agreement report --month 2026-11\n  saphan agreement report --month 2026-11 --agency obec --json\n\nA month is closed an hour after its end by the gateways; until then its report changes.\n\nExit codes: 0 every promise is kept, 2 one is not, 1 could not run."
    )]
    Report {
        /// Year and month of the common era
        #[arg(long, value_name = "YYYY-MM")]
        month: String,
        /// Of this agency alone (obec, opec, dole, ovec or two digits)
        #[arg(long)]
        agency: Option<String>,
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Ends one at once, at every gateway and for tokens that were given before
    #[command(
        after_help = "Example:\n  saphan agreement terminate agr_0190… --reason 'the data went elsewhere'\n\nExit codes: 0 it is over, 1 could not run."
    )]
    Terminate {
        /// As `saphan agreement list` shows it
        id: String,
        /// Why, for the journal; no names
        #[arg(long)]
        reason: String,
        #[arg(long)]
        json: bool,
    },
}

pub fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = crate::startup::open(&super::settings()?).await?;
        act(&app, &arguments.act, lang).await
    })
}

async fn act(app: &App, act: &Act, lang: Lang) -> anyhow::Result<ExitCode> {
    let operator = Principal::Operator;
    match act {
        Act::List { state, ends_within, json } => {
            let stage = state.as_deref().map(parse_state).transpose()?;
            let sought = Sought { stage, ends_within: ends_within.map(i64::from) };
            for view in app.agreements(&operator, sought).await? {
                if *json { say!("{}", as_json(&view)) } else { line(&view, lang)? }
            }
        }
        Act::Show { id, json } => {
            let view = app.agreement(&operator, &agreement(id)?).await?;
            if *json { say!("{}", as_json(&view)) } else { in_full(&view, lang)? }
        }
        Act::Report { month, agency, json } => {
            let month = Month::parse(month).context(Fault::new(
                format!("{month} ไม่ใช่เดือน ใช้ปี ค.ศ. และเดือน เช่น 2026-11"),
                format!("{month} is no month; write year and month such as 2026-11"),
            ))?;
            let agency = agency.as_deref().map(AgencyCode::parse).transpose()?;
            return service_report::run(app, month, agency, lang, *json).await;
        }
        Act::Terminate { id, reason, json } => {
            let view = app.terminate_agreement(&operator, &agreement(id)?, reason).await?;
            if *json {
                say!("{}", as_json(&view));
            } else {
                let told = Bilingual::new("สิ้นสุดแล้วที่ทุกเกตเวย์", "is over, at every gateway");
                eprintln!("✓ {id} {}", told.get(lang));
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// The members are named as in the API.
fn as_json(view: &AgreementView) -> serde_json::Value {
    let terms = &view.stored.terms;
    let (agreed, awaited) = sides(view);
    serde_json::json!({
        "id": view.stored.id, "state": view.stage.as_str(), "version": view.stored.version,
        "agency": terms.agency().slug(), "purposes": terms.purposes(), "submits": terms.submits(),
        "fields": terms.fields(), "clients": terms.clients(), "from": terms.from().to_string(),
        "until": terms.until().to_string(), "days_left": view.days_left, "contact": terms.contact(),
        "service": terms.service(), "renews": view.stored.renews,
        "proposal": view.approval.as_ref().map(|act| serde_json::json!({
            "id": act.approval.new.id, "state": act.approval.state.as_str(), "agreed": agreed, "awaited": awaited,
        })),
    })
}

/// Rights of those who agreed, and those whose consent is awaited.
fn sides(view: &AgreementView) -> (Vec<&'static str>, Vec<&'static str>) {
    let agreed = view.approval.iter().flat_map(|act| act.consents.iter().map(|consent| consent.right.as_str()));
    let awaited = view.approval.iter().flat_map(|act| act.awaited.iter().map(|right| right.as_str()));
    (agreed.collect(), awaited.collect())
}

fn line(view: &AgreementView, lang: Lang) -> anyhow::Result<()> {
    let (terms, said) = (&view.stored.terms, view.stage.said());
    let left = match view.stage {
        Stage::InForce => {
            Bilingual::new(format!("เหลือ {} วัน", view.days_left), format!("{} days left", view.days_left))
        }
        _ => Bilingual::default(),
    };
    say!(
        "{}  {}  {}  {} – {}  {}",
        view.stored.id,
        terminal::fit(terms.agency().slug(), 6),
        terminal::fit(said.get(lang), 20),
        terms.from(),
        terms.until(),
        left.get(lang)
    );
    Ok(())
}

fn in_full(view: &AgreementView, lang: Lang) -> anyhow::Result<()> {
    line(view, lang)?;
    let terms = &view.stored.terms;
    let words = match lang {
        Lang::Th => ["วัตถุประสงค์", "ส่งด้วยผัง", "อ่าน", "ระบบลูกข่าย", "ผู้ติดต่อ", "อนุมัติแล้วโดย", "รอการอนุมัติของ"],
        Lang::En => ["purposes", "sends with", "reads", "clients", "contact", "agreed to by", "awaits"],
    };
    say!("  {}: {}", words[0], terms.purposes().join(", "));
    if !terms.submits().is_empty() {
        say!("  {}: {}", words[1], terms.submits().join(", "));
    }
    for (standard, fields) in terms.fields() {
        say!("  {} {standard}: {}", words[2], fields.join(", "));
    }
    let clients: Vec<String> = terms.clients().iter().map(ToString::to_string).collect();
    say!("  {}: {}", words[3], clients.join(", "));
    say!("  {}: {}", words[4], terms.contact());
    let (agreed, awaited) = sides(view);
    for (word, rights) in [(words[5], agreed), (words[6], awaited)] {
        if !rights.is_empty() {
            say!("  {word}: {}", rights.join(", "));
        }
    }
    Ok(())
}

fn agreement(text: &str) -> anyhow::Result<AgreementId> {
    AgreementId::parse(text).context(Fault::new(
        format!("{text} ไม่ใช่รหัสข้อตกลง ดูรหัสด้วย saphan agreement list"),
        format!("{text} is no agreement's id; `saphan agreement list` shows them"),
    ))
}

fn parse_state(text: &str) -> anyhow::Result<Stage> {
    Stage::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Stage::ALL.iter().map(|stage| stage.as_str()).collect();
        let known = known.join(", ");
        anyhow!(Fault::new(
            format!("ไม่มีสถานะ {text} ที่มีคือ {known}"),
            format!("there is no state {text}; there are: {known}"),
        ))
    })
}
