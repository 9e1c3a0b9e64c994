//! The step `grade_part`: a level and a room written in one cell (`ม.1/2`), and the one form of a level.
//!
//! Owns the split and the grammar of level names (`ป.๑`, `ประถมศึกษาปีที่ 1`, `ปวช. ปีที่ 1`). Refuses what
//! the spreadsheet turned into a date (`1-Feb`): which level it was can't be told.

use super::digits::{fold, is_dash};
use super::month;
use super::outcome::{Fault, Outcome};
use crate::domain::rule;
use bumpalo::Bump;

/// Longest text that may still name a level and a room, in bytes.
const BYTES_MAX: usize = 200;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct GradeParts<'b> {
    /// As written, digits in ASCII: the code list decides.
    pub grade: Option<&'b str>,
    pub room: Option<&'b str>,
}

/// `ม.1/2`, `ม.1 ห้อง 2`, `กศน.ม.ต้น/2`. A bare `1/2` gives `1` and `2`: no level of the list, so the
/// mapping needs the level from another column.
pub fn split<'b>(text: &'b str, bump: &'b Bump) -> Outcome<GradeParts<'b>> {
    if text.len() > BYTES_MAX {
        return Outcome::Refused(Fault::new(rule::CODE_UNKNOWN));
    }
    let text: &'b str = if text.bytes().any(|b| b >= 0x80) { bump.alloc_str(&fold(text)).trim() } else { text.trim() };
    if is_sheet_date(text) {
        return Outcome::Refused(Fault::new(rule::CODE_SHEET_DATE));
    }
    let (grade, room) = match text.rsplit_once('/').or_else(|| text.rsplit_once("ห้อง")) {
        Some((grade, room)) => (grade, room),
        None => (text, ""),
    };
    let room = room.trim().trim_start_matches("ห้อง").trim();
    let part = |part: &'b str| Some(part.trim()).filter(|part| !part.is_empty());
    let parts = GradeParts { grade: part(grade), room: part(room) };
    if parts == GradeParts::default() { Outcome::Absent } else { Outcome::Value(parts) }
}

/// `1-Feb`, `2-ม.ค.`, `Feb-01`, `2026-02-01`, `46054`: what a spreadsheet makes of 1/2.
pub fn is_sheet_date(text: &str) -> bool {
    let number = |part: &str| (1..=4).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
    let named = |part: &str| month::month(part).is_some();
    let parts: Vec<&str> = text.split(|c: char| is_dash(c) || c == ' ').take(5).collect();
    match parts.as_slice() {
        [a, b] => number(a) && named(b) || named(a) && number(b),
        [a, b, c] => number(a) && number(c) && (named(b) || number(b) && a.len() == 4),
        // A date with its time of day, as some exports write every date.
        [a, b, c, time] => number(a) && number(b) && number(c) && a.len() == 4 && time.contains(':'),
        [serial] => serial.len() == 5 && serial.bytes().all(|b| b.is_ascii_digit()) && serial.starts_with(['4', '5']),
        _ => false,
    }
}

/// Names of the stages, longest first, with the letters of the canonical code.
const STAGES: [(&str, &str); 19] = [
    ("ประกาศนียบัตรวิชาชีพชั้นสูง", "VD"),
    ("ประกาศนียบัตรวิชาชีพ", "VC"),
    ("มัธยมศึกษา", "M"),
    ("ประถมศึกษา", "P"),
    ("อนุบาลศึกษา", "K"),
    ("อนุบาล", "K"),
    ("มัธยม", "M"),
    ("ประถม", "P"),
    ("ปวช", "VC"),
    ("ปวส", "VD"),
    ("อบ", "K"),
    ("อ", "K"),
    ("ป", "P"),
    ("ม", "M"),
    ("vc", "VC"),
    ("vd", "VD"),
    ("k", "K"),
    ("p", "P"),
    ("m", "M"),
];

/// The canonical form a level's name spells out: `ป. ๑`, `ชั้นประถมศึกษาปีที่ 1`, `ปวช. ปีที่ 1` → `P1`, `P1`, `VC1`.
/// A grammar, not a guess: the whole text must be stage and year. Whether the level exists, the code list says.
pub fn canonical_grade(text: &str) -> Option<String> {
    if text.len() > BYTES_MAX {
        return None;
    }
    let folded: String = fold(text).to_lowercase().chars().filter(|c| !c.is_whitespace() && *c != '.').collect();
    let text = folded.strip_prefix("ระดับ").unwrap_or(&folded);
    let text = text.strip_prefix("ชั้น").unwrap_or(text);
    let (rest, code) = STAGES.iter().find_map(|(name, code)| text.strip_prefix(name).map(|rest| (rest, code)))?;
    let year = ["ชั้นปีที่", "ปีที่", "ชั้น", "ปี"].iter().find_map(|word| rest.strip_prefix(word)).unwrap_or(rest);
    match year.as_bytes() {
        [digit @ b'1'..=b'9'] => Some(format!("{code}{}", char::from(*digit))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn level_and_room_part_at_the_last_stroke() {
        let bump = Bump::new();
        for (text, grade, room) in [
            ("ม.1/2", Some("ม.1"), Some("2")),
            ("ป.๖/๑๐", Some("ป.6"), Some("10")),
            ("กศน.ม.ต้น/2", Some("กศน.ม.ต้น"), Some("2")),
            ("ปวช.1/3", Some("ปวช.1"), Some("3")),
            ("ม.1 ห้อง 2", Some("ม.1"), Some("2")),
            ("ม.1 / ห้อง 2", Some("ม.1"), Some("2")),
            ("ม.1", Some("ม.1"), None),
            ("1/2", Some("1"), Some("2")),
            ("??/1", Some("??"), Some("1")),
            ("/2", None, Some("2")),
        ] {
            assert_eq!(split(text, &bump), Outcome::Value(GradeParts { grade, room }), "{text}");
        }
        for text in ["1-Feb", "2-ม.ค.", "Feb-01", "01-Feb-26", "2026-02-01", "2026-02-01 00:00:00", "46054"] {
            assert_eq!(split(text, &bump), Outcome::Refused(Fault::new(rule::CODE_SHEET_DATE)), "{text}");
        }
    }

    #[test]
    fn a_level_has_one_form() {
        for (text, code) in [
            ("ป.1", "P1"),
            ("ป1", "P1"),
            ("ป. ๑", "P1"),
            ("ชั้นประถมศึกษาปีที่ 1", "P1"),
            ("ประถม 1", "P1"),
            ("อ.3", "K3"),
            ("อบ.2", "K2"),
            ("อนุบาลศึกษาปีที่ 2", "K2"),
            ("มัธยมศึกษาปีที่ ๔", "M4"),
            ("ม. 4", "M4"),
            ("ปวช. ปีที่ 1", "VC1"),
            ("ปวช.ชั้นปีที่ 1", "VC1"),
            ("ปวส 2", "VD2"),
            ("ประกาศนียบัตรวิชาชีพชั้นสูง ปีที่ 2", "VD2"),
            ("p6", "P6"),
            ("ม.7", "M7"),
        ] {
            assert_eq!(canonical_grade(text).as_deref(), Some(code), "{text}");
        }
        for text in ["เตรียม", "??", "ม.1/2", "ม.", "ม.10", "1", "ป.0", "ม.ต้น"] {
            assert_eq!(canonical_grade(text), None, "{text}");
        }
    }
}
