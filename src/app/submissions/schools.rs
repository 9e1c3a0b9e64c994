//! The rows of a school register: gathered whole, then the register at one stroke.
//!
//! Refuses a school that stands twice. A register with refused rows never replaces the whole.

use super::receipt::commit_entry;
use super::work::Watcher;
use crate::app::assets::LoadedMapping;
use crate::app::register::SchoolRenderer;
use crate::app::{App, AppError};
use crate::decode::{DecodeError, Detail};
use crate::domain::enrolment::{School, SubmissionMode};
use crate::mapping::RunContext;
use crate::pipeline::{self, BlockResult, PipelineError, Run};
use crate::store::Submission;
use std::sync::Arc;

impl App {
    pub(super) fn run_schools(
        &self,
        stored: &Submission,
        loaded: &LoadedMapping,
        context: &RunContext,
        watcher: Option<Watcher>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), PipelineError<AppError>> {
        let mut schools: Vec<School> = Vec::new();
        let mut refused = Vec::new();
        let mut rows_done = 0;
        let run = Run { mapping: &loaded.mapping, context: context.clone(), limits: &self.limits, threads: 1 };
        let standard = loaded.mapping.standard.clone();
        let summary = pipeline::run(
            &run,
            &self.kept(stored),
            || SchoolRenderer::new(&standard),
            |mut result: BlockResult<Vec<School>>| {
                schools.append(&mut result.out);
                refused.extend(self.refused_rows_of(&result.refused, loaded));
                rows_done += result.rows;
                if let Some(watcher) = &watcher {
                    watcher(rows_done, result.position);
                }
                Ok::<(), AppError>(())
            },
        )?;
        if let Some(twice) = school_twice(&schools) {
            return Err(PipelineError::Decode(DecodeError::Refused {
                rule: crate::domain::rule::FMT_MALFORMED,
                place: String::from("rows"),
                detail: Detail::SchoolTwice(twice.to_string()),
            }));
        }
        // A register with refused rows can't replace the whole: the schools it failed to name would vanish.
        if summary.refused > 0 || stored.new.mode == SubmissionMode::Delta {
            let held = runtime.block_on(self.store.schools()).map_err(|error| PipelineError::Keep(error.into()))?;
            schools = overlaid(held, schools);
        }
        let receipt = self.receipt(summary, loaded, context, stored);
        runtime
            .block_on(async {
                let mut stager = self.store.stager(stored.seq).await?;
                stager.stage_refused(refused).await?;
                stager.finish().await?;
                let entry = commit_entry(stored, &receipt);
                self.store.commit_register(stored.seq, &schools, &receipt, &entry).await
            })
            .map_err(|error| PipelineError::Keep(error.into()))?;
        Ok(())
    }
}

/// A school that two rows name.
fn school_twice(schools: &[School]) -> Option<Arc<str>> {
    let mut seen = std::collections::HashSet::new();
    schools.iter().find(|school| !seen.insert(school.school_id.clone())).map(|school| school.school_id.clone())
}

/// What was held, with the new rows in place of the old ones of the same school.
fn overlaid(held: Vec<School>, new: Vec<School>) -> Vec<School> {
    let mut all: std::collections::BTreeMap<Arc<str>, School> =
        held.into_iter().map(|school| (school.school_id.clone(), school)).collect();
    all.extend(new.into_iter().map(|school| (school.school_id.clone(), school)));
    all.into_values().collect()
}
