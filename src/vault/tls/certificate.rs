//! One certificate: its thumbprint, and until when it holds.

use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use openssl::asn1::{Asn1Time, Asn1TimeRef};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::x509::{X509, X509Ref};
use std::fmt;

/// SHA-256 of a certificate in base64url: `x5t#S256` of RFC 8705.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Thumbprint(String);

impl Thumbprint {
    pub(super) fn of(certificate: &X509Ref) -> Result<Self, ErrorStack> {
        Ok(Thumbprint(BASE64URL_NOPAD.encode(&certificate.digest(MessageDigest::sha256())?)))
    }

    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl fmt::Display for Thumbprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// A moment of a certificate as ours.
pub(super) fn instant(time: &Asn1TimeRef) -> Result<Timestamp, ErrorStack> {
    let since = Asn1Time::from_unix(0)?.diff(time)?;
    let seconds = i64::from(since.days) * 86_400 + i64::from(since.secs);
    // A date that no calendar of ours reaches is later than anything.
    Ok(Timestamp::from_second(seconds).unwrap_or(Timestamp::MAX))
}

/// What is kept of a certificate that a client is known by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClientCertificate {
    pub thumbprint: Thumbprint,
    pub not_after: Timestamp,
}

/// Why a text is no certificate of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateForm {
    #[error("it is no certificate in PEM")]
    Form,
    #[error("it holds a private key: keep that one secret, make a new pair, and give the certificate only")]
    Private,
    #[error("it ended on {0}: give one that still holds")]
    Ended(Timestamp),
}

impl ClientCertificate {
    /// The first one of a PEM.
    pub fn parse(text: &str) -> Result<Self, CertificateForm> {
        if text.contains("PRIVATE KEY") {
            return Err(CertificateForm::Private);
        }
        let read = |certificate: &X509Ref| {
            Ok::<_, ErrorStack>(ClientCertificate {
                thumbprint: Thumbprint::of(certificate)?,
                not_after: instant(certificate.not_after())?,
            })
        };
        X509::from_pem(text.as_bytes()).and_then(|found| read(&found)).map_err(|_| CertificateForm::Form)
    }
}
