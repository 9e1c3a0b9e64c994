//! A round looked over as a whole, from the rolls of its holdings in force; and the few places a rule has to look at.
//!
//! Owns the two sweeps: the first counts, and notes of every learner whether there may be another place; the second
//! gathers the places that are asked for. Memory grows with what is found, by two bytes a learner, never beyond the bound
//! below (a round too large for it is swept in slices of its learners), and by twelve bytes a cell of the headcounts.

use super::StoreError;
use super::count::CountView;
use super::dialect::{both, json_numbers};
use super::engine::{Sql, query, query_scalar};
use super::roll::{Cell, Entry, Roll};
use super::row::{CITIZEN, G_CODE, Interner, agency_from, count_from, place_from, record_key, row_of, submission_of};
use crate::domain::enrolment::{KeyedHash, Place};
use crate::domain::headcount::{Headcounts, Tally};
use foldhash::fast::RandomState;
use futures_util::TryStreamExt;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

const TOTAL: &str = "SELECT CAST(coalesce(sum(r.entries), 0) AS BIGINT) FROM holding h JOIN roll r ON r.holding = h.id \
    WHERE h.round = $1 AND h.in_force = 1";
const ROLLS: &str = "SELECT r.id FROM holding h JOIN roll r ON r.holding = h.id WHERE h.round = $1 AND h.in_force = 1";
macro_rules! rolls_by_id {
    ($engine:ident) => {
        concat!(
            "SELECT h.submission, h.agency, h.school_id, r.data FROM roll r JOIN holding h ON h.id = r.holding WHERE r.id IN ",
            json_numbers!($engine),
            " ORDER BY r.id"
        )
    };
}
const ROLLS_BY_ID: Sql = both!(rolls_by_id);

macro_rules! places {
    ($engine:ident) => {
        concat!(
            "SELECT e.record, e.learner, e.id_kind, e.name, e.birth, e.person, h.agency, h.school_id, e.grade, e.sex, \
             e.status, e.dual, e.age, e.entry_date, e.exit_date FROM enrolment e JOIN holding h ON h.id = e.holding \
             WHERE e.record IN ",
            json_numbers!($engine),
            " ORDER BY e.record"
        )
    };
}
const PLACES: Sql = both!(places);

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[TOTAL, ROLLS];
#[cfg(test)]
pub(super) const IN_DIALECT: &[Sql] = &[ROLLS_BY_ID, PLACES];

/// Learners looked at in one sweep; more are taken in slices.
const SLICE_LEARNERS: u64 = 16 << 20;
/// Notes a learner: with eight, about one in fifty learners is looked at again for nothing.
const NOTES_A_LEARNER: u64 = 8;
/// Notes of one block. All that is noted of a learner lies in one block, which is one line of the processor's cache.
const NOTES_A_BLOCK: u64 = 256;
/// Rolls asked for with one statement.
const ROLLS_A_STEP: usize = 1_024;
/// Places asked for with one statement.
const PLACES_A_STEP: usize = 2_048;

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GradeAge {
    pub grade: Arc<str>,
    /// Whole years on the count day.
    pub age_years: u8,
    pub learners: u64,
}

/// All enrolments in force, counted.
pub struct Census {
    pub headcounts: Headcounts,
    /// By grade and age, in that order.
    pub grade_ages: Vec<GradeAge>,
    slices: u32,
    /// Of the first slice.
    seen: Seen,
    /// Persons known by a G-code. Few, so that they can be held.
    g_code_persons: HashSet<KeyedHash, RandomState>,
}

/// Places that the rules have to look at together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Found<'p> {
    /// Every place of a learner who has more than one.
    Learner(&'p [Place]),
    /// Places of a person (same name, birth date and sex) known by a G-code and by a citizen number. Candidates only: people do
    /// share names and birthdays.
    Person(&'p [Place]),
    /// A place with a pair of grade and age that was asked for.
    Aged(&'p Place),
}

/// Whether a learner was met once, or again: two notes of each, in a block of notes that the keyed hash names, which is as good
/// as random. Who is met when both notes are taken is met again, or has both in common with others; then all of them are looked
/// at again, and nothing is lost.
struct Seen {
    blocks: Vec<Block>,
}

/// One bit a note.
#[derive(Clone, Default)]
#[repr(align(64))]
struct Block {
    once: [u64; 4],
    again: [u64; 4],
}

fn has(bits: &[u64; 4], notes: [u8; 2]) -> bool {
    notes.iter().all(|note| bits[usize::from(note / 64)] >> (note % 64) & 1 != 0)
}

fn set(bits: &mut [u64; 4], notes: [u8; 2]) {
    notes.iter().for_each(|note| bits[usize::from(note / 64)] |= 1 << (note % 64));
}

impl Seen {
    fn of(learners: u64) -> Seen {
        let blocks = (learners.clamp(128, SLICE_LEARNERS) * NOTES_A_LEARNER).div_ceil(NOTES_A_BLOCK);
        Seen { blocks: vec![Block::default(); blocks as usize] }
    }

    fn place(&self, learner: &KeyedHash) -> (usize, [u8; 2]) {
        let [a, b, c, d, e, f, g, h, one, two, ..] = *learner;
        let part = u128::from(u64::from_le_bytes([a, b, c, d, e, f, g, h])) * self.blocks.len() as u128;
        ((part >> 64) as usize, [one, two])
    }

    fn meet(&mut self, learner: &KeyedHash) {
        let (block, notes) = self.place(learner);
        let Block { once, again } = &mut self.blocks[block];
        if has(once, notes) {
            set(again, notes);
        }
        set(once, notes);
    }

    fn maybe_again(&self, learner: &KeyedHash) -> bool {
        let (block, notes) = self.place(learner);
        has(&self.blocks[block].again, notes)
    }
}

/// Of the other end of the hash than [`Seen`] uses.
fn slice_of(learner: &KeyedHash, slices: u32) -> u32 {
    let [.., a, b, c, d] = *learner;
    u32::from_le_bytes([a, b, c, d]) % slices
}

/// Sums while the first sweep goes on.
#[derive(Default)]
struct Sums {
    tally: Tally,
    /// By the tally's groups: their grade, and learners by age.
    ages: Vec<(Arc<str>, [u64; 256])>,
}

impl Sums {
    fn add(&mut self, agency: &str, school_id: &str, roll: &Roll<'_>) -> Result<(), StoreError> {
        let school = self.tally.school(agency_from(agency, "holding.agency")?, school_id);
        let mut groups = Vec::with_capacity(roll.cells.len());
        for cell in &roll.cells {
            let group = self.tally.group(cell.grade, cell.sex, cell.status);
            if group as usize == self.ages.len() {
                self.ages.push((cell.grade.into(), [0; 256]));
            }
            groups.push(group);
        }
        let mut learners = vec![0; groups.len()];
        for entry in roll.entries() {
            learners[entry.cell()] += 1;
            self.ages[groups[entry.cell()] as usize].1[usize::from(entry.age())] += 1;
        }
        groups.into_iter().zip(learners).for_each(|(group, learners)| self.tally.add(school, group, learners));
        Ok(())
    }

    fn finish(self) -> (Headcounts, Vec<GradeAge>) {
        let mut grade_ages: BTreeMap<(Arc<str>, u8), u64> = BTreeMap::new();
        for (grade, ages) in self.ages {
            for (age, learners) in (0..=u8::MAX).zip(ages).filter(|(_, learners)| *learners > 0) {
                *grade_ages.entry((Arc::clone(&grade), age)).or_default() += learners;
            }
        }
        let of_pair = |((grade, age_years), learners)| GradeAge { grade, age_years, learners };
        (self.tally.finish(), grade_ages.into_iter().map(of_pair).collect())
    }
}

/// Records to be looked at, as the second sweep finds them.
#[derive(Default)]
struct Suspects {
    learners: Vec<(KeyedHash, i64)>,
    persons: Vec<(KeyedHash, i64, i64)>,
    aged: Vec<i64>,
}

impl CountView {
    /// Enrolments in force.
    pub async fn total(&mut self) -> Result<u64, StoreError> {
        let total = query_scalar(TOTAL).bind(self.round.as_str()).fetch_one(&mut self.tx).await?;
        count_from(total, "roll")
    }

    /// The first sweep.
    pub async fn census(&mut self) -> Result<Census, StoreError> {
        self.census_in_slices_of(SLICE_LEARNERS).await
    }

    pub(super) async fn census_in_slices_of(&mut self, learners: u64) -> Result<Census, StoreError> {
        let total = self.total().await?;
        let slices = u32::try_from(total.div_ceil(learners).max(1)).map_err(|_| StoreError::Unreadable("roll"))?;
        // Where rows are spread, the machines that have them look for what repeats.
        let noted = if self.is_distributed { 0 } else { total / u64::from(slices) };
        let (mut seen, mut sums) = (Seen::of(noted), Sums::default());
        let mut g_code_persons = HashSet::default();
        self.each_roll(|_, agency, school_id, roll| {
            sums.add(agency, school_id, roll)?;
            for entry in roll.entries() {
                let learner = entry.learner();
                if slice_of(&learner, slices) == 0 {
                    seen.meet(&learner);
                }
                if entry.kind() == G_CODE {
                    g_code_persons.insert(entry.person());
                }
            }
            Ok(())
        })
        .await?;
        let (headcounts, grade_ages) = sums.finish();
        Ok(Census { headcounts, grade_ages, slices, seen, g_code_persons })
    }

    /// The second sweep. `odd`: the pairs of grade and age whose places are wanted. `each` is given learners, then persons, then
    /// places of such a pair.
    pub async fn findings<E: From<StoreError>>(
        &mut self,
        census: Census,
        odd: &[(Arc<str>, u8)],
        mut each: impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        if self.is_distributed {
            let total = self.total().await?;
            return self.findings_where_they_lie(total, odd, each).await;
        }
        let suspects = self.suspects(census, odd).await?;
        let places = self.places(suspects.records()).await?;
        let of = |records: &mut dyn Iterator<Item = i64>| records.map(|record| place_of(&places, record)).collect();
        for learner in suspects.learners.chunk_by(|a, b| a.0 == b.0) {
            let places: Result<Vec<Place>, StoreError> = of(&mut learner.iter().map(|(_, record)| *record));
            each(Found::Learner(&places?))?;
        }
        for person in suspects.persons.chunk_by(|a, b| a.0 == b.0) {
            let places: Result<Vec<Place>, StoreError> = of(&mut person.iter().map(|(_, record, _)| *record));
            each(Found::Person(&places?))?;
        }
        for record in suspects.aged {
            each(Found::Aged(&place_of(&places, record)?))?;
        }
        Ok(())
    }

    /// Sorted, and without those who have one place after all.
    async fn suspects(&mut self, mut census: Census, odd: &[(Arc<str>, u8)]) -> Result<Suspects, StoreError> {
        let mut suspects = Suspects::default();
        let mut odd_ages: HashMap<&str, Vec<u8>> = HashMap::new();
        odd.iter().for_each(|(grade, age)| odd_ages.entry(&**grade).or_default().push(*age));
        for slice in 0..census.slices {
            if slice > 0 {
                let Census { seen, slices, .. } = &mut census;
                seen.blocks.fill(Block::default());
                self.each_roll(|_, _, _, roll| {
                    let learners = roll.entries().map(Entry::learner);
                    learners
                        .filter(|learner| slice_of(learner, *slices) == slice)
                        .for_each(|learner| seen.meet(&learner));
                    Ok(())
                })
                .await?;
            }
            let from = suspects.learners.len();
            self.each_roll(|submission, _, _, roll| suspects.gather(submission, roll, &census, slice, &odd_ages))
                .await?;
            keep_repeated(&mut suspects.learners, from);
        }
        let Suspects { learners, persons, aged } = &mut suspects;
        learners.sort_unstable();
        persons.sort_unstable();
        let known_twice = |of: &&[(KeyedHash, i64, i64)]| {
            [CITIZEN, G_CODE].iter().all(|kind| of.iter().any(|(_, _, found)| found == kind))
        };
        *persons = persons.chunk_by(|a, b| a.0 == b.0).filter(known_twice).flatten().copied().collect();
        aged.sort_unstable();
        Ok(suspects)
    }

    /// Each part of each roll in force, with its submission, agency and school; in the order in which they were written, which is
    /// how they lie in the store.
    async fn each_roll(
        &mut self,
        mut each: impl FnMut(i64, &str, &str, &Roll<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut rolls: Vec<i64> = query_scalar(ROLLS).bind(self.round.as_str()).fetch_all(&mut self.tx).await?;
        rolls.sort_unstable();
        for step in rolls.chunks(ROLLS_A_STEP) {
            let mut rows = query(ROLLS_BY_ID).bind(json_of(step)?).fetch(&mut self.tx)?;
            while let Some(found) = rows.try_next().await? {
                let roll = Roll::parse(found.try_get("data")?)?;
                each(found.try_get("submission")?, found.try_get("agency")?, found.try_get("school_id")?, &roll)?;
            }
        }
        Ok(())
    }

    /// By record, which is how they are asked for: rows lie in that order, and so are read one after another.
    async fn places(&mut self, mut records: Vec<i64>) -> Result<Vec<Place>, StoreError> {
        records.sort_unstable();
        records.dedup();
        let (mut places, mut texts) = (Vec::with_capacity(records.len()), Interner::default());
        for step in records.chunks(PLACES_A_STEP) {
            let mut rows = query(PLACES).bind(json_of(step)?).fetch(&mut self.tx)?;
            while let Some(found) = rows.try_next().await? {
                places.push(place_from(&found, &mut texts)?);
            }
        }
        Ok(places)
    }
}

fn json_of(numbers: &[i64]) -> Result<String, StoreError> {
    serde_json::to_string(numbers).map_err(|_| StoreError::Unreadable("question"))
}

fn place_of(places: &[Place], record: i64) -> Result<Place, StoreError> {
    let (submission, row) = (submission_of(record), row_of(record));
    let found = places.binary_search_by_key(&(submission, row), |place| (place.submission_key, place.row));
    found.map(|at| places[at].clone()).map_err(|_| StoreError::Unreadable("roll"))
}

impl Suspects {
    fn records(&self) -> Vec<i64> {
        let learners = self.learners.iter().map(|(_, record)| *record);
        learners.chain(self.persons.iter().map(|(_, record, _)| *record)).chain(self.aged.iter().copied()).collect()
    }

    fn gather(
        &mut self,
        submission: i64,
        roll: &Roll<'_>,
        census: &Census,
        slice: u32,
        odd_ages: &HashMap<&str, Vec<u8>>,
    ) -> Result<(), StoreError> {
        let of_cell = |cell: &Cell<'_>| odd_ages.get(cell.grade).map_or(&[][..], Vec::as_slice);
        let odd_ages: Vec<&[u8]> = roll.cells.iter().map(of_cell).collect();
        for entry in roll.entries() {
            let learner = entry.learner();
            let is_mine = slice_of(&learner, census.slices) == slice;
            if !is_mine {
                continue;
            }
            let record = record_key(submission, u64::from(entry.row()))?;
            if census.seen.maybe_again(&learner) {
                self.learners.push((learner, record));
            }
            if odd_ages[entry.cell()].contains(&entry.age()) {
                self.aged.push(record);
            }
            if matches!(entry.kind(), CITIZEN | G_CODE) && census.g_code_persons.contains(&entry.person()) {
                self.persons.push((entry.person(), record, entry.kind()));
            }
        }
        Ok(())
    }
}

/// Drops, from `from` on, the learners who have one place after all.
fn keep_repeated(learners: &mut Vec<(KeyedHash, i64)>, from: usize) {
    let mut met = learners.split_off(from);
    met.sort_unstable();
    learners.extend(met.chunk_by(|a, b| a.0 == b.0).filter(|places| places.len() > 1).flatten());
}
