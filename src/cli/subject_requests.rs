//! `saphan subject request|list|show|decide|export`: what persons ask about their own data, at the machine's command line.
//!
//! The same use cases as the API. The number comes by standard input; the words of a correction from a file: an argument would
//! stand in the list of processes and in the shell's history.

use super::fault::Fault;
use super::terminal::{Tone, paint, say};
use crate::app::App;
use crate::app::subjects::{
    DecisionForm, DueAsked, OpenedRequest, REQUESTS_MAX, RequestForm, RequestView, RequestsAsked, SAYS_CHARS_MAX,
};
use crate::domain::agency::AgencyCode;
use crate::domain::ids::SubjectRequestId;
use crate::domain::learner_id::LearnerId;
use crate::domain::principal::Principal;
use crate::domain::subject::{Outcome, Reference, RequestKind, RequestState};
use crate::domain::text::{Bilingual, Lang};
use anyhow::Context;
use clap::Args;
use futures_util::StreamExt;
use jiff::civil::Date;
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

#[derive(Debug, Args)]
pub struct New {
    /// access, correction, erasure or objection
    #[arg(long, value_name = "KIND")]
    kind: String,
    /// Number of the letter or case
    #[arg(long, value_name = "TEXT")]
    reference: String,
    /// The day it came (default: today)
    #[arg(long, value_name = "DAY")]
    received: Option<Date>,
    /// File with what the person says; needed of a correction
    #[arg(long, value_name = "FILE")]
    says: Option<PathBuf>,
    /// Of a correction: whose statement it is
    #[arg(long, value_name = "AGENCY")]
    agency: Option<String>,
    /// Of a correction: a field of enrolment/1; may be given again
    #[arg(long = "field", value_name = "NAME")]
    fields: Vec<String>,
    /// What was recorded, as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct List {
    /// Open ones that are due within seven days or past their day
    #[arg(long)]
    due: bool,
    /// open, fulfilled, refused or withdrawn
    #[arg(long, value_name = "STATE")]
    state: Option<String>,
    /// One JSON object a line
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Show {
    /// dsr_…
    id: String,
    #[arg(long, help = "As JSON")]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Decide {
    /// dsr_…
    id: String,
    /// fulfil, refuse or withdraw
    #[arg(long, value_name = "OUTCOME")]
    outcome: String,
    /// Of a refusal, and of an erasure that is fulfilled: a ground of schemas/subject_grounds.yaml
    #[arg(long, value_name = "GROUND")]
    ground: Option<String>,
    #[arg(long, help = "As JSON")]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Export {
    /// dsr_… of a request of access
    id: String,
}

fn word<T>(text: &str, parsed: Option<T>, known: &str) -> anyhow::Result<T> {
    parsed.ok_or_else(|| {
        Fault::new(format!("ไม่รู้จัก {text} ที่ใช้ได้คือ {known}"), format!("{text} is not known; it takes one of: {known}"))
            .into()
    })
}

fn id_of(text: &str) -> anyhow::Result<SubjectRequestId> {
    let known = SubjectRequestId::parse(text);
    known.context(Fault::new("รหัสคำขอต้องเป็น dsr_ ตามด้วย 32 ตัวอักษร", "the id of a request is dsr_ and 32 letters"))
}

fn text_of(path: &Path) -> anyhow::Result<String> {
    let mut text = String::new();
    let most = SAYS_CHARS_MAX as u64 * 4 + 1;
    let file = std::fs::File::open(path).map_err(|error| super::fault::unreadable(path, &error))?;
    file.take(most).read_to_string(&mut text).map_err(|error| super::fault::unreadable(path, &error))?;
    Ok(text)
}

pub async fn record(app: &App, form: &New, person: LearnerId, lang: Lang) -> anyhow::Result<ExitCode> {
    let kind = word(&form.kind, RequestKind::parse(&form.kind), "access, correction, erasure, objection")?;
    let reference = Reference::parse(&form.reference).context(Fault::new(
        "--reference ต้องเป็นเลขที่หนังสือหรือเลขคดี และต้องไม่ใช่เลขประจำตัวของบุคคล",
        "--reference is the number of a letter or a case, and no number of a person",
    ))?;
    let agency = match &form.agency {
        Some(text) => Some(word(text, AgencyCode::parse(text).ok(), "obec, opec, dole, ovec")?),
        None => None,
    };
    let says = form.says.as_deref().map(text_of).transpose()?;
    let received_on = form.received.unwrap_or_else(|| app.today());
    let new = RequestForm { kind, person, reference, received_on, says, agency, fields: form.fields.clone() };
    let view = app.record_request(&Principal::Operator, new).await?;
    if form.json {
        say!("{}", json(&view));
    } else {
        line(&view, lang)?;
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn list(app: &App, asked: &List, lang: Lang) -> anyhow::Result<ExitCode> {
    let state = match &asked.state {
        Some(text) => Some(word(text, RequestState::parse(text), "open, fulfilled, refused, withdrawn")?),
        None => None,
    };
    let due: &[Option<DueAsked>] = if asked.due { &[Some(DueAsked::Overdue), Some(DueAsked::Soon)] } else { &[None] };
    let mut total = 0_u64;
    for due in due {
        let mut after = None;
        loop {
            let terms = RequestsAsked { state, due: *due };
            let page = app.requests(&Principal::Operator, terms, after, REQUESTS_MAX).await?;
            for view in &page.requests {
                total += 1;
                if asked.json {
                    say!("{}", json(view));
                } else {
                    line(view, lang)?;
                }
            }
            after = page.next;
            if after.is_none() {
                break;
            }
        }
    }
    if !asked.json {
        let told = Bilingual::new(format!("รวม {total} คำขอ"), format!("{total} requests in all"));
        say!("{}", told.get(lang));
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn show(app: &App, asked: &Show, lang: Lang) -> anyhow::Result<ExitCode> {
    let opened = app.open_request(&Principal::Operator, &id_of(&asked.id)?).await?;
    if asked.json {
        let OpenedRequest { view, learner_masked, says, places, answer } = opened;
        let mut said = json(&view);
        said["learner_masked"] = learner_masked.into();
        said["says"] = says.into();
        said["places"] = serde_json::to_value(places)?;
        said["answer"] = serde_json::to_value(answer)?;
        say!("{said}");
        return Ok(ExitCode::SUCCESS);
    }
    line(&opened.view, lang)?;
    let words = match lang {
        Lang::Th => ["เลขประจำตัว", "ถ้อยคำ", "ฟิลด์", "แถว", "คำตอบของหน่วยงาน"],
        Lang::En => ["number", "says", "fields", "row", "the agency's answer"],
    };
    if let Some(masked) = &opened.learner_masked {
        say!("  {}: {masked}", words[0]);
    }
    if let Some(says) = &opened.says {
        say!("  {}: {}", words[1], printable(says));
    }
    if !opened.view.fields.is_empty() {
        say!("  {}: {}", words[2], opened.view.fields.join(", "));
    }
    for place in &opened.places {
        say!("  {}: {} #{} · {} · {}", words[3], place.submission, place.row, place.round, place.school_id);
    }
    if let Some(answer) = &opened.answer {
        say!("  {}: {} · {}", words[4], answer.answer.as_str(), printable(&answer.says));
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn decide(app: &App, form: &Decide, lang: Lang) -> anyhow::Result<ExitCode> {
    let id = id_of(&form.id)?;
    let outcome = word(&form.outcome, Outcome::parse(&form.outcome), "fulfil, refuse, withdraw")?;
    let seen = app.open_request(&Principal::Operator, &id).await?.view.version;
    let decision = DecisionForm { outcome, ground: form.ground.clone() };
    let view = app.decide_request(&Principal::Operator, &id, seen, &decision).await?;
    if form.json {
        say!("{}", json(&view));
        return Ok(ExitCode::SUCCESS);
    }
    line(&view, lang)?;
    if let Some(outcome) = &view.outcome {
        say!("{}", serde_json::to_string_pretty(outcome)?);
    }
    Ok(ExitCode::SUCCESS)
}

pub async fn export(app: &App, asked: &Export) -> anyhow::Result<ExitCode> {
    let mut content = app.export_request(&Principal::Operator, &id_of(&asked.id)?).await?.content;
    let mut out = io::stdout().lock();
    while let Some(piece) = content.next().await {
        out.write_all(&piece?)?;
    }
    out.flush()?;
    Ok(ExitCode::SUCCESS)
}

/// What moves the cursor is nobody's to write on somebody else's screen.
fn printable(text: &str) -> String {
    text.replace(char::is_control, " ")
}

fn line(view: &RequestView, lang: Lang) -> anyhow::Result<()> {
    let thai = lang == Lang::Th;
    let kind = match (view.kind, thai) {
        (RequestKind::Access, true) => "ขอเข้าถึง",
        (RequestKind::Access, false) => "access",
        (RequestKind::Correction, true) => "ขอแก้ไข",
        (RequestKind::Correction, false) => "correction",
        (RequestKind::Erasure, true) => "ขอลบ",
        (RequestKind::Erasure, false) => "erasure",
        (RequestKind::Objection, true) => "คัดค้าน",
        (RequestKind::Objection, false) => "objection",
    };
    let state = match (view.state, view.days_left, thai) {
        (_, Some(days), true) if days < 0 => paint(Tone::Bad, &format!("✗ เกินกำหนด {} วัน", -days)),
        (_, Some(days), false) if days < 0 => paint(Tone::Bad, &format!("✗ overdue by {} days", -days)),
        (_, Some(days), true) => format!("เหลือ {days} วัน"),
        (_, Some(days), false) => format!("{days} days left"),
        (RequestState::Fulfilled, None, true) => "✓ ดำเนินการแล้ว".to_owned(),
        (RequestState::Refused, None, true) => "ปฏิเสธ".to_owned(),
        (RequestState::Withdrawn, None, true) => "ผู้ขอถอน".to_owned(),
        (state, None, _) => state.as_str().to_owned(),
    };
    let (due, ground) = (if thai { "กำหนด" } else { "due" }, view.ground.as_deref().unwrap_or(""));
    let reference = printable(view.reference.as_deref().unwrap_or("-"));
    say!("{}  {due} {}  {kind}  {state}  {ground} · {reference}", view.id, view.due_on);
    Ok(())
}

fn json(view: &RequestView) -> serde_json::Value {
    serde_json::json!({
        "id": view.id, "kind": view.kind, "state": view.state, "version": view.version, "reference": view.reference,
        "received_on": view.received_on.to_string(), "due_on": view.due_on.to_string(), "days_left": view.days_left,
        "recorded_at": view.recorded_at.to_string(), "recorded_by": view.recorded_by,
        "decided_at": view.decided_at.map(|at| at.to_string()), "decided_by": view.decided_by, "ground": view.ground,
        "outcome": view.outcome, "agency": view.agency, "fields": view.fields,
        "answered_at": view.answered_at.map(|at| at.to_string()), "answered_by": view.answered_by,
    })
}
