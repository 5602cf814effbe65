//! Tokens to entries, symbols and properties.
//!
//! The parser goes on after an error with the next line and reports them all.
//! Blocks and files nest on stacks of its own, so that no input can exhaust
//! the program's stack; parentheses and blocks have limits.

mod expression;
mod options;

use std::sync::Arc;

use rustc_hash::{FxHashMap, FxHashSet};

use crate::diagnostic::{Diagnostic, Location, Severity};
use crate::expr::{ExprId, ExprPool, SymbolId};
use crate::model::{
    Dialect, Entry, EntryId, EntryKind, Property, PropertyKind, Symbol, SymbolKind, SymbolType,
};
use crate::preprocess::{Flavor, Preprocessor, Site};
use crate::probe::{Environment, Shell};
use crate::scanner::{Keyword, Scanner, Token};
use crate::tree::SourceTree;

/// How deep files may include each other.
const MAX_FILES: usize = 100;
/// How many files a tree may read, those read again included.
const MAX_READ: usize = 50_000;
/// How deep menus, choices and `if`s may nest.
const MAX_BLOCKS: usize = 200;

/// A statement couldn't be read; what is wrong has been reported.
pub(crate) struct Rejected;

type Accepted<T> = Result<T, Rejected>;

/// What reading a tree gives, before dependencies are passed down.
pub(crate) struct Parsed {
    pub(crate) symbols: Vec<Symbol>,
    pub(crate) options: FxHashMap<Box<str>, SymbolId>,
    pub(crate) exprs: ExprPool,
    pub(crate) entries: Vec<Entry>,
    /// The choice around each entry.
    pub(crate) enclosing_choice: Vec<Option<EntryId>>,
    pub(crate) modules: Option<SymbolId>,
    pub(crate) files: Vec<Arc<str>>,
    pub(crate) used_env: Environment,
    pub(crate) diagnostics: Vec<Diagnostic>,
}

struct Parser<'a> {
    dialect: Dialect,
    scanner: Scanner<'a>,
    tree: &'a dyn SourceTree,
    peeked: Option<Token>,
    symbols: Vec<Symbol>,
    options: FxHashMap<Box<str>, SymbolId>,
    constants: FxHashMap<Box<str>, SymbolId>,
    named_choices: FxHashMap<Box<str>, SymbolId>,
    exprs: ExprPool,
    entries: Vec<Entry>,
    enclosing_choice: Vec<Option<EntryId>>,
    modules: Option<SymbolId>,
    files: Vec<Arc<str>>,
    known_files: FxHashSet<Arc<str>>,
    files_read: usize,
    /// The blocks that are open, each with its file.
    blocks: Vec<(EntryId, Arc<str>)>,
    /// The entry that options belong to.
    current: Option<EntryId>,
    choice: Option<EntryId>,
    /// Whether anything but assignments has been read; `mainmenu` comes first.
    started: bool,
}

/// Reads the tree that begins with the file `path`.
pub(crate) fn parse(
    path: &str,
    tree: &dyn SourceTree,
    env: &Environment,
    shell: &dyn Shell,
    dialect: Dialect,
) -> std::io::Result<Parsed> {
    let text = tree.read(path)?;
    let scanner = Scanner::new(Preprocessor::new(env, shell), dialect == Dialect::Linux6_1);
    let mut parser = Parser {
        dialect,
        scanner,
        tree,
        peeked: None,
        symbols: Vec::new(),
        options: FxHashMap::default(),
        constants: FxHashMap::default(),
        named_choices: FxHashMap::default(),
        exprs: ExprPool::new(),
        entries: Vec::new(),
        enclosing_choice: Vec::new(),
        modules: None,
        files: Vec::new(),
        known_files: FxHashSet::default(),
        files_read: 0,
        blocks: Vec::new(),
        current: None,
        choice: None,
        started: false,
    };
    for name in ["n", "m", "y"] {
        let id = parser.new_symbol(name.into(), SymbolKind::Constant);
        parser.symbols[id.index()].ty = SymbolType::Tristate;
    }
    parser.open(path, text);
    parser.add_entry(EntryKind::Root, None);
    parser.current = None;
    parser.run();
    Ok(Parsed {
        symbols: parser.symbols,
        options: parser.options,
        exprs: parser.exprs,
        entries: parser.entries,
        enclosing_choice: parser.enclosing_choice,
        modules: parser.modules,
        files: parser.files,
        used_env: parser.scanner.macros.used_env,
        diagnostics: parser.scanner.diagnostics,
    })
}

impl Parser<'_> {
    fn run(&mut self) {
        loop {
            let token = self.next();
            if token == Token::Eof {
                break;
            }
            if self.statement(token).is_err() {
                self.skip_line();
            }
        }
        for (entry, _) in std::mem::take(&mut self.blocks) {
            let location = self.entries[entry.index()].location.clone();
            let message = "missing end statement for this entry".to_owned();
            self.scanner.report(Severity::Error, location, message);
            self.entries[entry.index()].end = self.entries.len() as u32;
        }
        self.entries[0].end = self.entries.len() as u32;
    }

    fn next(&mut self) -> Token {
        match self.peeked.take() {
            Some(token) => token,
            None => self.scanner.next(),
        }
    }

    fn peek(&mut self) -> &Token {
        if self.peeked.is_none() {
            self.peeked = Some(self.scanner.next());
        }
        self.peeked.get_or_insert(Token::Eof)
    }

    fn skip_line(&mut self) {
        while !matches!(self.next(), Token::Eol | Token::Eof) {}
    }

    fn error(&mut self, message: impl Into<String>) -> Rejected {
        let location = self.scanner.token_location();
        self.scanner
            .report(Severity::Error, location, message.into());
        Rejected
    }

    fn warn(&mut self, message: impl Into<String>) {
        let location = self.scanner.statement_location();
        self.scanner
            .report(Severity::Warning, location, message.into());
    }

    fn end_of_line(&mut self) -> Accepted<()> {
        match self.peek() {
            Token::Eol => {
                self.peeked = None;
                Ok(())
            }
            Token::Eof => Ok(()),
            _ => Err(self.error("expected the end of the line")),
        }
    }

    fn statement(&mut self, token: Token) -> Accepted<()> {
        let keyword = match token {
            Token::Word(word) => return self.assignment(word.as_str()),
            Token::Keyword(keyword) => keyword,
            Token::Eol => return Ok(()),
            _ => return Err(self.error("invalid statement")),
        };
        let was_started = std::mem::replace(&mut self.started, true);
        if let Some(entry) = self.current
            && self.option(entry, keyword)?
        {
            return Ok(());
        }
        let inside_choice = self.choice.is_some();
        match keyword {
            Keyword::Config => self.config(EntryKind::Config),
            Keyword::Menuconfig if !inside_choice => self.config(EntryKind::Menuconfig),
            Keyword::Choice if !inside_choice => self.begin_choice(),
            Keyword::Menu if !inside_choice => self.titled(EntryKind::Menu),
            Keyword::Comment => self.titled(EntryKind::Comment),
            Keyword::If => self.begin_if(),
            Keyword::Endmenu => self.end_block(EntryKind::Menu, "menu"),
            Keyword::Endchoice => self.end_block(EntryKind::Choice, "choice"),
            Keyword::Endif => self.end_block(EntryKind::If, "if"),
            Keyword::Source if !inside_choice => self.source(),
            Keyword::Mainmenu if !was_started => self.main_menu(),
            _ => Err(self.error("invalid statement")),
        }
    }

    fn assignment(&mut self, name: &str) -> Accepted<()> {
        let flavor = match self.peek() {
            Token::Equal => Flavor::Recursive,
            Token::ColonEqual => Flavor::Simple,
            Token::PlusEqual => Flavor::Append,
            _ => return Err(self.error(format!("unknown statement \"{name}\""))),
        };
        if self.choice.is_some() {
            return Err(self.error("invalid statement"));
        }
        self.current = None;
        self.peeked = None;
        let Token::AssignedText(value) = self.scanner.assigned_text() else {
            return Ok(());
        };
        let file = self.scanner.file();
        let site = Site {
            file: &file,
            line: self.scanner.statement_line,
        };
        let result = self.scanner.macros.assign(name, &value, flavor, site);
        self.scanner.take_notes();
        if let Err(message) = result {
            self.error(message);
        }
        self.end_of_line()
    }

    fn main_menu(&mut self) -> Accepted<()> {
        let title = self.quoted("a quoted title")?;
        self.end_of_line()?;
        self.entries[0].prompt = Some(title);
        Ok(())
    }

    fn quoted(&mut self, what: &str) -> Accepted<Box<str>> {
        match self.next() {
            Token::Quoted(text) => Ok(text),
            other => {
                self.peeked = Some(other);
                Err(self.error(format!("expected {what}")))
            }
        }
    }

    fn open(&mut self, path: &str, text: String) {
        self.files_read += 1;
        let name: Arc<str> = path.into();
        if self.known_files.insert(name.clone()) {
            self.files.push(name.clone());
        }
        self.scanner.push(name, text);
    }

    fn source(&mut self) -> Accepted<()> {
        self.current = None;
        let path = self.quoted("a quoted path")?;
        let location = self.scanner.statement_location();
        self.end_of_line()?;
        let text = match self.tree.read(&path) {
            Ok(text) => text,
            Err(error) => {
                if path.contains(['*', '?']) {
                    return self.source_matching(&path, &location);
                }
                let message = format!("can't open file \"{path}\": {error}");
                self.scanner.report(Severity::Error, location, message);
                return Ok(());
            }
        };
        self.include(&path, text, &location);
        Ok(())
    }

    fn source_matching(&mut self, pattern: &str, location: &Location) -> Accepted<()> {
        // Files are read from a stack, so the last is pushed first.
        for path in self.tree.glob(pattern).iter().rev() {
            match self.tree.read(path) {
                Ok(text) => self.include(path, text, location),
                Err(error) => {
                    let message = format!("can't open file \"{path}\": {error}");
                    self.scanner
                        .report(Severity::Error, location.clone(), message);
                }
            }
        }
        Ok(())
    }

    fn include(&mut self, path: &str, text: String, location: &Location) {
        let mut trail: Vec<(Arc<str>, u32)> = Vec::new();
        let mut line = location.line;
        let mut recursive = false;
        for (file, opened_at) in self.scanner.open_files() {
            trail.push((file.clone(), line));
            recursive |= **file == *path;
            line = opened_at;
        }
        if recursive {
            let mut message = format!("recursive inclusion of \"{path}\"");
            for (file, line) in trail {
                message.push_str(&format!(", included from {file}:{line}"));
            }
            self.scanner
                .report(Severity::Error, location.clone(), message);
        } else if self.files_read >= MAX_READ {
            // Once is enough: a tree that gets here gets here again and again.
            if self.files_read == MAX_READ {
                self.files_read += 1;
                let message = "the tree reads too many files".to_owned();
                self.scanner
                    .report(Severity::Error, location.clone(), message);
            }
        } else if self.scanner.depth() >= MAX_FILES {
            let message = "files include each other too deeply".to_owned();
            self.scanner
                .report(Severity::Error, location.clone(), message);
        } else {
            self.open(path, text);
        }
    }

    fn new_symbol(&mut self, name: Box<str>, kind: SymbolKind) -> SymbolId {
        let id = SymbolId(self.symbols.len() as u32);
        self.symbols.push(Symbol {
            name,
            kind,
            ty: SymbolType::Unknown,
            properties: Vec::new(),
            entries: Vec::new(),
            direct_dependency: ExprId::YES,
            selected_by: ExprId::NO,
            implied_by: ExprId::NO,
            choice: None,
            in_choice: false,
            members: Vec::new(),
            optional: false,
        });
        id
    }

    fn lookup(&mut self, name: &str, constant: bool) -> SymbolId {
        match name {
            "n" => return SymbolId::NO,
            "m" => return SymbolId::MOD,
            "y" => return SymbolId::YES,
            _ => {}
        }
        let known = if constant {
            &self.constants
        } else {
            &self.options
        };
        if let Some(&id) = known.get(name) {
            return id;
        }
        let kind = if constant {
            SymbolKind::Constant
        } else {
            SymbolKind::Option
        };
        let id = self.new_symbol(name.into(), kind);
        let known = if constant {
            &mut self.constants
        } else {
            &mut self.options
        };
        known.insert(name.into(), id);
        id
    }

    /// A symbol by its bare name, where quotes are not accepted.
    fn option_name(&mut self) -> Accepted<SymbolId> {
        match self.next() {
            Token::Word(word) => Ok(self.lookup(word.as_str(), false)),
            other => {
                self.peeked = Some(other);
                Err(self.error("expected the name of an option"))
            }
        }
    }

    fn add_entry(&mut self, kind: EntryKind, symbol: Option<SymbolId>) -> EntryId {
        let id = EntryId(self.entries.len() as u32);
        let parent = self
            .blocks
            .last()
            .map_or(EntryId::ROOT, |(entry, _)| *entry);
        self.entries.push(Entry {
            kind,
            symbol,
            parent,
            end: id.0 + 1,
            prompt: None,
            prompt_condition: ExprId::YES,
            written_dependency: ExprId::YES,
            dependency: ExprId::YES,
            visible_if: ExprId::YES,
            help: None,
            location: self.scanner.statement_location(),
        });
        self.enclosing_choice.push(self.choice);
        if let Some(symbol) = symbol {
            self.symbols[symbol.index()].entries.push(id);
        }
        self.current = Some(id);
        id
    }

    fn config(&mut self, kind: EntryKind) -> Accepted<()> {
        self.current = None;
        let symbol = self.option_name()?;
        self.end_of_line()?;
        if symbol <= SymbolId::YES {
            return Err(self.error("the constants y, m and n cannot be defined"));
        }
        self.add_entry(kind, Some(symbol));
        Ok(())
    }

    fn titled(&mut self, kind: EntryKind) -> Accepted<()> {
        self.current = None;
        let title = self.quoted("a quoted title")?;
        self.end_of_line()?;
        let entry = self.add_entry(kind, None);
        let title = self.prompt_text(title);
        self.entries[entry.index()].prompt = Some(title);
        if kind == EntryKind::Menu {
            self.begin_block(entry)?;
            self.current = Some(entry);
        }
        Ok(())
    }

    fn prompt_text(&mut self, text: Box<str>) -> Box<str> {
        let trimmed = text.trim_start();
        if trimmed.len() == text.len() {
            return text;
        }
        self.warn("leading whitespace ignored");
        trimmed.into()
    }

    fn begin_choice(&mut self) -> Accepted<()> {
        self.current = None;
        let symbol = match self.next() {
            Token::Word(name) if self.dialect == Dialect::Linux6_1 => {
                match self.named_choices.get(name.as_str()) {
                    Some(&symbol) => symbol,
                    None => {
                        let symbol = self.new_symbol("".into(), SymbolKind::Choice);
                        self.named_choices.insert(name.as_str().into(), symbol);
                        symbol
                    }
                }
            }
            token => {
                self.peeked = Some(token);
                self.new_symbol("".into(), SymbolKind::Choice)
            }
        };
        if self.dialect == Dialect::Linux6_12 {
            self.symbols[symbol.index()].ty = SymbolType::Bool;
        }
        self.end_of_line()?;
        let entry = self.add_entry(EntryKind::Choice, Some(symbol));
        self.begin_block(entry)?;
        self.choice = Some(entry);
        self.current = Some(entry);
        Ok(())
    }

    fn begin_if(&mut self) -> Accepted<()> {
        self.current = None;
        let condition = self.expression()?;
        self.end_of_line()?;
        let entry = self.add_entry(EntryKind::If, None);
        self.entries[entry.index()].written_dependency = condition;
        self.current = None;
        self.begin_block(entry)
    }

    fn begin_block(&mut self, entry: EntryId) -> Accepted<()> {
        if self.blocks.len() >= MAX_BLOCKS {
            return Err(self.error("blocks nest too deeply"));
        }
        self.blocks.push((entry, self.scanner.file()));
        Ok(())
    }

    fn end_block(&mut self, kind: EntryKind, name: &str) -> Accepted<()> {
        self.current = None;
        let Some((entry, file)) = self.blocks.last().cloned() else {
            return Err(self.error(format!("'end{name}' without '{name}'")));
        };
        let open = self.entries[entry.index()].kind;
        if open != kind {
            let open = match open {
                EntryKind::Menu => "menu",
                EntryKind::Choice => "choice",
                _ => "if",
            };
            return Err(self.error(format!("unexpected 'end{name}' within {open} block")));
        }
        if file != self.scanner.file() {
            let begin = self.entries[entry.index()].location.clone();
            self.error(format!(
                "'end{name}' in different file than '{name}' at {begin}"
            ));
        }
        self.blocks.pop();
        self.entries[entry.index()].end = self.entries.len() as u32;
        if kind == EntryKind::Choice {
            self.choice = None;
        }
        self.end_of_line()
    }

    fn set_type(&mut self, entry: EntryId, ty: SymbolType) {
        let Some(symbol) = self.entries[entry.index()].symbol else {
            return;
        };
        let symbol = &mut self.symbols[symbol.index()];
        if symbol.ty == SymbolType::Unknown {
            symbol.ty = ty;
        } else if symbol.ty != ty {
            let name = if symbol.is_choice() {
                "<choice>"
            } else {
                &symbol.name
            };
            let message = format!(
                "ignoring type redefinition of '{name}' from '{}' to '{}'",
                symbol.ty.as_str(),
                ty.as_str()
            );
            let location = self.entries[entry.index()].location.clone();
            self.scanner.report(Severity::Warning, location, message);
        }
    }

    fn add_property(&mut self, entry: EntryId, kind: PropertyKind, condition: ExprId) {
        let Some(symbol) = self.entries[entry.index()].symbol else {
            return;
        };
        let location = self.scanner.statement_location();
        self.symbols[symbol.index()].properties.push(Property {
            kind,
            entry,
            written_condition: condition,
            condition,
            location,
        });
    }
}
