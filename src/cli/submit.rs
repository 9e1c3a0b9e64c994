//! `saphan submit`: one file into the store of this machine, or to a running gateway.

use super::fault::Fault;
use super::gateway::{self, Secured, Way};
use super::progress::Progress;
use super::terminal::say;
use super::{EXIT_REFUSED, fault, summary, terminal};
use crate::app::App;
use crate::app::intake::FileTerms;
use crate::app::submissions::{SubmissionView, Watcher};
use crate::domain::enrolment::SubmissionMode;
use crate::domain::ids::SubmissionId;
use crate::domain::principal::Principal;
use crate::domain::receipt::Receipt;
use crate::domain::round::Round;
use crate::domain::text::Lang;
use crate::vault::FileSigner;
use anyhow::anyhow;
use clap::Args;
use std::fs::File;
use std::io::Read;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex};
use std::time::Duration;

#[derive(Debug, Args)]
#[command(
    after_help = "Examples:\n  saphan submit --mapping moe/schools --round 2026-06-10 schools.csv\n  saphan submit --mapping obec/enrolments --round 2569/1 obec.csv\n  SAPHAN_TOKEN=… saphan submit --server https://gateway.example.go.th --mapping obec/enrolments --round 2569/1 obec.csv\n  SAPHAN_TOKEN=… saphan submit --server https://gateway.example.go.th --sign signing.key --ca ca.pem --certificate obec.pem --key obec.key --mapping obec/enrolments --round 2569/1 obec.csv\n\nExit codes: 0 all accepted, 2 some refused, 1 could not run or the whole file refused."
)]
pub struct Arguments {
    /// Mapping, as obec/enrolments; the school register is moe/schools
    #[arg(long)]
    mapping: String,
    /// Round: a count day (2026-06-10) or academic year and term (2569/1)
    #[arg(long)]
    round: Round,
    /// replace: a school's rows replace what was held of it; delta: only the learners named change
    #[arg(long, default_value = "replace", value_parser = ["replace", "delta"])]
    mode: String,
    /// Address of a running gateway; without it the store under SAPHAN_HOME is used
    #[arg(long, value_name = "URL")]
    server: Option<String>,
    /// Token for the gateway (better given as SAPHAN_TOKEN)
    #[arg(long, env = "SAPHAN_TOKEN", hide_env_values = true)]
    token: Option<String>,
    #[command(flatten)]
    secured: Secured,
    /// Our private key (PEM, P-256) to sign the file with; its public half is registered at the gateway
    #[arg(long, value_name = "KEY", requires = "server")]
    sign: Option<PathBuf>,
    /// The receipt as JSON on standard output
    #[arg(long)]
    json: bool,
    #[arg(value_name = "INPUT")]
    input: PathBuf,
}

pub fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build()?;
    let (view, rate) = runtime.block_on(async {
        match &arguments.server {
            Some(server) => remote(arguments, server, lang).await.map(|view| (view, None)),
            None => local(arguments, lang).await.map(|(view, rate)| (view, Some(rate))),
        }
    })?;
    let title = arguments.input.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
    show(&view, &title, rate, arguments.json, lang)
}

/// Prints what became of a submission; answers the exit code.
fn show(view: &SubmissionView, title: &str, rate: Option<u64>, json: bool, lang: Lang) -> anyhow::Result<ExitCode> {
    if let Some(refusal) = &view.refusal {
        let refused = summary::submission_refused(&view.id, refusal);
        if json && let Err(unprinted) = print(view) {
            return Err(refused.because(unprinted).into());
        }
        return Err(refused.into());
    }
    if view.state == "cancelled" {
        let id = &view.id;
        return Err(Fault::new(
            format!("การส่ง {id} ถูกยกเลิกแล้ว ไม่มีข้อมูลใดมีผล หากต้องการส่งให้สั่ง saphan submit อีกครั้ง"),
            format!(
                "the submission {id} was cancelled; nothing of it counts. To send the file after all, submit it again"
            ),
        )
        .into());
    }
    let receipt: &Receipt =
        view.receipt.as_ref().ok_or_else(|| anyhow!("the submission {} has no receipt yet", view.id))?;
    if json || !terminal::watched() {
        print(receipt).map_err(|fault| taken(view, receipt).because(fault))?;
    }
    if terminal::watched() {
        eprint!("{}", summary::receipt(title, receipt, rate, None, lang));
        if receipt.refused > 0 {
            let words = match lang {
                Lang::Th => "แถวที่ไม่ผ่าน เมื่อเปิดระบบ (saphan serve)",
                Lang::En => "refused rows, once `saphan serve` runs",
            };
            eprintln!("\n  {words}: GET /v1/submissions/{}/refused", view.id);
        }
    }
    Ok(if receipt.refused > 0 { ExitCode::from(EXIT_REFUSED) } else { ExitCode::SUCCESS })
}

fn print(what: &impl serde::Serialize) -> anyhow::Result<()> {
    say!("{}", serde_json::to_string(what)?);
    Ok(())
}

/// Said where the receipt could not be: who reads of a failure must not take the file for not sent.
fn taken(view: &SubmissionView, receipt: &Receipt) -> Fault {
    let (id, accepted, refused) =
        (&view.id, terminal::thousands(receipt.accepted), terminal::thousands(receipt.refused));
    Fault::new(
        format!(
            "รับไฟล์แล้วเป็น {id} (รับ {accepted} แถว ไม่รับ {refused} แถว) แต่แสดงใบรับไม่ได้ ไม่ต้องส่งซ้ำ ดูใบรับที่ GET /v1/submissions/{id}"
        ),
        format!(
            "the file was taken as {id} ({accepted} rows accepted, {refused} refused), but its receipt can't be shown. Don't send it again; the receipt is at GET /v1/submissions/{id}"
        ),
    )
}

async fn local(arguments: &Arguments, lang: Lang) -> anyhow::Result<(SubmissionView, u64)> {
    let settings = super::settings()?;
    let app = crate::startup::open(&settings).await?;
    let taken_up = app.recover().await?;
    if taken_up > 0 {
        let words = match lang {
            Lang::Th => "งานที่ค้างอยู่และทำเสร็จแล้วในครั้งนี้",
            Lang::En => "submissions that were left unfinished and are done now",
        };
        eprintln!("{words}: {taken_up}");
    }
    let terms = FileTerms {
        mapping: arguments.mapping.clone(),
        round: arguments.round,
        mode: SubmissionMode::parse(&arguments.mode).unwrap_or(SubmissionMode::Replace),
        idempotency_key: None,
        signature: None,
    };
    submit_file(&app, &arguments.input, terms).await
}

/// Keeps and processes one file with a progress bar; also used by the demo.
pub async fn submit_file(app: &App, path: &Path, terms: FileTerms) -> anyhow::Result<(SubmissionView, u64)> {
    let mut intake = app.begin_intake(&Principal::Operator, terms)?;
    let unreadable = |error: std::io::Error| fault::unreadable(path, &error);
    let mut file = File::open(path).map_err(unreadable)?;
    let bytes = file.metadata().map_err(unreadable)?.len();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(unreadable)?;
        if read == 0 {
            break;
        }
        intake.write(&buffer[..read])?;
    }
    let kept = app.keep(intake).await?;
    let progress = Arc::new(Mutex::new((Progress::new(bytes), 0_u64)));
    let shared = progress.clone();
    let watcher: Watcher = Arc::new(move |rows, position| {
        if let Ok(mut progress) = shared.lock() {
            let new = rows - progress.1;
            progress.1 = rows;
            progress.0.advance(new, position);
        }
    });
    let view = app.process(&kept.id, Some(watcher)).await.map_err(|error| still_kept(&kept.id).because(error))?;
    let rate = progress.lock().map(|progress| {
        progress.0.finish();
        progress.0.rate()
    });
    Ok((view, rate.unwrap_or(0)))
}

/// The work on it failed, the file did not go.
fn still_kept(id: &SubmissionId) -> Fault {
    Fault::new(
        format!("เก็บไฟล์ไว้แล้วเป็น {id} แต่ยังประมวลผลไม่เสร็จ"),
        format!("the file is kept as {id}, but it is not at its end yet"),
    )
}

/// Waiting for a large file's processing, at most.
const REMOTE_WAIT_MAX: Duration = Duration::from_secs(6 * 3600);

async fn remote(arguments: &Arguments, server: &str, lang: Lang) -> anyhow::Result<SubmissionView> {
    let token = arguments.token.as_deref().ok_or_else(|| {
        Fault::new(
            "ระบบต้องการโทเคน ตั้งค่า SAPHAN_TOKEN ตามที่กระทรวงให้ไว้",
            "a gateway wants a token: set SAPHAN_TOKEN to the one the ministry gave",
        )
    })?;
    let client = gateway::builder(&arguments.secured, lang)?.build()?;
    let way = Way { client: &client, server: server.trim_end_matches('/'), token };
    let signer = arguments.sign.as_deref().map(gateway::signer).transpose()?;
    let sent = Sent {
        mapping: &arguments.mapping,
        round: arguments.round,
        mode: &arguments.mode,
        input: &arguments.input,
        signer: signer.as_ref(),
    };
    send(&way, sent).await
}

/// A file on its way to a gateway.
pub struct Sent<'a> {
    pub mapping: &'a str,
    pub round: Round,
    pub mode: &'a str,
    pub input: &'a Path,
    /// None: it goes unsigned.
    pub signer: Option<&'a FileSigner>,
}

/// Sends one file and waits for its end; also used by the demo.
pub async fn send(way: &Way<'_>, sent: Sent<'_>) -> anyhow::Result<SubmissionView> {
    let Way { client, server, token } = way;
    let Sent { mapping, round, mode, input, signer } = sent;
    let mut url = reqwest::Url::parse(&format!("{server}/v1/submissions")).map_err(|_| {
        Fault::new(
            "--server ไม่ใช่ที่อยู่ของระบบ เขียนอย่าง https://saphan.example.go.th",
            "--server is not an address. Write it like https://saphan.example.go.th",
        )
    })?;
    let origin = url.origin().ascii_serialization();
    url.query_pairs_mut()
        .append_pair("mapping", mapping)
        .append_pair("round", &round.to_string())
        .append_pair("mode", mode);
    let unreadable = |error: std::io::Error| fault::unreadable(input, &error);
    let file = tokio::fs::File::open(input).await.map_err(unreadable)?;
    let length = file.metadata().await.map_err(unreadable)?.len();
    let signature = match signer {
        Some(signer) => Some(signature(signer, input)?),
        None => None,
    };
    let body = reqwest::Body::wrap_stream(chunks(file));
    let mut sending = client
        .post(url)
        .bearer_auth(token)
        .header("Idempotency-Key", uuid::Uuid::now_v7().to_string())
        .header("Content-Length", length)
        .body(body);
    if let Some(signature) = signature {
        sending = sending.header("X-JWS-Signature", signature);
    }
    let mut view = ask(sending, &origin).await?;
    let begun = tokio::time::Instant::now();
    let mut pause = Duration::from_millis(100);
    while matches!(view.state.as_str(), "received" | "processing") {
        let id = &view.id;
        if let Some(waiting) = &view.waiting {
            let said = |lang| format!("{id}: {}. {}", waiting.message.get(lang), waiting.hint.get(lang));
            return Err(Fault::new(said(Lang::Th), said(Lang::En)).into());
        }
        if begun.elapsed() > REMOTE_WAIT_MAX {
            return Err(Fault::new(
                format!("ระบบยังประมวลผล {id} อยู่ ดูผลภายหลังที่ GET /v1/submissions/{id}"),
                format!("the gateway is still working on {id}; ask again: GET /v1/submissions/{id}"),
            )
            .into());
        }
        tokio::time::sleep(pause).await;
        pause = (pause * 2).min(Duration::from_secs(5));
        let asking = client.get(format!("{server}/v1/submissions/{id}")).bearer_auth(token);
        view = ask(asking, &origin).await.map_err(|error| still_kept(id).because(error))?;
    }
    Ok(view)
}

/// Over the whole file, which is read for it before it is sent.
fn signature(signer: &FileSigner, input: &Path) -> anyhow::Result<String> {
    let unreadable = |error: std::io::Error| fault::unreadable(input, &error);
    let mut file = File::open(input).map_err(unreadable)?;
    let mut bytes = signer.begin();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut buffer).map_err(unreadable)?;
        if read == 0 {
            return Ok(signer.sign(bytes)?);
        }
        bytes.update(&buffer[..read]);
    }
}

/// Largest answer of a gateway that is read.
const ANSWER_BYTES_MAX: usize = 16 << 20;

async fn ask(request: reqwest::RequestBuilder, origin: &str) -> anyhow::Result<SubmissionView> {
    use futures_util::StreamExt;
    let unreachable = |error: reqwest::Error| fault::unreachable(origin, &error);
    let response = request.send().await.map_err(unreachable)?;
    let status = response.status();
    let mut body = Vec::new();
    let mut stream = response.bytes_stream();
    while let Some(chunk) = stream.next().await {
        body.extend_from_slice(&chunk.map_err(unreachable)?);
        if body.len() > ANSWER_BYTES_MAX {
            return Err(no_submission(origin).into());
        }
    }
    if !status.is_success() {
        let problem: serde_json::Value = serde_json::from_slice(&body).unwrap_or_default();
        let text = |key: &str| problem.get(key).and_then(|value| value.as_str()).unwrap_or("").to_owned();
        if text("title").is_empty() {
            return Err(no_submission(origin).into());
        }
        let said = format!("{status}: {} {}", text("title"), text("detail"));
        let request = text("request_id");
        return Err(Fault::new(
            format!("ระบบตอบ {said} (เลขที่คำขอ {request})"),
            format!("the gateway answered {said} (request {request})"),
        )
        .into());
    }
    Ok(serde_json::from_slice(&body).map_err(|_| no_submission(origin))?)
}

fn no_submission(origin: &str) -> Fault {
    Fault::new(
        format!("คำตอบจาก {origin} ไม่ใช่ของระบบนี้ ตรวจที่อยู่หลัง --server"),
        format!("what {origin} answered is not about a submission. Check the address behind --server"),
    )
}

fn chunks(file: tokio::fs::File) -> impl futures_util::Stream<Item = std::io::Result<bytes::Bytes>> {
    use tokio::io::AsyncReadExt;
    async_stream::try_stream! {
        let mut file = file;
        loop {
            let mut buffer = bytes::BytesMut::with_capacity(256 << 10);
            if file.read_buf(&mut buffer).await? == 0 {
                break;
            }
            yield buffer.freeze();
        }
    }
}
