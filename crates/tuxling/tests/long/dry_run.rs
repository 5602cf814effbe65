//! What `--dry-run` lists on a cold cache is what a build on a cold cache then
//! starts, in the same order.
//!
//! Three kinds of lines depend on outputs, and are not compared: folders that
//! such outputs name stand in angle brackets; the versions that Debian's archive
//! has; and what the Kconfig files are asked by where requests aren't met at
//! once, their `$(shell,…)` probes among it, which the list tells in a note.

use crate::fixture::{folder, run, tuxling};

/// What a build starts besides: questions to the Kconfig files.
fn is_probe(line: &str) -> bool {
    if line.contains(" KBUILD_KCONFIG=tuxling.Kconfig ") {
        return true;
    }
    let (_, command) = line.split_once(" && ").unwrap_or(("", line));
    command.starts_with("sh -c ") || command.starts_with("/bin/sh -c ")
}

/// A listed line as the texts between its placeholders.
fn texts_of(listed: &str) -> Vec<String> {
    let mut texts = vec![String::new()];
    let mut in_brackets = false;
    for letter in listed.chars().filter(|letter| *letter != '\'') {
        match letter {
            '<' => {
                in_brackets = true;
                texts.push(String::new());
            }
            '>' => in_brackets = false,
            _ if in_brackets => {}
            _ => texts.last_mut().expect("there is one").push(letter),
        }
    }
    texts
}

/// Whether a line was listed so: its texts are there in their order, and what
/// stands for a placeholder is one name or path.
fn is_listed_as(started: &str, listed: &str) -> bool {
    let started = started.replace('\'', "");
    let texts = texts_of(listed);
    let (first, rest) = texts.split_first().expect("there is one");
    let Some(mut left) = started.strip_prefix(first.as_str()) else {
        return false;
    };
    for text in rest {
        let end = left.find(char::is_whitespace).unwrap_or(left.len());
        let name = if text.is_empty() {
            Some(end)
        } else {
            left.find(text.as_str())
        };
        match name {
            Some(at) if !left[..at].contains(char::is_whitespace) => {
                left = &left[at + text.len()..];
            }
            _ => return false,
        }
    }
    left.is_empty()
}

#[test]
fn a_cold_build_starts_what_the_dry_run_has_listed() {
    let dir = folder();
    let build = |arguments: &[&str]| {
        let mut build = tuxling();
        build
            .current_dir(dir.path())
            .env("TUXLING_CACHE", dir.path().join("cache"))
            .args(["build", "pc-shell"])
            .args(arguments);
        run(&mut build).ends_with(0)
    };
    let listed = build(&["--dry-run"]).stdout;
    let listed: Vec<&str> = listed
        .lines()
        .filter(|line| !line.is_empty() && !line.starts_with('#'))
        .collect();
    let real = build(&["-v"]).stderr;
    let started: Vec<&str> = real
        .lines()
        .filter_map(|line| line.strip_prefix("$ "))
        .filter(|line| !is_probe(line))
        .collect();
    for (listed, started) in listed.iter().zip(&started) {
        assert!(is_listed_as(started, listed), "\n{listed}\n{started}");
    }
    assert_eq!(listed.len(), started.len(), "{listed:#?}\n{started:#?}");
}
