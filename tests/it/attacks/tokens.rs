//! Tokens that were made up, bent, outlived, or belong to somebody else.

use super::super::harness::{Gateway, sample};
use super::{OPERATOR, ask_token, known, others_are_served, told};
use data_encoding::BASE64URL_NOPAD;
use openssl::hash::MessageDigest;
use openssl::pkey::PKey;
use openssl::sign::Signer;
use reqwest::Method;
use saphan::vault::Vault;
use serde_json::{Value, json};

fn part(value: &Value) -> String {
    BASE64URL_NOPAD.encode(value.to_string().as_bytes())
}

fn hs256(key: &[u8], header: &Value, claims: &Value) -> String {
    let signed = format!("{}.{}", part(header), part(claims));
    let key = PKey::hmac(key).unwrap();
    let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
    signer.update(signed.as_bytes()).unwrap();
    format!("{signed}.{}", BASE64URL_NOPAD.encode(&signer.sign_to_vec().unwrap()))
}

fn bent(claims: &Value, change: Value) -> Vec<u8> {
    let mut claims = claims.clone();
    claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
    claims.to_string().into_bytes()
}

#[tokio::test]
async fn tokens_that_this_gateway_did_not_give_for_this_use_are_refused() {
    let gateway = Gateway::start();
    let (id, secret) = known(&gateway, "dole").await;
    let body: Value = ask_token(&gateway, id.as_str(), &secret).await.json().await.unwrap();
    let good = body["access_token"].as_str().unwrap();
    let payload = good.split('.').nth(1).unwrap();
    let claims: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap();
    // Its very keys, as if they had been stolen together with its ways: what is signed must still be right.
    let own = Vault::open_or_create(gateway.home()).unwrap();
    let jwk = own.public_jwk().unwrap();
    let (kid, now) = (jwk.kid.clone(), jiff::Timestamp::now().as_second());
    let folder = tempfile::tempdir().unwrap();
    let stranger = Vault::open_or_create(folder.path()).unwrap();
    let head = |header: Value| format!("{}.{payload}.{}", part(&header), good.rsplit('.').next().unwrap());
    let x = BASE64URL_NOPAD.decode(jwk.x.as_bytes()).unwrap();
    let jwk_text = serde_json::to_string(&jwk).unwrap();
    let es256 = json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid });
    let hs = json!({ "alg": "HS256", "typ": "at+jwt", "kid": kid });
    let signed = |change: Value| own.sign_compact("at+jwt", &bent(&claims, change)).unwrap();
    let bad = [
        ("no algorithm", format!("{}.{payload}.", part(&json!({ "alg": "none", "typ": "at+jwt", "kid": kid })))),
        ("no algorithm, with its signature", head(json!({ "alg": "none", "typ": "at+jwt", "kid": kid }))),
        ("spelt otherwise", head(json!({ "alg": "nOnE", "typ": "at+jwt", "kid": kid }))),
        ("no signature", format!("{}.{payload}.", part(&es256))),
        ("a signature of zeros", format!("{}.{payload}.{}", part(&es256), BASE64URL_NOPAD.encode(&[0; 64]))),
        ("our public key as a secret", hs256(jwk_text.as_bytes(), &hs, &claims)),
        ("half of it as a secret", hs256(&x, &hs, &claims)),
        ("a stranger's key", stranger.sign_compact("at+jwt", claims.to_string().as_bytes()).unwrap()),
        (
            "a key that it brings",
            head(json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid, "jwk": stranger.public_jwk().unwrap(), "x": 1 })),
        ),
        (
            "a key from elsewhere",
            head(json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid, "jku": "http://127.0.0.1:1/" })),
        ),
        ("a key id that is a path", head(json!({ "alg": "ES256", "typ": "at+jwt", "kid": "../../../../dev/null" }))),
        ("a key id that is SQL", head(json!({ "alg": "ES256", "typ": "at+jwt", "kid": "' UNION SELECT 'x' --" }))),
        ("no key id", head(json!({ "alg": "ES256", "typ": "at+jwt" }))),
        ("an extension", head(json!({ "alg": "ES256", "typ": "at+jwt", "kid": kid, "crit": ["exp"] }))),
        ("signed for another use", own.sign_compact("JWT", claims.to_string().as_bytes()).unwrap()),
        ("expired", signed(json!({ "exp": now - 1 }))),
        ("for somebody else", signed(json!({ "aud": "https://elsewhere.example" }))),
        ("for several", signed(json!({ "aud": [claims["aud"], "https://elsewhere.example"] }))),
        ("by somebody else", signed(json!({ "iss": "https://elsewhere.example" }))),
        (
            "from before the secret was changed",
            signed(json!({ "generation": claims["generation"].as_i64().unwrap() - 1 })),
        ),
        ("of a client that is none", signed(json!({ "sub": "cli_00000000000000000000000000000000" }))),
        ("of a name that is none", signed(json!({ "sub": "' OR 1=1 --" }))),
        ("a whole life too long", signed(json!({ "filler": "x".repeat(9_000) }))),
        ("two dots", "..".to_owned()),
    ];
    for (what, token) in bad {
        let answer = gateway.request(Method::GET, "/v1/submissions").bearer_auth(&token).send().await.unwrap();
        assert_eq!(told(answer).await, (401, "unauthenticated".to_owned()), "{what}");
    }
    others_are_served(&gateway).await;
    let answer = gateway.request(Method::GET, "/v1/submissions").bearer_auth(good).send().await.unwrap();
    assert_eq!(answer.status(), 200, "the good one holds all the while");
    // Whom should one believe? Neither; nor is a token taken from the address.
    let two = gateway.by("obec", Method::GET, "/v1/submissions").header("authorization", format!("Bearer {good}"));
    assert_eq!(told(two.send().await.unwrap()).await, (401, "unauthenticated".to_owned()));
    let in_the_address = gateway.get(&format!("/v1/submissions?access_token={good}")).await;
    assert_eq!(told(in_the_address).await, (401, "unauthenticated".to_owned()));
}

#[tokio::test]
async fn what_a_token_says_of_its_rights_counts_no_more_than_the_rights_of_its_client() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let sent: Value = gateway.send("dole", "dole/enrolments", sample("dole.json")).await.json().await.unwrap();
    let own = Vault::open_or_create(gateway.home()).unwrap();
    let (id, secret) = known(&gateway, "obec").await;
    let body: Value = ask_token(&gateway, id.as_str(), &secret).await.json().await.unwrap();
    let payload = body["access_token"].as_str().unwrap().split('.').nth(1).unwrap().to_owned();
    let claims: Value = serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap();
    let more =
        bent(&claims, json!({ "agency": "dole", "scope": "agency.submit ministry.read count.run access.admin" }));
    let token = own.sign_compact("at+jwt", &more).unwrap();
    let id = sent["id"].as_str().unwrap();
    for (path, expected) in [
        ("/v1/records/enrolments?round=2026-06-10&agency=dole".to_owned(), (403, "forbidden")),
        (format!("/v1/submissions/{id}"), (404, "not-found")),
        (format!("/v1/submissions/{id}/accepted"), (404, "not-found")),
        (format!("/v1/submissions/{id}/refused"), (404, "not-found")),
        ("/v1/counts/2026-06-10/manifest".to_owned(), (403, "forbidden")),
    ] {
        let answer = gateway.request(Method::GET, &path).bearer_auth(&token).send().await.unwrap();
        assert_eq!(told(answer).await, (expected.0, expected.1.to_owned()), "{path}");
    }
    let list = gateway.request(Method::GET, "/v1/submissions").bearer_auth(&token).send().await.unwrap();
    let list: Value = list.json().await.unwrap();
    assert_eq!(list["submissions"].as_array().map(Vec::len), Some(0), "{list}");
    // Taken away at one gateway, it is worth nothing at the other.
    let beside = gateway.beside();
    gateway.app.revoke_client(&OPERATOR, &known(&gateway, "obec").await.0).await.unwrap();
    let answer = beside.request(Method::GET, "/v1/submissions").bearer_auth(&token).send().await.unwrap();
    assert_eq!(told(answer).await, (401, "unauthenticated".to_owned()));
    others_are_served(&gateway).await;
}
