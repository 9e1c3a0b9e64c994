//! The accepted rows of one submission, as canonical records a line, unsealed page by page as they are read.
//!
//! They are what the file said, whether or not they are still in force. Every such reading is journalled, and whom a page opens
//! is in the access log before the page goes out. A stream that
//! fails, or comes to fewer records than the receipt says, breaks off: nobody takes it for whole.

use super::needs_register;
use crate::app::access::{fields_read, learner_of, only};
use crate::app::download::Download;
use crate::app::{App, AppError, journal_entry, sealing};
use crate::domain::enrolment::KeyedHash;
use crate::domain::ids::SubmissionId;
use crate::domain::principal::Principal;
use crate::domain::retention::DataClass;
use crate::store::{State, Submission};
use bytes::Bytes;
use std::collections::BTreeSet;
use std::io;

/// Records unsealed at once.
const PAGE: u32 = 1_000;

/// Records a line.
struct Page {
    lines: Vec<u8>,
    last_row: u64,
    records: u64,
    learners: Vec<KeyedHash>,
}

impl App {
    /// For the sender's agency and the ministry.
    ///
    /// Errors: not at its end; a school register, whose rows are not kept apart.
    pub async fn accepted_file(&self, principal: &Principal, id: &SubmissionId) -> Result<Download, AppError> {
        let stored = self.readable(principal, id).await?;
        if stored.state != State::Committed {
            return Err(AppError::without_rows(stored.state));
        }
        if !needs_register(&stored) {
            return Err(AppError::NoRecords);
        }
        let fields = fields_read(principal)?.cloned();
        let holder = self.holder_of_rows(&stored).await?;
        // Whoever asked to be erased is in no file any more.
        let erased = self.still_kept(holder.seq, &[DataClass::Identities]).await?;
        let accepted = stored.receipt.as_ref().map_or(0, |receipt| receipt.accepted).saturating_sub(erased);
        let look = self.look_within(principal, id.to_string())?;
        let detail = serde_json::json!({
            "round": stored.new.round.to_string(), "records": accepted, "look": look.id, "purpose": look.purpose,
        });
        let entry = journal_entry(principal, "records.read", id.as_str(), detail);
        let look = self.store.begin_look(&look, &[], &entry).await?;
        let app = self.clone();
        let content = async_stream::try_stream! {
            let (mut after, mut given) = (0, 0);
            while let Some(page) = app.accepted_page(&holder, after, fields.as_ref()).await.map_err(io::Error::other)? {
                app.store.add_to_look(look, &page.learners).await.map_err(io::Error::other)?;
                yield Bytes::from(page.lines);
                (after, given) = (page.last_row, given + page.records);
            }
            if given != accepted {
                Err(io::Error::other(AppError::RowsLost { accepted, staged: given }))?;
            }
        };
        Ok(Download {
            media_type: String::from("application/x-ndjson"),
            file_name: format!("accepted-{id}.ndjson"),
            bytes: None,
            content: Box::pin(content),
        })
    }

    /// What comes after row `after`; none: there is no more.
    async fn accepted_page(
        &self,
        holder: &Submission,
        after: u64,
        given: Option<&BTreeSet<String>>,
    ) -> Result<Option<Page>, AppError> {
        let sealed = self.store.records_of(holder.seq, after, PAGE).await?;
        let Some((last_row, _)) = sealed.last() else { return Ok(None) };
        let (last_row, records) = (*last_row, sealed.len() as u64);
        let (vault, id, given) = (self.vault.clone(), holder.new.id.clone(), given.cloned());
        let unseal = move || {
            let (mut sealer, hasher) = (vault.sealer()?, vault.hasher());
            let (mut lines, mut plain, mut learners) = (Vec::new(), Vec::new(), Vec::with_capacity(sealed.len()));
            for (row, sealed) in &sealed {
                plain.clear();
                sealer.unseal(&sealing::record_label(&id, *row), sealed, &mut plain)?;
                learners.push(learner_of(&hasher, &plain)?);
                if let Some(given) = &given {
                    plain = only(&plain, given)?;
                }
                lines.extend_from_slice(format!("{{\"_row\":{row}").as_bytes());
                // A record's first brace is replaced by ours; of what was agreed on it may have nothing.
                if plain.len() > 2 {
                    lines.push(b',');
                }
                lines.extend_from_slice(plain.get(1..).unwrap_or_default());
                lines.push(b'\n');
            }
            Ok::<_, AppError>((lines, learners))
        };
        let (lines, learners) = tokio::task::spawn_blocking(unseal).await.map_err(|_| AppError::Worker)??;
        Ok(Some(Page { lines, last_row, records, learners }))
    }
}
