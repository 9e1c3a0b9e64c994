//! The rule catalogue: what every rule code says to people, in Thai and English.
//!
//! Owns the texts of `schemas/rules/*.yaml` and the sentences made from them. A part of a text in
//! square brackets is left out where one of its placeholders has no value, so no sentence ever shows
//! empty quotes. Refuses a code without a text, a text without a code, a language left empty, and a
//! placeholder that is unknown or stands outside brackets.

use super::standard::Standard;
use crate::domain::finding::{Finding, Severity};
use crate::domain::rule::{self, RuleCode};
use crate::domain::text::{Bilingual, Lang};
use serde::{Deserialize, Serialize};
use std::collections::HashMap;

/// The words in braces a text may use.
pub const PLACEHOLDERS: [&str; 6] = ["value", "column", "field", "allowed", "suggestion", "detail"];

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct CatalogueFault {
    pub path: String,
    /// From 1, where known.
    pub line: Option<u32>,
    pub message: String,
}

/// Everything said of one rule.
#[derive(Debug, Clone, Serialize)]
pub struct RuleText {
    pub code: RuleCode,
    /// None: the finding decides.
    pub severity: Option<Severity>,
    pub title: Bilingual,
    /// With placeholders; `Catalogue::render` fills them.
    pub message: Bilingual,
    /// The next step.
    pub hint: Bilingual,
    /// The same where no program with cells wrote the file: XML and JSON.
    #[serde(skip)]
    pub hint_xml_json: Option<Bilingual>,
    pub meaning: Bilingual,
    /// A value as it stands in a file.
    pub example: String,
}

#[derive(Debug, Clone, Default)]
pub struct Catalogue {
    /// In the order of `rule::ALL`.
    texts: Vec<RuleText>,
    by_code: HashMap<RuleCode, usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    rules: Vec<RawRule>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRule {
    code: String,
    #[serde(default)]
    severity: Option<Severity>,
    title: Bilingual,
    message: Bilingual,
    hint: Bilingual,
    #[serde(default)]
    hint_xml_json: Option<Bilingual>,
    meaning: Bilingual,
    example: String,
}

impl Catalogue {
    /// Reads all files of the catalogue, `(path, text)` each; all faults are reported together.
    pub fn read<'a>(files: impl IntoIterator<Item = (&'a str, &'a str)>) -> Result<Catalogue, Vec<CatalogueFault>> {
        let mut faults = Vec::new();
        let mut found: HashMap<RuleCode, RuleText> = HashMap::new();
        for (path, text) in files {
            match serde_saphyr::from_str::<Document>(text) {
                Err(error) => faults.push(CatalogueFault {
                    path: path.to_owned(),
                    line: error.location().and_then(|at| u32::try_from(at.line()).ok()),
                    message: error.without_snippet().to_string(),
                }),
                Ok(document) => {
                    for raw in document.rules {
                        let line = line_of(text, &raw.code);
                        let mut complain = |message: String| {
                            faults.push(CatalogueFault { path: path.to_owned(), line, message });
                        };
                        for problem in problems(&raw) {
                            complain(format!("{}: {problem}", raw.code));
                        }
                        match RuleCode::find(&raw.code) {
                            None => complain(format!("{}: no such rule code", raw.code)),
                            Some(code) => {
                                if found.insert(code, rule_text(code, raw)).is_some() {
                                    complain(format!("{code}: stands twice"));
                                }
                            }
                        }
                    }
                }
            }
        }
        let mut catalogue = Catalogue::default();
        for code in rule::ALL {
            match found.remove(code) {
                Some(text) => {
                    catalogue.by_code.insert(*code, catalogue.texts.len());
                    catalogue.texts.push(text);
                }
                None => faults.push(CatalogueFault {
                    path: "rules".to_owned(),
                    line: None,
                    message: format!("{code}: has no text"),
                }),
            }
        }
        if faults.is_empty() { Ok(catalogue) } else { Err(faults) }
    }

    /// In the order of `rule::ALL`.
    pub fn texts(&self) -> &[RuleText] {
        &self.texts
    }

    pub fn text(&self, code: RuleCode) -> Option<&RuleText> {
        self.texts.get(*self.by_code.get(&code)?)
    }

    /// Message and hint of a finding. `detail` is what only the finder knows (a place in the file, a limit);
    /// fields are shown by their label where the standard is given.
    pub fn render(
        &self,
        finding: &Finding,
        detail: Option<&Bilingual>,
        standard: Option<&Standard>,
    ) -> (Bilingual, Bilingual) {
        let Some(text) = self.text(finding.rule) else {
            let code = finding.rule.as_str();
            return (Bilingual::new(code, code), Bilingual::default());
        };
        let fill = |template: &Bilingual| {
            Bilingual::new(
                fill_template(&template.th, |name| value_of(name, finding, detail, standard, Lang::Th)),
                fill_template(&template.en, |name| value_of(name, finding, detail, standard, Lang::En)),
            )
        };
        (fill(&text.message), fill(&text.hint))
    }
}

fn rule_text(code: RuleCode, raw: RawRule) -> RuleText {
    RuleText {
        code,
        severity: raw.severity,
        title: raw.title,
        message: raw.message,
        hint: raw.hint,
        hint_xml_json: raw.hint_xml_json,
        meaning: raw.meaning,
        example: raw.example,
    }
}

fn value_of<'a>(
    name: &str,
    finding: &'a Finding,
    detail: Option<&'a Bilingual>,
    standard: Option<&'a Standard>,
    lang: Lang,
) -> Option<&'a str> {
    let label = || {
        let field = finding.field.as_deref()?;
        Some(standard.and_then(|standard| standard.field(field)).map_or(field, |known| known.label.get(lang)))
    };
    let value = match name {
        "value" => finding.value.as_deref(),
        "column" => finding.column.as_deref().or_else(label),
        "field" => label(),
        "allowed" => finding.allowed.as_deref().map(|allowed| allowed.get(lang)),
        "suggestion" => finding.suggestion.as_deref(),
        "detail" => detail.map(|detail| detail.get(lang)),
        _ => None,
    };
    value.filter(|value| !value.is_empty())
}

/// Fills the placeholders; a bracketed part with one that has no value goes. One pass: what a value
/// contains is never read as a template.
fn fill_template<'a>(template: &'a str, value: impl Fn(&str) -> Option<&'a str>) -> String {
    let mut out = String::with_capacity(template.len() * 2);
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('[') {
        out.push_str(before);
        let (part, behind) = after.split_once(']').unwrap_or((after, ""));
        if let Some(filled) = fill_part(part, &value) {
            out.push_str(&filled);
        }
        rest = behind;
    }
    out.push_str(rest);
    out.trim().to_owned()
}

fn fill_part<'a>(part: &str, value: &impl Fn(&str) -> Option<&'a str>) -> Option<String> {
    let mut out = String::with_capacity(part.len() * 2);
    let mut rest = part;
    while let Some((before, after)) = rest.split_once('{') {
        let (name, behind) = after.split_once('}')?;
        out.push_str(before);
        out.push_str(value(name)?);
        rest = behind;
    }
    out.push_str(rest);
    Some(out)
}

fn problems(raw: &RawRule) -> Vec<String> {
    let mut problems = Vec::new();
    if raw.example.trim().is_empty() {
        problems.push("example is empty".to_owned());
    }
    let texts = [("title", &raw.title), ("message", &raw.message), ("hint", &raw.hint), ("meaning", &raw.meaning)];
    for (key, text) in texts.into_iter().chain(raw.hint_xml_json.iter().map(|text| ("hint_xml_json", text))) {
        for (lang, text) in [("th", &text.th), ("en", &text.en)] {
            if text.trim().is_empty() {
                problems.push(format!("{key}.{lang} is empty"));
            }
            let templated = key == "message" || key == "hint";
            problems.extend(template_problems(text, templated).map(|problem| format!("{key}.{lang}: {problem}")));
        }
    }
    problems
}

fn template_problems(text: &str, templated: bool) -> impl Iterator<Item = String> {
    let mut problems = Vec::new();
    let mut inside = false;
    for (at, c) in text.char_indices() {
        match c {
            '[' if inside => problems.push("a bracket inside a bracket".to_owned()),
            '[' => inside = true,
            ']' if !inside => problems.push("] without [".to_owned()),
            ']' => inside = false,
            '{' => {
                let name = text.get(at + 1..).and_then(|rest| rest.split_once('}')).map_or("", |(name, _)| name);
                if !PLACEHOLDERS.contains(&name) {
                    problems.push(format!("unknown placeholder {{{name}}}"));
                } else if !templated {
                    problems.push(format!("{{{name}}} belongs in message or hint only"));
                } else if !inside {
                    problems.push(format!("{{{name}}} must stand inside [ ]"));
                }
            }
            _ => {}
        }
    }
    if inside {
        problems.push("[ without ]".to_owned());
    }
    problems.into_iter()
}

fn line_of(text: &str, code: &str) -> Option<u32> {
    let at = text.find(&format!("code: {code}"))?;
    u32::try_from(text.get(..at)?.matches('\n').count() + 1).ok()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test reads the project's own files")]
mod tests {
    use super::*;

    fn published() -> Catalogue {
        let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/rules");
        let files: Vec<(String, String)> = std::fs::read_dir(folder)
            .unwrap()
            .map(|file| file.unwrap().path())
            .map(|path| (path.display().to_string(), std::fs::read_to_string(&path).unwrap()))
            .collect();
        match Catalogue::read(files.iter().map(|(path, text)| (path.as_str(), text.as_str()))) {
            Ok(catalogue) => catalogue,
            Err(faults) => panic!("{faults:#?}"),
        }
    }

    #[test]
    fn every_rule_code_has_its_texts_and_no_text_is_without_a_code() {
        let catalogue = published();
        let codes: Vec<RuleCode> = catalogue.texts().iter().map(|text| text.code).collect();
        assert_eq!(codes, rule::ALL);
    }

    #[test]
    fn thai_texts_are_thai_and_english_ones_are_not_empty_of_words() {
        let thai = |text: &str| text.chars().any(|c| ('\u{e01}'..='\u{e4e}').contains(&c));
        for text in published().texts() {
            for (key, both) in
                [("title", &text.title), ("message", &text.message), ("hint", &text.hint), ("meaning", &text.meaning)]
            {
                assert!(thai(&both.th), "{} {key}.th", text.code);
                assert!(both.en.chars().any(|c| c.is_ascii_alphabetic()), "{} {key}.en", text.code);
            }
        }
    }

    #[test]
    fn a_finding_becomes_a_sentence_that_says_where_what_and_what_is_allowed() {
        let catalogue = published();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/standards/enrolment/1.schema.json");
        let standard = Standard::compile(path, &std::fs::read_to_string(path).unwrap()).unwrap();
        let mut finding = Finding::new(rule::CODE_UNKNOWN, Severity::Error);
        finding.column = Some("ชั้น".into());
        finding.field = Some("grade".into());
        finding.value = Some("ป.7".into());
        finding.allowed = Some(Bilingual::new("ป.1 ถึง ป.6", "P1 to P6").into());
        let (message, hint) = catalogue.render(&finding, None, Some(&standard));
        assert_eq!(message.th, "แก้ที่คอลัมน์ ชั้น: ค่านี้ไม่มีในรายการ พบ \"ป.7\" ที่ใช้ได้คือ ป.1 ถึง ป.6");
        assert_eq!(message.en, "Column ชั้น: not in the code list, found \"ป.7\"; allowed: P1 to P6");
        assert!(hint.th.contains("ชื่อพ้อง"));
        finding.column = None;
        assert!(catalogue.render(&finding, None, Some(&standard)).0.en.starts_with("Column Grade: "));
        assert!(catalogue.render(&finding, None, None).0.en.starts_with("Column grade: "));
    }

    #[test]
    fn what_refuses_a_whole_file_says_its_cause() {
        let catalogue = published();
        let detail = Bilingual::new("เหตุ", "cause");
        // A document type is said by the rule itself; of the others only rows are refused, or nothing.
        let without = [rule::FMT_DTD, rule::FMT_NESTED_VALUE, rule::FMT_UNREAD, rule::COL_UNMAPPED];
        let of_files = |code: &&RuleCode| {
            **code == rule::ENC_FILE
                || ["SPH-FMT", "SPH-COL", "SPH-LIM"].iter().any(|area| code.as_str().starts_with(area))
        };
        for code in rule::ALL.iter().filter(of_files).filter(|code| !without.contains(code)) {
            let (message, _) = catalogue.render(&Finding::new(*code, Severity::Error), Some(&detail), None);
            assert!(message.th.contains("(เหตุ)") && message.en.contains("(cause)"), "{code}: {message:?}");
        }
    }

    #[test]
    fn nothing_known_leaves_no_empty_quotes_and_values_are_never_templates() {
        let catalogue = published();
        for code in rule::ALL {
            let (message, hint) = catalogue.render(&Finding::new(*code, Severity::Error), None, None);
            for text in [&message.th, &message.en, &hint.th, &hint.en] {
                assert!(
                    !text.is_empty() && !text.contains("\"\"") && !text.contains(['[', '{', ']', '}']),
                    "{code}: {text}"
                );
            }
        }
        let mut finding = Finding::new(rule::CODE_UNKNOWN, Severity::Error);
        finding.value = Some("[{column}]{value}".into());
        assert!(catalogue.render(&finding, None, None).0.en.contains("found \"[{column}]{value}\""));
    }

    #[test]
    fn faults_of_a_file_are_reported_together() {
        let text = "rules:\n  - code: SPH-XX-001\n    title: { th: ก, en: k }\n    message: { th: '{vale}', en: 'a {value}' }\n    hint: { th: '', en: '[k' }\n    meaning: { th: '[{value}]', en: k }\n    example: x\n";
        let faults = Catalogue::read([("a.yaml", text), ("b.yaml", "rules: [{ cod: x }]")]).unwrap_err();
        let said: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
        for wanted in [
            "SPH-XX-001: no such rule code",
            "SPH-XX-001: message.th: unknown placeholder {vale}",
            "SPH-XX-001: message.en: {value} must stand inside [ ]",
            "SPH-XX-001: hint.th is empty",
            "SPH-XX-001: hint.en: [ without ]",
            "SPH-XX-001: meaning.th: {value} belongs in message or hint only",
            "CNT-AGE: has no text",
        ] {
            assert!(said.contains(&wanted), "{wanted} not in {said:#?}");
        }
        assert!(faults.iter().any(|fault| fault.path == "b.yaml" && fault.line == Some(1)));
        assert!(faults.iter().any(|fault| fault.path == "a.yaml" && fault.line == Some(2)));
    }
}
