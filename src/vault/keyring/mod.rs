//! The keys, opened: in memory only.
//!
//! Owns which of them seals, hashes, signs and checks now. How they stand in a file and in the store is in `sealed.rs`, how they
//! change in `contents.rs`, their files in `disk.rs`.

pub(super) mod contents;
pub(super) mod disk;
pub(super) mod sealed;

use super::VaultError;
use super::sign::PublicJwk;
use contents::{Contents, Half, KeyState, KeyUse, Vouched};
use jiff::Timestamp;
use openssl::ec::EcKey;
use openssl::pkey::{Private, Public};
use sealed::Envelope;

pub(super) type Key = [u8; 32];

pub(super) fn random_key() -> Result<Key, VaultError> {
    let mut key = [0; 32];
    openssl::rand::rand_bytes(&mut key)?;
    Ok(key)
}

/// By which a signature of this gateway is checked.
pub(super) struct PublicKey {
    pub(super) state: KeyState,
    pub(super) old_since: Option<Timestamp>,
    pub(super) jwk: PublicJwk,
    pub(super) pem: String,
    pub(super) vouched: Option<Vouched>,
    pub(super) key: EcKey<Public>,
}

struct Signing {
    key: EcKey<Private>,
    jwk: PublicJwk,
    pem: String,
}

pub(super) struct Keyring {
    pub(super) contents: Contents,
    pub(super) envelope: Envelope,
    data: Vec<(u16, Key)>,
    current: u16,
    lookup: Key,
    signing: Option<Signing>,
    /// Oldest first.
    public: Vec<PublicKey>,
}

/// None for what is no time: it is somebody else's writing.
pub(super) fn time_of(text: Option<&str>) -> Option<Timestamp> {
    text.and_then(|text| text.parse().ok())
}

impl Keyring {
    pub(super) fn new(contents: Contents, envelope: Envelope) -> Result<Keyring, VaultError> {
        let (mut data, mut public) = (Vec::new(), Vec::new());
        let (mut current, mut lookup, mut signing) = (None, None, None);
        for key in &contents.keys {
            match key.r#use {
                KeyUse::Data => {
                    data.push((key.id, key.bytes().ok_or(VaultError::Broken)?));
                    current = current.or((key.state == KeyState::Current).then_some(key.id));
                }
                KeyUse::Lookup => lookup = Some(key.bytes().ok_or(VaultError::Broken)?),
                KeyUse::Signing => {
                    let (of, jwk, pem) = key.public()?;
                    if let (KeyState::Current, Half::Private(private)) = (key.state, key.half()?) {
                        signing = Some(Signing { key: private, jwk: jwk.clone(), pem: pem.clone() });
                    }
                    let (old_since, vouched) = (time_of(key.old_since.as_deref()), key.vouched.clone());
                    public.push(PublicKey { state: key.state, old_since, jwk, pem, vouched, key: of });
                }
            }
        }
        let current = current.ok_or(VaultError::KeyMissing("data"))?;
        let lookup = lookup.ok_or(VaultError::KeyMissing("lookup"))?;
        Ok(Keyring { contents, envelope, data, current, lookup, signing, public })
    }

    pub(super) fn data_keys(&self) -> impl Iterator<Item = (u16, &Key)> {
        self.data.iter().map(|(id, key)| (*id, key))
    }

    pub(super) fn data_key(&self, id: u16) -> Option<&Key> {
        self.data_keys().find(|(key, _)| *key == id).map(|(_, key)| key)
    }

    /// Which seals.
    pub(super) fn current_data_key(&self) -> u16 {
        self.current
    }

    pub(super) fn lookup_key(&self) -> &Key {
        &self.lookup
    }

    fn signing(&self) -> Result<&Signing, VaultError> {
        self.signing.as_ref().ok_or(VaultError::KeyMissing("signing"))
    }

    pub(super) fn signing_key(&self) -> Result<(&EcKey<Private>, &PublicJwk, &str), VaultError> {
        self.signing().map(|signing| (&signing.key, &signing.jwk, &*signing.pem))
    }

    pub(super) fn public_keys(&self) -> &[PublicKey] {
        &self.public
    }

    pub(super) fn public_key(&self, kid: &str) -> Option<&PublicKey> {
        self.public.iter().find(|key| key.jwk.kid == kid)
    }
}
