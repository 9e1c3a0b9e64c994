//! Where the parts of an upload lie: beside the kept files, in a folder or an object store, so that every gateway that can read
//! the one can read the other.
//!
//! Owns their names, and that they go with their upload. What a crash left of an upload that is no more is found by its folder:
//! the first part comes after the upload is in the store, so a folder that the store does not know belongs to nobody.

use crate::app::{App, AppError};
use crate::domain::ids::UploadId;
use crate::objects::Reader;
use crate::store::UploadPart;
use crate::vault::{SealedReader, VaultError};
use futures_util::{StreamExt, TryStreamExt, stream};
use std::path::{Path, PathBuf};

/// One folder in it for each upload.
const UPLOADS: &str = "uploads";
/// Parts named in one answer of an object store.
const LISTED_MAX: usize = 1_000;
/// Parts removed at the same time.
const REMOVED_AT_ONCE: usize = 16;
/// Uploads looked at in one sweep.
const FOLDERS_MAX: usize = 10_000;

fn folder_key(upload: &UploadId) -> String {
    format!("{UPLOADS}/{upload}")
}

pub(super) fn part_key(upload: &UploadId, part: &UploadPart) -> PathBuf {
    Path::new(&folder_key(upload)).join(&part.file)
}

/// What a part is authenticated with: it can't stand in for another.
pub(super) fn part_label(upload: &UploadId, part: &UploadPart) -> Vec<u8> {
    format!("{upload} {} {}", part.first_byte, part.file).into_bytes()
}

impl App {
    /// On this machine; none: on another.
    pub(super) fn parts_folder(&self, upload: &UploadId) -> Option<PathBuf> {
        self.objects.path(Path::new(&folder_key(upload)))
    }

    /// For threads that may wait.
    pub(super) fn open_part(&self, upload: &UploadId, part: &UploadPart) -> Result<SealedReader<Reader>, AppError> {
        let source = self.objects.reader(&part_key(upload, part), None)?;
        let bytes = source.total_bytes()?;
        self.vault.open_sealed_in(source, bytes, &part_label(upload, part)).map_err(|error| match error {
            // A store that went away is no broken part.
            VaultError::Source(source) => AppError::Kept(source),
            other => other.into(),
        })
    }

    pub(super) async fn remove_parts(&self, upload: &UploadId) -> Result<(), AppError> {
        if let Some(folder) = self.parts_folder(upload) {
            let removed = tokio::task::spawn_blocking(move || std::fs::remove_dir_all(folder)).await;
            return match removed.map_err(|_| AppError::Worker)? {
                Err(error) if error.kind() != std::io::ErrorKind::NotFound => Err(AppError::Write(error)),
                _ => Ok(()),
            };
        }
        let folder = folder_key(upload);
        loop {
            let found = self.objects.list(&folder, LISTED_MAX).await?;
            let count = found.len();
            let remove = |name| {
                let key = Path::new(&folder).join(name);
                async move { self.objects.delete(&key).await }
            };
            let removals = stream::iter(found.into_iter().map(|entry| remove(entry.name)));
            removals.buffer_unordered(REMOVED_AT_ONCE).try_collect::<()>().await?;
            if count < LISTED_MAX {
                return Ok(());
            }
        }
    }

    /// Removes the parts of uploads that are no more: a crash came between the two. Any gateway may do it at any time.
    pub async fn sweep_uploads(&self) -> Result<(), AppError> {
        let named = self.objects.folders(UPLOADS, FOLDERS_MAX).await?;
        for id in named.iter().filter_map(|name| UploadId::parse(name.to_str()?).ok()) {
            if self.store.upload(&id).await?.is_none_or(|upload| upload.submission.is_some()) {
                self.remove_parts(&id).await?;
            }
        }
        Ok(())
    }
}
