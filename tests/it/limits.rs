//! How much may be asked: exactly the quota passes, the fields say what is left to the unit, two gateways share one account
//! while its server is there, and limits never stop a gateway when it is not.

use super::harness::cli::Saphan;
use super::harness::process::{self, Running, token};
use super::harness::{Gateway, header, sample};
use crate::limit_server::LimitServer;
use futures_util::future::join_all;
use reqwest::{Body, Client, Method, Response};
use serde_json::Value;
use std::path::Path;
use std::time::Duration;

const LIST: &str = "/v1/submissions";

/// `"read";r=3;t=5` of the field, as r and t.
fn limit(response: &Response, policy: &str) -> (u64, Option<u64>) {
    let field = header(response, "ratelimit");
    let item = field.split(", ").find_map(|item| item.strip_prefix(&format!("\"{policy}\";r=")));
    let item = item.unwrap_or_else(|| panic!("{policy} is not in «{field}»"));
    let (left, time) = item.split_once(";t=").map_or((item, None), |(left, time)| (left, Some(time)));
    (left.parse().unwrap(), time.map(|time| time.parse().unwrap()))
}

/// A body that does not say its length.
fn in_chunks(file: &[u8]) -> Body {
    let pieces: Vec<_> = file.chunks(10_000).map(|piece| Ok::<_, std::io::Error>(piece.to_vec())).collect();
    Body::wrap_stream(futures_util::stream::iter(pieces))
}

async fn metric(client: &Client, url: &str, name: &str) -> u64 {
    let text = client.get(format!("{url}/metrics")).send().await.unwrap().text().await.unwrap();
    let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    line.unwrap_or_else(|| panic!("no {name} in\n{text}")).parse().unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn of_requests_at_once_exactly_the_quota_passes_and_each_is_told_another_number() {
    let gateway = Gateway::start_with(&[("SAPHAN_RATE_READ", "40/day burst 40")]);
    let answers = join_all((0..60).map(|_| gateway.by("obec", Method::GET, LIST).send())).await;
    let answers: Vec<Response> = answers.into_iter().map(Result::unwrap).collect();
    let (passed, refused): (Vec<_>, Vec<_>) = answers.into_iter().partition(|answer| answer.status() == 200);
    let mut left: Vec<u64> = passed.iter().map(|answer| limit(answer, "read").0).collect();
    left.sort_unstable();
    assert_eq!(left, (0..40).collect::<Vec<u64>>());
    assert!(passed.iter().all(|answer| header(answer, "ratelimit-policy") == "\"read\";q=40;w=86400"));
    assert_eq!(refused.len(), 20);
    for answer in &refused {
        assert_eq!(answer.status(), 429);
        let wait: u64 = header(answer, "retry-after").parse().unwrap();
        assert!((2_000..=2_160).contains(&wait), "one comes back in 36 minutes: {wait}");
        assert_eq!(limit(answer, "read"), (0, Some(wait)));
        assert_eq!(header(answer, "content-type"), "application/problem+json");
    }
    let told = |lang: &'static str| gateway.by("obec", Method::GET, LIST).header("accept-language", lang).send();
    let (en, th) = (told("en").await.unwrap(), told("th").await.unwrap());
    let wait = header(&en, "retry-after").to_owned();
    let (en, th): (Value, Value) = (en.json().await.unwrap(), th.json().await.unwrap());
    assert_eq!((&en["code"], &en["violated-policies"]), (&"too-many-requests".into(), &serde_json::json!(["read"])));
    let (en, th) = (en["detail"].as_str().unwrap(), th["detail"].as_str().unwrap());
    for said in ["read (40/day burst 40)", "class read", &wait] {
        assert!(en.contains(said), "{said}: {en}");
    }
    assert!(th.contains("read (40/day burst 40)") && th.contains("การอ่านข้อมูล") && th.contains("วินาที"), "{th}");

    let other = gateway.by("dole", Method::GET, LIST).send().await.unwrap();
    assert_eq!((other.status().as_u16(), limit(&other, "read").0), (200, 39), "each client has its own");
    let cancel = gateway.by("obec", Method::POST, "/v1/submissions/sub_x/cancel").send().await.unwrap();
    assert_eq!(cancel.status(), 429);
    for free in ["/healthz", "/readyz", "/metrics", "/.well-known/jwks.json"] {
        let answer = gateway.by("obec", Method::GET, free).send().await.unwrap();
        assert_eq!((answer.status().as_u16(), header(&answer, "ratelimit")), (200, ""), "{free}");
    }
    let options = gateway.by("obec", Method::OPTIONS, "/v1/uploads").send().await.unwrap();
    assert_eq!((options.status().as_u16(), header(&options, "ratelimit")), (204, ""));
    let spelt = gateway.by("obec", Method::POST, "/v1/submi%73sions?mapping=x&round=2569/1").send().await.unwrap();
    assert_eq!(spelt.status(), 404, "there is no such mapping");
    assert!(header(&spelt, "ratelimit").starts_with("\"submit\";r=5999;"), "a refusal says it too: {spelt:?}");
    let client = process::client();
    assert_eq!(metric(&client, &gateway.url, "saphan_rate_refused_total{policy=\"read\"}").await, 23);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_file_is_counted_in_bytes_before_and_in_records_after_it_was_read() {
    let settings = [
        ("SAPHAN_RATE_SUBMIT", "10/day burst 10"),
        // Nothing comes back while this runs, however slowly.
        ("SAPHAN_RATE_SUBMIT_BYTES", "64 KiB/day burst 1 MiB"),
        ("SAPHAN_RATE_SUBMIT_RECORDS", "50/day burst 1000"),
    ];
    let gateway = Gateway::start_with(&settings);
    // The register is sent by another client, whose own quotas are used up by it.
    gateway.send_register().await;
    let file = sample("dole.json");
    let kib = (file.len() as u64).div_ceil(1 << 10);
    let first = gateway.send("dole", "dole/enrolments", file.clone()).await;
    assert_eq!(first.status(), 201);
    let policies = "\"submit\";q=10;w=86400, \"submit-bytes\";q=1048576;qu=\"content-bytes\";w=1382400, \"submit-records\";q=1000;qu=\"records\";w=1728000";
    assert_eq!(header(&first, "ratelimit-policy"), policies);
    let left = ["submit", "submit-bytes", "submit-records"].map(|policy| limit(&first, policy).0);
    assert_eq!(left, [9, (1024 - kib) << 10, 1_000], "what was decided before a row was read");
    let rows = first.json::<Value>().await.unwrap()["received"].as_u64().unwrap();
    // Nobody knows before how much it is; and the same file again costs no records.
    let body = in_chunks(&file);
    let path = "/v1/submissions?mapping=dole/enrolments&round=2026-06-10";
    let chunked = gateway.by("dole", Method::POST, path).body(body).send().await.unwrap();
    assert_eq!((chunked.status().as_u16(), limit(&chunked, "submit-bytes").0), (201, (1024 - kib) << 10));
    assert_eq!(limit(&chunked, "submit-records").0, 1_000 - rows);
    let again = gateway.by("dole", Method::POST, "/v1/uploads?mapping=dole/enrolments&round=2026-06-10");
    let again = again.header("upload-length", "10").send().await.unwrap();
    let left = ["submit", "submit-bytes", "submit-records"].map(|policy| limit(&again, policy).0);
    assert_eq!(left, [7, (1024 - 2 * kib) << 10, 1_000 - rows]);
    // More rows than are left: read to the end, and owed.
    let more = [&file[..], b" "].concat();
    let mut answer = gateway.send("dole", "dole/enrolments", more).await;
    let mut sent = 0_u8;
    while answer.status() == 201 {
        sent += 1;
        answer =
            gateway.send("dole", "dole/enrolments", [&file[..], &b" ".repeat(1 + usize::from(sent))].concat()).await;
    }
    assert_eq!(answer.status(), 429);
    let problem: Value = answer.json().await.unwrap();
    assert_eq!(problem["violated-policies"], serde_json::json!(["submit-records"]), "{sent}: {problem}");
    assert_eq!(gateway.by("dole", Method::GET, LIST).send().await.unwrap().status(), 200, "reading does not wait");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_token_an_address_is_limited_where_it_is_said_and_only_there() {
    let gateway = Gateway::start_with(&[("SAPHAN_RATE_OPEN", "3/day")]);
    for left in [2, 1, 0] {
        assert_eq!(limit(&gateway.get("/v1/standards").await, "open").0, left);
    }
    assert_eq!(gateway.get("/v1/standards").await.status(), 429);
    assert_eq!(gateway.get(LIST).await.status(), 429, "before its token is missed");
    let with = gateway.by("obec", Method::GET, "/v1/standards").send().await.unwrap();
    assert_eq!((with.status().as_u16(), limit(&with, "read").0), (200, 11_999));
    let open = Gateway::start();
    assert_eq!(header(&open.get("/v1/standards").await, "ratelimit"), "");
}

struct Pair {
    saphan: Saphan,
    one: Running,
    two: Running,
    client: Client,
}

impl Pair {
    fn start(folder: &Path, server: &LimitServer, more: &[(&str, &str)]) -> Self {
        let saphan = Saphan::new(folder);
        let url = server.url();
        let settings = [&[("SAPHAN_RATE_STORE_URL", &*url)], more].concat();
        let (one, two) = (Running::start(&saphan, &settings), Running::start(&saphan, &settings));
        Pair { saphan, one, two, client: process::client() }
    }

    fn new_client(&self, agency: &str) -> String {
        token(&self.saphan, &["--agency", agency, "--scope", "agency.submit"])
    }

    async fn read(&self, gateway: &Running, token: &str) -> Response {
        self.client.get(format!("{}{LIST}", gateway.url)).bearer_auth(token).send().await.unwrap()
    }

    /// How many pass until one is refused, and what they were told.
    async fn drain(&self, gateway: &Running, token: &str) -> Vec<u64> {
        let mut told = Vec::new();
        loop {
            let answer = self.read(gateway, token).await;
            match answer.status().as_u16() {
                200 => told.push(limit(&answer, "read").0),
                429 => return told,
                other => panic!("{other}"),
            }
        }
    }

    async fn is_together(&self, gateway: &Running) -> u64 {
        metric(&self.client, &gateway.url, "saphan_rate_store_up").await
    }
}

fn down_to_zero(from: u64) -> Vec<u64> {
    (0..from).rev().collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn two_gateways_let_through_one_quota_together_and_each_its_own_when_the_account_is_away() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = LimitServer::start();
    // Time enough for a busy machine: what is asserted is the sum.
    let pair = Pair::start(
        folder.path(),
        &server,
        &[("SAPHAN_RATE_READ", "30/day burst 30"), ("SAPHAN_RATE_STORE_MS_MAX", "30000")],
    );
    let obec = pair.new_client("obec");
    let answers = (0..50).map(|at| pair.read(if at % 2 == 0 { &pair.one } else { &pair.two }, &obec));
    let answers = join_all(answers).await;
    let (passed, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status() == 200);
    let mut left: Vec<u64> = passed.iter().map(|answer| limit(answer, "read").0).collect();
    left.sort_unstable();
    assert_eq!(left, (0..30).collect::<Vec<u64>>(), "the sum holds, and no number was told twice");
    assert!(refused.iter().all(|answer| answer.status() == 429) && refused.len() == 20);
    for gateway in [&pair.one, &pair.two] {
        let alone = metric(&pair.client, &gateway.url, "saphan_rate_decisions_total{by=\"alone\"}").await;
        assert_eq!((alone, pair.is_together(gateway).await), (0, 1));
    }
    let keys = server.keys();
    let is_key = |key: &String| key.starts_with("saphan:{cli_") && key.ends_with(":read:30x2880000000000");
    assert!(keys.len() == 1 && keys.iter().all(is_key), "a client's id and its quota, and nothing else: {keys:?}");

    // In the middle of another client's quota the server is killed.
    let dole = pair.new_client("dole");
    for at in 0..10_u64 {
        let gateway = if at % 2 == 0 { &pair.one } else { &pair.two };
        assert_eq!(limit(&pair.read(gateway, &dole).await, "read").0, 29 - at);
    }
    server.kill();
    // Each goes on from what it heard last, and no gateway lets through more than the quota.
    assert_eq!(pair.drain(&pair.one, &dole).await, down_to_zero(21));
    assert_eq!(pair.drain(&pair.two, &dole).await, down_to_zero(20));
    assert_eq!((pair.is_together(&pair.one).await, pair.is_together(&pair.two).await), (0, 0));
    assert_eq!(pair.drain(&pair.one, &obec).await, down_to_zero(0), "what was used up stays used up");
    // A file is taken all the same.
    let to = format!("{}/v1/submissions?mapping=obec/enrolments&round=2026-06-10", pair.one.url);
    let sent = pair.client.post(to).bearer_auth(&obec).header("prefer", "respond-async").body(sample("obec.csv"));
    assert_eq!(sent.send().await.unwrap().status(), 202);

    server.come_back();
    let opec = pair.new_client("opec");
    while pair.is_together(&pair.one).await + pair.is_together(&pair.two).await < 2 {
        for gateway in [&pair.one, &pair.two] {
            pair.read(gateway, &opec).await;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let ovec = pair.new_client("ovec");
    assert_eq!(limit(&pair.read(&pair.one, &ovec).await, "read").0, 29);
    assert_eq!(limit(&pair.read(&pair.two, &ovec).await, "read").0, 28, "they count together again");
}

#[tokio::test(flavor = "multi_thread")]
async fn what_one_gateway_learns_of_a_file_afterwards_is_debited_at_the_other_too() {
    let (folder, server) = (tempfile::tempdir().unwrap(), LimitServer::start());
    let settings = [
        ("SAPHAN_RATE_SUBMIT", "10/day burst 10"),
        ("SAPHAN_RATE_SUBMIT_BYTES", "64 KiB/day burst 1 MiB"),
        ("SAPHAN_RATE_SUBMIT_RECORDS", "50/day burst 1000"),
        ("SAPHAN_RATE_STORE_MS_MAX", "30000"),
    ];
    let pair = Pair::start(folder.path(), &server, &settings);
    let register = token(&pair.saphan, &["--scope", "register.submit"]);
    let send = async |gateway: &Running, mapping: &str, body: Body| {
        let to = format!("{}/v1/submissions?mapping={mapping}&round=2026-06-10", gateway.url);
        let answer = pair.client.post(to).bearer_auth(&register).body(body).send().await.unwrap();
        let left = ["submit", "submit-bytes", "submit-records"].map(|policy| limit(&answer, policy).0);
        (answer, left)
    };
    let file = sample("schools.csv");
    let (sent, left) = send(&pair.one, "moe/schools", in_chunks(&file)).await;
    assert_eq!((sent.status().as_u16(), left), (201, [9, 1 << 20, 1_000]));
    let rows = sent.json::<Value>().await.unwrap()["received"].as_u64().unwrap();
    let (other, left) = send(&pair.two, "moe/nothing", "a KiB was begun".into()).await;
    let kib = (file.len() as u64).div_ceil(1 << 10) + 1;
    assert_eq!((other.status().as_u16(), left), (404, [8, (1 << 20) - (kib << 10), 1_000 - rows]));
    assert_eq!(server.keys().len(), 3, "{:?}", server.keys());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_server_that_is_silent_or_never_there_stops_nobody() {
    let folder = tempfile::tempdir().unwrap();
    let mut server = LimitServer::start();
    let settings = [("SAPHAN_RATE_READ", "5/day"), ("SAPHAN_RATE_STORE_MS_MAX", "200")];
    let pair = Pair::start(folder.path(), &server, &settings);
    let obec = pair.new_client("obec");
    for gateway in [&pair.one, &pair.two] {
        assert_eq!(pair.read(gateway, &obec).await.status(), 200);
    }
    server.freeze();
    for gateway in [&pair.one, &pair.two] {
        assert!(pair.drain(gateway, &obec).await.len() >= 3);
        assert_eq!(pair.is_together(gateway).await, 0);
    }
    server.kill();
    let late = Running::start(&pair.saphan, &[("SAPHAN_RATE_STORE_URL", &*server.url()), settings[0]]);
    assert_eq!(pair.drain(&late, &obec).await, down_to_zero(5), "it begins without the server");
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_of_a_clients_own_hold_at_every_gateway_from_its_next_request_on() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(folder.path());
    let ran =
        saphan.run(&["client", "add", "--json", "--name", "test", "--agency", "obec", "--scope", "agency.submit"]);
    let issued: Value = serde_json::from_str(&ran.stdout).unwrap();
    let (id, obec) = (issued["id"].as_str().unwrap(), issued["token"].as_str().unwrap());
    let (one, two) = (Running::start(&saphan, &[]), Running::start(&saphan, &[]));
    let client = process::client();
    let policy = async |gateway: &Running| {
        let answer = client.get(format!("{}{LIST}", gateway.url)).bearer_auth(obec).send().await.unwrap();
        header(&answer, "ratelimit-policy").to_owned()
    };
    assert_eq!(policy(&one).await, "\"read\";q=12000;w=60");
    assert_eq!(policy(&two).await, "\"read\";q=12000;w=60");
    let ran = saphan.run(&["client", "limit", id, "read=600/min burst 100", "submit=none"]);
    assert_eq!(
        (ran.code, &*ran.stdout),
        (0, "submit          none\nread            600/min burst 100\n"),
        "{}",
        ran.stderr
    );
    assert_eq!(policy(&one).await, "\"read\";q=100;w=10");
    assert_eq!(policy(&two).await, "\"read\";q=100;w=10");
    let asked = client.post(format!("{}/oauth/token", one.url)).basic_auth(id, Some(obec));
    let asked = asked.form(&[("grant_type", "client_credentials")]).send().await.unwrap();
    assert_eq!(header(&asked, "ratelimit"), "", "nobody is known yet, and addresses are not limited");
    let access = asked.json::<Value>().await.unwrap()["access_token"].as_str().unwrap().to_owned();
    let answer = client.get(format!("{}{LIST}", one.url)).bearer_auth(access).send().await.unwrap();
    assert_eq!(header(&answer, "ratelimit-policy"), "\"read\";q=100;w=10", "an access token is its client's");
    let listed = saphan.run(&["client", "list"]).stdout;
    assert!(listed.contains("active  submit=none; read=600/min burst 100"), "{listed}");
    let listed: Value = serde_json::from_str(&saphan.run(&["client", "list", "--json"]).stdout).unwrap();
    assert_eq!(listed["limits"], serde_json::json!({ "submit": "none", "read": "600/min burst 100" }));
    for bad in ["reads=1/s", "read=much", "open=1/s", "read"] {
        let ran = saphan.run(&["client", "limit", id, "submit=default", bad]);
        assert_ne!(ran.code, 0, "{bad}");
        assert!(ran.stderr.contains(bad.trim_start_matches("read=")), "{}", ran.stderr);
    }
    let shown: Value = serde_json::from_str(&saphan.run(&["client", "limit", id, "--json"]).stdout).unwrap();
    assert_eq!(shown["limits"].as_object().unwrap().len(), 2, "what could not be read changed nothing: {shown}");
    assert_eq!(saphan.run(&["client", "limit", id, "read=default", "submit=default"]).code, 0);
    assert_eq!(policy(&two).await, "\"read\";q=12000;w=60");
    let unknown = format!("cli_{}", "0".repeat(32));
    assert_ne!(saphan.run(&["client", "limit", &unknown, "read=none"]).code, 0);
}
