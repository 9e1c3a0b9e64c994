//! Live progress of one submission, as server-sent events (WHATWG HTML, «Server-sent events»).
//!
//! Owns their form and their end: a look twice a second, an event when something changed, a comment when nothing did for
//! long (so that nobody on the way closes the line), the last event when the submission is at its end. Refuses more
//! onlookers at once than the store bears, and to stay open longer than an hour; a reader who is still interested comes again by itself.

use super::bodies::WaitingBody;
use super::submissions::submission_id;
use crate::app::submissions::progress::{Onlooker, Progress};
use crate::app::{App, AppError};
use crate::domain::ids::SubmissionId;
use crate::domain::principal::Principal;
use crate::http::auth::Caller;
use crate::http::problem::{Kind, Problem};
use crate::http::query::NoQuery;
use actix_web::http::header::ContentEncoding;
use actix_web::{HttpResponse, get, web};
use bytes::Bytes;
use futures_util::Stream;
use serde::Serialize;
use std::time::Duration;
use tokio::time::Instant;
use utoipa::ToSchema;

const LOOK_EVERY: Duration = Duration::from_millis(500);
/// Silence after which a comment is sent.
const SILENCE_MAX: Duration = Duration::from_secs(15);
/// Seconds after which one who found no place may ask again.
const AGAIN_S: u32 = 30;
const OPEN_MAX: Duration = Duration::from_secs(3_600);

/// One event.
#[derive(ToSchema)]
#[schema(as = SubmissionEvent)]
#[expect(dead_code, reason = "only for the document; events are written by their own rules")]
pub struct EventBody {
    event: EventName,
    /// `SubmissionProgress` as JSON.
    #[schema(content_media_type = "application/json")]
    data: String,
}

#[derive(ToSchema)]
#[schema(as = SubmissionEventName, rename_all = "lowercase")]
pub enum EventName {
    Progress,
    End,
}

/// What one event says.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubmissionProgress)]
pub struct ProgressBody {
    /// As of the submission.
    #[schema(example = "processing")]
    pub state: String,
    /// Done so far; left out where it is not known.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rows_per_second: Option<u64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub bytes_read: Option<u64>,
    /// Of the file as received.
    pub bytes: u64,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub waiting: Option<WaitingBody>,
}

impl From<Progress> for ProgressBody {
    fn from(progress: Progress) -> Self {
        ProgressBody {
            state: progress.state,
            rows: progress.rows,
            rows_per_second: progress.rows_per_second,
            bytes_read: progress.bytes_read,
            bytes: progress.bytes,
            waiting: progress.waiting.map(WaitingBody::from),
        }
    }
}

/// Live progress as server-sent events: `progress` whenever something changed, `end` when the submission is at its end,
/// which closes the stream. Each carries the state, and while it is worked on the rows done.
#[utoipa::path(tag = "submissions", operation_id = "watch_submission", security(("token" = [])),
    params(("id" = String, Path, example = "sub_0199a1b2c3d4e5f60718293a4b5c6d7e")),
    responses((status = 200, body = EventBody, content_type = "text/event-stream", description = "Events one after another; 503 while too many watch")))]
#[get("/v1/submissions/{id}/events")]
pub async fn watch(
    caller: Caller,
    id: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let id = submission_id(&id)?;
    // What can go wrong goes wrong here, as a problem, before the stream begins.
    let first = app.progress(&caller.0, &id).await?;
    let onlooker = app.onlooker().ok_or_else(|| {
        Problem::new(Kind::Unavailable)
            .detail(
                "มีผู้เฝ้าดูความคืบหน้าพร้อมกันมากเกินไป ดูสถานะได้ที่ /v1/submissions/{id} หรือลองใหม่ภายหลัง",
                "Too many look on at the same time. See the state at /v1/submissions/{id}, or try again later.",
            )
            .retry_after(AGAIN_S)
    })?;
    let mut response = HttpResponse::Ok();
    // Neither we nor a proxy may gather events to compress them.
    response.insert_header(ContentEncoding::Identity).insert_header(("x-accel-buffering", "no"));
    Ok(response.content_type("text/event-stream").streaming(events(app, caller.0, id, first, onlooker)))
}

fn events(
    app: web::Data<App>,
    caller: Principal,
    id: SubmissionId,
    first: Progress,
    onlooker: Onlooker,
) -> impl Stream<Item = Result<Bytes, AppError>> {
    async_stream::try_stream! {
        // Its place is held as long as the stream lives.
        let _onlooker = onlooker;
        let begun = Instant::now();
        let (mut seen, mut told_at) = (first, begun);
        yield event(&seen)?;
        // A gateway that stops lets its readers go; they come again by themselves, to another.
        while !seen.ended && begun.elapsed() < OPEN_MAX && !app.is_draining() {
            tokio::time::sleep(LOOK_EVERY).await;
            let now = app.progress(&caller, &id).await?;
            if now != seen {
                seen = now;
                told_at = Instant::now();
                yield event(&seen)?;
            } else if told_at.elapsed() > SILENCE_MAX {
                told_at = Instant::now();
                yield Bytes::from_static(b":\n\n");
            }
        }
    }
}

fn event(progress: &Progress) -> Result<Bytes, AppError> {
    let name = if progress.ended { "end" } else { "progress" };
    let data = serde_json::to_string(&ProgressBody::from(progress.clone())).map_err(|_| AppError::Worker)?;
    Ok(Bytes::from(format!("event: {name}\ndata: {data}\n\n")))
}
