//! Permitted pairs of places: dual programmes (ทวิศึกษา), with the days they are permitted.
//!
//! Owns the question "may this learner stand in both places, and which of the two is paid?". A table with
//! dates, not code, because the ministry changes it. Refuses two rows that answer the same pair on one day.

use super::table::{RowReader, TableCause, TableFault, Validity, read_rows};
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::Place;
use jiff::civil::Date;
use std::sync::Arc;

pub const NAME: &str = "dual_programmes.csv";
const COLUMNS: &[&str] = &[
    "id",
    "agency_a",
    "grades_a",
    "agency_b",
    "grades_b",
    "declared",
    "payable",
    "valid_from",
    "valid_to",
    "label_th",
    "label_en",
    "status",
];

/// One side of a permitted pair.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Side {
    pub agency: AgencyCode,
    pub grades: Vec<Arc<str>>,
}

impl Side {
    fn takes(&self, place: &Place) -> bool {
        self.agency == place.agency && self.grades.contains(&place.grade)
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Declared {
    /// At least one of the two rows says `dual_programme`.
    Either,
    Both,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PaidSide {
    A,
    B,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Permit {
    pub id: Arc<str>,
    pub a: Side,
    pub b: Side,
    pub declared: Declared,
    pub paid: PaidSide,
    pub validity: Validity,
}

impl Permit {
    /// The place that is paid and the one that is not, if this permit covers the two.
    fn split<'p>(&self, one: &'p Place, two: &'p Place) -> Option<(&'p Place, &'p Place)> {
        let declared = match self.declared {
            Declared::Either => one.dual_programme || two.dual_programme,
            Declared::Both => one.dual_programme && two.dual_programme,
        };
        let (a, b) = match () {
            () if !declared => return None,
            () if self.a.takes(one) && self.b.takes(two) => (one, two),
            () if self.a.takes(two) && self.b.takes(one) => (two, one),
            () => return None,
        };
        Some(match self.paid {
            PaidSide::A => (a, b),
            PaidSide::B => (b, a),
        })
    }
}

#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Permits {
    permits: Vec<Permit>,
}

impl Permits {
    /// Faults go to `faults`; what could be read is kept, but is only used if there was none.
    pub fn parse(text: &str, faults: &mut Vec<TableFault>) -> Permits {
        let rows = read_rows(NAME, COLUMNS, text, faults, read_permit);
        for (at, (line, permit)) in rows.iter().enumerate() {
            if let Some((first, _)) = rows[..at].iter().find(|(_, earlier)| clash(earlier, permit)) {
                let cause = TableCause::Overlap(permit.id.to_string(), *first);
                faults.push(TableFault { table: NAME, line: *line, cause });
            }
        }
        Permits { permits: rows.into_iter().map(|(_, permit)| permit).collect() }
    }

    /// The permit that covers exactly these two places on that day: its id, the paid place, the other.
    pub fn find<'p>(&self, one: &'p Place, two: &'p Place, day: Date) -> Option<(&Arc<str>, &'p Place, &'p Place)> {
        self.permits.iter().filter(|permit| permit.validity.holds_on(day)).find_map(|permit| {
            let (paid, unpaid) = permit.split(one, two)?;
            Some((&permit.id, paid, unpaid))
        })
    }

    pub fn len(&self) -> usize {
        self.permits.len()
    }

    pub fn is_empty(&self) -> bool {
        self.permits.is_empty()
    }
}

fn read_permit(row: &mut RowReader) -> Option<Permit> {
    let id = row.required("id");
    let agency_a = agency(row, "agency_a");
    let agency_b = agency(row, "agency_b");
    let grades_a = row.required("grades_a");
    let grades_b = row.required("grades_b");
    let declared = row.choice("declared", &[("either", Declared::Either), ("both", Declared::Both)], "either or both");
    let paid = row.choice("payable", &[("a", PaidSide::A), ("b", PaidSide::B)], "a or b");
    let validity = row.validity();
    row.required("label_th");
    row.required("label_en");
    let (agency_a, agency_b) = (agency_a?, agency_b?);
    if agency_a == agency_b {
        row.fault(TableCause::OneAgency(agency_a.to_string()));
        return None;
    }
    let side = |agency, grades: String| Side { agency, grades: grades.split_whitespace().map(Arc::from).collect() };
    Some(Permit {
        id: id?.into(),
        a: side(agency_a, grades_a?),
        b: side(agency_b, grades_b?),
        declared: declared?,
        paid: paid?,
        validity: validity?,
    })
}

fn agency(row: &mut RowReader, column: &'static str) -> Option<AgencyCode> {
    let agency = AgencyCode::parse(row.text(column)).ok();
    if agency.is_none() {
        row.wrong(column, "two digits of an agency");
    }
    agency
}

/// Two permits that could both cover one pair of places on one day.
fn clash(one: &Permit, two: &Permit) -> bool {
    let meet = |x: &Side, y: &Side| x.agency == y.agency && x.grades.iter().any(|grade| y.grades.contains(grade));
    one.validity.overlaps(&two.validity)
        && (meet(&one.a, &two.a) && meet(&one.b, &two.b) || meet(&one.a, &two.b) && meet(&one.b, &two.a))
}
