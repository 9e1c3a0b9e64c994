//! `saphan try --kind`: what one repair does to one value, outside any mapping.
//!
//! Owns the names of the kinds and how their results are written. Several results come as a list; a part
//! that is not there is an empty text in it. Severities are those of a lone value: what can't be right is an
//! error, what a person should look at is a warning; a mapping's field may judge otherwise.

use super::steps::grade_part;
use super::steps::name_part::{self, TitleWords};
use super::steps::place_word::{self, PlaceLevel};
use super::steps::{self, Fault, Outcome, be_year, code_word, date, gpa, is_missing_word, number, school_code};
use crate::domain::finding::Severity;
use crate::domain::learner_id::LearnerIdKind;
use crate::domain::rule::{self, RuleCode};
use crate::domain::value::Decimal;
use crate::standards::{CodeEntry, CodeList};
use bumpalo::Bump;
use serde_json::Value;

/// Every kind, as `--help` lists them.
pub const KINDS: [&str; 31] = [
    "citizen_id",
    "g_code",
    "learner_id",
    "passport",
    "school_code10",
    "smis8",
    "percode6",
    "nfe_std_code20",
    "date",
    "be_year",
    "term",
    "title_split",
    "name",
    "grade",
    "grade_room",
    "gender",
    "blood",
    "religion",
    "nationality",
    "disability",
    "missing",
    "gpa",
    "money",
    "weight_kg",
    "phone",
    "subdistrict",
    "district",
    "province",
    "postcode",
    "area_code",
    "mojibake",
];

/// Longest value looked at, in bytes.
const VALUE_BYTES_MAX: usize = 64 * 1024;
/// Kilograms a learner may weigh (`enrolment/1`).
const WEIGHT_KG: (i64, i64) = (5, 200);

/// The code lists by name: `title`, `sex`, `grade`, `blood_group`, `religion`, `nationality`, `disability`, `province`.
#[derive(Clone, Copy)]
pub struct KindWords<'a> {
    pub list: &'a dyn Fn(&str) -> Option<&'a CodeList>,
}

impl<'a> KindWords<'a> {
    fn entry(&self, name: &str, word: &str) -> Option<&'a CodeEntry> {
        let list = (self.list)(name)?;
        let found = list.find(word).or_else(|| list.find(&code_word::other_spelling(name, word)?));
        found.map(|at| list.entry(at))
    }
}

#[derive(Debug, Clone, PartialEq, serde::Serialize)]
pub struct TryResult {
    pub value: String,
    /// Null, a text, or a list of texts.
    pub result: Value,
    pub finding: Option<TryFinding>,
}

#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize)]
pub struct TryFinding {
    pub rule: RuleCode,
    pub severity: Severity,
    pub suggestion: Option<String>,
}

/// What is probably right, or can be right, is shown as a warning; the rest is an error.
fn severity(rule: RuleCode) -> Severity {
    const TO_LOOK_AT: [RuleCode; 14] = [
        rule::ID_G_PROVINCE,
        rule::ID_G_LOST,
        rule::ID_ZERO_LOST,
        rule::DATE_AMBIGUOUS,
        rule::DATE_PARTIAL,
        rule::DATE_SERIAL_SUSPECT,
        rule::CODE_SHEET_DATE,
        rule::NUM_POINT_LOST,
        rule::NUM_PRECISION,
        rule::TEXT_TWO_TONES,
        rule::TEXT_TWO_VOWELS,
        rule::TEXT_ORPHAN_MARK,
        rule::TEXT_DIGIT_IN_NAME,
        rule::TEXT_PRIVATE_USE,
    ];
    if TO_LOOK_AT.contains(&rule) { Severity::Warning } else { Severity::Error }
}

/// `None`: there is no such kind.
pub fn try_kind(kind: &str, value: &str, words: &KindWords<'_>) -> Option<TryResult> {
    if !KINDS.contains(&kind) {
        return None;
    }
    let outcome = if value.len() > VALUE_BYTES_MAX {
        Outcome::Refused(Fault::new(rule::LIM_CELL))
    } else {
        run(kind, value, words)
    };
    let (result, fault) = match outcome {
        Outcome::Value(result) => (result, None),
        Outcome::Absent => (Value::Null, None),
        Outcome::Warned(result, fault) => (result.unwrap_or(Value::Null), Some(fault)),
        Outcome::Refused(fault) => (Value::Null, Some(fault)),
    };
    let finding = fault.map(|Fault { rule, suggestion }| TryFinding { rule, severity: severity(rule), suggestion });
    Some(TryResult { value: value.to_owned(), result, finding })
}

fn run(kind: &str, value: &str, words: &KindWords<'_>) -> Outcome<Value> {
    let bump = Bump::new();
    let tidied = steps::tidy_keeping_words(value, &bump);
    if kind == "mojibake" {
        return mojibake(tidied);
    }
    let (text, doubt) = match tidied {
        Outcome::Value(text) => (text, None),
        Outcome::Warned(Some(text), fault) => (text, Some(fault)),
        Outcome::Warned(None, fault) | Outcome::Refused(fault) => return Outcome::Refused(fault),
        Outcome::Absent => return Outcome::Absent,
    };
    if let Some(outcome) = coded(kind, text, words) {
        return outcome;
    }
    if is_missing_word(text) {
        return Outcome::Absent;
    }
    match kind {
        "name" => named(text, doubt),
        "missing" => Outcome::Value(text.into()),
        "title_split" => titled(text, words),
        "grade_room" => grade_room(text, words, &bump),
        "citizen_id" | "g_code" | "learner_id" => learner(kind, text, value),
        "passport" => steps::passport::passport(text).map(Value::from),
        "school_code10" => school_code::school_code(text).map(Value::from),
        "smis8" => school_code::smis(text).map(Value::from),
        "percode6" => school_code::percode(text).map(Value::from),
        "area_code" => school_code::area_code(text).map(Value::from),
        "nfe_std_code20" => school_code::nfe_std_code(text).map(|(centre, learner)| vec![centre, learner].into()),
        "date" => date::date(text, &date::DatePattern::AUTO).map(|date| date.to_string().into()),
        "be_year" => be_year::be_year(text).map(|year| year.to_string().into()),
        "term" => term(text),
        "gpa" => gpa::gpa(text).map(|value| gpa::two_places(value).into()),
        "money" => money(text),
        "weight_kg" => weight(text),
        "phone" => steps::phone::phones(text).map(one_or_list),
        "postcode" => steps::postcode::postcode(text).map(Value::from),
        "subdistrict" => Outcome::Value(place_word::strip(text, PlaceLevel::Subdistrict).into()),
        "district" => Outcome::Value(place_word::strip(text, PlaceLevel::District).into()),
        // `try_kind` lets only the names of KINDS through.
        _ => Outcome::Refused(Fault::new(rule::CODE_UNKNOWN)),
    }
}

/// Kinds with a code list. `None`: another kind.
fn coded(kind: &str, text: &str, words: &KindWords<'_>) -> Option<Outcome<Value>> {
    let code = |entry: &CodeEntry| Value::from(&*entry.code);
    let label = |entry: &CodeEntry| Value::from(entry.label.th.as_str());
    let found = match kind {
        "grade" => words.entry("grade", text).map(code),
        "gender" => gender(text, words),
        "blood" => words.entry("blood_group", text).map(code),
        "religion" | "nationality" | "disability" | "province" => words.entry(kind, text).map(label),
        _ => return None,
    };
    Some(match found {
        Some(result) => Outcome::Value(result),
        None if is_missing_word(text) => Outcome::Absent,
        None => Outcome::Refused(Fault::new(rule::CODE_UNKNOWN)),
    })
}

/// A word of the list, or a title that only one sex bears.
fn gender(text: &str, words: &KindWords<'_>) -> Option<Value> {
    if let Some(entry) = words.entry("sex", text) {
        return Some((&*entry.code).into());
    }
    let sex = words.entry("title", text)?.parent.clone()?;
    words.entry("sex", &sex).map(|entry| (&*entry.code).into())
}

fn mojibake(tidied: Outcome<&str>) -> Outcome<Value> {
    match tidied {
        Outcome::Refused(Fault { rule: rule::ENC_MOJIBAKE, suggestion: Some(was) }) => {
            Outcome::Warned(Some(was.clone().into()), Fault::suggest(rule::ENC_MOJIBAKE, was))
        }
        other => other.map(Value::from),
    }
}

fn named(text: &str, doubt: Option<Fault>) -> Outcome<Value> {
    match doubt.or_else(|| steps::name::check_name(text)) {
        Some(fault) => Outcome::Warned(Some(text.into()), fault),
        None => Outcome::Value(text.into()),
    }
}

fn titled(text: &str, words: &KindWords<'_>) -> Outcome<Value> {
    let list = (words.list)("title");
    let titles = list.map_or_else(|| TitleWords::new(std::iter::empty()), TitleWords::from_list);
    let parts = name_part::split(text, &titles);
    let title = parts.title.and_then(|word| words.entry("title", word)).map_or("", |entry| &entry.label.th);
    let parts = [title, parts.given.unwrap_or(""), parts.family.unwrap_or("")];
    Outcome::Value(parts.map(Value::from).to_vec().into())
}

fn grade_room(text: &str, words: &KindWords<'_>, bump: &Bump) -> Outcome<Value> {
    let parts = match grade_part::split(text, bump) {
        Outcome::Value(parts) => parts,
        Outcome::Absent => return Outcome::Absent,
        Outcome::Warned(_, fault) | Outcome::Refused(fault) => return Outcome::Refused(fault),
    };
    let (level, room) = (parts.grade.unwrap_or(""), parts.room.unwrap_or(""));
    // Year and room without a stage: the level must come from another column.
    if level.len() == 1 && level.bytes().all(|b| b.is_ascii_digit()) {
        return Outcome::Value(["", level, room].map(Value::from).to_vec().into());
    }
    match words.entry("grade", level) {
        Some(entry) => Outcome::Value([&*entry.code, room].map(Value::from).to_vec().into()),
        None => Outcome::Refused(Fault::new(rule::CODE_UNKNOWN)),
    }
}

/// One number, of the kind asked for.
fn learner(kind: &str, text: &str, raw: &str) -> Outcome<Value> {
    let other_kind = |found: LearnerIdKind| match kind {
        "citizen_id" => found != LearnerIdKind::Citizen,
        "g_code" => found != LearnerIdKind::GCode,
        _ => false,
    };
    let wrong = if kind == "g_code" { rule::ID_G_CODE } else { rule::ID_NON_DIGIT };
    match steps::learner_id::learner_id(text, raw) {
        Outcome::Value(id) | Outcome::Warned(Some(id), _) if other_kind(id.kind()) => {
            Outcome::Refused(Fault::new(wrong))
        }
        // Twelve digits in a citizen column lost a zero, not a letter.
        Outcome::Refused(Fault { rule: rule::ID_G_LOST, suggestion }) if kind == "citizen_id" => {
            let digits = suggestion.as_deref().map_or("", |code| code.trim_start_matches('G'));
            Outcome::Refused(steps::learner_id::zero_lost(digits).unwrap_or(Fault::new(rule::ID_LENGTH)))
        }
        Outcome::Refused(Fault { rule: rule::ID_ZERO_LOST, .. }) if kind == "g_code" => {
            Outcome::Refused(Fault::new(rule::ID_G_CODE))
        }
        other => other.map(|id| id.as_str().into()),
    }
}

/// `2568-2`; a bare term alone.
fn term(text: &str) -> Outcome<Value> {
    match (be_year::be_year(text), be_year::term(text)) {
        (Outcome::Value(year), Outcome::Value(term)) => Outcome::Value(format!("{year}-{term}").into()),
        (_, outcome) => outcome.map(|term| term.to_string().into()),
    }
}

fn money(text: &str) -> Outcome<Value> {
    match number::decimal(text) {
        Outcome::Value(value) if value.scale() > 2 => {
            Outcome::Warned(Some(value.to_string().into()), Fault::new(rule::NUM_PRECISION))
        }
        other => other.map(|value| gpa::two_places(value).into()),
    }
}

fn weight(text: &str) -> Outcome<Value> {
    match number::decimal(text) {
        Outcome::Value(value) if !between(value, WEIGHT_KG) => Outcome::Refused(Fault::new(rule::NUM_RANGE)),
        other => other.map(|value| value.to_string().into()),
    }
}

fn between(value: Decimal, (min, max): (i64, i64)) -> bool {
    let unit = i128::from(10_i64.pow(u32::from(value.scale())));
    (i128::from(min) * unit..=i128::from(max) * unit).contains(&i128::from(value.mantissa()))
}

fn one_or_list(mut values: Vec<String>) -> Value {
    match values.len() {
        1 => values.pop().map_or(Value::Null, Value::from),
        _ => values.into(),
    }
}

#[cfg(test)]
mod tests;
