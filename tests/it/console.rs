//! The console in a browser: from the one-time code to signing out, and what another site may not make a browser do.

use super::harness::Gateway;
use super::harness::browser::Browser;
use super::harness::people::{PASSWORD, Person, browser_of, code_of, terms};
use data_encoding::BASE32_NOPAD;
use regex::Regex;
use reqwest::Method;
use saphan::domain::principal::{Principal, Scope};
use saphan::vault::STEP_SECONDS;

const OPERATOR: Principal = Principal::Operator;

#[tokio::test]
async fn somebody_new_sets_up_the_account_and_signs_in_and_out_by_pages_alone() {
    let gateway = Gateway::start();
    let invited = gateway.app.add_person(&OPERATOR, terms("somjai", None, &[Scope::CountRun])).await.unwrap();
    let mut browser = Browser::default();
    let first = browser.get(&gateway, "/console").await;
    assert_eq!((first.status, &*first.location), (303, "/console/sign-in?lang=en"));
    let page = browser.get(&gateway, "/console/start").await;
    assert!(page.text.contains("One-time code"), "{}", page.text);
    let wrong = browser.post(&gateway, "/console/start", &[("code", "wrong")]).await;
    assert!(wrong.status == 400 && wrong.text.contains("role=\"alert\""), "{}", wrong.text);
    let code = invited.code.unwrap();
    let next = browser.post(&gateway, "/console/start", &[("code", &code)]).await;
    assert_eq!((next.status, &*next.location), (303, "/console/start/account?lang=en"));
    let page = browser.get(&gateway, "/console/start/account").await;
    assert!(page.text.contains("<svg class=\"qr\"") && !page.text.contains("<script"), "{}", page.text);
    let secret = Regex::new(r"secret=([A-Z2-7]{32})").unwrap().captures(&page.text).unwrap()[1].to_owned();
    let totp = BASE32_NOPAD.decode(secret.as_bytes()).unwrap();
    let now = code_of(&gateway, &totp);
    let short = [("password", "short"), ("again", "short"), ("code", now.as_str())];
    let page = browser.post(&gateway, "/console/start/account", &short).await;
    assert!(page.status == 400 && page.text.contains("too short") && page.text.contains(&secret), "{}", page.text);
    let good = [("password", PASSWORD), ("again", PASSWORD), ("code", now.as_str())];
    let next = browser.post(&gateway, "/console/start/account", &good).await;
    assert_eq!((next.status, &*next.location), (303, "/console?lang=en"), "{}", next.text);
    let today = browser.get(&gateway, "/console").await;
    assert!(today.text.contains("Name of somjai") && today.text.contains("count.run"), "{}", today.text);
    gateway.advance(STEP_SECONDS);

    let account = browser.get(&gateway, "/console/account").await;
    assert!(account.text.contains("this browser"), "{}", account.text);
    let out = browser.post(&gateway, "/console/sign-out", &[]).await;
    assert_eq!((out.status, &*out.location), (303, "/console/sign-in?lang=en"));
    assert!(!browser.cookies.contains_key("saphan"), "{:?}", browser.cookies);
    let wrong = [("sign_in", "somjai"), ("password", "not the password")];
    browser.get(&gateway, "/console/sign-in").await;
    let page = browser.post(&gateway, "/console/sign-in", &wrong).await;
    assert!(page.status == 401 && page.text.contains("Name or password is wrong"), "{}", page.text);
    assert!(page.text.contains("value=\"somjai\"") && !page.text.contains("not the password"), "{}", page.text);
    for _ in 0..4 {
        browser.post(&gateway, "/console/sign-in", &wrong).await;
    }
    let page = browser.post(&gateway, "/console/sign-in", &wrong).await;
    assert!(page.status == 429 && page.text.contains("Wait 1 seconds"), "{}", page.text);
}

#[tokio::test]
async fn a_new_secret_comes_with_every_sign_in_and_the_one_before_is_worth_nothing() {
    let gateway = Gateway::start();
    let person = Person::new(&gateway, "somjai", None, &[]).await;
    let mut first = browser_of(&gateway, &person).await;
    // Somebody put a session of their own, or a made-up one, into the browser before.
    let mut browser = Browser::default();
    browser.cookies.insert("saphan".into(), "planted".into());
    browser.get(&gateway, "/console/sign-in").await;
    browser.post(&gateway, "/console/sign-in", &[("sign_in", "somjai"), ("password", PASSWORD)]).await;
    let half = browser.cookies["saphan-half"].clone();
    browser.get(&gateway, "/console/code").await;
    let done = browser.post(&gateway, "/console/code", &[("code", &person.code(&gateway))]).await;
    let session = browser.cookies["saphan"].clone();
    assert!(session != "planted" && session != half && session.len() == 43, "{session}");
    assert!(!browser.cookies.contains_key("saphan-half"));
    for cookie in &done.set {
        assert!(cookie.contains("; Path=/; HttpOnly; SameSite=Lax") && !cookie.contains("Domain"), "{cookie}");
    }
    for secret in ["planted", &half] {
        let mut other = Browser::default();
        other.cookies.insert("saphan".into(), secret.to_owned());
        assert_eq!(other.get(&gateway, "/console").await.status, 401, "{secret}");
    }
    // Sign out everywhere ends the other browser too.
    browser.get(&gateway, "/console/account").await;
    assert_eq!(browser.post(&gateway, "/console/sign-out-everywhere", &[]).await.status, 303);
    let over = first.get(&gateway, "/console").await;
    assert!(over.status == 401 && over.text.contains("your session is over") && over.text.contains("/console/sign-in"));
}

#[tokio::test]
async fn over_tls_the_cookies_are_of_this_host_alone() {
    let gateway = Gateway::start_with(&[("SAPHAN_PUBLIC_URL", "https://saphan.example")]);
    let mut browser = Browser::default();
    let page = browser.get(&gateway, "/console/sign-in").await;
    assert!(page.set[0].starts_with("__Host-saphan-form=") && page.set[0].contains("; Secure"), "{:?}", page.set);
    let response = gateway.get("/console/sign-in").await;
    let header = |name: &str| super::harness::header(&response, name).to_owned();
    assert_eq!(header("strict-transport-security"), "max-age=31536000");
    assert!(header("content-security-policy").contains("frame-ancestors 'none'"));
    assert!(!header("content-security-policy").contains("unsafe-inline"));
    assert_eq!((&*header("x-content-type-options"), &*header("referrer-policy")), ("nosniff", "no-referrer"));
    assert_eq!(header("cache-control"), "no-store");
}

/// Somebody else may lay cookies into a browser before its owner signs in; they must be worth nothing afterwards.
#[tokio::test]
async fn what_a_browser_held_before_it_signed_in_is_no_session_afterwards() {
    let gateway = Gateway::start();
    let person = Person::new(&gateway, "somjai", None, &[]).await;
    let mut browser = Browser::default();
    browser.get(&gateway, "/console/sign-in").await;
    browser.cookies.insert("saphan".into(), "a".repeat(43));
    let laid = browser.clone();
    let fields = [("sign_in", person.sign_in.as_str()), ("password", super::harness::people::PASSWORD)];
    assert_eq!(browser.post(&gateway, "/console/sign-in", &fields).await.status, 303);
    let halfway = browser.clone();
    browser.get(&gateway, "/console/code").await;
    assert_eq!(browser.post(&gateway, "/console/code", &[("code", &person.code(&gateway))]).await.status, 303);
    assert_eq!(browser.get(&gateway, "/console/account").await.status, 200);
    for mut before in [laid, halfway] {
        assert_ne!(before.cookies.get("saphan"), browser.cookies.get("saphan"));
        assert_eq!(before.get(&gateway, "/console/account").await.status, 401);
    }
}

#[tokio::test]
async fn a_form_that_is_not_of_this_session_and_this_site_changes_nothing() {
    let gateway = Gateway::start();
    let person = Person::new(&gateway, "somjai", None, &[]).await;
    let other = Person::new(&gateway, "other", None, &[]).await;
    let mut browser = browser_of(&gateway, &person).await;
    let mut foreign = browser_of(&gateway, &other).await;
    browser.get(&gateway, "/console/account").await;
    foreign.get(&gateway, "/console/account").await;
    let here = gateway.url.as_str();
    let attempts = [
        ("no token", None, Some(here), None),
        ("an empty one", Some(""), Some(here), None),
        ("one of another session", Some(foreign.token.as_str()), Some(here), None),
        ("from another site", Some(browser.token.as_str()), Some("https://evil.example"), None),
        ("from nowhere", Some(browser.token.as_str()), Some("null"), None),
        ("said to be cross-site", Some(browser.token.as_str()), None, Some("cross-site")),
        ("said to be of a sister site", Some(browser.token.as_str()), None, Some("same-site")),
        ("typed by hand", Some(browser.token.as_str()), None, Some("none")),
    ];
    for path in ["/console/sign-out", "/console/sign-out-everywhere"] {
        for (what, token, origin, site) in attempts {
            let mut request = browser.request(&gateway, Method::POST, path);
            request = request.form(&token.map(|token| [("form", token)]).into_iter().flatten().collect::<Vec<_>>());
            request = origin.iter().fold(request, |request, origin| request.header("origin", *origin));
            request = site.iter().fold(request, |request, site| request.header("sec-fetch-site", *site));
            let response = request.send().await.unwrap();
            assert_eq!(response.status(), 403, "{path}: {what}");
            let text = response.text().await.unwrap();
            assert!(text.contains("<h1>") && text.contains("not of this page"), "{text}");
        }
    }
    assert_eq!(browser.get(&gateway, "/console").await.status, 200, "still signed in");
    // The form of signing in is guarded as well: nobody is signed in as somebody else.
    let mut fresh = Browser::default();
    fresh.get(&gateway, "/console/sign-in").await;
    fresh.cookies.insert("saphan-form".into(), "x".repeat(43));
    let fields = [("sign_in", "other"), ("password", PASSWORD)];
    assert_eq!(fresh.post(&gateway, "/console/sign-in", &fields).await.status, 403);
    // Fields that are unknown, or stand twice.
    browser.get(&gateway, "/console/account").await;
    for fields in [[("x", "1"), ("y", "1")], [("old", "1"), ("old", "2")]] {
        assert_eq!(browser.post(&gateway, "/console/account/password", &fields).await.status, 400);
    }
}

#[tokio::test]
async fn the_api_takes_a_session_to_read_and_to_change_with_the_forms_token_only() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let person = Person::new(&gateway, "somjai", None, &[Scope::CountRun]).await;
    let mut browser = browser_of(&gateway, &person).await;
    browser.get(&gateway, "/console").await;
    let run = || browser.request(&gateway, Method::POST, "/v1/counts/2026-06-10");
    let send = async |request: reqwest::RequestBuilder| request.send().await.unwrap().status().as_u16();
    assert_eq!(send(browser.request(&gateway, Method::GET, "/v1/counts/2026-06-10")).await, 404, "allowed; none yet");
    assert_eq!(send(run()).await, 403);
    assert_eq!(send(run().header("x-saphan-form", "made up")).await, 403);
    let token = browser.token.clone();
    let cross = run().header("x-saphan-form", &token).header("origin", "https://evil.example");
    assert_eq!(send(cross).await, 403);
    assert_eq!(
        send(run().header("x-saphan-form", &token).header("origin", &gateway.url)).await,
        409,
        "nothing to count"
    );
    assert_eq!(send(browser.request(&gateway, Method::GET, "/v1/submissions")).await, 403);
    let mut over = browser.clone();
    over.cookies.insert("saphan".into(), "over".into());
    assert_eq!(send(over.request(&gateway, Method::GET, "/v1/counts/2026-06-10")).await, 401);
}

#[tokio::test]
async fn what_goes_wrong_is_a_page_for_people_and_problem_details_for_programs() {
    let gateway = Gateway::start();
    let mut browser = Browser::default();
    let page = browser.get(&gateway, "/console/no-such-page").await;
    assert!(page.status == 404 && page.text.starts_with("<!doctype html>"), "{}", page.text);
    assert!(page.text.contains("req_"));
    let thai = gateway.request(Method::GET, "/console/account").header("accept", "text/html").send().await.unwrap();
    assert_eq!(thai.status(), 401);
    assert!(thai.text().await.unwrap().contains("เข้าระบบเพื่อทำต่อ"));
    let program = gateway.get("/console/account").await;
    assert_eq!(super::harness::header(&program, "content-type"), "application/problem+json");
}
