//! `saphan user`: people who may sign in, and their roles.
//!
//! A one-time code is shown once, on standard output; where to type it stands on standard error. It is never part of an
//! address, which browsers and proxies keep.

use super::fault::Fault;
use super::terminal;
use super::terminal::say;
use crate::app::App;
use crate::app::people::{INVITE_HOURS, Invited, PersonState, PersonTerms, PersonView};
use crate::config::Settings;
use crate::domain::agency::AgencyCode;
use crate::domain::ids::PersonId;
use crate::domain::principal::{Principal, Scope};
use crate::domain::text::{Bilingual, Lang};
use anyhow::{Context, anyhow};
use clap::{Args, Subcommand};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  saphan user add --name 'สมใจ ดีงาม' --sign-in somjai --role access.admin\n  saphan user list\n  saphan user disable per_0190…"
)]
pub struct Arguments {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Makes an account; its one-time code is shown once
    #[command(
        after_help = "Examples:\n  saphan user add --name 'สมใจ ดีงาม' --sign-in somjai --role access.admin\n  saphan user add --name 'Boon R.' --sign-in boon@obec.example --agency obec --role agency.submit --role agency.answer\n  saphan user add --name 'Dara P.' --oidc-subject 0f8fad5b-d9cb-469f-a165-70867728950e --role count.run"
    )]
    Add {
        /// The person's name, as others read it
        #[arg(long)]
        name: String,
        /// What the person types to sign in: a short name or an e-mail address
        #[arg(long, required_unless_present = "oidc_subject")]
        sign_in: Option<String>,
        /// Who the person is at the provider of SAPHAN_OIDC_ISSUER: the `sub` of their account there
        #[arg(long, value_name = "SUB")]
        oidc_subject: Option<String>,
        /// Agency the person speaks for (obec, opec, dole, ovec or two digits); none: the ministry
        #[arg(long)]
        agency: Option<String>,
        /// What the person may do; repeat for several
        #[arg(long = "role")]
        roles: Vec<String>,
        #[arg(long)]
        json: bool,
    },
    /// Lists the accounts
    #[command(after_help = "Examples:\n  saphan user list\n  saphan user list --json")]
    List {
        #[arg(long)]
        json: bool,
    },
    /// Ends an account's access at once, in every browser
    #[command(after_help = "Example:\n  saphan user disable per_0190…")]
    Disable {
        /// As `saphan user list` shows it
        id: String,
    },
    /// Gives a disabled account its access back, with what was set before
    #[command(after_help = "Example:\n  saphan user enable per_0190…")]
    Enable {
        /// As `saphan user list` shows it
        id: String,
    },
    /// Roles of an account; a change works at once
    #[command(subcommand)]
    Role(Role),
    /// Takes password and authenticator away and shows a new one-time code, for one who lost them
    #[command(after_help = "Example:\n  saphan user reset per_0190…")]
    Reset {
        /// As `saphan user list` shows it
        id: String,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Subcommand)]
enum Role {
    /// Adds one
    #[command(after_help = "Example:\n  saphan user role add per_0190… agency.answer --agency obec")]
    Add {
        /// As `saphan user list` shows it
        id: String,
        role: String,
        /// Where the role needs one and the account has none
        #[arg(long)]
        agency: Option<String>,
    },
    /// Takes one away
    #[command(after_help = "Example:\n  saphan user role remove per_0190… count.certify")]
    Remove {
        /// As `saphan user list` shows it
        id: String,
        role: String,
    },
}

pub fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(act(&arguments.act, lang))
}

async fn act(act: &Act, lang: Lang) -> anyhow::Result<ExitCode> {
    let settings = super::settings()?;
    let app = crate::startup::open(&settings).await?;
    let operator = Principal::Operator;
    let done = |id: &str, th: &str, en: &str| {
        eprintln!("✓ {id} {}", Bilingual::new(th, en).get(lang));
    };
    match act {
        Act::Add { name, sign_in, oidc_subject, agency, roles, json } => {
            let at_provider = |subject: &String| Ok::<_, anyhow::Error>((issuer(&settings)?, subject.clone()));
            let terms = PersonTerms {
                name: name.clone(),
                sign_in: sign_in.clone(),
                agency: agency.as_deref().map(AgencyCode::parse).transpose()?,
                roles: roles.iter().map(|role| parse_role(role)).collect::<Result<_, _>>()?,
                subject: oidc_subject.as_ref().map(at_provider).transpose()?,
            };
            show_code(&app.add_person(&operator, terms).await?, &settings, lang, *json)?;
        }
        Act::List { json } => list(&app, lang, *json).await?,
        Act::Disable { id } => {
            app.disable_person(&operator, &person(id)?).await?;
            done(id, "เข้าระบบไม่ได้แล้ว และออกจากทุกเบราว์เซอร์แล้ว", "may no longer sign in; every session is over");
        }
        Act::Enable { id } => {
            app.enable_person(&operator, &person(id)?).await?;
            done(id, "เข้าระบบได้อีกครั้ง", "may sign in again");
        }
        Act::Role(Role::Add { id, role, agency }) => {
            let agency = agency.as_deref().map(AgencyCode::parse).transpose()?;
            app.change_role(&operator, &person(id)?, parse_role(role)?, true, agency).await?;
            done(id, &format!("มีบทบาท {role} แล้ว"), &format!("has the role {role}"));
        }
        Act::Role(Role::Remove { id, role }) => {
            app.change_role(&operator, &person(id)?, parse_role(role)?, false, None).await?;
            done(id, &format!("ไม่มีบทบาท {role} แล้ว"), &format!("no longer has the role {role}"));
        }
        Act::Reset { id, json } => {
            show_code(&app.reset_person(&operator, &person(id)?).await?, &settings, lang, *json)?;
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn issuer(settings: &Settings) -> anyhow::Result<String> {
    settings.sso.as_ref().map(|sso| sso.issuer.clone()).ok_or_else(|| {
        anyhow!(Fault::new(
            "ยังไม่ได้ตั้งผู้ให้บริการบัญชี ตั้ง SAPHAN_OIDC_ISSUER, SAPHAN_OIDC_CLIENT_ID และ SAPHAN_OIDC_CLIENT_SECRET ก่อน",
            "no provider is set: set SAPHAN_OIDC_ISSUER, SAPHAN_OIDC_CLIENT_ID and SAPHAN_OIDC_CLIENT_SECRET first",
        ))
    })
}

fn show_code(invited: &Invited, settings: &Settings, lang: Lang, json: bool) -> anyhow::Result<()> {
    let Invited { id, code } = invited;
    let Some(code) = code.as_deref() else {
        let address = format!("{}/console/sign-in", settings.public_url);
        if json {
            say!("{}", serde_json::json!({ "id": id, "code": null, "address": address }));
        } else {
            let told = Bilingual::new(
                format!("✓ {id} · ให้ผู้ใช้เปิด {address} แล้วเข้าระบบด้วยบัญชีของหน่วยงาน"),
                format!("✓ {id} · let the person open {address} and sign in with their organisation's account"),
            );
            eprintln!("{}", told.get(lang));
        }
        return Ok(());
    };
    let address = format!("{}/console/start", settings.public_url);
    if json {
        say!("{}", serde_json::json!({ "id": id, "code": code, "address": address }));
        return Ok(());
    }
    let told = Bilingual::new(
        format!(
            "✓ {id} · ให้ผู้ใช้เปิด {address} แล้วพิมพ์รหัสครั้งเดียวนี้ภายใน {INVITE_HOURS} ชั่วโมงเพื่อตั้งรหัสผ่าน \
             รหัสแสดงครั้งนี้ครั้งเดียว:"
        ),
        format!(
            "✓ {id} · let the person open {address} and type this one-time code within {INVITE_HOURS} hours, to set a \
             password; it is shown this once:"
        ),
    );
    eprintln!("{}", told.get(lang));
    say!("{code}");
    Ok(())
}

async fn list(app: &App, lang: Lang, json: bool) -> anyhow::Result<()> {
    for PersonView { id, name, sign_in, agency, roles, state, made_at, signed_in_at } in
        app.people(&Principal::Operator).await?
    {
        let roles: Vec<&str> = roles.iter().map(Scope::as_str).collect();
        let agency = agency.map(|agency| agency.slug().to_owned());
        if json {
            say!(
                "{}",
                serde_json::json!({
                    "id": id, "name": name, "sign_in": sign_in, "agency": agency, "roles": roles, "state": state,
                    "created_at": made_at.to_string(), "signed_in_at": signed_in_at.map(|at| at.to_string()),
                })
            );
            continue;
        }
        say!(
            "{id}  {}  {}  {}  {}  {}",
            terminal::fit(&name, 24),
            terminal::fit(sign_in.as_deref().unwrap_or("-"), 24),
            terminal::fit(agency.as_deref().unwrap_or("ministry"), 8),
            said(state).get(lang),
            roles.join(" ")
        );
    }
    Ok(())
}

fn said(state: PersonState) -> Bilingual {
    match state {
        PersonState::Invited => Bilingual::new("รอตั้งรหัสผ่าน", "invited"),
        PersonState::Lapsed => Bilingual::new("รหัสครั้งเดียวหมดอายุ", "lapsed"),
        PersonState::Active => Bilingual::new("ใช้งาน", "active"),
        PersonState::Disabled => Bilingual::new("ปิด", "disabled"),
    }
}

fn person(text: &str) -> anyhow::Result<PersonId> {
    PersonId::parse(text).context(Fault::new(
        format!("{text} ไม่ใช่รหัสผู้ใช้ ดูรหัสด้วย saphan user list"),
        format!("{text} is no person's id; `saphan user list` shows them"),
    ))
}

fn parse_role(text: &str) -> anyhow::Result<Scope> {
    Scope::parse(text).ok_or_else(|| {
        let known: Vec<&str> = Scope::ALL.iter().map(Scope::as_str).collect();
        let known = known.join(", ");
        anyhow!(Fault::new(
            format!("ไม่มีบทบาท {text} ที่มีคือ {known}"),
            format!("there is no role {text}; there are: {known}"),
        ))
    })
}
