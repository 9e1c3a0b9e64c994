//! What a process does beside its requests: tasks that are told to stop and waited for.
//!
//! Owns that none is left behind. Knows nothing of what they do; each looks itself whether it is to stop.

use tokio::sync::watch;
use tokio::task::JoinHandle;

/// True once the tasks are to stop.
pub type Stopped = watch::Receiver<bool>;

#[derive(Debug, Default)]
pub struct Tasks {
    stop: watch::Sender<bool>,
    running: Vec<JoinHandle<()>>,
}

impl Tasks {
    #[expect(
        clippy::disallowed_methods,
        reason = "`stop` waits for every task, and what they do may be cut off anywhere"
    )]
    pub fn spawn<F: Future<Output = ()> + Send + 'static>(&mut self, task: impl FnOnce(Stopped) -> F) {
        self.running.push(tokio::spawn(task(self.stop.subscribe())));
    }

    /// Tells all of them, and waits until each has ended.
    pub async fn stop(self) {
        // Nobody listening means that all tasks ended already.
        let _ = self.stop.send(true);
        for task in self.running {
            if task.await.is_err() {
                tracing::error!("a task ended before its time");
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};

    #[tokio::test]
    async fn stop_waits_for_every_task_and_one_that_failed_holds_nobody_up() {
        let ended = Arc::new(AtomicUsize::new(0));
        let mut tasks = Tasks::default();
        for _ in 0..3 {
            let ended = ended.clone();
            tasks.spawn(|mut stopped| async move {
                let _ = stopped.wait_for(|stop| *stop).await;
                tokio::task::yield_now().await;
                ended.fetch_add(1, Ordering::SeqCst);
            });
        }
        tasks.spawn(|_| async { panic!("as a task may") });
        tasks.stop().await;
        assert_eq!(ended.load(Ordering::SeqCst), 3);
    }
}
