//! Text for people, in the two languages of the gateway.
//!
//! Owns the pair Thai/English and the choice between them. Refuses a text that exists in one
//! language only: both fields are required wherever a message is read from data.

use serde::{Deserialize, Serialize};

/// The language a person reads. Thai is the default everywhere (the ministry's own language).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Lang {
    #[default]
    Th,
    En,
}

impl Lang {
    /// The first supported language of an `Accept-Language` header (RFC 9110 §12.5.4), else Thai.
    /// Quality values order the choice; unknown languages are passed over.
    pub fn from_accept_language(header: &str) -> Lang {
        let mut best = (Lang::Th, 0.0_f32);
        for part in header.split(',').take(32) {
            let mut pieces = part.trim().split(';');
            let tag = pieces.next().unwrap_or("").trim().to_ascii_lowercase();
            let quality =
                pieces.find_map(|p| p.trim().strip_prefix("q=").and_then(|q| q.parse::<f32>().ok())).unwrap_or(1.0);
            let lang = match tag.split('-').next() {
                Some("th") => Lang::Th,
                Some("en") => Lang::En,
                _ => continue,
            };
            if quality > best.1 {
                best = (lang, quality);
            }
        }
        best.0
    }
}

/// One message in both languages.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Bilingual {
    pub th: String,
    pub en: String,
}

impl Bilingual {
    pub fn new(th: impl Into<String>, en: impl Into<String>) -> Self {
        Bilingual { th: th.into(), en: en.into() }
    }

    pub fn get(&self, lang: Lang) -> &str {
        match lang {
            Lang::Th => &self.th,
            Lang::En => &self.en,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn accept_language_follows_quality_and_defaults_to_thai() {
        assert_eq!(Lang::from_accept_language("en-GB,en;q=0.9"), Lang::En);
        assert_eq!(Lang::from_accept_language("fr, en;q=0.2, th;q=0.8"), Lang::Th);
        assert_eq!(Lang::from_accept_language("de"), Lang::Th);
        assert_eq!(Lang::from_accept_language(""), Lang::Th);
    }
}
