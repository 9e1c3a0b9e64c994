//! Where somebody arrives who signed in: who I am here, what I may do, where to ask for more.

use super::cookies::Cookie;
use super::roles::said;
use super::{Signed, View, go, page};
use crate::app::App;
use crate::domain::principal::Principal;
use crate::domain::text::Bilingual;
use crate::http::context::RequestContext;
use crate::http::problem::Problem;
use crate::http::query::PageQuery;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

struct RoleLine {
    role: &'static str,
    said: Bilingual,
}

#[derive(Template)]
#[template(path = "console/today.html")]
struct Today<'a> {
    frame: View<'a>,
    agency: Option<String>,
    roles: Vec<RoleLine>,
    ends_at: String,
}

pub async fn show(
    _: PageQuery,
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
    signed: Result<Signed, Problem>,
) -> Result<HttpResponse, Problem> {
    if Cookie::Session.of(&request, &app).is_none() {
        return Ok(go(&context, "/console/sign-in", Vec::new()));
    }
    let signed = signed?;
    let view = View::of(&context, "/console", &signed);
    let (agency, roles) = match &signed.visitor.principal {
        Principal::Person { agency, roles, .. } => (agency.map(|agency| agency.slug().to_owned()), roles.as_slice()),
        _ => (None, &[][..]),
    };
    let roles = roles.iter().map(|role| RoleLine { role: role.as_str(), said: said(*role) }).collect();
    let ends_at = view.at(signed.visitor.ends_at);
    page(&context, &Today { frame: view, agency, roles, ends_at }, None)
}
