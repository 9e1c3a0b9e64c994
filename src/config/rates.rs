//! How much clients may ask for unless theirs says otherwise, and where several gateways count it together.
//!
//! Owns the defaults: so generous that they stop a loop gone wild or a client that takes the gateway for itself, and not a
//! national round.

use super::has_password;
use super::value::{Given, number};
use crate::domain::quota::{Allowance, Policy};
use std::collections::BTreeMap;
use std::time::Duration;

/// Of each policy: its setting, and what holds if nothing is said.
pub(super) const RATES: [(Policy, &str, &str); 6] = [
    (Policy::Submit, "rate_submit", "6000/min burst 6000"),
    (Policy::SubmitBytes, "rate_submit_bytes", "64 GiB/h burst 16 GiB"),
    (Policy::SubmitRecords, "rate_submit_records", "60000000/h burst 40000000"),
    (Policy::Lookup, "rate_lookup", "6000/min burst 6000"),
    (Policy::Read, "rate_read", "12000/min burst 12000"),
    // Behind a proxy all callers have the proxy's address.
    (Policy::Open, "rate_open", "none"),
];
pub(super) const STORE: &str = "rate_store_url";

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RateSettings {
    /// `SAPHAN_RATE_…`: every policy has one.
    pub allowances: BTreeMap<Policy, Allowance>,
    /// `SAPHAN_RATE_STORE_URL`; none: each gateway counts for itself.
    pub store: Option<RateStore>,
    /// `SAPHAN_RATE_STORE_MS_MAX`: a decision waits no longer for that server. Default 250.
    pub store_answer_max: Duration,
}

/// The address of a server that speaks the Redis protocol, with whatever password it holds.
#[derive(Clone, PartialEq, Eq)]
pub struct RateStore(String);

impl RateStore {
    pub fn url(&self) -> &str {
        &self.0
    }

    /// Refuses everything that could not be one, without repeating it.
    fn parse(text: &str) -> Result<RateStore, String> {
        let (scheme, rest) = text.split_once("://").unwrap_or(("", ""));
        let known = ["redis", "rediss", "valkey", "valkeys", "redis+unix", "valkey+unix"].contains(&scheme);
        if !known || rest.is_empty() {
            return Err("not the address of a Redis or Valkey server; write redis://limits.example:6379/0, \
                rediss://… with TLS, or redis+unix:///run/valkey.sock"
                .into());
        }
        if rest.contains('#') {
            return Err("the server's certificate is always checked: leave out what follows `#`".into());
        }
        Ok(RateStore(text.to_owned()))
    }
}

impl std::fmt::Debug for RateStore {
    /// Without the address, which may hold a password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("RateStore(…)")
    }
}

impl RateSettings {
    pub(super) fn take(given: &mut Given) -> RateSettings {
        let mut allowances = BTreeMap::new();
        for (policy, name, default) in RATES {
            let own = given.take(name, |text| Allowance::parse(policy, text).map_err(|fault| fault.to_string()));
            // The defaults are read as what is given is; a test holds that they can be.
            let allowance = own.or_else(|| Allowance::parse(policy, default).ok());
            allowances.insert(policy, allowance.unwrap_or(Allowance::Unlimited));
        }
        let ms_max = given.take("rate_store_ms_max", |text| number(text, 1, 60_000)).unwrap_or(250);
        let store = given.take(STORE, RateStore::parse);
        RateSettings { allowances, store, store_answer_max: Duration::from_millis(ms_max) }
    }

    /// In the file an address stands without its password.
    pub(super) fn is_secret(name: &str, text: &str) -> bool {
        name == STORE && (has_password(text) || text.contains("pass="))
    }
}
