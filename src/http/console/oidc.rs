//! Signing in at the provider of identities: out to it, and back.
//!
//! Owns the two pages on the way. The browser is sent on by a page that names where it goes (our policy lets a form lead to
//! ourselves alone), and only to where the provider of the settings says its doors are: no address comes from the request.
//! What went wrong is told as a page with the next step; nothing of what came in the address is repeated.

use super::cookies::Cookie;
use super::{View, forms, go, page};
use crate::app::people::{Answer, SignedOn};
use crate::app::{App, AppError};
use crate::domain::text::Bilingual;
use crate::http::context::RequestContext;
use crate::http::problem::Problem;
use crate::http::query::PageQuery;
use actix_web::http::header;
use actix_web::{HttpRequest, HttpResponse, web};
use askama::Template;

/// What a provider may add besides is passed over (RFC 6749 §4.1.2).
const PARAMETERS_MAX: usize = 32;

#[derive(Template)]
#[template(path = "console/oidc_onward.html")]
struct Onward<'a> {
    frame: View<'a>,
    address: &'a str,
    host: &'a str,
}

#[derive(Template)]
#[template(path = "console/oidc_failed.html")]
struct Failed<'a> {
    frame: View<'a>,
    what: Bilingual,
    request_id: &'a str,
}

pub async fn start(
    _: PageQuery,
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
    payload: web::Payload,
) -> Result<HttpResponse, Problem> {
    let secret = Cookie::Form.of(&request, &app);
    forms::read(&request, payload, &app, secret.as_deref(), &[]).await?;
    match app.begin_sign_on(context.lang).await {
        Ok(sent) => onward(&context, &sent.address, vec![Cookie::Sso.set(&sent.browser, &app)]),
        Err(error) => failed(&context, error),
    }
}

pub async fn callback(
    request: HttpRequest,
    context: RequestContext,
    app: web::Data<App>,
) -> Result<HttpResponse, Problem> {
    let browser = Cookie::Sso.of(&request, &app);
    let answer = answer(request.query_string());
    match app.finish_sign_on(browser.as_deref(), &answer).await {
        Ok(SignedOn { session, lang }) => {
            let cookies = vec![
                Cookie::Session.set(&session, &app),
                Cookie::Sso.clear(&app),
                Cookie::Half.clear(&app),
                Cookie::Form.clear(&app),
            ];
            Ok(go(&RequestContext { lang, ..context }, "/console", cookies))
        }
        // The cookie stays: an answer that somebody else put under this browser must not spoil the sign-in under way.
        Err(error) => failed(&context, error),
    }
}

/// A parameter that stands twice is none: the answer is not one of the provider's.
fn answer(query: &str) -> Answer {
    let pairs: Vec<(String, String)> = serde_urlencoded::from_str(query).unwrap_or_default();
    let take = |name: &str| {
        let mut found = pairs.iter().take(PARAMETERS_MAX).filter(|(own, _)| own == name).map(|(_, value)| value);
        let value = found.next().filter(|value| !value.is_empty());
        value.filter(|_| found.next().is_none()).cloned()
    };
    Answer { state: take("state").unwrap_or_default(), code: take("code"), issuer: take("iss"), error: take("error") }
}

/// To the provider. By a page, not by a redirect: browsers hold what a form leads to against `form-action`.
pub fn onward(
    context: &RequestContext,
    address: &str,
    cookies: Vec<(header::HeaderName, String)>,
) -> Result<HttpResponse, Problem> {
    let host = address.split_once("://").map_or(address, |(_, rest)| rest);
    let host = host.split(['/', '?']).next().unwrap_or_default();
    let view = View::of_nobody(context, "/console/sign-in", "");
    let mut response = page(context, &Onward { frame: view, address, host }, None)?;
    let refresh = header::HeaderValue::from_str(&format!("0; url={address}")).map_err(Problem::internal)?;
    response.headers_mut().insert(header::HeaderName::from_static("refresh"), refresh);
    for cookie in cookies {
        super::append(&mut response, cookie);
    }
    Ok(response)
}

fn failed(context: &RequestContext, error: AppError) -> Result<HttpResponse, Problem> {
    let AppError::SignOn(cause) = &error else { return Err(error.into()) };
    let what = cause.told();
    let problem = Problem::from(error);
    // For whoever is told the request id; it names nobody.
    let cause = problem.cause_chain().unwrap_or_default();
    tracing::warn!(request_id = %context.id, cause, "nobody was signed in by single sign-on");
    let view = View::of_nobody(context, "/console/sign-in", "");
    page(context, &Failed { frame: view, what, request_id: &context.id }, Some(&problem))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_the_providers_answer_only_what_is_known_is_read_and_once() {
        let read = answer("code=c%2F1&state=s&iss=https%3A%2F%2Fid.example&session_state=x&error_description=y");
        assert_eq!((read.state.as_str(), read.code.as_deref()), ("s", Some("c/1")));
        assert_eq!((read.issuer.as_deref(), read.error), (Some("https://id.example"), None));
        let twice = answer("code=1&code=2&state=a&state=b");
        assert_eq!((twice.state.as_str(), twice.code), ("", None));
        assert_eq!(answer("").state, "");
    }
}
