//! The count-day audit: run it, read it, and take its signed manifest away.
//!
//! A round stands in the path as its count day (`2026-06-10`) or as year and term with a hyphen (`2569-1`).

use crate::app::App;
use crate::app::counting::ManifestSeal;
use crate::domain::round::Round;
use crate::http::auth::Caller;
use crate::http::content::{self, PRIVATE};
use crate::http::problem::{Kind, Problem};
use crate::http::query::{NoQuery, Parameter, Query};
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse, get, post, web};
use serde::Serialize;
use utoipa::ToSchema;

/// Cases of a report unless asked otherwise, and at most.
const CASES_DEFAULT: usize = 200;
const CASES_MAX: usize = 100_000;

const CASES: Parameter =
    Parameter {
        name: "cases", takes_th: "จำนวนเต็ม 0 ถึง 100000", takes_en: "a whole number from 0 to 100000"
    };
const PART: Parameter =
    Parameter { name: "part", takes_th: "manifest หรือ seal", takes_en: "manifest or seal" };

/// The last count of a round: findings, totals by agency, payable learners by school, cases (gravest first).
/// An agency sees its own.
#[utoipa::path(tag = "counts", operation_id = "get_count", security(("token" = [])),
    params(("round" = String, Path, example = "2026-06-10"),
        ("cases" = Option<u32>, Query, description = "Cases listed at most (default 200)", maximum = 100000)),
    responses((status = 200, body = Object), (status = 304, description = "As you have it")))]
#[get("/v1/counts/{round}")]
pub async fn last(
    caller: Caller,
    request: HttpRequest,
    round: web::Path<String>,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request, &[CASES]);
    let cases = query.take("cases", |text| text.parse().ok().filter(|cases| *cases <= CASES_MAX).ok_or(()));
    let cases = query.finish(Some(cases.unwrap_or(CASES_DEFAULT)))?;
    let mut report = app.last_count(&caller.0, in_path(&round)?).await?;
    report.cases_not_listed += report.cases.len().saturating_sub(cases) as u64;
    report.cases.truncate(cases);
    let body = serde_json::to_vec(&report).map_err(Problem::internal)?;
    Ok(content::tagged(&request, body, "application/json", PRIVATE))
}

/// Counts a round on what is in force now, and keeps the result with its signed manifest.
#[utoipa::path(tag = "counts", operation_id = "run_count", security(("token" = [])),
    params(("round" = String, Path, example = "2026-06-10")), responses((status = 201, body = Object)))]
#[post("/v1/counts/{round}")]
pub async fn run(
    caller: Caller,
    round: web::Path<String>,
    _: NoQuery,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let round = in_path(&round)?;
    let report = app.count(&caller.0, round).await?.report(CASES_DEFAULT)?;
    Ok(HttpResponse::Created().insert_header((header::LOCATION, format!("/v1/counts/{round}"))).json(report))
}

/// What `part` chooses.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
#[schema(as = ManifestPart)]
pub enum ManifestPart {
    Manifest(serde_json::Value),
    Seal(SealBody),
}

/// The signature that goes with a manifest's bytes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ManifestSeal)]
pub struct SealBody {
    /// RFC 7518 §3.4.
    #[schema(example = "ES256")]
    pub alg: String,
    /// base64url of r‖s over the manifest's bytes.
    pub signature: String,
    /// The public key, as a JWK (RFC 7517).
    #[schema(value_type = Object)]
    pub key: serde_json::Value,
}

impl From<ManifestSeal> for SealBody {
    fn from(seal: ManifestSeal) -> Self {
        SealBody { alg: seal.alg, signature: seal.signature, key: seal.key }
    }
}

/// The manifest of the last count: the very bytes that are signed. `part=seal` is the signature (ES256) to keep beside
/// them as `<file>.sig`, so that `saphan count verify` can check both; the manifest names its address in `Link`. The key
/// stands at `/.well-known/jwks.json`.
#[utoipa::path(tag = "counts", operation_id = "get_manifest", security(("token" = [])),
    params(("round" = String, Path, example = "2026-06-10"),
        ("part" = Option<String>, Query, pattern = r"^(manifest|seal)$", description = "`manifest` (default) or `seal`: its signature", example = "seal")),
    responses((status = 200, body = ManifestPart, description = "The manifest, or with `part=seal` its signature",
            headers(("Link" = String, description = "With the manifest: address of its signature, `rel=\"describedby\"`"))),
        (status = 304, description = "As you have it")))]
#[get("/v1/counts/{round}/manifest")]
pub async fn manifest(
    caller: Caller,
    request: HttpRequest,
    round: web::Path<String>,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request, &[PART]);
    let seal_only = query.take("part", |text| match text {
        "manifest" => Ok(false),
        "seal" => Ok(true),
        _ => Err(()),
    });
    let seal_only = query.finish(Some(seal_only.unwrap_or(false)))?;
    let round = in_path(&round)?;
    let (manifest, seal) = app.last_manifest(&caller.0, round).await?;
    if seal_only {
        let body = serde_json::to_vec_pretty(&SealBody::from(seal)).map_err(Problem::internal)?;
        return Ok(content::tagged(&request, body, "application/json", PRIVATE));
    }
    let mut response = content::tagged(&request, manifest, "application/json", PRIVATE);
    let link = format!("</v1/counts/{round}/manifest?part=seal>; rel=\"describedby\"; title=\"signature\"");
    if let Ok(link) = HeaderValue::from_str(&link) {
        response.headers_mut().insert(header::LINK, link);
    }
    Ok(response)
}

pub(super) fn in_path(text: &str) -> Result<Round, Problem> {
    Round::parse(text).map_err(|_| {
        Problem::new(Kind::NotFound).detail(
            "ไม่มีรอบนี้ รอบคือวันนับ เช่น 2026-06-10 หรือปีและภาคเรียน เช่น 2569-1",
            "There is no such round. A round is a count day such as 2026-06-10, or year and term such as 2569-1.",
        )
    })
}
