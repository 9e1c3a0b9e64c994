//! Forms that people send: read within limits, and only if they are ours and of this browser.
//!
//! Owns the defence against requests that another site makes a browser send. Three things have to be right: where the browser
//! says it comes from (`Sec-Fetch-Site`, `Origin`), the token in the form (made of the secret in the cookie), and the cookie,
//! which browsers don't send along with another site's form (`SameSite`). Refuses unknown and repeated fields.

use super::cookies::Cookie;
use crate::app::App;
use crate::app::people::forms::{form_token, is_form_token};
use crate::http::body::Body;
use crate::http::problem::{Kind, Problem};
use actix_web::http::header;
use actix_web::{HttpRequest, web};
use std::collections::BTreeMap;
use std::time::Duration;

const FORM_BYTES_MAX: u64 = 16 << 10;
const FORM_TIME_MAX: Duration = Duration::from_secs(30);
/// The token's field, and the header by which a script of ours sends it to the API.
const FIELD: &str = "form";
pub const HEADER: &str = "x-saphan-form";

/// The fields of a form whose token was right.
#[derive(Debug)]
pub struct Form(BTreeMap<String, String>);

impl Form {
    /// Nothing for a field that was left out.
    pub fn get(&self, name: &str) -> &str {
        self.0.get(name).map_or("", String::as_str)
    }
}

/// `secret`: what the token is to be made of. `known`: the fields of this form.
pub async fn read(
    request: &HttpRequest,
    payload: web::Payload,
    app: &App,
    secret: Option<&str>,
    known: &[&str],
) -> Result<Form, Problem> {
    if !is_from_here(request, app) {
        return Err(foreign());
    }
    let kind = request.headers().get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if !kind.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("application/x-www-form-urlencoded") {
        return Err(Problem::new(Kind::UnsupportedMedia));
    }
    let mut body = Body::new(payload, FORM_BYTES_MAX, FORM_TIME_MAX);
    let mut bytes = Vec::new();
    while let Some(piece) = body.next().await? {
        bytes.extend_from_slice(&piece);
    }
    let pairs: Vec<(String, String)> =
        serde_urlencoded::from_bytes(&bytes).map_err(|_| Problem::new(Kind::BadRequest))?;
    let mut fields = BTreeMap::new();
    for (name, value) in pairs {
        if !(name == FIELD || known.contains(&name.as_str())) || fields.insert(name, value).is_some() {
            return Err(Problem::new(Kind::BadRequest)
                .detail("แบบฟอร์มมีช่องที่ไม่รู้จักหรือซ้ำ", "The form has a field that is unknown or stands twice."));
        }
    }
    let form = Form(fields);
    if secret.is_some_and(|secret| is_form_token(secret, form.get(FIELD))) { Ok(form) } else { Err(foreign()) }
}

/// For a request to the API that a session stands for: from here, and with the token as a header.
pub fn check_header(request: &HttpRequest, app: &App, secret: &str) -> Result<(), Problem> {
    let given = request.headers().get(HEADER).and_then(|value| value.to_str().ok()).unwrap_or_default();
    if is_from_here(request, app) && is_form_token(secret, given) { Ok(()) } else { Err(foreign()) }
}

/// The secret of a browser that nobody signed in with yet: kept, or a new one.
pub fn secret_of_nobody(request: &HttpRequest, app: &App) -> Result<(String, bool), Problem> {
    match Cookie::Form.of(request, app) {
        Some(kept) => Ok((kept, false)),
        None => Ok((app.form_secret()?, true)),
    }
}

/// As it stands in a page's form.
pub fn token(secret: &str) -> String {
    form_token(secret)
}

/// What browsers say of where a request comes from. One that says nothing is told by the form's token alone.
fn is_from_here(request: &HttpRequest, app: &App) -> bool {
    let text = |name: &str| request.headers().get(name).map(|value| value.to_str().unwrap_or("?"));
    if text("sec-fetch-site").is_some_and(|site| site != "same-origin") {
        return false;
    }
    let Some(origin) = text("origin") else { return true };
    let host = origin.split_once("://").map(|(_, host)| host);
    // HTTP/2 names the host in the address instead.
    let asked = text("host").or(request.uri().authority().map(|authority| authority.as_str()));
    let is_asked = host.is_some() && host == asked;
    is_asked || origin == app.token_terms().issuer
}

fn foreign() -> Problem {
    Problem::new(Kind::Forbidden).detail(
        "แบบฟอร์มนี้ไม่ได้มาจากหน้านี้ หรือเปิดค้างไว้จนเซสชันเปลี่ยนไป เปิดหน้าใหม่แล้วทำอีกครั้ง",
        "The form is not of this page, or the session changed since it was opened. Open the page again and repeat what you did.",
    )
}
