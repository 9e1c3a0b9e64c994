//! Canonical records in force, page by page, unsealed for who may read them.
//!
//! Every page that is handed out is journalled: who read which agency's records of which round; and each learner on it is
//! written into the access log, before the page goes out.

use super::access::{fields_read, learner_of, only};
use super::{App, AppError, journal_entry, sealing};
use crate::domain::agency::AgencyCode;
use crate::domain::ids::SubmissionId;
use crate::domain::principal::Principal;
use crate::domain::round::Round;
use serde_json::value::RawValue;

pub use crate::store::RecordCursor;

/// Longest page.
pub const PAGE_MAX: u32 = 1_000;

/// One page of canonical records.
pub struct RecordPage {
    /// Flat canonical objects, with `_submission` and `_row` apart.
    pub records: Vec<RecordLine>,
    /// Where the next page begins; none: this was the last.
    pub next: Option<String>,
}

/// One record with where it came from.
#[derive(Debug, serde::Serialize)]
pub struct RecordLine {
    pub submission: String,
    pub row: u64,
    pub record: Box<RawValue>,
}

impl App {
    /// Records of one agency (or one school of it) in a round.
    ///
    /// Errors: no permission; the vault can't open a record.
    pub async fn enrolments(
        &self,
        principal: &Principal,
        round: Round,
        agency: AgencyCode,
        school: Option<&str>,
        cursor: Option<RecordCursor>,
        limit: u32,
    ) -> Result<RecordPage, AppError> {
        let authorised = principal.authorise_read(agency)?;
        let given = fields_read(authorised.principal())?;
        let limit = limit.clamp(1, PAGE_MAX);
        let sealed = self.store.records(round, agency, school, cursor, limit).await?;
        let next =
            if sealed.len() == limit as usize { sealed.last().map(|record| record.cursor.to_text()) } else { None };
        let (mut sealer, hasher) = (self.vault.sealer()?, self.vault.hasher());
        let mut learners = Vec::with_capacity(sealed.len());
        let mut records = Vec::with_capacity(sealed.len());
        for record in &sealed {
            let submission = SubmissionId::parse(&record.submission_id).map_err(|_| AppError::UnknownSubmission)?;
            let mut plain = Vec::new();
            sealer.unseal(&sealing::record_label(&submission, record.row), &record.sealed, &mut plain)?;
            learners.push(learner_of(&hasher, &plain)?);
            if let Some(given) = given {
                plain = only(&plain, given)?;
            }
            let json = String::from_utf8(plain).ok().and_then(|text| RawValue::from_string(text).ok());
            let json = json.ok_or(crate::vault::VaultError::Broken)?;
            records.push(RecordLine { submission: submission.to_string(), row: record.row, record: json });
        }
        let by = authorised.principal();
        let look = self.look_within(by, format!("{} {round}", agency.slug()))?;
        let detail = serde_json::json!({
            "round": round.to_string(), "agency": agency, "records": records.len(),
            "look": look.id, "purpose": look.purpose,
        });
        let entry = journal_entry(by, "records.read", agency.as_str(), detail);
        self.store.begin_look(&look, &learners, &entry).await?;
        Ok(RecordPage { records, next })
    }
}
