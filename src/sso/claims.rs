//! What an ID token has to say before somebody is believed to be who it names (OpenID Connect Core §3.1.3.7).
//!
//! Owns these checks and nothing else: whether it is signed was looked at before. Refuses a token of another issuer, for another
//! program, of another sign-in, and one whose times don't fit.

use serde::Deserialize;

/// Clocks may differ by so much.
pub const LEEWAY_SECONDS: i64 = 60;
/// It was made for this sign-in, so it is no older than one.
const AGE_SECONDS_MAX: i64 = 600;
/// OpenID Connect Core §2.
const SUBJECT_CHARS_MAX: usize = 255;

/// What this sign-in awaits.
#[derive(Debug, Clone, Copy)]
pub struct Expected<'e> {
    pub issuer: &'e str,
    pub client_id: &'e str,
    pub nonce: &'e str,
    /// Seconds of Unix time.
    pub now: i64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum TokenFault {
    #[error("the ID token can't be read")]
    Form,
    #[error("the ID token is of another issuer")]
    Issuer,
    #[error("the ID token is meant for another program")]
    Audience,
    #[error("the ID token is of another sign-in")]
    Nonce,
    #[error("the ID token names nobody, or by more than {SUBJECT_CHARS_MAX} letters")]
    Subject,
    /// It is fresh from the provider, so one of two clocks is wrong.
    #[error("the ID token's times don't fit this machine's clock")]
    Time,
}

#[derive(Deserialize)]
#[serde(untagged)]
enum Audience {
    One(String),
    Many(Vec<String>),
}

#[derive(Deserialize)]
struct Claims {
    iss: String,
    sub: String,
    aud: Audience,
    azp: Option<String>,
    exp: i64,
    iat: i64,
    nbf: Option<i64>,
    nonce: Option<String>,
}

/// Who the payload of a signed ID token names, at its issuer.
pub fn subject(payload: &[u8], expected: &Expected<'_>) -> Result<String, TokenFault> {
    let claims: Claims = serde_json::from_slice(payload).map_err(|_| TokenFault::Form)?;
    if claims.iss != expected.issuer {
        return Err(TokenFault::Issuer);
    }
    let (is_for_us, is_for_others) = match &claims.aud {
        Audience::One(one) => (one == expected.client_id, false),
        Audience::Many(all) => (all.iter().any(|one| one == expected.client_id), all.len() > 1),
    };
    let is_party = match claims.azp.as_deref() {
        Some(party) => party == expected.client_id,
        None => !is_for_others,
    };
    if !is_for_us || !is_party {
        return Err(TokenFault::Audience);
    }
    if claims.nonce.as_deref() != Some(expected.nonce) {
        return Err(TokenFault::Nonce);
    }
    let (early, late) = (expected.now.saturating_add(LEEWAY_SECONDS), expected.now.saturating_sub(LEEWAY_SECONDS));
    let is_begun = claims.iat <= early && claims.nbf.is_none_or(|nbf| nbf <= early);
    let is_fresh = claims.iat >= late.saturating_sub(AGE_SECONDS_MAX);
    if claims.exp <= late || !is_begun || !is_fresh {
        return Err(TokenFault::Time);
    }
    if (1..=SUBJECT_CHARS_MAX).contains(&claims.sub.chars().count()) {
        Ok(claims.sub)
    } else {
        Err(TokenFault::Subject)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::{Value, json};

    const NOW: i64 = 1_800_000_000;
    const EXPECTED: Expected<'static> =
        Expected { issuer: "https://id.example", client_id: "saphan", nonce: "n-1", now: NOW };

    fn with(changes: &[(&str, Value)]) -> Result<String, TokenFault> {
        let mut claims = json!({
            "iss": "https://id.example", "sub": "u-1", "aud": "saphan", "exp": NOW + 300, "iat": NOW, "nonce": "n-1",
            "name": "not looked at",
        });
        for (name, value) in changes {
            claims[*name] = value.clone();
        }
        subject(claims.to_string().as_bytes(), &EXPECTED)
    }

    #[test]
    fn a_token_for_this_sign_in_names_its_person() {
        assert_eq!(with(&[]).as_deref(), Ok("u-1"));
        assert_eq!(with(&[("aud", json!(["saphan"]))]).as_deref(), Ok("u-1"));
        assert_eq!(with(&[("aud", json!(["other", "saphan"])), ("azp", json!("saphan"))]).as_deref(), Ok("u-1"));
        assert_eq!(with(&[("exp", json!(NOW - 59)), ("iat", json!(NOW - 360))]).as_deref(), Ok("u-1"), "clocks differ");
        assert_eq!(with(&[("iat", json!(NOW + 60)), ("nbf", json!(NOW + 60))]).as_deref(), Ok("u-1"));
    }

    #[test]
    fn every_other_token_is_refused_with_its_cause() {
        for (name, value, fault) in [
            ("iss", json!("https://id.example/"), TokenFault::Issuer),
            ("iss", json!("https://evil.example"), TokenFault::Issuer),
            ("aud", json!("other"), TokenFault::Audience),
            ("aud", json!([]), TokenFault::Audience),
            ("aud", json!(["saphan", "other"]), TokenFault::Audience),
            ("azp", json!("other"), TokenFault::Audience),
            ("nonce", json!("n-2"), TokenFault::Nonce),
            ("nonce", Value::Null, TokenFault::Nonce),
            ("exp", json!(NOW - 60), TokenFault::Time),
            ("iat", json!(NOW + 61), TokenFault::Time),
            ("iat", json!(NOW - 661), TokenFault::Time),
            ("nbf", json!(NOW + 61), TokenFault::Time),
            ("sub", json!(""), TokenFault::Subject),
            ("sub", json!("x".repeat(256)), TokenFault::Subject),
            ("exp", json!("tomorrow"), TokenFault::Form),
            ("sub", json!(7), TokenFault::Form),
        ] {
            assert_eq!(with(&[(name, value.clone())]), Err(fault), "{name} {value}");
        }
        assert_eq!(subject(b"[]", &EXPECTED), Err(TokenFault::Form));
        assert_eq!(subject(br#"{"iss":"https://id.example","iss":"x"}"#, &EXPECTED), Err(TokenFault::Form));
    }
}
