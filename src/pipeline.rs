//! The line itself: decode → map → validate, block by block, on as many cores as given.
//!
//! Owns the order of the stages (nowhere else is it written) and the bounded flow between threads: one
//! reader cuts blocks, workers map them, the caller takes the results in the file's order. Memory is
//! the blocks in flight, whatever the file's size. Pure: no store, no network, no clock.

use crate::decode::{
    self, Block, BlockSource, BlockWorker, DecodeError, Detail, Input, Limits, Opened, RowBatch, RowFault,
};
use crate::domain::finding::{Finding, Severity, mask_if_shifted};
use crate::domain::receipt::{Cause, CauseTally, Receipt};
use crate::domain::rule;
use crate::mapping::{MappedRow, Mapper, Mapping, Memo, RunContext};
use crate::standards::{Catalogue, Standard};
use crate::validate::{Valid, Validator, Verdict};
use bumpalo::Bump;
use crossbeam_channel::{Receiver, Sender, bounded};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

/// Names of unmapped columns a receipt lists.
const UNMAPPED_MAX: usize = 200;

/// Turns accepted rows into what the caller keeps (text lines, sealed rows); runs in the workers.
pub trait Renderer {
    type Out: Default + Send;
    fn accept(&mut self, row: &Valid<'_, '_>, out: &mut Self::Out);
}

/// One refused row with all that is wrong with it.
#[derive(Debug, Clone, PartialEq)]
pub struct RefusedRow {
    pub row: u64,
    pub findings: Vec<Finding>,
}

/// What became of one block, in the file's order.
#[derive(Debug)]
pub struct BlockResult<T> {
    pub rows: u64,
    pub accepted: u64,
    pub warned: u64,
    pub out: T,
    pub refused: Vec<RefusedRow>,
    /// Bytes of the received file read when this block was cut, for progress.
    pub position: u64,
    causes: CauseTally,
    unknown: Vec<Box<str>>,
}

/// What became of the whole file.
#[derive(Debug, Default)]
pub struct Summary {
    pub received: u64,
    pub accepted: u64,
    pub refused: u64,
    pub warned: u64,
    pub encoding: String,
    pub unmapped: Vec<String>,
    pub missing: Vec<String>,
    pub causes: CauseTally,
}

#[derive(Debug, thiserror::Error)]
pub enum PipelineError<E> {
    /// The file as a whole can't be taken.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// The caller could not keep a block's result.
    #[error("the result could not be kept")]
    Keep(#[source] E),
    #[error("a worker stopped before its time")]
    Worker,
}

/// Everything one run needs.
pub struct Run<'r> {
    pub mapping: &'r Mapping,
    pub context: RunContext,
    pub limits: &'r Limits,
    /// Cores to use; 1 runs without threads.
    pub threads: usize,
}

/// Runs the line over one file.
///
/// `renderer` makes one renderer per worker. `keep` is called with each block's result in the file's order.
///
/// Errors: the file can't be decoded (nothing of it may then be taken), or `keep` failed.
pub fn run<R, E>(
    run: &Run<'_>,
    input: &Arc<dyn Input>,
    renderer: impl Fn() -> R + Sync,
    mut keep: impl FnMut(BlockResult<R::Out>) -> Result<(), E>,
) -> Result<Summary, PipelineError<E>>
where
    R: Renderer,
    E: Send,
{
    let opened = decode::open(input, &run.mapping.spec, run.limits, run.threads)?;
    let missing = missing_columns(run.mapping, &opened)?;
    let mut summary = Summary {
        encoding: opened.encoding.to_owned(),
        unmapped: opened.unmapped.clone(),
        missing,
        ..Summary::default()
    };
    let mapper = Mapper::new(run.mapping, run.context.clone(), opened.document.clone());
    let validator = validator(run.mapping, &mapper);
    let notices = opened.notices.clone();
    let mut unknown = BTreeSet::new();
    let mut collect = |result: BlockResult<R::Out>| {
        summary.received += result.rows;
        summary.accepted += result.accepted;
        summary.warned += result.warned;
        summary.refused += result.refused.len() as u64;
        let mut result = result;
        summary.causes.merge(std::mem::take(&mut result.causes));
        for name in result.unknown.drain(..) {
            if unknown.len() < UNMAPPED_MAX {
                unknown.insert(String::from(name));
            }
        }
        keep(result).map_err(PipelineError::Keep)
    };
    let stage = Stage { mapper: &mapper, validator: &validator };
    if run.threads <= 1 {
        run_inline(&stage, opened, renderer(), &mut collect)?;
    } else {
        run_threads(&stage, opened, run.threads, &renderer, &mut collect)?;
    }
    summary.unmapped.extend(unknown);
    summary.unmapped.extend(notices.unmapped_names());
    notices.findings().iter().for_each(|finding| summary.causes.add_of_file(finding));
    if summary.received == 0 {
        return Err(PipelineError::Decode(DecodeError::Refused {
            rule: rule::FMT_EMPTY,
            place: String::from("end of file"),
            detail: Detail::NoDataRows,
        }));
    }
    Ok(summary)
}

fn missing_columns(mapping: &Mapping, opened: &Opened) -> Result<Vec<String>, DecodeError> {
    let label = |slot: &usize| mapping.slot_label(*slot).map(|name| name.to_string()).unwrap_or_default();
    let needed: Vec<String> =
        opened.missing.iter().filter(|slot| mapping.slot_needed.get(**slot) == Some(&true)).map(label).collect();
    if !needed.is_empty() {
        return Err(DecodeError::Refused {
            rule: rule::COL_MISSING,
            place: String::from("header"),
            detail: Detail::MissingColumns(needed.join(", ")),
        });
    }
    Ok(opened.missing.iter().map(label).collect())
}

fn validator(mapping: &Mapping, mapper: &Mapper<'_>) -> Validator {
    let mut columns: Vec<Option<Arc<str>>> = vec![None; mapping.standard.fields.len()];
    for field in &mapping.fields {
        columns[field.target] = Some(field.column.clone()).filter(|name| !name.is_empty());
    }
    Validator::new(mapping.standard.clone(), mapper.context().round, mapper.lists().to_vec(), columns)
}

struct Stage<'s> {
    mapper: &'s Mapper<'s>,
    validator: &'s Validator,
}

/// One worker's reusable parts.
struct Worker<R> {
    parser: Box<dyn BlockWorker>,
    batch: RowBatch,
    bump: Bump,
    memo: Memo,
    renderer: R,
}

impl<R: Renderer> Worker<R> {
    fn new(stage: &Stage<'_>, opened_parser: &Arc<dyn decode::BlockParser>, renderer: R) -> Self {
        let width = stage.mapper.mapping().spec.wanted.len();
        Worker {
            parser: opened_parser.worker(),
            batch: RowBatch::new(width),
            bump: Bump::new(),
            memo: stage.mapper.memo(),
            renderer,
        }
    }

    fn process(
        &mut self,
        stage: &Stage<'_>,
        block: &mut Block,
        position: u64,
    ) -> Result<BlockResult<R::Out>, DecodeError> {
        self.parser.parse(block, &mut self.batch)?;
        self.bump.reset();
        let (batch, bump) = (&self.batch, &self.bump);
        let mut result = BlockResult {
            rows: batch.rows() as u64,
            accepted: 0,
            warned: 0,
            out: R::Out::default(),
            refused: Vec::new(),
            position,
            causes: CauseTally::default(),
            unknown: batch.unknown_names().to_vec(),
        };
        let mut mapped = MappedRow::new(stage.mapper.mapping());
        let mut faults = batch.faults().iter().peekable();
        for at in 0..batch.rows() {
            let row = batch.first_row() + at as u64;
            let mut findings = Vec::new();
            while let Some(fault) = faults.next_if(|fault| fault.row as usize == at) {
                findings.push(fault_finding(stage.mapper.mapping(), fault));
            }
            if !findings.is_empty() {
                result.refuse(row, findings);
                continue;
            }
            stage.mapper.map_row(batch, at, bump, &mut self.memo, &mut mapped);
            match stage.validator.judge(row, &mut mapped.values, &mut mapped.findings) {
                Verdict::Accepted(valid) => {
                    result.accepted += 1;
                    if !valid.warnings().is_empty() {
                        result.warned += 1;
                        for finding in valid.warnings() {
                            result.causes.add(row, finding);
                        }
                    }
                    self.renderer.accept(&valid, &mut result.out);
                }
                Verdict::Refused => result.refuse(row, std::mem::take(&mut mapped.findings)),
            }
        }
        Ok(result)
    }
}

impl<T> BlockResult<T> {
    fn refuse(&mut self, row: u64, mut findings: Vec<Finding>) {
        mask_if_shifted(&mut findings);
        for finding in &findings {
            self.causes.add(row, finding);
        }
        self.refused.push(RefusedRow { row, findings });
    }
}

fn fault_finding(mapping: &Mapping, fault: &RowFault) -> Finding {
    let mut finding = Finding::new(fault.rule, Severity::Error);
    finding.column = fault.slot.and_then(|slot| mapping.slot_label(slot as usize));
    finding.detail = fault.detail.clone();
    finding
}

fn run_inline<R: Renderer, E>(
    stage: &Stage<'_>,
    mut opened: Opened,
    renderer: R,
    collect: &mut impl FnMut(BlockResult<R::Out>) -> Result<(), PipelineError<E>>,
) -> Result<(), PipelineError<E>> {
    let mut worker = Worker::new(stage, &opened.parser, renderer);
    let mut block = Block::default();
    while opened.source.next(&mut block)? {
        let position = opened.source.position();
        collect(worker.process(stage, &mut block, position)?)?;
    }
    Ok(())
}

/// A block on its way, with its place in the order.
struct Numbered<T> {
    sequence: u64,
    item: T,
}

fn run_threads<R, E>(
    stage: &Stage<'_>,
    opened: Opened,
    threads: usize,
    renderer: &(impl Fn() -> R + Sync),
    collect: &mut impl FnMut(BlockResult<R::Out>) -> Result<(), PipelineError<E>>,
) -> Result<(), PipelineError<E>>
where
    R: Renderer,
    E: Send,
{
    // Blocks are lent from a fixed pool and come back only when their result was kept in order: that
    // bounds memory whatever the workers' speeds.
    let pool = threads * 2 + 2;
    let (lend, borrow) = bounded::<Block>(pool);
    for _ in 0..pool {
        let _ = lend.send(Block::default());
    }
    let (to_work, work) = bounded::<Numbered<(Block, u64)>>(pool);
    let (to_collect, collected) = bounded::<Numbered<Result<(BlockResult<R::Out>, Block), DecodeError>>>(pool);
    let Opened { source, parser, .. } = opened;
    std::thread::scope(|scope| {
        // Owned here, so that leaving early drops them before the scope waits: every thread's next
        // send or receive then fails and ends it.
        let (lend, collected) = (lend, collected);
        let read_errors = to_collect.clone();
        scope.spawn(move || read_blocks(source, &borrow, &to_work, &read_errors));
        for _ in 0..threads {
            let (work, to_collect, parser) = (work.clone(), to_collect.clone(), parser.clone());
            scope.spawn(move || {
                let mut worker = Worker::new(stage, &parser, renderer());
                for Numbered { sequence, item: (mut block, position) } in work {
                    let outcome = worker.process(stage, &mut block, position).map(|result| (result, block));
                    if to_collect.send(Numbered { sequence, item: outcome }).is_err() {
                        return;
                    }
                }
            });
        }
        drop((work, to_collect));
        let mut waiting = BTreeMap::new();
        let mut next = 0_u64;
        for Numbered { sequence, item } in &collected {
            waiting.insert(sequence, item);
            while let Some(item) = waiting.remove(&next) {
                let (result, block) = item?;
                collect(result)?;
                let _ = lend.send(block);
                next += 1;
            }
        }
        if waiting.is_empty() { Ok(()) } else { Err(PipelineError::Worker) }
    })
}

type Outcome<T> = Numbered<Result<(BlockResult<T>, Block), DecodeError>>;

fn read_blocks<T: Send>(
    mut source: Box<dyn BlockSource>,
    borrow: &Receiver<Block>,
    to_work: &Sender<Numbered<(Block, u64)>>,
    errors: &Sender<Outcome<T>>,
) {
    let mut sequence = 0;
    while let Ok(mut block) = borrow.recv() {
        match source.next(&mut block) {
            Ok(true) => {
                let position = source.position();
                if to_work.send(Numbered { sequence, item: (block, position) }).is_err() {
                    return;
                }
            }
            Ok(false) => return,
            Err(error) => {
                let _ = errors.send(Numbered { sequence, item: Err(error) });
                return;
            }
        }
        sequence += 1;
    }
}

impl Summary {
    /// The receipt people and programs get; sentences from the catalogue, most rows first.
    pub fn into_receipt(
        self,
        mapping: &Mapping,
        context: &RunContext,
        catalogue: &Catalogue,
        sha256: String,
    ) -> Receipt {
        let standard: &Standard = &mapping.standard;
        let (tallied, causes_not_listed) = self.causes.into_sorted();
        let causes = tallied
            .into_iter()
            .map(|cause| {
                let (message, hint) = catalogue.render(&cause.example, cause.example.detail.as_deref(), Some(standard));
                Cause {
                    rule: cause.example.rule.to_string(),
                    severity: cause.example.severity,
                    field: cause.example.field.map(|field| field.to_string()),
                    column: cause.example.column.map(|column| column.to_string()),
                    value: cause.example.value.filter(|_| cause.example.groups_by_value).map(String::from),
                    rows: cause.rows,
                    first_row: cause.first_row,
                    message,
                    hint,
                }
            })
            .collect();
        Receipt {
            submission: None,
            mapping: mapping.id(),
            standard: standard.id().to_owned(),
            round: context.round.to_string(),
            received: self.received,
            accepted: self.accepted,
            refused: self.refused,
            warned: self.warned,
            unchanged: 0,
            removed: 0,
            duplicate_of: None,
            encoding: self.encoding,
            unmapped_columns: self.unmapped,
            missing_columns: self.missing,
            sha256,
            causes,
            causes_not_listed,
        }
    }
}
