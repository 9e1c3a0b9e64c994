//! Which encoding a file is in, decided over the whole of it, and the way from its bytes to text.
//!
//! Owns the decision (byte-order mark, strict UTF-8, UTF-8 with a few broken bytes, windows-874) and
//! the decoding. Refuses to decide by a sample, by a cell, or by likelihood: the same bytes can be good
//! text in two encodings, so a file has one. What means nothing becomes U+FFFD and is a fault of its row.
#![expect(
    clippy::disallowed_methods,
    reason = "broken bytes become U+FFFD here, which the caller turns into a finding"
)]

use super::scan::Scan;
use super::stream::{self, Bytes};
use super::{DecodeError, Detail, Encoding, Input, Limits, MemoryInput};
use crate::domain::rule::ENC_FILE;
use encoding_rs::{CoderResult, Decoder, UTF_8, UTF_16BE, UTF_16LE, WINDOWS_874};
use std::io::{self, Read};
use std::sync::Arc;

const CHUNK: usize = 256 << 10;
/// What tells a byte-order mark, or UTF-16 without one.
const HEAD_BYTES: usize = 1024;
const UTF8_BOM: &[u8] = &[0xef, 0xbb, 0xbf];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Charset {
    Utf8,
    Windows874,
    Utf16Le,
    Utf16Be,
}

impl Charset {
    const ALL: [Charset; 4] = [Charset::Utf8, Charset::Windows874, Charset::Utf16Le, Charset::Utf16Be];

    pub fn as_str(self) -> &'static str {
        match self {
            Charset::Utf8 => "utf-8",
            Charset::Windows874 => "windows-874",
            Charset::Utf16Le => "utf-16le",
            Charset::Utf16Be => "utf-16be",
        }
    }
}

/// What the whole file told.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Verdict {
    pub charset: Charset,
    pub bom_bytes: usize,
    /// Some bytes mean nothing in this encoding: rows must be looked at.
    pub is_dirty: bool,
}

/// Bytes that are undefined in windows-874 (its C1 holes, which web decoders let through, included).
#[inline]
pub(crate) fn is_undefined_874(byte: u8) -> bool {
    matches!(byte, 0x81..=0x84 | 0x86..=0x90 | 0x98..=0x9f | 0xdb..=0xde | 0xfc..=0xff)
}

/// Decides the encoding over the whole input, on as many cores as given, in constant memory.
pub fn detect(
    input: &Arc<dyn Input>,
    allowed: &[Encoding],
    limits: &Limits,
    cores: usize,
) -> Result<Verdict, DecodeError> {
    let mut head = [0; HEAD_BYTES];
    let had = stream::read_full(&mut stream::open_stream(input, limits)?.reader, &mut head)?;
    let (head, scan) = (&head[..had], Scan::new(input, limits, cores));
    if let Some((charset, bom_bytes)) = byte_order_mark(head) {
        let encoding = if charset == Charset::Utf8 { Encoding::Utf8 } else { Encoding::Utf16 };
        if !allowed.contains(&encoding) {
            return Err(DecodeError::refused(ENC_FILE, "byte 0", Detail::MarkNotAllowed(charset.as_str())));
        }
        let broken_at = if charset == Charset::Utf8 { scan.first_broken()? } else { None };
        if let Some(at) = broken_at
            && !scan.census()?.without_mark().is_nearly_utf8()
        {
            // Another program's mark before windows-874: read as UTF-8 every Thai letter would be lost.
            return Err(DecodeError::refused(ENC_FILE, format!("byte {at}"), Detail::MarkLies));
        }
        let is_dirty = charset != Charset::Utf8 || broken_at.is_some();
        return Ok(Verdict { charset, bom_bytes, is_dirty });
    }
    if looks_like_bare_utf16(head) {
        return Err(DecodeError::refused(ENC_FILE, "byte 0", Detail::BareUtf16));
    }
    let utf8_first = position(allowed, Encoding::Utf8) <= position(allowed, Encoding::Windows874);
    let clean = |charset| Ok(Verdict { charset, bom_bytes: 0, is_dirty: false });
    let broken_at = scan.first_broken()?;
    if broken_at.is_none() && allowed.contains(&Encoding::Utf8) && utf8_first {
        return clean(Charset::Utf8);
    }
    let census = scan.census()?;
    for encoding in allowed {
        match encoding {
            Encoding::Utf8 if broken_at.is_none() => return clean(Charset::Utf8),
            Encoding::Utf8 if census.is_nearly_utf8() => {
                return Ok(Verdict { charset: Charset::Utf8, bom_bytes: 0, is_dirty: true });
            }
            Encoding::Windows874 if census.undefined == 0 => return clean(Charset::Windows874),
            _ => {}
        }
    }
    if allowed.contains(&Encoding::Windows874) && census.undefined.saturating_mul(10) < census.high {
        return Ok(Verdict { charset: Charset::Windows874, bom_bytes: 0, is_dirty: true });
    }
    let tried: Vec<&str> = allowed.iter().map(name).collect();
    let place = format!("byte {}", broken_at.unwrap_or(0));
    Err(DecodeError::refused(ENC_FILE, place, Detail::NoEncoding(tried.join(", "))))
}

/// The verdict of an earlier look at the same bytes, by the name it gave; none: no encoding is called so. Whether some
/// bytes mean nothing is not remembered: they may.
pub(crate) fn known(input: &Arc<dyn Input>, name: &str, limits: &Limits) -> Result<Option<Verdict>, DecodeError> {
    let Some(charset) = Charset::ALL.into_iter().find(|charset| charset.as_str() == name) else { return Ok(None) };
    let mut head = [0; 3];
    let had = stream::read_full(&mut stream::open_stream(input, limits)?.reader, &mut head)?;
    let mark = byte_order_mark(&head[..had]).filter(|(marked, _)| *marked == charset);
    Ok(Some(Verdict { charset, bom_bytes: mark.map_or(0, |(_, bytes)| bytes), is_dirty: true }))
}

fn name(encoding: &Encoding) -> &'static str {
    match encoding {
        Encoding::Utf8 => "utf-8",
        Encoding::Windows874 => "windows-874",
        Encoding::Utf16 => "utf-16 with byte-order mark",
    }
}

fn position(allowed: &[Encoding], of: Encoding) -> usize {
    allowed.iter().position(|encoding| *encoding == of).unwrap_or(usize::MAX)
}

fn byte_order_mark(head: &[u8]) -> Option<(Charset, usize)> {
    if head.starts_with(UTF8_BOM) {
        Some((Charset::Utf8, 3))
    } else if head.starts_with(&[0xff, 0xfe]) {
        Some((Charset::Utf16Le, 2))
    } else if head.starts_with(&[0xfe, 0xff]) {
        Some((Charset::Utf16Be, 2))
    } else {
        None
    }
}

fn looks_like_bare_utf16(head: &[u8]) -> bool {
    head.len() >= 8 && head.iter().filter(|byte| **byte == 0).count() * 5 > head.len()
}

/// The whole input as one text: for previews, heads of files and tests. Refuses what has a broken byte.
pub fn decode_whole(bytes: &[u8]) -> Result<String, DecodeError> {
    let input = MemoryInput::shared(bytes);
    let verdict = detect(&input, &[Encoding::Utf8, Encoding::Windows874, Encoding::Utf16], &Limits::default(), 1)?;
    let mut text = String::new();
    let mut reader = text_stream(input.open().map(|reader| Box::new(reader) as Bytes)?, verdict)?;
    reader.read_to_string(&mut text)?;
    if is_broken(&text, verdict.charset) {
        return Err(DecodeError::refused(ENC_FILE, "byte 0", Detail::UndefinedIn(verdict.charset.as_str())));
    }
    Ok(text)
}

/// Whether a decoded value has lost letters: U+FFFD, or a C1 control where windows-874 has a hole.
pub(crate) fn is_broken(text: &str, charset: Charset) -> bool {
    let bytes = text.as_bytes();
    memchr::memmem::find(bytes, "\u{fffd}".as_bytes()).is_some()
        || (charset == Charset::Windows874
            && memchr::memchr_iter(0xc2, bytes).any(|at| bytes.get(at + 1).is_some_and(|byte| *byte < 0xa0)))
}

/// Decodes a piece that stands on character borders (a record, a cell, a head).
pub(crate) fn decode_piece<'a>(bytes: &'a [u8], charset: Charset) -> std::borrow::Cow<'a, str> {
    match charset {
        Charset::Windows874 => WINDOWS_874.decode_without_bom_handling(bytes).0,
        // UTF-16 is turned into UTF-8 while it is read.
        _ => String::from_utf8_lossy(bytes),
    }
}

/// The stream without its byte-order mark, with UTF-16 turned into UTF-8; other bytes as they are.
pub(crate) fn record_stream(mut reader: Bytes, verdict: Verdict) -> io::Result<Bytes> {
    let mut mark = [0; 3];
    stream::read_full(&mut reader, &mut mark[..verdict.bom_bytes])?;
    Ok(match verdict.charset {
        Charset::Utf8 | Charset::Windows874 => reader,
        Charset::Utf16Le => Box::new(Transcoded::new(reader, UTF_16LE.new_decoder_without_bom_handling())),
        Charset::Utf16Be => Box::new(Transcoded::new(reader, UTF_16BE.new_decoder_without_bom_handling())),
    })
}

/// The stream as UTF-8 whatever it was; what meant nothing is U+FFFD.
pub(crate) fn text_stream(reader: Bytes, verdict: Verdict) -> io::Result<Bytes> {
    let reader = record_stream(reader, verdict)?;
    Ok(match verdict.charset {
        Charset::Windows874 => Box::new(Transcoded::new(reader, WINDOWS_874.new_decoder_without_bom_handling())),
        Charset::Utf8 if verdict.is_dirty => {
            Box::new(Transcoded::new(reader, UTF_8.new_decoder_without_bom_handling()))
        }
        _ => reader,
    })
}

struct Transcoded {
    inner: Bytes,
    decoder: Decoder,
    raw: Vec<u8>,
    raw_at: usize,
    text: Vec<u8>,
    text_at: usize,
    is_ended: bool,
    is_finished: bool,
}

impl Transcoded {
    fn new(inner: Bytes, decoder: Decoder) -> Self {
        Transcoded {
            inner,
            decoder,
            raw: Vec::new(),
            raw_at: 0,
            text: Vec::new(),
            text_at: 0,
            is_ended: false,
            is_finished: false,
        }
    }

    fn fill(&mut self) -> io::Result<()> {
        self.text_at = 0;
        self.text.resize(CHUNK, 0);
        let mut written = 0;
        while written == 0 {
            if self.raw_at == self.raw.len() && !self.is_ended {
                self.raw.clear();
                self.raw_at = 0;
                self.is_ended = !stream::read_more(&mut self.inner, &mut self.raw, CHUNK / 4)?;
            }
            let (result, read, wrote, _) =
                self.decoder.decode_to_utf8(&self.raw[self.raw_at..], &mut self.text, self.is_ended);
            self.raw_at += read;
            written = wrote;
            if result == CoderResult::InputEmpty && self.is_ended {
                self.is_finished = true;
                break;
            }
        }
        self.text.truncate(written);
        Ok(())
    }
}

impl Read for Transcoded {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        while self.text_at == self.text.len() {
            if self.is_finished {
                return Ok(0);
            }
            self.fill()?;
        }
        let ready = &self.text[self.text_at..];
        let take = ready.len().min(buffer.len());
        buffer[..take].copy_from_slice(&ready[..take]);
        self.text_at += take;
        Ok(take)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ALL: &[Encoding] = &[Encoding::Utf8, Encoding::Windows874, Encoding::Utf16];
    const THAI: &str = "เด็กชายทดสอบ,ระบบ\r\n";

    fn verdict(bytes: &[u8]) -> Result<Verdict, DecodeError> {
        detect(&MemoryInput::shared(bytes), ALL, &Limits::default(), 2)
    }

    fn windows_874(text: &str) -> Vec<u8> {
        WINDOWS_874.encode(text).0.into_owned()
    }

    /// The cases `decode_hex` of the ministry's collection of real files.
    #[test]
    fn observed_byte_strings_decode() {
        let cases = [
            ("e0b4e7a1aad2c2b7b4cacdba", Some("เด็กชายทดสอบ")),
            ("e0b980e0b894e0b987e0b881e0b88ae0b8b2e0b8a2e0b897e0b894e0b8aae0b8ade0b89a", Some("เด็กชายทดสอบ")),
            ("efbbbfe0b980e0b894e0b987e0b881e0b88ae0b8b2e0b8a2e0b897e0b894e0b8aae0b8ade0b89a", Some("เด็กชายทดสอบ")),
            ("fffe400e140e470e010e0a0e320e220e170e140e2a0e2d0e1a0e", Some("เด็กชายทดสอบ")),
            ("93b7b4cacdba94", Some("“ทดสอบ”")),
            ("b7b4cacdbaa0", Some("ทดสอบ")),
            ("dbdcdd", None),
        ];
        for (hex, expected) in cases {
            let bytes = data_encoding::HEXLOWER.decode(hex.as_bytes()).unwrap();
            let text = decode_whole(&bytes).ok();
            assert_eq!(text.as_deref().map(str::trim), expected, "{hex}");
        }
    }

    #[test]
    fn a_character_over_the_border_of_two_chunks_is_no_fault() {
        for shift in 0..3 {
            let text = format!("{}{}", "x".repeat(shift), "ก".repeat(CHUNK));
            assert!(!verdict(text.as_bytes()).unwrap().is_dirty);
            assert_eq!(decode_whole(text.as_bytes()).unwrap(), text);
        }
    }

    #[test]
    fn one_broken_byte_leaves_utf8_as_it_is_and_dirty() {
        let mut bytes = THAI.repeat(30_000).into_bytes();
        let at = bytes.len() - 20;
        bytes[at] = 0xff;
        assert_eq!(verdict(&bytes).unwrap(), Verdict { charset: Charset::Utf8, bom_bytes: 0, is_dirty: true });
    }

    #[test]
    fn thai_of_one_byte_is_windows_874_and_mixed_files_are_dirty() {
        let mut bytes = windows_874(&THAI.repeat(100));
        assert_eq!(verdict(&bytes).unwrap(), Verdict { charset: Charset::Windows874, bom_bytes: 0, is_dirty: false });
        bytes.extend(THAI.as_bytes());
        let mixed = verdict(&bytes).unwrap();
        assert_eq!((mixed.charset, mixed.is_dirty), (Charset::Windows874, true));
        assert!(is_broken(&decode_piece(THAI.as_bytes(), Charset::Windows874), Charset::Windows874));
        assert!(!is_broken(&decode_piece(&windows_874(THAI), Charset::Windows874), Charset::Windows874));
    }

    #[test]
    fn a_mark_of_utf8_before_another_encoding_is_refused_and_before_damaged_utf8_is_not() {
        let marked = |bytes: &[u8]| [UTF8_BOM, bytes].concat();
        match verdict(&marked(&windows_874(&THAI.repeat(3)))) {
            Err(DecodeError::Refused { rule, place, .. }) => assert_eq!((rule, place.as_str()), (ENC_FILE, "byte 3")),
            other => panic!("{other:?}"),
        }
        let header = [THAI.as_bytes(), &windows_874(&THAI.repeat(100))].concat();
        assert!(verdict(&marked(&header)).is_err(), "a header in UTF-8 alone does not make the file so");
        let mut damaged = marked(THAI.repeat(100).as_bytes());
        damaged[1000] = 0xff;
        assert!(verdict(&damaged).unwrap().is_dirty);
        assert!(!verdict(&marked(THAI.as_bytes())).unwrap().is_dirty);
    }

    #[test]
    fn utf16_is_taken_by_its_mark_only_and_only_where_allowed() {
        let le: Vec<u8> = THAI.encode_utf16().flat_map(u16::to_le_bytes).collect();
        let marked = [&[0xff, 0xfe], le.as_slice()].concat();
        assert_eq!(verdict(&marked).unwrap().charset, Charset::Utf16Le);
        assert!(detect(&MemoryInput::shared(marked), &[Encoding::Utf8], &Limits::default(), 2).is_err());
        let latin: Vec<u8> = "id,name\r\n1,2".encode_utf16().flat_map(u16::to_le_bytes).collect();
        assert!(verdict(&latin).is_err());
        let be: Vec<u8> = THAI.encode_utf16().flat_map(u16::to_be_bytes).collect();
        assert_eq!(decode_whole(&[&[0xfe, 0xff], be.as_slice()].concat()).unwrap(), THAI);
    }

    #[test]
    fn bytes_of_no_allowed_encoding_are_refused_with_their_place() {
        let bytes = [b"id,name\n1,".as_slice(), &windows_874("ทดสอบ")].concat();
        match detect(&MemoryInput::shared(bytes), &[Encoding::Utf8], &Limits::default(), 2) {
            Err(DecodeError::Refused { rule, place, .. }) => {
                assert_eq!((rule, place.as_str()), (ENC_FILE, "byte 10"));
            }
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn transcoding_whole_streams_equals_decoding_at_once() {
        let text = THAI.repeat(40_000);
        let bytes = windows_874(&text);
        let verdict = verdict(&bytes).unwrap();
        let mut out = String::new();
        text_stream(Box::new(io::Cursor::new(bytes)), verdict).unwrap().read_to_string(&mut out).unwrap();
        assert!(out == text);
    }
}
