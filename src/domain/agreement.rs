//! What the ministry and an agency agree on: what for, with which mappings the agency's clients send, which fields they read, from
//! when until when, and how well it is to go.
//!
//! Owns the way of it: a [`Wish`] is as somebody wrote it; [`Terms`] are checked against what there is to agree on; [`Grants`] are
//! what agreements in force give a client, and only those in force make any. Whether one is in force follows from its day, so
//! nothing has to be done when it ends. Refuses a wish that reaches further than its purposes or its agency, with every reason.

use super::agency::AgencyCode;
use super::ids::{AgreementId, ClientId, PersonId};
use super::principal::Scope;
use super::purpose::Purpose;
use super::text::Bilingual;
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::{Offset, TimeZone};
use serde::{Deserialize, Serialize};
use std::collections::{BTreeMap, BTreeSet};

/// Days of the longest term: three years.
pub const DAYS_MAX: i32 = 1_096;
/// Purposes, mappings, clients or fields of one agreement, each.
pub const ITEMS_MAX: usize = 200;
/// Days before the end at which it is said more urgently.
pub const WARN_DAYS: [i64; 3] = [7, 30, 60];
const BP_MAX: u32 = 10_000;
const LATENCY_MS_MAX: u32 = 600_000;

/// Agreements begin and end with days in Thailand.
pub fn day_in_thailand(at: Timestamp) -> Date {
    at.to_zoned(TimeZone::fixed(Offset::constant(7))).date()
}

/// As an officer of the agency asks for it; nothing of it is checked.
#[derive(Debug, Clone, Default)]
pub struct Wish {
    pub purposes: Vec<String>,
    pub submits: Vec<String>,
    pub fields: BTreeMap<String, Vec<String>>,
    pub clients: Vec<String>,
    pub from: String,
    pub until: String,
    pub contact: String,
    pub service: Targets,
}

/// How well it is to go; what is left out is not promised.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct Targets {
    /// Requests answered without a fault of the gateway, in hundredths of a per cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub availability_bp: Option<u32>,
    /// 95 of 100 requests that read are answered within this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub read_p95_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub submit_p95_ms: Option<u32>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub lookup_p95_ms: Option<u32>,
    /// The agency sends each data set at least this often.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub freshness_days: Option<u32>,
    /// Rounds in force before their due day, in hundredths of a per cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub on_time_bp: Option<u32>,
    /// Rows of a round's first file that are accepted, in hundredths of a per cent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_time_bp: Option<u32>,
}

/// What may be agreed on: asked while a wish is checked.
pub trait Offer {
    fn purpose(&self, code: &str) -> Option<&Purpose>;
    /// The agency whose files a mapping reads.
    fn agency_of_mapping(&self, name: &str) -> Option<AgencyCode>;
    /// Is it a client of this agency that is not revoked?
    fn is_client_of(&self, id: &ClientId, agency: AgencyCode) -> bool;
    /// Has this person an account for the agency that is not disabled?
    fn is_person_of(&self, id: &PersonId, agency: AgencyCode) -> bool;
}

/// What can't be agreed on, and where it stands in the wish.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WishFault {
    /// `/purposes/0`
    pub pointer: String,
    pub text: Bilingual,
}

/// A wish that was found in order; only [`Terms::of`] makes one, and the store brings it back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Terms {
    agency: AgencyCode,
    purposes: Vec<String>,
    submits: Vec<String>,
    fields: BTreeMap<String, Vec<String>>,
    clients: Vec<ClientId>,
    #[serde(with = "day")]
    from: Date,
    #[serde(with = "day")]
    until: Date,
    contact: PersonId,
    service: Targets,
}

mod day {
    //! A day as its ISO text.
    use jiff::civil::Date;
    use serde::{Deserialize, Deserializer, Serializer, de::Error};

    pub fn serialize<S: Serializer>(day: &Date, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(day)
    }

    pub fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Date, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// How far an agreement came, as it is stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Standing {
    Draft,
    Proposed,
    Approved,
    Rejected,
    Terminated,
}

impl Standing {
    const ALL: [Standing; 5] =
        [Standing::Draft, Standing::Proposed, Standing::Approved, Standing::Rejected, Standing::Terminated];

    pub fn as_str(self) -> &'static str {
        match self {
            Standing::Draft => "draft",
            Standing::Proposed => "proposed",
            Standing::Approved => "approved",
            Standing::Rejected => "rejected",
            Standing::Terminated => "terminated",
        }
    }

    pub fn parse(text: &str) -> Option<Standing> {
        Standing::ALL.into_iter().find(|standing| standing.as_str() == text)
    }
}

/// How an agreement stands on a day: draft → proposed → approved → in force → ended, or rejected, or terminated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Stage {
    Draft,
    Proposed,
    Rejected,
    /// Its first day is to come.
    Approved,
    InForce,
    Ended,
    Terminated,
}

impl Stage {
    pub const ALL: [Stage; 7] = [
        Stage::Draft,
        Stage::Proposed,
        Stage::Rejected,
        Stage::Approved,
        Stage::InForce,
        Stage::Ended,
        Stage::Terminated,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Stage::Draft => "draft",
            Stage::Proposed => "proposed",
            Stage::Rejected => "rejected",
            Stage::Approved => "approved",
            Stage::InForce => "in-force",
            Stage::Ended => "ended",
            Stage::Terminated => "terminated",
        }
    }

    pub fn parse(text: &str) -> Option<Stage> {
        Stage::ALL.into_iter().find(|stage| stage.as_str() == text)
    }

    pub fn said(self) -> Bilingual {
        let (th, en) = match self {
            Stage::Draft => ("ร่าง", "draft"),
            Stage::Proposed => ("รออนุมัติ", "proposed"),
            Stage::Rejected => ("ไม่อนุมัติ", "rejected"),
            Stage::Approved => ("อนุมัติแล้ว ยังไม่เริ่ม", "approved, not begun"),
            Stage::InForce => ("มีผล", "in force"),
            Stage::Ended => ("สิ้นสุดแล้ว", "ended"),
            Stage::Terminated => ("ยกเลิกแล้ว", "terminated"),
        };
        Bilingual::new(th, en)
    }

    pub fn of(standing: Standing, terms: &Terms, today: Date) -> Stage {
        match standing {
            Standing::Draft => Stage::Draft,
            Standing::Proposed => Stage::Proposed,
            Standing::Rejected => Stage::Rejected,
            Standing::Terminated => Stage::Terminated,
            Standing::Approved if today < terms.from => Stage::Approved,
            Standing::Approved if today > terms.until => Stage::Ended,
            Standing::Approved => Stage::InForce,
        }
    }
}

impl Terms {
    pub fn agency(&self) -> AgencyCode {
        self.agency
    }

    pub fn purposes(&self) -> &[String] {
        &self.purposes
    }

    /// Mappings that files are sent with.
    pub fn submits(&self) -> &[String] {
        &self.submits
    }

    /// What is read, by standard.
    pub fn fields(&self) -> &BTreeMap<String, Vec<String>> {
        &self.fields
    }

    pub fn clients(&self) -> &[ClientId] {
        &self.clients
    }

    pub fn from(&self) -> Date {
        self.from
    }

    /// The last day.
    pub fn until(&self) -> Date {
        self.until
    }

    /// Who answers for it at the agency: an account, so that a name stands nowhere but with it.
    pub fn contact(&self) -> &PersonId {
        &self.contact
    }

    pub fn service(&self) -> &Targets {
        &self.service
    }

    /// Days that are left after `today`; below zero: it is over.
    pub fn days_left(&self, today: Date) -> i64 {
        days_between(today, self.until)
    }

    /// The same from another day to another, to be checked again.
    pub fn wished_again(&self, from: &str, until: &str) -> Wish {
        Wish {
            purposes: self.purposes.clone(),
            submits: self.submits.clone(),
            fields: self.fields.clone(),
            clients: self.clients.iter().map(ClientId::to_string).collect(),
            from: from.to_owned(),
            until: until.to_owned(),
            contact: self.contact.to_string(),
            service: self.service,
        }
    }
}

pub fn days_between(from: Date, until: Date) -> i64 {
    from.until(until).map_or(0, |span| i64::from(span.get_days()))
}

/// What agreements in force give one client.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Grants {
    agreements: Vec<AgreementId>,
    scopes: BTreeSet<Scope>,
    submits: BTreeSet<String>,
    /// By purpose and standard.
    fields: BTreeMap<(String, String), BTreeSet<String>>,
}

impl Grants {
    /// `all`: every agreement that covers the client. None: none of them is in force. A field that its purposes release no more
    /// is given no more.
    pub fn of<'a>(
        all: impl Iterator<Item = (&'a AgreementId, Standing, &'a Terms)>,
        today: Date,
        purpose: impl Fn(&str) -> Option<&'a Purpose>,
    ) -> Option<Grants> {
        let mut grants = Grants {
            agreements: Vec::new(),
            scopes: BTreeSet::new(),
            submits: BTreeSet::new(),
            fields: BTreeMap::new(),
        };
        for (id, _, terms) in all.filter(|(_, standing, terms)| Stage::of(*standing, terms, today) == Stage::InForce) {
            grants.agreements.push(id.clone());
            if !terms.submits.is_empty() {
                grants.scopes.insert(Scope::AgencySubmit);
                grants.submits.extend(terms.submits.iter().cloned());
            }
            let purposes: Vec<&Purpose> = terms.purposes.iter().filter_map(|code| purpose(code)).collect();
            for purpose in &purposes {
                grants.scopes.extend(purpose.used_by.iter().filter(|scope| scope.needs_agency()));
            }
            for purpose in &purposes {
                for (standard, fields) in &terms.fields {
                    let given = fields.iter().filter(|field| purpose.fields_of(standard).contains(field)).cloned();
                    let of = (purpose.code.as_str().to_owned(), standard.clone());
                    grants.fields.entry(of).or_default().extend(given);
                }
            }
        }
        (!grants.agreements.is_empty()).then_some(grants)
    }

    pub fn agreements(&self) -> &[AgreementId] {
        &self.agreements
    }

    pub fn gives(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }

    pub fn may_submit(&self, mapping: &str) -> bool {
        self.submits.contains(mapping)
    }

    /// What may be read for a purpose; none: nothing of this standard.
    pub fn fields_of(&self, purpose: &str, standard: &str) -> Option<&BTreeSet<String>> {
        let of = (purpose.to_owned(), standard.to_owned());
        self.fields.get(&of).filter(|fields| !fields.is_empty())
    }
}

/// Everything a wish is checked for, with all that is wrong.
struct Check<'o> {
    offer: &'o dyn Offer,
    agency: AgencyCode,
    faults: Vec<WishFault>,
}

impl Terms {
    /// Errors: every reason why it can't be agreed on.
    pub fn of(wish: &Wish, agency: AgencyCode, today: Date, offer: &dyn Offer) -> Result<Terms, Vec<WishFault>> {
        let mut check = Check { offer, agency, faults: Vec::new() };
        check.purposes(wish);
        check.submits(wish);
        check.fields(wish);
        if wish.submits.is_empty() && wish.fields.is_empty() {
            check.fault(
                "/submits",
                "ต้องมี submits หรือ fields อย่างน้อยหนึ่งอย่าง",
                "Something is to be sent or read: give `submits` or `fields`.",
            );
        }
        let clients = check.clients(wish);
        let term = check.term(wish, today);
        let contact = check.contact(wish);
        check.targets(&wish.service);
        match (term, contact) {
            (Some((from, until)), Some(contact)) if check.faults.is_empty() => Ok(Terms {
                agency,
                purposes: wish.purposes.clone(),
                submits: wish.submits.clone(),
                fields: wish.fields.clone(),
                clients,
                from,
                until,
                contact,
                service: wish.service,
            }),
            _ => Err(check.faults),
        }
    }
}

/// A value as it may stand in an answer: a name of ours. What has other letters, or many digits, may be somebody's number.
fn shown(value: &str) -> String {
    let is_name = value.len() <= 64
        && value.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'-' | b'_' | b'/' | b'.' | b'@'))
        && value.bytes().filter(u8::is_ascii_digit).count() < 9;
    if is_name { format!("«{value}»") } else { String::from("«…»") }
}

impl Check<'_> {
    fn fault(&mut self, pointer: impl Into<String>, th: impl Into<String>, en: impl Into<String>) {
        self.faults.push(WishFault { pointer: pointer.into(), text: Bilingual::new(th, en) });
    }

    /// Each once, and not too many. `at`: its place in the wish.
    fn list(&mut self, at: &str, values: &[String]) {
        if values.len() > ITEMS_MAX {
            self.fault(at, format!("มีได้ไม่เกิน {ITEMS_MAX} รายการ"), format!("At most {ITEMS_MAX} are taken."));
        }
        for (number, value) in values.iter().enumerate().take(ITEMS_MAX) {
            if values[..number].contains(value) {
                let value = shown(value);
                self.fault(format!("{at}/{number}"), format!("{value} ซ้ำ"), format!("{value} stands twice."));
            }
        }
    }

    fn purposes(&mut self, wish: &Wish) {
        self.list("/purposes", &wish.purposes);
        if wish.purposes.is_empty() {
            self.fault(
                "/purposes",
                "ต้องระบุวัตถุประสงค์อย่างน้อยหนึ่งข้อ ดูรายการที่ /v1/purposes",
                "Say what for: at least one purpose of /v1/purposes.",
            );
        }
        for (number, code) in wish.purposes.iter().enumerate().take(ITEMS_MAX) {
            let (at, value, slug) = (format!("/purposes/{number}"), shown(code), self.agency.slug().to_owned());
            let Some(purpose) = self.offer.purpose(code) else {
                self.fault(
                    at,
                    format!("ไม่มีวัตถุประสงค์ {value} ดูรายการที่ /v1/purposes"),
                    format!("There is no purpose {value}; /v1/purposes lists them."),
                );
                continue;
            };
            let is_for_agencies = purpose.used_by.iter().any(|scope| scope.needs_agency());
            let is_for_this = purpose.agencies.is_empty() || purpose.agencies.contains(&self.agency);
            if !is_for_agencies || !is_for_this {
                self.fault(
                    at,
                    format!("วัตถุประสงค์ {value} ไม่ได้เปิดให้หน่วยงาน {slug}"),
                    format!("The purpose {value} is not open to the agency {slug}."),
                );
            }
        }
    }

    fn submits(&mut self, wish: &Wish) {
        self.list("/submits", &wish.submits);
        for (number, name) in wish.submits.iter().enumerate().take(ITEMS_MAX) {
            if self.offer.agency_of_mapping(name) != Some(self.agency) {
                let (value, slug) = (shown(name), self.agency.slug().to_owned());
                self.fault(
                    format!("/submits/{number}"),
                    format!("{value} ไม่ใช่ผัง (mapping) ของหน่วยงาน {slug} ดูรายการที่ /v1/mappings"),
                    format!("{value} is no mapping of the agency {slug}; /v1/mappings lists them."),
                );
            }
        }
    }

    fn fields(&mut self, wish: &Wish) {
        for (standard, fields) in wish.fields.iter().take(ITEMS_MAX) {
            let at =
                format!("/fields/{}", if shown(standard) == "«…»" { "…".into() } else { standard.replace('/', "~1") });
            self.list(&at, fields);
            let offer = self.offer;
            let purposes: Vec<&Purpose> = wish.purposes.iter().filter_map(|code| offer.purpose(code)).collect();
            let is_released = |field: &String| purposes.iter().any(|one| one.fields_of(standard).contains(field));
            if fields.is_empty() || !purposes.iter().any(|purpose| !purpose.fields_of(standard).is_empty()) {
                let value = shown(standard);
                self.fault(
                    at,
                    format!("วัตถุประสงค์ที่ขอไม่เปิดข้อมูลใดของมาตรฐาน {value} หรือยังไม่ได้ระบุข้อมูล"),
                    format!("The purposes release nothing of the standard {value}, or no field is named."),
                );
                continue;
            }
            for (number, field) in fields.iter().enumerate().take(ITEMS_MAX).filter(|(_, field)| !is_released(field)) {
                let (value, standard) = (shown(field), shown(standard));
                self.fault(
                    format!("{at}/{number}"),
                    format!("ข้อมูล {value} ของ {standard} เกินกว่าที่วัตถุประสงค์ที่ขอเปิดให้"),
                    format!("The field {value} of {standard} is not released by the purposes that are asked for."),
                );
            }
        }
    }

    fn clients(&mut self, wish: &Wish) -> Vec<ClientId> {
        self.list("/clients", &wish.clients);
        if wish.clients.is_empty() {
            self.fault("/clients", "ต้องระบุระบบลูกข่ายอย่างน้อยหนึ่งระบบ", "Name at least one client.");
        }
        let mut found = Vec::new();
        for (number, text) in wish.clients.iter().enumerate().take(ITEMS_MAX) {
            match ClientId::parse(text).ok().filter(|id| self.offer.is_client_of(id, self.agency)) {
                Some(id) => found.push(id),
                None => {
                    let value = ClientId::parse(text).map_or_else(|_| shown(text), |id| format!("«{id}»"));
                    let slug = self.agency.slug().to_owned();
                    self.fault(
                        format!("/clients/{number}"),
                        format!("{value} ไม่ใช่ระบบลูกข่ายของหน่วยงาน {slug} หรือถูกเพิกถอนแล้ว"),
                        format!("{value} is no client of the agency {slug}, or it is revoked."),
                    );
                }
            }
        }
        found
    }

    fn term(&mut self, wish: &Wish, today: Date) -> Option<(Date, Date)> {
        let mut day = |at: &str, text: &str| -> Option<Date> {
            let read = text.parse::<Date>().ok().filter(|_| text.len() == 10);
            if read.is_none() {
                self.fault(at, "ต้องเป็นวันที่ ค.ศ. เช่น 2026-10-01", "It is to be a day such as 2026-10-01.");
            }
            read
        };
        let (from, until) = (day("/from", &wish.from), day("/until", &wish.until));
        let (from, until) = (from?, until?);
        let days = days_between(from, until) + 1;
        if days < 1 || days > i64::from(DAYS_MAX) {
            self.fault(
                "/until",
                format!("{until}: ต้องไม่ก่อนวันเริ่ม {from} และไม่เกิน {DAYS_MAX} วัน (3 ปี)"),
                format!("{until}: not before {from}, and at most {DAYS_MAX} days (three years) in all."),
            );
        } else if until < today {
            self.fault("/until", format!("{until} ผ่านไปแล้ว"), format!("{until} is past."));
        }
        Some((from, until))
    }

    fn contact(&mut self, wish: &Wish) -> Option<PersonId> {
        let found = PersonId::parse(&wish.contact).ok().filter(|id| self.offer.is_person_of(id, self.agency));
        if found.is_none() {
            self.fault(
                "/contact",
                "ต้องเป็นรหัสบัญชี (per_…) ของบุคคลในหน่วยงานนี้ที่ยังใช้งานอยู่ ไม่ใช่ชื่อ",
                "It is to be the id (per_…) of a person's account of this agency that is in use, not a name.",
            );
        }
        found
    }

    fn targets(&mut self, targets: &Targets) {
        let shares = [
            ("availability_bp", targets.availability_bp),
            ("on_time_bp", targets.on_time_bp),
            ("first_time_bp", targets.first_time_bp),
        ];
        let times = [
            ("read_p95_ms", targets.read_p95_ms),
            ("submit_p95_ms", targets.submit_p95_ms),
            ("lookup_p95_ms", targets.lookup_p95_ms),
        ];
        let days = [("freshness_days", targets.freshness_days)];
        let all = shares.iter().map(|one| (one, BP_MAX));
        let all = all.chain(times.iter().map(|one| (one, LATENCY_MS_MAX))).chain(days.iter().map(|one| (one, 366)));
        for ((name, value), max) in all {
            if let Some(value) = value.filter(|value| !(1..=max).contains(value)) {
                self.fault(
                    format!("/service/{name}"),
                    format!("{value} ต้องเป็น 1 ถึง {max}"),
                    format!("{value} is not a number from 1 to {max}."),
                );
            }
        }
    }
}

#[cfg(test)]
#[path = "agreement_tests.rs"]
mod tests;
