//! What each role lets a person do, in their words.

use crate::domain::principal::Scope;
use crate::domain::text::Bilingual;

pub fn said(role: Scope) -> Bilingual {
    let (th, en) = match role {
        Scope::AgencySubmit => {
            ("ส่งไฟล์ของหน่วยงาน และดูผลการส่งของหน่วยงาน", "Send the agency's files and see what came of them")
        }
        Scope::CountRun => ("นับผู้เรียน และดูผลการนับ", "Run counts and read them"),
        Scope::RegisterSubmit => ("ส่งทะเบียนสถานศึกษา", "Send the school register"),
        Scope::OpendataPublish => ("สร้างข้อมูลเปิด", "Build the open data"),
        Scope::MinistryRead => ("ดูการส่งของทุกหน่วยงาน", "See every agency's submissions"),
        Scope::AgencyLookup => ("สอบถามข้อมูลผู้เรียนจากหน่วยงานอื่น", "Ask other agencies about a learner"),
        Scope::AgencyAnswer => ("ตอบกรณีที่ต้องตรวจสอบของหน่วยงาน", "Answer the agency's cases"),
        Scope::AgencyAgree => {
            ("ขอและยกเลิกข้อตกลงในนามของหน่วยงาน", "Ask for agreements in the agency's name, and end them")
        }
        Scope::MappingEdit => ("แก้ร่างผังการแปลง (mapping)", "Change the draft of a mapping"),
        Scope::MappingApprove => {
            ("อนุมัติผังการแปลงให้มีผล (เป็นคนที่สองเสมอ)", "Let a mapping take effect, always as the second of two")
        }
        Scope::CountCertify => ("รับรองผลการนับ", "Certify a count"),
        Scope::PrivacyOfficer => ("ตอบคำขอของเจ้าของข้อมูล", "Answer people who ask what is held about them"),
        Scope::AccessAdmin => ("ดูแลบัญชีและสิทธิ์ของบุคคลและระบบลูกข่าย", "Keep the accounts and rights of people and clients"),
        Scope::Auditor => ("อ่านสมุดบันทึกเหตุการณ์อย่างเดียว", "Read the journal, and nothing else"),
    };
    Bilingual::new(th, en)
}
