//! Saphan (สะพาน, "bridge"): the data-exchange gateway of Thailand's Ministry of Education.
//!
//! The flow is a line, and the modules stand in its order:
//!
//! ```text
//!  file or request
//!       │
//!    receive ──► decode ──► mapping ──► validate ──► store ──► count · opendata
//!    (http,cli)  (bytes     (slots      (canonical    (vault
//!     kept)       → slots)   → values)   → findings)   sealed)
//!                  └───────── pure, synchronous ─────────┘
//! ```
//!
//! Read `ARCHITECTURE.md` beside this crate for the import law and the invariants; both are tested.

pub mod app;
pub mod cli;
pub mod config;
pub mod count;
pub mod decode;
pub mod domain;
pub mod http;
pub mod limit;
pub mod mapping;
pub mod objects;
pub mod opendata;
pub mod pipeline;
pub mod sendback;
pub mod sso;
pub mod standards;
pub mod startup;
pub mod store;
pub mod tasks;
pub mod telemetry;
pub mod upkeep;
pub mod validate;
pub mod vault;
pub mod worker;
