//! `saphan migrate`: brings the store's tables up to date without serving, and spreads them over machines on request.

use super::terminal::say;
use crate::domain::text::Lang;
use crate::store::{Distribution, Store};
use anyhow::Context;
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  SAPHAN_DATABASE_URL=postgres://saphan@db/saphan saphan migrate\n  SAPHAN_DATABASE_URL=postgres://saphan@coordinator/saphan saphan migrate --distribute\n\nEvery other command does the first by itself. Before --distribute: docs/operations.md, \"Distributed\"."
)]
pub struct Arguments {
    /// Spreads the rows over the machines of a PostgreSQL with Citus; without Citus it does nothing
    #[arg(long)]
    distribute: bool,
    /// What was done, as JSON on standard output
    #[arg(long)]
    json: bool,
}

pub fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let settings = super::settings()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let store = Store::open(&settings.database).await.context("the store can't be opened")?;
        let version = store.version().await?;
        let distribution = if arguments.distribute { Some(store.distribute().await?) } else { None };
        store.close().await;
        if arguments.json {
            let distribution = distribution.as_ref().map(Distribution::as_str);
            say!("{}", serde_json::json!({ "version": version, "distribution": distribution }));
        } else {
            let thai = lang == Lang::Th;
            say!(
                "{}",
                if thai {
                    format!("ตารางเป็นรุ่น {version}")
                } else {
                    format!("The tables are at version {version}.")
                }
            );
            if let Some(distribution) = distribution {
                say!("{}", if thai { in_thai(&distribution) } else { in_english(&distribution) });
            }
        }
        Ok(ExitCode::SUCCESS)
    })
}

fn in_english(distribution: &Distribution) -> String {
    match distribution {
        Distribution::NoExtension => {
            "Nothing was distributed: the database is not a PostgreSQL with the extension citus. \
            All rows stay on one machine, and everything works as before."
                .to_owned()
        }
        Distribution::Already { citus } => {
            format!("The rows were distributed already (citus {citus}); nothing was changed.")
        }
        Distribution::Done { citus } => {
            format!("The rows are distributed by learner (citus {citus}). Start every gateway anew, one after another.")
        }
    }
}

fn in_thai(distribution: &Distribution) -> String {
    match distribution {
        Distribution::NoExtension => "ไม่ได้กระจายข้อมูล เพราะฐานข้อมูลไม่ใช่ PostgreSQL ที่มีส่วนขยาย citus \
            ข้อมูลทั้งหมดอยู่เครื่องเดียวตามเดิม และทุกอย่างทำงานตามปกติ"
            .to_owned(),
        Distribution::Already { citus } => format!("กระจายข้อมูลไว้แล้ว (citus {citus}) จึงไม่ได้เปลี่ยนอะไร"),
        Distribution::Done { citus } => {
            format!("กระจายข้อมูลตามผู้เรียนแล้ว (citus {citus}) ให้เริ่มเกตเวย์ใหม่ทีละเครื่องจนครบ")
        }
    }
}
