//! The step `name_part`: title, given name and family name written in one cell, the title glued or not.
//!
//! Owns the cutting: longest title first, inner blanks and dots of abbreviations, a title said twice.
//! Refuses to cut where what follows can't open a word (`นายิกา` is a name), and never looks for a title
//! that is not in the code list.

use super::digits::is_dash;
use super::thai::{cannot_open_a_word, is_thai};

/// The words of the title list, longest first.
#[derive(Debug, Clone)]
pub struct TitleWords {
    words: Vec<TitleWord>,
    /// First letters that open any title, so that most names are passed over at once.
    first: Vec<char>,
}

#[derive(Debug, Clone)]
struct TitleWord {
    /// As it stands in the list: resolvable there.
    word: Box<str>,
    /// Its letters alone, lower case, without blanks and dots.
    letters: Vec<char>,
    /// Words of one entry share it: `ด.ช.` and `เด็กชาย` are one title.
    entry: u32,
    /// An abbreviation written with dots: its last dot may close it.
    dotted: bool,
}

/// The three parts; `title` is a word of the list.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct NameParts<'w, 't> {
    pub title: Option<&'w str>,
    pub given: Option<&'t str>,
    pub family: Option<&'t str>,
}

fn letters_of(word: &str) -> Vec<char> {
    word.chars().filter(|c| *c != '.' && !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// The small letter of the titles' alphabets; Thai has no case, and asking Unicode of every Thai letter is dear.
#[inline]
fn small(c: char) -> char {
    if c.is_ascii() {
        c.to_ascii_lowercase()
    } else if is_thai(c) {
        c
    } else {
        c.to_lowercase().next().unwrap_or(c)
    }
}

impl TitleWords {
    /// From the title list: its labels and aliases.
    pub fn from_list(list: &crate::standards::CodeList) -> Self {
        TitleWords::new(list.entries().iter().enumerate().flat_map(|(at, entry)| {
            let labels = [entry.label.th.as_str(), entry.label.en.as_str()];
            labels.into_iter().chain(entry.aliases.iter().map(|alias| &**alias)).map(move |word| (word, at as u32))
        }))
    }

    /// From (word, number of its entry in the list): labels and aliases, not codes.
    pub fn new<'a>(words: impl Iterator<Item = (&'a str, u32)>) -> Self {
        let mut list: Vec<TitleWord> = words
            .map(|(word, entry)| TitleWord {
                word: word.into(),
                letters: letters_of(word),
                entry,
                dotted: word.contains('.'),
            })
            .filter(|title| title.letters.first().is_some_and(|c| c.is_alphabetic()))
            .collect();
        // Among equal letters the dotted spelling comes first: it may be glued.
        list.sort_by_key(|title| (std::cmp::Reverse(title.letters.len()), !title.dotted));
        let mut first: Vec<char> = list.iter().filter_map(|title| title.letters.first().copied()).collect();
        first.sort_unstable();
        first.dedup();
        TitleWords { words: list, first }
    }

    /// The longest title the text opens with, and what follows it.
    fn strip<'w, 't>(&'w self, text: &'t str) -> Option<(&'w TitleWord, &'t str)> {
        let first = small(text.chars().next()?);
        if self.first.binary_search(&first).is_err() {
            return None;
        }
        self.words.iter().find_map(|title| title.strip(text).map(|rest| (title, rest)))
    }
}

/// Undotted abbreviations up to this many letters are a title only before a dot or a blank: ดร is not the head of ดรุณี.
const SHORT_LETTERS: usize = 2;

impl TitleWord {
    fn strip<'t>(&self, text: &'t str) -> Option<&'t str> {
        let mut wanted = self.letters.iter();
        let mut next = wanted.next();
        let mut at = 0;
        let mut broken = false;
        for (index, c) in text.char_indices() {
            let Some(expected) = next else { break };
            if small(c) == *expected {
                next = wanted.next();
                at = index + c.len_utf8();
            } else if index > 0 && (c == '.' || c == ' ' && self.may_break(text, index)) {
                broken = true;
            } else {
                return None;
            }
        }
        if next.is_some() {
            return None;
        }
        let rest = text.get(at..)?;
        let (rest, closed) = match rest.strip_prefix('.').or_else(|| rest.strip_prefix(" .")) {
            Some(after) => (after, true),
            None => (rest, broken && self.dotted),
        };
        let open = rest.chars().next();
        let boundary = closed || open.is_none_or(|c| c == ' ');
        let latin = self.letters.first().is_some_and(|c| !is_thai(*c));
        let short = self.letters.len() <= SHORT_LETTERS;
        let may_follow = !open.is_some_and(cannot_open_a_word);
        (may_follow && (boundary || !latin && !short)).then(|| rest.trim_start())
    }

    /// A blank inside: where the list has one, or after the dot of an abbreviation (`ด. ช.`).
    fn may_break(&self, text: &str, index: usize) -> bool {
        self.word.contains(' ') || self.dotted && text.get(..index).is_some_and(|head| head.ends_with('.'))
    }
}

/// Splits a name that the always-step has tidied.
pub fn split<'w, 't>(text: &'t str, titles: &'w TitleWords) -> NameParts<'w, 't> {
    let text = text.trim();
    let mut parts = NameParts::default();
    let mut rest = text;
    if let Some((title, after)) = titles.strip(text) {
        parts.title = Some(&title.word);
        rest = after;
        while let Some(after) = said_twice(title, rest, text, titles) {
            rest = after;
        }
    }
    // The first blank parts given name and family name: particles (ณ อยุธยา) belong to the latter.
    let (given, family) = match rest.split_once(' ') {
        Some((given, family)) => (given, family.trim()),
        None => (rest, ""),
    };
    parts.given = Some(given).filter(|name| says_something(name));
    parts.family = Some(family).filter(|name| says_something(name));
    parts
}

/// The same title again. Between blanks always; glued (`เด็กชายเด็กชาย…`) unless it is นาง, which also opens names.
fn said_twice<'t>(title: &TitleWord, rest: &'t str, text: &str, titles: &TitleWords) -> Option<&'t str> {
    let (again, after) = titles.strip(rest)?;
    if again.entry != title.entry || after.is_empty() {
        return None;
    }
    let head = text.get(..text.len() - rest.len())?;
    let spaced = head.ends_with([' ', '.']);
    let stands_alone = rest.get(..rest.len() - after.len()).is_some_and(|word| word.ends_with([' ', '.']));
    // A given name must remain, and with a blank on both sides a family name too.
    let enough = !stands_alone || after.contains(' ') || again.letters.len() > 3;
    let opens_names = again.letters == ['น', 'า', 'ง'] && !stands_alone;
    (enough && !opens_names && (spaced || stands_alone || again.letters.len() >= 3)).then_some(after)
}

fn says_something(name: &str) -> bool {
    !name.is_empty() && name != "." && !name.chars().all(is_dash) && !super::text::is_missing_word(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn titles() -> TitleWords {
        let list: [&[&str]; 12] = [
            &["เด็กชาย", "Master", "ด.ช.", "ดช", "ดช.", "ด.ช", "ด. ช."],
            &["เด็กหญิง", "ด.ญ.", "ดญ"],
            &["นาย", "Mr.", "Mr", "MR."],
            &["นางสาว", "น.ส.", "นส", "น.ส", "นส.", "น. ส.", "Miss", "MISS", "Ms."],
            &["นาง", "Mrs.", "Mrs"],
            &["สามเณร", "เณร"],
            &["พระ", "พระมหา"],
            &["ว่าที่ร้อยตรี", "ว่าที่ ร.ต.", "ว่าที่ร.ต."],
            &["ว่าที่ร้อยตรีหญิง", "ว่าที่ ร.ต.หญิง", "ว่าที่ ร.ต. หญิง"],
            &["หม่อมหลวง", "ม.ล."],
            &["ดร.", "ดร"],
            &["หม่อมราชวงศ์", "ม.ร.ว."],
        ];
        TitleWords::new(
            list.iter().enumerate().flat_map(|(at, words)| words.iter().map(move |word| (*word, at as u32))),
        )
    }

    fn parts(text: &str) -> (String, String, String) {
        let titles = titles();
        let parts = split(text, &titles);
        let own = |part: Option<&str>| part.unwrap_or("").to_owned();
        (own(parts.title), own(parts.given), own(parts.family))
    }

    #[test]
    fn titles_are_cut_longest_first_and_only_before_a_word() {
        for (text, letters, given, family) in [
            ("เด็กชายทดสอบ ระบบ", "เด็กชาย", "ทดสอบ", "ระบบ"),
            ("ด.ช.ทดสอบ ระบบ", "ดช", "ทดสอบ", "ระบบ"),
            ("ด . ช . ทดสอบ ระบบ", "ดช", "ทดสอบ", "ระบบ"),
            ("ด. ช. ทดสอบ ระบบ", "ดช", "ทดสอบ", "ระบบ"),
            ("ด.ช ทดสอบ ระบบ", "ดช", "ทดสอบ", "ระบบ"),
            ("ดช ทดสอบ ระบบ", "ดช", "ทดสอบ", "ระบบ"),
            ("นางสาวทดสอบ ระบบ", "นางสาว", "ทดสอบ", "ระบบ"),
            ("นางสาวิตรี ระบบ", "นาง", "สาวิตรี", "ระบบ"),
            ("ว่าที่ร้อยตรีหญิง ทดสอบ ระบบ", "ว่าที่ร้อยตรีหญิง", "ทดสอบ", "ระบบ"),
            ("ว่าที่ ร.ต.หญิงทดสอบ ระบบ", "ว่าที่รตหญิง", "ทดสอบ", "ระบบ"),
            ("ว่าที่ร้อยตรีทดสอบ ระบบ", "ว่าที่ร้อยตรี", "ทดสอบ", "ระบบ"),
            ("ม.ร.ว.ทดสอบ ระบบ", "มรว", "ทดสอบ", "ระบบ"),
            ("นายิกา ระบบ", "", "นายิกา", "ระบบ"),
            ("ดรุณี ระบบ", "", "ดรุณี", "ระบบ"),
            ("ดร.ทดสอบ ระบบ", "ดร", "ทดสอบ", "ระบบ"),
            ("Mrs Test System", "mrs", "Test", "System"),
            ("mr.test System", "mr", "test", "System"),
            ("Missy Test", "", "Missy", "Test"),
            ("พระมหาทดสอบ ระบบ", "พระมหา", "ทดสอบ", "ระบบ"),
        ] {
            let (title, g, f) = parts(text);
            assert_eq!(
                (letters_of(&title).iter().collect::<String>().as_str(), &*g, &*f),
                (letters, given, family),
                "{text}"
            );
        }
    }

    #[test]
    fn a_title_said_twice_counts_once_and_names_stay_whole() {
        for (text, title, given, family) in [
            ("นาย นาย ทดสอบ ระบบ", "นาย", "ทดสอบ", "ระบบ"),
            ("นาย นายทดสอบ ระบบ", "นาย", "ทดสอบ", "ระบบ"),
            ("นายนายทดสอบ ระบบ", "นาย", "ทดสอบ", "ระบบ"),
            ("เด็กชาย ด.ช.ทดสอบ ระบบ", "เด็กชาย", "ทดสอบ", "ระบบ"),
            ("เด็กหญิงเด็กหญิงทดสอบ ระบบ", "เด็กหญิง", "ทดสอบ", "ระบบ"),
            ("นางนางนวล ระบบ", "นาง", "นางนวล", "ระบบ"),
            ("นางสาวนางนวล ระบบ", "นางสาว", "นางนวล", "ระบบ"),
            ("นาง นาง ระบบ", "นาง", "นาง", "ระบบ"),
            ("นายพระพาย ระบบ", "นาย", "พระพาย", "ระบบ"),
            ("ทดสอบ ณ ระบบ", "", "ทดสอบ", "ณ ระบบ"),
            ("ทดสอบ", "", "ทดสอบ", ""),
            ("ทดสอบ -", "", "ทดสอบ", ""),
            ("เด็กชายทดสอบ –", "เด็กชาย", "ทดสอบ", ""),
            ("เด็กชาย", "เด็กชาย", "", ""),
            ("นางสาว", "นางสาว", "", ""),
            ("", "", "", ""),
        ] {
            assert_eq!(parts(text), (title.into(), given.into(), family.into()), "{text}");
        }
    }
}
