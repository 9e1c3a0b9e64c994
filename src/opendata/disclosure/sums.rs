//! From the tables of one release to the sums a reader knows, and back to the cells that are withheld.
//!
//! Owns the reading of the disclosure rules: known totals, sums within a row, totals that are another dataset's
//! cells. Refuses tables whose totals do not agree, because a difference between two published numbers
//! is itself a number.

use super::protect::{Protection, Unprotectable, protect};
use super::{State, System, SystemCell};
use crate::opendata::document::{Dataset, Role};
use crate::opendata::table::{Cell, Table, dimensions};
use std::collections::{BTreeMap, BTreeSet};

/// Combinations without a row that may be added as withheld ones.
const PADDING_MAX: usize = 200_000;

/// A table with its withheld cells marked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Withheld {
    /// Rows in order, with those added that hold nobody and are withheld.
    pub rows: Vec<Vec<Cell>>,
    /// Beside each cell of each row: not to be published.
    pub withheld: Vec<Vec<bool>>,
    pub protection: Protection,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("dataset {dataset}: {what} does not agree with its parts")]
pub struct TotalsDisagree {
    pub dataset: String,
    pub what: String,
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DisclosureError {
    #[error(transparent)]
    TotalsDisagree(#[from] TotalsDisagree),
    #[error(transparent)]
    Unprotectable(#[from] Unprotectable),
}

/// One table on its way: its rows, and where its measures stand in the system.
struct Laid<'d> {
    dataset: &'d Dataset,
    rows: Vec<Vec<Cell>>,
    /// Rows from here on were added.
    own_rows: usize,
    /// By row, then column; none for dimensions and measures that are not protected.
    places: Vec<Vec<Option<usize>>>,
}

/// Decides over all tables of a release together.
pub fn withhold(tables: &[(&Dataset, &Table)]) -> Result<Vec<Withheld>, DisclosureError> {
    let mut system = System::default();
    let laid: Vec<Laid> = tables.iter().map(|(dataset, table)| lay(&mut system, dataset, table)).collect();
    for one in &laid {
        row_sums(&mut system, one)?;
        known_totals(&mut system, one, &laid)?;
    }
    if laid.iter().any(|one| one.dataset.disclosure.complementary) {
        protect(&mut system)?;
    }
    Ok(laid.into_iter().map(|one| lift(&system, one)).collect())
}

fn lay<'d>(system: &mut System, dataset: &'d Dataset, table: &Table) -> Laid<'d> {
    let mut rows = table.rows().to_vec();
    let own_rows = rows.len();
    rows.extend(padding(dataset, table));
    let rules = &dataset.disclosure;
    let mut places = Vec::with_capacity(rows.len());
    for (number, row) in rows.iter().enumerate() {
        let mut of_row = Vec::with_capacity(row.len());
        for (column, cell) in dataset.columns.iter().zip(row) {
            let Cell::Count(value) = *cell else {
                of_row.push(None);
                continue;
            };
            let protected = rules.measures.contains(&column.name);
            let state =
                if protected && (1..rules.threshold).contains(&value) { State::Primary } else { State::Published };
            // A 0 that is published anyway costs least; a row to be added for it is worse than a positive number.
            let tier = match () {
                () if number >= own_rows => 2,
                () if rules.keep.contains(&column.name) => 3,
                () if value == 0 => 0,
                () => 1,
            };
            of_row.push(Some(system.cells.len()));
            let cost = (protected && rules.complementary).then_some((tier, value));
            system.cells.push(SystemCell { value, state, cost });
        }
        places.push(of_row);
    }
    Laid { dataset, rows, own_rows, places }
}

/// Rows of zeros for combinations that have no row but could: a value of the second dimension with a combination
/// of all later ones that occurs somewhere (no agency gets a level it teaches nowhere). Only where a total is
/// known: elsewhere nothing needs them.
fn padding(dataset: &Dataset, table: &Table) -> Vec<Vec<Cell>> {
    let dims: Vec<usize> = (0..dataset.columns.len())
        .filter(|at| dataset.columns.get(*at).is_some_and(|c| c.role == Role::Dimension))
        .collect();
    if dims.len() < 3 || dataset.disclosure.totals.is_empty() || !dataset.disclosure.complementary {
        return Vec::new();
    }
    let known: BTreeSet<Vec<Cell>> = table.rows().iter().map(|row| dimensions(dataset, row)).collect();
    let seconds: BTreeSet<Cell> = known.iter().filter_map(|key| key.get(1).cloned()).collect();
    let rests: BTreeSet<(Option<Cell>, Vec<Cell>)> =
        known.iter().map(|key| (key.first().cloned(), key.iter().skip(2).cloned().collect())).collect();
    let missing = rests.iter().flat_map(|(first, rest)| {
        seconds
            .iter()
            .map(move |second| first.iter().chain(std::iter::once(second)).chain(rest).cloned().collect::<Vec<Cell>>())
    });
    let row_of = |key: Vec<Cell>| {
        let mut key = key.into_iter();
        dataset
            .columns
            .iter()
            .map(|column| match column.role {
                Role::Dimension => key.next().unwrap_or(Cell::Count(0)),
                Role::Measure => Cell::Count(0),
            })
            .collect()
    };
    missing.filter(|key| !known.contains(key)).take(PADDING_MAX).map(row_of).collect()
}

fn row_sums(system: &mut System, laid: &Laid) -> Result<(), TotalsDisagree> {
    for sum in &laid.dataset.disclosure.sums {
        let total = laid.dataset.column(&sum.total);
        let parts: Vec<Option<usize>> = sum.parts.iter().map(|part| laid.dataset.column(part)).collect();
        for of_row in &laid.places {
            let place = |column: Option<usize>| column.and_then(|at| of_row.get(at).copied().flatten());
            let mut equation: Vec<(usize, i8)> = place(total).map(|at| (at, 1)).into_iter().collect();
            equation.extend(parts.iter().filter_map(|part| place(*part)).map(|at| (at, -1)));
            add(system, laid.dataset, &sum.total, equation)?;
        }
    }
    Ok(())
}

fn known_totals(system: &mut System, laid: &Laid, all: &[Laid]) -> Result<(), TotalsDisagree> {
    for total in &laid.dataset.disclosure.totals {
        let by: Vec<usize> = total.by.iter().filter_map(|name| laid.dataset.column(name)).collect();
        let Some(measure) = laid.dataset.column(&total.measure) else { continue };
        let mut groups: BTreeMap<Vec<Cell>, Vec<usize>> = BTreeMap::new();
        for (row, places) in laid.rows.iter().zip(&laid.places) {
            let key: Vec<Cell> = by.iter().filter_map(|at| row.get(*at).cloned()).collect();
            groups.entry(key).or_default().extend(places.get(measure).copied().flatten());
        }
        let elsewhere = total.equals.as_ref().and_then(|cell| {
            let other = all.iter().find(|other| other.dataset.name == cell.dataset)?;
            Some((other, other.dataset.column(&cell.measure)?))
        });
        for (key, parts) in groups {
            let value: u64 = parts.iter().filter_map(|at| system.cells.get(*at)).map(|cell| cell.value).sum();
            let known = match &elsewhere {
                Some((other, measure)) => cell_of(other, &total.by, &key, *measure),
                None => None,
            };
            let at = match known {
                Some(at) => at,
                None if elsewhere.is_some() && value > 0 => {
                    let what = format!("{} by {}", total.measure, total.by.join(", "));
                    return Err(TotalsDisagree { dataset: laid.dataset.name.clone(), what });
                }
                // A total that small is withheld by whoever publishes it.
                None if (1..laid.dataset.disclosure.threshold).contains(&value) => continue,
                None => {
                    system.cells.push(SystemCell { value, state: State::Published, cost: None });
                    system.cells.len() - 1
                }
            };
            let equation = std::iter::once((at, 1)).chain(parts.into_iter().map(|part| (part, -1))).collect();
            add(system, laid.dataset, &total.measure, equation)?;
        }
    }
    Ok(())
}

/// The cell of the row that agrees with the key in the columns of that name.
fn cell_of(other: &Laid, by: &[String], key: &[Cell], measure: usize) -> Option<usize> {
    let columns: Vec<usize> = by.iter().map(|name| other.dataset.column(name)).collect::<Option<_>>()?;
    let agrees = |row: &Vec<Cell>| columns.iter().zip(key).all(|(at, cell)| row.get(*at) == Some(cell));
    let row = other.rows.iter().position(agrees)?;
    other.places.get(row)?.get(measure).copied().flatten()
}

fn add(system: &mut System, dataset: &Dataset, what: &str, equation: Vec<(usize, i8)>) -> Result<(), TotalsDisagree> {
    let sum: i128 = equation.iter().map(|(at, sign)| i128::from(*sign) * system.value(*at)).sum();
    if sum != 0 {
        return Err(TotalsDisagree { dataset: dataset.name.clone(), what: what.to_owned() });
    }
    system.equations.push(equation);
    Ok(())
}

fn lift(system: &System, laid: Laid) -> Withheld {
    let mut protection = Protection::default();
    let mut rows: Vec<(Vec<Cell>, Vec<bool>)> = Vec::new();
    for (number, (row, places)) in laid.rows.into_iter().zip(laid.places).enumerate() {
        let states: Vec<State> = places
            .iter()
            .map(|place| place.and_then(|at| system.cells.get(at)).map_or(State::Published, |cell| cell.state))
            .collect();
        if number >= laid.own_rows && states.iter().all(|state| *state == State::Published) {
            continue;
        }
        protection.primary += states.iter().filter(|state| **state == State::Primary).count() as u64;
        protection.complementary += states.iter().filter(|state| **state == State::Complementary).count() as u64;
        rows.push((row, states.iter().map(|state| *state != State::Published).collect()));
    }
    // Added rows go to their place in the order: at the end they would say what they are.
    rows.sort_by_cached_key(|(row, _)| dimensions(laid.dataset, row));
    let (rows, withheld) = rows.into_iter().unzip();
    Withheld { rows, withheld, protection }
}
