//! What is erased by rule, once a day, and corrections that agencies have made since.
//!
//! Owns the times of it. Not while a gateway is just starting: there is time.

use crate::app::App;
use crate::tasks::Stopped;
use std::sync::Arc;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

const FIRST_AFTER: Duration = Duration::from_secs(300);
/// Between two questions whether a run is due.
const ASKED_EVERY: Duration = Duration::from_secs(3_600);

pub(super) async fn watch(app: Arc<App>, mut stopped: Stopped) {
    let mut clock = tokio::time::interval_at(Instant::now() + FIRST_AFTER, ASKED_EVERY);
    clock.set_missed_tick_behavior(MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = clock.tick() => {}
        }
        match app.settle_corrections().await {
            Ok(0) => {}
            Ok(settled) => tracing::info!(settled, "corrections that persons asked for stand in later files"),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "open corrections could not be looked after");
            }
        }
        match app.run_retention_if_due().await {
            Ok(None) => {}
            Ok(Some(report)) => {
                let (run, erased, is_done) = (report.id.as_str(), report.erased(), report.is_done());
                tracing::info!(run, erased, is_done, "what is over was erased, and the report signed");
                if !is_done {
                    tracing::error!(run, "something older is left: saphan retention report");
                }
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::error!(error, "what is over could not be erased");
            }
        }
    }
}
