//! Borders of JSON values in bytes: nothing is parsed here, only strings and brackets are told apart.
//!
//! Owns the scan by which JSON files are cut, and the way to their array of records. Iterative: a file
//! nested 100,000 deep costs neither stack nor memory. Refuses to judge grammar; the parser does.

use memchr::memchr2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Scan {
    /// The value ends before this byte.
    End(usize),
    /// The bytes end first.
    More,
    TooDeep,
    /// No value can start like this.
    Bad(usize),
}

#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Locate {
    /// The array opens at this byte.
    Found(usize),
    More,
    TooDeep,
    Bad(usize),
    /// The pointer leads nowhere, or not to an array.
    NotThere,
}

/// The tokens of a JSON Pointer; a name without a slash is one token.
pub(crate) fn pointer(text: &str) -> Vec<String> {
    match text.strip_prefix('/') {
        Some(rest) => rest.split('/').map(|token| token.replace("~1", "/").replace("~0", "~")).collect(),
        None if text.is_empty() => Vec::new(),
        None => vec![text.to_owned()],
    }
}

pub(crate) fn skip_space(bytes: &[u8], mut at: usize) -> usize {
    while matches!(bytes.get(at), Some(b' ' | b'\t' | b'\r' | b'\n')) {
        at += 1;
    }
    at
}

/// The end of the string whose opening quote is at `at`.
fn string_end(bytes: &[u8], at: usize) -> Option<usize> {
    let mut at = at + 1;
    loop {
        let found = at + memchr2(b'"', b'\\', bytes.get(at..)?)?;
        if bytes[found] == b'"' {
            return Some(found + 1);
        }
        at = found + 2;
    }
}

/// The end of the value that starts at `at`, which may nest `depth_max` deep.
pub(crate) fn value_end(bytes: &[u8], at: usize, depth_max: usize) -> Scan {
    match bytes.get(at) {
        None => Scan::More,
        Some(b'"') => string_end(bytes, at).map_or(Scan::More, Scan::End),
        Some(b'{' | b'[') => nested_end(bytes, at, depth_max),
        Some(b',' | b':' | b'}' | b']') => Scan::Bad(at),
        Some(_) => {
            let is_end = |byte: &u8| matches!(byte, b',' | b':' | b'}' | b']' | b' ' | b'\t' | b'\r' | b'\n');
            bytes[at..].iter().position(is_end).map_or(Scan::More, |len| Scan::End(at + len))
        }
    }
}

fn nested_end(bytes: &[u8], mut at: usize, depth_max: usize) -> Scan {
    let mut depth = 0;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => match string_end(bytes, at) {
                Some(end) => at = end,
                None => return Scan::More,
            },
            b'{' | b'[' => {
                depth += 1;
                if depth > depth_max {
                    return Scan::TooDeep;
                }
                at += 1;
            }
            b'}' | b']' => {
                depth -= 1;
                at += 1;
                if depth == 0 {
                    return Scan::End(at);
                }
            }
            _ => at += 1,
        }
    }
    Scan::More
}

/// Follows the pointer from the start of the document to the opening bracket of its array.
pub(crate) fn locate(bytes: &[u8], tokens: &[String], depth_max: usize) -> Locate {
    let mut at = skip_space(bytes, 0);
    for (level, token) in tokens.iter().enumerate() {
        match bytes.get(at) {
            None => return Locate::More,
            Some(b'{') => at += 1,
            Some(_) => return Locate::NotThere,
        }
        match member(bytes, at, token, depth_max.saturating_sub(level + 1)) {
            Locate::Found(value) => at = value,
            other => return other,
        }
    }
    match bytes.get(at) {
        None => Locate::More,
        Some(b'[') => Locate::Found(at),
        Some(_) => Locate::NotThere,
    }
}

/// The value of a member of the object whose first member may start at `at`.
fn member(bytes: &[u8], mut at: usize, token: &str, depth_max: usize) -> Locate {
    loop {
        at = skip_space(bytes, at);
        let end = match bytes.get(at) {
            None => return Locate::More,
            Some(b'}') => return Locate::NotThere,
            Some(b'"') => match string_end(bytes, at) {
                Some(end) => end,
                None => return Locate::More,
            },
            Some(_) => return Locate::Bad(at),
        };
        let is_it = is_name(&bytes[at..end], token);
        at = skip_space(bytes, end);
        match bytes.get(at) {
            None => return Locate::More,
            Some(b':') => at = skip_space(bytes, at + 1),
            Some(_) => return Locate::Bad(at),
        }
        if is_it {
            return Locate::Found(at);
        }
        at = match value_end(bytes, at, depth_max) {
            Scan::End(end) => skip_space(bytes, end),
            Scan::More => return Locate::More,
            Scan::TooDeep => return Locate::TooDeep,
            Scan::Bad(at) => return Locate::Bad(at),
        };
        match bytes.get(at) {
            None => return Locate::More,
            Some(b',') => at += 1,
            Some(b'}') => return Locate::NotThere,
            Some(_) => return Locate::Bad(at),
        }
    }
}

fn is_name(quoted: &[u8], token: &str) -> bool {
    let inner = &quoted[1..quoted.len() - 1];
    inner == token.as_bytes()
        || (inner.contains(&b'\\') && serde_json::from_slice::<String>(quoted).is_ok_and(|name| name == token))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_end_where_they_end() {
        for value in ["{}", "[1,[2]]", "\"a\\\"]}\"", "{\"a\":\"}\",\"b\":[{}]}", "12.5", "null"] {
            let bytes = format!("{value},x");
            assert_eq!(value_end(bytes.as_bytes(), 0, 8), Scan::End(value.len()), "{value}");
            for cut in 1..value.len() {
                assert_eq!(value_end(&value.as_bytes()[..cut], 0, 8), Scan::More, "{value} cut at {cut}");
            }
        }
        assert_eq!(value_end("[".repeat(100_000).as_bytes(), 0, 32), Scan::TooDeep);
    }

    #[test]
    fn the_pointer_leads_to_the_array() {
        let bytes = br#" {"a":{"s":[0]},"b\u0063":1, "d":{"s" : [1]} }"#;
        assert_eq!(locate(bytes, &pointer("/d/s"), 8), Locate::Found(40));
        assert_eq!(locate(bytes, &pointer("/x"), 8), Locate::NotThere);
        assert_eq!(locate(bytes, &pointer("/bc"), 8), Locate::NotThere);
        assert_eq!(locate(b" [1]", &pointer(""), 8), Locate::Found(1));
        assert_eq!(locate(b" {\"a\" 1}", &pointer("/b"), 8), Locate::Bad(6));
    }
}
