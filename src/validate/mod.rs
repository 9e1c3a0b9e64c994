//! Is a mapped row a record of its standard? All findings of it at once; and the proof that it is.
//!
//! Owns required fields, bounds, lengths and the cross-field rules. Makes the only `Valid` there is:
//! what can be stored or handed out is a row that passed here. Refuses to repair anything.
//!
//! The published JSON Schema stays the contract: a property test holds these compiled checks and the
//! `jsonschema` crate to one verdict.

mod record;

use crate::domain::finding::{Finding, Severity, shorten};
use crate::domain::round::Round;
use crate::domain::rule::{self, RuleCode};
use crate::domain::value::Value;
use crate::standards::{Codes, CrossRule, Field, FieldType, OutOfBounds, Standard};
use jiff::civil::Date;
use std::sync::Arc;

pub use record::Valid;

/// The compiled checks of one standard, bound to one run.
#[derive(Debug)]
pub struct Validator {
    standard: Arc<Standard>,
    round: Round,
    lists: Vec<Option<Codes>>,
    /// What the sender calls each field's source; empty where it has none.
    columns: Vec<Option<Arc<str>>>,
    /// `,"name":` of each field, as canonical JSON has it.
    keys: Vec<Box<[u8]>>,
}

/// What became of a row.
#[derive(Debug)]
pub enum Verdict<'r, 'b> {
    /// Perhaps with warnings.
    Accepted(Valid<'r, 'b>),
    Refused,
}

impl Validator {
    pub fn new(
        standard: Arc<Standard>,
        round: Round,
        lists: Vec<Option<Codes>>,
        columns: Vec<Option<Arc<str>>>,
    ) -> Self {
        let keys = standard.fields.iter().map(|field| format!(",\"{}\":", field.name).into_bytes().into()).collect();
        Validator { standard, round, lists, columns, keys }
    }

    pub fn standard(&self) -> &Arc<Standard> {
        &self.standard
    }

    /// Judges one row. Adds its findings to those mapping made; takes out values the standard keeps out.
    pub fn judge<'r, 'b>(
        &'r self,
        row: u64,
        values: &'r mut [Value<'b>],
        findings: &'r mut Vec<Finding>,
    ) -> Verdict<'r, 'b> {
        for (at, field) in self.standard.fields.iter().enumerate() {
            if values[at].is_absent() {
                if field.required {
                    self.require(at, field, findings);
                }
            } else if let Some(rule) = self.out_of_bounds(at, field, &values[at]) {
                self.bounds(at, field, rule, &mut values[at], findings);
            }
        }
        for rule in &self.standard.rules {
            // A rule in shadow is reported, never enforced.
            let severity = if rule.enforced { rule.severity } else { Severity::Info };
            self.cross(&rule.check, severity, values, findings);
        }
        if findings.iter().any(|finding| finding.severity == Severity::Error) {
            Verdict::Refused
        } else {
            Verdict::Accepted(Valid::proven(self, row, values, findings))
        }
    }

    /// A required field is missing — unless its value was there and was refused already.
    #[cold]
    fn require(&self, at: usize, field: &Field, findings: &mut Vec<Finding>) {
        let said = findings
            .iter()
            .any(|finding| finding.severity == Severity::Error && finding.field.as_deref() == Some(&*field.name));
        if !said {
            findings.push(self.finding(at, rule::REQ_MISSING, Severity::Error));
        }
    }

    #[inline]
    fn out_of_bounds(&self, at: usize, field: &Field, value: &Value<'_>) -> Option<RuleCode> {
        match (&field.field_type, value) {
            (FieldType::Text { chars_max, .. }, Value::Text(text)) => {
                // A character has at least one byte: most texts are short enough without counting.
                if text.len() > *chars_max && text.chars().count() > *chars_max {
                    return Some(rule::TEXT_LENGTH);
                }
                let pattern = self.standard.pattern(at);
                pattern.is_some_and(|pattern| !pattern.is_match(text)).then_some(rule::TEXT_PATTERN)
            }
            (FieldType::Date { min, max_is_count_day }, Value::Date(date)) => {
                let early = min.is_some_and(|min| *date < min);
                let late = *max_is_count_day && *date > self.round.count_day();
                (early || late).then_some(rule::DATE_BOUNDS)
            }
            (FieldType::Integer { min, max }, Value::Integer(number)) => {
                let low = min.is_some_and(|min| *number < min);
                let high = max.is_some_and(|max| *number > max);
                (low || high).then_some(rule::NUM_RANGE)
            }
            (FieldType::Decimal { min, max }, Value::Decimal(number)) => {
                let number = number.as_f64();
                let low = min.is_some_and(|min| number < min.as_f64());
                let high = max.is_some_and(|max| number > max.as_f64());
                (low || high).then_some(rule::NUM_RANGE)
            }
            _ => None,
        }
    }

    #[cold]
    fn bounds(&self, at: usize, field: &Field, rule: RuleCode, value: &mut Value<'_>, findings: &mut Vec<Finding>) {
        let severity = match field.out_of_bounds {
            OutOfBounds::KeepOut => Severity::Warning,
            OutOfBounds::Refuse => Severity::Error,
        };
        let mut finding = self.finding(at, rule, severity);
        finding.value = match value {
            Value::Date(date) => Some(shorten(&date.to_string())),
            Value::Integer(number) => Some(shorten(&number.to_string())),
            Value::Decimal(number) => Some(shorten(&number.to_string())),
            _ => None,
        };
        findings.push(finding);
        *value = Value::Absent;
    }

    fn cross(&self, rule: &CrossRule, severity: Severity, values: &[Value<'_>], findings: &mut Vec<Finding>) {
        match rule {
            CrossRule::SexAgreesWithTitle { sex, title } => {
                let (Value::Code(sex_code), Value::Code(title_code)) = (values[*sex], values[*title]) else { return };
                let (Some(sexes), Some(titles)) = (&self.lists[*sex], &self.lists[*title]) else { return };
                let said = sexes.code(sex_code);
                if titles.parent(title_code).is_some_and(|implied| implied != said) {
                    let mut finding = self.finding(*sex, rule::XR_SEX_TITLE, severity);
                    finding.value = Some(said.to_string().into());
                    findings.push(finding);
                }
            }
            CrossRule::NotBefore { later, earlier } => {
                if let (Value::Date(last), Value::Date(first)) = (values[*later], values[*earlier])
                    && last < first
                {
                    let mut finding = self.finding(*later, rule::XR_EXIT_BEFORE_ENTRY, severity);
                    finding.value = Some(shorten(&last.to_string()));
                    findings.push(finding);
                }
            }
            CrossRule::SchoolBelongsToAgency { school, agency } => {
                let (Value::Code(school_code), Value::Code(agency_code)) = (values[*school], values[*agency]) else {
                    return;
                };
                let (Some(schools), Some(agencies)) = (&self.lists[*school], &self.lists[*agency]) else { return };
                let owner = schools.parent(school_code);
                if owner.is_some_and(|owner| owner != agencies.code(agency_code)) {
                    let mut finding = self.finding(*school, rule::XR_SCHOOL_AGENCY, severity);
                    finding.value = Some(schools.code(school_code).to_string().into());
                    finding.groups_by_value = true;
                    findings.push(finding);
                }
            }
            CrossRule::RoundMatches { academic_year, term } => {
                for (at, expected) in
                    [(*academic_year, i64::from(self.round.academic_year())), (*term, i64::from(self.round.term()))]
                {
                    if let Value::Integer(said) = values[at]
                        && said != expected
                    {
                        let mut finding = self.finding(at, rule::XR_ROUND, severity);
                        finding.value = Some(said.to_string().into());
                        finding.suggestion = Some(expected.to_string().into());
                        finding.groups_by_value = true;
                        findings.push(finding);
                    }
                }
            }
        }
    }

    #[cold]
    fn finding(&self, at: usize, rule: RuleCode, severity: Severity) -> Finding {
        let field = &self.standard.fields[at];
        let mut finding = Finding::new(rule, severity);
        finding.field = Some(field.name.clone());
        finding.column = self.columns.get(at).cloned().flatten();
        finding.allowed = field.allowed.clone();
        finding
    }
}

/// Whole years between birth and a day, as people count them.
pub fn age_on(birth: Date, day: Date) -> i16 {
    let before_birthday = (day.month(), day.day()) < (birth.month(), birth.day());
    day.year() - birth.year() - i16::from(before_birthday)
}
