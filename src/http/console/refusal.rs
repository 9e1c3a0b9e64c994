//! A problem as a page, for people: what happened, what to do now, and the number to quote.
//!
//! Owns the form only. What happened is the problem's own; a program that asks under `/console` without wanting HTML gets
//! problem details as everywhere.

use super::super::context::RequestContext;
use super::super::pages::Frame;
use super::super::problem::{Kind, Problem};
use super::{Notice, View};
use crate::domain::text::Bilingual;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{HttpRequest, HttpResponse};
use askama::Template;

#[derive(Template)]
#[template(path = "console/refusal.html")]
struct Refusal<'a> {
    frame: View<'a>,
    title: String,
    detail: String,
    fix: Bilingual,
    request_id: &'a str,
    is_over: bool,
}

/// Does a person look at it?
fn is_page(request: &HttpRequest) -> bool {
    let wants_html = request
        .headers()
        .get(header::ACCEPT)
        .and_then(|value| value.to_str().ok())
        .is_some_and(|accept| accept.contains("text/html"));
    wants_html && (request.path() == "/console" || request.path().starts_with("/console/"))
}

/// The problem's own answer, with a page in place of JSON where a person looks at it.
pub fn respond(problem: &Problem, context: &RequestContext, request: &HttpRequest) -> HttpResponse {
    let plain = problem.respond(context);
    if !is_page(request) {
        return plain;
    }
    let body = problem.body(context.lang, &context.id);
    let is_over = problem.kind() == Kind::Unauthenticated;
    let fix = match problem.kind() {
        Kind::Unauthenticated => {
            Bilingual::new("เข้าระบบเพื่อทำต่อ สิ่งที่บันทึกไว้แล้วยังอยู่", "Sign in to go on. What was saved is still there.")
        }
        Kind::Forbidden => Bilingual::new(
            "หากต้องใช้สิทธิ์นี้ในงาน ให้ขอจากผู้ดูแลสิทธิ์ (access.admin) ของหน่วยงานหรือของกระทรวง",
            "If your work needs this, ask the access administrator (access.admin) of your agency or of the ministry.",
        ),
        _ => problem.fix().unwrap_or_default(),
    };
    let title = if is_over {
        context_text(context, "ต้องเข้าระบบก่อน", "Please sign in")
    } else {
        body.title
    };
    let detail = if is_over {
        context_text(context, "ยังไม่ได้เข้าระบบ หรือเซสชันหมดเวลาแล้ว", "You are not signed in, or your session is over.")
    } else {
        body.detail
    };
    let view = View {
        frame: Frame::new(context, "/console"),
        name: String::new(),
        form: String::new(),
        sees_agreements: false,
        notice: None::<Notice>,
        is_officer: false,
    };
    let page = Refusal { frame: view, title, detail, fix, request_id: &context.id, is_over };
    match page.render() {
        Ok(html) => {
            let mut response = plain.set_body(html).map_into_boxed_body();
            let headers = response.headers_mut();
            headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8"));
            headers.remove(header::WWW_AUTHENTICATE);
            response
        }
        Err(_) => plain,
    }
}

fn context_text(context: &RequestContext, th: &str, en: &str) -> String {
    Bilingual::new(th, en).get(context.lang).to_owned()
}
