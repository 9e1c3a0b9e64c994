//! Words with a code each, packed: all in one text, found by a table of their numbers.
//!
//! Owns looking up among thousands of words in any order, as the places of a file that is not sorted are: a map of texts of
//! their own touches memory twice far away for each of them, this one mostly once. Refuses to take a word out again.

use crate::domain::value::CodeIndex;
use foldhash::fast::RandomState;
use hashbrown::HashTable;
use std::hash::BuildHasher;

#[derive(Debug, Clone, Default)]
pub(super) struct PackedWords {
    text: Vec<u8>,
    words: Vec<Word>,
    /// Positions in `words`.
    table: HashTable<u32>,
    hasher: RandomState,
}

#[derive(Debug, Clone, Copy)]
struct Word {
    start: u32,
    len: u32,
    code: CodeIndex,
}

impl PackedWords {
    pub(super) fn with_capacity(words: usize) -> Self {
        PackedWords { words: Vec::with_capacity(words), table: HashTable::with_capacity(words), ..Self::default() }
    }

    /// Of a word that comes twice the first counts.
    pub(super) fn add(&mut self, word: &[u8], code: CodeIndex) {
        if self.find(word).is_some() {
            return;
        }
        let (start, number) = (self.text.len() as u32, self.words.len() as u32);
        self.text.extend_from_slice(word);
        self.words.push(Word { start, len: word.len() as u32, code });
        let PackedWords { text, words, table, hasher } = self;
        let hash = |number: &u32| hasher.hash_one(bytes(text, words[*number as usize]));
        table.insert_unique(hash(&number), number, hash);
    }

    #[inline]
    pub(super) fn find(&self, word: &[u8]) -> Option<CodeIndex> {
        let is_it = |number: &u32| bytes(&self.text, self.words[*number as usize]) == word;
        let number = self.table.find(self.hasher.hash_one(word), is_it)?;
        Some(self.words[*number as usize].code)
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.words.len()
    }
}

fn bytes(text: &[u8], word: Word) -> &[u8] {
    &text[word.start as usize..][..word.len as usize]
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::HashMap;

    proptest! {
        #[test]
        fn finds_what_a_map_finds(words in prop::collection::vec("[ก-ค|]{0,4}", 0..200), asked in "[ก-ค|]{0,4}") {
            let (mut packed, mut plain) = (PackedWords::with_capacity(4), HashMap::new());
            for (at, word) in (0..).zip(&words) {
                packed.add(word.as_bytes(), CodeIndex(at));
                plain.entry(word.as_str()).or_insert(CodeIndex(at));
            }
            prop_assert_eq!(packed.len(), plain.len());
            for word in words.iter().chain([&asked]) {
                prop_assert_eq!(packed.find(word.as_bytes()), plain.get(word.as_str()).copied());
            }
        }
    }
}
