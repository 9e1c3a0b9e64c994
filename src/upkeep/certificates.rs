//! The files of TLS, looked at while the gateway runs: taken up when they change, spoken of before they end.
//!
//! Owns the times of it, and SIGHUP. What can't be used is logged and left; see `vault/tls/door.rs`.

use crate::app::App;
use crate::app::certificates::{WARN_DAYS, Which, days_left};
use crate::tasks::Stopped;
use crate::vault::tls::Tls;
use jiff::Timestamp;
use std::error::Error;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::time::Instant;

/// Four questions to the file system.
const LOOK_EVERY: Duration = Duration::from_secs(2);
/// Between two looks at the certificates of clients: one short read of the store.
const CLIENTS_EVERY: Duration = Duration::from_secs(60);
const SAID_EVERY: Duration = Duration::from_secs(86_400);

async fn asked(hangup: &mut Option<Signal>) {
    match hangup {
        Some(hangup) => drop(hangup.recv().await),
        None => std::future::pending().await,
    }
}

pub(super) async fn watch(app: Arc<App>, tls: Arc<Tls>, mut stopped: Stopped) {
    let mut hangup = signal(SignalKind::hangup()).ok();
    let mut clock = tokio::time::interval(LOOK_EVERY);
    clock.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let (mut clients_at, mut said_at) = (Instant::now(), Instant::now());
    loop {
        let is_asked = tokio::select! {
            biased;
            _ = stopped.wait_for(|stop| *stop) => return,
            () = asked(&mut hangup) => true,
            _ = clock.tick() => false,
        };
        let door = tls.clone();
        let look = move || if is_asked { Some(door.reload()) } else { door.reload_if_changed() };
        let is_new = match tokio::task::spawn_blocking(look).await {
            Ok(Some(failed)) => {
                for error in &failed {
                    let error: &dyn Error = error;
                    tracing::error!(
                        error,
                        "a file of TLS can't be used; what was before stays in force: saphan doctor"
                    );
                }
                if failed.is_empty() {
                    tracing::info!("the files of TLS were read anew and are in force");
                }
                true
            }
            Ok(None) | Err(_) => false,
        };
        let now = Instant::now();
        if now >= clients_at {
            clients_at = now + CLIENTS_EVERY;
            // What the store says of itself is logged by those who need it.
            if let Ok(end) = app.first_client_certificate_end().await {
                tls.note_client_end(end);
            }
        }
        if is_new || now >= said_at {
            said_at = now + SAID_EVERY;
            say(&tls);
        }
    }
}

fn say(tls: &Tls) {
    let now = Timestamp::now();
    for expiry in tls.expiries() {
        let (which, at, days) = (expiry.which.as_str(), expiry.at, days_left(expiry.at, now));
        let [urgent, _, early] = WARN_DAYS;
        // A revocation list lives for weeks: its end is no news before the last one.
        let early = if expiry.which == Which::Crl { urgent } else { early };
        if days < 0 {
            tracing::error!(which, %at, "a certificate has ended: saphan doctor says what to do");
        } else if days <= urgent {
            tracing::error!(which, %at, days, "a certificate ends within days: saphan doctor says what to do");
        } else if days <= early {
            tracing::warn!(which, %at, days, "a certificate will end: saphan doctor says what to do");
        }
    }
}
