//! Reads the source tree and holds it to `ARCHITECTURE.md`: who imports whom, which library lives where, how files look.
//!
//! The tables in `ARCHITECTURE.md` are the law itself: this file only reads and applies them.

use regex::Regex;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

const LINES_MAX: usize = 600;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn text_of(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// Every file under `folder` with one of `endings`, sorted.
fn files(folder: &Path, endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_path_buf()];
    while let Some(folder) = open.pop() {
        for entry in fs::read_dir(&folder).into_iter().flatten().flatten() {
            let path = entry.path();
            if path.is_dir() {
                open.push(path);
            } else if endings.iter().any(|ending| path.extension().is_some_and(|own| own == *ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    found
}

fn rust_files() -> Vec<PathBuf> {
    ["src", "tests", "benches"].iter().flat_map(|folder| files(&root().join(folder), &["rs"])).collect()
}

fn shown(path: &Path) -> String {
    path.strip_prefix(root()).unwrap_or(path).display().to_string()
}

/// `src/decode/csv.rs` → `decode`.
fn module_of(path: &Path) -> String {
    let inside = path.strip_prefix(root().join("src")).expect("a file of src");
    let first = inside.components().next().expect("a file name").as_os_str().to_string_lossy().into_owned();
    first.trim_end_matches(".rs").to_owned()
}

/// Files that are compiled for tests only: `#[cfg(test)] mod name;` in their parent.
fn test_files() -> BTreeSet<PathBuf> {
    let declared =
        Regex::new(r#"#\[cfg\(test\)\]\s*(?:#\[path = "([a-z_.]+)"\]\s*)?(?:pub(?:\([a-z]+\))? )?mod ([a-z_]+);"#)
            .unwrap();
    let mut found = BTreeSet::new();
    for path in files(&root().join("src"), &["rs"]) {
        let folder = if ["mod.rs", "lib.rs", "main.rs"].iter().any(|name| path.ends_with(name)) {
            path.parent().unwrap().to_path_buf()
        } else {
            path.with_extension("")
        };
        for module in declared.captures_iter(&text_of(&path)) {
            if let Some(beside) = module.get(1) {
                found.insert(path.with_file_name(beside.as_str()));
                continue;
            }
            found.insert(folder.join(format!("{}.rs", &module[2])));
            found.extend(files(&folder.join(&module[2]), &["rs"]));
        }
    }
    found
}

/// The files of `src` that are in the binary.
fn shipped_files() -> Vec<PathBuf> {
    let tests = test_files();
    files(&root().join("src"), &["rs"]).into_iter().filter(|path| !tests.contains(path)).collect()
}

/// The code without comments and without the test module that closes a file; line numbers stay.
fn code_of(path: &Path) -> Vec<String> {
    let text = text_of(path);
    let lines: Vec<&str> = text.lines().collect();
    let closes = |line: &str| {
        line.trim_start_matches("pub(crate) ").trim_start_matches("pub ").starts_with("mod ") && line.ends_with('{')
    };
    let opened = |at: usize| lines[at + 1..].iter().find(|line| !line.starts_with("#["));
    let end = (0..lines.len())
        .find(|at| lines[*at] == "#[cfg(test)]" && opened(*at).is_some_and(|next| closes(next)))
        .unwrap_or(lines.len());
    let comment = |line: &str| line.trim_start().starts_with("//");
    lines[..end].iter().map(|line| if comment(line) { String::new() } else { (*line).to_owned() }).collect()
}

/// Rows of the table in `ARCHITECTURE.md` whose header starts with `| <first_heading> |`.
fn table(first_heading: &str, second_heading: &str) -> Vec<Vec<String>> {
    let text = text_of(&root().join("ARCHITECTURE.md"));
    let head = format!("| {first_heading} | {second_heading} |");
    let mut rows = text.lines().skip_while(|line| !line.starts_with(&head)).skip(2).peekable();
    assert!(rows.peek().is_some(), "ARCHITECTURE.md has no table «{head}»");
    rows.take_while(|line| line.starts_with('|'))
        .map(|line| line.trim_matches('|').split('|').map(|cell| cell.trim().to_owned()).collect())
        .collect()
}

fn names(cell: &str) -> BTreeSet<String> {
    Regex::new("`([a-z0-9_]+)`").unwrap().captures_iter(cell).map(|found| found[1].to_owned()).collect()
}

struct Law {
    /// None: may import everything.
    imports: Option<BTreeSet<String>>,
    untouchable: Vec<String>,
}

fn law() -> BTreeMap<String, Law> {
    table("module", "may import")
        .into_iter()
        .map(|cells| {
            let module = names(&cells[0]).pop_first().expect("a module name in backticks");
            let imports = (cells[1] != "all").then(|| names(&cells[1]));
            let untouchable =
                cells[2].split(',').map(|word| word.trim().to_owned()).filter(|word| word != "—").collect();
            (module, Law { imports, untouchable })
        })
        .collect()
}

/// Modules of the crate that a line of code names.
fn imported(line: &str) -> BTreeSet<String> {
    let direct = Regex::new(r"\bcrate::([a-z_]+)").unwrap();
    let group = Regex::new(r"\bcrate::\{([^;]*)").unwrap();
    let member = Regex::new(r"^\s*([a-z_]+)").unwrap();
    let mut found: BTreeSet<String> = direct.captures_iter(line).map(|found| found[1].to_owned()).collect();
    for list in group.captures_iter(line) {
        let mut depth = 0;
        for part in list[1].split_inclusive(['{', '}', ',']) {
            if depth == 0
                && let Some(name) = member.captures(part)
            {
                found.insert(name[1].to_owned());
            }
            depth += part.matches('{').count() as i32 - part.matches('}').count() as i32;
        }
    }
    found
}

#[test]
fn every_module_stands_in_the_law_and_the_law_names_no_other() {
    let declared: BTreeSet<String> = Regex::new(r"(?m)^pub mod ([a-z_]+);")
        .unwrap()
        .captures_iter(&text_of(&root().join("src/lib.rs")))
        .map(|found| found[1].to_owned())
        .collect();
    let ruled: BTreeSet<String> = law().into_keys().collect();
    assert_eq!(declared, ruled, "src/lib.rs (left) and the import law in ARCHITECTURE.md (right)");
}

#[test]
fn modules_import_only_what_the_law_allows() {
    let law = law();
    let mut broken = Vec::new();
    for path in shipped_files() {
        let module = module_of(&path);
        let Some(Law { imports: Some(allowed), .. }) = law.get(&module) else { continue };
        let code = code_of(&path).join("\n");
        // A `use` may run over lines; statements are judged whole.
        for statement in code.split_inclusive(';') {
            for other in imported(&statement.replace('\n', " ")) {
                if other != module && law.contains_key(&other) && !allowed.contains(&other) {
                    broken.push(format!("{}: {module} must not import {other}", shown(&path)));
                }
            }
        }
    }
    broken.dedup();
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn modules_keep_their_hands_off_what_the_law_forbids() {
    let patterns = BTreeMap::from([
        ("files", Regex::new(r"\bstd::fs\b|\btokio::fs\b|\bFile::(open|create)\b|\btempfile::").unwrap()),
        ("clock", Regex::new(r"\bSystemTime::now\b|\bZoned::now\b|\bTimestamp::now\b|\bUuid::now_v7\b").unwrap()),
        ("network", Regex::new(r"\bTcp(Listener|Stream)\b|\bUdpSocket\b|\btokio::net\b|\breqwest::").unwrap()),
        ("async", Regex::new(r"\basync (fn|move|\{)|\btokio::|\.await\b").unwrap()),
    ]);
    let law = law();
    let mut broken = Vec::new();
    for (module, law) in &law {
        for word in &law.untouchable {
            assert!(
                patterns.contains_key(word.as_str()),
                "ARCHITECTURE.md: {module} must never touch «{word}»: no such word"
            );
        }
    }
    for path in shipped_files() {
        let Some(law) = law.get(&module_of(&path)) else { continue };
        for (at, line) in code_of(&path).iter().enumerate() {
            for word in law.untouchable.iter().filter(|word| patterns[word.as_str()].is_match(line)) {
                broken.push(format!("{}:{}: touches {word}: {}", shown(&path), at + 1, line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn each_outside_library_stays_behind_its_fence() {
    let mut broken = Vec::new();
    let fences: Vec<(String, BTreeSet<String>)> = table("crate", "only in")
        .iter()
        .map(|cells| (names(&cells[0]).pop_first().unwrap(), names(&cells[1])))
        .collect();
    for path in shipped_files() {
        let code = code_of(&path);
        for (library, homes) in fences.iter().filter(|(_, homes)| !homes.contains(&module_of(&path))) {
            let named = Regex::new(&format!(r"\b{library}[a-z_]*::|\buse {library}\b")).unwrap();
            for (at, line) in code.iter().enumerate().filter(|(_, line)| named.is_match(line)) {
                broken.push(format!("{}:{}: {library} belongs in {homes:?}: {}", shown(&path), at + 1, line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn every_file_opens_with_what_it_owns_and_stays_readable() {
    let mut broken = Vec::new();
    for path in rust_files() {
        let text = text_of(&path);
        if !text.starts_with("//! ") {
            broken.push(format!("{}: does not open with `//!`", shown(&path)));
        }
        if text.lines().count() > LINES_MAX {
            broken.push(format!("{}: {} lines, more than {LINES_MAX}", shown(&path), text.lines().count()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn nothing_outside_tests_may_stop_the_process() {
    let stops = Regex::new(r"\.unwrap\(\)|\.expect\(|\b(todo|unimplemented|dbg|panic)!").unwrap();
    let mut broken = Vec::new();
    for path in shipped_files() {
        let code = code_of(&path);
        for (at, line) in code.iter().enumerate().filter(|(_, line)| stops.is_match(line)) {
            let reasoned = at > 0 && code[..at].iter().rev().take(4).any(|above| above.contains("#[expect(clippy::"));
            if !reasoned {
                broken.push(format!("{}:{}: {}", shown(&path), at + 1, line.trim()));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn no_test_is_switched_off() {
    let switched_off = Regex::new(r"#\[ignore").unwrap();
    for path in rust_files().into_iter().filter(|path| !path.ends_with("tidy.rs")) {
        assert!(!switched_off.is_match(&text_of(&path)), "{} ignores a test", shown(&path));
    }
}

#[test]
fn files_are_named_after_what_they_hold() {
    for path in rust_files() {
        for part in path.strip_prefix(root()).unwrap().iter().map(|part| part.to_string_lossy().replace(".rs", "")) {
            for vague in ["util", "utils", "helper", "helpers", "manager", "common", "misc"] {
                let named = part == vague || part.ends_with(&format!("_{vague}"));
                assert!(!named, "{}: «{vague}» says nothing about what is inside", shown(&path));
            }
        }
    }
}

#[test]
fn the_binary_is_thin_and_there_is_one_integration_test() {
    let main = text_of(&root().join("src/main.rs"));
    assert!(main.lines().count() <= 40, "src/main.rs has {} lines", main.lines().count());
    let cargo = text_of(&root().join("Cargo.toml"));
    assert_eq!(cargo.matches("[[test]]").count(), 1, "one integration binary: another one links everything again");
    let stray: Vec<String> = fs::read_dir(root().join("tests"))
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.extension().is_some_and(|ending| ending == "rs"))
        .map(|path| shown(&path))
        .collect();
    assert!(stray.is_empty(), "would become test binaries of their own: {stray:?}");
}

#[test]
fn no_file_names_somebodys_machine() {
    // Split, so that this file does not find itself.
    let machine =
        Regex::new(&[r"(/ho", r"me/|/ro", r"ot/|/Us", r"ers/|/wo", r"rk/|[A-Z]:\\Us", "ers)"].concat()).unwrap();
    let mut looked_at: Vec<PathBuf> =
        ["src", "tests", "benches", "docs", "schemas", "mappings", "migrations", "openapi", "scripts"]
            .iter()
            .flat_map(|folder| {
                files(&root().join(folder), &["rs", "md", "yaml", "yml", "json", "html", "css", "sql", "sh", "py"])
            })
            .collect();
    looked_at.extend(files_beside_cargo_toml());
    let mut broken = Vec::new();
    for path in looked_at {
        let Ok(text) = fs::read_to_string(&path) else { continue };
        for (at, line) in text.lines().enumerate().filter(|(_, line)| machine.is_match(line)) {
            broken.push(format!("{}:{}: {}", shown(&path), at + 1, line.trim()));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn people_read_one_thai_word_for_a_file() {
    // Spelt out, so that this file does not find itself.
    let other = "\u{e41}\u{e1f}\u{e49}\u{e21}";
    let mut broken = Vec::new();
    for folder in ["src", "schemas", "mappings", "docs", "openapi"] {
        for path in files(&root().join(folder), &["rs", "md", "yaml", "json", "csv", "html"]) {
            // Examples of agencies' files come in other encodings.
            let Ok(text) = fs::read_to_string(&path) else { continue };
            let found = text.lines().enumerate().filter(|(_, line)| line.contains(other));
            broken.extend(found.map(|(at, _)| format!("{}:{}: say ไฟล์", shown(&path), at + 1)));
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

fn files_beside_cargo_toml() -> Vec<PathBuf> {
    fs::read_dir(root())
        .unwrap()
        .flatten()
        .map(|entry| entry.path())
        .filter(|path| path.is_file() && !["Cargo.lock", ".git"].iter().any(|other| path.ends_with(other)))
        .collect()
}

#[test]
fn the_reader_of_imports_reads_all_their_forms() {
    let of = |line: &str| imported(line).into_iter().collect::<Vec<_>>().join(" ");
    assert_eq!(of("use crate::domain::rule::RuleCode;"), "domain");
    assert_eq!(of("use crate::{domain::{agency, round}, store};"), "domain store");
    assert_eq!(of("let x = crate::vault::seal(crate::app::y());"), "app vault");
    assert_eq!(of("use super::crates::x;"), "");
}
