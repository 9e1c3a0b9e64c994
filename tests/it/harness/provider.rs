//! Providers of identities for the tests: a published one as a process of its own, and one that can be made to lie.

use regex::Regex;
use reqwest::{Client, Method, RequestBuilder, Response, redirect};
use saphan::vault::Vault;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};

/// As the gateways of these tests name themselves, wherever they listen.
pub const GATEWAY: &str = "http://127.0.0.1:8080";
pub const CLIENT_ID: &str = "saphan";
const SECRET: &str = "a secret / of the tests: 7";

/// What a gateway is set to that trusts this issuer.
pub fn settings(issuer: &str) -> [(&'static str, &str); 3] {
    [("SAPHAN_OIDC_ISSUER", issuer), ("SAPHAN_OIDC_CLIENT_ID", CLIENT_ID), ("SAPHAN_OIDC_CLIENT_SECRET", SECRET)]
}

fn client() -> Client {
    Client::builder().no_proxy().redirect(redirect::Policy::none()).build().unwrap()
}

/// The npm package `oidc-provider`; it ends with this.
pub struct Provider {
    child: Child,
    pub issuer: String,
}

impl Provider {
    pub fn start() -> Self {
        let root = Path::new(env!("CARGO_MANIFEST_DIR"));
        let modules = root.join(".tools/clients/node_modules");
        assert!(modules.join("oidc-provider").exists(), "the provider is not installed: run scripts/install.sh test");
        let mut command = Command::new("node");
        command.arg(root.join("tests/it/clients/provider.mjs")).arg(modules);
        command.args([format!("{GATEWAY}/console/oidc/callback"), format!("{GATEWAY}/console/sign-in")]);
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("node is there");
        let mut lines = BufReader::new(child.stdout.take().unwrap()).lines();
        let line = lines.next().expect("it says its issuer").unwrap();
        // It goes on talking, and ends where nobody listens.
        std::thread::spawn(move || lines.for_each(drop));
        let said: Value = serde_json::from_str(&line).unwrap();
        Provider { child, issuer: said["issuer"].as_str().unwrap().to_owned() }
    }

    /// New keys, and none of the old ones.
    pub async fn rotate(&self) {
        client().post(format!("{}/test/rotate", self.issuer)).send().await.unwrap();
    }
}

impl Drop for Provider {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A browser at the provider: it minds the paths of cookies, follows, and sends the forms of the provider's pages.
pub struct AtProvider {
    issuer: String,
    client: Client,
    /// By name and path.
    cookies: BTreeMap<(String, String), String>,
}

impl AtProvider {
    pub fn new(issuer: &str) -> Self {
        AtProvider { issuer: issuer.to_owned(), client: client(), cookies: BTreeMap::new() }
    }

    async fn send(&mut self, request: RequestBuilder, url: &str) -> Response {
        let path = url.strip_prefix(&self.issuer).unwrap().split('?').next().unwrap();
        let sent = self.cookies.iter().filter(|((_, own), _)| path.starts_with(own.as_str()));
        let sent: Vec<String> = sent.map(|((name, _), value)| format!("{name}={value}")).collect();
        let response = request.header("cookie", sent.join("; ")).send().await.unwrap();
        for cookie in response.headers().get_all("set-cookie") {
            let mut parts = cookie.to_str().unwrap().split("; ");
            let (name, value) = parts.next().unwrap().split_once('=').unwrap();
            let path = parts.find_map(|part| part.strip_prefix("path=")).unwrap_or("/");
            let key = (name.to_owned(), path.to_owned());
            match value {
                "" => drop(self.cookies.remove(&key)),
                value => drop(self.cookies.insert(key, value.to_owned())),
            }
        }
        response
    }

    /// From where the gateway sends the browser to where the provider sends it back: path and query. `login`: none to decline.
    pub async fn visit(&mut self, address: &str, login: Option<&str>) -> String {
        let form = Regex::new(r#"<form[^>]* action="([^"]+)" method="post">"#).unwrap();
        let prompt = Regex::new(r#"name="prompt" value="([a-z]+)""#).unwrap();
        let abort = Regex::new(r#"href="([^"]+/abort)""#).unwrap();
        let mut url = address.to_owned();
        for _ in 0..12 {
            let response = self.send(self.client.get(&url), &url).await;
            let mut location = super::header(&response, "location").to_owned();
            if location.is_empty() {
                let text = response.text().await.unwrap();
                let found = |pattern: &Regex| pattern.captures(&text).unwrap_or_else(|| panic!("{text}"))[1].to_owned();
                location = match login {
                    None => found(&abort),
                    Some(login) => {
                        let (to, prompt) = (found(&form), found(&prompt));
                        let fields = [("prompt", prompt.as_str()), ("login", login), ("password", "x")];
                        let response = self.send(self.client.post(&to).form(&fields), &to).await;
                        super::header(&response, "location").to_owned()
                    }
                };
            }
            if let Some(back) = location.strip_prefix(GATEWAY) {
                return back.to_owned();
            }
            url = if location.starts_with('/') { format!("{}{location}", self.issuer) } else { location };
        }
        panic!("it leads nowhere: {url}");
    }

    /// Agrees to sign out; where the provider sends the browser then.
    pub async fn sign_out(&mut self, address: &str) -> String {
        let page = self.send(self.client.get(address), address).await.text().await.unwrap();
        let token = Regex::new(r#"name="xsrf" value="([^"]+)""#).unwrap().captures(&page).unwrap()[1].to_owned();
        let url = format!("{}/session/end/confirm", self.issuer);
        let request = self.client.request(Method::POST, &url).form(&[("xsrf", token.as_str()), ("logout", "yes")]);
        super::header(&self.send(request, &url).await, "location").to_owned()
    }
}

/// What the lying provider answers.
#[derive(Default)]
pub struct Lies {
    /// Of the sign-in under way.
    pub nonce: String,
    /// Claims in place of the right ones.
    pub claims: Vec<(&'static str, Value)>,
    /// Members of its description in place of the right ones.
    pub metadata: Vec<(&'static str, Value)>,
    /// Signed by a key that is not its own.
    pub is_forged: bool,
    /// In place of the token.
    pub answer: Option<String>,
}

/// A provider in this process, which says whatever it is told to.
pub struct Liar {
    pub issuer: String,
    pub lies: Arc<Mutex<Lies>>,
}

impl Liar {
    pub fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let issuer = format!("http://{}", listener.local_addr().unwrap());
        let lies = Arc::new(Mutex::new(Lies::default()));
        let (own, told) = (issuer.clone(), lies.clone());
        std::thread::spawn(move || {
            let homes = [tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap()];
            let [vault, forger] = homes.each_ref().map(|home| Vault::open_or_create(home.path()).unwrap());
            for stream in listener.incoming() {
                let _ = answer(stream.unwrap(), &own, &told.lock().unwrap(), &vault, &forger);
            }
        });
        Liar { issuer, lies }
    }
}

fn with(mut object: Value, changes: &[(&'static str, Value)]) -> String {
    for (name, value) in changes {
        object[*name] = value.clone();
    }
    object.to_string()
}

fn answer(mut stream: TcpStream, issuer: &str, lies: &Lies, vault: &Vault, forger: &Vault) -> std::io::Result<()> {
    let mut reader = BufReader::new(stream.try_clone()?);
    let (mut first, mut length) = (String::new(), 0);
    reader.read_line(&mut first)?;
    loop {
        let mut line = String::new();
        reader.read_line(&mut line)?;
        match line.trim_end().to_ascii_lowercase().split_once(": ") {
            Some(("content-length", value)) => length = value.parse().unwrap(),
            Some(_) => {}
            None => break,
        }
    }
    reader.read_exact(&mut vec![0; length])?;
    let path = first.split(' ').nth(1).unwrap_or_default();
    let body = match path {
        "/jwks" => json!({ "keys": [vault.public_jwk().unwrap()] }).to_string(),
        "/token" => {
            let now = jiff::Timestamp::now().as_second();
            let claims = json!({
                "iss": issuer, "sub": "known-at-the-liar", "aud": CLIENT_ID, "exp": now + 300, "iat": now, "nonce": lies.nonce,
            });
            let signer = if lies.is_forged { forger } else { vault };
            let token = signer.sign_compact("JWT", with(claims, &lies.claims).as_bytes()).unwrap();
            // A forged one names the key that it pretends to be of.
            let token = if lies.is_forged { pretended(&token, vault) } else { token };
            let right = || json!({ "id_token": token, "access_token": "x", "token_type": "Bearer" }).to_string();
            lies.answer.clone().unwrap_or_else(right)
        }
        _ => {
            let described = json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"),
                "jwks_uri": format!("{issuer}/jwks"),
                "authorization_response_iss_parameter_supported": true,
            });
            with(described, &lies.metadata)
        }
    };
    let head = format!(
        "HTTP/1.1 200 OK\r\ncontent-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        body.len()
    );
    stream.write_all(head.as_bytes())?;
    stream.write_all(body.as_bytes())
}

fn pretended(token: &str, vault: &Vault) -> String {
    let header = json!({ "alg": "ES256", "typ": "JWT", "kid": vault.public_jwk().unwrap().kid }).to_string();
    let (_, rest) = token.split_once('.').unwrap();
    format!("{}.{rest}", data_encoding::BASE64URL_NOPAD.encode(header.as_bytes()))
}
