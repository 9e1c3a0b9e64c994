//! Sign-ins that were sent to the provider of identities, so that any gateway can take them up when they come back.
//!
//! Owns that each serves once, in the browser that began it, until its end. State and browser are known by their hashes; what
//! proves the rest is sealed.

use super::engine::query;
use super::{Store, StoreError};
use jiff::Timestamp;

#[derive(Debug, Clone, PartialEq)]
pub struct SsoFlow {
    /// Hash of the state, hexadecimal.
    pub state: String,
    /// Hash of the secret in the browser's cookie, hexadecimal.
    pub browser: String,
    pub sealed: Vec<u8>,
    pub until: Timestamp,
}

const FORGET: &str = "DELETE FROM sso_flow WHERE until <= $1";
const INSERT: &str = "INSERT INTO sso_flow (state, browser, sealed, until) VALUES ($1, $2, $3, $4)";
const TAKE: &str = "DELETE FROM sso_flow WHERE state = $1 AND browser = $2 AND until > $3 RETURNING sealed";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[FORGET, INSERT, TAKE];

impl Store {
    /// Those that are over go with it.
    pub async fn begin_sso(&self, flow: &SsoFlow, now: Timestamp) -> Result<(), StoreError> {
        let mut tx = self.begin().await?;
        query(FORGET).bind(now.to_string()).execute(&mut tx).await?;
        query(INSERT)
            .bind(&flow.state)
            .bind(&flow.browser)
            .bind(flow.sealed.clone())
            .bind(flow.until.to_string())
            .execute(&mut tx)
            .await?;
        Ok(tx.commit().await?)
    }

    /// What was sealed at its beginning. None: unknown, of another browser, used, or over.
    pub async fn take_sso(&self, state: &str, browser: &str, now: Timestamp) -> Result<Option<Vec<u8>>, StoreError> {
        let mut tx = self.begin().await?;
        let taken = query(TAKE).bind(state).bind(browser).bind(now.to_string()).fetch_optional(&mut tx).await?;
        tx.commit().await?;
        taken.map(|taken| Ok(taken.try_get("sealed")?)).transpose()
    }
}
