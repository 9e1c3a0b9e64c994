//! The truth beside the files, in the form of the fixtures' `truth.json`; places also say their row.

use serde::Serialize;

#[derive(Serialize)]
pub struct Truth {
    pub round: String,
    pub seed: u64,
    pub files: Vec<FileTruth>,
    pub cross: CrossTruth,
}

#[derive(Serialize)]
pub struct FileTruth {
    pub name: String,
    pub agency: &'static str,
    pub rows: u64,
    pub refused: Vec<Spoiled>,
    pub untidy: u64,
}

#[derive(Serialize)]
pub struct Spoiled {
    pub row: u64,
    pub defect: &'static str,
}

#[derive(Serialize, Default)]
pub struct CrossTruth {
    pub duplicates: Vec<Vec<Place>>,
    pub permitted: Vec<Vec<Place>>,
    pub shared_numbers: Vec<Vec<Place>>,
    pub other_school: Vec<Vec<Place>>,
    pub same_school: Vec<Vec<Place>>,
}

#[derive(Serialize)]
pub struct Place {
    pub agency: &'static str,
    pub row: u64,
    pub school_id: String,
    pub grade: &'static str,
}
