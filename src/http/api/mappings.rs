//! The mappings as they are in force: which agency's layout becomes which standard, and the document that says how.

use crate::app::App;
use crate::app::reference::MappingLine;
use crate::http::content::{self, PUBLIC};
use crate::http::problem::{Kind, Problem};
use crate::http::query::NoQuery;
use actix_web::{HttpRequest, HttpResponse, get, web};
use serde::Serialize;
use utoipa::ToSchema;

/// One mapping.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Mapping)]
pub struct MappingBody {
    #[schema(example = "obec/enrolments")]
    pub name: String,
    pub version: u32,
    #[schema(example = "enrolment/1")]
    pub standard: String,
    /// `csv`, `json`, `ndjson`, `xml` or `xlsx`
    #[schema(example = "csv")]
    pub format: String,
    /// Of the document, hexadecimal.
    pub sha256: String,
    /// Optional fields of the standard that it does not fill.
    pub unfilled: Vec<String>,
}

impl From<MappingLine> for MappingBody {
    fn from(line: MappingLine) -> Self {
        let MappingLine { name, version, standard, format, sha256, unfilled } = line;
        MappingBody { name, version, standard, format, sha256, unfilled }
    }
}

/// Every mapping.
#[utoipa::path(tag = "mappings", operation_id = "list_mappings", responses((status = 200, body = Vec<MappingBody>)))]
#[get("/v1/mappings")]
pub async fn list(_: NoQuery, app: web::Data<App>) -> web::Json<Vec<MappingBody>> {
    web::Json(app.mapping_lines().into_iter().map(MappingBody::from).collect())
}

/// One mapping; the document itself with `Accept: application/yaml`.
#[utoipa::path(tag = "mappings", operation_id = "get_mapping",
    params(("agency" = String, Path, example = "obec"), ("dataset" = String, Path, example = "enrolments")),
    responses((status = 200, content((MappingBody = "application/json"), (String = "application/yaml"))),
        (status = 304, description = "As you have it")))]
#[get("/v1/mappings/{agency}/{dataset}")]
pub async fn one(
    request: HttpRequest,
    path: web::Path<(String, String)>,
    _: NoQuery,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let not_found = || Problem::new(Kind::NotFound);
    let name = format!("{}/{}", path.0, path.1);
    let offered = [("json", "application/json"), ("yaml", "application/yaml"), ("yaml", "text/yaml")];
    match content::negotiate(&request, None, &offered) {
        Some("yaml") => {
            let text = app.mapping_text(&name).ok_or_else(not_found)?.as_bytes().to_vec();
            Ok(content::tagged(&request, text, "application/yaml; charset=utf-8", PUBLIC))
        }
        Some(_) => {
            let line = app.mapping_line(&name).ok_or_else(not_found)?;
            let body = serde_json::to_vec(&MappingBody::from(line)).map_err(Problem::internal)?;
            Ok(content::tagged(&request, body, "application/json", PUBLIC))
        }
        None => Err(Problem::new(Kind::NotAcceptable)),
    }
}
