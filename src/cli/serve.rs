//! `saphan serve`: the gateway, until it is stopped.

use anyhow::Context;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "Example:\n  SAPHAN_HOME=/srv/saphan SAPHAN_LISTEN=127.0.0.1:8080 saphan serve")]
pub struct Arguments {
    /// Configuration file (YAML); the environment (SAPHAN_…) goes before it
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let settings = super::settings_from(arguments.config.as_deref())?;
    crate::telemetry::init();
    let listener = std::net::TcpListener::bind(settings.listen)
        .with_context(|| format!("{} can't be listened on; set SAPHAN_LISTEN", settings.listen))?;
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let app = crate::startup::open(&settings).await?;
        let scheme = if settings.tls.is_some() { "https" } else { "http" };
        eprintln!("Saphan listens on {scheme}://{}", listener.local_addr()?);
        let grace = Duration::from_secs(settings.limits.drain_seconds);
        crate::startup::serve(app, &settings, listener, grace).await
    })?;
    Ok(ExitCode::SUCCESS)
}
