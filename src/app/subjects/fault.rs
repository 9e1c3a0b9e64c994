//! Why a request of a person can't be recorded, shown, answered or decided; for people, in both languages.
//!
//! Refuses to repeat anything that was sent: numbers, names and references are not in it.

use super::{FIELDS_MAX, SAYS_CHARS_MAX};
use crate::domain::text::Bilingual;
use jiff::civil::Date;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum SubjectError {
    #[error("there is no such request")]
    Unknown,
    #[error("the request was decided already")]
    Closed,
    #[error("the request changed since it was read")]
    Changed,
    #[error("the day it was received lies in the future, or more than ten years back")]
    Received,
    #[error("a text has 1 to {SAYS_CHARS_MAX} letters")]
    Says,
    #[error("a correction names an agency and fields; another request neither")]
    CorrectionForm,
    #[error("a correction names 1 to {FIELDS_MAX} fields of the standard")]
    Fields,
    #[error("the agency says nothing of this person in any round in force")]
    NoStatement,
    #[error("only a request of access is answered with an export")]
    NotAccess,
    #[error("the ground is none of the list for this decision")]
    Ground { known: Vec<String> },
    #[error("the retention of the request's own identity is over")]
    IdentityGone,
    #[error("all that is held is evidence of subsidies, kept until {until}")]
    AllKept { until: Date },
}

impl SubjectError {
    /// What is wrong, and what to do now.
    pub fn told(&self) -> Bilingual {
        let (th, en): (String, String) = match self {
            SubjectError::Unknown => ("ไม่มีคำขอรหัสนี้".into(), "There is no request with this id.".into()),
            SubjectError::Closed => (
                "คำขอนี้ตัดสินไปแล้ว อ่านผลล่าสุดที่ GET /v1/subjects/requests/{id}".into(),
                "The request was decided already; read it again: GET /v1/subjects/requests/{id}.".into(),
            ),
            SubjectError::Changed => (
                "คำขอนี้เปลี่ยนไปหลังจากที่ท่านอ่าน อ่านใหม่แล้วตัดสินด้วย ETag ล่าสุดใน If-Match".into(),
                "The request changed since you read it. Read it again, and decide with its new ETag in If-Match.".into(),
            ),
            SubjectError::Received => (
                "received_on ต้องเป็นวันที่ (ค.ศ.) ไม่เกินวันนี้ และไม่เก่ากว่า 10 ปี".into(),
                "`received_on` is a day (CE), not after today and not more than ten years back.".into(),
            ),
            SubjectError::Says => (
                format!("ข้อความ (says) ต้องมี 1 ถึง {SAYS_CHARS_MAX} ตัวอักษร และคำขอแก้ไขต้องมีเสมอ"),
                format!("`says` has 1 to {SAYS_CHARS_MAX} letters, and a correction needs it."),
            ),
            SubjectError::CorrectionForm => (
                "คำขอแก้ไข (correction) ต้องระบุ agency และ fields คำขอชนิดอื่นต้องไม่ระบุ".into(),
                "A correction names `agency` and `fields`; a request of another kind names neither.".into(),
            ),
            SubjectError::Fields => (
                format!("fields ต้องเป็นชื่อฟิลด์ของ enrolment/1 จำนวน 1 ถึง {FIELDS_MAX} ชื่อ ดูได้ที่ /v1/standards/enrolment/1"),
                format!("`fields` are 1 to {FIELDS_MAX} names of fields of enrolment/1: see /v1/standards/enrolment/1."),
            ),
            SubjectError::NoStatement => (
                "หน่วยงานนี้ไม่มีข้อมูลของบุคคลนี้ที่มีผลอยู่ จึงไม่มีสิ่งให้แก้ ตรวจเลขและหน่วยงาน หรือบันทึกเป็นคำขอเข้าถึง (access)".into(),
                "The agency says nothing of this person that is in force, so there is nothing to correct. Check number and agency, or record a request of access.".into(),
            ),
            SubjectError::NotAccess => (
                "ส่งออกข้อมูลได้เฉพาะคำขอเข้าถึง (access) ที่ยังไม่ถูกปฏิเสธหรือถอน".into(),
                "Only a request of access that is not refused or withdrawn is answered with an export.".into(),
            ),
            SubjectError::Ground { known } => {
                let known = known.join(", ");
                (
                    format!("ต้องระบุ ground จากรายการ (และไม่ระบุเมื่อไม่ต้องใช้) ที่ใช้ได้คือ {known}"),
                    format!("This decision takes a `ground` of the list (and none where none is needed): {known}."),
                )
            }
            SubjectError::IdentityGone => (
                "พ้นกำหนดเก็บข้อมูลระบุตัวของคำขอนี้แล้ว ให้บันทึกคำขอใหม่".into(),
                "The identity in this request was erased when its retention ended. Record a new request.".into(),
            ),
            SubjectError::AllKept { until } => (
                format!("ข้อมูลทั้งหมดเป็นหลักฐานการจ่ายเงินอุดหนุนซึ่งเก็บถึง {until} จึงลบไม่ได้ ให้ปฏิเสธด้วย ground subsidy-evidence"),
                format!("All that is held is evidence of subsidies and is kept until {until}: refuse with the ground subsidy-evidence."),
            ),
        };
        Bilingual { th, en }
    }
}
