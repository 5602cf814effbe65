//! The scripts that are started, and the commands in them that aren't there.

use std::collections::{BTreeMap, BTreeSet};

use super::{Finding, Userland, below};
use crate::applets;
use crate::program::Refusal;
use crate::script::{Call, Script};

/// So many scripts are read at most: a system has fewer.
const LIMIT: usize = 200;

/// What ash always has itself (shell/ash.c, `builtintab`), and words of bash
/// that nothing is known of.
const BUILTINS: &[&str] = &[
    ".", ":", "break", "cd", "chdir", "continue", "eval", "exec", "exit", "export", "false",
    "hash", "local", "pwd", "read", "readonly", "return", "set", "shift", "times", "trap", "true",
    "type", "ulimit", "umask", "unset", "wait",
];

/// What ash has with an option.
const OPTIONAL: &[(&str, &str)] = &[
    ("[", "ASH_TEST"),
    ("[[", "ASH_BASH_COMPAT"),
    ("alias", "ASH_ALIAS"),
    ("bg", "ASH_JOB_CONTROL"),
    ("command", "ASH_CMDCMD"),
    ("echo", "ASH_ECHO"),
    ("fg", "ASH_JOB_CONTROL"),
    ("getopts", "ASH_GETOPTS"),
    ("help", "ASH_HELP"),
    ("history", "FEATURE_EDITING"),
    ("jobs", "ASH_JOB_CONTROL"),
    ("kill", "ASH_JOB_CONTROL"),
    ("let", "FEATURE_SH_MATH"),
    ("printf", "ASH_PRINTF"),
    ("source", "ASH_BASH_COMPAT"),
    ("test", "ASH_TEST"),
    ("unalias", "ASH_ALIAS"),
];

/// The option of BusyBox that brings a word of its shell in.
pub fn builtin_option(word: &str) -> Option<&'static str> {
    let found = OPTIONAL.iter().find(|(name, _)| *name == word);
    found.map(|(_, option)| *option)
}

/// The scripts of a user land that are started, as far as is known.
#[derive(Debug)]
pub(super) struct Scripts<'a> {
    userland: &'a Userland<'a>,
    /// By place, in the order in which they are started: file, first line.
    read: Vec<(String, usize, Script)>,
    seen: BTreeSet<String>,
}

impl<'a> Scripts<'a> {
    pub(super) fn new(userland: &'a Userland<'a>) -> Scripts<'a> {
        Scripts {
            userland,
            read: Vec::new(),
            seen: BTreeSet::new(),
        }
    }

    /// Adds a program that is started, and all that it starts, where it is a
    /// shell's script.
    pub(super) fn add(&mut self, path: &str) {
        self.add_file(path, false);
    }

    /// Adds a line that a shell reads.
    pub(super) fn add_line(&mut self, file: &str, line: usize, text: &str) {
        let script = Script::read(text.as_bytes());
        self.follow(&script);
        self.read.push((file.to_owned(), line, script));
    }

    fn add_file(&mut self, path: &str, sourced: bool) {
        let known = !self.userland.is_shell_script(path, sourced);
        if known || self.seen.len() >= LIMIT || !self.seen.insert(path.to_owned()) {
            return;
        }
        let script = Script::read(self.userland.files.text(path).unwrap_or_default());
        let at = self.read.len();
        self.read.push((path.to_owned(), 1, Script::default()));
        self.follow(&script);
        self.read[at].2 = script;
    }

    fn follow(&mut self, script: &Script) {
        for file in script.sourced.iter().flatten() {
            self.add_file(file, true);
        }
        for call in &script.calls {
            if call.name.starts_with('/') {
                self.add_file(&call.name, false);
            }
            let by_shell = matches!(call.name.as_str(), "sh" | "ash" | "/bin/sh" | "/bin/ash");
            let first = call.arguments.first().and_then(Option::as_deref);
            if let (true, Some(file)) = (by_shell, first) {
                self.add_file(file, true);
            }
        }
        for pattern in &script.patterns {
            let paths = self.userland.files.iter().map(|(path, _)| path);
            let fit: Vec<&str> = paths.filter(|path| fits(path, pattern)).collect();
            for path in fit {
                self.add_file(path, false);
            }
        }
    }

    /// The script that mounts something at a path, where `mount -a` may do.
    pub(super) fn who_mounts(&self, path: &str, by_fstab: bool) -> Option<String> {
        let mounts = |call: &Call| {
            let word = |text: &str| call.arguments.iter().flatten().any(|word| word == text);
            let mount = call.name.rsplit('/').next() == Some("mount");
            mount && (word(path) || (by_fstab && word("-a")))
        };
        let found = self
            .read
            .iter()
            .find(|(_, _, s)| s.calls.iter().any(mounts));
        found.map(|(file, ..)| file.clone())
    }

    /// What is called and isn't there: each name once in each file.
    pub(super) fn findings(&self) -> Vec<Finding> {
        let shell = self.userland.is_own_busybox("/bin/sh");
        let all = Together::of(self);
        let mut findings = Vec::new();
        for (file, first, script) in &self.read {
            let mut told = BTreeMap::new();
            for call in &script.calls {
                let line = call.line + first.saturating_sub(1);
                if let Some((what, mend)) = self.wrong(call, shell, &all)
                    && told.insert(&call.name, ()).is_none()
                {
                    findings.push(Finding::warning(file, Some(line), what, mend));
                }
            }
            if let (Some(line), true) = (
                script.arithmetic,
                shell && !self.userland.option("FEATURE_SH_MATH"),
            ) {
                findings.push(Finding::warning(
                    file,
                    Some(line),
                    "BusyBox' shell is built without $((…))".to_owned(),
                    "CONFIG_FEATURE_SH_MATH=y in busybox-options",
                ));
            }
        }
        findings
    }

    /// What is wrong with a call, and the mend.
    fn wrong(&self, call: &Call, shell: bool, all: &Together<'_>) -> Option<(String, String)> {
        let name = call.name.as_str();
        if call.handled || all.looked_for.contains(name) {
            return None;
        }
        if matches!(name, "." | "source")
            && let Some(Some(file)) = call.arguments.first()
            && file.starts_with('/')
            && !all.looked_for.contains(file.as_str())
            && self.userland.files.find(file).is_none()
            && !all.may_be_made(file)
        {
            let what = format!("takes in {file}, which isn't in the ramdisk: the shell ends there");
            return Some((
                what,
                format!("put {file} into the ramdisk, or leave it out"),
            ));
        }
        if name.starts_with('/') {
            let why = self.userland.lack(name)?;
            let made =
                matches!(why, Refusal::Missing | Refusal::Dangling(_)) && all.may_be_made(name);
            let mend = self.userland.mend(name, &why);
            return (!made).then(|| (format!("calls {name}, which {}", why.words()), mend));
        }
        let known = shell && !BUILTINS.contains(&name) && !all.functions.contains(name);
        if !known {
            return None;
        }
        let option = builtin_option(name);
        if option.is_some_and(|option| self.userland.option(option)) {
            return None;
        }
        let why = self.userland.lack(name)?;
        let applet = applets::folder(name).is_some();
        // It may come into being while the script runs.
        if !applet && option.is_none() && all.evaluates {
            return None;
        }
        let mend = match option {
            Some(option) if applet => {
                format!("add \"{name}\" to busybox, or CONFIG_{option}=y to busybox-options")
            }
            Some(option) => format!("CONFIG_{option}=y in busybox-options"),
            None => self.userland.mend(name, &why),
        };
        let what = match (why, option.is_some() || applet) {
            (Refusal::Missing, true) => format!("calls {name}, which BusyBox is built without"),
            (why, _) => format!("calls {name}, which {}", why.words()),
        };
        Some((what, mend))
    }
}

/// Whether a command may bring files about, or where they are to be.
fn makes_files(command: &str) -> bool {
    const MAKERS: &[&str] = &[
        "busybox",
        "chroot",
        "cp",
        "cpio",
        "dd",
        "install",
        "ln",
        "losetup",
        "mount",
        "mv",
        "tar",
        "tftp",
        "unsquashfs",
        "unzip",
        "wget",
    ];
    let name = command.rsplit('/').next().unwrap_or_default();
    MAKERS.contains(&name)
}

/// What all scripts together define.
#[derive(Debug, Default)]
struct Together<'s> {
    functions: BTreeSet<&'s str>,
    looked_for: BTreeSet<&'s str>,
    /// Words that a file may come from: arguments, targets of output.
    words: BTreeSet<&'s str>,
    evaluates: bool,
}

impl<'s> Together<'s> {
    fn of(scripts: &'s Scripts<'_>) -> Together<'s> {
        let mut all = Together::default();
        for (_, _, script) in &scripts.read {
            all.functions
                .extend(script.functions.iter().map(String::as_str));
            all.looked_for
                .extend(script.looked_for.iter().map(String::as_str));
            all.words.extend(script.written.iter().map(String::as_str));
            let makers = script.calls.iter().filter(|call| makes_files(&call.name));
            let arguments = makers.flat_map(|call| &call.arguments);
            all.words.extend(arguments.flatten().map(String::as_str));
            // What is taken in from elsewhere may define anything.
            let elsewhere = |file: &Option<String>| match file {
                Some(file) => scripts.userland.files.find(file).is_none(),
                None => true,
            };
            all.evaluates |= script.evaluates || script.sourced.iter().any(elsewhere);
        }
        all
    }

    /// Whether a file may come into being while the scripts run: something is
    /// mounted, copied or unpacked there.
    fn may_be_made(&self, path: &str) -> bool {
        let made = |word: &&str| word.len() > 1 && word.starts_with('/') && below(path, word);
        self.words
            .iter()
            .any(|word| made(&word.trim_end_matches('/')))
    }
}

/// Whether a path fits a pattern of a shell's: `*` and `?` within one name;
/// `[…]` fits any one character.
fn fits(path: &str, pattern: &str) -> bool {
    let (path, pattern): (Vec<char>, Vec<char>) =
        (path.chars().collect(), pattern.chars().collect());
    let (mut at, mut of) = (0, 0);
    let mut back: Option<(usize, usize)> = None;
    while at < path.len() {
        let wildcard = pattern.get(of).copied();
        let next = match wildcard {
            Some('[') => {
                let end = pattern[of..].iter().position(|c| *c == ']');
                end.filter(|_| path[at] != '/').map(|end| of + end + 1)
            }
            Some('?') => (path[at] != '/').then_some(of + 1),
            Some('*') => {
                back = Some((at, of));
                of += 1;
                continue;
            }
            Some(c) => (c == path[at]).then_some(of + 1),
            None => None,
        };
        match (next, back) {
            (Some(next), _) => (at, of) = (at + 1, next),
            (None, Some((from, star))) if path[from] != '/' => {
                back = Some((from + 1, star));
                (at, of) = (from + 1, star + 1);
            }
            (None, _) => return false,
        }
    }
    pattern[of..].iter().all(|c| *c == '*')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_fit_within_one_name() {
        for (pattern, path, expected) in [
            ("/etc/init.d/S*", "/etc/init.d/S10net", true),
            ("/etc/init.d/S??*", "/etc/init.d/S1", false),
            ("/etc/init.d/S??*", "/etc/init.d/S10x", true),
            ("/etc/*", "/etc/init.d/S1", false),
            ("/etc/*/S*", "/etc/init.d/S1", true),
            ("/e/S[0-9]*", "/e/S1x", true),
            ("/e/*.sh", "/e/a.sh", true),
            ("/e/*.sh", "/e/a.shx", false),
        ] {
            assert_eq!(fits(path, pattern), expected, "{pattern} {path}");
        }
    }
}
