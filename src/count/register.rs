//! The school register as the count needs it: which schools are open on the count day.
//!
//! Owns nothing but that answer. A school that is not in the register is not open: nobody can be paid there.

use crate::domain::enrolment::School;
use foldhash::fast::RandomState;
use jiff::civil::Date;
use serde::{Deserialize, Serialize};
use std::collections::HashMap;
use std::sync::Arc;

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum SchoolState {
    Open,
    Closed,
    /// Not in the register.
    Unknown,
}

impl SchoolState {
    pub fn as_str(&self) -> &'static str {
        match self {
            SchoolState::Open => "open",
            SchoolState::Closed => "closed",
            SchoolState::Unknown => "unknown",
        }
    }
}

#[derive(Debug, Clone, Default)]
pub struct Register {
    open: HashMap<Arc<str>, bool, RandomState>,
}

impl Register {
    /// A school that stands in the register twice is open if one of its entries is.
    pub fn on<'s>(day: Date, schools: impl IntoIterator<Item = &'s School>) -> Register {
        let mut register = Register::default();
        schools.into_iter().for_each(|school| register.add(school, day));
        register
    }

    /// One more school, as it is on that day.
    pub fn add(&mut self, school: &School, day: Date) {
        *self.open.entry(school.school_id.clone()).or_default() |= school.open_on(day);
    }

    pub fn state(&self, school_id: &str) -> SchoolState {
        match self.open.get(school_id) {
            Some(true) => SchoolState::Open,
            Some(false) => SchoolState::Closed,
            None => SchoolState::Unknown,
        }
    }
}
