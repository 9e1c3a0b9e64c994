//! What a keyring holds, and how it changes: which key is coming, current or old.
//!
//! Owns the way of a key. A new one is *coming* until every gateway can have learned of it, then *current*; the one before is
//! *old*: it opens what is its own and seals nothing more, and of a signing key only the public half stays. Refuses to take a key
//! out that seals or signs, and gives no number twice.

use super::Key;
use crate::vault::VaultError;
use crate::vault::sign::{self, PublicJwk};
use data_encoding::BASE64;
use jiff::Timestamp;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::{Private, Public};
use serde::{Deserialize, Serialize};
use serde_json::json;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyUse {
    /// Seals identities, kept files and stored secrets.
    Data,
    /// Keyed hashes.
    Lookup,
    /// Signs receipts, manifests, tokens and checkpoints of the journal.
    Signing,
}

impl KeyUse {
    pub fn as_str(self) -> &'static str {
        match self {
            KeyUse::Data => "data",
            KeyUse::Lookup => "lookup",
            KeyUse::Signing => "signing",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum KeyState {
    /// Known, so that whatever another gateway seals or signs by it is read; not used here yet.
    Coming,
    Current,
    Old,
}

/// That the key before signed this one, for who trusts the key before.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Vouched {
    /// Key id of the one before.
    pub by: String,
    /// ES256 over [`vouched_text`].
    pub signature: String,
}

/// What a signing key says of the next one.
pub fn vouched_text(by: &str, kid: &str, pem: &str) -> String {
    json!(["saphan-signing-key-1", by, kid, pem]).to_string()
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::vault) struct HeldKey {
    pub(in crate::vault) id: u16,
    pub(in crate::vault) r#use: KeyUse,
    pub(in crate::vault) state: KeyState,
    /// RFC 3339; none: with a keyring of the first versions.
    pub(in crate::vault) made_at: Option<String>,
    pub(in crate::vault) old_since: Option<String>,
    /// base64 of 32 bytes; a signing key as PEM, an old one its public half.
    pub(in crate::vault) key: String,
    pub(in crate::vault) vouched: Option<Vouched>,
}

/// Of a signing key.
pub(in crate::vault) enum Half {
    Private(EcKey<Private>),
    Public(EcKey<Public>),
}

impl HeldKey {
    pub(in crate::vault) fn bytes(&self) -> Option<Key> {
        Key::try_from(BASE64.decode(self.key.as_bytes()).ok()?.as_slice()).ok()
    }

    pub(in crate::vault) fn half(&self) -> Result<Half, VaultError> {
        let pem = self.key.as_bytes();
        Ok(if self.key.contains("PRIVATE KEY") {
            Half::Private(EcKey::private_key_from_pem(pem)?)
        } else {
            Half::Public(EcKey::public_key_from_pem(pem)?)
        })
    }

    /// The public half, as key, JWK and PEM.
    pub(in crate::vault) fn public(&self) -> Result<(EcKey<Public>, PublicJwk, String), VaultError> {
        let key = match self.half()? {
            Half::Private(key) => EcKey::from_public_key(key.group(), key.public_key())?,
            Half::Public(key) => key,
        };
        let (jwk, pem) = (sign::public_jwk(&key)?, sign::public_pem(&key)?);
        Ok((key, jwk, pem))
    }
}

#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::vault) struct Contents {
    /// Rises with every change.
    pub(in crate::vault) revision: u64,
    /// Ids of keys that are gone on purpose: an older copy doesn't bring them back.
    pub(in crate::vault) forgotten: Vec<u16>,
    pub(in crate::vault) keys: Vec<HeldKey>,
}

impl Contents {
    pub(in crate::vault) fn fresh() -> Result<Self, VaultError> {
        let mut contents = Contents { revision: 1, forgotten: Vec::new(), keys: Vec::new() };
        for (id, r#use) in [(1, KeyUse::Data), (2, KeyUse::Lookup), (3, KeyUse::Signing)] {
            let key = new_key(r#use)?;
            let state = KeyState::Current;
            contents.keys.push(HeldKey { id, r#use, state, made_at: None, old_since: None, key, vouched: None });
        }
        Ok(contents)
    }

    pub(in crate::vault) fn of(&self, r#use: KeyUse, state: KeyState) -> Option<&HeldKey> {
        self.keys.iter().find(|key| key.r#use == r#use && key.state == state)
    }

    /// With a new key of that use that is coming; the same if one is coming already.
    pub(in crate::vault) fn begin(&mut self, r#use: KeyUse, at: Timestamp) -> Result<(), VaultError> {
        if self.of(r#use, KeyState::Coming).is_some() {
            return Ok(());
        }
        let ids = self.keys.iter().map(|key| key.id).chain(self.forgotten.iter().copied());
        let id = ids.max().unwrap_or(0).checked_add(1).ok_or(VaultError::TooManyKeys)?;
        let (key, made_at) = (new_key(r#use)?, Some(at.to_string()));
        let state = KeyState::Coming;
        let mut new = HeldKey { id, r#use, state, made_at, old_since: None, key, vouched: None };
        if let Some(before) = self.of(r#use, KeyState::Current).filter(|_| r#use == KeyUse::Signing)
            && let Half::Private(private) = before.half()?
        {
            let (by, (_, jwk, pem)) = (before.public()?.1.kid, new.public()?);
            let signature = sign::sign(&private, vouched_text(&by, &jwk.kid, &pem).as_bytes())?;
            new.vouched = Some(Vouched { by, signature });
        }
        self.keys.push(new);
        self.revision += 1;
        Ok(())
    }

    /// The one that was coming is current; false: none is.
    pub(in crate::vault) fn finish(&mut self, r#use: KeyUse, at: Timestamp) -> Result<bool, VaultError> {
        if self.of(r#use, KeyState::Coming).is_none() {
            return Ok(false);
        }
        for key in self.keys.iter_mut().filter(|key| key.r#use == r#use) {
            match key.state {
                KeyState::Coming => key.state = KeyState::Current,
                KeyState::Current => {
                    key.state = KeyState::Old;
                    key.old_since = Some(at.to_string());
                    if r#use == KeyUse::Signing {
                        key.key = key.public()?.2;
                    }
                }
                KeyState::Old => {}
            }
        }
        self.revision += 1;
        Ok(true)
    }

    /// False: there is no such old data key. Public halves stay: what they signed is to be checked for ever.
    pub(in crate::vault) fn forget(&mut self, id: u16) -> bool {
        let before = self.keys.len();
        self.keys.retain(|key| key.id != id || key.r#use != KeyUse::Data || key.state != KeyState::Old);
        let is_gone = self.keys.len() < before;
        if is_gone {
            self.forgotten.push(id);
            self.revision += 1;
        }
        is_gone
    }

    /// Of two copies the one that holds every key of both and forgot what either forgot; `None`: one number names two keys.
    pub(in crate::vault) fn joined(&self, other: &Contents) -> Option<Contents> {
        let (newer, older) = if other.revision > self.revision { (other, self) } else { (self, other) };
        let mut joined = newer.clone();
        for key in &older.keys {
            match newer.keys.iter().find(|held| held.id == key.id) {
                Some(held) if !is_same(held, key) => return None,
                Some(_) => {}
                None if newer.forgotten.contains(&key.id) => {}
                None => {
                    let state = if key.r#use == KeyUse::Lookup { key.state } else { KeyState::Old };
                    let key_text = match (key.r#use, key.public()) {
                        (KeyUse::Signing, Ok((_, _, pem))) => pem,
                        _ => key.key.clone(),
                    };
                    joined.keys.push(HeldKey { state, key: key_text, ..key.clone() });
                }
            }
        }
        if joined.keys.len() > newer.keys.len() {
            joined.keys.sort_by_key(|key| key.id);
            joined.revision += 1;
        }
        Some(joined)
    }
}

/// A signing key is the same by its public half.
fn is_same(one: &HeldKey, other: &HeldKey) -> bool {
    match (one.r#use, other.r#use) {
        (KeyUse::Signing, KeyUse::Signing) => {
            matches!((one.public(), other.public()), (Ok((_, a, _)), Ok((_, b, _))) if a.kid == b.kid)
        }
        (one_use, other_use) => one_use == other_use && one.key == other.key,
    }
}

fn new_key(r#use: KeyUse) -> Result<String, VaultError> {
    match r#use {
        KeyUse::Data | KeyUse::Lookup => Ok(BASE64.encode(&super::random_key()?)),
        KeyUse::Signing => {
            let key = EcKey::generate(EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?.as_ref())?;
            let pem = key.private_key_to_pem()?;
            String::from_utf8(pem).map_err(|_| VaultError::Broken)
        }
    }
}
