//! `saphan map`: the pure line over one file, no store: canonical records out, refused rows back.

use super::fault::Fault;
use super::progress::Progress;
use super::{EXIT_REFUSED, fault, summary, terminal};
use crate::app::assets::{AssetFolders, Assets, LoadedMapping};
use crate::app::input::FileInput;
use crate::app::lines::JsonLines;
use crate::app::refusal::{self, FileRefusal};
use crate::app::register::{RegisterError, read_register};
use crate::app::time_limit::{SECONDS_MAX_DEFAULT, TimeLimit};
use crate::decode::{DecodeError, Format, Input, Limits};
use crate::domain::receipt::Receipt;
use crate::domain::round::Round;
use crate::domain::text::Lang;
use crate::mapping::RunContext;
use crate::pipeline::{PipelineError, Run};
use crate::sendback::{self, RefusedRow, SendbackError, Sent};
use crate::standards::Schools;
use crate::vault::Sha256Stream;
use anyhow::{anyhow, ensure};
use clap::Args;
use std::fs::File;
use std::io::{BufRead, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

#[derive(Debug, Args)]
#[command(
    after_help = "Example:\n  saphan map --mapping obec/enrolments --round 2026-06-10 --schools schools.csv \\\n      obec.csv --accepted obec.ndjson --rejected obec.refused.csv --report receipt.json\n\nExit codes: 0 all accepted, 2 some refused, 1 could not run."
)]
pub struct Arguments {
    /// Mapping, as obec/enrolments
    #[arg(long)]
    mapping: String,
    /// Round: a count day (2026-06-10) or academic year and term (2569/1)
    #[arg(long)]
    round: Round,
    /// School register to check school codes against (moe/schools layout)
    #[arg(long, value_name = "FILE")]
    schools: Option<PathBuf>,
    /// Where the accepted records go, as NDJSON (default: standard output)
    #[arg(long, value_name = "FILE")]
    accepted: Option<PathBuf>,
    /// Where the refused rows go, in the sender's own layout with reason columns
    #[arg(long, value_name = "FILE")]
    rejected: Option<PathBuf>,
    /// Where the JSON receipt goes (default: standard error)
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Cores to use (default: all)
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Seconds the work may take before the file is refused
    #[arg(long, value_name = "N", default_value_t = SECONDS_MAX_DEFAULT)]
    seconds_max: u64,
    /// The file; - for standard input
    #[arg(value_name = "INPUT")]
    input: PathBuf,
}

pub fn run(arguments: &Arguments, lang: Lang) -> anyhow::Result<ExitCode> {
    let limit = TimeLimit::from_now(arguments.seconds_max);
    // Emptied first, so that no earlier run's answer is taken for this one's.
    for path in [&arguments.report, &arguments.rejected].into_iter().flatten() {
        create(path)?;
    }
    let assets = load_assets()?;
    let loaded = assets.known_mapping(&arguments.mapping)?;
    let limits = Limits::default();
    let schools = match &arguments.schools {
        Some(path) => Some(Arc::new(register(&assets, path, arguments.round, &limits, lang)?)),
        None => None,
    };
    if schools.is_none() && loaded.mapping.checks_schools() {
        eprintln!("{}", summary::schools_unchecked(lang));
    }
    let (_spool, path) = readable(&arguments.input)?;
    let input: Arc<dyn Input> =
        Arc::new(FileInput::open(&path).map_err(|error| fault::unreadable(&arguments.input, &error))?);
    let context = RunContext { round: arguments.round, schools };
    let threads = threads(arguments.threads);
    let job = Job { assets: &assets, loaded, context, limits, limit, threads };
    match job.map(&input, Accepted::open(arguments.accepted.as_deref())?)? {
        Outcome::Mapped(receipt, rate, mut spill) => {
            if let Some(path) = &arguments.rejected {
                let (spec, encoding) = (&loaded.mapping.spec, receipt.encoding.as_str());
                let sent = Sent { input: &input, spec, limits: &job.limits, encoding };
                let written = send_back(&sent, &mut spill, path)?;
                ensure!(
                    written == receipt.refused,
                    "{}: {written} of {} refused rows could be written",
                    path.display(),
                    receipt.refused
                );
            }
            show(arguments, &receipt, rate, lang)
        }
        Outcome::Refused(error) => refuse(arguments, &job, &input, error),
    }
}

/// The receipt, as JSON for programs and in words for who watches.
fn show(arguments: &Arguments, receipt: &Receipt, rate: u64, lang: Lang) -> anyhow::Result<ExitCode> {
    let json = serde_json::to_string(receipt)?;
    if terminal::watched() {
        let title = arguments.input.file_name().map(|name| name.to_string_lossy()).unwrap_or_default();
        let refused_to = arguments.rejected.as_ref().map(|path| path.display().to_string());
        eprint!("{}", summary::receipt(&title, receipt, Some(rate), refused_to.as_deref(), lang));
    }
    match &arguments.report {
        Some(path) => write_report(path, &json)?,
        None if terminal::watched() => {}
        None => eprintln!("{json}"),
    }
    Ok(if receipt.refused > 0 { ExitCode::from(EXIT_REFUSED) } else { ExitCode::SUCCESS })
}

/// The whole file is refused: nothing of it may be taken, and the report says so.
fn refuse(
    arguments: &Arguments,
    job: &Job<'_>,
    input: &Arc<dyn Input>,
    error: DecodeError,
) -> anyhow::Result<ExitCode> {
    let format = job.loaded.mapping.spec.format;
    if let Some(path) = &arguments.accepted {
        create(path)?;
    }
    if let (Some(path), DecodeError::Refused { rule, place, detail }) = (&arguments.report, &error) {
        let refusal = FileRefusal::new(*rule, place, detail, Some(format), job.assets.library.catalogue());
        let report = serde_json::json!({
            "submission": null,
            "mapping": job.loaded.mapping.id(),
            "round": job.context.round.to_string(),
            "sha256": hash(input)?,
            "refusal": refusal,
        });
        write_report(path, &report.to_string())?;
    }
    Err(summary::file_refused(&arguments.input, error, format, job.assets).into())
}

fn create(path: &Path) -> Result<File, Fault> {
    File::create(path).map_err(|error| fault::unwritable(path, &error))
}

fn write_report(path: &Path, json: &str) -> Result<(), Fault> {
    let mut file = create(path)?;
    writeln!(file, "{json}").map_err(|error| fault::unwritable(path, &error))
}

/// Where the accepted records go.
struct Accepted<'a> {
    /// None: standard output.
    path: Option<&'a Path>,
    out: Box<dyn Write + Send>,
}

impl<'a> Accepted<'a> {
    fn open(path: Option<&'a Path>) -> Result<Self, Fault> {
        const BUFFER_BYTES: usize = 1 << 20;
        let out: Box<dyn Write + Send> = match path {
            Some(path) => Box::new(BufWriter::with_capacity(BUFFER_BYTES, create(path)?)),
            None => Box::new(BufWriter::with_capacity(BUFFER_BYTES, std::io::stdout())),
        };
        Ok(Accepted { path, out })
    }

    fn failed(&self, error: &std::io::Error) -> Fault {
        self.path.map_or_else(|| fault::unprinted(error), |path| fault::unwritable(path, error))
    }
}

/// What became of the file.
enum Outcome {
    /// Receipt, rows a second, and the refused rows with their reasons in a temporary file.
    Mapped(Box<Receipt>, u64, File),
    Refused(DecodeError),
}

struct Job<'j> {
    assets: &'j Assets,
    loaded: &'j LoadedMapping,
    context: RunContext,
    limits: Limits,
    limit: TimeLimit,
    threads: usize,
}

impl Job<'_> {
    fn map(&self, input: &Arc<dyn Input>, mut accepted: Accepted<'_>) -> anyhow::Result<Outcome> {
        let mapping = &self.loaded.mapping;
        let catalogue = self.assets.library.catalogue();
        let mut spill = BufWriter::new(tempfile::tempfile().map_err(|error| fault::no_temporary(&error))?);
        let mut progress = Progress::new(input.len());
        let run = Run { mapping, context: self.context.clone(), limits: &self.limits, threads: self.threads };
        let summary = self.limit.run(
            &run,
            input,
            || JsonLines,
            |result| -> Result<(), Fault> {
                progress.advance(result.rows, result.position);
                accepted.out.write_all(&result.out).map_err(|error| accepted.failed(&error))?;
                for row in &result.refused {
                    let views = refusal::views(row, catalogue, &mapping.standard);
                    let spilt = serde_json::to_writer(&mut spill, &refusal::sendback_row(row.row, &views));
                    let spilt = spilt.map_err(std::io::Error::from).and_then(|()| spill.write_all(b"\n"));
                    spilt.map_err(|error| fault::no_temporary(&error))?;
                }
                Ok(())
            },
        );
        progress.finish();
        let summary = match summary {
            Ok(summary) => summary,
            Err(PipelineError::Decode(error)) => return Ok(Outcome::Refused(error)),
            Err(PipelineError::Keep(fault)) => return Err(fault.into()),
            Err(error) => return Err(error.into()),
        };
        accepted.out.flush().map_err(|error| accepted.failed(&error))?;
        let receipt = summary.into_receipt(mapping, &self.context, catalogue, hash(input)?);
        let spill = spill.into_inner().map_err(|error| fault::no_temporary(error.error()))?;
        Ok(Outcome::Mapped(Box::new(receipt), progress.rate(), spill))
    }
}

pub fn load_assets() -> anyhow::Result<Assets> {
    Assets::load(&AssetFolders::default()).map_err(|faults| {
        let list: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow!("the standards or mappings have faults:\n  {}", list.join("\n  "))
    })
}

/// The register file as codes are checked against it.
fn register(assets: &Assets, path: &Path, round: Round, limits: &Limits, lang: Lang) -> anyhow::Result<Schools> {
    let input: Arc<dyn Input> = Arc::new(FileInput::open(path).map_err(|error| fault::unreadable(path, &error))?);
    let read = match read_register(assets, &input, round, limits) {
        Ok(read) => read,
        Err(RegisterError::Read(PipelineError::Decode(error))) => {
            return Err(summary::file_refused(path, error, Format::Csv, assets).into());
        }
        Err(error) => return Err(error.into()),
    };
    if read.refused > 0 {
        eprintln!("{}", summary::register_refused(read.refused, lang));
    }
    Ok(read.schools)
}

/// Standard input is kept in a temporary file first: the encoding is decided over the whole file.
fn readable(path: &Path) -> anyhow::Result<(Option<tempfile::NamedTempFile>, PathBuf)> {
    if path != Path::new("-") {
        return Ok((None, path.to_owned()));
    }
    let mut spool = tempfile::NamedTempFile::new().map_err(|error| fault::no_temporary(&error))?;
    let limit = Limits::default().file_bytes_max;
    std::io::copy(&mut std::io::stdin().lock().take(limit + 1), &mut spool)
        .map_err(|error| fault::unreadable(path, &error))?;
    let path = spool.path().to_owned();
    Ok((Some(spool), path))
}

fn send_back(sent: &Sent<'_>, spill: &mut File, path: &Path) -> anyhow::Result<u64> {
    use std::io::Seek;
    spill.rewind()?;
    let mut rows = BufReader::new(spill)
        .lines()
        .map_while(Result::ok)
        .filter_map(|line| serde_json::from_str::<RefusedRow>(&line).ok());
    let mut out = BufWriter::with_capacity(1 << 20, create(path)?);
    let written = match sendback::write_refused(sent, &mut rows, &mut out) {
        Err(SendbackError::Output(error)) => return Err(fault::unwritable(path, &error).into()),
        written => written?,
    };
    out.flush().map_err(|error| fault::unwritable(path, &error))?;
    Ok(written)
}

fn hash(input: &Arc<dyn Input>) -> anyhow::Result<String> {
    let mut reader = input.open()?;
    let mut stream = Sha256Stream::new();
    let mut buffer = vec![0; 1 << 20];
    loop {
        let read = reader.read(&mut buffer)?;
        if read == 0 {
            return Ok(stream.finish_hex());
        }
        stream.update(&buffer[..read]);
    }
}

pub fn threads(asked: Option<usize>) -> usize {
    asked.unwrap_or_else(|| std::thread::available_parallelism().map_or(1, std::num::NonZero::get)).clamp(1, 64)
}
