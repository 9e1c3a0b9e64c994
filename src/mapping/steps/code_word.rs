//! Other spellings of a word that a code list may know: a grammar per kind of list, then the list decides.
//!
//! Owns the forms of blood groups, the words ศาสนา, สัญชาติ and เชื้อชาติ in front of a label, and numeric codes
//! whose zeros were dropped. Refuses nearness: every form must be in the list exactly.

use super::digits::{fold, is_dash};
use super::grade_part::canonical_grade;
use super::place_word::{self, PlaceLevel};

const BYTES_MAX: usize = 120;

/// Another exact spelling of `text` that the list of this name may know; the list decides.
pub fn other_spelling(list: &str, text: &str) -> Option<String> {
    let spelt = match list {
        "grade" => canonical_grade(text)?,
        "blood_group" => blood_group(text)?,
        "religion" | "nationality" | "ethnicity" | "disability" => match without_list_name(text) {
            same if same == text => three_digits(text)?,
            bare => bare.to_owned(),
        },
        "province" => place_word::strip(text, PlaceLevel::Province).to_owned(),
        _ => return None,
    };
    (spelt != text).then_some(spelt)
}

/// `O+`, `โอ Rh บวก`, `กรุ๊ปเลือด o` → `O Rh+`, `O`: the canonical form, for the list to confirm.
pub fn blood_group(text: &str) -> Option<String> {
    if text.len() > BYTES_MAX {
        return None;
    }
    let folded = fold(text).to_uppercase();
    let mut rest: String = folded.chars().filter(|c| !c.is_whitespace() && !matches!(c, '(' | ')' | '.')).collect();
    for word in ["กลุ่มเลือด", "กรุ๊ปเลือด", "หมู่เลือด", "หมู่โลหิต", "กรุ๊ป", "หมู่", "GROUP", "BLOOD"]
    {
        rest = rest.replace(word, "");
    }
    let (group, rh) =
        [("เอบี", "AB"), ("เอ", "A"), ("บี", "B"), ("โอ", "O"), ("AB", "AB"), ("A", "A"), ("B", "B"), ("O", "O")]
            .iter()
            .find_map(|(word, group)| rest.strip_prefix(word).map(|rh| (*group, rh)))?;
    let sign = rh.strip_prefix("RH").or_else(|| rh.strip_prefix("อาร์เอช")).unwrap_or(rh);
    match sign {
        "" if rh.is_empty() => Some(group.to_owned()),
        "+" | "POSITIVE" | "POS" | "บวก" => Some(format!("{group} Rh+")),
        "NEGATIVE" | "NEG" | "ลบ" => Some(format!("{group} Rh-")),
        _ if sign.chars().count() == 1 && sign.chars().all(is_dash) => Some(format!("{group} Rh-")),
        _ => None,
    }
}

/// The label without the name of its list in front: `ศาสนาพุทธ` → `พุทธ`.
pub fn without_list_name(text: &str) -> &str {
    ["ศาสนา", "สัญชาติ", "เชื้อชาติ"].iter().find_map(|name| text.strip_prefix(name)).map_or(text, str::trim_start)
}

/// Three-digit codes that lost their zeros: `99` → `099`.
pub fn three_digits(text: &str) -> Option<String> {
    let folded = fold(text);
    let fits = (1..=2).contains(&folded.len()) && folded.bytes().all(|b| b.is_ascii_digit());
    fits.then(|| format!("{folded:0>3}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blood_groups_have_one_form() {
        for (text, form) in [
            ("O+", "O Rh+"),
            ("o rh+", "O Rh+"),
            ("ORh-", "O Rh-"),
            ("AB–", "AB Rh-"),
            ("โอ", "O"),
            ("เอบี+", "AB Rh+"),
            ("หมู่โลหิต บี", "B"),
            ("กลุ่มเลือด AB Rh-", "AB Rh-"),
            ("A positive", "A Rh+"),
            ("โอ Rh บวก", "O Rh+"),
        ] {
            assert_eq!(blood_group(text).as_deref(), Some(form), "{text}");
        }
        for text in ["", "C", "O++", "A/B", "ABC", "Rh+", "O Rh"] {
            assert_eq!(blood_group(text), None, "{text}");
        }
    }
}
