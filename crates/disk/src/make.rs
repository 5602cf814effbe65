//! Images, made by the tools of each file system.

use std::path::Path;

use host::process::Processes;
use initramfs::{EntryKind, Tree};

use crate::error::Error;
use crate::work::{Image, Work};
use crate::{Filesystem, archive, ext4};

/// What cramfs has bits for (include/uapi/linux/cramfs_fs.h).
const CRAMFS_FILE: u64 = 1 << 24;

/// The programs that make a file system.
pub fn tools(filesystem: Filesystem) -> &'static [&'static str] {
    match filesystem {
        Filesystem::Squashfs => &["sqfstar"],
        Filesystem::Erofs => &["fakeroot", "tar", "mkfs.erofs"],
        Filesystem::Ext4 => &["fakeroot", "tar", "mke2fs", "debugfs", "e2fsck"],
        Filesystem::Cramfs => &["fakeroot", "tar", "mkfs.cramfs"],
    }
}

/// Makes an image of a tree. `scratch` is an empty folder, which is left with what
/// was needed on the way.
///
/// # Errors
/// When a tool is missing or fails, or the tree doesn't fit the file system.
pub fn make(
    tree: &Tree,
    wanted: &Image,
    scratch: &Path,
    image: &Path,
    processes: &Processes,
) -> Result<(), Error> {
    for tool in tools(wanted.filesystem) {
        if processes.find(tool).is_none() {
            let doing = format!("make a {} image", wanted.filesystem.name());
            return Err(host::Error::missing_tool(tool, &doing).into());
        }
    }
    let tar = scratch.join("tree.tar");
    let work = Work {
        tree,
        wanted,
        scratch,
        image,
        processes,
    };
    match wanted.filesystem {
        Filesystem::Squashfs => {
            archive::write(tree, true, &tar)?;
            work.squashfs(&tar)
        }
        Filesystem::Erofs => {
            work.stage(&tar)?;
            work.erofs()
        }
        Filesystem::Cramfs => {
            fits_cramfs(tree)?;
            work.stage(&tar)?;
            work.run(
                work.tool("mkfs.cramfs")
                    .args(["-n", "root"])
                    .arg(work.folder())
                    .arg(image),
            )
        }
        Filesystem::Ext4 => {
            work.stage(&tar)?;
            ext4::make(&work)
        }
    }
}

fn fits_cramfs(tree: &Tree) -> Result<(), Error> {
    for entry in tree.entries() {
        let path = || format!("/{}", entry.path);
        let why = match &entry.kind {
            _ if entry.uid > 0xffff => "it has 16 bits for an owner",
            _ if entry.gid > 0xff => "it has 8 bits for a group",
            EntryKind::File(content) => match content.bytes() {
                Ok(bytes) if bytes >= CRAMFS_FILE => "its files are smaller than 16 MiB",
                Ok(_) => continue,
                Err(error) => {
                    return Err(Error::Entry {
                        path: path(),
                        error,
                    });
                }
            },
            _ => continue,
        };
        return Err(Error::Cramfs { path: path(), why });
    }
    Ok(())
}
