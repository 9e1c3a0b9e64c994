//! Signing in at a provider of identities (OpenID Connect, code and PKCE), begun at one gateway and finished at any.
//!
//! Owns who somebody is here whom the provider vouches for: the person with this subject at this issuer, who was made known
//! beforehand. What proves the way back (nonce, verifier) waits in the store, sealed, for one browser, once, for ten minutes.
//!
//! Refuses everybody who is not known, without saying whether an account is disabled, and tells the provider's faults from
//! those of the person.

use super::Visitor;
use crate::app::{App, AppError, journal_entry};
use crate::domain::principal::Principal;
use crate::domain::text::{Bilingual, Lang};
use crate::sso::{self, Asked, Expected, Provider, SsoError, TokenFault};
use crate::store::{How, SsoFlow, Stage};
use crate::vault::{ProviderKeys, SignedFault, hash_token, random_token, sha256};
use data_encoding::BASE64URL_NOPAD;
use jiff::SignedDuration;
use serde::{Deserialize, Serialize};

/// For signing in at the provider, with whatever it asks.
const FLOW_SECONDS: i64 = 600;
/// Characters of a code; the longest known have some thousands.
const CODE_CHARS_MAX: usize = 4_096;
/// Characters of a subject that are shown, so that two people can tell which account it was.
const SHOWN_CHARS: usize = 3;

/// The way back from the provider.
pub const CALLBACK: &str = "/console/oidc/callback";
/// Where the browser arrives that signed out at the provider.
const SIGNED_OUT: &str = "/console/sign-in";

/// Why nobody was signed in, one variant per cause.
#[derive(Debug, thiserror::Error)]
pub enum SignOnError {
    #[error("there is no single sign-on here")]
    Off,
    #[error("the person, or the provider in their place, said no")]
    Declined,
    /// Not told apart: who tries states by chance learns nothing.
    #[error("the sign-in is unknown here, of another browser, used, or over")]
    Flow,
    #[error("the times of the provider and of this machine differ")]
    Clock,
    #[error("the provider is away")]
    Away(#[source] SsoError),
    #[error("the provider's answer is not as it has to be")]
    Provider(#[source] SsoError),
    #[error("the ID token is not signed by the provider")]
    Signature(#[source] SignedFault),
    #[error("the provider answered with the error {0}")]
    Answer(&'static str),
    #[error("the answer names another issuer")]
    Mixed,
    /// The subject's ends only.
    #[error("nobody is known here by this subject")]
    Stranger { subject: String },
}

impl From<SsoError> for SignOnError {
    fn from(error: SsoError) -> Self {
        match error {
            SsoError::Token(TokenFault::Time) => SignOnError::Clock,
            SsoError::Code => SignOnError::Flow,
            error if error.is_away() => SignOnError::Away(error),
            error => SignOnError::Provider(error),
        }
    }
}

impl SignOnError {
    /// What is wrong, and what to do now.
    pub fn told(&self) -> Bilingual {
        let (th, en) = match self {
            SignOnError::Off => (
                "ระบบนี้ไม่ได้เปิดการเข้าระบบด้วยบัญชีของผู้ให้บริการ ให้เข้าระบบด้วยชื่อและรหัสผ่าน",
                "Single sign-on is not set up here. Sign in with your name and password.",
            ),
            SignOnError::Declined => (
                "การเข้าระบบถูกยกเลิกที่ผู้ให้บริการ จึงยังไม่ได้เข้าระบบ หากไม่ได้ตั้งใจยกเลิก ให้เริ่มใหม่",
                "The sign-in was cancelled or refused at the provider, so you are not signed in. If you did not mean to, start again.",
            ),
            SignOnError::Flow => (
                "การเข้าระบบครั้งนี้ใช้ไปแล้ว เกิน 10 นาที หรือเริ่มไว้ในเบราว์เซอร์อื่น เริ่มใหม่จากหน้าเข้าระบบ",
                "This sign-in was used already, took longer than 10 minutes, or was begun in another browser. Start again from the sign-in page.",
            ),
            SignOnError::Clock => (
                "เวลาของผู้ให้บริการกับของระบบนี้ต่างกันเกิน 1 นาที จึงเชื่อการยืนยันตัวไม่ได้ แจ้งผู้ดูแลระบบให้ตรวจนาฬิกาของเครื่อง (NTP)",
                "The clocks of the provider and of this gateway differ by more than a minute, so the proof can't be believed. Ask the administrators to check the machine's clock (NTP).",
            ),
            SignOnError::Away(_) => (
                "ติดต่อผู้ให้บริการบัญชีไม่ได้ในขณะนี้ รอสักครู่แล้วลองใหม่ หรือเข้าระบบด้วยชื่อและรหัสผ่านหากมี",
                "The provider of accounts can't be reached at this moment. Wait a little and try again, or sign in with name and password if you have them.",
            ),
            SignOnError::Provider(_) | SignOnError::Signature(_) | SignOnError::Answer(_) | SignOnError::Mixed => (
                "คำตอบของผู้ให้บริการบัญชีไม่ถูกต้อง จึงไม่ได้เข้าระบบ แจ้งผู้ดูแลระบบพร้อมรหัสคำขอด้านล่าง สาเหตุอยู่ในบันทึกของระบบ",
                "The provider's answer is not as it has to be, so you are not signed in. Tell the administrators the request id below; the log says why.",
            ),
            SignOnError::Stranger { subject } => {
                return Bilingual::new(
                    format!(
                        "ผู้ให้บริการยืนยันตัวท่านแล้ว (รหัส {subject}) แต่ไม่มีบัญชีที่เปิดใช้ที่นี่ \
                         ขอบัญชีจากผู้ดูแลสิทธิ์ (access.admin) ของหน่วยงานหรือของกระทรวง แล้วเข้าระบบใหม่"
                    ),
                    format!(
                        "The provider vouches for you (subject {subject}), but no account that is open here is yours. Ask the \
                         access administrator (access.admin) of your agency or of the ministry for one, then sign in again."
                    ),
                );
            }
        };
        Bilingual::new(th, en)
    }

    /// For the journal, where somebody was at the door whom it did not open for.
    fn refused(&self) -> Option<&'static str> {
        match self {
            SignOnError::Stranger { .. } => Some("unknown-person"),
            SignOnError::Clock => Some("clock"),
            SignOnError::Signature(_) | SignOnError::Provider(SsoError::Token(_)) => Some("token"),
            SignOnError::Mixed => Some("issuer"),
            _ => None,
        }
    }
}

/// A sign-in that goes on at the provider.
#[derive(Debug)]
pub struct SentOn {
    pub address: String,
    /// For the browser's cookie; it stands nowhere else.
    pub browser: String,
}

/// What the provider sends back by way of the browser.
#[derive(Debug, Default)]
pub struct Answer {
    pub state: String,
    pub code: Option<String>,
    pub issuer: Option<String>,
    pub error: Option<String>,
}

/// Somebody who came back, signed in.
#[derive(Debug)]
pub struct SignedOn {
    /// Of the session.
    pub session: String,
    /// In which it was begun.
    pub lang: Lang,
}

/// What waits sealed until the browser is back.
#[derive(Serialize, Deserialize)]
struct Awaited {
    nonce: String,
    verifier: String,
    lang: Lang,
}

fn bound_to(state: &str) -> String {
    format!("sso {state}")
}

/// `abc…xyz`; nothing of one that is too short for that.
fn masked(subject: &str) -> String {
    let letters: Vec<char> = subject.chars().map(|c| if c.is_control() { '?' } else { c }).collect();
    if letters.len() < 4 * SHOWN_CHARS {
        return String::from("…");
    }
    let (first, last) = (&letters[..SHOWN_CHARS], &letters[letters.len() - SHOWN_CHARS..]);
    format!("{}…{}", String::from_iter(first), String::from_iter(last))
}

impl App {
    /// None: people sign in with the accounts of this gateway only.
    pub fn with_provider(self, provider: Option<Provider>) -> Self {
        App { provider: provider.map(std::sync::Arc::new), ..self }
    }

    pub fn has_single_sign_on(&self) -> bool {
        self.provider.is_some()
    }

    fn own_provider(&self) -> Result<&Provider, SignOnError> {
        self.provider.as_deref().ok_or(SignOnError::Off)
    }

    fn own_address(&self, path: &str) -> String {
        format!("{}{path}", self.tokens.issuer)
    }

    /// Errors: `SignOn` with `Off`, `Away`, `Provider`.
    pub async fn begin_sign_on(&self, lang: Lang) -> Result<SentOn, AppError> {
        let provider = self.own_provider()?;
        let (state, browser) = (random_token()?, random_token()?);
        let awaited = Awaited { nonce: random_token()?, verifier: random_token()?, lang };
        let asked = Asked {
            back_to: &self.own_address(CALLBACK),
            state: &state,
            nonce: &awaited.nonce,
            challenge: &BASE64URL_NOPAD.encode(&sha256(awaited.verifier.as_bytes())),
            lang: if lang == Lang::Th { "th" } else { "en" },
        };
        let address = provider.sign_in_address(&asked).await.map_err(SignOnError::from)?;
        let (hash, now) = (hash_token(&state), self.now());
        let plain = serde_json::to_vec(&awaited).map_err(|_| AppError::Worker)?;
        let mut sealed = Vec::new();
        self.vault.seal(bound_to(&hash).as_bytes(), &plain, &mut sealed)?;
        let until = now + SignedDuration::from_secs(FLOW_SECONDS);
        let flow = SsoFlow { state: hash, browser: hash_token(&browser), sealed, until };
        self.store.begin_sso(&flow, now).await?;
        Ok(SentOn { address, browser })
    }

    /// `browser`: what its cookie holds.
    ///
    /// Errors: `SignOn`.
    pub async fn finish_sign_on(&self, browser: Option<&str>, answer: &Answer) -> Result<SignedOn, AppError> {
        let done = self.signed_on(browser, answer).await;
        if let Err(AppError::SignOn(error)) = &done
            && let Some(why) = error.refused()
        {
            let detail = serde_json::json!({ "how": How::Sso.as_str(), "why": why });
            let entry = journal_entry(&Principal::Anonymous, "person.sign-in-refused", "unknown", detail);
            self.store.append_journal(&entry).await?;
        }
        done
    }

    async fn signed_on(&self, browser: Option<&str>, answer: &Answer) -> Result<SignedOn, AppError> {
        let provider = self.own_provider()?;
        let browser = browser.ok_or(SignOnError::Flow)?;
        // Used up before anything else is looked at: whatever comes of it, it does not come twice.
        let state = hash_token(&answer.state);
        let sealed = self.store.take_sso(&state, &hash_token(browser), self.now()).await?.ok_or(SignOnError::Flow)?;
        let mut plain = Vec::new();
        self.vault.unseal(bound_to(&state).as_bytes(), &sealed, &mut plain)?;
        let awaited: Awaited = serde_json::from_slice(&plain).map_err(|_| AppError::Worker)?;
        if !provider.is_answer_of(answer.issuer.as_deref()).await.map_err(SignOnError::from)? {
            return Err(SignOnError::Mixed.into());
        }
        let code = code_of(answer)?;
        let back_to = self.own_address(CALLBACK);
        let token = provider.id_token(code, &awaited.verifier, &back_to).await.map_err(SignOnError::from)?;
        let claims = self.opened(provider, &token).await?;
        let expected = Expected {
            issuer: provider.issuer(),
            client_id: provider.client_id(),
            nonce: &awaited.nonce,
            now: self.now().as_second(),
        };
        let subject = sso::subject(&claims, &expected).map_err(|fault| SignOnError::from(SsoError::from(fault)))?;
        let known = self.subject(provider.issuer(), &subject)?;
        let person = self.store.person_by_subject(&known).await?;
        let person = person.ok_or_else(|| SignOnError::Stranger { subject: masked(&subject) })?;
        let (session, new) = self.new_session(&person, Stage::In, How::Sso)?;
        let detail = serde_json::json!({ "how": How::Sso.as_str(), "session": new.id });
        let entry = journal_entry(&self.principal_of(&person)?, "person.sign-in", person.id.as_str(), detail);
        self.store.sign_in(None, &new, None, &entry).await?;
        Ok(SignedOn { session, lang: awaited.lang })
    }

    /// What the token says, signed by a key that the provider has now.
    async fn opened(&self, provider: &Provider, token: &str) -> Result<Vec<u8>, SignOnError> {
        let mut anew = false;
        loop {
            let text = provider.keys(anew).await?;
            let keys = ProviderKeys::parse(&text).ok_or(SignOnError::Provider(SsoError::Unreadable("keys")))?;
            match keys.open(token) {
                // Changed since they were asked for, under the same name or another one.
                Err(SignedFault::NoKey | SignedFault::Signature) if !anew => anew = true,
                opened => return opened.map_err(SignOnError::Signature),
            }
        }
    }

    /// Where somebody signs out at the provider too who came from there. None: there is no such place, or it is away.
    pub async fn sign_out_address(&self, visitor: &Visitor) -> Option<String> {
        let provider = self.provider.as_deref().filter(|_| visitor.how == How::Sso)?;
        provider.sign_out_address(&self.own_address(SIGNED_OUT)).await.ok().flatten()
    }
}

fn code_of(answer: &Answer) -> Result<&str, SignOnError> {
    match answer.error.as_deref() {
        Some("access_denied" | "login_required" | "consent_required" | "interaction_required") => {
            return Err(SignOnError::Declined);
        }
        Some("temporarily_unavailable" | "server_error") => return Err(SignOnError::Away(SsoError::Status(503))),
        // Not repeated: anybody may have written it.
        Some("invalid_request" | "invalid_scope" | "unauthorized_client" | "unsupported_response_type") => {
            return Err(SignOnError::Answer("of a request that it does not take: check the client there"));
        }
        Some(_) => return Err(SignOnError::Answer("of another kind")),
        None => {}
    }
    answer.code.as_deref().filter(|code| (1..=CODE_CHARS_MAX).contains(&code.len())).ok_or(SignOnError::Flow)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_subject_shows_its_ends_alone() {
        assert_eq!(masked("0f8fad5b-d9cb-469f-a165-70867728950e"), "0f8…50e");
        assert_eq!(masked("1234567890123"), "123…123");
        for short in ["", "somjai", "12345678901"] {
            assert_eq!(masked(short), "…");
        }
        assert!(!masked("line\nbreak and more\n").contains('\n'));
    }
}
