//! An S3 server of the test's own: it checks signatures, keeps objects as files, and can be away.
//!
//! Owns its end: it stops with the test.

use hyper_util::rt::{TokioExecutor, TokioIo};
use hyper_util::server::conn::auto::Builder;
use s3s::auth::SimpleAuth;
use s3s::service::S3ServiceBuilder;
use s3s_fs::FileSystem;
use saphan::config::{ObjectOptions, Place, Settings};
use saphan::objects::Objects;
use std::collections::BTreeMap;
use std::net::{SocketAddr, TcpListener};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::runtime::Runtime;

pub const BUCKET: &str = "saphan-test";
const KEY: &str = "test-key";
const SECRET: &str = "a secret of the tests, longer than one block of SHA-256 so that its key is hashed";

/// Where a gateway of these tests keeps its files.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    Folder,
    Bucket,
}

pub struct S3 {
    folder: tempfile::TempDir,
    address: SocketAddr,
    runtime: Option<Runtime>,
}

impl S3 {
    pub fn start() -> S3 {
        let folder = tempfile::tempdir().unwrap();
        std::fs::create_dir(folder.path().join(BUCKET)).unwrap();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let mut server = S3 { folder, address: listener.local_addr().unwrap(), runtime: None };
        server.serve(listener);
        server
    }

    fn serve(&mut self, listener: TcpListener) {
        let mut builder = S3ServiceBuilder::new(FileSystem::new(self.folder.path()).unwrap());
        builder.set_auth(SimpleAuth::from_single(KEY, SECRET));
        let service = builder.build();
        listener.set_nonblocking(true).unwrap();
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            let http = Arc::new(Builder::new(TokioExecutor::new()));
            while let Ok((socket, _)) = listener.accept().await {
                let (http, service) = (http.clone(), service.clone());
                tokio::spawn(async move { http.serve_connection(TokioIo::new(socket), service).await.map_err(drop) });
            }
        });
        self.runtime = Some(runtime);
    }

    /// Ends the server with every connection; what it keeps stays.
    pub fn go_away(&mut self) {
        self.runtime.take().unwrap().shutdown_background();
        // Nobody listens once the runtime has let go of the socket.
        while std::net::TcpStream::connect(self.address).is_ok() {
            std::thread::yield_now();
        }
    }

    pub fn come_back(&mut self) {
        let listener = loop {
            match TcpListener::bind(self.address) {
                Ok(listener) => break listener,
                Err(_) => std::thread::yield_now(),
            }
        };
        self.serve(listener);
    }

    /// The standard variables that lead here.
    pub fn variables(&self) -> Vec<(&'static str, String)> {
        vec![
            ("AWS_ENDPOINT_URL", format!("http://{}", self.address)),
            ("AWS_ALLOW_HTTP", "true".to_owned()),
            ("AWS_ACCESS_KEY_ID", KEY.to_owned()),
            ("AWS_SECRET_ACCESS_KEY", SECRET.to_owned()),
            ("AWS_REGION", "ap-southeast-7".to_owned()),
        ]
    }

    pub fn options(&self) -> ObjectOptions {
        let given: BTreeMap<String, String> =
            self.variables().into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        Settings::parse(None, &given).unwrap().object_options
    }

    pub fn place(prefix: &str) -> Place {
        Place::Bucket { bucket: BUCKET.to_owned(), prefix: prefix.to_owned() }
    }

    pub fn objects(&self, prefix: &str) -> Objects {
        Objects::open(&S3::place(prefix), &self.options()).unwrap()
    }

    /// Where the server keeps the object of a key.
    pub fn file(&self, key: &str) -> PathBuf {
        self.folder.path().join(BUCKET).join(key)
    }
}

impl Drop for S3 {
    fn drop(&mut self) {
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}
