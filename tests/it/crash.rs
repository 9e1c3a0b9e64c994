//! A gateway killed at any moment, its files kept in the home or in an object store: nothing acknowledged is lost, nothing half
//! is ever seen, and after the sweep nothing lies there that the store does not know.

use super::harness::cli::Saphan;
use super::harness::database::{self, Reader};
use super::harness::objects::{BUCKET, Kind, S3};
use super::harness::process::{self, Running, crash_seed, get, token};
use super::harness::{ROUND, sample};
use jiff::{SignedDuration, Timestamp};
use reqwest::Client;
use saphan::config::Settings;
use saphan::objects::Objects;
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

const PREFIX: &str = "gateway/one";

/// Waits until every kept submission is at its end; answers them, newest first.
async fn settled(client: &Client, token: &str, url: &str) -> Vec<Value> {
    let begun = Instant::now();
    loop {
        let list = get(client, token, &format!("{url}/v1/submissions?limit=200")).await;
        let list = list["submissions"].as_array().unwrap().clone();
        if list.iter().all(|one| !matches!(one["state"].as_str(), Some("received" | "processing"))) {
            return list;
        }
        assert!(begun.elapsed() < Duration::from_secs(60), "a submission is never taken up: {list:?}");
        tokio::time::sleep(Duration::from_millis(30)).await;
    }
}

/// Rows of submissions that are not committed, rows without a sealed record, and rows in force.
async fn rows(home: &Path) -> (i64, i64, i64) {
    let mut reader = Reader::open(home).await;
    let half = reader
        .number(
            "SELECT count(*) FROM enrolment WHERE holding NOT IN \
             (SELECT h.id FROM holding h JOIN submission s ON s.seq = h.submission WHERE s.state = 'committed')",
        )
        .await;
    let bare =
        reader.number("SELECT count(*) FROM enrolment WHERE record NOT IN (SELECT record FROM vault_record)").await;
    let force =
        reader.number("SELECT count(*) FROM enrolment e JOIN holding h ON h.id = e.holding WHERE h.in_force = 1").await;
    (half, bare, force)
}

/// Every file in a folder of the home.
fn files(home: &Path, folder: &str) -> Vec<PathBuf> {
    std::fs::read_dir(home.join(folder)).into_iter().flatten().map(|entry| entry.unwrap().path()).collect()
}

/// A day later: what may still have been on its way can no longer be.
async fn swept(saphan: &Saphan, objects: &Objects, settings: &[(&str, String)], known: &BTreeSet<String>) {
    let mut given: BTreeMap<String, String> =
        settings.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
    given.insert("SAPHAN_HOME".to_owned(), saphan.home().display().to_string());
    let address = database::address(super::ENGINE, saphan.home());
    given.extend(address.map(|address| ("SAPHAN_DATABASE_URL".to_owned(), address)));
    let app = saphan::startup::open(&Settings::parse(None, &given).unwrap()).await.unwrap();
    for path in files(saphan.home(), "spool") {
        let file = std::fs::File::options().write(true).open(path).unwrap();
        file.set_modified(SystemTime::now() - Duration::from_secs(2 * 86_400)).unwrap();
    }
    app.sweep_spool().unwrap();
    app.sweep_incoming(Timestamp::now() + SignedDuration::from_hours(1)).await.unwrap();
    let names = async |folder: &str| -> BTreeSet<String> {
        let found = objects.list(folder, 1_000).await.unwrap();
        found.into_iter().map(|entry| entry.name.into_string().unwrap()).collect()
    };
    assert_eq!(names("kept").await, *known, "what the store knows is there, and nothing else");
    assert_eq!(names("incoming").await, BTreeSet::new());
    assert_eq!(files(saphan.home(), "spool"), Vec::<PathBuf>::new());
}

async fn killed_at_random_moments(kills: u64, kind: Kind) {
    let folder = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(folder.path());
    let s3 = (kind == Kind::Bucket).then(S3::start);
    let mut settings = s3.as_ref().map(S3::variables).unwrap_or_default();
    settings.extend(s3.iter().map(|_| ("SAPHAN_OBJECTS_URL", format!("s3://{BUCKET}/{PREFIX}"))));
    let start = || {
        let settings: Vec<(&str, &str)> = settings.iter().map(|(name, value)| (*name, value.as_str())).collect();
        Running::start(&saphan, &settings)
    };
    let obec = token(&saphan, &["--agency", "obec", "--scope", "agency.submit"]);
    let ministry = token(&saphan, &["--scope", "register.submit", "--scope", "ministry.read"]);
    let client = process::client();
    let lines: Vec<Vec<u8>> = sample("obec.csv").split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();

    let mut running = start();
    let url = format!("{}/v1/submissions?mapping=moe/schools&round={ROUND}", running.url);
    let register = client.post(url).bearer_auth(&ministry).body(sample("schools.csv")).send().await.unwrap();
    assert_eq!(register.status(), 201);
    // How long one submission takes here, so that the kills fall all over it. Every file has its own rows.
    let send = async |url: &str, number: u64| {
        let body: Vec<u8> = lines[..lines.len() - number as usize].concat();
        let url = format!("{url}/v1/submissions?mapping=obec/enrolments&round={ROUND}");
        let sent = client.post(url).bearer_auth(&obec).body(body).send().await;
        match sent {
            Ok(response) if response.status().is_success() => response.json::<Value>().await.ok(),
            _ => None,
        }
    };
    let begun = Instant::now();
    send(&running.url, 0).await.expect("the first is taken whole");
    let whole = begun.elapsed();

    let seed = crash_seed();
    let (mut acknowledged_in_all, mut cut_off) = (0, 0);
    for number in 1..=kills {
        let moment = BuildHasherDefault::<DefaultHasher>::default().hash_one((seed, number));
        let share = moment as f64 / u64::MAX as f64 * 1.15;
        // More of them while a file is on its way into the bucket: the work on it after that is the same.
        let delay = whole.mul_f64(if kind == Kind::Bucket { share * share } else { share });
        let url = running.url.clone();
        let (answer, ()) = tokio::join!(send(&url, number), async {
            tokio::time::sleep(delay).await;
            running.kill();
        });
        running = start();
        let list = settled(&client, &obec, &running.url).await;
        match answer {
            Some(view) => {
                acknowledged_in_all += 1;
                let kept = list.iter().find(|one| one["id"] == view["id"]);
                assert_eq!(kept.expect("acknowledged, so never lost")["state"], "committed", "kill {number}");
            }
            None => cut_off += 1,
        }
        let newest = list.iter().find(|one| one["state"] == "committed").unwrap();
        let (half, bare, force) = rows(saphan.home()).await;
        assert_eq!((half, bare), (0, 0), "kill {number}: rows of nothing that was committed");
        assert_eq!(
            force,
            newest["receipt"]["accepted"].as_i64().unwrap(),
            "kill {number}: the newest file, whole, is in force"
        );
        let mut parts = [files(saphan.home(), "kept"), files(saphan.home(), "spool")].concat();
        parts.retain(|path| path.extension().is_some_and(|extension| extension == "part"));
        assert!(parts.is_empty(), "kill {number}: {parts:?}");
    }
    let list = get(&client, &ministry, &format!("{}/v1/submissions?limit=200", running.url)).await;
    let known = list["submissions"].as_array().unwrap().iter().map(|one| one["id"].as_str().unwrap().to_owned());
    let known = known.collect();
    running.kill();
    let objects = s3.as_ref().map_or_else(|| Objects::folder(saphan.home()), |s3| s3.objects(PREFIX));
    swept(&saphan, &objects, &settings, &known).await;
    assert!(cut_off >= kills / 5, "the kills must fall into the work: {cut_off} of {kills} cut a submission off");
    assert!(acknowledged_in_all + cut_off == kills);
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_fifty_times_at_random_moments_it_loses_nothing_acknowledged_and_shows_nothing_half() {
    killed_at_random_moments(50, Kind::Folder).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_while_files_go_to_an_object_store_it_loses_nothing_acknowledged_and_leaves_nothing_there() {
    killed_at_random_moments(12, Kind::Bucket).await;
}
