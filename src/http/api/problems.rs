//! The pages behind `type` of every problem: what it means and what to do, as HTML or JSON.

use crate::domain::text::Bilingual;
use crate::http::context::RequestContext;
use crate::http::pages;
use crate::http::problem::{Entry, Kind, Problem, catalogue};
use crate::http::query::PageQuery;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

/// A text in both languages.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub struct Text {
    pub th: String,
    pub en: String,
}

impl From<&Bilingual> for Text {
    fn from(text: &Bilingual) -> Self {
        Text { th: text.th.clone(), en: text.en.clone() }
    }
}

#[derive(Debug, Serialize, ToSchema)]
pub struct ProblemKind {
    #[schema(example = "query-invalid")]
    pub code: String,
    #[schema(example = 400)]
    pub status: u16,
    pub title: Text,
    pub meaning: Text,
    pub fix: Text,
}

impl From<&Entry> for ProblemKind {
    fn from(entry: &Entry) -> Self {
        ProblemKind {
            code: entry.code.clone(),
            status: entry.status,
            title: (&entry.title).into(),
            meaning: (&entry.meaning).into(),
            fix: (&entry.fix).into(),
        }
    }
}

/// Every kind of problem.
#[utoipa::path(tag = "problems", responses((status = 200, body = Vec<ProblemKind>)))]
#[get("/problems")]
pub async fn list(request: HttpRequest, _: PageQuery, context: RequestContext) -> Result<HttpResponse, Problem> {
    if wants_html(&request) {
        return pages::problems(&context);
    }
    Ok(HttpResponse::Ok().json(catalogue().iter().map(ProblemKind::from).collect::<Vec<_>>()))
}

/// One kind of problem; a page where a browser asks.
#[utoipa::path(tag = "problems", params(("code" = String, Path, example = "query-invalid")),
    responses((status = 200, content((ProblemKind = "application/json"), (String = "text/html")))))]
#[get("/problems/{code}")]
pub async fn one(
    request: HttpRequest,
    code: web::Path<String>,
    _: PageQuery,
    context: RequestContext,
) -> Result<HttpResponse, Problem> {
    let entry = catalogue().iter().find(|entry| entry.code == *code).ok_or_else(|| Problem::new(Kind::NotFound))?;
    if wants_html(&request) {
        return pages::problem(entry, &context);
    }
    Ok(HttpResponse::Ok().json(ProblemKind::from(entry)))
}

/// Does the caller name HTML, as browsers do and scripts don't?
pub fn wants_html(request: &HttpRequest) -> bool {
    let accept = request.headers().get(header::ACCEPT).and_then(|value| value.to_str().ok()).unwrap_or("");
    accept.split(',').any(|kind| kind.trim().starts_with("text/html"))
}
