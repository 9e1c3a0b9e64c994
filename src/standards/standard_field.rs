//! One property of a standard as a field: its type, bounds, pattern and words.
//!
//! Owns what belongs together in one property. Refuses a type that does not fit its annotation, a keyword of
//! another type, a bound that is no value of the type and a pattern that is not anchored; says all of it at once.

use super::field::{Field, FieldType, OutOfBounds, Sensitivity};
use super::standard::both;
use super::standard_document::Property;
use crate::domain::text::Bilingual;
use crate::domain::value::Decimal;
use regex::Regex;
use std::sync::Arc;

/// A field and what its text must match. Errors: everything wrong with the property.
pub(super) fn compile_field(
    name: &str,
    required: bool,
    property: Property,
) -> Result<(Field, Option<Regex>), Vec<String>> {
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
