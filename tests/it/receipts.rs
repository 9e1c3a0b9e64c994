//! Receipts that the gateway signed, read by another program.

use super::harness::{Gateway, sample};
use data_encoding::BASE64URL_NOPAD;
use reqwest::Method;
use serde_json::Value;
use std::path::Path;

/// Reads one by the published key (joserfc), and finds a bent one out.
const READER: &str = r#"
import sys, json, requests
from joserfc import jws
from joserfc.errors import BadSignatureError
from joserfc.jwk import KeySet
url, text = sys.argv[1:]
keys = KeySet.import_key_set(requests.get(url + "/.well-known/jwks.json").json())
read = jws.deserialize_compact(text, keys, algorithms=["ES256"])
head, payload, signature = text.split(".")
try:
    jws.deserialize_compact(head + "." + payload[:-8] + "AAAAAAAA." + signature, keys, algorithms=["ES256"])
    sys.exit("a bent receipt was believed")
except BadSignatureError:
    pass
print(json.dumps({"header": read.headers(), "claims": json.loads(read.payload)}))
"#;

/// Header and claims of what the gateway signed, as another program reads them by the published key.
pub async fn read_by_another(gateway: &Gateway, signed: &str) -> Value {
    let python = Path::new(env!("CARGO_MANIFEST_DIR")).join(".tools/clients/bin/python");
    let (url, text) = (gateway.url.clone(), signed.to_owned());
    let ran = tokio::task::spawn_blocking(move || {
        std::process::Command::new(python).args(["-c", READER, &url, &text]).env("no_proxy", "*").output().unwrap()
    });
    let ran = ran.await.unwrap();
    serde_json::from_slice(&ran.stdout).unwrap_or_else(|_| panic!("{}", String::from_utf8_lossy(&ran.stderr)))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_receipt_signed_by_the_gateway_is_checked_by_another_program_with_the_published_key() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let sent: Value = gateway.send("dole", "dole/enrolments", sample("dole.json")).await.json().await.unwrap();
    let id = sent["id"].as_str().unwrap().to_owned();
    let answer = gateway.by("dole", Method::GET, &format!("/v1/submissions/{id}/receipt.jws")).send().await.unwrap();
    assert_eq!(
        (answer.status().as_u16(), &answer.headers()["content-type"]),
        (200, &"application/jose".parse().unwrap())
    );
    let signed = answer.text().await.unwrap();
    let read = read_by_another(&gateway, &signed).await;
    let claims = &read["claims"];
    assert_eq!((&read["header"]["typ"], &claims["sub"]), (&"saphan-receipt+jwt".into(), &id.as_str().into()));
    assert_eq!(claims["receipt"], sent["receipt"], "the whole receipt, as it was answered");
    assert_eq!(claims["receipt"]["sha256"].as_str().map(str::len), Some(64));
    // It is nobody's key to the house.
    let used = gateway.request(Method::GET, "/v1/submissions").bearer_auth(&signed).send().await.unwrap();
    assert_eq!(used.status(), 401);
    // That a file was refused can be shown as well.
    let refused: Value = gateway.send("dole", "dole/enrolments", b"{}".to_vec()).await.json().await.unwrap();
    let path = format!("/v1/submissions/{}/receipt.jws", refused["submission"].as_str().unwrap());
    let signed = gateway.by("dole", Method::GET, &path).send().await.unwrap().text().await.unwrap();
    let payload = BASE64URL_NOPAD.decode(signed.split('.').nth(1).unwrap().as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!((&claims["state"], &claims["refusal"]["rule"]), (&"refused".into(), &refused["refusal"]["rule"]));
    assert!(claims.get("receipt").is_none(), "{claims}");
}
