//! `POST /oauth/token` (RFC 6749 §4.4) and where it is found (RFC 8414).
//!
//! Owns the form of the request. Refuses parameters that stand twice and two proofs at once, as the standard says; other
//! unknown parameters are passed over, which it says too. Answers to failures are problems as everywhere, with the standard's
//! `error` beside our own members.

use crate::app::tokens::{AccessToken, Proof, TokenError};
use crate::app::{App, AppError};
use crate::domain::principal::Scope;
use crate::http::body::Body;
use crate::http::certificates;
use crate::http::problem::{Kind, Problem};
use crate::http::query::NoQuery;
use crate::limit::Who;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use data_encoding::BASE64;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::Duration;
use utoipa::ToSchema;

/// An assertion is the longest part of it.
const FORM_BYTES_MAX: u64 = 16 << 10;
const FORM_TIME_MAX: Duration = Duration::from_secs(30);
const GRANT: &str = "client_credentials";
const ASSERTION: &str = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer";

/// What is asked for. The client proves itself by HTTP Basic, by `client_id` and `client_secret`, by an assertion, or by the
/// certificate of its connection with `client_id` alone.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = TokenRequest)]
#[expect(dead_code, reason = "only for the document; the form is read by its own rules")]
pub struct TokenForm {
    #[schema(pattern = r"^client_credentials$", example = "client_credentials")]
    grant_type: String,
    /// With spaces between; none: all that the client has.
    #[schema(nullable = false, example = "agency.submit")]
    scope: Option<String>,
    #[schema(nullable = false)]
    client_id: Option<String>,
    #[schema(nullable = false)]
    client_secret: Option<String>,
    #[schema(nullable = false)]
    client_assertion_type: Option<String>,
    /// A JWT by ES256 whose `iss` and `sub` are the client's id, whose `aud` is this address, and which lives an hour at
    /// most (RFC 7523).
    #[schema(nullable = false)]
    client_assertion: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TokenAnswer)]
pub struct TokenBody {
    pub access_token: String,
    #[schema(example = "Bearer")]
    pub token_type: &'static str,
    /// Seconds.
    #[schema(example = 900)]
    pub expires_in: u64,
    #[schema(example = "agency.submit")]
    pub scope: String,
}

/// A short-lived access token for a client that proves who it is. It is sent as `Authorization: Bearer …`, and ends at once when
/// the client is revoked. Got over mutual TLS, it serves only on connections that show the same certificate (RFC 8705).
#[utoipa::path(tag = "access", operation_id = "get_token",
    request_body(content = TokenForm, content_type = "application/x-www-form-urlencoded"),
    responses((status = 200, body = TokenBody)))]
#[post("/oauth/token")]
pub async fn token(
    _: NoQuery,
    request: HttpRequest,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let form = read(&request, payload).await?;
    if form.get("grant_type").map(String::as_str) != Some(GRANT) {
        return Err(Problem::new(Kind::TokenRequestInvalid)
            .oauth("unsupported_grant_type")
            .detail("รับเฉพาะ grant_type=client_credentials", "Only grant_type=client_credentials is served here."));
    }
    let basic = basic(&request)?;
    let (scope, shown) = (form.get("scope").map(String::as_str), certificates::shown(&request));
    match app.issue_token(proof(&form, basic.as_ref())?, scope, shown.as_ref()).await {
        Ok(issued) => Ok(answer(issued)),
        Err(error @ AppError::Token(TokenError::Client | TokenError::Assertion(_) | TokenError::Certificate)) => {
            let named = basic.as_ref().map(|(id, _)| id.as_str()).or(form.get("client_id").map(String::as_str));
            Err(too_many_wrong(&request, &app, named.unwrap_or_default()).unwrap_or_else(|| error.into()))
        }
        Err(error) => Err(error.into()),
    }
}

/// Said after a wrong proof only: who has the right one is never made to wait by others who have not.
fn too_many_wrong(request: &HttpRequest, app: &App, named: &str) -> Option<Problem> {
    let from = Who::address(request.peer_addr()?.ip());
    let wait = app.limiter().guessed_wrong(named, &from)?.as_secs() + 1;
    let wait = u32::try_from(wait).unwrap_or(u32::MAX);
    Some(
        Problem::new(Kind::TooManyRequests)
            .oauth("invalid_client")
            .detail(
                format!("ยืนยันตัวไม่ถูกต้องหลายครั้งเกินไป ตรวจ client_id และรหัสลับแล้วลองใหม่ในอีก {wait} วินาที"),
                format!("Too many wrong proofs. Check client_id and the secret, and try again in {wait} s."),
            )
            .retry_after(wait),
    )
}

fn answer(issued: AccessToken) -> HttpResponse {
    let names: Vec<&str> = issued.scopes.iter().map(Scope::as_str).collect();
    let body = TokenBody {
        access_token: issued.token,
        token_type: "Bearer",
        expires_in: issued.seconds,
        scope: names.join(" "),
    };
    HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(body)
}

fn invalid(th: &str, en: &str) -> Problem {
    Problem::new(Kind::TokenRequestInvalid).oauth("invalid_request").detail(th, en)
}

async fn read(request: &HttpRequest, payload: web::Payload) -> Result<BTreeMap<String, String>, Problem> {
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Problem::new(Kind::UnsupportedMedia)
            .oauth("invalid_request")
            .detail("ส่งเป็น application/x-www-form-urlencoded", "Send application/x-www-form-urlencoded."));
    }
    let mut body = Body::new(payload, FORM_BYTES_MAX, FORM_TIME_MAX);
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await.map_err(|problem| problem.oauth("invalid_request"))? {
        bytes.extend_from_slice(&piece);
    }
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_bytes(&bytes).map_err(|_| invalid("อ่านแบบฟอร์มไม่ได้", "The form can't be read."))?;
    let mut form = BTreeMap::new();
    for (name, value) in pairs {
        // RFC 6749 §3.2: a parameter without a value counts as left out, and none may stand twice.
        if !value.is_empty() && form.insert(name, value).is_some() {
            return Err(invalid("มีพารามิเตอร์ซ้ำ", "A parameter stands twice."));
        }
    }
    Ok(form)
}

/// Id and secret of `Authorization: Basic`. Ours hold no letter that the form encoding of RFC 6749 §2.3.1 would change.
fn basic(request: &HttpRequest) -> Result<Option<(String, String)>, Problem> {
    let mut values = request.headers().get_all(header::AUTHORIZATION);
    let Some(value) = values.next() else { return Ok(None) };
    let value = Some(value).filter(|_| values.next().is_none());
    let pair = value.and_then(|value| value.to_str().ok()).and_then(|text| {
        let (scheme, encoded) = text.split_once(' ')?;
        let decoded = BASE64.decode(encoded.trim().as_bytes()).ok()?;
        let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
        scheme.eq_ignore_ascii_case("basic").then(|| (id.to_owned(), secret.to_owned()))
    });
    pair.map(Some).ok_or_else(|| Problem::from(crate::app::AppError::from(TokenError::Client)))
}

fn proof<'r>(form: &'r BTreeMap<String, String>, basic: Option<&'r (String, String)>) -> Result<Proof<'r>, Problem> {
    let of = |name: &str| form.get(name).map(String::as_str);
    match (basic, of("client_secret"), of("client_assertion")) {
        (Some((client, _)), None, None) if of("client_id").is_some_and(|named| named != client) => {
            Err(invalid("client_id ไม่ใช่ของผู้ที่ยืนยันตัว", "client_id is another than the one that Authorization proves."))
        }
        (Some((client, secret)), None, None) => Ok(Proof::Secret { client, secret }),
        (None, Some(secret), None) => match of("client_id") {
            Some(client) => Ok(Proof::Secret { client, secret }),
            None => Err(invalid("ไม่มี client_id", "client_id is missing.")),
        },
        (None, None, Some(assertion)) if of("client_assertion_type") == Some(ASSERTION) => {
            Ok(Proof::Assertion { client: of("client_id"), assertion })
        }
        (None, None, Some(_)) => Err(invalid(
            &format!("client_assertion_type ต้องเป็น {ASSERTION}"),
            &format!("client_assertion_type is to be {ASSERTION}."),
        )),
        (None, None, None) => match of("client_id") {
            Some(client) => Ok(Proof::Certificate { client }),
            None => Err(Problem::from(crate::app::AppError::from(TokenError::Client))),
        },
        _ => Err(invalid("ยืนยันตัวได้ทางเดียวต่อคำขอ", "One request proves the client in one way only.")),
    }
}

/// Where tokens are given, by which proofs, and where the key is that checks them (RFC 8414).
#[utoipa::path(tag = "access", operation_id = "get_token_server", responses((status = 200, body = Object)))]
#[get("/.well-known/oauth-authorization-server")]
pub async fn server(_: NoQuery, app: web::Data<App>) -> HttpResponse {
    let terms = app.token_terms();
    let scopes: Vec<&str> = Scope::FOR_CLIENTS.iter().map(Scope::as_str).collect();
    HttpResponse::Ok().json(serde_json::json!({
        "issuer": terms.issuer,
        "token_endpoint": terms.endpoint(),
        "jwks_uri": format!("{}/.well-known/jwks.json", terms.issuer),
        "grant_types_supported": [GRANT],
        "response_types_supported": [],
        "scopes_supported": scopes,
        "token_endpoint_auth_methods_supported":
            &["client_secret_basic", "client_secret_post", "private_key_jwt", "tls_client_auth"]
                [..if app.tls().is_some() { 4 } else { 3 }],
        "tls_client_certificate_bound_access_tokens": app.tls().is_some(),
        "token_endpoint_auth_signing_alg_values_supported": ["ES256"],
    }))
}
