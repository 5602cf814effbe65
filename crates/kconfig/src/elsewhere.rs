//! Options that a tree defines for other architectures than the one it was
//! read for.
//!
//! The files of the others are looked through, not evaluated: which options
//! they define, and whether each has a prompt.

use std::collections::BTreeMap;

use rustc_hash::FxHashSet;

use crate::diagnostic::Location;
use crate::dotconfig::is_option_name;
use crate::model::Kconfig;
use crate::tree::SourceTree;

/// How many files are looked through.
const MAX_FILES: usize = 20_000;

/// Where the Kconfig files of architectures are.
const PATTERNS: [&str; 3] = [
    "arch/*/Kconfig*",
    "arch/*/*/Kconfig*",
    "arch/*/*/*/Kconfig*",
];

/// An option of another architecture.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Elsewhere {
    /// The architectures that have it, as their folders below `arch` are
    /// called, sorted.
    pub archs: Vec<String>,
    /// Where it is defined first.
    pub location: Location,
    /// Whether any definition has a prompt.
    pub prompt: bool,
}

impl Kconfig {
    /// The options that files of other architectures define and this tree
    /// doesn't, by name.
    #[must_use]
    pub fn elsewhere(&self, files: &dyn SourceTree) -> BTreeMap<String, Elsewhere> {
        let mut known: FxHashSet<(String, String)> = FxHashSet::default();
        let mut pending: Vec<(String, String)> = Vec::new();
        for pattern in PATTERNS {
            for path in files.glob(pattern) {
                if let Some(arch) = path.split('/').nth(1) {
                    pending.push((arch.to_owned(), path.clone()));
                }
            }
        }
        pending.reverse();
        let here: FxHashSet<&str> = self.files().iter().map(|file| &**file).collect();
        let mut found = BTreeMap::new();
        while let Some((arch, path)) = pending.pop() {
            if here.contains(&*path)
                || known.len() >= MAX_FILES
                || !known.insert((arch.clone(), path.clone()))
            {
                continue;
            }
            let Ok(text) = files.read(&path) else {
                continue;
            };
            let sourced = self.look_through(&arch, &path, &text, &mut found);
            pending.extend(sourced.into_iter().rev().map(|path| (arch.clone(), path)));
        }
        found
    }

    /// Adds the options of one file; gives the files that it sources.
    fn look_through(
        &self,
        arch: &str,
        path: &str,
        text: &str,
        found: &mut BTreeMap<String, Elsewhere>,
    ) -> Vec<String> {
        let mut sourced = Vec::new();
        let mut current: Option<&mut Elsewhere> = None;
        for (line, number) in text.lines().zip(1..) {
            let mut words = line.split_whitespace();
            match (words.next(), words.next(), words.next()) {
                (Some("config" | "menuconfig"), Some(name), None) if is_option_name(name) => {
                    current = None;
                    if self.find_defined(name).is_some() {
                        continue;
                    }
                    let entry = found.entry(name.to_owned()).or_insert_with(|| Elsewhere {
                        archs: Vec::new(),
                        location: Location {
                            file: path.into(),
                            line: number,
                            column: 0,
                        },
                        prompt: false,
                    });
                    if let Err(at) = entry.archs.binary_search_by(|one| (**one).cmp(arch)) {
                        entry.archs.insert(at, arch.to_owned());
                    }
                    current = Some(entry);
                }
                (Some("source"), Some(_), _) => {
                    current = None;
                    sourced.extend(source_path(line, arch));
                }
                (
                    Some("bool" | "tristate" | "int" | "hex" | "string" | "prompt"),
                    Some(text),
                    _,
                ) if text.starts_with(['"', '\'']) => {
                    if let Some(entry) = &mut current {
                        entry.prompt = true;
                    }
                }
                (Some("menu" | "choice" | "comment" | "if" | "endif" | "endmenu"), ..) => {
                    current = None;
                }
                _ => {}
            }
        }
        sourced
    }
}

/// The path of a `source` statement; none where it has other variables than the
/// architecture.
fn source_path(line: &str, arch: &str) -> Option<String> {
    let quoted = line.trim().strip_prefix("source")?.trim();
    let path = quoted.trim_matches(['"', '\'']);
    let path = path.replace("$(SRCARCH)", arch).replace("$SRCARCH", arch);
    (!path.contains('$')).then_some(path)
}
