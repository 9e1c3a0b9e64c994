//! A row that passed: the stage type that alone may be stored or handed out, and its JSON form.
//!
//! Owns the proof (private fields, made only by `Validator::judge`) and the flat canonical object.

use super::Validator;
use crate::domain::finding::Finding;
use crate::domain::learner_id::LearnerId;
use crate::domain::value::{Decimal, Value};
use jiff::civil::Date;

/// A record of its standard. Its findings are warnings at most.
#[derive(Debug)]
pub struct Valid<'r, 'b> {
    validator: &'r Validator,
    row: u64,
    values: &'r [Value<'b>],
    warnings: &'r [Finding],
}

impl<'r, 'b> Valid<'r, 'b> {
    pub(super) fn proven(validator: &'r Validator, row: u64, values: &'r [Value<'b>], warnings: &'r [Finding]) -> Self {
        Valid { validator, row, values, warnings }
    }

    /// Number of the data row in the file, from 1.
    pub fn row(&self) -> u64 {
        self.row
    }

    pub fn warnings(&self) -> &[Finding] {
        self.warnings
    }

    pub fn value(&self, field: &str) -> Value<'b> {
        self.validator.standard.field_index(field).map_or(Value::Absent, |at| self.values[at])
    }

    /// By position in the standard.
    pub fn value_at(&self, at: usize) -> Value<'b> {
        self.values[at]
    }

    /// The canonical text of a code or text field.
    pub fn text_at(&self, at: usize) -> Option<&str> {
        match self.values[at] {
            Value::Text(text) => Some(text),
            Value::Code(code) => self.validator.lists[at].as_ref().map(|codes| codes.code(code)),
            _ => None,
        }
    }

    pub fn date_at(&self, at: usize) -> Option<Date> {
        match self.values[at] {
            Value::Date(date) => Some(date),
            _ => None,
        }
    }

    pub fn learner_id_at(&self, at: usize) -> Option<LearnerId> {
        match self.values[at] {
            Value::LearnerId(id) => Some(id),
            _ => None,
        }
    }

    /// Appends the flat canonical object: fields in the standard's order, absent ones left out. With `with_row`, the
    /// number of the data row comes first as `_row`.
    pub fn write_json(&self, with_row: bool, out: &mut Vec<u8>) {
        out.push(b'{');
        let begun = out.len();
        if with_row {
            out.extend_from_slice(b",\"_row\":");
            write_integer(self.row as i64, out);
        }
        for (at, key) in self.validator.keys.iter().enumerate() {
            if !self.values[at].is_absent() {
                out.extend_from_slice(key);
                self.write_value(at, out);
            }
        }
        // Every member begins with its comma; the first has none.
        if out.len() > begun {
            out.remove(begun);
        }
        out.push(b'}');
    }

    fn write_value(&self, at: usize, out: &mut Vec<u8>) {
        match self.values[at] {
            Value::Absent => out.extend_from_slice(b"null"),
            Value::Text(_) | Value::Code(_) => write_text(self.text_at(at).unwrap_or(""), out),
            Value::LearnerId(id) => write_text(id.as_str(), out),
            Value::Date(date) => write_date(date, out),
            Value::Integer(number) => write_integer(number, out),
            Value::Decimal(number) => write_decimal(number, out),
            Value::Boolean(value) => out.extend_from_slice(if value { b"true" } else { b"false" }),
        }
    }
}

/// `"YYYY-MM-DD"`; the standards' dates have years of four digits.
fn write_date(date: Date, out: &mut Vec<u8>) {
    let digit = |number: i16| b'0' + (number % 10) as u8;
    let (year, month, day) = (date.year().unsigned_abs() as i16, i16::from(date.month()), i16::from(date.day()));
    out.extend_from_slice(&[
        b'"',
        digit(year / 1000),
        digit(year / 100),
        digit(year / 10),
        digit(year),
        b'-',
        digit(month / 10),
        digit(month),
        b'-',
        digit(day / 10),
        digit(day),
        b'"',
    ]);
}

fn write_integer(number: i64, out: &mut Vec<u8>) {
    if number < 0 {
        out.push(b'-');
    }
    write_digits(number.unsigned_abs(), 1, out);
}

/// As `Decimal`'s `Display`, without its machinery: this is the hot path.
fn write_decimal(number: Decimal, out: &mut Vec<u8>) {
    if number.mantissa() < 0 {
        out.push(b'-');
    }
    let magnitude = number.mantissa().unsigned_abs();
    let unit = 10_u64.pow(u32::from(number.scale()));
    write_digits(magnitude / unit, 1, out);
    if number.scale() > 0 {
        out.push(b'.');
        write_digits(magnitude % unit, usize::from(number.scale()), out);
    }
}

/// At least `width` digits.
fn write_digits(mut number: u64, width: usize, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 20];
    let mut at = digits.len();
    while number > 0 {
        at -= 1;
        digits[at] = b'0' + (number % 10) as u8;
        number /= 10;
    }
    at = at.min(digits.len() - width.min(digits.len()));
    out.extend_from_slice(&digits[at..]);
}

fn write_text(text: &str, out: &mut Vec<u8>) {
    // No early end: the compiler looks at many bytes at once.
    let special = text.bytes().fold(0, |seen, byte| seen | u8::from(byte < 0x20 || byte == b'"' || byte == b'\\'));
    let plain = special == 0;
    if plain {
        out.push(b'"');
        out.extend_from_slice(text.as_bytes());
        out.push(b'"');
    } else {
        // A string always serialises, and a Vec always takes it.
        let _ = serde_json::to_writer(out, text);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn numbers_and_dates_are_written_as_they_are_shown(mantissa: i64, scale in 0_u8..=9, year in 1900_i16..2200, month in 1_i8..=12, day in 1_i8..=28) {
            let mut out = Vec::new();
            let decimal = Decimal::new(mantissa, scale);
            write_decimal(decimal, &mut out);
            prop_assert_eq!(String::from_utf8(std::mem::take(&mut out)).unwrap(), decimal.to_string());
            write_integer(mantissa, &mut out);
            prop_assert_eq!(String::from_utf8(std::mem::take(&mut out)).unwrap(), mantissa.to_string());
            let date = jiff::civil::date(year, month, day);
            write_date(date, &mut out);
            prop_assert_eq!(String::from_utf8(out).unwrap(), format!("\"{date}\""));
        }

        #[test]
        fn any_text_is_a_json_string_of_itself(text in "\\PC*|[\\x00-\\x7f]*") {
            let mut out = Vec::new();
            write_text(&text, &mut out);
            prop_assert_eq!(serde_json::from_slice::<String>(&out).unwrap(), text);
        }
    }
}
