//! One policy of one account in this process, decided by `governor`.
//!
//! `governor` reads its clock before it looks at its state, so of two threads the later one may come with the earlier time and
//! be told one unit too few. Here the caller holds the account's lock, and the time is read under it: `check` is told it.

use super::{Cost, DEBT_NS_MAX};
use crate::domain::quota::Quota;
use governor::clock::Clock;
use governor::middleware::NoOpMiddleware;
use governor::nanos::Nanos;
use governor::state::{NotKeyed, StateStore};
use governor::{Quota as Rate, RateLimiter};
use std::num::NonZeroU32;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The time of the decision that is being made.
#[derive(Debug, Clone, Default)]
struct Hand(Arc<AtomicU64>);

impl Clock for Hand {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.load(Ordering::Relaxed).into()
    }
}

/// The theoretical arrival time: when the bucket is full.
#[derive(Debug, Clone, Default)]
struct FullAt(Arc<AtomicU64>);

impl FullAt {
    fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }

    fn set(&self, at_ns: u64) {
        self.0.store(at_ns, Ordering::Relaxed);
    }
}

impl StateStore for FullAt {
    type Key = NotKeyed;

    /// Nobody comes between: the account is locked.
    fn measure_and_replace<T, F, E>(&self, _: &NotKeyed, decide: F) -> Result<T, E>
    where
        F: Fn(Option<Nanos>) -> Result<(T, Nanos), E>,
    {
        let (outcome, full_at) = decide(Some(self.get().into()))?;
        self.set(full_at.as_u64());
        Ok(outcome)
    }
}

#[derive(Debug)]
pub(super) struct Bucket {
    quota: Quota,
    hand: Hand,
    full_at: FullAt,
    limiter: RateLimiter<NotKeyed, FullAt, Hand, NoOpMiddleware<Nanos>>,
}

impl Bucket {
    /// A full one. None: the quota allows nothing, which its constructor refuses.
    pub(super) fn full(quota: Quota) -> Option<Bucket> {
        let (hand, full_at) = (Hand::default(), FullAt::default());
        let rate = Rate::with_period(Duration::from_nanos(quota.interval_ns()))?;
        let rate = rate.allow_burst(NonZeroU32::new(quota.burst())?);
        let limiter = RateLimiter::new(rate, full_at.clone(), hand.clone());
        Some(Bucket { quota, hand, full_at, limiter })
    }

    pub(super) fn quota(&self) -> Quota {
        self.quota
    }

    /// Is there what the request needs? Changes nothing.
    pub(super) fn has(&self, cost: &Cost, now: Duration) -> bool {
        self.hand.0.store(nanos(now), Ordering::Relaxed);
        let before = self.full_at.get();
        let has = match NonZeroU32::new(cost.need) {
            Some(need) => matches!(self.limiter.check_n(need), Ok(Ok(()))),
            None => true,
        };
        self.full_at.set(before);
        has
    }

    pub(super) fn take(&self, cost: &Cost, now: Duration) {
        let taken_ns = cost.charge.saturating_mul(self.quota.interval_ns());
        self.owe(self.debt_ns(now).saturating_add(taken_ns), now);
    }

    /// Somebody who knows more says how much is owed.
    pub(super) fn raise(&self, debt_ns: u64, now: Duration) {
        self.owe(self.debt_ns(now).max(debt_ns), now);
    }

    /// Time until it is full.
    pub(super) fn debt_ns(&self, now: Duration) -> u64 {
        self.full_at.get().saturating_sub(nanos(now))
    }

    fn owe(&self, debt_ns: u64, now: Duration) {
        self.full_at.set(nanos(now).saturating_add(debt_ns.min(DEBT_NS_MAX)));
    }
}

/// 584 years of them.
fn nanos(now: Duration) -> u64 {
    u64::try_from(now.as_nanos()).unwrap_or(u64::MAX)
}
