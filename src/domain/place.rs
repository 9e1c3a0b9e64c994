//! Places of a refusal (`row 12`, `byte 1048576`, `header`) as people read them.
//!
//! Owns the Thai words of places; programs read the English form, which is stored.

use super::text::Bilingual;

/// Both languages; what is no word of ours (a part of a workbook, a sheet's name) stays.
pub fn place_said(place: &str) -> Bilingual {
    let (word, rest) = place.split_once(' ').unwrap_or((place, ""));
    let thai = match (word, rest) {
        ("row", row) if !row.is_empty() => format!("แถว {row}"),
        ("byte", at) if !at.is_empty() => format!("ไบต์ที่ {at}"),
        ("file", "") => "ทั้งไฟล์".to_owned(),
        ("end", "of file") => "ท้ายไฟล์".to_owned(),
        ("header", "") => "หัวตาราง".to_owned(),
        ("sheet", "") => "แผ่นงาน".to_owned(),
        ("workbook", "") => "สมุดงาน".to_owned(),
        ("gateway", "") => "ระบบกลาง".to_owned(),
        ("rows", "") => "แถวข้อมูล".to_owned(),
        // A part of a workbook, or a sheet and its row.
        _ => place.replace(" row ", " แถว ").replace(" byte ", " ไบต์ที่ "),
    };
    Bilingual::new(thai, place)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_said_in_thai() {
        for (place, th) in [("row 12", "แถว 12"), ("byte 0", "ไบต์ที่ 0"), ("นักเรียน row 3", "นักเรียน แถว 3")]
        {
            assert_eq!(place_said(place), Bilingual::new(th, place));
        }
    }
}
