//! `saphan subject`: what is answered to a person about their own data.
//!
//! The person's number comes by standard input: an argument would stand in the list of processes and in the shell's history.

use super::fault::Fault;
use super::subject_requests;
use super::terminal::say;
use crate::app::App;
use crate::app::access::LOOKS_MAX;
use crate::domain::learner_id::LearnerId;
use crate::domain::principal::Principal;
use crate::domain::text::{Bilingual, Lang};
use anyhow::Context;
use clap::{Args, Subcommand};
use std::io::{BufRead, IsTerminal, Read};
use std::process::ExitCode;

/// Longest line that may hold a number.
const LINE_BYTES_MAX: u64 = 256;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  saphan subject log < number.txt")]
pub struct Arguments {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Who looked at a person's records; the number is read from standard input
    #[command(
        after_help = "Examples:\n  saphan subject log < number.txt\n  saphan subject log --json < number.txt\n\nThe report is itself an entry of the journal, and of the next report.\n\nExit codes: 0 printed, 1 could not run."
    )]
    Log {
        /// One JSON object a line
        #[arg(long)]
        json: bool,
    },
    /// Records what a person asks; the number is read from standard input
    #[command(
        after_help = "Examples:\n  saphan subject request --kind access --reference 'ศธ 04001/12' < number.txt\n  saphan subject request --kind correction --reference DPO-7 --agency obec --field birth_date --says words.txt < number.txt\n\nDue thirty days after the day it came.\n\nExit codes: 0 recorded, 1 could not run."
    )]
    Request(subject_requests::New),
    /// Requests, what is due first standing first
    #[command(
        after_help = "Examples:\n  saphan subject list --due\n  saphan subject list --state open --json\n\nExit codes: 0 printed, 1 could not run."
    )]
    List(subject_requests::List),
    /// One request opened, the number masked; the opening is in the person's access log
    #[command(after_help = "Example:\n  saphan subject show dsr_…\n\nExit codes: 0 printed, 1 could not run.")]
    Show(subject_requests::Show),
    /// Ends a request; a fulfilled erasure is carried out
    #[command(
        after_help = "Examples:\n  saphan subject decide dsr_… --outcome fulfil\n  saphan subject decide dsr_… --outcome refuse --ground subsidy-evidence\n\nExit codes: 0 decided, 1 could not run, or the decision is not possible."
    )]
    Decide(subject_requests::Decide),
    /// Everything that is held about the person of a request of access, as JSON
    #[command(
        after_help = "Example:\n  saphan subject export dsr_… > person.json\n\nIt holds the identity: hand it to the person, keep no copy.\n\nExit codes: 0 printed, 1 could not run."
    )]
    Export(subject_requests::Export),
}

pub fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    // Asked before anything is opened.
    let person = match &arguments.act {
        Act::Log { .. } | Act::Request(_) => Some(person(lang)?),
        _ => None,
    };
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = crate::startup::open(&super::settings()?).await?;
        match (&arguments.act, person) {
            (Act::Log { json }, Some(person)) => log(&app, &person, lang, *json).await,
            (Act::Request(new), Some(person)) => subject_requests::record(&app, new, person, lang).await,
            (Act::List(asked), _) => subject_requests::list(&app, asked, lang).await,
            (Act::Show(asked), _) => subject_requests::show(&app, asked, lang).await,
            (Act::Decide(form), _) => subject_requests::decide(&app, form, lang).await,
            (Act::Export(asked), _) => subject_requests::export(&app, asked).await,
            (Act::Log { .. } | Act::Request(_), None) => Ok(ExitCode::FAILURE),
        }
    })
}

fn person(lang: Lang) -> anyhow::Result<LearnerId> {
    let input = std::io::stdin();
    if input.is_terminal() {
        let asked = Bilingual::new("พิมพ์เลขประจำตัวแล้วกด Enter:", "Type the number and press Enter:");
        eprintln!("{}", asked.get(lang));
    }
    let mut line = String::new();
    input.lock().take(LINE_BYTES_MAX).read_line(&mut line)?;
    LearnerId::parse(line.trim()).context(Fault::new(
        "ไม่มีเลขประจำตัวที่ถูกต้องทาง standard input ต้องเป็นเลข 13 หลัก รหัส G หรือ P: ตามด้วยเลขหนังสือเดินทาง",
        "standard input holds no valid number: 13 digits, a G-code, or P: and a passport number",
    ))
}

async fn log(app: &App, person: &LearnerId, lang: Lang, json: bool) -> anyhow::Result<ExitCode> {
    let mut before = None;
    let mut total = 0_u64;
    loop {
        let page = app.access_log(&Principal::Operator, person, before, LOOKS_MAX).await?;
        for look in &page.looks {
            total += 1;
            let purpose = app.purpose(&look.purpose);
            if json {
                say!(
                    "{}",
                    serde_json::json!({
                        "id": look.id, "at": look.at.to_string(), "who": look.actor, "purpose": look.purpose,
                        "fields": look.fields, "source": look.source, "request_id": look.request,
                    })
                );
                continue;
            }
            let title = purpose.map_or(look.purpose.as_str(), |purpose| purpose.title.get(lang));
            let basis = purpose.and_then(|purpose| purpose.basis.first()).map_or("", |basis| basis.act.get(lang));
            let words = match lang {
                Lang::Th => ["โดย", "ฐานทางกฎหมาย", "ข้อมูลที่เปิด", "ที่มา"],
                Lang::En => ["by", "legal basis", "fields", "from"],
            };
            say!("{}  {title}", look.at);
            say!("  {}: {}  {}: {}", words[0], look.actor, words[3], look.source);
            say!("  {}: {basis}", words[1]);
            say!("  {}: {}", words[2], look.fields.join(", "));
        }
        before = page.next;
        if before.is_none() {
            break;
        }
    }
    if !json {
        let told = Bilingual::new(
            format!("รวม {total} ครั้งที่มีการเปิดข้อมูลของบุคคลนี้"),
            format!("{total} looks at this person's records in all"),
        );
        say!("{}", told.get(lang));
    }
    Ok(ExitCode::SUCCESS)
}
