//! A gateway killed at any moment: nothing acknowledged is lost, nothing half is ever seen.

use super::harness::database::Reader;
use super::harness::process::{self, Running, crash_seed, get, token, with_register};
use super::harness::{ROUND, sample};
use reqwest::Client;
use serde_json::Value;
use std::hash::{BuildHasher, BuildHasherDefault, DefaultHasher};
use std::path::Path;
use std::time::{Duration, Instant};

const KILLS: u64 = 50;

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

#[tokio::test(flavor = "multi_thread")]
async fn killed_fifty_times_at_random_moments_it_loses_nothing_acknowledged_and_shows_nothing_half() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = with_register(folder.path());
    let obec = token(&saphan, &["--agency", "obec", "--scope", "agency.submit"]);
    let client = process::client();
    let lines: Vec<Vec<u8>> = sample("obec.csv").split_inclusive(|byte| *byte == b'\n').map(<[u8]>::to_vec).collect();

    let mut running = Running::start(&saphan, &[]);
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
    for number in 1..=KILLS {
        let moment = BuildHasherDefault::<DefaultHasher>::default().hash_one((seed, number));
        let delay = whole.mul_f64(moment as f64 / u64::MAX as f64 * 1.15);
        let url = running.url.clone();
        let (answer, ()) = tokio::join!(send(&url, number), async {
            tokio::time::sleep(delay).await;
            running.kill();
        });
        running = Running::start(&saphan, &[]);
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
        let parts: Vec<_> = std::fs::read_dir(saphan.home().join("kept"))
            .unwrap()
            .map(|entry| entry.unwrap().file_name().into_string().unwrap())
            .filter(|name| name.ends_with(".part"))
            .collect();
        assert!(parts.is_empty(), "kill {number}: {parts:?}");
    }
    running.kill();
    assert!(cut_off >= 10, "the kills must fall into the work: {cut_off} of {KILLS} cut a submission off");
    assert!(acknowledged_in_all + cut_off == KILLS);
}
