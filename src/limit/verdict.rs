//! What a decision means for the one who asked: how much is left of each policy, and when to come again.
//!
//! Pure arithmetic on debts (the time until a bucket is full), the same for both ways of deciding.

use super::{Cost, Debts};
use crate::domain::quota::{Policy, Quota};
use std::time::Duration;

/// Where a request stands under one policy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Standing {
    pub quota: Quota,
    /// Units that are left now.
    pub remaining: u64,
    /// Until there is more than that; none: the bucket is full.
    pub more_in: Option<Duration>,
    /// Until what was asked for is there; none: it is.
    pub wait: Option<Duration>,
}

impl Standing {
    fn of(cost: &Cost, debt_ns: u64, allowed: bool) -> Standing {
        let (quota, interval, window) = (cost.quota, cost.quota.interval_ns(), cost.quota.window_ns());
        let grains = window.saturating_sub(debt_ns) / interval;
        let until = |grains: u64| debt_ns.saturating_add(grains.saturating_mul(interval)).saturating_sub(window);
        let missing = if allowed { 0 } else { until(u64::from(cost.need)) };
        Standing {
            quota,
            remaining: grains * quota.policy().grain(),
            more_in: (grains < u64::from(quota.burst())).then(|| Duration::from_nanos(until(grains + 1))),
            wait: (missing > 0).then(|| Duration::from_nanos(missing)),
        }
    }

    pub fn policy(&self) -> Policy {
        self.quota.policy()
    }
}

/// The answer to one request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verdict {
    pub allowed: bool,
    /// None, if nothing limits it.
    pub standings: Vec<Standing>,
}

impl Verdict {
    pub(super) fn free() -> Verdict {
        Verdict { allowed: true, standings: Vec::new() }
    }

    pub(super) fn of(costs: &[Cost], debts: &Debts) -> Verdict {
        let standing = |(cost, debt): (&Cost, &u64)| Standing::of(cost, *debt, debts.allowed);
        Verdict { allowed: debts.allowed, standings: costs.iter().zip(&debts.ns).map(standing).collect() }
    }

    /// Those that stood in the way.
    pub fn violated(&self) -> impl Iterator<Item = &Standing> {
        self.standings.iter().filter(|standing| standing.wait.is_some())
    }

    /// Until all of them let it through.
    pub fn wait(&self) -> Duration {
        self.violated().filter_map(|standing| standing.wait).max().unwrap_or_default()
    }
}
