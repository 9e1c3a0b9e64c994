//! The journal proved: checked from end to end, signed at intervals, given out for others to check.
//!
//! Owns when a checkpoint is due, and that none is signed over a journal that doesn't hold. Refuses to hold the journal in memory:
//! it is walked in pages. The operator and auditors read it; an export is journalled itself.

use super::{App, AppError, journal_entry};
use crate::domain::journal::{Checkpoint, Elsewhere, Entry, Fault, Walk};
use crate::domain::principal::{Denied, Principal, Scope};
use crate::store::{Duty, Store, StoreError};
use crate::vault::Succession;
use jiff::{SignedDuration, Timestamp};
use serde::Serialize;
use std::collections::VecDeque;
use std::io;

/// Entries or checkpoints read at once.
const PAGE: u32 = 1_000;
/// Entries given to a reader at once.
pub const PAGE_MAX: u32 = PAGE;

/// A stretch of the journal as it stands.
#[derive(Debug, Clone)]
pub struct JournalPage {
    /// Oldest first.
    pub entries: Vec<Entry>,
    /// Number of the journal's last entry.
    pub end: i64,
    /// The newest.
    pub checkpoint: Option<Checkpoint>,
}

/// What a walk through the whole journal found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verification {
    /// Nothing is wrong.
    pub holds: bool,
    /// Entries that were found right, from the first.
    pub entries: i64,
    pub checkpoints: u64,
    /// The last entry that a checkpoint covers; 0: none.
    pub signed_to: i64,
    pub fault: Option<Fault>,
}

/// What came of the wish to sign where the journal is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Checkpointing {
    /// There is no entry yet.
    Empty,
    /// The newest, made now or before.
    Newest(Checkpoint),
    /// Nothing was signed.
    Refused(Fault),
}

/// A checkpoint is due after so many entries, or so long after the last one if there are new ones.
#[derive(Debug, Clone, Copy)]
pub struct CheckpointPace {
    pub entries: i64,
    pub every: SignedDuration,
}

/// Why a walk ended before the end.
enum Stopped {
    Fault(Fault),
    Failed(AppError),
}

/// Operator, auditor, and who keeps access: it is their acts that are read first.
fn journal_reader(principal: &Principal) -> Result<(), Denied> {
    match principal {
        Principal::Client { .. } => Err(Denied::Scope(Scope::Auditor)),
        _ => principal
            .authorise(Scope::Auditor, None)
            .or_else(|denied| principal.authorise(Scope::AccessAdmin, None).map_err(|_| denied))
            .map(drop),
    }
}

impl From<StoreError> for Stopped {
    fn from(error: StoreError) -> Self {
        Stopped::Failed(error.into())
    }
}

impl App {
    /// Walks the whole journal. `kept`: a checkpoint that lay elsewhere, held against it as well.
    pub async fn verify_journal(
        &self,
        principal: &Principal,
        kept: Option<&Checkpoint>,
    ) -> Result<Verification, AppError> {
        journal_reader(principal)?;
        // Looked up before the entries: those it speaks of must be there then.
        let until = self.store.newest_checkpoint().await?.map_or(0, |newest| newest.seq);
        let mut walk = Walk::from_start();
        let fault = match self.walk(&mut walk, Checkpoints::new(&self.store, i64::MIN, until, kept)).await {
            Ok(()) => None,
            Err(Stopped::Fault(fault)) => Some(fault),
            Err(Stopped::Failed(error)) => return Err(error),
        };
        let entries = walk.last().map_or(0, |(seq, _)| seq);
        let (checkpoints, signed_to) = (walk.checkpoints(), walk.signed_to());
        Ok(Verification { holds: fault.is_none(), entries, checkpoints, signed_to, fault })
    }

    /// Signs where the journal is, if the whole of it holds and there is anything new since the last time.
    pub async fn checkpoint_journal(&self, principal: &Principal) -> Result<Checkpointing, AppError> {
        journal_reader(principal)?;
        let newest = self.store.newest_checkpoint().await?;
        let until = newest.as_ref().map_or(0, |newest| newest.seq);
        let stored = Checkpoints::new(&self.store, i64::MIN, until, None);
        self.sign(Walk::from_start(), stored, newest).await
    }

    /// The same, looking only at what came since the newest checkpoint and at the entry it was made of.
    async fn checkpoint_what_is_new(&self) -> Result<Checkpointing, AppError> {
        let Some(newest) = self.store.newest_checkpoint().await? else {
            return self.checkpoint_journal(&Principal::Operator).await;
        };
        let stored = Checkpoints::new(&self.store, newest.seq.saturating_sub(1), newest.seq, None);
        match self.sign(Walk::from_checkpoint(&newest), stored, Some(newest)).await? {
            // Seen from the first entry it may have another name.
            Checkpointing::Refused(fault) => {
                let whole = self.verify_journal(&Principal::Operator, None).await?;
                Ok(Checkpointing::Refused(whole.fault.unwrap_or(fault)))
            }
            made => Ok(made),
        }
    }

    async fn sign(
        &self,
        mut walk: Walk,
        stored: Checkpoints<'_>,
        newest: Option<Checkpoint>,
    ) -> Result<Checkpointing, AppError> {
        match self.walk(&mut walk, stored).await {
            Ok(()) => {}
            Err(Stopped::Failed(error)) => return Err(error),
            Err(Stopped::Fault(fault)) => return Ok(Checkpointing::Refused(fault)),
        }
        let Some((seq, hash)) = walk.last() else { return Ok(Checkpointing::Empty) };
        if let Some(newest) = newest.filter(|newest| newest.seq == seq) {
            return Ok(Checkpointing::Newest(newest));
        }
        let at = Timestamp::now().to_string();
        let mut new = Checkpoint { seq, hash: hash.to_owned(), at, kid: String::new(), signature: String::new() };
        (new.signature, _) = self.vault.sign_by(|kid| {
            kid.clone_into(&mut new.kid);
            new.text().into_bytes()
        })?;
        self.store.add_checkpoint(&new).await?;
        Ok(Checkpointing::Newest(new))
    }

    /// The same when it is due, by one gateway at a time. None: it isn't, or another is at it.
    pub async fn checkpoint_journal_if_due(&self, pace: CheckpointPace) -> Result<Option<Checkpointing>, AppError> {
        if !self.is_checkpoint_due(pace).await? {
            return Ok(None);
        }
        let Some(duty) = self.store.claim_duty(Duty::Checkpoint).await? else { return Ok(None) };
        // The one before may have done it while this one asked.
        let made = if self.is_checkpoint_due(pace).await? { Some(self.checkpoint_what_is_new().await) } else { None };
        duty.end().await?;
        made.transpose()
    }

    async fn is_checkpoint_due(&self, pace: CheckpointPace) -> Result<bool, AppError> {
        let end = self.store.journal_end().await?;
        let Some(newest) = self.store.newest_checkpoint().await? else { return Ok(end > 0) };
        // A time that can't be read, or fewer entries than were signed: somebody's change, which the walk will name.
        let is_old = newest.at.parse::<Timestamp>().map_or(true, |at| Timestamp::now() - pace.every >= at);
        let new = end.saturating_sub(newest.seq);
        Ok(new < 0 || new >= pace.entries || (new > 0 && is_old))
    }

    /// Entries after number `after`. `limit`: at most [`PAGE_MAX`].
    pub async fn journal_page(&self, principal: &Principal, after: i64, limit: u32) -> Result<JournalPage, AppError> {
        journal_reader(principal)?;
        // Before the entries, so that a reader who is told of an end finds it.
        let (end, checkpoint) = (self.store.journal_end().await?, self.store.newest_checkpoint().await?);
        let entries = self.store.journal_entries(after, limit.min(PAGE_MAX)).await?;
        Ok(JournalPage { entries, end, checkpoint })
    }

    /// The public keys, oldest first, as the first lines of an export and of a kept checkpoint; what each key says of the next
    /// stands before that.
    pub fn journal_key(&self, principal: &Principal) -> Result<String, AppError> {
        journal_reader(principal)?;
        let mut lines = Vec::new();
        for Succession { kid, pem, vouched } in self.vault.succession() {
            lines.extend(vouched.map(|(text, signature)| format!("{{\"vouched\":\"{signature}\",\"for\":{text}}}")));
            lines.push(serde_json::json!({ "key": { "kid": kid, "pem": pem } }).to_string());
        }
        Ok(lines.join("\n"))
    }

    /// The whole journal, line by line: the keys, then each entry, each checkpoint after its entry, a new one at the end. A journal
    /// that doesn't hold is given out as it is, as evidence; the answer says so.
    pub async fn export_journal(
        &self,
        principal: &Principal,
        mut write: impl FnMut(&str) -> io::Result<()>,
    ) -> Result<Checkpointing, AppError> {
        journal_reader(principal)?;
        let entry = journal_entry(principal, "journal.export", "journal", serde_json::json!({}));
        self.store.append_journal(&entry).await?;
        let made = self.checkpoint_journal(principal).await?;
        write(&self.journal_key(principal)?).map_err(AppError::Write)?;
        let mut checkpoints = Checkpoints::new(&self.store, i64::MIN, i64::MAX, None);
        // What comes in meanwhile is for the next export.
        let end = self.store.journal_end().await?;
        let mut after = i64::MIN;
        while after < end {
            let page = self.store.journal_entries(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            for entry in page.iter().filter(|entry| entry.seq <= end) {
                write(&entry.line()).map_err(AppError::Write)?;
                while let Some(checkpoint) = checkpoints.next_to(entry.seq).await? {
                    write(&checkpoint.line()).map_err(AppError::Write)?;
                }
            }
        }
        while let Some(checkpoint) = checkpoints.next_to(i64::MAX).await? {
            if checkpoint.seq > end && self.store.journal_end().await? >= checkpoint.seq {
                // Of an entry that came meanwhile.
                break;
            }
            write(&checkpoint.line()).map_err(AppError::Write)?;
        }
        Ok(made)
    }

    async fn walk(&self, walk: &mut Walk, mut checkpoints: Checkpoints<'_>) -> Result<(), Stopped> {
        let mut after = checkpoints.after;
        loop {
            let page = self.store.journal_entries(after, PAGE).await?;
            let Some(last) = page.last() else { break };
            after = last.seq;
            for entry in &page {
                if let Err(broken) = walk.entry(entry) {
                    let elsewhere = self.elsewhere(walk, entry).await?;
                    return Err(Stopped::Fault(walk.fault(broken, entry, &elsewhere)));
                }
                while let Some(checkpoint) = checkpoints.next_to(entry.seq).await? {
                    let is_signed = self.is_signed(&checkpoint).map_err(Stopped::Failed)?;
                    walk.checkpoint(&checkpoint, is_signed).map_err(Stopped::Fault)?;
                }
            }
        }
        let mut behind = None;
        while let Some(checkpoint) = checkpoints.next_to(i64::MAX).await? {
            match walk.tail(&checkpoint, self.is_signed(&checkpoint).map_err(Stopped::Failed)?) {
                missing @ Fault::TailMissing { .. } => behind = Some(missing),
                other => return Err(Stopped::Fault(other)),
            }
        }
        behind.map_or(Ok(()), |missing| Err(Stopped::Fault(missing)))
    }

    async fn elsewhere(&self, walk: &Walk, entry: &Entry) -> Result<Elsewhere, StoreError> {
        let follows = match walk.hash() {
            Some(hash) => self.store.journal_following(hash, entry.seq).await?,
            None => None,
        };
        Ok(Elsewhere { follows, same_before: self.store.journal_same_before(&entry.hash, entry.seq).await? })
    }

    fn is_signed(&self, checkpoint: &Checkpoint) -> Result<bool, AppError> {
        Ok(self.vault.verify_by(&checkpoint.kid, checkpoint.text().as_bytes(), &checkpoint.signature)?)
    }
}

/// The stored checkpoints in their order, a page at a time, and one that was kept elsewhere among them.
struct Checkpoints<'s> {
    store: &'s Store,
    page: VecDeque<Checkpoint>,
    after: i64,
    /// Those behind it were made while the walk goes on.
    until: i64,
    /// How far the pages were read; none: to the end.
    read_to: Option<i64>,
    kept: Option<Checkpoint>,
}

impl<'s> Checkpoints<'s> {
    fn new(store: &'s Store, after: i64, until: i64, kept: Option<&Checkpoint>) -> Self {
        let kept = kept.cloned();
        Checkpoints { store, page: VecDeque::new(), after, until, read_to: Some(after), kept }
    }

    /// The next one, if it is of entry `seq` or an earlier one.
    async fn next_to(&mut self, seq: i64) -> Result<Option<Checkpoint>, StoreError> {
        if self.page.is_empty()
            && let Some(read_to) = self.read_to
        {
            self.page = self.store.checkpoints(read_to, PAGE).await?.into();
            self.page.retain(|checkpoint| checkpoint.seq <= self.until);
            self.read_to = self.page.back().map(|last| last.seq);
        }
        let stored = self.page.front().map(|checkpoint| checkpoint.seq);
        if self.kept.as_ref().is_some_and(|kept| kept.seq <= seq && stored.is_none_or(|stored| kept.seq <= stored)) {
            return Ok(self.kept.take());
        }
        Ok(if stored.is_some_and(|stored| stored <= seq) { self.page.pop_front() } else { None })
    }
}
