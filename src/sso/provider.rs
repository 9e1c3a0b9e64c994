//! One provider of identities, and what it is asked.
//!
//! Owns what is kept of it for some minutes: where its doors are, and its keys, which are asked for anew when a token names one
//! that is not among them. Refuses answers that are too long or too slow.

use super::TokenFault;
use crate::config::{SsoSettings, is_safe_address};
use data_encoding::BASE64;
use reqwest::redirect::Policy;
use reqwest::{Client, RequestBuilder, StatusCode, header};
use serde::Deserialize;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

const CONNECT_TIME_MAX: Duration = Duration::from_secs(5);
/// A whole answer; somebody waits before a page.
const ANSWER_TIME_MAX: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 512 << 10;
/// What a provider says of itself, and its keys, is asked for again after so long.
const KEPT: Duration = Duration::from_secs(300);

/// Why the provider's answer is none, one variant per cause. None tells of a person.
#[derive(Debug, thiserror::Error)]
pub enum SsoError {
    #[error("the provider does not answer")]
    Away(#[source] reqwest::Error),
    #[error("the provider answers {0}")]
    Status(u16),
    #[error("the provider's answer is longer than {ANSWER_BYTES_MAX} bytes")]
    TooLong,
    #[error("the provider's answer can't be read: {0}")]
    Unreadable(&'static str),
    #[error(
        "the provider names itself otherwise than SAPHAN_OIDC_ISSUER: write it letter by letter as `issuer` has it"
    )]
    Issuer,
    #[error("the provider's {0} is missing, or is no https address")]
    Endpoint(&'static str),
    #[error(
        "the provider does not know this gateway: check SAPHAN_OIDC_CLIENT_ID, its secret and the redirect address"
    )]
    Client,
    #[error("the provider does not take the code: it was used, or is too old")]
    Code,
    #[error(transparent)]
    Token(#[from] TokenFault),
    #[error("the client of the provider can't be set up")]
    Setup(#[source] reqwest::Error),
}

impl SsoError {
    /// Worth trying again in a moment.
    pub fn is_away(&self) -> bool {
        match self {
            SsoError::Away(_) => true,
            SsoError::Status(status) => *status >= 500 || *status == 429,
            _ => false,
        }
    }
}

/// OpenID Connect Discovery §3, as far as it is used.
#[derive(Debug, Deserialize)]
struct Metadata {
    issuer: String,
    authorization_endpoint: String,
    token_endpoint: String,
    jwks_uri: String,
    end_session_endpoint: Option<String>,
    token_endpoint_auth_methods_supported: Option<Vec<String>>,
    #[serde(default)]
    authorization_response_iss_parameter_supported: bool,
}

/// What a sign-in is begun with.
#[derive(Debug, Clone, Copy)]
pub struct Asked<'a> {
    /// Where the provider sends the browser back to.
    pub back_to: &'a str,
    pub state: &'a str,
    pub nonce: &'a str,
    /// SHA-256 of the PKCE verifier, base64url (RFC 7636 §4.2).
    pub challenge: &'a str,
    /// `th`, `en`.
    pub lang: &'a str,
}

#[derive(Deserialize)]
struct Tokens {
    id_token: Option<String>,
}

#[derive(Deserialize)]
struct Refusal {
    error: String,
}

pub struct Provider {
    settings: SsoSettings,
    client: Client,
    metadata: Mutex<Option<(Instant, Arc<Metadata>)>>,
    keys: Mutex<Option<(Instant, Arc<str>)>>,
}

fn kept<T: ?Sized>(place: &Mutex<Option<(Instant, Arc<T>)>>) -> Option<Arc<T>> {
    let held = place.lock().unwrap_or_else(PoisonError::into_inner);
    held.as_ref().filter(|(at, _)| at.elapsed() < KEPT).map(|(_, value)| value.clone())
}

fn keep<T: ?Sized>(place: &Mutex<Option<(Instant, Arc<T>)>>, value: &Arc<T>) {
    *place.lock().unwrap_or_else(PoisonError::into_inner) = Some((Instant::now(), value.clone()));
}

impl Provider {
    /// Asks nothing yet: a provider that is away keeps no gateway from starting.
    pub fn new(settings: &SsoSettings) -> Result<Self, SsoError> {
        let builder = Client::builder()
            .redirect(Policy::none())
            .connect_timeout(CONNECT_TIME_MAX)
            .timeout(ANSWER_TIME_MAX)
            .user_agent("saphan");
        // Whoever tries it on one machine has no way out to go by.
        let builder = if settings.issuer.starts_with("http://") { builder.no_proxy() } else { builder };
        let client = builder.build().map_err(SsoError::Setup)?;
        Ok(Provider { settings: settings.clone(), client, metadata: Mutex::default(), keys: Mutex::default() })
    }

    pub fn issuer(&self) -> &str {
        &self.settings.issuer
    }

    pub fn client_id(&self) -> &str {
        &self.settings.client_id
    }

    /// Where the browser goes to sign in. Asks for who it is and nothing more.
    pub async fn sign_in_address(&self, asked: &Asked<'_>) -> Result<String, SsoError> {
        let metadata = self.metadata().await?;
        let parameters = [
            ("response_type", "code"),
            ("client_id", self.client_id()),
            ("redirect_uri", asked.back_to),
            ("scope", "openid"),
            ("state", asked.state),
            ("nonce", asked.nonce),
            ("code_challenge", asked.challenge),
            ("code_challenge_method", "S256"),
            ("ui_locales", asked.lang),
        ];
        Ok(with_parameters(&metadata.authorization_endpoint, &parameters))
    }

    /// Where the browser goes to sign out there too. None: the provider has no such door.
    pub async fn sign_out_address(&self, back_to: &str) -> Result<Option<String>, SsoError> {
        let metadata = self.metadata().await?;
        let parameters = [("client_id", self.client_id()), ("post_logout_redirect_uri", back_to)];
        let endpoint = metadata.end_session_endpoint.as_deref().filter(|address| is_safe_address(address));
        Ok(endpoint.map(|address| with_parameters(address, &parameters)))
    }

    /// Is an answer that names `issuer` of this provider (RFC 9207 §2.4)?
    pub async fn is_answer_of(&self, issuer: Option<&str>) -> Result<bool, SsoError> {
        match issuer {
            Some(issuer) => Ok(issuer == self.issuer()),
            None => Ok(!self.metadata().await?.authorization_response_iss_parameter_supported),
        }
    }

    /// The ID token for a code; not looked into.
    pub async fn id_token(&self, code: &str, verifier: &str, back_to: &str) -> Result<String, SsoError> {
        let metadata = self.metadata().await?;
        let (id, secret) = (self.settings.client_id.as_str(), self.settings.client_secret.as_str());
        let mut fields = vec![
            ("grant_type", "authorization_code"),
            ("code", code),
            ("redirect_uri", back_to),
            ("code_verifier", verifier),
        ];
        let mut request = self.client.post(&metadata.token_endpoint);
        // Basic is what a provider takes that says nothing (Discovery §3).
        let methods = metadata.token_endpoint_auth_methods_supported.as_deref().unwrap_or_default();
        let is_basic = methods.is_empty() || methods.iter().any(|method| method == "client_secret_basic");
        if is_basic {
            let pair = format!("{}:{}", encoded(id), encoded(secret));
            request = request.header(header::AUTHORIZATION, format!("Basic {}", BASE64.encode(pair.as_bytes())));
        } else {
            fields.extend([("client_id", id), ("client_secret", secret)]);
        }
        let body = serde_urlencoded::to_string(&fields).map_err(|_| SsoError::Unreadable("token request"))?;
        let request = request.header(header::CONTENT_TYPE, "application/x-www-form-urlencoded").body(body);
        let (status, answer) = self.ask(request).await?;
        if status.is_success() {
            let tokens: Tokens = serde_json::from_slice(&answer).map_err(|_| SsoError::Unreadable("token"))?;
            return tokens.id_token.ok_or(SsoError::Unreadable("token: there is no id_token in it"));
        }
        let refusal: Option<Refusal> = serde_json::from_slice(&answer).ok();
        Err(match refusal.as_ref().map(|refusal| refusal.error.as_str()) {
            Some("invalid_grant") => SsoError::Code,
            Some("invalid_client" | "unauthorized_client") => SsoError::Client,
            _ => SsoError::Status(status.as_u16()),
        })
    }

    /// Its keys as it has them. `anew`: those that are kept were not enough.
    pub async fn keys(&self, anew: bool) -> Result<Arc<str>, SsoError> {
        if let Some(kept) = kept(&self.keys).filter(|_| !anew) {
            return Ok(kept);
        }
        let address = self.metadata().await?.jwks_uri.clone();
        let answer = self.get(&address).await?;
        let text: Arc<str> = String::from_utf8(answer).map_err(|_| SsoError::Unreadable("keys"))?.into();
        keep(&self.keys, &text);
        Ok(text)
    }

    async fn metadata(&self) -> Result<Arc<Metadata>, SsoError> {
        if let Some(kept) = kept(&self.metadata) {
            return Ok(kept);
        }
        let address = format!("{}/.well-known/openid-configuration", self.issuer().trim_end_matches('/'));
        let answer = self.get(&address).await?;
        let metadata: Metadata =
            serde_json::from_slice(&answer).map_err(|_| SsoError::Unreadable("openid-configuration"))?;
        if metadata.issuer != self.issuer() {
            return Err(SsoError::Issuer);
        }
        for (name, address) in [
            ("authorization_endpoint", &metadata.authorization_endpoint),
            ("token_endpoint", &metadata.token_endpoint),
            ("jwks_uri", &metadata.jwks_uri),
        ] {
            // A provider elsewhere sends nobody to a door of this machine.
            let is_alike = self.issuer().starts_with("http://") || address.starts_with("https://");
            if !is_safe_address(address) || !is_alike {
                return Err(SsoError::Endpoint(name));
            }
        }
        let metadata = Arc::new(metadata);
        keep(&self.metadata, &metadata);
        Ok(metadata)
    }

    async fn get(&self, address: &str) -> Result<Vec<u8>, SsoError> {
        let (status, answer) = self.ask(self.client.get(address)).await?;
        if status.is_success() { Ok(answer) } else { Err(SsoError::Status(status.as_u16())) }
    }

    async fn ask(&self, request: RequestBuilder) -> Result<(StatusCode, Vec<u8>), SsoError> {
        let away = |error: reqwest::Error| SsoError::Away(error.without_url());
        let mut response = request.header(header::ACCEPT, "application/json").send().await.map_err(away)?;
        let status = response.status();
        let mut answer = Vec::new();
        while let Some(piece) = response.chunk().await.map_err(away)? {
            if answer.len() + piece.len() > ANSWER_BYTES_MAX {
                return Err(SsoError::TooLong);
            }
            answer.extend_from_slice(&piece);
        }
        Ok((status, answer))
    }
}

/// As in a form: RFC 6749 §2.3.1 wants id and secret so before they are put together.
fn encoded(text: &str) -> String {
    let pair = serde_urlencoded::to_string([("", text)]).unwrap_or_default();
    pair.trim_start_matches('=').to_owned()
}

fn with_parameters(address: &str, parameters: &[(&str, &str)]) -> String {
    let joined = if address.contains('?') { '&' } else { '?' };
    format!("{address}{joined}{}", serde_urlencoded::to_string(parameters).unwrap_or_default())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parameters_are_put_to_whatever_stands_in_the_address() {
        let pair = [("a", "x y&z"), ("b", "1")];
        assert_eq!(with_parameters("https://id.example/auth", &pair), "https://id.example/auth?a=x+y%26z&b=1");
        assert_eq!(with_parameters("https://id.example/auth?p=1", &pair), "https://id.example/auth?p=1&a=x+y%26z&b=1");
        assert_eq!(encoded("a:b=ก"), "a%3Ab%3D%E0%B8%81");
    }
}
