//! Which two digits are a province (DOPA codes, 77 of them).
//!
//! Source: thailand-geography-json (MIT, © Joe Takara), compared with the province code list. Kept
//! here as ranges because G-codes and area codes are judged without a code list at hand.

/// Is this the DOPA code of a province, `10` … `96`?
pub fn is_province(two_digits: &str) -> bool {
    match two_digits.as_bytes() {
        [a @ b'0'..=b'9', b @ b'0'..=b'9'] => matches!(
            (a - b'0') * 10 + (b - b'0'),
            10..=27 | 30..=58 | 60..=67 | 70..=77 | 80..=86 | 90..=96
        ),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn there_are_seventy_seven_provinces() {
        assert_eq!((0..100).filter(|n| super::is_province(&format!("{n:02}"))).count(), 77);
        assert!(!super::is_province("99") && !super::is_province("1") && !super::is_province("ก"));
    }
}
