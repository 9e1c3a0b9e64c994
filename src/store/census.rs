//! A round looked over as a whole, from the rolls of its holdings in force; and the few places a rule has to look at.
//!
//! Owns the two sweeps: the first counts, and notes of every learner whether there may be another place; the second
//! gathers the places that are asked for. Memory grows with what is found and by a few bits a learner, never beyond the bound
//! below; a round too large for it is swept in slices of its learners.

use super::count::CountView;
use super::dialect::{both, json_numbers};
use super::engine::{Sql, query, query_scalar};
use super::roll::{Cell, Entry, Roll};
use super::row::{CITIZEN, G_CODE, Interner, agency_from, count_from, place_from, record_key};
use super::{StoreError, engine};
use crate::domain::enrolment::{HeadcountKey, KeyedHash, Place};
use futures_util::TryStreamExt;
use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

const TOTAL: &str = "SELECT CAST(coalesce(sum(r.entries), 0) AS BIGINT) FROM holding h JOIN roll r ON r.holding = h.id \
    WHERE h.round = $1 AND h.in_force = 1";
const ROLLS: &str = "SELECT h.submission, h.agency, h.school_id, r.data FROM holding h JOIN roll r ON r.holding = h.id \
    WHERE h.round = $1 AND h.in_force = 1";

macro_rules! places {
    ($engine:ident) => {
        concat!(
            "SELECT e.record, e.learner, e.id_kind, e.name, e.birth, e.person, h.agency, h.school_id, e.grade, e.sex, \
             e.status, e.dual, e.age, e.entry_date, e.exit_date FROM enrolment e JOIN holding h ON h.id = e.holding \
             WHERE e.record IN ",
            json_numbers!($engine)
        )
    };
}
const PLACES: Sql = both!(places);

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[TOTAL, ROLLS];
#[cfg(test)]
pub(super) const IN_DIALECT: &[Sql] = &[PLACES];

/// Learners looked at in one sweep; more are taken in slices.
const SLICE_LEARNERS: u64 = 16 << 20;
/// Notes a learner: with eight, one in nine learners is looked at again for nothing.
const NOTES_A_LEARNER: u64 = 8;
/// Places asked for with one statement.
const PLACES_A_STEP: usize = 2_048;

/// Learners of one cell with one status (none: studying).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadcountCell {
    pub key: HeadcountKey,
    pub status: Option<Arc<str>>,
    pub learners: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GradeAge {
    pub grade: Arc<str>,
    /// Whole years on the count day.
    pub age_years: u8,
    pub learners: u64,
}

/// All enrolments in force, counted.
pub struct Census {
    /// By agency, school, grade, sex and status, in that order.
    pub headcounts: Vec<HeadcountCell>,
    /// By grade and age, in that order.
    pub grade_ages: Vec<GradeAge>,
    slices: u32,
    /// Of the first slice.
    seen: Seen,
    /// Persons known by a G-code. Few, so that they can be held.
    g_code_persons: HashSet<KeyedHash>,
}

/// The places that the rules have to look at.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Findings {
    /// Every place of every learner who has more than one, a learner's places one after another.
    pub repeated_learners: Vec<Place>,
    /// Places of every person (same name, birth date and sex) known by a G-code and by a citizen number, a person's places
    /// one after another. Candidates only: people do share names and birthdays.
    pub repeated_persons: Vec<Place>,
    /// Places with a pair of grade and age that was asked for.
    pub aged: Vec<Place>,
}

/// Whether a learner was met once, or again: two bits in a table, found by the keyed hash, which is as good as random. Two
/// learners may meet in one note; then both are looked at again, and nothing is lost.
struct Seen {
    notes: Vec<u64>,
    mask: u64,
}

impl Seen {
    fn of(learners: u64) -> Seen {
        let notes = (learners.clamp(128, SLICE_LEARNERS) * NOTES_A_LEARNER).next_power_of_two();
        Seen { notes: vec![0; (notes / 32) as usize], mask: notes - 1 }
    }

    fn place(&self, learner: &KeyedHash) -> (usize, u32) {
        let [a, b, c, d, e, f, g, h, ..] = *learner;
        let note = u64::from_le_bytes([a, b, c, d, e, f, g, h]) & self.mask;
        ((note / 32) as usize, (note % 32) as u32 * 2)
    }

    fn meet(&mut self, learner: &KeyedHash) {
        let (word, bit) = self.place(learner);
        let once = self.notes[word] >> bit & 1;
        self.notes[word] |= (1 | once << 1) << bit;
    }

    fn maybe_again(&self, learner: &KeyedHash) -> bool {
        let (word, bit) = self.place(learner);
        self.notes[word] >> bit & 2 != 0
    }
}

/// Of the other end of the hash than [`Seen`] uses.
fn slice_of(learner: &KeyedHash, slices: u32) -> u32 {
    let [.., a, b, c, d] = *learner;
    u32::from_le_bytes([a, b, c, d]) % slices
}

/// Numbers for what is met again and again.
struct Numbers<T>(HashMap<T, usize>);

impl<T: std::hash::Hash + Eq> Numbers<T> {
    fn of(&mut self, value: T) -> usize {
        let next = self.0.len();
        *self.0.entry(value).or_insert(next)
    }
}

type OwnedCell = (Arc<str>, Arc<str>, Option<Arc<str>>);

/// Sums while the first sweep goes on.
struct Sums {
    texts: Interner,
    schools: Numbers<(Arc<str>, Arc<str>)>,
    cells: Numbers<OwnedCell>,
    /// By school and cell.
    heads: HashMap<(usize, usize), u64>,
    /// By cell, then by age.
    ages: Vec<[u64; 256]>,
}

impl Sums {
    fn new() -> Sums {
        let (schools, cells) = (Numbers(HashMap::new()), Numbers(HashMap::new()));
        Sums { texts: Interner::default(), schools, cells, heads: HashMap::new(), ages: Vec::new() }
    }

    fn add(&mut self, agency: &str, school_id: &str, roll: &Roll<'_>) {
        let school = self.schools.of((self.texts.get(agency), self.texts.get(school_id)));
        let of_cell = |cell: &Cell<'_>| {
            let status = cell.status.map(|status| self.texts.get(status));
            self.cells.of((self.texts.get(cell.grade), self.texts.get(cell.sex), status))
        };
        let cells: Vec<usize> = roll.cells.iter().map(of_cell).collect();
        self.ages.resize(self.cells.0.len(), [0; 256]);
        let mut heads = vec![0_u64; cells.len()];
        for entry in roll.entries() {
            heads[entry.cell()] += 1;
            self.ages[cells[entry.cell()]][usize::from(entry.age())] += 1;
        }
        for (cell, learners) in cells.into_iter().zip(heads) {
            *self.heads.entry((school, cell)).or_default() += learners;
        }
    }

    fn finish(self) -> Result<(Vec<HeadcountCell>, Vec<GradeAge>), StoreError> {
        let by_number = |numbers: usize| vec![None; numbers];
        let mut schools = by_number(self.schools.0.len());
        for ((agency, school_id), number) in self.schools.0 {
            schools[number] = Some((agency_from(&agency, "holding.agency")?, school_id));
        }
        let mut cells = vec![None; self.cells.0.len()];
        for (cell, number) in self.cells.0 {
            cells[number] = Some(cell);
        }
        let mut headcounts = Vec::with_capacity(self.heads.len());
        for ((school, cell), learners) in self.heads.into_iter().filter(|(_, learners)| *learners > 0) {
            let (Some((agency, school_id)), Some((grade, sex, status))) = (&schools[school], &cells[cell]) else {
                continue;
            };
            let (school_id, grade, sex) = (Arc::clone(school_id), Arc::clone(grade), Arc::clone(sex));
            let key = HeadcountKey { agency: *agency, school_id, grade, sex };
            headcounts.push(HeadcountCell { key, status: status.clone(), learners });
        }
        headcounts.sort_unstable_by(|a, b| (&a.key, &a.status).cmp(&(&b.key, &b.status)));
        let mut grade_ages: BTreeMap<(Arc<str>, u8), u64> = BTreeMap::new();
        for ((grade, _, _), ages) in cells.into_iter().flatten().zip(self.ages) {
            for (age, learners) in (0..=u8::MAX).zip(ages).filter(|(_, learners)| *learners > 0) {
                *grade_ages.entry((Arc::clone(&grade), age)).or_default() += learners;
            }
        }
        let of_pair = |((grade, age_years), learners)| GradeAge { grade, age_years, learners };
        Ok((headcounts, grade_ages.into_iter().map(of_pair).collect()))
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
        let (mut seen, mut sums) = (Seen::of(noted), Sums::new());
        let mut g_code_persons = HashSet::new();
        self.each_roll(|_, agency, school_id, roll| {
            sums.add(agency, school_id, roll);
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
        let (headcounts, grade_ages) = sums.finish()?;
        Ok(Census { headcounts, grade_ages, slices, seen, g_code_persons })
    }

    /// The second sweep. `odd`: the pairs of grade and age whose places are wanted.
    pub async fn findings(&mut self, mut census: Census, odd: &[(Arc<str>, u8)]) -> Result<Findings, StoreError> {
        if self.is_distributed {
            let total = self.total().await?;
            return self.findings_where_they_lie(total, odd).await;
        }
        let mut suspects = Suspects::default();
        let mut odd_ages: HashMap<&str, Vec<u8>> = HashMap::new();
        odd.iter().for_each(|(grade, age)| odd_ages.entry(&**grade).or_default().push(*age));
        for slice in 0..census.slices {
            if slice > 0 {
                let Census { seen, slices, .. } = &mut census;
                seen.notes.fill(0);
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
        suspects.persons.sort_unstable();
        let known_twice = |of: &&[(KeyedHash, i64, i64)]| {
            [CITIZEN, G_CODE].iter().all(|kind| of.iter().any(|(_, _, found)| found == kind))
        };
        let persons = suspects.persons.chunk_by(|a, b| a.0 == b.0).filter(known_twice).flatten();
        let persons: Vec<i64> = persons.map(|(_, record, _)| *record).collect();
        suspects.learners.sort_unstable();
        let learners: Vec<i64> = suspects.learners.iter().map(|(_, record)| *record).collect();
        suspects.aged.sort_unstable();
        let places = self.places([&learners[..], &persons, &suspects.aged].concat()).await?;
        let of = |records: &[i64]| {
            let place = |record| places.get(record).cloned().ok_or(StoreError::Unreadable("roll"));
            records.iter().map(place).collect::<Result<Vec<Place>, _>>()
        };
        Ok(Findings { repeated_learners: of(&learners)?, repeated_persons: of(&persons)?, aged: of(&suspects.aged)? })
    }

    /// Each part of each roll in force, with its submission, agency and school.
    async fn each_roll(
        &mut self,
        mut each: impl FnMut(i64, &str, &str, &Roll<'_>) -> Result<(), StoreError>,
    ) -> Result<(), StoreError> {
        let mut rows = query(ROLLS).bind(self.round.as_str()).fetch(&mut self.tx)?;
        while let Some(found) = rows.try_next().await? {
            let roll = Roll::parse(found.try_get("data")?)?;
            each(found.try_get("submission")?, found.try_get("agency")?, found.try_get("school_id")?, &roll)?;
        }
        Ok(())
    }

    async fn places(&mut self, mut records: Vec<i64>) -> Result<HashMap<i64, Place>, StoreError> {
        records.sort_unstable();
        records.dedup();
        let (mut places, mut texts) = (HashMap::with_capacity(records.len()), Interner::default());
        for step in records.chunks(PLACES_A_STEP) {
            let json = serde_json::to_string(step).map_err(|_| StoreError::Unreadable("question"))?;
            for found in engine::query(PLACES).bind(json).fetch_all(&mut self.tx).await? {
                places.insert(found.try_get("record")?, place_from(&found, &mut texts)?);
            }
        }
        Ok(places)
    }
}

impl Suspects {
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
