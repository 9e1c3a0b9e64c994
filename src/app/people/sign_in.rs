//! Signing in with name and password, then the code of the telephone.
//!
//! Owns that nothing said on the way tells a known name from an unknown one, neither by words nor by time, and that guessing
//! gets slower and slower. A stranger's guesses must not shut the owner out: a browser in which somebody signed in before holds
//! a token of ours, and its tries are counted by that token alone.

use super::{PersonError, Visitor};
use crate::app::{App, AppError, journal_entry};
use crate::domain::enrolment::KeyedHash;
use crate::domain::principal::Principal;
use crate::domain::sign_in::{SignInName, normalised};
use crate::store::{How, Person, Stage, StoreError, TryMark};
use crate::vault::{HashDomain, random_token, same, totp_step};
use data_encoding::HEXLOWER;
use std::net::IpAddr;

/// Wrong tries that cost no wait: for one account, from one known browser, from one source.
const FREE_ACCOUNT: i64 = 5;
const FREE_DEVICE: i64 = 5;
const FREE_SOURCE: i64 = 50;
/// Letters of what is typed as a password that are looked at.
const TYPED_CHARS_MAX: usize = 1_024;

/// Where somebody comes from who tries to sign in.
#[derive(Debug, Clone, Copy, Default)]
pub struct Visit<'v> {
    /// None where it says nothing: a proxy on this machine stands before the gateway.
    pub source: Option<IpAddr>,
    /// The token of a browser in which somebody signed in before.
    pub device: Option<&'v str>,
}

/// Two secrets for the browser that signed in.
#[derive(Debug)]
pub struct SignedIn {
    /// Of the session.
    pub session: String,
    /// By which the browser is known the next time.
    pub device: String,
}

/// What one try is counted by.
struct Marks {
    /// Forgotten when the sign-in succeeds.
    own: TryMark,
    /// Shared with others, so only this try is taken back.
    shared: Option<TryMark>,
}

impl Marks {
    fn all(&self) -> Vec<TryMark> {
        std::iter::once(self.own).chain(self.shared).collect()
    }
}

impl App {
    /// The first half: answers a secret for the second one.
    ///
    /// Errors: `Refused`, `Wait`, `Busy`.
    pub async fn check_password(&self, name: &str, password: &str, visit: Visit<'_>) -> Result<String, AppError> {
        let typed: String = name.chars().take(TYPED_CHARS_MAX).collect();
        let login = self.login_hash(SignInName::parse(name).as_ref().map_or(&typed, |name| name.as_str()));
        let person = self.store.person_by_login(login).await?;
        let marks = self.marks(login, visit);
        self.begin_try(&marks, person.as_ref()).await?;
        let is_typed = password.chars().count() <= TYPED_CHARS_MAX;
        let hash = person.as_ref().filter(|person| is_typed && person.totp.is_some()).and_then(|p| p.password.clone());
        let typed: String = password.chars().take(TYPED_CHARS_MAX).collect();
        if !self.hashing.is_right(normalised(&typed), hash).await? {
            return Err(PersonError::Refused.into());
        }
        let person = person.ok_or(PersonError::Refused)?;
        // One who knows the password and guesses codes gains no free tries by it.
        self.store.end_try(&marks.all(), &[], self.now()).await?;
        let (secret, new) = self.new_session(&person, Stage::Code, How::Password)?;
        self.store.begin_session(&new).await?;
        Ok(secret)
    }

    /// The second half. `half`: the secret of the first.
    ///
    /// Errors: `Over`, `Code`, `Wait`.
    pub async fn check_code(&self, half: &str, code: &str, visit: Visit<'_>) -> Result<SignedIn, AppError> {
        let visitor = self.half(half, Stage::Code).await?;
        let login = self.own_login(&visitor)?;
        let marks = self.marks(login, visit);
        self.begin_try(&marks, Some(&visitor.person)).await?;
        let sealed = visitor.person.totp.as_deref().ok_or(PersonError::Over)?;
        let step = self.step_of(&visitor.person, sealed, code, visitor.person.totp_step)?.ok_or(PersonError::Code)?;
        let (secret, new) = self.new_session(&visitor.person, Stage::In, How::Password)?;
        let detail = serde_json::json!({ "how": How::Password.as_str(), "session": new.id });
        let entry = journal_entry(&visitor.principal, "person.sign-in", visitor.person.id.as_str(), detail);
        self.store.sign_in(Some(&visitor.hash), &new, Some(step), &entry).await.map_err(|error| match error {
            StoreError::CodeUsed => PersonError::Code.into(),
            error => AppError::from(error),
        })?;
        let shared: Vec<TryMark> = marks.shared.into_iter().collect();
        self.store.end_try(&shared, &[marks.own], self.now()).await?;
        Ok(SignedIn { session: secret, device: self.device_token(login)? })
    }

    /// The password of somebody who is signed in, asked once more. Counted as any other try.
    pub(super) async fn prove(&self, visitor: &Visitor, password: &str, visit: Visit<'_>) -> Result<(), AppError> {
        let marks = self.marks(self.own_login(visitor)?, visit);
        self.begin_try(&marks, Some(&visitor.person)).await?;
        let typed: String = password.chars().take(TYPED_CHARS_MAX).collect();
        if !self.hashing.is_right(normalised(&typed), visitor.person.password.clone()).await? {
            return Err(PersonError::Refused.into());
        }
        Ok(self.store.end_try(&marks.all(), &[], self.now()).await?)
    }

    /// The step a code is of, by the sealed secret of the person.
    pub(super) fn step_of(
        &self,
        person: &Person,
        sealed: &[u8],
        code: &str,
        used: i64,
    ) -> Result<Option<i64>, AppError> {
        // Apps show it as two groups of three.
        let code: String = code.chars().filter(|c| !c.is_whitespace()).take(8).collect();
        let mut secret = Vec::new();
        self.vault.unseal(super::start::totp_bound_to(&person.id).as_bytes(), sealed, &mut secret)?;
        Ok(totp_step(&secret, &code, self.now().as_second(), used)?)
    }

    pub(super) fn own_login(&self, visitor: &Visitor) -> Result<KeyedHash, AppError> {
        let name = self.details(&visitor.person)?.sign_in.ok_or(PersonError::Over)?;
        Ok(self.login_hash(&name))
    }

    fn marks(&self, login: KeyedHash, visit: Visit<'_>) -> Marks {
        let hasher = self.vault.hasher();
        let of = |parts: &[&[u8]]| hasher.hash(HashDomain::Tries, parts);
        if let Some(known) = visit.device.and_then(|device| self.known_device(login, device)) {
            let mark = of(&[b"device", &login, known.as_bytes()]);
            return Marks { own: TryMark { mark, free: FREE_DEVICE }, shared: None };
        }
        let own = TryMark { mark: of(&[b"account", &login]), free: FREE_ACCOUNT };
        let shared = visit.source.map(|source| {
            // Who has one IPv6 address has the network of it.
            let source = match source {
                IpAddr::V4(four) => four.octets().to_vec(),
                IpAddr::V6(six) => six.octets()[..8].to_vec(),
            };
            TryMark { mark: of(&[b"source", &source]), free: FREE_SOURCE }
        });
        Marks { own, shared }
    }

    async fn begin_try(&self, marks: &Marks, person: Option<&Person>) -> Result<(), AppError> {
        let object = person.map_or("unknown", |person| person.id.as_str());
        let entry = journal_entry(&Principal::Anonymous, "person.sign-in-slowed", object, serde_json::json!({}));
        let now = self.now();
        match self.store.begin_try(&marks.all(), now, &entry).await? {
            None => Ok(()),
            Some(until) => Err(PersonError::Wait { seconds: now.duration_until(until).as_secs().max(1) }.into()),
        }
    }

    /// `RANDOM.MAC`: nobody else makes one, and it is of one account.
    pub(super) fn device_token(&self, login: KeyedHash) -> Result<String, AppError> {
        let random = random_token()?;
        let mac = self.vault.hasher().hash(HashDomain::Device, &[&login, random.as_bytes()]);
        Ok(format!("{random}.{}", HEXLOWER.encode(&mac)))
    }

    fn known_device<'d>(&self, login: KeyedHash, token: &'d str) -> Option<&'d str> {
        let (random, mac) = token.split_once('.')?;
        let own = self.vault.hasher().hash(HashDomain::Device, &[&login, random.as_bytes()]);
        same(HEXLOWER.encode(&own).as_bytes(), mac.as_bytes()).then_some(random)
    }
}
