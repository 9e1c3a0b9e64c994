//! Keyed hashes: how the count compares people without opening the vault.
//!
//! Owns HMAC-SHA-256 cut to 128 bits (RFC 2104 §5), one derived key per domain, so that a birth date and a
//! name that happen to be the same bytes don't hash alike. Refuses ambiguity: every part goes in with its
//! length, so `("ab","c")` and `("a","bc")` differ.

use super::digest::{HmacState, derive};

/// What a hash is of. A new domain gets a new key by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum HashDomain {
    /// A learner's identifier.
    Learner,
    /// The normalised given and family name.
    Name,
    /// The birth date.
    Birth,
    /// Name, birth date and sex together.
    Person,
    /// A whole canonical record.
    Content,
    /// A file that was dropped, with its name.
    Dropped,
    /// The name by which a person signs in.
    SignIn,
    /// A person at another place that vouches for them.
    Subject,
    /// What tries to sign in are counted by.
    Tries,
    /// A browser that a person has signed in with before.
    Device,
    /// The words by which a sender knows a file again.
    Idempotency,
}

const DOMAINS: [(HashDomain, &str); 11] = [
    (HashDomain::Learner, "learner"),
    (HashDomain::Name, "name"),
    (HashDomain::Birth, "birth"),
    (HashDomain::Person, "person"),
    (HashDomain::Content, "content"),
    (HashDomain::Dropped, "dropped"),
    (HashDomain::SignIn, "sign-in"),
    (HashDomain::Subject, "subject"),
    (HashDomain::Tries, "tries"),
    (HashDomain::Device, "device"),
    (HashDomain::Idempotency, "idempotency"),
];

/// One per worker; holds the prepared key states of every domain.
#[derive(Clone)]
pub struct KeyedHasher {
    states: [HmacState; DOMAINS.len()],
}

impl KeyedHasher {
    pub(super) fn new(lookup_key: &[u8; 32]) -> Self {
        let states =
            DOMAINS.map(|(_, name)| HmacState::new(&derive(lookup_key, "saphan keyed hash 1 ", name.as_bytes())));
        KeyedHasher { states }
    }

    /// The first 128 bits of the keyed hash of `parts` in order.
    pub fn hash(&self, domain: HashDomain, parts: &[&[u8]]) -> [u8; 16] {
        let state = &self.states[domain as usize];
        let mut inner = state.start();
        for part in parts {
            inner.update(&(part.len() as u64).to_be_bytes());
            inner.update(part);
        }
        let [first @ .., _, _, _, _, _, _, _, _, _, _, _, _, _, _, _, _] = state.finish(inner);
        first
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn domains_stand_at_their_own_index() {
        for (index, (domain, _)) in DOMAINS.iter().enumerate() {
            assert_eq!(*domain as usize, index);
        }
    }

    #[test]
    fn parts_and_domains_never_run_together() {
        let hasher = KeyedHasher::new(&[7; 32]);
        let ab_c = hasher.hash(HashDomain::Name, &[b"ab", b"c"]);
        assert_ne!(ab_c, hasher.hash(HashDomain::Name, &[b"a", b"bc"]));
        assert_ne!(ab_c, hasher.hash(HashDomain::Name, &[b"abc"]));
        assert_ne!(ab_c, hasher.hash(HashDomain::Person, &[b"ab", b"c"]));
        assert_ne!(ab_c, KeyedHasher::new(&[8; 32]).hash(HashDomain::Name, &[b"ab", b"c"]));
        assert_eq!(ab_c, KeyedHasher::new(&[7; 32]).hash(HashDomain::Name, &[b"ab", b"c"]));
    }

    #[test]
    fn the_hmac_agrees_with_the_library() {
        use openssl::{hash::MessageDigest, pkey::PKey, sign::Signer};
        let key = PKey::hmac(&[9; 32]).unwrap();
        let mut signer = Signer::new(MessageDigest::sha256(), &key).unwrap();
        signer.update(b"some text").unwrap();
        assert_eq!(signer.sign_to_vec().unwrap(), super::super::digest::hmac(&[9; 32], &[b"some ", b"text"]));
    }
}
