//! Who may ask for how much: per client and class, decided here or together with the other gateways.
//!
//! Owns the decision, and nothing of HTTP. Every policy is a bucket by the generic cell rate algorithm: a burst that fills again
//! at a steady rate. A request is let through if every policy of its class has room, and only then is it charged; what is known
//! afterwards (records, bytes of a body without a length) is debited then, below nothing if need be, so that the next request
//! waits. One client's decisions are made one after another, so the numbers told are right to the unit.
//!
//! `bucket` and `accounts` decide in this process, with `governor`; `shared` decides in one step on a server that speaks the Redis
//! protocol. If that one is away, each gateway counts for itself from what it last knew: **limits never stop the gateway**.
//!
//! Refuses identities: a client is its own id; the address of one without a token stays in this process's memory.

mod accounts;
mod bucket;
mod guesses;
mod shared;
mod verdict;

pub use shared::BadAddress;
pub use verdict::{Standing, Verdict};

use crate::config::RateSettings;
use crate::domain::ids::ClientId;
use crate::domain::quota::{Allowance, Class, Overrides, Policy, Quota};
use accounts::Accounts;
use guesses::Guesses;
use shared::Shared;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

/// Whose account it is.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum Who {
    Client(ClientId),
    /// Without a token. Kept in memory only, and of IPv6 the network alone.
    Address(IpAddr),
}

impl Who {
    pub fn address(address: IpAddr) -> Who {
        Who::Address(match address {
            IpAddr::V4(_) => address,
            // A caller has a whole /64 to choose from.
            IpAddr::V6(address) => match address.to_ipv4_mapped() {
                Some(address) => IpAddr::V4(address),
                None => IpAddr::V6((u128::from(address) >> 64 << 64).into()),
            },
        })
    }
}

/// One request.
#[derive(Debug)]
pub struct Ask<'a> {
    pub who: Who,
    pub class: Class,
    /// Of its body, if it says so.
    pub bytes: u64,
    /// The client's own limits.
    pub own: &'a Overrides,
}

/// What a request costs under one policy, in grains.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Cost {
    quota: Quota,
    /// Must be there.
    need: u32,
    /// Is taken.
    charge: u64,
}

/// What was decided since the start. A debit is a decision too.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Counted {
    pub refused: Vec<(Policy, u64)>,
    pub decided_here: u64,
    pub decided_together: u64,
    /// Does the server for all gateways answer? None: there is none.
    pub is_together: Option<bool>,
}

pub struct Limiter {
    allowances: BTreeMap<Policy, Allowance>,
    accounts: Accounts,
    shared: Option<Shared>,
    guesses: Guesses,
    begun: Instant,
    refused: [AtomicU64; Policy::ALL.len()],
    decided_here: AtomicU64,
    decided_together: AtomicU64,
}

impl Limiter {
    /// Does not talk to the server yet: the first decision does.
    ///
    /// Errors: the server's address can't be read.
    pub fn open(settings: &RateSettings) -> Result<Limiter, BadAddress> {
        let shared =
            settings.store.as_ref().map(|store| Shared::open(store.url(), settings.store_answer_max)).transpose()?;
        Ok(Limiter { shared, ..Limiter::of(settings.allowances.clone()) })
    }

    /// Lets everything through.
    pub fn unlimited() -> Limiter {
        Limiter::of(BTreeMap::new())
    }

    fn of(allowances: BTreeMap<Policy, Allowance>) -> Limiter {
        Limiter {
            allowances,
            accounts: Accounts::default(),
            shared: None,
            guesses: Guesses::default(),
            begun: Instant::now(),
            refused: Default::default(),
            decided_here: AtomicU64::default(),
            decided_together: AtomicU64::default(),
        }
    }

    /// May this request go on? Charges it, if so.
    pub async fn decide(&self, ask: Ask<'_>) -> Verdict {
        let costs: Vec<Cost> = ask.class.policies().iter().filter_map(|policy| self.cost(*policy, &ask)).collect();
        if costs.is_empty() {
            return Verdict::free();
        }
        let verdict = match self.together(&ask.who, &costs, false).await {
            Some(debts) => Verdict::of(&costs, &debts),
            None => {
                self.decided_here.fetch_add(1, Ordering::Relaxed);
                Verdict::of(&costs, &self.accounts.decide(&ask.who, &costs, || self.now()))
            }
        };
        for standing in verdict.violated() {
            let at = Policy::ALL.iter().position(|policy| *policy == standing.policy());
            if let Some(refused) = at.and_then(|at| self.refused.get(at)) {
                refused.fetch_add(1, Ordering::Relaxed);
            }
        }
        verdict
    }

    /// Takes what was known only afterwards, however little is left.
    pub async fn debit(&self, client: &ClientId, own: &Overrides, policy: Policy, units: u64) {
        let Some(quota) = self.quota(policy, own).filter(|_| units > 0) else { return };
        let cost = [Cost { quota, need: 0, charge: units.div_ceil(policy.grain()) }];
        let who = Who::Client(client.clone());
        if self.together(&who, &cost, true).await.is_none() {
            self.decided_here.fetch_add(1, Ordering::Relaxed);
            self.accounts.debit(&who, &cost, || self.now());
        }
    }

    /// A proof of who one is was wrong. The time to wait before the next one, if there were too many: by this gateway's own
    /// count, which is enough to slow a guesser down.
    pub fn guessed_wrong(&self, named: &str, from: &Who) -> Option<Duration> {
        self.guesses.wrong(named, from, self.now())
    }

    pub fn counted(&self) -> Counted {
        let refused = self.refused.iter().map(|refused| refused.load(Ordering::Relaxed));
        Counted {
            refused: Policy::ALL.into_iter().zip(refused).collect(),
            decided_here: self.decided_here.load(Ordering::Relaxed),
            decided_together: self.decided_together.load(Ordering::Relaxed),
            is_together: self.shared.as_ref().map(Shared::is_up),
        }
    }

    /// The debts that the server for all answers with. This process keeps them in mind, in case it goes away.
    async fn together(&self, who: &Who, costs: &[Cost], forced: bool) -> Option<Debts> {
        let (shared, Who::Client(client)) = (self.shared.as_ref()?, who) else { return None };
        let debts = shared.decide(client, costs, forced).await?;
        self.decided_together.fetch_add(1, Ordering::Relaxed);
        self.accounts.raise(who, costs, &debts, || self.now());
        Some(debts)
    }

    fn cost(&self, policy: Policy, ask: &Ask<'_>) -> Option<Cost> {
        let quota = self.quota(policy, ask.own)?;
        Some(match policy {
            // More than a burst can hold waits for a full one, and is then owed.
            Policy::SubmitBytes => {
                let charge = ask.bytes.div_ceil(policy.grain());
                let need = u32::try_from(charge).unwrap_or(u32::MAX).clamp(1, quota.burst());
                Cost { quota, need, charge }
            }
            // Nobody knows yet how many there are.
            Policy::SubmitRecords => Cost { quota, need: 1, charge: 0 },
            _ => Cost { quota, need: 1, charge: 1 },
        })
    }

    fn quota(&self, policy: Policy, own: &Overrides) -> Option<Quota> {
        own.get(policy).or_else(|| self.allowances.get(&policy).copied())?.quota()
    }

    fn now(&self) -> Duration {
        self.begun.elapsed()
    }
}

impl std::fmt::Debug for Limiter {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Limiter").field("allowances", &self.allowances).finish_non_exhaustive()
    }
}

/// No debt grows beyond this.
const DEBT_NS_MAX: u64 = 62 * 86_400 * 1_000_000_000;

/// What stands on an account after a decision, one for each cost.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Debts {
    allowed: bool,
    /// Time until each bucket is full: with the charge if allowed, else as it was.
    ns: Vec<u64>,
}

#[cfg(test)]
mod tests;
