//! Receipts and refused rows, put back beside the files that were dropped.
//!
//! Owns `waiting/`, which remembers in the place itself whose answer is owed, and `answers/`. An answer is asked for in the
//! client's name, so a mark that somebody forged gives away nothing of another agency. The receipt is written last: once it
//! stands there, all of the answer does.

use super::Pickup;
use crate::app::{App, AppError};
use crate::domain::ids::SubmissionId;
use crate::domain::principal::Principal;
use std::path::{Path, PathBuf};

const WAITING: &str = "waiting";
const ANSWERS: &str = "answers";
/// Submissions asked for in one look.
const WAITING_MAX: usize = 1_000;

impl App {
    /// Before the file leaves its name: from then on the answer is owed.
    pub(super) async fn await_answer(&self, pickup: &Pickup, id: &SubmissionId) -> Result<(), AppError> {
        Ok(pickup.place.put_bytes(&Path::new(WAITING).join(id.as_str()), Vec::new()).await?)
    }

    pub(super) async fn answer_all(&self, pickup: &Pickup, principal: &Principal) -> Result<usize, AppError> {
        let mut answered = 0;
        for mark in pickup.place.list(WAITING, WAITING_MAX).await? {
            let Some(id) = mark.name.to_str().and_then(|name| SubmissionId::parse(name).ok()) else { continue };
            match self.answer(pickup, principal, &id).await {
                Ok(true) => answered += 1,
                Ok(false) => {}
                Err(AppError::UnknownSubmission) => pickup.place.delete(&Path::new(WAITING).join(&mark.name)).await?,
                Err(error) if error.is_away() => return Err(error),
                Err(error) => {
                    let error: &dyn std::error::Error = &error;
                    tracing::warn!(submission = %id, error, "an answer could not be put back; it is tried again");
                }
            }
        }
        Ok(answered)
    }

    /// False: it is not at its end.
    async fn answer(&self, pickup: &Pickup, principal: &Principal, id: &SubmissionId) -> Result<bool, AppError> {
        let view = self.submission(principal, id).await?;
        if matches!(view.state.as_str(), "received" | "processing") {
            return Ok(false);
        }
        if view.receipt.as_ref().is_some_and(|receipt| receipt.refused > 0) {
            let file = self.refused_file(principal, id, None).await?;
            let ending = file.file_name.rsplit_once('.').map_or("txt", |(_, ending)| ending).to_owned();
            let key = PathBuf::from(format!("{ANSWERS}/{id}.refused.{ending}"));
            pickup.place.put(&key, file.bytes.unwrap_or(u64::MAX), file.content).await?;
        }
        let mut receipt = serde_json::to_vec_pretty(&view).map_err(|error| AppError::Write(error.into()))?;
        receipt.push(b'\n');
        pickup.place.put_bytes(Path::new(&format!("{ANSWERS}/{id}.receipt.json")), receipt).await?;
        pickup.place.delete(&Path::new(WAITING).join(id.as_str())).await?;
        Ok(true)
    }
}
