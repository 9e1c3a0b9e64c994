//! A holding's roll: what a count and a commit ask of its visible rows, packed so that millions are read at once.
//!
//! Owns the packed form. A row read through SQL costs a microsecond or two, a row of a roll some nanoseconds; a count
//! therefore reads rolls, and asks for whole rows only where a rule has to look. The tables of rows stay the truth: the tests
//! hold what rolls say against the same questions in SQL.
//!
//! Form: `1` (version) · number of cells, u16 · each cell as three texts, grade, sex and status, by their length in one byte
//! (255: none) · the entries, 56 bytes each, sorted by learner and row. Numbers are little-endian. Refuses any other form.

mod backfill;
mod book;

pub(super) use backfill::{backfill, gather_again};
pub(super) use book::{NewEntry, RollBook};

#[cfg(test)]
pub(super) use backfill::STATEMENTS as BACKFILL_STATEMENTS;

use super::engine::Tx;
use super::{StoreError, postgres, sqlite};
use crate::domain::enrolment::KeyedHash;

const VERSION: u8 = 1;
const NONE: u8 = u8::MAX;
/// learner 16 · content 16 · person 16 · row 4 · cell 2 · age 1 · kind of identifier 1.
const ENTRY_BYTES: usize = 56;

/// One part of a roll as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct RollPart {
    pub(super) holding: i64,
    pub(super) entries: u32,
    pub(super) data: Vec<u8>,
}

/// What entries share.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Cell<'b> {
    pub(super) grade: &'b str,
    pub(super) sex: &'b str,
    pub(super) status: Option<&'b str>,
}

/// One visible row.
#[derive(Clone, Copy)]
pub(super) struct Entry<'b>(&'b [u8; ENTRY_BYTES]);

impl<'b> Entry<'b> {
    fn hash(self, from: usize) -> KeyedHash {
        let mut hash = KeyedHash::default();
        hash.copy_from_slice(&self.0[from..from + 16]);
        hash
    }

    pub(super) fn learner(self) -> KeyedHash {
        self.hash(0)
    }

    pub(super) fn content(self) -> KeyedHash {
        self.hash(16)
    }

    pub(super) fn person(self) -> KeyedHash {
        self.hash(32)
    }

    /// Number of the data row in the submitted file.
    pub(super) fn row(self) -> u32 {
        u32::from_le_bytes([self.0[48], self.0[49], self.0[50], self.0[51]])
    }

    /// Place in [`Roll::cells`].
    pub(super) fn cell(self) -> usize {
        usize::from(u16::from_le_bytes([self.0[52], self.0[53]]))
    }

    pub(super) fn age(self) -> u8 {
        self.0[54]
    }

    /// As in `enrolment.id_kind`.
    pub(super) fn kind(self) -> i64 {
        i64::from(self.0[55])
    }
}

/// A part of a roll, read where it lies.
pub(super) struct Roll<'b> {
    pub(super) cells: Vec<Cell<'b>>,
    head: &'b [u8],
    entries: &'b [[u8; ENTRY_BYTES]],
}

impl<'b> Roll<'b> {
    pub(super) fn parse(data: &'b [u8]) -> Result<Self, StoreError> {
        Roll::read(data).ok_or(StoreError::Unreadable("roll.data"))
    }

    fn read(data: &'b [u8]) -> Option<Self> {
        let (version, mut rest) = data.split_first()?;
        let count = u16::from_le_bytes(*take(&mut rest)?);
        if *version != VERSION {
            return None;
        }
        let mut cells = Vec::with_capacity(usize::from(count));
        for _ in 0..count {
            cells.push(Cell { grade: text(&mut rest)??, sex: text(&mut rest)??, status: text(&mut rest)? });
        }
        let (entries, odd) = rest.as_chunks();
        let is_whole = odd.is_empty() && entries.iter().all(|entry| Entry(entry).cell() < cells.len());
        is_whole.then(|| Roll { cells, head: &data[..data.len() - rest.len()], entries })
    }

    pub(super) fn entries(&self) -> impl ExactSizeIterator<Item = Entry<'b>> + use<'b> {
        self.entries.iter().map(Entry)
    }

    /// The same roll with the entries that stay, and how many they are.
    pub(super) fn retain(&self, stays: impl Fn(Entry<'b>) -> bool) -> (u32, Vec<u8>) {
        let mut data = self.head.to_vec();
        let kept = self.entries().filter(|entry| stays(*entry));
        let count = kept.map(|entry| data.extend(entry.0)).count();
        (count as u32, data)
    }
}

fn take<'b, const BYTES: usize>(rest: &mut &'b [u8]) -> Option<&'b [u8; BYTES]> {
    let (taken, left) = rest.split_first_chunk()?;
    *rest = left;
    Some(taken)
}

/// The text, or that there is none; the outer nothing: the bytes are no such text.
fn text<'b>(rest: &mut &'b [u8]) -> Option<Option<&'b str>> {
    let [length] = *take(rest)?;
    if length == NONE {
        return Some(None);
    }
    let (text, left) = rest.split_at_checked(usize::from(length))?;
    *rest = left;
    std::str::from_utf8(text).ok().map(Some)
}

/// Adds parts to rolls.
pub(super) async fn write(tx: &mut Tx, parts: Vec<RollPart>) -> Result<(), StoreError> {
    match tx {
        Tx::Sqlite(connection) => sqlite::write_rolls(connection, parts).await,
        Tx::Postgres(connection) => postgres::write_rolls(connection, &parts).await,
    }
}
