//! Two gateways over one PostgreSQL store behind the real HAProxy and the real nginx, configured as docs/operations.md says:
//! restarted one after another under load, they lose no request.
//!
//! What counts as lost: any answer but the wanted one and any broken connection, at the first attempt. The guide tells clients
//! to send again when a connection broke; those of these tests never do, and stop the test instead.
//!
//! Owns the balancers' processes: each has a folder, a process file, addresses and a user of its own, and ends with this process,
//! however that ends. Never the machine's own services.

use super::harness::cli::Saphan;
use super::harness::database::Reader;
use super::harness::process::{Running, client, get, token, until, with_register};
use super::harness::{header, sample};
use super::replicas::{TO_OBEC, long_file};
use openssl::asn1::Asn1Time;
use openssl::ec::{EcGroup, EcKey};
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::PKey;
use openssl::x509::extension::SubjectAlternativeName;
use openssl::x509::{X509Builder, X509NameBuilder};
use reqwest::{Certificate, Client};
use serde_json::Value;
use std::collections::BTreeSet;
use std::os::unix::fs::{MetadataExt, chown};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// Of nobody, on Debian and Ubuntu.
const NOBODY: u32 = 65_534;
/// Pieces of an upload, sent slowly so that it lasts over the restarts.
const PIECE_BYTES: usize = 24 << 10;
const LATE: Duration = Duration::from_secs(30);

/// Ends the balancer when the pipe from the test's process closes.
const KEEPER: &str = r#"
trap : INT TERM HUP
"$@" >log 2>&1 &
balancer=$!
cat >/dev/null
kill -TERM $balancer
wait $balancer
"#;

/// What the test adds to nginx's part of the document: what the package's own nginx.conf would say.
const NGINX_AROUND: &str = "daemon off;
pid nginx.pid;
error_log stderr notice;
events { worker_connections 256; }
http {
    access_log off;
    client_body_temp_path body;
    proxy_temp_path proxy;
    fastcgi_temp_path fastcgi;
    uwsgi_temp_path uwsgi;
    scgi_temp_path scgi;
    include saphan.conf;
}
";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    HaProxy,
    Nginx,
}

impl Kind {
    /// Addresses of this machine that nobody else has, also while a gateway is away: its port stands in the document.
    fn address(self, last: u8) -> String {
        let id = std::process::id();
        format!("127.{}.{}.{last}", 1 + id % 250, 1 + id / 250 % 120 * 2 + u32::from(self == Kind::Nginx))
    }

    fn gateways(self) -> [String; 2] {
        [1, 2].map(|last| format!("{}:8080", self.address(last)))
    }
}

/// The block of docs/operations.md in this language.
fn documented(language: &str) -> String {
    let guide = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/operations.md");
    let guide = std::fs::read_to_string(guide).unwrap();
    let (_, block) = guide.split_once(&format!("```{language}\n")).expect("the guide shows a configuration");
    format!("{}\n", block.split_once("\n```").expect("the block ends").0)
}

fn filled(mut text: String, places: &[(&str, &str)]) -> String {
    for (place, with) in places {
        assert_eq!(text.matches(place).count(), 1, "{place} stands in the document once");
        text = text.replace(place, with);
    }
    text
}

/// Of the balancer itself; the key and it, as PEM.
fn certificate(address: &str) -> (Vec<u8>, Vec<u8>) {
    let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
    let key = PKey::from_ec_key(EcKey::generate(&group).unwrap()).unwrap();
    let mut name = X509NameBuilder::new().unwrap();
    name.append_entry_by_text("CN", "saphan.test").unwrap();
    let name = name.build();
    let mut builder = X509Builder::new().unwrap();
    builder.set_version(2).unwrap();
    builder.set_subject_name(&name).unwrap();
    builder.set_issuer_name(&name).unwrap();
    builder.set_pubkey(&key).unwrap();
    builder.set_not_before(&Asn1Time::days_from_now(0).unwrap()).unwrap();
    builder.set_not_after(&Asn1Time::days_from_now(2).unwrap()).unwrap();
    let names = SubjectAlternativeName::new().ip(address).build(&builder.x509v3_context(None, None)).unwrap();
    builder.append_extension(names).unwrap();
    builder.sign(&key, MessageDigest::sha256()).unwrap();
    (key.private_key_to_pem_pkcs8().unwrap(), builder.build().to_pem().unwrap())
}

struct Balancer {
    url: String,
    certificate: Vec<u8>,
    folder: tempfile::TempDir,
    keeper: Child,
}

impl Balancer {
    fn start(kind: Kind) -> Balancer {
        let folder = tempfile::tempdir().unwrap();
        let path = |name: &str| folder.path().join(name).display().to_string();
        let own = kind.address(9);
        let (key, certificate) = certificate(&own);
        let [a, b] = kind.gateways();
        let gateways = [("10.0.0.1:8080", a.as_str()), ("10.0.0.2:8080", b.as_str())];
        let listen = format!("{own}:8443");
        let (program, arguments) = match kind {
            Kind::HaProxy => {
                std::fs::write(path("saphan.pem"), [&certificate[..], &key[..]].concat()).unwrap();
                let own = [("bind :443", format!("bind {listen}")), ("/etc/haproxy/saphan.pem", path("saphan.pem"))];
                let own = own.each_ref().map(|(place, with)| (*place, with.as_str()));
                let text = filled(documented("haproxy"), &[gateways, own].concat());
                std::fs::write(path("haproxy.cfg"), text).unwrap();
                ("haproxy", vec!["-db", "-f", "haproxy.cfg"])
            }
            Kind::Nginx => {
                std::fs::write(path("saphan.pem"), &certificate).unwrap();
                std::fs::write(path("saphan.key"), key).unwrap();
                let own = [
                    ("listen 443", format!("listen {listen}")),
                    ("/etc/nginx/saphan.pem", path("saphan.pem")),
                    ("/etc/nginx/saphan.key", path("saphan.key")),
                ];
                let own = own.each_ref().map(|(place, with)| (*place, with.as_str()));
                let text = filled(documented("nginx"), &[&gateways[..], &own[..]].concat());
                std::fs::write(path("saphan.conf"), text).unwrap();
                std::fs::write(path("nginx.conf"), NGINX_AROUND).unwrap();
                ("nginx", vec!["-p", ".", "-c", "nginx.conf", "-e", "stderr"])
            }
        };
        let keeper = keep(folder.path(), program, &arguments);
        let balancer = Balancer { url: format!("https://{listen}"), certificate, folder, keeper };
        let begun = Instant::now();
        while std::net::TcpStream::connect(&listen).is_err() {
            assert!(begun.elapsed() < LATE, "{kind:?} does not listen:\n{}", balancer.log());
            std::thread::sleep(Duration::from_millis(20));
        }
        balancer
    }

    fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    fn client(&self) -> Client {
        let own = Certificate::from_pem(&self.certificate).unwrap();
        Client::builder().no_proxy().tls_certs_only([own]).timeout(Duration::from_secs(60)).build().unwrap()
    }
}

/// An ordinary user's process, in the folder.
fn keep(folder: &Path, program: &str, arguments: &[&str]) -> Child {
    let system = Path::new("/usr/sbin").join(program);
    assert!(system.exists(), "{program} is not installed: run scripts/install.sh test");
    let mut command = Command::new("sh");
    if std::fs::metadata("/proc/self").unwrap().uid() == 0 {
        command = Command::new("setpriv");
        command.args([&format!("--reuid={NOBODY}"), &format!("--regid={NOBODY}"), "--clear-groups", "sh"]);
        for place in std::fs::read_dir(folder).unwrap().map(|file| file.unwrap().path()).chain([folder.to_owned()]) {
            chown(place, Some(NOBODY), Some(NOBODY)).unwrap();
        }
    }
    command.args(["-c", KEEPER, "keeper"]).arg(system).args(arguments).current_dir(folder);
    command.stdin(Stdio::piped()).spawn().expect("the balancer's keeper starts")
}

impl Drop for Balancer {
    #[expect(clippy::print_stderr, reason = "shown if it fails")]
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
        if std::thread::panicking() {
            eprintln!("the balancer said:\n{}", self.log());
        }
    }
}

/// Everybody who asks for something while the gateways are restarted.
#[derive(Clone)]
struct Load {
    client: Client,
    url: String,
    token: String,
    over: Arc<AtomicBool>,
}

impl Load {
    fn is_over(&self) -> bool {
        self.over.load(Ordering::Relaxed)
    }

    async fn seen(&self, path: &str) -> Value {
        let seen = self.client.get(format!("{}{path}", self.url)).bearer_auth(&self.token).send().await;
        let seen = seen.unwrap_or_else(|error| panic!("a question was lost: {error:?}"));
        assert_eq!(seen.status(), 200, "{path}");
        seen.json().await.unwrap()
    }

    /// Small files with keys, each with rows of its own, and a question after each; what was acknowledged.
    async fn send_files(self, sender: usize) -> Vec<String> {
        let lines: Vec<Vec<u8>> =
            sample("obec.csv").split_inclusive(|byte| *byte == b'\n').take(60).map(<[u8]>::to_vec).collect();
        let mut acknowledged = Vec::new();
        while !self.is_over() {
            let number = acknowledged.len();
            let (one, other) = (1 + number % 29, 30 + (number / 29 + 10 * sender) % 29);
            let body = [&lines[..one], &lines[one + 1..other], &lines[other + 1..]].concat().concat();
            let request = self.client.post(format!("{}{TO_OBEC}", self.url)).bearer_auth(&self.token);
            let sent = request.header("idempotency-key", format!("{sender}-{number}")).body(body).send().await;
            let sent = sent.unwrap_or_else(|error| panic!("a file was lost: {error:?}"));
            assert_eq!(sent.status(), 201, "file {number}");
            let sent: Value = sent.json().await.unwrap();
            let id = sent["id"].as_str().unwrap().to_owned();
            assert_eq!(self.seen(&format!("/v1/submissions/{id}")).await["state"], "committed");
            acknowledged.push(id);
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        acknowledged
    }

    async fn read(self) -> usize {
        let mut read = 0;
        while !self.is_over() {
            self.seen("/v1/submissions?limit=20").await;
            self.seen("/v1/mappings").await;
            read += 1;
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        read
    }

    /// Files in pieces, one after another; what they became, with their digests.
    async fn upload(self) -> Vec<(String, String)> {
        let (file, _) = long_file(2);
        let mut became = Vec::new();
        while !self.is_over() {
            // Other bytes each time.
            let file = &file[..file.len() - file.len() / 100 * became.len()];
            let to = format!("{}{}", self.url, TO_OBEC.replace("submissions", "uploads"));
            let request = self.client.post(to).bearer_auth(&self.token).header("upload-length", file.len());
            let opened = request.send().await.unwrap_or_else(|error| panic!("an upload was lost: {error:?}"));
            assert_eq!(opened.status(), 201);
            let to = format!("{}{}", self.url, header(&opened, "location"));
            let mut at = 0;
            let id = loop {
                let end = if self.is_over() { file.len() } else { (at + PIECE_BYTES).min(file.len()) };
                let sent = self.append(&to, at, &file[at..end]).await;
                at = end;
                if at == file.len() {
                    break header(&sent, "saphan-submission").to_owned();
                }
            };
            became.push((id, saphan::vault::sha256_hex(file)));
        }
        became
    }

    /// Slowly, so that a gateway is asked to stop in the middle of it.
    async fn append(&self, to: &str, at: usize, bytes: &[u8]) -> reqwest::Response {
        let chunks: Vec<Vec<u8>> = bytes.chunks((bytes.len() / 3).max(1)).map(<[u8]>::to_vec).collect();
        let body = futures_util::stream::unfold(chunks.into_iter(), |mut rest| async move {
            tokio::time::sleep(Duration::from_millis(60)).await;
            rest.next().map(|bytes| (Ok::<_, std::io::Error>(bytes), rest))
        });
        let request = self.client.patch(to).bearer_auth(&self.token).header("upload-offset", at);
        let request = request.header("content-type", "application/offset+octet-stream");
        let sent = request.body(reqwest::Body::wrap_stream(body)).send().await;
        let sent = sent.unwrap_or_else(|error| panic!("a piece was lost: {error:?}"));
        assert_eq!((sent.status().as_u16(), header(&sent, "upload-offset")), (204, &*(at + bytes.len()).to_string()));
        sent
    }
}

/// Waits until this gateway itself has answered submissions, so that the balancer is known to give it some.
async fn has_served(address: &str) {
    let begun = Instant::now();
    loop {
        let counted = client().get(format!("http://{address}/metrics")).send().await.unwrap().text().await.unwrap();
        if counted.contains(r#"route="/v1/submissions""#) {
            return;
        }
        assert!(begun.elapsed() < LATE, "the balancer does not turn to {address} again: {counted}");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

async fn is_ready(address: &str) {
    let begun = Instant::now();
    while !client().get(format!("http://{address}/readyz")).send().await.is_ok_and(|answer| answer.status() == 200) {
        assert!(begun.elapsed() < LATE, "{address} is never ready");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

async fn restarted_under_load(kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let saphan = with_register(folder.path());
    let obec = token(&saphan, &["--agency", "obec", "--scope", "agency.submit"]);
    let addresses = kind.gateways();
    let start = |address: &str| tokio::task::block_in_place(|| begin(&saphan, address));
    let mut gateways = addresses.each_ref().map(|address| Some(start(address)));
    let balancer = Balancer::start(kind);
    let over = Arc::new(AtomicBool::new(false));
    let load = Load { client: balancer.client(), url: balancer.url.clone(), token: obec.clone(), over: over.clone() };
    let senders: Vec<_> = (0..2).map(|number| tokio::spawn(load.clone().send_files(number))).collect();
    let (readers, uploads) = (tokio::spawn(load.clone().read()), tokio::spawn(load.clone().upload()));
    for (address, slot) in addresses.iter().zip(&mut gateways) {
        has_served(address).await;
        let stopping = slot.take().unwrap();
        stopping.ask_to_stop();
        assert!(stopping.ended().await.success());
        *slot = Some(start(address));
        // As the guide says, the next one when this one is ready.
        is_ready(address).await;
    }
    for address in &addresses {
        has_served(address).await;
    }
    over.store(true, Ordering::Relaxed);
    let (mut ids, mut count) = (BTreeSet::new(), 0);
    for sender in senders {
        let acknowledged = sender.await.unwrap();
        assert!(acknowledged.len() > 5, "there was load: {}", acknowledged.len());
        count += acknowledged.len();
        ids.extend(acknowledged);
    }
    assert!(readers.await.unwrap() > 5, "there was load");
    for (id, sha256) in uploads.await.unwrap() {
        let url = format!("http://{}/v1/submissions/{id}", addresses[0]);
        let ended = until(&client(), &obec, &url, |seen| seen["state"] == "committed").await;
        assert_eq!(ended["receipt"]["sha256"], sha256, "byte for byte");
        count += 1;
        ids.insert(id);
    }
    for id in &ids {
        let seen = get(&client(), &obec, &format!("http://{}/v1/submissions/{id}", addresses[1])).await;
        assert_eq!(seen["state"], "committed", "{seen}");
    }
    let mut reader = Reader::open(saphan.home()).await;
    let kept = reader.number("SELECT count(*) FROM submission WHERE mapping = 'obec/enrolments'").await;
    assert_eq!((ids.len(), kept), (count, count as i64), "each once");
}

fn begin(saphan: &Saphan, address: &str) -> Running {
    Running::start(saphan, &[("SAPHAN_LISTEN", address)])
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_haproxy_as_documented_a_rolling_restart_under_load_loses_no_request() {
    restarted_under_load(Kind::HaProxy).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn behind_nginx_as_documented_a_rolling_restart_under_load_loses_no_request() {
    restarted_under_load(Kind::Nginx).await;
}
