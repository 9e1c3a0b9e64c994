//! `saphan doctor`: is the place in order in which the gateway runs?
//!
//! Owns the order of the checks, how they are shown, and the exit code. Changes nothing: what isn't there yet is said, not made.
//! Run it as the gateway's own user, with its settings: rights of files are judged as it meets them.

mod agreements;
mod finding;
mod place;
mod privacy;
mod tls;

use super::EXIT_REFUSED;
use super::terminal::{self, Tone, paint, say};
use crate::domain::text::Lang;
use clap::Args;
pub use finding::in_full;
use finding::{Finding, State};
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  saphan doctor\n  saphan doctor --json --config /etc/saphan.yaml\n\nExit codes: 0 all well, 2 warnings only, 1 something is broken (or the doctor could not run)."
)]
pub struct Arguments {
    /// Configuration file (YAML); the environment (SAPHAN_…) goes before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// All findings as JSON on standard output
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let findings = runtime.block_on(look(arguments));
    let worst = findings.iter().map(|one| one.state).max().unwrap_or(State::Ok);
    if arguments.json {
        let checks: Vec<_> = findings.iter().map(Finding::json).collect();
        say!("{}", serde_json::json!({ "state": worst.as_str(), "checks": checks }));
    } else {
        for one in &findings {
            show(one, lang)?;
        }
    }
    Ok(match worst {
        State::Ok => ExitCode::SUCCESS,
        State::Warn => ExitCode::from(EXIT_REFUSED),
        State::Fail => ExitCode::FAILURE,
    })
}

fn show(one: &Finding, lang: Lang) -> anyhow::Result<()> {
    let sign = match one.state {
        State::Ok => paint(Tone::Good, "✓"),
        State::Warn => paint(Tone::Warn, "!"),
        State::Fail => paint(Tone::Bad, "✗"),
    };
    say!("{sign} {}  {}", terminal::fit(one.check, 8), one.text.get(lang));
    if let Some(step) = &one.step {
        say!("            → {}", step.get(lang));
    }
    Ok(())
}

async fn look(arguments: &Arguments) -> Vec<Finding> {
    let settings = match crate::config::Settings::load(arguments.config.as_deref()) {
        Ok(settings) => settings,
        Err(faults) => {
            // Without settings there is no place to look at.
            let fault = |fault: &crate::config::ConfigFault| {
                Finding::fail("settings", fault.to_string(), fault.to_string())
                    .then("แก้การตั้งค่านี้แล้วสั่งใหม่", "Mend this setting, and run the doctor again")
            };
            return faults.0.iter().map(fault).collect();
        }
    };
    let mut findings = vec![Finding::ok("settings", "การตั้งค่าถูกต้อง", "the settings are in order")];
    findings.extend(place::disk(&settings));
    findings.extend(place::keys(&settings));
    let (told, store) = place::store(&settings).await;
    findings.extend(told);
    findings.push(place::objects(&settings).await);
    findings.push(place::clock(store.as_ref()).await);
    findings.extend(tls::files(&settings));
    if let Some(store) = &store {
        findings.extend(tls::clients(store).await);
        findings.extend(agreements::all(&settings, store).await);
        findings.extend(privacy::requests(store).await);
        findings.extend(privacy::retention(store).await);
        store.close().await;
    }
    findings
}
