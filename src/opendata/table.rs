//! A typed table in the columns of its dataset document: the only thing that can be published.
//!
//! Owns the projection. Refuses a record with a column the document does not list, so that a new field is
//! private until somebody lists it, and refuses to guess a type: a code is text even if it is all digits.

use super::document::{ColumnType, Dataset, Role};
use jiff::civil::Date;
use std::collections::BTreeMap;
use std::sync::Arc;

/// Rows of one table.
pub const ROWS_MAX: usize = 1_000_000;
/// Longest text of a cell, in bytes.
pub const CELL_BYTES_MAX: usize = 1_000;

#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cell {
    Text(Arc<str>),
    Date(Date),
    Count(u64),
}

impl Cell {
    pub fn text(text: &str) -> Cell {
        Cell::Text(text.into())
    }

    fn fits(&self, column_type: ColumnType) -> bool {
        match (self, column_type) {
            (Cell::Text(text), ColumnType::Code) => !text.is_empty() && text.len() <= CELL_BYTES_MAX,
            (Cell::Text(text), ColumnType::Text) => text.len() <= CELL_BYTES_MAX,
            (Cell::Date(_), ColumnType::Date) | (Cell::Count(_), ColumnType::Integer) => true,
            _ => false,
        }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum TableError {
    #[error("column {0} is not listed in the dataset")]
    NotListed(String),
    #[error("column {0} is given twice")]
    Twice(String),
    #[error("column {0} is missing")]
    Missing(String),
    #[error("column {0} does not hold a value of its type")]
    Type(String),
    #[error("two rows have the same dimensions")]
    RowTwice,
    #[error("more than {ROWS_MAX} rows")]
    TooLong,
}

/// Rows sorted by their dimensions, each there once.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Table {
    rows: Vec<Vec<Cell>>,
}

impl Table {
    /// Each record names its columns, in any order.
    pub fn new<'n>(
        dataset: &Dataset,
        records: impl IntoIterator<Item = Vec<(&'n str, Cell)>>,
    ) -> Result<Table, TableError> {
        let mut rows: BTreeMap<Vec<Cell>, Vec<Cell>> = BTreeMap::new();
        for record in records {
            if rows.len() >= ROWS_MAX {
                return Err(TableError::TooLong);
            }
            let row = project(dataset, record)?;
            if rows.insert(dimensions(dataset, &row), row).is_some() {
                return Err(TableError::RowTwice);
            }
        }
        Ok(Table { rows: rows.into_values().collect() })
    }

    /// Cells in the order of the document's columns.
    pub fn rows(&self) -> &[Vec<Cell>] {
        &self.rows
    }
}

fn project(dataset: &Dataset, record: Vec<(&str, Cell)>) -> Result<Vec<Cell>, TableError> {
    let mut cells: Vec<Option<Cell>> = vec![None; dataset.columns.len()];
    for (name, cell) in record {
        let at = dataset.column(name).ok_or_else(|| TableError::NotListed(name.to_owned()))?;
        match cells.get_mut(at) {
            Some(slot @ None) => *slot = Some(cell),
            _ => return Err(TableError::Twice(name.to_owned())),
        }
    }
    dataset
        .columns
        .iter()
        .zip(cells)
        .map(|(column, cell)| {
            let cell = cell.ok_or_else(|| TableError::Missing(column.name.clone()))?;
            if cell.fits(column.column_type) { Ok(cell) } else { Err(TableError::Type(column.name.clone())) }
        })
        .collect()
}

/// The cells of the dimensions, in the order of the document.
pub fn dimensions(dataset: &Dataset, row: &[Cell]) -> Vec<Cell> {
    let columns = dataset.columns.iter().zip(row);
    columns.filter(|(column, _)| column.role == Role::Dimension).map(|(_, cell)| cell.clone()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::opendata::samples::{area_row, learners_by_area};

    #[test]
    fn only_listed_columns_of_their_type_enter() {
        let dataset = learners_by_area();
        let with = |change: fn(&mut Vec<(&'static str, Cell)>)| {
            let mut record = area_row("10", "10", "primary", "F", 9);
            change(&mut record);
            Table::new(&dataset, [record])
        };
        assert_eq!(with(|_| ()).unwrap().rows().len(), 1);
        let extra = with(|record| record.push(("learner_id", Cell::text("x"))));
        assert_eq!(extra, Err(TableError::NotListed("learner_id".into())));
        assert_eq!(with(|record| record.truncate(5)), Err(TableError::Missing("learners".into())));
        assert_eq!(with(|record| record[1].1 = Cell::Count(10)), Err(TableError::Type("province".into())));
        assert_eq!(with(|record| record[1] = record[2].clone()), Err(TableError::Twice("agency".into())));
        let rows = [area_row("10", "10", "primary", "F", 9), area_row("10", "10", "primary", "F", 8)];
        assert_eq!(Table::new(&dataset, rows), Err(TableError::RowTwice));
    }
}
