//! People: who signs in, how long it holds, and what ends it, at every gateway over the store.

use super::harness::Gateway;
use super::harness::cli::Saphan;
use super::harness::database::Reader;
use super::harness::people::{PASSWORD, Person, code_of, terms};
use data_encoding::BASE32_NOPAD;
use saphan::app::AppError;
use saphan::app::people::{PersonError, Visit};
use saphan::domain::agency::AgencyCode;
use saphan::domain::principal::{Denied, Principal, RolesFault, Scope};
use saphan::domain::sign_in::PasswordFault;
use saphan::vault::STEP_SECONDS;
use serde_json::Value;
use std::net::IpAddr;

const OPERATOR: Principal = Principal::Operator;

fn fault<T>(outcome: Result<T, AppError>) -> PersonError {
    match outcome {
        Err(AppError::Person(fault)) => fault,
        Err(other) => panic!("{other:?}"),
        Ok(_) => panic!("it was done"),
    }
}

async fn principal(gateway: &Gateway, secret: &str) -> Option<Principal> {
    gateway.app.visitor(secret).await.unwrap().map(|visitor| visitor.principal)
}

async fn acts(gateway: &Gateway) -> Vec<(String, String, String)> {
    let told = gateway.another_store().await.journal(0, 1_000).await.unwrap();
    told.into_iter().map(|told| (told.entry.actor, told.entry.act, told.entry.object)).collect()
}

#[tokio::test]
async fn an_account_is_set_up_with_a_one_time_code_and_signs_in_with_password_and_telephone() {
    let gateway = Gateway::start();
    let app = &gateway.app;
    let invited = app.add_person(&OPERATOR, terms("Somjai", Some("obec"), &[Scope::AgencySubmit])).await.unwrap();
    let code = invited.code.unwrap();
    assert_eq!(fault(app.begin_start("wrong").await), PersonError::Invite);
    let secret = app.begin_start(&format!(" {code}\n")).await.unwrap();
    let enrolment = app.enrolment(&secret).await.unwrap();
    assert_eq!((&*enrolment.sign_in, &*enrolment.name), ("somjai", "Name of Somjai"));
    assert_eq!(
        enrolment.address,
        format!("otpauth://totp/Saphan:somjai?secret={}&issuer=Saphan&digits=6&period=30", enrolment.secret)
    );
    assert_eq!(app.enrolment(&secret).await.unwrap().secret, enrolment.secret, "the page may be loaded anew");
    let totp = BASE32_NOPAD.decode(enrolment.secret.as_bytes()).unwrap();
    let now = code_of(&gateway, &totp);
    let wrong = if now == "000000" { "000001" } else { "000000" };
    let finish =
        async |password: &str, again: &str, code: &str| fault(app.finish_start(&secret, password, again, code).await);
    assert_eq!(finish("short", "short", &now).await, PersonError::Password(PasswordFault::Short));
    assert_eq!(
        finish("it is somjai here", "it is somjai here", &now).await,
        PersonError::Password(PasswordFault::Name)
    );
    assert_eq!(finish(PASSWORD, "another one, typed", &now).await, PersonError::Differ);
    assert_eq!(finish(PASSWORD, PASSWORD, wrong).await, PersonError::Code);
    assert!(principal(&gateway, &secret).await.is_none(), "nobody is signed in by a one-time code");
    let signed_in = app.finish_start(&secret, PASSWORD, PASSWORD, &now).await.unwrap();
    assert!(
        matches!(principal(&gateway, &signed_in.session).await, Some(Principal::Person { id, .. }) if id == invited.id)
    );
    assert_ne!(signed_in.session, secret);
    assert_eq!(fault(app.begin_start(&code).await), PersonError::Invite, "it serves once");
    assert_eq!(fault(app.enrolment(&secret).await), PersonError::Over);

    // The code that proved the telephone signs nobody in a second time.
    let half = app.check_password("SOMJAI ", PASSWORD, Visit::default()).await.unwrap();
    assert!(principal(&gateway, &half).await.is_none(), "half a sign-in is none");
    assert_eq!(fault(app.check_code(&half, &now, Visit::default()).await), PersonError::Code);
    gateway.advance(STEP_SECONDS);
    let next = code_of(&gateway, &totp);
    let spaced = format!("{} {}", &next[..3], &next[3..]);
    let signed_in = app.check_code(&half, &spaced, Visit::default()).await.unwrap();
    assert_eq!(fault(app.check_code(&half, &next, Visit::default()).await), PersonError::Over, "and its half is used");
    let Some(Principal::Person { name, agency, roles, .. }) = principal(&gateway, &signed_in.session).await else {
        panic!("nobody")
    };
    assert_eq!(
        (&*name, agency, &*roles),
        ("Name of Somjai", AgencyCode::parse("obec").ok(), &[Scope::AgencySubmit][..])
    );
    let told = acts(&gateway).await;
    let id = invited.id.to_string();
    for (actor, act) in [("operator", "person.add"), (&id, "person.start"), (&id, "person.sign-in")] {
        assert!(told.contains(&(actor.to_owned(), act.to_owned(), id.clone())), "{act}: {told:?}");
    }
    assert_eq!(told.iter().filter(|(_, act, _)| act == "person.sign-in").count(), 2);
}

#[tokio::test]
async fn a_one_time_code_lapses_and_a_reset_gives_another() {
    let gateway = Gateway::start();
    let app = &gateway.app;
    let invited = app.add_person(&OPERATOR, terms("boon", None, &[Scope::CountRun])).await.unwrap();
    gateway.advance(72 * 3_600 + 1);
    assert_eq!(fault(app.begin_start(&invited.code.unwrap()).await), PersonError::Invite);
    let again = app.reset_person(&OPERATOR, &invited.id).await.unwrap();
    app.begin_start(&again.code.unwrap()).await.unwrap();

    let person = Person::new(&gateway, "dara", None, &[Scope::CountRun]).await;
    let signed_in = person.sign_in(&gateway).await;
    app.reset_person(&OPERATOR, &person.id).await.unwrap();
    assert!(principal(&gateway, &signed_in.session).await.is_none(), "what was lost may be in other hands");
    assert_eq!(fault(app.check_password("dara", PASSWORD, Visit::default()).await), PersonError::Refused);
}

#[tokio::test]
async fn a_known_name_and_an_unknown_one_are_refused_in_the_same_words_and_wait_alike() {
    let gateway = Gateway::start();
    let app = &gateway.app;
    Person::new(&gateway, "known", None, &[]).await;
    app.add_person(&OPERATOR, terms("invited", None, &[])).await.unwrap();
    let disabled = Person::new(&gateway, "disabled", None, &[]).await;
    app.disable_person(&OPERATOR, &disabled.id).await.unwrap();
    for name in ["known", "nobody", "invited", "disabled", "", "no name at all \u{0}"] {
        let mut said = Vec::new();
        for _ in 0..7 {
            said.push(fault(app.check_password(name, "wrong and wrong again", Visit::default()).await).to_string());
        }
        let (refused, wait) = (PersonError::Refused.to_string(), PersonError::Wait { seconds: 1 }.to_string());
        let expected: Vec<&str> = [&*refused; 5].into_iter().chain([&*wait; 2]).collect();
        assert_eq!(said, expected, "{name}");
    }
}

#[tokio::test]
async fn a_strangers_guesses_shut_the_owner_out_of_no_browser_that_is_known() {
    let gateway = Gateway::start();
    let app = &gateway.app;
    let owner = Person::new(&gateway, "owner", None, &[]).await;
    let signed_in = owner.sign_in(&gateway).await;
    let guess = async || fault(app.check_password("owner", "a guess at random", Visit::default()).await);
    let mut longest = 0;
    while longest < 16 {
        if let PersonError::Wait { seconds } = guess().await {
            longest = seconds;
            if longest < 16 {
                gateway.advance(seconds);
            }
        }
    }
    let known = Visit { source: None, device: Some(&signed_in.device) };
    let half = app.check_password("owner", PASSWORD, known).await.unwrap();
    app.check_code(&half, &owner.code(&gateway), known).await.unwrap();
    // The stranger still waits, and so does one with the token of another account, or one made up.
    let other = Person::new(&gateway, "other", None, &[]).await.sign_in(&gateway).await;
    for device in [other.device.as_str(), "x.y", signed_in.device.split('.').next().unwrap()] {
        let outcome =
            app.check_password("owner", "a guess at random", Visit { source: None, device: Some(device) }).await;
        assert!(matches!(fault(outcome), PersonError::Wait { .. } | PersonError::Refused), "{device}");
    }
    let slowed = acts(&gateway).await.into_iter().filter(|(_, act, _)| act == "person.sign-in-slowed");
    let slowed: Vec<_> = slowed.map(|(actor, _, object)| (actor, object)).collect();
    assert_eq!(slowed, [("anonymous".to_owned(), owner.id.to_string())]);
    // A browser that is known has tries of its own, not endless ones.
    let mut waits = 0;
    for _ in 0..7 {
        waits += usize::from(fault(app.check_password("owner", "wrong", known).await) != PersonError::Refused);
    }
    assert_eq!(waits, 2);
}

#[tokio::test]
async fn one_who_knows_the_password_gets_no_free_guesses_at_the_code() {
    let gateway = Gateway::start();
    let app = &gateway.app;
    let owner = Person::new(&gateway, "owner", None, &[]).await;
    let right = owner.code(&gateway);
    let wrong = (0..).map(|number| format!("{number:06}")).find(|code| *code != right).unwrap();
    let mut refused = 0;
    for _ in 0..9 {
        let Ok(half) = app.check_password("owner", PASSWORD, Visit::default()).await else { continue };
        refused += usize::from(fault(app.check_code(&half, &wrong, Visit::default()).await) == PersonError::Code);
    }
    assert_eq!(refused, 5, "the right password in between takes none of them back");
}

#[tokio::test]
async fn one_source_that_tries_many_names_is_slowed_for_all_of_them() {
    let gateway = Gateway::start();
    let app = &gateway.app;
    let from = |last: u8| Visit { source: Some(IpAddr::from([192, 0, 2, last])), device: None };
    for number in 0..50 {
        let outcome = app.check_password(&format!("name{number}"), "wrong", from(1)).await;
        assert_eq!(fault(outcome), PersonError::Refused, "{number}");
    }
    assert!(matches!(fault(app.check_password("fresh", "wrong", from(1)).await), PersonError::Wait { .. }));
    assert_eq!(fault(app.check_password("fresh", "wrong", from(2)).await), PersonError::Refused);
}

#[tokio::test]
async fn a_session_ends_when_it_is_idle_and_at_its_end_however_busy() {
    let gateway = Gateway::start_with(&[("SAPHAN_SESSION_IDLE_SECONDS", "600"), ("SAPHAN_SESSION_SECONDS", "1500")]);
    let person = Person::new(&gateway, "somjai", None, &[]).await;
    let signed_in = person.sign_in(&gateway).await;
    for _ in 0..2 {
        gateway.advance(550);
        assert!(principal(&gateway, &signed_in.session).await.is_some(), "each request begins the time anew");
    }
    gateway.advance(330);
    assert!(principal(&gateway, &signed_in.session).await.is_some());
    gateway.advance(60);
    assert!(principal(&gateway, &signed_in.session).await.is_none(), "1500 seconds after signing in");
    let signed_in = person.sign_in(&gateway).await;
    gateway.advance(601);
    assert!(principal(&gateway, &signed_in.session).await.is_none());
    // The half of a sign-in waits ten minutes.
    let half = gateway.app.check_password("somjai", PASSWORD, Visit::default()).await.unwrap();
    gateway.advance(601);
    let late = gateway.app.check_code(&half, &person.code(&gateway), Visit::default()).await;
    assert_eq!(fault(late), PersonError::Over);
}

#[tokio::test]
async fn a_changed_password_and_signing_out_everywhere_end_the_other_browsers() {
    let gateway = Gateway::start();
    let app = &gateway.app;
    let person = Person::new(&gateway, "somjai", None, &[]).await;
    let (here, there) = (person.sign_in(&gateway).await, person.sign_in(&gateway).await);
    let visitor = app.visitor(&here.session).await.unwrap().unwrap();
    assert_eq!(app.own_sessions(&visitor).await.unwrap().len(), 3, "with the one of the first start");
    let new = "another sentence to keep";
    let known = Visit { source: None, device: Some(&here.device) };
    let wrong = app.change_password(visitor.clone(), "not this one", new, new, known).await;
    assert_eq!(fault(wrong), PersonError::Refused);
    let same = app.change_password(visitor.clone(), PASSWORD, PASSWORD, PASSWORD, known).await;
    assert_eq!(fault(same), PersonError::SamePassword);
    let changed = app.change_password(visitor.clone(), PASSWORD, new, new, known).await.unwrap();
    for old in [&here, &there] {
        assert!(principal(&gateway, &old.session).await.is_none());
    }
    assert!(principal(&gateway, &changed.session).await.is_some());
    assert_eq!(fault(app.change_password(visitor, new, PASSWORD, PASSWORD, known).await), PersonError::Refused);
    assert_eq!(fault(app.check_password("somjai", PASSWORD, Visit::default()).await), PersonError::Refused);
    let visitor = app.visitor(&changed.session).await.unwrap().unwrap();
    app.sign_out_everywhere(&visitor).await.unwrap();
    assert!(principal(&gateway, &changed.session).await.is_none());
}

#[tokio::test]
async fn what_another_process_takes_away_is_gone_with_the_next_request() {
    let gateway = Gateway::start();
    let saphan = Saphan::over(gateway.home());
    let person = Person::new(&gateway, "somjai", Some("obec"), &[Scope::AgencySubmit, Scope::CountRun]).await;
    let signed_in = person.sign_in(&gateway).await;
    let run = |arguments: &[&str]| {
        let ran = saphan.run(&[&["user"], arguments].concat());
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        ran
    };
    let id = person.id.as_str();
    run(&["role", "remove", id, "count.run"]);
    let Some(Principal::Person { roles, .. }) = principal(&gateway, &signed_in.session).await else { panic!("nobody") };
    assert_eq!(roles, [Scope::AgencySubmit]);
    let listed = run(&["list", "--json"]).stdout;
    let listed: Value = serde_json::from_str(listed.lines().next().unwrap()).unwrap();
    assert_eq!((&listed["sign_in"], &listed["state"]), (&"somjai".into(), &"active".into()));
    run(&["disable", id]);
    assert!(principal(&gateway, &signed_in.session).await.is_none());
    assert!(run(&["list", "--lang", "th"]).stdout.contains("ปิด"));
    run(&["enable", id]);
    assert!(principal(&gateway, &signed_in.session).await.is_none(), "what ended does not come back");
    person.sign_in(&gateway).await;

    let auditor = saphan.run(&["user", "role", "add", id, "auditor", "--lang", "th"]);
    assert_eq!((auditor.code, auditor.stderr.contains("อ่านสมุดบันทึกได้อย่างเดียว")), (1, true), "{}", auditor.stderr);
    let added = run(&["add", "--name", "Boon", "--sign-in", "boon", "--role", "access.admin", "--json"]).stdout;
    let added: Value = serde_json::from_str(&added).unwrap();
    gateway.app.begin_start(added["code"].as_str().unwrap()).await.unwrap();
    let twice = saphan.run(&["user", "add", "--name", "B", "--sign-in", "BOON"]);
    assert!(twice.code == 1 && twice.stderr.contains("already"), "{}", twice.stderr);
}

#[tokio::test]
async fn neither_names_nor_secrets_of_people_lie_open_in_the_store() {
    let gateway = Gateway::start();
    let person = Person::new(&gateway, "somjai-of-nowhere", None, &[]).await;
    let signed_in = person.sign_in(&gateway).await;
    let stored = match Reader::open(gateway.home()).await.all_rows().await {
        Some(rows) => rows,
        None => ["saphan.db", "saphan.db-wal"]
            .iter()
            .flat_map(|file| std::fs::read(gateway.home().join(file)).unwrap_or_default())
            .collect(),
    };
    let is_there = |text: &[u8]| stored.windows(text.len()).any(|window| window == text);
    assert!(is_there(person.id.as_str().as_bytes()) && is_there(b"$argon2id$"), "there is something to search");
    for open in
        [&b"somjai-of-nowhere"[..], signed_in.session.as_bytes(), signed_in.device.as_bytes(), PASSWORD.as_bytes()]
    {
        assert!(!is_there(open), "{}", String::from_utf8_lossy(open));
    }
    assert!(!is_there(&person.totp));
}

#[tokio::test]
async fn an_access_administrator_keeps_others_and_never_themselves() {
    let gateway = Gateway::start();
    let app = &gateway.app;
    let admin = Person::new(&gateway, "admin", None, &[Scope::AccessAdmin]).await;
    let secret = admin.sign_in(&gateway).await.session;
    let admin_now = principal(&gateway, &secret).await.unwrap();
    let other = app.add_person(&admin_now, terms("other", None, &[Scope::Auditor])).await.unwrap();
    app.add_client(&admin_now, "export", None, vec![Scope::CountRun]).await.unwrap();
    let own = app.change_role(&admin_now, &admin.id, Scope::CountCertify, true, None).await;
    assert_eq!(fault(own), PersonError::OwnAccess);
    assert_eq!(fault(app.disable_person(&admin_now, &admin.id).await), PersonError::OwnAccess);
    assert_eq!(fault(app.reset_person(&admin_now, &admin.id).await), PersonError::OwnAccess);
    let mixed = app.change_role(&admin_now, &other.id, Scope::CountRun, true, None).await;
    assert_eq!(fault(mixed), PersonError::Roles(RolesFault::AuditorAlone));
    let needs = app.add_person(&admin_now, terms("third", None, &[Scope::AgencyAnswer])).await;
    assert_eq!(fault(needs), PersonError::Roles(RolesFault::AgencyNeeded(Scope::AgencyAnswer)));
    let decides = app.add_client(&admin_now, "x", None, vec![Scope::CountCertify]).await;
    assert!(matches!(decides, Err(AppError::NotForClients(Scope::CountCertify))));
    let told = acts(&gateway).await;
    assert!(told.contains(&(admin.id.to_string(), "person.add".into(), other.id.to_string())), "{told:?}");

    // The auditor reads the journal; nobody else does anything of this.
    let auditor = Principal::Person { id: other.id, name: String::new(), agency: None, roles: vec![Scope::Auditor] };
    assert!(app.verify_journal(&auditor, None).await.unwrap().holds);
    for principal in [&auditor, &Principal::Anonymous] {
        assert!(matches!(app.people(principal).await, Err(AppError::Denied(_))));
        assert!(matches!(app.clients(principal).await, Err(AppError::Denied(_))));
    }
    let counter = Principal::Person { id: admin.id, name: String::new(), agency: None, roles: vec![Scope::CountRun] };
    let denied = app.verify_journal(&counter, None).await;
    assert!(matches!(denied, Err(AppError::Denied(Denied::Scope(Scope::Auditor)))), "{denied:?}");
}
