//! Opening a file: encoding over the whole of it, then its head, then its first block.
//!
//! Owns the order of these. Refuses a file without a single row, and a file in whose first block none
//! of the wanted fields occurs: the mapping is the wrong one, and said to be.

use super::charset::{self, Charset, Verdict};
use super::csv::{CsvParser, CsvPlan};
use super::json::{JsonParser, JsonPlan};
use super::json_split::{JsonSource, LineSource};
use super::notices::Notices;
use super::stream::{self, ByteStream};
use super::xlsx::{Sheet, XlsxSource};
use super::xml::{XmlPlan, XmlSource};
use super::xml_parse::{ParsedAlready, XmlParser};
use super::{
    Block, BlockParser, BlockSource, DecodeError, Detail, Format, Input, Limits, Opened, RowBatch, SourceSpec,
    csv_split, kind,
};
use crate::domain::rule::{COL_MISSING, FMT_EMPTY};
use std::sync::Arc;

/// Opens an input as its mapping describes it: reads it once for its encoding, on as many cores as given, and its head.
pub fn open(input: &Arc<dyn Input>, spec: &SourceSpec, limits: &Limits, cores: usize) -> Result<Opened, DecodeError> {
    if input.is_empty() {
        return Err(DecodeError::refused(FMT_EMPTY, "file", Detail::NothingInIt));
    }
    kind::refuse_another(input, spec.format, limits)?;
    let opened = match spec.format {
        Format::Csv => open_csv(input, spec, limits, cores)?,
        Format::Json => open_json(input, spec, limits, cores)?,
        Format::Ndjson => open_lines(input, spec, limits, cores)?,
        Format::Xml => open_xml(input, spec, limits, cores)?,
        Format::Xlsx => open_xlsx(input, spec, limits)?,
    };
    with_first_block(opened, spec)
}

/// The stream and what the whole of it said about its encoding.
pub(crate) fn decided(
    input: &Arc<dyn Input>,
    spec: &SourceSpec,
    limits: &Limits,
    cores: usize,
) -> Result<(ByteStream, Verdict), DecodeError> {
    let verdict = charset::detect(input, &spec.encodings, limits, cores)?;
    Ok((stream::open_stream(input, limits)?, verdict))
}

fn open_csv(input: &Arc<dyn Input>, spec: &SourceSpec, limits: &Limits, cores: usize) -> Result<Opened, DecodeError> {
    let (stream, verdict) = decided(input, spec, limits, cores)?;
    let gzip = stream.gzip;
    let (source, mut head, _) = csv_split::open(stream, verdict, spec, limits)?;
    let unmapped = std::mem::take(&mut head.columns.unmapped);
    let missing = std::mem::take(&mut head.columns.missing);
    let plan = CsvPlan::new(head.dialect, head.columns, verdict, limits);
    Ok(Opened {
        encoding: verdict.charset.as_str(),
        gzip,
        unmapped,
        missing,
        document: vec![None; spec.document.len()],
        notices: Notices::default(),
        source: Box::new(source),
        parser: Arc::new(CsvParser(Arc::new(plan))),
    })
}

fn open_json(input: &Arc<dyn Input>, spec: &SourceSpec, limits: &Limits, cores: usize) -> Result<Opened, DecodeError> {
    let (stream, verdict) = decided(input, spec, limits, cores)?;
    let gzip = stream.gzip;
    let source = JsonSource::open(stream, verdict, spec, limits)?;
    let document = match source.head_values(&spec.document) {
        Some(values) => values,
        // They stand after the records: the file is read once more for them.
        None => {
            let again = stream::open_stream(input, limits)?;
            JsonSource::open(again, verdict, spec, limits)?.all_values(&spec.document)?
        }
    };
    let notices = source.notices.clone();
    Ok(Opened { notices, ..opened_json(verdict, gzip, document, Box::new(source), spec, limits) })
}

fn open_lines(input: &Arc<dyn Input>, spec: &SourceSpec, limits: &Limits, cores: usize) -> Result<Opened, DecodeError> {
    let (stream, verdict) = decided(input, spec, limits, cores)?;
    let gzip = stream.gzip;
    let source = LineSource::open(stream, verdict, limits)?;
    Ok(opened_json(verdict, gzip, vec![None; spec.document.len()], Box::new(source), spec, limits))
}

fn opened_json(
    verdict: Verdict,
    gzip: bool,
    document: Vec<Option<String>>,
    source: Box<dyn BlockSource>,
    spec: &SourceSpec,
    limits: &Limits,
) -> Opened {
    let plan = JsonPlan::new(spec, verdict, limits);
    Opened {
        encoding: verdict.charset.as_str(),
        gzip,
        unmapped: Vec::new(),
        missing: Vec::new(),
        document,
        notices: Notices::default(),
        source,
        parser: Arc::new(JsonParser(Arc::new(plan))),
    }
}

fn open_xml(input: &Arc<dyn Input>, spec: &SourceSpec, limits: &Limits, cores: usize) -> Result<Opened, DecodeError> {
    let (stream, verdict) = decided(input, spec, limits, cores)?;
    let (gzip, position) = (stream.gzip, stream.position.clone());
    let plan = Arc::new(XmlPlan::new(spec, verdict.charset, limits));
    let documents = spec.document.len();
    let reader = charset::text_stream(stream.reader, verdict)?;
    let mut source = XmlSource::open(reader, position, plan.clone(), documents);
    // The head is read with the first block; the records go on from there.
    let mut first = Block::default();
    source.next(&mut first)?;
    let document = if source.document().iter().all(Option::is_some) {
        source.document().to_vec()
    } else {
        let again = stream::open_stream(input, limits)?;
        let position = again.position.clone();
        let reader = charset::text_stream(again.reader, verdict)?;
        XmlSource::open(reader, position, plan.clone(), documents).all_values()?
    };
    Ok(Opened {
        encoding: verdict.charset.as_str(),
        gzip,
        unmapped: Vec::new(),
        missing: Vec::new(),
        document,
        notices: Notices::default(),
        source: Box::new(Begun { first: Some(first).filter(|first| first.rows > 0), rest: Box::new(source) }),
        parser: Arc::new(XmlParser(plan)),
    })
}

fn open_xlsx(input: &Arc<dyn Input>, spec: &SourceSpec, limits: &Limits) -> Result<Opened, DecodeError> {
    let mut sheet = Sheet::open(input, spec, limits)?;
    let unmapped = std::mem::take(&mut sheet.columns.unmapped);
    let missing = std::mem::take(&mut sheet.columns.missing);
    let notices = Notices::default();
    for unread in sheet.unread(spec, limits) {
        notices.unread(&unread, &sheet.name);
    }
    let source = XlsxSource::new(sheet, spec, limits);
    Ok(Opened {
        // A workbook's parts are UTF-8 whatever the mapping says.
        encoding: Charset::Utf8.as_str(),
        gzip: false,
        unmapped,
        missing,
        document: source.document(spec),
        notices,
        source: Box::new(source),
        parser: Arc::new(ParsedAlready),
    })
}

/// A source whose first block was read when the file was opened.
struct Begun {
    first: Option<Block>,
    rest: Box<dyn BlockSource>,
}

impl BlockSource for Begun {
    fn next(&mut self, block: &mut Block) -> Result<bool, DecodeError> {
        match self.first.take() {
            Some(first) => {
                *block = first;
                Ok(true)
            }
            None => self.rest.next(block),
        }
    }

    fn position(&self) -> u64 {
        self.rest.position()
    }

    fn blank_rows(&self) -> u64 {
        self.rest.blank_rows()
    }
}

fn with_first_block(mut opened: Opened, spec: &SourceSpec) -> Result<Opened, DecodeError> {
    let mut first = Block::default();
    if !opened.source.next(&mut first)? || first.rows == 0 {
        return Err(DecodeError::refused(FMT_EMPTY, "file", Detail::NoRecord));
    }
    if matches!(spec.format, Format::Json | Format::Ndjson | Format::Xml) {
        refuse_wrong_mapping(&mut first, opened.parser.as_ref(), spec)?;
    }
    opened.source = Box::new(Begun { first: Some(first), rest: opened.source });
    Ok(opened)
}

fn refuse_wrong_mapping(first: &mut Block, parser: &dyn BlockParser, spec: &SourceSpec) -> Result<(), DecodeError> {
    let mut parsed = RowBatch::new(spec.wanted.len());
    let batch = match &first.batch {
        Some(batch) => batch,
        None => {
            parser.worker().parse(first, &mut parsed)?;
            &parsed
        }
    };
    if spec.wanted.is_empty() || batch.is_any_set() || batch.unknown_names().is_empty() {
        return Ok(());
    }
    let expected: Vec<&str> = spec.wanted.iter().filter_map(|wanted| wanted.name()).take(8).collect();
    let found: Vec<&str> = batch.unknown_names().iter().map(|name| &**name).take(8).collect();
    let detail = Detail::NoneOfFields(expected.join(", "), found.join(", "));
    Err(DecodeError::refused(COL_MISSING, "row 1", detail))
}
