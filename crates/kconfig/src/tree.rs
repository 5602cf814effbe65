//! Where Kconfig files come from: a folder on disk, or memory for tests.

use std::collections::BTreeMap;
use std::io;
use std::path::{Path, PathBuf};

use crate::bytes::text_of;

/// Reads the files that a Kconfig tree is made of.
pub trait SourceTree {
    /// Reads the file `path`, as a `source` statement names it; bytes that are
    /// no UTF-8 as [`bytes::text_of`](crate::bytes::text_of) has them.
    ///
    /// # Errors
    /// Whatever kept the file from being read.
    fn read(&self, path: &str) -> io::Result<String>;

    /// The files that match a pattern with `*` or `?` in its path components,
    /// sorted. The kernel's `conf` knows no patterns; this is asked only for a
    /// `source` that names no file.
    fn glob(&self, pattern: &str) -> Vec<String> {
        let _ = pattern;
        Vec::new()
    }
}

/// Files under one or more folders; the first that has a file wins.
///
/// `conf` looks into its current folder (the build folder) first and then into
/// `$(srctree)`.
#[derive(Clone, Debug)]
pub struct DiskTree {
    roots: Vec<PathBuf>,
}

impl DiskTree {
    /// A tree that reads below `srctree`.
    pub fn new(srctree: impl Into<PathBuf>) -> Self {
        Self {
            roots: vec![srctree.into()],
        }
    }

    /// Looks into `folder` before the folders given so far.
    #[must_use]
    pub fn overlaid_by(mut self, folder: impl Into<PathBuf>) -> Self {
        self.roots.insert(0, folder.into());
        self
    }
}

impl SourceTree for DiskTree {
    fn read(&self, path: &str) -> io::Result<String> {
        let mut last = io::Error::from(io::ErrorKind::NotFound);
        for root in &self.roots {
            match std::fs::read(root.join(path)) {
                Ok(bytes) => return Ok(text_of(&bytes)),
                Err(error) => last = error,
            }
        }
        Err(last)
    }

    fn glob(&self, pattern: &str) -> Vec<String> {
        for root in &self.roots {
            let mut found = vec![String::new()];
            for component in pattern.split('/') {
                found = found
                    .iter()
                    .flat_map(|prefix| expand_component(root, prefix, component))
                    .collect();
            }
            if !found.is_empty() {
                found.sort();
                return found;
            }
        }
        Vec::new()
    }
}

fn expand_component(root: &Path, prefix: &str, component: &str) -> Vec<String> {
    let join = |name: &str| match prefix {
        "" => name.to_owned(),
        _ => format!("{prefix}/{name}"),
    };
    if !component.contains(['*', '?']) {
        let path = join(component);
        return if root.join(&path).exists() {
            vec![path]
        } else {
            Vec::new()
        };
    }
    let Ok(entries) = std::fs::read_dir(root.join(prefix)) else {
        return Vec::new();
    };
    entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !name.starts_with('.') && matches_pattern(component, name))
        .map(|name| join(&name))
        .collect()
}

/// Whether `name` matches `pattern`, in which `*` stands for any text and `?`
/// for one character.
pub(crate) fn matches_pattern(pattern: &str, name: &str) -> bool {
    let (pattern, name): (Vec<char>, Vec<char>) =
        (pattern.chars().collect(), name.chars().collect());
    let (mut p, mut n) = (0, 0);
    let mut retry: Option<(usize, usize)> = None;
    while n < name.len() {
        match pattern.get(p) {
            Some('*') => {
                retry = Some((p, n));
                p += 1;
            }
            Some(&c) if c == '?' || c == name[n] => {
                p += 1;
                n += 1;
            }
            _ => match retry {
                Some((star, from)) => {
                    retry = Some((star, from + 1));
                    p = star + 1;
                    n = from + 1;
                }
                None => return false,
            },
        }
    }
    pattern[p..].iter().all(|&c| c == '*')
}

/// Files in memory, for tests and tools that make Kconfig text.
#[derive(Clone, Debug, Default)]
pub struct MemoryTree {
    files: BTreeMap<String, String>,
}

impl MemoryTree {
    /// A tree without files.
    #[must_use]
    pub fn new() -> Self {
        Self::default()
    }

    /// Adds or replaces a file.
    #[must_use]
    pub fn with(mut self, path: &str, text: &str) -> Self {
        self.files.insert(path.to_owned(), text.to_owned());
        self
    }
}

impl SourceTree for MemoryTree {
    fn read(&self, path: &str) -> io::Result<String> {
        self.files
            .get(path)
            .cloned()
            .ok_or_else(|| io::ErrorKind::NotFound.into())
    }

    fn glob(&self, pattern: &str) -> Vec<String> {
        let depth = pattern.split('/').count();
        let fits = |path: &&String| {
            path.split('/').count() == depth
                && pattern
                    .split('/')
                    .zip(path.split('/'))
                    .all(|(p, n)| matches_pattern(p, n))
        };
        self.files.keys().filter(fits).cloned().collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn patterns_match_whole_names() {
        assert!(matches_pattern("Kconfig*", "Kconfig.debug"));
        assert!(matches_pattern("*a?c*", "xxabcxx"));
        assert!(!matches_pattern("Kconfig?", "Kconfig"));
        assert!(!matches_pattern("*.c", "a.h"));
    }

    #[test]
    fn a_glob_in_memory_matches_by_component() {
        let tree = MemoryTree::new()
            .with("a/b/Kconfig", "")
            .with("a/c/d/Kconfig", "");
        assert_eq!(tree.glob("a/*/Kconfig"), ["a/b/Kconfig"]);
    }
}
