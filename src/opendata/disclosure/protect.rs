//! Withholds further cells until the attacker finds nothing.
//!
//! Owns the loop and the choice of the next cell: the cheapest of a sum that gives one away. Every round withholds
//! at least one cell more, so it ends. Refuses when nothing is left to withhold.

use super::attacker::determined;
use super::{State, System};
use std::collections::BTreeSet;

/// What was withheld.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Protection {
    pub primary: u64,
    pub complementary: u64,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("a withheld cell could be computed from known sums, and no further cell can be withheld")]
pub struct Unprotectable;

pub fn protect(system: &mut System) -> Result<Protection, Unprotectable> {
    loop {
        let exposed: Vec<usize> = determined(system).into_iter().filter(|at| holds_somebody(system, *at)).collect();
        if exposed.is_empty() {
            let count = |state| system.cells.iter().filter(|cell| cell.state == state).count() as u64;
            return Ok(Protection { primary: count(State::Primary), complementary: count(State::Complementary) });
        }
        // One cell a sum and round: a cell withheld for one exposed cell often covers the next.
        let mut extended: BTreeSet<usize> = BTreeSet::new();
        for at in exposed {
            extend(system, at, &mut extended)?;
        }
    }
}

/// A withheld 0 protects others; that it is a 0 says nothing of anybody.
fn holds_somebody(system: &System, at: usize) -> bool {
    system.cells.get(at).is_some_and(|cell| cell.value > 0)
}

fn extend(system: &mut System, exposed: usize, extended: &mut BTreeSet<usize>) -> Result<(), Unprotectable> {
    let mut reach = BTreeSet::from([exposed]);
    loop {
        let touching: Vec<usize> =
            (0..system.equations.len()).filter(|one| terms(system, *one).any(|at| reach.contains(&at))).collect();
        if touching.iter().any(|one| extended.contains(one)) {
            return Ok(());
        }
        let cheapest = touching
            .iter()
            .flat_map(|one| terms(system, *one).map(move |at| (at, *one)))
            .filter(|(at, _)| !system.withheld(*at))
            .filter_map(|(at, one)| Some((system.cells.get(at)?.cost?, at, one)))
            .min();
        if let Some((_, at, one)) = cheapest {
            if let Some(cell) = system.cells.get_mut(at) {
                cell.state = State::Complementary;
            }
            extended.insert(one);
            return Ok(());
        }
        // Nothing left in its own sums: go on to the sums of the cells withheld beside it.
        let wider: BTreeSet<usize> = touching
            .iter()
            .flat_map(|one| terms(system, *one))
            .filter(|at| system.withheld(*at))
            .chain(reach.iter().copied())
            .collect();
        if wider.len() == reach.len() {
            return Err(Unprotectable);
        }
        reach = wider;
    }
}

fn terms(system: &System, equation: usize) -> impl Iterator<Item = usize> + '_ {
    system.equations.get(equation).into_iter().flatten().map(|(at, _)| *at)
}

#[cfg(test)]
mod tests {
    use super::super::SystemCell;
    use super::*;
    use proptest::prelude::*;

    /// A table of 2 × 3 with every row, column and grand total known.
    fn two_by_three(values: [u64; 6]) -> System {
        let mut cells: Vec<SystemCell> = values
            .iter()
            .map(|value| SystemCell {
                value: *value,
                state: if (1..5).contains(value) { State::Primary } else { State::Published },
                cost: Some((0, if *value == 0 { 99 } else { *value })),
            })
            .collect();
        let groups: [&[usize]; 6] = [&[0, 1, 2], &[3, 4, 5], &[0, 3], &[1, 4], &[2, 5], &[0, 1, 2, 3, 4, 5]];
        let mut equations = Vec::new();
        for group in groups {
            let value: u64 = group.iter().map(|at| values[*at]).sum();
            cells.push(SystemCell { value, state: State::Published, cost: None });
            equations.push(group.iter().map(|at| (*at, -1)).chain([(cells.len() - 1, 1)]).collect());
        }
        System { cells, equations }
    }

    /// Every table of whole numbers that agrees with what is published: the values each cell takes in them.
    fn possible(system: &System) -> Vec<BTreeSet<u64>> {
        let sum = |at: usize| system.cells[6 + at].value as i64;
        let mut seen = vec![BTreeSet::new(); 6];
        for a in 0..=sum(0) {
            for b in 0..=sum(0) - a {
                let c = sum(0) - a - b;
                let table = [a, b, c, sum(2) - a, sum(3) - b, sum(4) - c];
                let fits = |(at, value): (usize, &i64)| {
                    *value >= 0 && (system.withheld(at) || *value as u64 == system.cells[at].value)
                };
                if table.iter().enumerate().all(fits) {
                    table.iter().zip(&mut seen).for_each(|(value, seen)| {
                        seen.insert(*value as u64);
                    });
                }
            }
        }
        seen
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(2_000))]

        #[test]
        fn every_withheld_cell_could_be_something_else(values in prop::array::uniform6(0_u64..9)) {
            let mut system = two_by_three(values);
            let unprotected = system.clone();
            if protect(&mut system).is_ok() {
                for (at, values) in possible(&system).iter().enumerate() {
                    prop_assert!(!system.withheld(at) || system.cells[at].value == 0 || values.len() > 1, "{at} {values:?}");
                }
            }
            // What the attacker claims to know is true: no other table fits.
            let ones: BTreeSet<usize> = determined(&unprotected);
            for (at, values) in possible(&unprotected).iter().enumerate() {
                prop_assert!(values.len() > 1 || !unprotected.withheld(at) || ones.contains(&at));
            }
        }
    }
}
