//! The decision right to the unit, by a clock of the tests' own where time matters.

use super::*;
use std::cell::Cell;
use std::sync::Arc;

const S: Duration = Duration::from_secs(1);

fn quota(policy: Policy, text: &str) -> Quota {
    Allowance::parse(policy, text).unwrap().quota().unwrap()
}

fn limiter(given: &[(Policy, &str)]) -> Limiter {
    Limiter::of(given.iter().map(|(policy, text)| (*policy, Allowance::parse(*policy, text).unwrap())).collect())
}

fn client(number: u128) -> ClientId {
    ClientId::from_uuid(uuid::Uuid::from_u128(number))
}

async fn ask(limiter: &Limiter, class: Class, bytes: u64) -> Verdict {
    ask_with(limiter, class, bytes, &Overrides::default()).await
}

async fn ask_with(limiter: &Limiter, class: Class, bytes: u64, own: &Overrides) -> Verdict {
    limiter.decide(Ask { who: Who::Client(client(1)), class, bytes, own }).await
}

fn remaining(verdict: &Verdict) -> Vec<u64> {
    verdict.standings.iter().map(|standing| standing.remaining).collect()
}

/// One account whose clock stands where it is put.
struct Desk {
    accounts: Accounts,
    now: Cell<Duration>,
}

impl Desk {
    fn new() -> Desk {
        Desk { accounts: Accounts::default(), now: Cell::new(Duration::from_secs(7)) }
    }

    fn ask(&self, costs: &[Cost]) -> Verdict {
        Verdict::of(costs, &self.accounts.decide(&Who::Client(client(1)), costs, || self.now.get()))
    }

    fn pass(&self, time: Duration) {
        self.now.set(self.now.get() + time);
    }
}

fn one(quota: Quota) -> [Cost; 1] {
    [Cost { quota, need: 1, charge: 1 }]
}

#[test]
fn a_burst_passes_at_once_and_then_what_comes_back_and_no_more() {
    let (desk, cost) = (Desk::new(), one(quota(Policy::Read, "6/min burst 4")));
    for left in [3, 2, 1, 0] {
        let verdict = desk.ask(&cost);
        assert!(verdict.allowed);
        assert_eq!((remaining(&verdict), verdict.wait()), (vec![left], Duration::ZERO));
    }
    let refused = desk.ask(&cost);
    assert!(!refused.allowed);
    assert_eq!((refused.wait(), remaining(&refused)), (10 * S, vec![0]));
    desk.pass(10 * S - Duration::from_nanos(1));
    assert_eq!(desk.ask(&cost).wait(), Duration::from_nanos(1), "not a moment too early");
    desk.pass(Duration::from_nanos(1));
    let verdict = desk.ask(&cost);
    assert_eq!((verdict.allowed, remaining(&verdict)), (true, vec![0]));
    assert_eq!(verdict.standings[0].more_in, Some(10 * S));
    desk.pass(25 * S);
    assert_eq!(remaining(&desk.ask(&cost)), [1], "two came back and half of one, one is taken");
    assert_eq!(desk.ask(&cost).standings[0].more_in, Some(5 * S));
    desk.pass(1_000 * S);
    assert_eq!(remaining(&desk.ask(&cost)), [3], "never more than the burst");
}

#[test]
fn what_is_larger_than_a_burst_waits_for_a_full_one_and_is_then_owed() {
    let (desk, quota) = (Desk::new(), quota(Policy::SubmitBytes, "1 KiB/s burst 10 KiB"));
    let large = [Cost { quota, need: 10, charge: 25 }];
    assert!(desk.ask(&large).allowed);
    let verdict = desk.ask(&[Cost { quota, need: 1, charge: 1 }]);
    assert_eq!((verdict.allowed, remaining(&verdict), verdict.wait()), (false, vec![0], 16 * S));
    desk.pass(16 * S);
    assert!(desk.ask(&[Cost { quota, need: 1, charge: 1 }]).allowed);
    assert_eq!(desk.ask(&large).wait(), 10 * S);
}

#[test]
fn a_full_account_is_thrown_away_and_one_that_owes_is_kept() {
    let (desk, cost) = (Desk::new(), one(quota(Policy::Read, "1/s burst 2")));
    for number in 0..5_000 {
        desk.accounts.decide(&Who::Client(client(number)), &cost, || desk.now.get());
    }
    assert_eq!(desk.accounts.len(), 5_000);
    desk.pass(1_000 * S);
    let late = [Cost { charge: 2, ..cost[0] }];
    for number in 10_000..14_000 {
        desk.accounts.decide(&Who::Client(client(number)), &late, || desk.now.get());
    }
    assert!(desk.accounts.len() < 5_000, "{}", desk.accounts.len());
    let again = desk.accounts.decide(&Who::Client(client(10_000)), &cost, || desk.now.get());
    assert!(!again.allowed, "its debt was not forgotten");
}

#[test]
fn addresses_that_come_when_there_is_no_room_share_an_account_until_others_are_full() {
    let (desk, cost) = (Desk::new(), one(quota(Policy::Open, "1/s burst 3")));
    let from = |number: u32| Who::Address(std::net::Ipv4Addr::from_bits(number).into());
    let ask = |number: u32| desk.accounts.decide(&from(number), &cost, || desk.now.get());
    for number in 1..=100_000 {
        ask(number);
    }
    let crowd = (200_000..200_004).map(|number| ask(number).allowed);
    assert_eq!(crowd.collect::<Vec<bool>>(), [true, true, true, false], "three among them all");
    assert!(ask(100_000).allowed, "who was there before has its own");
    assert_eq!(desk.accounts.len(), 100_001);
    desk.pass(10 * S);
    for number in 300_000..300_004 {
        assert!(ask(number).allowed, "there is room again");
    }
    assert_eq!(desk.accounts.len(), 4);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn of_many_at_once_exactly_the_quota_passes_and_each_is_told_another_number() {
    // Nothing comes back while this runs.
    let limiter = Arc::new(limiter(&[(Policy::Read, "300/day burst 300")]));
    let mut tasks = tokio::task::JoinSet::new();
    for _ in 0..8 {
        let limiter = limiter.clone();
        tasks.spawn(async move {
            let mut told = Vec::new();
            for _ in 0..100 {
                let verdict = ask(&limiter, Class::Read, 0).await;
                told.push((verdict.allowed, remaining(&verdict)[0]));
                tokio::task::yield_now().await;
            }
            told
        });
    }
    let mut passed = Vec::new();
    let mut refused = 0;
    for told in tasks.join_all().await {
        for (allowed, left) in told {
            if allowed {
                passed.push(left);
            } else {
                assert_eq!(left, 0);
                refused += 1;
            }
        }
    }
    passed.sort_unstable();
    assert_eq!(passed, (0..300).collect::<Vec<u64>>());
    assert_eq!(refused, 500);
    let counted = limiter.counted();
    assert_eq!((counted.decided_here, counted.decided_together, counted.is_together), (800, 0, None));
    assert!(counted.refused.contains(&(Policy::Read, 500)));
}

#[tokio::test]
async fn a_submission_needs_room_under_each_of_its_policies_and_a_refused_one_costs_nothing() {
    let limiter = limiter(&[
        (Policy::Submit, "10/day burst 10"),
        (Policy::SubmitBytes, "8 KiB/day burst 8 KiB"),
        (Policy::SubmitRecords, "100/day burst 100"),
    ]);
    let verdict = ask(&limiter, Class::Submit, 5_000).await;
    assert_eq!((verdict.allowed, remaining(&verdict)), (true, vec![9, 3 << 10, 100]));
    let verdict = ask(&limiter, Class::Submit, 4_000).await;
    assert_eq!((verdict.allowed, remaining(&verdict)), (false, vec![9, 3 << 10, 100]));
    assert_eq!(verdict.violated().map(Standing::policy).collect::<Vec<_>>(), [Policy::SubmitBytes]);
    assert!(ask(&limiter, Class::Submit, 3_000).await.allowed);
    // Known only afterwards.
    let own = Overrides::default();
    limiter.debit(&client(1), &own, Policy::SubmitRecords, 150).await;
    limiter.debit(&client(2), &own, Policy::SubmitRecords, 150).await;
    let verdict = ask(&limiter, Class::Submit, 0).await;
    let violated: Vec<Policy> = verdict.violated().map(Standing::policy).collect();
    assert_eq!(violated, [Policy::SubmitBytes, Policy::SubmitRecords], "also the bytes: the burst is used up");
    let day = verdict.wait().as_secs();
    assert!((44_000..45_000).contains(&day), "51 of 100 a day: {day}");
    assert!(ask(&limiter, Class::Read, 0).await.allowed, "other classes don't wait");
}

#[tokio::test]
async fn a_clients_own_limits_go_before_and_a_changed_one_begins_full() {
    let limiter = limiter(&[(Policy::Read, "2/day burst 2")]);
    let none = Overrides::default();
    assert_eq!(remaining(&ask_with(&limiter, Class::Read, 0, &none).await), [1]);
    let own: Overrides = "read=5/day".parse().unwrap();
    for left in [4, 3, 2, 1, 0] {
        assert_eq!(remaining(&ask_with(&limiter, Class::Read, 0, &own).await), [left]);
    }
    assert!(!ask_with(&limiter, Class::Read, 0, &own).await.allowed);
    let free: Overrides = "read=none".parse().unwrap();
    assert_eq!(ask_with(&limiter, Class::Read, 0, &free).await, Verdict::free());
    assert_eq!(remaining(&ask_with(&limiter, Class::Read, 0, &none).await), [1]);
    assert_eq!(ask(&limiter, Class::Lookup, 0).await, Verdict::free(), "nothing is said of lookups here");
}

#[test]
fn callers_of_one_network_are_one() {
    let of = |text: &str| Who::address(text.parse().unwrap());
    assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
    assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
}
