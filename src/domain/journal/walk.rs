//! From the first entry to the last: does each follow from the one before, and does the journal say what was signed?
//!
//! Owns the naming of the first bad entry. What can be known is said exactly: an entry whose hash is not that of its content
//! was changed, one that doesn't follow was put in, taken out or moved. Where somebody made the hashes anew, only a signed
//! checkpoint tells, and the entries between two of them are named.

use super::{Checkpoint, Entry, START};
use serde::Serialize;

/// Where the walk stops, before it is known why.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Break {
    /// Not the next number.
    Number,
    /// The hash is not that of the content.
    Content,
    /// Whole in itself, but it follows another entry.
    Link,
}

/// What else stands in the journal that explains a break.
#[derive(Debug, Default)]
pub struct Elsewhere {
    /// At another place, and follows what the walk has seen last.
    pub follows: Option<Entry>,
    /// Number of an earlier entry with the very hash of the one at which the walk stopped.
    pub same_before: Option<i64>,
}

/// The first thing that is wrong; entries by their numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "kebab-case")]
pub enum Fault {
    /// Its content or its hash was changed.
    Edited { entry: i64 },
    /// The next one does not follow from it: it was changed and its hash made anew. So may be any since `signed_to`.
    Rewritten { entry: i64, signed_to: i64 },
    /// They were there and are gone.
    Missing { first: i64, last: i64 },
    /// It was put in.
    Inserted { entry: i64 },
    /// They stand in each other's order.
    Reordered { entry: i64, with: i64 },
    /// Not signed by this gateway, or changed since.
    CheckpointForged { checkpoint: i64 },
    /// The journal is whole in itself and not what was signed: one of these was changed and all hashes after it made anew.
    CheckpointDiffers { checkpoint: i64, first: i64, last: i64 },
    /// Signed, and no longer there.
    TailMissing { first: i64, last: i64 },
}

impl Fault {
    /// The first number that can't be trusted.
    pub fn first_bad(&self) -> i64 {
        match *self {
            Fault::Edited { entry }
            | Fault::Rewritten { entry, .. }
            | Fault::Inserted { entry }
            | Fault::Reordered { entry, .. } => entry,
            Fault::CheckpointForged { checkpoint } => checkpoint,
            Fault::Missing { first, .. }
            | Fault::CheckpointDiffers { first, .. }
            | Fault::TailMissing { first, .. } => first,
        }
    }
}

/// What was seen and found right so far.
#[derive(Debug, Clone)]
pub struct Walk {
    next: i64,
    /// Of the last entry; none: the walk begins in the middle and has seen none.
    hash: Option<String>,
    signed_to: i64,
    checkpoints: u64,
}

impl Walk {
    pub fn from_start() -> Walk {
        Walk { next: 1, hash: Some(START.to_owned()), signed_to: 0, checkpoints: 0 }
    }

    /// Begins at the entry that a checkpoint was made of. The checkpoint itself is still to be met.
    pub fn from_checkpoint(checkpoint: &Checkpoint) -> Walk {
        Walk { next: checkpoint.seq, hash: None, signed_to: checkpoint.seq.saturating_sub(1), checkpoints: 0 }
    }

    /// Number and hash of the last entry seen.
    pub fn last(&self) -> Option<(i64, &str)> {
        self.hash.as_deref().filter(|_| self.next > 1).map(|hash| (self.next - 1, hash))
    }

    /// Everything up to here was signed.
    pub fn signed_to(&self) -> i64 {
        self.signed_to
    }

    pub fn checkpoints(&self) -> u64 {
        self.checkpoints
    }

    pub fn entry(&mut self, entry: &Entry) -> Result<(), Break> {
        if entry.seq != self.next {
            return Err(Break::Number);
        }
        if entry.own_hash() != entry.hash {
            return Err(Break::Content);
        }
        if self.hash.as_ref().is_some_and(|hash| *hash != entry.prev) {
            return Err(Break::Link);
        }
        self.hash = Some(entry.hash.clone());
        self.next = self.next.saturating_add(1);
        Ok(())
    }

    /// To be met right after its entry.
    pub fn checkpoint(&mut self, checkpoint: &Checkpoint, is_signed: bool) -> Result<(), Fault> {
        let seq = checkpoint.seq;
        if !is_signed {
            return Err(Fault::CheckpointForged { checkpoint: seq });
        }
        if self.last() != Some((seq, &checkpoint.hash)) {
            return Err(Fault::CheckpointDiffers { checkpoint: seq, first: self.signed_to + 1, last: seq });
        }
        (self.signed_to, self.checkpoints) = (seq, self.checkpoints + 1);
        Ok(())
    }

    /// A signed checkpoint behind the last entry.
    pub fn tail(&self, checkpoint: &Checkpoint, is_signed: bool) -> Fault {
        match is_signed {
            true => Fault::TailMissing { first: self.next, last: checkpoint.seq },
            false => Fault::CheckpointForged { checkpoint: checkpoint.seq },
        }
    }

    /// What an entry that follows the last one would have as `prev`.
    pub fn hash(&self) -> Option<&str> {
        self.hash.as_deref()
    }

    /// Why the walk stopped at `entry`.
    pub fn fault(&self, broken: Break, entry: &Entry, elsewhere: &Elsewhere) -> Fault {
        let place = entry.seq;
        match broken {
            Break::Number if place < self.next => Fault::Inserted { entry: place },
            Break::Number => Fault::Missing { first: self.next, last: place - 1 },
            // What was signed is not the one that changed.
            Break::Link if self.signed_to == place - 1 => Fault::Edited { entry: place },
            Break::Link => Fault::Rewritten { entry: place - 1, signed_to: self.signed_to },
            Break::Content => {
                let follows = elsewhere.follows.as_ref().filter(|other| other.written_as() == Some(place));
                match (entry.written_as(), follows) {
                    (Some(own), Some(other)) if own > place => Fault::Reordered { entry: place, with: other.seq },
                    (_, Some(_)) => Fault::Inserted { entry: place },
                    // Those between were taken out and the rest was numbered anew.
                    (Some(own), None) if own > place => Fault::Missing { first: place, last: own - 1 },
                    // What pushed it away stands where it stood, and was well made.
                    (Some(own), None) if elsewhere.same_before.is_none() => Fault::Inserted { entry: own },
                    _ => Fault::Edited { entry: place },
                }
            }
        }
    }
}
