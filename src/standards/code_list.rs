//! One code list: codes with labels, aliases and the dates they are valid between.
//!
//! Owns exact matching: on code, Thai or English label, or registered alias, and where none of them
//! stands as written, on the folded form of the word (`standards::fold`: digits, blanks and dots only).
//! Never fuzzy, because a wrong code taken silently is worse than a refused row.

use super::fold::{Folded, WORD_BYTES_MAX};
use crate::domain::text::Bilingual;
use crate::domain::value::CodeIndex;
use foldhash::fast::RandomState;
use jiff::civil::Date;
use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::Arc;

#[derive(Debug, Clone)]
pub struct CodeEntry {
    pub code: Arc<str>,
    pub label: Bilingual,
    pub aliases: Vec<Box<str>>,
    pub valid_from: Option<Date>,
    pub valid_to: Option<Date>,
    pub replaced_by: Option<Arc<str>>,
    /// The code one level up: district of a subdistrict, stage of a grade, agency of a school, sex of a title.
    pub parent: Option<Arc<str>>,
    /// How well the fact is known.
    pub status: Box<str>,
}

impl CodeEntry {
    /// First and last day included.
    pub fn valid_on(&self, day: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= day) && self.valid_to.is_none_or(|to| day <= to)
    }

    /// Code and aliases: the words this entry claims for itself alone.
    fn claimed(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&*self.code).chain(self.aliases.iter().map(|alias| &**alias))
    }

    fn labels(&self) -> impl Iterator<Item = &str> {
        [&*self.label.th, &*self.label.en].into_iter().filter(|label| !label.is_empty())
    }
}

#[derive(Debug, Clone)]
pub struct CodeList {
    name: Arc<str>,
    entries: Vec<CodeEntry>,
    /// Where each entry is from, in the order of `entries`; empty for lists not read from a file.
    pub(super) sources: Vec<Box<str>>,
    /// Every code, label and alias, as written, to its entry.
    index: HashMap<Box<str>, CodeIndex, RandomState>,
    /// The same words folded; none: two entries share the folded word.
    folded: HashMap<Box<[u8]>, Option<CodeIndex>, RandomState>,
    /// Hash of the source text, part of every record's provenance.
    version: Box<str>,
}

/// Two entries claim the same word.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("code list {list}: «{word}» stands for both {first} and {second}")]
pub struct Ambiguous {
    pub list: String,
    pub word: String,
    pub first: String,
    pub second: String,
}

impl CodeList {
    /// Indexes codes first, then aliases, then labels. A code or alias claimed twice is a fault; a label that two
    /// entries share (place names repeat) simply does not resolve.
    pub fn new(name: &str, version: &str, entries: Vec<CodeEntry>) -> Result<Self, Vec<Ambiguous>> {
        let mut index = index_claims(name, &entries)?;
        index_labels(&entries, &mut index);
        let folded = index_folded(&entries, &index);
        Ok(CodeList { name: name.into(), entries, sources: Vec::new(), index, folded, version: version.into() })
    }

    /// A list in which nothing is found.
    pub fn empty(name: &str) -> Self {
        CodeList {
            name: name.into(),
            entries: Vec::new(),
            sources: Vec::new(),
            index: HashMap::default(),
            folded: HashMap::default(),
            version: "".into(),
        }
    }

    pub fn name(&self) -> &str {
        &self.name
    }

    /// Sixteen hexadecimal digits for a list read from text.
    pub fn version(&self) -> &str {
        &self.version
    }

    pub fn entries(&self) -> &[CodeEntry] {
        &self.entries
    }

    /// The entries valid on that day, in the list's order; without a day, all.
    pub fn codes_on(&self, day: Option<Date>) -> impl Iterator<Item = &CodeEntry> {
        self.entries.iter().filter(move |entry| day.is_none_or(|day| entry.valid_on(day)))
    }

    /// Match on code, alias or label as written, then folded; whatever its dates. Words longer than
    /// `WORD_BYTES_MAX` bytes never match. No allocation.
    #[inline]
    pub fn find(&self, word: &str) -> Option<CodeIndex> {
        if word.len() > WORD_BYTES_MAX {
            return None;
        }
        match self.index.get(word) {
            Some(at) => Some(*at),
            None => self.find_folded(word),
        }
    }

    #[cold]
    fn find_folded(&self, word: &str) -> Option<CodeIndex> {
        let folded = Folded::new(word)?;
        self.folded.get(folded.as_bytes()).copied().flatten()
    }

    pub fn entry(&self, at: CodeIndex) -> &CodeEntry {
        &self.entries[at.0 as usize]
    }

    pub fn code(&self, at: CodeIndex) -> &Arc<str> {
        &self.entries[at.0 as usize].code
    }
}

fn index_claims(
    name: &str,
    entries: &[CodeEntry],
) -> Result<HashMap<Box<str>, CodeIndex, RandomState>, Vec<Ambiguous>> {
    let mut index: HashMap<Box<str>, CodeIndex, RandomState> =
        HashMap::with_capacity_and_hasher(entries.len() * 3, RandomState::default());
    let mut faults = Vec::new();
    for (at, entry) in entries.iter().enumerate() {
        for word in entry.claimed() {
            match index.get(word) {
                Some(known) if known.0 as usize != at => faults.push(Ambiguous {
                    list: name.to_owned(),
                    word: word.to_owned(),
                    first: entries[known.0 as usize].code.to_string(),
                    second: entry.code.to_string(),
                }),
                Some(_) => {}
                None => {
                    index.insert(word.into(), CodeIndex(at as u32));
                }
            }
        }
    }
    if faults.is_empty() { Ok(index) } else { Err(faults) }
}

fn index_labels(entries: &[CodeEntry], index: &mut HashMap<Box<str>, CodeIndex, RandomState>) {
    let mut labels: HashMap<&str, Option<u32>, RandomState> =
        HashMap::with_capacity_and_hasher(entries.len() * 2, RandomState::default());
    for (at, entry) in entries.iter().enumerate() {
        for label in entry.labels().filter(|label| !index.contains_key(*label)) {
            labels
                .entry(label)
                .and_modify(|one| *one = one.filter(|known| *known == at as u32))
                .or_insert(Some(at as u32));
        }
    }
    for (label, at) in labels {
        if let Some(at) = at {
            index.insert(label.into(), CodeIndex(at));
        }
    }
}

/// A folded word that two entries share resolves to nothing, unless it is itself a code or alias.
fn index_folded(
    entries: &[CodeEntry],
    index: &HashMap<Box<str>, CodeIndex, RandomState>,
) -> HashMap<Box<[u8]>, Option<CodeIndex>, RandomState> {
    let mut folded: HashMap<Box<[u8]>, Option<CodeIndex>, RandomState> =
        HashMap::with_capacity_and_hasher(index.len(), RandomState::default());
    for (at, entry) in entries.iter().enumerate() {
        let here = CodeIndex(at as u32);
        for key in entry.claimed().chain(entry.labels()).filter_map(Folded::new) {
            match folded.entry(key.as_bytes().into()) {
                Entry::Vacant(room) => {
                    room.insert(Some(here));
                }
                Entry::Occupied(mut taken) if *taken.get() != Some(here) => {
                    taken.insert(None);
                }
                Entry::Occupied(_) => {}
            }
        }
    }
    for (at, entry) in entries.iter().enumerate() {
        for word in entry.claimed() {
            if let Some(known) = folded.get_mut(word.as_bytes()) {
                *known = Some(CodeIndex(at as u32));
            }
        }
    }
    folded
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    fn entry(code: &str, th: &str, aliases: &[&str]) -> CodeEntry {
        CodeEntry {
            code: code.into(),
            label: Bilingual::new(th, ""),
            aliases: aliases.iter().map(|alias| Box::from(*alias)).collect(),
            valid_from: None,
            valid_to: None,
            replaced_by: None,
            parent: None,
            status: "".into(),
        }
    }

    fn found(list: &CodeList, word: &str) -> Option<String> {
        list.find(word).map(|at| list.code(at).to_string())
    }

    #[test]
    fn words_resolve_as_written_then_folded_and_never_by_likeness() {
        let list =
            CodeList::new("grade", "", vec![entry("P1", "ประถมศึกษาปีที่ 1", &["ป.1"]), entry("P2", "ป.2", &[])]).unwrap();
        for word in ["P1", "p1", "ป.1", "ป1", "ป.๑", "ป. 1", "ประถมศึกษาปีที่๑", "ประถมศึกษาปีที่ 1"]
        {
            assert_eq!(found(&list, word).as_deref(), Some("P1"), "{word}");
        }
        for word in ["", ".", "ป", "ป.3", "ป-1", "ประถมศึกษาปีที 1"] {
            assert_eq!(found(&list, word), None, "{word}");
        }
        assert_eq!(found(&list, &"ก".repeat(100)), None);
    }

    #[test]
    fn a_folded_word_of_two_entries_resolves_to_nothing_unless_one_claims_it() {
        let shared = CodeList::new("x", "", vec![entry("A", "ก.ข", &[]), entry("B", "กข.", &[])]).unwrap();
        assert_eq!(found(&shared, "ก.ข").as_deref(), Some("A"), "as written is still exact");
        assert_eq!(found(&shared, "ก ข"), None);
        let claimed = CodeList::new("x", "", vec![entry("A", "ก.ข", &[]), entry("B", "ค", &["กข"])]).unwrap();
        assert_eq!(found(&claimed, "ก ข").as_deref(), Some("B"));
    }

    #[test]
    fn a_word_claimed_twice_is_a_fault_and_a_shared_label_resolves_to_nothing() {
        let faults = CodeList::new("x", "", vec![entry("A", "ก", &["z"]), entry("B", "ข", &["z"])]).unwrap_err();
        assert_eq!(faults.len(), 1);
        assert_eq!(faults[0].to_string(), "code list x: «z» stands for both A and B");
        let list = CodeList::new("x", "", vec![entry("A", "บ้านใหม่", &[]), entry("B", "บ้านใหม่", &[])]).unwrap();
        assert_eq!(found(&list, "บ้านใหม่"), None);
    }

    #[test]
    fn validity_includes_its_first_and_last_day() {
        let mut one = entry("A", "ก", &[]);
        one.valid_from = Some(date(2020, 1, 1));
        one.valid_to = Some(date(2020, 12, 31));
        let list = CodeList::new("x", "", vec![one, entry("B", "ข", &[])]).unwrap();
        let on = |day| list.codes_on(day).map(|e| e.code.to_string()).collect::<String>();
        assert_eq!(on(Some(date(2020, 1, 1))), "AB");
        assert_eq!(on(Some(date(2020, 12, 31))), "AB");
        assert_eq!(on(Some(date(2021, 1, 1))), "B");
        assert_eq!(on(None), "AB");
    }
}
