//! Keys that follow one another: nothing sealed or signed before is lost, nothing old comes back, and no copy is half of two.

use super::keyring::Key;
use super::keyring::sealed::master_id;
use super::seal::{Gcm, NONCE_BYTES};
use super::*;
use data_encoding::BASE64;
use std::os::unix::fs::OpenOptionsExt;

const MASTER: Key = [5; 32];
const NEXT: Key = [6; 32];

fn text(master: Key) -> String {
    BASE64.encode(&master)
}

fn vault() -> (tempfile::TempDir, Vault) {
    let home = tempfile::tempdir().unwrap();
    let vault = Vault::open_or_create_with_master(home.path(), &text(MASTER)).unwrap();
    (home, vault)
}

/// As the store would have it.
fn apply(vault: &Vault, change: KeyChange, at: &str) -> Option<String> {
    let draft = vault.draft(change, at.parse().unwrap()).unwrap()?;
    assert_eq!((draft.before, draft.revision), (vault.revision(), vault.revision() + 1));
    assert!(vault.take_up(&draft.body).unwrap());
    Some(draft.body)
}

fn rotate(vault: &Vault, r#use: KeyUse, at: &str) -> [String; 2] {
    [KeyChange::Begin(r#use), KeyChange::Finish(r#use)].map(|change| apply(vault, change, at).unwrap())
}

const AT: &str = "2026-06-10T08:00:00Z";

#[test]
fn a_coming_key_is_known_before_it_is_used_and_a_sealer_that_lives_on_follows() {
    let (_home, vault) = vault();
    let mut sealer = vault.sealer().unwrap();
    let seal = |sealer: &mut Sealer, plain: &[u8]| {
        let mut sealed = Vec::new();
        sealer.seal(b"place", plain, &mut sealed).unwrap();
        sealed
    };
    let opened = |sealer: &mut Sealer, sealed: &[u8]| {
        let mut plain = Vec::new();
        sealer.unseal(b"place", sealed, &mut plain).map(|()| plain)
    };
    let first = seal(&mut sealer, b"one");
    apply(&vault, KeyChange::Begin(KeyUse::Data), AT).unwrap();
    assert!(vault.draft(KeyChange::Begin(KeyUse::Data), AT.parse().unwrap()).unwrap().is_none(), "one is coming");
    let second = seal(&mut sealer, b"two");
    assert_eq!((&first[..3], &second[..3]), (&vault.head_of(1)[..], &vault.head_of(1)[..]), "not used yet");
    apply(&vault, KeyChange::Finish(KeyUse::Data), AT).unwrap();
    let third = seal(&mut sealer, b"three");
    assert_eq!(&third[..3], vault.head_of(4));
    for (sealed, plain) in [(&first, &b"one"[..]), (&second, b"two"), (&third, b"three")] {
        assert_eq!(opened(&mut sealer, sealed).unwrap(), plain);
    }
    apply(&vault, KeyChange::Forget(1), AT).unwrap();
    assert!(matches!(opened(&mut sealer, &first), Err(VaultError::UnknownKey(1))));
    assert_eq!(opened(&mut sealer, &third).unwrap(), b"three");
    // A key in use is not forgotten, and no number comes twice.
    assert!(vault.draft(KeyChange::Forget(4), AT.parse().unwrap()).unwrap().is_none());
    rotate(&vault, KeyUse::Data, AT);
    assert_eq!(vault.current_data_key(), 5);
}

#[test]
fn what_another_process_wrote_into_the_home_is_found_by_the_number_of_its_key() {
    let (home, one) = vault();
    let other = Vault::open_or_create_with_master(home.path(), &text(MASTER)).unwrap();
    let mut sealer = other.sealer().unwrap();
    rotate(&one, KeyUse::Data, AT);
    let (mut sealed, mut plain) = (Vec::new(), Vec::new());
    one.seal(b"place", b"text", &mut sealed).unwrap();
    sealer.unseal(b"place", &sealed, &mut plain).unwrap();
    assert_eq!(plain, b"text");
    assert_eq!(other.revision(), one.revision());
}

#[test]
fn what_an_older_key_signed_is_checked_for_ever_but_gives_no_access_for_long() {
    let (_home, vault) = vault();
    let before = vault.public_jwk().unwrap();
    let manifest = vault.sign(b"manifest").unwrap();
    let token = vault.sign_compact("at+jwt", b"{}").unwrap();
    apply(&vault, KeyChange::Begin(KeyUse::Signing), AT).unwrap();
    assert_eq!(vault.public_jwk().unwrap(), before, "the new one is known and not used yet");
    assert_eq!(vault.public_jwks().len(), 2);
    apply(&vault, KeyChange::Finish(KeyUse::Signing), AT).unwrap();
    let now = vault.public_jwk().unwrap();
    assert_ne!(now.kid, before.kid);
    assert_eq!(vault.public_jwks(), [now.clone(), before.clone()]);
    assert!(vault.verify(b"manifest", &manifest).unwrap());
    assert!(vault.verify_by(&before.kid, b"manifest", &manifest).unwrap());
    assert!(!vault.verify_by(&now.kid, b"manifest", &manifest).unwrap(), "by its own key only");
    assert!(!vault.verify_by("unknown", b"manifest", &manifest).unwrap());
    let open = |at: &str| {
        let jws = Jws::parse(&token).unwrap();
        vault.open_compact(&jws, "at+jwt", at.parse().unwrap()).unwrap().is_some()
    };
    assert!(open("2026-06-10T09:00:00Z"), "the tokens of an hour");
    assert!(!open("2026-06-10T09:05:00Z"), "whoever stole the key makes no new ones");
    let (signature, jwk) = vault.sign_as(b"x").unwrap();
    assert_eq!(jwk, now);
    assert!(vault.verify_by(&now.kid, b"x", &signature).unwrap());
}

#[test]
fn each_signing_key_is_vouched_for_by_the_one_before() {
    let (_home, vault) = vault();
    rotate(&vault, KeyUse::Signing, AT);
    rotate(&vault, KeyUse::Signing, AT);
    let keys = vault.succession();
    assert_eq!(keys.len(), 3);
    assert!(keys[0].vouched.is_none());
    for pair in keys.windows(2) {
        let (text, signature) = pair[1].vouched.as_ref().unwrap();
        assert!(vault.verify_by(&pair[0].kid, text.as_bytes(), signature).unwrap());
        let said: (String, String, String, String) = serde_json::from_str(text).unwrap();
        assert_eq!((&said.1, &said.2, &said.3), (&pair[0].kid, &pair[1].kid, &pair[1].pem));
    }
    assert_eq!(keys[2].kid, vault.public_jwk().unwrap().kid);
}

#[test]
fn two_master_keys_open_the_keyring_until_the_older_is_forgotten() {
    let (home, vault) = vault();
    let mut sealed = Vec::new();
    vault.seal(b"place", b"text", &mut sealed).unwrap();
    let fingerprint = vault.fingerprint();
    let next = MasterKey::parse(&text(NEXT)).unwrap();
    apply(&vault, KeyChange::AddMaster(next), AT).unwrap();
    assert!(vault.draft(KeyChange::AddMaster(next), AT.parse().unwrap()).unwrap().is_none(), "it opens it already");
    let open = |master| Vault::open_or_create_with_master(home.path(), &text(master));
    let old = open(MASTER).unwrap();
    assert_eq!(open(NEXT).unwrap().fingerprint(), fingerprint);
    assert!(matches!(old.draft(KeyChange::ForgetMasters, AT.parse().unwrap()), Err(VaultError::OldMaster)));
    vault.put_master_in_force(next).unwrap();
    let body = apply(&vault, KeyChange::ForgetMasters, AT).unwrap();
    assert_eq!(
        vault.masters().iter().map(|one| (one.id.as_str(), one.is_own)).collect::<Vec<_>>(),
        [(master_id(&NEXT).as_str(), true)]
    );
    assert!(matches!(open(MASTER), Err(VaultError::WrongMaster(_))));
    let Err(VaultError::StoredMaster { wanted }) = old.take_up(&body) else { panic!("it says which it takes") };
    assert_eq!(wanted, master_id(&NEXT));
    let mut plain = Vec::new();
    open(NEXT).unwrap().unseal(b"place", &sealed, &mut plain).unwrap();
    assert_eq!(plain, b"text");
}

#[test]
fn a_master_key_in_the_home_is_followed_by_processes_that_run() {
    let home = tempfile::tempdir().unwrap();
    let (one, other) = (Vault::open_or_create(home.path()).unwrap(), Vault::open_or_create(home.path()).unwrap());
    let next = one.next_master().unwrap().unwrap();
    assert_eq!(one.next_master().unwrap().unwrap().0, next.0, "found again by who goes on");
    apply(&one, KeyChange::AddMaster(next), AT).unwrap();
    one.put_master_in_force(next).unwrap();
    let body = apply(&one, KeyChange::ForgetMasters, AT).unwrap();
    assert!(other.take_up(&body).unwrap());
    assert!(other.masters()[0].is_own);
    assert_eq!(Vault::open_or_create(home.path()).unwrap().fingerprint(), one.fingerprint());
}

#[test]
fn copies_of_different_age_lose_no_key_and_bring_none_back() {
    let (home, vault) = vault();
    let older = vault.body().unwrap();
    rotate(&vault, KeyUse::Data, AT);
    rotate(&vault, KeyUse::Signing, AT);
    let newer = vault.body().unwrap();
    // An older home beside a newer store.
    let old_home = tempfile::tempdir().unwrap();
    let old = Vault::open_beside(old_home.path(), Some(&text(MASTER)), Some(&older)).unwrap();
    assert!(matches!(old.meet(&newer).unwrap(), Met::TakenUp));
    assert_eq!(old.public_jwk().unwrap(), vault.public_jwk().unwrap());
    assert!(matches!(old.meet(&newer).unwrap(), Met::Nothing));
    // An older store under a newer home: the store is given what it lacks.
    let Met::Lacks(draft) = vault.meet(&older).unwrap() else { panic!("the store lacks keys") };
    assert_eq!(draft.before, 1);
    let again = tempfile::tempdir().unwrap();
    let again = Vault::open_beside(again.path(), Some(&text(MASTER)), Some(&draft.body)).unwrap();
    assert_eq!(again.keys(), vault.keys());
    // What was forgotten on purpose does not come back from an old copy.
    apply(&vault, KeyChange::Forget(1), AT).unwrap();
    let Met::Lacks(draft) = vault.meet(&older).unwrap() else { panic!("the store has an old one") };
    assert!(vault.meet(&newer).is_ok());
    let forgot = tempfile::tempdir().unwrap();
    let forgot = Vault::open_beside(forgot.path(), Some(&text(MASTER)), Some(&draft.body)).unwrap();
    assert!(forgot.keys().iter().all(|key| key.id != 1));
    // Two stores' keyrings are not mixed.
    let (_other_home, other) = self::vault();
    assert!(matches!(vault.meet(&other.body().unwrap()), Err(VaultError::OtherKeyring)));
    assert!(matches!(vault.take_up(&other.body().unwrap()), Err(VaultError::OtherKeyring)));
    drop(home);
}

#[test]
fn a_home_without_a_master_key_makes_none_beside_a_store_that_has_a_keyring() {
    let (_home, vault) = vault();
    let body = vault.body().unwrap();
    let empty = tempfile::tempdir().unwrap();
    let opened = Vault::open_beside(empty.path(), None, Some(&body));
    assert!(matches!(opened, Err(VaultError::MasterMissing(_))));
    assert!(!empty.path().join("keys/master.key").exists());
    let wrong = Vault::open_beside(empty.path(), Some(&text(NEXT)), Some(&body));
    assert!(matches!(wrong, Err(VaultError::StoredMaster { .. })));
    let whole = Vault::open_beside(empty.path(), Some(&text(MASTER)), Some(&body)).unwrap();
    assert_eq!(whole.fingerprint(), vault.fingerprint());
    assert!(empty.path().join("keys/keyring.json").exists());
    // An older file under an older master key, where the store has gone on.
    apply(&vault, KeyChange::AddMaster(MasterKey::parse(&text(NEXT)).unwrap()), AT).unwrap();
    vault.put_master_in_force(MasterKey::parse(&text(NEXT)).unwrap()).unwrap();
    let body = apply(&vault, KeyChange::ForgetMasters, AT).unwrap();
    let brought = Vault::open_beside(empty.path(), Some(&text(NEXT)), Some(&body)).unwrap();
    assert_eq!(brought.revision(), vault.revision());
}

#[test]
fn nothing_of_a_sealed_keyring_can_be_changed() {
    let (_home, vault) = vault();
    let body = vault.body().unwrap();
    let (home, fresh) = (tempfile::tempdir().unwrap(), |body: &str, home: &Path| {
        Vault::open_beside(home, Some(&text(MASTER)), Some(body)).is_ok()
    });
    assert!(fresh(&body, &home.path().join("whole")));
    let value: serde_json::Value = serde_json::from_str(&body).unwrap();
    for (at, pointer) in ["/keys", "/masters/0/wrapped", "/masters/0/id"].into_iter().enumerate() {
        let mut changed = value.clone();
        let mut text = changed.pointer(pointer).unwrap().as_str().unwrap().to_owned().into_bytes();
        let middle = text.len() / 2;
        text[middle] = if text[middle] == b'1' { b'2' } else { b'1' };
        *changed.pointer_mut(pointer).unwrap() = String::from_utf8(text).unwrap().into();
        assert!(!fresh(&changed.to_string(), &home.path().join(at.to_string())), "{pointer}");
    }
    let mut dated = value;
    dated["masters"][0]["added_at"] = AT.into();
    assert!(!fresh(&dated.to_string(), &home.path().join("dated")));
}

#[test]
fn a_keyring_of_the_first_form_is_read_on() {
    let home = tempfile::tempdir().unwrap();
    let dir = disk::private_dir(home.path()).unwrap();
    let (data, lookup): (Key, Key) = ([1; 32], [2; 32]);
    let (_other_home, other) = vault();
    let signing = other.ring.keyring().signing_key().unwrap().0.private_key_to_pem().unwrap();
    let mut keys = Vec::new();
    for (id, r#use, plain) in [(1, "data", &data[..]), (2, "lookup", &lookup), (3, "signing", &signing)] {
        let nonce = [id as u8; NONCE_BYTES];
        let mut wrapped = nonce.to_vec();
        let label = format!(" {id} {use}");
        Gcm::new(&MASTER)
            .unwrap()
            .encrypt(&nonce, [b"saphan keyring 1", label.as_bytes()], plain, &mut wrapped)
            .unwrap();
        keys.push(serde_json::json!({ "id": id, "use": r#use, "wrapped": BASE64.encode(&wrapped) }));
    }
    let file = serde_json::json!({ "version": 1, "keys": keys }).to_string();
    let path = dir.join(KEYRING_FILE);
    let mut options = std::fs::OpenOptions::new();
    io::Write::write_all(&mut options.write(true).create_new(true).mode(0o600).open(path).unwrap(), file.as_bytes())
        .unwrap();
    let vault = Vault::open_or_create_with_master(home.path(), &text(MASTER)).unwrap();
    assert_eq!(*vault.ring.keyring().lookup_key(), lookup);
    assert_eq!(vault.public_jwk().unwrap(), other.public_jwk().unwrap());
    let mut sealed = Vec::new();
    vault.seal(b"place", b"text", &mut sealed).unwrap();
    // From the first change on it stands in today's form.
    rotate(&vault, KeyUse::Data, AT);
    let again = Vault::open_or_create_with_master(home.path(), &text(MASTER)).unwrap();
    assert_eq!((again.current_data_key(), again.fingerprint()), (4, vault.fingerprint()));
    let mut plain = Vec::new();
    again.unseal(b"place", &sealed, &mut plain).unwrap();
    assert_eq!(plain, b"text");
}
