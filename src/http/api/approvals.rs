//! `/v1/approvals`: acts that take two persons, seen and decided by those who may.
//!
//! What is proposed comes from the act's own route; here a second person agrees or refuses.

use crate::app::App;
use crate::app::approvals::{Approval, ApprovalView, Consent};
use crate::domain::ids::ApprovalId;
use crate::domain::principal::Scope;
use crate::http::auth::Caller;
use crate::http::problem::{Kind, Problem};
use crate::http::query::NoQuery;
use actix_web::{HttpResponse, get, post, web};
use serde::Serialize;
use utoipa::ToSchema;

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Approval)]
pub struct ApprovalBody {
    #[schema(example = "apv_0199a1b2c3d4e5f60718293a4b5c6d7e")]
    id: String,
    #[schema(example = "dataset.publish")]
    kind: &'static str,
    /// What it is about.
    #[schema(example = "count-summary")]
    subject: String,
    /// SHA-256 of what exactly is to be done, hexadecimal.
    what: String,
    reason: String,
    /// `proposed`, `approved`, `refused`, `void` (changed since, or past its time) or `done`.
    state: &'static str,
    proposed_by: String,
    proposed_at: String,
    until: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_by: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    decided_at: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    done_at: Option<String>,
    /// Who agreed so far, where persons with several rights have to.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    consents: Vec<ConsentBody>,
    /// Rights whose consent is awaited.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    awaited: Vec<&'static str>,
}

/// One person's yes, for one right.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Consent)]
pub struct ConsentBody {
    #[schema(example = "privacy.officer")]
    right: &'static str,
    by: String,
    at: String,
}

impl From<Consent> for ConsentBody {
    fn from(consent: Consent) -> Self {
        let Consent { right, person, at } = consent;
        ConsentBody { right: right.as_str(), by: person.to_string(), at: at.to_string() }
    }
}

impl From<ApprovalView> for ApprovalBody {
    fn from(view: ApprovalView) -> Self {
        let ApprovalView { approval, consents, awaited } = view;
        let Approval { new, state, decided_by, decided_at, done_at } = approval;
        ApprovalBody {
            id: new.id.to_string(),
            kind: new.kind.as_str(),
            subject: new.subject,
            what: new.what,
            reason: new.reason,
            state: state.as_str(),
            proposed_by: new.proposed_by.to_string(),
            proposed_at: new.proposed_at.to_string(),
            until: new.until.to_string(),
            decided_by: decided_by.map(|id| id.to_string()),
            decided_at: decided_at.map(|at| at.to_string()),
            done_at: done_at.map(|at| at.to_string()),
            consents: consents.into_iter().map(ConsentBody::from).collect(),
            awaited: awaited.iter().map(Scope::as_str).collect(),
        }
    }
}

#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Approvals)]
pub struct ApprovalsBody {
    /// Newest first.
    approvals: Vec<ApprovalBody>,
}

/// What the person may propose or decide.
#[utoipa::path(tag = "access", operation_id = "list_approvals", security(("token" = [])),
    responses((status = 200, body = ApprovalsBody)))]
#[get("/v1/approvals")]
pub async fn list(caller: Caller, _: NoQuery, app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let found = app.approvals(&caller.0).await?;
    Ok(HttpResponse::Ok().json(ApprovalsBody { approvals: found.into_iter().map(ApprovalBody::from).collect() }))
}

/// Agrees, as the second of two persons. The act may then be done once, exactly as it was proposed.
#[utoipa::path(tag = "access", operation_id = "approve", security(("token" = [])),
    params(("id" = String, Path, description = "`apv_…`")), responses((status = 204)))]
#[post("/v1/approvals/{id}/approve")]
pub async fn approve(
    caller: Caller,
    _: NoQuery,
    id: web::Path<String>,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    decide(&id, &caller, &app, true).await
}

/// Refuses; the act has to be proposed anew.
#[utoipa::path(tag = "access", operation_id = "refuse", security(("token" = [])),
    params(("id" = String, Path, description = "`apv_…`")), responses((status = 204)))]
#[post("/v1/approvals/{id}/refuse")]
pub async fn refuse(
    caller: Caller,
    _: NoQuery,
    id: web::Path<String>,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    decide(&id, &caller, &app, false).await
}

async fn decide(id: &str, caller: &Caller, app: &App, agrees: bool) -> Result<HttpResponse, Problem> {
    let id = ApprovalId::parse(id).map_err(|_| Problem::new(Kind::NotFound))?;
    app.decide(&caller.0, &id, agrees).await?;
    Ok(HttpResponse::NoContent().finish())
}
