//! From tokens to commands: which words are in the place of a command's name.

use super::lexer::{Source, Token, Word};
use super::{Call, Script};

/// Commands in commands go so deep at most.
const DEPTH: usize = 16;

/// What is open around a command.
#[derive(Debug, PartialEq, Eq)]
enum Block {
    /// `if`, a loop, `{`, `(`.
    Open,
    /// `case … in`; whether a pattern comes next.
    Case { pattern: bool },
}

/// A list of commands being read.
#[derive(Debug, Default)]
struct List {
    blocks: Vec<Block>,
    words: Vec<Word>,
    /// What goes to nowhere: standard output, standard error.
    silent: (bool, bool),
    /// Whether the command depends on the one before it.
    conditional: bool,
    /// Whether no command comes to be run any more.
    ended: bool,
}

/// Reads a script whose first line has this number.
pub(super) fn read(bytes: &[u8], line: usize, depth: usize, script: &mut Script) {
    if depth > DEPTH {
        script.evaluates = true;
        return;
    }
    list(&mut Source::new(bytes, line, script), depth);
}

/// Reads commands to the end.
fn list(source: &mut Source<'_>, depth: usize) {
    let mut list = List::default();
    loop {
        let token = source.token();
        // What stands in a word is run before the word's command.
        for (bytes, line) in std::mem::take(&mut source.inner) {
            read(&bytes, line, depth + 1, source.script);
        }
        match token {
            Token::End => return list.finish("", source.script),
            Token::Newline => list.finish("\n", source.script),
            Token::Redirection(fd, operator) => list.redirection(fd, operator, source),
            Token::Word(word) => list.word(word, source),
            Token::Operator("(") => list.parenthesis(source),
            Token::Operator(")") => {
                list.finish(")", source.script);
                if list.blocks.last() == Some(&Block::Open) {
                    list.blocks.pop();
                }
            }
            Token::Operator(operator) => {
                list.finish(operator, source.script);
                if let (Some(Block::Case { pattern }), true) = (
                    list.blocks.last_mut(),
                    operator.starts_with(";;") || operator == ";&",
                ) {
                    *pattern = true;
                }
            }
        }
        if list.ended {
            return;
        }
    }
}

impl List {
    fn word(&mut self, word: Word, source: &mut Source<'_>) {
        if word.pattern && word.text.starts_with('/') && !word.expanded {
            source.script.patterns.insert(word.text.clone());
        }
        if let Some(Block::Case { pattern: true }) = self.blocks.last() {
            return self.pattern(&word, source);
        }
        if !self.words.is_empty() || !self.reserved(&word, source) {
            self.words.push(word);
        }
    }

    /// Over a pattern of `case`, to the `)` behind it.
    fn pattern(&mut self, first: &Word, source: &mut Source<'_>) {
        if first.is("esac") {
            self.blocks.pop();
            return;
        }
        loop {
            match source.token() {
                Token::End => return,
                Token::Operator(")") => break,
                _ => {}
            }
        }
        if let Some(Block::Case { pattern }) = self.blocks.last_mut() {
            *pattern = false;
        }
    }

    /// Takes a reserved word; tells whether it was one.
    fn reserved(&mut self, word: &Word, source: &mut Source<'_>) -> bool {
        if word.quoted || word.expanded {
            return false;
        }
        match word.text.as_str() {
            "if" | "while" | "until" | "{" => self.blocks.push(Block::Open),
            "then" | "else" | "elif" | "do" | "!" => {}
            "fi" | "done" | "}" => drop(self.blocks.pop()),
            "esac" => {
                if matches!(self.blocks.last(), Some(Block::Case { .. })) {
                    self.blocks.pop();
                }
            }
            "for" | "select" => {
                self.blocks.push(Block::Open);
                skip_words(source, None);
            }
            "case" => {
                skip_words(source, Some("in"));
                self.blocks.push(Block::Case { pattern: true });
            }
            "function" => {
                if let Token::Word(name) = source.token() {
                    source.script.functions.insert(name.text);
                }
            }
            _ => return false,
        }
        true
    }

    /// A `(`: of a function's name, of a pattern, or of commands.
    fn parenthesis(&mut self, source: &mut Source<'_>) {
        if let Some(Block::Case { pattern: true }) = self.blocks.last() {
            return; // the pattern's own, which may be left out
        }
        if let [name] = &self.words[..] {
            source.script.functions.insert(name.text.clone());
            self.words.clear();
            let before = (source.at, source.line);
            if source.token() != Token::Operator(")") {
                (source.at, source.line) = before;
            }
            return;
        }
        self.words.clear();
        self.blocks.push(Block::Open);
    }

    fn redirection(&mut self, fd: Option<u8>, operator: &str, source: &mut Source<'_>) {
        let before = (source.at, source.line);
        let Token::Word(target) = source.token() else {
            (source.at, source.line) = before;
            return;
        };
        match operator {
            "<<" | "<<-" => {
                let strip = operator == "<<-";
                source.here_documents.push((target.text, strip));
            }
            "&>" | "&>>" => self.silent = (true, true),
            ">" | ">>" | ">|" => {
                source.script.written.insert(target.text.clone());
                let nowhere = target.is("/dev/null");
                match fd {
                    Some(2) => self.silent.1 = nowhere,
                    None | Some(1) => self.silent.0 = nowhere,
                    Some(_) => {}
                }
            }
            ">&" if fd == Some(2) && target.is("1") => self.silent.1 = self.silent.0,
            _ => {}
        }
    }

    /// Ends a simple command at an operator.
    fn finish(&mut self, operator: &str, script: &mut Script) {
        let words = std::mem::take(&mut self.words);
        let handled = operator == "||" || self.silent.1;
        let alone =
            self.blocks.is_empty() && !self.conditional && matches!(operator, "\n" | ";" | "");
        let assigned = words.iter().take_while(|word| word.assigned().is_some());
        let assigned = assigned.count();
        let path = |word: &Word| word.assigned() == Some("PATH");
        script.sets_path |= words[..assigned].iter().any(path);
        if let Some(last) = call(&words[assigned..], handled, script) {
            self.ended |= alone && last;
        }
        self.silent = (false, false);
        self.conditional = matches!(operator, "&&" | "||");
    }
}

/// Over words to the end of a `for`'s line, or to a word that is said.
fn skip_words(source: &mut Source<'_>, to: Option<&str>) {
    loop {
        match source.token() {
            Token::Word(word) if to.is_some_and(|to| word.is(to)) => return,
            Token::Newline | Token::Operator(_) if to.is_none() => return,
            Token::End => return,
            Token::Word(word) if word.pattern && word.text.starts_with('/') => {
                source.script.patterns.insert(word.text);
            }
            _ => {}
        }
    }
}

/// Notes a simple command; tells whether nothing is run behind it.
fn call(mut words: &[Word], handled: bool, script: &mut Script) -> Option<bool> {
    let mut last = false;
    loop {
        let (first, arguments) = words.split_first()?;
        let name = first
            .literal()
            .filter(|name| !first.pattern || *name == "[[")?;
        match name {
            "exec" => {
                last = true;
                words = arguments;
                continue;
            }
            "command"
                if arguments
                    .first()
                    .is_some_and(|word| !word.text.starts_with('-')) =>
            {
                note(first, arguments, handled, script);
                words = arguments;
                continue;
            }
            "command" | "type" | "which" | "hash" => looks_for(arguments, script),
            "[" | "test" | "[[" => looks_for(arguments, script),
            "." | "source" => {
                let file = arguments.first().and_then(Word::literal);
                script.sourced.push(file.map(str::to_owned));
            }
            "eval" => script.evaluates = true,
            "alias" => {
                let names = arguments
                    .iter()
                    .filter_map(|word| word.text.split_once('='));
                script
                    .functions
                    .extend(names.map(|(name, _)| name.to_owned()));
            }
            "export" | "readonly" | "local" => {
                script.sets_path |= arguments.iter().any(|word| word.text.starts_with("PATH="));
            }
            "exit" => last = true,
            _ => {}
        }
        note(first, arguments, handled, script);
        return Some(last);
    }
}

fn note(name: &Word, arguments: &[Word], handled: bool, script: &mut Script) {
    let literal = |word: &Word| word.literal().map(str::to_owned);
    script.calls.push(Call {
        line: name.line,
        name: name.text.clone(),
        arguments: arguments.iter().map(literal).collect(),
        handled,
    });
}

/// Notes the words that a test asks for, by their paths and by their names.
fn looks_for(words: &[Word], script: &mut Script) {
    for word in words.iter().filter(|word| !word.text.starts_with('-')) {
        let name = word.text.rsplit('/').next().unwrap_or_default();
        script
            .looked_for
            .extend([word.text.clone(), name.to_owned()]);
    }
}
