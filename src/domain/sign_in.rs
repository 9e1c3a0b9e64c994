//! What people sign in with: the name, the password they choose, and how long wrong tries make them wait.
//!
//! Owns what a password must be: long, not the name, not one that everybody tries first; no rules about kinds of letters
//! (NIST SP 800-63B §3.1.1.2). Refuses nothing else: any letter of any script will do.

use unicode_normalization::UnicodeNormalization;

/// As typed, folded to one form: people don't remember capitals, and keyboards differ in how they compose.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SignInName(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a sign-in name has 3 to 128 letters, digits or signs, without spaces, such as somchai.j or an e-mail address")]
pub struct NotASignInName;

impl SignInName {
    pub fn parse(text: &str) -> Result<SignInName, NotASignInName> {
        let name: String = text.trim().nfkc().flat_map(char::to_lowercase).collect();
        let fits = (3..=128).contains(&name.chars().count());
        if fits && !name.chars().any(|c| c.is_whitespace() || c.is_control()) {
            Ok(SignInName(name))
        } else {
            Err(NotASignInName)
        }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Fewest and most letters of a password.
pub const PASSWORD_CHARS_MIN: usize = 12;
pub const PASSWORD_CHARS_MAX: usize = 256;

/// One that may be kept. Not shown by `Debug`.
pub struct NewPassword(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PasswordFault {
    #[error("it has fewer than {PASSWORD_CHARS_MIN} letters")]
    Short,
    #[error("it has more than {PASSWORD_CHARS_MAX} letters")]
    Long,
    #[error("the sign-in name stands in it")]
    Name,
    #[error("it is one of those that are tried first")]
    Common,
}

/// What everybody tries first, of any length: a password made of such pieces alone is refused.
const COMMON: [&str; 34] = [
    "password",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "123456789",
    "1234567890",
    "12345678",
    "123456",
    "12345",
    "1234",
    "123",
    "0987654321",
    "987654321",
    "qwertyuiop",
    "qwerty",
    "asdfghjkl",
    "asdfgh",
    "zxcvbnm",
    "1q2w3e4r5t",
    "1q2w3e4r",
    "1qaz2wsx3edc",
    "1qaz2wsx",
    "iloveyou",
    "letmein",
    "welcome",
    "changeme",
    "administrator",
    "admin",
    "root",
    "saphan",
    "สะพาน",
    "รหัสผ่าน",
    "thailand",
    "moe",
];

impl NewPassword {
    pub fn new(text: &str, name: &SignInName) -> Result<NewPassword, PasswordFault> {
        let password = normalised(text);
        let letters = password.chars().count();
        if letters < PASSWORD_CHARS_MIN {
            return Err(PasswordFault::Short);
        }
        if letters > PASSWORD_CHARS_MAX {
            return Err(PasswordFault::Long);
        }
        let folded: String = password.nfkc().flat_map(char::to_lowercase).collect();
        let local = name.as_str().split('@').next().unwrap_or_default();
        if folded.contains(name.as_str()) || (local.chars().count() >= 3 && folded.contains(local)) {
            return Err(PasswordFault::Name);
        }
        if is_common(&folded) {
            return Err(PasswordFault::Common);
        }
        Ok(NewPassword(password))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The form in which passwords are hashed and compared.
pub fn normalised(password: &str) -> String {
    password.nfc().collect()
}

/// Few different letters, letters in a row (`abcdefghijkl`), or nothing but pieces of the list, single digits and signs.
fn is_common(folded: &str) -> bool {
    let letters: Vec<char> = folded.chars().collect();
    let different: std::collections::BTreeSet<char> = letters.iter().copied().collect();
    let follows = |pair: &[char]| {
        let [one, next] = pair else { return false };
        (*next as u32).abs_diff(*one as u32) <= 1
    };
    if different.len() < 4 || letters.windows(2).all(follows) {
        return true;
    }
    let mut rest = folded;
    while let Some(first) = rest.chars().next() {
        rest = match COMMON.iter().find_map(|piece| rest.strip_prefix(piece)) {
            Some(rest) => rest,
            None if !first.is_alphabetic() => &rest[first.len_utf8()..],
            None => return false,
        };
    }
    true
}

/// Longest wait between two tries.
pub const WAIT_SECONDS_MAX: i64 = 900;

/// Seconds to wait after the last of `failures`, of which `free` cost nothing: 1, 2, 4 … up to a quarter of an hour.
pub fn wait_seconds(failures: i64, free: i64) -> i64 {
    let beyond = failures - free;
    if beyond < 0 {
        return 0;
    }
    1_i64.checked_shl(u32::try_from(beyond).unwrap_or(u32::MAX)).unwrap_or(i64::MAX).clamp(1, WAIT_SECONDS_MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_one_however_they_are_typed() {
        let name = SignInName::parse(" Somchai.J@MOE.example ").unwrap();
        assert_eq!(name.as_str(), "somchai.j@moe.example");
        assert_eq!(SignInName::parse("ＳＯＭ.chai").unwrap().as_str(), "som.chai");
        for bad in ["", "ab", "som chai", "a\u{0}bc", &"x".repeat(129)] {
            assert_eq!(SignInName::parse(bad), Err(NotASignInName), "{bad}");
        }
    }

    #[test]
    fn a_password_is_long_and_not_what_is_tried_first() {
        let name = SignInName::parse("somchai@moe.example").unwrap();
        let fault = |text: &str| NewPassword::new(text, &name).err();
        for good in ["ลมเย็นพัดผ่านทุ่ง", "correct horse battery", "7f2c-90ab-11", "kk9 kk9 kk7 x"]
        {
            assert_eq!(fault(good), None, "{good}");
        }
        assert_eq!(fault("short one"), Some(PasswordFault::Short));
        assert_eq!(fault(&"ก ข".repeat(100)), Some(PasswordFault::Long));
        assert_eq!(fault("my name is SOMCHAI"), Some(PasswordFault::Name));
        for common in [
            "password1234",
            "Password!2569",
            "123456789012",
            "aaaaaaaaaaaa",
            "abcdefghijkl",
            "qwertyuiop12",
            "saphanadmin1",
        ] {
            assert_eq!(fault(common), Some(PasswordFault::Common), "{common}");
        }
    }

    #[test]
    fn the_wait_grows_and_ends_growing() {
        let waits: Vec<i64> = (3..12).map(|failures| wait_seconds(failures, 5)).collect();
        assert_eq!(waits, [0, 0, 1, 2, 4, 8, 16, 32, 64]);
        assert_eq!((wait_seconds(15, 5), wait_seconds(5_000, 5)), (WAIT_SECONDS_MAX, WAIT_SECONDS_MAX));
    }
}
