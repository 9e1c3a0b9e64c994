//! `saphan publish`: the open data through the publish gate.

use super::fault;
use super::terminal::{say, say_text};
use crate::app::publishing::Published;
use crate::domain::principal::Principal;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  saphan publish\n  saphan publish --dataset learners-by-area --out ./open-data\n\nA data set is made of the last count of its round; run `saphan count` first.\n\nExit codes: 0 published, 1 could not run (also: nothing was counted)."
)]
pub struct Arguments {
    /// One data set (default: all)
    #[arg(long)]
    dataset: Option<String>,
    /// Also copy the published files here
    #[arg(long, value_name = "DIR")]
    out: Option<PathBuf>,
    /// What was published, as JSON
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (published, home) = runtime.block_on(async {
        let settings = super::settings()?;
        let app = crate::startup::open(&settings).await?;
        let published = app.publish(&Principal::Operator, arguments.dataset.as_deref()).await?;
        anyhow::Ok((published, settings.home))
    })?;
    if let Some(out) = &arguments.out {
        std::fs::create_dir_all(out).map_err(|error| fault::unwritable(out, &error))?;
        for one in &published {
            for file in &one.files {
                let to = out.join(&file.name);
                std::fs::copy(home.join(&one.folder).join(&file.name), &to)
                    .map_err(|error| fault::unwritable(&to, &error))?;
            }
        }
    }
    if arguments.json {
        say!("{}", serde_json::to_string(&published)?);
    } else {
        say_text!("{}", text(&published));
    }
    Ok(ExitCode::SUCCESS)
}

/// What the gate let through, a line each.
pub fn text(published: &[Published]) -> String {
    published
        .iter()
        .map(|one| {
            let files: Vec<&str> = one.files.iter().map(|file| file.name.as_str()).collect();
            format!(
                "✓ {} · release {} · {} rows · {} cells suppressed · {}\n",
                one.dataset,
                one.version,
                one.rows,
                one.suppressed_cells,
                files.join(", ")
            )
        })
        .collect()
}
