//! Pure nouns of the ministry's business: what a learner's number, a round, a finding, a receipt *is*.
//!
//! Owns the types every other module speaks in, each with one constructor that checks it.
//! Refuses any I/O, any clock and any other module of the project: the import law is tested
//! (`tests/it/tidy.rs`), because everything else may only stay simple while this stays pure.

pub mod agency;
pub mod agreement;
pub mod approval;
pub mod day;
pub mod enrolment;
pub mod finding;
pub mod headcount;
pub mod ids;
pub mod journal;
pub mod learner_id;
pub mod place;
pub mod principal;
pub mod purpose;
pub mod quota;
pub mod receipt;
pub mod retention;
pub mod round;
pub mod rule;
pub mod service;
pub mod sign_in;
pub mod subject;
pub mod text;
pub mod value;
