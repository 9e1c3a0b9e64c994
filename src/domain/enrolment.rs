//! An enrolment as the store holds it: keyed hashes and a few plain columns; everything else is sealed.
//!
//! Owns the projection that the count and the open data may see. A new canonical field stays in the
//! sealed record until somebody adds it here on purpose. Source of the rule: PDPA (B.E. 2562).

use super::agency::AgencyCode;
use super::learner_id::LearnerIdKind;
use jiff::civil::Date;
use std::sync::Arc;

/// First 128 bits of an HMAC-SHA-256 under the gateway's own key (truncation: RFC 2104 §5).
pub type KeyedHash = [u8; 16];

/// One accepted row, ready to be stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeldEnrolment {
    /// Number of the data row in the submitted file, from 1.
    pub row: u64,
    /// Of the learner's identifier.
    pub learner: KeyedHash,
    pub id_kind: LearnerIdKind,
    /// Of the normalised given and family name.
    pub name: KeyedHash,
    /// Of the birth date.
    pub birth: KeyedHash,
    /// Of name, birth date and sex together: finds one person under two numbers.
    pub person: KeyedHash,
    /// Of the whole canonical record: tells an unchanged row from a changed one.
    pub content: KeyedHash,
    pub agency: AgencyCode,
    /// Ten digits.
    pub school_id: Arc<str>,
    pub grade: Arc<str>,
    /// `M` or `F`.
    pub sex: Arc<str>,
    /// Code of `learner_status`; none: studying.
    pub status: Option<Arc<str>>,
    pub dual_programme: bool,
    /// Whole years on the count day.
    pub age_years: u8,
    pub entry_date: Option<Date>,
    pub exit_date: Option<Date>,
    /// The canonical record as JSON, sealed by the vault.
    pub sealed: Vec<u8>,
}

/// One enrolment in force on the count day, as the count sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Place {
    pub learner: KeyedHash,
    pub id_kind: LearnerIdKind,
    pub name: KeyedHash,
    pub birth: KeyedHash,
    pub person: KeyedHash,
    pub agency: AgencyCode,
    pub school_id: Arc<str>,
    pub grade: Arc<str>,
    pub sex: Arc<str>,
    pub status: Option<Arc<str>>,
    pub dual_programme: bool,
    pub age_years: u8,
    pub entry_date: Option<Date>,
    pub exit_date: Option<Date>,
    /// Store key of the submission and the row in it: where the sealed record is found again.
    pub submission_key: i64,
    pub row: u64,
}

/// One school of the register.
#[derive(Debug, Clone, PartialEq)]
pub struct School {
    pub school_id: Arc<str>,
    /// Eight digits with significant leading zeros; OBEC schools only.
    pub smis: Option<Arc<str>>,
    pub agency: AgencyCode,
    pub name_th: String,
    pub name_en: Option<String>,
    /// Six digits (DOPA); its first two are the province.
    pub subdistrict: Option<Arc<str>>,
    pub latitude: Option<f64>,
    pub longitude: Option<f64>,
    /// Code of `school_status`: `open` or `closed`.
    pub status: Arc<str>,
    pub opened_on: Option<Date>,
    pub closed_on: Option<Date>,
}

impl School {
    /// Open on that day, by status and dates.
    pub fn open_on(&self, day: Date) -> bool {
        let begun = self.opened_on.is_none_or(|from| from <= day);
        match self.closed_on {
            Some(closed) => begun && day < closed,
            None => begun && &*self.status == "open",
        }
    }
}

/// What one file's rows do to what the round already holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SubmissionMode {
    /// For every school in the file, its rows replace all that was held of that school in the round.
    Replace,
    /// Rows replace the same learner's rows in the same school; other rows stay.
    Delta,
}

impl SubmissionMode {
    pub fn as_str(&self) -> &'static str {
        match self {
            SubmissionMode::Replace => "replace",
            SubmissionMode::Delta => "delta",
        }
    }

    pub fn parse(text: &str) -> Option<Self> {
        match text {
            "replace" => Some(SubmissionMode::Replace),
            "delta" => Some(SubmissionMode::Delta),
            _ => None,
        }
    }
}

/// Headcount of learners, one cell.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct HeadcountKey {
    pub agency: AgencyCode,
    pub school_id: Arc<str>,
    pub grade: Arc<str>,
    pub sex: Arc<str>,
}
