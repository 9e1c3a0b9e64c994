//! The school register as rows are checked against it, packed: a national one has 43,000 schools, and submissions share it.
//!
//! Owns which words find a school: its ten digits, and its SMIS code where no other school bears it. A code is digits and
//! kept as a number, so that a school takes some forty bytes. Refuses words that are no digits (`school/1` has none) and schools'
//! names, which repeat and are no key. A closed school is found: whether it is open on a day is not asked here.

use super::code_list::CodeList;
use super::fold::Folded;
use crate::domain::agency::AgencyCode;
use crate::domain::value::CodeIndex;
use foldhash::fast::FixedState;
use hashbrown::HashTable;
use std::hash::BuildHasher;
use std::sync::Arc;

/// Digits of the longest word: with one digit before them they are a `u64`.
const DIGITS_MAX: usize = 18;

#[derive(Debug, Default)]
pub struct Schools {
    /// Sorted; a school's place among them is its [`CodeIndex`].
    codes: Vec<Word>,
    /// The codes as they are written, in the same order and without gaps.
    texts: String,
    /// Where each code ends in `texts`.
    ends: Vec<u32>,
    agencies: Vec<AgencyCode>,
    /// Sorted, with the school of each.
    smis: Vec<(Word, u32)>,
    /// Positions in `codes`, and beyond its end in `smis`: rows come in any order, and a search by halves would wait for memory
    /// at each of its thirty steps.
    table: HashTable<u32>,
}

/// Digits as a number with a one before them, so that leading zeros count.
type Word = u64;

fn word_of(digits: &[u8]) -> Option<Word> {
    if digits.is_empty() || digits.len() > DIGITS_MAX {
        return None;
    }
    let add = |number: Word, digit: &u8| digit.is_ascii_digit().then(|| number * 10 + Word::from(digit - b'0'));
    digits.iter().try_fold(1, add)
}

/// A register on its way in, school by school in any order.
#[derive(Debug, Default)]
pub struct SchoolsBuilder {
    rows: Vec<(Word, Option<Word>, AgencyCode)>,
}

impl SchoolsBuilder {
    pub fn add(&mut self, school_id: &str, smis: Option<&str>, agency: AgencyCode) {
        if let Some(code) = word_of(school_id.as_bytes()) {
            self.rows.push((code, smis.and_then(|smis| word_of(smis.as_bytes())), agency));
        }
    }

    /// Of a school that stands twice the first counts. A SMIS code that two rows bear, or that is a school's code, finds
    /// nothing: it must not decide between them.
    pub fn finish(self) -> Schools {
        let mut rows = self.rows;
        // Stable: the first stays first.
        rows.sort_by_key(|(code, ..)| *code);
        let mut borne: Vec<Word> = rows.iter().filter_map(|(_, smis, _)| *smis).collect();
        borne.sort_unstable();
        let is_shared = |smis: &Word| {
            let first = borne.partition_point(|one| one < smis);
            borne.get(first + 1) == Some(smis)
        };
        rows.dedup_by_key(|(code, ..)| *code);
        let mut schools = Schools {
            codes: rows.iter().map(|(code, ..)| *code).collect(),
            texts: String::with_capacity(rows.len() * 10),
            ends: Vec::with_capacity(rows.len()),
            agencies: rows.iter().map(|(.., agency)| *agency).collect(),
            smis: Vec::new(),
            table: HashTable::new(),
        };
        for (code, ..) in &rows {
            // Without the one before it.
            schools.texts.extend(code.to_string().chars().skip(1));
            schools.ends.push(schools.texts.len() as u32);
        }
        let alone = |smis: &Word| !is_shared(smis) && schools.codes.binary_search(smis).is_err();
        let numbered = (0..).zip(&rows).filter_map(|(at, (_, smis, _))| Some((smis.filter(alone)?, at)));
        let mut smis: Vec<(Word, u32)> = numbered.collect();
        smis.sort_unstable();
        smis.shrink_to_fit();
        let mut schools = Schools { smis, ..schools };
        let words = 0..(schools.codes.len() + schools.smis.len()) as u32;
        let mut table = HashTable::with_capacity(words.len());
        for position in words {
            table.insert_unique(hash(schools.word_at(position)), position, |one| hash(schools.word_at(*one)));
        }
        schools.table = table;
        schools
    }
}

/// The register is the ministry's own: nobody chooses its words to make them meet.
fn hash(word: Word) -> u64 {
    FixedState::default().hash_one(word)
}

impl Schools {
    pub fn len(&self) -> usize {
        self.codes.len()
    }

    pub fn is_empty(&self) -> bool {
        self.codes.is_empty()
    }

    /// By ten digits or SMIS code as written, then folded (Thai digits, blanks, dots). No allocation.
    #[inline]
    pub fn find(&self, word: &str) -> Option<CodeIndex> {
        word_of(word.as_bytes()).and_then(|word| self.find_word(word)).or_else(|| self.find_folded(word))
    }

    #[cold]
    fn find_folded(&self, word: &str) -> Option<CodeIndex> {
        self.find_word(word_of(Folded::new(word)?.as_bytes())?)
    }

    fn find_word(&self, word: Word) -> Option<CodeIndex> {
        let position = *self.table.find(hash(word), |position| self.word_at(*position) == word)?;
        let smis = (position as usize).checked_sub(self.codes.len()).and_then(|at| self.smis.get(at));
        Some(CodeIndex(smis.map_or(position, |(_, school)| *school)))
    }

    /// `position`: one of the table's.
    fn word_at(&self, position: u32) -> Word {
        let position = position as usize;
        match self.codes.get(position) {
            Some(code) => *code,
            None => self.smis[position - self.codes.len()].0,
        }
    }

    /// Ten digits.
    pub fn code(&self, at: CodeIndex) -> &str {
        let at = at.0 as usize;
        let begin = at.checked_sub(1).map_or(0, |before| self.ends[before] as usize);
        &self.texts[begin..self.ends[at] as usize]
    }

    pub fn agency(&self, at: CodeIndex) -> &AgencyCode {
        &self.agencies[at.0 as usize]
    }
}

/// What a field's codes stand in: a published list, or the register of the run.
#[derive(Debug, Clone)]
pub enum Codes {
    List(Arc<CodeList>),
    Schools(Arc<Schools>),
}

impl Codes {
    pub fn len(&self) -> usize {
        match self {
            Codes::List(list) => list.entries().len(),
            Codes::Schools(schools) => schools.len(),
        }
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    #[inline]
    pub fn code(&self, at: CodeIndex) -> &str {
        match self {
            Codes::List(list) => list.code(at),
            Codes::Schools(schools) => schools.code(at),
        }
    }

    /// The code one level up; of a school its agency.
    #[inline]
    pub fn parent(&self, at: CodeIndex) -> Option<&str> {
        match self {
            Codes::List(list) => list.entry(at).parent.as_deref(),
            Codes::Schools(schools) => Some(schools.agency(at).as_str()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn schools(rows: &[(&str, Option<&str>, &str)]) -> Schools {
        let mut builder = SchoolsBuilder::default();
        for (code, smis, agency) in rows {
            builder.add(code, *smis, AgencyCode::parse(agency).unwrap());
        }
        builder.finish()
    }

    fn found<'s>(schools: &'s Schools, word: &str) -> Option<&'s str> {
        schools.find(word).map(|at| schools.code(at))
    }

    #[test]
    fn schools_resolve_by_id_and_by_a_smis_code_of_one_school_only() {
        let schools = schools(&[
            ("1320000001", None, "13"),
            ("1020000003", Some("20060002"), "10"),
            ("1020000001", Some("00100101"), "10"),
            ("1020000002", Some("20060002"), "10"),
        ]);
        assert_eq!(schools.len(), 4);
        for word in ["1020000001", "00100101", "๐๐๑๐๐๑๐๑", " 0010.0101 ", "๑๐๒๐๐๐๐๐๐๑"]
        {
            assert_eq!(found(&schools, word), Some("1020000001"), "{word}");
        }
        assert_eq!(found(&schools, "1320000001"), Some("1320000001"));
        assert_eq!(found(&schools, "1020000003"), Some("1020000003"));
        for word in ["20060002", "100101", "0100101", "01020000001", "", ".", "โรงเรียนทดสอบ", "1020000001x"]
        {
            assert_eq!(found(&schools, word), None, "{word}");
        }
        assert_eq!(found(&schools, &"1".repeat(19)), None);
        assert_eq!(found(&schools, &"๑".repeat(100)), None);
        let agency = |word| schools.agency(schools.find(word).unwrap()).as_str();
        assert_eq!((agency("1320000001"), agency("00100101")), ("13", "10"));
    }

    #[test]
    fn of_a_school_that_stands_twice_the_first_counts() {
        let schools = schools(&[("1020000001", Some("00000001"), "10"), ("1020000001", Some("00000002"), "11")]);
        assert_eq!((schools.len(), schools.agency(CodeIndex(0)).as_str()), (1, "10"));
        assert_eq!(found(&schools, "00000001"), Some("1020000001"));
        assert_eq!(found(&schools, "00000002"), None);
    }

    #[test]
    fn a_smis_code_that_is_a_schools_code_finds_the_school_of_that_code() {
        let schools = schools(&[("1020000001", Some("1020000002"), "10"), ("1020000002", None, "10")]);
        assert_eq!(found(&schools, "1020000002"), Some("1020000002"));
        assert!(found(&SchoolsBuilder::default().finish(), "1020000001").is_none());
    }
}
