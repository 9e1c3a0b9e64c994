//! An agency of the ministry (หน่วยงานต้นสังกัด): the two digits that open its school codes, and its short name.
//!
//! Source: ministry GPA file structure, academic year 2559 (`schemas/codelists/agency.csv`).
//! Owns the identity only; labels and dates live in the code list.

use serde::{Deserialize, Serialize};

/// Two digits, e.g. `10` for OBEC.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct AgencyCode([u8; 2]);

#[derive(Debug, thiserror::Error)]
#[error("an agency is two digits such as 10, or a short name such as obec")]
pub struct NotAnAgency;

/// Short names used in mapping names, routes and tokens, with the digits they stand for.
pub const SLUGS: [(&str, &str); 4] = [("obec", "10"), ("opec", "11"), ("dole", "12"), ("ovec", "13")];

impl AgencyCode {
    /// From two digits or from a short name (`obec`, `opec`, `dole`, `ovec`).
    pub fn parse(text: &str) -> Result<Self, NotAnAgency> {
        let digits = SLUGS.iter().find(|(slug, _)| *slug == text).map_or(text, |(_, code)| code);
        match digits.as_bytes() {
            [a, b] if a.is_ascii_digit() && b.is_ascii_digit() => Ok(AgencyCode([*a, *b])),
            _ => Err(NotAnAgency),
        }
    }

    pub fn as_str(&self) -> &str {
        // Two ASCII digits by construction.
        std::str::from_utf8(&self.0).unwrap_or("")
    }

    /// The short name, or the digits where the agency has none here.
    pub fn slug(&self) -> &str {
        SLUGS.iter().find(|(_, code)| *code == self.as_str()).map_or(self.as_str(), |(slug, _)| slug)
    }
}

impl std::fmt::Display for AgencyCode {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

impl TryFrom<String> for AgencyCode {
    type Error = NotAnAgency;
    fn try_from(text: String) -> Result<Self, NotAnAgency> {
        AgencyCode::parse(&text)
    }
}

impl From<AgencyCode> for String {
    fn from(code: AgencyCode) -> String {
        code.as_str().to_owned()
    }
}
