//! The keyring as it stands in a file and in the store: nothing of it can be read or changed without a master key.
//!
//! Owns the form: JSON with the keys as one text, sealed by AES-256-GCM under a *key of keys*, and that key wrapped once by each
//! master key that opens it. So a new master key is one more wrap beside the old one, and a process that holds either reads on.
//! Refuses whatever was changed, by whomever: states and times are under the seal as the keys are.
//!
//! The form of the first versions (each key wrapped by the only master key) is still read, and not written any more.

use super::contents::{Contents, HeldKey, KeyState, KeyUse};
use super::{Key, random_key};
use crate::vault::VaultError;
use crate::vault::digest::hmac;
use crate::vault::seal::{Gcm, NONCE_BYTES};
use data_encoding::{BASE64, HEXLOWER};
use serde::{Deserialize, Serialize};

const VERSION: u8 = 2;

#[derive(Deserialize)]
struct Versioned {
    version: u8,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Sealed {
    version: u8,
    masters: Vec<MasterSlot>,
    /// base64 of nonce, ciphertext and tag; and so are the wraps.
    keys: String,
}

/// One master key that opens the keyring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(in crate::vault) struct MasterSlot {
    pub(in crate::vault) id: String,
    /// RFC 3339; none: with the keyring.
    pub(in crate::vault) added_at: Option<String>,
    wrapped: String,
}

impl MasterSlot {
    fn label(id: &str, added_at: Option<&str>) -> Vec<u8> {
        format!("saphan keyring master 2 {id} {}", added_at.unwrap_or("-")).into_bytes()
    }
}

/// The key of keys and who opens it; the newest master key last.
#[derive(Clone)]
pub(in crate::vault) struct Envelope {
    pub(in crate::vault) masters: Vec<MasterSlot>,
    key: Key,
}

/// Why a text is not opened.
#[derive(Debug)]
pub(in crate::vault) enum Fault {
    Form(serde_json::Error),
    /// These would open it.
    Master(Vec<String>),
    /// It was changed.
    Broken,
    Vault(VaultError),
}

impl From<VaultError> for Fault {
    fn from(error: VaultError) -> Self {
        Fault::Vault(error)
    }
}

/// Names a master key and tells nothing of it.
pub(in crate::vault) fn master_id(master: &Key) -> String {
    HEXLOWER.encode(&hmac(master, &[b"saphan master key id"])[..6])
}

fn sealed(key: &Key, label: &[u8], plain: &[u8]) -> Result<String, VaultError> {
    let mut nonce = [0; NONCE_BYTES];
    openssl::rand::rand_bytes(&mut nonce)?;
    let mut out = nonce.to_vec();
    Gcm::new(key)?.encrypt(&nonce, [label, b""], plain, &mut out)?;
    Ok(BASE64.encode(&out))
}

fn unsealed(key: &Key, label: [&[u8]; 2], text: &str) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(text.as_bytes()).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
    let mut plain = Vec::new();
    Gcm::new(key).ok()?.decrypt(nonce, label, sealed, &mut plain).ok()?;
    Some(plain)
}

impl Envelope {
    pub(in crate::vault) fn new(master: &Key) -> Result<Self, VaultError> {
        let mut envelope = Envelope { masters: Vec::new(), key: random_key()? };
        envelope.add(master, None)?;
        Ok(envelope)
    }

    pub(in crate::vault) fn add(&mut self, master: &Key, added_at: Option<String>) -> Result<(), VaultError> {
        let id = master_id(master);
        let wrapped = sealed(master, &MasterSlot::label(&id, added_at.as_deref()), &self.key)?;
        self.masters.push(MasterSlot { id, added_at, wrapped });
        Ok(())
    }

    pub(in crate::vault) fn is_opened_by(&self, master: &Key) -> bool {
        let id = master_id(master);
        self.masters.iter().any(|slot| slot.id == id)
    }
}

const LABEL: &[u8] = b"saphan keyring 2";

pub(in crate::vault) fn write(contents: &Contents, envelope: &Envelope) -> Result<String, VaultError> {
    let plain = serde_json::to_vec(contents).map_err(VaultError::KeyringUnwritten)?;
    let keys = sealed(&envelope.key, LABEL, &plain)?;
    let file = Sealed { version: VERSION, masters: envelope.masters.clone(), keys };
    serde_json::to_string_pretty(&file).map(|text| text + "\n").map_err(VaultError::KeyringUnwritten)
}

pub(in crate::vault) fn open(text: &[u8], master: &Key) -> Result<(Contents, Envelope), Fault> {
    let Versioned { version } = serde_json::from_slice(text).map_err(Fault::Form)?;
    if version < VERSION {
        return open_first_form(text, master);
    }
    let file: Sealed = serde_json::from_slice(text).map_err(Fault::Form)?;
    let id = master_id(master);
    let Some(slot) = file.masters.iter().find(|slot| slot.id == id) else {
        return Err(Fault::Master(file.masters.into_iter().map(|slot| slot.id).collect()));
    };
    let label = MasterSlot::label(&slot.id, slot.added_at.as_deref());
    let key = unsealed(master, [&label, b""], &slot.wrapped).ok_or(Fault::Broken)?;
    let key = Key::try_from(key.as_slice()).map_err(|_| Fault::Broken)?;
    let plain = unsealed(&key, [LABEL, b""], &file.keys).ok_or(Fault::Broken)?;
    let contents = serde_json::from_slice(&plain).map_err(Fault::Form)?;
    Ok((contents, Envelope { masters: file.masters, key }))
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstForm {
    #[expect(dead_code, reason = "looked at already")]
    version: u8,
    keys: Vec<FirstKey>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct FirstKey {
    id: u16,
    r#use: KeyUse,
    wrapped: String,
}

fn open_first_form(text: &[u8], master: &Key) -> Result<(Contents, Envelope), Fault> {
    let file: FirstForm = serde_json::from_slice(text).map_err(Fault::Form)?;
    let mut keys = Vec::new();
    for FirstKey { id, r#use, wrapped } in file.keys {
        let label = format!(" {id} {}", r#use.as_str()).into_bytes();
        let plain = unsealed(master, [b"saphan keyring 1", &label], &wrapped).ok_or(Fault::Broken)?;
        let key = match r#use {
            KeyUse::Signing => String::from_utf8(plain).map_err(|_| Fault::Broken)?,
            KeyUse::Data | KeyUse::Lookup => BASE64.encode(&plain),
        };
        keys.push(HeldKey { id, r#use, state: KeyState::Current, made_at: None, old_since: None, key, vouched: None });
    }
    Ok((Contents { revision: 1, forgotten: Vec::new(), keys }, Envelope::new(master)?))
}
