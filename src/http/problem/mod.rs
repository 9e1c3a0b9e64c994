//! Problem details (RFC 9457): every answer from 400 up is one of the kinds listed here.
//!
//! Owns the kinds and their JSON; `errors` translates other modules' errors. The texts are data
//! (`schemas/problems.yaml`, th/en). Refuses to repeat what was sent, other than names of parameters:
//! a value may identify somebody, and an error body is copied into tickets. What failed inside is
//! logged once, under the request id, and never shown.

mod errors;

use crate::domain::place::place_said;
use crate::domain::text::{Bilingual, Lang};
use crate::http::api::bodies::RefusalBody;
use crate::http::context::RequestContext;
use actix_web::http::{StatusCode, header};
use actix_web::{HttpResponse, ResponseError};
use serde::{Deserialize, Serialize};
use std::sync::LazyLock;
use utoipa::ToSchema;

/// What the catalogue says of one kind.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Entry {
    pub code: String,
    pub status: u16,
    pub title: Bilingual,
    pub meaning: Bilingual,
    pub fix: Bilingual,
}

static CATALOGUE: LazyLock<Vec<Entry>> = LazyLock::new(|| {
    // The text is part of the binary; the tests below hold it to the kinds.
    serde_saphyr::from_str(include_str!("../../../schemas/problems.yaml")).unwrap_or_default()
});

/// Every kind of problem, in the order of their status.
pub fn catalogue() -> &'static [Entry] {
    &CATALOGUE
}

macro_rules! kinds {
    ($($name:ident = $status:literal $code:literal,)*) => {
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Kind { $($name),* }

        impl Kind {
            pub const ALL: &[Kind] = &[$(Kind::$name),*];

            pub fn code(self) -> &'static str {
                match self { $(Kind::$name => $code),* }
            }

            pub fn status(self) -> u16 {
                match self { $(Kind::$name => $status),* }
            }
        }
    };
}

kinds! {
    BadRequest = 400 "bad-request",
    QueryInvalid = 400 "query-invalid",
    JsonInvalid = 400 "json-invalid",
    TokenRequestInvalid = 400 "token-request-invalid",
    Unauthenticated = 401 "unauthenticated",
    ClientInvalid = 401 "client-invalid",
    CertificateMissing = 401 "certificate-missing",
    CertificateUnknown = 401 "certificate-unknown",
    CertificateExpired = 401 "certificate-expired",
    CertificateEarly = 401 "certificate-not-yet-valid",
    CertificateRevoked = 401 "certificate-revoked",
    CertificateUnfit = 401 "certificate-unfit",
    CertificateOther = 401 "certificate-other",
    Forbidden = 403 "forbidden",
    NotFound = 404 "not-found",
    MethodNotAllowed = 405 "method-not-allowed",
    NotAcceptable = 406 "not-acceptable",
    RequestTimeout = 408 "request-timeout",
    Conflict = 409 "conflict",
    IdempotencyKeyReused = 409 "idempotency-key-reused",
    Gone = 410 "gone",
    PreconditionFailed = 412 "precondition-failed",
    TooLarge = 413 "too-large",
    UriTooLong = 414 "uri-too-long",
    UnsupportedMedia = 415 "unsupported-media",
    FileRefused = 422 "file-refused",
    SignatureInvalid = 422 "signature-invalid",
    PreconditionRequired = 428 "precondition-required",
    TooManyRequests = 429 "too-many-requests",
    HeadersTooLarge = 431 "headers-too-large",
    ChecksumMismatch = 460 "checksum-mismatch",
    Internal = 500 "internal",
    Unavailable = 503 "unavailable",
}

impl Kind {
    /// The kind that stands for a bare status, as the framework gives them.
    pub fn of_status(status: StatusCode) -> Kind {
        let fallback = if status.is_server_error() { Kind::Internal } else { Kind::BadRequest };
        Kind::ALL.iter().copied().find(|kind| kind.status() == status.as_u16()).unwrap_or(fallback)
    }

    fn entry(self) -> Option<&'static Entry> {
        catalogue().iter().find(|entry| entry.code == self.code())
    }
}

/// One fault of a request, where it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fault {
    /// `/query/round`, or a JSON Pointer into the body (`/body/purpose`).
    pub pointer: String,
    pub detail: Bilingual,
    /// The rule (`SPH-…`) where a file was refused.
    pub rule: Option<String>,
    pub did_you_mean: Option<String>,
}

#[derive(Debug)]
pub struct Problem {
    kind: Kind,
    detail: Option<Box<Bilingual>>,
    faults: Vec<Fault>,
    allow: Option<Box<str>>,
    retry_after_s: Option<u32>,
    submission: Option<Box<str>>,
    refusal: Option<Box<RefusalBody>>,
    seldom: Option<Box<Seldom>>,
    cause: Option<Box<dyn std::error::Error + Send + Sync>>,
}

/// Members of few problems; apart, because problems are handed up by value.
#[derive(Debug, Default)]
struct Seldom {
    violated: Vec<&'static str>,
    oauth: Option<&'static str>,
}

/// The body of every answer from 400 up.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Problem, example = json!({
    "type": "/problems/query-invalid", "title": "A query parameter is not valid", "status": 400,
    "detail": "1 parameter needs attention.", "code": "query-invalid",
    "request_id": "req_0199a1b2c3d4e5f60718293a4b5c6d7e",
    "errors": [{"pointer": "/query/rond", "detail": "There is no such parameter.", "did_you_mean": "round"}]
}))]
pub struct ProblemBody {
    /// Path of the page that explains this kind.
    #[serde(rename = "type")]
    pub problem_type: String,
    pub title: String,
    pub status: u16,
    pub detail: String,
    pub code: String,
    pub request_id: String,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<FaultBody>,
    /// Names of the limits that stood in the way (`too-many-requests`), as they stand in `RateLimit-Policy`.
    #[serde(rename = "violated-policies", skip_serializing_if = "Vec::is_empty")]
    pub violated_policies: Vec<&'static str>,
    /// The submission it is about, if one is kept.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub submission: Option<String>,
    /// Why the whole file was not taken (`file-refused`), in both languages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub refusal: Option<RefusalBody>,
    /// At `/oauth/token`: the code of RFC 6749.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error: Option<&'static str>,
    /// The detail in English, since the standard takes no other letters.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub error_description: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ProblemError)]
pub struct FaultBody {
    pub pointer: String,
    pub detail: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rule: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub did_you_mean: Option<String>,
}

impl Problem {
    pub fn new(kind: Kind) -> Self {
        Problem {
            kind,
            detail: None,
            faults: Vec::new(),
            allow: None,
            retry_after_s: None,
            submission: None,
            refusal: None,
            seldom: None,
            cause: None,
        }
    }

    /// A fault of the gateway's own: logged with its chain, shown as a plain 500.
    pub fn internal(cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        Problem::new(Kind::Internal).because(cause)
    }

    /// The error behind it: logged with its chain, never shown.
    pub fn because(mut self, cause: impl Into<Box<dyn std::error::Error + Send + Sync>>) -> Self {
        self.cause = Some(cause.into());
        self
    }

    /// Says it more exactly than the catalogue. Never a value that was sent.
    pub fn detail(mut self, th: impl Into<String>, en: impl Into<String>) -> Self {
        self.detail = Some(Box::new(Bilingual::new(th, en)));
        self
    }

    pub fn faults(mut self, faults: Vec<Fault>) -> Self {
        self.faults = faults;
        self
    }

    /// Value of the header `Allow`.
    pub fn allow(mut self, methods: impl Into<Box<str>>) -> Self {
        self.allow = Some(methods.into());
        self
    }

    pub fn retry_after(mut self, seconds: u32) -> Self {
        self.retry_after_s = Some(seconds);
        self
    }

    /// The code of RFC 6749 §5.2, for clients that read that only.
    pub fn oauth(mut self, error: &'static str) -> Self {
        self.seldom.get_or_insert_default().oauth = Some(error);
        self
    }

    /// Names of the limits that stood in the way.
    pub fn violated(mut self, policies: Vec<&'static str>) -> Self {
        self.seldom.get_or_insert_default().violated = policies;
        self
    }

    /// Names the kept submission that it is about.
    pub fn about(mut self, submission: impl Into<Box<str>>) -> Self {
        self.submission = Some(submission.into());
        self
    }

    /// A kept file that can't be read on: rule, place, detail, and what to do.
    pub fn file_refused(submission: &str, refusal: RefusalBody) -> Self {
        let place = place_said(&refusal.place);
        let shown = |text: &str, lang| format!("{text} ({}, {})", refusal.rule, place.get(lang));
        let fault = Fault {
            pointer: "/body".to_owned(),
            detail: Bilingual::new(refusal.hint.th.clone(), refusal.hint.en.clone()),
            rule: Some(refusal.rule.clone()),
            did_you_mean: None,
        };
        let mut problem = Problem::new(Kind::FileRefused)
            .detail(shown(&refusal.message.th, Lang::Th), shown(&refusal.message.en, Lang::En))
            .faults(vec![fault])
            .about(submission);
        problem.refusal = Some(Box::new(refusal));
        problem
    }

    /// A kept file that the gateway failed to do: not to be tried again under its key.
    pub fn given_up(submission: &str, refusal: RefusalBody) -> Self {
        Problem { kind: Kind::Conflict, ..Problem::file_refused(submission, refusal) }
    }

    pub fn retry_after_s(&self) -> Option<u32> {
        self.retry_after_s
    }

    /// What the catalogue says of how to go on.
    pub fn fix(&self) -> Option<Bilingual> {
        self.kind.entry().map(|entry| entry.fix.clone())
    }

    pub fn kind(&self) -> Kind {
        self.kind
    }

    /// The chain of causes, for the log only.
    pub fn cause_chain(&self) -> Option<String> {
        let mut next: Option<&dyn std::error::Error> = Some(self.cause.as_deref()?);
        let mut chain = Vec::new();
        while let Some(error) = next {
            chain.push(error.to_string());
            next = error.source();
        }
        Some(chain.join(": "))
    }

    pub fn body(&self, lang: Lang, request_id: &str) -> ProblemBody {
        let entry = self.kind.entry();
        let detail = self.detail.as_deref().or(entry.map(|entry| &entry.meaning));
        let seldom = self.seldom.as_deref();
        let oauth = seldom.and_then(|seldom| seldom.oauth);
        ProblemBody {
            problem_type: format!("/problems/{}", self.kind.code()),
            title: entry.map_or(self.kind.code(), |entry| entry.title.get(lang)).to_owned(),
            status: self.kind.status(),
            detail: detail.map_or("", |text| text.get(lang)).to_owned(),
            code: self.kind.code().to_owned(),
            request_id: request_id.to_owned(),
            errors: self
                .faults
                .iter()
                .map(|fault| FaultBody {
                    pointer: fault.pointer.clone(),
                    detail: fault.detail.get(lang).to_owned(),
                    rule: fault.rule.clone(),
                    did_you_mean: fault.did_you_mean.clone(),
                })
                .collect(),
            violated_policies: seldom.map(|seldom| seldom.violated.clone()).unwrap_or_default(),
            submission: self.submission.as_deref().map(str::to_owned),
            refusal: self.refusal.as_deref().cloned(),
            error: oauth,
            error_description: oauth.and(detail).map(|text| text.en.clone()),
        }
    }

    /// The whole answer, in the language and under the id of the request.
    pub fn respond(&self, context: &RequestContext) -> HttpResponse {
        let mut response = HttpResponse::build(self.status_code());
        response.content_type("application/problem+json");
        response.insert_header((header::CONTENT_LANGUAGE, context.lang_tag()));
        response.insert_header((header::VARY, "accept-language"));
        match self.kind {
            Kind::CertificateOther => {
                // RFC 8705 §3.
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"saphan\", error=\"invalid_token\""));
            }
            kind if kind.status() == 401 && kind != Kind::ClientInvalid => {
                response.insert_header((header::WWW_AUTHENTICATE, "Bearer realm=\"saphan\""));
            }
            Kind::ClientInvalid => {
                response.insert_header((header::WWW_AUTHENTICATE, "Basic realm=\"saphan\""));
            }
            _ => {}
        }
        if let Some(allow) = &self.allow {
            response.insert_header((header::ALLOW, &**allow));
        }
        if let Some(seconds) = self.retry_after_s {
            response.insert_header((header::RETRY_AFTER, seconds.to_string()));
        }
        let body = serde_json::to_vec(&self.body(context.lang, &context.id)).unwrap_or_default();
        response.body(body)
    }
}

impl std::fmt::Display for Problem {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.kind.code())
    }
}

impl ResponseError for Problem {
    fn status_code(&self) -> StatusCode {
        StatusCode::from_u16(self.kind.status()).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR)
    }

    /// Reached only where no middleware ran; the ordinary way is [`super::answer`].
    fn error_response(&self) -> HttpResponse {
        self.respond(&RequestContext::unknown())
    }
}

/// The body is longer than this route takes.
pub fn too_large(bytes_max: u64) -> Problem {
    let (th, en) = (format!("รับได้ไม่เกิน {bytes_max} ไบต์"), format!("At most {bytes_max} bytes are taken."));
    Problem::new(Kind::TooLarge).detail(th, en)
}

/// The body broke off.
pub fn interrupted() -> Problem {
    Problem::new(Kind::BadRequest)
        .detail("การส่งขาดตอนก่อนครบ ไม่ได้เก็บสิ่งใดไว้", "The transfer broke off. Nothing was kept.")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kind_has_its_text_in_both_languages_and_no_text_is_left_over() {
        let read: Vec<Entry> = serde_saphyr::from_str(include_str!("../../../schemas/problems.yaml")).unwrap();
        let told: Vec<(&str, u16)> = read.iter().map(|entry| (entry.code.as_str(), entry.status)).collect();
        let known: Vec<(&str, u16)> = Kind::ALL.iter().map(|kind| (kind.code(), kind.status())).collect();
        assert_eq!(told, known);
        for entry in read {
            for text in [&entry.title, &entry.meaning, &entry.fix] {
                assert!(text.th.chars().any(|c| ('ก'..='๛').contains(&c)), "{}: no Thai in «{}»", entry.code, text.th);
                assert!(!text.en.is_empty() && text.en.is_ascii(), "{}: «{}»", entry.code, text.en);
            }
        }
    }

    #[test]
    fn what_failed_inside_is_not_shown() {
        let problem = Problem::internal(std::io::Error::other("disk of host db-7 is full"));
        let shown = serde_json::to_string(&problem.body(Lang::En, "req_1")).unwrap();
        assert!(!shown.contains("db-7"), "{shown}");
        assert_eq!(problem.cause_chain().as_deref(), Some("disk of host db-7 is full"));
    }

    #[test]
    fn a_bare_status_finds_its_kind() {
        assert_eq!(Kind::of_status(StatusCode::PAYLOAD_TOO_LARGE), Kind::TooLarge);
        assert_eq!(Kind::of_status(StatusCode::IM_A_TEAPOT), Kind::BadRequest);
        assert_eq!(Kind::of_status(StatusCode::BAD_GATEWAY), Kind::Internal);
    }
}
