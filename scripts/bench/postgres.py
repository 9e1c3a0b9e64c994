#!/usr/bin/env python3
"""`make bench POSTGRES=1`: `saphan submit` into PostgreSQL beside a plain binary COPY of the same rows, into docs/benchmarks.md.

    ROWS=1000000  rows of the file
    RUNS=3        runs of each; the median counts

Starts a PostgreSQL of its own, as a server is set up (what is committed is on disk: fsync), and measures both on it in turns. Refuses
to report a rate when not every row arrived. Says how busy the machine was before it began: a rate taken beside other
work is worth its ratio alone. Standard library only.
"""
import json
import os
import pathlib
import statistics
import sys
import tempfile

import report
import run as bench
from built import built
from national import Server

BAR, STRETCH = 0.5, 0.8
# Of each core, on average over the last minute.
QUIET_MAX = 0.15


class Sitting:
    def __init__(self, rows, server):
        self.saphan, self.line = built("line")
        bench.make_files(rows)
        self.folder, self.expected = bench.CACHE / f"rows-{rows}", bench.meta(f"rows-{rows}")["obec.csv"]
        self.server = server

    def submit(self, home, address, mapping, name):
        words = [self.saphan, "submit", "--json", "--mapping", mapping, "--round", bench.ROUND, self.folder / name]
        out, seconds, peak = bench.run(words, SAPHAN_HOME=home, SAPHAN_DATABASE_URL=address)
        receipt = json.loads(out)
        return {"rows": receipt["received"], "refused": receipt["refused"], "seconds": seconds, "peak": peak}

    def checked(self, result):
        if (result["rows"], result["refused"]) != (self.expected["rows"], self.expected["refused"]):
            raise bench.Wrong(f"{result['rows']} rows, {result['refused']} refused; the generator made {self.expected}")
        return result

    def measure(self, number):
        """One run: a new database and home, the file into it, and what came of it copied twice."""
        name = f"run{number}"
        self.server.call("createdb", "-h", self.server.folder, "-U", "saphan", name)
        address = self.server.address.rsplit("/", 1)[0] + f"/{name}"
        with tempfile.TemporaryDirectory(dir=bench.CACHE) as home:
            self.submit(home, address, "moe/schools", "schools.csv")
            self.server.call("psql", "-q", "-h", self.server.folder, "-U", "saphan", "-c", "CHECKPOINT", name)
            results = {"submit": self.checked(self.submit(home, address, "obec/enrolments", "obec.csv"))}
        for index in ("none", "index"):
            out, _, _ = bench.run([self.line, "copy", index, address])
            results[index] = self.checked(json.loads(out))
        self.server.call("dropdb", "-h", self.server.folder, "-U", "saphan", name)
        return results


def table(results):
    median = lambda key: sorted((each[key] for each in results), key=lambda result: result["seconds"])[(len(results) - 1) // 2]
    submit = median("submit")
    rows = [["`saphan submit`, CSV windows-874, new store", report.per_second(submit), f"{submit['seconds']:.1f} s", "", "", ""]]
    for key, what, bar in (("none", "plain binary COPY, no key and no index", BAR), ("index", "plain binary COPY, with the store's keys and indexes", None)):
        # Each run's own ratio: what else the machine did then slowed both.
        ratio = statistics.median(report.rate(each["submit"]) / report.rate(each[key]) for each in results)
        rows.append([what, report.per_second(median(key)), f"{median(key)['seconds']:.1f} s", f"{ratio:.2f}",
                     f"≥ {bar} (stretch {STRETCH})" if bar else "", report.verdict(bar, bar and ratio >= bar)])
    return report.table(["into PostgreSQL", "rows/s", "wall", "submit ÷ it", "bar", ""], rows)


def main():
    rows, runs = int(os.environ.get("ROWS") or bench.FULL), int(os.environ.get("RUNS") or 3)
    bench.CACHE.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="saphan-bench-") as folder:
        os.chmod(folder, 0o755)
        server = Server(folder)
        try:
            sitting = Sitting(rows, server)
            load = os.getloadavg()[0]
            results = []
            for number in range(runs):
                print(f"run {number + 1} of {runs}", file=sys.stderr)
                results.append(sitting.measure(number))
            version = report.said(server.bin / "postgres", "--version")
        finally:
            server.stop()
    command = "make bench POSTGRES=1" + (f" ROWS={rows}" if rows != bench.FULL else "")
    busy = "the machine was quiet" if load <= QUIET_MAX * bench.CORES else f"other work was running on the machine (load {load:.1f} before it began)"
    about = report.machine(bench.ROOT, command, runs, False) + f"\n- {version}, fsync on, on the same machine; {rows:,} rows; {busy}"
    text = f"{about}\n\n{table(results)}"
    print(text)
    report.write_one(bench.ROOT / "docs" / "benchmarks.md", "postgres", text)


if __name__ == "__main__":
    main()
