//! The first start of an account, and a change of its password.
//!
//! Owns what has to come together before somebody can sign in: the one-time code, a password that may be kept, and a code of
//! the authenticator that proves it was set up. Until then nothing is changed and the one-time code still serves.

use super::{PersonError, SignedIn, Visit, Visitor};
use crate::app::{App, AppError, journal_entry};
use crate::domain::ids::PersonId;
use crate::domain::sign_in::{NewPassword, SignInName};
use crate::store::{How, Person, Stage, StoreError};
use crate::vault::{hash_token, new_totp_secret, totp_secret_text};

/// Letters of a one-time code that are looked at.
const CODE_CHARS_MAX: usize = 128;

/// What the page of a first start shows.
#[derive(Debug)]
pub struct Enrolment {
    pub name: String,
    pub sign_in: String,
    /// For typing into an app.
    pub secret: String,
    /// `otpauth://totp/…`, for a QR code.
    pub address: String,
}

pub(super) fn totp_bound_to(id: &PersonId) -> String {
    format!("totp {id}")
}

impl App {
    /// A one-time code against a secret by which the account is set up.
    ///
    /// Errors: `Invite`.
    pub async fn begin_start(&self, code: &str) -> Result<String, AppError> {
        let code: String = code.trim().chars().take(CODE_CHARS_MAX).collect();
        let person = self.store.person_by_invite(&hash_token(&code), self.now()).await?.ok_or(PersonError::Invite)?;
        let (secret, new) = self.new_session(&person, Stage::Start, How::Password)?;
        self.store.begin_session(&new).await?;
        Ok(secret)
    }

    /// The authenticator to be set up; the same one each time the page is looked at.
    ///
    /// Errors: `Over`.
    pub async fn enrolment(&self, secret: &str) -> Result<Enrolment, AppError> {
        let visitor = self.half(secret, Stage::Start).await?;
        let details = self.details(&visitor.person)?;
        let sign_in = details.sign_in.ok_or(PersonError::Over)?;
        let bound_to = totp_bound_to(&visitor.person.id);
        let mut totp = Vec::new();
        match &visitor.person.totp_next {
            Some(sealed) => self.vault.unseal(bound_to.as_bytes(), sealed, &mut totp)?,
            None => {
                totp = new_totp_secret()?;
                let mut sealed = Vec::new();
                self.vault.seal(bound_to.as_bytes(), &totp, &mut sealed)?;
                self.store.enrol_totp(&visitor.person.id, &sealed).await?;
            }
        }
        let secret = totp_secret_text(&totp);
        let label = percent(&sign_in);
        let address = format!("otpauth://totp/Saphan:{label}?secret={secret}&issuer=Saphan&digits=6&period=30");
        Ok(Enrolment { name: details.name, sign_in, secret, address })
    }

    /// Sets password and authenticator, and signs in.
    ///
    /// Errors: `Over`, `Password`, `Differ`, `Code`.
    pub async fn finish_start(
        &self,
        secret: &str,
        password: &str,
        again: &str,
        code: &str,
    ) -> Result<SignedIn, AppError> {
        let visitor = self.half(secret, Stage::Start).await?;
        let password = self.fit_password(&visitor.person, password, again)?;
        let sealed = visitor.person.totp_next.as_deref().ok_or(PersonError::Over)?;
        let step = self.step_of(&visitor.person, sealed, code, 0)?.ok_or(PersonError::Code)?;
        let hash = self.hashing.hash(password.as_str().to_owned()).await?;
        let (id, generation) = (&visitor.person.id, visitor.person.generation);
        let entry = journal_entry(&visitor.principal, "person.start", id.as_str(), serde_json::json!({}));
        self.store.person_started(id, generation, &hash, step, &entry).await.map_err(changed)?;
        self.sign_in_again(visitor).await
    }

    /// Every other session ends; this browser gets a new one.
    ///
    /// Errors: `Refused` for a wrong old password, `Wait`, `Password`, `Differ`, `SamePassword`.
    pub async fn change_password(
        &self,
        visitor: Visitor,
        old: &str,
        password: &str,
        again: &str,
        visit: Visit<'_>,
    ) -> Result<SignedIn, AppError> {
        self.prove(&visitor, old, visit).await?;
        if password == old {
            return Err(PersonError::SamePassword.into());
        }
        let password = self.fit_password(&visitor.person, password, again)?;
        let hash = self.hashing.hash(password.as_str().to_owned()).await?;
        let (id, generation) = (&visitor.person.id, visitor.person.generation);
        let entry = journal_entry(&visitor.principal, "person.password", id.as_str(), serde_json::json!({}));
        self.store.set_password(id, generation, &hash, &entry).await.map_err(changed)?;
        self.sign_in_again(visitor).await
    }

    /// After a change that ended all sessions and raised the generation.
    async fn sign_in_again(&self, visitor: Visitor) -> Result<SignedIn, AppError> {
        let login = self.own_login(&visitor)?;
        let Visitor { principal, mut person, .. } = visitor;
        person.generation += 1;
        let (session, new) = self.new_session(&person, Stage::In, How::Password)?;
        let detail = serde_json::json!({ "how": How::Password.as_str(), "session": new.id });
        let entry = journal_entry(&principal, "person.sign-in", person.id.as_str(), detail);
        self.store.sign_in(None, &new, None, &entry).await?;
        Ok(SignedIn { session, device: self.device_token(login)? })
    }

    fn fit_password(&self, person: &Person, password: &str, again: &str) -> Result<NewPassword, AppError> {
        let sign_in = self.details(person)?.sign_in.ok_or(PersonError::Over)?;
        let name = SignInName::parse(&sign_in).map_err(|_| PersonError::Over)?;
        if password != again {
            return Err(PersonError::Differ.into());
        }
        Ok(NewPassword::new(password, &name).map_err(PersonError::Password)?)
    }
}

/// Somebody else was quicker: what this browser knows is over.
fn changed(error: StoreError) -> AppError {
    match error {
        StoreError::NoSuchPerson => PersonError::Over.into(),
        error => error.into(),
    }
}

/// RFC 3986 §2.1, of everything but letters, digits and `.-_`.
fn percent(text: &str) -> String {
    let mut out = String::new();
    for byte in text.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'.' | b'-' | b'_' => out.push(char::from(byte)),
            other => out.push_str(&format!("%{other:02X}")),
        }
    }
    out
}
