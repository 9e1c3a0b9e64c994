//! The files as the agencies send them: windows-874 CSV, XML, JSON, workbooks.

use crate::cross::Cross;
use crate::defect::{self, Cells};
use crate::person::{Agency, Person, World};
use crate::truth::{FileTruth, Spoiled};
use encoding_rs::WINDOWS_874;
use jiff::civil::{Date, date};
use quick_xml::escape::escape;
use std::fs::File;
use std::io::{BufWriter, Write};
use std::ops::Range;
use std::path::Path;
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

const BUFFER: usize = 1 << 20;

/// Writes an agency's file, or its files.
pub fn write(world: &World<'_>, cross: &Cross, agency: Agency, folder: &Path) -> anyhow::Result<Vec<FileTruth>> {
    let rows = cross.rows(world, agency);
    let mut files = Vec::new();
    for (range, number) in world.files(agency, rows).into_iter().zip(1..) {
        let name = match agency {
            Agency::Obec => String::from("obec.csv"),
            Agency::Ovec => String::from("ovec.xml"),
            Agency::Dole => String::from("dole.json"),
            Agency::Opec => format!("opec-{number}.xlsx"),
        };
        let out = BufWriter::with_capacity(BUFFER, File::create(folder.join(&name))?);
        let mut file = FileTruth { name, agency: agency.code(), rows: 0, refused: Vec::new(), untidy: 0 };
        let mut rows = Rows { world, cross, agency, range, file: &mut file };
        match agency {
            Agency::Obec => obec(&mut rows, out)?,
            Agency::Ovec => ovec(&mut rows, out)?,
            Agency::Dole => dole(&mut rows, out)?,
            Agency::Opec => opec(&mut rows, out)?,
        }
        files.push(file);
    }
    Ok(files)
}

/// The rows of one file, spoiled as chance will have it; what was spoiled is noted.
struct Rows<'w, 't> {
    world: &'w World<'w>,
    cross: &'w Cross,
    agency: Agency,
    range: Range<u64>,
    file: &'t mut FileTruth,
}

impl<'w> Iterator for Rows<'w, '_> {
    type Item = (Person<'w>, Cells);

    fn next(&mut self) -> Option<Self::Item> {
        let row = self.range.next()?;
        let (number, person) = self.cross.person(self.world, self.agency, row);
        let mut rng = self.world.chance(self.agency, 7, row);
        let is_left_alone = self.cross.concerns(self.agency, number);
        let defect = if is_left_alone { None } else { defect::choose(&mut rng, self.agency, &person) };
        self.file.rows += 1;
        match defect {
            Some(defect) if defect::must_be_refused(defect) => {
                self.file.refused.push(Spoiled { row: self.file.rows, defect });
            }
            Some(_) => self.file.untidy += 1,
            None => {}
        }
        let grade = self.world.facts.short.get(person.grade).map_or(person.grade, String::as_str);
        let cells = Cells::of(&person, self.agency, grade, defect, &mut rng);
        Some((person, cells))
    }
}

const DMC: &str = "รหัสโรงเรียน,ชื่อโรงเรียน,เลขประจำตัวประชาชน,ชั้น,ห้อง,รหัสนักเรียน,เพศ,คำนำหน้าชื่อ,ชื่อ,นามสกุล,วันเกิด,อายุ(ปี),\
    น้ำหนัก,ส่วนสูง,กลุ่มเลือด,ศาสนา,เชื้อชาติ,สัญชาติ,บ้านเลขที่,หมู่,ถนน/ซอย,ตำบล,อำเภอ,จังหวัด,ชื่อผู้ปกครอง,\
    นามสกุลผู้ปกครอง,อาชีพของผู้ปกครอง,ความเกี่ยวข้องของผู้ปกครองกับนักเรียน,ชื่อบิดา,นามสกุลบิดา,อาชีพของบิดา,ชื่อมารดา,นามสกุลมารดา,\
    อาชีพของมารดา,ความด้อยโอกาส,ยังไม่สามารถจำหน่ายได้ (3.1.8)\r\n";

fn obec(rows: &mut Rows<'_, '_>, mut out: impl Write) -> anyhow::Result<()> {
    out.write_all(&WINDOWS_874.encode(DMC).0)?;
    let this_year = rows.world.day.year();
    let mut line = String::new();
    for (person, cells) in rows {
        let Person { school, room, student_no, family, height, subdistrict: sub, father, mother, .. } = &person;
        let sex = if person.is_female { "ญ" } else { "ช" };
        let (born, age) = (cells.thai_date(), this_year - person.born.year());
        line.clear();
        use std::fmt::Write as _;
        write!(
            line,
            "{},{},{},{},{room},{student_no:05},{sex},{},{},{family},{born},{age},{},{height:.1},{},{},{},{},{},{},-,{},{},{},{},{},{},มารดา,{},{},{},{},{},{},{},-\r\n",
            cells.school,
            school.name,
            cells.id,
            cells.grade,
            cells.title,
            cells.given,
            cells.weight,
            person.blood,
            person.religion,
            person.nation,
            person.nation,
            person.house,
            person.moo,
            sub.name,
            sub.district,
            sub.province,
            mother[0],
            mother[1],
            mother[2],
            father[0],
            father[1],
            father[2],
            mother[0],
            mother[1],
            mother[2],
            person.disadvantage
        )?;
        out.write_all(&WINDOWS_874.encode(&line).0)?;
    }
    Ok(out.flush()?)
}

fn term(day: Date) -> u8 {
    if day.month() < 9 { 1 } else { 2 }
}

fn ovec(rows: &mut Rows<'_, '_>, mut out: impl Write) -> anyhow::Result<()> {
    let day = rows.world.day;
    writeln!(
        out,
        "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<v:StudentList xmlns:v=\"urn:th:go:vec:student:1\" \
         academicYear=\"{}\" semester=\"{}\">",
        day.year() + 543,
        term(day)
    )?;
    for (person, cells) in rows {
        let (level, year) = match cells.grade.split_once('.') {
            Some((level, year)) if level.starts_with("ปว") => (level, year),
            _ => (&*cells.grade, ""),
        };
        let born = cells.digits(format!("{}-{:02}-{:02}", cells.year + 543, cells.month, cells.day));
        writeln!(
            out,
            "  <v:Student code=\"{:05}\" college=\"{}\">\n    <v:PeopleID>{}</v:PeopleID>\n    \
             <v:Name><v:Prefix>{}</v:Prefix><v:First>{}</v:First><v:Last>{}</v:Last></v:Name>\n    \
             <v:Birth>{born}</v:Birth><v:Gender>{}</v:Gender>\n    \
             <v:Program level=\"{}\" year=\"{year}\" dual=\"{}\"/>\n    <v:Room>{}</v:Room>\n    \
             <v:Nationality>{}</v:Nationality><v:Religion>{}</v:Religion><v:Blood>{}</v:Blood>\n    \
             <v:Body weight=\"{}\" height=\"{:.1}\"/>\n    <v:Address house=\"{}\" moo=\"{}\" tambon=\"{}\"/>\n  </v:Student>",
            person.student_no,
            cells.school,
            escape(&*cells.id),
            escape(cells.title),
            escape(&*cells.given),
            escape(person.family),
            if person.is_female { 2 } else { 1 },
            escape(level),
            if person.is_dual { "Y" } else { "N" },
            person.room,
            person.nation,
            person.religion,
            person.blood,
            cells.weight,
            person.height,
            person.house,
            person.moo,
            person.subdistrict.code
        )?;
    }
    out.write_all(b"</v:StudentList>\n")?;
    Ok(out.flush()?)
}

fn dole(rows: &mut Rows<'_, '_>, mut out: impl Write) -> anyhow::Result<()> {
    let day = rows.world.day;
    let year = (day.year() + 543) % 100;
    writeln!(out, "{{\"system\":\"ITw51\",\"semestry\":\"{}/{year:02}\",\"students\":[", term(day))?;
    for (number, (person, cells)) in rows.enumerate() {
        let level = match &*cells.grade {
            "กศน.ประถม" => "1",
            "กศน.ม.ต้น" => "2",
            "กศน.ม.ปลาย" => "3",
            other => other,
        };
        let record = serde_json::json!({
            "std_code": format!("{}{year:02}{:08}", cells.school, person.student_no), "cardid": cells.id,
            "prename": cells.title, "name": cells.given, "surname": person.family,
            "birday": cells.digits(format!("{:04}{:02}{:02}", cells.year, cells.month, cells.day)),
            "gender": if person.is_female { "2" } else { "1" }, "level": level,
            "grp_code": format!("{}-{}", person.school.school_id, person.room), "nation": person.nation,
            "religion": person.religion,
            "address": { "addr": person.house, "moo": person.moo.to_string(), "tambonid": person.subdistrict.code },
            "weight": cells.weight, "height": format!("{:.1}", person.height), "fin_cause": "",
        });
        out.write_all(if number == 0 { b"" } else { b",\n" })?;
        serde_json::to_writer(&mut out, &record)?;
    }
    out.write_all(b"\n]}\n")?;
    Ok(out.flush()?)
}

const OPEC: [&str; 18] = [
    "ลำดับ",
    "รหัสสถานศึกษา ต้องกรอก",
    "เลขประจำตัวประชาชน ต้องกรอก",
    "ชื่อ-สกุล ต้องกรอก",
    "เพศ",
    "วันเกิด ต้องกรอก",
    "ชั้น/ห้อง ต้องกรอก",
    "รหัสนักเรียน",
    "สัญชาติ",
    "ศาสนา",
    "หมู่โลหิต",
    "น้ำหนัก",
    "ส่วนสูง",
    "บ้านเลขที่",
    "หมู่",
    "ตำบล",
    "อำเภอ",
    "จังหวัด",
];
const PARTS: [(&str, &str); 4] = [
    (
        "[Content_Types].xml",
        r#"<?xml version="1.0" encoding="UTF-8"?><Types xmlns="http://schemas.openxmlformats.org/package/2006/content-types"><Default Extension="rels" ContentType="application/vnd.openxmlformats-package.relationships+xml"/><Default Extension="xml" ContentType="application/xml"/><Override PartName="/xl/workbook.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.sheet.main+xml"/><Override PartName="/xl/worksheets/sheet1.xml" ContentType="application/vnd.openxmlformats-officedocument.spreadsheetml.worksheet+xml"/></Types>"#,
    ),
    (
        "_rels/.rels",
        r#"<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/officeDocument" Target="xl/workbook.xml"/></Relationships>"#,
    ),
    (
        "xl/workbook.xml",
        r#"<?xml version="1.0" encoding="UTF-8"?><workbook xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main" xmlns:r="http://schemas.openxmlformats.org/officeDocument/2006/relationships"><sheets><sheet name="นักเรียน" sheetId="1" r:id="rId1"/></sheets></workbook>"#,
    ),
    (
        "xl/_rels/workbook.xml.rels",
        r#"<?xml version="1.0" encoding="UTF-8"?><Relationships xmlns="http://schemas.openxmlformats.org/package/2006/relationships"><Relationship Id="rId1" Type="http://schemas.openxmlformats.org/officeDocument/2006/relationships/worksheet" Target="worksheets/sheet1.xml"/></Relationships>"#,
    ),
];

/// A cell of a row as the workbook has it.
enum Cell<'c> {
    Text(&'c str),
    Number(f64),
}

fn row(out: &mut impl Write, number: u64, cells: &[Cell<'_>]) -> std::io::Result<()> {
    write!(out, "<row r=\"{number}\">")?;
    for (cell, column) in cells.iter().zip(b'A'..) {
        let column = char::from(column);
        match cell {
            Cell::Number(value) => write!(out, "<c r=\"{column}{number}\"><v>{value}</v></c>")?,
            Cell::Text(text) => {
                let text = escape(*text);
                write!(
                    out,
                    "<c r=\"{column}{number}\" t=\"inlineStr\"><is><t xml:space=\"preserve\">{text}</t></is></c>"
                )?;
            }
        }
    }
    out.write_all(b"</row>")
}

/// Title rows above the header, glued names, grade and room in one cell, some dates as Excel's serial numbers.
fn opec(rows: &mut Rows<'_, '_>, out: impl Write + std::io::Seek) -> anyhow::Result<()> {
    let day = rows.world.day;
    let mut zip = ZipWriter::new(out);
    for (name, text) in PARTS {
        zip.start_file(name, SimpleFileOptions::default())?;
        zip.write_all(text.as_bytes())?;
    }
    zip.start_file("xl/worksheets/sheet1.xml", SimpleFileOptions::default().large_file(true))?;
    let mut out = BufWriter::with_capacity(BUFFER, &mut zip);
    out.write_all(br#"<?xml version="1.0" encoding="UTF-8"?><worksheet xmlns="http://schemas.openxmlformats.org/spreadsheetml/2006/main"><sheetData>"#)?;
    let month = if term(day) == 1 { "มิถุนายน" } else { "พฤศจิกายน" };
    row(&mut out, 1, &[Cell::Text("แบบรายงานข้อมูลนักเรียนรายบุคคล โรงเรียนเอกชน")])?;
    row(&mut out, 2, &[Cell::Text(&format!("ข้อมูล ณ วันที่ {} {month} {}", day.day(), day.year() + 543))])?;
    row(&mut out, 3, &OPEC.map(Cell::Text))?;
    for (at, (person, cells)) in (0_u32..).zip(rows) {
        let serial = cells.civil().filter(|_| !cells.has_thai_date && at % 3 == 0);
        let days = serial.and_then(|born| born.since(date(1899, 12, 30)).ok()).map(|since| since.get_days());
        let born = cells.thai_date();
        let name = match &*cells.given {
            "" => cells.title.to_owned(),
            given => format!("{}{given} {}", cells.title, person.family),
        };
        let (room, student_no) = (format!("{}/{}", cells.grade, person.room), format!("{:05}", person.student_no));
        let (moo, sub) = (person.moo.to_string(), person.subdistrict);
        row(
            &mut out,
            u64::from(at) + 4,
            &[
                Cell::Number(f64::from(at + 1)),
                Cell::Text(&cells.school),
                Cell::Text(&cells.id),
                Cell::Text(&name),
                Cell::Text(if person.is_female { "หญิง" } else { "ชาย" }),
                days.map_or(Cell::Text(&born), |days| Cell::Number(f64::from(days))),
                Cell::Text(&room),
                Cell::Text(&student_no),
                Cell::Text(person.nation),
                Cell::Text(person.religion),
                Cell::Text(person.blood),
                Cell::Number(cells.weight.parse()?),
                Cell::Number(person.height),
                Cell::Text(&person.house),
                Cell::Text(&moo),
                Cell::Text(&sub.name),
                Cell::Text(&sub.district),
                Cell::Text(&sub.province),
            ],
        )?;
    }
    out.write_all(b"</sheetData></worksheet>")?;
    out.flush()?;
    drop(out);
    zip.finish()?.flush()?;
    Ok(())
}
