//! The user land: the C library, BusyBox, the user's own files, and the tree
//! that the ramdisk is packed from.

pub mod busybox;
pub(crate) mod declared;
pub mod foreseen;
pub mod glibc;
pub mod headers;
pub mod in_place;
pub mod musl;
pub(crate) mod packed;
pub mod program;
pub(crate) mod ramdisk;
pub(crate) mod rootfs;
pub mod start;
pub mod tree;
pub(crate) mod usual;

use std::fs;
use std::path::Path;

use crate::error::Result;

/// Gives `work` a folder for objects inside a folder that is being filled, and
/// removes it afterwards. A build that is cut off leaves it inside a folder
/// that never got its name.
fn with_scratch(fresh: &Path, work: impl FnOnce(&Path) -> Result<()>) -> Result<()> {
    let objects = fresh.join("objects");
    fs::create_dir(&objects).map_err(|e| host::Error::file("make the folder", &objects, e))?;
    work(&objects)?;
    Ok(fs::remove_dir_all(&objects).map_err(|e| host::Error::file("remove", &objects, e))?)
}
