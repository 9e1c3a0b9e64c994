//! A receipt as a person reads it in a terminal of 80 columns: the numbers, then what to put right.

use super::fault::{self, Fault};
use super::terminal::{Tone, fit, paint, thousands, width};
use crate::app::assets::Assets;
use crate::app::refusal::FileRefusal;
use crate::decode::{DecodeError, Format};
use crate::domain::finding::Severity;
use crate::domain::ids::SubmissionId;
use crate::domain::receipt::{Cause, Receipt};
use crate::domain::text::Lang;
use std::fmt::Write;
use std::path::Path;

/// Causes shown before "and N more".
const CAUSES_SHOWN: usize = 12;
const COLUMNS: usize = 80;

/// `title`: the file's name; `rate`: rows a second, where measured; `refused_to`: where refused rows went.
pub fn receipt(title: &str, receipt: &Receipt, rate: Option<u64>, refused_to: Option<&str>, lang: Lang) -> String {
    let mut out = String::new();
    let words = words(lang);
    let _ = writeln!(
        out,
        "{} · {} · {} · {} {}",
        paint(Tone::Strong, title),
        receipt.mapping,
        receipt.encoding,
        words.round,
        receipt.round
    );
    // A file that was taken before is not read again: there was nothing to measure.
    let rate = rate.filter(|_| receipt.duplicate_of.is_none());
    let rate = rate.map(|rate| format!(" · {} {}", thousands(rate), words.rate)).unwrap_or_default();
    let _ = writeln!(out, "  {} {}{rate}", thousands(receipt.received), words.rows);
    let mut line = format!("  {}", paint(Tone::Good, &format!("✓ {} {}", thousands(receipt.accepted), words.accepted)));
    if receipt.warned > 0 {
        let text = format!("! {} {}", thousands(receipt.warned), words.warned);
        let _ = write!(line, "   {}", paint(Tone::Warn, &text));
    }
    let text = format!("✗ {} {}", thousands(receipt.refused), words.refused);
    let _ = write!(line, "   {}", if receipt.refused > 0 { paint(Tone::Bad, &text) } else { text });
    if let (Some(path), true) = (refused_to, receipt.refused > 0) {
        let _ = write!(line, " → {path}");
    }
    let _ = writeln!(out, "{line}");
    if receipt.unchanged > 0 {
        let _ = writeln!(out, "  = {} {}", thousands(receipt.unchanged), words.unchanged);
    }
    if receipt.removed > 0 {
        let text = format!("- {} {}", thousands(receipt.removed), words.removed);
        let _ = writeln!(out, "  {}", paint(Tone::Warn, &text));
    }
    if let Some(earlier) = &receipt.duplicate_of {
        let _ = writeln!(out, "  {} {earlier}", words.duplicate);
    }
    causes(&mut out, receipt, lang);
    for (names, said) in [(&receipt.unmapped_columns, words.unmapped), (&receipt.missing_columns, words.missing)] {
        if !names.is_empty() {
            let _ = writeln!(out, "\n  {said}: {}", names.join(", "));
        }
    }
    out
}

fn causes(out: &mut String, receipt: &Receipt, lang: Lang) {
    if receipt.causes.is_empty() {
        return;
    }
    let words = words(lang);
    let text_columns = COLUMNS - 26;
    let _ = writeln!(out, "\n  {}{:>9}  {:>8}", fit(words.put_right, text_columns + 6), words.rows, words.first);
    // What refuses rows comes before what is only worth a look.
    let order = |cause: &&Cause| std::cmp::Reverse(cause.severity);
    let mut sorted: Vec<&Cause> = receipt.causes.iter().collect();
    sorted.sort_by_key(order);
    for (number, cause) in sorted.iter().take(CAUSES_SHOWN).enumerate() {
        let sign = match cause.severity {
            Severity::Error => paint(Tone::Bad, "✗"),
            Severity::Warning => paint(Tone::Warn, "!"),
            Severity::Info => String::from("·"),
        };
        let mut lines = wrap(cause.message.get(lang), text_columns).into_iter();
        let first = lines.next().unwrap_or_default();
        let of_file = cause.rows == 0;
        let _ = writeln!(
            out,
            "  {:>2} {sign} {} {:>9}  {:>8}",
            number + 1,
            fit(&first, text_columns),
            if of_file { String::from("–") } else { thousands(cause.rows) },
            if of_file { String::new() } else { format!("#{}", cause.first_row) }
        );
        for line in lines {
            let _ = writeln!(out, "       {line}");
        }
        for line in wrap(cause.hint.get(lang), COLUMNS - 9) {
            let _ = writeln!(out, "       {}", paint(Tone::Quiet, &line));
        }
    }
    let more = sorted.len().saturating_sub(CAUSES_SHOWN);
    if more > 0 {
        let _ = writeln!(out, "     … {more} {}", words.more);
    }
}

/// Breaks at spaces where there are any (Thai has none inside a phrase), else at the width.
pub fn wrap(text: &str, columns: usize) -> Vec<String> {
    let mut lines = Vec::new();
    let mut line = String::new();
    for word in text.split_whitespace() {
        if !line.is_empty() && width(&line) + 1 + width(word) > columns {
            lines.push(std::mem::take(&mut line));
        }
        if !line.is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    if !line.is_empty() {
        lines.push(line);
    }
    lines
}

struct Words {
    round: &'static str,
    rows: &'static str,
    rate: &'static str,
    accepted: &'static str,
    warned: &'static str,
    refused: &'static str,
    unchanged: &'static str,
    removed: &'static str,
    duplicate: &'static str,
    put_right: &'static str,
    first: &'static str,
    more: &'static str,
    unmapped: &'static str,
    missing: &'static str,
}

fn words(lang: Lang) -> &'static Words {
    match lang {
        Lang::En => &Words {
            round: "round",
            rows: "rows",
            rate: "rows/s",
            accepted: "accepted",
            warned: "with warnings",
            refused: "refused",
            unchanged: "say what was held already",
            removed: "held before and not named any more: look whether the file is whole",
            duplicate: "the same file was taken already as",
            put_right: "what to put right",
            first: "first",
            more: "more; see the JSON receipt",
            unmapped: "in the file and mapped by nobody (tell the ministry if it matters)",
            missing: "optional columns the file does not have",
        },
        Lang::Th => &Words {
            round: "รอบ",
            rows: "แถว",
            rate: "แถว/วินาที",
            accepted: "รับแล้ว",
            warned: "รับแล้วแต่ควรตรวจดู",
            refused: "ไม่รับ",
            unchanged: "ข้อมูลตรงกับที่มีอยู่แล้ว",
            removed: "มีอยู่เดิมแต่ไฟล์นี้ไม่มีแล้ว โปรดตรวจว่าไฟล์ครบหรือไม่",
            duplicate: "ไฟล์เดียวกันนี้รับไว้แล้วเป็น",
            put_right: "สิ่งที่ต้องแก้",
            first: "แถวแรก",
            more: "รายการ ดูทั้งหมดในใบรับข้อมูล (JSON)",
            unmapped: "มีในไฟล์แต่ยังไม่ได้จับคู่ (แจ้งกระทรวงหากจำเป็น)",
            missing: "คอลัมน์ไม่บังคับที่ไฟล์นี้ไม่มี",
        },
    }
}

/// Why a whole file can't be taken, with the next step.
pub fn file_refused(path: &Path, error: DecodeError, format: Format, assets: &Assets) -> Fault {
    match error {
        DecodeError::Refused { rule, place, detail } => {
            let refusal = FileRefusal::new(rule, &place, &detail, Some(format), assets.library.catalogue());
            let said = |lang| format!("{}: {}", path.display(), refusal.sentence(lang));
            Fault::new(said(Lang::Th), said(Lang::En))
        }
        DecodeError::Io(error) => fault::unreadable(path, &error),
    }
}

/// A file that is kept, but was not taken.
pub fn submission_refused(id: &SubmissionId, refusal: &FileRefusal) -> Fault {
    Fault::new(
        format!("เก็บไฟล์ไว้เป็น {id} แต่ไม่ได้รับข้อมูล: {}", refusal.sentence(Lang::Th)),
        format!("the file is kept as {id} but was not taken: {}", refusal.sentence(Lang::En)),
    )
}

/// Said before a run without a register.
pub fn schools_unchecked(lang: Lang) -> &'static str {
    match lang {
        Lang::Th => {
            "saphan: ไม่ได้ให้ทะเบียนสถานศึกษา (--schools ไฟล์) รหัสสถานศึกษาจึงตรวจเฉพาะรูปแบบ 10 หลัก ไม่ได้เทียบกับทะเบียน รหัสแบบอื่นเช่น SMIS จะไม่รับ"
        }
        Lang::En => {
            "saphan: no school register was given (--schools FILE): school codes are not checked against a register, only their ten-digit form; other codes such as SMIS are refused"
        }
    }
}

/// Said where some rows of the register file were refused.
pub fn register_refused(rows: u64, lang: Lang) -> String {
    match lang {
        Lang::Th => format!("saphan: ทะเบียนสถานศึกษามี {rows} แถวที่ไม่รับ ใช้ผัง moe/schools แปลงไฟล์นั้นเพื่อดูสาเหตุ"),
        Lang::En => {
            format!("saphan: {rows} rows of the school register are refused; map it with moe/schools to see why")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repeated_file_has_no_rate() {
        let mut of = Receipt {
            submission: None,
            mapping: String::from("obec/enrolments@1"),
            standard: String::from("enrolment/1"),
            round: String::from("2026-06-10"),
            received: 1_200,
            accepted: 1_200,
            refused: 0,
            warned: 0,
            unchanged: 0,
            removed: 0,
            duplicate_of: None,
            encoding: String::from("utf-8"),
            unmapped_columns: Vec::new(),
            missing_columns: Vec::new(),
            sha256: String::new(),
            causes: Vec::new(),
            causes_not_listed: 0,
        };
        assert!(receipt("a.csv", &of, Some(4_000), None, Lang::En).contains("1,200 rows · 4,000 rows/s"));
        of.duplicate_of = Some(String::from("sub_1"));
        let said = receipt("a.csv", &of, Some(0), None, Lang::En);
        assert!(said.contains("1,200 rows\n") && !said.contains("rows/s"), "{said}");
    }
}
