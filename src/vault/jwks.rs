//! Keys of a provider of identities (RFC 7517 §5), and what they signed (RFC 7515 §7.1).
//!
//! Owns the three algorithms that providers sign with: RS256, PS256 and ES256. Refuses every other one (`none` and those with a
//! shared secret first of all), a key for another use or algorithm, short RSA keys, `crit`, and keys that a header brings along.

use super::VaultError;
use super::jws::ClientKey;
use super::sign;
use data_encoding::BASE64URL_NOPAD;
use openssl::bn::BigNum;
use openssl::hash::MessageDigest;
use openssl::pkey::{PKey, Public};
use openssl::rsa::{Padding, Rsa};
use openssl::sign::{RsaPssSaltlen, Verifier};
use serde::Deserialize;

/// A provider has a few; more are not looked at.
const KEYS_MAX: usize = 64;
/// Characters of a signed text: the groups of a person may stand in it.
const CHARS_MAX: usize = 64 << 10;
const RSA_BITS: std::ops::RangeInclusive<i32> = 2_048..=8_192;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Algorithm {
    Rs256,
    Ps256,
    Es256,
}

impl Algorithm {
    fn parse(text: &str) -> Option<Self> {
        match text {
            "RS256" => Some(Algorithm::Rs256),
            "PS256" => Some(Algorithm::Ps256),
            "ES256" => Some(Algorithm::Es256),
            _ => None,
        }
    }
}

enum Key {
    Rsa(PKey<Public>),
    Ec(ClientKey),
}

struct ProviderKey {
    kid: Option<String>,
    /// None: any that the key fits.
    algorithm: Option<Algorithm>,
    key: Key,
}

/// What a provider's `jwks_uri` answers, as far as it is of use.
pub struct ProviderKeys(Vec<ProviderKey>);

/// Why a signed text is not believed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SignedFault {
    #[error("it is no signed text, or by an algorithm that is not taken (RS256, PS256, ES256)")]
    Form,
    /// It may be a new one: ask the provider again.
    #[error("the provider has no such key")]
    NoKey,
    #[error("the signature is wrong")]
    Signature,
}

#[derive(Deserialize)]
struct GivenKeys {
    keys: Vec<serde_json::Value>,
}

#[derive(Deserialize)]
struct GivenKey {
    kty: String,
    kid: Option<String>,
    r#use: Option<String>,
    alg: Option<String>,
    n: Option<String>,
    e: Option<String>,
}

#[derive(Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<serde_json::Value>,
}

impl ProviderKeys {
    /// Keys of kinds that are not known are passed over, as RFC 7517 §5 has it. None: it is no list of keys.
    pub fn parse(text: &str) -> Option<Self> {
        let given: GivenKeys = serde_json::from_str(text).ok()?;
        Some(ProviderKeys(given.keys.into_iter().take(KEYS_MAX).filter_map(ProviderKey::of).collect()))
    }

    /// What `token` says, if one of these keys signed it.
    pub fn open(&self, token: &str) -> Result<Vec<u8>, SignedFault> {
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).map_err(|_| SignedFault::Form);
        if token.len() > CHARS_MAX {
            return Err(SignedFault::Form);
        }
        let (signed, signature) = token.rsplit_once('.').ok_or(SignedFault::Form)?;
        let (header, payload) = signed.split_once('.').ok_or(SignedFault::Form)?;
        let header: Header = serde_json::from_slice(&decode(header)?).map_err(|_| SignedFault::Form)?;
        let algorithm = Algorithm::parse(&header.alg).ok_or(SignedFault::Form)?;
        // An access token is no proof of who somebody is.
        if header.crit.is_some() || header.typ.is_some_and(|typ| !typ.eq_ignore_ascii_case("JWT")) {
            return Err(SignedFault::Form);
        }
        let payload = decode(payload)?;
        let mut fitting = self
            .0
            .iter()
            .filter(|key| key.fits(algorithm) && (header.kid.is_none() || key.kid == header.kid))
            .peekable();
        if fitting.peek().is_none() {
            return Err(SignedFault::NoKey);
        }
        let is_signed = |key: &ProviderKey| key.is_signature(algorithm, signed.as_bytes(), signature).unwrap_or(false);
        if fitting.any(is_signed) { Ok(payload) } else { Err(SignedFault::Signature) }
    }
}

impl ProviderKey {
    fn of(given: serde_json::Value) -> Option<Self> {
        let text = given.to_string();
        let GivenKey { kty, kid, r#use, alg, n, e } = serde_json::from_value(given).ok()?;
        if r#use.is_some_and(|r#use| r#use != "sig") {
            return None;
        }
        let algorithm = match alg {
            // A key for an algorithm that is not taken is for nothing else.
            Some(alg) => Some(Algorithm::parse(&alg)?),
            None => None,
        };
        let number = |text: String| BigNum::from_slice(&BASE64URL_NOPAD.decode(text.as_bytes()).ok()?).ok();
        let key = match kty.as_str() {
            "RSA" => {
                let n = number(n?).filter(|n| RSA_BITS.contains(&n.num_bits()))?;
                let rsa = Rsa::from_public_components(n, number(e?)?).ok()?;
                Key::Rsa(PKey::from_rsa(rsa).ok()?)
            }
            "EC" => Key::Ec(ClientKey::parse(&text).ok()?),
            _ => return None,
        };
        Some(ProviderKey { kid, algorithm, key })
    }

    fn fits(&self, algorithm: Algorithm) -> bool {
        let is_kind = matches!(self.key, Key::Ec(_)) == (algorithm == Algorithm::Es256);
        is_kind && self.algorithm.is_none_or(|own| own == algorithm)
    }

    fn is_signature(&self, algorithm: Algorithm, bytes: &[u8], signature: &str) -> Result<bool, VaultError> {
        let key = match &self.key {
            Key::Ec(key) => return sign::verify(key.public(), bytes, signature),
            Key::Rsa(key) => key,
        };
        let Ok(signature) = BASE64URL_NOPAD.decode(signature.as_bytes()) else { return Ok(false) };
        let mut verifier = Verifier::new(MessageDigest::sha256(), key)?;
        if algorithm == Algorithm::Ps256 {
            verifier.set_rsa_padding(Padding::PKCS1_PSS)?;
            verifier.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH)?;
            verifier.set_rsa_mgf1_md(MessageDigest::sha256())?;
        }
        Ok(verifier.verify_oneshot(&signature, bytes)?)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Vault;
    use openssl::pkey::Private;
    use openssl::sign::Signer;

    fn rsa(bits: u32) -> (PKey<Private>, serde_json::Value) {
        let rsa = Rsa::generate(bits).unwrap();
        let text = |number: &openssl::bn::BigNumRef| BASE64URL_NOPAD.encode(&number.to_vec());
        let jwk = serde_json::json!({ "kty": "RSA", "kid": "r", "n": text(rsa.n()), "e": text(rsa.e()) });
        (PKey::from_rsa(rsa).unwrap(), jwk)
    }

    fn signed(key: &PKey<Private>, header: serde_json::Value, pss: bool) -> String {
        let text =
            format!("{}.{}", BASE64URL_NOPAD.encode(header.to_string().as_bytes()), BASE64URL_NOPAD.encode(b"{}"));
        let mut signer = Signer::new(MessageDigest::sha256(), key).unwrap();
        if pss {
            signer.set_rsa_padding(Padding::PKCS1_PSS).unwrap();
            signer.set_rsa_pss_saltlen(RsaPssSaltlen::DIGEST_LENGTH).unwrap();
        }
        format!("{text}.{}", BASE64URL_NOPAD.encode(&signer.sign_oneshot_to_vec(text.as_bytes()).unwrap()))
    }

    fn keys(list: &[serde_json::Value]) -> ProviderKeys {
        ProviderKeys::parse(&serde_json::json!({ "keys": list }).to_string()).unwrap()
    }

    #[test]
    fn what_a_key_of_the_list_signed_is_read_and_nothing_else() {
        let (key, jwk) = rsa(2_048);
        let (other, _) = rsa(2_048);
        let mixed = keys(&[serde_json::json!({ "kty": "OKP", "crv": "Ed25519", "x": "AA" }), jwk]);
        for (alg, pss) in [("RS256", false), ("PS256", true)] {
            let header = serde_json::json!({ "alg": alg, "kid": "r", "typ": "JWT" });
            let token = signed(&key, header.clone(), pss);
            assert_eq!(mixed.open(&token).as_deref(), Ok(&b"{}"[..]), "{alg}");
            assert_eq!(mixed.open(&signed(&other, header.clone(), pss)), Err(SignedFault::Signature), "{alg}");
            assert_eq!(mixed.open(&signed(&key, header, !pss)), Err(SignedFault::Signature), "padding of the other");
            let (text, signature) = token.rsplit_once('.').unwrap();
            let (header, _) = text.split_once('.').unwrap();
            let bent = format!("{header}.{}.{signature}", BASE64URL_NOPAD.encode(b"{ }"));
            assert_eq!(mixed.open(&bent), Err(SignedFault::Signature));
        }
        let unknown = signed(&key, serde_json::json!({ "alg": "RS256", "kid": "new" }), false);
        assert_eq!(mixed.open(&unknown), Err(SignedFault::NoKey));
        let home = tempfile::tempdir().unwrap();
        let vault = Vault::open_or_create(home.path()).unwrap();
        let ec = keys(&[serde_json::to_value(vault.public_jwk().unwrap()).unwrap()]);
        assert_eq!(ec.open(&vault.sign_compact("JWT", b"[]").unwrap()).as_deref(), Ok(&b"[]"[..]));
        assert_eq!(ec.open(&vault.sign_compact("at+jwt", b"[]").unwrap()), Err(SignedFault::Form), "an access token");
    }

    #[test]
    fn no_other_algorithm_use_or_weak_key_is_taken() {
        let (key, jwk) = rsa(2_048);
        let list = keys(std::slice::from_ref(&jwk));
        for header in [
            serde_json::json!({ "alg": "none" }),
            serde_json::json!({ "alg": "HS256", "kid": "r" }),
            serde_json::json!({ "alg": "RS512", "kid": "r" }),
            serde_json::json!({ "alg": "RS256", "kid": "r", "crit": ["b64"] }),
        ] {
            assert_eq!(list.open(&signed(&key, header.clone(), false)), Err(SignedFault::Form), "{header}");
        }
        // A key of one kind proves nothing by the algorithm of another.
        assert_eq!(list.open(&signed(&key, serde_json::json!({ "alg": "ES256" }), false)), Err(SignedFault::NoKey));
        let with = |name: &str, value: &str| {
            let mut jwk = jwk.clone();
            jwk[name] = value.into();
            keys(&[jwk]).open(&signed(&key, serde_json::json!({ "alg": "RS256", "kid": "r" }), false))
        };
        assert_eq!(with("use", "enc"), Err(SignedFault::NoKey));
        assert_eq!(with("alg", "PS256"), Err(SignedFault::NoKey));
        assert_eq!(with("alg", "RS256").as_deref(), Ok(&b"{}"[..]));
        let (short, jwk) = rsa(1_024);
        let token = signed(&short, serde_json::json!({ "alg": "RS256", "kid": "r" }), false);
        assert_eq!(keys(&[jwk]).open(&token), Err(SignedFault::NoKey));
        assert!(ProviderKeys::parse("[]").is_none() && ProviderKeys::parse("").is_none());
        for text in ["", "a", "a.b", "a.b.c", &"a".repeat(CHARS_MAX + 1)] {
            assert_eq!(list.open(text), Err(SignedFault::Form));
        }
    }
}
