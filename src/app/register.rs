//! The school register from canonical `school/1` rows.
//!
//! Owns the step from a checked row to the domain's `School`, reading a register file without a store, and the register
//! that all submissions of a process are checked against: one, whatever their number. Refuses to check a file against another
//! register than the one whose version it is said to be checked against.

use super::assets::Assets;
use crate::decode::{Input, Limits};
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::School;
use crate::domain::round::Round;
use crate::domain::value::Value;
use crate::mapping::RunContext;
use crate::pipeline::{self, PipelineError, Renderer, Run};
use crate::standards::{Schools, SchoolsBuilder, Standard};
use crate::store::{RegisterVersion, Store, StoreError};
use crate::validate::Valid;
use std::convert::Infallible;
use std::sync::Arc;
use tokio::sync::Mutex;

/// The mapping that reads a register.
pub const MAPPING: &str = "moe/schools";

/// A register read from a file.
pub struct ReadRegister {
    pub schools: Schools,
    /// Rows that were refused: their schools are not among them.
    pub refused: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    #[error("there is no mapping {MAPPING} to read a register with")]
    NoMapping,
    #[error(transparent)]
    Read(#[from] PipelineError<Infallible>),
}

/// The register that was asked for last, until another comes into force. Work that goes on keeps the one it began with.
#[derive(Default)]
pub(crate) struct SharedRegister(Mutex<Option<InForce>>);

/// A register and which one it is; none: there never was one.
#[derive(Clone)]
pub(crate) struct InForce {
    pub version: Option<RegisterVersion>,
    pub schools: Arc<Schools>,
}

impl SharedRegister {
    /// The register in force. Read when its version is new to this process; who comes meanwhile waits for that reading.
    pub async fn in_force(&self, store: &Store) -> Result<InForce, StoreError> {
        let mut shared = self.0.lock().await;
        let newest = store.register_version().await?;
        if let Some(known) = shared.as_ref().filter(|known| known.version == newest) {
            return Ok(known.clone());
        }
        // Not two at a time, where nobody works with the old one any more.
        *shared = None;
        let mut schools = SchoolsBuilder::default();
        let add = |school: School| schools.add(&school.school_id, school.smis.as_deref(), school.agency);
        let version = store.each_school(add).await?;
        let read = InForce { version, schools: Arc::new(schools.finish()) };
        *shared = Some(read.clone());
        Ok(read)
    }
}

/// Reads a register file as of a round.
///
/// Errors: the mapping is not there, or the file as a whole can't be taken.
pub fn read_register(
    assets: &Assets,
    input: &Arc<dyn Input>,
    round: Round,
    limits: &Limits,
) -> Result<ReadRegister, RegisterError> {
    let loaded = assets.mapping(MAPPING).ok_or(RegisterError::NoMapping)?;
    let context = RunContext { round, schools: None };
    let run = Run { mapping: &loaded.mapping, context, limits, threads: 1 };
    let mut schools = SchoolsBuilder::default();
    let standard = loaded.mapping.standard.clone();
    let summary = pipeline::run(
        &run,
        input,
        || SchoolRenderer::new(&standard),
        |result| {
            result.out.iter().for_each(|school| schools.add(&school.school_id, school.smis.as_deref(), school.agency));
            Ok::<(), Infallible>(())
        },
    )?;
    Ok(ReadRegister { schools: schools.finish(), refused: summary.refused })
}

/// Makes schools of accepted rows; keeps where each field stands.
pub struct SchoolRenderer {
    school_id: Option<usize>,
    smis: Option<usize>,
    agency: Option<usize>,
    name_th: Option<usize>,
    name_en: Option<usize>,
    subdistrict: Option<usize>,
    latitude: Option<usize>,
    longitude: Option<usize>,
    status: Option<usize>,
    opened_on: Option<usize>,
    closed_on: Option<usize>,
}

impl SchoolRenderer {
    pub fn new(standard: &Standard) -> Self {
        let at = |name| standard.field_index(name);
        SchoolRenderer {
            school_id: at("school_id"),
            smis: at("smis"),
            agency: at("agency"),
            name_th: at("name_th"),
            name_en: at("name_en"),
            subdistrict: at("subdistrict"),
            latitude: at("latitude"),
            longitude: at("longitude"),
            status: at("status"),
            opened_on: at("opened_on"),
            closed_on: at("closed_on"),
        }
    }
}

impl Renderer for SchoolRenderer {
    type Out = Vec<School>;

    fn accept(&mut self, row: &Valid<'_, '_>, out: &mut Vec<School>) {
        let text = |at: Option<usize>| at.and_then(|at| row.text_at(at));
        let number = |at: Option<usize>| match at.map(|at| row.value_at(at)) {
            Some(Value::Decimal(number)) => Some(number.as_f64()),
            _ => None,
        };
        let date = |at: Option<usize>| at.and_then(|at| row.date_at(at));
        // `school/1` requires the three; a row that passed has them.
        let (Some(school_id), Some(agency), Some(name_th)) =
            (text(self.school_id), text(self.agency).and_then(|code| AgencyCode::parse(code).ok()), text(self.name_th))
        else {
            return;
        };
        out.push(School {
            school_id: school_id.into(),
            smis: text(self.smis).map(Into::into),
            agency,
            name_th: name_th.to_owned(),
            name_en: text(self.name_en).map(str::to_owned),
            subdistrict: text(self.subdistrict).map(Into::into),
            latitude: number(self.latitude),
            longitude: number(self.longitude),
            status: text(self.status).unwrap_or("open").into(),
            opened_on: date(self.opened_on),
            closed_on: date(self.closed_on),
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::app::journal_entry;
    use crate::config::Database;
    use crate::domain::principal::Principal;

    #[tokio::test]
    async fn a_register_is_read_once_until_another_comes_into_force() {
        let dir = tempfile::tempdir().unwrap();
        let store = Store::open(&Database::Sqlite(dir.path().join("saphan.db"))).await.unwrap();
        let shared = SharedRegister::default();
        let none = shared.in_force(&store).await.unwrap();
        assert!(none.version.is_none() && none.schools.is_empty());
        let school = |id: &str| School {
            school_id: id.into(),
            smis: None,
            agency: AgencyCode::parse("10").unwrap(),
            name_th: String::from("โรงเรียนทดสอบ"),
            name_en: None,
            subdistrict: None,
            latitude: None,
            longitude: None,
            status: "open".into(),
            opened_on: None,
            closed_on: None,
        };
        let mut held = Vec::new();
        for (number, id) in (1..).zip(["1020000001", "1020000002"]) {
            let entry = journal_entry(&Principal::Operator, "register.replace", "register", serde_json::json!({}));
            store.replace_register(&[school(id)], &entry).await.unwrap();
            let (first, second) = (shared.in_force(&store).await.unwrap(), shared.in_force(&store).await.unwrap());
            assert!(Arc::ptr_eq(&first.schools, &second.schools));
            assert_eq!(first.version.as_ref().map(|version| version.version), Some(number));
            held.push((id, first));
        }
        for (id, register) in held {
            assert!(
                register.schools.find(id).is_some() && register.schools.len() == 1,
                "work keeps the one it began with"
            );
        }
    }
}
