//! A wish held against what there is to agree on.
//!
//! Owns every reason why something can't be agreed on, each with its place in the wish and its value; all of them are told at once.
//! Refuses to repeat what is no name of ours: it may be somebody's number or name.

use super::{BP_MAX, DAYS_MAX, ITEMS_MAX, LATENCY_MS_MAX, Offer, Targets, Terms, Wish, WishFault, days_between};
use crate::domain::agency::AgencyCode;
use crate::domain::ids::{ClientId, PersonId};
use crate::domain::purpose::Purpose;
use crate::domain::text::Bilingual;
use jiff::civil::Date;

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
