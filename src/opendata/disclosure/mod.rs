//! Disclosure control: which cells of a release are withheld so that no published number points at a few people.
//!
//! Owns the sums a reader can make within a table, across the measures of a row and across the datasets of one
//! release, and withholds cells until none that is withheld can be computed back. Refuses a release it can't
//! protect. Whether a cell is withheld for its own sake or for another's is never published.
//!
//! Choices, written down because others choose otherwise:
//! - 0 is published: nobody stands in it. A 0 may be withheld for another cell's sake, so a reader
//!   can't know that a withheld cell holds anybody.
//! - A total that a reader may know from elsewhere counts as known unless it is itself below the threshold.
//! - A combination without a row is a 0; one that is plausible may be added as a withheld row.

pub mod attacker;
pub mod protect;
mod sums;

pub use protect::{Protection, Unprotectable, protect};
pub use sums::{DisclosureError, TotalsDisagree, Withheld, withhold};

/// How one cell stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum State {
    Published,
    /// Below the threshold.
    Primary,
    /// So that a primary one can't be computed.
    Complementary,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SystemCell {
    pub value: u64,
    pub state: State,
    /// How much is lost by withholding it, lower first. None: it is not ours to withhold.
    pub cost: Option<(u8, u64)>,
}

/// Cells and the sums a reader knows: in each equation Σ sign · value = 0.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct System {
    pub cells: Vec<SystemCell>,
    pub equations: Vec<Vec<(usize, i8)>>,
}

impl System {
    pub fn withheld(&self, at: usize) -> bool {
        self.cells.get(at).is_some_and(|cell| cell.state != State::Published)
    }

    fn value(&self, at: usize) -> i128 {
        self.cells.get(at).map_or(0, |cell| i128::from(cell.value))
    }
}
