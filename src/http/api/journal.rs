//! `/v1/journal`: who did what, page by page, for auditors and those who keep access.
//!
//! Owns the form. Judges nothing: whether the journal holds is told by `saphan journal verify`, and by anybody from an export.

use crate::app::App;
use crate::app::journal::{JournalPage, PAGE_MAX};
use crate::domain::journal::{Checkpoint, Entry};
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::http::query::{self, CURSOR, LIMIT, Query};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JournalEntry)]
pub struct EntryBody {
    /// One more than the entry before.
    number: i64,
    #[schema(example = "2026-06-10T09:30:00Z")]
    at: String,
    /// A client, a person or `operator`; never a name.
    #[schema(example = "cli_0199a1b2c3d4e5f60718293a4b5c6d7e")]
    actor: String,
    #[schema(example = "submission.commit")]
    act: String,
    #[schema(example = "sub_0199a1b2c3d4e5f60718293a4b5c6d7e")]
    object: String,
    /// As it was hashed; null where somebody made it unreadable.
    #[schema(value_type = Option<Object>)]
    detail: Option<Box<RawValue>>,
    /// Hash of the entry before, hexadecimal.
    prev: String,
    hash: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JournalCheckpoint)]
pub struct CheckpointBody {
    /// The last entry that the signature covers, and its hash.
    number: i64,
    hash: String,
    at: String,
    /// Thumbprint of the key, as in `/.well-known/jwks.json`.
    kid: String,
    /// ES256, base64url.
    signature: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = JournalPage)]
pub struct JournalBody {
    /// Oldest first.
    entries: Vec<EntryBody>,
    /// For `cursor`, if there is more.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
    /// The newest.
    #[serde(skip_serializing_if = "Option::is_none")]
    checkpoint: Option<CheckpointBody>,
}

impl From<Entry> for EntryBody {
    fn from(entry: Entry) -> Self {
        let Entry { seq, at, actor, act, object, detail, prev, hash } = entry;
        EntryBody { number: seq, at, actor, act, object, detail: RawValue::from_string(detail).ok(), prev, hash }
    }
}

impl From<Checkpoint> for CheckpointBody {
    fn from(checkpoint: Checkpoint) -> Self {
        let Checkpoint { seq, hash, at, kid, signature } = checkpoint;
        CheckpointBody { number: seq, hash, at, kid, signature }
    }
}

impl From<JournalPage> for JournalBody {
    fn from(page: JournalPage) -> Self {
        let last = page.entries.last().map(|entry| entry.seq);
        JournalBody {
            next: last.filter(|last| *last < page.end).map(|last| last.to_string()),
            entries: page.entries.into_iter().map(EntryBody::from).collect(),
            checkpoint: page.checkpoint.map(CheckpointBody::from),
        }
    }
}

/// Entries of the journal in their order, from the first. For persons who audit or keep access, and for nobody else.
#[utoipa::path(tag = "access", operation_id = "list_journal", security(("token" = [])),
    params(("cursor" = Option<String>, Query, pattern = r"^[0-9]{1,9}$", description = "The number of an entry: those after it"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 1000)),
    responses((status = 200, body = JournalBody)))]
#[get("/v1/journal")]
pub async fn list(caller: Caller, request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request, &[CURSOR, LIMIT]);
    let after = query.take("cursor", |text| text.parse::<u32>().map(i64::from));
    let limit = query.take("limit", query::limit(PAGE_MAX)).unwrap_or(200);
    query.finish(Some(()))?;
    let page = app.journal_page(&caller.0, after.unwrap_or(0), limit).await?;
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(JournalBody::from(page)))
}
