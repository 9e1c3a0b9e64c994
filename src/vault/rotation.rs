//! Keys that follow one another while everything runs.
//!
//! Owns what a change of the keyring is: a *draft*, the whole new keyring sealed, which comes into force when the store takes it
//! (`app/keys/` does that) and each gateway takes it up from there. Nothing here is in force by being drafted. Refuses to let
//! a process that holds an old master key lock the others out.

use super::keyring::contents::{Contents, KeyState, KeyUse, vouched_text};
use super::keyring::disk::{self, KEYRING_FILE};
use super::keyring::sealed::{self, Envelope, master_id};
use super::keyring::{Key, Keyring, time_of};
use super::ring::MasterSource;
use super::seal::head_of;
use super::{Vault, VaultError};
use jiff::Timestamp;
use serde::Serialize;

/// What can be seen of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyLine {
    pub id: u16,
    pub r#use: KeyUse,
    pub state: KeyState,
    /// None: with the first keyring.
    pub made_at: Option<Timestamp>,
    pub old_since: Option<Timestamp>,
    /// Of a signing key.
    pub kid: Option<String>,
}

/// A master key that opens the keyring.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct MasterLine {
    pub id: String,
    /// None: with the first keyring.
    pub added_at: Option<String>,
    /// The one this process has.
    pub is_own: bool,
}

/// 32 bytes that wrap the others.
#[derive(Clone, Copy)]
pub struct MasterKey(pub(super) Key);

impl MasterKey {
    /// From base64.
    pub fn parse(text: &str) -> Result<Self, VaultError> {
        disk::master_from_text(text).map(MasterKey)
    }
}

/// One step of a rotation.
#[derive(Clone, Copy)]
pub enum KeyChange {
    /// A new key that is known everywhere before anybody uses it.
    Begin(KeyUse),
    /// It is used; the one before is old.
    Finish(KeyUse),
    /// An old data key goes.
    Forget(u16),
    /// One more master key opens the keyring.
    AddMaster(MasterKey),
    /// No other than this process's opens it.
    ForgetMasters,
}

/// A keyring that is to come into force.
pub struct Draft {
    /// Of the one it was made from.
    pub before: u64,
    pub revision: u64,
    pub body: String,
}

/// What a keyring that was met says beside the own one.
pub enum Met {
    /// The same, or an older copy of it.
    Nothing,
    /// It was newer, and is in force.
    TakenUp,
    /// It lacks keys that are held here: both together.
    Lacks(Draft),
}

/// A public key with what the one before says of it.
pub struct Succession {
    pub kid: String,
    pub pem: String,
    /// Text and signature; none: it is the first.
    pub vouched: Option<(String, String)>,
}

impl Vault {
    pub fn keys(&self) -> Vec<KeyLine> {
        let ring = self.ring.keyring();
        let line = |key: &super::keyring::contents::HeldKey| KeyLine {
            id: key.id,
            r#use: key.r#use,
            state: key.state,
            made_at: time_of(key.made_at.as_deref()),
            old_since: time_of(key.old_since.as_deref()),
            kid: (key.r#use == KeyUse::Signing).then(|| key.public().ok().map(|(_, jwk, _)| jwk.kid)).flatten(),
        };
        ring.contents.keys.iter().map(line).collect()
    }

    /// Newest last.
    pub fn masters(&self) -> Vec<MasterLine> {
        let (ring, own) = (self.ring.keyring(), master_id(&self.ring.master()));
        let line = |slot: &sealed::MasterSlot| MasterLine {
            id: slot.id.clone(),
            added_at: slot.added_at.clone(),
            is_own: slot.id == own,
        };
        ring.envelope.masters.iter().map(line).collect()
    }

    pub fn revision(&self) -> u64 {
        self.ring.keyring().contents.revision
    }

    /// What values begin with that are sealed under the data key `id`.
    pub fn head_of(&self, id: u16) -> [u8; 3] {
        head_of(id)
    }

    pub fn current_data_key(&self) -> u16 {
        self.ring.keyring().current_data_key()
    }

    /// The keyring in force, sealed: for the store.
    pub fn body(&self) -> Result<String, VaultError> {
        let ring = self.ring.keyring();
        sealed::write(&ring.contents, &ring.envelope)
    }

    /// None: there is nothing to change.
    pub fn draft(&self, change: KeyChange, at: Timestamp) -> Result<Option<Draft>, VaultError> {
        let ring = self.ring.keyring();
        let (mut contents, mut envelope) = (ring.contents.clone(), ring.envelope.clone());
        match change {
            KeyChange::Begin(r#use) => contents.begin(r#use, at)?,
            KeyChange::Finish(r#use) => drop(contents.finish(r#use, at)?),
            KeyChange::Forget(id) => drop(contents.forget(id)),
            KeyChange::AddMaster(MasterKey(master)) => {
                if !envelope.is_opened_by(&master) {
                    envelope.add(&master, Some(at.to_string()))?;
                    contents.revision += 1;
                }
            }
            KeyChange::ForgetMasters => {
                let is_newest = self.masters().last().is_some_and(|newest| newest.is_own);
                if !is_newest {
                    return Err(VaultError::OldMaster);
                }
                if envelope.masters.len() > 1 {
                    // A new key of keys: who has the old one opens nothing that is written from here on.
                    let mut anew = Envelope::new(&self.ring.master())?;
                    anew.masters.clear();
                    let added_at = envelope.masters.last().and_then(|slot| slot.added_at.clone());
                    anew.add(&self.ring.master(), added_at)?;
                    envelope = anew;
                    contents.revision += 1;
                }
            }
        }
        self.draft_of(&contents, &envelope)
    }

    fn draft_of(&self, contents: &Contents, envelope: &Envelope) -> Result<Option<Draft>, VaultError> {
        let before = self.revision();
        if contents.revision == before {
            return Ok(None);
        }
        Ok(Some(Draft { before, revision: contents.revision, body: sealed::write(contents, envelope)? }))
    }

    /// True: `body`, of the store, is newer than the keyring in force, and is in force now. The home gets a copy.
    pub fn take_up(&self, body: &str) -> Result<bool, VaultError> {
        let keyring = self.ring.open(body.as_bytes(), None)?;
        let own = self.ring.keyring();
        if own.contents.joined(&keyring.contents).is_none() {
            return Err(VaultError::OtherKeyring);
        }
        drop(own);
        let is_newer = self.ring.take_up(keyring);
        if is_newer {
            let dir = self.ring.dir();
            // A copy only: the store has it, and the folder may be one that is never written.
            if let Err(error) = disk::replace(dir, &dir.join(KEYRING_FILE), body.as_bytes()) {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the copy of the keyring in the home could not be renewed");
            }
        }
        Ok(is_newer)
    }

    /// `stored`: revision of the store's keyring. While it is a newer one that can't be taken up, nothing is sealed here: the keys
    /// of this process may be forgotten by then.
    pub fn note_stored(&self, stored: u64) {
        self.ring.set_behind(stored > self.revision());
    }

    pub fn is_behind(&self) -> bool {
        self.ring.is_behind()
    }

    /// Whether the keyring of the store is opened by the master key here. Nothing changes by it.
    pub fn opens(&self, stored: &str) -> Result<(), VaultError> {
        self.ring.open(stored.as_bytes(), None).map(drop)
    }

    /// Holds the store's keyring against the own one, at the start: an older copy of either loses no key.
    pub fn meet(&self, stored: &str) -> Result<Met, VaultError> {
        let own = self.ring.keyring();
        let theirs = self.ring.open(stored.as_bytes(), None)?;
        let joined = own.contents.joined(&theirs.contents).ok_or(VaultError::OtherKeyring)?;
        if joined.revision > own.contents.revision.max(theirs.contents.revision)
            || own.contents.revision > theirs.contents.revision
        {
            let mut joined = joined;
            joined.revision = joined.revision.max(theirs.contents.revision + 1);
            let newest = if own.contents.revision > theirs.contents.revision { &own } else { &theirs };
            let body = sealed::write(&joined, &newest.envelope)?;
            return Ok(Met::Lacks(Draft { before: theirs.contents.revision, revision: joined.revision, body }));
        }
        Ok(if self.take_up(stored)? { Met::TakenUp } else { Met::Nothing })
    }

    /// A master key that is to follow: from the home where the own one is a file there; none: it was given, and so must this be.
    pub fn next_master(&self) -> Result<Option<MasterKey>, VaultError> {
        match self.ring.source() {
            MasterSource::File => disk::next_master_file(self.ring.dir()).map(|key| Some(MasterKey(key))),
            MasterSource::Given => Ok(None),
        }
    }

    /// `master` opens the keyring in the store by now: this process and its home have it from here on.
    pub fn put_master_in_force(&self, master: MasterKey) -> Result<(), VaultError> {
        if self.ring.source() == MasterSource::File {
            disk::put_next_master_in_force(self.ring.dir())?;
        }
        self.ring.set_master(master.0);
        Ok(())
    }

    /// Signing keys, oldest first, each with what the one before says of it.
    pub fn succession(&self) -> Vec<Succession> {
        let ring: std::sync::Arc<Keyring> = self.ring.keyring();
        let of = |key: &super::keyring::PublicKey| Succession {
            kid: key.jwk.kid.clone(),
            pem: key.pem.clone(),
            vouched: key
                .vouched
                .as_ref()
                .map(|vouched| (vouched_text(&vouched.by, &key.jwk.kid, &key.pem), vouched.signature.clone())),
        };
        ring.public_keys().iter().map(of).collect()
    }
}
