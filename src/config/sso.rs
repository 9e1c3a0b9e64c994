//! Settings of single sign-on: the provider of identities, and what this gateway is there.
//!
//! Owns which of them go together and what an address of a provider must be. Refuses one that is reached without TLS, unless it
//! is on this machine, for trying; and the secret anywhere but in the environment.

use super::value::Given;

/// Names of these settings in the file.
pub(super) const ISSUER: &str = "oidc_issuer";
pub(super) const CLIENT_ID: &str = "oidc_client_id";
pub(super) const CLIENT_SECRET: &str = "oidc_client_secret";

/// Letters of an address, an id, a secret.
const CHARS_MAX: usize = 255;

#[derive(Clone, PartialEq, Eq)]
pub struct SsoSettings {
    /// `SAPHAN_OIDC_ISSUER`: letter by letter as the provider names itself.
    pub issuer: String,
    /// `SAPHAN_OIDC_CLIENT_ID`: what the provider calls this gateway.
    pub client_id: String,
    /// `SAPHAN_OIDC_CLIENT_SECRET`. Environment only.
    pub client_secret: String,
}

impl std::fmt::Debug for SsoSettings {
    /// Without the secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SsoSettings")
            .field("issuer", &self.issuer)
            .field("client_id", &self.client_id)
            .field("client_secret", &"…")
            .finish()
    }
}

/// May secrets go there? By TLS, or no further than this machine.
pub fn is_safe_address(address: &str) -> bool {
    let plain = address.len() <= 2_048 && address.bytes().all(|byte| byte.is_ascii_graphic()) && !address.contains('#');
    let host = |rest: &str| rest.split(['/', '?']).next().unwrap_or_default().to_owned();
    if let Some(rest) = address.strip_prefix("https://") {
        let host = host(rest);
        return plain && !host.is_empty() && !host.contains('@');
    }
    plain && address.strip_prefix("http://").is_some_and(|rest| is_loopback(&host(rest)))
}

/// `host` with or without a port.
fn is_loopback(host: &str) -> bool {
    let name = match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
        _ => host,
    };
    matches!(name, "127.0.0.1" | "localhost" | "[::1]")
}

fn issuer(text: &str) -> Result<String, String> {
    if is_safe_address(text) && text.len() <= CHARS_MAX && !text.contains('?') {
        Ok(text.to_owned())
    } else {
        Err(format!("`{text}` is not a provider's address such as https://login.example.go.th/realms/moe"))
    }
}

fn client_id(text: &str) -> Result<String, String> {
    if text.len() <= CHARS_MAX && text.bytes().all(|byte| byte.is_ascii_graphic()) {
        Ok(text.to_owned())
    } else {
        Err(format!("a client id has 1 to {CHARS_MAX} signs, without spaces"))
    }
}

/// Never repeats what was given.
fn client_secret(text: &str) -> Result<String, String> {
    if text.len() <= CHARS_MAX && !text.chars().any(char::is_control) {
        Ok(text.to_owned())
    } else {
        Err(format!("a client secret has 1 to {CHARS_MAX} letters"))
    }
}

/// None: people sign in with the accounts of this gateway only.
pub(super) fn read(given: &mut Given) -> Option<SsoSettings> {
    // A value that was given and can't be read is told of by itself.
    let faults = given.faults.len();
    let issuer = given.take(ISSUER, issuer);
    let client_id = given.take(CLIENT_ID, client_id);
    let client_secret = given.take(CLIENT_SECRET, client_secret);
    if given.faults.len() > faults {
        return None;
    }
    let all = [(ISSUER, issuer.is_some()), (CLIENT_ID, client_id.is_some()), (CLIENT_SECRET, client_secret.is_some())];
    if let Some((set, _)) = all.iter().find(|(_, is_given)| *is_given) {
        for (needs, _) in all.iter().filter(|(_, is_given)| !is_given) {
            let (set, needs) = (set.to_ascii_uppercase(), needs.to_ascii_uppercase());
            given.fault(format!("SAPHAN_{set}"), format!("it needs SAPHAN_{needs} beside it"));
        }
    }
    Some(SsoSettings { issuer: issuer?, client_id: client_id?, client_secret: client_secret? })
}

#[cfg(test)]
mod tests {
    use super::is_safe_address;
    use crate::config::{ConfigFaults, ConfigFile, Settings};
    use std::collections::BTreeMap;

    fn parse(pairs: &[(&str, &str)]) -> Result<Settings, ConfigFaults> {
        let all: BTreeMap<_, _> =
            pairs.iter().map(|(name, value)| (format!("SAPHAN_OIDC_{name}"), (*value).to_owned())).collect();
        Settings::parse(None, &all)
    }

    #[test]
    fn all_three_or_none_and_the_secret_is_shown_nowhere() {
        assert_eq!(parse(&[]).unwrap().sso, None);
        let all = [("ISSUER", "https://id.example/realms/moe"), ("CLIENT_ID", "saphan"), ("CLIENT_SECRET", "ความลับ-7")];
        let settings = parse(&all).unwrap();
        assert_eq!(settings.sso.as_ref().unwrap().client_secret, "ความลับ-7");
        assert!(!format!("{settings:?}").contains("ความลับ"));
        for left_out in 0..3 {
            let mut pairs = all.to_vec();
            let (name, _) = pairs.remove(left_out);
            let said = parse(&pairs).unwrap_err().to_string();
            assert!(said.ends_with(&format!("it needs SAPHAN_OIDC_{name} beside it")), "{said}");
        }
        let text = "oidc_client_secret: in-the-file\n";
        let file = Some(ConfigFile { name: "saphan.yaml", text });
        let said = Settings::parse(file, &BTreeMap::new()).unwrap_err().to_string();
        assert!(said.contains("set SAPHAN_OIDC_CLIENT_SECRET") && !said.contains("in-the-file"), "{said}");
    }

    #[test]
    fn a_provider_is_reached_by_tls_or_on_this_machine() {
        for good in ["https://id.example", "https://id.example:8443/a?b=c", "http://127.0.0.1:3000/x", "http://[::1]:1"]
        {
            assert!(is_safe_address(good), "{good}");
        }
        for bad in [
            "http://id.example",
            "http://127.0.0.1.evil.example/",
            "http://127.0.0.1@evil.example/",
            "https://",
            "https://a@b/",
            "https://id.example/#x",
            "https://id.example/ x",
            "ftp://id.example",
            "javascript:alert(1)",
        ] {
            assert!(!is_safe_address(bad), "{bad}");
        }
        assert!(parse(&[("ISSUER", "http://id.example"), ("CLIENT_ID", "a"), ("CLIENT_SECRET", "b")]).is_err());
    }
}
