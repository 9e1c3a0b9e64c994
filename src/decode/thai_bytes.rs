//! windows-874 to UTF-8 by table, cell by cell.
//!
//! Owns the hot path of the commonest encoding: a cell is six bytes, for which a general decoder's
//! call costs more than its work. The table is made from the general decoder, so the two can't differ.

use encoding_rs::WINDOWS_874;
use std::sync::LazyLock;

/// UTF-8 of each byte, and its length in the last place.
static TABLE: LazyLock<[[u8; 4]; 256]> = LazyLock::new(|| {
    let mut table = [[0; 4]; 256];
    for (byte, entry) in table.iter_mut().enumerate() {
        let single = [byte as u8];
        let text = WINDOWS_874.decode_without_bom_handling(&single).0;
        let bytes = text.as_bytes();
        entry[..bytes.len()].copy_from_slice(bytes);
        entry[3] = bytes.len() as u8;
    }
    table
});

/// A growing text, of which the caller remembers spans.
pub(crate) struct Letters<'a> {
    text: &'a mut Vec<u8>,
    at: usize,
    table: &'static [[u8; 4]; 256],
}

impl<'a> Letters<'a> {
    /// `bytes_max`: how much will be decoded at most.
    pub(crate) fn new(text: &'a mut Vec<u8>, bytes_max: usize) -> Self {
        text.resize(bytes_max * 3 + 4, 0);
        Letters { text, at: 0, table: &TABLE }
    }

    /// Decodes, and says where the text stands and how long it is.
    #[inline]
    pub(crate) fn push(&mut self, raw: &[u8]) -> (usize, usize) {
        let start = self.at;
        // A column that fills two slots is decoded twice.
        if self.text.len() < start + raw.len() * 3 + 4 {
            self.text.resize(start + raw.len() * 3 + 4, 0);
        }
        let space = &mut self.text[start..start + raw.len() * 3 + 4];
        let mut len = 0;
        for byte in raw {
            let entry = self.table[*byte as usize];
            if let Some(to) = space.get_mut(len..len + 4) {
                to.copy_from_slice(&entry);
            }
            len += entry[3] as usize;
        }
        self.at += len;
        (start, len)
    }

    /// The length of all text.
    pub(crate) fn finish(self) -> usize {
        self.at
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_byte_decodes_as_the_general_decoder_says() {
        let raw: Vec<u8> = (0..=255).collect();
        let mut text = Vec::new();
        let mut letters = Letters::new(&mut text, raw.len());
        assert_eq!(letters.push(&raw).0, 0);
        let len = letters.finish();
        assert_eq!(text[..len], *WINDOWS_874.decode_without_bom_handling(&raw).0.as_bytes());
    }
}
