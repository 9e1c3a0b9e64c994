//! One compiled step on one text: the single place that knows what each step calls.
//!
//! Pure, and apart from the mapper so that `saphan try` and the console show exactly what a mapping does.

use super::plan::{GradePart, NamePart, Step};
use super::steps::outcome::{Fault, Outcome};
use super::steps::{
    be_year, boolean, code_word, date, digits, grade_part, learner_id, name_part, number, school_code, shape,
};
use crate::domain::rule;
use crate::domain::value::Value;
use crate::standards::{CodeList, PlaceMatch, Schools};
use bumpalo::Bump;
use jiff::civil::Date;

/// Still text, for the next step; or the end of the way.
#[derive(Debug)]
pub enum Applied<'b> {
    Text(&'b str),
    Value(Outcome<Value<'b>>),
}

/// Applies `step` to `text` (tidied, not empty). `raw` is the text as the sender wrote it, `day` the count day.
pub fn apply<'b>(
    step: &'b Step,
    text: &'b str,
    raw: Option<&'b str>,
    day: Date,
    schools: Option<&'b Schools>,
    bump: &'b Bump,
) -> Applied<'b> {
    let value = match step {
        Step::LearnerId => learner_id::learner_id(text, raw.unwrap_or(text)).map(Value::LearnerId),
        Step::Integer => number::integer(text).map(Value::Integer),
        Step::Decimal => number::decimal(text).map(Value::Decimal),
        Step::Date(pattern) => date::date(text, pattern).map(Value::Date),
        Step::BeYear => be_year::be_year(text).map(Value::Integer),
        Step::Term => be_year::term(text).map(Value::Integer),
        Step::Boolean { yes, no } => boolean::boolean(text, yes, no).map(Value::Boolean),
        Step::Code(list) => code(list, text, raw, day),
        Step::School => school(text, schools, bump),
        Step::Place(places) => match places.find_joined(text) {
            PlaceMatch::Found(code) => Outcome::Value(Value::Code(code)),
            _ => Outcome::Refused(Fault::new(rule::CODE_UNKNOWN)),
        },
        Step::GradePart(part) => return grade_part_of(text, *part, bump),
        Step::Table(rows) => return Applied::Text(rows.get(text).map_or(text, |word| &**word)),
        Step::NamePart(part, titles) => {
            let parts = name_part::split(text, titles);
            let found = match part {
                NamePart::Title => parts.title,
                NamePart::Given => parts.given,
                NamePart::Family => parts.family,
            };
            return some(found);
        }
        Step::Digits => return text_of(digits::digits(text, bump)),
        Step::Upper => return Applied::Text(shape::upper(text, bump)),
        Step::PadLeft { width, fill } => return Applied::Text(shape::pad_left(text, *width, *fill, bump)),
        Step::Substring { from, len } => return some(shape::substring(text, *from, *len)),
        Step::Replace(replace) => return text_of(replace.apply(text, bump)),
        Step::Extract(extract) => return text_of(extract.apply(text)),
    };
    Applied::Value(value)
}

fn text_of(outcome: Outcome<&str>) -> Applied<'_> {
    match outcome {
        Outcome::Value(text) => Applied::Text(text),
        other => Applied::Value(other.map(Value::Text)),
    }
}

fn some(text: Option<&str>) -> Applied<'_> {
    match text {
        Some(text) if !text.is_empty() => Applied::Text(text),
        _ => Applied::Value(Outcome::Absent),
    }
}

fn grade_part_of<'b>(text: &'b str, part: GradePart, bump: &'b Bump) -> Applied<'b> {
    match (grade_part::split(text, bump), part) {
        (Outcome::Value(parts) | Outcome::Warned(Some(parts), _), GradePart::Grade) => some(parts.grade),
        (Outcome::Value(parts) | Outcome::Warned(Some(parts), _), GradePart::Room) => some(parts.room),
        // The grade says what is wrong with the cell; the room need not say it again.
        (_, GradePart::Room) | (Outcome::Absent, _) => Applied::Value(Outcome::Absent),
        (Outcome::Warned(None, fault) | Outcome::Refused(fault), GradePart::Grade) => {
            Applied::Value(Outcome::Refused(fault))
        }
    }
}

#[inline]
fn code<'b>(list: &CodeList, text: &str, raw: Option<&str>, day: Date) -> Outcome<Value<'b>> {
    let found = list.find(text).or_else(|| raw.and_then(|raw| list.find(raw.trim())));
    let found = found.or_else(|| list.find(&code_word::other_spelling(list.name(), text)?));
    let Some(code) = found else { return Outcome::Refused(Fault::new(rule::CODE_UNKNOWN)) };
    let entry = list.entry(code);
    if entry.valid_on(day) {
        return Outcome::Value(Value::Code(code));
    }
    Outcome::Refused(match &entry.replaced_by {
        Some(code) => Fault::suggest(rule::CODE_NOT_VALID_ON_DAY, &**code),
        None => Fault::new(rule::CODE_NOT_VALID_ON_DAY),
    })
}

/// In the register by code or SMIS; without a register, a well-formed ten-digit code.
fn school<'b>(text: &'b str, schools: Option<&'b Schools>, bump: &'b Bump) -> Outcome<Value<'b>> {
    let Some(schools) = schools else {
        return school_code::school_code(text).map(|code| Value::Text(bump.alloc_str(&code)));
    };
    let found = schools.find(text).or_else(|| match digits::digits(text, bump) {
        Outcome::Value(plain) => schools.find(plain),
        _ => None,
    });
    match found {
        Some(code) => Outcome::Value(Value::Code(code)),
        // A destroyed number has its own advice; a well-formed one is simply not in the register.
        None if digits::is_scientific(text) => Outcome::Refused(Fault::new(rule::ID_SCIENTIFIC)),
        None => Outcome::Refused(Fault::new(rule::REF_SCHOOL)),
    }
}
