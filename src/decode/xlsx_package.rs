//! A workbook as a package of parts: found by the ZIP directory, unpacked as they are read, under limits.
//!
//! Owns the container. Nothing is extracted to anywhere, so names inside can do no harm. Declared sizes
//! are not believed: bytes are counted as they come out, and checked against the directory's checksum.
//! Refuses encrypted files, methods other than store and deflate, and what expands beyond the limits.
#![expect(clippy::disallowed_methods, reason = "names of parts are only compared")]

use super::stream::{Expansion, Position, archive_error, read_full};
use super::{DecodeError, Detail, Input, Limits, ReadSeek};
use crate::domain::rule::{FMT_ARCHIVE, LIM_EXPANSION, LIM_FILE};
use flate2::Crc;
use flate2::bufread::DeflateDecoder;
use std::collections::HashMap;
use std::io::{self, BufReader, Read, Seek, SeekFrom};
use std::sync::Arc;
use zip::result::ZipError;
use zip::{CompressionMethod, ZipArchive};

/// A ZIP file begins so, and each part in it (APPNOTE.TXT 4.3.7).
pub(crate) const ZIP_MAGIC: &[u8] = b"PK\x03\x04";

/// Real workbooks have dozens.
const PARTS_MAX: usize = 10_000;
/// Of the formats before it, and of workbooks with a password.
pub(crate) const OLE_MAGIC: [u8; 4] = [0xd0, 0xcf, 0x11, 0xe0];

#[derive(Debug, Clone)]
struct Part {
    header_at: u64,
    packed_bytes: u64,
    is_deflated: bool,
    is_encrypted: bool,
    checksum: u32,
}

pub(crate) struct Package {
    input: Arc<dyn Input>,
    parts: HashMap<String, Part>,
    limits: Limits,
}

fn damaged(place: &str, detail: Detail) -> DecodeError {
    DecodeError::refused(FMT_ARCHIVE, place, detail)
}

/// Whoever keeps the bytes may fail to give them: that says nothing of the workbook.
fn unread(error: ZipError, detail: Detail) -> DecodeError {
    match error {
        ZipError::Io(error) => match archive_error(error, "file", "zip") {
            DecodeError::Io(error) => DecodeError::Io(error),
            DecodeError::Refused { .. } => damaged("file", detail),
        },
        _ => damaged("file", detail),
    }
}

impl Package {
    pub(crate) fn open(input: &Arc<dyn Input>, limits: &Limits) -> Result<Package, DecodeError> {
        if input.len() > limits.file_bytes_max {
            let detail = Detail::LongerThan(limits.file_bytes_max);
            return Err(DecodeError::refused(LIM_FILE, "file", detail));
        }
        let mut reader = input.open()?;
        let mut magic = [0; 4];
        read_full(&mut reader, &mut magic)?;
        if magic == OLE_MAGIC {
            return Err(damaged("file", Detail::OldWorkbook));
        }
        reader.seek(SeekFrom::Start(0))?;
        let mut archive =
            ZipArchive::new(BufReader::new(reader)).map_err(|error| unread(error, Detail::NotWorkbook))?;
        if archive.len() > PARTS_MAX {
            let detail = Detail::MoreParts(PARTS_MAX);
            return Err(DecodeError::refused(LIM_EXPANSION, "file", detail));
        }
        let mut parts = HashMap::new();
        for index in 0..archive.len() {
            let entry = archive.by_index_raw(index).map_err(|error| unread(error, Detail::DirectoryDamaged))?;
            let part = Part {
                header_at: entry.header_start(),
                packed_bytes: entry.compressed_size(),
                is_deflated: match entry.compression() {
                    CompressionMethod::Stored => false,
                    CompressionMethod::Deflated => true,
                    _ => return Err(damaged("file", Detail::PackedOtherwise)),
                },
                is_encrypted: entry.encrypted(),
                checksum: entry.crc32(),
            };
            let name = String::from_utf8_lossy(entry.name_raw()).trim_start_matches('/').to_owned();
            if parts.insert(name, part).is_some() {
                return Err(damaged("file", Detail::PartsOfOneName));
            }
        }
        Ok(Package { input: input.clone(), parts, limits: limits.clone() })
    }

    pub(crate) fn has(&self, name: &str) -> bool {
        self.parts.contains_key(name)
    }

    /// The part's bytes, unpacked as they are read; `position` counts packed bytes.
    pub(crate) fn part(&self, name: &str, position: Position) -> Result<PartReader, DecodeError> {
        let part = self.parts.get(name).ok_or_else(|| damaged(name, Detail::PartMissing))?;
        if part.is_encrypted {
            return Err(damaged(name, Detail::Encrypted));
        }
        let mut reader = self.input.open()?;
        let mut header = [0; 30];
        reader.seek(SeekFrom::Start(part.header_at))?;
        if read_full(&mut reader, &mut header)? < header.len() || !header.starts_with(ZIP_MAGIC) {
            return Err(damaged(name, Detail::PartElsewhere));
        }
        let names = u64::from(u16::from_le_bytes([header[26], header[27]]));
        let extra = u64::from(u16::from_le_bytes([header[28], header[29]]));
        reader.seek(SeekFrom::Start(part.header_at + 30 + names + extra))?;
        let packed = BufReader::with_capacity(
            64 << 10,
            Packed { inner: reader.take(part.packed_bytes), position: position.clone() },
        );
        Ok(PartReader {
            inner: match part.is_deflated {
                true => Unpacking::Deflate(Box::new(DeflateDecoder::new(packed))),
                false => Unpacking::Store(packed),
            },
            name: name.to_owned(),
            budget: Expansion::new(&self.limits, position),
            found: Crc::new(),
            checksum: part.checksum,
        })
    }

    /// A small part as text: the workbook's lists.
    pub(crate) fn small_part(&self, name: &str) -> Result<String, DecodeError> {
        let mut bytes = Vec::new();
        let reader = self.part(name, Position::default())?;
        let bytes_max = self.limits.envelope_bytes_max as u64;
        reader.take(bytes_max + 1).read_to_end(&mut bytes)?;
        if bytes.len() as u64 > bytes_max {
            return Err(DecodeError::refused(LIM_EXPANSION, name, Detail::LongerThan(bytes_max)));
        }
        String::from_utf8(bytes).map_err(|_| damaged(name, Detail::NotUtf8))
    }
}

struct Packed {
    inner: io::Take<Box<dyn ReadSeek>>,
    position: Position,
}

impl Read for Packed {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        self.position.add(read as u64);
        Ok(read)
    }
}

enum Unpacking {
    Deflate(Box<DeflateDecoder<BufReader<Packed>>>),
    Store(BufReader<Packed>),
}

pub(crate) struct PartReader {
    inner: Unpacking,
    name: String,
    budget: Expansion,
    found: Crc,
    checksum: u32,
}

impl Read for PartReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = match &mut self.inner {
            Unpacking::Deflate(reader) => reader.read(buffer),
            Unpacking::Store(reader) => reader.read(buffer),
        };
        let read = read.map_err(|error| archive_error(error, &self.name, "xlsx").into_io())?;
        self.budget.take(read).map_err(DecodeError::into_io)?;
        self.found.update(&buffer[..read]);
        if read == 0 && !buffer.is_empty() && self.found.sum() != self.checksum {
            return Err(damaged(&self.name, Detail::ChecksumWrong).into_io());
        }
        Ok(read)
    }
}
