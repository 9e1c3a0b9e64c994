//! What is said of a submission at its end: the receipt, the journal entry.

use crate::app::assets::LoadedMapping;
use crate::app::{App, AppError, journal_entry};
use crate::domain::ids::SenderId;
use crate::domain::principal::Principal;
use crate::domain::receipt::Receipt;
use crate::mapping::RunContext;
use crate::pipeline::Summary;
use crate::store::{JournalEntry, Submission};

impl App {
    pub(super) fn receipt(
        &self,
        summary: Summary,
        loaded: &LoadedMapping,
        context: &RunContext,
        stored: &Submission,
    ) -> Receipt {
        let mut receipt =
            summary.into_receipt(&loaded.mapping, context, self.assets.library.catalogue(), stored.new.sha256.clone());
        receipt.submission = Some(stored.new.id.to_string());
        receipt
    }
}

/// The first receipt again, under the new name, saying what it repeats.
pub(super) fn duplicate_receipt(stored: &Submission, earlier: Submission) -> Result<Receipt, AppError> {
    let mut receipt = earlier.receipt.ok_or(AppError::NotReady)?;
    receipt.submission = Some(stored.new.id.to_string());
    receipt.unchanged = receipt.accepted;
    receipt.removed = 0;
    receipt.duplicate_of = Some(earlier.new.id.to_string());
    Ok(receipt)
}

/// Who sent it, as the journal names them.
pub(super) fn sender(stored: &Submission) -> Principal {
    match &stored.new.client {
        Some(SenderId::Client(id)) => Principal::Client {
            id: id.clone(),
            name: String::new(),
            agency: stored.new.agency,
            scopes: Vec::new(),
            within: None,
        },
        Some(SenderId::Person(id)) => {
            Principal::Person { id: id.clone(), name: String::new(), agency: stored.new.agency, roles: Vec::new() }
        }
        None => Principal::Operator,
    }
}

pub(super) fn commit_entry(stored: &Submission, receipt: &Receipt) -> JournalEntry {
    let detail = serde_json::json!({
        "received": receipt.received, "accepted": receipt.accepted, "refused": receipt.refused,
        "removed": receipt.removed, "duplicate_of": receipt.duplicate_of,
    });
    journal_entry(&sender(stored), "submission.commit", stored.new.id.as_str(), detail)
}
