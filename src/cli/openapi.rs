//! `saphan openapi`: the document of the API, as checked in under `openapi/`.

use super::terminal::say;
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  saphan openapi > openapi/saphan.json")]
pub struct Arguments {}

pub fn run(_: &Arguments) -> anyhow::Result<ExitCode> {
    say!("{}", crate::http::openapi_json()?);
    Ok(ExitCode::SUCCESS)
}
