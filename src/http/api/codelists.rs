//! The code lists with labels, dates of validity and aliases. Open to all.

use crate::app::App;
use crate::app::reference::{CodeListLine, entity_tag};
use crate::http::content::{self, PUBLIC};
use crate::http::context::RequestContext;
use crate::http::pages;
use crate::http::problem::{Kind, Problem};
use crate::http::query::{self, LANG, NoQuery, Parameter, Query};
use actix_web::{HttpRequest, HttpResponse, get, web};
use jiff::civil::Date;
use serde::Serialize;
use utoipa::ToSchema;

const ON: Parameter =
    Parameter {
        name: "on", takes_th: "วันที่ ค.ศ. เช่น 2026-06-10", takes_en: "a date such as 2026-06-10"
    };
const JSON: &str = "application/json";
const FORMAT: Parameter = Parameter { name: "format", takes_th: "json หรือ csv", takes_en: "json or csv" };

/// One code list in the list of them.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = CodeList)]
pub struct CodeListBody {
    #[schema(example = "grade")]
    pub name: String,
    /// Changes with the content.
    pub version: String,
    pub codes: u64,
}

/// Every code list.
#[utoipa::path(tag = "standards", operation_id = "list_code_lists", responses((status = 200, body = Vec<CodeListBody>)))]
#[get("/v1/codelists")]
pub async fn list(_: NoQuery, app: web::Data<App>) -> Result<web::Json<Vec<CodeListBody>>, Problem> {
    let lists = app.code_lists().await?;
    let body = |list: CodeListLine| CodeListBody { name: list.name, version: list.version, codes: list.codes };
    Ok(web::Json(lists.into_iter().map(body).collect()))
}

/// One code list, as JSON, or CSV with `Accept: text/csv` or `?format=csv`; with `on`, only what is valid on that day. `school` is the
/// register in force: code, names, SMIS code as alias, agency as parent.
#[utoipa::path(tag = "standards", operation_id = "get_code_list",
    params(("name" = String, Path, example = "grade"),
        ("on" = Option<String>, Query, format = Date, description = "ISO date"),
        ("format" = Option<String>, Query, pattern = r"^(json|csv)$", description = "`json` or `csv`")),
    responses((status = 200, content((Object = "application/json"), (String = "text/csv"), (String = "text/html"))),
        (status = 304, description = "As you have it")))]
#[get("/v1/codelists/{name}")]
pub async fn one(
    request: HttpRequest,
    name: web::Path<String>,
    context: RequestContext,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let mut query = Query::of(&request, &[ON, FORMAT, LANG]);
    let on = query.take("on", day);
    let format = query.take("format", |text| match text {
        "json" => Ok("json"),
        "csv" => Ok("csv"),
        _ => Err(()),
    });
    query.take("lang", query::lang);
    query.finish(Some(()))?;
    let offered = [("json", JSON), ("csv", "text/csv"), ("html", "text/html")];
    let format = content::negotiate(&request, format, &offered);
    let state = app.code_list_state(&name).await?;
    let tag = state.map(|state| entity_tag(format!("{state} {format:?} {on:?}").as_bytes()));
    if let (Some("json" | "csv"), Some(tag)) = (format, &tag)
        && content::has(&request, tag)
    {
        return Ok(content::not_modified(tag, PUBLIC));
    }
    let code_list = app.code_list(&name, on).await?.ok_or_else(|| Problem::new(Kind::NotFound))?;
    let (bytes, media_type) = match format {
        Some("html") => return pages::code_list(&code_list, &context),
        Some("csv") => (code_list.to_csv(on).into_bytes(), "text/csv; charset=utf-8; header=present"),
        Some(_) => (serde_json::to_vec(&code_list.view(on)).map_err(Problem::internal)?, JSON),
        None => return Err(Problem::new(Kind::NotAcceptable)),
    };
    Ok(match tag {
        Some(tag) => content::under(&tag, bytes, media_type, PUBLIC),
        None => content::tagged(&request, bytes, media_type, PUBLIC),
    })
}

/// jiff reads more forms; the contract has one.
fn day(text: &str) -> Result<Date, ()> {
    if text.len() == 10 { text.parse().map_err(|_| ()) } else { Err(()) }
}
