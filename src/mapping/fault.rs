//! One fault of a mapping document, with its place.
//!
//! Owns the sentence and the line; faults are collected, never thrown one at a time, because an
//! administrator who mends a file wants to see all of them.

use std::fmt;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MappingFault {
    pub line: u32,
    pub column: u32,
    pub message: String,
}

impl fmt::Display for MappingFault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.line, self.column, self.message)
    }
}

/// Collects faults while reading goes on.
#[derive(Debug, Default)]
pub struct Faults(Vec<MappingFault>);

impl Faults {
    pub fn say(&mut self, at: (u32, u32), message: impl Into<String>) {
        self.0.push(MappingFault { line: at.0, column: at.1, message: message.into() });
    }

    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// In the order of the document.
    pub fn into_sorted(mut self) -> Vec<MappingFault> {
        self.0.sort_by_key(|fault| (fault.line, fault.column));
        self.0.dedup();
        self.0
    }
}

/// `, did you mean "grade"?` where a known word is near; else nothing.
pub fn did_you_mean<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> String {
    known
        .map(|candidate| (strsim::normalized_damerau_levenshtein(word, candidate), candidate))
        .filter(|(nearness, _)| *nearness >= 0.6)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map_or(String::new(), |(_, candidate)| format!(", did you mean \"{candidate}\"?"))
}
