//! One line of the doctor: what was looked at, how it is, and the next step.

use crate::domain::text::Bilingual;

/// From good to bad.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum State {
    Ok,
    Warn,
    Fail,
}

impl State {
    pub fn as_str(self) -> &'static str {
        match self {
            State::Ok => "ok",
            State::Warn => "warn",
            State::Fail => "fail",
        }
    }
}

#[derive(Debug)]
pub struct Finding {
    /// A stable name for scripts.
    pub check: &'static str,
    pub state: State,
    pub text: Bilingual,
    pub step: Option<Bilingual>,
}

impl Finding {
    fn new(check: &'static str, state: State, th: impl Into<String>, en: impl Into<String>) -> Self {
        Finding { check, state, text: Bilingual::new(th, en), step: None }
    }

    pub fn ok(check: &'static str, th: impl Into<String>, en: impl Into<String>) -> Self {
        Finding::new(check, State::Ok, th, en)
    }

    pub fn warn(check: &'static str, th: impl Into<String>, en: impl Into<String>) -> Self {
        Finding::new(check, State::Warn, th, en)
    }

    pub fn fail(check: &'static str, th: impl Into<String>, en: impl Into<String>) -> Self {
        Finding::new(check, State::Fail, th, en)
    }

    /// The next step.
    pub fn then(self, th: impl Into<String>, en: impl Into<String>) -> Self {
        Finding { step: Some(Bilingual::new(th, en)), ..self }
    }

    pub fn json(&self) -> serde_json::Value {
        let both = |text: &Bilingual| serde_json::json!({ "th": text.th, "en": text.en });
        serde_json::json!({
            "check": self.check,
            "state": self.state.as_str(),
            "message": both(&self.text),
            "step": self.step.as_ref().map(both),
        })
    }
}

/// An error with its causes, in its own words; ours hold no address and no secret.
pub fn in_full(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut next = error.source();
    while let Some(error) = next {
        text = format!("{text}: {error}");
        next = error.source();
    }
    text
}
