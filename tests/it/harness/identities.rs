//! Everything that identifies somebody of the samples, in every spelling it could leak in, and the search for it.

use super::sample;
use data_encoding::{BASE64, HEXLOWER, HEXUPPER};
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

pub const FILES: [(&str, &str, &str); 4] = [
    ("obec", "obec/enrolments", "obec.csv"),
    ("ovec", "ovec/enrolments", "ovec.xml"),
    ("dole", "dole/enrolments", "dole.json"),
    ("opec", "opec/enrolments", "opec.xlsx"),
];

/// Bytes of every pattern that the search begins with.
const HEAD: usize = 8;

/// The patterns by their first bytes.
pub struct Identities {
    by_head: HashMap<[u8; HEAD], Vec<Vec<u8>>>,
    /// Which three bytes a pattern may begin with: most places are told by them.
    starts: Vec<bool>,
}

fn start(bytes: &[u8]) -> usize {
    usize::from(bytes[0]) << 16 | usize::from(bytes[1]) << 8 | usize::from(bytes[2])
}

/// Numbers, names and birth dates of everybody accepted, as an agency or a standard writes them.
pub fn words() -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    for (_, _, file) in FILES {
        let text = String::from_utf8(sample(&format!("{file}.expected.ndjson"))).unwrap();
        for line in text.lines() {
            let record: Value = serde_json::from_str(line).unwrap();
            let text = |name: &str| record[name].as_str().unwrap_or_default().to_owned();
            let id = text("learner_id");
            all.insert(format!("{}-{}-{}-{}-{}", &id[..1], &id[1..5], &id[5..10], &id[10..12], &id[12..]));
            all.insert(id.chars().map(thai_digit).collect());
            all.insert(id);
            let (given, family, born) = (text("given_name"), text("family_name"), text("birth_date"));
            for between in [" ", "  ", ",", "\",\"", "</v:First><v:Last>"] {
                all.insert(format!("{given}{between}{family}"));
            }
            let (year, rest) = born.split_at(4);
            let thai_year = year.parse::<u32>().unwrap() + 543;
            let (month, day) = (&rest[1..3], &rest[4..6]);
            for year in [year, &thai_year.to_string()] {
                all.insert(format!("{year}-{month}-{day}"));
                all.insert(format!("{day}/{month}/{year}"));
                all.insert(format!("{day}-{month}-{year}"));
            }
        }
    }
    all
}

fn thai_digit(c: char) -> char {
    c.to_digit(10).and_then(|digit| char::from_u32(0xe50 + digit)).unwrap_or(c)
}

/// How bytes of a word may stand in a file, a database or a text.
fn spellings(word: &str) -> Vec<Vec<u8>> {
    let utf8 = word.as_bytes();
    let utf16: Vec<u16> = word.encode_utf16().collect();
    let mut all = vec![
        utf8.to_vec(),
        HEXLOWER.encode(utf8).into_bytes(),
        HEXUPPER.encode(utf8).into_bytes(),
        utf16.iter().flat_map(|unit| unit.to_le_bytes()).collect(),
        utf16.iter().flat_map(|unit| unit.to_be_bytes()).collect(),
    ];
    // Wherever the word begins among the three bytes that four letters stand for; the letters that others share are cut off.
    for before in 0..3 {
        let text = BASE64.encode(&[&vec![0; before][..], utf8].concat());
        let whole = (before + utf8.len()) / 3 * 4;
        let first = if before == 0 { 0 } else { 4 };
        // Of a day so little may be left that every second one has it.
        let Some(text) = text.get(first..whole).filter(|text| text.len() >= 12) else { continue };
        all.push(text.as_bytes().to_vec());
        all.push(text.replace('+', "-").replace('/', "_").into_bytes());
    }
    if !word.is_ascii() {
        // windows-874, JSON's escapes and those of addresses.
        let byte = |c: char| if c.is_ascii() { c as u8 } else { (c as u32 - 0xe01 + 0xa1) as u8 };
        all.push(word.chars().map(byte).collect());
        let escaped = |c: char| if c.is_ascii() { c.to_string() } else { format!("\\u{:04x}", c as u32) };
        all.push(word.chars().map(escaped).collect::<String>().into_bytes());
        let percent = |byte: &u8| if byte.is_ascii() { char::from(*byte).to_string() } else { format!("%{byte:02X}") };
        all.push(utf8.iter().map(percent).collect::<String>().into_bytes());
    }
    all
}

impl Identities {
    /// Everything of `words` that does not stand in what the ministry publishes (days of the register and the code lists).
    pub fn of_samples() -> &'static Self {
        static ALL: LazyLock<Identities> = LazyLock::new(Identities::read);
        &ALL
    }

    fn read() -> Self {
        let mut known = sample("schools.csv");
        let mut published = Vec::new();
        files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("schemas"), &mut published);
        published.iter().for_each(|path| known.extend(std::fs::read(path).unwrap()));
        let mut words = words();
        let public: BTreeSet<String> = Identities::of(&words).found_in(&known).into_iter().collect();
        words.retain(|word| !public.contains(word));
        Identities::of(&words)
    }

    fn of(words: &BTreeSet<String>) -> Self {
        let mut all = Identities { by_head: HashMap::new(), starts: vec![false; 1 << 24] };
        for pattern in words.iter().flat_map(|word| spellings(word)).filter(|pattern| pattern.len() >= HEAD) {
            all.starts[start(&pattern)] = true;
            all.by_head.entry(pattern[..HEAD].try_into().unwrap()).or_default().push(pattern);
        }
        all
    }

    /// Every identity found in `bytes`, in whatever spelling.
    pub fn found_in(&self, bytes: &[u8]) -> Vec<String> {
        let mut found = Vec::new();
        for at in 0..bytes.len().saturating_sub(HEAD - 1) {
            if !self.starts[start(&bytes[at..])] {
                continue;
            }
            let patterns = self.by_head.get(&bytes[at..at + HEAD]).map_or(&[][..], Vec::as_slice);
            if let Some(pattern) = patterns.iter().find(|pattern| bytes[at..].starts_with(pattern)) {
                found.push(String::from_utf8_lossy(pattern).into_owned());
            }
        }
        found
    }

    pub fn assert_none_in(&self, bytes: &[u8], place: &str) {
        let found = self.found_in(bytes);
        assert!(found.is_empty(), "{} identities in {place}, such as {:?}", found.len(), &found[..found.len().min(5)]);
    }

    /// The names of all files below `folder`, and what is in them.
    pub fn assert_none_below(&self, folder: &Path) {
        let mut written = Vec::new();
        files(folder, &mut written);
        assert!(written.len() > 3, "{written:?}");
        for path in written {
            let name = path.display().to_string();
            self.assert_none_in(name.as_bytes(), "a file's name");
            self.assert_none_in(&std::fs::read(&path).unwrap(), &name);
        }
    }
}

fn files(folder: &Path, out: &mut Vec<PathBuf>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files(&path, out) } else { out.push(path) }
    }
}

#[test]
fn the_search_finds_an_identity_in_every_spelling_and_at_any_place() {
    let identities = Identities::of_samples();
    let number = words().into_iter().find(|word| word.len() == 13 && word.is_ascii()).unwrap();
    let name = words().into_iter().find(|word| !word.is_ascii() && word.contains(' ')).unwrap();
    for word in [number, name] {
        for spelling in spellings(&word) {
            let hay = [b"xx".as_slice(), &spelling, b"yy"].concat();
            assert!(!identities.found_in(&hay).is_empty(), "{}", String::from_utf8_lossy(&spelling));
        }
        for before in 0..3 {
            let text = BASE64.encode(&[&b"abc"[..before], word.as_bytes(), b"tail"].concat());
            assert!(!identities.found_in(text.as_bytes()).is_empty(), "{text}");
        }
    }
    assert!(identities.found_in(b"nothing of anybody, 2026-06-10").is_empty());
}
