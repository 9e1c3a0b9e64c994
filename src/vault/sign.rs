//! ES256 signatures (RFC 7518 §3.4: ECDSA on P-256 with SHA-256, r‖s of 64 bytes, base64url).
//!
//! Owns the signature form and the public key's JWK (RFC 7517) with its thumbprint as key id (RFC 7638).

use super::VaultError;
use data_encoding::{BASE64, BASE64URL_NOPAD};
use openssl::bn::{BigNum, BigNumContext};
use openssl::ec::EcKey;
use openssl::ecdsa::EcdsaSig;
use openssl::pkey::{HasPublic, Private};
use openssl::sha::sha256;
use serde::Serialize;

/// Width of a P-256 coordinate.
const COORDINATE_BYTES: i32 = 32;
/// Of which base64 makes the 64 characters of a line (RFC 7468 §2).
const PEM_LINE_BYTES: usize = 48;

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct PublicJwk {
    pub kty: &'static str,
    pub crv: &'static str,
    pub alg: &'static str,
    pub r#use: &'static str,
    pub kid: String,
    pub x: String,
    pub y: String,
}

pub(super) fn sign(key: &EcKey<Private>, bytes: &[u8]) -> Result<String, VaultError> {
    sign_digest(key, &sha256(bytes))
}

pub(super) fn sign_digest(key: &EcKey<Private>, digest: &[u8; 32]) -> Result<String, VaultError> {
    let signature = EcdsaSig::sign(digest, key)?;
    let mut raw = signature.r().to_vec_padded(COORDINATE_BYTES)?;
    raw.extend(signature.s().to_vec_padded(COORDINATE_BYTES)?);
    Ok(BASE64URL_NOPAD.encode(&raw))
}

/// False for a signature of any wrong form, too.
pub(super) fn verify<K: HasPublic>(key: &EcKey<K>, bytes: &[u8], signature: &str) -> Result<bool, VaultError> {
    verify_digest(key, &sha256(bytes), signature)
}

/// The same over bytes of which only the SHA-256 is at hand.
pub(super) fn verify_digest<K: HasPublic>(
    key: &EcKey<K>,
    digest: &[u8; 32],
    signature: &str,
) -> Result<bool, VaultError> {
    let Ok(raw) = BASE64URL_NOPAD.decode(signature.as_bytes()) else { return Ok(false) };
    let Ok([r, s]) =
        <[[u8; 32]; 2]>::try_from(raw.chunks_exact(32).filter_map(|c| c.try_into().ok()).collect::<Vec<_>>())
    else {
        return Ok(false);
    };
    if raw.len() != 64 {
        return Ok(false);
    }
    let signature = EcdsaSig::from_private_components(BigNum::from_slice(&r)?, BigNum::from_slice(&s)?)?;
    // The library reports r or s out of range as an error; to the asker that is a wrong signature.
    Ok(signature.verify(digest, key).unwrap_or(false))
}

/// The same key as other programs read it (RFC 7468 §13).
pub(super) fn public_pem<K: HasPublic>(key: &EcKey<K>) -> Result<String, VaultError> {
    let lines: String =
        key.public_key_to_der()?.chunks(PEM_LINE_BYTES).map(|part| BASE64.encode(part) + "\n").collect();
    Ok(format!("-----BEGIN PUBLIC KEY-----\n{lines}-----END PUBLIC KEY-----\n"))
}

pub(super) fn public_jwk<K: HasPublic>(key: &EcKey<K>) -> Result<PublicJwk, VaultError> {
    let (mut x, mut y, mut context) = (BigNum::new()?, BigNum::new()?, BigNumContext::new()?);
    key.public_key().affine_coordinates(key.group(), &mut x, &mut y, &mut context)?;
    let x = BASE64URL_NOPAD.encode(&x.to_vec_padded(COORDINATE_BYTES)?);
    let y = BASE64URL_NOPAD.encode(&y.to_vec_padded(COORDINATE_BYTES)?);
    let thumbprint = sha256(format!(r#"{{"crv":"P-256","kty":"EC","x":"{x}","y":"{y}"}}"#).as_bytes());
    let kid = BASE64URL_NOPAD.encode(&thumbprint);
    Ok(PublicJwk { kty: "EC", crv: "P-256", alg: "ES256", r#use: "sig", kid, x, y })
}
