//! How long the work on one file may take: the line with a clock beside it.
//!
//! Owns the limit and the refusal that follows from it (`SPH-LIM-009`). The line itself knows no clock, so the time is
//! looked at between its blocks, whose size is bounded. What follows the last block is the gateway's own work and is
//! finished: a file that was read in time is not thrown away.

use crate::decode::{DecodeError, Detail, Input};
use crate::domain::rule;
use crate::pipeline::{self, BlockResult, PipelineError, Renderer, Run, Summary};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Six hours, unless the operator says otherwise.
pub const SECONDS_MAX_DEFAULT: u64 = 21_600;

/// Runs from when it was made.
#[derive(Debug, Clone, Copy)]
pub struct TimeLimit {
    begun: Instant,
    seconds_max: u64,
}

impl TimeLimit {
    pub fn from_now(seconds_max: u64) -> Self {
        TimeLimit { begun: Instant::now(), seconds_max }
    }

    /// Refuses the file whose time is up; `rows` of it were done.
    fn check(&self, rows: u64) -> Result<(), DecodeError> {
        if self.begun.elapsed() < Duration::from_secs(self.seconds_max) {
            return Ok(());
        }
        Err(DecodeError::Refused {
            rule: rule::LIM_TIME,
            place: format!("row {rows}"),
            detail: Detail::LongerThanSeconds(self.seconds_max),
        })
    }

    /// [`pipeline::run`] that ends when the time is up, as any file ends that can't be taken as a whole. A block that
    /// comes too late is not kept.
    pub fn run<R, E>(
        &self,
        run: &Run<'_>,
        input: &Arc<dyn Input>,
        renderer: impl Fn() -> R + Sync,
        mut keep: impl FnMut(BlockResult<R::Out>) -> Result<(), E>,
    ) -> Result<Summary, PipelineError<E>>
    where
        R: Renderer,
        E: Send,
    {
        let mut rows = 0;
        let outcome = pipeline::run(run, input, renderer, |result| {
            rows += result.rows;
            self.check(rows).map_err(Stopped::TimeUp)?;
            keep(result).map_err(Stopped::Failed)
        });
        outcome.map_err(|error| match error {
            PipelineError::Keep(Stopped::TimeUp(refusal)) | PipelineError::Decode(refusal) => {
                PipelineError::Decode(refusal)
            }
            PipelineError::Keep(Stopped::Failed(error)) => PipelineError::Keep(error),
            PipelineError::Worker => PipelineError::Worker,
        })
    }
}

/// Why a block was not kept.
enum Stopped<E> {
    TimeUp(DecodeError),
    Failed(E),
}
