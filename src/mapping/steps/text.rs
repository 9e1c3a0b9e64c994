//! The step that always runs on text: one spelling for what looks the same, nothing for what says nothing.
//!
//! Owns NFC with the Thai repairs, blanks, invisible characters, the private-use glyphs of old Thai
//! fonts and the words for "missing". Refuses text that was destroyed before it came (`?????`,
//! U+FFFD, mojibake). Clean text, the common case, is one pass over its bytes and stays borrowed.

use super::mojibake::{self, Mojibake};
use super::outcome::{Fault, Outcome};
use super::thai;
use crate::domain::rule;
use bumpalo::Bump;
use unicode_normalization::UnicodeNormalization;

/// Thai words for "nothing" that some code list has as a label (nationality 000 is ไม่ระบุ).
const MISSING_WORDS: [&str; 3] = ["ไม่มี", "ไม่ระบุ", "ไม่มีข้อมูล"];
/// Question marks in a row that mean letters lost in conversion.
const LOST_MIN: &str = "???";
/// The repairs settle after two rounds; a text that does not is left as it is then.
const ROUNDS_MAX: usize = 4;

/// Is this one of the words people write for "nothing"? For fields with a code list, which look the word up first.
#[inline]
pub fn is_missing_word(text: &str) -> bool {
    // Every one of them begins with ไม่ and has 15, 21 or 33 bytes.
    matches!(text.len(), 15 | 21 | 33) && MISSING_WORDS.contains(&text)
}

#[inline]
fn is_missing_sign(text: &str) -> bool {
    // Patterns of bytes compile to a few comparisons; a list of texts would call memcmp for every short value.
    match text.as_bytes() {
        b"" | b"." | b"-" | b"N/A" | b"#N/A" | b"NULL" => true,
        // No dash beyond ASCII has fewer than two bytes or more than three.
        [first, ..] if *first >= 0x80 && text.len() <= 4 => {
            let mut chars = text.chars();
            chars.next().is_some_and(super::digits::is_dash) && chars.next().is_none()
        }
        _ => false,
    }
}

/// What one look at a text tells.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Look {
    /// As it is stored.
    Tidy,
    /// One of the ways of writing "nothing".
    Absent,
    /// For [`tidy`].
    Repair,
}

/// Without a call for most texts, and without an [`Outcome`] to hand on.
#[inline]
pub fn look(raw: &str) -> Look {
    if !thai::is_clean(raw) || mojibake::may_be_utf8_as_windows_874(raw.as_bytes()) {
        Look::Repair
    } else if is_missing_sign(raw) || is_missing_word(raw) {
        Look::Absent
    } else {
        Look::Tidy
    }
}

/// Text as it is stored, `Absent` for every way of writing "nothing".
#[inline]
pub fn tidy<'b>(raw: &'b str, bump: &'b Bump) -> Outcome<&'b str> {
    match tidy_keeping_words(raw, bump) {
        Outcome::Value(text) if is_missing_word(text) => Outcome::Absent,
        other => other,
    }
}

/// As [`tidy`], but ไม่มี, ไม่ระบุ and ไม่มีข้อมูล stay: a code field looks in its list first and asks
/// [`is_missing_word`] afterwards.
#[inline]
pub fn tidy_keeping_words<'b>(raw: &'b str, bump: &'b Bump) -> Outcome<&'b str> {
    if thai::is_clean(raw) && !mojibake::may_be_utf8_as_windows_874(raw.as_bytes()) {
        if is_missing_sign(raw) {
            return Outcome::Absent;
        }
        return Outcome::Value(raw);
    }
    repair(raw, bump)
}

#[cold]
#[inline(never)]
fn repair<'b>(raw: &'b str, bump: &'b Bump) -> Outcome<&'b str> {
    if let Some(fault) = destroyed(raw) {
        return Outcome::Refused(fault);
    }
    let (mut text, unknown_glyph) = plain_characters(raw);
    let mut marks = thai::Marks::default();
    for _ in 0..ROUNDS_MAX {
        let composed: String = text.nfc().collect();
        let mut next = String::with_capacity(composed.len());
        marks = thai::repair(&composed, &mut next);
        let settled = next == text;
        text = next;
        if settled {
            break;
        }
    }
    if is_missing_sign(&text) {
        return Outcome::Absent;
    }
    let kept: &'b str = if text == raw { raw } else { bump.alloc_str(&text) };
    let rule = if unknown_glyph {
        rule::TEXT_PRIVATE_USE
    } else if marks.two_tones {
        rule::TEXT_TWO_TONES
    } else if marks.two_vowels {
        rule::TEXT_TWO_VOWELS
    } else if marks.orphan {
        rule::TEXT_ORPHAN_MARK
    } else {
        return Outcome::Value(kept);
    };
    Outcome::Warned(Some(kept), Fault::new(rule))
}

/// Text that was lost or garbled before it reached us.
fn destroyed(raw: &str) -> Option<Fault> {
    if raw.contains('\u{FFFD}') {
        return Some(Fault::new(rule::ENC_BROKEN_BYTE));
    }
    if raw.contains(LOST_MIN) {
        return Some(Fault::new(rule::ENC_LOST));
    }
    match mojibake::recognise(raw) {
        Some(Mojibake::Was(text)) => Some(Fault::suggest(rule::ENC_MOJIBAKE, text.trim())),
        Some(Mojibake::Lost) => Some(Fault::new(rule::ENC_MOJIBAKE)),
        // What windows-874 leaves undefined shows as a C1 control; no text has a use for one.
        None if raw.chars().any(|c| matches!(c, '\u{80}'..='\u{84}' | '\u{86}'..='\u{9F}')) => {
            Some(Fault::new(rule::ENC_BROKEN_BYTE))
        }
        None => None,
    }
}

/// Blanks folded, invisible characters out, old glyphs by table. True: a private-use glyph was there.
fn plain_characters(raw: &str) -> (String, bool) {
    let mut out = String::with_capacity(raw.len());
    let mut private_use = false;
    for c in raw.chars() {
        match c {
            _ if c.is_whitespace() => {
                if !out.is_empty() && !out.ends_with(' ') {
                    out.push(' ');
                }
            }
            _ if is_invisible(c) => {}
            '\u{E000}'..='\u{F8FF}' | '\u{F0000}'..='\u{10FFFD}' => {
                private_use = true;
                out.push(old_glyph(c).unwrap_or(c));
            }
            _ => out.push(c),
        }
    }
    out.truncate(out.trim_end().len());
    (out, private_use)
}

fn is_invisible(c: char) -> bool {
    matches!(c,
        '\0'..='\x1F' | '\x7F' | '\u{AD}' | '\u{180E}' | '\u{200B}'..='\u{200F}' | '\u{202A}'..='\u{202E}'
        | '\u{2060}'..='\u{2064}' | '\u{2066}'..='\u{206F}' | '\u{FEFF}')
}

/// Positional glyphs of old Thai fonts for Windows, to the characters they draw.
/// Source: the private-use table shared by those fonts (as in libthai's and Pango's shaping tables).
fn old_glyph(c: char) -> Option<char> {
    Some(match c {
        '\u{F700}' => 'ฐ',
        '\u{F701}'..='\u{F704}' => shift(c, 0xF701, 0x0E34),
        '\u{F705}'..='\u{F709}' => shift(c, 0xF705, 0x0E48),
        '\u{F70A}'..='\u{F70E}' => shift(c, 0xF70A, 0x0E48),
        '\u{F70F}' => 'ญ',
        '\u{F710}' => '\u{0E31}',
        '\u{F711}' => '\u{0E4D}',
        '\u{F712}' => '\u{0E47}',
        '\u{F713}'..='\u{F717}' => shift(c, 0xF713, 0x0E48),
        '\u{F718}'..='\u{F71A}' => shift(c, 0xF718, 0x0E38),
        _ => return None,
    })
}

fn shift(c: char, from: u32, to: u32) -> char {
    char::from_u32(c as u32 - from + to).unwrap_or(c)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::rule::RuleCode;
    use proptest::prelude::*;

    fn value(raw: &str) -> String {
        let bump = Bump::new();
        match tidy(raw, &bump) {
            Outcome::Value(text) => text.to_owned(),
            other => panic!("{raw:?}: {other:?}"),
        }
    }

    fn rule_of(raw: &str) -> Option<RuleCode> {
        match tidy(raw, &Bump::new()) {
            Outcome::Warned(_, fault) | Outcome::Refused(fault) => Some(fault.rule),
            _ => None,
        }
    }

    #[test]
    fn spellings_that_look_the_same_become_one() {
        for (raw, out) in [
            ("นํ้าใจ", "น้ำใจ"),
            ("น้ําใจ", "น้ำใจ"),
            ("นำ้ใจ", "น้ำใจ"),
            ("น้ำ้ใจ", "น้ำใจ"),
            ("คํ่า", "ค่ำ"),
            ("เเม่", "แม่"),
            ("ฤาษี", "ฤๅษี"),
            ("ก่ินข้าว", "กิ่นข้าว"),
            ("ก้ัน", "กั้น"),
            ("ก่ี่", "กี่"),
            ("กุ่ง", "กุ่ง"),
            ("ดีีี", "ดี"),
            ("ก\u{202f}ข\u{3000}ค", "ก ข ค"),
            ("ก\r\n\r\nข", "ก ข"),
            ("\u{feff}ก\u{200d}ข", "กข"),
            ("e\u{301}", "é"),
        ] {
            assert_eq!(value(raw), out, "{raw:?}");
        }
    }

    #[test]
    fn guesses_are_reported_and_kept() {
        for (raw, rule) in [
            ("ก่้า", rule::TEXT_TWO_TONES),
            ("กิุ", rule::TEXT_TWO_VOWELS),
            ("กิำ", rule::TEXT_TWO_VOWELS),
            ("กั์ำ", rule::TEXT_TWO_VOWELS),
            ("กา่", rule::TEXT_ORPHAN_MARK),
            ("ก ่า", rule::TEXT_ORPHAN_MARK),
            ("ำ", rule::TEXT_ORPHAN_MARK),
            ("ก\u{e123}", rule::TEXT_PRIVATE_USE),
            ("????", rule::ENC_LOST),
            ("ก???", rule::ENC_LOST),
            ("ก\u{fffd}", rule::ENC_BROKEN_BYTE),
            ("ก\u{81}", rule::ENC_BROKEN_BYTE),
            ("เธชเธกเธฃ", rule::ENC_MOJIBAKE),
        ] {
            assert_eq!(rule_of(raw), Some(rule), "{raw:?}");
        }
        for raw in ["??", "ใช่?", "วันสุดท้ายของเธอ", "เธอ", "สฺวากฺขาโต", "ธมฺมํ", "ก็", "เนรมิต", "José"]
        {
            assert_eq!(rule_of(raw), None, "{raw:?}");
        }
    }

    #[test]
    fn old_glyphs_are_mapped_and_said() {
        let bump = Bump::new();
        assert_eq!(tidy("ป\u{f70a}า", &bump), Outcome::Warned(Some("ป่า"), Fault::new(rule::TEXT_PRIVATE_USE)));
    }

    #[test]
    fn nothing_is_written_in_many_ways() {
        let bump = Bump::new();
        for raw in [
            "",
            " ",
            "-",
            "–",
            "—",
            ".",
            "N/A",
            "#N/A",
            "NULL",
            "ไม่มี",
            "ไม่ระบุ",
            "ไม่มีข้อมูล",
            "\u{a0}-\u{a0}",
            "\u{200b}",
            "\t ไม่มี",
        ] {
            assert_eq!(tidy(raw, &bump), Outcome::Absent, "{raw:?}");
        }
        for raw in ["ไม่มีชื่อ", "0", "NULLA", "null", "ก.", "-1"] {
            assert_eq!(tidy(raw, &bump), Outcome::Value(raw), "{raw:?}");
        }
        assert_eq!(tidy_keeping_words(" ไม่ระบุ", &bump), Outcome::Value("ไม่ระบุ"));
        assert_eq!(tidy_keeping_words("-", &bump), Outcome::Absent);
    }

    #[test]
    fn clean_text_stays_where_it_is() {
        let bump = Bump::new();
        for raw in ["เด็กชายสมชาย ใจดี", "1999900000013", "a b", "ประเสริฐศักดิ์"]
        {
            match tidy(raw, &bump) {
                Outcome::Value(text) => assert!(std::ptr::eq(text, raw)),
                other => panic!("{other:?}"),
            }
        }
        assert_eq!(bump.allocated_bytes(), 0);
    }

    /// Every text of up to four letters of each kind: what passes as clean needs no repair.
    #[test]
    fn no_short_text_passes_as_clean_that_a_repair_would_change() {
        const LETTERS: [char; 17] = ['ก', 'ฤ', 'ั', 'ิ', 'ุ', '็', '่', '์', 'ะ', 'า', 'ำ', 'ๅ', 'เ', 'ไ', 'ฯ', 'a', ' '];
        let mut bump = Bump::new();
        let mut ends: Vec<String> = vec![String::new()];
        for _ in 0..4 {
            ends = ends.iter().flat_map(|end| LETTERS.map(|letter| format!("{end}{letter}"))).collect();
            for text in &ends {
                if thai::is_clean(text) && !is_missing_sign(text) {
                    assert_eq!(repair(text, &bump), Outcome::Value(&**text));
                    bump.reset();
                }
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn tidy_twice_is_tidy_once(raw in "[ก-ฺเ-๎\u{f700}-\u{f71a}a \u{200b}\u{301}\u{a0}.-]{0,12}") {
            let (first, second) = (Bump::new(), Bump::new());
            if let Outcome::Value(once) | Outcome::Warned(Some(once), _) = tidy(&raw, &first) {
                match tidy(once, &second) {
                    Outcome::Value(twice) | Outcome::Warned(Some(twice), _) => prop_assert_eq!(once, twice),
                    other => prop_assert!(false, "{:?} {:?} {:?}", raw, once, other),
                }
            }
        }

        /// The fast path must never pass what the repair would change or report.
        #[test]
        fn what_passes_as_clean_needs_no_repair(raw in "[กขฤเแโไะาำๅิีัุ็่้์ฯๆ๑a. -]{0,8}|[กฤ]([ัิุ็่้์าำะๅ]{1,3}[ก ]?){1,3}") {
            let bump = Bump::new();
            if thai::is_clean(&raw) && !is_missing_sign(&raw) {
                prop_assert_eq!(repair(&raw, &bump), Outcome::Value(&*raw));
            }
        }

        #[test]
        fn a_look_agrees_with_tidying(raw in "([ก-๎]{0,6}|[ -?]{0,6}|ไม่มี|ไม่ระบุ|เธ.|–|\\PC{0,4})") {
            let bump = Bump::new();
            match look(&raw) {
                Look::Tidy => prop_assert_eq!(tidy(&raw, &bump), Outcome::Value(&*raw)),
                Look::Absent => prop_assert_eq!(tidy(&raw, &bump), Outcome::Absent),
                Look::Repair => prop_assert_eq!(tidy(&raw, &bump), match repair(&raw, &bump) {
                    Outcome::Value(text) if is_missing_word(text) => Outcome::Absent,
                    other => other,
                }),
            }
        }

        #[test]
        fn any_text_is_bounded_and_never_panics(raw in "\\PC{0,40}") {
            let _ = tidy(&raw, &Bump::new());
        }

        #[test]
        fn well_formed_syllables_are_borrowed(raw in "([ก-ฃฅ-รลว-ฮ][ิ-ู]?[่-๋]?[ะา]?|[เแโใไ][ก-ฃ])( [ก-ฃ])?") {
            let bump = Bump::new();
            match tidy(&raw, &bump) {
                Outcome::Value(text) => prop_assert!(std::ptr::eq(text, &*raw)),
                other => prop_assert!(false, "{:?}", other),
            }
        }
    }
}
