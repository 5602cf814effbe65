//! The device tree of a board: compiled by the kernel's own build from the
//! source below `arch/*/boot/dts`, and given to QEMU or a boot loader as a file
//! of its own.

use std::fs;
use std::path::{Path, PathBuf};

use recipe::Arch;

use crate::error::{Error, Result};
use crate::source::Source;

/// A device tree that the kernel's build can make.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeviceTree {
    /// The folder of device trees, below the kernel's source or object tree.
    folder: String,
    /// The `make` target, which is also the file's path below that folder.
    pub target: String,
}

impl DeviceTree {
    /// Looks a device tree up by its name without `.dts`. Its folder moves from
    /// version to version (6.5 sorted ARM's by vendor), its name stays.
    pub(crate) fn find(source: &Source, arch: Arch, name: &str) -> Result<DeviceTree> {
        let folder = format!("arch/{}/boot/dts", arch.facts().source_arch);
        let root = source.tree.join(&folder);
        let mut found = Vec::new();
        collect(&root, Path::new(""), &format!("{name}.dts"), &mut found);
        found.sort();
        match found.as_slice() {
            [one] => Ok(DeviceTree {
                folder,
                target: one.with_extension("dtb").to_string_lossy().into_owned(),
            }),
            [] => Err(Error::NoDeviceTree {
                name: name.to_owned(),
                below: root,
            }),
            several => Err(Error::SeveralDeviceTrees {
                name: name.to_owned(),
                found: several.to_vec(),
            }),
        }
    }

    /// Where it stands below the object tree.
    pub(crate) fn path(&self) -> String {
        format!("{}/{}", self.folder, self.target)
    }
}

/// The files of this name in `root` and its folders, relative to `root`. What
/// can't be read holds none.
fn collect(root: &Path, below: &Path, name: &str, found: &mut Vec<PathBuf>) {
    let entries = fs::read_dir(root.join(below)).into_iter().flatten();
    for entry in entries.flatten() {
        let path = below.join(entry.file_name());
        if entry.file_type().is_ok_and(|kind| kind.is_dir()) {
            collect(root, &path, name, found);
        } else if entry.file_name() == name {
            found.push(path);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use host::Id;

    fn source(tree: &Path, files: &[&str]) -> Source {
        for file in files {
            let path = tree.join("arch/arm/boot/dts").join(file);
            fs::create_dir_all(path.parent().expect("a folder")).expect("writable");
            fs::write(path, "/dts-v1/;").expect("writable");
        }
        let id = Id::of_bytes(b"");
        Source {
            name: "linux".to_owned(),
            version: "6.12".to_owned(),
            origin: crate::source::Provenance::Path,
            sha256: id.clone(),
            tree: tree.to_owned(),
            digest: id,
            cached: true,
            distribution: None,
        }
    }

    #[test]
    fn a_device_tree_is_found_in_whatever_folder_it_stands() {
        for file in ["b.dts", "vendor/b.dts"] {
            let folder = tempfile::tempdir().expect("a folder");
            let source = source(folder.path(), &["a.dts", "vendor/bb.dts", file]);
            let found = DeviceTree::find(&source, Arch::Arm, "b").expect("it is there");
            let target = file.replace(".dts", ".dtb");
            assert_eq!(found.path(), format!("arch/arm/boot/dts/{target}"));
            assert_eq!(found.target, target);
        }
    }

    #[test]
    fn none_and_two_of_a_name_are_errors_that_say_so() {
        let folder = tempfile::tempdir().expect("a folder");
        let source = source(folder.path(), &["x/b.dts", "y/b.dts"]);
        let find = |name| DeviceTree::find(&source, Arch::Arm, name).expect_err("refused");
        assert!(find("c").to_string().contains("no device tree called c"));
        let several = find("b");
        assert!(
            several
                .to_string()
                .contains("several device trees called b")
        );
        let Error::SeveralDeviceTrees { found, .. } = several else {
            panic!("{several}");
        };
        assert_eq!(found, ["x/b.dts", "y/b.dts"].map(PathBuf::from));
    }
}
