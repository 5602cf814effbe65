//! A script's tokens: words with quotes taken off, operators, line ends.

use super::Script;

/// A word.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Word {
    /// Its line, from 1.
    pub line: usize,
    /// What it reads without its quotes.
    pub text: String,
    /// Whether something in it is expanded: a parameter, a command.
    pub expanded: bool,
    /// Whether a part of it is quoted: then it is no reserved word.
    pub quoted: bool,
    /// Whether it has an unquoted `*`, `?` or `[`.
    pub pattern: bool,
    /// How much of it stands before the first quote or expansion, in bytes.
    pub plain: usize,
}

/// A token.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Token {
    Word(Word),
    /// An operator between commands: `;`, `&&`, `(`, ….
    Operator(&'static str),
    /// A redirection: its file descriptor where one is written, its operator.
    Redirection(Option<u8>, &'static str),
    Newline,
    End,
}

const OPERATORS: &[&str] = &[";;&", ";;", ";&", ";", "&&", "&", "||", "|&", "|", "(", ")"];

const REDIRECTIONS: &[&str] = &[
    "<<<", "<<-", "<<", "<&", "<>", "<", "&>>", "&>", ">>", ">&", ">|", ">",
];

impl Word {
    /// Its text, where nothing in it is expanded.
    pub(super) fn literal(&self) -> Option<&str> {
        (!self.expanded).then_some(self.text.as_str())
    }

    /// Whether it reads so without any quote.
    pub(super) fn is(&self, text: &str) -> bool {
        !self.quoted && !self.expanded && self.text == text
    }

    /// The variable that it sets, where it is an assignment.
    pub(super) fn assigned(&self) -> Option<&str> {
        let name = self.text.get(..self.plain)?.split_once('=')?.0;
        let mut letters = name.bytes();
        let first = letters.next()?;
        let fits = (first.is_ascii_alphabetic() || first == b'_')
            && letters.all(|b| b.is_ascii_alphanumeric() || b == b'_');
        fits.then_some(name)
    }
}

/// A script being read.
#[derive(Debug)]
pub(super) struct Source<'a> {
    bytes: &'a [u8],
    /// Where it is read, in bytes.
    pub at: usize,
    /// The line there, from 1.
    pub line: usize,
    /// The commands that stood in the last word, with their first lines.
    pub inner: Vec<(Vec<u8>, usize)>,
    /// Here-documents whose text begins behind this line: their last lines, and
    /// whether tabs before these don't count.
    pub here_documents: Vec<(String, bool)>,
    /// What is found.
    pub script: &'a mut Script,
}

impl<'a> Source<'a> {
    /// The bytes of a script whose first line has this number.
    pub(super) fn new(bytes: &'a [u8], line: usize, script: &'a mut Script) -> Source<'a> {
        Source {
            bytes,
            at: 0,
            line,
            inner: Vec::new(),
            here_documents: Vec::new(),
            script,
        }
    }

    fn peek(&self) -> Option<u8> {
        self.bytes.get(self.at).copied()
    }

    fn bump(&mut self) {
        if self.peek() == Some(b'\n') {
            self.line += 1;
        }
        self.at = (self.at + 1).min(self.bytes.len());
    }
}

impl Source<'_> {
    /// The next token.
    pub(super) fn token(&mut self) -> Token {
        self.skip_blanks();
        let Some(byte) = self.peek() else {
            return Token::End;
        };
        if byte == b'\n' {
            self.bump();
            self.skip_here_documents();
            return Token::Newline;
        }
        let digit =
            byte.is_ascii_digit() && matches!(self.bytes.get(self.at + 1), Some(b'<' | b'>'));
        let from = self.at + usize::from(digit);
        let rest = self.bytes.get(from..).unwrap_or_default();
        if let Some(found) = REDIRECTIONS.iter().find(|o| rest.starts_with(o.as_bytes())) {
            self.at = from + found.len();
            return Token::Redirection(digit.then(|| byte - b'0'), found);
        }
        if let Some(found) = OPERATORS.iter().find(|o| rest.starts_with(o.as_bytes())) {
            self.at += found.len();
            return Token::Operator(found);
        }
        Token::Word(self.word())
    }

    /// Over blanks, comments and lines that go on.
    fn skip_blanks(&mut self) {
        loop {
            match self.peek() {
                Some(b' ' | b'\t') => self.bump(),
                Some(b'\\') if self.bytes.get(self.at + 1) == Some(&b'\n') => {
                    self.bump();
                    self.bump();
                }
                Some(b'#') => {
                    while self.peek().is_some_and(|b| b != b'\n') {
                        self.bump();
                    }
                }
                _ => return,
            }
        }
    }

    fn word(&mut self) -> Word {
        let mut word = Word {
            line: self.line,
            ..Word::default()
        };
        let mut text = Vec::new();
        let mut plain = None;
        while let Some(byte) = self.peek() {
            match byte {
                b' ' | b'\t' | b'\n' | b';' | b'&' | b'|' | b'(' | b')' | b'<' | b'>' => break,
                b'\\' | b'\'' | b'"' | b'$' | b'`' => {
                    plain.get_or_insert(text.len());
                    self.special(byte, &mut text, &mut word);
                }
                _ => {
                    word.pattern |=
                        matches!(byte, b'*' | b'?') || (byte == b'[' && !text.is_empty());
                    text.push(byte);
                    self.bump();
                }
            }
        }
        word.plain = plain.unwrap_or(text.len());
        word.text = String::from_utf8_lossy(&text).into_owned();
        // What is no text is longer in its place.
        word.plain = word.plain.min(word.text.len());
        word
    }

    /// A quote or an expansion, whole.
    fn special(&mut self, byte: u8, text: &mut Vec<u8>, word: &mut Word) {
        match byte {
            b'\\' => {
                self.bump();
                word.quoted = true;
                if let Some(next) = self.peek() {
                    self.bump();
                    // A line that goes on.
                    if next != b'\n' {
                        text.push(next);
                    }
                }
            }
            b'\'' => {
                self.bump();
                word.quoted = true;
                while let Some(next) = self.peek() {
                    self.bump();
                    if next == b'\'' {
                        break;
                    }
                    text.push(next);
                }
            }
            b'"' => {
                self.bump();
                word.quoted = true;
                self.double_quoted(text, word);
            }
            _ => word.expanded |= self.expansion(text),
        }
    }

    fn double_quoted(&mut self, text: &mut Vec<u8>, word: &mut Word) {
        while let Some(byte) = self.peek() {
            match byte {
                b'"' => return self.bump(),
                b'\\' => {
                    self.bump();
                    if let Some(next) = self.peek() {
                        self.bump();
                        match next {
                            b'\n' => {}
                            b'$' | b'`' | b'"' | b'\\' => text.push(next),
                            _ => text.extend([b'\\', next]),
                        }
                    }
                }
                b'$' | b'`' => word.expanded |= self.expansion(text),
                _ => {
                    text.push(byte);
                    self.bump();
                }
            }
        }
    }

    /// What begins with `$` or a backquote; tells whether it is an expansion.
    fn expansion(&mut self, text: &mut Vec<u8>) -> bool {
        let first = self.peek();
        let line = self.line;
        self.bump();
        if first == Some(b'`') {
            self.backquoted(line);
            return true;
        }
        match self.peek() {
            Some(b'(') if self.bytes.get(self.at + 1) == Some(&b'(') => {
                self.script.arithmetic.get_or_insert(line);
                self.skip_balanced(b'(', b')');
                true
            }
            Some(b'(') => {
                self.bump();
                let from = self.at;
                let end = self.skip_commands();
                let inner = self.bytes[from..end].to_vec();
                self.inner.push((inner, line));
                true
            }
            Some(b'{') => {
                self.skip_balanced(b'{', b'}');
                true
            }
            Some(byte) if byte.is_ascii_alphanumeric() || b"_@*#?$!-".contains(&byte) => true,
            _ => {
                text.push(b'$');
                false
            }
        }
    }

    fn backquoted(&mut self, line: usize) {
        let mut inner = Vec::new();
        while let Some(byte) = self.peek() {
            self.bump();
            match byte {
                b'`' => break,
                b'\\' => {
                    let next = self.peek();
                    if let Some(next) = next {
                        self.bump();
                        if !matches!(next, b'`' | b'\\' | b'$') {
                            inner.push(b'\\');
                        }
                        inner.push(next);
                    }
                }
                _ => inner.push(byte),
            }
        }
        self.inner.push((inner, line));
    }

    /// Over commands and the `)` that closes them; tells where that stands. A `)`
    /// behind a pattern of `case` closes nothing.
    fn skip_commands(&mut self) -> usize {
        let mut depth = 0usize;
        let mut quote = None;
        let mut cases = 0usize;
        while let Some(byte) = self.peek() {
            let here = self.at;
            cases += usize::from(quote.is_none() && self.bytes[here..].starts_with(b"case "));
            let esac = quote.is_none() && self.bytes[here..].starts_with(b"esac");
            cases = cases.saturating_sub(usize::from(esac));
            self.bump();
            match (byte, quote) {
                (b'\\', None | Some(b'"')) => self.bump(),
                (b'\'' | b'"', None) => quote = Some(byte),
                (_, Some(open)) if byte == open => quote = None,
                (b'(', None) => depth += 1,
                (b')', None) if depth > 0 => depth -= 1,
                (b')', None) if cases == 0 => return here,
                _ => {}
            }
        }
        self.at
    }

    /// Over a bracket and all that it holds.
    fn skip_balanced(&mut self, open: u8, close: u8) {
        let mut depth = 0usize;
        while let Some(byte) = self.peek() {
            self.bump();
            if byte == b'\\' {
                self.bump();
            } else if byte == open {
                depth += 1;
            } else if byte == close {
                depth -= 1;
                if depth == 0 {
                    return;
                }
            }
        }
    }

    /// Over the here-documents whose redirections stood in the line.
    fn skip_here_documents(&mut self) {
        for (end, strip) in std::mem::take(&mut self.here_documents) {
            while self.peek().is_some() {
                let rest = &self.bytes[self.at..];
                let length = rest.iter().position(|b| *b == b'\n').unwrap_or(rest.len());
                let mut line = &rest[..length];
                while strip && line.first() == Some(&b'\t') {
                    line = &line[1..];
                }
                self.at += (length + 1).min(rest.len());
                self.line += 1;
                if line == end.as_bytes() {
                    break;
                }
            }
        }
    }
}
