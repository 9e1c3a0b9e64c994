//! What a refused row, or a refused file, is told: rules and sentences in both languages.
//!
//! Owns the words that go back into the sender's own file, into the API's answers and to the terminal.

use crate::decode::{Detail, Format};
use crate::domain::finding::{Finding, Severity};
use crate::domain::place::place_said;
use crate::domain::rule::RuleCode;
use crate::domain::text::{Bilingual, Lang};
use crate::pipeline::RefusedRow;
use crate::standards::{Catalogue, Standard};
use serde::{Deserialize, Serialize};

/// One finding as programs read it (contract: `rule, severity, row, column, field, value, message, hint`).
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FindingView {
    pub rule: String,
    pub severity: Severity,
    pub row: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Bilingual>,
    pub message: Bilingual,
    pub hint: Bilingual,
}

impl FindingView {
    pub fn new(row: u64, finding: &Finding, catalogue: &Catalogue, standard: &Standard) -> Self {
        let (message, hint) = catalogue.render(finding, finding.detail.as_deref(), Some(standard));
        FindingView {
            rule: finding.rule.to_string(),
            severity: finding.severity,
            row,
            column: finding.column.as_deref().map(String::from),
            field: finding.field.as_deref().map(String::from),
            value: finding.value.as_deref().map(String::from),
            suggestion: finding.suggestion.as_deref().map(String::from),
            allowed: finding.allowed.as_deref().cloned(),
            message,
            hint,
        }
    }
}

/// Why a whole file was not taken.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FileRefusal {
    pub rule: String,
    /// `row 12`, `byte 1048576`, `header`.
    pub place: String,
    /// The cause in English; `message` says it in both languages.
    pub detail: String,
    pub message: Bilingual,
    pub hint: Bilingual,
}

impl FileRefusal {
    /// For what no line of the file is to blame for.
    pub fn of_rule(rule: RuleCode, catalogue: &Catalogue) -> Self {
        let (message, hint) = catalogue.render(&Finding::new(rule, Severity::Error), None, None);
        FileRefusal { rule: rule.to_string(), place: String::from("file"), detail: message.en.clone(), message, hint }
    }

    /// `format`: the one the mapping wants; the next step may depend on it.
    pub fn new(rule: RuleCode, place: &str, detail: &Detail, format: Option<Format>, catalogue: &Catalogue) -> Self {
        let detail = detail.said();
        let (message, mut hint) = catalogue.render(&Finding::new(rule, Severity::Error), Some(&detail), None);
        if matches!(format, Some(Format::Xml | Format::Json | Format::Ndjson))
            && let Some(fitting) = catalogue.text(rule).and_then(|text| text.hint_xml_json.as_ref())
        {
            hint = fitting.clone();
        }
        FileRefusal { rule: rule.to_string(), place: place.to_owned(), detail: detail.en, message, hint }
    }

    /// Rule, place, what is wrong and the next step, in one language.
    pub fn sentence(&self, lang: Lang) -> String {
        let place = place_said(&self.place);
        format!("{} ({}): {}\n  {}", self.rule, place.get(lang), self.message.get(lang), self.hint.get(lang))
    }
}

/// All findings of one refused row, in the order they were made.
pub fn views(row: &RefusedRow, catalogue: &Catalogue, standard: &Standard) -> Vec<FindingView> {
    row.findings.iter().map(|finding| FindingView::new(row.row, finding, catalogue, standard)).collect()
}

/// The reason columns of the file that goes back: only what refused the row, not its warnings.
pub fn sendback_row(row: u64, views: &[FindingView]) -> crate::sendback::RefusedRow {
    let errors: Vec<&FindingView> = views.iter().filter(|view| view.severity == Severity::Error).collect();
    let join = |pick: fn(&FindingView) -> (&str, &str)| {
        errors
            .iter()
            .map(|view| match pick(view) {
                (message, "") => message.to_owned(),
                (message, hint) => format!("{message} — {hint}"),
            })
            .collect::<Vec<_>>()
            .join(" | ")
    };
    crate::sendback::RefusedRow {
        row,
        rules: errors.iter().map(|view| view.rule.as_str()).collect::<Vec<_>>().join(" "),
        reasons_th: join(|view| (&view.message.th, &view.hint.th)),
        reasons_en: join(|view| (&view.message.en, &view.hint.en)),
    }
}
