//! Uploads by the tus protocol 1.0.0 (tus.io/protocols/resumable-upload): its core, creation, expiration, termination and
//! checksum.
//!
//! Owns the protocol's headers and nothing else: what is there, who may add to it and what becomes of it is decided in
//! `app::uploads`. `Upload-Metadata` is not looked at and not kept, because a file's name may hold a person's; the terms are
//! those of `POST /v1/submissions`. HEAD is GET without its content, as everywhere.

use super::submissions::terms;
use crate::app::App;
use crate::app::uploads::{Checksum, Piece, UploadView};
use crate::domain::ids::{SubmissionId, UploadId};
use crate::domain::principal::Principal;
use crate::http::auth::Caller;
use crate::http::body::Body;
use crate::http::problem::{Kind, Problem, too_large};
use crate::http::query::NoQuery;
use crate::http::queue::{Lane, Queue};
use actix_web::dev::ServiceRequest;
use actix_web::http::Method;
use actix_web::http::header::{self, HeaderMap, HeaderName, HeaderValue, HttpDate};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, delete, get, options, patch, post, web};
use bytes::BytesMut;
use serde::Serialize;
use std::time::{Duration, SystemTime};
use utoipa::ToSchema;

const VERSION: &str = "1.0.0";
const EXTENSIONS: &str = "creation,expiration,termination,checksum";
const CHECKSUMS: &str = "sha1,sha256";
const PIECE_TYPE: &str = "application/offset+octet-stream";
/// Bytes gathered before they go to disk together.
const GATHERED_BYTES: usize = 256 << 10;
const PATH: &str = "/v1/uploads";

/// Of the protocol, for the document.
#[derive(ToSchema)]
#[expect(dead_code, reason = "only for the document; the header is read by its own rules")]
enum TusVersion {
    #[schema(rename = "1.0.0")]
    V1,
}

/// An upload and how much of it is there.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Upload)]
pub struct UploadBody {
    #[schema(example = "upl_0199a1b2c3d4e5f60718293a4b5c6d7e")]
    pub id: String,
    /// Of the whole file.
    pub bytes: u64,
    /// There, and safe: go on at this byte.
    pub received: u64,
    /// Given up if nothing comes until then.
    #[schema(example = "2026-06-13T03:04:05Z")]
    pub expires_at: String,
    /// What it became, once it is whole.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "sub_0199a1b2c3d4e5f60718293a4b5c6d7e")]
    pub submission: Option<String>,
}

/// Open an upload of a file that is sent in pieces (tus 1.0.0, extension `creation`). It is sent with PATCH to `Location`;
/// when it is whole it becomes a submission. `Upload-Metadata` is ignored: the file's name is not kept.
#[utoipa::path(tag = "submissions", operation_id = "begin_upload", security(("token" = [])),
    params(
        ("mapping" = String, Query, description = "Name of the mapping", max_length = 100, example = "obec/enrolments"),
        ("round" = String, Query, description = "Count day, or academic year and term", pattern = r"^((19|20|21)[0-9]{2}-(06|11)-10|2(4[5-9][0-9]|[56][0-9]{2}|7[0-3][0-9])[/-][12])$", example = "2026-06-10"),
        ("mode" = Option<String>, Query, pattern = r"^(replace|delta)$", description = "`replace` (default) or `delta`, as for a submission"),
        ("Upload-Length" = u64, Header, minimum = 1, description = "Bytes of the whole file"),
        ("Tus-Resumable" = inline(Option<TusVersion>), Header, description = "`1.0.0`"),
        ("X-JWS-Signature" = Option<String>, Header, pattern = r"^[A-Za-z0-9_-]{20,900}\.\.[A-Za-z0-9_-]{86}$", description = "As for a submission, over the whole file; checked when the upload is whole"),
        ("Idempotency-Key" = Option<String>, Header, pattern = r"^[!-~]{1,200}$", description = "As for a submission; looked at when the upload is whole"),
    ),
    responses((status = 201, body = UploadBody, description = "Open; send the bytes to `Location`")))]
#[post("/v1/uploads")]
pub async fn begin(caller: Caller, request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Problem> {
    check_version(request.headers())?;
    let terms = terms(&request, &app)?;
    let bytes = number(request.headers(), "upload-length")?;
    let view = app.begin_upload(&caller.0, terms, bytes).await?;
    let location = (header::LOCATION, format!("{PATH}/{}", view.id));
    Ok(told(HttpResponse::Created().insert_header(location), &view).json(UploadBody::from(view)))
}

/// How much of an upload is there, in `Upload-Offset` and as JSON; once it is whole, the submission it became, also in
/// `Saphan-Submission`. To everybody but the client that began it, it is not there.
#[utoipa::path(tag = "submissions", operation_id = "get_upload", security(("token" = [])),
    params(("id" = String, Path, example = "upl_0199a1b2c3d4e5f60718293a4b5c6d7e")),
    responses((status = 200, body = UploadBody)))]
#[get("/v1/uploads/{id}")]
pub async fn one(
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let (_, view) = own(&request, &id, &caller, &app).await?;
    Ok(told(&mut HttpResponse::Ok(), &view).json(UploadBody::from(view)))
}

/// The next bytes of an upload, from `Upload-Offset` on: all of them, or as many as you like at a time. What was acknowledged
/// stays; after a broken line ask with HEAD where to go on. With the last byte the upload becomes a submission, named in
/// `Saphan-Submission`.
#[utoipa::path(tag = "submissions", operation_id = "append_upload", security(("token" = [])),
    params(
        ("id" = String, Path, example = "upl_0199a1b2c3d4e5f60718293a4b5c6d7e"),
        ("Upload-Offset" = u64, Header, description = "Place of the first of these bytes in the file"),
        ("Upload-Checksum" = Option<String>, Header, pattern = r"^(sha1 [A-Za-z0-9+/]{27}=|sha256 [A-Za-z0-9+/]{43}=)$", description = "`sha1` or `sha256` and the digest of these bytes in base64: they count only if it is right"),
        ("Tus-Resumable" = inline(Option<TusVersion>), Header, description = "`1.0.0`"),
    ),
    request_body(content = Vec<u8>, content_type = "application/offset+octet-stream"),
    responses(
        (status = 204, description = "Safe up to `Upload-Offset`"),
        (status = 409, content_type = "application/problem+json", body = crate::http::problem::ProblemBody,
            description = "The upload goes on at another byte, or somebody else is sending"),
    ))]
#[patch("/v1/uploads/{id}")]
pub async fn append(
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
    queue: web::Data<dyn Queue>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let (id, _) = own(&request, &id, &caller, &app).await?;
    let headers = request.headers();
    if text(headers, header::CONTENT_TYPE.as_str()) != Some(PIECE_TYPE) {
        return Err(Problem::new(Kind::UnsupportedMedia).detail(
            format!("Content-Type ที่รับคือ {PIECE_TYPE}"),
            format!("The Content-Type that is taken is {PIECE_TYPE}."),
        ));
    }
    let offset = number(headers, "upload-offset")?;
    let piece = app.begin_piece(&caller.0, &id, offset, checksum(headers)?).await?;
    let announced = text(headers, header::CONTENT_LENGTH.as_str()).and_then(|length| length.parse::<u64>().ok());
    if announced.is_some_and(|length| length > piece.room()) {
        return Err(too_large(piece.room()));
    }
    let body = Body::new(payload, piece.room(), Duration::from_secs(app.pace().request_seconds_max));
    receive(&app, piece, body).await?;
    if let Some(submission) = app.finish_upload(&id).await? {
        hand_on(&app, &**queue, &caller.0, submission).await?;
    }
    let view = app.upload(&caller.0, &id).await?;
    Ok(told(&mut HttpResponse::NoContent(), &view).finish())
}

/// Give up an upload: its bytes are removed. A submission that it became stays.
#[utoipa::path(tag = "submissions", operation_id = "drop_upload", security(("token" = [])),
    params(("id" = String, Path, example = "upl_0199a1b2c3d4e5f60718293a4b5c6d7e")),
    responses((status = 204, description = "Gone")))]
#[delete("/v1/uploads/{id}")]
pub async fn give_up(
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let (id, _) = own(&request, &id, &caller, &app).await?;
    app.drop_upload(&caller.0, &id).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// What of the tus protocol is spoken here, in the headers `Tus-…`.
#[utoipa::path(tag = "submissions", operation_id = "upload_options", responses((status = 204)))]
#[options("/v1/uploads")]
pub async fn spoken(_: NoQuery, app: web::Data<App>) -> HttpResponse {
    abilities(&app)
}

/// What of the tus protocol is spoken here, in the headers `Tus-…`.
#[utoipa::path(tag = "submissions", operation_id = "upload_options_of_one",
    params(("id" = String, Path, example = "upl_0199a1b2c3d4e5f60718293a4b5c6d7e")), responses((status = 204)))]
#[options("/v1/uploads/{id}")]
pub async fn spoken_of_one(_: web::Path<String>, _: NoQuery, app: web::Data<App>) -> HttpResponse {
    abilities(&app)
}

fn abilities(app: &App) -> HttpResponse {
    HttpResponse::NoContent()
        .insert_header(("tus-max-size", app.limits().file_bytes_max.to_string()))
        .insert_header(("tus-extension", EXTENSIONS))
        .insert_header(("tus-checksum-algorithm", CHECKSUMS))
        .finish()
}

/// On every answer under these addresses, whoever made it.
pub fn sign(path: &str, headers: &mut HeaderMap) {
    if is_ours(path) {
        for name in ["tus-resumable", "tus-version"] {
            headers.insert(HeaderName::from_static(name), HeaderValue::from_static(VERSION));
        }
    }
}

/// The method that a client means which can send only some (`X-HTTP-Method-Override`, part of the protocol's core).
pub fn meant_method(request: &ServiceRequest) -> Option<Method> {
    if *request.method() != Method::POST || !is_ours(request.path()) {
        return None;
    }
    match text(request.headers(), "x-http-method-override")? {
        "PATCH" => Some(Method::PATCH),
        "DELETE" => Some(Method::DELETE),
        "HEAD" => Some(Method::HEAD),
        _ => None,
    }
}

fn is_ours(path: &str) -> bool {
    path.strip_prefix(PATH).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

impl From<UploadView> for UploadBody {
    fn from(view: UploadView) -> Self {
        UploadBody {
            id: view.id.to_string(),
            bytes: view.bytes,
            received: view.received,
            expires_at: view.expires_at.to_string(),
            submission: view.submission.map(String::from),
        }
    }
}

fn told<'r>(response: &'r mut HttpResponseBuilder, view: &UploadView) -> &'r mut HttpResponseBuilder {
    response.insert_header(("upload-offset", view.received.to_string()));
    response.insert_header(("upload-length", view.bytes.to_string()));
    response.insert_header(("upload-expires", HttpDate::from(SystemTime::from(view.expires_at)).to_string()));
    if let Some(submission) = &view.submission {
        response.insert_header(("saphan-submission", submission.as_str()));
    }
    response
}

/// Streams the body to the use case. If it breaks off, what came of it is kept as far as it may be.
async fn receive(app: &App, mut piece: Piece, mut body: Body) -> Result<(), Problem> {
    let mut gathered = BytesMut::with_capacity(GATHERED_BYTES);
    loop {
        let next = body.next().await;
        let ended = !matches!(next, Ok(Some(_)));
        if let Ok(Some(bytes)) = &next {
            gathered.extend_from_slice(bytes);
        }
        if ended || gathered.len() >= GATHERED_BYTES {
            piece = app.take_piece(piece, gathered.split().freeze()).await?;
        }
        if ended {
            let whole = next.is_ok();
            let received = app.end_piece(piece, whole).await;
            next?;
            received?;
            return Ok(());
        }
    }
}

/// The queue may be full: the submission is kept, and the worker of some gateway finds it.
async fn hand_on(app: &App, queue: &dyn Queue, caller: &Principal, id: SubmissionId) -> Result<(), Problem> {
    let small = app.submission(caller, &id).await?.bytes <= app.pace().small_submission_bytes;
    let lane = if small { Lane::Small } else { Lane::Large };
    if queue.enter(id.clone(), lane).is_err() {
        tracing::info!(submission = %id, "the queue is full; an upload that became a submission waits in the store");
    }
    Ok(())
}

/// The caller's upload of this name. Whose it is comes before everything that could be said of the request.
async fn own(request: &HttpRequest, id: &str, caller: &Caller, app: &App) -> Result<(UploadId, UploadView), Problem> {
    let id = UploadId::parse(id).map_err(|_| Problem::new(Kind::NotFound))?;
    let view = app.upload(&caller.0, &id).await?;
    check_version(request.headers())?;
    Ok((id, view))
}

fn text<'h>(headers: &'h HeaderMap, name: &str) -> Option<&'h str> {
    headers.get(name).and_then(|value| value.to_str().ok())
}

/// Another version of the protocol is refused; none named is taken for ours, so that plain HTTP clients can send too.
fn check_version(headers: &HeaderMap) -> Result<(), Problem> {
    match headers.get("tus-resumable") {
        Some(version) if version != VERSION => Err(Problem::new(Kind::PreconditionFailed).detail(
            format!("โพรโทคอล tus ที่ใช้ได้คือรุ่น {VERSION} (ส่วนหัว Tus-Resumable)"),
            format!("The version of the tus protocol spoken here is {VERSION} (header Tus-Resumable)."),
        )),
        _ => Ok(()),
    }
}

fn number(headers: &HeaderMap, name: &'static str) -> Result<u64, Problem> {
    let digits = text(headers, name).filter(|value| value.bytes().all(|byte| byte.is_ascii_digit()));
    digits.and_then(|value| value.parse().ok()).ok_or_else(|| {
        Problem::new(Kind::BadRequest).detail(
            format!("ขาดส่วนหัว {name} หรืออ่านไม่ได้ ต้องเป็นจำนวนไบต์เป็นเลขฐานสิบ"),
            format!("The header {name} is missing or can't be read; it takes a number of bytes in decimal digits."),
        )
    })
}

fn checksum(headers: &HeaderMap) -> Result<Option<Checksum>, Problem> {
    let Some(value) = headers.get("upload-checksum") else { return Ok(None) };
    let parts = value.to_str().ok().and_then(|value| value.split_once(' '));
    let named = parts.and_then(|(name, digest)| Some((name, data_encoding::BASE64.decode(digest.as_bytes()).ok()?)));
    let checksum = named.and_then(|(name, digest)| match name {
        "sha1" => digest.try_into().ok().map(Checksum::Sha1),
        "sha256" => digest.try_into().ok().map(Checksum::Sha256),
        _ => None,
    });
    checksum.map(Some).ok_or_else(|| {
        Problem::new(Kind::BadRequest).detail(
            "Upload-Checksum ต้องเป็น sha1 หรือ sha256 เว้นวรรค แล้วตามด้วยค่าในฐาน 64",
            "Upload-Checksum takes sha1 or sha256, a space, and the digest in base64.",
        )
    })
}
