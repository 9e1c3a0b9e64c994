//! The real gateway on a free port, with a home and clients of its own, and a client for it.
//!
//! Owns starting and stopping; every test has its own, so none depends on another's order.

pub mod browser;
pub mod ca;
pub mod cli;
pub mod database;
pub mod identities;
pub mod objects;
pub mod people;
pub mod process;
pub mod provider;

use futures_util::future::BoxFuture;
use jiff::Timestamp;
use reqwest::{Client, Method, RequestBuilder, Response};
use saphan::app::App;
use saphan::config::{Database, Settings};
use saphan::domain::agency::AgencyCode;
use saphan::domain::ids::SubmissionId;
use saphan::domain::principal::{Principal, Scope};
use saphan::http::api::health::{NotReady, Readiness};
use saphan::http::queue::{Done, Lane, Queue, QueueFull};
use saphan::http::{Parts, start};
use saphan::store::Store;
use saphan::worker::Worker;
use std::collections::BTreeMap;
use std::net::TcpListener;
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

/// Name, agency and scope of every client a gateway of these tests knows.
pub const CLIENTS: [(&str, Option<&str>, Scope); 8] = [
    ("obec", Some("obec"), Scope::AgencySubmit),
    ("opec", Some("opec"), Scope::AgencySubmit),
    ("dole", Some("dole"), Scope::AgencySubmit),
    ("ovec", Some("ovec"), Scope::AgencySubmit),
    ("ministry", None, Scope::MinistryRead),
    ("count", None, Scope::CountRun),
    ("register", None, Scope::RegisterSubmit),
    ("publish", None, Scope::OpendataPublish),
];

/// The round of the shipped samples.
pub const ROUND: &str = "2026-06-10";

/// A file of the shipped samples.
pub fn sample(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agencies").join(ROUND).join(name)).unwrap()
}

#[derive(Default)]
struct Switch(AtomicBool);

impl Readiness for Switch {
    fn ready(&self) -> BoxFuture<'_, Result<(), NotReady>> {
        let ready = !self.0.load(Ordering::SeqCst);
        Box::pin(async move { if ready { Ok(()) } else { Err(NotReady("the store was switched off".into())) } })
    }
}

struct FullQueue;

impl Queue for FullQueue {
    fn enter(&self, _: SubmissionId, _: Lane) -> Result<Done, QueueFull> {
        Err(QueueFull)
    }

    fn waiting(&self) -> usize {
        0
    }
}

pub struct Gateway {
    pub url: String,
    pub app: Arc<App>,
    home: Arc<tempfile::TempDir>,
    tokens: BTreeMap<&'static str, String>,
    client: Client,
    unready: Arc<Switch>,
    /// Its clock for what people are told by it, in seconds; it stands until a test puts it on.
    clock: Arc<AtomicI64>,
    handle: actix_web::dev::ServerHandle,
    thread: Option<JoinHandle<()>>,
}

impl Gateway {
    pub fn start() -> Self {
        Gateway::start_with(&[])
    }

    /// `settings`: more of them, by their names in the environment.
    pub fn start_with(settings: &[(&str, &str)]) -> Self {
        Gateway::start_in(Arc::new(tempfile::tempdir().unwrap()), settings, false)
    }

    /// One whose queue takes nothing.
    pub fn start_overloaded() -> Self {
        Gateway::start_in(Arc::new(tempfile::tempdir().unwrap()), &[], true)
    }

    /// Stops it and starts another in the same home.
    pub fn restart(self) -> Self {
        self.restart_with(&[])
    }

    pub fn restart_with(self, settings: &[(&str, &str)]) -> Self {
        let home = self.home.clone();
        drop(self);
        Gateway::start_in(home, settings, false)
    }

    pub fn restart_overloaded(self) -> Self {
        self.restart_overloaded_with(&[])
    }

    pub fn restart_overloaded_with(self, settings: &[(&str, &str)]) -> Self {
        let home = self.home.clone();
        drop(self);
        Gateway::start_in(home, settings, true)
    }

    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// The same store, opened once more, as by another process.
    pub async fn another_store(&self) -> Store {
        let database = match database::address(super::ENGINE, self.home.path()) {
            Some(address) => Database::Postgres(address),
            None => Database::Sqlite(self.home.path().join("saphan.db")),
        };
        Store::open(&database).await.unwrap()
    }

    /// Another over the same home and store.
    pub fn beside(&self) -> Self {
        Gateway::start_in(self.home.clone(), &[], false)
    }

    /// The same with settings; `overloaded`: its queue takes nothing.
    pub fn beside_with(&self, settings: &[(&str, &str)], overloaded: bool) -> Self {
        Gateway::start_in(self.home.clone(), settings, overloaded)
    }

    /// Another over the same store with a home of its own: of this one's it has the keys alone.
    pub fn beside_in_another_home(&self, settings: &[(&str, &str)]) -> Self {
        let home = tempfile::tempdir().unwrap();
        let keys = home.path().join("keys");
        std::fs::DirBuilder::new().mode(0o700).create(&keys).unwrap();
        for key in std::fs::read_dir(self.home().join("keys")).unwrap() {
            let key = key.unwrap();
            std::fs::copy(key.path(), keys.join(key.file_name())).unwrap();
        }
        let own = || format!("sqlite:{}", self.home().join("saphan.db").display());
        let database = database::address(super::ENGINE, self.home()).unwrap_or_else(own);
        Gateway::start_in(Arc::new(home), &[settings, &[("SAPHAN_DATABASE_URL", database.as_str())]].concat(), false)
    }

    fn start_in(home: Arc<tempfile::TempDir>, settings: &[(&str, &str)], overloaded: bool) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let mut given = BTreeMap::from([("SAPHAN_HOME".to_owned(), home.path().display().to_string())]);
        given.extend(
            database::address(super::ENGINE, home.path()).map(|address| ("SAPHAN_DATABASE_URL".to_owned(), address)),
        );
        given.extend(settings.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())));
        let settings = Settings::parse(None, &given).unwrap();
        let url = format!("{}://{address}", if settings.tls.is_some() { "https" } else { "http" });
        let unready = Arc::new(Switch::default());
        let readiness = unready.clone();
        let clock = Arc::new(AtomicI64::new(Timestamp::now().as_second()));
        let seconds = clock.clone();
        let told = Arc::new(move || Timestamp::from_second(seconds.load(Ordering::SeqCst)).unwrap());
        let (sender, receiver) = std::sync::mpsc::channel();
        let thread = std::thread::spawn(move || {
            let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            runtime.block_on(async move {
                let app = saphan::startup::open(&settings).await.unwrap().with_clock(told);
                let app = Arc::new(saphan::startup::secure(app, &settings).unwrap());
                let mut tokens = BTreeMap::new();
                for (name, agency, scope) in CLIENTS {
                    let agency = agency.map(|agency| AgencyCode::parse(agency).unwrap());
                    let issued = app.add_client(&Principal::Operator, name, agency, vec![scope]).await.unwrap();
                    tokens.insert(name, issued.token);
                }
                let worker = (!overloaded).then(|| Worker::start(app.clone(), 1));
                let queue = worker.as_ref().map_or_else(|| Arc::new(FullQueue) as Arc<dyn Queue>, Worker::queue);
                let parts = Parts { readiness, ..Parts::of(app.clone(), queue) };
                let server = start(listener, parts, Some(1)).unwrap();
                sender.send((server.handle(), app, tokens)).unwrap();
                server.await.unwrap();
                if let Some(worker) = worker {
                    worker.stop().await;
                }
            });
        });
        let (handle, app, tokens) = receiver.recv().unwrap();
        let client = Client::builder()
            .no_proxy()
            .redirect(reqwest::redirect::Policy::none())
            .timeout(Duration::from_secs(60))
            .build()
            .unwrap();
        Gateway { url, app, home, tokens, client, unready, clock, handle, thread: Some(thread) }
    }

    /// A request with the token of one of [`CLIENTS`].
    pub fn by(&self, client: &str, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(&self.tokens[client])
    }

    /// As a client of another gateway over the same store.
    pub fn by_one_of(&self, other: &Gateway, client: &str, method: Method, path: &str) -> RequestBuilder {
        self.request(method, path).bearer_auth(&other.tokens[client])
    }

    /// Sends a file; the answer may be anything.
    pub async fn send(&self, client: &str, mapping: &str, file: Vec<u8>) -> Response {
        let path = format!("/v1/submissions?mapping={mapping}&round={ROUND}");
        self.by(client, Method::POST, &path).body(file).send().await.unwrap()
    }

    /// The register, which every other file needs before it.
    pub async fn send_register(&self) {
        let response = self.send("register", "moe/schools", sample("schools.csv")).await;
        assert_eq!(response.status(), 201, "{}", response.text().await.unwrap());
    }

    /// Names of the files that are kept under the home, in order.
    pub fn kept(&self) -> Vec<PathBuf> {
        let Ok(folder) = std::fs::read_dir(self.home.path().join("kept")) else { return Vec::new() };
        let mut names: Vec<PathBuf> = folder.map(|entry| entry.unwrap().path()).collect();
        names.sort();
        names
    }

    pub fn switch_store_off(&self) {
        self.unready.0.store(true, Ordering::SeqCst);
    }

    /// Puts its clock so much further.
    pub fn advance(&self, seconds: i64) {
        self.clock.fetch_add(seconds, Ordering::SeqCst);
    }

    pub fn now(&self) -> Timestamp {
        Timestamp::from_second(self.clock.load(Ordering::SeqCst)).unwrap()
    }

    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.client.request(method, format!("{}{path}", self.url))
    }

    pub async fn get(&self, path: &str) -> Response {
        self.request(Method::GET, path).send().await.unwrap()
    }
}

impl Drop for Gateway {
    fn drop(&mut self) {
        // The command is sent when the future is made; the server's own thread carries it out.
        drop(self.handle.stop(false));
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

pub fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response.headers().get(name).map_or("", |value| value.to_str().unwrap())
}
