//! Words to yes or no: only the words the mapping names, exactly.

use super::outcome::{Fault, Outcome};
use crate::domain::rule;

pub fn boolean(text: &str, yes: &[Box<str>], no: &[Box<str>]) -> Outcome<bool> {
    if yes.iter().any(|word| **word == *text) {
        Outcome::Value(true)
    } else if no.iter().any(|word| **word == *text) {
        Outcome::Value(false)
    } else {
        Outcome::Refused(Fault::new(rule::CODE_UNKNOWN))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_named_words_count() {
        let (yes, no) = ([Box::from("Y")], [Box::from("N")]);
        assert_eq!(boolean("Y", &yes, &no), Outcome::Value(true));
        assert_eq!(boolean("N", &yes, &no), Outcome::Value(false));
        assert_eq!(boolean("y", &yes, &no), Outcome::Refused(Fault::new(rule::CODE_UNKNOWN)));
    }
}
