//! A whole round of any size, fast: four agencies' files, the school register and the truth beside them.
//!
//! Owns what `make national` submits: the defects, shares and truth of `tests/fixtures/agencies/generate.py`, whose rows are
//! made one by one from their number, so that twelve million need no more memory than twelve thousand. Two things differ, as
//! they do in a national export: rows come school by school, and the private schools send workbooks of at most a million rows,
//! because a sheet holds no more. Refuses to reuse a folder: the same arguments always give the same bytes.
//!
//! ```text
//! national LEARNERS SEED ROUND FOLDER
//! ```

mod cross;
mod defect;
mod facts;
mod formats;
mod person;
mod truth;

use anyhow::{Context, bail};
use cross::Cross;
use facts::Facts;
use person::{Agency, World};
use std::fs::File;
use std::io::{BufWriter, Write};
use std::path::Path;
use truth::{FileTruth, Truth};

#[allow(clippy::print_stdout, clippy::print_stderr, reason = "a command of its own")]
fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).filter(|argument| argument != "--bench").collect();
    let words: Vec<&str> = arguments.iter().map(String::as_str).collect();
    let [learners, seed, round, folder] = words[..] else {
        if words.is_empty() {
            // `cargo bench` calls every bench without arguments.
            eprintln!("national: nothing asked; `make national` says how many learners");
            return Ok(());
        }
        bail!("wanted: LEARNERS SEED ROUND FOLDER");
    };
    let facts = Facts::read()?;
    let world = World::new(&facts, learners.parse()?, seed.parse()?, round.parse()?);
    let folder = Path::new(folder);
    std::fs::create_dir(folder).with_context(|| format!("{} must be a new folder", folder.display()))?;
    let cross = Cross::choose(&world);
    write_schools(&world, &folder.join("schools.csv"))?;
    let files = std::thread::scope(|scope| {
        let (world, cross) = (&world, &cross);
        let write = move |agency: Agency| formats::write(world, cross, agency, folder);
        // The largest by itself, the others after one another: two threads of about the same length.
        let others = scope.spawn(move || {
            [Agency::Ovec, Agency::Dole, Agency::Opec].into_iter().map(write).collect::<anyhow::Result<Vec<_>>>()
        });
        let mut files = write(Agency::Obec)?;
        let others = others.join().map_err(|_| anyhow::anyhow!("a writer stopped"))??;
        files.extend(others.into_iter().flatten());
        anyhow::Ok(files)
    })?;
    let rows: u64 = files.iter().map(|file: &FileTruth| file.rows).sum();
    let truth = Truth { round: round.to_owned(), seed: world.seed, files, cross: cross.truth(&world) };
    let mut out = BufWriter::new(File::create(folder.join("truth.json"))?);
    serde_json::to_writer(&mut out, &truth)?;
    out.flush()?;
    println!("{rows}");
    Ok(())
}

fn write_schools(world: &World<'_>, path: &Path) -> anyhow::Result<()> {
    let mut out = csv::Writer::from_path(path)?;
    out.write_record([
        "school_id",
        "smis",
        "agency",
        "name_th",
        "province",
        "district",
        "subdistrict",
        "lat",
        "lon",
        "status",
    ])?;
    for agency in Agency::ALL {
        for school in world.schools(agency) {
            let sub = &school.subdistrict.code;
            let (lat, lon) = (school.latitude.to_string(), school.longitude.to_string());
            let status = if school.is_open { "open" } else { "closed" };
            out.write_record([
                &*school.school_id,
                &school.smis,
                agency.slug(),
                &school.name,
                &sub[..2],
                &sub[..4],
                sub,
                &lat,
                &lon,
                status,
            ])?;
        }
    }
    Ok(out.flush()?)
}
