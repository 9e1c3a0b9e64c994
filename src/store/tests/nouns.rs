//! Noun by noun: pages, counts, listings, register, clients, releases, journal.

use super::*;

on_both!(pages_go_on_where_they_ended);
async fn pages_go_on_where_they_ended(bench: Bench) {
    let rows = (1..=250).map(|row| held(row, &format!("l{row}"), &format!("10990{:05}", row % 90), 1)).collect();
    let (seq, _) = bench.submit("s1", Replace, rows).await;
    let (mut seen, mut cursor) = (Vec::new(), None);
    loop {
        let page = bench.store.records(round(), obec(), None, cursor, 7).await.unwrap();
        let Some(last) = page.last() else { break };
        cursor = RecordCursor::parse(&last.cursor.to_text());
        assert_eq!(cursor, Some(last.cursor));
        seen.extend(page.iter().map(|record| record.row));
    }
    seen.sort_unstable();
    assert_eq!(seen, (1..=250).collect::<Vec<u64>>());
    let school = bench.store.records(round(), obec(), Some("1099000001"), None, 100).await.unwrap();
    assert_eq!(school.iter().map(|record| record.row).collect::<Vec<_>>(), [1, 91, 181]);
    assert!(school.iter().all(|record| &*record.school_id == "1099000001" && record.submission_key == seq));
    assert!(bench.store.records(round(), obec(), Some("1099000001"), None, 0).await.unwrap().is_empty());
    let opened = bench.store.open_records(&[(seq, 91), (seq, 251)]).await.unwrap();
    assert_eq!(opened.into_iter().collect::<Vec<_>>(), [((seq, 91), b"sealed l91 1".to_vec())]);
    let own = bench.store.records_of(seq, 248, 10).await.unwrap();
    assert_eq!(own, [(249, b"sealed l249 1".to_vec()), (250, b"sealed l250 1".to_vec())]);
    for bad in ["", "x-1", "1", "1-", "-1--1", "1-2-3"] {
        assert_eq!(RecordCursor::parse(bad), None, "{bad}");
    }
}

on_both!(the_count_finds_repeated_learners_and_persons);
async fn the_count_finds_repeated_learners_and_persons(bench: Bench) {
    let with = |mut held: HeldEnrolment, kind, person: &str| {
        held.id_kind = kind;
        held.person = hash(person);
        held
    };
    let (citizen, g_code) = (LearnerIdKind::Citizen, LearnerIdKind::GCode);
    let mut left = with(held(7, "gone", SCHOOL_B, 1), citizen, "p6");
    left.status = Some("transferred".into());
    left.exit_date = Some(date(2026, 6, 1));
    left.age_years = 40;
    let rows = vec![
        with(held(1, "anna", SCHOOL_A, 1), citizen, "p1"),
        with(held(2, "anna", SCHOOL_B, 1), citizen, "p1"),
        with(held(3, "boon", SCHOOL_A, 1), citizen, "p2"),
        with(held(4, "G001", SCHOOL_B, 1), g_code, "p2"),
        // Two citizen numbers, and two G-codes: not candidates.
        with(held(5, "chai", SCHOOL_A, 1), citizen, "p3"),
        with(held(6, "dara", SCHOOL_A, 1), citizen, "p3"),
        left.clone(),
        with(held(8, "G002", SCHOOL_B, 1), g_code, "p4"),
        with(held(9, "G003", SCHOOL_B, 1), g_code, "p4"),
    ];
    let (seq, _) = bench.submit("s1", Replace, rows).await;
    // Replaced at once: what is not in force is not counted.
    bench.submit("s2", Replace, vec![held(1, "boon", "1099000003", 1)]).await;
    bench.submit("s3", Replace, vec![held(1, "ekka", "1099000003", 1)]).await;

    let mut view = bench.store.count_view(round()).await.unwrap();
    let census = view.census().await.unwrap();
    let (counts, cells) = (census.grade_ages.clone(), census.headcounts.clone());
    let Asked { learners: places, persons, aged } =
        asked(&mut view, census, &[("P1".into(), 40), ("P2".into(), 7)]).await;
    let at: Vec<(&str, u64)> = places.iter().map(|place| (&*place.school_id, place.row)).collect();
    assert_eq!(at, [(SCHOOL_A, 1), (SCHOOL_B, 2)]);
    assert_eq!((places[0].learner, places[0].submission_key, places[0].agency), (hash("anna"), seq, obec()));
    assert_eq!(places[0].entry_date, Some(date(2026, 5, 16)));
    assert_eq!(persons.iter().map(|place| place.row).collect::<Vec<_>>(), [3, 4]);

    assert_eq!(
        counts.iter().map(|c| (&*c.grade, c.age_years, c.learners)).collect::<Vec<_>>(),
        [("P1", 7, 9), ("P1", 40, 1)]
    );
    let old = aged;
    assert_eq!(old.len(), 1);
    assert_eq!((old[0].row, old[0].status.as_deref(), old[0].exit_date), (7, Some("transferred"), left.exit_date));
    let shown: Vec<_> = cells.cells().map(|c| (&**c.school_id, c.group.status.as_deref(), c.learners)).collect();
    assert_eq!(
        shown,
        [(SCHOOL_A, None, 4), (SCHOOL_B, None, 4), (SCHOOL_B, Some("transferred"), 1), ("1099000003", None, 1)]
    );
    let inputs = view.submissions_in_force().await.unwrap();
    assert_eq!(
        inputs.iter().map(|s| (s.sha256.as_str(), s.received, s.accepted)).collect::<Vec<_>>(),
        [("s1", 9, 9), ("s3", 1, 1)]
    );
}

on_both!(submissions_are_listed_newest_first_and_read_back_whole);
async fn submissions_are_listed_newest_first_and_read_back_whole(bench: Bench) {
    let (first, _) = bench.submit("s1", Replace, vec![held(1, "anna", SCHOOL_A, 1)]).await;
    let second = bench.begin("s2", Delta).await;
    let all = bench.store.submissions(SubmissionFilter::default(), None, 10).await.unwrap();
    assert_eq!(all.iter().map(|s| s.seq).collect::<Vec<_>>(), [second, first]);
    assert_eq!(all[1].receipt.as_ref().unwrap().accepted, 1);
    assert_eq!(all[1].finished_at, Some(entry("x").at));
    let by_id = bench.store.submission(&all[0].new.id).await.unwrap().unwrap();
    assert_eq!(by_id, all[0]);
    let older = bench.store.submissions(SubmissionFilter::default(), Some(second), 10).await.unwrap();
    assert_eq!(older.len(), 1);
    let opec = SubmissionFilter { agency: AgencyCode::parse("opec").ok(), round: None };
    assert!(bench.store.submissions(opec, None, 10).await.unwrap().is_empty());
    let same = SubmissionFilter { agency: Some(obec()), round: Some(round()) };
    assert_eq!(bench.store.submissions(same, None, 1).await.unwrap().len(), 1);
}

on_both!(refused_rows_come_back_in_order);
async fn refused_rows_come_back_in_order(bench: Bench) {
    let seq = bench.begin("s1", Replace).await;
    let mut stager = bench.store.stager(seq).await.unwrap();
    let row = |row| RefusedRow { row, findings: format!("[{row}]") };
    stager.stage_refused((1..=400).rev().map(row)).await.unwrap();
    stager.finish().await.unwrap();
    let page = bench.store.refused_rows(seq, 100, 50).await.unwrap();
    assert_eq!(page, (101..=150).map(row).collect::<Vec<_>>());
    assert!(bench.store.refused_rows(seq + 1, 0, 50).await.unwrap().is_empty());
}

on_both!(a_row_that_comes_twice_is_refused_and_writes_nothing);
async fn a_row_that_comes_twice_is_refused_and_writes_nothing(bench: Bench) {
    let seq = bench.begin("s1", Replace).await;
    let mut stager = bench.store.stager(seq).await.unwrap();
    stager.stage([held(1, "anna", SCHOOL_A, 1), held(1, "boon", SCHOOL_A, 1)]).await.unwrap();
    assert!(matches!(stager.finish().await, Err(StoreError::RowTwice)));
    bench.store.commit_submission(seq, &entry("x"), |change| receipt(0, change)).await.unwrap();
    assert!(bench.visible().await.is_empty());
}

on_both!(the_register_is_replaced_whole);
async fn the_register_is_replaced_whole(bench: Bench) {
    let school = |id: &str| School {
        school_id: id.into(),
        smis: Some("00100101".into()),
        agency: obec(),
        name_th: "โรงเรียนตัวอย่าง".into(),
        name_en: None,
        subdistrict: Some("990101".into()),
        latitude: Some(13.75),
        longitude: None,
        status: "open".into(),
        opened_on: Some(date(1960, 5, 1)),
        closed_on: None,
    };
    assert_eq!(bench.store.register_version().await.unwrap(), None);
    let first = [school(SCHOOL_A), school(SCHOOL_B)];
    bench.store.replace_register(&first, &entry("register.replace")).await.unwrap();
    assert_eq!(bench.store.schools().await.unwrap(), first);
    let twice = bench.store.replace_register(&[school(SCHOOL_A), school(SCHOOL_A)], &entry("x")).await;
    assert!(matches!(twice, Err(StoreError::SchoolTwice)));
    assert_eq!(bench.store.school_count().await.unwrap(), 2, "a register that fails leaves the old one");
    let mut new = bench.new_submission("r1", Replace);
    new.agency = None;
    let seq = bench.store.begin_submission(&new, &entry("x")).await.unwrap();
    bench.store.commit_register(seq, &[school(SCHOOL_B)], &receipt(1, Change::default()), &entry("x")).await.unwrap();
    assert_eq!(bench.store.schools().await.unwrap(), [school(SCHOOL_B)]);
    let version = bench.store.register_version().await.unwrap().unwrap();
    assert_eq!((version.version, version.submission, version.schools), (2, Some(seq), 1));
    assert_eq!(bench.store.submission_by_seq(seq).await.unwrap().unwrap().state, State::Committed);
}

on_both!(a_revoked_client_is_unknown_at_once);
async fn a_revoked_client_is_unknown_at_once(bench: Bench) {
    let new = NewClient {
        id: ClientId::from_uuid(uuid::Uuid::now_v7()),
        name: "OBEC DMC".into(),
        agency: Some(obec()),
        scopes: vec![Scope::AgencySubmit, Scope::CountRun],
        token_hash: "h1".into(),
        created_at: entry("x").at,
    };
    bench.store.add_client(&new, &entry("client.add")).await.unwrap();
    assert!(matches!(bench.store.add_client(&new, &entry("x")).await, Err(StoreError::ClientExists)));
    let now = entry("x").at;
    let found = bench.store.client_by_token_hash("h1", now).await.unwrap().unwrap();
    assert_eq!((&found.name, found.agency, &found.scopes), (&new.name, new.agency, &new.scopes));
    bench.store.client_used(&new.id, entry("x").at).await.unwrap();
    bench.store.rotate_client(&new.id, "h2", OldSecret::Ends, &entry("client.rotate")).await.unwrap();
    assert!(bench.store.client_by_token_hash("h1", now).await.unwrap().is_none());
    assert!(bench.store.client_by_token_hash("h2", now).await.unwrap().unwrap().last_used_at.is_some());
    bench.store.revoke_client(&new.id, &entry("client.revoke")).await.unwrap();
    assert!(bench.store.client_by_token_hash("h2", now).await.unwrap().is_none());
    assert!(matches!(bench.store.revoke_client(&new.id, &entry("x")).await, Err(StoreError::NoSuchClient)));
    assert!(bench.store.clients().await.unwrap()[0].revoked_at.is_some());
    let acts: Vec<String> =
        bench.store.journal(0, 10).await.unwrap().into_iter().map(|journalled| journalled.entry.act).collect();
    assert_eq!(acts, ["client.add", "client.rotate", "client.revoke"]);
}

on_both!(limits_of_a_clients_own_are_kept_with_it);
async fn limits_of_a_clients_own_are_kept_with_it(bench: Bench) {
    let id = ClientId::from_uuid(uuid::Uuid::now_v7());
    let new = NewClient {
        id: id.clone(),
        name: "OBEC DMC".into(),
        agency: Some(obec()),
        scopes: vec![Scope::AgencySubmit],
        token_hash: "h1".into(),
        created_at: entry("x").at,
    };
    assert_eq!(bench.store.client_limits(&id).await.unwrap(), None);
    bench.store.add_client(&new, &entry("client.add")).await.unwrap();
    assert_eq!(bench.store.client_limits(&id).await.unwrap(), Some(Overrides::default()));
    let limits: Overrides = "submit=none; read=600/min burst 100".parse().unwrap();
    bench.store.limit_client(&id, &limits, &entry("client.limit")).await.unwrap();
    assert_eq!(bench.store.client(&id).await.unwrap().unwrap().limits, limits);
    assert_eq!(bench.store.clients().await.unwrap()[0].limits, limits);
    assert_eq!(bench.store.client_limits(&id).await.unwrap(), Some(limits.clone()));
    let acts: Vec<String> =
        bench.store.journal(0, 10).await.unwrap().into_iter().map(|journalled| journalled.entry.act).collect();
    assert_eq!(acts, ["client.add", "client.limit"]);
    bench.store.revoke_client(&id, &entry("client.revoke")).await.unwrap();
    assert!(matches!(bench.store.limit_client(&id, &limits, &entry("x")).await, Err(StoreError::NoSuchClient)));
}

on_both!(releases_and_counts_are_kept_by_version);
async fn releases_and_counts_are_kept_by_version(bench: Bench) {
    let release = |dataset: &str, version| Release {
        dataset: dataset.into(),
        version,
        sha256: "00".into(),
        published_at: entry("x").at,
        path: format!("opendata/{dataset}/{version}"),
    };
    bench.store.add_releases(&[release("schools", 1), release("count", 1)], &[], &entry("publish")).await.unwrap();
    let clash = [release("schools", 2), release("count", 1)];
    assert!(matches!(bench.store.add_releases(&clash, &[], &entry("x")).await, Err(StoreError::ReleaseExists)));
    bench.store.add_releases(&[release("schools", 2)], &[], &entry("publish")).await.unwrap();
    assert_eq!(bench.store.releases("schools").await.unwrap(), [release("schools", 2), release("schools", 1)]);
    assert_eq!(bench.store.latest_releases().await.unwrap(), [release("count", 1), release("schools", 2)]);

    let run = NewCountRun {
        round: round(),
        at: entry("x").at,
        result: "{}".into(),
        manifest: "m".into(),
        signature: "s".into(),
        inputs: None,
        register: None,
    };
    assert_eq!(bench.store.last_count_run(round()).await.unwrap(), None);
    bench.store.add_count_run(run.clone(), &entry("count.run")).await.unwrap();
    let seq = bench.store.add_count_run(run.clone(), &entry("count.run")).await.unwrap();
    assert_eq!(bench.store.last_count_run(round()).await.unwrap(), Some(CountRun { seq, run }));
}

on_both!(an_entry_reads_back);
async fn an_entry_reads_back(bench: Bench) {
    bench.store.append_journal(&entry("record.read")).await.unwrap();
    let journal = bench.store.journal(0, 10).await.unwrap();
    assert_eq!(journal, [Journalled { seq: 1, entry: entry("record.read") }]);
    assert!(bench.store.journal(1, 10).await.unwrap().is_empty());
}
