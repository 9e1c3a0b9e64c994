//! `saphan count`: the count-day audit, and the manifest by which `verify` repeats it.

use super::terminal::{Tone, fit, paint, thousands, width};
use super::terminal::{say_text, say_with};
use super::verify::{self, seal_path};
use super::{fault, summary};
use crate::app::App;
use crate::app::counting::Counted;
use crate::count::{AgencyTotals, CountReport};
use crate::domain::principal::Principal;
use crate::domain::round::Round;
use crate::domain::rule::RuleCode;
use crate::domain::text::Lang;
use anyhow::anyhow;
use clap::{Args, Subcommand};
use std::fmt::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Cases a terminal shows.
pub const CASES_SHOWN: usize = 8;

#[derive(Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
#[command(
    after_help = "Examples:\n  saphan count --round 2026-06-10\n  saphan count --round 2569/1 --json --manifest count.json\n  saphan count verify count.json\n\nExit codes: 0 counted, 1 could not run (also: nothing is in force for the round)."
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
    /// Counts again, compares with a manifest and checks who signed it
    Verify(verify::Arguments),
}

pub fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = crate::startup::open(&super::settings()?).await?;
        match &arguments.act {
            Some(Act::Verify(arguments)) => verify::run(&app, arguments, lang).await,
            None => {
                let round = arguments.round.ok_or_else(|| anyhow!("say --round"))?;
                let counted = app.count(&Principal::Operator, round).await?;
                if let Some(path) = &arguments.manifest {
                    write_manifest(path, &counted)?;
                }
                if arguments.json {
                    say_with(|out| counted.write_report(out).map_err(anyhow::Error::from))?;
                } else {
                    say_text!("{}", report(&app, &counted.report(CASES_SHOWN)?, lang));
                }
                Ok(ExitCode::SUCCESS)
            }
        }
    })
}

fn write_manifest(path: &Path, counted: &Counted) -> anyhow::Result<()> {
    let write =
        |path: &Path, bytes: &[u8]| std::fs::write(path, bytes).map_err(|error| fault::unwritable(path, &error));
    write(path, &counted.manifest)?;
    write(&seal_path(path), (serde_json::to_string_pretty(&counted.seal)? + "\n").as_bytes())?;
    eprintln!("manifest {} · signature {}", path.display(), seal_path(path).display());
    Ok(())
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
    if report.erased_rows > 0 {
        let erased = thousands(report.erased_rows);
        let said = if thai {
            format!("! ลบไปแล้ว {erased} แถวของรอบนี้ตามกำหนดหรือคำขอของเจ้าของข้อมูล แถวเหล่านั้นไม่ถูกนับ")
        } else {
            format!(
                "! {erased} rows of this round were erased since, by rule or because persons asked; they are not counted"
            )
        };
        let _ = writeln!(out, "{said}");
    }
    agencies(&mut out, &report.agencies, lang);
    findings(&mut out, app, report, lang);
    cases(&mut out, report, lang);
    out
}

/// One step from what was sent to what is paid.
struct Step {
    th: &'static str,
    en: &'static str,
    of: fn(&AgencyTotals) -> u64,
    /// Left out where no agency has any.
    is_rare: bool,
}

const fn step(th: &'static str, en: &'static str, is_rare: bool, of: fn(&AgencyTotals) -> u64) -> Step {
    Step { th, en, of, is_rare }
}

/// What is taken off stands before what is left: each column is a sum that a reader can follow.
const STEPS: [Step; 9] = [
    step("ส่งมา", "received", false, |of| of.received),
    step("- ไม่ผ่าน", "- invalid", false, |of| of.invalid),
    step("- ถูกแทนด้วยไฟล์ใหม่", "- replaced since", true, |of| of.superseded),
    step("รับ", "accepted", false, |of| of.accepted),
    step("- ไม่เรียนแล้ว", "- not studying", true, |of| of.not_studying),
    step("- สถานศึกษาปิด", "- school closed", true, |of| of.closed),
    step("- ซ้ำ", "- duplicate", false, |of| of.duplicate),
    step("- พิพาท", "- disputed", false, |of| of.disputed),
    step("จ่ายได้", "payable", false, |of| of.payable),
];

/// One column an agency and one for all, from top to bottom a sum.
fn agencies(out: &mut String, agencies: &[AgencyTotals], lang: Lang) {
    let (head, all) = if lang == Lang::Th { ("หน่วยงาน", "รวม") } else { ("agency", "all") };
    let slugs = agencies.iter().map(|of| of.slug.clone()).chain([all.to_owned()]);
    let mut lines = vec![(head, slugs.collect::<Vec<String>>())];
    for step in &STEPS {
        let numbers: Vec<u64> = agencies.iter().map(step.of).collect();
        let sum: u64 = numbers.iter().sum();
        if sum > 0 || !step.is_rare {
            let cells = numbers.into_iter().chain([sum]).map(thousands).collect();
            lines.push((if lang == Lang::Th { step.th } else { step.en }, cells));
        }
    }
    let widest = lines.iter().flat_map(|(_, cells)| cells).map(|cell| width(cell)).max().unwrap_or(0);
    let _ = writeln!(out);
    for (name, cells) in &lines {
        let cells: String =
            cells.iter().map(|cell| format!("{}{cell}", " ".repeat(widest + 2 - width(cell)))).collect();
        let _ = writeln!(out, "  {}{cells}", fit(name, 18));
    }
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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::agency::AgencyCode;

    fn totals(slug: &str) -> AgencyTotals {
        AgencyTotals {
            agency: AgencyCode::parse(slug).unwrap(),
            slug: slug.to_owned(),
            received: 7_123_456,
            invalid: 56,
            superseded: 0,
            accepted: 7_123_400,
            not_studying: 0,
            closed: 0,
            duplicate: 300,
            duplicate_permitted: 0,
            disputed: 100,
            payable: 7_123_000,
        }
    }

    fn table(of: &[AgencyTotals], lang: Lang) -> String {
        let mut out = String::new();
        agencies(&mut out, of, lang);
        out
    }

    #[test]
    fn what_no_agency_has_takes_no_line() {
        let said = table(&[totals("obec")], Lang::En);
        let names: Vec<&str> = said.lines().skip(1).map(|line| line[..20].trim()).collect();
        assert_eq!(
            names,
            ["agency", "received", "- invalid", "accepted", "- duplicate", "- disputed", "payable"],
            "{said}"
        );
    }

    #[test]
    fn every_column_adds_up_and_four_agencies_of_a_country_fit_a_terminal() {
        let mut some = totals("dole");
        (some.superseded, some.not_studying, some.closed) = (11, 20, 3);
        (some.accepted, some.payable) = (some.accepted - 11, some.payable - 34);
        for lang in [Lang::En, Lang::Th] {
            let said = table(&[totals("obec"), totals("opec"), some.clone(), totals("ovec")], lang);
            assert!(said.lines().all(|line| width(line) <= 80), "{said}");
            let numbers = |line: &str| -> Vec<i64> {
                let words: Vec<&str> = line.split_whitespace().collect();
                words[words.len() - 5..].iter().map(|word| word.replace(',', "").parse().unwrap()).collect()
            };
            let lines: Vec<(bool, Vec<i64>)> =
                said.lines().skip(2).map(|line| (line.starts_with("  - "), numbers(line))).collect();
            assert_eq!(lines.len(), STEPS.len());
            for column in 0..5 {
                let mut left = lines[0].1[column];
                for (is_off, line) in &lines[1..] {
                    left -= if *is_off { line[column] } else { 0 };
                    assert!(*is_off || left == line[column], "{said}");
                }
            }
            assert!(lines.iter().all(|(_, line)| line[4] == line[..4].iter().sum::<i64>()), "{said}");
        }
    }
}
