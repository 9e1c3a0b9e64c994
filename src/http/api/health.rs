//! For operators: is the process alive, and can it work?
//!
//! Owns those answers, the counters and the public keys. None says anything of data, so all are open to all.

use crate::app::App;
use crate::app::agreements::Coverage;
use crate::http::certificates;
use crate::http::content::PUBLIC;
use crate::http::metrics::Metrics;
use crate::http::problem::{Kind, Problem};
use crate::http::query::NoQuery;
use crate::http::queue::Queue;
use actix_web::http::header;
use actix_web::{HttpResponse, get, web};
use futures_util::future::BoxFuture;
use serde::Serialize;
use std::fmt::Write;
use utoipa::ToSchema;

/// Seconds after which to ask again.
const RETRY_S: u32 = 5;

/// Can the gateway do its work now (the store answers, migrations are in)?
pub trait Readiness: Send + Sync {
    fn ready(&self) -> BoxFuture<'_, Result<(), NotReady>>;
}

impl Readiness for App {
    fn ready(&self) -> BoxFuture<'_, Result<(), NotReady>> {
        Box::pin(async move { App::ready(self).await.map_err(|error| NotReady(Box::new(error))) })
    }
}

#[derive(Debug, thiserror::Error)]
#[error("the gateway is not ready")]
pub struct NotReady(#[source] pub Box<dyn std::error::Error + Send + Sync>);

#[derive(Debug, Serialize, ToSchema)]
pub struct Health {
    #[schema(example = "ok")]
    pub status: &'static str,
    #[schema(example = "0.1.0")]
    pub version: &'static str,
}

const OK: Health = Health { status: "ok", version: env!("CARGO_PKG_VERSION") };

/// Is the process alive?
#[utoipa::path(tag = "health", responses((status = 200, body = Health)))]
#[get("/healthz")]
pub async fn alive(_: NoQuery) -> web::Json<Health> {
    web::Json(OK)
}

/// Can it work? 503 with `Retry-After` while it can't.
#[utoipa::path(tag = "health", responses((status = 200, body = Health)))]
#[get("/readyz")]
pub async fn ready(_: NoQuery, readiness: web::Data<dyn Readiness>) -> Result<web::Json<Health>, Problem> {
    match readiness.ready().await {
        Ok(()) => Ok(web::Json(OK)),
        Err(reason) => Err(Problem::new(Kind::Unavailable).retry_after(RETRY_S).because(reason)),
    }
}

/// Counters for Prometheus: answers by route template and status, submissions waiting, requests refused by a limit, ends of
/// certificates and of agreements, requests of persons that wait.
#[utoipa::path(tag = "health", responses((status = 200, body = String, content_type = "text/plain")))]
#[get("/metrics")]
pub async fn metrics(
    _: NoQuery,
    metrics: web::Data<Metrics>,
    queue: web::Data<dyn Queue>,
    app: web::Data<App>,
) -> HttpResponse {
    let text = metrics.text(queue.waiting(), &app.limiter().counted()) + &certificates::metrics(&app);
    let text = text + &app.coverage().await.map_or_else(|_| String::new(), |coverage| agreements(&coverage));
    let text = text + &reminders(&app).await;
    HttpResponse::Ok().content_type("text/plain; version=0.0.4; charset=utf-8").body(text)
}

/// Ids of agreements and numbers: nothing of any person.
fn agreements(coverage: &Coverage) -> String {
    let mut out = String::from("# HELP saphan_agreement_days_left Days until the last day of an agreement in force.\n");
    out.push_str("# TYPE saphan_agreement_days_left gauge\n");
    for (id, days) in &coverage.in_force {
        // Writing into a string can't fail.
        let _ = writeln!(out, "saphan_agreement_days_left{{agreement=\"{id}\"}} {days}");
    }
    out.push_str(
        "# HELP saphan_clients_without_agreement Clients of agencies that no agreement covers, or none in force.\n",
    );
    out.push_str("# TYPE saphan_clients_without_agreement gauge\n");
    for (state, clients) in [("none", &coverage.uncovered), ("over", &coverage.shut_out)] {
        let _ = writeln!(out, "saphan_clients_without_agreement{{state=\"{state}\"}} {}", clients.len());
    }
    out
}

/// How many requests of persons wait for an answer. Nothing is said while the store is away: that is told elsewhere.
async fn reminders(app: &App) -> String {
    let Ok(found) = app.request_reminders().await else { return String::new() };
    format!(
        "# HELP saphan_subject_requests Open requests of persons about their own data: all, due within a week, past their day.\n\
         # TYPE saphan_subject_requests gauge\n\
         saphan_subject_requests{{due=\"any\"}} {}\nsaphan_subject_requests{{due=\"soon\"}} {}\n\
         saphan_subject_requests{{due=\"overdue\"}} {}\n",
        found.open, found.soon, found.overdue
    )
}

/// The keys that sign receipts, manifests and tokens, the one in use first, and those that signed before, as a JWK set (RFC 7517).
#[utoipa::path(tag = "health", operation_id = "get_keys", responses((status = 200, body = Object)))]
#[get("/.well-known/jwks.json")]
pub async fn keys(_: NoQuery, app: web::Data<App>) -> Result<HttpResponse, Problem> {
    let set = serde_json::json!({ "keys": app.signing_keys()? });
    Ok(HttpResponse::Ok().insert_header((header::CACHE_CONTROL, PUBLIC)).json(set))
}
