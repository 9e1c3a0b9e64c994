//! The cases observed in the field (`tests/fixtures/normalisation_cases.csv`), each held exactly.

use super::*;
use crate::domain::text::Bilingual;

const CASES: &str = include_str!("../../../tests/fixtures/normalisation_cases.csv");
/// Held by the tests of the decoder and the writers: they speak of files, not of values.
const OF_FILES: [&str; 4] = ["decode_hex", "header", "header_set", "csv_injection"];

/// (code, Thai label, aliases, parent): the rows of the lists that the cases need.
type Row = (&'static str, &'static str, &'static str, Option<&'static str>);

const TITLE: &[Row] = &[
    ("001", "เด็กชาย", "ด.ช.|ดช|ดช.|ด.ช|ด. ช.|Master", Some("M")),
    ("002", "เด็กหญิง", "ด.ญ.|ดญ|ดญ.|ด.ญ|ด. ญ.", Some("F")),
    ("003", "นาย", "Mr.|Mr|MR.", Some("M")),
    ("004", "นางสาว", "น.ส.|นส|น.ส|นส.|น. ส.|Miss|MISS|Ms.", Some("F")),
    ("005", "นาง", "Mrs.|Mrs", Some("F")),
    ("832", "สามเณร", "เณร", Some("M")),
    ("T102", "ว่าที่ร้อยตรี", "ว่าที่ ร.ต.|ว่าที่ร.ต.", Some("M")),
    ("T103", "ว่าที่ร้อยตรีหญิง", "ว่าที่ ร.ต.หญิง", Some("F")),
    ("T108", "หม่อมหลวง", "ม.ล.", None),
];
const SEX: &[Row] = &[("M", "ชาย", "ช|1|Male", None), ("F", "หญิง", "ญ|2|Female", None)];
const GRADE: &[Row] = &[
    ("K1", "อนุบาลปีที่ 1", "อ.1", None),
    ("K2", "อนุบาลปีที่ 2", "อ.2", None),
    ("P1", "ประถมศึกษาปีที่ 1", "ป.1", None),
    ("P6", "ประถมศึกษาปีที่ 6", "ป.6", None),
    ("M1", "มัธยมศึกษาปีที่ 1", "ม.1", None),
    ("M4", "มัธยมศึกษาปีที่ 4", "ม.4", None),
    ("VC1", "ประกาศนียบัตรวิชาชีพ ปีที่ 1", "ปวช.1", None),
    ("VD2", "ประกาศนียบัตรวิชาชีพชั้นสูง ปีที่ 2", "ปวส.2", None),
    ("NFE2", "การศึกษานอกระบบ ระดับมัธยมศึกษาตอนต้น", "กศน.ม.ต้น", None),
];
const BLOOD: &[Row] = &[
    ("O", "O", "", None),
    ("O Rh+", "O Rh+", "ORh+", None),
    ("AB Rh-", "AB Rh-", "", None),
    ("UNKNOWN", "ไม่ทราบ", "N", None),
];
const RELIGION: &[Row] = &[("001", "พุทธ", "", None), ("004", "ซิกข์", "ซิกส์", None)];
const NATIONALITY: &[Row] = &[("000", "ไม่ระบุ", "", None), ("048", "เมียนมา", "พม่า", None), ("099", "ไทย", "", None)];
const DISABILITY: &[Row] = &[("09", "พิการซ้อน", "ความพิการซ้ำซ้อน", None)];
const PROVINCE: &[Row] = &[
    ("10", "กรุงเทพมหานคร", "กรุงเทพ|กทม.", None),
    ("14", "พระนครศรีอยุธยา", "อยุธยา", None),
    ("30", "นครราชสีมา", "โคราช", None),
    ("50", "เชียงใหม่", "", None),
];

fn list(name: &str, rows: &[Row]) -> CodeList {
    let entries = rows.iter().map(|(code, label, aliases, parent)| CodeEntry {
        code: (*code).into(),
        label: Bilingual::new(*label, ""),
        aliases: aliases.split('|').filter(|alias| !alias.is_empty()).map(Into::into).collect(),
        valid_from: None,
        valid_to: None,
        replaced_by: None,
        parent: parent.map(Into::into),
        status: "".into(),
    });
    CodeList::new(name, "1", entries.collect()).unwrap()
}

fn tried(kind: &str, value: &str) -> TryResult {
    let lists = [
        list("title", TITLE),
        list("sex", SEX),
        list("grade", GRADE),
        list("blood_group", BLOOD),
        list("religion", RELIGION),
        list("nationality", NATIONALITY),
        list("disability", DISABILITY),
        list("province", PROVINCE),
    ];
    let find = |name: &str| lists.iter().find(|list| list.name() == name);
    try_kind(kind, value, &KindWords { list: &find }).unwrap_or_else(|| panic!("no kind {kind}"))
}

/// The rule a reason of the file stands for.
fn rule_of(kind: &str, reason: &str) -> RuleCode {
    match reason {
        "SCIENTIFIC_NOTATION" => rule::ID_SCIENTIFIC,
        "LENGTH_12" => rule::ID_G_CODE,
        "LENGTH_14" => rule::ID_LENGTH,
        "CHECK_DIGIT" => rule::ID_CHECK_DIGIT,
        "PLACEHOLDER" => rule::ID_PLACEHOLDER,
        "FIRST_DIGIT" => rule::ID_FIRST_DIGIT,
        "NON_DIGIT" => rule::ID_NON_DIGIT,
        "PROVINCE_99" => rule::ID_G_PROVINCE,
        "G_LOST" => rule::ID_G_LOST,
        "LEADING_ZERO_LOST" => rule::ID_ZERO_LOST,
        "AGENCY_CODE" => rule::ID_AGENCY,
        "AMBIGUOUS_YEAR" => rule::DATE_AMBIGUOUS,
        "EXCEL_SERIAL_SUSPECT" => rule::DATE_SERIAL_SUSPECT,
        "INVALID_DATE" => rule::DATE_IMPOSSIBLE,
        "YEAR_OUT_OF_RANGE" => rule::DATE_YEAR_RANGE,
        "PRIVATE_USE" => rule::TEXT_PRIVATE_USE,
        "TWO_TONES" => rule::TEXT_TWO_TONES,
        "TWO_VOWELS" => rule::TEXT_TWO_VOWELS,
        "ORPHAN_MARK" => rule::TEXT_ORPHAN_MARK,
        "DIGIT_IN_NAME" => rule::TEXT_DIGIT_IN_NAME,
        "GRADE" => rule::CODE_UNKNOWN,
        "EXCEL_DATE" => rule::CODE_SHEET_DATE,
        "RANGE" => rule::NUM_RANGE,
        "PRECISION" => rule::NUM_PRECISION,
        "DECIMAL_LOST" => rule::NUM_POINT_LOST,
        other => panic!("{kind}: no rule for {other}"),
    }
}

#[test]
fn every_observed_case_comes_out_as_expected() {
    let mut reader = csv::Reader::from_reader(CASES.as_bytes());
    let (mut all, mut held) = (0, 0);
    let mut wrong = Vec::new();
    for record in reader.records() {
        let record = record.unwrap();
        let (kind, raw, expected) = (&record[0], &record[1], &record[2]);
        all += 1;
        if OF_FILES.contains(&kind) {
            continue;
        }
        held += 1;
        let got = tried(kind, raw);
        let finding = got.finding.as_ref();
        let said = |rule, severity| finding.is_some_and(|f| f.rule == rule && f.severity == severity);
        let (head, tail) = expected.split_once(':').unwrap_or((expected, ""));
        let right = match head {
            "NULL" => got.result.is_null() && finding.is_none(),
            "REJECT" => got.result.is_null() && said(rule_of(kind, tail), Severity::Error),
            "FLAG" => {
                let (reason, suggestion) = tail.split_once(':').map_or((tail, None), |(r, s)| (r, Some(s)));
                said(rule_of(kind, reason), Severity::Warning)
                    && finding.is_some_and(|f| f.suggestion.as_deref() == suggestion)
            }
            "PARTIAL" => {
                got.result.is_null()
                    && said(rule::DATE_PARTIAL, Severity::Warning)
                    && finding.is_some_and(|f| f.suggestion.as_deref() == Some(tail))
            }
            _ if kind == "mojibake" => got.result == expected && said(rule::ENC_MOJIBAKE, Severity::Error),
            _ if expected.contains('|') => {
                finding.is_none()
                    && got.result == expected.split('|').collect::<Vec<_>>().as_slice().to_vec().into_json()
            }
            _ => finding.is_none() && got.result == expected,
        };
        if !right {
            wrong.push(format!("{kind} {raw:?}: expected {expected}, got {got:?}"));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert_eq!((all, held), (190, 176));
}

trait IntoJson {
    fn into_json(self) -> Value;
}

impl IntoJson for Vec<&str> {
    fn into_json(self) -> Value {
        self.into_iter().map(Value::from).collect::<Vec<_>>().into()
    }
}

#[test]
fn kinds_hold_beyond_the_observed_cases() {
    for (kind, raw, result) in [
        ("citizen_id", "1—9999—00000—01—3", "1999900000013"),
        ("learner_id", "P:aa1234567", "P:AA1234567"),
        ("grade", "ชั้น ป.๖", "P6"),
        ("grade", "กศน.ม.ต้น", "NFE2"),
        ("gender", "น.ส.", "F"),
        ("blood", "โอ Rh+", "O Rh+"),
        ("blood", "กรุ๊ป ab-", "AB Rh-"),
        ("nationality", "สัญชาติไทย", "ไทย"),
        ("nationality", "ไม่ระบุ", "ไม่ระบุ"),
        ("province", "จ.โคราช", "นครราชสีมา"),
        ("term", "ภาคเรียนที่ ๒/๒๕๖๘", "2568-2"),
        ("money", "1,700.5", "1700.50"),
        ("district", "อ.เมือง", "เมือง"),
    ] {
        let got = tried(kind, raw);
        assert_eq!((got.result, got.finding), (Value::from(result), None), "{kind} {raw}");
    }
    assert_eq!(tried("religion", "ไม่ระบุ").result, Value::Null);
    assert_eq!(tried("religion", "ไม่ระบุ").finding, None);
}

#[test]
fn wrong_kinds_and_lost_zeros_are_said() {
    let rule = |kind, raw| tried(kind, raw).finding.map(|f| (f.rule, f.severity, f.suggestion));
    assert_eq!(rule("citizen_id", "G644200000001"), Some((rule::ID_NON_DIGIT, Severity::Error, None)));
    assert_eq!(rule("g_code", "1999900000013"), Some((rule::ID_G_CODE, Severity::Error, None)));
    assert_eq!(
        rule("citizen_id", "999900000040"),
        Some((rule::ID_ZERO_LOST, Severity::Warning, Some("0999900000040".into())))
    );
    assert_eq!(rule("weight_kg", "4.9"), Some((rule::NUM_RANGE, Severity::Error, None)));
    assert_eq!(rule("name", "?????"), Some((rule::ENC_LOST, Severity::Error, None)));
    assert_eq!(rule("province", "เชียงใหมา"), Some((rule::CODE_UNKNOWN, Severity::Error, None)));
    let none = |_: &str| None;
    assert!(try_kind("shoe_size", "42", &KindWords { list: &none }).is_none());
    assert_eq!(
        try_kind("name", &"ก".repeat(100_000), &KindWords { list: &none }).unwrap().finding.unwrap().rule,
        rule::LIM_CELL
    );
}
