//! The count-day audit: who stands in two places, which place is paid, and what the ministry pays for.
//!
//! Owns the rules (dated tables in `schemas/count/`), the decision for each learner, the payable headcount,
//! the report and the manifest that lets anybody repeat the count. Refuses I/O of every kind: it is given rows
//! and gives decisions and bytes. It never sees an identity except to sort and hash it for the manifest,
//! and never guesses that two numbers are one person: such pairs are candidates only.
//!
//! How to use it: [`Rules::parse`] the tables, make an [`Audit`] for the round, feed it every group of places that
//! share a learner, every group that shares a person, and the places whose age is outside the table; then
//! [`Audit::finish`] with the headcounts, which gives the [`Outcome`] the report and manifest are made of.
//! The order of feeding changes nothing.

pub mod ages;
pub mod audit;
pub mod case;
pub mod certification;
pub mod decision;
pub mod headcount;
pub mod manifest;
pub mod permits;
pub mod register;
pub mod report;
pub mod rules;
pub mod statuses;
mod table;

pub use audit::{Audit, AuditError, Outcome, Sought};
pub use case::{Case, Identities, IdentityMissing, cases};
pub use certification::{Anomalies, CertificationRule};
pub use decision::{Basis, DecidedPlace, Decision, Standing};
pub use headcount::{AgencyTotals, ClosedSchool, Headcount, Intake};
pub use manifest::{Input, ListVersion, Manifest, ManifestError, Sha256};
pub use register::{Register, SchoolState};
pub use report::CountReport;
pub use rules::{RuleFaults, RuleTexts, Rules};

#[cfg(test)]
mod properties;
#[cfg(test)]
mod samples;
