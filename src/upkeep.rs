//! What the gateway does by the clock: it looks where files are dropped, clears away what nobody acknowledged, signs where
//! the journal is, erases what is over by rule, writes what it measured, closes months, and takes up certificates and keys that were
//! renewed.
//!
//! Owns the times of it. Every gateway of a store has one; the store lets one of them do a duty at a time, so any may die.
//! A failure is logged, without names of files, and the next turn tries again.

mod certificates;
mod keys;
mod retention;
mod service;

use crate::app::journal::{CheckpointPace, Checkpointing};
use crate::app::keeping::ORPHAN_AGE;
use crate::app::pickup::Pickup;
use crate::app::{App, AppError};
use crate::http::queue::{Lane, Queue};
use crate::tasks::{Stopped, Tasks};
use jiff::Timestamp;
use std::sync::Arc;
use std::time::Duration;

const SWEEP_EVERY: Duration = Duration::from_secs(3_600);
/// Between two questions whether a checkpoint of the journal is due: two short reads.
const CHECKPOINT_ASKED_EVERY: Duration = Duration::from_secs(5);

/// Runs until stopped.
pub struct Upkeep(Tasks);

impl Upkeep {
    /// `look_every`: between two looks at each place.
    pub fn start(
        app: Arc<App>,
        queue: Arc<dyn Queue>,
        pickups: Vec<Pickup>,
        look_every: Duration,
        checkpoints: CheckpointPace,
    ) -> Upkeep {
        let mut tasks = Tasks::default();
        tasks.spawn(|stopped| sweep(app.clone(), stopped));
        tasks.spawn(|stopped| sign_journal(app.clone(), checkpoints, stopped));
        tasks.spawn(|stopped| keys::watch(app.clone(), stopped));
        tasks.spawn(|stopped| keys::reseal(app.clone(), stopped));
        tasks.spawn(|stopped| service::write(app.clone(), stopped));
        tasks.spawn(|stopped| service::close(app.clone(), stopped));
        tasks.spawn(|stopped| retention::watch(app.clone(), stopped));
        if let Some(tls) = app.tls().cloned() {
            tasks.spawn(|stopped| certificates::watch(app.clone(), tls, stopped));
        }
        if !pickups.is_empty() {
            tasks.spawn(|stopped| look(app, queue, pickups, look_every, stopped));
        }
        Upkeep(tasks)
    }

    /// Waits for what is being done; a file that is being taken is taken to its end.
    pub async fn stop(self) {
        self.0.stop().await;
    }
}

async fn sweep(app: Arc<App>, mut stopped: Stopped) {
    let mut clock = tokio::time::interval(SWEEP_EVERY);
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = clock.tick() => {}
        }
        if let Err(error) = app.sweep_uploads().await {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(error, "what is left of uploads that are no more could not be cleared away");
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

async fn sign_journal(app: Arc<App>, pace: CheckpointPace, mut stopped: Stopped) {
    let mut clock = tokio::time::interval(CHECKPOINT_ASKED_EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = clock.tick() => {}
        }
        match app.checkpoint_journal_if_due(pace).await {
            Ok(None | Some(Checkpointing::Empty)) => {}
            Ok(Some(Checkpointing::Newest(made))) => tracing::info!(entry = made.seq, "the journal was signed"),
            Ok(Some(Checkpointing::Refused(fault))) => {
                let entry = fault.first_bad();
                tracing::error!(entry, ?fault, "the journal does not hold and is not signed: saphan journal verify");
                // Each time the whole of it is walked.
                clock.reset_after(pace.every.unsigned_abs().max(CHECKPOINT_ASKED_EVERY));
            }
            Err(error) => {
                let error: &dyn std::error::Error = &error;
                tracing::warn!(error, "the journal could not be signed");
            }
        }
    }
}

async fn look(app: Arc<App>, queue: Arc<dyn Queue>, pickups: Vec<Pickup>, every: Duration, mut stopped: Stopped) {
    let mut clock = tokio::time::interval(every);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = clock.tick() => {}
        }
        for pickup in &pickups {
            if *stopped.borrow() {
                return;
            }
            look_at(&app, &*queue, pickup).await;
        }
    }
}

async fn look_at(app: &App, queue: &dyn Queue, pickup: &Pickup) {
    let (client, mapping) = (&pickup.terms().client, &pickup.terms().mapping);
    match app.look(pickup).await {
        Ok(None) => {}
        Ok(Some(looked)) => {
            for (id, bytes) in &looked.kept {
                let lane = if *bytes <= app.pace().small_submission_bytes { Lane::Small } else { Lane::Large };
                // What a full queue refuses is taken up from the store within seconds.
                drop(queue.enter(id.clone(), lane));
            }
            let (kept, failed, answered) = (looked.kept.len(), looked.failed, looked.answered);
            if kept + failed + answered > 0 {
                tracing::info!(%client, mapping, kept, failed, answered, "dropped files were looked at");
            }
        }
        Err(AppError::UnknownClient) => {
            tracing::warn!(%client, mapping, "the client of a pickup isn't there or is revoked; its files stay");
        }
        Err(error) => {
            let error: &dyn std::error::Error = &error;
            tracing::warn!(%client, mapping, error, "a place where files are dropped could not be looked at; they stay");
        }
    }
}
