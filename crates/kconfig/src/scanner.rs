//! Kconfig text to tokens, macros expanded on the way, through `source`d files.

use std::rc::Rc;
use std::sync::Arc;

use crate::diagnostic::{Diagnostic, Location, Severity};
use crate::preprocess::{Note, Preprocessor, Site};

/// The words with a meaning of their own. They are recognised everywhere
/// except in strings, help texts and the value of an assignment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Keyword {
    Bool,
    Choice,
    Comment,
    Config,
    DefBool,
    DefTristate,
    Default,
    Depends,
    Endchoice,
    Endif,
    Endmenu,
    Help,
    Hex,
    If,
    Imply,
    Int,
    Mainmenu,
    Menu,
    Menuconfig,
    Modules,
    On,
    Optional,
    Prompt,
    Range,
    Select,
    Source,
    String,
    Tristate,
    Visible,
}

/// A word: a part of a file's text, or the whole of an expansion.
#[derive(Clone, Debug)]
pub(crate) struct Word {
    text: Rc<str>,
    start: usize,
    end: usize,
}

impl Word {
    pub(crate) fn as_str(&self) -> &str {
        &self.text[self.start..self.end]
    }
}

impl PartialEq for Word {
    fn eq(&self, other: &Self) -> bool {
        self.as_str() == other.as_str()
    }
}

/// One token.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Token {
    /// The end of a statement.
    Eol,
    /// The end of the last file.
    Eof,
    Keyword(Keyword),
    Word(Word),
    Quoted(Box<str>),
    /// The right side of an assignment, unexpanded.
    AssignedText(Box<str>),
    Or,
    And,
    Equal,
    Unequal,
    Less,
    LessEqual,
    Greater,
    GreaterEqual,
    Not,
    Open,
    Close,
    ColonEqual,
    PlusEqual,
}

struct Buffer {
    name: Arc<str>,
    text: Rc<str>,
    at: usize,
    line: u32,
    line_start: usize,
    /// The line of the `source` statement in the buffer below.
    source_line: u32,
}

/// Reads tokens from a stack of files.
pub(crate) struct Scanner<'a> {
    buffers: Vec<Buffer>,
    pub(crate) macros: Preprocessor<'a>,
    pub(crate) diagnostics: Vec<Diagnostic>,
    /// Whether `optional` is a keyword, as it was up to 6.9.
    optional: bool,
    line_begins: bool,
    /// The line the current statement began on, as `conf` counts it.
    pub(crate) statement_line: u32,
    token_start: (u32, u32),
}

/// The operator that begins with a byte, and its length.
fn operator(byte: u8, next: Option<u8>) -> Option<(Token, usize)> {
    Some(match (byte, next) {
        (b'|', Some(b'|')) => (Token::Or, 2),
        (b'&', Some(b'&')) => (Token::And, 2),
        (b'=', _) => (Token::Equal, 1),
        (b'!', Some(b'=')) => (Token::Unequal, 2),
        (b'!', _) => (Token::Not, 1),
        (b'<', Some(b'=')) => (Token::LessEqual, 2),
        (b'<', _) => (Token::Less, 1),
        (b'>', Some(b'=')) => (Token::GreaterEqual, 2),
        (b'>', _) => (Token::Greater, 1),
        (b'(', _) => (Token::Open, 1),
        (b')', _) => (Token::Close, 1),
        (b':', Some(b'=')) => (Token::ColonEqual, 2),
        (b'+', Some(b'=')) => (Token::PlusEqual, 2),
        _ => return None,
    })
}

fn keyword(word: &[u8]) -> Option<Keyword> {
    // Nearly all words are the names of options.
    if !word.first().is_some_and(u8::is_ascii_lowercase) {
        return None;
    }
    Some(match word {
        b"bool" => Keyword::Bool,
        b"choice" => Keyword::Choice,
        b"comment" => Keyword::Comment,
        b"config" => Keyword::Config,
        b"def_bool" => Keyword::DefBool,
        b"def_tristate" => Keyword::DefTristate,
        b"default" => Keyword::Default,
        b"depends" => Keyword::Depends,
        b"endchoice" => Keyword::Endchoice,
        b"endif" => Keyword::Endif,
        b"endmenu" => Keyword::Endmenu,
        b"help" => Keyword::Help,
        b"hex" => Keyword::Hex,
        b"if" => Keyword::If,
        b"imply" => Keyword::Imply,
        b"int" => Keyword::Int,
        b"mainmenu" => Keyword::Mainmenu,
        b"menu" => Keyword::Menu,
        b"menuconfig" => Keyword::Menuconfig,
        b"modules" => Keyword::Modules,
        b"on" => Keyword::On,
        b"optional" => Keyword::Optional,
        b"prompt" => Keyword::Prompt,
        b"range" => Keyword::Range,
        b"select" => Keyword::Select,
        b"source" => Keyword::Source,
        b"string" => Keyword::String,
        b"tristate" => Keyword::Tristate,
        b"visible" => Keyword::Visible,
        _ => return None,
    })
}

fn is_word(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || byte == b'_' || byte == b'-'
}

impl<'a> Scanner<'a> {
    pub(crate) fn new(macros: Preprocessor<'a>, optional: bool) -> Self {
        Self {
            buffers: Vec::new(),
            macros,
            diagnostics: Vec::new(),
            optional,
            line_begins: true,
            statement_line: 1,
            token_start: (1, 1),
        }
    }

    /// Goes on with `text` until its end, then with what was before.
    pub(crate) fn push(&mut self, name: Arc<str>, text: String) {
        let source_line = self.statement_line;
        self.buffers.push(Buffer {
            name,
            text: text.into(),
            at: 0,
            line: 1,
            line_start: 0,
            source_line,
        });
    }

    /// The files that are open, innermost first, each with the line of the
    /// `source` statement that opened it.
    pub(crate) fn open_files(&self) -> impl Iterator<Item = (&Arc<str>, u32)> {
        self.buffers
            .iter()
            .rev()
            .map(|buffer| (&buffer.name, buffer.source_line))
    }

    /// How many files are open.
    pub(crate) fn depth(&self) -> usize {
        self.buffers.len()
    }

    /// The file that is being read.
    pub(crate) fn file(&self) -> Arc<str> {
        self.buffers
            .last()
            .map_or_else(|| "<none>".into(), |buffer| buffer.name.clone())
    }

    /// Where the last token began.
    pub(crate) fn token_location(&self) -> Location {
        Location {
            file: self.file(),
            line: self.token_start.0,
            column: self.token_start.1,
        }
    }

    /// Where the current statement began.
    pub(crate) fn statement_location(&self) -> Location {
        Location {
            file: self.file(),
            line: self.statement_line,
            column: 0,
        }
    }

    pub(crate) fn report(&mut self, severity: Severity, location: Location, message: String) {
        self.diagnostics.push(Diagnostic {
            severity,
            location,
            message,
        });
    }

    fn report_here(&mut self, severity: Severity, message: String) {
        let location = self.token_location();
        self.report(severity, location, message);
    }

    /// Moves the macro language's remarks into the diagnostics.
    pub(crate) fn take_notes(&mut self) {
        for Note { severity, message } in std::mem::take(&mut self.macros.notes) {
            self.report_here(severity, message);
        }
    }

    /// The next token that matters to the parser: the ends of empty lines don't.
    pub(crate) fn next(&mut self) -> Token {
        loop {
            let token = self.scan();
            if self.line_begins {
                if token == Token::Eol {
                    continue;
                }
                self.statement_line = self.token_start.0;
            }
            self.line_begins = token == Token::Eol;
            return token;
        }
    }

    /// Reads what follows an assignment operator, up to the end of the line.
    pub(crate) fn assigned_text(&mut self) -> Token {
        let Some(buffer) = self.buffers.last_mut() else {
            return Token::Eof;
        };
        let rest = &buffer.text[buffer.at..];
        let line = rest.split('\n').next().unwrap_or("");
        let value = line.trim_start_matches([' ', '\t']);
        buffer.at += line.len();
        Token::AssignedText(value.into())
    }

    fn scan(&mut self) -> Token {
        loop {
            let Some(buffer) = self.buffers.last_mut() else {
                return Token::Eof;
            };
            let text = Rc::clone(&buffer.text);
            let bytes = text.as_bytes();
            let start = buffer.at;
            self.token_start = (buffer.line, (start - buffer.line_start + 1) as u32);
            let Some(&byte) = bytes.get(start) else {
                return self.end_of_file();
            };
            let next = bytes.get(start + 1).copied();
            match byte {
                b'#' => {
                    let length = bytes[start..].iter().take_while(|&&b| b != b'\n').count();
                    buffer.at = start + length;
                }
                b' ' | b'\t' => buffer.at = start + 1,
                b'\\' if next == Some(b'\n') => {
                    buffer.at = start + 2;
                    buffer.line += 1;
                    buffer.line_start = buffer.at;
                }
                b'\n' => {
                    buffer.at = start + 1;
                    buffer.line += 1;
                    buffer.line_start = buffer.at;
                    return Token::Eol;
                }
                b'"' | b'\'' => {
                    buffer.at = start + 1;
                    return self.quoted(byte);
                }
                _ if is_word(byte) || byte == b'$' => {
                    if let Some(token) = self.word() {
                        return token;
                    }
                }
                _ => {
                    if let Some((token, length)) = operator(byte, next) {
                        buffer.at = start + length;
                        return token;
                    }
                    let character = text[start..].chars().next().unwrap_or('\u{fffd}');
                    buffer.at = start + character.len_utf8();
                    let message = format!("ignoring unsupported character '{character}'");
                    self.report_here(Severity::Warning, message);
                }
            }
        }
    }

    fn end_of_file(&mut self) -> Token {
        if !self.line_begins {
            // The statement ends with the file; its place is still this file's.
            if let Some(buffer) = self.buffers.last()
                && !buffer.text.ends_with('\n')
            {
                self.report_here(Severity::Warning, "no new line at end of file".to_owned());
                self.line_begins = true;
                return Token::Eol;
            }
        }
        self.buffers.pop();
        if self.buffers.is_empty() {
            Token::Eof
        } else {
            Token::Eol
        }
    }

    fn word(&mut self) -> Option<Token> {
        let buffer = self.buffers.last_mut()?;
        let text = Rc::clone(&buffer.text);
        let rest = &text[buffer.at..];
        let length = rest.bytes().take_while(|&b| is_word(b)).count();
        if rest.as_bytes().get(length) != Some(&b'$') {
            let start = buffer.at;
            buffer.at += length;
            return Some(match keyword(&rest.as_bytes()[..length]) {
                Some(keyword) if keyword != Keyword::Optional || self.optional => {
                    Token::Keyword(keyword)
                }
                _ => Token::Word(Word {
                    start,
                    end: start + length,
                    text,
                }),
            });
        }
        let line = rest.split('\n').next().unwrap_or("");
        let name = Arc::clone(&buffer.name);
        let site = Site {
            file: &name,
            line: buffer.line,
        };
        let (expansion, used) = self.macros.expand_token(line, site);
        buffer.at += used;
        self.take_notes();
        match expansion {
            Ok(word) if word.is_empty() => None,
            Ok(word) => {
                let (start, end) = (0, word.len());
                Some(Token::Word(Word {
                    text: word.into(),
                    start,
                    end,
                }))
            }
            Err(message) => {
                self.report_here(Severity::Error, message);
                None
            }
        }
    }

    fn quoted(&mut self, quote: u8) -> Token {
        let mut value = String::new();
        while let Some(buffer) = self.buffers.last_mut() {
            let text = Rc::clone(&buffer.text);
            let rest = &text[buffer.at..];
            let plain = rest
                .bytes()
                .position(|b| matches!(b, b'$' | b'\'' | b'"' | b'\\' | b'\n'))
                .unwrap_or(rest.len());
            value.push_str(&rest[..plain]);
            buffer.at += plain;
            let rest = &rest[plain..];
            match rest.as_bytes().first() {
                None => break,
                Some(b'\n') => {
                    let location = self.statement_location();
                    let message = "multi-line strings not supported".to_owned();
                    self.report(Severity::Warning, location, message);
                    break;
                }
                Some(b'$') => {
                    let line = rest[1..].split('\n').next().unwrap_or("");
                    let name = Arc::clone(&buffer.name);
                    let site = Site {
                        file: &name,
                        line: buffer.line,
                    };
                    let (expansion, used) = self.macros.expand_reference(line, site);
                    buffer.at += 1 + used;
                    self.take_notes();
                    match expansion {
                        Ok(text) => value.push_str(&text),
                        Err(message) => self.report_here(Severity::Error, message),
                    }
                }
                Some(b'\\') => {
                    let escaped = rest[1..].chars().next().filter(|&c| c != '\n');
                    buffer.at += 1 + escaped.map_or(0, char::len_utf8);
                    value.extend(escaped);
                }
                Some(&byte) => {
                    buffer.at += 1;
                    if byte == quote {
                        break;
                    }
                    value.push(byte as char);
                }
            }
        }
        Token::Quoted(value.into())
    }

    /// Reads a help text, which begins after the line end of `help`: as long
    /// as lines are indented as deeply as the first one.
    pub(crate) fn help_text(&mut self) -> Box<str> {
        let Some(buffer) = self.buffers.last_mut() else {
            return "".into();
        };
        let text = Rc::clone(&buffer.text);
        let mut help = String::new();
        let mut first_indent = 0;
        let mut first_line = true;
        while buffer.at < text.len() {
            let rest = &text[buffer.at..];
            let line = rest.split('\n').next().unwrap_or("");
            let content = line.trim_start_matches([' ', '\t']);
            let indent = indentation(&line[..line.len() - content.len()]);
            if !content.is_empty() {
                let ends = if indent == 0 {
                    !first_line
                } else {
                    indent < first_indent
                };
                if ends {
                    break;
                }
                if first_indent == 0 {
                    first_indent = indent;
                } else {
                    help.extend(std::iter::repeat_n(' ', indent - first_indent));
                }
                help.push_str(content.trim_end_matches([' ', '\t']));
            }
            first_line = false;
            buffer.at += line.len();
            if rest.len() > line.len() {
                buffer.at += 1;
                buffer.line += 1;
                buffer.line_start = buffer.at;
                help.push('\n');
            }
        }
        self.line_begins = true;
        let length = help.trim_end_matches('\n').len();
        help.truncate(length);
        help.into()
    }
}

/// The width of leading white space, a tab reaching to the next multiple of eight.
fn indentation(space: &str) -> usize {
    space.bytes().fold(0, |width, byte| {
        if byte == b'\t' {
            (width & !7) + 8
        } else {
            width + 1
        }
    })
}
