//! The keyring's row, and values that are put back sealed anew.

use super::*;

on_both!(of_two_changes_from_one_revision_the_first_is_taken);
async fn of_two_changes_from_one_revision_the_first_is_taken(bench: Bench) {
    let store = &bench.store;
    assert_eq!((store.keyring().await.unwrap(), store.keyring_revision().await.unwrap()), (None, None));
    store.add_keyring(1, "first").await.unwrap();
    store.add_keyring(1, "of another gateway").await.unwrap();
    let of = |revision, body: &str| StoredKeyring { revision, body: body.to_owned() };
    assert_eq!(store.keyring().await.unwrap(), Some(of(1, "first")));
    let told = entry("keys.rotate");
    assert!(store.change_keyring(1, &of(2, "second"), Some(&told)).await.unwrap());
    assert!(!store.change_keyring(1, &of(2, "too late"), Some(&told)).await.unwrap());
    assert_eq!(store.keyring().await.unwrap(), Some(of(2, "second")));
    assert_eq!(store.keyring_revision().await.unwrap(), Some(2));
    assert_eq!(store.journal(0, 10).await.unwrap().len(), 1, "what was not done is not told");
}

on_both!(only_what_was_read_is_replaced_and_only_of_what_is_at_its_end);
async fn only_what_was_read_is_replaced_and_only_of_what_is_at_its_end(bench: Bench) {
    const NEW: [u8; 3] = [1, 0, 4];
    let rows = (1..=5).map(|row| held(row, &format!("l{row}"), SCHOOL_A, 1)).collect();
    let (seq, _) = bench.submit("s1", Replace, rows).await;
    let open = bench.begin("s2", Replace).await;
    bench.begin_work(open).await.unwrap();
    bench.stage(open, vec![held(1, "l9", SCHOOL_B, 1)]).await;
    let store = &bench.store;
    let at = "2026-06-10T08:00:00Z".parse().unwrap();
    store.begin_reseal(4, at).await.unwrap();
    let found = store.sealed_under_older(NEW, 0, 100).await.unwrap();
    let of_settled = |old: &&OldSealed| old.submission.is_some();
    assert_eq!((found.len(), found.iter().filter(of_settled).count()), (6, 5));
    assert_eq!(store.records_not_under(NEW).await.unwrap(), 6);
    let anew = |old: &OldSealed| [&NEW[..], &old.sealed].concat();
    let mut page: Vec<_> = found.iter().filter(of_settled).map(|old| (old.clone(), anew(old))).collect();
    // Another value stands there by now.
    page[1].0.sealed = b"something else".to_vec();
    let reached = page[4].0.record;
    store.put_resealed(4, &page, reached).await.unwrap();
    let progress = store.reseal_progress(4).await.unwrap().unwrap();
    assert_eq!((progress.reached, progress.resealed, progress.ended_at), (reached, 4, None));
    let stored = store.records_of(seq, 0, 10).await.unwrap();
    for (row, sealed) in stored {
        let before = format!("sealed l{row} 1").into_bytes();
        let expected = if row == 2 { before } else { [&NEW[..], &before].concat() };
        assert_eq!(sealed, expected, "row {row}");
    }
    assert_eq!(
        store.sealed_under_older(NEW, reached, 100).await.unwrap().len(),
        1,
        "it goes on after what was reached"
    );
    assert_eq!(store.sealed_under_older(NEW, 0, 1).await.unwrap().len(), 1);
    // What is under which key is counted.
    let in_use = InUse { from: None, until: Timestamp::MAX };
    let needed = store.needs(NEW, in_use, at).await.unwrap();
    assert_eq!((needed.records, needed.accounts, needed.sign_ins, needed.uploads), (4, 0, 0, 0));
    assert_eq!(needed.files, 2);
    let later = InUse { from: Some(Timestamp::MAX), until: Timestamp::MAX };
    assert_eq!(store.needs(*b"sea", later, at).await.unwrap(), Needed { records: 2, ..Needed::default() });
    // Its end is told once.
    store.end_reseal(4, &entry("keys.resealed")).await.unwrap();
    store.end_reseal(4, &entry("keys.resealed")).await.unwrap();
    assert!(store.reseal_progress(4).await.unwrap().unwrap().ended_at.is_some());
    let told = store.journal(0, 100).await.unwrap();
    assert_eq!(told.iter().filter(|one| one.entry.act == "keys.resealed").count(), 1);
}
