//! What a gateway measured, written every few seconds; and months that are over, closed.
//!
//! Owns the times of it: a gateway that dies loses seconds of its counts, and one that stops writes the last of them.

use crate::app::App;
use crate::tasks::Stopped;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::MissedTickBehavior;

/// Well within the minute that says that a gateway is there.
const WRITTEN_EVERY: Duration = Duration::from_secs(20);
const CLOSING_ASKED_EVERY: Duration = Duration::from_secs(600);

pub(super) async fn write(app: Arc<App>, mut stopped: Stopped) {
    let mut clock = tokio::time::interval(WRITTEN_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        let is_last = tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => true,
            _ = clock.tick() => false,
        };
        if let Err(error) = app.flush_service().await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "what was measured could not be written; it is kept and written later");
        }
        if is_last {
            return;
        }
    }
}

pub(super) async fn close(app: Arc<App>, mut stopped: Stopped) {
    let mut clock = tokio::time::interval(CLOSING_ASKED_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = clock.tick() => {}
        }
        match app.close_service_months().await {
            Ok(0) => {}
            Ok(reports) => tracing::info!(reports, "service reports of months that are over were closed"),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "service reports could not be closed; it is tried again");
            }
        }
    }
}
