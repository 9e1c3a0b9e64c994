//! The folded form of a word: what is left when only the ways of typing it are taken away.
//!
//! Owns one deterministic table: Thai and full-width digits become ASCII, blanks (also NBSP and
//! zero-width ones) and dots go, ASCII letters become small, `ํ`+`า` becomes `ำ`,
//! `ฤา` becomes `ฤๅ`, `เเ` becomes `แ`. `ป. ๑` and `ป1` are one word.
//! Refuses anything that would be a guess: no letter is ever exchanged for a likeness of it.

/// Longest word that is looked up, in bytes; no code, label or alias is longer.
pub const WORD_BYTES_MAX: usize = 200;

const NIKHAHIT: char = '\u{0E4D}';
const SARA_AA: char = '\u{0E32}';
const RU: char = '\u{0E24}';
const LAKKHANGYAO: char = '\u{0E45}';
const SARA_E: char = '\u{0E40}';
const SARA_AE: char = '\u{0E41}';
const SARA_AM: char = '\u{0E33}';

/// A folded word on the stack. Folding never makes a word longer, so `WORD_BYTES_MAX` is enough.
pub struct Folded {
    bytes: [u8; WORD_BYTES_MAX],
    len: usize,
}

impl Folded {
    /// None: longer than `WORD_BYTES_MAX`, or nothing left.
    pub fn new(word: &str) -> Option<Folded> {
        if word.len() > WORD_BYTES_MAX {
            return None;
        }
        let mut folded = Folded { bytes: [0; WORD_BYTES_MAX], len: 0 };
        let mut chars = word.chars().peekable();
        while let Some(c) = chars.next() {
            match c {
                '.' | '\u{200B}'..='\u{200F}' | '\u{2060}' | '\u{FEFF}' | '\u{00AD}' => {}
                c if c.is_whitespace() => {}
                NIKHAHIT => {
                    // A tone may stand between the two halves of ำ; it belongs before the whole.
                    let tone = chars.next_if(|next| ('\u{0E48}'..='\u{0E4B}').contains(next));
                    let joined = chars.next_if(|next| *next == SARA_AA).is_some();
                    if !joined {
                        folded.push(NIKHAHIT);
                    }
                    if let Some(tone) = tone {
                        folded.push(tone);
                    }
                    if joined {
                        folded.push(SARA_AM);
                    }
                }
                // Typed with the short sign for the long one, and with two signs for one (data repairs do the same).
                RU if chars.next_if(|next| *next == SARA_AA).is_some() => {
                    folded.push(RU);
                    folded.push(LAKKHANGYAO);
                }
                SARA_E if chars.next_if(|next| *next == SARA_E).is_some() => folded.push(SARA_AE),
                other => folded.push(fold_char(other)),
            }
        }
        (folded.len > 0).then_some(folded)
    }

    fn push(&mut self, c: char) {
        let mut buffer = [0; 4];
        let encoded = c.encode_utf8(&mut buffer).as_bytes();
        if let Some(room) = self.bytes.get_mut(self.len..self.len + encoded.len()) {
            room.copy_from_slice(encoded);
            self.len += encoded.len();
        }
    }

    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

fn fold_char(c: char) -> char {
    let digit = |zero: u32| char::from(b'0' + (u32::from(c) - zero) as u8);
    match c {
        '\u{0E50}'..='\u{0E59}' => digit(0x0E50),
        '\u{FF10}'..='\u{FF19}' => digit(0xFF10),
        other => other.to_ascii_lowercase(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn fold(word: &str) -> String {
        Folded::new(word).map_or_else(String::new, |f| String::from_utf8(f.as_bytes().to_vec()).unwrap())
    }

    #[test]
    fn ways_of_typing_fold_to_one_word() {
        for word in ["ป.1", "ป1", "ป.๑", "ป. １", " ป\u{a0}1 ", "ป\u{200b}.1"] {
            assert_eq!(fold(word), "ป1", "{word:?}");
        }
        assert_eq!(fold("O RH+"), "orh+");
        assert_eq!(fold("ละหานทร\u{e4d}\u{e32}ย"), fold("ละหานทรำย"));
        assert_eq!(fold("น\u{e4d}\u{e49}\u{e32}"), "น้ำ");
        assert_eq!(fold("\u{e4d}"), "\u{e4d}", "a lone nikhahit stays");
    }

    #[test]
    fn nothing_and_too_much_have_no_folded_form() {
        assert!(Folded::new(" . ").is_none());
        assert!(Folded::new(&"ก".repeat(WORD_BYTES_MAX / 3 + 1)).is_none());
        assert!(Folded::new(&"a".repeat(WORD_BYTES_MAX)).is_some());
    }

    proptest! {
        #[test]
        fn folding_is_idempotent_and_never_longer(word in "[\u{e01}-\u{e5b}a-zA-Z0-9 .\u{a0}]{0,40}") {
            let once = fold(&word);
            prop_assert!(once.len() <= word.len());
            prop_assert_eq!(fold(&once), once);
        }
    }
}
