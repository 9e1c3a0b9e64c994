//! `saphan subject`: what is answered to a person about their own data.
//!
//! The person's number comes by standard input: an argument would stand in the list of processes and in the shell's history.

use super::fault::Fault;
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
}

pub fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let Act::Log { json } = arguments.act;
    let person = person(lang)?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = crate::startup::open(&super::settings()?).await?;
        log(&app, &person, lang, json).await
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
