//! The Thai syllable: which marks may follow which letters, and in which order they are stored.
//!
//! Owns the automaton that tells clean text from text that needs a look, and the repair of what it
//! finds. NFC does neither: it does not join ํ with า, nor move a tone that was typed before ◌ิ, ◌ั or ำ.
//! Refuses to choose between two different tones or vowels: those are kept and reported.
//!
//! Sources: Unicode chapter 16.1 (Thai, logical order); WTT 2.0 input sequence check (TAPIC/TIS 1566).

/// What stands at a place; [`is_clean`] asks of each whether it may follow the one before.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Class {
    Consonant = 0,
    /// ฤ ฦ: a following า should be ๅ.
    Ru = 1,
    /// า
    Follow = 2,
    /// ◌ั ◌ิ ◌ี ◌ึ ◌ื ◌ุ ◌ู
    Vowel = 3,
    /// ่ ้ ๊ ๋ ์ ็
    Tone = 4,
    /// ำ
    Am = 5,
    /// เ
    E = 6,
    /// แ โ ใ ไ
    Lead = 7,
    /// Needs nothing before it: ฯ ๆ ฿ ๅ digits, ASCII.
    Other = 8,
    Space = 9,
    /// Rare (ฺ ํ ๎), unassigned or a control: always a look.
    Look = 10,
    /// ะ, which may also follow า (เคราะห์).
    SaraA = 12,
}

/// Stands before the first character.
const START: u32 = 11;
/// The highest number of a class or state.
const LAST: u32 = 12;

/// For U+0E00 + index, see [`entry`].
static THAI: [u32; 128] = entries(thai_classes());
/// For an ASCII byte, see [`entry`].
static ASCII: [u32; 128] = entries(ascii_classes());

/// The class in the upper half; in the lower one a bit for each class that may stand before it. So no step
/// of the pass waits for the table look-up of the step before.
const fn entry(class: u8) -> u32 {
    let mut before = 0;
    let mut state = 0;
    while state <= LAST {
        if allowed(state as u8, class) {
            before |= 1 << state;
        }
        state += 1;
    }
    (class as u32) << 16 | before
}

const fn entries(classes: [u8; 128]) -> [u32; 128] {
    let mut table = [0; 128];
    let mut at = 0;
    while at < 128 {
        table[at] = entry(classes[at]);
        at += 1;
    }
    table
}

const fn thai_classes() -> [u8; 128] {
    let mut table = [Class::Look as u8; 128];
    let mut at = 0x01;
    while at <= 0x2E {
        table[at] = Class::Consonant as u8;
        at += 1;
    }
    table[0x24] = Class::Ru as u8;
    table[0x26] = Class::Ru as u8;
    table[0x2F] = Class::Other as u8;
    table[0x30] = Class::SaraA as u8;
    table[0x31] = Class::Vowel as u8;
    table[0x32] = Class::Follow as u8;
    table[0x33] = Class::Am as u8;
    at = 0x34;
    while at <= 0x39 {
        table[at] = Class::Vowel as u8;
        at += 1;
    }
    table[0x3F] = Class::Other as u8;
    table[0x40] = Class::E as u8;
    at = 0x41;
    while at <= 0x44 {
        table[at] = Class::Lead as u8;
        at += 1;
    }
    table[0x45] = Class::Other as u8;
    table[0x46] = Class::Other as u8;
    at = 0x47;
    while at <= 0x4C {
        table[at] = Class::Tone as u8;
        at += 1;
    }
    at = 0x4F;
    while at <= 0x5B {
        table[at] = Class::Other as u8;
        at += 1;
    }
    table
}

const fn ascii_classes() -> [u8; 128] {
    let mut table = [Class::Other as u8; 128];
    let mut at = 0;
    while at < 0x20 {
        table[at] = Class::Look as u8;
        at += 1;
    }
    table[0x20] = Class::Space as u8;
    table[b'?' as usize] = Class::Look as u8;
    table[0x7F] = Class::Look as u8;
    table
}

const fn allowed(state: u8, class: u8) -> bool {
    const CONSONANT: u8 = Class::Consonant as u8;
    const RU: u8 = Class::Ru as u8;
    const FOLLOW: u8 = Class::Follow as u8;
    const SARA_A: u8 = Class::SaraA as u8;
    const VOWEL: u8 = Class::Vowel as u8;
    const TONE: u8 = Class::Tone as u8;
    const AM: u8 = Class::Am as u8;
    const E: u8 = Class::E as u8;
    const LEAD: u8 = Class::Lead as u8;
    const SPACE: u8 = Class::Space as u8;
    match class {
        c if c == Class::Look as u8 => false,
        SPACE => state != START as u8 && state != SPACE,
        VOWEL => state == CONSONANT || state == RU,
        TONE => state == CONSONANT || state == RU || state == VOWEL,
        AM => state == CONSONANT || state == RU || state == TONE,
        // Not after ฤ (ฤา → ฤๅ), not twice.
        FOLLOW => state == CONSONANT || state == VOWEL || state == TONE,
        SARA_A => state == CONSONANT || state == VOWEL || state == TONE || state == FOLLOW,
        E | LEAD => state != E && state != LEAD,
        _ => true,
    }
}

/// One pass: is this text already as it should be stored? Says no too often rather than too seldom.
#[inline]
pub(super) fn is_clean(text: &str) -> bool {
    let mut rest = text.as_bytes();
    let mut before = START;
    let mut ok = 1;
    let mut seen = 0_u32;
    loop {
        let entry = match rest {
            [0xE0, lead @ (0xB8 | 0xB9), last, tail @ ..] => {
                rest = tail;
                THAI[usize::from((lead & 1) << 6 | (last & 0x3F))]
            }
            [byte @ 0..0x80, tail @ ..] => {
                if let Some((eight, tail)) = rest.split_first_chunk::<8>()
                    && are_plain(u64::from_le_bytes(*eight))
                {
                    rest = tail;
                    before = Class::Other as u32;
                    continue;
                }
                rest = tail;
                ASCII[usize::from(*byte & 0x7F)]
            }
            [] => return ok & 1 == 1 && before != Class::Space as u32 && !(can_pile_up(seen) && is_piled_up(text)),
            _ => return false,
        };
        ok &= entry >> before;
        before = entry >> 16;
        seen |= 1 << before;
    }
}

/// ำ, a vowel mark and a tone all occur.
#[inline]
fn can_pile_up(seen: u32) -> bool {
    const ALL: u32 = 1 << Class::Am as u32 | 1 << Class::Vowel as u32 | 1 << Class::Tone as u32;
    seen & ALL == ALL
}

/// A vowel mark, a tone and ำ on one consonant: the one pile that looking a single place back does not tell.
#[cold]
fn is_piled_up(text: &str) -> bool {
    let mut chars = text.chars();
    let (mut first, mut second) = ('\0', '\0');
    chars.any(|third| {
        let found = is_vowel_mark(first) && is_mark(second) && third == AM;
        (first, second) = (second, third);
        found
    })
}

/// Eight ASCII bytes of class Other at once: above the blank, no question mark, no DEL.
#[inline]
fn are_plain(eight: u64) -> bool {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    let marks = eight ^ (LOW * b'?' as u64);
    let up_to_blank = (eight | HIGH).wrapping_sub(LOW * 0x21);
    let question = marks.wrapping_sub(LOW) & !marks;
    let delete = eight.wrapping_add(LOW);
    // The highest bit of a byte: set where it is at least 0x80, is DEL, is `?`; clear where it is at most a blank.
    (eight | delete | question | !up_to_blank) & HIGH == 0
}

/// What is wrong with a text and can't be repaired without a guess.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Marks {
    pub two_tones: bool,
    pub two_vowels: bool,
    pub orphan: bool,
}

pub(super) fn is_consonant(c: char) -> bool {
    matches!(c, 'ก'..='ฮ')
}

/// A character that can't open a word: dependent vowels, tones and other marks, ะ า ำ ๅ ๆ ฯ.
pub(super) fn cannot_open_a_word(c: char) -> bool {
    matches!(c, '\u{0E2F}'..='\u{0E3A}' | '\u{0E45}'..='\u{0E4E}')
}

pub(super) fn is_thai(c: char) -> bool {
    matches!(c, '\u{0E01}'..='\u{0E3A}' | '\u{0E3F}'..='\u{0E5B}')
}

fn is_mark(c: char) -> bool {
    matches!(c, '\u{0E31}' | '\u{0E34}'..='\u{0E3A}' | '\u{0E47}'..='\u{0E4E}')
}

fn is_tone(c: char) -> bool {
    matches!(c, '\u{0E48}'..='\u{0E4B}')
}

fn is_vowel_mark(c: char) -> bool {
    matches!(c, '\u{0E31}' | '\u{0E34}'..='\u{0E39}')
}

const NIKHAHIT: char = '\u{0E4D}';
const AA: char = '\u{0E32}';
const AM: char = '\u{0E33}';

/// Storage order of the marks on one consonant. Agrees with Unicode's combining classes, so that NFC keeps it.
fn order(mark: char) -> u8 {
    match mark {
        '\u{0E3A}' => 0,
        '\u{0E38}' | '\u{0E39}' => 1,
        '\u{0E31}' | '\u{0E34}'..='\u{0E37}' | '\u{0E47}' => 2,
        NIKHAHIT => 3,
        '\u{0E48}'..='\u{0E4B}' => 4,
        _ => 5,
    }
}

/// The repairs, once through the text. Expects NFC without invisible characters.
pub(super) fn repair(text: &str, out: &mut String) -> Marks {
    let mut marks_seen = Marks::default();
    let mut chars = text.chars().peekable();
    let mut cluster: Vec<char> = Vec::with_capacity(8);
    let mut has_base = false;
    while let Some(c) = chars.next() {
        if !is_mark(c) && c != AM && c != AA {
            push_letter(out, c);
            has_base = is_consonant(c);
            continue;
        }
        // A cluster: all marks up to the next letter, with the ำ or า that belongs to it.
        cluster.clear();
        let mut tail = None;
        let mut next = Some(c);
        while let Some(c) = next {
            if is_mark(c) && (tail.is_none() || tail == Some(AM) && is_tone(c)) {
                if !cluster.contains(&c) {
                    cluster.push(c);
                }
            } else if c == AM && (tail.is_none() || tail == Some(AM)) {
                tail = Some(AM);
            } else if c == AA && tail.is_none() {
                tail = Some(if cluster.contains(&NIKHAHIT) { AM } else { AA });
                cluster.retain(|mark| *mark != NIKHAHIT || tail == Some(AA));
            } else {
                break;
            }
            next = chars.next_if(|c| is_mark(*c) || *c == AM || *c == AA);
            if let Some(waiting) = next
                && (tail == Some(AA) || tail == Some(AM) && !is_tone(waiting) && waiting != AM)
            {
                // It belongs to nothing before it: a cluster of its own, without a base.
                flush(&mut cluster, tail.take(), out, has_base, &mut marks_seen);
                has_base = false;
            }
        }
        flush(&mut cluster, tail, out, has_base, &mut marks_seen);
        has_base = false;
    }
    marks_seen
}

fn flush(cluster: &mut Vec<char>, tail: Option<char>, out: &mut String, has_base: bool, seen: &mut Marks) {
    cluster.sort_by_key(|mark| order(*mark));
    seen.two_tones |= cluster.iter().filter(|c| is_tone(**c)).count() > 1;
    let vowels = cluster.iter().filter(|c| is_vowel_mark(**c)).count() + usize::from(tail == Some(AM));
    seen.two_vowels |= vowels > 1;
    seen.orphan |= !has_base && (!cluster.is_empty() || tail == Some(AM));
    out.extend(cluster.iter());
    cluster.clear();
    if let Some(tail) = tail {
        push_letter(out, tail);
    }
}

/// Letters that are two keystrokes for one (เเ), take another form after ฤ, or were typed twice.
fn push_letter(out: &mut String, c: char) {
    let last = out.chars().next_back();
    match (last, c) {
        (Some('เ'), 'เ') => {
            out.pop();
            if !out.ends_with('แ') {
                out.push('แ');
            }
        }
        (Some('ฤ' | 'ฦ'), AA) => out.push('ๅ'),
        (Some('แ' | 'โ' | 'ใ' | 'ไ' | 'ะ' | AA | AM), _) if last == Some(c) => {}
        _ => out.push(c),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ordinary_thai_is_clean() {
        for text in [
            "เด็กชายทดสอบ",
            "น้ำผึ้ง",
            "ศักดิ์สิทธิ์",
            "พันธุ์ทิพย์",
            "ฤๅษี",
            "พฤกษา",
            "อามีนะห์",
            "ป.1/2",
            "เมือง ก",
            "๒๕๖๙",
            "เล็ก ๆ",
            "กตัญญู",
            "ซอลาฮุดดีน",
            "โรงเรียนวัดศรีพโลทัย",
            "1-9999",
            "แก้วเก้า",
            "กุ้ง",
            "เสาร์",
            "ไทย",
            "ชั่ว",
        ] {
            assert!(is_clean(text), "{text}");
        }
        for text in ["เเก้ว", "นํ้า", "นำ้", "ดีี", " ก", "ก ", "ก  ข", "ิก", "ฤาษี", "ก\tข", "ก\u{200b}", "ก่ิ", "??", "é"]
        {
            assert!(!is_clean(text), "{text}");
        }
    }

    #[test]
    fn eight_bytes_at_once_are_judged_as_one_by_one() {
        for byte in 0..=255u8 {
            for at in 0..8 {
                let mut eight = *b"a1Z~!/>@";
                eight[at] = byte;
                let plain = eight.iter().all(|b| (0x21..0x7F).contains(b) && *b != b'?');
                assert_eq!(are_plain(u64::from_le_bytes(eight)), plain, "{byte:#x} at {at}");
            }
        }
    }
}
