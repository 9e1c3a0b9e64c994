//! Words before the name of a place: จังหวัด, อำเภอ, ต. and their like come off before the list is asked.
//!
//! Owns the prefixes per level and the asterisk that marks an abolished unit in the ministry's lookup.
//! Refuses any nearness of spelling; colloquial names (โคราช) are registered aliases of the code lists.

/// Which level of area a name belongs to; each has its own prefix words.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceLevel {
    Province,
    District,
    Subdistrict,
}

/// Longest first. An abbreviation only counts with its dot: จ is also the first letter of จันทบุรี.
fn prefixes(level: PlaceLevel) -> &'static [&'static str] {
    match level {
        PlaceLevel::Province => &["จังหวัด", "จ."],
        PlaceLevel::District => &["กิ่งอำเภอ", "กิ่งอ.", "อำเภอ", "เขต", "อ."],
        PlaceLevel::Subdistrict => &["ตำบล", "แขวง", "ต."],
    }
}

/// The name without prefix word and asterisk. A prefix with nothing after it stays: it is no name then.
pub fn strip(text: &str, level: PlaceLevel) -> &str {
    let name = text.trim().trim_end_matches('*').trim_end();
    for prefix in prefixes(level) {
        if let Some(rest) = name.strip_prefix(prefix)
            && let rest = rest.trim_start()
            && rest.chars().next().is_some_and(|c| !super::thai::cannot_open_a_word(c) && c != '.')
        {
            return rest;
        }
    }
    name
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prefix_words_come_off_at_their_level_only() {
        use PlaceLevel::{District, Province, Subdistrict};
        for (text, level, name) in [
            ("จังหวัดเชียงใหม่", Province, "เชียงใหม่"),
            ("จ. เชียงใหม่", Province, "เชียงใหม่"),
            ("จ.อยุธยา", Province, "อยุธยา"),
            ("จันทบุรี", Province, "จันทบุรี"),
            ("จังหวัด", Province, "จังหวัด"),
            ("อำเภอเมืองชลบุรี", District, "เมืองชลบุรี"),
            ("อ.เมือง", District, "เมือง"),
            ("เขตดุสิต", District, "ดุสิต"),
            ("กิ่งอำเภอเวียงเก่า", District, "เวียงเก่า"),
            ("ต.บ้านใหม่", Subdistrict, "บ้านใหม่"),
            ("แขวงลาดยาว", Subdistrict, "ลาดยาว"),
            ("ท่าแพ*", Subdistrict, "ท่าแพ"),
            ("ตลาด", Subdistrict, "ตลาด"),
            ("เขตดุสิต", Province, "เขตดุสิต"),
        ] {
            assert_eq!(strip(text, level), name, "{text}");
        }
    }
}
