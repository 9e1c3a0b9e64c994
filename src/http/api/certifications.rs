//! `/v1/counts/{round}/…`: what two persons vouched for of a count, and letting it change again.
//!
//! Owns the form of their requests. Whether it may be certified, and what that means, is the use case's.

use super::counts::in_path;
use crate::app::App;
use crate::app::certifying::{AgencyTotals, CertificationView, Certifying, Comparison, SchoolChange};
use crate::domain::agency::AgencyCode;
use crate::domain::round::Round;
use crate::http::auth::Caller;
use crate::http::body;
use crate::http::problem::{Kind, Problem};
use crate::http::query::{NoQuery, Parameter, Query};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

const FROM: Parameter =
    Parameter {
        name: "from", takes_th: "เลขฉบับ ตั้งแต่ 1", takes_en: "the number of a revision, from 1"
    };
const TO: Parameter = Parameter {
    name: "to", takes_th: "เลขฉบับ ตั้งแต่ 1", takes_en: "the number of a revision, from 1"
};

/// Whose part of the count, and why.
#[derive(Deserialize, ToSchema)]
#[schema(as = CertificationRequest)]
#[serde(deny_unknown_fields)]
pub struct CertificationForm {
    /// Short name or two digits.
    #[schema(example = "obec")]
    agency: String,
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
}

/// How far it is.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Certifying)]
pub struct CertifyingBody {
    /// `proposed`: another person with the right has to agree (`POST /v1/approvals/{id}/approve`); then send the same again.
    /// `certified`: it stands.
    #[schema(example = "certified")]
    state: &'static str,
    /// The proposal, when it was made just now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(example = "apv_0199a1b2c3d4e5f60718293a4b5c6d7e")]
    approval: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    revision: Option<u32>,
}

/// One revision.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Certification)]
pub struct CertificationBody {
    #[schema(example = "obec")]
    agency: String,
    revision: u32,
    /// `certified`, or `reopened`.
    #[schema(example = "certified")]
    state: &'static str,
    /// Hash of the certified count's result, as in its manifest.
    result: String,
    /// As in the certified count.
    #[schema(value_type = Object)]
    totals: AgencyTotals,
    /// Payable learners of the agency in the last count of the round.
    payable_now: u64,
    proposed_by: String,
    approved_by: String,
    certified_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    reopened_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reopened_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reopen_reason: Option<String>,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Certifications)]
pub struct CertificationsBody {
    #[schema(example = "2026-06-10")]
    round: String,
    /// By agency, the newest revision first.
    certifications: Vec<CertificationBody>,
}

/// Payable learners of one school.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = SchoolChange)]
pub struct SchoolChangeBody {
    school_id: String,
    before: u64,
    after: u64,
}

/// What changed between two revisions, or since one.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CertificationChanges)]
pub struct ComparisonBody {
    #[schema(value_type = Object)]
    before: AgencyTotals,
    #[schema(value_type = Object)]
    after: AgencyTotals,
    /// Schools whose payable learners differ, those that changed most first.
    schools: Vec<SchoolChangeBody>,
    schools_not_listed: u64,
}

impl From<CertificationView> for CertificationBody {
    fn from(view: CertificationView) -> Self {
        let CertificationView { certification: one, totals, payable_now } = view;
        let (mut reopened_at, mut reopened_by, mut reopen_reason) = (None, None, None);
        let state = if one.reopened.is_some() { "reopened" } else { "certified" };
        if let Some(reopened) = one.reopened {
            reopened_at = Some(reopened.at.to_string());
            reopened_by = Some(reopened.by.to_string());
            reopen_reason = Some(reopened.reason);
        }
        CertificationBody {
            agency: one.agency.slug().to_owned(),
            revision: one.revision,
            state,
            result: one.result,
            totals,
            payable_now,
            proposed_by: one.proposed_by.to_string(),
            approved_by: one.approved_by.to_string(),
            certified_at: one.certified_at.to_string(),
            reopened_at,
            reopened_by,
            reopen_reason,
        }
    }
}

impl From<Comparison> for ComparisonBody {
    fn from(of: Comparison) -> Self {
        let change = |school: SchoolChange| SchoolChangeBody {
            school_id: school.school_id,
            before: school.before,
            after: school.after,
        };
        ComparisonBody {
            before: of.before,
            after: of.after,
            schools: of.schools.into_iter().map(change).collect(),
            schools_not_listed: of.schools_not_listed,
        }
    }
}

/// Certify an agency's part of the last count, as one of two persons with the right: the first call proposes it (202), another person
/// agrees, and the call after that certifies (201). From then on nothing of that agency comes into force in the round.
/// 409 where data changed since the count, too many places are open to question, or it is certified already.
#[utoipa::path(tag = "counts", operation_id = "certify_count", security(("token" = [])),
    params(("round" = String, Path, example = "2026-06-10")),
    request_body(content = CertificationForm),
    responses((status = 201, body = CertifyingBody, description = "Certified"),
        (status = 202, body = CertifyingBody, description = "Proposed; another person has to agree")))]
#[post("/v1/counts/{round}/certify")]
pub async fn certify(
    caller: Caller,
    round: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    app.may_certify(&caller.0)?;
    let round = in_path(&round)?;
    let (agency, reason) = read(payload).await?;
    let (mut response, body) = match app.certify(&caller.0, round, agency, &reason).await? {
        Certifying::Proposed(approval) => {
            let approval = approval.map(|id| id.to_string());
            (HttpResponse::Accepted(), CertifyingBody { state: "proposed", approval, revision: None })
        }
        Certifying::Certified { revision } => {
            (HttpResponse::Created(), CertifyingBody { state: "certified", approval: None, revision: Some(revision) })
        }
    };
    Ok(response.json(body))
}

/// Let an agency's data of a certified round change again, with the reason. What was certified stays to be read, and is the revision
/// before the next one.
#[utoipa::path(tag = "counts", operation_id = "reopen_count", security(("token" = [])),
    params(("round" = String, Path, example = "2026-06-10")),
    request_body(content = CertificationForm),
    responses((status = 204, description = "Open again")))]
#[post("/v1/counts/{round}/reopen")]
pub async fn reopen(
    caller: Caller,
    round: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    app.may_certify(&caller.0)?;
    let round = in_path(&round)?;
    let (agency, reason) = read(payload).await?;
    app.reopen(&caller.0, round, agency, &reason).await?;
    Ok(HttpResponse::NoContent().finish())
}

/// Every revision that was certified of a round. An agency sees its own.
#[utoipa::path(tag = "counts", operation_id = "list_certifications", security(("token" = [])),
    params(("round" = String, Path, example = "2026-06-10")),
    responses((status = 200, body = CertificationsBody)))]
#[get("/v1/counts/{round}/certifications")]
pub async fn list(
    caller: Caller,
    round: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
) -> Result<web::Json<CertificationsBody>, Problem> {
    let round = in_path(&round)?;
    let found = app.certifications(&caller.0, round).await?;
    let certifications = found.into_iter().map(CertificationBody::from).collect();
    Ok(web::Json(CertificationsBody { round: round.to_string(), certifications }))
}

/// What changed since a revision: against another one, or without `to` against the last count.
#[utoipa::path(tag = "counts", operation_id = "get_certification_changes", security(("token" = [])),
    params(("round" = String, Path, example = "2026-06-10"),
        ("agency" = String, Path, description = "Short name or two digits", example = "obec"),
        ("from" = u32, Query, description = "Revision", minimum = 1),
        ("to" = Option<u32>, Query, description = "Revision; none: the last count", minimum = 1)),
    responses((status = 200, body = ComparisonBody)))]
#[get("/v1/counts/{round}/certifications/{agency}/changes")]
pub async fn changes(
    caller: Caller,
    request: HttpRequest,
    path: web::Path<(String, String)>,
    app: web::Data<App>,
) -> Result<web::Json<ComparisonBody>, Problem> {
    let (round, agency) = path.into_inner();
    let number = |text: &str| text.parse::<u32>().ok().filter(|number| *number > 0).ok_or(());
    let mut query = Query::of(&request, &[FROM, TO]);
    let from = query.need("from", number);
    let to = query.take("to", number);
    let from = query.finish(from)?;
    let round: Round = in_path(&round)?;
    let agency = AgencyCode::parse(&agency).map_err(|_| Problem::new(Kind::NotFound))?;
    Ok(web::Json(app.compare(&caller.0, round, agency, from, to).await?.into()))
}

async fn read(payload: web::Payload) -> Result<(AgencyCode, String), Problem> {
    let form: CertificationForm = body::json(payload).await?;
    let agency = AgencyCode::parse(&form.agency).map_err(|_| {
        Problem::new(Kind::BadRequest).detail(
            "ไม่มีหน่วยงานนี้ ใช้ชื่อย่อ เช่น obec หรือรหัสสองหลัก",
            "There is no such agency. Use its short name, such as obec, or its two digits.",
        )
    })?;
    Ok((agency, form.reason))
}
