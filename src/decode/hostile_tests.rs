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
    assert_eq!(gives(file!("not_a_workbook.xlsx"), &spec(Format::Xlsx, &["a"])), Gives::Refusal(FMT_MALFORMED));
}

/// Bytes that stop coming after some of them, as from a machine that goes away.
struct GoesAway {
    bytes: &'static [u8],
    left: std::sync::atomic::AtomicUsize,
}

struct Reading(std::sync::Arc<GoesAway>, u64);

impl super::Input for std::sync::Arc<GoesAway> {
    fn open(&self) -> std::io::Result<Box<dyn super::ReadSeek>> {
        Ok(Box::new(Reading(self.clone(), 0)))
    }

    fn len(&self) -> u64 {
        self.bytes.len() as u64
    }
}

impl std::io::Read for Reading {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        use std::sync::atomic::Ordering::Relaxed;
        let rest = self.0.bytes.get(self.1 as usize..).unwrap_or_default();
        let taken = rest.len().min(out.len()).min(self.0.left.load(Relaxed));
        if taken == 0 && !rest.is_empty() && !out.is_empty() {
            return Err(std::io::ErrorKind::NetworkUnreachable.into());
        }
        out[..taken].copy_from_slice(&rest[..taken]);
        self.0.left.fetch_sub(taken, Relaxed);
        self.1 += taken as u64;
        Ok(taken)
    }
}

impl std::io::Seek for Reading {
    fn seek(&mut self, to: std::io::SeekFrom) -> std::io::Result<u64> {
        let mut at = std::io::Cursor::new(self.0.bytes);
        at.set_position(self.1);
        self.1 = at.seek(to)?;
        Ok(self.1)
    }
}

macro_rules! agency {
    ($name:literal) => {
        include_bytes!(concat!("../../tests/fixtures/agencies/2026-06-10/", $name)).as_slice()
    };
}

#[test]
fn bytes_that_stop_coming_are_no_fault_of_the_file_wherever_they_stop() {
    use super::testing::read_input;
    let mut xml = spec(Format::Xml, &["a"]);
    xml.records = Some("r/e".into());
    for (bytes, spec) in [
        (agency!("obec.csv"), spec(Format::Csv, &["ชื่อ"])),
        (agency!("opec.xlsx"), spec(Format::Xlsx, &["ชื่อ"])),
        (agency!("dole.json"), spec(Format::Json, &["first_name"])),
        (agency!("ovec.xml"), xml),
    ] {
        // Every format reads its file at least once whole.
        for part in 0..40 {
            let left = (bytes.len() * part / 40).into();
            let input: std::sync::Arc<dyn super::Input> =
                std::sync::Arc::new(std::sync::Arc::new(GoesAway { bytes, left }));
            match read_input(&input, &spec, &Limits::default()) {
                Err(DecodeError::Io(error)) => {
                    assert_eq!(error.kind(), std::io::ErrorKind::NetworkUnreachable, "{:?} {part}", spec.format);
                }
                // Enough of it had come to see that it is of no use with this mapping.
                Err(DecodeError::Refused { rule, .. }) if rule == COL_MISSING => {}
                other => panic!("{:?} after {part} of 40 parts: {:?}", spec.format, other.map(|read| read.rows.len())),
            }
        }
    }
}
