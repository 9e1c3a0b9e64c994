//! Who is asking: a client system with its agency and scopes, or a person with agency and roles.
//!
//! Owns the question "may this principal do that for this agency", and which rights may be held together and by whom. What
//! is not held is refused; every use case asks through `Authorised`. What takes two persons is `approval.rs`.

use super::agency::AgencyCode;
use super::agreement::Grants;
use super::ids::{ClientId, PersonId, SenderId};
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

macro_rules! scopes {
    ($($(#[doc = $doc:literal])* $name:ident = $text:literal,)*) => {
        /// What a token allows, and the role of a person. Names are the contract (`saphan client add --scope …`,
        /// `saphan user add --role …`).
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Scope {
            $($(#[doc = $doc])* #[serde(rename = $text)] $name,)*
        }

        impl Scope {
            pub const ALL: &[Scope] = &[$(Scope::$name),*];

            pub fn as_str(&self) -> &'static str {
                match self { $(Scope::$name => $text),* }
            }
        }
    };
}

scopes! {
    /// Send files, read one's own submissions and records.
    AgencySubmit = "agency.submit",
    /// Run and read counts.
    CountRun = "count.run",
    /// Send the school register.
    RegisterSubmit = "register.submit",
    /// Build the open data.
    OpendataPublish = "opendata.publish",
    /// Read every agency's submissions (the ministry itself).
    MinistryRead = "ministry.read",
    /// Ask other agencies about a learner.
    AgencyLookup = "agency.lookup",
    /// Answer cases for one's agency.
    AgencyAnswer = "agency.answer",
    /// Ask for agreements in the agency's name, and end them.
    AgencyAgree = "agency.agree",
    /// Change the draft of a mapping.
    MappingEdit = "mapping.edit",
    /// Let a mapping take effect: always the second of two persons.
    MappingApprove = "mapping.approve",
    /// Certify a count.
    CountCertify = "count.certify",
    /// Answer people who ask what is held about them.
    PrivacyOfficer = "privacy.officer",
    /// Keep clients and people.
    AccessAdmin = "access.admin",
    /// Read the journal, and nothing else.
    Auditor = "auditor",
}

impl Scope {
    /// Those a client system may hold. The others decide something, and a person answers for that.
    pub const FOR_CLIENTS: [Scope; 7] = [
        Scope::AgencySubmit,
        Scope::CountRun,
        Scope::RegisterSubmit,
        Scope::OpendataPublish,
        Scope::MinistryRead,
        Scope::AgencyLookup,
        Scope::AgencyAnswer,
    ];

    pub fn parse(text: &str) -> Option<Scope> {
        Scope::ALL.iter().copied().find(|scope| scope.as_str() == text)
    }

    pub fn is_for_clients(self) -> bool {
        Scope::FOR_CLIENTS.contains(&self)
    }

    /// It says nothing without the agency that it is for.
    pub fn needs_agency(self) -> bool {
        matches!(self, Scope::AgencySubmit | Scope::AgencyLookup | Scope::AgencyAnswer | Scope::AgencyAgree)
    }
}

impl Scope {
    /// It reaches over all agencies, so nobody of a single one holds it.
    pub fn is_of_the_ministry(self) -> bool {
        matches!(self, Scope::MinistryRead | Scope::AccessAdmin | Scope::Auditor)
    }
}

/// Roles that go together, each once, in one order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Roles(Vec<Scope>);

/// Why roles don't go together.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RolesFault {
    #[error("an auditor reads the journal and nothing else: the role goes with no other")]
    AuditorAlone,
    #[error("{} needs an agency: for whom?", .0.as_str())]
    AgencyNeeded(Scope),
    #[error("{} reaches over all agencies, and is for the ministry alone", .0.as_str())]
    MinistryOnly(Scope),
}

impl Roles {
    /// None at all is allowed: such a person may sign in and do nothing.
    pub fn new(mut roles: Vec<Scope>, agency: Option<AgencyCode>) -> Result<Roles, RolesFault> {
        roles.sort_unstable();
        roles.dedup();
        if roles.contains(&Scope::Auditor) && roles.len() > 1 {
            return Err(RolesFault::AuditorAlone);
        }
        if let Some(role) = roles.iter().find(|role| role.is_of_the_ministry() && agency.is_some()) {
            return Err(RolesFault::MinistryOnly(*role));
        }
        match roles.iter().find(|role| role.needs_agency() && agency.is_none()) {
            Some(role) => Err(RolesFault::AgencyNeeded(*role)),
            None => Ok(Roles(roles)),
        }
    }

    pub fn as_slice(&self) -> &[Scope] {
        &self.0
    }

    /// `count.run count.certify`
    pub fn to_text(&self) -> String {
        self.0.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
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
        /// What its agreements give it, and it has nothing beyond that; none: no agreement covers it.
        within: Option<Grants>,
    },
    /// Somebody who signed in.
    Person { id: PersonId, name: String, agency: Option<AgencyCode>, roles: Vec<Scope> },
    /// Nobody: open data, standards, health.
    Anonymous,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Denied {
    #[error("no valid token or session came with the request")]
    NotAuthenticated,
    #[error("the token or account does not carry the right {}", .0.as_str())]
    Scope(Scope),
    #[error("the token or account belongs to another agency")]
    OtherAgency,
    /// Stolen, or sent from another machine than it was given to.
    #[error("the token or its client is bound to a certificate that this connection did not show")]
    OtherCertificate,
    /// None of the agreements that cover the client is in force, or agreements are required and none covers it.
    #[error("no agreement in force covers this client")]
    NoAgreement,
    #[error("the client's agreements do not give it this")]
    NotAgreed,
    /// What a client system does with its own token, and nobody in its place.
    #[error("only a client system does this")]
    ClientsOnly,
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
            Principal::Client { agency: own, scopes, .. } | Principal::Person { agency: own, roles: scopes, .. } => {
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

    /// Errors: `NotAgreed` for a mapping that the client's agreements leave out.
    pub fn may_submit(&self, mapping: &str) -> Result<(), Denied> {
        match self {
            Principal::Client { within: Some(grants), .. } if !grants.may_submit(mapping) => Err(Denied::NotAgreed),
            _ => Ok(()),
        }
    }

    /// The fields of a standard that may be read for a purpose; none: all that it releases. Errors: `NotAgreed`.
    pub fn fields_read(&self, purpose: &str, standard: &str) -> Result<Option<&BTreeSet<String>>, Denied> {
        match self {
            Principal::Client { within: Some(grants), .. } => {
                grants.fields_of(purpose, standard).map(Some).ok_or(Denied::NotAgreed)
            }
            _ => Ok(None),
        }
    }

    /// The agency it speaks for.
    pub fn agency(&self) -> Option<AgencyCode> {
        match self {
            Principal::Client { agency, .. } | Principal::Person { agency, .. } => *agency,
            Principal::Operator | Principal::Anonymous => None,
        }
    }

    /// Whose name a file sent by it carries; none: the operator's.
    pub fn sender(&self) -> Option<SenderId> {
        match self {
            Principal::Client { id, .. } => Some(SenderId::Client(id.clone())),
            Principal::Person { id, .. } => Some(SenderId::Person(id.clone())),
            Principal::Operator | Principal::Anonymous => None,
        }
    }

    /// As the journal names it.
    pub fn actor(&self) -> String {
        match self {
            Principal::Operator => String::from("operator"),
            Principal::Client { id, .. } => id.to_string(),
            Principal::Person { id, .. } => id.to_string(),
            Principal::Anonymous => String::from("anonymous"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_auditor_holds_nothing_else_and_an_agencys_role_needs_the_agency() {
        let roles = |roles: &[Scope], agency| Roles::new(roles.to_vec(), agency);
        assert_eq!(roles(&[Scope::Auditor, Scope::CountRun], None), Err(RolesFault::AuditorAlone));
        assert_eq!(roles(&[Scope::Auditor, Scope::Auditor], None).unwrap().to_text(), "auditor");
        assert_eq!(roles(&[Scope::AgencyAnswer], None), Err(RolesFault::AgencyNeeded(Scope::AgencyAnswer)));
        assert!(roles(&[Scope::AgencyAnswer], AgencyCode::parse("obec").ok()).is_ok());
        assert!(roles(&[], None).is_ok());
        for role in [Scope::MinistryRead, Scope::AccessAdmin, Scope::Auditor] {
            assert_eq!(roles(&[role], AgencyCode::parse("obec").ok()), Err(RolesFault::MinistryOnly(role)));
        }
    }

    #[test]
    fn a_person_may_what_the_role_says_for_the_own_agency_and_nothing_else() {
        let (obec, dole) = (AgencyCode::parse("obec").ok(), AgencyCode::parse("dole").ok());
        let id = PersonId::from_uuid(uuid::Uuid::nil());
        for held in Scope::ALL {
            let person = Principal::Person { id: id.clone(), name: String::new(), agency: obec, roles: vec![*held] };
            for asked in Scope::ALL {
                assert_eq!(person.authorise(*asked, None).is_ok(), held == asked, "{held:?} {asked:?}");
                assert_eq!(person.authorise(*asked, obec).is_ok(), held == asked, "{held:?} {asked:?}");
                assert!(person.authorise(*asked, dole).is_err());
            }
        }
    }
}
