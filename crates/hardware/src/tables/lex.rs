//! C text as tokens, as far as tables of devices need them: words, numbers,
//! texts, marks. Comments are gone already.

/// One token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    /// A name or a keyword.
    Word(String),
    /// A number as it is written, suffix and all.
    Number(String),
    /// A text between double quotes, its escapes resolved.
    Text(String),
    /// A character between single quotes, as its number.
    Char(u32),
    /// Everything else.
    Mark(&'static str),
}

/// The marks, longer ones first.
const MARKS: &[&str] = &[
    "...", "##", "<<", ">>", "<=", ">=", "==", "!=", "&&", "||", "->", "{", "}", "(", ")", "[",
    "]", ",", ".", ";", ":", "?", "=", "+", "-", "*", "/", "%", "&", "|", "^", "~", "!", "<", ">",
    "#",
];

impl Token {
    pub(super) fn is(&self, mark: &str) -> bool {
        matches!(self, Token::Mark(own) if *own == mark)
    }

    pub(super) fn word(&self) -> Option<&str> {
        match self {
            Token::Word(word) => Some(word),
            _ => None,
        }
    }

    /// The token as C has it, for `#` and `##`.
    pub(super) fn spelled(&self) -> String {
        match self {
            Token::Word(text) | Token::Number(text) => text.clone(),
            Token::Text(text) => format!("\"{text}\""),
            Token::Char(number) => number.to_string(),
            Token::Mark(mark) => (*mark).to_owned(),
        }
    }
}

/// The tokens of a text. Bytes that belong to no token are passed over.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut tokens = Vec::new();
    let mut rest = text;
    while let Some(first) = rest.chars().next() {
        let (token, length) = one(rest, first);
        tokens.extend(token);
        rest = rest.get(length.max(first.len_utf8())..).unwrap_or_default();
    }
    tokens
}

/// The token that a text begins with, and how many bytes it has.
fn one(rest: &str, first: char) -> (Option<Token>, usize) {
    let run = |part: fn(char) -> bool| rest.find(|c| !part(c)).unwrap_or(rest.len());
    if first.is_ascii_alphabetic() || first == '_' {
        let length = run(|c| c.is_ascii_alphanumeric() || c == '_');
        return (Some(Token::Word(rest[..length].to_owned())), length);
    }
    if first.is_ascii_digit() {
        let length = run(|c| c.is_ascii_alphanumeric());
        return (Some(Token::Number(rest[..length].to_owned())), length);
    }
    if first == '"' || first == '\'' {
        let (text, length) = quoted(rest, first);
        let token = if first == '"' {
            Token::Text(text)
        } else {
            Token::Char(text.chars().next().map_or(0, u32::from))
        };
        return (Some(token), length);
    }
    let mark = MARKS.iter().find(|mark| rest.starts_with(**mark));
    (
        mark.map(|mark| Token::Mark(mark)),
        mark.map_or(1, |mark| mark.len()),
    )
}

/// A text in quotes, without them, and how many bytes it took.
fn quoted(rest: &str, quote: char) -> (String, usize) {
    let mut text = String::new();
    let mut chars = rest.char_indices().skip(1);
    while let Some((at, c)) = chars.next() {
        match c {
            c if c == quote => return (text, at + c.len_utf8()),
            '\n' => return (text, at),
            '\\' => match chars.next() {
                Some((_, 'n')) => text.push('\n'),
                Some((_, 't')) => text.push('\t'),
                Some((_, '0')) => text.push('\0'),
                Some((_, other)) => text.push(other),
                None => {}
            },
            c => text.push(c),
        }
    }
    (text, rest.len())
}

/// A text without its comments, its lines joined where they end in a backslash.
/// Line ends stay, so that directives still begin lines.
pub(super) fn bare(text: &str) -> String {
    let text = text.replace("\\\r\n", " ").replace("\\\n", " ");
    let mut out = String::with_capacity(text.len());
    let mut rest = text.as_str();
    while let Some(at) = rest.find(['/', '"', '\'']) {
        out.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some(comment) = rest.strip_prefix("/*") {
            let end = comment.find("*/").map_or(comment.len(), |end| end + 2);
            out.push(' ');
            rest = &comment[end..];
        } else if rest.starts_with("//") {
            rest = &rest[rest.find('\n').unwrap_or(rest.len())..];
        } else {
            let quote = rest.chars().next().unwrap_or('/');
            let length = if quote == '/' {
                1
            } else {
                quoted(rest, quote).1.max(1)
            };
            out.push_str(&rest[..length]);
            rest = &rest[length..];
        }
    }
    out.push_str(rest);
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_numbers_texts_and_marks_are_told_apart() {
        let spelled: Vec<String> = tokens("{ PCI_VDEVICE(INTEL, 0x10d3UL), .a = \"x\\\"y\" },")
            .iter()
            .map(Token::spelled)
            .collect();
        let expected = [
            "{",
            "PCI_VDEVICE",
            "(",
            "INTEL",
            ",",
            "0x10d3UL",
            ")",
            ",",
            ".",
            "a",
            "=",
            "\"x\"y\"",
            "}",
            ",",
        ];
        assert_eq!(spelled, expected);
        assert_eq!(
            tokens("'A' a##b"),
            [
                Token::Char(65),
                Token::Word("a".into()),
                Token::Mark("##"),
                Token::Word("b".into()),
            ]
        );
    }

    #[test]
    fn comments_go_and_texts_that_look_like_some_stay() {
        assert_eq!(
            bare("a /* b\n */ c // d\n\"/* e */\""),
            "a   c \n\"/* e */\""
        );
        assert_eq!(
            bare("#define X \\\n 1\n'\"' /* x */ y"),
            "#define X   1\n'\"'   y"
        );
    }
}
