//! Acts that take several persons: one proposes exactly this, another with the right agrees, or one for each of several rights.
//!
//! Owns which kinds there are, and which right each of them needs. Who decides is checked here against who proposed; that it
//! is another person, not another account of the same one, the store knows.

use super::principal::Scope;

macro_rules! kinds {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal, $propose:ident, [$($decide:ident),+];)*) => {
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

            /// The rights of those who agree or refuse: one person for each of them, and all have to agree.
            pub fn decided_by(self) -> &'static [Scope] {
                match self { $(ApprovalKind::$name => &[$(Scope::$decide),+]),* }
            }
        }
    };
}

kinds! {
    /// A mapping takes effect.
    MappingActivate = "mapping.activate", MappingEdit, [MappingApprove];
    /// A count is certified.
    CountCertify = "count.certify", CountCertify, [CountCertify];
    /// A data set is published for the first time.
    DatasetPublish = "dataset.publish", OpendataPublish, [OpendataPublish];
    /// An agreement with an agency on what it may send and read. The agency asks, two persons of the ministry agree.
    Agreement = "agreement", AgencyAgree, [AccessAdmin, PrivacyOfficer];
}

impl ApprovalKind {
    /// Only persons of the ministry decide it: who proposes it speaks for an agency.
    pub fn is_decided_by_ministry(self) -> bool {
        self == ApprovalKind::Agreement
    }

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
