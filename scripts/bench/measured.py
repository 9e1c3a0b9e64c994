#!/usr/bin/env python3
"""Runs one command to its end: `measured.py STDOUT STDERR COMMAND…` prints its exit code, wall seconds and peak bytes as JSON.

Owns the clock and the kernel's high-water mark. A process of its own, and a small one, because a child's peak memory is
never below its parent's: a parent that has read large answers would be measured instead of the command.
"""
import json
import os
import subprocess
import sys
import time

with open(sys.argv[1], "wb") as out, open(sys.argv[2], "wb") as error:
    begun = time.perf_counter()
    child = subprocess.Popen(sys.argv[3:], stdin=subprocess.DEVNULL, stdout=out, stderr=error)
    _, status, usage = os.wait4(child.pid, 0)
    seconds = time.perf_counter() - begun
    child.returncode = os.waitstatus_to_exitcode(status)
print(json.dumps({"code": child.returncode, "seconds": seconds, "peak": usage.ru_maxrss * 1024}))
