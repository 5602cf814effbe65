//! The lines of a fragment that a person writes: what `conf` takes of each, and
//! whether that is what was meant. Nothing is passed over in silence.
//!
//! `conf` (scripts/kconfig/confdata.c, `conf_read_simple`) looks at the first
//! letter of a value, passes over what doesn't begin with `CONFIG_`, and takes
//! every comment but one for a comment. [`Line::read`] does the same and says
//! where that is a surprise; [`Line::typed`] is for lines that stand indented
//! in another text.

use std::ops::Range;

use super::spelling::{QuoteError, line_of, quoted, unquoted};
use crate::model::Dialect;

/// One line of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line<'a> {
    /// Its number, from one.
    pub number: usize,
    /// Where it stands in the text, without the blanks around it.
    pub span: Range<usize>,
    /// The line without the blanks around it.
    pub text: &'a str,
    /// The line as `conf` sees it: without its end.
    whole: &'a str,
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

/// What a line comes to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reading {
    /// What it asks for; nothing when `conf` passes over it.
    pub asks: Option<OptionLine>,
    /// What is odd about it: where something is asked for, that `conf` takes
    /// less than stands there; else that it looks like a request and is none.
    pub odd: Option<LineError>,
}

/// What is odd about a line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum LineError {
    /// Neither an assignment nor a comment.
    NoAssignment,
    /// An assignment to something that doesn't begin with `CONFIG_`.
    NoPrefix,
    /// A byte order mark stands in front of it.
    ByteOrderMark,
    /// Blanks stand in front of it.
    Indented,
    /// Blanks stand beside its `=`.
    Blanks,
    /// It is a comment, and `# CONFIG_X is not set` is meant.
    Comment,
    /// A name with other characters than letters, digits and `_`.
    Name {
        /// The name, without `CONFIG_`.
        option: String,
    },
    /// A value that is neither `y`, `m` or `n`, nor a number, nor a text.
    Value {
        /// The value.
        value: String,
    },
    /// A value of which only the first letter counts.
    FirstLetter {
        /// The value.
        value: String,
    },
    /// Something stands behind a value.
    Behind {
        /// The value before it.
        value: String,
    },
    /// A text whose quotes are wrong.
    Text(QuoteError),
}

impl std::fmt::Display for LineError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::NoAssignment => out.write_str("this is not a line of a .config"),
            Self::NoPrefix => out.write_str("a symbol begins with CONFIG_"),
            Self::ByteOrderMark => out.write_str("a byte order mark stands in front of the line"),
            Self::Indented => out.write_str("blanks stand in front of the line"),
            Self::Blanks => out.write_str("blanks stand beside the `=`"),
            Self::Comment => out.write_str("this is a comment and asks for nothing"),
            Self::Name { option } => write!(out, "`{option}` is not the name of a symbol"),
            Self::Value { value } => write!(out, "`{value}` is not a value of a symbol"),
            Self::FirstLetter { value } => {
                let letter = value.chars().next().unwrap_or_default();
                write!(out, "of `{value}` only the {letter} counts")
            }
            Self::Behind { value } => write!(out, "something stands behind the value `{value}`"),
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
            let whole = whole.strip_suffix('\n').unwrap_or(whole);
            Line {
                number,
                span: start..start + line.len(),
                text: line,
                whole: whole.strip_suffix('\r').unwrap_or(whole),
            }
        })
}

impl<'a> Line<'a> {
    /// What `conf` of this dialect takes of the line.
    #[must_use]
    pub fn read(&self, dialect: Dialect) -> Reading {
        let whole = self.whole.split('\0').next().unwrap_or_default();
        if whole.starts_with("CONFIG_") {
            return assignment(whole);
        }
        if let Some(comment) = whole.strip_prefix('#') {
            return match super::assignments::unset_name(comment, dialect) {
                Some(option) => asks(option, OptionValue::Bare("n".to_owned())),
                None => odd(looks_unset(whole).then_some(LineError::Comment)),
            };
        }
        if self.text.is_empty() {
            return odd(None);
        }
        let unset = looks_unset(self.text);
        odd(match self.text.strip_prefix('\u{feff}') {
            Some(_) if self.number == 1 => Some(LineError::ByteOrderMark),
            _ if self.text.starts_with('#') && !unset => None,
            _ if whole != self.text && (unset || self.text.starts_with("CONFIG_")) => {
                Some(LineError::Indented)
            }
            _ if self.text.contains('=') => Some(LineError::NoPrefix),
            _ => Some(LineError::NoAssignment),
        })
    }

    /// What the line asks for when it stands in another text, where blanks
    /// around it do no harm.
    #[must_use]
    pub fn typed(&self) -> Reading {
        let alone = Line {
            whole: self.text,
            ..self.clone()
        };
        alone.read(Dialect::Linux6_12)
    }

    /// The option that the line sets or unsets, whatever its value is, without
    /// `CONFIG_`. For those who replace lines.
    #[must_use]
    pub fn option(&self) -> Option<&'a str> {
        let set = self.text.strip_prefix("CONFIG_");
        let set = set.and_then(|rest| rest.split_once('='));
        set.map(|(option, _)| option).or_else(|| {
            let comment = self.text.strip_prefix("# CONFIG_")?;
            comment.strip_suffix(" is not set")
        })
    }

    /// The line that would ask for what this one seems to be meant for, if
    /// that can be told.
    #[must_use]
    pub fn meant(&self) -> Option<String> {
        let text = self.text.trim_start_matches('\u{feff}').trim();
        if looks_unset(text) {
            let words = text.trim_start_matches('#').trim_start();
            let name = words.split_whitespace().next()?;
            return option_named(name).map(|option| line_of(&option, "n"));
        }
        let (left, value) = text.split_once('=')?;
        let name = left.trim().trim_end_matches([':', '+', '?']);
        let name = name.split_whitespace().next_back()?;
        Some(line_of(&option_named(name)?, &meant_value(value.trim())))
    }
}

/// An option's name, with whatever prefix it was written.
fn option_named(word: &str) -> Option<String> {
    let prefix = "CONFIG_";
    let option = match word.get(..prefix.len()) {
        Some(start) if start.eq_ignore_ascii_case(prefix) => {
            let rest = &word[prefix.len()..];
            if start == prefix {
                rest.to_owned()
            } else {
                rest.to_ascii_uppercase()
            }
        }
        _ => word.to_ascii_uppercase(),
    };
    is_option_name(&option).then_some(option)
}

/// A value as it was meant, spelled as a configuration has it.
fn meant_value(value: &str) -> String {
    if let Some(text) = value.strip_prefix('"') {
        let text = super::unquoted_prefix(text);
        return quoted(&text.unwrap_or_else(|| value.trim_matches('"').to_owned()));
    }
    let bare = value.split('#').next().unwrap_or_default();
    let bare = bare.trim().trim_matches('\'');
    match &*bare.to_ascii_lowercase() {
        "y" | "yes" | "on" | "true" => "y".to_owned(),
        "m" | "mod" | "module" => "m".to_owned(),
        "n" | "no" | "off" | "false" => "n".to_owned(),
        _ if is_number(bare) => bare.to_owned(),
        _ => quoted(bare),
    }
}

/// Whether a comment, or what should be one, is probably meant to turn an
/// option off: it names one with `CONFIG_` and goes on with `is not set`.
fn looks_unset(line: &str) -> bool {
    let words = line.trim_start_matches([' ', '\t', '#']);
    let mut words = words.split_ascii_whitespace();
    let named = words
        .next()
        .and_then(|word| word.get(.."CONFIG_".len()))
        .is_some_and(|prefix| prefix.eq_ignore_ascii_case("CONFIG_"));
    let rest = words.take(3).map(str::to_ascii_lowercase);
    let rest: Vec<String> = rest.collect();
    let set = |word: &String| word.trim_end_matches([',', ';', '.', ':']) == "set";
    named && matches!(&rest[..], [is, not, end] if is == "is" && not == "not" && set(end))
}

fn odd(odd: Option<LineError>) -> Reading {
    Reading { asks: None, odd }
}

fn asks(option: &str, value: OptionValue) -> Reading {
    let option = option.to_owned();
    if !is_option_name(&option) {
        return odd(Some(LineError::Name { option }));
    }
    Reading {
        asks: Some(OptionLine { option, value }),
        odd: None,
    }
}

/// A line that begins with `CONFIG_`.
fn assignment(line: &str) -> Reading {
    let rest = &line["CONFIG_".len()..];
    let Some((option, value)) = rest.split_once('=') else {
        let error = if looks_unset(line) {
            LineError::Comment
        } else {
            LineError::NoAssignment
        };
        return odd(Some(error));
    };
    let blank = |c: char| c == ' ' || c == '\t';
    if option.ends_with(blank) || value.starts_with(blank) {
        return odd(Some(LineError::Blanks));
    }
    let (value, error) = taken(value);
    match (value, error) {
        (None, error) => odd(error),
        (Some(value), error) => {
            let reading = asks(option, value);
            let error = reading.odd.or(error);
            Reading {
                odd: error,
                ..reading
            }
        }
    }
}

/// What `conf` takes of a value, whatever the option's type, and what is odd
/// about that. It looks at the first letter of `y`, `m` and `n`; a text ends at
/// its quote; a number must stand alone.
fn taken(value: &str) -> (Option<OptionValue>, Option<LineError>) {
    let bare = |value: &str| Some(OptionValue::Bare(value.to_owned()));
    let owned = |value: &str| value.to_owned();
    if let Some(inside) = value.strip_prefix('"') {
        return match (unquoted(value), super::unquoted_prefix(inside)) {
            (Ok(text), _) => (Some(OptionValue::Text(text)), None),
            (Err(error), None) => (None, Some(LineError::Text(error))),
            (Err(error), Some(text)) => {
                let blank = value.trim_end().ends_with('"') && unquoted(value.trim_end()).is_ok();
                let error = (!blank).then_some(LineError::Text(error));
                (Some(OptionValue::Text(text)), error)
            }
        };
    }
    let trimmed = value.trim_end();
    if matches!(trimmed, "y" | "m" | "n") || is_number(value) {
        return (bare(trimmed), None);
    }
    let first = value.split([' ', '\t', '#']).next().unwrap_or_default();
    let behind = value.len() > first.len();
    match first {
        "y" | "m" | "n" => {
            let value = owned(first);
            (bare(first), Some(LineError::Behind { value }))
        }
        number if behind && is_number(number) => {
            let value = owned(number);
            (None, Some(LineError::Behind { value }))
        }
        _ => {
            let error = match value.chars().next() {
                Some(letter @ ('y' | 'm' | 'n')) => {
                    let value = owned(trimmed);
                    return (
                        bare(&letter.to_string()),
                        Some(LineError::FirstLetter { value }),
                    );
                }
                _ => LineError::Value {
                    value: owned(value),
                },
            };
            (None, Some(error))
        }
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
        // `conf` takes a hexadecimal number without `0x` as well.
        None if digits.len() == value.len() => {
            !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_hexdigit())
        }
        None => !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()),
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const OLD: Dialect = Dialect::Linux6_1;
    const NEW: Dialect = Dialect::Linux6_12;

    fn one(text: &str, dialect: Dialect) -> (Option<String>, Option<String>, Option<String>) {
        let all: Vec<Line<'_>> = lines(text).collect();
        assert_eq!(all.len(), 1, "{text}");
        let Reading { asks, odd } = all[0].read(dialect);
        let odd = odd.map(|error| error.to_string());
        (asks.map(|one| one.to_line()), odd, all[0].meant())
    }

    #[test]
    fn every_kind_of_line_is_read_and_written_as_conf_writes_it() {
        for (line, written) in [
            ("CONFIG_NET=y", "CONFIG_NET=y"),
            ("CONFIG_NET=y  \r\n", "CONFIG_NET=y"),
            ("CONFIG_NET=n", "# CONFIG_NET is not set"),
            ("# CONFIG_NET is not set\r\n", "# CONFIG_NET is not set"),
            ("CONFIG_HZ=-250", "CONFIG_HZ=-250"),
            ("CONFIG_P=0xC0000000", "CONFIG_P=0xC0000000"),
            (r#"CONFIG_A="b \"c\" \\""#, r#"CONFIG_A="b \"c\" \\""#),
            ("CONFIG_A=\"n\"", "CONFIG_A=\"n\""),
            ("CONFIG_A=\"b\"\t", "CONFIG_A=\"b\""),
        ] {
            for dialect in [OLD, NEW] {
                let (asks, odd, _) = one(line, dialect);
                assert_eq!((asks.as_deref(), odd), (Some(written), None), "{line}");
            }
        }
        for nothing in [
            "# why",
            " \n",
            "# CONFIG_A=y",
            "#CONFIG_A=y",
            "\t# why",
            "#",
        ] {
            assert_eq!(lines(nothing).next().expect("one").read(NEW), odd(None));
        }
    }

    #[test]
    fn what_looks_like_a_request_and_is_none_is_told_with_the_line_that_is_meant() {
        let off = "# CONFIG_USB is not set";
        let comment = "this is a comment and asks for nothing";
        let indented = "blanks stand in front of the line";
        let prefix = "a symbol begins with CONFIG_";
        for (line, told, meant) in [
            ("#CONFIG_USB is not set", comment, off),
            ("#  CONFIG_USB is not set", comment, off),
            ("#\tCONFIG_USB is not set", comment, off),
            ("# CONFIG_USB  is not set", comment, off),
            ("# config_usb is not set", comment, off),
            ("# CONFIG_USB is Not Set", comment, off),
            ("CONFIG_USB is not set", comment, off),
            (" # CONFIG_USB is not set", indented, off),
            ("\tCONFIG_USB=y", indented, "CONFIG_USB=y"),
            (
                "\u{feff}CONFIG_USB=y",
                "a byte order mark stands in front of the line",
                "CONFIG_USB=y",
            ),
            ("USB=y", prefix, "CONFIG_USB=y"),
            ("export CONFIG_USB=y", prefix, "CONFIG_USB=y"),
            ("config_usb=y", prefix, "CONFIG_USB=y"),
            (
                "CONFIG_USB = y",
                "blanks stand beside the `=`",
                "CONFIG_USB=y",
            ),
            (
                "CONFIG_USB =y",
                "blanks stand beside the `=`",
                "CONFIG_USB=y",
            ),
            (
                "CONFIG_USB= y",
                "blanks stand beside the `=`",
                "CONFIG_USB=y",
            ),
            (
                "CONFIG_USB=Y",
                "`Y` is not a value of a symbol",
                "CONFIG_USB=y",
            ),
            ("CONFIG_USB=off", "`off` is not a value of a symbol", off),
            (
                "CONFIG_USB='y'",
                "`'y'` is not a value of a symbol",
                "CONFIG_USB=y",
            ),
            (
                "CONFIG_A=0x",
                "`0x` is not a value of a symbol",
                "CONFIG_A=\"0x\"",
            ),
            (
                "CONFIG_A=text",
                "`text` is not a value of a symbol",
                "CONFIG_A=\"text\"",
            ),
            (
                "CONFIG_A=17 # why",
                "something stands behind the value `17`",
                "CONFIG_A=17",
            ),
            (
                "CONFIG_A=17 ",
                "something stands behind the value `17`",
                "CONFIG_A=17",
            ),
            ("CONFIG_A=\"b", "the text has no end", "CONFIG_A=\"b\""),
        ] {
            let (asks, odd, mend) = one(line, NEW);
            assert_eq!(asks, None, "{line}");
            assert_eq!(odd.as_deref(), Some(told), "{line}");
            assert_eq!(mend.as_deref(), Some(meant), "{line}");
        }
        assert_eq!(
            one("CONFIG_NET", NEW).1.as_deref(),
            Some("this is not a line of a .config")
        );
        assert_eq!(
            one("what", NEW).1.as_deref(),
            Some("this is not a line of a .config")
        );
    }

    #[test]
    fn what_conf_takes_only_a_part_of_is_taken_and_told() {
        for (line, taken, told) in [
            (
                "CONFIG_USB=y # slow",
                "CONFIG_USB=y",
                "something stands behind the value `y`",
            ),
            (
                "CONFIG_USB=n#",
                "# CONFIG_USB is not set",
                "something stands behind the value `n`",
            ),
            (
                "CONFIG_USB=yes",
                "CONFIG_USB=y",
                "of `yes` only the y counts",
            ),
            (
                "CONFIG_USB=module",
                "CONFIG_USB=m",
                "of `module` only the m counts",
            ),
            (
                "CONFIG_A=\"b\" c",
                "CONFIG_A=\"b\"",
                "something follows the text's end",
            ),
        ] {
            let (asks, odd, _) = one(line, NEW);
            assert_eq!(
                (asks.as_deref(), odd.as_deref()),
                (Some(taken), Some(told)),
                "{line}"
            );
        }
    }

    #[test]
    fn text_behind_is_not_set_asks_in_6_1_and_is_a_comment_in_6_12() {
        let line = "# CONFIG_USB is not set # why";
        assert_eq!(one(line, OLD).0.as_deref(), Some("# CONFIG_USB is not set"));
        let (asks, odd, meant) = one(line, NEW);
        assert_eq!(asks, None);
        assert_eq!(
            odd.as_deref(),
            Some("this is a comment and asks for nothing")
        );
        assert_eq!(meant.as_deref(), Some("# CONFIG_USB is not set"));
    }

    #[test]
    fn in_another_text_blanks_around_a_line_do_no_harm() {
        let line = lines("  CONFIG_A=17 \n").next().expect("one").typed();
        assert_eq!(
            line.asks.map(|one| one.to_line()).as_deref(),
            Some("CONFIG_A=17")
        );
        assert_eq!(line.odd, None);
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
                let _ = line.meant();
                for read in [line.read(NEW), line.read(OLD), line.typed()] {
                    if let Some(asks) = read.asks {
                        let written = asks.to_line();
                        let again = lines(&written).next().expect("a line").read(NEW);
                        prop_assert_eq!(again.asks, Some(asks));
                        prop_assert_eq!(again.odd, None);
                    }
                }
            }
        }
    }
}
