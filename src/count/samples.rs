//! Rules, places and registers that the tests of the count share. Test code only.

use super::register::Register;
use super::rules::{RuleTexts, Rules};
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::{Place, School};
use crate::domain::learner_id::LearnerIdKind;
use jiff::civil::date;

pub fn own_texts() -> RuleTexts<'static> {
    RuleTexts {
        dual_programmes: include_str!("../../schemas/count/dual_programmes.csv"),
        ages: include_str!("../../schemas/count/ages.csv"),
        statuses: include_str!("../../schemas/count/statuses.csv"),
    }
}

pub fn own_rules() -> Rules {
    Rules::parse(own_texts()).unwrap()
}

pub fn place(agency: &str, school_id: &str, grade: &str) -> Place {
    Place {
        learner: [1; 16],
        id_kind: LearnerIdKind::Citizen,
        name: [1; 16],
        birth: [1; 16],
        person: [1; 16],
        agency: AgencyCode::parse(agency).unwrap(),
        school_id: school_id.into(),
        grade: grade.into(),
        sex: "F".into(),
        status: None,
        dual_programme: false,
        age_years: 16,
        entry_date: None,
        exit_date: None,
        submission_key: 1,
        row: 1,
    }
}

pub fn school(school_id: &str, agency: AgencyCode, status: &str) -> School {
    School {
        school_id: school_id.into(),
        smis: None,
        agency,
        name_th: "โรงเรียน".to_owned(),
        name_en: None,
        subdistrict: None,
        latitude: None,
        longitude: None,
        status: status.into(),
        opened_on: None,
        closed_on: None,
    }
}

/// Every school of these places, open.
pub fn register_of<'p>(places: impl IntoIterator<Item = &'p Place>) -> Register {
    let schools: Vec<School> = places.into_iter().map(|place| school(&place.school_id, place.agency, "open")).collect();
    Register::on(date(2026, 6, 10), &schools)
}
