//! What the gateway knows of a request before any handler: its id, its trace and the reader's language.
//!
//! Owns the check of what comes in the headers `X-Request-Id` and `traceparent`: both reach the log, so
//! neither may be long, hold control characters or look like somebody's number.

use super::problem::Problem;
use crate::domain::ids::RequestId;
use crate::domain::text::Lang;
use actix_web::dev::Payload;
use actix_web::http::header::{self, HeaderMap};
use actix_web::{FromRequest, HttpMessage, HttpRequest};
use std::future::{Ready, ready};

pub const REQUEST_ID: &str = "x-request-id";
pub const TRACEPARENT: &str = "traceparent";

/// Characters of an id that a client may bring.
const ID_CHARS_MAX: usize = 64;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RequestContext {
    pub id: String,
    pub lang: Lang,
    /// The W3C trace context as it came, to be passed on.
    pub traceparent: Option<String>,
}

impl RequestContext {
    /// From the headers; `?lang=th|en` of the pages goes before `Accept-Language`.
    pub fn read(headers: &HeaderMap, query: &str) -> Self {
        let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let asked = query.split('&').find_map(|pair| match pair {
            "lang=th" => Some(Lang::Th),
            "lang=en" => Some(Lang::En),
            _ => None,
        });
        let accepted = text(header::ACCEPT_LANGUAGE.as_str()).map_or(Lang::Th, Lang::from_accept_language);
        RequestContext {
            id: text(REQUEST_ID).filter(|id| is_request_id(id)).map_or_else(fresh_id, str::to_owned),
            lang: asked.unwrap_or(accepted),
            traceparent: text(TRACEPARENT).filter(|trace| is_traceparent(trace)).map(str::to_owned),
        }
    }

    /// For answers made before the headers were read.
    pub fn unknown() -> Self {
        RequestContext { id: fresh_id(), lang: Lang::Th, traceparent: None }
    }

    /// BCP 47.
    pub fn lang_tag(&self) -> &'static str {
        match self.lang {
            Lang::Th => "th",
            Lang::En => "en",
        }
    }
}

fn fresh_id() -> String {
    RequestId::from_uuid(uuid::Uuid::now_v7()).to_string()
}

fn is_request_id(text: &str) -> bool {
    let plain = text.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'));
    (8..=ID_CHARS_MAX).contains(&text.len()) && plain && !looks_like_a_persons_number(text)
}

/// Twelve or more digits in a row and no hexadecimal letter beside them: a citizen number or a G-code. With signs between them
/// too, as people write a citizen number.
fn looks_like_a_persons_number(text: &str) -> bool {
    let is_number = |word: &str| {
        let digits = word.trim_start_matches(['G', 'g', 'P', 'p']);
        (12..=13).contains(&digits.len()) && digits.bytes().all(|b| b.is_ascii_digit())
    };
    let joined: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
    is_number(&joined) || text.split(|c: char| !c.is_ascii_alphanumeric()).any(is_number)
}

/// `00-<32 hex>-<16 hex>-<2 hex>` (W3C Trace Context, version 00), neither id all zeros.
fn is_traceparent(text: &str) -> bool {
    let parts: Vec<&str> = text.split('-').collect();
    let hex =
        |part: &str, len: usize| part.len() == len && part.bytes().all(|b| matches!(b, b'0'..=b'9' | b'a'..=b'f'));
    match parts.as_slice() {
        ["00", trace, span, flags] => {
            let zero = |part: &str| part.bytes().all(|b| b == b'0');
            hex(trace, 32) && hex(span, 16) && hex(flags, 2) && !zero(trace) && !zero(span)
        }
        _ => false,
    }
}

impl FromRequest for RequestContext {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let known = request.extensions().get::<RequestContext>().cloned();
        ready(Ok(known.unwrap_or_else(|| RequestContext::read(request.headers(), request.query_string()))))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::http::header::{HeaderName, HeaderValue};

    fn read(pairs: &[(&'static str, &'static str)], query: &str) -> RequestContext {
        let mut headers = HeaderMap::new();
        for (name, value) in pairs {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        RequestContext::read(&headers, query)
    }

    #[test]
    fn a_fit_request_id_is_kept_and_any_other_replaced() {
        assert_eq!(read(&[("x-request-id", "batch-2026.06_10")], "").id, "batch-2026.06_10");
        for unfit in [
            "short",
            "1999900000013",
            "batch-1999900000013",
            "1-9999-00000-01-3",
            "G644200000001",
            "with space",
            "a;b=cdefgh",
        ] {
            assert!(read(&[("x-request-id", unfit)], "").id.starts_with("req_"), "{unfit}");
        }
    }

    #[test]
    fn only_a_well_formed_trace_is_passed_on() {
        let good = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";
        assert_eq!(read(&[("traceparent", good)], "").traceparent.as_deref(), Some(good));
        for bad in ["00-0-0-01", "00-00000000000000000000000000000000-00f067aa0ba902b7-01", "x"] {
            assert_eq!(read(&[("traceparent", bad)], "").traceparent, None, "{bad}");
        }
    }

    #[test]
    fn the_switch_of_a_page_goes_before_the_browser() {
        assert_eq!(read(&[("accept-language", "en")], "").lang, Lang::En);
        assert_eq!(read(&[("accept-language", "en")], "page=2&lang=th").lang, Lang::Th);
        assert_eq!(read(&[], "").lang, Lang::Th);
    }
}
