//! Where cells and records end in a block without quotes: 64 bytes at a time, as bits.
//!
//! Owns the one wide scan of the decoder. Searching byte by byte costs a call per cell; a mask costs
//! one look per 16 bytes, and cells are six letters long on average. `wide` gives the processor's
//! vectors without unsafe code of ours.

use wide::u8x16;

/// Ends of cells in one block; reused from block to block.
#[derive(Debug, Default)]
pub(crate) struct Marks {
    /// Position of each delimiter and newline, in order.
    pub(crate) at: Vec<u32>,
    /// For each newline its place in `at`.
    pub(crate) newlines: Vec<u32>,
}

impl Marks {
    /// Looks the block over. `bytes` is far below 4 GiB, as every block is.
    pub(crate) fn find(&mut self, bytes: &[u8], delimiter: u8, newline: u8) {
        self.at.clear();
        self.newlines.clear();
        let (chunks, rest) = bytes.as_chunks::<64>();
        let (delimiters, newlines) = (u8x16::splat(delimiter), u8x16::splat(newline));
        let mut base = 0;
        for chunk in chunks {
            let ends = equal(chunk, newlines);
            let all = equal(chunk, delimiters) | ends;
            self.note(all, ends, base);
            base += 64;
        }
        let bit = |wanted: u8| rest.iter().rev().fold(0, |bits, byte| bits << 1 | u64::from(*byte == wanted));
        let ends = bit(newline);
        self.note(bit(delimiter) | ends, ends, base);
    }

    #[inline(always)]
    fn note(&mut self, mut all: u64, mut ends: u64, base: u32) {
        while ends != 0 {
            let before = (1 << ends.trailing_zeros()) - 1;
            self.newlines.push(self.at.len() as u32 + (all & before).count_ones());
            ends &= ends - 1;
        }
        while all != 0 {
            self.at.push(base + all.trailing_zeros());
            all &= all - 1;
        }
    }
}

/// One bit for each byte that is the one looked for.
#[inline(always)]
fn equal(chunk: &[u8; 64], wanted: u8x16) -> u64 {
    let (parts, _) = chunk.as_chunks::<16>();
    parts.iter().rev().fold(0, |bits, part| bits << 16 | u64::from((u8x16::new(*part).simd_eq(wanted)).to_bitmask()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn positions_equal_a_plain_scan(bytes in prop::collection::vec(prop_oneof![Just(b','), Just(b'\n'), any::<u8>()], 0..400)) {
            let mut marks = Marks::default();
            marks.find(&bytes, b',', b'\n');
            let plain: Vec<u32> =
                (0..bytes.len()).filter(|at| matches!(bytes[*at], b',' | b'\n')).map(|at| at as u32).collect();
            let newlines: Vec<u32> = (0..plain.len())
                .filter(|place| bytes[plain[*place] as usize] == b'\n')
                .map(|place| place as u32)
                .collect();
            prop_assert_eq!(&marks.at, &plain);
            prop_assert_eq!(&marks.newlines, &newlines);
        }
    }
}
