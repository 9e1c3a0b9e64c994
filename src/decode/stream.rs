//! The received bytes as one stream: counted, unpacked if they came as gzip, never beyond the limits.
//!
//! Owns gzip and the limits on size and expansion. Refuses to buffer the file: memory is one gzip window.

use super::{DecodeError, Detail, Input, Limits};
use crate::domain::rule::{FMT_ARCHIVE, FMT_TRUNCATED, LIM_EXPANSION, LIM_FILE};
use flate2::bufread::GzDecoder;
use std::io::{self, BufRead, BufReader, Cursor, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];
const READ_BYTES: usize = 128 << 10;

/// Bytes of the received file read so far.
#[derive(Debug, Clone, Default)]
pub(crate) struct Position(Arc<AtomicU64>);

impl Position {
    pub(crate) fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    pub(crate) fn add(&self, bytes: u64) -> u64 {
        self.0.fetch_add(bytes, Ordering::Relaxed) + bytes
    }
}

pub(crate) type Bytes = Box<dyn Read + Send>;

pub(crate) struct ByteStream {
    pub(crate) reader: Bytes,
    pub(crate) gzip: bool,
    pub(crate) position: Position,
}

/// Opens the input from its start, unpacking gzip (one member or several) by its magic bytes.
pub(crate) fn open_stream(input: &Arc<dyn Input>, limits: &Limits) -> Result<ByteStream, DecodeError> {
    if input.len() > limits.file_bytes_max {
        return Err(too_long(limits));
    }
    let position = Position::default();
    let mut raw = Counted { inner: input.open()?, position: position.clone(), limits: limits.clone() };
    let mut head = [0; 2];
    let had = read_full(&mut raw, &mut head)?;
    let gzip = had == 2 && head == GZIP_MAGIC;
    let whole = Cursor::new(head[..had].to_vec()).chain(raw);
    let reader: Bytes = if gzip {
        Box::new(Unpacked {
            member: Some(GzDecoder::new(BufReader::with_capacity(READ_BYTES, whole))),
            budget: Expansion::new(limits, position.clone()),
        })
    } else {
        Box::new(whole)
    };
    Ok(ByteStream { reader, gzip, position })
}

/// Reads until the buffer is full or the input ends; says how much there was.
pub(crate) fn read_full(reader: &mut dyn Read, buffer: &mut [u8]) -> io::Result<usize> {
    let mut filled = 0;
    while filled < buffer.len() {
        match reader.read(&mut buffer[filled..]) {
            Ok(0) => break,
            Ok(read) => filled += read,
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
    Ok(filled)
}

/// Appends up to `bytes` to `to`; false when the input has ended.
pub(crate) fn read_more(reader: &mut dyn Read, to: &mut Vec<u8>, bytes: usize) -> io::Result<bool> {
    let from = to.len();
    to.resize(from + bytes, 0);
    match read_full(reader, &mut to[from..]) {
        Ok(read) => {
            to.truncate(from + read);
            Ok(read == bytes)
        }
        Err(error) => {
            to.truncate(from);
            Err(error)
        }
    }
}

fn too_long(limits: &Limits) -> DecodeError {
    DecodeError::refused(LIM_FILE, "file", Detail::LongerThan(limits.file_bytes_max))
}

struct Counted<R> {
    inner: R,
    position: Position,
    limits: Limits,
}

impl<R: Read> Read for Counted<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let read = self.inner.read(buffer)?;
        if self.position.add(read as u64) > self.limits.file_bytes_max {
            return Err(too_long(&self.limits).into_io());
        }
        Ok(read)
    }
}

/// What may still come out of something compressed.
pub(crate) struct Expansion {
    out: u64,
    compressed: Position,
    bytes_max: u64,
    ratio_max: u64,
    grace: u64,
}

impl Expansion {
    pub(crate) fn new(limits: &Limits, compressed: Position) -> Self {
        Expansion {
            out: 0,
            compressed,
            bytes_max: limits.expanded_bytes_max,
            ratio_max: limits.expansion_ratio_max,
            grace: limits.expansion_grace_bytes,
        }
    }

    pub(crate) fn take(&mut self, bytes: usize) -> Result<(), DecodeError> {
        self.out += bytes as u64;
        let compressed = self.compressed.get().max(1);
        if self.out > self.bytes_max {
            let detail = Detail::ExpandsBeyond(self.bytes_max);
            return Err(DecodeError::refused(LIM_EXPANSION, format!("byte {compressed}"), detail));
        }
        if self.out > self.grace && self.out / compressed > self.ratio_max {
            let detail = Detail::ExpandsTimes(self.ratio_max);
            return Err(DecodeError::refused(LIM_EXPANSION, format!("byte {compressed}"), detail));
        }
        Ok(())
    }
}

/// Member after member; none: all are done.
struct Unpacked<R: Read> {
    member: Option<GzDecoder<BufReader<R>>>,
    budget: Expansion,
}

impl<R: Read> Read for Unpacked<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while let Some(member) = &mut self.member {
            let read = member.read(buffer).map_err(|error| {
                archive_error(error, &format!("byte {}", self.budget.compressed.get()), "gzip").into_io()
            })?;
            if read > 0 || buffer.is_empty() {
                self.budget.take(read).map_err(DecodeError::into_io)?;
                return Ok(read);
            }
            self.next_member()?;
        }
        Ok(0)
    }
}

impl<R: Read> Unpacked<R> {
    /// What follows is another member or nothing: whatever else stands there is not data, and is not passed over.
    fn next_member(&mut self) -> io::Result<()> {
        let Some(mut rest) = self.member.take().map(GzDecoder::into_inner) else { return Ok(()) };
        let ahead = rest.fill_buf()?;
        if ahead.is_empty() {
            return Ok(());
        }
        let known = ahead.len().min(GZIP_MAGIC.len());
        if ahead[..known] != GZIP_MAGIC[..known] {
            let at = self.budget.compressed.get() - ahead.len() as u64;
            let refusal = DecodeError::refused(FMT_ARCHIVE, format!("byte {at}"), Detail::BytesAfterArchive("gzip"));
            return Err(refusal.into_io());
        }
        self.member = Some(GzDecoder::new(rest));
        Ok(())
    }
}

/// Says what is wrong with something compressed: cut off, or damaged.
pub(crate) fn archive_error(error: io::Error, place: &str, kind: &'static str) -> DecodeError {
    match error.kind() {
        io::ErrorKind::UnexpectedEof => DecodeError::refused(FMT_TRUNCATED, place, Detail::CutArchive(kind)),
        io::ErrorKind::InvalidInput | io::ErrorKind::InvalidData => {
            DecodeError::refused(FMT_ARCHIVE, place, Detail::DamagedArchive(kind))
        }
        _ => DecodeError::from(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::MemoryInput;
    use flate2::{Compression, write::GzEncoder};
    use std::io::Write;

    fn gzip(bytes: &[u8]) -> Vec<u8> {
        let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
        encoder.write_all(bytes).unwrap();
        encoder.finish().unwrap()
    }

    fn read(bytes: Vec<u8>, limits: &Limits) -> Result<Vec<u8>, DecodeError> {
        let mut out = Vec::new();
        open_stream(&MemoryInput::shared(bytes), limits)?.reader.read_to_end(&mut out)?;
        Ok(out)
    }

    fn rule(result: Result<Vec<u8>, DecodeError>) -> crate::domain::rule::RuleCode {
        match result {
            Err(DecodeError::Refused { rule, .. }) => rule,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn gzip_of_one_and_of_two_members_is_unpacked() {
        let mut two = gzip(b"a,b\n");
        two.extend(gzip(b"1,2\n"));
        assert_eq!(read(two, &Limits::default()).unwrap(), b"a,b\n1,2\n");
        assert_eq!(read(b"plain".to_vec(), &Limits::default()).unwrap(), b"plain");
    }

    #[test]
    fn cut_and_damaged_gzip_are_told_apart() {
        let text: Vec<u8> = (0..40_000u32).flat_map(|n| (n.wrapping_mul(2_654_435_761)).to_le_bytes()).collect();
        let whole = gzip(&text);
        assert_eq!(rule(read(whole[..whole.len() / 2].to_vec(), &Limits::default())), FMT_TRUNCATED);
        let mut damaged = whole.clone();
        let at = damaged.len() - 6;
        damaged[at] ^= 0xff;
        assert_eq!(rule(read(damaged, &Limits::default())), FMT_ARCHIVE);
    }

    #[test]
    fn bytes_after_the_end_are_said_to_be_that() {
        let whole = gzip(b"a,b\n1,2\n");
        for after in [&b"x"[..], b"and more than a header's length of it", &[0; 512], b"\x1fx"] {
            match read([&whole[..], after].concat(), &Limits::default()) {
                Err(DecodeError::Refused { rule, place, detail }) => {
                    let wanted = (FMT_ARCHIVE, format!("byte {}", whole.len()), Detail::BytesAfterArchive("gzip"));
                    assert_eq!((rule, place, detail), wanted);
                }
                other => panic!("{other:?}"),
            }
        }
        let second = gzip(b"3,4\n");
        let cut = [&whole[..], &second[..second.len() - 9]].concat();
        assert_eq!(rule(read(cut, &Limits::default())), FMT_TRUNCATED);
    }

    #[test]
    fn a_bomb_and_a_file_too_long_are_refused() {
        let limits = Limits { expansion_grace_bytes: 1 << 20, ..Limits::default() };
        assert_eq!(rule(read(gzip(&vec![b'x'; 8 << 20]), &limits)), LIM_EXPANSION);
        let limits = Limits { file_bytes_max: 10, ..Limits::default() };
        assert_eq!(rule(read(vec![b'x'; 11], &limits)), LIM_FILE);
    }
}
