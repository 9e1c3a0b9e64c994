//! `saphan journal`: checks the journal from end to end, signs where it is, gives it out for others to check.
//!
//! Owns what is said of a fault: which entry, what is wrong, what to do. That is `docs/journal.md` in short.

use super::EXIT_REFUSED;
use super::terminal::{say, thousands};
use crate::app::App;
use crate::app::journal::{Checkpointing, Verification};
use crate::domain::journal::{Checkpoint, Fault};
use crate::domain::principal::Principal;
use crate::domain::text::{Bilingual, Lang};
use anyhow::{Context, bail};
use clap::{Args, Subcommand};
use std::io::{BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// Longest file that may hold a kept checkpoint: a key and a line.
const KEPT_BYTES_MAX: u64 = 64 << 10;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  saphan journal checkpoint > /media/elsewhere/checkpoint.ndjson\n  saphan journal verify --checkpoint /media/elsewhere/checkpoint.ndjson\n  saphan journal export > journal.ndjson"
)]
pub struct Arguments {
    #[command(subcommand)]
    act: Act,
}

#[derive(Debug, Subcommand)]
enum Act {
    /// Walks the whole journal and names the first bad entry
    #[command(
        after_help = "Examples:\n  saphan journal verify\n  saphan journal verify --checkpoint checkpoint.ndjson --json\n\nEntries that were cut off at the end with their checkpoints are missed only by a checkpoint that was kept elsewhere.\n\nExit codes: 0 the journal holds, 2 it doesn't, 1 could not run."
    )]
    Verify {
        /// A checkpoint that was kept elsewhere, as `saphan journal checkpoint` printed it
        #[arg(long, value_name = "FILE")]
        checkpoint: Option<PathBuf>,
        /// What was found, as JSON on standard output
        #[arg(long)]
        json: bool,
    },
    /// Signs where the journal is and prints the newest checkpoint, with the public key, to be kept elsewhere
    #[command(
        after_help = "Example:\n  saphan journal checkpoint > /media/elsewhere/checkpoint.ndjson\n\nExit codes: 0 printed, 2 the journal doesn't hold and nothing was signed, 1 could not run (also: there is no entry)."
    )]
    Checkpoint,
    /// Prints the whole journal with hashes, checkpoints and the public key, one JSON a line
    #[command(
        after_help = "Examples:\n  saphan journal export > journal.ndjson\n  scripts/verify-journal.sh journal.ndjson checkpoint.ndjson\n\nThe export is itself an entry of the journal.\n\nExit codes: 0 exported, 2 exported though the journal doesn't hold, 1 could not run."
    )]
    Export,
}

pub fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    runtime.block_on(async {
        let kept = match &arguments.act {
            Act::Verify { checkpoint: Some(path), .. } => Some(kept(path, lang)?),
            _ => None,
        };
        let app = crate::startup::open(&super::settings()?).await?;
        match &arguments.act {
            Act::Verify { json, .. } => verify(&app, kept.as_ref(), *json, lang).await,
            Act::Checkpoint => checkpoint(&app, lang).await,
            Act::Export => export(&app, lang).await,
        }
    })
}

async fn verify(app: &App, kept: Option<&Checkpoint>, json: bool, lang: Lang) -> anyhow::Result<ExitCode> {
    let found = app.verify_journal(&Principal::Operator, kept).await?;
    if json {
        let mut said = serde_json::to_value(&found)?;
        said["first_bad"] = found.fault.map(|fault| fault.first_bad()).into();
        say!("{said}");
    } else {
        say!("{}", found_said(&found).get(lang));
    }
    Ok(if found.holds { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) })
}

async fn checkpoint(app: &App, lang: Lang) -> anyhow::Result<ExitCode> {
    let empty = Bilingual::new(
        "สมุดบันทึกยังไม่มีรายการ จึงไม่มีอะไรให้ลงลายมือชื่อ",
        "the journal has no entry yet, so there is nothing to sign",
    );
    match app.checkpoint_journal(&Principal::Operator).await? {
        Checkpointing::Newest(newest) => {
            say!("{}\n{}", app.journal_key(&Principal::Operator)?, newest.line());
            Ok(ExitCode::SUCCESS)
        }
        Checkpointing::Refused(fault) => Ok(refused(&fault, lang)),
        Checkpointing::Empty => bail!("{}", empty.get(lang)),
    }
}

async fn export(app: &App, lang: Lang) -> anyhow::Result<ExitCode> {
    let mut out = BufWriter::new(std::io::stdout().lock());
    let made = app.export_journal(&Principal::Operator, |line| writeln!(out, "{line}")).await?;
    out.flush()?;
    Ok(match made {
        Checkpointing::Refused(fault) => refused(&fault, lang),
        Checkpointing::Newest(_) | Checkpointing::Empty => ExitCode::SUCCESS,
    })
}

fn refused(fault: &Fault, lang: Lang) -> ExitCode {
    let said = fault_said(fault);
    let nothing = Bilingual::new("จึงไม่ได้ลงลายมือชื่อ", "so nothing was signed");
    eprintln!("✗ {}\n  {}\n  {}", said.get(lang), nothing.get(lang), what_now().get(lang));
    ExitCode::from(EXIT_REFUSED)
}

/// The last checkpoint of the file.
fn kept(path: &Path, lang: Lang) -> anyhow::Result<Checkpoint> {
    let mut text = String::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(KEPT_BYTES_MAX).read_to_string(&mut text))
        .with_context(|| format!("{} can't be read", path.display()))?;
    let Some(found) = text.lines().filter_map(Checkpoint::parse).next_back() else {
        let name = path.display();
        let said = Bilingual::new(
            format!("{name} ไม่มีจุดตรวจของสมุดบันทึก ให้ใช้ไฟล์ที่ saphan journal checkpoint พิมพ์ออกมา"),
            format!("{name} holds no checkpoint; give the file that `saphan journal checkpoint` printed"),
        );
        bail!("{}", said.get(lang));
    };
    Ok(found)
}

fn found_said(found: &Verification) -> Bilingual {
    let (entries, checkpoints) = (thousands(found.entries.unsigned_abs()), thousands(found.checkpoints));
    let signed_to = thousands(found.signed_to.unsigned_abs());
    if let Some(fault) = &found.fault {
        let (said, now) = (fault_said(fault), what_now());
        return Bilingual::new(
            format!("✗ {}\n  ก่อนหน้านั้นถูกต้อง {entries} รายการ ลงลายมือชื่อไว้ถึงรายการที่ {signed_to}\n  {}", said.th, now.th),
            format!(
                "✗ {}\n  {entries} entries before are right, signed up to entry {signed_to}\n  {}",
                said.en, now.en
            ),
        );
    }
    let unsigned = found.entries - found.signed_to;
    let rest = thousands(unsigned.unsigned_abs());
    let (rest_th, rest_en) = if unsigned == 0 {
        (String::new(), String::new())
    } else {
        (
            format!("\n! {rest} รายการหลังสุดยังไม่มีจุดตรวจลงลายมือชื่อ: saphan journal checkpoint"),
            format!("\n! the last {rest} are not signed yet: saphan journal checkpoint"),
        )
    };
    Bilingual::new(
        format!("✓ สมุดบันทึกถูกต้อง {entries} รายการ {checkpoints} จุดตรวจ{rest_th}"),
        format!("✓ the journal holds: {entries} entries, {checkpoints} checkpoints{rest_en}"),
    )
}

fn what_now() -> Bilingual {
    Bilingual::new(
        "อย่าแก้ฐานข้อมูล ให้เก็บสำเนาไว้เป็นหลักฐาน เทียบรายการตั้งแต่จุดนั้นกับสำเนาสำรองที่ตรวจแล้วถูกต้อง และดูว่าใครมีสิทธิเขียนฐานข้อมูล (docs/journal.md)",
        "Leave the store as it is and keep a copy as evidence; compare from that entry on with a backup that holds, and look who may write to the database (docs/journal.md)",
    )
}

fn range(first: i64, last: i64) -> (String, String) {
    if first == last {
        (format!("รายการที่ {first}"), format!("entry {first}"))
    } else {
        (format!("รายการที่ {first} ถึง {last}"), format!("entries {first} to {last}"))
    }
}

fn fault_said(fault: &Fault) -> Bilingual {
    match *fault {
        Fault::Edited { entry } => Bilingual::new(
            format!("รายการที่ {entry} ถูกแก้ไข: ค่าแฮชไม่ตรงกับเนื้อหา"),
            format!("entry {entry} was edited: its hash is not that of its content"),
        ),
        Fault::Rewritten { entry, signed_to } => Bilingual::new(
            format!(
                "รายการที่ {entry} ถูกแก้ไขและคำนวณแฮชใหม่: รายการถัดไปไม่ต่อจากรายการนี้ รายการหลังจากที่ {signed_to} อาจถูกแก้ด้วย"
            ),
            format!(
                "entry {entry} was edited and its hash made anew: the next one does not follow from it; any after entry {signed_to} may have been"
            ),
        ),
        Fault::Missing { first, last } => {
            let (th, en) = range(first, last);
            Bilingual::new(format!("{th} ถูกลบ"), format!("deleted: {en}"))
        }
        Fault::Inserted { entry } => {
            Bilingual::new(format!("รายการที่ {entry} ถูกแทรกเข้ามา"), format!("entry {entry} was inserted"))
        }
        Fault::Reordered { entry, with } => Bilingual::new(
            format!("รายการที่ {entry} และ {with} ถูกสลับลำดับ"),
            format!("entries {entry} and {with} were put into another order"),
        ),
        Fault::CheckpointForged { checkpoint } => Bilingual::new(
            format!("จุดตรวจของรายการที่ {checkpoint} ไม่ได้ลงลายมือชื่อโดยระบบนี้ หรือถูกแก้ไข"),
            format!("the checkpoint of entry {checkpoint} is not signed by this gateway, or it was changed"),
        ),
        Fault::CheckpointDiffers { checkpoint, first, last } => {
            let (th, en) = range(first, last);
            Bilingual::new(
                format!("{th} มีการแก้ไขและคำนวณแฮชใหม่ทั้งหมด: ไม่ตรงกับจุดตรวจที่ลงลายมือชื่อไว้ของรายการที่ {checkpoint}"),
                format!(
                    "changed among {en}, and all hashes made anew: not what the checkpoint of entry {checkpoint} signed"
                ),
            )
        }
        Fault::TailMissing { first, last } => {
            let (th, en) = range(first, last);
            Bilingual::new(
                format!("{th} ที่ท้ายสมุดถูกลบ: มีจุดตรวจที่ลงลายมือชื่อไว้แล้ว"),
                format!("deleted at the end: {en}, which a checkpoint has signed"),
            )
        }
    }
}
