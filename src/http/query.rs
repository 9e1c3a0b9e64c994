//! Query parameters, strictly: unknown or repeated ones are refused with the name that was probably meant.
//!
//! Owns the reading of `?a=b&c=d` for every route. Collects all faults before it answers, so that a
//! caller corrects them at once. Never repeats a value: somebody may have put an identifier there.

use super::problem::{Fault, Kind, Problem};
use crate::domain::text::Bilingual;
use actix_web::dev::Payload;
use actix_web::{FromRequest, HttpRequest, web};
use std::future::{Ready, ready};

/// Parameters in one address.
const PARAMETERS_MAX: usize = 32;
/// Closeness from which a name counts as a slip of the other (Jaro–Winkler, 0 to 1).
const ALIKE_MIN: f64 = 0.8;

/// One parameter of a route: its name and what it takes, for the message.
#[derive(Debug, Clone, Copy)]
pub struct Parameter {
    pub name: &'static str,
    /// `a count day (2026-06-10) or a year and term (2569/1)`.
    pub takes_th: &'static str,
    pub takes_en: &'static str,
}

/// For routes without parameters: any at all is refused.
#[derive(Debug, Clone, Copy)]
pub struct NoQuery;

/// For pages: only the switch of languages.
#[derive(Debug, Clone, Copy)]
pub struct PageQuery;

/// `?lang=` of the pages.
pub const LANG: Parameter = Parameter { name: "lang", takes_th: "th หรือ en", takes_en: "th or en" };
/// Length of a page of a list.
pub const LIMIT: Parameter = Parameter {
    name: "limit", takes_th: "จำนวนเต็มตั้งแต่ 1", takes_en: "a whole number from 1"
};
/// Where the page before ended.
pub const CURSOR: Parameter =
    Parameter {
        name: "cursor", takes_th: "ค่า next ของหน้าก่อน", takes_en: "the value of next in the page before"
    };
pub const ROUND: Parameter = Parameter {
    name: "round",
    takes_th: "วันนับ (2026-06-10) หรือปีการศึกษาและภาคเรียน (2569/1 หรือ 2569-1)",
    takes_en: "a count day (2026-06-10) or academic year and term (2569/1 or 2569-1)",
};

impl FromRequest for NoQuery {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        ready(Query::of(request, &[]).finish(Some(NoQuery)))
    }
}

impl FromRequest for PageQuery {
    type Error = Problem;
    type Future = Ready<Result<Self, Problem>>;

    fn from_request(request: &HttpRequest, _: &mut Payload) -> Self::Future {
        let mut query = Query::of(request, &[LANG]);
        query.take("lang", lang);
        ready(query.finish(Some(PageQuery)))
    }
}

/// A value that a parameter does not take; what it takes stands in its [`Parameter`].
#[derive(Debug, Clone, Copy)]
pub struct Unfit;

/// `th` or `en`; what it means is read by the request's context.
pub fn lang(text: &str) -> Result<(), Unfit> {
    if matches!(text, "th" | "en") { Ok(()) } else { Err(Unfit) }
}

/// A page length of at most `max`.
pub fn limit(max: u32) -> impl FnOnce(&str) -> Result<u32, Unfit> {
    move |text| text.parse().ok().filter(|limit| (1..=max).contains(limit)).ok_or(Unfit)
}

pub struct Query {
    known: &'static [Parameter],
    pairs: Vec<(String, String)>,
    faults: Vec<Fault>,
}

impl Query {
    pub fn of(request: &HttpRequest, known: &'static [Parameter]) -> Self {
        Query::read(request.query_string(), known)
    }

    fn read(text: &str, known: &'static [Parameter]) -> Self {
        let mut query = Query { known, pairs: Vec::new(), faults: Vec::new() };
        let Ok(web::Query(pairs)) = web::Query::<Vec<(String, String)>>::from_query(text) else {
            query.fault("", "อ่านพารามิเตอร์ไม่ได้", "The query could not be read.", None);
            return query;
        };
        if pairs.len() > PARAMETERS_MAX {
            query.fault("", "มีพารามิเตอร์มากเกินไป", "There are too many parameters.", None);
            return query;
        }
        for (name, value) in pairs {
            if !known.iter().any(|parameter| parameter.name == name) {
                let meant = nearest(&name, known);
                query.fault(&name, "ไม่มีพารามิเตอร์ชื่อนี้", "There is no such parameter.", meant);
            } else if query.pairs.iter().any(|(taken, _)| *taken == name) {
                query.fault(&name, "พารามิเตอร์นี้ถูกส่งซ้ำ", "This parameter is given twice.", None);
            } else {
                query.pairs.push((name, value));
            }
        }
        query
    }

    /// The value of `name`, if it was given and can be read.
    pub fn take<T, E>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        let at = self.pairs.iter().position(|(given, _)| given == name)?;
        let (_, value) = self.pairs.swap_remove(at);
        match read(&value) {
            Ok(value) => Some(value),
            Err(_) => {
                let (th, en) = self.takes(name);
                self.fault(name, &format!("อ่านค่าไม่ได้ ที่ใช้ได้คือ {th}"), &format!("Can't be read; it takes {en}."), None);
                None
            }
        }
    }

    /// As [`Query::take`], but the parameter must be there.
    pub fn need<T, E>(&mut self, name: &'static str, read: impl FnOnce(&str) -> Result<T, E>) -> Option<T> {
        if !self.pairs.iter().any(|(given, _)| given == name) {
            let (th, en) = self.takes(name);
            self.fault(name, &format!("ขาดพารามิเตอร์นี้ ต้องเป็น {th}"), &format!("Is missing; it takes {en}."), None);
            return None;
        }
        self.take(name, read)
    }

    /// The parameters, or a problem with everything that was wrong.
    pub fn finish<T>(self, parameters: Option<T>) -> Result<T, Problem> {
        match parameters {
            Some(parameters) if self.faults.is_empty() => Ok(parameters),
            _ => Err(Problem::new(Kind::QueryInvalid).faults(self.faults)),
        }
    }

    fn takes(&self, name: &str) -> (&'static str, &'static str) {
        let known = self.known.iter().find(|parameter| parameter.name == name);
        known.map_or(("", ""), |parameter| (parameter.takes_th, parameter.takes_en))
    }

    fn fault(&mut self, name: &str, th: &str, en: &str, did_you_mean: Option<String>) {
        // A name can be anything; one that is not a name is not repeated.
        let plain =
            name.len() <= 40 && name.bytes().all(|b| b.is_ascii_alphabetic() || matches!(b, b'_' | b'-' | b'.'));
        let pointer = if plain && !name.is_empty() { format!("/query/{name}") } else { "/query".to_owned() };
        self.faults.push(Fault { pointer, detail: Bilingual::new(th, en), rule: None, did_you_mean });
    }
}

fn nearest(name: &str, known: &[Parameter]) -> Option<String> {
    let lower = name.to_lowercase();
    known
        .iter()
        .map(|parameter| (strsim::jaro_winkler(&lower, parameter.name), parameter.name))
        .filter(|(alike, _)| *alike >= ALIKE_MIN)
        .max_by(|a, b| a.0.total_cmp(&b.0))
        .map(|(_, name)| name.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::round::Round;
    use crate::domain::text::Lang;

    const KNOWN: &[Parameter] = &[
        Parameter { name: "round", takes_th: "วันนับ", takes_en: "a count day" },
        Parameter { name: "limit", takes_th: "จำนวนเต็ม", takes_en: "a whole number" },
    ];

    fn faults(text: &str) -> Vec<(String, Option<String>)> {
        let mut query = Query::read(text, KNOWN);
        let round = query.need("round", Round::parse);
        query.take("limit", str::parse::<u32>);
        let problem = query.finish(round).map(|_| ()).err();
        let body = problem.map(|problem| problem.body(Lang::En, "req_1"));
        body.into_iter().flat_map(|body| body.errors).map(|error| (error.pointer, error.did_you_mean)).collect()
    }

    #[test]
    fn every_fault_is_told_at_once() {
        assert_eq!(faults("round=2026-06-10&limit=5"), []);
        let told = faults("rond=2026-06-10&limit=five&Limit=3");
        assert_eq!(
            told,
            [
                ("/query/rond".to_owned(), Some("round".to_owned())),
                ("/query/Limit".to_owned(), Some("limit".to_owned())),
                ("/query/round".to_owned(), None),
                ("/query/limit".to_owned(), None),
            ]
        );
    }

    #[test]
    fn repeated_parameters_and_names_that_are_no_names_are_refused_unrepeated() {
        assert_eq!(faults("round=2569/1&round=2569/2"), [("/query/round".to_owned(), None)]);
        assert_eq!(faults("round=2569/1&1999900000013=x"), [("/query".to_owned(), None)]);
    }
}
