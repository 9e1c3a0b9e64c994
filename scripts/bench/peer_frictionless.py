"""`frictionless validate` over the first rows of the UTF-8 CSV: types, patterns, ranges and lists, no mapping, no repair.

    peer_frictionless.py OBEC_UTF8_CSV ROWS

Its rate does not depend on the number of rows, so it gets fewer of them. Prints one JSON line.
"""
import itertools
import json
import logging
import os
import sys
import tempfile
import time

from frictionless import Checklist, Resource, Schema, fields, validate

GRADES = [f"อ.{n}" for n in (1, 2, 3)] + [f"ป.{n}" for n in range(1, 7)] + [f"ม.{n}" for n in range(1, 7)]
TITLES = ["เด็กชาย", "เด็กหญิง", "นาย", "นาง", "นางสาว", "ด.ช.", "ด.ญ.", "น.ส."]
RULES = {
    "เลขประจำตัวประชาชน": dict(required=True, pattern=r"[0-8][0-9]{12}|G[0-9]{12}"),
    "คำนำหน้าชื่อ": dict(required=True, enum=TITLES),
    "ชื่อ": dict(required=True, maxLength=100),
    "เพศ": dict(required=True, enum=["ช", "ญ"]),
    "วันเกิด": dict(required=True, pattern=r"(0[1-9]|[12][0-9]|3[01])/(0[1-9]|1[0-2])/2[0-9]{3}"),
    "ชั้น": dict(required=True, enum=GRADES),
    "รหัสโรงเรียน": dict(required=True, pattern=r"[0-9]{8}"),
    "กลุ่มเลือด": dict(enum=["A", "B", "O", "AB", "ไม่ทราบ"]),
    "ศาสนา": dict(enum=["พุทธ", "อิสลาม", "คริสต์"]),
}
RANGES = {"น้ำหนัก": dict(minimum="5", maximum="200"), "ส่วนสูง": dict(minimum="50", maximum="220")}


def schema(header):
    made = []
    for name in header:
        if name in RANGES:
            made.append(fields.NumberField(name=name, constraints=RANGES[name]))
        else:
            made.append(fields.StringField(name=name, constraints=RULES.get(name, {})))
    return Schema(fields=made)


def main(path, rows):
    logging.disable(logging.CRITICAL)
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        with open(path, encoding="utf-8", newline="") as read, open("head.csv", "w", encoding="utf-8", newline="") as write:
            write.writelines(itertools.islice(read, rows + 1))
        with open("head.csv", encoding="utf-8", newline="") as read:
            header = read.readline().strip().split(",")
        begun = time.perf_counter()
        report = validate(Resource(path="head.csv", schema=schema(header)), checklist=Checklist(), limit_errors=10**9)
        seconds = time.perf_counter() - begun
    task = report.tasks[0]
    refused = len({error[0] for error in report.flatten(["rowNumber"])})
    return {"rows": task.stats["rows"], "refused": refused, "seconds": seconds}


if __name__ == "__main__":
    path, rows = sys.argv[1:]
    print(json.dumps(main(os.path.abspath(path), int(rows))))
