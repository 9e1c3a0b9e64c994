//! Cross-field rules of a standard: a short closed list of kinds, chosen and switched by data.
//!
//! Owns reading `<version>.rules.yaml` beside a standard's schema. Refuses an expression language:
//! what the kinds can't say becomes a new kind, documented and tested, checked in `validate`.

use super::standard::{Standard, StandardFault};
use crate::domain::finding::Severity;
use crate::domain::rule::RuleCode;
use serde::Deserialize;

/// One rule as its standard switches it on.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckedRule {
    pub code: RuleCode,
    pub check: CrossRule,
    pub severity: Severity,
    /// False: in shadow. It is reported as information and refuses nothing.
    pub enforced: bool,
}

/// What is compared. Numbers are positions of fields in the standard. A rule whose fields are not all
/// present says nothing: that a required one is missing is another rule's finding.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CrossRule {
    /// The title's `parent` in its list is the code of the sex. A title without one suits both.
    SexAgreesWithTitle { sex: usize, title: usize },
    /// The day of `later` is not before the day of `earlier`.
    NotBefore { later: usize, earlier: usize },
    /// The school's `parent` in the `school` list is the record's agency.
    SchoolBelongsToAgency { school: usize, agency: usize },
    /// Academic year (Buddhist era) and term are those of the round.
    RoundMatches { academic_year: usize, term: usize },
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    rule: String,
    kind: Kind,
    fields: [String; 2],
    severity: Severity,
    enforced: Enforced,
}

#[derive(Deserialize, Clone, Copy)]
#[serde(rename_all = "snake_case")]
enum Kind {
    SexAgreesWithTitle,
    NotBefore,
    SchoolBelongsToAgency,
    RoundMatches,
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(untagged)]
enum Enforced {
    Plain(bool),
    Named(Shadow),
}

#[derive(Deserialize, Clone, Copy, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Shadow {
    Shadow,
}

impl Standard {
    /// Adds the cross-field rules written in `yaml_text`; all faults are reported together.
    pub fn add_rules(&mut self, path: &str, yaml_text: &str) -> Result<(), Vec<StandardFault>> {
        let fault = |line: Option<u32>, message: String| StandardFault { path: path.to_owned(), line, message };
        let documents: Vec<Document> = serde_saphyr::from_str(yaml_text).map_err(|error| {
            let line = error.location().and_then(|at| u32::try_from(at.line()).ok());
            vec![fault(line, error.without_snippet().to_string())]
        })?;
        let mut faults = Vec::new();
        let mut rules = Vec::new();
        for document in documents {
            let mut complain = |message: String| {
                let line = line_of(yaml_text, &document.rule);
                faults.push(fault(line, format!("{}: {message}", document.rule)));
            };
            let code = RuleCode::find(&document.rule);
            if code.is_none() {
                complain("no such rule code".to_owned());
            }
            let mut index = |name: &str| {
                let found = self.field_index(name);
                if found.is_none() {
                    complain(format!("{} has no field {name}", self.id()));
                }
                found
            };
            let (first, second) = (index(&document.fields[0]), index(&document.fields[1]));
            let enforced = match document.enforced {
                Enforced::Plain(true) => true,
                Enforced::Named(Shadow::Shadow) => false,
                Enforced::Plain(false) => {
                    complain("enforced is true or shadow; leave the rule out to switch it off".to_owned());
                    false
                }
            };
            let (Some(code), Some(first), Some(second)) = (code, first, second) else { continue };
            let check = match document.kind {
                Kind::SexAgreesWithTitle => CrossRule::SexAgreesWithTitle { sex: first, title: second },
                Kind::NotBefore => CrossRule::NotBefore { later: first, earlier: second },
                Kind::SchoolBelongsToAgency => CrossRule::SchoolBelongsToAgency { school: first, agency: second },
                Kind::RoundMatches => CrossRule::RoundMatches { academic_year: first, term: second },
            };
            rules.push(CheckedRule { code, check, severity: document.severity, enforced });
        }
        if faults.is_empty() {
            self.rules.extend(rules);
            Ok(())
        } else {
            Err(faults)
        }
    }
}

fn line_of(text: &str, word: &str) -> Option<u32> {
    let at = text.find(word)?;
    u32::try_from(text.get(..at)?.matches('\n').count() + 1).ok()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test reads the project's own files")]
mod tests {
    use super::*;
    use crate::domain::rule;

    fn enrolment() -> Standard {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/standards/enrolment/1.schema.json");
        Standard::compile(path, &std::fs::read_to_string(path).unwrap()).unwrap()
    }

    #[test]
    fn the_published_rules_compile_to_field_positions() {
        let mut standard = enrolment();
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/standards/enrolment/1.rules.yaml");
        standard.add_rules(path, &std::fs::read_to_string(path).unwrap()).unwrap();
        let at = |name: &str| standard.field_index(name).unwrap();
        assert_eq!(standard.rules.len(), 4);
        assert_eq!(
            standard.rules[0],
            CheckedRule {
                code: rule::XR_SEX_TITLE,
                check: CrossRule::SexAgreesWithTitle { sex: at("sex"), title: at("title") },
                severity: Severity::Warning,
                enforced: true,
            }
        );
        assert_eq!(standard.rules[1].check, CrossRule::NotBefore { later: at("exit_date"), earlier: at("entry_date") });
        assert_eq!(standard.rules[3].severity, Severity::Error);
    }

    #[test]
    fn faults_name_the_rule_and_its_line() {
        let text = "- {rule: SPH-XR-001, kind: not_before, fields: [sex, tittle], severity: error, enforced: shadow}\n- {rule: SPH-XR-999, kind: not_before, fields: [exit_date, entry_date], severity: error, enforced: false}\n";
        let faults = enrolment().add_rules("r.yaml", text).unwrap_err();
        let said: Vec<_> = faults.iter().map(|f| (f.line, f.message.as_str())).collect();
        assert_eq!(
            said,
            [
                (Some(1), "SPH-XR-001: enrolment/1 has no field tittle"),
                (Some(2), "SPH-XR-999: no such rule code"),
                (Some(2), "SPH-XR-999: enforced is true or shadow; leave the rule out to switch it off"),
            ]
        );
        let unknown = enrolment().add_rules("r.yaml", "- {rule: SPH-XR-001, kind: script}\n").unwrap_err();
        assert_eq!(unknown[0].line, Some(1));
    }
}
