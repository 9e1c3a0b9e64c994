//! What somebody may look at a person's record for: a closed list, each with its legal basis and its fields.
//!
//! Owns the names of the purposes that the gateway itself looks for, and the grounds the law knows. Who released which fields
//! for which purpose stands in the access log; the list itself is data (`schemas/purposes/`).

use super::agency::AgencyCode;
use super::principal::{Principal, Scope};
use super::text::Bilingual;
use serde::Serialize;
use std::collections::BTreeMap;

/// Longest name of a purpose.
const CODE_CHARS_MAX: usize = 40;

/// `transfer`: lower-case words with hyphens between.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct PurposeCode(String);

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("a purpose is named by lower-case letters and hyphens, {CODE_CHARS_MAX} at most")]
pub struct NotAPurpose;

impl PurposeCode {
    pub fn parse(text: &str) -> Result<PurposeCode, NotAPurpose> {
        let is_word = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
        let fits = text.len() <= CODE_CHARS_MAX && text.split('-').all(is_word);
        if fits { Ok(PurposeCode(text.to_owned())) } else { Err(NotAPurpose) }
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Purposes that the gateway's own doors look for; the list must have them.
pub const OWN_RECORDS: &str = "own-records";
pub const OVERSIGHT: &str = "oversight";
pub const COUNT_EVIDENCE: &str = "count-evidence";
pub const SUBJECT_REQUEST: &str = "subject-request";
pub const NEEDED: [&str; 4] = [OWN_RECORDS, OVERSIGHT, COUNT_EVIDENCE, SUBJECT_REQUEST];

macro_rules! grounds {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// Sections of the Personal Data Protection Act B.E. 2562 that allow data to be used.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Ground { $($(#[doc = $doc])* $name),* }

        impl Ground {
            pub const ALL: &[Ground] = &[$(Ground::$name),*];

            pub fn as_str(self) -> &'static str {
                match self { $(Ground::$name => $text),* }
            }
        }
    };
}

grounds! {
    /// Consent.
    Consent = "19",
    /// Archives, research or statistics.
    Research = "24(1)",
    /// To prevent danger to life, body or health.
    Danger = "24(2)",
    /// A contract with the person.
    Contract = "24(3)",
    /// A task in the public interest, or official authority.
    PublicTask = "24(4)",
    /// Legitimate interests.
    Interest = "24(5)",
    /// To comply with a law.
    Law = "24(6)",
    /// Sensitive data: danger, where the person can't consent.
    SensitiveDanger = "26(1)",
    /// Sensitive data: foundations and associations for their members.
    SensitiveMembers = "26(2)",
    /// Sensitive data: made public by the person.
    SensitivePublic = "26(3)",
    /// Sensitive data: legal claims.
    SensitiveClaims = "26(4)",
    /// Sensitive data: to comply with a law for the aims it lists.
    SensitiveLaw = "26(5)",
}

impl Ground {
    pub fn parse(text: &str) -> Option<Ground> {
        Ground::ALL.iter().copied().find(|ground| ground.as_str() == text)
    }

    /// Does it allow what section 26 protects: ethnicity, religion, health, disability?
    pub fn is_for_sensitive(self) -> bool {
        self == Ground::Consent || self.as_str().starts_with("26")
    }
}

/// One ground with the act and section in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LegalBasis {
    pub ground: Ground,
    pub act: Bilingual,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Purpose {
    pub code: PurposeCode,
    pub version: u32,
    pub title: Bilingual,
    pub description: Bilingual,
    /// At least one.
    pub basis: Vec<LegalBasis>,
    /// Any of these rights.
    pub used_by: Vec<Scope>,
    /// Empty: every agency.
    pub agencies: Vec<AgencyCode>,
    /// A look needs the number of a case or a letter.
    pub needs_reference: bool,
    /// What is released, by standard (`enrolment/1`); the rest is not fetched.
    pub fields: BTreeMap<String, Vec<String>>,
    /// Days that the log of such looks is kept.
    pub log_days: u32,
}

impl Purpose {
    /// May this principal look at somebody for it?
    pub fn is_open_to(&self, principal: &Principal) -> bool {
        let may = self.used_by.iter().any(|scope| principal.authorise(*scope, None).is_ok());
        let of = principal.agency();
        may && (self.agencies.is_empty() || of.is_none() || of.is_some_and(|of| self.agencies.contains(&of)))
    }

    /// Names of the fields of one standard.
    pub fn fields_of(&self, standard: &str) -> &[String] {
        self.fields.get(standard).map_or(&[], Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_purpose_is_named_by_words_and_never_by_a_number() {
        for name in NEEDED {
            assert!(PurposeCode::parse(name).is_ok());
        }
        for name in ["", "-", "a--b", "Transfer", "1994600079353", "a b", "โอน"] {
            assert!(PurposeCode::parse(name).is_err(), "{name}");
        }
        assert!(PurposeCode::parse(&"a".repeat(CODE_CHARS_MAX + 1)).is_err());
    }
}
