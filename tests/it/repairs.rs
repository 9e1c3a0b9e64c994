//! The observed cases of `tests/fixtures/normalisation_cases.csv` through `saphan try`, as an administrator types them,
//! with the published code lists. File-level kinds are tested with the decoder and the writers.

use crate::harness::cli::Saphan;
use std::collections::BTreeMap;
use std::path::Path;

/// Tested in `decode` and `sendback`.
const FILE_LEVEL: [&str; 5] = ["decode_hex", "mojibake", "header", "header_set", "csv_injection"];

#[test]
fn every_observed_value_comes_out_of_try_as_the_cases_say() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/normalisation_cases.csv");
    let mut cases: BTreeMap<String, Vec<(String, String)>> = BTreeMap::new();
    let mut tried = 0;
    for record in csv::Reader::from_path(path).unwrap().records() {
        let record = record.unwrap();
        if !FILE_LEVEL.contains(&&record[0]) {
            cases.entry(record[0].to_owned()).or_default().push((record[1].to_owned(), record[2].to_owned()));
            tried += 1;
        }
    }
    assert_eq!(tried, 173, "the file has 190 cases, 17 of them of files");
    let folder = tempfile::tempdir().unwrap();
    let mut wrong = Vec::new();
    for (kind, cases) in &cases {
        let mut arguments = vec!["try", "--kind", kind, "--"];
        arguments.extend(cases.iter().map(|(raw, _)| raw.as_str()));
        let ran = Saphan::new(folder.path()).run(&arguments);
        assert_eq!(ran.code, 0, "{kind}: {}", ran.stderr);
        let lines: Vec<serde_json::Value> =
            ran.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines.len(), cases.len(), "{kind}");
        for ((raw, expected), line) in cases.iter().zip(&lines) {
            assert_eq!(line["value"], raw.as_str());
            if !holds(expected, line) {
                wrong.push(format!("{kind} {raw:?}: expected {expected}, became {line}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn holds(expected: &str, line: &serde_json::Value) -> bool {
    let (result, finding) = (&line["result"], &line["finding"]);
    if expected == "NULL" {
        return result.is_null() && finding.is_null();
    }
    if expected.starts_with("REJECT:") {
        return result.is_null()
            && finding["severity"] == "error"
            && finding["rule"].as_str().unwrap().starts_with("SPH-");
    }
    if let Some(suggestion) = expected.strip_prefix("PARTIAL:") {
        return finding["severity"] == "warning" && finding["suggestion"] == suggestion;
    }
    if let Some(rest) = expected.strip_prefix("FLAG:") {
        let suggested = rest.split_once(':').is_none_or(|(_, suggestion)| finding["suggestion"] == suggestion);
        return finding["severity"] == "warning" && suggested;
    }
    let shown = match result {
        serde_json::Value::Array(parts) => {
            parts.iter().map(|part| part.as_str().unwrap_or("")).collect::<Vec<_>>().join("|")
        }
        serde_json::Value::String(text) => text.clone(),
        other => other.to_string(),
    };
    shown == expected && finding.is_null()
}
