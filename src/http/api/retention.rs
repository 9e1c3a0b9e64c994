//! `/v1/retention`: how long what is kept, open to all, and the signed reports of what was erased.

use super::problems::Text;
use crate::app::App;
use crate::app::retention::{ClassReport, KeptReport, REPORTS_MAX, days_text};
use crate::domain::retention::{ClassPolicy, ErasedBy};
use crate::http::auth::Caller;
use crate::http::problem::Problem;
use crate::http::query::{self, CURSOR, LIMIT, NoQuery, Query};
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

/// One class of data.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RetentionClass)]
pub struct ClassBody {
    #[schema(example = "received-files")]
    class: &'static str,
    /// A number of days, `purpose` (each purpose says its own) or `forever`.
    #[schema(example = "3650")]
    days: String,
    /// `gateway`, or `operator` for what the gateway does not hold.
    erased_by: &'static str,
    title: Text,
    what: Text,
    ground: Text,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Retention)]
pub struct PolicyBody {
    /// So long after its count day a round is open, and nothing of it goes.
    round_open_days: u32,
    classes: Vec<ClassBody>,
}

/// What one run did to one class.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RetentionClassReport)]
pub struct ClassReportBody {
    class: String,
    days: String,
    erased_by: String,
    /// What is from before this day is over.
    #[serde(skip_serializing_if = "Option::is_none")]
    before: Option<String>,
    erased: u64,
    /// Over, and needed by an open request of a person.
    held: u64,
    /// Over and free, and still there at the end: 0, or something is wrong.
    left: u64,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RetentionReport)]
pub struct ReportBody {
    #[schema(example = "ret_0199a1b2c3d4e5f60718293a4b5c6d7e")]
    id: String,
    at: String,
    /// The day it was in Thailand.
    today: String,
    classes: Vec<ClassReportBody>,
    /// By the key of this gateway.
    signed: bool,
    /// The report as it was signed (JWS in compact form, ES256); the key stands at `/.well-known/jwks.json`.
    jws: String,
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = RetentionReports)]
pub struct ReportsBody {
    /// Newest first.
    reports: Vec<ReportBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

impl From<&ClassPolicy> for ClassBody {
    fn from(of: &ClassPolicy) -> Self {
        ClassBody {
            class: of.class.as_str(),
            days: days_text(of.period),
            erased_by: if of.erased_by == ErasedBy::Gateway { "gateway" } else { "operator" },
            title: (&of.title).into(),
            what: (&of.what).into(),
            ground: (&of.ground).into(),
        }
    }
}

impl From<ClassReport> for ClassReportBody {
    fn from(of: ClassReport) -> Self {
        let ClassReport { class, days, erased_by, before, erased, held, left } = of;
        ClassReportBody { class, days, erased_by, before, erased, held, left }
    }
}

impl From<KeptReport> for ReportBody {
    fn from(kept: KeptReport) -> Self {
        ReportBody {
            id: kept.report.id,
            at: kept.report.at,
            today: kept.report.today,
            classes: kept.report.classes.into_iter().map(ClassReportBody::from).collect(),
            signed: kept.is_signed,
            jws: kept.jws,
        }
    }
}

/// How long what is kept, and on which ground.
#[utoipa::path(tag = "privacy", operation_id = "get_retention", responses((status = 200, body = PolicyBody)))]
#[get("/v1/retention")]
pub async fn policy(_: NoQuery, app: web::Data<App>) -> web::Json<PolicyBody> {
    let policy = app.retention_policy();
    let classes = policy.classes.iter().map(ClassBody::from).collect();
    web::Json(PolicyBody { round_open_days: policy.round_open_days, classes })
}

/// Signed reports of what was erased by rule, newest first.
#[utoipa::path(tag = "privacy", operation_id = "list_retention_reports", security(("token" = [])),
    params(("cursor" = Option<String>, Query, pattern = r"^[0-9]{1,15}$", description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 100)),
    responses((status = 200, body = ReportsBody)))]
#[get("/v1/retention/reports")]
pub async fn reports(caller: Caller, request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request, &[CURSOR, LIMIT]);
    let before = query.take("cursor", |text| text.parse::<u64>().ok().and_then(|of| i64::try_from(of).ok()).ok_or(()));
    let limit = query.take("limit", query::limit(REPORTS_MAX)).unwrap_or(20);
    query.finish(Some(()))?;
    let (found, next) = app.retention_reports(&caller.0, before, limit).await?;
    let reports = found.into_iter().map(ReportBody::from).collect();
    let body = ReportsBody { reports, next: next.map(|next| next.to_string()) };
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, "no-store")).json(body))
}
