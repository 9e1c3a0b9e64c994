//! The console: pages for people who sign in. No script; Thai first, English by the switch.
//!
//! Owns which addresses there are ([`ROUTES`]), who is looking ([`Signed`]), and that what goes wrong is told as a page. A page
//! parses a form, calls one use case and shows what came of it; it decides nothing.

mod account;
mod agreements;
mod cookies;
mod forms;
mod oidc;
mod refusal;
mod requests;
mod roles;
mod sign_in;
mod start;
mod today;

pub use cookies::is_secure;
pub use refusal::respond;

use super::context::RequestContext;
use super::pages::Frame;
use super::problem::Problem;
use crate::app::agreements::{AgreementError, may_see};
use crate::app::people::{PersonError, SignedIn, Visit, Visitor};
use crate::app::{App, AppError};
use crate::domain::principal::{Denied, Principal, Scope};
use crate::domain::text::Bilingual;
use actix_web::dev::Payload;
use actix_web::http::{StatusCode, header};
use actix_web::{FromRequest, HttpRequest, HttpResponse, ResponseError, web};
use askama::Template;
use cookies::Cookie;
use jiff::Timestamp;
use jiff::civil::Date;
use std::future::Future;
use std::net::IpAddr;
use std::pin::Pin;

macro_rules! routes {
    ($($path:literal: $($method:ident => $handler:path),+;)*) => {
        /// Every address of the console with its method.
        pub const ROUTES: &[(&str, &str)] = &[$($((stringify!($method), $path)),+),*];

        pub fn routes(config: &mut web::ServiceConfig) {
            $(config.service(web::resource($path)$(.route(web::$method().to($handler)))+);)*
        }
    };
}

routes! {
    "/console": get => today::show;
    "/console/sign-in": get => sign_in::show, post => sign_in::send;
    "/console/code": get => sign_in::show_code, post => sign_in::send_code;
    "/console/start": get => start::show, post => start::send;
    "/console/start/account": get => start::show_account, post => start::send_account;
    "/console/oidc/start": post => oidc::start;
    "/console/oidc/callback": get => oidc::callback;
    "/console/agreements": get => agreements::list;
    "/console/agreements/{id}": get => agreements::show;
    "/console/agreements/{id}/decide": post => agreements::decide;
    "/console/agreements/{id}/terminate": post => agreements::terminate;
    "/console/requests": get => requests::show;
    "/console/account": get => account::show;
    "/console/account/password": post => account::password;
    "/console/account/sessions/{id}/end": post => account::end_session;
    "/console/sign-out": post => account::sign_out;
    "/console/sign-out-everywhere": post => account::sign_out_everywhere;
}

/// Somebody who signed in. Nobody: 401, as a page that leads to where one signs in.
pub struct Signed {
    pub visitor: Visitor,
    pub secret: String,
}

impl FromRequest for Signed {
    type Error = Problem;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Problem>>>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let app = request.app_data::<web::Data<App>>().cloned();
        let secret = app.as_ref().and_then(|app| Cookie::Session.of(request, app));
        Box::pin(async move {
            let nobody = || Problem::from(Denied::NotAuthenticated);
            let (app, secret) = (app.ok_or_else(nobody)?, secret.ok_or_else(nobody)?);
            let visitor = app.visitor(&secret).await?.ok_or_else(nobody)?;
            Ok(Signed { visitor, secret })
        })
    }
}

/// The session that a request to the API comes with, in place of a token. What changes something needs the form's token too.
pub fn session_of(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let Some(app) = request.app_data::<web::Data<App>>() else { return Ok(None) };
    let Some(secret) = Cookie::Session.of(request, app) else { return Ok(None) };
    if !request.method().is_safe() {
        forms::check_header(request, app, &secret)?;
    }
    Ok(Some(secret))
}

/// What every page of the console has.
struct View<'a> {
    frame: Frame<'a>,
    /// Name of who is signed in; empty: nobody.
    name: String,
    /// Token for the page's forms.
    form: String,
    /// Has something to do with agreements.
    sees_agreements: bool,
    /// What went wrong, or was done.
    notice: Option<Notice>,
    /// Answers people about their data.
    is_officer: bool,
}

struct Notice {
    is_bad: bool,
    text: Bilingual,
}

impl<'a> View<'a> {
    fn of_nobody(context: &'a RequestContext, path: &str, secret: &str) -> Self {
        View {
            frame: Frame::new(context, path),
            name: String::new(),
            form: forms::token(secret),
            sees_agreements: false,
            is_officer: false,
            notice: None,
        }
    }

    fn of(context: &'a RequestContext, path: &str, signed: &Signed) -> Self {
        let name = match &signed.visitor.principal {
            Principal::Person { name, .. } => name.clone(),
            _ => String::new(),
        };
        let is_officer = signed.visitor.principal.authorise(Scope::PrivacyOfficer, None).is_ok();
        View {
            frame: Frame::new(context, path),
            name,
            form: forms::token(&signed.secret),
            sees_agreements: may_see(&signed.visitor.principal),
            is_officer,
            notice: None,
        }
    }

    /// What went wrong and is for the person to put right.
    fn with(mut self, told: Option<Bilingual>) -> Self {
        self.notice = told.map(|text| Notice { is_bad: true, text });
        self
    }

    fn path(&self) -> &str {
        self.frame.path()
    }

    fn is_at(&self, path: &str) -> bool {
        self.frame.is_at(path)
    }

    fn lang(&self) -> &'static str {
        self.frame.lang()
    }

    fn t<'t>(&self, th: &'t str, en: &'t str) -> &'t str {
        self.frame.t(th, en)
    }

    fn of_text<'t>(&self, text: &'t Bilingual) -> &'t str {
        self.frame.of(text)
    }

    fn day(&self, day: Date) -> String {
        self.frame.day(day)
    }

    /// `10 มิ.ย. 2569 14:05`, in Thailand.
    fn at(&self, at: Timestamp) -> String {
        let zoned = at.to_zoned(super::pages::thailand());
        format!("{} {:02}:{:02}", self.frame.day(zoned.date()), zoned.hour(), zoned.minute())
    }
}

/// What a person is told on the same page again.
struct Told {
    text: Bilingual,
    problem: Problem,
}

impl Told {
    fn split(told: Option<Told>) -> (Option<Bilingual>, Option<Problem>) {
        told.map_or((None, None), |told| (Some(told.text), Some(told.problem)))
    }
}

/// Errors that a person puts right on the page they are on; all others end in a page of their own.
fn told(error: AppError) -> Result<Told, Problem> {
    match &error {
        AppError::Person(fault) if *fault != PersonError::Over => {
            let text = fault.told();
            Ok(Told { text, problem: Problem::from(error) })
        }
        AppError::Approval(fault) => {
            let text = fault.told();
            Ok(Told { text, problem: Problem::from(error) })
        }
        AppError::Agreement(fault) if *fault != AgreementError::Unknown => {
            let text = fault.told();
            Ok(Told { text, problem: Problem::from(error) })
        }
        _ => Err(Problem::from(error)),
    }
}

/// The page, with the status of what is told on it.
fn page(context: &RequestContext, template: &impl Template, told: Option<&Problem>) -> Result<HttpResponse, Problem> {
    let html = template.render().map_err(Problem::internal)?;
    let status = told.map_or(StatusCode::OK, ResponseError::status_code);
    let mut response = HttpResponse::build(status);
    response
        .content_type("text/html; charset=utf-8")
        .insert_header((header::CONTENT_LANGUAGE, context.lang_tag()))
        .insert_header((header::CACHE_CONTROL, "no-store"))
        .insert_header((header::VARY, "accept, accept-language, cookie"));
    if let Some(seconds) = told.and_then(Problem::retry_after_s) {
        response.insert_header((header::RETRY_AFTER, seconds.to_string()));
    }
    Ok(response.body(html))
}

/// On to another page, by GET, with cookies set or cleared; the language goes along.
fn go(context: &RequestContext, path: &str, cookies: Vec<(header::HeaderName, String)>) -> HttpResponse {
    let mut response = HttpResponse::SeeOther();
    response.insert_header((header::LOCATION, format!("{path}?lang={}", context.lang_tag())));
    for cookie in cookies {
        response.append_header(cookie);
    }
    response.finish()
}

fn append(response: &mut HttpResponse, (name, value): (header::HeaderName, String)) {
    if let Ok(value) = header::HeaderValue::from_str(&value) {
        response.headers_mut().append(name, value);
    }
}

/// The cookies of somebody who signed in just now.
fn signed_in(signed_in: &SignedIn, app: &App) -> Vec<(header::HeaderName, String)> {
    vec![
        Cookie::Session.set(&signed_in.session, app),
        Cookie::Device.set(&signed_in.device, app),
        Cookie::Half.clear(app),
        Cookie::Form.clear(app),
    ]
}

fn device(request: &HttpRequest, app: &App) -> Option<String> {
    Cookie::Device.of(request, app)
}

fn visit<'d>(request: &HttpRequest, device: Option<&'d str>) -> Visit<'d> {
    // From this machine itself comes what stands before the gateway, for everybody.
    let source: Option<IpAddr> = request.peer_addr().map(|peer| peer.ip()).filter(|source| !source.is_loopback());
    Visit { source, device }
}
