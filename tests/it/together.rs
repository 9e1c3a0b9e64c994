//! Two gateways over one store: every file is taken once, and what was received later stays.

use super::harness::{Gateway, ROUND, sample};
use reqwest::Method;
use serde_json::Value;

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_share_one_store_and_do_nothing_twice() {
    let one = Gateway::start();
    let two = one.beside();
    one.send_register().await;
    let file = sample("obec.csv");
    let lines: Vec<&[u8]> = file.split_inclusive(|byte| *byte == b'\n').collect();
    let send = async |gateway: &Gateway, left_out: usize| -> Value {
        let response = gateway.send("obec", "obec/enrolments", lines[..lines.len() - left_out].concat()).await;
        assert_eq!(response.status(), 201, "{left_out}");
        response.json().await.unwrap()
    };
    // Each file has its own rows; both gateways work at the same time.
    for turn in 0..5 {
        let (first, second) = tokio::join!(send(&one, 2 * turn), send(&two, 2 * turn + 1));
        assert_eq!((&first["state"], &second["state"]), (&Value::from("committed"), &Value::from("committed")));
    }
    let list: Value =
        two.by("ministry", Method::GET, "/v1/submissions?limit=50").send().await.unwrap().json().await.unwrap();
    let list = list["submissions"].as_array().unwrap();
    assert_eq!(list.len(), 11);
    let newest = list.iter().find(|one| one["mapping"].as_str().unwrap().starts_with("obec")).unwrap();
    let counted = two.by("count", Method::POST, &format!("/v1/counts/{ROUND}")).send().await.unwrap();
    let counted: Value = counted.json().await.unwrap();
    let inputs = counted["manifest"]["inputs"].as_array().unwrap();
    assert_eq!(inputs.len(), 1, "the newest file alone is in force: {inputs:?}");
    assert_eq!(inputs[0]["rows"], newest["receipt"]["received"]);
    let seen_by_one: Value =
        one.by("ministry", Method::GET, &format!("/v1/counts/{ROUND}")).send().await.unwrap().json().await.unwrap();
    assert_eq!(seen_by_one["payable"], counted["payable"]);
}
