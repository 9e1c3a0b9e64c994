//! What the line carries over one file, and what bare readers and inserts carry: one JSON line a run.
//!
//! Owns the inside of `make bench`; `scripts/bench/run.py` makes the files, calls this and writes the table.
//! Each run is a process of its own, so that none profits from another's warm memory. Refuses to time anything but
//! the work: loading standards, mappings and the school register stands outside the clock.
//!
//! ```text
//! line decode   MAPPING FILE THREADS              decode only
//! line map      MAPPING FILE SCHOOLS THREADS      decode, map, validate; results dropped
//! line json     MAPPING FILE SCHOOLS THREADS      the same, canonical JSON written out
//! line reader   csv|simd-csv|xml|json FILE        the bare parse, by the library alone
//! line inserts  none|index NDJSON DATABASE        plain SQLite inserts of canonical records
//! line copy     none|index DATABASE               plain COPY of what a submission stored in PostgreSQL
//! line small    FILE SCHOOLS HOME                 many small submissions, each kept, mapped, stored, committed
//! ```

mod copy;
mod decoding;
mod inserts;
mod readers;
mod small;

use anyhow::{Context, anyhow, bail};
use saphan::app::assets::{AssetFolders, Assets, LoadedMapping};
use saphan::app::input::FileInput;
use saphan::app::register::SchoolRenderer;
use saphan::decode::{self, Input, Limits};
use saphan::mapping::RunContext;
use saphan::pipeline::{self, Renderer, Run, Summary};
use saphan::standards::{Schools, SchoolsBuilder};
use saphan::validate::Valid;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What one run did.
struct Done {
    rows: u64,
    refused: u64,
    bytes: u64,
    time: Duration,
}

impl Done {
    fn line(&self) -> String {
        let Done { rows, refused, bytes, time } = self;
        format!(r#"{{"rows":{rows},"refused":{refused},"bytes":{bytes},"seconds":{:.6}}}"#, time.as_secs_f64())
    }
}

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "a command of its own")]
fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let done = match words.as_slice() {
        // `cargo bench` calls every bench without arguments.
        [] => {
            eprintln!("line: nothing asked; `make bench` gives it the files");
            return Ok(());
        }
        ["decode", mapping, file, threads] => decode_only(mapping, Path::new(file), threads.parse()?)?,
        ["map", mapping, file, schools, threads] => {
            mapped(mapping, file, schools, threads, || Dropped, |_: u64| Ok(()))?
        }
        ["json", mapping, file, schools, threads] => {
            let mut sink = std::io::BufWriter::with_capacity(1 << 20, std::fs::File::create("/dev/null")?);
            let keep = |text: Vec<u8>| std::io::Write::write_all(&mut sink, &text);
            mapped(mapping, file, schools, threads, || JsonLines, keep)?
        }
        ["reader", reader, file] => readers::read(reader, Path::new(file))?,
        ["inserts", index, records, database] => {
            inserts::insert(Path::new(records), Path::new(database), *index == "index")?
        }
        ["copy", index, database] => copy::copy(database, *index == "index")?,
        ["small", file, schools, home] => small::submit(Path::new(file), Path::new(schools), home)?,
        _ => bail!("not understood: {}", words.join(" ")),
    };
    println!("{}", done.line());
    Ok(())
}

/// Takes every accepted row and keeps none: the line itself is measured.
struct Dropped;

impl Renderer for Dropped {
    type Out = u64;

    fn accept(&mut self, row: &Valid<'_, '_>, out: &mut u64) {
        *out += std::hint::black_box(row).row();
    }
}

/// Canonical records, a JSON object a line, as `saphan map` writes them.
struct JsonLines;

impl Renderer for JsonLines {
    type Out = Vec<u8>;

    fn accept(&mut self, row: &Valid<'_, '_>, out: &mut Vec<u8>) {
        row.write_json(true, out);
        out.push(b'\n');
    }
}

/// The mappings of `SAPHAN_MAPPINGS`, else those of the working folder.
fn assets() -> anyhow::Result<Assets> {
    let mappings = std::env::var_os("SAPHAN_MAPPINGS").map(PathBuf::from);
    Assets::load(&AssetFolders { schemas: None, mappings }).map_err(|faults| {
        let list: Vec<String> = faults.iter().map(ToString::to_string).collect();
        anyhow!("the standards or mappings have faults:\n{}", list.join("\n"))
    })
}

fn find<'a>(assets: &'a Assets, mapping: &str) -> anyhow::Result<&'a Arc<LoadedMapping>> {
    assets.mapping(mapping).with_context(|| format!("no mapping {mapping}"))
}

fn input(file: &Path) -> anyhow::Result<Arc<dyn Input>> {
    Ok(Arc::new(FileInput::open(file).with_context(|| file.display().to_string())?))
}

fn decode_only(mapping: &str, file: &Path, threads: usize) -> anyhow::Result<Done> {
    let assets = assets()?;
    let spec = &find(&assets, mapping)?.mapping.spec;
    let input = input(file)?;
    let begun = Instant::now();
    let opened = decode::open(&input, spec, &Limits::default(), threads)?;
    let sum = match threads {
        0 | 1 => decoding::on_one(opened, spec)?,
        _ => decoding::on_many(opened, spec, threads)?,
    };
    Ok(Done { rows: sum.rows, refused: sum.refused, bytes: input.len(), time: begun.elapsed() })
}

fn mapped<R: Renderer>(
    mapping: &str,
    file: &str,
    schools: &str,
    threads: &str,
    renderer: impl Fn() -> R + Sync,
    mut keep: impl FnMut(R::Out) -> std::io::Result<()>,
) -> anyhow::Result<Done> {
    let assets = assets()?;
    let limits = Limits::default();
    let context = RunContext { round: "2026-06-10".parse()?, schools: Some(Arc::new(register(&assets, schools)?)) };
    let run = Run { mapping: &find(&assets, mapping)?.mapping, context, limits: &limits, threads: threads.parse()? };
    let input = input(Path::new(file))?;
    let begun = Instant::now();
    let Summary { received, refused, .. } = pipeline::run(&run, &input, renderer, |result| keep(result.out))?;
    Ok(Done { rows: received, refused, bytes: input.len(), time: begun.elapsed() })
}

fn register(assets: &Assets, schools: &str) -> anyhow::Result<Schools> {
    let mapping = &find(assets, "moe/schools")?.mapping;
    let context = RunContext { round: "2026-06-10".parse()?, schools: None };
    let limits = Limits::default();
    let run = Run { mapping, context, limits: &limits, threads: 1 };
    let mut found = SchoolsBuilder::default();
    let renderer = || SchoolRenderer::new(&mapping.standard);
    pipeline::run(&run, &input(Path::new(schools))?, renderer, |result| {
        result.out.iter().for_each(|school| found.add(&school.school_id, school.smis.as_deref(), school.agency));
        Ok::<(), std::io::Error>(())
    })?;
    Ok(found.finish())
}
