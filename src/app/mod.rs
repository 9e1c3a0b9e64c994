//! Use cases: authorise, act, journal. Shared by the command line, the API and the worker, so that a rule exists once.
//!
//! Owns what the gateway *does*: take a file, answer for it, count a round, publish. Knows no HTTP and no
//! SQL. Every use case takes a principal and asks it before anything else.

pub mod access;
pub mod agreements;
pub mod approvals;
pub mod asked;
pub mod assets;
pub mod certificates;
pub mod certifying;
pub mod clients;
pub mod counting;
pub mod download;
pub mod examples;
pub mod input;
pub mod intake;
pub mod journal;
pub mod keeping;
mod kept_report;
pub mod keys;
pub mod lines;
pub mod people;
pub mod pickup;
pub mod publishing;
pub mod records;
pub mod reference;
pub mod refusal;
pub mod register;
pub mod retention;
pub mod sealing;
pub mod service;
pub mod signing;
pub mod subjects;
pub mod submissions;
pub mod time_limit;
pub mod tokens;
pub mod uploads;

use crate::count::RuleFaults;
use crate::decode::{DecodeError, Limits};
use crate::domain::principal::{Denied, Principal, Scope};
use crate::domain::quota::NotAnOverride;
use crate::domain::round::Round;
use crate::domain::rule::LIM_FILE;
use crate::domain::text::Bilingual;
use crate::limit::Limiter;
use crate::objects::{self, Objects, ObjectsError};
use crate::sendback::SendbackError;
use crate::sso::Provider;
use crate::store::{CERTIFICATES_MAX, JournalEntry, KEYS_MAX, State, Store, StoreError};
use crate::vault::tls::{CertificateForm, Tls};
use crate::vault::{KeyError, Vault, VaultError};
use agreements::AgreementError;
use approvals::ApprovalError;
use assets::Assets;
use certifying::CertifyError;
use jiff::Timestamp;
use keys::KeysError;
use people::{Clock, Hashing, PersonError, SessionTerms, SignOnError};
use register::SharedRegister;
use service::Meter;
use signing::SignatureFault;
use std::path::PathBuf;
use std::sync::Arc;
use subjects::SubjectError;
use submissions::progress::Board;
use tokens::{TokenError, TokenTerms};
use uploads::UploadError;

/// The parts every use case works with. Cheap to clone.
#[derive(Clone)]
pub struct App {
    pub(crate) store: Store,
    pub(crate) vault: Arc<Vault>,
    pub(crate) assets: Arc<Assets>,
    pub(crate) limits: Limits,
    /// Where published data lie, and what is received until it is in `objects`.
    pub(crate) home: PathBuf,
    /// Where kept files lie, and the pieces of open uploads.
    pub(crate) objects: Objects,
    /// Cores one submission may use.
    pub(crate) threads: usize,
    pub(crate) pace: Pace,
    pub(crate) board: Arc<Board>,
    pub(crate) tokens: Arc<TokenTerms>,
    pub(crate) tls: Option<Arc<Tls>>,
    pub(crate) register: Arc<SharedRegister>,
    /// How much each client may ask for; everything, unless it is set.
    pub(crate) limiter: Arc<Limiter>,
    /// For what people are told by the clock: sessions, codes, waits.
    pub(crate) clock: Clock,
    pub(crate) sessions: SessionTerms,
    pub(crate) hashing: Arc<Hashing>,
    /// Where people sign in who have an account elsewhere.
    pub(crate) provider: Option<Arc<Provider>>,
    /// Clients of agencies are let in by agreements only.
    pub(crate) agreements_required: bool,
    /// What this gateway measured and has not written yet.
    pub(crate) meter: Arc<Meter>,
}

/// How submissions are taken: which are answered at once, how many are worked on together, how long one may take to arrive
/// and to be worked on.
#[derive(Debug, Clone, Copy)]
pub struct Pace {
    /// A file up to this size is answered with its receipt.
    pub small_submission_bytes: u64,
    pub submissions_at_once: usize,
    pub request_seconds_max: u64,
    pub work_seconds_max: u64,
    /// An upload that nothing came for so long is given up.
    pub upload_idle_seconds_max: u64,
}

impl Default for Pace {
    fn default() -> Self {
        Pace {
            small_submission_bytes: 8 << 20,
            submissions_at_once: 2,
            request_seconds_max: 3_600,
            work_seconds_max: time_limit::SECONDS_MAX_DEFAULT,
            upload_idle_seconds_max: 86_400,
        }
    }
}

/// Why a use case did not do what was asked: one variant per cause, each with its own problem in HTTP.
#[derive(Debug, thiserror::Error)]
pub enum AppError {
    #[error(transparent)]
    Denied(#[from] Denied),
    #[error("there is no mapping {name}")]
    UnknownMapping { name: String, known: Vec<String> },
    #[error("there is no submission with this id")]
    UnknownSubmission,
    #[error("the submission is not processed yet")]
    NotReady,
    /// Nothing of it was taken.
    #[error("the submission is at its end without rows: {}", .0.as_str())]
    NoRows(State),
    #[error("the rows of a school register are not kept apart from the register")]
    NoRecords,
    /// Refused rows go back in the format they came in.
    #[error("the file is {0}, and its rows go back in no other format")]
    OtherFormat(&'static str),
    #[error("there is no data set {0}")]
    UnknownDataset(String),
    #[error("there is no client with this id")]
    UnknownClient,
    #[error("{} is a right of persons, which no client system holds", .0.as_str())]
    NotForClients(Scope),
    #[error(transparent)]
    Person(#[from] PersonError),
    #[error(transparent)]
    SignOn(#[from] SignOnError),
    #[error(transparent)]
    Approval(#[from] ApprovalError),
    #[error(transparent)]
    Agreement(#[from] AgreementError),
    #[error(transparent)]
    Subject(#[from] SubjectError),
    #[error(transparent)]
    Token(#[from] TokenError),
    #[error("this is no public key of a client")]
    ClientKey(#[from] KeyError),
    #[error("the client has {KEYS_MAX} keys already; remove one first: saphan client key remove")]
    TooManyKeys,
    #[error("this is no certificate of a client")]
    ClientCertificate(#[from] CertificateForm),
    #[error(
        "the client has {CERTIFICATES_MAX} certificates already; remove one first: saphan client certificate remove"
    )]
    TooManyCertificates,
    #[error(transparent)]
    Certify(#[from] CertifyError),
    #[error(transparent)]
    Signature(#[from] SignatureFault),
    #[error("the client has no key to sign with; add one first: saphan client key add")]
    ClientWithoutKeys,
    #[error(transparent)]
    Limit(#[from] NotAnOverride),
    #[error(transparent)]
    Keys(#[from] KeysError),
    #[error("nothing has been counted for this round")]
    NotCounted,
    /// Neither counted nor shown as an empty success. `rounds`: those of which something is in force.
    #[error("nothing is in force for the round {round}; rounds with data: {}", listed(rounds))]
    NothingSubmitted { round: Round, rounds: Vec<Round> },
    #[error("nothing counted can be published; rounds with data, to be counted first: {}", listed(rounds))]
    NothingToPublish { rounds: Vec<Round> },
    #[error("the school register is empty")]
    NoRegister,
    #[error("the idempotency key was used for another file")]
    IdempotencyKeyReused,
    #[error("the body is longer than {bytes_max} bytes")]
    TooLarge { bytes_max: u64 },
    #[error(transparent)]
    Upload(#[from] UploadError),
    #[error("the submission was cancelled")]
    Cancelled,
    /// It can't be taken back any more.
    #[error("the submission is at its end: {}", .0.as_str())]
    Ended(State),
    /// Not a failure: the gateway stops, and another takes the work up.
    #[error("the gateway is stopping; the submission is kept and will be taken up")]
    Draining,
    #[error("the body did not arrive whole")]
    Interrupted(#[source] std::io::Error),
    #[error("the mapping {0} does not make enrolments or schools")]
    UnsupportedStandard(String),
    #[error("the file is kept but could not be read on")]
    Kept(#[source] std::io::Error),
    #[error("the refused rows could not be written in the sender's layout")]
    Sendback(#[from] SendbackError),
    #[error("the count's inputs contradict each other")]
    Audit(#[from] crate::count::AuditError),
    #[error("the manifest can't be read or made")]
    Manifest(#[from] crate::count::ManifestError),
    #[error("a learner of the findings could not be opened")]
    Identity(#[from] crate::count::IdentityMissing),
    #[error("a count rule table is faulty: {0}")]
    CountRules(String),
    #[error("the publish gate refused: {0}")]
    Gate(String),
    #[error("the store failed")]
    Store(#[from] StoreError),
    #[error("the place of the kept files failed")]
    Objects(#[from] ObjectsError),
    #[error("the vault failed")]
    Vault(#[from] VaultError),
    /// A fault of ours: it refuses to commit less than it accepted.
    #[error("{accepted} rows were accepted but {staged} came to the store")]
    RowsLost { accepted: u64, staged: u64 },
    /// A fault of ours: a list of refused rows that came short would pass for the whole.
    #[error("{refused} rows were refused but {written} could be given back")]
    RefusedRowsLost { refused: u64, written: u64 },
    #[error("it was erased when its retention ended, at {at}")]
    Erased { at: Timestamp },
    #[error("all rows of the round {round} were erased when their retention ended")]
    RoundErased { round: Round },
    #[error("a worker stopped before its time")]
    Worker,
    #[error("a file of the gateway could not be written")]
    Write(#[source] std::io::Error),
}

/// `2026-06-10 (2569/1), 2026-11-10 (2569/2)`
fn listed(rounds: &[Round]) -> String {
    if rounds.is_empty() {
        return String::from("none");
    }
    let shown = |round: &Round| format!("{round} ({}/{})", round.academic_year(), round.term());
    rounds.iter().map(shown).collect::<Vec<_>>().join(", ")
}

impl AppError {
    /// Of a submission that is not committed: it may be later, or never.
    pub(crate) fn without_rows(state: State) -> Self {
        if state.is_final() { AppError::NoRows(state) } else { AppError::NotReady }
    }

    pub(crate) fn count_rules(faults: &RuleFaults) -> Self {
        AppError::CountRules(faults.0.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
    }

    /// The database or the object store is away or busy: worth trying again, and no fault of any file.
    pub fn is_away(&self) -> bool {
        match self {
            AppError::Store(store) => store.is_busy(),
            AppError::Objects(objects) => objects.is_away(),
            // A key of a rotation that this process has not heard of yet: it will within a second. Or it can't, and others can.
            AppError::Vault(VaultError::UnknownKey(_) | VaultError::Behind) => true,
            AppError::Kept(error)
            | AppError::Sendback(SendbackError::Input(DecodeError::Io(error)) | SendbackError::Output(error)) => {
                objects::is_away(error)
            }
            _ => false,
        }
    }

    /// For people, in both languages, where the cause is theirs to mend and the sentence needs what was found.
    pub fn told(&self) -> Option<Bilingual> {
        let (th, en) = match self {
            AppError::UnknownMapping { name, known } => {
                let known = known.join(", ");
                (
                    format!("ไม่มีผัง (mapping) ชื่อ {name} ที่มีคือ {known} เลือกผังของหน่วยงานแล้วสั่งใหม่"),
                    format!(
                        "There is no mapping {name}; there are: {known}. Choose that of your agency, and try again."
                    ),
                )
            }
            AppError::NoRegister => (
                String::from("ทะเบียนสถานศึกษายังว่าง ต้องส่งด้วยผัง moe/schools ก่อน ไฟล์ที่ส่งมาเก็บไว้แล้วและจะประมวลผลต่อเอง"),
                String::from(
                    "The school register is empty: it must be sent first, with the mapping moe/schools. A file sent is kept and will be taken up.",
                ),
            ),
            AppError::NothingSubmitted { round, rounds } if rounds.is_empty() => (
                format!(
                    "ยังไม่มีข้อมูลที่รับไว้ในรอบใดเลย จึงไม่ได้นับรอบ {round} ส่งทะเบียนสถานศึกษา (moe/schools) และไฟล์ของหน่วยงานด้วย saphan submit ก่อน แล้วนับใหม่"
                ),
                format!(
                    "No data have been accepted for any round yet, so {round} was not counted. Send the school register (moe/schools) and the agencies' files with `saphan submit` first, then count again."
                ),
            ),
            AppError::NothingSubmitted { round, rounds } => {
                let rounds = listed(rounds);
                (
                    format!(
                        "ยังไม่มีข้อมูลที่รับไว้ของรอบ {round} จึงไม่ได้นับ รอบที่มีข้อมูลคือ {rounds} โปรดเลือกรอบ หรือส่งไฟล์ของรอบนี้ก่อน"
                    ),
                    format!(
                        "Nothing accepted is in force for the round {round}, so nothing was counted. Rounds with data: {rounds}. Choose one of them, or submit this round's files first."
                    ),
                )
            }
            AppError::NothingToPublish { rounds } if rounds.is_empty() => (
                String::from(
                    "ยังไม่มีผลการนับที่เผยแพร่ได้ และยังไม่มีข้อมูลที่รับไว้ในรอบใดเลย ส่งไฟล์ด้วย saphan submit และนับด้วย saphan count --round ก่อน แล้วเผยแพร่ใหม่",
                ),
                String::from(
                    "There is no count to publish, and no data have been accepted for any round yet. Send files with `saphan submit` and count them with `saphan count --round` first, then publish again.",
                ),
            ),
            AppError::NothingToPublish { rounds } => {
                let rounds = listed(rounds);
                (
                    format!(
                        "ยังไม่มีผลการนับที่เผยแพร่ได้ รอบที่มีข้อมูลคือ {rounds} โปรดนับก่อนด้วย saphan count --round แล้วเผยแพร่ใหม่"
                    ),
                    format!(
                        "There is no count to publish. Rounds with data: {rounds}. Count one with `saphan count --round` first, then publish again."
                    ),
                )
            }
            AppError::TooLarge { bytes_max } => (
                format!("ไฟล์ยาวเกิน {bytes_max} ไบต์ที่รับได้ ({LIM_FILE}) แบ่งส่งเป็นหลายไฟล์ตามเขตพื้นที่หรือจังหวัด"),
                format!(
                    "The file is longer than the {bytes_max} bytes that are taken ({LIM_FILE}). Send it in parts, by area or province."
                ),
            ),
            AppError::Erased { at } => (
                format!("สิ่งนี้ถูกลบเมื่อ {at} เพราะพ้นกำหนดเก็บรักษา ดูกำหนดได้ที่ /v1/retention ใบรับยังอยู่"),
                format!(
                    "This was erased at {at}, when its retention ended: see /v1/retention. The receipt is still there."
                ),
            ),
            AppError::RoundErased { round } => (
                format!(
                    "แถวทั้งหมดของรอบ {round} ถูกลบแล้วเพราะพ้นกำหนดเก็บรักษา จึงนับใหม่ไม่ได้ ผลและเอกสารของการนับครั้งหลังสุดยังอยู่"
                ),
                format!(
                    "All rows of the round {round} were erased when their retention ended, so it can't be counted again. Result and manifest of the last count are still there."
                ),
            ),
            AppError::Person(person) => return Some(person.told()),
            AppError::Signature(fault) => return Some(fault.told()),
            AppError::Certify(certify) => return Some(certify.told()),
            AppError::SignOn(sign_on) => return Some(sign_on.told()),
            AppError::Approval(approval) => return Some(approval.told()),
            AppError::Agreement(agreement) => return Some(agreement.told()),
            AppError::Keys(keys) => return Some(keys.told()),
            AppError::Vault(error) => return keys::told_of(error),
            AppError::Subject(subject) => return Some(subject.told()),
            AppError::Store(StoreError::PersonExists | StoreError::SubjectTaken) => {
                return Some(PersonError::Exists.told());
            }
            AppError::Store(StoreError::NoSuchPerson) => return Some(PersonError::Unknown.told()),
            _ => return None,
        };
        Some(Bilingual { th, en })
    }
}

impl App {
    pub fn new(
        store: Store,
        vault: Arc<Vault>,
        assets: Arc<Assets>,
        limits: Limits,
        home: PathBuf,
        threads: usize,
    ) -> Self {
        let objects = Objects::folder(&home);
        let (pace, tokens, register, limiter) =
            (Pace::default(), Arc::default(), Arc::default(), Arc::new(Limiter::unlimited()));
        let (clock, sessions, hashing) = (Arc::new(Timestamp::now), SessionTerms::default(), Arc::default());
        App {
            store,
            vault,
            assets,
            limits,
            home,
            objects,
            threads,
            pace,
            board: Arc::default(),
            tokens,
            tls: None,
            register,
            limiter,
            clock,
            sessions,
            hashing,
            provider: None,
            agreements_required: false,
            meter: Arc::default(),
        }
    }

    /// Keeps files elsewhere than in the home.
    pub fn with_objects(self, objects: Objects) -> Self {
        App { objects, ..self }
    }

    pub fn with_pace(self, pace: Pace) -> Self {
        App { pace, ..self }
    }

    pub fn with_tokens(self, terms: TokenTerms) -> Self {
        App { tokens: Arc::new(terms), ..self }
    }

    pub fn with_limiter(self, limiter: Limiter) -> Self {
        App { limiter: Arc::new(limiter), ..self }
    }

    pub fn limiter(&self) -> &Limiter {
        &self.limiter
    }

    pub fn pace(&self) -> Pace {
        self.pace
    }

    /// The gateway is about to stop: it is no longer ready, and large work is given back at the next record border.
    pub fn drain(&self) {
        self.board.drain();
    }

    pub fn is_draining(&self) -> bool {
        self.board.is_draining()
    }

    /// Do the store and the place of the kept files answer, and is the gateway here to stay?
    pub async fn ready(&self) -> Result<(), AppError> {
        if self.is_draining() {
            return Err(AppError::Draining);
        }
        if self.vault.is_behind() {
            return Err(VaultError::Behind.into());
        }
        self.store.ping().await?;
        Ok(self.objects.ping().await?)
    }

    pub fn assets(&self) -> &Arc<Assets> {
        &self.assets
    }

    pub fn limits(&self) -> &Limits {
        &self.limits
    }
}

/// An entry for the journal: who did what to which of our own things, now.
pub(crate) fn journal_entry(principal: &Principal, act: &str, object: &str, detail: serde_json::Value) -> JournalEntry {
    JournalEntry {
        at: Timestamp::now(),
        actor: principal.actor(),
        act: act.to_owned(),
        object: object.to_owned(),
        detail,
    }
}
