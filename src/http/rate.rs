//! How much a caller may ask for, around every route: the class of a request, the fields `RateLimit-Policy` and `RateLimit`
//! (draft-ietf-httpapi-ratelimit-headers-11), and the problem with `Retry-After` where it was too much.
//!
//! Decides nothing of quotas, that is `limit`'s. What operators and preflights need is never limited: an answer to them costs
//! nothing, and a gateway must not look dead because it is busy.

use super::auth::{Recognised, recognise};
use super::context::RequestContext;
use super::problem::{Kind, Problem};
use crate::app::App;
use crate::app::clients::Known;
use crate::domain::ids::ClientId;
use crate::domain::principal::Principal;
use crate::domain::quota::{Class, Overrides, Policy, Unit};
use crate::domain::text::Bilingual;
use crate::limit::{Ask, Standing, Verdict, Who};
use actix_web::body::{BoxBody, MessageBody};
use actix_web::dev::{Payload, ServiceRequest, ServiceResponse};
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use actix_web::middleware::Next;
use actix_web::{Error, HttpMessage, web};
use futures_util::StreamExt;
use std::fmt::Write;
use std::time::{Duration, Instant};

pub const POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
pub const LIMIT: HeaderName = HeaderName::from_static("ratelimit");
/// Of a body that does not say its length, so many bytes are debited together.
const METERED_BYTES: u64 = 1 << 20;
const UNLIMITED: [&str; 5] = ["/healthz", "/readyz", "/metrics", "/.well-known/", "/static/"];

pub async fn limited<B: MessageBody + 'static>(
    mut request: ServiceRequest,
    next: Next<B>,
) -> Result<ServiceResponse<BoxBody>, Error> {
    let app = request.app_data::<web::Data<App>>().cloned();
    let (Some(app), Some(asked)) = (app, class_of(request.method(), request.match_info().as_str())) else {
        return Ok(next.call(request).await?.map_into_boxed_body());
    };
    let known = recognise(request.request()).await;
    let (client, own) = match &known {
        Ok(Some(known)) => (id_of(&known.principal), known.limits.clone()),
        _ => (None, Overrides::default()),
    };
    let is_person = matches!(&known, Ok(Some(Known { principal: Principal::Person { .. }, .. })));
    request.extensions_mut().insert(Recognised(known));
    if is_person {
        // Somebody at a page is as slow as people are, and no stranger who is known by an address alone.
        return Ok(next.call(request).await?.map_into_boxed_body());
    }
    let address = || request.peer_addr().map(|peer| Who::address(peer.ip()));
    let (who, class) = match client.clone().map(Who::Client) {
        Some(client) => (client, asked),
        None => match address() {
            Some(address) => (address, Class::Open),
            None => return Ok(next.call(request).await?.map_into_boxed_body()),
        },
    };
    let announced = announced_bytes(&request);
    let started = Instant::now();
    let measured = client.clone().map(|client| Measured { app: app.clone(), client, class });
    let verdict = app.limiter().decide(Ask { who, class, bytes: announced.unwrap_or(0), own: &own }).await;
    if !verdict.allowed {
        let context = request.extensions().get().cloned().unwrap_or_else(RequestContext::unknown);
        let mut refused = too_many(class, &verdict).respond(&context);
        told(refused.headers_mut(), &verdict);
        measured.iter().for_each(|one| one.answered(refused.status().as_u16(), started));
        return Ok(request.into_response(refused));
    }
    if let (None, Class::Submit, Some(client)) = (announced, class, client) {
        let payload = request.take_payload();
        request.set_payload(metered(app, client, own, payload));
    }
    let mut response = next.call(request).await?.map_into_boxed_body();
    told(response.headers_mut(), &verdict);
    measured.iter().for_each(|one| one.answered(response.status().as_u16(), started));
    Ok(response)
}

/// A client's request, for the service levels of its agreements: until the answer begins.
struct Measured {
    app: web::Data<App>,
    client: ClientId,
    class: Class,
}

impl Measured {
    fn answered(&self, status: u16, started: Instant) {
        self.app.note_answer(&self.client, self.class, status, started.elapsed());
    }
}

/// None: it is not limited. `path` as the routes read it, so that another spelling of it is no other class.
pub fn class_of(method: &Method, path: &str) -> Option<Class> {
    if *method == Method::OPTIONS || UNLIMITED.iter().any(|free| path.starts_with(free)) {
        return None;
    }
    let under = |prefix: &str| path.strip_prefix(prefix).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    let sends = match *method {
        // To stop something must be possible whatever was sent before.
        Method::POST => path == "/v1/submissions" || path == "/v1/uploads" || path.ends_with("/corrections"),
        Method::PATCH => under("/v1/uploads"),
        _ => false,
    };
    Some(match () {
        () if sends => Class::Submit,
        () if under("/v1/lookups") || under("/v1/verifications") => Class::Lookup,
        () => Class::Read,
    })
}

fn id_of(principal: &Principal) -> Option<ClientId> {
    match principal {
        Principal::Client { id, .. } => Some(id.clone()),
        Principal::Person { .. } | Principal::Operator | Principal::Anonymous => None,
    }
}

/// None: it comes in chunks or frames, if at all, and nobody knows how much it is.
fn announced_bytes(request: &ServiceRequest) -> Option<u64> {
    if request.headers().contains_key(header::TRANSFER_ENCODING) {
        return None;
    }
    request.headers().get(header::CONTENT_LENGTH)?.to_str().ok()?.parse().ok()
}

/// The same body, debited as it comes. It is not cut off: what goes beyond is owed, and the next request waits.
fn metered(app: web::Data<App>, client: ClientId, own: Overrides, mut payload: Payload) -> Payload {
    let stream = async_stream::stream! {
        let mut due: u64 = 0;
        while let Some(piece) = payload.next().await {
            due += piece.as_ref().map_or(0, |bytes| bytes.len() as u64);
            if due >= METERED_BYTES {
                app.limiter().debit(&client, &own, Policy::SubmitBytes, due).await;
                due = 0;
            }
            yield piece;
        }
        app.limiter().debit(&client, &own, Policy::SubmitBytes, due).await;
    };
    Payload::Stream { payload: Box::pin(stream) }
}

/// Whole seconds, none too few.
fn seconds(time: Duration) -> u64 {
    time.as_secs() + u64::from(time.subsec_nanos() > 0)
}

fn told(headers: &mut HeaderMap, verdict: &Verdict) {
    if verdict.standings.is_empty() {
        return;
    }
    let policies: Vec<String> = verdict.standings.iter().map(policy_item).collect();
    // What stood in the way, if anything did: `Retry-After` is not before the end of its window.
    let limits: Vec<String> = verdict
        .standings
        .iter()
        .filter(|standing| verdict.allowed || standing.wait.is_some())
        .map(limit_item)
        .collect();
    for (name, items) in [(POLICY, policies), (LIMIT, limits)] {
        if let Ok(value) = HeaderValue::from_str(&items.join(", ")) {
            headers.insert(name, value);
        }
    }
}

/// `"submit-bytes";q=1048576;qu="content-bytes";w=60`: the burst, and the time in which an empty one is full again.
fn policy_item(standing: &Standing) -> String {
    let (policy, quota) = (standing.policy(), standing.quota);
    let unit = match policy.unit() {
        Unit::Requests => "",
        Unit::Bytes => ";qu=\"content-bytes\"",
        // The draft's registry has no such unit; a client that does not know it passes over the policy.
        Unit::Records => ";qu=\"records\"",
    };
    let burst = u64::from(quota.burst()) * policy.grain();
    let window = seconds(Duration::from_nanos(quota.window_ns())).max(1);
    format!("\"{}\";q={burst}{unit};w={window}", policy.as_str())
}

/// `"submit";r=99;t=1`: what is left, and the time before which there is no more.
fn limit_item(standing: &Standing) -> String {
    let mut item = format!("\"{}\";r={}", standing.policy().as_str(), standing.remaining);
    if let Some(time) = standing.wait.or(standing.more_in) {
        // Writing into a string can't fail.
        let _ = write!(item, ";t={}", seconds(time));
    }
    item
}

fn too_many(class: Class, verdict: &Verdict) -> Problem {
    let wait = seconds(verdict.wait()).max(1);
    let limits: Vec<String> =
        verdict.violated().map(|standing| format!("{} ({})", standing.policy().as_str(), standing.quota)).collect();
    let (limits, class_name) = (limits.join(", "), class_name(class));
    let policies = verdict.violated().map(|standing| standing.policy().as_str()).collect();
    Problem::new(Kind::TooManyRequests)
        .detail(
            format!(
                "คำขอนี้เกินโควตา {limits} ของประเภท {} ส่งคำขอเดิมอีกครั้งได้ในอีก {wait} วินาที หากต้องใช้มากกว่านี้เป็นประจำ โปรดติดต่อกระทรวงเพื่อขอโควตาเพิ่ม",
                class_name.th
            ),
            format!(
                "This request goes beyond the quota {limits} of the class {}. Send the same request again in {wait} s; if you need more every day, ask the ministry for a quota of your own.",
                class_name.en
            ),
        )
        .retry_after(u32::try_from(wait).unwrap_or(u32::MAX))
        .violated(policies)
}

fn class_name(class: Class) -> Bilingual {
    let th = match class {
        Class::Submit => "การส่งข้อมูล",
        Class::Lookup => "การสืบค้นรายบุคคล",
        Class::Read => "การอ่านข้อมูล",
        Class::Open => "การเรียกโดยไม่ใช้โทเคน",
    };
    Bilingual::new(format!("{th} ({})", class.as_str()), class.as_str())
}

#[cfg(test)]
mod tests {
    use super::*;
    use actix_web::test::TestRequest;

    fn class(method: Method, path: &str) -> Option<Class> {
        let request = TestRequest::default().method(method).uri(path).to_srv_request();
        class_of(request.method(), request.match_info().as_str())
    }

    #[test]
    fn every_request_is_of_one_class_however_its_address_is_spelt() {
        let (post, get) = (Method::POST, Method::GET);
        for (method, path, of) in [
            (&post, "/v1/submissions?mapping=obec/enrolments", Some(Class::Submit)),
            (&post, "/v1/submi%73sions", Some(Class::Submit)),
            (&post, "/v1/uploads", Some(Class::Submit)),
            (&Method::PATCH, "/v1/uploads/upl_1", Some(Class::Submit)),
            (&post, "/v1/submissions/sub_1/corrections", Some(Class::Submit)),
            (&post, "/v1/submissions/sub_1/cancel", Some(Class::Read)),
            (&Method::DELETE, "/v1/uploads/upl_1", Some(Class::Read)),
            (&get, "/v1/submissions", Some(Class::Read)),
            (&post, "/v1/counts/2026-06-10", Some(Class::Read)),
            (&post, "/v1/lookups", Some(Class::Lookup)),
            (&post, "/v1/lookups/batch", Some(Class::Lookup)),
            (&post, "/v1/verifications", Some(Class::Lookup)),
            (&get, "/v1/lookupsies", Some(Class::Read)),
            (&get, "/", Some(Class::Read)),
            (&Method::OPTIONS, "/v1/uploads", None),
            (&get, "/healthz", None),
            (&get, "/readyz", None),
            (&get, "/metrics", None),
            (&get, "/.well-known/jwks.json", None),
        ] {
            assert_eq!(class(method.clone(), path), of, "{method} {path}");
        }
    }
}
