#!/usr/bin/env python3
"""`make national`: a whole national round through the gateway, and everything it says held against the truth.

    LEARNERS=12000000  learners of the round (default: one million)
    DATABASE=…         another store than SQLite: a PostgreSQL address, or `postgres` for a throw-away one
    DISTRIBUTE=1       its rows spread over machines first (PostgreSQL with Citus)
    SEED=7             another round of the same kind

Generates the round (`benches/national`), submits the register and the agencies' files, counts, publishes, serves, and
prints the time and peak memory of each stage. Runs at the lowest priority, so that a gateway on the same machine goes on.
Refuses to call it done when one refused row, one case of the count or one sum differs from the truth. Standard library only.
"""
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import report
from built import ROOT, built

HERE = ROOT / "scripts" / "bench"
CACHE = ROOT / ".tools" / "bench-data"
ROUND = "2026-06-10"
FULL = 1_000_000
# Codes of the count and the truth's lists of those they speak of.
CROSS = {"CNT-DUP-AGENCY": "duplicates", "CNT-DUAL-OK": "permitted", "CNT-ID-SHARED": "shared_numbers",
         "CNT-DUP-SCHOOL": "other_school", "CNT-DUP-ROW": "same_school"}
AGENCIES = {"10": "obec", "11": "opec", "12": "dole", "13": "ovec"}
READY_SECONDS_MAX = 60
# Cases that are shown when they differ.
SHOWN_MAX = 20


class Differs(SystemExit):
    """The gateway said something else than the truth."""


class National:
    def __init__(self, learners, seed, database):
        self.learners, self.seed, self.database = learners, seed, database
        self.stages = []
        self.home = pathlib.Path(tempfile.mkdtemp(prefix="national-", dir=CACHE))
        self.folder = self.home / "round"
        self.environment = os.environ | {"SAPHAN_HOME": str(self.home / "saphan"), "SAPHAN_LOG": "error"}
        if database:
            self.environment["SAPHAN_DATABASE_URL"] = database
        self.saphan, self.generator = built("national")

    def run(self, stage, command, rows=None):
        """Runs one stage to its end at the lowest priority; its standard output. Exit code 2 means refused rows, which there are."""
        out, error = self.home / "out", self.home / "error"
        command = ["nice", "-n", "19", *map(str, command)]
        asked = [sys.executable, "-S", "-B", HERE / "measured.py", out, error, *command]
        measured = json.loads(subprocess.run(asked, env=self.environment, cwd=ROOT, check=True, stdout=subprocess.PIPE).stdout)
        if measured["code"] not in (0, 2):
            raise Differs(f"{stage}: ended with {measured['code']}\n{error.read_text()[-2000:]}")
        self.note(stage, measured["seconds"], measured["peak"], rows)
        return out.read_text()

    def note(self, stage, seconds, peak, rows=None):
        self.stages.append((stage, rows, seconds, peak))
        rate = f"{rows / seconds:,.0f} rows/s" if rows else ""
        print(f"  {stage:<34} {seconds:>8.1f} s {peak / 1e6:>8.0f} MB  {rate}", file=sys.stderr, flush=True)

    def distribute(self):
        said = json.loads(self.run("distribute", [self.saphan, "migrate", "--distribute", "--json"]))
        if said["distribution"] != "done":
            raise Differs(f"the rows could not be distributed in a new schema: {said}")

    def generate(self):
        rows = int(self.run("generate", [self.generator, self.learners, self.seed, ROUND, self.folder]))
        stage, _, seconds, peak = self.stages.pop()
        self.stages.append((stage, rows, seconds, peak))
        self.truth = json.loads((self.folder / "truth.json").read_text())

    def submit(self):
        self.receipts = {}
        self.run("submit schools.csv", [self.saphan, "submit", "--json", "--mapping", "moe/schools", "--round", ROUND, self.folder / "schools.csv"])
        for file in self.truth["files"]:
            path, agency = self.folder / file["name"], AGENCIES[file["agency"]]
            command = [self.saphan, "submit", "--json", "--mapping", f"{agency}/enrolments", "--round", ROUND, path]
            receipt = json.loads(self.run(f"submit {file['name']} ({path.stat().st_size / 1e6:,.0f} MB)", command, file["rows"]))
            expect(f"{file['name']}: rows received", receipt["received"], file["rows"])
            expect(f"{file['name']}: rows refused", receipt["refused"], len(file["refused"]))
            self.receipts[file["name"]] = receipt

    def count(self):
        self.report = json.loads(self.run("count", [self.saphan, "count", "--json", "--round", ROUND], sum(f["rows"] for f in self.truth["files"])))
        expect("cases not listed", self.report["cases_not_listed"], 0)
        wanted = {(code, frozenset(map(place, places))) for code, name in CROSS.items() for places in self.truth["cross"][name]}
        found = {(case["rule"], frozenset(map(place, case["places"]))) for case in self.report["cases"] if case["rule"] in CROSS}
        for code, name in CROSS.items():
            expect(f"learners of {code}", self.report["findings"][code], len(self.truth["cross"][name]), sorted(map(str, found ^ wanted)))
        expect("cases, place by place", len(found ^ wanted), 0, sorted(map(str, found ^ wanted)))
        # Of those who stand twice one place is paid; of two people under one number none is.
        cross = {name: len(groups) for name, groups in self.truth["cross"].items()}
        accepted = sum(f["rows"] - len(f["refused"]) for f in self.truth["files"])
        unpaid = sum(cross.values()) + cross["shared_numbers"]
        expect("payable learners", self.report["payable"]["total"], accepted - unpaid)

    def publish(self):
        self.run("publish", [self.saphan, "publish"])

    def refused_rows(self):
        """Every refused row by its number, as the gateway gives it back."""
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            address = f"127.0.0.1:{free.getsockname()[1]}"
        made = subprocess.run([self.saphan, "client", "add", "--name", "national", "--scope", "ministry.read", "--json"],
                              env=self.environment, check=True, stdout=subprocess.PIPE, text=True)
        token = json.loads(made.stdout)["token"]
        log = open(self.home / "serve.log", "wb")
        began = time.monotonic()
        serving = subprocess.Popen([self.saphan, "serve"], env=self.environment | {"SAPHAN_LISTEN": address}, stdout=log, stderr=log)
        try:
            wait_until_ready(f"http://{address}/readyz", began)
            self.note("serve: start to ready", time.monotonic() - began, peak_of(serving.pid))
            began = time.monotonic()
            for file in self.truth["files"]:
                submission = self.receipts[file["name"]]["submission"]
                rows, after = set(), 0
                while True:
                    page = f"http://{address}/v1/submissions/{submission}/refused?format=json&limit=1000&cursor={after}"
                    asked = urllib.request.Request(page, headers={"Authorization": f"Bearer {token}"})
                    with urllib.request.urlopen(asked) as answer:
                        body = json.load(answer)
                    rows |= {row["row"] for row in body["findings"]}
                    after = body.get("next")
                    if after is None:
                        break
                expect(f"{file['name']}: refused rows by number", len(rows ^ {row["row"] for row in file["refused"]}), 0)
            self.note("refused rows given back", time.monotonic() - began, peak_of(serving.pid))
        finally:
            serving.terminate()
            serving.wait()

    def table(self):
        rows = [[stage, f"{rows:,}" if rows else "", f"{seconds:.1f} s", f"{rows / seconds:,.0f}" if rows else "", f"{peak / 1e6:.0f} MB"]
                for stage, rows, seconds, peak in self.stages]
        total = sum(stage[2] for stage in self.stages[1:])
        rows.append(["**all but the generating**", "", f"**{total / 60:.1f} min**", "", f"**{max(stage[3] for stage in self.stages[1:]) / 1e6:.0f} MB**"])
        return report.table(["stage", "rows", "wall", "rows/s", "peak"], rows)


def place(of):
    return of["agency"], of["row"], of["school_id"], of["grade"]


def expect(what, found, wanted, differing=()):
    if found != wanted:
        raise Differs("\n".join([f"{what}: {found}, and the truth says {wanted}", *differing[:SHOWN_MAX]]))


def peak_of(pid):
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    return next(int(line.split()[1]) * 1024 for line in status.splitlines() if line.startswith("VmHWM"))


def wait_until_ready(url, began):
    while True:
        try:
            with urllib.request.urlopen(url) as answer:
                if answer.status == 200:
                    return
        except OSError:
            pass
        if time.monotonic() - began > READY_SECONDS_MAX:
            raise Differs("the gateway did not become ready")
        time.sleep(0.01)


class Server:
    """A PostgreSQL of this run's own under a temporary folder; never the machine's."""

    def __init__(self, folder):
        self.folder = pathlib.Path(folder)
        self.bin = sorted(pathlib.Path("/usr/lib/postgresql").glob("*/bin"), key=lambda path: int(path.parent.name))[-1]
        shutil.chown(folder, "postgres") if os.geteuid() == 0 else None
        self.as_owner = ["runuser", "-u", "postgres", "--"] if os.geteuid() == 0 else []
        self.call("initdb", "-D", self.folder / "data", "-U", "saphan", "-A", "trust", "-E", "UTF8", "--no-locale")
        options = f"-k {folder} -c listen_addresses='' -c shared_buffers=1GB -c max_wal_size=8GB -c max_connections=100"
        self.call("pg_ctl", "-D", self.folder / "data", "-o", options, "-l", self.folder / "log", "-w", "start")
        self.call("createdb", "-h", folder, "-U", "saphan", "saphan")
        self.address = f"postgres://saphan@{str(folder).replace('/', '%2F')}/saphan"

    def call(self, program, *words):
        subprocess.run([*self.as_owner, self.bin / program, *words], check=True, cwd="/", stdout=subprocess.DEVNULL)

    def stop(self):
        self.call("pg_ctl", "-D", self.folder / "data", "-m", "fast", "stop")


def main():
    learners, seed = int(os.environ.get("LEARNERS") or FULL), int(os.environ.get("SEED") or 7)
    CACHE.mkdir(parents=True, exist_ok=True)
    server, database = None, os.environ.get("DATABASE") or ""
    national = None
    with tempfile.TemporaryDirectory(prefix="saphan-national-") as folder:
        os.chmod(folder, 0o755)
        try:
            if database == "postgres":
                server = Server(folder)
                database = server.address
            national = National(learners, seed, database)
            print(f"a round of {learners:,} learners, on {'PostgreSQL' if database else 'SQLite'}", file=sys.stderr)
            national.generate()
            if os.environ.get("DISTRIBUTE"):
                national.distribute()
            national.submit()
            national.count()
            national.publish()
            national.refused_rows()
        finally:
            if server:
                server.stop()
            if national:
                shutil.rmtree(national.home, ignore_errors=True)
    command = " ".join(["make national", *(f"{name}={os.environ[name]}" for name in ("LEARNERS", "DATABASE", "DISTRIBUTE", "SEED") if os.environ.get(name))])
    print(report.machine(ROOT, command, 1, False))
    print()
    print(national.table())
    print("\nEvery refused row, every case and the payable learners are those of the truth.")


if __name__ == "__main__":
    main()
