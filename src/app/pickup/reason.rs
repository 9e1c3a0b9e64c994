//! Why a dropped file is not taken, as the text beside it says.
//!
//! Owns the words, in both languages, each with the rule and the next step. Refuses to repeat the name.

pub(super) enum Reason {
    UnknownKind,
    TooLarge(u64),
    NotReadable,
    Unsigned,
}

impl Reason {
    pub(super) fn text(&self) -> String {
        let (th, en) = match self {
            Reason::UnknownKind => (
                String::from(
                    "ไม่รับไฟล์นี้: ชื่อไฟล์ไม่ลงท้ายด้วย .csv .txt .json .ndjson .xml หรือ .xlsx (หรือชื่อเหล่านี้ตามด้วย .gz)\nตั้งชื่อใหม่ให้ตรงกับรูปแบบของไฟล์ แล้ววางอีกครั้ง",
                ),
                String::from(
                    "This file was not taken: its name does not end with .csv, .txt, .json, .ndjson, .xml or .xlsx (or one of these and .gz).\nRename it after its format and drop it again.",
                ),
            ),
            Reason::TooLarge(bytes_max) => (
                format!("ไม่รับไฟล์นี้: ใหญ่เกิน {bytes_max} ไบต์\nบีบอัดด้วย gzip หรือแบ่งเป็นหลายไฟล์ แล้ววางอีกครั้ง"),
                format!(
                    "This file was not taken: it is longer than {bytes_max} bytes.\nCompress it with gzip or split it, and drop it again."
                ),
            ),
            Reason::NotReadable => (
                String::from("ไม่รับไฟล์นี้: ระบบไม่มีสิทธิ์อ่าน\nแก้สิทธิ์ของไฟล์ให้ระบบอ่านได้ แล้ววางอีกครั้ง"),
                String::from(
                    "This file was not taken: the gateway may not read it.\nGive it read permission and drop it again.",
                ),
            ),
            Reason::Unsigned => (
                String::from(
                    "ไม่รับไฟล์นี้: ระบบลูกข่ายนี้ต้องลงลายมือชื่อกำกับไฟล์ แต่ไฟล์ที่วางไว้ไม่มีลายมือชื่อ\nส่งผ่าน POST /v1/submissions พร้อมส่วนหัว X-JWS-Signature หรือให้ผู้ดูแลยกเลิกข้อกำหนดด้วย saphan client signature",
                ),
                String::from(
                    "This file was not taken: files of this client must be signed, and a dropped file is not.\nSend it to POST /v1/submissions with the header X-JWS-Signature, or have the demand lifted: saphan client signature.",
                ),
            ),
        };
        format!("{th}\n\n{en}\n")
    }
}
