//! What one repair or one step does to one value, for `saphan try` and for learning.
//!
//! Owns the JSON a person sees: value, result, finding. Uses the very code that mappings run.

use super::apply::{Applied, apply};
use super::compile::step_of;
use super::fault::MappingFault;
use super::steps::outcome::{Fault, Outcome};
use super::steps::text;
use crate::domain::finding::Severity;
use crate::domain::value::Value;
use crate::mapping::plan::Step;
use crate::standards::{CodeList, Library};
use bumpalo::Bump;
use jiff::civil::Date;
use serde_json::json;

pub use super::kinds::{KINDS, TryFinding, TryResult};

/// What the repairs for this kind of value make of it; none for an unknown kind.
pub fn kind(kind: &str, value: &str, library: &Library) -> Option<TryResult> {
    let list = |name: &str| library.list(name).map(|list| &**list);
    super::kinds::try_kind(kind, value, &super::kinds::KindWords { list: &list })
}

/// What one step, written as in a mapping (`learner_id`, `date: d/m/be`), makes of a value. Codes are those valid on `day`.
///
/// Errors: the step itself is faulty.
pub fn step(step: &str, value: &str, library: &Library, day: Date) -> Result<TryResult, MappingFault> {
    let step = step_of(step, library)?;
    let bump = Bump::new();
    let result = |result, finding| TryResult { value: value.to_owned(), result, finding };
    let tidied = match text::tidy(value, &bump) {
        Outcome::Value(text) | Outcome::Warned(Some(text), _) => text,
        Outcome::Absent | Outcome::Warned(None, _) => return Ok(result(json!(null), None)),
        Outcome::Refused(fault) => return Ok(result(json!(null), Some(finding(fault, Severity::Error)))),
    };
    let show = |value: &Value<'_>| shown(&step, value, library);
    Ok(match apply(&step, tidied, Some(value), day, None, &bump) {
        Applied::Text(text) => result(json!(text), None),
        Applied::Value(Outcome::Value(value)) => result(show(&value), None),
        Applied::Value(Outcome::Absent) => result(json!(null), None),
        Applied::Value(Outcome::Warned(value, fault)) => {
            result(value.as_ref().map_or(json!(null), show), Some(finding(fault, Severity::Warning)))
        }
        Applied::Value(Outcome::Refused(fault)) => result(json!(null), Some(finding(fault, Severity::Error))),
    })
}

fn finding(fault: Fault, severity: Severity) -> TryFinding {
    TryFinding { rule: fault.rule, severity, suggestion: fault.suggestion }
}

fn shown(step: &Step, value: &Value<'_>, library: &Library) -> serde_json::Value {
    let code = |list: &CodeList, at| json!(&**list.code(at));
    match (step, value) {
        (Step::Code(list), Value::Code(at)) => code(list, *at),
        (Step::Place(_), Value::Code(at)) => library.list("subdistrict").map_or(json!(null), |list| code(list, *at)),
        (_, Value::Text(text)) => json!(text),
        (_, Value::Date(date)) => json!(date.to_string()),
        (_, Value::Integer(number)) => json!(number),
        (_, Value::Decimal(number)) => json!(number.to_string()),
        (_, Value::Boolean(value)) => json!(value),
        (_, Value::LearnerId(id)) => json!(id.as_str()),
        (_, Value::Absent | Value::Code(_)) => json!(null),
    }
}
