//! JSON and NDJSON from bytes to rows: hostile inputs, envelopes, and that block borders change nothing.

use crate::decode::spec::tests::spec;
use crate::decode::testing::{read, refusal, text};
use crate::decode::{Format, Limits, SourceSpec};
use crate::domain::rule::*;
use encoding_rs::WINDOWS_874;
use proptest::prelude::*;

const DOLE: &str = r#"{"system":"ITw51","semestry":"1/69","students":[
{"std_code": "12180000016900075280", "name": "มยุรี", "address": {"addr": "294/1", "moo": "7"}, "weight": 58.0, "fin_cause": null},
{"std_code": 12430000016900099409, "name": "เด\u0e0aา", "address": {"moo": "6"}, "weight": true, "extra": [1], "_saphan": {"row": 1}}
]}
"#;

fn dole() -> SourceSpec {
    let mut spec = spec(Format::Json, &["std_code", "/name", "/address/moo", "weight", "fin_cause"]);
    spec.records = Some("/students".into());
    spec.ignore = vec!["/address/addr".into()];
    spec.document = vec!["/semestry".into()];
    spec
}

fn list(names: &[&str]) -> SourceSpec {
    spec(Format::Json, names)
}

#[test]
fn records_members_and_the_document_are_read_and_numbers_keep_their_text() {
    for bytes in [DOLE.as_bytes().to_vec(), WINDOWS_874.encode(DOLE).0.into_owned()] {
        let read = read(&bytes, &dole(), &Limits::default()).unwrap();
        assert_eq!(
            read.rows,
            [
                vec![text("12180000016900075280"), text("มยุรี"), text("7"), text("58.0"), None],
                vec![text("12430000016900099409"), text("เดชา"), text("6"), text("true"), None],
            ]
        );
        assert_eq!(read.document, [text("1/69")]);
        assert_eq!(read.unknown, ["extra", "/system"]);
        assert!(read.faults.is_empty());
    }
}

#[test]
fn a_value_of_the_document_may_stand_after_the_records() {
    let mut spec = dole();
    spec.document = vec!["/meta/term".into(), "/absent".into()];
    let file = br#"{"students":[{"name":"a"}],"meta":{"term":1}}"#;
    assert_eq!(read(file, &spec, &Limits::default()).unwrap().document, [text("1"), None]);
}

#[test]
fn what_is_wrong_with_one_record_refuses_that_record() {
    let file =
        r#"[{"a":[1],"b":"x"},{"a":1 2},{"a":"1","a":"2"},7,{"a":"\ud800"},{"a":"ok"},{"a":"x\u0000"},{"b":{"c":[]}}]"#;
    let mut spec = list(&["a", "/b/c"]);
    spec.document = Vec::new();
    let read = read(file.as_bytes(), &spec, &Limits::default()).unwrap();
    assert_eq!(
        read.faults,
        [
            (1, FMT_NESTED_VALUE, Some(0)),
            (1, FMT_NESTED_VALUE, None),
            (2, FMT_MALFORMED, None),
            (3, FMT_MALFORMED, Some(0)),
            (4, FMT_MALFORMED, None),
            (5, FMT_MALFORMED, Some(0)),
            (7, FMT_NUL, Some(0)),
            (8, FMT_NESTED_VALUE, Some(1)),
        ]
    );
    assert_eq!(read.rows[5], [text("ok"), None]);
}

#[test]
fn empty_cut_and_trailing_files_are_refused_with_their_place() {
    let list = list(&["a"]);
    for (file, rule) in [
        ("  ", FMT_EMPTY),
        ("[]", FMT_EMPTY),
        ("[{\"a\":1}", FMT_TRUNCATED),
        ("[{\"a\":1},", FMT_TRUNCATED),
        ("[{\"a\":\"1", FMT_TRUNCATED),
        ("[{\"a\":1}] x", FMT_MALFORMED),
        ("[{\"a\":1} {\"a\":2}]", FMT_MALFORMED),
        ("[{\"a\":1},]", FMT_MALFORMED),
        ("{\"a\":1}", FMT_MALFORMED),
    ] {
        assert_eq!(refusal(read(file.as_bytes(), &list, &Limits::default())).0, rule, "{file}");
    }
    let mut in_object = list.clone();
    in_object.records = Some("/r".into());
    for (file, rule) in [
        ("{\"r\":[{\"a\":1}]", FMT_TRUNCATED),
        ("{\"s\":[{\"a\":1}]}", COL_MISSING),
        ("{\"r\":[{\"a\":1}],\"r\":[1]}", FMT_MALFORMED),
        ("{\"x", FMT_TRUNCATED),
    ] {
        assert_eq!(refusal(read(file.as_bytes(), &in_object, &Limits::default())).0, rule, "{file}");
    }
}

#[test]
fn a_file_of_another_mapping_is_refused() {
    assert_eq!(refusal(read(b"[{\"x\":1},{\"y\":2}]", &list(&["a"]), &Limits::default())).0, COL_MISSING);
}

#[test]
fn nesting_100_000_deep_is_refused_cheaply_anywhere() {
    let deep = "[".repeat(100_000);
    let mut in_object = list(&["a"]);
    in_object.records = Some("/r".into());
    for file in [format!("[{{\"a\":{deep}"), format!("[{deep}")] {
        assert_eq!(refusal(read(file.as_bytes(), &list(&["a"]), &Limits::default())).0, LIM_DEPTH);
    }
    assert_eq!(refusal(read(format!("{{\"x\":{deep}").as_bytes(), &in_object, &Limits::default())).0, LIM_DEPTH);
    let objects = "{\"a\":".repeat(100_000);
    assert_eq!(refusal(read(format!("[{objects}").as_bytes(), &list(&["a"]), &Limits::default())).0, LIM_DEPTH);
    let line = format!("{{\"a\":1}}\n{{\"a\":{deep}{}}}\n", "]".repeat(100_000));
    let read = read(line.as_bytes(), &spec(Format::Ndjson, &["a"]), &Limits::default()).unwrap();
    assert_eq!(read.faults, [(2, LIM_DEPTH, None)]);
}

#[test]
fn long_records_and_many_rows_are_refused() {
    let limits = Limits { record_bytes_max: 4096, rows_max: 2, block_bytes: 64, ..Limits::default() };
    let long = format!("[{{\"a\":\"{}\"}}]", "x".repeat(9000));
    assert_eq!(refusal(read(long.as_bytes(), &list(&["a"]), &limits)).0, LIM_RECORD);
    let lines = format!("{{\"a\":\"{}\"}}\n", "x".repeat(9000));
    assert_eq!(refusal(read(lines.as_bytes(), &spec(Format::Ndjson, &["a"]), &limits)).0, LIM_RECORD);
    assert_eq!(refusal(read(b"[{\"a\":1},{\"a\":2},{\"a\":3}]", &list(&["a"]), &limits)).0, LIM_ROWS);
}

#[test]
fn lines_are_records_and_a_bad_line_is_one_row() {
    let file = "\u{feff}{\"a\":1}\r\n\r\nnot json\n{\"a\":\"ก\"}";
    let read = read(file.as_bytes(), &spec(Format::Ndjson, &["a"]), &Limits::default()).unwrap();
    assert_eq!(read.rows, [[text("1")], [None], [text("ก")]]);
    assert_eq!(read.faults, [(2, FMT_MALFORMED, None)]);
}

#[test]
fn a_broken_byte_refuses_its_record() {
    let mut bytes = format!("[{}", "{\"a\":\"ทดสอบระบบ\"},".repeat(100)).into_bytes();
    bytes.extend(b"{\"a\":\"\xe0\xb8\"}]");
    let read = read(&bytes, &list(&["a"]), &Limits::default()).unwrap();
    assert_eq!(read.faults, [(101, ENC_BROKEN_BYTE, Some(0))]);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn block_borders_change_nothing(
        records in prop::collection::vec(("[a-zกำ\"\\\\{}\\[\\],: \n]{0,12}", "[0-9]{1,5}", any::<bool>()), 1..20),
        block_bytes in 16usize..4096,
        pretty in any::<bool>(),
    ) {
        let values: Vec<_> = records
            .iter()
            .map(|(a, b, nested)| serde_json::json!({ "a": a, "skip": [a, {"x": b}], "o": { "b": if *nested { Some(b) } else { None } } }))
            .collect();
        let expected: Vec<_> =
            records.iter().map(|(a, b, nested)| vec![text(a), nested.then(|| b.clone())]).collect();
        let document = serde_json::json!({ "before": "[{", "r": values, "then": [1] });
        let file = if pretty { serde_json::to_string_pretty(&document) } else { serde_json::to_string(&document) }.unwrap();
        let mut spec = spec(Format::Json, &["a", "/o/b"]);
        spec.records = Some("/r".into());
        let tiny = Limits { block_bytes, ..Limits::default() };
        let whole = read(file.as_bytes(), &spec, &Limits::default()).unwrap();
        prop_assert_eq!(&whole.rows, &expected);
        prop_assert_eq!(&read(file.as_bytes(), &spec, &tiny).unwrap(), &whole);
        let lines: String = values.iter().map(|value| format!("{value}\n")).collect();
        spec.format = Format::Ndjson;
        prop_assert_eq!(&read(lines.as_bytes(), &spec, &tiny).unwrap().rows, &expected);
    }

    #[test]
    fn any_bytes_give_no_panic(bytes in "[\\[\\]{}\",:a1\\\\ ]{0,60}", block_bytes in 16usize..64) {
        let tiny = Limits { block_bytes, ..Limits::default() };
        let (one, many) = (read(bytes.as_bytes(), &list(&["a"]), &Limits::default()), read(bytes.as_bytes(), &list(&["a"]), &tiny));
        prop_assert_eq!(one.is_ok(), many.is_ok());
    }
}

#[test]
fn what_stands_around_the_records_unasked_is_named() {
    let file = br#"{"v":2,"meta":{"term":"1/69","by":"x"},"data":{"more":{"students":[{"name":"b"}]},"students":[{"name":"a"}]},
        "codes":["x"],"1999900000013":true}"#;
    let mut spec = spec(Format::Json, &["name"]);
    spec.records = Some("/data/students".into());
    spec.document = vec!["/meta/term".into()];
    let whole = read(file, &spec, &Limits::default()).unwrap();
    assert_eq!(whole.rows.len(), 1);
    assert_eq!(whole.unknown, ["/v", "/meta/by", "/data/more", "/codes", "(a name with digits)"]);
    assert_eq!(whole.unread, ["/data/more/students"], "a list of texts is no list of records");
    let tiny = Limits { block_bytes: 16, ..Limits::default() };
    assert_eq!(read(file, &spec, &tiny).unwrap(), whole);
    spec.ignore_document = vec!["/v".into(), "/meta/by".into(), "/data/more".into(), "/codes".into()];
    let ignored = read(file, &spec, &Limits::default()).unwrap();
    assert_eq!((ignored.unknown.len(), ignored.unread.len()), (1, 0));
}

#[test]
fn a_value_of_the_document_given_twice_refuses_the_file() {
    let mut spec = dole();
    spec.document = vec!["/meta/term".into()];
    for file in [
        br#"{"meta":{"term":1,"term":2},"students":[{"name":"a"}]}"#.as_slice(),
        br#"{"meta":{"term":1},"students":[{"name":"a"}],"meta":{"term":2}}"#,
    ] {
        assert_eq!(refusal(read(file, &spec, &Limits::default())).0, FMT_MALFORMED);
    }
}
