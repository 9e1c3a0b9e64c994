//! Where the routes hand kept submissions to be worked on; the worker stands behind it.
//!
//! Owns the question only, so that HTTP knows no threads and tests can put a full queue in its place.

use crate::app::AppError;
use crate::domain::ids::SubmissionId;
use futures_util::future::BoxFuture;
use std::sync::Arc;

/// Small files don't wait behind large ones.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lane {
    Small,
    Large,
}

/// Ends when the submission reached its end, or could not. Dropping it changes nothing for the submission.
pub type Done = BoxFuture<'static, Result<(), Arc<AppError>>>;

/// More waits already than the queue takes. The submission is kept and will be taken up later.
#[derive(Debug, thiserror::Error)]
#[error("the queue of submissions is full")]
pub struct QueueFull;

pub trait Queue: Send + Sync {
    /// Entering one that is in already is not twice the work.
    fn enter(&self, id: SubmissionId, lane: Lane) -> Result<Done, QueueFull>;

    /// Queued or under work.
    fn waiting(&self) -> usize;
}
