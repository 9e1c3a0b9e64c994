//! A standard: one published JSON Schema (draft 2020-12) with annotations, compiled to its fields.
//!
//! Owns the dialect: one flat object, `additionalProperties: false`, and for every property the `x-…`
//! annotations listed in `docs/standards.md` (`standard_document`), each made a field (`standard_field`).
//! Reports all faults of a document at once. The text itself stays the contract and is served as it stands.

use super::field::Field;
use super::rules::CheckedRule;
use super::standard_document::{Document, Property};
use super::standard_field::compile_field;
use crate::domain::text::Bilingual;
use regex::Regex;
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

/// Both languages are there.
pub(super) fn both(text: &Bilingual) -> bool {
    !text.th.trim().is_empty() && !text.en.trim().is_empty()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test reads the project's own files")]
mod tests {
    use super::*;
    use crate::domain::value::Decimal;
    use crate::standards::field::{FieldType, OutOfBounds, Sensitivity};

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
