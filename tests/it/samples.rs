//! The agencies' files against the generator's truth, through the real binary: every accepted and refused row number,
//! every canonical value, and every finding of the count learner by learner, on the shipped round and on freshly
//! generated ones.

use super::harness::cli::{Saphan, generate};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

const FILES: [(&str, &str); 4] = [
    ("obec/enrolments", "obec.csv"),
    ("ovec/enrolments", "ovec.xml"),
    ("dole/enrolments", "dole.json"),
    ("opec/enrolments", "opec.xlsx"),
];

fn shipped() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agencies/2026-06-10")
}

fn json_lines(path: &Path) -> BTreeMap<u64, Value> {
    let text = std::fs::read_to_string(path).unwrap();
    text.lines()
        .map(|line| {
            let value: Value = serde_json::from_str(line).unwrap();
            (value["_row"].as_u64().unwrap(), value)
        })
        .collect()
}

/// Numbers compare as numbers: 58.0 and 58 are one weight.
fn same(said: &Value, wanted: &Value) -> bool {
    match (said.as_f64(), wanted.as_f64()) {
        (Some(said), Some(wanted)) => said == wanted,
        _ => said == wanted,
    }
}

fn maps_to_the_truth(round: &str, folder: &Path) {
    let truth: Value = serde_json::from_slice(&std::fs::read(folder.join("truth.json")).unwrap()).unwrap();
    let out = tempfile::tempdir().unwrap();
    for (mapping, file) in FILES {
        let (accepted, report) = (out.path().join("accepted"), out.path().join("report"));
        let rejected = out.path().join(format!("refused-{file}"));
        let run = Saphan::new(out.path()).run(&[
            "map",
            "--mapping",
            mapping,
            "--round",
            round,
            "--schools",
            folder.join("schools.csv").to_str().unwrap(),
            "--accepted",
            accepted.to_str().unwrap(),
            "--rejected",
            rejected.to_str().unwrap(),
            "--report",
            report.to_str().unwrap(),
            folder.join(file).to_str().unwrap(),
        ]);
        let expected_refused: BTreeSet<u64> = truth["files"][file]["refused"]
            .as_array()
            .unwrap()
            .iter()
            .map(|row| row["row"].as_u64().unwrap())
            .collect();
        assert_eq!(run.code, if expected_refused.is_empty() { 0 } else { 2 }, "{file}: {}", run.stderr);
        let receipt: Value = serde_json::from_slice(&std::fs::read(&report).unwrap()).unwrap();
        let rows = truth["files"][file]["rows"].as_u64().unwrap();
        assert_eq!(receipt["received"], rows, "{file}");
        assert_eq!(receipt["refused"], expected_refused.len(), "{file}: {}", receipt["causes"]);
        assert_eq!(receipt["unmapped_columns"], serde_json::json!([]), "{file}");

        let records = json_lines(&accepted);
        let accepted_rows: BTreeSet<u64> = records.keys().copied().collect();
        let wanted_rows: BTreeSet<u64> = (1..=rows).filter(|row| !expected_refused.contains(row)).collect();
        assert_eq!(accepted_rows, wanted_rows, "{file}: the accepted rows");
        for (row, wanted) in json_lines(&folder.join(format!("{file}.expected.ndjson"))) {
            for (field, value) in wanted.as_object().unwrap() {
                let said = &records[&row][field];
                assert!(same(said, value), "{file} row {row} {field}: became {said}, must be {value}");
            }
            if wanted.get("weight_kg").is_none() {
                assert!(
                    records[&row].get("weight_kg").is_none(),
                    "{file} row {row}: a weight out of bounds is kept out"
                );
            }
        }
        assert!(rejected.exists(), "{file}: the refused rows go back");
    }
}

/// Codes of the count and the truth's lists of those they speak of.
const CROSS: [(&str, &str); 5] = [
    ("CNT-DUP-AGENCY", "duplicates"),
    ("CNT-DUAL-OK", "permitted"),
    ("CNT-ID-SHARED", "shared_numbers"),
    ("CNT-DUP-SCHOOL", "other_school"),
    ("CNT-DUP-ROW", "same_school"),
];

/// A row of an agency's file: agency, row, school and grade. An agency has one file.
type Place = (String, u64, String, String);

/// What the count says of one learner, and what the truth says it must.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Case {
    rule: String,
    /// First and last character of the number: more of it no report shows.
    masked: (char, char),
    places: BTreeSet<Place>,
    paid: usize,
}

fn place(of: &Value, row: &str) -> Place {
    let text = |name: &str| of[name].as_str().unwrap().to_owned();
    (text("agency"), of[row].as_u64().unwrap(), text("school_id"), text("grade"))
}

fn first(text: &str) -> char {
    text.chars().next().unwrap()
}

fn last(text: &str) -> char {
    text.chars().next_back().unwrap()
}

fn case(of: &Value) -> Case {
    let masked = of["learner_masked"].as_str().unwrap();
    let places = of["places"].as_array().unwrap();
    Case {
        rule: of["rule"].as_str().unwrap().to_owned(),
        masked: (first(masked), last(masked)),
        places: places.iter().map(|of| place(of, "row")).collect(),
        paid: places.iter().filter(|place| place["payable"] == true).count(),
    }
}

/// Every accepted row of the round, by the learner's number.
fn held(folder: &Path) -> BTreeMap<String, BTreeSet<Place>> {
    let mut held: BTreeMap<String, BTreeSet<Place>> = BTreeMap::new();
    for (_, file) in FILES {
        for record in json_lines(&folder.join(format!("{file}.expected.ndjson"))).values() {
            let id = record["learner_id"].as_str().unwrap().to_owned();
            held.entry(id).or_default().insert(place(record, "_row"));
        }
    }
    held
}

fn schools_and_grades(places: &BTreeSet<Place>) -> BTreeSet<(String, String)> {
    places.iter().map(|(_, _, school, grade)| (school.clone(), grade.clone())).collect()
}

fn noted(places: &Value) -> BTreeSet<(String, String)> {
    let text = |of: &Value, name: &str| of[name].as_str().unwrap().to_owned();
    places.as_array().unwrap().iter().map(|of| (text(of, "school_id"), text(of, "grade"))).collect()
}

fn counts_to_the_truth(round: &str, folder: &Path) {
    let truth: Value = serde_json::from_slice(&std::fs::read(folder.join("truth.json")).unwrap()).unwrap();
    let home = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(home.path());
    let mut sent = vec![("moe/schools", "schools.csv")];
    sent.extend(FILES);
    for (mapping, file) in sent {
        let run = saphan.run(&[
            "submit",
            "--json",
            "--mapping",
            mapping,
            "--round",
            round,
            folder.join(file).to_str().unwrap(),
        ]);
        assert!(matches!(run.code, 0 | 2), "{file}: {}", run.stderr);
    }
    let run = saphan.run(&["count", "--round", round, "--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    let report: Value = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(report["cases_not_listed"], 0, "every case is there to be compared");
    let held = held(folder);
    let mut wanted = BTreeSet::new();
    for (code, list) in CROSS {
        let learners = truth["cross"][list].as_array().unwrap();
        assert_eq!(report["findings"][code], learners.len(), "{code}");
        for learner in learners {
            let id = learner["learner_id"].as_str().unwrap();
            let places = held[id].clone();
            assert_eq!(schools_and_grades(&places), noted(&learner["places"]), "{code}: the truth agrees with itself");
            // Of two people under one number nobody is paid.
            let paid = usize::from(code != "CNT-ID-SHARED");
            wanted.insert(Case { rule: code.to_owned(), masked: (first(id), last(id)), places, paid });
        }
    }
    let found: BTreeSet<Case> =
        report["cases"].as_array().unwrap().iter().filter(|case| case["rule"] != "CNT-AGE").map(case).collect();
    assert_eq!(found, wanted, "which rows of which files stand in which finding");
    for permitted in report["cases"].as_array().unwrap().iter().filter(|case| case["rule"] == "CNT-DUAL-OK") {
        for place in permitted["places"].as_array().unwrap() {
            assert_eq!(place["payable"], place["agency"] != "13", "the school is paid, not the college: {place}");
        }
    }
    let accepted: u64 = FILES.iter().map(|(_, file)| truth["files"][*file]["accepted"].as_u64().unwrap()).sum();
    let cross = |list: &str| truth["cross"][list].as_array().unwrap().len() as u64;
    // Each learner in two places is paid in one; two people under one number are paid in none until it is put right.
    let payable = accepted
        - cross("duplicates")
        - cross("permitted")
        - cross("other_school")
        - cross("same_school")
        - 2 * cross("shared_numbers")
        - report["findings"]["CNT-CLOSED"].as_u64().unwrap();
    assert_eq!(report["payable"]["total"], payable);
}

#[test]
fn the_shipped_round_maps_to_its_truth() {
    maps_to_the_truth("2026-06-10", &shipped());
}

#[test]
fn the_shipped_round_counts_to_its_truth() {
    counts_to_the_truth("2026-06-10", &shipped());
}

#[test]
fn freshly_generated_rounds_map_and_count_to_their_truth() {
    for (seed, learners, round, dirty) in
        [(11, 3_000, "2026-06-10", "0.02"), (12, 2_000, "2026-11-10", "0.2"), (13, 1_500, "2027-06-10", "0.5")]
    {
        let folder = tempfile::tempdir().unwrap();
        generate(folder.path(), seed, learners, round, dirty);
        maps_to_the_truth(round, folder.path());
        counts_to_the_truth(round, folder.path());
    }
}
