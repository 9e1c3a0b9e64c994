//! Places where agencies drop files that can't use the API: `pickup` in the settings file, a list.
//!
//! Owns the terms of each place, because a dropped file says nothing of itself. Refuses a place without a client: whoever
//! drops a file acts in somebody's name, with that one's rights and no others. Only the file has them; a list does not fit
//! into a variable.

use super::place::Place;
use super::value::{Given, Text};
use crate::domain::enrolment::SubmissionMode;
use crate::domain::ids::ClientId;
use crate::domain::round::Round;
use std::collections::{BTreeMap, BTreeSet};

/// Every key of one place.
const KEYS: [&str; 5] = ["from", "mapping", "round", "mode", "client"];
pub(super) const PLACES_MAX: usize = 64;

/// One place and the terms of what is dropped there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PickupSettings {
    pub from: Place,
    /// `obec/enrolments`
    pub mapping: String,
    pub round: PickupRound,
    pub mode: SubmissionMode,
    /// In whose name and with whose rights.
    pub client: ClientId,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PickupRound {
    Fixed(Round),
    /// The count day on which, or next after which, the file was written.
    Next,
}

pub(super) type Item = BTreeMap<String, serde_saphyr::Spanned<Text>>;

/// Reads the list; what is wrong with it goes to the faults.
pub(super) fn read(items: Vec<Item>, place: impl Fn(u64, u64) -> String, given: &mut Given) -> Vec<PickupSettings> {
    let mut read = Vec::new();
    let mut places = BTreeSet::new();
    for (at, item) in items.into_iter().enumerate() {
        let start = item.values().map(|value| (value.defined.line(), value.defined.column())).min();
        let start = start.map_or_else(|| format!("pickup {}", at + 1), |(line, column)| place(line, column));
        if at >= PLACES_MAX {
            given.fault(start, format!("more than {PLACES_MAX} places"));
            return read;
        }
        for (name, value) in item {
            let at = place(value.defined.line(), value.defined.column());
            match KEYS.into_iter().find(|known| *known == name) {
                Some(known) => given.set(format!("pickup.{known}"), at, value.value.0),
                None => given.fault(at, format!("a pickup has no `{name}`; known are: {}", KEYS.join(", "))),
            }
        }
        let faults = given.faults.len();
        let one = (
            given.take("pickup.from", Place::parse),
            given.take("pickup.mapping", |text| Ok(text.to_owned())),
            given.take("pickup.round", round),
            given.take("pickup.mode", mode),
            given.take("pickup.client", client),
        );
        match one {
            (Some(from), Some(mapping), Some(round), mode, Some(client)) => {
                if !places.insert(from.to_string()) {
                    given.fault(start, format!("{from} stands twice; one place has one mapping"));
                }
                let mode = mode.unwrap_or(SubmissionMode::Replace);
                read.push(PickupSettings { from, mapping, round, mode, client });
            }
            _ if given.faults.len() == faults => {
                given.fault(start, "a pickup needs `from`, `mapping`, `round` and `client`".to_owned());
            }
            _ => {}
        }
    }
    read
}

fn round(text: &str) -> Result<PickupRound, String> {
    match text {
        "next" => Ok(PickupRound::Next),
        _ => Round::parse(text).map(PickupRound::Fixed).map_err(|error| format!("{error}; or `next`")),
    }
}

fn mode(text: &str) -> Result<SubmissionMode, String> {
    SubmissionMode::parse(text).ok_or_else(|| format!("`{text}` is no mode; write replace or delta"))
}

fn client(text: &str) -> Result<ClientId, String> {
    ClientId::parse(text).map_err(|_| "not the id of a client such as `saphan client list` shows (cli_…)".to_owned())
}
