//! Certifying a count: two persons, numbers that stay, and a round that lets nothing more in until it is reopened.

use super::harness::browser::Browser;
use super::harness::people::{Person, browser_of};
use super::harness::{Gateway, ROUND, sample};
use reqwest::Method;
use saphan::domain::agency::AgencyCode;
use saphan::domain::principal::Scope;
use saphan::domain::round::Round;
use serde_json::{Value, json};

/// A gateway that counted the samples of two agencies, and two persons who may certify.
struct Counted {
    gateway: Gateway,
    anna: Browser,
    boon: Browser,
}

async fn seated(gateway: &Gateway, name: &str) -> Browser {
    let person = Person::new(gateway, name, None, &[Scope::CountCertify]).await;
    let mut browser = browser_of(gateway, &person).await;
    browser.get(gateway, "/console").await;
    browser
}

impl Counted {
    async fn start() -> Self {
        let gateway = Gateway::start();
        gateway.send_register().await;
        for (client, mapping, file) in
            [("obec", "obec/enrolments", "obec.csv"), ("dole", "dole/enrolments", "dole.json")]
        {
            assert_eq!(gateway.send(client, mapping, sample(file)).await.status(), 201);
        }
        let (anna, boon) = (seated(&gateway, "anna").await, seated(&gateway, "boon").await);
        let counted = Counted { gateway, anna, boon };
        counted.count().await;
        counted
    }

    async fn count(&self) {
        let path = format!("/v1/counts/{ROUND}");
        assert_eq!(self.gateway.by("count", Method::POST, &path).send().await.unwrap().status(), 201);
    }

    async fn post(&self, who: &Browser, path: &str, body: Value) -> (u16, Value) {
        let request = who.request(&self.gateway, Method::POST, path).header("accept", "application/json");
        let request = request.header("x-saphan-form", &who.token).header("accept-language", "en");
        let response = request.header("content-type", "application/json").body(body.to_string()).send().await.unwrap();
        let status = response.status().as_u16();
        (status, response.json().await.unwrap_or_default())
    }

    async fn certify(&self, who: &Browser, agency: &str) -> (u16, Value) {
        let body = json!({ "agency": agency, "reason": "checked against the schools' lists" });
        self.post(who, &format!("/v1/counts/{ROUND}/certify"), body).await
    }

    async fn agree(&self, who: &Browser, approval: &str) -> u16 {
        self.post(who, &format!("/v1/approvals/{approval}/approve"), json!({})).await.0
    }

    /// Proposed by one, agreed to by the other, and done.
    async fn certified(&self, agency: &str) -> u64 {
        let (status, proposed) = self.certify(&self.anna, agency).await;
        assert_eq!((status, &proposed["state"]), (202, &"proposed".into()), "{proposed}");
        assert_eq!(self.agree(&self.boon, proposed["approval"].as_str().unwrap()).await, 204);
        let (status, done) = self.certify(&self.anna, agency).await;
        assert_eq!((status, &done["state"]), (201, &"certified".into()), "{done}");
        done["revision"].as_u64().unwrap()
    }

    async fn get(&self, client: &str, path: &str) -> (u16, Value) {
        let response = self.gateway.by(client, Method::GET, path).send().await.unwrap();
        (response.status().as_u16(), response.json().await.unwrap())
    }

    async fn revisions(&self, client: &str) -> Vec<Value> {
        let (status, body) = self.get(client, &format!("/v1/counts/{ROUND}/certifications")).await;
        assert_eq!(status, 200, "{body}");
        body["certifications"].as_array().unwrap().clone()
    }
}

/// The sample without its last `rows` rows.
fn shorter(rows: usize) -> Vec<u8> {
    let file = sample("obec.csv");
    let ends: Vec<usize> = file.iter().enumerate().filter(|(_, byte)| **byte == b'\n').map(|(at, _)| at).collect();
    file[..=ends[ends.len() - 1 - rows]].to_vec()
}

#[tokio::test]
async fn two_persons_certify_and_what_is_certified_stays_while_nothing_more_comes_in() {
    let counted = Counted::start().await;
    let (status, proposed) = counted.certify(&counted.anna, "obec").await;
    assert_eq!((status, &proposed["state"]), (202, &"proposed".into()), "{proposed}");
    let (status, again) = counted.certify(&counted.boon, "obec").await;
    assert_eq!((status, again.get("approval")), (202, None), "it is proposed already: {again}");
    let approval = proposed["approval"].as_str().unwrap();
    assert_eq!(counted.agree(&counted.anna, approval).await, 403, "nobody agrees to their own");
    assert_eq!(counted.agree(&counted.boon, approval).await, 204);
    let (status, done) = counted.certify(&counted.anna, "obec").await;
    assert_eq!((status, &done["revision"]), (201, &1.into()), "{done}");
    let (status, twice) = counted.certify(&counted.anna, "obec").await;
    assert!(status == 409 && twice["detail"].as_str().unwrap().contains("already"), "{twice}");

    let (_, report) = counted.get("count", &format!("/v1/counts/{ROUND}")).await;
    let of_obec = report["agencies"].as_array().unwrap().iter().find(|one| one["slug"] == "obec").unwrap();
    let seen = counted.revisions("ministry").await;
    assert_eq!((seen.len(), &seen[0]["totals"]), (1, of_obec));
    assert_eq!((&seen[0]["state"], &seen[0]["payable_now"]), (&"certified".into(), &of_obec["payable"]));
    assert_eq!(seen[0]["result"], report["manifest"]["result"]["sha256"]);
    assert_ne!(seen[0]["proposed_by"], seen[0]["approved_by"]);
    assert_eq!(counted.revisions("obec").await.len(), 1);
    assert!(counted.revisions("dole").await.is_empty(), "another agency's");

    // A correction is kept, says why nothing of it counts, and changes no number; so does the very same file.
    for file in [shorter(5), sample("obec.csv")] {
        let late = counted.gateway.send("obec", "obec/enrolments", file).await;
        assert_eq!(late.status(), 422);
        let late: Value = late.json().await.unwrap();
        assert_eq!(late["refusal"]["rule"], "SPH-REF-003", "{late}");
        let rows = format!("/v1/submissions/{}/refused", late["submission"].as_str().unwrap());
        let (status, told) = counted.get("obec", &rows).await;
        assert!(status == 409 && told["detail"].as_str().unwrap().contains("refused"), "it is at its end: {told}");
    }
    // Others go on, and so does another round.
    assert_eq!(counted.gateway.send("dole", "dole/enrolments", sample("dole.json")).await.status(), 201);
    let other = "/v1/submissions?mapping=obec/enrolments&round=2026-11-10";
    let other = counted.gateway.by("obec", Method::POST, other).body(sample("obec.csv")).send().await.unwrap();
    assert_ne!(other.json::<Value>().await.unwrap()["refusal"]["rule"], "SPH-REF-003");
    counted.count().await;
    let (_, after) = counted.get("count", &format!("/v1/counts/{ROUND}")).await;
    let now = after["agencies"].as_array().unwrap().iter().find(|one| one["slug"] == "obec").unwrap();
    assert_eq!(now, of_obec);
    let store = counted.gateway.another_store().await;
    let acts: Vec<String> = store.journal(0, 1_000).await.unwrap().into_iter().map(|one| one.entry.act).collect();
    assert_eq!(acts.iter().filter(|act| *act == "count.certify").count(), 1);
}

#[tokio::test]
async fn a_correction_is_the_next_revision_with_what_changed() {
    let counted = Counted::start().await;
    assert_eq!(counted.certified("obec").await, 1);
    let reopen = format!("/v1/counts/{ROUND}/reopen");
    let (status, _) = counted.post(&counted.boon, &reopen, json!({ "agency": "obec", "reason": " " })).await;
    assert_eq!(status, 400);
    let (status, _) = counted.post(&counted.boon, &reopen, json!({ "agency": "dole", "reason": "x" })).await;
    assert_eq!(status, 409, "it is not certified");
    let why = json!({ "agency": "obec", "reason": "five learners were sent twice" });
    assert_eq!(counted.post(&counted.boon, &reopen, why).await.0, 204);
    assert_eq!(counted.gateway.send("obec", "obec/enrolments", shorter(5)).await.status(), 201);
    let (status, stale) = counted.certify(&counted.anna, "obec").await;
    assert!(status == 409 && stale["detail"].as_str().unwrap().contains("Count the round again"), "{stale}");
    counted.count().await;
    assert_eq!(counted.certified("obec").await, 2);

    let seen = counted.revisions("obec").await;
    assert_eq!(seen.iter().map(|one| one["state"].as_str().unwrap()).collect::<Vec<_>>(), ["certified", "reopened"]);
    assert_eq!(seen[1]["reopen_reason"], "five learners were sent twice");
    let changes = format!("/v1/counts/{ROUND}/certifications/obec/changes");
    let (status, between) = counted.get("obec", &format!("{changes}?from=1&to=2")).await;
    assert_eq!(status, 200, "{between}");
    assert_eq!(between, counted.get("ministry", &format!("{changes}?from=1")).await.1, "2 is of the last count");
    let number = |value: &Value| value.as_u64().unwrap();
    let lost = number(&between["before"]["payable"]) - number(&between["after"]["payable"]);
    let by_school = between["schools"].as_array().unwrap();
    assert!((1..=5).contains(&lost) && !by_school.is_empty(), "{between}");
    let sum: u64 = by_school.iter().map(|school| number(&school["before"]) - number(&school["after"])).sum();
    assert_eq!(sum, lost, "{between}");
    assert_eq!(counted.get("dole", &format!("{changes}?from=1")).await.0, 403);
    assert_eq!(counted.get("obec", &format!("{changes}?from=7")).await.0, 404);
    assert_eq!(counted.get("obec", &format!("{changes}?from=0")).await.0, 400);
}

#[tokio::test]
async fn too_many_open_places_are_not_certified() {
    let counted = Counted::start().await;
    let (_, report) = counted.get("count", &format!("/v1/counts/{ROUND}")).await;
    let of_dole = report["agencies"].as_array().unwrap().iter().find(|one| one["slug"] == "dole").unwrap();
    let number = |name: &str| of_dole[name].as_u64().unwrap();
    let open = number("duplicate") - number("duplicate_permitted") + number("disputed") + number("closed");
    let claimed = number("accepted") - number("not_studying");
    let (status, told) = counted.certify(&counted.anna, "dole").await;
    if open * 100 > 2 * claimed {
        let said = format!("{open} of {claimed} places");
        assert!(status == 409 && told["detail"].as_str().unwrap().contains(&said), "{told}");
    } else {
        assert_eq!(status, 202, "{told}");
    }
    let named = json!({ "agency": "dole", "reason": "see 1-1037-02071-81-1" });
    let (status, told) = counted.post(&counted.anna, &format!("/v1/counts/{ROUND}/certify"), named).await;
    assert!(status == 400 && told["detail"].as_str().unwrap().contains("number"), "a reason is kept in plain: {told}");
    // Nothing was counted of it at all.
    let (status, told) = counted.certify(&counted.anna, "ovec").await;
    assert!(status == 409 && told["detail"].as_str().unwrap().contains("nothing"), "{told}");
}

#[tokio::test]
async fn a_file_that_was_being_worked_on_when_the_round_was_certified_does_not_come_into_force() {
    let counted = Counted::start().await;
    let (status, proposed) = counted.certify(&counted.anna, "obec").await;
    assert_eq!(status, 202, "{proposed}");
    assert_eq!(counted.agree(&counted.boon, proposed["approval"].as_str().unwrap()).await, 204);
    // It is kept before, and committed after.
    let app = counted.gateway.app.clone();
    let terms = saphan::app::intake::FileTerms {
        mapping: "obec/enrolments".into(),
        round: Round::parse(ROUND).unwrap(),
        mode: saphan::domain::enrolment::SubmissionMode::Replace,
        idempotency_key: None,
        signature: None,
    };
    let mut intake = app.begin_intake(&saphan::domain::principal::Principal::Operator, terms).unwrap();
    intake.write(&shorter(9)).unwrap();
    let kept = app.keep(intake).await.unwrap();
    assert_eq!(counted.certify(&counted.anna, "obec").await.0, 201);
    let view = app.process(&kept.id, None).await.unwrap();
    assert_eq!((view.state.as_str(), view.refusal.unwrap().rule.as_str()), ("refused", "SPH-REF-003"));
    let store = counted.gateway.another_store().await;
    assert!(store.is_certified(Round::parse(ROUND).unwrap(), AgencyCode::parse("obec").unwrap()).await.unwrap());
}

#[tokio::test]
async fn a_count_is_certified_only_while_it_is_of_what_is_in_force() {
    let counted = Counted::start().await;
    let agreed = async || {
        let (status, proposed) = counted.certify(&counted.anna, "obec").await;
        assert_eq!(status, 202, "{proposed}");
        assert_eq!(counted.agree(&counted.boon, proposed["approval"].as_str().unwrap()).await, 204);
    };
    let is_stale = async || {
        let (status, told) = counted.certify(&counted.anna, "obec").await;
        assert!(status == 409 && told["detail"].as_str().unwrap().contains("Count the round again"), "{told}");
    };
    agreed().await;
    // The same bytes again, but another submission after a detour.
    for file in [shorter(5), sample("obec.csv")] {
        assert_eq!(counted.gateway.send("obec", "obec/enrolments", file).await.status(), 201);
    }
    is_stale().await;
    counted.count().await;
    agreed().await;
    // What a school is says the register, which the count stands on too.
    let register = sample("schools.csv");
    let end = register.iter().rposition(|byte| *byte == b'\n').unwrap();
    let end = register[..end].iter().rposition(|byte| *byte == b'\n').unwrap();
    let changed = counted.gateway.send("register", "moe/schools", register[..=end].to_vec()).await;
    assert_eq!(changed.status(), 201);
    is_stale().await;
    counted.count().await;
    assert_eq!(counted.certified("obec").await, 1);
}
