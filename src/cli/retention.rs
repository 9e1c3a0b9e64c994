//! `saphan retention`: erases what is over by rule, and shows the signed report of it.

use super::EXIT_REFUSED;
use super::terminal::{Tone, fit, paint, say, thousands};
use crate::app::App;
use crate::app::retention::{KeptReport, RetentionReport};
use crate::domain::principal::Principal;
use crate::domain::text::{Bilingual, Lang};
use anyhow::bail;
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  saphan retention run --dry-run\n  saphan retention report")]
pub struct Arguments {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Erases what is over (schemas/retention.yaml) and signs a report; the gateway does it once a day
    #[command(
        after_help = "Examples:\n  saphan retention run --dry-run\n  saphan retention run --json\n\nExit codes: 0 nothing older is left, 2 something is, 1 could not run (also: another process is at it)."
    )]
    Run {
        /// Only say what would go
        #[arg(long)]
        dry_run: bool,
        #[arg(long, help = "As JSON")]
        json: bool,
    },
    /// The newest report, and whether this gateway signed it
    #[command(
        after_help = "Examples:\n  saphan retention report\n  saphan retention report --json\n\nExit codes: 0 signed by this gateway, 2 it is not, 1 could not run (also: there is no report)."
    )]
    Report {
        #[arg(long, help = "As JSON, with the signed text (JWS)")]
        json: bool,
    },
}

pub fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = crate::startup::open(&super::settings()?).await?;
        match arguments.act {
            Act::Run { dry_run, json } => erase(&app, dry_run, json, lang).await,
            Act::Report { json } => report(&app, json, lang).await,
        }
    })
}

async fn erase(app: &App, is_dry: bool, json: bool, lang: Lang) -> anyhow::Result<ExitCode> {
    let Some(report) = app.run_retention(&Principal::Operator, is_dry).await? else {
        let told = Bilingual::new(
            "อีกโปรเซสกำลังลบข้อมูลตามกำหนดอยู่ รอให้เสร็จแล้วสั่งใหม่",
            "another process is erasing now; wait for it, and run this again",
        );
        bail!("{}", told.get(lang));
    };
    if json {
        say!("{}", serde_json::to_string(&report)?);
    } else {
        show(app, &report, lang)?;
    }
    Ok(if report.is_done() { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) })
}

async fn report(app: &App, json: bool, lang: Lang) -> anyhow::Result<ExitCode> {
    let (found, _) = app.retention_reports(&Principal::Operator, None, 1).await?;
    let Some(KeptReport { report, jws, is_signed, .. }) = found.into_iter().next() else {
        let told = Bilingual::new(
            "ยังไม่มีรายงาน สั่ง saphan retention run หรือรอระบบทำเองวันละครั้ง",
            "there is no report yet: run `saphan retention run`, or wait for the gateway, which does it once a day",
        );
        bail!("{}", told.get(lang));
    };
    if json {
        say!("{}", serde_json::json!({ "report": report, "signed": is_signed, "jws": jws }));
    } else {
        show(app, &report, lang)?;
        let told = match is_signed {
            true => Bilingual::new("✓ ลายมือชื่อเป็นของระบบนี้", "✓ the signature is this gateway's"),
            false => Bilingual::new("✗ ลายมือชื่อไม่ใช่ของระบบนี้", "✗ the signature is not this gateway's"),
        };
        say!("{}", told.get(lang));
    }
    Ok(if is_signed { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) })
}

/// Where no day is counted from: how long, or by what.
fn period(days: &str, thai: bool) -> String {
    match (days, thai) {
        ("purpose", true) => String::from("ตามวัตถุประสงค์"),
        ("purpose", false) => String::from("by purpose"),
        ("forever", true) => String::from("ตลอดไป"),
        ("forever", false) => String::from("forever"),
        (days, true) => format!("{days} วัน"),
        (days, false) => format!("{days} days"),
    }
}

fn show(app: &App, report: &RetentionReport, lang: Lang) -> anyhow::Result<()> {
    let thai = lang == Lang::Th;
    let title = match (report.dry_run, thai) {
        (true, true) => "จะลบตามกำหนดเก็บรักษา",
        (true, false) => "would be erased by retention",
        (false, true) => "ลบตามกำหนดเก็บรักษาแล้ว",
        (false, false) => "erased by retention",
    };
    say!("{title} · {} · {}", report.today, report.id);
    let head = if thai {
        ["ก่อนวันที่", "ลบ", "พักไว้", "ค้าง"]
    } else {
        ["before", "erased", "held", "left"]
    };
    say!("  {}  {}  {:>9}  {:>6}  {:>6}", fit("", 34), fit(head[0], 10), head[1], head[2], head[3]);
    for one in &report.classes {
        let policy = app.retention_policy().classes.iter().find(|of| of.class.as_str() == one.class);
        let name = policy.map_or(one.class.as_str(), |policy| policy.title.get(lang));
        let before = one.before.clone().unwrap_or_else(|| period(&one.days, thai));
        let left = thousands(one.left);
        let left = if one.left > 0 { paint(Tone::Bad, &left) } else { left };
        let (erased, held) = (thousands(one.erased), thousands(one.held));
        say!("  {}  {}  {erased:>9}  {held:>6}  {left:>6}", fit(name, 34), fit(&before, 10));
    }
    let told = match report.is_done() {
        true => Bilingual::new("✓ ไม่มีสิ่งที่พ้นกำหนดเหลืออยู่", "✓ nothing older is left"),
        false => Bilingual::new(
            "✗ ยังมีสิ่งที่พ้นกำหนดเหลืออยู่ สั่ง saphan retention run อีกครั้ง",
            "✗ something older is left: run it again",
        ),
    };
    if !report.dry_run {
        say!("{}", told.get(lang));
    }
    Ok(())
}
