//! Signing in: name and password, then the code of the telephone.

use super::cookies::Cookie;
use super::{Signed, Told, View, device, forms, go, page, told, visit};
use crate::app::App;
use crate::http::context::RequestContext;
use crate::http::problem::Problem;
use crate::http::query::PageQuery;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

#[derive(Template)]
#[template(path = "console/sign_in.html")]
struct SignIn<'a> {
    frame: View<'a>,
    /// As it was typed.
    typed: String,
    has_single_sign_on: bool,
}

#[derive(Template)]
#[template(path = "console/code.html")]
struct Code<'a> {
    frame: View<'a>,
}

pub async fn show(
    _: PageQuery,
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
    signed: Option<Signed>,
) -> Result<HttpResponse, Problem> {
    match signed {
        Some(_) => Ok(go(&context, "/console", Vec::new())),
        None => shown(&request, &context, &app, String::new(), None),
    }
}

fn shown(
    request: &HttpRequest,
    context: &RequestContext,
    app: &App,
    typed: String,
    told: Option<Told>,
) -> Result<HttpResponse, Problem> {
    let (secret, is_new) = forms::secret_of_nobody(request, app)?;
    let (text, problem) = Told::split(told);
    let view = View::of_nobody(context, "/console/sign-in", &secret).with(text);
    let mut response =
        page(context, &SignIn { frame: view, typed, has_single_sign_on: app.has_single_sign_on() }, problem.as_ref())?;
    if is_new {
        super::append(&mut response, Cookie::Form.set(&secret, app));
    }
    Ok(response)
}

pub async fn send(
    _: PageQuery,
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let secret = Cookie::Form.of(&request, &app);
    let form = forms::read(&request, payload, &app, secret.as_deref(), &["sign_in", "password"]).await?;
    let device = device(&request, &app);
    let visit = visit(&request, device.as_deref());
    match app.check_password(form.get("sign_in"), form.get("password"), visit).await {
        Ok(half) => Ok(go(&context, "/console/code", vec![Cookie::Half.set(&half, &app)])),
        Err(error) => {
            let typed = form.get("sign_in").chars().take(200).collect();
            shown(&request, &context, &app, typed, Some(told(error)?))
        }
    }
}

pub async fn show_code(
    _: PageQuery,
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    match Cookie::Half.of(&request, &app) {
        Some(half) => page(&context, &Code { frame: View::of_nobody(&context, "/console/code", &half) }, None),
        None => Ok(go(&context, "/console/sign-in", Vec::new())),
    }
}

pub async fn send_code(
    _: PageQuery,
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let half = Cookie::Half.of(&request, &app);
    let form = forms::read(&request, payload, &app, half.as_deref(), &["code"]).await?;
    let half = half.unwrap_or_default();
    let device = device(&request, &app);
    match app.check_code(&half, form.get("code"), visit(&request, device.as_deref())).await {
        Ok(signed_in) => Ok(go(&context, "/console", super::signed_in(&signed_in, &app))),
        Err(error) => {
            let (text, problem) = Told::split(Some(told(error)?));
            let view = View::of_nobody(&context, "/console/code", &half).with(text);
            page(&context, &Code { frame: view }, problem.as_ref())
        }
    }
}
