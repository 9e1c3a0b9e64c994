//! Everything under `schemas/`, compiled together: standards, code lists, rule texts and places.
//!
//! Owns the checks between documents: every list a field names exists, its codes fit the field's
//! published pattern, districts lie in provinces. Refuses unknown files and reports all faults of all
//! files at once. It is given texts; reading folders is the caller's.

use super::catalogue::Catalogue;
use super::code_list::CodeList;
use super::field::FieldType;
use super::place::Places;
use super::standard::{Standard, name_and_version};
use crate::domain::text::Bilingual;
use std::collections::BTreeMap;
use std::sync::Arc;

/// The list whose entries come from the school register at run time.
pub const REGISTER_LIST: &str = "school";

/// Bytes of one document.
pub const DOCUMENT_BYTES_MAX: usize = 64 * 1024 * 1024;

/// Labels of a list no longer than this stand in a finding's `allowed` by themselves.
const ALLOWED_LABELS_MAX: usize = 12;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{path}{}: {message}", line.map(|line| format!(":{line}")).unwrap_or_default())]
pub struct LibraryFault {
    pub path: String,
    /// From 1, where known.
    pub line: Option<u32>,
    pub message: String,
}

#[derive(Debug, Clone)]
pub struct Library {
    standards: BTreeMap<String, Arc<Standard>>,
    lists: BTreeMap<String, Arc<CodeList>>,
    catalogue: Arc<Catalogue>,
    places: Arc<Places>,
}

impl Library {
    /// Takes `(path, text)` of every file below `schemas/`; what stands before `standards/`, `codelists/` or
    /// `rules/` in the path does not matter. Files of other parts (`opendata/`, `mapping.schema.json`) are passed over.
    pub fn load(files: impl Iterator<Item = (String, String)>) -> Result<Library, Vec<LibraryFault>> {
        let mut loading = Loading::default();
        for (path, text) in files {
            loading.take(path, text);
        }
        loading.finish()
    }

    /// `enrolment/1`
    pub fn standard(&self, id: &str) -> Option<&Arc<Standard>> {
        self.standards.get(id)
    }

    /// In the order of their ids.
    pub fn standards(&self) -> impl Iterator<Item = &Arc<Standard>> {
        self.standards.values()
    }

    pub fn list(&self, name: &str) -> Option<&Arc<CodeList>> {
        self.lists.get(name)
    }

    /// In the order of their names; without the school list, which belongs to a round.
    pub fn lists(&self) -> impl Iterator<Item = &Arc<CodeList>> {
        self.lists.values()
    }

    /// Names all lists together: changes with any of them.
    pub fn lists_version(&self) -> String {
        let all: String = self.lists().map(|list| format!("{} {}\n", list.name(), list.version())).collect();
        super::code_csv::content_version(&all)
    }

    pub fn catalogue(&self) -> &Arc<Catalogue> {
        &self.catalogue
    }

    pub fn places(&self) -> &Arc<Places> {
        &self.places
    }
}

#[derive(Default)]
struct Loading {
    standards: BTreeMap<String, (String, Standard)>,
    cross_rules: Vec<(String, String)>,
    lists: BTreeMap<String, (String, CodeList)>,
    rule_texts: Vec<(String, String)>,
    faults: Vec<LibraryFault>,
}

impl Loading {
    fn fault(&mut self, path: &str, line: Option<u32>, message: impl Into<String>) {
        self.faults.push(LibraryFault { path: path.to_owned(), line, message: message.into() });
    }

    fn take(&mut self, path: String, text: String) {
        if text.len() > DOCUMENT_BYTES_MAX {
            return self.fault(&path, None, format!("longer than {DOCUMENT_BYTES_MAX} bytes"));
        }
        let slashed = path.replace('\\', "/");
        // A folder above may bear one of these names too, so the last one counts.
        let relative = ["standards/", "codelists/", "rules/", "opendata/"]
            .into_iter()
            .filter_map(|folder| Some((folder, folder_tail(&slashed, folder)?)))
            .min_by_key(|(_, tail)| tail.len());
        match relative {
            _ if slashed.ends_with("/mapping.schema.json") || slashed == "mapping.schema.json" => {}
            Some(("standards/", tail)) if tail.ends_with(".schema.json") => self.take_standard(&slashed, &text),
            Some(("standards/", tail)) if tail.ends_with(".rules.yaml") => self.cross_rules.push((slashed, text)),
            Some(("codelists/", tail)) if tail.ends_with(".csv") => {
                let name = tail.trim_end_matches(".csv").to_owned();
                self.take_list(&slashed, &name, &text);
            }
            Some(("rules/", tail)) if tail.ends_with(".yaml") => self.rule_texts.push((slashed, text)),
            Some(("opendata/", _)) => {}
            None if slashed.ends_with(".md") => {}
            _ => self.fault(&path, None, "no document of this kind belongs here"),
        }
    }

    fn take_standard(&mut self, path: &str, text: &str) {
        match Standard::compile(path, text) {
            Ok(standard) => {
                let id = standard.id().to_owned();
                if self.standards.insert(id.clone(), (path.to_owned(), standard)).is_some() {
                    self.fault(path, None, format!("{id} stands twice"));
                }
            }
            Err(faults) => {
                for fault in faults {
                    self.fault(path, fault.line, fault.message);
                }
            }
        }
    }

    fn take_list(&mut self, path: &str, name: &str, text: &str) {
        if name == REGISTER_LIST {
            return self.fault(path, None, "the school list comes from the school register, not from a file");
        }
        match CodeList::read_csv(name, text) {
            Ok(list) => {
                if self.lists.insert(name.to_owned(), (path.to_owned(), list)).is_some() {
                    self.fault(path, None, format!("the list {name} stands twice"));
                }
            }
            Err(faults) => {
                for fault in faults {
                    self.fault(path, Some(fault.line), fault.message);
                }
            }
        }
    }

    fn finish(mut self) -> Result<Library, Vec<LibraryFault>> {
        self.add_cross_rules();
        let catalogue = self.read_catalogue();
        self.check_codes_of_fields();
        let places = self.build_places();
        if !self.faults.is_empty() {
            return Err(self.faults);
        }
        Ok(Library {
            standards: self.standards.into_iter().map(|(id, (_, standard))| (id, Arc::new(standard))).collect(),
            lists: self.lists.into_iter().map(|(name, (_, list))| (name, Arc::new(list))).collect(),
            catalogue: Arc::new(catalogue),
            places: Arc::new(places),
        })
    }

    fn add_cross_rules(&mut self) {
        for (path, text) in std::mem::take(&mut self.cross_rules) {
            let id = name_and_version(&path).map(|(name, version)| format!("{name}/{version}"));
            let standard = id.and_then(|id| self.standards.get_mut(&id));
            match standard.map(|(_, standard)| standard.add_rules(&path, &text)) {
                None => self.fault(&path, None, "there is no standard for these rules"),
                Some(Ok(())) => {}
                Some(Err(faults)) => {
                    for fault in faults {
                        self.fault(&path, fault.line, fault.message);
                    }
                }
            }
        }
    }

    fn read_catalogue(&mut self) -> Catalogue {
        let texts = std::mem::take(&mut self.rule_texts);
        match Catalogue::read(texts.iter().map(|(path, text)| (path.as_str(), text.as_str()))) {
            Ok(catalogue) => catalogue,
            Err(faults) => {
                for fault in faults {
                    self.fault(&fault.path, fault.line, fault.message);
                }
                Catalogue::default()
            }
        }
    }

    /// Every list a field names exists and all its codes fit the published pattern.
    fn check_codes_of_fields(&mut self) {
        let mut found = Vec::new();
        for (path, standard) in self.standards.values_mut() {
            for at in 0..standard.fields.len() {
                let Some(field) = standard.fields.get(at) else { continue };
                let FieldType::Code(list_name) = &field.field_type else { continue };
                if &**list_name == REGISTER_LIST {
                    continue;
                }
                let Some((list_path, list)) = self.lists.get(&**list_name) else {
                    found.push((path.clone(), format!("{}: there is no code list {list_name}", field.name)));
                    continue;
                };
                let pattern = standard.pattern_text(at).and_then(|text| regex::Regex::new(text).ok());
                for entry in list.entries() {
                    if pattern.as_ref().is_some_and(|pattern| !pattern.is_match(&entry.code)) {
                        let message =
                            format!("{} does not fit the pattern of {}.{}", entry.code, standard.id(), field.name);
                        found.push((list_path.clone(), message));
                    }
                }
                let labels = (list.entries().len() <= ALLOWED_LABELS_MAX)
                    .then(|| list.entries().iter().map(|entry| entry.label.th.as_str()).collect::<Vec<_>>().join(", "));
                if let Some(field) = standard.fields.get_mut(at)
                    && field.allowed.is_none()
                {
                    // What to type is the Thai label, whatever language the reader has.
                    field.allowed = labels.map(|labels| Arc::new(Bilingual::new(labels.clone(), labels)));
                }
            }
        }
        for (path, message) in found {
            self.fault(&path, None, message);
        }
    }

    fn build_places(&mut self) -> Places {
        let mut faults = Vec::new();
        let empty = ["province", "district", "subdistrict"].map(CodeList::empty);
        let list = |at: usize| self.lists.get(empty[at].name()).map_or(&empty[at], |(_, list)| list);
        let (provinces, districts, subdistricts) = (list(0), list(1), list(2));
        for missing in empty.iter().filter(|list| !self.lists.contains_key(list.name())) {
            faults.push((format!("codelists/{}.csv", missing.name()), "the list is missing".to_owned()));
        }
        for (below, above) in [(districts, provinces), (subdistricts, districts)] {
            for entry in below.entries() {
                let parent = entry.parent.as_deref().unwrap_or("");
                if above.find(parent).is_none_or(|at| &**above.code(at) != parent) {
                    let message = format!("{}: parent «{parent}» is no code of {}", entry.code, above.name());
                    faults.push((format!("codelists/{}.csv", below.name()), message));
                }
            }
        }
        let places = Places::new(provinces, districts, subdistricts);
        for (path, message) in faults {
            self.fault(&path, None, message);
        }
        places
    }
}

/// What stands behind the folder in a path, wherever the folder stands.
fn folder_tail<'a>(path: &'a str, folder: &str) -> Option<&'a str> {
    if let Some(tail) = path.strip_prefix(folder) {
        return Some(tail);
    }
    let at = path.rfind(&format!("/{folder}"))?;
    path.get(at + 1 + folder.len()..)
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test reads the project's own files")]
mod tests {
    use super::*;
    use crate::domain::rule;

    fn files(folder: &std::path::Path, out: &mut Vec<(String, String)>) {
        for file in std::fs::read_dir(folder).unwrap() {
            let path = file.unwrap().path();
            if path.is_dir() {
                // Examples are agencies' files, in whatever encoding they come.
                if !path.ends_with("examples") {
                    files(&path, out);
                }
            } else {
                out.push((path.display().to_string(), std::fs::read_to_string(&path).unwrap()));
            }
        }
    }

    fn published() -> Vec<(String, String)> {
        let mut out = Vec::new();
        for part in ["standards", "codelists", "rules"] {
            files(&std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas").join(part), &mut out);
        }
        out
    }

    fn loaded() -> Library {
        match Library::load(published().into_iter()) {
            Ok(library) => library,
            Err(faults) => panic!("{}", faults.iter().map(|fault| format!("{fault}\n")).collect::<String>()),
        }
    }

    #[test]
    fn the_published_schemas_load_without_a_fault() {
        let library = loaded();
        assert_eq!(library.standards().map(|s| s.id().to_owned()).collect::<Vec<_>>(), ["enrolment/1", "school/1"]);
        assert_eq!(library.standard("enrolment/1").unwrap().rules.len(), 4);
        assert_eq!(library.catalogue().texts().len(), rule::ALL.len());
        assert!(library.list("school").is_none());
        let religion = library.standard("enrolment/1").unwrap().field("disability").unwrap();
        assert!(religion.allowed.as_deref().unwrap().th.contains("ออทิสติก"), "short lists say what is allowed");
    }

    #[test]
    fn words_of_the_field_resolve_in_the_published_lists() {
        let library = loaded();
        let code = |list: &str, word: &str| {
            let list = library.list(list).unwrap();
            list.find(word).map(|at| list.code(at).to_string())
        };
        for (list, word, expected) in [
            ("grade", "ป.๑", "P1"),
            ("grade", "ประถม 1", "P1"),
            ("grade", "ประถมศึกษาปีที่ ๑", "P1"),
            ("grade", "อบ.2", "K2"),
            ("grade", "ม. 4", "M4"),
            ("grade", "ปวช. ปีที่ 1", "VC1"),
            ("grade", "ปวช 1", "VC1"),
            ("grade", "ปวส.2", "VD2"),
            ("grade", "กศน.ม.ต้น", "NFE2"),
            ("sex", "เด็กชาย", "M"),
            ("sex", "2", "F"),
            ("blood_group", "โอ", "O"),
            ("blood_group", "O+", "O Rh+"),
            ("blood_group", "ORh+", "O Rh+"),
            ("blood_group", "ไม่ทราบ", "UNKNOWN"),
            ("blood_group", " กลุ่มเลือด AB Rh-", "AB Rh-"),
            ("religion", "ศาสนาพุทธ", "001"),
            ("religion", "ซิกส์", "004"),
            ("religion", "ฮินดู", "005"),
            ("nationality", "พม่า", "048"),
            ("nationality", "99", "099"),
            ("disability", "ความพิการซ้ำซ้อน", "09"),
            ("relation", "พ่อ", "01"),
            ("title", "ด. ช.", "001"),
            ("title", "MISS", "004"),
            ("title", "นส.", "004"),
            ("agency", "obec", "10"),
            ("agency", "สอศ", "13"),
            ("province", "กทม", "10"),
            ("province", "โคราช", "30"),
            ("school_status", "open", "open"),
        ] {
            assert_eq!(code(list, word).as_deref(), Some(expected), "{list}: {word}");
        }
        for (list, word) in [("grade", "1"), ("grade", "ป.7"), ("grade", "ม.7"), ("grade", "เตรียม"), ("sex", "3")]
        {
            assert_eq!(code(list, word), None, "{list}: {word}");
        }
        let titles = library.list("title").unwrap();
        assert_eq!(titles.entry(titles.find("ว่าที่ร้อยตรีหญิง").unwrap()).parent.as_deref(), Some("F"));
        let sexes = library.list("sex").unwrap();
        for title in titles.entries().iter().filter_map(|entry| entry.parent.as_deref()) {
            assert!(sexes.find(title).is_some_and(|at| &**sexes.code(at) == title));
        }
    }

    #[test]
    fn the_mappings_fit_their_published_schema_and_name_fields_and_lists_that_exist() {
        let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
        let library = loaded();
        let schema = std::fs::read_to_string(root.join("schemas/mapping.schema.json")).unwrap();
        let schema = jsonschema::validator_for(&serde_json::from_str(&schema).unwrap()).unwrap();
        let mut documents = Vec::new();
        files(&root.join("mappings"), &mut documents);
        documents.retain(|(path, _)| path.ends_with("/mapping.yaml"));
        assert!(documents.len() >= 5);
        for (path, text) in documents {
            let mapping: serde_json::Value = serde_saphyr::from_str(&text).unwrap();
            let faults: Vec<String> =
                schema.iter_errors(&mapping).map(|e| format!("{} {e}", e.instance_path())).collect();
            assert!(faults.is_empty(), "{path}: {faults:#?}");
            let standard = library.standard(mapping["standard"].as_str().unwrap()).unwrap();
            let fields = mapping["fields"].as_object().unwrap();
            for field in standard.fields.iter().filter(|field| field.required) {
                assert!(fields.contains_key(&*field.name), "{path}: {} is required", field.name);
            }
            for (name, source) in fields {
                let field = standard.field(name).unwrap_or_else(|| panic!("{path}: no field {name}"));
                let FieldType::Code(list) = &field.field_type else { continue };
                let steps = source["do"].as_array().cloned().unwrap_or_default();
                let last =
                    steps.last().map(|step| step["code"].as_str().unwrap_or_else(|| step["place"].as_str().unwrap()));
                assert!(last.is_none_or(|last| last == &**list), "{path}: {name} ends in another list than {list}");
            }
        }
    }

    #[test]
    fn labels_are_clean_text() {
        for list in loaded().lists() {
            for entry in list.entries() {
                for text in [&entry.label.th, &entry.label.en] {
                    let folded = text.split_whitespace().collect::<Vec<_>>().join(" ");
                    assert_eq!(&folded, text, "{} {}", list.name(), entry.code);
                    assert!(!text.contains(['\u{200b}', '\u{e4d}', '*']), "{} {}", list.name(), entry.code);
                }
            }
        }
    }

    #[test]
    fn faults_of_all_files_come_together() {
        let mut broken = published();
        broken.retain(|(path, _)| !path.ends_with("religion.csv"));
        for (path, text) in &mut broken {
            if path.ends_with("district.csv") && !path.ends_with("subdistrict.csv") {
                *text = text.replacen(",10,confirmed", ",98,confirmed", 1);
            }
            if path.ends_with("sex.csv") {
                text.push_str("X,อื่น,Other,,,,,,own,\n");
            }
        }
        broken.push(("schemas/codelists/school.csv".into(), String::new()));
        broken.push(("schemas/codelists/notes.txt".into(), String::new()));
        let faults = Library::load(broken.into_iter()).unwrap_err();
        let said: Vec<&str> = faults.iter().map(|fault| fault.message.as_str()).collect();
        for wanted in [
            "religion: there is no code list religion",
            "1001: parent «98» is no code of province",
            "X does not fit the pattern of enrolment/1.sex",
            "the school list comes from the school register, not from a file",
            "no document of this kind belongs here",
        ] {
            assert!(said.contains(&wanted), "{wanted} not in {said:#?}");
        }
    }
}
