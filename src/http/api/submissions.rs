//! Submissions: a file in, its receipt out, and the refused rows back in the sender's own layout.
//!
//! Owns the streaming of the body to the use case, off the server's own threads. Whether a file is answered
//! at once or later is decided by its size, never by what is in it.

use super::bodies::{
    FindingListBody, RefusalBody, RefusedPart, SubmissionBody, SubmissionListBody, SubmissionReceiptBody,
};
use crate::app::intake::{FileTerms, Kept};
use crate::app::signing::DetachedJws;
use crate::app::submissions::{SubmissionView, WaitReason};
use crate::app::{App, AppError};
use crate::domain::enrolment::SubmissionMode;
use crate::domain::ids::SubmissionId;
use crate::domain::principal::Principal;
use crate::domain::round::Round;
use crate::http::auth::Caller;
use crate::http::body::Body;
use crate::http::content;
use crate::http::problem::{Kind, Problem, too_large};
use crate::http::query::{self, CURSOR, LIMIT, NoQuery, Parameter, Query, ROUND};
use crate::http::queue::{Lane, Queue};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use bytes::BytesMut;
use std::time::Duration;

/// Bytes gathered before they go to disk together.
const GATHERED_BYTES: usize = 256 << 10;
/// A small file that waits longer than this for its turn is answered with 202.
const WAIT_MAX: Duration = Duration::from_secs(20);
/// Seconds after which to look at a submission again.
const LOOK_AGAIN_S: u32 = 5;
/// Seconds after which a full queue is worth asking again.
const QUEUE_RETRY_S: u32 = 30;
/// Beside the body, so that the file stays what it is.
const SIGNATURE: &str = "x-jws-signature";
const KEY_CHARS_MAX: usize = 200;
const LIST_MAX: u32 = 200;
const FINDINGS_ROWS_MAX: u32 = 1_000;

const MAPPING: Parameter = Parameter {
    name: "mapping",
    takes_th: "ชื่อ mapping เช่น obec/enrolments",
    takes_en: "the name of a mapping such as obec/enrolments",
};
const MODE: Parameter =
    Parameter { name: "mode", takes_th: "replace หรือ delta", takes_en: "replace or delta" };
const FORMAT: Parameter = Parameter {
    name: "format",
    takes_th: "layout json หรือรูปแบบของไฟล์ที่ส่ง (csv ndjson xml xlsx)",
    takes_en: "layout, json, or the format of the file that was sent (csv, ndjson, xml, xlsx)",
};

/// Send one file. It is kept, with its hash, before anything is read of it. A small file is answered with its receipt
/// (201); a large one, or any with `Prefer: respond-async`, with 202 and the address to look at. The same
/// `Idempotency-Key` with the same file and terms answers with the first submission.
#[utoipa::path(tag = "submissions", operation_id = "send_submission", security(("token" = [])),
    params(
        ("mapping" = String, Query, description = "Name of the mapping", max_length = 100, example = "obec/enrolments"),
        ("round" = String, Query, description = "Count day, or academic year and term", pattern = r"^((19|20|21)[0-9]{2}-(06|11)-10|2(4[5-9][0-9]|[56][0-9]{2}|7[0-3][0-9])[/-][12])$", example = "2026-06-10"),
        ("mode" = Option<String>, Query, pattern = r"^(replace|delta)$", description = "`replace` (default): everything of the schools in the file; `delta`: these learners only"),
        ("Idempotency-Key" = Option<String>, Header, pattern = r"^[!-~]{1,200}$", description = "1 to 200 visible ASCII characters, of your own making"),
        ("X-JWS-Signature" = Option<String>, Header, pattern = r"^[A-Za-z0-9_-]{20,900}\.\.[A-Za-z0-9_-]{86}$", description = "Detached JWS (ES256) over the bytes as they are sent, by a key of the client: docs/signatures.md"),
        ("Prefer" = Option<String>, Header, description = "`respond-async`: answer 202 whatever the size"),
    ),
    request_body(content = Vec<u8>, content_type = "application/octet-stream",
        description = "The file as it is: CSV, JSON, NDJSON, XML or XLSX as the mapping says, plain or gzip"),
    responses(
        (status = 201, body = SubmissionReceiptBody, description = "Done; the receipt says what became of every row"),
        (status = 202, body = SubmissionReceiptBody, description = "Kept; look at `Location` for the receipt"),
        (status = 422, description = "The whole file was refused; `refusal` says why. It is kept under the id in `submission`",
            content_type = "application/problem+json", body = crate::http::problem::ProblemBody),
    ))]
#[post("/v1/submissions")]
pub async fn send(
    caller: Caller,
    request: HttpRequest,
    app: web::Data<App>,
    queue: web::Data<dyn Queue>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let terms = terms(&request, &app)?;
    app.may_begin(&caller.0, &terms).await?;
    let bytes_max = app.limits().file_bytes_max;
    check_body(&request, bytes_max)?;
    let body = Body::new(payload, bytes_max, Duration::from_secs(app.pace().request_seconds_max));
    let kept = receive(&app, &caller.0, terms, body).await?;
    let later = prefers_async(&request);
    let view = settle(&app, &**queue, &caller.0, &kept, later).await?;
    answer(view, later)
}

/// Submissions you may see, newest first: your agency's own, or all of them for the ministry.
#[utoipa::path(tag = "submissions", operation_id = "list_submissions", security(("token" = [])),
    params(("cursor" = Option<String>, Query, pattern = r"^[0-7]?[0-9a-f]{1,15}$", description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200)),
    responses((status = 200, body = SubmissionListBody)))]
#[get("/v1/submissions")]
pub async fn list(caller: Caller, request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request, &[CURSOR, LIMIT]);
    let before = query.take("cursor", place);
    let limit = query.take("limit", query::limit(LIST_MAX)).unwrap_or(50);
    let before = query.finish(Some(before))?;
    let (views, next) = app.submissions(&caller.0, before, limit).await?;
    let submissions = views.into_iter().map(SubmissionBody::from).collect();
    Ok(HttpResponse::Ok().json(SubmissionListBody { submissions, next: next.map(|next| format!("{next:x}")) }))
}

/// One submission; once it is at its end, the members of its receipt stand beside its own, and whole under `receipt`.
#[utoipa::path(tag = "submissions", operation_id = "get_submission", security(("token" = [])),
    params(("id" = String, Path, example = "sub_0199a1b2c3d4e5f60718293a4b5c6d7e")),
    responses((status = 200, body = SubmissionReceiptBody)))]
#[get("/v1/submissions/{id}")]
pub async fn one(
    caller: Caller,
    id: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
) -> Result<web::Json<SubmissionReceiptBody>, Problem> {
    let view = app.submission(&caller.0, &submission_id(&id)?).await?;
    Ok(web::Json(view.into()))
}

/// The receipt signed by the gateway (JWS in compact form, ES256), to be shown to others: `sub` is the submission, `receipt` the
/// whole receipt with the hash of the file's bytes, or `refusal` why the file was not taken. The key stands at
/// `/.well-known/jwks.json`. 409 while the submission is not at its end.
#[utoipa::path(tag = "submissions", operation_id = "get_signed_receipt", security(("token" = [])),
    params(("id" = String, Path, example = "sub_0199a1b2c3d4e5f60718293a4b5c6d7e")),
    responses((status = 200, body = String, content_type = "application/jose")))]
#[get("/v1/submissions/{id}/receipt.jws")]
pub async fn signed_receipt(
    caller: Caller,
    id: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let signed = app.signed_receipt(&caller.0, &submission_id(&id)?).await?;
    Ok(HttpResponse::Ok().content_type("application/jose").body(signed))
}

/// The refused rows: `layout` (default) is the sender's own format and encoding with reason columns, to be corrected
/// and sent again, and so is the file's own format by its name (`csv` for a CSV file); `json` is the findings, a page of
/// rows at a time, also for a file that is JSON itself.
#[utoipa::path(tag = "submissions", operation_id = "get_refused", security(("token" = [])),
    params(("id" = String, Path, example = "sub_0199a1b2c3d4e5f60718293a4b5c6d7e"),
        ("format" = Option<String>, Query, pattern = r"^(layout|json|csv|ndjson|xml|xlsx)$", description = "`layout`, `json`, or the file's own: `csv`, `ndjson`, `xml` or `xlsx`"),
        ("cursor" = Option<u64>, Query, description = "With `json`: the last row of the page before"),
        ("limit" = Option<u32>, Query, description = "With `json`: rows of one page", minimum = 1, maximum = 1000)),
    responses((status = 200, description = "The file, or the findings",
        content((RefusedPart = "application/json"), (String = "application/x-ndjson"), (String = "text/csv"), (String = "application/xml"),
            (Vec<u8> = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet")))))]
#[get("/v1/submissions/{id}/refused")]
pub async fn refused(
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request, &[FORMAT, CURSOR, LIMIT]);
    let format = query.take("format", |text| match text {
        "layout" | "json" | "csv" | "ndjson" | "xml" | "xlsx" => Ok(text.to_owned()),
        _ => Err(()),
    });
    let after = query.take("cursor", row).unwrap_or(0);
    let limit = query.take("limit", query::limit(FINDINGS_ROWS_MAX)).unwrap_or(100);
    query.finish(Some(()))?;
    let id = submission_id(&id)?;
    if format.as_deref() == Some("json") {
        let findings = app.refused_findings(&caller.0, &id, after, limit).await?;
        return Ok(HttpResponse::Ok().json(FindingListBody::page(findings, limit)));
    }
    let asked = format.as_deref().filter(|format| *format != "layout");
    let download = app.refused_file(&caller.0, &id, asked).await?;
    Ok(content::file(download, &mut HttpResponse::Ok()))
}

/// The accepted rows as canonical records, one JSON object a line in the file's order, with the number of the data row as
/// `_row`: what the file said, whether or not it is still in force. Every reading is journalled.
#[utoipa::path(tag = "submissions", operation_id = "get_accepted", security(("token" = [])),
    params(("id" = String, Path, example = "sub_0199a1b2c3d4e5f60718293a4b5c6d7e")),
    responses((status = 200, body = String, content_type = "application/x-ndjson")))]
#[get("/v1/submissions/{id}/accepted")]
pub async fn accepted(
    caller: Caller,
    id: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let download = app.accepted_file(&caller.0, &submission_id(&id)?).await?;
    Ok(content::file(download, &mut HttpResponse::Ok()))
}

/// Take a submission back before it is done, for the agency that sent it; to read it is no right to stop it. Work on it stops at the next
/// block of rows, and nothing of it ever counts. 409 for one that is at its end. The same file sent again, without the old
/// `Idempotency-Key`, is a new submission.
#[utoipa::path(tag = "submissions", operation_id = "cancel_submission", security(("token" = [])),
    params(("id" = String, Path, example = "sub_0199a1b2c3d4e5f60718293a4b5c6d7e")),
    responses((status = 200, body = SubmissionBody)))]
#[post("/v1/submissions/{id}/cancel")]
pub async fn cancel(
    caller: Caller,
    id: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
) -> Result<web::Json<SubmissionBody>, Problem> {
    let view = app.cancel(&caller.0, &submission_id(&id)?).await?;
    Ok(web::Json(view.into()))
}

/// As the document says: no more than 63 bits.
fn row(text: &str) -> Result<u64, ()> {
    text.parse::<u64>().ok().filter(|row| i64::try_from(*row).is_ok()).ok_or(())
}

/// Of a list of submissions, as `next` says it.
fn place(text: &str) -> Result<i64, ()> {
    let plain = text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    if plain { i64::from_str_radix(text, 16).map_err(|_| ()) } else { Err(()) }
}

/// An id that is no id can't be there.
pub fn submission_id(text: &str) -> Result<SubmissionId, Problem> {
    SubmissionId::parse(text).map_err(|_| Problem::new(Kind::NotFound))
}

pub fn terms(request: &HttpRequest, app: &App) -> Result<FileTerms, Problem> {
    let mut query = Query::of(request, &[MAPPING, ROUND, MODE]);
    let mapping = query.need("mapping", |text| if text.len() <= 100 { Ok(text.to_owned()) } else { Err(()) });
    let round = query.need("round", Round::parse);
    let mode = query.take("mode", |text| SubmissionMode::parse(text).ok_or(()));
    let (mapping, round) = query.finish(mapping.zip(round))?;
    let idempotency_key = idempotency_key(request)?.map(|words| app.idempotency_key(words));
    let signature = signature(request)?;
    Ok(FileTerms { mapping, round, mode: mode.unwrap_or(SubmissionMode::Replace), idempotency_key, signature })
}

/// Read, not checked: of which bytes it is to be is known when they are there.
fn signature(request: &HttpRequest) -> Result<Option<DetachedJws>, Problem> {
    let mut values = request.headers().get_all(SIGNATURE);
    let Some(value) = values.next() else { return Ok(None) };
    let only = Some(value).filter(|_| values.next().is_none()).and_then(|value| value.to_str().ok());
    only.and_then(DetachedJws::parse).map(Some).ok_or_else(|| {
        Problem::new(Kind::SignatureInvalid).detail(
            "X-JWS-Signature อ่านไม่ได้ ต้องเป็น detached JWS แบบ HEADER..SIGNATURE หนึ่งค่า ใช้ ES256 และส่วนหัวมีเพียง alg kid b64 crit typ iat",
            "X-JWS-Signature can't be read: it takes one detached JWS (HEADER..SIGNATURE) by ES256, whose header has no members but alg, kid, b64, crit, typ and iat.",
        )
    })
}

pub(super) fn idempotency_key(request: &HttpRequest) -> Result<Option<&str>, Problem> {
    let mut values = request.headers().get_all("idempotency-key");
    let Some(value) = values.next() else { return Ok(None) };
    let key = Some(value)
        .filter(|_| values.next().is_none())
        .and_then(|value| value.to_str().ok())
        .filter(|key| (1..=KEY_CHARS_MAX).contains(&key.len()) && key.bytes().all(|byte| byte.is_ascii_graphic()));
    key.map(Some).ok_or_else(|| {
        Problem::new(Kind::BadRequest).detail(
            format!("Idempotency-Key ต้องเป็นอักขระ ASCII ที่มองเห็น 1 ถึง {KEY_CHARS_MAX} ตัว"),
            format!("Idempotency-Key takes 1 to {KEY_CHARS_MAX} visible ASCII characters."),
        )
    })
}

/// What can be said of a body before it is taken.
fn check_body(request: &HttpRequest, bytes_max: u64) -> Result<(), Problem> {
    let header = |name| request.headers().get(name).and_then(|value| value.to_str().ok());
    let coding = header(header::CONTENT_ENCODING).unwrap_or("identity");
    if !["identity", "gzip", "x-gzip"].iter().any(|known| coding.eq_ignore_ascii_case(known)) {
        return Err(Problem::new(Kind::UnsupportedMedia)
            .detail("Content-Encoding ที่รับคือ gzip", "The Content-Encoding that is taken is gzip."));
    }
    let announced = header(header::CONTENT_LENGTH).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > bytes_max) { Err(too_large(bytes_max)) } else { Ok(()) }
}

fn prefers_async(request: &HttpRequest) -> bool {
    let mut values = request.headers().get_all("prefer").filter_map(|value| value.to_str().ok());
    values
        .any(|value| value.split([',', ';']).any(|preference| preference.trim().eq_ignore_ascii_case("respond-async")))
}

/// Streams the body to the use case. If it breaks off, nothing of it stays.
async fn receive(app: &web::Data<App>, caller: &Principal, terms: FileTerms, mut body: Body) -> Result<Kept, Problem> {
    let (opening, principal) = (app.clone(), caller.clone());
    let mut intake = web::block(move || opening.begin_intake(&principal, terms)).await.map_err(Problem::internal)??;
    let mut gathered = BytesMut::with_capacity(GATHERED_BYTES);
    loop {
        let piece = body.next().await?;
        let ended = piece.is_none();
        gathered.extend_from_slice(&piece.unwrap_or_default());
        if ended || gathered.len() >= GATHERED_BYTES {
            let bytes = gathered.split().freeze();
            let write = move || intake.write(&bytes).map(|()| intake);
            intake = web::block(write).await.map_err(Problem::internal)??;
        }
        if ended {
            return Ok(app.keep(intake).await?);
        }
    }
}

/// Hands a kept file on; waits for its end if it is small and nobody asked otherwise.
async fn settle(
    app: &App,
    queue: &dyn Queue,
    caller: &Principal,
    kept: &Kept,
    later: bool,
) -> Result<SubmissionView, Problem> {
    let view = app.submission(caller, &kept.id).await?;
    // One that rests after a failed try is not hurried by sending it again.
    if !is_open(&view) || view.waiting.as_ref().is_some_and(|waiting| waiting.reason == WaitReason::Retry) {
        return Ok(view);
    }
    let small = view.bytes <= app.pace().small_submission_bytes;
    let lane = if small { Lane::Small } else { Lane::Large };
    let done = queue.enter(kept.id.clone(), lane).map_err(|full| {
        Problem::new(Kind::Unavailable)
            .detail(
                "มีงานรออยู่มาก ไฟล์เก็บไว้แล้วและจะประมวลผลเอง ไม่ต้องส่งซ้ำ",
                "Much is waiting. The file is kept and will be taken up by itself; don't send it again.",
            )
            .retry_after(QUEUE_RETRY_S)
            .about(kept.id.as_str())
            .because(full)
    })?;
    if later || !small {
        return Ok(view);
    }
    if let Ok(outcome) = tokio::time::timeout(WAIT_MAX, done).await {
        outcome.map_err(|error| Problem::from(error).about(kept.id.as_str()))?;
    }
    Ok(app.submission(caller, &kept.id).await?)
}

fn is_open(view: &SubmissionView) -> bool {
    matches!(view.state.as_str(), "received" | "processing")
}

fn answer(view: SubmissionView, later: bool) -> Result<HttpResponse, Problem> {
    let location = (header::LOCATION, format!("/v1/submissions/{}", view.id));
    if is_open(&view) {
        let mut response = HttpResponse::Accepted();
        response.insert_header(location).insert_header((header::RETRY_AFTER, LOOK_AGAIN_S.to_string()));
        if later {
            response.insert_header(("preference-applied", "respond-async"));
        }
        return Ok(response.json(SubmissionReceiptBody::from(view)));
    }
    if view.state == "cancelled" {
        return Err(Problem::from(AppError::Cancelled).about(view.id.as_str()));
    }
    if let Some(refusal) = view.refusal {
        let (id, refusal) = (view.id.as_str(), RefusalBody::from(refusal));
        let failed = view.state == "failed";
        return Err(if failed { Problem::given_up(id, refusal) } else { Problem::file_refused(id, refusal) });
    }
    Ok(HttpResponse::Created().insert_header(location).json(SubmissionReceiptBody::from(view)))
}
