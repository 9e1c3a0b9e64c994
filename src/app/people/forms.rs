//! That a form was made by us for this very browser: a token made of the secret in the browser's cookie.
//!
//! Owns that one computation. Nothing is stored: who can't read the cookie can't make the token, and a token of another
//! session is of another secret. Refuses none of the other checks: where a request comes from is looked at in `http`.

use crate::vault::{HmacStream, same};
use data_encoding::BASE64URL_NOPAD;

/// What the form carries, given the secret in the cookie.
pub fn form_token(secret: &str) -> String {
    let mut mac = HmacStream::new(secret.as_bytes());
    mac.update(b"saphan form 1");
    BASE64URL_NOPAD.encode(&mac.finish())
}

pub fn is_form_token(secret: &str, given: &str) -> bool {
    same(form_token(secret).as_bytes(), given.as_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_is_of_one_secret() {
        let token = form_token("one");
        assert!(is_form_token("one", &token));
        assert!(!is_form_token("other", &token) && !is_form_token("one", "") && !is_form_token("one", &token[1..]));
        assert!(!token.contains("one"));
    }
}
