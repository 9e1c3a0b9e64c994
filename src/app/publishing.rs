//! Publishing: the last count of every round, through the gate, to files that switch at one stroke.
//!
//! Owns the projections (which canonical numbers a data set may see) and the moment of release: written
//! under a temporary name, renamed, then entered in the store, which alone says what is latest. A crash
//! anywhere before leaves the old release whole.

use super::approvals::{Act, ApprovalError, fit_reason};
use super::{App, AppError, journal_entry, kept_report};
use crate::count::{AgencyTotals, CountReport};
use crate::domain::approval::ApprovalKind;
use crate::domain::ids::ApprovalId;
use crate::domain::principal::{Authorised, Principal, Scope};
use crate::opendata::gate::DatasetRelease;
use crate::opendata::projections::{self, Record, SummaryRow};
use crate::opendata::{Dataset, Draft, Table, prepare};
use crate::store::{Agreed, Duty, Release, StoreError};
use crate::vault::{sha256, sha256_hex};
use jiff::Timestamp;
use serde::Serialize;
use serde::de::IgnoredAny;
use std::collections::BTreeMap;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// Folder of the published files under the home.
const FOLDER: &str = "opendata";
/// Between two looks at a publication of another process.
const DUTY_WAIT: Duration = Duration::from_millis(100);
const KIND: ApprovalKind = ApprovalKind::DatasetPublish;

/// A count without its cases.
type CountedNumbers = CountReport<IgnoredAny>;

/// One released data set.
#[derive(Debug, Clone, Serialize)]
pub struct Published {
    pub dataset: String,
    /// Counts up with every release whose content differs.
    pub version: i64,
    pub rows: u64,
    pub suppressed_cells: u64,
    /// The content is that of the latest release: nothing new was made.
    pub unchanged: bool,
    /// Relative to the home.
    pub folder: String,
    pub files: Vec<PublishedFile>,
}

#[derive(Debug, Clone, Serialize)]
pub struct PublishedFile {
    /// `learners-by-area.csv`
    pub name: String,
    pub media_type: String,
    pub bytes: u64,
    pub sha256: String,
}

/// What became of the wish to publish.
#[derive(Debug)]
pub enum Publishing {
    Published(Vec<Published>),
    /// Data sets that another person has to agree to; with the proposal where it was made just now.
    Proposed(Vec<(String, Option<ApprovalId>)>),
}

/// A data set that was never published: it is agreed to by its document, which says what it shows and how it protects.
struct FirstPublication {
    dataset: String,
    what: String,
    document: Vec<u8>,
}

/// A published file to be served: where it lies and what it is.
#[derive(Debug, Clone)]
pub struct OpenFile {
    pub path: PathBuf,
    pub version: i64,
    /// Of the whole release; serves as entity tag together with the file's name.
    pub release_sha256: String,
    pub published_at: Timestamp,
}

impl App {
    /// The data set documents, by name.
    ///
    /// Errors: a document has faults.
    pub fn datasets(&self) -> Result<BTreeMap<String, Dataset>, AppError> {
        let mut datasets = BTreeMap::new();
        for (path, bytes) in &self.assets.schema_files {
            if !path.starts_with("opendata/") || !path.ends_with(".yaml") {
                continue;
            }
            let text = std::str::from_utf8(bytes).map_err(|_| AppError::Gate(format!("{path} is not UTF-8")))?;
            let dataset = Dataset::parse(text).map_err(|faults| {
                let list: Vec<String> = faults.0.iter().map(ToString::to_string).collect();
                AppError::Gate(format!("{path}: {}", list.join("; ")))
            })?;
            datasets.insert(dataset.name.clone(), dataset);
        }
        Ok(datasets)
    }

    /// Asked before anything else of the request is looked at.
    pub fn may_publish(&self, principal: &Principal) -> Result<(), AppError> {
        Ok(principal.authorise(Scope::OpendataPublish, None).map(drop)?)
    }

    /// Builds all data sets together (their numbers depend on each other) and releases them, or the one asked for with
    /// those it must go with.
    ///
    /// Errors: nothing counted yet, no such data set, the gate refuses, or nobody else agreed to a first publication; nothing is
    /// visible then.
    pub async fn publish(&self, principal: &Principal, only: Option<&str>) -> Result<Vec<Published>, AppError> {
        let authorised = principal.authorise(Scope::OpendataPublish, None)?;
        // One after another, whichever gateway does it: what is released together has to be of the same counts.
        let duty = loop {
            match self.store.claim_duty(Duty::Publish).await? {
                Some(duty) => break duty,
                None => tokio::time::sleep(DUTY_WAIT).await,
            }
        };
        let outcome = self.publish_on_duty(&authorised, only).await;
        duty.end().await?;
        outcome
    }

    async fn publish_on_duty(&self, authorised: &Authorised, only: Option<&str>) -> Result<Vec<Published>, AppError> {
        let datasets = self.datasets()?;
        if let Some(name) = only
            && !datasets.contains_key(name)
        {
            return Err(AppError::UnknownDataset(name.to_owned()));
        }
        let mut reports = Vec::new();
        for run in self.store.last_count_runs().await? {
            // Nothing of the cases is published.
            let report: CountedNumbers = kept_report::unpack(&run.run.result)?;
            // A count of nothing, as earlier versions made them, is no data.
            if !report.manifest.inputs.is_empty() {
                reports.push(report);
            }
        }
        if reports.is_empty() {
            return Err(AppError::NothingToPublish { rounds: self.store.rounds_in_force().await? });
        }
        let mut tables = Vec::new();
        for dataset in datasets.values() {
            let records = self.project(&dataset.name, &reports)?;
            let table = Table::new(dataset, records).map_err(|error| AppError::Gate(error.to_string()))?;
            tables.push((dataset, table));
        }
        let drafts: Vec<Draft<'_>> = tables.iter().map(|(dataset, table)| Draft { dataset, table }).collect();
        let release = prepare(&drafts, &sha256).map_err(|fault| AppError::Gate(chain(&fault)))?;
        let wanted = |one: &DatasetRelease| only.is_none_or(|name| together(&datasets, name, &one.dataset));
        let names = release.datasets.iter().filter(|one| wanted(one)).map(|one| &*one.dataset);
        let firsts = self.first_publications(authorised.principal(), names).await?;
        for first in &firsts {
            if !self.store.is_agreed(KIND, &first.dataset, &first.what, self.now()).await? {
                return Err(ApprovalError::NotApproved.into());
            }
        }
        let (mut published, mut rows) = (Vec::new(), Vec::new());
        for one in release.datasets.iter().filter(|one| wanted(one)) {
            published.push(self.write_release(one, &mut rows).await?);
        }
        let detail =
            serde_json::json!({ "datasets": rows.iter().map(|row: &Release| &row.dataset).collect::<Vec<_>>() });
        let entry = journal_entry(authorised.principal(), "opendata.publish", "opendata", detail);
        let agreed: Vec<Agreed<'_>> =
            firsts.iter().map(|first| Agreed { subject: &first.dataset, what: &first.what }).collect();
        self.store.add_releases(&rows, &agreed, &entry).await.map_err(|error| match error {
            StoreError::NotApproved => ApprovalError::NotApproved.into(),
            error => AppError::from(error),
        })?;
        Ok(published)
    }

    /// Publishes; where a data set was never published before and nobody else agreed to it, proposes that instead.
    pub async fn publish_or_propose(
        &self,
        principal: &Principal,
        only: Option<&str>,
        reason: &str,
    ) -> Result<Publishing, AppError> {
        let reason = fit_reason(reason)?;
        match self.publish(principal, only).await {
            Ok(published) => return Ok(Publishing::Published(published)),
            Err(AppError::Approval(ApprovalError::NotApproved)) => {}
            Err(error) => return Err(error),
        }
        let datasets = self.datasets()?;
        let names = datasets.keys().filter(|one| only.is_none_or(|name| together(&datasets, name, one)));
        let mut proposed = Vec::new();
        for first in self.first_publications(principal, names.map(String::as_str)).await? {
            let act = Act { kind: KIND, subject: &first.dataset, content: &first.document };
            match self.propose(principal, act, reason).await {
                Ok(id) => proposed.push((first.dataset, Some(id))),
                // By somebody before, or agreed to already.
                Err(AppError::Approval(ApprovalError::Open)) => proposed.push((first.dataset, None)),
                Err(error) => return Err(error),
            }
        }
        Ok(Publishing::Proposed(proposed))
    }

    /// Those that were never published, which takes two persons. The operator has the files anyway, and may stand alone.
    async fn first_publications(
        &self,
        principal: &Principal,
        names: impl Iterator<Item = &str>,
    ) -> Result<Vec<FirstPublication>, AppError> {
        if *principal == Principal::Operator {
            return Ok(Vec::new());
        }
        let published = self.store.latest_releases().await?;
        let mut firsts = Vec::new();
        for name in names.filter(|name| published.iter().all(|release| release.dataset != **name)) {
            let document = self.assets.schema_files.get(&format!("opendata/{name}.yaml"));
            let document = document.ok_or_else(|| AppError::UnknownDataset(name.to_owned()))?.clone();
            firsts.push(FirstPublication { dataset: name.to_owned(), what: sha256_hex(&document), document });
        }
        Ok(firsts)
    }

    fn project(&self, dataset: &str, reports: &[CountedNumbers]) -> Result<Vec<Record>, AppError> {
        let mut records = Vec::new();
        for report in reports {
            match dataset {
                "count-summary" => {
                    records.extend(projections::count_summary(report.round, report.agencies.iter().map(summary_row)));
                }
                "learners-by-area" => records.extend(self.learners_by_area(report)?),
                other => return Err(AppError::UnknownDataset(other.to_owned())),
            }
        }
        Ok(records)
    }

    fn learners_by_area(&self, report: &CountedNumbers) -> Result<Vec<Record>, AppError> {
        let grades = self.assets.library.list("grade").ok_or_else(|| AppError::Gate(String::from("no list grade")))?;
        let level = |grade: &str| grades.find(grade).and_then(|at| grades.entry(at).parent.clone());
        let payable = report.payable.by_school.0.cells();
        projections::learners_by_area(report.round, payable, &projections::province_of_school, &level)
            .map_err(|error| AppError::Gate(error.to_string()))
    }

    async fn write_release(&self, one: &DatasetRelease, rows: &mut Vec<Release>) -> Result<Published, AppError> {
        let hashes: String = one.files.iter().map(|file| format!("{} {}\n", file.sha256, file.name)).collect();
        let release_sha256 = sha256_hex(hashes.as_bytes());
        let latest = self.store.releases(&one.dataset).await?.into_iter().next();
        let unchanged = latest.as_ref().is_some_and(|latest| latest.sha256 == release_sha256);
        let version = latest.map_or(1, |latest| if unchanged { latest.version } else { latest.version + 1 });
        let folder = format!("{FOLDER}/{}/{version}", one.dataset);
        if !unchanged {
            write_files(&self.home.join(&folder), one).map_err(AppError::Write)?;
            rows.push(Release {
                dataset: one.dataset.clone(),
                version,
                sha256: release_sha256,
                published_at: Timestamp::now(),
                path: folder.clone(),
            });
        }
        Ok(Published {
            dataset: one.dataset.clone(),
            version,
            rows: one.rows,
            suppressed_cells: one.cells_withheld,
            unchanged,
            folder,
            files: one
                .files
                .iter()
                .map(|file| PublishedFile {
                    name: file.name.clone(),
                    media_type: file.media_type.clone(),
                    bytes: file.size_bytes,
                    sha256: file.sha256.clone(),
                })
                .collect(),
        })
    }

    /// A file of the latest release: open to all.
    pub async fn open_file(&self, dataset: &str, extension: &str) -> Result<OpenFile, AppError> {
        let unknown = || AppError::UnknownDataset(dataset.to_owned());
        let document = self.datasets()?.remove(dataset).ok_or_else(unknown)?;
        let known = document.formats.iter().any(|format| format.extension() == extension);
        let latest = self.store.releases(dataset).await?.into_iter().next();
        let (true, Some(latest)) = (known, latest) else { return Err(unknown()) };
        Ok(OpenFile {
            path: self.home.join(&latest.path).join(format!("{dataset}.{extension}")),
            version: latest.version,
            release_sha256: latest.sha256,
            published_at: latest.published_at,
        })
    }
}

/// Data sets whose documents name each other are released together.
fn together(datasets: &BTreeMap<String, Dataset>, asked: &str, other: &str) -> bool {
    let needs = |one: &str, two: &str| {
        datasets.get(one).is_some_and(|dataset| {
            dataset.disclosure.totals.iter().filter_map(|total| total.equals.as_ref()).any(|cell| cell.dataset == two)
        })
    };
    asked == other || needs(asked, other) || needs(other, asked)
}

fn summary_row(of: &AgencyTotals) -> SummaryRow {
    SummaryRow {
        agency: of.agency,
        received: of.received,
        invalid: of.invalid,
        superseded: of.superseded,
        accepted: of.accepted,
        not_studying: of.not_studying,
        closed: of.closed,
        duplicate: of.duplicate,
        disputed: of.disputed,
        payable: of.payable,
    }
}

/// All files under a temporary name, each flushed, then one rename.
fn write_files(folder: &Path, one: &DatasetRelease) -> std::io::Result<()> {
    let parent = folder.parent().ok_or(std::io::ErrorKind::InvalidInput)?;
    std::fs::create_dir_all(parent)?;
    let temporary = tempfile::Builder::new().prefix(".release").tempdir_in(parent)?;
    for file in &one.files {
        let mut out = std::fs::File::create(temporary.path().join(&file.name))?;
        out.write_all(&file.bytes)?;
        out.sync_all()?;
    }
    // A folder of this number can only be what a crash left before the store knew of it.
    if folder.exists() {
        std::fs::remove_dir_all(folder)?;
    }
    std::fs::rename(temporary.path(), folder)?;
    // It stands under its name now.
    let _moved = temporary.keep();
    std::fs::File::open(parent)?.sync_all()
}

fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        text = format!("{text}: {cause}");
        source = cause.source();
    }
    text
}
