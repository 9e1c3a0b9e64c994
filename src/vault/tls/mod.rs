//! TLS: the certificate this gateway shows, and what it thinks of those it is shown.
//!
//! Owns contexts, the CAs of clients, what they revoked, expiry, and reading all of it anew while connections stand. A bad
//! certificate of a client does not end the handshake, because nobody learns anything from a torn connection: the
//! connection stands, remembers what was shown ([`Peer`]), and every request on it is judged against what holds *then*
//! ([`Tls::admit`]). So what is revoked is out at once, on connections that were open before, too.
//!
//! Refuses sessions to be resumed: there is one way in, and it shows the certificate. Refuses keys under a passphrase, which
//! nobody is there to type.

mod authority;
mod certificate;
mod door;
mod pem;
mod trust;

pub use authority::{Authority, Issued};
pub use certificate::{CertificateForm, ClientCertificate, Thumbprint};
pub use door::{Expiry, Peer, Tls, Which};
pub use pem::{is_key_open_to_others, pkcs8};
pub use trust::CertificateFault;

use std::io;
use std::path::PathBuf;

/// What is wrong with the files.
#[derive(Debug, thiserror::Error)]
pub enum TlsError {
    #[error("the file {path} can't be read")]
    File {
        path: PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("there is no certificate (PEM) in {0}")]
    NoCertificate(PathBuf),
    #[error("there is no private key (PEM, without a passphrase) in {0}")]
    NoKey(PathBuf),
    #[error("the key {key} does not belong to the first certificate in {certificate}")]
    OtherKey { certificate: PathBuf, key: PathBuf },
    /// Only when one follows another: at the start there is nothing better.
    #[error("the certificate in {0} has expired or is not valid yet")]
    NotInForce(PathBuf),
    #[error("there is no revocation list (PEM) in {0}")]
    NoCrl(PathBuf),
    #[error("a revocation list in {0} was signed by none of the CAs of clients")]
    CrlOfOther(PathBuf),
    #[error("the cryptographic library failed")]
    OpenSsl(#[from] openssl::error::ErrorStack),
}
