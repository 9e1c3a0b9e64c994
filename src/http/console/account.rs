//! One's own account: the password, and the browsers one is signed in with.

use super::cookies::Cookie;
use super::{Signed, Told, View, device, forms, go, page, told, visit};
use crate::app::App;
use crate::app::people::SessionView;
use crate::domain::ids::SessionId;
use crate::domain::sign_in::PASSWORD_CHARS_MIN;
use crate::http::context::RequestContext;
use crate::http::problem::{Kind, Problem};
use crate::http::query::PageQuery;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

#[derive(Template)]
#[template(path = "console/account.html")]
struct Account<'a> {
    frame: View<'a>,
    sessions: Vec<SessionView>,
    /// Somebody who signs in at a provider has none here.
    has_password: bool,
    letters_min: usize,
}

async fn shown(
    context: &RequestContext,
    app: &App,
    signed: &Signed,
    told: Option<Told>,
) -> Result<HttpResponse, Problem> {
    let sessions = app.own_sessions(&signed.visitor).await?;
    let (text, problem) = Told::split(told);
    let view = View::of(context, "/console/account", signed).with(text);
    let has_password = signed.visitor.has_password();
    page(context, &Account { frame: view, sessions, has_password, letters_min: PASSWORD_CHARS_MIN }, problem.as_ref())
}

pub async fn show(
    _: PageQuery,
    context: RequestContext,
    app: web::Data<App>,
    signed: Signed,
) -> Result<HttpResponse, Problem> {
    shown(&context, &app, &signed, None).await
}

pub async fn password(
    _: PageQuery,
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
    signed: Signed,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let known = ["old", "password", "again"];
    let form = forms::read(&request, payload, &app, Some(&signed.secret), &known).await?;
    let device = device(&request, &app);
    let (old, new, again) = (form.get("old"), form.get("password"), form.get("again"));
    let visit = visit(&request, device.as_deref());
    match app.change_password(signed.visitor.clone(), old, new, again, visit).await {
        Ok(signed_in) => Ok(go(&context, "/console/account", super::signed_in(&signed_in, &app))),
        Err(error) => shown(&context, &app, &signed, Some(told(error)?)).await,
    }
}

pub async fn end_session(
    _: PageQuery,
    id: web::Path<String>,
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
    signed: Signed,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    forms::read(&request, payload, &app, Some(&signed.secret), &[]).await?;
    let id = SessionId::parse(&id).map_err(|_| Problem::new(Kind::NotFound))?;
    app.end_session(&signed.visitor, &id).await?;
    Ok(go(&context, "/console/account", Vec::new()))
}

pub async fn sign_out(
    _: PageQuery,
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
    signed: Signed,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    forms::read(&request, payload, &app, Some(&signed.secret), &[]).await?;
    app.sign_out(&signed.visitor).await?;
    signed_out(&context, &app, &signed).await
}

pub async fn sign_out_everywhere(
    _: PageQuery,
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
    signed: Signed,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    forms::read(&request, payload, &app, Some(&signed.secret), &[]).await?;
    app.sign_out_everywhere(&signed.visitor).await?;
    signed_out(&context, &app, &signed).await
}

/// Somebody who came from a provider of identities signs out there too.
async fn signed_out(context: &RequestContext, app: &App, signed: &Signed) -> Result<HttpResponse, Problem> {
    let cookies = vec![Cookie::Session.clear(app)];
    match app.sign_out_address(&signed.visitor).await {
        Some(address) => super::oidc::onward(context, &address, cookies),
        None => Ok(go(context, "/console/sign-in", cookies)),
    }
}
