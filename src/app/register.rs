//! The school register from canonical `school/1` rows.
//!
//! Owns the step from a checked row to the domain's `School`, and reading a register file without a store; the
//! register is what school codes of enrolments are checked against.

use super::assets::Assets;
use crate::decode::{Input, Limits};
use crate::domain::agency::AgencyCode;
use crate::domain::enrolment::School;
use crate::domain::round::Round;
use crate::domain::value::Value;
use crate::mapping::RunContext;
use crate::pipeline::{self, PipelineError, Renderer, Run};
use crate::standards::{CodeList, Standard, school_list};
use crate::validate::Valid;
use std::convert::Infallible;
use std::sync::Arc;

/// The mapping that reads a register.
pub const MAPPING: &str = "moe/schools";

/// A register read from a file.
pub struct ReadRegister {
    pub list: CodeList,
    /// Rows that were refused: their schools are not in the list.
    pub refused: u64,
}

#[derive(Debug, thiserror::Error)]
pub enum RegisterError {
    #[error("there is no mapping {MAPPING} to read a register with")]
    NoMapping,
    #[error(transparent)]
    Read(#[from] PipelineError<Infallible>),
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
    let mut schools = Vec::new();
    let standard = loaded.mapping.standard.clone();
    let summary = pipeline::run(
        &run,
        input,
        || SchoolRenderer::new(&standard),
        |mut result| {
            schools.append(&mut result.out);
            Ok::<(), Infallible>(())
        },
    )?;
    Ok(ReadRegister { list: school_list(&schools), refused: summary.refused })
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
