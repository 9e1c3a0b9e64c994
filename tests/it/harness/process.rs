//! The real server as a process of its own: started, killed, asked to stop.

use super::ROUND;
use super::cli::Saphan;
use reqwest::Client;
use serde_json::Value;
use std::hash::{BuildHasher, RandomState};
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

pub struct Running {
    child: Child,
    pub url: String,
    said: Arc<Mutex<Vec<u8>>>,
}

impl Running {
    /// It says where it listens. `settings`: more of them, by their names in the environment.
    pub fn start(saphan: &Saphan, settings: &[(&str, &str)]) -> Self {
        let mut command = saphan.command(&["serve"]);
        command.env("SAPHAN_LISTEN", "127.0.0.1:0").env("SAPHAN_LOG", "error").envs(settings.iter().copied());
        let mut child = command.stderr(Stdio::piped()).stdout(Stdio::null()).spawn().unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).split(b'\n');
        let url = loop {
            let line = String::from_utf8(lines.next().expect("it says where it listens").unwrap()).unwrap();
            if let Some((_, url)) = line.split_once("listens on ") {
                break url.trim().to_owned();
            }
        };
        let said = Arc::new(Mutex::new(Vec::new()));
        let heard = Arc::clone(&said);
        let hear = move |line: Vec<u8>| heard.lock().unwrap().extend([&line[..], b"\n"].concat());
        std::thread::spawn(move || lines.map_while(Result::ok).for_each(hear));
        Running { child, url, said }
    }

    /// Its log since it listens.
    pub fn said(&self) -> Vec<u8> {
        self.said.lock().unwrap().clone()
    }

    pub fn kill(mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// SIGTERM; it goes on until it is done.
    pub fn ask_to_stop(&self) {
        self.tell("-TERM");
    }

    /// SIGHUP: it is to look at its files.
    pub fn hang_up(&self) {
        self.tell("-HUP");
    }

    fn tell(&self, signal: &str) {
        let told = Command::new("kill").args([signal, &self.child.id().to_string()]).status().unwrap();
        assert!(told.success());
    }

    /// Its end, once it was asked to stop.
    pub async fn ended(mut self) -> ExitStatus {
        let begun = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(begun.elapsed() < Duration::from_secs(60), "it does not stop");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

impl Drop for Running {
    /// A test that fails leaves no server behind.
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|ended| ended.is_none()) {
            let _ = self.child.kill();
            let _ = self.child.wait();
        }
    }
}

/// A gateway's home in which the samples' school register is in force.
pub fn with_register(folder: &Path) -> Saphan {
    let saphan = Saphan::new(folder);
    let schools = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agencies").join(ROUND).join("schools.csv");
    let ran =
        saphan.run(&["submit", "--json", "--mapping", "moe/schools", "--round", ROUND, schools.to_str().unwrap()]);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    saphan
}

/// Shown if the test fails; `SAPHAN_CRASH_SEED` brings the same moments again.
#[expect(clippy::print_stdout, reason = "who reads of a failure needs it")]
pub fn crash_seed() -> u64 {
    let seed = match std::env::var("SAPHAN_CRASH_SEED") {
        Ok(seed) => seed.parse().expect("a number"),
        Err(_) => RandomState::new().hash_one(()),
    };
    println!("SAPHAN_CRASH_SEED={seed}");
    seed
}

/// The token of a new client.
pub fn token(saphan: &Saphan, arguments: &[&str]) -> String {
    let mut all = vec!["client", "add", "--json", "--name", "test"];
    all.extend(arguments);
    let ran = saphan.run(&all);
    serde_json::from_str::<Value>(&ran.stdout).unwrap()["token"].as_str().unwrap().to_owned()
}

pub fn client() -> Client {
    Client::builder().no_proxy().timeout(Duration::from_secs(60)).build().unwrap()
}

pub async fn get(client: &Client, token: &str, url: &str) -> Value {
    client.get(url).bearer_auth(token).send().await.unwrap().json().await.unwrap()
}

/// Looks again and again until it is so; answers what was seen then.
pub async fn until(client: &Client, token: &str, url: &str, so: impl Fn(&Value) -> bool) -> Value {
    let begun = Instant::now();
    loop {
        let seen = get(client, token, url).await;
        if so(&seen) {
            return seen;
        }
        assert!(begun.elapsed() < Duration::from_secs(50), "it never comes: {seen}");
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
}
