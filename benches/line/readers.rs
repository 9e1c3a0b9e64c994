//! The bare parse: what each library does alone, with nothing decoded, mapped or judged.
//!
//! Owns the upper bounds our figures stand beside. Each is fed as its documentation advises for speed.

use super::Done;
use anyhow::bail;
use std::fs::File;
use std::hint::black_box;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::time::Instant;

const BUFFER: usize = 1 << 20;

/// `csv`, `simd-csv`, `xml` (quick-xml events), `json` (serde_json to `Value`, a record a line).
pub fn read(reader: &str, file: &Path) -> anyhow::Result<Done> {
    let bytes = file.metadata()?.len();
    let begun = Instant::now();
    let rows = match reader {
        "csv" => csv_rows(file)?,
        "simd-csv" => simd_csv_rows(file)?,
        "xml" => xml_events(file)?,
        "json" => json_values(file)?,
        _ => bail!("no reader {reader}"),
    };
    Ok(Done { rows, refused: 0, bytes, time: begun.elapsed() })
}

fn csv_rows(file: &Path) -> anyhow::Result<u64> {
    let mut reader = csv::ReaderBuilder::new().buffer_capacity(BUFFER).from_reader(File::open(file)?);
    let (mut record, mut rows) = (csv::ByteRecord::new(), 0);
    while reader.read_byte_record(&mut record)? {
        black_box(&record);
        rows += 1;
    }
    Ok(rows)
}

fn simd_csv_rows(file: &Path) -> anyhow::Result<u64> {
    let mut reader = simd_csv::ZeroCopyReaderBuilder::with_capacity(BUFFER).from_reader(File::open(file)?);
    let mut rows = 0;
    while let Some(record) = reader.read_byte_record()? {
        black_box(&record);
        rows += 1;
    }
    Ok(rows)
}

/// Every event of the file; rows are the elements two deep, as the records of the agencies' files are.
fn xml_events(file: &Path) -> anyhow::Result<u64> {
    use quick_xml::events::Event;
    let mut reader = quick_xml::Reader::from_reader(BufReader::with_capacity(BUFFER, File::open(file)?));
    let (mut buffer, mut depth, mut rows) = (Vec::new(), 0_u32, 0);
    loop {
        buffer.clear();
        match black_box(reader.read_event_into(&mut buffer)?) {
            Event::Start(_) => {
                depth += 1;
                rows += u64::from(depth == 2);
            }
            Event::End(_) => depth -= 1,
            Event::Eof => return Ok(rows),
            _ => {}
        }
    }
}

fn json_values(file: &Path) -> anyhow::Result<u64> {
    let mut reader = BufReader::with_capacity(BUFFER, File::open(file)?);
    let (mut line, mut rows) = (Vec::new(), 0);
    loop {
        line.clear();
        if reader.read_until(b'\n', &mut line)? == 0 {
            return Ok(rows);
        }
        black_box(serde_json::from_slice::<serde_json::Value>(&line)?);
        rows += 1;
    }
}
