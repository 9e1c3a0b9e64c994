//! People of these tests: made as the operator makes them, set up as they do it themselves, and their telephones.

use super::Gateway;
use super::browser::Browser;
use data_encoding::BASE32_NOPAD;
use saphan::app::people::{PersonTerms, SignedIn, Visit};
use saphan::domain::agency::AgencyCode;
use saphan::domain::ids::PersonId;
use saphan::domain::principal::{Principal, Scope};
use saphan::vault::{STEP_SECONDS, totp_code};

pub const PASSWORD: &str = "ลมเย็นพัดผ่านทุ่งนา";

/// Somebody with an account.
pub struct Person {
    pub id: PersonId,
    pub sign_in: String,
    pub totp: Vec<u8>,
}

pub fn terms(sign_in: &str, agency: Option<&str>, roles: &[Scope]) -> PersonTerms {
    PersonTerms {
        name: format!("Name of {sign_in}"),
        sign_in: Some(sign_in.to_owned()),
        agency: agency.map(|agency| AgencyCode::parse(agency).unwrap()),
        roles: roles.to_vec(),
        subject: None,
    }
}

/// What an app shows that was given this secret.
pub fn code_of(gateway: &Gateway, totp: &[u8]) -> String {
    totp_code(totp, gateway.now().as_second().div_euclid(STEP_SECONDS)).unwrap()
}

impl Person {
    /// Set up and ready to sign in; the clock goes on by a step, because the code of this one was used.
    pub async fn new(gateway: &Gateway, sign_in: &str, agency: Option<&str>, roles: &[Scope]) -> Person {
        let app = &gateway.app;
        let invited = app.add_person(&Principal::Operator, terms(sign_in, agency, roles)).await.unwrap();
        let secret = app.begin_start(&invited.code.unwrap()).await.unwrap();
        let enrolment = app.enrolment(&secret).await.unwrap();
        let totp = BASE32_NOPAD.decode(enrolment.secret.as_bytes()).unwrap();
        app.finish_start(&secret, PASSWORD, PASSWORD, &code_of(gateway, &totp)).await.unwrap();
        gateway.advance(STEP_SECONDS);
        Person { id: invited.id, sign_in: sign_in.to_owned(), totp }
    }

    pub fn code(&self, gateway: &Gateway) -> String {
        code_of(gateway, &self.totp)
    }

    /// From a browser that nobody knows; the clock goes on by a step afterwards.
    pub async fn sign_in(&self, gateway: &Gateway) -> SignedIn {
        let half = gateway.app.check_password(&self.sign_in, PASSWORD, Visit::default()).await.unwrap();
        let signed_in = gateway.app.check_code(&half, &self.code(gateway), Visit::default()).await.unwrap();
        gateway.advance(STEP_SECONDS);
        signed_in
    }
}

/// A browser in which this person signed in by the pages.
pub async fn browser_of(gateway: &Gateway, person: &Person) -> Browser {
    let mut browser = Browser::default();
    browser.get(gateway, "/console/sign-in").await;
    let fields = [("sign_in", person.sign_in.as_str()), ("password", PASSWORD)];
    let next = browser.post(gateway, "/console/sign-in", &fields).await;
    assert_eq!((next.status, &*next.location), (303, "/console/code?lang=en"), "{}", next.text);
    browser.get(gateway, "/console/code").await;
    let next = browser.post(gateway, "/console/code", &[("code", &person.code(gateway))]).await;
    assert_eq!((next.status, &*next.location), (303, "/console?lang=en"), "{}", next.text);
    gateway.advance(STEP_SECONDS);
    browser
}
