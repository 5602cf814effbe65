//! Patches, applied by patch(1) to a copy of a tree.
//!
//! patch sees a folder that holds nothing but copies of the files that the
//! patches name; the rest of the tree is put beside them when all have been
//! applied, by hard links: a kernel's tree has 85,000 files, a patch touches a
//! few. So patch can't write to the original, and one that doesn't apply is
//! told at once.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Component, Path, PathBuf};

use host::cache::fill_folder;
use host::process::Cmd;
use recipe::plan::PatchFile;

use super::{Context, Provenance, Request, Source, archive};
use crate::error::{Error, Result};

/// Makes `source` a copy with the request's patches applied.
pub(super) fn apply(source: &mut Source, request: &Request, context: &Context) -> Result<()> {
    let mut name =
        archive::tree_path(&source.name, &source.lock_entry(), context.cache)?.into_os_string();
    name.push(format!("+patches-{}", source.digest.short()));
    let patched = PathBuf::from(name);
    let original = std::mem::replace(&mut source.tree, patched.clone());
    if patched.is_dir() {
        return Ok(());
    }
    let _lock = context.cache.lock(&patched, context.progress)?;
    if patched.is_dir() {
        return Ok(());
    }
    source.cached = false;
    if context.processes.find("patch").is_none() {
        return Err(host::Error::missing_tool("patch", "apply the recipe's patches").into());
    }
    fill_folder(&patched, |aside| {
        fill(&original, aside, source, request, context)
    })
}

/// Fills a folder with the tree, patched.
fn fill(
    original: &Path,
    aside: &Path,
    source: &Source,
    request: &Request,
    context: &Context,
) -> Result<()> {
    let patches = request.patches;
    let named: BTreeSet<PathBuf> = patches
        .iter()
        .flat_map(|patch| named_by(&patch.content))
        .filter(|path| is_plain_file(original, path))
        .collect();
    for path in &named {
        let to = aside.join(path);
        let parent = to.parent().unwrap_or(aside);
        fs::create_dir_all(parent).map_err(|e| host::Error::file("make the folder", parent, e))?;
        copy_file(&original.join(path), &to)?;
    }
    for patch in patches {
        (context.progress)(&format!("{}: applying {}", source.name, patch.name));
        run_patch(patch, aside, source, context)?;
    }
    // A tree of the user's may be written to at any time: nothing is shared.
    let share = source.origin != Provenance::Path;
    add_the_rest(original, aside, &named, share)
}

/// `--fuzz=0`: a hunk whose context doesn't match is an error, as for `git
/// apply`, quilt's packages and Buildroot; other line numbers are fine.
/// `--unified`: patch would start an editor for an ed script.
fn run_patch(patch: &PatchFile, tree: &Path, source: &Source, context: &Context) -> Result<()> {
    let io = |e: std::io::Error| host::Error::file("write the patch beside", tree, e);
    let file = tempfile::NamedTempFile::new().map_err(io)?;
    fs::write(file.path(), &patch.content).map_err(io)?;
    let cmd = Cmd::new("patch")
        .args([
            "-p1",
            "--unified",
            "--fuzz=0",
            "--forward",
            "--batch",
            "--get=0",
        ])
        .args(["--no-backup-if-mismatch", "--reject-file=-"])
        .arg(format!("--input={}", file.path().display()))
        .dir(tree);
    match context.processes.run(&cmd) {
        Ok(_) => Ok(()),
        Err(e) => Err(Error::of_tool(e, |error| Error::Patch {
            patch: patch.name.clone(),
            package: source.name.clone(),
            version: source.version.clone(),
            error: error.into(),
        })),
    }
}

/// The files that a patch names, relative to the tree, with and without their
/// leading folder. Too many do no harm.
fn named_by(patch: &[u8]) -> BTreeSet<PathBuf> {
    const HEADS: &[&str] = &[
        "--- ",
        "+++ ",
        "*** ",
        "Index: ",
        "diff --git ",
        "rename from ",
        "rename to ",
        "copy from ",
        "copy to ",
    ];
    let text = String::from_utf8_lossy(patch);
    let mut paths = BTreeSet::new();
    for line in text.lines() {
        let Some(rest) = HEADS.iter().find_map(|head| line.strip_prefix(head)) else {
            continue;
        };
        // A name ends at a tab (a time follows), or at the end of the line; in
        // a `diff --git` line there are two.
        let whole = rest.split('\t').next().unwrap_or_default().trim();
        for name in std::iter::once(whole).chain(rest.split_whitespace()) {
            let path = Path::new(name.trim_matches('"'));
            let plain = |c: Component| matches!(c, Component::Normal(_));
            if path.components().all(plain) {
                paths.insert(path.to_owned());
                paths.insert(path.components().skip(1).collect());
            }
        }
    }
    paths
}

/// Whether a path is a regular file that no symbolic link leads to.
fn is_plain_file(tree: &Path, path: &Path) -> bool {
    let is = |path: &Path, wanted: fn(&fs::Metadata) -> bool| {
        fs::symlink_metadata(tree.join(path)).is_ok_and(|m| wanted(&m))
    };
    let mut above = path.ancestors().skip(1);
    is(path, fs::Metadata::is_file) && above.all(|folder| is(folder, fs::Metadata::is_dir))
}

/// Copies a file with its mode and time.
fn copy_file(from: &Path, to: &Path) -> Result<()> {
    let copy = || {
        fs::copy(from, to)?;
        let time = fs::metadata(from)?.modified()?;
        fs::File::options()
            .append(true)
            .open(to)?
            .set_modified(time)
    };
    Ok(copy().map_err(|e| host::Error::file("copy to", to, e))?)
}

/// Puts a tree's files beside the patched ones, without those that the patches
/// name (they may be gone on purpose) and without the `.git` at its top; shares
/// them when `share` says so and the file system can.
fn add_the_rest(from: &Path, to: &Path, named: &BTreeSet<PathBuf>, share: bool) -> Result<()> {
    let mut folders = vec![PathBuf::new()];
    while let Some(folder) = folders.pop() {
        let source = from.join(&folder);
        let failed = |e: std::io::Error| host::Error::file("copy", &source, e);
        for entry in fs::read_dir(&source).map_err(failed)? {
            let entry = entry.map_err(failed)?;
            let kind = entry.file_type().map_err(failed)?;
            let path = folder.join(entry.file_name());
            let target = to.join(&path);
            let put = |e: std::io::Error| host::Error::file("copy to", &target, e);
            if path == Path::new(".git") || named.contains(&path) {
                continue;
            } else if kind.is_dir() {
                fs::create_dir_all(&target).map_err(put)?;
                folders.push(path);
            } else if kind.is_symlink() {
                fs::read_link(entry.path())
                    .and_then(|link| std::os::unix::fs::symlink(link, &target))
                    .map_err(put)?;
            } else if kind.is_file() && !(share && fs::hard_link(entry.path(), &target).is_ok()) {
                copy_file(&entry.path(), &target)?;
            }
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_that_a_patch_names_are_found() {
        let patch = b"From 12\n---\n a.c | 2\n\ndiff --git a/old.sh b/run me.sh\nold mode 100644\n\
            new mode 100755\nrename from kernel/old.c\nrename to kernel/new.c\n\
            --- a/mm/slub.c\t2026-01-01\n+++ b/mm/slub.c\t2026-01-02\n@@ -1 +1 @@\n-a\n+b\n\
            --- /dev/null\n+++ b/../../etc/passwd\n";
        let paths = named_by(patch);
        for path in ["old.sh", "kernel/old.c", "mm/slub.c"] {
            assert!(paths.contains(Path::new(path)), "{path}");
        }
        assert!(
            paths
                .iter()
                .all(|p| !p.starts_with("..") && p.is_relative())
        );
        assert!(named_by(&[0xff, b'-', 0, b'\n']).is_empty());
    }
}
