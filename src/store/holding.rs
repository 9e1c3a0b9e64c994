//! Keys of a submission's holdings, by agency and school.

use super::StoreError;
use super::engine::{Tx, query};
use super::row::agency_from;
use crate::domain::agency::AgencyCode;
use std::collections::HashMap;
use std::sync::Arc;

const OF_SUBMISSION: &str = "SELECT id, agency, school_id FROM holding WHERE submission = $1";

#[cfg(test)]
pub(super) const STATEMENTS: &[&str] = &[OF_SUBMISSION];

pub(super) type AgencySchool = (AgencyCode, Arc<str>);

#[derive(Default)]
pub(super) struct Holdings(HashMap<AgencySchool, i64>);

impl Holdings {
    pub(super) async fn of(tx: &mut Tx, seq: i64) -> Result<Holdings, StoreError> {
        let mut holdings = Holdings::default();
        for found in query(OF_SUBMISSION).bind(seq).fetch_all(tx).await? {
            let agency = agency_from(found.try_get("agency")?, "holding.agency")?;
            holdings.insert((agency, found.try_get::<&str>("school_id")?.into()), found.try_get("id")?);
        }
        Ok(holdings)
    }

    pub(super) fn get(&self, school: &AgencySchool) -> Option<i64> {
        self.0.get(school).copied()
    }

    pub(super) fn insert(&mut self, school: AgencySchool, holding: i64) {
        self.0.insert(school, holding);
    }

    pub(super) fn extend(&mut self, others: Holdings) {
        self.0.extend(others.0);
    }
}
