//! Open data: what may be published, in which form, and the gate it passes.
//!
//! Owns the dataset documents (`schemas/opendata/`), the typed table, disclosure control, the file formats and
//! the publish gate. Refuses by default: a column that no document lists can't be published, a cell that could
//! point at a few people is withheld together with whatever it could be computed from, and a release of which
//! one file can't be read back does not exist. Pure: the caller writes the files and switches them over at once.

pub mod catalogue;
pub mod disclosure;
pub mod document;
pub mod formats;
pub mod gate;
pub mod projections;
pub mod table;

pub use document::{Dataset, DocumentFaults};
pub use gate::{Draft, GateFault, Release, prepare};
pub use table::{Cell, Table, TableError};

#[cfg(test)]
mod samples;
