//! Files that attack whoever opens them: us with entities and bombs, the sender's spreadsheet with formulas.

use super::super::harness::{Gateway, sample};
use super::others_are_served;
use reqwest::Method;
use serde_json::Value;
use std::io::{Read, Write};

/// Refused whole, with this rule, and nothing of it in force.
async fn assert_refused(gateway: &Gateway, client: &str, mapping: &str, file: Vec<u8>, rule: &str) {
    let answer = gateway.send(client, mapping, file).await;
    let status = answer.status();
    let body: Value = answer.json().await.unwrap();
    assert_eq!((status.as_u16(), &body["code"]), (422, &"file-refused".into()), "{body}");
    assert!(body["refusal"]["rule"].as_str().unwrap().starts_with(rule), "{body}");
    assert!(!body.to_string().contains("root:"), "{body}");
    assert_eq!(gateway.get("/healthz").await.status(), 200);
}

#[tokio::test]
async fn entities_of_xml_are_neither_followed_nor_grown() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let xml = String::from_utf8(sample("ovec.xml")).unwrap();
    let (prolog, rest) = xml.split_once("?>").unwrap();
    let mut laughs = String::from("<!ENTITY a0 \"ha\">");
    for at in 1..30 {
        laughs += &format!("<!ENTITY a{at} \"{}\">", format!("&a{};", at - 1).repeat(10));
    }
    for dtd in [
        format!("<!DOCTYPE x [{laughs}]>"),
        "<!DOCTYPE x [<!ENTITY f SYSTEM \"file:///etc/passwd\">]>".into(),
        "<!DOCTYPE x SYSTEM \"http://127.0.0.1:1/x.dtd\">".into(),
        "<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/p\"> %p;]>".into(),
    ] {
        let file = format!("{prolog}?>{dtd}{rest}").into_bytes();
        assert_refused(&gateway, "ovec", "ovec/enrolments", file, "SPH-FMT-005").await;
    }
    let answer = gateway.by("opec", Method::GET, "/v1/submissions").send().await.unwrap();
    assert_eq!(answer.status(), 200);
}

#[tokio::test]
async fn bombs_are_found_out_before_they_are_whole() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    let block = vec![b'0'; 1 << 20];
    for _ in 0..64 {
        gzip.write_all(&block).unwrap();
    }
    let bomb = gzip.finish().unwrap();
    assert!(bomb.len() < 1 << 18);
    assert_refused(&gateway, "obec", "obec/enrolments", bomb.clone(), "SPH-LIM-").await;
    // The same inside another.
    let mut twice = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
    twice.write_all(&bomb).unwrap();
    let answer = gateway.send("obec", "obec/enrolments", twice.finish().unwrap()).await;
    assert_eq!(answer.status(), 422);
    // A workbook that is 600 MB of nothing.
    let mut given = zip::ZipArchive::new(std::io::Cursor::new(sample("opec.xlsx"))).unwrap();
    let mut made = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for at in 0..given.len() {
        let mut part = given.by_index(at).unwrap();
        let name = part.name().unwrap().into_owned();
        made.start_file(&name, zip::write::SimpleFileOptions::default()).unwrap();
        let mut bytes = Vec::new();
        part.read_to_end(&mut bytes).unwrap();
        if name.ends_with("sheet1.xml") {
            let head = bytes.windows(11).position(|window| window == b"<sheetData>").unwrap();
            made.write_all(&bytes[..head]).unwrap();
            let space = format!("<!--{}-->", " ".repeat(1_000_000));
            for _ in 0..600 {
                made.write_all(space.as_bytes()).unwrap();
            }
            bytes.drain(..head);
        }
        made.write_all(&bytes).unwrap();
    }
    let bomb = made.finish().unwrap().into_inner();
    assert_refused(&gateway, "opec", "opec/enrolments", bomb, "SPH-LIM-006").await;
    others_are_served(&gateway).await;
}

const FORMULA: &str = "=cmd|' /C calc'!A0";

#[tokio::test]
async fn no_cell_of_a_file_that_we_give_back_runs() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let refused = |client: &'static str, answer: Value| {
        let id = answer["id"].as_str().unwrap().to_owned();
        assert!(answer["refused"].as_u64() > Some(0), "{answer}");
        gateway.by(client, Method::GET, &format!("/v1/submissions/{id}/refused")).send()
    };
    // CSV: in a row that is refused for it.
    let csv = encoding_rs::WINDOWS_874.decode(&sample("obec.csv")).0.into_owned();
    let mut lines: Vec<String> = csv.lines().map(str::to_owned).collect();
    for (line, formula) in lines[1..].iter_mut().zip([FORMULA, "+1+1", "@SUM(A1)", "-2+3", "\t=1"]) {
        let mut cells: Vec<&str> = line.split(',').collect();
        cells[3] = formula;
        *line = cells.join(",");
    }
    let sent = gateway.send("obec", "obec/enrolments", lines.join("\r\n").into_bytes()).await.json().await.unwrap();
    let back = refused("obec", sent).await.unwrap().text().await.unwrap();
    assert!(back.contains(&format!("'{FORMULA}")), "{back}");
    for cell in back.lines().flat_map(|line| line.split(',')) {
        let cell = cell.trim_start_matches('"');
        assert!(cell == "-" || !cell.starts_with(['=', '+', '-', '@', '\t']), "{cell}");
    }
    // A workbook: texts stay texts, no formula is written.
    let mut given = zip::ZipArchive::new(std::io::Cursor::new(sample("opec.xlsx"))).unwrap();
    let mut made = zip::ZipWriter::new(std::io::Cursor::new(Vec::new()));
    for at in 0..given.len() {
        let mut part = given.by_index(at).unwrap();
        let name = part.name().unwrap().into_owned();
        made.start_file(&name, zip::write::SimpleFileOptions::default()).unwrap();
        let mut text = String::new();
        part.read_to_string(&mut text).unwrap();
        // The cell of the class in every row of data.
        for row in 4..20 {
            let cell = format!("<c r=\"G{row}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">");
            if let Some(place) = text.find(&cell) {
                let from = place + cell.len();
                let to = from + text[from..].find('<').unwrap();
                text.replace_range(from..to, "=HYPERLINK(\"http://x\")");
            }
        }
        made.write_all(text.as_bytes()).unwrap();
    }
    let file = made.finish().unwrap().into_inner();
    let sent = gateway.send("opec", "opec/enrolments", file).await.json().await.unwrap();
    let back = refused("opec", sent).await.unwrap().bytes().await.unwrap();
    let mut back = zip::ZipArchive::new(std::io::Cursor::new(back.to_vec())).unwrap();
    let mut all = String::new();
    for at in 0..back.len() {
        back.by_index(at).unwrap().read_to_string(&mut all).unwrap();
    }
    assert!(all.contains("=HYPERLINK") && !all.contains("<f>") && !all.contains("<f ") && !all.contains("<hyperlink"));
    // Lists and open data are ours, and are looked at all the same.
    for path in ["/v1/codelists/grade?format=csv", "/v1/codelists/school?format=csv"] {
        let text = gateway.get(path).await.text().await.unwrap();
        assert!(text.lines().count() > 5, "{path}");
        assert!(!text.lines().flat_map(|line| line.split(',')).any(|cell| cell.starts_with(['=', '+', '@', '\t'])));
    }
    others_are_served(&gateway).await;
}
