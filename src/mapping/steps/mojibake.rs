//! Thai that was read in the wrong encoding before it was sent.
//!
//! Owns the recognition of three ways it happens and the way back: UTF-8 read as Latin-1 or
//! windows-1252, TIS-620 read as Latin-1, UTF-8 read as windows-874. Refuses to see it in real Thai
//! or in European names: the whole text must turn into well-formed Thai.

use super::thai::{is_clean, is_thai};

/// Fewest foreign letters that count as a sign: one accented letter is a French name, not a fault.
const SIGNS_MIN: usize = 3;

/// Mojibake, and what it was before, where that can still be told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Mojibake {
    Was(String),
    Lost,
}

/// Three bytes `เ` and the first two of `ธ`/`น`, twice: the only trace that looks like clean Thai.
#[inline]
pub(super) fn may_be_utf8_as_windows_874(bytes: &[u8]) -> bool {
    // เ = E0 B9 80, ธ = E0 B8 98; the pair returns after one letter.
    matches!(bytes, [0xE0, 0xB9, 0x80, 0xE0, 0xB8, 0x98, ..])
}

pub(super) fn recognise(text: &str) -> Option<Mojibake> {
    utf8_as_latin1(text).or_else(|| tis620_as_latin1(text)).or_else(|| utf8_as_windows_874(text))
}

/// The byte that Latin-1 or windows-1252 shows as this character.
fn latin_byte(c: char) -> Option<u8> {
    let code = c as u32;
    if code <= 0xFF {
        return Some(code as u8);
    }
    Some(match c {
        '€' => 0x80,
        '‚' => 0x82,
        'ƒ' => 0x83,
        '„' => 0x84,
        '…' => 0x85,
        '†' => 0x86,
        '‡' => 0x87,
        'ˆ' => 0x88,
        '‰' => 0x89,
        'Š' => 0x8A,
        '‹' => 0x8B,
        'Œ' => 0x8C,
        'Ž' => 0x8E,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '•' => 0x95,
        '–' => 0x96,
        '—' => 0x97,
        '˜' => 0x98,
        '™' => 0x99,
        'š' => 0x9A,
        '›' => 0x9B,
        'œ' => 0x9C,
        'ž' => 0x9E,
        'Ÿ' => 0x9F,
        _ => return None,
    })
}

fn utf8_as_latin1(text: &str) -> Option<Mojibake> {
    let signs = text.matches("à¸").count() + text.matches("à¹").count();
    if signs == 0 {
        return None;
    }
    let bytes: Option<Vec<u8>> = text.chars().map(latin_byte).collect();
    match bytes.map(String::from_utf8) {
        Some(Ok(was)) if was.chars().any(is_thai) => Some(Mojibake::Was(was)),
        _ if signs >= 2 => Some(Mojibake::Lost),
        _ => None,
    }
}

fn tis620_as_latin1(text: &str) -> Option<Mojibake> {
    let high = text.chars().filter(|c| ('\u{A1}'..='\u{FB}').contains(c)).count();
    let fits =
        |c: char| c.is_ascii() && !c.is_ascii_alphabetic() || c == '\u{A0}' || ('\u{A1}'..='\u{FB}').contains(&c);
    if high < SIGNS_MIN || !text.chars().all(fits) {
        return None;
    }
    let was: Option<String> = text
        .chars()
        .map(|c| match c as u32 {
            code @ 0xA1..=0xFB => char::from_u32(code - 0xA1 + 0x0E01).filter(|c| is_thai(*c)),
            0xA0 => Some(' '),
            _ => Some(c),
        })
        .collect();
    was.filter(|was| is_clean(was.trim()) && has_syllable(was)).map(Mojibake::Was)
}

/// At least one vowel or mark, so that a row of Latin signs does not pass for consonants.
fn has_syllable(text: &str) -> bool {
    text.chars().any(|c| is_thai(c) && !super::thai::is_consonant(c))
        || text.chars().filter(|c| is_thai(*c)).count() > 3
}

/// The byte that windows-874 shows as this character.
fn windows_874_byte(c: char) -> Option<u8> {
    Some(match c {
        '\0'..='\x7F' => c as u8,
        '€' => 0x80,
        '…' => 0x85,
        '‘' => 0x91,
        '’' => 0x92,
        '“' => 0x93,
        '”' => 0x94,
        '•' => 0x95,
        '–' => 0x96,
        '—' => 0x97,
        // Undefined bytes come through as control characters of the same number.
        '\u{80}'..='\u{A0}' => c as u32 as u8,
        _ if is_thai(c) => (c as u32 - 0x0E00 + 0xA0) as u8,
        _ => return None,
    })
}

fn utf8_as_windows_874(text: &str) -> Option<Mojibake> {
    let signs = text.matches("เธ").count() + text.matches("เน").count();
    if signs < 2 {
        return None;
    }
    let bytes: Option<Vec<u8>> = text.chars().map(windows_874_byte).collect();
    if let Some(Ok(was)) = bytes.map(String::from_utf8)
        && was.chars().all(|c| c.is_ascii() || is_thai(c))
        && was.chars().filter(|c| is_thai(*c)).count() >= 2
    {
        return Some(Mojibake::Was(was));
    }
    // Bytes that windows-874 does not define are gone; the pairs alone, standing every third letter, still tell.
    let letters = text.chars().filter(|c| !c.is_ascii()).count();
    (signs >= SIGNS_MIN && signs * 4 >= letters && text.chars().any(|c| matches!(c, '\u{80}'..='\u{9F}' | '€' | '”')))
        .then_some(Mojibake::Lost)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wrong(text: &str, decode: impl Fn(u8) -> char) -> String {
        text.bytes().map(decode).collect()
    }

    #[test]
    fn utf8_read_as_latin1_turns_back() {
        for text in ["เด็กชายทดสอบ", "สมชาย ใจดี", "ป.1/2", "ก"] {
            assert_eq!(recognise(&wrong(text, char::from)), Some(Mojibake::Was(text.into())), "{text}");
        }
        assert_eq!(recognise("à¹€à¸”à¹‡à¸"), Some(Mojibake::Lost));
        assert_eq!(recognise("à¸ªà¸§à¸±à¸ªà¸”à¸µ"), Some(Mojibake::Was("สวัสดี".into())));
    }

    #[test]
    fn tis620_read_as_latin1_turns_back() {
        for text in ["เด็กชายทดสอบ", "สมชาย ใจดี", "กนก"] {
            let latin: String = text
                .chars()
                .map(|c| if is_thai(c) { char::from((c as u32 - 0x0E00 + 0xA0) as u8) } else { c })
                .collect();
            let found = recognise(&latin);
            if text == "กนก" {
                assert_eq!(found, None, "too short to be sure");
            } else {
                assert_eq!(found, Some(Mojibake::Was(text.into())), "{text}");
            }
        }
    }

    #[test]
    fn utf8_read_as_windows_874_turns_back() {
        let decode = |text: &str| {
            let (shown, _) = encoding_rs::WINDOWS_874.decode_without_bom_handling(text.as_bytes());
            shown.into_owned()
        };
        for text in ["สวัสดี", "สมร", "เด็กชายทดสอบ"] {
            assert_eq!(recognise(&decode(text)), Some(Mojibake::Was(text.into())), "{text}");
        }
    }

    #[test]
    fn real_names_are_never_taken_for_mojibake() {
        for text in
            ["เธอ", "เนตรนภา เธียรชัย", "เธียร เนาวรัตน์ เนติ", "José Müller", "François", "Ångström", "°C", "ÀÉÎ", "½¼"]
        {
            assert_eq!(recognise(text), None, "{text}");
        }
    }
}
