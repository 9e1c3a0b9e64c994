//! The journal over the API: every entry once, in its order, as it was chained.

use super::harness::browser::Browser;
use super::harness::people::{Person, browser_of};
use super::harness::{Gateway, sample};
use reqwest::Method;
use saphan::domain::journal::{Entry, START};
use saphan::domain::principal::Scope;
use serde_json::Value;

async fn page(gateway: &Gateway, auditor: &Browser, query: &str) -> Value {
    let path = format!("/v1/journal{query}");
    let request = auditor.request(gateway, Method::GET, &path).header("accept", "application/json");
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    assert_eq!(response.headers()["cache-control"], "no-store");
    response.json().await.unwrap()
}

fn entry(told: &Value) -> Entry {
    let text = |name: &str| told[name].as_str().unwrap().to_owned();
    Entry {
        seq: told["number"].as_i64().unwrap(),
        at: text("at"),
        actor: text("actor"),
        act: text("act"),
        object: text("object"),
        detail: told["detail"].to_string(),
        prev: text("prev"),
        hash: text("hash"),
    }
}

#[tokio::test]
async fn an_auditor_reads_every_entry_once_and_can_check_each() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    gateway.send("dole", "dole/enrolments", sample("dole.json")).await;
    let person = Person::new(&gateway, "auditor", None, &[Scope::Auditor]).await;
    let auditor = browser_of(&gateway, &person).await;
    gateway.app.checkpoint_journal(&saphan::domain::principal::Principal::Operator).await.unwrap();

    let (mut entries, mut query, mut pages) = (Vec::new(), String::from("?limit=3"), 0);
    loop {
        let page = page(&gateway, &auditor, &query).await;
        let some = page["entries"].as_array().unwrap();
        assert!(some.len() <= 3);
        entries.extend(some.iter().map(entry));
        pages += 1;
        let Some(next) = page["next"].as_str() else { break };
        query = format!("?limit=3&cursor={next}");
    }
    assert!(pages > 2, "{pages}");
    let mut before = (0, START.to_owned());
    for entry in &entries {
        assert_eq!((entry.seq, &entry.prev), (before.0 + 1, &before.1));
        assert_eq!(entry.hash, entry.own_hash(), "{}", entry.act);
        before = (entry.seq, entry.hash.clone());
    }
    assert!(entries.iter().any(|entry| entry.act == "submission.commit" && entry.actor.starts_with("cli_")));
    assert!(entries.iter().any(|entry| entry.actor == person.id.as_str()), "the person's own signing in");

    let signed = &page(&gateway, &auditor, "").await["checkpoint"];
    let covered = entries.iter().find(|entry| Some(entry.seq) == signed["number"].as_i64()).unwrap();
    assert_eq!(signed["hash"], covered.hash.as_str());
    let beyond = page(&gateway, &auditor, &format!("?cursor={}", before.0 + 100)).await;
    assert_eq!((beyond["entries"].as_array().unwrap().len(), beyond.get("next")), (0, None));
}
