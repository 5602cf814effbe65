//! The lines of a fragment that a person writes, read strictly: nothing is
//! passed over in silence.
//!
//! `conf` takes the first letter of a value and passes over what it can't read;
//! who types a line wants to hear of it, at its place. Blanks around a line, and
//! between `#` and `CONFIG_`, do no harm.

use std::ops::Range;

use super::spelling::{QuoteError, line_of, quoted, unquoted};

/// One line of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number, from one.
    pub number: usize,
    /// Where it stands in the text, without the blanks around it.
    pub span: Range<usize>,
    /// The line without the blanks around it.
    pub text: &'a str,
}

/// What a line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OptionLine {
    /// The option's name without `CONFIG_`.
    pub option: String,
    /// Its value.
    pub value: OptionValue,
}

/// A value as a person asks for it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum OptionValue {
    /// `y`, `m`, `n`, or a number.
    Bare(String),
    /// A text, without its quotes.
    Text(String),
}

/// Why a line is none of a configuration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineError {
    /// Neither an assignment nor a comment.
    NoAssignment,
    /// An assignment to something that doesn't begin with `CONFIG_`.
    NoPrefix {
        /// What stands left of `=`.
        left: String,
        /// What stands right of it.
        value: String,
    },
    /// A name with other characters than letters, digits and `_`.
    Name {
        /// The name, without `CONFIG_`.
        option: String,
    },
    /// A value that is neither `y`, `m` or `n`, nor a number, nor a text.
    Value {
        /// The option's name without `CONFIG_`.
        option: String,
        /// The value.
        value: String,
    },
    /// A text whose quotes are wrong.
    Text(QuoteError),
}

impl std::fmt::Display for LineError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoAssignment => out.write_str("this is not a line of a .config"),
            Self::NoPrefix { .. } => out.write_str("a symbol begins with CONFIG_"),
            Self::Name { option } => write!(out, "`{option}` is not the name of a symbol"),
            Self::Value { value, .. } => write!(out, "`{value}` is not a value of a symbol"),
            Self::Text(error) => error.fmt(out),
        }
    }
}

impl std::error::Error for LineError {}

/// All lines of a text, the empty ones included.
pub fn lines(text: &str) -> impl Iterator<Item = Line<'_>> {
    let mut offset = 0;
    text.split_inclusive('\n')
        .zip(1..)
        .map(move |(whole, number)| {
            let line = whole.trim();
            let start = offset + (whole.len() - whole.trim_start().len());
            offset += whole.len();
            Line {
                number,
                span: start..start + line.len(),
                text: line,
            }
        })
}

impl<'a> Line<'a> {
    /// What the line asks for; nothing when it is empty or a comment.
    ///
    /// # Errors
    /// When it is neither of these.
    pub fn read(&self) -> Result<Option<OptionLine>, LineError> {
        if let Some(option) = self.unset() {
            return option_line(option, OptionValue::Bare("n".to_owned())).map(Some);
        }
        if self.text.is_empty() || self.text.starts_with('#') {
            return Ok(None);
        }
        let (left, value) = self.text.split_once('=').ok_or(LineError::NoAssignment)?;
        let Some(option) = left.strip_prefix("CONFIG_") else {
            return Err(LineError::NoPrefix {
                left: left.to_owned(),
                value: value.to_owned(),
            });
        };
        if value.starts_with('"') {
            let text = unquoted(value).map_err(LineError::Text)?;
            return option_line(option, OptionValue::Text(text)).map(Some);
        }
        if !matches!(value, "y" | "m" | "n") && !is_number(value) {
            return Err(LineError::Value {
                option: option.to_owned(),
                value: value.to_owned(),
            });
        }
        option_line(option, OptionValue::Bare(value.to_owned())).map(Some)
    }

    /// The option that the line sets or unsets, whatever its value is, without
    /// `CONFIG_`. For those who replace lines.
    #[must_use]
    pub fn option(&self) -> Option<&'a str> {
        let set = self.text.strip_prefix("CONFIG_");
        let set = set.and_then(|rest| rest.split_once('='));
        set.map(|(option, _)| option).or_else(|| self.unset())
    }

    /// The option of `# CONFIG_X is not set`.
    fn unset(&self) -> Option<&'a str> {
        let comment = self.text.strip_prefix('#')?.trim();
        comment.strip_prefix("CONFIG_")?.strip_suffix(" is not set")
    }
}

impl OptionLine {
    /// The line in the form that `conf` writes, without its line end.
    #[must_use]
    pub fn to_line(&self) -> String {
        line_of(&self.option, &self.value.spelled())
    }
}

impl OptionValue {
    /// As a configuration file has it: a text in quotes.
    #[must_use]
    pub fn spelled(&self) -> String {
        match self {
            Self::Bare(value) => value.clone(),
            Self::Text(text) => quoted(text),
        }
    }
}

fn option_line(option: &str, value: OptionValue) -> Result<OptionLine, LineError> {
    let option = option.to_owned();
    if is_option_name(&option) {
        Ok(OptionLine { option, value })
    } else {
        Err(LineError::Name { option })
    }
}

/// Whether a word can be the name of an option: letters, digits and `_`.
#[must_use]
pub fn is_option_name(word: &str) -> bool {
    !word.is_empty() && word.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'_')
}

/// A decimal or hexadecimal number.
fn is_number(value: &str) -> bool {
    let digits = value.strip_prefix('-').unwrap_or(value);
    match digits.strip_prefix("0x").or(digits.strip_prefix("0X")) {
        Some(hex) => !hex.is_empty() && hex.bytes().all(|b| b.is_ascii_hexdigit()),
        None => !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn one(text: &str) -> Result<Option<OptionLine>, LineError> {
        let all: Vec<Line<'_>> = lines(text).collect();
        assert_eq!(all.len(), 1, "{text}");
        all[0].read()
    }

    #[test]
    fn every_kind_of_line_is_read_and_written_as_conf_writes_it() {
        let text = |text: &str| OptionValue::Text(text.to_owned());
        let bare = |value: &str| OptionValue::Bare(value.to_owned());
        for (line, option, value, written) in [
            ("CONFIG_NET=y", "NET", bare("y"), "CONFIG_NET=y"),
            ("CONFIG_NET=n", "NET", bare("n"), "# CONFIG_NET is not set"),
            (
                " #  CONFIG_NET is not set\r\n",
                "NET",
                bare("n"),
                "# CONFIG_NET is not set",
            ),
            ("CONFIG_HZ=-250", "HZ", bare("-250"), "CONFIG_HZ=-250"),
            (
                "CONFIG_P=0xC0000000",
                "P",
                bare("0xC0000000"),
                "CONFIG_P=0xC0000000",
            ),
            (
                r#"CONFIG_A="b \"c\" \\""#,
                "A",
                text(r#"b "c" \"#),
                r#"CONFIG_A="b \"c\" \\""#,
            ),
            ("CONFIG_A=\"n\"", "A", text("n"), "CONFIG_A=\"n\""),
        ] {
            let read = one(line).expect("a line").expect("that asks");
            assert_eq!((read.option.as_str(), &read.value), (option, &value));
            assert_eq!(read.to_line(), written);
        }
        assert_eq!(one("# why"), Ok(None));
        assert_eq!(one(" \n"), Ok(None));
    }

    #[test]
    fn a_line_that_is_none_says_why() {
        for (line, message) in [
            ("NET=y", "a symbol begins with CONFIG_"),
            ("CONFIG_NET", "this is not a line of a .config"),
            ("CONFIG_NET=yes", "`yes` is not a value of a symbol"),
            ("CONFIG_NET= y", "` y` is not a value of a symbol"),
            ("CONFIG_NET =y", "`NET ` is not the name of a symbol"),
            ("CONFIG_A=0x", "`0x` is not a value of a symbol"),
            ("CONFIG_A=\"b", "the text has no end"),
            ("CONFIG_A=\"b\" c", "something follows the text's end"),
        ] {
            let error = one(line).expect_err(line);
            assert_eq!(error.to_string(), message, "{line}");
        }
    }

    #[test]
    fn lines_know_their_place_and_the_option_they_speak_of() {
        let text = "CONFIG_A=what ever\n\n  # CONFIG_B is not set\r\n# CONFIG_C\nD=y";
        let all: Vec<Line<'_>> = lines(text).collect();
        for line in &all {
            assert_eq!(&text[line.span.clone()], line.text);
        }
        let numbers: Vec<usize> = all.iter().map(|line| line.number).collect();
        assert_eq!(numbers, [1, 2, 3, 4, 5]);
        let options: Vec<_> = all.iter().map(Line::option).collect();
        assert_eq!(options, [Some("A"), None, Some("B"), None, None]);
    }

    proptest! {
        #[test]
        fn any_text_is_lines_at_their_places_and_what_is_read_reads_back(
            text in "((CONFIG_|# CONFIG_|)[ =A-Z0-9xymn_\"\\\\é]{0,12}( is not set|)\r?\n?){0,6}"
        ) {
            for line in lines(&text) {
                prop_assert_eq!(&text[line.span.clone()], line.text);
                if let Ok(Some(read)) = line.read() {
                    prop_assert_eq!(line.option(), Some(read.option.as_str()));
                    let written = read.to_line();
                    let again = lines(&written).next().expect("a line").read();
                    prop_assert_eq!(again, Ok(Some(read)));
                }
            }
        }
    }
}
