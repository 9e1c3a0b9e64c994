//! From the spool to the place of the kept files, and what a crash leaves on the way.
//!
//! A received file is sealed into a file of this machine first. Where kept files lie in a folder it is sealed right where it
//! stays; where they lie in an object store, it is put there whole before anybody is told that it is kept. A file that is
//! on its way has a mark beside it, set before it stands there and taken away once the store knows it. So what a crash left
//! is found by its mark: the sweep never guesses from the store's silence, which after a store was brought back from an
//! older copy would say of acknowledged files, too, that nobody knows them.

use super::intake::private_folder;
use super::{App, AppError};
use crate::domain::ids::SubmissionId;
use crate::store::Duty;
use jiff::Timestamp;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

/// Folder of the kept files.
const KEPT: &str = "kept";
/// Folder of the marks.
const INCOMING: &str = "incoming";
/// Folder of the home for files on their way into an object store.
const SPOOL: &str = "spool";
/// What is younger may still be on its way.
pub const ORPHAN_AGE: Duration = Duration::from_secs(24 * 3_600);
/// Marks looked at in one sweep.
const MARKS_MAX: usize = 10_000;
/// Who waits for an acknowledgement waits no longer for a mark to go.
const MARK_MAX: Duration = Duration::from_secs(2);

/// As it stands in the store.
pub(super) fn kept_key(id: &SubmissionId) -> String {
    format!("{KEPT}/{id}")
}

fn mark_key(id: &str) -> PathBuf {
    Path::new(INCOMING).join(id)
}

impl App {
    /// Where the file of a key is sealed into, in a folder that is there.
    pub(super) fn landing(&self, key: &Path) -> Result<PathBuf, AppError> {
        let path = match self.objects.path(key) {
            Some(path) => path,
            None => self.home.join(SPOOL).join(key.file_name().unwrap_or_default()),
        };
        if let Some(folder) = path.parent() {
            private_folder(folder).map_err(AppError::Write)?;
        }
        Ok(path)
    }

    /// Before the file stands where kept files lie.
    pub(super) async fn mark(&self, id: &SubmissionId) -> Result<(), AppError> {
        let key = mark_key(id.as_str());
        let Some(path) = self.objects.path(&key) else { return Ok(self.objects.put_bytes(&key, Vec::new()).await?) };
        if let Some(folder) = path.parent() {
            private_folder(folder).map_err(AppError::Write)?;
        }
        File::create(path).map(drop).map_err(AppError::Write)
    }

    /// The store knows it now. A mark that stays is looked at by the next sweep, which then finds the submission.
    pub(super) async fn unmark(&self, id: &SubmissionId) {
        let removed = tokio::time::timeout(MARK_MAX, self.objects.delete(&mark_key(id.as_str()))).await;
        if !matches!(removed, Ok(Ok(()))) {
            tracing::warn!(submission = %id, "the mark of a kept file could not be removed; a sweep will do it");
        }
    }

    /// Puts a finished file where its key says. After this it may be entered in the store.
    pub(super) async fn put_landed(&self, key: &Path, landed: &Path) -> Result<(), AppError> {
        if self.objects.path(key).is_some() {
            return Ok(());
        }
        let outcome = self.objects.put_file(key, landed).await;
        discard(landed);
        Ok(outcome?)
    }

    /// A file that nobody was told of and the store does not know.
    pub(super) async fn forget(&self, id: &SubmissionId, landed: &Path) {
        let key = PathBuf::from(kept_key(id));
        if self.objects.path(&key).is_none() {
            discard(landed);
        }
        match self.objects.delete(&key).await {
            Ok(()) => self.unmark(id).await,
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(submission = %id, error, "a file that is not needed could not be removed; a sweep will do it");
            }
        }
    }

    /// Removes what senders began and a crash cut off before it was acknowledged. Files that a living process still
    /// writes are locked by it and stay.
    pub fn sweep_spool(&self) -> Result<(), AppError> {
        let is_spooled = self.objects.path(Path::new(KEPT)).is_none();
        let folder = self.objects.path(Path::new(KEPT)).unwrap_or_else(|| self.home.join(SPOOL));
        let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(()) };
        for entry in entries {
            let path = entry.map_err(AppError::Write)?.path();
            let is_part = path.extension().is_some_and(|extension| extension == "part");
            // A finished file of the spool is on its way up for minutes at most.
            let is_orphan = if is_part { is_unlocked(&path) } else { is_spooled && is_older(&path, ORPHAN_AGE) };
            if is_orphan {
                std::fs::remove_file(&path).map_err(AppError::Write)?;
            }
        }
        Ok(())
    }

    /// Removes files that were on their way before `before` and that the store does not know; answers how many. Done by
    /// one gateway at a time.
    pub async fn sweep_incoming(&self, before: Timestamp) -> Result<usize, AppError> {
        let Some(duty) = self.store.claim_duty(Duty::Sweep).await? else { return Ok(0) };
        let outcome = self.sweep_marks(before).await;
        duty.end().await?;
        outcome
    }

    async fn sweep_marks(&self, before: Timestamp) -> Result<usize, AppError> {
        let before = SystemTime::from(before);
        let mut removed = 0;
        for mark in self.objects.list(INCOMING, MARKS_MAX).await? {
            let Some(id) = mark.name.to_str().and_then(|name| SubmissionId::parse(name).ok()) else { continue };
            if mark.modified >= before {
                continue;
            }
            if self.store.submission(&id).await?.is_none() {
                self.objects.delete(Path::new(&kept_key(&id))).await?;
                removed += 1;
            }
            // Last, so that a sweep that is cut off is done again.
            self.objects.delete(&mark_key(id.as_str())).await?;
        }
        Ok(removed)
    }
}

/// A file of the spool, which has done its work: if it stays, it is sealed and nameless, and swept in a day.
fn discard(path: &Path) {
    if let Err(error) = std::fs::remove_file(path)
        && error.kind() != std::io::ErrorKind::NotFound
    {
        tracing::warn!(%error, "a file that is not needed could not be removed");
    }
}

fn is_unlocked(path: &Path) -> bool {
    File::open(path).is_ok_and(|file| file.try_lock().is_ok())
}

fn is_older(path: &Path, age: Duration) -> bool {
    let modified = std::fs::metadata(path).and_then(|found| found.modified());
    modified.is_ok_and(|modified| modified.elapsed().is_ok_and(|since| since > age))
}
