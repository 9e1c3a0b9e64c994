//! Guessing at `/oauth/token`: whoever guesses is slowed down, whoever knows is not.

use super::super::harness::{Gateway, header};
use super::{ask_token, known, others_are_served, told};
use std::collections::BTreeSet;

#[tokio::test]
async fn who_guesses_secrets_is_told_to_wait_and_the_owner_is_not() {
    let gateway = Gateway::start();
    let (id, secret) = known(&gateway, "dole").await;
    let (mut refused, mut slowed) = (0, 0);
    for guess in 0..30 {
        let answer = ask_token(&gateway, id.as_str(), &format!("guess-{guess}")).await;
        match answer.status().as_u16() {
            401 => {
                assert_eq!(slowed, 0, "once slowed down, it stays so for a while");
                refused += 1;
            }
            429 => {
                let wait: u64 = header(&answer, "retry-after").parse().unwrap();
                assert!((1..=60).contains(&wait), "{wait}");
                assert_eq!(told(answer).await.1, "too-many-requests");
                slowed += 1;
            }
            other => panic!("{other}"),
        }
    }
    assert_eq!((refused, slowed), (10, 20));
    // From the same place, in the midst of it.
    assert_eq!(ask_token(&gateway, id.as_str(), &secret).await.status(), 200);
    assert_eq!(told(ask_token(&gateway, id.as_str(), "guess").await).await.0, 429);
    // Who mistypes another client's secret is not held to account for this one's.
    let (other, _) = known(&gateway, "obec").await;
    assert_eq!(told(ask_token(&gateway, other.as_str(), "guess").await).await, (401, "client-invalid".to_owned()));
    others_are_served(&gateway).await;
}

#[tokio::test]
async fn the_answer_does_not_tell_a_client_that_is_there_from_one_that_is_not() {
    let gateway = Gateway::start();
    let (id, _) = known(&gateway, "dole").await;
    let mut answers = Vec::new();
    for name in [id.as_str(), "cli_00000000000000000000000000000000", "nobody", "' OR 1=1 --"] {
        let answer = ask_token(&gateway, name, "guess").await;
        let headers: BTreeSet<String> = answer.headers().keys().map(ToString::to_string).collect();
        let status = answer.status();
        let mut body: serde_json::Value = answer.json().await.unwrap();
        body.as_object_mut().unwrap().remove("request_id");
        answers.push((status, headers, body));
    }
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:?}");
}
