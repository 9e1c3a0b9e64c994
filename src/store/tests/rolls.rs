//! Rolls held against the rows they stand for: what the sweeps say, asked of the tables in SQL.

use super::*;
use crate::domain::headcount::HeadcountCell;
use crate::store::dialect::both;
use crate::store::engine::{Row, Sql, query};
use crate::store::row::{Interner, place_from};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;

/// The pairs of a text and a number of the JSON array `$2`.
macro_rules! json_pairs {
    (sqlite) => {
        "(SELECT json_extract(value, '$[0]'), json_extract(value, '$[1]') FROM json_each($2))"
    };
    (postgres) => {
        "(SELECT pair ->> 0, CAST(pair ->> 1 AS integer) FROM json_array_elements(CAST($2 AS json)) pair)"
    };
}

/// Enrolments in force: `e` with its holding `h`, round `$1`.
///
/// SQLite: the rows of a submission lie together (`record` begins with its number), so they are read in one sweep, and each
/// looks its holding up; by way of the index over holdings every row would be a leap of its own. PostgreSQL joins the
/// two by hashing, and a range of records would only hide from its planner how many rows to expect.
macro_rules! in_force {
    (sqlite) => {
        " FROM (SELECT DISTINCT i.submission FROM holding i WHERE i.round = $1 AND i.in_force = 1) f \
         CROSS JOIN enrolment e ON e.record BETWEEN f.submission * 4294967296 AND f.submission * 4294967296 + 4294967295 \
         CROSS JOIN holding h ON h.id = e.holding WHERE h.in_force = 1 \
         AND (h.superseded_rows = 0 OR NOT EXISTS (SELECT 1 FROM superseded x \
         WHERE x.record = e.record AND x.learner = e.learner)) "
    };
    (postgres) => {
        " FROM holding h JOIN enrolment e ON e.holding = h.id WHERE h.round = $1 AND h.in_force = 1 \
         AND (h.superseded_rows = 0 OR NOT EXISTS (SELECT 1 FROM superseded x \
         WHERE x.record = e.record AND x.learner = e.learner)) "
    };
}

macro_rules! place_columns {
    () => {
        "SELECT e.record, e.learner, e.id_kind, e.name, e.birth, e.person, h.agency, h.school_id, e.grade, e.sex, \
         e.status, e.dual, e.age, e.entry_date, e.exit_date"
    };
}

// `coalesce` keeps SQLite's planner from probing every school for every repeated learner: one pass over all rows is far
// cheaper.
macro_rules! repeated_learners {
    ($engine:ident) => {
        concat!(
            place_columns!(),
            in_force!($engine),
            "AND coalesce(e.learner, NULL) IN (SELECT e.learner",
            in_force!($engine),
            "GROUP BY e.learner HAVING count(*) > 1) ORDER BY e.learner, e.record"
        )
    };
}
// Kind 2 is a G-code, 1 a citizen number (`row.rs`). G-codes are few, so the innermost set is small.
macro_rules! repeated_persons {
    ($engine:ident) => {
        concat!(
            place_columns!(),
            in_force!($engine),
            "AND e.id_kind IN (1, 2) AND e.person IN (SELECT e.person",
            in_force!($engine),
            "AND e.id_kind = 1 AND e.person IN (SELECT e.person",
            in_force!($engine),
            "AND e.id_kind = 2)) ORDER BY e.person, e.record"
        )
    };
}
macro_rules! headcounts {
    ($engine:ident) => {
        concat!(
            "SELECT h.agency, h.school_id, c.grade, c.sex, c.status, CAST(sum(c.n) AS BIGINT) AS n FROM \
             (SELECT e.holding, e.grade, e.sex, e.status, count(*) AS n",
            in_force!($engine),
            "GROUP BY e.holding, e.grade, e.sex, e.status) c JOIN holding h ON h.id = c.holding \
             GROUP BY h.agency, h.school_id, c.grade, c.sex, c.status \
             ORDER BY h.agency, h.school_id, c.grade, c.sex, c.status NULLS FIRST"
        )
    };
}
macro_rules! grade_ages {
    ($engine:ident) => {
        concat!(
            "SELECT e.grade, e.age, count(*) AS n",
            in_force!($engine),
            "GROUP BY e.grade, e.age ORDER BY e.grade, e.age"
        )
    };
}
// The wanted pairs come as one JSON array of [grade, age], so that their number doesn't change the statement.
macro_rules! by_grade_age {
    ($engine:ident) => {
        concat!(
            place_columns!(),
            in_force!($engine),
            "AND (e.grade, e.age) IN ",
            json_pairs!($engine),
            " ORDER BY e.record"
        )
    };
}
macro_rules! total {
    ($engine:ident) => {
        concat!("SELECT count(*)", in_force!($engine))
    };
}

const REPEATED_LEARNERS: Sql = both!(repeated_learners);
const REPEATED_PERSONS: Sql = both!(repeated_persons);
const HEADCOUNTS: Sql = both!(headcounts);
const GRADE_AGES: Sql = both!(grade_ages);
const BY_GRADE_AGE: Sql = both!(by_grade_age);
const TOTAL: Sql = both!(total);

pub(super) type Shown = (Vec<String>, Vec<String>, Vec<Place>, Vec<Place>, Vec<Place>);

async fn rows(bench: &Bench, sql: Sql, json: Option<&str>) -> Vec<Row> {
    let mut asked = query(sql).bind(round().to_string());
    if let Some(json) = json {
        asked = asked.bind(json);
    }
    asked.fetch_all(&bench.store.read).await.unwrap()
}

async fn places(bench: &Bench, sql: Sql, json: Option<&str>) -> Vec<Place> {
    let mut texts = Interner::default();
    rows(bench, sql, json).await.iter().map(|row| place_from(row, &mut texts).unwrap()).collect()
}

const ODD: [(&str, u8); 2] = [("P1", 9), ("P2", 7)];

async fn by_sql(bench: &Bench) -> Shown {
    let text = |row: &Row, name: &str| row.try_get::<Option<String>>(name).unwrap().unwrap_or_default();
    let number = |row: &Row, name: &str| row.try_get::<i64>(name).unwrap();
    let head = |row: &Row| {
        let texts = ["agency", "school_id", "grade", "sex", "status"].map(|name| text(row, name));
        format!("{} {}", texts.join(" "), number(row, "n"))
    };
    let heads = rows(bench, HEADCOUNTS, None).await.iter().map(head).collect();
    let age = |row: &Row| format!("{} {} {}", text(row, "grade"), number(row, "age"), number(row, "n"));
    let ages = rows(bench, GRADE_AGES, None).await.iter().map(age).collect();
    let odd = serde_json::to_string(&ODD).unwrap();
    let (learners, persons) =
        (places(bench, REPEATED_LEARNERS, None).await, places(bench, REPEATED_PERSONS, None).await);
    (heads, ages, learners, persons, places(bench, BY_GRADE_AGE, Some(&odd)).await)
}

async fn by_rolls(bench: &Bench, slice: u64) -> Shown {
    let mut view = bench.store.count_view(round()).await.unwrap();
    let census = view.census_in_slices_of(slice).await.unwrap();
    let head = |cell: HeadcountCell<'_>| {
        let HeadcountCell { agency, school_id, group, learners } = cell;
        let status = group.status.as_deref().unwrap_or("");
        format!("{agency} {school_id} {} {} {status} {learners}", group.grade, group.sex)
    };
    let heads = census.headcounts.cells().map(head).collect();
    let age = |of: &GradeAge| format!("{} {} {}", of.grade, of.age_years, of.learners);
    let ages = census.grade_ages.iter().map(age).collect();
    let odd = ODD.map(|(grade, age)| (grade.into(), age));
    let Asked { learners, persons, aged } = asked(&mut view, census, &odd).await;
    (heads, ages, learners, persons, aged)
}

/// As one machine sees it, or as several do.
#[cfg(feature = "citus-tests")]
pub(super) async fn found(bench: &Bench) -> Shown {
    by_rolls(bench, 1_000_000).await
}

prop_compose! {
    /// Of few learners, persons and schools, so that they meet.
    fn row()(learner in 0..12, person in 0..5, school in 0..3, sex in 0..2, grade in 1..3, age in 6..10_u8,
             kind in 0..3, status in 0..4, version in 0..2_u32) -> HeldEnrolment {
        let mut row = held(0, &format!("l{learner}"), &format!("109900000{school}"), version);
        row.person = hash(&format!("p{person}"));
        row.id_kind = [LearnerIdKind::Citizen, LearnerIdKind::GCode, LearnerIdKind::Passport][kind as usize];
        row.sex = ["F", "M"][sex as usize].into();
        row.grade = format!("P{grade}").into();
        row.age_years = age;
        row.status = (status == 0).then(|| "transferred".into());
        row
    }
}

on_both!(rolls_say_what_the_rows_say_after_any_submissions);
async fn rolls_say_what_the_rows_say_after_any_submissions(bench: Bench) {
    let mut runner = TestRunner::default();
    let files = prop::collection::vec((prop::collection::vec(row(), 1..25), any::<bool>(), any::<bool>()), 24);
    let files = files.new_tree(&mut runner).unwrap().current();
    let mut late: Vec<(i64, u64)> = Vec::new();
    for (number, (mut rows, is_delta, is_late)) in files.into_iter().enumerate() {
        (1..).zip(&mut rows).for_each(|(number, row)| row.row = number);
        let seq = bench.begin(&format!("s{number}"), if is_delta { Delta } else { Replace }).await;
        let count = rows.len() as u64;
        bench.stage(seq, rows).await;
        late.push((seq, count));
        // Some end after others that were received later.
        let ended = if is_late { vec![] } else { std::mem::take(&mut late) };
        for (seq, count) in ended.into_iter().rev() {
            bench.store.commit_submission(seq, &entry("x"), |change| receipt(count, change)).await.unwrap();
        }
        let asked = by_sql(&bench).await;
        for slice in [1_000_000, 7] {
            assert_eq!(by_rolls(&bench, slice).await, asked, "after file {number}, slices of {slice}");
        }
        let total: i64 = query_scalar(TOTAL).bind(round().to_string()).fetch_one(&bench.store.read).await.unwrap();
        let mut view = bench.store.count_view(round()).await.unwrap();
        assert_eq!(view.total().await.unwrap(), total as u64);
    }
}

on_both!(a_store_without_rolls_gets_them_when_it_is_opened);
async fn a_store_without_rolls_gets_them_when_it_is_opened(bench: Bench) {
    bench.submit("s1", Replace, (1..=40).map(|row| held(row, &format!("l{row}"), SCHOOL_A, 1)).collect()).await;
    bench.submit("s2", Delta, vec![held(1, "l7", SCHOOL_A, 2), held(2, "l7", SCHOOL_B, 1)]).await;
    let before = by_rolls(&bench, 1_000).await;
    for sql in ["DELETE FROM roll", "DELETE FROM meta WHERE name = 'rolls'"] {
        query(sql).execute(&bench.store.write).await.unwrap();
    }
    let bench = bench.reopen().await;
    assert_eq!(by_rolls(&bench, 1_000).await, before);
    assert_eq!(bench.visible().await.len(), 41);
    let parts = "SELECT count(*) FROM roll";
    let written: i64 = query_scalar(parts).fetch_one(&bench.store.read).await.unwrap();
    let bench = bench.reopen().await;
    assert_eq!(query_scalar(parts).fetch_one::<i64>(&bench.store.read).await.unwrap(), written, "once only");
}
