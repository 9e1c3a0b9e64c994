//! The gate as a whole: what is published, what is withheld, what an attacker finds. Test code only.

use super::super::disclosure::attacker::determined;
use super::super::disclosure::{State, System, SystemCell};
use super::super::samples::{AreaRow, area_table, count_summary, learners_by_area, summary_table};
use super::super::table::Cell;
use super::*;
use proptest::prelude::*;
use std::collections::BTreeMap;

fn no_hash(_: &[u8]) -> [u8; 32] {
    [0; 32]
}

fn publish(areas: &[AreaRow], agencies: &[(&str, [u64; 7])], complementary: bool) -> Result<Release, GateFault> {
    let (mut learners, mut summary) = (learners_by_area(), count_summary());
    learners.disclosure.complementary = complementary;
    summary.disclosure.complementary = complementary;
    let (areas, agencies) = (area_table(areas), summary_table(agencies));
    let drafts = [Draft { dataset: &learners, table: &areas }, Draft { dataset: &summary, table: &agencies }];
    prepare(&drafts, &no_hash)
}

/// Published cells of a file by dimensions and measure; none: withheld. Read by the csv crate from the bytes.
type Published = BTreeMap<(Vec<String>, String), Option<u64>>;

fn published(release: &Release, dataset: usize) -> Published {
    let file = &release.datasets[dataset].files[0];
    assert_eq!(file.format, Format::Csv);
    let mut reader = csv::Reader::from_reader(&file.bytes[3..]);
    let header: Vec<String> = reader.headers().unwrap().iter().map(str::to_owned).collect();
    let dims = header.iter().position(|name| name == "learners" || name == "received").unwrap();
    let mut cells = Published::new();
    for record in reader.records() {
        let record: Vec<String> = record.unwrap().iter().map(str::to_owned).collect();
        for at in dims..header.len() - 1 {
            let value = (!record[at].is_empty()).then(|| record[at].parse().unwrap());
            cells.insert((record[..dims].to_vec(), header[at].clone()), value);
        }
    }
    cells
}

/// A reader who knows the published files, the totals by province and of the whole country, and the truth only
/// to check the finds: returns the number of withheld cells above 0 that can be computed.
fn attack(release: &Release, areas: &[AreaRow], agencies: &[(&str, [u64; 7])]) -> usize {
    let (learners, summary) = (published(release, 0), published(release, 1));
    let mut system = System::default();
    let mut put = |shown: Option<u64>, truth: u64| {
        assert!(shown.is_none_or(|shown| shown == truth && !(1..5).contains(&shown)));
        let state = if shown.is_some() { State::Published } else { State::Primary };
        system.cells.push(SystemCell { value: truth, state, cost: None });
        system.cells.len() - 1
    };
    let mut equations: Vec<Vec<(usize, i8)>> = Vec::new();
    let mut of_agency: BTreeMap<String, Vec<usize>> = BTreeMap::new();
    let mut of_province: BTreeMap<String, Vec<(usize, u64)>> = BTreeMap::new();
    for ((dims, _), shown) in &learners {
        let same = |row: &&AreaRow| [row.0, row.1, row.2, row.3] == [&dims[1], &dims[2], &dims[3], &dims[4]];
        let truth = areas.iter().find(same).map_or(0, |row| row.4);
        let at = put(*shown, truth);
        of_agency.entry(dims[2].clone()).or_default().push(at);
        of_province.entry(dims[1].clone()).or_default().push((at, truth));
        of_province.entry("all".into()).or_default().push((at, truth));
    }
    for (agency, [invalid, superseded, gone, closed, duplicate, disputed, payable]) in agencies {
        let accepted = gone + closed + duplicate + disputed + payable;
        let mut cell = |measure: &str, truth: u64| {
            put(summary[&(vec!["2026-06-10".to_owned(), agency.to_string()], measure.to_owned())], truth)
        };
        let paid = cell("payable", *payable);
        let all = cell("accepted", accepted);
        equations.push(vec![
            (all, 1),
            (paid, -1),
            (cell("not_studying", *gone), -1),
            (cell("closed", *closed), -1),
            (cell("duplicate", *duplicate), -1),
            (cell("disputed", *disputed), -1),
        ]);
        equations.push(vec![
            (cell("received", invalid + superseded + accepted), 1),
            (all, -1),
            (cell("invalid", *invalid), -1),
            (cell("superseded", *superseded), -1),
        ]);
        let parts = of_agency.remove(*agency).unwrap_or_default();
        equations.push(std::iter::once((paid, 1)).chain(parts.into_iter().map(|at| (at, -1))).collect());
    }
    for parts in of_province.into_values() {
        let total: u64 = parts.iter().map(|(_, truth)| truth).sum();
        if !(1..5).contains(&total) {
            let at = put(Some(total), total);
            equations.push(std::iter::once((at, 1)).chain(parts.into_iter().map(|(at, _)| (at, -1))).collect());
        }
    }
    system.equations = equations;
    determined(&system).into_iter().filter(|at| system.cells[*at].value > 0).count()
}

const AREAS: [AreaRow; 8] = [
    ("10", "10", "primary", "F", 120),
    ("10", "10", "primary", "M", 3),
    ("20", "10", "primary", "F", 80),
    ("20", "10", "primary", "M", 75),
    ("10", "13", "vocational", "F", 40),
    ("10", "13", "vocational", "M", 50),
    ("20", "13", "vocational", "F", 9),
    ("20", "13", "vocational", "M", 11),
];
const AGENCIES: [(&str, [u64; 7]); 2] = [("10", [20, 0, 0, 0, 12, 3, 278]), ("13", [0, 0, 0, 0, 0, 0, 110])];

#[test]
fn one_small_cell_takes_others_with_it_so_that_no_total_gives_it_away() {
    let release = publish(&AREAS, &AGENCIES, true).unwrap();
    assert_eq!(attack(&release, &AREAS, &AGENCIES), 0);
    let learners = published(&release, 0);
    assert!(learners.values().filter(|shown| shown.is_none()).count() >= 2);
    let open = publish(&AREAS, &AGENCIES, false).unwrap();
    assert!(attack(&open, &AREAS, &AGENCIES) >= 2);
    // The main number stays.
    assert_eq!(published(&release, 1)[&(vec!["2026-06-10".into(), "10".into()], "payable".into())], Some(278));
}

#[test]
fn both_formats_say_the_same_and_codes_are_text() {
    let release = publish(&AREAS, &AGENCIES, true).unwrap();
    let [csv, json] = &release.datasets[0].files[..] else { panic!("two files") };
    assert_eq!((csv.name.as_str(), json.name.as_str()), ("learners-by-area.csv", "learners-by-area.json"));
    let text = String::from_utf8(csv.bytes.clone()).unwrap();
    assert!(text.starts_with("\u{feff}count_day,province,agency,level,sex,learners,suppressed\r\n"));
    assert!(text.contains("2026-06-10,10,10,primary,M,,true\r\n"));
    let file: serde_json::Value = serde_json::from_slice(&json.bytes).unwrap();
    assert_eq!(file["row_count"], release.datasets[0].rows);
    let small =
        file["data"].as_array().unwrap().iter().find(|row| row["sex"] == "M" && row["province"] == "10").unwrap();
    assert_eq!(
        (&small["agency"], &small["learners"], &small["suppressed"]),
        (&"10".into(), &serde_json::Value::Null, &true.into())
    );
}

#[test]
fn zero_is_published() {
    let release = publish(&AREAS, &AGENCIES, true).unwrap();
    assert_eq!(published(&release, 1)[&(vec!["2026-06-10".into(), "13".into()], "duplicate".into())], Some(0));
}

#[test]
fn tables_that_disagree_or_come_alone_are_refused() {
    let mut agencies = AGENCIES;
    agencies[0].1[6] += 1;
    assert!(matches!(publish(&AREAS, &agencies, true), Err(GateFault::Disclosure(DisclosureError::TotalsDisagree(_)))));
    let (dataset, table) = (learners_by_area(), area_table(&AREAS));
    let draft = Draft { dataset: &dataset, table: &table };
    assert!(matches!(prepare(&[draft], &no_hash), Err(GateFault::Needs { .. })));
    assert!(matches!(prepare(&[draft, draft], &no_hash), Err(GateFault::Needs { .. } | GateFault::Twice(_))));
}

#[test]
fn a_damaged_file_is_noticed() {
    let (dataset, table) = (learners_by_area(), area_table(&AREAS));
    let withheld = vec![vec![false; 6]; AREAS.len()];
    let stream = RowStream::new(&dataset, table.rows(), &withheld);
    for (write, read) in [
        (csv_file::write as fn(&RowStream) -> _, csv_file::read_back as fn(&RowStream, &[u8]) -> _),
        (json_file::write, json_file::read_back),
    ] {
        let bytes: Vec<u8> = write(&stream).unwrap();
        assert!(read(&stream, &bytes).is_ok());
        let text = String::from_utf8(bytes).unwrap();
        assert!(read(&stream, text.replace("120", "121").as_bytes()).is_err());
        assert!(read(&stream, &text.as_bytes()[..text.len() / 2]).is_err());
        assert!(read(&stream, text.replace("vocational", "vocation").as_bytes()).is_err());
    }
}

#[test]
fn formulas_are_made_harmless_in_csv_and_kept_in_json() {
    let (dataset, table) = (learners_by_area(), area_table(&[("=1+1", "@x", "-2", "\tF", 9)]));
    let withheld = vec![vec![false; 6]];
    let stream = RowStream::new(&dataset, table.rows(), &withheld);
    let text = String::from_utf8(csv_file::write(&stream).unwrap()).unwrap();
    assert!(text.contains(",'=1+1,'@x,'-2,'\tF,9,false"));
    assert!(csv_file::read_back(&stream, text.as_bytes()).is_ok());
    let file: serde_json::Value = serde_json::from_slice(&json_file::write(&stream).unwrap()).unwrap();
    assert_eq!(file["data"][0]["province"], "=1+1");
    assert_eq!(table.rows()[0][1], Cell::text("=1+1"));
}

#[test]
fn a_country_of_small_cells_is_protected() {
    let provinces: Vec<String> = (10..87).map(|province| province.to_string()).collect();
    let mut areas: Vec<AreaRow> = Vec::new();
    let mut state = 7_u64;
    for province in &provinces {
        for (agency, levels) in [
            ("10", &["pre", "primary", "lower", "upper"][..]),
            ("11", &["pre", "primary"]),
            ("12", &["nfe"]),
            ("13", &["voc", "dip"]),
        ] {
            for (level, sex) in levels.iter().flat_map(|level| ["F", "M"].map(|sex| (*level, sex))) {
                state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                let learners = (state >> 33) % 14;
                if learners > 0 {
                    areas.push((province.clone().leak(), agency, level, sex, learners));
                }
            }
        }
    }
    let paid = |agency| areas.iter().filter(|row| row.1 == agency).map(|row| row.4).sum();
    let agencies = ["10", "11", "12", "13"].map(|agency| (agency, [30, 0, 0, 0, 21, 4, paid(agency)]));
    let release = publish(&areas, &agencies, true).unwrap();
    assert_eq!(attack(&release, &areas, &agencies), 0);
}

fn round() -> impl Strategy<Value = (Vec<AreaRow>, Vec<(&'static str, [u64; 7])>)> {
    let count = prop_oneof![3 => 1_u64..5, 2 => 5_u64..60, 1 => Just(0)];
    let cell = (
        prop::sample::select(vec!["10", "20", "30"]),
        prop::sample::select(vec!["10", "11", "13"]),
        prop::sample::select(vec!["primary", "lower", "upper"]),
        prop::sample::select(vec!["F", "M"]),
    );
    let areas = prop::collection::btree_map(cell, 1_u64..40, 1..30);
    (areas, prop::collection::vec(prop::array::uniform6(count), 3)).prop_map(|(areas, others)| {
        let areas: Vec<AreaRow> =
            areas.into_iter().map(|((a, b, c, d), n)| (a, b, c, d, if n < 25 { n / 4 + 1 } else { n })).collect();
        let agencies = ["10", "11", "13"].into_iter().zip(others).map(|(agency, other)| {
            let payable = areas.iter().filter(|row| row.1 == agency).map(|row| row.4).sum();
            let [a, b, c, d, e, f] = other;
            (agency, [a, b, c, d, e, f, payable])
        });
        let agencies = agencies.collect();
        (areas, agencies)
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn nobody_is_given_away_by_any_release((areas, agencies) in round()) {
        match publish(&areas, &agencies, true) {
            Ok(release) => prop_assert_eq!(attack(&release, &areas, &agencies), 0),
            // Refusing is right only where there is hardly anything to hide behind.
            Err(GateFault::Disclosure(DisclosureError::Unprotectable(_))) => prop_assert!(areas.len() < 6),
            Err(other) => return Err(TestCaseError::fail(format!("{other:?}"))),
        }
    }
}
