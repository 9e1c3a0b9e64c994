//! Month names, and the other words people write around a date.
//!
//! Owns the reading of a run of letters: at most one month, at most one era, and words that say
//! nothing (วันที่, เดือน, days of the week). Refuses a run with anything else in it.

/// What the letters of a date said.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Words {
    pub month: Option<Month>,
    pub era: Option<Era>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Month {
    pub number: i8,
    /// A Thai month name says that the year beside it is Buddhist.
    pub thai: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    Buddhist,
    Common,
}

/// Without dots, as they stand after the dots and blanks between letters are taken out. Longest form first per month.
const THAI: [(i8, &[&str]); 12] = [
    (1, &["มกราคม", "มกรา", "มค"]),
    (2, &["กุมภาพันธ์", "กุมภาพันธ", "กุมภาพัน", "กุมภา", "กพ"]),
    (3, &["มีนาคม", "มีนา", "มีค"]),
    (4, &["เมษายน", "เมษา", "เมย"]),
    (5, &["พฤษภาคม", "พฤษภา", "พค"]),
    (6, &["มิถุนายน", "มิถุนา", "มิย"]),
    (7, &["กรกฎาคม", "กรกฏาคม", "กรกฎา", "กรกฏา", "กค"]),
    (8, &["สิงหาคม", "สิงหา", "สค"]),
    (9, &["กันยายน", "กันยา", "กย"]),
    (10, &["ตุลาคม", "ตุลา", "ตค"]),
    (11, &["พฤศจิกายน", "พฤศจิกา", "พย"]),
    (12, &["ธันวาคม", "ธันวา", "ธค"]),
];
const ENGLISH: [&str; 12] = [
    "january",
    "february",
    "march",
    "april",
    "may",
    "june",
    "july",
    "august",
    "september",
    "october",
    "november",
    "december",
];
const BUDDHIST: [&str; 5] = ["พุทธศักราช", "ปีพศ", "พศ", "be", "b.e"];
const COMMON: [&str; 5] = ["คริสต์ศักราช", "ปีคศ", "คศ", "ad", "ce"];
/// Said and meaning nothing for the date. Longest first.
const SILENT: [&str; 31] = [
    "วันพฤหัสบดีที่",
    "วันพฤหัสบดี",
    "วันอาทิตย์ที่",
    "วันอาทิตย์",
    "วันจันทร์ที่",
    "วันจันทร์",
    "วันอังคารที่",
    "วันอังคาร",
    "วันพุธที่",
    "วันพุธ",
    "วันศุกร์ที่",
    "วันศุกร์",
    "วันเสาร์ที่",
    "วันเสาร์",
    "วันเดือนปีเกิด",
    "วันเกิด",
    "เกิดวันที่",
    "วันที่",
    "วัน",
    "เดือน",
    "ปี",
    "ที่",
    "เกิด",
    "เวลา",
    "monday",
    "tuesday",
    "wednesday",
    "thursday",
    "friday",
    "saturday",
    "sunday",
];
const SILENT_SHORT: [&str; 12] = ["mon", "tue", "wed", "thu", "fri", "sat", "sun", "th", "st", "nd", "rd", "of"];

/// The month a name or abbreviation stands for; dots, blanks and case do not matter.
pub(super) fn month(word: &str) -> Option<i8> {
    match read(word, Words::default()) {
        Some(Words { month: Some(month), era: None }) => Some(month.number),
        _ => None,
    }
}

/// Reads a run of letters into what is known so far. `None`: a word that belongs to no date.
pub(super) fn read(run: &str, known: Words) -> Option<Words> {
    let letters: String = run.chars().filter(|c| *c != '.' && !c.is_whitespace()).collect();
    let letters = letters.to_lowercase();
    let mut rest = letters.as_str();
    let mut words = known;
    while !rest.is_empty() {
        if let Some((after, month)) = strip_month(rest) {
            if words.month.is_some() {
                return None;
            }
            words.month = Some(month);
            rest = after;
        } else if let Some((after, era)) = strip_era(rest) {
            if words.era.is_some() {
                return None;
            }
            words.era = Some(era);
            rest = after;
        } else {
            rest = SILENT.iter().chain(&SILENT_SHORT).find_map(|silent| rest.strip_prefix(silent))?;
        }
    }
    Some(words)
}

fn strip_month(text: &str) -> Option<(&str, Month)> {
    for (number, names) in THAI {
        for name in names {
            if let Some(rest) = text.strip_prefix(name) {
                return Some((rest, Month { number, thai: true }));
            }
        }
    }
    for (at, name) in ENGLISH.iter().enumerate() {
        let number = at as i8 + 1;
        let short = name.get(..3).unwrap_or(name);
        let long = text.strip_prefix(name).or_else(|| text.strip_prefix("sept").filter(|_| number == 9));
        // `mar` must not eat the head of another word: letters may only follow a whole name.
        if let Some(rest) =
            long.or_else(|| text.strip_prefix(short).filter(|rest| !rest.starts_with(|c: char| c.is_ascii_lowercase())))
        {
            return Some((rest, Month { number, thai: false }));
        }
    }
    None
}

fn strip_era(text: &str) -> Option<(&str, Era)> {
    let one = |names: &[&str], era| names.iter().find_map(|name| text.strip_prefix(name)).map(|rest| (rest, era));
    one(&BUDDHIST, Era::Buddhist).or_else(|| one(&COMMON, Era::Common))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_are_known_in_every_dress() {
        for (name, number) in [
            ("ม.ค.", 1),
            ("ม. ค.", 1),
            ("มค", 1),
            ("ก.พ", 2),
            ("กุมภาพันธ์", 2),
            ("มี.ค.", 3),
            ("เม.ย.", 4),
            ("พ.ค.", 5),
            ("มิ.ย.", 6),
            ("กรกฏาคม", 7),
            ("ส.ค.", 8),
            ("ก.ย.", 9),
            ("ต.ค.", 10),
            ("พ.ย.", 11),
            ("ธันวาคม", 12),
            ("Mar", 3),
            ("SEPT", 9),
            ("may", 5),
            ("December", 12),
        ] {
            assert_eq!(month(name), Some(number), "{name}");
        }
        for no in ["มีนา คุณ", "marble", "ม", "", "มกราคมมกราคม"] {
            assert_eq!(month(no), None, "{no}");
        }
    }
}
