//! Access tokens (RFC 6749 §4.4, RFC 9068): given to clients that prove who they are, and read back with every request.
//!
//! Owns what a token says and how long it holds. A token is signed, so a reader elsewhere can check it by the published key;
//! here the client is looked up as well, every time: a revoked one is out at once, not when its token ends. Refuses an assertion
//! (RFC 7523) that serves twice, lives long, or was meant for somebody else. A token given on a connection with a certificate of
//! the client serves on such connections only (RFC 8705).

use super::certificates::Thumbprint;
use super::clients::Known;
use super::{App, AppError};
use crate::domain::ids::ClientId;
use crate::domain::principal::{Denied, Scope};
use crate::store::Client;
use crate::vault::{ClientKey, Jws, hash_token, sha256_hex};
use jiff::Timestamp;
use serde::{Deserialize, Serialize};

/// RFC 9068 §2.1.
const TYP: &str = "at+jwt";
/// Longest life of an assertion, and how far the clocks may differ, in seconds.
pub const ASSERTION_SECONDS_MAX: i64 = 3_600;
const CLOCK_SECONDS: i64 = 30;
/// RFC 7523, and the draft that follows it.
const ASSERTION_TYPES: [&str; 2] = ["JWT", "client-authentication+jwt"];

/// Whose name stands in tokens, and how long they hold.
#[derive(Debug, Clone)]
pub struct TokenTerms {
    /// `iss`, and the address under which clients find this gateway.
    pub issuer: String,
    pub seconds: u64,
}

impl Default for TokenTerms {
    fn default() -> Self {
        TokenTerms { issuer: "http://127.0.0.1:8080".into(), seconds: 900 }
    }
}

impl TokenTerms {
    /// What an assertion names as its audience: this, or the issuer.
    pub fn endpoint(&self) -> String {
        format!("{}/oauth/token", self.issuer)
    }
}

/// How a client proves who it is.
pub enum Proof<'r> {
    Secret {
        client: &'r str,
        secret: &'r str,
    },
    /// Signed by one of its keys. `client`: if the request names it as well.
    Assertion {
        client: Option<&'r str>,
        assertion: &'r str,
    },
    /// The certificate of the connection, which the client is bound to (RFC 8705 §2).
    Certificate {
        client: &'r str,
    },
}

/// Given once, kept nowhere.
pub struct AccessToken {
    pub token: String,
    pub seconds: u64,
    pub scopes: Vec<Scope>,
}

/// Why a token is not given, as RFC 6749 §5.2 tells them apart.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TokenError {
    /// Unknown, revoked, wrong secret, unknown key: not told apart.
    #[error("the client is not known by this proof")]
    Client,
    #[error("the assertion is not valid: {0}")]
    Assertion(AssertionFault),
    /// The client is bound to certificates, and the connection shows none of them.
    #[error("the client is bound to another certificate")]
    Certificate,
    /// None of the agreements that cover it is in force, or one is required.
    #[error("no agreement in force covers this client")]
    Agreement,
    /// Not one of the client's. The name is not repeated.
    #[error("a scope was asked for that the client does not have")]
    Scope,
}

/// What is wrong with an assertion whose signature is right.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum AssertionFault {
    #[error("it is meant for somebody else")]
    Audience,
    #[error("it has expired, or is not valid yet")]
    Time,
    #[error("it lives longer than {ASSERTION_SECONDS_MAX} seconds")]
    Life,
    #[error("it was used before")]
    Used,
}

/// RFC 9068 §2.2. `generation`: ours; see [`Client::generation`].
#[derive(Serialize, Deserialize)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    client_id: String,
    scope: String,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    agency: Option<String>,
    iat: i64,
    exp: i64,
    jti: String,
    generation: i64,
    #[serde(skip_serializing_if = "Option::is_none", default)]
    cnf: Option<Confirmation>,
}

/// RFC 8705 §3.1.
#[derive(Serialize, Deserialize)]
struct Confirmation {
    #[serde(rename = "x5t#S256")]
    thumbprint: String,
}

/// RFC 7523 §3. Members we don't read are none of our business.
#[derive(Deserialize)]
struct Assertion {
    iss: String,
    sub: String,
    aud: Audience,
    exp: f64,
    #[serde(default)]
    nbf: Option<f64>,
    #[serde(default)]
    jti: Option<String>,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Several(Vec<String>),
}

impl Audience {
    fn names(&self, wanted: &[&str]) -> bool {
        match self {
            Audience::One(one) => wanted.contains(&one.as_str()),
            Audience::Several(all) => all.iter().any(|one| wanted.contains(&one.as_str())),
        }
    }
}

fn parsed(id: &str) -> Result<ClientId, TokenError> {
    ClientId::parse(id).map_err(|_| TokenError::Client)
}

impl App {
    pub fn token_terms(&self) -> &TokenTerms {
        &self.tokens
    }

    /// `scope`: those asked for, with spaces between; none: all the client has. `shown`: the certificate of the connection,
    /// found good.
    ///
    /// Errors: `Token`.
    pub async fn issue_token(
        &self,
        proof: Proof<'_>,
        scope: Option<&str>,
        shown: Option<&Thumbprint>,
    ) -> Result<AccessToken, AppError> {
        let now = Timestamp::now();
        let mut client = match proof {
            Proof::Secret { client, secret } => {
                let id = parsed(client)?;
                let found = self.store.client_by_token_hash(&hash_token(secret), now).await?;
                found.filter(|found| found.id == id).ok_or(TokenError::Client)?
            }
            Proof::Assertion { client, assertion } => self.client_by_assertion(client, assertion, now).await?,
            Proof::Certificate { client } => {
                let found = self.store.client(&parsed(client)?).await?;
                found.filter(|found| found.is_bound && shown.is_some()).ok_or(TokenError::Client)?
            }
        };
        match self.admit_bound(&client, shown).await {
            Err(AppError::Denied(_)) => return Err(TokenError::Certificate.into()),
            admitted => admitted?,
        }
        match self.within_agreements(&mut client).await {
            Err(AppError::Denied(_)) => return Err(TokenError::Agreement.into()),
            within => within?,
        };
        let scopes = granted(&client, scope)?;
        let names: Vec<&str> = scopes.iter().map(Scope::as_str).collect();
        let seconds = self.tokens.seconds;
        let claims = Claims {
            iss: self.tokens.issuer.clone(),
            aud: self.tokens.issuer.clone(),
            sub: client.id.to_string(),
            client_id: client.id.to_string(),
            scope: names.join(" "),
            agency: client.agency.map(|agency| agency.slug().to_owned()),
            iat: now.as_second(),
            exp: now.as_second() + seconds as i64,
            jti: uuid::Uuid::now_v7().simple().to_string(),
            generation: client.generation,
            cnf: shown.map(|shown| Confirmation { thumbprint: shown.to_string() }),
        };
        let payload = serde_json::to_vec(&claims).map_err(|_| AppError::Worker)?;
        Ok(AccessToken { token: self.vault.sign_compact(TYP, &payload)?, seconds, scopes })
    }

    async fn client_by_assertion(&self, named: Option<&str>, text: &str, now: Timestamp) -> Result<Client, AppError> {
        let jws = Jws::parse(text).ok_or(TokenError::Client)?;
        // What the same key signed for another use is no assertion.
        if jws.typ().is_some_and(|typ| !ASSERTION_TYPES.iter().any(|known| typ.eq_ignore_ascii_case(known))) {
            return Err(TokenError::Client.into());
        }
        let claimed: Assertion = serde_json::from_slice(jws.unchecked()).map_err(|_| TokenError::Client)?;
        if claimed.iss != claimed.sub || named.is_some_and(|named| named != claimed.sub) {
            return Err(TokenError::Client.into());
        }
        let client = self.store.client(&parsed(&claimed.sub)?).await?.ok_or(TokenError::Client)?;
        if !self.is_signed_by(&client, &jws).await? {
            return Err(TokenError::Client.into());
        }
        // From here on the client is who it says, and may hear what is wrong.
        let fault = |fault: AssertionFault| Err(AppError::from(TokenError::Assertion(fault)));
        if !claimed.aud.names(&[&self.tokens.issuer, &self.tokens.endpoint()]) {
            return fault(AssertionFault::Audience);
        }
        // A number that is no time compares with nothing, and so is refused.
        let (seconds, clock) = (now.as_second() as f64, CLOCK_SECONDS as f64);
        let is_in_time = claimed.exp + clock > seconds && claimed.nbf.is_none_or(|nbf| nbf <= seconds + clock);
        if !is_in_time {
            return fault(AssertionFault::Time);
        }
        if claimed.exp > seconds + ASSERTION_SECONDS_MAX as f64 + clock {
            return fault(AssertionFault::Life);
        }
        // Without `jti` it is known by its whole text.
        let mark = format!("{}\n{}", claimed.sub, claimed.jti.as_deref().unwrap_or(text));
        let until = Timestamp::from_second(claimed.exp as i64 + CLOCK_SECONDS + 1).unwrap_or(Timestamp::MAX);
        if !self.store.use_assertion(&sha256_hex(mark.as_bytes()), until, now).await? {
            return fault(AssertionFault::Used);
        }
        Ok(client)
    }

    async fn is_signed_by(&self, client: &Client, jws: &Jws<'_>) -> Result<bool, AppError> {
        for key in self.store.client_keys(&client.id).await? {
            if jws.kid().is_none_or(|kid| kid == key.kid) && ClientKey::parse(&key.jwk)?.open_compact(jws)?.is_some() {
                return Ok(true);
            }
        }
        Ok(false)
    }

    /// Who a bearer token is: an access token, or a client's secret used as a key. Secrets are 256 random bits, so looking up
    /// their hash leaks nothing worth timing.
    ///
    /// Errors: `NotAuthenticated` for an unknown, expired or revoked one, `OtherCertificate` for one that is bound to another
    /// certificate than `shown`, the one of the connection.
    pub async fn authenticate(&self, token: &str, shown: Option<&Thumbprint>) -> Result<Known, AppError> {
        let now = Timestamp::now();
        let Some(jws) = Jws::parse(token) else {
            let found = self.store.client_by_token_hash(&hash_token(token), now).await?;
            let client = found.ok_or(Denied::NotAuthenticated)?;
            self.admit_bound(&client, shown).await?;
            let limits = client.limits.clone();
            return Ok(Known { principal: self.principal_within(client).await?, limits });
        };
        // A key that another gateway signs by already: it is known everywhere before, unless this one was cut off.
        if jws.kid().is_some_and(|kid| !self.vault.is_own_key(kid)) {
            match self.refresh_keys().await {
                Ok(_) | Err(AppError::Vault(_)) => {}
                Err(error) => return Err(error),
            }
        }
        let payload = self.vault.open_compact(&jws, TYP, now)?.ok_or(Denied::NotAuthenticated)?;
        let claims: Claims = serde_json::from_slice(payload).map_err(|_| Denied::NotAuthenticated)?;
        let is_valid =
            claims.iss == self.tokens.issuer && claims.aud == self.tokens.issuer && claims.exp > now.as_second();
        let id = ClientId::parse(&claims.sub).map_err(|_| Denied::NotAuthenticated)?;
        if !is_valid {
            return Err(Denied::NotAuthenticated.into());
        }
        let found = self.store.client(&id).await?.filter(|client| client.generation == claims.generation);
        let mut client = found.ok_or(Denied::NotAuthenticated)?;
        let bound_to = claims.cnf.as_ref().map(|bound| bound.thumbprint.as_str());
        if bound_to.is_some() && bound_to != shown.map(Thumbprint::as_str) {
            return Err(Denied::OtherCertificate.into());
        }
        self.admit_bound(&client, shown).await?;
        // What was taken from the client since is taken from its tokens, too.
        let asked: Vec<&str> = claims.scope.split(' ').collect();
        client.scopes.retain(|scope| asked.contains(&scope.as_str()));
        let limits = client.limits.clone();
        Ok(Known { principal: self.principal_within(client).await?, limits })
    }
}

fn granted(client: &Client, asked: Option<&str>) -> Result<Vec<Scope>, TokenError> {
    let Some(asked) = asked else { return Ok(client.scopes.clone()) };
    let wanted = asked.split(' ').filter(|name| !name.is_empty());
    let mut scopes = Vec::new();
    for name in wanted {
        let scope = Scope::parse(name).filter(|scope| client.scopes.contains(scope)).ok_or(TokenError::Scope)?;
        if !scopes.contains(&scope) {
            scopes.push(scope);
        }
    }
    if scopes.is_empty() { Err(TokenError::Scope) } else { Ok(scopes) }
}
