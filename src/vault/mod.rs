//! The vault: keys, sealing, keyed hashes, signatures, tokens, passwords and codes. The only module that may name OpenSSL.
//!
//! Owns everything secret. A *master key* (file of mode 0600, or brought from the environment) wraps
//! the *keyring*: a data key that seals identities, a lookup key for the keyed hashes by which a
//! learner is known outside the vault, and a signing key. Every sealed value names its key, so keys can
//! be changed while old values stay readable.
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
pub use password::{hash_password, is_password};
pub use seal::Sealer;
pub use sign::PublicJwk;
pub use totp::{STEP_SECONDS, new_totp_secret, totp_code, totp_secret_text, totp_step};

use keyring::Keyring;
use std::io;
use std::path::{Path, PathBuf};

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
    keyring: Keyring,
}

impl Vault {
    /// Opens `<home>/keys`, making key file and keyring on the first start.
    ///
    /// Blocking file work. Two processes that start at once end up with the same keys.
    pub fn open_or_create(home: &Path) -> Result<Vault, VaultError> {
        let dir = keyring::private_dir(home)?;
        let master = keyring::master_from_file(&dir)?;
        Ok(Vault { keyring: Keyring::open_or_create(&dir, &master)? })
    }

    /// The same with the master key given (32 bytes in base64, e.g. `SAPHAN_MASTER_KEY`); no key file is read or made.
    pub fn open_or_create_with_master(home: &Path, master_base64: &str) -> Result<Vault, VaultError> {
        let master = keyring::master_from_text(master_base64)?;
        let dir = keyring::private_dir(home)?;
        Ok(Vault { keyring: Keyring::open_or_create(&dir, &master)? })
    }

    /// Names this keyring without telling anything of it. The store pins it, so that a lost keyring
    /// can't be replaced unnoticed by a new one whose hashes would meet nothing that is stored.
    pub fn fingerprint(&self) -> String {
        let check = digest::hmac(self.keyring.lookup_key(), &[b"saphan keyring fingerprint"]);
        data_encoding::HEXLOWER.encode(&check[..8])
    }

    /// One per worker thread: holds the cipher contexts.
    pub fn sealer(&self) -> Result<Sealer, VaultError> {
        Sealer::new(&self.keyring)
    }

    /// One per worker thread; any two agree.
    pub fn hasher(&self) -> KeyedHasher {
        KeyedHasher::new(self.keyring.lookup_key())
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
        SealedWriter::create(&self.keyring, path, label)
    }

    /// Opens a sealed file from wherever its bytes lie, `bytes` of them; its end is authenticated at once, every other chunk when
    /// it is read.
    pub fn open_sealed_in<S: io::Read + io::Seek>(
        &self,
        source: S,
        bytes: u64,
        label: &[u8],
    ) -> Result<SealedReader<S>, VaultError> {
        SealedReader::over(&self.keyring, source, bytes, label)
    }

    /// ES256 (RFC 7518 §3.4) over `bytes`: base64url of r‖s.
    pub fn sign(&self, bytes: &[u8]) -> Result<String, VaultError> {
        sign::sign(self.keyring.signing_key()?, bytes)
    }

    /// Whether `signature` (base64url of r‖s) was made by this gateway over `bytes`.
    pub fn verify(&self, bytes: &[u8], signature: &str) -> Result<bool, VaultError> {
        sign::verify(self.keyring.signing_key()?, bytes, signature)
    }

    /// The public half of the signing key, for `/.well-known/jwks.json` and for manifests.
    pub fn public_jwk(&self) -> Result<PublicJwk, VaultError> {
        sign::public_jwk(self.keyring.signing_key()?)
    }

    /// The same as PEM, for programs such as `openssl`.
    pub fn public_pem(&self) -> Result<String, VaultError> {
        sign::public_pem(self.keyring.signing_key()?)
    }
}

impl std::fmt::Debug for Vault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Vault(…)")
    }
}

#[cfg(test)]
mod tests;
