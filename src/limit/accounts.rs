//! The accounts of this process: a lock and a few buckets for each client, and for each address without a token.
//!
//! Owns that memory does not grow with callers: full buckets are as good as none and are thrown away.

use super::bucket::Bucket;
use super::{Cost, Debts, Who};
use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock};
use std::time::Duration;

/// Accounts from which on full ones are looked for.
const ACCOUNTS_MANY: usize = 4_096;
/// Beyond this, addresses that were not seen before share an account.
const ACCOUNTS_MAX: usize = 100_000;
/// Between two looks for full ones: where all of them owe, not every new caller shall wait for one.
const LOOK_EVERY: Duration = Duration::from_secs(1);
const OTHERS: Who = Who::Address(IpAddr::V4(Ipv4Addr::UNSPECIFIED));

#[derive(Debug, Default)]
pub(super) struct Accounts(RwLock<Book>);

#[derive(Debug, Default)]
struct Book {
    accounts: HashMap<Who, Arc<Account>>,
    /// Look for full ones when there are so many,
    look_at: usize,
    /// and not before.
    look_after: Duration,
}

type Account = Mutex<Vec<Bucket>>;

impl Accounts {
    /// All policies or none: what is refused costs nothing. The clock is read under the lock, so time never goes back within
    /// an account.
    pub(super) fn decide(&self, who: &Who, costs: &[Cost], now: impl Fn() -> Duration) -> Debts {
        let account = self.account(who, &now);
        let mut buckets = lock(&account);
        let now = now();
        let allowed = costs.iter().all(|cost| bucket(&mut buckets, cost).is_none_or(|bucket| bucket.has(cost, now)));
        let debt = |cost| {
            let Some(bucket) = bucket(&mut buckets, cost) else { return 0 };
            if allowed {
                bucket.take(cost, now);
            }
            bucket.debt_ns(now)
        };
        Debts { allowed, ns: costs.iter().map(debt).collect() }
    }

    pub(super) fn debit(&self, who: &Who, costs: &[Cost], now: impl Fn() -> Duration) {
        let account = self.account(who, &now);
        let mut buckets = lock(&account);
        let now = now();
        for cost in costs {
            if let Some(bucket) = bucket(&mut buckets, cost) {
                bucket.take(cost, now);
            }
        }
    }

    /// Keeps in mind what was decided elsewhere. Answers may arrive out of order: the larger debt is the later one.
    pub(super) fn raise(&self, who: &Who, costs: &[Cost], debts: &Debts, now: impl Fn() -> Duration) {
        let account = self.account(who, &now);
        let mut buckets = lock(&account);
        let now = now();
        for (cost, debt_ns) in costs.iter().zip(&debts.ns) {
            if let Some(bucket) = bucket(&mut buckets, cost) {
                bucket.raise(*debt_ns, now);
            }
        }
    }

    fn account(&self, who: &Who, now: &impl Fn() -> Duration) -> Arc<Account> {
        if let Some(account) = self.0.read().unwrap_or_else(PoisonError::into_inner).accounts.get(who) {
            return account.clone();
        }
        let mut book = self.0.write().unwrap_or_else(PoisonError::into_inner);
        let now = now();
        if book.accounts.len() >= book.look_at.max(ACCOUNTS_MANY) && now >= book.look_after {
            // One that somebody holds is about to be charged.
            book.accounts.retain(|_, account| {
                Arc::strong_count(account) > 1 || lock(account).iter().any(|bucket| bucket.debt_ns(now) > 0)
            });
            book.look_at = book.accounts.len().saturating_mul(2).min(ACCOUNTS_MAX);
            book.look_after = now + LOOK_EVERY;
        }
        let is_crowded = book.accounts.len() >= ACCOUNTS_MAX && matches!(who, Who::Address(_));
        let who = if is_crowded { OTHERS } else { who.clone() };
        book.accounts.entry(who).or_default().clone()
    }

    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.0.read().unwrap_or_else(PoisonError::into_inner).accounts.len()
    }
}

fn lock(account: &Account) -> MutexGuard<'_, Vec<Bucket>> {
    account.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The bucket of a policy. One whose quota was changed begins anew, full.
fn bucket<'b>(buckets: &'b mut Vec<Bucket>, cost: &Cost) -> Option<&'b Bucket> {
    let of_policy = |bucket: &Bucket| bucket.quota().policy() == cost.quota.policy();
    let at = match buckets.iter().position(of_policy) {
        Some(at) => {
            let known = buckets.get_mut(at)?;
            if known.quota() != cost.quota {
                *known = Bucket::full(cost.quota)?;
            }
            at
        }
        None => {
            buckets.push(Bucket::full(cost.quota)?);
            buckets.len() - 1
        }
    };
    buckets.get(at)
}
