//! Detached signatures over files (RFC 7515 appendix F): the signed text travels beside the bytes, without them in it.
//!
//! Owns the two forms of what is signed: the bytes as they are (`"b64": false`, RFC 7797) and their base64url. Both are hashed while
//! the bytes come in, so a file of any size is checked in one pass. Refuses every algorithm but ES256, headers with
//! more members than these (a signer's own words would be kept with the file), and a payload inside the text.

use super::digest::Sha256Stream;
use super::jws::{ALGORITHM, ClientKey};
use super::{VaultError, sign};
use data_encoding::BASE64URL_NOPAD;
use openssl::ec::EcKey;
use openssl::nid::Nid;
use openssl::pkey::Private;
use serde::Deserialize;

/// Of its own, so that it passes for nothing else that a client signs, its assertions above all (RFC 8725 §3.11).
const TYP: &str = "saphan-file+jws";
/// Characters of one: a short header and 86 of signature.
const CHARS_MAX: usize = 1_024;
/// Base64 makes four characters of so many bytes.
const GROUP_BYTES: usize = 3;
/// Bytes encoded at once; whole groups.
const ENCODED_BYTES: usize = 3 << 12;

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Header {
    alg: String,
    kid: String,
    #[serde(default = "encoded")]
    b64: bool,
    #[serde(default)]
    crit: Option<Vec<String>>,
    typ: String,
    #[serde(rename = "iat")]
    _iat: Option<u64>,
}

fn encoded() -> bool {
    true
}

/// One that was taken apart; nothing of it is proved yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DetachedJws {
    text: String,
    kid: String,
    is_encoded: bool,
}

impl DetachedJws {
    /// `HEADER..SIGNATURE`. None: not such a text, not by ES256, or it names no key.
    pub fn parse(text: &str) -> Option<Self> {
        if text.len() > CHARS_MAX {
            return None;
        }
        let (header, signature) = text.split_once("..")?;
        let decode = |part: &str| BASE64URL_NOPAD.decode(part.as_bytes()).ok();
        let signature_bytes = decode(signature)?.len();
        let header: Header = serde_json::from_slice(&decode(header)?).ok()?;
        // RFC 7797 §6: who leaves the encoding out says so in `crit`, and nothing else stands there.
        let is_critical = match header.crit.as_deref() {
            None => false,
            Some([only]) if only == "b64" => true,
            Some(_) => return None,
        };
        let fits = header.alg == ALGORITHM && header.typ == TYP && signature_bytes == 64 && (header.b64 || is_critical);
        fits.then(|| DetachedJws { text: text.to_owned(), kid: header.kid, is_encoded: header.b64 })
    }

    /// The key it says it is by.
    pub fn kid(&self) -> &str {
        &self.kid
    }

    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// Takes the bytes that it is to be over.
    pub fn over(&self) -> SignedStream {
        SignedStream::after(self.text.split("..").next().unwrap_or_default(), self.is_encoded)
    }

    /// Did this key sign those bytes?
    pub fn is_by(&self, key: &ClientKey, bytes: SignedStream) -> Result<bool, VaultError> {
        let signature = self.text.rsplit("..").next().unwrap_or_default();
        sign::verify_digest(key.public(), &bytes.finish(), signature)
    }
}

/// What is signed, as it comes in.
#[derive(Clone)]
pub struct SignedStream {
    digest: Sha256Stream,
    is_encoded: bool,
    /// Bytes that make no whole group yet.
    rest: Vec<u8>,
}

impl SignedStream {
    fn after(header: &str, is_encoded: bool) -> Self {
        let mut digest = Sha256Stream::new();
        digest.update(header.as_bytes());
        digest.update(b".");
        SignedStream { digest, is_encoded, rest: Vec::new() }
    }

    pub fn update(&mut self, mut bytes: &[u8]) {
        if !self.is_encoded {
            self.digest.update(bytes);
            return;
        }
        while !self.rest.is_empty() && self.rest.len() < GROUP_BYTES && !bytes.is_empty() {
            self.rest.push(bytes[0]);
            bytes = &bytes[1..];
        }
        if self.rest.len() == GROUP_BYTES {
            self.digest.update(BASE64URL_NOPAD.encode(&self.rest).as_bytes());
            self.rest.clear();
        }
        if self.rest.is_empty() {
            let (whole, rest) = bytes.split_at(bytes.len() - bytes.len() % GROUP_BYTES);
            for some in whole.chunks(ENCODED_BYTES) {
                self.digest.update(BASE64URL_NOPAD.encode(some).as_bytes());
            }
            self.rest.extend_from_slice(rest);
        }
    }

    fn finish(mut self) -> [u8; 32] {
        self.digest.update(BASE64URL_NOPAD.encode(&self.rest).as_bytes());
        self.digest.finish()
    }
}

/// The sender's half: what signs a file before it is sent (`saphan submit --sign`).
pub struct FileSigner {
    key: EcKey<Private>,
    header: String,
}

impl FileSigner {
    /// From a private key in PEM, on P-256 and without a passphrase. None: it is no such key.
    pub fn parse(pem: &[u8]) -> Option<Self> {
        // An empty passphrase, so that nobody is asked for one at a terminal.
        let key = EcKey::private_key_from_pem_passphrase(pem, b"").ok()?;
        let is_p256 = key.group().curve_name() == Some(Nid::X9_62_PRIME256V1) && key.check_key().is_ok();
        let kid = is_p256.then(|| sign::public_jwk(&key).ok())??.kid;
        let header =
            serde_json::json!({ "alg": ALGORITHM, "typ": TYP, "kid": kid, "b64": false, "crit": ["b64"] }).to_string();
        Some(FileSigner { key, header: BASE64URL_NOPAD.encode(header.as_bytes()) })
    }

    /// Takes the file's bytes.
    pub fn begin(&self) -> SignedStream {
        SignedStream::after(&self.header, false)
    }

    /// The detached JWS over them.
    pub fn sign(&self, bytes: SignedStream) -> Result<String, VaultError> {
        Ok(format!("{}..{}", self.header, sign::sign_digest(&self.key, &bytes.finish())?))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::vault::Vault;
    use proptest::prelude::*;

    fn signer() -> (tempfile::TempDir, Vault, ClientKey) {
        let home = tempfile::tempdir().unwrap();
        let vault = Vault::open_or_create(home.path()).unwrap();
        let key = ClientKey::parse(&serde_json::to_string(&vault.public_jwk().unwrap()).unwrap()).unwrap();
        (home, vault, key)
    }

    /// The plain twin: what is signed, whole and at once.
    fn signed(vault: &Vault, header: &str, bytes: &[u8], is_encoded: bool) -> String {
        let header = BASE64URL_NOPAD.encode(header.as_bytes());
        let mut signing_input = format!("{header}.").into_bytes();
        match is_encoded {
            true => signing_input.extend(BASE64URL_NOPAD.encode(bytes).bytes()),
            false => signing_input.extend_from_slice(bytes),
        }
        format!("{header}..{}", vault.sign(&signing_input).unwrap())
    }

    fn header(is_encoded: bool) -> &'static str {
        match is_encoded {
            true => r#"{"alg":"ES256","typ":"saphan-file+jws","kid":"k"}"#,
            false => r#"{"alg":"ES256","typ":"saphan-file+jws","kid":"k","b64":false,"crit":["b64"]}"#,
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn cut_anyhow_the_bytes_are_those_that_were_signed_and_no_others(
            bytes in proptest::collection::vec(any::<u8>(), 1..20_000),
            pieces in proptest::collection::vec(0_usize..40, 1..20),
            is_encoded in any::<bool>(),
        ) {
            let (_home, vault, key) = signer();
            let jws = DetachedJws::parse(&signed(&vault, header(is_encoded), &bytes, is_encoded)).unwrap();
            let is_by = |bytes: &[u8]| {
                let (mut stream, mut left) = (jws.over(), bytes);
                for piece in &pieces {
                    let (now, later) = left.split_at((*piece).min(left.len()));
                    stream.update(now);
                    left = later;
                }
                stream.update(left);
                jws.is_by(&key, stream).unwrap()
            };
            prop_assert!(is_by(&bytes));
            let mut bent = bytes.clone();
            let at = bent.len() / 2;
            bent[at] ^= 1;
            prop_assert!(!is_by(&bent) && !is_by(&bytes[1..]) && !is_by(&[&bytes[..], b"x"].concat()));
        }
    }

    #[test]
    fn what_a_sender_signs_with_a_key_file_is_by_that_key() {
        let group = openssl::ec::EcGroup::from_curve_name(Nid::X9_62_PRIME256V1).unwrap();
        let pair = EcKey::generate(&group).unwrap();
        let public = String::from_utf8(pair.public_key_to_pem().unwrap()).unwrap();
        let signer = FileSigner::parse(&pair.private_key_to_pem().unwrap()).unwrap();
        let mut bytes = signer.begin();
        bytes.update(b"file");
        let jws = DetachedJws::parse(&signer.sign(bytes.clone()).unwrap()).unwrap();
        let key = ClientKey::parse(&public).unwrap();
        assert_eq!(jws.kid(), key.jwk().unwrap().kid);
        assert!(jws.is_by(&key, bytes).unwrap());
        let other = openssl::ec::EcGroup::from_curve_name(Nid::SECP384R1).unwrap();
        let other = EcKey::generate(&other).unwrap().private_key_to_pem().unwrap();
        let locked = pair.private_key_to_pem_passphrase(openssl::symm::Cipher::aes_128_cbc(), b"word").unwrap();
        for unfit in [&other[..], public.as_bytes(), &locked, b""] {
            assert!(FileSigner::parse(unfit).is_none());
        }
    }

    #[test]
    fn another_key_did_not_sign_it() {
        let (_home, vault, _) = signer();
        let (_other_home, _, other) = signer();
        let jws = DetachedJws::parse(&signed(&vault, header(false), b"file", false)).unwrap();
        let mut stream = jws.over();
        stream.update(b"file");
        assert!(!jws.is_by(&other, stream).unwrap());
    }

    #[test]
    fn what_is_no_detached_signature_is_refused() {
        let (_home, vault, _) = signer();
        let make = |header: &str| signed(&vault, header, b"file", false);
        assert_eq!(DetachedJws::parse(&make(header(false))).unwrap().kid(), "k");
        assert!(
            DetachedJws::parse(&make(r#"{"alg":"ES256","kid":"k","typ":"saphan-file+jws","iat":1781000000}"#))
                .is_some()
        );
        for header in [
            r#"{"alg":"none","typ":"saphan-file+jws","kid":"k"}"#,
            r#"{"alg":"HS256","typ":"saphan-file+jws","kid":"k"}"#,
            r#"{"alg":"ES256","typ":"saphan-file+jws"}"#,
            r#"{"alg":"ES256","typ":"saphan-file+jws","kid":"k","b64":false}"#,
            r#"{"alg":"ES256","typ":"saphan-file+jws","kid":"k","crit":["b64","exp"],"b64":false}"#,
            r#"{"alg":"ES256","typ":"saphan-file+jws","kid":"k","crit":[]}"#,
            r#"{"alg":"ES256","typ":"saphan-file+jws","kid":"k","jwk":{}}"#,
            r#"{"alg":"ES256","typ":"saphan-file+jws","kid":"k","note":"somebody's name"}"#,
            r#"{"alg":"ES256","kid":"k"}"#,
            r#"{"alg":"ES256","kid":"k","typ":"JWT"}"#,
        ] {
            assert!(DetachedJws::parse(&make(header)).is_none(), "{header}");
        }
        let good = make(header(false));
        let (head, tail) = good.split_once("..").unwrap();
        for text in ["", "..", "a..b", &format!("{head}.cGF5bG9hZA.{tail}"), &format!("{good}A"), &"a".repeat(2_000)] {
            assert!(DetachedJws::parse(text).is_none(), "{text}");
        }
    }
}
