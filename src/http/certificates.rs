//! The client's certificate, from its connection to the request.
//!
//! Owns what is open to all whatever was or wasn't shown, and the words of a refusal. A bad certificate is answered, not cut
//! off: on every request, so that one which is revoked meanwhile is out on connections that stand. The look is a comparison of
//! two numbers unless something changed.

use super::problem::{Kind, Problem};
use crate::app::App;
use crate::app::certificates::{CertificateFault, Peer, Thumbprint};
use actix_tls::accept::openssl as accepted;
use actix_web::body::{EitherBody, MessageBody};
use actix_web::dev::{Extensions, ServiceRequest, ServiceResponse};
use actix_web::middleware::Next;
use actix_web::rt::net::TcpStream;
use actix_web::{Error, HttpMessage, HttpRequest, web};
use std::any::Any;
use std::fmt::Write;

/// Open data, what one must read to send data, health, and the explanation of the refusal itself. An address is one of these
/// or lies below it.
const OPEN: [&str; 15] = [
    "/healthz",
    "/readyz",
    "/problems",
    "/data",
    "/static",
    "/standards",
    "/codelists",
    "/rules",
    "/v1/standards",
    "/v1/codelists",
    "/v1/rules",
    "/docs",
    "/openapi.json",
    "/.well-known",
    "/favicon.ico",
];

fn is_open(path: &str) -> bool {
    let is_below = |open: &str| path.strip_prefix(open).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    path == "/" || OPEN.into_iter().any(is_below)
}

/// Called for each connection: keeps what it showed.
pub fn remember(app: &App, io: &dyn Any, connection: &mut Extensions) {
    let stream = io.downcast_ref::<accepted::TlsStream<TcpStream>>();
    if let (Some(tls), Some(stream)) = (app.tls(), stream) {
        connection.insert(tls.peer(stream.ssl()));
    }
}

/// Middleware: a request on a connection with a bad certificate, or without one where it is required, is refused.
pub async fn admit<B: MessageBody + 'static>(
    request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<EitherBody<B>>, Error> {
    let tls = request.app_data::<web::Data<App>>().and_then(|app| app.tls().cloned());
    if let Some(tls) = tls {
        let judged = match request.request().conn_data::<Peer>() {
            Some(peer) => tls.admit(peer),
            None => Err(CertificateFault::Absent),
        };
        match judged {
            Ok(Some(shown)) => drop(request.extensions_mut().insert(shown)),
            Ok(None) => {}
            Err(_) if is_open(request.path()) => {}
            Err(fault) => return Ok(request.error_response(refusal(fault)).map_into_right_body()),
        }
    }
    Ok(next.call(request).await?.map_into_left_body())
}

/// The certificate of this request's connection, if it is good.
pub fn shown(request: &HttpRequest) -> Option<Thumbprint> {
    request.extensions().get::<Thumbprint>().cloned()
}

fn refusal(fault: CertificateFault) -> Problem {
    match fault {
        CertificateFault::Absent => Problem::new(Kind::CertificateMissing),
        CertificateFault::Unknown => Problem::new(Kind::CertificateUnknown),
        CertificateFault::Unfit => Problem::new(Kind::CertificateUnfit),
        CertificateFault::Expired { on } => Problem::new(Kind::CertificateExpired).detail(
            format!("ใบรับรองที่แสดง หรือของ CA เหนือขึ้นไป หมดอายุเมื่อ {on} ขอใบรับรองใหม่จากผู้ดูแลระบบของกระทรวง"),
            format!(
                "The certificate shown, or one of a CA above it, expired on {on}. Ask the ministry's administrators for a new one."
            ),
        ),
        CertificateFault::NotYetValid { from } => Problem::new(Kind::CertificateEarly).detail(
            format!("ใบรับรองใช้ได้ตั้งแต่ {from} ใช้ใบเดิมไปก่อน หรือตรวจนาฬิกาของเครื่องที่ออกใบรับรอง"),
            format!(
                "The certificate is valid from {from} on. Use the one before it until then, or check the clock of the machine that issued it."
            ),
        ),
        CertificateFault::Revoked { on } => Problem::new(Kind::CertificateRevoked).detail(
            format!("ใบรับรองถูกเพิกถอนเมื่อ {on} หยุดใช้กุญแจนี้ และขอใบรับรองใหม่จากผู้ดูแลระบบของกระทรวง"),
            format!(
                "The certificate was revoked on {on}. Stop using its key, and ask the ministry's administrators for a new certificate."
            ),
        ),
    }
}

/// Lines for Prometheus; none with plain HTTP.
pub fn metrics(app: &App) -> String {
    let mut out = String::new();
    let Some(tls) = app.tls() else { return out };
    out.push_str("# HELP saphan_certificate_expiry_seconds When it ends (the list of the revoked: when the next one is due), as seconds since 1970.\n");
    out.push_str("# TYPE saphan_certificate_expiry_seconds gauge\n");
    for expiry in tls.expiries() {
        let (which, at) = (expiry.which.as_str(), expiry.at.as_second());
        // Writing into a string can't fail.
        let _ = writeln!(out, "saphan_certificate_expiry_seconds{{which=\"{which}\"}} {at}");
    }
    out.push_str("# HELP saphan_tls_reload_failed 1: the files of TLS can't be used as they are, and what was before is in force.\n");
    out.push_str("# TYPE saphan_tls_reload_failed gauge\n");
    let _ = writeln!(out, "saphan_tls_reload_failed {}", u8::from(tls.is_stale()));
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_everybody_may_read_is_open_without_a_certificate() {
        for open in [
            "/",
            "/healthz",
            "/readyz",
            "/data/count-summary",
            "/problems/certificate-missing",
            "/docs/",
            "/v1/standards",
        ] {
            assert!(is_open(open), "{open}");
        }
        for closed in
            ["/v1/submissions", "/oauth/token", "/metrics", "/database", "/healthz2", "/v1/standardsx", "//data"]
        {
            assert!(!is_open(closed), "{closed}");
        }
    }
}
