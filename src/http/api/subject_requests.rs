//! `/v1/subjects/requests`: what persons ask about their own data, for the data-protection officer.
//!
//! Owns the form, and that a decision names what its maker saw (`If-Match`). The number comes in the body and is in no answer but
//! the export. Refuses to repeat anything of a body that it can't read.

use super::problems::Text;
use crate::app::App;
use crate::app::subjects::{
    DecisionForm, DueAsked, OpenedRequest, REQUESTS_MAX, RequestCursor, RequestForm, RequestPlace, RequestView,
    RequestsAsked,
};
use crate::domain::agency::AgencyCode;
use crate::domain::ids::SubjectRequestId;
use crate::domain::learner_id::LearnerId;
use crate::domain::subject::{Outcome, Reference, RequestKind, RequestState};
use crate::http::auth::Caller;
use crate::http::body;
use crate::http::content;
use crate::http::problem::{Kind, Problem};
use crate::http::query::{self, CURSOR, LIMIT, NoQuery, Parameter, Query};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const STATE: Parameter = Parameter {
    name: "state",
    takes_th: "open fulfilled refused หรือ withdrawn",
    takes_en: "open, fulfilled, refused or withdrawn",
};
const DUE: Parameter = Parameter { name: "due", takes_th: "soon หรือ overdue", takes_en: "soon or overdue" };

/// What a person asks.
#[derive(Deserialize, ToSchema)]
#[schema(as = NewSubjectRequest)]
#[serde(deny_unknown_fields)]
pub struct RequestFormBody {
    #[schema(pattern = r"^(access|correction|erasure|objection)$")]
    kind: String,
    /// 13 digits, a G-code, or `P:` and a passport number. Sealed at once.
    learner_id: String,
    /// Number of the letter or case; no number of a person.
    #[schema(max_length = 120)]
    reference: String,
    /// The day it came (CE); it is due thirty days after.
    #[schema(pattern = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$")]
    received_on: String,
    /// In the person's words; needed of a correction.
    #[schema(max_length = 2000)]
    says: Option<String>,
    /// Of a correction: whose statement it is.
    #[schema(pattern = r"^([0-9]{2}|obec|opec|dole|ovec)$")]
    agency: Option<String>,
    /// Of a correction: names of fields of `enrolment/1`.
    #[serde(default)]
    fields: Vec<String>,
}

/// How a request ends.
#[derive(Deserialize, ToSchema)]
#[schema(as = SubjectDecision)]
#[serde(deny_unknown_fields)]
pub struct DecisionBody {
    #[schema(pattern = r"^(fulfil|refuse|withdraw)$")]
    outcome: String,
    /// Code of `GET /v1/subjects/grounds`: of a refusal, and of an erasure that is fulfilled.
    #[schema(max_length = 40)]
    ground: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubjectRequest)]
pub struct RequestBody {
    #[schema(example = "dsr_0199a1b2c3d4e5f60718293a4b5c6d7e")]
    id: String,
    #[schema(example = "access")]
    kind: &'static str,
    #[schema(example = "open")]
    state: &'static str,
    /// As in `ETag`.
    version: i64,
    /// Gone when the retention of the request's own identity is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    reference: Option<String>,
    received_on: String,
    due_on: String,
    /// Of an open one; below 0: overdue.
    #[serde(skip_serializing_if = "Option::is_none")]
    days_left: Option<i64>,
    recorded_at: String,
    recorded_by: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    ground: Option<String>,
    /// What the decision did: of an erasure `erased`, `kept` (with ground and day) and `files_until`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    outcome: Option<serde_json::Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    agency: Option<String>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    fields: Vec<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answered_by: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OpenedSubjectRequest)]
pub struct OpenedBody {
    #[serde(flatten)]
    request: RequestBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    learner_masked: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    says: Option<String>,
    /// Of a correction: the rows of the agency's files.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    places: Vec<PlaceBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    answer: Option<AnswerBody>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubjectPlace)]
pub struct PlaceBody {
    round: String,
    school_id: String,
    submission: String,
    row: u64,
}

/// What the agency said.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CorrectionAnswer)]
pub struct AnswerBody {
    /// `corrected` or `stands`.
    pub answer: &'static str,
    pub says: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SubjectRequests)]
pub struct RequestListBody {
    /// What is due first stands first.
    requests: Vec<RequestBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DecisionGround)]
pub struct GroundBody {
    #[schema(example = "subsidy-evidence")]
    code: String,
    /// `refuse` or `fulfil`.
    outcome: &'static str,
    kinds: Vec<&'static str>,
    title: Text,
    /// Section of the Personal Data Protection Act B.E. 2562.
    act: Text,
}

impl From<RequestView> for RequestBody {
    fn from(view: RequestView) -> Self {
        RequestBody {
            id: view.id.to_string(),
            kind: view.kind.as_str(),
            state: view.state.as_str(),
            version: view.version,
            reference: view.reference,
            received_on: view.received_on.to_string(),
            due_on: view.due_on.to_string(),
            days_left: view.days_left,
            recorded_at: view.recorded_at.to_string(),
            recorded_by: view.recorded_by,
            decided_at: view.decided_at.map(|at| at.to_string()),
            decided_by: view.decided_by,
            ground: view.ground,
            outcome: view.outcome,
            agency: view.agency.map(|agency| agency.slug().to_owned()),
            fields: view.fields,
            answered_at: view.answered_at.map(|at| at.to_string()),
            answered_by: view.answered_by,
        }
    }
}

impl From<RequestPlace> for PlaceBody {
    fn from(place: RequestPlace) -> Self {
        let RequestPlace { round, school_id, submission, row } = place;
        PlaceBody { round, school_id, submission, row }
    }
}

/// Record what a person asks. The number is sealed at once and stands in no answer. Due thirty days after the day it came
/// (section 30 of the Act).
#[utoipa::path(tag = "privacy", operation_id = "record_subject_request", security(("token" = [])),
    request_body(content = RequestFormBody, content_type = "application/json"),
    responses((status = 201, body = RequestBody, headers(("ETag" = String, description = "Of its version")))))]
#[post("/v1/subjects/requests")]
pub async fn record(
    caller: Caller,
    _: NoQuery,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    app.authorise_subjects(&caller.0)?;
    let form: RequestFormBody = body::json(payload).await?;
    let view = app.record_request(&caller.0, form.parse()?).await?;
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, format!("/v1/subjects/requests/{}", view.id)));
    Ok(answer(&mut response, view.version, &RequestBody::from(view)))
}

/// Requests, what is due first standing first. `due`: open ones that are due within seven days (`soon`) or past their day
/// (`overdue`).
#[utoipa::path(tag = "privacy", operation_id = "list_subject_requests", security(("token" = [])),
    params(("state" = Option<String>, Query, pattern = r"^(open|fulfilled|refused|withdrawn)$"),
        ("due" = Option<String>, Query, pattern = r"^(soon|overdue)$"),
        ("cursor" = Option<String>, Query, pattern = r"^(19|20|21)[0-9]{2}-(0[1-9]|1[0-2])-(0[1-9]|1[0-9]|2[0-8])_[0-9]{1,15}$", description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 200)),
    responses((status = 200, body = RequestListBody)))]
#[get("/v1/subjects/requests")]
pub async fn list(caller: Caller, request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request, &[STATE, DUE, CURSOR, LIMIT]);
    let state = query.take("state", |text| RequestState::parse(text).ok_or(()));
    let due = query.take("due", |text| match text {
        "soon" => Ok(DueAsked::Soon),
        "overdue" => Ok(DueAsked::Overdue),
        _ => Err(()),
    });
    let after = query.take("cursor", cursor);
    let limit = query.take("limit", query::limit(REQUESTS_MAX)).unwrap_or(50);
    query.finish(Some(()))?;
    let page = app.requests(&caller.0, RequestsAsked { state, due }, after, limit).await?;
    let requests = page.requests.into_iter().map(RequestBody::from).collect();
    Ok(private(&mut HttpResponse::Ok()).json(RequestListBody { requests, next: page.next.map(cursor_text) }))
}

/// One request opened: the number masked, what the person says, and for a correction where the agency finds it. The opening is
/// in the person's access log.
#[utoipa::path(tag = "privacy", operation_id = "get_subject_request", security(("token" = [])),
    params(("id" = String, Path, example = "dsr_0199a1b2c3d4e5f60718293a4b5c6d7e")),
    responses((status = 200, body = OpenedBody, headers(("ETag" = String, description = "For `If-Match`")))))]
#[get("/v1/subjects/requests/{id}")]
pub async fn one(
    caller: Caller,
    _: NoQuery,
    id: web::Path<String>,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    app.authorise_subjects(&caller.0)?;
    let OpenedRequest { view, learner_masked, says, places, answer: said } =
        app.open_request(&caller.0, &request_id(&id)?).await?;
    let version = view.version;
    let body = OpenedBody {
        request: view.into(),
        learner_masked,
        says,
        places: places.into_iter().map(PlaceBody::from).collect(),
        answer: said.map(|said| AnswerBody { answer: said.answer.as_str(), says: said.says }),
    };
    Ok(answer(&mut HttpResponse::Ok(), version, &body))
}

/// Decide it, as you saw it: `If-Match` is the `ETag` of what you read. 412 where it changed since, 409 where it was decided or where
/// all that would be erased has to stay. A fulfilled erasure is carried out with the decision; the answer says what went,
/// what stays and until when.
#[utoipa::path(tag = "privacy", operation_id = "decide_subject_request", security(("token" = [])),
    params(("id" = String, Path, example = "dsr_0199a1b2c3d4e5f60718293a4b5c6d7e"),
        ("If-Match" = String, Header, pattern = r#"^"[0-9]{1,15}"$"#, description = "`ETag` of the request as it was read")),
    request_body(content = DecisionBody, content_type = "application/json"),
    responses((status = 200, body = RequestBody, headers(("ETag" = String, description = "Of its version")))))]
#[post("/v1/subjects/requests/{id}/decision")]
pub async fn decide(
    caller: Caller,
    _: NoQuery,
    request: HttpRequest,
    id: web::Path<String>,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    app.authorise_subjects(&caller.0)?;
    let (id, version) = (request_id(&id)?, matched(&request)?);
    let form: DecisionBody = body::json(payload).await?;
    let outcome = Outcome::parse(&form.outcome).ok_or_else(|| Problem::new(Kind::JsonInvalid))?;
    let view = app.decide_request(&caller.0, &id, version, &DecisionForm { outcome, ground: form.ground }).await?;
    Ok(answer(&mut HttpResponse::Ok(), view.version, &RequestBody::from(view)))
}

/// Everything that is held about the person who asked for access: each agency's statement with the file it came in, who looked and
/// what for, the person's requests; labels in Thai and English. It holds the identity: hand it to the person, keep no copy.
#[utoipa::path(tag = "privacy", operation_id = "export_subject", security(("token" = [])),
    params(("id" = String, Path, example = "dsr_0199a1b2c3d4e5f60718293a4b5c6d7e")),
    responses((status = 200, body = Object, content_type = "application/json")))]
#[post("/v1/subjects/requests/{id}/export")]
pub async fn export(
    caller: Caller,
    _: NoQuery,
    id: web::Path<String>,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    app.authorise_subjects(&caller.0)?;
    let download = app.export_request(&caller.0, &request_id(&id)?).await?;
    Ok(content::file(download, private(&mut HttpResponse::Ok())))
}

/// The closed list of grounds on which a request is refused, or something erased. Open to all.
#[utoipa::path(tag = "privacy", operation_id = "list_decision_grounds", responses((status = 200, body = Vec<GroundBody>)))]
#[get("/v1/subjects/grounds")]
pub async fn grounds(_: NoQuery, app: web::Data<App>) -> web::Json<Vec<GroundBody>> {
    let body = |ground: &crate::domain::subject::DecisionGround| GroundBody {
        code: ground.code.clone(),
        outcome: ground.outcome.as_str(),
        kinds: ground.kinds.iter().map(|kind| kind.as_str()).collect(),
        title: (&ground.title).into(),
        act: (&ground.act).into(),
    };
    web::Json(app.decision_grounds().iter().map(body).collect())
}

impl RequestFormBody {
    fn parse(self) -> Result<RequestForm, Problem> {
        let person = LearnerId::parse(&self.learner_id).map_err(|_| super::subjects::not_a_number())?;
        let reference = Reference::parse(&self.reference).map_err(|_| not_a_reference())?;
        let kind = RequestKind::parse(&self.kind).ok_or_else(|| Problem::new(Kind::JsonInvalid))?;
        let received_on: Date = self.received_on.parse().map_err(|_| Problem::new(Kind::JsonInvalid))?;
        let agency = self.agency.as_deref().map(AgencyCode::parse).transpose();
        let agency = agency.map_err(|_| Problem::new(Kind::JsonInvalid))?;
        Ok(RequestForm { kind, person, reference, received_on, says: self.says, agency, fields: self.fields })
    }
}

fn not_a_reference() -> Problem {
    Problem::new(Kind::BadRequest).detail(
        "reference ต้องเป็นเลขที่หนังสือหรือเลขคดี 1 ถึง 120 ตัวอักษร และต้องไม่ใช่เลขประจำตัวของบุคคล",
        "`reference` is the number of a letter or a case, 1 to 120 letters, and no number of a person.",
    )
}

pub fn request_id(text: &str) -> Result<SubjectRequestId, Problem> {
    SubjectRequestId::parse(text).map_err(|_| Problem::new(Kind::NotFound))
}

/// The version that `If-Match` names: strong tags only (RFC 9110 §13.1.1).
pub fn matched(request: &HttpRequest) -> Result<i64, Problem> {
    let Some(value) = request.headers().get(header::IF_MATCH) else {
        return Err(Problem::new(Kind::PreconditionRequired));
    };
    let version = value.to_str().ok().and_then(|text| text.trim().strip_prefix('"')?.strip_suffix('"')?.parse().ok());
    version.ok_or_else(|| Problem::new(Kind::PreconditionFailed))
}

/// Nobody keeps what is about persons.
pub fn private(response: &mut actix_web::HttpResponseBuilder) -> &mut actix_web::HttpResponseBuilder {
    response.insert_header((header::CACHE_CONTROL, "no-store"))
}

fn answer<T: Serialize>(response: &mut actix_web::HttpResponseBuilder, version: i64, body: &T) -> HttpResponse {
    private(response).insert_header((header::ETAG, format!("\"{version}\""))).json(body)
}

/// `2026-07-10_5`, as `next` says it.
pub fn cursor(text: &str) -> Result<RequestCursor, ()> {
    let (day, seq) = text.split_once('_').ok_or(())?;
    let seq: u64 = seq.parse().map_err(|_| ())?;
    Ok(RequestCursor { due_on: day.parse().map_err(|_| ())?, seq: i64::try_from(seq).map_err(|_| ())? })
}

pub fn cursor_text(cursor: RequestCursor) -> String {
    format!("{}_{}", cursor.due_on, cursor.seq)
}
