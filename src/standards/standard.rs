//! A standard: one published JSON Schema (draft 2020-12) with annotations, compiled to its fields.
//!
//! Owns the dialect: one flat object, `additionalProperties: false`, and for every property the `x-…`
//! annotations listed in `docs/standards.md`. Refuses every keyword it does not know, a type that does
//! not fit its annotation and a pattern that is not anchored, and reports all faults of a document at
//! once. The text itself stays the contract and is served as it stands.

use super::field::{Field, FieldType, OutOfBounds, Sensitivity};
use super::rules::CheckedRule;
use crate::domain::text::Bilingual;
use crate::domain::value::Decimal;
use regex::Regex;
use serde::Deserialize;
use serde_json::Value;
use std::collections::HashMap;
use std::sync::Arc;

/// Fields of one standard.
pub const FIELDS_MAX: usize = 200;
const DIALECT: &str = "https://json-schema.org/draft/2020-12/schema";

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}: {message}")]
pub struct StandardFault {
    pub path: String,
    /// From 1, where known.
    pub line: Option<u32>,
    pub message: String,
}

#[derive(Debug, Clone)]
pub struct Standard {
    pub name: Arc<str>,
    pub version: u32,
    pub label: Bilingual,
    pub definition: Bilingual,
    /// In the order of the document, which is the order of canonical slots.
    pub fields: Vec<Field>,
    /// Cross-field rules (`<version>.rules.yaml` beside the schema).
    pub rules: Vec<CheckedRule>,
    id: Arc<str>,
    text: Arc<str>,
    schema: Value,
    /// One for each field; only text fields have one here, all others are checked by their type.
    patterns: Vec<Option<Regex>>,
    /// The pattern as published, whatever the field's type.
    pattern_texts: Vec<Option<String>>,
    by_name: HashMap<Arc<str>, usize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    #[serde(rename = "$schema")]
    dialect: String,
    #[serde(rename = "$id")]
    id: String,
    title: String,
    #[serde(rename = "x-label")]
    label: Bilingual,
    #[serde(rename = "x-definition")]
    definition: Bilingual,
    #[serde(rename = "type")]
    json_type: String,
    #[serde(rename = "additionalProperties")]
    additional_properties: bool,
    required: Vec<String>,
    properties: Ordered,
}

/// The properties in the order of the text (a JSON map would sort them), twice named ones included.
struct Ordered(Vec<(String, Value)>);

impl<'de> Deserialize<'de> for Ordered {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Visitor;
        impl<'de> serde::de::Visitor<'de> for Visitor {
            type Value = Ordered;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("an object of properties")
            }
            fn visit_map<A: serde::de::MapAccess<'de>>(self, mut map: A) -> Result<Ordered, A::Error> {
                let mut pairs = Vec::new();
                while let Some(pair) = map.next_entry()? {
                    pairs.push(pair);
                }
                Ok(Ordered(pairs))
            }
        }
        deserializer.deserialize_map(Visitor)
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Property {
    #[serde(rename = "type")]
    json_type: String,
    format: Option<String>,
    pattern: Option<String>,
    #[serde(rename = "minLength")]
    chars_min: Option<usize>,
    #[serde(rename = "maxLength")]
    chars_max: Option<usize>,
    minimum: Option<serde_json::Number>,
    maximum: Option<serde_json::Number>,
    #[serde(rename = "x-type")]
    kind: String,
    #[serde(rename = "x-label")]
    label: Bilingual,
    #[serde(rename = "x-definition")]
    definition: Bilingual,
    #[serde(rename = "x-unit")]
    unit: Option<String>,
    #[serde(rename = "x-element")]
    element: Option<String>,
    #[serde(rename = "x-sensitivity")]
    sensitivity: String,
    #[serde(rename = "x-codelist")]
    code_list: Option<String>,
    #[serde(rename = "x-out-of-bounds")]
    out_of_bounds: Option<String>,
    #[serde(rename = "x-max-count-day", default)]
    max_is_count_day: bool,
    #[serde(rename = "x-minimum-date")]
    min_date: Option<String>,
    #[serde(rename = "x-name", default)]
    name: bool,
    #[serde(rename = "x-allowed")]
    allowed: Option<Bilingual>,
}

impl Standard {
    /// Compiles `…/<name>/<version>.schema.json`. The cross-field rules are added by `add_rules`.
    pub fn compile(path: &str, json_text: &str) -> Result<Standard, Vec<StandardFault>> {
        let mut faults = Faults { path, text: json_text, list: Vec::new() };
        let Some((name, version)) = name_and_version(path) else {
            faults.add(None, "the path must end in <name>/<version>.schema.json".to_owned());
            return Err(faults.list);
        };
        let document: Document = match serde_json::from_str(json_text) {
            Ok(document) => document,
            Err(error) => {
                let line = u32::try_from(error.line()).ok();
                return Err(vec![StandardFault { path: path.to_owned(), line, message: error.to_string() }]);
            }
        };
        // The same text was just read once, so it is JSON.
        let schema = serde_json::from_str(json_text).unwrap_or(Value::Null);
        faults.check_document(&document, name, version);
        let mut standard = Standard {
            name: name.into(),
            version,
            label: document.label,
            definition: document.definition,
            fields: Vec::new(),
            rules: Vec::new(),
            id: format!("{name}/{version}").into(),
            text: json_text.into(),
            schema,
            patterns: Vec::new(),
            pattern_texts: Vec::new(),
            by_name: HashMap::new(),
        };
        for (field_name, value) in document.properties.0 {
            if standard.by_name.insert(field_name.as_str().into(), standard.fields.len()).is_some() {
                faults.add(Some(&field_name), format!("{field_name}: stands twice"));
            }
            let property: Property = match serde_json::from_value(value) {
                Ok(property) => property,
                Err(error) => {
                    faults.add(Some(&field_name), format!("{field_name}: {error}"));
                    continue;
                }
            };
            let required = document.required.contains(&field_name);
            standard.pattern_texts.push(property.pattern.clone());
            match compile_field(&field_name, required, property) {
                Ok((field, pattern)) => {
                    standard.fields.push(field);
                    standard.patterns.push(pattern);
                }
                Err(messages) => {
                    for message in messages {
                        faults.add(Some(&field_name), format!("{field_name}: {message}"));
                    }
                }
            }
        }
        for required in document.required.iter().filter(|name| !standard.by_name.contains_key(name.as_str())) {
            faults.add(Some("required"), format!("required names {required}, which is no property"));
        }
        if faults.list.is_empty() { Ok(standard) } else { Err(faults.list) }
    }

    /// `enrolment/1`
    pub fn id(&self) -> &str {
        &self.id
    }

    /// The schema as a tree; its members are in alphabetical order.
    pub fn schema(&self) -> &Value {
        &self.schema
    }

    /// The schema as published, byte for byte.
    pub fn text(&self) -> &str {
        &self.text
    }

    pub fn field_index(&self, name: &str) -> Option<usize> {
        self.by_name.get(name).copied()
    }

    pub fn field(&self, name: &str) -> Option<&Field> {
        self.fields.get(self.field_index(name)?)
    }

    /// What the text of this field must match (rule SPH-TEXT-007); text fields only.
    pub fn pattern(&self, field_index: usize) -> Option<&Regex> {
        self.patterns.get(field_index)?.as_ref()
    }

    /// The pattern as published, whatever the field's type.
    pub fn pattern_text(&self, field_index: usize) -> Option<&str> {
        self.pattern_texts.get(field_index)?.as_deref()
    }
}

/// `…/enrolment/1.schema.json`
pub(super) fn name_and_version(path: &str) -> Option<(&str, u32)> {
    let mut parts = path.rsplit('/');
    let (version, kind) = parts.next()?.split_once('.')?;
    let name = parts.next()?;
    let known = matches!(kind, "schema.json" | "rules.yaml");
    let plain = !name.is_empty() && name.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_');
    (known && plain).then_some(())?;
    Some((name, version.parse().ok().filter(|version| *version > 0)?))
}

struct Faults<'a> {
    path: &'a str,
    text: &'a str,
    list: Vec<StandardFault>,
}

impl Faults<'_> {
    /// `key`: the member whose first line is named.
    fn add(&mut self, key: Option<&str>, message: String) {
        let line = key.and_then(|key| {
            let at = self.text.find(&format!("\"{key}\":"))?;
            u32::try_from(self.text.get(..at)?.matches('\n').count() + 1).ok()
        });
        self.list.push(StandardFault { path: self.path.to_owned(), line, message });
    }

    fn check_document(&mut self, document: &Document, name: &str, version: u32) {
        let expected_id = format!("urn:saphan:standard:{name}:{version}");
        for (ok, key, message) in [
            (document.dialect == DIALECT, "$schema", format!("$schema must be {DIALECT}")),
            (document.id == expected_id, "$id", format!("$id must be {expected_id}, as the path says")),
            (!document.title.is_empty(), "title", "title is empty".to_owned()),
            (document.json_type == "object", "type", "type must be object".to_owned()),
            (
                !document.additional_properties,
                "additionalProperties",
                "additionalProperties must be false: unknown members are refused".to_owned(),
            ),
            (
                (1..=FIELDS_MAX).contains(&document.properties.0.len()),
                "properties",
                format!("a standard has 1 to {FIELDS_MAX} fields"),
            ),
            (both(&document.label), "x-label", "x-label needs th and en".to_owned()),
            (both(&document.definition), "x-definition", "x-definition needs th and en".to_owned()),
        ] {
            if !ok {
                self.add(Some(key), message);
            }
        }
    }
}

fn both(text: &Bilingual) -> bool {
    !text.th.trim().is_empty() && !text.en.trim().is_empty()
}

fn compile_field(name: &str, required: bool, property: Property) -> Result<(Field, Option<Regex>), Vec<String>> {
    let mut messages = Vec::new();
    if !both(&property.label) || !both(&property.definition) {
        messages.push("x-label and x-definition need th and en".to_owned());
    }
    let sensitivity = match property.sensitivity.as_str() {
        "public" => Sensitivity::Public,
        "personal" => Sensitivity::Personal,
        "sensitive" => Sensitivity::Sensitive,
        other => {
            messages.push(format!("x-sensitivity: {other} is not public, personal or sensitive"));
            Sensitivity::Sensitive
        }
    };
    let out_of_bounds = match property.out_of_bounds.as_deref() {
        None | Some("refuse") => OutOfBounds::Refuse,
        Some("keep-out") => OutOfBounds::KeepOut,
        Some(other) => {
            messages.push(format!("x-out-of-bounds: {other} is not refuse or keep-out"));
            OutOfBounds::Refuse
        }
    };
    let pattern = compile_pattern(&property, &mut messages);
    let field_type = field_type(&property, &mut messages);
    let bounds = || allowed_bounds(&property).map(|bounds| Bilingual::new(bounds.clone(), bounds));
    let allowed = property.allowed.clone().or_else(bounds);
    let (Some(field_type), true) = (field_type, messages.is_empty()) else { return Err(messages) };
    let pattern = pattern.filter(|_| matches!(field_type, FieldType::Text { .. }));
    let field = Field {
        name: name.into(),
        field_type,
        required,
        sensitivity,
        label: property.label,
        definition: property.definition,
        unit: property.unit,
        element: property.element,
        out_of_bounds,
        allowed: allowed.map(Arc::new),
    };
    Ok((field, pattern))
}

fn compile_pattern(property: &Property, messages: &mut Vec<String>) -> Option<Regex> {
    let text = property.pattern.as_deref()?;
    if !text.starts_with('^') || !text.ends_with('$') {
        messages.push(format!("pattern {text} must begin with ^ and end with $"));
    }
    match Regex::new(text) {
        Ok(regex) => Some(regex),
        Err(_) => {
            messages.push(format!("pattern {text} is not a regular expression of linear time"));
            None
        }
    }
}

fn field_type(property: &Property, messages: &mut Vec<String>) -> Option<FieldType> {
    let json_type = match property.kind.as_str() {
        "learner_id" | "text" | "code" | "date" => "string",
        "integer" => "integer",
        "decimal" => "number",
        "boolean" => "boolean",
        other => {
            messages.push(format!("x-type: {other} is not learner_id, text, code, date, integer, decimal or boolean"));
            return None;
        }
    };
    if property.json_type != json_type {
        messages.push(format!("type must be {json_type} where x-type is {}", property.kind));
    }
    let numeric = matches!(property.kind.as_str(), "integer" | "decimal");
    for (given, fits, key) in [
        (property.minimum.is_some() || property.maximum.is_some(), numeric, "minimum and maximum"),
        (
            property.chars_max.is_some() || property.chars_min.is_some() || property.name,
            property.kind == "text",
            "minLength, maxLength and x-name",
        ),
        (property.code_list.is_some(), property.kind == "code", "x-codelist"),
        (
            property.format.is_some() || property.max_is_count_day || property.min_date.is_some(),
            property.kind == "date",
            "format, x-minimum-date and x-max-count-day",
        ),
    ] {
        if given && !fits {
            messages.push(format!("{key} don't belong to x-type {}", property.kind));
        }
    }
    let missing = |what: &str, messages: &mut Vec<String>| {
        messages.push(format!("{what} is missing"));
        None
    };
    Some(match property.kind.as_str() {
        "learner_id" => FieldType::LearnerId,
        "text" => match property.chars_max {
            Some(chars_max) => FieldType::Text { chars_max, name: property.name },
            None => return missing("maxLength", messages),
        },
        "code" => match &property.code_list {
            Some(list) => FieldType::Code(list.as_str().into()),
            None => return missing("x-codelist", messages),
        },
        "date" if property.format.as_deref() != Some("date") => return missing("format: date", messages),
        "date" => FieldType::Date { min: date_bound(property, messages), max_is_count_day: property.max_is_count_day },
        "integer" => FieldType::Integer {
            min: bound(&property.minimum, "minimum", messages, serde_json::Number::as_i64),
            max: bound(&property.maximum, "maximum", messages, serde_json::Number::as_i64),
        },
        "decimal" => FieldType::Decimal {
            min: bound(&property.minimum, "minimum", messages, |n| Decimal::parse(&n.to_string())),
            max: bound(&property.maximum, "maximum", messages, |n| Decimal::parse(&n.to_string())),
        },
        _ => FieldType::Boolean,
    })
}

fn date_bound(property: &Property, messages: &mut Vec<String>) -> Option<jiff::civil::Date> {
    let text = property.min_date.as_deref()?;
    let parsed = text.parse().ok();
    if parsed.is_none() {
        messages.push(format!("x-minimum-date: {text} is not a date such as 1900-01-01"));
    }
    parsed
}

fn bound<T>(
    number: &Option<serde_json::Number>,
    key: &str,
    messages: &mut Vec<String>,
    read: impl Fn(&serde_json::Number) -> Option<T>,
) -> Option<T> {
    let number = number.as_ref()?;
    let value = read(number);
    if value.is_none() {
        messages.push(format!("{key}: {number} is not a number of this type"));
    }
    value
}

fn allowed_bounds(property: &Property) -> Option<String> {
    match (&property.minimum, &property.maximum) {
        (Some(min), Some(max)) => Some(format!("{min}–{max}")),
        (Some(min), None) => Some(format!("≥ {min}")),
        (None, Some(max)) => Some(format!("≤ {max}")),
        (None, None) => None,
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test reads the project's own files")]
mod tests {
    use super::*;

    pub(crate) fn published(name: &str) -> (String, String) {
        let path = format!("{}/schemas/standards/{name}.schema.json", env!("CARGO_MANIFEST_DIR"));
        let text = std::fs::read_to_string(&path).unwrap();
        (path, text)
    }

    #[test]
    fn the_published_enrolment_compiles_in_document_order() {
        let (path, text) = published("enrolment/1");
        let standard = Standard::compile(&path, &text).unwrap();
        assert_eq!(standard.id(), "enrolment/1");
        assert_eq!(standard.fields.len(), 36);
        let first: Vec<&str> = standard.fields.iter().take(3).map(|field| &*field.name).collect();
        assert_eq!(first, ["learner_id", "title", "given_name"]);
        let required: Vec<&str> = standard.fields.iter().filter(|f| f.required).map(|f| &*f.name).collect();
        assert_eq!(
            required,
            [
                "learner_id",
                "title",
                "given_name",
                "sex",
                "birth_date",
                "agency",
                "school_id",
                "grade",
                "academic_year",
                "term"
            ]
        );
        let weight = standard.field("weight_kg").unwrap();
        assert_eq!(weight.out_of_bounds, OutOfBounds::KeepOut);
        assert_eq!(weight.field_type, FieldType::Decimal { min: Decimal::parse("5"), max: Decimal::parse("200") });
        assert_eq!(weight.allowed.as_deref(), Some(&Bilingual::new("5–200", "5–200")));
        let postcode = standard.field_index("postcode").unwrap();
        assert!(standard.pattern(postcode).unwrap().is_match("10300"));
        assert!(!standard.pattern(postcode).unwrap().is_match("1030"));
        assert!(standard.pattern(0).is_none(), "an identifier is checked by its type");
        assert!(jsonschema::draft202012::meta::is_valid(standard.schema()));
        jsonschema::validator_for(standard.schema()).unwrap();
    }

    #[test]
    fn the_published_school_compiles() {
        let (path, text) = published("school/1");
        let standard = Standard::compile(&path, &text).unwrap();
        assert_eq!(standard.fields.len(), 17);
        assert!(standard.fields.iter().all(|field| field.sensitivity == Sensitivity::Public));
        jsonschema::validator_for(standard.schema()).unwrap();
    }

    #[test]
    fn all_faults_of_a_document_are_reported_together_with_their_lines() {
        let text = r#"{
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "$id": "urn:saphan:standard:other:1",
  "title": "T", "x-label": {"th": "ก", "en": "k"}, "x-definition": {"th": "ก", "en": ""},
  "type": "object", "additionalProperties": true, "required": ["ghost"],
  "properties": {
    "a": {"type": "string", "x-type": "code", "x-label": {"th": "ก", "en": "k"}, "x-definition": {"th": "ก", "en": "k"}, "x-sensitivity": "secret"},
    "b": {"type": "string", "x-type": "integer", "pattern": "[0-9]", "x-label": {"th": "ก", "en": "k"}, "x-definition": {"th": "ก", "en": "k"}, "x-sensitivity": "public"},
    "c": {"type": "string", "x-typ": "text"}
  }
}"#;
        let faults = Standard::compile("standards/test/1.schema.json", text).unwrap_err();
        let said: Vec<String> = faults.iter().map(|f| format!("{}: {}", f.line.unwrap_or(0), f.message)).collect();
        for wanted in [
            "3: $id must be urn:saphan:standard:test:1, as the path says",
            "5: additionalProperties must be false: unknown members are refused",
            "4: x-definition needs th and en",
            "7: a: x-codelist is missing",
            "7: a: x-sensitivity: secret is not public, personal or sensitive",
            "8: b: type must be integer where x-type is integer",
            "8: b: pattern [0-9] must begin with ^ and end with $",
            "5: required names ghost, which is no property",
        ] {
            assert!(said.iter().any(|message| message == wanted), "{wanted} not in {said:#?}");
        }
        assert!(said.iter().any(|message| message.starts_with("9: c: unknown field `x-typ`")), "{said:#?}");
        assert_eq!(Standard::compile("x/1.schema.json", "{").unwrap_err()[0].line, Some(1));
        assert!(Standard::compile("x.json", "{}").is_err());
    }
}
