//! Documents and rows that the tests of open data share. Test code only.

use super::document::Dataset;
use super::table::{Cell, Table};
use jiff::civil::date;

pub const COUNT_SUMMARY: &str = include_str!("../../schemas/opendata/count-summary.yaml");
pub const LEARNERS_BY_AREA: &str = include_str!("../../schemas/opendata/learners-by-area.yaml");

pub fn learners_by_area() -> Dataset {
    Dataset::parse(LEARNERS_BY_AREA).unwrap()
}

pub fn count_summary() -> Dataset {
    Dataset::parse(COUNT_SUMMARY).unwrap()
}

pub fn area_row<'n>(province: &str, agency: &str, level: &str, sex: &str, learners: u64) -> Vec<(&'n str, Cell)> {
    vec![
        ("count_day", Cell::Date(date(2026, 6, 10))),
        ("province", Cell::text(province)),
        ("agency", Cell::text(agency)),
        ("level", Cell::text(level)),
        ("sex", Cell::text(sex)),
        ("learners", Cell::Count(learners)),
    ]
}

pub type AreaRow = (&'static str, &'static str, &'static str, &'static str, u64);

pub fn area_table(rows: &[AreaRow]) -> Table {
    let records = rows.iter().map(|(province, agency, level, sex, n)| area_row(province, agency, level, sex, *n));
    Table::new(&learners_by_area(), records).unwrap()
}

/// Per agency: invalid, superseded, not studying, closed, duplicate, disputed, payable.
pub fn summary_table(agencies: &[(&str, [u64; 7])]) -> Table {
    let records = agencies.iter().map(|(agency, counts)| {
        let [invalid, superseded, not_studying, closed, duplicate, disputed, payable] = *counts;
        let accepted = not_studying + closed + duplicate + disputed + payable;
        vec![
            ("count_day", Cell::Date(date(2026, 6, 10))),
            ("agency", Cell::text(agency)),
            ("received", Cell::Count(invalid + superseded + accepted)),
            ("invalid", Cell::Count(invalid)),
            ("superseded", Cell::Count(superseded)),
            ("accepted", Cell::Count(accepted)),
            ("not_studying", Cell::Count(not_studying)),
            ("closed", Cell::Count(closed)),
            ("duplicate", Cell::Count(duplicate)),
            ("disputed", Cell::Count(disputed)),
            ("payable", Cell::Count(payable)),
        ]
    });
    Table::new(&count_summary(), records).unwrap()
}
