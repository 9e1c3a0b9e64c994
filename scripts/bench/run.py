#!/usr/bin/env python3
"""`make bench`: what the gateway carries, into docs/benchmarks.md; `PEERS=1` measures others on the same files.

    ROWS=1000000  rows of each format (another number only prints: the page keeps full runs)
    RUNS=3        runs of each; the median counts
    PEERS=1       install the peers under .tools/peers and measure them in the same sitting

Owns the order of a sitting: everything is measured once, then everything again, so that a slow moment of the machine
hits ours and theirs alike. Refuses to report a rate whose result is wrong: refused rows must be those the generator
spoiled. Standard library only.
"""
import json
import os
import pathlib
import shutil
import statistics
import subprocess
import sys
import tempfile

import report
from built import ROOT, built

HERE = ROOT / "scripts" / "bench"
CACHE = ROOT / ".tools" / "bench-data"
PEERS = ROOT / ".tools" / "peers"
FULL = 1_000_000
SMALL = 20_000
ROUND = "2026-06-10"
CORES = len(os.sched_getaffinity(0))
# File, mapping, what it is called in the tables.
FORMATS = [("obec.csv", "obec/enrolments", "CSV windows-874"), ("obec-utf8.csv", "obec/enrolments", "CSV UTF-8"),
           ("ovec.xml", "ovec/enrolments", "XML"), ("dole.json", "dole/enrolments", "JSON"),
           ("dole.ndjson", "dole/enrolment-lines", "NDJSON"), ("opec.xlsx", "opec/enrolments", "XLSX")]
FRICTIONLESS_ROWS = 20_000


class Wrong(SystemExit):
    """A measurement that is no measurement: the command failed, or its result is not the right one."""


def run(command, **settings):
    """Runs to the end; (standard output, wall seconds, peak bytes). Exit code 2 means refused rows, which there are."""
    command = [str(word) for word in command]
    environment = os.environ | {"SAPHAN_LOG": "error"} | {name: str(value) for name, value in settings.items()}
    with tempfile.TemporaryDirectory() as folder:
        out, error = pathlib.Path(folder) / "out", pathlib.Path(folder) / "error"
        asked = [sys.executable, "-S", "-B", HERE / "measured.py", out, error, *command]
        measured = json.loads(subprocess.run(asked, cwd=ROOT, env=environment, check=True, stdout=subprocess.PIPE).stdout)
        if measured["code"] not in (0, 2):
            raise Wrong(f"{' '.join(command)}\nended with {measured['code']}:\n{error.read_text()[-2000:]}")
        return out.read_text(), measured["seconds"], measured["peak"]


def make_files(rows):
    """In a process of its own; the cache makes it quick the next time."""
    subprocess.run([sys.executable, "-B", HERE / "data.py", str(rows), str(SMALL)], check=True, stdout=subprocess.DEVNULL)


def meta(folder):
    return json.loads((CACHE / folder / "meta.json").read_text())


def mappings_with_lines():
    """The project's mappings and one more: the JSON one for the same records a line each, which have no head to say the term."""
    folder = CACHE / "mappings"
    shutil.rmtree(folder, ignore_errors=True)
    shutil.copytree(ROOT / "mappings", folder)
    shutil.copytree(folder / "dole" / "enrolments", folder / "dole" / "enrolment-lines")
    path = folder / "dole" / "enrolment-lines" / "mapping.yaml"
    changes = {"mapping: dole/enrolments": "mapping: dole/enrolment-lines", "  format: json": "  format: ndjson",
               "  records:": None, "  academic_year:": "  academic_year: { param: academic_year }", "  term:": "  term: { param: term }",
               "ignore:": "ignore: [grp_code]"}
    lines, done = [], set()
    for line in path.read_text(encoding="utf-8").splitlines():
        begins = next((begin for begin in changes if line.startswith(begin)), None)
        done.add(begins)
        line = changes[begins] if begins else line
        lines += [line] if line is not None else []
    if not set(changes) <= done:
        raise Wrong(f"mappings/dole/enrolments is not as scripts/bench/run.py knows it; missing {set(changes) - done}")
    path.write_text("\n".join(lines) + "\n", encoding="utf-8")
    shutil.rmtree(path.parent / "examples", ignore_errors=True)
    return folder


class Sitting:
    """One sitting on one size: what to measure, in order, and what came of it."""

    def __init__(self, rows, saphan, line, line_without_journal):
        self.rows, self.saphan, self.line, self.line_without_journal = rows, saphan, line, line_without_journal
        self.folder, self.meta = CACHE / f"rows-{rows}", meta(f"rows-{rows}")
        self.round, self.round_meta = CACHE / f"round-{rows}", meta(f"round-{rows}")
        self.mappings = mappings_with_lines()
        self.tasks, self.results, self.counted = {}, {}, False

    def checked(self, name, result):
        expected = self.meta[name]
        if (result["rows"], result["refused"]) != (expected["rows"], expected["refused"]):
            raise Wrong(f"{name}: {result['rows']} rows, {result['refused']} refused; the generator made {expected}")
        return result

    def ask_line(self, *words):
        return json.loads(run([self.line, *words], SAPHAN_MAPPINGS=self.mappings)[0])

    def add_ours(self):
        schools = self.folder / "schools.csv"
        for name, mapping, _ in FORMATS:
            path = self.folder / name
            for threads in sorted({1, CORES}):
                self.tasks["decode", name, threads] = lambda path=path, mapping=mapping, threads=threads: (
                    self.ask_line("decode", mapping, path, threads))
            for act in ("map", "json"):
                for threads in sorted({1, CORES}):
                    self.tasks[act, name, threads] = lambda act=act, name=name, path=path, mapping=mapping, threads=threads: (
                        self.checked(name, self.ask_line(act, mapping, path, schools, threads)))
        self.tasks["submit"] = self.submit
        self.tasks["count"] = self.count
        for journal, line in (("on", self.line), ("off", self.line_without_journal)):
            self.tasks["small", journal] = lambda line=line: self.small(line)

    def small(self, line):
        """Many small submissions into a new home; `rows` are submissions here. A small register, so that little else takes time."""
        folder = ROOT / "tests" / "fixtures" / "agencies" / ROUND
        with tempfile.TemporaryDirectory(dir=CACHE) as home:
            return json.loads(run([line, "small", folder / "obec.csv", folder / "schools.csv", home])[0])

    def submit_to(self, home, mapping, path):
        command = [self.saphan, "submit", "--json", "--mapping", mapping, "--round", ROUND, path]
        out, seconds, peak = run(command, SAPHAN_HOME=home)
        receipt = json.loads(out)
        return {"rows": receipt["received"], "refused": receipt["refused"], "seconds": seconds, "peak": peak, "bytes": path.stat().st_size}

    def submit(self):
        """The whole command on a new home: keep, seal, decode, map, validate, seal each record, store, commit."""
        with tempfile.TemporaryDirectory(dir=CACHE) as home:
            self.submit_to(home, "moe/schools", self.folder / "schools.csv")
            return self.checked("obec.csv", self.submit_to(home, "obec/enrolments", self.folder / "obec.csv"))

    def count(self):
        """`saphan count` on a round of four agencies, submitted once for all runs."""
        home = CACHE / f"home-{self.rows}"
        if not self.counted:
            self.counted = True
            shutil.rmtree(home, ignore_errors=True)
            self.submit_to(home, "moe/schools", self.round / "schools.csv")
            for name, mapping in [("obec.csv", "obec"), ("ovec.xml", "ovec"), ("dole.json", "dole"), ("opec.xlsx", "opec")]:
                self.submit_to(home, f"{mapping}/enrolments", self.round / name)
        out, seconds, peak = run([self.saphan, "count", "--round", ROUND, "--json"], SAPHAN_HOME=home)
        found, made = json.loads(out)["findings"].get("CNT-DUP-AGENCY", 0), self.round_meta["cross"]["duplicates"]
        if found != made:
            raise Wrong(f"the count found {found} learners in two agencies; the generator made {made}")
        rows = sum(self.round_meta[name]["rows"] - self.round_meta[name]["refused"] for name in self.round_meta if name != "cross")
        return {"rows": rows, "seconds": seconds, "peak": peak}

    def add_peers(self):
        for reader, name in [("csv", "obec-utf8.csv"), ("simd-csv", "obec-utf8.csv"), ("xml", "ovec.xml"), ("json", "dole.ndjson")]:
            self.tasks["reader", reader] = lambda reader=reader, name=name: self.ask_line("reader", reader, self.folder / name)
        for index in ("none", "index"):
            self.tasks["inserts", index] = lambda index=index: self.inserts(index)
        for threads in sorted({1, CORES}):
            self.tasks["duckdb", threads] = lambda threads=threads: self.script("peer_duckdb.py", threads, "line", *self.csv_files(), threads)
            for engine in ("in-memory", "streaming"):
                self.tasks["polars", engine, threads] = lambda engine=engine, threads=threads: (
                    self.script("peer_polars.py", threads, *self.csv_files(), engine))
            self.tasks["duplicates", threads] = lambda threads=threads: self.duplicates(threads)
        self.tasks["frictionless"] = lambda: json.loads(run(
            [PEERS / "bin" / "python", "-B", HERE / "peer_frictionless.py", self.folder / "obec-utf8.csv", FRICTIONLESS_ROWS])[0])

    def csv_files(self):
        return self.folder / "obec-utf8.csv", self.folder / "schools.csv", ROOT / "schemas" / "codelists"

    def script(self, name, threads, *words):
        out, _, peak = run([PEERS / "bin" / "python", "-B", HERE / name, *words], POLARS_MAX_THREADS=threads)
        return self.checked("obec-utf8.csv", json.loads(out)) | {"peak": peak}

    def records(self, folder, name, mapping):
        """Canonical records of one file, made once."""
        path = folder / f"{name}.records.ndjson"
        if not path.exists():
            part = path.with_suffix(".part")
            run([self.saphan, "map", "--mapping", mapping, "--round", ROUND, "--schools", folder / "schools.csv", "--accepted", part,
                 folder / name])
            part.rename(path)
        return path

    def inserts(self, index):
        records = self.records(self.folder, "obec.csv", "obec/enrolments")
        with tempfile.TemporaryDirectory(dir=CACHE) as folder:
            return self.ask_line("inserts", index, records, pathlib.Path(folder) / "plain.db")

    def duplicates(self, threads):
        database = CACHE / f"duplicates-{self.rows}.duckdb"
        if not database.exists():
            files = [self.records(self.round, name, f"{name.split('.')[0]}/enrolments") for name in ("obec.csv", "ovec.xml", "dole.json", "opec.xlsx")]
            run([PEERS / "bin" / "python", "-B", HERE / "peer_duckdb.py", "load", *files, database, 1])
        return json.loads(run([PEERS / "bin" / "python", "-B", HERE / "peer_duckdb.py", "duplicates", database, threads])[0])

    def measure(self, runs):
        for at in range(runs):
            for key, task in self.tasks.items():
                print(f"run {at + 1} of {runs}: {' '.join(map(str, key)) if isinstance(key, tuple) else key}", file=sys.stderr)
                self.results.setdefault(key, []).append(task())

    def median(self, *key):
        """The run with the median time; none where it was not measured."""
        found = self.results.get(key if len(key) > 1 else key[0])
        return found and sorted(found, key=lambda result: result["seconds"])[(len(found) - 1) // 2]


def memory(saphan, rows):
    """Peak of the real `saphan map`, refused rows and all, for each format and size: median of three."""
    peaks = {}
    for size in sorted({SMALL, rows}):
        folder = CACHE / f"rows-{size}"
        for name, mapping, _ in FORMATS:
            if name == "dole.ndjson":
                continue
            with tempfile.TemporaryDirectory(dir=CACHE) as out:
                command = [saphan, "map", "--mapping", mapping, "--round", ROUND, "--schools", folder / "schools.csv", "--accepted", "/dev/null",
                           "--rejected", pathlib.Path(out) / "refused", "--report", "/dev/null", folder / name]
                print(f"memory: {size:,} rows of {name}", file=sys.stderr)
                peaks[name, size] = statistics.median(run(command)[2] for _ in range(3))
    return peaks


def install_peers():
    """A Python of its own under .tools; on Debian the part of Python that makes one may have to be installed first."""
    if not (PEERS / "bin" / "pip").exists():
        if subprocess.run([sys.executable, "-m", "venv", PEERS], stdout=subprocess.DEVNULL).returncode != 0:
            sudo = [] if os.geteuid() == 0 else ["sudo"]
            subprocess.run([*sudo, "apt-get", "install", "-y", "--no-install-recommends", "python3-venv"], check=True, stdout=subprocess.DEVNULL)
            subprocess.run([sys.executable, "-m", "venv", PEERS], check=True)
    subprocess.run([PEERS / "bin" / "pip", "install", "--quiet", "--disable-pip-version-check", "-r", HERE / "peers.txt"], check=True)


def main():
    rows, runs = int(os.environ.get("ROWS") or FULL), int(os.environ.get("RUNS") or 3)
    with_peers = os.environ.get("PEERS") not in (None, "", "0")
    if with_peers:
        install_peers()
    _, line_without_journal = built("line", "--features", "bench-without-journal")
    saphan, line = built("line")
    make_files(rows)
    sitting = Sitting(rows, saphan, line, line_without_journal)
    sitting.add_ours()
    if with_peers:
        sitting.add_peers()
    sitting.measure(runs)
    peaks = memory(saphan, rows)
    command = "make bench" + (" PEERS=1" if with_peers else "") + (f" ROWS={rows}" if rows != FULL else "")
    ours = report.ours(sitting, peaks, FORMATS, CORES, SMALL, report.machine(ROOT, command, runs, with_peers))
    theirs = report.peers(sitting, CORES) if with_peers else None
    print(ours)
    print(theirs or "")
    if rows == FULL:
        report.write(ROOT / "docs" / "benchmarks.md", ours, theirs)
    else:
        print("Not a full run, so docs/benchmarks.md stays as it is.", file=sys.stderr)


if __name__ == "__main__":
    main()
