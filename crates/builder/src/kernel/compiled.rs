//! Which files of its source tree a kernel was compiled from, by what its build
//! left behind: the archives that vmlinux is linked from name the objects, and
//! beside each object Kbuild keeps which files its compiler read
//! (`.NAME.o.cmd`, scripts/basic/fixdep.c).
//!
//! An object tree is shared by many configurations: objects of others lie in
//! it, too. Only what the archives name counts.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::{fs, io};

/// The magic of an archive that only names its members (ar(1), `T`).
const THIN: &[u8] = b"!<thin>\n";
/// The size of a member's header in an archive.
const HEADER: usize = 60;

/// The paths, relative to the source tree, of all files that the kernel in this
/// object tree was compiled from. `source` is the tree as the build knew it.
pub(crate) fn sources(objects: &Path, source: &Path) -> io::Result<BTreeSet<PathBuf>> {
    let mut cmds = BTreeSet::new();
    for archive in archives(objects)? {
        for name in thin_members(&fs::read(&archive)?) {
            // vmlinux.a names its members from the top, a lib.a from its folder.
            let folder = archive.parent().unwrap_or(objects);
            let at = [objects.join(&name), folder.join(&name)];
            cmds.extend(at.iter().filter_map(|object| cmd_of(object)));
        }
    }
    // What unpacks and starts the kernel is linked apart from it.
    for arch in folders(&objects.join("arch"))? {
        add_cmds(&arch.join("boot"), &mut cmds)?;
    }
    let mut found = BTreeSet::new();
    for cmd in cmds.iter().filter(|cmd| cmd.is_file()) {
        let text = fs::read(cmd)?;
        found.extend(dependencies(&String::from_utf8_lossy(&text), source));
    }
    Ok(found)
}

/// `vmlinux.a`, and the libraries that are linked as needed.
fn archives(objects: &Path) -> io::Result<Vec<PathBuf>> {
    let mut found = vec![objects.join("vmlinux.a"), objects.join("lib/lib.a")];
    for arch in folders(&objects.join("arch"))? {
        found.push(arch.join("lib/lib.a"));
    }
    found.retain(|archive| archive.is_file());
    Ok(found)
}

fn folders(path: &Path) -> io::Result<Vec<PathBuf>> {
    let entries = match fs::read_dir(path) {
        Err(e) if e.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        entries => entries?,
    };
    let paths = entries.flatten().map(|e| e.path());
    Ok(paths.filter(|p| p.is_dir()).collect())
}

fn cmd_of(object: &Path) -> Option<PathBuf> {
    let name = object.file_name()?.to_str()?;
    Some(object.with_file_name(format!(".{name}.cmd")))
}

fn add_cmds(folder: &Path, cmds: &mut BTreeSet<PathBuf>) -> io::Result<()> {
    if !folder.is_dir() {
        return Ok(());
    }
    for entry in fs::read_dir(folder)?.flatten() {
        let path = entry.path();
        if path.is_dir() {
            add_cmds(&path, cmds)?;
        } else if path.to_string_lossy().ends_with(".o.cmd") {
            cmds.insert(path);
        }
    }
    Ok(())
}

/// The members of a thin archive; none of another file.
fn thin_members(bytes: &[u8]) -> Vec<String> {
    let Some(mut rest) = bytes.strip_prefix(THIN) else {
        return Vec::new();
    };
    let mut names: &[u8] = &[];
    let mut members = Vec::new();
    while rest.len() >= HEADER {
        let (header, behind) = rest.split_at(HEADER);
        let text = |range: std::ops::Range<usize>| {
            String::from_utf8_lossy(&header[range])
                .trim_end()
                .to_owned()
        };
        let (name, size) = (text(0..16), text(48..58).parse::<usize>().unwrap_or(0));
        // Only the tables of symbols and of names have content.
        let content = match name.as_str() {
            "//" | "/" | "/SYM64/" => size,
            _ => 0,
        };
        if name == "//" {
            names = &behind[..content.min(behind.len())];
        }
        if let Some(at) = name.strip_prefix('/').and_then(|n| n.parse::<usize>().ok()) {
            let long = names.get(at..).unwrap_or_default();
            let end = long.windows(2).position(|two| two == b"/\n");
            members.push(String::from_utf8_lossy(&long[..end.unwrap_or(long.len())]).into_owned());
        } else if let Some(short) = name.strip_suffix('/').filter(|n| !matches!(*n, "" | "/")) {
            members.push(short.to_owned());
        }
        let next = content + content % 2;
        rest = behind.get(next..).unwrap_or_default();
    }
    members
}

/// The files below `source` that a `.cmd` file names as source or dependency.
fn dependencies(text: &str, source: &Path) -> Vec<PathBuf> {
    let recorded = text
        .lines()
        .filter_map(|line| match line.split_once(" := ") {
            Some((key, value)) if key.starts_with("source_") => Some(value),
            Some(_) => None,
            None => Some(line),
        });
    recorded
        .map(|line| line.trim().trim_end_matches('\\').trim())
        .filter_map(|path| Path::new(path).strip_prefix(source).ok())
        .map(|path| path.components().collect())
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dependencies_are_the_files_of_the_source_tree() {
        let text = "savedcmd_net/a.o := gcc /src/net/a.c\n\nsource_net/a.o := /src/net/a.c\n\n\
                    deps_net/a.o := \\\n    $(wildcard include/config/NET) \\\n  /src/include/x.h \\\n  \
                    include/generated/y.h \\\n  /usr/lib/gcc/stdarg.h \\\n\nnet/a.o: $(deps_net/a.o)\n";
        let found = dependencies(text, Path::new("/src"));
        assert_eq!(found, [PathBuf::from("net/a.c"), "include/x.h".into()]);
    }

    #[test]
    fn an_archive_that_is_none_names_nothing() {
        assert!(thin_members(b"").is_empty());
        assert!(thin_members(b"!<arch>\nxxxx").is_empty());
        let mut short = THIN.to_vec();
        short.extend([b'/'; 59]);
        assert!(thin_members(&short).is_empty());
    }

    #[test]
    fn members_are_those_that_ar_itself_lists() {
        let dir = tempfile::tempdir().expect("a folder");
        let long = "a-name/that-is-longer/than-sixteen-letters.o";
        fs::create_dir_all(dir.path().join("a-name/that-is-longer")).expect("makes");
        for name in ["x.o", long] {
            fs::write(dir.path().join(name), "").expect("writes");
        }
        // The supervisor of `process` is the finished program, which a test of
        // the library doesn't have.
        #[allow(clippy::disallowed_methods)]
        let status = std::process::Command::new("ar")
            .args(["cDPrST", "t.a", "x.o", long])
            .current_dir(dir.path())
            .status();
        assert!(status.expect("ar starts").success());
        let bytes = fs::read(dir.path().join("t.a")).expect("there");
        assert_eq!(thin_members(&bytes), ["x.o", long]);
    }
}
