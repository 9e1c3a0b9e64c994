//! Plain digests and random tokens.
//!
//! Owns SHA-256 in its uses, HMAC-SHA-256 (RFC 2104), also for those who sign requests to others, and the check of bytes against a
//! sender's own checksum. Refuses to hash identities: a number of
//! thirteen digits is guessed through any unkeyed hash in seconds; those go through `KeyedHasher`.

use super::VaultError;
use data_encoding::{BASE64URL_NOPAD, HEXLOWER};
use openssl::sha::{Sha1, Sha256};

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    openssl::sha::sha256(bytes)
}

/// SHA-256 of `bytes`, 64 lower-case hexadecimal digits.
pub fn sha256_hex(bytes: &[u8]) -> String {
    HEXLOWER.encode(&openssl::sha::sha256(bytes))
}

/// SHA-256 of a stream, with its length.
#[derive(Clone, Default)]
pub struct Sha256Stream {
    state: Sha256,
    bytes: u64,
}

impl Sha256Stream {
    pub fn new() -> Self {
        Self::default()
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.state.update(bytes);
        self.bytes += bytes.len() as u64;
    }

    /// Bytes so far.
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    pub fn finish(self) -> [u8; 32] {
        self.state.finish()
    }

    pub fn finish_hex(self) -> String {
        HEXLOWER.encode(&self.finish())
    }
}

/// A sender's checksum of some bytes: it finds accidents of the line, and proves nothing against an attacker. So SHA-1 will
/// do, which published protocols ask for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checksum {
    Sha1([u8; 20]),
    Sha256([u8; 32]),
}

/// Bytes that are to have a checksum.
pub enum Checked {
    Sha1(Sha1, [u8; 20]),
    Sha256(Sha256, [u8; 32]),
}

impl From<Checksum> for Checked {
    fn from(checksum: Checksum) -> Self {
        match checksum {
            Checksum::Sha1(wanted) => Checked::Sha1(Sha1::new(), wanted),
            Checksum::Sha256(wanted) => Checked::Sha256(Sha256::new(), wanted),
        }
    }
}

impl Checked {
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Checked::Sha1(state, _) => state.update(bytes),
            Checked::Sha256(state, _) => state.update(bytes),
        }
    }

    pub fn is_right(self) -> bool {
        match self {
            Checked::Sha1(state, wanted) => state.finish() == wanted,
            Checked::Sha256(state, wanted) => state.finish() == wanted,
        }
    }
}

/// A secret of 256 random bits, base64url (43 characters).
pub fn random_token() -> Result<String, VaultError> {
    let mut bytes = [0; 32];
    openssl::rand::rand_bytes(&mut bytes)?;
    Ok(BASE64URL_NOPAD.encode(&bytes))
}

/// What the store keeps of a token, hexadecimal. Plain SHA-256 is enough, and is found by index: a token
/// has 256 random bits, so there is nothing to guess and no use for salt or a slow hash (those are for passwords).
pub fn hash_token(token: &str) -> String {
    sha256_hex(token.as_bytes())
}

/// Whether both are the same bytes, in a time that does not say where they differ.
pub fn same(one: &[u8], other: &[u8]) -> bool {
    one.len() == other.len() && openssl::memcmp::eq(one, other)
}

/// The two half-done SHA-256 states of HMAC under one key: cloning them saves hashing the key again.
#[derive(Clone)]
pub(super) struct HmacState {
    inner: Sha256,
    outer: Sha256,
}

impl HmacState {
    /// A key up to a block is padded, a longer one is hashed first (RFC 2104 §2). Our own have 32 bytes.
    pub(super) fn new(key: &[u8]) -> Self {
        let mut pads = [[0x36_u8; 64], [0x5c_u8; 64]];
        let hashed;
        let key = if key.len() > pads[0].len() {
            hashed = sha256(key);
            &hashed
        } else {
            key
        };
        for pad in &mut pads {
            for (slot, byte) in pad.iter_mut().zip(key) {
                *slot ^= byte;
            }
        }
        let [mut inner, mut outer] = [Sha256::new(), Sha256::new()];
        inner.update(&pads[0]);
        outer.update(&pads[1]);
        HmacState { inner, outer }
    }

    pub(super) fn start(&self) -> Sha256 {
        self.inner.clone()
    }

    pub(super) fn finish(&self, inner: Sha256) -> [u8; 32] {
        let mut outer = self.outer.clone();
        outer.update(&inner.finish());
        outer.finish()
    }
}

/// HMAC-SHA-256 of a stream under somebody else's key, such as the secret that signs a request.
pub struct HmacStream {
    state: HmacState,
    inner: Sha256,
}

impl HmacStream {
    pub fn new(key: &[u8]) -> Self {
        let state = HmacState::new(key);
        HmacStream { inner: state.start(), state }
    }

    pub fn update(&mut self, bytes: &[u8]) {
        self.inner.update(bytes);
    }

    pub fn finish(self) -> [u8; 32] {
        self.state.finish(self.inner)
    }
}

/// HMAC-SHA-256 of the parts one after another. With a last part of `[1]` this is HKDF-Expand (RFC 5869 §2.3) of 32 bytes.
pub(super) fn hmac(key: &[u8; 32], parts: &[&[u8]]) -> [u8; 32] {
    let state = HmacState::new(key);
    let mut inner = state.start();
    for part in parts {
        inner.update(part);
    }
    state.finish(inner)
}

/// A key for one purpose from a more general one (HKDF-Expand, RFC 5869; the input key is uniformly random already).
pub(super) fn derive(key: &[u8; 32], purpose: &str, salt: &[u8]) -> [u8; 32] {
    hmac(key, &[purpose.as_bytes(), salt, &[1]])
}
