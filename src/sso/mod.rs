//! Single sign-on by OpenID Connect: what is asked of the provider of identities, and what its answers have to say.
//!
//! Owns the talk with the provider: where it says its doors are (discovery), its keys, a code against an ID token. It trusts
//! the issuer of the settings alone, and every answer has a limit of size and time. Whether a token is signed is the vault's to
//! say, who somebody is here is the use case's (`app/people/single_sign_on.rs`).
//!
//! Refuses addresses without TLS beyond this machine, redirects, and an issuer that names itself otherwise than the settings do.

mod claims;
mod provider;

pub use claims::{Expected, TokenFault, subject};
pub use provider::{Asked, Provider, SsoError};
