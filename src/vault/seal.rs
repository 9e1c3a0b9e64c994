//! Sealing of small values: one canonical record at a time, many thousand a second.
//!
//! Form: version (1) · key id (u16, big-endian) · nonce (12) · ciphertext · tag (16). AES-256-GCM; the head and
//! the caller's `aad` are authenticated, so a value can't be moved to another place or given another key's id.
//!
//! Nonces are 96 random bits. NIST SP 800-38D §8.3 allows 2³² values a key that way: 350 rounds of 12 million
//! learners; key ids are in place for the change long before. Random, not counted, because several
//! processes and workers seal under one key and share no counter.

use super::VaultError;
use super::digest::derive;
use super::ring::Ring;
use openssl::cipher::Cipher;
use openssl::cipher_ctx::CipherCtx;
use std::sync::Arc;

const VERSION: u8 = 1;
const HEAD_BYTES: usize = 3;
pub(super) const NONCE_BYTES: usize = 12;
pub(super) const TAG_BYTES: usize = 16;
/// What sealing adds to a value.
const OVERHEAD_BYTES: usize = HEAD_BYTES + NONCE_BYTES + TAG_BYTES;
/// Random bytes are drawn many nonces at a time: a draw costs more than a seal.
const NONCE_POOL_BYTES: usize = NONCE_BYTES * 512;

/// AES-256-GCM under one key with its two contexts kept: setting up a key costs more than a small seal.
pub(super) struct Gcm {
    encrypt: CipherCtx,
    decrypt: CipherCtx,
}

impl Gcm {
    pub(super) fn new(key: &[u8; 32]) -> Result<Self, VaultError> {
        let mut encrypt = CipherCtx::new()?;
        encrypt.encrypt_init(Some(Cipher::aes_256_gcm()), Some(key), None)?;
        let mut decrypt = CipherCtx::new()?;
        decrypt.decrypt_init(Some(Cipher::aes_256_gcm()), Some(key), None)?;
        Ok(Gcm { encrypt, decrypt })
    }

    /// Appends ciphertext and tag.
    pub(super) fn encrypt(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: [&[u8]; 2],
        plain: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), VaultError> {
        self.encrypt.encrypt_init(None, None, Some(nonce))?;
        for part in aad.into_iter().filter(|part| !part.is_empty()) {
            self.encrypt.cipher_update(part, None)?;
        }
        if !plain.is_empty() {
            self.encrypt.cipher_update_vec(plain, out)?;
        }
        self.encrypt.cipher_final(&mut [0; 16])?;
        let mut tag = [0; TAG_BYTES];
        self.encrypt.tag(&mut tag)?;
        out.extend_from_slice(&tag);
        Ok(())
    }

    /// Appends the plain bytes; on a broken seal `out` is as it was.
    pub(super) fn decrypt(
        &mut self,
        nonce: &[u8; NONCE_BYTES],
        aad: [&[u8]; 2],
        sealed: &[u8],
        out: &mut Vec<u8>,
    ) -> Result<(), VaultError> {
        let Some((cipher, tag)) = sealed.split_last_chunk::<TAG_BYTES>() else {
            return Err(VaultError::Broken);
        };
        let before = out.len();
        self.decrypt.decrypt_init(None, None, Some(nonce))?;
        for part in aad.into_iter().filter(|part| !part.is_empty()) {
            self.decrypt.cipher_update(part, None)?;
        }
        if !cipher.is_empty() {
            self.decrypt.cipher_update_vec(cipher, out)?;
        }
        self.decrypt.set_tag(tag)?;
        if self.decrypt.cipher_final(&mut [0; 16]).is_err() {
            // Nothing unauthenticated may leave, not even in the spare room of a buffer.
            out[before..].fill(0);
            out.truncate(before);
            return Err(VaultError::Broken);
        }
        Ok(())
    }
}

/// What a value begins with that is sealed under the data key `id`.
pub(super) fn head_of(id: u16) -> [u8; HEAD_BYTES] {
    let [high, low] = id.to_be_bytes();
    [VERSION, high, low]
}

/// Seals and unseals under the keys of the keyring. One per worker thread; it may live as long as the work on a file, so it
/// looks with every value whether the keyring changed meanwhile.
pub struct Sealer {
    ring: Arc<Ring>,
    generation: u64,
    current: u16,
    /// Every data key by id; few, so a list.
    keys: Vec<(u16, Gcm)>,
    pool: Box<[u8; NONCE_POOL_BYTES]>,
    pool_used: usize,
}

impl Sealer {
    pub(super) fn new(ring: Arc<Ring>) -> Result<Self, VaultError> {
        let pool = Box::new([0; NONCE_POOL_BYTES]);
        let mut sealer =
            Sealer { ring, generation: 0, current: 0, keys: Vec::new(), pool, pool_used: NONCE_POOL_BYTES };
        sealer.look()?;
        Ok(sealer)
    }

    fn look(&mut self) -> Result<(), VaultError> {
        let generation = self.ring.generation();
        if generation == self.generation {
            return Ok(());
        }
        let keyring = self.ring.keyring();
        self.keys.retain(|(id, _)| keyring.data_key(*id).is_some());
        for (id, key) in keyring.data_keys() {
            if !self.keys.iter().any(|(known, _)| *known == id) {
                self.keys.push((id, Gcm::new(&derive(key, "saphan rows 1", &[]))?));
            }
        }
        self.current = keyring.current_data_key();
        self.generation = generation;
        Ok(())
    }

    fn nonce(&mut self) -> Result<[u8; NONCE_BYTES], VaultError> {
        if self.pool_used + NONCE_BYTES > NONCE_POOL_BYTES {
            openssl::rand::rand_bytes(&mut self.pool[..])?;
            self.pool_used = 0;
        }
        let mut nonce = [0; NONCE_BYTES];
        nonce.copy_from_slice(&self.pool[self.pool_used..self.pool_used + NONCE_BYTES]);
        self.pool_used += NONCE_BYTES;
        Ok(nonce)
    }

    fn key(&mut self, id: u16) -> Result<&mut Gcm, VaultError> {
        self.look()?;
        if !self.keys.iter().any(|(key, _)| *key == id) {
            self.ring.data_key(id)?;
            self.look()?;
        }
        self.keys.iter_mut().find(|(key, _)| *key == id).map(|(_, gcm)| gcm).ok_or(VaultError::UnknownKey(id))
    }

    /// Appends the sealed form of `plain` to `out`; `aad` says where it belongs and must be the same to unseal.
    pub fn seal(&mut self, aad: &[u8], plain: &[u8], out: &mut Vec<u8>) -> Result<(), VaultError> {
        self.ring.may_seal()?;
        self.look()?;
        let nonce = self.nonce()?;
        let (current, head) = (self.current, head_of(self.current));
        out.reserve(plain.len() + OVERHEAD_BYTES + TAG_BYTES);
        out.extend_from_slice(&head);
        out.extend_from_slice(&nonce);
        self.key(current)?.encrypt(&nonce, [&head, aad], plain, out)
    }

    /// Appends the plain form of `sealed` to `out`; leaves `out` as it was on error.
    pub fn unseal(&mut self, aad: &[u8], sealed: &[u8], out: &mut Vec<u8>) -> Result<(), VaultError> {
        let Some((head, rest)) = sealed.split_first_chunk::<HEAD_BYTES>() else {
            return Err(VaultError::Broken);
        };
        let Some((nonce, body)) = rest.split_first_chunk::<NONCE_BYTES>() else {
            return Err(VaultError::Broken);
        };
        let [version, high, low] = *head;
        if version != VERSION {
            return Err(VaultError::Broken);
        }
        self.key(u16::from_be_bytes([high, low]))?.decrypt(nonce, [head, aad], body, out)
    }
}
