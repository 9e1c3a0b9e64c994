//! The data standards: JSON Schema, XML Schema, or a dictionary to read. Open to all.

use super::problems::Text;
use crate::app::App;
use crate::http::content::{self, PUBLIC};
use crate::http::context::RequestContext;
use crate::http::pages;
use crate::http::problem::{Kind, Problem};
use crate::http::query::{self, LANG, NoQuery, Parameter, Query};
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

const FORMATS: [&str; 3] = ["json", "xml", "html"];
const FORMAT: Parameter =
    Parameter { name: "format", takes_th: "json xml หรือ html", takes_en: "json, xml or html" };

/// One standard in a list.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Standard)]
pub struct StandardBody {
    #[schema(example = "enrolment")]
    pub name: String,
    #[schema(example = 1)]
    pub version: u32,
    pub label: Text,
    pub definition: Text,
    pub fields: usize,
}

/// Every standard.
#[utoipa::path(tag = "standards", operation_id = "list_standards", responses((status = 200, body = Vec<StandardBody>)))]
#[get("/v1/standards")]
pub async fn list(_: NoQuery, app: web::Data<App>) -> web::Json<Vec<StandardBody>> {
    let body = app.standards().map(|standard| StandardBody {
        name: standard.name.to_string(),
        version: standard.version,
        label: (&standard.label).into(),
        definition: (&standard.definition).into(),
        fields: standard.fields.len(),
    });
    web::Json(body.collect())
}

/// One standard: JSON Schema (draft 2020-12), an XSD with `Accept: application/xml`, a dictionary with `text/html`.
#[utoipa::path(tag = "standards", operation_id = "get_standard",
    params(("name" = String, Path, example = "enrolment"), ("version" = String, Path, example = "1"),
        ("format" = Option<String>, Query, pattern = r"^(json|xml|html)$", description = "`json`, `xml` or `html`; goes before `Accept`")),
    responses((status = 200, content((Object = "application/schema+json"), (String = "application/xml"), (String = "text/html"))),
        (status = 304, description = "As you have it")))]
#[get("/v1/standards/{name}/{version}")]
pub async fn one(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    context: RequestContext,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request, &[FORMAT, LANG]);
    let format = query.take("format", |text| FORMATS.into_iter().find(|name| *name == text).ok_or(()));
    query.take("lang", query::lang);
    query.finish(Some(()))?;
    let standard = app.standard(&path.0, &path.1).ok_or_else(|| Problem::new(Kind::NotFound))?;
    let offered = [
        ("json", "application/schema+json"),
        ("json", "application/json"),
        ("xml", "application/xml"),
        ("xml", "text/xml"),
        ("html", "text/html"),
    ];
    match content::negotiate(&request, format, &offered) {
        Some("html") => pages::standard(&app, &path.0, &path.1, &context),
        Some("xml") => {
            Ok(content::tagged(&request, app.xsd(standard).into_bytes(), "application/xml; charset=utf-8", PUBLIC))
        }
        Some(_) => {
            Ok(content::tagged(&request, standard.text().as_bytes().to_vec(), "application/schema+json", PUBLIC))
        }
        None => Err(Problem::new(Kind::NotAcceptable)),
    }
}
