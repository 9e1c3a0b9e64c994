//! The steps `upper`, `pad_left` and `substring`: the shape of a text, counted in characters.

use bumpalo::Bump;

/// Longest text `pad_left` makes, in characters.
pub const PAD_CHARS_MAX: usize = 64;

/// Upper case by Unicode's rules; Thai has none and passes through.
pub fn upper<'b>(text: &'b str, bump: &'b Bump) -> &'b str {
    if !text.chars().any(char::is_lowercase) {
        return text;
    }
    bump.alloc_str(&text.to_uppercase())
}

/// Fills up to `width` characters (at most [`PAD_CHARS_MAX`]) on the left.
pub fn pad_left<'b>(text: &'b str, width: usize, fill: char, bump: &'b Bump) -> &'b str {
    let length = text.chars().count();
    let width = width.min(PAD_CHARS_MAX);
    if length >= width {
        return text;
    }
    let mut out = bumpalo::collections::String::new_in(bump);
    out.extend(std::iter::repeat_n(fill, width - length));
    out.push_str(text);
    out.into_bump_str()
}

/// `length` characters from the `from`-th on (0 is the first). `None`: the text is too short for even one of them.
pub fn substring(text: &str, from: usize, length: usize) -> Option<&str> {
    let start = text.char_indices().nth(from)?.0;
    let rest = text.get(start..)?;
    let end = rest.char_indices().nth(length).map_or(rest.len(), |(at, _)| at);
    rest.get(..end).filter(|part| !part.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shapes_count_characters_not_bytes() {
        let bump = Bump::new();
        assert_eq!(upper("aa1ก", &bump), "AA1ก");
        assert_eq!(pad_left("80005", 6, '0', &bump), "080005");
        assert_eq!(pad_left("กก", 3, '0', &bump), "0กก");
        assert_eq!(pad_left("1234567", 6, '0', &bump), "1234567");
        assert_eq!(pad_left("1", usize::MAX, '0', &bump).len(), PAD_CHARS_MAX);
        assert_eq!(substring("12180000016900075280", 0, 10), Some("1218000001"));
        assert_eq!(substring("กขค", 1, 5), Some("ขค"));
        assert_eq!(substring("กข", 2, 1), None);
        assert_eq!(substring("กข", 0, 0), None);
    }
}
