//! Settings from both sources, and every fault at once.

use super::*;
use crate::domain::enrolment::SubmissionMode;
use crate::domain::round::Round;

fn environment(pairs: &[(&str, &str)]) -> BTreeMap<String, String> {
    pairs.iter().map(|(name, value)| (format!("SAPHAN_{name}"), (*value).to_owned())).collect()
}

fn file(text: &str) -> Option<ConfigFile<'_>> {
    Some(ConfigFile { name: "saphan.yaml", text })
}

fn faults(text: &str, pairs: &[(&str, &str)]) -> Vec<String> {
    let ConfigFaults(faults) = Settings::parse(file(text), &environment(pairs)).unwrap_err();
    faults.iter().map(ConfigFault::to_string).collect()
}

#[test]
fn nothing_given_is_a_working_gateway() {
    let settings = Settings::parse(None, &environment(&[])).unwrap();
    assert_eq!(settings.home, Path::new("./var"));
    assert_eq!(settings.database, Database::Sqlite("./var/saphan.db".into()));
    assert_eq!(settings.listen.to_string(), "127.0.0.1:8080");
    assert_eq!(settings.limits.small_submission_bytes, 8 << 20);
    assert!(settings.limits.workers >= 1);
    assert_eq!(settings.limits.work_seconds_max, 21_600);
    assert_eq!(Settings::parse(file("\n"), &environment(&[])).unwrap(), settings);
}

#[test]
fn the_environment_wins_over_the_file() {
    let text = "listen: 0.0.0.0:9000\nhome: /srv/saphan\nworkers: 3\nfile_bytes_max: 2 GiB\n";
    let settings =
        Settings::parse(file(text), &environment(&[("LISTEN", "[::1]:8081"), ("ROWS_MAX", "1_000")])).unwrap();
    assert_eq!(settings.listen.to_string(), "[::1]:8081");
    assert_eq!(settings.home, Path::new("/srv/saphan"));
    assert_eq!(settings.database, Database::Sqlite("/srv/saphan/saphan.db".into()));
    assert_eq!((settings.limits.workers, settings.limits.rows_max), (3, 1_000));
    assert_eq!(settings.limits.file_bytes_max, 2 << 30);
}

#[test]
fn all_faults_come_at_once_with_their_places() {
    let text = "listen: nowhere\nworker: 3\nrows_max: many\nmaster_key: abc\n";
    let faults = faults(text, &[("WORKERS", "0"), ("HOMES", "/x"), ("SERVICE_HOST", "10.0.0.1"), ("TOKEN", "t")]);
    assert_eq!(faults.len(), 6, "{faults:#?}");
    for (place, fault) in [
        ("saphan.yaml:2:", "did you mean `workers`?"),
        ("saphan.yaml:4:", "SAPHAN_MASTER_KEY"),
        ("SAPHAN_HOMES", "did you mean SAPHAN_HOME?"),
        ("saphan.yaml:1:", "not an address and port"),
        ("saphan.yaml:3:", "not a whole number"),
        ("SAPHAN_WORKERS", "not a whole number"),
    ] {
        assert!(faults.iter().any(|f| f.starts_with(place) && f.contains(fault)), "{place} {fault}: {faults:#?}");
    }
}

#[test]
fn a_file_that_is_no_list_of_settings_is_placed() {
    for bad in ["- a\n- b\n", "listen: [1, 2]\n", "workers: 1\nworkers: 2\n", "a: 'b\n"] {
        let faults = faults(bad, &[]);
        assert!(faults[0].starts_with("saphan.yaml:"), "{bad}: {faults:?}");
    }
}

#[test]
fn a_database_is_a_file_or_an_address_and_its_password_is_not_shown() {
    let address = "postgres://saphan:secret@db/saphan";
    let settings = Settings::parse(None, &environment(&[("DATABASE_URL", address)])).unwrap();
    assert_eq!(settings.database, Database::Postgres(address.into()));
    assert!(!format!("{settings:?}").contains("secret"));
    for bad in [
        "mysql://x:secret@y",
        "sqlite:",
        "sqlite::memory:",
        "/some/path",
        "sqlite:x?mode=ro",
        "postgres:",
        "postgres://",
    ] {
        let faults = faults("", &[("DATABASE_URL", bad)]);
        assert!(faults[0].starts_with("SAPHAN_DATABASE_URL: ") && !faults[0].contains("secret"), "{bad}: {faults:?}");
    }
    for (url, path) in [("sqlite:/a/b.db", "/a/b.db"), ("sqlite:///a/b.db", "/a/b.db"), ("sqlite:b.db", "b.db")] {
        let settings = Settings::parse(None, &environment(&[("DATABASE_URL", url)])).unwrap();
        assert_eq!(settings.database, Database::Sqlite(path.into()));
    }
}

#[test]
fn a_password_stays_out_of_the_file() {
    for bad in ["postgres://saphan:secret@db/saphan", "postgres://saphan@db/saphan?password=secret"] {
        let faults = faults(&format!("database_url: {bad}\n"), &[]);
        assert!(faults[0].starts_with("saphan.yaml:1:") && faults[0].contains("PGPASSWORD"), "{faults:?}");
        assert!(!faults[0].contains("secret"));
    }
    let settings =
        Settings::parse(file("database_url: postgres://saphan@db:5432/saphan\n"), &environment(&[])).unwrap();
    assert_eq!(settings.database, Database::Postgres("postgres://saphan@db:5432/saphan".into()));
}

#[test]
fn sizes_have_units() {
    for (text, size) in
        [("1", 1), ("1,024", 1_024), ("8 MiB", 8 << 20), ("8MB", 8_000_000), ("2gib", 2 << 30), ("1 KB", 1_000)]
    {
        assert_eq!(bytes(text), Ok(size), "{text}");
    }
    for bad in ["0", "-1", "8 Mb/s", "MiB", "1.5 GiB", "99999999999 GiB", ""] {
        assert!(bytes(bad).is_err(), "{bad}");
    }
}

#[test]
fn the_master_key_is_not_shown() {
    let settings = Settings::parse(None, &environment(&[("MASTER_KEY", "topsecret")])).unwrap();
    assert_eq!(settings.master_key.as_deref(), Some("topsecret"));
    assert!(!format!("{settings:?}").contains("topsecret"));
}

#[test]
fn variables_nobody_reads_are_named_with_the_one_that_was_meant() {
    let names =
        ["SAPHAN_DATABASE", "SAPHAN_HOMES", "SAPHAN_LANG", "SAPHAN_LISTEN", "SAPHAN_SERVICE_HOST", "SAPHAN_TEST_X"];
    let names = || names.map(String::from).to_vec();
    let meant = |name: &str, known: Option<&str>| (name.to_owned(), known.map(str::to_owned));
    assert_eq!(
        unknown(names(), true),
        [meant("SAPHAN_DATABASE", Some("SAPHAN_DATABASE_URL")), meant("SAPHAN_SERVICE_HOST", None)]
    );
    assert_eq!(unknown(names(), false)[1], meant("SAPHAN_HOMES", Some("SAPHAN_HOME")));
}

#[test]
fn kept_files_lie_in_the_home_a_folder_or_a_bucket() {
    let place = |url: &str| {
        let pairs = [("HOME", "/srv/saphan"), ("OBJECTS_URL", url)];
        Settings::parse(None, &environment(&pairs)).unwrap().objects
    };
    assert_eq!(place(""), Place::Folder("/srv/saphan".into()));
    assert_eq!(place("/srv/objects"), Place::Folder("/srv/objects".into()));
    let bucket = |prefix: &str| Place::Bucket { bucket: "saphan.kept".into(), prefix: prefix.into() };
    assert_eq!(place("s3://saphan.kept"), bucket(""));
    assert_eq!(place("s3://saphan.kept/one/two/"), bucket("one/two"));
    for bad in ["gs://bucket/x", "s3://", "s3://Bucket", "s3://key:secret@bucket/x", "s3://bucket/a/../b", "bucket"] {
        let faults = faults("", &[("OBJECTS_URL", bad)]);
        assert!(faults[0].starts_with("SAPHAN_OBJECTS_URL: ") && !faults[0].contains("secret"), "{bad}: {faults:?}");
    }
}

#[test]
fn the_line_to_a_bucket_is_encrypted_unless_it_is_said_and_no_secret_is_shown() {
    let mut given = environment(&[("OBJECTS_URL", "s3://bucket/x")]);
    given.insert("AWS_ENDPOINT_URL".into(), "http://localhost:9000".into());
    given.insert("AWS_SECRET_ACCESS_KEY".into(), "topsecret".into());
    let ConfigFaults(faults) = Settings::parse(None, &given).unwrap_err();
    let places: Vec<&str> = faults.iter().map(|fault| fault.place.as_str()).collect();
    assert_eq!(places, ["AWS_ENDPOINT_URL", "AWS_ACCESS_KEY_ID"]);
    assert!(faults[0].fault.contains("AWS_ALLOW_HTTP"), "{faults:?}");
    given.insert("AWS_ALLOW_HTTP".into(), "true".into());
    given.insert("AWS_ACCESS_KEY_ID".into(), "key".into());
    let settings = Settings::parse(None, &given).unwrap();
    assert_eq!(settings.object_options.iter().count(), 4);
    assert!(!format!("{settings:?}").contains("topsecret"));
    // Nobody asks for a bucket: what other programs are told is not ours to judge.
    given.remove("SAPHAN_OBJECTS_URL");
    given.remove("AWS_ALLOW_HTTP");
    assert!(Settings::parse(None, &given).is_ok());
}

#[test]
fn places_where_files_are_dropped_are_read_from_the_file_with_all_their_faults() {
    let client = format!("cli_{}", "0".repeat(32));
    let text = format!(
        "workers: 3\npickup:\n  - from: /srv/drop/dole\n    mapping: dole/enrolments\n    round: 2569/1\n    \
         mode: delta\n    client: {client}\n  - {{ from: s3://bucket/drop, mapping: obec/enrolments, round: next, client: {client} }}\n"
    );
    let settings = Settings::parse(file(&text), &environment(&[])).unwrap();
    let [one, two] = &settings.pickups[..] else { panic!("{settings:?}") };
    assert_eq!((&one.from, one.mode), (&Place::Folder("/srv/drop/dole".into()), SubmissionMode::Delta));
    assert_eq!(one.round, PickupRound::Fixed(Round::parse("2026-06-10").unwrap()));
    assert_eq!((two.round, two.mode), (PickupRound::Next, SubmissionMode::Replace));
    assert_eq!(settings.pickup_seconds, 15);

    let bad = "pickup:\n  - from: ftp://x/y\n    mapping: m\n    round: yesterday\n    clint: x\n    client: obec\n  - mapping: m\n\
               listen: [{a: 1}]\npickup_seconds: 0\n";
    let faults = faults(bad, &[("PICKUP", "x")]);
    for (place, fault) in [
        ("saphan.yaml:2:", "not a place"),
        ("saphan.yaml:4:", "a round is a count day"),
        ("saphan.yaml:4:", "or `next`"),
        ("saphan.yaml:5:", "no `clint`"),
        ("saphan.yaml:6:", "cli_"),
        ("saphan.yaml:7:", "needs `from`"),
        ("saphan.yaml:8:", "takes one value"),
        ("saphan.yaml:9:", "whole number"),
        ("SAPHAN_PICKUP", "settings file"),
    ] {
        assert!(faults.iter().any(|f| f.starts_with(place) && f.contains(fault)), "{place} {fault}: {faults:#?}");
    }
    let twice = format!("pickup:\n{0}{0}", "  - { from: /a, mapping: m, round: next, client: CLIENT }\n")
        .replace("CLIENT", &client);
    assert!(self::faults(&twice, &[])[0].contains("stands twice"));
    assert!(self::faults("pickup: /srv/drop\n", &[])[0].contains("a list of places"));
}

#[test]
fn how_much_may_be_asked_has_a_default_for_every_policy_and_is_given_in_words() {
    use crate::domain::quota::{Allowance, Policy};
    let settings = Settings::parse(None, &environment(&[])).unwrap();
    for (policy, name, default) in rates::RATES {
        assert!(NAMES.contains(&name));
        assert_eq!(settings.rates.allowances[&policy].to_string(), default);
    }
    assert_eq!(settings.rates.store, None);
    let given = [("RATE_READ", "5/min burst 2"), ("RATE_STORE_URL", "redis://:topsecret@limits:6379/1")];
    let settings = Settings::parse(file("rate_read: 9/s\nrate_submit: none\n"), &environment(&given)).unwrap();
    assert_eq!(settings.rates.allowances[&Policy::Read].to_string(), "5/min burst 2");
    assert_eq!(settings.rates.allowances[&Policy::Submit], Allowance::Unlimited);
    assert_eq!(settings.rates.store.as_ref().unwrap().url(), given[1].1);
    assert!(!format!("{settings:?}").contains("topsecret"));
    let text = "rate_read: much\nrate_store_url: redis://:topsecret@limits\n";
    let faults = faults(text, &[("RATE_LOOKUP", "0/s"), ("RATE_STORE_URL", "http://topsecret@x")]);
    for (place, fault) in [
        ("saphan.yaml:1:", "`600/min burst 100`"),
        ("saphan.yaml:2:", "a password"),
        ("SAPHAN_RATE_LOOKUP", "too much or too little"),
        ("SAPHAN_RATE_STORE_URL", "redis://"),
    ] {
        assert!(faults.iter().any(|f| f.starts_with(place) && f.contains(fault)), "{place} {fault}: {faults:#?}");
    }
    assert!(!faults.concat().contains("topsecret"));
    assert!(self::faults("", &[("RATE_STORE_URL", "rediss://limits#insecure")])[0].contains("certificate"));
}
