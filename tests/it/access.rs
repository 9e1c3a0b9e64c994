//! What the commands that keep access refuse, because it would open more than anybody meant, and what they say then.

use super::harness::cli::Saphan;

#[test]
fn nobody_of_a_single_agency_is_given_what_reaches_over_all_of_them() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(folder.path());
    for (words, named) in [
        (&["client", "add", "--name", "a", "--agency", "obec", "--scope", "ministry.read"][..], "ministry.read"),
        (
            &["user", "add", "--name", "a", "--sign-in", "somjai", "--agency", "obec", "--role", "access.admin"],
            "access.admin",
        ),
        (&["user", "add", "--name", "a", "--sign-in", "somjai", "--agency", "obec", "--role", "auditor"], "auditor"),
    ] {
        for (lang, said) in [("en", "for the ministry alone"), ("th", "เฉพาะของกระทรวง")]
        {
            let ran = saphan.run(&[&["--lang", lang], words].concat());
            assert_eq!(ran.code, 1, "{words:?}");
            assert!(ran.stderr.contains(named) && ran.stderr.contains(said), "{}", ran.stderr);
        }
    }
    let names = ["", "a\nb", "\u{1b}[31m", &"a".repeat(201)];
    for name in names {
        let ran = saphan.run(&["client", "add", "--name", name, "--scope", "count.run"]);
        assert_eq!((ran.code, ran.stdout.as_str()), (1, ""), "{name:?}");
        assert!(ran.stderr.contains("1 to 200 letters"), "{}", ran.stderr);
    }
    assert_eq!(saphan.run(&["client", "list", "--json"]).stdout, "");
    assert_eq!(saphan.run(&["user", "list", "--json"]).stdout, "");
}

#[test]
fn what_is_not_there_is_named_with_where_to_look_and_no_limit_is_given_twice() {
    let folder = tempfile::tempdir().unwrap();
    let saphan = Saphan::new(folder.path());
    let made = saphan.run(&["client", "add", "--json", "--name", "a", "--scope", "count.run"]);
    let made: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
    let id = made["id"].as_str().unwrap();
    assert_eq!(saphan.run(&["client", "revoke", id]).code, 0);
    for words in [&["client", "revoke", id][..], &["client", "rotate", id]] {
        for (lang, said) in [("en", "no client with this id"), ("th", "ไม่มีระบบลูกข่ายรหัสนี้")]
        {
            let ran = saphan.run(&[&["--lang", lang], words].concat());
            assert_eq!(ran.code, 1);
            assert!(ran.stderr.contains(said) && ran.stderr.contains("saphan client list"), "{}", ran.stderr);
            assert!(!ran.stderr.contains("store failed"), "{}", ran.stderr);
        }
    }
    let made = saphan.run(&["user", "add", "--json", "--name", "a", "--sign-in", "somjai", "--role", "count.run"]);
    let made: serde_json::Value = serde_json::from_str(&made.stdout).unwrap();
    let id = made["id"].as_str().unwrap();
    let ran = saphan.run(&["user", "role", "remove", id, "count.certify"]);
    assert!(ran.code == 1 && ran.stderr.contains("does not hold this role"), "{}", ran.stderr);
    for _ in 0..2 {
        assert_eq!(saphan.run(&["user", "disable", id]).code, 0);
    }
    let client = saphan.run(&["client", "add", "--json", "--name", "b", "--scope", "count.run"]);
    let client: serde_json::Value = serde_json::from_str(&client.stdout).unwrap();
    let ran = saphan.run(&["client", "limit", client["id"].as_str().unwrap(), "read=1/min", "read=2/min"]);
    assert!(ran.code == 1 && ran.stderr.contains("`read` stands twice"), "{}", ran.stderr);
}
