//! The files of a release: one row stream, several formats, each read back before it counts.
//!
//! Owns the two formats and their independent readers. Refuses nothing by itself: what is withheld was decided before,
//! and a writer is given no value of a withheld cell.

pub mod csv_file;
pub mod json_file;

use super::document::{Column, Dataset};
use super::table::Cell;

/// A cell as it is published. There is no way from here to the number of a withheld one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shown<'r> {
    Cell(&'r Cell),
    Withheld,
}

/// What every format writes.
pub struct RowStream<'r> {
    pub dataset: &'r Dataset,
    rows: &'r [Vec<Cell>],
    withheld: &'r [Vec<bool>],
}

impl<'r> RowStream<'r> {
    pub fn new(dataset: &'r Dataset, rows: &'r [Vec<Cell>], withheld: &'r [Vec<bool>]) -> Self {
        RowStream { dataset, rows, withheld }
    }

    pub fn len(&self) -> usize {
        self.rows.len()
    }

    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Each row as its columns with what is shown of them.
    pub fn rows(&self) -> impl Iterator<Item = Vec<(&'r Column, Shown<'r>)>> + '_ {
        let columns = &self.dataset.columns;
        self.rows.iter().zip(self.withheld).map(move |(row, withheld)| {
            let shown =
                row.iter().zip(withheld).map(|(cell, off)| if *off { Shown::Withheld } else { Shown::Cell(cell) });
            columns.iter().zip(shown).collect()
        })
    }
}

/// Some measure of the row is withheld.
pub fn any_withheld(row: &[(&Column, Shown)]) -> bool {
    row.iter().any(|(_, shown)| *shown == Shown::Withheld)
}

#[derive(Debug, thiserror::Error)]
pub enum FormatError {
    #[error("could not be written")]
    Write(#[source] std::io::Error),
    #[error("could not be read back as CSV")]
    Csv(#[source] csv::Error),
    #[error("could not be read back as JSON")]
    Json(#[source] serde_json::Error),
    #[error("read back with another header")]
    Header,
    #[error("read back {read} rows of {written}")]
    Rows { read: usize, written: usize },
    #[error("row {row}, column {column}: read back with another value")]
    Value { row: usize, column: String },
}
