//! Reading an object as if it were a file: from any place, on threads that may wait.
//!
//! Owns the read-ahead: each request fetches a window, twice as large as the last one while reading goes straight on, small
//! again after a jump. Two windows are kept, because a sealed file is opened at both of its ends. Refuses to hold more.

use super::ObjectsError;
use super::bucket::Bucket;
use bytes::Bytes;
use object_store::ObjectMeta;
use object_store::path::Path;
use std::io::{self, Read, Seek, SeekFrom};
use std::sync::Arc;
use tokio::runtime::Handle;

/// One chunk of a sealed file and more.
const WINDOW_BYTES_MIN: u64 = 512 << 10;
const WINDOW_BYTES_MAX: u64 = 4 << 20;

struct Window {
    from: u64,
    bytes: Bytes,
}

impl Window {
    fn end(&self) -> u64 {
        self.from + self.bytes.len() as u64
    }

    fn rest_at(&self, position: u64) -> Option<&[u8]> {
        let offset = usize::try_from(position.checked_sub(self.from)?).ok()?;
        self.bytes.get(offset..).filter(|rest| !rest.is_empty())
    }
}

pub(super) struct ObjectReader {
    bucket: Arc<Bucket>,
    /// Whole, with the prefix of the bucket.
    key: Path,
    /// Where requests run; the thread that reads only waits.
    io: Handle,
    bytes: u64,
    /// Of the content that was there first: windows of two contents would make a third.
    version: Option<String>,
    position: u64,
    /// The one used last comes first.
    windows: Vec<Window>,
    next_bytes: u64,
}

impl ObjectReader {
    /// Fetches the first window at once and learns the length with it; `bytes`: where it is known.
    pub(super) fn open(
        bucket: Arc<Bucket>,
        key: Path,
        io: Handle,
        bytes: Option<u64>,
    ) -> Result<ObjectReader, ObjectsError> {
        let next_bytes = WINDOW_BYTES_MIN;
        let (version, windows) = (None, Vec::new());
        let mut reader = ObjectReader { bucket, key, io, bytes: 0, version, position: 0, windows, next_bytes };
        // There is no range of nothing.
        if bytes != Some(0) {
            let (first, meta) = reader.fetch(0, WINDOW_BYTES_MIN)?;
            (reader.bytes, reader.version) = (meta.size, meta.e_tag);
            reader.windows.push(Window { from: 0, bytes: first });
        }
        Ok(reader)
    }

    pub(super) fn len(&self) -> u64 {
        self.bytes
    }

    fn fetch(&self, from: u64, bytes: u64) -> Result<(Bytes, ObjectMeta), ObjectsError> {
        self.io.block_on(self.bucket.range(&self.key, from..from + bytes, self.version.as_deref()))
    }

    /// Makes the window that holds the position the first one.
    fn bring(&mut self) -> Result<(), ObjectsError> {
        if let Some(at) = self.windows.iter().position(|window| window.rest_at(self.position).is_some()) {
            self.windows.swap(0, at);
            return Ok(());
        }
        let goes_on = self.windows.iter().any(|window| window.end() == self.position);
        self.next_bytes = if goes_on { (self.next_bytes * 2).min(WINDOW_BYTES_MAX) } else { WINDOW_BYTES_MIN };
        let wanted = self.next_bytes.min(self.bytes - self.position);
        let (bytes, _) = self.fetch(self.position, wanted)?;
        if bytes.len() as u64 != wanted {
            return Err(ObjectsError::Away("an answer shorter than what was asked for".into()));
        }
        self.windows.truncate(1);
        self.windows.insert(0, Window { from: self.position, bytes });
        Ok(())
    }
}

impl Read for ObjectReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.bytes || out.is_empty() {
            return Ok(0);
        }
        self.bring()?;
        let here = self.windows.first().and_then(|window| window.rest_at(self.position)).unwrap_or_default();
        let taken = here.len().min(out.len());
        out[..taken].copy_from_slice(&here[..taken]);
        self.position += taken as u64;
        Ok(taken)
    }
}

impl Seek for ObjectReader {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position =
            target.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the start of the object"))?;
        Ok(self.position)
    }
}
