//! Agreements from the wish to the end: who asks, who agrees, and what their clients may do at every gateway meanwhile.

use super::harness::browser::Browser;
use super::harness::cli::Saphan;
use super::harness::people::{Person, browser_of};
use super::harness::{Gateway, ROUND, sample};
use jiff::ToSpan;
use reqwest::Method;
use saphan::app::access::AccessLog;
use saphan::domain::agreement::days_between;
use saphan::domain::day::day_in_thailand;
use saphan::domain::ids::{ClientId, PersonId};
use saphan::domain::learner_id::LearnerId;
use saphan::domain::principal::{Principal, Scope};
use serde_json::{Value, json};

/// Somebody with an account who works with the API in a browser.
pub struct Seat {
    pub id: PersonId,
    pub browser: Browser,
}

pub struct Answer {
    pub status: u16,
    pub etag: String,
    pub body: Value,
    pub text: String,
}

impl Seat {
    pub async fn new(gateway: &Gateway, name: &str, agency: Option<&str>, role: Scope) -> Seat {
        let person = Person::new(gateway, name, agency, &[role]).await;
        let mut browser = browser_of(gateway, &person).await;
        browser.get(gateway, "/console").await;
        Seat { id: person.id, browser }
    }

    pub async fn call(&self, gateway: &Gateway, method: Method, path: &str, body: Value) -> Answer {
        self.call_with(gateway, method, path, body, &[]).await
    }

    pub async fn call_with(
        &self,
        gateway: &Gateway,
        method: Method,
        path: &str,
        body: Value,
        headers: &[(&str, &str)],
    ) -> Answer {
        let request = self.browser.request(gateway, method, path).header("accept", "application/json");
        let request = request.header("x-saphan-form", &self.browser.token).body(body.to_string());
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        let response = request.send().await.unwrap();
        let (status, etag) = (response.status().as_u16(), super::harness::header(&response, "etag").to_owned());
        let text = response.text().await.unwrap();
        Answer { status, etag, body: serde_json::from_str(&text).unwrap_or_default(), text }
    }

    pub async fn decide(&self, gateway: &Gateway, proposal: &str, what: &str) -> (u16, String) {
        let answer = self.call(gateway, Method::POST, &format!("/v1/approvals/{proposal}/{what}"), json!(null)).await;
        (answer.status, answer.text)
    }
}

/// An agency's officer, and the two of the ministry who agree.
pub struct Table {
    pub officer: Seat,
    pub admin: Seat,
    pub guardian: Seat,
}

impl Table {
    pub async fn new(gateway: &Gateway) -> Table {
        Table {
            officer: Seat::new(gateway, "officer", Some("obec"), Scope::AgencyAgree).await,
            admin: Seat::new(gateway, "admin", None, Scope::AccessAdmin).await,
            guardian: Seat::new(gateway, "guardian", None, Scope::PrivacyOfficer).await,
        }
    }

    /// In force from today for a year, for the client `obec` of this gateway; answers its id.
    pub async fn agree(&self, gateway: &Gateway, wish: Value) -> String {
        let made = self.officer.call(gateway, Method::POST, "/v1/agreements", wish).await;
        assert_eq!(made.status, 201, "{}", made.text);
        let id = made.body["id"].as_str().unwrap().to_owned();
        self.settle(gateway, &id).await;
        id
    }

    pub async fn settle(&self, gateway: &Gateway, id: &str) {
        let path = format!("/v1/agreements/{id}/propose");
        let proposed = self.officer.call(gateway, Method::POST, &path, json!({ "reason": "ส่งข้อมูลรอบใหม่" })).await;
        assert_eq!(proposed.status, 200, "{}", proposed.text);
        let proposal = proposed.body["proposal"]["id"].as_str().unwrap();
        assert_eq!(self.admin.decide(gateway, proposal, "approve").await.0, 204);
        assert_eq!(self.guardian.decide(gateway, proposal, "approve").await.0, 204);
    }
}

/// The first client of the harness of this name.
pub async fn client_id(gateway: &Gateway, name: &str) -> ClientId {
    let clients = gateway.app.clients(&Principal::Operator).await.unwrap();
    clients.into_iter().find(|client| client.name == name).unwrap().id
}

/// `2026-10-01`, so many days from today.
pub fn day(gateway: &Gateway, days: i32) -> String {
    day_in_thailand(gateway.now()).checked_add(days.days()).unwrap().to_string()
}

pub async fn wish(gateway: &Gateway, officer: &Seat) -> Value {
    json!({
        "purposes": ["own-records"], "submits": ["obec/enrolments"],
        "fields": { "enrolment/1": ["learner_id", "grade", "school_id"] },
        "clients": [client_id(gateway, "obec").await], "from": day(gateway, 0), "until": day(gateway, 364),
        "contact": officer.id, "service": { "availability_bp": 9_900 },
    })
}

async fn status(gateway: &Gateway, token: &str, path: &str) -> (u16, String) {
    let response = gateway.request(Method::GET, path).bearer_auth(token).send().await.unwrap();
    (response.status().as_u16(), response.text().await.unwrap())
}

const RECORDS: &str = "/v1/records/enrolments?round=2026-06-10&limit=3";

/// The client's own secret, and an access token got with it.
async fn tokens(gateway: &Gateway, id: &ClientId) -> (String, String) {
    let request = gateway.by("obec", Method::GET, "/").build().unwrap();
    let secret = request.headers()["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned();
    let (status, body) = token(gateway, id, &secret).await;
    assert_eq!(status, 200, "{body}");
    (secret, body["access_token"].as_str().unwrap().to_owned())
}

async fn token(gateway: &Gateway, id: &ClientId, secret: &str) -> (u16, Value) {
    let form = [("grant_type", "client_credentials"), ("client_id", id.as_str()), ("client_secret", secret)];
    let response = gateway.request(Method::POST, "/oauth/token").form(&form).send().await.unwrap();
    (response.status().as_u16(), response.json().await.unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_client_has_what_two_persons_agreed_to_until_it_ends_at_every_gateway_and_tokens_given_before_too() {
    let one = Gateway::start();
    let two = one.beside();
    one.send_register().await;
    assert_eq!(one.send("obec", "obec/enrolments", sample("obec.csv")).await.status(), 201, "as ever without one");
    let table = Table::new(&one).await;
    let obec = client_id(&one, "obec").await;
    let (secret, access) = tokens(&one, &obec).await;
    let id = table.agree(&one, wish(&one, &table.officer).await).await;
    let path = format!("/v1/agreements/{id}");
    let shown = table.officer.call(&one, Method::GET, &path, json!(null)).await;
    assert_eq!((&shown.body["state"], &shown.body["days_left"]), (&"in-force".into(), &364.into()), "{}", shown.text);

    // Fields that were agreed on, and no others, at both gateways; and the person is told so.
    for (gateway, token) in [(&one, &secret), (&two, &access)] {
        let (code, page) = status(gateway, token, RECORDS).await;
        assert_eq!(code, 200, "{page}");
        let page: Value = serde_json::from_str(&page).unwrap();
        let record = page["records"][0]["record"].as_object().unwrap();
        assert_eq!(record.keys().map(String::as_str).collect::<Vec<_>>(), ["grade", "learner_id", "school_id"]);
        let person = LearnerId::parse(record["learner_id"].as_str().unwrap()).unwrap();
        let AccessLog { looks, .. } = one.app.access_log(&Principal::Operator, &person, None, 1).await.unwrap();
        assert_eq!((looks[0].purpose.as_str(), looks[0].fields.len()), ("own-records", 3), "{looks:?}");
    }
    let list = status(&two, &access, "/v1/submissions").await.1;
    let list: Value = serde_json::from_str(&list).unwrap();
    let sent = list["submissions"][0]["id"].as_str().unwrap();
    let file = status(&two, &access, &format!("/v1/submissions/{sent}/accepted")).await.1;
    let first: Value = serde_json::from_str(file.lines().next().unwrap()).unwrap();
    assert_eq!(first.as_object().unwrap().len(), 4, "three fields and the row: {first}");
    assert!(one.send("obec", "obec/enrolments", sample("obec.csv")).await.status().is_success());
    let other = one.send("obec", "dole/enrolments", sample("dole.json")).await;
    assert_eq!(other.status(), 403);

    // Terminated at one, over at the other, for the secret and for a token that was given before.
    let ended = table.admin.call(&one, Method::POST, &format!("{path}/terminate"), json!({ "reason": "x" })).await;
    assert_eq!((ended.status, &ended.body["state"]), (200, &"terminated".into()), "{}", ended.text);
    for token in [&secret, &access] {
        let (code, said) = status(&two, token, RECORDS).await;
        assert!(code == 403 && said.contains("ข้อตกลง"), "{code} {said}");
    }
    let (code, said) = token(&two, &obec, &secret).await;
    assert_eq!((code, &said["error"]), (400, &"unauthorized_client".into()), "{said}");
    assert_eq!(two.by_one_of(&one, "dole", Method::GET, "/v1/submissions").send().await.unwrap().status(), 200);

    // Gone on with: the same token serves again.
    let term = json!({ "from": day(&one, 0), "until": day(&one, 9) });
    let renewed = table.officer.call(&one, Method::POST, &format!("{path}/renew"), term).await;
    assert_eq!((renewed.status, &renewed.body["renews"]), (201, &id.as_str().into()), "{}", renewed.text);
    assert_eq!(status(&two, &access, RECORDS).await.0, 403, "a draft gives nothing");
    table.settle(&one, renewed.body["id"].as_str().unwrap()).await;
    assert_eq!(status(&two, &access, RECORDS).await.0, 200);
    // Its last day is over, by the clock of the gateway that is asked.
    two.advance(10 * 86_400);
    assert_eq!(status(&two, &access, RECORDS).await.0, 403);
    assert_eq!(status(&one, &access, RECORDS).await.0, 200, "here it is today still");

    let told = one.another_store().await.journal(0, 10_000).await.unwrap();
    let acts: Vec<&str> = told.iter().map(|told| told.entry.act.as_str()).collect();
    let acts: Vec<&str> =
        acts.into_iter().filter(|act| act.starts_with("agreement") || act.starts_with("approval")).collect();
    let settled = ["agreement.propose", "approval.approve", "approval.approve", "agreement.approve"];
    let expected = [&["agreement.draft"][..], &settled, &["agreement.terminate", "agreement.draft"], &settled].concat();
    assert_eq!(acts, expected);
}

#[tokio::test]
async fn an_officer_asks_changes_and_proposes_and_decides_nothing() {
    let gateway = Gateway::start();
    let table = Table::new(&gateway).await;
    let second_admin = Seat::new(&gateway, "admin-two", None, Scope::AccessAdmin).await;
    let stranger = Seat::new(&gateway, "stranger", Some("dole"), Scope::AgencyAgree).await;
    let officer = &table.officer;
    let good = wish(&gateway, officer).await;
    let mut bad = good.clone();
    bad["fields"] = json!({ "enrolment/1": ["grade", "shoe_size"] });
    bad["submits"] = json!(["dole/enrolments"]);
    let refused = officer.call(&gateway, Method::POST, "/v1/agreements", bad).await;
    assert_eq!(refused.status, 400, "{}", refused.text);
    for said in ["/body/fields/enrolment~11/1", "«shoe_size»", "/body/submits/0", "«dole/enrolments»"] {
        assert!(refused.text.contains(said), "{said}: {}", refused.text);
    }
    for body in [json!({ "purposes": [] }), json!("x"), json!({ "agency": "obec" })] {
        assert_eq!(officer.call(&gateway, Method::POST, "/v1/agreements", body).await.status, 400);
    }

    // The same request twice makes one draft; another under the same key is refused.
    let key = [("idempotency-key", "wish-1")];
    let draft =
        async |body: &Value| officer.call_with(&gateway, Method::POST, "/v1/agreements", body.clone(), &key).await;
    let made = draft(&good).await;
    assert_eq!((made.status, made.etag.as_str()), (201, "\"1\""), "{}", made.text);
    assert_eq!(draft(&good).await.body["id"], made.body["id"]);
    let mut longer = good.clone();
    longer["until"] = json!(day(&gateway, 700));
    assert_eq!(draft(&longer).await.status, 409);
    let id = made.body["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/agreements/{id}");

    // Whoever changes it says which version they saw.
    let change = async |seat: &Seat, tag: &str| {
        let tags = [("if-match", tag)];
        seat.call_with(&gateway, Method::PUT, &path, longer.clone(), &tags[..usize::from(!tag.is_empty())]).await
    };
    assert_eq!(change(officer, "").await.status, 428);
    for tag in ["\"9\"", "x", "*"] {
        assert_eq!(change(officer, tag).await.status, 412, "{tag}");
    }
    assert_eq!(change(&stranger, "\"1\"").await.status, 404);
    assert_eq!(change(&table.admin, "\"1\"").await.status, 403);
    let changed = change(officer, "\"1\"").await;
    assert_eq!((changed.status, changed.etag.as_str()), (200, "\"2\""), "{}", changed.text);
    assert_eq!(changed.body["until"], longer["until"]);

    let propose = async || {
        let answer = officer.call(&gateway, Method::POST, &format!("{path}/propose"), json!({ "reason": "x" })).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        answer.body
    };
    let proposed = propose().await;
    assert_eq!(proposed["state"], "proposed");
    assert_eq!(proposed["proposal"]["awaited"], json!(["access.admin", "privacy.officer"]));
    let act = proposed["proposal"]["id"].as_str().unwrap().to_owned();
    assert_eq!(propose().await["proposal"]["id"], act.as_str(), "while it is open it is that one");

    let (code, said) = officer.decide(&gateway, &act, "approve").await;
    assert!(code == 403 && said.contains("does not decide it"), "{said}");
    assert_eq!(stranger.decide(&gateway, &act, "approve").await.0, 404);
    assert_eq!(table.admin.decide(&gateway, &act, "approve").await.0, 204);
    let (code, said) = table.admin.decide(&gateway, &act, "approve").await;
    assert!(code == 403 && said.contains("twice"), "{said}");
    assert_eq!(second_admin.decide(&gateway, &act, "approve").await.0, 409, "that consent was given");
    let shown = officer.call(&gateway, Method::GET, &path, json!(null)).await;
    assert_eq!(
        (&shown.body["state"], &shown.body["proposal"]["awaited"]),
        (&"proposed".into(), &json!(["privacy.officer"]))
    );
    assert_eq!(
        gateway.by("obec", Method::GET, "/v1/submissions").send().await.unwrap().status(),
        200,
        "not covered yet"
    );

    // Changed once more: what was agreed to so far is void.
    let tag = shown.etag.clone();
    assert_eq!(change(officer, &tag).await.body["state"], "draft");
    assert_eq!(table.guardian.decide(&gateway, &act, "approve").await.0, 409);
    let act = propose().await["proposal"]["id"].as_str().unwrap().to_owned();
    assert_eq!(table.guardian.decide(&gateway, &act, "refuse").await.0, 204);
    let shown = officer.call(&gateway, Method::GET, &path, json!(null)).await;
    assert_eq!(shown.body["state"], "rejected");
    let again = officer.call(&gateway, Method::POST, &format!("{path}/propose"), json!({ "reason": "x" })).await;
    assert_eq!(again.status, 409, "{}", again.text);
    // Who has nothing to do with it finds nothing.
    let none = stranger.call(&gateway, Method::GET, "/v1/agreements", json!(null)).await;
    assert_eq!(none.body["agreements"], json!([]));
    let open = table.admin.call(&gateway, Method::GET, "/v1/agreements?state=rejected", json!(null)).await;
    assert_eq!(open.body["agreements"][0]["id"], id.as_str());
    let seen = stranger.call(&gateway, Method::GET, "/v1/approvals", json!(null)).await;
    assert_eq!(seen.body["approvals"], json!([]));
}

#[tokio::test]
async fn where_agreements_are_required_a_client_without_one_is_told_so_and_the_ministrys_own_go_on() {
    let gateway = Gateway::start_with(&[("SAPHAN_AGREEMENTS", "required")]);
    gateway.send_register().await;
    let response = gateway.by("obec", Method::GET, "/v1/submissions").header("accept-language", "en");
    let response = response.send().await.unwrap();
    assert_eq!(response.status(), 403);
    assert!(response.text().await.unwrap().contains("No agreement in force covers this client"));
    assert_eq!(gateway.by("ministry", Method::GET, "/v1/submissions").send().await.unwrap().status(), 200);
    let table = Table::new(&gateway).await;
    table.agree(&gateway, wish(&gateway, &table.officer).await).await;
    let sent = gateway.send("obec", "obec/enrolments", sample("obec.csv")).await;
    assert_eq!(sent.status(), 201, "{ROUND}");
    assert_eq!(gateway.by("dole", Method::GET, "/v1/submissions").send().await.unwrap().status(), 403);
}

#[tokio::test]
async fn what_ends_soon_and_who_is_left_out_is_told_by_every_way_before_it_is_too_late() {
    let gateway = Gateway::start();
    let table = Table::new(&gateway).await;
    let mut short = wish(&gateway, &table.officer).await;
    short["until"] = json!(day(&gateway, 20));
    let id = table.agree(&gateway, short).await;
    let long = table.agree(&gateway, wish(&gateway, &table.officer).await).await;
    let ending = async |days: u32| {
        let path = format!("/v1/agreements?ends_within={days}");
        let found = table.admin.call(&gateway, Method::GET, &path, json!(null)).await;
        let found = found.body["agreements"].as_array().unwrap().clone();
        found.iter().map(|one| one["id"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(ending(19).await, Vec::<String>::new());
    assert_eq!(ending(20).await, std::slice::from_ref(&id));
    assert_eq!(ending(364).await, [id.clone(), long.clone()]);
    let metrics = gateway.get("/metrics").await.text().await.unwrap();
    for line in [
        format!("saphan_agreement_days_left{{agreement=\"{id}\"}} 20"),
        // The harness has four agencies' clients, and one of them is covered.
        String::from("saphan_clients_without_agreement{state=\"none\"} 3"),
        String::from("saphan_clients_without_agreement{state=\"over\"} 0"),
    ] {
        assert!(metrics.lines().any(|one| one == line), "{line}\n{metrics}");
    }

    // Commands go by the machine's own clock.
    let until = day_in_thailand(gateway.now()).checked_add(20.days()).unwrap();
    let left = days_between(day_in_thailand(jiff::Timestamp::now()), until);
    let saphan = Saphan::over(gateway.home());
    let doctor = |required: &'static str| {
        let output = saphan.command(&["doctor", "--json"]).env("SAPHAN_AGREEMENTS", required).output().unwrap();
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        let told = said["checks"].as_array().unwrap().clone();
        told.into_iter().filter(|one| one["check"] == "agreement").collect::<Vec<_>>()
    };
    let told = doctor("optional");
    assert_eq!(told.len(), 2, "{told:?}");
    assert!(told[0]["message"]["en"].as_str().unwrap().contains(&format!("{id} ends in {left} days")), "{told:?}");
    assert!(told[0]["step"]["en"].as_str().unwrap().starts_with("Renew it this week"));
    assert_eq!((&told[1]["state"], &doctor("required")[1]["state"]), (&"ok".into(), &"warn".into()));

    let listed = saphan.run(&["agreement", "list", "--ends-within", "30", "--lang", "th"]);
    assert!(
        listed.code == 0 && listed.stdout.contains(&format!("เหลือ {left} วัน")),
        "{}{}",
        listed.stdout,
        listed.stderr
    );
    assert_eq!(listed.stdout.lines().count(), 1);
    let shown = saphan.run(&["agreement", "show", &long, "--lang", "en"]);
    for words in ["in force", "own-records", "obec/enrolments", "access.admin, privacy.officer"] {
        assert!(shown.stdout.contains(words), "{words}: {}", shown.stdout);
    }
    let wrong = saphan.run(&["agreement", "terminate", "agr_x", "--reason", "x", "--lang", "th"]);
    assert!(wrong.code == 1 && wrong.stderr.contains("saphan agreement list"), "{}", wrong.stderr);
    for id in [&id, &long] {
        let ended = saphan.run(&["agreement", "terminate", id, "--reason", "the data went elsewhere", "--json"]);
        let said: Value = serde_json::from_str(&ended.stdout).unwrap();
        assert_eq!((ended.code, &said["state"]), (0, &"terminated".into()), "{}", ended.stderr);
    }
    assert_eq!(gateway.by("obec", Method::GET, "/v1/submissions").send().await.unwrap().status(), 403);
    let told = doctor("optional");
    assert!(told[0]["message"]["en"].as_str().unwrap().contains("none of whose agreements is in force: 1"), "{told:?}");
}

#[tokio::test]
async fn two_persons_agree_and_one_ends_it_on_the_pages_of_the_console() {
    let gateway = Gateway::start();
    let mut table = Table::new(&gateway).await;
    let made = wish(&gateway, &table.officer).await;
    let made = table.officer.call(&gateway, Method::POST, "/v1/agreements", made).await;
    let id = made.body["id"].as_str().unwrap().to_owned();
    let reason = json!({ "reason": "<b>ส่งข้อมูลรอบใหม่</b>" });
    let path = format!("/v1/agreements/{id}/propose");
    let proposed = table.officer.call(&gateway, Method::POST, &path, reason).await;
    let act = proposed.body["proposal"]["id"].as_str().unwrap().to_owned();

    let page = format!("/console/agreements/{id}");
    let own = table.officer.browser.get(&gateway, &page).await;
    assert!(own.status == 200 && !own.text.contains("value=\"approve\""), "who asked is offered nothing to decide");
    let list = table.admin.browser.get(&gateway, "/console/agreements").await;
    assert!(list.text.contains("proposed") && list.text.contains(&page), "{}", list.text);
    let uncovered = client_id(&gateway, "dole").await;
    assert!(
        list.text.contains("Clients of agencies without an agreement (4)") && list.text.contains(uncovered.as_str())
    );
    let seen = table.admin.browser.get(&gateway, &page).await;
    assert!(seen.text.contains("&#60;b&#62;ส่งข้อมูลรอบใหม่") || seen.text.contains("&lt;b&gt;"), "{}", seen.text);
    for words in ["An agency checks the records it sent itself", "availability_bp", "learner_id, grade, school_id"] {
        assert!(seen.text.contains(words), "who agrees sees all of it: {words}");
    }
    let decide = format!("{page}/decide");
    let other = [("act", "apv_0199a1b2c3d4e5f60718293a4b5c6d7e"), ("decision", "approve")];
    assert_eq!(table.admin.browser.post(&gateway, &decide, &other).await.status, 409, "only what was on the page");
    let yes = [("act", act.as_str()), ("decision", "approve")];
    assert_eq!(table.admin.browser.post(&gateway, &decide, &yes).await.status, 303);
    let seen = table.admin.browser.get(&gateway, &page).await;
    assert!(
        !seen.text.contains("value=\"approve\"") && seen.text.contains("awaits <code>privacy.officer"),
        "{}",
        seen.text
    );
    let twice = table.admin.browser.post(&gateway, &decide, &yes).await;
    assert!(twice.status == 403 && twice.text.contains("nobody agrees to it twice"), "{}", twice.text);
    table.guardian.browser.get(&gateway, &page).await;
    assert_eq!(table.guardian.browser.post(&gateway, &decide, &yes).await.status, 303);
    let seen = table.guardian.browser.get(&gateway, &page).await;
    assert!(seen.text.contains("in force") && seen.text.contains("364 days left"), "{}", seen.text);
    assert!(!seen.text.contains("/terminate"), "ending is for who keeps access");

    table.admin.browser.get(&gateway, &page).await;
    let terminate = format!("{page}/terminate");
    let empty = table.admin.browser.post(&gateway, &terminate, &[("reason", " ")]).await;
    assert!(empty.status == 400 && empty.text.contains("A reason of 1 to 2,000 letters"), "{}", empty.text);
    let ended = table.admin.browser.post(&gateway, &terminate, &[("reason", "over")]).await;
    assert_eq!(ended.status, 303, "{}", ended.text);
    assert!(table.admin.browser.get(&gateway, &page).await.text.contains("terminated"));
    let thai = table.admin.browser.get(&gateway, &format!("{page}?lang=th")).await;
    assert!(thai.text.contains("ยกเลิกแล้ว") && !thai.text.contains("<script"), "{}", thai.text);
    let stranger = Seat::new(&gateway, "counter", None, Scope::CountRun).await.browser.get(&gateway, &page).await;
    assert!(stranger.status == 403 && !stranger.text.contains("obec"), "{}", stranger.text);
}
