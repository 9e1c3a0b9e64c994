//! What there is to say of a file as a whole that refuses nothing: names around the records that nobody
//! mapped, and whole lists or sheets that hold data and were not read.
//!
//! Owns the way of such words from a source, which may learn them only at the file's end, to the receipt.
//! Refuses to repeat a name that could be a person's number, and more names than help anybody.

use super::batch::UNKNOWN_NAMES_MAX;
use super::header;
use crate::domain::finding::{Finding, Severity};
use crate::domain::rule::FMT_UNREAD;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Of one name as it is shown.
const NAME_CHARS_MAX: usize = 40;

/// Shared between the source that speaks and the caller who listens when the source is read.
#[derive(Debug, Clone, Default)]
pub struct Notices(Arc<Mutex<Said>>);

#[derive(Debug, Default)]
struct Said {
    unmapped: Vec<String>,
    /// What was not read, and what was read in its stead.
    unread: Vec<(String, String)>,
}

impl Notices {
    fn said(&self) -> MutexGuard<'_, Said> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// A value outside the records that nobody mapped or ignored.
    pub(crate) fn unmapped(&self, name: &str) {
        let shown = shown(name);
        let mut said = self.said();
        if said.unmapped.len() < UNKNOWN_NAMES_MAX && !said.unmapped.contains(&shown) {
            said.unmapped.push(shown);
        }
    }

    /// A list or sheet with data that was not read; `read` is the one that was.
    pub(crate) fn unread(&self, part: &str, read: &str) {
        let both = (shown(part), shown(read));
        let mut said = self.said();
        if said.unread.len() < UNKNOWN_NAMES_MAX && !said.unread.contains(&both) {
            said.unread.push(both);
        }
    }

    /// Names for the receipt's unmapped columns.
    pub fn unmapped_names(&self) -> Vec<String> {
        self.said().unmapped.clone()
    }

    /// One warning for each part that was not read; they concern no single row.
    pub fn findings(&self) -> Vec<Finding> {
        let finding = |(part, read): &(String, String)| {
            let mut finding = Finding::new(FMT_UNREAD, Severity::Warning);
            finding.value = Some(part.as_str().into());
            finding.column = Some(read.as_str().into());
            finding.groups_by_value = true;
            finding
        };
        self.said().unread.iter().map(finding).collect()
    }
}

fn shown(name: &str) -> String {
    match header::is_telling(name) {
        true => "(a name with digits)".into(),
        false => name.chars().take(NAME_CHARS_MAX).collect(),
    }
}
