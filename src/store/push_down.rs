//! What the count asks of rows that lie on several machines: each answers for the learners it has, and only what was found
//! travels.
//!
//! PostgreSQL with Citus only; elsewhere the second sweep over the rolls (`census.rs`) answers the same, and the tests hold
//! the two against each other.
//!
//! Owns that the answer is of one state although every machine has a snapshot of its own: which holdings are in force and
//! which submissions are committed is read on the one machine whose snapshot the count has, and sent along (`standing`,
//! `ended`). Rows of a holding in force were written before it came into force and never change; rows that a delta hides are
//! hidden if that delta is among the committed. Refuses to answer while a machine still lacks what was committed: the rows
//! must be as many as the rolls say.

use super::StoreError;
use super::census::Found;
use super::count::CountView;
use super::engine::{query, query_scalar};
use super::row::{CITIZEN, G_CODE, Interner, count_from, id_kind_number, place_from};
use crate::domain::enrolment::Place;
use std::sync::Arc;

macro_rules! of_the_state {
    () => {
        "WITH standing AS MATERIALIZED (SELECT id, agency, school_id FROM holding WHERE round = $1 AND in_force = 1), \
         ended AS MATERIALIZED (SELECT seq FROM submission WHERE round = $1 AND state = 'committed') "
    };
}
/// Enrolments in force, `e`, with their holding `h`.
macro_rules! in_force {
    () => {
        " FROM enrolment e JOIN standing h ON h.id = e.holding LEFT JOIN \
         (SELECT y.record, y.learner FROM superseded y WHERE y.by_submission IN (SELECT seq FROM ended)) x \
         ON x.record = e.record AND x.learner = e.learner WHERE x.record IS NULL "
    };
}
macro_rules! places {
    () => {
        "SELECT e.record, e.learner, e.id_kind, e.name, e.birth, e.person, h.agency, h.school_id, e.grade, e.sex, \
         e.status, e.dual, e.age, e.entry_date, e.exit_date"
    };
}

pub(super) const ROWS: &str = concat!(of_the_state!(), "SELECT count(*)", in_force!());
/// The duplicates: grouped by what the rows are spread by, so no row leaves its machine to be compared.
pub(super) const REPEATED_LEARNERS: &str = concat!(
    of_the_state!(),
    places!(),
    in_force!(),
    "AND e.learner IN (SELECT e.learner",
    in_force!(),
    "GROUP BY e.learner HAVING count(*) > 1)"
);
/// Kind 2 is a G-code, 1 a citizen number (`row.rs`). G-codes are few.
pub(super) const SHARED_PERSONS: &str = concat!(
    of_the_state!(),
    ", g AS MATERIALIZED (SELECT DISTINCT e.person",
    in_force!(),
    "AND e.id_kind = 2) ",
    places!(),
    in_force!(),
    "AND e.id_kind IN (1, 2) AND e.person IN (SELECT g.person FROM g)"
);
/// The pairs of grade and age of the JSON array `$2`.
pub(super) const AGED: &str = concat!(
    of_the_state!(),
    places!(),
    in_force!(),
    "AND (e.grade, e.age) IN (SELECT pair ->> 0, CAST(pair ->> 1 AS integer) FROM json_array_elements(CAST($2 AS json)) pair)"
);

#[cfg(test)]
pub(super) const STATEMENTS: [&str; 4] = [ROWS, REPEATED_LEARNERS, SHARED_PERSONS, AGED];

impl CountView {
    /// As [`CountView::findings`], of rows that are spread. `total`: of the rolls.
    pub(super) async fn findings_where_they_lie<E: From<StoreError>>(
        &mut self,
        total: u64,
        odd: &[(Arc<str>, u8)],
        mut each: impl FnMut(Found<'_>) -> Result<(), E>,
    ) -> Result<(), E> {
        self.is_settled(total).await?;
        let mut learners = self.ask(REPEATED_LEARNERS, None).await?;
        learners.sort_unstable_by_key(|place| (place.learner, place.submission_key, place.row));
        learners.chunk_by(|a, b| a.learner == b.learner).try_for_each(|places| each(Found::Learner(places)))?;
        drop(learners);
        let mut persons = self.ask(SHARED_PERSONS, None).await?;
        persons.sort_unstable_by_key(|place| (place.person, place.submission_key, place.row));
        let is_known_twice = |of: &&[Place]| {
            [CITIZEN, G_CODE].iter().all(|kind| of.iter().any(|place| id_kind_number(place.id_kind) == *kind))
        };
        let known_twice = persons.chunk_by(|a, b| a.person == b.person).filter(is_known_twice);
        known_twice.into_iter().try_for_each(|places| each(Found::Person(places)))?;
        let odd = serde_json::to_string(odd).map_err(|_| StoreError::Unreadable("question"))?;
        let mut aged = self.ask(AGED, Some(odd)).await?;
        aged.sort_unstable_by_key(|place| (place.submission_key, place.row));
        aged.iter().try_for_each(|place| each(Found::Aged(place)))
    }

    async fn is_settled(&mut self, total: u64) -> Result<(), StoreError> {
        let rows = query_scalar(ROWS).bind(self.round.as_str()).fetch_one(&mut self.tx).await?;
        let rows = count_from(rows, "enrolment")?;
        if rows == total { Ok(()) } else { Err(StoreError::Unsettled { rows, on_rolls: total }) }
    }

    async fn ask(&mut self, sql: &'static str, json: Option<String>) -> Result<Vec<Place>, StoreError> {
        let mut asked = query(sql).bind(self.round.as_str());
        if let Some(json) = json {
            asked = asked.bind(json);
        }
        let mut texts = Interner::default();
        asked.fetch_all(&mut self.tx).await?.iter().map(|row| place_from(row, &mut texts)).collect()
    }
}
