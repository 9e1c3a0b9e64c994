//! Files that attack, break off or are simply the wrong ones, through the real binary: each gets a clear answer with
//! its rule, in both languages, in bounded memory, and the rows that are good are not lost.

use crate::harness::cli::{Ran, Saphan};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Stdio;

const HEADER: &str = "รหัสโรงเรียน,ชื่อโรงเรียน,เลขประจำตัวประชาชน,ชั้น,ห้อง,รหัสนักเรียน,เพศ,คำนำหน้าชื่อ,ชื่อ,นามสกุล,วันเกิด,อายุ(ปี),น้ำหนัก,ส่วนสูง,กลุ่มเลือด,ศาสนา,เชื้อชาติ,สัญชาติ,บ้านเลขที่,หมู่,ถนน/ซอย,ตำบล,อำเภอ,จังหวัด,ชื่อผู้ปกครอง,นามสกุลผู้ปกครอง,อาชีพของผู้ปกครอง,ความเกี่ยวข้องของผู้ปกครองกับนักเรียน,ชื่อบิดา,นามสกุลบิดา,อาชีพของบิดา,ชื่อมารดา,นามสกุลมารดา,อาชีพของมารดา,ความด้อยโอกาส,ยังไม่สามารถจำหน่ายได้ (3.1.8)";

fn fixtures() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agencies/2026-06-10")
}

/// A clean row of the OBEC layout; `given` is the given name's cell.
fn row(given: &str) -> String {
    format!(
        "20060001,โรงเรียน,1999900000013,ป.1,1,12345,ช,เด็กชาย,{given},ทดสอบ,21/05/2562,7,20.0,115.0,O,พุทธ,ไทย,ไทย,1,2,-,ละอุ่นเหนือ,ละอุ่น,ระนอง,ก,ข,รับราชการ,มารดา,ก,ข,เกษตรกรรม,ค,ง,รับราชการ,-,-"
    )
}

fn map(folder: &Path, mapping: &str, input: &Path) -> Ran {
    Saphan::new(folder).run(&[
        "map",
        "--mapping",
        mapping,
        "--round",
        "2026-06-10",
        "--schools",
        fixtures().join("schools.csv").to_str().unwrap(),
        "--rejected",
        folder.join("refused").to_str().unwrap(),
        input.to_str().unwrap(),
    ])
}

fn map_bytes(mapping: &str, bytes: &[u8]) -> (tempfile::TempDir, Ran) {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    std::fs::write(&input, bytes).unwrap();
    let ran = map(folder.path(), mapping, &input);
    (folder, ran)
}

/// The whole file is refused with this rule, with nothing on standard output.
fn assert_file_refused(ran: &Ran, rule: &str) {
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert!(ran.stderr.contains(rule), "expected {rule}: {}", ran.stderr);
    assert_eq!(ran.stdout, "");
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
}

fn receipt(ran: &Ran) -> serde_json::Value {
    serde_json::from_str(ran.stderr.lines().last().unwrap_or("")).unwrap_or_else(|_| panic!("{}", ran.stderr))
}

fn windows_874(text: &str) -> Vec<u8> {
    encoding_rs::WINDOWS_874.encode(text).0.into_owned()
}

#[test]
fn an_empty_file_is_said_to_be_empty() {
    for mapping in ["obec/enrolments", "ovec/enrolments", "dole/enrolments", "opec/enrolments"] {
        let (_folder, ran) = map_bytes(mapping, b"");
        assert_file_refused(&ran, "SPH-FMT-001");
    }
}

#[test]
fn a_header_without_rows_is_said_to_be_empty() {
    let (_folder, ran) = map_bytes("obec/enrolments", HEADER.as_bytes());
    assert_file_refused(&ran, "SPH-FMT-001");
}

#[test]
fn the_wrong_mapping_for_a_file_names_what_is_missing() {
    let (_folder, ran) = map_bytes("obec/enrolments", b"school_id,smis,agency\n1020000001,20060001,obec\n");
    assert_file_refused(&ran, "SPH-COL-001");
    assert!(ran.stderr.contains("รหัสโรงเรียน") || ran.stderr.contains("เลขประจำตัวประชาชน"), "{}", ran.stderr);
    for (mapping, file) in [
        ("ovec/enrolments", "obec.csv"),
        ("dole/enrolments", "ovec.xml"),
        ("opec/enrolments", "dole.json"),
        ("obec/enrolments", "opec.xlsx"),
    ] {
        let folder = tempfile::tempdir().unwrap();
        let ran = map(folder.path(), mapping, &fixtures().join(file));
        assert_eq!(ran.code, 1, "{mapping} on {file}: {}", ran.stderr);
        assert!(ran.stderr.contains("SPH-"), "{mapping} on {file}: {}", ran.stderr);
    }
}

#[test]
fn a_file_of_another_kind_is_told_so_and_a_wrong_argument_is_no_refused_row() {
    let folder = tempfile::tempdir().unwrap();
    for (mapping, file, looks, wanted) in [
        ("ovec/enrolments", "obec.csv", "a table of text such as CSV", "XML"),
        ("ovec/enrolments", "dole.json", "JSON", "XML"),
        ("obec/enrolments", "opec.xlsx", "an Excel workbook (.xlsx) or a ZIP file", "CSV"),
        ("obec/enrolments", "ovec.xml", "XML", "CSV"),
        ("dole/enrolments", "ovec.xml", "XML", "JSON"),
        ("dole/enrolments", "obec.csv", "a table of text such as CSV", "JSON"),
        ("opec/enrolments", "obec.csv", "a table of text such as CSV", "an Excel workbook (.xlsx)"),
    ] {
        let ran = map(folder.path(), mapping, &fixtures().join(file));
        assert_file_refused(&ran, "SPH-FMT-002");
        let said = format!("it looks like {looks}; the mapping takes {wanted}");
        assert!(ran.stderr.contains(&said), "{mapping} on {file}: {}", ran.stderr);
        assert!(ran.stderr.contains("renaming it does not change its kind"), "{}", ran.stderr);
        assert!(!ran.stderr.contains("encoding") && !ran.stderr.contains("column"), "{}", ran.stderr);
    }
    for words in [
        &["map", "--nosuch"][..],
        &["map", "--mapping", "obec/enrolments", "--round", "2026-06-11", "x"],
        &["count", "verify"],
    ] {
        assert_eq!(Saphan::new(folder.path()).run(words).code, 1, "{words:?}");
    }
    assert_eq!(Saphan::new(folder.path()).run(&["map", "--help"]).code, 0);
    let thai = Saphan::new(folder.path()).run(&["map", "--nosuch", "--lang", "th"]);
    assert!(thai.code == 1 && thai.stderr.starts_with("saphan: ไม่มีตัวเลือก '--nosuch'"), "{}", thai.stderr);
}

#[test]
fn a_file_in_another_encoding_is_advised_as_its_format_needs() {
    let students = |declaration: &str| {
        let text = std::fs::read_to_string(fixtures().join("ovec.xml")).unwrap();
        windows_874(&text.replacen("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n", declaration, 1))
    };
    let declared = students("<?xml version=\"1.0\" encoding=\"windows-874\"?>\n");
    let json = windows_874(&std::fs::read_to_string(fixtures().join("dole.json")).unwrap());
    for (mapping, bytes) in
        [("ovec/enrolments", declared), ("ovec/enrolments", students("")), ("dole/enrolments", json)]
    {
        let (_folder, ran) = map_bytes(mapping, &bytes);
        assert_file_refused(&ran, "SPH-ENC-001");
        assert!(ran.stderr.contains("not in any allowed encoding (utf-8)"), "{mapping}: {}", ran.stderr);
        assert!(ran.stderr.contains("export the whole file as UTF-8"), "{mapping}: {}", ran.stderr);
        assert!(!ran.stderr.contains("CSV") && !ran.stderr.contains("Excel"), "{mapping}: {}", ran.stderr);
    }
    let csv = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/hostile/utf16_without_mark.csv");
    let (_folder, ran) = map_bytes("obec/enrolments", &std::fs::read(csv).unwrap());
    assert_file_refused(&ran, "SPH-ENC-001");
    assert!(ran.stderr.contains("CSV UTF-8"), "{}", ran.stderr);
}

#[test]
fn a_cut_gzip_is_said_to_be_cut() {
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
    gzip.write_all(&std::fs::read(fixtures().join("obec.csv")).unwrap()).unwrap();
    let whole = gzip.finish().unwrap();
    let (_folder, ran) = map_bytes("obec/enrolments", &whole[..whole.len() / 2]);
    assert_file_refused(&ran, "SPH-FMT-004");
    let (_folder, ran) = map_bytes("obec/enrolments", &whole);
    assert_eq!(ran.code, 2, "the whole one is taken: {}", ran.stderr);
}

#[test]
fn a_line_of_200_megabytes_is_refused_without_taking_200_megabytes() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    let mut file = std::io::BufWriter::new(std::fs::File::create(&input).unwrap());
    file.write_all(HEADER.as_bytes()).unwrap();
    file.write_all(b"\n").unwrap();
    let block = vec![b'x'; 1 << 20];
    for _ in 0..200 {
        file.write_all(&block).unwrap();
    }
    drop(file);
    // 160 MB of address space for data: the line must not be held.
    let limited = format!(
        "ulimit -d 163840; exec {} map --mapping obec/enrolments --round 2026-06-10 --threads 1 {}",
        env!("CARGO_BIN_EXE_saphan"),
        input.display()
    );
    let output = std::process::Command::new("bash")
        .args(["-c", &limited])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .unwrap();
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(1), "{stderr}");
    assert!(stderr.contains("SPH-LIM-003"), "{stderr}");
}

#[test]
fn one_broken_byte_in_utf_8_refuses_its_row_alone() {
    let mut bytes = Vec::new();
    for name in ["ปรีชา", "สมชาย", "มานะ"] {
        if bytes.is_empty() {
            bytes.extend_from_slice(HEADER.as_bytes());
            bytes.push(b'\n');
        }
        bytes.extend_from_slice(row(name).as_bytes());
        bytes.push(b'\n');
    }
    let at = bytes.windows("สมชาย".len()).position(|window| window == "สมชาย".as_bytes()).unwrap();
    bytes[at + 1] = b'A';
    let (_folder, ran) = map_bytes("obec/enrolments", &bytes);
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let receipt = receipt(&ran);
    assert_eq!((receipt["accepted"].as_u64(), receipt["refused"].as_u64()), (Some(2), Some(1)), "{receipt}");
    assert_eq!(receipt["causes"][0]["rule"], "SPH-ENC-002");
    assert_eq!(receipt["causes"][0]["first_row"], 2);
}

#[test]
fn xml_with_a_document_type_is_refused() {
    let xml = r#"<?xml version="1.0"?><!DOCTYPE x [<!ENTITY a "aaaa"><!ENTITY b "&a;&a;&a;&a;">]>
        <v:StudentList xmlns:v="urn:th:go:vec:student:1" academicYear="2569" semester="1"><v:Student code="&b;"/></v:StudentList>"#;
    let (_folder, ran) = map_bytes("ovec/enrolments", xml.as_bytes());
    assert_file_refused(&ran, "SPH-FMT-005");
}

#[test]
fn json_nested_100_000_deep_is_refused() {
    for (open, close) in [("[", "]"), ("{\"a\":", "}")] {
        let deep =
            format!("{{\"semestry\":\"1/69\",\"students\":[{}1{}]}}", open.repeat(100_000), close.repeat(100_000));
        let (_folder, ran) = map_bytes("dole/enrolments", deep.as_bytes());
        assert_file_refused(&ran, "SPH-LIM-005");
    }
}

#[test]
fn a_workbook_that_is_a_zip_bomb_is_refused() {
    use zip::write::SimpleFileOptions;
    let mut zip = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let mut part = |name: &str, head: &str, filler: usize| {
        zip.start_file(name, SimpleFileOptions::default()).unwrap();
        zip.write_all(head.as_bytes()).unwrap();
        let block = format!("<!--{}-->", " ".repeat(1_000_000)).into_bytes();
        for _ in 0..filler {
            zip.write_all(&block).unwrap();
        }
    };
    part(
        "xl/workbook.xml",
        r#"<workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="s" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
        0,
    );
    part(
        "xl/_rels/workbook.xml.rels",
        r#"<Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
        0,
    );
    part(
        "xl/worksheets/sheet1.xml",
        r#"<worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#,
        600,
    );
    let bytes = zip.finish().unwrap().into_inner();
    assert!(bytes.len() < 2 << 20);
    let (_folder, ran) = map_bytes("opec/enrolments", &bytes);
    assert_file_refused(&ran, "SPH-LIM-006");
}

#[test]
fn two_columns_of_one_wanted_name_are_refused() {
    let text = format!("{}\n{}\n", HEADER.replace("รหัสนักเรียน", "เลขประจำตัวประชาชน"), row("ปรีชา"));
    let (_folder, ran) = map_bytes("obec/enrolments", text.as_bytes());
    assert_file_refused(&ran, "SPH-COL-002");
    assert!(ran.stderr.contains("(columns 3, 6 are all named เลขประจำตัวประชาชน)"), "{}", ran.stderr);
    assert!(ran.stderr.contains("Rename the headings") && !ran.stderr.contains("position"), "{}", ran.stderr);
}

#[test]
fn line_breaks_inside_quotes_stay_one_row() {
    let text = format!("{HEADER}\r\n{}\r\n{}\r\n", row("\"ปรี\r\nชา\""), row("มานะ"));
    let (_folder, ran) = map_bytes("obec/enrolments", &windows_874(&text));
    let receipt = receipt(&ran);
    assert_eq!((receipt["received"].as_u64(), receipt["accepted"].as_u64()), (Some(2), Some(2)), "{receipt}");
    assert_eq!(receipt["encoding"], "windows-874");
    assert!(ran.stdout.contains("ปรี ชา"), "{}", ran.stdout);
}

#[test]
fn refused_rows_come_back_in_the_senders_own_bytes_with_reasons() {
    let bad = row("ปรีชา").replace("ป.1", "ป.7");
    let text = format!("{HEADER}\r\n{}\r\n{bad}\r\n", row("มานะ"));
    let (folder, ran) = map_bytes("obec/enrolments", &windows_874(&text));
    assert_eq!(ran.code, 2, "{}", ran.stderr);
    let back = std::fs::read(folder.path().join("refused")).unwrap();
    let (decoded, _, broken) = encoding_rs::WINDOWS_874.decode(&back);
    assert!(!broken, "it came as windows-874 and goes back so");
    let lines: Vec<&str> = decoded.split("\r\n").filter(|line| !line.is_empty()).collect();
    assert_eq!(lines.len(), 2, "{decoded}");
    assert!(lines[0].starts_with(HEADER), "{decoded}");
    assert!(lines[1].starts_with(&bad), "{decoded}");
    assert!(lines[1].contains("SPH-CODE-001") && lines[1].contains("ป.7"), "{decoded}");

    // Put right and sent again, the reason columns are no trouble.
    let mended = decoded.replace("ป.7", "ป.1");
    let (_folder, ran) = map_bytes("obec/enrolments", &windows_874(&mended));
    let receipt = receipt(&ran);
    assert_eq!((ran.code, receipt["accepted"].as_u64()), (0, Some(1)), "{receipt}");
    assert_eq!(receipt["unmapped_columns"], serde_json::json!([]));
}

#[test]
fn an_identifier_never_reaches_a_message() {
    let bad = row("ปรีชา").replace("1999900000013", "1999900000014");
    let (_folder, ran) = map_bytes("obec/enrolments", format!("{HEADER}\n{bad}\n").as_bytes());
    assert_eq!(ran.code, 2);
    assert!(!ran.stderr.contains("1999900000014") && !ran.stderr.contains("ปรีชา"), "{}", ran.stderr);
    assert_eq!(receipt(&ran)["causes"][0]["rule"], "SPH-ID-001");
}

#[test]
fn a_name_that_slipped_into_a_column_of_codes_is_masked() {
    // The first cell is missing and the last is empty: every cell stands one column to the left.
    let whole = row("ปรีชา");
    let slipped = format!("{},", whole.split_once(',').unwrap().1);
    let (_folder, ran) = map_bytes("obec/enrolments", format!("{HEADER}\n{whole}\n{slipped}\n").as_bytes());
    assert_eq!(ran.code, 2);
    assert_eq!(receipt(&ran)["refused"], 1);
    assert!(!ran.stderr.contains("ปรีชา") && ran.stderr.contains("ปร…"), "{}", ran.stderr);
}

#[test]
fn a_faulty_register_never_takes_schools_away() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(folder.path());
    let submit = |mapping: &str, path: &Path| {
        saphan.run(&["submit", "--json", "--mapping", mapping, "--round", "2026-06-10", path.to_str().unwrap()])
    };
    assert_eq!(submit("moe/schools", &fixtures().join("schools.csv")).code, 0);
    let text = std::fs::read_to_string(fixtures().join("schools.csv")).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    // One school with a code that is none, nothing else: the other schools stay.
    let bad = write("bad.csv", format!("{}\n{}\n", lines[0], lines[1].replacen("1020000001", "10200", 1)));
    let laid_over = submit("moe/schools", &bad);
    assert_eq!(laid_over.code, 2);
    let told: serde_json::Value = serde_json::from_str(&laid_over.stdout).unwrap();
    let cause =
        told["causes"].as_array().unwrap().iter().find(|cause| cause["rule"] == "SPH-REF-002").expect("says so");
    assert!(cause["message"]["th"].as_str().unwrap().contains("ทับบนทะเบียนเดิม"), "{cause}");
    assert_eq!((&told["removed"], &cause["rows"]), (&0.into(), &1.into()));
    // One school twice: nobody knows which row is meant.
    let twice = submit("moe/schools", &write("twice.csv", format!("{text}{}\n", lines[1])));
    assert_eq!(twice.code, 1, "{}", twice.stderr);
    assert!(twice.stderr.contains("1020000001 stands in more than one row"), "{}", twice.stderr);
    let ran = submit("obec/enrolments", &fixtures().join("obec.csv"));
    let receipt: serde_json::Value = serde_json::from_str(&ran.stdout).unwrap();
    assert_eq!(receipt["accepted"], 3_916, "the register still knows every school");

    // A register without fault but with one school only replaces the whole, and the receipt shows what that took away.
    let short = submit("moe/schools", &write("short.csv", format!("{}\n{}\n", lines[0], lines[1])));
    let told: serde_json::Value = serde_json::from_str(&short.stdout).unwrap();
    assert_eq!((short.code, &told["removed"]), (0, &(lines.len() - 2).into()), "{}", short.stderr);
    assert!(!short.stdout.contains("SPH-REF-002"));
}

#[test]
fn a_second_list_and_members_nobody_mapped_stand_on_the_receipt() {
    let file = std::fs::read_to_string(fixtures().join("dole.json")).unwrap();
    let (_folder, clean) = map_bytes("dole/enrolments", file.as_bytes());
    let (_folder, ran) = map_bytes(
        "dole/enrolments",
        file.replacen("{\"system\"", "{\"made\":\"10/06/2569\",\"left\":[{\"cardid\":\"x\"}],\"system\"", 1).as_bytes(),
    );
    assert_eq!((ran.code, receipt(&ran)["received"].clone()), (clean.code, receipt(&clean)["received"].clone()));
    assert_eq!(receipt(&clean)["unmapped_columns"], serde_json::json!([]));
    assert_eq!(receipt(&ran)["unmapped_columns"], serde_json::json!(["/made", "/left"]));
    let causes = receipt(&ran)["causes"].clone();
    let cause = causes.as_array().unwrap().iter().find(|cause| cause["rule"] == "SPH-FMT-011").unwrap();
    assert_eq!((&cause["severity"], &cause["rows"], &cause["value"]), (&"warning".into(), &0.into(), &"/left".into()));
    assert_eq!(cause["message"]["en"], "The file holds more data that was not read: \"/left\"; read was \"/students\"");
    assert!(cause["message"]["th"].as_str().unwrap().contains("\"/left\""));
}

fn has_thai(text: &str) -> bool {
    text.chars().any(|c| ('ก'..='๛').contains(&c))
}

#[test]
fn a_refused_file_is_told_once_and_in_the_language_asked_for() {
    let folder = tempfile::tempdir().unwrap();
    let input = folder.path().join("input");
    let schools = fixtures().join("schools.csv");
    let told = |mapping: &str, bytes: &[u8], lang: &str| {
        std::fs::write(&input, bytes).unwrap();
        let round = ["--round", "2026-06-10", "--schools", schools.to_str().unwrap(), input.to_str().unwrap()];
        let ran =
            Saphan::new(folder.path()).run(&[&["--lang", lang, "map", "--mapping", mapping], &round[..]].concat());
        assert_eq!(ran.code, 1, "{}", ran.stderr);
        ran.stderr
    };
    let swallowed = format!("{HEADER}\n{}\n{}\n", row("\"ปรีชา"), row("มานะ"));
    for (mapping, bytes, thai, english) in [
        ("obec/enrolments", b"".as_slice(), "ไม่มีอะไรอยู่เลย", "nothing in it"),
        ("obec/enrolments", swallowed.as_bytes(), "ติดอยู่ข้างใน", "further lines stand inside it"),
        ("ovec/enrolments", b"<x><y/></x>", "รากของไฟล์คือ x", "the root is x, the mapping expects v:StudentList"),
        ("dole/enrolments", b"{\"a\":1}", "ไม่มีรายการระเบียนที่ /students", "no list of records at /students"),
    ] {
        let (th, en) = (told(mapping, bytes, "th"), told(mapping, bytes, "en"));
        assert_eq!((th.matches(thai).count(), th.contains(english)), (1, false), "{th}");
        assert_eq!((en.matches(english).count(), has_thai(&en)), (1, false), "{en}");
    }
    let other_root = told("ovec/enrolments", b"<x><y/></x>", "en");
    assert!(!other_root.contains("column"), "an XML file has none: {other_root}");
}

#[test]
fn a_refused_file_leaves_a_report_and_no_rows() {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str| folder.path().join(name);
    let run = |bytes: &[u8]| {
        std::fs::write(path("input"), bytes).unwrap();
        let (accepted, rejected, report) = (path("accepted"), path("rejected"), path("report"));
        Saphan::new(folder.path()).run(&[
            "map",
            "--mapping",
            "obec/enrolments",
            "--round",
            "2026-06-10",
            "--schools",
            fixtures().join("schools.csv").to_str().unwrap(),
            "--accepted",
            accepted.to_str().unwrap(),
            "--rejected",
            rejected.to_str().unwrap(),
            "--report",
            report.to_str().unwrap(),
            path("input").to_str().unwrap(),
        ])
    };
    let report = || serde_json::from_slice::<serde_json::Value>(&std::fs::read(path("report")).unwrap()).unwrap();
    assert_eq!(run(format!("{HEADER}\n{}\n", row("ปรีชา")).as_bytes()).code, 0);
    assert_eq!(report()["accepted"], 1);
    // The first row is good, and yet nothing of the file may be taken.
    let ran = run(format!("{HEADER}\n{}\n{}\n{}\n", row("ปรีชา"), row("\"มานะ"), row("สมชาย")).as_bytes());
    assert_eq!(ran.code, 1, "{}", ran.stderr);
    assert_eq!(report()["refusal"]["rule"], "SPH-FMT-007");
    assert_eq!((report()["mapping"].as_str(), report().get("accepted")), (Some("obec/enrolments@1"), None));
    assert!(has_thai(report()["refusal"]["message"]["th"].as_str().unwrap()));
    assert_eq!(std::fs::read(path("accepted")).unwrap(), b"");
    assert_eq!(std::fs::read(path("rejected")).unwrap(), b"");
    // Not even a mapping that is not there leaves an earlier answer.
    std::fs::write(path("report"), "{}").unwrap();
    let unknown = ["map", "--mapping", "x/y", "--round", "2026-06-10", "--report"];
    let (to, input) = (path("report"), path("input"));
    Saphan::new(folder.path()).run(&[&unknown[..], &[to.to_str().unwrap(), input.to_str().unwrap()]].concat());
    assert_eq!(std::fs::read(path("report")).unwrap(), b"");
}

#[test]
fn a_run_without_a_register_says_so_before_its_receipt() {
    let folder = tempfile::tempdir().unwrap();
    let input = fixtures().join("dole.json");
    let map = |mapping: &str, input: &Path| {
        let ran = Saphan::new(folder.path()).run(&[
            "map",
            "--mapping",
            mapping,
            "--round",
            "2026-06-10",
            input.to_str().unwrap(),
        ]);
        (ran.stderr.lines().next().unwrap().to_owned(), receipt(&ran))
    };
    let (first, of_learners) = map("dole/enrolments", &input);
    assert!(first.contains("school codes are not checked against a register"), "{first}");
    assert!(of_learners["received"].as_u64() > Some(0));
    let (first, of_schools) = map("moe/schools", &fixtures().join("schools.csv"));
    assert!(first.starts_with('{') && of_schools["received"].as_u64() > Some(0), "a register needs none: {first}");
}

#[test]
fn a_reader_that_goes_away_changes_nothing_of_what_a_command_says_by_its_code() {
    let home = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(home.path());
    let sample = |name: &str| fixtures().join(name).to_str().unwrap().to_owned();
    let unread = |arguments: &[&str]| {
        let mut child = saphan.command(arguments).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
        drop(child.stdout.take());
        child.wait().unwrap().code().unwrap()
    };
    let submit =
        |mapping: &str, file: &str| unread(&["submit", "--mapping", mapping, "--round", "2026-06-10", &sample(file)]);
    assert_eq!(submit("moe/schools", "schools.csv"), 0);
    assert_eq!(submit("obec/enrolments", "obec.csv"), 2, "rows were refused");
    let map = |accepted: &[&str]| {
        let (schools, file) = (sample("schools.csv"), sample("obec.csv"));
        unread(
            &[
                &["map", "--mapping", "obec/enrolments", "--round", "2026-06-10", "--schools", &schools, &file],
                accepted,
            ]
            .concat(),
        )
    };
    assert_eq!(map(&[]), 1, "records that were cut off are not the file's");
    let whole = home.path().join("accepted");
    assert_eq!(map(&["--accepted", whole.to_str().unwrap()]), 2);
}
