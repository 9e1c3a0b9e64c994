//! The lists of a workbook: its sheets, its date system, and the table of shared texts.
//!
//! Owns the only part of a workbook that must be held whole, because any row may point anywhere into it.
//! It is one buffer and one list of ends, under a limit of its own. Refuses the date system of 1904:
//! the same numbers would mean days four years later.

use super::stream::Position;
use super::xlsx_package::Package;
use super::xml_reader::{XmlReader, entity};
use super::{DecodeError, Detail, Limits};
use crate::domain::rule::{FMT_ARCHIVE, FMT_HEADER, FMT_MALFORMED, LIM_SHARED_STRINGS};
use quick_xml::events::{BytesStart, Event};

/// The value of an attribute by its local name.
pub(crate) fn attribute(element: &BytesStart, local: &str) -> Option<String> {
    let found = element
        .attributes()
        .with_checks(false)
        .flatten()
        .find(|attribute| attribute.key.local_name().as_ref() == local)?;
    quick_xml::escape::unescape(&found.value).ok().map(std::borrow::Cow::into_owned)
}

/// Texts by number, in one buffer.
#[derive(Debug, Default)]
pub(crate) struct SharedTexts {
    text: String,
    ends: Vec<u32>,
}

impl SharedTexts {
    pub(crate) fn get(&self, index: usize) -> Option<&str> {
        let end = *self.ends.get(index)? as usize;
        let start = index.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        self.text.get(start..end)
    }

    pub(crate) fn read(package: &Package, name: &str, limits: &Limits) -> Result<SharedTexts, DecodeError> {
        let mut shared = SharedTexts::default();
        let part = package.part(name, Position::default())?;
        let mut reader = XmlReader::new(part, limits.record_bytes_max, name);
        let (mut buffer, mut in_text, mut in_phonetic) = (Vec::new(), false, false);
        let bytes_max = limits.shared_strings_bytes_max.min(u32::MAX as usize);
        let mut start = 0;
        loop {
            match reader.next(&mut buffer)? {
                Event::Start(element) => match element.local_name().as_ref() {
                    "si" => start = shared.text.len(),
                    "t" => in_text = true,
                    "rPh" => in_phonetic = true,
                    _ => {}
                },
                Event::End(element) => match element.local_name().as_ref() {
                    "si" => {
                        unescape_letters(&mut shared.text, start);
                        shared.ends.push(shared.text.len() as u32);
                    }
                    "t" => in_text = false,
                    "rPh" => in_phonetic = false,
                    _ => {}
                },
                Event::Text(text) if in_text && !in_phonetic => shared.text.push_str(&text),
                Event::CData(text) if in_text && !in_phonetic => shared.text.push_str(&text),
                Event::GeneralRef(reference) if in_text && !in_phonetic => {
                    if let Some(letters) = entity(&reference) {
                        letters.push_to(&mut shared.text);
                    }
                }
                Event::Eof => return Ok(shared),
                _ => {}
            }
            if shared.text.len() + shared.ends.len() * 4 > bytes_max {
                let detail = Detail::SharedTextsLarger(bytes_max);
                return Err(DecodeError::refused(LIM_SHARED_STRINGS, name, detail));
            }
        }
    }
}

/// `_x000D_` is how a workbook writes a letter that XML cannot carry.
pub(crate) fn unescape_letters(text: &mut String, from: usize) {
    let Some(found) = memchr::memmem::find(&text.as_bytes()[from..], b"_x") else { return };
    let tail = text.split_off(from + found);
    let mut rest = tail.as_str();
    while let Some(at) = rest.find("_x") {
        let code = rest.get(at + 2..at + 6).filter(|_| rest.as_bytes().get(at + 6) == Some(&b'_'));
        match code.and_then(|code| u32::from_str_radix(code, 16).ok()).and_then(char::from_u32) {
            Some(letter) => {
                text.push_str(&rest[..at]);
                text.push(letter);
                rest = &rest[at + 7..];
            }
            None => {
                text.push_str(&rest[..at + 2]);
                rest = &rest[at + 2..];
            }
        }
    }
    text.push_str(rest);
}

/// Where the wanted sheet and the shared texts are.
#[derive(Debug, Default)]
pub(crate) struct Workbook {
    pub(crate) sheet_name: String,
    pub(crate) sheet_part: String,
    pub(crate) shared_part: Option<String>,
    /// Name and part of the other sheets that are not hidden, as far as they are tables.
    pub(crate) others: Vec<(String, String)>,
}

struct Relation {
    id: String,
    kind: String,
    target: String,
}

impl Workbook {
    /// Finds the sheet of this name, or the first that is not hidden.
    pub(crate) fn read(package: &Package, sheet: Option<&str>, limits: &Limits) -> Result<Workbook, DecodeError> {
        let office = relations(package, "", limits).unwrap_or_default();
        let workbook = office
            .iter()
            .find(|relation| relation.kind.ends_with("/officeDocument"))
            .map_or_else(|| "xl/workbook.xml".to_owned(), |relation| relation.target.clone());
        let sheets = sheets(package, &workbook, limits)?;
        let wanted = match sheet {
            Some(name) => sheets.iter().find(|found| found.name.trim() == name.trim()),
            None => sheets.iter().find(|found| !found.is_hidden),
        };
        let Some(wanted) = wanted else {
            let names: Vec<&str> = sheets.iter().map(|sheet| sheet.name.as_str()).take(8).collect();
            let detail = match sheet {
                Some(sheet) => Detail::NoSheet(sheet.to_owned(), names.join(", ")),
                None => Detail::NoVisibleSheet,
            };
            return Err(DecodeError::refused(FMT_HEADER, "workbook", detail));
        };
        let relations = relations(package, &workbook, limits)?;
        let part_of = |sheet: &Sheet| relations.iter().find(|relation| relation.id == sheet.relation);
        let sheet_part = part_of(wanted)
            .map(|relation| relation.target.clone())
            .ok_or_else(|| DecodeError::refused(FMT_ARCHIVE, &*workbook, Detail::SheetPartUnnamed))?;
        let shared = relations.iter().find(|relation| relation.kind.ends_with("/sharedStrings"));
        let shared_part = shared.map(|relation| relation.target.clone()).filter(|part| package.has(part));
        let others = sheets.iter().filter(|sheet| !sheet.is_hidden && sheet.relation != wanted.relation);
        // A sheet may be a chart alone.
        let is_table = |relation: &&Relation| relation.kind.ends_with("/worksheet");
        let named = |sheet: &Sheet| Some((sheet.name.clone(), part_of(sheet).filter(is_table)?.target.clone()));
        let others = others.filter_map(named).collect();
        Ok(Workbook { others, sheet_name: wanted.name.clone(), sheet_part, shared_part })
    }
}

struct Sheet {
    name: String,
    relation: String,
    is_hidden: bool,
}

fn sheets(package: &Package, part: &str, limits: &Limits) -> Result<Vec<Sheet>, DecodeError> {
    let text = package.small_part(part)?;
    let mut reader = XmlReader::new(text.as_bytes(), limits.envelope_bytes_max, part);
    let (mut buffer, mut sheets) = (Vec::new(), Vec::new());
    loop {
        match reader.next(&mut buffer)? {
            Event::Start(element)
                if element.local_name().as_ref() == "workbookPr"
                    && attribute(&element, "date1904").is_some_and(|flag| flag == "1" || flag == "true") =>
            {
                return Err(DecodeError::refused(FMT_MALFORMED, "workbook", Detail::Dates1904));
            }
            Event::Start(element) if element.local_name().as_ref() == "sheet" => sheets.push(Sheet {
                name: attribute(&element, "name").unwrap_or_default(),
                relation: attribute(&element, "id").unwrap_or_default(),
                is_hidden: attribute(&element, "state").is_some_and(|state| state != "visible"),
            }),
            Event::Eof => return Ok(sheets),
            _ => {}
        }
    }
}

/// The relations of a part (`""`: of the package), with targets as names in the package.
fn relations(package: &Package, part: &str, limits: &Limits) -> Result<Vec<Relation>, DecodeError> {
    let (folder, file) = part.rsplit_once('/').unwrap_or(("", part));
    let prefix = if folder.is_empty() { String::new() } else { format!("{folder}/") };
    let name = format!("{prefix}_rels/{file}.rels");
    let text = package.small_part(&name)?;
    let mut reader = XmlReader::new(text.as_bytes(), limits.envelope_bytes_max, &name);
    let (mut buffer, mut relations) = (Vec::new(), Vec::new());
    loop {
        match reader.next(&mut buffer)? {
            Event::Start(element) if element.local_name().as_ref() == "Relationship" => {
                let target = attribute(&element, "Target").unwrap_or_default();
                relations.push(Relation {
                    id: attribute(&element, "Id").unwrap_or_default(),
                    kind: attribute(&element, "Type").unwrap_or_default(),
                    target: resolve(&prefix, &target),
                });
            }
            Event::Eof => return Ok(relations),
            _ => {}
        }
    }
}

fn resolve(prefix: &str, target: &str) -> String {
    let whole = match target.strip_prefix('/') {
        Some(absolute) => absolute.to_owned(),
        None => format!("{prefix}{target}"),
    };
    let mut steps: Vec<&str> = Vec::new();
    for step in whole.split('/') {
        match step {
            "." | "" => {}
            ".." => {
                steps.pop();
            }
            step => steps.push(step),
        }
    }
    steps.join("/")
}
