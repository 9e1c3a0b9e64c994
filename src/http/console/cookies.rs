//! What a browser keeps for us, and under which names.
//!
//! Owns the cookies' attributes. Over TLS each has the prefix `__Host-`: the browser then takes it from this host alone, for
//! all of it, and sends it nowhere unencrypted (RFC 6265bis §4.1.3.2). At an `http://` address, which is for trying things on
//! one machine, browsers refuse that prefix, so the names lack it and the cookies lack `Secure`.

use crate::app::App;
use actix_web::HttpRequest;
use actix_web::http::header;

/// A browser sends a few; more are not ours.
const COOKIES_MAX: usize = 64;
/// Ours are shorter.
const VALUE_CHARS_MAX: usize = 256;
/// As long as browsers keep one at most.
const DEVICE_SECONDS: i64 = 400 * 86_400;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Cookie {
    /// The session of somebody who signed in.
    Session,
    /// Half a sign-in, or the setting up of an account.
    Half,
    /// For the forms of nobody yet.
    Form,
    /// Somebody signed in here before.
    Device,
    /// A sign-in that went on to the provider of identities.
    Sso,
}

impl Cookie {
    fn name(self, is_secure: bool) -> &'static str {
        match (self, is_secure) {
            (Cookie::Session, true) => "__Host-saphan",
            (Cookie::Half, true) => "__Host-saphan-half",
            (Cookie::Form, true) => "__Host-saphan-form",
            (Cookie::Device, true) => "__Host-saphan-device",
            (Cookie::Sso, true) => "__Host-saphan-sso",
            (Cookie::Session, false) => "saphan",
            (Cookie::Half, false) => "saphan-half",
            (Cookie::Form, false) => "saphan-form",
            (Cookie::Device, false) => "saphan-device",
            (Cookie::Sso, false) => "saphan-sso",
        }
    }

    /// What the browser sent. One that stands twice is none: somebody put another beside ours.
    pub fn of(self, request: &HttpRequest, app: &App) -> Option<String> {
        let name = self.name(is_secure(app));
        let headers = request.headers().get_all(header::COOKIE).filter_map(|value| value.to_str().ok());
        let pairs = headers.flat_map(|value| value.split(';')).take(COOKIES_MAX);
        let mut found = pairs
            .filter_map(|pair| pair.trim().split_once('='))
            .filter(|(own, _)| *own == name)
            .map(|(_, value)| value);
        let (value, other) = (found.next()?, found.next());
        let fits = (1..=VALUE_CHARS_MAX).contains(&value.len()) && value.bytes().all(|byte| byte.is_ascii_graphic());
        (fits && other.is_none()).then(|| value.to_owned())
    }

    /// The header that makes the browser keep it; gone when the browser is closed, the known device's apart.
    pub fn set(self, value: &str, app: &App) -> (header::HeaderName, String) {
        let age = if self == Cookie::Device { format!("; Max-Age={DEVICE_SECONDS}") } else { String::new() };
        self.header(value, &age, app)
    }

    pub fn clear(self, app: &App) -> (header::HeaderName, String) {
        self.header("", "; Max-Age=0", app)
    }

    fn header(self, value: &str, age: &str, app: &App) -> (header::HeaderName, String) {
        let is_secure = is_secure(app);
        let secure = if is_secure { "; Secure" } else { "" };
        let name = self.name(is_secure);
        (header::SET_COOKIE, format!("{name}={value}; Path=/; HttpOnly; SameSite=Lax{secure}{age}"))
    }
}

/// By the address under which people find the gateway.
pub fn is_secure(app: &App) -> bool {
    app.token_terms().issuer.starts_with("https://")
}
