//! Whom to believe: the CAs of clients and what they revoked.
//!
//! Owns the judgement of a certificate at a moment. Revocation lists are the operator's own files, so one that is past its
//! `nextUpdate` still serves (what it names stays revoked, the rest stays in): the day somebody forgets to renew it must not
//! shut every agency out. That it is late is said by log, metrics and `saphan doctor`.
//!
//! Refuses lists that none of the CAs signed, certificates for other uses, and what is too weak to mean anything.

use super::certificate::instant;
use super::{TlsError, pem};
use jiff::Timestamp;
use openssl::error::ErrorStack;
use openssl::stack::Stack;
use openssl::x509::store::{X509Store, X509StoreBuilder};
use openssl::x509::verify::{X509VerifyFlags, X509VerifyParam};
use openssl::x509::{CrlStatus, X509, X509Crl, X509NameRef, X509PurposeId, X509Ref, X509StoreContext};
use std::cmp::Ordering;
use std::path::Path;

/// CAs between a client and the one that is known.
const DEPTH_MAX: i32 = 4;
/// 112 bits: RSA of 2048 bits, SHA-256.
const STRENGTH: i32 = 2;

// X509_V_ERR_…, which the library names by numbers only.
const NOT_YET_VALID: i32 = 9;
const HAS_EXPIRED: i32 = 10;
/// No way from it to a known CA, or the signature on the way is not theirs.
const UNKNOWN: [i32; 6] = [2, 7, 18, 19, 20, 21];

/// What is wrong with a client's certificate.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum CertificateFault {
    #[error("no certificate was shown")]
    Absent,
    #[error("it was not issued by a CA that is known here")]
    Unknown,
    #[error("it expired on {on}")]
    Expired { on: Timestamp },
    #[error("it is valid from {from} on")]
    NotYetValid { from: Timestamp },
    #[error("it was revoked on {on}")]
    Revoked { on: Timestamp },
    #[error("it is not for clients, or too weak")]
    Unfit,
}

pub(super) struct Trust {
    pub(super) authorities: Vec<X509>,
    store: X509Store,
    crls: Vec<X509Crl>,
}

fn is_same(one: &X509NameRef, other: &X509NameRef) -> bool {
    matches!(one.try_cmp(other), Ok(Ordering::Equal))
}

impl Trust {
    pub(super) fn open(ca: &Path, crl: Option<&Path>) -> Result<Self, TlsError> {
        let authorities = pem::certificates(ca)?;
        let crls = crl.map(pem::crls).transpose()?.unwrap_or_default();
        for (list, path) in crls.iter().zip(crl.iter().cycle()) {
            let is_signed_by = |one: &X509| {
                let key = one.public_key()?;
                Ok::<_, ErrorStack>(is_same(one.subject_name(), list.issuer_name()) && list.verify(&key)?)
            };
            if !authorities.iter().any(|one| is_signed_by(one).unwrap_or(false)) {
                return Err(TlsError::CrlOfOther(path.to_path_buf()));
            }
        }
        let mut param = X509VerifyParam::new()?;
        // Whoever stands in the file is believed, also one that is itself below another CA.
        param.set_flags(X509VerifyFlags::PARTIAL_CHAIN)?;
        param.set_purpose(X509PurposeId::SSL_CLIENT)?;
        param.set_depth(DEPTH_MAX);
        param.set_auth_level(STRENGTH);
        let mut store = X509StoreBuilder::new()?;
        store.set_param(&param)?;
        for one in &authorities {
            store.add_cert(one.clone())?;
        }
        Ok(Trust { authorities, store: store.build(), crls })
    }

    /// When the next list is due, of the one that is due first.
    pub(super) fn crl_due(&self) -> Option<Timestamp> {
        self.crls.iter().filter_map(|list| instant(list.next_update()?).ok()).min()
    }

    /// CAs that no list speaks for.
    pub(super) fn without_crl(&self) -> usize {
        let has = |one: &&X509| self.crls.iter().any(|list| is_same(one.subject_name(), list.issuer_name()));
        self.authorities.iter().filter(|one| !has(one)).count()
    }

    /// Until when it holds by itself, if it is good now. `between`: the CAs that were shown with it.
    pub(super) fn judge(&self, leaf: &X509Ref, between: &[X509]) -> Result<Timestamp, CertificateFault> {
        // What the library can't even look at is no certificate that means something here.
        let chain = self.chain(leaf, between).unwrap_or(Err(CertificateFault::Unfit))?;
        let mut until = Timestamp::MAX;
        for one in &chain {
            if let Some(on) = self.revoked(one) {
                return Err(CertificateFault::Revoked { on });
            }
            until = until.min(instant(one.not_after()).map_err(|_| CertificateFault::Unfit)?);
        }
        Ok(until)
    }

    fn chain(&self, leaf: &X509Ref, between: &[X509]) -> Result<Result<Vec<X509>, CertificateFault>, ErrorStack> {
        let mut shown = Stack::new()?;
        for one in between {
            shown.push(one.clone())?;
        }
        X509StoreContext::new()?.init(&self.store, leaf, &shown, |context| {
            if context.verify_cert()? {
                let chain = context.chain().map(|chain| chain.iter().map(ToOwned::to_owned).collect());
                return Ok(Ok(chain.unwrap_or_default()));
            }
            let at = context.current_cert().unwrap_or(leaf);
            Ok(Err(match context.error().as_raw() {
                NOT_YET_VALID => CertificateFault::NotYetValid { from: instant(at.not_before())? },
                HAS_EXPIRED => CertificateFault::Expired { on: instant(at.not_after())? },
                error if UNKNOWN.contains(&error) => CertificateFault::Unknown,
                _ => CertificateFault::Unfit,
            }))
        })
    }

    fn revoked(&self, certificate: &X509) -> Option<Timestamp> {
        let of_issuer = self.crls.iter().filter(|list| is_same(list.issuer_name(), certificate.issuer_name()));
        of_issuer
            .filter_map(|list| match list.get_by_cert(certificate) {
                CrlStatus::Revoked(entry) => Some(instant(entry.revocation_date()).unwrap_or(Timestamp::UNIX_EPOCH)),
                CrlStatus::NotRevoked | CrlStatus::RemoveFromCrl(_) => None,
            })
            .min()
    }
}
