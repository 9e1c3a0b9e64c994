//! What the count asks of a round, set by set, on one snapshot.
//!
//! Owns the questions, not the rules: it finds the few places a rule has to look at, among millions, and totals the
//! rest. Every question of one [`CountView`] sees the same state, whatever is committed meanwhile.

use super::dialect::{both, in_force, json_pairs, json_texts};
use super::engine::{Sql, Tx, query, query_scalar};
use super::row::{Interner, agency_from, count_from, place_from, round_from};
use super::{Store, StoreError};
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::{HeadcountKey, Place};
use crate::domain::round::Round;
use futures_util::TryStreamExt;
use std::sync::Arc;

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
macro_rules! in_schools {
    ($engine:ident) => {
        concat!(place_columns!(), in_force!($engine), "AND h.school_id IN ", json_texts!($engine), " ORDER BY e.record")
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
const IN_SCHOOLS: Sql = both!(in_schools);
const TOTAL: Sql = both!(total);
const SUBMISSIONS: &str = "SELECT s.seq, s.id, s.mapping, s.mapping_version, s.mapping_sha256, s.lists_version, s.agency, \
    s.sha256, s.received_rows, s.accepted_rows, s.refused_rows FROM submission s WHERE s.seq IN \
    (SELECT h.submission FROM holding h WHERE h.round = $1 AND h.in_force = 1) ORDER BY s.seq";

const ROUNDS: &str = "SELECT DISTINCT round FROM holding WHERE in_force = 1 ORDER BY round";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[SUBMISSIONS, ROUNDS];
#[cfg(test)]
pub(super) const IN_DIALECT: &[Sql] =
    &[REPEATED_LEARNERS, REPEATED_PERSONS, HEADCOUNTS, GRADE_AGES, BY_GRADE_AGE, IN_SCHOOLS, TOTAL];

/// Learners of one cell with one status (none: studying).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HeadcountCell {
    pub key: HeadcountKey,
    pub status: Option<Arc<str>>,
    pub learners: u64,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct GradeAge {
    pub grade: Arc<str>,
    /// Whole years on the count day.
    pub age_years: u8,
    pub learners: u64,
}

/// A committed file with at least one school in force: an input of the count.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubmissionInForce {
    pub submission_key: i64,
    /// `sub_…`.
    pub id: String,
    pub mapping: String,
    pub mapping_version: u32,
    pub mapping_sha256: String,
    pub lists_version: String,
    pub agency: Option<AgencyCode>,
    pub sha256: String,
    /// Rows of the file.
    pub received: u64,
    pub accepted: u64,
    pub refused: u64,
}

/// One snapshot of one round. Holds a reading connection while it lives; keep it short.
pub struct CountView {
    tx: Tx,
    round: String,
}

impl Store {
    pub async fn count_view(&self, round: Round) -> Result<CountView, StoreError> {
        let mut tx = self.read.snapshot().await?;
        tx.plan_for_sweeps().await?;
        // It is taken with the first read.
        query(super::META_GET).bind("vault").fetch_optional(&mut tx).await?;
        Ok(CountView { tx, round: round.to_string() })
    }
}

impl Store {
    /// Rounds of which anything is in force, earliest first.
    pub async fn rounds_in_force(&self) -> Result<Vec<Round>, StoreError> {
        let rounds: Vec<String> = query_scalar(ROUNDS).fetch_all(&self.read).await?;
        rounds.iter().map(|round| round_from(round, "holding.round")).collect()
    }
}

impl CountView {
    /// Every place of every learner who has more than one; `each` gets a learner's places one after another.
    /// For any number of them: nothing is gathered.
    pub async fn each_repeated_learner(&mut self, each: impl FnMut(Place)) -> Result<(), StoreError> {
        self.each_place(REPEATED_LEARNERS, None, each).await
    }

    /// The same, gathered.
    pub async fn places_of_repeated_learners(&mut self) -> Result<Vec<Place>, StoreError> {
        let mut places = Vec::new();
        self.each_repeated_learner(|place| places.push(place)).await?;
        Ok(places)
    }

    /// Places of every person (same name, birth date and sex) known by a G-code and by a citizen number, a person's
    /// places one after another. Candidates only: people do share names and birthdays.
    pub async fn places_of_repeated_persons(&mut self) -> Result<Vec<Place>, StoreError> {
        self.places(REPEATED_PERSONS, None).await
    }

    /// Places with one of these pairs of grade and age.
    pub async fn places_by_grade_age(&mut self, pairs: &[(Arc<str>, u8)]) -> Result<Vec<Place>, StoreError> {
        let pairs: Vec<(&str, u8)> = pairs.iter().map(|(grade, age)| (&**grade, *age)).collect();
        self.places(BY_GRADE_AGE, Some(json(&pairs)?)).await
    }

    pub async fn places_in_schools(&mut self, school_ids: &[Arc<str>]) -> Result<Vec<Place>, StoreError> {
        let school_ids: Vec<&str> = school_ids.iter().map(|id| &**id).collect();
        self.places(IN_SCHOOLS, Some(json(&school_ids)?)).await
    }

    /// All enrolments in force, by agency, school, grade, sex and status, in that order.
    pub async fn headcounts(&mut self) -> Result<Vec<HeadcountCell>, StoreError> {
        let mut texts = Interner::default();
        let mut cells = Vec::new();
        let mut rows = query(HEADCOUNTS).bind(self.round.as_str()).fetch(&mut self.tx)?;
        while let Some(found) = rows.try_next().await? {
            cells.push(HeadcountCell {
                key: HeadcountKey {
                    agency: agency_from(found.try_get("agency")?, "holding.agency")?,
                    school_id: texts.get(found.try_get("school_id")?),
                    grade: texts.get(found.try_get("grade")?),
                    sex: texts.get(found.try_get("sex")?),
                },
                status: found.try_get::<Option<&str>>("status")?.map(|status| texts.get(status)),
                learners: count_from(found.try_get("n")?, "enrolment")?,
            });
        }
        Ok(cells)
    }

    pub async fn grade_age_counts(&mut self) -> Result<Vec<GradeAge>, StoreError> {
        let rows = query(GRADE_AGES).bind(self.round.as_str()).fetch_all(&mut self.tx).await?;
        rows.iter()
            .map(|found| {
                Ok(GradeAge {
                    grade: found.try_get::<&str>("grade")?.into(),
                    age_years: u8::try_from(found.try_get::<i64>("age")?)
                        .map_err(|_| StoreError::Unreadable("enrolment.age"))?,
                    learners: count_from(found.try_get("n")?, "enrolment")?,
                })
            })
            .collect()
    }

    /// Enrolments in force.
    pub async fn total(&mut self) -> Result<u64, StoreError> {
        let total = query_scalar(TOTAL).bind(self.round.as_str()).fetch_one(&mut self.tx).await?;
        count_from(total, "enrolment")
    }

    /// The files the count stands on, in the order they came.
    pub async fn submissions_in_force(&mut self) -> Result<Vec<SubmissionInForce>, StoreError> {
        let rows = query(SUBMISSIONS).bind(self.round.as_str()).fetch_all(&mut self.tx).await?;
        rows.iter()
            .map(|found| {
                let agency: &str = found.try_get("agency")?;
                let count = |column: &'static str| count_from(found.try_get(column)?, column);
                Ok(SubmissionInForce {
                    submission_key: found.try_get("seq")?,
                    id: found.try_get("id")?,
                    mapping: found.try_get("mapping")?,
                    mapping_version: found.try_get("mapping_version")?,
                    mapping_sha256: found.try_get("mapping_sha256")?,
                    lists_version: found.try_get("lists_version")?,
                    agency: (!agency.is_empty()).then(|| agency_from(agency, "submission.agency")).transpose()?,
                    sha256: found.try_get("sha256")?,
                    received: count("received_rows")?,
                    accepted: count("accepted_rows")?,
                    refused: count("refused_rows")?,
                })
            })
            .collect()
    }

    async fn places(&mut self, statement: Sql, json: Option<String>) -> Result<Vec<Place>, StoreError> {
        let mut places = Vec::new();
        self.each_place(statement, json, |place| places.push(place)).await?;
        Ok(places)
    }

    async fn each_place(
        &mut self,
        statement: Sql,
        json: Option<String>,
        mut each: impl FnMut(Place),
    ) -> Result<(), StoreError> {
        let mut texts = Interner::default();
        let mut query = query(statement).bind(self.round.as_str());
        if let Some(json) = json {
            query = query.bind(json);
        }
        let mut rows = query.fetch(&mut self.tx)?;
        while let Some(found) = rows.try_next().await? {
            each(place_from(&found, &mut texts)?);
        }
        Ok(())
    }
}

fn json(values: &impl serde::Serialize) -> Result<String, StoreError> {
    serde_json::to_string(values).map_err(|_| StoreError::Unreadable("question"))
}
