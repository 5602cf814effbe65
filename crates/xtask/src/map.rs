//! `cargo xtask map`: all source files, and what each says of itself in its
//! first line. No table is kept by hand.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use crate::command;

/// What `cargo xtask map` prints: files by their crate.
type Table = BTreeMap<String, Vec<(String, String)>>;

/// Prints the table; files that say nothing are named at the end and fail it.
pub(crate) fn run(arguments: &[String]) -> Result<(), String> {
    if !arguments.is_empty() {
        return Err("usage: cargo xtask map".to_owned());
    }
    let (table, silent) = read(&listed()?)?;
    print!("{}", as_text(&table));
    all_speak(&silent)
}

/// Fails where a file says nothing of itself, and prints no table: for the lint.
/// Outside of a git work tree nobody says which files are the project's; that
/// fails nothing.
pub(crate) fn check() -> Result<(), String> {
    match listed() {
        Ok(listed) => all_speak(&read(&listed)?.1),
        Err(why) => {
            eprintln!("map: {why}: first lines were not looked at");
            Ok(())
        }
    }
}

/// The project's files, a line each.
fn listed() -> Result<String, String> {
    let listed = command("git")
        .args(["ls-files", "--cached", "--others", "--exclude-standard"])
        .output()
        .map_err(|e| format!("git: {e}"))?;
    if !listed.status.success() {
        return Err("git ls-files failed".to_owned());
    }
    Ok(String::from_utf8_lossy(&listed.stdout).into_owned())
}

/// The table, and the files that say nothing.
fn read(listed: &str) -> Result<(Table, Vec<String>), String> {
    let mut table = Table::new();
    let mut silent = Vec::new();
    let mut files: Vec<&str> = listed.lines().filter(|file| is_source(file)).collect();
    files.sort_unstable();
    // A file that was just removed is still listed.
    for file in files.into_iter().filter(|file| Path::new(file).exists()) {
        let text = fs::read(file).map_err(|e| format!("{file}: {e}"))?;
        match first_words(file, &String::from_utf8_lossy(&text)) {
            Some(words) => {
                let (place, name) = place(file);
                table.entry(place).or_default().push((name, words));
            }
            None => silent.push(file.to_owned()),
        }
    }
    Ok((table, silent))
}

fn all_speak(silent: &[String]) -> Result<(), String> {
    if silent.is_empty() {
        return Ok(());
    }
    println!("\nWithout a first line that says what they are for:");
    for file in silent {
        println!("  {file}");
    }
    Err(format!(
        "map: {} files say nothing of themselves",
        silent.len()
    ))
}

fn as_text(table: &Table) -> String {
    let mut text = String::new();
    for (place, files) in table {
        let width = files.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
        text += &format!("\n{place}\n");
        for (name, words) in files {
            text += &format!("  {name:width$}  {words}\n");
        }
    }
    text
}

/// The crate of a file, or the folder at the top, and its name below that.
fn place(file: &str) -> (String, String) {
    let parts: Vec<&str> = file.split('/').collect();
    let depth = match parts.as_slice() {
        ["crates", _, _, ..] => 2,
        [_, _, ..] => 1,
        _ => return (".".to_owned(), file.to_owned()),
    };
    (parts[..depth].join("/"), parts[depth..].join("/"))
}

/// How comments begin in a file of this name, or `None` for what is no source.
/// Text in files of tests (`testdata`, `seeds`) is input.
fn comment_of(file: &str) -> Option<Comment> {
    let (folder, name) = file.rsplit_once('/').unwrap_or(("", file));
    let is_input = |part: &str| ["testdata", "seeds", "fixtures", "golden"].contains(&part);
    if folder.split('/').any(is_input) {
        return None;
    }
    match name.rsplit_once('.').map_or(name, |(_, end)| end) {
        "rs" => Some(Comment::RustDoc),
        "c" | "h" | "S" | "js" | "css" | "lds" => Some(Comment::C),
        "toml" | "config" | "sh" | "Makefile" => Some(Comment::Hash),
        "html" => Some(Comment::Html),
        _ => None,
    }
}

fn is_source(file: &str) -> bool {
    comment_of(file).is_some()
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Comment {
    RustDoc,
    C,
    Hash,
    Html,
}

/// The first sentence of a file's first comment. A manifest's description is
/// what it says of itself.
fn first_words(file: &str, text: &str) -> Option<String> {
    let comment = comment_of(file)?;
    let described = text
        .lines()
        .find_map(|line| line.strip_prefix("description = \""));
    if file.ends_with("Cargo.toml") && described.is_some() {
        return described.map(|rest| rest.trim_end_matches('"').to_owned());
    }
    let lines: Vec<&str> = match comment {
        Comment::RustDoc => starting_with(text, "//!"),
        Comment::Hash => starting_with(text, "#"),
        Comment::C => {
            if text.trim_start().starts_with("//") {
                starting_with(text, "//")
            } else {
                between(text, "/*", "*/")
            }
        }
        Comment::Html => between(text, "<!--", "-->"),
    };
    let said = lines
        .into_iter()
        .filter(|line| !line.starts_with('!') && !line.contains("SPDX-License-Identifier"))
        .skip_while(|line| line.is_empty())
        .take_while(|line| !line.is_empty());
    let sentence = first_sentence(&said.collect::<Vec<_>>().join(" "));
    (!sentence.is_empty()).then_some(sentence)
}

/// The comment lines that a text opens with, without their mark.
fn starting_with<'a>(text: &'a str, mark: &str) -> Vec<&'a str> {
    let lines = text.lines().skip_while(|line| line.trim().is_empty());
    lines
        .map_while(|line| line.trim().strip_prefix(mark))
        .map(str::trim)
        .collect()
}

/// The lines of a comment in brackets, without the stars in front of them.
/// A page's comment stands behind its first tag.
fn between<'a>(text: &'a str, open: &str, close: &str) -> Vec<&'a str> {
    let is_first = open == "<!--" || text.trim_start().starts_with(open);
    let Some((_, rest)) = text.split_once(open).filter(|_| is_first) else {
        return Vec::new();
    };
    let (said, after) = rest.split_once(close).unwrap_or((rest, ""));
    if said.contains("SPDX-License-Identifier") && !said.trim().contains('\n') {
        return between(after, open, close);
    }
    said.lines()
        .map(|line| line.trim().trim_start_matches('*').trim())
        .collect()
}

fn first_sentence(text: &str) -> String {
    let end = text
        .find(". ")
        .or_else(|| text.strip_suffix('.').map(str::len));
    text[..end.unwrap_or(text.len())]
        .trim_end_matches(':')
        .to_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_first_sentence_is_found_in_every_kind_of_file() {
        let said = |file, text| first_words(file, text).unwrap_or_default();
        assert_eq!(
            said("a.rs", "//! Reads a\n//! file. Twice.\n\nuse b;\n"),
            "Reads a file"
        );
        assert_eq!(said("a.rs", "//! One `a.b` word.\n"), "One `a.b` word");
        assert_eq!(
            said("a.c", "/*\n * The agent. It runs.\n */\nint x;\n"),
            "The agent"
        );
        assert_eq!(
            said("a.S", "/* SPDX-License-Identifier: MIT */\n/* A trap. */\n"),
            "A trap"
        );
        assert_eq!(said("a.js", "// Shows\n// rows.\nlet a;\n"), "Shows rows");
        assert_eq!(
            said("a.sh", "#!/bin/sh\n# Installs it. Now.\nset -e\n"),
            "Installs it"
        );
        assert_eq!(said("Makefile", "# The ways in.\n\nall:\n"), "The ways in");
        assert_eq!(
            said("c/Cargo.toml", "[package]\ndescription = \"A crate\"\n"),
            "A crate"
        );
    }

    #[test]
    fn a_file_that_says_nothing_first_is_told_apart() {
        assert_eq!(first_words("a.rs", "use b;\n//! Late.\n"), None);
        assert_eq!(first_words("a.c", "int x; /* late */\n"), None);
        assert_eq!(first_words("a.toml", "[a]\n# late\n"), None);
    }

    #[test]
    fn files_stand_below_their_crate_and_what_tests_read_is_no_source() {
        let at = |file| place(file).0;
        assert_eq!(at("crates/a/src/b/c.rs"), "crates/a");
        assert_eq!(
            (at("scripts/a.sh"), at("Makefile")),
            ("scripts".to_owned(), ".".to_owned())
        );
        assert!(is_source("crates/a/guest/agent.c") && !is_source("docs/a.md"));
        assert!(!is_source("crates/a/fuzz/seeds/x/a.config"));
    }
}
