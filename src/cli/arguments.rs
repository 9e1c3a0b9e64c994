//! A wrong command line, said in Thai. What the parser says itself is English.
//!
//! Owns the sentence around what was typed; names of commands and options stay as they are typed. The language has to be
//! found before the command line could be read.

use crate::domain::round::RoundError;
use clap::error::{ContextKind, ContextValue, ErrorKind};
use std::error::Error;

/// The language asked for: `--lang` wherever it stands, else `SAPHAN_LANG`.
pub fn lang_asked(mut arguments: impl Iterator<Item = String>) -> Option<String> {
    while let Some(argument) = arguments.next() {
        if argument == "--lang" {
            return arguments.next();
        }
        if let Some(lang) = argument.strip_prefix("--lang=") {
            return Some(lang.to_owned());
        }
    }
    std::env::var("SAPHAN_LANG").ok()
}

/// None: it is no fault but help, which there is in English alone.
pub fn said_in_thai(error: &clap::Error) -> Option<String> {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        return None;
    }
    let mut text = format!("saphan: {}", fault(error));
    for (kind, words) in [
        (ContextKind::ValidValue, "ใช้ได้"),
        (ContextKind::ValidSubcommand, "มีคำสั่ง"),
        (ContextKind::SuggestedSubcommand, "หมายถึงคำสั่งนี้หรือไม่"),
        (ContextKind::SuggestedArg, "หมายถึงตัวเลือกนี้หรือไม่"),
        (ContextKind::SuggestedValue, "หมายถึงค่านี้หรือไม่"),
    ] {
        let names = texts(error, kind);
        if !names.is_empty() {
            text += &format!("\n  {words}: {}", names.join(", "));
        }
    }
    let usage = texts(error, ContextKind::Usage).concat();
    if let Some(usage) = usage.trim().strip_prefix("Usage:") {
        text += &format!("\n\nวิธีใช้: {}", usage.trim());
    }
    Some(text + "\n\nดูตัวเลือกและตัวอย่างทั้งหมดด้วย --help\n")
}

fn fault(error: &clap::Error) -> String {
    let of = |kind| texts(error, kind).join(", ");
    let (argument, value) = (of(ContextKind::InvalidArg), of(ContextKind::InvalidValue));
    match error.kind() {
        ErrorKind::UnknownArgument => format!("ไม่มีตัวเลือก '{argument}'"),
        ErrorKind::InvalidSubcommand => format!("ไม่มีคำสั่ง '{}'", of(ContextKind::InvalidSubcommand)),
        ErrorKind::InvalidValue if value.is_empty() => format!("'{argument}' ต้องมีค่าตามหลัง"),
        ErrorKind::InvalidValue | ErrorKind::ValueValidation => {
            let cause = error.source().map(|cause| format!(": {}", cause_said(cause))).unwrap_or_default();
            format!("ค่า '{value}' ใช้กับ '{argument}' ไม่ได้{cause}")
        }
        ErrorKind::MissingRequiredArgument => format!("ยังขาด {argument}"),
        ErrorKind::MissingSubcommand => String::from("ต้องระบุคำสั่งย่อย"),
        ErrorKind::ArgumentConflict => match of(ContextKind::PriorArg) {
            prior if prior.is_empty() || prior == argument => format!("ระบุ '{argument}' ได้ครั้งเดียว"),
            prior => format!("ใช้ '{argument}' ร่วมกับ '{prior}' ไม่ได้"),
        },
        _ => String::from("อ่านคำสั่งนี้ไม่ได้"),
    }
}

fn cause_said(cause: &(dyn Error + 'static)) -> String {
    if let Some(round) = cause.downcast_ref::<RoundError>() {
        return round.said().th;
    }
    match cause.is::<std::num::ParseIntError>() {
        true => String::from("ต้องเป็นจำนวนเต็มตั้งแต่ 0"),
        false => cause.to_string(),
    }
}

fn texts(error: &clap::Error, kind: ContextKind) -> Vec<String> {
    match error.get(kind) {
        Some(ContextValue::String(text)) => vec![text.clone()],
        Some(ContextValue::Strings(texts)) => texts.clone(),
        Some(ContextValue::StyledStr(text)) => vec![text.to_string()],
        Some(ContextValue::StyledStrs(texts)) => texts.iter().map(ToString::to_string).collect(),
        _ => Vec::new(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::Parser;

    fn said(words: &[&str]) -> String {
        let error = Cli::try_parse_from(std::iter::once(&"saphan").chain(words)).unwrap_err();
        said_in_thai(&error).unwrap()
    }

    #[test]
    fn every_fault_names_what_was_typed_and_the_way_to_help() {
        for (words, wanted) in [
            (&["map", "--maping"][..], "ไม่มีตัวเลือก '--maping'\n  หมายถึงตัวเลือกนี้หรือไม่: --mapping"),
            (&["publsh"], "ไม่มีคำสั่ง 'publsh'\n  หมายถึงคำสั่งนี้หรือไม่: publish"),
            (&["count"], "ยังขาด --round <ROUND>"),
            (&["map", "--mapping"], "'--mapping <MAPPING>' ต้องมีค่าตามหลัง"),
            (&["count", "--round", "2026-13-40"], "ค่า '2026-13-40' ใช้กับ '--round <ROUND>' ไม่ได้: รอบเขียนเป็นวันนับ"),
            (&["count", "--round", "2026-06-11"], "ไม่ได้: 2026-06-11 ไม่ใช่วันนับ"),
            (&["map", "--threads", "two", "x"], "ค่า 'two' ใช้กับ '--threads <N>' ไม่ได้: ต้องเป็นจำนวนเต็ม"),
            (&["submit", "--mode", "all", "x"], "ค่า 'all' ใช้กับ '--mode <MODE>' ไม่ได้\n  ใช้ได้: replace, delta"),
            (&["try", "--kind", "date", "--step", "date", "--", "x"], "ร่วมกับ '--step <STEP>' ไม่ได้"),
            (&["count", "--json", "--json", "--round", "2569/1"], "ระบุ '--json' ได้ครั้งเดียว"),
        ] {
            let said = said(words);
            assert!(said.starts_with("saphan: ") && said.contains(wanted), "{words:?}: {said}");
            assert!(said.contains("--help") && !said.contains("error:") && !said.contains("Usage"), "{said}");
        }
    }

    #[test]
    fn the_language_is_found_in_a_command_line_that_cannot_be_read() {
        let asked = |words: &[&str]| lang_asked(words.iter().map(|word| (*word).to_owned()));
        assert_eq!(asked(&["cuont", "--lang", "th", "--nosuch"]).as_deref(), Some("th"));
        assert_eq!(asked(&["--lang=en", "map"]).as_deref(), Some("en"));
    }
}
