"""The same work as Saphan's line, written by hand in DuckDB's SQL: decode the UTF-8 CSV, repair Thai text, map codes by
joins, validate. And the peer of the count: who stands twice.

    peer_duckdb.py line OBEC_UTF8_CSV SCHOOLS_CSV CODELISTS_DIR THREADS
    peer_duckdb.py load RECORDS_NDJSON... DUCKDB_FILE 1
    peer_duckdb.py duplicates DUCKDB_FILE THREADS

Written as one who knows DuckDB would write it for speed: costly repairs run only on the values a cheap test finds
untidy, the check digit is integer arithmetic, code lists are small tables of words, the result is a table in memory.
It says which rows are refused, not why (findings with column, value and reason are what it leaves out).
Prints one JSON line. Needs the `duckdb` package.
"""
import json
import sys
import time

import duckdb

THAI_DIGITS = "๐๑๒๓๔๕๖๗๘๙"
# A pattern and not a list: IN with many words becomes a join for every column.
NOTHING = r"-|–|\.|N/A|NULL|#N/A|ไม่มี|ไม่ระบุ|ไม่มีข้อมูล"
# What makes a value untidy: white space outside or doubled or of another kind, invisible characters, old private-use
# glyphs, marks in an order NFC leaves, two characters typed for one, the words for "nothing".
UNTIDY = (r"^\s|\s$|\s\s|[\t\r\n\x{00A0}\x{00AD}\x{200B}-\x{200F}\x{2060}\x{FEFF}\x{F700}-\x{F71A}]|"
          r"ํ[่-๋]?า|ำ[่-๋]|[่-๋][ัิ-ู]|เเ|ฤา|[\x{0300}-\x{036F}]|"
          rf"^(?:{NOTHING})$")
# n // 10^12 is the first digit; constants, so that nothing is computed twice.
WEIGHTED = " + ".join(f"(n // {10 ** (12 - at)}) % 10 * {13 - at}" for at in range(12))
MACROS = f"""
create macro repaired(t) as nullif(trim(regexp_replace(regexp_replace(regexp_replace(regexp_replace(replace(replace(
    nfc_normalize(t), 'เเ', 'แ'), 'ฤา', 'ฤๅ'),
    '[\\x{{00AD}}\\x{{200B}}-\\x{{200F}}\\x{{2060}}\\x{{FEFF}}\\x{{F700}}-\\x{{F71A}}]', '', 'g'),
    '[\\s\\x{{00A0}}]+', ' ', 'g'),
    'ํ([่-๋]?)า|ำ([่-๋])', '\\1\\2ำ', 'g'),
    '([่-๋])([ัิ-ู])', '\\2\\1', 'g')), '');
create macro stated(t) as case when regexp_full_match(t, '{NOTHING}') then null else t end;
create macro tidy(t) as case when regexp_matches(t, '{UNTIDY}') then stated(repaired(t)) else t end;
create macro ascii_digits(t) as case when regexp_matches(t, '[๐-๙]') then translate(t, '{THAI_DIGITS}', '0123456789') else t end;
create macro bare_id(t) as case when regexp_full_match(t, '[0-9]{{13}}') then t
    else regexp_replace(regexp_replace(ascii_digits(t), '^=?["'']|["'']$|\\.0$', '', 'g'), '[ \\-–—]', '', 'g') end;
create macro check_digit(n) as (11 - ({WEIGHTED}) % 11) % 10;
create macro id_holds(t) as case
    when regexp_full_match(t, '[0-8][0-9]{{12}}') then check_digit(t::bigint) = t::bigint % 10
        and t not in ('0000000000001', '1234567890121') and t[1:12] != repeat(t[1:1], 12)
    else regexp_full_match(t, 'G[0-9]{{12}}') end;
create macro be_date(t) as case when regexp_full_match(t, '[0-9]{{2}}/[0-9]{{2}}/[0-9]{{4}}')
    then try_cast((t[7:10]::int - 543) || '-' || t[4:5] || '-' || t[1:2] as date) end;
create macro number(t) as try_cast(replace(ascii_digits(t), ',', '') as double);
"""
LISTS = ["title", "sex", "nationality", "ethnicity", "religion", "blood_group", "relation", "occupation", "grade", "disadvantage"]


def word_tables(folder, schools):
    """Each list as (word, code, parent): codes, labels of both languages and aliases, valid on the count day."""
    for name in LISTS:
        yield f"""create table {name}_words as select distinct on (word) coalesce(tidy(word), word) as word, code, parent from (
            select unnest([code, label_th, label_en] || coalesce(string_split(aliases, '|'), [])) as word, code, parent
            from read_csv('{folder}/{name}.csv', all_varchar=true, header=true)
            where coalesce(valid_from, '') <= '2026-06-10' and coalesce(valid_to, '9') >= '2026-06-10') where word is not null"""
    yield f"""create table school_words as select unnest([school_id, smis]) as word, school_id as code, agency as parent
        from read_csv('{schools}', all_varchar=true, header=true)"""
    yield "delete from school_words where word is null"
    yield f"""create table places as select tidy(p.label_th) as province, tidy(d.label_th) as district, tidy(s.label_th) as subdistrict,
            any_value(s.code) as code
        from read_csv('{folder}/subdistrict.csv', all_varchar=true) s
        join read_csv('{folder}/district.csv', all_varchar=true) d on d.code = s.parent
        join read_csv('{folder}/province.csv', all_varchar=true) p on p.code = d.parent group by all having count(*) = 1"""


# Code columns: canonical name, header, list. A code that is required or was written and not found refuses the row.
CODES = [("title", "คำนำหน้าชื่อ", "title"), ("sex", "เพศ", "sex"), ("nationality", "สัญชาติ", "nationality"),
         ("ethnicity", "เชื้อชาติ", "ethnicity"), ("religion", "ศาสนา", "religion"), ("blood_group", "กลุ่มเลือด", "blood_group"),
         ("guardian_relation", "ความเกี่ยวข้องของผู้ปกครองกับนักเรียน", "relation"),
         ("guardian_occupation", "อาชีพของผู้ปกครอง", "occupation"), ("school_id", "รหัสโรงเรียน", "school"),
         ("grade", "ชั้น", "grade"), ("disadvantage", "ความด้อยโอกาส", "disadvantage")]
TEXTS = [("given_name", "ชื่อ"), ("family_name", "นามสกุล"), ("house_no", "บ้านเลขที่"), ("moo", "หมู่"), ("street", "ถนน/ซอย"),
         ("student_no", "รหัสนักเรียน"), ("room", "ห้อง"), ("province", "จังหวัด"), ("district", "อำเภอ"), ("subdistrict_name", "ตำบล"),
         ("guardian_given", "ชื่อผู้ปกครอง"), ("guardian_family", "นามสกุลผู้ปกครอง")]


def line_sql(path):
    # In steps, because a macro's argument is pasted wherever it stands: each value is to be tidied once.
    texts = TEXTS + [("birth_said", "วันเกิด"), ("weight_said", "น้ำหนัก"), ("height_said", "ส่วนสูง"), ("id_said", "เลขประจำตัวประชาชน")]
    tidied = [f'tidy("{header}") as {name}' for name, header in texts]
    # `ไม่ระบุ` means nothing in a name but is a code of some lists: the raw word is kept where tidying empties it.
    coded = [f'tidy("{header}") as {name}_tidy, "{header}" as {name}_raw' for name, header, _ in CODES]
    words = [f"coalesce({name}_tidy, nullif({name}_raw, '-')) as {name}_word" for name, _, _ in CODES]
    joins = "\n".join(f"left join {table}_words w_{name} on w_{name}.word = t.{name}_word" for name, _, table in CODES)
    codes = ", ".join(f"w_{name}.code as {name}" for name, _, _ in CODES)
    unknown = " or ".join(f"(t.{name}_word is not null and w_{name}.code is null)" for name, _, _ in CODES)
    return f"""create table canonical as
    with tidied as (select {", ".join(tidied + coded)}
        from read_csv('{path}', all_varchar=true, header=true, delim=',', quote='"', nullstr='')),
    digits as (select *, ascii_digits(birth_said) as birth_ascii, bare_id(id_said) as learner_id from tidied),
    t as (select *, be_date(birth_ascii) as birth_date, number(weight_said) as weight, number(height_said) as height, {", ".join(words)} from digits)
    select t.learner_id, {codes}, t.given_name, t.family_name, t.birth_date, t.house_no, t.moo, t.street, places.code as subdistrict,
        concat_ws(' ', t.guardian_given, t.guardian_family) as guardian_name, '10' as agency, t.student_no, t.room,
        case when t.weight between 5 and 200 then t.weight end as weight_kg, case when t.height between 50 and 220 then t.height end as height_cm,
        2569 as academic_year, 1 as term,
        (t.weight not between 5 and 200 or t.height not between 50 and 220 or w_title.parent != w_sex.code or w_school_id.parent != 'obec') is true as warned,
        (t.learner_id is null or not id_holds(t.learner_id) or w_title.code is null or t.given_name is null or w_sex.code is null
         or t.birth_date is null or t.birth_date not between date '1900-01-01' and date '2026-06-10'
         or w_school_id.code is null or w_grade.code is null or {unknown}
         or (t.subdistrict_name is not null and places.code is null)
         or length(t.given_name) > 100 or length(t.family_name) > 100 or length(t.house_no) > 100) is true as refused
    from t {joins}
    left join places on places.province = t.province and places.district = t.district and places.subdistrict = t.subdistrict_name"""


def line(path, schools, folder, threads):
    connection = duckdb.connect(config={"threads": threads, "preserve_insertion_order": False})
    # DuckDB's CREATE MACRO takes one statement at a time.
    for statement in MACROS.split(";\n"):
        if statement.strip():
            connection.execute(statement)
    begun = time.perf_counter()
    for statement in word_tables(folder, schools):
        connection.execute(statement)
    connection.execute(line_sql(path))
    seconds = time.perf_counter() - begun
    rows, refused, warned = connection.execute(
        "select count(*), count(*) filter (refused), count(*) filter (warned and not refused) from canonical").fetchone()
    return {"rows": rows, "refused": refused, "warned": warned, "seconds": seconds}


def load(*files_database_threads):
    """Canonical records of a round into a DuckDB file, as the count's peer wants them; not timed."""
    *files, path, _ = files_database_threads
    connection = duckdb.connect(path)
    connection.execute("""create table enrolments as select learner_id as learner, agency, school_id as school
        from read_json($files, format='newline_delimited', columns={learner_id: 'varchar', agency: 'varchar', school_id: 'varchar'})""",
        {"files": list(files)})
    return {}


def duplicates(path, threads):
    """`path`: a DuckDB file with the round's enrolments (learner, agency, school), made beforehand and not timed."""
    connection = duckdb.connect(path, read_only=True, config={"threads": threads})
    begun = time.perf_counter()
    found, = connection.execute("""select count(*) from (
        select learner from enrolments group by learner having count(distinct agency) > 1)""").fetchone()
    seconds = time.perf_counter() - begun
    rows, = connection.execute("select count(*) from enrolments").fetchone()
    return {"rows": rows, "found": found, "seconds": seconds}


if __name__ == "__main__":
    act, *arguments, threads = sys.argv[1:]
    print(json.dumps({"line": line, "load": load, "duplicates": duplicates}[act](*arguments, int(threads))))
