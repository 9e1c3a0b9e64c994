//! The one integration binary: the gateway from outside, and the source tree held to its own law.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    reason = "a test that stops says where; it reads files it wrote itself"
)]

mod api;
mod contract;
mod crash;
mod harness;
mod hostile;
mod http;
mod mappings;
mod privacy;
mod repairs;
mod samples;
mod tidy;
