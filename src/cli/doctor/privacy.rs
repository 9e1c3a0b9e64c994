//! Requests of persons that are near their day, and whether what is over was erased.

use super::finding::Finding;
use crate::domain::day::day_in_thailand;
use crate::domain::subject::SOON_DAYS;
use crate::store::Store;
use jiff::{SignedDuration, Timestamp, ToSpan};

/// A run by the clock comes once a day.
const RETENTION_LATE: SignedDuration = SignedDuration::from_hours(72);

pub async fn requests(store: &Store) -> Option<Finding> {
    let today = day_in_thailand(Timestamp::now());
    let found = store.subject_reminders(today, today.saturating_add(SOON_DAYS.days())).await.ok()?;
    let (open, soon, overdue) = (found.open, found.soon, found.overdue);
    Some(if overdue > 0 {
        Finding::warn(
            "requests",
            format!("คำขอของเจ้าของข้อมูลเกินกำหนด {overdue} คำขอ"),
            format!("{overdue} requests of persons are past their day"),
        )
        .then("ดูด้วย saphan subject list --due แล้วตอบวันนี้", "See `saphan subject list --due`, and answer today")
    } else if soon > 0 {
        Finding::warn(
            "requests",
            format!("คำขอของเจ้าของข้อมูล {soon} คำขอครบกำหนดใน {SOON_DAYS} วัน"),
            format!("{soon} requests of persons are due within {SOON_DAYS} days"),
        )
        .then("ดูด้วย saphan subject list --due", "See `saphan subject list --due`")
    } else {
        Finding::ok(
            "requests",
            format!("คำขอของเจ้าของข้อมูลที่ยังไม่ตัดสิน {open} คำขอ ไม่มีคำขอใดใกล้ครบกำหนด"),
            format!("{open} open requests of persons, none near its day"),
        )
    })
}

pub async fn retention(store: &Store) -> Option<Finding> {
    let last = store.retention_reports(None, 1).await.ok()?.into_iter().next();
    Some(match last {
        // The gateway makes the first within minutes of its start.
        None => Finding::ok("retain", "ยังไม่มีรายงานการลบตามกำหนดเก็บรักษา", "no report of what is erased by rule yet"),
        Some(last) if last.at + RETENTION_LATE < Timestamp::now() => Finding::warn(
            "retain",
            format!("ลบตามกำหนดเก็บรักษาครั้งหลังสุดเมื่อ {}", last.at),
            format!("what is over was last erased at {}", last.at),
        )
        .then("เปิดระบบไว้ หรือสั่ง saphan retention run", "Keep a gateway running, or run `saphan retention run`"),
        Some(last) => Finding::ok(
            "retain",
            format!("ลบตามกำหนดเก็บรักษาแล้วเมื่อ {}", last.at),
            format!("what is over was erased at {}", last.at),
        ),
    })
}
