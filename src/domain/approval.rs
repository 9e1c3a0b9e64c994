//! Acts that take two persons: one proposes exactly this, another with the right agrees.
//!
//! Owns which kinds there are, and which right each of the two needs. Who decides is checked here against who proposed; that it
//! is another person, not another account of the same one, the store knows.

use super::principal::Scope;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal, $propose:ident, $decide:ident;)*) => {
        /// Names stand in the store and the journal.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum ApprovalKind { $($(#[doc = $doc])* $name),* }

        impl ApprovalKind {
            pub const ALL: &[ApprovalKind] = &[$(ApprovalKind::$name),*];

            pub fn as_str(self) -> &'static str {
                match self { $(ApprovalKind::$name => $text),* }
            }

            /// The right of who proposes it.
            pub fn proposed_by(self) -> Scope {
                match self { $(ApprovalKind::$name => Scope::$propose),* }
            }

            /// The right of who agrees or refuses.
            pub fn decided_by(self) -> Scope {
                match self { $(ApprovalKind::$name => Scope::$decide),* }
            }
        }
    };
}

kinds! {
    /// A mapping takes effect.
    MappingActivate = "mapping.activate", MappingEdit, MappingApprove;
    /// A count is certified.
    CountCertify = "count.certify", CountCertify, CountCertify;
    /// A data set is published for the first time.
    DatasetPublish = "dataset.publish", OpendataPublish, OpendataPublish;
    /// An agreement with an agency on what it may ask for.
    Agreement = "agreement", AccessAdmin, PrivacyOfficer;
}

impl ApprovalKind {
    pub fn parse(text: &str) -> Option<ApprovalKind> {
        ApprovalKind::ALL.iter().copied().find(|kind| kind.as_str() == text)
    }
}

/// How far an act came.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ApprovalState {
    Proposed,
    Approved,
    Refused,
    /// What it is about changed since, or its time was over.
    Void,
    Done,
}

impl ApprovalState {
    const ALL: [ApprovalState; 5] = [
        ApprovalState::Proposed,
        ApprovalState::Approved,
        ApprovalState::Refused,
        ApprovalState::Void,
        ApprovalState::Done,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            ApprovalState::Proposed => "proposed",
            ApprovalState::Approved => "approved",
            ApprovalState::Refused => "refused",
            ApprovalState::Void => "void",
            ApprovalState::Done => "done",
        }
    }

    pub fn parse(text: &str) -> Option<ApprovalState> {
        ApprovalState::ALL.into_iter().find(|state| state.as_str() == text)
    }
}
