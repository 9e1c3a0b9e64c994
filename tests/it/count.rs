//! What the generator makes none of: a person under two numbers, and learners of a school that is closed or no longer in
//! the register. A small round written by hand, through the real binary into the store and the count.
//!
//! Nobody in it exists: the province digits 99 stand in no real number.

use super::harness::cli::Saphan;
use saphan::domain::learner_id::check_digit;
use serde_json::{Value, json};
use std::path::Path;

const ROUND: &str = "2026-06-10";
const HEADER: &str = "รหัสโรงเรียน,เลขประจำตัวประชาชน,ชั้น,เพศ,คำนำหน้าชื่อ,ชื่อ,นามสกุล,วันเกิด";
const REGISTER: [&str; 4] = [
    "school_id,smis,agency,name_th,province,district,subdistrict,lat,lon,status",
    "1010000001,10010001,obec,โรงเรียนทดสอบหนึ่ง,10,1001,100101,13.75,100.5,open",
    "1210000001,,dole,ศูนย์ทดสอบหนึ่ง,10,1001,100101,13.75,100.5,open",
    "1210000002,,dole,ศูนย์ทดสอบสอง,10,1001,100101,13.75,100.5,closed",
];

fn citizen(serial: u32) -> String {
    let body = format!("199{serial:09}");
    format!("{body}{}", char::from(check_digit(body.as_bytes())))
}

fn g_code(serial: u32) -> String {
    format!("G6910{serial:08}")
}

/// Born on 2009-03-20: old enough for every grade used here.
fn pupil(id: &str, given: &str) -> String {
    format!("10010001,{id},ม.5,ชาย,นาย,{given},ทดสอบ,20/03/2552")
}

fn learner(id: &str, given: &str, school: &str, female: bool) -> Value {
    let (title, gender) = if female { ("นางสาว", "2") } else { ("นาย", "1") };
    json!({
        "std_code": format!("{school}6900000001"), "cardid": id, "prename": title, "name": given, "surname": "ทดสอบ",
        "birday": "20090320", "gender": gender, "level": "3", "fin_cause": "",
    })
}

fn submit(saphan: &Saphan, mapping: &str, path: &Path) -> Value {
    let run = saphan.run(&["submit", "--json", "--mapping", mapping, "--round", ROUND, path.to_str().unwrap()]);
    assert_eq!(run.code, 0, "{mapping}: {} {}", run.stdout, run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

fn count(saphan: &Saphan) -> Value {
    let run = saphan.run(&["count", "--round", ROUND, "--json"]);
    assert_eq!(run.code, 0, "{}", run.stderr);
    serde_json::from_str(&run.stdout).unwrap()
}

/// Agency, school, row, standing and payable of each place of the only case of a rule.
fn places<'r>(report: &'r Value, rule: &str) -> (&'r Value, Vec<Value>) {
    let cases: Vec<&Value> = report["cases"].as_array().unwrap().iter().filter(|case| case["rule"] == rule).collect();
    assert_eq!(cases.len(), 1, "{rule}: {cases:?}");
    let line = |of: &Value| json!([of["agency"], of["school_id"], of["row"], of["standing"], of["payable"]]);
    (cases[0], cases[0]["places"].as_array().unwrap().iter().map(line).collect())
}

/// The numbers of an agency that this round moves; what is not asserted is zero.
fn totals(report: &Value, slug: &str) -> Value {
    let of = report["agencies"].as_array().unwrap().iter().find(|of| of["slug"] == slug).unwrap();
    for zero in ["invalid", "superseded", "not_studying", "disputed", "duplicate_permitted"] {
        assert_eq!(of[zero], 0, "{slug} {zero}");
    }
    json!({
        "received": of["received"], "accepted": of["accepted"], "closed": of["closed"],
        "duplicate": of["duplicate"], "payable": of["payable"],
    })
}

#[test]
fn one_person_under_two_numbers_is_named_and_a_closed_school_is_not_paid() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(folder.path());
    let write = |name: &str, text: String| {
        let path = folder.path().join(name);
        std::fs::write(&path, text).unwrap();
        path
    };
    // Rows 1 to 3: alone; under two numbers; also in the closed school.
    let obec = [HEADER.to_owned(), pupil(&citizen(1), "หนึ่ง"), pupil(&citizen(2), "สอง"), pupil(&citizen(3), "สาม")];
    // Row 1 is the G-code of row 2 above; row 2 bears the same name and birth date and is another person, a woman;
    // rows 3 and 4 are in the closed school, row 4 nowhere else; row 5 is in order.
    let dole = json!({ "system": "ITw51", "semestry": "1/69", "students": [
        learner(&g_code(1), "สอง", "1210000001", false),
        learner(&g_code(2), "สอง", "1210000001", true),
        learner(&citizen(3), "สาม", "1210000002", false),
        learner(&citizen(4), "สี่", "1210000002", false),
        learner(&citizen(5), "ห้า", "1210000001", false),
    ]});
    submit(&saphan, "moe/schools", &write("schools.csv", REGISTER.join("\n")));
    submit(&saphan, "obec/enrolments", &write("obec.csv", obec.join("\n")));
    submit(&saphan, "dole/enrolments", &write("dole.json", dole.to_string()));

    let report = count(&saphan);
    assert_eq!(
        report["findings"],
        json!({
            "CNT-AGE": 0, "CNT-CLOSED": 2, "CNT-DUAL-OK": 0, "CNT-DUP-AGENCY": 1, "CNT-DUP-ROW": 0, "CNT-DUP-SCHOOL": 0,
            "CNT-ID-SHARED": 0, "CNT-ID-TWO": 1,
        })
    );
    let (two, at) = places(&report, "CNT-ID-TWO");
    assert_eq!((&two["severity"], &two["basis"]), (&json!("warning"), &json!("warning")));
    assert_eq!(two["others_masked"].as_array().unwrap().len(), 1, "both numbers are shown, masked: {two}");
    assert!(!two.to_string().contains(&citizen(2)) && !two.to_string().contains(&g_code(1)), "{two}");
    let both = [json!(["10", "1010000001", 2, "payable", true]), json!(["12", "1210000001", 1, "payable", true])];
    assert_eq!(at, both, "a candidate takes nothing from anybody");
    let (twice, at) = places(&report, "CNT-DUP-AGENCY");
    assert_eq!((&twice["basis"], &twice["provisional"]), (&json!("only_open_school"), &json!(false)));
    let one = [json!(["10", "1010000001", 3, "payable", true]), json!(["12", "1210000002", 3, "closed", false])];
    assert_eq!(at, one, "the open school is paid");
    let closed = json!([{ "agency": "12", "school_id": "1210000002", "state": "closed", "places": 2 }]);
    assert_eq!(report["closed_schools"], closed);
    assert_eq!(
        totals(&report, "obec"),
        json!({ "received": 3, "accepted": 3, "closed": 0, "duplicate": 0, "payable": 3 })
    );
    assert_eq!(
        totals(&report, "dole"),
        json!({ "received": 5, "accepted": 5, "closed": 2, "duplicate": 0, "payable": 3 })
    );
    assert_eq!(report["payable"]["total"], 6);

    // The register comes again and no longer names the other centre: its learners have no school.
    let without = [REGISTER[0], REGISTER[1], REGISTER[3]];
    submit(&saphan, "moe/schools", &write("fewer.csv", without.join("\n")));
    let report = count(&saphan);
    assert_eq!((&report["findings"]["CNT-CLOSED"], &report["findings"]["CNT-ID-TWO"]), (&json!(5), &json!(1)));
    let closed = json!([
        { "agency": "12", "school_id": "1210000001", "state": "unknown", "places": 3 },
        { "agency": "12", "school_id": "1210000002", "state": "closed", "places": 2 },
    ]);
    assert_eq!(report["closed_schools"], closed);
    let (_, at) = places(&report, "CNT-ID-TWO");
    assert_eq!(at[1], json!(["12", "1210000001", 1, "closed", false]));
    assert_eq!(
        totals(&report, "dole"),
        json!({ "received": 5, "accepted": 5, "closed": 5, "duplicate": 0, "payable": 0 })
    );
    assert_eq!(report["payable"]["total"], 3);
}

#[test]
fn a_manifest_without_a_signature_is_not_verified() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(folder.path());
    let path = |name: &str| folder.path().join(name);
    std::fs::write(path("schools.csv"), REGISTER.join("\n")).unwrap();
    std::fs::write(path("obec.csv"), [HEADER.to_owned(), pupil(&citizen(1), "หนึ่ง")].join("\n")).unwrap();
    submit(&saphan, "moe/schools", &path("schools.csv"));
    submit(&saphan, "obec/enrolments", &path("obec.csv"));
    let manifest = path("count.json");
    let manifest = manifest.to_str().unwrap();
    assert_eq!(saphan.run(&["count", "--round", ROUND, "--manifest", manifest]).code, 0);
    let verify = |more: &[&str]| {
        let run = saphan.run(&[&["count", "verify", manifest], more].concat());
        (run.code, run.stdout + &run.stderr)
    };

    let (code, said) = verify(&[]);
    assert!(code == 0 && said.contains("✓ the signature") && said.contains("✓ counted again"), "{code} {said}");
    std::fs::rename(path("count.json.sig"), path("elsewhere.sig")).unwrap();
    let (code, said) = verify(&[]);
    assert!(
        code == 2 && said.contains("✗ nothing proves who made") && said.contains("✓ counted again"),
        "{code} {said}"
    );
    let (code, said) = verify(&["--lang", "th"]);
    assert!(code == 2 && said.contains("✗ ไม่ได้พิสูจน์") && said.contains("✓ นับใหม่แล้ว"), "{code} {said}");
    let (code, said) = verify(&["--json"]);
    let found: Value = serde_json::from_str(&said).unwrap();
    assert_eq!((code, found), (2, json!({ "verified": false, "signature_valid": null, "differences": [] })));
    let (code, said) = verify(&["--unsigned"]);
    assert!(code == 0 && !said.contains("signature"), "a comparison is all that was asked: {code} {said}");
    let elsewhere = path("elsewhere.sig");
    assert_eq!(verify(&["--signature", elsewhere.to_str().unwrap()]).0, 0);

    // Somebody changes a number: neither the signature nor the repetition stands.
    let changed = std::fs::read_to_string(manifest).unwrap().replace("\"payable\": 1", "\"payable\": 2");
    std::fs::write(manifest, changed).unwrap();
    let (code, said) = verify(&["--signature", elsewhere.to_str().unwrap()]);
    assert!(code == 2 && said.contains("✗ the signature") && said.contains("differs in: result"), "{code} {said}");
    assert_eq!(verify(&["--unsigned"]).0, 2);
}
