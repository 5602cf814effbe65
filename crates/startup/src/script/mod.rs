//! The commands that a shell script calls, as far as its words tell (POSIX,
//! "Shell Command Language"): simple commands with their lines, the functions
//! that it defines, what it looks for before it calls it.
//!
//! What depends on an expansion is left out, not guessed. Nothing is checked:
//! a script that no shell would take gives what its first words say.

mod lexer;
mod parser;

use std::collections::BTreeSet;

/// A command that a script calls.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Call {
    /// Its line, from 1.
    pub line: usize,
    /// Its name: a word without expansions.
    pub name: String,
    /// Its arguments; `None` for those with expansions.
    pub arguments: Vec<Option<String>>,
    /// Whether the script deals with its failure: `|| …`, or no messages.
    pub handled: bool,
}

/// What a script does, as far as its words tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Script {
    /// The commands, in the order of the text, each as often as it stands there.
    pub calls: Vec<Call>,
    /// The functions and aliases that it defines.
    pub functions: BTreeSet<String>,
    /// What it asks for before it uses it: `command -v X`, `[ -x X ]`.
    pub looked_for: BTreeSet<String>,
    /// The files whose text it takes in; `None` where that is an expansion.
    pub sourced: Vec<Option<String>>,
    /// Words with `*`, `?` or `[` that begin with `/`.
    pub patterns: BTreeSet<String>,
    /// The files that output goes to.
    pub written: BTreeSet<String>,
    /// Whether it makes commands while it runs (`eval`).
    pub evaluates: bool,
    /// Whether it says itself where programs are (`PATH=`).
    pub sets_path: bool,
    /// The first line with `$((…))`.
    pub arithmetic: Option<usize>,
}

impl Script {
    /// Reads a script; whatever the bytes are, there is an answer.
    pub fn read(bytes: &[u8]) -> Script {
        let mut script = Script::default();
        parser::read(bytes, 1, 0, &mut script);
        script
    }
}

#[cfg(test)]
mod tests;
