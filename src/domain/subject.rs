//! What a person may ask about their own data (PDPA B.E. 2562, sections 30, 32, 33, 36), and what becomes of it.
//!
//! Owns the kinds, the states, the reference and the thirty days. Refuses a reference that looks like somebody's number: it is
//! the number of a letter or a case. Why a request is refused is data (`schemas/subject_grounds.yaml`).

use super::text::Bilingual;
use jiff::ToSpan;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};

/// Section 30, paragraph 3.
pub const DUE_DAYS: i64 = 30;
/// From so many days before it is due, a request is spoken of.
pub const SOON_DAYS: i64 = 7;
const REFERENCE_CHARS_MAX: usize = 120;
/// What is written as long as a citizen number, or nearly, is none of a letter's.
const DIGITS_MAX: usize = 11;

macro_rules! words {
    ($(#[$doc:meta])* $name:ident: $($(#[$of:meta])* $variant:ident = $text:literal),* $(,)?) => {
        $(#[$doc])*
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
        #[serde(rename_all = "lowercase")]
        pub enum $name { $($(#[$of])* $variant),* }

        impl $name {
            pub const ALL: &[$name] = &[$($name::$variant),*];

            pub fn as_str(self) -> &'static str {
                match self { $($name::$variant => $text),* }
            }

            pub fn parse(text: &str) -> Option<$name> {
                $name::ALL.iter().copied().find(|one| one.as_str() == text)
            }
        }
    };
}

words! {
    /// What is asked.
    RequestKind:
    /// What is held about me? (s. 30)
    Access = "access",
    /// It is wrong. (s. 36)
    Correction = "correction",
    /// Erase it. (s. 33)
    Erasure = "erasure",
    /// Stop using it. (s. 32)
    Objection = "objection",
}
words! {
    RequestState: Open = "open", Fulfilled = "fulfilled", Refused = "refused", Withdrawn = "withdrawn",
}
words! {
    /// What the data-protection officer decides.
    Outcome: Fulfil = "fulfil", Refuse = "refuse",
    /// The person took it back.
    Withdraw = "withdraw",
}
words! {
    /// What an agency says of a correction.
    AgencyAnswer:
    /// It was put right at the source, or will stand so in the next file.
    Corrected = "corrected",
    /// The agency looked, and its statement is right.
    Stands = "stands",
}

impl Outcome {
    pub fn state(self) -> RequestState {
        match self {
            Outcome::Fulfil => RequestState::Fulfilled,
            Outcome::Refuse => RequestState::Refused,
            Outcome::Withdraw => RequestState::Withdrawn,
        }
    }
}

/// The number of a letter or a case.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reference(String);

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a reference has 1 to {REFERENCE_CHARS_MAX} letters and no number as long as a person's")]
pub struct NotAReference;

impl Reference {
    pub fn parse(text: &str) -> Result<Reference, NotAReference> {
        let text = text.trim();
        let fits = (1..=REFERENCE_CHARS_MAX).contains(&text.chars().count()) && !text.chars().any(char::is_control);
        // With blanks and hyphens between, as people write a citizen number, in Thai digits too.
        let run = text.chars().filter(|c| !matches!(c, ' ' | '-')).fold((0, 0), |(run, longest): (usize, usize), c| {
            let run = if c.is_ascii_digit() || ('๐'..='๙').contains(&c) { run + 1 } else { 0 };
            (run, longest.max(run))
        });
        if fits && run.1 <= DIGITS_MAX { Ok(Reference(text.to_owned())) } else { Err(NotAReference) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The last day on which it is answered in time.
pub fn due_on(received_on: Date) -> Date {
    received_on.saturating_add(DUE_DAYS.days())
}

/// Why a request is refused, or something is erased.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DecisionGround {
    /// Lower-case words with hyphens between.
    pub code: String,
    /// `Fulfil` or `Refuse`.
    pub outcome: Outcome,
    pub kinds: Vec<RequestKind>,
    pub title: Bilingual,
    /// Section and words of the Act.
    pub act: Bilingual,
}

/// The ground by which a round's evidence is kept; the list must have it.
pub const SUBSIDY_EVIDENCE: &str = "subsidy-evidence";

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn a_reference_is_a_letters_number_and_never_a_persons() {
        for text in ["ศธ 04001/1234", "2569/17", "DPO-2026-0001", " ๑๒๓/๒๕๖๙ "] {
            assert!(Reference::parse(text).is_ok(), "{text}");
        }
        for text in ["", " ", "1999900000013", "1-9999-00000-01-3", "เลข ๑๙๙๙๙๐๐๐๐๐๐๑๓", "a\nb"]
        {
            assert!(Reference::parse(text).is_err(), "{text}");
        }
        assert!(Reference::parse(&"ก".repeat(REFERENCE_CHARS_MAX + 1)).is_err());
    }

    #[test]
    fn thirty_days_from_the_day_it_came() {
        assert_eq!(due_on(date(2026, 6, 10)), date(2026, 7, 10));
        assert_eq!(Outcome::Withdraw.state(), RequestState::Withdrawn);
        assert_eq!(RequestKind::parse("erasure"), Some(RequestKind::Erasure));
    }
}
