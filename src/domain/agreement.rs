//! What the ministry and an agency agree on: what for, with which mappings the agency's clients send, which fields they read, from
//! when until when, and how well it is to go.
//!
//! Owns the way of it: a [`Wish`] is as somebody wrote it; [`Terms`] are checked against what there is to agree on; [`Grants`] are
//! what agreements in force give a client, and only those in force make any. Whether one is in force follows from its day, so
//! nothing has to be done when it ends. Refuses a wish that reaches further than its purposes or its agency, with every reason.

mod check;

use super::agency::AgencyCode;
use super::ids::{AgreementId, ClientId, PersonId};
use super::principal::Scope;
use super::purpose::Purpose;
use super::text::Bilingual;
use jiff::civil::Date;
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

#[cfg(test)]
#[path = "agreement_tests.rs"]
mod tests;
