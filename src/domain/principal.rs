//! Who is asking: a client system with its agency and scopes.
//!
//! Owns the question "may this principal do that for this agency". The full access model (people,
//! roles, two-person rule) will widen `Scope` here; every use case already asks through `Authorised`.

use super::agency::AgencyCode;
use super::ids::ClientId;
use serde::{Deserialize, Serialize};

/// What a token allows. Names are the contract (`saphan client add --scope …`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Scope {
    /// Send files, read one's own submissions and records.
    #[serde(rename = "agency.submit")]
    AgencySubmit,
    /// Run and read counts.
    #[serde(rename = "count.run")]
    CountRun,
    /// Send the school register.
    #[serde(rename = "register.submit")]
    RegisterSubmit,
    /// Build the open data.
    #[serde(rename = "opendata.publish")]
    OpendataPublish,
    /// Read every agency's submissions (the ministry itself).
    #[serde(rename = "ministry.read")]
    MinistryRead,
}

impl Scope {
    pub const ALL: [Scope; 5] =
        [Scope::AgencySubmit, Scope::CountRun, Scope::RegisterSubmit, Scope::OpendataPublish, Scope::MinistryRead];

    pub fn as_str(&self) -> &'static str {
        match self {
            Scope::AgencySubmit => "agency.submit",
            Scope::CountRun => "count.run",
            Scope::RegisterSubmit => "register.submit",
            Scope::OpendataPublish => "opendata.publish",
            Scope::MinistryRead => "ministry.read",
        }
    }

    pub fn parse(text: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.as_str() == text)
    }
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Principal {
    /// The operator at the machine's own command line, with the store's files in hand.
    Operator,
    Client {
        id: ClientId,
        name: String,
        agency: Option<AgencyCode>,
        scopes: Vec<Scope>,
    },
    /// Nobody: open data, standards, health.
    Anonymous,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("no valid token came with the request")]
    NotAuthenticated,
    #[error("the token does not carry the scope {}", .0.as_str())]
    Scope(Scope),
    #[error("the token belongs to another agency")]
    OtherAgency,
    /// Stolen, or sent from another machine than it was given to.
    #[error("the token or its client is bound to a certificate that this connection did not show")]
    OtherCertificate,
}

/// Proof that the principal was allowed to act; only `Principal::authorise` makes one.
#[derive(Debug, Clone)]
pub struct Authorised {
    principal: Principal,
}

impl Authorised {
    pub fn principal(&self) -> &Principal {
        &self.principal
    }
}

impl Principal {
    /// May this principal use `scope` on data of `agency` (none: the ministry's own)?
    /// `ministry.read` sees every agency; the operator may do everything.
    pub fn authorise(&self, scope: Scope, agency: Option<AgencyCode>) -> Result<Authorised, Denied> {
        match self {
            Principal::Anonymous => Err(Denied::NotAuthenticated),
            Principal::Operator => Ok(Authorised { principal: self.clone() }),
            Principal::Client { agency: own, scopes, .. } => {
                if !scopes.contains(&scope) {
                    return Err(Denied::Scope(scope));
                }
                if agency.is_some() && agency != *own {
                    return Err(Denied::OtherAgency);
                }
                Ok(Authorised { principal: self.clone() })
            }
        }
    }

    /// May this principal read what `agency` sent? Its own, or everything for the ministry.
    pub fn authorise_read(&self, agency: AgencyCode) -> Result<Authorised, Denied> {
        self.authorise(Scope::MinistryRead, None).or_else(|_| self.authorise(Scope::AgencySubmit, Some(agency)))
    }
}
