//! Single values of settings: where each was given, and how sizes and numbers are read.

use super::ConfigFault;
use serde::de::{Deserialize, Deserializer, Error, SeqAccess, Visitor};
use std::collections::BTreeMap;

/// A YAML scalar of any kind, as text: `8080`, `"8080"` and `8 MiB` are all fine.
pub(super) struct Text(pub(super) String);

impl<'de> Deserialize<'de> for Text {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Scalar;
        impl Visitor<'_> for Scalar {
            type Value = Text;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("one value")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Text, E> {
                Ok(Text(text.to_owned()))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Text, E> {
                Ok(Text(number.to_string()))
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Text, E> {
                Ok(Text(value.to_string()))
            }
        }
        deserializer.deserialize_any(Scalar)
    }
}

/// What stands behind a name in the file.
pub(super) enum Entry {
    One(Text),
    /// Groups of named values.
    List(Vec<super::pickup::Item>),
}

impl<'de> Deserialize<'de> for Entry {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct OneOrList;
        impl<'de> Visitor<'de> for OneOrList {
            type Value = Entry;
            fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str("one value, or a list")
            }
            fn visit_str<E: Error>(self, text: &str) -> Result<Entry, E> {
                Ok(Entry::One(Text(text.to_owned())))
            }
            fn visit_i64<E: Error>(self, number: i64) -> Result<Entry, E> {
                Ok(Entry::One(Text(number.to_string())))
            }
            fn visit_u64<E: Error>(self, number: u64) -> Result<Entry, E> {
                Ok(Entry::One(Text(number.to_string())))
            }
            fn visit_f64<E: Error>(self, number: f64) -> Result<Entry, E> {
                Ok(Entry::One(Text(number.to_string())))
            }
            fn visit_bool<E: Error>(self, value: bool) -> Result<Entry, E> {
                Ok(Entry::One(Text(value.to_string())))
            }
            fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Entry, A::Error> {
                let mut list = Vec::new();
                while let Some(item) = items.next_element()? {
                    list.push(item);
                }
                Ok(Entry::List(list))
            }
        }
        deserializer.deserialize_any(OneOrList)
    }
}

/// What was given, by setting, with the place it was given at; and the faults found so far.
#[derive(Default)]
pub(super) struct Given {
    values: BTreeMap<String, (String, String)>,
    pub(super) faults: Vec<ConfigFault>,
}

impl Given {
    /// The later one wins.
    pub(super) fn set(&mut self, name: String, place: String, value: String) {
        self.values.insert(name, (place, value));
    }

    pub(super) fn fault(&mut self, place: String, fault: String) {
        self.faults.push(ConfigFault { place, fault });
    }

    /// The setting if it was given and is readable; an empty one counts as not given.
    pub(super) fn take<T>(&mut self, name: &str, read: impl FnOnce(&str) -> Result<T, String>) -> Option<T> {
        let (place, value) = self.values.remove(name)?;
        let value = value.trim();
        if value.is_empty() {
            return None;
        }
        match read(value) {
            Ok(value) => Some(value),
            Err(fault) => {
                self.fault(place, fault);
                None
            }
        }
    }
}

/// A whole number; `_` and `,` may group its digits.
pub(super) fn number(text: &str, min: u64, max: u64) -> Result<u64, String> {
    let digits: String = text.chars().filter(|c| !matches!(c, '_' | ',')).collect();
    match digits.parse() {
        Ok(number) if (min..=max).contains(&number) => Ok(number),
        _ => Err(format!("`{text}` is not a whole number from {min} to {max}")),
    }
}

/// A size: digits, then nothing, `B`, `KiB`, `MiB`, `GiB`, `TiB` (powers of 1024) or `KB`, `MB`, `GB`, `TB` (of 1000).
pub(super) fn bytes(text: &str) -> Result<u64, String> {
    let fault = || format!("`{text}` is not a size such as 8388608, 8 MiB or 8 MB");
    let split = text.find(|c: char| !(c.is_ascii_digit() || matches!(c, '_' | ','))).unwrap_or(text.len());
    let (digits, unit) = text.split_at(split);
    let factor: u64 = match unit.trim().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "kib" => 1 << 10,
        "mib" => 1 << 20,
        "gib" => 1 << 30,
        "tib" => 1 << 40,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        "tb" => 1_000_000_000_000,
        _ => return Err(fault()),
    };
    // A size reaches file offsets, which are signed.
    let number = number(digits, 1, i64::MAX as u64).map_err(|_| fault())?;
    number.checked_mul(factor).filter(|size| *size <= i64::MAX as u64).ok_or_else(fault)
}
