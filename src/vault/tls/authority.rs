//! A CA for a trial: it makes what `saphan demo --tls` needs, and lives as long.
//!
//! Not for real use: its key is in memory and then gone. Real certificates come from the ministry's CA (docs/operations.md).

use openssl::asn1::{Asn1Integer, Asn1Time};
use openssl::bn::{BigNum, MsbOption};
use openssl::ec::{EcGroup, EcKey};
use openssl::error::ErrorStack;
use openssl::hash::MessageDigest;
use openssl::nid::Nid;
use openssl::pkey::{PKey, Private};
use openssl::x509::extension::{
    AuthorityKeyIdentifier, BasicConstraints, ExtendedKeyUsage, KeyUsage, SubjectAlternativeName, SubjectKeyIdentifier,
};
use openssl::x509::{X509, X509Builder, X509Name, X509NameBuilder};

const DAYS: u32 = 7;

pub struct Authority {
    certificate: X509,
    key: PKey<Private>,
}

/// PEM of both.
pub struct Issued {
    pub certificate: Vec<u8>,
    pub key: Vec<u8>,
}

fn key() -> Result<PKey<Private>, ErrorStack> {
    PKey::from_ec_key(EcKey::generate(EcGroup::from_curve_name(Nid::X9_62_PRIME256V1)?.as_ref())?)
}

fn named(name: &str) -> Result<X509Name, ErrorStack> {
    let mut built = X509NameBuilder::new()?;
    built.append_entry_by_nid(Nid::COMMONNAME, name)?;
    Ok(built.build())
}

fn begun(name: &str, key: &PKey<Private>) -> Result<X509Builder, ErrorStack> {
    let mut builder = X509Builder::new()?;
    builder.set_version(2)?;
    let mut serial = BigNum::new()?;
    serial.rand(127, MsbOption::MAYBE_ZERO, false)?;
    builder.set_serial_number(&*Asn1Integer::from_bn(&serial)?)?;
    builder.set_subject_name(&*named(name)?)?;
    builder.set_pubkey(key)?;
    builder.set_not_before(&*Asn1Time::days_from_now(0)?)?;
    builder.set_not_after(&*Asn1Time::days_from_now(DAYS)?)?;
    Ok(builder)
}

impl Authority {
    pub fn new(name: &str) -> Result<Self, ErrorStack> {
        let key = key()?;
        let mut builder = begun(name, &key)?;
        builder.set_issuer_name(&*named(name)?)?;
        builder.append_extension(BasicConstraints::new().critical().ca().build()?)?;
        builder.append_extension(KeyUsage::new().critical().key_cert_sign().crl_sign().build()?)?;
        let own_id = SubjectKeyIdentifier::new().build(&builder.x509v3_context(None, None))?;
        builder.append_extension(own_id)?;
        builder.sign(&key, MessageDigest::sha256())?;
        Ok(Authority { certificate: builder.build(), key })
    }

    pub fn certificate(&self) -> Result<Vec<u8>, ErrorStack> {
        self.certificate.to_pem()
    }

    /// For a server on this machine.
    pub fn server(&self) -> Result<Issued, ErrorStack> {
        self.issue("localhost", true)
    }

    pub fn client(&self, name: &str) -> Result<Issued, ErrorStack> {
        self.issue(name, false)
    }

    fn issue(&self, name: &str, is_server: bool) -> Result<Issued, ErrorStack> {
        let key = key()?;
        let mut builder = begun(name, &key)?;
        builder.set_issuer_name(self.certificate.subject_name())?;
        builder.append_extension(BasicConstraints::new().critical().build()?)?;
        builder.append_extension(KeyUsage::new().critical().digital_signature().build()?)?;
        let mut usage = ExtendedKeyUsage::new();
        builder.append_extension(if is_server { usage.server_auth() } else { usage.client_auth() }.build()?)?;
        let issuer_id =
            AuthorityKeyIdentifier::new().keyid(true).build(&builder.x509v3_context(Some(&self.certificate), None))?;
        builder.append_extension(issuer_id)?;
        if is_server {
            let names = SubjectAlternativeName::new()
                .dns("localhost")
                .ip("127.0.0.1")
                .build(&builder.x509v3_context(Some(&self.certificate), None))?;
            builder.append_extension(names)?;
        }
        builder.sign(&self.key, MessageDigest::sha256())?;
        Ok(Issued { certificate: builder.build().to_pem()?, key: key.private_key_to_pem_pkcs8()? })
    }
}
