//! Taking a file in: every byte is kept, sealed, with its hash, before anything is decoded.
//!
//! Owns the moment of acknowledgement: when `keep` returns, the file is where kept files lie and in the store, and
//! nothing short of losing both loses it. Refuses what is over the limit while it is still arriving.

use super::keeping::kept_key;
use super::pickup::DropMark;
use super::signing::Signed;
use super::{App, AppError, journal_entry};
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::SubmissionMode;
use crate::domain::ids::SubmissionId;
use crate::domain::principal::{Authorised, Principal, Scope};
use crate::domain::round::Round;
use crate::store::{NewSubmission, RegisterVersion, StoreError};
use crate::vault::{DetachedJws, HashDomain, KeptFile, SealedWriter, sha256_hex};
use data_encoding::HEXLOWER;
use jiff::Timestamp;
use std::io::Write;
use std::path::{Path, PathBuf};

/// What a sender says about the file.
#[derive(Debug, Clone)]
pub struct FileTerms {
    /// `obec/enrolments`
    pub mapping: String,
    pub round: Round,
    pub mode: SubmissionMode,
    /// What [`App::idempotency_key`] makes of the sender's own key: the same key and file again answer with the first submission.
    pub idempotency_key: Option<String>,
    /// The sender's own signature over the bytes, to be checked when all of them are there.
    pub signature: Option<DetachedJws>,
}

/// A file on its way in.
pub struct Intake {
    id: SubmissionId,
    terms: FileTerms,
    authorised: Authorised,
    agency: Option<AgencyCode>,
    writer: SealedWriter,
    path: PathBuf,
    bytes_max: u64,
    signed: Option<Signed>,
    /// Of a dropped file: what tells it from every other, before its bytes are known.
    drop_mark: Option<DropMark>,
}

/// A sealed file on its way into the store.
struct Entering<'a> {
    id: &'a SubmissionId,
    terms: &'a FileTerms,
    authorised: &'a Authorised,
    agency: Option<AgencyCode>,
    sealed: &'a KeptFile,
    path: &'a Path,
    signed: Option<Signed>,
}

/// A file that is kept.
#[derive(Debug, Clone)]
pub struct Kept {
    pub id: SubmissionId,
    /// The idempotency key had brought this file before: this is that submission.
    pub seen_before: bool,
}

impl App {
    /// A sender's key as it is stored. Its words are the sender's: somebody will make them of a learner's number.
    pub fn idempotency_key(&self, words: &str) -> String {
        HEXLOWER.encode(&self.vault.hasher().hash(HashDomain::Idempotency, &[words.as_bytes()]))
    }

    /// May this principal begin to send such a file? Asked before the first byte is taken.
    ///
    /// Errors: unknown mapping, no permission; `Signature`.
    pub async fn may_begin(&self, principal: &Principal, terms: &FileTerms) -> Result<(), AppError> {
        self.may_send(principal, &terms.mapping)?;
        self.expect_signature(principal, terms.signature.as_ref()).await
    }

    /// Opens the way for one file. Permission is checked before the first byte is taken.
    ///
    /// Errors: unknown mapping, no permission, disk.
    pub fn begin_intake(&self, principal: &Principal, terms: FileTerms) -> Result<Intake, AppError> {
        self.begin_intake_as(SubmissionId::from_uuid(uuid::Uuid::now_v7()), principal, terms)
    }

    /// The same under a name that is known already: what is begun twice is one submission.
    pub(super) fn begin_intake_as(
        &self,
        id: SubmissionId,
        principal: &Principal,
        terms: FileTerms,
    ) -> Result<Intake, AppError> {
        let (authorised, agency, name) = self.may_send(principal, &terms.mapping)?;
        let path = self.landing(Path::new(&kept_key(&id)))?;
        let writer = self.vault.create_sealed(&path, id.as_str().as_bytes())?;
        let mut terms = FileTerms { mapping: name, ..terms };
        let signed = terms.signature.take().map(Signed::new);
        let bytes_max = self.limits.file_bytes_max;
        Ok(Intake { id, terms, authorised, agency, writer, path, bytes_max, signed, drop_mark: None })
    }

    /// May this principal send files with the mapping? For which agency then (none: the register), and the mapping's own name.
    pub(super) fn may_send(
        &self,
        principal: &Principal,
        mapping: &str,
    ) -> Result<(Authorised, Option<AgencyCode>, String), AppError> {
        let loaded = self.assets.known_mapping(mapping)?;
        let slug = loaded.mapping.agency_slug();
        let (authorised, agency) = if slug == "moe" {
            (principal.authorise(Scope::RegisterSubmit, None)?, None)
        } else {
            let agency =
                AgencyCode::parse(slug).map_err(|_| AppError::UnsupportedStandard(loaded.mapping.name.clone()))?;
            (principal.authorise(Scope::AgencySubmit, Some(agency))?, Some(agency))
        };
        principal.may_submit(&loaded.mapping.name)?;
        Ok((authorised, agency, loaded.mapping.name.clone()))
    }

    /// Flushes the file to disk, puts it where kept files lie and enters it in the store: from here on it is acknowledged.
    ///
    /// Errors: the signature is not over these bytes; the idempotency key was used for other bytes or terms; store, object store or disk failed.
    pub async fn keep(&self, intake: Intake) -> Result<Kept, AppError> {
        let Intake { id, mut terms, authorised, agency, writer, path, signed, drop_mark, .. } = intake;
        self.mark(&id).await?;
        let sealed = tokio::task::spawn_blocking(move || writer.finish()).await.map_err(|_| AppError::Worker)??;
        if let Some(mark) = drop_mark {
            terms.idempotency_key = Some(self.drop_key(&mark, &sealed.sha256));
        }
        let entering =
            Entering { id: &id, terms: &terms, authorised: &authorised, agency, sealed: &sealed, path: &path, signed };
        let mut in_doubt = false;
        let outcome = self.enter(entering, &mut in_doubt).await;
        match &outcome {
            Ok(kept) if !kept.seen_before => self.unmark(&id).await,
            // What failed last may have been the store's answer only; the sweep will ask it.
            Err(_) if in_doubt && !matches!(self.store.submission(&id).await, Ok(None)) => {}
            // The first one stands; the bytes that came again are not needed twice.
            _ => self.forget(&id, &path).await,
        }
        outcome
    }

    /// `in_doubt`: the store may know it, whatever is answered.
    async fn enter(&self, entering: Entering<'_>, in_doubt: &mut bool) -> Result<Kept, AppError> {
        let Entering { id, terms, authorised, agency, sealed, path, signed } = entering;
        let signature = match signed {
            Some(signed) => self.check_signature(authorised.principal(), signed).await.map(Some),
            // It may have been asked for since the first byte.
            None => self.expect_signature(authorised.principal(), None).await.map(|()| None),
        };
        if let Err(AppError::Signature(fault)) = &signature {
            let detail = serde_json::json!({ "sha256": sealed.sha256, "fault": fault.to_string() });
            let entry = journal_entry(authorised.principal(), "submission.unsigned", id.as_str(), detail);
            self.store.append_journal(&entry).await?;
        }
        let signature = signature?;
        let client = authorised.principal().sender();
        if let Some(key) = &terms.idempotency_key
            && let Some(earlier) = self.store.submission_by_idempotency_key(client.as_ref(), key).await?
        {
            return seen_before(&earlier.new, terms, &sealed.sha256, signature.as_ref());
        }
        self.put_landed(Path::new(&kept_key(id)), path).await?;
        let loaded = self.assets.mapping(&terms.mapping).ok_or(AppError::Worker)?;
        let new = NewSubmission {
            id: id.clone(),
            mapping: terms.mapping.clone(),
            mapping_version: loaded.mapping.version,
            mapping_sha256: sha256_hex(loaded.text.as_bytes()),
            standard: loaded.mapping.standard.id().to_owned(),
            lists_version: self.lists_version().await?,
            round: terms.round,
            agency,
            mode: terms.mode,
            client,
            idempotency_key: terms.idempotency_key.clone(),
            sha256: sealed.sha256.clone(),
            bytes: sealed.bytes,
            kept_path: kept_key(id),
            received_at: Timestamp::now(),
            signature: signature.as_ref().map(|jws| jws.as_str().to_owned()),
        };
        let detail = serde_json::json!({
            "mapping": loaded.mapping.id(), "round": terms.round.to_string(), "bytes": sealed.bytes,
            "sha256": sealed.sha256, "signed_by": signature.as_ref().map(DetachedJws::kid),
        });
        let entry = journal_entry(authorised.principal(), "submission.receive", id.as_str(), detail);
        *in_doubt = true;
        match self.store.begin_submission(&new, &entry).await {
            Ok(_) => Ok(Kept { id: id.clone(), seen_before: false }),
            // Two requests with one key at the same moment: the other one won.
            Err(StoreError::IdempotencyKeyUsed) => {
                *in_doubt = false;
                let key = terms.idempotency_key.as_deref().unwrap_or("");
                match self.store.submission_by_idempotency_key(new.client.as_ref(), key).await? {
                    Some(earlier) => seen_before(&earlier.new, terms, &sealed.sha256, signature.as_ref()),
                    None => Err(AppError::IdempotencyKeyReused),
                }
            }
            Err(error) => Err(error.into()),
        }
    }

    /// Names the code lists and the register together: a file is the same only against the same lists.
    pub(super) async fn lists_version(&self) -> Result<String, AppError> {
        let register = self.store.register_version().await?;
        Ok(self.lists_version_with(register.as_ref()))
    }

    pub(super) fn lists_version_with(&self, register: Option<&RegisterVersion>) -> String {
        let register = register.map_or(0, |register| register.version);
        format!("{}+register.{register}", self.assets.library.lists_version())
    }
}

/// Signed by another key, or not signed, it is another statement of the sender's.
fn seen_before(
    earlier: &NewSubmission,
    terms: &FileTerms,
    sha256: &str,
    signature: Option<&DetachedJws>,
) -> Result<Kept, AppError> {
    let signed_then = earlier.signature.as_deref().and_then(DetachedJws::parse);
    let same = earlier.sha256 == sha256
        && signed_then.as_ref().map(DetachedJws::kid) == signature.map(DetachedJws::kid)
        && earlier.mapping == terms.mapping
        && earlier.round == terms.round
        && earlier.mode == terms.mode;
    if same { Ok(Kept { id: earlier.id.clone(), seen_before: true }) } else { Err(AppError::IdempotencyKeyReused) }
}

/// Made with mode 0700: what lies in it is sealed, and still nobody else's business.
pub(super) fn private_folder(folder: &std::path::Path) -> std::io::Result<()> {
    use std::os::unix::fs::DirBuilderExt;
    std::fs::DirBuilder::new().recursive(true).mode(0o700).create(folder)
}

impl Intake {
    /// For a dropped file, whose sender gives no key: its mark and its bytes make one.
    pub(super) fn marked(self, mark: DropMark) -> Self {
        Intake { drop_mark: Some(mark), ..self }
    }

    pub fn id(&self) -> &SubmissionId {
        &self.id
    }

    /// Takes the next bytes.
    ///
    /// Errors: over the limit (nothing is kept then), disk.
    pub fn write(&mut self, bytes: &[u8]) -> Result<(), AppError> {
        if self.writer.bytes() + bytes.len() as u64 > self.bytes_max {
            return Err(AppError::TooLarge { bytes_max: self.bytes_max });
        }
        if let Some(signed) = &mut self.signed {
            signed.update(bytes);
        }
        self.writer.write_all(bytes).map_err(AppError::Write)
    }
}
