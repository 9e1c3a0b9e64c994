//! Mappings as administrators keep them: the shipped ones run their examples, and a faulty one is told all its faults.

use crate::harness::cli::Saphan;
use std::path::Path;

fn copy(from: &Path, to: &Path) {
    std::fs::create_dir_all(to).unwrap();
    for entry in std::fs::read_dir(from).unwrap() {
        let path = entry.unwrap().path();
        let target = to.join(path.file_name().unwrap());
        if path.is_dir() {
            copy(&path, &target)
        } else {
            std::fs::write(&target, std::fs::read(&path).unwrap()).unwrap()
        }
    }
}

/// A copy of the shipped mappings to spoil.
fn mappings() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    copy(&Path::new(env!("CARGO_MANIFEST_DIR")).join("mappings"), folder.path());
    folder
}

fn check(folder: &Path) -> (i32, Vec<serde_json::Value>) {
    let ran = Saphan::new(folder).run(&["check", "--json", "--mappings", folder.to_str().unwrap()]);
    let json: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap_or_else(|_| panic!("{}", ran.stderr));
    (ran.code, json["faults"].as_array().unwrap().clone())
}

#[test]
fn the_shipped_mappings_turn_their_examples_into_what_they_promise() {
    let folder = mappings();
    assert_eq!(check(folder.path()), (0, Vec::new()));
}

#[test]
fn all_faults_of_a_mapping_come_at_once_each_with_its_place() {
    let folder = mappings();
    let path = folder.path().join("obec/enrolments/mapping.yaml");
    let text = std::fs::read_to_string(&path)
        .unwrap()
        .replace("  given_name: { from: ชื่อ }\n", "  given_nam: { from: ชื่อ }\n")
        .replace("{ code: sex }", "{ code: sexx }")
        .replace("weight_kg: { from: น้ำหนัก, do: decimal", "weight_kg: { from: น้ำหนัก, do: upper")
        .replace("[{ date: d/m/be }]", "[{ date: d/q/be }]")
        .replace("delimiter: \",\"", "delimeter: \",\"")
        .replace("agency: { const: \"10\" }", "agency: { const: \"77\" }")
        .replace("  - ชื่อโรงเรียน\n", "  - ชื่อโรงเรียน\n  - ชื่อโรงเรียน\n  - ห้อง\n");
    std::fs::write(&path, &text).unwrap();
    let (code, faults) = check(folder.path());
    assert_eq!(code, 1);
    let said: Vec<String> = faults.iter().map(|fault| fault["message"].as_str().unwrap().to_owned()).collect();
    for wanted in [
        "\"given_nam\" is not a field of enrolment/1, did you mean \"given_name\"?",
        "there is no code list \"sexx\", did you mean \"sex\"?",
        "the field weight_kg is a number, but here comes text",
        "\"delimeter\" is not a key of source, did you mean \"delimiter\"?",
        "\"77\" is not a code of the list agency",
        "the field given_name is required",
        "\"ชื่อโรงเรียน\" is ignored twice",
        "\"ห้อง\" is both mapped and ignored",
    ] {
        assert!(said.iter().any(|message| message.contains(wanted)), "{wanted} not in {said:#?}");
    }
    assert!(said.iter().any(|message| message.contains('q')), "the date pattern: {said:#?}");
    for fault in &faults {
        let line = fault["line"].as_u64().unwrap() as usize;
        assert!(fault["path"].as_str().unwrap().ends_with("obec/enrolments/mapping.yaml"));
        assert!(line >= 1 && line <= text.lines().count() && fault["column"].as_u64().unwrap() >= 1, "{fault}");
    }
    let spoilt = faults.iter().find(|fault| fault["message"].as_str().unwrap().contains("sexx")).unwrap();
    let line = text.lines().nth(spoilt["line"].as_u64().unwrap() as usize - 1).unwrap();
    assert!(line.contains("sexx"), "the fault points at its line: {line}");
}

#[test]
fn an_example_that_no_longer_holds_fails_the_check() {
    let folder = mappings();
    let path = folder.path().join("obec/enrolments/examples/01-clean.expected.ndjson");
    let text = std::fs::read_to_string(&path).unwrap().replacen("\"sex\":\"F\"", "\"sex\":\"M\"", 1);
    std::fs::write(&path, text).unwrap();
    let (code, faults) = check(folder.path());
    assert_eq!(code, 1);
    assert_eq!(faults.len(), 1, "{faults:?}");
    assert!(faults[0]["path"].as_str().unwrap().ends_with("obec/enrolments/examples/01-clean.csv"));
}

#[test]
fn what_can_not_be_ignored_is_a_fault_with_its_place() {
    let folder = mappings();
    for (mapping, ignore, fault) in [
        ("dole", "ignore: [grp_code, { document: /students }]", "the records stand under \"/students\""),
        ("dole", "ignore: [grp_code, { document: /semestry }]", "\"/semestry\" is both mapped and ignored"),
        ("dole", "ignore: [grp_code, { sheet: x }]", "only a workbook (xlsx) has sheets to ignore"),
        ("dole", "ignore: [grp_code, { documents: /x }]", "\"documents\" is not a key of an entry of ignore"),
        ("ovec", "ignore: [{ document: v:Student }]", "the records stand under \"v:Student\""),
        ("ovec", "ignore: [{ document: w:Trailer }]", "the prefix \"w\" of w:Trailer is not among the namespaces"),
        ("opec", "ignore: [ลำดับ, { document: A2 }]", "only json and xml have something outside the records"),
        ("opec", "ignore: [ลำดับ, { sheet: ก }, { sheet: ก }]", "\"ก\" is ignored twice"),
    ] {
        let path = folder.path().join(mapping).join("enrolments/mapping.yaml");
        let text = std::fs::read_to_string(&path).unwrap();
        let at = text.find("\nignore: ").map_or(text.len(), |at| at + 1);
        std::fs::write(&path, format!("{}{ignore}\n", &text[..at])).unwrap();
        let (code, faults) = check(folder.path());
        std::fs::write(&path, text).unwrap();
        assert_eq!(code, 1, "{ignore}");
        assert!(faults[0]["message"].as_str().unwrap().contains(fault), "{ignore}: {faults:?}");
        assert!(faults[0]["line"].as_u64().unwrap() > 10, "{faults:?}");
    }
}

#[test]
fn a_mapping_that_takes_nothing_from_the_records_is_a_fault() {
    let folder = mappings();
    let path = folder.path().join("moe/schools/mapping.yaml");
    let text = std::fs::read_to_string(&path).unwrap();
    let head = &text[..text.find("fields:").unwrap()];
    let fields =
        "fields:\n  school_id: { const: \"1020000001\" }\n  name_th: { const: ก }\n  agency: { const: \"10\" }\n";
    std::fs::write(&path, format!("{head}{fields}")).unwrap();
    let (code, faults) = check(folder.path());
    assert_eq!(code, 1);
    let said: Vec<&str> = faults.iter().map(|fault| fault["message"].as_str().unwrap()).collect();
    assert!(said.iter().any(|said| said.starts_with("no field takes anything from a record")), "{said:?}");
}
