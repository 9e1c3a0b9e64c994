//! The vault against tampering, truncation, races and careless file modes.
#![expect(clippy::disallowed_methods, reason = "a test reads files it wrote itself")]

use super::*;
use std::fs;
use std::io::{Read, Seek, SeekFrom, Write};
use std::os::unix::fs::PermissionsExt;

fn vault() -> (tempfile::TempDir, Vault) {
    let home = tempfile::tempdir().unwrap();
    let vault = Vault::open_or_create(home.path()).unwrap();
    (home, vault)
}

#[test]
fn what_is_sealed_comes_back_and_only_for_its_place() {
    let (_home, vault) = vault();
    let mut sealer = vault.sealer().unwrap();
    for plain in [&b""[..], b"x", &[7; 5_000]] {
        let mut sealed = b"before".to_vec();
        sealer.seal(b"row 1", plain, &mut sealed).unwrap();
        let sealed = &sealed[6..];
        let mut back = Vec::new();
        vault.unseal(b"row 1", sealed, &mut back).unwrap();
        assert_eq!(back, plain);
        assert!(matches!(sealer.unseal(b"row 2", sealed, &mut Vec::new()), Err(VaultError::Broken)));
    }
}

#[test]
fn any_changed_byte_breaks_the_seal_and_leaves_nothing_behind() {
    let (_home, vault) = vault();
    let mut sealer = vault.sealer().unwrap();
    let mut sealed = Vec::new();
    sealer.seal(b"place", b"secret words", &mut sealed).unwrap();
    for at in 0..sealed.len() {
        let mut changed = sealed.clone();
        changed[at] ^= 1;
        let mut out = b"kept".to_vec();
        assert!(sealer.unseal(b"place", &changed, &mut out).is_err(), "byte {at}");
        assert_eq!(out, b"kept");
    }
    for length in 0..sealed.len() {
        assert!(sealer.unseal(b"place", &sealed[..length], &mut Vec::new()).is_err(), "cut to {length}");
    }
    let mut out = Vec::new();
    sealer.unseal(b"place", &sealed, &mut out).unwrap();
    assert_eq!(out, b"secret words");
}

#[test]
fn nonces_do_not_repeat() {
    let (_home, vault) = vault();
    let mut sealer = vault.sealer().unwrap();
    let mut seen = std::collections::HashSet::new();
    for _ in 0..2_000 {
        let mut sealed = Vec::new();
        sealer.seal(b"", b"same", &mut sealed).unwrap();
        assert!(seen.insert(sealed[3..15].to_vec()));
    }
}

#[test]
fn key_files_are_private_and_open_files_are_refused() {
    let (home, vault) = vault();
    let (dir, key) = (home.path().join("keys"), home.path().join("keys/master.key"));
    let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&dir), mode(&key), mode(&dir.join("keyring.json"))), (0o700, 0o600, 0o600));
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 2, "no temporary file stays");
    drop(vault);

    for path in [&key, &dir.join("keyring.json")] {
        fs::set_permissions(path, fs::Permissions::from_mode(0o640)).unwrap();
        assert!(matches!(Vault::open_or_create(home.path()), Err(VaultError::ReadableByOthers(_))));
        fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    }
    fs::set_permissions(&dir, fs::Permissions::from_mode(0o755)).unwrap();
    assert!(matches!(Vault::open_or_create(home.path()), Err(VaultError::ReadableByOthers(_))));
}

#[test]
fn opened_again_the_keys_are_the_same() {
    let (home, first) = vault();
    let again = Vault::open_or_create(home.path()).unwrap();
    let mut sealed = Vec::new();
    first.seal(b"a", b"text", &mut sealed).unwrap();
    let mut plain = Vec::new();
    again.unseal(b"a", &sealed, &mut plain).unwrap();
    assert_eq!(plain, b"text");
    let parts: [&[u8]; 2] = [b"one", b"two"];
    assert_eq!(first.hasher().hash(HashDomain::Name, &parts), again.hasher().hash(HashDomain::Name, &parts));
    assert_eq!(first.fingerprint(), again.fingerprint());
    assert_eq!(first.public_jwk().unwrap(), again.public_jwk().unwrap());
}

#[test]
fn processes_that_start_at_once_share_one_keyring() {
    let home = tempfile::tempdir().unwrap();
    let fingerprints: Vec<String> = std::thread::scope(|scope| {
        let starts: Vec<_> =
            (0..8).map(|_| scope.spawn(|| Vault::open_or_create(home.path()).unwrap().fingerprint())).collect();
        starts.into_iter().map(|start| start.join().unwrap()).collect()
    });
    assert!(fingerprints.iter().all(|fingerprint| *fingerprint == fingerprints[0]));
}

#[test]
fn a_given_master_key_must_fit() {
    let home = tempfile::tempdir().unwrap();
    let master = data_encoding::BASE64.encode(&[5; 32]);
    let first = Vault::open_or_create_with_master(home.path(), &master).unwrap();
    assert!(!home.path().join("keys/master.key").exists());
    assert_eq!(
        first.fingerprint(),
        Vault::open_or_create_with_master(home.path(), &format!("{master}\n")).unwrap().fingerprint()
    );
    let other = data_encoding::BASE64.encode(&[6; 32]);
    assert!(matches!(Vault::open_or_create_with_master(home.path(), &other), Err(VaultError::WrongMaster(_))));
    for bad in ["", "short", "!!!!"] {
        assert!(matches!(Vault::open_or_create_with_master(home.path(), bad), Err(VaultError::MasterForm)));
    }
}

#[test]
fn a_broken_keyring_is_refused() {
    let (home, _vault) = vault();
    let path = home.path().join("keys/keyring.json");
    let text = fs::read_to_string(&path).unwrap();
    let at = text.rfind("\"keys\": \"").unwrap() + 30;
    let changed = if text.as_bytes()[at] == b'A' { "B" } else { "A" };
    fs::write(&path, [&text[..at], changed, &text[at + 1..]].concat()).unwrap();
    assert!(matches!(Vault::open_or_create(home.path()), Err(VaultError::WrongMaster(_))));
    fs::write(&path, "{").unwrap();
    assert!(matches!(Vault::open_or_create(home.path()), Err(VaultError::KeyringForm(..))));
}

fn bytes_of(length: usize) -> Vec<u8> {
    (0..length).map(|i| (i * 31 + i / 251) as u8).collect()
}

fn write_sealed(vault: &Vault, path: &Path, plain: &[u8]) -> KeptFile {
    let mut writer = vault.create_sealed(path, b"sub_1").unwrap();
    for piece in plain.chunks(70_001) {
        writer.write_all(piece).unwrap();
    }
    assert_eq!(writer.bytes(), plain.len() as u64);
    writer.finish().unwrap()
}

#[test]
fn a_sealed_file_reads_back_from_any_place() {
    let (home, vault) = vault();
    let path = home.path().join("kept");
    for length in [0, 1, (1 << 18) - 1, 1 << 18, (1 << 18) + 1, 700_000] {
        let plain = bytes_of(length);
        let kept = write_sealed(&vault, &path, &plain);
        assert_eq!(kept, KeptFile { sha256: sha256_hex(&plain), bytes: length as u64 });
        let mut reader = open_sealed(&vault, &path, b"sub_1").unwrap();
        assert_eq!(reader.len(), length as u64);
        let mut back = Vec::new();
        reader.read_to_end(&mut back).unwrap();
        assert!(back == plain, "length {length}");
        for at in [0, length / 2, length.saturating_sub(3), length + 10] {
            reader.seek(SeekFrom::Start(at as u64)).unwrap();
            let mut tail = Vec::new();
            reader.read_to_end(&mut tail).unwrap();
            assert!(tail == plain.get(at..).unwrap_or_default(), "length {length} from {at}");
        }
        if length > 5 {
            reader.seek(SeekFrom::End(-5)).unwrap();
            reader.seek(SeekFrom::Current(2)).unwrap();
            let mut tail = Vec::new();
            reader.read_to_end(&mut tail).unwrap();
            assert_eq!(tail, plain[length - 3..]);
        }
    }
    assert!(open_sealed(&vault, &path, b"sub_2").is_err(), "bound to its label");
}

#[test]
fn a_sealed_file_holds_nothing_in_the_clear() {
    let (home, vault) = vault();
    let path = home.path().join("kept");
    write_sealed(&vault, &path, "สมชาย 1999900000013".repeat(100).as_bytes());
    let raw = fs::read(&path).unwrap();
    assert!(!raw.windows(13).any(|window| window == b"1999900000013"));
    assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
}

fn open_sealed(vault: &Vault, path: &Path, label: &[u8]) -> Result<SealedReader<fs::File>, VaultError> {
    let file = fs::File::open(path).unwrap();
    let bytes = file.metadata().unwrap().len();
    vault.open_sealed_in(file, bytes, label)
}

/// Reads all, from the open on.
fn read_whole(vault: &Vault, path: &Path) -> Result<Vec<u8>, Box<dyn std::error::Error>> {
    let mut plain = Vec::new();
    open_sealed(vault, path, b"sub_1")?.read_to_end(&mut plain)?;
    Ok(plain)
}

#[test]
fn a_sealed_file_cut_off_reordered_or_changed_is_refused() {
    let (home, vault) = vault();
    let path = home.path().join("kept");
    let plain = bytes_of(600_000);
    write_sealed(&vault, &path, &plain);
    let raw = fs::read(&path).unwrap();
    let stride = (1 << 18) + 16;
    for length in [0, 10, 24, 30, 24 + stride, 24 + 2 * stride, 24 + stride + 5, raw.len() - 1] {
        fs::write(&path, &raw[..length]).unwrap();
        assert!(open_sealed(&vault, &path, b"sub_1").is_err(), "cut to {length}");
    }
    let mut swapped = raw.clone();
    swapped[24..24 + 2 * stride].rotate_left(stride);
    fs::write(&path, &swapped).unwrap();
    assert!(read_whole(&vault, &path).is_err(), "chunks swapped");
    for at in [0, 5, 6, 9, 24, 24 + stride - 1, raw.len() - 1] {
        let mut changed = raw.clone();
        changed[at] ^= 1;
        fs::write(&path, &changed).unwrap();
        assert!(read_whole(&vault, &path).is_err(), "byte {at}");
    }
    let mut longer = raw.clone();
    longer.extend_from_slice(&raw[24..24 + stride]);
    fs::write(&path, &longer).unwrap();
    assert!(open_sealed(&vault, &path, b"sub_1").is_err(), "a chunk added");
    fs::write(&path, &raw).unwrap();
    assert!(read_whole(&vault, &path).unwrap() == plain);
}

#[test]
fn an_unfinished_file_leaves_nothing() {
    let (home, vault) = vault();
    let dir = home.path().join("files");
    fs::create_dir(&dir).unwrap();
    let mut writer = vault.create_sealed(&dir.join("kept"), b"sub_1").unwrap();
    writer.write_all(&bytes_of(600_000)).unwrap();
    assert!(!dir.join("kept").exists());
    drop(writer);
    assert_eq!(fs::read_dir(&dir).unwrap().count(), 0);
}

#[test]
fn signatures_hold_for_their_bytes_only() {
    let (_home, vault) = vault();
    let signature = vault.sign(b"manifest").unwrap();
    assert_eq!(signature.len(), 86);
    assert!(vault.verify(b"manifest", &signature).unwrap());
    assert!(!vault.verify(b"manifesto", &signature).unwrap());
    for bad in ["", "AAAA", &"A".repeat(86), &format!("{signature}AAAA")] {
        assert!(!vault.verify(b"manifest", bad).unwrap(), "{bad}");
    }
    let (_home, other) = self::vault();
    assert!(!other.verify(b"manifest", &signature).unwrap());
    let jwk = vault.public_jwk().unwrap();
    assert_eq!((jwk.x.len(), jwk.y.len(), jwk.kid.len()), (43, 43, 43));
}

#[test]
fn tokens_are_long_and_their_hashes_stable() {
    let (one, two) = (random_token().unwrap(), random_token().unwrap());
    assert_ne!(one, two);
    assert_eq!(one.len(), 43);
    assert_eq!(hash_token("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}
