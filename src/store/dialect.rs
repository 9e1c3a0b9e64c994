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

/// The texts of the JSON array `$2`.
macro_rules! json_texts {
    (sqlite) => {
        "(SELECT value FROM json_each($2))"
    };
    (postgres) => {
        "(SELECT json_array_elements_text(CAST($2 AS json)))"
    };
}
pub(super) use json_texts;

/// The pairs of a text and a number of the JSON array `$2`.
macro_rules! json_pairs {
    (sqlite) => {
        "(SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each($2))"
    };
    (postgres) => {
        "(SELECT pair ->> 0, CAST(pair ->> 1 AS integer) FROM json_array_elements(CAST($2 AS json)) pair)"
    };
}
pub(super) use json_pairs;

/// Enrolments in force: `e` with its holding `h`, round `$1`.
///
/// SQLite: the rows of a submission lie together (`record` begins with its number), so they are read in one sweep, and each
/// looks its holding up; by way of the index over holdings every row would be a leap of its own. PostgreSQL joins the
/// two by hashing, and a range of records would only hide from its planner how many rows to expect.
macro_rules! in_force {
    (sqlite) => {
        " FROM (SELECT DISTINCT i.submission FROM holding i WHERE i.round = $1 AND i.in_force = 1) f \
         CROSS JOIN enrolment e ON e.record BETWEEN f.submission * 4294967296 AND f.submission * 4294967296 + 4294967295 \
         CROSS JOIN holding h ON h.id = e.holding WHERE h.in_force = 1 \
         AND (h.superseded_rows = 0 OR NOT EXISTS (SELECT 1 FROM superseded x WHERE x.record = e.record)) "
    };
    (postgres) => {
        " FROM holding h JOIN enrolment e ON e.holding = h.id WHERE h.round = $1 AND h.in_force = 1 \
         AND (h.superseded_rows = 0 OR NOT EXISTS (SELECT 1 FROM superseded x WHERE x.record = e.record)) "
    };
}
pub(super) use in_force;

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

/// PostgreSQL only, for a transaction that asks of whole rounds: every row is wanted, so looking rows up one by one is never
/// right, and a planner whose statistics are older than the last file would do so, millions of times.
pub(super) const NO_PROBING: &str = "SET LOCAL enable_nestloop = off";
/// PostgreSQL only, after many rows: until then its planner takes the tables for as small as they were.
pub(super) const REFRESH_STATISTICS: &str = "ANALYZE (SKIP_LOCKED) holding, enrolment";

type Cause = fn() -> StoreError;

/// Text that SQLite's message for a broken constraint holds (it names columns, not constraints), and what it means.
const SQLITE_CONSTRAINTS: [(&str, Cause); 10] = [
    ("submission.idempotency_key", || StoreError::IdempotencyKeyUsed),
    ("submission.id", || StoreError::SubmissionExists),
    ("client.token_hash", || StoreError::ClientExists),
    ("client.id", || StoreError::ClientExists),
    ("opendata_release.", || StoreError::ReleaseExists),
    ("enrolment.record", || StoreError::RowTwice),
    ("vault_record.record", || StoreError::RowTwice),
    ("refused_row.record", || StoreError::RowTwice),
    ("school.school_id", || StoreError::SchoolTwice),
    // Every reference of the schema is one to a submission.
    ("FOREIGN KEY", || StoreError::NoSuchSubmission),
];

/// PostgreSQL's constraints by name.
const POSTGRES_CONSTRAINTS: [(&str, Cause); 14] = [
    ("submission_idempotency", || StoreError::IdempotencyKeyUsed),
    ("submission_id", || StoreError::SubmissionExists),
    ("client_token", || StoreError::ClientExists),
    ("client_id", || StoreError::ClientExists),
    ("opendata_release_version", || StoreError::ReleaseExists),
    ("staged_enrolment_record", || StoreError::RowTwice),
    ("enrolment_record", || StoreError::RowTwice),
    ("vault_record_record", || StoreError::RowTwice),
    ("refused_row_record", || StoreError::RowTwice),
    ("school_school_id", || StoreError::SchoolTwice),
    ("holding_submission", || StoreError::NoSuchSubmission),
    ("superseded_submission", || StoreError::NoSuchSubmission),
    ("register_version_submission", || StoreError::NoSuchSubmission),
    ("claim_submission", || StoreError::NoSuchSubmission),
];

/// What a broken constraint means; none: it can't break unless the gateway itself errs.
pub(super) fn constraint(error: &dyn DatabaseError) -> Option<StoreError> {
    let cause = match error.try_downcast_ref::<PgDatabaseError>() {
        Some(error) => POSTGRES_CONSTRAINTS.iter().find(|(name, _)| error.constraint() == Some(name)),
        None => {
            let broken = error.is_unique_violation() || error.is_foreign_key_violation();
            SQLITE_CONSTRAINTS.iter().find(|(text, _)| broken && error.message().contains(text))
        }
    };
    cause.map(|(_, cause)| cause())
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
