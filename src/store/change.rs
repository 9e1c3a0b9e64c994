//! What a submission changes among what its schools held: compared roll by roll, learner by learner.
//!
//! Owns the hiding of rows behind a delta: a hidden row leaves its roll for good (nothing brings an earlier row back), and
//! `superseded` keeps which submission hid it. Nothing here puts anything in force.

use super::commit::Change;
use super::dialect::{both, json_numbers, json_rows};
use super::engine::{Sql, Tx, query};
use super::roll::{Entry, Roll};
use super::row::record_key;
use super::{StoreError, engine};
use crate::domain::enrolment::{KeyedHash, SubmissionMode};
use data_encoding::HEXLOWER;
use std::collections::{BTreeMap, HashMap, HashSet};

const RIVALS: &str = "SELECT n.id AS own, o.id AS other, o.submission FROM holding n JOIN holding o ON o.round = n.round \
    AND o.agency = n.agency AND o.school_id = n.school_id WHERE n.submission = $1 AND o.in_force = 1 \
    AND o.submission <> $1 ORDER BY n.id, o.id";
const IN_FORCE: &str = "SELECT id FROM holding WHERE submission = $1 AND in_force = 1";
const NEW_ROLL: &str = "UPDATE roll SET entries = $2, data = $3 WHERE id = $1";
const COUNT_HIDDEN: &str = "UPDATE holding SET superseded_rows = superseded_rows + $2 WHERE id = $1";

macro_rules! rolls {
    ($engine:ident) => {
        concat!("SELECT id, holding, data FROM roll WHERE holding IN ", json_numbers!($engine), " ORDER BY id")
    };
}
macro_rules! hide {
    ($engine:ident) => {
        concat!(
            "INSERT INTO superseded (record, learner, by_submission) SELECT i.record, i.learner, CAST($2 AS BIGINT) FROM ",
            json_rows!($engine),
            " i"
        )
    };
}
const ROLLS: Sql = both!(rolls);
const HIDE: Sql = both!(hide);

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[RIVALS, IN_FORCE, NEW_ROLL, COUNT_HIDDEN];
#[cfg(test)]
pub(super) const IN_DIALECT: &[Sql] = &[ROLLS, HIDE];

/// Schools compared at once.
const SCHOOLS_A_STEP: usize = 64;

/// A holding in force for a school of the submission.
#[derive(Debug, Clone, Copy)]
struct Rival {
    own: i64,
    other: i64,
    submission: i64,
}

/// Holdings of other submissions in force for the schools of one, before it comes into force itself.
pub(super) struct Rivals {
    seq: i64,
    all: Vec<Rival>,
}

impl Rivals {
    pub(super) async fn of(tx: &mut Tx, seq: i64) -> Result<Rivals, StoreError> {
        let rows = query(RIVALS).bind(seq).fetch_all(tx).await?;
        let rival = |row: &engine::Row| {
            Ok(Rival { own: row.try_get("own")?, other: row.try_get("other")?, submission: row.try_get("submission")? })
        };
        Ok(Rivals { seq, all: rows.iter().map(rival).collect::<Result<_, StoreError>>()? })
    }

    /// Those a submission may replace. What was received later stays, whichever of the two is done first.
    fn is_earlier(&self, rival: &Rival) -> bool {
        rival.submission < self.seq
    }

    /// Says what the submission changes; a delta also hides what it changes.
    pub(super) async fn compare(&self, tx: &mut Tx, mode: SubmissionMode) -> Result<Change, StoreError> {
        let mut change = Change::default();
        if !self.all.iter().any(|rival| self.is_earlier(rival)) {
            return Ok(change);
        }
        for (rivals, rolls) in self.steps(&self.all) {
            let rolls = rolls.read(tx).await?;
            for rivals in rivals.chunk_by(|a, b| a.own == b.own) {
                let own = rolls.entries(rivals[0].own)?;
                change.unchanged += unchanged(&own, rivals, &rolls)?;
                let learners: HashSet<KeyedHash> = own.iter().map(|entry| entry.learner()).collect();
                let earlier = rivals.iter().filter(|rival| self.is_earlier(rival));
                if mode == SubmissionMode::Replace {
                    let mut gone = HashSet::new();
                    for rival in earlier {
                        let held = rolls.entries(rival.other)?;
                        gone.extend(held.iter().map(|entry| entry.learner()).filter(|held| !learners.contains(held)));
                    }
                    change.removed += gone.len() as u64;
                } else {
                    for rival in earlier {
                        let by = |entry: Entry<'_>| learners.contains(&entry.learner()).then_some(self.seq);
                        hide(tx, rival.other, rival.submission, &rolls, by).await?;
                    }
                }
            }
        }
        Ok(change)
    }

    /// Hides rows of the submission, now in force, about learners of whom a later one in force says something newer.
    pub(super) async fn hide_behind_later(&self, tx: &mut Tx) -> Result<(), StoreError> {
        let later: Vec<Rival> = self.all.iter().filter(|rival| !self.is_earlier(rival)).copied().collect();
        if later.is_empty() {
            return Ok(());
        }
        let in_force: Vec<i64> = engine::query_scalar(IN_FORCE).bind(self.seq).fetch_all(&mut *tx).await?;
        let in_force: HashSet<i64> = in_force.into_iter().collect();
        let later: Vec<Rival> = later.into_iter().filter(|rival| in_force.contains(&rival.own)).collect();
        for (rivals, rolls) in self.steps(&later) {
            let rolls = rolls.read(tx).await?;
            for rivals in rivals.chunk_by(|a, b| a.own == b.own) {
                let mut newest: HashMap<KeyedHash, i64> = HashMap::new();
                for rival in rivals {
                    for entry in rolls.entries(rival.other)? {
                        let by = newest.entry(entry.learner()).or_default();
                        *by = rival.submission.max(*by);
                    }
                }
                let by = |entry: Entry<'_>| newest.get(&entry.learner()).copied();
                hide(tx, rivals[0].own, self.seq, &rolls, by).await?;
            }
        }
        Ok(())
    }

    /// A bounded number of schools at a time, with the holdings whose rolls they need.
    fn steps<'r>(&self, rivals: &'r [Rival]) -> impl Iterator<Item = (&'r [Rival], Wanted)> + use<'r> {
        let mut rest = rivals;
        std::iter::from_fn(move || {
            let schools = rest.chunk_by(|a, b| a.own == b.own).take(SCHOOLS_A_STEP);
            let (step, left) = rest.split_at(schools.map(<[Rival]>::len).sum());
            rest = left;
            let wanted = step.iter().flat_map(|rival| [rival.own, rival.other]).collect();
            (!step.is_empty()).then_some((step, Wanted(wanted)))
        })
    }
}

/// Holdings whose rolls are wanted.
struct Wanted(HashSet<i64>);

/// Parts of rolls as they are stored, by holding.
struct Rolls(HashMap<i64, Vec<(i64, Vec<u8>)>>);

impl Wanted {
    async fn read(self, tx: &mut Tx) -> Result<Rolls, StoreError> {
        let json = serde_json::to_string(&self.0).map_err(|_| StoreError::Unreadable("question"))?;
        let mut rolls: HashMap<i64, Vec<(i64, Vec<u8>)>> = HashMap::new();
        for row in query(ROLLS).bind(json).fetch_all(tx).await? {
            rolls.entry(row.try_get("holding")?).or_default().push((row.try_get("id")?, row.try_get("data")?));
        }
        Ok(Rolls(rolls))
    }
}

impl Rolls {
    fn parts(&self, holding: i64) -> &[(i64, Vec<u8>)] {
        self.0.get(&holding).map_or(&[], Vec::as_slice)
    }

    fn entries(&self, holding: i64) -> Result<Vec<Entry<'_>>, StoreError> {
        let mut entries = Vec::new();
        for (_, data) in self.parts(holding) {
            entries.extend(Roll::parse(data)?.entries());
        }
        Ok(entries)
    }
}

/// Rows that are held already, word for word.
fn unchanged(own: &[Entry<'_>], rivals: &[Rival], rolls: &Rolls) -> Result<u64, StoreError> {
    let mut held = HashSet::new();
    for rival in rivals {
        held.extend(rolls.entries(rival.other)?.iter().map(|entry| (entry.learner(), entry.content())));
    }
    Ok(own.iter().filter(|entry| held.contains(&(entry.learner(), entry.content()))).count() as u64)
}

/// Takes entries out of a holding's rolls; `by` says behind which submission one is hidden, if it is.
async fn hide(
    tx: &mut Tx,
    holding: i64,
    submission: i64,
    rolls: &Rolls,
    by: impl Fn(Entry<'_>) -> Option<i64>,
) -> Result<(), StoreError> {
    let mut hidden: BTreeMap<i64, Vec<(i64, String)>> = BTreeMap::new();
    for (id, data) in rolls.parts(holding) {
        let roll = Roll::parse(data)?;
        let before = roll.entries().len();
        let (left, data) = roll.retain(|entry| by(entry).is_none());
        if left as usize == before {
            continue;
        }
        for entry in roll.entries() {
            if let Some(by) = by(entry) {
                let record = record_key(submission, u64::from(entry.row()))?;
                hidden.entry(by).or_default().push((record, HEXLOWER.encode(&entry.learner())));
            }
        }
        query(NEW_ROLL).bind(*id).bind(left).bind(data).execute(&mut *tx).await?;
    }
    for (by, records) in &hidden {
        let json = serde_json::to_string(records).map_err(|_| StoreError::Unreadable("question"))?;
        query(HIDE).bind(json).bind(*by).execute(&mut *tx).await?;
    }
    let hidden = hidden.values().map(Vec::len).sum::<usize>();
    if hidden > 0 {
        query(COUNT_HIDDEN).bind(holding).bind(hidden as i64).execute(tx).await?;
    }
    Ok(())
}
