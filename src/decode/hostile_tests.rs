//! Every file of `tests/fixtures/hostile`: what it must give.
#![expect(clippy::disallowed_methods, reason = "a test reads its own fixtures")]

use super::spec::tests::spec;
use super::testing::read;
use super::{DecodeError, Format, Limits, SourceSpec};
use crate::domain::rule::*;

/// What a file gives: a refusal, or so many rows of which these are faulty.
#[derive(Debug, PartialEq)]
enum Gives {
    Refusal(RuleCode),
    Rows(usize, Vec<(u64, RuleCode)>),
}

fn gives(bytes: &[u8], spec: &SourceSpec) -> Gives {
    match read(bytes, spec, &Limits::default()) {
        Ok(read) => Gives::Rows(read.rows.len(), read.faults.iter().map(|(row, rule, _)| (*row, *rule)).collect()),
        Err(DecodeError::Refused { rule, place, detail }) => {
            assert!(!place.is_empty() && !detail.said().th.is_empty());
            Gives::Refusal(rule)
        }
        Err(DecodeError::Io(error)) => panic!("{error}"),
    }
}

macro_rules! file {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/fixtures/hostile/", $name)).as_slice()
    };
}

#[test]
fn hostile_csv_files_give_a_clear_refusal_or_lose_only_the_bad_rows() {
    let spec = spec(Format::Csv, &["เลขประจำตัวประชาชน", "ชื่อ", "ชั้น"]);
    for (bytes, expected) in [
        (file!("empty.csv"), Gives::Refusal(FMT_EMPTY)),
        (file!("header_only.csv"), Gives::Refusal(FMT_EMPTY)),
        (file!("wrong_mapping.csv"), Gives::Refusal(COL_MISSING)),
        (file!("truncated.csv.gz"), Gives::Refusal(FMT_TRUNCATED)),
        (file!("one_broken_byte.csv"), Gives::Rows(22, vec![(21, ENC_BROKEN_BYTE)])),
        (file!("mixed_encodings.csv"), Gives::Rows(21, vec![(21, ENC_BROKEN_BYTE)])),
        (file!("crlf_in_quotes.csv"), Gives::Rows(2, vec![])),
        (file!("unclosed_quote.csv"), Gives::Refusal(FMT_QUOTE)),
        (file!("lone_quotes.csv"), Gives::Rows(1, vec![])),
        (file!("ragged.csv"), Gives::Rows(3, vec![(1, FMT_RAGGED), (3, FMT_RAGGED)])),
        (file!("nul.csv"), Gives::Rows(2, vec![(1, FMT_NUL)])),
        (file!("two_columns_of_one_name.csv"), Gives::Refusal(COL_DUPLICATE)),
        (file!("utf16_with_mark.csv"), Gives::Rows(1, vec![])),
        (file!("utf16_without_mark.csv"), Gives::Refusal(ENC_FILE)),
    ] {
        assert_eq!(gives(bytes, &spec), expected, "{}", String::from_utf8_lossy(&bytes[..bytes.len().min(80)]));
    }
}

#[test]
fn hostile_xml_json_and_workbooks_are_refused() {
    let mut xml = spec(Format::Xml, &["a"]);
    xml.records = Some("r/e".into());
    assert_eq!(gives(file!("dtd.xml"), &xml), Gives::Refusal(FMT_DTD));
    assert_eq!(gives(file!("cut.xml"), &xml), Gives::Refusal(FMT_TRUNCATED));
    assert_eq!(gives(file!("cut.json"), &spec(Format::Json, &["a"])), Gives::Refusal(FMT_TRUNCATED));
    assert_eq!(gives(file!("not_a_workbook.xlsx"), &spec(Format::Xlsx, &["a"])), Gives::Refusal(FMT_ARCHIVE));
}
