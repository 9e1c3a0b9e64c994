//! The 14 mandatory fields of Thailand's government data catalogue, and the values it accepts.
//!
//! Source: the dataset schema of the national catalogue's CKAN extension (Thai GDC), fields marked mandatory 1–14.
//! Owns their names and fixed values. Refuses any value the catalogue would refuse, before anything is published.

/// One mandatory field.
#[derive(Debug, Clone, Copy)]
pub struct CatalogueField {
    pub key: &'static str,
    /// More than one value may be given.
    pub several: bool,
    /// Accepted values; empty: any text.
    pub choices: &'static [&'static str],
}

const fn field(key: &'static str, several: bool, choices: &'static [&'static str]) -> CatalogueField {
    CatalogueField { key, several, choices }
}

/// In the catalogue's own order.
pub const MANDATORY: [CatalogueField; 14] = [
    field(
        "data_type",
        false,
        &["ข้อมูลระเบียน", "ข้อมูลสถิติ", "ข้อมูลภูมิสารสนเทศเชิงพื้นที่", "ข้อมูลหลากหลายประเภท", "ข้อมูลประเภทอื่นๆ"],
    ),
    field("title", false, &[]),
    field("owner_org", false, &[]),
    field("maintainer", false, &[]),
    field("maintainer_email", false, &[]),
    field("tag_string", true, &[]),
    field("notes", false, &[]),
    field(
        "objective",
        true,
        &[
            "ยุทธศาสตร์ชาติ",
            "แผนพัฒนาเศรษฐกิจและสังคมแห่งชาติ",
            "แผนความมั่นคงแห่งชาติ",
            "แผนแม่บทภายใต้ยุทธศาสตร์ชาติ",
            "แผนปฏิรูปประเทศ",
            "แผนระดับที่ 3 (มติครม. 4 ธ.ค. 2560)",
            "นโยบายรัฐบาล/ข้อสั่งการนายกรัฐมนตรี",
            "มติคณะรัฐมนตรี",
            "เพื่อการให้บริการประชาชน",
            "กฎหมายที่เกี่ยวข้อง",
            "พันธกิจหน่วยงาน",
            "ดัชนี/ตัวชี้วัดระดับนานาชาติ",
            "ไม่ทราบ",
            "อื่นๆ",
        ],
    ),
    field(
        "update_frequency_unit",
        false,
        &[
            "ไม่ทราบ",
            "ปี",
            "ครึ่งปี",
            "ไตรมาส",
            "เดือน",
            "สัปดาห์",
            "วัน",
            "วันทำการ",
            "ชั่วโมง",
            "นาที",
            "ตามเวลาจริง",
            "ไม่มีการปรับปรุงหลังจากการจัดเก็บข้อมูล",
            "อื่นๆ",
        ],
    ),
    field(
        "geo_coverage",
        false,
        &[
            "ไม่มี",
            "โลก",
            "ทวีป/กลุ่มประเทศในทวีป",
            "กลุ่มประเทศทางเศรษฐกิจ",
            "ประเทศ",
            "ภาค",
            "จังหวัด",
            "อำเภอ",
            "ตำบล",
            "หมู่บ้าน",
            "เทศบาล/อบต.",
            "พิกัด",
            "ไม่ทราบ",
            "อื่นๆ",
        ],
    ),
    field("data_source", false, &[]),
    field(
        "data_format",
        true,
        &[
            "Database",
            "CSV",
            "XML",
            "Image",
            "Video",
            "Audio",
            "Text",
            "JSON",
            "HTML",
            "DOC/DOCX",
            "XLS",
            "PDF",
            "RDF",
            "NoSQL",
            "Arc/Info Coverage",
            "Shapefile",
            "GeoTiff",
            "GML",
            "ไม่ทราบ",
            "อื่นๆ",
        ],
    ),
    field("data_category", false, &["ข้อมูลสาธารณะ", "ข้อมูลส่วนบุคคล", "ข้อมูลความมั่นคง", "ข้อมูลความลับทางราชการ"]),
    field(
        "license_id",
        false,
        &[
            "License not specified",
            "Creative Commons Attributions",
            "Creative Commons Attribution Share-Alike",
            "Creative Commons Non-Commercial (Any)",
            "Open Data Common",
            "GNU Free Documentation License",
            "อื่นๆ",
        ],
    ),
];

/// Fields that a dataset document says elsewhere: its title, description, formats and licence.
pub const DERIVED: [&str; 4] = ["title", "notes", "data_format", "license_id"];

pub fn find(key: &str) -> Option<&'static CatalogueField> {
    MANDATORY.iter().find(|field| field.key == key)
}
