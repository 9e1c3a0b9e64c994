//! Standards and mappings as found at start: in the configured folders, the working folder, or inside the binary.
//!
//! Owns the search and the reading; refuses to start with any fault, and reports all of them with file,
//! line and column. Examples beside a mapping are its tests: `saphan check` and the test-suite run them.

use super::AppError;
use crate::domain::retention::RetentionPolicy;
use crate::domain::subject::DecisionGround;
use crate::mapping::{self, Mapping};
use crate::standards::{DUE_DAYS, DueDays, Library, LibraryFault, ListFault, Purposes, privacy_lists};
use include_dir::{Dir, include_dir};
use std::collections::BTreeMap;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::sync::Arc;

static SCHEMAS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/schemas");
static MAPPINGS: Dir<'_> = include_dir!("$CARGO_MANIFEST_DIR/mappings");

/// Largest file read at start, in bytes.
const ASSET_BYTES_MAX: u64 = 32 << 20;

/// One fault of one file, for people: `mappings/obec/enrolments/mapping.yaml:12:3: …`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct AssetFault {
    pub path: String,
    pub line: Option<u32>,
    pub column: Option<u32>,
    pub message: String,
}

impl std::fmt::Display for AssetFault {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.path)?;
        if let Some(line) = self.line {
            write!(f, ":{line}")?;
        }
        if let Some(column) = self.column {
            write!(f, ":{column}")?;
        }
        write!(f, ": {}", self.message)
    }
}

/// A folder's text files by path relative to it; examples keep their bytes.
pub type Files = BTreeMap<String, Vec<u8>>;

/// Everything compiled.
pub struct Assets {
    pub library: Arc<Library>,
    pub purposes: Purposes,
    pub due_days: DueDays,
    pub retention: RetentionPolicy,
    /// Why requests of persons are refused or fulfilled.
    pub grounds: Vec<DecisionGround>,
    /// By name: `obec/enrolments`.
    pub mappings: BTreeMap<String, Arc<LoadedMapping>>,
    /// `schemas/opendata/*.yaml`, `schemas/count/*`: for the parts that compile them.
    pub schema_files: Files,
}

/// A mapping with what stands beside it.
#[derive(Debug)]
pub struct LoadedMapping {
    pub mapping: Mapping,
    pub text: String,
    /// `examples/01-clean.csv` → bytes.
    pub examples: Files,
    pub path: String,
}

/// Where to look; none: the working folder, then inside the binary.
#[derive(Debug, Clone, Default)]
pub struct AssetFolders {
    pub schemas: Option<PathBuf>,
    pub mappings: Option<PathBuf>,
}

impl Assets {
    /// Errors: every fault of every file.
    pub fn load(folders: &AssetFolders) -> Result<Assets, Vec<AssetFault>> {
        let schema_files = find(folders.schemas.as_deref(), "schemas", &SCHEMAS)?;
        let mapping_files = find(folders.mappings.as_deref(), "mappings", &MAPPINGS)?;
        Assets::from_files(schema_files, &mapping_files)
    }

    pub fn from_files(schema_files: Files, mapping_files: &Files) -> Result<Assets, Vec<AssetFault>> {
        let texts = schema_files
            .iter()
            .filter(|(path, _)| ["standards/", "codelists/", "rules/"].iter().any(|folder| path.starts_with(folder)))
            .filter_map(|(path, bytes)| Some((path.clone(), String::from_utf8(bytes.clone()).ok()?)));
        let library = Library::load(texts).map_err(of_schemas)?;
        let purposes = purposes(&schema_files, &library)?;
        let due_days = due_days(&schema_files)?;
        let retention = list(&schema_files, "retention.yaml", privacy_lists::retention)?;
        let grounds = list(&schema_files, "subject_grounds.yaml", privacy_lists::grounds)?;
        let mut faults = Vec::new();
        let mut mappings = BTreeMap::new();
        for (path, bytes) in mapping_files {
            let Some(folder) = path.strip_suffix("mapping.yaml") else { continue };
            match load_mapping(path, folder, bytes, mapping_files, &library) {
                Ok(loaded) => {
                    mappings.insert(loaded.mapping.name.clone(), Arc::new(loaded));
                }
                Err(mut new) => faults.append(&mut new),
            }
        }
        if !faults.is_empty() {
            return Err(faults);
        }
        Ok(Assets { library: Arc::new(library), purposes, due_days, retention, grounds, mappings, schema_files })
    }

    /// As [`Assets::mapping`].
    ///
    /// Errors: there is none of this name; names those there are.
    pub fn known_mapping(&self, name: &str) -> Result<&Arc<LoadedMapping>, AppError> {
        self.mapping(name).ok_or_else(|| AppError::UnknownMapping {
            name: name.to_owned(),
            known: self.mappings.keys().cloned().collect(),
        })
    }

    /// Name with or without version: `obec/enrolments`, `obec/enrolments@1`.
    pub fn mapping(&self, name: &str) -> Option<&Arc<LoadedMapping>> {
        let (name, version) = match name.split_once('@') {
            Some((name, version)) => (name, Some(version)),
            None => (name, None),
        };
        let loaded = self.mappings.get(name)?;
        match version {
            Some(version) if version != loaded.mapping.version.to_string() => None,
            _ => Some(loaded),
        }
    }
}

fn of_schemas(faults: Vec<LibraryFault>) -> Vec<AssetFault> {
    let shown = |fault: LibraryFault| AssetFault {
        path: format!("schemas/{}", fault.path),
        line: fault.line,
        column: None,
        message: fault.message,
    };
    faults.into_iter().map(shown).collect()
}

fn due_days(files: &Files) -> Result<DueDays, Vec<AssetFault>> {
    let text = files.get(DUE_DAYS).and_then(|bytes| std::str::from_utf8(bytes).ok());
    let text = text.ok_or_else(|| {
        vec![AssetFault {
            path: format!("schemas/{DUE_DAYS}"),
            line: None,
            column: None,
            message: "the file is missing, or no text: service levels need to know when a round is due".to_owned(),
        }]
    })?;
    DueDays::read(text).map_err(of_schemas)
}

fn purposes(files: &Files, library: &Library) -> Result<Purposes, Vec<AssetFault>> {
    let mut texts = Vec::new();
    for (path, bytes) in files.iter().filter(|(path, _)| path.starts_with("purposes/")) {
        let text = std::str::from_utf8(bytes).map_err(|_| {
            let message = String::from("not UTF-8");
            vec![AssetFault { path: format!("schemas/{path}"), line: None, column: None, message }]
        })?;
        texts.push((path.as_str(), text));
    }
    Purposes::read(texts.into_iter(), library).map_err(of_schemas)
}

fn list<T>(files: &Files, name: &str, read: fn(&str) -> Result<T, Vec<ListFault>>) -> Result<T, Vec<AssetFault>> {
    let path = format!("schemas/{name}");
    let fault = |fault: ListFault| AssetFault {
        path: path.clone(),
        line: fault.line,
        column: fault.column,
        message: fault.message,
    };
    let whole = |message: &str| vec![fault(ListFault { line: None, column: None, message: message.to_owned() })];
    let bytes = files.get(name).ok_or_else(|| whole("the file is missing"))?;
    let text = std::str::from_utf8(bytes).map_err(|_| whole("not UTF-8"))?;
    read(text).map_err(|faults| faults.into_iter().map(fault).collect())
}

fn load_mapping(
    path: &str,
    folder: &str,
    bytes: &[u8],
    files: &Files,
    library: &Library,
) -> Result<LoadedMapping, Vec<AssetFault>> {
    let shown = format!("mappings/{path}");
    let fault = |message: String| vec![AssetFault { path: shown.clone(), line: None, column: None, message }];
    let text = String::from_utf8(bytes.to_vec()).map_err(|_| fault(String::from("not UTF-8")))?;
    let tables =
        |name: &str| files.get(&format!("{folder}{name}")).and_then(|bytes| String::from_utf8(bytes.clone()).ok());
    let mapping = mapping::compile(&text, &tables, library).map_err(|faults| {
        faults
            .into_iter()
            .map(|fault| AssetFault {
                path: shown.clone(),
                line: Some(fault.line),
                column: Some(fault.column),
                message: fault.message,
            })
            .collect::<Vec<_>>()
    })?;
    if format!("{}/", mapping.name) != folder {
        return Err(fault(format!("the folder is {folder} but the mapping calls itself {}", mapping.name)));
    }
    let prefix = format!("{folder}examples/");
    let examples = files
        .range(prefix.clone()..)
        .take_while(|(path, _)| path.starts_with(&prefix))
        .map(|(path, bytes)| (path[prefix.len()..].to_owned(), bytes.clone()))
        .collect();
    Ok(LoadedMapping { mapping, text, examples, path: shown })
}

fn find(configured: Option<&Path>, name: &str, embedded: &Dir<'_>) -> Result<Files, Vec<AssetFault>> {
    let folder = match configured {
        Some(folder) => Some(folder.to_owned()),
        // A working folder counts only when it is Saphan's own layout.
        None => Some(PathBuf::from(name))
            .filter(|folder| folder.join(if name == "schemas" { "standards" } else { "moe" }).is_dir()),
    };
    let mut files = Files::new();
    match folder {
        Some(folder) => read_folder(&folder, "", &mut files).map_err(|(path, error)| {
            vec![AssetFault { path: path.display().to_string(), line: None, column: None, message: error.to_string() }]
        })?,
        None => embed(embedded, &mut files),
    }
    Ok(files)
}

fn embed(folder: &Dir<'_>, files: &mut Files) {
    for file in folder.files() {
        files.insert(file.path().to_string_lossy().replace('\\', "/"), file.contents().to_vec());
    }
    for folder in folder.dirs() {
        embed(folder, files);
    }
}

fn read_folder(folder: &Path, prefix: &str, files: &mut Files) -> Result<(), (PathBuf, std::io::Error)> {
    let at = |error| (folder.to_owned(), error);
    for entry in std::fs::read_dir(folder).map_err(at)? {
        let entry = entry.map_err(at)?;
        let path = entry.path();
        let name = format!("{prefix}{}", entry.file_name().to_string_lossy());
        let meta = entry.metadata().map_err(|error| (path.clone(), error))?;
        if meta.is_dir() {
            read_folder(&path, &format!("{name}/"), files)?;
        } else if meta.len() > ASSET_BYTES_MAX {
            return Err((path, std::io::Error::other(format!("longer than {ASSET_BYTES_MAX} bytes"))));
        } else {
            let mut bytes = Vec::new();
            let read = std::fs::File::open(&path).and_then(|file| file.take(ASSET_BYTES_MAX).read_to_end(&mut bytes));
            read.map_err(|error| (path.clone(), error))?;
            files.insert(name, bytes);
        }
    }
    Ok(())
}
