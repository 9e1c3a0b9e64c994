//! The rules that findings name: what each means, an example, and what to do; a page where a browser asks.

use super::problems::{Text, wants_html};
use crate::app::App;
use crate::http::context::RequestContext;
use crate::http::pages;
use crate::http::problem::{Kind, Problem};
use crate::http::query::PageQuery;
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

/// One rule.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Rule)]
pub struct RuleBody {
    #[schema(example = "SPH-CODE-001")]
    pub code: String,
    pub title: Text,
    pub meaning: Text,
    pub hint: Text,
    pub example: String,
}

/// Every rule.
#[utoipa::path(tag = "rules", operation_id = "list_rules",
    responses((status = 200, content((Vec<RuleBody> = "application/json"), (String = "text/html")))))]
#[get("/rules")]
pub async fn list(
    request: HttpRequest,
    _: PageQuery,
    context: RequestContext,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    if wants_html(&request) {
        return pages::rules(&app, &context);
    }
    let body: Vec<RuleBody> = app.rules().iter().filter_map(|rule| body(&app, rule.code.as_str())).collect();
    Ok(HttpResponse::Ok().json(body))
}

/// One rule: what it means, an example of what breaks it, and what to do.
#[utoipa::path(tag = "rules", operation_id = "get_rule", params(("code" = String, Path, example = "SPH-CODE-001")),
    responses((status = 200, content((RuleBody = "application/json"), (String = "text/html")))))]
#[get("/rules/{code}")]
pub async fn one(
    request: HttpRequest,
    code: web::Path<String>,
    _: PageQuery,
    context: RequestContext,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let body = body(&app, &code).ok_or_else(|| Problem::new(Kind::NotFound))?;
    if wants_html(&request) {
        return pages::rule(&app, &code, &context);
    }
    Ok(HttpResponse::Ok().json(body))
}

fn body(app: &App, code: &str) -> Option<RuleBody> {
    let rule = app.rule(code)?;
    Some(RuleBody {
        code: rule.code.to_string(),
        title: (&rule.title).into(),
        meaning: (&rule.meaning).into(),
        hint: (&rule.hint).into(),
        example: rule.example.clone(),
    })
}
