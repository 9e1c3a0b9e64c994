//! What a cell became when it was last seen: sexes, grades, schools and places repeat by the thousand.
//!
//! Owns one shelf for each field whose value follows from its cells alone, and for each worker of a run
//! its own memo. Refuses to remember anything with a finding, so every row says its own; a shelf whose
//! cells don't repeat (identifiers) notices and closes. A memo can change how long a row takes, never
//! what comes of it: the tests hold rows mapped with and without one equal.

use super::plan::{Expression, FieldPlan, Input, Step, Take};
use crate::decode::RowBatch;
use crate::domain::value::Value;

/// Longer cells are rarely repeated and dear to compare.
const KEY_BYTES_MAX: usize = 160;
/// Cells one value may be read from.
const CELLS_MAX: usize = 4;
/// Places of a new shelf; a power of two.
const PLACES_FIRST: usize = 256;
/// A shelf of this size is not enlarged: what doesn't fit the processor's own cache is dearer to recall than to work out.
const PLACES_MAX: usize = 1_024;
/// Looked up before a shelf judges itself.
const TRIAL: u32 = 4_096;
/// Stands for a cell the sender did not give; no UTF-8 text holds this byte.
const ABSENT: u8 = 0xFF;
/// Ends each cell, so that `a|b` and `ab|` differ.
const END: u8 = 0xFE;

/// One worker's memory of one run.
#[derive(Debug)]
pub struct Memo {
    /// In the order of the mapping's fields.
    shelves: Vec<Option<Shelf>>,
}

/// What is remembered of cells: a value that borrows nothing, or which part of the cell's text it is.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Remembered {
    Value(Value<'static>),
    Part { start: u32, len: u32 },
}

#[derive(Debug)]
struct Shelf {
    slots: Vec<usize>,
    places: Vec<Place>,
    asked: u32,
    missed: u32,
}

/// One line of the processor's cache, so that a look-up waits for memory once.
#[derive(Debug, Clone)]
#[repr(align(64))]
struct Place {
    ends: Ends,
    /// The cells whole, where their ends don't tell everything.
    key: Box<[u8]>,
    what: Remembered,
}

fn empty() -> Place {
    let ends = Ends { first: 0, last: 0, len: NOTHING };
    Place { ends, key: Box::default(), what: Remembered::Value(Value::Absent) }
}

const _: () = assert!(size_of::<Place>() == 64);

/// The first and last eight bytes of a cell and its length. Up to sixteen bytes that is the whole cell, so that most
/// cells are compared without touching memory elsewhere.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Ends {
    first: u64,
    last: u64,
    len: u32,
}

const WHOLE_BYTES_MAX: u32 = 16;
/// Length of what stands in an empty place.
const NOTHING: u32 = u32::MAX;
/// Length of several cells together; `first` is then their hash.
const SEVERAL: u32 = u32::MAX - 1;

/// A look-up that found nothing: where the answer may be put.
#[derive(Debug)]
pub(super) struct Missing {
    ends: Ends,
}

/// What a look-up says.
#[derive(Debug)]
pub(super) enum Recall<'b> {
    Known(Value<'b>),
    Missing(Missing),
    /// This field, or this cell, is not remembered.
    Closed,
}

impl Memo {
    pub(super) fn new(fields: &[FieldPlan]) -> Self {
        let shelf = |plan: &FieldPlan| slots_of(&plan.expression).map(Shelf::new);
        Memo { shelves: fields.iter().map(shelf).collect() }
    }

    /// A memo that never remembers.
    #[cfg(test)]
    pub(super) fn closed(fields: &[FieldPlan]) -> Self {
        Memo { shelves: fields.iter().map(|_| None).collect() }
    }

    /// The value the field's cells had before; `field` counts in the mapping's order, `row` from 0 in the batch.
    #[inline]
    pub(super) fn recall<'b>(&mut self, field: usize, batch: &'b RowBatch, row: usize) -> Recall<'b> {
        let Some(Some(shelf)) = self.shelves.get_mut(field) else { return Recall::Closed };
        shelf.recall(batch, row)
    }

    /// Keeps what came of the cells, where it can be kept.
    #[inline(never)]
    pub(super) fn keep(&mut self, field: usize, missing: Missing, batch: &RowBatch, row: usize, value: &Value<'_>) {
        let Some(place) = self.shelves.get_mut(field) else { return };
        let Some(shelf) = place else { return };
        if !shelf.keep(&missing, batch, row, value) {
            *place = None;
        }
    }
}

/// The cells a field's value follows from, where it follows from nothing else in the row.
fn slots_of(expression: &Expression) -> Option<Vec<usize>> {
    match expression {
        // Whoever's number it is stands once in a file, and is not kept longer than its row.
        Expression::Take(take) if take.steps.iter().any(|step| matches!(step, Step::LearnerId)) => None,
        Expression::Take(Take { input: Input::Slot(slot), .. }) => Some(vec![*slot]),
        Expression::Take(Take { input: Input::Join { slots, .. }, .. }) if slots.len() <= CELLS_MAX => {
            Some(slots.clone())
        }
        _ => None,
    }
}

impl Shelf {
    fn new(slots: Vec<usize>) -> Self {
        Shelf { slots, places: vec![empty(); PLACES_FIRST], asked: 0, missed: 0 }
    }

    #[inline]
    fn recall<'b>(&mut self, batch: &'b RowBatch, row: usize) -> Recall<'b> {
        self.asked += 1;
        let ends = match self.slots.as_slice() {
            [slot] => {
                let Some(cell) = batch.get(row, *slot) else { return Recall::Closed };
                let ends = Ends::of(cell.as_bytes());
                let place = &self.places[index(ends.hash(0), self.places.len())];
                if place.ends == ends && (ends.len <= WHOLE_BYTES_MAX || is_between(&place.key, cell.as_bytes())) {
                    return match place.what {
                        Remembered::Value(value) => Recall::Known(value),
                        Remembered::Part { start, len } => part(cell, start as usize, len as usize),
                    };
                }
                ends
            }
            slots => {
                let hash = |hash, slot: &usize| Ends::of(bytes_of(batch, row, *slot)).hash(hash);
                let ends = Ends { first: slots.iter().fold(0, hash), last: 0, len: SEVERAL };
                let place = &self.places[index(ends.first, self.places.len())];
                if place.ends == ends
                    && is_key(&place.key, slots, batch, row)
                    && let Remembered::Value(value) = place.what
                {
                    return Recall::Known(value);
                }
                ends
            }
        };
        self.missed += 1;
        Recall::Missing(Missing { ends })
    }

    /// False: the cells of this field do not repeat, the shelf is of no use.
    fn keep(&mut self, missing: &Missing, batch: &RowBatch, row: usize, value: &Value<'_>) -> bool {
        if self.asked >= TRIAL && !self.judge() {
            return false;
        }
        let Some(what) = self.remembered(batch, row, value) else { return true };
        let ends = missing.ends;
        let hash = if ends.len == SEVERAL { ends.first } else { ends.hash(0) };
        let at = index(hash, self.places.len());
        let mut key = Vec::new();
        match self.slots.as_slice() {
            [_] if ends.len <= WHOLE_BYTES_MAX => {}
            [slot] => key.extend_from_slice(bytes_of(batch, row, *slot)),
            slots => slots.iter().for_each(|slot| {
                key.extend_from_slice(bytes_of(batch, row, *slot));
                key.push(END);
            }),
        }
        let place = &mut self.places[at];
        if key.len() > KEY_BYTES_MAX {
            *place = empty();
            return true;
        }
        place.key = key.into();
        place.ends = ends;
        place.what = what;
        true
    }

    /// After each trial: larger where it missed much, closed where being larger did not help.
    fn judge(&mut self) -> bool {
        let (asked, missed) = (self.asked, self.missed);
        (self.asked, self.missed) = (0, 0);
        if missed < asked / 3 {
            return true;
        }
        if self.places.len() < PLACES_MAX {
            // What was remembered is soon learned again; finding its new place is not worth the code.
            self.places = vec![empty(); self.places.len() * 2];
            return true;
        }
        missed < asked / 2
    }

    fn remembered(&self, batch: &RowBatch, row: usize, value: &Value<'_>) -> Option<Remembered> {
        Some(Remembered::Value(match value {
            Value::Absent => Value::Absent,
            Value::Code(code) => Value::Code(*code),
            Value::Date(date) => Value::Date(*date),
            Value::Integer(number) => Value::Integer(*number),
            Value::Decimal(number) => Value::Decimal(*number),
            Value::Boolean(value) => Value::Boolean(*value),
            Value::LearnerId(_) => return None,
            Value::Text(text) => {
                let [slot] = self.slots.as_slice() else { return None };
                return part_of(batch.get(row, *slot)?, text);
            }
        }))
    }
}

#[inline]
fn bytes_of(batch: &RowBatch, row: usize, slot: usize) -> &[u8] {
    batch.get(row, slot).map_or(&[ABSENT], str::as_bytes)
}

/// Whether two texts that agree in length and at both ends ([`Ends`]) agree between them: most are short, and a few words compared
/// in place are quicker than a call.
#[inline]
fn is_between(key: &[u8], cell: &[u8]) -> bool {
    const WORD: usize = size_of::<u64>();
    if key.len() != cell.len() {
        return false;
    }
    // Rounded up into the last word, which is known to agree.
    let inner = WORD..cell.len().saturating_sub(WORD).next_multiple_of(WORD);
    let (Some(key), Some(cell)) = (key.get(inner.clone()), cell.get(inner)) else { return key == cell };
    key.as_chunks::<WORD>().0.iter().zip(cell.as_chunks::<WORD>().0).all(|(one, other)| one == other)
}

#[inline]
fn part(cell: &str, start: usize, len: usize) -> Recall<'_> {
    if len == cell.len() {
        return Recall::Known(Value::Text(cell));
    }
    cell.get(start..start + len).map_or(Recall::Closed, |text| Recall::Known(Value::Text(text)))
}

/// Where `text` lies in `cell`, if it borrows from it.
fn part_of(cell: &str, text: &str) -> Option<Remembered> {
    let start = (text.as_ptr() as usize).checked_sub(cell.as_ptr() as usize)?;
    let inside = start.checked_add(text.len()).is_some_and(|end| end <= cell.len());
    inside.then_some(Remembered::Part { start: start as u32, len: text.len() as u32 })
}

#[inline]
fn is_key(key: &[u8], slots: &[usize], batch: &RowBatch, row: usize) -> bool {
    let mut rest = key;
    for slot in slots {
        let cell = bytes_of(batch, row, *slot);
        match rest.split_at_checked(cell.len()) {
            Some((head, [END, tail @ ..])) if head == cell => rest = tail,
            _ => return false,
        }
    }
    rest.is_empty()
}

#[inline]
fn index(hash: u64, places: usize) -> usize {
    (hash >> 40) as usize & (places - 1)
}

impl Ends {
    #[inline]
    fn of(cell: &[u8]) -> Ends {
        let (first, last) = match (cell.first_chunk::<8>(), cell.last_chunk::<8>()) {
            (Some(first), Some(last)) => (u64::from_le_bytes(*first), u64::from_le_bytes(*last)),
            _ => match (cell.first_chunk::<4>(), cell.last_chunk::<4>()) {
                (Some(first), Some(last)) => {
                    (u64::from(u32::from_le_bytes(*first)), u64::from(u32::from_le_bytes(*last)))
                }
                _ => (cell.iter().fold(1, |word, byte| word << 8 | u64::from(*byte)), 0),
            },
        };
        Ends { first, last, len: cell.len() as u32 }
    }

    /// Spreads the words of a list; whether it is the same word is told by comparing.
    #[inline]
    fn hash(self, seed: u64) -> u64 {
        const ODD: u64 = 0x9E37_79B9_7F4A_7C15;
        let mixed = (seed ^ self.first).wrapping_mul(ODD).rotate_left(29) ^ self.last ^ u64::from(self.len) << 56;
        mixed.wrapping_mul(ODD)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::assets::{AssetFolders, Assets};
    use crate::domain::round::Round;
    use crate::domain::value::CodeIndex;
    use crate::mapping::{MappedRow, Mapper, RunContext};
    use bumpalo::Bump;
    use proptest::collection::vec;
    use proptest::prelude::*;
    use proptest::test_runner::TestRunner;

    fn batch(rows: &[[Option<&str>; 2]]) -> RowBatch {
        let mut batch = RowBatch::new(2);
        for row in rows {
            batch.begin_row();
            for (slot, cell) in row.iter().enumerate() {
                if let Some(cell) = cell {
                    batch.set(slot, cell);
                }
            }
        }
        batch
    }

    fn missing(shelf: &mut Shelf, batch: &RowBatch, row: usize) -> Missing {
        match shelf.recall(batch, row) {
            Recall::Missing(missing) => missing,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn what_was_kept_is_recalled_for_equal_cells_only() {
        let rows =
            batch(&[[Some("ab"), Some("c")], [Some("a"), Some("bc")], [Some("ab"), Some("c")], [Some("ab"), None]]);
        let mut shelf = Shelf::new(vec![0, 1]);
        let empty = missing(&mut shelf, &rows, 0);
        assert!(shelf.keep(&empty, &rows, 0, &Value::Code(CodeIndex(7))));
        assert!(matches!(shelf.recall(&rows, 2), Recall::Known(Value::Code(CodeIndex(7)))));
        missing(&mut shelf, &rows, 1);
        missing(&mut shelf, &rows, 3);
    }

    #[test]
    fn cells_that_differ_anywhere_are_told_apart() {
        let long = "ก".repeat(20);
        let alike = [
            "",
            "a",
            "b",
            "ab",
            "ba",
            "\0",
            "\0\0",
            "abcd",
            "abcde",
            "abced",
            "abcdefgh",
            "abcdefghi",
            "abcdefgih",
            "abcdefgh12345678",
            "abcdefgi12345678",
            "abcdefgh 12345678",
            "abcdefgh-12345678",
            &long,
            &long[..57],
        ];
        for one in alike {
            let mut shelf = Shelf::new(vec![0]);
            let rows = batch(&[[Some(one), None]]);
            let empty = missing(&mut shelf, &rows, 0);
            assert!(shelf.keep(&empty, &rows, 0, &Value::Integer(1)));
            for other in alike {
                let known = matches!(shelf.recall(&batch(&[[Some(other), None]]), 0), Recall::Known(_));
                assert_eq!(known, one == other, "{one:?} {other:?}");
            }
        }
    }

    #[test]
    fn text_is_remembered_as_a_part_of_its_own_cell() {
        let rows = batch(&[[Some("นาย สม"), None], [Some("นาย สม"), None]]);
        let mut shelf = Shelf::new(vec![0]);
        let empty = missing(&mut shelf, &rows, 0);
        let cell = rows.get(0, 0).unwrap();
        assert!(shelf.keep(&empty, &rows, 0, &Value::Text(&cell[10..])));
        match shelf.recall(&rows, 1) {
            Recall::Known(Value::Text(text)) => {
                assert_eq!(text, "สม");
                assert!(part_of(rows.get(1, 0).unwrap(), text).is_some(), "borrowed from the second row");
            }
            other => panic!("{other:?}"),
        }
        // Text from elsewhere can't be kept.
        assert!(shelf.remembered(&rows, 0, &Value::Text("สม")).is_none());
    }

    #[test]
    fn a_shelf_of_cells_that_never_repeat_closes() {
        let mut shelf = Shelf::new(vec![0]);
        let open = (0..TRIAL * 16).all(|number| {
            let rows = batch(&[[Some(&format!("{number:012}")), None]]);
            let empty = missing(&mut shelf, &rows, 0);
            shelf.keep(&empty, &rows, 0, &Value::Integer(1))
        });
        assert!(!open);
        assert_eq!(shelf.places.len(), PLACES_MAX);
    }

    /// Cells as agencies send them: of lists, dates, numbers, names, with and without faults.
    const CELLS: [&str; 34] = [
        "",
        "-",
        " ",
        "ไม่ระบุ",
        "1",
        "2",
        "ช",
        "ญ",
        "หญิง",
        "เด็กชาย",
        "ด.ญ.",
        "นาย",
        "ไทย",
        "099",
        "พุทธ",
        "O",
        "AB",
        "ป.1",
        "ม.3/2",
        "ป.7",
        "15/05/2558",
        "2558-05-15",
        "31/02/2558",
        "45.5",
        "999",
        "4๕.5",
        "1999900000013",
        "1999900000014",
        "เด็กชายสมชาย ใจดี",
        "นํ้าใจ",
        "กก่้า",
        "????",
        "10000001",
        "820501",
    ];

    #[test]
    fn rows_come_out_equal_with_and_without_a_memo() {
        let assets = Assets::load(&AssetFolders { schemas: None, mappings: None }).unwrap();
        let mut runner = TestRunner::new(ProptestConfig::with_cases(60));
        for name in ["obec/enrolments", "ovec/enrolments", "dole/enrolments", "opec/enrolments", "moe/schools"] {
            let mapping = &assets.mapping(name).unwrap().mapping;
            let context = RunContext { round: Round::parse("2026-06-10").unwrap(), schools: None };
            let mapper = Mapper::new(mapping, context, vec![None; mapping.spec.document.len()]);
            let width = mapping.spec.wanted.len();
            let cells = vec(prop::option::weighted(0.9, prop::sample::select(&CELLS[..])), width);
            runner
                .run(&vec(cells, 1..60), |rows| {
                    let mut batch = RowBatch::new(width);
                    for row in &rows {
                        batch.begin_row();
                        row.iter().enumerate().for_each(|(slot, cell)| {
                            cell.iter().for_each(|cell| batch.set(slot, cell));
                        });
                    }
                    let (bump, mut memo, mut none) = (Bump::new(), mapper.memo(), Memo::closed(&mapping.fields));
                    let (mut with, mut without) = (MappedRow::new(mapping), MappedRow::new(mapping));
                    for at in 0..rows.len() {
                        mapper.map_row(&batch, at, &bump, &mut memo, &mut with);
                        mapper.map_row(&batch, at, &bump, &mut none, &mut without);
                        prop_assert_eq!(&with.values, &without.values, "{}", name);
                        prop_assert_eq!(&with.findings, &without.findings, "{}", name);
                    }
                    Ok(())
                })
                .unwrap();
        }
    }
}
