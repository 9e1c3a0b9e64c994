//! People: who may sign in, with which roles; kept by the operator or an access administrator.
//!
//! Owns accounts and what they are told. `start` sets password and authenticator with a one-time code, `sign_in` proves who
//! somebody is here and `single_sign_on` at a provider of identities, `sessions` is what a browser holds afterwards, `forms` that a form was ours. Every change is journalled with
//! the id of who made it.
//!
//! Refuses a change of one's own access, roles that don't go together, and to say whether a sign-in name is known.

pub mod forms;
mod hashing;
mod sessions;
mod sign_in;
mod single_sign_on;
mod start;
mod told;

pub use hashing::Hashing;
pub use sessions::{SessionTerms, SessionView, Visitor};
pub use sign_in::{SignedIn, Visit};
pub use single_sign_on::{Answer, CALLBACK, SentOn, SignOnError, SignedOn};
pub use start::Enrolment;

use super::clients::access_admin;
use super::{App, AppError, journal_entry};
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::KeyedHash;
use crate::domain::ids::PersonId;
use crate::domain::principal::{Principal, Roles, RolesFault, Scope};
use crate::domain::sign_in::{PasswordFault, SignInName};
use crate::store::{Invite, NewPerson, Person, Secret, Subject};
use crate::vault::{HashDomain, hash_token, random_token};
use jiff::{SignedDuration, Timestamp, Unit};
use serde::{Deserialize, Serialize};
use std::sync::Arc;

/// What tells the time: the system's clock, or a test's.
pub type Clock = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// How long a one-time code waits for its person.
pub const INVITE_HOURS: i64 = 72;
/// Letters of a person's name.
const NAME_CHARS_MAX: usize = 200;
/// Letters of an issuer's address and of a subject there (OpenID Connect Core §2: 255 at most).
const SUBJECT_CHARS_MAX: usize = 255;

/// Why something about people was not done, one variant per cause.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum PersonError {
    #[error("there is no person with this id")]
    Unknown,
    #[error("a name has 1 to {NAME_CHARS_MAX} letters")]
    Name,
    #[error("a sign-in name has 3 to 128 letters, digits or signs, without spaces")]
    SignInName,
    #[error("a person signs in by a sign-in name or by single sign-on: give one of them")]
    NoWayIn,
    #[error("issuer and subject are 1 to {SUBJECT_CHARS_MAX} letters, and the issuer is an https address")]
    Subject,
    #[error(transparent)]
    Roles(#[from] RolesFault),
    #[error("the person does not hold this role")]
    NotHeld,
    #[error("nobody changes their own access")]
    OwnAccess,
    #[error("there is an account of this sign-in name, or of this subject, already")]
    Exists,
    /// Unknown name, wrong password, disabled, not set up: not told apart.
    #[error("name or password is wrong")]
    Refused,
    #[error("too many wrong tries; the next one is looked at in {seconds} seconds")]
    Wait { seconds: i64 },
    #[error("the code is wrong, or was used")]
    Code,
    #[error("the one-time code is unknown, was used, or has expired")]
    Invite,
    #[error("the session is over")]
    Over,
    #[error("the password can't be taken")]
    Password(#[source] PasswordFault),
    #[error("the two passwords differ")]
    Differ,
    #[error("the new password is the present one")]
    SamePassword,
    #[error("too many sign in at this moment")]
    Busy,
}

/// What an access administrator says of a new person.
#[derive(Debug, Clone, Default)]
pub struct PersonTerms {
    pub name: String,
    pub sign_in: Option<String>,
    pub agency: Option<AgencyCode>,
    pub roles: Vec<Scope>,
    /// Issuer and subject at a provider of single sign-on.
    pub subject: Option<(String, String)>,
}

/// A person with the one sight of the code that sets their password.
#[derive(Debug)]
pub struct Invited {
    pub id: PersonId,
    /// None: the person comes by single sign-on only.
    pub code: Option<String>,
}

/// What is sealed of a person.
#[derive(Debug, Clone, Serialize, Deserialize)]
pub(super) struct Details {
    pub name: String,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sign_in: Option<String>,
}

/// How an account stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum PersonState {
    /// The one-time code was not used yet.
    Invited,
    /// It was not used in time: `saphan user reset`.
    Lapsed,
    Active,
    Disabled,
}

/// A person as access administrators see them.
#[derive(Debug, Clone, PartialEq)]
pub struct PersonView {
    pub id: PersonId,
    pub name: String,
    pub sign_in: Option<String>,
    pub agency: Option<AgencyCode>,
    pub roles: Vec<Scope>,
    pub state: PersonState,
    pub made_at: Timestamp,
    pub signed_in_at: Option<Timestamp>,
}

fn bound_to(id: &PersonId) -> String {
    format!("person {id}")
}

/// What a sealed value of an account is bound to.
pub(super) fn label_of(secret: Secret, id: &PersonId) -> String {
    match secret {
        Secret::Details => bound_to(id),
        Secret::Totp | Secret::TotpNext => start::totp_bound_to(id),
    }
}

/// Nobody widens or narrows their own access, whatever their role.
fn not_oneself(principal: &Principal, id: &PersonId) -> Result<(), PersonError> {
    match principal {
        Principal::Person { id: own, .. } if own == id => Err(PersonError::OwnAccess),
        _ => Ok(()),
    }
}

/// What may stand in a list on somebody's screen.
pub(super) fn is_name(name: &str) -> bool {
    (1..=NAME_CHARS_MAX).contains(&name.chars().count()) && !name.chars().any(char::is_control)
}

impl App {
    pub fn with_clock(self, clock: Clock) -> Self {
        App { clock, ..self }
    }

    /// Whole seconds, so that stored times sort as texts.
    pub(crate) fn now(&self) -> Timestamp {
        let now = (self.clock)();
        now.round(Unit::Second).unwrap_or(now)
    }

    pub async fn add_person(&self, principal: &Principal, terms: PersonTerms) -> Result<Invited, AppError> {
        access_admin(principal)?;
        let roles = Roles::new(terms.roles, terms.agency).map_err(PersonError::from)?;
        let name = terms.name.trim().to_owned();
        if !is_name(&name) {
            return Err(PersonError::Name.into());
        }
        let sign_in = terms.sign_in.as_deref().map(SignInName::parse).transpose();
        let sign_in = sign_in.map_err(|_| PersonError::SignInName)?;
        let subject = terms.subject.map(|(issuer, subject)| self.subject(&issuer, &subject)).transpose()?;
        if sign_in.is_none() && subject.is_none() {
            return Err(PersonError::NoWayIn.into());
        }
        let (id, now) = (PersonId::from_uuid(uuid::Uuid::now_v7()), self.now());
        let (code, invite) = match sign_in {
            Some(_) => {
                let (code, invite) = new_invite(now)?;
                (Some(code), Some(invite))
            }
            None => (None, None),
        };
        let details = Details { name, sign_in: sign_in.as_ref().map(|name| name.as_str().to_owned()) };
        let detail = serde_json::json!({
            "agency": terms.agency, "roles": roles.as_slice(), "single_sign_on": subject.is_some(),
        });
        let new = NewPerson {
            id: id.clone(),
            login: sign_in.as_ref().map(|name| self.login_hash(name.as_str())),
            sealed: self.seal_details(&id, &details)?,
            agency: terms.agency,
            roles: roles.as_slice().to_vec(),
            invite,
            subject,
            made_at: now,
        };
        let entry = journal_entry(principal, "person.add", id.as_str(), detail);
        self.store.add_person(&new, &entry).await?;
        Ok(Invited { id, code })
    }

    pub async fn people(&self, principal: &Principal) -> Result<Vec<PersonView>, AppError> {
        access_admin(principal)?;
        let now = self.now();
        self.store.people().await?.into_iter().map(|person| self.person_view(person, now)).collect()
    }

    fn person_view(&self, person: Person, now: Timestamp) -> Result<PersonView, AppError> {
        let Details { name, sign_in } = self.details(&person)?;
        let state = match (person.disabled_at, sign_in.is_some() && person.password.is_none(), person.invite_until) {
            (Some(_), ..) => PersonState::Disabled,
            (None, true, until) if until.is_none_or(|until| until <= now) => PersonState::Lapsed,
            (None, true, _) => PersonState::Invited,
            (None, false, _) => PersonState::Active,
        };
        let Person { id, agency, roles, made_at, signed_in_at, .. } = person;
        Ok(PersonView { id, name, sign_in, agency, roles, state, made_at, signed_in_at })
    }

    /// Works at once: every request looks the person up.
    pub async fn disable_person(&self, principal: &Principal, id: &PersonId) -> Result<(), AppError> {
        access_admin(principal)?;
        not_oneself(principal, id)?;
        if self.store.person(id).await?.is_some_and(|person| person.disabled_at.is_some()) {
            return Ok(());
        }
        let entry = journal_entry(principal, "person.disable", id.as_str(), serde_json::json!({}));
        Ok(self.store.disable_person(id, &entry).await?)
    }

    /// What was set before holds again.
    pub async fn enable_person(&self, principal: &Principal, id: &PersonId) -> Result<(), AppError> {
        access_admin(principal)?;
        not_oneself(principal, id)?;
        if self.store.person(id).await?.is_some_and(|person| person.disabled_at.is_none()) {
            return Ok(());
        }
        let entry = journal_entry(principal, "person.enable", id.as_str(), serde_json::json!({}));
        Ok(self.store.enable_person(id, &entry).await?)
    }

    /// Adds or takes away one role; works at once. `agency`: sets it, where the role needs one.
    pub async fn change_role(
        &self,
        principal: &Principal,
        id: &PersonId,
        role: Scope,
        is_held: bool,
        agency: Option<AgencyCode>,
    ) -> Result<(), AppError> {
        access_admin(principal)?;
        not_oneself(principal, id)?;
        let person = self.store.person(id).await?.ok_or(PersonError::Unknown)?;
        let mut roles = person.roles;
        if !is_held && !roles.contains(&role) {
            return Err(PersonError::NotHeld.into());
        }
        roles.retain(|held| *held != role);
        if is_held {
            roles.push(role);
        }
        let agency = agency.or(person.agency);
        let roles = Roles::new(roles, agency).map_err(PersonError::from)?;
        let detail = serde_json::json!({ "agency": agency, "roles": roles.as_slice() });
        let entry = journal_entry(principal, "person.roles", id.as_str(), detail);
        Ok(self.store.set_roles(id, roles.as_slice(), agency, &entry).await?)
    }

    /// For one who forgot the password or lost the telephone: both go, every session ends, and a one-time code sets new ones.
    pub async fn reset_person(&self, principal: &Principal, id: &PersonId) -> Result<Invited, AppError> {
        access_admin(principal)?;
        not_oneself(principal, id)?;
        let person = self.store.person(id).await?.ok_or(PersonError::Unknown)?;
        if self.details(&person)?.sign_in.is_none() {
            return Err(PersonError::NoWayIn.into());
        }
        let (code, invite) = new_invite(self.now())?;
        let entry = journal_entry(principal, "person.reset", id.as_str(), serde_json::json!({}));
        self.store.reset_person(id, &invite, &entry).await?;
        Ok(Invited { id: id.clone(), code: Some(code) })
    }

    pub(super) fn login_hash(&self, name: &str) -> KeyedHash {
        self.vault.hasher().hash(HashDomain::SignIn, &[name.as_bytes()])
    }

    /// Errors: `Subject`.
    pub(super) fn subject(&self, issuer: &str, subject: &str) -> Result<Subject, PersonError> {
        let fits = |text: &str| (1..=SUBJECT_CHARS_MAX).contains(&text.chars().count());
        let is_address = issuer.starts_with("https://") || issuer.starts_with("http://");
        if !fits(issuer) || !fits(subject) || !is_address {
            return Err(PersonError::Subject);
        }
        let hash = self.vault.hasher().hash(HashDomain::Subject, &[issuer.as_bytes(), subject.as_bytes()]);
        Ok(Subject { issuer: issuer.to_owned(), subject: hash })
    }

    fn seal_details(&self, id: &PersonId, details: &Details) -> Result<Vec<u8>, AppError> {
        let plain = serde_json::to_vec(details).map_err(|_| AppError::Worker)?;
        let mut sealed = Vec::new();
        self.vault.seal(bound_to(id).as_bytes(), &plain, &mut sealed)?;
        Ok(sealed)
    }

    pub(super) fn details(&self, person: &Person) -> Result<Details, AppError> {
        let mut plain = Vec::new();
        self.vault.unseal(bound_to(&person.id).as_bytes(), &person.sealed, &mut plain)?;
        serde_json::from_slice(&plain).map_err(|_| AppError::Worker)
    }

    pub(super) fn principal_of(&self, person: &Person) -> Result<Principal, AppError> {
        let name = self.details(person)?.name;
        Ok(Principal::Person { id: person.id.clone(), name, agency: person.agency, roles: person.roles.clone() })
    }
}

fn new_invite(now: Timestamp) -> Result<(String, Invite), AppError> {
    let code = random_token()?;
    let until = now + SignedDuration::from_hours(INVITE_HOURS);
    let invite = Invite { hash: hash_token(&code), until };
    Ok((code, invite))
}
