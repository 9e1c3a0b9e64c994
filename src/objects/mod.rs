//! Where bytes lie: kept, sealed files, and the places where agencies drop theirs. A folder, or a prefix of an S3 bucket.
//!
//! Owns that what is reported done is there whole, that reading needs little memory, and that a store that is away is told
//! from a file that isn't there. Knows nothing of what the bytes are. Refuses to tell names and addresses in its errors:
//! a name chosen outside may be a person's.

mod bucket;
mod folder;
mod reader;
mod signing;

use crate::config::{ObjectOptions, Place};
use bucket::Bucket;
use bytes::Bytes;
use folder::Folder;
use futures_util::stream::BoxStream;
use reader::ObjectReader;
use std::ffi::OsString;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, SystemTime};
use tokio::runtime::Handle;

/// Bytes on their way into a place.
pub type Content = BoxStream<'static, io::Result<Bytes>>;

/// Bytes handed on at once.
const PIECE_BYTES: usize = 256 << 10;

/// Nothing lies there: that the store says so is an answer.
const PING_KEY: &str = "ping";
const PING_MAX: Duration = Duration::from_secs(3);

#[derive(Debug, thiserror::Error)]
pub enum ObjectsError {
    #[error("the object store can't be used now: {0}")]
    Away(String),
    #[error("there is no such object")]
    Missing,
    #[error("an object of this name can't be")]
    Name,
    #[error("a file of the folder can't be used")]
    Folder(#[source] io::Error),
    #[error("something that is no folder stands where one belongs")]
    NoFolder,
    #[error("the content ended with an error")]
    Content(#[source] io::Error),
    #[error("the settings of the object store can't be used")]
    Settings(#[source] Box<dyn std::error::Error + Send + Sync>),
    #[error("a worker stopped before its time")]
    Worker,
}

impl ObjectsError {
    /// Worth trying again; it says nothing of any file.
    pub fn is_away(&self) -> bool {
        match self {
            ObjectsError::Away(_) => true,
            ObjectsError::Content(error) => is_away(error),
            _ => false,
        }
    }
}

/// Decoders pass the kind of an error on and not always what is in it; no disk of this machine gives this kind.
const AWAY: io::ErrorKind = io::ErrorKind::NetworkUnreachable;

/// Reading failed because the store is away.
pub fn is_away(error: &io::Error) -> bool {
    error.kind() == AWAY
}

impl From<ObjectsError> for io::Error {
    fn from(error: ObjectsError) -> Self {
        match error {
            ObjectsError::Folder(error) | ObjectsError::Content(error) => error,
            ObjectsError::Away(_) => io::Error::new(AWAY, error),
            ObjectsError::Missing => io::Error::new(io::ErrorKind::NotFound, error),
            other => io::Error::other(other),
        }
    }
}

/// One file of a place.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    /// Within its folder.
    pub name: OsString,
    pub bytes: u64,
    /// In whole seconds where the place tells no more.
    pub modified: SystemTime,
    /// Another with every other content, where the place has such a thing.
    pub version: Option<String>,
}

impl Entry {
    /// As far as every place can tell.
    pub fn is_same(&self, other: &Entry) -> bool {
        (self.bytes, self.modified) == (other.bytes, other.modified)
    }
}

/// A place opened. Cheap to clone.
#[derive(Debug, Clone)]
pub struct Objects(Kind);

#[derive(Debug, Clone)]
enum Kind {
    Folder(Folder),
    Bucket(Arc<Bucket>, Handle),
}

impl Objects {
    /// To be called in the runtime that lasts: requests run there. Nothing is asked of the store yet.
    pub fn open(place: &Place, options: &ObjectOptions) -> Result<Objects, ObjectsError> {
        Ok(Objects(match place {
            Place::Folder(root) => Kind::Folder(Folder::new(root)),
            Place::Bucket { bucket, prefix } => {
                let io = Handle::current();
                Kind::Bucket(Arc::new(Bucket::open(bucket, prefix, options, io.clone())?), io)
            }
        }))
    }

    pub fn folder(root: &Path) -> Objects {
        Objects(Kind::Folder(Folder::new(root)))
    }

    /// Where on this machine the file of a key lies; none: on another.
    pub fn path(&self, key: &Path) -> Option<PathBuf> {
        match &self.0 {
            Kind::Folder(folder) => Some(folder.path(key)),
            Kind::Bucket(..) => None,
        }
    }

    /// Reads from any place. For threads that may wait, and there only.
    pub fn reader(&self, key: &Path, bytes: Option<u64>) -> Result<Reader, ObjectsError> {
        Ok(Reader(match &self.0 {
            Kind::Folder(folder) => Source::File(folder.open(key)?),
            Kind::Bucket(bucket, io) => {
                Source::Object(Box::new(ObjectReader::open(bucket.clone(), bucket.key(key)?, io.clone(), bytes)?))
            }
        }))
    }

    /// Puts content under a key, whole or not at all; `bytes` of it.
    pub async fn put(&self, key: &Path, bytes: u64, content: Content) -> Result<(), ObjectsError> {
        match &self.0 {
            Kind::Folder(folder) => folder.put(key, content).await,
            Kind::Bucket(bucket, _) => bucket.put(&bucket.key(key)?, bytes, content).await,
        }
    }

    pub async fn put_bytes(&self, key: &Path, bytes: Vec<u8>) -> Result<(), ObjectsError> {
        let length = bytes.len() as u64;
        let content = futures_util::stream::once(async move { Ok(Bytes::from(bytes)) });
        self.put(key, length, Box::pin(content)).await
    }

    /// Puts a file of this machine under a key.
    pub async fn put_file(&self, key: &Path, path: &Path) -> Result<(), ObjectsError> {
        let file = File::open(path).map_err(ObjectsError::Content)?;
        let bytes = file.metadata().map_err(ObjectsError::Content)?.len();
        self.put(key, bytes, pieces(file)).await
    }

    /// Not there is as good as gone.
    pub async fn delete(&self, key: &Path) -> Result<(), ObjectsError> {
        match &self.0 {
            Kind::Folder(folder) => folder.delete(key),
            Kind::Bucket(bucket, _) => bucket.delete(&bucket.key(key)?).await,
        }
    }

    pub async fn stat(&self, key: &Path) -> Result<Option<Entry>, ObjectsError> {
        match &self.0 {
            Kind::Folder(folder) => folder.stat(key),
            Kind::Bucket(bucket, _) => bucket.stat(&bucket.key(key)?).await,
        }
    }

    /// Does it answer? A folder of this machine is not asked.
    pub async fn ping(&self) -> Result<(), ObjectsError> {
        match &self.0 {
            Kind::Folder(_) => Ok(()),
            Kind::Bucket(..) => {
                let asked = tokio::time::timeout(PING_MAX, self.stat(Path::new(PING_KEY))).await;
                asked.map_err(|_| ObjectsError::Away("no answer in time".into()))?.map(drop)
            }
        }
    }

    /// Gives the file that was `seen` a new name; what stood under that is replaced. False: another has come into its place,
    /// and stays there.
    pub async fn rename(&self, from: &Path, to: &Path, seen: &Entry) -> Result<bool, ObjectsError> {
        match &self.0 {
            Kind::Folder(folder) => folder.rename(from, to, seen),
            Kind::Bucket(bucket, _) => bucket.rename(&bucket.key(from)?, &bucket.key(to)?, seen).await,
        }
    }

    /// The files right in a folder (empty: in the place itself), at most `max`.
    pub async fn list(&self, folder: &str, max: usize) -> Result<Vec<Entry>, ObjectsError> {
        match &self.0 {
            Kind::Folder(place) => {
                let (place, folder) = (place.clone(), folder.to_owned());
                tokio::task::spawn_blocking(move || place.list(&folder, max)).await.map_err(|_| ObjectsError::Worker)?
            }
            Kind::Bucket(bucket, _) => bucket.list(folder, max).await,
        }
    }

    /// The names of the folders right in a folder, at most `max`.
    pub async fn folders(&self, folder: &str, max: usize) -> Result<Vec<OsString>, ObjectsError> {
        match &self.0 {
            Kind::Folder(place) => {
                let (place, folder) = (place.clone(), folder.to_owned());
                tokio::task::spawn_blocking(move || place.folders(&folder, max))
                    .await
                    .map_err(|_| ObjectsError::Worker)?
            }
            Kind::Bucket(bucket, _) => bucket.folders(folder, max).await,
        }
    }
}

/// Reads a file wherever it lies.
pub struct Reader(Source);

enum Source {
    File(File),
    Object(Box<ObjectReader>),
}

impl Reader {
    pub fn total_bytes(&self) -> Result<u64, ObjectsError> {
        match &self.0 {
            Source::File(file) => Ok(file.metadata().map_err(ObjectsError::Folder)?.len()),
            Source::Object(object) => Ok(object.len()),
        }
    }
}

impl Read for Reader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        match &mut self.0 {
            Source::File(file) => file.read(out),
            Source::Object(object) => object.read(out),
        }
    }
}

impl Seek for Reader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        match &mut self.0 {
            Source::File(file) => file.seek(to),
            Source::Object(object) => object.seek(to),
        }
    }
}

/// What a thread may wait for, piece by piece, one piece ahead at most.
pub fn pieces(from: impl Read + Send + 'static) -> Content {
    let content = async_stream::try_stream! {
        let mut from = from;
        loop {
            let read = tokio::task::spawn_blocking(move || {
                let mut piece = vec![0; PIECE_BYTES];
                let read = from.read(&mut piece)?;
                piece.truncate(read);
                Ok::<_, io::Error>((from, piece))
            });
            let (back, piece) = read.await.map_err(io::Error::other)??;
            if piece.is_empty() {
                break;
            }
            from = back;
            yield Bytes::from(piece);
        }
    };
    Box::pin(content)
}
