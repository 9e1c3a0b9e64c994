//! One canonical value, and the exact decimal it may hold.
//!
//! Owns what a slot of a canonical row can be after mapping. Text is borrowed from the batch the row
//! came in, so that the hot path allocates nothing per field.

use super::learner_id::LearnerId;
use jiff::civil::Date;

/// Position of an entry in its code list (`standards::CodeList`), valid for that compiled list only.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct CodeIndex(pub u32);

#[derive(Debug, Clone, Copy, PartialEq, Default)]
pub enum Value<'b> {
    #[default]
    Absent,
    Text(&'b str),
    /// The field's own code list is known from the standard.
    Code(CodeIndex),
    Date(Date),
    Integer(i64),
    Decimal(Decimal),
    Boolean(bool),
    LearnerId(LearnerId),
}

impl Value<'_> {
    pub fn is_absent(&self) -> bool {
        matches!(self, Value::Absent)
    }
}

/// `mantissa × 10^-scale`, trailing zeros removed: 45.50 and 45.5 are one value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Decimal {
    mantissa: i64,
    scale: u8,
}

impl Decimal {
    /// Digits after the point that are kept exactly.
    pub const SCALE_MAX: u8 = 9;

    pub fn new(mut mantissa: i64, mut scale: u8) -> Self {
        while scale > 0 && mantissa % 10 == 0 {
            mantissa /= 10;
            scale -= 1;
        }
        Decimal { mantissa, scale }
    }

    /// `-12.5`; no exponent, no separators, at most nine digits after the point.
    pub fn parse(text: &str) -> Option<Self> {
        let (negative, digits) = match text.strip_prefix('-') {
            Some(rest) => (true, rest),
            None => (false, text),
        };
        let (whole, fraction) = digits.split_once('.').unwrap_or((digits, ""));
        let fraction = fraction.trim_end_matches('0');
        if whole.is_empty() || fraction.len() > usize::from(Self::SCALE_MAX) || whole.len() + fraction.len() > 18 {
            return None;
        }
        let mut mantissa: i64 = 0;
        for byte in whole.bytes().chain(fraction.bytes()) {
            if !byte.is_ascii_digit() {
                return None;
            }
            mantissa = mantissa * 10 + i64::from(byte - b'0');
        }
        Some(Decimal::new(if negative { -mantissa } else { mantissa }, fraction.len() as u8))
    }

    pub fn as_f64(&self) -> f64 {
        self.mantissa as f64 / 10f64.powi(i32::from(self.scale))
    }

    pub fn mantissa(&self) -> i64 {
        self.mantissa
    }

    pub fn scale(&self) -> u8 {
        self.scale
    }
}

impl std::fmt::Display for Decimal {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        if self.scale == 0 {
            return write!(f, "{}", self.mantissa);
        }
        let unit = 10_u64.pow(u32::from(self.scale));
        let magnitude = self.mantissa.unsigned_abs();
        let sign = if self.mantissa < 0 { "-" } else { "" };
        write!(f, "{sign}{}.{:0width$}", magnitude / unit, magnitude % unit, width = usize::from(self.scale))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decimals_are_exact_and_normal() {
        for (text, shown) in [("45.50", "45.5"), ("58.0", "58"), ("-0.05", "-0.05"), ("0", "0"), ("100", "100")] {
            assert_eq!(Decimal::parse(text).unwrap().to_string(), shown);
        }
        for bad in ["", ".5", "1e5", "1.2.3", "--1", "๑", "1234567890123456789"] {
            assert_eq!(Decimal::parse(bad), None, "{bad}");
        }
    }
}
