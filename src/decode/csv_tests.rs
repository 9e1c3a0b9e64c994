//! CSV from bytes to rows: the hostile inputs, and that block borders change nothing.

use crate::decode::spec::tests::spec;
use crate::decode::testing::{read, read_input, refusal, text};
use crate::decode::{Format, Input, Limits, ReadSeek, SourceSpec, Wanted};
use crate::domain::rule::*;
use encoding_rs::WINDOWS_874;
use proptest::prelude::*;
use std::io::{self, Seek, SeekFrom};
use std::sync::Arc;

fn ab() -> SourceSpec {
    spec(Format::Csv, &["a", "b"])
}

fn rows(bytes: &[u8]) -> Vec<Vec<Option<String>>> {
    read(bytes, &ab(), &Limits::default()).unwrap().rows
}

#[test]
fn the_head_of_the_ministrys_own_export_is_read() {
    let utf8 =
        "รหัสโรงเรียน,เลขประจำตัวประชาชน,ชั้น,อายุ(ปี)\r\n20060001,1990437474755,ป.1,7\r\n18040001,1994600079353,ม.4,17\r\n";
    let mut spec = spec(Format::Csv, &["ชั้น", "เลขประจำตัวประชาชน"]);
    spec.ignore = vec!["อายุ(ปี)".into()];
    for bytes in [utf8.as_bytes().to_vec(), WINDOWS_874.encode(utf8).0.into_owned()] {
        let read = read(&bytes, &spec, &Limits::default()).unwrap();
        assert_eq!(read.rows[0], [text("ป.1"), text("1990437474755")]);
        assert_eq!(read.rows[1], [text("ม.4"), text("1994600079353")]);
        assert_eq!(read.unmapped, ["รหัสโรงเรียน"]);
        assert!(read.faults.is_empty());
    }
}

#[test]
fn an_empty_file_a_header_only_and_blank_lines_only_are_empty() {
    for bytes in ["", " ", "\r\n\r\n", "a,b", "a,b\r\n", "a,b\r\n\r\n,,\r\n  \r\n"] {
        assert_eq!(refusal(read(bytes.as_bytes(), &ab(), &Limits::default())).0, FMT_EMPTY, "{bytes:?}");
    }
}

#[test]
fn our_apostrophe_is_taken_off_whether_or_not_a_spreadsheet_kept_the_quotes() {
    for file in ["a,b,_saphan_row\n'=1,'+2,1\n", "a,b,_saphan_row\n\"'=1\",\"'+2\",\"1\"\n"] {
        assert_eq!(rows(file.as_bytes()), [[text("=1"), text("+2")]], "{file}");
    }
    assert_eq!(rows(b"a,b\n'=1,'+2\n"), [[text("'=1"), text("'+2")]], "not a file of ours");
}

#[test]
fn a_file_of_another_mapping_is_refused_naming_both_sides() {
    let refused = read(b"x,y\n1,2\n", &ab(), &Limits::default()).unwrap_err();
    assert!(refused.to_string().contains("expected a, b; found x, y"), "{refused}");
}

#[test]
fn line_ends_inside_quotes_stay_and_doubled_quotes_become_one() {
    assert_eq!(
        rows(b"a,b\r\n\"x\r\ny\",\"say \"\"hi\"\"\"\r\n1,2"),
        [[text("x\r\ny"), text("say \"hi\"")], [text("1"), text("2")]]
    );
    let thai = WINDOWS_874.encode("a,b\n\"ก\"\"ข\",ค\n").0.into_owned();
    assert_eq!(rows(&thai), [[text("ก\"ข"), text("ค")]]);
}

#[test]
fn a_lone_quote_inside_a_cell_is_a_letter() {
    assert_eq!(rows(b"a,b\n5\" pipe,x\"\n\"q\",y\n"), [[text("5\" pipe"), text("x\"")], [text("q"), text("y")]]);
}

#[test]
fn text_after_a_closing_quote_refuses_its_row_only() {
    let read = read(b"a,b\n\"x\"y,1\n2,3\n", &ab(), &Limits::default()).unwrap();
    assert_eq!(read.faults, [(1, FMT_QUOTE, None)]);
    assert_eq!(read.rows[1], [text("2"), text("3")]);
}

#[test]
fn a_quote_never_closed_refuses_its_row_and_where_it_swallowed_lines_the_file() {
    let last = read(b"a,b\n1,2\n3,\"4\n", &ab(), &Limits::default()).unwrap();
    assert_eq!((last.rows.len(), last.faults), (2, vec![(2, FMT_QUOTE, None)]));
    let swallowing = read(b"a,b\n1,2\n3,\"4\n5,6\n7,8\n", &ab(), &Limits::default());
    assert_eq!(refusal(swallowing), (FMT_QUOTE, "row 2".into()));
    let limits = Limits { record_bytes_max: 4096, block_bytes: 512, ..Limits::default() };
    let long = format!("a,b\n1,2\n3,\"4\n{}", "5,6\n".repeat(5000));
    assert_eq!(refusal(crate::decode::testing::read(long.as_bytes(), &ab(), &limits)), (FMT_QUOTE, "row 2".into()));
}

#[test]
fn a_quote_that_meets_another_one_rows_further_on_refuses_the_file() {
    let spec = spec(Format::Csv, &["a", "b", "c", "d"]);
    let swallowing = read(b"a,b,c,d\n1,2,3,4\n4,5,6,\"\n7,8,9,1\n1,1,1,\"\n1,1,1,1\n", &spec, &Limits::default());
    assert_eq!(refusal(swallowing), (FMT_QUOTE, "row 2".into()));
    let honest = read(b"a,b,c,d\n1,\"two\nlines, and a comma\",3,4\n4,5,6,7\n", &spec, &Limits::default()).unwrap();
    assert_eq!((honest.rows.len(), honest.faults.len()), (2, 0));
}

#[test]
fn ragged_rows_are_faults_and_empty_extra_cells_are_not() {
    let read = read(b"a,b\n1\n1,2,\n1,2,3\n,,\n1,2\n", &ab(), &Limits::default()).unwrap();
    assert_eq!(read.faults, [(1, FMT_RAGGED, None), (3, FMT_RAGGED, None)]);
    assert_eq!(read.details, ["1 cells, the header has 2", "3 cells, the header has 2"]);
    assert_eq!(read.rows.len(), 4, "a row of delimiters only has no number");
}

#[test]
fn nul_and_broken_bytes_refuse_their_rows_only() {
    let mut bytes = "a,b,c\n".to_owned().into_bytes();
    bytes.extend("ทดสอบระบบข้อมูลนักเรียน,ก,ข\n".repeat(200).bytes());
    bytes.extend(b"\0,1,2\n1,\xff,2\n1,2,\xff\n");
    let read = read(&bytes, &ab(), &Limits::default()).unwrap();
    assert_eq!(read.faults, [(201, FMT_NUL, None), (202, ENC_BROKEN_BYTE, Some(1)), (203, ENC_BROKEN_BYTE, None)]);
    assert_eq!(read.rows[201][1], text("\u{fffd}"));
}

#[test]
fn rows_of_another_encoding_are_faults_of_those_rows() {
    let mut bytes = WINDOWS_874.encode(&format!("a,b\n{}", "ทดสอบ,ระบบ\n".repeat(100))).0.into_owned();
    bytes.extend("ทดสอบ,ระบบ\n".bytes());
    let read = read(&bytes, &ab(), &Limits::default()).unwrap();
    assert_eq!(read.faults, [(101, ENC_BROKEN_BYTE, Some(0))]);
}

#[test]
fn utf16_with_its_mark_is_read() {
    let le: Vec<u8> = "\u{feff}a\tb\r\nทด\tสอบ\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(rows(&le), [[text("ทด"), text("สอบ")]]);
}

#[test]
fn the_delimiter_the_header_shows_wins_over_a_wrong_declaration() {
    for delimiter in [";", "\t", "|"] {
        let file = format!("a{delimiter}b\n1,5{delimiter}2\n");
        assert_eq!(rows(file.as_bytes()), [[text("1,5"), text("2")]], "{delimiter:?}");
    }
    let mut semicolon = ab();
    semicolon.delimiter = b';';
    assert_eq!(read(b"a,b\n1,2\n", &semicolon, &Limits::default()).unwrap().rows, [[text("1"), text("2")]]);
}

#[test]
fn a_file_of_old_line_ends_is_read() {
    assert_eq!(rows(b"a,b\r1,2\r3,4"), [[text("1"), text("2")], [text("3"), text("4")]]);
}

#[test]
fn mixed_line_ends_are_refused_and_not_read_as_one_row() {
    for (file, place) in [
        (b"a,b\r1999900000013,x\r3,4\n5,6\n".as_slice(), "header"),
        (b"title\na,b\r1,2\n3,4\n", "header"),
        (b"a,b\n1,2\r3,4\r5,6\n", "row 1"),
        (b"a,b\n1,2\n\"x\",4\r5,6\n", "row 2"),
    ] {
        assert_eq!(refusal(read(file, &ab(), &Limits::default())), (FMT_LINE_ENDS, place.into()), "{file:?}");
    }
    let one_feed = format!("a,b\r{}\n", "1,2\r".repeat(100_000));
    assert_eq!(refusal(read(one_feed.as_bytes(), &ab(), &Limits::default())), (FMT_LINE_ENDS, "header".into()));
    assert_eq!(rows(b"a,b\r\"x\ny\",2\r3,4"), [[text("x\ny"), text("2")], [text("3"), text("4")]]);
    assert_eq!(rows(b"a,b\n1\r,2\n"), [[text("1\r"), text("2")]], "dirt in a cell joins no rows");
}

#[test]
fn two_slots_may_share_a_column() {
    let mut shared = ab();
    shared.wanted.push(Wanted::Position(1));
    let both = read("a,b\nก,2\n".as_bytes(), &shared, &Limits::default()).unwrap();
    assert_eq!(both.rows, [[text("ก"), text("2"), text("ก")]]);
    let thai = WINDOWS_874.encode("a,b\nก,2\n").0.into_owned();
    assert_eq!(read(&thai, &shared, &Limits::default()).unwrap().rows, both.rows);
}

#[test]
fn too_many_rows_and_a_cell_too_long_are_refused() {
    let limits = Limits { rows_max: 2, cell_bytes_max: 3, ..Limits::default() };
    assert_eq!(refusal(read(b"a,b\n1,2\n3,4\n5,6\n", &ab(), &limits)), (LIM_ROWS, "row 3".into()));
    assert_eq!(read(b"a,b\n1234,2\n", &ab(), &limits).unwrap().faults, [(1, LIM_CELL, Some(0))]);
}

#[test]
fn a_million_columns_are_refused() {
    let file = format!("a,b{}\n1,2\n", ",c".repeat(1_000_000));
    assert_eq!(refusal(read(file.as_bytes(), &ab(), &Limits::default())).0, LIM_COLUMNS);
    let file = format!("a,b{}\n1,2\n", ",c".repeat(1_000));
    assert_eq!(refusal(read(file.as_bytes(), &ab(), &Limits::default())).0, LIM_COLUMNS);
}

/// A head, then one byte again and again: no memory behind it.
struct Endless {
    head: &'static [u8],
    len: u64,
}

struct EndlessReader {
    head: &'static [u8],
    left: u64,
}

impl Input for Endless {
    fn open(&self) -> io::Result<Box<dyn ReadSeek>> {
        Ok(Box::new(EndlessReader { head: self.head, left: self.len }))
    }

    fn len(&self) -> u64 {
        self.len + self.head.len() as u64
    }
}

impl io::Read for EndlessReader {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let head = self.head.read(buffer)?;
        if head > 0 {
            return Ok(head);
        }
        let take = self.left.min(buffer.len() as u64) as usize;
        buffer[..take].fill(b'x');
        self.left -= take as u64;
        Ok(take)
    }
}

impl Seek for EndlessReader {
    fn seek(&mut self, _: SeekFrom) -> io::Result<u64> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[test]
fn a_line_of_200_megabytes_is_refused_wherever_it_stands() {
    for (head, place) in [(b"".as_slice(), "row 1"), (b"a,b\n1,2\n3,", "row 2")] {
        let input: Arc<dyn Input> = Arc::new(Endless { head, len: 200 << 20 });
        assert_eq!(refusal(read_input(&input, &ab(), &Limits::default())), (LIM_RECORD, place.into()));
    }
}

fn cell() -> impl Strategy<Value = String> {
    prop_oneof![
        3 => "[a-z0-9]{0,6}",
        2 => "[กขคำน้ ]{0,4}",
        1 => "[a\",\r\n]{0,6}",
        1 => "x\"[a ]{0,3}",
    ]
}

fn written(cell: &str) -> String {
    let needs = cell.starts_with('"') || cell.contains([',', '\n', '\r']);
    if needs { format!("\"{}\"", cell.replace('"', "\"\"")) } else { cell.to_owned() }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// Tiny blocks, one block, and one byte a letter: the same rows, which are those that were written.
    #[test]
    fn block_borders_change_nothing(
        table in prop::collection::vec((cell(), cell(), cell()), 1..30),
        block_bytes in 16usize..4096,
        newline in prop_oneof![Just("\n"), Just("\r\n")],
        with_last in any::<bool>(),
    ) {
        let mut file = format!("a,x,b{newline}");
        let mut expected = Vec::new();
        for (a, x, b) in &table {
            if [a, x, b].iter().all(|cell| cell.trim_matches([' ', '\r', '\n', ',']).is_empty()) {
                continue;
            }
            file += &format!("{},{},{}{newline}", written(a), written(x), written(b));
            expected.push(vec![text(a), text(b)]);
        }
        prop_assume!(!expected.is_empty());
        if !with_last {
            file.truncate(file.len() - newline.len());
        }
        let tiny = Limits { block_bytes, ..Limits::default() };
        let whole = read(file.as_bytes(), &ab(), &Limits::default()).unwrap();
        prop_assert_eq!(&whole.rows, &expected);
        prop_assert_eq!(&read(file.as_bytes(), &ab(), &tiny).unwrap(), &whole);
        let one_byte = WINDOWS_874.encode(&file).0.into_owned();
        // Said to be windows-874: a few of its letters can be good UTF-8 by chance.
        let mut said = ab();
        said.encodings = vec![crate::decode::Encoding::Windows874];
        prop_assert_eq!(&read(&one_byte, &said, &tiny).unwrap(), &whole);
    }

    /// Whatever the bytes: no panic, and the same verdict at any block size.
    #[test]
    fn any_bytes_give_the_same_at_any_block_size(
        bytes in prop::collection::vec(prop_oneof![Just(b'"'), Just(b','), Just(b'\n'), Just(b'\r'), any::<u8>()], 0..300),
        block_bytes in 16usize..64,
    ) {
        let file = [b"a,b\n".as_slice(), &bytes].concat();
        let tiny = Limits { block_bytes, ..Limits::default() };
        let (one, many) = (read(&file, &ab(), &Limits::default()), read(&file, &ab(), &tiny));
        match (one, many) {
            (Ok(one), Ok(many)) => prop_assert_eq!(one, many),
            (one, many) => prop_assert_eq!(format!("{one:?}"), format!("{many:?}")),
        }
    }
}
