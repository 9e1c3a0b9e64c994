//! Every text that the two engines need differently: fragments of SQL, names of constraints, codes of errors.
//!
//! Whatever can be said once is said once, beside its noun, with `$1` parameters. Where the engines merely read a text
//! differently the common form is: conditions of a `CROSS JOIN` (for SQLite the order in which to look) stand in the
//! `WHERE`, sums are cast to BIGINT, empty values sort first by name (`NULLS FIRST`), parameters that stand alone are cast.

use super::StoreError;
use sqlx::error::DatabaseError;
use sqlx::postgres::PgDatabaseError;

/// A row that nobody else may change until the transaction ends. SQLite's write transactions are alone anyway.
macro_rules! locked {
    ($($select:tt)*) => {
        $crate::store::engine::Sql {
            sqlite: concat!($($select)*),
            postgres: concat!($($select)*, " FOR NO KEY UPDATE"),
        }
    };
}
pub(super) use locked;

/// The whole numbers of the JSON array `$1`, as the column `number`.
macro_rules! json_numbers {
    (sqlite) => {
        "(SELECT value AS number FROM json_each($1))"
    };
    (postgres) => {
        "(SELECT CAST(json_array_elements_text(CAST($1 AS json)) AS BIGINT) AS number)"
    };
}
pub(super) use json_numbers;

/// The pairs of a row's key and its learner of the JSON array `$1`, `[[record, "hex"], …]`, as columns `record` and `learner`.
macro_rules! json_rows {
    (sqlite) => {
        "(SELECT json_extract(value, '$[0]') AS record, unhex(json_extract(value, '$[1]')) AS learner FROM json_each($1))"
    };
    (postgres) => {
        "(SELECT CAST(pair ->> 0 AS BIGINT) AS record, decode(pair ->> 1, 'hex') AS learner \
         FROM json_array_elements(CAST($1 AS json)) pair)"
    };
}
pub(super) use json_rows;

/// The schools of the JSON array `$2`, `[[agency, school_id], …]`, by their place in it.
macro_rules! json_schools {
    (sqlite) => {
        "(SELECT key AS number, json_extract(value, '$[0]') AS agency, json_extract(value, '$[1]') AS school_id \
         FROM json_each($2))"
    };
    (postgres) => {
        "(SELECT number, school ->> 0 AS agency, school ->> 1 AS school_id \
         FROM json_array_elements(CAST($2 AS json)) WITH ORDINALITY AS listed (school, number))"
    };
}
pub(super) use json_schools;

/// That no later delta hides the row `e`.
macro_rules! not_superseded {
    () => {
        "NOT EXISTS (SELECT 1 FROM superseded x WHERE x.record = e.record AND x.learner = e.learner)"
    };
}
pub(super) use not_superseded;

/// `Sql` from one pattern, in which `engine` names the engine to the fragments.
macro_rules! both {
    ($pattern:ident) => {
        $crate::store::engine::Sql { sqlite: $pattern!(sqlite), postgres: $pattern!(postgres) }
    };
}
pub(super) use both;

/// PostgreSQL only: waits for the turn of the name `$1` among the gateways of this schema, and holds it to the end of the
/// transaction.
pub(super) const TAKE_TURN: &str = "SELECT pg_advisory_xact_lock(hashtextextended(current_schema() || '/' || $1, 0))";

/// PostgreSQL only, after many rows: until then its planner takes the tables for as small as they were.
pub(super) const REFRESH_STATISTICS: &str = "ANALYZE (SKIP_LOCKED) holding, roll, enrolment";

type Cause = fn() -> StoreError;

/// Text that SQLite's message for a broken constraint holds (it names columns, not constraints), and what it means.
const SQLITE_CONSTRAINTS: [(&str, Cause); 19] = [
    ("submission.idempotency_key", || StoreError::IdempotencyKeyUsed),
    ("submission.id", || StoreError::SubmissionExists),
    ("client.token_hash", || StoreError::ClientExists),
    ("client.id", || StoreError::ClientExists),
    ("opendata_release.", || StoreError::ReleaseExists),
    ("enrolment.record", || StoreError::RowTwice),
    ("vault_record.record", || StoreError::RowTwice),
    ("refused_row.record", || StoreError::RowTwice),
    ("school.school_id", || StoreError::SchoolTwice),
    ("client_key.client", || StoreError::KeyExists),
    ("client_certificate.client", || StoreError::CertificateExists),
    ("assertion.hash", || StoreError::AssertionUsed),
    ("approval.kind", || StoreError::ApprovalOpen),
    ("approval_consent.approval", || StoreError::ApprovalClosed),
    ("agreement.made_by", || StoreError::AgreementRequestUsed),
    ("person.login", || StoreError::PersonExists),
    ("person.id", || StoreError::PersonExists),
    ("person_subject.issuer", || StoreError::SubjectTaken),
    // Every reference that can break is one to a submission.
    ("FOREIGN KEY", || StoreError::NoSuchSubmission),
];

/// PostgreSQL's constraints by name.
const POSTGRES_CONSTRAINTS: [(&str, Cause); 24] = [
    ("submission_idempotency", || StoreError::IdempotencyKeyUsed),
    ("submission_id", || StoreError::SubmissionExists),
    ("client_token", || StoreError::ClientExists),
    ("client_id", || StoreError::ClientExists),
    ("opendata_release_version", || StoreError::ReleaseExists),
    ("enrolment_record", || StoreError::RowTwice),
    ("vault_record_record", || StoreError::RowTwice),
    ("refused_row_record", || StoreError::RowTwice),
    ("school_school_id", || StoreError::SchoolTwice),
    ("client_key_kid", || StoreError::KeyExists),
    ("client_key_client", || StoreError::NoSuchClient),
    ("client_certificate_thumbprint", || StoreError::CertificateExists),
    ("client_certificate_client", || StoreError::NoSuchClient),
    ("assertion_once", || StoreError::AssertionUsed),
    ("approval_open", || StoreError::ApprovalOpen),
    ("approval_consent_once", || StoreError::ApprovalClosed),
    ("agreement_request", || StoreError::AgreementRequestUsed),
    ("person_login", || StoreError::PersonExists),
    ("person_id", || StoreError::PersonExists),
    ("person_subject_once", || StoreError::SubjectTaken),
    ("holding_submission", || StoreError::NoSuchSubmission),
    ("superseded_submission", || StoreError::NoSuchSubmission),
    ("register_version_submission", || StoreError::NoSuchSubmission),
    ("claim_submission", || StoreError::NoSuchSubmission),
];

/// What a broken constraint means; none: it can't break unless the gateway itself errs.
pub(super) fn constraint(error: &dyn DatabaseError) -> Option<StoreError> {
    let cause = match error.try_downcast_ref::<PgDatabaseError>() {
        Some(error) => {
            POSTGRES_CONSTRAINTS.iter().find(|(name, _)| error.constraint().is_some_and(|of| is_of(of, name)))
        }
        None => {
            let broken = error.is_unique_violation() || error.is_foreign_key_violation();
            SQLITE_CONSTRAINTS.iter().find(|(text, _)| broken && error.message().contains(text))
        }
    };
    cause.map(|(_, cause)| cause())
}

/// Where a table is spread over machines, each part of it has the constraint with a number after its name.
fn is_of(constraint: &str, name: &str) -> bool {
    match constraint.strip_prefix(name) {
        Some("") => true,
        Some(rest) => rest.strip_prefix('_').is_some_and(|part| part.bytes().all(|byte| byte.is_ascii_digit())),
        None => false,
    }
}

/// What became of the engine itself.
pub(super) enum Trouble {
    Busy,
    Disk,
}

pub(super) fn trouble(error: &dyn DatabaseError) -> Option<Trouble> {
    let code = error.code()?;
    if error.try_downcast_ref::<PgDatabaseError>().is_none() {
        // The primary result code is the low byte (sqlite.org/rescode.html): 5 busy, 6 locked, 8 read-only, 10 I/O, 13 full.
        return match code.parse::<u32>().ok()? & 0xff {
            5 | 6 => Some(Trouble::Busy),
            8 | 10 | 13 => Some(Trouble::Disk),
            _ => None,
        };
    }
    match &*code {
        // postgresql.org/docs/15/errcodes-appendix.html: serialization failure, deadlock, lock not available, too many
        // connections, shutting down or starting up, and a standby that was not made the primary yet.
        "40001" | "40P01" | "55P03" | "53300" | "57P01" | "57P02" | "57P03" | "25006" => Some(Trouble::Busy),
        // Disk full, and I/O error.
        "53100" | "58030" => Some(Trouble::Disk),
        // Connection exceptions.
        code if code.starts_with("08") => Some(Trouble::Busy),
        _ => None,
    }
}
