//! The one middleware around every route: context in, problems and headers out, one log line.
//!
//! Owns that no answer from 400 up leaves without problem details, whoever made it (a handler, an
//! extractor, the framework's own 404 or 413), that every answer carries its request id, that HEAD is answered
//! wherever GET is, that pages load nothing from elsewhere, and that a gateway that drains keeps no connection. The log names the route's pattern, never the address: patterns hold nobody's data.

use super::api::uploads;
use super::console;
use super::context::{REQUEST_ID, RequestContext, TRACEPARENT};
use super::metrics::Metrics;
use super::problem::{Fault, Kind, Problem};
use super::rate;
use crate::app::{App, asked};
use crate::domain::text::Bilingual;
use actix_web::body::{BodySize, BoxBody, MessageBody};
use actix_web::dev::{ServiceRequest, ServiceResponse};
use actix_web::error::{JsonPayloadError, PathError, PayloadError, QueryPayloadError};
use actix_web::http::ConnectionType;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use bytes::Bytes;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Instant;

/// Path and query together.
const URI_BYTES_MAX: usize = 8 << 10;
/// Names and values of all headers together.
const HEADERS_BYTES_MAX: usize = 32 << 10;

const PAGES: &str = "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'; \
                     base-uri 'none'; frame-ancestors 'none'";
/// The API's own viewer is a script, served by us.
const VIEWER: &str = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                      connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";

pub async fn answer<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let started = Instant::now();
    let context = RequestContext::read(request.headers(), request.query_string());
    request.extensions_mut().insert(context.clone());
    if let Some(meant) = uploads::meant_method(&request) {
        request.head_mut().method = meant;
    }
    let method = request.method().clone();
    if method == Method::HEAD {
        // Every address that takes GET takes HEAD, and answers as to GET, without the content (RFC 9110 §9.3.2).
        request.head_mut().method = Method::GET;
    }
    let policy = if request.path().starts_with("/docs") { VIEWER } else { PAGES };
    let refused = too_large(&request);
    let mut response = match refused {
        Some(kind) => {
            let answered = Problem::new(kind).respond(&context);
            request.into_response(answered)
        }
        None => {
            as_problem(asked::within(context.id.clone(), next.call(request)).await?.map_into_boxed_body(), &context)
        }
    };
    let is_secure = response.request().app_data::<web::Data<App>>().is_some_and(|app| console::is_secure(app));
    finish(response.headers_mut(), &context, policy, is_secure);
    let path = response.request().path().to_owned();
    uploads::sign(&path, response.headers_mut());
    if response.request().app_data::<web::Data<App>>().is_some_and(|app| app.is_draining()) {
        // The next request belongs to a gateway that stays.
        response.response_mut().head_mut().set_connection_type(ConnectionType::Close);
    }
    if method == Method::HEAD {
        response = response.map_body(|_, body| BoxBody::new(LeftOut(body.size())));
    }
    let pattern = response.request().match_pattern();
    let (route, status) = (pattern.as_deref().unwrap_or("-"), response.status().as_u16());
    let elapsed_ms = started.elapsed().as_millis() as u64;
    if let Some(metrics) = response.request().app_data::<web::Data<Metrics>>() {
        metrics.answered(method.as_str(), route, status, elapsed_ms);
    }
    tracing::info!(request_id = %context.id, method = %method, route, status, elapsed_ms, "answered");
    Ok(response)
}

/// A body that is not sent but for whose length the headers speak.
struct LeftOut(BodySize);

impl MessageBody for LeftOut {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        self.0
    }

    fn poll_next(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        Poll::Ready(None)
    }
}

fn too_large(request: &ServiceRequest) -> Option<Kind> {
    let headers: usize = request.headers().iter().map(|(name, value)| name.as_str().len() + value.len()).sum();
    let uri = request.uri().path_and_query().map_or(0, |uri| uri.as_str().len());
    if uri > URI_BYTES_MAX {
        return Some(Kind::UriTooLong);
    }
    (headers > HEADERS_BYTES_MAX).then_some(Kind::HeadersTooLarge)
}

/// Puts problem details where an error stands; everything else passes.
fn as_problem(response: ServiceResponse<BoxBody>, context: &RequestContext) -> ServiceResponse<BoxBody> {
    let status = response.status();
    if !status.is_client_error() && !status.is_server_error() {
        return response;
    }
    let said = |problem: &Problem| console::respond(problem, context, response.request());
    let (told, log) = match response.response().error() {
        Some(error) => match error.as_error::<Problem>() {
            Some(problem) => (said(problem), problem.cause_chain()),
            None => {
                let problem = of_framework(error, Kind::of_status(status));
                let log = status.is_server_error().then(|| error.to_string());
                (said(&problem), log)
            }
        },
        None if is_told(response.headers()) => return response,
        None => (said(&Problem::new(Kind::of_status(status))), None),
    };
    if told.status().is_server_error() {
        let cause = log.unwrap_or_default();
        tracing::error!(request_id = %context.id, status = told.status().as_u16(), cause, "a request failed");
    }
    let kept: Vec<(HeaderName, HeaderValue)> = [header::ALLOW, rate::POLICY, rate::LIMIT]
        .into_iter()
        .filter_map(|name| Some((name.clone(), response.headers().get(name)?.clone())))
        .collect();
    let mut response = response.into_response(told);
    for (name, value) in kept {
        response.headers_mut().insert(name, value);
    }
    response
}

/// Problem details, or a page of the console that says what is wrong beside the form it is wrong in.
fn is_told(headers: &HeaderMap) -> bool {
    let kind = headers.get(header::CONTENT_TYPE).map_or(&b""[..], |kind| kind.as_bytes());
    kind.starts_with(b"application/problem+json") || kind.starts_with(b"text/html")
}

/// Errors of the framework's own readers, said without what was sent.
fn of_framework(error: &Error, fallback: Kind) -> Problem {
    if let Some(error) = error.as_error::<JsonPayloadError>() {
        return of_json(error);
    }
    if error.as_error::<PathError>().is_some() {
        return Problem::new(Kind::NotFound);
    }
    if error.as_error::<QueryPayloadError>().is_some() {
        return Problem::new(Kind::QueryInvalid);
    }
    match error.as_error::<PayloadError>() {
        Some(PayloadError::Overflow) => Problem::new(Kind::TooLarge),
        Some(_) => Problem::new(Kind::BadRequest),
        None => Problem::new(fallback),
    }
}

fn of_json(error: &JsonPayloadError) -> Problem {
    match error {
        JsonPayloadError::OverflowKnownLength { .. } | JsonPayloadError::Overflow { .. } => {
            Problem::new(Kind::TooLarge)
        }
        JsonPayloadError::ContentType => Problem::new(Kind::UnsupportedMedia),
        JsonPayloadError::Deserialize(fault) => {
            let (line, column) = (fault.line(), fault.column());
            let detail = Bilingual::new(
                format!("บรรทัด {line} ตำแหน่งที่ {column}: ไวยากรณ์ ชื่อ หรือชนิดของสมาชิกไม่ถูกต้อง"),
                format!("Line {line}, column {column}: the grammar, or a member's name or type, is wrong."),
            );
            let fault = Fault { pointer: "/body".to_owned(), detail, rule: None, did_you_mean: None };
            Problem::new(Kind::JsonInvalid).faults(vec![fault])
        }
        _ => Problem::new(Kind::BadRequest),
    }
}

fn finish(headers: &mut HeaderMap, context: &RequestContext, policy: &'static str, is_secure: bool) {
    let mut set = |name: HeaderName, value: &str| {
        if let Ok(value) = HeaderValue::from_str(value) {
            headers.insert(name, value);
        }
    };
    set(HeaderName::from_static(REQUEST_ID), &context.id);
    if let Some(trace) = &context.traceparent {
        set(HeaderName::from_static(TRACEPARENT), trace);
    }
    set(header::X_CONTENT_TYPE_OPTIONS, "nosniff");
    set(header::X_FRAME_OPTIONS, "DENY");
    set(header::REFERRER_POLICY, "no-referrer");
    set(header::CONTENT_SECURITY_POLICY, policy);
    if is_secure {
        set(header::STRICT_TRANSPORT_SECURITY, "max-age=31536000");
    }
    if !headers.contains_key(header::CACHE_CONTROL) {
        headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-store"));
    }
}
