//! A receipt that can be shown to others: the gateway's signature (JWS, RFC 7515 §7.1) over it, checked by the published key.
//!
//! Owns what is said beside the receipt: who says it, when, and of which submission. Where the whole file was refused, that is
//! what is signed. Refuses a submission that is not at its end: there is nothing to vouch for yet.

use super::App;
use crate::app::AppError;
use crate::app::refusal::FileRefusal;
use crate::domain::ids::SubmissionId;
use crate::domain::principal::Principal;
use crate::domain::receipt::Receipt;
use jiff::Timestamp;
use serde::Serialize;

/// Of its own, so that it passes for nothing else that the same key signs (RFC 8725 §3.11).
const TYP: &str = "saphan-receipt+jwt";

#[derive(Serialize)]
struct Claims<'r> {
    iss: &'r str,
    iat: i64,
    sub: &'r str,
    state: &'r str,
    /// The key of the sender's own that signed the file, where one did: its thumbprint (RFC 7638).
    #[serde(skip_serializing_if = "Option::is_none")]
    signed_by: Option<&'r str>,
    /// What it signed with it, to be held against the file again.
    #[serde(skip_serializing_if = "Option::is_none")]
    signature: Option<&'r str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    receipt: Option<&'r Receipt>,
    #[serde(skip_serializing_if = "Option::is_none")]
    refusal: Option<&'r FileRefusal>,
}

impl App {
    /// For whoever may see the submission.
    ///
    /// Errors: `UnknownSubmission`; `NotReady` while it is not at its end.
    pub async fn signed_receipt(&self, principal: &Principal, id: &SubmissionId) -> Result<String, AppError> {
        let view = self.submission(principal, id).await?;
        if matches!(view.state.as_str(), "received" | "processing") {
            return Err(AppError::NotReady);
        }
        let iss = &self.token_terms().issuer;
        let iat = Timestamp::now().as_second();
        let (receipt, refusal) = (view.receipt.as_ref(), view.refusal.as_ref());
        let (signed_by, signature) = (view.signed_by.as_deref(), view.signature.as_deref());
        let claims = Claims { iss, iat, sub: id.as_str(), state: &view.state, signed_by, signature, receipt, refusal };
        let payload = serde_json::to_vec(&claims).map_err(|_| AppError::Worker)?;
        Ok(self.vault.sign_compact(TYP, &payload)?)
    }
}
