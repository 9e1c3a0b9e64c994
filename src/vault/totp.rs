//! Codes from a telephone: TOTP (RFC 6238) by HMAC-SHA-1, six digits, a step of 30 seconds, as every authenticator app makes
//! them.
//!
//! Owns the code of a step and the secret's text for the app. That a code serves once is the store's: it remembers the last
//! step that was used. Why SHA-1: apps know nothing else for sure, and HMAC does not rest on its collisions.

use super::VaultError;
use super::digest::same;
use data_encoding::BASE32_NOPAD;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;

pub const STEP_SECONDS: i64 = 30;
/// RFC 4226 §4 asks for 128 bits at least and recommends 160.
const SECRET_BYTES: usize = 20;
/// Steps before and after the present one whose code is taken: a telephone's clock is not ours (RFC 6238 §5.2).
const STEPS_ASIDE: i64 = 1;

pub fn new_totp_secret() -> Result<Vec<u8>, VaultError> {
    let mut secret = vec![0; SECRET_BYTES];
    openssl::rand::rand_bytes(&mut secret)?;
    Ok(secret)
}

/// As people type it into an app, and as the `otpauth` address has it.
pub fn totp_secret_text(secret: &[u8]) -> String {
    BASE32_NOPAD.encode(secret)
}

/// The code of a step.
pub fn totp_code(secret: &[u8], step: i64) -> Result<String, VaultError> {
    let key = PKey::hmac(secret)?;
    let mut signer = Signer::new(MessageDigest::sha1(), &key)?;
    signer.update(&step.to_be_bytes())?;
    let mac = signer.sign_to_vec()?;
    // RFC 4226 §5.3: four bytes from where the last four bits say.
    let at = usize::from(mac.last().copied().unwrap_or(0) & 0xf);
    let four = mac.get(at..at + 4).and_then(|four| <[u8; 4]>::try_from(four).ok()).ok_or(VaultError::Broken)?;
    let number = u32::from_be_bytes(four) & 0x7fff_ffff;
    Ok(format!("{:06}", number % 1_000_000))
}

/// The step that `code` is of, if it is of one near `unix_seconds` and later than `used`.
pub fn totp_step(secret: &[u8], code: &str, unix_seconds: i64, used: i64) -> Result<Option<i64>, VaultError> {
    let now = unix_seconds.div_euclid(STEP_SECONDS);
    let mut found = None;
    for step in now - STEPS_ASIDE..=now + STEPS_ASIDE {
        // Each is compared, so that the time says nothing of which.
        if same(totp_code(secret, step)?.as_bytes(), code.as_bytes()) && step > used {
            found = Some(step);
        }
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// RFC 6238, appendix B, of whose eight digits the last six are the code of six.
    #[test]
    fn codes_are_those_of_the_standard() {
        let secret = b"12345678901234567890";
        for (seconds, code) in [
            (59, "94287082"),
            (1_111_111_109, "07081804"),
            (1_111_111_111, "14050471"),
            (1_234_567_890, "89005924"),
            (2_000_000_000, "69279037"),
            (20_000_000_000, "65353130"),
        ] {
            assert_eq!(totp_code(secret, seconds / STEP_SECONDS).unwrap(), code[2..]);
        }
        assert_eq!(totp_secret_text(secret), "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ");
    }

    #[test]
    fn a_code_is_taken_a_step_aside_and_never_again() {
        let (secret, now) = (new_totp_secret().unwrap(), 1_780_000_000);
        let step = now / STEP_SECONDS;
        for aside in [-1, 0, 1] {
            let code = totp_code(&secret, step + aside).unwrap();
            assert_eq!(totp_step(&secret, &code, now, 0).unwrap(), Some(step + aside));
            assert_eq!(totp_step(&secret, &code, now, step + aside).unwrap(), None, "it was used");
        }
        for aside in [-2, 2] {
            let code = totp_code(&secret, step + aside).unwrap();
            let near = (-1..=1).any(|near| totp_code(&secret, step + near).unwrap() == code);
            assert!(near || totp_step(&secret, &code, now, 0).unwrap().is_none());
        }
        for wrong in ["", "12345", "1234567", "๑๒๓๔๕๖"] {
            assert_eq!(totp_step(&secret, wrong, now, 0).unwrap(), None);
        }
    }
}
