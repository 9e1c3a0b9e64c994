//! Refused rows: their findings kept with the submission, and given back page by page or in the sender's own layout.
//!
//! The rows themselves are read again from the kept file. A file cut short by a failure, or with fewer rows than the receipt
//! says, never passes for whole.

use crate::app::assets::LoadedMapping;
use crate::app::refusal::{self, FindingView};
use crate::app::{App, AppError};
use crate::domain::ids::SubmissionId;
use crate::domain::principal::Principal;
use crate::domain::retention::DataClass;
use crate::pipeline;
use crate::sendback::{self, Sent};
use crate::store::{RefusedRow, State, StoreError};
use std::io;

impl App {
    pub(super) fn refused_rows_of(&self, rows: &[pipeline::RefusedRow], loaded: &LoadedMapping) -> Vec<RefusedRow> {
        let catalogue = self.assets.library.catalogue();
        rows.iter()
            .map(|row| {
                let views = refusal::views(row, catalogue, &loaded.mapping.standard);
                // A list of plain texts and numbers always serialises.
                RefusedRow { row: row.row, findings: serde_json::to_string(&views).unwrap_or_default() }
            })
            .collect()
    }

    /// The findings of refused rows, page by page.
    pub async fn refused_findings(
        &self,
        principal: &Principal,
        id: &SubmissionId,
        after_row: u64,
        limit: u32,
    ) -> Result<Vec<FindingView>, AppError> {
        let stored = self.readable(principal, id).await?;
        let holder = self.holder_of_rows(&stored).await?;
        self.still_kept(holder.seq, &[DataClass::Findings]).await?;
        let rows = self.store.refused_rows(holder.seq, after_row, limit).await?;
        let mut views = Vec::new();
        for row in &rows {
            views.extend(findings_of(&row.findings)?);
        }
        Ok(views)
    }

    /// Writes the refused rows in the sender's own layout into `out`; answers how many.
    pub async fn send_back<W: io::Write + io::Seek + Send + 'static>(
        &self,
        principal: &Principal,
        id: &SubmissionId,
        mut out: W,
    ) -> Result<(u64, W), AppError> {
        let stored = self.readable(principal, id).await?;
        if stored.state != State::Committed {
            return Err(AppError::without_rows(stored.state));
        }
        let loaded = self.assets.mapping(&stored.new.mapping).cloned().ok_or(AppError::UnknownSubmission)?;
        let holder = self.holder_of_rows(&stored).await?;
        self.still_kept(holder.seq, &[DataClass::Findings]).await?;
        self.still_kept(stored.seq, &[DataClass::ReceivedFiles]).await?;
        let refused = holder.receipt.as_ref().map_or(0, |receipt| receipt.refused);
        let (app, runtime) = (self.clone(), tokio::runtime::Handle::current());
        let work = move || {
            let mut rows = RefusedPages {
                app: &app,
                seq: holder.seq,
                runtime,
                page: Vec::new().into_iter(),
                after: 0,
                done: false,
                failure: None,
            };
            let (input, spec, limits) = (&app.kept(&stored), &loaded.mapping.spec, &app.limits);
            let encoding = stored.receipt.as_ref().map_or("", |receipt| &receipt.encoding);
            let sent = Sent { input, spec, limits, encoding };
            let count = sendback::write_refused(&sent, &mut rows, &mut out)?;
            match rows.failure {
                Some(failure) => Err(failure),
                None if count != refused => Err(AppError::RefusedRowsLost { refused, written: count }),
                None => Ok((count, out)),
            }
        };
        tokio::task::spawn_blocking(work).await.map_err(|_| AppError::Worker)?
    }
}

/// Findings as they were stored. What can't be read any more is a failure, never an empty list.
fn findings_of(json: &str) -> Result<Vec<FindingView>, AppError> {
    serde_json::from_str(json).map_err(|_| AppError::Store(StoreError::Unreadable("refused_row.findings")))
}

/// Refused rows from the store, a page at a time, in row order.
struct RefusedPages<'a> {
    app: &'a App,
    seq: i64,
    runtime: tokio::runtime::Handle,
    page: std::vec::IntoIter<RefusedRow>,
    after: u64,
    done: bool,
    failure: Option<AppError>,
}

impl RefusedPages<'_> {
    fn read_on(&mut self) -> Result<(), AppError> {
        const PAGE: u32 = 2_000;
        let rows = self.runtime.block_on(self.app.store.refused_rows(self.seq, self.after, PAGE))?;
        self.done = rows.len() < PAGE as usize;
        self.page = rows.into_iter();
        Ok(())
    }
}

impl Iterator for RefusedPages<'_> {
    type Item = sendback::RefusedRow;

    /// Ends early on a failure of the store, which stays in `failure`: a file cut short must not pass for whole.
    fn next(&mut self) -> Option<Self::Item> {
        loop {
            if let Some(row) = self.page.next() {
                self.after = row.row;
                match findings_of(&row.findings) {
                    Ok(views) => return Some(refusal::sendback_row(row.row, &views)),
                    Err(failure) => {
                        self.failure = Some(failure);
                        return None;
                    }
                }
            }
            if self.done {
                return None;
            }
            if let Err(failure) = self.read_on() {
                self.failure = Some(failure);
                return None;
            }
        }
    }
}
