//! Everything that is held about a person who asked for it (PDPA B.E. 2562, section 30), as JSON that is written while it is read.
//!
//! Owns what stands in it: every agency's statement with the file it came in, who looked, what for, and the person's own requests;
//! labels in both languages. Each statement stays its agency's: conflicts are shown, none is resolved. The look and its entry
//! in the journal are written before the first byte. Refused rows are not in it: nobody proved whose they are.

use super::{App, AppError, Held, RequestView, STATEMENTS_MAX, SubjectError};
use crate::app::access::LOOKS_MAX;
use crate::app::download::Download;
use crate::app::sealing;
use crate::domain::enrolment::KeyedHash;
use crate::domain::ids::SubjectRequestId;
use crate::domain::principal::Principal;
use crate::domain::purpose::SUBJECT_REQUEST;
use crate::domain::subject::{RequestKind, RequestState};
use crate::store::{Look, LookKey};
use bytes::Bytes;
use serde_json::{Value, json};
use std::io;

/// Statements opened at once.
const STATEMENTS_A_STEP: usize = 200;
/// Looks that are listed; a person who was looked at more often is told so.
const LOOKS_ALL_MAX: u64 = 100_000;
const REQUESTS_ALL_MAX: u32 = 1_000;

impl App {
    /// For a request of access that is open or fulfilled.
    pub async fn export_request(&self, principal: &Principal, id: &SubjectRequestId) -> Result<Download, AppError> {
        let authorised = self.authorise_subjects(principal)?;
        let stored = self.stored_request(id).await?;
        let is_answerable = matches!(stored.state, RequestState::Open | RequestState::Fulfilled);
        if stored.kind != RequestKind::Access || !is_answerable {
            return Err(SubjectError::NotAccess.into());
        }
        let learner = stored.learner.ok_or(SubjectError::IdentityGone)?;
        let statements = self.statements(&learner).await?;
        let view = self.request_view(&stored)?;
        let fields = self.purpose(SUBJECT_REQUEST).map_or_else(Vec::new, |of| of.fields_of(super::STANDARD).to_vec());
        let look = self.look_for_request(authorised.principal(), SUBJECT_REQUEST, id, fields);
        let detail = json!({ "look": look.id, "statements": statements.len() });
        let entry = self.request_entry(authorised.principal(), "subject.export", id.as_str(), detail);
        self.store.begin_look(&look, &[learner], &entry).await?;
        let app = self.clone();
        let content = async_stream::try_stream! {
            yield Bytes::from(app.export_head(&view, statements.len()));
            for (number, step) in statements.chunks(STATEMENTS_A_STEP).enumerate() {
                let lines = app.export_statements(step).await.map_err(io::Error::other)?;
                yield Bytes::from(format!("{}{lines}", if number > 0 { "," } else { "" }));
            }
            yield Bytes::from_static(b"],\"access_log\":[");
            let (mut before, mut told) = (None, 0_u64);
            loop {
                let (lines, count, next) =
                    app.export_looks(&learner, before, told > 0).await.map_err(io::Error::other)?;
                told += count;
                before = next;
                yield Bytes::from(lines);
                if before.is_none() || told >= LOOKS_ALL_MAX {
                    break;
                }
            }
            let is_whole = before.is_none();
            let requests = app.export_requests(&learner).await.map_err(io::Error::other)?;
            yield Bytes::from(format!("],\"access_log_complete\":{is_whole},\"requests\":{requests}}}\n"));
        };
        Ok(Download {
            media_type: String::from("application/json"),
            file_name: format!("{id}.json"),
            bytes: None,
            content: Box::pin(content),
        })
    }

    fn export_head(&self, view: &RequestView, statements: usize) -> String {
        let text = |text: &crate::domain::text::Bilingual| json!({ "th": text.th, "en": text.en });
        let mut labels = serde_json::Map::new();
        if let Some(standard) = self.assets.library.standard(super::STANDARD) {
            for field in &standard.fields {
                labels.insert(field.name.to_string(), text(&field.label));
            }
        }
        let purposes: Vec<Value> = self
            .assets
            .purposes
            .iter()
            .map(|purpose| {
                let basis: Vec<Value> = purpose
                    .basis
                    .iter()
                    .map(|basis| json!({ "ground": basis.ground.as_str(), "act": text(&basis.act) }))
                    .collect();
                json!({ "code": purpose.code.as_str(), "title": text(&purpose.title),
                    "description": text(&purpose.description), "basis": basis, "log_days": purpose.log_days })
            })
            .collect();
        let request =
            json!({ "id": view.id, "reference": view.reference, "received_on": view.received_on.to_string() });
        let is_whole = statements < STATEMENTS_MAX as usize;
        format!(
            "{{\"request\":{request},\"made_at\":\"{}\",\"labels\":{},\"purposes\":{},\"statements_complete\":{is_whole},\"statements\":[",
            self.now(),
            Value::Object(labels),
            Value::Array(purposes)
        )
    }

    async fn export_statements(&self, step: &[Held]) -> Result<String, AppError> {
        let rows: Vec<(i64, u64)> = step.iter().map(|one| (one.statement.submission_key, one.statement.row)).collect();
        let sealed = self.store.open_records(&rows).await?;
        let mut sealer = self.vault.sealer()?;
        let mut lines = Vec::with_capacity(step.len());
        for one in step {
            let (statement, new) = (&one.statement, &one.submission.new);
            let mut plain = Vec::new();
            let record: Value = match sealed.get(&(statement.submission_key, statement.row)) {
                Some(sealed) => {
                    sealer.unseal(&sealing::record_label(&new.id, statement.row), sealed, &mut plain)?;
                    serde_json::from_slice(&plain).map_err(|_| crate::vault::VaultError::Broken)?
                }
                None => Value::Null,
            };
            lines.push(
                json!({
                    "agency": statement.agency, "round": statement.round.to_string(), "school_id": statement.school_id,
                    "in_force": statement.in_force, "as_of": new.received_at.to_string(),
                    "submission": new.id, "row": statement.row, "file_sha256": new.sha256,
                    "mapping": format!("{}@{}", new.mapping, new.mapping_version), "standard": new.standard,
                    "lists_version": new.lists_version, "record": record,
                })
                .to_string(),
            );
        }
        Ok(lines.join(","))
    }

    /// A page of looks, how many, and where to go on.
    async fn export_looks(
        &self,
        learner: &KeyedHash,
        before: Option<LookKey>,
        is_later: bool,
    ) -> Result<(String, u64, Option<LookKey>), AppError> {
        let found = self.store.looks_at(learner, before, LOOKS_MAX).await?;
        let next = if found.len() == LOOKS_MAX as usize { found.last().map(|(key, _)| *key) } else { None };
        let line = |(_, look): &(LookKey, Look)| {
            json!({ "id": look.id, "at": look.at.to_string(), "who": look.actor, "purpose": look.purpose,
                "fields": look.fields, "source": look.source })
            .to_string()
        };
        let lines = found.iter().map(line).collect::<Vec<_>>().join(",");
        let comma = if is_later && !lines.is_empty() { "," } else { "" };
        Ok((format!("{comma}{lines}"), found.len() as u64, next))
    }

    async fn export_requests(&self, learner: &KeyedHash) -> Result<Value, AppError> {
        let found = self.store.subject_requests_of(learner, REQUESTS_ALL_MAX).await?;
        let mut all = Vec::with_capacity(found.len());
        for stored in &found {
            let view = self.request_view(stored)?;
            all.push(json!({
                "id": view.id, "kind": view.kind, "state": view.state, "reference": view.reference,
                "received_on": view.received_on.to_string(), "due_on": view.due_on.to_string(),
                "decided_at": view.decided_at.map(|at| at.to_string()), "ground": view.ground, "agency": view.agency,
                "fields": view.fields, "outcome": view.outcome,
            }));
        }
        Ok(Value::Array(all))
    }
}
