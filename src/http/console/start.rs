//! The first start of an account: the one-time code, then password and authenticator on one page.
//!
//! Owns the picture of the secret (a QR code drawn here, so that the secret goes to no other program).

use super::cookies::Cookie;
use super::{Told, View, forms, go, page, told};
use crate::app::App;
use crate::app::people::Enrolment;
use crate::domain::sign_in::PASSWORD_CHARS_MIN;
use crate::http::context::RequestContext;
use crate::http::problem::Problem;
use crate::http::query::PageQuery;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;
use qrcode::{Color, QrCode};
use std::fmt::Write;

/// Modules of white around a QR code (ISO/IEC 18004 §5.3.8).
const QUIET: usize = 4;

#[derive(Template)]
#[template(path = "console/start.html")]
struct Start<'a> {
    frame: View<'a>,
}

#[derive(Template)]
#[template(path = "console/start_account.html")]
struct Account<'a> {
    frame: View<'a>,
    enrolment: Enrolment,
    /// In groups of four, as it is typed.
    secret: String,
    picture: Picture,
    letters_min: usize,
}

/// A QR code: its width in modules, and the path of the dark ones.
struct Picture {
    width: usize,
    path: String,
}

impl Picture {
    fn of(text: &str) -> Result<Picture, Problem> {
        let code = QrCode::new(text).map_err(Problem::internal)?;
        let width = code.width();
        let mut path = String::new();
        for (at, color) in code.to_colors().into_iter().enumerate() {
            if color == Color::Dark {
                let (x, y) = (at % width + QUIET, at / width + QUIET);
                let _ = write!(path, "M{x} {y}h1v1h-1z");
            }
        }
        Ok(Picture { width: width + 2 * QUIET, path })
    }
}

pub async fn show(
    _: PageQuery,
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    shown(&request, &context, &app, None)
}

fn shown(
    request: &HttpRequest,
    context: &RequestContext,
    app: &App,
    told: Option<Told>,
) -> Result<HttpResponse, Problem> {
    let (secret, is_new) = forms::secret_of_nobody(request, app)?;
    let (text, problem) = Told::split(told);
    let view = View::of_nobody(context, "/console/start", &secret).with(text);
    let mut response = page(context, &Start { frame: view }, problem.as_ref())?;
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
    let form = forms::read(&request, payload, &app, secret.as_deref(), &["code"]).await?;
    match app.begin_start(form.get("code")).await {
        Ok(half) => Ok(go(&context, "/console/start/account", vec![Cookie::Half.set(&half, &app)])),
        Err(error) => shown(&request, &context, &app, Some(told(error)?)),
    }
}

pub async fn show_account(
    _: PageQuery,
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    match Cookie::Half.of(&request, &app) {
        Some(half) => account(&context, &app, &half, None).await,
        None => Ok(go(&context, "/console/start", Vec::new())),
    }
}

async fn account(context: &RequestContext, app: &App, half: &str, told: Option<Told>) -> Result<HttpResponse, Problem> {
    let enrolment = app.enrolment(half).await?;
    let letters: Vec<char> = enrolment.secret.chars().collect();
    let secret = letters.chunks(4).map(String::from_iter).collect::<Vec<_>>().join(" ");
    let (text, problem) = Told::split(told);
    let view = View::of_nobody(context, "/console/start/account", half).with(text);
    let picture = Picture::of(&enrolment.address)?;
    page(
        context,
        &Account { frame: view, enrolment, secret, picture, letters_min: PASSWORD_CHARS_MIN },
        problem.as_ref(),
    )
}

pub async fn send_account(
    _: PageQuery,
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let half = Cookie::Half.of(&request, &app);
    let form = forms::read(&request, payload, &app, half.as_deref(), &["password", "again", "code"]).await?;
    let half = half.unwrap_or_default();
    match app.finish_start(&half, form.get("password"), form.get("again"), form.get("code")).await {
        Ok(signed_in) => Ok(go(&context, "/console", super::signed_in(&signed_in, &app))),
        Err(error) => account(&context, &app, &half, Some(told(error)?)).await,
    }
}
