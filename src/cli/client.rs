//! `saphan client`: who may use the API.

use super::fault::Fault;
use super::terminal;
use super::terminal::say;
use crate::app::App;
use crate::domain::agency::AgencyCode;
use crate::domain::ids::ClientId;
use crate::domain::principal::{Principal, Scope};
use crate::domain::quota::Overrides;
use crate::store::StoreError;
use anyhow::{Context, anyhow, bail};
use clap::{Args, Subcommand};
use jiff::SignedDuration;
use std::io::Read;
use std::path::{Path, PathBuf};
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
    /// Gives a client a new token; the old one ends at once, or after an overlap
    #[command(
        after_help = "Examples:\n  saphan client rotate cli_0190…                 # it got out: the old one ends now\n  saphan client rotate cli_0190… --overlap 48    # both hold for two days"
    )]
    Rotate {
        /// As `saphan client list` shows it
        id: String,
        /// Hours for which the old one still holds (none: it ends now, and every access token with it)
        #[arg(long, value_name = "HOURS", value_parser = clap::value_parser!(u16).range(1..=720))]
        overlap: Option<u16>,
        #[arg(long)]
        json: bool,
    },
    /// Public keys by which a client signs, instead of sending its token
    #[command(subcommand)]
    Key(Key),
    /// Certificates that a client is bound to: with one, it is served only where it shows it
    #[command(subcommand)]
    Certificate(Certificate),
    /// Gives a client limits of its own, in force with its next request; without any, shows those it has
    #[command(
        after_help = "Examples:\n  saphan client limit cli_0190… submit='600/min burst 100' submit-bytes='64 GiB/h burst 16 GiB'\n  saphan client limit cli_0190… lookup=none          # as much as it likes\n  saphan client limit cli_0190… read=default         # as all others\n\nNames: submit, submit-bytes, submit-records, lookup, read (docs/limits.md)."
    )]
    Limit {
        /// As `saphan client list` shows it
        id: String,
        /// NAME=SUSTAINED/PERIOD burst BURST, NAME=none or NAME=default
        #[arg(value_name = "NAME=LIMIT")]
        limits: Vec<String>,
        #[arg(long)]
        json: bool,
    },
    /// Asks a client to sign its files, or no longer (docs/signatures.md)
    #[command(
        after_help = "Examples:\n  saphan client signature cli_0190… required    # its files without a signature are refused from now on\n  saphan client signature cli_0190… optional    # those it sends are checked all the same"
    )]
    Signature {
        /// As `saphan client list` shows it
        id: String,
        #[arg(value_parser = ["required", "optional"])]
        asked: String,
    },
    /// Ends a client's access at once
    #[command(after_help = "Example:\n  saphan client revoke cli_0190…")]
    Revoke {
        /// As `saphan client list` shows it
        id: String,
    },
}

#[derive(Debug, Subcommand)]
enum Key {
    /// Adds one; prints its id
    #[command(
        after_help = "Example:\n  openssl ecparam -name prime256v1 -genkey -noout -out key.pem\n  openssl pkey -in key.pem -pubout -out key.pub\n  saphan client key add cli_0190… key.pub"
    )]
    Add {
        id: String,
        /// JWK or PEM, P-256
        #[arg(value_name = "FILE")]
        file: PathBuf,
    },
    /// Lists their ids
    #[command(after_help = "Example:\n  saphan client key list cli_0190…")]
    List { id: String },
    /// What it signs is refused from now on
    #[command(after_help = "Example:\n  saphan client key remove cli_0190… qk3…")]
    Remove {
        id: String,
        /// As `saphan client key list` shows it
        #[arg(allow_hyphen_values = true)]
        kid: String,
    },
}

#[derive(Debug, Subcommand)]
enum Certificate {
    /// Adds one; prints its thumbprint
    #[command(
        after_help = "Example:\n  saphan client certificate add cli_0190… --pem obec.pem\n\nFrom the first one on the client needs a connection that shows one of them; with two the old one can follow the new."
    )]
    Add {
        id: String,
        /// The certificate alone, without its key
        #[arg(long, value_name = "FILE")]
        pem: PathBuf,
    },
    /// Lists thumbprints and ends
    #[command(after_help = "Example:\n  saphan client certificate list cli_0190…")]
    List { id: String },
    /// It serves for the client no more; without any the client is bound to none
    #[command(after_help = "Example:\n  saphan client certificate remove cli_0190… Zx81…")]
    Remove {
        id: String,
        /// As `saphan client certificate list` shows it
        #[arg(allow_hyphen_values = true)]
        thumbprint: String,
    },
}

/// A public key is a few hundred bytes, a certificate a few thousand.
const KEY_BYTES_MAX: u64 = 16 << 10;

fn key_text(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let file = std::fs::File::open(path).with_context(|| format!("{} can't be read", path.display()))?;
    file.take(KEY_BYTES_MAX).read_to_string(&mut text).with_context(|| format!("{} is no text", path.display()))?;
    Ok(text)
}

pub fn run(arguments: &Arguments) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(act(&arguments.act)).map_err(|error| match fault(&error) {
        Some(fault) => anyhow!(fault),
        None => error,
    })
}

/// What the store refused because of what was asked, in words for whoever asked it.
fn fault(error: &anyhow::Error) -> Option<Fault> {
    let store = error.chain().find_map(|cause| cause.downcast_ref::<StoreError>())?;
    let (th, en) = match store {
        StoreError::NoSuchClient => (
            "ไม่มีระบบลูกข่ายรหัสนี้ หรือเพิกถอนไปแล้ว ดูรายการด้วย saphan client list",
            "there is no client with this id, or it was revoked before; `saphan client list` shows all",
        ),
        StoreError::NoSuchKey => (
            "ระบบลูกข่ายนี้ไม่มีกุญแจนี้ ดูรายการด้วย saphan client key list",
            "the client has no such key; `saphan client key list` shows them",
        ),
        StoreError::NoSuchCertificate => (
            "ระบบลูกข่ายนี้ไม่มีใบรับรองนี้ ดูรายการด้วย saphan client certificate list",
            "the client has no such certificate; `saphan client certificate list` shows them",
        ),
        StoreError::KeyExists => ("ระบบลูกข่ายนี้มีกุญแจนี้อยู่แล้ว", "the client has this key already"),
        StoreError::CertificateTaken => (
            "ระบบลูกข่ายอื่นใช้ใบรับรองนี้อยู่ ใบรับรองหนึ่งใบบอกได้เพียงระบบเดียว ออกใบใหม่ให้ระบบนี้ หรือนำออกจากระบบเดิมก่อน",
            "another client has this certificate, and one tells one client only; issue a new one for this client, or remove it from the other first",
        ),
        StoreError::CertificateExists => ("ระบบลูกข่ายนี้มีใบรับรองนี้อยู่แล้ว", "the client has this certificate already"),
        _ => return None,
    };
    Some(Fault::new(th, en))
}

async fn act(act: &Act) -> anyhow::Result<ExitCode> {
    let app = crate::startup::open(&super::settings()?).await?;
    let operator = Principal::Operator;
    match act {
        Act::Add { name, agency, scopes, json } => {
            let agency = agency.as_deref().map(AgencyCode::parse).transpose()?;
            let scopes = scopes.iter().map(|scope| parse_scope(scope)).collect::<Result<Vec<_>, _>>()?;
            if let Some(scope) = scopes.iter().find(|scope| scope.needs_agency() && agency.is_none()) {
                bail!("{} needs --agency: for whom?", scope.as_str());
            }
            let issued = app.add_client(&operator, name, agency, scopes).await?;
            issue(&issued, *json)?;
        }
        Act::Rotate { id, overlap, json } => {
            let overlap = overlap.map(|hours| SignedDuration::from_hours(i64::from(hours)));
            issue(&app.rotate_client(&operator, &ClientId::parse(id)?, overlap).await?, *json)?;
        }
        Act::Key(Key::Add { id, file }) => {
            let key = key_text(file)?;
            let kid = app.add_client_key(&operator, &ClientId::parse(id)?, &key).await;
            say!("{}", kid.with_context(|| format!("{} can't be added", file.display()))?);
        }
        Act::Key(Key::List { id }) => {
            for kid in app.client_keys(&operator, &ClientId::parse(id)?).await? {
                say!("{kid}");
            }
        }
        Act::Key(Key::Remove { id, kid }) => {
            app.remove_client_key(&operator, &ClientId::parse(id)?, kid).await?;
            eprintln!("✓ {kid} signs for {id} no more");
        }
        Act::Certificate(act) => certificate(&app, act).await?,
        Act::Signature { id, asked } => {
            let must_sign = asked == "required";
            app.ask_for_signatures(&operator, &ClientId::parse(id)?, must_sign).await?;
            let said = if must_sign { "is refused what it does not sign" } else { "may send files unsigned" };
            eprintln!("✓ {id} {said}");
        }
        Act::Revoke { id } => {
            app.revoke_client(&operator, &ClientId::parse(id)?).await?;
            eprintln!("✓ {id} may no longer use the gateway");
        }
        Act::Limit { id, limits, json } => {
            let id = ClientId::parse(id)?;
            let own = if limits.is_empty() {
                app.client_limits(&operator, &id).await?
            } else {
                app.limit_client(&operator, &id, limits).await?
            };
            if *json {
                say!("{}", serde_json::json!({ "id": id, "limits": limits_json(&own) }));
            } else if own.is_empty() {
                eprintln!("✓ {id} has the same limits as all others");
            } else {
                eprintln!("✓ limits of its own of {id}:");
                for (policy, allowance) in own.iter() {
                    say!("{:<15} {allowance}", policy.as_str());
                }
            }
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
                            "must_sign": client.must_sign,
                            "limits": limits_json(&client.limits),
                        })
                    );
                } else {
                    let state = if client.revoked_at.is_some() { "revoked" } else { "active" };
                    let limits = client.limits.to_string();
                    let gap = if limits.is_empty() { "" } else { "  " };
                    let signs = if client.must_sign { "  signs" } else { "" };
                    say!(
                        "{}  {}  {}  {}  {state}{signs}{gap}{limits}",
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

async fn certificate(app: &App, act: &Certificate) -> anyhow::Result<()> {
    let operator = Principal::Operator;
    match act {
        Certificate::Add { id, pem } => {
            let text = key_text(pem)?;
            let added = app.add_client_certificate(&operator, &ClientId::parse(id)?, &text).await;
            say!("{}", added.with_context(|| format!("{} can't be added", pem.display()))?);
        }
        Certificate::List { id } => {
            for one in app.client_certificates(&operator, &ClientId::parse(id)?).await? {
                say!("{}  {}", one.thumbprint, one.not_after);
            }
        }
        Certificate::Remove { id, thumbprint } => {
            app.remove_client_certificate(&operator, &ClientId::parse(id)?, thumbprint).await?;
            eprintln!("✓ {thumbprint} serves for {id} no more");
            if app.client_certificates(&operator, &ClientId::parse(id)?).await?.is_empty() {
                eprintln!(
                    "! it was the last one: the client's token now serves on any connection. If a key was stolen, \
                     also run: saphan client rotate {id}"
                );
            }
        }
    }
    Ok(())
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

fn limits_json(limits: &Overrides) -> serde_json::Map<String, serde_json::Value> {
    limits.iter().map(|(policy, allowance)| (policy.as_str().to_owned(), allowance.to_string().into())).collect()
}

fn parse_scope(text: &str) -> anyhow::Result<Scope> {
    Scope::parse(text).filter(|scope| scope.is_for_clients()).ok_or_else(|| {
        let known: Vec<&str> = Scope::FOR_CLIENTS.iter().map(Scope::as_str).collect();
        anyhow!("there is no scope {text}; there are: {}", known.join(", "))
    })
}
