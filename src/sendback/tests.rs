//! Refused rows out and in again: same layout, same rows, whatever the format.

use super::*;
use crate::decode::spec::tests::spec;
use crate::decode::testing::{Read, read, text as value};
use crate::decode::{Encoding, MemoryInput};
use encoding_rs::WINDOWS_874;
use rust_xlsxwriter::Workbook;

fn refused(rows: &[u64]) -> Vec<RefusedRow> {
    rows.iter()
        .map(|row| RefusedRow {
            row: *row,
            reasons_th: format!("แถว {row} \"ผิด\" ✓"),
            reasons_en: "=1+1 <wrong>".into(),
            rules: "SPH-ID-001 SPH-DATE-001".into(),
        })
        .collect()
}

fn send(bytes: &[u8], spec: &SourceSpec, rows: &[u64]) -> Vec<u8> {
    let mut out = Vec::new();
    let mut iter = refused(rows).into_iter();
    let (input, limits) = (&MemoryInput::shared(bytes), &Limits::default());
    let encoding = decode::open(input, spec, limits, 1).unwrap().encoding;
    let written = write_refused(&Sent { input, spec, limits, encoding }, &mut iter, &mut out).unwrap();
    // Known or looked for once more: the same.
    let (mut iter, mut again) = (refused(rows).into_iter(), Vec::new());
    write_refused(&Sent { input, spec, limits, encoding: "" }, &mut iter, &mut again).unwrap();
    assert!(again == out || spec.format == Format::Xlsx, "a workbook says when it was made");
    assert_eq!(written, rows.len() as u64);
    out
}

/// What comes back has these rows, no faults, nothing unmapped; and so it does when it is refused once more.
fn round_trip(bytes: &[u8], spec: &SourceSpec, rows: &[u64]) -> (Vec<u8>, Read) {
    let whole = read(bytes, spec, &Limits::default()).unwrap();
    let sent = send(bytes, spec, rows);
    let back = read(&sent, spec, &Limits::default()).unwrap();
    let expected: Vec<_> = rows.iter().map(|row| whole.rows[*row as usize - 1].clone()).collect();
    assert_eq!(back.rows, expected);
    assert!(back.faults.is_empty(), "{:?}", back.faults);
    assert_eq!((&back.unmapped, &back.unknown, &back.document), (&whole.unmapped, &whole.unknown, &whole.document));
    let all: Vec<u64> = (1..=rows.len() as u64).collect();
    let twice = read(&send(&sent, spec, &all), spec, &Limits::default()).unwrap();
    assert_eq!(twice, back);
    (sent, back)
}

#[test]
fn csv_goes_back_in_its_encoding_with_its_titles_line_ends_and_bytes() {
    let file = "รายงาน;;\r\nชื่อ;วันเกิด;x\r\nก;1;=cmd\r\n\r\n\"ข\r\n;\"\"\";2;+66\r\nค;3;z\r\n";
    let mut spec = spec(Format::Csv, &["ชื่อ", "วันเกิด"]);
    spec.encodings = vec![Encoding::Utf8, Encoding::Windows874, Encoding::Utf16];
    let one_byte = WINDOWS_874.encode(file).0.into_owned();
    let (sent, _) = round_trip(&one_byte, &spec, &[1, 2]);
    let sent = WINDOWS_874.decode(&sent).0.into_owned();
    assert_eq!(
        sent,
        "รายงาน;;\r\nชื่อ;วันเกิด;x;\"_saphan_แถว\";\"_saphan_รหัสกฎ\";\"_saphan_เหตุผลและวิธีแก้\"\r\n\
         ก;1;'=cmd;\"1\";\"SPH-ID-001 SPH-DATE-001\";\"แถว 1 \"\"ผิด\"\" ? / =1+1 <wrong>\"\r\n\
         \"ข\r\n;\"\"\";2;'+66;\"2\";\"SPH-ID-001 SPH-DATE-001\";\"แถว 2 \"\"ผิด\"\" ? / =1+1 <wrong>\"\r\n"
    );
    round_trip(file.as_bytes(), &spec, &[2, 3]);
    let wide: Vec<u8> = format!("\u{feff}{file}").encode_utf16().flat_map(u16::to_le_bytes).collect();
    let (sent, _) = round_trip(&wide, &spec, &[3]);
    assert_eq!(sent[..2], [0xff, 0xfe]);
    round_trip(format!("\u{feff}{file}").as_bytes(), &spec, &[1, 3]);
}

/// The case `csv_injection` of the ministry's collection.
#[test]
fn cells_we_add_start_no_formula() {
    assert_eq!(text::safe_cell("=HYPERLINK(\"http://x\")"), "'=HYPERLINK(\"http://x\")");
    for start in ["=", "+", "-", "@", "\t", "\r"] {
        assert_eq!(text::safe_cell(&format!("{start}1")), format!("'{start}1"));
    }
    assert_eq!(text::safe_cell("1=1"), "1=1");
}

/// Nothing in a file we give back runs in a spreadsheet, and yet it is the same file when it is sent again.
#[test]
fn the_senders_own_formulas_come_back_as_texts_and_go_in_again_as_they_were() {
    let formulas = ["=1+1", "+66812345678", "-5", "@x", "\t=1", "'=1", "''+1", "'a", "-", "'-", "=cmd|' /C calc'!A0"];
    let mut file = String::from("=title,,\n@a,b,+c\n");
    for formula in formulas {
        file += &format!("{formula},\"{formula}\",1\n");
    }
    let spec = spec(Format::Csv, &["@a", "b"]);
    let rows: Vec<u64> = (1..=formulas.len() as u64).collect();
    let (sent, back) = round_trip(file.as_bytes(), &spec, &rows);
    for (row, formula) in back.rows.iter().zip(formulas) {
        assert_eq!(*row, [value(formula), value(formula)]);
    }
    let sent = String::from_utf8(sent).unwrap();
    for cell in sent.lines().flat_map(|line| line.split(',')) {
        let cell = cell.trim_matches('"');
        assert!(cell == "-" || !cell.starts_with(['=', '+', '-', '@', '\t']), "{cell:?} in {sent}");
    }
    assert!(sent.starts_with("'=title,,\n'@a,b,'+c,\"_saphan"), "{sent}");
    assert!(sent.contains("\n'''+1,\"'''+1\",1,"), "{sent}");
    let one_byte = WINDOWS_874.encode(&file.replace("'a", "ก")).0.into_owned();
    let mut said = spec.clone();
    said.encodings = vec![Encoding::Windows874];
    let (_, back) = round_trip(&one_byte, &said, &rows);
    assert_eq!(back.rows[0], [value("=1+1"), value("=1+1")]);
}

#[test]
fn a_ragged_row_stays_ragged_and_an_unclosed_quote_comes_back_closed() {
    let spec = spec(Format::Csv, &["a", "b"]);
    let back = read(&send(b"a,b\n1\n1,2,3\n4,\"5\n", &spec, &[1, 2, 3]), &spec, &Limits::default()).unwrap();
    let ragged = crate::domain::rule::FMT_RAGGED;
    assert_eq!(back.faults, [(1, ragged, None), (2, ragged, None)]);
    assert_eq!(back.rows[2], [value("4"), value("5")]);
}

#[test]
fn json_goes_back_in_its_envelope() {
    let file = r#"{"term":"1/69","r":[{"a":"ก","x":{"y":"}"}}, {} ,{"a":2.50}],"end":[1]}"#;
    let mut spec = spec(Format::Json, &["a"]);
    spec.records = Some("/r".into());
    spec.document = vec!["/term".into()];
    spec.ignore = vec!["x".into()];
    let (sent, back) = round_trip(file.as_bytes(), &spec, &[1, 2, 3]);
    assert_eq!(back.rows[2], [value("2.50")]);
    let value: serde_json::Value = serde_json::from_slice(&sent).unwrap();
    assert_eq!(value["end"][0], 1);
    assert_eq!(value["r"][1]["_saphan"]["row"], 2);
    assert_eq!(value["r"][1]["_saphan"]["rules"][1], "SPH-DATE-001");
    round_trip(&WINDOWS_874.encode(file).0, &spec, &[3]);
}

#[test]
fn a_record_that_is_not_json_goes_back_as_text() {
    let spec = spec(Format::Ndjson, &["a"]);
    let sent = send("{\"a\":1}\nnot \"json\"\n7\n".as_bytes(), &spec, &[2, 3]);
    let lines: Vec<serde_json::Value> =
        String::from_utf8(sent).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0]["_saphan"]["text"], "not \"json\"");
    assert_eq!(lines[1]["_saphan"]["text"], "7");
    round_trip(b"{\"a\":1}\n\n{\"a\":2}\n", &spec, &[2]);
}

#[test]
fn xml_goes_back_under_its_root() {
    let file = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<v:L xmlns:v=\"urn:x\" year=\"2569\">\n  <v:Head><v:T>1</v:T></v:Head>\n  <v:S code=\"1\"><v:N>ก &amp; &#3586;</v:N></v:S>\n  <v:S code=\"2\"/>\n  <v:S code=\"3\"><v:N><![CDATA[<b>]]></v:N></v:S>\n</v:L>\n";
    let mut spec = spec(Format::Xml, &["@code", "v:N"]);
    spec.records = Some("v:L/v:S".into());
    spec.namespaces.insert("v".into(), "urn:x".into());
    spec.document = vec!["@year".into(), "v:Head/v:T".into()];
    let (sent, _) = round_trip(file.as_bytes(), &spec, &[1, 3]);
    let sent = String::from_utf8(sent).unwrap();
    assert!(sent.contains("<v:N>ก &amp; &#3586;</v:N><saphan:refused xmlns:saphan=\"urn:saphan:refused:1\" row=\"1\""));
    assert!(!sent.contains("code=\"2\""));
    round_trip(&WINDOWS_874.encode(&file.replace("UTF-8", "TIS-620")).0, &spec, &[2, 3]);
}

#[test]
fn a_workbook_goes_back_as_a_workbook_with_numbers_as_numbers() {
    let mut book = Workbook::new();
    let sheet = book.add_worksheet();
    sheet.set_name("นักเรียน").unwrap();
    sheet.write_string(0, 0, "ณ วันที่ 10").unwrap();
    for (column, name) in ["ชื่อ ต้องกรอก", "วันเกิด", "เลข"].into_iter().enumerate()
    {
        sheet.write_string(2, column as u16, name).unwrap();
    }
    for row in 0..3u32 {
        sheet.write_string(3 + row, 0, format!("=ก{row}")).unwrap();
        sheet.write_number(3 + row, 1, 44433.0 + f64::from(row)).unwrap();
        sheet.write_number(3 + row, 2, 1_999_900_000_013.0).unwrap();
    }
    let file = book.save_to_buffer().unwrap();
    let mut spec = spec(Format::Xlsx, &["ชื่อ", "วันเกิด", "เลข"]);
    spec.document = vec!["A1".into()];
    let (_, back) = round_trip(&file, &spec, &[1, 3]);
    assert_eq!(back.rows[1], [value("=ก2"), value("44435"), value("1999900000013")]);
}

#[test]
fn rows_out_of_order_or_beyond_the_end_are_refused() {
    let spec = spec(Format::Csv, &["a"]);
    let input = MemoryInput::shared(b"a\n1\n2\n3\n".as_slice());
    let sent = Sent { input: &input, spec: &spec, limits: &Limits::default(), encoding: "utf-8" };
    let mut out = Vec::new();
    let mut tried = |rows: &[u64]| write_refused(&sent, &mut refused(rows).into_iter(), &mut out).unwrap_err();
    assert!(matches!(tried(&[2, 1]), SendbackError::Order { row: 1, after: 2 } | SendbackError::NoSuchRow { .. }));
    assert!(matches!(tried(&[9]), SendbackError::NoSuchRow { row: 9, rows: 3 }));
}
