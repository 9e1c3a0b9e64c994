//! A claim as a file lock. The lock file holds nothing and goes when the work is done.

use crate::store::StoreError;
use std::fs::{DirBuilder, File, TryLockError};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};

pub(in crate::store) struct FileClaim {
    path: PathBuf,
    _file: File,
}

impl FileClaim {
    /// None: somebody holds it.
    pub(in crate::store) fn take(folder: &Path, name: &str) -> Result<Option<FileClaim>, StoreError> {
        DirBuilder::new().recursive(true).mode(0o700).create(folder).map_err(StoreError::File)?;
        let path = folder.join(name);
        let file = File::create(&path).map_err(StoreError::File)?;
        match file.try_lock() {
            Ok(()) => Ok(Some(FileClaim { path, _file: file })),
            Err(TryLockError::WouldBlock) => Ok(None),
            Err(TryLockError::Error(error)) => Err(StoreError::File(error)),
        }
    }

    /// Dropped without this, the lock file stays, because removing it under a waiting process would let two hold "the" lock.
    pub(in crate::store) fn close(self) -> Result<(), StoreError> {
        std::fs::remove_file(&self.path).map_err(StoreError::File)
    }
}
