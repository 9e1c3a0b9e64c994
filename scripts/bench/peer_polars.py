"""The same work as Saphan's line, written by hand in Polars: decode the UTF-8 CSV, repair Thai text, map codes by joins,
validate. Run it with POLARS_MAX_THREADS set; Polars takes its threads from there.

    peer_polars.py OBEC_UTF8_CSV SCHOOLS_CSV CODELISTS_DIR in-memory|streaming

Written for speed: a cheap test finds the rows with anything untidy and only those are repaired, one pass of many
replacements does it, code lists are small frames of words, the rest is one lazy plan. It says which rows are refused,
not why. Left out, because Polars would pay for it on every value: NFC (two million
regular values have none to mend), tones before ◌ิ ◌ั, and the forms of dates other than the file's.
Prints one JSON line. Needs the `polars` package.
"""
import json
import sys
import time
from datetime import date

import polars as pl

TONES = "่้๊๋"
MENDS = {"เเ": "แ", "ฤา": "ฤๅ", "ํา": "ำ", "\u00a0": " ", "\t": " ", "\r": " ", "\n": " "}
MENDS |= {f"ํ{tone}า": f"{tone}ำ" for tone in TONES} | {f"ำ{tone}": f"{tone}ำ" for tone in TONES}
MENDS |= {chr(code): "" for code in [0x00AD, *range(0x200B, 0x2010), 0x2060, 0xFEFF]}
NOTHING = ["", "-", "–", ".", "N/A", "NULL", "#N/A", "ไม่มี", "ไม่ระบุ", "ไม่มีข้อมูล"]
DIGITS = {thai: str(digit) for digit, thai in enumerate("๐๑๒๓๔๕๖๗๘๙")}
CODES = [("title", "คำนำหน้าชื่อ", "title"), ("sex", "เพศ", "sex"), ("nationality", "สัญชาติ", "nationality"),
         ("ethnicity", "เชื้อชาติ", "ethnicity"), ("religion", "ศาสนา", "religion"), ("blood_group", "กลุ่มเลือด", "blood_group"),
         ("guardian_relation", "ความเกี่ยวข้องของผู้ปกครองกับนักเรียน", "relation"),
         ("guardian_occupation", "อาชีพของผู้ปกครอง", "occupation"), ("school_id", "รหัสโรงเรียน", "school"),
         ("grade", "ชั้น", "grade"), ("disadvantage", "ความด้อยโอกาส", "disadvantage")]
TEXTS = [("given_name", "ชื่อ"), ("family_name", "นามสกุล"), ("house_no", "บ้านเลขที่"), ("moo", "หมู่"), ("street", "ถนน/ซอย"),
         ("student_no", "รหัสนักเรียน"), ("room", "ห้อง"), ("province", "จังหวัด"), ("district", "อำเภอ"), ("subdistrict_name", "ตำบล"),
         ("guardian_given", "ชื่อผู้ปกครอง"), ("guardian_family", "นามสกุลผู้ปกครอง"), ("born", "วันเกิด"), ("weight", "น้ำหนัก"),
         ("height", "ส่วนสูง"), ("id_said", "เลขประจำตัวประชาชน")]


def mended(column):
    return (pl.col(column).str.replace_many(list(MENDS), list(MENDS.values()), leftmost=True)
            .str.replace_all(r" {2,}", " ").str.strip_chars())


def untidy(column):
    text = pl.col(column)
    return text.str.contains_any(list(MENDS) + ["  "]) | text.str.starts_with(" ") | text.str.ends_with(" ")


def mend_rows(frame):
    """Polars computes both sides of a condition on every value, so the untidy rows are taken apart and put back."""
    columns = [header for _, header in TEXTS] + [header for _, header, _ in CODES]
    frame = frame.select(columns)
    rows = frame.select(bad=pl.any_horizontal(untidy(column) for column in columns).fill_null(False))["bad"]
    mends = [mended(column).alias(column) for column in columns]
    return pl.concat([frame.filter(~rows), frame.filter(rows).with_columns(mends)])


def stated(column):
    return pl.when(~pl.col(column).is_in(NOTHING)).then(pl.col(column))


def ascii_digits(column):
    return pl.col(column).str.replace_many(list(DIGITS), list(DIGITS.values()))


def words(folder, name, schools):
    """A list as frame (word, code, parent): codes, labels of both languages and aliases."""
    if name == "school":
        frame = pl.read_csv(schools, infer_schema=False).select(
            word=pl.concat_list("school_id", "smis"), code="school_id", parent="agency")
    else:
        frame = pl.read_csv(f"{folder}/{name}.csv", infer_schema=False)
        said = pl.concat_list("code", "label_th", "label_en", pl.col("aliases").str.split("|").fill_null([]))
        frame = frame.select("code", "parent", word=said)
    return frame.explode("word").with_columns(word=mended("word")).drop_nulls("word").unique("word", keep="first").lazy()


def places(folder):
    read = lambda name: pl.read_csv(f"{folder}/{name}.csv", infer_schema=False).select("code", "parent", "label_th")
    frame = (read("subdistrict").join(read("district"), left_on="parent", right_on="code", suffix="_d")
             .join(read("province"), left_on="parent_d", right_on="code", suffix="_p")
             .select(subdistrict="code", subdistrict_name=mended("label_th"), district=mended("label_th_d"), province=mended("label_th_p")))
    return frame.unique(["province", "district", "subdistrict_name"], keep="none").lazy()


def id_holds():
    learner = pl.col("learner_id")
    number = pl.when(learner.str.contains(r"^[0-8]\d{12}$")).then(learner).cast(pl.Int64, strict=False)
    weighted = sum((number // 10 ** (12 - at)) % 10 * (13 - at) for at in range(12))
    check = (11 - weighted % 11) % 10
    bodies = [f"{digit * 12}" for digit in "0123456789"]
    placeholder = learner.is_in(["0000000000001", "1234567890121"]) | learner.str.slice(0, 12).is_in(bodies)
    return ((check == number % 10) & ~placeholder).fill_null(False) | learner.str.contains(r"^G\d{12}$")


def line(path, schools, folder, engine):
    begun = time.perf_counter()
    plan = mend_rows(pl.read_csv(path, infer_schema=False)).lazy()
    plan = plan.select(*(stated(header).alias(name) for name, header in TEXTS),
                       # `ไม่ระบุ` means nothing in a name but is a code of some lists.
                       *(pl.when(~pl.col(header).is_in(["", "-"])).then(pl.col(header)).alias(f"{name}_word") for name, header, _ in CODES))
    plan = plan.with_columns(
        learner_id=ascii_digits("id_said").str.replace_all(r"^=?[\"']|[\"']$|\.0$|[ \-–—]", ""), born=ascii_digits("born"),
        weight=ascii_digits("weight").str.replace_all(",", "", literal=True).cast(pl.Float64, strict=False),
        height=ascii_digits("height").str.replace_all(",", "", literal=True).cast(pl.Float64, strict=False))
    part = lambda at, length: pl.col("born").str.slice(at, length)
    born = pl.when(pl.col("born").str.contains(r"^\d\d/\d\d/\d{4}$")).then(
        ((part(6, 4).cast(pl.Int32, strict=False) - 543).cast(pl.String) + "-" + part(3, 2) + "-" + part(0, 2)).str.to_date("%Y-%m-%d", strict=False))
    plan = plan.with_columns(birth_date=born)
    for name, _, table in CODES:
        codes = words(folder, table, schools).select(pl.col("word").alias(f"{name}_word"), pl.col("code").alias(name), pl.col("parent").alias(f"{name}_parent"))
        plan = plan.join(codes, on=f"{name}_word", how="left")
    plan = plan.join(places(folder), on=["province", "district", "subdistrict_name"], how="left")
    missing = [pl.col(name).is_null() for name in ("learner_id", "title", "given_name", "sex", "birth_date", "school_id", "grade")]
    unknown = [pl.col(f"{name}_word").is_not_null() & pl.col(name).is_null() for name, _, _ in CODES]
    long = [pl.col(name).str.len_chars().fill_null(0) > 100 for name in ("given_name", "family_name", "house_no")]
    refused = pl.any_horizontal(*missing, *unknown, *long, ~id_holds().fill_null(False),
                                ~pl.col("birth_date").is_between(date(1900, 1, 1), date(2026, 6, 10)),
                                pl.col("subdistrict_name").is_not_null() & pl.col("subdistrict").is_null())
    within = lambda name, low, high: pl.when(pl.col(name).is_between(low, high)).then(pl.col(name))
    warned = pl.any_horizontal(~pl.col("weight").is_between(5, 200), ~pl.col("height").is_between(50, 220),
                               pl.col("title_parent") != pl.col("sex"), pl.col("school_id_parent") != "obec")
    canonical = plan.select(
        "learner_id", *(name for name, _, _ in CODES), "given_name", "family_name", "birth_date", "house_no", "moo", "street", "subdistrict",
        guardian_name=pl.concat_str("guardian_given", "guardian_family", separator=" ", ignore_nulls=True), agency=pl.lit("10"),
        student_no="student_no", room="room", weight_kg=within("weight", 5, 200), height_cm=within("height", 50, 220),
        academic_year=2569, term=1, warned=warned.fill_null(False), refused=refused.fill_null(False)).collect(engine=engine)
    seconds = time.perf_counter() - begun
    return {"rows": canonical.height, "refused": int(canonical["refused"].sum()),
            "warned": canonical.filter("warned", ~pl.col("refused")).height, "seconds": seconds}


if __name__ == "__main__":
    print(json.dumps(line(*sys.argv[1:])))
