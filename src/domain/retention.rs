//! How long what is kept: classes of data, each with its period.
//!
//! Owns which classes there are and how a cutoff follows from a day. The periods and their grounds are data
//! (`schemas/retention.yaml`). Refuses nothing itself; what a list may say is checked where it is read.

use super::text::Bilingual;
use jiff::ToSpan;
use jiff::civil::Date;

macro_rules! classes {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
        pub enum DataClass { $($(#[doc = $doc])* $name),* }

        impl DataClass {
            pub const ALL: &[DataClass] = &[$(DataClass::$name),*];

            pub fn as_str(self) -> &'static str {
                match self { $(DataClass::$name => $text),* }
            }
        }
    };
}

classes! {
    /// The bytes of a received file.
    ReceivedFiles = "received-files",
    /// Sealed identities, keyed hashes and rows of a submission.
    Identities = "identities",
    /// What was found in refused rows.
    Findings = "findings",
    /// Looks, and whom they opened.
    AccessLog = "access-log",
    Sessions = "sessions",
    /// Counters of wrong tries, and sign-ins that never came back from a provider.
    SignInTries = "sign-in-tries",
    Assertions = "assertions",
    /// Who asked, in requests that were decided.
    SubjectRequests = "subject-requests",
    /// Kept by the operator of the machine.
    RequestLog = "request-log",
    Journal = "journal",
}

impl DataClass {
    pub fn parse(text: &str) -> Option<DataClass> {
        DataClass::ALL.iter().copied().find(|class| class.as_str() == text)
    }

    /// Traffic data are kept for at least 90 days (Computer Crime Act B.E. 2550, s. 26).
    pub fn is_traffic(self) -> bool {
        matches!(self, DataClass::RequestLog | DataClass::Journal)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Period {
    Days(u32),
    /// As each purpose says of the looks for it.
    ByPurpose,
    Forever,
}

impl Period {
    /// What is from before this day is over. None: nothing ever is, or it is not for the class to say.
    pub fn cutoff(self, today: Date) -> Option<Date> {
        match self {
            Period::Days(days) => Some(today.saturating_sub(i64::from(days).days())),
            Period::ByPurpose | Period::Forever => None,
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ErasedBy {
    Gateway,
    /// It lies outside the gateway.
    Operator,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClassPolicy {
    pub class: DataClass,
    pub period: Period,
    pub erased_by: ErasedBy,
    pub title: Bilingual,
    pub what: Bilingual,
    /// Act and section in words.
    pub ground: Bilingual,
}

/// Every class, in the order of [`DataClass::ALL`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RetentionPolicy {
    /// So long after its count day a round takes files and is counted.
    pub round_open_days: u32,
    pub classes: Vec<ClassPolicy>,
}

impl RetentionPolicy {
    pub fn period(&self, class: DataClass) -> Period {
        self.classes.iter().find(|one| one.class == class).map_or(Period::Forever, |one| one.period)
    }

    /// Rounds from this day on are open.
    pub fn open_from(&self, today: Date) -> Date {
        today.saturating_sub(i64::from(self.round_open_days).days())
    }
}
