//! Queued work: kept submissions to their end, a bounded number at once, small files on a lane of their own.
//!
//! Owns that no submission is worked on twice at the same time and that none is forgotten: whatever the queue
//! could not take, a crash or a stop left behind is in the store and is looked for every other second, by every gateway over
//! the store; so another one takes up what a dead one left. What another process works on is set aside and looked at again
//! if somebody waits for it, so that it holds nobody up. Also ends in the background what needs no request: uploads that are
//! whole, uploads that nobody goes on with, rows of cancelled submissions.
//! Refuses what goes beyond its bound instead of growing, and large work once the gateway drains.

use crate::app::{App, AppError};
use crate::domain::ids::SubmissionId;
use crate::http::queue::{Done, Lane, Queue, QueueFull};
use crate::tasks::{Stopped, Tasks};
use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::sync::{Notify, mpsc, oneshot};

/// Submissions waiting on each lane.
const WAITING_MAX: usize = 256;
/// How often the store is asked for what was left behind: one short question when there is nothing.
const SWEEP_EVERY: Duration = Duration::from_secs(2);
/// What is looked for brings itself in up to here; the rest of the queue is for requests.
const SWEPT_MAX: usize = 64;
/// How often unfinished ends are looked for.
const TIDY_EVERY: Duration = Duration::from_secs(2);
/// With every so many of those looks also what has expired.
const EXPIRY_EACH: u32 = 30;
/// How often what another process works on is looked at.
const LOOK_AGAIN_EVERY: Duration = Duration::from_millis(200);

type Outcome = Result<(), Arc<AppError>>;

/// Who waits for which submission; one that is in here is queued or under work.
type Waiting = Mutex<HashMap<SubmissionId, Vec<oneshot::Sender<Outcome>>>>;

struct Lanes {
    small: mpsc::Sender<SubmissionId>,
    large: mpsc::Sender<SubmissionId>,
    waiting: Waiting,
    /// What another process works on, with the lane it came from; still in `waiting`.
    elsewhere: Mutex<Vec<(SubmissionId, Lane)>>,
    /// What waited may go on: look at once what the store has left.
    look: Notify,
}

/// Runs until stopped.
pub struct Worker {
    lanes: Arc<Lanes>,
    tasks: Tasks,
}

impl Worker {
    /// `at_once`: submissions worked on together, on each lane.
    pub fn start(app: Arc<App>, at_once: usize) -> Worker {
        let (small, from_small) = mpsc::channel(WAITING_MAX);
        let (large, from_large) = mpsc::channel(WAITING_MAX);
        let lanes = Arc::new(Lanes {
            small,
            large,
            waiting: Mutex::default(),
            elsewhere: Mutex::default(),
            look: Notify::new(),
        });
        let mut tasks = Tasks::default();
        tasks.spawn(|stopped| sweep(app.clone(), lanes.clone(), stopped));
        tasks.spawn(|stopped| look_again(lanes.clone(), stopped));
        tasks.spawn(|stopped| tidy(app.clone(), stopped));
        for (lane, receiver) in [(Lane::Small, from_small), (Lane::Large, from_large)] {
            let receiver = Arc::new(tokio::sync::Mutex::new(receiver));
            for _ in 0..at_once.max(1) {
                tasks.spawn(|stopped| work(app.clone(), lanes.clone(), lane, receiver.clone(), stopped));
            }
        }
        Worker { lanes, tasks }
    }

    pub fn queue(&self) -> Arc<dyn Queue> {
        self.lanes.clone()
    }

    /// Finishes what is under work and small, and gives back what is large; what waits stays kept for the next start, or for
    /// another gateway.
    pub async fn stop(self) {
        self.tasks.stop().await;
    }
}

impl Lanes {
    fn enter(&self, id: SubmissionId, lane: Lane, waiter: Option<oneshot::Sender<Outcome>>) -> Result<(), QueueFull> {
        let mut waiting = self.waiting.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(waiters) = waiting.get_mut(&id) {
            waiters.extend(waiter);
            return Ok(());
        }
        self.lane(lane).try_send(id.clone()).map_err(|_| QueueFull)?;
        waiting.insert(id, waiter.into_iter().collect());
        Ok(())
    }

    fn lane(&self, lane: Lane) -> &mpsc::Sender<SubmissionId> {
        match lane {
            Lane::Small => &self.small,
            Lane::Large => &self.large,
        }
    }

    /// False: too many are set aside already, or nobody here waits for it and it is looked for again anyway.
    fn set_aside(&self, id: SubmissionId, lane: Lane) -> bool {
        let is_awaited = |waiters: &Vec<oneshot::Sender<Outcome>>| waiters.iter().any(|waiter| !waiter.is_closed());
        if !self.waiting.lock().unwrap_or_else(PoisonError::into_inner).get(&id).is_some_and(is_awaited) {
            return false;
        }
        let mut elsewhere = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        let room = elsewhere.len() < WAITING_MAX;
        if room {
            elsewhere.push((id, lane));
        }
        room
    }

    /// Puts what was set aside at the end of its lane again, as far as there is room.
    fn bring_back(&self) {
        let mut elsewhere = self.elsewhere.lock().unwrap_or_else(PoisonError::into_inner);
        elsewhere.retain(|(id, lane)| self.lane(*lane).try_send(id.clone()).is_err());
    }

    fn leave(&self, id: &SubmissionId, outcome: &Outcome) {
        let waiters = self.waiting.lock().unwrap_or_else(PoisonError::into_inner).remove(id);
        for waiter in waiters.into_iter().flatten() {
            // Whoever asked may have hung up; the submission is at its end all the same.
            let _ = waiter.send(outcome.clone());
        }
    }
}

impl Queue for Lanes {
    fn enter(&self, id: SubmissionId, lane: Lane) -> Result<Done, QueueFull> {
        let (sender, receiver) = oneshot::channel();
        Lanes::enter(self, id, lane, Some(sender))?;
        Ok(Box::pin(async move { receiver.await.unwrap_or_else(|_| Err(Arc::new(AppError::Worker))) }))
    }

    fn waiting(&self) -> usize {
        self.waiting.lock().unwrap_or_else(PoisonError::into_inner).len()
    }
}

async fn work(
    app: Arc<App>,
    lanes: Arc<Lanes>,
    lane: Lane,
    receiver: Arc<tokio::sync::Mutex<mpsc::Receiver<SubmissionId>>>,
    mut stopped: Stopped,
) {
    loop {
        let next = async { receiver.lock().await.recv().await };
        let id = tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            id = next => match id {
                Some(id) => id,
                None => return,
            },
        };
        if lane == Lane::Large && app.is_draining() {
            lanes.leave(&id, &Err(Arc::new(AppError::Draining)));
            continue;
        }
        let outcome = match app.try_process(&id, None).await {
            Ok(None) if lanes.set_aside(id.clone(), lane) => continue,
            Ok(None) => Err(Arc::new(AppError::NotReady)),
            Ok(Some(view)) => {
                // Files that came before the school register wait for it.
                if view.receipt.is_some_and(|receipt| receipt.standard.starts_with("school/")) {
                    lanes.look.notify_one();
                }
                Ok(())
            }
            Err(error) => Err(Arc::new(error)),
        };
        if let Err(error) = &outcome
            && !matches!(**error, AppError::NoRegister | AppError::NotReady | AppError::Draining)
        {
            let error: &dyn std::error::Error = &**error;
            tracing::warn!(submission = %id, error, "a submission did not reach its end; it is kept and will be tried again");
        }
        lanes.leave(&id, &outcome);
    }
}

/// Brings back what the queue refused, or what an earlier life of the gateway left.
async fn sweep(app: Arc<App>, lanes: Arc<Lanes>, mut stopped: Stopped) {
    let mut clock = tokio::time::interval(SWEEP_EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let small = app.pace().small_submission_bytes;
    // The first look is for what an earlier life of this gateway left a moment ago.
    let mut fresh = true;
    loop {
        fresh |= tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = clock.tick() => false,
            () = lanes.look.notified() => true,
        };
        if app.is_draining() {
            continue;
        }
        match app.unfinished(std::mem::take(&mut fresh)).await {
            Ok(left) => {
                for due in left {
                    let lane = if due.bytes <= small { Lane::Small } else { Lane::Large };
                    if lanes.waiting() >= SWEPT_MAX || lanes.enter(due.id, lane, None).is_err() {
                        break;
                    }
                }
            }
            Err(error) => {
                tracing::warn!(error = &error as &dyn std::error::Error, "the store could not say what is unfinished");
            }
        }
    }
}

/// Ends what needs no request. Each of these is done under a lock, or is the same when it is done twice.
async fn tidy(app: Arc<App>, mut stopped: Stopped) {
    let mut clock = tokio::time::interval(TIDY_EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut looks: u32 = 0;
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = clock.tick() => {}
        }
        if app.is_draining() {
            continue;
        }
        told("rows of cancelled submissions could not be thrown away", app.clear_cancelled().await);
        told("uploads that are whole could not be looked for", app.finish_uploads().await);
        if looks.is_multiple_of(EXPIRY_EACH) {
            told("uploads that expired could not be removed", app.expire_uploads().await);
        }
        looks = looks.wrapping_add(1);
    }
}

fn told(what: &'static str, outcome: Result<(), AppError>) {
    if let Err(error) = outcome {
        tracing::warn!(error = &error as &dyn std::error::Error, "{what}; it will be tried again");
    }
}

async fn look_again(lanes: Arc<Lanes>, mut stopped: Stopped) {
    let mut clock = tokio::time::interval(LOOK_AGAIN_EVERY);
    loop {
        tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            _ = clock.tick() => lanes.bring_back(),
        }
    }
}
