//! Settings: from the environment and one optional YAML file, typed and complete before anything starts.
//!
//! Every setting has one name: `SAPHAN_LISTEN` in the environment is `listen` in the file; the environment wins.
//! All faults are reported at once, each with its variable or its file and line, because an operator who mends one
//! at a time restarts ten times. Refuses unknown keys in the file, and variables that look like a misspelt setting.
//!
//! Beside them the standard `AWS_…` variables are read, as every S3 program reads them.
//!
//! Deliberately absent: the master key and passwords in the file. A secret belongs in the environment or in its own file.

mod pickup;
mod place;
mod rates;
mod sso;
mod tls;
mod value;

pub use pickup::{PickupRound, PickupSettings};
pub use place::{ObjectOptions, Place};
pub use rates::{RateSettings, RateStore};
pub use sso::{SsoSettings, is_safe_address};
pub use tls::{ClientCertificates, TlsSettings};

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use value::{Entry, Given, bytes, number};

/// All settings, with their defaults.
#[derive(Clone, PartialEq, Eq)]
pub struct Settings {
    /// Store, keys, kept files, open data. `SAPHAN_HOME`, default `./var`.
    pub home: PathBuf,
    /// `SAPHAN_DATABASE_URL` (`sqlite:PATH`, `postgres://…`), default the SQLite file `saphan.db` in the home.
    pub database: Database,
    /// `SAPHAN_LISTEN`, default `127.0.0.1:8080`.
    pub listen: SocketAddr,
    /// `SAPHAN_TLS_…`: how the door is secured; none: plain HTTP.
    pub tls: Option<TlsSettings>,
    /// `SAPHAN_SCHEMAS`; none: `./schemas`, else what is inside the binary.
    pub schemas: Option<PathBuf>,
    /// `SAPHAN_MAPPINGS`; none: `./mappings`, else what is inside the binary.
    pub mappings: Option<PathBuf>,
    /// `SAPHAN_MASTER_KEY`: 32 bytes in base64; none: `keys/master.key` in the home. Environment only.
    pub master_key: Option<String>,
    /// `SAPHAN_OBJECTS_URL`: where received files are kept, a folder or `s3://bucket/prefix`; default the home.
    pub objects: Place,
    /// `AWS_…`: how buckets are reached. Environment only.
    pub object_options: ObjectOptions,
    /// `pickup`: places where files are dropped. File only.
    pub pickups: Vec<PickupSettings>,
    /// `SAPHAN_PICKUP_SECONDS`: between two looks at them, default 15.
    pub pickup_seconds: u64,
    /// `SAPHAN_PUBLIC_URL`: where clients find this gateway, without a slash at its end; it stands in tokens as their issuer.
    /// Default `http://` (with TLS `https://`) and the address that is listened on.
    pub public_url: String,
    /// `SAPHAN_TOKEN_SECONDS`: how long an access token holds. Default 900.
    pub token_seconds: u64,
    /// `SAPHAN_SESSION_IDLE_SECONDS`: a person's session ends so long after the last request, default 1800.
    pub session_idle_seconds: u64,
    /// `SAPHAN_SESSION_SECONDS`: and so long after signing in, whatever happens, default 43200.
    pub session_seconds: u64,
    /// `SAPHAN_OIDC_…`: where people sign in by single sign-on; none: nowhere.
    pub sso: Option<SsoSettings>,
    /// `SAPHAN_AGREEMENTS`: `required` lets clients of agencies in by agreements only; default `optional`.
    pub agreements_required: bool,
    /// `SAPHAN_CHECKPOINT_ENTRIES`: the journal is signed after so many new entries, default 10,000.
    pub checkpoint_entries: u64,
    /// `SAPHAN_CHECKPOINT_SECONDS`: and so long after the last time if there are new ones, default 600.
    pub checkpoint_seconds: u64,
    pub limits: LimitSettings,
    /// How much each client may ask for.
    pub rates: RateSettings,
}

impl std::fmt::Debug for Settings {
    /// Without the master key.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Settings")
            .field("home", &self.home)
            .field("database", &self.database)
            .field("listen", &self.listen)
            .field("tls", &self.tls)
            .field("schemas", &self.schemas)
            .field("mappings", &self.mappings)
            .field("master_key", &self.master_key.as_ref().map(|_| "…"))
            .field("objects", &self.objects)
            .field("object_options", &self.object_options)
            .field("pickups", &self.pickups)
            .field("pickup_seconds", &self.pickup_seconds)
            .field("public_url", &self.public_url)
            .field("token_seconds", &self.token_seconds)
            .field("session_idle_seconds", &self.session_idle_seconds)
            .field("session_seconds", &self.session_seconds)
            .field("sso", &self.sso)
            .field("agreements_required", &self.agreements_required)
            .field("checkpoint_entries", &self.checkpoint_entries)
            .field("checkpoint_seconds", &self.checkpoint_seconds)
            .field("limits", &self.limits)
            .field("rates", &self.rates)
            .finish()
    }
}

/// Where the store is.
#[derive(Clone, PartialEq, Eq)]
pub enum Database {
    /// A file.
    Sqlite(PathBuf),
    /// An address, with whatever password it holds.
    Postgres(String),
}

impl std::fmt::Debug for Database {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Database::Sqlite(path) => f.debug_tuple("Sqlite").field(path).finish(),
            Database::Postgres(_) => f.debug_tuple("Postgres").field(&"…").finish(),
        }
    }
}

/// How much is taken, and with how much strength. Sizes are written `8388608`, `8 MiB` or `8 MB`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LimitSettings {
    /// `file_bytes_max`: one file as received. Default 8 GiB.
    pub file_bytes_max: u64,
    /// `expanded_bytes_max`: one file after decompression. Default 32 GiB.
    pub expanded_bytes_max: u64,
    /// `rows_max`: data rows of one file. Default 20,000,000.
    pub rows_max: u64,
    /// `record_bytes_max`: one record. Default 1 MiB.
    pub record_bytes_max: u64,
    /// `small_submission_bytes`: a file up to this size is answered with its receipt at once. Default 8 MiB.
    pub small_submission_bytes: u64,
    /// `workers`: threads that map rows. Default: one for each core.
    pub workers: usize,
    /// `submissions_at_once`: files being worked on together. Default 2.
    pub submissions_at_once: usize,
    /// `request_seconds_max`: how long a sender may take for one request. Default 3600.
    pub request_seconds_max: u64,
    /// `work_seconds_max`: how long the work on one file may take. Default 21600, six hours.
    pub work_seconds_max: u64,
    /// `upload_idle_seconds_max`: an upload in pieces that nothing came for so long is given up. Default 86400.
    pub upload_idle_seconds_max: u64,
    /// `drain_seconds`: after SIGTERM requests are still taken so long, while `/readyz` says no. Default 5.
    pub drain_seconds: u64,
}

/// Every setting, by its name in the file.
const NAMES: [&str; 42] = [
    "home",
    "database_url",
    "listen",
    tls::CERTIFICATE,
    tls::KEY,
    tls::CLIENT,
    tls::CLIENT_CA,
    tls::CLIENT_CRL,
    "schemas",
    "mappings",
    "master_key",
    "objects_url",
    "pickup_seconds",
    "public_url",
    "token_seconds",
    "session_idle_seconds",
    "session_seconds",
    sso::ISSUER,
    sso::CLIENT_ID,
    sso::CLIENT_SECRET,
    AGREEMENTS,
    "checkpoint_entries",
    "checkpoint_seconds",
    "file_bytes_max",
    "expanded_bytes_max",
    "rows_max",
    "record_bytes_max",
    "small_submission_bytes",
    "workers",
    "submissions_at_once",
    "request_seconds_max",
    "work_seconds_max",
    "upload_idle_seconds_max",
    "drain_seconds",
    "rate_submit",
    "rate_submit_bytes",
    "rate_submit_records",
    "rate_lookup",
    "rate_read",
    "rate_open",
    "rate_store_url",
    "rate_store_ms_max",
];
/// `required` or `optional`.
const AGREEMENTS: &str = "agreements";
const PREFIX: &str = "SAPHAN_";
/// A list, so it has its place in the file only.
const PICKUP: &str = "pickup";
/// Variables with our prefix that other parts read.
const NOT_SETTINGS: [&str; 6] =
    ["SAPHAN_CONFIG", "SAPHAN_LANG", "SAPHAN_LOG", "SAPHAN_LOG_JSON", "SAPHAN_SERVER", "SAPHAN_TOKEN"];
/// Variables with our prefix that the tests read.
const TEST_PREFIX: &str = "SAPHAN_TEST_";
/// A settings file is a page; more is a mistake.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// One thing wrong with the settings.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{place}: {fault}")]
pub struct ConfigFault {
    /// `SAPHAN_LISTEN`, or `saphan.yaml:3:9`.
    pub place: String,
    /// What is wrong and what would be taken; never the value of a secret.
    pub fault: String,
}

/// Everything wrong with the settings, in the order of the file, then the environment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}", .0.iter().map(ConfigFault::to_string).collect::<Vec<_>>().join("\n"))]
pub struct ConfigFaults(pub Vec<ConfigFault>);

/// The settings file as text.
#[derive(Debug, Clone, Copy)]
pub struct ConfigFile<'a> {
    /// As shown in faults.
    pub name: &'a str,
    pub text: &'a str,
}

impl Settings {
    /// Reads the environment and the file named there (`SAPHAN_CONFIG`) or given.
    pub fn load(file: Option<&Path>) -> Result<Settings, ConfigFaults> {
        let environment: BTreeMap<String, String> = std::env::vars_os()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.to_string_lossy().into_owned())))
            .filter(|(name, _)| name.starts_with(PREFIX) || name.starts_with(place::AWS))
            .collect();
        let path = file.map(Path::to_owned).or_else(|| environment.get("SAPHAN_CONFIG").map(PathBuf::from));
        let Some(path) = path else { return Settings::parse(None, &environment) };
        let name = path.display().to_string();
        let text = read_limited(&path)
            .map_err(|error| ConfigFaults(vec![ConfigFault { place: name.clone(), fault: error.to_string() }]))?;
        Settings::parse(Some(ConfigFile { name: &name, text: &text }), &environment)
    }

    /// Pure: from the file's text and the variables that begin with `SAPHAN_` or `AWS_`.
    pub fn parse(
        file: Option<ConfigFile<'_>>,
        environment: &BTreeMap<String, String>,
    ) -> Result<Settings, ConfigFaults> {
        let mut given = Given::default();
        let pickups = file.map(|file| from_file(file, &mut given)).unwrap_or_default();
        from_environment(environment, &mut given);
        let home = given.take("home", |text| Ok(PathBuf::from(text))).unwrap_or_else(|| "./var".into());
        let cores = std::thread::available_parallelism().map_or(2, usize::from);
        let small = |max: u64| move |text: &str| number(text, 1, max).map(|number| number as usize);
        let objects = given.take("objects_url", Place::parse).unwrap_or_else(|| Place::Folder(home.clone()));
        let object_options = ObjectOptions::of(environment);
        if objects.is_bucket() || pickups.iter().any(|pickup| pickup.from.is_bucket()) {
            object_options.check(&mut given);
        }
        let listen = given.take("listen", listen).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
        let tls = tls::read(&mut given);
        let scheme = if tls.is_some() { "https" } else { "http" };
        let rates = RateSettings::take(&mut given);
        let sso = sso::read(&mut given);
        let settings = Settings {
            rates,
            sso,
            public_url: given.take("public_url", public_url).unwrap_or_else(|| format!("{scheme}://{listen}")),
            tls,
            token_seconds: given.take("token_seconds", |text| number(text, 60, 3_600)).unwrap_or(900),
            session_idle_seconds: given.take("session_idle_seconds", |text| number(text, 60, 43_200)).unwrap_or(1_800),
            session_seconds: given.take("session_seconds", |text| number(text, 300, 86_400)).unwrap_or(43_200),
            objects,
            object_options,
            pickups,
            pickup_seconds: given.take("pickup_seconds", |text| number(text, 1, 86_400)).unwrap_or(15),
            agreements_required: given.take(AGREEMENTS, agreements).unwrap_or(false),
            checkpoint_entries: given
                .take("checkpoint_entries", |text| number(text, 1, 1_000_000_000))
                .unwrap_or(10_000),
            checkpoint_seconds: given.take("checkpoint_seconds", |text| number(text, 1, 31 * 86_400)).unwrap_or(600),
            database: given.take("database_url", database).unwrap_or_else(|| Database::Sqlite(home.join("saphan.db"))),
            home,
            listen,
            schemas: given.take("schemas", |text| Ok(PathBuf::from(text))),
            mappings: given.take("mappings", |text| Ok(PathBuf::from(text))),
            master_key: given.take("master_key", |text| Ok(text.to_owned())),
            limits: LimitSettings {
                file_bytes_max: given.take("file_bytes_max", bytes).unwrap_or(8 << 30),
                expanded_bytes_max: given.take("expanded_bytes_max", bytes).unwrap_or(32 << 30),
                // Row numbers are stored in 32 bits.
                rows_max: given.take("rows_max", |text| number(text, 1, u64::from(u32::MAX))).unwrap_or(20_000_000),
                record_bytes_max: given.take("record_bytes_max", bytes).unwrap_or(1 << 20),
                small_submission_bytes: given.take("small_submission_bytes", bytes).unwrap_or(8 << 20),
                workers: given.take("workers", small(1_024)).unwrap_or(cores),
                submissions_at_once: given.take("submissions_at_once", small(64)).unwrap_or(2),
                request_seconds_max: given.take("request_seconds_max", |text| number(text, 1, 86_400)).unwrap_or(3_600),
                work_seconds_max: given.take("work_seconds_max", |text| number(text, 1, 604_800)).unwrap_or(21_600),
                upload_idle_seconds_max: given
                    .take("upload_idle_seconds_max", |text| number(text, 1, 31 * 86_400))
                    .unwrap_or(86_400),
                drain_seconds: given.take("drain_seconds", |text| number(text, 0, 3_600)).unwrap_or(5),
            },
        };
        if given.faults.is_empty() { Ok(settings) } else { Err(ConfigFaults(given.faults)) }
    }
}

fn read_limited(path: &Path) -> std::io::Result<String> {
    let mut text = String::new();
    std::io::Read::read_to_string(&mut std::io::Read::take(std::fs::File::open(path)?, FILE_BYTES_MAX), &mut text)?;
    Ok(text)
}

fn from_file(file: ConfigFile<'_>, given: &mut Given) -> Vec<PickupSettings> {
    let place = |line: u64, column: u64| format!("{}:{line}:{column}", file.name);
    let mut pickups = Vec::new();
    if file.text.trim().is_empty() {
        return pickups;
    }
    let entries: BTreeMap<String, serde_saphyr::Spanned<Entry>> = match serde_saphyr::from_str(file.text) {
        Ok(entries) => entries,
        Err(error) => {
            let place = error.location().map_or(file.name.to_owned(), |at| place(at.line(), at.column()));
            given.fault(place, "not a list of `setting: value` lines, or one stands twice".to_owned());
            return pickups;
        }
    };
    let mut entries: Vec<_> = entries.into_iter().collect();
    entries.sort_by_key(|(_, entry)| (entry.defined.line(), entry.defined.column()));
    for (name, entry) in entries {
        let at = place(entry.defined.line(), entry.defined.column());
        let (text, place) = match entry.value {
            Entry::One(text) if name != PICKUP => (text.0, at),
            Entry::List(items) if name == PICKUP => {
                pickups = pickup::read(items, place, given);
                continue;
            }
            Entry::List(_) => {
                given.fault(at, format!("`{name}` takes one value, not a list"));
                continue;
            }
            Entry::One(_) => {
                given.fault(
                    at,
                    "`pickup` takes a list of places, each with `from`, `mapping`, `round`, `client`".into(),
                );
                continue;
            }
        };
        if name == "master_key" {
            given.fault(
                place,
                "a secret doesn't belong in this file: set SAPHAN_MASTER_KEY, or leave it to keys/master.key".into(),
            );
        } else if name == sso::CLIENT_SECRET {
            given.fault(place, "a secret doesn't belong in this file: set SAPHAN_OIDC_CLIENT_SECRET".into());
        } else if name == "database_url" && has_password(&text) {
            given.fault(
                place,
                "a password doesn't belong in this file: leave it out of the address and put it into PGPASSWORD or \
                 ~/.pgpass, or set SAPHAN_DATABASE_URL"
                    .into(),
            );
        } else if RateSettings::is_secret(&name, &text) {
            given.fault(place, "a password doesn't belong in this file: set SAPHAN_RATE_STORE_URL".into());
        } else if NAMES.contains(&name.as_str()) {
            given.set(name, place, text);
        } else {
            let hint = nearest(&name)
                .map_or_else(|| "known are: ".to_owned() + &NAMES.join(", "), |near| format!("did you mean `{near}`?"));
            given.fault(place, format!("there is no setting `{name}`; {hint}"));
        }
    }
    pickups
}

fn from_environment(environment: &BTreeMap<String, String>, given: &mut Given) {
    for (variable, value) in environment {
        let Some(name) = variable.strip_prefix(PREFIX).map(str::to_ascii_lowercase) else { continue };
        if NAMES.contains(&name.as_str()) {
            given.set(name, variable.clone(), value.clone());
        } else if name == PICKUP {
            given.fault(variable.clone(), "a list of places stands in the settings file, as `pickup`".into());
        } else if NOT_SETTINGS.contains(&variable.as_str()) {
            // Read elsewhere.
        } else if let Some(near) = nearest(&name) {
            // Only near misses stop: container platforms put variables of their own under a service's name. The others
            // are named by `unknown_variables`.
            let near = near.to_ascii_uppercase();
            given.fault(variable.clone(), format!("there is no such setting; did you mean {PREFIX}{near}?"));
        }
    }
}

/// Variables of this process with our prefix that nothing reads, each with the one that was probably meant. Those so
/// near a setting that `Settings::load` refuses them are left out where `are_settings_loaded`.
pub fn unknown_variables(are_settings_loaded: bool) -> Vec<(String, Option<String>)> {
    let is_of_platform = |value: &std::ffi::OsStr| value.to_string_lossy().starts_with("tcp://");
    let mut names: Vec<String> = std::env::vars_os()
        .filter(|(_, value)| !is_of_platform(value))
        .filter_map(|(name, _)| name.into_string().ok())
        .filter(|name| name.starts_with(PREFIX))
        .collect();
    names.sort();
    unknown(names, are_settings_loaded)
}

fn unknown(names: Vec<String>, are_settings_loaded: bool) -> Vec<(String, Option<String>)> {
    let meant = |variable: &String| {
        let name = variable.strip_prefix(PREFIX)?.to_ascii_lowercase();
        let is_known = NAMES.contains(&name.as_str())
            || NOT_SETTINGS.contains(&variable.as_str())
            || (name == PICKUP && are_settings_loaded)
            || variable.starts_with(TEST_PREFIX);
        let near = nearest(&name);
        if is_known || (are_settings_loaded && near.is_some()) {
            return None;
        }
        // Half a name, or a name and more, is near enough for a hint.
        let part = || NAMES.into_iter().find(|known| known.contains(&*name) || name.contains(known));
        Some(near.or_else(part).map(|known| format!("{PREFIX}{}", known.to_ascii_uppercase())))
    };
    names.iter().filter_map(|name| Some((name.clone(), meant(name)?))).collect()
}

/// The setting this was probably meant to be.
fn nearest(name: &str) -> Option<&'static str> {
    NAMES
        .into_iter()
        .map(|known| (strsim::damerau_levenshtein(known, name), known))
        .min()
        .filter(|(d, _)| *d <= 2)
        .map(|(_, known)| known)
}

fn listen(text: &str) -> Result<SocketAddr, String> {
    text.parse().map_err(|_| format!("`{text}` is not an address and port such as 127.0.0.1:8080 or [::]:8080"))
}

fn agreements(text: &str) -> Result<bool, String> {
    match text {
        "required" => Ok(true),
        "optional" => Ok(false),
        _ => Err(format!("`{text}` is neither required nor optional")),
    }
}

fn public_url(text: &str) -> Result<String, String> {
    let host = text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).unwrap_or_default();
    let fits = !host.is_empty() && !host.ends_with('/') && host.bytes().all(|byte| byte.is_ascii_graphic());
    // What a client compares letter by letter has one form only.
    if fits && !host.contains(['?', '#', '@']) {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is not an address such as https://saphan.example.go.th, without a slash at its end"))
    }
}

/// `postgres://user:password@…`, or `…?password=…`.
fn has_password(address: &str) -> bool {
    let rest = address.split_once("://").map_or(address, |(_, rest)| rest);
    let user =
        rest.split(['/', '?']).next().and_then(|authority| authority.rsplit_once('@')).map_or("", |(user, _)| user);
    user.contains(':') || address.contains("password=")
}

fn database(text: &str) -> Result<Database, String> {
    // The whole address is never repeated: it may hold a password.
    let (scheme, rest) = text.split_once(':').unwrap_or(("", ""));
    match scheme {
        "sqlite" => {
            let path = rest.strip_prefix("//").unwrap_or(rest);
            if path.is_empty() || path.contains('?') || path == ":memory:" {
                return Err("name a file: sqlite:/var/lib/saphan/saphan.db".into());
            }
            Ok(Database::Sqlite(PathBuf::from(path)))
        }
        "postgres" | "postgresql" if rest.len() > 2 && rest.starts_with("//") => {
            Ok(Database::Postgres(text.to_owned()))
        }
        "postgres" | "postgresql" => Err("name user, machine and database: postgres://saphan@db.example/saphan".into()),
        _ => Err("not a database address; write sqlite:/var/lib/saphan/saphan.db or \
            postgres://saphan@db.example/saphan"
            .into()),
    }
}

#[cfg(test)]
mod tests;
