//! The rows of a school register: gathered whole, then the register at one stroke.
//!
//! Refuses a school that stands twice. A register with refused rows never replaces the whole.

use super::receipt::commit_entry;
use super::work::Watcher;
use crate::app::assets::LoadedMapping;
use crate::app::register::SchoolRenderer;
use crate::app::time_limit::TimeLimit;
use crate::app::{App, AppError};
use crate::decode::{DecodeError, Detail};
use crate::domain::enrolment::{School, SubmissionMode};
use crate::domain::finding::{Finding, Severity};
use crate::domain::receipt::Cause;
use crate::domain::rule;
use crate::domain::text::Bilingual;
use crate::mapping::RunContext;
use crate::pipeline::{BlockResult, PipelineError, Run};
use crate::store::Submission;
use std::collections::HashSet;
use std::sync::Arc;

impl App {
    pub(super) fn run_schools(
        &self,
        stored: &Submission,
        loaded: &LoadedMapping,
        context: &RunContext,
        limit: TimeLimit,
        watcher: Option<Watcher>,
        runtime: &tokio::runtime::Handle,
    ) -> Result<(), PipelineError<AppError>> {
        let mut schools: Vec<School> = Vec::new();
        let mut refused = Vec::new();
        let mut rows_done = 0;
        let run = Run { mapping: &loaded.mapping, context: context.clone(), limits: &self.limits, threads: 1 };
        let standard = loaded.mapping.standard.clone();
        let summary = limit.run(
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
                if self.gives_back(stored) { Err(AppError::Draining) } else { Ok(()) }
            },
        )?;
        if let Some(twice) = school_twice(&schools) {
            return Err(PipelineError::Decode(DecodeError::Refused {
                rule: rule::FMT_MALFORMED,
                place: String::from("rows"),
                detail: Detail::SchoolTwice(twice.to_string()),
            }));
        }
        let held = runtime.block_on(self.store.schools()).map_err(|error| PipelineError::Keep(error.into()))?;
        let mut receipt = self.receipt(summary, loaded, context, stored);
        // A register with refused rows can't replace the whole: the schools it failed to name would vanish.
        if let Some(first) = refused.first().filter(|_| stored.new.mode == SubmissionMode::Replace) {
            let cause = self.laid_over(receipt.refused, first.row, loaded);
            let at = receipt.causes.partition_point(|other| other.rows >= cause.rows);
            receipt.causes.insert(at, cause);
        }
        if receipt.refused > 0 || stored.new.mode == SubmissionMode::Delta {
            schools = overlaid(held, schools);
        } else {
            let named: HashSet<&str> = schools.iter().map(|school| &*school.school_id).collect();
            receipt.removed = held.iter().filter(|school| !named.contains(&*school.school_id)).count() as u64;
        }
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

    /// Says on the receipt that the register was laid over the one held instead of replacing it.
    fn laid_over(&self, refused: u64, first_row: u64, loaded: &LoadedMapping) -> Cause {
        let mut finding = Finding::new(rule::REF_LAID_OVER, Severity::Warning);
        finding.detail = Some(Bilingual::new(refused.to_string(), refused.to_string()).into());
        let standard = Some(&*loaded.mapping.standard);
        let (message, hint) = self.assets.library.catalogue().render(&finding, finding.detail.as_deref(), standard);
        let (rule, severity) = (finding.rule.to_string(), finding.severity);
        Cause { rule, severity, field: None, column: None, value: None, rows: refused, first_row, message, hint }
    }
}

/// A school that two rows name.
fn school_twice(schools: &[School]) -> Option<Arc<str>> {
    let mut seen = HashSet::new();
    schools.iter().find(|school| !seen.insert(school.school_id.clone())).map(|school| school.school_id.clone())
}

/// What was held, with the new rows in place of the old ones of the same school.
fn overlaid(held: Vec<School>, new: Vec<School>) -> Vec<School> {
    let mut all: std::collections::BTreeMap<Arc<str>, School> =
        held.into_iter().map(|school| (school.school_id.clone(), school)).collect();
    all.extend(new.into_iter().map(|school| (school.school_id.clone(), school)));
    all.into_values().collect()
}
