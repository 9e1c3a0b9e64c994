//! What was made of the data: count runs with their manifests, and open-data releases.

use super::engine::{Row, query, query_scalar};
use super::row::{round_from, time_from};
use super::{Agreed, JournalEntry, Store, StoreError, approval, journal};
use crate::domain::approval::ApprovalKind;
use crate::domain::round::Round;
use jiff::Timestamp;

#[derive(Debug, Clone, PartialEq)]
pub struct NewCountRun {
    pub round: Round,
    pub at: Timestamp,
    /// The report, in whatever form its keeper gives it.
    pub result: String,
    /// The very bytes that are signed.
    pub manifest: String,
    pub signature: String,
    /// The submissions it stands on, in whatever form their keeper gives them. None: an earlier version made it.
    pub inputs: Option<String>,
    /// Version of the register it stands on. None: an earlier version made it.
    pub register: Option<i64>,
}

#[derive(Debug, Clone, PartialEq)]
pub struct CountRun {
    pub seq: i64,
    pub run: NewCountRun,
}

/// One published version of one dataset.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Release {
    pub dataset: String,
    pub version: i64,
    pub sha256: String,
    pub published_at: Timestamp,
    /// Relative to the home folder.
    pub path: String,
}

const ADD_COUNT: &str = "INSERT INTO count_run (round, at, result, manifest, signature, inputs, register) \
    VALUES ($1, $2, $3, $4, $5, $6, $7) RETURNING seq";
const LAST_COUNT: &str = "SELECT seq, round, at, result, manifest, signature, inputs, register FROM count_run WHERE round = $1 \
    ORDER BY seq DESC LIMIT 1";
const COUNT: &str =
    "SELECT seq, round, at, result, manifest, signature, inputs, register FROM count_run WHERE seq = $1";
const LAST_COUNTS: &str = "SELECT c.seq, c.round, c.at, c.result, c.manifest, c.signature, c.inputs, c.register FROM count_run c \
    WHERE c.seq = (SELECT max(o.seq) FROM count_run o WHERE o.round = c.round) ORDER BY c.round";
const ADD_RELEASE: &str = "INSERT INTO opendata_release (dataset, version, sha256, published_at, path) \
    VALUES ($1, $2, $3, $4, $5)";
const RELEASES: &str = "SELECT dataset, version, sha256, published_at, path FROM opendata_release \
    WHERE dataset = $1 ORDER BY version DESC";
const LATEST: &str = "SELECT r.dataset, r.version, r.sha256, r.published_at, r.path FROM opendata_release r \
    WHERE r.version = (SELECT max(o.version) FROM opendata_release o WHERE o.dataset = r.dataset) ORDER BY r.dataset";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[ADD_COUNT, LAST_COUNT, COUNT, LAST_COUNTS, ADD_RELEASE, RELEASES, LATEST];

fn release_from(found: &Row) -> Result<Release, StoreError> {
    Ok(Release {
        dataset: found.try_get("dataset")?,
        version: found.try_get("version")?,
        sha256: found.try_get("sha256")?,
        published_at: time_from(found.try_get("published_at")?, "opendata_release.published_at")?,
        path: found.try_get("path")?,
    })
}

fn count_run_from(found: &Row) -> Result<CountRun, StoreError> {
    Ok(CountRun {
        seq: found.try_get("seq")?,
        run: NewCountRun {
            round: round_from(found.try_get("round")?, "count_run.round")?,
            at: time_from(found.try_get("at")?, "count_run.at")?,
            result: found.try_get("result")?,
            manifest: found.try_get("manifest")?,
            signature: found.try_get("signature")?,
            inputs: found.try_get("inputs")?,
            register: found.try_get("register")?,
        },
    })
}

impl Store {
    pub async fn add_count_run(&self, run: NewCountRun, entry: &JournalEntry) -> Result<i64, StoreError> {
        let mut tx = self.begin().await?;
        let seq = query_scalar(ADD_COUNT)
            .bind(run.round.to_string())
            .bind(run.at.to_string())
            .bind(run.result)
            .bind(run.manifest)
            .bind(run.signature)
            .bind(run.inputs)
            .bind(run.register)
            .fetch_one(&mut tx)
            .await?;
        journal::append(&mut tx, entry).await?;
        tx.commit().await?;
        Ok(seq)
    }

    pub async fn last_count_run(&self, round: Round) -> Result<Option<CountRun>, StoreError> {
        let found = query(LAST_COUNT).bind(round.to_string()).fetch_optional(&self.read).await?;
        found.as_ref().map(count_run_from).transpose()
    }

    /// By its store key.
    pub async fn count_run(&self, seq: i64) -> Result<Option<CountRun>, StoreError> {
        query(COUNT).bind(seq).fetch_optional(&self.read).await?.as_ref().map(count_run_from).transpose()
    }

    /// The last count of every round, by round.
    pub async fn last_count_runs(&self) -> Result<Vec<CountRun>, StoreError> {
        query(LAST_COUNTS).fetch_all(&self.read).await?.iter().map(count_run_from).collect()
    }

    /// All of a publication at once: all releases become known, or none.
    /// `agreed`: the agreements it takes, which are used up. Errors: `NotApproved` where one is not there.
    pub async fn add_releases(
        &self,
        releases: &[Release],
        agreed: &[Agreed<'_>],
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        for Agreed { subject, what } in agreed {
            approval::carry_out(&mut tx, ApprovalKind::DatasetPublish, subject, what, entry.at).await?;
        }
        for release in releases {
            query(ADD_RELEASE)
                .bind(&release.dataset)
                .bind(release.version)
                .bind(&release.sha256)
                .bind(release.published_at.to_string())
                .bind(&release.path)
                .execute(&mut tx)
                .await?;
        }
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// Newest first.
    pub async fn releases(&self, dataset: &str) -> Result<Vec<Release>, StoreError> {
        query(RELEASES).bind(dataset).fetch_all(&self.read).await?.iter().map(release_from).collect()
    }

    /// The newest of every dataset, by name.
    pub async fn latest_releases(&self) -> Result<Vec<Release>, StoreError> {
        query(LATEST).fetch_all(&self.read).await?.iter().map(release_from).collect()
    }
}
