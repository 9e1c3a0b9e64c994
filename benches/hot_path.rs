//! The hot path piece by piece: text repair, identifiers, dates, code lookup, one block through the whole line,
//! and what a decision of the limits adds to a request.
//!
//! Owns the small numbers that say which piece made the line slower; `make bench` has the large ones. For figures that
//! repeat to the instruction run one of them under `valgrind --tool=callgrind` (see docs/benchmarks.md).

use bumpalo::Bump;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use saphan::app::assets::{AssetFolders, Assets};
use saphan::config::Settings;
use saphan::decode::{Input, Limits, MemoryInput};
use saphan::domain::ids::ClientId;
use saphan::domain::quota::{Class, Overrides};
use saphan::limit::{Ask, Limiter, Who};
use saphan::mapping::RunContext;
use saphan::mapping::steps::date::{DatePattern, date};
use saphan::mapping::steps::learner_id::learner_id;
use saphan::mapping::steps::{Outcome, tidy};
use saphan::pipeline::{self, Renderer, Run};
use saphan::standards::{CodeList, Library};
use saphan::validate::Valid;
use std::collections::BTreeMap;
use std::hint::black_box;
use std::sync::Arc;

/// Values as files bear them: clean Thai (most), ASCII, and each kind of mending.
const CLEAN: [&str; 5] = ["เด็กหญิง", "นครศรีธรรมราช", "ปิยดา ลองใจคีรี", "175/24", "1997209176683"];
const UNTIDY: [&str; 5] = [" เด็กหญิง", "ทําดี", "สม\u{200b}ชาย", "นครศรี  ธรรมราช", "\u{a0}1997209176683\u{a0}"];
const NUMBERS: [&str; 3] = ["1997209176683", "1-9972-09176-68-3", "G69520000001"];
const DATES: [&str; 3] = ["04/04/2561", "๐๔/๐๔/๒๕๖๑", "4 เม.ย. 2561"];
const WORDS: [&str; 4] = ["เด็กหญิง", "ด.ช.", "นาย", "น.ส."];

fn steps(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("steps");
    for (name, values) in [("tidy clean", CLEAN), ("tidy untidy", UNTIDY)] {
        group.throughput(Throughput::Elements(values.len() as u64));
        group.bench_function(name, |bencher| {
            let mut bump = Bump::new();
            bencher.iter(|| {
                bump.reset();
                for value in values {
                    black_box(tidy(black_box(value), &bump));
                }
            });
        });
    }
    group.throughput(Throughput::Elements(NUMBERS.len() as u64));
    group.bench_function("learner_id", |bencher| {
        bencher.iter(|| NUMBERS.map(|number| matches!(learner_id(black_box(number), number), Outcome::Value(_))));
    });
    if let Ok(pattern) = DatePattern::parse("d/m/be") {
        group.throughput(Throughput::Elements(DATES.len() as u64));
        group.bench_function("date", |bencher| {
            bencher.iter(|| DATES.map(|text| matches!(date(black_box(text), &pattern), Outcome::Value(_))));
        });
    }
    group.finish();
}

fn codes(criterion: &mut Criterion, library: &Library) {
    let mut group = criterion.benchmark_group("codes");
    let find = |list: &CodeList| WORDS.map(|word| list.find(black_box(word)));
    group.throughput(Throughput::Elements(WORDS.len() as u64));
    if let Some(titles) = library.list("title") {
        group.bench_function("title", |bencher| bencher.iter(|| black_box(find(titles))));
    }
    if let Some(subdistricts) = library.list("subdistrict") {
        group.bench_function("not in 7,436", |bencher| bencher.iter(|| black_box(find(subdistricts))));
    }
    group.finish();
}

struct JsonLines;

impl Renderer for JsonLines {
    type Out = Vec<u8>;

    fn accept(&mut self, row: &Valid<'_, '_>, out: &mut Vec<u8>) {
        row.write_json(true, out);
    }
}

/// Whole sample file of an agency: head, blocks, mapping, checks, canonical JSON.
fn lines(criterion: &mut Criterion, assets: &Assets) {
    let mut group = criterion.benchmark_group("line");
    let samples: [(&str, &'static [u8]); 4] = [
        ("obec/enrolments", include_bytes!("../tests/fixtures/agencies/2026-06-10/obec.csv")),
        ("ovec/enrolments", include_bytes!("../tests/fixtures/agencies/2026-06-10/ovec.xml")),
        ("dole/enrolments", include_bytes!("../tests/fixtures/agencies/2026-06-10/dole.json")),
        ("opec/enrolments", include_bytes!("../tests/fixtures/agencies/2026-06-10/opec.xlsx")),
    ];
    let limits = Limits::default();
    for (name, bytes) in samples {
        let (Some(loaded), Ok(round)) = (assets.mapping(name), "2026-06-10".parse()) else { continue };
        let run =
            Run { mapping: &loaded.mapping, context: RunContext { round, schools: None }, limits: &limits, threads: 1 };
        group.throughput(Throughput::Bytes(bytes.len() as u64));
        group.bench_function(name, |bencher| {
            let input = || -> Arc<dyn Input> { MemoryInput::shared(bytes) };
            bencher.iter_batched(
                input,
                |input| {
                    let keep = |result: pipeline::BlockResult<Vec<u8>>| {
                        black_box(result.out.len());
                        Ok::<(), std::io::Error>(())
                    };
                    black_box(pipeline::run(&run, &input, || JsonLines, keep).map(|summary| summary.received).ok())
                },
                BatchSize::SmallInput,
            );
        });
    }
    group.finish();
}

/// In this process; a shared server costs a round trip to it besides.
fn decisions(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Builder::new_current_thread().build();
    let settings = Settings::parse(None, &BTreeMap::new());
    let (Ok(runtime), Some(Ok(limiter))) = (runtime, settings.ok().map(|settings| Limiter::open(&settings.rates)))
    else {
        return;
    };
    let mut group = criterion.benchmark_group("limits");
    let (client, own) = (ClientId::from_uuid(uuid::Uuid::nil()), Overrides::default());
    for class in [Class::Read, Class::Submit] {
        group.bench_function(class.as_str(), |bencher| {
            let ask = || Ask { who: Who::Client(client.clone()), class, bytes: 1 << 20, own: &own };
            bencher.iter(|| runtime.block_on(limiter.decide(black_box(ask()))));
        });
    }
    group.finish();
}

#[expect(clippy::panic, reason = "without the project's own standards there is nothing to measure")]
fn all(criterion: &mut Criterion) {
    let assets = match Assets::load(&AssetFolders::default()) {
        Ok(assets) => assets,
        Err(faults) => panic!("the standards or mappings have {} faults; run `make check`", faults.len()),
    };
    steps(criterion);
    codes(criterion, &assets.library);
    lines(criterion, &assets);
    decisions(criterion);
}

criterion_group!(benches, all);
criterion_main!(benches);
