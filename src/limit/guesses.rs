//! Wrong proofs at the door: how many came of late from one place for one client.
//!
//! Owns that guessing is slowed down and never the owner: a right proof is not asked here. A secret of 256 random bits is not
//! found by guessing however fast, so what this guards is the store and whoever reads the logs. Memory does not grow with
//! guessers, and nothing of what they sent is kept: a place is a keyed hash.

use super::Who;
use std::collections::HashMap;
use std::hash::{BuildHasher, RandomState};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// Wrong proofs that are answered as such, in one window.
const FREE: u32 = 10;
const WINDOW: Duration = Duration::from_secs(60);
/// Beyond this, places that were not seen before share one.
const PLACES_MAX: usize = 10_000;
const OTHERS: u64 = 0;

#[derive(Debug, Default)]
pub(super) struct Guesses {
    hasher: RandomState,
    places: Mutex<HashMap<u64, Window>>,
}

#[derive(Debug, Clone, Copy)]
struct Window {
    begun: Duration,
    wrong: u32,
}

impl Guesses {
    /// Counts a wrong proof for what was named as a client. The time to wait, if there were too many.
    pub(super) fn wrong(&self, named: &str, from: &Who, now: Duration) -> Option<Duration> {
        let mut places = self.places.lock().unwrap_or_else(PoisonError::into_inner);
        let mut place = self.hasher.hash_one((named, from));
        if places.len() >= PLACES_MAX && !places.contains_key(&place) {
            places.retain(|_, window| now.saturating_sub(window.begun) < WINDOW);
            if places.len() >= PLACES_MAX {
                place = OTHERS;
            }
        }
        let fresh = Window { begun: now, wrong: 0 };
        let window = places.entry(place).or_insert(fresh);
        if now.saturating_sub(window.begun) >= WINDOW {
            *window = fresh;
        }
        window.wrong = window.wrong.saturating_add(1);
        (window.wrong > FREE).then(|| WINDOW.saturating_sub(now.saturating_sub(window.begun)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::net::{IpAddr, Ipv4Addr};

    fn from(number: u32) -> Who {
        Who::address(IpAddr::V4(Ipv4Addr::from(number)))
    }

    #[test]
    fn a_window_of_wrong_proofs_is_answered_and_then_there_is_a_wait_until_its_end() {
        let (guesses, at) = (Guesses::default(), Duration::from_secs);
        for _ in 0..FREE {
            assert_eq!(guesses.wrong("cli_1", &from(1), at(5)), None);
        }
        assert_eq!(guesses.wrong("cli_1", &from(1), at(25)), Some(at(40)));
        assert_eq!(guesses.wrong("cli_1", &from(2), at(25)), None, "another place");
        assert_eq!(guesses.wrong("cli_2", &from(1), at(25)), None, "another client");
        assert_eq!(guesses.wrong("cli_1", &from(1), at(65)), None, "a new window");
    }

    #[test]
    fn memory_does_not_grow_with_guessers_and_strangers_do_not_slow_down_whom_we_count_already() {
        let (guesses, now) = (Guesses::default(), Duration::from_secs(1));
        for number in 0..PLACES_MAX as u32 + 5_000 {
            guesses.wrong("cli_1", &from(number), now);
        }
        assert!(guesses.places.lock().unwrap().len() <= PLACES_MAX + 1);
        assert_eq!(guesses.wrong("cli_1", &from(1), now), None);
        assert!(guesses.wrong("cli_1", &from(1 << 30), now).is_some(), "the crowd shares one place");
        guesses.wrong("cli_1", &from(1 << 30), now + WINDOW);
        assert_eq!(guesses.places.lock().unwrap().len(), 1);
    }
}
