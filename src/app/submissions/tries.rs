//! Tries: how often a submission is worked on, how long it rests after a failure, and when it is given up.
//!
//! Owns that nothing is tried for ever: a job that brings the process down counts as a try too, because the try is
//! written down when it begins. A submission that is given up ends in `failed`; its bytes stay kept.

use super::receipt::sender;
use super::work::Watcher;
use crate::app::refusal::FileRefusal;
use crate::app::{App, AppError, journal_entry};
use crate::decode::Detail;
use crate::domain::rule;
use crate::store::Submission;
use jiff::{SignedDuration, Timestamp};

/// Work on one submission begins this often at most.
pub const TRIES_MAX: u32 = 10;
/// After the first failure; doubled with every further one. Ten tries take a little over eight hours.
const FIRST_REST: SignedDuration = SignedDuration::from_mins(1);
const REST_MAX: SignedDuration = SignedDuration::from_hours(4);

fn rest_after(tries: u32) -> SignedDuration {
    let doubled = 2_i32.checked_pow(tries.saturating_sub(1)).and_then(|times| FIRST_REST.checked_mul(times));
    doubled.unwrap_or(REST_MAX).min(REST_MAX)
}

/// A database or object store that is away says nothing of the file: however long it is away, no file ends for that.
fn tries_after(before: u32, error: &AppError) -> u32 {
    if error.is_away() { before } else { before + 1 }
}

impl App {
    /// One try, under the caller's claim. Ok: the submission is at its end, which may be `failed`.
    pub(super) async fn attempt(&self, stored: &Submission, watcher: Option<Watcher>) -> Result<(), AppError> {
        if stored.tries >= TRIES_MAX {
            // The last try brought the process down: nobody was left to end it.
            return self.give_up(stored, stored.turns, stored.tries).await;
        }
        let Err(error) = self.work(stored, watcher).await else { return Ok(()) };
        if matches!(error, AppError::NoRegister) {
            return Err(error);
        }
        if self.stored(&stored.new.id).await?.state.is_final() {
            // Cancelled, or ended by another that had taken the work up.
            return Ok(());
        }
        if matches!(error, AppError::Draining) {
            // The turn that began with this try.
            self.store.put_back(stored.seq, stored.turns + 1, stored.tries).await?;
            return Err(error);
        }
        let tries = tries_after(stored.tries, &error);
        if tries >= TRIES_MAX {
            tracing::error!(submission = %stored.new.id, tries, error = &error as &dyn std::error::Error, "a submission is given up");
            return self.give_up(stored, stored.turns + 1, tries).await;
        }
        let try_after = Timestamp::now() + rest_after(tries.max(1));
        // Before any staged row goes: what another staged that has taken the work up is not this one's to throw away.
        match self.store.put_off(stored.seq, stored.turns + 1, tries, try_after).await {
            // What it staged may be at fault and counts no more. Best effort: the next try throws it away too.
            Ok(()) => drop(self.store.discard_staged(stored.seq).await),
            Err(failure) => {
                tracing::warn!(submission = %stored.new.id, error = &failure as &dyn std::error::Error, "that a try failed could not be written down");
            }
        }
        Err(error)
    }

    /// `turn`: the one that failed last.
    async fn give_up(&self, stored: &Submission, turn: i64, tries: u32) -> Result<(), AppError> {
        let catalogue = self.assets.library.catalogue();
        let refusal = FileRefusal::new(rule::LIM_TRIES, "gateway", &Detail::Tries(tries), None, catalogue);
        let json = serde_json::to_value(&refusal).unwrap_or_default();
        let detail = serde_json::json!({ "rule": refusal.rule, "tries": tries });
        let entry = journal_entry(&sender(stored), "submission.fail", stored.new.id.as_str(), detail);
        self.store.fail_submission(stored.seq, turn, &json, &entry).await?;
        Ok(self.store.discard_staged(stored.seq).await?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::decode::DecodeError;
    use crate::objects::ObjectsError;
    use crate::store::StoreError;

    #[test]
    fn rests_double_up_to_four_hours_and_all_tries_fit_into_a_working_day() {
        let minutes: Vec<i64> = (1..TRIES_MAX).map(|tries| rest_after(tries).as_mins()).collect();
        assert_eq!(minutes, [1, 2, 4, 8, 16, 32, 64, 128, 240]);
        assert_eq!(rest_after(u32::MAX), REST_MAX);
    }

    #[test]
    fn a_database_or_object_store_that_is_away_costs_no_try() {
        let unread = || std::io::Error::from(ObjectsError::Away("no answer".into()));
        for away in [
            AppError::Store(StoreError::Unreachable(std::io::Error::other("away").into())),
            AppError::Objects(ObjectsError::Away("no answer".into())),
            AppError::Kept(unread()),
            AppError::Sendback(DecodeError::Io(unread()).into()),
        ] {
            assert_eq!(tries_after(3, &away), 3, "{away}");
        }
        let gone = || std::io::Error::from(ObjectsError::Missing);
        for ours in [AppError::Worker, AppError::Objects(ObjectsError::Missing), AppError::Kept(gone())] {
            assert_eq!(tries_after(3, &ours), 4, "{ours}");
        }
    }
}
