//! Who is asking: the bearer token of a request, or a browser's session, to a `Principal`.
//!
//! Owns the header, and that a token is looked at together with the certificate of its connection; a session is taken where
//! nothing is changed, or with the token of our forms (`console`). What a token means is asked of the [`Authenticator`]; what
//! the principal may do is decided in the use case, in one place for API, commands and worker.

use super::certificates;
use super::console;
use super::problem::{Kind, Problem};
use crate::app::certificates::Thumbprint;
use crate::app::clients::Known;
use crate::app::{App, AppError};
use crate::domain::principal::{Denied, Principal};
use crate::domain::quota::Overrides;
use actix_web::dev::Payload;
use actix_web::http::header;
use actix_web::{FromRequest, HttpMessage, HttpRequest, web};
use futures_util::future::BoxFuture;
use std::future::Future;
use std::pin::Pin;

/// Characters of a token; ours are shorter.
const TOKEN_CHARS_MAX: usize = 2_048;

/// Turns a token into the client that holds it.
pub trait Authenticator: Send + Sync {
    /// Denied: unknown, expired or revoked, which are not told apart to the caller; or bound to another certificate than
    /// `shown`.
    fn authenticate<'a>(
        &'a self,
        token: &'a str,
        shown: Option<&'a Thumbprint>,
    ) -> BoxFuture<'a, Result<Result<Known, Denied>, Unanswered>>;
    /// The person whose session has this secret. None: unknown or over.
    fn session<'a>(&'a self, secret: &'a str) -> BoxFuture<'a, Result<Option<Principal>, Unanswered>>;
}

/// The token could not be looked up (the store does not answer).
#[derive(Debug, thiserror::Error)]
#[error("the token could not be checked")]
pub struct Unanswered(#[source] pub Box<dyn std::error::Error + Send + Sync>);

impl Authenticator for App {
    fn authenticate<'a>(
        &'a self,
        token: &'a str,
        shown: Option<&'a Thumbprint>,
    ) -> BoxFuture<'a, Result<Result<Known, Denied>, Unanswered>> {
        Box::pin(async move {
            match App::authenticate(self, token, shown).await {
                Ok(known) => Ok(Ok(known)),
                Err(AppError::Denied(denied)) => Ok(Err(denied)),
                Err(error) => Err(Unanswered(Box::new(error))),
            }
        })
    }

    fn session<'a>(&'a self, secret: &'a str) -> BoxFuture<'a, Result<Option<Principal>, Unanswered>> {
        Box::pin(async move {
            match self.authenticate_session(secret).await {
                Ok(principal) => Ok(Some(principal)),
                Err(AppError::Denied(_)) => Ok(None),
                Err(error) => Err(Unanswered(Box::new(error))),
            }
        })
    }
}

/// The client that asks. Without a token, or with a bad one: 401. A handler names it first, so that nobody learns
/// anything else without one.
#[derive(Debug, Clone)]
pub struct Caller(pub Principal);

impl FromRequest for Caller {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        // The limits asked first.
        let recognised = request.extensions_mut().remove::<Recognised>();
        let request = request.clone();
        Box::pin(async move {
            let known = match recognised {
                Some(Recognised(known)) => known,
                None => recognise(&request).await,
            };
            known?.map(|known| Caller(known.principal)).ok_or_else(|| Problem::new(Kind::Unauthenticated))
        })
    }
}

/// What was found out of the caller before the route was reached; whether it matters is the route's to say.
pub struct Recognised(pub Result<Option<Known>, Problem>);

/// None: neither a token nor a session came. A token goes first; a browser that holds a session sends none.
pub async fn recognise(request: &HttpRequest) -> Result<Option<Known>, Problem> {
    let token = bearer(request)?;
    let session = if token.is_none() { console::session_of(request)? } else { None };
    if token.is_none() && session.is_none() {
        return Ok(None);
    }
    let authenticator = request.app_data::<web::Data<dyn Authenticator>>().cloned();
    let Some(authenticator) = authenticator else { return Err(Problem::new(Kind::Unavailable)) };
    if let Some(token) = token {
        let known = authenticator.authenticate(&token, certificates::shown(request).as_ref()).await;
        return Ok(Some(known.map_err(Problem::internal)??));
    }
    let person = authenticator.session(&session.unwrap_or_default()).await.map_err(Problem::internal)?;
    let principal = person.ok_or_else(|| Problem::new(Kind::Unauthenticated))?;
    Ok(Some(Known { principal, limits: Overrides::default() }))
}

fn bearer(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let Some(value) = values.next() else { return Ok(None) };
    // Of two, whoever stands before us may have looked at the other one.
    let value = Some(value).filter(|_| values.next().is_none());
    let token = value.and_then(|value| value.to_str().ok()).and_then(|text| {
        let (scheme, token) = text.split_once(' ')?;
        let fit = (1..=TOKEN_CHARS_MAX).contains(&token.len()) && token.bytes().all(|b| b.is_ascii_graphic());
        (scheme.eq_ignore_ascii_case("bearer") && fit).then(|| token.to_owned())
    });
    token.map(Some).ok_or_else(|| Problem::new(Kind::Unauthenticated))
}
