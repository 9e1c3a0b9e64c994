//! Certifications: what two persons vouched for of an agency's part of a round, and what stands of it.
//!
//! Owns that nothing certified is ever written over: a correction is a new revision, after the one before was reopened. While one
//! stands, nothing of that agency comes into force in the round. Refuses to certify a count that is no longer of what is in
//! force: both are looked at under the round's turn, which every commit takes.

use super::approval;
use super::commit::turn_of;
use super::engine::{Row, Tx, query, query_scalar};
use super::journal::{self, JournalEntry};
use super::row::{agency_from, optional_time_from, round_from, time_from};
use super::{Store, StoreError};
use crate::domain::agency::AgencyCode;
use crate::domain::approval::ApprovalKind;
use crate::domain::ids::PersonId;
use crate::domain::round::Round;
use jiff::Timestamp;

#[derive(Debug, Clone, PartialEq)]
pub struct NewCertification {
    pub round: Round,
    pub agency: AgencyCode,
    /// Store key of the count.
    pub run: i64,
    /// Hash of the count's result, hexadecimal.
    pub result: String,
    /// The agency's totals, in whatever form their keeper gives them.
    pub totals: String,
    /// The submissions that the count stands on, by their store keys in order.
    pub inputs: Vec<i64>,
    /// The version of the register that the count stands on.
    pub register: i64,
    pub at: Timestamp,
}

/// The agreement that it is done by.
#[derive(Debug, Clone, Copy)]
pub struct Agreed<'a> {
    pub subject: &'a str,
    pub what: &'a str,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Certification {
    pub round: Round,
    pub agency: AgencyCode,
    /// From 1.
    pub revision: u32,
    pub run: i64,
    pub result: String,
    pub totals: String,
    pub proposed_by: PersonId,
    pub approved_by: PersonId,
    pub certified_at: Timestamp,
    /// None: it stands.
    pub reopened: Option<Reopened>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Reopened {
    pub at: Timestamp,
    pub by: PersonId,
    pub reason: String,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT round, agency, revision, run, result, totals, proposed_by, approved_by, certified_at, reopened_at, \
            reopened_by, reopen_reason FROM certification ",
            $rest
        )
    };
}
const OF_ROUND: &str = select!("WHERE round = $1 ORDER BY agency, revision DESC");
const ONE: &str = select!("WHERE round = $1 AND agency = $2 AND revision = $3");
const STANDS: &str = "SELECT count(*) FROM certification WHERE round = $1 AND agency = $2 AND reopened_at IS NULL";
const LAST_RUN: &str = "SELECT coalesce(max(seq), 0) FROM count_run WHERE round = $1";
const IN_FORCE: &str =
    "SELECT DISTINCT submission FROM holding WHERE round = $1 AND agency = $2 AND in_force = 1 ORDER BY 1";
const REGISTER: &str = "SELECT coalesce(max(version), 0) FROM register_version";
const AGREED: &str = "SELECT proposed_by, decided_by FROM approval WHERE kind = $1 AND subject = $2 AND what = $3 \
    AND state = 'approved'";
const INSERT: &str = "INSERT INTO certification (round, agency, revision, run, result, totals, proposed_by, approved_by, \
    certified_at) VALUES ($1, $2, (SELECT coalesce(max(o.revision), 0) + 1 FROM certification o WHERE o.round = $1 \
    AND o.agency = $2), $3, $4, $5, $6, $7, $8) RETURNING revision";
const REOPEN: &str = "UPDATE certification SET reopened_at = $3, reopened_by = $4, reopen_reason = $5 \
    WHERE round = $1 AND agency = $2 AND reopened_at IS NULL";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[OF_ROUND, ONE, STANDS, LAST_RUN, IN_FORCE, REGISTER, AGREED, INSERT, REOPEN];

fn from_row(found: &Row) -> Result<Certification, StoreError> {
    let text = |column: &'static str| found.try_get::<&str>(column);
    let person = |id: &str, column| PersonId::parse(id).map_err(|_| StoreError::Unreadable(column));
    let (by, reason): (Option<&str>, Option<String>) = (found.try_get("reopened_by")?, found.try_get("reopen_reason")?);
    let reopened_at = optional_time_from(found.try_get("reopened_at")?, "certification.reopened_at")?;
    let revision: i64 = found.try_get("revision")?;
    Ok(Certification {
        round: round_from(text("round")?, "certification.round")?,
        agency: agency_from(text("agency")?, "certification.agency")?,
        revision: u32::try_from(revision).map_err(|_| StoreError::Unreadable("certification.revision"))?,
        run: found.try_get("run")?,
        result: found.try_get("result")?,
        totals: found.try_get("totals")?,
        proposed_by: person(text("proposed_by")?, "certification.proposed_by")?,
        approved_by: person(text("approved_by")?, "certification.approved_by")?,
        certified_at: time_from(text("certified_at")?, "certification.certified_at")?,
        reopened: match (reopened_at, by, reason) {
            (Some(at), Some(by), Some(reason)) => {
                Some(Reopened { at, by: person(by, "certification.reopened_by")?, reason })
            }
            (None, ..) => None,
            _ => return Err(StoreError::Unreadable("certification.reopened_at")),
        },
    })
}

/// Does a certification of this agency's part of the round stand? Asked under the round's turn.
pub(super) async fn stands(tx: &mut Tx, round: Round, agency: AgencyCode) -> Result<bool, StoreError> {
    let found: i64 = query_scalar(STANDS).bind(round.to_string()).bind(agency.as_str()).fetch_one(tx).await?;
    Ok(found > 0)
}

impl Store {
    /// Certifies, by the agreement that two persons came to; answers the revision.
    ///
    /// Errors: `NotApproved`; `RoundCertified` where one stands; `CountStale` where the count is no longer the last, or of what
    /// is in force.
    pub async fn certify(
        &self,
        new: &NewCertification,
        agreed: Agreed<'_>,
        entry: &JournalEntry,
    ) -> Result<u32, StoreError> {
        let (round, kind) = (new.round.to_string(), ApprovalKind::CountCertify);
        let mut tx = self.begin().await?;
        tx.take_turn(&turn_of(new.round)).await?;
        if stands(&mut tx, new.round, new.agency).await? {
            return Err(StoreError::RoundCertified);
        }
        let last: i64 = query_scalar(LAST_RUN).bind(&round).fetch_one(&mut tx).await?;
        let in_force: Vec<i64> =
            query_scalar(IN_FORCE).bind(&round).bind(new.agency.as_str()).fetch_all(&mut tx).await?;
        let register: i64 = query_scalar(REGISTER).fetch_one(&mut tx).await?;
        if last != new.run || in_force != new.inputs || register != new.register {
            return Err(StoreError::CountStale);
        }
        let found = query(AGREED).bind(kind.as_str()).bind(agreed.subject).bind(agreed.what);
        let found = found.fetch_optional(&mut tx).await?.ok_or(StoreError::NotApproved)?;
        approval::carry_out(&mut tx, kind, agreed.subject, agreed.what, new.at).await?;
        let revision: i64 = query_scalar(INSERT)
            .bind(&round)
            .bind(new.agency.as_str())
            .bind(new.run)
            .bind(&new.result)
            .bind(&new.totals)
            .bind(found.try_get::<&str>("proposed_by")?)
            .bind(found.try_get::<&str>("decided_by")?)
            .bind(new.at.to_string())
            .fetch_one(&mut tx)
            .await?;
        journal::append(&mut tx, entry).await?;
        tx.commit().await?;
        u32::try_from(revision).map_err(|_| StoreError::Unreadable("certification.revision"))
    }

    /// What stood no longer does. Errors: `NotCertified`.
    pub async fn reopen(
        &self,
        round: Round,
        agency: AgencyCode,
        reopened: &Reopened,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        tx.take_turn(&turn_of(round)).await?;
        let done = query(REOPEN)
            .bind(round.to_string())
            .bind(agency.as_str())
            .bind(reopened.at.to_string())
            .bind(reopened.by.as_str())
            .bind(&reopened.reason)
            .execute(&mut tx)
            .await?;
        if done.rows_affected() == 0 {
            return Err(StoreError::NotCertified);
        }
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// Does one stand? To be asked before a file is taken; the commit asks again.
    pub async fn is_certified(&self, round: Round, agency: AgencyCode) -> Result<bool, StoreError> {
        let found: i64 =
            query_scalar(STANDS).bind(round.to_string()).bind(agency.as_str()).fetch_one(&self.read).await?;
        Ok(found > 0)
    }

    /// By agency, the newest revision of each first.
    pub async fn certifications(&self, round: Round) -> Result<Vec<Certification>, StoreError> {
        query(OF_ROUND).bind(round.to_string()).fetch_all(&self.read).await?.iter().map(from_row).collect()
    }

    pub async fn certification(
        &self,
        round: Round,
        agency: AgencyCode,
        revision: u32,
    ) -> Result<Option<Certification>, StoreError> {
        let found = query(ONE).bind(round.to_string()).bind(agency.as_str()).bind(i64::from(revision));
        found.fetch_optional(&self.read).await?.as_ref().map(from_row).transpose()
    }
}
