//! Key files on disk: private to the gateway's user, whole or not there.
//!
//! Owns `keys/master.key` (base64 of 32 bytes) and `keys/keyring.json`. Refuses files others can read. A file is made under
//! another name and flushed first: the first one is linked into place, which fails if somebody was quicker (then theirs is
//! read); a newer one is renamed over the one before, so a process that is killed leaves the one or the other.

use super::Key;
use crate::vault::VaultError;
use data_encoding::BASE64;
use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{self, Write};
use std::os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

pub(in crate::vault) const KEYRING_FILE: &str = "keyring.json";
const MASTER_FILE: &str = "master.key";
/// A master key that is about to follow the one in force.
const NEXT_MASTER_FILE: &str = "master.next";
/// A key file is some thousand bytes; more is not one of ours.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// `<home>/keys`, mode 0700; an existing folder that others can enter is refused.
pub(in crate::vault) fn private_dir(home: &Path) -> Result<PathBuf, VaultError> {
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

pub(in crate::vault) fn master_from_text(text: &str) -> Result<Key, VaultError> {
    let bytes = BASE64.decode(text.trim().as_bytes()).map_err(|_| VaultError::MasterForm)?;
    Key::try_from(bytes.as_slice()).map_err(|_| VaultError::MasterForm)
}

fn master_from_bytes(bytes: &[u8]) -> Result<Key, VaultError> {
    master_from_text(std::str::from_utf8(bytes).map_err(|_| VaultError::MasterForm)?)
}

/// None: there is none yet.
pub(in crate::vault) fn master_from_file(dir: &Path) -> Result<Option<Key>, VaultError> {
    read_private(&dir.join(MASTER_FILE))?.as_deref().map(master_from_bytes).transpose()
}

/// Made where there is none.
pub(in crate::vault) fn master_file(dir: &Path) -> Result<Key, VaultError> {
    made(dir, MASTER_FILE)
}

/// The one that is to follow: made by the first that asks, and found again by who goes on after a crash.
pub(in crate::vault) fn next_master_file(dir: &Path) -> Result<Key, VaultError> {
    made(dir, NEXT_MASTER_FILE)
}

fn made(dir: &Path, name: &str) -> Result<Key, VaultError> {
    let path = dir.join(name);
    let text = match read_private(&path)? {
        Some(text) => text,
        None => publish(dir, &path, format!("{}\n", BASE64.encode(&super::random_key()?)).as_bytes())?,
    };
    master_from_bytes(&text)
}

/// The next master key takes the place of the one before.
pub(in crate::vault) fn put_next_master_in_force(dir: &Path) -> Result<(), VaultError> {
    let path = dir.join(MASTER_FILE);
    fs::rename(dir.join(NEXT_MASTER_FILE), &path).map_err(VaultError::file(&path))?;
    sync_dir(dir)
}

/// The file's bytes, or none if it isn't there.
pub(in crate::vault) fn read_private(path: &Path) -> Result<Option<Vec<u8>>, VaultError> {
    let file = match File::open(path) {
        Ok(file) => file,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(VaultError::file(path)(error)),
    };
    if file.metadata().map_err(VaultError::file(path))?.mode() & 0o077 != 0 {
        return Err(VaultError::ReadableByOthers(path.to_owned()));
    }
    let mut bytes = Vec::new();
    io::Read::read_to_end(&mut io::Read::take(file, FILE_BYTES_MAX), &mut bytes).map_err(VaultError::file(path))?;
    Ok(Some(bytes))
}

/// Puts `bytes` at `path` whole or not at all; returns what stands there in the end, ours or a quicker process's.
pub(in crate::vault) fn publish(dir: &Path, path: &Path, bytes: &[u8]) -> Result<Vec<u8>, VaultError> {
    let temporary = temporary(dir)?;
    let written = write(&temporary, bytes).and_then(|()| match fs::hard_link(&temporary, path) {
        Err(error) if error.kind() != io::ErrorKind::AlreadyExists => Err(error),
        _ => Ok(()),
    });
    let removed = fs::remove_file(&temporary);
    written.and(removed).map_err(VaultError::file(path))?;
    sync_dir(dir)?;
    read_private(path)?.ok_or_else(|| VaultError::file(path)(io::ErrorKind::NotFound.into()))
}

/// Puts `bytes` in the place of what stands at `path`.
pub(in crate::vault) fn replace(dir: &Path, path: &Path, bytes: &[u8]) -> Result<(), VaultError> {
    let temporary = temporary(dir)?;
    let written = write(&temporary, bytes).and_then(|()| fs::rename(&temporary, path));
    if written.is_err() {
        // Best effort: what stays is wrapped, and hidden by its name.
        fs::remove_file(&temporary).ok();
    }
    written.map_err(VaultError::file(path))?;
    sync_dir(dir)
}

/// Keeps what stands at `path` under another name: it may be the last copy of something.
pub(in crate::vault) fn set_aside(dir: &Path, path: &Path) -> Result<(), VaultError> {
    let mut suffix = [0; 4];
    openssl::rand::rand_bytes(&mut suffix)?;
    let aside = dir.join(format!("{KEYRING_FILE}.old-{}", data_encoding::HEXLOWER.encode(&suffix)));
    fs::rename(path, aside).map_err(VaultError::file(path))?;
    sync_dir(dir)
}

fn temporary(dir: &Path) -> Result<PathBuf, VaultError> {
    let mut suffix = [0; 8];
    openssl::rand::rand_bytes(&mut suffix)?;
    Ok(dir.join(format!(".new-{}", data_encoding::HEXLOWER.encode(&suffix))))
}

fn write(path: &Path, bytes: &[u8]) -> io::Result<()> {
    let mut file = OpenOptions::new().write(true).create_new(true).mode(0o600).open(path)?;
    file.write_all(bytes)?;
    file.sync_all()
}

pub(in crate::vault) fn sync_dir(dir: &Path) -> Result<(), VaultError> {
    File::open(dir).and_then(|dir| dir.sync_all()).map_err(VaultError::file(dir))
}
