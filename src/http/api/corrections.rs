//! `/v1/subjects/corrections`: what persons want put right in an agency's own statements, for that agency.
//!
//! The agency finds the person by file and row; the number is masked. Each answer of the list is in the persons' access log.

use super::subject_requests::{AnswerBody, PlaceBody, cursor, cursor_text, matched, private, request_id};
use crate::app::App;
use crate::app::subjects::{AnswerForm, CorrectionView, REQUESTS_MAX};
use crate::domain::subject::AgencyAnswer;
use crate::http::auth::Caller;
use crate::http::body;
use crate::http::problem::{Kind, Problem};
use crate::http::query::{self, CURSOR, LIMIT, NoQuery, Query};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

/// What the agency says.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewCorrectionAnswer)]
#[serde(deny_unknown_fields)]
pub struct AnswerFormBody {
    /// `corrected`: put right at the source. `stands`: looked at, and right as it is.
    #[schema(pattern = r"^(corrected|stands)$")]
    answer: String,
    #[schema(max_length = 2000)]
    says: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Correction)]
pub struct CorrectionBody {
    #[schema(example = "dsr_0199a1b2c3d4e5f60718293a4b5c6d7e")]
    id: String,
    /// For `If-Match`, in double quotes.
    version: i64,
    received_on: String,
    due_on: String,
    fields: Vec<String>,
    #[schema(example = "1-99XX-XXXXX-XX-3")]
    learner_masked: String,
    /// In the person's words.
    says: String,
    /// Rows of your own files.
    places: Vec<PlaceBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<AnswerBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Corrections)]
pub struct CorrectionListBody {
    corrections: Vec<CorrectionBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl From<CorrectionView> for CorrectionBody {
    fn from(view: CorrectionView) -> Self {
        CorrectionBody {
            id: view.id.to_string(),
            version: view.version,
            received_on: view.received_on.to_string(),
            due_on: view.due_on.to_string(),
            fields: view.fields,
            learner_masked: view.learner_masked,
            says: view.says,
            places: view.places.into_iter().map(PlaceBody::from).collect(),
            answer: view.answer.map(|said| AnswerBody { answer: said.answer.as_str(), says: said.says }),
        }
    }
}

/// Open corrections of your agency's statements, what is due first standing first. Put them right in your own system: the next file
/// that says something else in the fields fulfils the request by itself.
#[utoipa::path(tag = "privacy", operation_id = "list_corrections", security(("token" = [])),
    params(("cursor" = Option<String>, Query, pattern = r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])_[0-9]{1,15}$", description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200)),
    responses((status = 200, body = CorrectionListBody)))]
#[get("/v1/subjects/corrections")]
pub async fn list(caller: Caller, request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request, &[CURSOR, LIMIT]);
    let after = query.take("cursor", cursor);
    let limit = query.take("limit", query::limit(REQUESTS_MAX)).unwrap_or(50);
    query.finish(Some(()))?;
    let (found, next) = app.corrections(&caller.0, after, limit).await?;
    let corrections = found.into_iter().map(CorrectionBody::from).collect();
    Ok(private(&mut HttpResponse::Ok()).json(CorrectionListBody { corrections, next: next.map(cursor_text) }))
}

/// The agency's answer. `corrected` fulfils the request; of `stands` the data-protection officer decides.
#[utoipa::path(tag = "privacy", operation_id = "answer_correction", security(("token" = [])),
    params(("id" = String, Path, example = "dsr_0199a1b2c3d4e5f60718293a4b5c6d7e"),
        ("If-Match" = String, Header, pattern = r#"^"[0-9]{1,15}"$"#, description = "`version` of the correction as it was read, in double quotes")),
    request_body(content = AnswerFormBody, content_type = "application/json"),
    responses((status = 204)))]
#[post("/v1/subjects/corrections/{id}/answer")]
pub async fn answer(
    caller: Caller,
    _: NoQuery,
    request: HttpRequest,
    id: web::Path<String>,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let agency = app.authorise_corrections(&caller.0)?;
    let id = request_id(&id)?;
    app.own_correction(agency, &id).await?;
    let version = matched(&request)?;
    let form: AnswerFormBody = body::json(payload).await?;
    let answer = AgencyAnswer::parse(&form.answer).ok_or_else(|| Problem::new(Kind::JsonInvalid))?;
    app.answer_correction(&caller.0, &id, version, &AnswerForm { answer, says: form.says }).await?;
    Ok(HttpResponse::NoContent().finish())
}
