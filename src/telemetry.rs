//! The log: one line an event on stderr, a sentence plus fields, never personal data.
//!
//! Owns its form: text for people, JSON (`SAPHAN_LOG_JSON=1`) for collectors; `SAPHAN_LOG` filters
//! (`info`, `saphan=debug,info`). `request_id` is on every line of a request; identifiers of people, tokens
//! and bodies are on none, because nothing here or above is given them unmasked.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

const FILTER: &str = "SAPHAN_LOG";
const JSON: &str = "SAPHAN_LOG_JSON";

/// Starts the log for the whole process. A second call changes nothing; an unreadable filter means `info`.
pub fn init() {
    let filter = EnvFilter::try_from_env(FILTER).unwrap_or_else(|_| EnvFilter::new("info"));
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).with_target(false);
    let started = if std::env::var_os(JSON).is_some_and(|value| value == "1") {
        lines.json().flatten_event(true).try_init()
    } else {
        lines.with_ansi(std::io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none()).try_init()
    };
    // Already started: the first one stays.
    drop(started);
}
