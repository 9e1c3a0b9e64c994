//! A standard as it is written: the JSON Schema and its annotations, in the document's own order.
//!
//! Owns the members the dialect knows. Refuses every other keyword, wherever it stands.

use crate::domain::text::Bilingual;
use serde::Deserialize;
use serde_json::Value;

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Document {
    #[serde(rename = "$schema")]
    pub(super) dialect: String,
    #[serde(rename = "$id")]
    pub(super) id: String,
    pub(super) title: String,
    #[serde(rename = "x-label")]
    pub(super) label: Bilingual,
    #[serde(rename = "x-definition")]
    pub(super) definition: Bilingual,
    #[serde(rename = "type")]
    pub(super) json_type: String,
    #[serde(rename = "additionalProperties")]
    pub(super) additional_properties: bool,
    pub(super) required: Vec<String>,
    pub(super) properties: Ordered,
}

/// The properties in the order of the text (a JSON map would sort them), twice named ones included.
pub(super) struct Ordered(pub(super) Vec<(String, Value)>);

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
pub(super) struct Property {
    #[serde(rename = "type")]
    pub(super) json_type: String,
    pub(super) format: Option<String>,
    pub(super) pattern: Option<String>,
    #[serde(rename = "minLength")]
    pub(super) chars_min: Option<usize>,
    #[serde(rename = "maxLength")]
    pub(super) chars_max: Option<usize>,
    pub(super) minimum: Option<serde_json::Number>,
    pub(super) maximum: Option<serde_json::Number>,
    #[serde(rename = "x-type")]
    pub(super) kind: String,
    #[serde(rename = "x-label")]
    pub(super) label: Bilingual,
    #[serde(rename = "x-definition")]
    pub(super) definition: Bilingual,
    #[serde(rename = "x-unit")]
    pub(super) unit: Option<String>,
    #[serde(rename = "x-element")]
    pub(super) element: Option<String>,
    #[serde(rename = "x-sensitivity")]
    pub(super) sensitivity: String,
    #[serde(rename = "x-codelist")]
    pub(super) code_list: Option<String>,
    #[serde(rename = "x-out-of-bounds")]
    pub(super) out_of_bounds: Option<String>,
    #[serde(rename = "x-max-count-day", default)]
    pub(super) max_is_count_day: bool,
    #[serde(rename = "x-minimum-date")]
    pub(super) min_date: Option<String>,
    #[serde(rename = "x-name", default)]
    pub(super) name: bool,
    #[serde(rename = "x-allowed")]
    pub(super) allowed: Option<Bilingual>,
}
