//! Taking a submission back before it is done.
//!
//! Owns the order: ended in the store first, whoever works on it and wherever; that work then ends at its next block, because
//! nothing more of it is staged. What was staged is thrown away behind the request, by the worker of some gateway, under the
//! submission's lock: never beside the work, and sooner or later whoever dies over it.
//!
//! Refuses what is at its end: what is in force is replaced by sending another file, not taken back.

use super::SubmissionView;
use crate::app::{App, AppError, journal_entry};
use crate::domain::ids::SubmissionId;
use crate::domain::principal::{Principal, Scope};
use crate::store::{State, StoreError, ToClear};
use jiff::Timestamp;

/// Cleared at one look.
const CLEARED_MAX: u32 = 100;

impl App {
    /// For those who might send it: the agency's own; of a school register, whoever may send one. To read is no right to stop.
    pub async fn cancel(&self, principal: &Principal, id: &SubmissionId) -> Result<SubmissionView, AppError> {
        let stored = self.readable(principal, id).await?;
        let authorised = match stored.new.agency {
            Some(agency) => principal.authorise(Scope::AgencySubmit, Some(agency))?,
            None => principal.authorise(Scope::RegisterSubmit, None)?,
        };
        let detail = serde_json::json!({ "state": stored.state.as_str(), "rows_done": stored.rows_done });
        let entry = journal_entry(authorised.principal(), "submission.cancel", id.as_str(), detail);
        self.store.cancel_submission(stored.seq, &entry).await.map_err(|error| match error {
            StoreError::WrongState(state) => AppError::Ended(state),
            other => other.into(),
        })?;
        self.view(self.stored(id).await?).await
    }

    /// Throws away what is still staged of cancelled submissions.
    pub async fn clear_cancelled(&self) -> Result<(), AppError> {
        for cancelled in self.store.to_clear(CLEARED_MAX).await? {
            self.clear(&cancelled).await?;
        }
        Ok(())
    }

    /// Nothing while another works on it: that one notices, and the next look clears.
    async fn clear(&self, cancelled: &ToClear) -> Result<(), AppError> {
        let Some(claim) = self.store.claim(&cancelled.id).await? else { return Ok(()) };
        if self.stored(&cancelled.id).await?.state == State::Cancelled {
            self.store.discard_staged(cancelled.seq).await?;
            self.store.cleared(cancelled.seq, Timestamp::now()).await?;
        }
        Ok(claim.close().await?)
    }
}
