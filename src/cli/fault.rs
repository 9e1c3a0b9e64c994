//! What went wrong, as the person at the terminal reads it: in Thai or English, with the place, the cause and the next step.
//!
//! Owns the sentences about files, standard output and a gateway that can't be reached. A fault carries both languages, so
//! that what fails needs not know who reads. Refuses to show the words of a library where a sentence of ours fits: they are
//! English, and an address in them may hold a password.

use crate::app::AppError;
use crate::domain::text::{Bilingual, Lang};
use std::error::Error;
use std::fmt;
use std::io;
use std::path::Path;

#[derive(Debug)]
pub struct Fault {
    text: Bilingual,
    cause: Option<anyhow::Error>,
    /// Whoever read standard output went away, and knows.
    is_reader_gone: bool,
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text.en)
    }
}

impl Error for Fault {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        self.cause.as_ref().map(|cause| &**cause as &(dyn Error + 'static))
    }
}

impl Fault {
    pub fn new(th: impl Into<String>, en: impl Into<String>) -> Self {
        Fault { text: Bilingual::new(th, en), cause: None, is_reader_gone: false }
    }

    /// What it came of, said on a line of its own.
    pub fn because(self, cause: impl Into<anyhow::Error>) -> Self {
        Fault { cause: Some(cause.into()), ..self }
    }
}

/// All that is known of a failure, in the reader's language; causes without a sentence of ours in their own words.
pub fn said(error: &anyhow::Error, lang: Lang) -> String {
    let told = |cause: &(dyn Error + 'static)| {
        let fault = cause.downcast_ref::<Fault>().map(|fault| fault.text.clone());
        fault.or_else(|| cause.downcast_ref::<AppError>().and_then(AppError::told))
    };
    let (mut lines, mut rest) = (Vec::new(), Vec::new());
    for cause in error.chain() {
        match told(cause) {
            Some(text) => {
                // What only wraps the sentence says nothing more.
                rest.clear();
                lines.push(text.get(lang).to_owned());
            }
            None => rest.push(cause.to_string()),
        }
    }
    lines.extend(Some(rest.join(": ")).filter(|rest| !rest.is_empty()));
    lines.join("\n  ")
}

/// Nothing need be said: whoever stopped reading our output knows.
pub fn is_reader_gone(error: &anyhow::Error) -> bool {
    error.chain().any(|cause| cause.downcast_ref::<Fault>().is_some_and(|fault| fault.is_reader_gone))
}

pub fn unreadable(path: &Path, error: &io::Error) -> Fault {
    let (path, why) = (path.display(), Why::of(error));
    Fault::new(
        format!("อ่าน {path} ไม่ได้: {} {}", why.cause.th, why.step.th),
        format!("{path} can't be read: {}. {}", why.cause.en, why.step.en),
    )
}

pub fn unwritable(path: &Path, error: &io::Error) -> Fault {
    let (path, why) = (path.display(), Why::of(error));
    Fault::new(
        format!("เขียน {path} ไม่ได้: {} {}", why.cause.th, why.step.th),
        format!("{path} can't be written: {}. {}", why.cause.en, why.step.en),
    )
}

/// No room where temporary files lie.
pub fn no_temporary(error: &io::Error) -> Fault {
    unwritable(&std::env::temp_dir(), error)
}

/// Standard output takes no more.
pub fn unprinted(error: &io::Error) -> Fault {
    let cause = Why::of(error).cause;
    let (th, en) = (
        format!("พิมพ์ผลออกทาง standard output ไม่ได้: {} ตรวจที่ที่ส่งผลไป", cause.th),
        format!("the result can't be written to standard output: {}. Look where it is sent to", cause.en),
    );
    Fault { is_reader_gone: error.kind() == io::ErrorKind::BrokenPipe, ..Fault::new(th, en) }
}

/// What the system said of a file, and the next step.
struct Why {
    cause: Bilingual,
    step: Bilingual,
}

impl Why {
    fn of(error: &io::Error) -> Why {
        use io::ErrorKind as Kind;
        let (cause, step) = match error.kind() {
            Kind::NotFound => (
                ("ไม่มีไฟล์หรือโฟลเดอร์นี้", "there is no such file or folder"),
                ("ตรวจชื่อและโฟลเดอร์แล้วสั่งใหม่", "Check its name and folder, and run the command again"),
            ),
            Kind::PermissionDenied => (
                ("ไม่มีสิทธิ์", "permission is denied"),
                ("ขอสิทธิ์จากเจ้าของ หรือใช้ที่อื่นที่มีสิทธิ์", "Ask its owner for the right, or use a place where you have it"),
            ),
            Kind::IsADirectory => {
                (("เป็นโฟลเดอร์ ไม่ใช่ไฟล์", "it is a folder, not a file"), ("ระบุชื่อไฟล์ในโฟลเดอร์นั้น", "Name a file in it"))
            }
            Kind::NotADirectory => (
                ("ส่วนหนึ่งของที่อยู่เป็นไฟล์ ไม่ใช่โฟลเดอร์", "a part of its path is a file, not a folder"),
                ("ตรวจที่อยู่แล้วสั่งใหม่", "Check the path, and run the command again"),
            ),
            Kind::StorageFull | Kind::QuotaExceeded => (
                ("ที่เก็บเต็ม", "there is no room left"),
                ("ลบสิ่งที่ไม่ใช้แล้ว หรือใช้ที่อื่น แล้วสั่งใหม่", "Make room or use another place, and run the command again"),
            ),
            Kind::ReadOnlyFilesystem => {
                (("ที่เก็บนี้อ่านได้อย่างเดียว", "the place is read-only"), ("ใช้ที่อื่น", "Use another place"))
            }
            _ => {
                return Why {
                    cause: Bilingual::new(format!("เครื่องแจ้งว่า {error}"), format!("the system says: {error}")),
                    step: Bilingual::new("ตรวจที่เก็บแล้วลองใหม่", "Check the place, and try again"),
                };
            }
        };
        Why { cause: Bilingual::new(cause.0, cause.1), step: Bilingual::new(step.0, step.1) }
    }
}

/// A gateway at the other end of the network that gave no answer. `origin`: scheme, host and port alone.
pub fn unreachable(origin: &str, error: &reqwest::Error) -> Fault {
    let (th, en) = match () {
        () if error.is_builder() => (
            "โทเคนหรือที่อยู่มีอักขระที่ใช้ไม่ได้ ตรวจ SAPHAN_TOKEN และ --server",
            "token or address hold a character that can't be sent. Check SAPHAN_TOKEN and --server",
        ),
        () if error.is_timeout() => (
            "ไม่ตอบภายในเวลา ลองใหม่ภายหลัง ส่งไฟล์เดิมซ้ำได้ ไฟล์เดียวกันรับครั้งเดียว",
            "it did not answer in time. Try again later; the same file may be sent again, it is taken once",
        ),
        () if is_untrusted(error) => (
            "ใบรับรองของระบบไม่ได้ออกโดย CA ที่เครื่องนี้เชื่อถือ หรือไม่ใช่ของที่อยู่นี้ ตรวจที่อยู่หลัง --server และระบุ CA ของระบบด้วย --ca",
            "its certificate is not by a CA that this machine trusts, or not for this address. Check the address behind --server, and name the gateway's CA with --ca",
        ),
        () if error.is_connect() => (
            "ต่อไม่ได้ ตรวจที่อยู่หลัง --server เครือข่าย และว่าระบบทำงานอยู่ แล้วส่งใหม่",
            "no connection. Check the address behind --server, the network, and that the gateway runs; then send again",
        ),
        () => (
            "การเชื่อมต่อขาดกลางทาง ส่งใหม่ได้ ไฟล์เดียวกันรับครั้งเดียว",
            "the connection broke off. Send again: the same file is taken once",
        ),
    };
    Fault::new(format!("ติดต่อระบบที่ {origin} ไม่ได้: {th}"), format!("the gateway at {origin} can't be reached: {en}"))
}

/// The library's own words are the only sign of it.
fn is_untrusted(error: &reqwest::Error) -> bool {
    let causes = std::iter::successors(error.source(), |cause| (*cause).source());
    causes.map(ToString::to_string).any(|said| said.contains("certificate verify failed"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::round::Round;

    #[test]
    fn a_failure_is_said_in_one_language_from_the_outermost_to_its_cause() {
        let inner = AppError::NothingSubmitted { round: Round::parse("2569/1").unwrap(), rounds: Vec::new() };
        let error = anyhow::Error::new(Fault::new("เก็บไว้แล้ว", "it is kept").because(inner));
        let thai = said(&error, Lang::Th);
        assert!(thai.starts_with("เก็บไว้แล้ว\n  ยังไม่มีข้อมูล"), "{thai}");
        assert!(said(&error, Lang::En).starts_with("it is kept\n  No data"), "{}", said(&error, Lang::En));
    }

    #[test]
    fn what_has_no_sentence_keeps_its_words_and_its_causes() {
        let plain = anyhow::Error::new(io::Error::other("b")).context("a");
        assert_eq!(said(&plain, Lang::Th), "a: b");
        let error = anyhow::Error::new(Fault::new("ก", "k").because(plain));
        assert_eq!((said(&error, Lang::Th), said(&error, Lang::En)), ("ก\n  a: b".into(), "k\n  a: b".into()));
    }

    #[test]
    fn only_a_reader_of_our_output_may_go_away_in_silence() {
        let broken = || io::Error::from(io::ErrorKind::BrokenPipe);
        assert!(is_reader_gone(&unprinted(&broken()).into()));
        assert!(!is_reader_gone(&broken().into()), "a broken connection is not a reader that left");
        assert!(!is_reader_gone(&unprinted(&io::Error::from(io::ErrorKind::StorageFull)).into()));
    }
}
