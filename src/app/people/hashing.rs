//! Passwords hashed off the threads that serve requests, a few at a time.
//!
//! Owns the bound: each takes 19 MiB and tens of milliseconds of a core, so a flood of sign-ins may neither fill the memory nor
//! hold up what else is asked. Refuses more than a short queue.

use super::PersonError;
use crate::app::AppError;
use crate::vault::{VaultError, hash_password, is_password};
use std::sync::{Arc, OnceLock};
use tokio::sync::Semaphore;

const AT_ONCE: usize = 2;
/// Those that wait and those that run.
const ENTERED_MAX: usize = 32;

pub struct Hashing {
    running: Arc<Semaphore>,
    entered: Arc<Semaphore>,
    /// What the password of nobody is held against.
    of_nobody: Arc<OnceLock<String>>,
}

impl Default for Hashing {
    fn default() -> Self {
        Hashing {
            running: Arc::new(Semaphore::new(AT_ONCE)),
            entered: Arc::new(Semaphore::new(ENTERED_MAX)),
            of_nobody: Arc::default(),
        }
    }
}

impl Hashing {
    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> Result<T, VaultError> + Send + 'static,
    ) -> Result<T, AppError> {
        let entered = self.entered.clone().try_acquire_owned().map_err(|_| PersonError::Busy)?;
        let running = self.running.clone().acquire_owned().await.map_err(|_| AppError::Worker)?;
        let done = tokio::task::spawn_blocking(move || {
            let outcome = work();
            // Held until here, whether or not somebody still waits for it.
            drop((running, entered));
            outcome
        });
        Ok(done.await.map_err(|_| AppError::Worker)??)
    }

    pub(super) async fn hash(&self, password: String) -> Result<String, AppError> {
        self.run(move || hash_password(&password)).await
    }

    /// `hash`: none for somebody who has none or isn't there, which takes the same time and is never right.
    pub(super) async fn is_right(&self, password: String, hash: Option<String>) -> Result<bool, AppError> {
        let of_nobody = self.of_nobody.clone();
        self.run(move || match hash {
            Some(hash) => is_password(&password, &hash),
            None => {
                let nobody = match of_nobody.get() {
                    Some(known) => known.clone(),
                    None => {
                        let made = hash_password("the password of nobody")?;
                        of_nobody.get_or_init(|| made).clone()
                    }
                };
                is_password(&password, &nobody).map(|_| false)
            }
        })
        .await
    }
}
