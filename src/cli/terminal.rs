//! The terminal: who is watching, in which language, with colour or not.

use super::fault::{self, Fault};
use crate::domain::text::Lang;
use std::fmt::Arguments;
use std::io::IsTerminal;
use std::io::{self, Write};

/// Prints to standard output. A reader that went away (`| head`) is no failure, and changes nothing of what the command says by
/// its code.
macro_rules! say {
    ($($text:tt)*) => { $crate::cli::terminal::write_out(format_args!($($text)*), "\n")? };
}
macro_rules! say_text {
    ($($text:tt)*) => { $crate::cli::terminal::write_out(format_args!($($text)*), "")? };
}
pub(super) use {say, say_text};

pub fn write_out(text: Arguments<'_>, end: &str) -> Result<(), Fault> {
    let mut out = io::stdout().lock();
    match out.write_fmt(text).and_then(|()| out.write_all(end.as_bytes())).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => written.map_err(|error| fault::unprinted(&error)),
    }
}

/// Writes what is too large for one text, and ends it as a line. A reader that went away is no failure here either.
pub fn say_with<E: From<io::Error>>(write: impl FnOnce(&mut dyn Write) -> Result<io::Result<()>, E>) -> Result<(), E> {
    let mut out = io::BufWriter::new(io::stdout().lock());
    match write(&mut out)?.and_then(|()| out.write_all(b"\n")).and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        written => Ok(written?),
    }
}

/// `--lang`, else `LANG`, else English (what a terminal without Thai fonts shows best).
pub fn lang(asked: Option<&str>) -> Lang {
    let word = asked.map(str::to_owned).or_else(|| std::env::var("LANG").ok()).unwrap_or_default();
    if word.to_ascii_lowercase().starts_with("th") { Lang::Th } else { Lang::En }
}

/// A variable of the environment that looks like ours and is read by nothing.
pub fn unknown_variable(name: &str, meant: Option<&str>, lang: Lang) -> String {
    match (lang, meant) {
        (Lang::Th, Some(meant)) => format!("saphan: ไม่มีการตั้งค่า {name} จึงไม่มีผล หมายถึง {meant} หรือไม่"),
        (Lang::Th, None) => format!("saphan: ไม่มีการตั้งค่า {name} จึงไม่มีผล รายการทั้งหมดอยู่ใน docs/operations.md"),
        (Lang::En, Some(meant)) => {
            format!("saphan: there is no setting {name}, it has no effect; did you mean {meant}?")
        }
        (Lang::En, None) => {
            format!("saphan: there is no setting {name}, it has no effect; docs/operations.md lists all")
        }
    }
}

/// Does a person watch standard error?
pub fn watched() -> bool {
    std::io::stderr().is_terminal()
}

fn coloured() -> bool {
    watched() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// Colour carries meaning and never stands alone: a sign goes with each.
#[derive(Debug, Clone, Copy)]
pub enum Tone {
    Good,
    Warn,
    Bad,
    Quiet,
    Strong,
}

pub fn paint(tone: Tone, text: &str) -> String {
    if !coloured() {
        return text.to_owned();
    }
    let code = match tone {
        Tone::Good => "32",
        Tone::Warn => "33",
        Tone::Bad => "31",
        Tone::Quiet => "2",
        Tone::Strong => "1",
    };
    format!("\u{1b}[{code}m{text}\u{1b}[0m")
}

/// `1234567` → `1,234,567`.
pub fn thousands(number: u64) -> String {
    let digits = number.to_string();
    let mut out = String::with_capacity(digits.len() + digits.len() / 3);
    for (at, digit) in digits.chars().enumerate() {
        if at > 0 && (digits.len() - at).is_multiple_of(3) {
            out.push(',');
        }
        out.push(digit);
    }
    out
}

/// Columns a text takes in a terminal: Thai marks above and below take none.
pub fn width(text: &str) -> usize {
    text.chars()
        .filter(|c| !matches!(c, '\u{e31}' | '\u{e34}'..='\u{e3a}' | '\u{e47}'..='\u{e4e}' | '\u{200b}'..='\u{200f}'))
        .count()
}

/// Pads or cuts to exactly `columns`, never between a letter and its mark.
pub fn fit(text: &str, columns: usize) -> String {
    // What moves the cursor or begins a line is nobody's to write on somebody else's screen.
    let text = &text.replace(char::is_control, "\u{fffd}");
    if width(text) <= columns {
        return format!("{text}{}", " ".repeat(columns - width(text)));
    }
    let mut out = String::new();
    let mut taken = 0;
    for c in text.chars() {
        let w = width(c.encode_utf8(&mut [0; 4]));
        if taken + w > columns.saturating_sub(1) {
            break;
        }
        taken += w;
        out.push(c);
    }
    out.push('…');
    format!("{out}{}", " ".repeat(columns - taken - 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thai_marks_take_no_column() {
        assert_eq!(width("น้ำที่"), 3);
        assert_eq!(fit("ปี่", 3), "ปี่  ");
        assert_eq!(width(&fit("ประถมศึกษาปีที่ 1", 8)), 8);
        assert_eq!(thousands(1_234_567), "1,234,567");
        assert_eq!(thousands(12), "12");
    }
}
