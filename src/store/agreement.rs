//! Agreements with agencies: their terms, how far they came, and which clients they cover.
//!
//! Owns that a change names the version it was made on, that what is put in force is what the persons agreed to, in one
//! transaction with the last of their consents, and that its clients are covered from then on. Each step has its entry in the
//! journal. Nothing is done here when one ends: whoever asks brings the day.

use super::approval::{self, Decided, Decision, NewApproval};
use super::engine::{Row, Tx, query};
use super::person::person_id;
use super::row::time_from;
use super::{JournalEntry, Store, StoreError, journal};
use crate::domain::agency::AgencyCode;
use crate::domain::agreement::{Standing, Terms};
use crate::domain::approval::ApprovalKind;
use crate::domain::ids::{AgreementId, ApprovalId, ClientId, PersonId};
use jiff::Timestamp;

/// By what a request that makes one is known again.
#[derive(Debug, Clone, PartialEq)]
pub struct AgreementRequest {
    pub made_by: PersonId,
    /// Keyed hash.
    pub key: Option<String>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewAgreement {
    pub id: AgreementId,
    pub terms: Terms,
    pub renews: Option<AgreementId>,
    pub request: AgreementRequest,
    pub at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct StoredAgreement {
    pub id: AgreementId,
    pub standing: Standing,
    pub version: i64,
    pub terms: Terms,
    /// Its last proposal.
    pub approval: Option<ApprovalId>,
    pub renews: Option<AgreementId>,
    pub made_by: PersonId,
    pub made_at: Timestamp,
    pub changed_at: Timestamp,
}

#[derive(Debug, Clone, Copy, Default)]
pub struct AgreementFilter {
    /// None: of all.
    pub agency: Option<AgencyCode>,
    pub standing: Option<Standing>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT a.id, a.standing, a.version, a.terms, a.approval, a.renews, a.made_by, a.made_at, a.changed_at \
             FROM agreement a ",
            $rest
        )
    };
}
const INSERT: &str = "INSERT INTO agreement (id, agency, standing, version, terms, from_day, until_day, renews, \
    request_key, made_by, made_at, changed_at) VALUES ($1, $2, 'draft', 1, $3, $4, $5, $6, $7, $8, $9, $9)";
const BY_ID: &str = select!("WHERE a.id = $1");
const BY_REQUEST: &str = select!("WHERE a.made_by = $1 AND a.request_key = $2");
const LIST: &str = select!(
    "WHERE ($1 = '' OR a.agency = $1) AND ($2 = '' OR a.standing = $2) ORDER BY a.made_at DESC, a.id DESC LIMIT $3"
);
const OF_CLIENT: &str = select!("JOIN agreement_client c ON c.agreement = a.id WHERE c.client = $1 ORDER BY a.id");
const CHANGE: &str = "UPDATE agreement SET standing = 'draft', version = version + 1, terms = $3, from_day = $4, \
    until_day = $5, what = NULL, changed_at = $6 \
    WHERE id = $1 AND version = $2 AND standing IN ('draft', 'proposed', 'rejected')";
const PROPOSE: &str = "UPDATE agreement SET standing = 'proposed', version = version + 1, what = $3, approval = $4, \
    changed_at = $5 WHERE id = $1 AND version = $2 AND standing IN ('draft', 'proposed')";
const DECIDED: &str = "UPDATE agreement SET standing = $4, version = version + 1, changed_at = $5 \
    WHERE id = $1 AND what = $2 AND approval = $3 AND standing = 'proposed'";
const COVER: &str =
    "INSERT INTO agreement_client (client, agreement) VALUES ($1, $2) ON CONFLICT (client, agreement) DO NOTHING";
const TERMINATE: &str = "UPDATE agreement SET standing = 'terminated', version = version + 1, changed_at = $2 \
    WHERE id = $1 AND standing = 'approved'";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] =
    &[INSERT, BY_ID, BY_REQUEST, LIST, OF_CLIENT, CHANGE, PROPOSE, DECIDED, COVER, TERMINATE];

fn agreement_id(text: &str, column: &'static str) -> Result<AgreementId, StoreError> {
    AgreementId::parse(text).map_err(|_| StoreError::Unreadable(column))
}

fn from_row(found: &Row) -> Result<StoredAgreement, StoreError> {
    let text = |column: &'static str| found.try_get::<&str>(column);
    let (approval, renews): (Option<&str>, Option<&str>) = (found.try_get("approval")?, found.try_get("renews")?);
    let approval = approval.map(ApprovalId::parse).transpose();
    Ok(StoredAgreement {
        id: agreement_id(text("id")?, "agreement.id")?,
        standing: Standing::parse(text("standing")?).ok_or(StoreError::Unreadable("agreement.standing"))?,
        version: found.try_get("version")?,
        terms: serde_json::from_str(text("terms")?).map_err(|_| StoreError::Unreadable("agreement.terms"))?,
        approval: approval.map_err(|_| StoreError::Unreadable("agreement.approval"))?,
        renews: renews.map(|id| agreement_id(id, "agreement.renews")).transpose()?,
        made_by: person_id(text("made_by")?, "agreement.made_by")?,
        made_at: time_from(text("made_at")?, "agreement.made_at")?,
        changed_at: time_from(text("changed_at")?, "agreement.changed_at")?,
    })
}

fn text_of(terms: &Terms) -> Result<String, StoreError> {
    serde_json::to_string(terms).map_err(|_| StoreError::Unreadable("agreement.terms"))
}

impl Store {
    /// Errors: `AgreementRequestUsed` where a request of the same key made one.
    pub async fn add_agreement(&self, new: &NewAgreement, entry: &JournalEntry) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query(INSERT)
            .bind(new.id.as_str())
            .bind(new.terms.agency().as_str())
            .bind(text_of(&new.terms)?)
            .bind(new.terms.from().to_string())
            .bind(new.terms.until().to_string())
            .bind(new.renews.as_ref().map(|id| id.to_string()))
            .bind(new.request.key.clone())
            .bind(new.request.made_by.as_str())
            .bind(new.at.to_string())
            .execute(&mut tx)
            .await?;
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    pub async fn agreement(&self, id: &AgreementId) -> Result<Option<StoredAgreement>, StoreError> {
        query(BY_ID).bind(id.as_str()).fetch_optional(&self.read).await?.as_ref().map(from_row).transpose()
    }

    pub async fn agreement_by_request(&self, of: &AgreementRequest) -> Result<Option<StoredAgreement>, StoreError> {
        let found = query(BY_REQUEST).bind(of.made_by.as_str()).bind(of.key.clone()).fetch_optional(&self.read).await?;
        found.as_ref().map(from_row).transpose()
    }

    /// Newest first.
    pub async fn agreements(&self, filter: AgreementFilter, limit: u32) -> Result<Vec<StoredAgreement>, StoreError> {
        let agency = filter.agency.map_or_else(String::new, |agency| agency.as_str().to_owned());
        let standing = filter.standing.map_or("", Standing::as_str);
        let found = query(LIST).bind(agency).bind(standing).bind(limit).fetch_all(&self.read).await?;
        found.iter().map(from_row).collect()
    }

    /// All that cover a client, whatever became of them.
    pub async fn agreements_of_client(&self, client: &ClientId) -> Result<Vec<StoredAgreement>, StoreError> {
        query(OF_CLIENT).bind(client.as_str()).fetch_all(&self.read).await?.iter().map(from_row).collect()
    }

    /// Back to a draft with other terms; a proposal that is open is void. Errors: `AgreementChanged` for another version, or one that was decided.
    pub async fn change_agreement(
        &self,
        id: &AgreementId,
        version: i64,
        terms: &Terms,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        let change = query(CHANGE)
            .bind(id.as_str())
            .bind(version)
            .bind(text_of(terms)?)
            .bind(terms.from().to_string())
            .bind(terms.until().to_string())
            .bind(entry.at.to_string());
        approval::void(&mut tx, ApprovalKind::Agreement, id.as_str()).await?;
        changed(change.execute(&mut tx).await?.rows_affected())?;
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// Opens the act of persons that decides it; answers the one that is open for the same terms, if there is one.
    ///
    /// Errors: `AgreementChanged` for another version, or one that was decided.
    pub async fn propose_agreement(
        &self,
        id: &AgreementId,
        version: i64,
        act: &NewApproval,
        entry: &JournalEntry,
    ) -> Result<ApprovalId, StoreError> {
        let mut tx = self.begin().await?;
        let open = approval::open(&mut tx, act.kind, &act.subject, act.proposed_at).await?;
        if let Some(open) = open.filter(|open| open.new.what == act.what) {
            return Ok(open.new.id);
        }
        approval::propose(&mut tx, act).await?;
        let change = query(PROPOSE)
            .bind(id.as_str())
            .bind(version)
            .bind(&act.what)
            .bind(act.id.as_str())
            .bind(act.proposed_at.to_string());
        changed(change.execute(&mut tx).await?.rows_affected())?;
        journal::append(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(act.id.clone())
    }

    /// One person's word on the act that decides an agreement; with the last yes it is approved and covers its clients. `done`:
    /// the journal's entry of that, `rejected` where somebody refused. Answers the entry's own standing; none: others have to
    /// agree as well.
    ///
    /// Errors: `SamePerson`, `ApprovalClosed`; `NotApproved` where the agreement is not the one that was proposed.
    pub async fn decide_agreement(
        &self,
        id: &ApprovalId,
        by: &PersonId,
        decision: Decision,
        at: Timestamp,
        entry: &JournalEntry,
        done: &JournalEntry,
    ) -> Result<Option<Standing>, StoreError> {
        let mut tx = self.begin().await?;
        let decided = approval::decide(&mut tx, id, by, decision, at).await?;
        let standing = match &decided {
            Decided::Open => None,
            Decided::Agreed(new) => {
                settle(&mut tx, new, Standing::Approved, at).await?;
                approval::carry_out(&mut tx, ApprovalKind::Agreement, &new.subject, &new.what, at).await?;
                cover(&mut tx, &new.subject).await?;
                Some(Standing::Approved)
            }
            Decided::Refused(new) => {
                settle(&mut tx, new, Standing::Rejected, at).await?;
                Some(Standing::Rejected)
            }
        };
        journal::append(&mut tx, entry).await?;
        if standing == Some(Standing::Approved) {
            journal::append(&mut tx, done).await?;
        }
        tx.commit().await?;
        Ok(standing)
    }

    /// False: it was not in force or to come, and nothing was done.
    pub async fn terminate_agreement(&self, id: &AgreementId, entry: &JournalEntry) -> Result<bool, StoreError> {
        let mut tx = self.begin().await?;
        let change = query(TERMINATE).bind(id.as_str()).bind(entry.at.to_string());
        if change.execute(&mut tx).await?.rows_affected() == 0 {
            return Ok(false);
        }
        journal::append(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(true)
    }
}

fn changed(rows: u64) -> Result<(), StoreError> {
    if rows == 1 { Ok(()) } else { Err(StoreError::AgreementChanged) }
}

/// Only as it was proposed: what was changed since is not what was agreed to.
async fn settle(tx: &mut Tx, act: &NewApproval, standing: Standing, at: Timestamp) -> Result<(), StoreError> {
    let change = query(DECIDED)
        .bind(&act.subject)
        .bind(&act.what)
        .bind(act.id.as_str())
        .bind(standing.as_str())
        .bind(at.to_string());
    if change.execute(tx).await?.rows_affected() == 1 { Ok(()) } else { Err(StoreError::NotApproved) }
}

async fn cover(tx: &mut Tx, agreement: &str) -> Result<(), StoreError> {
    let found = query(BY_ID).bind(agreement).fetch_one(&mut *tx).await?;
    for client in from_row(&found)?.terms.clients() {
        query(COVER).bind(client.as_str()).bind(agreement).execute(&mut *tx).await?;
    }
    Ok(())
}
