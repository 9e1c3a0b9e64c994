//! `saphan check`: standards, code lists, mappings and their examples; all faults, with their places.

use super::terminal::say;
use crate::app::assets::{AssetFault, AssetFolders, Assets};
use crate::app::examples;
use crate::vault::tls::Tls;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  saphan check --mappings ./mappings\n\nExit codes: 0 no fault, 1 at least one.")]
pub struct Arguments {
    /// Folder of the standards (default: ./schemas, else inside the binary)
    #[arg(long, value_name = "DIR")]
    schemas: Option<PathBuf>,
    /// Folder of the mappings (default: ./mappings, else inside the binary)
    #[arg(long, value_name = "DIR")]
    mappings: Option<PathBuf>,
    /// Configuration file (YAML) to check as well
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Faults as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let mut door = None;
    let mut faults: Vec<AssetFault> = match crate::config::Settings::load(arguments.config.as_deref()) {
        Ok(settings) => {
            door = settings.tls;
            Vec::new()
        }
        Err(faults) => faults
            .0
            .into_iter()
            .map(|fault| AssetFault { path: fault.place, line: None, column: None, message: fault.fault })
            .collect(),
    };
    let folders = AssetFolders { schemas: arguments.schemas.clone(), mappings: arguments.mappings.clone() };
    let mut said = None;
    match Assets::load(&folders) {
        Ok(assets) => {
            for loaded in assets.mappings.values() {
                faults.extend(examples::run(&assets, loaded));
            }
            let examples: usize = assets
                .mappings
                .values()
                .map(|loaded| loaded.examples.keys().filter(|name| name.ends_with(".expected.ndjson")).count())
                .sum();
            said = Some(format!(
                "{} standards, {} code lists, {} purposes, {} mappings, {examples} examples",
                assets.library.standards().count(),
                assets.library.lists().count(),
                assets.purposes.iter().count(),
                assets.mappings.len(),
            ));
        }
        Err(new) => faults.extend(new),
    }
    if let Some(tls) = &door
        && let Err(error) = Tls::open(tls)
    {
        let message = super::doctor::in_full(&error);
        faults.push(AssetFault { path: "tls".to_owned(), line: None, column: None, message });
    }
    if arguments.json {
        let list: Vec<_> = faults
            .iter()
            .map(|fault| serde_json::json!({"path": fault.path, "line": fault.line, "column": fault.column, "message": fault.message}))
            .collect();
        say!("{}", serde_json::json!({"faults": list}));
    } else if faults.is_empty() {
        let door = door.map_or_else(
            || "plain HTTP".to_owned(),
            |tls| format!("TLS, certificates of clients: {}", tls.client.as_str()),
        );
        say!("✓ {}, {door}: no fault", said.unwrap_or_default());
    } else {
        for fault in &faults {
            say!("{fault}");
        }
        eprintln!("faults: {}; mend the places named and run the check again", faults.len());
    }
    Ok(if faults.is_empty() { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
