//! The one integration binary: the gateway from outside, and the source tree held to its own law.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::disallowed_methods,
    clippy::duplicate_mod,
    reason = "a test that stops says where; it reads files it wrote itself; one that touches the store runs on two"
)]

mod access;
mod access_log;
mod agreements;
mod api;
mod approvals;
mod attacks;
mod certification;
mod console;
mod contract;
mod count;
mod crash;
mod engines;
mod harness;
mod hostile;
mod http;
mod journal;
mod keys;
mod limit_server;
mod limits;
mod mappings;
mod objects;
mod people;
mod pickup;
mod postgres;
mod privacy;
mod receipts;
mod repairs;
mod replicas;
mod retention;
mod samples;
mod schemathesis;
mod server;
mod service;
mod signatures;
mod sso;
mod subjects;
mod tidy;
mod time_limit;
mod tls;
mod together;
mod told;
mod uploads;

/// What a gateway stores in.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sqlite,
    Postgres,
}

/// Of every gateway of these tests; `postgres` runs those that touch the store once more.
const ENGINE: Engine = Engine::Sqlite;
