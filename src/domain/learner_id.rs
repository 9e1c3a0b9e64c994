//! A learner's identifier: citizen number, G-code or passport number, already checked.
//!
//! Owns the three forms, the check digit and the mask. Refuses repairs: what Excel or a keyboard did
//! to the text is undone in `mapping::steps::learner_id`, which knows the field it came from.
//! Inline and `Copy`: one per record on the hot path, never on the heap.
//!
//! Sources: DOPA's 13-digit number (mod-11 check digit); the ministry's G-code for children without
//! one (`G` + BE year + province + serial, no check digit).

/// Longest form: `P:` and a passport number of 20 characters.
const BYTES_MAX: usize = 22;

#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct LearnerId {
    kind: LearnerIdKind,
    len: u8,
    bytes: [u8; BYTES_MAX],
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum LearnerIdKind {
    Citizen,
    GCode,
    Passport,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum LearnerIdError {
    #[error("a citizen number has 13 digits")]
    Length,
    #[error("only digits may stand in a citizen number")]
    NonDigit,
    #[error("the first digit 9 is not issued")]
    FirstDigit,
    #[error("a placeholder, not a person's number")]
    Placeholder,
    #[error("the check digit does not agree")]
    CheckDigit,
    #[error("a G-code is G and 12 digits")]
    GCode,
    #[error("a passport number is 5 to 20 letters and digits")]
    Passport,
}

/// (11 − Σ d[i]·(13−i), i = 0..11, mod 11) mod 10. `digits` are ASCII.
pub fn check_digit(first_twelve: &[u8]) -> u8 {
    let sum: u32 = first_twelve.iter().zip((2..=13).rev()).map(|(d, weight)| u32::from(d - b'0') * weight).sum();
    ((11 - sum % 11) % 10) as u8 + b'0'
}

impl LearnerId {
    fn new(kind: LearnerIdKind, text: &[u8]) -> Self {
        let mut bytes = [0; BYTES_MAX];
        bytes[..text.len()].copy_from_slice(text);
        LearnerId { kind, len: text.len() as u8, bytes }
    }

    /// Does somebody's number stand in this text, as people write one (`1-2345-67890-12-1` too)?
    pub fn is_in(text: &str) -> bool {
        let is_part = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | ' ' | '.');
        text.split(|c| !is_part(c)).any(|part| {
            let words = part.split([' ', '.']).map(|word| word.replace('-', ""));
            let spaced: String = part.chars().filter(char::is_ascii_digit).collect();
            let is_number = |word: &str| {
                LearnerId::citizen(word).is_ok()
                    || word.starts_with(['G', 'g']) && LearnerId::parse(&word.to_ascii_uppercase()).is_ok()
            };
            is_number(&spaced) || words.into_iter().any(|word| is_number(&word))
        })
    }

    /// Thirteen ASCII digits; every rule of the number is checked.
    pub fn citizen(text: &str) -> Result<Self, LearnerIdError> {
        let digits = text.as_bytes();
        if !digits.iter().all(u8::is_ascii_digit) {
            return Err(LearnerIdError::NonDigit);
        }
        if digits.len() != 13 {
            return Err(LearnerIdError::Length);
        }
        // Before the check digit: fillers often pass it (all-zero body, 1234567890121).
        let same_body = digits[..12].iter().all(|d| *d == digits[0]);
        if digits[0] != b'9' && same_body || text == "1234567890121" {
            return Err(LearnerIdError::Placeholder);
        }
        if digits[0] == b'9' {
            return Err(LearnerIdError::FirstDigit);
        }
        if check_digit(&digits[..12]) != digits[12] {
            return Err(LearnerIdError::CheckDigit);
        }
        Ok(LearnerId::new(LearnerIdKind::Citizen, digits))
    }

    /// `G` and twelve digits.
    pub fn g_code(text: &str) -> Result<Self, LearnerIdError> {
        match text.as_bytes() {
            [b'G', digits @ ..] if digits.len() == 12 && digits.iter().all(u8::is_ascii_digit) => {
                Ok(LearnerId::new(LearnerIdKind::GCode, text.as_bytes()))
            }
            _ => Err(LearnerIdError::GCode),
        }
    }

    /// The number alone, upper-case letters and digits; stored with its `P:` mark.
    pub fn passport(number: &str) -> Result<Self, LearnerIdError> {
        let ok = (5..=20).contains(&number.len())
            && number.bytes().all(|b| b.is_ascii_uppercase() || b.is_ascii_digit())
            && number.bytes().any(|b| b.is_ascii_digit());
        if !ok {
            return Err(LearnerIdError::Passport);
        }
        let mut text = [0; BYTES_MAX];
        text[..2].copy_from_slice(b"P:");
        text[2..2 + number.len()].copy_from_slice(number.as_bytes());
        Ok(LearnerId::new(LearnerIdKind::Passport, &text[..2 + number.len()]))
    }

    /// The canonical text in any of the three forms (as stored and as exchanged).
    pub fn parse(text: &str) -> Result<Self, LearnerIdError> {
        match text.as_bytes() {
            [b'G', ..] => LearnerId::g_code(text),
            [b'P', b':', ..] => LearnerId::passport(&text[2..]),
            _ => LearnerId::citizen(text),
        }
    }

    pub fn kind(&self) -> LearnerIdKind {
        self.kind
    }

    pub fn as_str(&self) -> &str {
        // ASCII by construction.
        std::str::from_utf8(&self.bytes[..usize::from(self.len)]).unwrap_or("")
    }

    /// `1-99XX-XXXXX-XX-3`; a G-code keeps its letter, year and province; a passport its first and last character.
    pub fn masked(&self) -> String {
        mask(self.as_str())
    }
}

/// Masks any text that stands where an identifier belongs, right or wrong: what identifies goes, the shape stays.
pub fn mask(text: &str) -> String {
    let chars: Vec<char> = text.chars().collect();
    match chars.as_slice() {
        digits if digits.len() == 13 && digits.iter().all(char::is_ascii_digit) => {
            let head: String = digits[1..3].iter().collect();
            format!("{}-{}XX-XXXXX-XX-{}", digits[0], head, digits[12])
        }
        ['G', rest @ ..] if rest.len() == 12 => {
            let head: String = rest[..4].iter().collect();
            format!("G{head}XXXXXXXX")
        }
        [] => String::new(),
        [_] | [_, _] => "X".repeat(chars.len()),
        [first, middle @ .., last] => format!("{first}{}{last}", "X".repeat(middle.len().min(18))),
    }
}

impl std::fmt::Debug for LearnerId {
    /// Masked, so that no log line can hold an identifier by accident.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "LearnerId({})", self.masked())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_check_digit_decides() {
        assert!(LearnerId::citizen("1999900000013").is_ok());
        assert_eq!(LearnerId::citizen("1999900000014"), Err(LearnerIdError::CheckDigit));
        assert_eq!(LearnerId::citizen("0000000000001"), Err(LearnerIdError::Placeholder));
        assert_eq!(LearnerId::citizen("1111111111111"), Err(LearnerIdError::Placeholder));
        assert_eq!(LearnerId::citizen("1234567890121"), Err(LearnerIdError::Placeholder));
        assert_eq!(LearnerId::citizen("9999999999999"), Err(LearnerIdError::FirstDigit));
        assert_eq!(LearnerId::citizen("199990000001"), Err(LearnerIdError::Length));
        // Its weight is 11: an error in the third digit is never seen.
        assert!(LearnerId::citizen("1979900000013").is_ok());
    }

    #[test]
    fn canonical_text_parses_back() {
        for text in ["1999900000013", "G644200000001", "P:AA1234567"] {
            assert_eq!(LearnerId::parse(text).unwrap().as_str(), text);
        }
    }

    #[test]
    fn masks_hide_what_identifies() {
        assert_eq!(LearnerId::parse("1999900000013").unwrap().masked(), "1-99XX-XXXXX-XX-3");
        assert_eq!(mask("G644200000001"), "G6442XXXXXXXX");
        assert_eq!(mask("1.99990E+12"), "1XXXXXXXXX2");
        assert_eq!(format!("{:?}", LearnerId::parse("1999900000013").unwrap()), "LearnerId(1-99XX-XXXXX-XX-3)");
    }
}
