//! Signed texts in the compact form (RFC 7515 §7.1), by ES256 only.
//!
//! Owns that form and the public keys that clients bring (RFC 7517, or PEM). Refuses every other algorithm, `none` first of all,
//! headers that ask for extensions (`crit`), and keys that lie elsewhere: what a header says of keys is not followed.

use super::sign::{self, PublicJwk};
use super::{Vault, VaultError};
use data_encoding::BASE64URL_NOPAD;
use jiff::Timestamp;
use openssl::bn::BigNum;
use openssl::ec::{EcGroup, EcKey};
use openssl::nid::Nid;
use openssl::pkey::Public;
use serde::Deserialize;

/// Characters of one that is read at all.
pub const CHARS_MAX: usize = 8_192;
pub(super) const ALGORITHM: &str = "ES256";

#[derive(Debug, Deserialize)]
struct Header {
    alg: String,
    kid: Option<String>,
    typ: Option<String>,
    crit: Option<serde_json::Value>,
}

/// One that was taken apart and not checked yet.
#[derive(Debug)]
pub struct Jws<'t> {
    header: Header,
    payload: Vec<u8>,
    signed: &'t str,
    signature: &'t str,
}

impl<'t> Jws<'t> {
    /// None: not such a text, or not by ES256.
    pub fn parse(text: &'t str) -> Option<Self> {
        if text.len() > CHARS_MAX {
            return None;
        }
        let (signed, signature) = text.rsplit_once('.')?;
        let (header, payload) = signed.split_once('.')?;
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
        let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
        let fits = header.alg == ALGORITHM && header.crit.is_none();
        fits.then_some(Jws { payload: decode(payload)?, header, signed, signature })
    }

    pub fn typ(&self) -> Option<&str> {
        self.header.typ.as_deref()
    }

    pub fn kid(&self) -> Option<&str> {
        self.header.kid.as_deref()
    }

    /// What it says, not checked: only to find the key by.
    pub fn unchecked(&self) -> &[u8] {
        &self.payload
    }
}

impl Vault {
    /// `payload` signed by this gateway, with the key's id in its header.
    pub fn sign_compact(&self, typ: &str, payload: &[u8]) -> Result<String, VaultError> {
        let mut signed = String::new();
        let (signature, _) = self.sign_by(|kid| {
            let header = serde_json::json!({ "alg": ALGORITHM, "typ": typ, "kid": kid }).to_string();
            signed = format!("{}.{}", BASE64URL_NOPAD.encode(header.as_bytes()), BASE64URL_NOPAD.encode(payload));
            signed.clone().into_bytes()
        })?;
        Ok(format!("{signed}.{signature}"))
    }

    /// What `jws`, of short life, says, if this gateway signed it as such a `typ`, by its key or by the one before not long ago.
    pub fn open_compact<'j>(
        &self,
        jws: &'j Jws<'_>,
        typ: &str,
        now: Timestamp,
    ) -> Result<Option<&'j [u8]>, VaultError> {
        if !jws.kid().is_some_and(|kid| self.signs_tokens(kid, now)) {
            return Ok(None);
        }
        self.open_lasting(jws, typ)
    }

    /// The same for what is kept for years: by any key that ever signed here.
    pub fn open_lasting<'j>(&self, jws: &'j Jws<'_>, typ: &str) -> Result<Option<&'j [u8]>, VaultError> {
        let Some(kid) = jws.kid().filter(|_| jws.typ() == Some(typ)) else { return Ok(None) };
        let is_signed = self.verify_by(kid, jws.signed.as_bytes(), jws.signature)?;
        Ok(is_signed.then_some(&*jws.payload))
    }
}

/// The public half of a client's key: P-256.
pub struct ClientKey(EcKey<Public>);

#[derive(Deserialize)]
struct GivenJwk {
    kty: String,
    crv: String,
    x: String,
    y: String,
    /// The private half, which nobody should have handed over.
    d: Option<serde_json::Value>,
}

/// Why a text is no public key of a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum KeyError {
    #[error("it is neither a JWK nor a PEM of a public key on the curve P-256")]
    Form,
    #[error("it holds a private key: keep that one secret, make a new pair, and give the public half only")]
    Private,
}

impl ClientKey {
    /// From a JWK or a PEM (`openssl pkey -in key.pem -pubout`).
    pub fn parse(text: &str) -> Result<Self, KeyError> {
        if text.contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        if let Ok(jwk) = serde_json::from_str::<GivenJwk>(text) {
            if jwk.d.is_some() {
                return Err(KeyError::Private);
            }
            return Self::from_jwk(&jwk).ok_or(KeyError::Form);
        }
        let key = EcKey::public_key_from_pem(text.as_bytes()).map_err(|_| KeyError::Form)?;
        let is_p256 = key.group().curve_name() == Some(Nid::X9_62_PRIME256V1) && key.check_key().is_ok();
        if is_p256 { Ok(ClientKey(key)) } else { Err(KeyError::Form) }
    }

    fn from_jwk(jwk: &GivenJwk) -> Option<Self> {
        let coordinate = |text: &str| {
            let bytes = BASE64URL_NOPAD.decode(text.as_bytes()).ok().filter(|bytes| bytes.len() == 32)?;
            BigNum::from_slice(&bytes).ok()
        };
        let group = EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).ok()?;
        let (x, y) = (coordinate(&jwk.x)?, coordinate(&jwk.y)?);
        let fits = jwk.kty == "EC" && jwk.crv == "P-256";
        // It refuses a point that is not on the curve.
        fits.then(|| EcKey::from_public_key_affine_coordinates(&group, &x, &y).ok().map(ClientKey)).flatten()
    }

    pub(super) fn public(&self) -> &EcKey<Public> {
        &self.0
    }

    /// With its thumbprint (RFC 7638) as key id.
    pub fn jwk(&self) -> Result<PublicJwk, VaultError> {
        sign::public_jwk(&self.0)
    }

    /// What `jws` says, if this key signed it.
    pub fn open_compact<'j>(&self, jws: &'j Jws<'_>) -> Result<Option<&'j [u8]>, VaultError> {
        let is_signed = sign::verify(&self.0, jws.signed.as_bytes(), jws.signature)?;
        Ok(is_signed.then_some(&*jws.payload))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn vault() -> (tempfile::TempDir, Vault) {
        let home = tempfile::tempdir().unwrap();
        let vault = Vault::open_or_create(home.path()).unwrap();
        (home, vault)
    }

    #[test]
    fn what_we_signed_is_read_back_and_nothing_else() {
        let (_home, vault) = vault();
        let token = vault.sign_compact("at+jwt", br#"{"sub":"cli_1"}"#).unwrap();
        let open = |text: &str, typ: &str| {
            let jws = Jws::parse(text)?;
            vault.open_compact(&jws, typ, Timestamp::now()).unwrap().map(<[u8]>::to_vec)
        };
        assert_eq!(open(&token, "at+jwt").as_deref(), Some(&br#"{"sub":"cli_1"}"#[..]));
        assert_eq!(open(&token, "other"), None, "a signature for one use does not serve for another");
        let (_other_home, other) = self::vault();
        assert_eq!(open(&other.sign_compact("at+jwt", b"{}").unwrap(), "at+jwt"), None);
        for at in 0..token.len() {
            let mut bent = token.clone().into_bytes();
            bent[at] = if bent[at] == b'A' { b'B' } else { b'A' };
            let bent = String::from_utf8(bent).unwrap();
            assert!(open(&bent, "at+jwt").is_none(), "changed at {at}");
        }
    }

    #[test]
    fn no_other_algorithm_and_no_extension_is_followed() {
        let (_home, vault) = vault();
        let signed = |header: &str| {
            let signed = format!("{}.{}", BASE64URL_NOPAD.encode(header.as_bytes()), BASE64URL_NOPAD.encode(b"{}"));
            format!("{signed}.{}", vault.sign(signed.as_bytes()).unwrap())
        };
        let kid = vault.public_jwk().unwrap().kid;
        assert!(Jws::parse(&signed(&format!(r#"{{"alg":"ES256","typ":"at+jwt","kid":"{kid}"}}"#))).is_some());
        for header in [
            r#"{"alg":"none"}"#.to_owned(),
            r#"{"alg":"HS256","typ":"at+jwt"}"#.to_owned(),
            r#"{"typ":"at+jwt"}"#.to_owned(),
            format!(r#"{{"alg":"ES256","kid":"{kid}","crit":["b64"],"b64":false}}"#),
        ] {
            assert!(Jws::parse(&signed(&header)).is_none(), "{header}");
        }
        assert!(Jws::parse("").is_none() && Jws::parse("a.b").is_none() && Jws::parse(&"a".repeat(10_000)).is_none());
    }

    #[test]
    fn a_clients_key_is_taken_as_pem_or_jwk_and_only_its_public_half() {
        let (_home, vault) = vault();
        let jwk = serde_json::to_string(&vault.public_jwk().unwrap()).unwrap();
        let key = ClientKey::parse(&jwk).unwrap();
        assert_eq!(key.jwk().unwrap(), vault.public_jwk().unwrap());
        let pem = String::from_utf8(key.0.public_key_to_pem().unwrap()).unwrap();
        assert_eq!(ClientKey::parse(&pem).unwrap().jwk().unwrap().kid, vault.public_jwk().unwrap().kid);
        let token = vault.sign_compact("JWT", b"{}").unwrap();
        assert_eq!(key.open_compact(&Jws::parse(&token).unwrap()).unwrap(), Some(&b"{}"[..]));

        let p384 = EcKey::generate(&EcGroup::from_curve_name(Nid::SECP384R1).unwrap()).unwrap();
        let other_curve = String::from_utf8(p384.public_key_to_pem().unwrap()).unwrap();
        let private = String::from_utf8(p384.private_key_to_pem().unwrap()).unwrap();
        let off_the_curve = jwk.replace(&vault.public_jwk().unwrap().y, &vault.public_jwk().unwrap().x);
        for (text, why) in [
            (other_curve.as_str(), KeyError::Form),
            (&off_the_curve, KeyError::Form),
            ("", KeyError::Form),
            (&private, KeyError::Private),
            (&jwk.replace("\"x\":", "\"d\":\"AAAA\",\"x\":"), KeyError::Private),
        ] {
            assert_eq!(ClientKey::parse(text).err(), Some(why), "{text}");
        }
    }
}
