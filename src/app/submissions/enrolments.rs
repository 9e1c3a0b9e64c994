//! The rows of an enrolment file: sealed by the workers, staged as they come, in force at one stroke.

use super::receipt::commit_entry;
use super::work::Watcher;
use crate::app::assets::LoadedMapping;
use crate::app::sealing::{EnrolmentFields, SealedRows, SealingRenderer};
use crate::app::time_limit::TimeLimit;
use crate::app::{App, AppError};
use crate::domain::enrolment::HeldEnrolment;
use crate::domain::receipt::Receipt;
use crate::mapping::RunContext;
use crate::pipeline::{self, BlockResult, PipelineError, Run};
use crate::store::{Change, RefusedRow, Stager, Submission};
use crossbeam_channel::{Receiver, bounded};

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
        prototype().map_err(|error| PipelineError::Keep(error.into()))?;
        let stager =
            runtime.block_on(self.store.stager(stored.seq)).map_err(|error| PipelineError::Keep(error.into()))?;
        let run = Run { mapping, context: context.clone(), limits: &self.limits, threads: self.threads };
        let mut rows_done = 0;
        let (summary, stager, rows_staged) = std::thread::scope(|scope| {
            // Rows are stored beside the mapping of the next, not between: `keep` only hands them on.
            let (to_store, accepted) = bounded(BLOCKS_TO_STORE);
            let writer = scope.spawn(move || store_blocks(stager, &accepted, runtime));
            let summary = limit.run(
                &run,
                &self.kept(stored),
                || SealingOrFailed(prototype()),
                |result: BlockResult<SealedRows>| {
                    if let Some(failure) = result.out.failure {
                        return Err(AppError::Vault(failure));
                    }
                    let refused = self.refused_rows_of(&result.refused, loaded);
                    // Nobody takes them any more: the writer says why.
                    to_store.send((result.out.rows, refused)).map_err(|_| AppError::Worker)?;
                    rows_done += result.rows;
                    if let Some(watcher) = &watcher {
                        watcher(rows_done, result.position);
                    }
                    Ok(())
                },
            );
            drop(to_store);
            let stored = writer.join().unwrap_or(Err(AppError::Worker));
            let (stager, rows_staged) = stored.map_err(PipelineError::Keep)?;
            Ok::<_, PipelineError<AppError>>((summary?, stager, rows_staged))
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

/// Stages blocks as they come, in the file's order; answers how many accepted rows there were.
fn store_blocks(
    mut stager: Stager,
    blocks: &Receiver<(Vec<HeldEnrolment>, Vec<RefusedRow>)>,
    runtime: &tokio::runtime::Handle,
) -> Result<(Stager, u64), AppError> {
    let mut rows_staged = 0;
    for (accepted, refused) in blocks {
        rows_staged += accepted.len() as u64;
        runtime.block_on(stager.stage(accepted))?;
        runtime.block_on(stager.stage_refused(refused))?;
    }
    Ok((stager, rows_staged))
}

/// A worker whose vault could not be opened says so with its first row.
struct SealingOrFailed(Result<SealingRenderer, crate::vault::VaultError>);

impl pipeline::Renderer for SealingOrFailed {
    type Out = SealedRows;

    fn accept(&mut self, row: &crate::validate::Valid<'_, '_>, out: &mut SealedRows) {
        match &mut self.0 {
            Ok(renderer) => renderer.accept(row, out),
            Err(_) => {
                out.failure.get_or_insert(crate::vault::VaultError::Broken);
            }
        }
    }
}
