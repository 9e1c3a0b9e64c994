//! A throw-away PostgreSQL server for the tests: a cluster of its own in a temporary folder, reached by a socket there.
//!
//! One for a run of the test binary, a schema for every test. Never the machine's own service. `SAPHAN_TEST_DATABASE_URL`
//! names another server to test against; schemas `saphan_test_…` stay behind in that one.
//!
//! Owns its end: the server's keeper reads a pipe that only this process holds, so it stops the server and removes the
//! folder when the tests end, however they end.

use sqlx::postgres::PgConnectOptions;
use sqlx::{AssertSqlSafe, ConnectOptions, Executor};
use std::io::{BufRead, BufReader};
use std::os::unix::fs::MetadataExt;
use std::path::PathBuf;
use std::process::{Child, Command, Stdio};
use std::sync::LazyLock;

/// Sorts by the Thai dictionary, as a ministry's database may: the store must not lean on the server's order.
const KEEPER: &str = r#"
trap '' INT TERM HUP
folder=$(mktemp -d) || exit 1
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
export LC_ALL=C.UTF-8
"$1/initdb" --pgdata=data --username=saphan --auth=trust --encoding=UTF8 \
    --locale-provider=icu --icu-locale=th --no-sync >log 2>&1 || { cat log; exit 1; }
"$1/postgres" -D data -k "$folder" -c listen_addresses= -c max_connections=300 \
    -c fsync=off -c synchronous_commit=off -c full_page_writes=off >>log 2>&1 &
server=$!
until "$1/pg_isready" -q -h "$folder"; do
    kill -0 $server 2>/dev/null || { cat log; exit 1; }
    sleep 0.05
done
echo "ready $folder"
cat >/dev/null
kill -QUIT $server
wait $server
"#;

struct Server {
    address: String,
    /// Its standard input is the pipe.
    _keeper: Option<Child>,
}

static SERVER: LazyLock<Server> = LazyLock::new(|| match std::env::var("SAPHAN_TEST_DATABASE_URL") {
    Ok(address) => Server { address, _keeper: None },
    Err(_) => start(),
});

/// Of the newest PostgreSQL that is installed.
fn programs() -> PathBuf {
    let versions = std::fs::read_dir("/usr/lib/postgresql").into_iter().flatten().flatten();
    let newest = versions.filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok()).max();
    let newest = newest.expect("PostgreSQL is not installed: run scripts/install.sh test");
    PathBuf::from(format!("/usr/lib/postgresql/{newest}/bin"))
}

#[expect(clippy::zombie_processes, reason = "it outlives this process by the moment it takes to clear up")]
fn start() -> Server {
    // PostgreSQL refuses to run as root.
    let root = std::fs::metadata("/proc/self").unwrap().uid() == 0;
    let mut command = Command::new(if root { "setpriv" } else { "sh" });
    if root {
        command.args(["--reuid=postgres", "--regid=postgres", "--clear-groups", "sh"]);
    }
    command.args(["-c", KEEPER, "keeper"]).arg(programs()).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut keeper = command.spawn().expect("the server's keeper starts");
    let mut said = String::new();
    for line in BufReader::new(keeper.stdout.take().unwrap()).lines() {
        let line = line.unwrap();
        if let Some(folder) = line.strip_prefix("ready ") {
            let address = format!("postgres://saphan@{}/postgres", folder.replace('/', "%2F"));
            return Server { address, _keeper: Some(keeper) };
        }
        said.push_str(&line);
        said.push('\n');
    }
    panic!("the PostgreSQL server for the tests did not start:\n{said}");
}

/// The address of a schema of this name, which is made if it isn't there.
pub fn address(schema: &str) -> String {
    let base = &SERVER.address;
    let options = base.parse::<PgConnectOptions>().expect("an address of PostgreSQL");
    let make = AssertSqlSafe(format!("CREATE SCHEMA IF NOT EXISTS {schema}"));
    // A thread of its own, because the caller may be inside a runtime or not.
    let made = std::thread::spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async { options.connect().await?.execute(make).await.map(drop) })
    });
    made.join().unwrap().expect("a schema for the test");
    let separator = if base.contains('?') { '&' } else { '?' };
    format!("{base}{separator}options=-csearch_path%3D{schema}")
}
