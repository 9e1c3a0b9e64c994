//! Text that we add: in the sender's encoding, and never a formula.
//!
//! Owns the way back from text to bytes. A letter the sender's encoding lacks becomes `?`.
#![expect(clippy::disallowed_methods, reason = "the sender's own bytes go back; what they say was judged before")]

use super::RefusedRow;
use crate::decode::charset::{Charset, Verdict};
use encoding_rs::WINDOWS_874;
use std::io::{self, Write};

/// A cell that a spreadsheet can't take for a formula.
pub(super) fn safe_cell(text: &str) -> String {
    match text.starts_with(['=', '+', '-', '@', '\t', '\r']) {
        true => format!("'{text}"),
        false => text.to_owned(),
    }
}

/// Both languages in one cell, Thai first.
pub(super) fn reasons(refused: &RefusedRow) -> String {
    match (refused.reasons_th.is_empty(), refused.reasons_en.is_empty()) {
        (false, false) => format!("{} / {}", refused.reasons_th, refused.reasons_en),
        (true, _) => refused.reasons_en.clone(),
        (false, true) => refused.reasons_th.clone(),
    }
}

/// A writer in the sender's encoding.
pub(super) struct Encoded<'a> {
    out: &'a mut dyn Write,
    charset: Charset,
}

impl<'a> Encoded<'a> {
    /// Writes the byte-order mark, if the sender's file had one.
    pub(super) fn new(out: &'a mut dyn Write, verdict: Verdict) -> io::Result<Self> {
        let mut encoded = Encoded { out, charset: verdict.charset };
        if verdict.bom_bytes > 0 {
            encoded.text("\u{feff}")?;
        }
        Ok(encoded)
    }

    pub(super) fn text(&mut self, text: &str) -> io::Result<()> {
        match self.charset {
            Charset::Utf8 => self.out.write_all(text.as_bytes()),
            Charset::Windows874 => self.out.write_all(&windows_874(text)),
            Charset::Utf16Le => {
                self.out.write_all(&text.encode_utf16().flat_map(u16::to_le_bytes).collect::<Vec<u8>>())
            }
            Charset::Utf16Be => {
                self.out.write_all(&text.encode_utf16().flat_map(u16::to_be_bytes).collect::<Vec<u8>>())
            }
        }
    }

    /// The sender's own bytes, as the decoder holds them: UTF-16 was turned into UTF-8 on the way in.
    pub(super) fn own(&mut self, bytes: &[u8]) -> io::Result<()> {
        match self.charset {
            Charset::Utf8 | Charset::Windows874 => self.out.write_all(bytes),
            Charset::Utf16Le | Charset::Utf16Be => self.text(&String::from_utf8_lossy(bytes)),
        }
    }
}

fn windows_874(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut buffer = [0; 4];
    for letter in text.chars() {
        if letter.is_ascii() {
            bytes.push(letter as u8);
            continue;
        }
        let (encoded, _, has_failed) = WINDOWS_874.encode(letter.encode_utf8(&mut buffer));
        bytes.extend_from_slice(if has_failed { b"?" } else { &encoded });
    }
    bytes
}
