//! The facts people are made of: names, places and grades, from the fixtures' tables.

use anyhow::Context;
use std::collections::HashMap;
use std::path::Path;

pub struct Subdistrict {
    pub code: String,
    pub name: String,
    pub district: String,
    pub province: String,
}

pub struct Facts {
    pub male: Vec<String>,
    pub female: Vec<String>,
    pub last: Vec<String>,
    pub subdistricts: Vec<Subdistrict>,
    /// Canonical grade to the short Thai one that agencies write.
    pub short: HashMap<String, String>,
}

type Row = HashMap<String, String>;

fn rows(name: &str) -> anyhow::Result<Vec<Row>> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/fixtures/agencies/data").join(name);
    let mut reader = csv::Reader::from_path(&path).with_context(|| path.display().to_string())?;
    Ok(reader.deserialize().collect::<Result<_, _>>()?)
}

fn take(row: &mut Row, column: &str) -> anyhow::Result<String> {
    row.remove(column).with_context(|| format!("no column {column}"))
}

fn column(name: &str, column: &str) -> anyhow::Result<Vec<String>> {
    rows(name)?.iter_mut().map(|row| take(row, column)).collect()
}

fn names(name: &str) -> anyhow::Result<HashMap<String, String>> {
    rows(name)?.iter_mut().map(|row| Ok((take(row, "code")?, take(row, "name_th")?))).collect()
}

impl Facts {
    pub fn read() -> anyhow::Result<Facts> {
        let (provinces, districts) = (names("provinces.csv")?, names("districts.csv")?);
        let mut subdistricts = Vec::new();
        for mut row in rows("subdistricts.csv")? {
            let (code, name) = (take(&mut row, "code")?, take(&mut row, "name_th")?);
            let district = districts.get(&code[..4]).context("a subdistrict without a district")?.clone();
            let province = provinces.get(&code[..2]).context("a subdistrict without a province")?.clone();
            subdistricts.push(Subdistrict { code, name, district, province });
        }
        let mut short = HashMap::new();
        for mut row in rows("grade_levels.csv")? {
            short.insert(take(&mut row, "canonical")?, take(&mut row, "short_th")?);
        }
        Ok(Facts {
            male: column("first_names_male.csv", "name_th")?,
            female: column("first_names_female.csv", "name_th")?,
            last: column("last_names_synthetic.csv", "name_th")?,
            subdistricts,
            short,
        })
    }
}
