//! The rows of an enrolment file: sealed by the workers, staged as they come, in force at one stroke.

use super::receipt::commit_entry;
use super::work::Watcher;
use crate::app::assets::LoadedMapping;
use crate::app::sealing::{EnrolmentFields, SealedRows, SealingRenderer};
use crate::app::{App, AppError};
use crate::domain::receipt::Receipt;
use crate::mapping::RunContext;
use crate::pipeline::{self, BlockResult, PipelineError, Run};
use crate::store::{Change, Submission};

impl App {
    pub(super) fn run_enrolments(
        &self,
        stored: &Submission,
        loaded: &LoadedMapping,
        context: &RunContext,
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
        let mut stager =
            runtime.block_on(self.store.stager(stored.seq)).map_err(|error| PipelineError::Keep(error.into()))?;
        let (mut rows_done, mut rows_staged) = (0, 0);
        let run = Run { mapping, context: context.clone(), limits: &self.limits, threads: self.threads };
        let summary = pipeline::run(
            &run,
            &self.kept(stored),
            || SealingOrFailed(prototype()),
            |result: BlockResult<SealedRows>| {
                if let Some(failure) = result.out.failure {
                    return Err(AppError::Vault(failure));
                }
                rows_staged += result.out.rows.len() as u64;
                runtime.block_on(stager.stage(result.out.rows))?;
                runtime.block_on(stager.stage_refused(self.refused_rows_of(&result.refused, loaded)))?;
                rows_done += result.rows;
                if let Some(watcher) = &watcher {
                    watcher(rows_done, result.position);
                }
                Ok(())
            },
        )?;
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
