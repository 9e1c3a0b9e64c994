//! The door: who is let in by which certificate, what the others are told, and that files change under way unnoticed.

use super::harness::ca::Ca;
use super::harness::cli::Saphan;
use super::harness::process::{self, Running};
use super::harness::{CLIENTS, Gateway, ROUND, header};
use openssl::ssl::{SslConnector, SslConnectorBuilder, SslFiletype, SslMethod, SslStream, SslVersion};
use reqwest::{Client, Response};
use saphan::app::AppError;
use saphan::domain::ids::ClientId;
use saphan::domain::principal::Principal;
use saphan::store::StoreError;
use serde_json::Value;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};

const OPERATOR: Principal = Principal::Operator;
/// Open to everybody who comes through the door.
const MAPPINGS: &str = "/v1/mappings";

/// A gateway whose CA issued `server`, `one` and `two`, and revoked nothing yet. `client`: what it asks of clients.
fn door(client: &str) -> (Ca, Gateway) {
    let ca = Ca::new("test CA");
    ca.issue("server", "server");
    ca.issue("one", "client");
    ca.issue("two", "client");
    ca.list_revoked();
    let gateway = Gateway::start_with(&[
        ("SAPHAN_TLS_CERTIFICATE", &ca.shown("server.pem")),
        ("SAPHAN_TLS_KEY", &ca.shown("server.key")),
        ("SAPHAN_TLS_CLIENT", client),
        ("SAPHAN_TLS_CLIENT_CA", &ca.shown("ca.pem")),
        ("SAPHAN_TLS_CLIENT_CRL", &ca.shown("crl.pem")),
    ]);
    (ca, gateway)
}

fn reloaded(gateway: &Gateway) {
    let failed = gateway.app.tls().unwrap().reload_if_changed();
    assert!(failed.as_ref().is_some_and(Vec::is_empty), "{failed:?}");
}

async fn get(client: &Client, gateway: &Gateway, path: &str) -> Response {
    client.get(format!("{}{path}", gateway.url)).header("accept-language", "en").send().await.unwrap()
}

/// Status and code of the problem.
async fn told(client: &Client, gateway: &Gateway, path: &str) -> (u16, String, String) {
    let response = get(client, gateway, path).await;
    let status = response.status().as_u16();
    let body: Value = response.json().await.unwrap();
    let text = |member: &str| body[member].as_str().unwrap_or_default().to_owned();
    (status, text("code"), text("detail"))
}

#[tokio::test]
async fn a_good_certificate_is_let_in_and_every_other_is_told_what_is_wrong_with_it() {
    let (ca, gateway) = door("required");
    let elsewhere = Ca::new("test CA");
    elsewhere.issue("one", "client");
    ca.issue_between("old", "client", -20, -10);
    ca.issue_between("early", "client", 10, 20);
    ca.issue("gone", "client");
    ca.revoke("gone");
    ca.list_revoked();
    reloaded(&gateway);
    assert_eq!(get(&ca.client(Some((&ca, "one"))), &gateway, MAPPINGS).await.status(), 200);
    let year = jiff::Zoned::now().year().to_string();
    for (shown, code, said) in [
        (None, "certificate-missing", "showed no client certificate"),
        (Some((&elsewhere, "one")), "certificate-unknown", "not issued by a CA that this gateway trusts"),
        (Some((&ca, "old")), "certificate-expired", "expired on 20"),
        (Some((&ca, "early")), "certificate-not-yet-valid", "valid from 20"),
        (Some((&ca, "gone")), "certificate-revoked", year.as_str()),
        (Some((&ca, "server")), "certificate-unfit", "another use"),
    ] {
        let client = ca.client(shown);
        for path in [MAPPINGS, "/v1/submissions", "/metrics", "/oauth/token", "/nowhere"] {
            let (status, found, detail) = told(&client, &gateway, path).await;
            assert_eq!((status, found.as_str()), (401, code), "{path}");
            assert!(detail.contains(said), "{path}: {detail}");
        }
        // What everybody may read, the explanation among it.
        for path in ["/healthz", "/readyz", "/", "/problems/certificate-revoked", "/.well-known/jwks.json"] {
            assert_eq!(get(&client, &gateway, path).await.status(), 200, "{path} with {code}");
        }
        let thai =
            client.get(format!("{}{MAPPINGS}", gateway.url)).header("accept-language", "th").send().await.unwrap();
        assert!(header(&thai, "www-authenticate").starts_with("Bearer"), "{code}");
        assert!(thai.text().await.unwrap().contains("ใบรับรอง"), "{code}");
    }
}

#[tokio::test]
async fn where_certificates_are_optional_none_is_fine_and_a_bad_one_is_not() {
    let (ca, gateway) = door("optional");
    let elsewhere = Ca::new("elsewhere");
    elsewhere.issue("one", "client");
    assert_eq!(get(&ca.client(None), &gateway, MAPPINGS).await.status(), 200);
    assert_eq!(get(&ca.client(Some((&ca, "one"))), &gateway, MAPPINGS).await.status(), 200);
    let bad = told(&ca.client(Some((&elsewhere, "one"))), &gateway, MAPPINGS).await;
    assert_eq!((bad.0, bad.1.as_str()), (401, "certificate-unknown"));
    // Where nobody is asked, nobody is judged.
    let off = Gateway::start_with(&[
        ("SAPHAN_TLS_CERTIFICATE", &ca.shown("server.pem")),
        ("SAPHAN_TLS_KEY", &ca.shown("server.key")),
    ]);
    assert_eq!(get(&ca.client(Some((&elsewhere, "one"))), &off, MAPPINGS).await.status(), 200);
}

fn connector(ca: &Ca, name: &str) -> SslConnectorBuilder {
    let mut builder = SslConnector::builder(SslMethod::tls()).unwrap();
    builder.set_ca_file(ca.path("ca.pem")).unwrap();
    builder.set_certificate_chain_file(ca.path(&format!("{name}.pem"))).unwrap();
    builder.set_private_key_file(ca.path(&format!("{name}.key")), SslFiletype::PEM).unwrap();
    builder
}

fn connected(connector: SslConnectorBuilder, gateway: &Gateway) -> Result<SslStream<TcpStream>, String> {
    let stream = TcpStream::connect(gateway.url.trim_start_matches("https://")).unwrap();
    connector.build().connect("localhost", stream).map_err(|error| error.to_string())
}

/// What `openssl s_client` prints of a request on a connection that ends with it.
fn seen_by_openssl(ca: &Ca, gateway: &Gateway, arguments: &[&str]) -> String {
    let address = gateway.url.trim_start_matches("https://");
    let mut child = Command::new("openssl")
        .args(["s_client", "-connect", address, "-ign_eof", "-CAfile", &ca.shown("ca.pem")])
        .args(["-cert", &ca.shown("one.pem"), "-key", &ca.shown("one.key")])
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    let request = b"GET /v1/mappings HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";
    child.stdin.take().unwrap().write_all(request).unwrap();
    String::from_utf8_lossy(&child.wait_with_output().unwrap().stdout).into_owned()
}

/// One request on a connection that stays open: the answer's head and body.
fn asked(stream: &mut SslStream<TcpStream>, path: &str) -> String {
    write!(stream, "GET {path} HTTP/1.1\r\nhost: localhost\r\naccept-language: en\r\n\r\n").unwrap();
    let mut answer = Vec::new();
    let mut piece = [0; 4096];
    loop {
        let read = stream.read(&mut piece).unwrap();
        assert!(read > 0, "the connection was closed: {}", String::from_utf8_lossy(&answer));
        answer.extend_from_slice(&piece[..read]);
        let text = String::from_utf8_lossy(&answer);
        let Some((head, body)) = text.split_once("\r\n\r\n") else { continue };
        let length =
            head.lines().find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length: ").map(str::to_owned));
        if body.len() >= length.unwrap().parse::<usize>().unwrap() {
            return text.into_owned();
        }
    }
}

#[test]
fn what_is_revoked_is_out_at_once_on_a_connection_that_was_open_before() {
    let (ca, gateway) = door("required");
    let mut one = connected(connector(&ca, "one"), &gateway).unwrap();
    let mut two = connected(connector(&ca, "two"), &gateway).unwrap();
    for stream in [&mut one, &mut two] {
        assert!(asked(stream, "/v1/mappings").starts_with("HTTP/1.1 200"));
    }
    ca.revoke("one");
    ca.list_revoked();
    reloaded(&gateway);
    let answer = asked(&mut one, "/v1/mappings");
    assert!(answer.starts_with("HTTP/1.1 401") && answer.contains("certificate-revoked"), "{answer}");
    assert!(asked(&mut one, "/healthz").starts_with("HTTP/1.1 200"), "the connection itself stands");
    assert!(asked(&mut two, "/v1/mappings").starts_with("HTTP/1.1 200"), "nobody else is touched");
}

#[tokio::test]
async fn over_http_2_and_1_alike() {
    let (ca, gateway) = door("required");
    let two = ca.client(Some((&ca, "one")));
    let one = ca.builder(Some((&ca, "one"))).http1_only().build().unwrap();
    assert_eq!(get(&two, &gateway, MAPPINGS).await.version(), reqwest::Version::HTTP_2);
    assert_eq!(get(&one, &gateway, MAPPINGS).await.version(), reqwest::Version::HTTP_11);
    ca.revoke("one");
    ca.list_revoked();
    reloaded(&gateway);
    for client in [&two, &one] {
        assert_eq!(told(client, &gateway, MAPPINGS).await.1, "certificate-revoked");
    }
}

#[test]
fn nothing_older_than_tls_1_2_and_no_session_is_resumed() {
    let (ca, gateway) = door("required");
    let of = |version: SslVersion| {
        let mut builder = connector(&ca, "one");
        // Else this side would refuse first.
        builder.set_security_level(0);
        builder.set_min_proto_version(Some(version)).unwrap();
        builder.set_max_proto_version(Some(version)).unwrap();
        builder
    };
    for old in [SslVersion::TLS1, SslVersion::TLS1_1] {
        let refused = connected(of(old), &gateway).expect_err("it must not be taken");
        assert!(refused.contains("alert protocol version"), "{refused}");
    }
    for new in [SslVersion::TLS1_2, SslVersion::TLS1_3] {
        let mut first = connected(of(new), &gateway).unwrap();
        assert!(asked(&mut first, "/v1/mappings").starts_with("HTTP/1.1 200"));
    }
    let again = seen_by_openssl(&ca, &gateway, &["-tls1_2", "-reconnect"]);
    assert!(again.contains("New, TLSv1.2") && again.contains("HTTP/1.1 200"), "{again}");
    assert!(!again.contains("Reused, "), "{again}");
    let once = seen_by_openssl(&ca, &gateway, &["-tls1_3"]);
    assert!(once.contains("New, TLSv1.3") && once.contains("HTTP/1.1 200"), "{once}");
    assert!(!once.contains("New Session Ticket arrived"), "{once}");
}

fn serial(ca: &Ca, gateway: &Gateway) -> String {
    let stream = connected(connector(ca, "one"), gateway).unwrap();
    let shown = stream.ssl().peer_certificate().unwrap();
    shown.serial_number().to_bn().unwrap().to_hex_str().unwrap().to_string()
}

#[tokio::test]
async fn the_servers_certificate_is_renewed_under_load_without_a_failed_request() {
    let (ca, gateway) = door("required");
    ca.issue("next", "server");
    ca.put_in_place("server", "former");
    let before = serial(&ca, &gateway);
    let (stop, served) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let load: Vec<_> = (0..4)
        .map(|_| {
            // Each request makes a connection of its own.
            let client = ca.builder(Some((&ca, "one"))).pool_max_idle_per_host(0).build().unwrap();
            let (stop, served, url) = (stop.clone(), served.clone(), format!("{}{MAPPINGS}", gateway.url));
            tokio::spawn(async move {
                while !stop.load(Ordering::SeqCst) {
                    let status = client.get(&url).send().await.map(|response| response.status().as_u16());
                    assert_eq!(status.map_err(|error| format!("{error:?}")), Ok(200));
                    served.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    for turn in 0..10 {
        ca.put_in_place(if turn % 2 == 0 { "next" } else { "former" }, "server");
        reloaded(&gateway);
        let seen = served.load(Ordering::SeqCst);
        while served.load(Ordering::SeqCst) < seen + 8 {
            assert!(load.iter().all(|one| !one.is_finished()), "a request failed");
            tokio::task::yield_now().await;
        }
    }
    ca.put_in_place("next", "server");
    reloaded(&gateway);
    stop.store(true, Ordering::SeqCst);
    for one in load {
        one.await.unwrap();
    }
    assert_ne!(serial(&ca, &gateway), before);
}

#[tokio::test]
async fn files_that_cannot_be_used_leave_the_door_as_it_was_and_say_so() {
    let (ca, gateway) = door("required");
    let client = ca.builder(Some((&ca, "one"))).pool_max_idle_per_host(0).build().unwrap();
    let stale = async || {
        let text = get(&client, &gateway, "/metrics").await.text().await.unwrap();
        let value = |name: &str| text.lines().find_map(|line| line.strip_prefix(name)).unwrap().trim().to_owned();
        for which in ["server", "client_ca", "client_crl"] {
            let at: i64 = value(&format!("saphan_certificate_expiry_seconds{{which=\"{which}\"}}")).parse().unwrap();
            assert!(at > jiff::Timestamp::now().as_second(), "{which}");
        }
        value("saphan_tls_reload_failed")
    };
    let tls = gateway.app.tls().unwrap();
    assert!(tls.reload_if_changed().is_none(), "nothing changed");
    assert_eq!(stale().await, "0");
    let before = serial(&ca, &gateway);
    ca.issue_between("ended", "server", -20, -10);
    let elsewhere = Ca::new("elsewhere");
    elsewhere.list_revoked();
    for (file, bytes) in [
        ("server.pem", b"-----BEGIN CERTIFICATE-----\nhalf".to_vec()),
        ("server.key", std::fs::read(ca.path("two.key")).unwrap()),
        ("server.pem", std::fs::read(ca.path("ended.pem")).unwrap()),
        ("crl.pem", std::fs::read(elsewhere.path("crl.pem")).unwrap()),
        ("crl.pem", Vec::new()),
        ("ca.pem", Vec::new()),
    ] {
        let good = std::fs::read(ca.path(file)).unwrap();
        std::fs::write(ca.path(file), bytes).unwrap();
        assert!(tls.reload_if_changed().is_some_and(|failed| failed.len() == 1), "{file}");
        assert_eq!(stale().await, "1", "{file}");
        std::fs::write(ca.path(file), good).unwrap();
        reloaded(&gateway);
        assert_eq!((stale().await.as_str(), serial(&ca, &gateway)), ("0", before.clone()), "{file}");
    }
    // A certificate that is half there does not hold up a revocation.
    ca.revoke("one");
    ca.list_revoked();
    std::fs::write(ca.path("server.pem"), "half").unwrap();
    assert_eq!(tls.reload_if_changed().map(|failed| failed.len()), Some(1));
    assert_eq!(told(&client, &gateway, MAPPINGS).await.1, "certificate-revoked");
}

/// Id and secret of a client of the harness.
async fn known(gateway: &Gateway, name: &str) -> (ClientId, String) {
    assert!(CLIENTS.iter().any(|(known, _, _)| *known == name));
    let clients = gateway.app.clients(&OPERATOR).await.unwrap();
    let id = clients.into_iter().find(|client| client.name == name).unwrap().id;
    let request = gateway.by(name, reqwest::Method::GET, "/").build().unwrap();
    (id, request.headers()["authorization"].to_str().unwrap().trim_start_matches("Bearer ").to_owned())
}

async fn token(client: &Client, gateway: &Gateway, id: &ClientId, secret: Option<&str>) -> Result<String, Value> {
    let mut form = vec![("grant_type", "client_credentials")];
    let asked = client.post(format!("{}/oauth/token", gateway.url));
    let asked = match secret {
        Some(secret) => asked.basic_auth(id.as_str(), Some(secret)),
        None => {
            form.push(("client_id", id.as_str()));
            asked
        }
    };
    let body: Value = asked.form(&form).send().await.unwrap().json().await.unwrap();
    body["access_token"].as_str().map(str::to_owned).ok_or(body)
}

async fn with(client: &Client, gateway: &Gateway, token: &str) -> Response {
    client.get(format!("{}/v1/submissions", gateway.url)).bearer_auth(token).send().await.unwrap()
}

#[tokio::test]
async fn a_token_got_with_a_certificate_is_worth_nothing_without_it() {
    let (ca, gateway) = door("optional");
    let [one, two] = ["one", "two"].map(|name| ca.client(Some((&ca, name))));
    let nobody = ca.client(None);
    let (id, secret) = known(&gateway, "dole").await;
    let bound = token(&one, &gateway, &id, Some(&secret)).await.unwrap();
    let payload = data_encoding::BASE64URL_NOPAD.decode(bound.split('.').nth(1).unwrap().as_bytes()).unwrap();
    let claims: Value = serde_json::from_slice(&payload).unwrap();
    assert_eq!(claims["cnf"]["x5t#S256"].as_str().unwrap().len(), 43);
    assert_eq!(with(&one, &gateway, &bound).await.status(), 200);
    for thief in [&two, &nobody] {
        let refused = with(thief, &gateway, &bound).await;
        assert_eq!(refused.status(), 401);
        assert_eq!(header(&refused, "www-authenticate"), "Bearer realm=\"saphan\", error=\"invalid_token\"");
        let body: Value = refused.json().await.unwrap();
        assert_eq!(body["code"], "certificate-other");
    }
    // Without a certificate it is an ordinary one.
    let free = token(&nobody, &gateway, &id, Some(&secret)).await.unwrap();
    assert_eq!(with(&two, &gateway, &free).await.status(), 200);
    let terms: Value = get(&nobody, &gateway, "/.well-known/oauth-authorization-server").await.json().await.unwrap();
    assert_eq!(terms["tls_client_certificate_bound_access_tokens"], true);
    assert!(terms["token_endpoint_auth_methods_supported"].as_array().unwrap().contains(&"tls_client_auth".into()));
}

#[tokio::test]
async fn a_client_with_a_certificate_is_served_only_where_it_shows_it() {
    let (ca, gateway) = door("optional");
    let [one, two] = ["one", "two"].map(|name| ca.client(Some((&ca, name))));
    let nobody = ca.client(None);
    let (id, secret) = known(&gateway, "dole").await;
    let before = token(&nobody, &gateway, &id, Some(&secret)).await.unwrap();
    assert_eq!(
        token(&one, &gateway, &id, None).await.unwrap_err()["error"],
        "invalid_client",
        "it is bound to none yet"
    );
    let pem = |name: &str| std::fs::read_to_string(ca.path(name)).unwrap();
    let first = gateway.app.add_client_certificate(&OPERATOR, &id, &pem("one.pem")).await.unwrap();
    // The certificate alone proves the client; its secret does not without it, and what was given before ends.
    let bound = token(&one, &gateway, &id, None).await.unwrap();
    assert_eq!(with(&one, &gateway, &bound).await.status(), 200);
    assert_eq!(with(&one, &gateway, &secret).await.status(), 200, "the secret as a key, beside the certificate");
    token(&one, &gateway, &id, Some(&secret)).await.unwrap();
    for other in [&two, &nobody] {
        for given in [&before, &secret, &bound] {
            assert_eq!(with(other, &gateway, given).await.status(), 401);
        }
        assert_eq!(token(other, &gateway, &id, Some(&secret)).await.unwrap_err()["error"], "invalid_client");
        assert_eq!(token(other, &gateway, &id, None).await.unwrap_err()["error"], "invalid_client");
    }
    // The next one beside it, then the first goes: at once, with its tokens.
    gateway.app.add_client_certificate(&OPERATOR, &id, &pem("two.pem")).await.unwrap();
    let next = token(&two, &gateway, &id, None).await.unwrap();
    assert_eq!(with(&one, &gateway, &bound).await.status(), 200);
    gateway.app.remove_client_certificate(&OPERATOR, &id, &first).await.unwrap();
    assert_eq!(with(&one, &gateway, &bound).await.status(), 401);
    assert_eq!(with(&two, &gateway, &next).await.status(), 200);
    // Another client is not the one that the certificate stands for.
    let (other, _) = known(&gateway, "obec").await;
    assert_eq!(token(&two, &gateway, &other, None).await.unwrap_err()["error"], "invalid_client");
    let taken = gateway.app.add_client_certificate(&OPERATOR, &other, &pem("two.pem")).await;
    assert!(matches!(taken, Err(AppError::Store(StoreError::CertificateTaken))), "one certificate tells one client");
    // What is no certificate, or too much, is not taken.
    for wrong in ["", "x", &pem("one.key")] {
        assert!(gateway.app.add_client_certificate(&OPERATOR, &id, wrong).await.is_err());
    }
    assert!(gateway.app.add_client_certificate(&OPERATOR, &id, &pem("two.pem")).await.is_err(), "it is there already");
}

#[tokio::test]
async fn a_running_gateway_takes_up_new_files_by_itself_and_at_once_when_it_is_told() {
    let ca = Ca::new("test CA");
    for name in ["server", "next"] {
        ca.issue(name, "server");
    }
    for name in ["one", "two"] {
        ca.issue(name, "client");
    }
    ca.list_revoked();
    let home = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(home.path());
    let settings = [
        ("SAPHAN_TLS_CERTIFICATE", ca.shown("server.pem")),
        ("SAPHAN_TLS_KEY", ca.shown("server.key")),
        ("SAPHAN_TLS_CLIENT_CA", ca.shown("ca.pem")),
        ("SAPHAN_TLS_CLIENT_CRL", ca.shown("crl.pem")),
    ];
    let settings = settings.each_ref().map(|(name, value)| (*name, value.as_str()));
    let running = Running::start(&saphan, &settings);
    assert!(running.url.starts_with("https://"));
    let doctor = |more: &[(&str, &str)]| {
        let mut command = saphan.command(&["doctor", "--json"]);
        let output = command.envs(settings).envs(more.iter().copied()).output().unwrap();
        let said: Value = serde_json::from_slice(&output.stdout).unwrap();
        (output.status.code().unwrap(), said)
    };
    let (code, said) = doctor(&[]);
    let of = |said: &Value, check: &str, state: &str| {
        let all = said["checks"].as_array().unwrap();
        let found = all.iter().find(|one| one["check"] == check && one["state"] == state);
        found.map(|one| one["message"]["en"].as_str().unwrap().to_owned())
    };
    // The list of the revoked is due in 30 days, as every month.
    assert_eq!((code, &said["state"]), (0, &"ok".into()), "{said}");
    for check in ["settings", "disk", "keys", "store", "objects", "clock", "tls"] {
        assert!(of(&said, check, "ok").is_some(), "{check}: {said}");
    }
    let open = ca.shown("open.key");
    std::fs::copy(ca.shown("server.key"), &open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).unwrap();
    let (code, said) = doctor(&[("SAPHAN_TLS_KEY", &open)]);
    assert_eq!((code, &said["state"]), (2, &"warn".into()), "{said}");
    assert!(of(&said, "tls", "warn").unwrap().contains("can read the key"), "{said}");
    let (code, said) = doctor(&[("SAPHAN_TLS_KEY", &ca.shown("one.key"))]);
    assert_eq!((code, &said["state"]), (1, &"fail".into()));
    assert!(of(&said, "tls", "fail").unwrap().contains("does not belong to the first certificate"), "{said}");

    // The agency's own command comes with its certificate, and is told what to do without its CA.
    let token = process::token(&saphan, &["--scope", "register.submit"]);
    let schools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agencies").join(ROUND).join("schools.csv");
    let submit = |more: &[&str]| {
        let sent = ["submit", "--server", &running.url, "--mapping", "moe/schools", "--round", ROUND];
        let mut command = saphan.command(&[&sent[..], more, &[schools.to_str().unwrap()]].concat());
        let output = command.env("SAPHAN_TOKEN", &token).env("NO_PROXY", "127.0.0.1").output().unwrap();
        (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
    };
    let (authority, shown, key) = (ca.shown("ca.pem"), ca.shown("one.pem"), ca.shown("one.key"));
    let (code, said) = submit(&["--ca", &authority, "--certificate", &shown, "--key", &key]);
    assert_eq!(code, 0, "{said}");
    let (code, said) = submit(&["--ca", &authority]);
    assert!(code == 1 && said.contains("401"), "{said}");
    let (code, said) = submit(&[]);
    assert!(code == 1 && said.contains("--ca"), "{said}");

    // Told by a signal.
    let [one, two] = ["one", "two"].map(|name| ca.client(Some((&ca, name))));
    let url = format!("{}{MAPPINGS}", running.url);
    let status = async |client: &Client| client.get(&url).send().await.unwrap().status().as_u16();
    assert_eq!((status(&one).await, status(&two).await), (200, 200));
    ca.revoke("one");
    ca.list_revoked();
    running.hang_up();
    until(async || status(&one).await == 401).await;
    // By itself.
    ca.revoke("two");
    ca.list_revoked();
    until(async || status(&two).await == 401).await;
}

async fn until(so: impl AsyncFn() -> bool) {
    let begun = std::time::Instant::now();
    while !so().await {
        assert!(begun.elapsed() < std::time::Duration::from_secs(50), "it never comes");
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
    }
}

#[test]
fn the_demo_goes_through_the_door_and_shows_what_is_refused() {
    let home = tempfile::tempdir().unwrap();
    let ran = Saphan::new(home.path()).run(&["demo", "--tls", "--once", "--lang", "en"]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    for said in ["payable", "401 certificate-missing", "401 certificate-other"] {
        assert!(ran.stdout.contains(said), "{said}: {}", ran.stdout);
    }
    assert!(!ran.stdout.contains("curl"), "what is gone when it ends is not offered: {}", ran.stdout);
}
