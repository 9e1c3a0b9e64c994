//! Who works on a submission: one process at a time, by a file lock that dies with its process.
//!
//! Owns the difference between "left unfinished by a crash" and "another process is at it": gateway,
//! worker and command line share one home. The lock file holds nothing and goes when the work is done.

use super::{App, AppError, intake};
use crate::domain::ids::SubmissionId;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};

/// Held while a submission is worked on.
pub(super) struct Claim {
    path: PathBuf,
    _file: File,
}

impl Claim {
    /// None: another process holds it.
    pub(super) fn take(home: &Path, id: &SubmissionId) -> Result<Option<Claim>, AppError> {
        let folder = home.join("claims");
        intake::private_folder(&folder).map_err(AppError::Write)?;
        let path = folder.join(id.as_str());
        let file = File::create(&path).map_err(AppError::Write)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(Claim { path, _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(AppError::Write(error)),
        }
    }
}

impl Claim {
    /// The submission is at its end: whoever waits for the lock will see that. Dropped without this, the lock file stays,
    /// because removing it under a waiting process would let two hold "the" lock.
    pub(super) fn close(self) {
        if let Err(error) = std::fs::remove_file(&self.path) {
            tracing::warn!(%error, "a lock file could not be removed");
        }
    }
}

impl App {
    /// Removes what senders began and a crash cut off before it was acknowledged. Files that a living process still
    /// writes are locked by it and stay.
    pub fn sweep_kept(&self) -> Result<(), AppError> {
        let folder = self.home.join(intake::KEPT);
        let Ok(entries) = std::fs::read_dir(&folder) else { return Ok(()) };
        for entry in entries {
            let path = entry.map_err(AppError::Write)?.path();
            let orphan = path.extension().is_some_and(|extension| extension == "part")
                && File::open(&path).is_ok_and(|file| file.try_lock().is_ok());
            if orphan {
                std::fs::remove_file(&path).map_err(AppError::Write)?;
            }
        }
        Ok(())
    }
}
