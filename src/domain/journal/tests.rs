//! Every way to change a journal, found and named; and one change of any field of any entry, by chance.

use super::*;
use proptest::prelude::*;

fn journal(entries: i64) -> Vec<Entry> {
    let mut chain: Vec<Entry> = Vec::new();
    for seq in 1..=entries {
        let mut entry = Entry {
            seq,
            at: format!("2026-06-10T00:00:{seq:02}Z"),
            actor: "operator".into(),
            act: "submission.commit".into(),
            object: format!("sub_{seq}"),
            detail: json!({ "rows": seq }).to_string(),
            prev: chain.last().map_or_else(|| START.to_owned(), |last| last.hash.clone()),
            hash: String::new(),
        };
        entry.hash = entry.own_hash();
        chain.push(entry);
    }
    chain
}

/// As somebody with full rights would who knows the form.
fn make_anew(chain: &mut [Entry], from: usize) {
    for at in from..chain.len() {
        chain[at].seq = at as i64 + 1;
        chain[at].prev = if at == 0 { START.to_owned() } else { chain[at - 1].hash.clone() };
        chain[at].hash = chain[at].own_hash();
    }
}

fn number_anew(chain: &mut [Entry]) {
    chain.iter_mut().zip(1..).for_each(|(entry, seq)| entry.seq = seq);
}

fn checkpoint(of: &Entry) -> Checkpoint {
    Checkpoint {
        seq: of.seq,
        hash: of.hash.clone(),
        at: "2026-06-10T00:00:00Z".into(),
        kid: "kid".into(),
        signature: "good".into(),
    }
}

/// As the use case walks: by number, with the checkpoints after their entries.
fn found(chain: &[Entry], checkpoints: &[Checkpoint]) -> Option<Fault> {
    let mut chain = chain.to_vec();
    chain.sort_by_key(|entry| entry.seq);
    let mut walk = Walk::from_start();
    for entry in &chain {
        if let Err(broken) = walk.entry(entry) {
            let others = || chain.iter().filter(|other| other.seq != entry.seq);
            let elsewhere = Elsewhere {
                follows: others().find(|other| Some(other.prev.as_str()) == walk.hash()).cloned(),
                same_before: others().find(|o| o.seq < entry.seq && o.hash == entry.hash).map(|o| o.seq),
            };
            return Some(walk.fault(broken, entry, &elsewhere));
        }
        for checkpoint in checkpoints.iter().filter(|checkpoint| checkpoint.seq == entry.seq) {
            if let Err(fault) = walk.checkpoint(checkpoint, checkpoint.signature == "good") {
                return Some(fault);
            }
        }
    }
    let behind = checkpoints.iter().filter(|checkpoint| chain.last().is_none_or(|last| checkpoint.seq > last.seq));
    behind
        .max_by_key(|checkpoint| checkpoint.seq)
        .map(|checkpoint| walk.tail(checkpoint, checkpoint.signature == "good"))
}

#[test]
fn the_form_is_the_documented_one() {
    let entry = &journal(1)[0];
    assert_eq!(
        entry.text(),
        format!(r#"["{START}",1,"2026-06-10T00:00:01Z","operator","submission.commit","sub_1",{{"rows":1}}]"#)
    );
    // printf '%s' '…' | openssl dgst -sha256
    assert_eq!(entry.hash, "ce6907bc08d09ca15db143de8ab4dd6b161ba5845c77abb01888317f655d46ae");
    assert_eq!(entry.line(), format!(r#"{{"hash":"{}","entry":{}}}"#, entry.hash, entry.text()));
    let signed = checkpoint(entry);
    assert_eq!(Checkpoint::parse(&signed.line()), Some(signed.clone()));
    assert_eq!(
        signed.text(),
        format!(r#"["saphan-journal-checkpoint-1",1,"{}","2026-06-10T00:00:00Z","kid"]"#, entry.hash)
    );
    for other in ["", "{}", &signed.line().replace("checkpoint-1", "checkpoint-2"), &entry.line()] {
        assert_eq!(Checkpoint::parse(other), None, "{other}");
    }
}

#[test]
fn what_was_not_touched_holds() {
    let chain = journal(9);
    assert_eq!(found(&chain, &[checkpoint(&chain[3]), checkpoint(&chain[8])]), None);
    assert_eq!(found(&[], &[]), None);
}

#[test]
fn each_kind_of_change_is_named() {
    let chain = journal(9);
    let changed = |change: &dyn Fn(&mut Vec<Entry>)| {
        let mut copy = chain.clone();
        change(&mut copy);
        found(&copy, &[checkpoint(&chain[1]), checkpoint(&chain[8])])
    };
    let stranger = || Entry { object: "sub_x".into(), ..chain[3].clone() };
    assert_eq!(changed(&|j| j[3].actor = "nobody".into()), Some(Fault::Edited { entry: 4 }));
    assert_eq!(changed(&|j| drop(j.drain(3..5))), Some(Fault::Missing { first: 4, last: 5 }), "a gap");
    assert_eq!(
        changed(&|j| {
            j.drain(3..5);
            number_anew(j);
        }),
        Some(Fault::Missing { first: 4, last: 5 }),
        "the gap was closed"
    );
    assert_eq!(changed(&|j| j.truncate(6)), Some(Fault::TailMissing { first: 7, last: 9 }));
    assert_eq!(
        changed(&|j| {
            j.swap(3, 5);
            number_anew(j);
        }),
        Some(Fault::Reordered { entry: 4, with: 6 })
    );
    assert_eq!(
        changed(&|j| {
            j.insert(3, stranger());
            number_anew(j);
        }),
        Some(Fault::Inserted { entry: 4 })
    );
    assert_eq!(
        changed(&|j| {
            j.insert(3, stranger());
            number_anew(j);
            make_anew(&mut j[..4], 3);
        }),
        Some(Fault::Inserted { entry: 4 }),
        "the one put in is well made"
    );
    assert_eq!(changed(&|j| j.push(Entry { seq: -3, ..stranger() })), Some(Fault::Inserted { entry: -3 }));
    assert_eq!(
        changed(&|j| j[6] = Entry { seq: 7, ..j[1].clone() }),
        Some(Fault::Edited { entry: 7 }),
        "a copy of an earlier one accuses not the earlier one"
    );
}

#[test]
fn hashes_made_anew_are_found_where_they_meet_others_or_a_checkpoint() {
    let chain = journal(9);
    let signed = [checkpoint(&chain[1]), checkpoint(&chain[8])];
    let mut one = chain.clone();
    one[4].detail = "{}".into();
    make_anew(&mut one[..5], 4);
    assert_eq!(found(&one, &signed), Some(Fault::Rewritten { entry: 5, signed_to: 2 }));
    let mut after_signed = chain.clone();
    after_signed[2].prev = START.into();
    after_signed[2].hash = after_signed[2].own_hash();
    assert_eq!(found(&after_signed, &signed), Some(Fault::Edited { entry: 3 }), "the second was signed");
    let mut all = chain.clone();
    all[4].detail = "{}".into();
    make_anew(&mut all, 4);
    assert_eq!(found(&all, &[]), None, "nothing but a signature can tell");
    let told = Fault::CheckpointDiffers { checkpoint: 9, first: 3, last: 9 };
    assert_eq!(found(&all, &signed), Some(told));
    // Who changes the checkpoint too can't sign it.
    let forged = Checkpoint { signature: "bad".into(), ..checkpoint(&all[8]) };
    assert_eq!(found(&all, &[forged]), Some(Fault::CheckpointForged { checkpoint: 9 }));
}

#[test]
fn a_walk_from_a_checkpoint_sees_what_came_after_and_the_entry_it_was_made_of() {
    let chain = journal(5);
    let signed = checkpoint(&chain[2]);
    let walked = |chain: &[Entry]| {
        let mut walk = Walk::from_checkpoint(&signed);
        walk.entry(&chain[2]).map_err(|broken| format!("{broken:?}"))?;
        walk.checkpoint(&signed, true).map_err(|fault| format!("{fault:?}"))?;
        chain[3..].iter().try_for_each(|entry| walk.entry(entry)).map_err(|broken| format!("{broken:?}"))?;
        Ok::<i64, String>(walk.last().unwrap().0)
    };
    assert_eq!(walked(&chain), Ok(5));
    let mut changed = chain.clone();
    changed[2].act = "x".into();
    assert_eq!(walked(&changed), Err("Content".into()));
    make_anew(&mut changed, 2);
    assert_eq!(walked(&changed), Err("CheckpointDiffers { checkpoint: 3, first: 3, last: 3 }".into()));
}

proptest! {
    #[test]
    fn any_one_change_of_any_field_is_found_and_its_entry_named(
        entries in 2_i64..40,
        at in any::<prop::sample::Index>(),
        field in 0_usize..8,
        text in "\\PC{0,12}",
        number in any::<i64>(),
    ) {
        let mut chain = journal(entries);
        let signed = [checkpoint(chain.last().unwrap())];
        let taken: Vec<i64> = chain.iter().map(|entry| entry.seq).collect();
        let place = at.index(chain.len());
        let before = chain[place].clone();
        let entry = &mut chain[place];
        match field {
            0 => entry.seq = number,
            1 => entry.at = text,
            2 => entry.actor = text,
            3 => entry.act = text,
            4 => entry.object = text,
            5 => entry.detail = text,
            6 => entry.prev = text,
            _ => entry.hash = text,
        }
        // A number is taken once: the tables see to that.
        prop_assume!(*entry != before && (field != 0 || !taken.contains(&entry.seq)));
        let seq = entry.seq;
        let fault = found(&chain, &signed).expect("it is found");
        // An entry that was given a number before the first is met there.
        let named = if seq < 1 { seq } else { before.seq };
        prop_assert_eq!(fault.first_bad(), named, "{:?}", fault);
    }
}
