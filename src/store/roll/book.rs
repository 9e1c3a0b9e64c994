//! Rolls in the making: rows gathered by school, until there are enough to be written together.
//!
//! Owns the bound on them: a file that is not sorted by school would otherwise make a part of a roll of every row.

use super::{ENTRY_BYTES, NONE, RollPart, VERSION};
use crate::domain::enrolment::{HeldEnrolment, KeyedHash};
use crate::store::StoreError;
use crate::store::row::id_kind_number;
use std::collections::HashMap;
use std::hash::Hash;
use std::sync::Arc;

/// Rows gathered before they are written: some 8 MB.
const ROWS_MAX: usize = 131_072;

type OwnedCell = (Arc<str>, Arc<str>, Option<Arc<str>>);

/// `S` names the school: what its holding is found by.
pub(in crate::store) struct RollBook<S> {
    schools: HashMap<S, Vec<[u8; ENTRY_BYTES]>>,
    cells: Vec<OwnedCell>,
    known: HashMap<OwnedCell, u16>,
    rows: usize,
}

/// What an entry is made of.
pub(in crate::store) struct NewEntry {
    pub(in crate::store) learner: KeyedHash,
    pub(in crate::store) content: KeyedHash,
    pub(in crate::store) person: KeyedHash,
    pub(in crate::store) row: u64,
    pub(in crate::store) kind: i64,
    pub(in crate::store) age: u8,
    pub(in crate::store) grade: Arc<str>,
    pub(in crate::store) sex: Arc<str>,
    pub(in crate::store) status: Option<Arc<str>>,
}

impl NewEntry {
    pub(in crate::store) fn of(held: &HeldEnrolment) -> Self {
        NewEntry {
            learner: held.learner,
            content: held.content,
            person: held.person,
            row: held.row,
            kind: id_kind_number(held.id_kind),
            age: held.age_years,
            grade: Arc::clone(&held.grade),
            sex: Arc::clone(&held.sex),
            status: held.status.clone(),
        }
    }
}

impl<S> Default for RollBook<S> {
    fn default() -> Self {
        RollBook { schools: HashMap::new(), cells: Vec::new(), known: HashMap::new(), rows: 0 }
    }
}

impl<S: Eq + Hash + Ord + Clone> RollBook<S> {
    pub(in crate::store) fn add(&mut self, school: &S, entry: NewEntry) -> Result<(), StoreError> {
        let row = u32::try_from(entry.row).map_err(|_| StoreError::RowNumber)?;
        let cell = self.cell((entry.grade, entry.sex, entry.status))?;
        let mut packed = [0; ENTRY_BYTES];
        packed[..16].copy_from_slice(&entry.learner);
        packed[16..32].copy_from_slice(&entry.content);
        packed[32..48].copy_from_slice(&entry.person);
        packed[48..52].copy_from_slice(&row.to_le_bytes());
        packed[52..54].copy_from_slice(&cell.to_le_bytes());
        packed[54] = entry.age;
        packed[55] = entry.kind as u8;
        self.rows += 1;
        match self.schools.get_mut(school) {
            Some(entries) => entries.push(packed),
            None => drop(self.schools.insert(school.clone(), vec![packed])),
        }
        Ok(())
    }

    fn cell(&mut self, cell: OwnedCell) -> Result<u16, StoreError> {
        if let Some(known) = self.known.get(&cell) {
            return Ok(*known);
        }
        let texts = [Some(&cell.0), Some(&cell.1), cell.2.as_ref()];
        let is_short = texts.into_iter().flatten().all(|text| text.len() < usize::from(NONE));
        let at = u16::try_from(self.cells.len()).ok().filter(|at| *at < u16::MAX && is_short);
        let at = at.ok_or(StoreError::Unreadable("enrolment"))?;
        self.cells.push(cell.clone());
        self.known.insert(cell, at);
        Ok(at)
    }

    pub(in crate::store) fn is_full(&self) -> bool {
        self.rows >= ROWS_MAX
    }

    pub(in crate::store) fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Takes everything gathered, by holding.
    pub(in crate::store) fn take(&mut self, holding: impl Fn(&S) -> Option<i64>) -> Result<Vec<RollPart>, StoreError> {
        self.rows = 0;
        let mut parts = Vec::with_capacity(self.schools.len());
        for (school, mut entries) in self.schools.drain() {
            let holding = holding(&school).ok_or(StoreError::Unreadable("holding"))?;
            // By learner, then by row: the row's bytes are the other way round, so they are compared as a number.
            entries.sort_unstable_by_key(|entry| {
                (<[u8; 16]>::try_from(&entry[..16]).unwrap_or_default(), super::Entry(entry).row())
            });
            let data = packed(&self.cells, &mut entries);
            parts.push(RollPart { holding, entries: entries.len() as u32, data });
        }
        parts.sort_unstable_by_key(|part| part.holding);
        Ok(parts)
    }
}

/// With the cells that occur, renumbered.
fn packed(cells: &[OwnedCell], entries: &mut [[u8; ENTRY_BYTES]]) -> Vec<u8> {
    let (mut used, mut head): (Vec<u16>, Vec<u8>) = (Vec::new(), Vec::new());
    for entry in entries.iter_mut() {
        let cell = super::Entry(entry).cell() as u16;
        let at = used.iter().position(|known| *known == cell).unwrap_or_else(|| {
            used.push(cell);
            used.len() - 1
        });
        entry[52..54].copy_from_slice(&(at as u16).to_le_bytes());
    }
    for (grade, sex, status) in used.iter().map(|cell| &cells[usize::from(*cell)]) {
        for text in [Some(grade), Some(sex), status.as_ref()] {
            head.push(text.map_or(NONE, |text| text.len() as u8));
            head.extend(text.map_or(&[][..], |text| text.as_bytes()));
        }
    }
    let mut data = Vec::with_capacity(3 + head.len() + entries.len() * ENTRY_BYTES);
    data.push(VERSION);
    data.extend((used.len() as u16).to_le_bytes());
    data.extend(head);
    data.extend(entries.iter().flatten());
    data
}
