//! The keyring in force, shared by everything in the process that seals, opens, hashes or signs.
//!
//! Owns that a newer keyring is taken up while all of them work: who holds it asks by one number whether it changed. A key id
//! that is not known may be of a rotation that this process has not heard of yet, so the home's file is looked at once more
//! before it is refused. Refuses to go back to an older keyring, and to seal anything while there is a newer one that it can't open.

use super::VaultError;
use super::keyring::disk::{self, KEYRING_FILE};
use super::keyring::sealed::{self, Fault};
use super::keyring::{Key, Keyring};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, PoisonError, RwLock};

/// Where the master key is from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum MasterSource {
    /// `keys/master.key`, which may change.
    File,
    /// The environment.
    Given,
}

pub(super) struct Ring {
    dir: PathBuf,
    source: MasterSource,
    master: RwLock<Key>,
    keyring: RwLock<Arc<Keyring>>,
    /// Rises when another keyring is in force.
    generation: AtomicU64,
    /// There is a newer keyring, and this process can't open it.
    is_behind: AtomicBool,
}

/// Of a file, by its path; of the store otherwise.
pub(super) fn opening_fault(fault: Fault, path: Option<&Path>) -> VaultError {
    match (fault, path) {
        (Fault::Vault(error), _) => error,
        (Fault::Form(error), Some(path)) => VaultError::KeyringForm(path.to_owned(), error),
        (Fault::Master(_) | Fault::Broken, Some(path)) => VaultError::WrongMaster(path.to_owned()),
        (Fault::Form(error), None) => VaultError::StoredForm(error),
        (Fault::Master(wanted), None) => VaultError::StoredMaster { wanted: wanted.join(", ") },
        (Fault::Broken, None) => VaultError::StoredBroken,
    }
}

impl Ring {
    pub(super) fn new(dir: PathBuf, source: MasterSource, master: Key, keyring: Keyring) -> Self {
        let (master, keyring) = (RwLock::new(master), RwLock::new(Arc::new(keyring)));
        Ring { dir, source, master, keyring, generation: AtomicU64::new(1), is_behind: AtomicBool::new(false) }
    }

    pub(super) fn keyring(&self) -> Arc<Keyring> {
        Arc::clone(&self.keyring.read().unwrap_or_else(PoisonError::into_inner))
    }

    pub(super) fn generation(&self) -> u64 {
        self.generation.load(Ordering::Acquire)
    }

    pub(super) fn set_behind(&self, is_behind: bool) {
        self.is_behind.store(is_behind, Ordering::Relaxed);
    }

    pub(super) fn is_behind(&self) -> bool {
        self.is_behind.load(Ordering::Relaxed)
    }

    /// What is sealed under a key that others forgot meanwhile would be lost.
    pub(super) fn may_seal(&self) -> Result<(), VaultError> {
        if self.is_behind() { Err(VaultError::Behind) } else { Ok(()) }
    }

    pub(super) fn dir(&self) -> &Path {
        &self.dir
    }

    pub(super) fn source(&self) -> MasterSource {
        self.source
    }

    pub(super) fn master(&self) -> Key {
        *self.master.read().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn set_master(&self, master: Key) {
        *self.master.write().unwrap_or_else(PoisonError::into_inner) = master;
    }

    /// With the master key this process has, or the one that lies in its home by now.
    pub(super) fn open(&self, text: &[u8], path: Option<&Path>) -> Result<Keyring, VaultError> {
        let fault = match sealed::open(text, &self.master()) {
            Ok((contents, envelope)) => return Keyring::new(contents, envelope),
            Err(fault) => fault,
        };
        if let (MasterSource::File, Fault::Master(_)) = (self.source, &fault)
            && let Some(master) = disk::master_from_file(&self.dir)?.filter(|master| *master != self.master())
        {
            let (contents, envelope) = sealed::open(text, &master).map_err(|fault| opening_fault(fault, path))?;
            self.set_master(master);
            return Keyring::new(contents, envelope);
        }
        Err(opening_fault(fault, path))
    }

    /// True: it is newer than the one in force, and in force from here on.
    pub(super) fn take_up(&self, keyring: Keyring) -> bool {
        let mut held = self.keyring.write().unwrap_or_else(PoisonError::into_inner);
        let is_newer = keyring.contents.revision > held.contents.revision;
        if is_newer {
            *held = Arc::new(keyring);
            self.generation.fetch_add(1, Ordering::Release);
        }
        is_newer
    }

    /// What another process wrote into the home since.
    fn look_at_the_file(&self) -> Result<bool, VaultError> {
        let path = self.dir.join(KEYRING_FILE);
        let Some(text) = disk::read_private(&path)? else { return Ok(false) };
        Ok(self.take_up(self.open(&text, Some(&path))?))
    }

    pub(super) fn data_key(&self, id: u16) -> Result<Key, VaultError> {
        if let Some(key) = self.keyring().data_key(id) {
            return Ok(*key);
        }
        // A file that can't be read says nothing of the key that is asked for.
        let _ = self.look_at_the_file();
        self.keyring().data_key(id).copied().ok_or(VaultError::UnknownKey(id))
    }
}
