//! Names of places to codes: a subdistrict is found by province, district and subdistrict together.
//!
//! Owns the prefix words (จังหวัด, อ., แขวง …), the asterisk of abolished units and `เมือง` = เมือง + province.
//! Refuses to find a subdistrict or district outside its province (795 subdistrict names repeat in the
//! country, none inside one district), and strips a prefix only where the word as it stands is unknown:
//! the subdistrict จ.ป.ร. begins with one. Nothing here is fuzzy.

use super::code_list::CodeList;
use super::fold::{Folded, WORD_BYTES_MAX};
use super::packed_words::PackedWords;
use crate::domain::value::CodeIndex;
use foldhash::fast::RandomState;
use std::collections::HashMap;
use std::sync::Arc;

/// Joins province, district and subdistrict in one text: the input of the step `place: subdistrict`.
pub const SEPARATOR: char = '|';

const KEY_BYTES_MAX: usize = 2 * WORD_BYTES_MAX;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceMatch {
    /// Position in the `subdistrict` list.
    Found(CodeIndex),
    ProvinceUnknown,
    DistrictUnknown,
    SubdistrictUnknown,
    /// Two places of the same context bear the folded name.
    Ambiguous,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PlaceLevel {
    Province,
    District,
    Subdistrict,
}

impl PlaceLevel {
    /// Longest first, so that กิ่งอำเภอ goes before อำเภอ.
    fn prefixes(self) -> &'static [&'static str] {
        match self {
            PlaceLevel::Province => &["จังหวัด", "จ."],
            PlaceLevel::District => &["กิ่งอำเภอ", "กิ่ง อ.", "กิ่งอ.", "อำเภอ", "เขต", "อ."],
            PlaceLevel::Subdistrict => &["ตำบล", "แขวง", "ต."],
        }
    }
}

/// The name without its prefix word and without the asterisk of an abolished unit.
pub fn bare_name(level: PlaceLevel, word: &str) -> &str {
    let word = without_mark(word);
    level.prefixes().iter().find_map(|prefix| word.strip_prefix(prefix)).map_or(word, str::trim_start)
}

/// DMC area codes have eight digits, the DOPA code and `00` for every level that is not meant:
/// `81000000` is province 81, `10010100` is subdistrict 100101. Anything else is nothing.
pub fn dmc_area_code(word: &str) -> Option<&str> {
    if word.len() != 8 || !word.bytes().all(|byte| byte.is_ascii_digit()) || !word.ends_with("00") {
        return None;
    }
    let mut code = word;
    while let Some(rest) = code.strip_suffix("00").filter(|rest| rest.len() >= 2) {
        code = rest;
    }
    Some(code)
}

type Names = HashMap<Box<[u8]>, Option<CodeIndex>, RandomState>;

#[derive(Debug, Clone)]
pub struct Places {
    /// `province|district|subdistrict` by their Thai names as written.
    triples: PackedWords,
    /// Folded code, label or alias.
    provinces: Names,
    /// Province (two bytes of index) and folded name.
    districts: Names,
    /// District (two bytes of index) and folded name.
    subdistricts: Names,
    province_names: Vec<Arc<str>>,
}

impl Places {
    /// The lists' own `parent` codes say what lies where; an entry without a known parent is in no context.
    pub fn new(provinces: &CodeList, districts: &CodeList, subdistricts: &CodeList) -> Places {
        let mut places = Places {
            triples: PackedWords::with_capacity(subdistricts.entries().len()),
            provinces: Names::default(),
            districts: Names::default(),
            subdistricts: Names::with_capacity_and_hasher(subdistricts.entries().len() * 3, RandomState::default()),
            province_names: provinces.entries().iter().map(|entry| Arc::from(entry.label.th.as_str())).collect(),
        };
        for at in 0..provinces.entries().len() {
            add_names(&mut places.provinces, provinces, at, None);
        }
        let parent_of = |list: &CodeList, at: usize, above: &CodeList| {
            let parent = list.entries().get(at)?.parent.clone()?;
            above.find(&parent).filter(|found| above.code(*found) == &parent)
        };
        for at in 0..districts.entries().len() {
            if let Some(province) = parent_of(districts, at, provinces) {
                add_names(&mut places.districts, districts, at, Some(province));
            }
        }
        for at in 0..subdistricts.entries().len() {
            let Some(district) = parent_of(subdistricts, at, districts) else { continue };
            add_names(&mut places.subdistricts, subdistricts, at, Some(district));
            let Some(province) = parent_of(districts, district.0 as usize, provinces) else { continue };
            let names = [
                &*provinces.entry(province).label.th,
                &*districts.entry(district).label.th,
                &*subdistricts.entries()[at].label.th,
            ];
            places.triples.add(names.join("|").as_bytes(), CodeIndex(at as u32));
        }
        places
    }

    /// Position in the `province` list: by code, name or alias, with or without its prefix word.
    pub fn find_province(&self, name: &str) -> Option<CodeIndex> {
        candidates(PlaceLevel::Province, name).find_map(|word| lookup(&self.provinces, None, word)).flatten()
    }

    /// One hash lookup without allocation where all three are written as in the lists; otherwise level by level.
    pub fn find_subdistrict(&self, province: &str, district: &str, subdistrict: &str) -> PlaceMatch {
        let mut key = Key::new();
        let joined = key.push(province.as_bytes())
            && key.push(b"|")
            && key.push(district.as_bytes())
            && key.push(b"|")
            && key.push(subdistrict.as_bytes());
        match self.triples.find(key.as_bytes()) {
            Some(at) if joined => PlaceMatch::Found(at),
            _ => self.find_by_levels(province, district, subdistrict),
        }
    }

    /// The three names joined by `SEPARATOR`, province first. A missing part is an unknown one.
    pub fn find_joined(&self, joined: &str) -> PlaceMatch {
        if let Some(at) = self.triples.find(joined.as_bytes()) {
            return PlaceMatch::Found(at);
        }
        let mut parts = joined.splitn(3, SEPARATOR);
        let mut part = || parts.next().unwrap_or("");
        self.find_by_levels(part(), part(), part())
    }

    #[cold]
    fn find_by_levels(&self, province: &str, district: &str, subdistrict: &str) -> PlaceMatch {
        let Some(province) = self.find_province(province) else { return PlaceMatch::ProvinceUnknown };
        let district = match self.find_district(province, district) {
            None => return PlaceMatch::DistrictUnknown,
            Some(None) => return PlaceMatch::Ambiguous,
            Some(Some(district)) => district,
        };
        let found = candidates(PlaceLevel::Subdistrict, subdistrict)
            .find_map(|word| lookup(&self.subdistricts, Some(district), word));
        match found {
            None => PlaceMatch::SubdistrictUnknown,
            Some(None) => PlaceMatch::Ambiguous,
            Some(Some(at)) => PlaceMatch::Found(at),
        }
    }

    /// None: unknown; some none: two districts of the province bear that name.
    fn find_district(&self, province: CodeIndex, name: &str) -> Option<Option<CodeIndex>> {
        let found =
            candidates(PlaceLevel::District, name).find_map(|word| lookup(&self.districts, Some(province), word));
        if found.is_some() {
            return found;
        }
        let seat = candidates(PlaceLevel::District, name).any(|word| word.trim() == "เมือง");
        let province_name = self.province_names.get(province.0 as usize).filter(|_| seat)?;
        // The seat of Phra Nakhon Si Ayutthaya bears the province's own name, without เมือง.
        lookup(&self.districts, Some(province), &format!("เมือง{province_name}"))
            .or_else(|| lookup(&self.districts, Some(province), province_name))
    }
}

fn without_mark(word: &str) -> &str {
    word.trim().trim_end_matches('*').trim_end()
}

/// The word as it stands, then without its asterisk, then without its prefix word.
fn candidates(level: PlaceLevel, word: &str) -> impl Iterator<Item = &str> {
    let unmarked = without_mark(word);
    let bare = bare_name(level, word);
    let different = |one: &str, other: &str| one.len() != other.len();
    std::iter::once(word)
        .chain(Some(unmarked).filter(|unmarked| different(unmarked, word)))
        .chain(Some(bare).filter(|bare| different(bare, unmarked)))
}

fn lookup(names: &Names, context: Option<CodeIndex>, word: &str) -> Option<Option<CodeIndex>> {
    let folded = Folded::new(word)?;
    let mut key = Key::new();
    let fits = key.push_context(context) && key.push(folded.as_bytes());
    if fits { names.get(key.as_bytes()).copied() } else { None }
}

fn add_names(names: &mut Names, list: &CodeList, at: usize, context: Option<CodeIndex>) {
    let Some(entry) = list.entries().get(at) else { return };
    let here = CodeIndex(at as u32);
    let words =
        [&*entry.code, &*entry.label.th, &*entry.label.en].into_iter().chain(entry.aliases.iter().map(|a| &**a));
    for folded in words.filter_map(Folded::new) {
        let mut key = Key::new();
        if key.push_context(context) && key.push(folded.as_bytes()) {
            names
                .entry(key.as_bytes().into())
                .and_modify(|known| *known = known.filter(|one| *one == here))
                .or_insert(Some(here));
        }
    }
}

/// A lookup key on the stack.
struct Key {
    bytes: [u8; KEY_BYTES_MAX],
    len: usize,
}

impl Key {
    fn new() -> Key {
        Key { bytes: [0; KEY_BYTES_MAX], len: 0 }
    }

    /// False: too long for any place.
    fn push(&mut self, part: &[u8]) -> bool {
        match self.bytes.get_mut(self.len..self.len + part.len()) {
            Some(room) => {
                room.copy_from_slice(part);
                self.len += part.len();
                true
            }
            None => false,
        }
    }

    fn push_context(&mut self, context: Option<CodeIndex>) -> bool {
        context.is_none_or(|context| self.push(&context.0.to_be_bytes()))
    }

    fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

#[cfg(test)]
#[expect(clippy::disallowed_methods, reason = "a test reads the project's own files")]
mod tests {
    use super::*;

    fn places() -> (Places, CodeList) {
        let list = |name: &str| {
            let path = format!("{}/schemas/codelists/{name}.csv", env!("CARGO_MANIFEST_DIR"));
            CodeList::read_csv(name, &std::fs::read_to_string(path).unwrap()).unwrap()
        };
        let subdistricts = list("subdistrict");
        (Places::new(&list("province"), &list("district"), &subdistricts), subdistricts)
    }

    #[test]
    fn a_place_is_found_as_written_and_with_prefix_words_aliases_and_marks() {
        let (places, list) = places();
        for (province, district, subdistrict, code) in [
            ("ระนอง", "ละอุ่น", "ละอุ่นเหนือ", "850202"),
            ("จังหวัดระนอง", "อำเภอละอุ่น", "ตำบลละอุ่นเหนือ", "850202"),
            ("จ.ระนอง", "อ. ละอุ่น", "ต.ละอุ่นเหนือ*", "850202"),
            ("ระนอง", "กระบุรี", "จ.ป.ร.", "850406"),
            ("กทม.", "เขตจตุจักร", "แขวงลาดยาว", "103001"),
            ("กรุงเทพฯ", "จตุจักร", "ลาดยาว", "103001"),
            ("นครปฐม", "เมือง", "วังตะกู", "730112"),
            ("นครปฐม", "อ.เมือง", "วังตะกู", "730112"),
            ("73", "7301", "730112", "730112"),
            ("Bangkok", "Chatuchak", "Lat Yao", "103001"),
        ] {
            let PlaceMatch::Found(at) = places.find_subdistrict(province, district, subdistrict) else {
                panic!(
                    "{province} {district} {subdistrict}: {:?}",
                    places.find_subdistrict(province, district, subdistrict)
                );
            };
            assert_eq!(&**list.code(at), code);
            assert_eq!(places.find_joined(&format!("{province}|{district}|{subdistrict}")), PlaceMatch::Found(at));
        }
        let PlaceMatch::Found(at) = places.find_subdistrict("อยุธยา", "อ.เมือง", "หัวรอ")
        else {
            panic!("Ayutthaya")
        };
        assert_eq!(&list.code(at)[..4], "1401");
    }

    #[test]
    fn the_unknown_level_is_named_and_nothing_is_found_outside_its_context() {
        let (places, _) = places();
        for (province, district, subdistrict, expected) in [
            ("ระนองง", "ละอุ่น", "ละอุ่นเหนือ", PlaceMatch::ProvinceUnknown),
            ("", "", "", PlaceMatch::ProvinceUnknown),
            ("ระนอง", "เมืองนครปฐม", "วังตะกู", PlaceMatch::DistrictUnknown),
            ("กรุงเทพมหานคร", "เมือง", "ลาดยาว", PlaceMatch::DistrictUnknown),
            ("ระนอง", "ละอุ่น", "ลาดยาว", PlaceMatch::SubdistrictUnknown),
            ("ระนอง", "ละอุ่น", "730112", PlaceMatch::SubdistrictUnknown),
        ] {
            assert_eq!(
                places.find_subdistrict(province, district, subdistrict),
                expected,
                "{province} {district} {subdistrict}"
            );
        }
        let long = "ก".repeat(500);
        assert_eq!(places.find_subdistrict(&long, &long, &long), PlaceMatch::ProvinceUnknown);
        assert_eq!(places.find_joined("ระนอง"), PlaceMatch::DistrictUnknown);
    }

    #[test]
    fn every_subdistrict_is_found_by_its_names() {
        let (places, list) = places();
        assert_eq!(places.triples.len(), list.entries().len(), "no name repeats inside one district");
        assert!(places.find_province("โคราช").is_some());
        assert_eq!(places.find_province("โคราชๆ"), None);
    }

    #[test]
    fn bare_names_and_area_codes() {
        assert_eq!(bare_name(PlaceLevel::Subdistrict, "ต.บ้านใหม่"), "บ้านใหม่");
        assert_eq!(bare_name(PlaceLevel::Subdistrict, "แขวงลาดยาว"), "ลาดยาว");
        assert_eq!(bare_name(PlaceLevel::Subdistrict, "ท่าแพ*"), "ท่าแพ");
        assert_eq!(bare_name(PlaceLevel::Province, "จังหวัด เชียงใหม่"), "เชียงใหม่");
        assert_eq!(dmc_area_code("81000000"), Some("81"));
        assert_eq!(dmc_area_code("10010000"), Some("1001"));
        assert_eq!(dmc_area_code("10010100"), Some("100101"));
        assert_eq!(dmc_area_code("00000000"), Some("00"));
        for bad in ["81", "8100000", "81000001", "8100000a", "810000000"] {
            assert_eq!(dmc_area_code(bad), None);
        }
    }
}
