//! A folder of files. What others may write into it is looked at before it is trusted.
//!
//! Owns that nothing half-written ever stands under its name, and that no symbolic link leads out of the folder: whoever may
//! drop a file there must not be able to make us read or overwrite another. Refuses links, devices and pipes.

use super::{Content, Entry, ObjectsError};
use futures_util::StreamExt;
use std::ffi::OsString;
use std::fs::{self, File, Metadata};
use std::io::{self, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};
use std::time::SystemTime;

/// Names tried for a file that is put back.
const PUT_BACK_MAX: u32 = 100;

#[derive(Debug, Clone)]
pub(super) struct Folder {
    root: PathBuf,
}

impl Folder {
    pub(super) fn new(root: &Path) -> Folder {
        Folder { root: root.to_owned() }
    }

    pub(super) fn path(&self, key: &Path) -> PathBuf {
        self.root.join(key)
    }

    /// The folder of a key, made where it isn't there.
    fn own_folder(&self, key: &Path) -> Result<PathBuf, ObjectsError> {
        let folder = match key.parent() {
            Some(parent) => self.root.join(parent),
            None => self.root.clone(),
        };
        if folder != self.root {
            match fs::create_dir(&folder) {
                Err(error) if error.kind() != io::ErrorKind::AlreadyExists => return Err(ObjectsError::Folder(error)),
                _ => {}
            }
            if !fs::symlink_metadata(&folder).map_err(ObjectsError::Folder)?.is_dir() {
                return Err(ObjectsError::NoFolder);
            }
        }
        Ok(folder)
    }

    pub(super) fn open(&self, key: &Path) -> Result<File, ObjectsError> {
        let path = self.path(key);
        let named = self.plain(&path)?.ok_or(ObjectsError::Missing)?;
        // A pipe may have come into its place in between: it would be waited for until somebody writes.
        let asked = File::options().read(true).custom_flags(libc::O_NONBLOCK | libc::O_NOFOLLOW).open(&path);
        let file = match asked {
            Err(error) if error.raw_os_error() == Some(libc::ELOOP) => return Err(ObjectsError::Missing),
            opened => opened.map_err(ObjectsError::Folder)?,
        };
        let opened = file.metadata().map_err(ObjectsError::Folder)?;
        // A link may have come into its place in between.
        if (named.dev(), named.ino()) == (opened.dev(), opened.ino()) { Ok(file) } else { Err(ObjectsError::Missing) }
    }

    /// None: not there, or no plain file.
    fn plain(&self, path: &Path) -> Result<Option<Metadata>, ObjectsError> {
        match fs::symlink_metadata(path) {
            Ok(found) => Ok(Some(found).filter(Metadata::is_file)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(None),
            Err(error) => Err(ObjectsError::Folder(error)),
        }
    }

    pub(super) fn stat(&self, key: &Path) -> Result<Option<Entry>, ObjectsError> {
        let found = self.plain(&self.path(key))?;
        Ok(found.map(|found| entry(&found, key.file_name().unwrap_or_default().into())))
    }

    pub(super) fn list(&self, folder: &str, max: usize) -> Result<Vec<Entry>, ObjectsError> {
        let folder = self.root.join(folder);
        let found = match fs::read_dir(&folder) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound && folder != self.root => return Ok(Vec::new()),
            Err(error) => return Err(ObjectsError::Folder(error)),
        };
        let mut entries = Vec::new();
        for one in found {
            let one = one.map_err(ObjectsError::Folder)?;
            // Gone again is as good as never there.
            if let Some(found) = self.plain(&one.path())? {
                entries.push(entry(&found, one.file_name()));
            }
            if entries.len() >= max {
                break;
            }
        }
        Ok(entries)
    }

    /// Links are none.
    pub(super) fn folders(&self, folder: &str, max: usize) -> Result<Vec<OsString>, ObjectsError> {
        let found = match fs::read_dir(self.root.join(folder)) {
            Ok(found) => found,
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            Err(error) => return Err(ObjectsError::Folder(error)),
        };
        let named = found.filter_map(|one| {
            let one = one.ok()?;
            one.file_type().is_ok_and(|kind| kind.is_dir()).then(|| one.file_name())
        });
        Ok(named.take(max).collect())
    }

    pub(super) async fn put(&self, key: &Path, mut content: Content) -> Result<(), ObjectsError> {
        let folder = self.own_folder(key)?;
        let path = self.path(key);
        let mut part = tempfile::Builder::new().suffix(".part").tempfile_in(&folder).map_err(ObjectsError::Folder)?;
        while let Some(piece) = content.next().await {
            let piece = piece.map_err(ObjectsError::Content)?;
            let write = move || part.write_all(&piece).map(|()| part);
            part = blocking(write).await?;
        }
        blocking(move || {
            use std::os::unix::fs::PermissionsExt;
            // Its readers are not only we: the folder says who may come in.
            part.as_file().set_permissions(fs::Permissions::from_mode(0o660))?;
            part.as_file().sync_all()?;
            part.persist(&path).map_err(|error| error.error)?;
            File::open(&folder)?.sync_all()
        })
        .await
    }

    pub(super) fn delete(&self, key: &Path) -> Result<(), ObjectsError> {
        match fs::remove_file(self.path(key)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(ObjectsError::Folder(error)),
            _ => Ok(()),
        }
    }

    /// What was moved is looked at afterwards: whoever drops a file may put another under its name at any moment.
    pub(super) fn rename(&self, from: &Path, to: &Path, seen: &Entry) -> Result<bool, ObjectsError> {
        let folder = self.own_folder(to)?;
        fs::rename(self.path(from), self.path(to)).map_err(ObjectsError::Folder)?;
        let is_seen = self.stat(to)?.is_some_and(|moved| moved.is_same(seen));
        if !is_seen {
            self.put_back(to, from)?;
        }
        File::open(folder).and_then(|folder| folder.sync_all()).map_err(ObjectsError::Folder)?;
        Ok(is_seen)
    }

    /// Under its own name, or beside a further one that has come there since.
    fn put_back(&self, moved: &Path, name: &Path) -> Result<(), ObjectsError> {
        let own = name.file_name().unwrap_or_default();
        for number in 0..PUT_BACK_MAX {
            let mut free = if number == 0 { OsString::new() } else { OsString::from(format!("{number}-")) };
            free.push(own);
            let free = self.path(&name.with_file_name(free));
            if fs::symlink_metadata(&free).is_err_and(|error| error.kind() == io::ErrorKind::NotFound) {
                return fs::rename(self.path(moved), free).map_err(ObjectsError::Folder);
            }
        }
        Err(ObjectsError::Folder(io::ErrorKind::AlreadyExists.into()))
    }
}

async fn blocking<T: Send + 'static>(work: impl FnOnce() -> io::Result<T> + Send + 'static) -> Result<T, ObjectsError> {
    tokio::task::spawn_blocking(work).await.map_err(|_| ObjectsError::Worker)?.map_err(ObjectsError::Folder)
}

fn entry(found: &Metadata, name: OsString) -> Entry {
    let modified = found.modified().unwrap_or(SystemTime::UNIX_EPOCH);
    Entry { name, bytes: found.len(), modified, version: None }
}
