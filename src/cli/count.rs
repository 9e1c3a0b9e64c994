//! `saphan count`: the count-day audit, and the proof that it can be repeated.

use super::terminal::{Tone, fit, paint, thousands};
use super::terminal::{say, say_text};
use super::{EXIT_REFUSED, summary};
use crate::app::App;
use crate::app::counting::{Counted, ManifestSeal};
use crate::count::{CountReport, manifest};
use crate::domain::principal::Principal;
use crate::domain::round::Round;
use crate::domain::rule::RuleCode;
use crate::domain::text::Lang;
use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use std::fmt::Write;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Cases a terminal shows.
const CASES_SHOWN: usize = 8;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Examples:\n  saphan count --round 2026-06-10\n  saphan count --round 2569/1 --json --manifest count.json\n  saphan count verify count.json\n\nExit codes: 0 counted (or the same again), 2 the repeated count differs, 1 could not run (also: nothing is in force for the round)."
)]
pub struct Arguments {
    #[command(subcommand)]
    act: Option<Act>,
    /// Round: a count day (2026-06-10) or academic year and term (2569/1)
    #[arg(long, required = true)]
    round: Option<Round>,
    /// The whole report as JSON on standard output
    #[arg(long)]
    json: bool,
    /// Where the reproducible manifest goes; its signature goes beside it, as FILE.sig
    #[arg(long, value_name = "FILE")]
    manifest: Option<PathBuf>,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Counts again and compares with a manifest
    Verify {
        #[arg(value_name = "FILE")]
        manifest: PathBuf,
        #[arg(long)]
        json: bool,
    },
}

pub fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = crate::startup::open(&super::settings()?).await?;
        match &arguments.act {
            Some(Act::Verify { manifest, json }) => verify(&app, manifest, *json).await,
            None => {
                let round = arguments.round.ok_or_else(|| anyhow!("say --round"))?;
                let counted = app.count(&Principal::Operator, round).await.map_err(|error| super::said(error, lang))?;
                if let Some(path) = &arguments.manifest {
                    write_manifest(path, &counted)?;
                }
                if arguments.json {
                    say!("{}", serde_json::to_string(&counted.report)?);
                } else {
                    say_text!("{}", report(&app, &counted.report, lang));
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

fn seal_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

fn write_manifest(path: &Path, counted: &Counted) -> anyhow::Result<()> {
    let why = || format!("{} can't be written", path.display());
    std::fs::write(path, &counted.manifest).with_context(why)?;
    std::fs::write(seal_path(path), serde_json::to_string_pretty(&counted.seal)? + "\n").with_context(why)?;
    eprintln!("manifest {} · signature {}", path.display(), seal_path(path).display());
    Ok(())
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(manifest::BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .with_context(|| format!("{} can't be read", path.display()))?;
    Ok(bytes)
}

async fn verify(app: &App, path: &Path, json: bool) -> anyhow::Result<ExitCode> {
    let bytes = read(path)?;
    let seal: Option<ManifestSeal> = match seal_path(path) {
        seal if seal.exists() => Some(serde_json::from_slice(&read(&seal)?).context("the signature can't be read")?),
        _ => None,
    };
    let verification = app.verify_count(&Principal::Operator, &bytes, seal.as_ref()).await?;
    let same = verification.differences.is_empty() && verification.signature_valid != Some(false);
    if json {
        say!("{}", serde_json::to_string(&verification)?);
    } else {
        match verification.signature_valid {
            Some(true) => say!("✓ the signature is this gateway's"),
            Some(false) => say!("✗ the signature is not this gateway's, or the manifest was changed"),
            None => say!("! no signature beside the manifest ({})", seal_path(path).display()),
        }
        if verification.differences.is_empty() {
            say!("✓ counted again: the same inputs, rules and result");
        } else {
            let list: Vec<String> = verification
                .differences
                .iter()
                .filter_map(|what| serde_json::to_value(what).ok()?.as_str().map(str::to_owned))
                .collect();
            say!("✗ counted again, and it differs in: {}", list.join(", "));
        }
    }
    Ok(if same { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) })
}

/// The report as a person reads it: the numbers, then who is counted twice.
pub fn report(app: &App, report: &CountReport, lang: Lang) -> String {
    let thai = lang == Lang::Th;
    let mut out = String::new();
    let title = if thai { "นับรอบ" } else { "count of round" };
    let payable =
        if thai { "คนที่จ่ายเงินอุดหนุนได้" } else { "payable learners" };
    let _ = writeln!(
        out,
        "{} {} · {} {payable}",
        title,
        paint(Tone::Strong, &report.round.to_string()),
        paint(Tone::Strong, &thousands(report.payable.total))
    );
    let head = if thai {
        ["หน่วยงาน", "ส่งมา", "ไม่ผ่าน", "รับ", "ซ้ำ", "พิพาท", "จ่ายได้"]
    } else {
        ["agency", "received", "invalid", "accepted", "duplicate", "disputed", "payable"]
    };
    let right = |text: &str, columns: usize| {
        let text = fit(text, columns.max(super::terminal::width(text)));
        let text = text.trim_end();
        format!("{}{text}", " ".repeat(columns.saturating_sub(super::terminal::width(text))))
    };
    let _ =
        writeln!(out, "\n  {}{}", fit(head[0], 9), head[1..].iter().map(|word| right(word, 11)).collect::<String>());
    for of in &report.agencies {
        let numbers = [of.received, of.invalid, of.accepted, of.duplicate, of.disputed, of.payable];
        let cells: String = numbers.iter().map(|number| right(&thousands(*number), 11)).collect();
        let _ = writeln!(out, "  {}{cells}", fit(&of.slug, 9));
    }
    findings(&mut out, app, report, lang);
    cases(&mut out, report, lang);
    out
}

fn findings(out: &mut String, app: &App, report: &CountReport, lang: Lang) {
    let said: Vec<(&String, &u64)> = report.findings.iter().filter(|(_, learners)| **learners > 0).collect();
    let title = if lang == Lang::Th {
        "สิ่งที่พบ (จำนวนผู้เรียน)"
    } else {
        "findings (learners)"
    };
    let _ = writeln!(out, "\n  {title}");
    for (code, learners) in said {
        let meaning = RuleCode::find(code)
            .and_then(|rule| app.assets().library.catalogue().text(rule))
            .map(|text| text.title.get(lang).to_owned())
            .unwrap_or_default();
        let _ = writeln!(out, "  {:>7}  {}  {meaning}", thousands(*learners), fit(code, 15));
    }
}

fn cases(out: &mut String, report: &CountReport, lang: Lang) {
    if report.cases.is_empty() {
        return;
    }
    let title = if lang == Lang::Th { "ใครถูกนับซ้ำ" } else { "who is counted twice" };
    let _ = writeln!(out, "\n  {title}");
    for case in report.cases.iter().take(CASES_SHOWN) {
        let places: Vec<String> = case
            .places
            .iter()
            .map(|place| {
                let mark = if place.payable { "✓" } else { "✗" };
                format!("{mark} {} {} {}", place.agency.slug(), place.school_id, place.grade)
            })
            .collect();
        let _ = writeln!(out, "  {}  {}", case.learner_masked, fit(&case.rule, 15).trim_end());
        for line in summary::wrap(&places.join(" · "), 72) {
            let _ = writeln!(out, "      {line}");
        }
    }
    let more = report.cases.len().saturating_sub(CASES_SHOWN) as u64 + report.cases_not_listed;
    if more > 0 {
        let words = if lang == Lang::Th {
            "รายการ (ดูทั้งหมดด้วย --json)"
        } else {
            "more (all with --json)"
        };
        let _ = writeln!(out, "  … {} {words}", thousands(more));
    }
}
