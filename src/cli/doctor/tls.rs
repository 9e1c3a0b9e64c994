//! TLS: the files of the door, and the certificates that clients are bound to.

use super::finding::{Finding, in_full};
use crate::app::certificates::{Expiry, LOOKED_AT_MAX, WARN_DAYS, Which, days_left};
use crate::config::{ClientCertificates, Settings, TlsSettings};
use crate::domain::text::Bilingual;
use crate::store::Store;
use crate::vault::tls::{Tls, TlsError, is_key_open_to_others};
use jiff::Timestamp;

pub fn files(settings: &Settings) -> Vec<Finding> {
    let Some(tls) = &settings.tls else { return vec![plain(settings)] };
    let door = match Tls::open(tls) {
        Ok(door) => door,
        Err(error) => return vec![broken(&error)],
    };
    let mut found = vec![Finding::ok(
        "tls",
        format!("ใบรับรองกับกุญแจคู่กัน ใบรับรองของระบบลูกข่าย: {}", tls.client.as_str()),
        format!("certificate and key belong together; certificates of clients: {}", tls.client.as_str()),
    )];
    if !door.is_chain() {
        found.push(
            Finding::warn("tls", "ลำดับใบรับรองในไฟล์ไม่ต่อกัน", "the certificates of the file don't follow from each other")
                .then(
                    "เรียงใบของเครื่องก่อน แล้วตามด้วย CA ที่ออกใบก่อนหน้า",
                    "Put the server's own first, then each CA that issued the one before",
                ),
        );
    }
    if is_key_open_to_others(&tls.key) {
        let path = tls.key.display();
        found.push(
            Finding::warn(
                "tls",
                format!("ผู้ใช้ทุกคนของเครื่องอ่านกุญแจ {path} ได้"),
                format!("every user of this machine can read the key {path}"),
            )
            .then(format!("chmod 600 {path}"), format!("chmod 600 {path}")),
        );
    }
    found.extend(revocation(tls, &door));
    let now = Timestamp::now();
    // A list that lives for weeks is no news before its last one; its CA makes the next by the clock.
    let is_news = |expiry: &Expiry| expiry.which != Which::Crl || days_left(expiry.at, now) <= WARN_DAYS[0];
    for expiry in door.expiries() {
        let what = named(expiry.which);
        found.push(if is_news(&expiry) { ending(&what, expiry.at, now) } else { holds(&what, expiry.at, now) });
    }
    found
}

fn plain(settings: &Settings) -> Finding {
    let listen = settings.listen;
    if listen.ip().is_loopback() {
        return Finding::ok(
            "tls",
            format!("ไม่ใช้ TLS และฟังเฉพาะเครื่องนี้ ({listen})"),
            format!("plain HTTP, listening on this machine only ({listen})"),
        );
    }
    Finding::warn("tls", format!("ฟังที่ {listen} โดยไม่มี TLS"), format!("plain HTTP on {listen}")).then(
        "ตั้ง SAPHAN_TLS_CERTIFICATE และ SAPHAN_TLS_KEY หรือให้เฉพาะตัวกระจายงานที่จบ TLS เข้าถึงได้",
        "Set SAPHAN_TLS_CERTIFICATE and SAPHAN_TLS_KEY, or let only a proxy that ends TLS reach it",
    )
}

fn broken(error: &TlsError) -> Finding {
    let why = in_full(error);
    let (th, en) = match error {
        TlsError::File { .. } => {
            ("ตรวจชื่อไฟล์และสิทธิ์อ่านของผู้ใช้ที่เปิดระบบ", "Check its name, and that the gateway's user may read it")
        }
        TlsError::OtherKey { .. } => ("วางใบรับรองและกุญแจชุดเดียวกัน", "Put certificate and key of the same pair in place"),
        TlsError::CrlOfOther(_) => (
            "ใช้ CRL ที่ออกโดย CA ในไฟล์ SAPHAN_TLS_CLIENT_CA หรือเพิ่ม CA นั้นในไฟล์",
            "Use a list by a CA in SAPHAN_TLS_CLIENT_CA, or add that CA to the file",
        ),
        _ => ("วางไฟล์ PEM ที่ถูกต้อง กุญแจต้องไม่มีรหัสผ่าน", "Put a proper PEM file in place; the key without a passphrase"),
    };
    Finding::fail("tls", format!("ใช้ไฟล์ TLS ไม่ได้: {why}"), format!("the files of TLS can't be used: {why}"))
        .then(th, en)
}

fn revocation(tls: &TlsSettings, door: &Tls) -> Option<Finding> {
    let lacking = door.authorities_without_crl();
    (tls.client != ClientCertificates::Off && lacking > 0).then(|| {
        Finding::warn(
            "tls",
            format!("CA ของระบบลูกข่าย {lacking} แห่งไม่มี CRL จึงเพิกถอนใบรับรองของ CA นั้นไม่ได้"),
            format!(
                "no revocation list speaks for {lacking} of the CAs of clients, so their certificates can't be revoked"
            ),
        )
        .then(
            "ให้ CA ออก CRL และตั้ง SAPHAN_TLS_CLIENT_CRL",
            "Have the CA issue one, and name it in SAPHAN_TLS_CLIENT_CRL",
        )
    })
}

fn named(which: Which) -> Bilingual {
    let (th, en) = match which {
        Which::Server => ("ใบรับรองของเครื่องนี้", "the server's certificate"),
        Which::ClientCa => ("CA ของระบบลูกข่าย", "the CA of clients"),
        Which::Crl => ("CRL (รายการเพิกถอน)", "the revocation list"),
        Which::Client => ("ใบรับรองของระบบลูกข่าย", "a client's certificate"),
    };
    Bilingual::new(th, en)
}

fn holds(what: &Bilingual, at: Timestamp, now: Timestamp) -> Finding {
    let (th, en, days) = (&what.th, &what.en, days_left(at, now));
    Finding::ok("expiry", format!("{th}หมดอายุ {at} อีก {days} วัน"), format!("{en} ends on {at}, in {days} days"))
}

fn ending(what: &Bilingual, at: Timestamp, now: Timestamp) -> Finding {
    let days = days_left(at, now);
    let [urgent, soon, early] = WARN_DAYS;
    let (th, en) = (&what.th, &what.en);
    if days < 0 {
        return Finding::fail("expiry", format!("{th}หมดอายุแล้วเมื่อ {at}"), format!("{en} ended on {at}")).then(
            "ออกใหม่และวางแทนไฟล์เดิมทันที ระบบรับไปใช้เองภายในไม่กี่วินาที",
            "Renew it now and put it in place; the gateway takes it up within seconds",
        );
    }
    if days > early {
        return holds(what, at, now);
    }
    let (told_th, told_en) = (format!("{th}หมดอายุ {at} อีก {days} วัน"), format!("{en} ends on {at}, in {days} days"));
    let (hurry_th, hurry_en) = match days {
        days if days <= urgent => ("ต่ออายุวันนี้", "Renew it today"),
        days if days <= soon => ("ต่ออายุภายในสัปดาห์นี้", "Renew it this week"),
        _ => ("นัดวันต่ออายุ", "Plan its renewal"),
    };
    Finding::warn("expiry", told_th, told_en).then(
        format!("{hurry_th} วางไฟล์ใหม่แทนไฟล์เดิม ระบบรับไปใช้เองโดยไม่ต้องหยุด"),
        format!("{hurry_en}; put the new file in place, and the gateway takes it up while it runs"),
    )
}

/// Those that end within the time of warnings; one line where there are none.
pub async fn clients(store: &Store) -> Vec<Finding> {
    let now = Timestamp::now();
    let Ok(all) = store.certificates_in_use(LOOKED_AT_MAX).await else { return Vec::new() };
    let [_, _, early] = WARN_DAYS;
    let ending_soon = all.iter().filter(|(_, certificate)| days_left(certificate.not_after, now) <= early);
    let mut found: Vec<Finding> = ending_soon
        .map(|(client, certificate)| {
            let Bilingual { th, en } = named(Which::Client);
            let what = Bilingual::new(
                format!("{th} {client} ({}) ", certificate.thumbprint),
                format!("{en}, {client} ({}),", certificate.thumbprint),
            );
            let finding = ending(&what, certificate.not_after, now);
            // The client's affair in the end: the gateway itself is well.
            Finding { state: super::State::Warn, ..finding }.then(
                "ออกใบรับรองใหม่ เพิ่มด้วย saphan client certificate add แล้วจึงลบใบเดิม",
                "Issue a new one, add it with `saphan client certificate add`, and remove the old one then",
            )
        })
        .collect();
    if found.is_empty() && !all.is_empty() {
        let number = all.len();
        found.push(Finding::ok(
            "expiry",
            format!("ใบรับรองของระบบลูกข่าย {number} ใบ ไม่มีใบใดหมดอายุใน {early} วัน"),
            format!("{number} certificates of clients, none ends within {early} days"),
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use jiff::SignedDuration;

    #[test]
    fn the_nearer_the_end_the_more_urgent_the_word() {
        let now = Timestamp::UNIX_EPOCH;
        let what = Bilingual::new("ก", "it");
        let at = |days: i64, hours: i64| {
            let one = ending(&what, now + SignedDuration::from_hours(days * 24 + hours), now);
            (one.state, one.step.map(|step| step.en.split([' ', ';']).take(3).collect::<Vec<_>>().join(" ")))
        };
        assert_eq!(at(61, 1), (State::Ok, None));
        assert_eq!(at(60, 1), (State::Warn, Some("Plan its renewal".into())));
        assert_eq!(at(30, 1), (State::Warn, Some("Renew it this".into())));
        assert_eq!(at(7, 1), (State::Warn, Some("Renew it today".into())));
        assert_eq!(at(0, 0), (State::Warn, Some("Renew it today".into())));
        assert_eq!(at(0, -1), (State::Fail, Some("Renew it now".into())));
    }
}
