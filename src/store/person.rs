//! People: who they are to the gateway, and what they may.
//!
//! Owns their rows; names are sealed, and the sign-in name is known by its keyed hash. Disabling and a change of roles work at
//! once on every gateway, because every request looks here. Refuses a second person under one sign-in name or one subject of a
//! provider.

use super::engine::{Query, Row, Tx, query};
use super::row::{agency_from, optional_time_from, time_from};
use super::{JournalEntry, Store, StoreError, approval, journal};
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::KeyedHash;
use crate::domain::ids::PersonId;
use crate::domain::principal::Scope;
use jiff::Timestamp;

/// A person at a provider of single sign-on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Subject {
    pub issuer: String,
    /// Keyed hash.
    pub subject: KeyedHash,
}

/// By its hash; it serves once.
#[derive(Debug, Clone, PartialEq)]
pub struct Invite {
    pub hash: String,
    pub until: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct NewPerson {
    pub id: PersonId,
    /// None: the person comes by single sign-on only.
    pub login: Option<KeyedHash>,
    /// Name and sign-in name.
    pub sealed: Vec<u8>,
    pub agency: Option<AgencyCode>,
    pub roles: Vec<Scope>,
    pub invite: Option<Invite>,
    pub subject: Option<Subject>,
    pub made_at: Timestamp,
}

#[derive(Debug, Clone, PartialEq)]
pub struct Person {
    pub id: PersonId,
    pub sealed: Vec<u8>,
    pub agency: Option<AgencyCode>,
    pub roles: Vec<Scope>,
    pub password: Option<String>,
    /// Sealed.
    pub totp: Option<Vec<u8>>,
    /// Sealed; not proved yet.
    pub totp_next: Option<Vec<u8>>,
    /// Of the last code that was used.
    pub totp_step: i64,
    pub invite_until: Option<Timestamp>,
    pub generation: i64,
    pub made_at: Timestamp,
    pub signed_in_at: Option<Timestamp>,
    pub disabled_at: Option<Timestamp>,
}

macro_rules! person_columns {
    () => {
        "p.id AS person_id, p.sealed, p.agency, p.roles, p.password, p.totp, p.totp_next, p.totp_step, p.invite_until, \
         p.generation AS person_generation, p.made_at AS person_made_at, p.signed_in_at, p.disabled_at"
    };
}
pub(super) use person_columns;

macro_rules! select {
    ($rest:literal) => {
        concat!("SELECT ", person_columns!(), " FROM person p ", $rest)
    };
}

const INSERT: &str = "INSERT INTO person (id, login, sealed, agency, roles, invite, invite_until, made_at) \
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const LINK: &str = "INSERT INTO person_subject (issuer, subject, person) VALUES ($1, $2, $3)";
const SUBJECTS: &str = "SELECT issuer, subject FROM person_subject WHERE person = $1 ORDER BY issuer, subject";
const BY_ID: &str = select!("WHERE p.id = $1");
const BY_LOGIN: &str = select!("WHERE p.login = $1 AND p.disabled_at IS NULL");
const BY_INVITE: &str = select!("WHERE p.invite = $1 AND p.invite_until > $2 AND p.disabled_at IS NULL");
const BY_SUBJECT: &str = select!(
    "JOIN person_subject s ON s.person = p.id WHERE s.issuer = $1 AND s.subject = $2 AND p.disabled_at IS NULL"
);
const ALL: &str = select!("ORDER BY p.made_at, p.id");
const ROLES: &str = "UPDATE person SET roles = $2, agency = $3 WHERE id = $1 AND disabled_at IS NULL";
const DISABLE: &str = "UPDATE person SET disabled_at = $2, invite = NULL, invite_until = NULL, generation = generation + 1 \
    WHERE id = $1 AND disabled_at IS NULL";
const ENABLE: &str = "UPDATE person SET disabled_at = NULL WHERE id = $1 AND disabled_at IS NOT NULL";
const RESET: &str = "UPDATE person SET password = NULL, totp = NULL, totp_next = NULL, totp_step = 0, invite = $2, \
    invite_until = $3, generation = generation + 1 WHERE id = $1 AND disabled_at IS NULL";
const ENROL: &str = "UPDATE person SET totp_next = $2 WHERE id = $1 AND disabled_at IS NULL";
const STARTED: &str = "UPDATE person SET password = $3, totp = totp_next, totp_next = NULL, totp_step = $4, invite = NULL, \
    invite_until = NULL, generation = generation + 1 \
    WHERE id = $1 AND generation = $2 AND totp_next IS NOT NULL AND disabled_at IS NULL";
const PASSWORD: &str = "UPDATE person SET password = $3, generation = generation + 1 \
    WHERE id = $1 AND generation = $2 AND disabled_at IS NULL";
const END_SESSIONS: &str = "UPDATE person SET generation = generation + 1 WHERE id = $1";
const DELETE_SESSIONS: &str = "DELETE FROM session WHERE person = $1";
const CODE_USED: &str =
    "UPDATE person SET totp_step = $2 WHERE id = $1 AND totp_step < $2 AND generation = $3 AND disabled_at IS NULL";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[
    INSERT,
    LINK,
    SUBJECTS,
    BY_ID,
    BY_LOGIN,
    BY_INVITE,
    BY_SUBJECT,
    ALL,
    ROLES,
    DISABLE,
    ENABLE,
    RESET,
    ENROL,
    STARTED,
    PASSWORD,
    END_SESSIONS,
    DELETE_SESSIONS,
    CODE_USED,
];

pub(super) fn person_id(text: &str, column: &'static str) -> Result<PersonId, StoreError> {
    PersonId::parse(text).map_err(|_| StoreError::Unreadable(column))
}

/// From a row with the columns of `person_columns`.
pub(super) fn from_row(found: &Row) -> Result<Person, StoreError> {
    let (agency, roles): (Option<&str>, &str) = (found.try_get("agency")?, found.try_get("roles")?);
    let bytes = |column: &'static str| -> Result<Option<Vec<u8>>, StoreError> { Ok(found.try_get(column)?) };
    Ok(Person {
        id: person_id(found.try_get("person_id")?, "person.id")?,
        sealed: found.try_get("sealed")?,
        agency: agency.map(|agency| agency_from(agency, "person.agency")).transpose()?,
        roles: roles
            .split_whitespace()
            .map(|role| Scope::parse(role).ok_or(StoreError::Unreadable("person.roles")))
            .collect::<Result<_, _>>()?,
        password: found.try_get("password")?,
        totp: bytes("totp")?,
        totp_next: bytes("totp_next")?,
        totp_step: found.try_get("totp_step")?,
        invite_until: optional_time_from(found.try_get("invite_until")?, "person.invite_until")?,
        generation: found.try_get("person_generation")?,
        made_at: time_from(found.try_get("person_made_at")?, "person.made_at")?,
        signed_in_at: optional_time_from(found.try_get("signed_in_at")?, "person.signed_in_at")?,
        disabled_at: optional_time_from(found.try_get("disabled_at")?, "person.disabled_at")?,
    })
}

fn roles_text(roles: &[Scope]) -> String {
    roles.iter().map(Scope::as_str).collect::<Vec<_>>().join(" ")
}

/// True: it was of no earlier step, and counts as used from here on.
pub(super) async fn use_code(tx: &mut Tx, person: &PersonId, step: i64, generation: i64) -> Result<bool, StoreError> {
    let used = query(CODE_USED).bind(person.as_str()).bind(step).bind(generation).execute(tx).await?;
    Ok(used.rows_affected() == 1)
}

impl Store {
    /// Errors: `PersonExists`, `SubjectTaken`.
    pub async fn add_person(&self, new: &NewPerson, entry: &JournalEntry) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query(INSERT)
            .bind(new.id.as_str())
            .bind(new.login.map(|login| login.to_vec()))
            .bind(new.sealed.clone())
            .bind(new.agency.as_ref().map(|agency| agency.as_str()))
            .bind(roles_text(&new.roles))
            .bind(new.invite.as_ref().map(|invite| invite.hash.clone()))
            .bind(new.invite.as_ref().map(|invite| invite.until.to_string()))
            .bind(new.made_at.to_string())
            .execute(&mut tx)
            .await?;
        if let Some(Subject { issuer, subject }) = &new.subject {
            query(LINK).bind(issuer).bind(subject.to_vec()).bind(new.id.as_str()).execute(&mut tx).await?;
        }
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// A disabled one, too.
    pub async fn person(&self, id: &PersonId) -> Result<Option<Person>, StoreError> {
        self.one_person(query(BY_ID).bind(id.as_str())).await
    }

    /// None for a disabled one; the following ones too.
    pub async fn person_by_login(&self, login: KeyedHash) -> Result<Option<Person>, StoreError> {
        self.one_person(query(BY_LOGIN).bind(login.to_vec())).await
    }

    /// None for a code that was used or has expired, too.
    pub async fn person_by_invite(&self, hash: &str, now: Timestamp) -> Result<Option<Person>, StoreError> {
        self.one_person(query(BY_INVITE).bind(hash).bind(now.to_string())).await
    }

    pub async fn person_by_subject(&self, subject: &Subject) -> Result<Option<Person>, StoreError> {
        self.one_person(query(BY_SUBJECT).bind(&subject.issuer).bind(subject.subject.to_vec())).await
    }

    async fn one_person(&self, asked: Query) -> Result<Option<Person>, StoreError> {
        asked.fetch_optional(&self.read).await?.as_ref().map(from_row).transpose()
    }

    /// Oldest first, disabled ones too.
    pub async fn people(&self) -> Result<Vec<Person>, StoreError> {
        query(ALL).fetch_all(&self.read).await?.iter().map(from_row).collect()
    }

    pub async fn set_roles(
        &self,
        id: &PersonId,
        roles: &[Scope],
        agency: Option<AgencyCode>,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let agency = agency.as_ref().map(|agency| agency.as_str().to_owned());
        let mut tx = self.begin().await?;
        let had = query(BY_ID).bind(id.as_str()).fetch_optional(&mut tx).await?.as_ref().map(from_row).transpose()?;
        let change = query(ROLES).bind(id.as_str()).bind(roles_text(roles)).bind(agency);
        if change.execute(&mut tx).await?.rows_affected() == 0 {
            return Err(StoreError::NoSuchPerson);
        }
        if had.is_some_and(|had| had.roles.iter().any(|role| !roles.contains(role))) {
            approval::void_of(&mut tx, id).await?;
        }
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }

    /// Ends every session of theirs with it.
    pub async fn disable_person(&self, id: &PersonId, entry: &JournalEntry) -> Result<(), StoreError> {
        let change = query(DISABLE).bind(id.as_str()).bind(entry.at.to_string());
        self.change_person(change, Some(id), entry).await
    }

    pub async fn enable_person(&self, id: &PersonId, entry: &JournalEntry) -> Result<(), StoreError> {
        self.change_person(query(ENABLE).bind(id.as_str()), None, entry).await
    }

    /// Password and authenticator go, and every session; the code sets new ones.
    pub async fn reset_person(&self, id: &PersonId, invite: &Invite, entry: &JournalEntry) -> Result<(), StoreError> {
        let change = query(RESET).bind(id.as_str()).bind(&invite.hash).bind(invite.until.to_string());
        self.change_person(change, Some(id), entry).await
    }

    /// An authenticator that is being set up. Not journalled: nothing changes before it is proved.
    pub async fn enrol_totp(&self, id: &PersonId, sealed: &[u8]) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query(ENROL).bind(id.as_str()).bind(sealed.to_vec()).execute(&mut tx).await?;
        Ok(tx.commit().await?)
    }

    /// The first password and the authenticator that was set up, proved by a code of `step`. `generation`: as it was read;
    /// another since then means that somebody else was quicker.
    pub async fn person_started(
        &self,
        id: &PersonId,
        generation: i64,
        password: &str,
        step: i64,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let change = query(STARTED).bind(id.as_str()).bind(generation).bind(password).bind(step);
        self.change_person(change, Some(id), entry).await
    }

    /// Ends every session with it.
    pub async fn set_password(
        &self,
        id: &PersonId,
        generation: i64,
        password: &str,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let change = query(PASSWORD).bind(id.as_str()).bind(generation).bind(password);
        self.change_person(change, Some(id), entry).await
    }

    pub async fn end_all_sessions(&self, id: &PersonId, entry: &JournalEntry) -> Result<(), StoreError> {
        self.change_person(query(END_SESSIONS).bind(id.as_str()), Some(id), entry).await
    }

    pub async fn subjects_of(&self, id: &PersonId) -> Result<Vec<Subject>, StoreError> {
        query(SUBJECTS).bind(id.as_str()).fetch_all(&self.read).await?.iter().map(subject_from).collect()
    }

    /// `sessions_of`: whose sessions go with the change.
    async fn change_person(
        &self,
        change: Query,
        sessions_of: Option<&PersonId>,
        entry: &JournalEntry,
    ) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        if change.execute(&mut tx).await?.rows_affected() == 0 {
            return Err(StoreError::NoSuchPerson);
        }
        if let Some(person) = sessions_of {
            query(DELETE_SESSIONS).bind(person.as_str()).execute(&mut tx).await?;
            approval::void_of(&mut tx, person).await?;
        }
        journal::append(&mut tx, entry).await?;
        Ok(tx.commit().await?)
    }
}

fn subject_from(found: &Row) -> Result<Subject, StoreError> {
    Ok(Subject { issuer: found.try_get("issuer")?, subject: super::row::hash_from(found, "subject")? })
}
