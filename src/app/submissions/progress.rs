//! How far the work on a submission is, for whoever looks on while it runs.
//!
//! Owns a board of what this process works on; it is gone when the work ends. What another process works on is told by the
//! store, which hears of it about once a second. The store alone says what became of a submission.

use super::work::Watcher;
use super::{Done, Waiting};
use crate::app::{App, AppError};
use crate::domain::ids::SubmissionId;
use crate::domain::principal::Principal;
use crate::store::{State, Submission};
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

/// Who looks on at once: each looks into the store twice a second.
pub const ONLOOKERS_MAX: usize = 200;

/// What this process works on.
#[derive(Debug)]
pub(crate) struct Board {
    running: Mutex<HashMap<SubmissionId, Arc<Running>>>,
    onlookers: Arc<Semaphore>,
    draining: AtomicBool,
}

impl Default for Board {
    fn default() -> Self {
        let onlookers = Arc::new(Semaphore::new(ONLOOKERS_MAX));
        Board { running: Mutex::default(), onlookers, draining: AtomicBool::new(false) }
    }
}

/// The place of one who looks on; free again when it is dropped.
#[derive(Debug)]
pub struct Onlooker {
    _place: OwnedSemaphorePermit,
}

#[derive(Debug)]
struct Running {
    since: Instant,
    rows: AtomicU64,
    bytes_read: AtomicU64,
}

/// One look at a submission.
#[derive(Debug, Clone, PartialEq)]
pub struct Progress {
    pub state: String,
    /// Nothing more will happen to it.
    pub ended: bool,
    /// Rows done; none: not known here.
    pub rows: Option<u64>,
    /// While it is worked on.
    pub rows_per_second: Option<u64>,
    /// Of the kept file, for a bar.
    pub bytes_read: Option<u64>,
    pub bytes: u64,
    pub waiting: Option<Waiting>,
}

/// Takes the submission off the board when the work ends, however it ends.
pub(super) struct OnBoard {
    app: App,
    id: SubmissionId,
    running: Arc<Running>,
}

impl OnBoard {
    pub(super) fn new(app: &App, id: &SubmissionId) -> Self {
        let (rows, bytes_read) = (AtomicU64::new(0), AtomicU64::new(0));
        let running = Arc::new(Running { since: Instant::now(), rows, bytes_read });
        app.board.lock().insert(id.clone(), running.clone());
        OnBoard { app: app.clone(), id: id.clone(), running }
    }

    /// Tells the board and then `other`.
    pub(super) fn watcher(&self, other: Option<Watcher>) -> Watcher {
        let running = self.running.clone();
        Arc::new(move |rows, position| {
            running.rows.store(rows, Ordering::Relaxed);
            running.bytes_read.store(position, Ordering::Relaxed);
            if let Some(other) = &other {
                other(rows, position);
            }
        })
    }
}

impl Drop for OnBoard {
    fn drop(&mut self) {
        self.app.board.lock().remove(&self.id);
    }
}

impl Board {
    pub(crate) fn drain(&self) {
        self.draining.store(true, Ordering::SeqCst);
    }

    pub(crate) fn is_draining(&self) -> bool {
        self.draining.load(Ordering::SeqCst)
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<SubmissionId, Arc<Running>>> {
        self.running.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl App {
    /// A place among those who look on; none: there are too many.
    pub fn onlooker(&self) -> Option<Onlooker> {
        self.board.onlookers.clone().try_acquire_owned().ok().map(|place| Onlooker { _place: place })
    }

    /// One look, for whoever may see the submission.
    pub async fn progress(&self, principal: &Principal, id: &SubmissionId) -> Result<Progress, AppError> {
        let stored = self.readable(principal, id).await?;
        let (ended, bytes) = (stored.state.is_final(), stored.new.bytes);
        let view = self.view(stored).await?;
        let done = view.receipt.as_ref().map(|receipt| receipt.received);
        let mut progress = Progress {
            state: view.state,
            ended,
            rows: done.or(view.progress.map(|done| done.rows)),
            rows_per_second: None,
            bytes_read: done.map(|_| bytes).or(view.progress.map(|done| done.bytes_read)),
            bytes,
            waiting: view.waiting,
        };
        let running = self.board.lock().get(id).cloned();
        if let (Some(running), false) = (running, ended) {
            let rows = running.rows.load(Ordering::Relaxed);
            let millis = running.since.elapsed().as_millis().max(1) as u64;
            progress.rows_per_second = Some(rows.saturating_mul(1_000) / millis);
        }
        Ok(progress)
    }

    /// As far as this process knows, which is best if it does the work itself. What is staged is done, also while work that is
    /// gone on with comes to it again.
    pub(super) fn done(&self, stored: &Submission) -> Option<Done> {
        if stored.state != State::Processing {
            return None;
        }
        let running = self.board.lock().get(&stored.new.id).cloned();
        Some(match running {
            Some(running) => Done {
                rows: running.rows.load(Ordering::Relaxed).max(stored.rows_done),
                bytes_read: running.bytes_read.load(Ordering::Relaxed).max(stored.bytes_read),
            },
            None => Done { rows: stored.rows_done, bytes_read: stored.bytes_read },
        })
    }
}
