//! `saphan client`: who may use the API.

use super::terminal;
use super::terminal::say;
use crate::domain::agency::AgencyCode;
use crate::domain::ids::ClientId;
use crate::domain::principal::{Principal, Scope};
use anyhow::{anyhow, bail};
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  saphan client add --name 'DMC export' --agency obec --scope agency.submit\n  saphan client list --json\n  saphan client revoke cli_0190…"
)]
pub struct Arguments {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Makes a client; its token is shown once
    #[command(
        after_help = "Examples:\n  saphan client add --name 'DMC export' --agency obec --scope agency.submit\n  saphan client add --name 'count room' --scope ministry.read --scope count.run --json"
    )]
    Add {
        /// Name of the system, for people
        #[arg(long)]
        name: String,
        /// Agency it speaks for (obec, opec, dole, ovec or two digits); none: the ministry
        #[arg(long)]
        agency: Option<String>,
        /// What it may do; repeat for several
        #[arg(long = "scope", required = true)]
        scopes: Vec<String>,
        #[arg(long)]
        json: bool,
    },
    /// Lists the clients, never their tokens
    #[command(after_help = "Examples:\n  saphan client list\n  saphan client list --json")]
    List {
        #[arg(long)]
        json: bool,
    },
    /// Gives a client a new token; the old one ends at once
    #[command(after_help = "Example:\n  saphan client rotate cli_0190…")]
    Rotate {
        /// As `saphan client list` shows it
        id: String,
        #[arg(long)]
        json: bool,
    },
    /// Ends a client's access at once
    #[command(after_help = "Example:\n  saphan client revoke cli_0190…")]
    Revoke {
        /// As `saphan client list` shows it
        id: String,
    },
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(act(&arguments.act))
}

async fn act(act: &Act) -> anyhow::Result<ExitCode> {
    let app = crate::startup::open(&super::settings()?).await?;
    let operator = Principal::Operator;
    match act {
        Act::Add { name, agency, scopes, json } => {
            let agency = agency.as_deref().map(AgencyCode::parse).transpose()?;
            let scopes = scopes.iter().map(|scope| parse_scope(scope)).collect::<Result<Vec<_>, _>>()?;
            if scopes.contains(&Scope::AgencySubmit) && agency.is_none() {
                bail!("agency.submit needs --agency: for whom may it send?");
            }
            let issued = app.add_client(&operator, name, agency, scopes).await?;
            issue(&issued, *json)?;
        }
        Act::Rotate { id, json } => issue(&app.rotate_client(&operator, &ClientId::parse(id)?).await?, *json)?,
        Act::Revoke { id } => {
            app.revoke_client(&operator, &ClientId::parse(id)?).await?;
            eprintln!("✓ {id} may no longer use the gateway");
        }
        Act::List { json } => {
            let clients = app.clients(&operator).await?;
            for client in clients {
                let scopes: Vec<&str> = client.scopes.iter().map(Scope::as_str).collect();
                let agency = client.agency.map(|agency| agency.slug().to_owned());
                if *json {
                    say!(
                        "{}",
                        serde_json::json!({
                            "id": client.id, "name": client.name, "agency": agency, "scopes": scopes,
                            "created_at": client.created_at.to_string(),
                            "revoked_at": client.revoked_at.map(|at| at.to_string()),
                        })
                    );
                } else {
                    let state = if client.revoked_at.is_some() { "revoked" } else { "active" };
                    say!(
                        "{}  {}  {}  {}  {state}",
                        client.id,
                        terminal::fit(&client.name, 24),
                        terminal::fit(agency.as_deref().unwrap_or("ministry"), 8),
                        scopes.join(" ")
                    );
                }
            }
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn issue(issued: &crate::app::clients::IssuedToken, json: bool) -> anyhow::Result<()> {
    if json {
        say!("{}", serde_json::json!({ "id": issued.id, "token": issued.token }));
    } else {
        eprintln!("✓ {} · the token is shown this once; keep it where secrets are kept:", issued.id);
        say!("{}", issued.token);
    }
    Ok(())
}

fn parse_scope(text: &str) -> anyhow::Result<Scope> {
    Scope::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Scope::ALL.iter().map(Scope::as_str).collect();
        anyhow!("there is no scope {text}; there are: {}", known.join(", "))
    })
}
