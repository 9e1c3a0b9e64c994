//! Settings of the door: the certificate that is shown, and who must show one.
//!
//! Owns which of them go together. Refuses half a pair, and to ask clients for certificates that nothing could check.

use super::value::Given;
use std::path::PathBuf;

/// Names of these settings in the file.
pub(super) const CERTIFICATE: &str = "tls_certificate";
pub(super) const KEY: &str = "tls_key";
pub(super) const CLIENT: &str = "tls_client";
pub(super) const CLIENT_CA: &str = "tls_client_ca";
pub(super) const CLIENT_CRL: &str = "tls_client_crl";

/// All PEM files. They are read anew when they change.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TlsSettings {
    /// `SAPHAN_TLS_CERTIFICATE`: the server's own first, then those between it and its CA.
    pub certificate: PathBuf,
    /// `SAPHAN_TLS_KEY`: its private key, not encrypted.
    pub key: PathBuf,
    /// `SAPHAN_TLS_CLIENT`: `off`, `optional` or `required`; default `required` with a CA, else `off`.
    pub client: ClientCertificates,
    /// `SAPHAN_TLS_CLIENT_CA`: the CAs whose clients are known.
    pub client_ca: Option<PathBuf>,
    /// `SAPHAN_TLS_CLIENT_CRL`: what they revoked.
    pub client_crl: Option<PathBuf>,
}

/// Are clients asked for a certificate?
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ClientCertificates {
    /// Nobody is asked.
    Off,
    /// Who shows one must show a good one.
    Optional,
    /// Whatever is not open to all needs one.
    Required,
}

impl ClientCertificates {
    pub fn as_str(self) -> &'static str {
        match self {
            ClientCertificates::Off => "off",
            ClientCertificates::Optional => "optional",
            ClientCertificates::Required => "required",
        }
    }

    fn parse(text: &str) -> Result<Self, String> {
        let all = [ClientCertificates::Off, ClientCertificates::Optional, ClientCertificates::Required];
        let found = all.into_iter().find(|one| one.as_str() == text);
        found.ok_or_else(|| format!("`{text}` is none of off, optional, required"))
    }
}

/// None: plain HTTP.
pub(super) fn read(given: &mut Given) -> Option<TlsSettings> {
    let mut path = |name: &str| given.take(name, |text| Ok(PathBuf::from(text)));
    let (certificate, key) = (path(CERTIFICATE), path(KEY));
    let (client_ca, client_crl) = (path(CLIENT_CA), path(CLIENT_CRL));
    let client = given.take(CLIENT, ClientCertificates::parse);
    let mut lacks = |set: &str, needs: &str| {
        let (set, needs) = (set.to_ascii_uppercase(), needs.to_ascii_uppercase());
        given.fault(format!("SAPHAN_{set}"), format!("it needs SAPHAN_{needs} beside it"));
    };
    match (&certificate, &key) {
        (Some(_), None) => lacks(CERTIFICATE, KEY),
        (None, Some(_)) => lacks(KEY, CERTIFICATE),
        (None, None) if client_ca.is_some() => lacks(CLIENT_CA, CERTIFICATE),
        _ => {}
    }
    if client_ca.is_none() {
        if client_crl.is_some() {
            lacks(CLIENT_CRL, CLIENT_CA);
        }
        if client.is_some_and(|client| client != ClientCertificates::Off) {
            lacks(CLIENT, CLIENT_CA);
        }
    }
    let default = if client_ca.is_some() { ClientCertificates::Required } else { ClientCertificates::Off };
    let (certificate, key) = (certificate?, key?);
    Some(TlsSettings { certificate, key, client: client.unwrap_or(default), client_ca, client_crl })
}

#[cfg(test)]
mod tests {
    use crate::config::{ClientCertificates, ConfigFaults, Settings};
    use std::collections::BTreeMap;
    use std::path::Path;

    fn parse(pairs: &[(&str, &str)]) -> Result<Settings, ConfigFaults> {
        let all: BTreeMap<_, _> =
            pairs.iter().map(|(name, value)| (format!("SAPHAN_TLS_{name}"), (*value).to_owned())).collect();
        Settings::parse(None, &all)
    }

    #[test]
    fn without_a_certificate_it_is_plain_and_with_a_ca_clients_must_show_theirs() {
        assert_eq!(parse(&[]).unwrap().tls, None);
        let settings = parse(&[("CERTIFICATE", "a.pem"), ("KEY", "a.key")]).unwrap();
        assert_eq!(settings.public_url, "https://127.0.0.1:8080");
        assert_eq!(settings.tls.unwrap().client, ClientCertificates::Off);
        let pair = [("CERTIFICATE", "a.pem"), ("KEY", "a.key"), ("CLIENT_CA", "ca.pem")];
        let tls = parse(&pair).unwrap().tls.unwrap();
        assert_eq!((tls.client, tls.client_ca.as_deref()), (ClientCertificates::Required, Some(Path::new("ca.pem"))));
        let tls = parse(&[&pair[..], &[("CLIENT", "optional")]].concat()).unwrap().tls.unwrap();
        assert_eq!(tls.client, ClientCertificates::Optional);
    }

    #[test]
    fn half_of_a_pair_is_refused_with_the_other_half_named() {
        for (pairs, said) in [
            (&[("CERTIFICATE", "a")][..], "SAPHAN_TLS_CERTIFICATE: it needs SAPHAN_TLS_KEY beside it"),
            (&[("KEY", "a")], "SAPHAN_TLS_KEY: it needs SAPHAN_TLS_CERTIFICATE beside it"),
            (&[("CLIENT_CA", "a")], "SAPHAN_TLS_CLIENT_CA: it needs SAPHAN_TLS_CERTIFICATE beside it"),
            (&[("CLIENT_CRL", "a")], "SAPHAN_TLS_CLIENT_CRL: it needs SAPHAN_TLS_CLIENT_CA beside it"),
            (&[("CLIENT", "required")], "SAPHAN_TLS_CLIENT: it needs SAPHAN_TLS_CLIENT_CA beside it"),
            (&[("CLIENT", "yes")], "SAPHAN_TLS_CLIENT: `yes` is none of off, optional, required"),
        ] {
            assert_eq!(parse(pairs).unwrap_err().to_string(), said);
        }
    }
}
