//! A throw-away Redis or Valkey for the tests: in a folder of the test's own, reached by a socket there, killed at will.
//!
//! Debian's `redis-tools` is enough: the program that checks files is the server too, under another name, and that package
//! starts no service of the machine.
//!
//! Owns its end: the server's keeper reads a pipe that only this process holds, so it kills the server when the test ends,
//! however it ends.

use std::io::{BufRead, BufReader, Write};
use std::os::unix::net::UnixStream;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};

const KEEPER: &str = r#"
trap '' INT TERM HUP
cd "$1" || exit 1
rm -f socket
ln -sf "$2" redis-server || exit 1
./redis-server --port 0 --unixsocket "$1/socket" --save '' --appendonly no >log 2>&1 &
server=$!
until [ -S socket ]; do
    kill -0 $server 2>/dev/null || { cat log; exit 1; }
    sleep 0.02
done
echo "ready $server"
cat >/dev/null
{ kill -KILL $server; wait $server; } 2>/dev/null
"#;

pub struct LimitServer {
    folder: tempfile::TempDir,
    /// Its standard input is the pipe.
    keeper: Option<Child>,
    process: String,
}

fn program() -> PathBuf {
    let names = ["valkey-server", "redis-server", "redis-check-rdb", "valkey-check-rdb"];
    let path = std::env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found =
        names.iter().find_map(|name| folders.iter().map(|folder| folder.join(name)).find(|file| file.is_file()));
    found.expect("neither Redis nor Valkey is installed: run scripts/install.sh test")
}

impl LimitServer {
    pub fn start() -> Self {
        let mut server = LimitServer { folder: tempfile::tempdir().unwrap(), keeper: None, process: String::new() };
        server.come_back();
        server
    }

    /// What `SAPHAN_RATE_STORE_URL` says.
    pub fn url(&self) -> String {
        format!("redis+unix://{}", self.socket().display())
    }

    fn socket(&self) -> PathBuf {
        self.folder.path().join("socket")
    }

    /// All that it holds.
    pub fn keys(&self) -> Vec<String> {
        let mut line = UnixStream::connect(self.socket()).unwrap();
        line.write_all(b"KEYS *\r\n").unwrap();
        let mut answer = BufReader::new(line).lines().map(Result::unwrap);
        // `*2`, and for each `$9` and the key itself.
        let many: usize = answer.next().unwrap().trim_start_matches('*').parse().unwrap();
        (0..many).map(|_| answer.nth(1).unwrap()).collect()
    }

    /// At the same place, with nothing in it.
    pub fn come_back(&mut self) {
        let mut command = Command::new("sh");
        command.args(["-c", KEEPER, "keeper"]).arg(self.folder.path()).arg(program());
        let mut keeper = command.stdin(Stdio::piped()).stdout(Stdio::piped()).spawn().unwrap();
        let lines = BufReader::new(keeper.stdout.take().unwrap()).lines();
        self.keeper = Some(keeper);
        let mut said = String::new();
        for line in lines {
            let line = line.unwrap();
            if let Some(process) = line.strip_prefix("ready ") {
                self.process = process.to_owned();
                return;
            }
            said.push_str(&line);
            said.push('\n');
        }
        panic!("the server for limits did not start:\n{said}");
    }

    /// SIGKILL, and it is gone.
    pub fn kill(&mut self) {
        if let Some(mut keeper) = self.keeper.take() {
            drop(keeper.stdin.take());
            keeper.wait().unwrap();
        }
    }

    /// It keeps its connections and says nothing any more.
    pub fn freeze(&self) {
        assert!(Command::new("kill").args(["-STOP", &self.process]).status().unwrap().success());
    }
}

impl Drop for LimitServer {
    fn drop(&mut self) {
        self.kill();
    }
}
