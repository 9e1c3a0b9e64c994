//! Which request a use case runs in, for the log of who looked at whom.
//!
//! It goes with the task, not through every signature: no use case decides anything by it. Commands have none.

use std::future::Future;

tokio::task_local! {
    static REQUEST: String;
}

/// Runs `work` as part of the request with this id.
pub async fn within<F: Future>(request: String, work: F) -> F::Output {
    REQUEST.scope(request, work).await
}

/// None: no request asked for this.
pub(super) fn request() -> Option<String> {
    REQUEST.try_with(String::clone).ok()
}
