//! What the tests of every format share: reading a whole input into plain rows.

use super::{Block, DecodeError, Limits, MemoryInput, RowBatch, SourceSpec, open};
use crate::domain::rule::RuleCode;

/// Everything a file gave.
#[derive(Debug, Default, PartialEq)]
pub(crate) struct Read {
    pub(crate) rows: Vec<Vec<Option<String>>>,
    /// Row number, rule, slot.
    pub(crate) faults: Vec<(u64, RuleCode, Option<u32>)>,
    pub(crate) details: Vec<String>,
    pub(crate) unknown: Vec<String>,
    pub(crate) unmapped: Vec<String>,
    pub(crate) document: Vec<Option<String>>,
    /// Lists and sheets that hold data and were not read.
    pub(crate) unread: Vec<String>,
}

pub(crate) fn read(bytes: &[u8], spec: &SourceSpec, limits: &Limits) -> Result<Read, DecodeError> {
    read_input(&MemoryInput::shared(bytes), spec, limits)
}

pub(crate) fn read_input(
    input: &std::sync::Arc<dyn super::Input>,
    spec: &SourceSpec,
    limits: &Limits,
) -> Result<Read, DecodeError> {
    let mut opened = open(input, spec, limits, 1)?;
    let mut out = Read { unmapped: opened.unmapped, document: opened.document, ..Read::default() };
    let mut worker = opened.parser.worker();
    let (mut block, mut batch) = (Block::default(), RowBatch::new(spec.wanted.len()));
    while opened.source.next(&mut block)? {
        let (first, rows) = (block.first_row, block.rows as usize);
        worker.parse(&mut block, &mut batch)?;
        assert_eq!((batch.first_row(), batch.rows()), (first, rows), "splitter and parser count alike");
        assert_eq!(first, out.rows.len() as u64 + 1);
        for row in 0..batch.rows() {
            out.rows.push((0..batch.width()).map(|slot| batch.get(row, slot).map(str::to_owned)).collect());
        }
        for fault in batch.faults() {
            out.faults.push((first + u64::from(fault.row), fault.rule, fault.slot));
            out.details.extend(fault.detail.as_deref().map(|detail| detail.en.clone()));
        }
        for name in batch.unknown_names() {
            if !out.unknown.iter().any(|known| **known == **name) {
                out.unknown.push(name.to_string());
            }
        }
    }
    out.unknown.extend(opened.notices.unmapped_names());
    let findings = opened.notices.findings();
    out.unread.extend(findings.into_iter().filter_map(|finding| finding.value.map(String::from)));
    Ok(out)
}

/// The rule and the place of a refused file.
pub(crate) fn refusal<T: std::fmt::Debug>(result: Result<T, DecodeError>) -> (RuleCode, String) {
    match result {
        Err(DecodeError::Refused { rule, place, .. }) => (rule, place),
        other => panic!("not refused: {other:?}"),
    }
}

pub(crate) fn text(value: &str) -> Option<String> {
    Some(value.to_owned())
}
