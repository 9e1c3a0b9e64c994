"""Tables of docs/benchmarks.md from what a sitting measured.

Owns the wording and the bars of the comparison. Refuses to round a miss into a pass: `met` is computed, not written.
"""
import os
import platform
import subprocess

MEGA = 1_000_000


def rate(result):
    return result["rows"] / result["seconds"]


def per_second(result):
    return f"{rate(result):,.0f}" if result else "–"


def megabytes(result):
    return f"{result['bytes'] / result['seconds'] / MEGA:,.0f}" if result else "–"


def said(*command, cwd=None):
    try:
        return subprocess.run(command, cwd=cwd, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"


def machine(root, command, runs, with_peers):
    """What the figures were measured on, as lines of a list."""
    with open("/proc/cpuinfo") as file:
        model = next((line.split(":")[1].strip() for line in file if line.startswith("model name")), platform.machine())
    with open("/proc/meminfo") as file:
        memory = int(file.readline().split()[1]) // 1024 // 1024
    lines = [f"command: `{command}`; median of {runs} runs, everything in one sitting",
             f"machine: {len(os.sched_getaffinity(0))} cores of {model}, {memory} GiB, Linux {platform.release()}",
             f"versions: {said('rustc', '--version')}; saphan at commit {said('git', 'rev-parse', '--short', 'HEAD', cwd=root)}"]
    if with_peers:
        listed = said(root / ".tools" / "peers" / "bin" / "pip", "list", "--format=freeze").splitlines()
        names = ("duckdb", "polars", "frictionless")
        peers = [line.replace("==", " ") for line in listed if line.split("==")[0] in names]
        crates = [line.split(" v", 1) for line in said("cargo", "tree", "--depth", "1", "--prefix", "none", "-e", "normal", cwd=root).splitlines()]
        wanted = ("csv", "simd-csv", "quick-xml", "serde_json", "sqlx")
        peers += [f"{name.strip()} {version.split()[0]}" for name, version in (pair for pair in crates if len(pair) == 2) if name.strip() in wanted]
        lines.append("peers: " + ", ".join(peers))
    return "\n".join(f"- {line}" for line in lines)


def table(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|" + "---|" * len(head)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def ours(sitting, peaks, formats, cores, small, about):
    reading, all_cores = [], f"{cores} cores"
    for name, _, title in formats:
        decode, decode_many = sitting.median("decode", name, 1), sitting.median("decode", name, cores)
        one, many = sitting.median("map", name, 1), sitting.median("map", name, cores)
        written, written_many = sitting.median("json", name, 1), sitting.median("json", name, cores)
        reading.append([title, f"{sitting.meta[name]['bytes'] / MEGA:,.0f}", f"{per_second(decode)} · {megabytes(decode)}", f"{per_second(decode_many)} · {megabytes(decode_many)}",
                        f"{per_second(one)} · {megabytes(one)}", f"{per_second(many)} · {megabytes(many)}", f"{rate(many) / rate(one):.2f}",
                        per_second(written), per_second(written_many)])
    submit, count = sitting.median("submit"), sitting.median("count")
    storing = [
        ["`saphan submit`, CSV windows-874, new store", f"{submit['rows']:,}", f"{submit['seconds']:.1f} s",
         f"{per_second(submit)} · {megabytes(submit)}", f"{submit['peak'] / MEGA:.0f} MB"],
        ["`saphan count`, four agencies, all rules, signed manifest", f"{count['rows']:,}", f"{count['seconds']:.2f} s",
         per_second(count), f"{count['peak'] / MEGA:.0f} MB"]]
    on, off = sitting.median("small", "on"), sitting.median("small", "off")
    kept = rate(on) / rate(off)
    journal = [[f"{on['rows']:,} files of 7 rows, one after another, SQLite", f"{rate(off):,.1f}", f"{rate(on):,.1f}", f"{kept:.2f}", "≥ 0.95",
                verdict(0.95, kept >= 0.95)]]
    memory = []
    for name, _, title in formats:
        few, many = peaks.get((name, small)), peaks.get((name, sitting.rows))
        if few and many:
            memory.append([title, f"{few / MEGA:.1f} MB", f"{many / MEGA:.1f} MB", f"{many / few:.2f}"])
    head = ["file", "MB", "decode, 1 core", f"decode, {all_cores}", "+ map + validate, 1 core", f"the same, {all_cores}", f"{all_cores} ÷ 1",
            "+ canonical JSON, 1 core", f"+ canonical JSON, {all_cores}"]
    return "\n\n".join([
        about,
        f"### One file of {sitting.rows:,} rows of each format, rows/s · MB/s", table(head, reading),
        "### Into the store", table(["command", "rows", "wall", "rows/s · MB/s", "peak"], storing),
        "### What the journal costs, submissions/s", table(["work", "journal off", "journal on", "on ÷ off", "bar", ""], journal),
        f"### Peak memory of `saphan map`, refused rows written back, {all_cores}",
        table(["file", f"{small:,} rows", f"{sitting.rows:,} rows", "quotient"], memory)])


def peers(sitting, cores):
    median = sitting.median
    csv, many = median("map", "obec-utf8.csv", 1), median("map", "obec-utf8.csv", cores)
    polars = lambda threads: min((median("polars", engine, threads) for engine in ("in-memory", "streaming")), key=lambda result: result["seconds"])
    xml, lines, submit = median("map", "ovec.xml", 1), median("map", "dole.ndjson", 1), median("submit")
    # What is compared, the peer's result, ours, the least ratio (none: no bar).
    pairs = [
        ("CSV UTF-8, 1 core", "DuckDB 1 thread, the same work in SQL", median("duckdb", 1), csv, 4),
        ("CSV UTF-8, 1 core", "Polars 1 thread, the same work", polars(1), csv, 2.5),
        ("CSV UTF-8, 1 core", "`frictionless validate`, no mapping", median("frictionless"), csv, 30),
        ("CSV UTF-8, 1 core", "`csv` crate, bare parse", median("reader", "csv"), csv, None),
        ("CSV UTF-8, 1 core", "`simd-csv`, bare parse (stretch 0.5)", median("reader", "simd-csv"), csv, None),
        (f"CSV UTF-8, {cores} cores", "ours on 1 core", csv, many, 1.85 if cores == 2 else None),
        (f"CSV UTF-8, {cores} cores", f"DuckDB {cores} threads", median("duckdb", cores), many, None),
        (f"CSV UTF-8, {cores} cores", f"Polars {cores} threads", polars(cores), many, None),
        ("XML, 1 core", "bare quick-xml events", median("reader", "xml"), xml, 0.6),
        ("NDJSON, 1 core", "bare serde_json to `Value` (0.6 × 1.5)", median("reader", "json"), lines, 0.9),
        ("`saphan submit`", "plain SQLite inserts by sqlx, no index (stretch 0.8)", median("inserts", "none"), submit, 0.5),
        ("`saphan submit`", "plain SQLite inserts by sqlx, with index", median("inserts", "index"), submit, 0.5),
    ]
    rows = []
    for what, peer, theirs, own, bar in pairs:
        ratio = rate(own) / rate(theirs)
        rows.append([what, peer, per_second(theirs), per_second(own), f"{ratio:.2f}", f"≥ {bar}" if bar else "", verdict(bar, bar and ratio >= bar)])
    for threads in sorted({1, cores}):
        theirs, own = median("duplicates", threads), median("count")
        ratio = own["seconds"] / theirs["seconds"]
        rows.append(["count, all rules", f"DuckDB {threads} threads, finding the duplicates only", f"{theirs['seconds']:.2f} s", f"{own['seconds']:.2f} s",
                     f"{ratio:.1f} × its time", "≤ 3 ×", verdict(3, ratio <= 3)])
    return table(["ours", "peer", "peer", "ours", "ours ÷ peer", "bar", ""], rows)


def verdict(bar, met):
    return "" if not bar else "met" if met else "**missed**"


def write(path, ours, theirs):
    """Without peers their table stays as it was measured last."""
    for mark, new in (("ours", ours), ("peers", theirs)):
        if new is not None:
            write_one(path, mark, new)


def write_one(path, mark, new):
    """Puts a table between its marks."""
    text = path.read_text(encoding="utf-8")
    before, rest = text.split(f"<!-- {mark}: begin -->")
    _, after = rest.split(f"<!-- {mark}: end -->")
    path.write_text(f"{before}<!-- {mark}: begin -->\n{new}\n<!-- {mark}: end -->{after}", encoding="utf-8")
