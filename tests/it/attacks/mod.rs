//! Attacks on the real server: each is refused with its status and its code, and another client is served meanwhile.
//! The table in `docs/security.md` names them.

mod addresses;
mod connections;
mod files;
mod guessing;
mod texts;
mod tokens;

use super::harness::Gateway;
use data_encoding::BASE64;
use reqwest::{Method, Response};
use saphan::domain::ids::ClientId;
use saphan::domain::principal::Principal;
use serde_json::Value;

const OPERATOR: Principal = Principal::Operator;

/// An honest client notices nothing.
async fn others_are_served(gateway: &Gateway) {
    let answer = gateway.by("ovec", Method::GET, "/v1/submissions").send().await.unwrap();
    assert_eq!(answer.status(), 200);
    assert_eq!(answer.json::<Value>().await.unwrap()["submissions"].as_array().map(Vec::len), Some(0));
}

async fn told(response: Response) -> (u16, String) {
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap_or_default();
    (status, body["code"].as_str().unwrap_or_default().to_owned())
}

/// A client of the harness: its id and its secret.
async fn known(gateway: &Gateway, name: &str) -> (ClientId, String) {
    let clients = gateway.app.clients(&OPERATOR).await.unwrap();
    let id = clients.into_iter().find(|client| client.name == name).unwrap().id;
    let request = gateway.by(name, Method::GET, "/").build().unwrap();
    let secret = request.headers()["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    (id, secret)
}

fn basic(id: &str, secret: &str) -> String {
    format!("Basic {}", BASE64.encode(format!("{id}:{secret}").as_bytes()))
}

async fn ask_token(gateway: &Gateway, id: &str, secret: &str) -> Response {
    let request = gateway.request(Method::POST, "/oauth/token").header("authorization", basic(id, secret));
    request.form(&[("grant_type", "client_credentials")]).send().await.unwrap()
}
