//! The projections behind the first two datasets: from the result of a count to rows of their documents.
//!
//! Owns which facts of a count become public, and their grain. Refuses a school without a province or a grade
//! without a level: a row that is left out would make the datasets disagree.

use super::table::Cell;
use crate::domain::agency::AgencyCode;
use crate::domain::headcount::HeadcountCell;
use crate::domain::round::Round;
use std::collections::BTreeMap;
use std::sync::Arc;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ProjectionError {
    #[error("school {0} has no province")]
    NoProvince(Arc<str>),
    #[error("grade {0} has no level")]
    NoLevel(Arc<str>),
}

/// One row by its columns; rows of several rounds make one table.
pub type Record = Vec<(&'static str, Cell)>;

/// Looks a code up: the province (two digits) of a school, the level of a grade.
pub type Lookup<'l> = dyn Fn(&str) -> Option<Arc<str>> + 'l;

/// The province digits of a ten-digit school code (agency 2 + province 2 + serial 6).
pub fn province_of_school(school_id: &str) -> Option<Arc<str>> {
    let digits = school_id.len() == 10 && school_id.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| school_id.get(2..4).map(Arc::from)).flatten()
}

/// Province, agency, level, sex.
type Area = (Arc<str>, AgencyCode, Arc<str>, Arc<str>);

/// `learners-by-area` of the payable learners of one round.
pub fn learners_by_area<'c>(
    round: Round,
    payable: impl IntoIterator<Item = HeadcountCell<'c>>,
    province_of: &Lookup,
    level_of: &Lookup,
) -> Result<Vec<Record>, ProjectionError> {
    let mut areas: BTreeMap<Area, u64> = BTreeMap::new();
    for HeadcountCell { agency, school_id, group, learners } in payable {
        let province = province_of(school_id).ok_or_else(|| ProjectionError::NoProvince(school_id.clone()))?;
        let level = level_of(&group.grade).ok_or_else(|| ProjectionError::NoLevel(group.grade.clone()))?;
        *areas.entry((province, agency, level, group.sex.clone())).or_default() += learners;
    }
    let records = areas.into_iter().filter(|(_, learners)| *learners > 0).map(|((province, agency, level, sex), n)| {
        vec![
            ("count_day", Cell::Date(round.count_day())),
            ("province", Cell::Text(province)),
            ("agency", Cell::text(agency.as_str())),
            ("level", Cell::Text(level)),
            ("sex", Cell::Text(sex)),
            ("learners", Cell::Count(n)),
        ]
    });
    Ok(records.collect())
}

/// One agency's totals of a count, in the columns of `count-summary`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SummaryRow {
    pub agency: AgencyCode,
    pub received: u64,
    pub invalid: u64,
    pub superseded: u64,
    pub accepted: u64,
    pub not_studying: u64,
    pub closed: u64,
    pub duplicate: u64,
    pub disputed: u64,
    pub payable: u64,
}

/// `count-summary` of one round.
pub fn count_summary(round: Round, agencies: impl IntoIterator<Item = SummaryRow>) -> Vec<Record> {
    let records = agencies.into_iter().map(|row| {
        vec![
            ("count_day", Cell::Date(round.count_day())),
            ("agency", Cell::text(row.agency.as_str())),
            ("received", Cell::Count(row.received)),
            ("invalid", Cell::Count(row.invalid)),
            ("superseded", Cell::Count(row.superseded)),
            ("accepted", Cell::Count(row.accepted)),
            ("not_studying", Cell::Count(row.not_studying)),
            ("closed", Cell::Count(row.closed)),
            ("duplicate", Cell::Count(row.duplicate)),
            ("disputed", Cell::Count(row.disputed)),
            ("payable", Cell::Count(row.payable)),
        ]
    });
    records.collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::headcount::Tally;
    use crate::opendata::{Table, samples};

    #[test]
    fn cells_are_summed_by_area_and_nothing_is_left_out() {
        let dataset = samples::learners_by_area();
        let level = |grade: &str| grade.starts_with('P').then(|| Arc::from("primary"));
        let round = Round::parse("2026-06-10").unwrap();
        let project = |cells: &[(&str, &str, u32)]| {
            let mut tally = Tally::default();
            for (school_id, grade, learners) in cells {
                let school = tally.school(AgencyCode::parse("10").unwrap(), school_id);
                let group = tally.group(grade, "F", None);
                tally.add(school, group, *learners);
            }
            learners_by_area(round, tally.finish().cells(), &province_of_school, &level)
        };
        let cells = [("1020000001", "P1", 4), ("1020000002", "P2", 5), ("1030000001", "P1", 6)];
        let table = Table::new(&dataset, project(&cells).unwrap()).unwrap();
        assert_eq!(table, samples::area_table(&[("20", "10", "primary", "F", 9), ("30", "10", "primary", "F", 6)]));
        assert_eq!(project(&[("1020000001", "X1", 1)]), Err(ProjectionError::NoLevel("X1".into())));
        assert_eq!(project(&[("10", "P1", 1)]), Err(ProjectionError::NoProvince("10".into())));
    }
}
