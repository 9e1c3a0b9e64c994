//! What a browser holds of a person who signed in: a secret, good until it is idle too long, at its end, or ended.
//!
//! Owns who a secret stands for, and the ends: here, one elsewhere, all. Each request asks the store, so an account that is
//! disabled or loses a role does so at once, at every gateway.

use super::PersonError;
use crate::app::{App, AppError, journal_entry};
use crate::domain::ids::SessionId;
use crate::domain::principal::{Denied, Principal};
use crate::store::{How, NewSession, Person, Session, Stage};
use crate::vault::{hash_token, random_token};
use jiff::{SignedDuration, Timestamp};

/// How long sessions hold.
#[derive(Debug, Clone, Copy)]
pub struct SessionTerms {
    /// Without a request.
    pub idle_seconds: i64,
    /// Whatever happens.
    pub seconds: i64,
}

impl Default for SessionTerms {
    fn default() -> Self {
        SessionTerms { idle_seconds: 1_800, seconds: 43_200 }
    }
}

/// A session is noted as seen this often at most: not with every request.
const SEEN_EVERY_SECONDS: i64 = 60;
/// For the half of a sign-in, and for setting up an account.
pub(super) const HALF_SECONDS: i64 = 600;

/// Somebody with a session.
#[derive(Debug, Clone)]
pub struct Visitor {
    pub principal: Principal,
    pub session: SessionId,
    pub how: How,
    pub ends_at: Timestamp,
    pub(super) hash: String,
    pub(super) person: Person,
}

/// A session as its person sees it.
#[derive(Debug, Clone, PartialEq)]
pub struct SessionView {
    pub id: SessionId,
    pub how: How,
    pub made_at: Timestamp,
    pub seen_at: Timestamp,
    /// The one that asks.
    pub is_own: bool,
}

impl SessionView {
    pub fn is_by_password(&self) -> bool {
        self.how == How::Password
    }
}

impl Visitor {
    /// Somebody who comes by single sign-on only has none.
    pub fn has_password(&self) -> bool {
        self.person.password.is_some()
    }
}

impl App {
    /// For the forms of a browser that nobody signed in with yet.
    pub fn form_secret(&self) -> Result<String, AppError> {
        Ok(random_token()?)
    }

    pub fn with_session_terms(self, sessions: SessionTerms) -> Self {
        App { sessions, ..self }
    }

    /// Who a secret stands for. None: nobody, or it is over.
    pub async fn visitor(&self, secret: &str) -> Result<Option<Visitor>, AppError> {
        self.at_stage(secret, Stage::In).await
    }

    pub(super) async fn at_stage(&self, secret: &str, stage: Stage) -> Result<Option<Visitor>, AppError> {
        let (hash, now) = (hash_token(secret), self.now());
        let found = self.store.session(&hash, now, self.idle_since(now)).await?;
        let Some((session, person)) = found.filter(|(session, _)| session.stage == stage) else { return Ok(None) };
        let every = SEEN_EVERY_SECONDS.min(self.sessions.idle_seconds / 4);
        if session.seen_at.duration_until(now) >= SignedDuration::from_secs(every) {
            self.store.session_seen(&hash, now).await?;
        }
        let Session { id, how, ends_at, .. } = session;
        Ok(Some(Visitor { principal: self.principal_of(&person)?, session: id, how, ends_at, hash, person }))
    }

    fn idle_since(&self, now: Timestamp) -> Timestamp {
        now - SignedDuration::from_secs(self.sessions.idle_seconds)
    }

    /// A new secret, and the session that it stands for; its end depends on the stage.
    pub(super) fn new_session(
        &self,
        person: &Person,
        stage: Stage,
        how: How,
    ) -> Result<(String, NewSession), AppError> {
        let (secret, now) = (random_token()?, self.now());
        let seconds = if stage == Stage::In { self.sessions.seconds } else { HALF_SECONDS };
        let new = NewSession {
            hash: hash_token(&secret),
            id: SessionId::from_uuid(uuid::Uuid::now_v7()),
            person: person.id.clone(),
            generation: person.generation,
            stage,
            how,
            at: now,
            ends_at: now + SignedDuration::from_secs(seconds),
        };
        Ok((secret, new))
    }

    pub async fn own_sessions(&self, visitor: &Visitor) -> Result<Vec<SessionView>, AppError> {
        let now = self.now();
        let found = self.store.sessions_of(&visitor.person.id, now, self.idle_since(now)).await?;
        let view = |Session { id, how, made_at, seen_at, .. }: Session| {
            let is_own = id == visitor.session;
            SessionView { id, how, made_at, seen_at, is_own }
        };
        Ok(found.into_iter().map(view).collect())
    }

    /// Here, in this browser.
    pub async fn sign_out(&self, visitor: &Visitor) -> Result<(), AppError> {
        let detail = serde_json::json!({ "session": visitor.session });
        let entry = journal_entry(&visitor.principal, "person.sign-out", visitor.person.id.as_str(), detail);
        Ok(self.store.end_session(&visitor.hash, &entry).await?)
    }

    /// One of the person's other sessions. One that is over already is none to end.
    pub async fn end_session(&self, visitor: &Visitor, id: &SessionId) -> Result<(), AppError> {
        let detail = serde_json::json!({ "session": id });
        let entry = journal_entry(&visitor.principal, "person.sign-out", visitor.person.id.as_str(), detail);
        self.store.end_session_of(&visitor.person.id, id, &entry).await?;
        Ok(())
    }

    /// In every browser.
    pub async fn sign_out_everywhere(&self, visitor: &Visitor) -> Result<(), AppError> {
        let detail = serde_json::json!({ "everywhere": true });
        let entry = journal_entry(&visitor.principal, "person.sign-out", visitor.person.id.as_str(), detail);
        Ok(self.store.end_all_sessions(&visitor.person.id, &entry).await?)
    }

    /// For the API: a session instead of a token.
    ///
    /// Errors: `NotAuthenticated` for one that is over.
    pub async fn authenticate_session(&self, secret: &str) -> Result<Principal, AppError> {
        Ok(self.visitor(secret).await?.ok_or(Denied::NotAuthenticated)?.principal)
    }

    /// Errors: `Over`.
    pub(super) async fn half(&self, secret: &str, stage: Stage) -> Result<Visitor, AppError> {
        Ok(self.at_stage(secret, stage).await?.ok_or(PersonError::Over)?)
    }
}
