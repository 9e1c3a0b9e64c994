//! Sealed files: received bytes are kept only so; no plain identity touches the disk.
//!
//! Form: head (magic `SPHF` · version · chunk size as a power of two · key id · 16 random bytes of salt), then
//! chunks, each AES-256-GCM with its tag. Each file has its own key, derived from the data key and the salt, so
//! the nonce is simply the chunk's number. Authenticated with each chunk: the caller's label, the head, the
//! number, and whether it is the last. So a file cut off, put together anew or moved to another name is refused.

use super::VaultError;
use super::digest::{Sha256Stream, derive};
use super::keyring::disk::sync_dir;
use super::ring::Ring;
use super::seal::{Gcm, NONCE_BYTES, TAG_BYTES};
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

const MAGIC: &[u8; 4] = b"SPHF";
const VERSION: u8 = 1;
const HEAD_BYTES: usize = 24;
const CHUNK_BITS: u8 = 18;
/// What a foreign head may ask us to hold in memory: 64 KiB to 1 MiB.
const CHUNK_BITS_ALLOWED: std::ops::RangeInclusive<u8> = 16..=20;

type Head = [u8; HEAD_BYTES];

struct Chunks {
    gcm: Gcm,
    /// Label and head together.
    bound: Vec<u8>,
}

impl Chunks {
    fn new(ring: &Ring, head: &Head, label: &[u8]) -> Result<Self, VaultError> {
        let key = ring.data_key(u16::from_be_bytes([head[6], head[7]]))?;
        let gcm = Gcm::new(&derive(&key, "saphan sealed file 1", &head[8..]))?;
        Ok(Chunks { gcm, bound: [label, head].concat() })
    }

    fn place(index: u64, last: bool) -> ([u8; NONCE_BYTES], [u8; 9]) {
        let (mut nonce, mut place) = ([0; NONCE_BYTES], [0; 9]);
        nonce[4..].copy_from_slice(&index.to_be_bytes());
        place[..8].copy_from_slice(&index.to_be_bytes());
        place[8] = u8::from(last);
        (nonce, place)
    }

    fn seal(&mut self, index: u64, last: bool, plain: &[u8], out: &mut Vec<u8>) -> Result<(), VaultError> {
        let (nonce, place) = Self::place(index, last);
        self.gcm.encrypt(&nonce, [&self.bound, &place], plain, out)
    }

    fn unseal(&mut self, index: u64, last: bool, sealed: &[u8], out: &mut Vec<u8>) -> Result<(), VaultError> {
        let (nonce, place) = Self::place(index, last);
        self.gcm.decrypt(&nonce, [&self.bound, &place], sealed, out)
    }
}

/// What was written, by its plain bytes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeptFile {
    /// Hexadecimal.
    pub sha256: String,
    pub bytes: u64,
}

/// Writes a sealed file. Nothing stands at its path before [`SealedWriter::finish`]; dropped unfinished, it leaves nothing.
pub struct SealedWriter {
    file: File,
    temporary: Option<PathBuf>,
    path: PathBuf,
    chunks: Chunks,
    /// Plain bytes not yet sealed. A full chunk waits here until more comes, because the last one is marked.
    pending: Vec<u8>,
    sealed: Vec<u8>,
    index: u64,
    digest: Sha256Stream,
}

impl SealedWriter {
    pub(super) fn create(ring: &Ring, path: &Path, label: &[u8]) -> Result<Self, VaultError> {
        ring.may_seal()?;
        let mut head: Head = [0; HEAD_BYTES];
        head[..4].copy_from_slice(MAGIC);
        head[4] = VERSION;
        head[5] = CHUNK_BITS;
        head[6..8].copy_from_slice(&ring.keyring().current_data_key().to_be_bytes());
        openssl::rand::rand_bytes(&mut head[8..])?;
        let chunks = Chunks::new(ring, &head, label)?;
        let mut temporary = path.as_os_str().to_owned();
        temporary.push(".part");
        let temporary = PathBuf::from(temporary);
        let mut file = OpenOptions::new()
            .write(true)
            .create(true)
            .truncate(true)
            .mode(0o600)
            .open(&temporary)
            .map_err(VaultError::file(&temporary))?;
        // Held until it is finished: an unlocked part is what a crash left.
        file.lock().map_err(VaultError::file(&temporary))?;
        file.write_all(&head).map_err(VaultError::file(&temporary))?;
        Ok(SealedWriter {
            file,
            temporary: Some(temporary),
            path: path.to_owned(),
            chunks,
            pending: Vec::with_capacity(1 << CHUNK_BITS),
            sealed: Vec::with_capacity((1 << CHUNK_BITS) + 2 * TAG_BYTES),
            index: 0,
            digest: Sha256Stream::new(),
        })
    }

    /// Plain bytes taken so far: where a size limit is enforced while a sender is still sending.
    pub fn bytes(&self) -> u64 {
        self.digest.bytes()
    }

    fn flush_chunk(&mut self, last: bool) -> io::Result<()> {
        self.sealed.clear();
        self.chunks.seal(self.index, last, &self.pending, &mut self.sealed).map_err(io::Error::other)?;
        self.pending.clear();
        self.index += 1;
        self.file.write_all(&self.sealed)
    }

    /// Seals the last chunk, flushes to disk and puts the file in its place.
    pub fn finish(mut self) -> Result<KeptFile, VaultError> {
        self.flush_chunk(true).and_then(|()| self.file.sync_all()).map_err(VaultError::file(&self.path))?;
        if let Some(temporary) = self.temporary.take() {
            fs::rename(&temporary, &self.path).map_err(VaultError::file(&self.path))?;
        }
        if let Some(dir) = self.path.parent().filter(|dir| !dir.as_os_str().is_empty()) {
            sync_dir(dir)?;
        }
        let digest = std::mem::take(&mut self.digest);
        Ok(KeptFile { bytes: digest.bytes(), sha256: digest.finish_hex() })
    }
}

impl Write for SealedWriter {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        if bytes.is_empty() {
            return Ok(0);
        }
        if self.pending.len() == 1 << CHUNK_BITS {
            self.flush_chunk(false)?;
        }
        let taken = bytes.len().min((1 << CHUNK_BITS) - self.pending.len());
        self.pending.extend_from_slice(&bytes[..taken]);
        self.digest.update(&bytes[..taken]);
        Ok(taken)
    }

    /// Does nothing: a chunk can be sealed only once, so bytes wait until it is full or the file is finished.
    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for SealedWriter {
    fn drop(&mut self) {
        if let Some(temporary) = self.temporary.take() {
            // Best effort: what stays is sealed, and is written over by the next attempt.
            fs::remove_file(temporary).ok();
        }
    }
}

/// Reads a sealed file from any place; one chunk is held in the clear, in memory.
pub struct SealedReader<S> {
    source: S,
    chunks: Chunks,
    chunk_bytes: u64,
    chunk_count: u64,
    plain_bytes: u64,
    position: u64,
    plain: Vec<u8>,
    /// Number of the chunk in `plain`.
    loaded: Option<u64>,
    sealed: Vec<u8>,
}

impl<S: Read + Seek> SealedReader<S> {
    pub(super) fn over(ring: &Ring, mut source: S, length: u64, label: &[u8]) -> Result<Self, VaultError> {
        let mut head: Head = [0; HEAD_BYTES];
        if length < (HEAD_BYTES + TAG_BYTES) as u64 {
            return Err(VaultError::Broken);
        }
        source.read_exact(&mut head).map_err(VaultError::Source)?;
        if &head[..4] != MAGIC || head[4] != VERSION || !CHUNK_BITS_ALLOWED.contains(&head[5]) {
            return Err(VaultError::Broken);
        }
        let chunk_bytes = 1_u64 << head[5];
        let body = length - HEAD_BYTES as u64;
        let chunk_count = body.div_ceil(chunk_bytes + TAG_BYTES as u64);
        let Some(plain_bytes) = body.checked_sub(chunk_count * TAG_BYTES as u64) else {
            return Err(VaultError::Broken);
        };
        let mut reader = SealedReader {
            source,
            chunks: Chunks::new(ring, &head, label)?,
            chunk_bytes,
            chunk_count,
            plain_bytes,
            position: 0,
            plain: Vec::with_capacity(chunk_bytes as usize + TAG_BYTES),
            loaded: None,
            sealed: Vec::new(),
        };
        reader.load(chunk_count - 1).map_err(|error| match error.kind() {
            io::ErrorKind::InvalidData => VaultError::Broken,
            _ => VaultError::Source(error),
        })?;
        Ok(reader)
    }

    /// Plain bytes.
    pub fn len(&self) -> u64 {
        self.plain_bytes
    }

    pub fn is_empty(&self) -> bool {
        self.plain_bytes == 0
    }

    fn load(&mut self, index: u64) -> io::Result<()> {
        if self.loaded == Some(index) {
            return Ok(());
        }
        self.loaded = None;
        let stride = self.chunk_bytes + TAG_BYTES as u64;
        self.source.seek(SeekFrom::Start(HEAD_BYTES as u64 + index * stride))?;
        self.sealed.clear();
        (&mut self.source).take(stride).read_to_end(&mut self.sealed)?;
        self.plain.clear();
        let last = index + 1 == self.chunk_count;
        self.chunks
            .unseal(index, last, &self.sealed, &mut self.plain)
            .map_err(|error| io::Error::new(io::ErrorKind::InvalidData, error))?;
        self.loaded = Some(index);
        Ok(())
    }
}

impl<S: Read + Seek> Read for SealedReader<S> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.position >= self.plain_bytes || out.is_empty() {
            return Ok(0);
        }
        self.load(self.position / self.chunk_bytes)?;
        let offset = (self.position % self.chunk_bytes) as usize;
        let available = self.plain.get(offset..).unwrap_or_default();
        let taken = available.len().min(out.len());
        out[..taken].copy_from_slice(&available[..taken]);
        self.position += taken as u64;
        Ok(taken)
    }
}

impl<S: Read + Seek> Seek for SealedReader<S> {
    fn seek(&mut self, to: SeekFrom) -> io::Result<u64> {
        let target = match to {
            SeekFrom::Start(at) => Some(at),
            SeekFrom::End(by) => self.plain_bytes.checked_add_signed(by),
            SeekFrom::Current(by) => self.position.checked_add_signed(by),
        };
        self.position =
            target.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidInput, "seek before the start of the file"))?;
        Ok(self.position)
    }
}
