//! A standard as XML Schema 1.0, for agencies whose systems speak XML.
//!
//! Owns the translation of field types, bounds and texts. The JSON Schema stays the contract; what
//! XML Schema can't say (code lists by date, bounds by the count day) stands in the documentation.

use super::field::{Field, FieldType};
use super::standard::Standard;
use std::fmt::Write;

/// One root element named after the standard, one child per field in the standard's order.
pub fn to_xsd(standard: &Standard) -> String {
    let mut out = String::with_capacity(16 * 1024);
    let target = format!("urn:saphan:standard:{}:{}", standard.name, standard.version);
    // Writing into a String can't fail.
    let _ = write!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<xs:schema xmlns:xs=\"http://www.w3.org/2001/XMLSchema\" \
         targetNamespace=\"{target}\" xmlns=\"{target}\" elementFormDefault=\"qualified\" version=\"{}\">\n  \
         <xs:element name=\"{}\">\n{}    <xs:complexType>\n      <xs:sequence>\n",
        standard.version,
        standard.name,
        annotation(4, &[("th", &standard.label.th), ("en", &standard.label.en)]),
    );
    for (at, field) in standard.fields.iter().enumerate() {
        write_field(&mut out, field, standard.pattern_text(at));
    }
    out.push_str("      </xs:sequence>\n    </xs:complexType>\n  </xs:element>\n</xs:schema>\n");
    out
}

fn write_field(out: &mut String, field: &Field, pattern: Option<&str>) {
    let optional = if field.required { "" } else { " minOccurs=\"0\"" };
    let (base, facets) = base_and_facets(field, pattern);
    let th = format!("{}: {}", field.label.th, field.definition.th);
    let mut en = format!("{}: {}", field.label.en, field.definition.en);
    if let Some(unit) = &field.unit {
        let _ = write!(en, " [{unit}]");
    }
    if let FieldType::Code(list) = &field.field_type {
        let _ = write!(en, " (code list {list})");
    }
    let _ = write!(
        out,
        "        <xs:element name=\"{}\"{optional}>\n{}          <xs:simpleType>\n            <xs:restriction base=\"{base}\">\n{facets}            </xs:restriction>\n          </xs:simpleType>\n        </xs:element>\n",
        field.name,
        annotation(10, &[("th", &th), ("en", &en)]),
    );
}

fn base_and_facets(field: &Field, pattern: Option<&str>) -> (&'static str, String) {
    let mut facets = String::new();
    let mut facet = |name: &str, value: &dyn std::fmt::Display| {
        let value = escape(&value.to_string());
        let _ = writeln!(facets, "              <xs:{name} value=\"{value}\"/>");
    };
    // XML Schema anchors every pattern by itself.
    if let Some(bare) = pattern.and_then(|text| text.strip_prefix('^')?.strip_suffix('$')) {
        facet("pattern", &bare);
    }
    let base = match &field.field_type {
        FieldType::LearnerId | FieldType::Code(_) => "xs:token",
        FieldType::Text { chars_max, .. } => {
            facet("minLength", &1);
            facet("maxLength", chars_max);
            "xs:string"
        }
        FieldType::Date { min, .. } => {
            if let Some(min) = min {
                facet("minInclusive", min);
            }
            "xs:date"
        }
        FieldType::Integer { min, max } => {
            min.iter().for_each(|min| facet("minInclusive", min));
            max.iter().for_each(|max| facet("maxInclusive", max));
            "xs:integer"
        }
        FieldType::Decimal { min, max } => {
            min.iter().for_each(|min| facet("minInclusive", min));
            max.iter().for_each(|max| facet("maxInclusive", max));
            "xs:decimal"
        }
        FieldType::Boolean => "xs:boolean",
    };
    (base, facets)
}

fn annotation(indent: usize, texts: &[(&str, &str)]) -> String {
    let pad = " ".repeat(indent);
    let mut out = format!("{pad}<xs:annotation>\n");
    for (lang, text) in texts {
        let _ = writeln!(out, "{pad}  <xs:documentation xml:lang=\"{lang}\">{}</xs:documentation>", escape(text));
    }
    let _ = writeln!(out, "{pad}</xs:annotation>");
    out
}

fn escape(text: &str) -> String {
    quick_xml::escape::escape(text).into_owned()
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test reads the project's own files")]
mod tests {
    use super::*;
    use quick_xml::Reader;
    use quick_xml::events::Event;

    #[test]
    fn every_field_stands_in_well_formed_xml() {
        for name in ["enrolment", "school"] {
            let path = format!("{}/schemas/standards/{name}/1.schema.json", env!("CARGO_MANIFEST_DIR"));
            let standard = Standard::compile(&path, &std::fs::read_to_string(&path).unwrap()).unwrap();
            let xsd = to_xsd(&standard);
            let mut reader = Reader::from_str(&xsd);
            let mut elements = Vec::new();
            loop {
                match reader.read_event().unwrap() {
                    Event::Eof => break,
                    Event::Start(tag) if tag.name().as_ref() == "xs:element" => {
                        let name = tag.try_get_attribute("name").unwrap().unwrap();
                        elements.push(name.value.into_owned());
                    }
                    _ => {}
                }
            }
            assert_eq!(elements.remove(0), name);
            assert_eq!(elements, standard.fields.iter().map(|field| field.name.to_string()).collect::<Vec<_>>());
        }
    }

    #[test]
    fn bounds_patterns_and_obligation_are_carried() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/schemas/standards/enrolment/1.schema.json");
        let xsd = to_xsd(&Standard::compile(path, &std::fs::read_to_string(path).unwrap()).unwrap());
        assert!(xsd.contains("<xs:element name=\"learner_id\">"));
        assert!(xsd.contains("<xs:element name=\"weight_kg\" minOccurs=\"0\">"));
        assert!(xsd.contains("<xs:pattern value=\"[MF]\"/>"));
        assert!(xsd.contains("<xs:minInclusive value=\"1900-01-01\"/>"));
        assert!(xsd.contains("<xs:maxInclusive value=\"220\"/>"));
        assert!(!xsd.contains("value=\"^"));
    }
}
