//! The master key and the keyring on disk: made once, atomically, private to the gateway's user.
//!
//! Owns `keys/master.key` (base64 of 32 bytes) and `keys/keyring.json` (keys wrapped by it, each with an id
//! and a use). Refuses files others can read, and never writes over an existing one: a file is made under
//! another name, flushed, and linked into place, which fails if somebody was quicker; then theirs is read.

use super::VaultError;
use super::seal::{Gcm, NONCE_BYTES};
use data_encoding::BASE64;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::Private;
use serde::{Deserialize, Serialize};
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

type Key = [u8; 32];

const MASTER_FILE: &str = "master.key";
const KEYRING_FILE: &str = "keyring.json";
/// A key file is a few hundred bytes; more is not one of ours.
const KEYRING_BYTES_MAX: u64 = 1 << 20;

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyringFile {
    version: u8,
    keys: Vec<WrappedKey>,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct WrappedKey {
    id: u16,
    r#use: KeyUse,
    /// base64 of nonce, ciphertext and tag.
    wrapped: String,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum KeyUse {
    Data,
    Lookup,
    Signing,
}

impl KeyUse {
    fn as_str(self) -> &'static str {
        match self {
            KeyUse::Data => "data",
            KeyUse::Lookup => "lookup",
            KeyUse::Signing => "signing",
        }
    }
}

/// The keys in the clear, in memory only. Of each use the one listed last is current.
pub(super) struct Keyring {
    data: Vec<(u16, Key)>,
    current: (u16, Key),
    lookup: Key,
    signing: Option<EcKey<Private>>,
}

impl Keyring {
    pub(super) fn data_keys(&self) -> impl Iterator<Item = (u16, &Key)> {
        self.data.iter().map(|(id, key)| (*id, key))
    }

    pub(super) fn data_key(&self, id: u16) -> Result<&Key, VaultError> {
        self.data_keys().find(|(key, _)| *key == id).map(|(_, key)| key).ok_or(VaultError::UnknownKey(id))
    }

    pub(super) fn current_data_key(&self) -> (u16, &Key) {
        (self.current.0, &self.current.1)
    }

    pub(super) fn lookup_key(&self) -> &Key {
        &self.lookup
    }

    pub(super) fn signing_key(&self) -> Result<&EcKey<Private>, VaultError> {
        self.signing.as_ref().ok_or(VaultError::KeyMissing("signing"))
    }

    pub(super) fn open_or_create(dir: &Path, master: &Key) -> Result<Keyring, VaultError> {
        let path = dir.join(KEYRING_FILE);
        let text = match read_private(&path)? {
            Some(text) => text,
            None => publish(dir, &path, &fresh_keyring(master)?)?,
        };
        let file: KeyringFile =
            serde_json::from_slice(&text).map_err(|error| VaultError::KeyringForm(path.clone(), error))?;
        let mut gcm = Gcm::new(master)?;
        let (mut data, mut lookup, mut signing) = (Vec::new(), None, None);
        for key in &file.keys {
            let plain = unwrap_key(&mut gcm, key).ok_or_else(|| VaultError::WrongMaster(path.clone()))?;
            let as_key = || Key::try_from(plain.as_slice()).map_err(|_| VaultError::WrongMaster(path.clone()));
            match key.r#use {
                KeyUse::Data => data.push((key.id, as_key()?)),
                KeyUse::Lookup => lookup = Some(as_key()?),
                KeyUse::Signing => signing = Some(EcKey::private_key_from_pem(&plain)?),
            }
        }
        let current = *data.last().ok_or(VaultError::KeyMissing("data"))?;
        Ok(Keyring { data, current, lookup: lookup.ok_or(VaultError::KeyMissing("lookup"))?, signing })
    }
}

fn random_key() -> Result<Key, VaultError> {
    let mut key = [0; 32];
    openssl::rand::rand_bytes(&mut key)?;
    Ok(key)
}

fn fresh_keyring(master: &Key) -> Result<Vec<u8>, VaultError> {
    let signing = EcKey::generate(EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?.as_ref())?.private_key_to_pem()?;
    let (data, lookup) = (random_key()?, random_key()?);
    let mut gcm = Gcm::new(master)?;
    let mut keys = Vec::new();
    let plain: [(KeyUse, &[u8]); 3] = [(KeyUse::Data, &data), (KeyUse::Lookup, &lookup), (KeyUse::Signing, &signing)];
    for (id, (r#use, bytes)) in (1..).zip(plain) {
        let mut nonce = [0; NONCE_BYTES];
        openssl::rand::rand_bytes(&mut nonce)?;
        let mut sealed = nonce.to_vec();
        gcm.encrypt(&nonce, [b"saphan keyring 1", &key_label(id, r#use)], bytes, &mut sealed)?;
        keys.push(WrappedKey { id, r#use, wrapped: BASE64.encode(&sealed) });
    }
    let path = || PathBuf::from(KEYRING_FILE);
    serde_json::to_vec_pretty(&KeyringFile { version: 1, keys }).map_err(|error| VaultError::KeyringForm(path(), error))
}

/// Id and use are authenticated, so that keys can't be swapped inside the file.
fn key_label(id: u16, r#use: KeyUse) -> Vec<u8> {
    format!(" {id} {}", r#use.as_str()).into_bytes()
}

fn unwrap_key(gcm: &mut Gcm, key: &WrappedKey) -> Option<Vec<u8>> {
    let bytes = BASE64.decode(key.wrapped.as_bytes()).ok()?;
    let (nonce, sealed) = bytes.split_first_chunk::<NONCE_BYTES>()?;
    let mut plain = Vec::new();
    gcm.decrypt(nonce, [b"saphan keyring 1", &key_label(key.id, key.r#use)], sealed, &mut plain).ok()?;
    Some(plain)
}

/// `<home>/keys`, mode 0700; an existing folder that others can enter is refused.
pub(super) fn private_dir(home: &Path) -> Result<PathBuf, VaultError> {
    let dir = home.join("keys");
    fs::create_dir_all(home).map_err(VaultError::file(home))?;
    match DirBuilder::new().mode(0o700).create(&dir) {
        Ok(()) => sync_dir(home)?,
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
        Err(error) => return Err(VaultError::file(&dir)(error)),
    }
    if fs::metadata(&dir).map_err(VaultError::file(&dir))?.mode() & 0o077 != 0 {
        return Err(VaultError::ReadableByOthers(dir));
    }
    Ok(dir)
}

pub(super) fn master_from_text(text: &str) -> Result<Key, VaultError> {
    let bytes = BASE64.decode(text.trim().as_bytes()).map_err(|_| VaultError::MasterForm)?;
    Key::try_from(bytes.as_slice()).map_err(|_| VaultError::MasterForm)
}

pub(super) fn master_from_file(dir: &Path) -> Result<Key, VaultError> {
    let path = dir.join(MASTER_FILE);
    let text = match read_private(&path)? {
        Some(text) => text,
        None => publish(dir, &path, format!("{}\n", BASE64.encode(&random_key()?)).as_bytes())?,
    };
    master_from_text(std::str::from_utf8(&text).map_err(|_| VaultError::MasterForm)?)
}

/// The file's bytes, or none if it isn't there.
fn read_private(path: &Path) -> Result<Option<Vec<u8>>, VaultError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(VaultError::file(path)(error)),
    };
    if file.metadata().map_err(VaultError::file(path))?.mode() & 0o077 != 0 {
        return Err(VaultError::ReadableByOthers(path.to_owned()));
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, KEYRING_BYTES_MAX), &mut bytes).map_err(VaultError::file(path))?;
    Ok(Some(bytes))
}

/// Puts `bytes` at `path` whole or not at all; returns what stands there in the end, ours or a quicker process's.
fn publish(dir: &Path, path: &Path, bytes: &[u8]) -> Result<Vec<u8>, VaultError> {
    let mut suffix = [0; 8];
    openssl::rand::rand_bytes(&mut suffix)?;
    let temporary = dir.join(format!(".new-{}", data_encoding::HEXLOWER.encode(&suffix)));
    let written = OpenOptions::new()
        .write(true)
        .create_new(true)
        .mode(0o600)
        .open(&temporary)
        .and_then(|mut file| file.write_all(bytes).and_then(|()| file.sync_all()))
        .and_then(|()| match fs::hard_link(&temporary, path) {
            Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
            _ => Ok(()),
        });
    let removed = fs::remove_file(&temporary);
    written.and(removed).map_err(VaultError::file(path))?;
    sync_dir(dir)?;
    read_private(path)?.ok_or_else(|| VaultError::file(path)(io::ErrorKind::NotFound.into()))
}

pub(super) fn sync_dir(dir: &Path) -> Result<(), VaultError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(VaultError::file(dir))
}
