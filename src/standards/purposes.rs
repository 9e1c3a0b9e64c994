//! The closed list of purposes, compiled from `schemas/purposes/*.yaml` against the standards.
//!
//! Refuses a purpose without a legal basis, one that releases a field its standard does not have, one that releases sensitive
//! data without a ground for them (PDPA s. 26), and a list without the purposes that the gateway's own doors look for. All
//! faults are reported together.

use super::field::Sensitivity;
use super::library::{Library, LibraryFault};
use crate::domain::agency::AgencyCode;
use crate::domain::principal::Scope;
use crate::domain::purpose::{Ground, LegalBasis, NEEDED, Purpose, PurposeCode};
use crate::domain::text::Bilingual;
use serde::Deserialize;
use std::collections::BTreeMap;

/// Longest document, in bytes.
const BYTES_MAX: usize = 256 << 10;
/// The law wants traffic data for 90 days; a person may ask for longer who looked.
const LOG_DAYS: std::ops::RangeInclusive<u32> = 90..=3_660;

/// By code.
#[derive(Debug, Clone, Default)]
pub struct Purposes(BTreeMap<String, Purpose>);

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Document {
    purpose: String,
    version: u32,
    title: Bilingual,
    description: Bilingual,
    basis: Vec<RawBasis>,
    used_by: Vec<String>,
    #[serde(default)]
    agencies: Vec<String>,
    reference: Reference,
    fields: BTreeMap<String, RawFields>,
    log_days: u32,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawBasis {
    ground: String,
    act: Bilingual,
}

#[derive(Deserialize, PartialEq)]
#[serde(rename_all = "lowercase")]
enum Reference {
    Required,
    None,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum RawFields {
    Some(Vec<String>),
    Whole(Whole),
}

#[derive(Deserialize)]
#[serde(rename_all = "lowercase")]
enum Whole {
    All,
}

impl Purposes {
    /// Takes `(path, text)` of every file of `purposes/`.
    pub fn read<'a>(
        files: impl Iterator<Item = (&'a str, &'a str)>,
        library: &Library,
    ) -> Result<Purposes, Vec<LibraryFault>> {
        let mut faults = Vec::new();
        let mut all = BTreeMap::new();
        for (path, text) in files {
            let mut complain = |line: Option<u32>, message: String| {
                faults.push(LibraryFault { path: path.to_owned(), line, message });
            };
            if text.len() > BYTES_MAX {
                complain(None, format!("longer than {BYTES_MAX} bytes"));
                continue;
            }
            let document: Document = match serde_saphyr::from_str(text) {
                Ok(document) => document,
                Err(error) => {
                    let line = error.location().and_then(|at| u32::try_from(at.line()).ok());
                    complain(line, error.without_snippet().to_string());
                    continue;
                }
            };
            if !path.ends_with(&format!("/{}.yaml", document.purpose)) {
                complain(None, format!("the purpose calls itself {}, and the file otherwise", document.purpose));
            }
            match compile(document, library) {
                Ok(purpose) => drop(all.insert(purpose.code.as_str().to_owned(), purpose)),
                Err(messages) => messages.into_iter().for_each(|message| complain(None, message)),
            }
        }
        if faults.is_empty() {
            let missing = NEEDED.iter().filter(|code| !all.contains_key(**code));
            faults.extend(missing.map(|code| LibraryFault {
                path: format!("purposes/{code}.yaml"),
                line: None,
                message: "the purpose is missing: the gateway itself looks at records for it".to_owned(),
            }));
        }
        if faults.is_empty() { Ok(Purposes(all)) } else { Err(faults) }
    }

    pub fn get(&self, code: &str) -> Option<&Purpose> {
        self.0.get(code)
    }

    /// In the order of their codes.
    pub fn iter(&self) -> impl Iterator<Item = &Purpose> {
        self.0.values()
    }
}

fn compile(document: Document, library: &Library) -> Result<Purpose, Vec<String>> {
    let mut faults = Vec::new();
    let code = PurposeCode::parse(&document.purpose).map_err(|fault| faults.push(fault.to_string())).ok();
    let mut texts = vec![("title", &document.title), ("description", &document.description)];
    texts.extend(document.basis.iter().map(|basis| ("basis", &basis.act)));
    for (what, text) in texts {
        if text.th.trim().is_empty() || text.en.trim().is_empty() {
            faults.push(format!("{what}: both languages are needed"));
        }
    }
    let mut basis = Vec::new();
    for raw in document.basis {
        match Ground::parse(&raw.ground) {
            Some(ground) => basis.push(LegalBasis { ground, act: raw.act }),
            None => faults.push(format!("«{}» is no ground of the Personal Data Protection Act", raw.ground)),
        }
    }
    if basis.is_empty() {
        faults.push("no legal basis".to_owned());
    }
    let mut used_by = Vec::new();
    for name in &document.used_by {
        match Scope::parse(name) {
            Some(scope) => used_by.push(scope),
            None => faults.push(format!("there is no right {name}")),
        }
    }
    if document.used_by.is_empty() {
        faults.push("used_by: nobody may use it".to_owned());
    }
    let mut agencies = Vec::new();
    for name in &document.agencies {
        match AgencyCode::parse(name) {
            Ok(agency) => agencies.push(agency),
            Err(_) => faults.push(format!("there is no agency {name}")),
        }
    }
    if !LOG_DAYS.contains(&document.log_days) {
        faults.push(format!("log_days: from {} to {}", LOG_DAYS.start(), LOG_DAYS.end()));
    }
    let may_be_sensitive = basis.iter().any(|basis| basis.ground.is_for_sensitive());
    let fields = fields(document.fields, may_be_sensitive, library, &mut faults);
    match code {
        Some(code) if faults.is_empty() => Ok(Purpose {
            code,
            version: document.version,
            title: document.title,
            description: document.description,
            basis,
            used_by,
            agencies,
            needs_reference: document.reference == Reference::Required,
            fields,
            log_days: document.log_days,
        }),
        _ => Err(faults),
    }
}

/// The fields by name, in the standard's order where it is all of them.
fn fields(
    raw: BTreeMap<String, RawFields>,
    may_be_sensitive: bool,
    library: &Library,
    faults: &mut Vec<String>,
) -> BTreeMap<String, Vec<String>> {
    let mut all = BTreeMap::new();
    if raw.is_empty() {
        faults.push("fields: nothing is released".to_owned());
    }
    for (id, raw) in raw {
        let Some(standard) = library.standard(&id) else {
            faults.push(format!("there is no standard {id}"));
            continue;
        };
        let names = match raw {
            RawFields::Whole(Whole::All) => standard.fields.iter().map(|field| field.name.to_string()).collect(),
            RawFields::Some(names) => names,
        };
        for (at, name) in names.iter().enumerate() {
            match standard.field(name) {
                None => faults.push(format!("{id} has no field {name}")),
                Some(field) if field.sensitivity == Sensitivity::Sensitive && !may_be_sensitive => {
                    faults.push(format!("{id}.{name} is sensitive, and the basis names no ground of section 26"));
                }
                Some(_) if names[..at].contains(name) => faults.push(format!("{id}.{name} stands twice")),
                Some(_) => {}
            }
        }
        all.insert(id, names);
    }
    all
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test reads the project's own files")]
mod tests {
    use super::*;

    fn texts(folders: &[&str]) -> Vec<(String, String)> {
        let mut out = Vec::new();
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas");
        let mut open: Vec<_> = folders.iter().map(|folder| root.join(folder)).collect();
        while let Some(folder) = open.pop() {
            for file in std::fs::read_dir(folder).unwrap() {
                let path = file.unwrap().path();
                if path.is_dir() {
                    open.push(path);
                } else {
                    out.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
                }
            }
        }
        out
    }

    fn library() -> Library {
        Library::load(texts(&["standards", "codelists", "rules"]).into_iter()).unwrap()
    }

    fn read(files: &[(String, String)], library: &Library) -> Result<Purposes, Vec<String>> {
        Purposes::read(files.iter().map(|(path, text)| (path.as_str(), text.as_str())), library)
            .map_err(|faults| faults.into_iter().map(|fault| fault.message).collect())
    }

    #[test]
    fn the_published_purposes_name_their_fields_and_their_basis() {
        let library = library();
        let purposes = read(&texts(&["purposes"]), &library).unwrap();
        let whole = library.standard("enrolment/1").unwrap().fields.len();
        assert_eq!(purposes.get("own-records").unwrap().fields_of("enrolment/1").len(), whole);
        assert_eq!(purposes.get("count-evidence").unwrap().fields_of("enrolment/1"), ["learner_id"]);
        assert!(purposes.get("transfer").unwrap().needs_reference);
        for purpose in purposes.iter() {
            let is_lookup =
                purpose.used_by.iter().any(|scope| matches!(scope, Scope::AgencyLookup | Scope::AgencyAnswer));
            assert_eq!(purpose.needs_reference, is_lookup, "{}", purpose.code.as_str());
        }
    }

    #[test]
    fn a_purpose_that_releases_too_much_or_says_too_little_is_refused_with_every_fault() {
        let library = library();
        let mut files = texts(&["purposes"]);
        let at = files.iter().position(|(path, _)| path.ends_with("/transfer.yaml")).unwrap();
        let whole = files[at].1.clone();
        let mut faults = |from: &str, to: &str| {
            assert!(whole.contains(from));
            files[at].1 = whole.replace(from, to);
            read(&files, &library).unwrap_err()
        };
        assert_eq!(
            faults("exit_date,", "religion, shoe_size, grade,"),
            [
                "enrolment/1.religion is sensitive, and the basis names no ground of section 26",
                "enrolment/1 has no field shoe_size",
                "enrolment/1.grade stands twice"
            ]
        );
        let everything = ["«24(9)» is no ground of the Personal Data Protection Act", "no legal basis"];
        assert_eq!(faults("ground: \"24(4)\"", "ground: \"24(9)\""), everything);
        assert_eq!(faults("[agency.lookup]", "[agency.look]"), ["there is no right agency.look"]);
        assert_eq!(faults("log_days: 1825", "log_days: 30"), ["log_days: from 90 to 3660"]);
        assert_eq!(
            faults("  en: Admitting a learner from another school", "  en: ''"),
            ["title: both languages are needed"]
        );
        assert_eq!(
            faults("purpose: transfer", "purpose: move")[0],
            "the purpose calls itself move, and the file otherwise"
        );
        files.retain(|(path, _)| !path.ends_with("/oversight.yaml") && !path.ends_with("/transfer.yaml"));
        assert_eq!(
            read(&files, &library).unwrap_err(),
            ["the purpose is missing: the gateway itself looks at records for it"]
        );
    }
}
