//! Access tokens: who gets one, what it says, and that it ends when it should.

use super::harness::cli::Saphan;
use super::harness::{Gateway, sample};
use data_encoding::{BASE64, BASE64URL_NOPAD};
use reqwest::{Method, StatusCode};
use saphan::domain::ids::ClientId;
use saphan::domain::principal::Principal;
use saphan::vault::Vault;
use serde_json::{Value, json};
use std::path::Path;

const OPERATOR: Principal = Principal::Operator;

/// A client of the harness with its id and secret.
struct Known {
    id: ClientId,
    secret: String,
}

async fn known(gateway: &Gateway, name: &str) -> Known {
    let clients = gateway.app.clients(&OPERATOR).await.unwrap();
    let id = clients.into_iter().find(|client| client.name == name).unwrap().id;
    let request = gateway.by(name, Method::GET, "/").build().unwrap();
    let secret = request.headers()["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    Known { id, secret }
}

impl Known {
    fn basic(&self) -> String {
        format!("Basic {}", BASE64.encode(format!("{}:{}", self.id, self.secret).as_bytes()))
    }
}

async fn asked(gateway: &Gateway, basic: Option<String>, form: &[(&str, &str)]) -> (StatusCode, Value) {
    let mut request = gateway.request(Method::POST, "/oauth/token").form(form);
    if let Some(basic) = basic {
        request = request.header("authorization", basic);
    }
    let response = request.send().await.unwrap();
    (response.status(), response.json().await.unwrap())
}

async fn token(gateway: &Gateway, client: &Known, form: &[(&str, &str)]) -> String {
    let form = [&[("grant_type", "client_credentials")], form].concat();
    let (status, body) = asked(gateway, Some(client.basic()), &form).await;
    assert_eq!(status, 200, "{body}");
    body["access_token"].as_str().unwrap().to_owned()
}

async fn with(gateway: &Gateway, token: &str, path: &str) -> StatusCode {
    gateway.request(Method::GET, path).bearer_auth(token).send().await.unwrap().status()
}

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).unwrap();
    serde_json::from_slice(&BASE64URL_NOPAD.decode(payload.as_bytes()).unwrap()).unwrap()
}

#[tokio::test]
async fn a_token_is_given_for_id_and_secret_and_serves_as_the_key_does() {
    let gateway =
        Gateway::start_with(&[("SAPHAN_PUBLIC_URL", "https://saphan.example"), ("SAPHAN_TOKEN_SECONDS", "120")]);
    gateway.send_register().await;
    let dole = known(&gateway, "dole").await;
    let grant = ("grant_type", "client_credentials");
    let response = gateway.request(Method::POST, "/oauth/token").header("authorization", dole.basic()).form(&[grant]);
    let response = response.send().await.unwrap();
    assert_eq!((response.status().as_u16(), &response.headers()["cache-control"]), (200, &"no-store".parse().unwrap()));
    let body: Value = response.json().await.unwrap();
    assert_eq!(
        (&body["token_type"], &body["expires_in"], &body["scope"]),
        (&"Bearer".into(), &120.into(), &"agency.submit".into())
    );
    let token = body["access_token"].as_str().unwrap();
    let said = claims(token);
    assert_eq!(
        (&said["iss"], &said["sub"], &said["agency"]),
        (&"https://saphan.example".into(), &dole.id.as_str().into(), &"dole".into())
    );
    assert_eq!(said["exp"].as_i64().unwrap() - said["iat"].as_i64().unwrap(), 120);
    let sent = gateway
        .request(Method::POST, "/v1/submissions?mapping=dole/enrolments&round=2026-06-10")
        .bearer_auth(token)
        .body(sample("dole.json"));
    assert_eq!(sent.send().await.unwrap().status(), 201);
    assert_eq!(with(&gateway, token, "/v1/submissions").await, 200);
    // In the body instead of the header.
    let (status, body) =
        asked(&gateway, None, &[grant, ("client_id", dole.id.as_str()), ("client_secret", &dole.secret)]).await;
    assert_eq!(status, 200, "{body}");
    let found: Value = gateway.get("/.well-known/oauth-authorization-server").await.json().await.unwrap();
    assert_eq!(found["token_endpoint"], "https://saphan.example/oauth/token");
}

#[tokio::test]
async fn a_token_holds_no_more_than_was_asked_for_and_no_longer_than_its_client() {
    let gateway = Gateway::start();
    let dole = known(&gateway, "dole").await;
    let (status, body) =
        asked(&gateway, Some(dole.basic()), &[("grant_type", "client_credentials"), ("scope", "count.run")]).await;
    assert_eq!(
        (status.as_u16(), &body["error"], &body["code"]),
        (400, &"invalid_scope".into(), &"token-request-invalid".into())
    );
    let first = token(&gateway, &dole, &[("scope", "agency.submit")]).await;
    assert_eq!(with(&gateway, &first, "/v1/submissions").await, 200);
    // A bent one, and one of another gateway.
    let bent = first.replacen('.', ".A", 1);
    assert_eq!(with(&gateway, &bent, "/v1/submissions").await, 401);
    let elsewhere = Gateway::start();
    assert_eq!(with(&elsewhere, &first, "/v1/submissions").await, 401);

    // Overlap: both secrets hold, and so do the tokens.
    let overlap = jiff::SignedDuration::from_hours(1);
    let issued = gateway.app.rotate_client(&OPERATOR, &dole.id, Some(overlap)).await.unwrap();
    let rotated = Known { id: dole.id.clone(), secret: issued.token };
    token(&gateway, &rotated, &[]).await;
    token(&gateway, &dole, &[]).await;
    assert_eq!(with(&gateway, &first, "/v1/submissions").await, 200);
    assert_eq!(with(&gateway, &dole.secret, "/v1/submissions").await, 200, "the old key itself, too");
    // It got out: everything ends now.
    let issued = gateway.app.rotate_client(&OPERATOR, &dole.id, None).await.unwrap();
    let fresh = Known { id: dole.id.clone(), secret: issued.token };
    for old in [&dole, &rotated] {
        let (status, body) = asked(&gateway, Some(old.basic()), &[("grant_type", "client_credentials")]).await;
        assert_eq!((status.as_u16(), &body["error"]), (401, &"invalid_client".into()));
        assert_eq!(with(&gateway, &old.secret, "/v1/submissions").await, 401);
    }
    assert_eq!(with(&gateway, &first, "/v1/submissions").await, 401);
    // Revoked: at once, at every gateway over the store.
    let beside = gateway.beside();
    let last = token(&gateway, &fresh, &[]).await;
    assert_eq!(with(&beside, &last, "/v1/submissions").await, 200);
    gateway.app.revoke_client(&OPERATOR, &dole.id).await.unwrap();
    for one in [&gateway, &beside] {
        assert_eq!(with(one, &last, "/v1/submissions").await, 401);
        assert_eq!(asked(one, Some(fresh.basic()), &[("grant_type", "client_credentials")]).await.0, 401);
    }
}

#[tokio::test]
async fn what_is_no_token_request_is_told_in_the_standards_words_and_in_ours() {
    let gateway = Gateway::start();
    let dole = known(&gateway, "dole").await;
    let wrong = Known { id: dole.id.clone(), secret: known(&gateway, "obec").await.secret };
    let grant = ("grant_type", "client_credentials");
    let secret = dole.secret.as_str();
    let obec = known(&gateway, "obec").await;
    let wrong_id = obec.id.as_str();
    for (basic, form, status, error) in [
        (Some(dole.basic()), vec![("grant_type", "password")], 400, "unsupported_grant_type"),
        (Some(dole.basic()), vec![], 400, "unsupported_grant_type"),
        (Some(dole.basic()), vec![grant, grant], 400, "invalid_request"),
        (Some(dole.basic()), vec![grant, ("client_secret", secret)], 400, "invalid_request"),
        (Some(dole.basic()), vec![grant, ("client_id", wrong_id)], 400, "invalid_request"),
        (None, vec![grant, ("client_secret", secret)], 400, "invalid_request"),
        (None, vec![grant, ("client_assertion", "a.b.c")], 400, "invalid_request"),
        (None, vec![grant], 401, "invalid_client"),
        (Some(wrong.basic()), vec![grant], 401, "invalid_client"),
        (Some("Basic ???".into()), vec![grant], 401, "invalid_client"),
        (Some(format!("Bearer {secret}")), vec![grant], 401, "invalid_client"),
    ] {
        let (told, body) = asked(&gateway, basic, &form).await;
        assert_eq!((told.as_u16(), &body["error"]), (status, &error.into()), "{body}");
        assert!(body["type"].as_str().unwrap().starts_with("/problems/") && body["request_id"].is_string(), "{body}");
        assert!(!body.to_string().contains(secret), "{body}");
    }
    let refused = gateway.request(Method::POST, "/oauth/token").header("content-type", "application/json").body("{}");
    let refused = refused.send().await.unwrap();
    assert_eq!(refused.status(), 415);
    assert_eq!(refused.json::<Value>().await.unwrap()["error"], "invalid_request");
    let long = gateway.request(Method::POST, "/oauth/token").form(&[("scope", "x".repeat(20_000))]);
    let long = long.send().await.unwrap();
    assert_eq!(long.status(), 413);
    assert_eq!(long.json::<Value>().await.unwrap()["error"], "invalid_request");
}

/// A client with a key of its own.
async fn with_key(gateway: &Gateway) -> (Known, Vault, tempfile::TempDir) {
    let folder = tempfile::tempdir().unwrap();
    let key = Vault::open_or_create(folder.path()).unwrap();
    let dole = known(gateway, "dole").await;
    let jwk = serde_json::to_string(&key.public_jwk().unwrap()).unwrap();
    let kid = gateway.app.add_client_key(&OPERATOR, &dole.id, &jwk).await.unwrap();
    assert_eq!(kid, key.public_jwk().unwrap().kid);
    (dole, key, folder)
}

#[tokio::test]
async fn a_client_proves_itself_by_its_key_and_an_assertion_serves_once() {
    let gateway = Gateway::start();
    let (dole, key, _folder) = with_key(&gateway).await;
    let now = jiff::Timestamp::now().as_second();
    let audience = format!("{}/oauth/token", gateway.app.token_terms().issuer);
    let fair = json!({ "iss": dole.id, "sub": dole.id, "aud": audience, "exp": now + 60, "jti": "one" });
    let bent = |change: Value| {
        let mut claims = fair.clone();
        claims.as_object_mut().unwrap().extend(change.as_object().unwrap().clone());
        claims
    };
    let beside = gateway.beside();
    let ask = |gateway: &Gateway, key: &Vault, claims: Value| {
        let assertion = key.sign_compact("JWT", claims.to_string().as_bytes()).unwrap();
        let form = [
            ("grant_type", "client_credentials".to_owned()),
            ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned()),
            ("client_assertion", assertion),
        ];
        let request = gateway.request(Method::POST, "/oauth/token").form(&form);
        async {
            let response = request.send().await.unwrap();
            (response.status().as_u16(), response.json::<Value>().await.unwrap())
        }
    };
    let (status, body) = ask(&gateway, &key, fair.clone()).await;
    assert_eq!(status, 200, "{body}");
    assert_eq!(with(&gateway, body["access_token"].as_str().unwrap(), "/v1/submissions").await, 200);
    for one in [&gateway, &beside] {
        let (status, body) = ask(one, &key, fair.clone()).await;
        assert_eq!(status, 401, "the same again, at any gateway");
        assert!(body["detail"].as_str().unwrap().contains("jti"), "{body}");
    }
    // What the same key signed for another use is no assertion.
    let claims = bent(json!({ "jti": "of a file" })).to_string();
    let form = [
        ("grant_type", "client_credentials".to_owned()),
        ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer".to_owned()),
        ("client_assertion", key.sign_compact("saphan-file+jws", claims.as_bytes()).unwrap()),
    ];
    assert_eq!(gateway.request(Method::POST, "/oauth/token").form(&form).send().await.unwrap().status(), 401);
    let strange = tempfile::tempdir().unwrap();
    let stranger = Vault::open_or_create(strange.path()).unwrap();
    assert_eq!(ask(&gateway, &stranger, bent(json!({ "jti": "two" }))).await.0, 401, "a key nobody registered");
    for (change, word) in [
        (json!({ "jti": "3", "aud": "https://elsewhere.example/token" }), "aud"),
        (json!({ "jti": "4", "exp": now - 60 }), "clock"),
        (json!({ "jti": "5", "nbf": now + 120 }), "clock"),
        (json!({ "jti": "6", "exp": now + 4_000 }), "3600"),
        (json!({ "jti": "7", "sub": "cli_0190a1b2c3d4e5f60718293a4b5c6d7e" }), "wrong"),
        (json!({ "jti": "8", "exp": "soon" }), "wrong"),
    ] {
        let response = {
            let assertion = key.sign_compact("JWT", bent(change.clone()).to_string().as_bytes()).unwrap();
            let form = [
                ("grant_type", "client_credentials"),
                ("client_assertion_type", "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"),
                ("client_assertion", &assertion),
            ];
            gateway
                .request(Method::POST, "/oauth/token")
                .header("accept-language", "en")
                .form(&form)
                .send()
                .await
                .unwrap()
        };
        let (status, body): (_, Value) = (response.status(), response.json().await.unwrap());
        assert_eq!((status.as_u16(), &body["error"]), (401, &"invalid_client".into()), "{change}");
        assert!(body["detail"].as_str().unwrap().contains(word), "{change}: {body}");
        assert!(body["error_description"].as_str().unwrap().is_ascii(), "as the standard asks: {body}");
    }
    let kid = key.public_jwk().unwrap().kid;
    gateway.app.remove_client_key(&OPERATOR, &dole.id, &kid).await.unwrap();
    assert_eq!(ask(&gateway, &key, bent(json!({ "jti": "9" }))).await.0, 401, "its key was taken away");
}

/// Another program's OAuth client and JWT reader (Authlib, joserfc).
const AUTHLIB: &str = r#"
import sys, requests
from authlib.integrations.requests_client import OAuth2Session
from authlib.oauth2.rfc7523 import PrivateKeyJWT
from joserfc import jwt
from joserfc.jwk import ECKey, KeySet
url, client, secret, key = sys.argv[1:]
found = requests.get(url + "/.well-known/oauth-authorization-server").json()
endpoint = url + "/oauth/token"
tokens = [OAuth2Session(client, secret, token_endpoint_auth_method=method).fetch_token(endpoint)
          for method in ("client_secret_basic", "client_secret_post")]
signed = OAuth2Session(client, ECKey.import_key(open(key).read()), token_endpoint_auth_method="private_key_jwt")
signed.register_client_auth_method(PrivateKeyJWT(found["token_endpoint"], alg="ES256"))
tokens.append(signed.fetch_token(endpoint))
keys = KeySet.import_key_set(requests.get(url + "/.well-known/jwks.json").json())
for token in tokens:
    claims = jwt.decode(token["access_token"], keys, algorithms=["ES256"]).claims
    assert claims["sub"] == client and claims["iss"] == found["issuer"], claims
    answer = requests.get(url + "/v1/submissions", headers={"Authorization": "Bearer " + token["access_token"]})
    assert answer.status_code == 200, answer.text
print(len(tokens))
"#;

#[tokio::test(flavor = "multi_thread")]
async fn a_published_client_gets_tokens_in_three_ways_and_reads_them_by_our_key() {
    let gateway = Gateway::start();
    let dole = known(&gateway, "dole").await;
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/clients/bin/python");
    let folder = tempfile::tempdir().unwrap();
    let key = folder.path().join("key.pem");
    let openssl = |arguments: &[&str]| {
        let ran = std::process::Command::new("openssl").args(arguments).output().unwrap();
        assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
        String::from_utf8(ran.stdout).unwrap()
    };
    let private = key.to_str().unwrap();
    openssl(&["genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256", "-out", private]);
    let public = openssl(&["pkey", "-in", private, "-pubout"]);
    gateway.app.add_client_key(&OPERATOR, &dole.id, &public).await.unwrap();
    let arguments = [&gateway.url, dole.id.as_str(), &dole.secret, private].map(str::to_owned);
    let ran = tokio::task::spawn_blocking(move || {
        let mut command = std::process::Command::new(python);
        // The library asks for https, which this gateway on loopback does not speak.
        command.args(["-c", AUTHLIB]).args(arguments).env("no_proxy", "*").env("AUTHLIB_INSECURE_TRANSPORT", "1");
        command.output()
    });
    let ran = ran.await.unwrap().unwrap();
    assert_eq!(String::from_utf8_lossy(&ran.stdout).trim(), "3", "{}", String::from_utf8_lossy(&ran.stderr));
}

#[test]
fn the_command_line_adds_lists_and_removes_keys_and_rotates_with_overlap() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(folder.path());
    let added = saphan.run(&["client", "add", "--name", "x", "--agency", "obec", "--scope", "agency.submit", "--json"]);
    let id = serde_json::from_str::<Value>(&added.stdout).unwrap()["id"].as_str().unwrap().to_owned();
    let key = Vault::open_or_create(&folder.path().join("key")).unwrap().public_jwk().unwrap();
    let file = folder.path().join("key.json");
    std::fs::write(&file, serde_json::to_string(&key).unwrap()).unwrap();
    let named = |act: &str, what: &str| saphan.run(&["client", "key", act, &id, what]);
    let path = file.to_str().unwrap();
    assert_eq!(named("add", path).stdout.trim(), key.kid);
    let again = named("add", path);
    assert!(again.code == 1 && again.stderr.contains("has this key already"), "{}", again.stderr);
    assert_eq!(saphan.run(&["client", "key", "list", &id]).stdout.trim(), key.kid);
    std::fs::write(&file, "-----BEGIN PRIVATE KEY-----").unwrap();
    let private = named("add", path);
    assert!(private.code == 1 && private.stderr.contains("keep that one secret"), "{}", private.stderr);
    assert_eq!((named("remove", &key.kid).code, named("remove", &key.kid).code), (0, 1));
    // One in 64 begins like an option.
    for kind in ["key", "certificate"] {
        let unknown = saphan.run(&["client", kind, "remove", &id, "-x81"]);
        assert!(unknown.stderr.contains(&format!("has no such {kind}")), "{}", unknown.stderr);
    }
    let rotated = saphan.run(&["client", "rotate", &id, "--overlap", "48", "--json"]);
    assert_eq!(rotated.code, 0, "{}", rotated.stderr);
    assert_eq!(saphan.run(&["client", "rotate", &id, "--overlap", "0"]).code, 1);
}
