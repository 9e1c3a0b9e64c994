//! What people are told where they can't go on: what is wrong, and what to do now.

use super::PersonError;
use crate::domain::principal::RolesFault;
use crate::domain::sign_in::{PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN, PasswordFault};
use crate::domain::text::Bilingual;

impl PersonError {
    pub fn told(&self) -> Bilingual {
        let (th, en) = match self {
            PersonError::Wait { seconds } => return waiting(*seconds),
            PersonError::Password(fault) => return password(*fault),
            PersonError::Roles(fault) => return roles(*fault),
            PersonError::Unknown => (
                "ไม่มีผู้ใช้รหัสนี้ ดูรายการด้วย saphan user list",
                "There is no person with this id. `saphan user list` shows all.",
            ),
            PersonError::Name => {
                ("ชื่อต้องยาว 1 ถึง 200 ตัวอักษร และอยู่ในบรรทัดเดียว", "A name has 1 to 200 letters, on one line.")
            }
            PersonError::SignInName => (
                "ชื่อเข้าระบบต้องยาว 3 ถึง 128 ตัวอักษรและไม่มีช่องว่าง เช่น somchai.j หรืออีเมล",
                "A sign-in name has 3 to 128 letters, digits or signs, without spaces, such as somchai.j or an e-mail address.",
            ),
            PersonError::NoWayIn => {
                ("บัญชีนี้ไม่มีชื่อเข้าระบบ ระบุด้วย --sign-in", "The account has no sign-in name. Give one with --sign-in.")
            }
            PersonError::Subject => (
                "ผู้ให้บริการต้องเป็นที่อยู่ https และรหัสผู้ใช้ต้องยาว 1 ถึง 255 ตัวอักษร",
                "The provider is an https address, and the subject has 1 to 255 letters.",
            ),
            PersonError::NotHeld => (
                "ผู้ใช้นี้ไม่มีบทบาทนี้อยู่แล้ว ดูบทบาทด้วย saphan user list",
                "The person does not hold this role. `saphan user list` shows what they hold.",
            ),
            PersonError::OwnAccess => (
                "แก้สิทธิ์หรือบัญชีของตนเองไม่ได้ ให้ผู้ดูแลสิทธิ์คนอื่นทำ",
                "Nobody changes their own access. Ask another access administrator.",
            ),
            PersonError::Exists => (
                "มีบัญชีที่ใช้ชื่อเข้าระบบหรือรหัสของผู้ให้บริการนี้แล้ว ดูรายการด้วย saphan user list",
                "There is an account of this sign-in name or subject already. `saphan user list` shows all.",
            ),
            PersonError::Refused => (
                "ชื่อเข้าระบบหรือรหัสผ่านไม่ถูกต้อง ลองใหม่ หากลืมรหัสผ่านให้ติดต่อผู้ดูแลสิทธิ์",
                "Name or password is wrong. Try again; if you forgot the password, ask your access administrator.",
            ),
            PersonError::Code => (
                "รหัส 6 หลักไม่ถูกต้องหรือใช้ไปแล้ว รอรหัสถัดไปแล้วลองใหม่ และตรวจว่าเวลาในโทรศัพท์ตรง",
                "The six digits are wrong or were used. Wait for the next code and try again; check the clock of the telephone.",
            ),
            PersonError::Invite => (
                "รหัสครั้งเดียวไม่ถูกต้อง ใช้ไปแล้ว หรือหมดอายุ ขอใหม่จากผู้ดูแลสิทธิ์",
                "The one-time code is wrong, was used or has expired. Ask your access administrator for a new one.",
            ),
            PersonError::Over => ("หมดเวลาหรือออกจากระบบแล้ว เข้าระบบใหม่", "Your session is over. Please sign in again."),
            PersonError::SamePassword => {
                ("รหัสผ่านใหม่เหมือนรหัสผ่านปัจจุบัน ตั้งรหัสผ่านอื่น", "The new password is the present one. Choose another.")
            }
            PersonError::Differ => ("รหัสผ่านสองช่องไม่ตรงกัน พิมพ์ใหม่ทั้งสองช่อง", "The two passwords differ. Type both again."),
            PersonError::Busy => (
                "มีผู้เข้าระบบพร้อมกันมาก รอสักครู่แล้วลองใหม่",
                "Many people sign in at this moment. Wait a little and try again.",
            ),
        };
        Bilingual::new(th, en)
    }
}

fn waiting(seconds: i64) -> Bilingual {
    Bilingual::new(
        format!("ลองผิดหลายครั้ง รออีก {seconds} วินาทีแล้วลองใหม่ หากไม่ใช่ท่านที่ลอง ให้แจ้งผู้ดูแลสิทธิ์"),
        format!(
            "Too many wrong tries. Wait {seconds} seconds and try again; if it was not you, tell your access administrator."
        ),
    )
}

fn password(fault: PasswordFault) -> Bilingual {
    match fault {
        PasswordFault::Short => Bilingual::new(
            format!("รหัสผ่านสั้นเกินไป ใช้อย่างน้อย {PASSWORD_CHARS_MIN} ตัวอักษร เช่น วลีที่จำง่ายหลายคำ"),
            format!(
                "The password is too short: {PASSWORD_CHARS_MIN} letters at least. A sentence of several words is easy to keep."
            ),
        ),
        PasswordFault::Long => Bilingual::new(
            format!("รหัสผ่านยาวเกินไป ใช้ไม่เกิน {PASSWORD_CHARS_MAX} ตัวอักษร"),
            format!("The password is too long: {PASSWORD_CHARS_MAX} letters at most."),
        ),
        PasswordFault::Name => Bilingual::new(
            "ในรหัสผ่านมีชื่อเข้าระบบอยู่ ใช้วลีอื่น",
            "The sign-in name stands in the password. Take another sentence.",
        ),
        PasswordFault::Common => Bilingual::new(
            "รหัสผ่านนี้เดาง่าย เป็นคำที่คนลองก่อนเสมอ ใช้วลีของท่านเองหลายคำ",
            "This password is among those that are tried first. Take a sentence of your own.",
        ),
    }
}

fn roles(fault: RolesFault) -> Bilingual {
    match fault {
        RolesFault::AuditorAlone => Bilingual::new(
            "ผู้ตรวจสอบ (auditor) อ่านสมุดบันทึกได้อย่างเดียว จึงมีบทบาทอื่นร่วมด้วยไม่ได้",
            "An auditor reads the journal and nothing else, so the role goes with no other.",
        ),
        RolesFault::MinistryOnly(role) => Bilingual::new(
            format!("สิทธิ์ {} เห็นข้อมูลของทุกหน่วยงาน จึงให้ได้เฉพาะของกระทรวง ตัด --agency ออก หรือให้สิทธิ์อื่น", role.as_str()),
            format!(
                "{} reaches over all agencies and is for the ministry alone. Leave --agency out, or give another right.",
                role.as_str()
            ),
        ),
        RolesFault::AgencyNeeded(role) => Bilingual::new(
            format!("บทบาท {} ต้องระบุหน่วยงานด้วย --agency", role.as_str()),
            format!("The role {} needs --agency: for whom?", role.as_str()),
        ),
    }
}
