//! `/v1/agreements`: what agencies' officers ask for, change, propose and end, and how it stands.
//!
//! The persons who decide a proposal do so under `/v1/approvals`. An `ETag` names the version of an agreement; who changes one says by
//! `If-Match` which they saw. Refuses to repeat anything of a body that it can't read.

use super::submissions::idempotency_key;
use crate::app::App;
use crate::app::agreements::{AgreementView, Sought, Targets, Wish};
use crate::domain::agreement::Stage;
use crate::domain::ids::AgreementId;
use crate::http::auth::Caller;
use crate::http::body;
use crate::http::problem::{Kind, Problem};
use crate::http::query::{NoQuery, Parameter, Query};
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, HttpResponseBuilder, get, post, put, web};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::ToSchema;

const ENDS_WITHIN: Parameter =
    Parameter {
        name: "ends_within", takes_th: "จำนวนวัน 0 ถึง 1096", takes_en: "a number of days from 0 to 1096"
    };
const STAGE: Parameter = Parameter {
    name: "state",
    takes_th: "draft proposed rejected approved in-force ended หรือ terminated",
    takes_en: "draft, proposed, rejected, approved, in-force, ended or terminated",
};

/// How well it is to go; what is left out is not promised. `…_bp` are hundredths of a per cent: 9950 is 99.5 %.
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[schema(as = ServiceTargets)]
#[serde(deny_unknown_fields)]
pub struct TargetsBody {
    /// Requests answered without a fault of the gateway.
    #[schema(example = 9950)]
    #[serde(default, skip_serializing_if = "Option::is_none")]
    availability_bp: Option<u32>,
    /// 95 of 100 requests that read are answered within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    read_p95_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    submit_p95_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    lookup_p95_ms: Option<u32>,
    /// The agency sends each data set at least this often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    freshness_days: Option<u32>,
    /// Rounds in force before their due day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    on_time_bp: Option<u32>,
    /// Rows of a round's first file that are accepted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    first_time_bp: Option<u32>,
}

impl From<TargetsBody> for Targets {
    fn from(body: TargetsBody) -> Self {
        let TargetsBody { availability_bp, read_p95_ms, submit_p95_ms, lookup_p95_ms, .. } = body;
        let TargetsBody { freshness_days, on_time_bp, first_time_bp, .. } = body;
        Targets {
            availability_bp,
            read_p95_ms,
            submit_p95_ms,
            lookup_p95_ms,
            freshness_days,
            on_time_bp,
            first_time_bp,
        }
    }
}

impl From<Targets> for TargetsBody {
    fn from(targets: Targets) -> Self {
        let Targets { availability_bp, read_p95_ms, submit_p95_ms, lookup_p95_ms, .. } = targets;
        let Targets { freshness_days, on_time_bp, first_time_bp, .. } = targets;
        TargetsBody {
            availability_bp,
            read_p95_ms,
            submit_p95_ms,
            lookup_p95_ms,
            freshness_days,
            on_time_bp,
            first_time_bp,
        }
    }
}

/// What an agency asks for.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AgreementWish)]
#[serde(deny_unknown_fields)]
pub struct WishForm {
    /// Codes of `GET /v1/purposes`.
    #[schema(example = json!(["own-records"]))]
    purposes: Vec<String>,
    /// Mappings that files are sent with.
    #[serde(default)]
    #[schema(example = json!(["obec/enrolments"]))]
    submits: Vec<String>,
    /// What is read, by standard: of the fields that the purposes release.
    #[serde(default)]
    fields: BTreeMap<String, Vec<String>>,
    /// The agency's clients that it covers.
    clients: Vec<String>,
    /// First day, in Thailand.
    #[schema(example = "2026-10-01")]
    from: String,
    /// Last day; three years at most.
    #[schema(example = "2027-09-30")]
    until: String,
    /// Who answers for it at the agency: the id of their account, never a name.
    #[schema(example = "per_0199a1b2c3d4e5f60718293a4b5c6d7e")]
    contact: String,
    #[serde(default)]
    service: TargetsBody,
}

impl From<WishForm> for Wish {
    fn from(form: WishForm) -> Self {
        let WishForm { purposes, submits, fields, clients, from, until, contact, service } = form;
        Wish { purposes, submits, fields, clients, from, until, contact, service: service.into() }
    }
}

/// Why.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AgreementReason)]
#[serde(deny_unknown_fields)]
pub struct ReasonForm {
    #[schema(min_length = 1, max_length = 2000)]
    reason: String,
}

/// From when until when it is gone on with.
#[derive(Debug, Deserialize, ToSchema)]
#[schema(as = AgreementTerm)]
#[serde(deny_unknown_fields)]
pub struct TermForm {
    #[schema(example = "2027-10-01")]
    from: String,
    #[schema(example = "2028-09-30")]
    until: String,
}

/// One agreement.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Agreement)]
pub struct AgreementBody {
    #[schema(example = "agr_0199a1b2c3d4e5f60718293a4b5c6d7e")]
    id: String,
    /// `draft`, `proposed`, `rejected`, `approved` (it has not begun), `in-force`, `ended` or `terminated`.
    #[schema(example = "in-force")]
    state: &'static str,
    version: i64,
    #[schema(example = "obec")]
    agency: String,
    purposes: Vec<String>,
    submits: Vec<String>,
    fields: BTreeMap<String, Vec<String>>,
    clients: Vec<String>,
    from: String,
    until: String,
    /// Until the last day; below zero: it is over.
    days_left: i64,
    contact: String,
    service: TargetsBody,
    #[serde(skip_serializing_if = "Option::is_none")]
    renews: Option<String>,
    made_by: String,
    made_at: String,
    changed_at: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    proposal: Option<ProposalBody>,
}

/// The act of persons that decides it: `POST /v1/approvals/{id}/approve` or `/refuse`.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AgreementProposal)]
pub struct ProposalBody {
    #[schema(example = "apv_0199a1b2c3d4e5f60718293a4b5c6d7e")]
    id: String,
    /// As in `/v1/approvals`.
    state: &'static str,
    reason: String,
    proposed_by: String,
    until: String,
    /// Rights of those who agreed.
    agreed: Vec<&'static str>,
    /// Rights whose consent is awaited.
    awaited: Vec<&'static str>,
}

impl From<AgreementView> for AgreementBody {
    fn from(view: AgreementView) -> Self {
        let AgreementView { stored, stage, days_left, approval } = view;
        let terms = stored.terms;
        let proposal = approval.map(|act| ProposalBody {
            id: act.approval.new.id.to_string(),
            state: act.approval.state.as_str(),
            reason: act.approval.new.reason,
            proposed_by: act.approval.new.proposed_by.to_string(),
            until: act.approval.new.until.to_string(),
            agreed: act.consents.iter().map(|consent| consent.right.as_str()).collect(),
            awaited: act.awaited.iter().map(|right| right.as_str()).collect(),
        });
        AgreementBody {
            id: stored.id.to_string(),
            state: stage.as_str(),
            version: stored.version,
            agency: terms.agency().slug().to_owned(),
            purposes: terms.purposes().to_vec(),
            submits: terms.submits().to_vec(),
            fields: terms.fields().clone(),
            clients: terms.clients().iter().map(ToString::to_string).collect(),
            from: terms.from().to_string(),
            until: terms.until().to_string(),
            days_left,
            contact: terms.contact().to_string(),
            service: (*terms.service()).into(),
            renews: stored.renews.map(|id| id.to_string()),
            made_by: stored.made_by.to_string(),
            made_at: stored.made_at.to_string(),
            changed_at: stored.changed_at.to_string(),
            proposal,
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Agreements)]
pub struct AgreementsBody {
    agreements: Vec<AgreementBody>,
}

/// Agreements, newest first; with `ends_within` those in force that end first. An agency's officer sees the agency's own, who keeps
/// access and the data-protection officer all.
#[utoipa::path(tag = "access", operation_id = "list_agreements", security(("token" = [])),
    params(("state" = Option<String>, Query, pattern = r"^(draft|proposed|rejected|approved|in-force|ended|terminated)$"),
        ("ends_within" = Option<u32>, Query, minimum = 0, maximum = 1096, description = "In force, with so many days left at most")),
    responses((status = 200, body = AgreementsBody)))]
#[get("/v1/agreements")]
pub async fn list(caller: Caller, request: HttpRequest, app: web::Data<App>) -> Result<HttpResponse, Problem> {
    app.authorise_seeing(&caller.0)?;
    let mut query = Query::of(&request, &[STAGE, ENDS_WITHIN]);
    let stage = query.take("state", |text| Stage::parse(text).ok_or(()));
    let days = |text: &str| text.parse::<i64>().ok().filter(|days| (0..=1_096).contains(days)).ok_or(());
    let ends_within = query.take("ends_within", days);
    query.finish(Some(()))?;
    let found = app.agreements(&caller.0, Sought { stage, ends_within }).await?;
    Ok(HttpResponse::Ok().json(AgreementsBody { agreements: found.into_iter().map(AgreementBody::from).collect() }))
}

/// A draft, made by an officer (`agency.agree`) of the agency it is for. What can't be agreed on is refused with every reason in
/// `errors`. The same again under one `Idempotency-Key` answers with the draft that it made.
#[utoipa::path(tag = "access", operation_id = "draft_agreement", security(("token" = [])),
    params(("Idempotency-Key" = Option<String>, Header, pattern = r"^[!-~]{1,200}$")),
    request_body(content = WishForm, content_type = "application/json"),
    responses((status = 201, body = AgreementBody)))]
#[post("/v1/agreements")]
pub async fn draft(
    caller: Caller,
    request: HttpRequest,
    _: NoQuery,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    app.authorise_asking(&caller.0)?;
    let key = idempotency_key(&request)?.map(|words| app.idempotency_key(words));
    let wish: WishForm = body::json(payload).await?;
    Ok(made(app.draft_agreement(&caller.0, &wish.into(), key).await?))
}

/// One agreement; `ETag` names its version.
#[utoipa::path(tag = "access", operation_id = "get_agreement", security(("token" = [])),
    params(("id" = String, Path, description = "`agr_…`")), responses((status = 200, body = AgreementBody)))]
#[get("/v1/agreements/{id}")]
pub async fn one(
    caller: Caller,
    id: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    app.authorise_seeing(&caller.0)?;
    Ok(shown(app.agreement(&caller.0, &in_path(&id)?).await?))
}

/// Other terms. What was proposed or rejected is a draft again. `If-Match` names the version that was seen.
#[utoipa::path(tag = "access", operation_id = "change_agreement", security(("token" = [])),
    params(("id" = String, Path, description = "`agr_…`"),
        ("If-Match" = String, Header, pattern = r#"^"[1-9][0-9]{0,8}"$"#, example = "\"1\"")),
    request_body(content = WishForm, content_type = "application/json"),
    responses((status = 200, body = AgreementBody)))]
#[put("/v1/agreements/{id}")]
pub async fn change(
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    app.authorise_asking(&caller.0)?;
    let id = in_path(&id)?;
    app.agreement(&caller.0, &id).await?;
    let version = version(&request)?.ok_or_else(|| Problem::new(Kind::PreconditionRequired))?;
    let wish: WishForm = body::json(payload).await?;
    Ok(shown(app.change_agreement(&caller.0, &id, version, &wish.into()).await?))
}

/// Asks the ministry, where two persons have to agree: one who keeps access (`access.admin`) and the data-protection officer
/// (`privacy.officer`). While the same is open, it is that proposal. It holds for 14 days.
#[utoipa::path(tag = "access", operation_id = "propose_agreement", security(("token" = [])),
    params(("id" = String, Path, description = "`agr_…`"),
        ("If-Match" = Option<String>, Header, pattern = r#"^"[1-9][0-9]{0,8}"$"#)),
    request_body(content = ReasonForm, content_type = "application/json"),
    responses((status = 200, body = AgreementBody)))]
#[post("/v1/agreements/{id}/propose")]
pub async fn propose(
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    app.authorise_asking(&caller.0)?;
    let id = in_path(&id)?;
    app.agreement(&caller.0, &id).await?;
    let version = version(&request)?;
    let form: ReasonForm = body::json(payload).await?;
    Ok(shown(app.propose_agreement(&caller.0, &id, version, &form.reason).await?))
}

/// Ends an agreement with this call; its clients lose what it gave them at every gateway, tokens that were given before too. By the
/// agency's officer, or by who keeps access.
#[utoipa::path(tag = "access", operation_id = "terminate_agreement", security(("token" = [])),
    params(("id" = String, Path, description = "`agr_…`")),
    request_body(content = ReasonForm, content_type = "application/json"),
    responses((status = 200, body = AgreementBody)))]
#[post("/v1/agreements/{id}/terminate")]
pub async fn terminate(
    caller: Caller,
    id: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    app.authorise_seeing(&caller.0)?;
    let id = in_path(&id)?;
    app.authorise_ending(&caller.0, &id).await?;
    let form: ReasonForm = body::json(payload).await?;
    Ok(shown(app.terminate_agreement(&caller.0, &id, &form.reason).await?))
}

/// A draft of the same terms from another day to another. It is proposed and decided as any.
#[utoipa::path(tag = "access", operation_id = "renew_agreement", security(("token" = [])),
    params(("id" = String, Path, description = "`agr_…`"),
        ("Idempotency-Key" = Option<String>, Header, pattern = r"^[!-~]{1,200}$")),
    request_body(content = TermForm, content_type = "application/json"),
    responses((status = 201, body = AgreementBody)))]
#[post("/v1/agreements/{id}/renew")]
pub async fn renew(
    caller: Caller,
    request: HttpRequest,
    id: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    app.authorise_asking(&caller.0)?;
    let id = in_path(&id)?;
    app.agreement(&caller.0, &id).await?;
    let key = idempotency_key(&request)?.map(|words| app.idempotency_key(words));
    let form: TermForm = body::json(payload).await?;
    Ok(made(app.renew_agreement(&caller.0, &id, (&form.from, &form.until), key).await?))
}

fn in_path(id: &str) -> Result<AgreementId, Problem> {
    AgreementId::parse(id).map_err(|_| Problem::new(Kind::NotFound))
}

fn answer(mut response: HttpResponseBuilder, view: AgreementView) -> HttpResponse {
    response.insert_header((header::ETAG, format!("\"{}\"", view.stored.version)));
    response.json(AgreementBody::from(view))
}

fn shown(view: AgreementView) -> HttpResponse {
    answer(HttpResponse::Ok(), view)
}

fn made(view: AgreementView) -> HttpResponse {
    let mut response = HttpResponse::Created();
    response.insert_header((header::LOCATION, format!("/v1/agreements/{}", view.stored.id)));
    answer(response, view)
}

/// The version that `If-Match` names; none: there is none. What names no version of ours is that of none.
fn version(request: &HttpRequest) -> Result<Option<i64>, Problem> {
    let Some(value) = request.headers().get(header::IF_MATCH) else { return Ok(None) };
    let text = HeaderValue::to_str(value).unwrap_or_default().trim();
    let number = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')).and_then(|text| text.parse().ok());
    number.map(Some).ok_or_else(|| Problem::new(Kind::PreconditionFailed))
}
