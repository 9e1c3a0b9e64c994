//! Looking a whole file over for what its bytes say of their encoding, on as many cores as given.
//!
//! Owns the cutting of a file into parts that are looked over at the same time, and their borders: a character or a
//! sequence that lies over one belongs to exactly one part, so that many cores find what one would. Refuses to look at
//! a sample; what is packed (gzip) has one beginning and is read by one core.

use super::charset::is_undefined_874;
use super::stream::{self, Bytes};
use super::{DecodeError, Input, Limits};
use std::io::{self, Read, SeekFrom, Take};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

const CHUNK: usize = 256 << 10;
/// Smaller parts are not worth a thread.
const PART_BYTES_MIN: u64 = 4 << 20;
/// The census counts sequences of three bytes: the two before a part tell of one that ends in it.
const BEFORE_PART: u64 = 2;

/// A file to look over.
pub(crate) struct Scan<'i> {
    input: &'i Arc<dyn Input>,
    limits: &'i Limits,
    cores: usize,
    part_bytes_min: u64,
}

/// One part: `reader` stands `before` bytes before its `start` and ends with it.
struct Part {
    start: u64,
    before: u64,
    reader: Take<Bytes>,
}

impl<'i> Scan<'i> {
    pub(crate) fn new(input: &'i Arc<dyn Input>, limits: &'i Limits, cores: usize) -> Self {
        Scan { input, limits, cores, part_bytes_min: PART_BYTES_MIN }
    }

    /// Offset of the first byte that strict UTF-8 does not allow.
    pub(crate) fn first_broken(&self) -> Result<Option<u64>, DecodeError> {
        let mut starts = self.starts()?;
        // Parts begin where a character begins. More bytes that continue one are no UTF-8, wherever a part begins.
        for start in starts.iter_mut().filter(|start| **start > 0) {
            let mut next = [0; 3];
            let had = stream::read_full(&mut self.reader(*start)?, &mut next)?;
            *start += next[..had].iter().take_while(|byte| **byte & 0xc0 == 0x80).count() as u64;
        }
        let first = AtomicU64::new(u64::MAX);
        self.each_part(&starts, 0, |mut part| Ok(part.look_for_broken(&first)?))?;
        Ok(Some(first.into_inner()).filter(|at| *at != u64::MAX))
    }

    /// Counts over the whole file.
    pub(crate) fn census(&self) -> Result<Census, DecodeError> {
        let counted = self.each_part(&self.starts()?, BEFORE_PART, |part| Ok(Census::of(part)?))?;
        Ok(counted.into_iter().fold(Census::default(), Census::and))
    }

    /// Where parts start; one part where the file can't or need not be cut.
    fn starts(&self) -> Result<Vec<u64>, DecodeError> {
        let bytes = self.input.len();
        let parts = (bytes / self.part_bytes_min).clamp(1, self.cores.max(1) as u64);
        if parts == 1 || stream::open_stream(self.input, self.limits)?.gzip {
            return Ok(vec![0]);
        }
        Ok((0..parts).map(|part| bytes / parts * part).collect())
    }

    fn reader(&self, at: u64) -> Result<Bytes, DecodeError> {
        if at == 0 {
            return Ok(stream::open_stream(self.input, self.limits)?.reader);
        }
        let mut reader = self.input.open()?;
        reader.seek(SeekFrom::Start(at))?;
        Ok(Box::new(reader))
    }

    /// What `look` finds in each part, in the file's order.
    fn each_part<T: Send>(
        &self,
        starts: &[u64],
        before: u64,
        look: impl Fn(Part) -> Result<T, DecodeError> + Sync,
    ) -> Result<Vec<T>, DecodeError> {
        let ends = starts.iter().skip(1).copied().chain([u64::MAX]);
        let parts: Vec<(u64, u64)> = starts.iter().copied().zip(ends).collect();
        let look_at = |(start, end): (u64, u64)| {
            let before = before.min(start);
            let reader = self.reader(start - before)?.take((end - start).saturating_add(before));
            look(Part { start, before, reader })
        };
        if let [whole] = parts[..] {
            return Ok(vec![look_at(whole)?]);
        }
        std::thread::scope(|scope| {
            let look_at = &look_at;
            let threads: Vec<_> = parts.into_iter().map(|part| scope.spawn(move || look_at(part))).collect();
            let stopped = || DecodeError::from(io::Error::other("a reader stopped before its time"));
            threads.into_iter().map(|thread| thread.join().unwrap_or_else(|_| Err(stopped()))).collect()
        })
    }
}

impl Part {
    /// Lowers `first` to the offset of this part's first broken byte, if it has one before.
    fn look_for_broken(&mut self, first: &AtomicU64) -> io::Result<()> {
        let (mut chunk, mut carry, mut offset) = (vec![0; CHUNK], 0, self.start);
        while offset < first.load(Ordering::Relaxed) {
            let had = carry + stream::read_full(&mut self.reader, &mut chunk[carry..])?;
            let is_last = had < chunk.len();
            carry = match simdutf8::compat::from_utf8(&chunk[..had]) {
                Ok(_) => 0,
                // A character cut by the end of the chunk goes to the front of the next.
                Err(error) if error.error_len().is_none() && !is_last => had - error.valid_up_to(),
                Err(error) => {
                    first.fetch_min(offset + error.valid_up_to() as u64, Ordering::Relaxed);
                    break;
                }
            };
            if is_last {
                break;
            }
            offset += (had - carry) as u64;
            chunk.copy_within(had - carry..had, 0);
        }
        Ok(())
    }
}

/// Counts that tell broken UTF-8 from windows-874.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Census {
    /// Bytes outside ASCII.
    pub(crate) high: u64,
    /// Three-byte UTF-8 sequences of Thai (U+0E00–0E7F) and general punctuation (U+2000–203F).
    sequences: u64,
    /// Bytes undefined in windows-874.
    pub(crate) undefined: u64,
}

impl Census {
    fn of(mut part: Part) -> io::Result<Census> {
        let (mut chunk, mut census) = (vec![0; CHUNK], Census::default());
        let mut carry = stream::read_full(&mut part.reader, &mut chunk[..part.before as usize])?;
        loop {
            let had = carry + stream::read_full(&mut part.reader, &mut chunk[carry..])?;
            census.add(&chunk[..had], carry);
            if had < chunk.len() {
                return Ok(census);
            }
            // Two bytes stay so that a sequence over the border is seen; they are not counted twice.
            carry = BEFORE_PART as usize;
            chunk.copy_within(had - carry..had, 0);
        }
    }

    fn add(&mut self, bytes: &[u8], carry: usize) {
        // Counts in bytes over short runs: the compiler turns these loops into vector code.
        for run in bytes[carry..].chunks(240) {
            self.high += run.iter().map(|byte| u8::from(*byte >= 0x80)).sum::<u8>() as u64;
            self.undefined += run.iter().map(|byte| u8::from(is_undefined_874(*byte))).sum::<u8>() as u64;
        }
        let Some(windows) = bytes.len().checked_sub(2) else { return };
        let (a, b, c) = (&bytes[..windows], &bytes[1..], &bytes[2..]);
        for ((a, b), c) in a.chunks(240).zip(b.chunks(240)).zip(c.chunks(240)) {
            let is_sequence = |((a, b), c): ((&u8, &u8), &u8)| {
                let thai = (*a == 0xe0) & (*b & 0xfe == 0xb8);
                let punctuation = (*a == 0xe2) & (*b == 0x80);
                u8::from((thai | punctuation) & (*c & 0xc0 == 0x80))
            };
            self.sequences += a.iter().zip(b).zip(c).map(is_sequence).sum::<u8>() as u64;
        }
    }

    fn and(self, other: Census) -> Census {
        Census {
            high: self.high + other.high,
            sequences: self.sequences + other.sequences,
            undefined: self.undefined + other.undefined,
        }
    }

    /// The three bytes of a UTF-8 mark left out.
    pub(crate) fn without_mark(self) -> Census {
        Census { high: self.high.saturating_sub(3), ..self }
    }

    /// Nine in ten of the bytes outside ASCII belong to good sequences: UTF-8 that was damaged, not another encoding.
    pub(crate) fn is_nearly_utf8(&self) -> bool {
        self.sequences > 0 && self.sequences * 30 >= self.high * 9
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::MemoryInput;
    use proptest::prelude::*;

    /// Bytes of which many are of Thai letters, whole and broken.
    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        let piece = prop_oneof![
            4 => Just("ก".as_bytes().to_vec()),
            2 => Just("“".as_bytes().to_vec()),
            2 => Just(b"a,".to_vec()),
            1 => prop::collection::vec(any::<u8>(), 1..4),
        ];
        prop::collection::vec(piece, 0..60).prop_map(|pieces| pieces.concat())
    }

    proptest! {
        #[test]
        fn many_cores_find_what_one_look_over_the_whole_finds(bytes in bytes(), cores in 2_usize..9) {
            let (input, limits) = (MemoryInput::shared(bytes.clone()), Limits::default());
            let scan = Scan { part_bytes_min: 1, ..Scan::new(&input, &limits, cores) };
            let whole = std::str::from_utf8(&bytes).err().map(|error| error.valid_up_to() as u64);
            prop_assert_eq!(scan.first_broken().unwrap(), whole);
            prop_assert_eq!(scan.census().unwrap(), Scan::new(&input, &limits, 1).census().unwrap());
        }
    }
}
