//! The keyring, looked at while the gateway runs: taken up when it changed, a rotation that was left half-way finished, and what
//! lies under an older data key sealed anew.
//!
//! Owns the times of it. Any gateway may die in between: how far everything is stands in the store.

use crate::app::App;
use crate::app::keys::{LEAD, LOOK_EVERY, Resealed};
use crate::domain::principal::Principal;
use crate::tasks::Stopped;
use std::collections::HashMap;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior, interval};

/// Between two questions whether anything is to be sealed anew, when there was nothing.
const RESEAL_ASKED_EVERY: Duration = Duration::from_secs(2);
/// Longest rest after a look through everything that left something, such as rows of a file that is still worked on: it is a
/// look at every record.
const LEFT_REST_MAX: Duration = Duration::from_secs(300);
/// Longest rest between two steps: a step leaves the store as long to others as it took itself.
const REST_MAX: Duration = Duration::from_secs(2);
/// The same failure is said again after so long.
const SAID_EVERY: Duration = Duration::from_secs(60);

pub(super) async fn watch(app: Arc<App>, mut stopped: Stopped) {
    let mut clock = interval(LOOK_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let (mut seen, mut said): (HashMap<u16, Instant>, Option<Instant>) = (HashMap::new(), None);
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = clock.tick() => {}
        }
        match app.refresh_keys().await {
            Ok(is_new) => {
                said = None;
                if is_new {
                    tracing::info!("the keyring was changed and is taken up");
                }
            }
            Err(error) if said.is_none_or(|at| at.elapsed() >= SAID_EVERY) => {
                said = Some(Instant::now());
                let error: &dyn Error = &error;
                tracing::error!(error, "the keyring of the store can't be taken up; this gateway says it is not ready");
            }
            Err(_) => {}
        }
        let coming = app.coming_keys();
        seen.retain(|id, _| coming.iter().any(|(_, known)| known == id));
        for (r#use, id) in coming {
            // Twice the time: whoever began it does it himself, if he lives.
            if seen.entry(id).or_insert_with(Instant::now).elapsed() < 2 * LEAD {
                continue;
            }
            if let Err(error) = app.finish_rotation(&Principal::Operator, r#use).await {
                let error: &dyn Error = &error;
                tracing::warn!(error, "a key that is coming could not be put in use; it is tried again");
            }
        }
    }
}

pub(super) async fn reseal(app: Arc<App>, mut stopped: Stopped) {
    let (mut rest, mut left_rest) = (RESEAL_ASKED_EVERY, RESEAL_ASKED_EVERY);
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            () = tokio::time::sleep(rest) => {}
        }
        let began = Instant::now();
        rest = match app.reseal_step().await {
            Ok(Resealed::Some(done)) => {
                if done > 0 {
                    left_rest = RESEAL_ASKED_EVERY;
                }
                began.elapsed().min(REST_MAX)
            }
            Ok(Resealed::Left(_)) => {
                let rest = left_rest;
                left_rest = (2 * left_rest).min(LEFT_REST_MAX);
                rest
            }
            Ok(Resealed::Ended) => {
                tracing::info!("nothing in the store is sealed under an older key any more");
                RESEAL_ASKED_EVERY
            }
            Ok(Resealed::Nothing) => RESEAL_ASKED_EVERY,
            Err(error) => {
                let error: &dyn Error = &error;
                tracing::warn!(error, "what lies under an older key could not be sealed anew; it is tried again");
                RESEAL_ASKED_EVERY
            }
        };
    }
}
