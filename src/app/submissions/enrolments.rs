//! The rows of an enrolment file: sealed by the workers, staged as they come, in force at one stroke.
//!
//! Work that broke off goes on after the last row that is staged: the file is read and judged again from its start, because
//! its receipt needs every row, but what is staged is neither sealed nor written twice.

use super::receipt::commit_entry;
use super::work::{TELL_EVERY, Watcher};
use crate::app::assets::LoadedMapping;
use crate::app::sealing::{EnrolmentFields, SealedRows, SealingRenderer};
use crate::app::time_limit::TimeLimit;
use crate::app::{App, AppError};
use crate::domain::enrolment::HeldEnrolment;
use crate::domain::receipt::Receipt;
use crate::mapping::RunContext;
use crate::pipeline::{self, BlockResult, PipelineError, Run};
use crate::store::{Change, Reached, RefusedRow, Stager, Submission};
use crossbeam_channel::{Receiver, bounded};
use std::time::Instant;

/// Blocks of mapped rows that wait to be stored.
const BLOCKS_TO_STORE: usize = 2;

impl App {
    pub(super) fn run_enrolments(
        &self,
        stored: &Submission,
        loaded: &LoadedMapping,
        context: &RunContext,
        limit: TimeLimit,
        watcher: Option<Watcher>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), PipelineError<AppError>> {
        let mapping = &loaded.mapping;
        let fields = EnrolmentFields::of(&mapping.standard)
            .ok_or_else(|| PipelineError::Keep(AppError::UnsupportedStandard(mapping.name.clone())))?;
        // Made before the workers start, so that a vault that fails fails the run and not a worker.
        let prototype =
            || SealingRenderer::new(&self.vault, fields.clone(), &stored.new.id, stored.new.round.count_day());
        let staged = stored.rows_done;
        prototype().map_err(|error| PipelineError::Keep(error.into()))?;
        let stager =
            runtime.block_on(self.store.stager(stored.seq)).map_err(|error| PipelineError::Keep(error.into()))?;
        let run = Run { mapping, context: context.clone(), limits: &self.limits, threads: self.threads };
        let (mut rows_done, mut rows_staged) = (0, 0);
        let (summary, stager) = std::thread::scope(|scope| {
            // Rows are stored beside the mapping of the next, not between: `keep` only hands them on.
            let (to_store, blocks) = bounded(BLOCKS_TO_STORE);
            let writer = scope.spawn(move || store_blocks(stager, &blocks, runtime));
            let summary = limit.run(
                &run,
                &self.kept(stored),
                || SealingOrFailed { sealing: prototype(), staged },
                |result: BlockResult<SealedRows>| {
                    if let Some(failure) = result.out.failure {
                        return Err(AppError::Vault(failure));
                    }
                    rows_staged += result.out.rows.len() as u64 + result.out.staged_before;
                    rows_done += result.rows;
                    let mut refused = self.refused_rows_of(&result.refused, loaded);
                    refused.retain(|row| row.row > staged);
                    let reached = Reached { rows: rows_done, bytes_read: result.position };
                    let reached = (rows_done > staged).then_some(reached);
                    // Nobody takes them any more: the writer says why.
                    let block = ToStore { accepted: result.out.rows, refused, reached };
                    to_store.send(block).map_err(|_| AppError::Worker)?;
                    if let Some(watcher) = &watcher {
                        watcher(rows_done, result.position);
                    }
                    if self.gives_back(stored) { Err(AppError::Draining) } else { Ok(()) }
                },
            );
            drop(to_store);
            let mut stager = writer.join().unwrap_or(Err(AppError::Worker)).map_err(PipelineError::Keep)?;
            if let Err(PipelineError::Keep(AppError::Draining)) = summary {
                // Whoever takes the work up goes on after all that was done here.
                runtime.block_on(stager.flush()).map_err(|error| PipelineError::Keep(error.into()))?;
            }
            Ok::<_, PipelineError<AppError>>((summary?, stager))
        })?;
        if rows_staged != summary.accepted {
            return Err(PipelineError::Keep(AppError::RowsLost { accepted: summary.accepted, staged: rows_staged }));
        }
        let receipt = self.receipt(summary, loaded, context, stored);
        runtime
            .block_on(async {
                stager.finish().await?;
                let entry = commit_entry(stored, &receipt);
                let finish =
                    |change: Change| Receipt { unchanged: change.unchanged, removed: change.removed, ..receipt };
                self.store.commit_submission(stored.seq, &entry, finish).await
            })
            .map_err(|error| PipelineError::Keep(error.into()))?;
        Ok(())
    }
}

/// A block on its way to the store.
struct ToStore {
    accepted: Vec<HeldEnrolment>,
    refused: Vec<RefusedRow>,
    /// None: all of it was staged before.
    reached: Option<Reached>,
}

/// Stages blocks as they come, in the file's order. At least every [`TELL_EVERY`] the store is told how far the file is done,
/// and tells whether it was cancelled.
fn store_blocks(
    mut stager: Stager,
    blocks: &Receiver<ToStore>,
    runtime: &tokio::runtime::Handle,
) -> Result<Stager, AppError> {
    let mut told_at = Instant::now();
    for ToStore { accepted, refused, reached } in blocks {
        if let Some(reached) = reached {
            runtime.block_on(stager.stage_block(accepted, refused, reached))?;
        }
        if told_at.elapsed() >= TELL_EVERY {
            told_at = Instant::now();
            runtime.block_on(stager.flush())?;
        }
    }
    Ok(stager)
}

/// A worker whose vault could not be opened says so with its first row.
struct SealingOrFailed {
    sealing: Result<SealingRenderer, crate::vault::VaultError>,
    /// Rows up to this one are staged already.
    staged: u64,
}

impl pipeline::Renderer for SealingOrFailed {
    type Out = SealedRows;

    fn accept(&mut self, row: &crate::validate::Valid<'_, '_>, out: &mut SealedRows) {
        if row.row() <= self.staged {
            out.staged_before += 1;
            return;
        }
        match &mut self.sealing {
            Ok(renderer) => renderer.accept(row, out),
            Err(_) => {
                out.failure.get_or_insert(crate::vault::VaultError::Broken);
            }
        }
    }
}
