//! What anybody may read: standards, code lists, rules and mappings, as views without a file or a store.
//!
//! Owns the words a data dictionary uses for types and bounds. Refuses to decide what is shown of data: there are none here.

use super::{App, AppError};
use crate::domain::purpose::Purpose;
use crate::domain::rule::RuleCode;
use crate::domain::text::Bilingual;
use crate::standards::{FieldType, RuleText, Sensitivity, Standard, school_directory, to_xsd};
use crate::vault::sha256_hex;
use jiff::civil::Date;
use std::sync::Arc;

pub use crate::standards::CodeList;

/// The list that is not shipped: the register in force.
const SCHOOL: &str = "school";

/// A code list in the list of them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CodeListLine {
    pub name: String,
    /// Changes with the content.
    pub version: String,
    pub codes: u64,
}

/// One line of a data dictionary.
#[derive(Debug, Clone)]
pub struct DictionaryLine {
    pub name: String,
    pub label: Bilingual,
    pub definition: Bilingual,
    pub kind: Bilingual,
    /// The code list its values come from, if one stands in the library.
    pub list: Option<String>,
    pub unit: Option<String>,
    pub required: bool,
    pub sensitivity: Bilingual,
}

/// A mapping as a list shows it.
#[derive(Debug, Clone, serde::Serialize)]
pub struct MappingLine {
    /// `obec/enrolments`
    pub name: String,
    pub version: u32,
    /// `enrolment/1`
    pub standard: String,
    /// `csv`, `json`, `ndjson`, `xml` or `xlsx`
    pub format: String,
    /// Of the document, hexadecimal.
    pub sha256: String,
    /// Optional fields of the standard that this mapping does not fill.
    pub unfilled: Vec<String>,
}

impl App {
    pub fn standards(&self) -> impl Iterator<Item = &Arc<Standard>> {
        self.assets.library.standards()
    }

    /// What a person's record may be looked at for.
    pub fn purposes(&self) -> impl Iterator<Item = &Purpose> {
        self.assets.purposes.iter()
    }

    /// `enrolment`, `1`
    pub fn standard(&self, name: &str, version: &str) -> Option<&Arc<Standard>> {
        self.assets.library.standard(&format!("{name}/{version}"))
    }

    pub fn xsd(&self, standard: &Standard) -> String {
        to_xsd(standard)
    }

    pub fn dictionary(&self, standard: &Standard) -> Vec<DictionaryLine> {
        standard
            .fields
            .iter()
            .map(|field| DictionaryLine {
                name: field.name.to_string(),
                label: field.label.clone(),
                definition: field.definition.clone(),
                kind: kind(&field.field_type),
                list: match &field.field_type {
                    FieldType::Code(list) => self.assets.library.list(list).map(|list| list.name().to_owned()),
                    _ => None,
                },
                unit: field.unit.clone(),
                required: field.required,
                sensitivity: sensitivity(field.sensitivity),
            })
            .collect()
    }

    /// Every code list by name: the shipped ones, and `school`.
    pub async fn code_lists(&self) -> Result<Vec<CodeListLine>, AppError> {
        let shipped = self.assets.library.lists().map(|list| CodeListLine {
            name: list.name().to_owned(),
            version: list.version().to_owned(),
            codes: list.entries().len() as u64,
        });
        let mut lines: Vec<CodeListLine> = shipped.collect();
        let (version, codes) = (self.school_list_version().await?, self.store.school_count().await?);
        lines.push(CodeListLine { name: String::from(SCHOOL), version, codes });
        lines.sort_by(|a, b| a.name.cmp(&b.name));
        Ok(lines)
    }

    /// The list of that name: a shipped one, or `school`, the register in force with the schools' names as labels.
    /// Schools that are closed on the day are left out, also where the register doesn't say since when.
    pub async fn code_list(&self, name: &str, on: Option<Date>) -> Result<Option<Arc<CodeList>>, AppError> {
        if name != SCHOOL {
            return Ok(self.shipped_code_list(name).cloned());
        }
        let version = self.school_list_version().await?;
        let mut schools = self.store.schools().await?;
        if let Some(day) = on {
            schools.retain(|school| school.open_on(day));
        }
        Ok(Some(Arc::new(school_directory(&schools, &version))))
    }

    /// Names the state of a list that is built when it is asked for, so that one who has it is answered without building it.
    /// None: the list is at hand.
    pub async fn code_list_state(&self, name: &str) -> Result<Option<String>, AppError> {
        if name != SCHOOL {
            return Ok(None);
        }
        let register = self.store.register_version().await?;
        // With the time, because another store has versions of the same numbers.
        let register = register.map(|register| format!("{} {}", register.version, register.at));
        Ok(Some(format!("{} {}", env!("CARGO_PKG_VERSION"), register.unwrap_or_default())))
    }

    pub fn shipped_code_list(&self, name: &str) -> Option<&Arc<CodeList>> {
        self.assets.library.list(name)
    }

    async fn school_list_version(&self) -> Result<String, AppError> {
        let register = self.store.register_version().await?;
        Ok(format!("register.{}", register.map_or(0, |register| register.version)))
    }

    pub fn rules(&self) -> &[RuleText] {
        self.assets.library.catalogue().texts()
    }

    pub fn rule(&self, code: &str) -> Option<&RuleText> {
        self.assets.library.catalogue().text(RuleCode::find(code)?)
    }

    pub fn mapping_lines(&self) -> Vec<MappingLine> {
        self.assets.mappings.keys().filter_map(|name| self.mapping_line(name)).collect()
    }

    pub fn mapping_line(&self, name: &str) -> Option<MappingLine> {
        let loaded = self.assets.mapping(name)?;
        Some(MappingLine {
            name: loaded.mapping.name.clone(),
            version: loaded.mapping.version,
            standard: loaded.mapping.standard.id().to_owned(),
            format: loaded.mapping.spec.format.as_str().to_owned(),
            sha256: sha256_hex(loaded.text.as_bytes()),
            unfilled: loaded.mapping.unfilled.iter().map(ToString::to_string).collect(),
        })
    }

    /// The document as its keepers wrote it.
    pub fn mapping_text(&self, name: &str) -> Option<&str> {
        self.assets.mapping(name).map(|loaded| loaded.text.as_str())
    }

    /// The public halves of the keys that sign and signed, as JWKs (RFC 7517); the one in use first.
    pub fn signing_keys(&self) -> Result<serde_json::Value, AppError> {
        serde_json::to_value(self.vault.public_jwks()).map_err(|_| AppError::Worker)
    }
}

/// Names one content: an entity tag without its quotes.
pub fn entity_tag(bytes: &[u8]) -> String {
    let mut hash = sha256_hex(bytes);
    hash.truncate(32);
    hash
}

fn kind(of: &FieldType) -> Bilingual {
    match of {
        FieldType::LearnerId => {
            Bilingual::new("เลขประจำตัวผู้เรียน", "learner identifier: citizen number, G-code or passport")
        }
        FieldType::Text { chars_max, .. } => Bilingual::new(
            format!("ข้อความ ไม่เกิน {chars_max} ตัวอักษร"),
            format!("text of at most {chars_max} characters"),
        ),
        FieldType::Code(list) => Bilingual::new(format!("รหัสจากรายการ {list}"), format!("code of the list {list}")),
        FieldType::Date { max_is_count_day: true, .. } => {
            Bilingual::new("วันที่ (ค.ศ.) ไม่เกินวันนับ", "date, no later than the count day")
        }
        FieldType::Date { .. } => Bilingual::new("วันที่ (ค.ศ.)", "date"),
        FieldType::Integer { min, max } => bounds("จำนวนเต็ม", "whole number", min.as_ref(), max.as_ref()),
        FieldType::Decimal { min, max } => bounds("จำนวน", "number", min.as_ref(), max.as_ref()),
        FieldType::Boolean => Bilingual::new("ใช่หรือไม่", "true or false"),
    }
}

fn bounds<T: std::fmt::Display>(th: &str, en: &str, min: Option<&T>, max: Option<&T>) -> Bilingual {
    match (min, max) {
        (Some(min), Some(max)) => Bilingual::new(format!("{th} {min}–{max}"), format!("{en} {min}–{max}")),
        (Some(min), None) => Bilingual::new(format!("{th} ตั้งแต่ {min}"), format!("{en} from {min}")),
        (None, Some(max)) => Bilingual::new(format!("{th} ไม่เกิน {max}"), format!("{en} up to {max}")),
        (None, None) => Bilingual::new(th, en),
    }
}

fn sensitivity(of: Sensitivity) -> Bilingual {
    match of {
        Sensitivity::Public => Bilingual::new("ทั่วไป", "public"),
        Sensitivity::Personal => Bilingual::new("ส่วนบุคคล", "personal"),
        Sensitivity::Sensitive => Bilingual::new("อ่อนไหว (ม. 26)", "sensitive (PDPA s. 26)"),
    }
}
