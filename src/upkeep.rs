//! What the gateway does by the clock: it clears away what nobody acknowledged.
//!
//! Owns the times of it. Every gateway of a store has one; the store lets one of them do a duty at a time, so any may die.
//! A failure is logged, and the next turn tries again.

use crate::app::App;
use crate::app::keeping::ORPHAN_AGE;
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::watch;
use tokio::task::JoinHandle;

const SWEEP_EVERY: Duration = Duration::from_secs(3_600);

/// Runs until stopped.
pub struct Upkeep {
    stop: watch::Sender<bool>,
    tasks: Vec<JoinHandle<()>>,
}

impl Upkeep {
    pub fn start(app: Arc<App>) -> Upkeep {
        let (stop, stopped) = watch::channel(false);
        let tasks = vec![spawn(sweep(app, stopped))];
        Upkeep { stop, tasks }
    }

    /// Waits for what is being done.
    pub async fn stop(self) {
        // Nobody listening means that all tasks ended already.
        let _ = self.stop.send(true);
        for task in self.tasks {
            if task.await.is_err() {
                tracing::error!("a task of the upkeep ended before its time");
            }
        }
    }
}

#[expect(clippy::disallowed_methods, reason = "`stop` waits for every task, and what they do may be cut off anywhere")]
fn spawn(task: impl Future<Output = ()> + Send + 'static) -> JoinHandle<()> {
    tokio::spawn(task)
}

async fn sweep(app: Arc<App>, mut stopped: watch::Receiver<bool>) {
    let mut clock = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = clock.tick() => {}
        }
        let outcome = match app.sweep_spool() {
            Ok(()) => app.sweep_incoming(Timestamp::now() - ORPHAN_AGE).await,
            Err(error) => Err(error),
        };
        match outcome {
            Ok(0) => {}
            Ok(removed) => tracing::info!(removed, "files that nobody acknowledged were cleared away"),
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "what nobody acknowledged could not be cleared away");
            }
        }
    }
}
