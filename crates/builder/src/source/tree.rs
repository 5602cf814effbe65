//! Source trees of the user's own: which version they are, and their digest.
//!
//! The digest covers relative paths, whether a file is executable, contents
//! and the targets of symbolic links; the `.git` at the top doesn't count. It
//! is kept by a fingerprint of every file's stat(2) (path, size, times, inode),
//! so that a tree that was not touched is not read again.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use host::cache::write_whole;
use host::{Cache, Id};
use recipe::package::Package;
use serde::{Deserialize, Serialize};

use crate::error::{Error, Result};

/// A file that changed so shortly before the tree was looked at could change
/// again without its times showing it (they have the kernel's tick).
const TOO_NEW_NS: i128 = 1_000_000_000;

/// A tree's digest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Measured {
    /// The digest.
    pub id: Id,
    /// Whether it was known already.
    pub cached: bool,
}

/// The version of a package's tree, by its own files.
///
/// # Errors
/// [`Kind::Source`] when it is no tree of this package, or one that was built
/// in place: a build elsewhere would find its objects.
pub(crate) fn version(package: Package, path: &Path) -> Result<String> {
    if !path.is_dir() {
        return Err(Error::NoFolder {
            path: path.to_owned(),
            exists: path.exists(),
        });
    }
    let (parts, version): (&[&str], _) = match package {
        Package::Linux => (&["Kbuild", "Kconfig", "init/main.c"], of_makefile(path)),
        Package::BusyBox => (&["Config.in", "applets"], of_makefile(path)),
        Package::Musl => (&["configure", "include/alltypes.h.in"], of_file(path)),
        // No tree: a package of files.
        Package::LinuxConfig { .. } => (&[], None),
    };
    let missing = parts.iter().find(|part| !path.join(part).exists());
    let Some(version) = version.filter(|_| missing.is_none()) else {
        return Err(no_tree(package, path, missing.copied()));
    };
    if package != Package::Musl
        && let Some(remains) = built_in_place(path)
    {
        return Err(Error::BuiltInPlace {
            path: path.to_owned(),
            remains,
        });
    }
    Ok(version)
}

fn no_tree(package: Package, path: &Path, missing: Option<&str>) -> Error {
    Error::NotATree {
        path: path.to_owned(),
        package: package.name(),
        lacks: match (missing, package) {
            (Some(part), _) => format!("it has no {part}"),
            (None, Package::Musl) => "its file VERSION holds no version".to_owned(),
            (None, _) => "its Makefile sets no VERSION and PATCHLEVEL".to_owned(),
        },
    }
}

/// What stops Kbuild from building elsewhere (the target `outputmakefile` of
/// the kernel's Makefile looks for the same).
fn built_in_place(path: &Path) -> Option<String> {
    let generated = fs::read_dir(path.join("arch"))
        .into_iter()
        .flatten()
        .flatten();
    let generated = generated.map(|arch| {
        Path::new("arch")
            .join(arch.file_name())
            .join("include/generated")
    });
    [".config", "include/config"]
        .iter()
        .map(PathBuf::from)
        .chain(generated)
        .find(|p| path.join(p).exists())
        .map(|p| p.display().to_string())
}

/// `VERSION = 6`, `PATCHLEVEL = 12`, `SUBLEVEL = 117`, `EXTRAVERSION = -rc1`
/// at the head of a Makefile.
fn of_makefile(path: &Path) -> Option<String> {
    let text = String::from_utf8_lossy(&fs::read(path.join("Makefile")).ok()?).into_owned();
    let set = |name: &str| {
        text.lines().take(40).find_map(|line| {
            let (key, value) = line.split_once('=')?;
            (key.trim() == name).then(|| value.trim().to_owned())
        })
    };
    let number =
        |name: &str| set(name).filter(|v| !v.is_empty() && v.bytes().all(|b| b.is_ascii_digit()));
    let mut version = format!("{}.{}", number("VERSION")?, number("PATCHLEVEL")?);
    if let Some(sublevel) = number("SUBLEVEL") {
        version.push_str(&format!(".{sublevel}"));
    }
    version.push_str(&set("EXTRAVERSION").unwrap_or_default());
    Some(version)
}

/// The first line of the file `VERSION`.
fn of_file(path: &Path) -> Option<String> {
    let text = fs::read_to_string(path.join("VERSION")).ok()?;
    let version = text.lines().next()?.trim();
    version
        .starts_with(|c: char| c.is_ascii_digit())
        .then(|| version.to_owned())
}

/// One file or symbolic link of a tree.
#[derive(Clone, Debug)]
struct Item {
    /// Relative to the tree.
    path: PathBuf,
    is_link: bool,
    mode: u32,
    size: u64,
    inode: u64,
    modified_ns: i128,
    changed_ns: i128,
}

/// What is remembered of a tree.
#[derive(Serialize, Deserialize)]
struct KnownTree {
    fingerprint: Id,
    digest: Id,
}

/// The digest of a tree.
pub(crate) fn digest(path: &Path, cache: &Cache) -> Result<Measured> {
    let name = Id::of_bytes(path.as_os_str().as_bytes());
    let known_at = cache
        .folder("digests")?
        .join(format!("{}.json", name.short()));
    let now = SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |d| d.as_nanos() as i128);
    let items = scan(path)?;
    let fingerprint = fingerprint_of(&items);
    let known = fs::read(&known_at)
        .ok()
        .and_then(|b| serde_json::from_slice::<KnownTree>(&b).ok());
    if let Some(known) = known.filter(|known| known.fingerprint == fingerprint) {
        return Ok(Measured {
            id: known.digest,
            cached: true,
        });
    }
    let digest = digest_of(path, &items)?;
    let newest = items.iter().map(|i| i.changed_ns).max().unwrap_or(0);
    if newest < now - TOO_NEW_NS {
        let known = KnownTree {
            fingerprint,
            digest: digest.clone(),
        };
        // Not to remember it costs time only.
        if let Ok(json) = serde_json::to_vec(&known) {
            write_whole(&known_at, &json)?;
        }
    }
    Ok(Measured {
        id: digest,
        cached: false,
    })
}

fn fingerprint_of(items: &[Item]) -> Id {
    let mut text = Vec::with_capacity(items.len() * 96);
    for item in items {
        text.extend_from_slice(item.path.as_os_str().as_bytes());
        text.push(0);
        for number in [
            i128::from(item.size),
            i128::from(item.inode),
            item.modified_ns,
            item.changed_ns,
        ] {
            text.extend_from_slice(&number.to_le_bytes());
        }
    }
    Id::of_bytes(&text)
}

/// All files and symbolic links of a tree, by path. The first two levels are
/// listed first; what is below them is shared out among threads.
fn scan(root: &Path) -> Result<Vec<Item>> {
    let mut items = Vec::new();
    let mut below = Vec::new();
    let mut level = vec![PathBuf::new()];
    for _ in 0..2 {
        let mut next = Vec::new();
        for folder in level {
            list(root, &folder, &mut items, &mut next)?;
        }
        level = next;
    }
    below.append(&mut level);
    let found = shared_out(below.len(), |at| {
        let mut items = Vec::new();
        let mut folders = vec![below[at].clone()];
        while let Some(folder) = folders.pop() {
            list(root, &folder, &mut items, &mut folders)?;
        }
        Ok(items)
    })?;
    items.extend(found.into_iter().flatten());
    // By bytes: much faster than by components, and just as fixed.
    items.sort_unstable_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    Ok(items)
}

/// Adds what is in one folder.
fn list(
    root: &Path,
    folder: &Path,
    items: &mut Vec<Item>,
    folders: &mut Vec<PathBuf>,
) -> Result<()> {
    let at = root.join(folder);
    let failed = |e: std::io::Error| host::Error::file("list", &at, e);
    for entry in fs::read_dir(&at).map_err(failed)? {
        let entry = entry.map_err(failed)?;
        let name = entry.file_name();
        if folder.as_os_str().is_empty() && name == ".git" {
            continue;
        }
        let path = folder.join(name);
        let kind = entry.file_type().map_err(failed)?;
        if kind.is_dir() {
            folders.push(path);
        } else if kind.is_file() || kind.is_symlink() {
            let meta = entry
                .metadata()
                .map_err(|e| host::Error::file("look at", &entry.path(), e))?;
            let ns = |s: i64, ns: i64| i128::from(s) * 1_000_000_000 + i128::from(ns);
            items.push(Item {
                path,
                is_link: kind.is_symlink(),
                mode: meta.mode(),
                size: meta.size(),
                inode: meta.ino(),
                modified_ns: ns(meta.mtime(), meta.mtime_nsec()),
                changed_ns: ns(meta.ctime(), meta.ctime_nsec()),
            });
        }
    }
    Ok(())
}

/// The paths of all files and symbolic links of a tree, without the `.git` at
/// its top.
pub(super) fn paths(root: &Path) -> Result<Vec<PathBuf>> {
    Ok(scan(root)?.into_iter().map(|item| item.path).collect())
}

fn digest_of(root: &Path, items: &[Item]) -> Result<Id> {
    let hashes = shared_out(items.len(), |at| {
        let path = root.join(&items[at].path);
        let hash = if items[at].is_link {
            fs::read_link(&path).map(|to| Id::of_bytes(to.as_os_str().as_bytes()))
        } else {
            Id::of_file(&path)
        };
        Ok(hash.map_err(|e| host::Error::file("read", &path, e))?)
    })?;
    let mut text = b"tree/1\n".to_vec();
    for (item, hash) in items.iter().zip(hashes) {
        let kind = match item {
            Item { is_link: true, .. } => 'l',
            Item { mode, .. } if mode & 0o100 != 0 => 'x',
            _ => 'f',
        };
        text.extend_from_slice(format!("{kind} {hash} ").as_bytes());
        text.extend_from_slice(item.path.as_os_str().as_bytes());
        text.push(0);
    }
    Ok(Id::of_bytes(&text))
}

/// Does `count` pieces of work on as many threads as the machine has; what
/// comes out is in the order of the pieces.
pub(super) fn shared_out<T: Send>(
    count: usize,
    work: impl Fn(usize) -> Result<T> + Sync,
) -> Result<Vec<T>> {
    let threads = std::thread::available_parallelism()
        .map_or(1, |n| n.get())
        .min(count.max(1));
    let next = AtomicUsize::new(0);
    let some = || {
        let mut done = Vec::new();
        loop {
            let at = next.fetch_add(1, Ordering::Relaxed);
            if at >= count {
                return Ok::<_, Error>(done);
            }
            done.push((at, work(at)?));
        }
    };
    let mut all = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(some)).collect();
        let mut all = Vec::with_capacity(count);
        for worker in workers {
            match worker.join() {
                Ok(done) => all.extend(done?),
                Err(panic) => std::panic::resume_unwind(panic),
            }
        }
        Ok::<_, Error>(all)
    })?;
    all.sort_by_key(|(at, _)| *at);
    Ok(all.into_iter().map(|(_, value)| value).collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn write(root: &Path, name: &str, text: &str) {
        let path = root.join(name);
        fs::create_dir_all(path.parent().expect("has a folder")).expect("makes it");
        fs::write(path, text).expect("writes");
    }

    fn linux(root: &Path) {
        let makefile = "# SPDX\nVERSION = 6\nPATCHLEVEL = 12\nSUBLEVEL = 117\nEXTRAVERSION =\n";
        write(root, "Makefile", makefile);
        write(root, "Kbuild", "");
        write(root, "Kconfig", "");
        write(root, "init/main.c", "int main;");
    }

    fn temporary() -> (tempfile::TempDir, Cache) {
        let dir = tempfile::tempdir().expect("a temporary folder");
        let cache = Cache::at(&dir.path().join("cache")).expect("a cache");
        (dir, cache)
    }

    #[test]
    fn versions_come_from_the_trees_own_files() {
        let (dir, _) = temporary();
        linux(&dir.path().join("linux"));
        let tree = dir.path().join("linux");
        assert_eq!(
            version(Package::Linux, &tree).expect("a kernel"),
            "6.12.117"
        );
        let musl = dir.path().join("musl");
        write(&musl, "VERSION", "1.2.3\n");
        write(&musl, "configure", "");
        write(&musl, "include/alltypes.h.in", "");
        assert_eq!(version(Package::Musl, &musl).expect("a libc"), "1.2.3");
        let wrong = version(Package::BusyBox, &tree).expect_err("is a kernel");
        assert!(
            wrong.to_string().ends_with("it has no Config.in"),
            "{wrong}"
        );
        let nothing = version(Package::Linux, &dir.path().join("none")).expect_err("not there");
        assert!(nothing.to_string().ends_with("does not exist"), "{nothing}");
    }

    #[test]
    fn a_tree_that_was_built_in_place_is_refused() {
        for remains in [
            ".config",
            "include/config/auto.conf",
            "arch/x86/include/generated/a.h",
        ] {
            let (dir, _) = temporary();
            linux(dir.path());
            write(dir.path(), remains, "");
            let error = version(Package::Linux, dir.path()).expect_err("was built");
            assert!(matches!(error, Error::BuiltInPlace { .. }), "{error}");
        }
    }

    #[test]
    fn the_digest_knows_contents_modes_links_and_names() {
        use std::os::unix::fs::PermissionsExt;
        let (dir, cache) = temporary();
        let tree = dir.path().join("linux");
        linux(&tree);
        let id = || digest(&tree, &cache).expect("readable").id;
        let mut seen = vec![id()];
        let mut different = |what: &str| {
            let id = id();
            assert!(!seen.contains(&id), "{what}");
            seen.push(id);
        };
        write(&tree, "init/main.c", "int niam;");
        different("contents of the same size");
        fs::rename(tree.join("init/main.c"), tree.join("init/main.h")).expect("renames");
        different("names");
        let mode = fs::Permissions::from_mode(0o755);
        fs::set_permissions(tree.join("init/main.h"), mode).expect("sets");
        different("modes");
        std::os::unix::fs::symlink("main.h", tree.join("init/link")).expect("links");
        different("links");
        let before = id();
        write(&tree, ".git/HEAD", "ref");
        assert_eq!(id(), before, "history doesn't count");
    }

    #[test]
    fn an_untouched_tree_is_not_read_again() {
        let (dir, cache) = temporary();
        let tree = dir.path().join("linux");
        linux(&tree);
        std::thread::sleep(std::time::Duration::from_millis(1100));
        let first = digest(&tree, &cache).expect("readable");
        let second = digest(&tree, &cache).expect("readable");
        assert_eq!((first.cached, second.cached), (false, true));
        assert_eq!(first.id, second.id);
        write(&tree, "Kbuild", "#");
        assert!(!digest(&tree, &cache).expect("readable").cached);
    }
}
