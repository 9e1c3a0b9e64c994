"""The files the benchmark reads: any number of rows of each agency's format, made once and kept in a cache.

Owns the cache under `.tools/bench-data/`. The rows come from the generator the tests use
(`tests/fixtures/agencies/generate.py`), written one by one, so a million rows need little memory to make.
Refuses to reuse a folder whose making was broken off: a folder counts once its `meta.json` stands.
"""
import argparse
import functools
import importlib.util
import json
import pathlib
import shutil
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]
CACHE = ROOT / ".tools" / "bench-data"
GENERATOR = ROOT / "tests" / "fixtures" / "agencies" / "generate.py"
ROUND = "2026-06-10"
SEED = 20
# As the generator does: of a hundred rows two must be refused and two are only untidy.
DIRTY = 0.02
CHUNK = 1 << 22
# Every size points into one and the same school register, so that sizes differ in rows alone.
SCHOOLS_FOR_LEARNERS = 1_000_000


@functools.cache
def generator():
    spec = importlib.util.spec_from_file_location("generate", GENERATOR)
    module = importlib.util.module_from_spec(spec)
    sys.dont_write_bytecode = True
    spec.loader.exec_module(module)
    return module


def learners(generate, world, agency, rows, tally):
    """(person, cells) one by one; counts into `tally` what must be refused."""
    chance = world.rng
    for _ in range(rows):
        person = world.learner(agency)
        kind = None
        roll = chance.random()
        if roll < DIRTY:
            kind = chance.choice(generate.REFUSED)
        elif roll < 2 * DIRTY:
            kind = chance.choice(generate.UNTIDY)
        if kind and kind.startswith("id_") and person["learner_id"][0] == "G":
            kind = None
        if agency == "obec" and kind == "name_zero_width":
            kind = None
        if agency == "obec" and kind == "school_unknown":
            kind = "grade_unknown"
        if kind and generate.DEFECTS[kind]:
            tally["refused"] += 1
        yield person, generate.cells(person, agency, kind, chance)


def write_agency(folder, agency, rows, seed):
    """One agency's file of `rows` rows; answers its entry of meta.json."""
    generate = generator()
    world = generate.World(argparse.Namespace(seed=seed, round=ROUND))
    schools = world.build_schools(agency, SCHOOLS_FOR_LEARNERS)
    name, write = generate.WRITERS[agency]
    tally = {"rows": rows, "refused": 0}
    write(folder / name, learners(generate, world, agency, rows, tally), world.day)
    return name, tally, schools


def write_schools(folder, schools):
    import csv

    columns = ["school_id", "smis", "agency", "name_th", "province", "district", "subdistrict", "lat", "lon", "status"]
    with open(folder / "schools.csv", "w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, columns)
        writer.writeheader()
        writer.writerows(schools)


def to_utf8(source, target):
    """windows-874 to UTF-8: one byte is one character, so any cut is a good cut."""
    with open(source, "rb") as read, open(target, "wb") as write:
        while chunk := read.read(CHUNK):
            write.write(chunk.decode("cp874").encode("utf-8"))


def to_ndjson(source, target):
    """The generator writes one record a line between a head and a foot."""
    with open(source, encoding="utf-8") as read, open(target, "w", encoding="utf-8") as write:
        for line in read:
            if line.startswith('{"std_code"'):
                write.write(line.rstrip("\n").rstrip(",") + "\n")


def finished(folder):
    try:
        return json.loads((folder / "meta.json").read_text())
    except FileNotFoundError:
        return None


def files(rows):
    """The six files of `rows` rows and the school register they point into; (folder, meta)."""
    folder = CACHE / f"rows-{rows}"
    if meta := finished(folder):
        return folder, meta
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"making {rows:,} rows of each format in {folder} (once) ...", file=sys.stderr)
    meta, schools = {}, []
    for at, agency in enumerate(["obec", "ovec", "dole", "opec"]):
        name, tally, of_agency = write_agency(folder, agency, rows, SEED + at)
        meta[name] = tally
        schools += of_agency
        print(f"  {name}", file=sys.stderr)
    write_schools(folder, schools)
    to_utf8(folder / "obec.csv", folder / "obec-utf8.csv")
    to_ndjson(folder / "dole.json", folder / "dole.ndjson")
    meta["obec-utf8.csv"], meta["dole.ndjson"] = meta["obec.csv"], meta["dole.json"]
    for name in meta:
        meta[name] = dict(meta[name], bytes=(folder / name).stat().st_size)
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))
    return folder, meta


def round_of(learners_of_all):
    """A whole round of four agencies with learners who stand twice, as the generator makes it; (folder, meta)."""
    folder = CACHE / f"round-{learners_of_all}"
    if meta := finished(folder):
        return folder, meta
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    print(f"making a round of {learners_of_all:,} learners in {folder} (once) ...", file=sys.stderr)
    subprocess.run(
        [sys.executable, "-B", GENERATOR, "--learners", str(learners_of_all), "--seed", str(SEED), "--out", folder],
        check=True, stdout=subprocess.DEVNULL)
    for expected in folder.glob("*.expected.ndjson"):
        expected.unlink()
    truth = json.loads((folder / "truth.json").read_text())
    meta = {name: {"rows": file["rows"], "refused": len(file["refused"])} for name, file in truth["files"].items()}
    meta["cross"] = {kind: len(cases) for kind, cases in truth["cross"].items()}
    (folder / "meta.json").write_text(json.dumps(meta, indent=1))
    return folder, meta


if __name__ == "__main__":
    for rows in map(int, sys.argv[1:]):
        print(files(rows))
        print(round_of(rows))
