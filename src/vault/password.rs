//! Password hashes: argon2id (RFC 9106) in the PHC text form.
//!
//! Owns the parameters, and that an old hash with others is still checked by its own. Slow on purpose and hungry for memory:
//! the caller keeps it off the threads that serve requests and bounds how many run at once.

use super::VaultError;
use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};

/// OWASP Password Storage Cheat Sheet, "Argon2id": 19 MiB of memory, 2 iterations, 1 degree of parallelism.
const MEMORY_KIB: u32 = 19 * 1_024;
const ITERATIONS: u32 = 2;
const LANES: u32 = 1;
const SALT_BYTES: usize = 16;

fn argon2() -> Result<Argon2<'static>, VaultError> {
    let params = Params::new(MEMORY_KIB, ITERATIONS, LANES, None).map_err(|_| VaultError::Password)?;
    Ok(Argon2::new(Algorithm::Argon2id, Version::V0x13, params))
}

/// Tens of milliseconds, 19 MiB.
pub fn hash_password(password: &str) -> Result<String, VaultError> {
    let mut salt = [0; SALT_BYTES];
    openssl::rand::rand_bytes(&mut salt)?;
    let hashed: Result<PasswordHash, _> = argon2()?.hash_password_with_salt(password.as_bytes(), &salt);
    Ok(hashed.map_err(|_| VaultError::Password)?.to_string())
}

/// As long as making the hash. False for a hash that can't be read, too.
pub fn is_password(password: &str, hash: &str) -> Result<bool, VaultError> {
    Ok(argon2()?.verify_password(password.as_bytes(), hash).is_ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_hash_says_how_it_was_made_and_knows_its_password_alone() {
        let hash = hash_password("สะพานข้ามแม่น้ำ 2569").unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        assert!(is_password("สะพานข้ามแม่น้ำ 2569", &hash).unwrap());
        assert!(!is_password("สะพานข้ามแม่น้ำ 2568", &hash).unwrap());
        assert_ne!(hash, hash_password("สะพานข้ามแม่น้ำ 2569").unwrap(), "each with a salt of its own");
        assert!(!is_password("x", "no hash").unwrap());
    }

    #[test]
    fn a_hash_of_other_parameters_is_checked_by_its_own() {
        let weak = Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(64, 3, 1, None).unwrap());
        let made: PasswordHash = weak.hash_password_with_salt(b"of before", b"0123456789abcdef").unwrap();
        assert!(is_password("of before", &made.to_string()).unwrap());
    }
}
