//! `/v1/subjects`: what the data-protection officer answers people with.
//!
//! The person's identifier comes in the body, never in an address. Refuses to repeat anything of a body that it can't read.

use super::problems::Text;
use crate::app::App;
use crate::app::access::{LOOKS_MAX, LookKey};
use crate::domain::learner_id::LearnerId;
use crate::http::auth::Caller;
use crate::http::body;
use crate::http::problem::{Kind, Problem};
use crate::http::query::NoQuery;

use actix_web::{HttpResponse, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const BODY_BYTES_MAX: u64 = 4 << 10;
const LOOKS: u32 = 100;

/// Whom it is about.
#[derive(Deserialize, ToSchema)]
#[schema(as = AccessLogRequest)]
#[serde(deny_unknown_fields)]
pub struct AccessLogForm {
    /// 13 digits, a G-code, or `P:` and a passport number.
    learner_id: String,
    /// `next` of the page before.
    before: Option<i64>,
    /// 1 to 500.
    limit: Option<u32>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Look)]
pub struct LookBody {
    #[schema(example = "lok_0199a1b2c3d4e5f60718293a4b5c6d7e")]
    id: String,
    at: String,
    /// Id of a client or person, or `operator`.
    who: String,
    /// Code of the purpose; `GET /v1/purposes` has its legal basis.
    #[schema(example = "oversight")]
    purpose: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    purpose_title: Option<Text>,
    /// Names of the fields that were released.
    fields: Vec<String>,
    /// What was read: an id, or an agency and a round.
    source: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    request_id: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AccessLog)]
pub struct AccessLogBody {
    /// Newest first.
    looks: Vec<LookBody>,
    /// Bring it back as `before`.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<i64>,
}

/// Who looked at one person's records, when, for which purpose, and which fields. The identifier stands in the body; the report is
/// journalled, and is itself in the next one.
#[utoipa::path(tag = "privacy", operation_id = "get_access_log", security(("token" = [])),
    request_body(content = AccessLogForm, content_type = "application/json"),
    responses((status = 200, body = AccessLogBody)))]
#[post("/v1/subjects/access-log")]
pub async fn access_log(
    caller: Caller,
    _: NoQuery,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    app.authorise_subjects(&caller.0)?;
    let form: AccessLogForm = body::json_up_to(payload, BODY_BYTES_MAX).await?;
    let person = LearnerId::parse(&form.learner_id).map_err(|_| not_a_number())?;
    let limit = form.limit.unwrap_or(LOOKS);
    if !(1..=LOOKS_MAX).contains(&limit) {
        return Err(unreadable());
    }
    let found = app.access_log(&caller.0, &person, form.before.map(LookKey), limit).await?;
    let looks = found.looks.into_iter().map(|look| LookBody {
        purpose_title: app.purpose(&look.purpose).map(|purpose| (&purpose.title).into()),
        id: look.id.to_string(),
        at: look.at.to_string(),
        who: look.actor,
        purpose: look.purpose,
        fields: look.fields,
        source: look.source,
        request_id: look.request,
    });
    let body = AccessLogBody { looks: looks.collect(), next: found.next.map(|key| key.0) };
    Ok(HttpResponse::Ok().insert_header(("cache-control", "no-store")).json(body))
}

fn unreadable() -> Problem {
    Problem::new(Kind::JsonInvalid).detail(
        "เนื้อหาต้องเป็น JSON เช่น {\"learner_id\": \"…\", \"limit\": 100} (limit 1 ถึง 500)",
        "The body is to be JSON such as {\"learner_id\": \"…\", \"limit\": 100} (limit 1 to 500).",
    )
}

pub(super) fn not_a_number() -> Problem {
    Problem::new(Kind::BadRequest).detail(
        "learner_id ไม่ใช่เลขประจำตัวที่ถูกต้อง ตรวจเลข 13 หลัก รหัส G หรือ P: ตามด้วยเลขหนังสือเดินทาง แล้วส่งใหม่",
        "`learner_id` is no valid identifier. Check the 13 digits, the G-code, or P: and the passport number, and send again.",
    )
}
