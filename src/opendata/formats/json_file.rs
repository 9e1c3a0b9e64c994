//! JSON: one object with the dictionary and the rows.
//!
//! Owns the file and its reading back. A withheld cell is `null`, and its row says `"suppressed": true`.
//! Codes are strings even where they are all digits.

use super::{FormatError, RowStream, Shown, any_withheld};
use crate::opendata::document::Column;
use crate::opendata::table::Cell;
use serde::Serialize;
use serde::ser::{SerializeMap, SerializeSeq, Serializer};

pub fn write(stream: &RowStream) -> Result<Vec<u8>, FormatError> {
    let mut bytes = serde_json::to_vec(&File(stream)).map_err(FormatError::Json)?;
    bytes.push(b'\n');
    Ok(bytes)
}

/// Reads the bytes as a stranger would and compares every cell with what was to be shown.
pub fn read_back(stream: &RowStream, bytes: &[u8]) -> Result<(), FormatError> {
    let file: serde_json::Value = serde_json::from_slice(bytes).map_err(FormatError::Json)?;
    let rows = file.get("data").and_then(|data| data.as_array()).ok_or(FormatError::Header)?;
    let announced = file.get("row_count").and_then(serde_json::Value::as_u64);
    if rows.len() != stream.len() || announced != Some(stream.len() as u64) {
        return Err(FormatError::Rows { read: rows.len(), written: stream.len() });
    }
    for (number, (read, row)) in rows.iter().zip(stream.rows()).enumerate() {
        let wrong = |column: &str| FormatError::Value { row: number + 1, column: column.to_owned() };
        for (column, shown) in &row {
            let same = match (read.get(&column.name), shown) {
                (Some(value), Shown::Withheld) => value.is_null(),
                (Some(value), Shown::Cell(Cell::Text(text))) => value.as_str() == Some(text),
                (Some(value), Shown::Cell(Cell::Date(date))) => value.as_str() == Some(date.to_string().as_str()),
                (Some(value), Shown::Cell(Cell::Count(count))) => value.as_u64() == Some(*count),
                (None, _) => false,
            };
            if !same {
                return Err(wrong(&column.name));
            }
        }
        let flag = read.get("suppressed").and_then(serde_json::Value::as_bool);
        let fields = read.as_object().map_or(0, serde_json::Map::len);
        if flag != Some(any_withheld(&row)) || fields != row.len() + 1 {
            return Err(wrong("suppressed"));
        }
    }
    Ok(())
}

struct File<'s, 'r>(&'s RowStream<'r>);

impl Serialize for File<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let dataset = self.0.dataset;
        let mut map = serializer.serialize_map(Some(8))?;
        map.serialize_entry("dataset", &dataset.name)?;
        map.serialize_entry("version", &dataset.version)?;
        map.serialize_entry("title", &dataset.title)?;
        map.serialize_entry("description", &dataset.description)?;
        map.serialize_entry("licence", &dataset.licence)?;
        map.serialize_entry("columns", &dataset.columns)?;
        map.serialize_entry("row_count", &self.0.len())?;
        map.serialize_entry("data", &Rows(self.0))?;
        map.end()
    }
}

struct Rows<'s, 'r>(&'s RowStream<'r>);

impl Serialize for Rows<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut list = serializer.serialize_seq(Some(self.0.len()))?;
        for row in self.0.rows() {
            list.serialize_element(&Row(&row))?;
        }
        list.end()
    }
}

struct Row<'s, 'r>(&'s [(&'r Column, Shown<'r>)]);

impl Serialize for Row<'_, '_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len() + 1))?;
        for (column, shown) in self.0 {
            match shown {
                Shown::Withheld => map.serialize_entry(&column.name, &None::<u64>)?,
                Shown::Cell(Cell::Text(text)) => map.serialize_entry(&column.name, text)?,
                Shown::Cell(Cell::Date(date)) => map.serialize_entry(&column.name, &date.to_string())?,
                Shown::Cell(Cell::Count(count)) => map.serialize_entry(&column.name, count)?,
            }
        }
        map.serialize_entry("suppressed", &any_withheld(self.0))?;
        map.end()
    }
}
