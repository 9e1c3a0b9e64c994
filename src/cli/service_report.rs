//! `saphan agreement report`: service levels of a month as a table, or as JSON for programs.

use super::EXIT_REFUSED;
use super::terminal::{say, say_text, thousands};
use crate::app::agreements::{AgreementError, Sought};
use crate::app::service::ServiceView;
use crate::app::{App, AppError};
use crate::domain::agency::AgencyCode;
use crate::domain::principal::Principal;
use crate::domain::service::{Month, ServiceReport};
use crate::domain::text::{Bilingual, Lang};
use std::fmt::Write;
use std::process::ExitCode;

/// Every agreement that was in force on a day of the month. Answers 2 where a promise is not kept.
pub async fn run(
    app: &App,
    month: Month,
    agency: Option<AgencyCode>,
    lang: Lang,
    json: bool,
) -> anyhow::Result<ExitCode> {
    let operator = Principal::Operator;
    let (mut number, mut are_kept) = (0, true);
    for view in app.agreements(&operator, Sought::default()).await?.into_iter().rev() {
        if agency.is_some_and(|agency| agency != view.stored.terms.agency()) {
            continue;
        }
        let found = match app.service_report(&operator, &view.stored.id, month).await {
            Ok(found) => found,
            Err(AppError::Agreement(AgreementError::NoService(_))) => continue,
            Err(error) => return Err(error.into()),
        };
        number += 1;
        are_kept &= found.report.promises.iter().all(|one| one.is_kept != Some(false));
        if json {
            let closed_at = found.closed_at.map(|at| at.to_string());
            say!("{}", serde_json::json!({ "closed_at": closed_at, "report": found.report }));
        } else {
            say_text!("{}", table(&found, lang));
        }
    }
    if number == 0 && !json {
        let told =
            Bilingual::new(format!("ไม่มีข้อตกลงใดมีผลในเดือน {month}"), format!("no agreement was in force in {month}"));
        say!("{}", told.get(lang));
    }
    Ok(if are_kept { ExitCode::SUCCESS } else { ExitCode::from(EXIT_REFUSED) })
}

/// `99.95 %`; a dash where there is nothing to say.
fn share(bp: Option<u32>) -> String {
    bp.map_or_else(|| String::from("-"), |bp| format!("{}.{:02} %", bp / 100, bp % 100))
}

fn table(view: &ServiceView, lang: Lang) -> String {
    let report = &view.report;
    let t = |th: &'static str, en: &'static str| match lang {
        Lang::Th => th,
        Lang::En => en,
    };
    let state = match view.closed_at {
        Some(at) => format!("{} {at}", t("ปิดเดือนแล้วเมื่อ", "closed on")),
        None => t("ยังไม่ปิดเดือน", "not closed yet").to_owned(),
    };
    let mut out = String::new();
    // Writing into a string can't fail.
    let _ = writeln!(out, "{} · {} · {} – {} · {state}", report.agreement, report.agency, report.from, report.until);
    let (available, gateway) = (share(report.availability_bp), share(report.gateway_bp));
    let _ = writeln!(
        out,
        "  {} {available} · {} {gateway}",
        t("คำขอที่ตอบได้โดยระบบไม่ขัดข้อง", "requests answered without a fault"),
        t("เวลาที่ระบบพร้อม", "gateway there")
    );
    requests(&mut out, report, lang);
    for one in &report.data_sets {
        let age = match one.age_days {
            Some(days) => format!("{} {days} {}", t("ส่งล่าสุดเมื่อ", "last in force"), t("วันก่อน", "days ago")),
            None => t("ยังไม่เคยส่ง", "never sent").to_owned(),
        };
        let _ = writeln!(out, "  {}: {age}", one.mapping);
    }
    for one in &report.rounds {
        let sign = if one.is_on_time { "✓" } else { "✗" };
        let due = t("กำหนด", "due");
        let at = one.first_committed_at.as_deref().unwrap_or("-");
        let _ = writeln!(out, "  {sign} {} {} · {due} {} · {at}", one.mapping, one.round, one.due);
    }
    if report.first.files > 0 {
        let first = report.first;
        let _ = writeln!(
            out,
            "  {}: {} / {} ({})",
            t("แถวที่รับได้ตั้งแต่ไฟล์แรกของรอบ", "rows accepted of rounds' first files"),
            thousands(first.rows_accepted),
            thousands(first.rows_received),
            share(report.first_time_bp)
        );
    }
    for one in &report.promises {
        let sign = match one.is_kept {
            Some(true) => "✓",
            Some(false) => "✗",
            None => "·",
        };
        let measured = one.measured.map_or_else(|| String::from("-"), |measured| measured.to_string());
        let _ = writeln!(
            out,
            "  {sign} {}: {} {} · {} {measured}",
            one.name,
            t("ตกลงไว้", "promised"),
            one.promised,
            t("วัดได้", "measured")
        );
    }
    out.push('\n');
    out
}

fn requests(out: &mut String, report: &ServiceReport, lang: Lang) {
    if report.requests.is_empty() {
        return;
    }
    let (answered, failed) = match lang {
        Lang::Th => ("ตอบ", "ขัดข้อง"),
        Lang::En => ("answered", "failed"),
    };
    let ms = |ms: Option<u32>| ms.map_or_else(|| String::from("-"), |ms| format!("≤ {} ms", thousands(u64::from(ms))));
    for one in &report.requests {
        let (total, bad) = (thousands(one.answered), thousands(one.failed));
        let times = format!("p50 {} · p95 {} · p99 {}", ms(one.p50_ms), ms(one.p95_ms), ms(one.p99_ms));
        let _ = writeln!(out, "  {:7} {total} {answered} · {bad} {failed} · {times}", one.class);
    }
}
