//! Terms: what is refused and why, and what agreements in force give and others don't.

use super::*;
use crate::domain::purpose::PurposeCode;
use jiff::civil::date;

struct Shelf(BTreeMap<String, Purpose>);

fn purpose(code: &str, right: Scope, fields: &[&str]) -> Purpose {
    Purpose {
        code: PurposeCode::parse(code).unwrap(),
        version: 1,
        title: Bilingual::default(),
        description: Bilingual::default(),
        basis: Vec::new(),
        used_by: vec![right],
        agencies: Vec::new(),
        needs_reference: false,
        fields: BTreeMap::from([("enrolment/1".into(), fields.iter().map(|name| (*name).to_owned()).collect())]),
        log_days: 90,
    }
}

impl Shelf {
    fn new() -> Shelf {
        let all = [
            purpose("own-records", Scope::AgencySubmit, &["learner_id", "grade", "religion"]),
            purpose("transfer", Scope::AgencyLookup, &["learner_id", "grade"]),
            purpose("oversight", Scope::MinistryRead, &["learner_id"]),
        ];
        Shelf(all.into_iter().map(|one| (one.code.as_str().to_owned(), one)).collect())
    }
}

fn agency() -> AgencyCode {
    AgencyCode::parse("obec").unwrap()
}

fn client() -> ClientId {
    ClientId::from_uuid(uuid::Uuid::from_u128(7))
}

fn officer() -> PersonId {
    PersonId::from_uuid(uuid::Uuid::from_u128(8))
}

impl Offer for Shelf {
    fn purpose(&self, code: &str) -> Option<&Purpose> {
        self.0.get(code)
    }

    fn agency_of_mapping(&self, name: &str) -> Option<AgencyCode> {
        AgencyCode::parse(name.split_once('/')?.0).ok()
    }

    fn is_client_of(&self, id: &ClientId, of: AgencyCode) -> bool {
        *id == client() && of == agency()
    }

    fn is_person_of(&self, id: &PersonId, of: AgencyCode) -> bool {
        *id == officer() && of == agency()
    }
}

const TODAY: Date = date(2026, 10, 1);

fn wish() -> Wish {
    Wish {
        purposes: vec!["own-records".into()],
        submits: vec!["obec/enrolments".into()],
        fields: BTreeMap::from([("enrolment/1".into(), vec!["learner_id".into(), "grade".into()])]),
        clients: vec![client().to_string()],
        from: "2026-10-01".into(),
        until: "2027-09-30".into(),
        contact: officer().to_string(),
        service: Targets { availability_bp: Some(9_950), ..Targets::default() },
    }
}

fn faults(change: impl FnOnce(&mut Wish)) -> Vec<String> {
    let mut wish = wish();
    change(&mut wish);
    let faults = Terms::of(&wish, agency(), TODAY, &Shelf::new()).unwrap_err();
    for fault in &faults {
        assert!(fault.text.th.chars().any(|c| ('ก'..='๛').contains(&c)), "{}", fault.text.th);
    }
    faults.into_iter().map(|fault| format!("{} {}", fault.pointer, fault.text.en)).collect()
}

#[test]
fn a_wish_beyond_its_purposes_or_its_agency_is_refused_with_every_reason_and_its_value() {
    assert!(Terms::of(&wish(), agency(), TODAY, &Shelf::new()).is_ok());
    let told = faults(|wish| {
        wish.purposes = vec!["transfer".into(), "oversight".into(), "sport".into(), "transfer".into()];
        wish.submits = vec!["opec/enrolments".into()];
        wish.fields.insert("enrolment/1".into(), vec!["grade".into(), "religion".into()]);
        wish.fields.insert("school/1".into(), vec!["name".into()]);
        wish.clients.push("cli_x".into());
        wish.contact = "สมใจ".into();
        wish.service.availability_bp = Some(10_001);
    });
    assert_eq!(
        told,
        [
            "/purposes/3 «transfer» stands twice.",
            "/purposes/1 The purpose «oversight» is not open to the agency obec.",
            "/purposes/2 There is no purpose «sport»; /v1/purposes lists them.",
            "/submits/0 «opec/enrolments» is no mapping of the agency obec; /v1/mappings lists them.",
            "/fields/enrolment~11/1 The field «religion» of «enrolment/1» is not released by the purposes that are asked for.",
            "/fields/school~11 The purposes release nothing of the standard «school/1», or no field is named.",
            "/clients/1 «cli_x» is no client of the agency obec, or it is revoked.",
            "/contact It is to be the id (per_…) of a person's account of this agency that is in use, not a name.",
            "/service/availability_bp 10001 is not a number from 1 to 10000.",
        ]
    );
    assert_eq!(
        faults(|wish| *wish = Wish { purposes: vec![], ..wish.clone() })[0].split(' ').next(),
        Some("/purposes")
    );
    // What may be somebody's number or name is not repeated.
    for value in ["1994600079353", "สมใจ ดีงาม"] {
        let told = faults(|wish| wish.purposes.push(value.into()));
        assert_eq!(told, ["/purposes/1 There is no purpose «…»; /v1/purposes lists them."]);
    }
}

#[test]
fn a_term_has_its_days_in_order_and_three_years_at_most() {
    for (from, until, word) in [
        ("2026-10-01", "2026-09-30", "not before"),
        ("2026-10-01", "2029-10-01", "three years"),
        ("2025-10-01", "2026-09-30", "is past"),
        ("1.10.2026", "2027-09-30", "a day such as"),
        ("2026-10-01T00:00", "2027-09-30", "a day such as"),
    ] {
        let told = faults(|wish| (wish.from, wish.until) = (from.into(), until.into()));
        assert!(told.len() == 1 && told[0].contains(word), "{told:?}");
    }
    for (from, until) in [("2026-10-01", "2029-09-30"), ("2026-09-01", "2026-10-01")] {
        let terms =
            Terms::of(&Wish { from: from.into(), until: until.into(), ..wish() }, agency(), TODAY, &Shelf::new());
        assert!(terms.is_ok(), "{terms:?}");
    }
}

#[test]
fn an_agreement_gives_what_it_says_from_its_first_day_to_its_last_and_nothing_otherwise() {
    let shelf = Shelf::new();
    let terms = Terms::of(&wish(), agency(), TODAY, &shelf).unwrap();
    let again: Terms = serde_json::from_str(&serde_json::to_string(&terms).unwrap()).unwrap();
    assert_eq!(again, terms);
    let id = AgreementId::from_uuid(uuid::Uuid::nil());
    let on = |standing, day| Grants::of([(&id, standing, &terms)].into_iter(), day, |code| shelf.purpose(code));
    for (standing, day, stage) in [
        (Standing::Approved, date(2026, 9, 30), Stage::Approved),
        (Standing::Approved, date(2027, 10, 1), Stage::Ended),
        (Standing::Terminated, TODAY, Stage::Terminated),
        (Standing::Proposed, TODAY, Stage::Proposed),
        (Standing::Draft, TODAY, Stage::Draft),
        (Standing::Rejected, TODAY, Stage::Rejected),
    ] {
        assert_eq!((Stage::of(standing, &terms, day), on(standing, day)), (stage, None));
    }
    for day in [date(2026, 10, 1), date(2027, 9, 30)] {
        let grants = on(Standing::Approved, day).unwrap();
        assert!(grants.gives(Scope::AgencySubmit) && !grants.gives(Scope::AgencyLookup));
        assert!(grants.may_submit("obec/enrolments") && !grants.may_submit("obec/other"));
        let fields = grants.fields_of("own-records", "enrolment/1").unwrap();
        assert_eq!(fields.iter().map(String::as_str).collect::<Vec<_>>(), ["grade", "learner_id"]);
        assert_eq!(grants.fields_of("transfer", "enrolment/1"), None);
    }
    assert_eq!((terms.days_left(TODAY), terms.days_left(date(2027, 10, 1))), (364, -1));
    // A purpose that releases a field no more takes it out of agreements that are in force.
    let narrowed = purpose("own-records", Scope::AgencySubmit, &["grade"]);
    let narrow = |_: &str| Some(&narrowed);
    let grants = Grants::of([(&id, Standing::Approved, &terms)].into_iter(), TODAY, narrow).unwrap();
    assert_eq!(grants.fields_of("own-records", "enrolment/1").unwrap().len(), 1);
}

#[test]
fn days_are_those_of_thailand() {
    let at = |text: &str| crate::domain::day::day_in_thailand(text.parse().unwrap());
    assert_eq!(at("2026-09-30T16:59:59Z"), date(2026, 9, 30));
    assert_eq!(at("2026-09-30T17:00:00Z"), date(2026, 10, 1));
}
