//! `/v1/agreements/{id}/service`: what was measured for an agreement in a month, and the same signed once the month is closed.

use crate::app::App;
use crate::app::service::ServiceView;
use crate::domain::day::day_in_thailand;
use crate::domain::ids::AgreementId;
use crate::domain::service::{ClassReport, DueReport, FirstReport, FreshReport, Month, Promise};
use crate::http::auth::Caller;
use crate::http::problem::{Kind, Problem};
use crate::http::query::{Parameter, Query};
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

const MONTH: Parameter =
    Parameter {
        name: "month", takes_th: "เดือน ค.ศ. เช่น 2026-11", takes_en: "a month such as 2026-11"
    };

/// Requests of one class.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServiceClass)]
pub struct ClassBody {
    /// `read`, `submit` or `lookup`.
    class: String,
    answered: u64,
    /// By a fault of the gateway (5xx).
    failed: u64,
    /// Half of them, 95 and 99 of 100 took this long at most, until their answer began.
    #[serde(skip_serializing_if = "Option::is_none")]
    p50_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p95_ms: Option<u32>,
    #[serde(skip_serializing_if = "Option::is_none")]
    p99_ms: Option<u32>,
}

/// How old the newest data of one mapping are.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServiceDataSet)]
pub struct FreshBody {
    mapping: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    last_committed_at: Option<String>,
    /// None: nothing was ever committed.
    #[serde(skip_serializing_if = "Option::is_none")]
    age_days: Option<u32>,
}

/// A round that was due in the month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServiceRound)]
pub struct DueBody {
    mapping: String,
    round: String,
    due: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_committed_at: Option<String>,
    is_on_time: bool,
}

/// First files of rounds that came to their end in the month.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServiceFirstFiles)]
pub struct FirstBody {
    files: u64,
    /// Refused as a whole.
    files_refused: u64,
    rows_received: u64,
    rows_accepted: u64,
}

/// One promise of the agreement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServicePromise)]
pub struct PromiseBody {
    #[schema(example = "availability_bp")]
    name: String,
    promised: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    measured: Option<u32>,
    /// None: nothing to measure it by.
    #[serde(skip_serializing_if = "Option::is_none")]
    is_kept: Option<bool>,
}

/// What was measured. `…_bp` are hundredths of a per cent, rounded down.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ServiceReport)]
pub struct ServiceBody {
    agreement: String,
    #[schema(example = "obec")]
    agency: String,
    #[schema(example = "2026-11")]
    month: String,
    /// First and last day that were measured.
    from: String,
    until: String,
    /// None: the month can change still.
    #[serde(skip_serializing_if = "Option::is_none")]
    closed_at: Option<String>,
    /// Requests of its clients answered without a fault of the gateway.
    #[serde(skip_serializing_if = "Option::is_none")]
    availability_bp: Option<u32>,
    /// Minutes in which a gateway was there.
    #[serde(skip_serializing_if = "Option::is_none")]
    gateway_bp: Option<u32>,
    requests: Vec<ClassBody>,
    data_sets: Vec<FreshBody>,
    rounds: Vec<DueBody>,
    #[serde(skip_serializing_if = "Option::is_none")]
    on_time_bp: Option<u32>,
    first: FirstBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    first_time_bp: Option<u32>,
    promises: Vec<PromiseBody>,
}

impl From<ServiceView> for ServiceBody {
    fn from(view: ServiceView) -> Self {
        let report = view.report;
        let class = |one: ClassReport| {
            let ClassReport { class, answered, failed, p50_ms, p95_ms, p99_ms } = one;
            ClassBody { class, answered, failed, p50_ms, p95_ms, p99_ms }
        };
        let fresh = |one: FreshReport| {
            let FreshReport { mapping, last_committed_at, age_days } = one;
            FreshBody { mapping, last_committed_at, age_days }
        };
        let due = |one: DueReport| {
            let DueReport { mapping, round, due, first_committed_at, is_on_time } = one;
            DueBody { mapping, round, due, first_committed_at, is_on_time }
        };
        let promise = |one: Promise| {
            let Promise { name, promised, measured, is_kept } = one;
            PromiseBody { name, promised, measured, is_kept }
        };
        let FirstReport { files, files_refused, rows_received, rows_accepted } = report.first;
        ServiceBody {
            agreement: report.agreement,
            agency: report.agency,
            month: report.month,
            from: report.from,
            until: report.until,
            closed_at: view.closed_at.map(|at| at.to_string()),
            availability_bp: report.availability_bp,
            gateway_bp: report.gateway_bp,
            requests: report.requests.into_iter().map(class).collect(),
            data_sets: report.data_sets.into_iter().map(fresh).collect(),
            rounds: report.rounds.into_iter().map(due).collect(),
            on_time_bp: report.on_time_bp,
            first: FirstBody { files, files_refused, rows_received, rows_accepted },
            first_time_bp: report.first_time_bp,
            promises: report.promises.into_iter().map(promise).collect(),
        }
    }
}

/// What was measured for an agreement in a month (default: this one), held against what it promises. A month that is over is closed an
/// hour later, and its report does not change any more.
#[utoipa::path(tag = "access", operation_id = "get_service_report", security(("token" = [])),
    params(("id" = String, Path, description = "`agr_…`"),
        ("month" = Option<String>, Query, pattern = r"^20[0-9]{2}-(0[1-9]|1[0-2])$", example = "2026-11")),
    responses((status = 200, body = ServiceBody)))]
#[get("/v1/agreements/{id}/service")]
pub async fn of_month(
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    app.authorise_seeing(&caller.0)?;
    let (id, month) = asked(&request, &id, &app)?;
    Ok(HttpResponse::Ok().json(ServiceBody::from(app.service_report(&caller.0, &id, month).await?)))
}

/// The report of a closed month signed by the gateway (JWS in compact form, ES256): `sub` is the agreement, `report` the whole report. The
/// key stands at `/.well-known/jwks.json`. 409 while the month is not closed.
#[utoipa::path(tag = "access", operation_id = "get_signed_service_report", security(("token" = [])),
    params(("id" = String, Path, description = "`agr_…`"),
        ("month" = Option<String>, Query, pattern = r"^20[0-9]{2}-(0[1-9]|1[0-2])$", example = "2026-11")),
    responses((status = 200, body = String, content_type = "application/jose")))]
#[get("/v1/agreements/{id}/service.jws")]
pub async fn signed_of_month(
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    app.authorise_seeing(&caller.0)?;
    let (id, month) = asked(&request, &id, &app)?;
    let signed = app.signed_service_report(&caller.0, &id, month).await?;
    Ok(HttpResponse::Ok().content_type("application/jose").body(signed))
}

fn asked(request: &HttpRequest, id: &str, app: &App) -> Result<(AgreementId, Month), Problem> {
    let mut query = Query::of(request, &[MONTH]);
    let month = query.take("month", Month::parse);
    query.finish(Some(()))?;
    let id = AgreementId::parse(id).map_err(|_| Problem::new(Kind::NotFound))?;
    Ok((id, month.unwrap_or_else(|| Month::of(day_in_thailand(app.now())))))
}
