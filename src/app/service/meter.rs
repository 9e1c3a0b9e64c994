//! What this gateway measured and has not written yet: seconds' worth, in memory.
//!
//! Owns a bound on it, so that nothing grows while the store is away: what goes beyond is not counted. Knows clients' ids and numbers,
//! nothing of what was asked.

use crate::domain::ids::ClientId;
use crate::domain::quota::Class;
use crate::domain::service::Tally;
use crate::store::ServiceTally;
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// Days, clients and classes in memory together.
const KEYS_MAX: usize = 20_000;

type Tallies = BTreeMap<(Date, ClientId, &'static str), Tally>;

#[derive(Debug, Default)]
pub struct Meter(Mutex<Tallies>);

impl Meter {
    pub(super) fn note(&self, day: Date, client: &ClientId, class: Class, is_failed: bool, elapsed_ms: u64) {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (day, client.clone(), class.as_str());
        if tallies.len() < KEYS_MAX || tallies.contains_key(&key) {
            tallies.entry(key).or_default().note(is_failed, elapsed_ms);
        }
    }

    pub(super) fn take(&self) -> Vec<ServiceTally> {
        let taken = std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner));
        let of = |((day, client, class), tally): ((Date, ClientId, &'static str), Tally)| ServiceTally {
            day,
            client,
            class: class.to_owned(),
            tally,
        };
        taken.into_iter().map(of).collect()
    }

    /// The store did not take it: it is written with what comes.
    pub(super) fn give_back(&self, measured: Vec<ServiceTally>) {
        let mut tallies = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        for one in measured {
            let class = [Class::Submit, Class::Lookup, Class::Read, Class::Open].map(Class::as_str);
            let Some(class) = class.into_iter().find(|class| *class == one.class) else { continue };
            tallies.entry((one.day, one.client, class)).or_default().merge(&one.tally);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use jiff::civil::date;

    #[test]
    fn what_the_store_did_not_take_is_counted_once_with_what_comes() {
        let (meter, client) = (Meter::default(), ClientId::from_uuid(uuid::Uuid::nil()));
        let note = |is_failed| meter.note(date(2026, 11, 1), &client, Class::Read, is_failed, 3);
        note(false);
        meter.give_back(meter.take());
        note(true);
        let taken = meter.take();
        assert_eq!((taken.len(), taken[0].tally.answered, taken[0].tally.failed), (1, 2, 1));
        assert!(meter.take().is_empty());
    }
}
