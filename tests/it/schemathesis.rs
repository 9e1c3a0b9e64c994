//! The running server against its own document, by a published tester (schemathesis): every operation, with what the
//! document allows and with what it forbids, one by one and one after another, by nobody and by clients of three kinds.
//!
//! Always the same requests. What the tool is told beyond the document, and why, stands in
//! `tests/fixtures/schemathesis/`.

use super::harness::{Gateway, ROUND, sample};
use reqwest::Method;
use serde_json::Value;
use std::path::Path;

#[tokio::test(flavor = "multi_thread")]
async fn the_server_and_its_document_agree_whoever_asks() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    let sent: Value = gateway.send("dole", "dole/enrolments", sample("dole.json")).await.json().await.unwrap();
    let counted = gateway.by("count", Method::POST, &format!("/v1/counts/{ROUND}")).send().await.unwrap();
    assert_eq!(counted.status(), 201);
    for client in [None, Some("dole"), Some("ministry"), Some("count")] {
        let token = client.map(|client| {
            let request = gateway.by(client, Method::GET, "/").build().unwrap();
            format!("Authorization: {}", request.headers()["authorization"].to_str().unwrap())
        });
        let (url, id) = (gateway.url.clone(), sent["id"].as_str().unwrap().to_owned());
        let ran = tokio::task::spawn_blocking(move || {
            let root = Path::new(env!("CARGO_MANIFEST_DIR"));
            let told = root.join("tests/fixtures/schemathesis");
            let folder = tempfile::tempdir().unwrap();
            let mut command = std::process::Command::new(root.join(".tools/schemathesis/bin/schemathesis"));
            command.arg("--no-color").arg("--config-file").arg(told.join("schemathesis.toml"));
            command.args(["run", "--checks", "all"]).arg(format!("{url}/openapi.json"));
            command.args(token.iter().flat_map(|token| ["-H", token.as_str()]));
            command.env("SCHEMATHESIS_HOOKS", told.join("hooks.py")).env("SAPHAN_SUBMISSION", id);
            command.env("no_proxy", "*").env("PYTHONDONTWRITEBYTECODE", "1").current_dir(folder.path());
            command.output().unwrap()
        });
        let ran = ran.await.unwrap();
        let said = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success(), "{client:?}: {said}{}", String::from_utf8_lossy(&ran.stderr));
        assert_eq!(gateway.get("/healthz").await.status(), 200);
    }
}
