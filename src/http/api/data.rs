//! The open data: a page for each data set, and its files. No login, readable from any site.

use crate::app::App;
use crate::http::content::{self, PUBLIC};
use crate::http::context::RequestContext;
use crate::http::pages;
use crate::http::problem::Problem;
use crate::http::query::PageQuery;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, get, web};

/// `count-summary` is the page of the data set; `count-summary.csv` and `count-summary.json` are its files.
#[utoipa::path(tag = "open data", operation_id = "get_data",
    params(("dataset" = String, Path, description = "Name of the data set, with `.csv` or `.json` for a file", example = "count-summary.csv")),
    responses((status = 200, content((String = "text/html"), (String = "text/csv"), (Object = "application/json"))),
        (status = 304, description = "As you have it")))]
#[get("/data/{dataset}")]
pub async fn get(
    request: HttpRequest,
    name: web::Path<String>,
    _: PageQuery,
    context: RequestContext,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    match name.rsplit_once('.') {
        Some((dataset, extension)) => file(&request, &app, dataset, extension).await,
        None => pages::dataset(&app, &name, &context).await,
    }
}

async fn file(request: &HttpRequest, app: &App, dataset: &str, extension: &str) -> Result<HttpResponse, Problem> {
    let (release, download) = app.published_file(dataset, extension).await?;
    let tag = format!("{}-{extension}", release.release_sha256);
    let mut response = if content::has(request, &tag) { HttpResponse::NotModified() } else { HttpResponse::Ok() };
    content::set(&mut response, &tag, PUBLIC);
    response.insert_header((header::ACCESS_CONTROL_ALLOW_ORIGIN, "*"));
    response.insert_header((header::ACCESS_CONTROL_EXPOSE_HEADERS, "etag, content-disposition"));
    if content::has(request, &tag) {
        return Ok(response.finish());
    }
    Ok(content::file(download, &mut response))
}
