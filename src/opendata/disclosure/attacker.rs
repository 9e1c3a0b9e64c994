//! What a reader with pencil and paper can compute back from a release.
//!
//! Owns the attack that protection is measured against: elimination over all sums at once, then the interval
//! each withheld cell must lie in (whole numbers, not negative), then sums in which every withheld cell
//! can only be 1 if each holds somebody. Elimination works modulo a prime of 61 bits, which may differ from
//! exact fractions only if a minor of the 0/±1 matrix is a multiple of it.

use super::System;
use std::collections::{BTreeMap, BTreeSet};

const PRIME: u128 = (1 << 61) - 1;
/// Rounds of narrowing; each narrows at least one interval.
const ROUNDS_MAX: usize = 64;
/// Coefficients above it are left to elimination alone.
const COEFFICIENT_MAX: i128 = 1_000;

type SparseRow = BTreeMap<usize, u128>;

/// A sum over withheld cells with the result a reader knows.
struct KnownSum {
    terms: Vec<(usize, i128)>,
    result: i128,
}

/// The withheld cells whose value follows from what is published.
pub fn determined(system: &System) -> BTreeSet<usize> {
    let rows: Vec<SparseRow> = system.equations.iter().map(|equation| unknowns(system, equation)).collect();
    let reduced = eliminate(rows.clone());
    let mut found: BTreeSet<usize> =
        reduced.iter().filter(|row| row.len() == 1).flat_map(|row| row.keys().copied()).collect();
    let sums = |rows: &[SparseRow]| -> Vec<KnownSum> { rows.iter().filter_map(|row| known_sum(system, row)).collect() };
    let plain = sums(&rows);
    found.extend(all_ones(&plain));
    found.extend(narrow(&plain.into_iter().chain(sums(&reduced)).collect::<Vec<_>>()));
    found
}

fn unknowns(system: &System, equation: &[(usize, i8)]) -> SparseRow {
    let mut row = SparseRow::new();
    for (at, sign) in equation.iter().filter(|(at, _)| system.withheld(*at)) {
        add_to(&mut row, *at, if *sign < 0 { PRIME - 1 } else { 1 });
    }
    row
}

fn add_to(row: &mut SparseRow, at: usize, by: u128) {
    let sum = (row.get(&at).copied().unwrap_or(0) + by) % PRIME;
    if sum == 0 {
        row.remove(&at);
    } else {
        row.insert(at, sum);
    }
}

/// To reduced row echelon form: a cell is determined if and only if it stands alone in a row of it.
fn eliminate(mut rows: Vec<SparseRow>) -> Vec<SparseRow> {
    // Short rows first: sums of few cells then stay short.
    rows.sort_by_key(BTreeMap::len);
    let mut pivots: BTreeMap<usize, SparseRow> = BTreeMap::new();
    for mut row in rows {
        let known: Vec<usize> = row.keys().copied().filter(|at| pivots.contains_key(at)).collect();
        for at in known {
            if let (Some(factor), Some(pivot)) = (row.get(&at).copied(), pivots.get(&at)) {
                subtract(&mut row, pivot, factor);
            }
        }
        let Some((pivot, lead)) = row.iter().next().map(|(at, value)| (*at, *value)) else { continue };
        let inverse = power(lead, PRIME - 2);
        row.values_mut().for_each(|value| *value = *value * inverse % PRIME);
        for other in pivots.values_mut() {
            if let Some(factor) = other.get(&pivot).copied() {
                subtract(other, &row, factor);
            }
        }
        pivots.insert(pivot, row);
    }
    pivots.into_values().collect()
}

fn subtract(row: &mut SparseRow, pivot: &SparseRow, factor: u128) {
    for (at, value) in pivot {
        add_to(row, *at, PRIME - factor * value % PRIME);
    }
}

fn power(base: u128, mut exponent: u128) -> u128 {
    let (mut result, mut base) = (1, base);
    while exponent > 0 {
        if exponent & 1 == 1 {
            result = result * base % PRIME;
        }
        base = base * base % PRIME;
        exponent >>= 1;
    }
    result
}

/// The result follows from published numbers, so computing it from the true ones gives the reader nothing.
fn known_sum(system: &System, row: &SparseRow) -> Option<KnownSum> {
    let mut terms = Vec::with_capacity(row.len());
    for (at, residue) in row {
        let residue = *residue as i128;
        let signed = if residue > PRIME as i128 / 2 { residue - PRIME as i128 } else { residue };
        if signed.abs() > COEFFICIENT_MAX {
            return None;
        }
        terms.push((*at, signed));
    }
    let result = terms.iter().map(|(at, factor)| factor * system.value(*at)).sum();
    Some(KnownSum { terms, result })
}

/// Lower and upper bound of each cell from all sums, until nothing narrows any more.
fn narrow(sums: &[KnownSum]) -> Vec<usize> {
    let mut bounds: BTreeMap<usize, (i128, Option<i128>)> =
        sums.iter().flat_map(|sum| sum.terms.iter().map(|(at, _)| (*at, (0, None)))).collect();
    for _ in 0..ROUNDS_MAX {
        let mut changed = false;
        for sum in sums {
            changed |= narrow_by(sum, &mut bounds);
        }
        if !changed {
            break;
        }
    }
    bounds.into_iter().filter(|(_, (low, high))| *high == Some(*low)).map(|(at, _)| at).collect()
}

fn narrow_by(sum: &KnownSum, bounds: &mut BTreeMap<usize, (i128, Option<i128>)>) -> bool {
    // Least and greatest value of each term; none: without limit.
    let ranges: Vec<(Option<i128>, Option<i128>)> = sum
        .terms
        .iter()
        .map(|(at, factor)| {
            let (low, high) = bounds.get(at).copied().unwrap_or((0, None));
            let (low, high) = (Some(low * factor), high.map(|high| high * factor));
            if *factor > 0 { (low, high) } else { (high, low) }
        })
        .collect();
    let least_open = ranges.iter().filter(|(least, _)| least.is_none()).count();
    let greatest_open = ranges.iter().filter(|(_, greatest)| greatest.is_none()).count();
    let least: i128 = ranges.iter().filter_map(|(least, _)| *least).sum();
    let greatest: i128 = ranges.iter().filter_map(|(_, greatest)| *greatest).sum();
    let mut changed = false;
    for ((at, factor), own) in sum.terms.iter().zip(&ranges) {
        let rest = |open: usize, total: i128, own: Option<i128>| match (open, own) {
            (0, Some(own)) => Some(total - own),
            (1, None) => Some(total),
            _ => None,
        };
        let term_high = rest(least_open, least, own.0).map(|rest| sum.result - rest);
        let term_low = rest(greatest_open, greatest, own.1).map(|rest| sum.result - rest);
        let (term_low, term_high) = if *factor > 0 { (term_low, term_high) } else { (term_high, term_low) };
        let Some(bound) = bounds.get_mut(at) else { continue };
        // Towards the inside: the cell is a whole number.
        if let Some(low) = term_low.map(|low| ceil_div(low, *factor)).filter(|low| *low > bound.0) {
            (bound.0, changed) = (low, true);
        }
        if let Some(high) = term_high.map(|high| floor_div(high, *factor))
            && bound.1.is_none_or(|known| high < known)
        {
            (bound.1, changed) = (Some(high), true);
        }
    }
    changed
}

fn floor_div(value: i128, by: i128) -> i128 {
    let (quotient, rest) = (value / by, value % by);
    if rest != 0 && (rest < 0) != (by < 0) { quotient - 1 } else { quotient }
}

fn ceil_div(value: i128, by: i128) -> i128 {
    -floor_div(-value, by)
}

/// Three withheld cells with the sum 3: each is 1, if each holds somebody.
fn all_ones(sums: &[KnownSum]) -> Vec<usize> {
    sums.iter()
        .filter(|sum| {
            !sum.terms.is_empty()
                && sum.terms.iter().all(|(_, factor)| *factor == 1)
                && sum.result == sum.terms.len() as i128
        })
        .flat_map(|sum| sum.terms.iter().map(|(at, _)| *at))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::super::{State, SystemCell};
    use super::*;

    fn system(values: &[(u64, bool)], equations: &[&[(usize, i8)]]) -> System {
        let cell = |(value, withheld): &(u64, bool)| SystemCell {
            value: *value,
            state: if *withheld { State::Primary } else { State::Published },
            cost: None,
        };
        System {
            cells: values.iter().map(cell).collect(),
            equations: equations.iter().map(|equation| equation.to_vec()).collect(),
        }
    }

    #[test]
    fn a_single_gap_is_computed_and_two_are_not() {
        let sum: &[(usize, i8)] = &[(0, 1), (1, -1), (2, -1), (3, -1)];
        let one = system(&[(30, false), (3, true), (20, false), (7, false)], &[sum]);
        assert_eq!(determined(&one), BTreeSet::from([1]));
        let two = system(&[(30, false), (3, true), (20, false), (7, true)], &[sum]);
        assert!(determined(&two).is_empty());
    }

    #[test]
    fn sums_are_combined() {
        // A 2 × 2 table with all four cells withheld keeps its secret; with a third sum that crosses, it does not.
        let rows_and_columns: [&[(usize, i8)]; 4] = [
            &[(0, 1), (1, 1), (4, -1)],
            &[(2, 1), (3, 1), (5, -1)],
            &[(0, 1), (2, 1), (6, -1)],
            &[(1, 1), (3, 1), (7, -1)],
        ];
        let values = [(3, true), (9, true), (8, true), (6, true), (12, false), (14, false), (11, false), (15, false)];
        assert!(determined(&system(&values, &rows_and_columns)).is_empty());
        let mut values = values.to_vec();
        values.push((9, false));
        let crossing: &[(usize, i8)] = &[(0, 1), (3, 1), (8, -1)];
        let equations: Vec<&[(usize, i8)]> = rows_and_columns.into_iter().chain([crossing]).collect();
        assert_eq!(determined(&system(&values, &equations)).len(), 4);
    }

    #[test]
    fn bounds_give_a_cell_away() {
        // 0 = x + y: both are 0. And 2 = x + y: both are 1, if both hold somebody.
        let sum: &[(usize, i8)] = &[(0, 1), (1, 1), (2, -1)];
        assert_eq!(determined(&system(&[(0, true), (0, true), (0, false)], &[sum])).len(), 2);
        assert_eq!(determined(&system(&[(1, true), (1, true), (2, false)], &[sum])).len(), 2);
        assert!(determined(&system(&[(1, true), (2, true), (3, false)], &[sum])).is_empty());
    }
}
