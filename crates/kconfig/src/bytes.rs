//! Bytes as text and back. To `conf` its files are bytes, and what is no UTF-8
//! goes from a default or a `.config` to the `.config` as it is.
//!
//! A byte that is no part of a character becomes a character of its own from
//! the end of Unicode's last private plane, and that character the byte again.
//! A file that has such a character itself is taken apart into its bytes, so
//! that every sequence of bytes comes back as it was.

use std::fmt::Write as _;

/// The character for the byte 0x00; those for 0x80 to 0xFF are used.
const FIRST: u32 = 0x0010_FF00;

/// The byte that a character stands for.
fn escaped(character: char) -> Option<u8> {
    let byte = u8::try_from(u32::from(character).checked_sub(FIRST)?).ok()?;
    (byte >= 0x80).then_some(byte)
}

fn push_bytes(bytes: &[u8], text: &mut String) {
    let characters = bytes.iter().map(|&byte| {
        char::from_u32(FIRST + u32::from(byte)).unwrap_or(char::REPLACEMENT_CHARACTER)
    });
    text.extend(characters);
}

/// Bytes as a text that [`bytes_of`] makes the same bytes of.
#[must_use]
pub fn text_of(bytes: &[u8]) -> String {
    let mut text = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let mut valid = chunk.valid();
        while let Some(at) = valid.find(|one| escaped(one).is_some()) {
            let (before, rest) = valid.split_at(at);
            let length = rest.chars().next().map_or(0, char::len_utf8);
            text.push_str(before);
            push_bytes(&rest.as_bytes()[..length], &mut text);
            valid = &rest[length..];
        }
        text.push_str(valid);
        push_bytes(chunk.invalid(), &mut text);
    }
    text
}

/// The bytes that a text of [`text_of`] stands for.
#[must_use]
pub fn bytes_of(text: &str) -> Vec<u8> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text;
    while let Some((at, byte)) = rest
        .char_indices()
        .find_map(|(at, one)| Some((at, escaped(one)?)))
    {
        bytes.extend_from_slice(&rest.as_bytes()[..at]);
        bytes.push(byte);
        rest = &rest[at..];
        rest = &rest[rest.chars().next().map_or(0, char::len_utf8)..];
    }
    bytes.extend_from_slice(rest.as_bytes());
    bytes
}

/// A text of [`text_of`] for people: bytes that are no UTF-8 as `\xE9`.
#[must_use]
pub fn shown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match escaped(character) {
            // Writing to a String can't fail.
            Some(byte) => _ = write!(out, "\\x{byte:02X}"),
            None => out.push(character),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_byte_that_is_no_character_comes_back_as_it_was() {
        let text = text_of(b"caf\xe9 \xc3\xa9");
        assert_eq!(bytes_of(&text), b"caf\xe9 \xc3\xa9");
        assert_eq!(shown(&text), "caf\\xE9 é");
        assert_eq!(text.chars().count(), 6);
    }

    proptest! {
        #[test]
        fn any_bytes_come_back(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            prop_assert_eq!(bytes_of(&text_of(&bytes)), bytes);
        }

        #[test]
        fn any_text_comes_back_even_with_the_characters_that_stand_for_bytes(
            text in "[a\u{10ff00}\u{10ff7f}\u{10ff80}\u{10ffff}é]{0,12}"
        ) {
            prop_assert_eq!(bytes_of(&text_of(text.as_bytes())), text.as_bytes());
        }
    }
}
