//! Files on disk as the decoder wants them: openable again from the start.

use crate::decode::{Input, ReadSeek};
use std::fs::File;
use std::io;
use std::path::{Path, PathBuf};

/// A plain file (command line). Kept submissions are sealed and come through `KeptInput`.
#[derive(Debug)]
pub struct FileInput {
    path: PathBuf,
    bytes: u64,
}

impl FileInput {
    /// Errors: the file can't be read, or is a folder.
    pub fn open(path: &Path) -> io::Result<Self> {
        let meta = std::fs::metadata(path)?;
        if meta.is_dir() {
            return Err(io::Error::new(io::ErrorKind::IsADirectory, "a folder, not a file"));
        }
        Ok(FileInput { path: path.to_owned(), bytes: meta.len() })
    }
}

impl Input for FileInput {
    fn open(&self) -> io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(File::open(&self.path)?))
    }

    fn len(&self) -> u64 {
        self.bytes
    }
}
