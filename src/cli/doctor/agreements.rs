//! Agreements with agencies: which end soon, and which clients none covers. Ids alone.

use super::finding::Finding;
use crate::app::agreements::{Coverage, WARN_DAYS, coverage_of};
use crate::config::Settings;
use crate::domain::day::day_in_thailand;
use crate::domain::ids::ClientId;
use crate::store::Store;
use jiff::Timestamp;

/// Ids shown in one line.
const SHOWN: usize = 5;

pub async fn all(settings: &Settings, store: &Store) -> Vec<Finding> {
    match coverage_of(store, day_in_thailand(Timestamp::now())).await {
        Ok(coverage) => findings(&coverage, settings.agreements_required),
        // What the store says of itself is a finding of its own.
        Err(_) => Vec::new(),
    }
}

fn listed(clients: &[ClientId]) -> String {
    let shown: Vec<&str> = clients.iter().take(SHOWN).map(ClientId::as_str).collect();
    let more = if clients.len() > SHOWN { " …" } else { "" };
    format!("{} ({}{more})", clients.len(), shown.join(", "))
}

fn findings(coverage: &Coverage, are_required: bool) -> Vec<Finding> {
    let [urgent, soon, early] = WARN_DAYS;
    let mut found = Vec::new();
    for (id, days) in coverage.in_force.iter().filter(|(_, days)| *days <= early) {
        let (hurry_th, hurry_en) = match *days {
            days if days <= urgent => ("ต่ออายุวันนี้", "Renew it today"),
            days if days <= soon => ("ต่ออายุภายในสัปดาห์นี้", "Renew it this week"),
            _ => ("นัดวันต่ออายุ", "Plan its renewal"),
        };
        found.push(
            Finding::warn(
                "agreement",
                format!("ข้อตกลง {id} สิ้นสุดในอีก {days} วัน"),
                format!("the agreement {id} ends in {days} days"),
            )
            .then(
                format!("{hurry_th} เจ้าหน้าที่ของหน่วยงานขอต่อ และสองคนของกระทรวงอนุมัติ"),
                format!("{hurry_en}: the agency's officer renews it, and two persons of the ministry agree"),
            ),
        );
    }
    if !coverage.shut_out.is_empty() {
        let clients = listed(&coverage.shut_out);
        found.push(
            Finding::warn(
                "agreement",
                format!("ระบบลูกข่ายที่ข้อตกลงไม่มีผลแล้วหรือยังไม่เริ่ม {clients}"),
                format!("clients none of whose agreements is in force: {clients}"),
            )
            .then("ต่ออายุข้อตกลง หรือเพิกถอนระบบลูกข่าย", "Renew their agreements, or revoke the clients"),
        );
    }
    if !coverage.uncovered.is_empty() {
        let clients = listed(&coverage.uncovered);
        let (th, en) = (
            format!("ระบบลูกข่ายของหน่วยงานที่ไม่มีข้อตกลง {clients}"),
            format!("clients of agencies without an agreement: {clients}"),
        );
        found.push(match are_required {
            true => Finding::warn("agreement", th, en).then(
                "ต้องมีข้อตกลงก่อน (SAPHAN_AGREEMENTS=required) ให้หน่วยงานขอข้อตกลง",
                "They are let in by none (SAPHAN_AGREEMENTS=required): let their agencies ask for agreements",
            ),
            false => Finding::ok("agreement", th, en),
        });
    }
    if found.is_empty() && !coverage.in_force.is_empty() {
        let number = coverage.in_force.len();
        found.push(Finding::ok(
            "agreement",
            format!("ข้อตกลงที่มีผล {number} ฉบับ ไม่มีฉบับใดสิ้นสุดใน {early} วัน"),
            format!("{number} agreements in force, none ends within {early} days"),
        ));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::super::State;
    use super::*;
    use crate::domain::ids::AgreementId;

    #[test]
    fn the_nearer_the_end_the_more_urgent_the_word_and_who_is_left_out_is_named() {
        let agreement = |number| AgreementId::from_uuid(uuid::Uuid::from_u128(number));
        let client = |number| ClientId::from_uuid(uuid::Uuid::from_u128(number));
        let in_force = vec![(agreement(1), 7), (agreement(2), 30), (agreement(3), 60), (agreement(4), 61)];
        let coverage = Coverage { in_force, uncovered: (0..7).map(client).collect(), shut_out: vec![client(9)] };
        let told = findings(&coverage, true);
        let words: Vec<&str> =
            told.iter().filter_map(|one| Some(one.step.as_ref()?.en.split([':', ',']).next().unwrap())).collect();
        assert_eq!(&words[..3], ["Renew it today", "Renew it this week", "Plan its renewal"]);
        assert_eq!(told.len(), 5);
        assert!(told.iter().all(|one| one.state == State::Warn));
        assert!(told[4].text.en.contains("7 (cli_") && told[4].text.en.ends_with("…)"), "{}", told[4].text.en);
        assert_eq!(findings(&coverage, false)[4].state, State::Ok);
        let quiet = Coverage { in_force: vec![(agreement(4), 61)], ..Coverage::default() };
        assert_eq!(findings(&quiet, true)[0].state, State::Ok);
        assert!(findings(&Coverage::default(), true).is_empty());
    }
}
