//! Acts that take two persons, from the proposal over the API to the act itself.

use super::harness::browser::Browser;
use super::harness::people::{Person, browser_of};
use super::harness::{Gateway, sample};
use reqwest::Method;
use saphan::app::AppError;
use saphan::app::approvals::{Act, ApprovalError, DAYS};
use saphan::domain::approval::ApprovalKind;
use saphan::domain::principal::{Denied, Principal, Scope};
use serde_json::Value;

/// Somebody with an account and a browser.
struct Seated {
    browser: Browser,
    principal: Principal,
}

async fn seated(gateway: &Gateway, name: &str, roles: &[Scope]) -> Seated {
    let person = Person::new(gateway, name, None, roles).await;
    let mut browser = browser_of(gateway, &person).await;
    browser.get(gateway, "/console").await;
    let visitor = gateway.app.visitor(&browser.cookies["saphan"]).await.unwrap().unwrap();
    Seated { browser, principal: visitor.principal }
}

impl Seated {
    async fn decide(&self, gateway: &Gateway, id: &str, what: &str) -> (u16, String) {
        let path = format!("/v1/approvals/{id}/{what}");
        let request = self.browser.request(gateway, Method::POST, &path).header("accept", "application/json");
        let response = request.header("x-saphan-form", &self.browser.token).send().await.unwrap();
        (response.status().as_u16(), response.text().await.unwrap())
    }

    async fn sees(&self, gateway: &Gateway) -> Vec<Value> {
        let request = self.browser.request(gateway, Method::GET, "/v1/approvals").header("accept", "application/json");
        let body: Value = request.send().await.unwrap().json().await.unwrap();
        body["approvals"].as_array().unwrap().clone()
    }
}

fn act(content: &[u8]) -> Act<'_> {
    Act { kind: ApprovalKind::MappingActivate, subject: "obec/enrolments", content }
}

fn fault<T: std::fmt::Debug>(outcome: Result<T, AppError>) -> ApprovalError {
    match outcome {
        Err(AppError::Approval(fault)) => fault,
        other => panic!("{other:?}"),
    }
}

#[tokio::test]
async fn one_proposes_another_agrees_and_it_is_done_once_as_it_was_agreed_to() {
    let gateway = Gateway::start();
    let app = &gateway.app;
    let editor = seated(&gateway, "editor", &[Scope::MappingEdit, Scope::MappingApprove]).await;
    let approver = seated(&gateway, "approver", &[Scope::MappingApprove]).await;
    let counter = seated(&gateway, "counter", &[Scope::CountCertify]).await;
    assert_eq!(fault(app.propose(&editor.principal, act(b"v4"), " ").await), ApprovalError::Reason);
    let id = app.propose(&editor.principal, act(b"v4"), "a new column").await.unwrap();
    let denied = app.propose(&approver.principal, act(b"v5"), "x").await;
    assert!(matches!(denied, Err(AppError::Denied(Denied::Scope(Scope::MappingEdit)))), "{denied:?}");
    for machine in [Principal::Operator] {
        assert_eq!(fault(app.propose(&machine, act(b"v4"), "x").await), ApprovalError::PersonsOnly);
        assert_eq!(fault(app.decide(&machine, &id, true).await), ApprovalError::PersonsOnly);
    }
    assert_eq!(fault(app.carry_out(&editor.principal, act(b"v4")).await), ApprovalError::NotApproved);

    let seen = approver.sees(&gateway).await;
    assert_eq!(seen.len(), 1);
    assert_eq!((&seen[0]["state"], &seen[0]["reason"]), (&"proposed".into(), &"a new column".into()));
    assert!(counter.sees(&gateway).await.is_empty());
    // The editor has the right to approve as well, and still does not approve the own proposal.
    let (status, said) = editor.decide(&gateway, id.as_str(), "approve").await;
    assert!(status == 403 && said.contains("does not decide it"), "{said}");
    assert_eq!(counter.decide(&gateway, id.as_str(), "approve").await.0, 404);
    assert_eq!(approver.decide(&gateway, "apv_x", "approve").await.0, 404);
    assert_eq!(approver.decide(&gateway, id.as_str(), "approve").await.0, 204);
    assert_eq!(approver.decide(&gateway, id.as_str(), "refuse").await.0, 409);

    assert_eq!(fault(app.carry_out(&editor.principal, act(b"v4, changed")).await), ApprovalError::NotApproved);
    app.carry_out(&editor.principal, act(b"v4")).await.unwrap();
    assert_eq!(fault(app.carry_out(&editor.principal, act(b"v4")).await), ApprovalError::NotApproved);
    assert_eq!(approver.sees(&gateway).await[0]["state"], "done");
    let told = gateway.another_store().await.journal(0, 1_000).await.unwrap();
    let acts: Vec<(String, &str)> = told
        .iter()
        .filter(|told| told.entry.act.starts_with("approval.") || told.entry.act == "mapping.activate")
        .map(|told| (told.entry.actor.clone(), told.entry.act.as_str()))
        .collect();
    let (editor, approver) = (editor.principal.actor(), approver.principal.actor());
    assert_eq!(
        acts,
        [(editor.clone(), "approval.propose"), (approver, "approval.approve"), (editor, "mapping.activate")]
    );
}

#[tokio::test]
async fn an_agreement_ends_with_its_time_and_a_refusal_ends_it_at_once() {
    let gateway = Gateway::start();
    let app = &gateway.app;
    let editor = seated(&gateway, "editor", &[Scope::MappingEdit]).await.principal;
    let approver = seated(&gateway, "approver", &[Scope::MappingApprove]).await.principal;
    let first = app.propose(&editor, act(b"v4"), "x").await.unwrap();
    app.decide(&approver, &first, false).await.unwrap();
    assert_eq!(fault(app.carry_out(&editor, act(b"v4")).await), ApprovalError::NotApproved);
    let second = app.propose(&editor, act(b"v4"), "again").await.unwrap();
    app.decide(&approver, &second, true).await.unwrap();
    gateway.advance(DAYS * 86_400);
    assert_eq!(fault(app.carry_out(&editor, act(b"v4")).await), ApprovalError::NotApproved);
    assert_eq!(app.approvals(&approver).await.unwrap()[0].approval.state.as_str(), "void");
    app.propose(&editor, act(b"v4"), "once more").await.unwrap();
}

#[tokio::test]
async fn an_agreement_ends_with_the_right_or_the_account_of_either() {
    let gateway = Gateway::start();
    let app = &gateway.app;
    let right = [Scope::CountCertify];
    let (anna, boon) = (seated(&gateway, "anna", &right).await, seated(&gateway, "boon", &right).await);
    let act = Act { kind: ApprovalKind::CountCertify, subject: "2026-06-10 obec", content: b"1" };
    let id_of = |one: &Seated| match &one.principal {
        Principal::Person { id, .. } => id.clone(),
        other => panic!("{other:?}"),
    };
    let id = app.propose(&anna.principal, act, "x").await.unwrap();
    app.change_role(&Principal::Operator, &id_of(&anna), Scope::CountCertify, false, None).await.unwrap();
    assert_eq!(fault(app.decide(&boon.principal, &id, true).await), ApprovalError::Closed);
    app.change_role(&Principal::Operator, &id_of(&anna), Scope::CountCertify, true, None).await.unwrap();
    let id = app.propose(&anna.principal, act, "x").await.unwrap();
    app.decide(&boon.principal, &id, true).await.unwrap();
    app.disable_person(&Principal::Operator, &id_of(&boon)).await.unwrap();
    assert_eq!(fault(app.carry_out(&anna.principal, act).await), ApprovalError::NotApproved);
}

#[tokio::test]
async fn a_data_set_that_was_never_published_takes_two_persons_and_after_that_one_or_a_machine() {
    let gateway = Gateway::start();
    gateway.send_register().await;
    assert_eq!(gateway.send("dole", "dole/enrolments", sample("dole.json")).await.status(), 201);
    assert_eq!(gateway.by("count", Method::POST, "/v1/counts/2026-06-10").send().await.unwrap().status(), 201);
    let anna = seated(&gateway, "anna", &[Scope::OpendataPublish]).await;
    let boon = seated(&gateway, "boon", &[Scope::OpendataPublish]).await;
    let wish = r#"{"reason": "checked by the statistics division"}"#;
    let publish = async |who: &Seated| {
        let request = who.browser.request(&gateway, Method::POST, "/v1/publications").body(wish);
        let request = request.header("accept", "application/json").header("x-saphan-form", &who.browser.token);
        let response = request.send().await.unwrap();
        (response.status().as_u16(), response.json::<Value>().await.unwrap())
    };
    let by_machine = || gateway.by("publish", Method::POST, "/v1/publications").body(wish).send();
    assert_eq!(by_machine().await.unwrap().status(), 403, "a first publication is no machine's");
    assert_eq!(gateway.get("/data/count-summary.csv").await.status(), 404);

    let (status, proposed) = publish(&anna).await;
    assert_eq!((status, &proposed["state"]), (202, &"proposed".into()), "{proposed}");
    let proposals = proposed["proposed"].as_array().unwrap().clone();
    assert!(proposals.len() > 1, "each data set is agreed to by itself: {proposed}");
    assert_eq!(publish(&boon).await.0, 202);
    for (at, one) in proposals.iter().enumerate() {
        let id = one["approval"].as_str().unwrap();
        assert_eq!(anna.decide(&gateway, id, "approve").await.0, 403);
        assert_eq!(boon.decide(&gateway, id, "approve").await.0, 204);
        assert_eq!(gateway.get("/data/count-summary.csv").await.status(), 404, "nothing goes out by half");
        if at + 1 < proposals.len() {
            assert_eq!(publish(&anna).await.0, 202);
        }
    }
    let (status, done) = publish(&anna).await;
    assert_eq!((status, done["published"].as_array().unwrap().len()), (201, proposals.len()), "{done}");
    assert_eq!(gateway.get("/data/count-summary.csv").await.status(), 200);
    // It is known now: newer numbers of it need nobody's agreement.
    let again = by_machine().await.unwrap();
    assert_eq!(again.status(), 201);
    assert_eq!(again.json::<Value>().await.unwrap()["published"][0]["unchanged"], true);
    // Several at once, with other numbers: one after another, and none writes over what another published.
    for mapping in [("obec", "obec/enrolments", "obec.csv"), ("ovec", "ovec/enrolments", "ovec.xml")] {
        assert_eq!(gateway.send(mapping.0, mapping.1, sample(mapping.2)).await.status(), 201);
        assert_eq!(gateway.by("count", Method::POST, "/v1/counts/2026-06-10").send().await.unwrap().status(), 201);
        let all = futures_util::future::join_all((0..6).map(|_| by_machine())).await;
        let mut made = 0;
        for one in all {
            let one = one.unwrap();
            assert_eq!(one.status(), 201);
            made += u32::from(one.json::<Value>().await.unwrap()["published"][0]["unchanged"] == false);
        }
        assert_eq!(made, 1, "the others found it published");
    }
}
