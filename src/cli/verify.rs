//! `saphan count verify`: counts again, and says what differs from a manifest and whether this gateway signed it.
//!
//! Owns what counts as verified: signed by this gateway and the same again. A manifest without a signature may be the
//! same and is still nobody's, so it does not end with 0 unless the caller says that a comparison is all that is wanted.

use super::EXIT_REFUSED;
use super::fault::{self, Fault};
use super::terminal::say;
use crate::app::App;
use crate::app::counting::{ManifestSeal, Verification};
use crate::count::manifest::{self, Difference};
use crate::domain::principal::Principal;
use crate::domain::text::Lang;
use clap::Args;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  saphan count verify count.json\n  saphan count verify count.json --signature received.sig --json\n  saphan count verify count.json --unsigned\n\nExit codes: 0 signed by this gateway and the same again (with --unsigned: the same again), 2 it differs, or it is not signed by this gateway, or there is no signature, 1 could not run."
)]
pub struct Arguments {
    /// The manifest
    #[arg(value_name = "FILE")]
    manifest: PathBuf,
    /// Its signature (default: FILE.sig beside it)
    #[arg(long, value_name = "FILE", conflicts_with = "unsigned")]
    signature: Option<PathBuf>,
    /// Only compare: whose manifest it is doesn't matter
    #[arg(long)]
    unsigned: bool,
    /// What was found, as JSON on standard output
    #[arg(long)]
    json: bool,
}

/// `count.json` → `count.json.sig`
pub fn seal_path(path: &Path) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(".sig");
    PathBuf::from(name)
}

pub async fn run(app: &App, arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let bytes = read(&arguments.manifest)?;
    let beside = seal_path(&arguments.manifest);
    let seal: Option<ManifestSeal> = match &arguments.signature {
        _ if arguments.unsigned => None,
        // One that is there and can't be looked at is a fault, not a missing one.
        None if matches!(beside.try_exists(), Ok(false)) => None,
        named => {
            let path = named.as_ref().unwrap_or(&beside);
            let bytes = read(path)?;
            Some(serde_json::from_slice(&bytes).map_err(|_| not_a_seal(path))?)
        }
    };
    let verification = app.verify_count(&Principal::Operator, &bytes, seal.as_ref()).await?;
    let same = verification.differences.is_empty();
    let verified = same && verification.signature_valid == Some(true);
    if arguments.json {
        let mut found = serde_json::to_value(&verification)?;
        found["verified"] = verified.into();
        say!("{found}");
    } else {
        if !arguments.unsigned {
            say!("{}", signature_said(verification.signature_valid, &beside, lang));
        }
        say!("{}", differences_said(&verification, lang));
    }
    let well = verified || (arguments.unsigned && same);
    Ok(if well { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) })
}

fn not_a_seal(path: &Path) -> Fault {
    let path = path.display();
    Fault::new(
        format!("{path} ไม่ใช่ลายมือชื่อของเอกสารการนับ ใช้ไฟล์ .sig ที่มาคู่กับเอกสาร"),
        format!("{path} is not a signature of a manifest. Use the file .sig that came with the manifest"),
    )
}

fn read(path: &Path) -> anyhow::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    std::fs::File::open(path)
        .and_then(|file| file.take(manifest::BYTES_MAX as u64 + 1).read_to_end(&mut bytes))
        .map_err(|error| fault::unreadable(path, &error))?;
    if bytes.len() > manifest::BYTES_MAX {
        let (path, most) = (path.display(), manifest::BYTES_MAX);
        let th = format!("{path} ยาวเกิน {most} ไบต์ จึงไม่ใช่เอกสารการนับ ตรวจว่าเลือกไฟล์ถูก");
        return Err(Fault::new(
            th,
            format!("{path} is longer than {most} bytes: no manifest is. Check that it is the right file"),
        )
        .into());
    }
    Ok(bytes)
}

fn signature_said(valid: Option<bool>, beside: &Path, lang: Lang) -> String {
    let thai = lang == Lang::Th;
    match valid {
        Some(true) if thai => String::from("✓ ลายมือชื่อเป็นของระบบนี้"),
        Some(true) => String::from("✓ the signature is this gateway's"),
        Some(false) if thai => String::from("✗ ลายมือชื่อไม่ใช่ของระบบนี้ หรือเอกสารถูกแก้ไข"),
        Some(false) => String::from("✗ the signature is not this gateway's, or the manifest was changed"),
        None if thai => format!(
            "✗ ไม่ได้พิสูจน์ว่าใครทำเอกสารนี้ เพราะไม่มีลายมือชื่อ {}\n  วางไฟล์ลายมือชื่อไว้ข้างกัน หรือระบุ --signature ไฟล์ หากต้องการเพียงเทียบผลให้ใช้ --unsigned",
            beside.display()
        ),
        None => format!(
            "✗ nothing proves who made this manifest: there is no signature {}\n  Put the signature beside it, or name it with --signature FILE; to compare only, use --unsigned",
            beside.display()
        ),
    }
}

fn differences_said(verification: &Verification, lang: Lang) -> String {
    let thai = lang == Lang::Th;
    if verification.differences.is_empty() {
        let words = if thai {
            "✓ นับใหม่แล้ว ข้อมูลเข้า กติกา และผลตรงกัน"
        } else {
            "✓ counted again: the same inputs, rules and result"
        };
        return words.to_owned();
    }
    let list: Vec<&str> = verification.differences.iter().map(|what| difference_said(*what, thai)).collect();
    let words = if thai {
        "✗ นับใหม่แล้วไม่ตรงกันใน"
    } else {
        "✗ counted again, and it differs in:"
    };
    let erased = super::terminal::thousands(verification.erased_rows);
    let since = match (verification.erased_rows, thai) {
        (0, _) => String::new(),
        (_, true) => format!("\n! ลบไปแล้ว {erased} แถวของรอบนี้ตามกำหนดเก็บรักษาหรือคำขอของเจ้าของข้อมูล จึงนับซ้ำให้เท่าเดิมไม่ได้"),
        (_, false) => format!(
            "\n! {erased} rows of this round were erased since, by rule or because persons asked: what was counted then can't be counted again"
        ),
    };
    format!("{words} {}{since}", list.join(", "))
}

fn difference_said(of: Difference, thai: bool) -> &'static str {
    let (th, en) = match of {
        Difference::Round => ("รอบ", "round"),
        Difference::Inputs => ("ข้อมูลเข้า", "inputs"),
        Difference::Lists => ("รายการรหัส", "lists"),
        Difference::Rules => ("กติกา", "rules"),
        Difference::Result => ("ผล", "result"),
    };
    if thai { th } else { en }
}
