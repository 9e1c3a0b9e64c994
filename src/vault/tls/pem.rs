//! Certificates, keys and revocation lists as they lie in PEM files.
//!
//! Owns the reading, with a limit. Refuses a key under a passphrase instead of asking for it at a terminal.

use super::TlsError;
use openssl::pkey::{PKey, Private};
use openssl::x509::{X509, X509Crl};
use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

/// A list of everything that a CA ever revoked is the longest of them.
const BYTES_MAX: u64 = 16 << 20;
const CRL_BEGINS: &str = "-----BEGIN X509 CRL-----";

fn read(path: &Path) -> Result<Vec<u8>, TlsError> {
    let mut bytes = Vec::new();
    let read = File::open(path).and_then(|file| file.take(BYTES_MAX).read_to_end(&mut bytes));
    read.map_err(|source| TlsError::File { path: path.to_owned(), source })?;
    Ok(bytes)
}

/// One or more, in the order of the file.
pub(super) fn certificates(path: &Path) -> Result<Vec<X509>, TlsError> {
    let found = X509::stack_from_pem(&read(path)?).unwrap_or_default();
    if found.is_empty() { Err(TlsError::NoCertificate(path.to_owned())) } else { Ok(found) }
}

pub(super) fn key(path: &Path) -> Result<PKey<Private>, TlsError> {
    key_of(&read(path)?).ok_or_else(|| TlsError::NoKey(path.to_owned()))
}

fn key_of(bytes: &[u8]) -> Option<PKey<Private>> {
    // Without the callback the library would ask whoever sits at the terminal.
    PKey::private_key_from_pem_callback(bytes, |_| Ok(0)).ok()
}

/// One or more; several CAs have one each.
pub(super) fn crls(path: &Path) -> Result<Vec<X509Crl>, TlsError> {
    let none = || TlsError::NoCrl(path.to_owned());
    let text = String::from_utf8(read(path)?).map_err(|_| none())?;
    let begins = text.match_indices(CRL_BEGINS).map(|(at, _)| at);
    let found: Vec<X509Crl> =
        begins.map(|at| X509Crl::from_pem(&text.as_bytes()[at..]).map_err(|_| none())).collect::<Result<_, _>>()?;
    if found.is_empty() { Err(none()) } else { Ok(found) }
}

/// A private key of any form as PKCS#8, which some libraries take alone.
pub fn pkcs8(pem: &[u8]) -> Option<Vec<u8>> {
    key_of(pem)?.private_key_to_pem_pkcs8().ok()
}

/// May everybody on this machine read the file?
pub fn is_key_open_to_others(path: &Path) -> bool {
    std::fs::metadata(path).is_ok_and(|found| found.mode() & 0o007 != 0)
}
