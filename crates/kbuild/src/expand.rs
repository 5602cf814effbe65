//! Variables of `make`, expanded, together with the options that a text rests
//! on: `$(CONFIG_X)` that is `y` makes what follows from it rest on X.

use std::collections::BTreeMap;

/// A text and the options that it rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Text {
    /// The text.
    pub text: String,
    /// The options, in the order of their appearance.
    pub options: Vec<String>,
}

/// One word of a list, with the options that it rests on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Built {
    /// The word: `fork.o`, `sched/`.
    pub word: String,
    /// The options.
    pub options: Vec<String>,
}

/// Texts may not grow beyond this: variables may name each other.
const LIMIT: usize = 1 << 20;
/// How deep variables may name each other.
const DEPTH: usize = 32;

impl Text {
    /// A text that rests on nothing.
    pub fn plain(text: &str) -> Text {
        Text {
            text: text.to_owned(),
            options: Vec::new(),
        }
    }

    fn rest_on(&mut self, options: &[String]) {
        for option in options {
            if !self.options.contains(option) {
                self.options.push(option.clone());
            }
        }
    }
}

/// The variables of one Makefile.
#[derive(Clone, Debug, Default)]
pub struct Variables {
    config: std::rc::Rc<BTreeMap<String, String>>,
    /// Each a list of pieces: `+=` may rest on other options than `:=`.
    values: BTreeMap<String, Vec<Text>>,
}

impl Variables {
    /// No variables but the values of a configuration.
    pub fn new(config: &BTreeMap<String, String>) -> Variables {
        Variables {
            config: std::rc::Rc::new(config.clone()),
            values: BTreeMap::new(),
        }
    }

    /// Sets a variable.
    pub fn set(&mut self, name: &str, value: Text) {
        self.values.insert(name.to_owned(), vec![value]);
    }

    /// Adds to a variable.
    pub fn append(&mut self, name: &str, value: Text) {
        let pieces = self.values.entry(name.to_owned()).or_default();
        if pieces.iter().map(|p| p.text.len()).sum::<usize>() < LIMIT {
            pieces.push(value);
        }
    }

    /// Whether a variable has a value.
    pub fn has(&self, name: &str) -> bool {
        match name.strip_prefix("CONFIG_") {
            Some(option) => self.config.contains_key(option),
            None => self.values.contains_key(name),
        }
    }

    /// The variables that folders inherit: all but the lists.
    pub fn plain(&self) -> Vec<(String, Text)> {
        self.values
            .iter()
            .filter(|(name, _)| name.chars().all(|c| c.is_ascii_uppercase() || c == '_'))
            .filter_map(|(name, pieces)| Some((name.clone(), pieces.last()?.clone())))
            .collect()
    }

    /// The words of `NAME-y`, and of `NAME-` where it rests on an option.
    pub fn built(&self, name: &str) -> Vec<Built> {
        self.listed(&format!("{name}-y"))
    }

    /// The words of a variable, one by one.
    pub fn listed(&self, name: &str) -> Vec<Built> {
        let pieces = self.values.get(name).map(Vec::as_slice).unwrap_or_default();
        pieces
            .iter()
            .flat_map(|piece| {
                piece.text.split_whitespace().map(|word| Built {
                    word: word.to_owned(),
                    options: piece.options.clone(),
                })
            })
            .collect()
    }

    /// Expands a text.
    pub fn expand(&self, text: &str) -> Text {
        let mut out = Text::default();
        self.expand_into(text, &mut out, 0);
        out
    }

    /// The pieces of a value: one for each variable that it names at its top,
    /// so that words keep their own options.
    pub fn pieces(&self, text: &str) -> Vec<Text> {
        let whole = text.trim();
        let name = whole
            .strip_prefix("$(")
            .and_then(|t| t.strip_suffix(')'))
            .filter(|n| !n.contains(['$', ' ', '(', ',']));
        match name.and_then(|name| self.values.get(name)) {
            Some(pieces) => pieces.clone(),
            None => words(whole).iter().map(|word| self.expand(word)).collect(),
        }
    }

    fn expand_into(&self, text: &str, out: &mut Text, depth: usize) {
        let mut rest = text;
        while let Some(at) = rest.find('$') {
            out.text.push_str(&rest[..at]);
            rest = &rest[at + 1..];
            let mut chars = rest.chars();
            match chars.next() {
                Some('$') => {
                    out.text.push('$');
                    rest = &rest[1..];
                }
                Some(open @ ('(' | '{')) => {
                    let close = if open == '(' { ')' } else { '}' };
                    let end = closing(rest, open, close).unwrap_or(rest.len());
                    let inner = &rest[1..end];
                    if depth < DEPTH && out.text.len() < LIMIT {
                        let value = self.reference(inner, depth + 1);
                        out.text.push_str(&value.text);
                        out.rest_on(&value.options);
                    }
                    rest = rest.get(end + 1..).unwrap_or_default();
                }
                Some(other) => rest = &rest[other.len_utf8()..],
                None => {}
            }
        }
        out.text.push_str(rest);
    }

    /// The value of what stands between the parentheses.
    fn reference(&self, inner: &str, depth: usize) -> Text {
        let (function, arguments) = match inner.split_once([' ', '\t']) {
            Some((function, arguments)) if is_function(function) => (function, arguments),
            _ => return self.variable(inner, depth),
        };
        let arguments: Vec<Text> = split_arguments(arguments)
            .iter()
            .map(|argument| {
                let mut out = Text::default();
                self.expand_into(argument.trim_start(), &mut out, depth);
                out
            })
            .collect();
        call(function, &arguments)
    }

    fn variable(&self, name: &str, depth: usize) -> Text {
        let mut out = Text::default();
        // A name may be put together, and may say how its words are rewritten.
        let mut full = Text::default();
        self.expand_into(name, &mut full, depth);
        out.rest_on(&full.options);
        let (name, rewrite) = match full.text.split_once(':') {
            Some((name, rewrite)) => (name.to_owned(), rewrite.split_once('=')),
            None => (full.text.clone(), None),
        };
        if let Some(option) = name.strip_prefix("CONFIG_") {
            if let Some(value) = self.config.get(option) {
                out.text.push_str(value);
                out.rest_on(&[option.to_owned()]);
            }
            return out;
        }
        for piece in self.values.get(&name).into_iter().flatten() {
            if !out.text.is_empty() {
                out.text.push(' ');
            }
            out.text.push_str(&piece.text);
            out.rest_on(&piece.options);
        }
        if let Some((from, to)) = rewrite {
            let words: Vec<String> = out
                .text
                .split_whitespace()
                .map(|word| {
                    if from.contains('%') {
                        substitute(from, to, word)
                    } else {
                        word.strip_suffix(from)
                            .map_or(word.to_owned(), |w| format!("{w}{to}"))
                    }
                })
                .collect();
            out.text = words.join(" ");
        }
        out
    }
}

/// The words of a text; what stands in parentheses is one.
fn words(text: &str) -> Vec<String> {
    let mut words = vec![String::new()];
    let mut depth = 0usize;
    for c in text.chars() {
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            _ => {}
        }
        if c.is_whitespace() && depth == 0 {
            words.push(String::new());
        } else if let Some(last) = words.last_mut() {
            last.push(c);
        }
    }
    words.retain(|word| !word.is_empty());
    words
}

/// Where the parenthesis closes that a text begins with.
fn closing(text: &str, open: char, close: char) -> Option<usize> {
    let mut depth = 0usize;
    for (at, c) in text.char_indices() {
        if c == open {
            depth += 1;
        } else if c == close {
            depth -= 1;
            if depth == 0 {
                return Some(at);
            }
        }
    }
    None
}

/// Arguments of a function: commas outside of parentheses divide them.
pub(super) fn split_arguments(text: &str) -> Vec<String> {
    let mut list = vec![String::new()];
    let mut depth = 0usize;
    for c in text.chars() {
        match c {
            '(' | '{' => depth += 1,
            ')' | '}' => depth = depth.saturating_sub(1),
            ',' if depth == 0 => {
                list.push(String::new());
                continue;
            }
            _ => {}
        }
        if let Some(last) = list.last_mut() {
            last.push(c);
        }
    }
    list
}

fn is_function(word: &str) -> bool {
    [
        "if",
        "or",
        "and",
        "subst",
        "patsubst",
        "strip",
        "filter",
        "filter-out",
        "addprefix",
        "addsuffix",
        "sort",
        "notdir",
        "basename",
        "findstring",
        "firstword",
        "lastword",
        "call",
        "foreach",
        "shell",
        "wildcard",
        "dir",
        "word",
        "words",
        "info",
        "warning",
        "error",
        "eval",
        "origin",
        "abspath",
        "realpath",
    ]
    .contains(&word)
}

fn call(function: &str, arguments: &[Text]) -> Text {
    match function {
        "if" | "or" | "and" => choose(function, arguments),
        _ => {
            let texts: Vec<&str> = arguments.iter().map(|a| a.text.as_str()).collect();
            let mut out = Text::plain(&of_words(function, &texts));
            for argument in arguments {
                out.rest_on(&argument.options);
            }
            out
        }
    }
}

/// `if`, `or`, `and`: what they give rests on what they chose by, too.
fn choose(function: &str, arguments: &[Text]) -> Text {
    let argument = |n: usize| arguments.get(n).cloned().unwrap_or_default();
    let is_empty = |text: &Text| text.text.trim().is_empty();
    let chosen = |condition: &Text, mut value: Text| {
        value.rest_on(&condition.options);
        value
    };
    match function {
        "if" if is_empty(&argument(0)) => argument(2),
        "if" => chosen(&argument(0), argument(1)),
        "and" if arguments.iter().any(is_empty) => Text::default(),
        "and" => {
            let last = arguments.last().cloned().unwrap_or_default();
            arguments.iter().fold(last, |out, a| chosen(a, out))
        }
        _ => {
            let first = arguments.iter().find(|a| !is_empty(a));
            first.cloned().unwrap_or_default()
        }
    }
}

/// The functions of words; what is not known here gives nothing.
fn of_words(function: &str, texts: &[&str]) -> String {
    let text = |n: usize| texts.get(n).copied().unwrap_or_default();
    let map = |n: usize, change: &dyn Fn(&str) -> String| -> String {
        let words: Vec<String> = text(n).split_whitespace().map(change).collect();
        words.join(" ")
    };
    let matches = |word: &str| text(0).split_whitespace().any(|p| stem(p, word).is_some());
    let keep = |keep: bool| -> String {
        let words: Vec<&str> = text(1)
            .split_whitespace()
            .filter(|word| matches(word) == keep)
            .collect();
        words.join(" ")
    };
    match function {
        "subst" if !text(0).is_empty() => text(2).replace(text(0), text(1)),
        "patsubst" => map(2, &|word| substitute(text(0).trim(), text(1).trim(), word)),
        "strip" | "sort" => map(0, &str::to_owned),
        "filter" => keep(true),
        "filter-out" => keep(false),
        "addprefix" => map(1, &|word| format!("{}{word}", text(0).trim())),
        "addsuffix" => map(1, &|word| format!("{word}{}", text(0).trim())),
        "notdir" => map(0, &|word| {
            word.rsplit('/').next().unwrap_or(word).to_owned()
        }),
        "basename" => map(0, &|word| {
            word.rsplit_once('.')
                .map_or(word, |(stem, _)| stem)
                .to_owned()
        }),
        "findstring" if text(1).contains(text(0)) => text(0).to_owned(),
        "firstword" => text(0)
            .split_whitespace()
            .next()
            .unwrap_or_default()
            .to_owned(),
        "lastword" => text(0)
            .split_whitespace()
            .last()
            .unwrap_or_default()
            .to_owned(),
        _ => String::new(),
    }
}

/// What `%` stands for when a word fits a pattern.
fn stem<'a>(pattern: &str, word: &'a str) -> Option<&'a str> {
    match pattern.split_once('%') {
        Some((head, tail)) => word.strip_prefix(head)?.strip_suffix(tail),
        None => (pattern == word).then_some(""),
    }
}

fn substitute(from: &str, to: &str, word: &str) -> String {
    match stem(from, word) {
        Some(stem) => to.replacen('%', stem, 1),
        None => word.to_owned(),
    }
}
