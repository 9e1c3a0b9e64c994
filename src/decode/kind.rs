//! What kind of file the first bytes show, held against the kind the mapping takes.
//!
//! Owns the signs of each kind and the sentence that names both. Refuses a file only by a sign that no file of the wanted
//! kind can bear; where nothing tells, the decoder of the wanted kind has the word. It comes before any look at the
//! encoding: advice on encodings helps nobody whose file is of another kind.

use super::stream::{self, read_full};
use super::xlsx_package::{OLE_MAGIC, ZIP_MAGIC};
use super::{DecodeError, Detail, Format, Input, Limits};
use crate::domain::rule::FMT_MALFORMED;
use std::borrow::Cow;
use std::sync::Arc;

const HEAD_BYTES: usize = 512;
const UTF8_MARK: &[u8] = b"\xef\xbb\xbf";

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Kind {
    Zip,
    OldWorkbook,
    Pdf,
    Page,
    Xml,
    Json,
    Table,
}

impl Kind {
    /// None: nothing tells.
    fn of(head: &[u8], text: &[u8]) -> Option<Kind> {
        if head.starts_with(ZIP_MAGIC) {
            return Some(Kind::Zip);
        }
        if head.starts_with(&OLE_MAGIC) {
            return Some(Kind::OldWorkbook);
        }
        if head.starts_with(b"%PDF-") {
            return Some(Kind::Pdf);
        }
        match text {
            [] => None,
            _ if is_page(text) => Some(Kind::Page),
            [b'<', next, ..] if next.is_ascii_alphabetic() || matches!(next, b'?' | b'!' | b'_') => Some(Kind::Xml),
            [b'{', rest @ ..] if matches!(rest.trim_ascii_start(), [b'"' | b'}', ..]) => Some(Kind::Json),
            [b'[', rest @ ..] if matches!(rest.trim_ascii_start(), [b'{' | b'[' | b'"', ..]) => Some(Kind::Json),
            _ if text.iter().any(|byte| byte.is_ascii_control() && !byte.is_ascii_whitespace()) => None,
            _ => Some(Kind::Table),
        }
    }

    fn said(self) -> (&'static str, &'static str) {
        match self {
            Kind::Zip => ("สมุดงาน Excel (.xlsx) หรือไฟล์ ZIP", "an Excel workbook (.xlsx) or a ZIP file"),
            Kind::OldWorkbook => {
                ("สมุดงาน Excel แบบเก่า (.xls) หรือที่มีรหัสผ่าน", "an old Excel workbook (.xls), or one with a password")
            }
            Kind::Pdf => ("PDF", "PDF"),
            Kind::Page => ("หน้าเว็บ (HTML)", "a web page (HTML)"),
            Kind::Xml => ("XML", "XML"),
            Kind::Json => ("JSON", "JSON"),
            Kind::Table => ("ตารางข้อความอย่าง CSV", "a table of text such as CSV"),
        }
    }
}

/// Web systems like to name such a page `.xls`.
fn is_page(text: &[u8]) -> bool {
    [&b"<!doctype html"[..], b"<html", b"<head", b"<meta", b"<table"]
        .iter()
        .any(|sign| text.get(..sign.len()).is_some_and(|head| head.eq_ignore_ascii_case(sign)))
}

fn wanted_said(format: Format) -> (&'static str, &'static str) {
    match format {
        Format::Csv => ("CSV", "CSV"),
        Format::Json => ("JSON", "JSON"),
        Format::Ndjson => ("NDJSON (JSON บรรทัดละระเบียน)", "NDJSON (a JSON record a line)"),
        Format::Xml => ("XML", "XML"),
        Format::Xlsx => ("สมุดงาน Excel (.xlsx)", "an Excel workbook (.xlsx)"),
    }
}

/// Refuses a file that is plainly of another kind than the mapping takes, and says which and which.
pub(super) fn refuse_another(input: &Arc<dyn Input>, format: Format, limits: &Limits) -> Result<(), DecodeError> {
    let mut head = [0; HEAD_BYTES];
    let had = read_full(&mut stream::open_stream(input, limits)?.reader, &mut head)?;
    match another(&head[..had], format) {
        Some(detail) => Err(DecodeError::refused(FMT_MALFORMED, "byte 0", detail)),
        None => Ok(()),
    }
}

fn another(head: &[u8], format: Format) -> Option<Detail> {
    let text = as_text(head);
    let text = text.trim_ascii_start();
    let kind = Kind::of(head, text);
    let is_another = match (format, kind) {
        (Format::Xlsx, Some(Kind::Zip | Kind::OldWorkbook)) | (Format::Csv, Some(Kind::Table)) => false,
        (Format::Xml, Some(Kind::Page)) => true,
        (Format::Xml, _) if text.starts_with(b"<") => false,
        (Format::Json | Format::Ndjson, _) if text.starts_with(b"{") || text.starts_with(b"[") => false,
        // Nothing before its first tag: not even the encoding need be known. A NUL is UTF-16 without its mark.
        (Format::Xml, None) if !text.is_empty() && !text.starts_with(b"\0") => return Some(Detail::NotXml),
        (_, kind) => kind.is_some(),
    };
    let ((found_th, found_en), (wanted_th, wanted_en)) = (kind?.said(), wanted_said(format));
    is_another.then_some(Detail::AnotherKind(found_th, wanted_th, found_en, wanted_en))
}

/// The head without its mark, and UTF-16 with one as UTF-8: signs are looked for in ASCII.
fn as_text(head: &[u8]) -> Cow<'_, [u8]> {
    let units = |rest: &[u8], unit: fn([u8; 2]) -> u16| {
        let units = rest.chunks_exact(2).map(|pair| unit([pair[0], pair[1]]));
        let letters = char::decode_utf16(units).map(|letter| letter.unwrap_or(char::REPLACEMENT_CHARACTER));
        Cow::Owned(letters.collect::<String>().into_bytes())
    };
    match head {
        [0xff, 0xfe, rest @ ..] => units(rest, u16::from_le_bytes),
        [0xfe, 0xff, rest @ ..] => units(rest, u16::from_be_bytes),
        _ => Cow::Borrowed(head.strip_prefix(UTF8_MARK).unwrap_or(head)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: [Format; 5] = [Format::Csv, Format::Json, Format::Ndjson, Format::Xml, Format::Xlsx];

    #[test]
    fn a_file_of_its_own_kind_is_let_through() {
        let utf16: Vec<u8> = "\u{feff}ก,ข\r\n".encode_utf16().flat_map(u16::to_le_bytes).collect();
        for (format, head) in [
            (Format::Csv, &b"a,b\n1,2\n"[..]),
            (Format::Csv, b"[report] of schools\na,b\n"),
            (Format::Csv, "<รายงาน>\na,b\n".as_bytes()),
            (Format::Csv, b"a\0b"),
            (Format::Csv, b"\xe0\xb4\xe7\xa1,\xaa\r\n"),
            (Format::Csv, &utf16),
            (Format::Json, b" \r\n{ \"a\": 1}"),
            (Format::Json, b"\xef\xbb\xbf[1"),
            (Format::Ndjson, b"{\"a\":1}\n"),
            (Format::Xml, "<นักเรียน/>".as_bytes()),
            (Format::Xml, b"<x/>"),
            (Format::Xml, b"<\0x\0/\0>\0"),
            (Format::Xlsx, b"PK\x03\x04\x14"),
            (Format::Xlsx, b"\xd0\xcf\x11\xe0"),
            (Format::Xlsx, b"PK\x05\x06\0\0"),
        ] {
            assert_eq!(another(head, format), None, "{format:?} {head:?}");
        }
        for format in ALL {
            assert_eq!(another(b"", format), None);
            assert_eq!(another(b"   ", format), None);
        }
    }

    #[test]
    fn a_file_of_another_kind_is_told_what_it_looks_like_and_what_is_wanted() {
        for (head, looks, kinds) in [
            (&b"PK\x03\x04\x14"[..], "an Excel workbook (.xlsx) or a ZIP file", &ALL[..4]),
            (b"\xd0\xcf\x11\xe0", "an old Excel workbook (.xls), or one with a password", &ALL[..4]),
            (b"%PDF-1.7", "PDF", &ALL),
            (b"\n<TABLE border=1><tr>", "a web page (HTML)", &ALL[..1]),
            (b"<html>", "a web page (HTML)", &ALL),
            (b"\xef\xbb\xbf<?xml version=\"1.0\"?>", "XML", &[Format::Csv, Format::Json, Format::Ndjson, Format::Xlsx]),
            (b"\xff\xfe<\0?\0x\0m\0l\0", "XML", &[Format::Csv, Format::Json, Format::Ndjson, Format::Xlsx]),
            (b"[ {\"a\":1}]", "JSON", &[Format::Csv, Format::Xml, Format::Xlsx]),
            (b"\xc3\xcb\xd1\xca,a\r\n", "a table of text such as CSV", &ALL[1..]),
        ] {
            for format in kinds {
                let said = another(head, *format).unwrap_or_else(|| panic!("{format:?} {looks}")).said();
                let wanted = wanted_said(*format).1;
                assert_eq!(said.en, format!("it looks like {looks}; the mapping takes {wanted}"));
            }
        }
        assert_eq!(another(b"\x89\x01", Format::Xml), Some(Detail::NotXml));
    }
}
