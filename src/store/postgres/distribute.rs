//! Spreading the rows over several machines, where the server has the extension Citus (citusdata.com, AGPL: the operator
//! installs it; nothing of it is here).
//!
//! Owns which table lies where. Rows about a learner lie together, by the learner's keyed hash: what asks for one learner goes
//! to one machine, and what groups by learner is answered by each machine for its own. `school` and `holding` stand on every
//! machine, so that rows are joined with them where they lie. Everything else stays on the machine that the gateways talk
//! to (the coordinator): it is small, or must be read in one state with `holding` (`roll`), or has to be written when a
//! worker is away: a file that arrives is kept and acknowledged whatever becomes of the workers.
//!
//! Refuses to be half done: it is one transaction, and what is spread already is left as it is.

use crate::store::engine::{Tx, query, query_scalar};
use crate::store::{Distribution, StoreError};

const EXTENSION: &str = "SELECT CAST(extversion AS TEXT) FROM pg_extension WHERE extname = 'citus'";
const SPREAD: &str = "SELECT EXISTS (SELECT 1 FROM pg_dist_partition WHERE logicalrelid = 'enrolment'::regclass)";
const ONE_BY_ONE: &str = "SET LOCAL citus.multi_shard_modify_mode TO 'sequential'";

/// In this order: what others refer to stands first.
const STEPS: [&str; 8] = [
    // A row on a worker can't refer to one that is on the coordinator only. Whoever writes such rows has locked that one in
    // the same transaction (`submission::open_for_change`).
    "ALTER TABLE superseded DROP CONSTRAINT IF EXISTS superseded_submission",
    "ALTER TABLE holding DROP CONSTRAINT IF EXISTS holding_submission",
    "SELECT create_reference_table('school')",
    "SELECT create_reference_table('holding')",
    "SELECT create_distributed_table('enrolment', 'learner', colocate_with => 'none')",
    "SELECT create_distributed_table('vault_record', 'learner', colocate_with => 'enrolment')",
    "SELECT create_distributed_table('superseded', 'learner', colocate_with => 'enrolment')",
    "SELECT create_distributed_table('access_log', 'learner', colocate_with => 'enrolment')",
];

/// Version of the extension; none: it is not in this database.
async fn extension(tx: &mut Tx) -> Result<Option<String>, StoreError> {
    query_scalar(EXTENSION).fetch_optional(tx).await
}

pub(in crate::store) async fn is_distributed(mut tx: Tx) -> Result<bool, StoreError> {
    let is_distributed = match extension(&mut tx).await? {
        Some(_) => query_scalar(SPREAD).fetch_one(&mut tx).await?,
        None => false,
    };
    tx.commit().await?;
    Ok(is_distributed)
}

pub(in crate::store) async fn distribute(mut tx: Tx) -> Result<Distribution, StoreError> {
    let Some(citus) = extension(&mut tx).await? else { return Ok(Distribution::NoExtension) };
    tx.take_turn("distribute").await?;
    if query_scalar(SPREAD).fetch_one(&mut tx).await? {
        return Ok(Distribution::Already { citus });
    }
    query(ONE_BY_ONE).execute(&mut tx).await?;
    for step in STEPS {
        query(step).execute(&mut tx).await?;
    }
    tx.commit().await?;
    Ok(Distribution::Done { citus })
}
