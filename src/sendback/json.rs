//! Refused records of JSON and NDJSON files: same envelope, the sender's own records, one member more.
//!
//! Owns the adding of our member. A record that is no JSON object goes back as a text inside an object
//! of ours, so that what we send is always JSON.

use super::{MEMBER, Refusals, RefusedRow, SendbackError, Sent};
use crate::decode::charset::decode_piece;
use crate::decode::json_scan::{Scan, skip_space, value_end};
use crate::decode::json_split::{JsonSource, LineSource};
use crate::decode::{Block, BlockSource};
use serde::de::IgnoredAny;
use serde_json::json;
use std::io::Write;

pub(super) fn write_document(
    sent: &Sent<'_>,
    mut refusals: Refusals,
    out: &mut dyn Write,
) -> Result<u64, SendbackError> {
    let (stream, verdict, mut out) = sent.again(out)?;
    let Sent { spec, limits, .. } = *sent;
    let mut source = JsonSource::open(stream, verdict, spec, limits)?;
    out.own(&source.prefix)?;
    out.text("[")?;
    let (mut block, mut row, mut separator) = (Block::default(), 0, "\n");
    // To the end even when no more are refused: the envelope's rest stands there.
    while source.next(&mut block)? {
        for (start, end) in &block.records {
            row += 1;
            if let Some(refused) = refusals.take(row)? {
                out.text(separator)?;
                let record = decode_piece(&block.bytes[*start as usize..*end as usize], verdict.charset);
                out.text(&with_member(&record, &refused))?;
                separator = ",\n";
            }
        }
    }
    out.text("\n]")?;
    out.own(&source.suffix)?;
    refusals.finish(row)
}

pub(super) fn write_lines(sent: &Sent<'_>, mut refusals: Refusals, out: &mut dyn Write) -> Result<u64, SendbackError> {
    let (stream, verdict, mut out) = sent.again(out)?;
    let limits = sent.limits;
    let mut source = LineSource::open(stream, verdict, limits)?;
    let (mut block, mut row) = (Block::default(), 0);
    while !refusals.is_done() && source.next(&mut block)? {
        for (start, end) in &block.records {
            row += 1;
            if let Some(refused) = refusals.take(row)? {
                let record = decode_piece(&block.bytes[*start as usize..*end as usize], verdict.charset);
                out.text(&with_member(&record, &refused))?;
                out.text("\n")?;
            }
        }
    }
    refusals.finish(row)
}

/// The record with our member last, in place of one of ours that came back with it.
fn with_member(record: &str, refused: &RefusedRow) -> String {
    let mut ours = json!({
        "row": refused.row,
        "rules": refused.rules.split_whitespace().collect::<Vec<_>>(),
        "reasons": { "th": refused.reasons_th, "en": refused.reasons_en },
    });
    let record = record.trim();
    let is_json = serde_json::from_str::<IgnoredAny>(record).is_ok();
    match members(record).filter(|_| is_json) {
        Some(members) => {
            let kept: Vec<&str> = members.into_iter().filter(|(name, _)| !is_ours(name)).map(|(_, all)| all).collect();
            let separator = if kept.is_empty() { "" } else { "," };
            format!("{{{}{separator}\"{MEMBER}\":{ours}}}", kept.join(","))
        }
        None => {
            ours["text"] = record.into();
            json!({ MEMBER: ours }).to_string()
        }
    }
}

fn is_ours(quoted: &str) -> bool {
    quoted.trim_matches('"') == MEMBER
}

/// Name and whole text of each member of an object.
fn members(record: &str) -> Option<Vec<(&str, &str)>> {
    let bytes = record.as_bytes();
    let mut found = Vec::new();
    let mut at = skip_space(bytes, record.starts_with('{').then_some(1)?);
    while bytes.get(at) == Some(&b'"') {
        let start = at;
        let Scan::End(name_end) = value_end(bytes, at, usize::MAX) else { return None };
        at = skip_space(bytes, skip_space(bytes, name_end) + 1);
        let Scan::End(end) = value_end(bytes, at, usize::MAX) else { return None };
        found.push((record.get(start..name_end)?, record.get(start..end)?));
        at = skip_space(bytes, end);
        if bytes.get(at) == Some(&b',') {
            at = skip_space(bytes, at + 1);
        }
    }
    Some(found)
}
