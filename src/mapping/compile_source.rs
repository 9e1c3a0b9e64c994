//! The mapping's `source` and `ignore`: what the decoder is told of the file.
//!
//! Owns the words of formats, encodings and delimiters, and what a format needs said (`records`). Refuses a
//! column that is both mapped and ignored, or ignored twice: one of the two is a mistake.

use super::compile::Compiler;
use super::document::Document;
use super::fault::did_you_mean;
use crate::decode::spec::Encoding;
use crate::decode::{Format, SourceSpec, Wanted};
use std::collections::{BTreeMap, HashMap};

impl Compiler<'_> {
    pub(super) fn source(&mut self, document: &Document) -> Option<SourceSpec> {
        let source = &document.source;
        let Some(format) = &source.format else {
            self.faults.say(source.at, "source has no format: csv, json, ndjson, xml or xlsx");
            return None;
        };
        let Some(kind) = Format::parse(&format.value) else {
            let hint = did_you_mean(&format.value, ["csv", "json", "ndjson", "xml", "xlsx"].into_iter());
            self.faults.say(format.at, format!("\"{}\" is not a format{hint}", format.value));
            return None;
        };
        let mut encodings = Vec::new();
        for encoding in &source.encodings {
            match encoding.value.to_ascii_lowercase().as_str() {
                "utf-8" => encodings.push(Encoding::Utf8),
                "windows-874" | "tis-620" | "cp874" => encodings.push(Encoding::Windows874),
                "utf-16" => encodings.push(Encoding::Utf16),
                other => {
                    let hint = did_you_mean(other, ["utf-8", "windows-874", "utf-16"].into_iter());
                    self.faults.say(encoding.at, format!("\"{other}\" is not an encoding we read{hint}"));
                }
            }
        }
        if encodings.is_empty() {
            encodings = vec![Encoding::Utf8, Encoding::Utf16];
        }
        if source.records.is_none() && matches!(kind, Format::Json | Format::Xml) {
            self.faults.say(source.at, "json and xml need \"records\": where in the file the records are");
        }
        let delimiter = match source.delimiter.as_ref().map(|text| (text.at, text.value.as_bytes())) {
            None => b',',
            Some((_, b"\\t" | b"tab")) => b'\t',
            Some((_, [one])) if one.is_ascii() && *one != b'"' && *one != b'\n' => *one,
            Some((at, _)) => {
                self.faults.say(at, "a delimiter is one character such as \",\" or \";\", or tab");
                b','
            }
        };
        self.check_ignored(document);
        let namespaces: BTreeMap<String, String> =
            source.namespaces.iter().map(|(prefix, uri)| (prefix.value.clone(), uri.value.clone())).collect();
        Some(SourceSpec {
            format: kind,
            encodings,
            delimiter,
            header_row: source.header_row.as_ref().map(|row| row.value),
            sheet: source.sheet.as_ref().map(|sheet| sheet.value.clone()),
            records: source.records.as_ref().map(|records| records.value.clone()),
            namespaces,
            wanted: std::mem::take(&mut self.wanted),
            ignore: document.ignore.iter().map(|name| name.value.clone()).collect(),
            document: std::mem::take(&mut self.documents),
        })
    }

    fn check_ignored(&mut self, document: &Document) {
        let mut seen: HashMap<&str, ()> = HashMap::new();
        for name in &document.ignore {
            if self.slots.contains_key(&Wanted::Name(name.value.clone())) {
                self.faults.say(name.at, format!("\"{}\" is both mapped and ignored", name.value));
            }
            if seen.insert(&name.value, ()).is_some() {
                self.faults.say(name.at, format!("\"{}\" is ignored twice", name.value));
            }
        }
    }
}
