//! How values are spelled in a configuration file.

/// A string in quotes, as configuration files have it.
#[must_use]
pub fn quoted(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 2);
    out.push('"');
    for character in text.chars() {
        if matches!(character, '"' | '\\') {
            out.push('\\');
        }
        out.push(character);
    }
    out.push('"');
    out
}

/// Undoes the quoting of what follows the opening quote, up to the closing one;
/// what stands behind that is passed over. `None`: there is no closing quote.
pub(crate) fn unquoted_prefix(text: &str) -> Option<String> {
    let mut out = String::new();
    let mut characters = text.chars();
    while let Some(character) = characters.next() {
        match character {
            '"' => return Some(out),
            '\\' => out.extend(characters.next()),
            other => out.push(other),
        }
    }
    None
}

/// The text that a quoted value stands for.
///
/// # Errors
/// When it doesn't begin and end with a quote, or goes on behind the closing
/// one.
pub fn unquoted(spelled: &str) -> Result<String, QuoteError> {
    let mut characters = spelled.chars();
    if characters.next() != Some('"') {
        return Err(QuoteError::NotQuoted);
    }
    let mut text = String::new();
    loop {
        match characters.next().ok_or(QuoteError::NoEnd)? {
            '\\' => text.push(characters.next().ok_or(QuoteError::NoEnd)?),
            '"' => break,
            other => text.push(other),
        }
    }
    match characters.next() {
        None => Ok(text),
        Some(_) => Err(QuoteError::GoesOn),
    }
}

/// Why a value is no quoted text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum QuoteError {
    /// It doesn't begin with a quote.
    NotQuoted,
    /// It has no closing quote.
    NoEnd,
    /// Something follows the closing quote.
    GoesOn,
}

impl std::fmt::Display for QuoteError {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        out.write_str(match self {
            Self::NotQuoted => "the text has no quotes",
            Self::NoEnd => "the text has no end",
            Self::GoesOn => "something follows the text's end",
        })
    }
}

impl std::error::Error for QuoteError {}

/// The line that gives an option a value, without its line end: `n` as
/// `# CONFIG_X is not set`, all else as it is `spelled` (a text in quotes).
/// `option` has no `CONFIG_`.
#[must_use]
pub fn line_of(option: &str, spelled: &str) -> String {
    if spelled == "n" {
        format!("# CONFIG_{option} is not set")
    } else {
        format!("CONFIG_{option}={spelled}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn quoting_is_undone_up_to_the_closing_quote() {
        assert_eq!(
            unquoted_prefix(r#"a\"b\\c" rest"#).as_deref(),
            Some(r#"a"b\c"#)
        );
        assert_eq!(unquoted_prefix("open"), None);
    }

    #[test]
    fn a_text_survives_its_quotes() {
        for text in ["", "plain", r#"say "hi" \ and \\"#, "é"] {
            assert_eq!(unquoted(&quoted(text)).as_deref(), Ok(text));
        }
        assert_eq!(unquoted("plain"), Err(QuoteError::NotQuoted));
        assert_eq!(unquoted(r#""open"#), Err(QuoteError::NoEnd));
        assert_eq!(unquoted(r#""open\"#), Err(QuoteError::NoEnd));
        assert_eq!(unquoted(r#""a" b"#), Err(QuoteError::GoesOn));
    }

    #[test]
    fn what_is_off_is_said_to_be_not_set() {
        assert_eq!(line_of("NET", "n"), "# CONFIG_NET is not set");
        assert_eq!(line_of("NET", "y"), "CONFIG_NET=y");
        assert_eq!(line_of("A", &quoted("n")), "CONFIG_A=\"n\"");
    }
}
