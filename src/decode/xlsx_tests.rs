//! XLSX from bytes to rows: cells of every kind, titles, hostile workbooks.

use crate::decode::spec::tests::spec;
use crate::decode::testing::{read, refusal, text};
use crate::decode::{Format, Limits, SourceSpec};
use crate::domain::rule::*;
use std::io::{Cursor, Write};
use zip::write::SimpleFileOptions;

const RELS: &str = r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://x/officeDocument" Target="xl/workbook.xml"/></Relationships>"#;
const BOOK_RELS: &str = r#"<Relationships><Relationship Id="r1" Type="http://x/worksheet" Target="worksheets/sheet1.xml"/><Relationship Id="r2" Type="http://x/worksheet" Target="/xl/worksheets/sheet2.xml"/><Relationship Id="r3" Type="http://x/sharedStrings" Target="sharedStrings.xml"/></Relationships>"#;
const BOOK: &str = r#"<workbook xmlns:r="http://r"><sheets><sheet name="ซ่อน" state="hidden" r:id="r2"/><sheet name="นักเรียน" r:id="r1"/></sheets></workbook>"#;
const SHARED: &str = r#"<sst><si><t>ชื่อ</t></si><si><r><t>ก</t></r><r><t xml:space="preserve"> ข_x000D_</t></r><rPh><t>x</t></rPh></si></sst>"#;

fn zip(parts: &[(&str, &[u8])]) -> Vec<u8> {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    for (name, bytes) in parts {
        writer.start_file(*name, SimpleFileOptions::default()).unwrap();
        writer.write_all(bytes).unwrap();
    }
    writer.finish().unwrap().into_inner()
}

fn workbook(rows: &str) -> Vec<u8> {
    with_book(BOOK, SHARED, &format!("<worksheet><sheetData>{rows}</sheetData><mergeCells/></worksheet>"))
}

fn with_book(book: &str, shared: &str, sheet: &str) -> Vec<u8> {
    zip(&[
        ("_rels/.rels", RELS.as_bytes()),
        ("xl/workbook.xml", book.as_bytes()),
        ("xl/_rels/workbook.xml.rels", BOOK_RELS.as_bytes()),
        ("xl/sharedStrings.xml", shared.as_bytes()),
        ("xl/worksheets/sheet1.xml", sheet.as_bytes()),
        ("xl/worksheets/sheet2.xml", b"<worksheet><sheetData/></worksheet>"),
    ])
}

fn inline(reference: &str, text: &str) -> String {
    format!("<c r=\"{reference}\" t=\"inlineStr\"><is><t>{text}</t></is></c>")
}

fn ab() -> SourceSpec {
    spec(Format::Xlsx, &["a", "b"])
}

fn table(rows: &str) -> Vec<u8> {
    workbook(&format!("<row r=\"1\">{}{}</row>{rows}", inline("A1", "a"), inline("B1", "b")))
}

#[test]
fn titles_header_sparse_rows_and_every_kind_of_cell_are_read() {
    let file = workbook(&format!(
        r#"<row r="1">{}</row><row r="3"><c r="A3" t="s"><v>0</v></c>{}{}</row>
        <row r="4"><c r="A4" t="s"><v>1</v></c><c r="B4" s="7"><v>44433</v></c></row>
        <row r="5"/><row r="7"><c><v>1.999900000013E12</v></c><c t="b"><v>1</v></c><c t="e"><v>#N/A</v></c></row>
        <row r="8"><c r="C8" t="str"><f>A1&amp;"x"</f><v>a&amp;b</v></c></row>"#,
        inline("A1", "ณ วันที่ 10"),
        inline("B3", "วันเกิด ต้องกรอก"),
        inline("C3", "อื่น"),
    ));
    let mut spec = spec(Format::Xlsx, &["ชื่อ", "วันเกิด", "อื่น"]);
    spec.document = vec!["A1".into(), "B1".into()];
    for header_row in [None, Some(3)] {
        spec.header_row = header_row;
        let read = read(&file, &spec, &Limits::default()).unwrap();
        assert_eq!(
            read.rows,
            [
                [text("ก ข\r"), text("44433"), None],
                [text("1999900000013"), text("TRUE"), text("#N/A")],
                [None, None, text("a&b")],
            ]
        );
        assert_eq!(read.document, [text("ณ วันที่ 10"), None]);
        assert!(read.faults.is_empty());
    }
}

#[test]
fn sheets_are_found_by_name_or_the_first_to_be_seen() {
    let mut spec = ab();
    spec.sheet = Some("นักเรียน".into());
    let file = table("<row r=\"2\"><c r=\"A2\"><v>1</v></c></row>");
    assert_eq!(read(&file, &spec, &Limits::default()).unwrap().rows, [[text("1"), None]]);
    spec.sheet = Some("ครู".into());
    assert_eq!(refusal(read(&file, &spec, &Limits::default())).0, FMT_HEADER);
    spec.sheet = Some("ซ่อน".into());
    assert_eq!(refusal(read(&file, &spec, &Limits::default())).0, FMT_EMPTY);
}

#[test]
fn a_cell_beyond_the_header_refuses_its_row() {
    let file = table("<row r=\"2\"><c r=\"D2\"><v>1</v></c></row><row r=\"3\"><c r=\"A3\"><v>2</v></c></row>");
    assert_eq!(read(&file, &ab(), &Limits::default()).unwrap().faults, [(1, FMT_RAGGED, None)]);
}

#[test]
fn empty_sheets_other_files_and_damage_are_refused() {
    let limits = Limits::default();
    assert_eq!(refusal(read(&workbook(""), &ab(), &limits)).0, FMT_EMPTY);
    assert_eq!(refusal(read(&table(""), &ab(), &limits)).0, FMT_EMPTY);
    assert_eq!(refusal(read(b"a,b\n1,2\n", &ab(), &limits)).0, FMT_MALFORMED);
    assert_eq!(refusal(read(b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", &ab(), &limits)).0, FMT_ARCHIVE);
    assert_eq!(refusal(read(&zip(&[("x.txt", b"x")]), &ab(), &limits)).0, FMT_ARCHIVE);
    let whole = table("<row r=\"2\"><c r=\"A2\"><v>1</v></c></row>");
    assert_eq!(refusal(read(&whole[..whole.len() / 2], &ab(), &limits)).0, FMT_ARCHIVE);
    let name = memchr::memmem::find(&whole, b"xl/worksheets/sheet1.xml").unwrap();
    let mut damaged = whole.clone();
    damaged[name + 40] ^= 0x55;
    let rule = refusal(read(&damaged, &ab(), &limits)).0;
    assert!([FMT_ARCHIVE, FMT_MALFORMED, FMT_TRUNCATED].contains(&rule), "{rule}");
    let cut = with_book(BOOK, SHARED, "<worksheet><sheetData><row r=\"1\"><c r=\"A1\"><v>1</v></c></row>");
    assert_eq!(refusal(read(&cut, &ab(), &limits)).0, FMT_TRUNCATED);
}

#[test]
fn dates_that_count_from_1904_are_not_misread() {
    let book = BOOK.replace("<sheets>", "<workbookPr date1904=\"1\"/><sheets>");
    let file = with_book(&book, SHARED, "<worksheet><sheetData/></worksheet>");
    assert_eq!(refusal(read(&file, &ab(), &Limits::default())).0, FMT_MALFORMED);
}

#[test]
fn bombs_are_refused_while_they_unpack() {
    let spaces = " ".repeat(64 << 20);
    let sheet = format!("<worksheet><sheetData>{spaces}</sheetData></worksheet>");
    let limits = Limits { expansion_grace_bytes: 1 << 20, record_bytes_max: 1 << 30, ..Limits::default() };
    assert_eq!(refusal(read(&with_book(BOOK, SHARED, &sheet), &ab(), &limits)).0, LIM_EXPANSION);
    assert_eq!(refusal(read(&with_book(BOOK, SHARED, &sheet), &ab(), &Limits::default())).0, LIM_RECORD);
    let shared = format!("<sst>{}</sst>", "<si><t>กกกกกกกกกกกกกกกก</t></si>".repeat(100_000));
    let limits = Limits { shared_strings_bytes_max: 1 << 20, ..Limits::default() };
    let file = with_book(BOOK, &shared, "<worksheet><sheetData/></worksheet>");
    assert_eq!(refusal(read(&file, &ab(), &limits)).0, LIM_SHARED_STRINGS);
    let dtd = with_book(BOOK, "<!DOCTYPE sst [<!ENTITY a \"b\">]><sst/>", "<worksheet><sheetData/></worksheet>");
    assert_eq!(refusal(read(&dtd, &ab(), &Limits::default())).0, FMT_DTD);
}

#[test]
fn columns_rows_and_cells_have_limits() {
    let wide = workbook("<row r=\"1\"><c r=\"XFD1\"><v>1</v></c></row>");
    assert_eq!(refusal(read(&wide, &ab(), &Limits::default())).0, LIM_COLUMNS);
    let limits = Limits { rows_max: 1, cell_bytes_max: 3, ..Limits::default() };
    let two = table("<row r=\"2\"><c r=\"A2\"><v>1</v></c></row><row r=\"3\"><c r=\"A3\"><v>2</v></c></row>");
    assert_eq!(refusal(read(&two, &ab(), &limits)).0, LIM_ROWS);
    let long = table("<row r=\"2\"><c r=\"A2\"><v>12345</v></c></row>");
    assert_eq!(read(&long, &ab(), &limits).unwrap().faults, [(1, LIM_CELL, Some(0))]);
}

#[test]
fn any_size_of_block_gives_the_same_rows() {
    let rows: String = (2..600).map(|row| format!("<row r=\"{row}\"><c r=\"A{row}\"><v>{row}</v></c></row>")).collect();
    let file = table(&rows);
    let whole = read(&file, &ab(), &Limits::default()).unwrap();
    assert_eq!(whole.rows.len(), 598);
    for block_bytes in [1, 100, 1000] {
        assert_eq!(read(&file, &ab(), &Limits { block_bytes, ..Limits::default() }).unwrap(), whole);
    }
}

#[test]
fn further_sheets_with_data_are_named_and_hidden_or_empty_ones_are_not() {
    let rels = BOOK_RELS
        .replace("</Relationships>", "<Relationship Id=\"r4\" Type=\"http://x/worksheet\" Target=\"worksheets/sheet3.xml\"/><Relationship Id=\"r5\" Type=\"http://x/chartsheet\" Target=\"chartsheets/sheet1.xml\"/></Relationships>");
    let book = r#"<workbook xmlns:r="http://r"><sheets><sheet name="ม.1" r:id="r1"/><sheet name="ม.2" r:id="r2"/><sheet name="1-9999-00000-01-3" r:id="r4"/><sheet name="กราฟ" r:id="r5"/></sheets></workbook>"#;
    let sheet = |cells: &str| format!("<worksheet><sheetData>{cells}</sheetData></worksheet>");
    let header = format!("<row r=\"1\">{}{}</row>", inline("A1", "a"), inline("B1", "b"));
    let first = sheet(&format!("{header}<row r=\"2\">{}</row>", inline("A2", "1")));
    let made = |book: &str, second: &str| {
        zip(&[
            ("_rels/.rels", RELS.as_bytes()),
            ("xl/workbook.xml", book.as_bytes()),
            ("xl/_rels/workbook.xml.rels", rels.as_bytes()),
            ("xl/sharedStrings.xml", SHARED.as_bytes()),
            ("xl/worksheets/sheet1.xml", first.as_bytes()),
            ("xl/worksheets/sheet2.xml", second.as_bytes()),
            ("xl/worksheets/sheet3.xml", first.as_bytes()),
        ])
    };
    let unread = |file: &[u8], spec: &SourceSpec| read(file, spec, &Limits::default()).unwrap().unread;
    let blank = sheet("<row r=\"1\"><c r=\"A1\" s=\"1\"/></row>");
    assert_eq!(unread(&made(book, &first), &ab()), ["ม.2", "(a name with digits)"]);
    assert_eq!(unread(&made(book, &blank), &ab()), ["(a name with digits)"]);
    assert_eq!(unread(&made(&book.replace("name=\"1-", "state=\"hidden\" name=\"1-"), &first), &ab()), ["ม.2"]);
    let mut ignoring = ab();
    ignoring.ignore_sheets = vec!["ม.2".into()];
    assert_eq!(unread(&made(book, &first), &ignoring), ["(a name with digits)"]);
}
