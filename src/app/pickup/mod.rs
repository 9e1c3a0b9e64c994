//! Files of agencies that can only drop them: taken from a folder or bucket prefix as if they had been sent.
//!
//! Owns when a file is whole, that it is taken once, and where it goes afterwards: `taken/` once it is acknowledged,
//! `failed/` with the reason beside it. Rights are those of the client in whose name the place is looked at, asked on the
//! same way as over the API. A file name may be a person's: it is never logged, kept or told, other than in the place itself.
//!
//! `answers` gives back the receipts. A place is looked at by one gateway at a time; whatever dies in the middle is done
//! again, because all that is remembered lies in the place and in the store.

mod answers;
mod reason;

use super::intake::{FileTerms, Intake};
use super::{App, AppError};
use crate::config::{ObjectOptions, PickupRound, PickupSettings};
use crate::domain::ids::SubmissionId;
use crate::domain::principal::Principal;
use crate::domain::round::Round;
use crate::objects::{Entry, Objects, ObjectsError};
use crate::store::Duty;
use crate::vault::HashDomain;
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use reason::Reason;
use std::collections::HashMap;
use std::ffi::{OsStr, OsString};
use std::io::{self, Read};
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};
use std::sync::{Mutex, PoisonError};
use std::time::{SystemTime, UNIX_EPOCH};

/// Files that are looked at; what lies beyond comes when these are gone.
const FILES_SEEN_MAX: usize = 5_000;
/// Files taken in one look, so that one place does not hold up the others.
const FILES_TAKEN_MAX: usize = 50;
const PIECE_BYTES: usize = 256 << 10;
/// Longest name that may be repeated with an ending of ours.
const NAME_BYTES_MAX: usize = 200;

const TAKEN: &str = "taken";
const FAILED: &str = "failed";

/// A file is written under such a name, and renamed when it is whole.
const UNFINISHED: [&str; 4] = [".part", ".tmp", ".filepart", ".crdownload"];
/// What a mapping can read, plain or packed.
const FINISHED: [&str; 6] = [".csv", ".txt", ".json", ".ndjson", ".xml", ".xlsx"];
const PACKED: &str = ".gz";

/// One place that is looked at.
pub struct Pickup {
    place: Objects,
    terms: PickupSettings,
    /// As the last look found them.
    seen: Mutex<HashMap<OsString, Entry>>,
}

/// Tells a dropped file from every other before its bytes are known.
pub(super) struct DropMark(Vec<u8>);

/// What a look did.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Looked {
    /// Acknowledged, with their sizes: to be worked on now.
    pub kept: Vec<(SubmissionId, u64)>,
    pub failed: usize,
    pub answered: usize,
    /// Left for the next look, because something failed here.
    pub troubled: usize,
}

enum Kind {
    Unfinished,
    Readable,
    Unknown,
}

impl Pickup {
    /// To be called in the runtime that lasts.
    pub fn open(terms: &PickupSettings, options: &ObjectOptions) -> Result<Pickup, ObjectsError> {
        let place = Objects::open(&terms.from, options)?;
        Ok(Pickup { place, terms: terms.clone(), seen: Mutex::default() })
    }

    pub fn terms(&self) -> &PickupSettings {
        &self.terms
    }

    /// Those that are the same as at the last look, oldest first; remembers what it found.
    async fn unchanged(&self) -> Result<Vec<Entry>, AppError> {
        let mut found = self.place.list("", FILES_SEEN_MAX).await?;
        found.retain(|entry| !matches!(kind(&entry.name), Kind::Unfinished));
        let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
        let before = std::mem::take(&mut *seen);
        *seen = found.iter().map(|entry| (entry.name.clone(), entry.clone())).collect();
        drop(seen);
        found.retain(|entry| before.get(&entry.name) == Some(entry));
        found.sort_by(|a, b| (a.modified, &a.name).cmp(&(b.modified, &b.name)));
        Ok(found)
    }

    fn round(&self, modified: SystemTime) -> Round {
        match self.terms.round {
            PickupRound::Fixed(round) => round,
            PickupRound::Next => {
                let at = Timestamp::try_from(modified).unwrap_or(Timestamp::UNIX_EPOCH);
                // The count day is a day in Thailand.
                let zone = TimeZone::fixed(jiff::tz::offset(7));
                Round::next_from(at.to_zoned(zone).date())
            }
        }
    }
}

fn kind(name: &OsStr) -> Kind {
    let name = name.as_bytes().to_ascii_lowercase();
    let ends = |ending: &str| name.ends_with(ending.as_bytes());
    let is_hidden = name.starts_with(b".") || name.starts_with(b"~") || ends("~");
    let plain = name.strip_suffix(PACKED.as_bytes()).unwrap_or(&name);
    if is_hidden || UNFINISHED.into_iter().any(ends) {
        Kind::Unfinished
    } else if FINISHED.into_iter().any(|ending| plain.ends_with(ending.as_bytes())) {
        Kind::Readable
    } else {
        Kind::Unknown
    }
}

impl App {
    /// Looks once: takes what is whole, gives back what is at its end. None: another gateway is at it.
    ///
    /// Errors: the client is not there or may not; store or place is away. Nothing is lost then.
    pub async fn look(&self, pickup: &Pickup) -> Result<Option<Looked>, AppError> {
        let Some(duty) = self.store.claim_duty(Duty::Pickup).await? else { return Ok(None) };
        let outcome = self.look_on_duty(pickup).await;
        duty.end().await?;
        outcome.map(Some)
    }

    async fn look_on_duty(&self, pickup: &Pickup) -> Result<Looked, AppError> {
        let principal = self.client_principal(&pickup.terms.client).await?;
        let mut looked = Looked { answered: self.answer_all(pickup, &principal).await?, ..Looked::default() };
        for entry in pickup.unchanged().await? {
            if looked.kept.len() + looked.failed >= FILES_TAKEN_MAX {
                break;
            }
            match self.take(pickup, &principal, &entry).await {
                Ok(Taken::Kept(id)) => looked.kept.push((id, entry.bytes)),
                Ok(Taken::Failed) => looked.failed += 1,
                Ok(Taken::NotYet) => {}
                // The same would happen to every file.
                Err(error) if error.is_away() || matches!(error, AppError::Denied(_)) => return Err(error),
                // One that can't be read holds up no other.
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(client = %pickup.terms.client, error, "a dropped file could not be taken; it stays");
                    looked.troubled += 1;
                }
            }
        }
        Ok(looked)
    }

    async fn take(&self, pickup: &Pickup, principal: &Principal, entry: &Entry) -> Result<Taken, AppError> {
        let name = Path::new(&entry.name);
        let reason = match kind(&entry.name) {
            Kind::Unknown => Some(Reason::UnknownKind),
            _ if entry.bytes > self.limits.file_bytes_max => Some(Reason::TooLarge(self.limits.file_bytes_max)),
            _ => match self.expect_signature(principal, None).await {
                Ok(()) => None,
                Err(AppError::Signature(_)) => Some(Reason::Unsigned),
                Err(error) => return Err(error),
            },
        };
        if let Some(reason) = reason {
            return self.fail(pickup, entry, reason).await;
        }
        let terms = FileTerms {
            mapping: pickup.terms.mapping.clone(),
            round: pickup.round(entry.modified),
            mode: pickup.terms.mode,
            idempotency_key: None,
            signature: None,
        };
        let mark = DropMark::of(pickup, entry, &terms);
        let intake = match self.read_in(pickup, principal, entry, terms).await {
            Ok(intake) => intake.marked(mark),
            Err(AppError::Kept(error)) if error.kind() == io::ErrorKind::PermissionDenied => {
                return self.fail(pickup, entry, Reason::NotReadable).await;
            }
            // Taken away by whoever dropped it.
            Err(AppError::Objects(ObjectsError::Missing)) => return Ok(Taken::NotYet),
            Err(error) => return Err(error),
        };
        // Written on while it was read: it is looked at again.
        let now = pickup.place.stat(name).await?;
        if now.is_none_or(|now| !now.is_same(entry)) {
            return Ok(Taken::NotYet);
        }
        let kept = self.keep(intake).await?;
        self.await_answer(pickup, &kept.id).await?;
        // Another that was put under the name while this one was kept stays, and is looked at next.
        pickup.place.rename(name, &Path::new(TAKEN).join(kept.id.as_str()), entry).await?;
        Ok(Taken::Kept(kept.id))
    }

    /// Every byte, sealed; by a thread that may wait.
    async fn read_in(
        &self,
        pickup: &Pickup,
        principal: &Principal,
        entry: &Entry,
        terms: FileTerms,
    ) -> Result<Intake, AppError> {
        let (app, principal, place, entry) = (self.clone(), principal.clone(), pickup.place.clone(), entry.clone());
        let read = move || {
            let mut intake = app.begin_intake(&principal, terms)?;
            let reader = place.reader(Path::new(&entry.name), Some(entry.bytes)).map_err(|error| match error {
                ObjectsError::Folder(error) => AppError::Kept(error),
                other => other.into(),
            })?;
            // Not a byte more than it had: what is written on makes it another file.
            let mut reader = reader.take(entry.bytes);
            let mut piece = vec![0; PIECE_BYTES];
            loop {
                match reader.read(&mut piece).map_err(AppError::Kept)? {
                    0 => return Ok(intake),
                    read => intake.write(&piece[..read])?,
                }
            }
        };
        tokio::task::spawn_blocking(read).await.map_err(|_| AppError::Worker)?
    }

    /// Beside it stands why, in both languages, for whoever dropped it.
    async fn fail(&self, pickup: &Pickup, entry: &Entry, reason: Reason) -> Result<Taken, AppError> {
        let name = if entry.name.as_bytes().len() > NAME_BYTES_MAX {
            OsString::from(HEXLOWER.encode(&crate::vault::sha256(entry.name.as_bytes())[..16]))
        } else {
            entry.name.clone()
        };
        // One that failed before under the same name is not the same file.
        let name = match pickup.place.stat(&Path::new(FAILED).join(&name)).await? {
            None => name,
            Some(_) => {
                let mut later = OsString::from(Timestamp::now().strftime("%Y%m%dT%H%M%S%.6f-").to_string());
                later.push(&name);
                later
            }
        };
        let mut beside = PathBuf::from(FAILED).join(&name).into_os_string();
        beside.push(".reason.txt");
        pickup.place.put_bytes(Path::new(&beside), reason.text().into_bytes()).await?;
        match pickup.place.rename(Path::new(&entry.name), &Path::new(FAILED).join(&name), entry).await? {
            true => Ok(Taken::Failed),
            false => {
                pickup.place.delete(Path::new(&beside)).await?;
                Ok(Taken::NotYet)
            }
        }
    }

    /// The key under which a dropped file is known again.
    pub(super) fn drop_key(&self, mark: &DropMark, sha256: &str) -> String {
        let hash = self.vault.hasher().hash(HashDomain::Dropped, &[&mark.0, sha256.as_bytes()]);
        format!("pickup-{}", HEXLOWER.encode(&hash))
    }
}

enum Taken {
    Kept(SubmissionId),
    Failed,
    /// Left where it is.
    NotYet,
}

impl DropMark {
    /// With the time it was written: the same file dropped a second time is a second file, as over the API.
    fn of(pickup: &Pickup, entry: &Entry, terms: &FileTerms) -> DropMark {
        let written = entry.modified.duration_since(UNIX_EPOCH).unwrap_or_default().as_nanos();
        let mut mark = format!(
            "{}\n{}\n{}\n{}\n{written}\n{}\n",
            pickup.terms.from,
            terms.mapping,
            terms.round,
            terms.mode.as_str(),
            entry.bytes
        )
        .into_bytes();
        mark.extend_from_slice(entry.name.as_bytes());
        DropMark(mark)
    }
}
