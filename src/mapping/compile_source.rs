//! The mapping's `source` and `ignore`: what the decoder is told of the file.
//!
//! Owns the words of formats, encodings and delimiters, and what a format needs said (`records`). Refuses a
//! column that is both mapped and ignored, or ignored twice: one of the two is a mistake.

use super::compile::Compiler;
use super::document::{Document, Ignored, Reference};
use super::fault::did_you_mean;
use crate::decode::spec::Encoding;
use crate::decode::{Format, SourceSpec, Wanted};
use std::collections::{BTreeMap, HashSet};

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
        self.check_ignored(document, kind);
        if kind == Format::Xml {
            self.check_prefixes(document);
        }
        if self.wanted.is_empty() && !document.fields.is_empty() {
            let message = "no field takes anything from a record, so all records would be the same";
            self.faults.say(document.mapping.at, message);
        }
        let ignored = |pick: fn(&Ignored) -> Option<&String>| {
            document.ignore.iter().filter_map(|ignored| pick(&ignored.value)).cloned().collect()
        };
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
            ignore: ignored(|ignored| if let Ignored::Name(name) = ignored { Some(name) } else { None }),
            ignore_document: ignored(|ignored| if let Ignored::Document(path) = ignored { Some(path) } else { None }),
            ignore_sheets: ignored(|ignored| if let Ignored::Sheet(name) = ignored { Some(name) } else { None }),
            document: std::mem::take(&mut self.documents),
        })
    }

    /// Whether what is to be ignored can be there, and is not wanted as well.
    fn check_ignored(&mut self, document: &Document, format: Format) {
        let mut seen: HashSet<&Ignored> = HashSet::new();
        for ignored in &document.ignore {
            let (at, name) = (ignored.at, ignored.value.name());
            if !seen.insert(&ignored.value) {
                self.faults.say(at, format!("\"{name}\" is ignored twice"));
            }
            let is_mapped = match &ignored.value {
                Ignored::Name(name) => self.slots.contains_key(&Wanted::Name(name.clone())),
                Ignored::Document(path) => self.documents.iter().any(|taken| parts(taken) == parts(path)),
                Ignored::Sheet(sheet) => document.source.sheet.as_ref().is_some_and(|taken| taken.value == *sheet),
            };
            if is_mapped {
                self.faults.say(at, format!("\"{name}\" is both mapped and ignored"));
            }
            match (&ignored.value, format) {
                (Ignored::Document(_), Format::Json | Format::Xml) | (Ignored::Sheet(_), Format::Xlsx) => {}
                (Ignored::Name(_), _) => {}
                (Ignored::Document(_), _) => {
                    self.faults.say(at, "only json and xml have something outside the records to ignore");
                }
                (Ignored::Sheet(_), _) => self.faults.say(at, "only a workbook (xlsx) has sheets to ignore"),
            }
            if let (Ignored::Document(path), Some(records)) = (&ignored.value, &document.source.records) {
                // An XML path begins below the root, the path of the records at it.
                let below = if format == Format::Xml { 1 } else { 0 };
                let records: Vec<&str> = parts(&records.value).into_iter().skip(below).collect();
                if records.starts_with(&parts(path)) {
                    self.faults.say(at, format!("the records stand under \"{path}\", so it can't be ignored"));
                }
            }
        }
    }
}

impl Compiler<'_> {
    /// A prefix that stands for no namespace would match nothing, without a word.
    fn check_prefixes(&mut self, document: &Document) {
        let mut references = Vec::new();
        document.fields.iter().for_each(|field| field.expression.references(&mut references));
        let named = references.into_iter().filter_map(|reference| match &reference.value {
            Reference::Name(path) | Reference::Document(path) => Some((reference.at, path.as_str())),
            Reference::Position(_) => None,
        });
        let ignored = document.ignore.iter().map(|ignored| (ignored.at, ignored.value.name()));
        let records = document.source.records.iter().map(|records| (records.at, records.value.as_str()));
        let known: Vec<&str> = document.source.namespaces.iter().map(|(prefix, _)| prefix.value.as_str()).collect();
        for (at, path) in named.chain(ignored).chain(records) {
            let prefixes = parts(path).into_iter().filter_map(|part| part.trim_start_matches('@').split_once(':'));
            if let Some((prefix, _)) = prefixes.into_iter().find(|(prefix, _)| !known.contains(prefix)) {
                let hint = did_you_mean(prefix, known.iter().copied());
                self.faults.say(at, format!("the prefix \"{prefix}\" of {path} is not among the namespaces{hint}"));
            }
        }
    }
}

fn parts(path: &str) -> Vec<&str> {
    path.split('/').filter(|part| !part.is_empty()).collect()
}
