//! The JSON of submissions, receipts and records as the API shows them.
//!
//! Owns the API's own types: a renamed field of a domain type can't change the contract unseen, because a
//! test holds the receipt here and the receipt of the commands to the same JSON.

use super::problems::Text;
use crate::app::records::{RecordLine, RecordPage};
use crate::app::refusal::FileRefusal;
use crate::app::refusal::FindingView;
use crate::app::submissions::{SubmissionView, Waiting};
use crate::domain::finding::Severity;
use crate::domain::receipt::{Cause, Receipt};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

/// One submission, as its sender or the ministry may see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Submission)]
pub struct SubmissionBody {
    #[schema(example = "sub_0199a1b2c3d4e5f60718293a4b5c6d7e")]
    pub id: String,
    /// `received`, `processing`, `committed`, `refused`, `failed` or `cancelled`.
    #[schema(example = "committed")]
    pub state: String,
    /// Name and version.
    #[schema(example = "obec/enrolments@3")]
    pub mapping: String,
    /// The count day.
    #[schema(example = "2026-06-10")]
    pub round: String,
    #[schema(example = "2026-06-12T03:04:05Z")]
    pub received_at: String,
    /// As received.
    pub bytes: u64,
    /// Thumbprint of the key that the sender signed the file with, if it did: checked before the file was taken.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "ZbMDXJcbkZTWSmPdkpHs5EEJDyKnLLUaUfc1nHKyzCI")]
    pub signed_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub receipt: Option<ReceiptBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<RefusalBody>,
    /// While it is kept and can't be worked on.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingBody>,
    /// While it is worked on, by whichever gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub progress: Option<DoneBody>,
}

/// How far the work on a submission is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Done)]
pub struct DoneBody {
    pub rows: u64,
    /// Of the file's bytes.
    pub bytes_read: u64,
}

/// Why a kept submission is not worked on, and what ends the wait.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Waiting)]
pub struct WaitingBody {
    /// `school-register`: there is none yet. `retry`: a try failed at the gateway, and there will be another.
    #[schema(example = "school-register")]
    pub reason: &'static str,
    /// Taken up no sooner.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "2026-06-12T03:08:05Z")]
    pub not_before: Option<String>,
    pub message: Text,
    pub hint: Text,
}

/// One submission with the members of its receipt beside its own, once there is a receipt. The same receipt stands whole
/// under `receipt`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubmissionWithReceipt)]
pub struct SubmissionReceiptBody {
    #[serde(flatten)]
    pub submission: SubmissionBody,
    #[serde(flatten)]
    pub members: Option<ReceiptMembers>,
}

/// Why a whole file was not taken, or could not be done.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = FileRefusal)]
pub struct RefusalBody {
    #[schema(example = "SPH-FMT-004")]
    pub rule: String,
    #[schema(example = "byte 1048576")]
    pub place: String,
    /// The cause in English; `message` says it in both languages.
    pub detail: String,
    pub message: Text,
    pub hint: Text,
}

/// Submissions, newest first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubmissionList)]
pub struct SubmissionListBody {
    pub submissions: Vec<SubmissionBody>,
    /// Value of `cursor` for the next page; none: this was the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// What became of one file.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Receipt)]
pub struct ReceiptBody {
    /// The mapping that read the file: name and version.
    #[schema(example = "obec/enrolments@3")]
    pub mapping: String,
    /// The count day.
    #[schema(example = "2026-06-10")]
    pub round: String,
    #[serde(flatten)]
    pub members: ReceiptMembers,
}

/// Members of a receipt that a submission does not have under the same name.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ReceiptMembers)]
pub struct ReceiptMembers {
    pub submission: Option<String>,
    #[schema(example = "enrolment/1")]
    pub standard: String,
    pub received: u64,
    pub accepted: u64,
    pub refused: u64,
    /// Accepted rows with at least one warning.
    pub warned: u64,
    /// Accepted rows that say what the store already held.
    pub unchanged: u64,
    /// What was in force before and is not after: learners of the file's schools (or schools of the register) that a
    /// `replace` no longer names.
    pub removed: u64,
    pub duplicate_of: Option<String>,
    #[schema(example = "windows-874")]
    pub encoding: String,
    pub unmapped_columns: Vec<String>,
    pub missing_columns: Vec<String>,
    /// Of the bytes as received, hexadecimal.
    pub sha256: String,
    /// Most rows first.
    pub causes: Vec<CauseBody>,
    pub causes_not_listed: u64,
}

/// Findings with one root.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = Cause)]
pub struct CauseBody {
    #[schema(example = "SPH-CODE-001")]
    pub rule: String,
    /// `error`, `warning` or `info`.
    #[schema(example = "error")]
    pub severity: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    /// Masked where it identifies somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    /// 0: it concerns the file as a whole.
    pub rows: u64,
    /// From 1.
    pub first_row: u64,
    pub message: Text,
    pub hint: Text,
}

/// One page of canonical records.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RecordPage)]
pub struct RecordPageBody {
    pub records: Vec<RecordBody>,
    /// Value of `cursor` for the next page; none: this was the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<String>,
}

/// One record and the file and row it came from.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Record)]
pub struct RecordBody {
    pub submission: String,
    pub row: u64,
    /// Fields of the standard; absent ones are left out.
    #[schema(value_type = Object)]
    pub record: Box<RawValue>,
}

/// What was found in refused rows.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = FindingList)]
pub struct FindingListBody {
    pub findings: Vec<FindingBody>,
    /// Value of `cursor` for the next page; none: this was the last.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next: Option<u64>,
}

/// What `format` chooses, where both are JSON.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = RefusedPart)]
pub enum RefusedPart {
    /// With `json`.
    Findings(FindingListBody),
    /// Rows of a file that is JSON itself, in the sender's own layout.
    File(serde_json::Value),
}

/// One thing said of one place in one row.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Finding)]
pub struct FindingBody {
    #[schema(example = "SPH-CODE-001")]
    pub rule: String,
    /// `error`, `warning` or `info`.
    #[schema(example = "error")]
    pub severity: &'static str,
    /// Number of the data row in the file, from 1.
    pub row: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub field: Option<String>,
    /// Masked where it identifies somebody.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub value: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub suggestion: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allowed: Option<Text>,
    pub message: Text,
    pub hint: Text,
}

impl FindingListBody {
    /// `rows_max`: rows that were asked for. Every refused row has a finding, so a full page shows that many.
    pub fn page(findings: Vec<FindingView>, rows_max: u32) -> Self {
        let mut rows: Vec<u64> = findings.iter().map(|finding| finding.row).collect();
        rows.dedup();
        let next = if rows.len() >= rows_max as usize { rows.last().copied() } else { None };
        FindingListBody { findings: findings.into_iter().map(FindingBody::from).collect(), next }
    }
}

impl From<FindingView> for FindingBody {
    fn from(view: FindingView) -> Self {
        FindingBody {
            rule: view.rule,
            severity: severity(view.severity),
            row: view.row,
            column: view.column,
            field: view.field,
            value: view.value,
            suggestion: view.suggestion,
            allowed: view.allowed.as_ref().map(Text::from),
            message: (&view.message).into(),
            hint: (&view.hint).into(),
        }
    }
}

fn severity(of: Severity) -> &'static str {
    match of {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Info => "info",
    }
}

impl From<Receipt> for ReceiptBody {
    fn from(receipt: Receipt) -> Self {
        ReceiptBody {
            mapping: receipt.mapping,
            round: receipt.round,
            members: ReceiptMembers {
                submission: receipt.submission,
                standard: receipt.standard,
                received: receipt.received,
                accepted: receipt.accepted,
                refused: receipt.refused,
                warned: receipt.warned,
                unchanged: receipt.unchanged,
                removed: receipt.removed,
                duplicate_of: receipt.duplicate_of,
                encoding: receipt.encoding,
                unmapped_columns: receipt.unmapped_columns,
                missing_columns: receipt.missing_columns,
                sha256: receipt.sha256,
                causes: receipt.causes.into_iter().map(CauseBody::from).collect(),
                causes_not_listed: receipt.causes_not_listed,
            },
        }
    }
}

impl From<Cause> for CauseBody {
    fn from(cause: Cause) -> Self {
        CauseBody {
            rule: cause.rule,
            severity: severity(cause.severity),
            field: cause.field,
            column: cause.column,
            value: cause.value,
            rows: cause.rows,
            first_row: cause.first_row,
            message: (&cause.message).into(),
            hint: (&cause.hint).into(),
        }
    }
}

impl From<SubmissionView> for SubmissionBody {
    fn from(view: SubmissionView) -> Self {
        SubmissionBody {
            id: view.id.to_string(),
            state: view.state,
            mapping: view.mapping,
            round: view.round,
            received_at: view.received_at,
            bytes: view.bytes,
            signed_by: view.signed_by,
            receipt: view.receipt.map(ReceiptBody::from),
            refusal: view.refusal.map(RefusalBody::from),
            waiting: view.waiting.map(WaitingBody::from),
            progress: view.progress.map(|done| DoneBody { rows: done.rows, bytes_read: done.bytes_read }),
        }
    }
}

impl From<Waiting> for WaitingBody {
    fn from(waiting: Waiting) -> Self {
        WaitingBody {
            reason: waiting.reason.as_str(),
            not_before: waiting.not_before,
            message: (&waiting.message).into(),
            hint: (&waiting.hint).into(),
        }
    }
}

impl From<SubmissionView> for SubmissionReceiptBody {
    /// `mapping` and `round` stand in both: at the top they are the receipt's as soon as there is one.
    fn from(view: SubmissionView) -> Self {
        let mut submission = SubmissionBody::from(view);
        let members = submission.receipt.as_ref().map(|receipt| receipt.members.clone());
        if let Some(receipt) = &submission.receipt {
            submission.mapping.clone_from(&receipt.mapping);
            submission.round.clone_from(&receipt.round);
        }
        SubmissionReceiptBody { submission, members }
    }
}

impl From<FileRefusal> for RefusalBody {
    fn from(refusal: FileRefusal) -> Self {
        RefusalBody {
            rule: refusal.rule,
            place: refusal.place,
            detail: refusal.detail,
            message: (&refusal.message).into(),
            hint: (&refusal.hint).into(),
        }
    }
}

impl From<RecordPage> for RecordPageBody {
    fn from(page: RecordPage) -> Self {
        let body = |line: RecordLine| RecordBody { submission: line.submission, row: line.row, record: line.record };
        RecordPageBody { records: page.records.into_iter().map(body).collect(), next: page.next }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::ids::SubmissionId;
    use crate::domain::text::Bilingual;

    fn receipt() -> Receipt {
        let cause = Cause {
            rule: "SPH-CODE-001".into(),
            severity: Severity::Error,
            field: Some("grade".into()),
            column: Some("ชั้น".into()),
            value: Some("ป.7".into()),
            rows: 9,
            first_row: 14,
            message: Bilingual::new("ไม่ใช่ชั้น", "not a grade"),
            hint: Bilingual::new("ใช้ ป.1 ถึง ป.6", "use P1 to P6"),
        };
        let bare = Cause { severity: Severity::Warning, field: None, column: None, value: None, ..cause.clone() };
        Receipt {
            submission: Some("sub_2".into()),
            mapping: "obec/enrolments@3".into(),
            standard: "enrolment/1".into(),
            round: "2026-06-10".into(),
            received: 12,
            accepted: 3,
            refused: 9,
            warned: 1,
            unchanged: 2,
            removed: 5,
            duplicate_of: Some("sub_1".into()),
            encoding: "windows-874".into(),
            unmapped_columns: vec!["หมายเหตุ".into()],
            missing_columns: vec!["ห้อง".into()],
            sha256: "00".repeat(32),
            causes: vec![cause, bare],
            causes_not_listed: 4,
        }
    }

    #[test]
    fn the_api_and_the_commands_show_one_receipt() {
        let own = serde_json::to_value(receipt()).unwrap();
        assert_eq!(serde_json::to_value(ReceiptBody::from(receipt())).unwrap(), own);
    }

    #[test]
    fn a_submission_shows_every_member_of_its_receipt_at_the_top_and_no_name_twice() {
        let mut view = SubmissionView {
            id: SubmissionId::from_uuid(uuid::Uuid::nil()),
            state: "committed".into(),
            // As it was when the file arrived; a newer mapping read it.
            mapping: "obec/enrolments@2".into(),
            round: "2026-06-10".into(),
            received_at: "2026-06-12T03:04:05Z".into(),
            bytes: 7,
            signed_by: None,
            signature: None,
            receipt: Some(receipt()),
            refusal: None,
            waiting: None,
            progress: None,
        };
        let text = serde_json::to_string(&SubmissionReceiptBody::from(view.clone())).unwrap();
        let shown: serde_json::Map<String, serde_json::Value> = serde_json::from_str(&text).unwrap();
        let own = serde_json::to_value(receipt()).unwrap();
        for (name, value) in own.as_object().unwrap() {
            assert_eq!(&shown[name], value, "{name}");
        }
        assert_eq!(shown["receipt"], own, "as it stood for earlier readers");
        // A map keeps one of two members of one name; the text would then hold more colons than the map written again.
        let colons = |text: &str| text.matches("\":").count();
        assert_eq!(colons(&text), colons(&serde_json::to_string(&shown).unwrap()));
        view.receipt = None;
        let open = serde_json::to_value(SubmissionReceiptBody::from(view)).unwrap();
        assert_eq!((&open["mapping"], open.get("received")), (&"obec/enrolments@2".into(), None));
    }
}
