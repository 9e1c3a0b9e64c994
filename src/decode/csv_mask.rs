//! Where two bytes occur in a block: 64 at a time, as bits.
//!
//! Owns the one wide scan of the decoder. Searching byte by byte costs a call per cell; a mask costs
//! one per 64 bytes, and cells are six bytes long on average. Words of eight bytes, no unsafe code.

/// Calls `found` with each position of `a` or `b` in order.
#[inline(always)]
pub(crate) fn each_of(bytes: &[u8], a: u8, b: u8, mut found: impl FnMut(usize)) {
    let mut base = 0;
    let (chunks, rest) = bytes.as_chunks::<64>();
    for chunk in chunks {
        let mut bits = mask(chunk, a, b);
        while bits != 0 {
            found(base + bits.trailing_zeros() as usize);
            bits &= bits - 1;
        }
        base += 64;
    }
    for (at, byte) in rest.iter().enumerate() {
        if *byte == a || *byte == b {
            found(base + at);
        }
    }
}

/// One bit for each byte that is `a` or `b`: the high bit of each byte of a word says whether it was equal.
#[inline(always)]
fn mask(chunk: &[u8; 64], a: u8, b: u8) -> u64 {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const SEVEN: u64 = 0x7f7f_7f7f_7f7f_7f7f;
    let zeros = |word: u64| !(((word & SEVEN) + SEVEN) | word | SEVEN);
    let mut bits = 0u64;
    for (part, bytes) in chunk.as_chunks::<8>().0.iter().enumerate() {
        let word = u64::from_le_bytes(*bytes);
        let equal = zeros(word ^ (LOW * u64::from(a))) | zeros(word ^ (LOW * u64::from(b)));
        bits |= ((equal >> 7).wrapping_mul(0x0102_0408_1020_4080) >> 56) << (8 * part);
    }
    bits
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn positions_equal_a_plain_scan(bytes in prop::collection::vec(prop_oneof![Just(b','), Just(b'\n'), any::<u8>()], 0..400)) {
            let mut seen = Vec::new();
            each_of(&bytes, b',', b'\n', |at| seen.push(at));
            let plain: Vec<usize> = (0..bytes.len()).filter(|at| matches!(bytes[*at], b',' | b'\n')).collect();
            prop_assert_eq!(seen, plain);
        }
    }
}
