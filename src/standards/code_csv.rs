//! A code list as text: read from its CSV with every fault and line, and written back the same.
//!
//! Owns the ten columns of `schemas/codelists/*.csv` and the content hash that names a list's version.
//! Refuses unknown or missing columns, dates that no calendar has, a `replaced_by` that leads nowhere,
//! and lists beyond `ENTRIES_MAX`. The school list is built from the register, not from a file.

use super::code_list::{CodeEntry, CodeList};
use crate::domain::enrolment::School;
use crate::domain::text::Bilingual;
use jiff::civil::Date;
use serde::Serialize;
use std::collections::HashSet;

/// The columns, in this order.
pub const COLUMNS: [&str; 10] =
    ["code", "label_th", "label_en", "aliases", "valid_from", "valid_to", "replaced_by", "parent", "status", "source"];

/// Entries of one list; the largest known (subdistricts) has 7,436.
pub const ENTRIES_MAX: usize = 200_000;

#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct CodeListFault {
    /// From 1, the header being line 1.
    pub line: u32,
    pub message: String,
}

/// 64-bit FNV-1a of the text as sixteen hexadecimal digits: names a version, proves nothing.
pub fn content_version(text: &str) -> String {
    let hash = text
        .bytes()
        .fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3));
    format!("{hash:016x}")
}

impl CodeList {
    /// Reads `schemas/codelists/<name>.csv`. All faults are reported together.
    pub fn read_csv(name: &str, text: &str) -> Result<CodeList, Vec<CodeListFault>> {
        let text = text.strip_prefix('\u{feff}').unwrap_or(text);
        let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
        let mut rows = Vec::new();
        let mut faults = Vec::new();
        let mut record = csv::StringRecord::new();
        loop {
            match reader.read_record(&mut record) {
                Ok(false) => break,
                Ok(true) => {}
                Err(error) => {
                    let line = error.position().map_or(0, |at| at.line() as u32);
                    faults.push(CodeListFault { line, message: "not readable as UTF-8 CSV".to_owned() });
                    break;
                }
            }
            let line = record.position().map_or(0, |at| at.line() as u32);
            if rows.len() > ENTRIES_MAX {
                faults.push(CodeListFault { line, message: format!("more than {ENTRIES_MAX} entries") });
                break;
            }
            rows.push((line, record.clone()));
        }
        match rows.first() {
            Some((_, header)) if header.iter().eq(COLUMNS) => {}
            _ => faults.push(CodeListFault { line: 1, message: format!("the header must be {}", COLUMNS.join(",")) }),
        }
        let mut entries = Vec::with_capacity(rows.len());
        let mut sources = Vec::with_capacity(rows.len());
        let mut lines = Vec::with_capacity(rows.len());
        for (line, row) in rows.iter().skip(1) {
            match read_entry(row) {
                Ok(entry) => {
                    entries.push(entry);
                    sources.push(row.get(9).unwrap_or("").into());
                    lines.push(*line);
                }
                Err(messages) => {
                    faults.extend(messages.into_iter().map(|message| CodeListFault { line: *line, message }));
                }
            }
        }
        faults.extend(replacements_that_lead_nowhere(&entries, &lines));
        if entries.is_empty() && faults.is_empty() {
            faults.push(CodeListFault { line: 1, message: "the list has no entry".to_owned() });
        }
        let claims: Vec<_> = entries.iter().map(|entry| entry.code.clone()).collect();
        match CodeList::new(name, &content_version(text), entries) {
            Ok(mut list) if faults.is_empty() => {
                list.sources = sources;
                Ok(list)
            }
            Ok(_) => Err(faults),
            Err(ambiguous) => {
                faults.extend(ambiguous.into_iter().map(|fault| {
                    let at = claims.iter().rposition(|code| **code == *fault.second).unwrap_or(0);
                    let line = lines.get(at).copied().unwrap_or(0);
                    let message = format!("«{}» stands for both {} and {}", fault.word, fault.first, fault.second);
                    CodeListFault { line, message }
                }));
                Err(faults)
            }
        }
    }

    /// The list in the columns of its file; valid entries only where a day is given.
    pub fn to_csv(&self, day: Option<Date>) -> String {
        let mut writer = csv::Writer::from_writer(Vec::new());
        let mut write = |record: [&str; 10]| {
            // Writing into memory can't fail.
            let _ = writer.write_record(record);
        };
        write(COLUMNS);
        for view in self.view(day).codes {
            let date = |day: Option<Date>| day.map_or_else(String::new, |day| day.to_string());
            write([
                view.code,
                view.label_th,
                view.label_en,
                &view.aliases.join("|"),
                &date(view.valid_from),
                &date(view.valid_to),
                view.replaced_by.unwrap_or(""),
                view.parent.unwrap_or(""),
                view.status,
                view.source,
            ]);
        }
        writer.into_inner().ok().and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default()
    }

    /// What the API answers for this list.
    pub fn view(&self, day: Option<Date>) -> CodeListView<'_> {
        let codes = self
            .entries()
            .iter()
            .enumerate()
            .filter(|(_, entry)| day.is_none_or(|day| entry.valid_on(day)))
            .map(|(at, entry)| CodeView {
                code: &entry.code,
                label_th: &entry.label.th,
                label_en: &entry.label.en,
                aliases: entry.aliases.iter().map(|alias| &**alias).collect(),
                valid_from: entry.valid_from,
                valid_to: entry.valid_to,
                replaced_by: entry.replaced_by.as_deref(),
                parent: entry.parent.as_deref(),
                status: &entry.status,
                source: self.sources.get(at).map_or("", |source| source),
            })
            .collect();
        CodeListView { name: self.name(), version: self.version(), on: day, codes }
    }
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeListView<'a> {
    pub name: &'a str,
    pub version: &'a str,
    /// The day the list was asked for; none: every entry, whatever its dates.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "iso")]
    pub on: Option<Date>,
    pub codes: Vec<CodeView<'a>>,
}

#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct CodeView<'a> {
    pub code: &'a str,
    pub label_th: &'a str,
    pub label_en: &'a str,
    pub aliases: Vec<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "iso")]
    pub valid_from: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    #[serde(serialize_with = "iso")]
    pub valid_to: Option<Date>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub replaced_by: Option<&'a str>,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parent: Option<&'a str>,
    pub status: &'a str,
    pub source: &'a str,
}

fn iso<S: serde::Serializer>(day: &Option<Date>, serializer: S) -> Result<S::Ok, S::Error> {
    match day {
        Some(day) => serializer.collect_str(day),
        None => serializer.serialize_none(),
    }
}

/// The register as a list to be read: code = ten digits, alias = SMIS code, parent = agency, with names, and the last day of
/// schools that were closed. A SMIS code that two schools bear is left out of both. Codes are checked against
/// [`super::Schools`], where a closed school is found and a name finds nothing.
pub fn school_directory(schools: &[School], version: &str) -> CodeList {
    let mut seen = HashSet::new();
    let mut doubled = HashSet::new();
    for smis in schools.iter().filter_map(|school| school.smis.as_deref()) {
        if !seen.insert(smis) {
            doubled.insert(smis);
        }
    }
    let mut known = HashSet::new();
    let codes: HashSet<&str> = schools.iter().map(|school| &*school.school_id).collect();
    let entries = schools
        .iter()
        .filter(|school| known.insert(&*school.school_id))
        .map(|school| CodeEntry {
            code: school.school_id.clone(),
            label: Bilingual::new(school.name_th.clone(), school.name_en.clone().unwrap_or_default()),
            aliases: school
                .smis
                .iter()
                .filter(|smis| !doubled.contains(&***smis) && !codes.contains(&***smis))
                .map(|smis| Box::from(&**smis))
                .collect(),
            valid_from: school.opened_on,
            valid_to: school.closed_on.and_then(|closed| closed.yesterday().ok()),
            replaced_by: None,
            parent: Some(school.agency.as_str().into()),
            status: Box::from(&*school.status),
        })
        .collect();
    CodeList::new("school", version, entries).unwrap_or_else(|_| CodeList::empty("school"))
}

fn read_entry(row: &csv::StringRecord) -> Result<CodeEntry, Vec<String>> {
    let mut messages = Vec::new();
    if row.len() != COLUMNS.len() {
        return Err(vec![format!("{} cells where {} belong", row.len(), COLUMNS.len())]);
    }
    let cell = |at: usize| row.get(at).unwrap_or("");
    for (at, column) in COLUMNS.iter().enumerate() {
        let value = cell(at);
        if value.trim() != value {
            messages.push(format!("{column}: blanks around «{value}»"));
        }
        let longest =
            if *column == "aliases" { value.split('|').map(str::len).max().unwrap_or(0) } else { value.len() };
        if longest > super::fold::WORD_BYTES_MAX {
            messages.push(format!("{column}: longer than {} bytes", super::fold::WORD_BYTES_MAX));
        }
    }
    for (at, column) in COLUMNS.iter().enumerate().take(3) {
        if cell(at).is_empty() {
            messages.push(format!("{column} is missing"));
        }
    }
    let mut date = |at: usize| match cell(at) {
        "" => None,
        text => {
            let parsed = text.parse::<Date>().ok();
            if parsed.is_none() {
                messages.push(format!("{}: «{text}» is not a date such as 2026-06-10", COLUMNS[at]));
            }
            parsed
        }
    };
    let (valid_from, valid_to) = (date(4), date(5));
    if let (Some(from), Some(to)) = (valid_from, valid_to)
        && from > to
    {
        messages.push("valid_to is before valid_from".to_owned());
    }
    let aliases: Vec<Box<str>> = cell(3).split('|').filter(|alias| !alias.is_empty()).map(Box::from).collect();
    if !messages.is_empty() {
        return Err(messages);
    }
    let optional = |at: usize| Some(cell(at)).filter(|text| !text.is_empty()).map(std::sync::Arc::from);
    Ok(CodeEntry {
        code: cell(0).into(),
        label: Bilingual::new(cell(1), cell(2)),
        aliases,
        valid_from,
        valid_to,
        replaced_by: optional(6),
        parent: optional(7),
        status: cell(8).into(),
    })
}

fn replacements_that_lead_nowhere(entries: &[CodeEntry], lines: &[u32]) -> Vec<CodeListFault> {
    let codes: HashSet<&str> = entries.iter().map(|entry| &*entry.code).collect();
    entries
        .iter()
        .zip(lines)
        .filter_map(|(entry, line)| {
            let target = entry.replaced_by.as_deref().filter(|target| !codes.contains(target))?;
            Some(CodeListFault { line: *line, message: format!("replaced_by: {target} is not a code of this list") })
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::domain::agency::AgencyCode;
    use jiff::civil::date;

    const HEADER: &str = "code,label_th,label_en,aliases,valid_from,valid_to,replaced_by,parent,status,source\n";

    #[test]
    fn a_list_reads_and_writes_the_same() {
        let text = format!("{HEADER}A,ก,Ka,x|y,2020-01-01,2024-12-31,B,,confirmed,book\nB,\"ข, ค\",Kha,,,,,P,own,\n");
        let list = CodeList::read_csv("letters", &text).unwrap();
        assert_eq!(list.to_csv(None), text);
        assert_eq!(list.find("y"), list.find("A"));
        assert_eq!(list.version().len(), 16);
        let on = list.to_csv(Some(date(2025, 1, 1)));
        assert!(!on.contains("\nA,") && on.contains("\nB,"));
        let json = serde_json::to_value(list.view(None)).unwrap();
        assert_eq!(json["codes"][0]["valid_to"], "2024-12-31");
        assert_eq!(json["codes"][1].get("valid_to"), None);
    }

    #[test]
    fn every_fault_is_named_with_its_line() {
        let text = format!(
            "{HEADER}A,ก,,,,,,,,\nB, ข,Kha,,2020-02-30,,,,,\nC,ค,Kho,,2021-01-01,2020-01-01,Z,,,\nD,ง\nE,จ,Cho,w,,,Q,,,\nF,ฉ,Ch,w,,,,,,\n"
        );
        let faults = CodeList::read_csv("letters", &text).unwrap_err();
        let said: Vec<String> = faults.iter().map(ToString::to_string).collect();
        for wanted in [
            "line 2: label_en is missing",
            "line 3: label_th: blanks around « ข»",
            "line 3: valid_from: «2020-02-30» is not a date such as 2026-06-10",
            "line 4: valid_to is before valid_from",
            "line 5: 2 cells where 10 belong",
            "line 6: replaced_by: Q is not a code of this list",
            "line 7: «w» stands for both E and F",
        ] {
            assert!(said.iter().any(|message| message == wanted), "{wanted} not in {said:#?}");
        }
        assert!(CodeList::read_csv("x", "code,label\nA,b\n").is_err());
        assert!(CodeList::read_csv("x", "").is_err());
    }

    #[test]
    fn the_version_follows_the_content() {
        assert_eq!(content_version(""), "cbf29ce484222325");
        assert_eq!(content_version("a"), "af63dc4c8601ec8c");
    }

    fn school(id: &str, smis: Option<&str>) -> School {
        School {
            school_id: id.into(),
            smis: smis.map(Into::into),
            agency: AgencyCode::parse("obec").unwrap(),
            name_th: "โรงเรียนทดสอบ".into(),
            name_en: None,
            subdistrict: None,
            latitude: None,
            longitude: None,
            status: "open".into(),
            opened_on: None,
            closed_on: None,
        }
    }

    #[test]
    fn a_directory_has_names_and_last_days_and_a_shared_name_finds_nobody() {
        let mut closed = school("1020000002", None);
        closed.closed_on = Some(jiff::civil::date(2026, 6, 1));
        let list = school_directory(&[school("1020000001", None), closed], "register.7");
        assert_eq!((list.version(), list.find("โรงเรียนทดสอบ")), ("register.7", None));
        let shared = ["1020000001", "1020000002"].map(|id| school(id, Some("20060002")));
        assert_eq!(school_directory(&shared, "").find("20060002"), None);
        assert_eq!(list.entries()[0].label.th, "โรงเรียนทดสอบ");
        let on = |day| list.codes_on(Some(jiff::civil::date(2026, 5, day))).count();
        assert_eq!((on(31), list.codes_on(Some(jiff::civil::date(2026, 6, 1))).count()), (2, 1));
    }
}
