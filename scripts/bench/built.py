"""The programs that are measured, in release: `saphan` and one bench of the package.

Owns asking cargo where they lie. cargo builds the package's programs with its benches; asking for them apart would compile
half of it twice.
"""
import json
import pathlib
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]


def built(bench, *features):
    """(`saphan`, the bench of this name). What is built last is the `saphan` that stays."""
    command = ["cargo", "bench", "--no-run", "--locked", "--quiet", "--bench", bench, "--message-format=json", *features]
    told = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True).stdout
    for line in told.splitlines():
        artifact = json.loads(line)
        if artifact.get("reason") == "compiler-artifact" and artifact["target"]["name"] == bench:
            program = pathlib.Path(artifact["executable"])
            return program.parent.parent / "saphan", program
    raise SystemExit(f"cargo built no bench `{bench}`")
