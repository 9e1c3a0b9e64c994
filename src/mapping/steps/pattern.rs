//! The steps `replace` and `extract`: one regular expression, in time linear in the text.
//!
//! Owns the compiled pattern with its limits. Refuses patterns too large to compile and a replacement
//! that names a group the pattern does not have. Back-references and look-around do not exist in the
//! engine (`regex`), so no pattern an administrator writes can run away.

use super::outcome::{Fault, Outcome};
use crate::domain::rule;
use bumpalo::Bump;
use regex::{Regex, RegexBuilder};

/// Longest pattern, in bytes.
const PATTERN_BYTES_MAX: usize = 500;
/// Memory of one compiled pattern and of its lazy tables, in bytes.
const PROGRAM_BYTES_MAX: usize = 256 * 1024;
const TABLE_BYTES_MAX: usize = 1024 * 1024;
/// Longest result of a replacement, in bytes: a short match must not be blown up.
const RESULT_BYTES_MAX: usize = 64 * 1024;
const NEST_MAX: u32 = 50;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum ExpressionFault {
    #[error("the expression is longer than {PATTERN_BYTES_MAX} bytes")]
    TooLong,
    #[error("the expression does not compile: {0}")]
    Syntax(String),
    #[error("the replacement names group «{0}», which the expression does not have")]
    UnknownGroup(String),
    #[error("the expression has {0} groups; extract takes the whole match or one group")]
    ManyGroups(usize),
}

fn compile(pattern: &str) -> Result<Regex, ExpressionFault> {
    if pattern.len() > PATTERN_BYTES_MAX {
        return Err(ExpressionFault::TooLong);
    }
    RegexBuilder::new(pattern)
        .size_limit(PROGRAM_BYTES_MAX)
        .dfa_size_limit(TABLE_BYTES_MAX)
        .nest_limit(NEST_MAX)
        .build()
        .map_err(|error| ExpressionFault::Syntax(error.to_string()))
}

#[derive(Debug, Clone)]
pub struct Replace {
    expression: Regex,
    with: Box<str>,
}

impl Replace {
    /// `with` may name groups: `$1`, `${name}`; `$$` is a dollar sign.
    pub fn new(pattern: &str, with: &str) -> Result<Self, ExpressionFault> {
        let expression = compile(pattern)?;
        for name in group_names(with) {
            let known = match name.parse::<usize>() {
                Ok(number) => number < expression.captures_len(),
                Err(_) => expression.capture_names().flatten().any(|known| known == name),
            };
            if !known {
                return Err(ExpressionFault::UnknownGroup(name.to_owned()));
            }
        }
        Ok(Replace { expression, with: with.into() })
    }

    /// Every match replaced; text without a match is passed through untouched.
    pub fn apply<'b>(&self, text: &'b str, bump: &'b Bump) -> Outcome<&'b str> {
        let mut out = bumpalo::collections::String::new_in(bump);
        let mut copied = 0;
        let mut piece = String::new();
        for found in self.expression.captures_iter(text) {
            let Some(whole) = found.get(0) else { continue };
            piece.clear();
            found.expand(&self.with, &mut piece);
            out.push_str(text.get(copied..whole.start()).unwrap_or(""));
            out.push_str(&piece);
            copied = whole.end();
            if out.len() > RESULT_BYTES_MAX {
                return Outcome::Refused(Fault::new(rule::TEXT_LENGTH));
            }
        }
        if copied == 0 && out.is_empty() {
            return kept(text);
        }
        out.push_str(text.get(copied..).unwrap_or(""));
        kept(out.into_bump_str().trim())
    }
}

fn kept(text: &str) -> Outcome<&str> {
    if text.is_empty() { Outcome::Absent } else { Outcome::Value(text) }
}

/// The names in `$1`, `$name`, `${name}`, as the engine reads them: the longest run of word characters.
fn group_names(with: &str) -> Vec<&str> {
    let mut names = Vec::new();
    let mut rest = with;
    while let Some((_, after)) = rest.split_once('$') {
        if let Some(escaped) = after.strip_prefix('$') {
            rest = escaped;
            continue;
        }
        if let Some((name, tail)) = after.strip_prefix('{').and_then(|inner| inner.split_once('}')) {
            names.push(name);
            rest = tail;
            continue;
        }
        let end = after.find(|c: char| !c.is_ascii_alphanumeric() && c != '_').unwrap_or(after.len());
        let (name, tail) = after.split_at(end);
        if !name.is_empty() {
            names.push(name);
        }
        rest = tail;
    }
    names
}

#[derive(Debug, Clone)]
pub struct Extract {
    expression: Regex,
}

impl Extract {
    /// The first match: its one group where the pattern has one, else the whole of it.
    pub fn new(pattern: &str) -> Result<Self, ExpressionFault> {
        let expression = compile(pattern)?;
        match expression.captures_len() - 1 {
            0 | 1 => Ok(Extract { expression }),
            many => Err(ExpressionFault::ManyGroups(many)),
        }
    }

    /// Text without a match is refused: an extraction that finds nothing is a fault, not an empty field.
    pub fn apply<'b>(&self, text: &'b str) -> Outcome<&'b str> {
        let Some(found) = self.expression.captures(text) else {
            return Outcome::Refused(Fault::new(rule::TEXT_PATTERN));
        };
        let part = if found.len() > 1 { found.get(1) } else { found.get(0) };
        part.map_or(Outcome::Absent, |part| kept(part.as_str().trim()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn replacing_and_extracting() {
        let bump = Bump::new();
        let strip = Replace::new(r"\s*\(.*?\)", "").unwrap();
        assert_eq!(strip.apply("ม.1 (ปกติ)", &bump), Outcome::Value("ม.1"));
        assert_eq!(strip.apply("ม.1", &bump), Outcome::Value("ม.1"));
        assert_eq!(strip.apply("(ทั้งหมด)", &bump), Outcome::Absent);
        let swap = Replace::new(r"(\d+)-(?P<rest>\d+)", "${rest}/$1").unwrap();
        assert_eq!(swap.apply("1-2", &bump), Outcome::Value("2/1"));
        let code = Extract::new(r"^(\d{10})").unwrap();
        assert_eq!(code.apply("1218000001-3"), Outcome::Value("1218000001"));
        assert_eq!(code.apply("x"), Outcome::Refused(Fault::new(rule::TEXT_PATTERN)));
    }

    #[test]
    fn expressions_are_checked_when_they_are_made() {
        assert!(matches!(Replace::new("(", ""), Err(ExpressionFault::Syntax(_))));
        assert_eq!(Replace::new("a", "$1").unwrap_err(), ExpressionFault::UnknownGroup("1".into()));
        assert_eq!(Replace::new("(a)", "$1b").unwrap_err(), ExpressionFault::UnknownGroup("1b".into()));
        assert!(Replace::new("(a)", "$$1").is_ok());
        assert_eq!(Extract::new("(a)(b)").unwrap_err(), ExpressionFault::ManyGroups(2));
        assert!(matches!(Extract::new(r"\w{1000}{1000}"), Err(ExpressionFault::Syntax(_))));
        assert_eq!(Extract::new(&"a".repeat(600)).unwrap_err(), ExpressionFault::TooLong);
    }

    #[test]
    fn a_replacement_cannot_blow_a_value_up() {
        let bump = Bump::new();
        let grow = Replace::new("a", &"b".repeat(1000)).unwrap();
        assert_eq!(grow.apply(&"a".repeat(1000), &bump), Outcome::Refused(Fault::new(rule::TEXT_LENGTH)));
    }
}
