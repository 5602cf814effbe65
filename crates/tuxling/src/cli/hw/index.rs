//! The index of a kernel's drivers: read from its sources once, and kept.

use std::fs;
use std::path::{Path, PathBuf};

use builder::source::Source;
use hardware::drivers::Drivers;
use hardware::tables::{Sources, TableReader, Worth};
use host::cache::write_whole;
use host::id::Id;
use host::session::{Cached, Session};
use recipe::Arch;
use serde::Serialize;

use crate::failure::Result;

/// Where drivers are, besides the architecture's own folder.
const FOLDERS: &[&str] = &[
    "block", "crypto", "drivers", "fs", "lib", "net", "security", "sound",
];

/// Files whose tables say what a bus announces, not what a driver drives.
const NO_DRIVERS: &[&str] = &["drivers/acpi/acpi_pnp.c"];

/// What an index depends on.
#[derive(Serialize)]
struct DriversKey<'a> {
    source: &'a Id,
    source_arch: &'a str,
    /// How tables are read.
    version: u32,
}

/// The files of an unpacked source tree.
struct SourceTree(PathBuf);

impl Sources for SourceTree {
    fn read(&self, path: &str) -> Option<String> {
        // A file includes files of its own tree only.
        if path.starts_with('/') || path.split('/').any(|part| part == "..") {
            return None;
        }
        let bytes = fs::read(self.0.join(path)).ok()?;
        Some(String::from_utf8_lossy(&bytes).into_owned())
    }
}

/// The drivers of a kernel's sources for an architecture.
pub(super) fn of_sources(
    source: &Source,
    arch: Arch,
    session: &Session,
) -> Result<Cached<Drivers>> {
    let source_arch = arch.facts().source_arch;
    let key = DriversKey {
        source: &source.digest,
        source_arch,
        version: 2,
    };
    let id = Id::of("drivers/1", &key).map_err(builder::error::Error::from)?;
    let kept = session.cache.folder("drivers")?;
    let kept = kept.join(format!("{}.json", id.short()));
    let known = fs::read(&kept).ok();
    if let Some(drivers) = known.and_then(|bytes| serde_json::from_slice(&bytes).ok()) {
        return Ok(Cached::hit(drivers));
    }
    let drivers = read(&source.tree, source_arch);
    let bytes = serde_json::to_vec(&drivers).map_err(builder::error::Error::Json)?;
    write_whole(&kept, &bytes)?;
    Ok(Cached::fresh(drivers))
}

fn read(tree: &Path, source_arch: &str) -> Drivers {
    let sources = SourceTree(tree.to_owned());
    let reader = TableReader::new(&sources);
    let worth = Worth::new(&sources);
    let mut drivers = Drivers::default();
    let own = format!("arch/{source_arch}");
    for folder in FOLDERS.iter().copied().chain([own.as_str()]) {
        for path in sources_below(tree, folder) {
            if !worth.is_read(&path) || NO_DRIVERS.contains(&path.as_str()) {
                continue;
            }
            if let Some(file) = reader.file(&path).filter(|file| !file.is_empty()) {
                drivers.add(&path, file);
            }
        }
    }
    drivers
}

/// The C files below a folder of a tree, sorted.
fn sources_below(tree: &Path, folder: &str) -> Vec<String> {
    let mut found = Vec::new();
    let mut open = vec![folder.to_owned()];
    while let Some(folder) = open.pop() {
        let Ok(entries) = fs::read_dir(tree.join(&folder)) else {
            continue;
        };
        for entry in entries.flatten() {
            let path = format!("{folder}/{}", entry.file_name().to_string_lossy());
            match entry.file_type() {
                Ok(kind) if kind.is_dir() => open.push(path),
                Ok(kind) if kind.is_file() && path.ends_with(".c") => found.push(path),
                _ => {}
            }
        }
    }
    found.sort();
    found
}

/// The drivers of a distribution's `modules.alias`.
pub(super) fn of_list(path: &Path) -> Result<Drivers> {
    let bytes = fs::read(path).map_err(|e| host::Error::file("read", path, e))?;
    Ok(Drivers::of_modules_alias(&String::from_utf8_lossy(&bytes)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_files_of_a_tree_become_an_index() {
        let tree = tempfile::tempdir().expect("a folder");
        for (path, text) in [
            ("drivers/a/b.c", "MODULE_ALIAS(\"pci:b\");"),
            ("drivers/a/c.c", "int c;"),
            ("drivers/a/d.h", "MODULE_ALIAS(\"pci:d\");"),
            ("arch/x86/e.c", "MODULE_ALIAS(\"pci:e\");"),
            ("arch/arm/f.c", "MODULE_ALIAS(\"pci:f\");"),
        ] {
            let path = tree.path().join(path);
            fs::create_dir_all(path.parent().expect("a parent")).expect("a folder");
            fs::write(path, text).expect("written");
        }
        let drivers = read(tree.path(), "x86");
        assert_eq!(drivers.patterns(), 2);
        let of = |alias| drivers.matching(alias, &[]).len();
        assert_eq!([of("pci:b"), of("pci:e"), of("pci:f")], [1, 1, 0]);
    }
}
