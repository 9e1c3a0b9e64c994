//! Names the gateway gives to things: submissions, uploads, requests, clients, people.
//!
//! Owns their text form (`sub_`, `upl_`, `req_`, `cli_`, `per_`, `ses_`, `lok_`, `apv_`, `agr_`, `dsr_`, `ret_` + time-ordered UUID, RFC 9562 §5.7, without hyphens).
//! Refuses anything else, so that an id taken from a URL can't be a path or an identifier of a person.

use serde::{Deserialize, Serialize};

#[derive(Debug, thiserror::Error)]
#[error("not an id of this kind: expected {prefix} followed by 32 hexadecimal digits")]
pub struct NotAnId {
    prefix: &'static str,
}

macro_rules! id {
    ($(#[$doc:meta])* $name:ident, $prefix:literal) => {
        $(#[$doc])*
        #[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        #[serde(try_from = "String", into = "String")]
        pub struct $name(String);

        impl $name {
            /// Wraps a fresh UUID version 7. The caller brings it, because this module has no clock.
            pub fn from_uuid(uuid: uuid::Uuid) -> Self {
                $name(format!(concat!($prefix, "{}"), uuid.simple()))
            }

            pub fn parse(text: &str) -> Result<Self, NotAnId> {
                match text.strip_prefix($prefix) {
                    Some(hex) if hex.len() == 32 && hex.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f')) => {
                        Ok($name(text.to_owned()))
                    }
                    _ => Err(NotAnId { prefix: $prefix }),
                }
            }

            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl TryFrom<String> for $name {
            type Error = NotAnId;
            fn try_from(text: String) -> Result<Self, NotAnId> {
                $name::parse(&text)
            }
        }

        impl From<$name> for String {
            fn from(id: $name) -> String {
                id.0
            }
        }
    };
}

id!(/** One submission of one file. */ SubmissionId, "sub_");
id!(/** One file on its way in by pieces. */ UploadId, "upl_");
id!(/** One HTTP request. */ RequestId, "req_");
id!(/** One client system of an agency. */ ClientId, "cli_");
id!(/** One person. */ PersonId, "per_");
id!(/** One session of a person, as the person sees it; what proves it is a secret. */ SessionId, "ses_");
id!(/** One look at records of persons. */ LookId, "lok_");
id!(/** One act that takes two persons. */ ApprovalId, "apv_");
id!(/** One agreement with an agency. */ AgreementId, "agr_");
id!(/** What a person asked about their own data. */ SubjectRequestId, "dsr_");
id!(/** One run of what is erased by rule. */ RetentionRunId, "ret_");

/// Who sent a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum SenderId {
    Client(ClientId),
    Person(PersonId),
}

impl SenderId {
    pub fn parse(text: &str) -> Result<Self, NotAnId> {
        ClientId::parse(text).map(SenderId::Client).or_else(|_| PersonId::parse(text).map(SenderId::Person))
    }

    pub fn as_str(&self) -> &str {
        match self {
            SenderId::Client(id) => id.as_str(),
            SenderId::Person(id) => id.as_str(),
        }
    }
}
