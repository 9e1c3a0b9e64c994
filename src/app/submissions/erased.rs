//! What of a submission is no longer here: rows of persons who asked, and what was erased by rule.
//!
//! So that a list that came short is told from one that is short on purpose.

use crate::app::{App, AppError};
use crate::domain::retention::DataClass;

impl App {
    /// How many accepted rows of a submission were erased because the person asked, where these classes of it are still kept.
    ///
    /// Errors: `Erased` where one of them is gone by rule.
    pub(super) async fn still_kept(&self, seq: i64, classes: &[DataClass]) -> Result<u64, AppError> {
        let mut rows = 0;
        for erased in self.store.erased_of(seq).await? {
            let is_by_rule = erased.request.is_none() && classes.iter().any(|class| class.as_str() == erased.class);
            if is_by_rule {
                return Err(AppError::Erased { at: erased.at });
            }
            if erased.request.is_some() {
                rows += erased.rows;
            }
        }
        Ok(rows)
    }
}
