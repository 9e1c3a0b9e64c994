//! Every sentence that touches the store once more, word for word, with gateways that store in PostgreSQL.

use super::Engine;

#[path = "access.rs"]
mod access;
#[path = "access_log.rs"]
mod access_log;
#[path = "agreements.rs"]
mod agreements;
#[path = "api/mod.rs"]
mod api;
#[path = "approvals.rs"]
mod approvals;
#[path = "attacks/mod.rs"]
mod attacks;
#[path = "balancers.rs"]
mod balancers;
#[path = "certification.rs"]
mod certification;
#[path = "console.rs"]
mod console;
#[path = "count.rs"]
mod count;
#[path = "crash.rs"]
mod crash;
#[path = "harness/mod.rs"]
mod harness;
#[path = "http.rs"]
mod http;
#[path = "journal.rs"]
mod journal;
#[path = "keys.rs"]
mod keys;
#[path = "limits.rs"]
mod limits;
#[path = "objects.rs"]
mod objects;
#[path = "people.rs"]
mod people;
#[path = "pickup.rs"]
mod pickup;
#[path = "privacy.rs"]
mod privacy;
#[path = "receipts.rs"]
mod receipts;
#[path = "replicas.rs"]
mod replicas;
#[path = "retention.rs"]
mod retention;
#[path = "samples.rs"]
mod samples;
#[path = "service.rs"]
mod service;
#[path = "signatures.rs"]
mod signatures;
#[path = "sso.rs"]
mod sso;
#[path = "subjects.rs"]
mod subjects;
#[path = "time_limit.rs"]
mod time_limit;
#[path = "tls.rs"]
mod tls;
#[path = "together.rs"]
mod together;
#[path = "told.rs"]
mod told;
#[path = "uploads.rs"]
mod uploads;

const ENGINE: Engine = Engine::Postgres;
