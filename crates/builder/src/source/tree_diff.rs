//! Two source trees file by file: which are new, gone and changed, and how many
//! lines of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::path::{Path, PathBuf};

use imara_diff::{Algorithm, Diff, InternedInput};
use schemars::JsonSchema;
use serde::Serialize;

use super::tree;
use crate::error::Result;

/// What became of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum FileChange {
    /// Only the second tree has it.
    Added,
    /// Only the first tree has it.
    Removed,
    /// Both have it, with other content.
    Changed,
}

/// One file that differs.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct FileDiff {
    /// Relative to the trees.
    pub path: String,
    /// What became of it.
    pub change: FileChange,
    /// Lines that only the second tree has.
    pub added: u64,
    /// Lines that only the first tree has.
    pub removed: u64,
}

/// How two trees differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
pub struct TreeDiff {
    /// How many files both have with the same content.
    pub same: usize,
    /// The files that differ, by path.
    pub files: Vec<FileDiff>,
}

impl TreeDiff {
    /// How many files, and their added and removed lines.
    pub fn sum(&self, change: FileChange) -> (usize, u64, u64) {
        let of_kind = self.files.iter().filter(|f| f.change == change);
        of_kind.fold((0, 0, 0), |(n, a, r), f| {
            (n + 1, a + f.added, r + f.removed)
        })
    }
}

/// Which files are compared.
#[derive(Clone, Debug, Default)]
pub struct Only {
    /// Those at or below these paths; all when empty.
    pub below: Vec<PathBuf>,
    /// Those of this list, where there is one.
    pub listed: Option<BTreeSet<PathBuf>>,
}

impl Only {
    fn takes(&self, path: &Path) -> bool {
        let below = self.below.is_empty() || self.below.iter().any(|b| path.starts_with(b));
        below && self.listed.as_ref().is_none_or(|list| list.contains(path))
    }
}

/// Compares two trees. A symbolic link's content is where it leads.
///
/// # Errors
/// When a file can't be read.
pub fn diff(a: &Path, b: &Path, only: &Only) -> Result<TreeDiff> {
    let mut paths: BTreeMap<PathBuf, (bool, bool)> = BTreeMap::new();
    for path in tree::paths(a)?.into_iter().filter(|p| only.takes(p)) {
        paths.entry(path).or_default().0 = true;
    }
    for path in tree::paths(b)?.into_iter().filter(|p| only.takes(p)) {
        paths.entry(path).or_default().1 = true;
    }
    let paths: Vec<_> = paths.into_iter().collect();
    let compared = tree::shared_out(paths.len(), |at| {
        let (path, (in_a, in_b)) = &paths[at];
        let content = |there: bool, root: &Path| {
            if there {
                read(&root.join(path))
            } else {
                Ok(Vec::new())
            }
        };
        let (old, new) = (content(*in_a, a)?, content(*in_b, b)?);
        let change = match (in_a, in_b) {
            (true, true) if old == new => return Ok(None),
            (true, true) => FileChange::Changed,
            (false, _) => FileChange::Added,
            (true, false) => FileChange::Removed,
        };
        let (added, removed) = lines(&old, &new);
        Ok(Some(FileDiff {
            path: path.to_string_lossy().into_owned(),
            change,
            added,
            removed,
        }))
    })?;
    let files: Vec<FileDiff> = compared.into_iter().flatten().collect();
    Ok(TreeDiff {
        same: paths.len() - files.len(),
        files,
    })
}

fn read(path: &Path) -> Result<Vec<u8>> {
    let read = || {
        if fs::symlink_metadata(path)?.is_symlink() {
            Ok(fs::read_link(path)?.as_os_str().as_bytes().to_vec())
        } else {
            fs::read(path)
        }
    };
    Ok(read().map_err(|e| host::Error::file("read", path, e))?)
}

/// Added and removed lines; none of what is no text (has a NUL near its beginning, as git has it).
fn lines(old: &[u8], new: &[u8]) -> (u64, u64) {
    let binary = |bytes: &[u8]| bytes[..bytes.len().min(8000)].contains(&0);
    if binary(old) || binary(new) {
        return (0, 0);
    }
    let count = |bytes: &[u8]| imara_diff::sources::byte_lines(bytes).count() as u64;
    if old.is_empty() || new.is_empty() {
        return (count(new), count(old));
    }
    let input = InternedInput::new(old, new);
    let diff = Diff::compute(Algorithm::Myers, &input);
    (
        u64::from(diff.count_additions()),
        u64::from(diff.count_removals()),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &[u8])]) -> tempfile::TempDir {
        let dir = tempfile::tempdir().expect("a folder");
        for (name, content) in files {
            let path = dir.path().join(name);
            fs::create_dir_all(path.parent().expect("has one")).expect("makes");
            fs::write(path, content).expect("writes");
        }
        dir
    }

    fn trees() -> (tempfile::TempDir, tempfile::TempDir) {
        let a = tree(&[
            ("same.c", b"x\n"),
            ("net/changed.c", b"1\n2\n3\n4"),
            ("net/gone.c", b"1\n2"),
            ("blob", b"\0a\nb\n"),
            (".git/HEAD", b"a"),
        ]);
        let b = tree(&[
            ("same.c", b"x\n"),
            ("net/changed.c", b"1\n3\nthree\n4\n"),
            ("new.h", b"1\n2\n3\n"),
            ("blob", b"\0c\nd\n"),
            (".git/HEAD", b"b"),
        ]);
        (a, b)
    }

    fn told(only: &Only) -> (usize, Vec<String>) {
        let (a, b) = trees();
        let diff = diff(a.path(), b.path(), only).expect("readable");
        let told = |f: &FileDiff| format!("{:?} {} +{} -{}", f.change, f.path, f.added, f.removed);
        (diff.same, diff.files.iter().map(told).collect())
    }

    #[test]
    fn files_and_lines_are_counted() {
        let expected = [
            "Changed blob +0 -0",
            "Changed net/changed.c +2 -2",
            "Removed net/gone.c +0 -2",
            "Added new.h +3 -0",
        ];
        assert_eq!(
            told(&Only::default()),
            (1, expected.map(str::to_owned).to_vec())
        );
    }

    #[test]
    fn only_what_is_asked_for_is_compared() {
        let below = Only {
            below: vec!["net".into()],
            listed: None,
        };
        assert_eq!(told(&below).1.len(), 2);
        let listed = Only {
            below: Vec::new(),
            listed: Some(["net/changed.c", "same.c"].map(PathBuf::from).into()),
        };
        assert_eq!(
            told(&listed),
            (1, vec!["Changed net/changed.c +2 -2".to_owned()])
        );
    }
}
