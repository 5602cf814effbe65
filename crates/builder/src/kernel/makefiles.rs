//! What a source tree's Makefiles build with a configuration.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use kbuild::Objects;
use recipe::Arch;
use recipe::config::Values;

/// The Makefiles of an unpacked source tree.
#[derive(Clone, Debug)]
struct Makefiles(PathBuf);

impl kbuild::Tree for Makefiles {
    fn read(&self, path: &str) -> Option<String> {
        // A Makefile names files of its own tree only.
        if path.starts_with('/') || path.split('/').any(|part| part == "..") {
            return None;
        }
        fs::read(self.0.join(path))
            .ok()
            .map(|text| String::from_utf8_lossy(&text).into_owned())
    }
}

/// What the Makefiles of a source tree build with a configuration.
pub fn objects(source: &Path, arch: Arch, config_text: &str) -> Objects {
    let values = Values::parse(config_text);
    let on = values.iter().filter(|(_, value)| *value != "n");
    let values: BTreeMap<String, String> = on
        .map(|(name, value)| (name.to_owned(), value.trim_matches('"').to_owned()))
        .collect();
    Objects::read(
        &Makefiles(source.to_owned()),
        arch.facts().source_arch,
        &values,
    )
}
