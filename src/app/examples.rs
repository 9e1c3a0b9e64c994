//! A mapping's examples are its tests: each sample must become exactly its expected records and findings.
//!
//! `examples/NN-name.<ext>` with `NN-name.expected.ndjson` and, where rows are to be refused,
//! `NN-name.findings.json` (`[{"row":3,"rule":"SPH-ID-001","field":"learner_id"}]`). A register for
//! school codes stands beside them as `schools.csv`. Examples are read as of the round 2026-06-10.

use super::assets::{AssetFault, Assets, LoadedMapping};
use super::lines::JsonLines;
use super::register::read_register;
use crate::decode::{Input, Limits, MemoryInput};
use crate::domain::finding::Severity;
use crate::domain::round::Round;
use crate::mapping::RunContext;
use crate::pipeline::{self, Run};
use crate::standards::Schools;
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// The round all examples are read for.
pub const EXAMPLES_ROUND: &str = "2026-06-10";

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct ExpectedFinding {
    row: u64,
    rule: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    field: Option<String>,
}

/// Runs every example of one mapping. Answers the differences; empty: all is as it should be.
pub fn run(assets: &Assets, loaded: &LoadedMapping) -> Vec<AssetFault> {
    let mut faults = Vec::new();
    let folder = loaded.path.trim_end_matches("mapping.yaml");
    let mut say = |name: &str, message: String| {
        faults.push(AssetFault { path: format!("{folder}examples/{name}"), line: None, column: None, message });
    };
    let Ok(round) = Round::parse(EXAMPLES_ROUND) else { return faults };
    let schools = match loaded.examples.get("schools.csv") {
        Some(bytes) => match register(assets, bytes.clone(), round) {
            Ok(list) => Some(Arc::new(list)),
            Err(message) => {
                say("schools.csv", message);
                return faults;
            }
        },
        None => None,
    };
    let samples: Vec<&String> = loaded
        .examples
        .keys()
        .filter(|name| {
            *name != "schools.csv" && !name.ends_with(".expected.ndjson") && !name.ends_with(".findings.json")
        })
        .collect();
    if samples.is_empty() {
        say("", String::from("a mapping needs at least one example"));
    }
    for name in samples {
        if let Err(messages) = example(loaded, name, round, schools.clone()) {
            for message in messages {
                say(name, message);
            }
        }
    }
    faults
}

fn example(loaded: &LoadedMapping, name: &str, round: Round, schools: Option<Arc<Schools>>) -> Result<(), Vec<String>> {
    let stem = name.rsplit_once('.').map_or(name, |(stem, _)| stem);
    let Some(expected) = loaded.examples.get(&format!("{stem}.expected.ndjson")) else {
        return Err(vec![format!("{stem}.expected.ndjson is missing")]);
    };
    let bytes = loaded.examples.get(name).cloned().unwrap_or_default();
    let (records, mut findings) = map(loaded, bytes, round, schools).map_err(|message| vec![message])?;
    let expected = lines(expected).map_err(|message| vec![message])?;
    let mut messages = Vec::new();
    for (at, (said, wanted)) in records.iter().zip(&expected).enumerate() {
        if said != wanted {
            messages.push(format!("record {}: became {said}, expected {wanted}", at + 1));
        }
    }
    if records.len() != expected.len() {
        messages.push(format!("{} records were accepted, {} expected", records.len(), expected.len()));
    }
    let mut wanted: Vec<ExpectedFinding> = match loaded.examples.get(&format!("{stem}.findings.json")) {
        Some(bytes) => serde_json::from_slice(bytes).map_err(|error| vec![format!("{stem}.findings.json: {error}")])?,
        None => Vec::new(),
    };
    findings.sort();
    wanted.sort();
    if findings != wanted {
        let json = |list: &[ExpectedFinding]| serde_json::to_string(list).unwrap_or_default();
        messages.push(format!("refused with {}, expected {}", json(&findings), json(&wanted)));
    }
    if messages.is_empty() { Ok(()) } else { Err(messages) }
}

type Mapped = (Vec<serde_json::Value>, Vec<ExpectedFinding>);

fn map(loaded: &LoadedMapping, bytes: Vec<u8>, round: Round, schools: Option<Arc<Schools>>) -> Result<Mapped, String> {
    let input: Arc<dyn Input> = Arc::new(MemoryInput::new(bytes));
    let limits = Limits::default();
    let run = Run { mapping: &loaded.mapping, context: RunContext { round, schools }, limits: &limits, threads: 1 };
    let (mut text, mut findings) = (Vec::new(), Vec::new());
    pipeline::run(
        &run,
        &input,
        || JsonLines,
        |mut result| {
            text.append(&mut result.out);
            for row in result.refused {
                for finding in row.findings.iter().filter(|finding| finding.severity == Severity::Error) {
                    findings.push(ExpectedFinding {
                        row: row.row,
                        rule: finding.rule.to_string(),
                        field: finding.field.as_deref().map(String::from),
                    });
                }
            }
            Ok::<(), std::io::Error>(())
        },
    )
    .map_err(|error| error.to_string())?;
    Ok((lines(&text)?, findings))
}

fn lines(bytes: &[u8]) -> Result<Vec<serde_json::Value>, String> {
    bytes
        .split(|byte| *byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice(line).map_err(|error| format!("not JSON: {error}")))
        .collect()
}

fn register(assets: &Assets, bytes: Vec<u8>, round: Round) -> Result<Schools, String> {
    let input: Arc<dyn Input> = Arc::new(MemoryInput::new(bytes));
    let read = read_register(assets, &input, round, &Limits::default()).map_err(|error| error.to_string())?;
    match read.refused {
        0 => Ok(read.schools),
        refused => Err(format!("{refused} schools of the register are refused")),
    }
}
