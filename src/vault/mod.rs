//! The vault: keys, sealing, keyed hashes, signatures, tokens, passwords and codes. The only module that may name OpenSSL.
//!
//! Owns everything secret. A *master key* (file of mode 0600, or brought from the environment) wraps
//! the *keyring*: a data key that seals identities, a lookup key for the keyed hashes by which a
//! learner is known outside the vault, and a signing key. Every sealed value names its key, so keys
//! follow one another while everything runs (`rotation.rs`, decision 18), and old values stay readable.
//!
//! Refuses a key file that others may read, a keyring its master key doesn't open, and any value
//! whose seal is broken: nothing is ever returned unauthenticated.
//!
//! ```text
//! master.key ──wraps──► keyring.json ─┬─ data key ──derives──► row key · one key per kept file
//!                                     ├─ lookup key ──derives──► one key per hash domain
//!                                     └─ signing key (ES256)
//! ```

mod detached;
mod digest;
mod file;
mod hasher;
mod jwks;
mod jws;
mod keyring;
mod password;
mod ring;
mod rotation;
mod seal;
mod sign;
pub mod tls;
mod totp;

pub use detached::{DetachedJws, FileSigner, SignedStream};
pub use digest::{Checked, Checksum, HmacStream, Sha256Stream, hash_token, random_token, same, sha256, sha256_hex};
pub use file::{KeptFile, SealedReader, SealedWriter};
pub use hasher::{HashDomain, KeyedHasher};
pub use jwks::{ProviderKeys, SignedFault};
pub use jws::{CHARS_MAX as JWS_CHARS_MAX, ClientKey, Jws, KeyError};
pub use keyring::contents::{KeyState, KeyUse};
pub use password::{hash_password, is_password};
pub use rotation::{Draft, KeyChange, KeyLine, MasterKey, MasterLine, Met, Succession};
pub use seal::Sealer;
pub use sign::PublicJwk;
pub use totp::{STEP_SECONDS, new_totp_secret, totp_code, totp_secret_text, totp_step};

use jiff::{SignedDuration, Timestamp};
use keyring::contents::Contents;
use keyring::disk::{self, KEYRING_FILE};
use keyring::sealed::{self, Envelope};
use keyring::{Keyring, PublicKey};
use ring::{MasterSource, Ring};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// So long after a signing key was followed by another what it signed of short life still serves: the longest life of an access
/// token, and some minutes of clocks. After that whoever stole it can make none.
const OLD_TOKENS_HOLD: SignedDuration = SignedDuration::from_secs(3_900);

#[derive(Debug, thiserror::Error)]
pub enum VaultError {
    #[error("the key file {0} can be read by other users; make it private: chmod 600")]
    ReadableByOthers(PathBuf),
    #[error("the master key is not 32 bytes in base64")]
    MasterForm,
    #[error("the keyring {0} was not made with this master key, or it was changed")]
    WrongMaster(PathBuf),
    #[error("the keyring {0} can't be read")]
    KeyringForm(PathBuf, #[source] serde_json::Error),
    #[error("the keyring has no {0} key")]
    KeyMissing(&'static str),
    #[error("the keyring can't be written as JSON")]
    KeyringUnwritten(#[source] serde_json::Error),
    #[error("the keyring has as many keys as it can have")]
    TooManyKeys,
    #[error(
        "the store holds a keyring, and there is no master key to open it: bring back {0}, or set SAPHAN_MASTER_KEY"
    )]
    MasterMissing(PathBuf),
    #[error(
        "the keyring in the store is opened by another master key ({wanted}); this one was replaced: bring the one that is in force"
    )]
    StoredMaster { wanted: String },
    #[error("the keyring in the store was changed by somebody without its key")]
    StoredBroken,
    #[error("the keyring in the store can't be read")]
    StoredForm(#[source] serde_json::Error),
    #[error(
        "the keyring in the home and the one in the store have different keys under one number: they are of two stores"
    )]
    OtherKeyring,
    #[error("this process has an older master key than the newest; start it with that one")]
    OldMaster,
    #[error("the keyring in the store is newer than the one this process has, and it can't open it; nothing is sealed")]
    Behind,
    #[error("the file {path} can't be used")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("a sealed file can't be read on")]
    Source(#[source] io::Error),
    #[error("a sealed value names key {0}, which the keyring doesn't hold")]
    UnknownKey(u16),
    #[error("a sealed value is broken, or was sealed for another place")]
    Broken,
    #[error("a password could not be hashed")]
    Password,
    #[error("the cryptographic library failed")]
    OpenSsl(#[from] openssl::error::ErrorStack),
}

impl VaultError {
    fn file(path: &Path) -> impl FnOnce(io::Error) -> VaultError {
        let path = path.to_owned();
        move |source| VaultError::File { path, source }
    }
}

/// The opened keys. Cheap to share (`Arc`); each worker takes its own [`Sealer`] and [`KeyedHasher`].
pub struct Vault {
    ring: Arc<Ring>,
}

impl Vault {
    /// Opens `<home>/keys`, making key file and keyring on the first start.
    ///
    /// Blocking file work. Two processes that start at once end up with the same keys.
    pub fn open_or_create(home: &Path) -> Result<Vault, VaultError> {
        Vault::open_beside(home, None, None)
    }

    /// The same with the master key given (32 bytes in base64, e.g. `SAPHAN_MASTER_KEY`); no key file is read or made.
    pub fn open_or_create_with_master(home: &Path, master_base64: &str) -> Result<Vault, VaultError> {
        Vault::open_beside(home, Some(master_base64), None)
    }

    /// The same beside a store that has a keyring already (`stored`): a home without one gets that.
    pub fn open_beside(home: &Path, master_base64: Option<&str>, stored: Option<&str>) -> Result<Vault, VaultError> {
        let given = master_base64.map(disk::master_from_text).transpose()?;
        let dir = disk::private_dir(home)?;
        let path = dir.join(KEYRING_FILE);
        let (source, master) = match given {
            Some(master) => (MasterSource::Given, master),
            None => {
                let found = disk::master_from_file(&dir)?;
                if found.is_none() && stored.is_some() {
                    return Err(VaultError::MasterMissing(dir.join("master.key")));
                }
                (MasterSource::File, found.map_or_else(|| disk::master_file(&dir), Ok)?)
            }
        };
        let text = match (disk::read_private(&path)?, stored) {
            (Some(text), _) => text,
            (None, Some(stored)) => {
                sealed::open(stored.as_bytes(), &master).map_err(|fault| ring::opening_fault(fault, None))?;
                disk::publish(&dir, &path, stored.as_bytes())?
            }
            (None, None) => {
                let fresh = sealed::write(&Contents::fresh()?, &Envelope::new(&master)?)?;
                disk::publish(&dir, &path, fresh.as_bytes())?
            }
        };
        let opened = match (sealed::open(&text, &master), stored) {
            (Ok(opened), _) => opened,
            // A copy from before the master key was replaced: the store has what is in force.
            (Err(sealed::Fault::Master(_) | sealed::Fault::Broken), Some(stored)) => {
                let opened =
                    sealed::open(stored.as_bytes(), &master).map_err(|fault| ring::opening_fault(fault, None))?;
                disk::set_aside(&dir, &path)?;
                disk::publish(&dir, &path, stored.as_bytes())?;
                opened
            }
            (Err(fault), _) => return Err(ring::opening_fault(fault, Some(&path))),
        };
        let keyring = Keyring::new(opened.0, opened.1)?;
        Ok(Vault { ring: Arc::new(Ring::new(dir, source, master, keyring)) })
    }

    /// Names this keyring without telling anything of it. The store pins it, so that a lost keyring
    /// can't be replaced unnoticed by a new one whose hashes would meet nothing that is stored.
    pub fn fingerprint(&self) -> String {
        let check = digest::hmac(self.ring.keyring().lookup_key(), &[b"saphan keyring fingerprint"]);
        data_encoding::HEXLOWER.encode(&check[..8])
    }

    /// One per worker thread: holds the cipher contexts.
    pub fn sealer(&self) -> Result<Sealer, VaultError> {
        Sealer::new(Arc::clone(&self.ring))
    }

    /// One per worker thread; any two agree.
    pub fn hasher(&self) -> KeyedHasher {
        KeyedHasher::new(self.ring.keyring().lookup_key())
    }

    /// Appends the sealed form of `plain` to `out`; `aad` says where it belongs and must be the same to unseal.
    /// For many values take a [`Sealer`].
    pub fn seal(&self, aad: &[u8], plain: &[u8], out: &mut Vec<u8>) -> Result<(), VaultError> {
        self.sealer()?.seal(aad, plain, out)
    }

    /// Appends the plain form of `sealed` to `out`; leaves `out` as it was on error.
    pub fn unseal(&self, aad: &[u8], sealed: &[u8], out: &mut Vec<u8>) -> Result<(), VaultError> {
        self.sealer()?.unseal(aad, sealed, out)
    }

    /// Starts a sealed file at `path` (made under a temporary name beside it until finished).
    pub fn create_sealed(&self, path: &Path, label: &[u8]) -> Result<SealedWriter, VaultError> {
        SealedWriter::create(&self.ring, path, label)
    }

    /// Opens a sealed file from wherever its bytes lie, `bytes` of them; its end is authenticated at once, every other chunk when
    /// it is read.
    pub fn open_sealed_in<S: io::Read + io::Seek>(
        &self,
        source: S,
        bytes: u64,
        label: &[u8],
    ) -> Result<SealedReader<S>, VaultError> {
        SealedReader::over(&self.ring, source, bytes, label)
    }

    /// ES256 (RFC 7518 §3.4) over `bytes`: base64url of r‖s.
    pub fn sign(&self, bytes: &[u8]) -> Result<String, VaultError> {
        Ok(self.sign_as(bytes)?.0)
    }

    /// The same with the id of the key it was signed by.
    pub fn sign_as(&self, bytes: &[u8]) -> Result<(String, PublicJwk), VaultError> {
        self.sign_by(|_| bytes.to_vec())
    }

    /// `bytes` is told the id of the key, to put it into what is signed.
    pub fn sign_by(&self, bytes: impl FnOnce(&str) -> Vec<u8>) -> Result<(String, PublicJwk), VaultError> {
        let keyring = self.ring.keyring();
        let (key, jwk, _) = keyring.signing_key()?;
        Ok((sign::sign(key, &bytes(&jwk.kid))?, jwk.clone()))
    }

    /// Whether `signature` (base64url of r‖s) was made over `bytes` by a key that this gateway signs by, or signed by once.
    pub fn verify(&self, bytes: &[u8], signature: &str) -> Result<bool, VaultError> {
        for key in self.ring.keyring().public_keys() {
            if sign::verify(&key.key, bytes, signature)? {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// The same for the key of this id.
    pub fn verify_by(&self, kid: &str, bytes: &[u8], signature: &str) -> Result<bool, VaultError> {
        match self.ring.keyring().public_key(kid) {
            Some(key) => sign::verify(&key.key, bytes, signature),
            None => Ok(false),
        }
    }

    /// Whether a key of this id signs here, or did.
    pub fn is_own_key(&self, kid: &str) -> bool {
        self.ring.keyring().public_key(kid).is_some()
    }

    /// The public half of the key that signs.
    pub fn public_jwk(&self) -> Result<PublicJwk, VaultError> {
        Ok(self.ring.keyring().signing_key()?.1.clone())
    }

    /// For `/.well-known/jwks.json`: the key that signs, the one that is coming, then those that signed before, newest first.
    pub fn public_jwks(&self) -> Vec<PublicJwk> {
        let keyring = self.ring.keyring();
        let mut keys: Vec<&PublicKey> = keyring.public_keys().iter().rev().collect();
        keys.sort_by_key(|key| match key.state {
            KeyState::Current => 0,
            KeyState::Coming => 1,
            KeyState::Old => 2,
        });
        keys.into_iter().map(|key| key.jwk.clone()).collect()
    }

    /// The key that signs as PEM, for programs such as `openssl`.
    pub fn public_pem(&self) -> Result<String, VaultError> {
        Ok(self.ring.keyring().signing_key()?.2.to_owned())
    }

    /// By which something short-lived may still be signed.
    fn signs_tokens(&self, kid: &str, now: Timestamp) -> bool {
        let keyring = self.ring.keyring();
        keyring.public_key(kid).is_some_and(|key| match key.state {
            KeyState::Current | KeyState::Coming => true,
            KeyState::Old => key.old_since.is_some_and(|since| now < since + OLD_TOKENS_HOLD),
        })
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

#[cfg(test)]
mod rotation_tests;
#[cfg(test)]
mod tests;
