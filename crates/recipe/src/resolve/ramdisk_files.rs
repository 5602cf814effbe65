//! Whether the ramdisk can hold what a recipe puts into it: the names that the
//! kernel takes, and nothing that is file and folder at once. The tree is packed
//! much later; what it would refuse is refused here, at its place.

use std::collections::{HashMap, HashSet};
use std::path::{Path, PathBuf};

use initramfs::{ArchivePath, LinkTarget};

use super::Context;
use crate::diagnostic::{Place, Problem, Wrong};
use crate::plan::{FileKind, FilePlan};

/// Where the checks' agent stands for the time of a boot.
const AGENT: &str = "/.tuxling";

/// Where BusyBox puts its program and its links.
const APPLET_FOLDERS: [&str; 4] = ["/bin", "/sbin", "/usr/bin", "/usr/sbin"];

/// A path in the ramdisk, in its one form.
pub(super) fn path(typed: &str) -> Result<String, Wrong> {
    let wrong = |message: &str| Wrong::new(format!("`{typed}` {message}"));
    let Some(relative) = typed.strip_prefix('/') else {
        return Err(wrong("is not an absolute path").help(format!("write \"/{typed}\"")));
    };
    let parts: Vec<&str> = relative
        .split('/')
        .filter(|part| !part.is_empty())
        .collect();
    if parts.is_empty() {
        return Err(wrong("is the root itself").help("it is always there"));
    }
    if parts.iter().any(|part| matches!(*part, "." | "..")) {
        return Err(wrong("has `.` or `..` in it").help("write the path that it leads to"));
    }
    let path = format!("/{}", parts.join("/"));
    ArchivePath::new(&path).map_err(|error| Wrong::new(error.to_string()).help("shorten it"))?;
    if parts.first() == Some(&&AGENT[1..]) {
        let help = "take another folder: the checks' agent stands there while it boots";
        return Err(wrong("is tuxling's own").help(help));
    }
    Ok(path)
}

/// The target of a symbolic link.
pub(super) fn target(typed: &str) -> Result<String, Wrong> {
    match LinkTarget::new(typed) {
        Ok(_) => Ok(typed.to_owned()),
        Err(error) => Err(Wrong::new(error.to_string()).help("write what it points to")),
    }
}

/// What lies beneath the recipe's own files.
pub(super) struct Beneath<'a> {
    /// The files that tuxling writes.
    pub(super) written: &'a [FilePlan],
    /// BusyBox's applets, if there is a BusyBox.
    pub(super) applets: Option<&'a [String]>,
    /// The user's folder.
    pub(super) folder: Option<&'a Path>,
}

/// Adds a problem for each of the recipe's files that stands in what is no
/// folder, or takes a folder's place that has something in it.
pub(super) fn fit(context: &Context<'_>, own: &[(FilePlan, Place)], beneath: &Beneath<'_>) {
    let written = beneath.written.iter();
    let mut solid: HashMap<&str, String> = written
        .filter(|file| !is_folder(file))
        .map(|file| {
            (
                &*file.to,
                format!("{} is a file that tuxling writes", file.to),
            )
        })
        .collect();
    for (file, _) in own {
        if is_folder(file) {
            _ = solid.remove(&*file.to)
        } else {
            _ = solid.insert(&file.to, format!("{} is no folder here", file.to))
        }
    }
    let applets: HashSet<&str> = beneath
        .applets
        .unwrap_or_default()
        .iter()
        .map(|a| &**a)
        .collect();
    let replaced: HashSet<&str> = own.iter().map(|(file, _)| &*file.to).collect();
    let applet = |path: &str| {
        let (folder, name) = path.rsplit_once('/')?;
        let busybox = beneath.applets.is_some() && path == "/bin/busybox";
        let is = busybox || (APPLET_FOLDERS.contains(&folder) && applets.contains(name));
        (is && !replaced.contains(path)).then(|| format!("{path} is a program of BusyBox's"))
    };
    let mut holders: HashSet<String> = HashSet::new();
    for (file, place) in own {
        let above: Vec<&str> = ancestors(&file.to).collect();
        holders.extend(above.iter().map(|one| (*one).to_owned()));
        let blocked = above.iter().find_map(|one| {
            solid
                .get(one)
                .cloned()
                .or_else(|| applet(one))
                .or_else(|| in_folder(beneath.folder, one, &replaced))
        });
        if let Some(blocked) = blocked {
            let message = format!("{} can't be there: {blocked}", file.to);
            let help = "give one of the two another path";
            context.problem(Problem::at(place, message).help(help));
        }
    }
    for (file, place) in own.iter().filter(|(file, _)| !is_folder(file)) {
        let folder = beneath.folder.map(|folder| folder.join(&file.to[1..]));
        let full = folder.is_some_and(|folder| is_full(&folder))
            || APPLET_FOLDERS[..1].contains(&&*file.to) && beneath.applets.is_some();
        if full && !holders.contains(&file.to) {
            let message = format!("{} is a folder with something in it", file.to);
            let help = "give the file another path";
            context.problem(Problem::at(place, message).help(help));
        }
    }
}

fn is_folder(file: &FilePlan) -> bool {
    matches!(file.kind, FileKind::Directory)
}

/// The folders that a path stands in, without the root, the outermost last.
fn ancestors(path: &str) -> impl Iterator<Item = &str> {
    let mut rest = path;
    std::iter::from_fn(move || {
        rest = rest.rsplit_once('/')?.0;
        (!rest.is_empty()).then_some(rest)
    })
}

/// What is in the way in the user's folder.
fn in_folder(folder: Option<&Path>, path: &str, replaced: &HashSet<&str>) -> Option<String> {
    let there: PathBuf = folder?.join(&path[1..]);
    let kind = there.symlink_metadata().ok()?.file_type();
    (!kind.is_dir() && !replaced.contains(path)).then(|| {
        if kind.is_symlink() {
            format!("{path} is a symbolic link in the folder")
        } else {
            format!("{path} is a file in the folder")
        }
    })
}

fn is_full(folder: &Path) -> bool {
    let real = folder.symlink_metadata().is_ok_and(|meta| meta.is_dir());
    real && std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some())
}
