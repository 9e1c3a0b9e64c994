//! XML from bytes to rows: namespaces, hostile inputs, and that block borders change nothing.

use crate::decode::spec::tests::spec;
use crate::decode::testing::{read, refusal, text};
use crate::decode::{Format, Limits, SourceSpec};
use crate::domain::rule::*;
use encoding_rs::WINDOWS_874;
use proptest::prelude::*;

const URI: &str = "urn:th:go:vec:student:1";
const OVEC: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<v:StudentList xmlns:v="urn:th:go:vec:student:1" academicYear="2569" semester="1">
  <v:Student code="97535" college="1330000001">
    <v:PeopleID>8997981055927</v:PeopleID>
    <v:Name><v:Prefix>นาย</v:Prefix><v:First>ปก&#3619;ณ์ &amp; <![CDATA[<b>]]></v:First></v:Name>
    <v:Program level="ปวช" year="2"/>
    <v:Extra><v:Deep x="1">y</v:Deep></v:Extra>
  </v:Student>
  <v:Student code="72433"><v:PeopleID/><r:refused xmlns:r="urn:saphan:refused:1" row="2"><r:x>y</r:x></r:refused></v:Student>
</v:StudentList>
"#;

fn ovec() -> SourceSpec {
    let mut spec = spec(Format::Xml, &["@code", "v:PeopleID", "v:Name/v:First", "v:Program/@level"]);
    spec.records = Some("v:StudentList/v:Student".into());
    spec.namespaces.insert("v".into(), URI.into());
    spec.ignore = vec!["@college".into(), "v:Name/v:Prefix".into()];
    spec.document = vec!["@academicYear".into()];
    spec
}

fn one() -> SourceSpec {
    let mut spec = spec(Format::Xml, &["a", "b/@c"]);
    spec.records = Some("r/e".into());
    spec
}

#[test]
fn attributes_elements_and_the_document_are_read_whatever_the_prefix() {
    let default = OVEC.replace("xmlns:v=", "xmlns=").replace("<v:", "<").replace("</v:", "</");
    let other = OVEC.replace("xmlns:v=", "xmlns:ns0=").replace("<v:", "<ns0:").replace("</v:", "</ns0:");
    let one_byte = WINDOWS_874.encode(&OVEC.replace("UTF-8", "windows-874")).0.into_owned();
    for file in [OVEC.as_bytes(), default.as_bytes(), other.as_bytes(), &one_byte] {
        let read = read(file, &ovec(), &Limits::default()).unwrap();
        assert_eq!(
            read.rows,
            [
                vec![text("97535"), text("8997981055927"), text("ปกรณ์ & <b>"), text("ปวช")],
                vec![text("72433"), text(""), None, None],
            ]
        );
        assert_eq!(read.document, [text("2569")]);
        assert_eq!(
            read.unknown,
            ["@semester", "v:Program/@year", "v:Extra/v:Deep/@x", "v:Extra/v:Deep"]
                .map(|name| name.replace("@v:", "@"))
        );
        assert!(read.faults.is_empty());
    }
}

#[test]
fn another_namespace_or_root_is_another_file() {
    let wrong = OVEC.replace(URI, "urn:other");
    assert_eq!(refusal(read(wrong.as_bytes(), &ovec(), &Limits::default())).0, COL_MISSING);
    assert_eq!(refusal(read(b"<x><e><a>1</a></e></x>", &one(), &Limits::default())).0, COL_MISSING);
    assert_eq!(refusal(read(b"<r><e><q>1</q></e></r>", &one(), &Limits::default())).0, COL_MISSING);
    assert_eq!(refusal(read(b"<r><f/></r>", &one(), &Limits::default())).0, FMT_EMPTY);
}

#[test]
fn a_dtd_and_its_billion_laughs_are_refused() {
    let laughs =
        "<?xml version=\"1.0\"?><!DOCTYPE r [<!ENTITY a \"ha\"><!ENTITY b \"&a;&a;&a;\">]><r><e><a>&b;</a></e></r>";
    assert_eq!(refusal(read(laughs.as_bytes(), &one(), &Limits::default())).0, FMT_DTD);
    assert_eq!(refusal(read(b"<!DOCTYPE r SYSTEM \"x.dtd\"><r/>", &one(), &Limits::default())).0, FMT_DTD);
}

#[test]
fn what_is_wrong_with_one_record_refuses_that_record() {
    let file = "<r><e><a>1</a><a>2</a></e><e><a>1<i/></a></e><e><a>&nope;</a></e><e><b c='1'/><b c='2'/></e><e><a>ok</a></e></r>";
    let read = read(file.as_bytes(), &one(), &Limits::default()).unwrap();
    assert_eq!(
        read.faults,
        [
            (1, FMT_NESTED_VALUE, Some(0)),
            (2, FMT_NESTED_VALUE, Some(0)),
            (3, FMT_MALFORMED, None),
            (4, FMT_NESTED_VALUE, Some(1)),
        ]
    );
    assert_eq!(read.rows[4], [text("ok"), None]);
}

#[test]
fn a_record_inside_a_record_refuses_the_outer_one() {
    let file = "<r><e><a>1</a><x><e><a>2</a></e></x></e><e><a>3</a></e></r>";
    assert_eq!(read(file.as_bytes(), &one(), &Limits::default()).unwrap().faults, [(1, FMT_MALFORMED, None)]);
    let mut spec = one();
    spec.ignore = vec!["x".into()];
    assert!(read(file.as_bytes(), &spec, &Limits::default()).unwrap().faults.is_empty(), "the mapping ignores it");
}

#[test]
fn cut_and_ill_formed_files_are_refused_with_their_place() {
    for (file, rule) in [
        ("<r><e><a>1</a></e>", FMT_TRUNCATED),
        ("<r><e><a>1</a></e", FMT_TRUNCATED),
        ("<r><e><a>1</b></e></r>", FMT_MALFORMED),
        ("  ", FMT_EMPTY),
        ("<!-- nothing -->", FMT_EMPTY),
        ("{\"students\": []}", FMT_MALFORMED),
        ("<r><e><a>1</a></e></r> more", FMT_MALFORMED),
    ] {
        assert_eq!(refusal(read(file.as_bytes(), &one(), &Limits::default())).0, rule, "{file}");
    }
}

#[test]
fn depth_length_and_number_have_limits() {
    let deep = format!("<r><e>{}", "<x>".repeat(100_000));
    assert_eq!(refusal(read(deep.as_bytes(), &one(), &Limits::default())).0, LIM_DEPTH);
    let limits = Limits { record_bytes_max: 1 << 16, rows_max: 1, ..Limits::default() };
    let text = format!("<r><e><a>{}</a></e></r>", "x".repeat(1 << 20));
    assert_eq!(refusal(read(text.as_bytes(), &one(), &limits)).0, LIM_RECORD);
    let many = format!("<r><e>{}</e></r>", "<b/>".repeat(1 << 16));
    assert_eq!(refusal(read(many.as_bytes(), &one(), &limits)).0, LIM_RECORD);
    assert_eq!(refusal(read(b"<r><e><a>1</a></e><e/></r>", &one(), &limits)).0, LIM_ROWS);
}

#[test]
fn a_value_of_the_document_may_stand_after_the_records() {
    let mut spec = one();
    spec.document = vec!["head/term".into()];
    let file = b"<r><e><a>1</a></e><head><term>2</term></head></r>";
    assert_eq!(read(file, &spec, &Limits::default()).unwrap().document, [text("2")]);
}

#[test]
fn a_broken_byte_refuses_its_record() {
    let mut bytes = format!("<r>{}", "<e><a>ทดสอบระบบ</a></e>".repeat(100)).into_bytes();
    bytes.extend(b"<e><a>\xe0\xb8</a></e></r>");
    assert_eq!(read(&bytes, &one(), &Limits::default()).unwrap().faults, [(101, ENC_BROKEN_BYTE, Some(0))]);
}

/// What may stand between records and ends a run of plain ones.
const ODD: [&str; 5] = ["<!-- <e> -->", "<?x </e>?>", " text ", "<sum><e2/></sum>", "\n\t"];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    #[test]
    fn block_borders_change_nothing(
        records in prop::collection::vec(("[a-zกำ&<>\"' ]{0,12}", "[a-z&<ก]{0,5}"), 1..160),
        odd in prop::collection::vec((0usize..160, prop::sample::select(&ODD[..])), 0..6),
        block_bytes in 16usize..512,
    ) {
        let body: String = records
            .iter()
            .enumerate()
            .map(|(at, (a, c))| {
                let escape = |text: &str| quick_xml::escape::escape(text).into_owned();
                let odd: String = odd.iter().filter(|(place, _)| *place == at).map(|(_, odd)| *odd).collect();
                format!("<e><a>{}</a>\n<b c=\"{}\"/></e>{odd}", escape(a), escape(c))
            })
            .collect();
        let file = format!("<r>{body}</r>");
        let expected: Vec<_> = records.iter().map(|(a, c)| vec![text(a), text(c)]).collect();
        let whole = read(file.as_bytes(), &one(), &Limits::default()).unwrap();
        prop_assert_eq!(&whole.rows, &expected);
        let tiny = Limits { block_bytes, ..Limits::default() };
        prop_assert_eq!(&read(file.as_bytes(), &one(), &tiny).unwrap(), &whole);
    }
}

#[test]
fn a_record_off_its_path_refuses_the_file_instead_of_vanishing() {
    let lists = [
        "<r><e><a>1</a></e><E><a>2</a></E></r>",
        "<r><e><a>1</a></e><group><e><a>2</a></e></group></r>",
        "<r><e><a>1</a></e></r><r><e><a>2</a></e></r>",
    ];
    for file in lists {
        let (rule, _) = refusal(read(file.as_bytes(), &one(), &Limits::default()));
        assert_eq!(rule, FMT_MALFORMED, "{file}");
    }
}

#[test]
fn what_stands_beside_the_records_is_named_unless_the_mapping_ignores_it() {
    let mut spec = one();
    spec.records = Some("r/g/e".into());
    spec.document = vec!["head/term".into()];
    let file = br#"<r xmlns:xsi="urn:xsi" xsi:schemaLocation="x" version="2"><head><term>1</term><by><who/></by></head>
        <g n="1"><e><a>1</a></e></g><g><e><a>2</a></e><sum>2</sum></g><trailer at="x"><rows>2</rows></trailer></r>"#;
    for block_bytes in [16, 1 << 20] {
        let limits = Limits { block_bytes, ..Limits::default() };
        let whole = read(file, &spec, &limits).unwrap();
        assert_eq!(whole.rows, [vec![text("1"), None], vec![text("2"), None]]);
        assert_eq!(whole.unknown, ["@version", "head/by", "g/@n", "g/sum", "trailer"]);
    }
    spec.ignore_document = ["@version", "head/by", "g/@n", "g/sum", "trailer"].map(String::from).to_vec();
    assert!(read(file, &spec, &Limits::default()).unwrap().unknown.is_empty());
}

#[test]
fn a_name_after_the_last_block_of_records_is_not_lost() {
    let file = format!("<r>{}<trailer/></r>", "<e><a>1</a></e>".repeat(4096));
    let whole = read(file.as_bytes(), &one(), &Limits::default()).unwrap();
    assert_eq!((whole.rows.len(), whole.unknown), (4096, vec!["trailer".into()]));
}

#[test]
fn a_value_of_the_document_said_twice_and_differently_refuses_the_file() {
    let mut spec = one();
    spec.document = vec!["term".into()];
    let twice = b"<r><term>1</term><e><a>1</a></e><term>2</term></r>";
    assert_eq!(refusal(read(twice, &spec, &Limits::default())).0, FMT_MALFORMED);
    let same = b"<r><term>1</term><e><a>1</a></e><term>1</term></r>";
    assert_eq!(read(same, &spec, &Limits::default()).unwrap().document, [text("1")]);
}
