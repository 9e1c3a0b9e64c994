//! The journal's forms: what of an entry is hashed, what of a checkpoint is signed, and their lines in an export.
//!
//! Owns the bytes (`docs/journal.md` gives them for those who check without Saphan): the text of an entry is a JSON array, so no
//! two different entries have the same one, and the hash of each stands in the text of the next. Refuses to judge here: which
//! entry is bad is `walk`'s to say.

mod walk;

pub use walk::{Break, Elsewhere, Fault, Walk};

use data_encoding::HEXLOWER;
use serde_json::json;
use sha2::{Digest, Sha256};

/// In place of a hash before the first entry.
pub const START: &str = "0000000000000000000000000000000000000000000000000000000000000000";

/// What a signature is over begins with this, so that no other signed text of the gateway passes for a checkpoint.
const CHECKPOINT_FORM: &str = "saphan-journal-checkpoint-1";

/// How far from its place an entry's own number is looked for.
const NUMBERS_TRIED: i64 = 2_000;

/// An entry as it is stored: texts only, also where somebody changed them to something that means nothing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Entry {
    pub seq: i64,
    pub at: String,
    pub actor: String,
    pub act: String,
    pub object: String,
    /// JSON, to the byte as it was hashed.
    pub detail: String,
    /// Hash of the entry before, hexadecimal.
    pub prev: String,
    pub hash: String,
}

impl Entry {
    /// The bytes that are hashed.
    pub fn text(&self) -> String {
        self.text_as(self.seq)
    }

    fn text_as(&self, seq: i64) -> String {
        let mut text = json!([self.prev, seq, self.at, self.actor, self.act, self.object]).to_string();
        text.pop();
        text.push(',');
        // As it stands: reading it and writing it again might not give the same bytes.
        text.push_str(&self.detail);
        text.push(']');
        text
    }

    /// What its hash has to be.
    pub fn own_hash(&self) -> String {
        self.hash_as(self.seq)
    }

    fn hash_as(&self, seq: i64) -> String {
        HEXLOWER.encode(&Sha256::digest(self.text_as(seq)))
    }

    /// The number under which it was written, if it is an entry of the chain at all.
    fn written_as(&self) -> Option<i64> {
        let near = (1..=NUMBERS_TRIED).flat_map(|off| [self.seq.checked_sub(off), self.seq.checked_add(off)]);
        [Some(self.seq)].into_iter().chain(near).flatten().find(|seq| self.hash_as(*seq) == self.hash)
    }

    /// Its line in an export. The text stands at a fixed place, to be cut out without reading JSON.
    pub fn line(&self) -> String {
        format!("{{\"hash\":\"{}\",\"entry\":{}}}", self.hash, self.text())
    }
}

/// That the journal had this entry as its last, signed by the gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    pub seq: i64,
    /// Of the entry `seq`.
    pub hash: String,
    pub at: String,
    /// Thumbprint of the key that signed it.
    pub kid: String,
    /// ES256, base64url of r‖s.
    pub signature: String,
}

impl Checkpoint {
    /// The bytes that are signed.
    pub fn text(&self) -> String {
        json!([CHECKPOINT_FORM, self.seq, self.hash, self.at, self.kid]).to_string()
    }

    /// Its line in an export, and in a file that is kept elsewhere.
    pub fn line(&self) -> String {
        format!("{{\"signature\":\"{}\",\"checkpoint\":{}}}", self.signature, self.text())
    }

    /// None: the line is no checkpoint.
    pub fn parse(line: &str) -> Option<Checkpoint> {
        #[derive(serde::Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Line {
            signature: String,
            checkpoint: (String, i64, String, String, String),
        }
        let Line { signature, checkpoint: (form, seq, hash, at, kid) } = serde_json::from_str(line).ok()?;
        (form == CHECKPOINT_FORM).then_some(Checkpoint { seq, hash, at, kid, signature })
    }
}

#[cfg(test)]
mod tests;
