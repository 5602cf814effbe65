//! What the ramdisk's files are laid over: a folder of the user's, or a root file
//! system that exists already.

use std::path::Path;

use initramfs::{FolderOptions, Tree};
use recipe::Arch;
use recipe::plan::UserlandPlan;
use rootfs::{Limits, Rootfs, Source};

use crate::error::{Error, Result};

/// Reads it; empty where there is none.
pub(crate) fn below(plan: &UserlandPlan, arch: Arch) -> Result<Rootfs> {
    let mut below = match (&plan.rootfs, &plan.folder) {
        (Some(source), _) => read(source, arch)?,
        (None, Some(folder)) => Rootfs {
            tree: of_folder(folder)?,
            ..Rootfs::default()
        },
        (None, None) => Rootfs::default(),
    };
    if let Some(command) = &plan.command {
        below.start.get_or_insert_default().arguments = command.clone();
    }
    Ok(below)
}

fn read(source: &Source, arch: Arch) -> Result<Rootfs> {
    let machine = arch.facts().image_architecture;
    let rootfs = rootfs::read(source, machine, &Limits::default());
    rootfs.map_err(|error| Error::Rootfs(Box::new(error)))
}

fn of_folder(folder: &Path) -> Result<Tree> {
    Tree::from_folder(folder, FolderOptions::default()).map_err(|errors| Error::Folder {
        folder: folder.to_owned(),
        errors,
    })
}
