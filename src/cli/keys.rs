//! `saphan keys`: which keys there are, new ones that follow while gateways run, and old ones that are forgotten.
//!
//! Owns what is said of them. A new master key that is not a file of the home comes by standard input: an argument would stand
//! in the list of processes. No key is ever printed.

use super::EXIT_REFUSED;
use super::fault::Fault;
use super::terminal::{say, thousands};
use crate::app::keys::{KeyReport, KeysError, KeysReport, LEAD};
use crate::app::{App, AppError};
use crate::domain::principal::Principal;
use crate::domain::text::{Bilingual, Lang};
use crate::store::Needed;
use crate::vault::{KeyState, KeyUse, MasterKey};
use clap::{Args, Subcommand};
use serde_json::json;
use std::io::{IsTerminal, Read};
use std::process::ExitCode;

/// A master key is 44 characters.
const MASTER_BYTES_MAX: u64 = 256;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  saphan keys\n  saphan keys rotate --data\n  saphan keys forget --data 1",
    args_conflicts_with_subcommands = true
)]
pub struct Arguments {
    #[command(subcommand)]
    act: Option<Act>,
    /// The keys as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Lists the keys: number, age, what each is for, and what still needs an old one
    #[command(
        after_help = "Examples:\n  saphan keys list\n  saphan keys list --json\n\nWhat still needs an old data key is counted in the store, which takes a while where there are millions of records.\n\nExit codes: 0 listed, 1 could not run."
    )]
    List {
        #[arg(long)]
        json: bool,
    },
    /// Lets a new key follow the one in use; no gateway is stopped, no request is lost
    #[command(
        after_help = "Examples:\n  saphan keys rotate --data        # gateways seal anew in the background; saphan keys says how far they are\n  saphan keys rotate --signing --json\n  saphan keys rotate --master      # then: saphan keys forget --master\n  openssl rand -base64 32 | tee new.key | saphan keys rotate --master   # where SAPHAN_MASTER_KEY is set\n\nExit codes: 0 the new key is in use, 2 the keyring was changed by others at the same time and nothing was done, 1 could not run."
    )]
    Rotate {
        #[command(flatten)]
        which: Which,
        #[arg(long)]
        json: bool,
    },
    /// Ends an old key for ever, if nothing needs it any more
    #[command(
        after_help = "Examples:\n  saphan keys forget --data 1\n  saphan keys forget --master      # when every gateway has the new master key\n\nExit codes: 0 it is gone, 2 it is still needed, or there is none, 1 could not run."
    )]
    Forget {
        #[command(flatten)]
        which: Forgotten,
        #[arg(long)]
        json: bool,
    },
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Which {
    /// The key that opens the keyring
    #[arg(long)]
    master: bool,
    /// The key that seals identities, kept files and stored secrets
    #[arg(long)]
    data: bool,
    /// The key that signs receipts, manifests, tokens and the journal
    #[arg(long)]
    signing: bool,
}

#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct Forgotten {
    /// Every master key but the newest
    #[arg(long)]
    master: bool,
    /// An old data key, by its number
    #[arg(long, value_name = "NUMBER")]
    data: Option<u16>,
}

const BY: Principal = Principal::Operator;

pub fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let settings = super::settings()?;
        let given = match &arguments.act {
            Some(Act::Rotate { which, .. }) if which.master && settings.master_key.is_some() => Some(new_master()?),
            _ => None,
        };
        let app = crate::startup::open(&settings).await?;
        let done = match &arguments.act {
            None => list(&app, arguments.json, lang).await,
            Some(Act::List { json }) => list(&app, *json, lang).await,
            Some(Act::Rotate { which, json }) => rotate(&app, which, given, *json, lang).await,
            Some(Act::Forget { which, json }) => forget(&app, which, *json, lang).await,
        };
        match done {
            Err(error) => refused(error, lang),
            done => done,
        }
    })
}

/// What the keys themselves refuse is no failure of the command.
fn refused(error: anyhow::Error, lang: Lang) -> anyhow::Result<ExitCode> {
    match error.downcast_ref::<AppError>() {
        Some(AppError::Keys(why)) if *why != KeysError::NoMaster => {
            eprintln!("✗ {}", why.told().get(lang));
            Ok(ExitCode::from(EXIT_REFUSED))
        }
        _ => Err(error),
    }
}

fn new_master() -> anyhow::Result<MasterKey> {
    let mut text = String::new();
    let input = std::io::stdin();
    if !input.is_terminal() {
        input.lock().take(MASTER_BYTES_MAX).read_to_string(&mut text)?;
    }
    if text.trim().is_empty() {
        return Err(AppError::from(KeysError::NoMaster).into());
    }
    let fault = Fault::new(
        "กุญแจหลักใหม่ทาง standard input ต้องเป็น 32 ไบต์ใน base64: openssl rand -base64 32",
        "The new master key on standard input has to be 32 bytes in base64: openssl rand -base64 32",
    );
    MasterKey::parse(&text).map_err(|_| fault.into())
}

async fn rotate(
    app: &App,
    which: &Which,
    given: Option<MasterKey>,
    json: bool,
    lang: Lang,
) -> anyhow::Result<ExitCode> {
    if which.master {
        app.rotate_master(&BY, given).await?;
        let id = app.keys_report(&BY).await?.masters.pop().map(|newest| newest.id).unwrap_or_default();
        let said = Bilingual::new(
            format!(
                "✓ กุญแจหลัก {id} เปิดชุดกุญแจได้แล้ว เมื่อทุกเครื่องมีกุญแจนี้แล้วให้สั่ง saphan keys forget --master และเก็บสำเนากุญแจใหม่"
            ),
            format!(
                "✓ the master key {id} opens the keyring beside the one before. Give it to every gateway, keep a copy of it, then: saphan keys forget --master"
            ),
        );
        return told(json, &json!({ "use": "master", "id": id }), &said, lang);
    }
    let r#use = if which.data { KeyUse::Data } else { KeyUse::Signing };
    let id = app.begin_rotation(&BY, r#use).await?;
    let seconds = LEAD.as_secs();
    let waiting = Bilingual::new(
        format!("กุญแจหมายเลข {id} แจ้งให้ทุกเครื่องทราบแล้ว จะเริ่มใช้ใน {seconds} วินาที"),
        format!("key {id} is made known to every gateway and is used in {seconds} seconds"),
    );
    eprintln!("{}", waiting.get(lang));
    tokio::time::sleep(LEAD).await;
    app.finish_rotation(&BY, r#use).await?;
    let (th, en) = match r#use {
        KeyUse::Data => (
            "ใช้ผนึกข้อมูลแล้ว ข้อมูลเดิมจะผนึกใหม่เบื้องหลังขณะที่ระบบทำงาน ดูความคืบหน้าด้วย saphan keys",
            "seals from now on; gateways that run seal anew what lies under the one before: saphan keys says how far they are",
        ),
        KeyUse::Lookup | KeyUse::Signing => (
            "ใช้ลงลายมือชื่อแล้ว ลายมือชื่อเดิมยังตรวจได้ด้วยกุญแจสาธารณะที่ /.well-known/jwks.json",
            "signs from now on; what was signed before is checked by the public keys at /.well-known/jwks.json",
        ),
    };
    let said = Bilingual::new(format!("✓ กุญแจหมายเลข {id} {th}"), format!("✓ key {id} {en}"));
    told(json, &json!({ "use": r#use.as_str(), "id": id }), &said, lang)
}

async fn forget(app: &App, which: &Forgotten, json: bool, lang: Lang) -> anyhow::Result<ExitCode> {
    if let Some(id) = which.data {
        app.forget_data_key(&BY, id).await?;
        let said = Bilingual::new(
            format!("✓ ลบกุญแจข้อมูลหมายเลข {id} แล้ว สำเนาสำรองเก่าที่ผนึกด้วยกุญแจนี้ต้องใช้ชุดกุญแจในสำเนานั้นเอง"),
            format!("✓ the data key {id} is gone. An older copy of the store still opens by the keyring in that copy"),
        );
        return told(json, &json!({ "use": "data", "forgotten": id }), &said, lang);
    }
    app.forget_masters(&BY).await?;
    let said =
        Bilingual::new("✓ เปิดชุดกุญแจได้ด้วยกุญแจหลักดอกใหม่เท่านั้น", "✓ only the newest master key opens the keyring now");
    told(json, &json!({ "use": "master" }), &said, lang)
}

fn told(json: bool, value: &serde_json::Value, said: &Bilingual, lang: Lang) -> anyhow::Result<ExitCode> {
    if json {
        say!("{value}");
    } else {
        say!("{}", said.get(lang));
    }
    Ok(ExitCode::SUCCESS)
}

async fn list(app: &App, json: bool, lang: Lang) -> anyhow::Result<ExitCode> {
    let report = app.keys_report(&BY).await?;
    if json {
        say!("{}", as_json(&report));
        return Ok(ExitCode::SUCCESS);
    }
    for master in &report.masters {
        let at = master.added_at.as_deref().unwrap_or("—");
        let own = if master.is_own {
            Bilingual::new("ของเครื่องนี้", "here")
        } else {
            Bilingual::new("", "")
        };
        let what = Bilingual::new("กุญแจหลัก", "master");
        say!("{:>6}  {:<8} {:<8} {at}  {}", "·", what.get(lang), own.get(lang), master.id);
    }
    for key in &report.keys {
        let at = key.key.made_at.map_or_else(|| String::from("—"), |at| at.to_string());
        let (what, state) = (use_said(key.key.r#use), state_said(key.key.state));
        let kid = key.key.kid.as_deref().unwrap_or("");
        say!("{:>6}  {:<8} {:<8} {at}  {kid}", key.key.id, what.get(lang), state.get(lang));
        if let Some(said) = still_said(key) {
            say!("        {}", said.get(lang));
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn use_said(of: KeyUse) -> Bilingual {
    match of {
        KeyUse::Data => Bilingual::new("ผนึกข้อมูล", "data"),
        KeyUse::Lookup => Bilingual::new("ค้นหา", "lookup"),
        KeyUse::Signing => Bilingual::new("ลงนาม", "signing"),
    }
}

fn state_said(of: KeyState) -> Bilingual {
    match of {
        KeyState::Coming => Bilingual::new("กำลังจะใช้", "coming"),
        KeyState::Current => Bilingual::new("ใช้อยู่", "current"),
        KeyState::Old => Bilingual::new("เก่า", "old"),
    }
}

fn still_said(key: &KeyReport) -> Option<Bilingual> {
    if let Some(reseal) = key.reseal.as_ref() {
        let done = thousands(reseal.resealed);
        return Some(match reseal.ended_at {
            None => Bilingual::new(
                format!("ผนึกใหม่แล้ว {done} รายการ ยังทำต่ออยู่"),
                format!("{done} records sealed anew so far, by gateways that run"),
            ),
            Some(at) => Bilingual::new(
                format!("ผนึกใหม่ครบแล้ว {done} รายการ เมื่อ {at}"),
                format!("{done} records sealed anew; nothing was left at {at}"),
            ),
        });
    }
    let needed = key.needed?;
    let id = key.key.id;
    if needed.is_nothing() {
        return Some(Bilingual::new(
            format!("ไม่มีอะไรต้องใช้แล้ว: saphan keys forget --data {id}"),
            format!("nothing needs it any more: saphan keys forget --data {id}"),
        ));
    }
    let Needed { records, accounts, sign_ins, files, requests, uploads } = needed;
    let [records, accounts, sign_ins] = [records, accounts, sign_ins].map(thousands);
    let [files, requests, uploads] = [files, requests, uploads].map(thousands);
    Some(Bilingual::new(
        format!(
            "ยังต้องใช้: ข้อมูลผู้เรียน {records} บัญชีผู้ใช้ {accounts} การเข้าระบบ {sign_ins} ไฟล์ที่รับไว้ไม่เกิน {files} คำขอของเจ้าของข้อมูล {requests} การอัปโหลด {uploads}"
        ),
        format!(
            "still needed: {records} records, {accounts} values of accounts, {sign_ins} sign-ins, up to {files} kept files, {requests} requests of persons, {uploads} uploads"
        ),
    ))
}

fn as_json(report: &KeysReport) -> serde_json::Value {
    let key = |of: &KeyReport| {
        json!({
            "id": of.key.id,
            "use": of.key.r#use,
            "state": of.key.state,
            "made_at": of.key.made_at.map(|at| at.to_string()),
            "old_since": of.key.old_since.map(|at| at.to_string()),
            "kid": of.key.kid,
            "needed": of.needed,
            "resealed": of.reseal.as_ref().map(|reseal| reseal.resealed),
            "reseal_ended_at": of.reseal.as_ref().and_then(|reseal| reseal.ended_at).map(|at| at.to_string()),
        })
    };
    json!({
        "revision": report.revision,
        "masters": report.masters,
        "keys": report.keys.iter().map(key).collect::<Vec<_>>(),
    })
}
