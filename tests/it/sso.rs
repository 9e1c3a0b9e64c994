//! Single sign-on: with a published provider of identities through its own pages, and with one that lies.

use super::harness::Gateway;
use super::harness::browser::{Browser, Page};
use super::harness::cli::Saphan;
use super::harness::provider::{AtProvider, Liar, Lies, Provider, settings};
use regex::Regex;
use saphan::app::people::{PersonTerms, PersonView};
use saphan::domain::ids::PersonId;
use saphan::domain::principal::{Principal, Scope};
use serde_json::{Value, json};

const OPERATOR: Principal = Principal::Operator;
const SUBJECT: &str = "0f8fad5b-d9cb-469f-a165-70867728950e";

/// Somebody who is known here by this subject of the provider, and has no password.
async fn known(gateway: &Gateway, issuer: &str, subject: &str) -> PersonId {
    let terms = PersonTerms {
        name: "Somjai of the provider".into(),
        roles: vec![Scope::CountRun],
        subject: Some((issuer.to_owned(), subject.to_owned())),
        ..PersonTerms::default()
    };
    let added = gateway.app.add_person(&OPERATOR, terms).await.unwrap();
    assert_eq!(added.code, None, "there is no password to set");
    added.id
}

/// Where a page leads to.
fn link(page: &Page) -> String {
    let found = Regex::new(r#"class="go" href="([^"]+)""#).unwrap().captures(&page.text);
    let found = found.unwrap_or_else(|| panic!("{}", page.text));
    found[1].replace("&#38;", "&").replace("&amp;", "&")
}

/// The button on the page of signing in; where the browser is sent.
async fn sent_on(gateway: &Gateway, browser: &mut Browser) -> String {
    let page = browser.get(gateway, "/console/sign-in").await;
    assert!(page.text.contains("Sign in with your organisation"), "{}", page.text);
    let page = browser.post(gateway, "/console/oidc/start", &[]).await;
    assert_eq!(page.status, 200, "{}", page.text);
    link(&page)
}

fn parameter(address: &str, name: &str) -> String {
    let found = Regex::new(&format!("[?&]{name}=([^&]+)")).unwrap().captures(address);
    found.unwrap_or_else(|| panic!("{name}: {address}"))[1].to_owned()
}

/// As percent-encoded in a query.
fn encoded(issuer: &str) -> String {
    issuer.replace(':', "%3A").replace('/', "%2F")
}

async fn is_signed_in(gateway: &Gateway, browser: &mut Browser) -> bool {
    browser.cookies.contains_key("saphan") && browser.get(gateway, "/console").await.status == 200
}

/// Refused with this status and these words, and nobody is signed in.
async fn refused(gateway: &Gateway, browser: &mut Browser, back: &str, status: u16, words: &str) {
    let page = browser.get(gateway, back).await;
    assert!(page.status == status && page.text.contains(words), "{status} {words}: {} {}", page.status, page.text);
    assert!(page.text.contains("req_") && page.text.contains("/console/sign-in"), "{}", page.text);
    assert!(!is_signed_in(gateway, browser).await, "{words}");
}

/// What the journal says of signing in: who, act, detail.
async fn told(gateway: &Gateway) -> Vec<(String, String, Value)> {
    let all = gateway.another_store().await.journal(0, 1_000).await.unwrap();
    let of_signing = all.into_iter().filter(|told| told.entry.act.starts_with("person.sign-"));
    of_signing.map(|told| (told.entry.actor, told.entry.act, told.entry.detail)).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn somebody_signs_in_at_a_real_provider_by_any_gateway_and_out_again() {
    let provider = Provider::start();
    let gateway = Gateway::start_with(&settings(&provider.issuer));
    let other = gateway.beside_in_another_home(&settings(&provider.issuer));
    let id = known(&gateway, &provider.issuer, SUBJECT).await;
    let (mut browser, mut there) = (Browser::default(), AtProvider::new(&provider.issuer));
    let address = sent_on(&gateway, &mut browser).await;
    for (name, value) in [("response_type", "code"), ("code_challenge_method", "S256"), ("scope", "openid")] {
        assert_eq!(parameter(&address, name), value);
    }
    let back = there.visit(&address, Some(SUBJECT)).await;
    assert_eq!(parameter(&back, "iss"), encoded(&provider.issuer));
    // Begun at one gateway, finished at the other.
    let next = browser.get(&other, &back).await;
    assert_eq!((next.status, &*next.location), (303, "/console?lang=en"), "{}", next.text);
    assert!(!browser.cookies.contains_key("saphan-sso"));
    let today = browser.get(&gateway, "/console").await;
    assert!(today.text.contains("Somjai of the provider") && today.text.contains("count.run"), "{}", today.text);
    let account = browser.get(&gateway, "/console/account").await;
    assert!(account.text.contains("single sign-on") && !account.text.contains("name=\"old\""), "{}", account.text);
    // The same answer once more, in this browser and in one with a copy of its cookie.
    let mut again = Browser::default();
    let sent = sent_on(&gateway, &mut again).await;
    refused(&gateway, &mut again, &back, 400, "was used already").await;
    // A code that was used, under a sign-in that is under way.
    let (state, used) = (parameter(&sent, "state"), parameter(&back, "code"));
    let iss = encoded(&provider.issuer);
    let replayed = format!("/console/oidc/callback?code={used}&state={state}&iss={iss}");
    refused(&gateway, &mut again, &replayed, 400, "was used already").await;

    let out = browser.post(&gateway, "/console/sign-out", &[]).await;
    assert!(!browser.cookies.contains_key("saphan"), "{:?}", out.set);
    let address = link(&out);
    assert!(address.starts_with(&format!("{}/session/end?", provider.issuer)), "{address}");
    assert_eq!(there.sign_out(&address).await, "http://127.0.0.1:8080/console/sign-in");
    let told = told(&gateway).await;
    let signed_in = told.iter().find(|(_, act, _)| act == "person.sign-in").unwrap();
    assert_eq!((&*signed_in.0, &signed_in.2["how"]), (id.as_str(), &json!("sso")));
    assert!(told.iter().any(|(actor, act, _)| act == "person.sign-out" && *actor == id.as_str()));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_is_unknown_disabled_or_says_no_is_told_so_and_new_keys_of_the_provider_are_found() {
    let provider = Provider::start();
    let gateway = Gateway::start_with(&settings(&provider.issuer));
    let id = known(&gateway, &provider.issuer, SUBJECT).await;
    let attempt = async |browser: &mut Browser, login: Option<&str>| {
        let address = sent_on(&gateway, browser).await;
        AtProvider::new(&provider.issuer).visit(&address, login).await
    };
    let mut browser = Browser::default();
    let back = attempt(&mut browser, None).await;
    refused(&gateway, &mut browser, &back, 403, "cancelled or refused at the provider").await;
    let back = attempt(&mut browser, Some("somebody-who-is-not-known")).await;
    refused(&gateway, &mut browser, &back, 403, "(subject som…own)").await;
    // With the cookie of another browser the sign-in does not count, and is not used up either.
    let back = attempt(&mut browser, Some(SUBJECT)).await;
    let mut other = Browser::default();
    sent_on(&gateway, &mut other).await;
    refused(&gateway, &mut other, &back, 400, "begun in another browser").await;
    refused(&gateway, &mut Browser::default(), &back, 400, "begun in another browser").await;
    assert_eq!(browser.get(&gateway, &back).await.status, 303);

    provider.rotate().await;
    let mut later = Browser::default();
    let back = attempt(&mut later, Some(SUBJECT)).await;
    assert_eq!(later.get(&gateway, &back).await.status, 303, "signed by a key that was not there before");

    // More than ten minutes at the provider.
    let mut slow = Browser::default();
    let back = attempt(&mut slow, Some(SUBJECT)).await;
    gateway.advance(601);
    refused(&gateway, &mut slow, &back, 400, "longer than 10 minutes").await;
    // A machine whose clock is wrong.
    let mut early = Browser::default();
    gateway.advance(-7_200);
    let back = attempt(&mut early, Some(SUBJECT)).await;
    refused(&gateway, &mut early, &back, 503, "clocks of the provider").await;
    gateway.advance(7_200 - 601);

    gateway.app.disable_person(&OPERATOR, &id).await.unwrap();
    assert_eq!(browser.get(&gateway, "/console").await.status, 401, "out at once");
    let mut disabled = Browser::default();
    let back = attempt(&mut disabled, Some(SUBJECT)).await;
    refused(&gateway, &mut disabled, &back, 403, "no account that is open here").await;
    let refusals: Vec<Value> = told(&gateway)
        .await
        .into_iter()
        .filter(|(_, act, _)| act == "person.sign-in-refused")
        .map(|told| told.2)
        .collect();
    let why: Vec<&str> = refusals.iter().map(|detail| detail["why"].as_str().unwrap()).collect();
    assert_eq!(why, ["unknown-person", "clock", "unknown-person"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_not_of_this_sign_in_signs_nobody_in() {
    let liar = Liar::start();
    let gateway = Gateway::start_with(&settings(&liar.issuer));
    known(&gateway, &liar.issuer, "known-at-the-liar").await;
    let now = jiff::Timestamp::now().as_second();
    let attempt = async |lies: Lies, issuer: &str| {
        let mut browser = Browser::default();
        let address = sent_on(&gateway, &mut browser).await;
        *liar.lies.lock().unwrap() = Lies { nonce: parameter(&address, "nonce"), ..lies };
        let back = format!("/console/oidc/callback?code=c&state={}{issuer}", parameter(&address, "state"));
        (browser, back)
    };
    let right = format!("&iss={}", encoded(&liar.issuer));
    let (mut browser, back) = attempt(Lies::default(), &right).await;
    assert_eq!(browser.get(&gateway, &back).await.status, 303, "it can say the truth");
    let claims = |name: &'static str, value: Value| Lies { claims: vec![(name, value)], ..Lies::default() };
    let unfit = "answer is not as it has to be";
    for (lies, status, words) in [
        (claims("nonce", json!("of another sign-in")), 403, unfit),
        (claims("nonce", Value::Null), 403, unfit),
        (claims("aud", json!("another-program")), 403, unfit),
        (claims("aud", json!(["saphan", "another-program"])), 403, unfit),
        (claims("azp", json!("another-program")), 403, unfit),
        (claims("iss", json!("https://evil.example")), 403, unfit),
        (claims("exp", json!(now - 120)), 503, "clocks of the provider"),
        (claims("iat", json!(now + 3_600)), 503, "clocks of the provider"),
        (claims("sub", json!("")), 403, unfit),
        (Lies { is_forged: true, ..Lies::default() }, 403, unfit),
        (Lies { answer: Some("{}".into()), ..Lies::default() }, 403, unfit),
        (Lies { answer: Some("<html>".into()), ..Lies::default() }, 403, unfit),
        (Lies { answer: Some(" ".repeat(600 << 10)), ..Lies::default() }, 403, unfit),
    ] {
        let (mut browser, back) = attempt(lies, &right).await;
        refused(&gateway, &mut browser, &back, status, words).await;
    }
    // The answer of another issuer, or of one that does not say so though it always does (RFC 9207).
    for issuer in ["&iss=https%3A%2F%2Fevil.example", ""] {
        let (mut browser, back) = attempt(Lies::default(), issuer).await;
        refused(&gateway, &mut browser, &back, 403, unfit).await;
    }
    for (error, status) in [("server_error", 503), ("invalid_scope", 403), ("made-up", 403), ("access_denied", 403)] {
        let (mut browser, back) = attempt(Lies::default(), &format!("{right}&error={error}")).await;
        let page = browser.get(&gateway, &back).await;
        assert!(page.status == status && !page.text.contains("made-up"), "{error}: {}", page.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_that_is_away_or_says_it_is_another_sends_nobody_anywhere() {
    let away = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let gateway = Gateway::start_with(&settings(&format!("http://{away}")));
    let start = async |gateway: &Gateway| {
        let mut browser = Browser::default();
        browser.get(gateway, "/console/sign-in").await;
        browser.post(gateway, "/console/oidc/start", &[]).await
    };
    let page = start(&gateway).await;
    assert!(page.status == 503 && page.text.contains("be reached at this moment"), "{}", page.text);
    for (name, value) in [
        ("issuer", json!("https://evil.example")),
        ("authorization_endpoint", json!("http://evil.example/authorize")),
        ("token_endpoint", json!("javascript:alert(1)")),
        ("jwks_uri", json!("")),
    ] {
        let liar = Liar::start();
        liar.lies.lock().unwrap().metadata = vec![(name, value)];
        let page = start(&Gateway::start_with(&settings(&liar.issuer))).await;
        assert!(page.status == 403 && !page.text.contains("evil.example"), "{name}: {}", page.text);
        assert!(page.text.contains("answer is not as it has to be"), "{name}: {}", page.text);
    }
    // Where there is none, there is no button, and the addresses say so.
    let plain = Gateway::start();
    let page = Browser::default().get(&plain, "/console/sign-in").await;
    assert!(!page.text.contains("oidc"), "{}", page.text);
    assert_eq!(start(&plain).await.status, 404);
    assert_eq!(Browser::default().get(&plain, "/console/oidc/callback?code=1&state=2").await.status, 404);
    // A form of another site begins nothing.
    let mut browser = Browser::default();
    browser.get(&gateway, "/console/sign-in").await;
    browser.token = "made up".into();
    assert_eq!(browser.post(&gateway, "/console/oidc/start", &[]).await.status, 403);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_operator_makes_a_person_known_by_the_subject_at_the_provider() {
    let liar = Liar::start();
    let gateway = Gateway::start_with(&settings(&liar.issuer));
    let saphan = Saphan::over(gateway.home());
    let add = ["user", "add", "--json", "--name", "Somjai", "--oidc-subject", "known-at-the-liar"];
    let refused = saphan.run(&add);
    assert!(refused.code != 0 && refused.stderr.contains("SAPHAN_OIDC_ISSUER"), "{}", refused.stderr);
    let output = saphan.command(&add).envs(settings(&liar.issuer)).output().unwrap();
    let said: Value = serde_json::from_slice(&output.stdout).unwrap();
    assert_eq!((said["code"].is_null(), said["address"].is_string()), (true, true), "{said}");
    let mut browser = Browser::default();
    let address = sent_on(&gateway, &mut browser).await;
    liar.lies.lock().unwrap().nonce = parameter(&address, "nonce");
    let (state, iss) = (parameter(&address, "state"), encoded(&liar.issuer));
    let back = format!("/console/oidc/callback?code=c&state={state}&iss={iss}");
    assert_eq!(browser.get(&gateway, &back).await.status, 303);
    let PersonView { name, sign_in, .. } = gateway.app.people(&OPERATOR).await.unwrap().remove(0);
    assert_eq!((&*name, sign_in), ("Somjai", None));
}
